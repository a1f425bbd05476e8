//! Self-describing MessagePack: any item into the tree, as it stands.

use super::{Fault, Head, Reader};
use crate::codec::MOST_VALUES;
use crate::codec::keys::keys_are_names;
use crate::model::{Label, NodeId, Span, Tree, Value};

/// What reading an item has shown about its writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// Every head was in its shortest form, and non-negative integers were unsigned.
    pub canonical: bool,
    /// The value's JSON form says which MessagePack types it had: no 32-bit floats, for example.
    pub reproducible: bool,
    /// All text was UTF-8.
    pub utf8: bool,
}

/// Reads one item into `tree`, tagged as self-describing. What could be read before a fault stays
/// in the tree, closed. `most_nesting` containers inside each other are too many.
///
/// # Errors
/// [`Fault`]; the reader then stands at the faulty byte.
pub fn read_value(
    reader: &mut Reader<'_>,
    tree: &mut Tree,
    label: Option<&'static Label>,
    most_nesting: u32,
) -> Result<Form, Fault> {
    let mut form = Form {
        canonical: true,
        reproducible: true,
        utf8: true,
    };
    let most = tree.len().saturating_add(MOST_VALUES);
    item(reader, tree, label, most_nesting, most, &mut form)?;
    Ok(form)
}

fn item(
    reader: &mut Reader<'_>,
    tree: &mut Tree,
    label: Option<&'static Label>,
    depth: u32,
    most: usize,
    form: &mut Form,
) -> Result<(), Fault> {
    let start = reader.position();
    if tree.len() >= most {
        return Err(Fault::TooMany);
    }
    let head = reader.head()?;
    form.canonical &= reader.shortest();
    if depth <= 1 && matches!(head, Head::Array(_) | Head::Map(_)) {
        reader.seek(start);
        return Err(Fault::TooDeep);
    }
    let value = match head {
        Head::Nil => Value::Nil,
        Head::Bool(value) => Value::Bool(value),
        Head::Unsigned(value) => Value::Unsigned(value),
        Head::Signed(value) => {
            form.canonical &= value < 0;
            Value::Signed(value)
        }
        Head::Float32(value) => {
            form.reproducible = false;
            Value::Float(f64::from(value))
        }
        Head::Float64(value) => {
            form.reproducible &= !value.is_nan() || value.to_bits() == f64::NAN.to_bits();
            Value::Float(value)
        }
        Head::Text(length) => {
            let value = text(content(reader, start, length)?, reader);
            form.utf8 &= matches!(value, Value::Text(_));
            value
        }
        Head::Binary(length) => Value::Bytes(content(reader, start, length)?),
        Head::Extension(kind, length) => Value::Extension(kind, content(reader, start, length)?),
        Head::Array(count) => {
            let id = open(tree, label, Value::List, start);
            let result = items(reader, tree, u64::from(count), depth, most, form);
            tree.close(id, reader.position());
            return result;
        }
        Head::Map(count) => {
            let id = open(tree, label, Value::Map, start);
            let result = items(reader, tree, 2 * u64::from(count), depth, most, form);
            tree.close(id, reader.position());
            if !keys_are_names(tree, id, reader.bytes())
                && let Some(node) = tree.get_mut(id)
            {
                node.value = Value::Pairs;
            }
            return result;
        }
    };
    let id = tree.leaf(label, value, Span::new(start, reader.position()));
    if let Some(node) = tree.get_mut(id) {
        node.tagged = true;
    }
    Ok(())
}

fn open(tree: &mut Tree, label: Option<&'static Label>, value: Value, start: usize) -> NodeId {
    let id = tree.open(label, value, start);
    if let Some(node) = tree.get_mut(id) {
        node.tagged = true;
    }
    id
}

fn items(
    reader: &mut Reader<'_>,
    tree: &mut Tree,
    count: u64,
    depth: u32,
    most: usize,
    form: &mut Form,
) -> Result<(), Fault> {
    if count > reader.left() as u64 {
        return Err(Fault::Truncated);
    }
    for _ in 0..count {
        item(reader, tree, None, depth.saturating_sub(1), most, form)?;
    }
    Ok(())
}

fn content(reader: &mut Reader<'_>, start: usize, length: u32) -> Result<Span, Fault> {
    let from = reader.position();
    if let Err(fault) = reader.take(length as usize) {
        reader.seek(start);
        return Err(fault);
    }
    Ok(Span::new(from, reader.position()))
}

fn text(span: Span, reader: &Reader<'_>) -> Value {
    if std::str::from_utf8(span.of(reader.bytes())).is_ok() {
        Value::Text(span)
    } else {
        Value::BadText(span)
    }
}

#[cfg(test)]
mod tests {
    use super::super::MOST_NESTING;
    use super::*;

    fn root(bytes: &[u8]) -> (Value, usize, Result<Form, Fault>) {
        let mut tree = Tree::default();
        let mut reader = Reader::new(bytes, 0);
        let result = read_value(&mut reader, &mut tree, None, MOST_NESTING);
        (tree.get(0).unwrap().value, tree.len(), result)
    }

    #[test]
    fn maps_with_distinct_text_keys_are_maps_and_others_pairs() {
        assert_eq!(root(&[0x81, 0xa1, b'a', 1]).0, Value::Map);
        assert_eq!(root(&[0x81, 1, 1]).0, Value::Pairs);
        assert_eq!(root(&[0x81, 0xa1, b'$', 1]).0, Value::Pairs);
        assert_eq!(root(&[0x82, 0xa1, b'a', 1, 0xa1, b'a', 2]).0, Value::Pairs);
    }

    #[test]
    fn deep_nesting_is_refused_and_what_was_read_is_closed() {
        let (value, nodes, result) = root(&[0x91; 5000]);
        assert_eq!(result, Err(Fault::TooDeep));
        assert_eq!((value, nodes), (Value::List, MOST_NESTING as usize - 1));
    }

    #[test]
    fn a_positive_integer_with_a_signed_marker_is_not_canonical() {
        assert!(!root(&[0xd1, 0, 200]).2.unwrap().canonical);
        assert!(root(&[0xcc, 200]).2.unwrap().canonical);
    }
}
