//! For tests: what a reader makes of bytes, as one line.

use crate::model::{Layer, Message, Node, NodeId, Span, Value};
use crate::schema::OpaqueReader;

/// What `read` makes of `content`, once as a byte string and once spelled as integers (which must
/// be the same), and the findings' names.
pub fn read(read: OpaqueReader, content: &[u8]) -> String {
    let whole = Span::new(0, content.len());
    let plain = one(read, content, Value::Bytes(whole));
    let integers: Vec<u8> = content
        .iter()
        .flat_map(|byte| match byte {
            0..=0x7f => vec![*byte],
            _ => vec![0xcc, *byte],
        })
        .collect();
    let spelled = Span::new(0, integers.len());
    assert_eq!(one(read, &integers, Value::IntegerBytes(spelled)), plain);
    plain
}

/// What `read` makes of hexadecimal `content`.
pub fn read_hex(reader: OpaqueReader, content: &str) -> String {
    read(reader, &hex::decode(content).unwrap())
}

/// What `read` makes of `text`.
pub fn read_text(read: OpaqueReader, text: &str) -> String {
    one(read, text.as_bytes(), Value::Text(Span::new(0, text.len())))
}

fn one(read: OpaqueReader, frame: &[u8], value: Value) -> String {
    let mut message = Message::default();
    message.clear();
    let field = message.tree.leaf(None, value, Span::new(0, frame.len()));
    let first = message.tree.next_id();
    let found = read(frame, field, &mut message);
    assert_eq!(found, message.tree.next_id() > first);
    assert!(message.faithful);
    let mut shown = String::new();
    if found {
        show(frame, &message, first, &mut shown);
    }
    for issue in &message.issues {
        assert!(issue.at.end as usize <= frame.len());
        shown.push_str(&format!(" !{}", issue.code));
    }
    shown.trim().to_owned()
}

fn show(frame: &[u8], message: &Message, id: NodeId, out: &mut String) {
    let node = message.tree.get(id).unwrap();
    if let Some(label) = node.label {
        out.push_str(&format!("{}=", label.name));
    }
    let bytes = |node: &Node, span: Span| match node.layer {
        Layer::Frame if span.end as usize > frame.len() => panic!("outside of the frame"),
        Layer::Frame => span.of(frame).to_vec(),
        Layer::Derived if span.end as usize > message.tree.derived.len() => {
            panic!("outside of the derived bytes")
        }
        Layer::Derived => span.of(&message.tree.derived).to_vec(),
    };
    match node.value {
        Value::Text(span) => out.push_str(&format!(
            "{:?}",
            String::from_utf8(bytes(node, span)).unwrap()
        )),
        Value::Bytes(span) => out.push_str(&hex::encode(bytes(node, span))),
        Value::Unsigned(number) => out.push_str(&number.to_string()),
        Value::Signed(number) => out.push_str(&number.to_string()),
        Value::Float(number) => out.push_str(&format!("{number:?}")),
        Value::Bool(truth) => out.push_str(&truth.to_string()),
        Value::Static(symbol) | Value::Symbol(symbol) => out.push_str(symbol.name),
        Value::Nil => out.push_str("nil"),
        Value::Variant(span) => {
            out.push_str(&String::from_utf8(bytes(node, span)).unwrap());
        }
        _ => {}
    }
    let mut children = message.tree.children(id).peekable();
    if children.peek().is_some() || matches!(node.value, Value::List | Value::Map) {
        out.push('(');
        for (index, (child, _)) in children.enumerate() {
            if index > 0 {
                out.push(' ');
            }
            show(frame, message, child, out);
        }
        out.push(')');
    }
}
