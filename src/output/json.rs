//! NDJSON: one record a line, in the documented key order.

mod origin;
mod values;

use self::origin::Origins;
use self::values::Values;
use super::Sink;
use super::redact::Redactor;
use crate::codec::json::scalars::{hexadecimal, number, text};
use crate::model::{Message, Record, Wanted};
use std::io::{self, Write};

/// Lines are written out when this many bytes have gathered.
const BUFFER: usize = 1 << 16;

/// Writes records as NDJSON.
#[derive(Debug)]
pub struct Json<W> {
    out: W,
    buffer: Vec<u8>,
    always_raw: bool,
    redactor: Option<Redactor>,
    origins: Origins,
}

impl<W: Write> Json<W> {
    /// Writes to `out`; `raw` goes into every record if `always_raw`.
    pub fn new(out: W, always_raw: bool) -> Self {
        Self {
            out,
            buffer: Vec::with_capacity(BUFFER * 2),
            always_raw,
            redactor: None,
            origins: Origins::default(),
        }
    }

    /// Masks secrets, and marks the records that had some, if `redact`.
    #[must_use]
    pub fn redacted(mut self, redact: bool) -> Self {
        self.redactor = redact.then(Redactor::default);
        self
    }
}

impl<W: Write> Sink for Json<W> {
    fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        let mut redactor = self.redactor.as_mut();
        match redactor.take_if(|redactor| redactor.finds(record)) {
            Some(redactor) => {
                let record = redactor.redacted(record);
                write(
                    &mut self.buffer,
                    &record,
                    self.always_raw,
                    &mut self.origins,
                );
                mark_redacted(&mut self.buffer);
            }
            None => write(&mut self.buffer, record, self.always_raw, &mut self.origins),
        }
        self.buffer.push(b'\n');
        if self.buffer.len() >= BUFFER {
            self.out.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    fn wanted(&self) -> Wanted {
        match self.redactor {
            Some(_) => Wanted::Values,
            None => Wanted::Json,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        self.out.flush()
    }
}

/// Appends `record` as one JSON object.
pub fn write_record(out: &mut Vec<u8>, record: &Record<'_>, always_raw: bool) {
    write(out, record, always_raw, &mut Origins::default());
}

fn write(out: &mut Vec<u8>, record: &Record<'_>, always_raw: bool, origins: &mut Origins) {
    let message = record.message;
    out.extend_from_slice(b"{\"n\":");
    number(out, record.number);
    origins.write(out, record.origin);
    out.extend_from_slice(b",\"offset\":");
    number(out, record.offset);
    out.extend_from_slice(b",\"length\":");
    number(out, record.frame.len() as u64);
    if message.derived {
        out.extend_from_slice(b",\"derived\":true");
    }
    out.extend_from_slice(b",\"protocol\":\"");
    out.extend_from_slice(message.protocol.as_bytes());
    out.extend_from_slice(b"\",\"type\":\"");
    out.extend_from_slice(message.type_name.as_bytes());
    out.push(b'"');
    let values = Values::of(record);
    let spelled = &message.spelled;
    match message.header {
        Some(header) => {
            out.extend_from_slice(b",\"header\":");
            values.write(out, header);
        }
        None if spelled.header.is_empty() => {}
        None => {
            out.extend_from_slice(b",\"header\"");
            out.extend_from_slice(spelled.header.as_bytes());
        }
    }
    if spelled.body.is_empty() {
        out.extend_from_slice(b",\"body\":");
        match message.body {
            Some(body) => values.write(out, body),
            None => out.extend_from_slice(b"null"),
        }
    } else {
        out.extend_from_slice(b",\"body\"");
        out.extend_from_slice(spelled.body.as_bytes());
    }
    if let Some(inner) = message.inner {
        out.extend_from_slice(b",\"inner\":");
        values.write(out, inner);
    }
    issues(out, message);
    if always_raw || !message.faithful {
        out.extend_from_slice(b",\"raw\":\"");
        hexadecimal(out, record.frame);
        out.push(b'"');
    }
    out.push(b'}');
}

/// Says in the record just written that it is not what was on the wire.
fn mark_redacted(out: &mut Vec<u8>) {
    out.pop();
    out.extend_from_slice(b",\"redacted\":true}");
}

fn issues(out: &mut Vec<u8>, message: &Message) {
    if message.issues.is_empty() {
        return;
    }
    out.extend_from_slice(b",\"issues\":[");
    for (index, issue) in message.issues.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"severity\":\"");
        out.extend_from_slice(issue.severity.name().as_bytes());
        out.extend_from_slice(b"\",\"code\":\"");
        out.extend_from_slice(issue.code.as_bytes());
        out.extend_from_slice(b"\",\"at\":[");
        number(out, issue.at.start.into());
        out.push(b',');
        number(out, issue.at.len() as u64);
        out.extend_from_slice(b"],\"message\":");
        text(out, issue.message.as_bytes());
        out.push(b'}');
    }
    out.push(b']');
}
