//! What bytes of unknown origin may be: frames with or without length prefix, of which format.
//!
//! Source: protocol page `noxu`, section 9.

use super::messages::{V3_0, V4_1};
use super::reading::{Family, Fit, Reading, Role, choose, self_delimiting};
use super::restore;
use crate::schema::packed::Unfit;

/// Largest payload of a frame that receivers take.
pub const MOST_PAYLOAD: usize = 64 << 20;
/// Longest service name that dispatchers take.
pub const MOST_NAME: usize = 256;
/// The services that nodes register.
pub const SERVICES: [(&str, Family); 5] = [
    ("ELECTION", Family::Protocol),
    ("PEER_FEEDER", Family::Feeder),
    ("RESTORE", Family::Restore),
    ("ADMIN", Family::Admin),
    ("REP_SYNCUP", Family::Syncup),
];
/// Evidence below this is none.
pub const LEAST_BITS: u32 = 8;

/// Evidence below this is none for messages without prefix on a connection: nodes prefix what they
/// send.
pub const LEAST_BARE: u32 = 30;

/// How many messages are looked at to tell formats apart.
const MOST_MESSAGES: u32 = 8;
/// How many bytes.
const MOST_LOOK: usize = 1 << 20;

/// How messages lie in the bytes of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A service name behind its length.
    Name,
    /// Messages behind their lengths.
    Prefixed,
    /// Messages back to back.
    Bare,
    /// A restore request or response without frames.
    Unframed,
}

/// An explanation of some bytes.
#[derive(Clone, Copy, Debug)]
pub struct Guess {
    /// How messages lie.
    pub shape: Shape,
    /// Their format.
    pub family: Family,
    /// How unlikely this is by chance, in bits, roughly.
    pub bits: u32,
    /// By how many bits the best explanation with another format is worse.
    pub margin: u32,
    /// Size of the first message with its prefix, if it is there in full.
    pub first: Option<usize>,
}

/// The best explanation of how `bytes` start, among `families`.
#[must_use]
pub fn guess(
    bytes: &[u8],
    ended: bool,
    families: &[Family],
    (role, may_greet): (Role, bool),
) -> Option<Guess> {
    let bytes = bytes.get(..MOST_LOOK).unwrap_or(bytes);
    let mut best: Option<Guess> = None;
    let mut consider = |guess: Option<Guess>| {
        let Some(guess) = guess.filter(|guess| guess.bits >= LEAST_BITS) else {
            return;
        };
        match &mut best {
            Some(best) if best.bits >= guess.bits => {
                best.margin = best.margin.min(best.bits - guess.bits);
            }
            Some(best) if best.family == guess.family => {
                let margin = best.margin.saturating_add(guess.bits - best.bits);
                *best = Guess { margin, ..guess };
            }
            Some(best) => {
                let margin = guess.bits - best.bits;
                *best = Guess { margin, ..guess };
            }
            None => best = Some(guess),
        }
    };
    if may_greet {
        consider(name(bytes));
    }
    for family in families {
        consider(prefixed(bytes, ended, *family, role));
        consider(bare(bytes, ended, *family, role, may_greet));
    }
    best
}

/// The integer in front of a frame or service name.
#[must_use]
pub fn prefix(bytes: &[u8]) -> Option<usize> {
    let field = bytes.first_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*field)).ok()
}

/// The service name that starts `bytes`: its content, as far as it is there, and its length.
#[must_use]
pub fn service_name(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let length = prefix(bytes).filter(|length| (1..=MOST_NAME).contains(length))?;
    let there = bytes.get(4..)?;
    Some((there.get(..length).unwrap_or(there), length))
}

/// The format that the service with this name speaks.
#[must_use]
pub fn family_of(name: &[u8]) -> Option<Family> {
    SERVICES
        .iter()
        .find(|(known, _)| known.as_bytes() == name)
        .map(|(_, family)| *family)
}

fn name(bytes: &[u8]) -> Option<Guess> {
    let (content, length) = service_name(bytes)?;
    let complete = content.len() == length;
    let text = std::str::from_utf8(content);
    let text = match text {
        Ok(text) => text,
        Err(error) if !complete && error.error_len().is_none() => "",
        Err(_) => return None,
    };
    if content.is_empty() || text.chars().any(char::is_control) {
        return None;
    }
    let known = SERVICES
        .iter()
        .any(|(name, _)| name.len() == length && name.as_bytes().starts_with(content));
    let printable = content.len().min(20) as u32;
    Some(Guess {
        shape: Shape::Name,
        family: Family::Service,
        margin: u32::MAX,
        bits: if known {
            30 + 4 * printable
        } else {
            12 + printable
        },
        first: complete.then_some(4 + length),
    })
}

/// What a length prefix that fits its message proves.
#[must_use]
pub fn prefix_bits(length: usize) -> u32 {
    match length {
        0 | 1 => 9,
        2..=8 => 12,
        _ => 20,
    }
}

fn prefixed(bytes: &[u8], ended: bool, family: Family, role: Role) -> Option<Guess> {
    let mut found = Guess {
        shape: Shape::Prefixed,
        family,
        bits: 0,
        margin: u32::MAX,
        first: None,
    };
    let mut position = 0;
    for number in 0..MOST_MESSAGES {
        let rest = bytes.get(position..)?;
        if rest.is_empty() && ended && number > 0 {
            found.bits += 10;
        }
        let length = match prefix(rest) {
            Some(length) if length <= MOST_PAYLOAD => length,
            // One small message before bytes that are none proves nothing.
            Some(_) if number == 1 && found.bits < LEAST_BARE => return None,
            _ if number > 0 => break,
            _ => return None,
        };
        if length == 0 && number == 0 {
            return None;
        }
        let Some(payload) = rest.get(4..4 + length) else {
            let there = rest.get(4..).unwrap_or_default();
            match begins(family, there, length) {
                Some(bits) => found.bits += bits,
                None if number == 0 => return None,
                None => {}
            }
            break;
        };
        match choose(&[family], payload, role).map(|choice| choice.best) {
            Some(reading) if reading.fit == Fit::Exact => {
                found.bits += reading.bits + prefix_bits(length);
            }
            Some(_) => {}
            None if number == 0 => return None,
            None => break,
        }
        position += 4 + length;
        if number == 0 {
            found.first = Some(position);
        }
    }
    Some(found)
}

/// What speaks for the start of a message of `length` bytes, if anything does.
#[must_use]
pub fn begins(family: Family, there: &[u8], length: usize) -> Option<u32> {
    let counted = |at: usize, size: usize| prefix(there.get(at..)?).map(|n| n + size == length);
    match family {
        Family::Feeder if length >= 17 => match counted(9, 17) {
            Some(true) => Some(prefix_bits(length) + 24),
            Some(false) => None,
            None => Some(0),
        },
        Family::Feeder if length == 8 => Some(4),
        Family::Protocol if there.first() == Some(&5) => match counted(10, 14) {
            Some(true) => Some(prefix_bits(length) + 24),
            Some(false) => None,
            None => Some(4),
        },
        Family::Protocol | Family::Syncup | Family::Restore => {
            match self_delimiting(family, there, V4_1) {
                Err(Unfit::RanOut(bits)) => Some(bits),
                _ => None,
            }
        }
        _ => None,
    }
}

fn bare(bytes: &[u8], ended: bool, family: Family, role: Role, may_greet: bool) -> Option<Guess> {
    if may_greet && family == Family::Restore && bytes.starts_with(&restore::MAGIC) {
        return Some(Guess {
            shape: Shape::Unframed,
            family,
            bits: 32,
            margin: u32::MAX,
            first: Some(restore::MAGIC.len()),
        });
    }
    if family == Family::Restore {
        if role == Role::Asks {
            return None;
        }
        let first = whole_restore(bytes, ended)?;
        return Some(Guess {
            shape: Shape::Unframed,
            family,
            bits: first.bits,
            margin: u32::MAX,
            first: Some(first.end),
        });
    }
    let first = next_bare(bytes, ended, family, V4_1)?;
    let (message, rest) = bytes.split_at_checked(first.end)?;
    let score = first.bits + bare_score(message, rest, ended, family, MOST_MESSAGES - 1);
    Some(Guess {
        shape: Shape::Bare,
        family,
        bits: score,
        margin: u32::MAX,
        first: Some(first.end),
    })
}

/// A restore response without frame: the layout whose arithmetic and checksums come out.
#[must_use]
pub fn whole_restore(bytes: &[u8], ended: bool) -> Option<Reading> {
    let read = |layout| self_delimiting(Family::Restore, bytes, layout).ok();
    let new = read(V4_1).filter(|reading| reading.fit == Fit::Exact);
    if let Some(reading) = new {
        return Some(reading);
    }
    let fills = |reading: &Reading| ended && reading.end == bytes.len();
    read(V3_0)
        .filter(fills)
        .or_else(|| read(V4_1).filter(fills))
}

/// The message that starts `bytes`. The two layouts of a proposal cannot be told apart by
/// themselves: what follows decides, then `preferred`.
#[must_use]
pub fn next_bare(bytes: &[u8], ended: bool, family: Family, preferred: u32) -> Option<Reading> {
    layout_by_sequel(bytes, ended, family, preferred, 4).map(|(reading, _)| reading)
}

/// Whether `bytes` may be the start of a message without prefix.
#[must_use]
pub fn may_go_on(family: Family, bytes: &[u8]) -> bool {
    let counted = bytes.get(9..).and_then(prefix).unwrap_or_default();
    let possible = family != Family::Feeder || counted <= MOST_PAYLOAD;
    possible && matches!(self_delimiting(family, bytes, V4_1), Err(Unfit::RanOut(_)))
}

fn layout_by_sequel(
    bytes: &[u8],
    ended: bool,
    family: Family,
    preferred: u32,
    depth: u32,
) -> Option<(Reading, u32)> {
    let mut best: Option<(Reading, u32)> = None;
    for layout in [preferred, V3_0 + V4_1 - preferred] {
        let Ok(reading) = self_delimiting(family, bytes, layout) else {
            continue;
        };
        let two = reading.layout_name().is_some();
        let rest = bytes.get(reading.end..).unwrap_or_default();
        let score = if two || best.is_some() {
            bare_score(&[], rest, ended, family, depth)
        } else {
            0
        };
        if best.is_none_or(|(_, known)| score > known) {
            best = Some((reading, score));
        }
        if !two {
            break;
        }
    }
    best
}

/// What speaks for `bytes` being messages back to back. One that is the same as that `before` it
/// speaks for nothing: many a text and number repeats a byte.
fn bare_score(before: &[u8], bytes: &[u8], ended: bool, family: Family, depth: u32) -> u32 {
    if bytes.is_empty() {
        return if ended { 10 } else { 0 };
    }
    if depth == 0 {
        return 0;
    }
    let found = layout_by_sequel(bytes, ended, family, V4_1, depth.min(4) - 1);
    let Some((reading, (message, rest))) =
        found.and_then(|(reading, _)| Some((reading, bytes.split_at_checked(reading.end)?)))
    else {
        return 0;
    };
    let bits = if message == before { 0 } else { reading.bits };
    bits + bare_score(message, rest, ended, family, depth - 1)
}
