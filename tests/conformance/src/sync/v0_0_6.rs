//! `nodedb-types` 0.0.6: header v0, codec z-old.

use crate::{fields, messages, variants};

use nodedb_types_0_0_6::{sync::compensation::*, sync::shape::*, sync::wire::*};

messages! {
    // What the header says of a frame, and what `--sync-version` takes.
    header: 0, schema: "0.0.6";

    Handshake: HandshakeMsg,
    HandshakeAck: HandshakeAckMsg,
    DeltaPush: DeltaPushMsg,
    DeltaAck: DeltaAckMsg,
    DeltaReject: DeltaRejectMsg,
    CollectionPurged: CollectionPurgedMsg,
    ShapeSubscribe: ShapeSubscribeMsg,
    ShapeSnapshot: ShapeSnapshotMsg,
    ShapeDelta: ShapeDeltaMsg,
    ShapeUnsubscribe: ShapeUnsubscribeMsg,
    VectorClockSync: VectorClockSyncMsg,
    TimeseriesPush: TimeseriesPushMsg,
    TimeseriesAck: TimeseriesAckMsg,
    ResyncRequest: ResyncRequestMsg,
    Throttle: ThrottleMsg,
    TokenRefresh: TokenRefreshMsg,
    TokenRefreshAck: TokenRefreshAckMsg,
    DefinitionSync: DefinitionSyncMsg,
    PresenceUpdate: PresenceUpdateMsg,
    PresenceBroadcast: PresenceBroadcastMsg,
    PresenceLeave: PresenceLeaveMsg,
    PingPong: PingPongMsg,
}

fields!(HandshakeMsg: jwt_token, vector_clock, subscribed_shapes, client_version, lite_id, epoch, wire_version);
fields!(HandshakeAckMsg: success, session_id, server_clock, error, fork_detected, server_wire_version);
fields!(DeltaPushMsg: collection, document_id, delta, peer_id, mutation_id, checksum; |push| push.checksum = crc32c::crc32c(&push.delta));
fields!(DeltaAckMsg: mutation_id, lsn);
fields!(DeltaRejectMsg: mutation_id, reason, compensation);
fields!(CollectionPurgedMsg: tenant_id, name, purge_lsn);
fields!(ShapeSubscribeMsg: shape);
fields!(ShapeSnapshotMsg: shape_id, data, snapshot_lsn, doc_count);
fields!(ShapeDeltaMsg: shape_id, collection, document_id, operation, delta, lsn);
fields!(ShapeUnsubscribeMsg: shape_id);
fields!(VectorClockSyncMsg: clocks, sender_id);
fields!(TimeseriesPushMsg: lite_id, collection, ts_block, val_block, series_block, sample_count, min_ts, max_ts, watermarks);
fields!(TimeseriesAckMsg: collection, accepted, rejected, lsn);
fields!(ResyncRequestMsg: reason, from_mutation_id, collection);
fields!(ThrottleMsg: throttle, queue_depth, suggested_rate);
fields!(TokenRefreshMsg: new_token);
fields!(TokenRefreshAckMsg: success, error, expires_in_secs);
fields!(DefinitionSyncMsg: definition_type, name, action, payload);
fields!(PresenceUpdateMsg: channel, state);
fields!(PresenceBroadcastMsg: channel, peers);
fields!(PresenceLeaveMsg: channel, user_id);
fields!(PingPongMsg: timestamp_ms, is_pong);

fields!(PeerPresence: user_id, state, last_seen_ms);
variants! {
    CompensationHint:
    UniqueViolation { field, conflicting_value },
    ForeignKeyMissing { referenced_id },
    PermissionDenied,
    RateLimited { retry_after_ms },
    SchemaViolation { field, reason },
    Custom { constraint, detail },
    IntegrityViolation,
}
fields!(ShapeDefinition: shape_id, tenant_id, shape_type, description, field_filter);
variants! {
    ShapeType:
    Document { collection, predicate },
    Graph { root_nodes, max_depth, edge_label },
    Vector { collection, field_name },
}
variants! {
    ResyncReason:
    SequenceGap { expected, received },
    ChecksumMismatch { mutation_id },
    CorruptedState,
}
