//! `wirectl encode`: records, or fields on the command line, to bytes.

mod output;

use super::complain::Wrong;
use super::{CLEAN, complete, options, sniff, stdin};
use anyhow::{Context, bail};
use clap::{Args, ValueHint};
use clap_complete::engine::ArgValueCompleter;
use output::{Form, Output};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use wirectl::codec::json::{Document, Json};
use wirectl::encode::{
    Assignment, LineEncoder, RecordReader, assemble, encode_record, example, fragmented,
    type_by_name, type_names,
};
use wirectl::protocol::{EncodeOptions, Protocol, Settings};
use wirectl::schema::MessageType;

const EXAMPLES: &str = "\
Examples:
  wirectl encode sync.PingPong timestamp_ms=1764043300844 is_pong=false > ping.bin
  wirectl encode -o hex sync.DeltaAck mutation_id=7 lsn=0 applied_seq=7 status=Applied
  wirectl encode --example sync.DeltaPush > push.json
  wirectl encode -o pretty push.json
  wirectl encode --service PEER_FEEDER noxu.feeder.Ack vlsn=7 > replica.bin
  wirectl decode -o json dump.bin | wirectl encode | cmp - dump.bin
  wirectl decode -o json dump.bin | jq -c '.body.lsn = 1' | wirectl encode --recompute";

/// Encode records, or fields given on the command line, to bytes
///
/// Reads records as `wirectl decode -o json` prints them, one a line or pretty-printed, from files
/// or standard input. A record needs only protocol, type and body: lengths, checksums and codes
/// are filled in. What a record says and what contradicts the rest of it is an error. With
/// PROTOCOL.TYPE and fields, encodes one message instead and reads nothing.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Encode {
    /// Files of records, `-` for standard input; or PROTOCOL.TYPE and its fields: FIELD=TEXT,
    /// FIELD:=JSON, FIELD=@FILE, FIELD:hex=…, FIELD:base64=…, with paths such as a.b[0]
    #[arg(value_name = "FILE | PROTOCOL.TYPE FIELD", value_hint = ValueHint::FilePath)]
    #[arg(add = ArgValueCompleter::new(complete::encode_argument))]
    arguments: Vec<String>,
    /// What to write
    #[arg(short, long, value_enum, value_name = "FORM", default_value_t = Form::Raw)]
    output: Form,
    /// Write what the record says, even wrong lengths and checksums; `raw` counts, not the fields
    #[arg(long)]
    as_is: bool,
    /// Ignore lengths, checksums and `raw` where they contradict the fields
    #[arg(long, conflicts_with = "as_is")]
    recompute: bool,
    /// Header field of the message on the command line (repeatable)
    #[arg(long, value_name = "NAME=VALUE")]
    header: Vec<String>,
    /// Sync version group or release, where a record does not say: the newest if not given
    #[arg(long, value_name = "VERSION")]
    #[arg(add = ArgValueCompleter::new(complete::sync_version))]
    sync_version: Option<String>,
    /// Compression dictionary of RP frames, by its id (repeatable)
    #[arg(long, value_name = "ID=FILE")]
    dictionary: Vec<String>,
    /// Cut RP frames that are larger into fragments of SIZE bytes each
    #[arg(long, value_name = "SIZE", value_parser = options::parse_size)]
    fragment: Option<usize>,
    /// Write Noxu messages with their length in front, as on TCP, whatever the records say
    #[arg(long)]
    to_length_prefix: bool,
    /// Write the name of this Noxu service first, as the client of a connection does
    #[arg(long, value_name = "NAME")]
    #[arg(add = ArgValueCompleter::new(complete::service))]
    service: Option<String>,
    /// Print a complete record of this type, to be edited
    #[arg(long, value_name = "PROTOCOL.TYPE")]
    #[arg(add = ArgValueCompleter::new(complete::type_name))]
    example: Option<String>,
    /// List all message types
    #[arg(long)]
    list: bool,
}

impl Encode {
    /// Encodes everything.
    pub fn run(self) -> anyhow::Result<u8> {
        if self.list {
            return print(type_names().map(|name| name + "\n"));
        }
        let options = self.options()?;
        if let Some(name) = &self.example {
            return print_example(name, &options);
        }
        let mut sink = self.output.sink();
        let sink = sink.as_mut().map(|sink| sink.as_mut() as _);
        let mut out = Output::new(self.output, sink, settings(&options));
        if let Some(name) = &self.service {
            let record = json!({
                "protocol": "noxu.service",
                "type": "ServiceName",
                "body": {"name": name},
            });
            self.value(&record, &options, &mut out)
                .context("--service")?;
        }
        match self.arguments.split_first() {
            Some((name, fields)) if names_type(name, fields) => {
                let record = self.assembled(name, fields)?;
                self.value(&record, &options, &mut out)
                    .with_context(|| name.clone())?;
            }
            _ => self.records(&options, &mut out)?,
        }
        out.finish()?;
        Ok(CLEAN)
    }

    fn options(&self) -> anyhow::Result<EncodeOptions> {
        let sync_version = match &self.sync_version {
            Some(name) => Some(options::sync_version_by_name(name)?),
            None => None,
        };
        Ok(EncodeOptions {
            as_is: self.as_is,
            recompute: self.recompute,
            sync_version,
            length_prefix: self.to_length_prefix.then_some(true),
            dictionaries: options::dictionaries(&self.dictionary)?,
        })
    }

    /// The record that the command line spells.
    fn assembled(&self, name: &str, fields: &[String]) -> anyhow::Result<Value> {
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
        Ok(assemble(protocol, kind, &fields?, &header)?)
    }

    /// Encodes a record of our own.
    fn value(
        &self,
        record: &Value,
        options: &EncodeOptions,
        out: &mut Output<'_>,
    ) -> anyhow::Result<()> {
        let text = record.to_string();
        let mut document = Document::default();
        document.parse(text.as_bytes())?;
        self.record(document.root(text.as_bytes())?, options, out)?
            .map_err(|error| anyhow::anyhow!("{error}"))
    }

    /// Encodes one record. What is wrong with it is returned inside.
    fn record(
        &self,
        record: Json<'_>,
        options: &EncodeOptions,
        out: &mut Output<'_>,
    ) -> anyhow::Result<Result<(), wirectl::schema::EncodeError>> {
        let protocol = record.get("protocol").and_then(Json::as_text);
        let Some(size) = self.fragment else {
            return match encode_record(record, options, out.frame()) {
                Ok(()) => out.written(protocol).map(Ok),
                Err(error) => Ok(Err(error)),
            };
        };
        match fragmented(record, options, size) {
            Ok(frames) => {
                for frame in frames {
                    out.frame().extend_from_slice(&frame);
                    out.written(protocol)?;
                }
                Ok(Ok(()))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    /// Whether nothing but a record's own frame is to be written.
    fn only_bytes(&self) -> bool {
        self.fragment.is_none()
            && !self.to_length_prefix
            && !matches!(self.output, Form::Json | Form::Pretty)
    }

    fn records(&self, options: &EncodeOptions, out: &mut Output<'_>) -> anyhow::Result<()> {
        if !self.header.is_empty() {
            return Err(Wrong::new(
                "--header is for a message on the command line, and there is none".to_owned(),
                "wirectl encode --header channel=5 rp.Value …; records have a header of their own"
                    .to_owned(),
            )
            .into());
        }
        let stdin = [String::from("-")];
        let files = if self.arguments.is_empty() {
            &stdin
        } else {
            self.arguments.as_slice()
        };
        let mut lines = LineEncoder::default();
        for file in files {
            let name = if file == "-" { sniff::STDIN } else { file };
            let mut reader = RecordReader::new(open(file)?);
            loop {
                if self.only_bytes() {
                    let mut passed = true;
                    while passed {
                        let line = reader.await_line(|| out.flush());
                        line.with_context(|| name.to_owned())?;
                        passed = reader.pass_line(|line| lines.encode(line, out.frame()));
                        if passed {
                            out.written(None)?;
                        }
                    }
                }
                let more = reader.advance(|| out.flush());
                if !more.with_context(|| name.to_owned())? {
                    break;
                }
                let record = reader.record().with_context(|| name.to_owned())?;
                if let Err(error) = self.record(record, options, out)? {
                    let (line, column) = reader.place(error.position);
                    // What came before is whole and stays written.
                    out.flush()?;
                    bail!("{name}:{line}:{column}: {error}");
                }
            }
        }
        Ok(())
    }
}

fn print(lines: impl Iterator<Item = String>) -> anyhow::Result<u8> {
    let text: String = lines.collect();
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(CLEAN)
}

fn print_example(name: &str, options: &EncodeOptions) -> anyhow::Result<u8> {
    let (protocol, kind) = known_type(name)?;
    let group = options.sync_version.filter(|_| protocol.name() == "sync");
    let record = example(protocol, kind, group)
        .with_context(|| format!("this version has no {}", kind.name))?;
    print(std::iter::once(
        serde_json::to_string_pretty(&record)? + "\n",
    ))
}

/// How what was encoded is decoded again.
fn settings(options: &EncodeOptions) -> Settings {
    Settings {
        sync_version: options.sync_version,
        dictionaries: Arc::new(options.dictionaries.clone()),
        ..Settings::default()
    }
}

/// A type has a known protocol before its dot, or only fields behind it; anything else is a file.
fn names_type(argument: &str, fields: &[String]) -> bool {
    let Some((protocol, _)) = argument.rsplit_once('.') else {
        return false;
    };
    let fields = !fields.is_empty() && fields.iter().all(|field| field.contains('='));
    let known = wirectl::protocol::by_name(protocol).is_some();
    (known || fields) && !Path::new(argument).exists()
}

fn known_type(name: &str) -> anyhow::Result<(&'static dyn Protocol, &'static MessageType)> {
    if let Some(found) = type_by_name(name) {
        return Ok(found);
    }
    let names: Vec<String> = type_names().collect();
    let known = names.iter().map(String::as_str);
    Err(Wrong::unknown("message type", name, known, "wirectl encode --list").into())
}

fn open(file: &str) -> anyhow::Result<Box<dyn Read>> {
    if file == "-" {
        let usual = "wirectl encode FILE, or wirectl encode PROTOCOL.TYPE FIELD=VALUE…";
        return Ok(Box::new(stdin::open("records", usual)?));
    }
    Ok(Box::new(File::open(file).with_context(|| file.to_owned())?))
}
