//! Requests and their answers, section 5.3 of the protocol page.

use crate::protocol::Pairing;

/// All rules. `Array*` requests that succeed silently are answered only by a refusal.
pub(super) const PAIRINGS: &[Pairing] = &[
    Pairing::new(&["Handshake"], &["HandshakeAck"], &[]),
    Pairing::new(
        &["DeltaPush"],
        &["DeltaAck", "DeltaReject"],
        &["mutation_id"],
    ),
    Pairing::new(
        &["TimeseriesPush"],
        &["TimeseriesAck"],
        &["collection", "batch_id"],
    ),
    Pairing::new(
        &["ColumnarInsert"],
        &["ColumnarInsertAck"],
        &["collection", "batch_id"],
    ),
    Pairing::new(
        &["VectorInsert"],
        &["VectorInsertAck"],
        &["collection", "batch_id", "id"],
    ),
    Pairing::new(
        &["VectorDelete"],
        &["VectorDeleteAck"],
        &["collection", "batch_id", "id"],
    ),
    Pairing::new(
        &["FtsIndex"],
        &["FtsIndexAck"],
        &["collection", "batch_id", "doc_id"],
    ),
    Pairing::new(
        &["FtsDelete"],
        &["FtsDeleteAck"],
        &["collection", "batch_id", "doc_id"],
    ),
    Pairing::new(
        &["SpatialInsert"],
        &["SpatialInsertAck"],
        &["collection", "batch_id", "field", "doc_id"],
    ),
    Pairing::new(
        &["SpatialDelete"],
        &["SpatialDeleteAck"],
        &["collection", "batch_id", "field", "doc_id"],
    ),
    Pairing::new(
        &["KvPush"],
        &["KvPushAck"],
        &["collection", "batch_id", "key"],
    ),
    Pairing::new(
        &["ShapeSubscribe"],
        &["ShapeSnapshot"],
        &["shape.shape_id=shape_id"],
    ),
    Pairing::new(&["ResyncRequest"], &["ShapeSnapshot"], &["shape_id"]).sometimes(),
    Pairing::new(&["TokenRefresh"], &["TokenRefreshAck"], &[]),
    Pairing::new(&["VectorClockSync"], &["VectorClockSync"], &[]),
    Pairing::new(&["PingPong"], &["PingPong"], &["timestamp_ms"]).telling("is_pong", false, true),
    Pairing::new(&["ArrayDeltaBatch"], &["ArrayOpResults"], &["array"]),
    Pairing::new(&["ArraySnapshotChunk"], &["ArrayOpResults"], &["array"]).sometimes(),
    Pairing::new(
        &["ArrayDelta", "ArraySchema", "ArraySnapshot"],
        &["ArrayReject"],
        &["array"],
    )
    .sometimes(),
    Pairing::new(
        &["ArrayCatchupRequest"],
        &["ArrayDeltaBatch", "ArraySnapshot", "ArrayAdvisoryRefused"],
        &["array"],
    )
    .sometimes(),
];
