//! JSON text.

use super::content::{self, Content, Unreadable, derived_text};
use crate::model::{Label, Message, NodeId, Span, Value};
use serde_json::Value as Json;

/// `DefinitionSync.payload`.
pub fn read(frame: &[u8], field: NodeId, message: &mut Message) -> bool {
    content::read(frame, field, message, |content, message| {
        let json = parse(content)?;
        push(&json, None, content.span(), message);
        Ok(true)
    })
}

fn parse(content: &Content<'_>) -> Result<Json, Unreadable> {
    content.bounded()?;
    serde_json::from_slice(content.slice()).map_err(|error| {
        // JSON errors count lines and columns; only in the first line is the column a position.
        let offset = if error.line() == 1 {
            error.column().saturating_sub(1)
        } else {
            0
        };
        Unreadable::new(content.start + offset, format!("not JSON: {error}"))
    })
}

/// Pushes `json`: its texts become derived bytes, all else is about `span` of the content.
pub fn push(json: &Json, label: Option<&'static Label>, span: Span, message: &mut Message) {
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
}
