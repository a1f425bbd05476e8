//! Numbers, strings and bytes as records spell them in JSON.

use crate::model::Span;
use std::io::Write;

/// As many values as eight digits can spell.
const EIGHT_DIGITS: u64 = 100_000_000;
/// What makes a digit's value its character, eight times.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// Appends an unsigned integer.
#[expect(clippy::inline_always, reason = "most numbers have few digits")]
#[inline(always)]
pub fn number(out: &mut Vec<u8>, value: u64) {
    if value < 10 {
        out.push(b'0' + value as u8);
    } else if value < EIGHT_DIGITS {
        short_number(out, value);
    } else {
        long_number(out, value);
    }
}

/// Appends a number of at most eight digits that is not 0.
fn short_number(out: &mut Vec<u8>, value: u64) {
    let (digits, length) = leading_digits(value);
    let end = out.len() + length;
    // Copying eight bytes and cutting some off is a few instructions; copying fewer is a call.
    out.extend_from_slice(&digits);
    out.truncate(end);
}

/// The digits of a number that has at most eight and is not 0, and how many they are.
#[inline]
pub(super) fn leading_digits(value: u64) -> ([u8; 8], usize) {
    let digits = eight_digits(value);
    let leading = digits.trailing_zeros() / 8;
    let spelled = (digits | ZEROS) >> (8 * leading);
    (spelled.to_le_bytes(), 8 - leading as usize)
}

/// The last eight digits of a number of at most eight digits, with zeros before them.
#[inline]
pub(super) fn eight_digits_of(value: u64) -> [u8; 8] {
    (eight_digits(value) | ZEROS).to_le_bytes()
}

/// Appends a number of more than eight digits.
fn long_number(out: &mut Vec<u8>, value: u64) {
    let upper = value / EIGHT_DIGITS;
    if upper < EIGHT_DIGITS {
        short_number(out, upper);
    } else {
        short_number(out, upper / EIGHT_DIGITS);
        out.extend_from_slice(&eight_digits_of(upper % EIGHT_DIGITS));
    }
    out.extend_from_slice(&eight_digits_of(value % EIGHT_DIGITS));
}

/// The values of the eight digits of `value`, the first in the lowest byte: halves of four digits,
/// then quarters of two, then digits, side by side in one word.
const fn eight_digits(value: u64) -> u64 {
    let halves = (value / 10_000) | ((value % 10_000) << 32);
    // n * 10486 >> 20 is n / 100 for n < 10,000; n * 103 >> 10 is n / 10 for n < 100.
    let hundreds = ((halves * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let quarters = hundreds | ((halves - 100 * hundreds) << 16);
    let tens = ((quarters * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((quarters - 10 * tens) << 8)
}

/// Appends a signed integer.
pub fn signed(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    number(out, value.unsigned_abs());
}

/// Appends a floating-point number; `tagged` says how values that JSON has no number for are spelled.
pub fn float(out: &mut Vec<u8>, value: f64, tagged: bool) {
    if value.is_finite() {
        out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes());
        return;
    }
    let (plain, short) = if value.is_nan() {
        ("NaN", "nan")
    } else if value > 0.0 {
        ("Infinity", "inf")
    } else {
        ("-Infinity", "-inf")
    };
    let _ = if tagged {
        write!(out, "{{\"$float\":\"{short}\"}}")
    } else {
        write!(out, "\"{plain}\"")
    };
}

/// Appends an object whose one member, `tag`, has the digits of `bytes`.
pub fn tagged_bytes(out: &mut Vec<u8>, tag: &str, bytes: &[u8]) {
    let _ = write!(out, "{{\"{tag}\":\"");
    hexadecimal(out, bytes);
    out.extend_from_slice(b"\"}");
}

/// The two digits of every byte.
#[expect(clippy::indexing_slicing, reason = "a table made by the compiler")]
static DIGITS: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    table
};

/// Appends the two digits of every byte.
pub fn hexadecimal(out: &mut Vec<u8>, bytes: &[u8]) {
    fill(out, 2 * bytes.len(), |room| hexadecimal_in(room, bytes));
}

/// Appends the digits of bytes that are spelled as MessagePack integers: fixints, or `cc` and the
/// byte.
pub fn integer_bytes(out: &mut Vec<u8>, elements: &[u8]) {
    fill(out, 2 * elements.len(), |room| {
        integer_bytes_in(room, elements)
    });
}

/// Appends as many of the first bytes of a room of `most` bytes as `write` says.
fn fill(out: &mut Vec<u8>, most: usize, write: impl FnOnce(&mut [u8]) -> usize) {
    let start = out.len();
    out.resize(start + most, 0);
    let written = write(out.get_mut(start..).unwrap_or_default());
    out.truncate(start + written);
}

/// Like [`hexadecimal`], for a room that is as large as it takes; says how much that is.
pub(super) fn hexadecimal_in(room: &mut [u8], bytes: &[u8]) -> usize {
    // Fails only if the space is too small.
    let _ = faster_hex::hex_encode(bytes, room);
    2 * bytes.len()
}

/// Like [`integer_bytes`], for a room that is large enough; says how much is used of it.
pub(super) fn integer_bytes_in(room: &mut [u8], elements: &[u8]) -> usize {
    if elements.is_ascii() {
        return hexadecimal_in(room, elements);
    }
    let (room, _) = room.as_chunks_mut();
    let bytes = crate::codec::messagepack::integer_bytes(elements);
    let mut written = 0;
    for (digits, byte) in room.iter_mut().zip(bytes) {
        *digits = DIGITS.get(usize::from(byte)).copied().unwrap_or_default();
        written += 2;
    }
    written
}

/// How each byte is escaped in a JSON string: 0 not at all, `u` as `\u00xx`, else with this letter.
#[expect(clippy::indexing_slicing, reason = "a table made by the compiler")]
static ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = b'u';
        byte += 1;
    }
    table[0x08] = b'b';
    table[0x09] = b't';
    table[0x0a] = b'n';
    table[0x0c] = b'f';
    table[0x0d] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

/// Appends UTF-8 `bytes` as a JSON string.
pub fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    escaped(out, bytes);
    out.push(b'"');
}

/// Appends a name of ours, which needs no escapes, as a JSON string.
pub fn quoted(out: &mut Vec<u8>, name: &str) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.push(b'"');
}

/// Appends the text at `span` of `layer` as a JSON string.
#[inline]
pub fn text_at(out: &mut Vec<u8>, layer: &[u8], span: Span) {
    let rest = layer.get(span.start as usize..).unwrap_or_default();
    let length = span.len();
    out.push(b'"');
    if !short_text::<32>(out, rest, length) && !short_text::<8>(out, rest, length) {
        escaped(out, span.of(layer));
    }
    out.push(b'"');
}

/// Copies the first `length` bytes of `rest` without a call, if they need no escapes and `rest` has
/// the `ROOM` bytes that this takes.
#[inline]
fn short_text<const ROOM: usize>(out: &mut Vec<u8>, rest: &[u8], length: usize) -> bool {
    let Some(start) = plain_start::<ROOM>(rest, length) else {
        return false;
    };
    let end = out.len() + length;
    out.extend_from_slice(start);
    out.truncate(end);
    true
}

/// The first `ROOM` of `bytes`, if they hold the `length` bytes that are wanted and those need no
/// escapes.
#[inline]
pub(super) fn plain_start<const ROOM: usize>(bytes: &[u8], length: usize) -> Option<&[u8; ROOM]> {
    let start = bytes.first_chunk().filter(|_| length <= ROOM)?;
    begins_plain(start, length).then_some(start)
}

/// Appends `bytes` as the inside of a JSON string.
pub fn escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    if is_plain(bytes) {
        out.extend_from_slice(bytes);
    } else {
        escape(out, bytes);
    }
}

/// Whether no byte needs an escape; most strings need none.
pub(super) fn is_plain(bytes: &[u8]) -> bool {
    let (words, short) = bytes.as_chunks();
    let found = words.iter().fold(0, |found, word| found | special(*word));
    // The last eight bytes overlap the words before them.
    let found = match (words.is_empty(), bytes.last_chunk()) {
        (false, Some(last)) => found | special(*last),
        _ => {
            let special = |byte: &u8| (*byte < 0x20) | (*byte == b'"') | (*byte == b'\\');
            u64::from(short.iter().fold(false, |any, byte| any | special(byte)))
        }
    };
    found == 0
}

/// Whether none of the first `count` bytes needs an escape.
#[inline]
fn begins_plain(bytes: &[u8], count: usize) -> bool {
    let (words, _) = bytes.as_chunks();
    let mut left = 8 * count as u32;
    for word in words {
        let found = special(*word);
        if left <= 64 {
            // The first byte is the lowest.
            return left == 0 || found << (64 - left) == 0;
        }
        if found != 0 {
            return false;
        }
        left -= 64;
    }
    true
}

/// Not zero if one of eight bytes is a control character, `"` or `\`.
const fn special(bytes: [u8; 8]) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_le_bytes(bytes);
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    // A byte below n has its high bit set in (byte - n) and not in itself.
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = quote.wrapping_sub(ONES) & !quote;
    let backslash = backslash.wrapping_sub(ONES) & !backslash;
    (control | quote | backslash) & (ONES * 0x80)
}

#[cold]
fn escape(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut rest = bytes;
    while let Some(position) = rest.iter().position(|byte| {
        ESCAPES
            .get(usize::from(*byte))
            .is_some_and(|escape| *escape != 0)
    }) {
        let (plain, tail) = rest.split_at(position);
        out.extend_from_slice(plain);
        let Some((byte, tail)) = tail.split_first() else {
            break;
        };
        match ESCAPES.get(usize::from(*byte)).copied().unwrap_or_default() {
            b'u' => {
                out.extend_from_slice(b"\\u00");
                let digits = DIGITS.get(usize::from(*byte)).copied();
                out.extend_from_slice(&digits.unwrap_or_default());
            }
            letter => out.extend_from_slice(&[b'\\', letter]),
        }
        rest = tail;
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_escaped_as_serde_json_does_at_every_place() {
        for byte in 0..0x80_u8 {
            for (before, after) in [(0, 0), (3, 0), (7, 1), (8, 0), (9, 30), (0, 8), (16, 3)] {
                let string = [vec![b'x'; before], vec![byte], vec![b'y'; after]].concat();
                let mut written = Vec::new();
                text(&mut written, &string);
                let expected = serde_json::to_vec(std::str::from_utf8(&string).unwrap()).unwrap();
                assert_eq!(written, expected, "{byte:#x} after {before}");
            }
        }
    }

    #[test]
    fn numbers_of_every_size_have_their_digits() {
        let powers = (0..=19).map(|power| 10_u64.pow(power));
        let around = powers.flat_map(|power| [power - 1, power, power + 7, power / 3 * 4]);
        for value in around.chain(0..20_000).chain([u64::MAX]) {
            let mut written = Vec::new();
            number(&mut written, value);
            assert_eq!(written, value.to_string().as_bytes());
        }
    }

    #[test]
    fn short_text_is_cut_from_what_follows() {
        let layer = b"abc\"defghijklmnopqrstuvwxyz0123456789";
        for (start, end) in [(0, 3), (0, 4), (5, 7), (30, 36), (4, 36), (4, 35), (9, 9)] {
            let mut written = Vec::new();
            text_at(&mut written, layer, Span::new(start, end));
            let expected = std::str::from_utf8(&layer[start..end]).unwrap();
            assert_eq!(written, serde_json::to_vec(expected).unwrap());
        }
    }

    #[test]
    fn bytes_spelled_as_integers_are_the_same_digits() {
        for (elements, digits) in [
            (&b""[..], ""),
            (b"\x00\x7f", "007f"),
            (b"\xcc\x80\x01\xcc\xff", "8001ff"),
        ] {
            let mut written = Vec::new();
            integer_bytes(&mut written, elements);
            assert_eq!(written, digits.as_bytes());
        }
    }
}
