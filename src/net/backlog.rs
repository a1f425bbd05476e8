//! Bytes kept until it is clear what they are, with the packets they came in.

use super::event::Stamp;

/// Bytes of one direction, in order.
#[derive(Default)]
pub(super) struct Backlog {
    bytes: Vec<u8>,
    /// Where each piece ends, and when it came.
    marks: Vec<(usize, Stamp)>,
}

impl Backlog {
    pub(super) fn push(&mut self, at: Stamp, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.marks.push((self.bytes.len(), at));
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What it takes.
    pub(super) fn cost(&self) -> usize {
        self.bytes.len() + self.marks.len() * size_of::<(usize, Stamp)>()
    }

    /// Empties it.
    pub(super) fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// Removes the first `length` bytes and gives them.
    pub(super) fn take_front(&mut self, length: usize) -> Vec<u8> {
        let length = length.min(self.bytes.len());
        let rest = self.bytes.split_off(length);
        self.marks.retain_mut(|(end, _)| {
            *end = end.saturating_sub(length);
            *end > 0
        });
        std::mem::replace(&mut self.bytes, rest)
    }

    /// The pieces from byte `from` on, with their stamps.
    pub(super) fn pieces(&self, from: usize) -> impl Iterator<Item = (Stamp, &[u8])> {
        let mut start = from;
        self.marks.iter().filter_map(move |&(end, at)| {
            let piece = self.bytes.get(start..end)?;
            start = end;
            (!piece.is_empty()).then_some((at, piece))
        })
    }
}
