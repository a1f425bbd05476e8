//! Fields of decoded messages by their paths.

use crate::model::{NodeId, Record, Value};

/// The value at `path` (`name.name`) of the record's body.
pub(super) fn find(record: &Record<'_>, path: &str) -> Option<Value> {
    let mut here = record.message.body?;
    for name in path.split('.') {
        here = member(record, here, name)?;
    }
    record.message.tree.get(here).map(|node| node.value)
}

/// Appends something that is equal for equal scalars; false if the value is no scalar.
pub(super) fn write_key(record: &Record<'_>, path: &str, out: &mut Vec<u8>) -> bool {
    let Some(value) = find(record, path) else {
        return false;
    };
    match value {
        Value::Unsigned(number) => out.extend_from_slice(&number.to_be_bytes()),
        Value::Signed(number) => out.extend_from_slice(&number.to_be_bytes()),
        Value::Bool(value) => out.push(value.into()),
        Value::Float(number) => out.extend_from_slice(&number.to_bits().to_be_bytes()),
        Value::Text(span) | Value::Bytes(span) | Value::BadText(span) => {
            out.extend_from_slice(span.of(record.frame));
        }
        Value::Symbol(symbol) | Value::Static(symbol) => {
            out.extend_from_slice(symbol.name.as_bytes());
        }
        _ => return false,
    }
    true
}

/// The member `name` of the struct or map `parent`.
fn member(record: &Record<'_>, parent: NodeId, name: &str) -> Option<NodeId> {
    let tree = &record.message.tree;
    let node = tree.get(parent)?;
    if !matches!(node.value, Value::Map | Value::Pairs) {
        return tree.child(parent, name).map(|(id, _)| id);
    }
    let mut children = tree.children(parent);
    while let (Some((_, key)), Some((id, _))) = (children.next(), children.next()) {
        let is_named = match key.value {
            Value::Text(span) => record.bytes(key, span) == name.as_bytes(),
            _ => false,
        };
        if is_named || key.label.is_some_and(|label| label.name == name) {
            return Some(id);
        }
    }
    None
}
