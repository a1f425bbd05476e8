//! What is written into the room that every piece of text has.

use super::escape::{is_plain_block, special};
use std::hint::cold_path;

/// The room, in bytes.
pub const SIZE: usize = 128;

/// Where a piece is written.
pub type Room = [u8; SIZE];

/// As many values as eight digits can spell.
pub const EIGHT_DIGITS: u64 = 100_000_000;
/// What makes a digit's value its character, eight times.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// Writes one byte at `at`; says where it ends.
#[inline]
pub fn one(room: &mut Room, at: usize, byte: u8) -> usize {
    match room.get_mut(at) {
        Some(place) => *place = byte,
        None => cold_path(),
    }
    at + 1
}

/// Writes the first `length` of `bytes` at `at`; says where they end.
#[inline]
pub fn few<const N: usize>(room: &mut Room, at: usize, bytes: [u8; N], length: usize) -> usize {
    // Copying all of them is a few instructions; copying just the first is a call.
    match room.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        Some(place) => *place = bytes,
        None => cold_path(),
    }
    at + length
}

/// The longest string that [`short_string`] writes, in bytes.
pub const MOST_SHORT: usize = 64;

/// Writes a string of up to [`MOST_SHORT`] bytes that needs no escapes; says where it ends.
#[inline]
pub fn short_string(room: &mut Room, at: usize, bytes: &[u8]) -> usize {
    let at = one(room, at, b'"');
    let at = short_text(room, at, bytes);
    one(room, at, b'"')
}

/// Writes up to [`MOST_SHORT`] bytes; says where they end.
#[inline]
pub fn short_text(room: &mut Room, at: usize, bytes: &[u8]) -> usize {
    match bytes.len() {
        0..4 => {
            for (index, byte) in bytes.iter().enumerate() {
                one(room, at + index, *byte);
            }
        }
        4..8 => ends::<4>(room, at, bytes),
        8..16 => ends::<8>(room, at, bytes),
        16..32 => ends::<16>(room, at, bytes),
        _ => ends::<32>(room, at, bytes),
    }
    at + bytes.len()
}

/// Writes `bytes`, which are from `N` to twice as many: the last `N` overlap the first.
#[inline]
fn ends<const N: usize>(room: &mut Room, at: usize, bytes: &[u8]) {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<N>(), bytes.last_chunk::<N>()) {
        few(room, at, *first, N);
        few(room, at + bytes.len() - N, *last, N);
    }
}

/// Writes the last `length` of `bytes` as a string if they need no escapes and are as few as most
/// strings have; says where it ends.
#[inline]
pub fn plain_string(room: &mut Room, at: usize, bytes: &[u8], length: usize) -> Option<usize> {
    let start = one(room, at, b'"');
    let last = start + length;
    match length {
        1..=8 => {
            let word = u64::from_le_bytes(*bytes.last_chunk()?);
            let others = 64 - 8 * length as u32;
            // What stands before the string may at most make it look as if it needed escapes.
            if special(word.to_le_bytes()) >> others != 0 {
                cold_path();
                return None;
            }
            few(room, start, (word >> others).to_le_bytes(), length);
        }
        9..=16 => {
            let (first, end) = both::<8>(bytes, length)?;
            if special(*first) | special(*end) != 0 {
                cold_path();
                return None;
            }
            few(room, start, *first, 8);
            few(room, last - 8, *end, 8);
        }
        17..=32 => {
            let (first, end) = both::<16>(bytes, length)?;
            if !is_plain_block(first) || !is_plain_block(end) {
                cold_path();
                return None;
            }
            few(room, start, *first, 16);
            few(room, last - 16, *end, 16);
        }
        _ => return None,
    }
    Some(one(room, last, b'"'))
}

/// The first and the last `N` of the last `length` bytes, which overlap.
#[inline]
fn both<const N: usize>(bytes: &[u8], length: usize) -> Option<(&[u8; N], &[u8; N])> {
    let start = bytes.len().checked_sub(length)?;
    let first = bytes.get(start..)?.first_chunk()?;
    Some((first, bytes.last_chunk()?))
}

/// Writes the digits of `value` at `at`; says where they end.
#[inline]
pub fn number(room: &mut Room, at: usize, value: u64) -> usize {
    if value < EIGHT_DIGITS {
        short_number(room, at, value)
    } else {
        long_number(room, at, value)
    }
}

/// Writes a number of at most eight digits.
#[expect(clippy::inline_always, reason = "every value passes")]
#[inline(always)]
pub fn short_number(room: &mut Room, at: usize, value: u64) -> usize {
    if value < 10 {
        return one(room, at, b'0' + value as u8);
    }
    let digits = eight_digits(value);
    let leading = digits.trailing_zeros() / 8;
    let spelled = (digits | ZEROS) >> (8 * leading);
    few(room, at, spelled.to_le_bytes(), 8 - leading as usize)
}

/// Writes a number of more than eight digits.
#[expect(clippy::inline_always, reason = "every value passes")]
#[inline(always)]
fn long_number(room: &mut Room, at: usize, value: u64) -> usize {
    let upper = value / EIGHT_DIGITS;
    let at = if upper < 100 {
        two_digits(room, at, upper)
    } else if upper < EIGHT_DIGITS {
        short_number(room, at, upper)
    } else {
        let at = short_number(room, at, upper / EIGHT_DIGITS);
        padded_number(room, at, upper % EIGHT_DIGITS)
    };
    padded_number(room, at, value % EIGHT_DIGITS)
}

/// Writes a number of at most two digits, which is not 0.
#[inline]
fn two_digits(room: &mut Room, at: usize, value: u64) -> usize {
    let tens = (value * 103) >> 10;
    let digits = tens | (value - 10 * tens) << 8;
    let leading = u32::from(tens == 0);
    let spelled = (digits | ZEROS) >> (8 * leading);
    few(room, at, spelled.to_le_bytes(), 2 - leading as usize)
}

/// Writes a number of at most eight digits, with zeros before them.
#[inline]
fn padded_number(room: &mut Room, at: usize, value: u64) -> usize {
    let digits = eight_digits(value) | ZEROS;
    few(room, at, digits.to_le_bytes(), 8)
}

/// The values of the eight digits of `value`, the first in the lowest byte: halves of four digits,
/// then quarters of two, then digits, side by side in one word. Each step moves all of a part up and
/// puts what belongs below in its place: n * 2^k - q * (d * 2^k - 1) is q + (n - q * d) * 2^k.
#[expect(clippy::inline_always, reason = "every value passes")]
#[inline(always)]
const fn eight_digits(value: u64) -> u64 {
    let thousands = value / 10_000;
    let halves = (value << 32).wrapping_sub(thousands.wrapping_mul((10_000 << 32) - 1));
    // n * 10486 >> 20 is n / 100 for n < 10,000; n * 103 >> 10 is n / 10 for n < 100.
    let hundreds = ((halves * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let quarters = (halves << 16).wrapping_sub(hundreds.wrapping_mul((100 << 16) - 1));
    let tens = ((quarters * 103) >> 10) & 0x000f_000f_000f_000f;
    (quarters << 8).wrapping_sub(tens.wrapping_mul((10 << 8) - 1))
}
