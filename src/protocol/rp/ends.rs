//! Where a frame may end: frames carry no length, so the payload itself must be followed.
//!
//! Source: protocol page `rp`, section 8.

use super::header::{DICTIONARY_SIZE, Header, SIZE, looks_compressed};
use super::reading::Encoding;
use crate::codec::json::text_end;
use crate::codec::zstd::{self, Walk};
use crate::codec::{cbor, messagepack};

/// How a payload is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One MessagePack item.
    MessagePack,
    /// One CBOR item.
    Cbor,
    /// One JSON array or object; no encoder writes it, but peers may.
    Json,
    /// A dictionary id and zstd data.
    Compressed,
}

impl Form {
    /// How the payload's values are written, if it is not compressed.
    #[must_use]
    pub const fn encoding(self) -> Option<Encoding> {
        match self {
            Self::MessagePack => Some(Encoding::MessagePack),
            Self::Cbor => Some(Encoding::Cbor),
            Self::Json => Some(Encoding::Json),
            Self::Compressed => None,
        }
    }
}

/// The places where a frame may end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ends {
    complete: [Option<(Form, usize)>; 4],
    /// If some form is not there in full, the size of the frame that it needs at least.
    pub need: Option<usize>,
}

impl Ends {
    /// Follows the payload of the frame that starts `bytes`. What would need more than `most`
    /// bytes is no frame.
    #[must_use]
    pub fn find(header: &Header, bytes: &[u8], most: usize) -> Self {
        let mut ends = Self::default();
        let payload = bytes.get(SIZE..).unwrap_or_default();
        if payload.is_empty() {
            ends.needs(SIZE as u64 + 1, most);
            return ends;
        }
        if header.compressed() || looks_compressed(payload) {
            let data = bytes.get(SIZE + DICTIONARY_SIZE..).unwrap_or_default();
            match zstd::walk(data) {
                Walk::Complete(size) => {
                    ends.complete(Form::Compressed, SIZE + DICTIONARY_SIZE + size);
                    return ends;
                }
                Walk::Need(size) => {
                    ends.needs((SIZE + DICTIONARY_SIZE + size) as u64, most);
                    return ends;
                }
                Walk::Wrong(..) if looks_compressed(payload) => return ends,
                // Marked as compressed, but it is not.
                Walk::Wrong(..) => {}
            }
        }
        ends.plain(bytes, most);
        ends
    }

    fn plain(&mut self, bytes: &[u8], most: usize) {
        let mut reader = messagepack::Reader::new(bytes, SIZE);
        match reader.skip_or_need() {
            Ok(()) => self.complete(Form::MessagePack, reader.position()),
            Err((messagepack::Fault::Truncated, need)) => self.needs(need, most),
            Err(_) => {}
        }
        let mut reader = cbor::Reader::new(bytes, SIZE);
        match cbor::skip(&mut reader) {
            Ok(()) => self.complete(Form::Cbor, reader.position()),
            Err((cbor::Fault::Truncated, need)) => self.needs(need, most),
            Err(_) => {}
        }
        if matches!(
            bytes.get(SIZE..),
            Some([b'{', b'"' | b'}', ..] | [b'[', ..])
        ) {
            match text_end(bytes.get(SIZE..).unwrap_or_default()) {
                Ok(Some(size)) => self.complete(Form::Json, SIZE + size),
                Ok(None) => self.needs(bytes.len() as u64 + 1, most),
                Err(_) => {}
            }
        }
    }

    /// The forms that are there in full, with the size of the frame.
    pub fn iter(&self) -> impl Iterator<Item = (Form, usize)> {
        self.complete.into_iter().flatten()
    }

    /// The forms that end the frame after `size` bytes.
    pub fn at(&self, size: usize) -> impl Iterator<Item = Form> {
        self.iter()
            .filter(move |(_, end)| *end == size)
            .map(|(form, _)| form)
    }

    /// Whether the frame may end in several places.
    #[must_use]
    pub fn is_choice(&self) -> bool {
        let first = self.iter().next();
        self.iter()
            .any(|(_, end)| first.is_some_and(|(_, first)| first != end))
    }

    /// Whether no form is there in full.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    fn complete(&mut self, form: Form, size: usize) {
        if let Some(place) = self.complete.iter_mut().find(|place| place.is_none()) {
            *place = Some((form, size));
        }
    }

    fn needs(&mut self, size: u64, most: usize) {
        let Ok(size) = usize::try_from(size) else {
            return;
        };
        if size <= most.saturating_add(SIZE) {
            self.need = Some(self.need.map_or(size, |need| need.min(size)));
        }
    }
}
