//! Decoding by table.

use super::{Codecs, Dialect};
use crate::codec::messagepack::{Fault, Head, Reader, read_value};
use crate::model::{Label, Message, NodeId, Secret, Span, Value};
use crate::schema::{Enum, Field, Opaque, Payload, Struct, Type, Variant, Versions};

/// Deeper than any table: keeps a recursive table from recursing without end.
const MOST_NESTING: u32 = 64;

/// Holds elements beyond those that the table knows.
static EXTRA: Label = Label::new("$extra");

/// Why decoding cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// Strict, and the bytes depart from the table.
    Mismatch,
    /// The bytes end, or are no MessagePack.
    End,
}

/// What decoding a body has shown.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Whether the bytes are just what the table says.
    pub exact: bool,
    /// Where decoding ended, or where the first departure was.
    pub position: usize,
    /// Whether the bytes ended before anything departed from the table.
    pub ran_out: bool,
    /// The spellings that the body's values leave possible.
    pub shown: Codecs,
}

/// Decodes one body.
#[derive(Debug)]
pub struct Decoder<'a, 'm> {
    reader: Reader<'a>,
    message: &'m mut Message,
    opaque: &'m mut Vec<(NodeId, Opaque)>,
    dialect: Dialect,
    strict: bool,
    ran_out: bool,
    shown: Codecs,
    depth: u32,
}

impl<'a, 'm> Decoder<'a, 'm> {
    /// Reads `frame` from `start` on, as `dialect` spells it. Fields whose bytes hold more are
    /// noted in `opaque`.
    pub fn new(
        frame: &'a [u8],
        start: usize,
        dialect: Dialect,
        message: &'m mut Message,
        opaque: &'m mut Vec<(NodeId, Opaque)>,
    ) -> Self {
        Self {
            reader: Reader::new(frame, start),
            message,
            opaque,
            dialect,
            strict: false,
            ran_out: false,
            shown: Codecs::ANY,
            depth: 0,
        }
    }

    /// Decodes the body if it is exactly as the table says; gives up at the first departure.
    #[must_use]
    pub fn attempt(mut self, body: &'static Struct) -> Outcome {
        self.strict = true;
        self.run(|decoder| decoder.structure(body, None))
    }

    /// Decodes one value of `kind`, exactly or not at all; gives up at the first departure.
    #[must_use]
    pub fn attempt_value(mut self, kind: &'static Type) -> Outcome {
        self.strict = true;
        self.run(|decoder| decoder.value(kind, None, None))
    }

    /// Decodes what there is; departures become issues.
    #[must_use]
    pub fn leniently(self, body: &'static Struct) -> Outcome {
        self.run(|decoder| decoder.structure(body, None))
    }

    fn run(mut self, decode: impl FnOnce(&mut Self) -> Result<(), Stop>) -> Outcome {
        let issues = self.message.issues.len();
        let result = decode(&mut self);
        Outcome {
            exact: result.is_ok() && self.message.issues.len() == issues,
            position: self.reader.position(),
            ran_out: self.ran_out,
            shown: self.shown,
        }
    }

    fn value(
        &mut self,
        kind: &'static Type,
        label: Option<&'static Label>,
        holds: Option<&'static Opaque>,
    ) -> Result<(), Stop> {
        match kind {
            Type::Unsigned(width) => self.unsigned(*width, label),
            Type::Signed(_) => self.signed(label),
            Type::Bool => self.boolean(label),
            Type::Float32 => self.float(label, "a 32-bit float", |head| match head {
                Head::Float32(value) => Some((
                    f64::from(value),
                    value.is_nan() && value.to_bits() != f32::NAN.to_bits(),
                )),
                _ => None,
            }),
            Type::Float64 => self.float(label, "a 64-bit float", |head| match head {
                Head::Float64(value) => Some((
                    value,
                    value.is_nan() && value.to_bits() != f64::NAN.to_bits(),
                )),
                _ => None,
            }),
            Type::Text => self.text(label, holds),
            Type::Bytes => self.bytes(label, holds),
            Type::ElementBytes => self.integer_bytes(None, label, holds),
            Type::Fixed(count) => self.integer_bytes(Some(*count), label, holds),
            Type::Optional(inner) => {
                if self.reader.peek() == Some(0xc0) {
                    return self.nil(label);
                }
                self.value(inner, label, holds)
            }
            Type::List(item) => self.list(item, label, holds),
            Type::Tuple(items) => self.tuple(items, label),
            Type::Map(key, value) => self.map(key, value, label),
            Type::Struct(body) => self.nested(|decoder| decoder.structure(body, label)),
            Type::Enum(choice) => self.nested(|decoder| decoder.choice(choice, label)),
            // No MessagePack table has these.
            Type::Packed(_) => self.generic(label),
            Type::Uuid => self.bytes(label, holds),
            Type::Any => self.generic(label),
        }
    }

    fn field(&mut self, field: &'static Field) -> Result<(), Stop> {
        let start = self.reader.position();
        let result = self.value(&field.kind, Some(&field.label), field.holds.as_ref());
        if result == Err(Stop::End) && field.label.secret != Secret::No && !self.strict {
            // What could not be read further may be the secret.
            self.message.secret_from = Some(start);
        }
        result
    }

    /// Decodes what most fields are, as most are spelled, without a call; else consumes nothing.
    #[inline]
    fn plain_field(&mut self, field: &'static Field) -> bool {
        let start = self.reader.position();
        let label = Some(&field.label);
        match field.kind {
            Type::Unsigned(width) => {
                let Some(value) = self.reader.short_unsigned(width) else {
                    return false;
                };
                self.push(label, Value::Unsigned(value), start)
            }
            Type::Text if field.holds.is_none() => {
                let Some(content) = self.reader.short_ascii() else {
                    return false;
                };
                self.push(label, Value::Text(content), start)
            }
            Type::Bool => {
                let Some(value) = self.reader.truth() else {
                    return false;
                };
                self.push(label, Value::Bool(value), start)
            }
            Type::Optional(_) if self.reader.peek() == Some(0xc0) => {
                self.reader.seek(start + 1);
                self.push(label, Value::Nil, start)
            }
            _ => return false,
        }
        true
    }

    fn nested(&mut self, decode: impl FnOnce(&mut Self) -> Result<(), Stop>) -> Result<(), Stop> {
        if self.depth >= MOST_NESTING {
            return Err(self.end(Fault::TooDeep));
        }
        self.depth += 1;
        let result = decode(self);
        self.depth -= 1;
        result
    }

    fn unsigned(&mut self, width: u8, label: Option<&'static Label>) -> Result<(), Stop> {
        let start = self.reader.position();
        let head = self.head()?;
        let marker_width = match self.reader.marker() {
            0xcc => 1,
            0xcd => 2,
            0xce => 4,
            0xcf => 8,
            _ => 0,
        };
        let lenient = !self.dialect.codecs.and(Codecs::RMP_NAMED).is_empty();
        match head {
            Head::Unsigned(value) if marker_width <= width => {
                self.leaf(label, Value::Unsigned(value), start)
            }
            Head::Unsigned(value) if lenient && value >> (8 * u32::from(width)) == 0 => {
                self.leaf(label, Value::Unsigned(value), start)
            }
            Head::Unsigned(value) => {
                self.mismatch("integer-too-wide", start, || {
                    format!(
                        "{value} is spelled wider than the field's {} bits",
                        8 * u32::from(width)
                    )
                })?;
                self.leaf(label, Value::Unsigned(value), start)
            }
            other => self.wrong_type(start, label, "an unsigned integer", other),
        }
    }

    fn signed(&mut self, label: Option<&'static Label>) -> Result<(), Stop> {
        let start = self.reader.position();
        let named = !self.dialect.codecs.and(Codecs::RMP_NAMED).is_empty();
        match self.head()? {
            Head::Signed(value) => {
                if named && value >= 0 {
                    self.non_canonical(start)?;
                }
                self.leaf(label, Value::Signed(value), start)
            }
            Head::Unsigned(value)
                if (named || self.reader.marker() < 0x80) && i64::try_from(value).is_ok() =>
            {
                self.leaf(label, Value::Signed(value.cast_signed()), start)
            }
            other => self.wrong_type(start, label, "a signed integer", other),
        }
    }

    fn boolean(&mut self, label: Option<&'static Label>) -> Result<(), Stop> {
        let start = self.reader.position();
        if let Some(value) = self.reader.truth() {
            return self.leaf(label, Value::Bool(value), start);
        }
        let head = self.head()?;
        self.wrong_type(start, label, "a bool", head)
    }

    fn scalar(
        &mut self,
        label: Option<&'static Label>,
        expected: &'static str,
        pick: impl FnOnce(Head) -> Option<Value>,
    ) -> Result<(), Stop> {
        let start = self.reader.position();
        let head = self.head()?;
        match pick(head) {
            Some(value) => self.leaf(label, value, start),
            None => self.wrong_type(start, label, expected, head),
        }
    }

    /// `pick` also says whether the bits are an unusual NaN, which no text can name.
    fn float(
        &mut self,
        label: Option<&'static Label>,
        expected: &'static str,
        pick: impl FnOnce(Head) -> Option<(f64, bool)>,
    ) -> Result<(), Stop> {
        let mut odd = false;
        self.scalar(label, expected, |head| {
            pick(head).map(|(value, unusual)| {
                odd = unusual;
                Value::Float(value)
            })
        })?;
        self.message.faithful &= !odd;
        Ok(())
    }

    fn nil(&mut self, label: Option<&'static Label>) -> Result<(), Stop> {
        let start = self.reader.position();
        self.reader.seek(start + 1);
        self.leaf(label, Value::Nil, start)
    }

    #[inline]
    fn text(
        &mut self,
        label: Option<&'static Label>,
        holds: Option<&'static Opaque>,
    ) -> Result<(), Stop> {
        let start = self.reader.position();
        if let Some(content) = self.reader.short_ascii() {
            self.note_opaque(holds);
            return self.leaf(label, Value::Text(content), start);
        }
        match self.head()? {
            Head::Text(length) => {
                let span = self.content(start, length)?;
                let value = self.utf8(span)?;
                self.note_opaque(holds);
                self.leaf(label, value, start)
            }
            other => self.wrong_type(start, label, "a string", other),
        }
    }

    fn bytes(
        &mut self,
        label: Option<&'static Label>,
        holds: Option<&'static Opaque>,
    ) -> Result<(), Stop> {
        let start = self.reader.position();
        let marker = self.reader.peek().unwrap_or_default();
        if matches!(marker, 0x90..=0x9f | 0xdc | 0xdd) {
            self.show(
                Codecs::RMP_NAMED.or(Codecs::Z_ARR),
                start,
                "bytes as an array of integers",
            )?;
            return self.integer_bytes(None, label, holds);
        }
        match self.head()? {
            Head::Binary(length) => {
                let span = self.content(start, length)?;
                if self.dialect.codecs == Codecs::RMP_NAMED {
                    self.non_canonical(start)?;
                } else {
                    self.show(Codecs::Z_OLD.or(Codecs::Z_NEW), start, "bytes as bin")?;
                }
                self.note_opaque(holds);
                self.leaf(label, Value::Bytes(span), start)
            }
            other => self.wrong_type(start, label, "bytes", other),
        }
    }

    fn integer_bytes(
        &mut self,
        expected: Option<u16>,
        label: Option<&'static Label>,
        holds: Option<&'static Opaque>,
    ) -> Result<(), Stop> {
        let start = self.reader.position();
        let head = self.head()?;
        let Head::Array(count) = head else {
            return self.wrong_type(start, label, "bytes as an array of integers", head);
        };
        if expected.is_some_and(|expected| u32::from(expected) != count) {
            self.mismatch("wrong-length", start, || {
                format!(
                    "{count} bytes where {} belong",
                    expected.unwrap_or_default()
                )
            })?;
        }
        let content = self.reader.position();
        let end = content.saturating_add(count as usize);
        let fixints = self.reader.bytes().get(content..end);
        let mut left = count;
        if fixints.is_some_and(<[u8]>::is_ascii) {
            self.reader.seek(end);
            left = 0;
        }
        for _ in 0..left {
            let at = self.reader.position();
            if self.reader.peek().is_some_and(|byte| byte < 0x80) {
                self.reader.seek(at + 1);
                continue;
            }
            let head = self.head()?;
            if !matches!(head, Head::Unsigned(0..=255)) || self.reader.marker() != 0xcc {
                self.mismatch("wrong-type", at, || {
                    format!("{} where a byte belongs", head.kind())
                })?;
                // Not a list of bytes: show it as whatever it is.
                self.reader.seek(start);
                return self.generic(label);
            }
        }
        if expected.is_none_or(|expected| u32::from(expected) == count) {
            self.note_opaque(holds);
        }
        let span = Span::new(content, self.reader.position());
        self.leaf(label, Value::IntegerBytes(span), start)
    }

    fn list(
        &mut self,
        item: &'static Type,
        label: Option<&'static Label>,
        holds: Option<&'static Opaque>,
    ) -> Result<(), Stop> {
        let start = self.reader.position();
        let head = self.head()?;
        let Head::Array(count) = head else {
            return self.wrong_type(start, label, "an array", head);
        };
        self.plausible(count, start)?;
        self.container(label, Value::List, start, |decoder| {
            (0..count).try_for_each(|_| decoder.value(item, None, holds))
        })
    }

    fn tuple(&mut self, items: &'static [Type], label: Option<&'static Label>) -> Result<(), Stop> {
        let start = self.reader.position();
        let head = self.head()?;
        match head {
            Head::Array(count) if count as usize == items.len() => {
                self.container(label, Value::List, start, |decoder| {
                    items
                        .iter()
                        .try_for_each(|item| decoder.value(item, None, None))
                })
            }
            Head::Array(count) => {
                self.mismatch("wrong-count", start, || {
                    format!("{count} elements where {} belong", items.len())
                })?;
                self.reader.seek(start);
                self.generic(label)
            }
            other => self.wrong_type(start, label, "an array", other),
        }
    }

    fn map(
        &mut self,
        key: &'static Type,
        value: &'static Type,
        label: Option<&'static Label>,
    ) -> Result<(), Stop> {
        let start = self.reader.position();
        let head = self.head()?;
        let Head::Map(count) = head else {
            return self.wrong_type(start, label, "a map", head);
        };
        self.plausible(count, start)?;
        let id = self.message.tree.next_id();
        let result = self.container(label, Value::Map, start, |decoder| {
            (0..count).try_for_each(|_| {
                decoder.value(key, None, None)?;
                decoder.value(value, None, None)
            })
        });
        self.odd_keys(id);
        result?;
        self.repeated_keys(id)
    }

    /// Damaged keys cannot name members.
    fn odd_keys(&mut self, id: NodeId) {
        let named = |value| matches!(value, Value::Text(_) | Value::Unsigned(_));
        let tree = &mut self.message.tree;
        if tree
            .children(id)
            .step_by(2)
            .any(|(_, key)| !named(key.value))
            && let Some(node) = tree.get_mut(id)
        {
            node.value = Value::Pairs;
        }
    }

    /// Readers keep the last value of a repeated key; so does JSON.
    fn repeated_keys(&mut self, id: NodeId) -> Result<(), Stop> {
        let bytes = self.reader.bytes();
        let tree = &self.message.tree;
        if tree.children(id).nth(2).is_none() {
            return Ok(());
        }
        let mut keys: Vec<(&[u8], u64, NodeId)> = Vec::new();
        for (node_id, node) in tree.children(id).step_by(2) {
            match node.value {
                Value::Text(span) => keys.push((span.of(bytes), 0, node_id)),
                Value::Unsigned(number) => keys.push((&[], number, node_id)),
                _ => {}
            }
        }
        keys.sort_unstable();
        let repeated: Vec<NodeId> = keys
            .windows(2)
            .filter_map(|pair| match pair {
                [first, second] if (first.0, first.1) == (second.0, second.1) => Some(first.2),
                _ => None,
            })
            .collect();
        for key in repeated {
            let at = self
                .message
                .tree
                .get(key)
                .map_or(0, |node| node.span.start as usize);
            self.departure("duplicate-key", at, || {
                "the key comes again; readers keep the last value".to_owned()
            })?;
            for id in [Some(key), self.message.tree.get(key).map(|node| node.end)]
                .into_iter()
                .flatten()
            {
                if let Some(node) = self.message.tree.get_mut(id) {
                    node.hidden = true;
                }
            }
        }
        Ok(())
    }

    fn structure(
        &mut self,
        body: &'static Struct,
        label: Option<&'static Label>,
    ) -> Result<(), Stop> {
        let start = self.reader.position();
        let named = self.dialect.codecs == Codecs::RMP_NAMED;
        let head = match self.reader.short_array() {
            Some(count) => Head::Array(count),
            None => self.head()?,
        };
        match head {
            Head::Map(count) if named || body.keyed => {
                if !body.keyed {
                    self.shown = Codecs::RMP_NAMED;
                }
                self.container(label, Value::Struct, start, |decoder| {
                    decoder.keyed_fields(body, count, start)
                })
            }
            Head::Array(count) if !body.keyed && !named => {
                self.container(label, Value::Struct, start, |decoder| {
                    decoder.fields(body.fields, count, start)
                })
            }
            other => {
                let expected = if named || body.keyed {
                    "a map"
                } else {
                    "an array"
                };
                self.wrong_type(start, label, expected, other)
            }
        }
    }

    fn fields(&mut self, fields: &'static [Field], count: u32, start: usize) -> Result<(), Stop> {
        let version = self.dialect.version;
        let known = present(fields, version).count();
        if known != count as usize {
            self.mismatch("wrong-count", start, || {
                format!("{count} elements where {known} belong")
            })?;
        }
        for field in present(fields, version).take(count as usize) {
            if !self.plain_field(field) {
                self.field(field)?;
            }
        }
        let extra = (count as usize).saturating_sub(known);
        if extra > 0 {
            let start = self.reader.position();
            self.container(Some(&EXTRA), Value::List, start, |decoder| {
                (0..extra).try_for_each(|_| decoder.generic(None))
            })?;
        }
        Ok(())
    }

    fn keyed_fields(
        &mut self,
        body: &'static Struct,
        count: u32,
        start: usize,
    ) -> Result<(), Stop> {
        let version = self.dialect.version;
        self.plausible(count, start)?;
        let mut seen: u64 = 0;
        let mut order = 0;
        for _ in 0..count {
            let at = self.reader.position();
            let head = self.head()?;
            let Head::Text(length) = head else {
                return self.wrong_type(at, Some(&EXTRA), "a field name", head);
            };
            let key = self.content(at, length)?;
            let name = key.of(self.reader.bytes());
            let known = body
                .fields
                .iter()
                .enumerate()
                .filter(|(_, field)| field.when.meets(version))
                .find(|(_, field)| field.label.name.as_bytes() == name);
            let Some((index, field)) = known else {
                self.unknown_field(at, name)?;
                continue;
            };
            if seen >> index & 1 != 0 {
                self.mismatch("duplicate-key", at, || {
                    format!("the field {} comes again", field.label.name)
                })?;
            }
            if index < order {
                self.departure("reordered-keys", at, || {
                    "the fields are not in the order that the writers use".to_owned()
                })?;
            }
            order = index;
            seen |= 1 << index;
            let first = self.message.tree.next_id();
            self.field(field)?;
            // The key's bytes belong to the value's node, so that leaves tile the frame.
            if let Some(node) = self.message.tree.get_mut(first) {
                node.span = Span::new(at, node.span.end as usize);
            }
        }
        self.missing_fields(body, seen, start)
    }

    fn unknown_field(&mut self, at: usize, name: &[u8]) -> Result<(), Stop> {
        let shown = String::from_utf8_lossy(name).into_owned();
        let refuse = self.dialect.codecs != Codecs::RMP_NAMED;
        let text = move || format!("{shown:?} is not a field of this message");
        if refuse {
            self.mismatch("unknown-field", at, text)?;
        } else {
            self.departure("unknown-field", at, text)?;
        }
        let end = self.reader.position();
        self.reader.seek(at);
        let id = self.message.tree.open(Some(&EXTRA), Value::Pairs, at);
        let result = self.generic(None).and_then(|()| {
            self.reader.seek(end);
            self.generic(None)
        });
        self.message.tree.close(id, self.reader.position());
        result
    }

    fn missing_fields(
        &mut self,
        body: &'static Struct,
        seen: u64,
        start: usize,
    ) -> Result<(), Stop> {
        let version = self.dialect.version;
        for (index, field) in body.fields.iter().enumerate() {
            if seen >> index & 1 != 0 || !field.when.meets(version) {
                continue;
            }
            let text = || format!("the field {} is missing", field.label.name);
            let named = self.dialect.codecs == Codecs::RMP_NAMED;
            if field.may_lack || named && matches!(field.kind, Type::Optional(_)) {
                self.departure("missing-field", start, text)?;
            } else {
                self.mismatch("missing-field", start, text)?;
            }
        }
        Ok(())
    }

    fn choice(&mut self, choice: &'static Enum, label: Option<&'static Label>) -> Result<(), Stop> {
        let start = self.reader.position();
        if choice.numbered {
            return self.numbered(choice, label);
        }
        let named = Codecs::RMP_NAMED;
        let head = match self.reader.short_array() {
            Some(count) => Head::Array(count),
            None => self.head()?,
        };
        match head {
            Head::Text(length) => {
                let span = self.content(start, length)?;
                self.show(Codecs::Z_NEW.or(named), start, "a unit variant as a string")?;
                let variant = self.variant(choice, span, start)?;
                if variant.is_some_and(|variant| !matches!(variant.payload, Payload::Unit)) {
                    self.mismatch("wrong-type", start, || {
                        "the variant's payload is missing".to_owned()
                    })?;
                }
                // The name of a variant that is known is UTF-8.
                let value = match variant {
                    Some(_) => Value::Text(span),
                    None => self.utf8(span)?,
                };
                self.leaf(label, value, start)
            }
            Head::Array(2) => {
                self.show(
                    Codecs::Z_ARR.or(Codecs::Z_OLD).or(Codecs::Z_NEW),
                    start,
                    "a variant as an array",
                )?;
                self.variant_with_payload(choice, label, start)
            }
            Head::Map(1) if self.dialect.codecs == named => {
                self.show(named, start, "a variant as a map")?;
                self.variant_with_payload(choice, label, start)
            }
            other => self.wrong_type(start, label, "an enum variant", other),
        }
    }

    fn numbered(
        &mut self,
        choice: &'static Enum,
        label: Option<&'static Label>,
    ) -> Result<(), Stop> {
        let start = self.reader.position();
        let head = self.head()?;
        let Head::Unsigned(code) = head else {
            return self.wrong_type(start, label, "a variant's number", head);
        };
        let version = self.dialect.version;
        let known = choice
            .variants
            .iter()
            .find(|variant| variant.symbol.code == code && variant.when.meets(version));
        match known {
            Some(variant) => self.leaf(label, Value::Symbol(&variant.symbol), start),
            None => {
                self.mismatch("unknown-variant", start, || {
                    format!("{code} is no {}", choice.name)
                })?;
                self.leaf(label, Value::Unsigned(code), start)
            }
        }
    }

    /// The head of the pair is read; the name and the payload follow.
    fn variant_with_payload(
        &mut self,
        choice: &'static Enum,
        label: Option<&'static Label>,
        start: usize,
    ) -> Result<(), Stop> {
        let at = self.reader.position();
        let head = self.head()?;
        let Head::Text(length) = head else {
            self.mismatch("wrong-type", at, || {
                format!("{} where a variant's name belongs", head.kind())
            })?;
            self.reader.seek(start);
            return self.generic(label);
        };
        let span = self.content(at, length)?;
        let name = self.utf8(span)?;
        if matches!(name, Value::BadText(_)) {
            self.reader.seek(start);
            return self.generic(label);
        }
        let Some(variant) = self.variant(choice, span, at)? else {
            return self.container(label, Value::Variant(span), start, |decoder| {
                decoder.generic(None)
            });
        };
        let old = Codecs::Z_ARR.or(Codecs::Z_OLD);
        match &variant.payload {
            Payload::Unit => {
                self.show(old, start, "a unit variant with nil")?;
                let at = self.reader.position();
                match self.reader.peek() {
                    Some(0xc0) => {
                        self.reader.seek(at + 1);
                        return self.leaf(label, name, start);
                    }
                    Some(_) => self.mismatch("wrong-type", at, || {
                        "a payload where nil belongs".to_owned()
                    })?,
                    // Ends here, which is found below.
                    None => {}
                }
                self.container(label, Value::Variant(span), start, |decoder| {
                    decoder.generic(None)
                })
            }
            Payload::Newtype(kind) => {
                if self.reader.peek() == Some(0x91) {
                    self.show(old, start, "a newtype variant's payload in an array")?;
                    let at = self.reader.position();
                    self.reader.seek(at + 1);
                } else if self.reader.peek().is_some() {
                    self.show(
                        Codecs::Z_NEW.or(Codecs::RMP_NAMED),
                        start,
                        "a newtype variant's payload bare",
                    )?;
                }
                self.container(label, Value::Variant(span), start, |decoder| {
                    decoder.value(kind, None, None)
                })
            }
            Payload::Struct(fields) => {
                self.container(label, Value::Variant(span), start, |decoder| {
                    decoder.variant_fields(fields)
                })
            }
        }
    }

    fn variant_fields(&mut self, fields: &'static [Field]) -> Result<(), Stop> {
        let start = self.reader.position();
        match self.head()? {
            Head::Array(count) if self.dialect.codecs != Codecs::RMP_NAMED => {
                self.container(None, Value::Struct, start, |decoder| {
                    decoder.fields(fields, count, start)
                })
            }
            Head::Map(count) if self.dialect.codecs == Codecs::RMP_NAMED => {
                self.container(None, Value::Struct, start, |decoder| {
                    decoder.named_variant_fields(fields, count, start)
                })
            }
            other => self.wrong_type(start, None, "a variant's fields", other),
        }
    }

    /// rmp-serde writes the fields in order; anything else departs from it.
    fn named_variant_fields(
        &mut self,
        fields: &'static [Field],
        count: u32,
        start: usize,
    ) -> Result<(), Stop> {
        let version = self.dialect.version;
        if present(fields, version).count() != count as usize {
            self.mismatch("wrong-count", start, || {
                format!(
                    "{count} fields where {} belong",
                    present(fields, version).count()
                )
            })?;
        }
        for field in present(fields, version).take(count as usize) {
            let at = self.reader.position();
            let head = self.head()?;
            let name = match head {
                Head::Text(length) => self.content(at, length)?.of(self.reader.bytes()),
                _ => &[],
            };
            if name != field.label.name.as_bytes() {
                self.mismatch("unknown-field", at, || {
                    format!("not the field {}", field.label.name)
                })?;
                self.reader.seek(at);
                self.generic(None)?;
                self.generic(None)?;
                continue;
            }
            let first = self.message.tree.next_id();
            self.field(field)?;
            if let Some(node) = self.message.tree.get_mut(first) {
                node.span = Span::new(at, node.span.end as usize);
            }
        }
        Ok(())
    }

    fn variant(
        &mut self,
        choice: &'static Enum,
        name: Span,
        at: usize,
    ) -> Result<Option<&'static Variant>, Stop> {
        let bytes = name.of(self.reader.bytes());
        let version = self.dialect.version;
        let known = choice
            .variants
            .iter()
            .find(|variant| variant.symbol.name.as_bytes() == bytes && variant.when.meets(version));
        if known.is_none() {
            self.mismatch("unknown-variant", at, || {
                format!(
                    "{:?} is no {} of this version",
                    String::from_utf8_lossy(bytes),
                    choice.name
                )
            })?;
        }
        Ok(known)
    }

    fn container(
        &mut self,
        label: Option<&'static Label>,
        value: Value,
        start: usize,
        decode: impl FnOnce(&mut Self) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let id = self.message.tree.open(label, value, start);
        let result = decode(self);
        self.message.tree.close(id, self.reader.position());
        result
    }

    #[inline]
    fn leaf(
        &mut self,
        label: Option<&'static Label>,
        value: Value,
        start: usize,
    ) -> Result<(), Stop> {
        self.push(label, value, start);
        Ok(())
    }

    #[inline]
    fn push(&mut self, label: Option<&'static Label>, value: Value, start: usize) {
        let span = Span::new(start, self.reader.position());
        self.message.tree.leaf(label, value, span);
    }

    /// Notes that the next node's bytes hold something.
    fn note_opaque(&mut self, holds: Option<&'static Opaque>) {
        if let Some(opaque) = holds {
            self.opaque.push((self.message.tree.next_id(), *opaque));
        }
    }

    /// Reads whatever item comes.
    fn generic(&mut self, label: Option<&'static Label>) -> Result<(), Stop> {
        match read_value(
            &mut self.reader,
            &mut self.message.tree,
            label,
            MOST_NESTING,
        ) {
            Ok(_) => Ok(()),
            Err(fault) => Err(self.end(fault)),
        }
    }

    #[inline]
    fn head(&mut self) -> Result<Head, Stop> {
        let start = self.reader.position();
        match self.reader.head() {
            Ok(head) => {
                if !self.reader.shortest() {
                    self.non_canonical(start)?;
                }
                Ok(head)
            }
            Err(fault) => Err(self.end(fault)),
        }
    }

    fn content(&mut self, start: usize, length: u32) -> Result<Span, Stop> {
        let from = self.reader.position();
        if let Err(fault) = self.reader.take(length as usize) {
            self.reader.seek(start);
            return Err(self.end(fault));
        }
        Ok(Span::new(from, self.reader.position()))
    }

    fn utf8(&mut self, span: Span) -> Result<Value, Stop> {
        match std::str::from_utf8(span.of(self.reader.bytes())) {
            Ok(_) => Ok(Value::Text(span)),
            Err(error) => {
                let at = span.start as usize + error.valid_up_to();
                self.mismatch("invalid-utf8", at, || "the string is not UTF-8".to_owned())?;
                Ok(Value::BadText(span))
            }
        }
    }

    /// A count that the bytes left cannot hold is refused before anything is read.
    fn plausible(&mut self, count: u32, start: usize) -> Result<(), Stop> {
        if count as usize <= self.reader.left() {
            return Ok(());
        }
        if self.strict {
            self.ran_out = true;
            return Err(Stop::Mismatch);
        }
        let left = self.reader.left();
        self.message.error(
            "count-too-large",
            (start, self.reader.position()),
            format!("{count} elements are announced, but only {left} bytes are left"),
        );
        Err(Stop::End)
    }

    fn end(&mut self, fault: Fault) -> Stop {
        let at = self.reader.position();
        if self.strict {
            self.ran_out = fault == Fault::Truncated;
            return Stop::Mismatch;
        }
        let code = match fault {
            Fault::Truncated => "truncated-body",
            Fault::Reserved => "reserved-marker",
            Fault::TooDeep => "too-deep",
            Fault::TooMany => "too-many-values",
        };
        self.message
            .error(code, (at, self.reader.bytes().len()), fault.to_string());
        Stop::End
    }

    fn show(&mut self, codecs: Codecs, at: usize, what: &'static str) -> Result<(), Stop> {
        let shown = self.shown.and(codecs);
        if shown.and(self.dialect.codecs).is_empty() {
            return self.mismatch("wrong-codec", at, || {
                format!("{what}: not how this version spells it")
            });
        }
        self.shown = shown;
        Ok(())
    }

    fn wrong_type(
        &mut self,
        start: usize,
        label: Option<&'static Label>,
        expected: &'static str,
        found: Head,
    ) -> Result<(), Stop> {
        self.mismatch("wrong-type", start, || {
            let field = label.map_or(String::new(), |label| format!("{}: ", label.name));
            format!("{field}{} where {expected} belongs", found.kind())
        })?;
        self.reader.seek(start);
        self.generic(label)
    }

    fn non_canonical(&mut self, at: usize) -> Result<(), Stop> {
        self.departure("non-canonical", at, || {
            "longer than need be: legal, but no real peer writes it so".to_owned()
        })
    }

    /// The real reader refuses this.
    fn mismatch(
        &mut self,
        code: &'static str,
        at: usize,
        message: impl FnOnce() -> String,
    ) -> Result<(), Stop> {
        if self.strict {
            return Err(Stop::Mismatch);
        }
        let end = self.reader.position().max(at + 1);
        self.message.error(code, (at, end), message());
        Ok(())
    }

    /// The real reader takes this, but no real writer makes it.
    fn departure(
        &mut self,
        code: &'static str,
        at: usize,
        message: impl FnOnce() -> String,
    ) -> Result<(), Stop> {
        if self.strict {
            return Err(Stop::Mismatch);
        }
        let end = self.reader.position().max(at + 1);
        self.message.warning(code, (at, end), message());
        self.message.faithful = false;
        Ok(())
    }
}

fn present(fields: &'static [Field], version: Versions) -> impl Iterator<Item = &'static Field> {
    fields.iter().filter(move |field| field.when.meets(version))
}
