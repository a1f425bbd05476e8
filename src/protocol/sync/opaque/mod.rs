//! What the opaque byte fields hold: one file per kind of content.
//!
//! A reader pushes the tree of what the bytes hold, or nothing and a finding. It never changes
//! the body.
//!
//! Source: protocol page `sync`, section 6.

mod array;
mod columnar;
mod content;
mod filter;
mod geometry;
mod gorilla;
mod hlc;
mod json;
mod jwt;
mod loro;
mod messagepack;
mod nested;
#[cfg(test)]
mod testing;
mod value;

use crate::schema::{Opaque, OpaqueReader, OpaqueSpeller};

/// `DeltaPush.delta`: a Loro export blob; from servers up to 0.4 a MessagePack row.
pub const LORO: Opaque = opaque("Loro export blob", loro::read_delta)
    .spelled(loro::spell_blob::<true>, loro::spell_blob::<false>);
/// `ShapeDelta.delta`: a Loro blob, or a document as MessagePack, or anything.
pub const DOCUMENT_DELTA: Opaque = opaque("Loro blob or document", loro::read_document_delta)
    .spelled(loro::spell_blob::<true>, loro::spell_blob::<false>);
/// `ArraySchema.snapshot_payload`: a version byte and a Loro snapshot.
pub const SCHEMA_ENVELOPE: Opaque = opaque("array schema in a Loro snapshot", loro::read_envelope);
/// `RowPush.payload`, `KvPushOp::Put.row`: one MessagePack map.
pub const ROW: Opaque = opaque("row as MessagePack", messagepack::read_row);
/// Presence states: application bytes, by convention MessagePack.
pub const STATE: Opaque = opaque("application state", messagepack::read_state);
/// `ShapeSnapshot.data`: MessagePack arrays of documents.
pub const SHAPE_DATA: Opaque = opaque("documents as MessagePack", messagepack::read_shape_data);
/// `DefinitionSync.payload`: JSON text.
pub const JSON_TEXT: Opaque = opaque("JSON text", json::read);
/// Bearer tokens.
pub const JWT: Opaque = opaque("JSON Web Token", jwt::read);
/// `TimeseriesPush.ts_block`.
pub const GORILLA_TIMES: Opaque =
    opaque("Gorilla block of timestamps", gorilla::read_times).beside(gorilla::BESIDE);
/// `TimeseriesPush.val_block`.
pub const GORILLA_VALUES: Opaque =
    opaque("Gorilla block of values", gorilla::read_values).beside(gorilla::BESIDE);
/// `ColumnarInsert.rows[]`: one row as an array of typed values.
pub const COLUMN_VALUES: Opaque = opaque("row of typed values", columnar::read_row);
/// `ColumnarInsert.schema_bytes`.
pub const COLUMNAR_SCHEMA: Opaque = opaque("column schema", columnar::read_schema).spelled(
    columnar::spell_schema::<true>,
    columnar::spell_schema::<false>,
);
/// `SpatialInsert.geometry_bytes`.
pub const GEOMETRY: Opaque = opaque("geometry", geometry::read);
/// `ArrayDelta.op_payload`, `ArrayDeltaBatch.op_payloads[]`.
pub const ARRAY_OP: Opaque = opaque("array operation", array::read_operation).spelled(
    array::spell_operation::<true>,
    array::spell_operation::<false>,
);
/// `ArraySnapshot.header_payload`.
pub const SNAPSHOT_HEADER: Opaque = opaque("array snapshot header", array::read_snapshot_header);
/// `ArraySnapshotChunk.payload`: part of an array of operations.
pub const SNAPSHOT_CHUNK: Opaque =
    opaque("part of array operations", array::read_snapshot_chunk).beside(&["total_chunks"]);
/// `ShapeType::Document.predicate`.
pub const PREDICATE: Opaque = opaque("metadata filter", filter::read);
/// Hybrid logical clock values of 18 bytes.
pub const HLC: Opaque =
    opaque("hybrid logical clock", hlc::read).spelled(hlc::spell::<true>, hlc::spell::<false>);

const fn opaque(name: &'static str, read: OpaqueReader) -> Opaque {
    Opaque {
        name,
        read,
        spell: None,
        check: None,
        beside: &[],
    }
}

impl Opaque {
    const fn spelled(mut self, spell: OpaqueSpeller, check: OpaqueSpeller) -> Self {
        self.spell = Some(spell);
        self.check = Some(check);
        self
    }

    const fn beside(mut self, fields: &'static [&'static str]) -> Self {
        self.beside = fields;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_read_without_panic_and_within_bounds() {
        let readers = [
            LORO,
            DOCUMENT_DELTA,
            SCHEMA_ENVELOPE,
            ROW,
            STATE,
            SHAPE_DATA,
            JSON_TEXT,
            JWT,
            GORILLA_TIMES,
            GORILLA_VALUES,
            COLUMN_VALUES,
            COLUMNAR_SCHEMA,
            GEOMETRY,
            ARRAY_OP,
            SNAPSHOT_HEADER,
            SNAPSHOT_CHUNK,
            PREDICATE,
            HLC,
        ];
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state >> 24
        };
        // Markers of containers and small tags come more often than chance would have it.
        let likely = [
            0x90, 0x91, 0x92, 0x93, 0x81, 0xc0, 0xa1, 0xcb, 0xdd, 0x06, 0x0d, 0x12,
        ];
        for _ in 0..3000 {
            let length = (random() % 40) as usize;
            let bytes: Vec<u8> = (0..length)
                .map(|_| match random() % 3 {
                    0 => random() as u8,
                    _ => likely[random() as usize % likely.len()],
                })
                .collect();
            for reader in readers {
                testing::read(reader.read, &bytes);
            }
        }
        for marker in [0x91, 0x92, 0x81, 0xff, 0x00] {
            for reader in readers {
                testing::read(reader.read, &vec![marker; 5000]);
            }
        }
    }
}
