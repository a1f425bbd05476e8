//! What the frames of a connection have shown so far.
//!
//! Source: protocol page `rp`, sections 7, 9 and 10.

use super::reading::Encoding;
use crate::model::{Direction, Message};

/// Directions: client to server, server to client, not known.
const DIRECTIONS: usize = 3;

/// What one direction has shown.
#[derive(Clone, Copy, Debug, Default)]
struct Shown {
    /// The encoding of all frames that left no doubt, while there is only one.
    encoding: Uniform,
    /// The highest sequence number.
    sequence: Option<u32>,
}

/// So many frames that stand alone, none of them different, show how the others are written.
const ENOUGH_ALONE: u32 = 8;

/// What a connection has shown, by direction and channel.
#[derive(Debug)]
pub struct History {
    channels: Vec<Shown>,
    /// The encoding of all frames of a direction, while there is only one.
    uniform: [Uniform; DIRECTIONS],
    /// The last sequence number of a direction, whatever the channel.
    last: [Option<u32>; DIRECTIONS],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Uniform {
    #[default]
    Unknown,
    /// That of so many frames.
    Only(Encoding, u32),
    Mixed,
}

impl Uniform {
    fn and(self, encoding: Encoding) -> Self {
        match self {
            Self::Unknown => Self::Only(encoding, 1),
            Self::Only(known, frames) if known == encoding => {
                Self::Only(known, frames.saturating_add(1))
            }
            _ => Self::Mixed,
        }
    }
}

impl History {
    /// Nothing shown yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            channels: vec![Shown::default(); DIRECTIONS * 256],
            uniform: [Uniform::default(); DIRECTIONS],
            last: [None; DIRECTIONS],
        }
    }

    /// The encoding to expect. Frames that stand `alone` may come from anywhere, so it takes several
    /// of them to expect one.
    #[must_use]
    pub fn encoding(
        &self,
        direction: Option<Direction>,
        channel: u8,
        alone: bool,
    ) -> Option<Encoding> {
        let least = if alone { ENOUGH_ALONE } else { 1 };
        let shown = self.channels.get(place(direction, channel))?.encoding;
        let all = self.uniform.get(number(direction)).copied();
        match (shown, all) {
            (Uniform::Only(encoding, frames), _) if frames >= least => Some(encoding),
            (Uniform::Unknown | Uniform::Only(..), Some(Uniform::Only(encoding, frames)))
                if frames >= least =>
            {
                Some(encoding)
            }
            _ => None,
        }
    }

    /// Notes the encoding of a frame that left no doubt.
    pub fn note(&mut self, direction: Option<Direction>, channel: u8, encoding: Encoding) {
        if let Some(shown) = self.channels.get_mut(place(direction, channel)) {
            shown.encoding = shown.encoding.and(encoding);
        }
        if let Some(uniform) = self.uniform.get_mut(number(direction)) {
            *uniform = uniform.and(encoding);
        }
    }

    /// Checks a sequence number against those of its channel and direction. A number that continues
    /// the direction's is fine, too: the counter may be one for all channels.
    pub fn sequence(
        &mut self,
        direction: Option<Direction>,
        channel: u8,
        sequence: u32,
        message: &mut Message,
    ) {
        let at = (5, 9);
        let Some(last) = self.last.get_mut(number(direction)) else {
            return;
        };
        let continues = last.is_some_and(|last| last.wrapping_add(1) == sequence);
        *last = Some(sequence);
        let Some(shown) = self.channels.get_mut(place(direction, channel)) else {
            return;
        };
        let Some(highest) = shown.sequence else {
            shown.sequence = Some(sequence);
            return;
        };
        let expected = highest.wrapping_add(1);
        let wraps = highest > u32::MAX - 0xffff && sequence < 0xffff;
        if sequence == expected || continues {
            shown.sequence = Some(sequence);
        } else if sequence == highest {
            message.warning(
                "sequence-duplicate",
                at,
                format!("sequence {sequence} was the last one on channel {channel}, too"),
            );
        } else if sequence < highest && !wraps {
            message.warning(
                "sequence-backwards",
                at,
                format!("sequence {sequence} after {highest} on channel {channel}"),
            );
        } else {
            shown.sequence = Some(sequence);
            message.warning(
                "sequence-gap",
                at,
                format!(
                    "sequence {sequence} after {highest} on channel {channel}: {} missing",
                    sequence.wrapping_sub(expected)
                ),
            );
        }
    }
}

fn number(direction: Option<Direction>) -> usize {
    match direction {
        Some(Direction::ClientToServer) => 0,
        Some(Direction::ServerToClient) => 1,
        None => 2,
    }
}

fn place(direction: Option<Direction>, channel: u8) -> usize {
    number(direction) * 256 + usize::from(channel)
}
