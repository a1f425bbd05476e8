//! Messages between nodes outside elections: heartbeats, entries, shutdown.
//!
//! Source: protocol page `noxu`, sections 8 and 10.

use super::{At, acknowledge, error, number, truth};
use crate::model::{Direction, Message};
use crate::protocol::noxu::reading::Reading;

/// Nodes beat once a second; this much silence is late, in nanoseconds.
const LATE: u64 = 2_000_000_000;

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
    /// Bytes of `direction` are missing: what was in them is not known.
    pub fn gap(&mut self, direction: Direction) {
        let [client, server, _] = &mut self.sides;
        let side = match direction {
            Direction::ClientToServer => client,
            Direction::ServerToClient => server,
        };
        side.master_vlsn = None;
        side.beat = None;
        side.sent = None;
    }

    /// Checks one message that came at `now`; `sees_other`: what the other side has sent before
    /// was seen.
    pub fn check(
        &mut self,
        reading: &Reading,
        direction: Option<Direction>,
        (now, sees_other): (Option<u64>, bool),
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
                    && sees_other
                {
                    let what = format!("the replica is at {replica}, the master at {master}");
                    message.warning("replica-ahead-of-master", at, what);
                }
            }
            5 => own.sent = own.sent.max(vlsn),
            6 => {
                if let Some(vlsn) = vlsn.filter(|vlsn| *vlsn != 0) {
                    let sent = other.sent.filter(|_| sees_other);
                    acknowledge(vlsn, sent, &mut own.acknowledged, at, message);
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
