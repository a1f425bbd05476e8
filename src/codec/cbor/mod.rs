//! CBOR, one item head at a time.
//!
//! Source: RFC 8949, section 3; lengths and integers are big-endian.

mod skip;
mod value;
mod write;

pub use skip::skip;
pub use value::{Form, read_value};
pub use write::{
    write_array, write_bool, write_bytes, write_float, write_map, write_negative, write_null,
    write_simple, write_tag, write_text, write_undefined, write_unsigned,
};

use thiserror::Error;

/// Why no item could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// The bytes end inside the item.
    #[error("the bytes end inside a value")]
    Truncated,
    /// A byte that starts no item, or not here.
    #[error("a byte that starts no CBOR item")]
    Reserved,
    /// A break where nothing of unknown length is open, or between a key and its value.
    #[error("a break where none may stand")]
    StrayBreak,
    /// A chunk of a string that is not of the string's kind.
    #[error("a string in pieces holds something else")]
    WrongChunk,
    /// Deeper than [`MOST_NESTING`].
    #[error("nested too deep")]
    TooDeep,
    /// More values than one message may have.
    #[error("too many values")]
    TooMany,
}

/// Readers refuse this many arrays, maps and tags inside each other; `serde_cbor` does, too.
pub const MOST_NESTING: u32 = 128;

/// The head of an item: scalars whole, strings and containers by their size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Head {
    /// Major type 0
    Unsigned(u64),
    /// Major type 1: the integer -1-n
    Negative(u64),
    /// Major type 2, of so many bytes; none if it comes in chunks
    Bytes(Option<u64>),
    /// Major type 3, of so many bytes; none if it comes in chunks
    Text(Option<u64>),
    /// Major type 4, of so many items; none if a break ends it
    Array(Option<u64>),
    /// Major type 5, of so many pairs; none if a break ends it
    Map(Option<u64>),
    /// Major type 6
    Tag(u64),
    /// `f4`, `f5`
    Bool(bool),
    /// `f6`
    Null,
    /// `f7`
    Undefined,
    /// Other simple values
    Simple(u8),
    /// `f9`, `fa`, `fb`, widened exactly
    Float(f64),
    /// `ff`
    Break,
}

/// Reads items from a byte slice.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    shortest: bool,
}

impl<'a> Reader<'a> {
    /// Reads `bytes` from `position` on.
    #[must_use]
    pub fn new(bytes: &'a [u8], position: usize) -> Self {
        Self {
            bytes,
            position,
            shortest: true,
        }
    }

    /// All bytes, consumed ones too.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Position of the next byte.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// Goes (back) to `position`.
    pub fn seek(&mut self, position: usize) {
        self.position = position;
    }

    /// Bytes left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.position)
    }

    /// Whether the last head was in its shortest form: integers, lengths, and floats in the
    /// narrowest width that is exact, the only NaN being `f97e00`.
    #[must_use]
    pub fn shortest(&self) -> bool {
        self.shortest
    }

    /// Consumes `length` bytes of content.
    ///
    /// # Errors
    /// [`Fault::Truncated`] if there are fewer; nothing is consumed then.
    pub fn take(&mut self, length: u64) -> Result<&'a [u8], Fault> {
        let length = usize::try_from(length).map_err(|_| Fault::Truncated)?;
        let end = self.position.checked_add(length).ok_or(Fault::Truncated)?;
        let content = self.bytes.get(self.position..end).ok_or(Fault::Truncated)?;
        self.position = end;
        Ok(content)
    }

    /// Reads the next head.
    ///
    /// # Errors
    /// [`Fault::Truncated`] or [`Fault::Reserved`]; nothing is consumed then.
    #[inline]
    pub fn head(&mut self) -> Result<Head, Fault> {
        let start = self.position;
        let first = *self.bytes.get(start).ok_or(Fault::Truncated)?;
        self.shortest = true;
        self.position = start + 1;
        let head = match first {
            0x00..=0x17 => Ok(Head::Unsigned(u64::from(first))),
            0x60..=0x77 => Ok(Head::Text(Some(u64::from(first & 0x1f)))),
            _ => self.other_head(first),
        };
        if head.is_err() {
            self.position = start;
        }
        head
    }

    fn other_head(&mut self, first: u8) -> Result<Head, Fault> {
        let (major, info) = (first >> 5, first & 0x1f);
        if major == 7 {
            return self.simple(info);
        }
        let argument = match info {
            0..=23 => Some(u64::from(info)),
            24 => Some(self.argument(1, 23)?),
            25 => Some(self.argument(2, 0xff)?),
            26 => Some(self.argument(4, 0xffff)?),
            27 => Some(self.argument(8, 0xffff_ffff)?),
            31 if (2..=5).contains(&major) => None,
            _ => return Err(Fault::Reserved),
        };
        Ok(match (major, argument) {
            (0, Some(value)) => Head::Unsigned(value),
            (1, Some(value)) => Head::Negative(value),
            (2, length) => Head::Bytes(length),
            (3, length) => Head::Text(length),
            (4, count) => Head::Array(count),
            (5, count) => Head::Map(count),
            (6, Some(tag)) => Head::Tag(tag),
            _ => return Err(Fault::Reserved),
        })
    }

    fn simple(&mut self, info: u8) -> Result<Head, Fault> {
        Ok(match info {
            20 => Head::Bool(false),
            21 => Head::Bool(true),
            22 => Head::Null,
            23 => Head::Undefined,
            24 => match self.big_endian(1)? as u8 {
                // The two-byte form of what fits one byte is not well-formed.
                0..=31 => return Err(Fault::Reserved),
                value => Head::Simple(value),
            },
            25 => {
                let bits = self.big_endian(2)? as u16;
                let value = half(bits);
                self.shortest = !value.is_nan() || bits == 0x7e00;
                Head::Float(value)
            }
            26 => {
                let value = f64::from(f32::from_bits(self.big_endian(4)? as u32));
                self.shortest = width(value) == 4;
                Head::Float(value)
            }
            27 => {
                let value = f64::from_bits(self.big_endian(8)?);
                self.shortest = width(value) == 8;
                Head::Float(value)
            }
            31 => Head::Break,
            0..=19 => Head::Simple(info),
            _ => return Err(Fault::Reserved),
        })
    }

    /// An argument of `width` bytes; values up to `shorter` have a shorter spelling.
    fn argument(&mut self, width: u64, shorter: u64) -> Result<u64, Fault> {
        let value = self.big_endian(width)?;
        self.shortest = value > shorter;
        Ok(value)
    }

    fn big_endian(&mut self, width: u64) -> Result<u64, Fault> {
        let bytes = self.take(width)?;
        Ok(bytes
            .iter()
            .fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }
}

/// The value of a 16-bit float.
#[must_use]
pub fn half(bits: u16) -> f64 {
    let (exponent, mantissa) = ((bits >> 10) & 0x1f, f64::from(bits & 0x3ff));
    let value = match exponent {
        0 => mantissa * 2f64.powi(-24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + mantissa) * 2f64.powi(i32::from(exponent) - 25),
    };
    if bits & 0x8000 == 0 { value } else { -value }
}

/// The bits of the 16-bit float that is exactly `value`, if there is one. All NaN become `7e00`.
#[must_use]
pub fn to_half(value: f64) -> Option<u16> {
    let sign = if value.is_sign_negative() { 0x8000 } else { 0 };
    let size = value.abs();
    if value.is_nan() {
        return Some(0x7e00);
    }
    if size.is_infinite() {
        return Some(sign | 0x7c00);
    }
    if size == 0.0 {
        return Some(sign);
    }
    let exponent = ((size.to_bits() >> 52) as i32 - 1023).max(-14);
    // In units of the last place that the width has at this exponent.
    let units = size * 2f64.powi(10 - exponent);
    if exponent > 15 || units.fract() != 0.0 {
        return None;
    }
    let units = units as u16;
    // A subnormal lacks the leading bit that the exponent would count.
    let exponent = if units < 1024 { 0 } else { exponent + 15 };
    Some(sign | (exponent as u16) << 10 | (units & 0x3ff))
}

/// Bytes of the narrowest float that is exactly `value`: 2, 4 or 8.
#[must_use]
pub fn width(value: f64) -> usize {
    if to_half(value).is_some() {
        2
    } else if f64::from(value as f32) == value {
        4
    } else {
        8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(bytes: &[u8]) -> (Result<Head, Fault>, bool) {
        let mut reader = Reader::new(bytes, 0);
        (reader.head(), reader.shortest())
    }

    #[test]
    fn integers_and_lengths_know_their_shortest_form() {
        assert_eq!(head(&[0x17]), (Ok(Head::Unsigned(23)), true));
        assert_eq!(head(&[0x18, 23]), (Ok(Head::Unsigned(23)), false));
        assert_eq!(head(&[0x18, 24]), (Ok(Head::Unsigned(24)), true));
        assert_eq!(head(&[0x39, 1, 0]), (Ok(Head::Negative(256)), true));
        assert_eq!(head(&[0x78, 5]), (Ok(Head::Text(Some(5))), false));
        assert_eq!(head(&[0xd9, 0xd9, 0xf7]), (Ok(Head::Tag(55_799)), true));
    }

    #[test]
    fn floats_know_whether_a_narrower_one_is_exact() {
        assert_eq!(head(&[0xf9, 0x3e, 0]), (Ok(Head::Float(1.5)), true));
        assert_eq!(
            head(&[0xfa, 0x3f, 0xc0, 0, 0]),
            (Ok(Head::Float(1.5)), false)
        );
        assert_eq!(
            head(&[0xfa, 0x47, 0xc3, 0x50, 0]),
            (Ok(Head::Float(100_000.0)), true)
        );
        // 100000 fits 32 bits.
        assert!(!head(&[0xfb, 0x40, 0xf8, 0x6a, 0, 0, 0, 0, 0]).1);
        assert!(head(&[0xf9, 0x7e, 0]).1);
        assert!(!head(&[0xfa, 0x7f, 0xc0, 0, 0]).1);
    }

    #[test]
    fn every_half_is_read_and_written_the_same() {
        for bits in 0..=u16::MAX {
            let value = half(bits);
            if !value.is_nan() {
                assert_eq!(to_half(value), Some(bits), "{bits:04x}");
            }
        }
        for value in [
            65_520.0,
            1.0 / 3.0,
            2f64.powi(-25),
            f64::MIN_POSITIVE,
            5e-324,
        ] {
            assert_eq!(to_half(value), None, "{value}");
        }
    }

    #[test]
    fn reserved_codes_are_refused() {
        for first in [0x1c, 0x1f, 0x3f, 0x5c, 0x9e, 0xdc, 0xdf, 0xfc, 0xfe] {
            assert_eq!(head(&[first, 0, 0]).0, Err(Fault::Reserved), "{first:02x}");
        }
        assert_eq!(head(&[0xf8, 31]).0, Err(Fault::Reserved));
        assert_eq!(head(&[0xf8, 32]).0, Ok(Head::Simple(32)));
        assert_eq!(head(&[0xe0]).0, Ok(Head::Simple(0)));
    }
}
