//! Decoding by table.

mod build;
mod collections;
mod departures;
mod planned;
mod structures;
mod variants;

pub use self::build::{AllNodes, Build, FewNodes, Mark};
use super::{Codecs, Dialect, Plan};
use crate::codec::messagepack::{Fault, Head, Reader, read_value};
use crate::model::{Label, Message, NodeId, Span, Value};
use crate::schema::{Field, Opaque, Struct, Type, Versions};

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
pub struct Decoder<'a, 'm, B = AllNodes> {
    reader: Reader<'a>,
    build: B,
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
            build: AllNodes,
            message,
            opaque,
            dialect,
            strict: false,
            ran_out: false,
            shown: Codecs::ANY,
            depth: 0,
        }
    }

    /// Like [`Decoder::attempt`], but only the fields that `plan` has as watched become nodes. With
    /// `json`, the body's text is added to [`Message::spelled`].
    #[must_use]
    pub fn attempt_sparingly(self, plan: &'static Plan, json: bool) -> Outcome {
        if json {
            self.building(FewNodes::<true>::default()).planned(plan)
        } else {
            self.building(FewNodes::<false>::default()).planned(plan)
        }
    }

    /// Decodes one value of `kind`, exactly or not at all; nothing becomes nodes. If `JSON`, its text
    /// is added to [`Message::spelled`], behind `lead` and the name of `label`.
    #[must_use]
    pub fn attempt_text<const JSON: bool>(
        self,
        kind: &'static Type,
        lead: u8,
        label: Option<&'static Label>,
    ) -> Outcome {
        let mut decoder = self.building(FewNodes::<JSON>::text(lead));
        decoder.strict = true;
        decoder.run(|decoder| decoder.value(kind, label, None))
    }

    /// Decodes what there is; departures become issues.
    #[must_use]
    pub fn leniently(self, body: &'static Struct) -> Outcome {
        self.run(|decoder| decoder.structure(body, None))
    }
}

impl<'a, 'm, B: Build> Decoder<'a, 'm, B> {
    fn building<C: Build>(self, build: C) -> Decoder<'a, 'm, C> {
        Decoder {
            reader: self.reader,
            build,
            message: self.message,
            opaque: self.opaque,
            dialect: self.dialect,
            strict: self.strict,
            ran_out: self.ran_out,
            shown: self.shown,
            depth: self.depth,
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

    fn run(mut self, decode: impl FnOnce(&mut Self) -> Result<(), Stop>) -> Outcome {
        let issues = self.message.issues.len();
        let result = decode(&mut self);
        Outcome {
            exact: result.is_ok() && self.message.issues.len() == issues && !self.build.refused(),
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
            Type::Float64 if self.short_float(label) => Ok(()),
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
        if let Some(value) = self.reader.short_unsigned(width) {
            return self.leaf(label, Value::Unsigned(value), start);
        }
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
        if !named && let Some(value) = self.reader.short_signed() {
            return self.leaf(label, Value::Signed(value), start);
        }
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

    #[expect(clippy::inline_always, reason = "every value passes")]
    #[inline(always)]
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
        let span = match self.reader.short_binary() {
            Some(content) => content,
            None => match self.head()? {
                Head::Binary(length) => self.content(start, length)?,
                other => return self.wrong_type(start, label, "bytes", other),
            },
        };
        if self.dialect.codecs == Codecs::RMP_NAMED {
            self.non_canonical(start)?;
        } else {
            self.show(Codecs::Z_OLD.or(Codecs::Z_NEW), start, "bytes as bin")?;
        }
        self.note_opaque(holds);
        self.leaf(label, Value::Bytes(span), start)
    }

    fn integer_bytes(
        &mut self,
        expected: Option<u16>,
        label: Option<&'static Label>,
        holds: Option<&'static Opaque>,
    ) -> Result<(), Stop> {
        let start = self.reader.position();
        let head = self.array_head()?;
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
        left -= self.reader.short_bytes(left);
        while left > 0 {
            let at = self.reader.position();
            let head = self.head()?;
            if !matches!(head, Head::Unsigned(0..=255)) || self.reader.marker() != 0xcc {
                self.mismatch("wrong-type", at, || {
                    format!("{} where a byte belongs", head.kind())
                })?;
                // Not a list of bytes: show it as whatever it is.
                self.reader.seek(start);
                return self.generic(label);
            }
            left -= 1;
            left -= self.reader.short_bytes(left);
        }
        if expected.is_none_or(|expected| u32::from(expected) == count) {
            self.note_opaque(holds);
        }
        let span = Span::new(content, self.reader.position());
        self.leaf(label, Value::IntegerBytes(span), start)
    }

    #[expect(clippy::inline_always, reason = "every value passes")]
    #[inline(always)]
    fn container(
        &mut self,
        label: Option<&'static Label>,
        value: Value,
        start: usize,
        decode: impl FnOnce(&mut Self) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let frame = self.reader.bytes();
        let id = self.build.open(frame, self.message, label, value, start);
        let result = decode(self);
        let end = self.reader.position();
        self.build.close(self.message, id, value, end);
        result
    }

    #[expect(clippy::inline_always, reason = "see FewNodes")]
    #[inline(always)]
    fn leaf(
        &mut self,
        label: Option<&'static Label>,
        value: Value,
        start: usize,
    ) -> Result<(), Stop> {
        self.push(label, value, start);
        Ok(())
    }

    #[expect(clippy::inline_always, reason = "see FewNodes")]
    #[inline(always)]
    fn push(&mut self, label: Option<&'static Label>, value: Value, start: usize) {
        let at = (start, self.reader.position());
        let frame = self.reader.bytes();
        self.build.leaf(frame, self.message, label, value, at);
    }

    /// Notes that the next node's bytes hold something.
    fn note_opaque(&mut self, holds: Option<&'static Opaque>) {
        if let Some(opaque) = holds {
            self.opaque.push((self.message.tree.next_id(), *opaque));
        }
    }

    /// Reads whatever item comes.
    fn generic(&mut self, label: Option<&'static Label>) -> Result<(), Stop> {
        if !B::ANYTHING {
            return Err(Stop::Mismatch);
        }
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

    /// The next head, most probably that of an array.
    #[inline]
    fn array_head(&mut self) -> Result<Head, Stop> {
        match self.reader.short_array() {
            Some(count) => Ok(Head::Array(count)),
            None => self.head(),
        }
    }

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
}

fn present(fields: &'static [Field], version: Versions) -> impl Iterator<Item = &'static Field> {
    fields.iter().filter(move |field| field.when.meets(version))
}
