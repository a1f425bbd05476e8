//! One message: header, body, what the body holds, what is wrong with it.

use super::conversation::{Conversation, Position};
use super::damage;
use super::guess::{self, MOST_NAME, MOST_PAYLOAD, Shape};
use super::inner;
use super::log_entries;
use super::messages::{self, V3_0, V4_1};
use super::reading::{AS_GOOD, Choice, Family, Fit, Reading, Role, choose};
use super::restore;
use super::session::{Cut, Damage};
use super::weigh::{Weighed, weigh};
use crate::model::{Direction, Label, Message, Severity, Span, Symbol, Value};
use crate::schema::packed::Decoder;

static LENGTH: Label = Label::new("length");
static PREFIXED: Label = Label::new("prefixed");
static CODE: Label = Label::new("code");
static LAYOUT: Label = Label::new("layout");
static NAME: Label = Label::new("name");

static LAYOUT_NAMES: [Symbol; 2] = [
    Symbol {
        code: 0,
        name: messages::LAYOUTS[0],
    },
    Symbol {
        code: 1,
        name: messages::LAYOUTS[1],
    },
];

/// Evidence that is next to none for a damaged message.
const LITTLE: i32 = 14;

/// A message's surroundings.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    /// How it was found.
    pub cut: Cut,
    /// The formats it may have.
    pub families: &'static [Family],
    /// The type that log entries have.
    pub log_entry: Option<u8>,
    /// Who sent it.
    pub direction: Option<Direction>,
    /// The bytes that follow it, as far as they are there.
    pub follows: &'a [u8],
    /// Whether its end is that of its input.
    pub whole: bool,
    /// What it may be, if that is known already.
    pub weighed: Option<Box<Weighed>>,
}

/// Decodes `frame`, found as `place` says; returns its format.
pub fn decode(
    frame: &[u8],
    place: &Place<'_>,
    conversation: &mut Conversation,
    message: &mut Message,
) -> Option<Family> {
    if place.cut.shape == Shape::Name {
        name(frame, message);
        conversation.greeting(frame, message);
        return Some(Family::Service);
    }
    let start = if place.cut.shape == Shape::Prefixed {
        4.min(frame.len())
    } else {
        0
    };
    check_prefix(frame, place, message);
    let payload = frame.get(start..).unwrap_or_default();
    let oversize = place.cut.damage == Some(Damage::Oversize);
    if oversize || place.cut.damage == Some(Damage::Incomplete) && payload.is_empty() {
        let family = place
            .cut
            .family
            .or(conversation.service().and_then(|known| known.family));
        unread(frame, start, family, message);
        return None;
    }
    let role = conversation.role(place.direction);
    let picked = pick(payload, place, role, conversation);
    let Some((choice, asides)) = picked else {
        return unknown(frame, start, place, role, conversation, message);
    };
    let reading = choice.best;
    message.protocol = reading.family.name();
    message.type_name = reading.kind.name;
    header(frame, start, Some(&reading), message);
    let before = message.issues.len();
    fields(frame, start, &reading, message);
    if place.cut.damage.is_some() {
        message.faithful = false;
        expected_loss(before, message);
    }
    if reading.layout == V3_0 {
        message.note(
            "old-layout",
            (start, frame.len()),
            "the layout of releases before 4.1.0; later ones refuse it",
        );
    }
    match choice.other {
        Some(other)
            if !place.cut.settled || same_family(&choice) || reading.fit == Fit::Damaged =>
        {
            inner::ambiguous(frame, start, (&reading, &other), message);
        }
        _ => inner::deeper(frame, &reading, &mut conversation.payloads, message),
    }
    perhaps_damaged(payload, start, &asides, message);
    if place.whole && place.cut.family.is_none() {
        perhaps_unknown(frame, start, &reading, message);
    }
    if place.cut.damage.is_none() {
        conversation.check(frame, start, &reading, place.direction, message);
    }
    Some(reading.family)
}

/// That fields are missing from an incomplete frame is said already.
fn expected_loss(before: usize, message: &mut Message) {
    let mut number = 0;
    message.issues.retain(|issue| {
        number += 1;
        let lost = ["truncated-message", "short-frame", "payload-length"];
        number <= before || !lost.contains(&issue.code)
    });
}

/// Tells what is wrong with `payload` if it is one of these damaged messages.
fn perhaps_damaged(
    payload: &[u8],
    start: usize,
    asides: &[(Reading, Severity)],
    message: &mut Message,
) {
    for (reading, severity) in asides {
        let Some(issue) = damage::finding(reading, payload) else {
            continue;
        };
        if message.issues.iter().any(|known| known.code == issue.code) {
            continue;
        }
        let at = (
            start + issue.at.start as usize,
            start + issue.at.end as usize,
        );
        let kind = (reading.kind.name, reading.family.name());
        let text = format!(
            "damaged, if this is {} of {}: {}",
            kind.0, kind.1, issue.message
        );
        message.issue(*severity, issue.code, at, text);
    }
}

/// Tells that a first byte is no tag where next to nothing speaks for the reading.
fn perhaps_unknown(frame: &[u8], start: usize, reading: &Reading, message: &mut Message) {
    let least = match reading.fit {
        Fit::Damaged => LITTLE,
        Fit::Exact if reading.code().is_some() => i32::MIN,
        Fit::Lenient | Fit::Exact => 0,
    };
    let Some(code) = frame.get(start).filter(|_| reading.evidence() < least) else {
        return;
    };
    let at = (start, start + 1);
    let formats = [
        (Family::Protocol, "unknown-tag", "tag"),
        (Family::Syncup, "unknown-opcode", "opcode"),
    ];
    for (family, issue, word) in formats {
        if messages::by_code(family.messages(), *code).is_none() {
            let name = family.name();
            let text = format!("damaged, if this is of {name}: {word} {code} is not known");
            message.warning(issue, at, text);
        }
    }
}

fn same_family(choice: &Choice) -> bool {
    choice
        .other
        .is_some_and(|other| other.family == choice.best.family)
}

/// How to read the payload; none if no type fits, not even in part.
fn pick(
    payload: &[u8],
    place: &Place<'_>,
    role: Role,
    conversation: &Conversation,
) -> Option<(Choice, Vec<(Reading, Severity)>)> {
    let only;
    let families: &[Family] = match place.cut.family {
        Some(family) => {
            only = [family];
            &only
        }
        None => place.families,
    };
    if families == [Family::LogEntry] {
        return log_entry(payload, place.log_entry).map(|choice| (choice, Vec::new()));
    }
    let (mut choice, asides) = if place.whole {
        let known = place.weighed.clone().map(|weighed| *weighed);
        known
            .or_else(|| weigh(families, payload, role))
            .map(|Weighed { choice, asides, .. }| (choice, asides))
            .unzip()
    } else {
        let choice = choose(families, payload, role);
        let weak =
            choice.filter(|choice| choice.best.fit == Fit::Lenient || !choice.best.is_proven());
        let better = weak.and_then(|_| damaged_first(payload, place, role, conversation));
        (better.or(choice), None)
    };
    let position = conversation.position(place.direction);
    if let Some(found) = &mut choice {
        let answers = std::ptr::eq(found.best.kind, messages::STREAM_RESPONSE_MESSAGE);
        let greeted = conversation.service().is_some();
        if answers && greeted && (role, position) == (Role::Answers, Position::Later) {
            // A feeder answers once; replicas take all that follows for entries.
            let best = by_shape(Family::Feeder, payload, role, position)?;
            return Some((Choice { best, other: None }, Vec::new()));
        }
        if !place.cut.settled && families.len() == 1 {
            found.other = found.other.or(elsewhere(&found.best, payload, place, role));
        }
        if found.best.family == Family::Feeder {
            conversation.place_in_stream(found, payload, place.follows, place.direction);
        }
        if place.cut.shape != Shape::Prefixed && found.best.layout_name().is_some() {
            prefer_layout(found, payload, place);
        }
        return choice.map(|choice| (choice, asides.unwrap_or_default()));
    }
    let family = match families {
        [family] => *family,
        _ => return None,
    };
    by_shape(family, payload, role, position).map(|best| (Choice { best, other: None }, Vec::new()))
}

/// The damaged message that the first frame of an unknown service more likely is: nothing but the
/// frame itself has shown the format.
fn damaged_first(
    payload: &[u8],
    place: &Place<'_>,
    role: Role,
    conversation: &Conversation,
) -> Option<Choice> {
    let first = conversation.position(place.direction) == Position::First;
    if !first || conversation.service().is_some() || place.cut.shape != Shape::Prefixed {
        return None;
    }
    weigh(place.families, payload, role)
        .map(|weighed| weighed.choice)
        .filter(|choice| choice.best.fit == Fit::Damaged)
}

/// A reading in another format that is as good as the one that the first bytes suggest.
fn elsewhere(best: &Reading, payload: &[u8], place: &Place<'_>, role: Role) -> Option<Reading> {
    let choice = choose(place.families, payload, role)?;
    [Some(choice.best), choice.other]
        .into_iter()
        .flatten()
        .find(|other| {
            other.family != best.family
                && other.fit == Fit::Exact
                && best.fit == Fit::Exact
                && other.bits + AS_GOOD >= best.bits
        })
}

/// In a row of messages the layout was settled by what follows.
fn prefer_layout(choice: &mut Choice, payload: &[u8], place: &Place<'_>) {
    if place.cut.shape == Shape::Bare && place.cut.layout != choice.best.layout {
        let other = Reading {
            layout: place.cut.layout,
            end: payload.len(),
            ..choice.best
        };
        if place.cut.layout == V3_0 && choice.best.fit != Fit::Exact {
            choice.best = other;
        }
    }
}

/// The type that a damaged message ought to have.
fn by_shape(family: Family, payload: &[u8], role: Role, position: Position) -> Option<Reading> {
    let first = payload.first().copied();
    let kind = match family {
        Family::Protocol | Family::Syncup => messages::by_code(family.messages(), first?)?,
        Family::Admin if role == Role::Answers => messages::ADMIN_ACK,
        Family::Admin => messages::by_code(messages::ADMIN, first?)?,
        Family::Feeder => match (role, position) {
            (Role::Asks, Position::First) => messages::STREAM_REQUEST,
            (Role::Asks, Position::Later) => messages::FEEDER_ACK,
            (Role::Answers, Position::First) if payload.len() < 9 => {
                messages::STREAM_RESPONSE_MESSAGE
            }
            _ if payload.len() == 1 && role == Role::Either => messages::STREAM_RESPONSE_MESSAGE,
            _ => messages::FEEDER_ENTRY,
        },
        Family::Restore => {
            let magic = restore::MAGIC.starts_with(payload) || payload == b"NRST";
            match role {
                Role::Asks => messages::RESTORE_REQUEST,
                Role::Either if magic && !payload.is_empty() => messages::RESTORE_REQUEST,
                _ => messages::RESTORE_RESPONSE,
            }
        }
        Family::Service | Family::LogEntry => return None,
    };
    Some(Reading {
        family,
        kind,
        layout: V4_1,
        fit: Fit::Damaged,
        bits: 0,
        doubts: 0,
        end: payload.len(),
    })
}

/// The payload of a log entry says nothing of its type: the first that fits exactly.
fn log_entry(payload: &[u8], code: Option<u8>) -> Option<Choice> {
    if let Some(kind) = code.and_then(log_entries::by_code) {
        return Some(Choice {
            best: Reading {
                family: Family::LogEntry,
                kind,
                layout: V4_1,
                fit: Fit::Damaged,
                bits: 0,
                doubts: 0,
                end: payload.len(),
            },
            other: None,
        });
    }
    choose(&[Family::LogEntry], payload, Role::Either)
        .filter(|choice| choice.best.fit == Fit::Exact)
}

fn check_prefix(frame: &[u8], place: &Place<'_>, message: &mut Message) {
    let length = guess::prefix(frame).unwrap_or_default();
    let there = frame.len().saturating_sub(4);
    match place.cut.damage {
        Some(Damage::Oversize) => message.error(
            "oversize-length",
            (0, frame.len().min(4)),
            format!("the length {length} is more than the {MOST_PAYLOAD} that receivers take"),
        ),
        Some(Damage::Torn) => message.error(
            "incomplete-frame",
            (0, frame.len()),
            "another frame starts before this one ends",
        ),
        Some(Damage::Incomplete) => {
            let what = match place.cut.shape {
                Shape::Prefixed if frame.len() < 4 => "its length".to_owned(),
                Shape::Prefixed => format!("a frame of {length} bytes, of which {there} are there"),
                _ => "a message".to_owned(),
            };
            message.warning(
                "incomplete-frame",
                (0, frame.len()),
                format!("the connection ends inside {what}"),
            );
            message.faithful = false;
        }
        None => {}
    }
}

fn header(frame: &[u8], start: usize, reading: Option<&Reading>, message: &mut Message) {
    let tree = &mut message.tree;
    let id = tree.open(None, Value::Struct, 0);
    if start > 0 {
        let length = guess::prefix(frame).unwrap_or_default() as u64;
        let length = tree.leaf(Some(&LENGTH), Value::Unsigned(length), Span::new(0, start));
        if let Some(node) = tree.get_mut(length) {
            node.hidden = true;
        }
    }
    let at = Span::new(start, start);
    tree.leaf(Some(&PREFIXED), Value::Bool(start > 0), at);
    let mut end = start;
    if let Some(reading) = reading {
        if let Some(code) = reading.code().filter(|_| frame.len() > start) {
            end = start + 1;
            tree.leaf(Some(&CODE), Value::Unsigned(code), Span::new(start, end));
        }
        if let Some(symbol) = reading
            .layout_name()
            .and_then(|_| LAYOUT_NAMES.get(reading.layout as usize))
        {
            tree.leaf(Some(&LAYOUT), Value::Static(symbol), Span::new(end, end));
        }
    }
    tree.close(id, end);
    message.header = Some(id);
}

/// Decodes the body; what is behind it stays as rest.
fn fields(frame: &[u8], start: usize, reading: &Reading, message: &mut Message) {
    let body = message.tree.next_id();
    let first = (start + reading.start()).min(frame.len());
    let table = match reading.family {
        Family::LogEntry => log_entries::body_of(reading.kind, frame.len()),
        _ => &reading.kind.body,
    };
    if frame.len() == start && reading.family != Family::Feeder {
        message.error("empty-message", (0, start), "the frame is empty");
        return;
    }
    let range = (first, frame.len());
    let outcome = Decoder::new(frame, range, reading.rules(), message).run(table, None);
    message.body = Some(body);
    if outcome.complete && outcome.end < frame.len() {
        let count = frame.len() - outcome.end;
        message.warning(
            "trailing-bytes",
            (outcome.end, frame.len()),
            format!("{count} bytes after the message, which receivers ignore"),
        );
    }
    message.rest(outcome.end, frame.len());
}

/// A message whose type is not known.
fn unknown(
    frame: &[u8],
    start: usize,
    place: &Place<'_>,
    role: Role,
    conversation: &Conversation,
    message: &mut Message,
) -> Option<Family> {
    let family = place.cut.family;
    unread(frame, start, family, message);
    let code = frame.get(start).copied();
    let at = (start, (start + 1).min(frame.len()));
    match (family, code) {
        (Some(Family::Feeder), None) => {
            message.error("short-frame", (0, start), "the frame is empty");
        }
        (Some(Family::Restore), None) => {
            message.error("truncated-message", (0, start), "the frame is empty");
        }
        (Some(_), None) => message.error("empty-message", (0, start), "the frame is empty"),
        (Some(Family::Protocol), Some(code)) => {
            message.error("unknown-tag", at, format!("tag {code} is not known"));
        }
        (Some(Family::Syncup), Some(code)) => {
            message.error("unknown-opcode", at, format!("opcode {code} is not known"));
        }
        (Some(Family::Admin), Some(code)) if role != Role::Answers => message.warning(
            "unknown-command",
            at,
            format!("command {code} is not known; the node answers REJECTED"),
        ),
        (Some(Family::LogEntry), Some(_)) => message.error(
            "entry-payload-undecodable",
            (start, frame.len()),
            "no log entry type has such a payload",
        ),
        (None, _) if conversation.service().is_some() => {
            message.type_name = "opaque";
            message.note(
                "unknown-service",
                (start, frame.len()),
                "the connection is for a service whose messages are not known",
            );
        }
        (None, Some(code)) if place.whole => {
            message.error(
                "unknown-tag",
                at,
                format!("tag {code} is no ProtocolMessage's"),
            );
            message.error(
                "unknown-opcode",
                at,
                format!("opcode {code} is no SyncupMsg's"),
            );
            let text = format!("command {code} is not known either; no other format fits");
            message.warning("unknown-command", at, text);
        }
        _ => {}
    }
    family
}

/// Shows a message as bytes.
fn unread(frame: &[u8], start: usize, family: Option<Family>, message: &mut Message) {
    message.protocol = family.map_or("unknown", Family::name);
    message.faithful = false;
    header(frame, start, None, message);
    message.rest(start, frame.len());
}

/// The greeting: a name behind its length.
fn name(frame: &[u8], message: &mut Message) {
    message.protocol = Family::Service.name();
    message.type_name = messages::SERVICE_NAME.name;
    let length = guess::prefix(frame);
    let there = frame.len().saturating_sub(4);
    let tree = &mut message.tree;
    let id = tree.open(None, Value::Struct, 0);
    // Its length is its own, no frame's.
    tree.leaf(Some(&PREFIXED), Value::Bool(false), Span::default());
    tree.close(id, 0);
    message.header = Some(id);
    let Some(length) = length else {
        message.warning(
            "incomplete-frame",
            (0, frame.len()),
            "the connection ends inside the length of the service name",
        );
        message.rest(0, frame.len());
        return;
    };
    if length == 0 || length > MOST_NAME {
        message.error(
            "oversize-length",
            (0, 4),
            format!("a service name has 1 to {MOST_NAME} bytes, not {length}; the node hangs up"),
        );
    } else if there < length {
        message.warning(
            "incomplete-frame",
            (4, frame.len()),
            format!("the connection ends after {there} of the service name's {length} bytes"),
        );
        message.faithful = false;
    }
    let end = (4 + length).min(frame.len());
    let body = message.tree.open(None, Value::Struct, 0);
    let content = Span::new(4, end);
    let value = match std::str::from_utf8(content.of(frame)) {
        Ok(_) => Value::Text(content),
        Err(_) => Value::BadText(content),
    };
    message.tree.leaf(Some(&NAME), value, Span::new(0, end));
    message.tree.close(body, end);
    message.body = Some(body);
    if matches!(value, Value::BadText(_)) && there >= length {
        message.error("invalid-utf8", (4, end), "the service name is not UTF-8");
    }
    if end < frame.len() {
        message.rest(end, frame.len());
    }
}
