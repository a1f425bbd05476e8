//! What a replay has done, for people and for programs.

mod text;

use super::Replay;
use super::conversation::Exchanges;
use super::load::Loaded;
use super::router::Counter;
use super::schedule::Pace;
use super::shared::Progress;
use super::watch::State;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// So many broken connections and missing answers are named.
const NAMED: usize = 20;

/// What a dry run would send.
#[derive(Clone, Debug)]
pub struct Preview {
    /// Where to.
    pub target: String,
    /// Frames, over all rounds and connections; of one round if there is no last.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Live connections of one round.
    pub connections: u64,
    /// How long it would take; none if as fast as possible.
    pub duration: Option<Duration>,
    /// What the inputs hold beside.
    pub loaded: Loaded,
    /// How often; for ever if none.
    pub rounds: Option<u64>,
}

/// What the exit status tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All done, nothing damaged.
    Clean,
    /// Done, but answers were damaged.
    Damaged,
    /// A connection broke.
    Broken,
    /// Answers were not as expected.
    Unmet,
}

/// What a replay has done.
#[derive(Clone, Debug)]
pub struct Report {
    /// Where to.
    pub target: String,
    /// Live connections.
    pub connections: u32,
    /// Frames that the system took whole.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// From the first send to the end of the last.
    pub elapsed: Duration,
    /// The same to the start of the last.
    pub between: Duration,
    /// How fast it should have been.
    pub pace: Pace,
    /// How late sends started, in nanoseconds; none if nothing was paced.
    pub lateness: Option<Histogram<u64>>,
    /// Answers by type.
    pub answers: BTreeMap<&'static str, u64>,
    /// Bytes of answers.
    pub bytes_received: u64,
    /// Issues of severity error in answers.
    pub errors: u64,
    /// Requests and answers.
    pub exchanges: Exchanges,
    /// Frames of which answers were looked for, where not of all.
    pub followed: Option<u64>,
    /// What was expected and did not come, in words, by connection.
    pub unmet: Vec<(u32, String)>,
    /// Answers compared with the recording, and how they differ, by connection.
    pub compared: u64,
    /// Whether answers were compared at all.
    pub comparing: bool,
    /// How answers differ from the recording, in words, by connection.
    pub different: Vec<(u32, String)>,
    /// Frames that waited in vain for an answer: the connection and frame from 1; the first ones.
    pub unanswered: Vec<(u32, u64)>,
    /// How many did.
    pub unanswered_count: u64,
    /// Connections that broke: after how many of their frames, and why.
    pub broken: Vec<(u32, u64, String)>,
    /// Times that a connection was made anew.
    pub reconnects: u64,
    /// Whether the user ended it.
    pub interrupted: bool,
    /// What the inputs hold beside.
    pub loaded: Loaded,
    /// The fields that were to be changed, as typed.
    pub changes: Vec<String>,
}

impl Preview {
    pub(super) fn new(replay: &Replay, counter: &Counter, loaded: Loaded) -> Self {
        let rounds = replay.rounds.unwrap_or(1);
        let copies = u64::from(replay.copies);
        let frames = counter.frames * rounds;
        let times =
            |duration: Duration| duration.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX));
        let duration = match replay.pace {
            Pace::Max => None,
            Pace::Rate(rate) => {
                let frames = (frames * copies) as f64;
                Duration::try_from_secs_f64(frames / rate).ok()
            }
            Pace::Interval(interval) => {
                Some(interval.saturating_mul(u32::try_from(frames).unwrap_or(u32::MAX)))
            }
            Pace::Recorded { .. } if !loaded.has_times => None,
            Pace::Recorded { .. } => Some(times(counter.clock.elapsed())),
        };
        Self {
            target: replay.target.to_string(),
            frames: frames * copies,
            bytes: counter.bytes * rounds * copies,
            connections: counter.streams.len() as u64 * copies,
            duration: match (duration, replay.duration) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, _) => one,
            },
            loaded,
            rounds: replay.rounds,
        }
    }
}

impl Report {
    /// What the exit status tells.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if !self.unmet.is_empty() || !self.different.is_empty() || self.unanswered_count > 0 {
            Verdict::Unmet
        } else if !self.broken.is_empty() {
            Verdict::Broken
        } else if self.errors > 0 {
            Verdict::Damaged
        } else {
            Verdict::Clean
        }
    }

    /// Frames a second that were reached: at a rate, between the first and the last start; else
    /// until the last was sent.
    #[must_use]
    pub fn rate(&self) -> f64 {
        let (frames, time) = match self.pace {
            Pace::Max | Pace::Recorded { .. } => (self.frames, self.elapsed),
            _ => (self.frames.saturating_sub(1), self.between),
        };
        if time.is_zero() {
            return 0.0;
        }
        frames as f64 / time.as_secs_f64()
    }

    /// Frames a second that were asked for, if a number was.
    #[must_use]
    pub fn rate_asked(&self) -> Option<f64> {
        match self.pace {
            Pace::Rate(rate) => Some(rate),
            Pace::Interval(interval) if !interval.is_zero() => {
                Some(f64::from(self.connections.max(1)) / interval.as_secs_f64())
            }
            _ => None,
        }
    }

    /// All of it as one JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        let by_connection = |list: &[(u32, String)]| -> Vec<Value> {
            list.iter()
                .map(|(connection, text)| json!({"stream": connection, "difference": text}))
                .collect()
        };
        let broken = self.broken.iter().map(|(connection, frames, why)| {
            json!({"stream": connection, "after_frames": frames, "why": why})
        });
        let unanswered = self
            .unanswered
            .iter()
            .map(|(connection, frame)| json!({"stream": connection, "frame": frame}));
        json!({
            "target": self.target,
            "connections": self.connections,
            "frames": self.frames,
            "bytes": self.bytes,
            "seconds": self.elapsed.as_secs_f64(),
            "rate": self.rate(),
            "rate_asked": self.rate_asked(),
            "start_error_us": self.lateness.as_ref().and_then(microseconds),
            "answers": self.answers.values().sum::<u64>(),
            "answers_by_type": self.answers,
            "bytes_received": self.bytes_received,
            "damaged": self.errors,
            "latency_us": self.latencies(),
            "followed": self.followed,
            "compared": self.comparing.then_some(self.compared),
            "unmet": by_connection(&self.unmet),
            "different": by_connection(&self.different),
            "unanswered": unanswered.collect::<Vec<_>>(),
            "broken": broken.collect::<Vec<_>>(),
            "reconnects": self.reconnects,
            "interrupted": self.interrupted,
        })
    }

    fn latencies(&self) -> Value {
        let exchanges = self.exchanges.iter().map(|(name, exchange)| {
            let mut value = microseconds(&exchange.latency).unwrap_or_else(|| json!({}));
            if let Some(members) = value.as_object_mut() {
                members.insert("requests".to_owned(), exchange.requests.into());
                members.insert("answers".to_owned(), exchange.answers.into());
            }
            ((*name).to_owned(), value)
        });
        Value::Object(exchanges.collect())
    }
}

/// The percentiles of nanoseconds, in microseconds; none if nothing was measured.
fn microseconds(histogram: &Histogram<u64>) -> Option<Value> {
    if histogram.is_empty() {
        return None;
    }
    let at = |quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1000.0;
    Some(json!({
        "p50": at(0.5), "p90": at(0.9), "p99": at(0.99),
        "max": histogram.max() as f64 / 1000.0,
    }))
}

/// The sum of what players and the loader tell.
#[derive(Debug)]
pub(super) struct Tally {
    target: String,
    pace: Pace,
    changes: Vec<String>,
    pub frames: u64,
    bytes: u64,
    first: Option<Instant>,
    last: Option<(Instant, Instant)>,
    lateness: Option<Histogram<u64>>,
    followed: Option<u64>,
    unanswered: Vec<(u32, u64)>,
    unanswered_count: u64,
    broken: Vec<(u32, u64, String)>,
    reconnects: u64,
    pub connections: u32,
    pub interrupted: bool,
    pub loaded: Loaded,
}

impl Tally {
    pub fn new(replay: &Replay) -> Self {
        let changes = replay.changes.iter();
        Self {
            target: replay.target.to_string(),
            pace: replay.pace,
            changes: changes.map(|change| change.argument().to_owned()).collect(),
            frames: 0,
            bytes: 0,
            first: None,
            last: None,
            lateness: None,
            followed: None,
            unanswered: Vec::new(),
            unanswered_count: 0,
            broken: Vec::new(),
            reconnects: 0,
            connections: 0,
            interrupted: false,
            loaded: Loaded::default(),
        }
    }

    /// A frame's answer did not come in time.
    pub fn unanswered(&mut self, connection: u32, frame: u64) {
        self.unanswered_count += 1;
        if self.unanswered.len() < NAMED {
            self.unanswered.push((connection, frame));
        }
    }

    /// A player is done.
    pub fn ended(&mut self, connection: u32, progress: &Progress, failure: Option<String>) {
        self.frames += progress.frames;
        self.bytes += progress.bytes;
        self.reconnects += progress.reconnects;
        self.first = match (self.first, progress.first) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        self.last = self.last.max(progress.last);
        match (&mut self.lateness, &progress.lateness) {
            (Some(all), Some(these)) => drop(all.add(these)),
            (all, these) => *all = these.clone(),
        }
        if let Some(followed) = progress.followed {
            self.followed = Some(self.followed.unwrap_or(0) + followed);
        }
        if let Some(why) = failure {
            self.broken.push((connection, progress.frames, why));
        }
    }

    pub fn report(self, state: Option<State>, bytes_received: u64) -> Report {
        let span = |to: Option<Instant>| match (self.first, to) {
            (Some(first), Some(to)) => to.saturating_duration_since(first),
            _ => Duration::ZERO,
        };
        let mut report = Report {
            connections: self.connections,
            frames: self.frames,
            bytes: self.bytes,
            elapsed: span(self.last.map(|(_, end)| end)),
            between: span(self.last.map(|(start, _)| start)),
            target: self.target,
            pace: match self.pace {
                Pace::Recorded { .. } if !self.loaded.has_times => Pace::Max,
                pace => pace,
            },
            lateness: self.lateness.filter(|lateness| !lateness.is_empty()),
            answers: BTreeMap::new(),
            bytes_received,
            errors: 0,
            exchanges: Exchanges::new(),
            followed: self.followed,
            unmet: Vec::new(),
            compared: 0,
            comparing: false,
            different: Vec::new(),
            unanswered: self.unanswered,
            unanswered_count: self.unanswered_count,
            broken: self.broken,
            reconnects: self.reconnects,
            interrupted: self.interrupted,
            loaded: self.loaded,
            changes: self.changes,
        };
        if let Some(state) = state {
            report.judge(state);
        }
        report
    }
}

impl Report {
    /// Takes over what the conversations tell.
    fn judge(&mut self, state: State) {
        let wishes = &state.wishes;
        for (connection, talk) in &state.talks {
            let expectations = &wishes.expectations;
            if !expectations.is_met(&talk.seen) {
                let text = expectations.difference(&talk.seen);
                self.unmet.push((*connection, text));
            }
            self.compared += talk.comparison.compared;
            if wishes.compare && !talk.comparison.is_equal() {
                let text = talk.comparison.difference();
                self.different.push((*connection, text));
            }
        }
        if state.talks.is_empty() && !wishes.expectations.is_empty() {
            let text = wishes
                .expectations
                .difference(&super::expect::Seen::default());
            self.unmet.push((0, text));
        }
        self.comparing = wishes.compare;
        self.answers = state.answers;
        self.errors = state.errors;
        self.exchanges = state.exchanges;
    }
}
