//! Follows all conversations: decodes what comes, finds what it answers, and says when it is over.

use super::compare::{Comparison, Ignored};
use super::conversation::{Conversation, Exchanges, nanoseconds};
use super::expect::{Expectations, Seen};
use super::shared::{Event, Gate, Opened};
use super::shown::{Faces, Shown};
use crate::connect::Breaker;
use crate::model::{Direction, Origin, Record, Severity, Transport};
use crate::output::{Sink, write_record};
use crate::pipeline::{Chunk, Connection, Pipeline, Selection};
use crate::protocol::{Protocol, Settings};
use crate::source::capture::TrafficOptions;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// What the user wants of the conversations.
#[derive(Debug, Default)]
pub struct Wishes {
    /// What must come.
    pub expectations: Expectations,
    /// Whether answers are compared with the recording.
    pub compare: bool,
    /// Fields that are not compared.
    pub ignored: Vec<Ignored>,
    /// Whether what is sent is shown, too.
    pub show_sent: bool,
    /// Which records are shown.
    pub selection: Selection,
    /// Whether secrets are shown beside what was expected.
    pub show_secrets: bool,
}

/// What is known of a live connection.
#[derive(Debug)]
pub(super) struct Live {
    pub breaker: Breaker,
    pub gate: Arc<Gate>,
    pub sent_all: Option<Instant>,
    pub ending: Option<Instant>,
    pub last: Instant,
    pub closed: bool,
    /// Whether its player is done.
    pub played: bool,
    detector: Connection,
    transport: Transport,
    local: Option<SocketAddr>,
    peer: Option<SocketAddr>,
    /// Bytes that came and are no whole frame yet, and their position.
    pending: Vec<u8>,
    received: u64,
    sent: u64,
}

impl Live {
    fn new(opened: Opened, detector: Connection) -> Self {
        Self {
            breaker: opened.breaker,
            gate: opened.gate,
            sent_all: None,
            ending: None,
            last: Instant::now(),
            closed: false,
            played: false,
            detector,
            transport: opened.transport,
            local: opened.local,
            peer: opened.peer,
            pending: Vec::new(),
            received: 0,
            sent: 0,
        }
    }
}

/// What is to be remembered of a connection, whoever carries it.
#[derive(Debug, Default)]
pub(super) struct Talk {
    pub conversation: Conversation,
    pub seen: Seen,
    pub comparison: Comparison,
}

/// What the records tell.
#[derive(Debug)]
pub(super) struct State {
    pub wishes: Wishes,
    pub talks: BTreeMap<u32, Talk>,
    pub exchanges: Exchanges,
    /// Answers by type.
    pub answers: BTreeMap<&'static str, u64>,
    /// Issues of severity error in answers.
    pub errors: u64,
    now: Now,
    texts: Shown,
    faithful: Vec<u8>,
    matched: u64,
    shown: u64,
}

/// What is being decoded: when it was sent or came; for what is sent, its frame's number on its
/// connection, from 1.
#[derive(Clone, Copy, Debug)]
struct Now {
    at: Instant,
    frame: u64,
    /// Whether the frame draws an answer.
    asks: bool,
    /// Which frame was answered.
    answered: Option<u64>,
}

/// The sink between the pipeline and the output.
pub(super) struct Watch<'w> {
    pub state: Rc<RefCell<State>>,
    pub output: &'w mut dyn Sink,
}

/// Follows all conversations.
pub(super) struct Watcher<'w> {
    pub state: Rc<RefCell<State>>,
    pub lives: BTreeMap<u32, Live>,
    pub bytes_received: u64,
    pub pipeline: Pipeline<'w>,
    forced: Option<&'static dyn Protocol>,
    settings: Settings,
    /// A moment by both clocks.
    epoch: (Instant, u64),
}

impl Now {
    fn at(at: Instant) -> Self {
        Self {
            at,
            frame: 0,
            asks: false,
            answered: None,
        }
    }
}

impl State {
    pub fn new(wishes: Wishes) -> Self {
        Self {
            texts: Shown::new(wishes.show_secrets),
            faithful: Vec::new(),
            wishes,
            talks: BTreeMap::new(),
            exchanges: Exchanges::new(),
            answers: BTreeMap::new(),
            errors: 0,
            now: Now::at(Instant::now()),
            matched: 0,
            shown: 0,
        }
    }

    /// What a connection's frame was, or the peer's answer.
    fn note(&mut self, record: &Record<'_>) {
        let connection = record.origin.stream.unwrap_or(0);
        let talk = self.talks.entry(connection).or_default();
        let now = &mut self.now;
        if record.origin.direction == Some(Direction::ClientToServer) {
            let conversation = &mut talk.conversation;
            now.asks |= conversation.request(record, now.frame, now.at, &mut self.exchanges);
            return;
        }
        let issues = record.message.issues.iter();
        let errors = issues.filter(|issue| issue.severity == Severity::Error);
        self.errors += errors.count() as u64;
        // What was put together from others is no answer of its own.
        let count = u64::from(!record.message.derived);
        *self.answers.entry(record.message.type_name).or_default() += count;
        let answered = talk
            .conversation
            .answer(record, now.at, &mut self.exchanges);
        now.answered = now.answered.max(answered);
        if !self.wishes.expectations.is_empty() {
            let expectations = &mut self.wishes.expectations;
            expectations.see(record, &mut self.texts, &mut talk.seen);
        }
        if self.wishes.compare && !record.message.derived {
            self.faithful.clear();
            write_record(&mut self.faithful, record, false);
            if let Some(faces) = Faces::read(&self.faithful, self.texts.masked(record)) {
                talk.comparison.live(faces, &self.wishes.ignored);
            }
        }
    }

    /// What the other side of these connections said in the recording.
    fn recorded(&mut self, connections: Range<u32>, record: &[u8], masked: Option<&[u8]>) {
        let masked = masked.filter(|_| !self.wishes.show_secrets);
        let Some(faces) = Faces::read(record, masked) else {
            return;
        };
        for connection in connections {
            let talk = self.talks.entry(connection).or_default();
            talk.comparison
                .recorded(faces.clone(), &self.wishes.ignored);
        }
    }

    /// Whether the user wants to see it.
    fn shows(&mut self, record: &Record<'_>) -> bool {
        let is_sent = record.origin.direction == Some(Direction::ClientToServer);
        if is_sent && !self.wishes.show_sent {
            return false;
        }
        let selection = &mut self.wishes.selection;
        if !selection.admits(record) {
            return false;
        }
        self.matched += 1;
        if self.matched <= selection.skip || selection.limit.is_some_and(|most| self.shown >= most)
        {
            return false;
        }
        self.shown += 1;
        true
    }
}

impl Sink for Watch<'_> {
    fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        state.note(record);
        if state.shows(record) {
            self.output.record(record)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.output.finish()
    }
}

impl<'w> Watcher<'w> {
    /// Knows of no connection yet; decodes as `traffic` says.
    pub fn new(
        state: Rc<RefCell<State>>,
        pipeline: Pipeline<'w>,
        traffic: &TrafficOptions,
    ) -> Self {
        Self {
            state,
            lives: BTreeMap::new(),
            bytes_received: 0,
            pipeline,
            forced: traffic.forced,
            settings: traffic.settings.clone(),
            epoch: epoch(),
        }
    }

    /// Takes note of what players do and peers say.
    pub fn event(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Opened(opened) => self.opened(opened),
            Event::Sent {
                connection,
                batch,
                frames,
                first,
                at,
            } => {
                for (number, index) in frames.enumerate() {
                    let bytes = batch.slice(index, index + 1);
                    self.sent(connection, bytes, first + number as u64 + 1, at)?;
                }
            }
            Event::Received {
                connection,
                gate,
                bytes,
                is_message,
                at,
            } if self.is_current(connection, &gate) => {
                self.received(connection, &bytes, is_message, at)?;
            }
            Event::Recorded {
                connections,
                record,
                masked,
            } => self
                .state
                .borrow_mut()
                .recorded(connections, &record, masked.as_deref()),
            Event::AllSent { connection } => {
                if let Some(live) = self.lives.get_mut(&connection) {
                    live.sent_all = Some(Instant::now());
                }
            }
            Event::Closed { connection, gate } if self.is_current(connection, &gate) => {
                self.received(connection, &[], false, Instant::now())?;
                if let Some(live) = self.lives.get_mut(&connection) {
                    live.closed = true;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A connection is there, for the first time or again: what was asked on an earlier one will not
    /// be answered.
    fn opened(&mut self, opened: Opened) {
        let detector = Connection::new(self.forced, self.settings.clone());
        let connection = opened.connection;
        self.lives.insert(connection, Live::new(opened, detector));
        let talks = &mut self.state.borrow_mut().talks;
        talks.entry(connection).or_default().conversation.clear();
    }

    /// Decodes a frame that is being sent, and says whether its player must wait for an answer.
    fn sent(&mut self, connection: u32, bytes: &[u8], frame: u64, at: Instant) -> io::Result<()> {
        let Some(live) = self.lives.get_mut(&connection) else {
            return Ok(());
        };
        self.state.borrow_mut().now = Now {
            frame,
            ..Now::at(at)
        };
        let origin = origin(connection, live, Direction::ClientToServer, at, self.epoch);
        let mut used = 0;
        while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            let chunk = Chunk {
                bytes: rest,
                offset: live.sent + used as u64,
                whole: true,
                ended: true,
                origin: &origin,
            };
            used += self.pipeline.feed(&mut live.detector, &chunk)?.0.max(1);
        }
        live.sent += bytes.len() as u64;
        if !self.state.borrow().now.asks {
            live.gate.settle(frame);
        }
        Ok(())
    }

    /// Decodes what has come; nothing for the end.
    fn received(
        &mut self,
        connection: u32,
        bytes: &[u8],
        is_message: bool,
        at: Instant,
    ) -> io::Result<()> {
        let Some(live) = self.lives.get_mut(&connection) else {
            return Ok(());
        };
        live.last = at;
        self.bytes_received += bytes.len() as u64;
        let ended = bytes.is_empty() || is_message;
        live.pending.extend_from_slice(bytes);
        if live.pending.len() < live.detector.needs() && !ended {
            return Ok(());
        }
        let origin = origin(connection, live, Direction::ServerToClient, at, self.epoch);
        let mut used = 0;
        while let Some(rest) = live.pending.get(used..).filter(|rest| !rest.is_empty()) {
            let chunk = Chunk {
                bytes: rest,
                offset: live.received + used as u64,
                whole: is_message,
                ended,
                origin: &origin,
            };
            self.state.borrow_mut().now = Now::at(at);
            let (count, _) = self.pipeline.feed(&mut live.detector, &chunk)?;
            if let Some(frame) = self.state.borrow().now.answered {
                live.gate.settle(frame);
            }
            used += count;
            if count == 0 || !ended {
                break;
            }
        }
        live.received += used as u64;
        live.pending.drain(..used.min(live.pending.len()));
        Ok(())
    }

    /// Whether `gate` belongs to the connection as it is now, not to one that was broken before.
    fn is_current(&self, connection: u32, gate: &Arc<Gate>) -> bool {
        let live = self.lives.get(&connection);
        live.is_some_and(|live| Arc::ptr_eq(&live.gate, gate))
    }

    /// Whether more is to come on this connection that the user waits for.
    pub fn waits(&self, connection: u32) -> bool {
        let state = self.state.borrow();
        let wishes = &state.wishes;
        state.talks.get(&connection).is_some_and(|talk| {
            wishes.expectations.waits(&talk.seen) || (wishes.compare && talk.comparison.waits())
        })
    }

    /// Whether an answer that always comes has not come.
    pub fn is_unanswered(&self, connection: u32) -> bool {
        let state = self.state.borrow();
        let talk = state.talks.get(&connection);
        talk.is_some_and(|talk| talk.conversation.unanswered().next().is_some())
    }
}

fn origin(
    connection: u32,
    live: &Live,
    direction: Direction,
    at: Instant,
    epoch: (Instant, u64),
) -> Origin {
    let (source, destination) = match direction {
        Direction::ClientToServer => (live.local, live.peer),
        Direction::ServerToClient => (live.peer, live.local),
    };
    // To the microsecond, as captures have it.
    let time = epoch.1 + nanoseconds(at.saturating_duration_since(epoch.0));
    let time = time - time % 1000;
    Origin {
        time: Some(time),
        stream: Some(connection),
        direction: Some(direction),
        source,
        destination,
        transport: Some(live.transport),
        ..Origin::default()
    }
}

/// This moment by both clocks; the second in nanoseconds since the Unix epoch.
fn epoch() -> (Instant, u64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    (Instant::now(), now.map_or(0, nanoseconds))
}
