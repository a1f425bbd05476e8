//! Bodies: by length, in chunks, or until the connection closes.

use std::sync::Arc;

use super::coding::Coding;
use super::head::Head;
use crate::net::event::{
    Envelope, Event, Finding, HttpExchange, Kind, Message, Sink, Stamp, Transport,
};
use crate::net::sse::EventStream;

/// Longest line that tells the length of a chunk, extensions included.
const CHUNK_LINE_LIMIT: usize = 4096;

/// How a body's end is told.
#[derive(Clone, Copy, Debug)]
pub(super) enum Framing {
    /// Bytes that are still to come.
    Length(u64),
    Chunked(Chunk),
    UntilClose,
}

/// Where in a chunked body the next byte lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    /// In the line that tells the chunk's length.
    Size,
    /// In the chunk, with so many bytes to come.
    Data(u64),
    /// In the line end after a chunk.
    DataEnd,
    /// In the lines after the last chunk.
    Trailer,
    /// Behind a hole in an event stream: in the rest of a chunk, or in the line before one.
    Lost {
        /// In the middle of a line that is too long to tell a length.
        in_line: bool,
    },
}

impl Framing {
    /// What the head says; `None` if nothing.
    pub(super) fn of(head: &Head<'_>) -> Option<Self> {
        if let Some(coding) = head.value("transfer-encoding") {
            let last = coding
                .rsplit(|byte| *byte == b',')
                .next()
                .unwrap_or_default();
            return Some(if last.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                Self::Chunked(Chunk::Size)
            } else {
                Self::UntilClose
            });
        }
        let length = head.value("content-length")?;
        // A list of one number over and over is that number (RFC 9110, section 8.6).
        let mut lengths = std::str::from_utf8(length)
            .ok()?
            .split(',')
            .map(|length| length.trim().parse().ok());
        let first = lengths.next()??;
        lengths
            .all(|other| other == Some(first))
            .then_some(Self::Length(first))
    }
}

/// A body being read.
pub(super) struct Body {
    framing: Framing,
    /// The line under way, in chunked bodies.
    line: Vec<u8>,
    exchange: Arc<HttpExchange>,
    coding: Coding,
    content: Content,
    offset: u64,
    limit: usize,
    over: bool,
    /// Bytes are missing, or were given up: the body is no message any more.
    torn: bool,
    dropped: u64,
}

enum Content {
    Whole(Vec<u8>),
    Events(Box<EventStream>),
}

impl Body {
    pub(super) fn new(
        framing: Framing,
        exchange: Arc<HttpExchange>,
        offset: u64,
        limit: usize,
    ) -> Self {
        let media_type = exchange.content_type.as_deref().unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        let events =
            media_type.eq_ignore_ascii_case("text/event-stream") && exchange.status.is_some();
        let coding = Coding::of(exchange.content_encoding.as_deref());
        let content = if events {
            Content::Events(Box::new(EventStream::new(offset, limit)))
        } else {
            Content::Whole(Vec::new())
        };
        Self {
            framing,
            line: Vec::new(),
            exchange,
            coding,
            content,
            offset,
            limit,
            over: false,
            torn: false,
            dropped: 0,
        }
    }

    /// An event stream whose head is not in the capture, from an event on, or its chunk.
    pub(super) fn events_after_hole(
        exchange: Arc<HttpExchange>,
        offset: u64,
        limit: usize,
    ) -> Self {
        Self {
            framing: Framing::Chunked(Chunk::Lost { in_line: false }),
            line: Vec::new(),
            exchange,
            coding: Coding::Plain,
            content: Content::Events(Box::new(EventStream::new(offset, limit))),
            offset,
            limit,
            over: false,
            torn: true,
            dropped: 0,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    pub(super) fn is_event_stream(&self) -> bool {
        matches!(self.content, Content::Events(_))
    }

    /// Position after what was handed out.
    pub(super) fn offset(&self) -> u64 {
        match &self.content {
            Content::Events(events) => events.offset(),
            Content::Whole(_) => self.offset,
        }
    }

    pub(super) fn cost(&self) -> usize {
        self.line.len()
            + match &self.content {
                Content::Whole(bytes) => bytes.len(),
                Content::Events(events) => events.cost(),
            }
    }

    /// Takes bytes; gives those after the body's end.
    pub(super) fn data<'b>(
        &mut self,
        at: Stamp,
        mut bytes: &'b [u8],
        sink: &mut Sink<'_>,
    ) -> &'b [u8] {
        while !bytes.is_empty() && !self.over {
            match self.framing {
                Framing::UntilClose => {
                    self.content(at, bytes, sink);
                    bytes = &[];
                }
                Framing::Length(left) => {
                    let (part, rest) = split(bytes, left);
                    self.content(at, part, sink);
                    self.framing = Framing::Length(left - part.len() as u64);
                    if left == part.len() as u64 {
                        self.end(at, sink);
                    }
                    bytes = rest;
                }
                Framing::Chunked(Chunk::Data(left)) => {
                    let (part, rest) = split(bytes, left);
                    self.content(at, part, sink);
                    let left = left - part.len() as u64;
                    self.framing = Framing::Chunked(if left == 0 {
                        Chunk::DataEnd
                    } else {
                        Chunk::Data(left)
                    });
                    bytes = rest;
                }
                Framing::Chunked(Chunk::Lost { in_line }) => {
                    bytes = self.look_for_chunk(at, in_line, bytes, sink);
                }
                Framing::Chunked(chunk) => bytes = self.chunk_line(at, chunk, bytes, sink),
            }
        }
        bytes
    }

    /// `missing` bytes will not come. `false` if where the body goes on is not known any more.
    pub(super) fn gap(&mut self, at: Stamp, missing: u64, sink: &mut Sink<'_>) -> bool {
        self.give_back_line(at, sink);
        self.tear(at, "gap", sink);
        if !matches!(
            self.coding,
            Coding::Plain | Coding::Unknown | Coding::Broken
        ) {
            self.cannot_read("bytes of it are missing", at, sink);
        }
        let is_event_stream = self.is_event_stream();
        match &mut self.framing {
            Framing::UntilClose => true,
            Framing::Length(left) | Framing::Chunked(Chunk::Data(left)) if *left >= missing => {
                *left -= missing;
                if *left == 0 {
                    match self.framing {
                        Framing::Length(_) => self.over = true,
                        _ => self.framing = Framing::Chunked(Chunk::DataEnd),
                    }
                }
                true
            }
            Framing::Chunked(chunk) if is_event_stream => {
                // The end of a hole is most likely inside a chunk or right before one.
                *chunk = Chunk::Lost { in_line: false };
                self.line.clear();
                true
            }
            _ => false,
        }
    }

    /// What was read so far is no message.
    pub(super) fn tear(&mut self, at: Stamp, reason: &'static str, sink: &mut Sink<'_>) {
        self.torn = true;
        match &mut self.content {
            Content::Events(events) => events.gap(at, sink),
            Content::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                self.fragment(at, &bytes, reason, sink);
            }
        }
    }

    /// The connection closes.
    pub(super) fn close(&mut self, at: Stamp, in_order: bool, sink: &mut Sink<'_>) {
        if matches!(self.framing, Framing::UntilClose) && in_order {
            return self.end(at, sink);
        }
        self.give_back_line(at, sink);
        match &mut self.content {
            Content::Events(events) => events.close(at, "cut-off", sink),
            Content::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                self.fragment(at, &bytes, "cut-off", sink);
            }
        }
        self.over = true;
    }

    /// Takes content as it was sent.
    fn content(&mut self, at: Stamp, part: &[u8], sink: &mut Sink<'_>) {
        match &self.coding {
            Coding::Plain => {
                self.decoded(at, part, sink);
            }
            Coding::Unknown => self.cannot_read("in a way that is not known here", at, sink),
            Coding::Broken => {}
            // Too long already.
            Coding::Gzip(_) | Coding::Deflate(_) if self.dropped > 0 => {}
            Coding::Gzip(_) | Coding::Deflate(_) => {
                let mut coding = std::mem::replace(&mut self.coding, Coding::Broken);
                let result = coding.decode(part, &mut |piece| self.decoded(at, piece, sink));
                if result.is_ok() {
                    self.coding = coding;
                } else {
                    self.tear(at, "http-content-encoding", sink);
                    self.cannot_read("and damaged", at, sink);
                }
            }
        }
    }

    /// Takes content as it is meant; whether more is of any use.
    fn decoded(&mut self, at: Stamp, part: &[u8], sink: &mut Sink<'_>) -> bool {
        match &mut self.content {
            Content::Events(events) => events.data(at, part, sink),
            Content::Whole(bytes) => {
                let room = self.limit.saturating_sub(bytes.len());
                let fits = part.get(..room).unwrap_or(part);
                bytes.extend_from_slice(fits);
                self.dropped += (part.len() - fits.len()) as u64;
            }
        }
        self.dropped == 0
    }

    /// The content is compressed and cannot be read from here on.
    fn cannot_read(&mut self, why: &str, at: Stamp, sink: &mut Sink<'_>) {
        self.coding = Coding::Broken;
        self.torn = true;
        let name = self
            .exchange
            .content_encoding
            .as_deref()
            .unwrap_or_default();
        let message = format!("a body cannot be read: it is compressed ({name}), {why}");
        // Any page may travel here; only events and JSON can be what is looked for.
        let media_type = self.exchange.content_type.as_deref().unwrap_or_default();
        let is_json = media_type.to_ascii_lowercase().contains("json");
        let finding = match self.content {
            Content::Whole(_) if !is_json => Finding::note,
            _ => Finding::error,
        };
        let finding = finding("http-content-encoding", self.offset(), message);
        let transport = match self.content {
            Content::Events(_) => Transport::Sse,
            Content::Whole(_) => Transport::Http,
        };
        sink(Event::new(at, transport, Kind::Finding(finding)));
    }

    fn end(&mut self, at: Stamp, sink: &mut Sink<'_>) {
        self.over = true;
        let bytes = match &mut self.content {
            Content::Events(events) => return events.close(at, "cut-off", sink),
            Content::Whole(bytes) => std::mem::take(bytes),
        };
        if self.dropped > 0 {
            let message = format!("a body is longer than {} bytes", self.limit);
            let finding = Finding::error("message-too-long", self.offset, message);
            sink(Event::new(at, Transport::Http, Kind::Finding(finding)));
            return self.fragment(at, &bytes, "message-too-long", sink);
        }
        if self.coding.is_unfinished() {
            self.cannot_read("and incomplete", at, sink);
            return self.fragment(at, &bytes, "http-content-encoding", sink);
        }
        if self.torn {
            return self.fragment(at, &bytes, "gap", sink);
        }
        if bytes.is_empty() {
            return;
        }
        let message = Message {
            offset: self.offset,
            bytes: &bytes,
            text: std::str::from_utf8(&bytes).is_ok(),
            deflated: false,
            envelope: Envelope::Http(Arc::clone(&self.exchange)),
        };
        self.offset += bytes.len() as u64;
        sink(Event::new(at, Transport::Http, Kind::Message(message)));
    }

    fn fragment(&mut self, at: Stamp, bytes: &[u8], reason: &'static str, sink: &mut Sink<'_>) {
        at.fragment(Transport::Http, &mut self.offset, (bytes, reason), sink);
    }

    /// Reads one of the lines between chunks.
    fn chunk_line<'b>(
        &mut self,
        at: Stamp,
        chunk: Chunk,
        bytes: &'b [u8],
        sink: &mut Sink<'_>,
    ) -> &'b [u8] {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            let room = CHUNK_LINE_LIMIT.saturating_sub(self.line.len());
            self.line
                .extend_from_slice(bytes.get(..room).unwrap_or(bytes));
            return &[];
        };
        let (last, rest) = bytes.split_at_checked(end + 1).unwrap_or((bytes, &[]));
        self.line.extend_from_slice(last);
        let line = std::mem::take(&mut self.line);
        let line = line.trim_ascii_end();
        match chunk {
            Chunk::Size => match chunk_size(line) {
                Some(0) => self.framing = Framing::Chunked(Chunk::Trailer),
                Some(size) => self.chunk_begins(at, size, sink),
                None if self.torn => {}
                None => {
                    let finding = Finding::error(
                        "http-chunk-malformed",
                        self.offset(),
                        "the length of a chunk cannot be read",
                    );
                    sink(Event::new(at, Transport::Http, Kind::Finding(finding)));
                    self.tear(at, "http-chunk-malformed", sink);
                    if let Content::Events(events) = &mut self.content {
                        events.data(at, line, sink);
                        events.data(at, b"\n", sink);
                        self.framing = Framing::Chunked(Chunk::Lost { in_line: false });
                    }
                }
            },
            Chunk::Trailer if line.is_empty() => self.end(at, sink),
            Chunk::DataEnd => self.framing = Framing::Chunked(Chunk::Size),
            Chunk::Trailer | Chunk::Data(_) | Chunk::Lost { .. } => {}
        }
        rest
    }

    fn chunk_begins(&mut self, at: Stamp, size: u64, sink: &mut Sink<'_>) {
        self.framing = Framing::Chunked(Chunk::Data(size));
        if let Content::Events(events) = &mut self.content
            && matches!(self.coding, Coding::Plain)
        {
            events.piece_begins(at, sink);
        }
    }

    /// Looks for the line that tells a chunk's length; all before it is the rest of a chunk.
    fn look_for_chunk<'b>(
        &mut self,
        at: Stamp,
        in_line: bool,
        bytes: &'b [u8],
        sink: &mut Sink<'_>,
    ) -> &'b [u8] {
        let end = memchr::memchr(b'\n', bytes).map(|end| end + 1);
        let (part, rest) = bytes
            .split_at_checked(end.unwrap_or(bytes.len()))
            .unwrap_or((bytes, &[]));
        if in_line {
            self.framing = Framing::Chunked(Chunk::Lost {
                in_line: end.is_none(),
            });
            self.content(at, part, sink);
            return rest;
        }
        self.line.extend_from_slice(part);
        let size = match end {
            Some(_) => chunk_size(&self.line),
            None if self.line.len() <= CHUNK_LINE_LIMIT => return rest,
            None => None,
        };
        match size {
            Some(0) => {
                self.line.clear();
                self.framing = Framing::Chunked(Chunk::Trailer);
            }
            Some(size) => {
                self.line.clear();
                self.chunk_begins(at, size, sink);
            }
            None => {
                self.framing = Framing::Chunked(Chunk::Lost {
                    in_line: end.is_none(),
                });
                self.give_back_line(at, sink);
            }
        }
        rest
    }

    /// What was kept of a line that might have told a chunk's length is a part of events.
    fn give_back_line(&mut self, at: Stamp, sink: &mut Sink<'_>) {
        if matches!(self.framing, Framing::Chunked(Chunk::Lost { .. })) {
            let line = std::mem::take(&mut self.line);
            self.content(at, &line, sink);
        }
    }
}

fn split(bytes: &[u8], left: u64) -> (&[u8], &[u8]) {
    let length = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
    bytes.split_at_checked(length).unwrap_or((bytes, &[]))
}

/// The number at the start of a chunk's line, before any extension.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b';').next()?.trim_ascii();
    if digits.is_empty() || digits.len() > 15 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}
