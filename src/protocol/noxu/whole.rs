//! Messages whose end is known: with prefix, without, or a greeting.
//!
//! Source: protocol page `noxu`, section 9.

use super::damage;
use super::guess::{self, MOST_NAME, Shape};
use super::messages::{SERVICE_NAME, V4_1};
use super::reading::{Family, Fit, Reading, Role, bounded};
use super::weigh::{Weighed, overrules, weigh};
use crate::schema::MessageType;

/// What a length in front that is just that of the rest says.
const PREFIX_BITS: u32 = 20;

/// What a message whose end is known seems to be.
#[derive(Clone, Debug)]
pub struct Whole {
    /// How it lies in its bytes.
    pub shape: Shape,
    /// How well real decoders' reading fits, if one takes it, and what speaks for that.
    pub sound: Option<(Fit, u32)>,
    /// If it is rather a message that they refuse, what speaks for that.
    pub damaged: Option<u32>,
    /// What it may be, unless it is a greeting.
    pub weighed: Option<Weighed>,
}

/// One way in which a message may lie in its bytes.
#[derive(Clone, Copy, Debug)]
struct Lie {
    shape: Shape,
    /// What it most likely is.
    best: Reading,
    /// What it is to real decoders, if they take it.
    fitting: Option<Reading>,
    /// What its prefix says.
    more: u32,
    /// Whether real decoders take it and leave no byte.
    takes_all: bool,
}

impl Lie {
    fn new(shape: Shape, weighed: &Weighed, more: u32, size: usize) -> Self {
        let fitting = weighed.fitting;
        Self {
            shape,
            best: weighed.choice.best,
            fitting,
            more,
            takes_all: fitting.is_some_and(|reading| reading.end == size),
        }
    }

    fn greeting(fit: Fit, bits: u32, size: usize) -> Self {
        let best = Reading {
            family: Family::Service,
            kind: SERVICE_NAME,
            layout: V4_1,
            fit,
            bits,
            doubts: 0,
            end: size,
        };
        Self {
            shape: Shape::Name,
            best,
            fitting: Some(best).filter(|best| best.fit > Fit::Damaged),
            more: 0,
            takes_all: fit > Fit::Damaged,
        }
    }

    fn exact(&self) -> bool {
        self.fitting
            .is_some_and(|reading| reading.fit == Fit::Exact)
    }

    fn evidence(&self) -> i32 {
        self.best.evidence() + self.more.cast_signed()
    }

    /// Whether this is to be preferred to `other`.
    fn beats(&self, other: &Self) -> bool {
        match (self.exact(), other.exact()) {
            (true, true) => self.bits() > other.bits(),
            // Bytes that are left over speak against a reading that decoders take.
            (false, false) if self.fitting.is_some() && other.fitting.is_some() => {
                (self.takes_all, self.evidence()) > (other.takes_all, other.evidence())
            }
            (false, false) => self.evidence() > other.evidence(),
            (true, false) => !overrules(&other.best, &self.best),
            (false, true) => overrules(&self.best, &other.best),
        }
    }

    /// How well it fits a real decoder that takes it, and what speaks for that.
    fn standing(&self) -> Option<(Fit, u32)> {
        self.fitting
            .map(|reading| (reading.fit, reading.bits + self.more))
    }

    /// What speaks for it to a real decoder, if one takes it.
    fn bits(&self) -> u32 {
        self.fitting
            .map_or(self.evidence().max(0).cast_unsigned(), |reading| {
                reading.bits + self.more
            })
    }
}

/// How a message whose end is known lies in its bytes: with or without prefix, or a greeting.
#[must_use]
pub fn best_of_whole(bytes: &[u8], families: &[Family], role: Role) -> Option<Whole> {
    let behind = behind_prefix(bytes);
    let alone = weigh(families, bytes, role);
    let bare = alone
        .as_ref()
        .map(|found| Lie::new(Shape::Bare, found, 0, bytes.len()));
    // Payloads of log entries have no frame of their own.
    let frameless = families == [Family::LogEntry] && bare.is_some_and(|bare| bare.exact());
    let framed = behind
        .filter(|_| !frameless)
        .and_then(|payload| weigh(families, payload, role));
    let size = behind.map_or(0, <[u8]>::len);
    let prefixed = framed
        .as_ref()
        .map(|found| Lie::new(Shape::Prefixed, found, PREFIX_BITS, size));
    let is_message = prefixed.is_some_and(|prefixed| prefixed.exact());
    let is_text = behind.is_none_or(|name| std::str::from_utf8(name).is_ok());
    // What is no text behind its length, but just a message, is that.
    let named = greeting(bytes, behind, families).filter(|_| is_text || !is_message);
    let lies = [bare, prefixed, named];
    let lies = || lies.iter().flatten();
    let best = lies().reduce(|best, next| if next.beats(best) { next } else { best })?;
    Some(Whole {
        shape: best.shape,
        sound: best.standing().or(lies().filter_map(Lie::standing).max()),
        damaged: (best.best.fit == Fit::Damaged).then(|| best.evidence().max(0).cast_unsigned()),
        weighed: match best.shape {
            Shape::Bare => alone,
            Shape::Prefixed => framed,
            Shape::Name | Shape::Unframed => None,
        },
    })
}

/// The bytes as a greeting, sound or not.
fn greeting(bytes: &[u8], behind: Option<&[u8]>, families: &[Family]) -> Option<Lie> {
    let possible = families.contains(&Family::Service);
    let sound = behind.filter(|name| {
        let named = possible || guess::family_of(name).is_some();
        let text = std::str::from_utf8(name).is_ok_and(|text| !text.contains(char::is_control));
        named && text && (1..=MOST_NAME).contains(&name.len())
    });
    if let Some(name) = sound {
        let bits = 24 + name.len().min(20) as u32;
        return Some(Lie::greeting(Fit::Exact, bits, bytes.len()));
    }
    let bits = damage::greeting(bytes).filter(|_| possible)?;
    Some(Lie::greeting(Fit::Damaged, bits, bytes.len()))
}

/// The bytes behind a length that is just theirs.
#[must_use]
pub fn behind_prefix(bytes: &[u8]) -> Option<&[u8]> {
    let behind = bytes.get(4..)?;
    (guess::prefix(bytes)? == behind.len()).then_some(behind)
}

/// Payloads of log entries have no frame of their own; a length in front is one only if they make
/// no sense otherwise.
#[must_use]
pub fn shape_of_log_entry(kind: &'static MessageType, bytes: &[u8]) -> Shape {
    let fits = |payload: &[u8]| {
        bounded(Family::LogEntry, kind, V4_1, payload)
            .is_some_and(|reading| reading.fit == Fit::Exact)
    };
    match behind_prefix(bytes) {
        Some(behind) if fits(behind) && !fits(bytes) => Shape::Prefixed,
        _ => Shape::Bare,
    }
}
