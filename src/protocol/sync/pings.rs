//! Pings and their answers.
//!
//! Source: protocol page `sync`, section 5.3.

use super::fields::{Fields, Role};
use super::findings::Findings;
use crate::model::{Direction, words};
use std::collections::VecDeque;

/// At most this many pings are remembered.
const MOST_WAITING: usize = 256;

/// Pings that wait for their answers, of both sides.
#[derive(Debug, Default)]
pub struct Pings {
    /// Time and direction.
    waiting: VecDeque<(u64, Option<Direction>)>,
    forgotten: bool,
}

impl Pings {
    /// From now on, an answer may be to a ping that is not known.
    pub fn forget(&mut self) {
        self.forgotten = true;
    }

    /// Answers come in the order of the requests: an answered ping shows that older ones are lost.
    /// `opened`: whether the connection was followed from its start.
    pub fn follow(
        &mut self,
        opened: bool,
        direction: Option<Direction>,
        fields: &Fields<'_>,
        findings: &mut Findings<'_>,
    ) {
        let time = fields.number(Role::Timestamp).unwrap_or_default();
        let asker = direction.map(Direction::reverse);
        if fields.truth(Role::IsPong) == Some(false) {
            if self.waiting.len() == MOST_WAITING {
                self.waiting.pop_front();
                self.forgotten = true;
            }
            self.waiting.push_back((time, direction));
            return;
        }
        let waiting = |ping: &(u64, Option<Direction>)| ping.1 == asker;
        let found = self
            .waiting
            .iter()
            .position(|ping| ping.0 == time && waiting(ping));
        let Some(found) = found else {
            if opened && !self.forgotten {
                findings.warning(
                    "pong-without-ping",
                    fields.at(Role::Timestamp),
                    "no ping with this time waits for an answer",
                );
            }
            return;
        };
        let older = self.waiting.iter().take(found).filter(|ping| waiting(ping));
        let lost = older.count();
        if lost == 0 {
            self.waiting.remove(found);
            return;
        }
        let mut index = 0;
        self.waiting.retain(|ping| {
            index += 1;
            index > found + 1 || !waiting(ping)
        });
        if direction.is_some() {
            findings.warning(
                "ping-unanswered",
                fields.at(Role::Timestamp),
                words!("{} earlier pings were not answered", lost as u64),
            );
        }
    }
}
