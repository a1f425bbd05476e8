//! `wirectl encode`: records, or fields on the command line, to bytes.

use super::CLEAN;
use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use wirectl::codec::json::Document;
use wirectl::encode::{
    Assignment, RecordReader, assemble, encode_record, example, type_by_name, type_names,
};
use wirectl::protocol::{EncodeOptions, sync::versions};
use wirectl::schema::closest;

/// Bytes are written out when this many have gathered.
const BUFFER: usize = 1 << 16;

const EXAMPLES: &str = "\
Examples:
  wirectl encode sync.PingPong timestamp_ms=1764043300844 is_pong=false > ping.bin
  wirectl encode -o hex sync.DeltaAck mutation_id=7 lsn=0 applied_seq=7 status=Applied
  wirectl encode --example sync.DeltaPush > push.json
  wirectl decode -o json dump.bin | wirectl encode | cmp - dump.bin
  wirectl decode -o json dump.bin | jq -c '.body.lsn = 1' | wirectl encode --recompute";

/// Encode records, or fields given on the command line, to bytes
///
/// Reads records as `wirectl decode -o json` prints them, one a line or pretty-printed, from files
/// or standard input. A record needs only protocol, type and body: lengths, checksums and codes
/// are filled in. With PROTOCOL.TYPE and fields, encodes one message instead and reads nothing.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Encode {
    /// Files of records; or PROTOCOL.TYPE and its fields: FIELD=TEXT, FIELD:=JSON, FIELD=@FILE,
    /// FIELD:hex=…, FIELD:base64=…, with paths such as a.b[0]
    #[arg(value_name = "FILE | PROTOCOL.TYPE FIELD")]
    arguments: Vec<String>,
    /// What to write
    #[arg(short, long, value_enum, default_value_t = Form::Raw)]
    output: Form,
    /// Write what the record says, even wrong lengths and checksums
    #[arg(long)]
    as_is: bool,
    /// Ignore lengths and checksums that the record says, and compute them
    #[arg(long, conflicts_with = "as_is")]
    recompute: bool,
    /// Header field of the message on the command line
    #[arg(long, value_name = "NAME=VALUE")]
    header: Vec<String>,
    /// Sync version group or release, where a record does not say: the newest if not given
    #[arg(long, value_name = "VERSION")]
    sync_version: Option<String>,
    /// Compression dictionary of RP frames, by its id (repeatable)
    #[arg(long, value_name = "ID=FILE")]
    dictionary: Vec<String>,
    /// Print a complete record of this type, to be edited
    #[arg(long, value_name = "PROTOCOL.TYPE")]
    example: Option<String>,
    /// List all message types
    #[arg(long)]
    list: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// The bytes themselves
    Raw,
    /// Hexadecimal digits, all in one
    Hex,
    /// A line of hexadecimal digits for each message
    HexLines,
    /// A line of base64 for each message
    Base64Lines,
}

impl Encode {
    /// Encodes everything.
    pub fn run(self) -> anyhow::Result<u8> {
        let mut out = Output::new(self.output);
        if self.list {
            for name in type_names() {
                out.text(&name)?;
            }
        } else if let Some(name) = &self.example {
            let (protocol, kind) = known_type(name)?;
            let record = example(protocol, kind);
            out.text(&serde_json::to_string_pretty(&record)?)?;
        } else {
            let options = self.options()?;
            match self.arguments.split_first() {
                Some((name, fields)) if names_type(name) => {
                    self.command_line(name, fields, &options, &mut out)?;
                }
                _ => self.records(&options, &mut out)?,
            }
        }
        out.finish()?;
        Ok(CLEAN)
    }

    fn options(&self) -> anyhow::Result<EncodeOptions> {
        let sync_version = match &self.sync_version {
            Some(name) => Some(versions::by_name(name).with_context(|| {
                let known = versions::NAMES.join(", ");
                format!("no sync version {name:?}: known are {known}")
            })?),
            None => None,
        };
        Ok(EncodeOptions {
            as_is: self.as_is,
            recompute: self.recompute,
            sync_version,
            dictionaries: super::options::dictionaries(&self.dictionary)?,
            ..EncodeOptions::default()
        })
    }

    fn command_line(
        &self,
        name: &str,
        fields: &[String],
        options: &EncodeOptions,
        out: &mut Output,
    ) -> anyhow::Result<()> {
        let (protocol, kind) = known_type(name)?;
        let fields: Result<Vec<_>, _> = fields
            .iter()
            .map(|argument| {
                Assignment::parse(argument, |file| {
                    std::fs::read(file).map_err(|error| format!("{file}: {error}"))
                })
            })
            .collect();
        let header: Option<Vec<(String, String)>> = self
            .header
            .iter()
            .map(|field| {
                let (name, value) = field.split_once('=')?;
                Some((name.to_owned(), value.to_owned()))
            })
            .collect();
        let header = header.context("--header: expected NAME=VALUE")?;
        let text = assemble(protocol, kind, &fields?, &header)?.to_string();
        let mut document = Document::default();
        document.parse(text.as_bytes())?;
        encode_record(document.root(text.as_bytes())?, options, out.frame())
            .with_context(|| name.to_owned())?;
        out.written()
    }

    fn records(&self, options: &EncodeOptions, out: &mut Output) -> anyhow::Result<()> {
        let stdin = [String::from("-")];
        let files = if self.arguments.is_empty() {
            &stdin
        } else {
            self.arguments.as_slice()
        };
        for file in files {
            let mut reader = RecordReader::new(open(file)?);
            while reader
                .advance(|| out.flush())
                .with_context(|| file.clone())?
            {
                let record = reader.record().with_context(|| file.clone())?;
                if let Err(error) = encode_record(record, options, out.frame()) {
                    let (line, column) = reader.place(error.position);
                    // What came before is whole and stays written.
                    out.flush()?;
                    bail!("{file}:{line}:{column}: {error}");
                }
                out.written()?;
            }
        }
        Ok(())
    }
}

/// A type has a known protocol before its dot; anything else is a file.
fn names_type(argument: &str) -> bool {
    argument.rsplit_once('.').is_some_and(|(protocol, _)| {
        wirectl::protocol::by_name(protocol).is_some() && !Path::new(argument).exists()
    })
}

fn known_type(
    name: &str,
) -> anyhow::Result<(
    &'static dyn wirectl::protocol::Protocol,
    &'static wirectl::schema::MessageType,
)> {
    type_by_name(name).with_context(|| {
        let names: Vec<String> = type_names().collect();
        let meant = closest(name, names.iter().map(String::as_str))
            .map_or(String::new(), |meant| format!("; did you mean {meant}?"));
        format!("no message type {name:?}{meant} (wirectl encode --list names all)")
    })
}

fn open(file: &str) -> anyhow::Result<Box<dyn Read>> {
    if file == "-" {
        return Ok(Box::new(io::stdin().lock()));
    }
    let path = PathBuf::from(file);
    Ok(Box::new(
        File::open(&path).with_context(|| file.to_owned())?,
    ))
}

/// Writes frames in the form that is asked for.
struct Output {
    form: Form,
    out: io::StdoutLock<'static>,
    frame: Vec<u8>,
    buffer: Vec<u8>,
}

impl Output {
    fn new(form: Form) -> Self {
        Self {
            form,
            out: io::stdout().lock(),
            frame: Vec::new(),
            buffer: Vec::with_capacity(2 * BUFFER),
        }
    }

    /// Where the next frame goes. Raw frames go straight to the buffer.
    fn frame(&mut self) -> &mut Vec<u8> {
        if self.form == Form::Raw {
            return &mut self.buffer;
        }
        self.frame.clear();
        &mut self.frame
    }

    /// Takes the frame that [`Output::frame`] was filled with.
    fn written(&mut self) -> anyhow::Result<()> {
        match self.form {
            Form::Raw => {}
            Form::Hex => self
                .buffer
                .extend_from_slice(hex::encode(&self.frame).as_bytes()),
            Form::HexLines => self.line(&hex::encode(&self.frame)),
            Form::Base64Lines => self.line(&STANDARD.encode(&self.frame)),
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

    fn text(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.buffer, "{line}")
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        self.out.flush()
    }

    fn finish(mut self) -> io::Result<()> {
        if self.form == Form::Hex && !self.buffer.is_empty() {
            self.buffer.push(b'\n');
        }
        self.flush()
    }
}
