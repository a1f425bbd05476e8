//! Encoding by table: the other direction of [`super::decode`].

use super::{Absence, Order, Packed};
use crate::codec::json::Json;
use crate::schema::{EncodeError, Enum, Field, Struct, Type, Versions, hexadecimal, unsigned};

/// Settles a value that follows from others: what the record says, if it does, against what it
/// ought to be.
pub type Settle<'s> = dyn Fn(Option<Json<'_>>, u64) -> Result<u64, EncodeError> + 's;

/// Encodes one struct, and what is in it.
pub struct Encoder<'o, 's> {
    out: &'o mut Vec<u8>,
    order: Order,
    version: Versions,
    settle: &'s Settle<'s>,
}

impl std::fmt::Debug for Encoder<'_, '_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Encoder")
            .field("order", &self.order)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// What the fields of one struct share.
#[derive(Default)]
struct Shared<'d> {
    counts: [Option<Gap<'d>>; 2],
    contents: [Option<(usize, usize)>; 2],
    checksum: Option<(u8, Gap<'d>)>,
    flags: u8,
}

/// A number to be filled in when what it counts is written.
#[derive(Clone, Copy)]
struct Gap<'d> {
    at: usize,
    width: u8,
    given: Option<Json<'d>>,
}

impl<'o, 's> Encoder<'o, 's> {
    /// Appends to `out`, integers in `order`, fields that `version` has.
    pub fn new(
        out: &'o mut Vec<u8>,
        order: Order,
        version: Versions,
        settle: &'s Settle<'s>,
    ) -> Self {
        Self {
            out,
            order,
            version,
            settle,
        }
    }

    /// Appends `json` as `body`.
    ///
    /// # Errors
    /// If `json` does not fit the table, or contradicts itself.
    pub fn structure(&mut self, body: &'static Struct, json: Json<'_>) -> Result<(), EncodeError> {
        let members = json
            .members()
            .ok_or_else(|| EncodeError::expected(json, "an object"))?;
        for (name, member) in members {
            let known = || {
                let fields = body.fields.iter();
                fields.filter(|field| field.when.meets(self.version) && !is_hidden(field))
            };
            if !known().any(|field| field.label.name == name) {
                let names = known().map(|field| field.label.name);
                return Err(EncodeError::unknown(member, "field", name, names));
            }
        }
        let mut shared = Shared {
            flags: flags_of(body, json),
            ..Shared::default()
        };
        for field in body.fields {
            if field.when.meets(self.version) {
                self.field(field, json, &mut shared)?;
            }
        }
        self.fill_checksum(&shared)
    }

    fn field<'d>(
        &mut self,
        field: &'static Field,
        parent: Json<'d>,
        shared: &mut Shared<'d>,
    ) -> Result<(), EncodeError> {
        let given = parent.get(field.label.name);
        let lacking = || EncodeError::missing(parent, field.label.name, &field.kind.describe());
        match &field.kind {
            Type::Packed(packed) => self.packed(packed, given, &lacking, shared),
            Type::Optional(_) if given.is_none() => {
                self.out.push(0);
                Ok(())
            }
            kind => self.value(kind, given.ok_or_else(lacking)?),
        }
    }

    fn value(&mut self, kind: &'static Type, json: Json<'_>) -> Result<(), EncodeError> {
        match kind {
            Type::Bool => match json.as_bool() {
                Some(value) => self.out.push(value.into()),
                None => return Err(EncodeError::expected(json, "true or false")),
            },
            Type::Unsigned(width) => {
                let value = unsigned(json, most(*width))?;
                self.integer(value, *width);
            }
            Type::Signed(width) => self.signed(*width, json)?,
            Type::Text => self.text(4, json)?,
            Type::Bytes => self.bytes(4, json)?,
            Type::Fixed(count) => {
                let start = self.out.len();
                hexadecimal(json, self.out)?;
                if self.out.len() - start != usize::from(*count) {
                    return Err(EncodeError::expected(json, &format!("{count} bytes")));
                }
            }
            Type::Optional(_) if json.is_null() => self.out.push(0),
            Type::Optional(inner) => {
                self.out.push(1);
                self.value(inner, json)?;
            }
            Type::Struct(body) => self.structure(body, json)?,
            Type::Enum(choice) => self.choice(choice, json)?,
            Type::List(item) => {
                let at = self.out.len();
                self.integer(0, 4);
                let count = self.items(item, json)?;
                self.fill(at, 4, count);
            }
            Type::Packed(packed) => {
                let lacking = || EncodeError::expected(json, "a value");
                self.packed(packed, Some(json), &lacking, &mut Shared::default())?;
            }
            Type::Float32
            | Type::Float64
            | Type::ElementBytes
            | Type::Tuple(_)
            | Type::Map(..)
            | Type::Uuid
            | Type::Any => {
                return Err(EncodeError::at(json, "has no packed form"));
            }
        }
        Ok(())
    }

    fn packed<'d>(
        &mut self,
        kind: &'static Packed,
        given: Option<Json<'d>>,
        lacking: &dyn Fn() -> EncodeError,
        shared: &mut Shared<'d>,
    ) -> Result<(), EncodeError> {
        let required = || given.ok_or_else(lacking);
        match kind {
            Packed::Count(slot, width) | Packed::HiddenCount(slot, width) => {
                let gap = self.gap(*width, given);
                if let Some(count) = shared.counts.get_mut(usize::from(*slot)) {
                    *count = Some(gap);
                }
            }
            Packed::CountedBytes(slot) => {
                let json = required()?;
                let start = self.out.len();
                hexadecimal(json, self.out)?;
                let end = self.out.len();
                if let Some(content) = shared.contents.get_mut(usize::from(*slot)) {
                    *content = Some((start, end));
                }
                self.fill_count(*slot, end - start, json, shared)?;
            }
            Packed::CountedList(slot, item) => {
                let json = required()?;
                let count = self.items(item, json)?;
                self.fill_count(*slot, count, json, shared)?;
            }
            Packed::Checksum(slot) => shared.checksum = Some((*slot, self.gap(4, given))),
            Packed::Magic(value) => match given {
                Some(json) => self.value(&Type::Unsigned(4), json)?,
                None => self.integer(u64::from(*value), 4),
            },
            Packed::ShortText(width) => self.text(*width, required()?)?,
            Packed::TextToEnd => {
                let json = required()?;
                let text = json
                    .as_text()
                    .ok_or_else(|| EncodeError::expected(json, "a string"))?;
                self.out.extend_from_slice(text.as_bytes());
            }
            Packed::NullIfEmpty => match given.filter(|json| !json.is_null()) {
                Some(json) => self.bytes(4, json)?,
                None => self.integer(0, 4),
            },
            Packed::LogPosition => self.log_position(required()?)?,
            Packed::Flags => self.out.push(shared.flags),
            Packed::If(bit, inner, absence) if shared.flags & bit != 0 => {
                let json = required()?;
                if json.is_null() && *absence == Absence::Null && !takes_null(inner) {
                    return Err(EncodeError::expected(json, "a value, as the flags say"));
                }
                self.value(inner, json)?;
            }
            Packed::If(..) => unflagged(given)?,
            Packed::Bit(bit) => {
                let flagged = shared.flags & bit != 0;
                if let Some(json) = given.filter(|json| json.as_bool() != Some(flagged)) {
                    let what = format!("contradicts the flags, which make it {flagged}");
                    return Err(EncodeError::at(json, what));
                }
            }
            Packed::Absent => unflagged(given)?,
            Packed::Constant(_) | Packed::Derived(_) => {}
        }
        Ok(())
    }

    fn integer(&mut self, value: u64, width: u8) {
        let width = usize::from(width.min(8));
        match self.order {
            Order::Little => {
                let bytes = value.to_le_bytes();
                self.out
                    .extend_from_slice(bytes.get(..width).unwrap_or_default());
            }
            Order::Big => {
                let bytes = value.to_be_bytes();
                self.out
                    .extend_from_slice(bytes.get(8 - width..).unwrap_or_default());
            }
        }
    }

    fn signed(&mut self, width: u8, json: Json<'_>) -> Result<(), EncodeError> {
        let bits = 8 * u32::from(width.clamp(1, 8));
        let value = json
            .as_signed()
            .filter(|value| (value << (64 - bits)) >> (64 - bits) == *value)
            .ok_or_else(|| EncodeError::expected(json, &format!("a signed {bits}-bit integer")))?;
        self.integer(value.cast_unsigned(), width);
        Ok(())
    }

    fn text(&mut self, width: u8, json: Json<'_>) -> Result<(), EncodeError> {
        let text = json
            .as_text()
            .ok_or_else(|| EncodeError::expected(json, "a string"))?;
        if text.len() as u64 > most(width) {
            let what = format!("a string of at most {} bytes", most(width));
            return Err(EncodeError::expected(json, &what));
        }
        self.integer(text.len() as u64, width);
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn bytes(&mut self, width: u8, json: Json<'_>) -> Result<(), EncodeError> {
        let at = self.out.len();
        self.integer(0, width);
        let start = self.out.len();
        hexadecimal(json, self.out)?;
        self.fill(at, width, self.out.len() - start);
        Ok(())
    }

    fn choice(&mut self, choice: &'static Enum, json: Json<'_>) -> Result<(), EncodeError> {
        let code = match json.as_text() {
            Some(name) => {
                let variants = || choice.variants.iter().map(|variant| &variant.symbol);
                variants()
                    .find(|symbol| symbol.name == name)
                    .ok_or_else(|| {
                        let names = variants().map(|symbol| symbol.name);
                        EncodeError::unknown(json, choice.name, name, names)
                    })?
                    .code
            }
            None => unsigned(json, 255)?,
        };
        self.integer(code, 1);
        Ok(())
    }

    fn items(&mut self, item: &'static Type, json: Json<'_>) -> Result<usize, EncodeError> {
        let items = json
            .items()
            .ok_or_else(|| EncodeError::expected(json, "an array"))?;
        let mut count = 0;
        for entry in items {
            self.value(item, entry)?;
            count += 1;
        }
        Ok(count)
    }

    fn log_position(&mut self, json: Json<'_>) -> Result<(), EncodeError> {
        if json.is_null() {
            self.integer(u64::MAX, 8);
            return Ok(());
        }
        let mut all_ones = true;
        for name in ["file", "offset"] {
            let half = json
                .get(name)
                .ok_or_else(|| EncodeError::missing(json, name, "u32"))?;
            let value = unsigned(half, most(4))?;
            all_ones &= value == most(4);
            self.integer(value, 4);
        }
        if all_ones {
            return Err(EncodeError::at(json, "these bytes mean null: write null"));
        }
        Ok(())
    }

    /// Leaves room for a number.
    fn gap<'d>(&mut self, width: u8, given: Option<Json<'d>>) -> Gap<'d> {
        let at = self.out.len();
        self.integer(0, width);
        Gap {
            at,
            width,
            given: given.filter(|json| !json.is_null()),
        }
    }

    fn fill(&mut self, at: usize, width: u8, value: usize) {
        let end = self.out.len();
        self.integer(value as u64, width);
        let width = usize::from(width);
        self.out.copy_within(end.., at);
        self.out.truncate(end.max(at + width));
    }

    fn fill_count(
        &mut self,
        slot: u8,
        count: usize,
        json: Json<'_>,
        shared: &Shared<'_>,
    ) -> Result<(), EncodeError> {
        let Some(Some(gap)) = shared.counts.get(usize::from(slot)) else {
            return Ok(());
        };
        let value = (self.settle)(gap.given, count as u64)?;
        if value > most(gap.width) {
            let what = format!("at most {} bytes or items", most(gap.width));
            return Err(EncodeError::expected(json, &what));
        }
        self.fill(
            gap.at,
            gap.width,
            usize::try_from(value).unwrap_or(usize::MAX),
        );
        Ok(())
    }

    fn fill_checksum(&mut self, shared: &Shared<'_>) -> Result<(), EncodeError> {
        let Some((slot, gap)) = &shared.checksum else {
            return Ok(());
        };
        let content = shared.contents.get(usize::from(*slot)).copied().flatten();
        let content = content
            .and_then(|(start, end)| self.out.get(start..end))
            .unwrap_or_default();
        let value = (self.settle)(gap.given, crc32fast::hash(content).into())?;
        self.fill(
            gap.at,
            gap.width,
            usize::try_from(value).unwrap_or(usize::MAX),
        );
        Ok(())
    }
}

/// The largest unsigned integer of `width` bytes.
fn most(width: u8) -> u64 {
    u64::MAX >> (64 - 8 * u32::from(width.clamp(1, 8)))
}

fn is_hidden(field: &Field) -> bool {
    matches!(field.kind, Type::Packed(Packed::HiddenCount(..)))
}

fn takes_null(kind: &Type) -> bool {
    matches!(kind, Type::Packed(Packed::LogPosition))
}

/// A value that is not written must not be given.
fn unflagged(given: Option<Json<'_>>) -> Result<(), EncodeError> {
    match given.filter(|json| !json.is_null() && json.as_signed() != Some(0)) {
        Some(json) => Err(EncodeError::at(
            json,
            "is not written: the flags say so, or this type does not have it",
        )),
        None => Ok(()),
    }
}

/// The flags that a record says, or that its other members call for.
fn flags_of(body: &'static Struct, json: Json<'_>) -> u8 {
    let named = |field: &Field| json.get(field.label.name).filter(|json| !json.is_null());
    let given = body
        .fields
        .iter()
        .find(|field| matches!(field.kind, Type::Packed(Packed::Flags)))
        .and_then(named)
        .and_then(Json::as_unsigned);
    if let Some(given) = given {
        return given as u8;
    }
    body.fields.iter().fold(0, |flags, field| {
        let bit = match (&field.kind, named(field)) {
            (Type::Packed(Packed::If(bit, _, Absence::Null)), Some(_)) => *bit,
            (Type::Packed(Packed::If(bit, _, Absence::Zero)), Some(json))
                if json.as_signed() != Some(0) =>
            {
                *bit
            }
            (Type::Packed(Packed::Bit(bit)), Some(json)) if json.as_bool() == Some(true) => *bit,
            _ => 0,
        };
        flags | bit
    })
}
