//! What the threads of a replay share, and tell each other.

use super::batch::{Batch, Spare};
use super::conversation::{histogram, nanoseconds};
use crate::connect::{Breaker, ConnectError, Options, Target};
use crate::model::Transport;
use hdrhistogram::Histogram;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Waits look up this often to see whether to stop.
pub(super) const LOOK_UP: Duration = Duration::from_millis(50);

/// So many bytes that came wait to be looked at, beside one more piece.
const ROOM: usize = 16 << 20;

/// All start so long after the last one is ready, so that none starts late.
const LEAD: Duration = Duration::from_millis(2);

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub target: Target,
    pub options: Options,
    pub events: SyncSender<Event>,
    pub start: Start,
    /// Set when the user wants no more: nothing further is sent.
    pub stop: Arc<AtomicBool>,
    /// Set when nothing is waited for any more.
    pub over: Arc<AtomicBool>,
    /// Batches that are sent.
    pub spare: Spare,
    /// What is sent so far.
    pub sent: Arc<Sent>,
    /// Room for bytes that came and were not looked at yet.
    pub room: Arc<Room>,
    /// How long to wait for each answer, if at all.
    pub wait_answer: Option<Duration>,
    /// Whether the watcher must see all that is sent.
    pub follow_all: bool,
    /// How often to connect again in a row, if at all.
    pub reconnect: Option<u32>,
    /// What opens a service, sent first.
    pub service: Option<Vec<u8>>,
    /// How long frames are sent at most.
    pub most_time: Option<Duration>,
}

/// What all connections have sent so far.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub frames: AtomicU64,
    pub bytes: AtomicU64,
}

impl Shared {
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// What players tell the watcher.
#[derive(Debug)]
pub(super) enum Event {
    /// A connection is there.
    Opened(Opened),
    /// No connection came about.
    Refused { error: ConnectError },
    /// Frames are being sent; `first` is the number of the first one on its connection, from 0.
    Sent {
        connection: u32,
        batch: Arc<Batch>,
        frames: Range<usize>,
        first: u64,
        at: Instant,
    },
    /// Bytes have come, or a message, on the connection that `gate` belongs to.
    Received {
        connection: u32,
        gate: Arc<Gate>,
        bytes: Vec<u8>,
        is_message: bool,
        at: Instant,
    },
    /// What the other side said in the recording.
    Recorded {
        connections: Range<u32>,
        record: Vec<u8>,
        /// The same without secrets, if it has any.
        masked: Option<Vec<u8>>,
    },
    /// No answer came in time; `frame` counts from 1.
    Unanswered { connection: u32, frame: u64 },
    /// The connection is broken or does not come about; it is tried again.
    Reconnecting {
        connection: u32,
        frames: u64,
        why: String,
    },
    /// Nothing more will be sent.
    AllSent { connection: u32 },
    /// Nothing more will come.
    Closed { connection: u32, gate: Arc<Gate> },
    /// A player is done.
    Ended {
        connection: u32,
        progress: Box<Progress>,
        failure: Option<String>,
    },
    /// The inputs are used up; so many connections were made.
    Loaded {
        connections: u32,
        outcome: Box<Result<super::Loaded, super::LoadError>>,
    },
}

/// A connection that is there.
#[derive(Debug)]
pub(super) struct Opened {
    pub connection: u32,
    pub local: Option<SocketAddr>,
    pub peer: Option<SocketAddr>,
    pub transport: Transport,
    pub breaker: Breaker,
    pub gate: Arc<Gate>,
}

/// What a connection has done.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    /// Frames that the system took whole.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Start of the first send.
    pub first: Option<Instant>,
    /// Start of the last send, and its end.
    pub last: Option<(Instant, Instant)>,
    /// How late sends started, in nanoseconds.
    pub lateness: Option<Histogram<u64>>,
    /// Frames followed, if not all.
    pub followed: Option<u64>,
    pub unanswered: u64,
    pub reconnects: u64,
}

impl Progress {
    pub fn new() -> Self {
        Self {
            frames: 0,
            bytes: 0,
            first: None,
            last: None,
            lateness: histogram(),
            followed: None,
            unanswered: 0,
            reconnects: 0,
        }
    }

    /// Frames `from..to` are sent from `now` on.
    pub fn note_start(
        &mut self,
        batch: &Batch,
        from: usize,
        to: usize,
        start: Instant,
        now: Instant,
    ) {
        self.first.get_or_insert(now);
        self.last = Some((now, now));
        let Some(lateness) = &mut self.lateness else {
            return;
        };
        if batch.is_unpaced() {
            return;
        }
        for due in (from..to).filter_map(|index| batch.due(index)) {
            let late = now.saturating_duration_since(start + due);
            lateness.saturating_record(nanoseconds(late).max(1));
        }
    }

    /// Frames `from..to` are sent.
    pub fn sent(&mut self, batch: &Batch, from: usize, to: usize, now: Instant) {
        self.frames += (to - from) as u64;
        self.bytes += (batch.start(to) - batch.start(from)) as u64;
        if let Some((_, end)) = &mut self.last {
            *end = now;
        }
    }
}

/// Keeps bytes that came from piling up. One piece always has room, however large.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// Bytes inside, and whether nobody looks at them any more.
    state: Mutex<(usize, bool)>,
    changed: Condvar,
}

impl Room {
    /// Waits until there is room for `bytes`.
    pub fn enter(&self, bytes: usize) {
        let mut state = lock(&self.state);
        while state.0 > 0 && state.0 + bytes > ROOM && !state.1 {
            state = wait(&self.changed, state, LOOK_UP);
        }
        state.0 += bytes;
    }

    /// `bytes` were looked at.
    pub fn leave(&self, bytes: usize) {
        let mut state = lock(&self.state);
        state.0 = state.0.saturating_sub(bytes);
        self.changed.notify_all();
    }

    /// Nobody looks at anything any more.
    pub fn close(&self) {
        lock(&self.state).1 = true;
        self.changed.notify_all();
    }
}

/// The moment when all start: when the first connections are there.
#[derive(Debug)]
pub(super) struct Start {
    /// Connections that are waited for, and the moment.
    state: Mutex<(u32, Option<Instant>)>,
    changed: Condvar,
}

impl Start {
    /// The start of a run whose first `connections` start together.
    pub fn new(connections: u32) -> Self {
        Self {
            state: Mutex::new((connections, None)),
            changed: Condvar::new(),
        }
    }

    /// A connection is there, or will never be.
    pub fn arrive(&self) {
        let mut state = lock(&self.state);
        state.0 = state.0.saturating_sub(1);
        if state.0 == 0 && state.1.is_none() {
            state.1 = Some(Instant::now() + LEAD);
            self.changed.notify_all();
        }
    }

    /// Waits for the moment; none if `stop` is set.
    pub fn wait(&self, stop: &AtomicBool) -> Option<Instant> {
        let mut state = lock(&self.state);
        loop {
            if state.1.is_some() {
                return state.1;
            }
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            state = wait(&self.changed, state, LOOK_UP);
        }
    }
}

/// Where a player waits for what the watcher sees.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct GateState {
    /// Frames of the connection that need no more waiting.
    settled: u64,
    /// Why nothing will come any more.
    closed: Option<String>,
    /// Whether the conversation is over.
    ended: bool,
}

/// How waiting for an answer ended.
#[derive(Debug)]
pub(super) enum Wait {
    Settled,
    TimedOut,
    Closed(String),
    Stopped,
}

impl Gate {
    /// The first `frames` frames need no more waiting.
    pub fn settle(&self, frames: u64) {
        let mut state = lock(&self.state);
        state.settled = state.settled.max(frames);
        self.changed.notify_all();
    }

    /// Nothing will come any more.
    pub fn close(&self, how: String) {
        lock(&self.state).closed.get_or_insert(how);
        self.changed.notify_all();
    }

    /// Why nothing will come any more.
    pub fn closed(&self) -> Option<String> {
        lock(&self.state).closed.clone()
    }

    /// Why nothing will come any more, as soon as that is known, but at most after `timeout`.
    pub fn closed_within(&self, timeout: Duration) -> Option<String> {
        let state = lock(&self.state);
        let open = |state: &mut GateState| state.closed.is_none();
        let waited = self.changed.wait_timeout_while(state, timeout, open);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.closed.clone()
    }

    /// The conversation is over.
    pub fn end(&self) {
        lock(&self.state).ended = true;
        self.changed.notify_all();
    }

    /// Waits until `frames` frames need no more waiting.
    pub fn wait_for(&self, frames: u64, timeout: Duration, stop: &AtomicBool) -> Wait {
        let deadline = Instant::now() + timeout;
        let mut state = lock(&self.state);
        loop {
            if state.settled >= frames {
                return Wait::Settled;
            }
            if let Some(how) = &state.closed {
                return Wait::Closed(how.clone());
            }
            if stop.load(Ordering::Relaxed) {
                return Wait::Stopped;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Wait::TimedOut;
            }
            state = wait(&self.changed, state, left.min(LOOK_UP));
        }
    }

    /// Waits until the conversation is over; false if `over` is set before.
    pub fn wait_for_end(&self, over: &AtomicBool) -> bool {
        let mut state = lock(&self.state);
        while !state.ended && !over.load(Ordering::Relaxed) {
            state = wait(&self.changed, state, LOOK_UP);
        }
        state.ended
    }
}

/// A poisoned lock's data is whole: no code here panics while it holds one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait<'g, T>(condvar: &Condvar, guard: MutexGuard<'g, T>, time: Duration) -> MutexGuard<'g, T> {
    match condvar.wait_timeout(guard, time) {
        Ok((guard, _)) => guard,
        Err(poisoned) => poisoned.into_inner().0,
    }
}
