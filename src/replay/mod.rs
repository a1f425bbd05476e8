//! Recorded or made frames, sent to a live peer when they are due; what comes back is decoded,
//! paired with what was asked, and checked.
//!
//! One thread loads frames, one for each connection sends them, one for each listens; the caller's
//! thread watches.

mod batch;
mod compare;
mod conversation;
mod expect;
mod field;
mod load;
mod player;
mod report;
mod rewrite;
mod router;
mod schedule;
mod shared;
mod shown;
mod skim;
mod watch;

pub use compare::Ignored;
pub use conversation::{Exchange, Exchanges};
pub use expect::{Count, Expectation, Expectations, Matcher};
pub use load::{Form, Inputs, LoadError, Loaded};
pub use report::{Preview, Report, Verdict};
pub use rewrite::RewriteError;
pub use schedule::{Clock, Pace};
pub use watch::Wishes;

use crate::connect::{ConnectError, Options, Target};
use crate::encode::Assignment;
use crate::output::Sink;
use crate::pipeline::{Pipeline, Selection};
use batch::Spare;
use report::Tally;
use rewrite::Rewriter;
use router::{Counter, Router};
use shared::{Event, Room, Sent, Shared, Start};
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};
use thiserror::Error;
use watch::{State, Watch, Watcher};

/// So many events wait for the watcher at most.
const EVENTS: usize = 256;

/// The watcher looks up this often while nothing happens.
const LOOK_UP: Duration = Duration::from_millis(10);

/// Progress is told so often.
const PROGRESS: Duration = Duration::from_secs(1);

/// When the user ends the sending, answers to what was sent are waited for so long at most.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// The peer has so long at least to close after this side.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// What is told while a replay goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice<'n> {
    /// Something has happened.
    Text(&'n str),
    /// So much is sent by now.
    Progress {
        /// Frames.
        frames: u64,
        /// Their bytes.
        bytes: u64,
    },
}

/// What is replayed, where to, and how.
#[derive(Debug)]
pub struct Replay {
    /// Where to.
    pub target: Target,
    /// How to connect.
    pub options: Options,
    /// What.
    pub inputs: Inputs,
    /// Fields to change on the way.
    pub changes: Vec<Assignment>,
    /// How fast.
    pub pace: Pace,
    /// Recorded gaps are cut to this.
    pub most_gap: Option<Duration>,
    /// How often; for ever if none.
    pub rounds: Option<u64>,
    /// Live connections for each recorded one.
    pub copies: u32,
    /// How long at most.
    pub duration: Option<Duration>,
    /// Whether frames go as text where text and bytes differ; as their protocol wants if none.
    pub text: Option<bool>,
    /// Sent first on every connection.
    pub service: Option<Vec<u8>>,
    /// Whether each request waits until the one before is answered.
    pub wait_answer: bool,
    /// How long to wait for answers that must come.
    pub timeout: Duration,
    /// How long to listen when nothing more is sent or must come; ends the sending at once if zero.
    pub linger: Duration,
    /// How often in a row to connect again, if at all.
    pub reconnect: Option<u32>,
}

/// Why nothing could be replayed.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The inputs cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// No connection came about.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The inputs hold frames, but none to be sent.
    #[error("nothing to send: {what}")]
    Nothing {
        /// What they hold.
        what: String,
        /// What to do.
        help: &'static str,
    },
    /// Answers cannot be shown.
    #[error(transparent)]
    Output(#[from] io::Error),
}

impl Replay {
    /// What would be sent, and how long that would take.
    ///
    /// # Errors
    /// If the inputs cannot be read.
    pub fn preview(&self) -> Result<Preview, ReplayError> {
        let mut rewriter = self.rewriter();
        let mut counter = Counter::new(self.clock());
        let loaded = load::load(&self.inputs, &mut rewriter, &mut counter)?;
        if counter.frames == 0 {
            loaded.explain_nothing()?;
        }
        Ok(Preview::new(self, &counter, loaded))
    }

    /// Sends everything; answers go to `output`. When `stop` is set, nothing further is sent, and
    /// answers are waited for a second at most.
    ///
    /// # Errors
    /// If inputs cannot be read, no connection comes about, or `output` fails. A connection that
    /// breaks later is told in the report.
    pub fn run(
        self,
        wishes: Wishes,
        output: &mut dyn Sink,
        stop: &Arc<AtomicBool>,
        notice: &mut dyn FnMut(Notice<'_>),
    ) -> Result<Report, ReplayError> {
        let (events, queue) = mpsc::sync_channel(EVENTS);
        let (compare, show_sent) = (wishes.compare, wishes.show_sent);
        let state = Rc::new(RefCell::new(State::new(wishes)));
        let mut watch = Watch {
            state: Rc::clone(&state),
            output,
        };
        let pipeline = Pipeline::new(&mut watch, Selection::default());
        let watcher = Watcher::new(Rc::clone(&state), pipeline, &self.inputs.traffic);
        let mut run = Run {
            watcher,
            tally: Tally::new(&self),
            stop: Arc::clone(stop),
            over: Arc::default(),
            stopped: None,
            timeout: self.timeout,
            linger: self.linger,
            must_answer: self.wait_answer,
            playing: 0,
            loaded: false,
            refused: None,
            failure: None,
            sent: Arc::default(),
            room: Arc::default(),
            told: Instant::now(),
            notice,
        };
        let shared = Shared {
            follow_all: self.wait_answer || show_sent,
            ..self.shared(events, &run)
        };
        thread::spawn(move || self.load(Arc::new(shared), compare));
        run.watch(&queue)?;
        let Run {
            tally,
            watcher,
            refused,
            failure,
            ..
        } = run;
        let bytes_received = watcher.bytes_received;
        drop(watcher);
        watch.finish()?;
        drop(watch);
        if let Some(error) = failure {
            return Err(error.into());
        }
        if tally.frames == 0 && tally.connections == 0 {
            tally.loaded.explain_nothing()?;
        }
        match refused {
            Some(error) if tally.frames == 0 && !stop.load(Ordering::Relaxed) => Err(error.into()),
            _ => {
                let state = Rc::into_inner(state).map(RefCell::into_inner);
                Ok(tally.report(state, bytes_received))
            }
        }
    }

    fn shared(&self, events: mpsc::SyncSender<Event>, run: &Run<'_>) -> Shared {
        Shared {
            target: self.target.clone(),
            options: self.options.clone(),
            events,
            start: Start::new(self.copies),
            stop: Arc::clone(&run.stop),
            over: Arc::clone(&run.over),
            spare: Spare::default(),
            sent: Arc::clone(&run.sent),
            room: Arc::clone(&run.room),
            wait_answer: self.wait_answer.then_some(self.timeout),
            follow_all: false,
            reconnect: self.reconnect,
            service: self.service.clone(),
            most_time: self.duration,
        }
    }

    fn rewriter(&self) -> Rewriter {
        Rewriter::new(self.changes.clone(), &self.inputs.encode)
    }

    fn clock(&self) -> Clock {
        let pace = match self.pace {
            Pace::Rate(rate) => Pace::Rate(rate / f64::from(self.copies.max(1))),
            pace => pace,
        };
        Clock::new(pace, self.most_gap)
    }

    /// Loads the inputs, as often as wanted, and hands them to connections.
    fn load(self, shared: Arc<Shared>, compare: bool) {
        let mut router = Router::new(Arc::clone(&shared), self.clock(), self.copies);
        router.stagger = router::stagger(self.pace, self.copies);
        router.text = self.text;
        router.compare = compare;
        router.most_time = self.duration;
        let mut rewriter = self.rewriter();
        let mut round = 0;
        let outcome = loop {
            let outcome = load::load(&self.inputs, &mut rewriter, &mut router);
            round += 1;
            let is_last = self.rounds.is_some_and(|rounds| round >= rounds);
            match outcome {
                Ok(loaded) if is_last || shared.is_stopped() => break Ok(loaded),
                // Nothing, again and again, would never end.
                Ok(loaded) if router.frames == 0 => break Ok(loaded),
                Ok(loaded) if loaded.has_streams => router.end_round(),
                Ok(_) => router.rewind(),
                Err(error) if router::is_nobody(&error) => break Ok(Loaded::default()),
                Err(error) => break Err(error),
            }
        };
        let connections = router.connections;
        drop(router);
        // The watcher outlives the loader, unless it failed.
        let _ = shared.events.send(Event::Loaded {
            connections,
            outcome: Box::new(outcome),
        });
    }
}

/// A replay that is going on.
struct Run<'r> {
    watcher: Watcher<'r>,
    tally: Tally,
    stop: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
    /// When it was noticed that the user wants no more.
    stopped: Option<Instant>,
    timeout: Duration,
    linger: Duration,
    must_answer: bool,
    /// Connections whose player is at work, less those that the loader has not told of.
    playing: i64,
    loaded: bool,
    refused: Option<ConnectError>,
    failure: Option<LoadError>,
    sent: Arc<Sent>,
    room: Arc<Room>,
    /// When progress was told.
    told: Instant,
    notice: &'r mut dyn FnMut(Notice<'_>),
}

impl Run<'_> {
    fn watch(&mut self, queue: &mpsc::Receiver<Event>) -> Result<(), ReplayError> {
        let outcome = self.follow(queue);
        // Whoever still works ends now.
        if outcome.is_err() {
            self.stop.store(true, Ordering::Relaxed);
        }
        self.over.store(true, Ordering::Relaxed);
        for live in self.watcher.lives.values() {
            live.breaker.abort();
            live.gate.end();
        }
        self.room.close();
        if !self.loaded {
            self.tally.connections = self.watcher.lives.len() as u32;
        }
        outcome
    }

    fn follow(&mut self, queue: &mpsc::Receiver<Event>) -> Result<(), ReplayError> {
        loop {
            match queue.recv_timeout(LOOK_UP) {
                Ok(event) => {
                    self.take(event)?;
                    for event in queue.try_iter().take(EVENTS) {
                        self.take(event)?;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            self.watcher.pipeline.flush()?;
            self.tell_progress();
            if self.stopped.is_none() && self.stop.load(Ordering::Relaxed) {
                self.stopped = Some(Instant::now());
                self.tally.interrupted = true;
            }
            self.end_conversations();
            if self.is_over() {
                return Ok(());
            }
        }
    }

    /// Whether the user ended the sending so long ago.
    fn has_stopped_for(&self, time: Duration) -> bool {
        self.stopped
            .is_some_and(|stopped| stopped.elapsed() >= time)
    }

    fn tell_progress(&mut self) {
        if self.told.elapsed() < PROGRESS {
            return;
        }
        self.told = Instant::now();
        (self.notice)(Notice::Progress {
            frames: self.sent.frames.load(Ordering::Relaxed),
            bytes: self.sent.bytes.load(Ordering::Relaxed),
        });
    }

    fn is_over(&self) -> bool {
        let mut lives = self.watcher.lives.values();
        let is_closed = lives.all(|live| live.closed && (live.played || self.loaded));
        if self.loaded && self.playing <= 0 && is_closed {
            return true;
        }
        // The inputs may never end, nor a connection come about.
        let is_closed = is_closed && self.playing <= 0;
        (is_closed && self.has_stopped_for(LAST_WORDS))
            || self.has_stopped_for(LAST_ANSWERS + 2 * LAST_WORDS)
    }

    fn take(&mut self, event: Event) -> Result<(), ReplayError> {
        match event {
            Event::Refused { error } => self.refused = Some(error),
            Event::Reconnecting {
                connection,
                frames,
                why,
            } => {
                let text = format!(
                    "connection {connection}: {why}; connecting again (after {frames} frames)"
                );
                (self.notice)(Notice::Text(&text));
            }
            Event::Unanswered { connection, frame } => self.tally.unanswered(connection, frame),
            Event::Loaded {
                connections,
                outcome,
            } => {
                self.loaded = true;
                self.playing += i64::from(connections);
                self.tally.connections = connections;
                match *outcome {
                    Ok(loaded) => self.tally.loaded = loaded,
                    Err(error) => self.failure = Some(error),
                }
            }
            Event::Ended {
                connection,
                progress,
                failure,
            } => {
                self.playing -= 1;
                if let Some(live) = self.watcher.lives.get_mut(&connection) {
                    live.played = true;
                    if failure.is_some() {
                        // Nothing more will be sent; what has come is still read.
                        live.sent_all.get_or_insert_with(Instant::now);
                        live.ending.get_or_insert_with(Instant::now);
                    }
                }
                self.tally.ended(connection, &progress, failure);
            }
            Event::Received { ref bytes, .. } => {
                let size = bytes.len();
                let outcome = self.watcher.event(event);
                self.room.leave(size);
                outcome?;
            }
            event => self.watcher.event(event)?,
        }
        Ok(())
    }

    /// Ends the conversations on which nothing more is to come.
    fn end_conversations(&mut self) {
        let connections: Vec<u32> = self.watcher.lives.keys().copied().collect();
        let (enough, too_much) = (
            self.has_stopped_for(LAST_ANSWERS),
            self.has_stopped_for(LAST_ANSWERS + LAST_WORDS),
        );
        for connection in connections {
            let patience = self.patience(connection);
            let Some(live) = self.watcher.lives.get_mut(&connection) else {
                continue;
            };
            if live.closed {
                live.gate.end();
                continue;
            }
            let quiet = |since: Instant| live.last.max(since).elapsed();
            let (close, abort) = match (live.sent_all, live.ending) {
                // Its player may wait for a peer that takes nothing.
                (None, _) => (enough, enough),
                (Some(sent_all), None) => (enough || quiet(sent_all) >= patience, false),
                (_, Some(ending)) => {
                    let linger = self.linger.max(LAST_WORDS);
                    (false, too_much || quiet(ending) >= linger)
                }
            };
            if close {
                live.gate.end();
                live.ending = Some(Instant::now());
            }
            if abort {
                live.breaker.abort();
                live.closed = true;
            }
        }
    }

    /// How long a connection on which all is sent may be quiet before it is closed.
    fn patience(&self, connection: u32) -> Duration {
        let unanswered = self.watcher.is_unanswered(connection);
        let patience = if self.watcher.waits(connection) || (unanswered && self.must_answer) {
            self.timeout
        } else if unanswered {
            self.linger * 4
        } else {
            self.linger
        };
        match self.stopped {
            Some(_) => patience.min(LAST_ANSWERS),
            None => patience,
        }
    }
}
