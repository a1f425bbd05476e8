//! `nodedb-types` 0.6.2: header v1, codec z-new.

use crate::{
    body::Body,
    fields, messages,
    random::{Random, Sample},
    variants,
};

use nodedb_types_0_6::{
    collection::*, collection_config::*, columnar::*, hlc::Hlc, id::DatabaseId, kv::*,
    sync::compensation::*, sync::shape::*, sync::wire::*, vector_ann::VectorQuantization,
    vector_distance::DistanceMetric, vector_dtype::VectorStorageDtype,
};

messages! {
    // What the header says of a frame, and what `--sync-version` takes.
    header: 1, schema: "0.6";

    Handshake: HandshakeMsg,
    HandshakeAck: HandshakeAckMsg,
    DeltaPush: DeltaPushMsg,
    DeltaAck: DeltaAckMsg,
    DeltaReject: DeltaRejectMsg,
    CollectionSchema: CollectionSchemaSyncMsg,
    CollectionPurged: CollectionPurgedMsg,
    RowPush: RowPushMsg,
    RowPushReject: RowPushRejectMsg,
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
    ArrayOpResults: ArrayOpResultsMsg,
    ArrayAdvisoryRefused: ArrayAdvisoryRefusedMsg,
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
    KvPush: KvPushMsg,
    KvPushAck: KvPushAckMsg,
    PingPong: PingPongMsg,
}

fields!(HandshakeMsg: jwt_token, vector_clock, subscribed_shapes, client_version, lite_id, epoch, wire_version);
fields!(HandshakeAckMsg: success, session_id, server_clock, error, fork_detected, server_wire_version, producer_id, accepted_epoch, delta_signing_key);
fields!(DeltaPushMsg: collection, document_id, delta, peer_id, mutation_id, checksum, device_valid_time_ms, producer_id, epoch, seq, device_id, delta_signature; |push| push.checksum = crc32c::crc32c(&push.delta));
fields!(DeltaAckMsg: mutation_id, lsn, clock_skew_warning_ms, applied_seq, status);
fields!(DeltaRejectMsg: mutation_id, reason, compensation);
fields!(CollectionSchemaSyncMsg: descriptor, creation_hlc);
fields!(CollectionPurgedMsg: tenant_id, database_id, name, purge_lsn);
fields!(RowPushMsg: collection, document_id, payload, op, lsn, peer_id, sequence);
fields!(RowPushRejectMsg: collection, document_id, sequence, peer_id, refusal);
fields!(ShapeSubscribeMsg: shape);
fields!(ShapeSnapshotMsg: shape_id, data, snapshot_lsn, doc_count);
fields!(ShapeDeltaMsg: shape_id, collection, document_id, operation, delta, lsn);
fields!(ShapeUnsubscribeMsg: shape_id);
fields!(VectorClockSyncMsg: clocks, sender_id);
fields!(TimeseriesPushMsg: lite_id, batch_id, collection, ts_block, val_block, series_block, sample_count, min_ts, max_ts, watermarks, producer_id, epoch, seq);
fields!(TimeseriesAckMsg: collection, batch_id, accepted, rejected, lsn, applied_seq, status);
fields!(ResyncRequestMsg: reason, from_mutation_id, collection, shape_id);
fields!(ThrottleMsg: throttle, queue_depth, suggested_rate);
fields!(TokenRefreshMsg: new_token);
fields!(TokenRefreshAckMsg: success, error, expires_in_secs);
fields!(DefinitionSyncMsg: tenant_id, database_id, definition_type, name, action, payload);
fields!(PresenceUpdateMsg: channel, state);
fields!(PresenceBroadcastMsg: channel, peers);
fields!(PresenceLeaveMsg: channel, user_id);
fields!(ArrayDeltaMsg: array, op_payload, producer_id, epoch, seq);
fields!(ArrayDeltaBatchMsg: array, op_payloads);
fields!(ArraySnapshotMsg: array, header_payload);
fields!(ArraySnapshotChunkMsg: array, snapshot_hlc_bytes, chunk_index, total_chunks, payload);
fields!(ArraySchemaSyncMsg: array, replica_id, schema_hlc_bytes, snapshot_payload);
fields!(ArrayAckMsg: array, replica_id, ack_hlc_bytes, applied_seq, status);
fields!(ArrayRejectMsg: array, op_hlc_bytes, reason, detail);
fields!(ArrayCatchupRequestMsg: array, from_hlc_bytes);
fields!(ArrayOpResultsMsg: array, results);
fields!(ArrayAdvisoryRefusedMsg: array, request, reason, detail);
fields!(ColumnarInsertMsg: lite_id, collection, rows, batch_id, schema_bytes, producer_id, epoch, seq);
fields!(ColumnarInsertAckMsg: collection, batch_id, accepted, rejected, reject_reason, applied_seq, status);
fields!(VectorInsertMsg: lite_id, collection, id, vector, dim, field_name, batch_id, producer_id, epoch, seq; |insert| insert.dim = insert.vector.len());
fields!(VectorInsertAckMsg: collection, id, batch_id, accepted, reject_reason, applied_seq, status);
fields!(VectorDeleteMsg: lite_id, collection, id, field_name, batch_id, producer_id, epoch, seq);
fields!(VectorDeleteAckMsg: collection, id, batch_id, accepted, reject_reason, applied_seq, status);
fields!(FtsIndexMsg: lite_id, collection, doc_id, fields, batch_id, producer_id, epoch, seq);
fields!(FtsIndexAckMsg: collection, doc_id, batch_id, accepted, reject_reason, applied_seq, status);
fields!(FtsDeleteMsg: lite_id, collection, doc_id, batch_id, producer_id, epoch, seq);
fields!(FtsDeleteAckMsg: collection, doc_id, batch_id, accepted, reject_reason, applied_seq, status);
fields!(SpatialInsertMsg: lite_id, collection, field, doc_id, geometry_bytes, batch_id, producer_id, epoch, seq);
fields!(SpatialInsertAckMsg: collection, field, doc_id, batch_id, accepted, reject_reason, applied_seq, status);
fields!(SpatialDeleteMsg: lite_id, collection, field, doc_id, batch_id, producer_id, epoch, seq);
fields!(SpatialDeleteAckMsg: collection, field, doc_id, batch_id, accepted, reject_reason, applied_seq, status);
fields!(KvPushMsg: lite_id, collection, key, op, batch_id, producer_id, epoch, seq);
fields!(KvPushAckMsg: collection, key, batch_id, accepted, reject_reason, applied_seq, status);
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
    Retry { retry_after_ms },
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
    AckStatus:
    Applied,
    Duplicate,
    Fenced,
    Gap { expected },
    Accepted,
    Rejected { reason },
}
variants! {
    RowOp:
    Upsert,
    Delete,
}
variants! {
    RowPushRefusal:
    Malformed { detail },
    ApplyFailed { detail },
}
variants! {
    KvPushOp:
    Put { row, expire_at_ms },
    Delete,
}
variants! {
    ArrayRejectReason:
    SchemaTooNew,
    ArrayUnknown,
    ShapeInvalid,
    EngineUnavailable,
    RetentionFloor,
    EngineRefused,
    PermissionDenied,
    Unauthenticated,
    SnapshotCapacity,
    SnapshotBufferLost,
}
variants! {
    ArrayAdvisoryKind:
    Ack,
    CatchupRequest,
}
fields!(ArrayOpResult: op_hlc_bytes, outcome);
variants! {
    ArrayOpOutcome:
    Applied,
    Duplicate,
    Rejected { reason, detail },
}
fields!(Hlc from Hlc::new(0, 0); wall_ns, logical);
fields!(CollectionDescriptor: tenant_id, database_id, name, collection_type, bitemporal, crdt, fields, primary, vector_primary, partition_strategy, declared_primary_key, descriptor_version);
variants! {
    CollectionType:
    Document(held),
    Columnar(held),
    KeyValue(held),
}
variants! {
    DocumentMode:
    Schemaless,
    Strict(held),
}
variants! {
    ColumnarProfile:
    Plain,
    Timeseries { time_key, interval },
    Spatial { geometry_column, auto_rtree, auto_geohash },
}
fields!(StrictSchema: columns, version, dropped_columns, bitemporal);
fields!(DroppedColumn: def, position, dropped_at_version);
fields!(ColumnDef from ColumnDef::required("", ColumnType::Int64); name, column_type, nullable, default, primary_key, modifiers, generated_expr, generated_deps, added_at_version, int_width, float_width);
variants! {
    ColumnModifier:
    TimeKey,
    SpatialIndex,
}
variants! {
    IntWidth:
    I16,
    I32,
    I64,
}
variants! {
    FloatWidth:
    F32,
    F64,
}
variants! {
    ColumnType:
    Int64,
    Float64,
    String,
    Bool,
    Bytes,
    Timestamp,
    Timestamptz,
    SystemTimestamp,
    Decimal(held),
    Geometry,
    Vector(held),
    SparseVector,
    Uuid,
    Json,
    Ulid,
    Duration,
    Array,
    Set,
    Regex,
    Range,
    Record,
}
fields!(KvConfig: schema, ttl, capacity_hint, inline_threshold);
variants! {
    KvTtlPolicy:
    FixedDuration { duration_ms },
    FieldBased { field, offset_ms },
}
variants! {
    PrimaryEngine:
    Document,
    Strict,
    KeyValue,
    Columnar,
    Spatial,
    Vector,
}
fields!(VectorPrimaryConfig: vector_field, dim, quantization, m, ef_construction, metric, storage_dtype, payload_indexes);
variants! {
    VectorQuantization:
    None,
    Sq8,
    Pq,
    RaBitQ,
    Bbq,
    Binary,
    Ternary,
    Opq,
}
variants! {
    DistanceMetric:
    L2,
    Cosine,
    InnerProduct,
    Manhattan,
    Chebyshev,
    Hamming,
    Jaccard,
    Pearson,
}
variants! {
    VectorStorageDtype:
    F32,
    F16,
    BF16,
}
variants! {
    PayloadIndexKind:
    Equality,
    Range,
    Boolean,
}
variants! {
    PartitionStrategy:
    CollectionHomed,
    KeyPartitioned { key },
}
variants! {
    KeySpec:
    NodeId,
    ArrayTile,
}

impl Sample for DatabaseId {
    fn sample(random: &mut Random) -> Self {
        Self::new(u64::sample(random))
    }
}

impl Body for DatabaseId {
    fn body(&self) -> serde_json::Value {
        self.as_u64().body()
    }
}

impl Sample for DecimalTypmod {
    fn sample(random: &mut Random) -> Self {
        let precision = 1 + u8::sample(random) % MAX_DECIMAL_PRECISION;
        let scale = u8::sample(random) % (precision + 1);
        Self::new(precision.into(), scale.into()).expect("these are in range")
    }
}

impl Body for DecimalTypmod {
    fn body(&self) -> serde_json::Value {
        let (precision, scale) = (self.precision().body(), self.scale().body());
        crate::body::object([("precision", precision), ("scale", scale)])
    }
}
