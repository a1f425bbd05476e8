//! The service ELECTION: one round between a proposer and an acceptor.
//!
//! Source: protocol page `noxu`, sections 8 and 10.

use super::{At, number, truth, unexpected, wrong_direction};
use crate::model::{Direction, Message};
use crate::protocol::noxu::reading::Reading;

/// One proposer talking to one acceptor.
#[derive(Debug, Default)]
pub struct Election {
    proposal: Option<u64>,
    answered: bool,
    result: Option<u64>,
    voted: bool,
}

impl Election {
    /// Checks one message; `whole`: nothing is missing so far.
    pub fn check(
        &mut self,
        reading: &Reading,
        direction: Option<Direction>,
        whole: bool,
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
            (10, true) => self.vote(term, whole, at, message),
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

    fn vote(&mut self, term: Option<u64>, whole: bool, at: At, message: &mut Message) {
        let granted = truth(message, "granted") == Some(true);
        let Some(result) = self.result else {
            if !whole {
                // The result may be what is missing.
            } else if self.answered {
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
