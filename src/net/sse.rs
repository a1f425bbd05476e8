//! Event streams (WHATWG HTML, section 9.2), event by event.

use super::event::{Control, Envelope, Event, Finding, Kind, Message, Sink, Stamp, Transport};

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
    /// Bytes are missing: nothing is believed until the next blank line.
    torn: bool,
    /// Bytes of the event under way that were dropped.
    dropped: u64,
    offset: u64,
    limit: usize,
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
            torn: false,
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
        if self.after_cr
            && let Some(rest) = bytes.strip_prefix(b"\n")
        {
            bytes = rest;
        }
        if !bytes.is_empty() {
            self.after_cr = false;
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
        self.close(at, "gap", sink);
        self.torn = true;
    }

    /// Nothing more will come.
    pub(super) fn close(&mut self, at: Stamp, reason: &'static str, sink: &mut Sink<'_>) {
        for bytes in [
            std::mem::take(&mut self.data),
            std::mem::take(&mut self.line),
        ] {
            if !bytes.is_empty() {
                let kind = Kind::Fragment {
                    offset: self.offset,
                    bytes: &bytes,
                    reason,
                };
                sink(Event::new(at, Transport::Sse, kind));
                self.offset += bytes.len() as u64;
            }
        }
        self.reset();
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
        if line.is_empty() {
            return self.dispatch(at, sink);
        }
        if self.torn {
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
        if self.has_data && !self.torn {
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
        self.torn = false;
    }
}
