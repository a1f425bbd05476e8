//! The service REP_SYNCUP.
//!
//! Source: protocol page `noxu`, sections 8 and 10.

use super::{At, NULL_VLSN, signed, unexpected, wrong_direction};
use crate::model::{Direction, Message};
use crate::protocol::noxu::reading::Reading;
use crate::schema::Way;

/// At most this many matching entries are remembered.
const MOST_MATCHES: usize = 1 << 12;

/// Looking for the last entry that both logs have.
#[derive(Debug, Default)]
pub struct Syncup {
    request: Option<i64>,
    answers: u64,
    matches: Vec<i64>,
    over: bool,
}

impl Syncup {
    /// Checks one message; `greeted`: roles are known, `whole`: nothing is missing so far.
    pub fn check(
        &mut self,
        reading: &Reading,
        direction: Option<Direction>,
        (greeted, whole): (bool, bool),
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
        let both_seen = greeted && whole && direction.is_some();
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
