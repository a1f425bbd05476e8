//! What was delivered lately, to tell honest retransmissions from conflicting ones.

use std::collections::VecDeque;

/// Bytes remembered, of all connections together.
const CAPACITY: usize = 1 << 20;
/// Segments remembered for one direction.
const SPAN_LIMIT: usize = 64;

/// A ring of bytes shared by all streams.
pub(in crate::net) struct History {
    ring: Vec<u8>,
    /// Where the next byte goes; the index is this modulo the capacity.
    head: u64,
}

/// The segments of one direction that may still be in the ring.
#[derive(Default)]
pub(in crate::net) struct Spans(VecDeque<Span>);

struct Span {
    position: u64,
    length: usize,
    place: u64,
}

impl History {
    pub(in crate::net) fn new() -> Self {
        Self {
            ring: Vec::new(),
            head: 0,
        }
    }

    fn add(&mut self, bytes: &[u8]) -> Option<u64> {
        if self.ring.is_empty() {
            self.ring = vec![0; CAPACITY];
        }
        let mut index = self.head % CAPACITY as u64;
        if index as usize + bytes.len() > CAPACITY {
            self.head += CAPACITY as u64 - index;
            index = 0;
        }
        let place = self.head;
        self.ring
            .get_mut(index as usize..index as usize + bytes.len())?
            .copy_from_slice(bytes);
        self.head += bytes.len() as u64;
        Some(place)
    }

    fn get(&self, place: u64, skip: usize, length: usize) -> Option<&[u8]> {
        if place + (CAPACITY as u64) < self.head {
            return None;
        }
        let index = (place % CAPACITY as u64) as usize + skip;
        self.ring.get(index..index + length)
    }
}

impl Spans {
    /// Remembers `bytes`, which lie at `position` of their stream.
    pub(in crate::net) fn remember(&mut self, history: &mut History, position: u64, bytes: &[u8]) {
        if let Some(place) = history.add(bytes) {
            if let Some(last) = self.0.back_mut()
                && last.place + last.length as u64 == place
                && last.position + last.length as u64 == position
                && last.length < CAPACITY / 4
            {
                last.length += bytes.len();
                return;
            }
            if self.0.len() >= SPAN_LIMIT {
                self.0.pop_front();
            }
            self.0.push_back(Span {
                position,
                length: bytes.len(),
                place,
            });
        }
    }

    /// The first position at which `bytes`, said to lie at `position`, differ from what is
    /// remembered.
    pub(in crate::net) fn conflict(
        &self,
        history: &History,
        position: u64,
        bytes: &[u8],
    ) -> Option<u64> {
        let end = position + bytes.len() as u64;
        self.0.iter().find_map(|span| {
            let from = span.position.max(position);
            let to = (span.position + span.length as u64).min(end);
            let length = usize::try_from(to.checked_sub(from)?).ok()?;
            let known = history.get(span.place, (from - span.position) as usize, length)?;
            let start = (from - position) as usize;
            first_difference(known, bytes.get(start..start + length)?).map(|at| from + at as u64)
        })
    }
}

/// Index of the first byte in which the two differ.
pub(super) fn first_difference(left: &[u8], right: &[u8]) -> Option<usize> {
    if left == right {
        return None;
    }
    left.iter()
        .zip(right)
        .position(|(left, right)| left != right)
}
