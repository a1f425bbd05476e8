//! Whether bytes fit a table, without keeping anything: for telling messages apart and for
//! finding where one ends.

use super::{Order, Packed, Rules};
use crate::model::Unit;
use crate::schema::{Field, Struct, Type};

/// Bytes that fit a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// Where the value ends.
    pub end: usize,
    /// How unlikely the fit is by chance, in bits, roughly.
    pub bits: u32,
    /// How unlikely a sender means such values, in bits, roughly; of beginnings only.
    pub doubts: u32,
    /// Whether an encoder would write just these bytes.
    pub canonical: bool,
}

/// Bytes that fit a table but in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// What was found up to where the bytes end.
    pub found: Measure,
    /// Whether the bytes end before the table does.
    pub ran_out: bool,
    /// Whether some value is none that the table knows.
    pub wrong: bool,
}

/// Why bytes do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// They end before the table does; so many bits of what is there fit.
    RanOut(u32),
    /// They cannot be what the table says.
    Wrong,
}

/// Checks `bytes` from `start` on against `body`.
///
/// # Errors
/// If they do not fit.
pub fn measure(
    body: &'static Struct,
    bytes: &[u8],
    start: usize,
    rules: &Rules,
) -> Result<Measure, Unfit> {
    let mut walk = Walk::<false>::new(bytes, start, rules);
    walk.structure(body)?;
    Ok(walk.found)
}

/// How far `bytes` from `start` on go along with `body`: past values that are wrong, to where they
/// end.
#[must_use]
pub fn measure_beginning(
    body: &'static Struct,
    bytes: &[u8],
    start: usize,
    rules: &Rules,
) -> Beginning {
    let mut walk = Walk::<true>::new(bytes, start, rules);
    let outcome = walk.structure(body);
    Beginning {
        found: walk.found,
        ran_out: matches!(outcome, Err(Unfit::RanOut(_))),
        wrong: walk.wrong || outcome == Err(Unfit::Wrong),
    }
}

/// Numbers of eight bytes that count something do not get as far as this.
const IMPLAUSIBLE: u32 = 48;
/// What a value says that no sender means.
const DOUBT: u32 = 8;
/// What control characters say against a text.
const CONTROLS: u32 = 16;
/// The milliseconds of clocks that are right: from 2001 to 2100.
const CLOCK: std::ops::Range<u64> = 1_000_000_000_000..4_102_444_800_000;
/// Longest content that speaks for a length which goes past the end.
const LIKELY_LENGTH: u64 = 1 << 16;
/// What such a length says.
const LENGTH_BITS: u32 = 8;

/// If it is `LAX`, wrong values are passed over, and what ends early says something, too.
struct Walk<'a, const LAX: bool> {
    bytes: &'a [u8],
    rules: &'a Rules,
    wrong: bool,
    /// The last integer, if lax.
    last: u64,
    found: Measure,
    counts: [u64; 2],
    counted: [Option<&'a [u8]>; 2],
    checksum: Option<(u8, u64)>,
    flags: u8,
}

impl<'a, const LAX: bool> Walk<'a, LAX> {
    fn new(bytes: &'a [u8], start: usize, rules: &'a Rules) -> Self {
        Self {
            bytes,
            rules,
            wrong: false,
            last: 0,
            found: Measure {
                end: start,
                bits: 0,
                doubts: 0,
                canonical: true,
            },
            counts: [0; 2],
            counted: [None; 2],
            checksum: None,
            flags: 0,
        }
    }

    fn structure(&mut self, body: &'static Struct) -> Result<(), Unfit> {
        self.counted = [None; 2];
        self.checksum = None;
        for field in body.fields {
            if field.when.meets(self.rules.version) {
                self.value(&field.kind)?;
                if LAX {
                    self.doubt(field);
                }
            }
        }
        self.check_sum();
        Ok(())
    }

    /// Notes numbers that no counter and no clock has. All ones stand for none.
    fn doubt(&mut self, field: &'static Field) {
        let number = matches!(field.kind, Type::Unsigned(8) | Type::Signed(8));
        if !number || self.last == u64::MAX {
            return;
        }
        let odd = match field.label.unit {
            Unit::UnixMilliseconds => !CLOCK.contains(&self.last),
            Unit::None => self.last >> IMPLAUSIBLE != 0,
            _ => false,
        };
        self.found.doubts += if odd { DOUBT } else { 0 };
    }

    fn value(&mut self, kind: &'static Type) -> Result<(), Unfit> {
        match kind {
            Type::Bool => drop(self.bool_byte()?),
            Type::Unsigned(width) => {
                let value = self.integer(*width)?;
                if *width == 8 && value >> 48 == 0 {
                    self.found.bits += 14;
                }
            }
            Type::Signed(width) => {
                let value = self.integer(*width)?;
                if *width == 8 && matches!(value >> 48, 0 | 0xffff) {
                    self.found.bits += 14;
                }
            }
            Type::Text => self.text(4)?,
            Type::Bytes => self.content(4).map(drop)?,
            Type::Fixed(count) => self.take((*count).into()).map(drop)?,
            Type::Optional(inner) => {
                if self.bool_byte()? {
                    self.value(inner)?;
                }
            }
            Type::Struct(body) => self.structure(body)?,
            Type::Enum(choice) => {
                let code = self.integer(1)?;
                let mut variants = choice.variants.iter();
                if variants.any(|variant| variant.symbol.code == code) {
                    self.found.bits += 5;
                } else {
                    self.wrong()?;
                }
            }
            Type::List(item) => {
                let count = self.integer(4)?;
                self.items(count, item)?;
            }
            Type::Packed(packed) => self.packed(packed)?,
            Type::Float32
            | Type::Float64
            | Type::ElementBytes
            | Type::Tuple(_)
            | Type::Map(..)
            | Type::Uuid
            | Type::Any => {
                return Err(Unfit::Wrong);
            }
        }
        Ok(())
    }

    fn packed(&mut self, kind: &'static Packed) -> Result<(), Unfit> {
        match kind {
            Packed::Count(slot, width) | Packed::HiddenCount(slot, width) => {
                let value = self.integer(*width)?;
                if let Some(count) = self.counts.get_mut(usize::from(*slot)) {
                    *count = value;
                }
            }
            Packed::CountedBytes(slot) => {
                let count = usize::try_from(self.count(*slot)).map_err(|_| Unfit::Wrong)?;
                let content = self.counted_content(count)?;
                self.found.bits += 16;
                if let Some(counted) = self.counted.get_mut(usize::from(*slot)) {
                    *counted = Some(content);
                }
            }
            Packed::CountedList(slot, item) => self.items(self.count(*slot), item)?,
            Packed::Checksum(slot) => self.checksum = Some((*slot, self.integer(4)?)),
            Packed::Magic(_) => self.value(&Type::Unsigned(4))?,
            Packed::ShortText(width) => self.text(*width)?,
            Packed::TextToEnd => {
                let content = self.take(self.bytes.len().saturating_sub(self.found.end))?;
                self.utf8(content)?;
                self.found.bits = self.found.bits.saturating_sub(4);
            }
            Packed::NullIfEmpty => {
                if self.content(4)?.is_empty() {
                    self.found.bits += 2;
                } else {
                    self.found.bits = self.found.bits.saturating_sub(2);
                }
            }
            Packed::LogPosition => self.take(8).map(drop)?,
            Packed::Flags => self.flags = self.integer(1)? as u8,
            Packed::If(bit, inner, _) if self.flags & bit != 0 => self.value(inner)?,
            Packed::If(..)
            | Packed::Bit(_)
            | Packed::Absent
            | Packed::Constant(_)
            | Packed::Derived(_) => {}
        }
        Ok(())
    }

    fn count(&self, slot: u8) -> u64 {
        self.counts
            .get(usize::from(slot))
            .copied()
            .unwrap_or_default()
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Unfit> {
        let start = self.found.end;
        let end = start.checked_add(count).ok_or(Unfit::Wrong)?;
        let content = self
            .bytes
            .get(start..end)
            .ok_or(Unfit::RanOut(self.found.bits))?;
        self.found.end = end;
        Ok(content)
    }

    /// A value that the table does not know.
    fn wrong(&mut self) -> Result<(), Unfit> {
        self.wrong = true;
        if LAX { Ok(()) } else { Err(Unfit::Wrong) }
    }

    /// The bytes that are left.
    fn left(&self) -> &'a [u8] {
        self.bytes.get(self.found.end..).unwrap_or_default()
    }

    fn integer(&mut self, width: u8) -> Result<u64, Unfit> {
        match self.take(width.into()) {
            Ok(bytes) => {
                let value = self.rules.order.unsigned(bytes);
                if LAX {
                    self.last = value;
                }
                Ok(value)
            }
            Err(unfit) => {
                if LAX {
                    self.torn_integer(width);
                }
                Err(unfit)
            }
        }
    }

    /// The first bytes of an integer: the upper ones of a number that counts are zero.
    #[cold]
    fn torn_integer(&mut self, width: u8) {
        if self.rules.order != Order::Little || width < 4 {
            return;
        }
        let left = self.left();
        let zeros = left.iter().rev().take_while(|byte| **byte == 0).count();
        self.found.bits += (4 * zeros as u32).min(14);
        let upper = left.get(6..).unwrap_or_default();
        if upper.iter().any(|byte| *byte != 0) && left.iter().any(|byte| *byte != 0xff) {
            self.found.doubts += DOUBT;
        }
    }

    /// Counted bytes; those that end early speak for themselves.
    fn counted_content(&mut self, length: usize) -> Result<&'a [u8], Unfit> {
        let content = self.take(length);
        if content.is_err() && LAX && length as u64 <= LIKELY_LENGTH {
            self.found.bits += LENGTH_BITS;
        }
        content
    }

    fn bool_byte(&mut self) -> Result<bool, Unfit> {
        let byte = self.integer(1)?;
        if byte > 1 {
            self.found.canonical = false;
            self.found.doubts += DOUBT;
        } else {
            self.found.bits += 7;
        }
        Ok(byte != 0)
    }

    fn content(&mut self, width: u8) -> Result<&'a [u8], Unfit> {
        let length = self.length(width)?;
        self.sized_content(length)
    }

    fn length(&mut self, width: u8) -> Result<usize, Unfit> {
        usize::try_from(self.integer(width)?).map_err(|_| Unfit::Wrong)
    }

    fn sized_content(&mut self, length: usize) -> Result<&'a [u8], Unfit> {
        let content = self.counted_content(length)?;
        self.found.bits += if length == 0 { 4 } else { 20 };
        Ok(content)
    }

    fn text(&mut self, width: u8) -> Result<(), Unfit> {
        let length = self.length(width)?;
        match self.sized_content(length) {
            Ok(content) => self.utf8(content),
            Err(unfit) => {
                if LAX {
                    self.torn_text(length);
                }
                Err(unfit)
            }
        }
    }

    /// The first bytes of a text.
    #[cold]
    fn torn_text(&mut self, length: usize) {
        if length as u64 > LIKELY_LENGTH {
            return;
        }
        let left = self.left();
        let whole = match std::str::from_utf8(left) {
            Ok(_) => true,
            Err(error) => error.error_len().is_none(),
        };
        if !whole || left.iter().any(|byte| is_control(*byte)) {
            // Or its length is wrong, and other fields are in it.
            self.found.doubts += DOUBT;
        } else {
            self.found.bits += left.len().min(16) as u32;
        }
    }

    /// Text as people write it says more than text with control characters in it.
    fn utf8(&mut self, content: &[u8]) -> Result<(), Unfit> {
        if std::str::from_utf8(content).is_err() {
            return self.wrong();
        }
        if content.iter().any(|byte| is_control(*byte)) {
            self.found.doubts += CONTROLS.saturating_sub(self.found.bits);
            self.found.bits = self.found.bits.saturating_sub(CONTROLS);
        } else {
            self.found.bits += content.len().min(16) as u32;
        }
        Ok(())
    }

    fn items(&mut self, count: u64, item: &'static Type) -> Result<(), Unfit> {
        // Every item has a byte at least, so this ends where the bytes do.
        (0..count).try_for_each(|_| self.value(item))
    }

    fn check_sum(&mut self) {
        let Some((slot, stored)) = self.checksum.take() else {
            return;
        };
        match self.counted.get(usize::from(slot)) {
            Some(Some(content)) if u64::from(crc32fast::hash(content)) == stored => {
                self.found.bits += if content.is_empty() { 12 } else { 32 };
            }
            _ => self.found.canonical = false,
        }
    }
}

const fn is_control(byte: u8) -> bool {
    byte < 0x20 || byte == 0x7f
}
