//! Bytes as two digits each.

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

/// The two digits of `byte`.
#[inline]
pub fn digits(byte: u8) -> [u8; 2] {
    DIGITS.get(usize::from(byte)).copied().unwrap_or_default()
}

/// Writes the digits of `bytes` into a room that is as large as they take; says how much that is.
pub fn bytes(room: &mut [u8], bytes: &[u8]) -> usize {
    // Fails only if the room is too small.
    let _ = faster_hex::hex_encode(bytes, room);
    2 * bytes.len()
}

/// The same, and a quote in the room's last byte.
pub fn ended(room: &mut [u8], source: &[u8]) -> usize {
    let Some((last, room)) = room.split_last_mut() else {
        return 0;
    };
    *last = b'"';
    bytes(room, source) + 1
}

/// Writes the digits of `bytes`, as many as the room has place for; says how much that is.
pub fn each(room: &mut [u8], bytes: impl Iterator<Item = u8>) -> usize {
    let (room, _) = room.as_chunks_mut();
    let mut written = 0;
    for (place, byte) in room.iter_mut().zip(bytes) {
        *place = digits(byte);
        written += 2;
    }
    written
}
