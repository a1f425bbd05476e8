//! A complete record of a type, to be edited.

use crate::model::Unit;
use crate::protocol::{Protocol, rps, sync};
use crate::schema::{Field, MessageType, Payload, Struct, Type, Versions};
use serde_json::{Map, Value, json};

/// Fields whose value a reader checks: type, field, and a value that passes.
const CHECKED: &[(&str, &str, &str)] = &[
    ("ServiceName", "name", r#""PEER_FEEDER""#),
    ("Request", "magic", "1314018132"),
    ("FragmentShard", "total", "2"),
    ("fragment_shard", "total", "2"),
    ("BinaryEnvelope::Inline", "data_base64", r#""AP8=""#),
    ("BinaryEnvelope::Inline", "size", "2"),
    ("BinaryEnvelope::Inline", "sha256", DIGEST),
    ("inline", "data_base64", r#""AP8=""#),
    ("inline", "size", "2"),
    ("inline", "sha256", DIGEST),
    ("BinaryEnvelope::Pointer", "sha256", DIGEST),
    ("pointer", "sha256", DIGEST),
    ("ModeSwitchSignal", "mode", r#""relay""#),
    ("ModeSwitchSignal", "previous_mode", r#""direct""#),
    ("ModeSwitchSignal", "reason", r#""path_degraded""#),
    ("mode_switch_signal", "mode", r#""relay""#),
    ("mode_switch_signal", "previous_mode", r#""direct""#),
    ("mode_switch_signal", "reason", r#""path_degraded""#),
    ("TurnCredential", "server", TURN),
    ("turn_credential", "server", TURN),
    ("TxnAbort", "end_type", "2"),
];

/// Where a TURN server is.
const TURN: &str = r#""turn:turn.example.org:3478""#;

/// SHA-256 of the bytes 00 ff.
const DIGEST: &str = r#""06eb7d6a69ee19e5fbdf749018d3d2abfa04bcbd1365db312eb86dc7169389b8""#;

/// A record of `kind` with a plausible value in every field of its newest version, or of the
/// version group `group`. None if that group does not have the type.
#[must_use]
pub fn example(protocol: &dyn Protocol, kind: &MessageType, group: Option<u32>) -> Option<Value> {
    let known = kind.when.and(known_versions(protocol));
    let version = match group {
        Some(group) if !known.meets(Versions::only(group)) => return None,
        Some(group) => Versions::only(group),
        None => known.newest().map_or(Versions::ALL, Versions::only),
    };
    let writer = Writer {
        type_name: kind.name,
        version,
        tagged: !protocol.bodies_follow_tables() && !protocol.is_text(),
    };
    let mut record = Map::new();
    record.insert("protocol".to_owned(), json!(protocol.name()));
    record.insert("type".to_owned(), json!(kind.name));
    let name = group.and_then(|group| sync::versions::NAMES.get(group as usize));
    if let Some(name) = name {
        record.insert("header".to_owned(), json!({"schema": name}));
    }
    let mut body = Map::new();
    if let Some((key, word)) = rps::tag(kind).filter(|_| protocol.name() == "rps") {
        body.insert(key.to_owned(), json!(word));
    }
    writer.fields(kind.body.fields, &mut body);
    if writer.tagged && kind.name == "Value" {
        body.insert("key".to_owned(), json!("value"));
    }
    record.insert("body".to_owned(), Value::Object(body));
    Some(Value::Object(record))
}

fn known_versions(protocol: &dyn Protocol) -> Versions {
    match u32::try_from(protocol.versions().len()) {
        Ok(count @ 1..) => Versions::until(count - 1),
        _ => Versions::ALL,
    }
}

/// Makes up values.
struct Writer {
    type_name: &'static str,
    version: Versions,
    /// Whether bytes need a tag to be told from text.
    tagged: bool,
}

impl Writer {
    fn structure(&self, body: &Struct) -> Value {
        let mut members = Map::new();
        self.fields(body.fields, &mut members);
        Value::Object(members)
    }

    fn fields(&self, fields: &[Field], members: &mut Map<String, Value>) {
        for field in fields {
            let derived = matches!(&field.kind, Type::Packed(packed) if packed.follows());
            if field.when.meets(self.version) && !derived {
                members.insert(field.label.name.to_owned(), self.field(field));
            }
        }
    }

    fn field(&self, field: &Field) -> Value {
        let name = field.label.name;
        let checked = CHECKED
            .iter()
            .find(|(type_name, field, _)| *type_name == self.type_name && *field == name)
            .and_then(|(_, _, text)| serde_json::from_str(text).ok());
        let integer = matches!(field.kind, Type::Unsigned(8) | Type::Signed(8));
        match (checked, field.label.unit) {
            (Some(value), _) => value,
            (None, Unit::UnixMilliseconds) if integer => json!(1_764_043_300_844_u64),
            (None, Unit::UnixMicroseconds) if integer => json!(1_764_043_300_844_000_u64),
            (None, _) => self.value(&field.kind, name),
        }
    }

    fn value(&self, kind: &Type, name: &str) -> Value {
        match kind {
            Type::Bool => json!(true),
            Type::Unsigned(_) | Type::Signed(_) => json!(1),
            Type::Float32 | Type::Float64 => json!(0.5),
            Type::Text => json!(name),
            Type::Uuid if self.tagged => json!({"$bytes": "00000000000040008000000000000000"}),
            Type::Uuid => json!("00000000-0000-4000-8000-000000000000"),
            Type::Any => json!({ name: 1 }),
            Type::Bytes | Type::ElementBytes => json!("00ff"),
            Type::Fixed(count) => json!("00".repeat(usize::from(*count))),
            Type::Optional(inner) => self.value(inner, name),
            Type::List(item) => json!([self.value(item, name)]),
            Type::Tuple(kinds) => kinds.iter().map(|kind| self.value(kind, name)).collect(),
            Type::Map(key, entry) => {
                let key = match **key {
                    Type::Text => name.to_owned(),
                    _ => "1".to_owned(),
                };
                json!({ key: self.value(entry, name) })
            }
            Type::Struct(body) => self.structure(body),
            Type::Packed(packed) => packed
                .shown()
                .map_or(Value::Null, |kind| self.value(&kind, name)),
            Type::Enum(choice) => {
                let variants = || {
                    choice
                        .variants
                        .iter()
                        .filter(|variant| variant.when.meets(self.version))
                };
                let Some(variant) = variants().next() else {
                    return Value::Null;
                };
                let payload = match &variant.payload {
                    Payload::Unit => return json!(variant.symbol.name),
                    Payload::Newtype(kind) => self.value(kind, name),
                    Payload::Struct(fields) => {
                        let mut members = Map::new();
                        self.fields(fields, &mut members);
                        Value::Object(members)
                    }
                };
                json!({ variant.symbol.name: payload })
            }
        }
    }
}
