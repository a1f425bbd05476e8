//! NDJSON: one record a line, in the documented key order.

mod origin;

use self::origin::Origins;
use super::Sink;
use super::redact::Redactor;
use crate::codec::json::Values;
use crate::model::{JsonText, Label, Message, Record, Wanted, spell_type};
use std::io::{self, Write};

/// Lines are written out when this many bytes have gathered.
const BUFFER: usize = 1 << 16;

/// Writes records as NDJSON.
#[derive(Debug)]
pub struct Json<W> {
    out: W,
    buffer: JsonText,
    always_raw: bool,
    redactor: Option<Redactor>,
    origins: Origins,
}

impl<W: Write> Json<W> {
    /// Writes to `out`; `raw` goes into every record if `always_raw`.
    pub fn new(out: W, always_raw: bool) -> Self {
        Self {
            out,
            buffer: JsonText::default(),
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
            self.out.write_all(self.buffer.as_bytes())?;
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
        self.out.write_all(self.buffer.as_bytes())?;
        self.buffer.clear();
        self.out.flush()
    }
}

/// Appends `record` as one JSON object.
pub fn write_record(out: &mut Vec<u8>, record: &Record<'_>, always_raw: bool) {
    let mut text = JsonText::from(std::mem::take(out));
    write(&mut text, record, always_raw, &mut Origins::default());
    *out = text.into();
}

static NUMBER: Label = Label::new("n");
static OFFSET: Label = Label::new("offset");
static LENGTH: Label = Label::new("length");
static DERIVED: Label = Label::new("derived");
static ISSUES: Label = Label::new("issues");
static SEVERITY: Label = Label::new("severity");
static CODE: Label = Label::new("code");
static AT: Label = Label::new("at");
static MESSAGE: Label = Label::new("message");
static RAW: Label = Label::new("raw");

fn write(out: &mut JsonText, record: &Record<'_>, always_raw: bool, origins: &mut Origins) {
    let message = record.message;
    out.unsigned(b'{', Some(&NUMBER), record.number);
    out.copy(origins.text(record.origin));
    out.unsigned(b',', Some(&OFFSET), record.offset);
    out.unsigned(b',', Some(&LENGTH), record.frame.len() as u64);
    if message.derived {
        out.truth(b',', Some(&DERIVED), true);
    }
    match &message.spelled.head {
        Some(head) => {
            head.write(out);
            out.copy(message.spelled.values.as_bytes());
        }
        None => write_values(out, record),
    }
    issues(out, message);
    if always_raw || !message.faithful {
        out.hexadecimal(b',', Some(&RAW), record.frame);
    }
    out.push(b'}');
}

/// Type, header, body and inner, from the tree.
fn write_values(out: &mut JsonText, record: &Record<'_>) {
    let message = record.message;
    let values = Values::of(&message.tree, record.frame);
    spell_type(out, message.protocol, message.type_name);
    if let Some(header) = message.header {
        out.copy(b",\"header\"");
        values.write(out, b':', None, header);
    }
    out.copy(b",\"body\"");
    match message.body {
        Some(body) => values.write(out, b':', None, body),
        None => out.null(b':', None),
    }
    if let Some(inner) = message.inner {
        out.copy(b",\"inner\"");
        values.write(out, b':', None, inner);
    }
}

/// Says in the record just written that it is not what was on the wire.
fn mark_redacted(out: &mut JsonText) {
    out.pop();
    out.copy(b",\"redacted\":true}");
}

fn issues(out: &mut JsonText, message: &Message) {
    if message.issues.is_empty() {
        return;
    }
    out.begin(b',', Some(&ISSUES));
    let mut lead = b'[';
    for issue in &message.issues {
        out.push(lead);
        out.name(b'{', Some(&SEVERITY), issue.severity.name());
        out.name(b',', Some(&CODE), issue.code);
        out.begin(b',', Some(&AT));
        out.unsigned(b'[', None, issue.at.start.into());
        out.unsigned(b',', None, issue.at.len() as u64);
        out.push(b']');
        out.string(b',', Some(&MESSAGE), issue.message.as_bytes());
        out.push(b'}');
        lead = b',';
    }
    out.push(b']');
}
