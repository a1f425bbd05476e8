//! From the JSON text of a record straight to a fixed layout: the table and the text are walked
//! together, without a document between them.
//!
//! As in [`crate::schema::messagepack::Transcoder`], only what our own JSON output prints is taken,
//! and only if nothing in it contradicts anything; [`super::Encoder`] does the rest.

use super::{Absence, Order, Packed};
use crate::codec::json::Cursor;
use crate::schema::{Enum, Field, Struct, Type, Versions};

/// Values deeper inside each other are left to the other encoder.
const MOST_NESTING: u32 = 64;

/// Says whether the text of a derived field is right: its name, the number that stands before it,
/// and the text.
pub type CheckDerived = fn(&str, u64, &[u8]) -> bool;

/// Writes one struct, and what is in it.
#[derive(Debug)]
pub struct Transcoder<'o, 'c, 't> {
    out: &'o mut Vec<u8>,
    cursor: &'c mut Cursor<'t>,
    order: Order,
    version: Versions,
    check: CheckDerived,
    /// The last number that was read.
    number: u64,
    depth: u32,
}

/// What the fields of one struct share.
#[derive(Default)]
struct Shared {
    counts: [Option<Count>; 2],
    contents: [(usize, usize); 2],
    checksum: Option<(u8, u64)>,
    flags: u8,
}

#[derive(Clone, Copy)]
enum Count {
    /// The record says it.
    Said(u64),
    /// To be filled in at this position, so many bytes wide.
    Open(usize, u8),
}

impl<'o, 'c, 't> Transcoder<'o, 'c, 't> {
    /// Appends to `out` what `cursor` stands in front of: integers in `order`, the fields that
    /// `version` has.
    pub fn new(
        out: &'o mut Vec<u8>,
        cursor: &'c mut Cursor<'t>,
        order: Order,
        version: Versions,
        check: CheckDerived,
    ) -> Self {
        Self {
            out,
            cursor,
            order,
            version,
            check,
            number: 0,
            depth: 0,
        }
    }

    /// Appends a value of `body`. None if the text is not spelled so, or contradicts itself;
    /// something may be appended then.
    pub fn structure(&mut self, body: &'static Struct) -> Option<()> {
        if self.depth == MOST_NESTING {
            return None;
        }
        self.depth += 1;
        self.cursor.byte(b'{')?;
        let mut shared = Shared::default();
        let mut first = true;
        for field in body.fields {
            if field.when.meets(self.version) {
                first &= !self.field(field, first, &mut shared)?;
            }
        }
        self.cursor.byte(b'}')?;
        if let Some((slot, said)) = shared.checksum {
            let (start, end) = shared.contents.get(usize::from(slot)).copied()?;
            let content = self.out.get(start..end)?;
            (u64::from(crc32fast::hash(content)) == said).then_some(())?;
        }
        self.depth -= 1;
        Some(())
    }

    /// Writes a field; whether the text has it.
    fn field(&mut self, field: &'static Field, first: bool, shared: &mut Shared) -> Option<bool> {
        if let Type::Packed(Packed::HiddenCount(slot, width)) = &field.kind {
            let open = Count::Open(self.out.len(), *width);
            *shared.counts.get_mut(usize::from(*slot))? = Some(open);
            self.integer(0, *width);
            return Some(false);
        }
        let derived = matches!(&field.kind, Type::Packed(Packed::Derived(_)));
        let key = field.label.key(first)?;
        if self.cursor.literal(key).is_none() {
            return derived.then_some(false);
        }
        match &field.kind {
            Type::Packed(_) if derived => {
                let text = self.cursor.value()?;
                (self.check)(field.label.name, self.number, text).then_some(())?;
            }
            Type::Packed(packed) => self.packed(packed, shared)?,
            kind => self.value(kind)?,
        }
        Some(true)
    }

    fn value(&mut self, kind: &'static Type) -> Option<()> {
        match kind {
            Type::Bool => {
                let value = self.bool()?;
                self.out.push(value.into());
            }
            Type::Unsigned(width) => {
                self.unsigned(*width)?;
            }
            Type::Signed(width) => self.signed(*width)?,
            Type::Text => self.text(4)?,
            Type::Bytes => self.bytes(4)?,
            Type::Fixed(count) => {
                let start = self.out.len();
                self.digits()?;
                (self.out.len() - start == usize::from(*count)).then_some(())?;
            }
            Type::Optional(_) if self.null() => self.out.push(0),
            Type::Optional(inner) => {
                self.out.push(1);
                self.value(inner)?;
            }
            Type::Struct(body) => self.structure(body)?,
            Type::Enum(choice) => self.choice(choice)?,
            Type::List(item) => {
                let at = self.out.len();
                self.integer(0, 4);
                let count = self.items(item)?;
                self.fill(at, 4, count)?;
            }
            Type::Packed(packed) => self.packed(packed, &mut Shared::default())?,
            _ => return None,
        }
        Some(())
    }

    fn packed(&mut self, kind: &'static Packed, shared: &mut Shared) -> Option<()> {
        match kind {
            Packed::Count(slot, width) => {
                let count = Count::Said(self.unsigned(*width)?);
                *shared.counts.get_mut(usize::from(*slot))? = Some(count);
            }
            Packed::CountedBytes(slot) => {
                let start = self.out.len();
                self.digits()?;
                let end = self.out.len();
                *shared.contents.get_mut(usize::from(*slot))? = (start, end);
                self.settle(*slot, end - start, shared)?;
            }
            Packed::CountedList(slot, item) => {
                let count = self.items(item)?;
                self.settle(*slot, count, shared)?;
            }
            Packed::Checksum(slot) => shared.checksum = Some((*slot, self.unsigned(4)?)),
            Packed::Magic(_) => drop(self.unsigned(4)?),
            Packed::ShortText(width) => self.text(*width)?,
            Packed::TextToEnd => {
                let text = self.cursor.plain_text()?;
                self.out.extend_from_slice(text);
            }
            Packed::NullIfEmpty if self.null() => self.integer(0, 4),
            Packed::NullIfEmpty => self.bytes(4)?,
            Packed::LogPosition => self.log_position()?,
            Packed::Flags => shared.flags = self.unsigned(1)? as u8,
            Packed::If(bit, inner, absence) if shared.flags & bit != 0 => {
                let is_null = self.cursor.peek()? == b'n';
                let takes_null = matches!(inner, Type::Packed(Packed::LogPosition));
                if is_null && *absence == Absence::Null && !takes_null {
                    return None;
                }
                self.value(inner)?;
            }
            Packed::If(..) | Packed::Absent => {
                if !self.null() {
                    self.cursor.unsigned().filter(|value| *value == 0)?;
                }
            }
            Packed::Bit(bit) => {
                let flagged = shared.flags & bit != 0;
                self.bool().filter(|value| *value == flagged)?;
            }
            Packed::Constant(_) => drop(self.cursor.value()?),
            Packed::HiddenCount(..) | Packed::Derived(_) => return None,
        }
        Some(())
    }

    fn integer(&mut self, value: u64, width: u8) {
        let width = usize::from(width.min(8));
        let (bytes, start) = match self.order {
            Order::Little => (value.to_le_bytes(), 0),
            Order::Big => (value.to_be_bytes(), 8 - width),
        };
        let bytes = bytes.get(start..start + width).unwrap_or_default();
        self.out.extend_from_slice(bytes);
    }

    fn unsigned(&mut self, width: u8) -> Option<u64> {
        let value = self.cursor.unsigned()?;
        (value <= most(width)).then_some(())?;
        self.number = value;
        self.integer(value, width);
        Some(value)
    }

    fn signed(&mut self, width: u8) -> Option<()> {
        let unused = 64 - 8 * u32::from(width.clamp(1, 8));
        let value = self.cursor.signed()?;
        ((value << unused) >> unused == value).then_some(())?;
        self.integer(value.cast_unsigned(), width);
        Some(())
    }

    fn bool(&mut self) -> Option<bool> {
        let value = self.cursor.peek()? == b't';
        self.cursor
            .literal(if value { b"true" } else { b"false" })?;
        Some(value)
    }

    fn null(&mut self) -> bool {
        self.cursor.peek() == Some(b'n') && self.cursor.token(b"null").is_some()
    }

    fn text(&mut self, width: u8) -> Option<()> {
        let text = self.cursor.plain_text()?;
        let length = text.len() as u64;
        (length <= most(width)).then_some(())?;
        self.integer(length, width);
        self.out.extend_from_slice(text);
        Some(())
    }

    /// Bytes behind their length.
    fn bytes(&mut self, width: u8) -> Option<()> {
        let at = self.out.len();
        self.integer(0, width);
        let start = self.out.len();
        self.digits()?;
        let length = self.out.len() - start;
        self.fill(at, width, length)
    }

    /// Bytes alone.
    fn digits(&mut self) -> Option<()> {
        let digits = self.cursor.quoted()?;
        (digits.len() % 2 == 0).then_some(())?;
        let start = self.out.len();
        self.out.resize(start + digits.len() / 2, 0);
        let place = self.out.get_mut(start..)?;
        faster_hex::hex_decode(digits, place).ok().map(drop)
    }

    fn choice(&mut self, choice: &'static Enum) -> Option<()> {
        let code = match self.cursor.peek()? {
            b'"' => {
                let name = self.cursor.plain_text()?;
                let symbols = || choice.variants.iter().map(|variant| &variant.symbol);
                symbols()
                    .find(|symbol| symbol.name.as_bytes() == name)?
                    .code
            }
            _ => self.cursor.unsigned().filter(|code| *code <= 255)?,
        };
        self.integer(code, 1);
        Some(())
    }

    fn items(&mut self, item: &'static Type) -> Option<usize> {
        self.cursor.byte(b'[')?;
        if self.cursor.skip(b']') {
            return Some(0);
        }
        let mut count = 0;
        loop {
            self.value(item)?;
            count += 1;
            if !self.cursor.skip(b',') {
                break;
            }
        }
        self.cursor.byte(b']')?;
        Some(count)
    }

    fn log_position(&mut self) -> Option<()> {
        if self.null() {
            self.integer(u64::MAX, 8);
            return Some(());
        }
        self.cursor.token(b"{\"file\":")?;
        let file = self.unsigned(4)?;
        self.cursor.token(b",\"offset\":")?;
        let offset = self.unsigned(4)?;
        // That would mean null.
        (file & offset != most(4)).then_some(())?;
        self.cursor.byte(b'}')
    }

    /// Holds what was counted against what the record says, or fills it in.
    fn settle(&mut self, slot: u8, count: usize, shared: &Shared) -> Option<()> {
        match shared.counts.get(usize::from(slot)).copied().flatten() {
            Some(Count::Said(said)) => (said == count as u64).then_some(()),
            Some(Count::Open(at, width)) => self.fill(at, width, count),
            None => Some(()),
        }
    }

    /// Writes `value` at `at`, where there is room for it.
    fn fill(&mut self, at: usize, width: u8, value: usize) -> Option<()> {
        let value = value as u64;
        (value <= most(width)).then_some(())?;
        let end = self.out.len();
        self.integer(value, width);
        self.out.copy_within(end.., at);
        self.out.truncate(end);
        Some(())
    }
}

/// The largest unsigned integer of `width` bytes.
fn most(width: u8) -> u64 {
    u64::MAX >> (64 - 8 * u32::from(width.clamp(1, 8)))
}
