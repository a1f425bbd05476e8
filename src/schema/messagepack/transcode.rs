//! From the JSON text of a record straight to MessagePack: the table and the text are walked
//! together, without a document between them.
//!
//! Only text that is spelled as our own JSON output spells it is taken, with the fields in the
//! table's order; for all else there is [`super::Encoder`], which gives the same bytes and says what
//! is wrong.

use super::{Codecs, Dialect, Encoder};
use crate::codec::json::{Cursor, Document};
use crate::codec::messagepack as write;
use crate::schema::{Enum, Field, Payload, Struct, Type, Variant};

/// Values deeper inside each other are left to the other encoder.
const MOST_NESTING: u32 = 64;

/// Writes one body.
#[derive(Debug)]
pub struct Transcoder<'o, 'c, 't> {
    out: &'o mut Vec<u8>,
    cursor: &'c mut Cursor<'t>,
    dialect: Dialect,
    spelling: Spelling,
    depth: u32,
    room: &'c mut Room,
}

/// Memory that is used again from body to body.
#[derive(Debug, Default)]
pub struct Room {
    document: Document,
    bytes: Vec<u8>,
}

/// What the codec means for the writer.
#[derive(Clone, Copy, Debug)]
struct Spelling {
    /// Structs are maps.
    named: bool,
    /// Bytes are binary, not arrays of integers.
    binary: bool,
    /// Unit variants have a nil behind their name.
    nil_behind: bool,
}

impl<'o, 'c, 't> Transcoder<'o, 'c, 't> {
    /// Appends to `out`, as `dialect` spells it, what `cursor` stands in front of; the dialect's
    /// codecs must be one.
    pub fn new(
        out: &'o mut Vec<u8>,
        cursor: &'c mut Cursor<'t>,
        dialect: Dialect,
        room: &'c mut Room,
    ) -> Self {
        let any = |codecs: Codecs| !dialect.codecs.and(codecs).is_empty();
        let spelling = Spelling {
            named: dialect.codecs == Codecs::RMP_NAMED,
            binary: !any(Codecs::RMP_NAMED.or(Codecs::Z_ARR)),
            nil_behind: any(Codecs::Z_ARR.or(Codecs::Z_OLD)),
        };
        Self {
            out,
            cursor,
            dialect,
            spelling,
            depth: 0,
            room,
        }
    }

    /// Appends a value of `body`. None if the text is not spelled so; something may be appended
    /// then.
    pub fn body(&mut self, body: &'static Struct) -> Option<()> {
        self.fields(body.fields, body.keyed || self.spelling.named)
    }

    fn value(&mut self, kind: &'static Type) -> Option<()> {
        match kind {
            Type::Unsigned(width) => self.unsigned(*width)?,
            Type::Text => self.text()?,
            Type::Bool => self.bool()?,
            Type::Bytes if self.spelling.binary => self.bytes()?,
            Type::Bytes | Type::ElementBytes => self.integer_bytes(None)?,
            Type::Fixed(count) => self.integer_bytes(Some(usize::from(*count)))?,
            Type::Optional(inner) => match self.cursor.peek() {
                Some(b'n') => {
                    self.cursor.token(b"null")?;
                    write::write_nil(self.out);
                }
                _ => self.value(inner)?,
            },
            Type::Signed(_) => self.signed()?,
            Type::Float32 => {
                let value = self.cursor.float()?;
                write::write_float32(self.out, value as f32);
            }
            Type::Float64 => {
                let value = self.cursor.float()?;
                write::write_float64(self.out, value);
            }
            Type::List(item) => self.inside(|own| own.list(item))?,
            Type::Tuple(kinds) => self.inside(|own| own.tuple(kinds))?,
            Type::Map(key, value) => self.inside(|own| own.map(key, value))?,
            Type::Struct(body) => self.inside(|own| own.body(body))?,
            Type::Enum(choice) => self.inside(|own| own.choice(choice))?,
            Type::Packed(_) | Type::Uuid | Type::Any => self.by_document(kind)?,
        }
        Some(())
    }

    fn inside(&mut self, write: impl FnOnce(&mut Self) -> Option<()>) -> Option<()> {
        if self.depth == MOST_NESTING {
            return None;
        }
        self.depth += 1;
        write(self)?;
        self.depth -= 1;
        Some(())
    }

    /// A value for which the other encoder is as good.
    fn by_document(&mut self, kind: &'static Type) -> Option<()> {
        let text = self.cursor.value()?;
        let document = &mut self.room.document;
        document.parse(text).ok()?;
        let json = document.root(text).ok()?;
        Encoder::new(self.out, self.dialect).value(kind, json).ok()
    }

    fn unsigned(&mut self, width: u8) -> Option<()> {
        let value = self.cursor.unsigned()?;
        if value > u64::MAX >> (64 - 8 * u32::from(width)) {
            return None;
        }
        write::write_unsigned(self.out, value);
        Some(())
    }

    fn signed(&mut self) -> Option<()> {
        let value = self.cursor.signed()?;
        match u64::try_from(value) {
            Ok(value) if self.spelling.named => write::write_unsigned(self.out, value),
            _ => write::write_signed(self.out, value),
        }
        Some(())
    }

    fn bool(&mut self) -> Option<()> {
        let value = self.cursor.peek()? == b't';
        self.cursor
            .literal(if value { b"true" } else { b"false" })?;
        write::write_bool(self.out, value);
        Some(())
    }

    #[inline]
    fn text(&mut self) -> Option<()> {
        let mut ahead = self.cursor.clone();
        match ahead.plain_text() {
            Some(text) => {
                *self.cursor = ahead;
                write::write_text(self.out, text);
                Some(())
            }
            None => self.by_document(&Type::Text),
        }
    }

    fn bytes(&mut self) -> Option<()> {
        let digits = self.cursor.quoted()?;
        let size = digits.len() / 2;
        write::write_binary_head(self.out, size);
        let start = self.out.len();
        self.out.resize(start + size, 0);
        decode(digits, self.out.get_mut(start..)?)
    }

    fn integer_bytes(&mut self, count: Option<usize>) -> Option<()> {
        let digits = self.cursor.quoted()?;
        let size = digits.len() / 2;
        if count.is_some_and(|count| count != size) {
            return None;
        }
        let bytes = &mut self.room.bytes;
        bytes.clear();
        bytes.resize(size, 0);
        decode(digits, bytes)?;
        write::write_array(self.out, size);
        if bytes.is_ascii() {
            // Integers up to 127 are their own spelling.
            self.out.extend_from_slice(bytes);
            return Some(());
        }
        self.out.reserve(2 * size);
        for byte in bytes {
            write::write_unsigned(self.out, u64::from(*byte));
        }
        Some(())
    }

    fn list(&mut self, item: &'static Type) -> Option<()> {
        self.cursor.byte(b'[')?;
        let at = self.head();
        let mut count = 0;
        if !self.cursor.skip(b']') {
            loop {
                self.value(item)?;
                count += 1;
                if !self.cursor.skip(b',') {
                    break;
                }
            }
            self.cursor.byte(b']')?;
        }
        self.fill_head(at, count, write::write_array)
    }

    fn tuple(&mut self, kinds: &'static [Type]) -> Option<()> {
        self.cursor.byte(b'[')?;
        write::write_array(self.out, kinds.len());
        for (index, kind) in kinds.iter().enumerate() {
            if index > 0 {
                self.cursor.byte(b',')?;
            }
            self.value(kind)?;
        }
        self.cursor.byte(b']')
    }

    fn map(&mut self, key: &'static Type, value: &'static Type) -> Option<()> {
        self.cursor.byte(b'{')?;
        let at = self.head();
        let mut count = 0;
        if !self.cursor.skip(b'}') {
            loop {
                if matches!(key, Type::Text) {
                    self.text()?;
                } else {
                    let mut digits = Cursor::new(self.cursor.plain_text()?);
                    let number = digits.unsigned().filter(|_| digits.at_end())?;
                    write::write_unsigned(self.out, number);
                }
                self.cursor.byte(b':')?;
                self.value(value)?;
                count += 1;
                if !self.cursor.skip(b',') {
                    break;
                }
            }
            self.cursor.byte(b'}')?;
        }
        self.fill_head(at, count, write::write_map)
    }

    /// The fields that this version has, in the order of the table; with their names if `keyed`.
    fn fields(&mut self, fields: &'static [Field], keyed: bool) -> Option<()> {
        self.cursor.byte(b'{')?;
        let version = self.dialect.version;
        let at = self.head();
        let mut count = 0;
        for field in fields.iter().filter(|field| field.when.meets(version)) {
            let key = field.label.key(count == 0)?;
            if self.cursor.literal(key).is_none() {
                if keyed && field.may_lack {
                    continue;
                }
                return None;
            }
            count += 1;
            if keyed {
                write::write_text(self.out, field.label.name.as_bytes());
            }
            self.value(&field.kind)?;
        }
        self.cursor.byte(b'}')?;
        let write_head = if keyed {
            write::write_map
        } else {
            write::write_array
        };
        self.fill_head(at, count, write_head)
    }

    fn choice(&mut self, choice: &'static Enum) -> Option<()> {
        let unit = self.cursor.peek()? == b'"';
        if choice.numbered {
            let code = match unit {
                true => {
                    let name = self.cursor.plain_text()?;
                    self.variant(choice, name)?.symbol.code
                }
                false => self.cursor.unsigned()?,
            };
            write::write_unsigned(self.out, code);
            return Some(());
        }
        if unit {
            let name = self.cursor.plain_text()?;
            let variant = self.variant(choice, name)?;
            if !matches!(variant.payload, Payload::Unit) {
                return None;
            }
            if self.spelling.nil_behind {
                write::write_array(self.out, 2);
            }
            write::write_text(self.out, name);
            if self.spelling.nil_behind {
                write::write_nil(self.out);
            }
            return Some(());
        }
        self.cursor.byte(b'{')?;
        let name = self.cursor.key()?;
        let variant = self.variant(choice, name)?;
        match self.spelling.named {
            true => write::write_map(self.out, 1),
            false => write::write_array(self.out, 2),
        }
        write::write_text(self.out, name);
        match &variant.payload {
            Payload::Unit => return None,
            Payload::Newtype(kind) => {
                if self.spelling.nil_behind {
                    write::write_array(self.out, 1);
                }
                self.value(kind)?;
            }
            Payload::Struct(fields) => self.fields(fields, self.spelling.named)?,
        }
        self.cursor.byte(b'}')
    }

    fn variant(&self, choice: &'static Enum, name: &[u8]) -> Option<&'static Variant> {
        let version = self.dialect.version;
        choice
            .variants
            .iter()
            .find(|variant| variant.symbol.name.as_bytes() == name && variant.when.meets(version))
    }

    /// Leaves room for the head of an array or map of few items.
    fn head(&mut self) -> usize {
        self.out.push(0);
        self.out.len() - 1
    }

    /// Writes the head now that the items are counted; many move to make room.
    fn fill_head(
        &mut self,
        at: usize,
        count: usize,
        write_head: fn(&mut Vec<u8>, usize),
    ) -> Option<()> {
        let end = self.out.len();
        write_head(self.out, count);
        if self.out.len() == end + 1 {
            let head = self.out.pop()?;
            *self.out.get_mut(at)? = head;
            return Some(());
        }
        let head = self.out.split_off(end);
        drop(self.out.splice(at..=at, head));
        Some(())
    }
}

/// Reads hexadecimal digits.
fn decode(digits: &[u8], place: &mut [u8]) -> Option<()> {
    digits.len().is_multiple_of(2).then_some(())?;
    faster_hex::hex_decode(digits, place).ok().map(drop)
}
