//! MessagePack, one item head at a time.
//!
//! Source: the MessagePack specification (format overview); lengths are big-endian.

mod short;
mod value;

pub use value::{Form, read_value};

use crate::model::{JsonText, Label};
use thiserror::Error;

/// Why no item could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// The bytes end inside the item.
    #[error("the bytes end inside a value")]
    Truncated,
    /// The marker `c1`, which means nothing.
    #[error("0xc1 is not a MessagePack marker")]
    Reserved,
    /// Deeper than [`MOST_NESTING`].
    #[error("nested too deep")]
    TooDeep,
    /// More values than one message may have.
    #[error("too many values")]
    TooMany,
}

/// Readers refuse this many containers inside each other; rmp-serde does, too.
pub const MOST_NESTING: u32 = 1024;

/// The head of an item: scalars whole, strings and containers by their size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Head {
    /// `c0`
    Nil,
    /// `c2`, `c3`
    Bool(bool),
    /// Positive fixint, `cc` to `cf`
    Unsigned(u64),
    /// Negative fixint, `d0` to `d3`
    Signed(i64),
    /// `ca`
    Float32(f32),
    /// `cb`
    Float64(f64),
    /// String of so many bytes
    Text(u32),
    /// Binary of so many bytes
    Binary(u32),
    /// Array of so many items
    Array(u32),
    /// Map of so many pairs
    Map(u32),
    /// Extension type and size in bytes
    Extension(i8, u32),
}

impl Head {
    /// The item's kind, for people.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "a bool",
            Self::Unsigned(_) => "an unsigned integer",
            Self::Signed(_) => "a signed integer",
            Self::Float32(_) => "a 32-bit float",
            Self::Float64(_) => "a 64-bit float",
            Self::Text(_) => "a string",
            Self::Binary(_) => "binary",
            Self::Array(_) => "an array",
            Self::Map(_) => "a map",
            Self::Extension(..) => "an extension",
        }
    }
}

/// Reads items from a byte slice.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    marker: u8,
    shortest: bool,
}

impl<'a> Reader<'a> {
    /// Reads `bytes` from `position` on.
    #[must_use]
    pub fn new(bytes: &'a [u8], position: usize) -> Self {
        Self {
            bytes,
            position,
            marker: 0,
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

    /// The next byte, not consumed.
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    /// The marker byte of the last head.
    #[must_use]
    pub fn marker(&self) -> u8 {
        self.marker
    }

    /// Whether the last head was the shortest of its marker family (unsigned and signed integers
    /// are two families).
    #[must_use]
    pub fn shortest(&self) -> bool {
        self.shortest
    }

    /// Consumes `length` bytes of content.
    ///
    /// # Errors
    /// [`Fault::Truncated`] if there are fewer; nothing is consumed then.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        let end = self.position.checked_add(length).ok_or(Fault::Truncated)?;
        let content = self.bytes.get(self.position..end).ok_or(Fault::Truncated)?;
        self.position = end;
        Ok(content)
    }

    /// Reads the next head.
    ///
    /// # Errors
    /// [`Fault`]; nothing is consumed then.
    #[inline]
    pub fn head(&mut self) -> Result<Head, Fault> {
        let start = self.position;
        let marker = self.peek().ok_or(Fault::Truncated)?;
        self.marker = marker;
        self.shortest = true;
        self.position = start + 1;
        let head = match marker {
            0x00..=0x7f => Ok(Head::Unsigned(u64::from(marker))),
            0x80..=0x8f => Ok(Head::Map(u32::from(marker & 0x0f))),
            0x90..=0x9f => Ok(Head::Array(u32::from(marker & 0x0f))),
            0xa0..=0xbf => Ok(Head::Text(u32::from(marker & 0x1f))),
            0xc0 => Ok(Head::Nil),
            0xc1 => Err(Fault::Reserved),
            0xc2 => Ok(Head::Bool(false)),
            0xc3 => Ok(Head::Bool(true)),
            0xe0..=0xff => Ok(Head::Signed(i64::from(marker.cast_signed()))),
            _ => self.long_head(marker),
        };
        if head.is_err() {
            self.position = start;
        }
        head
    }

    fn long_head(&mut self, marker: u8) -> Result<Head, Fault> {
        Ok(match marker {
            0xc4 => Head::Binary(self.length(1, 0)?),
            0xc5 => Head::Binary(self.length(2, 0xff)?),
            0xc6 => Head::Binary(self.length(4, 0xffff)?),
            0xc7 => self.extension(1)?,
            0xc8 => self.extension(2)?,
            0xc9 => self.extension(4)?,
            0xca => Head::Float32(f32::from_bits(self.length(4, 0)?)),
            0xcb => Head::Float64(f64::from_bits(self.big_endian(8)?)),
            0xcc => self.unsigned(1, 0x7f)?,
            0xcd => self.unsigned(2, 0xff)?,
            0xce => self.unsigned(4, 0xffff)?,
            0xcf => self.unsigned(8, 0xffff_ffff)?,
            0xd0 => self.signed(1)?,
            0xd1 => self.signed(2)?,
            0xd2 => self.signed(4)?,
            0xd3 => self.signed(8)?,
            0xd4..=0xd8 => {
                let kind = self.big_endian(1)? as u8;
                Head::Extension(kind.cast_signed(), 1 << (marker - 0xd4))
            }
            0xd9 => Head::Text(self.length(1, 0x1f)?),
            0xda => Head::Text(self.length(2, 0xff)?),
            0xdb => Head::Text(self.length(4, 0xffff)?),
            0xdc => Head::Array(self.length(2, 0x0f)?),
            0xdd => Head::Array(self.length(4, 0xffff)?),
            0xde => Head::Map(self.length(2, 0x0f)?),
            _ => Head::Map(self.length(4, 0xffff)?),
        })
    }

    /// A size of `width` bytes; sizes up to `shorter` have a shorter spelling.
    fn length(&mut self, width: usize, shorter: u32) -> Result<u32, Fault> {
        let value = self.big_endian(width)? as u32;
        // An empty binary has no fix form, so 0 is shortest where nothing is shorter.
        self.shortest = shorter == 0 || value > shorter;
        Ok(value)
    }

    fn unsigned(&mut self, width: usize, shorter: u64) -> Result<Head, Fault> {
        let value = self.big_endian(width)?;
        self.shortest = value > shorter;
        Ok(Head::Unsigned(value))
    }

    fn signed(&mut self, width: usize) -> Result<Head, Fault> {
        let bits = 64 - 8 * width as u32;
        let value = (self.big_endian(width)? << bits).cast_signed() >> bits;
        self.shortest = signed_width(value) == width;
        Ok(Head::Signed(value))
    }

    fn extension(&mut self, width: usize) -> Result<Head, Fault> {
        let shorter = [0, 0, 0xff, 0xffff];
        let size = self.big_endian(width)? as u32;
        let kind = self.big_endian(1)? as u8;
        let fixed = matches!(size, 1 | 2 | 4 | 8 | 16);
        let limit = shorter.get(width.min(3)).copied().unwrap_or_default();
        self.shortest = !fixed && (width == 1 || size > limit);
        Ok(Head::Extension(kind.cast_signed(), size))
    }

    fn big_endian(&mut self, width: usize) -> Result<u64, Fault> {
        let bytes = self.take(width)?;
        Ok(bytes
            .iter()
            .fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    /// Consumes one whole item, whatever it is.
    ///
    /// # Errors
    /// [`Fault`]; the position is then that of the faulty byte.
    pub fn skip(&mut self) -> Result<(), Fault> {
        self.skip_or_need().map_err(|(fault, _)| fault)
    }

    /// Consumes one whole item, whatever it is and however deep it nests.
    ///
    /// # Errors
    /// [`Fault`], and if only bytes are missing, where the item ends at the earliest.
    pub fn skip_or_need(&mut self) -> Result<(), (Fault, u64)> {
        let mut open: u64 = 1;
        // Each container's items are counted into one sum: nesting costs no memory here.
        while open > 0 {
            open -= 1;
            let head = self.head().map_err(|fault| (fault, self.after(open + 1)))?;
            match head {
                Head::Text(length) | Head::Binary(length) | Head::Extension(_, length) => {
                    let least = self.after(u64::from(length) + open);
                    self.take(length as usize).map_err(|fault| (fault, least))?;
                }
                Head::Array(count) => open += u64::from(count),
                Head::Map(count) => open += 2 * u64::from(count),
                _ => {}
            }
            if open > self.left() as u64 {
                return Err((Fault::Truncated, self.after(open)));
            }
        }
        Ok(())
    }

    /// The position after `count` more bytes.
    fn after(&self, count: u64) -> u64 {
        (self.position as u64).saturating_add(count)
    }
}

/// The bytes that `elements`, one-byte integers of an array, spell.
pub fn integer_bytes(elements: &[u8]) -> impl Iterator<Item = u8> {
    let mut elements = elements.iter();
    std::iter::from_fn(move || match elements.next()? {
        0xcc => elements.next().copied(),
        byte => Some(*byte),
    })
}

/// Appends the digits of bytes that are spelled as integers, as a JSON string.
pub fn spell_integer_bytes(
    text: &mut JsonText,
    lead: u8,
    label: Option<&'static Label>,
    elements: &[u8],
) {
    if elements.is_ascii() {
        text.hexadecimal(lead, label, elements);
    } else {
        text.hexadecimal_of(lead, label, integer_bytes(elements), elements.len());
    }
}

/// Bytes that the signed family needs for `value`: 0 is a fixint.
#[must_use]
pub fn signed_width(value: i64) -> usize {
    match value {
        -32..=127 => 0,
        -128..=-33 => 1,
        -32_768..=32_767 => 2,
        -2_147_483_648..=2_147_483_647 => 4,
        _ => 8,
    }
}

/// Writes `value` in its shortest unsigned form.
#[expect(clippy::inline_always, reason = "every value passes")]
#[inline(always)]
pub fn write_unsigned(out: &mut Vec<u8>, value: u64) {
    match value {
        0..=0x7f => out.push(value as u8),
        0x80..=0xff => out.extend_from_slice(&[0xcc, value as u8]),
        0x100..=0xffff => {
            let [a, b] = (value as u16).to_be_bytes();
            out.extend_from_slice(&[0xcd, a, b]);
        }
        0x1_0000..=0xffff_ffff => {
            let [a, b, c, d] = (value as u32).to_be_bytes();
            out.extend_from_slice(&[0xce, a, b, c, d]);
        }
        _ => {
            let [a, b, c, d, e, f, g, h] = value.to_be_bytes();
            out.extend_from_slice(&[0xcf, a, b, c, d, e, f, g, h]);
        }
    }
}

/// Writes `value` with signed markers only, in the shortest form: what zerompk does for `i64`.
pub fn write_signed(out: &mut Vec<u8>, value: i64) {
    match signed_width(value) {
        0 => out.push(value as u8),
        1 => marked(out, 0xd0, &(value as i8).to_be_bytes()),
        2 => marked(out, 0xd1, &(value as i16).to_be_bytes()),
        4 => marked(out, 0xd2, &(value as i32).to_be_bytes()),
        _ => marked(out, 0xd3, &value.to_be_bytes()),
    }
}

/// Writes a string.
#[inline]
pub fn write_text(out: &mut Vec<u8>, text: &[u8]) {
    match text.len() {
        length @ 0..=31 => out.push(0xa0 | length as u8),
        length @ 32..=0xff => out.extend_from_slice(&[0xd9, length as u8]),
        length @ 0x100..=0xffff => marked(out, 0xda, &(length as u16).to_be_bytes()),
        length => marked(out, 0xdb, &(length as u32).to_be_bytes()),
    }
    out.extend_from_slice(text);
}

/// Writes a byte string.
pub fn write_binary(out: &mut Vec<u8>, bytes: &[u8]) {
    write_binary_head(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Writes the head of a byte string of `length` bytes.
pub fn write_binary_head(out: &mut Vec<u8>, length: usize) {
    match length {
        0..=0xff => out.extend_from_slice(&[0xc4, length as u8]),
        0x100..=0xffff => marked(out, 0xc5, &(length as u16).to_be_bytes()),
        _ => marked(out, 0xc6, &(length as u32).to_be_bytes()),
    }
}

/// Writes the head of an array of `count` items.
#[inline]
pub fn write_array(out: &mut Vec<u8>, count: usize) {
    match count {
        0..=15 => out.push(0x90 | count as u8),
        16..=0xffff => marked(out, 0xdc, &(count as u16).to_be_bytes()),
        _ => marked(out, 0xdd, &(count as u32).to_be_bytes()),
    }
}

/// Writes the head of a map of `count` pairs.
pub fn write_map(out: &mut Vec<u8>, count: usize) {
    match count {
        0..=15 => out.push(0x80 | count as u8),
        16..=0xffff => marked(out, 0xde, &(count as u16).to_be_bytes()),
        _ => marked(out, 0xdf, &(count as u32).to_be_bytes()),
    }
}

/// Writes an extension in its shortest form.
pub fn write_extension(out: &mut Vec<u8>, kind: i8, content: &[u8]) {
    match content.len() {
        1 => out.push(0xd4),
        2 => out.push(0xd5),
        4 => out.push(0xd6),
        8 => out.push(0xd7),
        16 => out.push(0xd8),
        length @ 0..=0xff => out.extend_from_slice(&[0xc7, length as u8]),
        length @ 0x100..=0xffff => marked(out, 0xc8, &(length as u16).to_be_bytes()),
        length => marked(out, 0xc9, &(length as u32).to_be_bytes()),
    }
    out.push(kind.cast_unsigned());
    out.extend_from_slice(content);
}

/// Writes a 32-bit float.
pub fn write_float32(out: &mut Vec<u8>, value: f32) {
    marked(out, 0xca, &value.to_bits().to_be_bytes());
}

/// Writes a 64-bit float.
pub fn write_float64(out: &mut Vec<u8>, value: f64) {
    marked(out, 0xcb, &value.to_bits().to_be_bytes());
}

/// Writes nil.
pub fn write_nil(out: &mut Vec<u8>) {
    out.push(0xc0);
}

/// Writes a truth value.
pub fn write_bool(out: &mut Vec<u8>, value: bool) {
    out.push(if value { 0xc3 } else { 0xc2 });
}

fn marked(out: &mut Vec<u8>, marker: u8, content: &[u8]) {
    out.push(marker);
    out.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(bytes: &[u8]) -> (Result<Head, Fault>, bool) {
        let mut reader = Reader::new(bytes, 0);
        (reader.head(), reader.shortest())
    }

    #[test]
    fn integers_of_both_families_know_their_shortest_form() {
        assert_eq!(head(&[0xcc, 0x80]), (Ok(Head::Unsigned(128)), true));
        assert_eq!(head(&[0xcc, 0x7f]), (Ok(Head::Unsigned(127)), false));
        assert_eq!(head(&[0xd1, 0x00, 0x80]), (Ok(Head::Signed(128)), true));
        assert_eq!(head(&[0xd1, 0x00, 0x7f]), (Ok(Head::Signed(127)), false));
        assert_eq!(head(&[0xd0, 0x80]), (Ok(Head::Signed(-128)), true));
        assert_eq!(head(&[0xff]), (Ok(Head::Signed(-1)), true));
    }

    #[test]
    fn an_empty_binary_is_in_shortest_form() {
        assert_eq!(head(&[0xc4, 0]), (Ok(Head::Binary(0)), true));
        assert_eq!(head(&[0xc5, 0, 0]), (Ok(Head::Binary(0)), false));
    }

    #[test]
    fn a_head_that_is_cut_off_consumes_nothing() {
        let mut reader = Reader::new(&[0xcd, 1], 0);
        assert_eq!(reader.head(), Err(Fault::Truncated));
        assert_eq!(reader.position(), 0);
    }

    #[test]
    fn what_is_written_reads_back_in_shortest_form() {
        for value in [0, 127, 128, 255, 256, 65_535, 65_536, u64::MAX] {
            let mut out = Vec::new();
            write_unsigned(&mut out, value);
            assert_eq!(head(&out), (Ok(Head::Unsigned(value)), true));
        }
        for value in [-33, -128, -129, 128, 32_768, i64::MIN, i64::MAX] {
            let mut out = Vec::new();
            write_signed(&mut out, value);
            assert_eq!(head(&out), (Ok(Head::Signed(value)), true));
        }
        for size in [0, 1, 2, 3, 16, 17, 255, 256, 65_536] {
            let mut out = Vec::new();
            write_extension(&mut out, -1, &vec![0; size]);
            assert_eq!(head(&out), (Ok(Head::Extension(-1, size as u32)), true));
        }
    }

    #[test]
    fn a_count_larger_than_the_data_is_refused_at_once() {
        let mut reader = Reader::new(&[0xdd, 0xff, 0xff, 0xff, 0xff, 1], 0);
        assert_eq!(reader.skip(), Err(Fault::Truncated));
    }
}
