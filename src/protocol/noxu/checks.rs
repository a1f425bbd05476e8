//! The rules of each conversation, as far as one connection shows them.
//!
//! Source: protocol page `noxu`, sections 8 and 10.

use super::messages;
use super::reading::{Fit, Reading};
use crate::model::{Direction, Message, Severity, Value};
use crate::schema::Way;

/// A VLSN that stands for none.
const NULL_VLSN: i64 = -1;
/// Nodes beat once a second; this much silence is late, in nanoseconds.
const LATE: u64 = 2_000_000_000;
/// At most this many matching entries are remembered.
const MOST_MATCHES: usize = 1 << 12;

type At = (usize, usize);

/// The body's member `name`, if it is a number from 0.
#[must_use]
pub fn number(message: &Message, name: &str) -> Option<u64> {
    let (_, node) = message.tree.child(message.body?, name)?;
    match node.value {
        Value::Unsigned(value) => Some(value),
        Value::Symbol(symbol) => Some(symbol.code),
        _ => None,
    }
}

fn signed(message: &Message, name: &str) -> Option<i64> {
    let (_, node) = message.tree.child(message.body?, name)?;
    match node.value {
        Value::Signed(value) => Some(value),
        _ => None,
    }
}

fn truth(message: &Message, name: &str) -> Option<bool> {
    let (_, node) = message.tree.child(message.body?, name)?;
    match node.value {
        Value::Bool(value) => Some(value),
        _ => None,
    }
}

fn error(message: &mut Message, code: &'static str, at: At, what: impl Into<String>) {
    message.issue(Severity::Error, code, at, what);
}

fn unexpected(message: &mut Message, at: At, what: &str) {
    message.warning("unexpected-message", at, what);
}

fn wrong_direction(message: &mut Message, at: At, name: &str) {
    message.warning(
        "wrong-direction",
        at,
        format!("{name} is not sent by this side"),
    );
}

/// One proposer talking to one acceptor.
#[derive(Debug, Default)]
pub struct Election {
    proposal: Option<u64>,
    answered: bool,
    result: Option<u64>,
    voted: bool,
}

impl Election {
    /// Checks one message.
    pub fn check(
        &mut self,
        reading: &Reading,
        direction: Option<Direction>,
        at: At,
        message: &mut Message,
    ) {
        let term = number(message, "term");
        let server = direction == Some(Direction::ServerToClient);
        match (reading.kind.code, server) {
            (9, false) => {
                if self.proposal.is_some() {
                    unexpected(message, at, "a second proposal on one connection");
                }
                self.proposal = term;
            }
            (9, true) => {
                if self.answered {
                    unexpected(message, at, "the proposal is answered already");
                }
                self.answered = true;
            }
            (10, true) => self.vote(term, at, message),
            (11, false) => {
                if self.result.is_some() {
                    unexpected(message, at, "a second result on one connection");
                }
                if let (Some(term), Some(proposed)) = (term, self.proposal)
                    && term != proposed
                {
                    let what =
                        format!("the result is for term {term}, the proposal was for {proposed}");
                    message.warning("result-term-differs", at, what);
                }
                self.result = term;
            }
            (10 | 11, _) => wrong_direction(message, at, reading.kind.name),
            _ => unexpected(message, at, "no message of the service ELECTION"),
        }
    }

    fn vote(&mut self, term: Option<u64>, at: At, message: &mut Message) {
        let granted = truth(message, "granted") == Some(true);
        let Some(result) = self.result else {
            if self.answered {
                unexpected(message, at, "the proposal is answered already");
            } else if granted && self.proposal.is_some() {
                message.warning(
                    "vote-granted-in-phase-1",
                    at,
                    "a proposal is answered by a proposal or a refusal; votes come after the result",
                );
            }
            self.answered = true;
            return;
        };
        if self.voted {
            unexpected(message, at, "the result is answered already");
        }
        self.voted = true;
        if let Some(term) = term.filter(|term| *term != result) {
            let what = format!("the vote is for term {term}, the result was for {result}");
            message.warning("vote-term-differs", at, what);
        }
    }
}

/// The stream from a feeder to a replica.
#[derive(Debug, Default)]
pub struct Stream {
    requested: Option<u64>,
    refused: bool,
    responded: bool,
    /// The highest VLSN of an entry that receivers take.
    sent: Option<u64>,
    /// The VLSN of a damaged entry after that.
    claimed: Option<u64>,
    acknowledged: Option<u64>,
    dtvlsn: Option<i64>,
}

impl Stream {
    /// Whether entries or acknowledgements were seen.
    #[must_use]
    pub fn is_flowing(&self) -> bool {
        self.sent.is_some() || self.acknowledged.is_some()
    }

    /// Checks one message.
    pub fn check(&mut self, reading: &Reading, at: At, message: &mut Message) {
        let vlsn = number(message, "vlsn");
        if std::ptr::eq(reading.kind, messages::FEEDER_ENTRY) {
            self.entry(reading, vlsn, at, message);
        } else if std::ptr::eq(reading.kind, messages::FEEDER_ACK) {
            self.acknowledge(vlsn, at, message);
        } else if std::ptr::eq(reading.kind, messages::STREAM_REQUEST) {
            if self.requested.is_some() || self.is_flowing() {
                // A dump of several connections.
                *self = Self::default();
            }
            self.requested = number(message, "start_vlsn");
        } else {
            self.response(at, message);
        }
    }

    fn response(&mut self, at: At, message: &mut Message) {
        if self.responded {
            let requested = self.requested.take();
            *self = Self {
                requested,
                ..Self::default()
            };
        }
        self.responded = true;
        if number(message, "response") == Some(1) {
            self.refused = true;
            message.warning(
                "restore-needed",
                at,
                "the feeder does not hold what the replica needs: a restore follows",
            );
        }
    }

    fn entry(&mut self, reading: &Reading, vlsn: Option<u64>, at: At, message: &mut Message) {
        let Some(vlsn) = vlsn else { return };
        if self.refused {
            unexpected(message, at, "an entry after the stream was refused");
        }
        let whole = reading.fit != Fit::Damaged
            || !message
                .issues
                .iter()
                .any(|issue| matches!(issue.code, "short-frame" | "payload-length"));
        if !whole {
            self.claimed = Some(vlsn);
            return;
        }
        self.sequence(vlsn, (at.0, at.0 + 8), message);
        self.durable(vlsn, at, message);
    }

    fn sequence(&mut self, vlsn: u64, at: At, message: &mut Message) {
        if vlsn == 0 {
            error(
                message,
                "null-vlsn",
                at,
                "VLSN 0 stands for none; feeders do not send it",
            );
            return;
        }
        let claimed = self.claimed.take();
        let Some(last) = self.sent else {
            self.sent = Some(vlsn);
            let first = self.requested.filter(|start| *start > 0).unwrap_or(1);
            let known = self.requested.is_some() && self.responded;
            if known && vlsn > first && claimed.is_none() {
                message.warning(
                    "vlsn-gap",
                    at,
                    format!("the stream starts with VLSN {vlsn}, not {first}; receivers of 7.11 refuse it"),
                );
            }
            return;
        };
        let follows = |last: u64| vlsn == last.wrapping_add(1);
        if follows(last) || claimed.is_some_and(follows) {
        } else if vlsn == last {
            error(
                message,
                "vlsn-duplicate",
                at,
                format!("VLSN {vlsn} was sent already"),
            );
        } else if vlsn < last {
            error(
                message,
                "vlsn-regression",
                at,
                format!("VLSN {vlsn} after {last}"),
            );
        } else {
            error(message, "vlsn-gap", at, format!("VLSN {vlsn} after {last}"));
        }
        self.sent = Some(last.max(vlsn));
    }

    /// Commits and aborts say how far a majority has the log.
    fn durable(&mut self, vlsn: u64, at: At, message: &mut Message) {
        let found = message.inner.and_then(|inner| {
            let (payload, _) = message.tree.child(inner, "payload")?;
            let (_, node) = message.tree.child(payload, "dtvlsn")?;
            match node.value {
                Value::Signed(value) => Some(value),
                _ => None,
            }
        });
        let Some(dtvlsn) = found.filter(|dtvlsn| *dtvlsn != NULL_VLSN) else {
            return;
        };
        if i128::from(dtvlsn) > i128::from(vlsn) {
            let what = format!("the entry's dtvlsn {dtvlsn} is beyond its VLSN {vlsn}");
            error(message, "dtvlsn-beyond-vlsn", at, what);
            return;
        }
        if let Some(last) = self.dtvlsn.filter(|last| dtvlsn < *last) {
            let what = format!("dtvlsn {dtvlsn} after {last}");
            error(message, "dtvlsn-regression", at, what);
        }
        self.dtvlsn = self.dtvlsn.max(Some(dtvlsn));
    }

    fn acknowledge(&mut self, vlsn: Option<u64>, at: At, message: &mut Message) {
        let Some(vlsn) = vlsn.filter(|vlsn| *vlsn != 0) else {
            return;
        };
        let sent = self.sent.max(self.claimed);
        acknowledge(vlsn, sent, &mut self.acknowledged, at, message);
    }
}

fn acknowledge(
    vlsn: u64,
    sent: Option<u64>,
    acknowledged: &mut Option<u64>,
    at: At,
    message: &mut Message,
) {
    if let Some(sent) = sent.filter(|sent| vlsn > *sent) {
        let what = format!("VLSN {vlsn} is acknowledged, only {sent} was sent");
        error(message, "ack-beyond-sent", at, what);
    }
    if let Some(last) = acknowledged.filter(|last| vlsn <= *last) {
        let what = format!("VLSN {vlsn} is acknowledged after {last}");
        error(message, "ack-regression", at, what);
    }
    *acknowledged = (*acknowledged).max(Some(vlsn));
}

/// Looking for the last entry that both logs have.
#[derive(Debug, Default)]
pub struct Syncup {
    request: Option<i64>,
    answers: u64,
    matches: Vec<i64>,
    over: bool,
}

impl Syncup {
    /// Checks one message; `greeted`: roles are known.
    pub fn check(
        &mut self,
        reading: &Reading,
        direction: Option<Direction>,
        greeted: bool,
        at: At,
        message: &mut Message,
    ) {
        let sent_by = match direction {
            Some(Direction::ClientToServer) => Some(Way::ClientToServer),
            Some(Direction::ServerToClient) => Some(Way::ServerToClient),
            None => None,
        };
        if greeted && sent_by.is_some_and(|way| way != reading.kind.way) {
            wrong_direction(message, at, reading.kind.name);
            return;
        }
        let both_seen = greeted && direction.is_some();
        plausible(message, at);
        match reading.kind.code {
            1 | 5 | 6 if self.over && both_seen => {
                unexpected(message, at, "the syncup is over");
            }
            _ => {}
        }
        match reading.kind.code {
            1 => self.request = signed(message, "vlsn"),
            2..=4 => self.answer(reading.kind.code, both_seen, at, message),
            5 => {
                let start = signed(message, "start_vlsn");
                let fits = start == Some(1)
                    || start.is_some_and(|start| self.matches.contains(&start.wrapping_sub(1)));
                if both_seen && !fits {
                    message.warning(
                        "start-not-after-a-matchpoint",
                        at,
                        "the stream is to start neither at 1 nor behind an entry that matched",
                    );
                }
                self.over = true;
            }
            6 => {
                message.warning(
                    "restore-needed",
                    at,
                    "the logs do not match: the replica asks for a restore",
                );
                self.over = true;
            }
            _ => {}
        }
    }

    fn answer(&mut self, code: u64, both_seen: bool, at: At, message: &mut Message) {
        let vlsn = signed(message, "vlsn");
        if both_seen && self.request.is_none() {
            unexpected(message, at, "an answer without a request");
        }
        match (code, vlsn, self.request) {
            (2, Some(vlsn), Some(request)) if vlsn != request && both_seen => {
                let what = format!("entry {vlsn} answers the request for {request}");
                message.warning("answer-for-another-vlsn", at, what);
            }
            (4, ..) if self.answers > 0 => message.warning(
                "alternate-after-first-response",
                at,
                "an alternate is offered only as the first answer",
            ),
            _ => {}
        }
        if let Some(vlsn) = vlsn.filter(|_| self.matches.len() < MOST_MATCHES) {
            self.matches.push(vlsn);
        }
        self.answers += 1;
        self.request = self.request.filter(|_| !both_seen);
    }
}

fn plausible(message: &mut Message, at: At) {
    let names = ["vlsn", "start_vlsn", "failed_vlsn"];
    let vlsn = names.iter().find_map(|name| signed(message, name));
    if let Some(vlsn) = vlsn.filter(|vlsn| *vlsn < NULL_VLSN) {
        let what = format!("{vlsn} is no VLSN: they start at 1, -1 stands for none");
        message.warning("implausible-vlsn", at, what);
    }
}

/// Messages between nodes outside elections.
#[derive(Debug, Default)]
pub struct Channel {
    /// By client, server, unknown.
    sides: [ChannelSide; 3],
}

#[derive(Clone, Copy, Debug, Default)]
struct ChannelSide {
    shut_down: bool,
    master_vlsn: Option<u64>,
    timestamp: Option<u64>,
    beat: Option<u64>,
    sent: Option<u64>,
    acknowledged: Option<u64>,
}

impl Channel {
    /// Checks one message that came at `now`.
    pub fn check(
        &mut self,
        reading: &Reading,
        direction: Option<Direction>,
        now: Option<u64>,
        at: At,
        message: &mut Message,
    ) {
        let [client, server, unknown] = &mut self.sides;
        let (own, other) = match direction {
            Some(Direction::ClientToServer) => (client, *server),
            Some(Direction::ServerToClient) => (server, *client),
            None => {
                let same = *unknown;
                (unknown, same)
            }
        };
        let code = reading.kind.code;
        if own.shut_down && code != 12 {
            message.warning(
                "message-after-shutdown",
                at,
                "the sender has said that it stops",
            );
        }
        let vlsn = number(message, "vlsn");
        match code {
            2 if truth(message, "accepted") == Some(false) => {
                message.warning("handshake-rejected", at, "the node is refused");
            }
            3 => own.heartbeat(now, at, message),
            4 => {
                let replica = number(message, "replica_vlsn");
                if let (Some(replica), Some(master)) = (replica, other.master_vlsn)
                    && replica > master
                {
                    let what = format!("the replica is at {replica}, the master at {master}");
                    message.warning("replica-ahead-of-master", at, what);
                }
            }
            5 => own.sent = own.sent.max(vlsn),
            6 => {
                if let Some(vlsn) = vlsn.filter(|vlsn| *vlsn != 0) {
                    acknowledge(vlsn, other.sent, &mut own.acknowledged, at, message);
                }
            }
            12 => own.shut_down = true,
            _ => {}
        }
    }
}

impl ChannelSide {
    fn heartbeat(&mut self, now: Option<u64>, at: At, message: &mut Message) {
        let vlsn = number(message, "master_vlsn");
        let timestamp = number(message, "timestamp_ms");
        if let (Some(now), Some(beat)) = (now, self.beat) {
            let silence = now.saturating_sub(beat);
            if silence > LATE {
                let what = format!(
                    "{} ms after the last heartbeat; nodes beat every second",
                    silence / 1_000_000
                );
                message.warning("heartbeat-late", at, what);
            }
        }
        if let (Some(vlsn), Some(last)) = (vlsn, self.master_vlsn)
            && vlsn < last
        {
            let what = format!("VLSN {vlsn} after {last}");
            error(message, "vlsn-regression", at, what);
        }
        if let (Some(timestamp), Some(last)) = (timestamp, self.timestamp)
            && timestamp < last
        {
            let what = format!("the sender's clock says {timestamp} after {last}");
            message.warning("timestamp-regression", at, what);
        }
        self.beat = now;
        self.master_vlsn = vlsn;
        self.timestamp = timestamp;
    }
}

/// One command and its answer.
#[derive(Debug, Default)]
pub struct Admin {
    commanded: bool,
}

impl Admin {
    /// Checks one message.
    pub fn check(
        &mut self,
        reading: &Reading,
        direction: Option<Direction>,
        at: At,
        message: &mut Message,
    ) {
        if std::ptr::eq(reading.kind, messages::ADMIN_ACK) {
            if number(message, "result") == Some(1) {
                message.warning("admin-rejected", at, "the command is refused or failed");
            }
            return;
        }
        if self.commanded && direction.is_some() {
            unexpected(message, at, "one connection carries one command");
        }
        self.commanded = true;
        let name = message
            .body
            .and_then(|body| message.tree.child(body, "new_master"))
            .map(|(_, node)| node.span);
        if name.is_some_and(crate::model::Span::is_empty) {
            message.warning("empty-name", at, "the new master has no name");
        }
    }
}
