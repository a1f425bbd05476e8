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

/// Writes the digits of bytes that are spelled as MessagePack integers: fixints, or `cc` and the
/// byte. The room has twice the size of the spelling; says how much is used of it.
pub fn integer_bytes(room: &mut [u8], elements: &[u8]) -> usize {
    if elements.is_ascii() {
        return bytes(room, elements);
    }
    let (room, _) = room.as_chunks_mut();
    let mut written = 0;
    for (place, byte) in room
        .iter_mut()
        .zip(crate::codec::messagepack::integer_bytes(elements))
    {
        *place = digits(byte);
        written += 2;
    }
    written
}
