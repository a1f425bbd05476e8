//! What records show beside the fields on the wire: names for numbers, parts of opaque fields.
//!
//! Source: protocol page `noxu`, section 5.

use super::log_entries::LOG_ENTRIES;
use crate::model::{Label, Layer, Message, NodeId, Span, Symbol, Value};
use crate::schema::packed::{Decoder, Order, Packed, Rules};
use crate::schema::{Struct, Type, Versions, field};

const U8: Type = Type::Unsigned(1);
const I32: Type = Type::Signed(4);

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated when compiling, on our own tables"
)]
static NAMES: [Symbol; 256] = {
    let mut names = [const { Symbol { code: 0, name: "" } }; 256];
    let mut at = 0;
    while at < LOG_ENTRIES.len() {
        names[LOG_ENTRIES[at].code as usize].name = LOG_ENTRIES[at].name;
        at += 1;
    }
    names
};

/// Pushes the name of the type whose code is the member before.
pub fn entry_type_name(
    _frame: &[u8],
    _parent: NodeId,
    label: Option<&'static Label>,
    message: &mut Message,
) {
    let tree = &mut message.tree;
    let code = tree
        .get(tree.next_id().saturating_sub(1))
        .map(|node| (node.value, node.span.end));
    let Some((Value::Unsigned(code), end)) = code else {
        return;
    };
    let name = NAMES
        .get(usize::try_from(code).unwrap_or(usize::MAX))
        .filter(|symbol| !symbol.name.is_empty());
    let value = name.map_or(Value::Nil, Value::Static);
    tree.leaf(label, value, Span { start: end, end });
}

/// A database's name is its record's key.
pub fn database_name(
    frame: &[u8],
    parent: NodeId,
    label: Option<&'static Label>,
    message: &mut Message,
) {
    let key =
        bytes_of(parent, "key", message).filter(|span| std::str::from_utf8(span.of(frame)).is_ok());
    let value = key.map_or(Value::Nil, Value::Text);
    let here = here(message);
    message.tree.leaf(label, value, here);
}

/// A database's number is the start of its record's data, little-endian; no data: no name.
pub fn database_id(
    frame: &[u8],
    parent: NodeId,
    label: Option<&'static Label>,
    message: &mut Message,
) {
    let bytes = bytes_of(parent, "data", message).and_then(|span| span.of(frame).get(..8));
    let value = bytes.map_or(Value::Nil, |bytes| {
        Value::Unsigned(Order::Little.unsigned(bytes))
    });
    let here = here(message);
    message.tree.leaf(label, value, here);
}

/// The empty span behind the last node.
fn here(message: &Message) -> Span {
    let nodes = message.tree.nodes();
    let end = nodes.last().map_or(0, |node| node.span.end);
    Span { start: end, end }
}

static SETTINGS: Struct = Struct {
    name: "DatabaseSettings",
    fields: &[
        field("btree_comparator", Type::Packed(Packed::ShortText(2))),
        field("duplicate_comparator", Type::Packed(Packed::ShortText(2))),
    ],
    keyed: false,
};
static SETTINGS_WITH_FANOUT: Struct = Struct {
    name: "DatabaseSettings",
    fields: &[
        field("btree_comparator", Type::Packed(Packed::ShortText(2))),
        field("duplicate_comparator", Type::Packed(Packed::ShortText(2))),
        field("marker", U8),
        field("fanout", I32),
    ],
    keyed: false,
};

/// What follows the number in a database's data, if anything does.
pub fn settings(
    frame: &[u8],
    parent: NodeId,
    label: Option<&'static Label>,
    message: &mut Message,
) {
    let Some(span) = bytes_of(parent, "data", message).filter(|span| span.len() > 8) else {
        return;
    };
    let range = (span.start as usize + 8, span.end as usize);
    let start = message.tree.next_id();
    let issues = message.issues.len();
    let mut fits = false;
    for body in [&SETTINGS, &SETTINGS_WITH_FANOUT] {
        let rules = Rules::little(Versions::ALL);
        let outcome = Decoder::new(frame, range, rules, message).run(body, label);
        fits = outcome.complete && outcome.end == range.1 && message.issues.len() == issues;
        if fits {
            break;
        }
        message.issues.truncate(issues);
        message.tree.truncate(start);
    }
    if !fits {
        let here = here(message);
        let content = Span::new(range.0, range.1);
        message.tree.leaf(label, Value::Bytes(content), here);
    } else if let Some(node) = message.tree.get_mut(start) {
        // Its bytes are the data's already.
        node.layer = Layer::Frame;
    }
}

fn bytes_of(parent: NodeId, name: &str, message: &Message) -> Option<Span> {
    // The parent is still open, so its children are all that follows.
    let nodes = message.tree.nodes().get(parent as usize + 1..)?;
    nodes
        .iter()
        .find(|node| node.label.is_some_and(|label| label.name == name))
        .and_then(|node| match (node.value, node.layer) {
            (Value::Bytes(span), Layer::Frame) => Some(span),
            _ => None,
        })
}

/// Pushes the digits of the number that the member before is.
pub fn magic_digits(
    _frame: &[u8],
    _parent: NodeId,
    label: Option<&'static Label>,
    message: &mut Message,
) {
    let tree = &mut message.tree;
    let number = tree
        .get(tree.next_id().saturating_sub(1))
        .map(|node| node.value);
    let Some(Value::Unsigned(number)) = number else {
        return;
    };
    let start = tree.derived.len();
    let digits = u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes();
    tree.derived.extend_from_slice(&digits);
    let content = Span::new(start, start + digits.len());
    let id = tree.leaf(label, Value::Bytes(content), content);
    if let Some(node) = tree.get_mut(id) {
        node.layer = Layer::Derived;
    }
}
