//! The wish to end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Tells every part of a run to end; clones speak of the same run.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    set: AtomicBool,
    lock: Mutex<()>,
    changed: Condvar,
}

impl Stop {
    /// Asks all parts to end.
    pub fn set(&self) {
        let guard = self.shared.lock.lock();
        self.shared.set.store(true, Ordering::SeqCst);
        drop(guard);
        self.shared.changed.notify_all();
    }

    /// Whether they are asked to.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.shared.set.load(Ordering::SeqCst)
    }

    /// Sleeps for `duration`, or until the end is asked for; tells whether it is.
    #[must_use]
    pub fn wait(&self, duration: Duration) -> bool {
        let guard = self.shared.lock.lock();
        let guard = guard.unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .shared
            .changed
            .wait_timeout_while(guard, duration, |()| !self.is_set());
        drop(waited);
        self.is_set()
    }
}
