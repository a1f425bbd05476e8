//! Messages that real decoders refuse: which they would be, and what is wrong with them.
//!
//! Source: protocol page `noxu`, sections 3 to 7 and 9.

use super::guess::{self, MOST_NAME, SERVICES};
use super::log_entries;
use super::messages::{self, V4_1};
use super::reading::{Family, Fit, Reading, Role, bounded};
use super::restore;
use crate::model::{Issue, Message, Severity};
use crate::schema::MessageType;
use crate::schema::packed::{Decoder, measure_beginning};

/// What a known tag says.
const TAG_BITS: u32 = 5;
/// What a known log entry type says.
const ENTRY_TYPE_BITS: u32 = 3;
/// Restore responses do not say what they are: less than this is none.
const LEAST_RESTORE: u32 = 24;
/// What a length says that is just that of the rest.
const FITTING_LENGTH: u32 = 20;

/// Calls `visit` with every message of `family` that `payload` may be, though a real decoder
/// refuses it.
pub fn damaged(family: Family, payload: &[u8], role: Role, visit: &mut dyn FnMut(Reading)) {
    let by_code = || {
        let code = payload.first()?;
        messages::by_code(family.messages(), *code)
    };
    let kind = match family {
        Family::Protocol | Family::Syncup => by_code(),
        Family::Admin if role != Role::Answers => by_code(),
        Family::Feeder if role != Role::Asks => entry(payload),
        Family::Restore => {
            if let Some(reading) = restore_request(payload).filter(|_| role != Role::Answers) {
                visit(reading);
            }
            restore_response(payload).filter(|_| role != Role::Asks)
        }
        Family::Admin | Family::Feeder | Family::Service | Family::LogEntry => None,
    };
    if let Some(reading) = kind.and_then(|kind| beginning(family, kind, payload)) {
        visit(reading);
    }
    if family == Family::Feeder && role != Role::Asks {
        let whole = bounded(family, messages::FEEDER_ENTRY, V4_1, payload);
        // Its checksum is wrong.
        if let Some(reading) = whole.filter(|reading| reading.fit == Fit::Damaged) {
            visit(reading);
        }
    }
}

fn reading(family: Family, kind: &'static MessageType, bits: u32, end: usize) -> Reading {
    Reading {
        family,
        kind,
        layout: V4_1,
        fit: Fit::Damaged,
        bits,
        doubts: 0,
        end,
    }
}

/// `payload` as a `kind` that ends early or has wrong values; none if nothing is wrong.
fn beginning(family: Family, kind: &'static MessageType, payload: &[u8]) -> Option<Reading> {
    let mut reading = reading(family, kind, 0, payload.len());
    let beginning = measure_beginning(&kind.body, payload, reading.start(), &reading.rules());
    if !beginning.ran_out && !beginning.wrong {
        return None;
    }
    let tagged = reading.code().is_some();
    let typed = entry_type(family, kind).and_then(|at| payload.get(at));
    reading.bits = beginning.found.bits
        + if tagged { TAG_BITS } else { 0 }
        + if typed.is_some_and(|code| log_entries::by_code(*code).is_some()) {
            ENTRY_TYPE_BITS
        } else {
            0
        };
    reading.doubts = beginning.found.doubts;
    let restore = family == Family::Restore;
    (!restore || reading.bits >= LEAST_RESTORE).then_some(reading)
}

/// How unlikely a sender means the values that `payload` has as `reading`, in bits, roughly.
#[must_use]
pub fn doubts(reading: &Reading, payload: &[u8]) -> u32 {
    let body = &reading.kind.body;
    let beginning = measure_beginning(body, payload, reading.start(), &reading.rules());
    beginning.found.doubts
}

/// Where a message has the type of a log entry.
fn entry_type(family: Family, kind: &MessageType) -> Option<usize> {
    match family {
        Family::Feeder => Some(8),
        Family::Protocol if kind.name == "LogEntry" => Some(9),
        _ => None,
    }
}

/// Feeder entries have no tag: the type of the log entry and a VLSN stand for it.
fn entry(payload: &[u8]) -> Option<&'static MessageType> {
    let vlsn = u64::from_le_bytes(*payload.first_chunk::<8>()?);
    let known = log_entries::by_code(*payload.get(8)?).is_some();
    (known && vlsn != 0 && vlsn >> 48 == 0).then_some(messages::FEEDER_ENTRY)
}

/// Restore responses have no tag: the length of a file name stands for it.
fn restore_response(payload: &[u8]) -> Option<&'static MessageType> {
    let length = payload.get(4..)?.first_chunk::<2>()?;
    (1..=MOST_NAME)
        .contains(&u16::from_le_bytes(*length).into())
        .then_some(messages::RESTORE_RESPONSE)
}

/// The magic number of a restore request, in part or the wrong way round.
fn restore_request(payload: &[u8]) -> Option<Reading> {
    let turned = payload.iter().eq(restore::MAGIC.iter().rev());
    let torn = (2..4).contains(&payload.len()) && restore::MAGIC.starts_with(payload);
    let bits = if turned { 28 } else { 8 * payload.len() as u32 };
    (turned || torn).then(|| {
        reading(
            Family::Restore,
            messages::RESTORE_REQUEST,
            bits,
            payload.len(),
        )
    })
}

/// What speaks for `bytes` being a greeting that dispatchers refuse.
#[must_use]
pub fn greeting(bytes: &[u8]) -> Option<u32> {
    let length = guess::prefix(bytes)?;
    let name = bytes.get(4..)?;
    let fits = (1..=MOST_NAME).contains(&length);
    let text = std::str::from_utf8(name);
    if name.is_empty() {
        return None;
    }
    if length == name.len() {
        return match text {
            Ok(text) if !fits && !text.contains(char::is_control) => {
                Some(FITTING_LENGTH + text.len().min(16) as u32)
            }
            Err(_) if fits && !name.iter().any(u8::is_ascii_control) => Some(FITTING_LENGTH),
            _ => None,
        };
    }
    let known = SERVICES.iter().any(|(service, _)| {
        service.as_bytes().starts_with(name) && (!fits || service.len() == length)
    });
    (known && name.len() >= 2).then_some(8 * name.len() as u32)
}

/// What is wrong with `payload` as `reading` has it: the first thing that real decoders refuse.
#[must_use]
pub fn finding(reading: &Reading, payload: &[u8]) -> Option<Issue> {
    let mut message = Message::default();
    let range = (reading.start(), payload.len());
    Decoder::new(payload, range, reading.rules(), &mut message).run(&reading.kind.body, None);
    let issues = message.issues.into_iter();
    issues
        .filter(|issue| issue.severity == Severity::Error)
        .min_by_key(|issue| issue.at.start)
}
