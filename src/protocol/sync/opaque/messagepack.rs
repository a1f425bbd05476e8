//! Self-describing MessagePack: rows, states, the documents of a shape.

use super::content::{self, Content, Reading, Unreadable};
use crate::codec::messagepack::{Head, MOST_NESTING, Reader, read_value};
use crate::model::{Message, NodeId, Value};

/// Recursion in reading and in every output is bounded by this.
const DEEPEST: u32 = if MOST_NESTING < 128 {
    MOST_NESTING
} else {
    128
};

/// A row: one map.
pub fn read_row(frame: &[u8], field: NodeId, message: &mut Message) -> bool {
    content::read(frame, field, message, one)
}

/// A state: one value by convention; other bytes are legal.
pub fn read_state(frame: &[u8], field: NodeId, message: &mut Message) -> bool {
    content::read(frame, field, message, if_any)
}

/// `ShapeSnapshot.data`: arrays of documents, back to back. A shape without documents may come
/// with a plain name instead.
pub fn read_shape_data(frame: &[u8], field: NodeId, message: &mut Message) -> bool {
    content::read(frame, field, message, |content, message| {
        if !matches!(content.reader().head(), Ok(Head::Array(_))) && is_plain_text(content.slice())
        {
            message
                .tree
                .leaf(None, Value::Text(content.span()), content.span());
            return Ok(true);
        }
        documents(content, message)
    })
}

/// Whether the content is exactly one map.
pub fn is_map(content: &Content<'_>) -> bool {
    let mut reader = content.reader();
    matches!(reader.clone().head(), Ok(Head::Map(_))) && reader.skip().is_ok() && reader.left() == 0
}

/// Reads exactly one value.
pub fn one(content: &Content<'_>, message: &mut Message) -> Reading {
    content.bounded()?;
    let mut reader = content.reader();
    item(&mut reader, message)?;
    if reader.left() > 0 {
        return Err(Unreadable::new(
            reader.position(),
            format!("{} bytes after the MessagePack value", reader.left()),
        ));
    }
    Ok(true)
}

/// Reads exactly one value if that is what the bytes are, and nothing otherwise.
pub fn if_any(content: &Content<'_>, message: &mut Message) -> Reading {
    let mut reader = content.reader();
    if reader.skip().is_err() || reader.left() > 0 {
        return Ok(false);
    }
    one(content, message)
}

fn documents(content: &Content<'_>, message: &mut Message) -> Reading {
    content.bounded()?;
    let mut reader = content.reader();
    let root = message.tree.open(None, Value::List, content.start);
    while reader.left() > 0 {
        let start = reader.position();
        match reader.head() {
            Ok(Head::Array(count)) => {
                for _ in 0..count {
                    item(&mut reader, message)?;
                }
            }
            Ok(other) => {
                return Err(Unreadable::new(
                    start,
                    format!("{} where an array of documents belongs", other.kind()),
                ));
            }
            Err(fault) => return Err(Unreadable::fault(fault, start)),
        }
    }
    message.tree.close(root, content.end());
    Ok(true)
}

fn item(reader: &mut Reader<'_>, message: &mut Message) -> Result<(), Unreadable> {
    match read_value(reader, &mut message.tree, None, DEEPEST) {
        Ok(_) => Ok(()),
        Err(fault) => Err(Unreadable::fault(fault, reader.position())),
    }
}

fn is_plain_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| !text.chars().any(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{read, read_hex};
    use super::*;

    #[test]
    fn a_row_is_one_value_and_no_more() {
        assert_eq!(read_hex(read_row, "81a16193c0c301"), "(\"a\" (nil true 1))");
        assert_eq!(read_hex(read_row, "8000"), "!opaque-undecodable");
        assert_eq!(read_hex(read_row, "81a1"), "!opaque-undecodable");
    }

    #[test]
    fn a_state_that_is_not_messagepack_is_no_finding() {
        assert_eq!(read_hex(read_state, "81a16101"), "(\"a\" 1)");
        assert_eq!(read_hex(read_state, "c1"), "");
    }

    #[test]
    fn documents_of_several_arrays_make_one_list() {
        assert_eq!(read_hex(read_shape_data, "91010192"), "!opaque-undecodable");
        assert_eq!(read_hex(read_shape_data, "9101920203"), "(1 2 3)");
        assert_eq!(read(read_shape_data, b"raw_vec"), "\"raw_vec\"");
    }

    #[test]
    fn content_beyond_the_limit_is_left_alone() {
        let mut large = vec![0xdd, 0, 0x10, 0, 0];
        large.resize(5 + (1 << 20), 0);
        assert_eq!(read(read_row, &large), "!inner-too-large");
    }
}
