//! JSON text.

use super::content::{self, Unreadable, derived_text};
use crate::codec::json::read_text;
use crate::model::{Label, Layer, Message, Node, NodeId, Span, Tree, Value};
use serde_json::Value as Json;

/// Keys and strings that start so mean something to `serde_json` itself.
const PRIVATE: &[u8] = b"$serde_json::private::";

/// `DefinitionSync.payload`.
pub fn read(frame: &[u8], field: NodeId, message: &mut Message) -> bool {
    content::read(frame, field, message, |content, message| {
        content.bounded()?;
        push_text(content.slice(), None, content.span(), message).map_err(|error| {
            // JSON errors count lines and columns; only in the first line is the column a position.
            let offset = if error.line() == 1 {
                error.column().saturating_sub(1)
            } else {
                0
            };
            Unreadable::new(content.start + offset, format!("not JSON: {error}"))
        })?;
        Ok(true)
    })
}

/// Pushes what the JSON text `text` says: its strings become derived bytes, all else is about
/// `span` of the content.
///
/// # Errors
/// If it is not JSON; nothing is pushed then.
pub fn push_text(
    text: &[u8],
    label: Option<&'static Label>,
    span: Span,
    message: &mut Message,
) -> serde_json::Result<()> {
    if !push_usual(text, label, span, &mut message.tree) {
        push(&serde_json::from_slice(text)?, label, span, message);
    }
    Ok(())
}

/// Pushes `text` as [`push`] does with what `serde_json` reads from it, but in one go. False, with
/// nothing pushed, if `text` is not JSON or holds what is seldom: repeated keys, escapes, numbers
/// beyond 64 bits.
fn push_usual(text: &[u8], label: Option<&'static Label>, span: Span, tree: &mut Tree) -> bool {
    let first = tree.next_id();
    let kept = tree.derived.len();
    let usual = match read_text(text, 0, tree, label) {
        (end, Ok(form)) if end == text.len() && !form.repeated_key => {
            let mut derived = std::mem::take(&mut tree.derived);
            let usual = tree
                .nodes_from(first)
                .iter_mut()
                .all(|node| detach(node, text, span, &mut derived));
            tree.derived = derived;
            usual
        }
        _ => false,
    };
    if !usual {
        tree.truncate(first);
        tree.derived.truncate(kept);
    }
    usual
}

/// Makes a node that points into `text` one that does not; whether it is a usual one.
fn detach(node: &mut Node, text: &[u8], span: Span, derived: &mut Vec<u8>) -> bool {
    match node.value {
        Value::Text(string) => {
            let string = string.of(text);
            let start = derived.len();
            derived.extend_from_slice(string);
            node.span = Span::new(start, derived.len());
            node.value = Value::Text(node.span);
            node.layer = Layer::Derived;
            return !string.starts_with(PRIVATE);
        }
        Value::Number(number) => match float(number.of(text)) {
            Some(value) => node.value = Value::Float(value),
            None => return false,
        },
        Value::Nil | Value::Bool(_) | Value::Unsigned(_) | Value::Signed(_) => {}
        Value::List | Value::Map => {}
        _ => return false,
    }
    node.span = span;
    true
}

/// The finite float that `number` is, if it is not an integer.
fn float(number: &[u8]) -> Option<f64> {
    let number = std::str::from_utf8(number).ok()?;
    let float = number.contains(['.', 'e', 'E']);
    let value: f64 = number.parse().ok().filter(|_| float)?;
    value.is_finite().then_some(value)
}

/// Pushes `json`.
fn push(json: &Json, label: Option<&'static Label>, span: Span, message: &mut Message) {
    match json {
        Json::Null => {
            message.tree.leaf(label, Value::Nil, span);
        }
        Json::Bool(value) => {
            message.tree.leaf(label, Value::Bool(*value), span);
        }
        Json::Number(number) => match number_value(number) {
            Some(value) => {
                message.tree.leaf(label, value, span);
            }
            None => {
                derived_text(message, label, number.as_str());
            }
        },
        Json::String(text) => {
            derived_text(message, label, text);
        }
        Json::Array(items) => {
            let id = message.tree.open(label, Value::List, span.start as usize);
            for item in items {
                push(item, None, span, message);
            }
            message.tree.close(id, span.end as usize);
        }
        Json::Object(members) => {
            let id = message.tree.open(label, Value::Map, span.start as usize);
            for (key, value) in members {
                derived_text(message, None, key);
                push(value, None, span, message);
            }
            message.tree.close(id, span.end as usize);
        }
    }
}

/// None for what neither 64 bits nor a finite float can hold.
fn number_value(number: &serde_json::Number) -> Option<Value> {
    if let Some(value) = number.as_u64() {
        return Some(Value::Unsigned(value));
    }
    if let Some(value) = number.as_i64() {
        return Some(Value::Signed(value));
    }
    let whole = !number.as_str().contains(['.', 'e', 'E']);
    number
        .as_f64()
        .filter(|value| value.is_finite() && !whole)
        .map(Value::Float)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{read, read_text};
    use super::{Span, push, push_usual};
    use crate::model::Message;

    #[test]
    fn json_keeps_its_order_and_its_numbers() {
        assert_eq!(
            read(
                super::read,
                br#"{"b":[null,true,-1,18446744073709551615,1.5],"a":"x\ty","big":1e999}"#
            ),
            r#"("b" (nil true -1 18446744073709551615 1.5) "a" "x\ty" "big" "1e+999")"#
        );
    }

    #[test]
    fn what_is_not_json_is_a_finding() {
        assert_eq!(read_text(super::read, "{\"a\":}"), "!opaque-undecodable");
        assert_eq!(read(super::read, &[b'['; 4000]), "!opaque-undecodable");
    }

    /// What is pushed in one go is what `serde_json` reads.
    fn one_go_is_the_same(text: &[u8]) -> bool {
        let span = Span::new(3, 3 + text.len());
        let [mut quick, mut slow] = [(); 2].map(|()| Message::default());
        for message in [&mut quick, &mut slow] {
            message.tree.derived_text(None, b"before");
        }
        let usual = push_usual(text, None, span, &mut quick.tree);
        if usual {
            push(
                &serde_json::from_slice(text).unwrap(),
                None,
                span,
                &mut slow,
            );
        }
        // Not-a-number is never pushed, and -0.0 and 0.0 show that they differ.
        let shown = |message: &Message| format!("{:?}", message.tree);
        assert_eq!(shown(&quick), shown(&slow), "{}", text.escape_ascii());
        usual
    }

    #[test]
    fn usual_json_is_read_in_one_go() {
        let texts = [
            r#"{"alg":"HS256","typ":"JWT","iat":1764043300,"exp":-5,"ratio":0.5}"#,
            r#"{ "é" : [ true, false, null, {}, [], "" ], "a":{"a":1} }"#,
            "[0,-0.0,1e2,1E+2,-1.5e-3,18446744073709551615,-9223372036854775808]",
            "0.1000000000000000055511151231257827021181583404541015625",
        ];
        for text in texts {
            assert!(one_go_is_the_same(text.as_bytes()), "{text}");
        }
        assert!(one_go_is_the_same(
            format!("{}{}", "[".repeat(127), "]".repeat(127)).as_bytes()
        ));
    }

    #[test]
    fn unusual_json_is_read_as_ever() {
        let texts = [
            r#"{"a":1,"b":2,"a":3}"#,
            r#"{"a":1,"\u0061":3}"#,
            r#"{"$serde_json::private::Number":"1"}"#,
            "[-0]",
            "[1e999]",
            "[18446744073709551616]",
            "[1] ",
            "[1]]",
            "[01]",
            "{\"a\":}",
            "\"\u{1}\"",
            "",
        ];
        for text in texts {
            assert!(!one_go_is_the_same(text.as_bytes()), "{text}");
        }
        let deep = format!("{}{}", "[".repeat(128), "]".repeat(128));
        assert!(!one_go_is_the_same(deep.as_bytes()));
        assert!(!one_go_is_the_same(b"\"\xff\""));
    }

    #[test]
    fn changed_and_cut_json_is_read_alike() {
        let text = r#"{"a":[1,-2.5e3,"xyz",{"b":null,"c":true}],"d":9e307,"a ":" é"}"#.as_bytes();
        let with = b"\"\\{}[]:,.0-9eEntfu \t\n\x01\x7f\xc3\xff";
        let mut usual = 0;
        for position in 0..text.len() {
            one_go_is_the_same(&text[..position]);
            for byte in with {
                let mut changed = text.to_vec();
                changed[position] = *byte;
                usual += u32::from(one_go_is_the_same(&changed));
                changed.insert(position, *byte);
                usual += u32::from(one_go_is_the_same(&changed));
            }
        }
        assert!(usual > 100, "{usual}");
    }
}
