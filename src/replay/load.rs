//! From inputs to frames: dumps, records, lines and captures.

use super::ReplayError;
use super::batch::Batch;
use super::rewrite::{RewriteError, Rewriter};
use super::shown::Shown;
use super::skim::skim;
use crate::encode::{RecordReader, encode_record};
use crate::model::{Direction, Origin, Record, Transport};
use crate::net::{Capture, Merge, decompress};
use crate::output::{Sink, write_record};
use crate::pipeline::{Chunk, Connection, Pipeline, Selection, direction_by_name};
use crate::protocol::{self, EncodeOptions};
use crate::source::capture::{NoObserver, TrafficOptions, decode_captures};
use crate::source::{HexText, LineForm, SourceError, decode_bytes, decode_lines};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// So many bytes are looked at to see what an input is.
const SNIFFED: usize = 4096;

/// How an input spells its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The bytes themselves.
    Raw,
    /// Hexadecimal text, dumps of `xxd` and `hexdump -C`.
    Hex,
    /// Every line one frame, in hexadecimal digits.
    HexLines,
    /// Every line one frame, in base64.
    Base64Lines,
    /// Records as JSON.
    Records,
    /// A packet capture.
    Capture,
}

/// Why inputs cannot be replayed.
#[derive(Debug, Error)]
pub enum LoadError {
    /// An input cannot be read.
    #[error("{name}: {source}")]
    Source {
        /// The input.
        name: String,
        /// Why not.
        source: SourceError,
    },
    /// A record cannot be encoded, or is none.
    #[error("{name}:{line}:{column}: {what}")]
    Record {
        /// The input.
        name: String,
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: u64,
        /// What is wrong.
        what: String,
    },
    /// A field cannot be changed.
    #[error(transparent)]
    Rewrite(#[from] RewriteError),
}

/// What is loaded, and how.
#[derive(Debug)]
pub struct Inputs {
    /// The files; `-` is standard input.
    pub files: Vec<PathBuf>,
    /// How they spell frames; found out if none.
    pub form: Option<Form>,
    /// Who sent what is to be sent, where the input knows.
    pub direction: Direction,
    /// Only these recorded connections; all if empty.
    pub streams: Vec<u32>,
    /// How captures and bytes are decoded.
    pub traffic: TrafficOptions,
    /// How records are encoded.
    pub encode: EncodeOptions,
}

/// What the loader counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Bytes that belong to no known frame; they are sent, too.
    pub unknown: u64,
    /// Frames that came over HTTP or inside TLS and cannot be sent.
    pub unsendable: u64,
    /// Holes in the capture.
    pub gaps: u64,
    /// Records of the other direction.
    pub other_direction: u64,
    /// Frames changed by each assignment.
    pub changed: Vec<u64>,
    /// Whether recorded connections are told apart.
    pub has_streams: bool,
    /// Whether there are recorded times.
    pub has_times: bool,
    /// Records of recorded connections that were not asked for.
    pub other_streams: u64,
    /// The largest number of a recorded connection.
    pub last_stream: Option<u32>,
}

impl Loaded {
    /// Why nothing of all this can be sent, if there is something.
    pub(super) fn explain_nothing(&self) -> Result<(), ReplayError> {
        let (what, help) = if self.other_direction > 0 {
            let what = format!("{} frames are all the other side's", self.other_direction);
            (what, "--direction says whose frames are sent: c2s or s2c")
        } else if self.unsendable > 0 {
            let what = format!("{} frames went over HTTP, TLS or UDP", self.unsendable);
            (what, "only what went over TCP or WebSocket can be replayed")
        } else if self.other_streams > 0 {
            let what = match self.last_stream {
                Some(last) => format!("the input's connections have the numbers 0 to {last}"),
                None => "the input tells no connections apart".to_owned(),
            };
            (what, "--stream names a recorded connection")
        } else {
            return Ok(());
        };
        Err(ReplayError::Nothing { what, help })
    }
}

/// Takes what is loaded.
pub(super) trait Frames {
    /// A frame of recorded connection `stream`, recorded at `time`.
    fn frame(&mut self, stream: u64, time: Option<u64>, text: bool, bytes: &[u8])
    -> io::Result<()>;

    /// An empty batch to be filled.
    fn spare(&mut self) -> Batch;

    /// Frames of the connection that knows no times, one after the other.
    fn batch(&mut self, batch: Batch) -> io::Result<()>;

    /// What the other side of `stream` said then, as a JSON record; and without secrets, if it has
    /// any.
    fn answer(&mut self, stream: u64, record: &[u8], masked: Option<&[u8]>) -> io::Result<()>;

    /// Whether answers are wanted.
    fn wants_answers(&self) -> bool;

    /// More may take a while.
    fn flush(&mut self) -> io::Result<()>;
}

/// Loads all inputs once.
pub(super) fn load(
    inputs: &Inputs,
    rewriter: &mut Rewriter,
    frames: &mut dyn Frames,
) -> Result<Loaded, LoadError> {
    let mut loader = Loader {
        frames,
        rewriter,
        direction: inputs.direction,
        streams: &inputs.streams,
        file: 0,
        loaded: Loaded::default(),
        refused: None,
        answer: Vec::new(),
        texts: Shown::default(),
    };
    let mut captures = Vec::new();
    for (index, path) in inputs.files.iter().enumerate() {
        loader.file = index as u64;
        let name = name(path);
        let fail = |source: SourceError| LoadError::Source {
            name: name.clone(),
            source,
        };
        let (form, input) = open(path, inputs.form).map_err(|error| fail(error.into()))?;
        let outcome = match form {
            Form::Capture => {
                let input = decompress(input).map_err(|error| fail(error.into()))?;
                let opened = Capture::new(input).map_err(io::Error::other);
                captures.push(opened.map_err(|error| fail(error.into()))?);
                Ok(())
            }
            Form::Records => records(&name, input, inputs, &mut loader),
            form => bytes(form, input, inputs, &mut loader).map_err(fail),
        };
        loader.outcome(outcome)?;
    }
    if !captures.is_empty() {
        let mut pipeline = Pipeline::new(&mut loader, Selection::default());
        let outcome = decode_captures(
            &mut Merge::new(captures),
            &inputs.traffic,
            &mut pipeline,
            &mut NoObserver,
        );
        let outcome = outcome.map(drop).map_err(|source| LoadError::Source {
            name: inputs
                .files
                .first()
                .map_or_else(String::new, |path| name(path)),
            source,
        });
        loader.outcome(outcome)?;
    }
    // Nobody to take them is no failure of the inputs.
    let _ = loader.frames.flush();
    loader.loaded.changed = loader.rewriter.changed.clone();
    Ok(loader.loaded)
}

/// Turns records into frames.
struct Loader<'l> {
    frames: &'l mut dyn Frames,
    rewriter: &'l mut Rewriter,
    direction: Direction,
    streams: &'l [u32],
    file: u64,
    loaded: Loaded,
    refused: Option<RewriteError>,
    answer: Vec<u8>,
    texts: Shown,
}

impl Loader<'_> {
    /// Whether the user wants this recorded connection; what knows none is number 0.
    fn wants(&self, stream: Option<u32>) -> bool {
        self.streams.is_empty() || self.streams.contains(&stream.unwrap_or(0))
    }

    /// The cause of a failure, if it is known better.
    fn outcome(&mut self, outcome: Result<(), LoadError>) -> Result<(), LoadError> {
        match self.refused.take() {
            Some(refused) => Err(refused.into()),
            None => outcome,
        }
    }
}

impl Sink for Loader<'_> {
    fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        let origin = record.origin;
        if record.message.derived {
            // Its parts are sent.
            return Ok(());
        }
        self.loaded.last_stream = self.loaded.last_stream.max(origin.stream);
        if !self.wants(origin.stream) {
            self.loaded.other_streams += 1;
            return Ok(());
        }
        self.loaded.has_streams |= origin.stream.is_some();
        // What knows no connections goes to one, whatever file it is in.
        let stream = match origin.stream {
            Some(number) => (self.file + 1) << 32 | u64::from(number),
            None => 0,
        };
        self.loaded.has_times |= origin.time.is_some();
        if origin
            .direction
            .is_some_and(|direction| direction != self.direction)
        {
            self.loaded.other_direction += 1;
            if self.frames.wants_answers() && !record.frame.is_empty() {
                self.answer.clear();
                write_record(&mut self.answer, record, false);
                let masked = self.texts.masked(record);
                return self.frames.answer(stream, &self.answer, masked);
            }
            return Ok(());
        }
        if record.frame.is_empty() {
            self.loaded.gaps += u64::from(record.message.type_name == "Gap");
            return Ok(());
        }
        if matches!(
            origin.transport,
            Some(Transport::Http | Transport::Sse | Transport::Tls | Transport::Udp)
        ) {
            self.loaded.unsendable += 1;
            return Ok(());
        }
        let protocol = protocol::by_name(record.message.protocol);
        if protocol.is_none() {
            self.loaded.unknown += record.frame.len() as u64;
        }
        let text = protocol.is_some_and(|protocol| protocol.is_text());
        let mut bytes = record.frame;
        if !self.rewriter.is_idle() {
            match self.rewriter.rewrite(record) {
                Ok(changed) => bytes = changed.unwrap_or(bytes),
                Err(error) => {
                    self.refused = Some(error);
                    return Err(io::ErrorKind::InvalidData.into());
                }
            }
        }
        self.frames.frame(stream, origin.time, text, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.frames.flush()
    }
}

fn bytes(
    form: Form,
    input: Box<dyn Read + Send>,
    inputs: &Inputs,
    loader: &mut Loader<'_>,
) -> Result<(), SourceError> {
    let mut input = input;
    if form == Form::Raw && loader.rewriter.is_idle() && loader.wants(None) {
        let Loader { frames, loaded, .. } = loader;
        return Ok(skim(&mut input, inputs, *frames, loaded)?);
    }
    let traffic = &inputs.traffic;
    let mut settings = traffic.settings.clone();
    settings.independent = matches!(form, Form::HexLines | Form::Base64Lines);
    let mut connection = Connection::new(traffic.forced, settings);
    let mut pipeline = Pipeline::new(loader, Selection::default());
    let origin = Origin::default();
    let flow = match form {
        Form::HexLines | Form::Base64Lines => {
            let form = match form {
                Form::HexLines => LineForm::Hex,
                _ => LineForm::Base64,
            };
            let input: Box<dyn Read> = input;
            let mut input = BufReader::new(input);
            decode_lines(&mut input, form, &origin, &mut connection, &mut pipeline)
        }
        Form::Hex => {
            let mut input = HexText::new(BufReader::new(input));
            decode_bytes(&mut input, &origin, &mut connection, &mut pipeline)
        }
        _ => decode_bytes(&mut input, &origin, &mut connection, &mut pipeline),
    };
    flow.map(drop)
}

/// Encodes records, and decodes them again where they lie in their connection.
fn records(
    name: &str,
    input: Box<dyn Read + Send>,
    inputs: &Inputs,
    loader: &mut Loader<'_>,
) -> Result<(), LoadError> {
    let mut reader = RecordReader::new(input);
    let mut connections = HashMap::new();
    let mut pipeline = Pipeline::new(loader, Selection::default());
    let mut frame = Vec::new();
    let source = |source: SourceError| LoadError::Source {
        name: name.to_owned(),
        source,
    };
    loop {
        let more = reader.advance(|| pipeline.flush());
        if !more.map_err(|error| unreadable(name, error))? {
            return Ok(());
        }
        let wrong = |line, column, what| LoadError::Record {
            name: name.to_owned(),
            line,
            column,
            what,
        };
        frame.clear();
        let record = reader.record().map_err(|error| unreadable(name, error))?;
        let encoded = encode_record(record, &inputs.encode, &mut frame);
        let text = |key: &str| record.get(key).and_then(|json| json.as_text());
        let stream = record
            .get("stream")
            .and_then(|json| json.as_unsigned())
            .and_then(|number| u32::try_from(number).ok());
        let origin = Origin {
            time: text("time").and_then(crate::output::time::parse_rfc3339),
            stream,
            direction: text("direction").and_then(direction_by_name),
            ..Origin::default()
        };
        if let Err(error) = encoded {
            let (line, column) = reader.place(error.position);
            return Err(wrong(line, column, error.to_string()));
        }
        let connection = connections.entry(stream).or_insert_with(|| {
            Connection::new(inputs.traffic.forced, inputs.traffic.settings.clone())
        });
        let mut used = 0;
        while let Some(rest) = frame.get(used..).filter(|rest| !rest.is_empty()) {
            let chunk = Chunk {
                bytes: rest,
                offset: used as u64,
                whole: true,
                ended: true,
                origin: &origin,
            };
            let fed = pipeline.feed(connection, &chunk);
            let (count, _) = fed.map_err(|error| source(error.into()))?;
            used += count.max(1);
        }
    }
}

fn unreadable(name: &str, error: crate::encode::ReadError) -> LoadError {
    use crate::encode::ReadError;
    let name = name.to_owned();
    match error {
        ReadError::Io(error) => LoadError::Source {
            name,
            source: error.into(),
        },
        ReadError::Json { line, column, what } => LoadError::Record {
            name,
            line,
            column,
            what,
        },
    }
}

/// Opens a file and finds out what it is.
fn open(path: &Path, form: Option<Form>) -> io::Result<(Form, Box<dyn Read + Send>)> {
    let mut input: Box<dyn Read + Send> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path)?)
    };
    if let Some(form) = form {
        return Ok((form, input));
    }
    let mut start = vec![0; SNIFFED];
    let mut filled = 0;
    while let Some(space) = start.get_mut(filled..).filter(|space| !space.is_empty()) {
        match input.read(space) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        // Enough to tell; more may take a while.
        if filled >= 16 {
            break;
        }
    }
    start.truncate(filled);
    let form = sniff(&start);
    Ok((form, Box::new(Cursor::new(start).chain(input))))
}

/// What an input that starts like this is.
fn sniff(start: &[u8]) -> Form {
    let text = start.trim_ascii_start();
    match start {
        [0xd4, 0xc3, 0xb2, 0xa1, ..]
        | [0xa1, 0xb2, 0xc3, 0xd4, ..]
        | [0x4d, 0x3c, 0xb2, 0xa1, ..]
        | [0xa1, 0xb2, 0x3c, 0x4d, ..]
        | [0x0a, 0x0d, 0x0d, 0x0a, ..]
        | [0x1f, 0x8b, 0x08, ..]
        | [0xfd, b'7', b'z', b'X', b'Z', ..]
        | [0x28, 0xb5, 0x2f, 0xfd, ..] => Form::Capture,
        _ if text.starts_with(b"{") && is_record(text) => Form::Records,
        _ if is_hexadecimal(start) => Form::HexLines,
        _ => Form::Raw,
    }
}

/// Whether a JSON text starts like a record, its keys in whatever order. Messages of rps are JSON,
/// too, but start otherwise.
fn is_record(text: &[u8]) -> bool {
    const KEYS: &[&[u8]] = &[
        b"n",
        b"time",
        b"protocol",
        b"body",
        b"header",
        b"stream",
        b"direction",
        b"src",
        b"dst",
        b"file",
        b"line",
        b"offset",
        b"length",
    ];
    let after = text.get(1..).unwrap_or_default().trim_ascii_start();
    let Some(after) = after.strip_prefix(b"\"") else {
        return false;
    };
    let key = after.split(|byte| *byte == b'"').next();
    key.is_some_and(|key| KEYS.contains(&key))
}

/// Whether the first line consists of hexadecimal digits.
fn is_hexadecimal(start: &[u8]) -> bool {
    let line = start
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = line.trim_ascii();
    line.len() >= 8 && line.iter().all(u8::is_ascii_hexdigit)
}

/// What an input is called in messages.
fn name(path: &Path) -> String {
    if path == Path::new("-") {
        "<stdin>".to_owned()
    } else {
        path.display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_known_by_their_first_bytes() {
        assert_eq!(sniff(&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0]), Form::Capture);
        assert_eq!(sniff(b"{\"n\":0,\"offset\":0"), Form::Records);
        assert_eq!(sniff(b"{\n  \"protocol\": \"sync\""), Form::Records);
        assert_eq!(sniff(b"{\"body\":{\"a\":1},\"pr"), Form::Records);
        assert_eq!(sniff(b"{\"op\":\"ping\"}"), Form::Raw);
        assert_eq!(sniff(b"{\"channel\":\"data\","), Form::Raw);
        assert_eq!(sniff(b"010146000000ef8e34a4\n"), Form::HexLines);
        assert_eq!(sniff(&[1, 1, 0x46, 0, 0, 0, 0xef, 0x8e]), Form::Raw);
        assert_eq!(sniff(b""), Form::Raw);
    }
}
