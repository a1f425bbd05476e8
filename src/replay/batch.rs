//! Frames on their way from the loader to a connection.

use std::time::Duration;

/// Frames that lie one after the other.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Their bytes.
    pub bytes: Vec<u8>,
    /// Where each ends, and when it is due.
    pub steps: Vec<Step>,
}

/// One frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Position after its last byte.
    pub end: usize,
    /// When it is due after the start; at once if none.
    pub due: Option<Duration>,
    /// Whether it goes as text where text and bytes differ.
    pub text: bool,
}

impl Batch {
    /// Adds a frame.
    pub fn push(&mut self, bytes: &[u8], due: Option<Duration>, text: bool) {
        self.bytes.extend_from_slice(bytes);
        self.steps.push(Step {
            end: self.bytes.len(),
            due,
            text,
        });
    }

    /// Position of the first byte of frame `index`.
    pub fn start(&self, index: usize) -> usize {
        let before = index
            .checked_sub(1)
            .and_then(|before| self.steps.get(before));
        before.map_or(0, |step| step.end)
    }

    /// The bytes of frames `from..to`.
    pub fn slice(&self, from: usize, to: usize) -> &[u8] {
        self.bytes
            .get(self.start(from)..self.start(to))
            .unwrap_or_default()
    }
}
