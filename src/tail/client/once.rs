//! Frames that a server sends again after a reconnection are shown once.

use crate::model::{Direction, Record};
use crate::output::Sink;
use std::collections::{HashSet, VecDeque};
use std::io;

/// So many frames are remembered: more than a server keeps for one client.
const MOST_KNOWN: usize = 8192;

/// Leaves out pushwire frames whose channel and cursor were shown already.
pub struct Once<'s> {
    sink: Box<dyn Sink + 's>,
    known: HashSet<(String, u64)>,
    order: VecDeque<(String, u64)>,
}

impl std::fmt::Debug for Once<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Once")
            .field("known", &self.known.len())
            .finish_non_exhaustive()
    }
}

impl<'s> Once<'s> {
    /// The rest is shown by `sink`.
    #[must_use]
    pub fn new(sink: Box<dyn Sink + 's>) -> Self {
        Self {
            sink,
            known: HashSet::new(),
            order: VecDeque::new(),
        }
    }

    fn is_known(&mut self, record: &Record<'_>) -> bool {
        if record.origin.direction != Some(Direction::ServerToClient) {
            return false;
        }
        let Ok(frame) = serde_json::from_slice::<serde_json::Value>(record.frame) else {
            return false;
        };
        let channel = frame.get("channel").and_then(|value| value.as_str());
        let cursor = frame.get("cursor").and_then(serde_json::Value::as_u64);
        let (Some(channel), Some(cursor)) = (channel, cursor) else {
            return false;
        };
        let key = (channel.to_owned(), cursor);
        if !self.known.insert(key.clone()) {
            return true;
        }
        self.order.push_back(key);
        if self.order.len() > MOST_KNOWN
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        false
    }
}

impl Sink for Once<'_> {
    fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        if self.is_known(record) {
            return Ok(());
        }
        self.sink.record(record)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.sink.finish()
    }
}
