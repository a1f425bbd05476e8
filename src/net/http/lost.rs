//! Behind a hole, where it is not clear what comes: another head, events, or frames after an upgrade
//! that is not in the capture.

use super::head;
use crate::net::event::{Direction, Stamp};
use crate::net::options::Options;
use crate::net::websocket::{Agreement, Receiver};

/// Longest line that may tell the length of a chunk of events.
const SIZE_LINE_LIMIT: usize = 18;

/// A search under way in one direction.
pub(super) struct Lost {
    /// No head begins before this byte.
    heads: usize,
    events: Option<EventSearch>,
    frames: Box<Receiver>,
    /// Frames were found.
    framed: bool,
}

/// Where something begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Head(usize),
    Events(usize),
}

impl Lost {
    pub(super) fn new(direction: Direction, options: &Options) -> Self {
        Self {
            heads: 0,
            events: (direction == Direction::ServerToClient).then(EventSearch::default),
            frames: Box::new(Receiver::searching(
                direction,
                Agreement::unknown(),
                options,
            )),
            framed: false,
        }
    }

    pub(super) fn cost(&self) -> usize {
        self.frames.cost()
    }

    /// Whether frames were found.
    pub(super) fn framed(&self) -> bool {
        self.framed
    }

    /// Whether what there is may be frames, if nothing more comes.
    pub(super) fn may_be_framed(&self) -> bool {
        self.framed || self.frames.could_end_here()
    }

    /// Takes the last `piece` of the bytes `kept` since the hole.
    pub(super) fn data(&mut self, at: Stamp, piece: &[u8], kept: &[u8]) -> Option<Found> {
        if !self.framed {
            self.frames.data(at, piece, &mut |_| {});
            self.framed = self.frames.in_step();
        }
        let request = at.direction == Direction::ClientToServer;
        let (head, searched) = head::find(kept, self.heads.min(kept.len()), request);
        self.heads = searched;
        let events = self.events.as_mut().and_then(|events| events.look(kept));
        match (head, events) {
            (Some(head), Some(events)) if events < head => Some(Found::Events(events)),
            (Some(head), _) => Some(Found::Head(head)),
            (None, events) => events.map(Found::Events),
        }
    }

    /// Another hole, of `missing` bytes: what was kept is let go of.
    pub(super) fn gap(&mut self, at: Stamp, missing: u64) {
        if !self.framed {
            self.frames.gap(at, missing, &mut |_| {});
            self.framed = self.frames.in_step();
        }
        self.restart();
    }

    /// What was kept is let go of.
    pub(super) fn restart(&mut self) {
        self.heads = 0;
        if let Some(events) = &mut self.events {
            *events = EventSearch::default();
        }
    }
}

/// Looks for a whole event of an event stream, line by line.
#[derive(Default)]
struct EventSearch {
    scanned: usize,
    /// Where the line under way begins.
    line: usize,
    /// Where the event under way begins, and whether it has data.
    event: Option<(usize, bool)>,
    /// Where the line before began, if that may tell the length of a chunk.
    size: Option<usize>,
}

impl EventSearch {
    /// Where an event begins that is whole, or the chunk that it is the first of.
    fn look(&mut self, bytes: &[u8]) -> Option<usize> {
        while let Some(length) = memchr::memchr2(b'\n', b'\r', bytes.get(self.scanned..)?) {
            let end = self.scanned + length;
            self.scanned = end + 1;
            let after_cr = end > 0 && bytes.get(end - 1) == Some(&b'\r');
            if after_cr && bytes.get(end) == Some(&b'\n') {
                self.line = end + 1;
                continue;
            }
            let line = bytes.get(self.line..end).unwrap_or_default();
            let start = std::mem::replace(&mut self.line, end + 1);
            if let Some(found) = self.line_ends(start, line) {
                return Some(found);
            }
        }
        self.scanned = bytes.len();
        None
    }

    fn line_ends(&mut self, start: usize, line: &[u8]) -> Option<usize> {
        let size = self.size.take();
        if line.is_empty() {
            return match self.event.take() {
                Some((start, true)) => Some(start),
                _ => None,
            };
        }
        let is_size = line.len() <= SIZE_LINE_LIMIT && line.iter().all(u8::is_ascii_hexdigit);
        if is_size {
            self.size = Some(start);
            self.event = None;
            return None;
        }
        let data = line.starts_with(b"data:");
        let field = data
            || [&b"event:"[..], b"id:", b"retry:"]
                .iter()
                .any(|name| line.starts_with(name));
        self.event = match self.event {
            _ if !field => None,
            Some((start, has_data)) => Some((start, has_data || data)),
            None => Some((size.unwrap_or(start), data)),
        };
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(bytes: &[u8], step: usize) -> Option<usize> {
        let mut search = EventSearch::default();
        (1..=bytes.len())
            .filter(|end| end % step == 0 || *end == bytes.len())
            .find_map(|end| search.look(bytes.get(..end)?))
    }

    #[test]
    fn the_first_whole_event_is_found_with_its_chunk() {
        for step in 1..20 {
            assert_eq!(
                look(b"ta: x\n\n\r\n1a\r\nevent: y\ndata: z\n\n", step),
                Some(9)
            );
            assert_eq!(look(b"event: y\r\ndata: z\r\n\r\n", step), Some(0));
            assert_eq!(look(b"x\rid: y\rdata: z\r\r", step), Some(2));
            assert_eq!(look(b"event: y\nx: y\n\n", step), None);
            assert_eq!(look(b"event: y\n\n", step), None);
        }
    }
}
