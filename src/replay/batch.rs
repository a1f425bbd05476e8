//! Frames on their way from the loader to a connection.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// So many used batches are kept for the next frames.
const SPARE: usize = 8;

/// Larger ones are not.
const LARGE: usize = 1 << 20;

/// Frames that lie one after the other.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Their bytes, and perhaps more behind them.
    pub bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
    /// When each is due after the start, at once if none; empty if all are.
    due: Vec<Option<Duration>>,
    /// Whether they go as text where text and bytes differ.
    pub text: bool,
}

impl Batch {
    /// Adds a frame.
    pub fn push(&mut self, frame: &[u8], due: Option<Duration>) {
        self.bytes.truncate(self.size());
        self.bytes.extend_from_slice(frame);
        if due.is_some() || !self.due.is_empty() {
            self.due.resize(self.ends.len(), None);
            self.due.push(due);
        }
        self.ends.push(self.bytes.len());
    }

    /// The bytes up to `end` are the next frame, due at once.
    pub fn mark(&mut self, end: usize) {
        self.ends.push(end.min(self.bytes.len()));
    }

    /// Says when each frame is due.
    pub fn set_due(&mut self, due: impl Iterator<Item = Option<Duration>>) {
        self.due.clear();
        self.due.extend(due.take(self.ends.len()));
    }

    /// Forgets all frames but the first `count`.
    pub fn truncate(&mut self, count: usize) {
        self.ends.truncate(count);
        self.due.truncate(count);
    }

    /// Forgets all frames; their room stays.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// How many frames there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all frames.
    pub fn size(&self) -> usize {
        self.start(self.len())
    }

    /// When frame `index` is due; at once if none.
    pub fn due(&self, index: usize) -> Option<Duration> {
        self.due.get(index).copied().flatten()
    }

    /// Whether no frame waits for its time.
    pub fn is_unpaced(&self) -> bool {
        self.due.is_empty()
    }

    /// Position of the first byte of frame `index`, behind the frame before.
    pub fn start(&self, index: usize) -> usize {
        let before = index.checked_sub(1);
        let before = before.and_then(|before| self.ends.get(before));
        before.copied().unwrap_or(0)
    }

    /// The bytes of frames `from..to`.
    pub fn slice(&self, from: usize, to: usize) -> &[u8] {
        self.bytes
            .get(self.start(from)..self.start(to))
            .unwrap_or_default()
    }

    /// One past the last frame that ends at `position` or before.
    pub fn within(&self, position: usize) -> usize {
        self.ends.partition_point(|end| *end <= position)
    }
}

/// Batches that are sent, for the next frames: getting memory anew costs as much as sending.
#[derive(Debug, Default)]
pub(super) struct Spare(Mutex<Vec<Batch>>);

impl Spare {
    /// An empty batch.
    pub fn take(&self) -> Batch {
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spare.pop().unwrap_or_default()
    }

    /// Keeps a batch that nobody else holds.
    pub fn give(&self, batch: Arc<Batch>) {
        let Some(mut batch) = Arc::into_inner(batch) else {
            return;
        };
        batch.clear();
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE && batch.bytes.capacity() <= LARGE {
            spare.push(batch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_lie_one_after_the_other() {
        let mut batch = Batch::default();
        batch.push(b"one", None);
        let second = Duration::from_secs(1);
        batch.push(b"three", Some(second));
        batch.push(b"", None);
        assert_eq!((batch.len(), batch.size()), (3, 8));
        assert_eq!(batch.slice(1, 2), b"three");
        assert_eq!((batch.due(0), batch.due(1)), (None, Some(second)));
        assert_eq!(
            (batch.within(2), batch.within(3), batch.within(8)),
            (0, 1, 3)
        );
        batch.clear();
        batch.push(b"x", None);
        assert_eq!(
            (batch.slice(0, 1), batch.is_unpaced()),
            (b"x".as_slice(), true)
        );
    }
}
