//! Array operations and snapshots.
//!
//! Source: protocol page `sync`, section 6.3.

use super::super::types::{BYTES, I64, TEXT, U32, U64};
use super::super::versions::{V0_4, V0_6};
use super::content::{self, Content, Reading, Unreadable};
use crate::model::{Label, Message, NodeId, Unit, Value};
use crate::schema::messagepack::{Codecs, Decoder, Dialect};
use crate::schema::{Enum, Struct, Type, Variant, Versions, field};

static CLOCK: Struct = Struct {
    name: "Hlc",
    keyed: false,
    fields: &[
        field("physical_ms", U64).unit(Unit::UnixMilliseconds),
        field("logical", U64),
        field("replica_id", U64),
    ],
};

static COORDINATE: Enum = Enum {
    name: "CoordValue",
    numbered: false,
    variants: &[
        Variant::newtype("Int64", I64),
        Variant::newtype("Float64", Type::Float64),
        Variant::newtype("TimestampMs", I64),
        Variant::newtype("String", TEXT),
    ],
};

static CELL: Enum = Enum {
    name: "CellValue",
    numbered: false,
    variants: &[
        Variant::newtype("Int64", I64),
        Variant::newtype("Float64", Type::Float64),
        Variant::newtype("String", TEXT),
        Variant::newtype("Bytes", BYTES),
        Variant::unit("Null"),
    ],
};

static KIND: Enum = Enum {
    name: "ArrayOpKind",
    numbered: false,
    variants: &[
        Variant::unit("Put"),
        Variant::unit("Delete"),
        Variant::unit("Erase"),
    ],
};

static OPERATION_HEADER: Struct = Struct {
    name: "ArrayOpHeader",
    keyed: false,
    fields: &[
        field("array", TEXT),
        field("hlc", Type::Struct(&CLOCK)),
        field("schema_hlc", Type::Struct(&CLOCK)),
        field("valid_from_ms", I64).unit(Unit::UnixMilliseconds),
        field("valid_until_ms", I64).unit(Unit::UnixMilliseconds),
        field("system_from_ms", I64).unit(Unit::UnixMilliseconds),
    ],
};

static COORDINATES: Type = Type::List(&Type::Enum(&COORDINATE));

static OPERATION: Type = Type::Struct(&Struct {
    name: "ArrayOp",
    keyed: false,
    fields: &[
        field("header", Type::Struct(&OPERATION_HEADER)),
        field("kind", Type::Enum(&KIND)),
        field("coord", COORDINATES),
        field("attrs", Type::Optional(&Type::List(&Type::Enum(&CELL)))),
    ],
});

static OPERATIONS: Type = Type::List(&OPERATION);

static SNAPSHOT_HEADER: Type = Type::Struct(&Struct {
    name: "SnapshotHeader",
    keyed: false,
    fields: &[
        field("array", TEXT),
        field(
            "coord_range",
            Type::Struct(&Struct {
                name: "CoordRange",
                keyed: false,
                fields: &[field("lo", COORDINATES), field("hi", COORDINATES)],
            }),
        ),
        field("total_chunks", U32),
        field("snapshot_hlc", Type::Struct(&CLOCK)),
        field("schema_hlc", Type::Struct(&CLOCK)),
    ],
});

/// How nested types have been spelled.
static DIALECTS: [Dialect; 2] = [
    Dialect {
        version: Versions::only(V0_6),
        codecs: Codecs::Z_NEW,
    },
    Dialect {
        version: Versions::only(V0_4),
        codecs: Codecs::Z_OLD.or(Codecs::Z_NEW),
    },
];

/// `ArrayDelta.op_payload`, `ArrayDeltaBatch.op_payloads[]`.
pub fn read_operation(frame: &[u8], field: NodeId, message: &mut Message) -> bool {
    content::read(frame, field, message, |content, message| {
        table(content, &OPERATION, message)
    })
}

/// The same as text, if `JSON`.
pub fn spell_operation<const JSON: bool>(
    frame: &[u8],
    field: NodeId,
    name: (u8, Option<&'static Label>),
    message: &mut Message,
) -> bool {
    content::spell(frame, field, message, |content, message| {
        table_text::<JSON>(content, &OPERATION, name, message)
    })
}

/// `ArraySnapshot.header_payload`.
pub fn read_snapshot_header(frame: &[u8], field: NodeId, message: &mut Message) -> bool {
    content::read(frame, field, message, |content, message| {
        table(content, &SNAPSHOT_HEADER, message)
    })
}

/// `ArraySnapshotChunk.payload`: readable alone if it is the only chunk.
pub fn read_snapshot_chunk(frame: &[u8], field: NodeId, message: &mut Message) -> bool {
    let total = message
        .body
        .and_then(|body| message.tree.child(body, "total_chunks"))
        .map(|(_, node)| node.value);
    if total != Some(Value::Unsigned(1)) {
        return false;
    }
    content::read(frame, field, message, |content, message| {
        table(content, &OPERATIONS, message)
    })
}

/// Reads content that a table describes, in the newest spelling that it follows exactly.
pub fn table(content: &Content<'_>, kind: &'static Type, message: &mut Message) -> Reading {
    content.bounded()?;
    let first = message.tree.next_id();
    let faithful = message.faithful;
    let mut opaque = Vec::new();
    let mut farthest = content.start;
    for dialect in DIALECTS {
        let decoder = Decoder::new(content.bytes, content.start, dialect, message, &mut opaque);
        let outcome = decoder.attempt_value(kind);
        // Unusual floats in here do not keep the body from reproducing the frame.
        message.faithful = faithful;
        if outcome.exact && outcome.position == content.end() {
            return Ok(true);
        }
        farthest = farthest.max(outcome.position);
        message.tree.truncate(first);
    }
    Err(Unreadable::new(farthest, "not what this field should hold"))
}

/// The text of content that a table describes, in the newest spelling that it follows exactly; none
/// unless `JSON`.
pub fn table_text<const JSON: bool>(
    content: &Content<'_>,
    kind: &'static Type,
    (lead, label): (u8, Option<&'static Label>),
    message: &mut Message,
) -> Reading {
    content.bounded()?;
    let faithful = message.faithful;
    let before = message.spelled.values.len();
    let mut opaque = Vec::new();
    for dialect in DIALECTS {
        let decoder = Decoder::new(content.bytes, content.start, dialect, message, &mut opaque);
        let outcome = decoder.attempt_text::<JSON>(kind, lead, label);
        message.faithful = faithful;
        if outcome.exact && outcome.position == content.end() {
            return Ok(true);
        }
        message.spelled.values.truncate(before);
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::super::testing::read_hex;
    use super::*;

    #[test]
    fn an_operation_names_its_parts() {
        let hex = "9496a1619301020393010203000100a35075749192a5496e743634079192a54279746573c40107";
        assert_eq!(
            read_hex(read_operation, hex),
            "(header=(array=\"a\" hlc=(physical_ms=1 logical=2 replica_id=3) \
             schema_hlc=(physical_ms=1 logical=2 replica_id=3) valid_from_ms=0 \
             valid_until_ms=1 system_from_ms=0) kind=\"Put\" coord=(Int64(7)) attrs=(Bytes(07)))"
        );
    }

    #[test]
    fn the_older_spelling_of_variants_is_read_too() {
        let shown = read_hex(
            read_operation,
            "9496a161930102039301020300010092a3507574c09192a5496e7436349107c0",
        );
        assert!(
            shown.ends_with("kind=\"Put\" coord=(Int64(7)) attrs=nil)"),
            "{shown}"
        );
    }

    #[test]
    fn what_departs_from_the_table_is_a_finding() {
        assert_eq!(
            read_hex(read_operation, "9496a161930102"),
            "!opaque-undecodable"
        );
    }
}
