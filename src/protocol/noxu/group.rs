//! What the connections of a run show together: one group, its terms and its releases.
//!
//! Source: protocol page `noxu`, sections 3, 8 and 10.

use super::checks::number;
use super::messages::{self, V3_0};
use super::reading::Family;
use crate::model::{Direction, Message, Node, Origin, Severity, Value};
use crate::protocol::Across;
use std::collections::VecDeque;

/// So many terms, and so many proposers, are remembered; the oldest go first.
const MOST_KNOWN: usize = 1024;
/// Names are told apart by so many bytes.
const MOST_NAME: usize = 256;
/// Terms are milliseconds since the Unix epoch from 7.11 on; before, they count from 1.
const LEAST_CLOCK_TERM: u64 = 1_000_000_000_000;

/// What is known of the nodes whose traffic is seen.
#[derive(Debug, Default)]
pub struct Group {
    /// Who won a term.
    masters: VecDeque<(u64, Vec<u8>)>,
    /// What a node has proposed last.
    proposers: VecDeque<(Vec<u8>, Proposed)>,
    proposals: Kinds,
    restores: Kinds,
    terms: Kinds,
}

/// The highest term that a node has proposed.
#[derive(Clone, Copy, Debug)]
struct Proposed {
    term: u64,
    /// When, in nanoseconds since the Unix epoch, if known.
    time: Option<u64>,
}

/// Which of two kinds were seen, which never come from the same release.
#[derive(Clone, Copy, Debug, Default)]
struct Kinds {
    old: bool,
    new: bool,
}

impl Kinds {
    /// Notes one; whether it is the first of its kind, and the other one was seen before.
    fn mixes(&mut self, old: bool) -> bool {
        let (own, other) = if old {
            (&mut self.old, self.new)
        } else {
            (&mut self.new, self.old)
        };
        !std::mem::replace(own, true) && other
    }
}

impl Across for Group {
    fn check(&mut self, origin: &Origin, frame: &[u8], message: &mut Message) {
        let protocol = message.protocol;
        if protocol == Family::Restore.name() {
            self.restore(frame, message);
        } else if protocol == Family::Protocol.name() {
            let asks = origin.direction == Some(Direction::ClientToServer);
            match message.type_name {
                "ElectionProposal" => self.proposal(asks.then_some(origin.time), frame, message),
                "ElectionResult" if asks => self.result(frame, message),
                _ => {}
            }
        }
    }
}

impl Group {
    /// A node proposes itself, or an acceptor promises, telling the term of its own last round.
    /// A proposer's comes at a time that may be known.
    fn proposal(&mut self, asked: Option<Option<u64>>, frame: &[u8], message: &mut Message) {
        let at = (0, frame.len());
        let layout = layout(message);
        if layout.is_some_and(|layout| self.proposals.mixes(layout == V3_0)) {
            let what = "proposals of 20 and of 28 bytes after the name: releases before and from \
                        4.1.0, which never elect a master together";
            message.warning("version-mix", at, what);
        }
        let (Some(term), Some(time)) = (number(message, "term"), asked) else {
            return;
        };
        if term > 0 && self.terms.mixes(term < LEAST_CLOCK_TERM) {
            let what = "terms that count from 1 and terms that are clock times: releases before \
                        and from 7.11, or a term that a transfer of mastership has derived";
            message.warning("version-mix", at, what);
        }
        let Some(name) = name(message, "node_name", frame) else {
            return;
        };
        let known = self.proposers.iter_mut().find(|(known, _)| *known == name);
        match known {
            // What has waited for missing bytes comes late.
            Some((_, highest)) if time < highest.time => {}
            Some((_, highest)) if term < highest.term => {
                let what = format!("{} has proposed term {} before", shown(&name), highest.term);
                message.warning("term-regression", at, what);
            }
            Some((_, highest)) => *highest = Proposed { term, time },
            None => remember(&mut self.proposers, (name, Proposed { term, time })),
        }
    }

    fn result(&mut self, frame: &[u8], message: &mut Message) {
        let (Some(term), Some(name)) = (number(message, "term"), name(message, "master", frame))
        else {
            return;
        };
        match self.masters.iter().find(|(known, _)| *known == term) {
            Some((_, master)) if *master != name => {
                let what = format!(
                    "{} is master in term {term}, in which {} was before",
                    shown(&name),
                    shown(master)
                );
                let at = (0, frame.len());
                message.issue(Severity::Error, "two-masters-in-term", at, what);
            }
            Some(_) => {}
            None => remember(&mut self.masters, (term, name)),
        }
    }

    fn restore(&mut self, frame: &[u8], message: &mut Message) {
        if message.type_name != messages::RESTORE_RESPONSE.name
            || number(message, "file_count").is_none_or(|count| count == 0)
        {
            return;
        }
        if layout(message).is_some_and(|layout| self.restores.mixes(layout == V3_0)) {
            let what = "log files with and without a checksum behind them: releases before and \
                        from 4.1.0, which cannot restore from each other";
            message.warning("version-mix", (0, frame.len()), what);
        }
    }
}

fn remember<T>(known: &mut VecDeque<T>, new: T) {
    if known.len() >= MOST_KNOWN {
        known.pop_front();
    }
    known.push_back(new);
}

/// Index of the layout that the header names.
fn layout(message: &Message) -> Option<u32> {
    let (_, node) = message.tree.child(message.header?, "layout")?;
    match node.value {
        Value::Static(symbol) => u32::try_from(symbol.code).ok(),
        _ => None,
    }
}

/// The body's text `field`.
fn name(message: &Message, field: &str, frame: &[u8]) -> Option<Vec<u8>> {
    let (_, Node { value, .. }) = message.tree.child(message.body?, field)?;
    match value {
        Value::Text(span) => {
            let text = span.of(frame);
            Some(text.get(..MOST_NAME).unwrap_or(text).to_vec())
        }
        _ => None,
    }
}

/// In quotes, harmless on a terminal.
fn shown(name: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(name))
}
