//! Readings that real decoders take, weighed against messages that they refuse.
//!
//! Decoders ignore trailing bytes, so most damaged messages are whole ones of another format with
//! bytes behind them. Source: protocol page `noxu`, section 9.

use super::damage;
use super::reading::{Choice, Family, Fit, Reading, Role, choose};
use crate::model::Severity;

/// What a damaged message must have ahead of one with trailing bytes to be believed instead.
const AHEAD_OF_LENIENT: i32 = 4;
/// What it must have ahead of one that takes all bytes, and at least.
const AHEAD_OF_EXACT: i32 = 16;
/// A damaged message with less than this is not worth a word: its tag and nothing more.
const LEAST: i32 = 5;
/// How far damaged messages may lag behind one with trailing bytes, or each other, to be told.
const WORTH_TELLING: i32 = 8;

/// What a message whose end is known may be.
#[derive(Clone, Debug)]
pub struct Weighed {
    /// What it most likely is, and what else it may be.
    pub choice: Choice,
    /// The best reading that real decoders take, if there is one.
    pub fitting: Option<Reading>,
    /// Damaged messages that it may be as well, best first, and how bad that is.
    pub asides: Vec<(Reading, Severity)>,
}

/// Reads `payload` as the likeliest of `families`, damaged or not.
#[must_use]
pub fn weigh(families: &[Family], payload: &[u8], role: Role) -> Option<Weighed> {
    let told = families.len() == 1;
    let mut fitting =
        choose(families, payload, role).filter(|choice| choice.best.fit > Fit::Damaged);
    if let Some(choice) = &mut fitting {
        let best = &mut choice.best;
        let exact = best.fit == Fit::Exact;
        if !(exact && told) {
            best.doubts = damage::doubts(best, payload);
        }
        if exact && (told || best.is_proven() && best.doubts == 0) {
            return Some(Weighed {
                choice: *choice,
                fitting: Some(choice.best),
                asides: Vec::new(),
            });
        }
    }
    let mut damaged = Vec::new();
    for family in families {
        damage::damaged(*family, payload, role, &mut |reading| damaged.push(reading));
    }
    damaged.sort_by_key(|reading| std::cmp::Reverse(reading.evidence()));
    match fitting {
        Some(choice) => {
            damaged.retain(|reading| reading.evidence() >= LEAST);
            Some(against(choice, &damaged))
        }
        None => among(&damaged),
    }
}

/// No real decoder takes the bytes.
fn among(damaged: &[Reading]) -> Option<Weighed> {
    let best = *damaged.first()?;
    Some(Weighed {
        choice: Choice { best, other: None },
        fitting: None,
        asides: as_good(&best, damaged, Severity::Warning),
    })
}

fn against(choice: Choice, damaged: &[Reading]) -> Weighed {
    let fitting = choice.best;
    let mut weighed = Weighed {
        choice,
        fitting: Some(fitting),
        asides: Vec::new(),
    };
    let Some(best) = damaged.first() else {
        return weighed;
    };
    if overrules(best, &fitting) {
        let other = Some(fitting).filter(|fitting| !same_type(fitting, best));
        weighed.choice = Choice { best: *best, other };
        weighed.asides = as_good(best, damaged, Severity::Warning);
    } else if let Some(severity) = worth_telling(best, &fitting) {
        weighed.asides = vec![(*best, severity)];
        weighed.asides.extend(as_good(best, damaged, severity));
    }
    weighed
}

/// Whether a message is believed to be damaged although real decoders take it for another.
#[must_use]
pub fn overrules(damaged: &Reading, fitting: &Reading) -> bool {
    let ahead = damaged.evidence() - fitting.evidence();
    match fitting.fit {
        // Releases since 4.1.0 write the longer layout.
        Fit::Lenient if same_type(damaged, fitting) => ahead >= 0,
        Fit::Lenient => ahead >= AHEAD_OF_LENIENT,
        _ => ahead >= AHEAD_OF_EXACT && damaged.evidence() >= AHEAD_OF_EXACT,
    }
}

/// How bad it is that bytes which real decoders take may be a damaged message.
fn worth_telling(damaged: &Reading, fitting: &Reading) -> Option<Severity> {
    let ahead = damaged.evidence() - fitting.evidence();
    match fitting.fit {
        Fit::Lenient => (ahead >= -WORTH_TELLING).then_some(Severity::Warning),
        _ if ahead >= AHEAD_OF_EXACT => Some(Severity::Warning),
        _ => (ahead >= 0).then_some(Severity::Note),
    }
}

/// Other damaged messages for which as much speaks as for `best`.
fn as_good(best: &Reading, damaged: &[Reading], severity: Severity) -> Vec<(Reading, Severity)> {
    let others = damaged.iter().skip(1);
    others
        .filter(|other| other.evidence() + WORTH_TELLING >= best.evidence())
        .map(|other| (*other, severity))
        .collect()
}

fn same_type(a: &Reading, b: &Reading) -> bool {
    std::ptr::eq(a.kind, b.kind)
}
