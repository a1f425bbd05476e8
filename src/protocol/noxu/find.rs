//! Finding the next frame after damage, and saying how sure a beginning is.
//!
//! Source: protocol page `noxu`, section 9.

use super::guess::{self, MOST_PAYLOAD, Shape};
use super::log_entries;
use super::reading::{Family, Fit, Role};
use super::whole::{Whole, best_of_whole};
use crate::model::Direction;
use crate::protocol::{Confidence, Input};

/// Evidence that lets decoding begin in the middle of garbage.
const ENOUGH: u32 = 44;
/// Evidence that lets a damaged message pass for Noxu.
const ENOUGH_OF_DAMAGED: u32 = 24;
/// Evidence that makes it likely.
const MUCH_OF_DAMAGED: u32 = 40;

/// The first position from `from` on where messages start that hold together.
#[must_use]
pub fn next_frame(input: &Input<'_>, from: usize, families: &[Family]) -> Option<usize> {
    let bytes = input.bytes;
    let sender = (Role::Either, may_greet(input.direction));
    // Bounds the work on hostile bytes that look like frames everywhere.
    let mut budget = bytes.len().saturating_mul(16).saturating_add(1 << 16);
    (from..bytes.len()).find(|position| {
        let rest = bytes.get(*position..).unwrap_or_default();
        let Some(cost) = may_start(rest) else {
            return false;
        };
        if cost > budget {
            return false;
        }
        budget -= cost;
        guess::guess(rest, input.ended, families, sender)
            .is_some_and(|found| found.bits >= ENOUGH && found.first.is_some())
    })
}

/// How sure it is that a Noxu message starts `input`.
#[must_use]
pub fn probe(input: &Input<'_>, families: &[Family]) -> Confidence {
    if input.whole {
        return match best_of_whole(input.bytes, families, Role::Either) {
            Some(found) => found.confidence(),
            None => Confidence::No,
        };
    }
    let sender = (Role::Either, may_greet(input.direction));
    match guess::guess(input.bytes, input.ended, families, sender) {
        // Nodes prefix what they send; only dumps may have lost that.
        Some(found) if input.direction.is_some() && found.shape == Shape::Bare => {
            let confidence = confidence(found.bits);
            if confidence < Confidence::Exact {
                return Confidence::No;
            }
            confidence
        }
        Some(found) => confidence(found.bits),
        None if !input.ended
            && input.bytes.len() < 8
            && guess::prefix(input.bytes).is_none_or(|length| length <= MOST_PAYLOAD) =>
        {
            Confidence::Possible
        }
        None => Confidence::No,
    }
}

impl Whole {
    /// How sure it is that this is Noxu: as sure as of the sound message that real decoders take it
    /// for, if a damaged one does not say more.
    pub(super) fn confidence(&self) -> Confidence {
        let sound = self
            .sound
            .map_or(Confidence::No, |(fit, bits)| sound_confidence(fit, bits));
        sound.max(match self.damaged {
            Some(MUCH_OF_DAMAGED..) => Confidence::Likely,
            Some(ENOUGH_OF_DAMAGED..) => Confidence::Possible,
            _ => Confidence::No,
        })
    }
}

/// A message that fits exactly, of a type that says which it is, is likely what it seems to be.
fn sound_confidence(fit: Fit, bits: u32) -> Confidence {
    match (fit, bits) {
        (Fit::Damaged, _) => Confidence::No,
        (Fit::Lenient, 14..) => Confidence::Likely,
        (Fit::Lenient, _) => Confidence::Possible,
        (Fit::Exact, 5..14) => Confidence::Likely,
        (Fit::Exact, ..5) => Confidence::Possible,
        (Fit::Exact, _) => confidence(bits),
    }
}

fn confidence(bits: u32) -> Confidence {
    match bits {
        52.. => Confidence::Certain,
        30.. => Confidence::Exact,
        14.. => Confidence::Likely,
        guess::LEAST_BITS.. => Confidence::Possible,
        _ => Confidence::No,
    }
}

/// Whether the sender may be a client that names a service.
fn may_greet(direction: Option<Direction>) -> bool {
    direction != Some(Direction::ServerToClient)
}

/// A cheap look: what it costs to look closer, if that is worth it.
fn may_start(rest: &[u8]) -> Option<usize> {
    let length = guess::prefix(rest)?;
    let tagged = |at: usize| rest.get(at).is_some_and(|byte| matches!(byte, 1..=12));
    if (1..=MOST_PAYLOAD).contains(&length) {
        if guess::service_name(rest).is_some_and(|(content, _)| guess::family_of(content).is_some())
        {
            return Some(64);
        }
        let counted = rest.get(13..).and_then(guess::prefix);
        if length >= 17 && counted.is_some_and(|count| count + 17 == length) {
            return Some(length.min(rest.len()));
        }
        if tagged(4) || matches!(length, 1 | 8) {
            return Some(64);
        }
    }
    let entry = rest
        .get(8)
        .is_some_and(|code| log_entries::by_code(*code).is_some());
    let counted = rest.get(9..).and_then(guess::prefix);
    if entry && counted.is_some_and(|count| count > 0 && count.saturating_add(17) <= rest.len()) {
        return counted;
    }
    tagged(0).then_some(64)
}
