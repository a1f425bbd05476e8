//! Items as real writers spell them, as short as can be, taken at once. What is spelled otherwise is
//! left for [`Reader::head`], which tells all spellings apart.

use super::{Reader, signed_width};
use crate::model::Span;
use std::hint::cold_path;

impl Reader<'_> {
    /// Consumes the next item if it is an unsigned integer, spelled as short as can be, of at most
    /// `width` bytes.
    #[inline]
    pub fn short_unsigned(&mut self, width: u8) -> Option<u64> {
        let rest = self.bytes.get(self.position..)?;
        let marker = *rest.first()?;
        if marker < 0x80 {
            self.position += 1;
            return Some(marker.into());
        }
        let (value, size, least) = match *rest {
            [0xcc, byte, ..] => (u64::from(byte), 1, 0x80),
            [0xcd, a, b, ..] => (u64::from(u16::from_be_bytes([a, b])), 2, 0x100),
            [0xce, a, b, c, d, ..] => (u64::from(u32::from_be_bytes([a, b, c, d])), 4, 0x1_0000),
            [0xcf, a, b, c, d, e, f, g, h, ..] => (
                u64::from_be_bytes([a, b, c, d, e, f, g, h]),
                8,
                0x1_0000_0000,
            ),
            _ => return None,
        };
        if value < least || size > width {
            cold_path();
            return None;
        }
        self.position += 1 + usize::from(size);
        Some(value)
    }

    /// Consumes the next item if it is an integer of the signed family, spelled as short as can be.
    #[inline]
    pub fn short_signed(&mut self) -> Option<i64> {
        let (value, size) = match *self.bytes.get(self.position..)? {
            [marker @ (0x00..=0x7f | 0xe0..=0xff), ..] => (marker.cast_signed().into(), 0),
            [0xd0, byte, ..] => (byte.cast_signed().into(), 1),
            [0xd1, a, b, ..] => (i16::from_be_bytes([a, b]).into(), 2),
            [0xd2, a, b, c, d, ..] => (i32::from_be_bytes([a, b, c, d]).into(), 4),
            [0xd3, a, b, c, d, e, f, g, h, ..] => (i64::from_be_bytes([a, b, c, d, e, f, g, h]), 8),
            _ => return None,
        };
        if signed_width(value) != size {
            return None;
        }
        self.position += 1 + size;
        Some(value)
    }

    /// Consumes the next item if it is a 64-bit float.
    #[inline]
    pub fn float64(&mut self) -> Option<f64> {
        let [0xcb, a, b, c, d, e, f, g, h, ..] = *self.bytes.get(self.position..)? else {
            return None;
        };
        self.position += 9;
        Some(f64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }

    /// Consumes the head of the next item if it is an array of fewer than 2^16 items, spelled as
    /// short as can be; says how many.
    #[inline]
    pub fn short_array(&mut self) -> Option<u32> {
        let (count, size) = match *self.bytes.get(self.position..)? {
            [marker @ 0x90..=0x9f, ..] => (u32::from(marker & 0x0f), 1),
            [0xdc, a, b, ..] if a > 0 || b > 0x0f => (u16::from_be_bytes([a, b]).into(), 3),
            _ => return None,
        };
        self.position += size;
        Some(count)
    }

    /// Consumes the next item if it is a truth value.
    #[inline]
    pub fn truth(&mut self) -> Option<bool> {
        let value = match self.peek()? {
            0xc2 => false,
            0xc3 => true,
            _ => return None,
        };
        self.position += 1;
        Some(value)
    }

    /// Consumes the next item if it is a short string of ASCII characters, its size spelled as
    /// short as can be, whose bytes are all there; says where its content lies.
    #[expect(clippy::inline_always, reason = "every value passes")]
    #[inline(always)]
    pub fn short_ascii(&mut self) -> Option<Span> {
        let rest = self.bytes.get(self.position..)?;
        let (head, length) = match *rest {
            [marker @ 0xa0..=0xbf, ..] => (1, usize::from(marker & 0x1f)),
            [0xd9, length, ..] if length >= 0x20 => (2, usize::from(length)),
            _ => return None,
        };
        let content = rest.get(head..)?;
        if length > content.len() || !begins_ascii(content, length) {
            cold_path();
            return None;
        }
        let start = self.position + head;
        self.position = start + length;
        Some(Span::new(start, self.position))
    }

    /// Consumes the next items as far as they are unsigned integers below 256, spelled as short as
    /// can be, but at most `most`; says how many.
    #[inline]
    pub fn short_bytes(&mut self, most: u32) -> u32 {
        let mut rest = self.bytes.get(self.position..).unwrap_or_default();
        let mut taken = 0;
        while taken < most
            && let [0..=0x7f, tail @ ..] | [0xcc, 0x80..=0xff, tail @ ..] = rest
        {
            rest = tail;
            taken += 1;
        }
        self.position = self.bytes.len() - rest.len();
        taken
    }

    /// Consumes the next item if it is a short binary whose bytes are all there; says where its
    /// content lies.
    #[inline]
    pub fn short_binary(&mut self) -> Option<Span> {
        let [0xc4, length, content @ ..] = self.bytes.get(self.position..)? else {
            return None;
        };
        let length = usize::from(*length);
        if length > content.len() {
            return None;
        }
        let start = self.position + 2;
        self.position = start + length;
        Some(Span::new(start, self.position))
    }
}

/// Whether the first `count` of `bytes` are ASCII characters.
#[inline]
fn begins_ascii(bytes: &[u8], count: usize) -> bool {
    const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
    match bytes.first_chunk() {
        // The first byte is the lowest.
        Some(word) if count < 8 => {
            (u64::from_le_bytes(*word) & HIGH_BITS) << (63 - 8 * count) << 1 == 0
        }
        _ => bytes.get(..count).is_some_and(<[u8]>::is_ascii),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Head, write_unsigned};
    use super::*;

    #[test]
    fn the_short_way_takes_what_is_as_short_as_can_be() {
        let tails: [&[u8]; 9] = [
            &[],
            &[0x90],
            &[0x80],
            &[0, 0x0f, 9],
            &[0, 0x10, 9],
            &[0xff, 0x7f, 0, 0, 0],
            &[0, 0, 0xff, 0xff, 0],
            &[0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff],
            &[0x80, 0, 0, 1, 0, 0, 0, 0x7f, 0],
        ];
        for (marker, tail) in (0..=0xff).flat_map(|marker| tails.map(|tail| (marker, tail))) {
            let bytes = [&[marker], tail].concat();
            let mut reader = Reader::new(&bytes, 0);
            let head = reader.head().ok().filter(|_| reader.shortest());
            let end = reader.position();
            let same = |taken: Option<Head>, expected: Option<Head>, reader: &Reader<'_>| {
                let spelled = |head: Option<Head>| format!("{head:?}");
                assert_eq!(spelled(taken), spelled(expected), "{bytes:x?}");
                let position = if taken.is_some() { end } else { 0 };
                assert_eq!(reader.position(), position, "{bytes:x?}");
            };
            let mut reader = Reader::new(&bytes, 0);
            let signed = reader.short_signed().map(Head::Signed);
            let expected = head.and_then(|head| match head {
                Head::Unsigned(value) if marker < 0x80 => Some(Head::Signed(value as i64)),
                Head::Signed(_) => Some(head),
                _ => None,
            });
            same(signed, expected, &reader);
            let mut reader = Reader::new(&bytes, 0);
            let array = reader.short_array().map(Head::Array);
            let expected = head.filter(|head| matches!(head, Head::Array(_)) && marker != 0xdd);
            same(array, expected, &reader);
            let mut reader = Reader::new(&bytes, 0);
            let float = reader.float64().map(Head::Float64);
            let expected = head.filter(|head| matches!(head, Head::Float64(_)));
            same(float, expected, &reader);
            let mut reader = Reader::new(&bytes, 0);
            let truth = reader.truth().map(Head::Bool);
            let expected = head.filter(|head| matches!(head, Head::Bool(_)));
            same(truth, expected, &reader);
        }
    }

    #[test]
    fn the_short_way_reads_what_the_long_one_does_or_nothing() {
        let long = [
            &[0xcd, 0, 0x80][..],
            &[0xcd, 1, 0],
            &[0xcf, 0, 0, 0, 1, 0, 0, 0, 0],
            &[0xce, 0, 0, 1],
        ];
        let texts = [
            "",
            "a",
            "seven77",
            "eight888",
            "a longer one",
            "naïve",
            "café",
        ];
        let texts = texts.map(|text| [&[0xa0 | text.len() as u8], text.as_bytes()].concat());
        let padded = texts.clone().map(|text| [&text[..], &[0xff; 40]].concat());
        let scalars = (0..=255_u8).map(|byte| vec![byte, 0x80, 0x80]);
        let cases = scalars.chain(long.map(<[u8]>::to_vec));
        for case in cases.chain(texts).chain(padded) {
            let mut reader = Reader::new(&case, 0);
            let (whole, shortest) = (reader.head(), reader.shortest());
            let mut reader = Reader::new(&case, 0);
            match reader.short_unsigned(8) {
                Some(value) => assert_eq!((Ok(Head::Unsigned(value)), true), (whole, shortest)),
                None => assert!(!matches!(whole, Ok(Head::Unsigned(_))) || !shortest),
            }
            let mut reader = Reader::new(&case, 0);
            let content = reader.short_ascii().map(|span| span.of(&case).to_vec());
            let expected = match whole {
                Ok(Head::Text(length)) if shortest => case
                    .get(1 + usize::from(case[0] == 0xd9)..)
                    .and_then(|rest| rest.get(..length as usize))
                    .filter(|text| text.is_ascii() && length < 256),
                _ => None,
            };
            assert_eq!(content.as_deref(), expected, "{case:x?}");
        }
    }

    #[test]
    fn wider_numbers_are_left() {
        for bytes in [
            &b"\xcc\x7f"[..],
            b"\xcd\0\xff",
            b"\xce\0\0\xff\xff",
            b"\xcc",
        ] {
            let mut reader = Reader::new(bytes, 0);
            assert_eq!(reader.short_unsigned(8), None);
            assert_eq!(reader.position(), 0);
        }
        let mut spelled = Vec::new();
        write_unsigned(&mut spelled, 0x100);
        assert_eq!(Reader::new(&spelled, 0).short_unsigned(1), None);
        assert_eq!(Reader::new(&spelled, 0).short_unsigned(2), Some(0x100));
    }

    #[test]
    fn strings_that_are_not_all_there_are_left() {
        let ascii = |bytes: &[u8]| Reader::new(bytes, 0).short_ascii();
        assert_eq!(ascii(b"\xa3abcd"), Some(Span::new(1, 4)));
        assert_eq!(ascii(b"\xa3ab"), None);
        assert_eq!(ascii(b"\xa3a\x80c"), None);
        assert_eq!(ascii(b"\xd9\x03abc"), None);
        let binary = |bytes: &[u8]| Reader::new(bytes, 0).short_binary();
        assert_eq!(binary(b"\xc4\x02ab"), Some(Span::new(2, 4)));
        assert_eq!(binary(b"\xc4\x00"), Some(Span::new(2, 2)));
        assert_eq!(binary(b"\xc4\x03ab"), None);
        assert_eq!(binary(b"\xc5\x00\x02ab"), None);
    }

    #[test]
    fn bytes_are_taken_up_to_the_first_that_is_spelled_otherwise() {
        let mut reader = Reader::new(b"\x01\xcc\x80\x7f\xcc\x7f\x02", 0);
        assert_eq!(reader.short_bytes(2), 2);
        assert_eq!(reader.position(), 3);
        assert_eq!(reader.short_bytes(9), 1);
        assert_eq!(reader.position(), 4);
        assert_eq!(Reader::new(b"\x01\xcc", 0).short_bytes(9), 1);
    }
}
