//! Event streams (WHATWG HTML, section 9.2), event by event.

use std::fmt::Write;

use super::event::{Control, Envelope, Event, Finding, Kind, Message, Sink, Stamp, Transport};

/// How lines begin that mean something.
const FIELDS: [&[u8]; 5] = [b"event:", b"id:", b"data:", b"retry:", b":"];

/// Reads one event stream.
pub(super) struct EventStream {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    event: Option<String>,
    id: Option<String>,
    retry: Option<u64>,
    /// The last line ended in CR: an LF right after it belongs to that.
    after_cr: bool,
    at_start: bool,
    belief: Belief,
    /// Bytes of the event under way that were dropped.
    dropped: u64,
    offset: u64,
    limit: usize,
}

/// Whether the lines that come are believed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Belief {
    /// They are those of an event of which nothing is missing.
    Whole,
    /// Bytes are missing, but an event may begin right here: so it is if a field does.
    AtEdge,
    /// Bytes of this event are missing.
    Torn,
}

impl EventStream {
    /// `offset`: where its messages begin.
    pub(super) fn new(offset: u64, limit: usize) -> Self {
        Self {
            line: Vec::new(),
            data: Vec::new(),
            has_data: false,
            event: None,
            id: None,
            retry: None,
            after_cr: false,
            at_start: true,
            belief: Belief::Whole,
            dropped: 0,
            offset,
            limit,
        }
    }

    /// Position after the last event.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn cost(&self) -> usize {
        self.line.len() + self.data.len()
    }

    pub(super) fn data(&mut self, at: Stamp, mut bytes: &[u8], sink: &mut Sink<'_>) {
        if !bytes.is_empty() && std::mem::take(&mut self.after_cr) {
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let (line, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
            self.keep(line);
            let line = std::mem::take(&mut self.line);
            self.line(at, &line, sink);
            self.line = line;
            self.line.clear();
            bytes = match rest {
                [b'\r', b'\n', rest @ ..] => rest,
                [b'\r'] => {
                    self.after_cr = true;
                    &[]
                }
                [_, rest @ ..] => rest,
                [] => &[],
            };
        }
        self.keep(bytes);
    }

    /// Bytes are missing here.
    pub(super) fn gap(&mut self, at: Stamp, sink: &mut Sink<'_>) {
        let belief = if self.is_between() {
            Belief::AtEdge
        } else {
            Belief::Torn
        };
        self.show_fields(at, sink);
        self.close(at, "gap", sink);
        self.belief = belief;
        self.at_start = false;
        self.after_cr = false;
    }

    /// A piece begins in which the sender has most likely put an event: what is torn ends here.
    pub(super) fn piece_begins(&mut self, at: Stamp, sink: &mut Sink<'_>) {
        if self.belief == Belief::Torn {
            self.close(at, "gap", sink);
            self.belief = Belief::AtEdge;
        }
    }

    /// Bytes of the stream that cannot be read.
    pub(super) fn fragment(
        &mut self,
        at: Stamp,
        bytes: &[u8],
        reason: &'static str,
        sink: &mut Sink<'_>,
    ) {
        at.fragment(Transport::Sse, &mut self.offset, (bytes, reason), sink);
    }

    /// Nothing more will come.
    pub(super) fn close(&mut self, at: Stamp, reason: &'static str, sink: &mut Sink<'_>) {
        for bytes in [
            std::mem::take(&mut self.data),
            std::mem::take(&mut self.line),
        ] {
            self.fragment(at, &bytes, reason, sink);
        }
        self.reset();
    }

    /// Whether the last event has ended and nothing of the next was seen.
    fn is_between(&self) -> bool {
        self.belief != Belief::Torn
            && self.line.is_empty()
            && !self.has_data
            && self.event.is_none()
            && self.id.is_none()
            && self.retry.is_none()
    }

    /// Of an event that was cut off before its data, all that is known is its fields.
    fn show_fields(&mut self, at: Stamp, sink: &mut Sink<'_>) {
        let mut fields = String::new();
        for (name, value) in [("event", &self.event), ("id", &self.id)] {
            if let Some(value) = value {
                // Writing to a string cannot fail.
                let _ = writeln!(fields, "{name}: {value}");
            }
        }
        if self.data.is_empty() {
            self.fragment(at, fields.as_bytes(), "gap", sink);
        }
    }

    fn keep(&mut self, part: &[u8]) {
        let room = self.limit.saturating_sub(self.line.len() + self.data.len());
        let fits = part.get(..room).unwrap_or(part);
        self.line.extend_from_slice(fits);
        self.dropped += (part.len() - fits.len()) as u64;
    }

    fn line(&mut self, at: Stamp, line: &[u8], sink: &mut Sink<'_>) {
        let line = if std::mem::take(&mut self.at_start) {
            line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
        } else {
            line
        };
        if self.belief == Belief::AtEdge {
            self.belief = if line.is_empty() || begins_with_field(line) {
                Belief::Whole
            } else {
                Belief::Torn
            };
        }
        if line.is_empty() {
            return self.dispatch(at, sink);
        }
        if self.belief == Belief::Torn {
            self.data.extend_from_slice(line);
            self.data.push(b'\n');
            return;
        }
        if let [b':', comment @ ..] = line {
            sink(Event::new(
                at,
                Transport::Sse,
                Kind::Control(Control::Comment(comment)),
            ));
            return;
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = match colon.and_then(|at| line.split_at_checked(at)) {
            Some((name, value)) => {
                let value = value.get(1..).unwrap_or_default();
                (name, value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &[][..]),
        };
        let text = || Some(String::from_utf8_lossy(value).into_owned());
        match name {
            b"data" => {
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.has_data = true;
                self.data.extend_from_slice(value);
            }
            b"event" => self.event = text(),
            b"id" if !value.contains(&0) => self.id = text(),
            b"retry" => self.retry = std::str::from_utf8(value).ok().and_then(|v| v.parse().ok()),
            _ => {}
        }
    }

    fn dispatch(&mut self, at: Stamp, sink: &mut Sink<'_>) {
        if self.dropped > 0 {
            let message = format!("an event is longer than {} bytes", self.limit);
            let finding = Finding::error("message-too-long", self.offset, message);
            sink(Event::new(at, Transport::Sse, Kind::Finding(finding)));
            return self.close(at, "message-too-long", sink);
        }
        if self.belief == Belief::Torn {
            return self.close(at, "gap", sink);
        }
        if self.has_data {
            let data = std::mem::take(&mut self.data);
            let message = Message {
                offset: self.offset,
                bytes: &data,
                text: true,
                deflated: false,
                envelope: Envelope::Sse {
                    event: self.event.as_deref(),
                    id: self.id.as_deref(),
                    retry: self.retry,
                },
            };
            self.offset += data.len() as u64;
            sink(Event::new(at, Transport::Sse, Kind::Message(message)));
            self.data = data;
        }
        self.reset();
    }

    fn reset(&mut self) {
        self.data.clear();
        self.has_data = false;
        self.event = None;
        self.id = None;
        self.retry = None;
        self.dropped = 0;
        self.belief = Belief::Whole;
    }
}

/// Whether a line begins as those do that mean something.
fn begins_with_field(line: &[u8]) -> bool {
    FIELDS.iter().any(|name| line.starts_with(name))
}
