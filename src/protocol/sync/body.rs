//! Bodies: which version group and codec one follows, and its decoding.
//!
//! Source: protocol page `sync`, sections 2.1, 3 and 4.

use super::fields;
use super::frame::Header;
use super::messages;
use super::versions::{self, NAMES};
use crate::codec::messagepack::{Fault, Head, Reader, read_value};
use crate::model::{Message, NodeId};
use crate::schema::messagepack::{Codecs, Decoder, Outcome};
use crate::schema::{MessageType, Opaque, Versions};

/// Bodies of unknown type are read to this depth.
const MOST_NESTING: u32 = 64;

/// What the bytes after a header look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// Not a body of the header's type.
    Wrong,
    /// So far, a body of the header's type.
    Part,
    /// A body of the header's type, complete and exact.
    Whole,
}

/// A decoded body.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// The version group that it follows; if none fits, the one that it resembles.
    pub group: u32,
    /// All groups that it fits exactly.
    pub fitting: Versions,
    /// The codec, if the body shows it; else all that it leaves possible.
    pub codecs: Codecs,
    /// Where the value ended.
    pub end: usize,
}

impl Reading {
    /// That of a body that fits just one group.
    fn exact(group: u32, outcome: &Outcome) -> Self {
        Self {
            group,
            fitting: Versions::only(group),
            codecs: codecs(group, outcome.shown),
            end: outcome.position,
        }
    }
}

/// Checks what is there of the body against the tables, without keeping anything.
#[must_use]
pub fn begins(header: &Header, bytes: &[u8]) -> Beginning {
    let Some(kind) = messages::by_code(header.code) else {
        return Beginning::Wrong;
    };
    let size = header.frame_size().min(bytes.len());
    let frame = bytes.get(..size).unwrap_or_default();
    let start = header.layout.size();
    let mut scratch = Message::default();
    let mut opaque = Vec::new();
    let mut beginning = Beginning::Wrong;
    for group in candidates(kind, header.layout.groups(), frame, start) {
        let outcome = attempt(frame, start, kind, group, &mut scratch, &mut opaque);
        if outcome.exact && outcome.position == size {
            return Beginning::Whole;
        }
        // What ran out inside the announced length may go on; beyond it, it may not.
        if outcome.ran_out && size < header.frame_size() {
            beginning = Beginning::Part;
        }
    }
    beginning
}

/// Decodes the body of `kind` into `message.body`: the newest fitting group among `preferred`, or
/// else of those with the header's layout, or else of any.
pub fn decode(
    header: &Header,
    kind: &'static MessageType,
    frame: &[u8],
    preferred: Versions,
    message: &mut Message,
    opaque: &mut Vec<(NodeId, Opaque)>,
) -> Reading {
    let start = header.layout.size();
    let groups = header.layout.groups();
    let body = message.tree.next_id();
    message.body = Some(body);
    if let Some(reading) = pinned(kind, frame, start, groups.and(preferred), message, opaque) {
        return reading;
    }
    let all = candidates(kind, groups, frame, start);
    if let Some(reading) = exact(kind, frame, start, all, preferred, message, opaque) {
        return reading;
    }
    let others = Versions(!groups.0);
    let foreign = candidates(kind, others, frame, start);
    if let Some(reading) = exact(kind, frame, start, foreign, others, message, opaque) {
        let name = NAMES
            .get(reading.group as usize)
            .copied()
            .unwrap_or_default();
        message.error(
            "version-mismatch",
            (start, frame.len()),
            format!("the body is one of version {name}, which has another header"),
        );
        return reading;
    }
    closest(kind, frame, start, groups, preferred, message, opaque)
}

/// Reads a body of unknown type as whatever MessagePack it is; returns where it ends.
pub fn decode_unknown(frame: &[u8], start: usize, message: &mut Message) -> usize {
    let body = message.tree.next_id();
    let mut reader = Reader::new(frame, start);
    match read_value(&mut reader, &mut message.tree, None, MOST_NESTING) {
        Ok(form) => message.faithful &= form.canonical && form.reproducible,
        Err(fault) => {
            let code = if fault == Fault::Truncated {
                "truncated-body"
            } else {
                "reserved-marker"
            };
            message.error(code, (reader.position(), frame.len()), fault.to_string());
        }
    }
    message.body = Some(body).filter(|_| message.tree.next_id() > body);
    reader.position()
}

/// Decodes the body of `kind` into `message.body` if there is but one group among `groups` that it
/// may follow, and it does so exactly, to its end. Only the fields that anyone looks at become
/// nodes; with `json`, the body's text is spelled out.
pub fn decode_sparingly(
    kind: &'static MessageType,
    frame: &[u8],
    start: usize,
    groups: Versions,
    json: bool,
    message: &mut Message,
    opaque: &mut Vec<(NodeId, Opaque)>,
) -> Option<Reading> {
    let group = only(kind, groups)?;
    let plan = fields::plan(kind, group)?;
    let body = message.tree.next_id();
    let faithful = message.faithful;
    opaque.clear();
    let outcome = Decoder::new(frame, start, versions::dialect(group), message, opaque)
        .attempt_sparingly(plan, json);
    if !outcome.exact || outcome.position != frame.len() {
        message.tree.truncate(body);
        message.spelled.clear();
        message.faithful = faithful;
        opaque.clear();
        return None;
    }
    message.body = Some(body);
    Some(Reading::exact(group, &outcome))
}

/// The one group among `groups` that has `kind`, if there is but one.
fn only(kind: &'static MessageType, groups: Versions) -> Option<u32> {
    let only = kind.when.and(groups);
    only.0.is_power_of_two().then(|| only.0.trailing_zeros())
}

/// Decodes the body if there is but one group that it may follow and it does so exactly.
fn pinned(
    kind: &'static MessageType,
    frame: &[u8],
    start: usize,
    groups: Versions,
    message: &mut Message,
    opaque: &mut Vec<(NodeId, Opaque)>,
) -> Option<Reading> {
    let group = only(kind, groups)?;
    let outcome = attempt(frame, start, kind, group, message, opaque);
    outcome.exact.then(|| Reading::exact(group, &outcome))
}

/// Tries the groups newest first, keeps the preferred one of those that fit.
fn exact(
    kind: &'static MessageType,
    frame: &[u8],
    start: usize,
    groups: impl Iterator<Item = u32>,
    preferred: Versions,
    message: &mut Message,
    opaque: &mut Vec<(NodeId, Opaque)>,
) -> Option<Reading> {
    let mut best: Option<(u32, Outcome)> = None;
    let mut fitting = Versions(0);
    let mut last = None;
    for group in groups {
        let outcome = attempt(frame, start, kind, group, message, opaque);
        last = Some(group);
        if !outcome.exact {
            continue;
        }
        let only = Versions::only(group);
        let better = match best {
            None => true,
            Some((known, _)) => !preferred.meets(Versions::only(known)) && preferred.meets(only),
        };
        if better {
            best = Some((group, outcome));
        }
        fitting = Versions(fitting.0 | only.0);
        if preferred.meets(only) && preferred.0.count_ones() == 1 {
            break;
        }
    }
    let (group, outcome) = best?;
    if last != Some(group) {
        attempt(frame, start, kind, group, message, opaque);
    }
    Some(Reading {
        group,
        fitting,
        codecs: codecs(group, outcome.shown),
        end: outcome.position,
    })
}

fn attempt(
    frame: &[u8],
    start: usize,
    kind: &'static MessageType,
    group: u32,
    message: &mut Message,
    opaque: &mut Vec<(NodeId, Opaque)>,
) -> Outcome {
    let body = message.body.unwrap_or_else(|| message.tree.next_id());
    let faithful = message.faithful;
    message.tree.truncate(body);
    opaque.clear();
    let outcome =
        Decoder::new(frame, start, versions::dialect(group), message, opaque).attempt(&kind.body);
    if !outcome.exact {
        message.faithful = faithful;
        message.tree.truncate(body);
        opaque.clear();
    }
    outcome
}

/// No group fits: reads it as the one with the fewest errors, and says what is wrong.
fn closest(
    kind: &'static MessageType,
    frame: &[u8],
    start: usize,
    groups: Versions,
    preferred: Versions,
    message: &mut Message,
    opaque: &mut Vec<(NodeId, Opaque)>,
) -> Reading {
    let counted: Vec<u32> = candidates(kind, groups, frame, start).collect();
    let tried = if counted.is_empty() {
        nearest(kind, groups, frame, start)
    } else {
        counted
    };
    let body = message.tree.next_id();
    let before = message.issues.len();
    let mut best: Option<(usize, bool, u32)> = None;
    for group in &tried {
        leniently(frame, start, kind, *group, message, opaque);
        let errors = message.issues.len() - before;
        let liked = preferred.meets(Versions::only(*group));
        if best.is_none_or(|(fewest, known, _)| (errors, !liked) < (fewest, !known)) {
            best = Some((errors, liked, *group));
        }
        message.tree.truncate(body);
        message.issues.truncate(before);
    }
    let group = best.map_or(0, |(_, _, group)| group);
    let outcome = leniently(frame, start, kind, group, message, opaque);
    message.body = Some(body).filter(|_| message.tree.next_id() > body);
    Reading {
        group,
        fitting: Versions(0),
        codecs: codecs(group, outcome.shown),
        end: outcome.position,
    }
}

fn leniently(
    frame: &[u8],
    start: usize,
    kind: &'static MessageType,
    group: u32,
    message: &mut Message,
    opaque: &mut Vec<(NodeId, Opaque)>,
) -> Outcome {
    opaque.clear();
    Decoder::new(frame, start, versions::dialect(group), message, opaque).leniently(&kind.body)
}

/// The groups among `groups` that have the type with as many elements as the body has, newest
/// first.
fn candidates(
    kind: &'static MessageType,
    groups: Versions,
    frame: &[u8],
    start: usize,
) -> impl Iterator<Item = u32> {
    let map = Versions::only(versions::B1);
    let (groups, count) = match Reader::new(frame, start).head() {
        Ok(Head::Map(_)) => (groups.and(map), None),
        Ok(Head::Array(count)) => (Versions(groups.0 & !map.0), Some(count as usize)),
        _ => (Versions(0), None),
    };
    let groups = kind.when.and(versions::KNOWN).and(groups);
    groups.newest_first().filter(move |group| {
        count.is_none_or(|count| elements(kind, Versions::only(*group)) == count)
    })
}

/// The groups that have the type, those with the nearest number of elements.
fn nearest(kind: &'static MessageType, groups: Versions, frame: &[u8], start: usize) -> Vec<u32> {
    let count = match Reader::new(frame, start).head() {
        Ok(Head::Array(count)) => count as usize,
        _ => 0,
    };
    let known = kind.when.and(groups);
    let groups: Vec<u32> = (0..NAMES.len() as u32)
        .rev()
        .filter(|group| known.meets(Versions::only(*group)))
        .filter(|group| *group != versions::B1 || known == Versions::only(versions::B1))
        .collect();
    let distance = |group: u32| elements(kind, Versions::only(group)).abs_diff(count);
    let least = groups.iter().map(|group| distance(*group)).min();
    groups
        .into_iter()
        .filter(|group| Some(distance(*group)) == least)
        .collect()
}

fn elements(kind: &'static MessageType, version: Versions) -> usize {
    let fields = kind.body.fields.iter();
    fields.filter(|field| field.when.meets(version)).count()
}

/// The codecs that the body's values leave possible, of those that the group is written in.
fn codecs(group: u32, shown: Codecs) -> Codecs {
    if shown == Codecs::ANY {
        return shown;
    }
    shown.and(versions::dialect(group).codecs)
}
