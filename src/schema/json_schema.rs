//! JSON Schema (2020-12) from the tables: the same rows that decode and encode.

use super::{Enum, Field, MessageType, Payload, Struct, Type, Versions};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Definitions of named types, gathered on the way.
pub type Definitions = BTreeMap<String, Value>;

/// The schema of a record of `kind`, whose header has the fields `header`; named types go to
/// `definitions`. The body follows the table only if that is said (`by_table`).
///
/// A record that carries its frame as `raw` was damaged or unusual, and one that is redacted has
/// masks in it; header and body may then be anything.
#[must_use]
pub fn record(
    protocol: &str,
    kind: &MessageType,
    header: &[Field],
    definitions: &mut Definitions,
    by_table: bool,
) -> Value {
    let mut header = fields(header, Versions::ALL, definitions);
    if let Some(members) = header.as_object_mut() {
        // Later versions may say more.
        members.remove("additionalProperties");
    }
    let mut sound = json!({"header": header});
    if let Some(sound) = sound.as_object_mut().filter(|_| by_table) {
        let body = structure(&kind.body, kind.when, definitions);
        sound.insert("body".to_owned(), body);
    }
    json!({
        "title": format!("{protocol}.{}", kind.name),
        "description": kind.about,
        "type": "object",
        "required": ["protocol", "type", "body"],
        "properties": {
            "protocol": {"const": protocol},
            "type": {"const": kind.name},
        },
        "if": {"not": {"anyOf": [{"required": ["raw"]}, {"required": ["redacted"]}]}},
        "then": {"properties": sound},
        "allOf": [{"$ref": "#/$defs/record"}],
    })
}

/// What all records have in common.
#[must_use]
pub fn envelope() -> Value {
    let whole = json!({"type": "integer", "minimum": 0});
    let text = json!({"type": "string"});
    json!({
        "description": "a record: one decoded frame in its place",
        "type": "object",
        "required": ["protocol", "type", "body"],
        "properties": {
            "n": whole,
            "time": {"type": "string", "format": "date-time"},
            "stream": whole,
            "direction": {"enum": ["c2s", "s2c"]},
            "src": text,
            "dst": text,
            "transport": {"enum": ["tcp", "ws", "sse", "http", "udp", "tls"]},
            "file": text,
            "line": {"type": "integer", "minimum": 1},
            "offset": whole,
            "length": whole,
            "derived": {"const": true},
            "protocol": text,
            "type": text,
            "header": {"type": "object"},
            "body": true,
            "inner": true,
            "issues": {"type": "array", "items": issue()},
            "raw": hexadecimal(None),
            "redacted": {"const": true},
        },
    })
}

fn issue() -> Value {
    let position = json!({"type": "integer", "minimum": 0});
    json!({
        "type": "object",
        "required": ["severity", "code", "at", "message"],
        "properties": {
            "severity": {"enum": ["error", "warning", "note"]},
            "code": {"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"},
            "at": {"type": "array", "items": position, "minItems": 2, "maxItems": 2},
            "message": {"type": "string"},
        },
    })
}

fn structure(body: &Struct, when: Versions, definitions: &mut Definitions) -> Value {
    fields(body.fields, when, definitions)
}

/// Any version's fields: those that every version has are required.
fn fields(fields: &[Field], when: Versions, definitions: &mut Definitions) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in fields {
        let name = field.label.name;
        let mut value = schema(&field.kind, definitions);
        if let (Some(members), false) = (value.as_object_mut(), field.about.is_empty()) {
            members.insert("description".to_owned(), json!(field.about));
        }
        match properties.get_mut(name) {
            // Another version spells the same field otherwise.
            Some(earlier) => {
                let both = json!({"anyOf": [earlier.take(), value]});
                *earlier = both;
            }
            None => {
                properties.insert(name.to_owned(), value);
                let everywhere = field.when.and(when) == when;
                let optional = match &field.kind {
                    Type::Optional(_) => true,
                    Type::Packed(packed) => packed.follows(),
                    _ => field.may_lack,
                };
                if everywhere && !optional {
                    required.push(name);
                }
            }
        }
    }
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn schema(kind: &Type, definitions: &mut Definitions) -> Value {
    match kind {
        Type::Bool => json!({"type": "boolean"}),
        Type::Unsigned(width) => {
            let most = u64::MAX >> (64 - 8 * u32::from(*width));
            json!({"type": "integer", "minimum": 0, "maximum": most})
        }
        Type::Signed(width) => {
            let most = i64::MAX >> (64 - 8 * u32::from(*width));
            json!({"type": "integer", "minimum": -most - 1, "maximum": most})
        }
        Type::Float32 | Type::Float64 => {
            json!({"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]})
        }
        Type::Text => json!({"type": "string"}),
        Type::Bytes | Type::ElementBytes => hexadecimal(None),
        Type::Fixed(count) => hexadecimal(Some(*count)),
        Type::Optional(inner) => {
            json!({"anyOf": [schema(inner, definitions), {"type": "null"}]})
        }
        Type::Uuid => json!({"type": "string", "format": "uuid"}),
        Type::Any => json!({}),
        Type::List(item) => json!({"type": "array", "items": schema(item, definitions)}),
        Type::Tuple(kinds) => {
            let items: Vec<Value> = kinds.iter().map(|kind| schema(kind, definitions)).collect();
            json!({"type": "array", "prefixItems": items, "items": false, "minItems": kinds.len()})
        }
        Type::Map(key, value) => {
            let names = match key {
                Type::Text => json!({}),
                _ => json!({"pattern": "^[0-9]+$"}),
            };
            let values = schema(value, definitions);
            json!({"type": "object", "propertyNames": names, "additionalProperties": values})
        }
        Type::Struct(body) => define(body.name, definitions, |definitions| {
            structure(body, Versions::ALL, definitions)
        }),
        Type::Enum(choice) => define(choice.name, definitions, |definitions| {
            variants(choice, definitions)
        }),
        // What is made from other fields may be anything.
        Type::Packed(packed) => packed
            .shown()
            .map_or_else(|| json!({}), |kind| schema(&kind, definitions)),
    }
}

/// A reference to the named type, which is defined once.
fn define(
    name: &str,
    definitions: &mut Definitions,
    make: impl FnOnce(&mut Definitions) -> Value,
) -> Value {
    if !definitions.contains_key(name) {
        // Stands in while the type is made, should it contain itself.
        definitions.insert(name.to_owned(), Value::Bool(true));
        let made = make(definitions);
        definitions.insert(name.to_owned(), made);
    }
    json!({"$ref": format!("#/$defs/{name}")})
}

fn variants(choice: &Enum, definitions: &mut Definitions) -> Value {
    let mut units = Vec::new();
    let mut others = Vec::new();
    for variant in choice.variants {
        let name = variant.symbol.name;
        let payload = match &variant.payload {
            Payload::Unit => {
                units.push(name);
                continue;
            }
            Payload::Newtype(kind) => schema(kind, definitions),
            Payload::Struct(members) => fields(members, Versions::ALL, definitions),
        };
        others.push(json!({
            "type": "object",
            "properties": {name: payload},
            "required": [name],
            "additionalProperties": false,
        }));
    }
    if !units.is_empty() {
        others.insert(0, json!({"enum": units}));
    }
    json!({"anyOf": others})
}

fn hexadecimal(count: Option<u16>) -> Value {
    let pattern = match count {
        Some(count) => format!("^[0-9a-f]{{{}}}$", 2 * u32::from(count)),
        None => "^([0-9a-f]{2})*$".to_owned(),
    };
    json!({"type": "string", "pattern": pattern})
}
