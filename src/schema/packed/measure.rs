//! Whether bytes fit a table, without keeping anything: for telling messages apart and for
//! finding where one ends.

use super::{Packed, Rules};
use crate::schema::{Struct, Type};

/// Bytes that fit a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// Where the value ends.
    pub end: usize,
    /// How unlikely the fit is by chance, in bits, roughly.
    pub bits: u32,
    /// Whether an encoder would write just these bytes.
    pub canonical: bool,
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
    let mut walk = Walk {
        bytes,
        rules,
        found: Measure {
            end: start,
            bits: 0,
            canonical: true,
        },
        counts: [0; 2],
        counted: [None; 2],
        checksum: None,
        flags: 0,
    };
    walk.structure(body)?;
    Ok(walk.found)
}

struct Walk<'a> {
    bytes: &'a [u8],
    rules: &'a Rules,
    found: Measure,
    counts: [u64; 2],
    counted: [Option<&'a [u8]>; 2],
    checksum: Option<(u8, u64)>,
    flags: u8,
}

impl<'a> Walk<'a> {
    fn structure(&mut self, body: &'static Struct) -> Result<(), Unfit> {
        self.counted = [None; 2];
        self.checksum = None;
        for field in body.fields {
            if field.when.meets(self.rules.version) {
                self.value(&field.kind)?;
            }
        }
        self.check_sum();
        Ok(())
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
                if !choice
                    .variants
                    .iter()
                    .any(|variant| variant.symbol.code == code)
                {
                    return Err(Unfit::Wrong);
                }
                self.found.bits += 5;
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
                let content = self.take(count)?;
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

    fn integer(&mut self, width: u8) -> Result<u64, Unfit> {
        let bytes = self.take(width.into())?;
        Ok(self.rules.order.unsigned(bytes))
    }

    fn bool_byte(&mut self) -> Result<bool, Unfit> {
        let byte = self.integer(1)?;
        if byte > 1 {
            self.found.canonical = false;
        } else {
            self.found.bits += 7;
        }
        Ok(byte != 0)
    }

    fn content(&mut self, width: u8) -> Result<&'a [u8], Unfit> {
        let length = usize::try_from(self.integer(width)?).map_err(|_| Unfit::Wrong)?;
        let content = self.take(length)?;
        self.found.bits += if length == 0 { 4 } else { 20 };
        Ok(content)
    }

    fn text(&mut self, width: u8) -> Result<(), Unfit> {
        let content = self.content(width)?;
        self.utf8(content)
    }

    /// Text as people write it says more than text with control characters in it.
    fn utf8(&mut self, content: &[u8]) -> Result<(), Unfit> {
        if std::str::from_utf8(content).is_err() {
            return Err(Unfit::Wrong);
        }
        if content.iter().any(|byte| *byte < 0x20 || *byte == 0x7f) {
            self.found.bits = self.found.bits.saturating_sub(16);
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
