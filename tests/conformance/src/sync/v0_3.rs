//! `nodedb-types` 0.3.0: header v0, codec z-old.

use crate::{fields, messages, variants};

use nodedb_types_0_3::{sync::compensation::*, sync::shape::*, sync::wire::*};

messages! {
    // What the header says of a frame, and what `--sync-version` takes.
    header: 0, schema: "0.3";

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
    ArrayDelta: ArrayDeltaMsg,
    ArrayDeltaBatch: ArrayDeltaBatchMsg,
    ArraySnapshot: ArraySnapshotMsg,
    ArraySnapshotChunk: ArraySnapshotChunkMsg,
    ArraySchema: ArraySchemaSyncMsg,
    ArrayAck: ArrayAckMsg,
    ArrayReject: ArrayRejectMsg,
    ArrayCatchupRequest: ArrayCatchupRequestMsg,
    ColumnarInsert: ColumnarInsertMsg,
    ColumnarInsertAck: ColumnarInsertAckMsg,
    VectorInsert: VectorInsertMsg,
    VectorInsertAck: VectorInsertAckMsg,
    VectorDelete: VectorDeleteMsg,
    VectorDeleteAck: VectorDeleteAckMsg,
    FtsIndex: FtsIndexMsg,
    FtsIndexAck: FtsIndexAckMsg,
    FtsDelete: FtsDeleteMsg,
    FtsDeleteAck: FtsDeleteAckMsg,
    SpatialInsert: SpatialInsertMsg,
    SpatialInsertAck: SpatialInsertAckMsg,
    SpatialDelete: SpatialDeleteMsg,
    SpatialDeleteAck: SpatialDeleteAckMsg,
    PingPong: PingPongMsg,
}

fields!(HandshakeMsg: jwt_token, vector_clock, subscribed_shapes, client_version, lite_id, epoch, wire_version);
fields!(HandshakeAckMsg: success, session_id, server_clock, error, fork_detected, server_wire_version);
fields!(DeltaPushMsg: collection, document_id, delta, peer_id, mutation_id, checksum, device_valid_time_ms; |push| push.checksum = crc32c::crc32c(&push.delta));
fields!(DeltaAckMsg: mutation_id, lsn, clock_skew_warning_ms);
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
fields!(ArrayDeltaMsg: array, op_payload);
fields!(ArrayDeltaBatchMsg: array, op_payloads);
fields!(ArraySnapshotMsg: array, header_payload);
fields!(ArraySnapshotChunkMsg: array, snapshot_hlc_bytes, chunk_index, total_chunks, payload);
fields!(ArraySchemaSyncMsg: array, replica_id, schema_hlc_bytes, snapshot_payload);
fields!(ArrayAckMsg: array, replica_id, ack_hlc_bytes);
fields!(ArrayRejectMsg: array, op_hlc_bytes, reason, detail);
fields!(ArrayCatchupRequestMsg: array, from_hlc_bytes);
fields!(ColumnarInsertMsg: lite_id, collection, rows, batch_id, schema_bytes);
fields!(ColumnarInsertAckMsg: collection, batch_id, accepted, rejected, reject_reason);
fields!(VectorInsertMsg: lite_id, collection, id, vector, dim, field_name, batch_id; |insert| insert.dim = insert.vector.len());
fields!(VectorInsertAckMsg: collection, id, batch_id, accepted, reject_reason);
fields!(VectorDeleteMsg: lite_id, collection, id, field_name, batch_id);
fields!(VectorDeleteAckMsg: collection, id, batch_id, accepted, reject_reason);
fields!(FtsIndexMsg: lite_id, collection, doc_id, text, batch_id);
fields!(FtsIndexAckMsg: collection, doc_id, batch_id, accepted, reject_reason);
fields!(FtsDeleteMsg: lite_id, collection, doc_id, batch_id);
fields!(FtsDeleteAckMsg: collection, doc_id, batch_id, accepted, reject_reason);
fields!(SpatialInsertMsg: lite_id, collection, field, doc_id, geometry_bytes, batch_id);
fields!(SpatialInsertAckMsg: collection, field, doc_id, batch_id, accepted, reject_reason);
fields!(SpatialDeleteMsg: lite_id, collection, field, doc_id, batch_id);
fields!(SpatialDeleteAckMsg: collection, field, doc_id, batch_id, accepted, reject_reason);
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
    Array { array_name, coord_range },
}
fields!(ArrayCoordRange: start, end);
variants! {
    ResyncReason:
    SequenceGap { expected, received },
    ChecksumMismatch { mutation_id },
    CorruptedState,
}
variants! {
    ArrayRejectReason:
    SchemaTooNew,
    ArrayUnknown,
    ShapeInvalid,
    EngineRejected,
    RetentionFloor,
    QuotaExceeded,
    WireVersionMismatch,
}
