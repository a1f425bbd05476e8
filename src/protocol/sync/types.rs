//! Nested types of the sync messages.
//!
//! Source: protocol page `sync`, appendix A.3.

use super::opaque;
use super::versions::*;
use crate::model::Unit;
use crate::schema::{Enum, Struct, Type, Variant, field};

/// One truth value.
pub const BOOL: Type = Type::Bool;
/// Unsigned, up to 8 bits.
pub const U8: Type = Type::Unsigned(1);
/// Unsigned, up to 16 bits.
pub const U16: Type = Type::Unsigned(2);
/// Unsigned, up to 32 bits.
pub const U32: Type = Type::Unsigned(4);
/// Unsigned, up to 64 bits.
pub const U64: Type = Type::Unsigned(8);
/// Signed, 64 bits.
pub const I64: Type = Type::Signed(8);
/// 32-bit float.
pub const F32: Type = Type::Float32;
/// UTF-8 text.
pub const TEXT: Type = Type::Text;
/// A byte string.
pub const BYTES: Type = Type::Bytes;

/// `CompensationHint`.
pub static COMPENSATION_HINT: Enum = Enum {
    name: "CompensationHint",
    numbered: false,
    variants: &[
        Variant::with(
            "UniqueViolation",
            &[field("field", TEXT), field("conflicting_value", TEXT)],
        ),
        Variant::with("ForeignKeyMissing", &[field("referenced_id", TEXT)]),
        Variant::unit("PermissionDenied"),
        Variant::with(
            "RateLimited",
            &[field("retry_after_ms", U64).unit(Unit::Milliseconds)],
        ),
        Variant::with(
            "SchemaViolation",
            &[field("field", TEXT), field("reason", TEXT)],
        ),
        Variant::with(
            "Custom",
            &[field("constraint", TEXT), field("detail", TEXT)],
        ),
        Variant::unit("IntegrityViolation"),
        Variant::with(
            "Retry",
            &[field("retry_after_ms", U64).unit(Unit::Milliseconds)],
        )
        .when(since(V0_4)),
    ],
};

/// `ShapeDefinition`.
pub static SHAPE_DEFINITION: Struct = Struct {
    name: "ShapeDefinition",
    keyed: false,
    fields: &[
        field("shape_id", TEXT),
        field("tenant_id", U32),
        field("shape_type", Type::Enum(&SHAPE_TYPE)),
        field("description", TEXT),
        field("field_filter", Type::List(&TEXT)).may_lack(),
    ],
};

/// `ShapeType`.
pub static SHAPE_TYPE: Enum = Enum {
    name: "ShapeType",
    numbered: false,
    variants: &[
        Variant::with(
            "Document",
            &[
                field("collection", TEXT),
                field("predicate", BYTES).holds(opaque::PREDICATE),
            ],
        ),
        Variant::with(
            "Graph",
            &[
                field("root_nodes", Type::List(&TEXT)),
                field("max_depth", U64),
                field("edge_label", Type::Optional(&TEXT)),
            ],
        ),
        Variant::with(
            "Vector",
            &[
                field("collection", TEXT),
                field("field_name", Type::Optional(&TEXT)),
            ],
        ),
        Variant::with(
            "Array",
            &[
                field("array_name", TEXT),
                field(
                    "coord_range",
                    Type::Optional(&Type::Struct(&ARRAY_COORD_RANGE)),
                ),
            ],
        )
        .when(since(V0_1)),
    ],
};

/// `ResyncReason`.
pub static RESYNC_REASON: Enum = Enum {
    name: "ResyncReason",
    numbered: false,
    variants: &[
        Variant::with(
            "SequenceGap",
            &[field("expected", U64), field("received", U64)],
        ),
        Variant::with("ChecksumMismatch", &[field("mutation_id", U64)]),
        Variant::unit("CorruptedState"),
    ],
};

/// `PeerPresence`.
pub static PEER_PRESENCE: Struct = Struct {
    name: "PeerPresence",
    keyed: false,
    fields: &[
        field("user_id", TEXT).about("user name"),
        field("state", BYTES)
            .holds(opaque::STATE)
            .about("application state, by convention MessagePack"),
        field("last_seen_ms", U64)
            .unit(Unit::UnixMilliseconds)
            .about("last sign of life"),
    ],
};

/// `ArrayCoordRange`.
pub static ARRAY_COORD_RANGE: Struct = Struct {
    name: "ArrayCoordRange",
    keyed: false,
    fields: &[
        field("start", Type::List(&U64)),
        field("end", Type::Optional(&Type::List(&U64))),
    ],
};

/// `ArrayRejectReason`.
pub static ARRAY_REJECT_REASON: Enum = Enum {
    name: "ArrayRejectReason",
    numbered: false,
    variants: &[
        Variant::unit("SchemaTooNew"),
        Variant::unit("ArrayUnknown"),
        Variant::unit("ShapeInvalid"),
        Variant::unit("EngineUnavailable").when(since(V0_6)),
        Variant::unit("EngineRejected").when(until(V0_4)),
        Variant::unit("RetentionFloor"),
        Variant::unit("EngineRefused").when(since(V0_6)),
        Variant::unit("PermissionDenied").when(since(V0_6)),
        Variant::unit("Unauthenticated").when(since(V0_6)),
        Variant::unit("SnapshotCapacity").when(since(V0_6)),
        Variant::unit("SnapshotBufferLost").when(since(V0_6)),
        Variant::unit("QuotaExceeded").when(until(V0_4)),
        Variant::unit("WireVersionMismatch").when(until(V0_4)),
    ],
};

/// `AckStatus`.
pub static ACK_STATUS: Enum = Enum {
    name: "AckStatus",
    numbered: false,
    variants: &[
        Variant::unit("Applied"),
        Variant::unit("Duplicate"),
        Variant::unit("Fenced"),
        Variant::with("Gap", &[field("expected", U64)]),
        Variant::unit("Accepted").when(since(V0_6)),
        Variant::with("Rejected", &[field("reason", TEXT)]).when(since(V0_6)),
    ],
};

/// `Hlc`.
pub static HLC: Struct = Struct {
    name: "Hlc",
    keyed: false,
    fields: &[
        field("wall_ns", U64).unit(Unit::UnixNanoseconds),
        field("logical", U64),
    ],
};

/// `CollectionDescriptor`, written as a map.
pub static COLLECTION_DESCRIPTOR: Struct = Struct {
    name: "CollectionDescriptor",
    keyed: true,
    fields: &[
        field("tenant_id", U64),
        field("database_id", U64),
        field("name", TEXT),
        field("collection_type", Type::Enum(&COLLECTION_TYPE)),
        field("bitemporal", BOOL).may_lack(),
        field("crdt", BOOL).may_lack(),
        field("fields", Type::List(&Type::Tuple(&[TEXT, TEXT]))).may_lack(),
        field("primary", Type::Enum(&PRIMARY_ENGINE)),
        field(
            "vector_primary",
            Type::Optional(&Type::Struct(&VECTOR_PRIMARY_CONFIG)),
        )
        .may_lack(),
        field("partition_strategy", Type::Enum(&PARTITION_STRATEGY)),
        field("declared_primary_key", Type::Optional(&TEXT)).may_lack(),
        field("descriptor_version", U64).may_lack(),
    ],
};

/// `CollectionType`.
pub static COLLECTION_TYPE: Enum = Enum {
    name: "CollectionType",
    numbered: false,
    variants: &[
        Variant::newtype("Document", Type::Enum(&DOCUMENT_MODE)),
        Variant::newtype("Columnar", Type::Enum(&COLUMNAR_PROFILE)),
        Variant::newtype("KeyValue", Type::Struct(&KV_CONFIG)),
    ],
};

/// `DocumentMode`.
pub static DOCUMENT_MODE: Enum = Enum {
    name: "DocumentMode",
    numbered: false,
    variants: &[
        Variant::unit("Schemaless"),
        Variant::newtype("Strict", Type::Struct(&STRICT_SCHEMA)),
    ],
};

/// `ColumnarProfile`.
pub static COLUMNAR_PROFILE: Enum = Enum {
    name: "ColumnarProfile",
    numbered: false,
    variants: &[
        Variant::unit("Plain"),
        Variant::with(
            "Timeseries",
            &[field("time_key", TEXT), field("interval", TEXT)],
        ),
        Variant::with(
            "Spatial",
            &[
                field("geometry_column", TEXT),
                field("auto_rtree", BOOL),
                field("auto_geohash", BOOL),
            ],
        ),
    ],
};

/// `StrictSchema`, written as a map.
pub static STRICT_SCHEMA: Struct = Struct {
    name: "StrictSchema",
    keyed: true,
    fields: &[
        field("columns", Type::List(&Type::Struct(&COLUMN_DEF))),
        field("version", U32),
        field(
            "dropped_columns",
            Type::List(&Type::Struct(&DROPPED_COLUMN)),
        ),
        field("bitemporal", BOOL).may_lack(),
    ],
};

/// `DroppedColumn`.
pub static DROPPED_COLUMN: Struct = Struct {
    name: "DroppedColumn",
    keyed: false,
    fields: &[
        field("def", Type::Struct(&COLUMN_DEF)),
        field("position", U64),
        field("dropped_at_version", U32),
    ],
};

/// `ColumnDef`.
pub static COLUMN_DEF: Struct = Struct {
    name: "ColumnDef",
    keyed: false,
    fields: &[
        field("name", TEXT),
        field("column_type", Type::Enum(&COLUMN_TYPE)),
        field("nullable", BOOL),
        field("default", Type::Optional(&TEXT)),
        field("primary_key", BOOL),
        field("modifiers", Type::List(&Type::Enum(&COLUMN_MODIFIER))),
        field("generated_expr", Type::Optional(&TEXT)),
        field("generated_deps", Type::List(&TEXT)),
        field("added_at_version", U32),
        field("int_width", Type::Optional(&Type::Enum(&INT_WIDTH))).when(since(V0_6)),
        field("float_width", Type::Optional(&Type::Enum(&FLOAT_WIDTH))).when(since(V0_6)),
    ],
};

/// `ColumnModifier`, written as its number.
pub static COLUMN_MODIFIER: Enum = Enum {
    name: "ColumnModifier",
    numbered: true,
    variants: &[
        Variant::numbered("TimeKey", 0),
        Variant::numbered("SpatialIndex", 1),
    ],
};

/// `ColumnType`.
pub static COLUMN_TYPE: Enum = Enum {
    name: "ColumnType",
    numbered: false,
    variants: &[
        Variant::unit("Int64"),
        Variant::unit("Float64"),
        Variant::unit("String"),
        Variant::unit("Bool"),
        Variant::unit("Bytes"),
        Variant::unit("Timestamp"),
        Variant::unit("Timestamptz"),
        Variant::unit("SystemTimestamp"),
        Variant::newtype("Decimal", Type::Optional(&Type::Struct(&DECIMAL_TYPMOD)))
            .when(since(V0_6)),
        Variant::with("Decimal", &[field("precision", U8), field("scale", U8)]).when(until(V0_4)),
        Variant::unit("Geometry"),
        Variant::newtype("Vector", U32),
        Variant::unit("SparseVector"),
        Variant::unit("Uuid"),
        Variant::unit("Json"),
        Variant::unit("Ulid"),
        Variant::unit("Duration"),
        Variant::unit("Array"),
        Variant::unit("Set"),
        Variant::unit("Regex"),
        Variant::unit("Range"),
        Variant::unit("Record"),
    ],
};

/// `KvConfig`.
pub static KV_CONFIG: Struct = Struct {
    name: "KvConfig",
    keyed: false,
    fields: &[
        field("schema", Type::Struct(&STRICT_SCHEMA)),
        field("ttl", Type::Optional(&Type::Enum(&KV_TTL_POLICY))),
        field("capacity_hint", U32),
        field("inline_threshold", U16),
    ],
};

/// `KvTtlPolicy`.
pub static KV_TTL_POLICY: Enum = Enum {
    name: "KvTtlPolicy",
    numbered: false,
    variants: &[
        Variant::with(
            "FixedDuration",
            &[field("duration_ms", U64).unit(Unit::Milliseconds)],
        ),
        Variant::with(
            "FieldBased",
            &[
                field("field", TEXT),
                field("offset_ms", U64).unit(Unit::Milliseconds),
            ],
        ),
    ],
};

/// `PrimaryEngine`.
pub static PRIMARY_ENGINE: Enum = Enum {
    name: "PrimaryEngine",
    numbered: false,
    variants: &[
        Variant::unit("Document"),
        Variant::unit("Strict"),
        Variant::unit("KeyValue"),
        Variant::unit("Columnar"),
        Variant::unit("Spatial"),
        Variant::unit("Vector"),
    ],
};

/// `VectorPrimaryConfig`.
pub static VECTOR_PRIMARY_CONFIG: Struct = Struct {
    name: "VectorPrimaryConfig",
    keyed: false,
    fields: &[
        field("vector_field", TEXT),
        field("dim", U32),
        field("quantization", Type::Enum(&VECTOR_QUANTIZATION)),
        field("m", U8),
        field("ef_construction", U16),
        field("metric", Type::Enum(&DISTANCE_METRIC)),
        field("storage_dtype", Type::Enum(&VECTOR_STORAGE_DTYPE)),
        field(
            "payload_indexes",
            Type::List(&Type::Tuple(&[TEXT, Type::Enum(&PAYLOAD_INDEX_KIND)])),
        ),
    ],
};

/// `VectorQuantization`.
pub static VECTOR_QUANTIZATION: Enum = Enum {
    name: "VectorQuantization",
    numbered: false,
    variants: &[
        Variant::unit("None"),
        Variant::unit("Sq8"),
        Variant::unit("Pq"),
        Variant::unit("RaBitQ"),
        Variant::unit("Bbq"),
        Variant::unit("Binary"),
        Variant::unit("Ternary"),
        Variant::unit("Opq"),
    ],
};

/// `DistanceMetric`.
pub static DISTANCE_METRIC: Enum = Enum {
    name: "DistanceMetric",
    numbered: false,
    variants: &[
        Variant::unit("L2"),
        Variant::unit("Cosine"),
        Variant::unit("InnerProduct"),
        Variant::unit("Manhattan"),
        Variant::unit("Chebyshev"),
        Variant::unit("Hamming"),
        Variant::unit("Jaccard"),
        Variant::unit("Pearson"),
    ],
};

/// `VectorStorageDtype`, written as its number.
pub static VECTOR_STORAGE_DTYPE: Enum = Enum {
    name: "VectorStorageDtype",
    numbered: true,
    variants: &[
        Variant::numbered("F32", 0),
        Variant::numbered("F16", 1),
        Variant::numbered("BF16", 2),
    ],
};

/// `PayloadIndexKind`.
pub static PAYLOAD_INDEX_KIND: Enum = Enum {
    name: "PayloadIndexKind",
    numbered: false,
    variants: &[
        Variant::unit("Equality"),
        Variant::unit("Range"),
        Variant::unit("Boolean"),
    ],
};

/// `PartitionStrategy`.
pub static PARTITION_STRATEGY: Enum = Enum {
    name: "PartitionStrategy",
    numbered: false,
    variants: &[
        Variant::unit("CollectionHomed"),
        Variant::with("KeyPartitioned", &[field("key", Type::Enum(&KEY_SPEC))]),
    ],
};

/// `KeySpec`.
pub static KEY_SPEC: Enum = Enum {
    name: "KeySpec",
    numbered: false,
    variants: &[Variant::unit("NodeId"), Variant::unit("ArrayTile")],
};

/// `RowOp`.
pub static ROW_OP: Enum = Enum {
    name: "RowOp",
    numbered: false,
    variants: &[Variant::unit("Upsert"), Variant::unit("Delete")],
};

/// `RowPushRefusal`.
pub static ROW_PUSH_REFUSAL: Enum = Enum {
    name: "RowPushRefusal",
    numbered: false,
    variants: &[
        Variant::with("Malformed", &[field("detail", TEXT)]),
        Variant::with("ApplyFailed", &[field("detail", TEXT)]),
    ],
};

/// `KvPushOp`.
pub static KV_PUSH_OP: Enum = Enum {
    name: "KvPushOp",
    numbered: false,
    variants: &[
        Variant::with(
            "Put",
            &[
                field("row", BYTES).holds(opaque::ROW),
                field("expire_at_ms", U64).unit(Unit::UnixMilliseconds),
            ],
        ),
        Variant::unit("Delete"),
    ],
};

/// `ArrayAdvisoryKind`.
pub static ARRAY_ADVISORY_KIND: Enum = Enum {
    name: "ArrayAdvisoryKind",
    numbered: false,
    variants: &[Variant::unit("Ack"), Variant::unit("CatchupRequest")],
};

/// `ArrayOpResult`.
pub static ARRAY_OP_RESULT: Struct = Struct {
    name: "ArrayOpResult",
    keyed: false,
    fields: &[
        field("op_hlc_bytes", Type::Fixed(18)).holds(opaque::HLC),
        field("outcome", Type::Enum(&ARRAY_OP_OUTCOME)),
    ],
};

/// `ArrayOpOutcome`.
pub static ARRAY_OP_OUTCOME: Enum = Enum {
    name: "ArrayOpOutcome",
    numbered: false,
    variants: &[
        Variant::unit("Applied"),
        Variant::unit("Duplicate"),
        Variant::with(
            "Rejected",
            &[
                field("reason", Type::Enum(&ARRAY_REJECT_REASON)),
                field("detail", TEXT),
            ],
        ),
    ],
};

/// `IntWidth`, written as its number.
pub static INT_WIDTH: Enum = Enum {
    name: "IntWidth",
    numbered: true,
    variants: &[
        Variant::numbered("I16", 0),
        Variant::numbered("I32", 1),
        Variant::numbered("I64", 2),
    ],
};

/// `FloatWidth`, written as its number.
pub static FLOAT_WIDTH: Enum = Enum {
    name: "FloatWidth",
    numbered: true,
    variants: &[Variant::numbered("F32", 0), Variant::numbered("F64", 1)],
};

/// `DecimalTypmod`.
pub static DECIMAL_TYPMOD: Struct = Struct {
    name: "DecimalTypmod",
    keyed: false,
    fields: &[field("precision", U8), field("scale", U8)],
};
