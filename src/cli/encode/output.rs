//! What is done with the frames that were encoded.

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use std::collections::HashMap;
use std::io::{self, Write};
use wirectl::model::Origin;
use wirectl::output::{Json, Look, Pretty, Sink, Styles};
use wirectl::pipeline::{Chunk, Connection, Pipeline, Selection};
use wirectl::protocol::{self, Settings};

use super::super::terminal::{self, ColorChoice};

/// Bytes are written out when this many have gathered.
const BUFFER: usize = 1 << 16;

/// What to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// The bytes themselves
    Raw,
    /// Hexadecimal digits, all in one
    Hex,
    /// A line of hexadecimal digits for each message
    HexLines,
    /// A line of base64 for each message
    Base64Lines,
    /// What was encoded, decoded again: a JSON object per line
    Json,
    /// What was encoded, decoded again: for people
    Pretty,
}

impl Form {
    /// A sink for the forms that show what was encoded; none for bytes.
    pub fn sink(self) -> Option<Box<dyn Sink>> {
        let out = io::stdout().lock();
        match self {
            Self::Json => Some(Box::new(Json::new(out, false))),
            Self::Pretty => {
                let look = Look {
                    styles: Styles::new(terminal::use_color(ColorChoice::Auto, &io::stdout())),
                    width: terminal::width(),
                    input: String::new(),
                    ..Look::plain()
                };
                Some(Box::new(Pretty::new(out, look)))
            }
            _ => None,
        }
    }
}

/// Takes frames and writes them in the form that is asked for.
pub struct Output<'s> {
    form: Form,
    out: Option<io::StdoutLock<'static>>,
    shown: Option<Shown<'s>>,
    frame: Vec<u8>,
    buffer: Vec<u8>,
    /// Whether a line is begun and not ended.
    open_line: bool,
}

impl<'s> Output<'s> {
    /// Frames go to standard output as bytes, or to `sink` as records.
    pub fn new(form: Form, sink: Option<&'s mut dyn Sink>, settings: Settings) -> Self {
        let shown = sink.map(|sink| Shown {
            pipeline: Pipeline::new(sink, Selection::default()),
            connections: HashMap::new(),
            settings,
            offset: 0,
        });
        Self {
            form,
            out: shown.is_none().then(|| io::stdout().lock()),
            shown,
            frame: Vec::new(),
            buffer: Vec::with_capacity(2 * BUFFER),
            open_line: false,
        }
    }

    /// Where the next frame goes. Raw frames go straight to the buffer.
    pub fn frame(&mut self) -> &mut Vec<u8> {
        if self.form == Form::Raw {
            return &mut self.buffer;
        }
        self.frame.clear();
        &mut self.frame
    }

    /// Takes the frame that [`Output::frame`] was filled with, a message of `protocol`.
    pub fn written(&mut self, protocol: Option<&str>) -> anyhow::Result<()> {
        match self.form {
            Form::Raw => {}
            Form::Hex => {
                self.open_line |= !self.frame.is_empty();
                self.buffer
                    .extend_from_slice(hex::encode(&self.frame).as_bytes());
            }
            Form::HexLines => self.line(&hex::encode(&self.frame)),
            Form::Base64Lines => self.line(&STANDARD.encode(&self.frame)),
            Form::Json | Form::Pretty => {
                if let Some(shown) = &mut self.shown {
                    shown.frame(&self.frame, protocol)?;
                }
            }
        }
        if self.buffer.len() >= BUFFER {
            self.flush()?;
        }
        Ok(())
    }

    fn line(&mut self, line: &str) {
        if !self.frame.is_empty() {
            self.buffer.extend_from_slice(line.as_bytes());
            self.buffer.push(b'\n');
        }
    }

    /// Writes out what is complete.
    pub fn flush(&mut self) -> io::Result<()> {
        if let Some(shown) = &mut self.shown {
            return shown.pipeline.flush();
        }
        if let Some(out) = &mut self.out {
            out.write_all(&self.buffer)?;
            self.buffer.clear();
            out.flush()?;
        }
        Ok(())
    }

    /// Writes the rest.
    pub fn finish(mut self) -> anyhow::Result<()> {
        if self.open_line {
            self.buffer.push(b'\n');
        }
        self.flush()?;
        if let Some(shown) = &mut self.shown {
            shown.close()?;
        }
        Ok(())
    }
}

/// Shows what was encoded, decoded again. Records of one protocol are one connection, as they are
/// where they come from.
struct Shown<'s> {
    pipeline: Pipeline<'s>,
    connections: HashMap<String, Connection>,
    settings: Settings,
    offset: u64,
}

impl Shown<'_> {
    fn frame(&mut self, frame: &[u8], protocol: Option<&str>) -> anyhow::Result<()> {
        let name = protocol.unwrap_or_default();
        if !self.connections.contains_key(name) {
            let connection = Connection::new(protocol::by_name(name), self.settings.clone());
            self.connections.insert(name.to_owned(), connection);
        }
        let connection = self.connections.get_mut(name).context("no connection")?;
        let origin = Origin::default();
        let mut used = 0;
        while let Some(bytes) = frame.get(used..).filter(|rest| !rest.is_empty()) {
            let chunk = Chunk {
                bytes,
                offset: self.offset + used as u64,
                whole: true,
                ended: true,
                origin: &origin,
            };
            let (count, _) = self.pipeline.feed(connection, &chunk)?;
            used += count.max(1);
        }
        self.offset += frame.len() as u64;
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        for connection in self.connections.values_mut() {
            let offset = self.offset;
            self.pipeline
                .close(connection, &|_| (Origin::default(), offset))?;
        }
        self.pipeline.flush()
    }
}
