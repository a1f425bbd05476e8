//! Rows and schemas of columnar collections.
//!
//! Source: protocol page `sync`, sections 6 and 6.3.

use super::super::types::{COLUMN_DEF, U32};
use super::array::{table, table_text};
use super::content;
use super::nested::Nested;
use crate::model::{Label, Message, NodeId};
use crate::schema::{Struct, Type, field};

static SCHEMA: Type = Type::Struct(&Struct {
    name: "ColumnarSchema",
    keyed: false,
    fields: &[
        field("columns", Type::List(&Type::Struct(&COLUMN_DEF))),
        field("version", U32),
    ],
});

/// `ColumnarInsert.rows[]`: values in the order of the schema's columns.
pub fn read_row(frame: &[u8], field: NodeId, message: &mut Message) -> bool {
    content::read(frame, field, message, |content, message| {
        content.bounded()?;
        let mut nested = Nested::new(content, message);
        nested.list(None, |nested| nested.value(None))?;
        nested.finish()
    })
}

/// `ColumnarInsert.schema_bytes`.
pub fn read_schema(frame: &[u8], field: NodeId, message: &mut Message) -> bool {
    content::read(frame, field, message, |content, message| {
        table(content, &SCHEMA, message)
    })
}

/// The same as text, if `JSON`.
pub fn spell_schema<const JSON: bool>(
    frame: &[u8],
    field: NodeId,
    name: (u8, Option<&'static Label>),
    message: &mut Message,
) -> bool {
    content::spell(frame, field, message, |content, message| {
        table_text::<JSON>(content, &SCHEMA, name, message)
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::read_hex;
    use super::*;

    #[test]
    fn a_schema_lists_its_columns() {
        let shown = read_hex(read_schema, "92919ba161a5496e743634c2c0c390c09001c0c005");
        assert!(
            shown.starts_with("(columns=((name=\"a\" column_type=\"Int64\""),
            "{shown}"
        );
        assert!(shown.ends_with("version=5)"), "{shown}");
    }

    #[test]
    fn a_row_is_an_array_of_values() {
        assert_eq!(read_hex(read_row, "9291009201c3"), "(Null (Bool=true))");
        assert_eq!(read_hex(read_row, "9100"), "!opaque-undecodable");
    }
}
