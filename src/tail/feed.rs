//! A bounded queue between those who move bytes and those who look at them.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Items that need no bytes of their own are bounded by number: many times what is ever waiting,
/// unless nobody reads.
const MOST_ITEMS: usize = 1 << 18;

/// A queue that never makes its writers wait: what does not fit is left out and counted.
#[derive(Debug)]
pub struct Feed<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    /// Bytes that may wait.
    limit: usize,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    bytes: usize,
    /// Nothing is taken until half of the queue is read, so that what is left out is one piece.
    full: bool,
    /// Somebody waits for items.
    awaited: bool,
    closed: bool,
    dropped: u64,
}

/// What a reader of a [`Feed`] got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Items, in order.
    Some,
    /// Nothing came in time.
    Nothing,
    /// Nothing will come any more.
    Ended,
}

impl<T> Feed<T> {
    /// A queue in which items of so many bytes may wait.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let state = State {
            items: VecDeque::new(),
            bytes: 0,
            full: false,
            awaited: false,
            closed: false,
            dropped: 0,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            limit,
        }
    }

    /// Whether an item of `size` bytes would be taken now. If not, it counts as left out.
    pub fn has_room(&self, size: usize) -> bool {
        let mut state = self.lock();
        let room = state.has_room(size, self.limit);
        if !room {
            state.dropped += size as u64;
        }
        room
    }

    /// Adds an item of `size` bytes, if there is room; tells whether there was.
    pub fn offer(&self, size: usize, item: T) -> bool {
        {
            let mut state = self.lock();
            if !state.has_room(size, self.limit) {
                state.dropped += size as u64;
                return false;
            }
            state.bytes += size;
            state.items.push_back(item);
            if !std::mem::take(&mut state.awaited) {
                return true;
            }
        }
        self.changed.notify_one();
        true
    }

    /// Adds an item of no size, although the bytes of others may find no room; tells whether it was
    /// taken.
    pub fn push(&self, item: T) -> bool {
        let taken = self.lock().add(item, MOST_ITEMS);
        self.changed.notify_one();
        taken
    }

    /// Adds the end of something whose beginning was taken: it is never refused, so that whoever
    /// reads does not wait for it for ever.
    pub fn complete(&self, item: T) {
        self.lock().add(item, usize::MAX);
        self.changed.notify_one();
    }

    /// Counts so many bytes as left out.
    pub fn leave_out(&self, size: usize) {
        self.lock().dropped += size as u64;
    }

    /// Says that nothing will come any more.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Moves all that waits to `into`, which is empty; waits for something until `timeout` is over.
    pub fn take(&self, into: &mut VecDeque<T>, timeout: Duration) -> Taken {
        let deadline = Instant::now() + timeout;
        let mut state = self.lock();
        loop {
            if !state.items.is_empty() {
                std::mem::swap(&mut state.items, into);
                state.bytes = 0;
                return Taken::Some;
            }
            if state.closed {
                return Taken::Ended;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.awaited = false;
                return Taken::Nothing;
            }
            state.awaited = true;
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Bytes that were left out so far.
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn add(&mut self, item: T, most: usize) -> bool {
        let taken = !self.closed && self.items.len() < most;
        if taken {
            self.items.push_back(item);
        }
        taken
    }

    fn has_room(&mut self, size: usize, limit: usize) -> bool {
        if self.full && self.bytes > limit / 2 {
            return false;
        }
        self.full = self.bytes + size > limit || self.items.len() >= MOST_ITEMS;
        !self.full && !self.closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_taken_although_bytes_were_left_out() {
        let feed = Feed::new(10);
        assert!(feed.push("begins"));
        assert!(feed.offer(8, "eight bytes"));
        assert!(!feed.offer(8, "eight more"));
        assert!(feed.push("a note"));
        feed.complete("ends");
        assert_eq!(feed.dropped(), 8);
        let mut items = VecDeque::new();
        assert_eq!(feed.take(&mut items, Duration::ZERO), Taken::Some);
        assert_eq!(items, ["begins", "eight bytes", "a note", "ends"]);
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_counted_until_half_is_read() {
        let feed = Feed::new(10);
        assert!(feed.offer(6, 1));
        assert!(!feed.offer(6, 2));
        assert!(!feed.offer(1, 3));
        assert_eq!(feed.dropped(), 7);
        let mut items = VecDeque::new();
        assert_eq!(feed.take(&mut items, Duration::ZERO), Taken::Some);
        assert_eq!(items, [1]);
        assert!(feed.offer(6, 4));
        feed.close();
        items.clear();
        assert_eq!(feed.take(&mut items, Duration::ZERO), Taken::Some);
        items.clear();
        assert_eq!(feed.take(&mut items, Duration::ZERO), Taken::Ended);
    }
}
