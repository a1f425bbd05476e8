//! Encoding by table: the other direction of [`super::decode`].

use super::{Codecs, Dialect};
use crate::codec::json::{Json, Members};
use crate::codec::messagepack as write;
use crate::schema::notation;
use crate::schema::{
    EncodeError, Enum, Field, Payload, Struct, Type, Variant, hexadecimal, unsigned,
};

/// Encodes one body.
#[derive(Debug)]
pub struct Encoder<'o> {
    out: &'o mut Vec<u8>,
    dialect: Dialect,
    /// Bytes on their way to an array of integers.
    scratch: Vec<u8>,
}

impl<'o> Encoder<'o> {
    /// Appends to `out` as `dialect` spells it; its codecs must be one.
    pub fn new(out: &'o mut Vec<u8>, dialect: Dialect) -> Self {
        Self {
            out,
            dialect,
            scratch: Vec::new(),
        }
    }

    /// Appends `json` as `body`.
    ///
    /// # Errors
    /// If `json` does not fit the table.
    pub fn body(&mut self, body: &'static Struct, json: Json<'_>) -> Result<(), EncodeError> {
        self.structure(body, json)
    }

    fn named(&self) -> bool {
        self.dialect.codecs == Codecs::RMP_NAMED
    }

    pub(super) fn value(&mut self, kind: &'static Type, json: Json<'_>) -> Result<(), EncodeError> {
        match kind {
            Type::Bool => match json.as_bool() {
                Some(value) => write::write_bool(self.out, value),
                None => return Err(EncodeError::expected(json, "true or false")),
            },
            Type::Unsigned(width) => {
                let most = u64::MAX >> (64 - 8 * u32::from(*width));
                write::write_unsigned(self.out, unsigned(json, most)?);
            }
            Type::Signed(_) => self.signed(json)?,
            Type::Float32 => {
                let value = float(json)?;
                write::write_float32(self.out, value as f32);
            }
            Type::Float64 => write::write_float64(self.out, float(json)?),
            Type::Text => match json.as_text() {
                Some(text) => write::write_text(self.out, text.as_bytes()),
                None => return Err(EncodeError::expected(json, "a string")),
            },
            Type::Bytes
                if self
                    .dialect
                    .codecs
                    .and(Codecs::RMP_NAMED.or(Codecs::Z_ARR))
                    .is_empty() =>
            {
                self.scratch.clear();
                hexadecimal(json, &mut self.scratch)?;
                write::write_binary(self.out, &self.scratch);
            }
            Type::Bytes | Type::ElementBytes => self.integer_bytes(json, None)?,
            Type::Fixed(count) => self.integer_bytes(json, Some(usize::from(*count)))?,
            Type::Optional(_) if json.is_null() => write::write_nil(self.out),
            Type::Optional(inner) => self.value(inner, json)?,
            Type::List(item) => {
                let items = json
                    .items()
                    .ok_or_else(|| EncodeError::expected(json, "an array"))?;
                write::write_array(self.out, json.size());
                for entry in items {
                    self.value(item, entry)?;
                }
            }
            Type::Tuple(kinds) => self.tuple(kinds, json)?,
            Type::Map(key, value) => self.map(key, value, json)?,
            Type::Struct(body) => self.structure(body, json)?,
            Type::Enum(choice) => self.choice(choice, json)?,
            // No MessagePack table has these.
            Type::Packed(_) => return Err(EncodeError::at(json, "has no MessagePack form")),
            Type::Uuid => {
                self.scratch.clear();
                hexadecimal(json, &mut self.scratch)?;
                write::write_binary(self.out, &self.scratch);
            }
            Type::Any => notation::write(notation::Encoding::MessagePack, json, self.out)?,
        }
        Ok(())
    }

    fn signed(&mut self, json: Json<'_>) -> Result<(), EncodeError> {
        let value = json
            .as_signed()
            .ok_or_else(|| EncodeError::expected(json, "a signed 64-bit integer"))?;
        match u64::try_from(value) {
            Ok(value) if self.named() => write::write_unsigned(self.out, value),
            _ => write::write_signed(self.out, value),
        }
        Ok(())
    }

    fn integer_bytes(&mut self, json: Json<'_>, count: Option<usize>) -> Result<(), EncodeError> {
        self.scratch.clear();
        hexadecimal(json, &mut self.scratch)?;
        if let Some(count) = count.filter(|count| *count != self.scratch.len()) {
            let found = self.scratch.len();
            return Err(EncodeError::at(
                json,
                format!(
                    "expected {count} bytes ({} digits), found {found}",
                    2 * count
                ),
            ));
        }
        write::write_array(self.out, self.scratch.len());
        for byte in &self.scratch {
            write::write_unsigned(self.out, u64::from(*byte));
        }
        Ok(())
    }

    fn tuple(&mut self, kinds: &'static [Type], json: Json<'_>) -> Result<(), EncodeError> {
        let items = json
            .items()
            .filter(|items| items.clone().count() == kinds.len())
            .ok_or_else(|| EncodeError::expected(json, &format!("an array of {}", kinds.len())))?;
        write::write_array(self.out, kinds.len());
        for (kind, item) in kinds.iter().zip(items) {
            self.value(kind, item)?;
        }
        Ok(())
    }

    fn map(
        &mut self,
        key: &'static Type,
        value: &'static Type,
        json: Json<'_>,
    ) -> Result<(), EncodeError> {
        let members = members(json)?;
        write::write_map(self.out, json.size());
        for (name, member) in members {
            if matches!(key, Type::Text) {
                write::write_text(self.out, name.as_bytes());
            } else {
                let number = name
                    .parse()
                    .map_err(|_| EncodeError::at(member, "its key must be an integer in quotes"))?;
                write::write_unsigned(self.out, number);
            }
            self.value(value, member)?;
        }
        Ok(())
    }

    fn structure(&mut self, body: &'static Struct, json: Json<'_>) -> Result<(), EncodeError> {
        self.fields(body.fields, body.keyed || self.named(), json)
    }

    /// The fields that this version has, in wire order; with their names if `keyed`.
    fn fields(
        &mut self,
        fields: &'static [Field],
        keyed: bool,
        json: Json<'_>,
    ) -> Result<(), EncodeError> {
        let given = members(json)?;
        let version = self.dialect.version;
        let present = fields.iter().filter(|field| field.when.meets(version));
        let mut ordered = given.clone();
        let mut count = present.clone().count();
        if keyed {
            count -= present
                .clone()
                .filter(|field| field.may_lack && json.get(field.label.name).is_none())
                .count();
            write::write_map(self.out, count);
        } else {
            write::write_array(self.out, count);
        }
        let mut used = 0;
        for field in present {
            let Some(value) = find(field, json, &mut ordered) else {
                self.lacking(field, keyed, json)?;
                continue;
            };
            used += 1;
            if keyed {
                write::write_text(self.out, field.label.name.as_bytes());
            }
            self.value(&field.kind, value)?;
        }
        if used != json.size() {
            return Err(self.stray(fields, given, json));
        }
        Ok(())
    }

    /// A field that the record does not name.
    fn lacking(&mut self, field: &Field, keyed: bool, json: Json<'_>) -> Result<(), EncodeError> {
        if keyed && field.may_lack {
            return Ok(());
        }
        if !matches!(field.kind, Type::Optional(_)) {
            let what = field.kind.describe();
            return Err(EncodeError::missing(json, field.label.name, &what));
        }
        if keyed {
            write::write_text(self.out, field.label.name.as_bytes());
        }
        write::write_nil(self.out);
        Ok(())
    }

    /// The member that is no field of this version, or stands twice.
    fn stray(&self, fields: &'static [Field], given: Members<'_>, json: Json<'_>) -> EncodeError {
        let version = self.dialect.version;
        let names = || {
            fields
                .iter()
                .filter(move |field| field.when.meets(version))
                .map(|field| field.label.name)
        };
        for (index, (name, member)) in given.clone().enumerate() {
            if !names().any(|known| known == name) {
                return if fields.iter().any(|field| field.label.name == name) {
                    EncodeError::at(member, "this version does not have this field")
                } else {
                    EncodeError::unknown(member, "field", name, names())
                };
            }
            if given
                .clone()
                .take(index)
                .any(|(earlier, _)| earlier == name)
            {
                return EncodeError::at(member, "this field stands twice");
            }
        }
        EncodeError::at(json, "a field stands twice")
    }

    fn choice(&mut self, choice: &'static Enum, json: Json<'_>) -> Result<(), EncodeError> {
        if choice.numbered {
            let code = match (json.as_text(), json.as_unsigned()) {
                (Some(name), _) => self.variant(choice, name, json)?.symbol.code,
                (None, Some(code)) => code,
                _ => return Err(EncodeError::expected(json, "a variant's name")),
            };
            write::write_unsigned(self.out, code);
            return Ok(());
        }
        let old = !self
            .dialect
            .codecs
            .and(Codecs::Z_ARR.or(Codecs::Z_OLD))
            .is_empty();
        if let Some(name) = json.as_text() {
            let variant = self.variant(choice, name, json)?;
            if !matches!(variant.payload, Payload::Unit) {
                let what = format!("{{\"{name}\":…}}: this variant has a payload");
                return Err(EncodeError::expected(json, &what));
            }
            if old {
                write::write_array(self.out, 2);
            }
            write::write_text(self.out, name.as_bytes());
            if old {
                write::write_nil(self.out);
            }
            return Ok(());
        }
        let mut given = members(json)?;
        let (Some((name, payload)), None) = (given.next(), given.next()) else {
            return Err(EncodeError::at(json, "expected exactly one variant"));
        };
        let variant = self.variant(choice, name, payload)?;
        self.variant_with_payload(variant, payload, old)
    }

    fn variant_with_payload(
        &mut self,
        variant: &'static Variant,
        payload: Json<'_>,
        old: bool,
    ) -> Result<(), EncodeError> {
        if self.named() {
            write::write_map(self.out, 1);
        } else {
            write::write_array(self.out, 2);
        }
        write::write_text(self.out, variant.symbol.name.as_bytes());
        match &variant.payload {
            Payload::Unit => Err(EncodeError::at(
                payload,
                format!(
                    "this variant has no payload: write just {:?}",
                    variant.symbol.name
                ),
            )),
            Payload::Newtype(kind) => {
                if old {
                    write::write_array(self.out, 1);
                }
                self.value(kind, payload)
            }
            Payload::Struct(fields) => self.fields(fields, self.named(), payload),
        }
    }

    fn variant(
        &self,
        choice: &'static Enum,
        name: &str,
        json: Json<'_>,
    ) -> Result<&'static Variant, EncodeError> {
        let version = self.dialect.version;
        let known = || {
            choice
                .variants
                .iter()
                .filter(move |variant| variant.when.meets(version))
        };
        known()
            .find(|variant| variant.symbol.name == name)
            .ok_or_else(|| {
                let names = known().map(|variant| variant.symbol.name);
                EncodeError::unknown(json, choice.name, name, names)
            })
    }
}

/// The member for `field`: normally the next one, since records keep wire order.
fn find<'d>(field: &Field, json: Json<'d>, ordered: &mut Members<'d>) -> Option<Json<'d>> {
    match ordered.next() {
        Some((name, value)) if name == field.label.name => Some(value),
        _ => json.get(field.label.name),
    }
}

fn members(json: Json<'_>) -> Result<Members<'_>, EncodeError> {
    json.members()
        .ok_or_else(|| EncodeError::expected(json, "an object"))
}

fn float(json: Json<'_>) -> Result<f64, EncodeError> {
    let named = |name| match name {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    };
    json.as_float()
        .or_else(|| json.as_signed().map(|value| value as f64))
        .or_else(|| json.as_unsigned().map(|value| value as f64))
        .or_else(|| json.as_text().and_then(named))
        .ok_or_else(|| {
            EncodeError::expected(json, "a number, \"NaN\", \"Infinity\" or \"-Infinity\"")
        })
}
