//! The sync messages, by type byte.
//!
//! Source: protocol page `sync`, appendices A.1 and A.2.

use super::opaque;
use super::types::*;
use super::versions::*;
use crate::model::{Secret, Unit};
use crate::schema::{Field, MessageType, Struct, Type, Versions, Way, field};

/// All message types, ascending by type byte.
pub static MESSAGES: &[MessageType] = &[
    message(
        0x01,
        "Handshake",
        Way::ClientToServer,
        false,
        Versions::ALL,
        "HandshakeMsg",
        &[
            field("jwt_token", TEXT)
                .holds(opaque::JWT)
                .secret(Secret::Token)
                .about("bearer token of the session; empty in trust mode"),
            field("vector_clock", Type::Map(&TEXT, &Type::Map(&TEXT, &U64)))
                .about("what the client has seen, per peer"),
            field("subscribed_shapes", Type::List(&TEXT)).about("shape ids to resume"),
            field("client_version", TEXT).about("the client program's version"),
            field("lite_id", TEXT)
                .may_lack()
                .about("identity of the client's database"),
            field("epoch", U64)
                .may_lack()
                .about("incarnation of the producer; a lower one is fenced"),
            field("wire_version", U16)
                .may_lack()
                .about("protocol revision the client speaks"),
        ],
        "Opens a session: token, identity, clocks, shapes to resume.",
    ),
    message(
        0x02,
        "HandshakeAck",
        Way::ServerToClient,
        false,
        Versions::ALL,
        "HandshakeAckMsg",
        &[
            field("success", BOOL).about("whether the request was granted"),
            field("session_id", TEXT).about("the server's name for this session"),
            field("server_clock", Type::Map(&TEXT, &U64))
                .about("what this connection has learned through VectorClockSync"),
            field("error", Type::Optional(&TEXT)).about("why it was refused"),
            field("fork_detected", BOOL)
                .may_lack()
                .about("stale epoch or foreign lite_id: the client must take a new identity"),
            field("server_wire_version", U16)
                .may_lack()
                .about("protocol revision the server speaks"),
            field("producer_id", U64)
                .when(since(V0_4))
                .about("durable producer number; 0: no sequencing"),
            field("accepted_epoch", U64)
                .when(since(V0_4))
                .about("the epoch now on record"),
            field("delta_signing_key", Type::Fixed(32))
                .when(since(V0_6))
                .secret(Secret::Whole)
                .about("key material for delta signatures; zero: none"),
        ],
        "Grants or refuses the session.",
    ),
    message(
        0x10,
        "DeltaPush",
        Way::ClientToServer,
        true,
        Versions::ALL,
        "DeltaPushMsg",
        &[
            field("collection", TEXT).about("collection name"),
            field("document_id", TEXT).about("document key"),
            field("delta", BYTES)
                .holds(opaque::LORO)
                .about("Loro export blob (old servers: MessagePack row)"),
            field("peer_id", U64).about("Loro peer of the author"),
            field("mutation_id", U64).about("the client's number for this change"),
            field("checksum", U32)
                .may_lack()
                .unit(Unit::Hexadecimal)
                .about("CRC32C of the delta; 0: not checked"),
            field("device_valid_time_ms", Type::Optional(&I64))
                .when(since(V0_1))
                .unit(Unit::UnixMilliseconds)
                .about("the device's clock when the change was made"),
            field("producer_id", U64)
                .when(since(V0_4))
                .about("durable producer number; 0: no sequencing"),
            field("epoch", U64)
                .when(since(V0_4))
                .about("incarnation of the producer; a lower one is fenced"),
            field("seq", U64)
                .when(since(V0_4))
                .about("position in the producer's stream, from 1"),
            field("device_id", U64)
                .when(since(V0_6))
                .about("signing device"),
            field("delta_signature", Type::Fixed(32))
                .when(since(V0_6))
                .about("HMAC-SHA256 of the delta; zero: unsigned"),
        ],
        "One change of one document.",
    ),
    message(
        0x11,
        "DeltaAck",
        Way::ServerToClient,
        false,
        Versions::ALL,
        "DeltaAckMsg",
        &[
            field("mutation_id", U64).about("the client's number for this change"),
            field("lsn", U64).about("log sequence number"),
            field("clock_skew_warning_ms", Type::Optional(&I64))
                .when(since(V0_1))
                .unit(Unit::Milliseconds)
                .about("server clock minus device clock, if beyond 24 h"),
            field("applied_seq", U64)
                .when(since(V0_4))
                .about("last applied sequence number after this request"),
            field("status", Type::Enum(&ACK_STATUS))
                .when(since(V0_4))
                .about("what became of the request"),
        ],
        "The change was handled; status says how.",
    ),
    message(
        0x12,
        "DeltaReject",
        Way::ServerToClient,
        false,
        Versions::ALL,
        "DeltaRejectMsg",
        &[
            field("mutation_id", U64).about("the client's number for this change"),
            field("reason", TEXT).about("why"),
            field(
                "compensation",
                Type::Optional(&Type::Enum(&COMPENSATION_HINT)),
            )
            .about("what the client may do about it"),
        ],
        "The change was refused.",
    ),
    message(
        0x13,
        "CollectionSchema",
        Way::Both,
        false,
        since(V0_4),
        "CollectionSchemaSyncMsg",
        &[
            field("descriptor", Type::Struct(&COLLECTION_DESCRIPTOR))
                .about("the collection's full description"),
            field("creation_hlc", Type::Struct(&HLC))
                .about("when the collection was created; zero: unknown"),
        ],
        "Describes a collection before its first data.",
    ),
    message(
        0x14,
        "CollectionPurged",
        Way::ServerToClient,
        false,
        since(V0_0_6),
        "CollectionPurgedMsg",
        &[
            field("tenant_id", U64).when(since(V0_1)).about("tenant"),
            field("database_id", U64)
                .when(since(V0_6))
                .about("database"),
            field("tenant_id", U32).when(until(V0_0_6)).about("tenant"),
            field("name", TEXT).about("name"),
            field("purge_lsn", U64).about("everything up to here is gone"),
        ],
        "A collection is gone for good.",
    ),
    message(
        0x15,
        "RowPush",
        Way::ServerToClient,
        false,
        since(V0_6),
        "RowPushMsg",
        &[
            field("collection", TEXT).about("collection name"),
            field("document_id", TEXT).about("document key"),
            field("payload", BYTES).holds(opaque::ROW).about("content"),
            field("op", Type::Enum(&ROW_OP)).about("what is done"),
            field("lsn", U64).about("log sequence number"),
            field("peer_id", U64).about("Loro peer of the author"),
            field("sequence", U64).about("rises by one per peer and collection"),
        ],
        "One row changed on the server.",
    ),
    message(
        0x16,
        "RowPushReject",
        Way::ClientToServer,
        false,
        since(V0_6),
        "RowPushRejectMsg",
        &[
            field("collection", TEXT).about("collection name"),
            field("document_id", TEXT).about("document key"),
            field("sequence", U64).about("rises by one per peer and collection"),
            field("peer_id", U64).about("Loro peer of the author"),
            field("refusal", Type::Enum(&ROW_PUSH_REFUSAL)).about("why the row was refused"),
        ],
        "The client could not apply a pushed row.",
    ),
    message(
        0x20,
        "ShapeSubscribe",
        Way::ClientToServer,
        false,
        Versions::ALL,
        "ShapeSubscribeMsg",
        &[field("shape", Type::Struct(&SHAPE_DEFINITION)).about("what to subscribe to")],
        "Asks for a shape: a query kept up to date.",
    ),
    message(
        0x21,
        "ShapeSnapshot",
        Way::ServerToClient,
        false,
        Versions::ALL,
        "ShapeSnapshotMsg",
        &[
            field("shape_id", TEXT).about("the subscription's id"),
            field("data", BYTES)
                .holds(opaque::SHAPE_DATA)
                .about("the shape's content"),
            field("snapshot_lsn", U64).about("log position of the snapshot"),
            field("doc_count", U64).about("documents in the snapshot"),
        ],
        "The shape's content at one log position.",
    ),
    message(
        0x22,
        "ShapeDelta",
        Way::ServerToClient,
        false,
        Versions::ALL,
        "ShapeDeltaMsg",
        &[
            field("shape_id", TEXT).about("the subscription's id"),
            field("collection", TEXT).about("collection name"),
            field("document_id", TEXT).about("document key"),
            field("operation", TEXT).about("what happened to the document"),
            field("delta", BYTES)
                .holds(opaque::DOCUMENT_DELTA)
                .about("Loro export blob (old servers: MessagePack row)"),
            field("lsn", U64).about("log sequence number"),
        ],
        "One change within a shape.",
    ),
    message(
        0x23,
        "ShapeUnsubscribe",
        Way::ClientToServer,
        false,
        Versions::ALL,
        "ShapeUnsubscribeMsg",
        &[field("shape_id", TEXT).about("the subscription's id")],
        "Ends a subscription.",
    ),
    message(
        0x30,
        "VectorClockSync",
        Way::Both,
        false,
        Versions::ALL,
        "VectorClockSyncMsg",
        &[
            field("clocks", Type::Map(&TEXT, &U64)).about("counter per peer"),
            field("sender_id", U64).about("peer that reports; 0: the server"),
        ],
        "Exchanges vector clocks.",
    ),
    message(
        0x40,
        "TimeseriesPush",
        Way::ClientToServer,
        false,
        Versions::ALL,
        "TimeseriesPushMsg",
        &[
            field("lite_id", TEXT).about("identity of the client's database"),
            field("batch_id", U64)
                .when(since(V0_6))
                .about("the client's number for this batch"),
            field("collection", TEXT).about("collection name"),
            field("ts_block", BYTES)
                .holds(opaque::GORILLA_TIMES)
                .about("Gorilla block of timestamps"),
            field("val_block", BYTES)
                .holds(opaque::GORILLA_VALUES)
                .about("Gorilla block of values"),
            field("series_block", BYTES).about("series ids, u64 little-endian each"),
            field("sample_count", U64).about("number of samples"),
            field("min_ts", I64)
                .unit(Unit::UnixMilliseconds)
                .about("earliest timestamp"),
            field("max_ts", I64)
                .unit(Unit::UnixMilliseconds)
                .about("latest timestamp"),
            field("watermarks", Type::Map(&U64, &U64)).about("last LSN per series"),
            field("producer_id", U64)
                .when(since(V0_4))
                .about("durable producer number; 0: no sequencing"),
            field("epoch", U64)
                .when(since(V0_4))
                .about("incarnation of the producer; a lower one is fenced"),
            field("seq", U64)
                .when(since(V0_4))
                .about("position in the producer's stream, from 1"),
        ],
        "A batch of samples, Gorilla-compressed.",
    ),
    message(
        0x41,
        "TimeseriesAck",
        Way::ServerToClient,
        false,
        Versions::ALL,
        "TimeseriesAckMsg",
        &[
            field("collection", TEXT).about("collection name"),
            field("batch_id", U64)
                .when(since(V0_6))
                .about("the client's number for this batch"),
            field("accepted", U64).about("what was taken"),
            field("rejected", U64).about("how many were not"),
            field("lsn", U64).about("log sequence number"),
            field("applied_seq", U64)
                .when(since(V0_4))
                .about("last applied sequence number after this request"),
            field("status", Type::Enum(&ACK_STATUS))
                .when(since(V0_4))
                .about("what became of the request"),
        ],
        "The batch was handled.",
    ),
    message(
        0x50,
        "ResyncRequest",
        Way::Both,
        false,
        Versions::ALL,
        "ResyncRequestMsg",
        &[
            field("reason", Type::Enum(&RESYNC_REASON)).about("why"),
            field("from_mutation_id", U64).about("resend from here"),
            field("collection", TEXT).about("collection name"),
            field("shape_id", TEXT)
                .when(since(V0_4))
                .about("the subscription's id"),
        ],
        "Something was missed or damaged: send again.",
    ),
    message(
        0x52,
        "Throttle",
        Way::ClientToServer,
        false,
        Versions::ALL,
        "ThrottleMsg",
        &[
            field("throttle", BOOL).about("whether to slow down"),
            field("queue_depth", U64).about("frames waiting at the client"),
            field("suggested_rate", U64).about("frames per second"),
        ],
        "Asks the other side to slow down or resume.",
    ),
    message(
        0x60,
        "TokenRefresh",
        Way::ClientToServer,
        false,
        Versions::ALL,
        "TokenRefreshMsg",
        &[field("new_token", TEXT)
            .holds(opaque::JWT)
            .secret(Secret::Token)
            .about("fresh bearer token")],
        "Presents a fresh bearer token.",
    ),
    message(
        0x61,
        "TokenRefreshAck",
        Way::ServerToClient,
        false,
        Versions::ALL,
        "TokenRefreshAckMsg",
        &[
            field("success", BOOL).about("whether the request was granted"),
            field("error", Type::Optional(&TEXT)).about("why it was refused"),
            field("expires_in_secs", U64)
                .may_lack()
                .unit(Unit::Seconds)
                .about("lifetime of the token"),
        ],
        "Accepts or refuses the fresh token.",
    ),
    message(
        0x70,
        "DefinitionSync",
        Way::ServerToClient,
        false,
        since(B3),
        "DefinitionSyncMsg",
        &[
            field("tenant_id", U64).when(since(V0_6)).about("tenant"),
            field("database_id", U64)
                .when(since(V0_6))
                .about("database"),
            field("definition_type", TEXT).about("kind of definition"),
            field("name", TEXT).about("name"),
            field("action", TEXT).about("put or delete"),
            field("payload", BYTES)
                .holds(opaque::JSON_TEXT)
                .about("content"),
        ],
        "A definition (function, trigger, …) was put or deleted.",
    ),
    message(
        0x80,
        "PresenceUpdate",
        Way::ClientToServer,
        false,
        since(B3),
        "PresenceUpdateMsg",
        &[
            field("channel", TEXT).about("presence channel"),
            field("state", BYTES)
                .holds(opaque::STATE)
                .about("application state, by convention MessagePack"),
        ],
        "What this user is doing on a channel.",
    ),
    message(
        0x81,
        "PresenceBroadcast",
        Way::ServerToClient,
        false,
        since(B3),
        "PresenceBroadcastMsg",
        &[
            field("channel", TEXT).about("presence channel"),
            field("peers", Type::List(&Type::Struct(&PEER_PRESENCE))).about("who is present"),
        ],
        "Who is on a channel.",
    ),
    message(
        0x82,
        "PresenceLeave",
        Way::ServerToClient,
        false,
        since(B3),
        "PresenceLeaveMsg",
        &[
            field("channel", TEXT).about("presence channel"),
            field("user_id", TEXT).about("user name"),
        ],
        "Somebody left a channel.",
    ),
    message(
        0x90,
        "ArrayDelta",
        Way::ClientToServer,
        true,
        since(V0_1),
        "ArrayDeltaMsg",
        &[
            field("array", TEXT).about("array name"),
            field("op_payload", BYTES)
                .holds(opaque::ARRAY_OP)
                .about("one array operation"),
            field("producer_id", U64)
                .when(since(V0_4))
                .about("durable producer number; 0: no sequencing"),
            field("epoch", U64)
                .when(since(V0_4))
                .about("incarnation of the producer; a lower one is fenced"),
            field("seq", U64)
                .when(since(V0_4))
                .about("position in the producer's stream, from 1"),
        ],
        "One operation on an array.",
    ),
    message(
        0x91,
        "ArrayDeltaBatch",
        Way::ClientToServer,
        true,
        since(V0_1),
        "ArrayDeltaBatchMsg",
        &[
            field("array", TEXT).about("array name"),
            field("op_payloads", Type::List(&Type::ElementBytes))
                .holds(opaque::ARRAY_OP)
                .about("array operations"),
        ],
        "Several operations on an array.",
    ),
    message(
        0x92,
        "ArraySnapshot",
        Way::ServerToClient,
        true,
        since(V0_1),
        "ArraySnapshotMsg",
        &[
            field("array", TEXT).about("array name"),
            field("header_payload", BYTES)
                .holds(opaque::SNAPSHOT_HEADER)
                .about("snapshot header"),
        ],
        "Announces an array snapshot in chunks.",
    ),
    message(
        0x93,
        "ArraySnapshotChunk",
        Way::ServerToClient,
        true,
        since(V0_1),
        "ArraySnapshotChunkMsg",
        &[
            field("array", TEXT).about("array name"),
            field("snapshot_hlc_bytes", Type::Fixed(18))
                .holds(opaque::HLC)
                .about("time of the snapshot"),
            field("chunk_index", U32).about("position of the chunk, from 0"),
            field("total_chunks", U32).about("number of chunks"),
            field("payload", BYTES)
                .holds(opaque::SNAPSHOT_CHUNK)
                .about("content"),
        ],
        "One chunk of an array snapshot.",
    ),
    message(
        0x94,
        "ArraySchema",
        Way::Both,
        false,
        since(V0_1),
        "ArraySchemaSyncMsg",
        &[
            field("array", TEXT).about("array name"),
            field("replica_id", U64).about("replica"),
            field("schema_hlc_bytes", Type::Fixed(18))
                .holds(opaque::HLC)
                .about("time of the schema"),
            field("snapshot_payload", BYTES)
                .holds(opaque::SCHEMA_ENVELOPE)
                .about("versioned Loro snapshot of the schema"),
        ],
        "The schema of an array.",
    ),
    message(
        0x95,
        "ArrayAck",
        Way::ClientToServer,
        false,
        since(V0_1),
        "ArrayAckMsg",
        &[
            field("array", TEXT).about("array name"),
            field("replica_id", U64).about("replica"),
            field("ack_hlc_bytes", Type::Fixed(18))
                .holds(opaque::HLC)
                .about("everything up to here is applied"),
            field("applied_seq", U64)
                .when(since(V0_4))
                .about("last applied sequence number after this request"),
            field("status", Type::Enum(&ACK_STATUS))
                .when(since(V0_4))
                .about("what became of the request"),
        ],
        "Array operations up to here are applied.",
    ),
    message(
        0x96,
        "ArrayReject",
        Way::ServerToClient,
        false,
        since(V0_1),
        "ArrayRejectMsg",
        &[
            field("array", TEXT).about("array name"),
            field("op_hlc_bytes", Type::Fixed(18))
                .holds(opaque::HLC)
                .about("time of the operation"),
            field("reason", Type::Enum(&ARRAY_REJECT_REASON)).about("why"),
            field("detail", TEXT).about("explanation"),
        ],
        "An array operation was refused.",
    ),
    message(
        0x97,
        "ArrayCatchupRequest",
        Way::ClientToServer,
        false,
        since(V0_1),
        "ArrayCatchupRequestMsg",
        &[
            field("array", TEXT).about("array name"),
            field("from_hlc_bytes", Type::Fixed(18))
                .holds(opaque::HLC)
                .about("send what came after"),
        ],
        "Asks for array operations after a time.",
    ),
    message(
        0x98,
        "ArrayOpResults",
        Way::ServerToClient,
        false,
        since(V0_6),
        "ArrayOpResultsMsg",
        &[
            field("array", TEXT).about("array name"),
            field("results", Type::List(&Type::Struct(&ARRAY_OP_RESULT)))
                .about("one per operation, in order"),
        ],
        "What became of each operation.",
    ),
    message(
        0x99,
        "ArrayAdvisoryRefused",
        Way::ServerToClient,
        false,
        since(V0_6),
        "ArrayAdvisoryRefusedMsg",
        &[
            field("array", TEXT).about("array name"),
            field("request", Type::Enum(&ARRAY_ADVISORY_KIND)).about("kind of the refused request"),
            field("reason", Type::Enum(&ARRAY_REJECT_REASON)).about("why"),
            field("detail", TEXT).about("explanation"),
        ],
        "An array acknowledgement or catch-up request was refused.",
    ),
    message(
        0xa0,
        "ColumnarInsert",
        Way::ClientToServer,
        false,
        since(V0_3),
        "ColumnarInsertMsg",
        &[
            field("lite_id", TEXT).about("identity of the client's database"),
            field("collection", TEXT).about("collection name"),
            field("rows", Type::List(&Type::ElementBytes))
                .holds(opaque::COLUMN_VALUES)
                .about("one encoded row each"),
            field("batch_id", U64).about("the client's number for this batch"),
            field("schema_bytes", BYTES)
                .holds(opaque::COLUMNAR_SCHEMA)
                .about("column schema of the rows"),
            field("producer_id", U64)
                .when(since(V0_4))
                .about("durable producer number; 0: no sequencing"),
            field("epoch", U64)
                .when(since(V0_4))
                .about("incarnation of the producer; a lower one is fenced"),
            field("seq", U64)
                .when(since(V0_4))
                .about("position in the producer's stream, from 1"),
        ],
        "Rows for a columnar collection.",
    ),
    message(
        0xa1,
        "ColumnarInsertAck",
        Way::ServerToClient,
        false,
        since(V0_3),
        "ColumnarInsertAckMsg",
        &[
            field("collection", TEXT).about("collection name"),
            field("batch_id", U64).about("the client's number for this batch"),
            field("accepted", U64).about("what was taken"),
            field("rejected", U64).about("how many were not"),
            field("reject_reason", Type::Optional(&TEXT)).about("why not"),
            field("applied_seq", U64)
                .when(since(V0_4))
                .about("last applied sequence number after this request"),
            field("status", Type::Enum(&ACK_STATUS))
                .when(since(V0_4))
                .about("what became of the request"),
        ],
        "The rows were handled.",
    ),
    message(
        0xa2,
        "VectorInsert",
        Way::ClientToServer,
        false,
        since(V0_3),
        "VectorInsertMsg",
        &[
            field("lite_id", TEXT).about("identity of the client's database"),
            field("collection", TEXT).about("collection name"),
            field("id", TEXT).about("vector id"),
            field("vector", Type::List(&F32)).about("components"),
            field("dim", U64).about("number of components"),
            field("field_name", TEXT).about("indexed field"),
            field("batch_id", U64).about("the client's number for this batch"),
            field("producer_id", U64)
                .when(since(V0_4))
                .about("durable producer number; 0: no sequencing"),
            field("epoch", U64)
                .when(since(V0_4))
                .about("incarnation of the producer; a lower one is fenced"),
            field("seq", U64)
                .when(since(V0_4))
                .about("position in the producer's stream, from 1"),
        ],
        "One vector to index.",
    ),
    message(
        0xa3,
        "VectorInsertAck",
        Way::ServerToClient,
        false,
        since(V0_3),
        "VectorInsertAckMsg",
        &[
            field("collection", TEXT).about("collection name"),
            field("id", TEXT).about("vector id"),
            field("batch_id", U64).about("the client's number for this batch"),
            field("accepted", BOOL).about("what was taken"),
            field("reject_reason", Type::Optional(&TEXT)).about("why not"),
            field("applied_seq", U64)
                .when(since(V0_4))
                .about("last applied sequence number after this request"),
            field("status", Type::Enum(&ACK_STATUS))
                .when(since(V0_4))
                .about("what became of the request"),
        ],
        "The vector was handled.",
    ),
    message(
        0xa4,
        "VectorDelete",
        Way::ClientToServer,
        false,
        since(V0_3),
        "VectorDeleteMsg",
        &[
            field("lite_id", TEXT).about("identity of the client's database"),
            field("collection", TEXT).about("collection name"),
            field("id", TEXT).about("vector id"),
            field("field_name", TEXT).about("indexed field"),
            field("batch_id", U64).about("the client's number for this batch"),
            field("producer_id", U64)
                .when(since(V0_4))
                .about("durable producer number; 0: no sequencing"),
            field("epoch", U64)
                .when(since(V0_4))
                .about("incarnation of the producer; a lower one is fenced"),
            field("seq", U64)
                .when(since(V0_4))
                .about("position in the producer's stream, from 1"),
        ],
        "Removes a vector.",
    ),
    message(
        0xa5,
        "VectorDeleteAck",
        Way::ServerToClient,
        false,
        since(V0_3),
        "VectorDeleteAckMsg",
        &[
            field("collection", TEXT).about("collection name"),
            field("id", TEXT).about("vector id"),
            field("batch_id", U64).about("the client's number for this batch"),
            field("accepted", BOOL).about("what was taken"),
            field("reject_reason", Type::Optional(&TEXT)).about("why not"),
            field("applied_seq", U64)
                .when(since(V0_4))
                .about("last applied sequence number after this request"),
            field("status", Type::Enum(&ACK_STATUS))
                .when(since(V0_4))
                .about("what became of the request"),
        ],
        "The removal was handled.",
    ),
    message(
        0xa6,
        "FtsIndex",
        Way::ClientToServer,
        false,
        since(V0_3),
        "FtsIndexMsg",
        &[
            field("lite_id", TEXT).about("identity of the client's database"),
            field("collection", TEXT).about("collection name"),
            field("doc_id", TEXT).about("document key"),
            field("fields", Type::List(&Type::Tuple(&[TEXT, TEXT])))
                .when(since(V0_6))
                .about("named texts to index"),
            field("text", TEXT).when(until(V0_4)).about("text to index"),
            field("batch_id", U64).about("the client's number for this batch"),
            field("producer_id", U64)
                .when(since(V0_4))
                .about("durable producer number; 0: no sequencing"),
            field("epoch", U64)
                .when(since(V0_4))
                .about("incarnation of the producer; a lower one is fenced"),
            field("seq", U64)
                .when(since(V0_4))
                .about("position in the producer's stream, from 1"),
        ],
        "Text of one document to index.",
    ),
    message(
        0xa7,
        "FtsIndexAck",
        Way::ServerToClient,
        false,
        since(V0_3),
        "FtsIndexAckMsg",
        &[
            field("collection", TEXT).about("collection name"),
            field("doc_id", TEXT).about("document key"),
            field("batch_id", U64).about("the client's number for this batch"),
            field("accepted", BOOL).about("what was taken"),
            field("reject_reason", Type::Optional(&TEXT)).about("why not"),
            field("applied_seq", U64)
                .when(since(V0_4))
                .about("last applied sequence number after this request"),
            field("status", Type::Enum(&ACK_STATUS))
                .when(since(V0_4))
                .about("what became of the request"),
        ],
        "The text was handled.",
    ),
    message(
        0xa8,
        "FtsDelete",
        Way::ClientToServer,
        false,
        since(V0_3),
        "FtsDeleteMsg",
        &[
            field("lite_id", TEXT).about("identity of the client's database"),
            field("collection", TEXT).about("collection name"),
            field("doc_id", TEXT).about("document key"),
            field("batch_id", U64).about("the client's number for this batch"),
            field("producer_id", U64)
                .when(since(V0_4))
                .about("durable producer number; 0: no sequencing"),
            field("epoch", U64)
                .when(since(V0_4))
                .about("incarnation of the producer; a lower one is fenced"),
            field("seq", U64)
                .when(since(V0_4))
                .about("position in the producer's stream, from 1"),
        ],
        "Removes a document from the text index.",
    ),
    message(
        0xa9,
        "FtsDeleteAck",
        Way::ServerToClient,
        false,
        since(V0_3),
        "FtsDeleteAckMsg",
        &[
            field("collection", TEXT).about("collection name"),
            field("doc_id", TEXT).about("document key"),
            field("batch_id", U64).about("the client's number for this batch"),
            field("accepted", BOOL).about("what was taken"),
            field("reject_reason", Type::Optional(&TEXT)).about("why not"),
            field("applied_seq", U64)
                .when(since(V0_4))
                .about("last applied sequence number after this request"),
            field("status", Type::Enum(&ACK_STATUS))
                .when(since(V0_4))
                .about("what became of the request"),
        ],
        "The removal was handled.",
    ),
    message(
        0xaa,
        "SpatialInsert",
        Way::ClientToServer,
        false,
        since(V0_3),
        "SpatialInsertMsg",
        &[
            field("lite_id", TEXT).about("identity of the client's database"),
            field("collection", TEXT).about("collection name"),
            field("field", TEXT).about("indexed field"),
            field("doc_id", TEXT).about("document key"),
            field("geometry_bytes", BYTES)
                .holds(opaque::GEOMETRY)
                .about("geometry, longitude first"),
            field("batch_id", U64).about("the client's number for this batch"),
            field("producer_id", U64)
                .when(since(V0_4))
                .about("durable producer number; 0: no sequencing"),
            field("epoch", U64)
                .when(since(V0_4))
                .about("incarnation of the producer; a lower one is fenced"),
            field("seq", U64)
                .when(since(V0_4))
                .about("position in the producer's stream, from 1"),
        ],
        "One geometry to index.",
    ),
    message(
        0xab,
        "SpatialInsertAck",
        Way::ServerToClient,
        false,
        since(V0_3),
        "SpatialInsertAckMsg",
        &[
            field("collection", TEXT).about("collection name"),
            field("field", TEXT).about("indexed field"),
            field("doc_id", TEXT).about("document key"),
            field("batch_id", U64).about("the client's number for this batch"),
            field("accepted", BOOL).about("what was taken"),
            field("reject_reason", Type::Optional(&TEXT)).about("why not"),
            field("applied_seq", U64)
                .when(since(V0_4))
                .about("last applied sequence number after this request"),
            field("status", Type::Enum(&ACK_STATUS))
                .when(since(V0_4))
                .about("what became of the request"),
        ],
        "The geometry was handled.",
    ),
    message(
        0xac,
        "SpatialDelete",
        Way::ClientToServer,
        false,
        since(V0_3),
        "SpatialDeleteMsg",
        &[
            field("lite_id", TEXT).about("identity of the client's database"),
            field("collection", TEXT).about("collection name"),
            field("field", TEXT).about("indexed field"),
            field("doc_id", TEXT).about("document key"),
            field("batch_id", U64).about("the client's number for this batch"),
            field("producer_id", U64)
                .when(since(V0_4))
                .about("durable producer number; 0: no sequencing"),
            field("epoch", U64)
                .when(since(V0_4))
                .about("incarnation of the producer; a lower one is fenced"),
            field("seq", U64)
                .when(since(V0_4))
                .about("position in the producer's stream, from 1"),
        ],
        "Removes a geometry.",
    ),
    message(
        0xad,
        "SpatialDeleteAck",
        Way::ServerToClient,
        false,
        since(V0_3),
        "SpatialDeleteAckMsg",
        &[
            field("collection", TEXT).about("collection name"),
            field("field", TEXT).about("indexed field"),
            field("doc_id", TEXT).about("document key"),
            field("batch_id", U64).about("the client's number for this batch"),
            field("accepted", BOOL).about("what was taken"),
            field("reject_reason", Type::Optional(&TEXT)).about("why not"),
            field("applied_seq", U64)
                .when(since(V0_4))
                .about("last applied sequence number after this request"),
            field("status", Type::Enum(&ACK_STATUS))
                .when(since(V0_4))
                .about("what became of the request"),
        ],
        "The removal was handled.",
    ),
    message(
        0xae,
        "KvPush",
        Way::ClientToServer,
        false,
        since(V0_6),
        "KvPushMsg",
        &[
            field("lite_id", TEXT).about("identity of the client's database"),
            field("collection", TEXT).about("collection name"),
            field("key", BYTES).about("raw key"),
            field("op", Type::Enum(&KV_PUSH_OP)).about("what is done"),
            field("batch_id", U64).about("the client's number for this batch"),
            field("producer_id", U64).about("durable producer number; 0: no sequencing"),
            field("epoch", U64).about("incarnation of the producer; a lower one is fenced"),
            field("seq", U64).about("position in the producer's stream, from 1"),
        ],
        "One key-value change.",
    ),
    message(
        0xaf,
        "KvPushAck",
        Way::ServerToClient,
        false,
        since(V0_6),
        "KvPushAckMsg",
        &[
            field("collection", TEXT).about("collection name"),
            field("key", BYTES).about("raw key"),
            field("batch_id", U64).about("the client's number for this batch"),
            field("accepted", BOOL).about("what was taken"),
            field("reject_reason", Type::Optional(&TEXT)).about("why not"),
            field("applied_seq", U64).about("last applied sequence number after this request"),
            field("status", Type::Enum(&ACK_STATUS)).about("what became of the request"),
        ],
        "The change was handled.",
    ),
    message(
        0xff,
        "PingPong",
        Way::Both,
        false,
        Versions::ALL,
        "PingPongMsg",
        &[
            field("timestamp_ms", U64)
                .unit(Unit::UnixMilliseconds)
                .about("sender's clock, echoed by the pong; bit 63 set: a barrier number"),
            field("is_pong", BOOL).about("answer to a ping"),
        ],
        "Keep-alive and its answer.",
    ),
];

/// The message type with this code.
#[must_use]
pub fn by_code(code: u8) -> Option<&'static MessageType> {
    let index = PLACES.get(usize::from(code)).copied();
    MESSAGES.get(usize::from(index.unwrap_or(u8::MAX)))
}

/// Where each code stands in [`MESSAGES`]; `u8::MAX` if it is not known.
#[expect(clippy::indexing_slicing, reason = "evaluated when compiling")]
static PLACES: [u8; 256] = {
    let mut places = [u8::MAX; 256];
    let mut index = 0;
    while index < MESSAGES.len() {
        places[MESSAGES[index].code as usize] = index as u8;
        index += 1;
    }
    places
};

#[expect(clippy::too_many_arguments, reason = "one row of a table")]
const fn message(
    code: u8,
    name: &'static str,
    way: Way,
    way_varies: bool,
    when: Versions,
    body: &'static str,
    fields: &'static [Field],
    about: &'static str,
) -> MessageType {
    MessageType {
        code: code as u64,
        name,
        way,
        way_varies,
        when,
        body: Struct {
            name: body,
            fields,
            keyed: false,
        },
        about,
    }
}
