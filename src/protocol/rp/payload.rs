//! From a frame to the bytes of its payload: plain, or inflated with the right dictionary.
//!
//! Source: protocol page `rp`, sections 1.2 and 1.3.

use super::header::{DICTIONARY_SIZE, Header, SIZE, looks_compressed};
use super::reading::{Encoding, strict};
use crate::codec::zstd::{self, Flaw, FrameHeader, InflateError, Inflater, Walk};
use crate::model::{Message, Tree};
use crate::protocol::Settings;

/// Inflating by more than this factor to more than [`LARGE`] bytes is suspicious.
const MOST_RATIO: usize = 1000;
/// Bytes from which on the ratio counts.
const LARGE: usize = 1 << 20;

/// How the bytes after the header are to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// As they stand.
    Plain,
    /// A dictionary id and zstd data.
    Compressed,
    /// Too short for a dictionary id, though marked as compressed.
    Short,
}

/// Tells how the payload of `frame` is packed; says so if its flag says otherwise.
pub fn packing(
    header: &Header,
    frame: &[u8],
    scratch: &mut Tree,
    message: &mut Message,
) -> Packing {
    let payload = frame.get(SIZE..).unwrap_or_default();
    let plain = |tree: &mut Tree| {
        tree.clear();
        [Encoding::MessagePack, Encoding::Cbor, Encoding::Json]
            .into_iter()
            .any(|encoding| strict(encoding, frame, SIZE, tree).is_some())
    };
    let at = (3, 4);
    if !header.compressed() {
        if looks_compressed(payload) && !plain(scratch) {
            message.error(
                "flag-mismatch",
                at,
                "the payload is compressed, but not marked so: MessagePack readers take its first \
                 byte for the value, CBOR readers refuse it",
            );
            return Packing::Compressed;
        }
        return Packing::Plain;
    }
    if payload.len() < DICTIONARY_SIZE {
        return Packing::Short;
    }
    if payload.len() > DICTIONARY_SIZE && !looks_compressed(payload) && plain(scratch) {
        message.error(
            "flag-mismatch",
            at,
            "the payload is marked as compressed, but it is not: readers take its first four bytes \
             for a dictionary id",
        );
        return Packing::Plain;
    }
    Packing::Compressed
}

/// The dictionary id in front of compressed data.
#[must_use]
pub fn dictionary_id(frame: &[u8]) -> u32 {
    match frame.get(SIZE..SIZE + DICTIONARY_SIZE) {
        Some(&[a, b, c, d]) => u32::from_be_bytes([a, b, c, d]),
        _ => 0,
    }
}

/// Inflates the payload of `frame` into `out`. False if nothing can be read of it; findings say
/// why.
pub fn inflate(
    frame: &[u8],
    settings: &Settings,
    inflater: &mut Inflater,
    out: &mut Vec<u8>,
    message: &mut Message,
) -> bool {
    out.clear();
    let start = SIZE + DICTIONARY_SIZE;
    let id = dictionary_id(frame);
    let data = frame.get(start..).unwrap_or_default();
    let known = settings
        .dictionaries
        .iter()
        .position(|(known, _)| *known == id);
    if id != 0 && known.is_none() {
        message.error(
            "missing-dictionary",
            (SIZE, start),
            format!(
                "compression dictionary {id} is not known; give it with --dictionary {id}=FILE"
            ),
        );
        return false;
    }
    if data.is_empty() {
        message.error(
            "compressed-empty",
            (SIZE, frame.len()),
            "no zstd data follow",
        );
        return false;
    }
    let dictionary = known
        .filter(|_| id != 0)
        .and_then(|index| Some((index, settings.dictionaries.get(index)?.1.as_slice())));
    let carried = dictionary.map_or(0, |(_, bytes)| zstd::dictionary_id(bytes));
    if !check_header(data, start, id, carried, settings, message) {
        return false;
    }
    let Some(end) = check_structure(data, start, message) else {
        return false;
    };
    let data = data.get(..end).unwrap_or(data);
    let result = inflater.inflate(data, dictionary, settings.most_frame, out);
    let at = (start, start + data.len());
    match result {
        Ok(()) => {
            worth(data.len(), out.len(), at, message);
            true
        }
        Err(error) => {
            let code = match &error {
                InflateError::TooLarge(_) => "zstd-bomb",
                InflateError::Checksum => "zstd-checksum",
                InflateError::Truncated => "zstd-truncated",
                InflateError::Corrupt(text) if text.contains("ictionary") => "wrong-dictionary",
                InflateError::Corrupt(_) => "zstd-corrupt",
            };
            message.error(code, at, error.to_string());
            out.clear();
            false
        }
    }
}

/// Checks what the header of the first zstd frame says, before any memory is spent.
fn check_header(
    data: &[u8],
    start: usize,
    id: u32,
    carried: u32,
    settings: &Settings,
    message: &mut Message,
) -> bool {
    // Skippable frames have no such header; the structure is checked elsewhere.
    let Ok(header) = FrameHeader::read(data) else {
        return true;
    };
    let at = (start, start + header.size.min(data.len()));
    if header.window > zstd::MOST_WINDOW
        && header.content_size.is_none_or(|size| size != header.window)
    {
        message.error(
            "zstd-window",
            at,
            format!(
                "needs a window of {} bytes; decoders allow {}",
                header.window,
                zstd::MOST_WINDOW
            ),
        );
        return false;
    }
    if let Some(size) = header
        .content_size
        .filter(|size| *size > settings.most_frame as u64)
    {
        message.error(
            "zstd-bomb",
            at,
            format!(
                "claims to inflate to {size} bytes; the limit is {} (--max-frame)",
                settings.most_frame
            ),
        );
        return false;
    }
    if header.dictionary == 0 || header.dictionary == carried {
        return true;
    }
    let text = if id == 0 {
        format!(
            "the frame names no dictionary, but its zstd data need the one with zstd id {}",
            header.dictionary
        )
    } else {
        format!(
            "dictionary {id} has the zstd id {carried}, but the data need {}",
            header.dictionary
        )
    };
    message.error("wrong-dictionary", at, text);
    false
}

/// Follows the blocks; returns where the zstd data end.
fn check_structure(data: &[u8], start: usize, message: &mut Message) -> Option<usize> {
    let end = start + data.len();
    match zstd::walk(data) {
        Walk::Complete(size) if size < data.len() => {
            message.error(
                "zstd-trailing",
                (start + size, end),
                format!(
                    "{} bytes follow the zstd data; readers refuse the frame",
                    data.len() - size
                ),
            );
            Some(size)
        }
        Walk::Complete(size) => Some(size),
        Walk::Need(size) => {
            message.error(
                "zstd-truncated",
                (start, end),
                format!(
                    "the zstd data end early: at least {} bytes are missing",
                    size - data.len()
                ),
            );
            None
        }
        Walk::Wrong(Flaw::NoMagic, at) if at > 0 => Some(at),
        Walk::Wrong(flaw, at) => {
            message.error("zstd-corrupt", (start + at, end), flaw.to_string());
            None
        }
    }
}

/// Whether compression was worth it, or is an attack.
fn worth(compressed: usize, inflated: usize, at: (usize, usize), message: &mut Message) {
    if compressed + DICTIONARY_SIZE >= inflated && inflated > 0 {
        message.note(
            "compression-did-not-pay",
            at,
            format!(
                "{} bytes for a payload of {inflated}; encoders send it plain then",
                compressed + DICTIONARY_SIZE
            ),
        );
    }
    if inflated > LARGE && inflated / compressed.max(1) > MOST_RATIO {
        message.warning(
            "zstd-bomb",
            at,
            format!("{compressed} bytes inflate to {inflated}"),
        );
    }
}
