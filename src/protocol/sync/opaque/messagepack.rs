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
