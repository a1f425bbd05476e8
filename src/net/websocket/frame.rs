//! Frame headers (RFC 6455, section 5.2) and masks.

pub(super) const CONTINUATION: u8 = 0;
pub(super) const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

/// A frame header as it was on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) fin: bool,
    /// RSV1, RSV2, RSV3 as bits 2, 1, 0.
    pub(super) reserved: u8,
    pub(super) opcode: u8,
    pub(super) mask: Option<[u8; 4]>,
    /// Length of the payload.
    pub(super) length: u64,
    /// Length of the header itself.
    pub(super) size: usize,
    /// Whether the length takes the fewest bytes possible, as it must.
    pub(super) minimal: bool,
}

impl Header {
    /// Reads the header at the start of `bytes`; `None` if they end inside it.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (&[first, second], rest) = bytes.split_first_chunk::<2>()?;
        let (length, minimal, size, rest) = match second & 0x7f {
            126 => {
                let (length, rest) = rest.split_first_chunk::<2>()?;
                let length = u64::from(u16::from_be_bytes(*length));
                (length, length >= 126, 4, rest)
            }
            127 => {
                let (length, rest) = rest.split_first_chunk::<8>()?;
                let length = u64::from_be_bytes(*length);
                (length, length > 0xffff, 10, rest)
            }
            short => (u64::from(short), true, 2, rest),
        };
        let mask = if second & 0x80 == 0 {
            None
        } else {
            Some(*rest.first_chunk::<4>()?)
        };
        Some(Self {
            fin: first & 0x80 != 0,
            reserved: first >> 4 & 7,
            opcode: first & 0x0f,
            mask,
            length,
            size: size + if mask.is_some() { 4 } else { 0 },
            minimal,
        })
    }

    pub(super) fn is_control(&self) -> bool {
        self.opcode >= CLOSE
    }

    /// RSV1: the message is deflated, if that was agreed on.
    pub(super) fn deflated(&self) -> bool {
        self.reserved & 4 != 0
    }

    /// Header and payload together; `None` beyond 63 bits, which the format forbids.
    pub(super) fn total(&self) -> Option<u64> {
        if self.length >> 63 != 0 {
            return None;
        }
        self.length.checked_add(self.size as u64)
    }
}

/// Appends `bytes`, unmasked, to `out`. `position`: that of the first byte in the payload.
pub(super) fn unmask_onto(out: &mut Vec<u8>, bytes: &[u8], mask: Option<[u8; 4]>, position: u64) {
    let start = out.len();
    out.extend_from_slice(bytes);
    if let (Some(mask), Some(added)) = (mask, out.get_mut(start..)) {
        apply_mask(added, mask, position);
    }
}

/// Applies a mask in place, or takes it off. `position`: that of the first byte in the payload.
pub(super) fn apply_mask(bytes: &mut [u8], mask: [u8; 4], position: u64) {
    let key = u32::from_be_bytes(mask).rotate_left((position % 4) as u32 * 8);
    let word = u64::from(key) << 32 | u64::from(key);
    let wide = (u128::from(word) << 64 | u128::from(word)).to_be_bytes();
    let wide = u128::from_ne_bytes(wide);
    let mut chunks = bytes.chunks_exact_mut(16);
    for chunk in &mut chunks {
        if let Some(chunk) = chunk.first_chunk_mut::<16>() {
            *chunk = (u128::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
        }
    }
    for (byte, key) in chunks.into_remainder().iter_mut().zip(wide.to_ne_bytes()) {
        *byte ^= key;
    }
}

/// Whether `bytes` are masked frames (`Some(true)`) or unmasked ones; `None` if they do not look
/// like the start of a frame. Frames must end where the bytes end, or a long one go beyond.
pub(in crate::net) fn are_masked(bytes: &[u8]) -> Option<bool> {
    let mut rest = bytes;
    let mut masked = None;
    while !rest.is_empty() {
        let header = Header::read(rest)?;
        let lawful = matches!(header.opcode, CONTINUATION..=BINARY | CLOSE..=PONG)
            && header.minimal
            && header.reserved & 3 == 0
            && (header.reserved == 0 || matches!(header.opcode, TEXT | BINARY))
            && (!header.is_control() || header.fin && header.length <= 125);
        if !lawful || masked.is_some_and(|masked| masked != header.mask.is_some()) {
            return None;
        }
        masked = Some(header.mask.is_some());
        let total = usize::try_from(header.total()?).ok()?;
        match rest.get(total..) {
            Some(further) => rest = further,
            None if header.length > 125 => break,
            None => return None,
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_in_each_of_its_lengths() {
        let small = Header::read(&[0x82, 5]).unwrap();
        assert_eq!(
            (small.fin, small.opcode, small.length, small.size),
            (true, BINARY, 5, 2)
        );
        let medium = Header::read(&[0x01, 0xfe, 1, 0, 9, 8, 7, 6]).unwrap();
        assert_eq!((medium.fin, medium.length, medium.size), (false, 256, 8));
        assert_eq!(medium.mask, Some([9, 8, 7, 6]));
        let large = Header::read(&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]).unwrap();
        assert_eq!((large.length, large.minimal), (65536, true));
        assert!(!Header::read(&[0x82, 126, 0, 5]).unwrap().minimal);
        assert_eq!(Header::read(&[0x82, 0xfe, 1, 0, 9, 8, 7]), None);
    }

    #[test]
    fn a_mask_is_taken_off_wherever_a_piece_begins() {
        let mask = [1, 2, 3, 4];
        let clear: Vec<u8> = (0..100).collect();
        let masked: Vec<u8> = clear
            .iter()
            .zip(mask.iter().cycle())
            .map(|(a, b)| a ^ b)
            .collect();
        for cut in 0..masked.len() {
            let mut out = Vec::new();
            unmask_onto(&mut out, &masked[..cut], Some(mask), 0);
            unmask_onto(&mut out, &masked[cut..], Some(mask), cut as u64);
            assert_eq!(out, clear);
        }
    }

    #[test]
    fn whole_frames_tell_whether_they_are_masked() {
        assert_eq!(are_masked(b"\x82\x02ab\x89\x00"), Some(false));
        assert_eq!(are_masked(b"\x81\x81keys?"), Some(true));
        assert_eq!(are_masked(b"\xc2\xfe\x01\x00keyspart"), Some(true));
        for other in [
            &b""[..],
            b"\x82",
            b"\x82\x03ab",
            b"\x82\x02ab\x81\x81keys?",
            b"\x92\x02ab",
            b"\x83\x02ab",
            b"\x09\x02ab",
            b"\x82\x7e\x00\x02ab",
        ] {
            assert_eq!(are_masked(other), None, "{other:x?}");
        }
    }
}
