//! The feeder stream: VLSNs, acknowledgements, durability.
//!
//! Source: protocol page `noxu`, sections 8 and 10.

use super::{At, NULL_VLSN, acknowledge, error, number, unexpected};
use crate::model::{Message, Value};
use crate::protocol::noxu::messages;
use crate::protocol::noxu::reading::{Fit, Reading};

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
    /// Whether entries may be missing since the last one.
    torn: bool,
}

impl Stream {
    /// Whether entries or acknowledgements were seen.
    #[must_use]
    pub fn is_flowing(&self) -> bool {
        self.sent.is_some() || self.acknowledged.is_some()
    }

    /// The VLSN of the last entry.
    #[must_use]
    pub fn last_sent(&self) -> Option<u64> {
        self.sent.max(self.claimed)
    }

    /// The VLSN of the last acknowledgment.
    #[must_use]
    pub fn last_acknowledged(&self) -> Option<u64> {
        self.acknowledged
    }

    /// Bytes of the feeder are missing.
    pub fn gap(&mut self) {
        self.torn = true;
    }

    /// Checks one message; `sees_other`: what the other side has sent before was seen.
    pub fn check(&mut self, reading: &Reading, sees_other: bool, at: At, message: &mut Message) {
        let vlsn = number(message, "vlsn");
        if std::ptr::eq(reading.kind, messages::FEEDER_ENTRY) {
            self.entry(reading, vlsn, at, message);
        } else if std::ptr::eq(reading.kind, messages::FEEDER_ACK) {
            self.acknowledge(vlsn, sees_other, at, message);
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
        let torn = std::mem::take(&mut self.torn);
        let Some(last) = self.sent else {
            self.sent = Some(vlsn);
            let first = self.requested.filter(|start| *start > 0).unwrap_or(1);
            let known = self.requested.is_some() && self.responded;
            if known && vlsn > first && claimed.is_none() && !torn {
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
        } else if !torn {
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

    fn acknowledge(&mut self, vlsn: Option<u64>, sees_other: bool, at: At, message: &mut Message) {
        let Some(vlsn) = vlsn.filter(|vlsn| *vlsn != 0) else {
            return;
        };
        let sent = self.last_sent().filter(|_| sees_other && !self.torn);
        acknowledge(vlsn, sent, &mut self.acknowledged, at, message);
    }
}
