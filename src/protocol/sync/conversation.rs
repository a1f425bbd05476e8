//! What only shows across the messages of a connection: order, sequence numbers, answers.
//!
//! Nothing is raised before the connection's start was seen or the directions are known, so that
//! dumps of single frames stay quiet. A peer may open a new session on the same connection at any
//! time: a Handshake starts most of this anew.
//!
//! Source: protocol page `sync`, sections 5.2 to 5.6 and 7.

use super::fields::{Fields, Role};
use super::findings::Findings;
use super::frame::Layout;
use super::pings::Pings;
use super::pushed::Pushed;
use super::streams::{Bounded, Key};
use crate::model::{Direction, words};
use crate::schema::{MessageType, Way};

/// One connection, as far as its messages have shown.
#[derive(Debug, Default)]
pub struct Conversation {
    /// The Handshake's wire version, once there was one.
    handshake: Option<u64>,
    grant: Option<Grant>,
    layout: Option<Layout>,
    client_spoke: bool,
    /// Whether data before its time was already reported.
    too_early_reported: bool,
    producer_reported: bool,
    /// Last sequence number per stream and producer.
    streams: Bounded<u64>,
    /// Which message had a stream's sequence number.
    sent: Bounded<u64>,
    /// Last applied sequence number per stream.
    applied: Bounded<u64>,
    /// Stream and number of pushes per mutation that is not acknowledged yet.
    mutations: Bounded<(u64, u32)>,
    /// Requests not yet answered.
    requests: Bounded<u32>,
    requests_seen: bool,
    pushed: Pushed,
    pings: Pings,
}

/// What a HandshakeAck has said.
#[derive(Clone, Copy, Debug)]
struct Grant {
    success: bool,
    producer: Option<u64>,
    epoch: Option<u64>,
    /// Whether deltas can be signed.
    signing: bool,
}

impl Conversation {
    /// Whether `kind` is worth following: nothing is said of connections of which nothing is known.
    pub fn begins(&self, kind: &'static MessageType, direction: Option<Direction>) -> bool {
        self.handshake.is_some() || direction.is_some() || kind.code == 0x01
    }

    /// Takes note of a message that was decoded without errors, and says what is wrong with it in
    /// its place.
    #[expect(clippy::inline_always, reason = "every message passes")]
    #[inline(always)]
    pub fn follow(
        &mut self,
        kind: &'static MessageType,
        layout: Layout,
        direction: Option<Direction>,
        fields: &Fields<'_>,
        findings: &mut Findings<'_>,
    ) {
        let start = (0, layout.size());
        if wrong_way(kind, direction) {
            findings.warning(
                "wrong-direction",
                start,
                format_args!("{} does not go this way; peers ignore it", kind.name),
            );
            return;
        }
        let sender = direction.or_else(|| sender(kind));
        self.order(kind, layout, direction, sender, findings);
        match kind.code {
            0x01 => self.handshake(layout, direction, fields),
            0x02 => self.handshake_ack(layout, fields, findings),
            0x15 => self.pushed.row(fields, findings),
            0x21 => self.pushed.shape_snapshot(fields),
            0x22 => self.pushed.shape_delta(fields, findings),
            0x93 => self.pushed.chunk(fields, findings),
            0xFF => {
                let opened = self.handshake.is_some();
                self.pings.follow(opened, direction, fields, findings);
            }
            code => {
                if let Some(engine) = engine_of_push(code) {
                    if sender != Some(Direction::ServerToClient) {
                        self.push(code, engine, fields, findings);
                    }
                } else if let Some(engine) = engine_of_answer(code) {
                    self.answer(code, engine, fields, findings);
                }
            }
        }
    }

    /// Handshake first, then its acknowledgement, then data; one header throughout.
    fn order(
        &mut self,
        kind: &'static MessageType,
        layout: Layout,
        direction: Option<Direction>,
        sender: Option<Direction>,
        findings: &mut Findings<'_>,
    ) {
        let start = (0, layout.size());
        if kind.code != 0x01 && self.layout.is_some_and(|known| known != layout) {
            findings.warning(
                "header-changed",
                start,
                "another header than the connection's messages had so far",
            );
        }
        self.layout = Some(layout);
        if sender != Some(Direction::ClientToServer) || kind.code == 0x01 {
            return;
        }
        if !self.client_spoke && self.handshake.is_none() {
            findings.warning(
                "no-handshake",
                start,
                format_args!(
                    "the client's first message is {}, not Handshake (or its beginning is missing)",
                    kind.name
                ),
            );
        }
        self.client_spoke = true;
        let early = match self.grant {
            Some(grant) => !grant.success,
            None => self.handshake.is_some() && direction.is_some(),
        };
        if early && !self.too_early_reported {
            self.too_early_reported = true;
            findings.warning(
                "not-authenticated",
                start,
                "sent before a Handshake was granted; the server ignores or refuses it",
            );
        }
    }

    fn handshake(&mut self, layout: Layout, direction: Option<Direction>, fields: &Fields<'_>) {
        self.handshake = Some(fields.number(Role::WireVersion).unwrap_or_default());
        self.layout = Some(layout);
        self.client_spoke = true;
        self.grant = None;
        self.too_early_reported = false;
        self.producer_reported = false;
        self.streams.clear();
        self.sent.clear();
        self.applied.clear();
        self.pushed = Pushed::default();
        if direction.is_none() {
            // Perhaps another connection's: its answers may come together with this one's.
            self.requests_seen = false;
            self.pings.forget();
        }
    }

    fn handshake_ack(&mut self, layout: Layout, fields: &Fields<'_>, findings: &mut Findings<'_>) {
        let success = fields.truth(Role::Success).unwrap_or_default();
        let key = fields.bytes(Role::SigningKey).unwrap_or_default();
        self.grant = Some(Grant {
            success,
            producer: fields.number(Role::ProducerId),
            epoch: fields.number(Role::AcceptedEpoch),
            signing: key.iter().any(|byte| *byte != 0),
        });
        let server = fields.number(Role::ServerWireVersion);
        if let (Some(client), Some(server)) = (self.handshake, server) {
            // Servers up to 0.0.6 took older versions, too.
            if client != server && !(success && layout == Layout::V0) {
                findings.warning(
                    "wire-version-mismatch",
                    fields.at(Role::ServerWireVersion),
                    words!(
                        "the client speaks wire version {}, the server {}",
                        client,
                        server
                    ),
                );
            }
        }
    }

    fn push(&mut self, code: u64, engine: u8, fields: &Fields<'_>, findings: &mut Findings<'_>) {
        let stream = stream(engine, fields);
        let id = identity(fields);
        self.requests_seen = true;
        if code == 0x10 {
            self.mutation(stream, id, fields, findings);
            self.signature(fields, findings);
        } else if engine != ARRAY {
            let waiting = self.requests.entry(request_key(code, stream, id), 0);
            *waiting = waiting.saturating_add(1);
        }
        let producer = fields.number(Role::ProducerId);
        self.producer(producer, fields, findings);
        if engine != ARRAY {
            self.sequence(stream, producer, id, fields, findings);
        }
    }

    /// Lite sends every change again and again until it is acknowledged.
    fn mutation(&mut self, stream: Key, id: u64, fields: &Fields<'_>, findings: &mut Findings<'_>) {
        let key = Key::EMPTY.and_number(id);
        let known = self.mutations.entry(key, (stream.number(), 0));
        known.1 = known.1.saturating_add(1);
        let pushes = known.1;
        if pushes > 1 && pushes.is_power_of_two() {
            findings.note(
                "mutation-resent",
                fields.at(Role::MutationId),
                words!(
                    "sent {} times by now, without an answer in between",
                    pushes.into()
                ),
            );
        }
    }

    fn signature(&self, fields: &Fields<'_>, findings: &mut Findings<'_>) {
        if self.grant.is_none_or(|grant| grant.signing) {
            return;
        }
        let signature = fields.bytes(Role::DeltaSignature).unwrap_or_default();
        if signature.iter().any(|byte| *byte != 0) {
            findings.warning(
                "signature-without-key",
                fields.at(Role::DeltaSignature),
                "signed, although the HandshakeAck gave no signing key",
            );
        }
    }

    /// Servers go by the session, so this is harmless but odd; it is said once per session.
    fn producer(
        &mut self,
        producer: Option<u64>,
        fields: &Fields<'_>,
        findings: &mut Findings<'_>,
    ) {
        let Some(grant) = &self.grant else { return };
        if self.producer_reported {
            return;
        }
        let other = other(Role::ProducerId, producer, grant.producer)
            .or_else(|| other(Role::Epoch, fields.number(Role::Epoch), grant.epoch));
        if let Some((role, said, granted)) = other {
            self.producer_reported = true;
            findings.warning(
                "producer-mismatch",
                fields.at(role),
                words!(
                    "{}, but the HandshakeAck said {}; servers go by that",
                    said,
                    granted
                ),
            );
        }
    }

    fn sequence(
        &mut self,
        stream: Key,
        producer: Option<u64>,
        id: u64,
        fields: &Fields<'_>,
        findings: &mut Findings<'_>,
    ) {
        let producer = producer.unwrap_or_default();
        let seq = fields.number(Role::Seq).unwrap_or_default();
        if producer == 0 || seq == 0 {
            return;
        }
        let stream = stream.and_number(producer);
        let numbered = stream.and_number(seq);
        let at = || fields.at(Role::Seq);
        let known = self.streams.entry(stream, seq - 1);
        let last = *known;
        if seq > last {
            *known = seq;
            self.sent.insert(numbered, id);
            if seq > last + 1 {
                findings.warning(
                    "seq-gap",
                    at(),
                    words!("{} follows {}: {} are missing", seq, last, seq - last - 1),
                );
            }
        } else {
            let complete = self.sent.complete();
            match self.sent.insert(numbered, id) {
                Some(known) if known == id => {}
                Some(_) => findings.warning(
                    "seq-repeat",
                    at(),
                    words!("another message had {} before", seq),
                ),
                None if complete => {
                    findings.warning("seq-regression", at(), words!("{} follows {}", seq, last))
                }
                None => {}
            }
        }
    }

    fn answer(&mut self, code: u64, engine: u8, fields: &Fields<'_>, findings: &mut Findings<'_>) {
        let id = identity(fields);
        let stream = if code == 0x11 || code == 0x12 {
            self.delta_answered(id, fields, findings)
        } else {
            let named = stream(engine, fields);
            self.batch_answered(code, named, id, fields, findings);
            Some(Key::EMPTY.and_number(named.number()))
        };
        let producer = self.grant.and_then(|grant| grant.producer);
        if let (Some(stream), Some(1..)) = (stream, producer)
            && let Some(applied) = fields.number(Role::AppliedSeq)
            && let Some(before) = self.applied.insert(stream, applied)
            && before > applied
        {
            findings.warning(
                "applied-seq-backwards",
                fields.at(Role::AppliedSeq),
                words!("{} after {}", applied, before),
            );
        }
    }

    /// The stream of the mutation that a delta's answer is about, if that was seen.
    fn delta_answered(
        &mut self,
        id: u64,
        fields: &Fields<'_>,
        findings: &mut Findings<'_>,
    ) -> Option<Key> {
        let mutation = Key::EMPTY.and_number(id);
        let known = self.mutations.change(mutation, |(stream, pushes)| {
            (pushes > 1).then(|| (stream, pushes - 1))
        });
        if known.is_none() && self.mutations.complete() {
            self.unasked(Role::MutationId, fields, findings);
        }
        known.map(|(stream, _)| Key::EMPTY.and_number(stream))
    }

    /// `code` is that of the answer.
    fn batch_answered(
        &mut self,
        code: u64,
        stream: Key,
        id: u64,
        fields: &Fields<'_>,
        findings: &mut Findings<'_>,
    ) {
        let request = request_key(code - 1, stream, id);
        let known = self
            .requests
            .change(request, |waiting| (waiting > 1).then(|| waiting - 1));
        if known.is_none() && self.requests.complete() {
            self.unasked(Role::BatchId, fields, findings);
        }
    }

    /// An answer to a request that was not seen; `role` names it.
    fn unasked(&self, role: Role, fields: &Fields<'_>, findings: &mut Findings<'_>) {
        if self.handshake.is_some() && self.requests_seen {
            findings.warning(
                "ack-without-request",
                fields.at(role),
                "no request that waits for this answer was seen",
            );
        }
    }
}

/// Array operations are told apart by their clocks, not by sequence numbers.
const ARRAY: u8 = 6;

/// The engine whose stream a push belongs to.
const fn engine_of_push(code: u64) -> Option<u8> {
    Some(match code {
        0x10 => 0,
        0xA0 => 1,
        0x40 => 2,
        0xA2 | 0xA4 => 3,
        0xA6 | 0xA8 => 4,
        0xAA | 0xAC => 5,
        0x90 => ARRAY,
        0xAE => 7,
        _ => return None,
    })
}

/// The engine whose push an answer is about.
const fn engine_of_answer(code: u64) -> Option<u8> {
    match code {
        0x11 | 0x12 => Some(0),
        0x41 | 0xA1 | 0xA3 | 0xA5 | 0xA7 | 0xA9 | 0xAB | 0xAD | 0xAF => engine_of_push(code - 1),
        _ => None,
    }
}

fn stream(engine: u8, fields: &Fields<'_>) -> Key {
    let collection = fields.bytes(Role::Collection);
    let name = collection.or_else(|| fields.bytes(Role::Array));
    Key::of_stream(engine, name.unwrap_or_default())
}

/// The client's own number for a push; its answer repeats it.
fn identity(fields: &Fields<'_>) -> u64 {
    let number = fields.number(Role::MutationId);
    number
        .or_else(|| fields.number(Role::BatchId))
        .unwrap_or_default()
}

/// What a message has `said` with `role`, if it is another number than was `granted`.
fn other(role: Role, said: Option<u64>, granted: Option<u64>) -> Option<(Role, u64, u64)> {
    let (said, granted) = (said?, granted?);
    (said != granted).then_some((role, said, granted))
}

fn request_key(code: u64, stream: Key, id: u64) -> Key {
    stream.and_number(code).and_number(id)
}

fn sender(kind: &'static MessageType) -> Option<Direction> {
    match kind.way {
        Way::ClientToServer if !kind.way_varies => Some(Direction::ClientToServer),
        Way::ServerToClient if !kind.way_varies => Some(Direction::ServerToClient),
        _ => None,
    }
}

fn wrong_way(kind: &'static MessageType, direction: Option<Direction>) -> bool {
    match (direction, sender(kind)) {
        (Some(direction), Some(documented)) => direction != documented,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::sync::messages;

    #[test]
    fn every_push_has_the_answer_that_follows_its_code() {
        for kind in messages::MESSAGES {
            if let Some(engine) = engine_of_push(kind.code).filter(|engine| *engine != ARRAY) {
                assert_eq!(
                    engine_of_answer(kind.code + 1),
                    Some(engine),
                    "{}",
                    kind.name
                );
            }
        }
    }

    #[test]
    fn messages_that_real_parties_send_both_ways_have_no_wrong_way() {
        let way = |code| {
            let kind = messages::by_code(code).unwrap();
            wrong_way(kind, Some(Direction::ServerToClient))
        };
        assert!(!way(0x10) && !way(0x91) && !way(0x92) && !way(0xFF));
        assert!(way(0x01) && way(0xA0) && !way(0x11));
    }
}
