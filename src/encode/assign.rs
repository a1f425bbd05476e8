//! Fields given on the command line: `field=text`, `field:=json`, `field=@file`, `field:hex=…`,
//! `field:base64=…`, with paths such as `field.sub` and `field[0]`.

use crate::protocol::Protocol;
use crate::schema::{MessageType, Payload, Type, closest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use thiserror::Error;

/// Why a field given on the command line cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{argument}: {what}")]
pub struct AssignmentError {
    /// The argument as typed.
    pub argument: String,
    /// What is wrong, and what was expected.
    pub what: String,
}

/// One field given on the command line.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    argument: String,
    path: Vec<Step>,
    given: Given,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
}

#[derive(Clone, Debug, PartialEq)]
enum Given {
    Text(String),
    Json(Value),
    Bytes(Vec<u8>),
}

impl Assignment {
    /// Parses an argument. `read` fetches the content of a named file.
    ///
    /// # Errors
    /// If the argument has no `=`, or its value is not what its operator says.
    pub fn parse(
        argument: &str,
        read: impl FnOnce(&str) -> Result<Vec<u8>, String>,
    ) -> Result<Self, AssignmentError> {
        let fail = |what: String| AssignmentError {
            argument: argument.to_owned(),
            what,
        };
        let (left, value) = argument.split_once('=').ok_or_else(|| {
            fail(
                "expected FIELD=TEXT, FIELD:=JSON, FIELD=@FILE, FIELD:hex=… or FIELD:base64=…"
                    .to_owned(),
            )
        })?;
        let (path, given) = match left.rsplit_once(':') {
            Some((path, "")) => {
                let value = serde_json::from_str(value)
                    .map_err(|error| fail(format!("not JSON: {error}")))?;
                (path, Given::Json(value))
            }
            Some((path, "hex")) => {
                let bytes = hex::decode(value)
                    .map_err(|error| fail(format!("not hexadecimal: {error}")))?;
                (path, Given::Bytes(bytes))
            }
            Some((path, "base64")) => {
                let bytes = STANDARD
                    .decode(value)
                    .map_err(|error| fail(format!("not base64: {error}")))?;
                (path, Given::Bytes(bytes))
            }
            Some((_, operator)) => {
                return Err(fail(format!(
                    "{operator:?} is no operator: expected :=, :hex= or :base64="
                )));
            }
            None => match value.strip_prefix('@') {
                Some(file) => (left, Given::Bytes(read(file).map_err(fail)?)),
                None => (left, Given::Text(value.to_owned())),
            },
        };
        Ok(Self {
            path: parse_path(path).map_err(fail)?,
            argument: argument.to_owned(),
            given,
        })
    }

    /// Changes the field in the body (or, for paths that start with `header.` or `body.`, there)
    /// of `record`, a record of `kind` as JSON. Says whether the record has the field.
    ///
    /// # Errors
    /// If the value is not of the field's kind.
    pub fn change(
        &self,
        record: &mut Value,
        kind: Option<&'static MessageType>,
    ) -> Result<bool, AssignmentError> {
        let (part, path) = match self.path.split_first() {
            Some((Step::Name(part), path))
                if !path.is_empty() && matches!(part.as_str(), "header" | "body") =>
            {
                (part.as_str(), path)
            }
            _ => ("body", self.path.as_slice()),
        };
        let mut here = record.get_mut(part);
        for step in path {
            here = here.and_then(|value| match step {
                Step::Name(name) => value.get_mut(name),
                Step::Index(index) => value.get_mut(index),
            });
        }
        let Some(here) = here else {
            return Ok(false);
        };
        let in_body = Self {
            path: path.to_vec(),
            ..self.clone()
        };
        let kind = kind
            .filter(|_| part == "body")
            .and_then(|kind| resolve(kind, &in_body).ok().flatten());
        *here = match (&self.given, kind) {
            (Given::Text(text), None) => like(here, text),
            (Given::Bytes(bytes), None) => match std::str::from_utf8(bytes) {
                Ok(text) => like(here, text.strip_suffix('\n').unwrap_or(text)),
                Err(_) => self.json(None)?,
            },
            _ => self.json(kind)?,
        };
        Ok(true)
    }

    /// The argument as typed.
    #[must_use]
    pub fn argument(&self) -> &str {
        &self.argument
    }

    fn fail(&self, what: impl Into<String>) -> AssignmentError {
        AssignmentError {
            argument: self.argument.clone(),
            what: what.into(),
        }
    }

    /// The value as JSON, spelled as `kind` wants it.
    fn json(&self, kind: Option<&Type>) -> Result<Value, AssignmentError> {
        match &self.given {
            Given::Json(value) => Ok(value.clone()),
            Given::Bytes(bytes) if kind.is_some_and(is_text) => {
                let text = std::str::from_utf8(bytes)
                    .map_err(|_| self.fail("the field is text, but this is not UTF-8"))?;
                Ok(json!(text.strip_suffix('\n').unwrap_or(text)))
            }
            Given::Bytes(bytes) => match (kind, std::str::from_utf8(bytes)) {
                (Some(kind), Ok(text)) if !is_bytes(kind) => {
                    self.typed(text.strip_suffix('\n').unwrap_or(text), Some(kind))
                }
                _ => Ok(json!(hex::encode(bytes))),
            },
            Given::Text(text) => self.typed(text, kind),
        }
    }

    /// The value as JSON for self-describing binary payloads, where bytes need a tag.
    fn tagged(&self, kind: Option<&Type>) -> Result<Value, AssignmentError> {
        let value = self.json(kind)?;
        let bytes = |digits: &str| json!({"$bytes": digits});
        Ok(match (&value, kind, &self.given) {
            (Value::String(text), Some(Type::Uuid), Given::Text(_)) => {
                let digits = text.replace('-', "");
                if digits.len() != 32 || hex::decode(&digits).is_err() {
                    return Err(self.fail("expected a UUID"));
                }
                bytes(&digits.to_ascii_lowercase())
            }
            (_, Some(Type::List(Type::Unsigned(1))), Given::Bytes(given)) => json!(given),
            (Value::String(digits), kind, Given::Bytes(_)) if !kind.is_some_and(is_text) => {
                bytes(digits)
            }
            _ => value,
        })
    }

    fn typed(&self, text: &str, kind: Option<&Type>) -> Result<Value, AssignmentError> {
        let number = |what: &str| {
            serde_json::from_str::<Value>(text)
                .ok()
                .filter(Value::is_number)
                .ok_or_else(|| self.fail(format!("expected {what}")))
        };
        match kind {
            None | Some(Type::Text | Type::Enum(_) | Type::Uuid) => Ok(json!(text)),
            Some(Type::Bool) => match text {
                "true" => Ok(json!(true)),
                "false" => Ok(json!(false)),
                _ => Err(self.fail("expected true or false")),
            },
            Some(kind @ (Type::Unsigned(_) | Type::Signed(_))) => {
                number(&format!("an integer ({})", kind.describe()))
            }
            Some(Type::Float32 | Type::Float64) => match text {
                "NaN" | "Infinity" | "-Infinity" => Ok(json!(text)),
                _ => number("a number"),
            },
            Some(Type::Bytes | Type::ElementBytes | Type::Fixed(_)) => Ok(json!(hex::encode(text))),
            Some(Type::Optional(_)) if text == "null" => Ok(Value::Null),
            Some(Type::Optional(inner)) => self.typed(text, Some(inner)),
            Some(Type::Packed(packed)) => self.typed(text, packed.shown().as_ref()),
            Some(kind) => Err(self.fail(format!(
                "the field is a {}: give it as JSON with :=, or its parts one by one",
                kind.describe()
            ))),
        }
    }
}

/// Puts the fields together into a record of `kind`. `header` fields are JSON where they parse as
/// such, else text.
///
/// # Errors
/// If a field is not one of the type's, or its value not of its kind.
pub fn assemble(
    protocol: &dyn Protocol,
    kind: &'static MessageType,
    fields: &[Assignment],
    header: &[(String, String)],
) -> Result<Value, AssignmentError> {
    let mut body = Value::Object(Map::new());
    let tagged = !protocol.bodies_follow_tables() && !protocol.is_text();
    for field in fields {
        let kind = resolve(kind, field)?;
        let value = match tagged {
            true => field.tagged(kind)?,
            false => field.json(kind)?,
        };
        place(&mut body, field, value)?;
    }
    let mut record = json!({"protocol": protocol.name(), "type": kind.name});
    if let Some(members) = record.as_object_mut() {
        if !header.is_empty() {
            let header: Map<String, Value> = header
                .iter()
                .map(|(name, text)| {
                    let value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
                    (name.clone(), value)
                })
                .collect();
            members.insert("header".to_owned(), Value::Object(header));
        }
        members.insert("body".to_owned(), body);
    }
    Ok(record)
}

/// Something that an argument may go on with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The argument so far, with the choice.
    pub text: String,
    /// Its meaning.
    pub about: &'static str,
}

/// What the argument `typed` may go on with, the fields and values of `kind`: the names at its
/// last part, whatever is typed of them.
#[must_use]
pub fn choices(kind: &'static MessageType, typed: &str) -> Vec<Choice> {
    let choice = |text: String, about| Choice { text, about };
    if let Some((path, _)) = typed.split_once('=') {
        let values = resolved(kind, path).map_or(Vec::new(), values);
        let values = values.iter().map(|value| format!("{path}={value}"));
        return values.map(|text| choice(text, "")).collect();
    }
    let (before, fields) = match typed.rsplit_once('.') {
        None => (String::new(), kind.body.fields),
        Some((path, _)) => match unwrapped(resolved(kind, path)) {
            Some(Type::Struct(body)) => (format!("{path}."), body.fields),
            _ => return Vec::new(),
        },
    };
    let fields = fields.iter().filter(|field| {
        let derived = matches!(&field.kind, Type::Packed(packed) if packed.shown().is_none());
        !derived
    });
    fields
        .map(|field| {
            let end = match unwrapped(Some(&field.kind)) {
                Some(Type::Struct(_)) => ".",
                Some(Type::List(_) | Type::Tuple(_) | Type::Any) => ":=",
                _ => "=",
            };
            choice(format!("{before}{}{end}", field.label.name), field.about)
        })
        .collect()
}

fn resolved(kind: &'static MessageType, path: &str) -> Option<&'static Type> {
    let field = Assignment {
        argument: path.to_owned(),
        path: parse_path(path).ok()?,
        given: Given::Text(String::new()),
    };
    resolve(kind, &field).ok().flatten()
}

/// The values that a type is limited to, as far as one may list them.
fn values(kind: &'static Type) -> Vec<&'static str> {
    match unwrapped(Some(kind)) {
        Some(Type::Bool) => vec!["true", "false"],
        Some(Type::Enum(choice)) => {
            let variants = choice.variants.iter();
            let units = variants.filter(|variant| matches!(variant.payload, Payload::Unit));
            units.map(|variant| variant.symbol.name).collect()
        }
        _ => Vec::new(),
    }
}

fn parse_path(path: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let (name, indexes) = part.split_at(part.find('[').unwrap_or(part.len()));
        if name.is_empty() {
            return Err("a field's name is empty".to_owned());
        }
        steps.push(Step::Name(name.to_owned()));
        for index in indexes.split_terminator(']') {
            let index = index
                .strip_prefix('[')
                .and_then(|index| index.parse().ok())
                .filter(|index| *index < 65_536)
                .ok_or_else(|| format!("{part:?}: expected NAME[INDEX]"))?;
            steps.push(Step::Index(index));
        }
    }
    Ok(steps)
}

/// The type of the value that the path leads to, if the tables go so far.
fn resolve(
    kind: &'static MessageType,
    field: &Assignment,
) -> Result<Option<&'static Type>, AssignmentError> {
    let mut fields = Some(kind.body.fields);
    let mut here: Option<&'static Type> = None;
    for step in &field.path {
        while let Some(Type::Optional(inner)) = here {
            here = Some(*inner);
        }
        match (step, fields.take(), here) {
            (Step::Name(name), Some([]), _) => {
                let _ = name;
                return Ok(None);
            }
            (Step::Name(name), Some(known), _) => {
                let found = known.iter().rev().find(|field| field.label.name == name);
                let Some(found) = found else {
                    let names = known.iter().map(|field| field.label.name);
                    let meant = closest(name, names)
                        .map_or(String::new(), |meant| format!("; did you mean {meant}?"));
                    return Err(field.fail(format!("no field {name:?}{meant}")));
                };
                here = Some(&found.kind);
            }
            (Step::Name(name), None, Some(Type::Enum(choice))) => {
                let variant = choice
                    .variants
                    .iter()
                    .find(|variant| variant.symbol.name == name);
                let Some(variant) = variant else {
                    let names = choice.variants.iter().map(|variant| variant.symbol.name);
                    let meant = closest(name, names)
                        .map_or(String::new(), |meant| format!("; did you mean {meant}?"));
                    return Err(field.fail(format!("no {} {name:?}{meant}", choice.name)));
                };
                here = None;
                match &variant.payload {
                    Payload::Struct(known) => fields = Some(known),
                    Payload::Newtype(kind) => here = Some(kind),
                    Payload::Unit => {}
                }
            }
            (Step::Name(_), None, Some(Type::Map(_, value))) => here = Some(*value),
            (Step::Index(_), None, Some(Type::List(item))) => here = Some(*item),
            (Step::Index(index), None, Some(Type::Tuple(kinds))) => here = kinds.get(*index),
            (_, _, None) => return Ok(None),
            (_, _, Some(kind)) => {
                return Err(field.fail(format!("a {} has no such part", kind.describe())));
            }
        }
        if let Some(Type::Struct(body)) = unwrapped(here) {
            fields = Some(body.fields);
        }
    }
    Ok(here)
}

fn unwrapped(mut kind: Option<&'static Type>) -> Option<&'static Type> {
    while let Some(Type::Optional(inner)) = kind {
        kind = Some(*inner);
    }
    kind
}

fn is_text(kind: &Type) -> bool {
    match kind {
        Type::Text => true,
        Type::Optional(inner) => is_text(inner),
        _ => false,
    }
}

fn is_bytes(kind: &Type) -> bool {
    match kind {
        Type::Bytes | Type::ElementBytes | Type::Fixed(_) | Type::Packed(_) => true,
        Type::Optional(inner) => is_bytes(inner),
        _ => false,
    }
}

/// `text` in place of a value whose kind no table tells: text for text, else JSON if it is that.
fn like(old: &Value, text: &str) -> Value {
    match old {
        Value::String(_) => json!(text),
        _ => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
    }
}

fn place(body: &mut Value, field: &Assignment, value: Value) -> Result<(), AssignmentError> {
    let mut here = body;
    for step in &field.path {
        here = match step {
            Step::Name(name) => {
                if here.is_null() {
                    *here = Value::Object(Map::new());
                }
                here.as_object_mut()
                    .ok_or_else(|| field.fail("another argument makes this something else"))?
                    .entry(name.clone())
                    .or_insert(Value::Null)
            }
            Step::Index(index) => {
                if here.is_null() {
                    *here = Value::Array(Vec::new());
                }
                let items = here
                    .as_array_mut()
                    .ok_or_else(|| field.fail("another argument makes this something else"))?;
                if items.len() <= *index {
                    items.resize(index + 1, Value::Null);
                }
                items
                    .get_mut(*index)
                    .ok_or_else(|| field.fail("no such index"))?
            }
        };
    }
    *here = value;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::type_by_name;

    fn body(name: &str, arguments: &[&str]) -> Result<String, String> {
        let (protocol, kind) = type_by_name(name).unwrap();
        let fields: Result<Vec<_>, _> = arguments
            .iter()
            .map(|argument| Assignment::parse(argument, |_| Ok(vec![1, 2])))
            .collect();
        let record = fields.and_then(|fields| assemble(protocol, kind, &fields, &[]));
        record
            .map(|record| record["body"].to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn values_get_the_type_that_the_table_says() {
        assert_eq!(
            body(
                "sync.PingPong",
                &["timestamp_ms=18446744073709551615", "is_pong=false"]
            )
            .unwrap(),
            r#"{"timestamp_ms":18446744073709551615,"is_pong":false}"#
        );
        assert_eq!(
            body("sync.KvPush", &["key=ab", "lite_id=1"]).unwrap(),
            r#"{"key":"6162","lite_id":"1"}"#
        );
        assert_eq!(
            body("sync.KvPush", &["key=@file"]).unwrap(),
            r#"{"key":"0102"}"#
        );
        assert_eq!(
            body("sync.KvPush", &["key:hex=ff00"]).unwrap(),
            r#"{"key":"ff00"}"#
        );
    }

    #[test]
    fn paths_reach_into_lists_maps_and_variants() {
        assert_eq!(
            body("sync.PresenceBroadcast", &["peers[1].last_seen_ms=7"]).unwrap(),
            r#"{"peers":[null,{"last_seen_ms":7}]}"#
        );
        assert_eq!(
            body("sync.DeltaAck", &["status.Gap.expected=5"]).unwrap(),
            r#"{"status":{"Gap":{"expected":5}}}"#
        );
        assert_eq!(
            body("sync.DeltaAck", &["status=Applied"]).unwrap(),
            r#"{"status":"Applied"}"#
        );
        assert_eq!(
            body("sync.Handshake", &["vector_clock.a.b=3"]).unwrap(),
            r#"{"vector_clock":{"a":{"b":3}}}"#
        );
    }

    #[test]
    fn an_argument_may_go_on_with_fields_and_values() {
        let choices = |name: &str, typed: &str| -> Vec<String> {
            let (_, kind) = type_by_name(name).unwrap();
            let found = choices(kind, typed).into_iter();
            found.map(|choice| choice.text).collect()
        };
        assert_eq!(
            choices("sync.PingPong", "time"),
            ["timestamp_ms=", "is_pong="]
        );
        assert_eq!(
            choices("sync.PingPong", "is_pong="),
            ["is_pong=true", "is_pong=false"]
        );
        assert!(choices("noxu.protocol.ElectionVote", "unknown.x").is_empty());
        assert_eq!(
            choices("sync.PresenceBroadcast", "peers[0].u")[0],
            "peers[0].user_id="
        );
    }

    #[test]
    fn mistakes_are_named_with_the_close_spelling() {
        assert_eq!(
            body("sync.PingPong", &["timestamp=1"]).unwrap_err(),
            "timestamp=1: no field \"timestamp\"; did you mean timestamp_ms?"
        );
        assert_eq!(
            body("sync.PingPong", &["timestamp_ms=soon"]).unwrap_err(),
            "timestamp_ms=soon: expected an integer (u64)"
        );
        assert!(
            body("sync.PingPong", &["is_pong"])
                .unwrap_err()
                .contains("FIELD=TEXT")
        );
    }
}
