//! A complete record of a type, to be edited.

use crate::protocol::Protocol;
use crate::schema::{MessageType, Payload, Struct, Type, Versions};
use serde_json::{Map, Value, json};

/// A record of `kind` with a plausible value in every field of its newest version.
#[must_use]
pub fn example(protocol: &dyn Protocol, kind: &MessageType) -> Value {
    let newest = kind.when.and(known_versions(protocol)).newest();
    let version = newest.map_or(Versions::ALL, Versions::only);
    json!({
        "protocol": protocol.name(),
        "type": kind.name,
        "body": structure(&kind.body, version),
    })
}

fn known_versions(protocol: &dyn Protocol) -> Versions {
    match u32::try_from(protocol.versions().len()) {
        Ok(count @ 1..) => Versions::until(count - 1),
        _ => Versions::ALL,
    }
}

fn structure(body: &Struct, version: Versions) -> Value {
    let fields = body.fields.iter().filter(|field| {
        let derived = matches!(&field.kind, Type::Packed(packed) if packed.follows());
        field.when.meets(version) && !derived
    });
    let members: Map<String, Value> = fields
        .map(|field| {
            let name = field.label.name;
            (name.to_owned(), value(&field.kind, name, version))
        })
        .collect();
    Value::Object(members)
}

fn value(kind: &Type, name: &str, version: Versions) -> Value {
    match kind {
        Type::Bool => json!(true),
        Type::Unsigned(_) | Type::Signed(_) => json!(1),
        Type::Float32 | Type::Float64 => json!(0.5),
        Type::Text => json!(name),
        Type::Uuid => json!("00000000-0000-4000-8000-000000000000"),
        Type::Any => json!({ name: 1 }),
        Type::Bytes | Type::ElementBytes => json!("00ff"),
        Type::Fixed(count) => json!("00".repeat(usize::from(*count))),
        Type::Optional(inner) => value(inner, name, version),
        Type::List(item) => json!([value(item, name, version)]),
        Type::Tuple(kinds) => kinds
            .iter()
            .map(|kind| value(kind, name, version))
            .collect(),
        Type::Map(key, entry) => {
            let key = match **key {
                Type::Text => name.to_owned(),
                _ => "1".to_owned(),
            };
            json!({ key: value(entry, name, version) })
        }
        Type::Struct(body) => structure(body, version),
        Type::Packed(packed) => packed
            .shown()
            .map_or(Value::Null, |kind| value(&kind, name, version)),
        Type::Enum(choice) => {
            let variants = || {
                choice
                    .variants
                    .iter()
                    .filter(|variant| variant.when.meets(version))
            };
            let Some(variant) = variants().next() else {
                return Value::Null;
            };
            let payload = match &variant.payload {
                Payload::Unit => return json!(variant.symbol.name),
                Payload::Newtype(kind) => value(kind, name, version),
                Payload::Struct(fields) => structure(
                    &Struct {
                        name: "",
                        fields,
                        keyed: false,
                    },
                    version,
                ),
            };
            json!({ variant.symbol.name: payload })
        }
    }
}
