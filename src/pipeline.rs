//! The one loop: bytes → frames → messages → filter → sink.

use crate::filter::Filter;
use crate::model::{Direction, Message, Origin, Record, Severity, Wanted};
use crate::output::Sink;
use crate::protocol::{self, Across, Detection, Detector, Input, Protocol, Settings};
use std::io;

/// Unknown bytes are shown in pieces of at most this size; so many are held back until it is known
/// where they end.
pub(crate) const MOST_UNKNOWN: usize = 64 << 10;

/// Which records reach the sink.
#[derive(Debug, Default)]
pub struct Selection {
    /// Leave out this many records first.
    pub skip: u64,
    /// End after this many records.
    pub limit: Option<u64>,
    /// Only types that match one of these patterns; all if there is none.
    pub types: Vec<glob::Pattern>,
    /// Only records for which this expression yields something true.
    pub filter: Option<Filter>,
}

impl Selection {
    fn wants(&self, message: &Message) -> bool {
        if self.types.is_empty() {
            return true;
        }
        let full = format!("{}.{}", message.protocol, message.type_name);
        let matches = |pattern: &glob::Pattern, name: &str| {
            pattern.matches_with(
                name,
                glob::MatchOptions {
                    case_sensitive: false,
                    ..glob::MatchOptions::default()
                },
            )
        };
        self.types
            .iter()
            .any(|pattern| matches(pattern, message.type_name) || matches(pattern, &full))
    }

    /// Whether type and filter expression admit `record`; what the expression fails on is not
    /// admitted.
    pub fn admits(&mut self, record: &Record<'_>) -> bool {
        if !self.wants(record.message) {
            return false;
        }
        let filter = self.filter.as_mut();
        filter.is_none_or(|filter| filter.matches(record).unwrap_or(false))
    }
}

/// What a run has met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Records decoded, counted before filters.
    pub records: u64,
    /// Records shown.
    pub shown: u64,
    /// Issues of severity error.
    pub errors: u64,
    /// Issues of severity warning.
    pub warnings: u64,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// More input is welcome.
    Continue,
    /// The limit is reached.
    Stop,
}

/// Decodes byte streams and hands records to a sink.
pub struct Pipeline<'s> {
    sink: &'s mut dyn Sink,
    selection: Selection,
    totals: Totals,
    message: Message,
    /// Checks over all connections.
    across: Vec<Box<dyn Across>>,
    /// How often the filter expression failed, and how the first time.
    filter_failures: (u64, Option<String>),
}

impl std::fmt::Debug for Pipeline<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Pipeline")
            .field("totals", &self.totals)
            .finish_non_exhaustive()
    }
}

impl<'s> Pipeline<'s> {
    /// Records go to `sink` as far as `selection` wants them.
    pub fn new(sink: &'s mut dyn Sink, selection: Selection) -> Self {
        Self {
            sink,
            selection,
            totals: Totals::default(),
            message: Message::default(),
            across: protocol::across(),
            filter_failures: (0, None),
        }
    }

    /// What anyone will look at in the messages; so much the settings of its connections should
    /// ask for.
    #[must_use]
    pub fn wanted(&self) -> Wanted {
        match self.selection.filter {
            Some(_) => Wanted::Values,
            None => self.sink.wanted(),
        }
    }

    /// What has been met so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// On how many records the filter expression failed, and what it said the first time. Such
    /// records are not shown.
    #[must_use]
    pub fn filter_failures(&self) -> Option<(u64, &str)> {
        let (count, first) = &self.filter_failures;
        first.as_deref().map(|first| (*count, first))
    }

    /// Writes out what the sink has buffered.
    ///
    /// # Errors
    /// If writing fails.
    pub fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }

    /// Decodes as many frames of `connection` as `chunk` holds; says how many bytes were used
    /// and whether to go on. Unused bytes belong to an incomplete frame.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn feed(
        &mut self,
        connection: &mut Connection,
        chunk: &Chunk<'_>,
    ) -> io::Result<(usize, Flow)> {
        let mut used = 0;
        connection.needs = 0;
        while let Some(bytes) = chunk.bytes.get(used..).filter(|bytes| !bytes.is_empty()) {
            let input = Input {
                bytes,
                whole: chunk.whole,
                ended: chunk.ended,
                direction: chunk.origin.direction,
                time: chunk.origin.time,
            };
            let size = match connection.detector.frame(&input) {
                Detection::Need(size) => {
                    connection.needs = size;
                    break;
                }
                Detection::Frame(size) => {
                    let frame = bytes.get(..size).unwrap_or(bytes);
                    connection.frames += 1;
                    connection.detector.decode(frame, &input, &mut self.message);
                    if let Some((protocol, grounds)) = connection.detector.news() {
                        self.sink.taken_for(chunk.origin, protocol, grounds.name());
                    }
                    size
                }
                Detection::Unknown(size, _)
                    if size == bytes.len()
                        && size < MOST_UNKNOWN
                        && !input.whole
                        && !input.ended =>
                {
                    connection.needs = size + 1;
                    break;
                }
                Detection::Unknown(size, why) => {
                    let size = size.min(MOST_UNKNOWN);
                    self.message.unknown(size);
                    self.message.error("unknown-bytes", (0, size), why);
                    size
                }
            };
            let size = size.min(bytes.len());
            let frame = bytes.get(..size).unwrap_or(bytes);
            let offset = chunk.offset + used as u64;
            used += size;
            if self.emit(chunk.origin, offset, frame)? == Flow::Stop
                || self.derived(connection, chunk.origin, offset)? == Flow::Stop
            {
                return Ok((used, Flow::Stop));
            }
        }
        Ok((used, Flow::Continue))
    }

    /// Shows a record that is no protocol frame: `fill` says what it holds.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn show(
        &mut self,
        origin: &Origin,
        offset: u64,
        frame: &[u8],
        fill: impl FnOnce(&mut Message),
    ) -> io::Result<Flow> {
        self.message.clear();
        fill(&mut self.message);
        self.emit(origin, offset, frame)
    }

    /// Ends `connection`: what was put together in part is shown. `place` says whence it comes and
    /// where the bytes of that sender end.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn close(
        &mut self,
        connection: &mut Connection,
        place: &dyn Fn(Option<Direction>) -> (Origin, u64),
    ) -> io::Result<Flow> {
        while let Some(bytes) = connection.detector.next_derived(true, &mut self.message) {
            let (origin, offset) = place(self.message.sender);
            if self.emit(&origin, offset, &bytes)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    /// Shows the messages that were put together from earlier ones.
    fn derived(
        &mut self,
        connection: &mut Connection,
        origin: &Origin,
        offset: u64,
    ) -> io::Result<Flow> {
        while let Some(bytes) = connection.detector.next_derived(false, &mut self.message) {
            if self.emit(origin, offset, &bytes)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    #[expect(clippy::inline_always, reason = "every message passes")]
    #[inline(always)]
    fn emit(&mut self, origin: &Origin, offset: u64, frame: &[u8]) -> io::Result<Flow> {
        let number = self.totals.records;
        self.totals.records += 1;
        // Dumps do not say what belongs together.
        if origin.stream.is_some() {
            for checks in &mut self.across {
                checks.check(origin, frame, &mut self.message);
            }
        }
        for issue in &self.message.issues {
            match issue.severity {
                Severity::Error => self.totals.errors += 1,
                Severity::Warning => self.totals.warnings += 1,
                Severity::Note => {}
            }
        }
        if !self.selection.wants(&self.message) {
            return Ok(Flow::Continue);
        }
        let record = Record {
            number,
            origin,
            offset,
            frame,
            message: &self.message,
        };
        if let Some(filter) = &mut self.selection.filter {
            match filter.matches(&record) {
                Ok(true) => {}
                Ok(false) => return Ok(Flow::Continue),
                Err(error) => {
                    self.filter_failures.0 += 1;
                    self.filter_failures.1.get_or_insert(error);
                    return Ok(Flow::Continue);
                }
            }
        }
        if self.selection.skip > 0 {
            self.selection.skip -= 1;
            return Ok(Flow::Continue);
        }
        if self
            .selection
            .limit
            .is_some_and(|limit| self.totals.shown >= limit)
        {
            return Ok(Flow::Stop);
        }
        self.totals.shown += 1;
        self.sink.record(&record)?;
        let full = self
            .selection
            .limit
            .is_some_and(|limit| self.totals.shown >= limit);
        Ok(if full { Flow::Stop } else { Flow::Continue })
    }
}

/// Bytes of one connection, one direction.
#[derive(Debug)]
pub struct Chunk<'a> {
    /// The bytes, from the first that was not used yet.
    pub bytes: &'a [u8],
    /// Their position in the stream.
    pub offset: u64,
    /// Whether they are one message whose end is known.
    pub whole: bool,
    /// Whether nothing follows.
    pub ended: bool,
    /// Where they come from.
    pub origin: &'a Origin,
}

/// What is known of one connection.
#[derive(Debug)]
pub struct Connection {
    detector: Detector,
    needs: usize,
    frames: u64,
}

impl Connection {
    /// A connection that speaks `forced`, or whatever is found.
    #[must_use]
    pub fn new(forced: Option<&'static dyn Protocol>, settings: Settings) -> Self {
        Self {
            detector: Detector::new(forced, settings),
            needs: 0,
            frames: 0,
        }
    }

    /// Expects `protocol` first, without forcing it.
    pub fn expect(&mut self, protocol: &'static dyn Protocol) {
        self.detector.expect(protocol);
    }

    /// Bytes of `direction` are missing before those that come next.
    pub fn gap(&mut self, direction: Direction) {
        self.detector.gap(direction);
    }

    /// Whether `direction` now lacks bytes that were sent before what the other one sends.
    pub fn lacks(&mut self, direction: Direction, lacks: bool) {
        self.detector.lacks(direction, lacks);
    }

    /// Whether the message `bytes` is of a protocol that is known.
    #[must_use]
    pub fn recognizes(&self, bytes: &[u8], direction: Option<Direction>) -> bool {
        self.detector.recognizes(&Input {
            bytes,
            whole: true,
            ended: true,
            direction,
            time: None,
        })
    }

    /// How many bytes the next frame needs, as far as known.
    #[must_use]
    pub fn needs(&self) -> usize {
        self.needs
    }

    /// How many frames were decoded.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// The service that the client has asked for by name, if the protocol has such.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        self.detector.service()
    }

    /// The protocol it speaks, as far as known.
    #[must_use]
    pub fn protocol(&self) -> Option<&'static dyn Protocol> {
        self.detector.pinned()
    }
}

/// The direction that a user's word names.
#[must_use]
pub fn direction_by_name(name: &str) -> Option<Direction> {
    [Direction::ClientToServer, Direction::ServerToClient]
        .into_iter()
        .find(|direction| direction.name() == name)
}
