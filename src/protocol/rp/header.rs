//! The frame header.
//!
//! Source: protocol page `rp`, section 1.

use crate::codec::zstd;

/// The first two bytes of every frame.
pub const MAGIC: [u8; 2] = *b"RP";
/// The only version.
pub const VERSION: u8 = 1;
/// Size of the header in bytes.
pub const SIZE: usize = 9;
/// Size of the dictionary id in front of compressed data, in bytes.
pub const DICTIONARY_SIZE: usize = 4;

/// Flag bit 0: a dictionary id and zstd data follow.
pub const COMPRESSED: u8 = 1;
/// Flag bit 1: the payload is a part of something.
pub const FRAGMENTED: u8 = 2;
/// Flag bit 2: the sender wants an acknowledgement.
pub const ACK_REQUIRED: u8 = 4;
/// Flag bits without a meaning.
pub const RESERVED: u8 = 0xf8;

/// A frame header, as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// `RP`, if it is one.
    pub magic: [u8; 2],
    /// 1, if it is known.
    pub version: u8,
    /// Bits.
    pub flags: u8,
    /// The application's channel number.
    pub channel: u8,
    /// The application's sequence number.
    pub sequence: u32,
}

impl Header {
    /// Reads the header that starts `bytes`, if they are long enough.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        match *bytes.get(..SIZE)? {
            [first, second, version, flags, channel, a, b, c, d] => Some(Self {
                magic: [first, second],
                version,
                flags,
                channel,
                sequence: u32::from_be_bytes([a, b, c, d]),
            }),
            _ => None,
        }
    }

    /// The header that values without a frame of their own might have.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            magic: MAGIC,
            version: VERSION,
            flags: 0,
            channel: 0,
            sequence: 0,
        }
    }

    /// Whether magic and version are right.
    #[must_use]
    pub fn known(&self) -> bool {
        self.magic == MAGIC && self.version == VERSION
    }

    /// Whether the payload is marked as compressed.
    #[must_use]
    pub fn compressed(&self) -> bool {
        self.flags & COMPRESSED != 0
    }

    /// Whether the payload is marked as a part.
    #[must_use]
    pub fn fragmented(&self) -> bool {
        self.flags & FRAGMENTED != 0
    }

    /// Whether an acknowledgement is wanted.
    #[must_use]
    pub fn ack_required(&self) -> bool {
        self.flags & ACK_REQUIRED != 0
    }

    /// The flag bits that mean nothing.
    #[must_use]
    pub fn reserved(&self) -> u8 {
        self.flags & RESERVED
    }
}

/// How well bytes look like the start of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Start {
    /// They do not.
    No,
    /// There are too few to tell; those that are there fit.
    Partly,
    /// A header of a known version without reserved flags, and at least one byte of payload.
    Header,
}

/// Whether a frame as an encoder writes it starts `bytes`.
#[must_use]
pub fn starts_frame(bytes: &[u8]) -> Start {
    let known = [MAGIC[0], MAGIC[1], VERSION];
    if !known.starts_with(bytes.get(..3).unwrap_or(bytes)) {
        return Start::No;
    }
    match bytes.get(3) {
        Some(flags) if flags & RESERVED != 0 => Start::No,
        Some(_) if bytes.len() > SIZE => Start::Header,
        _ => Start::Partly,
    }
}

/// Whether zstd data stand behind a dictionary id at the start of `payload`.
#[must_use]
pub fn looks_compressed(payload: &[u8]) -> bool {
    let data = payload.get(DICTIONARY_SIZE..).unwrap_or_default();
    data.len() >= 4 && zstd::starts_frame(data)
}
