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

/// Forms are followed so far without asking.
pub const WINDOW: usize = 4096;

/// How many bytes may be followed beyond [`WINDOW`].
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Where another form has ended.
    pub decided: usize,
    /// Where none has.
    pub undecided: usize,
}

impl Patience {
    /// Everything may be followed.
    #[must_use]
    pub const fn full() -> Self {
        Self {
            decided: usize::MAX,
            undecided: usize::MAX,
        }
    }

    /// Some bytes, where nothing else is known.
    #[must_use]
    pub const fn short() -> Self {
        Self {
            decided: 0,
            undecided: 1 << 16,
        }
    }
}

/// How one form goes on.
enum Scan {
    /// The frame ends before this byte.
    Whole(usize),
    /// It goes on at least to this byte.
    Part(u64),
    /// The payload is not of this form.
    Wrong,
}

/// Follows the payload of the frame that starts `bytes` as `form`.
fn scan(form: Form, bytes: &[u8]) -> Scan {
    match form {
        Form::MessagePack => {
            let mut reader = messagepack::Reader::new(bytes, SIZE);
            match reader.skip_or_need() {
                Ok(()) => Scan::Whole(reader.position()),
                Err((messagepack::Fault::Truncated, need)) => Scan::Part(need),
                Err(_) => Scan::Wrong,
            }
        }
        Form::Cbor => {
            let mut reader = cbor::Reader::new(bytes, SIZE);
            match cbor::skip(&mut reader) {
                Ok(()) => Scan::Whole(reader.position()),
                Err((cbor::Fault::Truncated, need)) => Scan::Part(need),
                Err(_) => Scan::Wrong,
            }
        }
        Form::Json => match text_end(bytes.get(SIZE..).unwrap_or_default()) {
            Ok(Some(size)) => Scan::Whole(SIZE + size),
            Ok(None) => Scan::Part(bytes.len() as u64 + 1),
            Err(_) => Scan::Wrong,
        },
        Form::Compressed => Scan::Wrong,
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
    pub fn find(header: &Header, bytes: &[u8], most: usize, patience: &mut Patience) -> Self {
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
        ends.plain(bytes, most, patience);
        ends
    }

    /// Follows all plain forms. Hostile payloads may send one form through everything that is
    /// there, again and again: so a form that is still going on after [`WINDOW`] bytes is followed
    /// further only while there is `patience`.
    fn plain(&mut self, bytes: &[u8], most: usize, patience: &mut Patience) {
        let json = matches!(
            bytes.get(SIZE..),
            Some([b'{', b'"' | b'}', ..] | [b'[', ..])
        );
        let forms = [
            (Form::MessagePack, true),
            (Form::Cbor, true),
            (Form::Json, json),
        ];
        let near = bytes.get(..SIZE + WINDOW).unwrap_or(bytes);
        let mut longer = [None; 3];
        for ((form, possible), place) in forms.into_iter().zip(&mut longer) {
            if !possible {
                continue;
            }
            match scan(form, near) {
                Scan::Whole(end) => self.complete(form, end),
                Scan::Part(_) if near.len() < bytes.len() => *place = Some(form),
                Scan::Part(need) => self.needs(need, most),
                Scan::Wrong => {}
            }
        }
        let decided = !self.is_empty();
        for form in longer.into_iter().flatten() {
            let left = if decided {
                &mut patience.decided
            } else {
                &mut patience.undecided
            };
            if *left == 0 {
                if !decided {
                    self.needs(bytes.len() as u64 + 1, most);
                }
                continue;
            }
            *left = left.saturating_sub(bytes.len());
            match scan(form, bytes) {
                Scan::Whole(end) => self.complete(form, end),
                Scan::Part(need) => self.needs(need, most),
                Scan::Wrong => {}
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

    /// Whether a plain frame of `size` bytes holds exactly one item of `form`, as far as its
    /// structure goes; none if that was not found out.
    #[must_use]
    pub fn fills(&self, form: Form, size: usize) -> Option<bool> {
        let known = size <= SIZE + WINDOW
            && self.at(size).next().is_some()
            && self.iter().all(|(form, _)| form != Form::Compressed);
        known.then(|| self.at(size).any(|fitting| fitting == form))
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
