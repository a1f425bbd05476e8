//! What the opaque byte fields hold.
//!
//! Source: protocol page `sync`, section 6.

use crate::model::{Message, NodeId};
use crate::schema::Opaque;

const fn opaque(name: &'static str) -> Opaque {
    Opaque {
        name,
        read: nothing,
    }
}

fn nothing(_frame: &[u8], _field: NodeId, _message: &mut Message) -> bool {
    false
}
/// `LORO`.
pub const LORO: Opaque = opaque("LORO");
/// `ROW`.
pub const ROW: Opaque = opaque("ROW");
/// `SHAPE_DATA`.
pub const SHAPE_DATA: Opaque = opaque("SHAPE_DATA");
/// `JSON_TEXT`.
pub const JSON_TEXT: Opaque = opaque("JSON_TEXT");
/// `STATE`.
pub const STATE: Opaque = opaque("STATE");
/// `GORILLA_TIMES`.
pub const GORILLA_TIMES: Opaque = opaque("GORILLA_TIMES");
/// `GORILLA_VALUES`.
pub const GORILLA_VALUES: Opaque = opaque("GORILLA_VALUES");
/// `COLUMN_VALUES`.
pub const COLUMN_VALUES: Opaque = opaque("COLUMN_VALUES");
/// `COLUMNAR_SCHEMA`.
pub const COLUMNAR_SCHEMA: Opaque = opaque("COLUMNAR_SCHEMA");
/// `GEOMETRY`.
pub const GEOMETRY: Opaque = opaque("GEOMETRY");
/// `ARRAY_OP`.
pub const ARRAY_OP: Opaque = opaque("ARRAY_OP");
/// `SNAPSHOT_HEADER`.
pub const SNAPSHOT_HEADER: Opaque = opaque("SNAPSHOT_HEADER");
/// `SCHEMA_ENVELOPE`.
pub const SCHEMA_ENVELOPE: Opaque = opaque("SCHEMA_ENVELOPE");
/// `PREDICATE`.
pub const PREDICATE: Opaque = opaque("PREDICATE");
/// `DOCUMENT_DELTA`.
pub const DOCUMENT_DELTA: Opaque = opaque("DOCUMENT_DELTA");
/// `JWT`.
pub const JWT: Opaque = opaque("JWT");
/// `HLC`.
pub const HLC: Opaque = opaque("HLC");
