//! Which answers belong to which requests, and how long they took.

use super::field;
use crate::model::Record;
use crate::protocol::{self, Pairing, Shows};
use hdrhistogram::Histogram;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// At most so many requests of a connection wait for their answers; older ones count as unanswered.
const MOST_OPEN: usize = 1 << 16;

/// Latencies and counts of one rule.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Requests sent.
    pub requests: u64,
    /// Answers that belong to one of them.
    pub answers: u64,
    /// Whether a sound peer always answers.
    pub always: bool,
    /// From request to answer, in nanoseconds.
    pub latency: Histogram<u64>,
}

/// All exchanges, by the request's type.
pub type Exchanges = BTreeMap<&'static str, Exchange>;

/// The open requests of one connection.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    open: VecDeque<Open>,
}

#[derive(Debug)]
struct Open {
    rule: &'static Pairing,
    key: Vec<Option<Vec<u8>>>,
    type_name: &'static str,
    sent: Instant,
    /// Which frame of the connection it is.
    frame: u64,
}

impl Conversation {
    /// Takes note of a request that was sent at `sent`; whether an answer is due.
    pub fn request(
        &mut self,
        record: &Record<'_>,
        frame: u64,
        sent: Instant,
        exchanges: &mut Exchanges,
    ) -> bool {
        let type_name = record.message.type_name;
        let Some(rule) = rules(record)
            .iter()
            .find(|rule| rule.requests.contains(&type_name) && shows(record, rule.request_shows))
        else {
            return false;
        };
        if let Some(exchange) = exchange(exchanges, type_name, rule) {
            exchange.requests += 1;
        }
        if self.open.len() >= MOST_OPEN {
            self.open.pop_front();
        }
        self.open.push_back(Open {
            rule,
            key: key(record, rule, Side::Request),
            type_name,
            sent,
            frame,
        });
        rule.always
    }

    /// Takes note of a message from the peer; which frame it answers, if any.
    pub fn answer(
        &mut self,
        record: &Record<'_>,
        received: Instant,
        exchanges: &mut Exchanges,
    ) -> Option<u64> {
        let type_name = record.message.type_name;
        for rule in rules(record) {
            if !rule.answers.contains(&type_name) || !shows(record, rule.answer_shows) {
                continue;
            }
            let answer = key(record, rule, Side::Answer);
            let found = self
                .open
                .iter()
                .position(|open| std::ptr::eq(open.rule, rule) && agree(&open.key, &answer));
            if let Some(open) = found.and_then(|index| self.open.remove(index)) {
                let latency = received.saturating_duration_since(open.sent);
                if let Some(exchange) = exchange(exchanges, open.type_name, rule) {
                    exchange.answers += 1;
                    exchange.latency.saturating_record(nanoseconds(latency));
                }
                return Some(open.frame);
            }
        }
        None
    }

    /// Requests that should be answered and are not: their frames and types.
    pub fn unanswered(&self) -> impl Iterator<Item = (u64, &'static str)> {
        self.open
            .iter()
            .filter(|open| open.rule.always)
            .map(|open| (open.frame, open.type_name))
    }

    /// The connection is another one now: what was asked on the old one is not answered.
    pub fn clear(&mut self) {
        self.open.clear();
    }
}

/// An empty histogram of nanoseconds.
pub(super) fn histogram() -> Option<Histogram<u64>> {
    // 1 ns to an hour, to three digits.
    Histogram::new_with_bounds(1, 3_600_000_000_000, 3).ok()
}

pub(super) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn exchange<'e>(
    exchanges: &'e mut Exchanges,
    type_name: &'static str,
    rule: &Pairing,
) -> Option<&'e mut Exchange> {
    if !exchanges.contains_key(type_name) {
        exchanges.insert(
            type_name,
            Exchange {
                requests: 0,
                answers: 0,
                always: rule.always,
                latency: histogram()?,
            },
        );
    }
    exchanges.get_mut(type_name)
}

fn rules(record: &Record<'_>) -> &'static [Pairing] {
    protocol::by_name(record.message.protocol).map_or(&[], |protocol| protocol.pairings())
}

fn shows(record: &Record<'_>, wanted: Option<Shows>) -> bool {
    wanted.is_none_or(|wanted| {
        let value = field::find(record, wanted.field);
        matches!(value, Some(crate::model::Value::Bool(true))) == wanted.value
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Request,
    Answer,
}

fn key(record: &Record<'_>, rule: &Pairing, side: Side) -> Vec<Option<Vec<u8>>> {
    rule.key
        .iter()
        .map(|path| {
            let (request, answer) = path.split_once('=').unwrap_or((path, path));
            let path = if side == Side::Request {
                request
            } else {
                answer
            };
            let mut bytes = Vec::new();
            field::write_key(record, path, &mut bytes).then_some(bytes)
        })
        .collect()
}

/// Whether the parts that both have are equal.
fn agree(one: &[Option<Vec<u8>>], other: &[Option<Vec<u8>>]) -> bool {
    one.iter().zip(other).all(|pair| match pair {
        (Some(one), Some(other)) => one == other,
        _ => true,
    })
}
