//! The rules of each conversation, as far as one connection shows them.
//!
//! Source: protocol page `noxu`, sections 8 and 10.

mod channel;
mod election;
mod stream;
mod syncup;

pub use channel::Channel;
pub use election::Election;
pub use stream::Stream;
pub use syncup::Syncup;

use super::messages;
use super::reading::Reading;
use crate::model::{Direction, Message, Severity, Value, Words};

/// A VLSN that stands for none.
const NULL_VLSN: i64 = -1;

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

fn error(message: &mut Message, code: &'static str, at: At, what: impl Into<Words>) {
    message.issue(Severity::Error, code, at, what);
}

fn unexpected(message: &mut Message, at: At, what: &'static str) {
    message.warning("unexpected-message", at, what);
}

fn wrong_direction(message: &mut Message, at: At, name: &str) {
    message.warning(
        "wrong-direction",
        at,
        format!("{name} is not sent by this side"),
    );
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

/// Checks an acknowledgement against what was sent and acknowledged before.
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
