//! Which bytes a JSON string may hold as they are, and how it spells the others.

use super::hexadecimal::digits;

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

/// Whether no byte needs an escape; most strings need none.
pub fn is_plain(bytes: &[u8]) -> bool {
    let (blocks, _) = bytes.as_chunks::<16>();
    match bytes.last_chunk::<16>() {
        // The last bytes overlap the blocks before them.
        Some(last) => blocks.iter().all(is_plain_block) && is_plain_block(last),
        None => is_plain_short(bytes),
    }
}

/// Every byte is looked at, without a branch.
#[inline]
pub fn is_plain_block(block: &[u8; 16]) -> bool {
    let needs_escape = |byte: &u8| (*byte < 0x20) | (*byte == b'"') | (*byte == b'\\');
    !block
        .iter()
        .fold(false, |any, byte| any | needs_escape(byte))
}

fn is_plain_short(bytes: &[u8]) -> bool {
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return special(*first) | special(*last) == 0;
    }
    let word = bytes
        .iter()
        .rev()
        .fold(0, |word, byte| word << 8 | u64::from(*byte));
    // What no byte fills is no control character.
    let filled = 0x2020_2020_2020_2020_u64.checked_shl(8 * bytes.len() as u32);
    special((word | filled.unwrap_or_default()).to_le_bytes()) == 0
}

/// Not zero if one of eight bytes is a control character, `"` or `\`: the high bit of the first such
/// byte is set, and perhaps some of those behind it.
#[inline]
pub const fn special(bytes: [u8; 8]) -> u64 {
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

/// The longest escape, in bytes.
pub const LONGEST: usize = 6;

/// Writes UTF-8 `bytes`, or a part of them, as the inside of a JSON string; says how much that is.
/// The room has [`LONGEST`] bytes for each.
#[cold]
pub fn escape(room: &mut [u8], bytes: &[u8]) -> usize {
    let mut end = 0;
    let mut put = |byte| {
        if let Some(place) = room.get_mut(end) {
            *place = byte;
        }
        end += 1;
    };
    for byte in bytes {
        match ESCAPES.get(usize::from(*byte)).copied().unwrap_or_default() {
            0 => put(*byte),
            b'u' => {
                let [upper, lower] = digits(*byte);
                let spelled = [b'\\', b'u', b'0', b'0', upper, lower];
                spelled.into_iter().for_each(&mut put);
            }
            letter => [b'\\', letter].into_iter().for_each(&mut put),
        }
    }
    end
}
