//! Going on behind a hole: the bytes that come next may be the rest of a frame, or a message whose
//! length was lost (prefixes are often sent, and lost, alone).
//!
//! A frame is found where prefixes chain up to the end of what is there, each with a message that
//! fits exactly, in its direction, with VLSNs that go on. Source: protocol page `noxu`, section 9.

use super::damage;
use super::guess::{MOST_PAYLOAD, SERVICES, begins, prefix, prefix_bits};
use super::messages;
use super::reading::{AS_GOOD, Family, Fit, Reading, Role, choose};
use crate::protocol::Input;
use crate::schema::Way;

/// How many frames are looked at.
const MOST_FRAMES: u32 = 8;
/// Behind so many bytes, only what is sure holds back what is before it.
const PATIENCE: usize = 64 << 10;
/// Evidence that makes a frame of the connection's format sure; of a format not known, more.
const SURE: u32 = 40;
/// Evidence that suffices where nothing follows.
const ENOUGH: u32 = 18;
/// What it takes more where the format is not known.
const FOREIGN: u32 = 20;
/// Evidence behind which frames need not go on.
const CERTAIN: u32 = 50;
/// Evidence in the beginning of a frame that is worth waiting for its end.
const STRONG: u32 = 24;
/// What it says that frames end where the bytes do: often, where a packet does.
const FILLS: u32 = 10;
/// What a VLSN says that is one of the next.
const GOES_ON: u32 = 44;
/// How many VLSNs a hole may swallow.
const MOST_LOST: u64 = 1 << 24;

/// What is known of the direction.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The formats that it may have; none if its service is not known.
    pub families: &'a [Family],
    /// Who sends.
    pub role: Role,
    /// The VLSN of its last entry or acknowledgment.
    pub last: Option<u64>,
    /// The format that is likeliest, if that cannot be said for sure.
    pub hint: Option<Family>,
}

/// How to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A frame starts at this position; its format, and whether that is settled.
    At(usize, Option<Family>, bool),
    /// Before this position is no frame.
    Behind(usize),
    /// That shows when so many bytes are there.
    Need(usize),
}

/// What starts somewhere.
#[derive(Clone, Copy, Debug)]
enum Start {
    No,
    /// A frame of this size whose end is not there, and how much speaks for it.
    Open(usize, u32),
    /// Frames for which so much speaks.
    Frames(u32),
}

/// Looks for the next frame.
#[must_use]
pub fn next(input: &Input<'_>, known: &Known<'_>) -> Next {
    let bytes = input.bytes;
    let more = if known.families.len() > 1 { FOREIGN } else { 0 };
    let mut likeliest: Option<(u32, Next)> = None;
    // Bounds the work on hostile bytes that look like frames everywhere.
    let mut budget = bytes.len().saturating_mul(16).saturating_add(1 << 16);
    for position in 0..bytes.len() {
        let rest = bytes.get(position..).unwrap_or_default();
        let Some(length) = prefix(rest).filter(|length| (1..=MOST_PAYLOAD).contains(length)) else {
            continue;
        };
        let cost = length.min(rest.len()).saturating_mul(known.families.len());
        if cost > budget {
            continue;
        }
        budget -= cost;
        match best_start(rest, known) {
            (Start::Open(size, _), ..) if !input.ended => return wait(position, size),
            // What another hole cuts off is a frame all the same.
            (Start::Frames(bits) | Start::Open(_, bits), family, settled) => {
                let at = Next::At(position, family, settled);
                if bits >= SURE + more {
                    return at;
                }
                if likeliest.is_none_or(|(known, _)| bits > known) {
                    likeliest = Some((bits, at));
                }
            }
            _ => {}
        }
    }
    match likeliest {
        Some((bits, at)) if input.ended && bits >= ENOUGH + more => at,
        _ if input.ended => Next::Behind(bytes.len()),
        // A prefix may have begun.
        _ if bytes.len() >= PATIENCE => Next::Behind(bytes.len() - 3),
        _ => Next::Need(bytes.len() + 1 + bytes.len() / 8),
    }
}

/// Waits for the frame at `position`.
fn wait(position: usize, size: usize) -> Next {
    match position {
        PATIENCE.. => Next::Behind(position),
        _ => Next::Need(position + size),
    }
}

/// The best of what `bytes` may start with: its format, and whether that is settled.
fn best_start(bytes: &[u8], known: &Known<'_>) -> (Start, Option<Family>, bool) {
    if known.families.is_empty() {
        return (start(bytes, None, known), None, false);
    }
    let mut best = (Start::No, None, true);
    for family in known.families {
        let found = match start(bytes, Some(*family), known) {
            Start::Frames(bits) if known.hint == Some(*family) => Start::Frames(bits + FOREIGN),
            found => found,
        };
        best = match (found, best.0) {
            (Start::No, _) => best,
            (Start::Frames(bits), Start::Frames(other)) if bits <= other => {
                (best.0, best.1, best.2 && other - bits > AS_GOOD)
            }
            (Start::Frames(bits), Start::Frames(other)) => {
                (found, Some(*family), bits - other > AS_GOOD)
            }
            (Start::Open(..), Start::Frames(_)) => best,
            _ => (found, Some(*family), true),
        };
    }
    best
}

fn start(bytes: &[u8], family: Option<Family>, known: &Known<'_>) -> Start {
    let mut bits = 0;
    let mut position = 0;
    let mut last = known.last;
    // Whether some message behind the first does not fit: believed only if the lengths still do.
    let mut odd = false;
    for number in 0..MOST_FRAMES {
        let rest = bytes.get(position..).unwrap_or_default();
        if rest.is_empty() {
            return Start::Frames(bits + FILLS);
        }
        let Some(length) = prefix(rest) else {
            break;
        };
        let size = length.saturating_add(4);
        let whole = rest.get(4..size);
        let fitting = match whole {
            _ if length > MOST_PAYLOAD || length == 0 && number == 0 => None,
            Some(payload) => fit(family, payload, known.role, &mut last, number),
            None => beginning(family, rest, length, known.role),
        };
        match (fitting, whole) {
            (Some(more), Some(_)) => bits += more + prefix_bits(length),
            (Some(more), None) if number == 0 => {
                return if more >= STRONG {
                    Start::Open(size, more + prefix_bits(length))
                } else {
                    Start::No
                };
            }
            (Some(_), None) => break,
            (None, _) if bits >= CERTAIN => break,
            (None, Some(_)) if number > 0 && length <= MOST_PAYLOAD => odd = true,
            (None, _) => return Start::No,
        }
        position += size;
    }
    if odd && bits < CERTAIN {
        return Start::No;
    }
    Start::Frames(bits)
}

/// What speaks for a message whose end is not there, if it may be one.
fn beginning(family: Option<Family>, rest: &[u8], length: usize, role: Role) -> Option<u32> {
    let there = rest.get(4..).unwrap_or_default();
    match family {
        None | Some(Family::Admin) => Some(0),
        Some(Family::Feeder) if !may_be_as_long(length, role) => None,
        Some(family) => begins(family, there, length),
    }
}

/// Whether a message of the feeder stream may have this length.
fn may_be_as_long(length: usize, role: Role) -> bool {
    (role != Role::Answers && length == 8) || (role != Role::Asks && (length == 1 || length >= 17))
}

/// What speaks for `payload` being a message of its own, if it is one.
fn fit(
    family: Option<Family>,
    payload: &[u8],
    role: Role,
    last: &mut Option<u64>,
    number: u32,
) -> Option<u32> {
    let Some(family) = family else {
        return Some(0);
    };
    if family == Family::Feeder {
        return streamed(payload, role, last);
    }
    let reading = choose(&[family], payload, role)?.best;
    let odd_bool = reading.fit == Fit::Lenient && reading.end == payload.len();
    if reading.fit != Fit::Exact && !odd_bool {
        return (number > 0).then_some(0);
    }
    let way = match role {
        Role::Asks => reading.kind.way != Way::ServerToClient,
        Role::Answers => reading.kind.way != Way::ClientToServer,
        Role::Either => true,
    };
    let doubts = damage::doubts(&reading, payload);
    (way || family != Family::Syncup).then(|| reading.bits.saturating_sub(doubts))
}

/// The same for the feeder stream, whose VLSNs go on.
fn streamed(payload: &[u8], role: Role, last: &mut Option<u64>) -> Option<u32> {
    if !may_be_as_long(payload.len(), role) {
        return None;
    }
    let vlsn = payload
        .first_chunk()
        .map(|first| u64::from_le_bytes(*first));
    let goes_on = |vlsn: u64| last.map(|last| vlsn.wrapping_sub(last).wrapping_sub(1) < MOST_LOST);
    let bits = match vlsn {
        // Answers to the request come first.
        None if last.is_some() => return None,
        None => exact(payload, role)?.bits,
        Some(vlsn) => {
            let acknowledges = payload.len() == 8;
            let own = if acknowledges {
                0
            } else {
                exact(payload, role)?.bits
            };
            match goes_on(vlsn) {
                Some(true) => GOES_ON + own,
                // What came last may have been wrong itself: the next ones tell.
                _ if acknowledges && (vlsn >> 32 == 0 || vlsn == u64::MAX) => 8,
                _ if !acknowledges => own,
                _ => return None,
            }
        }
    };
    *last = vlsn.filter(|vlsn| *vlsn != u64::MAX).or(*last);
    Some(bits)
}

fn exact(payload: &[u8], role: Role) -> Option<Reading> {
    choose(&[Family::Feeder], payload, role)
        .map(|choice| choice.best)
        .filter(|reading| reading.fit == Fit::Exact)
        .filter(|reading| !std::ptr::eq(reading.kind, messages::STREAM_REQUEST))
}

/// The service name that starts the bytes of a client, its length being lost, and that what it
/// asks for follows.
#[must_use]
pub fn bare_name(input: &Input<'_>) -> Option<(&'static str, Family)> {
    let (name, family) = SERVICES
        .iter()
        .find(|(name, _)| input.bytes.starts_with(name.as_bytes()))?;
    let behind = input.bytes.get(name.len()..).unwrap_or_default();
    let known = Known {
        families: &[*family],
        role: Role::Asks,
        last: None,
        hint: None,
    };
    if behind.is_empty() && input.ended {
        return Some((*name, *family));
    }
    let follows = match start(behind, Some(*family), &known) {
        Start::Frames(bits) => bits >= ENOUGH,
        Start::Open(..) => true,
        Start::No => false,
    };
    follows.then_some((*name, *family))
}
