//! From the loader to the connections: when frames are due, and on which connection.

use super::batch::Batch;
use super::load::Frames;
use super::player::Player;
use super::schedule::{Clock, Pace};
use super::shared::{Event, Shared};
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

/// A batch is passed on when it holds so many bytes.
const BATCH: usize = 128 << 10;

/// So many batches wait for a connection at most.
const WAITING: usize = 4;

/// Counts, for a dry run.
#[derive(Debug)]
pub(super) struct Counter {
    pub clock: Clock,
    pub frames: u64,
    pub bytes: u64,
    pub streams: BTreeSet<u64>,
    spare: Batch,
}

impl Counter {
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            frames: 0,
            bytes: 0,
            streams: BTreeSet::new(),
            spare: Batch::default(),
        }
    }
}

impl Frames for Counter {
    fn frame(&mut self, stream: u64, time: Option<u64>, _: bool, bytes: &[u8]) -> io::Result<()> {
        self.clock.next(time);
        self.frames += 1;
        self.bytes += bytes.len() as u64;
        self.streams.insert(stream);
        Ok(())
    }

    fn spare(&mut self) -> Batch {
        std::mem::take(&mut self.spare)
    }

    fn batch(&mut self, mut batch: Batch) -> io::Result<()> {
        if self.clock.is_paced(None) {
            for _ in 0..batch.len() {
                self.clock.next(None);
            }
        }
        self.frames += batch.len() as u64;
        self.bytes += batch.size() as u64;
        self.streams.insert(0);
        batch.clear();
        self.spare = batch;
        Ok(())
    }

    fn answer(&mut self, _: u64, _: &[u8], _: Option<&[u8]>) -> io::Result<()> {
        Ok(())
    }

    fn wants_answers(&self) -> bool {
        false
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Hands frames to connections, and makes these.
pub(super) struct Router {
    pub shared: Arc<Shared>,
    pub clock: Clock,
    /// Live connections for each recorded one.
    pub copies: u32,
    /// How much later each copy runs than the one before.
    pub stagger: Duration,
    /// Whether all frames go as text.
    pub text: Option<bool>,
    /// Whether recorded answers are wanted.
    pub compare: bool,
    /// Frames due after this are not sent.
    pub most_time: Option<Duration>,
    lanes: HashMap<u64, Lane>,
    /// Bytes that wait in lanes to be passed on.
    pending: usize,
    /// Connections made so far.
    pub connections: u32,
    /// Frames handed on so far.
    pub frames: u64,
    started: Instant,
}

/// A recorded connection's way to its live ones.
struct Lane {
    batch: Batch,
    queues: Vec<SyncSender<Arc<Batch>>>,
    /// The live connections' numbers.
    connections: Range<u32>,
}

impl Router {
    pub fn new(shared: Arc<Shared>, clock: Clock, copies: u32) -> Self {
        Self {
            shared,
            clock,
            copies,
            stagger: Duration::ZERO,
            text: None,
            compare: false,
            most_time: None,
            lanes: HashMap::new(),
            pending: 0,
            connections: 0,
            frames: 0,
            started: Instant::now(),
        }
    }

    /// The recorded connections are over; the next round gets new ones.
    pub fn end_round(&mut self) {
        self.clock.rewind();
        self.lanes.clear();
    }

    /// The next round goes on on the same connections.
    pub fn rewind(&mut self) {
        self.clock.rewind();
    }

    /// Hands on what waits in all lanes: what is due early must not wait until its lane is full.
    fn pass_on(&mut self) -> io::Result<()> {
        self.pending = 0;
        for lane in self.lanes.values_mut() {
            lane.pass_on(&self.shared);
        }
        match self.is_alone() {
            true => Err(nobody()),
            false => Ok(()),
        }
    }

    /// Whether nobody takes frames any more.
    fn is_alone(&self) -> bool {
        !self.lanes.is_empty() && self.lanes.values().all(|lane| lane.queues.is_empty())
    }

    /// The way of recorded connection `stream`.
    fn lane(&mut self, stream: u64) -> &mut Lane {
        self.lanes.entry(stream).or_insert_with(|| {
            let connections = self.connections..self.connections + self.copies;
            self.connections = connections.end;
            let queues = connections.clone().zip(0..).map(|(connection, copy)| {
                let (sender, queue) = mpsc::sync_channel(WAITING);
                let player = Player {
                    connection,
                    queue,
                    offset: self.stagger * copy,
                    shared: Arc::clone(&self.shared),
                };
                thread::spawn(move || player.run());
                sender
            });
            Lane {
                batch: Batch::default(),
                queues: queues.collect(),
                connections,
            }
        })
    }
}

impl Frames for Router {
    fn frame(
        &mut self,
        stream: u64,
        time: Option<u64>,
        text: bool,
        bytes: &[u8],
    ) -> io::Result<()> {
        if self.shared.is_stopped() {
            return Err(nobody());
        }
        let due = self.clock.next(time);
        let now = || self.started.elapsed();
        if self
            .most_time
            .is_some_and(|most| due.unwrap_or_else(now) > most)
        {
            return Err(nobody());
        }
        self.frames += 1;
        let text = self.text.unwrap_or(text);
        let shared = Arc::clone(&self.shared);
        let lane = self.lane(stream);
        if lane.batch.text != text {
            lane.pass_on(&shared);
            lane.batch.text = text;
        }
        lane.batch.push(bytes, due);
        self.pending += bytes.len();
        match self.pending < BATCH {
            true => Ok(()),
            false => self.pass_on(),
        }
    }

    fn spare(&mut self) -> Batch {
        self.shared.spare.take()
    }

    fn batch(&mut self, mut batch: Batch) -> io::Result<()> {
        self.pass_on()?;
        let mut is_over = self.shared.is_stopped();
        if self.clock.is_paced(None) {
            let most = self.most_time.unwrap_or(Duration::MAX);
            let due = (0..batch.len()).map(|_| self.clock.next(None).unwrap_or_default());
            let due: Vec<Duration> = due.take_while(|due| *due <= most).collect();
            is_over |= due.len() < batch.len();
            batch.truncate(due.len());
            batch.set_due(due.into_iter().map(Some));
        } else {
            is_over |= self
                .most_time
                .is_some_and(|most| self.started.elapsed() > most);
        }
        self.frames += batch.len() as u64;
        batch.text = self.text.unwrap_or(batch.text);
        let shared = Arc::clone(&self.shared);
        let lane = self.lane(0);
        lane.batch = batch;
        lane.pass_on(&shared);
        match is_over || self.is_alone() {
            true => Err(nobody()),
            false => Ok(()),
        }
    }

    fn answer(&mut self, stream: u64, record: &[u8], masked: Option<&[u8]>) -> io::Result<()> {
        let event = Event::Recorded {
            connections: self.lane(stream).connections.clone(),
            record: record.to_vec(),
            masked: masked.map(<[u8]>::to_vec),
        };
        self.shared.events.send(event).map_err(|_| nobody())
    }

    fn wants_answers(&self) -> bool {
        self.compare
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass_on()
    }
}

impl Lane {
    /// Hands the batch to all copies that are still there.
    fn pass_on(&mut self, shared: &Shared) {
        if self.batch.is_empty() {
            return;
        }
        let mut next = shared.spare.take();
        next.text = self.batch.text;
        let batch = Arc::new(std::mem::replace(&mut self.batch, next));
        self.queues
            .retain(|queue| queue.send(Arc::clone(&batch)).is_ok());
    }
}

/// What ends the loader when nobody takes frames any more.
fn nobody() -> io::Error {
    io::ErrorKind::BrokenPipe.into()
}

/// Whether a loader's failure only says that nobody takes frames any more.
pub(super) fn is_nobody(error: &super::LoadError) -> bool {
    match error {
        super::LoadError::Source {
            source: crate::source::SourceError::Io(error),
            ..
        } => error.kind() == io::ErrorKind::BrokenPipe,
        _ => false,
    }
}

/// How much later each copy runs, so that their rates add up evenly.
pub(super) fn stagger(pace: Pace, copies: u32) -> Duration {
    match pace {
        Pace::Rate(rate) => Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::ZERO),
        Pace::Interval(interval) => interval / copies.max(1),
        _ => Duration::ZERO,
    }
}
