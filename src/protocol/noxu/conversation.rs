//! What a connection has shown so far: its service, who is who, and where the conversation is.
//!
//! Source: protocol page `noxu`, sections 2 and 8.

use super::checks::{Admin, Channel, Election, Stream, Syncup};
use super::guess;
use super::inner::Payloads;
use super::messages;
use super::reading::{Choice, Family, Fit, Reading, Role};
use crate::model::{Direction, Message};

/// The service that the client has asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// The format of its messages; none if the service is not known.
    pub family: Option<Family>,
    /// Whether its messages lie in the stream without frames.
    pub unframed: bool,
}

/// Whether a message is the first of its kind of sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Nothing was sent before.
    First,
    /// The conversation is on its way.
    Later,
}

/// One connection, or one dump.
#[derive(Debug, Default)]
pub struct Conversation {
    service: Option<Service>,
    service_name: Option<String>,
    /// Who sends entries, where no greeting tells.
    feeder: Option<Direction>,
    /// Messages by client, server, unknown.
    seen: [u64; 3],
    /// Capture time in nanoseconds since the Unix epoch.
    pub now: Option<u64>,
    /// By client, server: whether bytes were missing.
    torn: [bool; 2],
    /// By client, server: whether bytes are lacking that came before what the other sends now.
    lacking: [bool; 2],
    /// How the payloads of log entries were read.
    pub payloads: Payloads,
    election: Election,
    stream: Stream,
    syncup: Syncup,
    channel: Channel,
    admin: Admin,
}

impl Conversation {
    /// The service, if the greeting was seen.
    #[must_use]
    pub fn service(&self) -> Option<Service> {
        self.service
    }

    /// The name that the greeting gave.
    #[must_use]
    pub fn service_name(&self) -> Option<&str> {
        self.service_name.as_deref()
    }

    /// Whether nothing was seen yet.
    #[must_use]
    pub fn untouched(&self) -> bool {
        self.service.is_none() && self.seen == [0; 3]
    }

    /// What the sender of `direction` is.
    #[must_use]
    pub fn role(&self, direction: Option<Direction>) -> Role {
        match (self.service, direction, self.feeder) {
            (Some(_), Some(Direction::ServerToClient), _) => Role::Answers,
            (Some(_), _, _) => Role::Asks,
            (None, Some(direction), Some(feeder)) if direction == feeder => Role::Answers,
            (None, Some(_), Some(_)) => Role::Asks,
            (None, _, _) => Role::Either,
        }
    }

    /// Where the sender of `direction` is.
    #[must_use]
    pub fn position(&self, direction: Option<Direction>) -> Position {
        match self.seen.get(index(direction)) {
            Some(0) => Position::First,
            _ => Position::Later,
        }
    }

    /// Whether this client has sent nothing that was understood.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.service.is_none() && self.seen.first() == Some(&0)
    }

    /// Bytes of `direction` are missing.
    pub fn gap(&mut self, direction: Direction) {
        if let Some(torn) = self.torn.get_mut(index(Some(direction))) {
            *torn = true;
        }
        if self.role(Some(direction)) != Role::Asks {
            self.stream.gap();
        }
        self.channel.gap(direction);
    }

    /// Whether `direction` lacks bytes that were sent before what the other one sends now.
    pub fn lacks(&mut self, direction: Direction, lacks: bool) {
        if let Some(lacking) = self.lacking.get_mut(index(Some(direction))) {
            *lacking = lacks;
        }
    }

    fn is_torn(&self, direction: Option<Direction>) -> bool {
        self.torn.get(index(direction)) == Some(&true)
    }

    /// Whether all that the other side has sent before was seen. Of what may be missing, nothing
    /// is said: neither a hole that is known nor one that is waited for lets a message be judged
    /// by what it answers, and what is printed cannot be taken back.
    fn sees_other(&self, direction: Option<Direction>) -> bool {
        let other = index(direction.map(Direction::reverse));
        self.lacking.get(other) != Some(&true)
    }

    /// The VLSN of the last entry or acknowledgment of `direction` in the feeder stream, if it is
    /// known which of them it sends.
    #[must_use]
    pub fn last_vlsn(&self, direction: Option<Direction>) -> Option<u64> {
        match self.role(direction) {
            Role::Asks => self.stream.last_acknowledged(),
            Role::Answers => self.stream.last_sent(),
            Role::Either => None,
        }
    }

    /// The name of the service was seen, though its length was not.
    pub fn named(&mut self, name: &str, family: Family) {
        self.service_name = Some(name.to_owned());
        self.service = Some(Service {
            family: Some(family),
            unframed: false,
        });
    }

    /// A greeting was read: a conversation begins.
    pub fn greeting(&mut self, frame: &[u8], message: &mut Message) {
        *self = Self {
            now: self.now,
            torn: self.torn,
            lacking: self.lacking,
            ..Self::default()
        };
        let Some((name, length)) = guess::service_name(frame) else {
            return;
        };
        let complete = name.len() == length;
        let family = guess::family_of(name).filter(|_| complete);
        if complete && family.is_none() {
            let end = (4 + length).min(frame.len());
            message.note(
                "unknown-service",
                (4, end),
                "no service of Noxu itself; nodes without it hang up",
            );
        }
        if complete {
            self.service_name = Some(String::from_utf8_lossy(name).into_owned());
            self.service = Some(Service {
                family,
                unframed: false,
            });
        }
    }

    /// Tells a request from an acknowledgement, which look alike, by their place.
    pub fn place_in_stream(
        &self,
        choice: &mut Choice,
        payload: &[u8],
        follows: &[u8],
        direction: Option<Direction>,
    ) {
        let Some(value) = payload.first_chunk::<8>().filter(|_| payload.len() == 8) else {
            return;
        };
        let value = u64::from_le_bytes(*value);
        let asks = std::ptr::eq(choice.best.kind, messages::STREAM_REQUEST)
            || std::ptr::eq(choice.best.kind, messages::FEEDER_ACK);
        if !asks {
            return;
        }
        let as_kind = |kind| Reading {
            kind,
            ..choice.best
        };
        let request = as_kind(messages::STREAM_REQUEST);
        let ack = as_kind(messages::FEEDER_ACK);
        let next = guess::prefix(follows)
            .filter(|length| *length == 8)
            .and_then(|_| follows.get(4..)?.first_chunk::<8>())
            .map(|next| u64::from_le_bytes(*next));
        let greeted = self.service.is_some();
        let torn = self.is_torn(direction);
        let first = self.position(direction) == Position::First;
        let placed = if first && torn && value == 0 {
            // The stream may be on its way already, but no entry has this VLSN.
            Some(request)
        } else if !first || self.stream.is_flowing() {
            Some(ack)
        } else if greeted && !torn {
            // Else the request may be what is missing.
            Some(request)
        } else {
            match next {
                Some(next) if value == 0 || next == value => Some(request),
                Some(next) if next == value.wrapping_add(1) => Some(ack),
                _ => None,
            }
        };
        *choice = match placed {
            Some(best) => Choice { best, other: None },
            None if matches!(value, 0 | u64::MAX) => Choice {
                best: request,
                other: Some(ack),
            },
            None => Choice {
                best: ack,
                other: Some(request),
            },
        };
    }

    /// Checks a decoded message against what came before, and remembers it.
    pub fn check(
        &mut self,
        frame: &[u8],
        start: usize,
        reading: &Reading,
        direction: Option<Direction>,
        message: &mut Message,
    ) {
        let at = (start, frame.len());
        self.learn(reading, direction);
        let greeted = self.service.is_some();
        let sees_other = self.sees_other(direction);
        let whole = sees_other && self.torn == [false; 2];
        let refused = reading.fit == Fit::Damaged;
        match reading.family {
            Family::Protocol | Family::Syncup if refused => {}
            Family::Protocol if self.is(Family::Protocol) => {
                self.election.check(reading, direction, whole, at, message);
            }
            Family::Protocol => {
                let when = (self.now, sees_other);
                self.channel.check(reading, direction, when, at, message);
            }
            Family::Syncup => {
                let known = (greeted, whole);
                self.syncup.check(reading, direction, known, at, message);
            }
            Family::Feeder => self.stream.check(reading, sees_other, at, message),
            Family::Admin => self.admin.check(reading, direction, at, message),
            Family::Restore => restore(reading, at, message),
            Family::Service | Family::LogEntry => {}
        }
        if let Some(count) = self.seen.get_mut(index(direction)) {
            *count += 1;
        }
    }

    /// Whether the greeting has named a service of this format.
    fn is(&self, family: Family) -> bool {
        self.service
            .is_some_and(|service| service.family == Some(family))
    }

    fn learn(&mut self, reading: &Reading, direction: Option<Direction>) {
        if std::ptr::eq(reading.kind, messages::FEEDER_ENTRY) && self.service.is_none() {
            self.feeder = self.feeder.or(direction);
        }
        let unframed = std::ptr::eq(reading.kind, messages::RESTORE_REQUEST);
        if unframed && self.service.is_none() && direction.is_some() {
            self.service = Some(Service {
                family: Some(Family::Restore),
                unframed: true,
            });
        }
    }
}

fn index(direction: Option<Direction>) -> usize {
    match direction {
        Some(Direction::ClientToServer) => 0,
        Some(Direction::ServerToClient) => 1,
        None => 2,
    }
}

fn restore(reading: &Reading, at: (usize, usize), message: &mut Message) {
    if !std::ptr::eq(reading.kind, messages::RESTORE_REQUEST) {
        return;
    }
    let magic = super::checks::number(message, "magic");
    if magic.is_some_and(|magic| magic != u64::from(u32::from_le_bytes(super::restore::MAGIC))) {
        message.issue(
            crate::model::Severity::Error,
            "bad-magic",
            at,
            "a restore request is 54 53 52 4e (TSRN); the node hangs up",
        );
    }
}
