//! One direction of a TCP connection put in order.
//!
//! Positions count bytes from the start of the stream, unwrapped to 64 bits and shifted by
//! [`ORIGIN`], so that what lies before the first byte seen has a position too.

use std::collections::BTreeMap;

use super::delivery::{Arrival, Deliver, Delivery, Piece};
use super::history::{History, Spans, first_difference};
use crate::net::event::{Ending, Finding};

/// Position of the byte after the SYN, or of the first byte seen.
const ORIGIN: u64 = 1 << 40;
/// What a held segment costs beside its bytes.
const HELD_OVERHEAD: usize = 96;
/// How far beyond the known stream an acknowledgment is believed.
const ACKNOWLEDGMENT_REACH: u64 = 64 << 20;
/// How far behind a lasting hole bytes are believed at the end, when nobody acknowledged them.
const UNACKNOWLEDGED_REACH: u64 = 64 << 20;
/// How far from what is expected a sequence number may be and still be believed to belong to the
/// same stream.
const NEAR: u32 = 8 << 20;
/// How far behind the FIN bytes may lie and still be taken for the same sender's.
const BEYOND: i32 = 64 << 10;
/// Segments after which a stream without a beginning is taken to begin at the earliest of them.
const FLOATING_SEGMENTS: usize = 4;

/// One direction.
pub(in crate::net) struct Stream {
    start: Start,
    /// Sequence number of the byte at [`ORIGIN`].
    origin_sequence: u32,
    /// Position of the next byte to hand out.
    next: u64,
    /// Position of offset 0.
    base: u64,
    held: BTreeMap<u64, Held>,
    held_cost: usize,
    /// What was held when the peer last said that it waits for the byte at a position too.
    awaited: (u64, usize),
    /// Position up to which the peer has acknowledged; 0: nothing.
    acknowledged: u64,
    /// Position of the FIN, or of the reset, if one was seen.
    fin: Option<u64>,
    /// Whether that is a reset.
    reset: bool,
    ended: bool,
    /// Bytes after the end, if any came.
    afterwards: Afterwards,
    spans: Spans,
    /// Bytes handed out.
    pub(in crate::net) delivered: u64,
    /// Bytes reported as missing.
    pub(in crate::net) missing: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Start {
    /// Nothing seen but, perhaps, the acknowledgment of what came before.
    Unseen { acknowledged: Option<u32> },
    /// Bytes were seen, but perhaps not the earliest yet.
    Floating,
    /// It is known where the stream begins.
    Fixed,
}

/// What came after the end of a stream.
#[derive(Clone, Copy, PartialEq)]
enum Afterwards {
    Nothing,
    /// The first byte has the sequence number of the FIN, or follows a reset.
    Adjoining,
    /// The FIN took a sequence number, which is not counted as a byte.
    Behind,
}

struct Held {
    bytes: Box<[u8]>,
    at: Arrival,
}

impl Stream {
    pub(in crate::net) fn new() -> Self {
        Self {
            start: Start::Unseen { acknowledged: None },
            origin_sequence: 0,
            next: ORIGIN,
            base: ORIGIN,
            held: BTreeMap::new(),
            held_cost: 0,
            awaited: (0, 0),
            acknowledged: 0,
            fin: None,
            reset: false,
            ended: false,
            afterwards: Afterwards::Nothing,
            spans: Spans::default(),
            delivered: 0,
            missing: 0,
        }
    }

    /// Where the stream begins becomes known: at `sequence` (that of the SYN, plus one).
    pub(in crate::net) fn begin(&mut self, sequence: u32) {
        match self.start {
            Start::Unseen { .. } => {
                self.origin_sequence = sequence;
                self.start = Start::Fixed;
            }
            Start::Floating => {
                let position = self.position(sequence);
                if self
                    .held
                    .first_key_value()
                    .is_none_or(|(first, _)| position <= *first)
                {
                    self.fix(position);
                }
            }
            Start::Fixed => {}
        }
    }

    /// Sequence number at which the stream begins, if known.
    pub(in crate::net) fn beginning(&self) -> Option<u32> {
        (self.start == Start::Fixed).then(|| self.sequence(self.base))
    }

    /// Whether the stream may begin at `sequence`, by what was seen of it: at its first byte, or
    /// not far before that.
    pub(in crate::net) fn may_begin(&self, sequence: u32) -> bool {
        let first = match self.start {
            Start::Unseen { acknowledged: None } => return true,
            Start::Unseen {
                acknowledged: Some(acknowledged),
            } => acknowledged,
            Start::Floating => {
                let first = self.held.first_key_value().map(|(first, _)| *first);
                self.sequence(first.unwrap_or(self.next))
            }
            Start::Fixed => self.sequence(self.base),
        };
        first.wrapping_sub(sequence) <= NEAR
    }

    /// Bytes held back, with what it costs to hold them.
    pub(in crate::net) fn held_cost(&self) -> usize {
        self.held_cost
    }

    /// How much of that is held back since the peer last said that it lacks the same bytes.
    pub(in crate::net) fn unwarranted_cost(&self) -> usize {
        match self.awaited {
            (position, cost) if position == self.next => self.held_cost.saturating_sub(cost),
            _ => self.held_cost,
        }
    }

    /// Whether bytes wait for others.
    pub(in crate::net) fn waits(&self) -> bool {
        !self.held.is_empty()
    }

    /// Whether bytes are known to have been sent that were not handed out. The FIN takes a
    /// sequence number too.
    pub(in crate::net) fn lacks(&self) -> bool {
        !self.held.is_empty() || self.acknowledged > self.next + 1
    }

    /// Whether the peer has acknowledged bytes that wait: then what they wait for was received,
    /// but not captured.
    pub(in crate::net) fn hole_is_acknowledged(&self) -> bool {
        self.held
            .first_key_value()
            .is_some_and(|(first, _)| self.acknowledged > *first)
    }

    /// Whether `sequence` is far from what is expected, as that of another connection would be.
    pub(in crate::net) fn is_far(&self, sequence: u32) -> bool {
        let distance = sequence
            .wrapping_sub(self.sequence(self.next))
            .cast_signed();
        distance.unsigned_abs() > NEAR
    }

    /// Whether `sequence` is so far behind the last byte that it does not follow from it.
    pub(in crate::net) fn is_beyond(&self, sequence: u32) -> bool {
        let distance = sequence.wrapping_sub(self.sequence(self.next));
        distance.cast_signed() > BEYOND
    }

    /// The peer has received everything before `sequence`.
    pub(in crate::net) fn acknowledge(
        &mut self,
        sequence: u32,
        history: &mut History,
        deliver: &mut Deliver<'_>,
    ) {
        if let Start::Unseen { acknowledged } = &mut self.start {
            *acknowledged = Some(sequence);
            return;
        }
        let position = self.position(sequence);
        if position <= self.known_end() + ACKNOWLEDGMENT_REACH {
            self.acknowledged = self.acknowledged.max(position);
        }
        if !self.held.is_empty() {
            if position <= self.next {
                self.awaited = (self.next, self.held_cost);
            }
            if self.start == Start::Floating && self.hole_is_acknowledged() {
                self.settle(history, deliver);
            }
        }
    }

    /// Takes a segment; hands out what is in order now.
    pub(in crate::net) fn segment(
        &mut self,
        mut piece: Piece<'_>,
        history: &mut History,
        deliver: &mut Deliver<'_>,
    ) {
        if piece.bytes.is_empty() && piece.missing == 0 && !piece.fin {
            return;
        }
        if let Start::Unseen { acknowledged } = self.start {
            self.origin_sequence = piece.sequence;
            self.start = if acknowledged == Some(piece.sequence) {
                Start::Fixed
            } else {
                Start::Floating
            };
        }
        let mut position = self.position(piece.sequence);
        if self.fin.is_some() {
            position = self.after_end(position, &mut piece, deliver);
        } else if piece.fin {
            let end = position + piece.bytes.len() as u64 + u64::from(piece.missing);
            // A FIN before bytes that are known already is an old one.
            self.fin = (end >= self.known_end()).then_some(end);
        }
        if self.start == Start::Floating {
            self.hold(position, piece.bytes, piece.at, deliver);
            if self.held.len() >= FLOATING_SEGMENTS || piece.fin || self.hole_is_acknowledged() {
                self.settle(history, deliver);
            }
            return;
        }
        let end = position + piece.bytes.len() as u64 + u64::from(piece.missing);
        let mut bytes = piece.bytes;
        if position < self.next {
            let seen = usize::try_from(self.next - position).unwrap_or(usize::MAX);
            let (old, new) = bytes.split_at_checked(seen).unwrap_or((bytes, &[]));
            self.check_repeated(position, old, piece.at, history, deliver);
            if new.is_empty() && u64::from(piece.missing) + bytes.len() as u64 <= seen as u64 {
                return self.finish_if_due(piece.at, deliver);
            }
            position = self.next;
            bytes = new;
        }
        if position == self.next && self.held.is_empty() {
            self.hand_out(bytes, piece.at, history, deliver);
            // What the snap length cut off will not come again.
            self.gap_to(end, piece.at, deliver);
        } else {
            self.hold(position, bytes, piece.at, deliver);
            self.drain(Some(piece.at), history, deliver);
        }
        self.finish_if_due(piece.at, deliver);
    }

    /// Gives up on the bytes that the first held ones wait for; on further holes too, as far as
    /// they are acknowledged.
    pub(in crate::net) fn give_up(&mut self, history: &mut History, deliver: &mut Deliver<'_>) {
        if self.start == Start::Floating {
            return self.settle(history, deliver);
        }
        let mut first_hole = true;
        while let Some((&first, held)) = self.held.first_key_value() {
            if !first_hole && self.acknowledged <= first {
                break;
            }
            let at = held.at;
            self.gap_to(first, at, deliver);
            self.drain(None, history, deliver);
            self.finish_if_due(at, deliver);
            first_hole = false;
        }
    }

    /// The sender breaks off at `sequence`, if that is to be believed; at the end of what is known
    /// else. Bytes before that place may still come.
    pub(in crate::net) fn reset(
        &mut self,
        sequence: Option<u32>,
        at: Arrival,
        history: &mut History,
        deliver: &mut Deliver<'_>,
    ) {
        if self.fin.is_some() || self.ended {
            return;
        }
        let known = self.known_end();
        let unseen = matches!(self.start, Start::Unseen { .. });
        let place = match sequence {
            Some(sequence) if !unseen => self.position(sequence),
            _ => known,
        };
        // A FIN that was not captured takes a sequence number too.
        let place = if place > known + 1 { place } else { known };
        self.fin = Some(place);
        self.reset = true;
        if self.start == Start::Floating && place == known {
            self.settle(history, deliver);
        }
        self.finish_if_due(at, deliver);
    }

    /// Nothing more will come: hands out everything held, and says what is missing.
    pub(in crate::net) fn end(
        &mut self,
        at: Arrival,
        history: &mut History,
        deliver: &mut Deliver<'_>,
    ) {
        if self.ended && self.held.is_empty() {
            return;
        }
        if self.start == Start::Floating {
            self.settle(history, deliver);
        }
        while let Some((&first, held)) = self.held.first_key_value() {
            let at = held.at;
            if first > self.acknowledged && first - self.next > UNACKNOWLEDGED_REACH {
                self.drop_held(at, deliver);
                break;
            }
            self.gap_to(first, at, deliver);
            self.drain(None, history, deliver);
        }
        // The FIN takes a sequence number too, so a lone one proves no missing byte.
        let end = match self.fin {
            Some(fin) if fin.saturating_sub(self.next) <= UNACKNOWLEDGED_REACH => fin,
            _ if self.acknowledged > self.next + 1 => self.acknowledged,
            _ => self.next,
        };
        if self.start == Start::Fixed {
            self.gap_to(end, at, deliver);
            self.finish_if_due(at, deliver);
        }
        self.ended = true;
    }

    /// Position of a sequence number: the one nearest to what is expected next.
    fn position(&self, sequence: u32) -> u64 {
        let distance = sequence
            .wrapping_sub(self.sequence(self.next))
            .cast_signed();
        self.next.saturating_add_signed(i64::from(distance))
    }

    fn sequence(&self, position: u64) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "sequence numbers wrap")]
        let low = position.wrapping_sub(ORIGIN) as u32;
        self.origin_sequence.wrapping_add(low)
    }

    /// Position after the last byte known.
    fn known_end(&self) -> u64 {
        self.held
            .last_key_value()
            .map_or(self.next, |(position, held)| {
                position + held.bytes.len() as u64
            })
    }

    fn offset(&self, position: u64) -> u64 {
        position.saturating_sub(self.base)
    }

    fn fix(&mut self, base: u64) {
        self.base = base;
        self.next = base;
        self.start = Start::Fixed;
    }

    fn settle(&mut self, history: &mut History, deliver: &mut Deliver<'_>) {
        if let Some((&first, held)) = self.held.first_key_value() {
            let at = held.at;
            self.fix(first);
            self.drain(None, history, deliver);
            self.finish_if_due(at, deliver);
        } else {
            self.start = Start::Fixed;
        }
    }

    /// Where a segment lies that came after the FIN or the reset; tells once if bytes of it lie
    /// behind that.
    fn after_end(
        &mut self,
        mut position: u64,
        piece: &mut Piece<'_>,
        deliver: &mut Deliver<'_>,
    ) -> u64 {
        let Some(fin) = self.fin else { return position };
        if self.afterwards == Afterwards::Behind && position < fin {
            // Before the number that the FIN took.
            position += 1;
        }
        let length = piece.bytes.len() as u64 + u64::from(piece.missing);
        if position + length <= fin {
            return position;
        }
        if position == fin && length == 1 && !self.reset {
            // A keep-alive repeats the FIN's number.
            (piece.bytes, piece.missing) = (&[], 0);
            return position;
        }
        if self.afterwards == Afterwards::Nothing {
            self.afterwards = Afterwards::Adjoining;
            let what = if self.reset { "reset" } else { "FIN" };
            let message = format!("bytes after the {what}");
            let finding = Finding::warning("tcp-data-after-fin", self.offset(fin), message);
            deliver(piece.at, Delivery::Finding(finding));
            if position > fin && !self.reset {
                self.afterwards = Afterwards::Behind;
                self.origin_sequence = self.origin_sequence.wrapping_add(1);
                position -= 1;
            }
        }
        position
    }

    /// Compares bytes that come again with what was handed out.
    fn check_repeated(
        &self,
        position: u64,
        bytes: &[u8],
        at: Arrival,
        history: &History,
        deliver: &mut Deliver<'_>,
    ) {
        // A keep-alive repeats the last byte, with any value.
        if bytes.len() == 1 && position + 1 == self.next {
            return;
        }
        if let Some(at_position) = self.spans.conflict(history, position, bytes) {
            deliver(at, Delivery::Finding(self.conflict(at_position)));
        }
    }

    fn conflict(&self, position: u64) -> Finding<'static> {
        Finding::error(
            "tcp-conflicting-overlap",
            self.offset(position),
            "a segment repeats bytes with other values; the first copy was kept",
        )
    }

    /// Keeps what cannot be handed out yet; where bytes are held already, the first copy stays.
    fn hold(&mut self, position: u64, bytes: &[u8], at: Arrival, deliver: &mut Deliver<'_>) {
        let end = position + bytes.len() as u64;
        let mut cursor = position.max(if self.start == Start::Fixed {
            self.next
        } else {
            0
        });
        while cursor < end {
            if let Some((&first, held)) = self.held.range(..=cursor).next_back() {
                let covered = first + held.bytes.len() as u64;
                if covered > cursor {
                    let stop = covered.min(end);
                    let known = slice(&held.bytes, cursor - first, stop - first);
                    let again = slice(bytes, cursor - position, stop - position);
                    if let Some(index) = first_difference(known, again) {
                        let finding = self.conflict(cursor + index as u64);
                        deliver(at, Delivery::Finding(finding));
                    }
                    cursor = stop;
                    continue;
                }
            }
            let stop = self
                .held
                .range(cursor..)
                .next()
                .map_or(end, |(&next, _)| next.min(end));
            let part = slice(bytes, cursor - position, stop - position);
            self.held_cost += part.len() + HELD_OVERHEAD;
            self.held.insert(
                cursor,
                Held {
                    bytes: part.into(),
                    at,
                },
            );
            cursor = stop;
        }
    }

    /// Hands out held bytes that are in order now. `filled` is the packet that filled the hole.
    fn drain(&mut self, filled: Option<Arrival>, history: &mut History, deliver: &mut Deliver<'_>) {
        while let Some(entry) = self.held.first_entry() {
            if *entry.key() > self.next {
                break;
            }
            let held = entry.remove();
            self.held_cost -= held.bytes.len() + HELD_OVERHEAD;
            self.hand_out(&held.bytes, filled.unwrap_or(held.at), history, deliver);
        }
    }

    fn hand_out(
        &mut self,
        bytes: &[u8],
        at: Arrival,
        history: &mut History,
        deliver: &mut Deliver<'_>,
    ) {
        if bytes.is_empty() {
            return;
        }
        self.spans.remember(history, self.next, bytes);
        let offset = self.offset(self.next);
        self.next += bytes.len() as u64;
        self.delivered += bytes.len() as u64;
        deliver(at, Delivery::Data { offset, bytes });
    }

    fn gap_to(&mut self, position: u64, at: Arrival, deliver: &mut Deliver<'_>) {
        let Some(missing) = position
            .checked_sub(self.next)
            .filter(|&missing| missing > 0)
        else {
            return;
        };
        let offset = self.offset(self.next);
        self.next = position;
        self.missing += missing;
        deliver(at, Delivery::Gap { offset, missing });
    }

    fn finish_if_due(&mut self, at: Arrival, deliver: &mut Deliver<'_>) {
        if !self.ended && self.fin.is_some_and(|fin| self.next >= fin) {
            self.ended = true;
            let how = if self.reset { Ending::Rst } else { Ending::Fin };
            deliver(at, Delivery::End(how));
        }
    }

    fn drop_held(&mut self, at: Arrival, deliver: &mut Deliver<'_>) {
        let bytes: usize = self.held.values().map(|held| held.bytes.len()).sum();
        self.held.clear();
        self.held_cost = 0;
        let message = format!("{bytes} bytes far outside of the stream were left out");
        let finding = Finding::error("tcp-out-of-window", self.offset(self.next), message);
        deliver(at, Delivery::Finding(finding));
    }
}

/// `bytes[from..to]`, or nothing where that is out of range.
fn slice(bytes: &[u8], from: u64, to: u64) -> &[u8] {
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    let to = usize::try_from(to).unwrap_or(usize::MAX);
    bytes.get(from..to).unwrap_or_default()
}
