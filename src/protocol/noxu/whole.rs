//! Messages whose end is known: with prefix, without, or a greeting.
//!
//! Source: protocol page `noxu`, section 9.

use super::guess::{self, Guess, MOST_NAME, Shape};
use super::reading::{Family, Fit, Role, choose};

/// How a message whose end is known lies in its bytes: with or without prefix, or a greeting.
#[must_use]
pub fn best_of_whole(bytes: &[u8], families: &[Family], role: Role) -> Option<(Fit, Guess)> {
    let mut best: Option<(Fit, Guess)> = None;
    let mut consider = |fit: Fit, guess: Guess| {
        if best.is_none_or(|(known, best)| (known, best.bits) < (fit, guess.bits)) {
            best = Some((fit, guess));
        }
    };
    let behind = bytes
        .get(4..)
        .filter(|rest| guess::prefix(bytes) == Some(rest.len()));
    if let Some(found) = choose(families, bytes, role) {
        let guess = Guess {
            shape: Shape::Bare,
            family: found.best.family,
            bits: found.best.bits,
            margin: 0,
            first: Some(bytes.len()),
        };
        consider(found.best.fit, guess);
    }
    if let Some(payload) = behind {
        if let Some(found) = choose(families, payload, role) {
            let guess = Guess {
                shape: Shape::Prefixed,
                family: found.best.family,
                bits: found.best.bits + 20,
                margin: 0,
                first: Some(bytes.len()),
            };
            consider(found.best.fit, guess);
        }
        let named = families.contains(&Family::Service) || guess::family_of(payload).is_some();
        let text = std::str::from_utf8(payload).is_ok_and(|text| !text.contains(char::is_control));
        if named && text && (1..=MOST_NAME).contains(&payload.len()) {
            let guess = Guess {
                shape: Shape::Name,
                family: Family::Service,
                margin: 0,
                bits: 24 + payload.len().min(20) as u32,
                first: Some(bytes.len()),
            };
            consider(Fit::Exact, guess);
        }
    }
    best
}
