//! Numbers and strings as JSON spells them.

use std::io::Write;

#[inline]
pub fn number(out: &mut Vec<u8>, value: u64) {
    if value < 10 {
        out.push(b'0' + value as u8);
        return;
    }
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

pub fn signed(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// `tagged` says how values that JSON has no number for are spelled.
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

pub fn hexadecimal(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + 2 * bytes.len(), 0);
    let digits = out.get_mut(start..).unwrap_or_default();
    // Fails only if the space is too small.
    let _ = faster_hex::hex_encode(bytes, digits);
}

/// `elements` are MessagePack integers of one byte each: fixints, or `cc` and the byte.
pub fn integer_bytes(out: &mut Vec<u8>, elements: &[u8]) {
    if elements.is_ascii() {
        return hexadecimal(out, elements);
    }
    let start = out.len();
    out.resize(start + 2 * elements.len(), 0);
    let (room, _) = out.get_mut(start..).unwrap_or_default().as_chunks_mut();
    let bytes = crate::codec::messagepack::integer_bytes(elements);
    let mut written = 0;
    for (digits, byte) in room.iter_mut().zip(bytes) {
        *digits = DIGITS.get(usize::from(byte)).copied().unwrap_or_default();
        written += 2;
    }
    out.truncate(start + written);
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

/// Appends `bytes` as the inside of a JSON string.
pub fn escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    if is_plain(bytes) {
        out.extend_from_slice(bytes);
    } else {
        escape(out, bytes);
    }
}

/// Whether no byte needs an escape; most strings need none.
fn is_plain(bytes: &[u8]) -> bool {
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
