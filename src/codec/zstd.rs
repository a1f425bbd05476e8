//! zstd: where compressed data end, what their headers say, and bounded inflating.
//!
//! Source: RFC 8878, section 3; all fields are little-endian. Inflating itself is libzstd's work.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use thiserror::Error;
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

/// The first bytes of a frame.
pub const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The first bytes of a trained dictionary; any other bytes are a dictionary of raw content.
pub const DICTIONARY_MAGIC: [u8; 4] = [0x37, 0xa4, 0x30, 0xec];
/// Decoders refuse larger windows, in bytes: libzstd's own default.
pub const MOST_WINDOW: u64 = 1 << 27;
/// No block is larger, in bytes.
const MOST_BLOCK: u32 = 128 << 10;
/// Contexts kept from frame to frame.
const MOST_CONTEXTS: usize = 4;

/// What is wrong with the structure of compressed data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Flaw {
    /// No frame starts here.
    #[error("no zstd frame starts here")]
    NoMagic,
    /// A bit of the frame header that must be 0.
    #[error("a reserved bit of the zstd frame header is set")]
    ReservedBit,
    /// A block of type 3 or larger than any may be.
    #[error("a zstd block of an impossible type or size")]
    BadBlock,
}

/// Where compressed data end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// All frames are there; they end before this byte.
    Complete(usize),
    /// The data go on at least to this byte.
    Need(usize),
    /// The structure breaks at this byte.
    Wrong(Flaw, usize),
}

/// What a frame header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Id of the dictionary; 0 if none is named.
    pub dictionary: u32,
    /// Size of the content in bytes, if it is said.
    pub content_size: Option<u64>,
    /// Bytes of content that the decoder must keep.
    pub window: u64,
    /// Whether a checksum of the content follows the last block.
    pub checksum: bool,
    /// Size of the header itself in bytes, magic included.
    pub size: usize,
}

impl FrameHeader {
    /// Reads the header of the frame that starts `bytes`.
    ///
    /// # Errors
    /// [`Walk::Need`] or [`Walk::Wrong`], positions counted from the start of `bytes`.
    pub fn read(bytes: &[u8]) -> Result<Self, Walk> {
        if !MAGIC.starts_with(bytes.get(..4).unwrap_or(bytes)) {
            return Err(Walk::Wrong(Flaw::NoMagic, 0));
        }
        let descriptor = *bytes.get(4).ok_or(Walk::Need(5))?;
        let single = descriptor & 0x20 != 0;
        let window_size = usize::from(!single);
        let dictionary_size = [0, 1, 2, 4].get(usize::from(descriptor & 3));
        let dictionary_size: usize = dictionary_size.copied().unwrap_or_default();
        let content_bytes: usize = match descriptor >> 6 {
            0 => usize::from(single),
            1 => 2,
            2 => 4,
            _ => 8,
        };
        let size = 5 + window_size + dictionary_size + content_bytes;
        if descriptor & 8 != 0 {
            return Err(Walk::Wrong(Flaw::ReservedBit, 4));
        }
        let header = bytes.get(..size).ok_or(Walk::Need(size))?;
        let field = |at: usize, size: usize| little_endian(header.get(at..at + size));
        let content = field(5 + window_size + dictionary_size, content_bytes);
        let content_size = match content_bytes {
            0 => None,
            2 => Some(content + 256),
            _ => Some(content),
        };
        let window = if single {
            content_size.unwrap_or_default()
        } else {
            let byte = field(5, 1);
            let base = 1 << (10 + (byte >> 3));
            base + base / 8 * (byte & 7)
        };
        Ok(Self {
            dictionary: field(5 + window_size, dictionary_size) as u32,
            content_size,
            window,
            checksum: descriptor & 4 != 0,
            size,
        })
    }
}

/// Walks over the frames (skippable ones too) that start `bytes`, one after the other, without
/// inflating them. After a complete frame, only what certainly belongs to another is followed.
#[must_use]
pub fn walk(bytes: &[u8]) -> Walk {
    let mut position = 0;
    loop {
        let rest = bytes.get(position..).unwrap_or_default();
        if position > 0 && !starts_frame(rest) {
            return Walk::Complete(position);
        }
        match walk_one(rest) {
            Walk::Complete(size) => position += size,
            Walk::Need(size) => return Walk::Need(position.saturating_add(size)),
            Walk::Wrong(flaw, at) => return Walk::Wrong(flaw, position + at),
        }
    }
}

/// Whether `bytes` begin, as far as they go, with the magic of a frame or skippable frame. Nothing
/// at all does not.
#[must_use]
pub fn starts_frame(bytes: &[u8]) -> bool {
    let start = bytes.get(..4).unwrap_or(bytes);
    !start.is_empty() && (MAGIC.starts_with(start) || starts_skippable(start))
}

fn starts_skippable(bytes: &[u8]) -> bool {
    let (first, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let rest = rest.get(..3).unwrap_or(rest);
    first & 0xf0 == 0x50 && [0x2a, 0x4d, 0x18].starts_with(rest)
}

fn walk_one(bytes: &[u8]) -> Walk {
    if bytes.first() != Some(&0x28) && starts_skippable(bytes) {
        let Some(size) = bytes.get(4..8) else {
            return Walk::Need(8);
        };
        let end = 8 + little_endian(Some(size)) as usize;
        return if bytes.len() < end {
            Walk::Need(end)
        } else {
            Walk::Complete(end)
        };
    }
    let header = match FrameHeader::read(bytes) {
        Ok(header) => header,
        Err(walk) => return walk,
    };
    let mut position = header.size;
    loop {
        let Some(block) = bytes.get(position..position + 3) else {
            return Walk::Need(position + 3);
        };
        let block = little_endian(Some(block)) as u32;
        let size = block >> 3;
        if block & 6 == 6 || size > MOST_BLOCK {
            return Walk::Wrong(Flaw::BadBlock, position);
        }
        let on_wire = if block & 6 == 2 { 1 } else { size as usize };
        position += 3 + on_wire;
        if block & 1 != 0 {
            break;
        }
        if position > bytes.len() {
            return Walk::Need(position + 3);
        }
    }
    position += if header.checksum { 4 } else { 0 };
    if bytes.len() < position {
        Walk::Need(position)
    } else {
        Walk::Complete(position)
    }
}

fn little_endian(bytes: Option<&[u8]>) -> u64 {
    let bytes = bytes.unwrap_or_default().iter().rev();
    bytes.fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// The id that a trained dictionary carries; 0 for raw content.
#[must_use]
pub fn dictionary_id(dictionary: &[u8]) -> u32 {
    match dictionary.strip_prefix(&DICTIONARY_MAGIC) {
        Some(rest) => little_endian(rest.get(..4)) as u32,
        None => 0,
    }
}

/// Why data could not be inflated.
#[derive(Debug, Error)]
pub enum InflateError {
    /// The output is larger than allowed.
    #[error("inflates to more than {0} bytes")]
    TooLarge(usize),
    /// The content does not match its checksum.
    #[error("the content does not match its zstd checksum")]
    Checksum,
    /// The data end inside a frame.
    #[error("the zstd data end early")]
    Truncated,
    /// libzstd refuses the data.
    #[error("libzstd: {0}")]
    Corrupt(String),
}

/// Inflates; keeps its contexts from frame to frame.
#[derive(Default)]
pub struct Inflater {
    /// By dictionary number, the least recently used first.
    contexts: VecDeque<(Option<usize>, Decoder<'static>)>,
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Inflater")
            .field("contexts", &self.contexts.len())
            .finish()
    }
}

impl Inflater {
    /// Appends what `compressed` holds to `out`, at most `most` bytes. A dictionary comes with a
    /// number of the caller's that is always the same for it.
    ///
    /// # Errors
    /// [`InflateError`]; what was inflated until then stays in `out`.
    pub fn inflate(
        &mut self,
        compressed: &[u8],
        dictionary: Option<(usize, &[u8])>,
        most: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), InflateError> {
        let mut context = self.context(dictionary).map_err(refused)?;
        let result = run(&mut context, compressed, most, out);
        self.contexts
            .push_back((dictionary.map(|(number, _)| number), context));
        result
    }

    fn context(&mut self, dictionary: Option<(usize, &[u8])>) -> io::Result<Decoder<'static>> {
        let number = dictionary.map(|(number, _)| number);
        let known = self.contexts.iter().position(|(known, _)| *known == number);
        if let Some((_, mut context)) = known.and_then(|index| self.contexts.remove(index)) {
            context.reinit()?;
            return Ok(context);
        }
        if self.contexts.len() >= MOST_CONTEXTS {
            self.contexts.pop_front();
        }
        if let Some((_, bytes)) = dictionary {
            return Decoder::with_dictionary(bytes);
        }
        match SPARE.try_with(Cell::take).ok().flatten() {
            Some(mut context) => {
                context.reinit()?;
                Ok(context)
            }
            None => Decoder::new(),
        }
    }
}

impl Drop for Inflater {
    fn drop(&mut self) {
        let mut contexts = self.contexts.drain(..);
        if let Some((_, context)) = contexts.find(|(number, _)| number.is_none()) {
            // Fails only where the thread ends.
            let _ = SPARE.try_with(|spare| spare.set(Some(context)));
        }
    }
}

thread_local! {
    /// A context without dictionary that nobody uses: making one costs more than a small frame.
    static SPARE: Cell<Option<Decoder<'static>>> = const { Cell::new(None) };
}

fn run(
    context: &mut Decoder<'static>,
    compressed: &[u8],
    most: usize,
    out: &mut Vec<u8>,
) -> Result<(), InflateError> {
    let start = out.len();
    let mut input = InBuffer::around(compressed);
    // Grows as output comes, not as a header claims.
    let mut room = compressed.len().saturating_mul(4).clamp(1 << 10, 1 << 20);
    loop {
        out.reserve(room);
        let filled = out.len();
        let mut output = OutBuffer::around_pos(out, filled);
        let hint = context.run(&mut input, &mut output).map_err(refused)?;
        let full = output.pos() == output.capacity();
        if out.len() - start > most {
            return Err(InflateError::TooLarge(most));
        }
        if input.pos() == compressed.len() && !full {
            return if hint == 0 {
                Ok(())
            } else {
                Err(InflateError::Truncated)
            };
        }
        room = (out.len() - start).clamp(1 << 10, 8 << 20);
    }
}

fn refused(error: io::Error) -> InflateError {
    let text = error.to_string();
    if text.contains("checksum") {
        InflateError::Checksum
    } else {
        InflateError::Corrupt(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compressed(content: &[u8]) -> Vec<u8> {
        zstd::bulk::compress(content, 3).unwrap()
    }

    fn inflated(compressed: &[u8], most: usize) -> Result<Vec<u8>, InflateError> {
        let mut out = Vec::new();
        Inflater::default()
            .inflate(compressed, None, most, &mut out)
            .map(|()| out)
    }

    #[test]
    fn frames_end_where_their_blocks_do() {
        let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut bytes = compressed(&content);
        let end = bytes.len();
        assert_eq!(walk(&bytes), Walk::Complete(end));
        for length in [0, 3, 4, 6, 9, 20, end - 1] {
            match walk(&bytes[..length]) {
                Walk::Need(more) => assert!(more > length && more <= end),
                other => panic!("{length}: {other:?}"),
            }
        }
        bytes.extend_from_slice(&[0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9]);
        bytes.extend_from_slice(b"RP");
        assert_eq!(walk(&bytes), Walk::Complete(end + 9));
        assert_eq!(inflated(&bytes[..end + 9], 1 << 30).unwrap(), content);
    }

    #[test]
    fn the_output_is_bounded() {
        let bomb = compressed(&vec![0; 100 << 20]);
        match inflated(&bomb, 1 << 20) {
            Err(InflateError::TooLarge(_)) => {}
            other => panic!("{:?}", other.map(|out| out.len())),
        }
    }

    #[test]
    fn contexts_are_reused_after_errors() {
        let good = compressed(b"again and again and again");
        let mut inflater = Inflater::default();
        for _ in 0..3 {
            let mut out = Vec::new();
            assert!(
                inflater
                    .inflate(&good[..good.len() - 2], None, 99, &mut out)
                    .is_err()
            );
            out.clear();
            inflater.inflate(&good, None, 99, &mut out).unwrap();
            assert_eq!(out, b"again and again and again");
        }
    }
}
