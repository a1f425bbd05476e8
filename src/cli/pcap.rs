//! `wirectl pcap`: captures to conversations.

mod conversations;
mod payload;

use super::complain::Wrong;
use super::options::{DecodingOptions, OutputOptions, SelectionOptions};
use super::stdout::Marked;
use super::{CLEAN, DAMAGED, complain, sniff, stdin};
use anyhow::Context;
use clap::Args;
use conversations::{Rows, Table};
use payload::PayloadFiles;
use signal_hook::consts::SIGINT;
use signal_hook::flag;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use wirectl::net::{Capture, CaptureError, DEFAULT_CONNECTION_LIMIT, Merge, decompress};
use wirectl::output;
use wirectl::pipeline::{Flow, Pipeline, Totals};
use wirectl::source::capture::{NoObserver, Observer, TrafficOptions, decode_captures};

/// Decode captures: pcap and pcapng, also .gz, .zst, .lz4 and .xz; `-` reads a live capture
///
/// Packets are put together to TCP streams, WebSocket messages, server-sent events and HTTP bodies;
/// each message is a record. Several files are read as one, in the order of their times.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Pcap {
    /// Capture files; standard input if there is none, or for `-`
    files: Vec<PathBuf>,
    #[command(flatten)]
    decoding: DecodingOptions,
    /// Secrets of TLS connections, in the format of SSLKEYLOGFILE
    #[arg(long, help_heading = "Captures", value_name = "FILE")]
    keylog: Option<PathBuf>,
    /// Show what belongs to the transports, too: handshakes, pings, closes
    #[arg(long, help_heading = "Captures")]
    all: bool,
    /// Only this connection (repeatable)
    #[arg(long, help_heading = "Captures", value_name = "STREAM")]
    follow: Vec<u32>,
    /// Only connections from or to this port (repeatable)
    #[arg(long, help_heading = "Captures", value_name = "PORT")]
    port: Vec<u16>,
    /// Only connections from or to this address (repeatable)
    #[arg(long, help_heading = "Captures", value_name = "ADDRESS")]
    host: Vec<IpAddr>,
    /// Follow so many TCP connections at a time; some 4 KiB of memory each
    #[arg(long, help_heading = "Captures", value_name = "COUNT", default_value_t = DEFAULT_CONNECTION_LIMIT,
        value_parser = at_least_one)]
    max_connections: usize,
    /// Keep the bytes of every TCP stream, a file a direction, in this directory
    #[arg(long, help_heading = "Captures", value_name = "DIR")]
    write_payload: Option<PathBuf>,
    #[command(flatten)]
    selection: SelectionOptions,
    #[command(flatten)]
    output: OutputOptions,
    /// Exit with status 1 for warnings, too
    #[arg(long, help_heading = "Output")]
    strict: bool,
}

const EXAMPLES: &str = "\
Examples:
  wirectl pcap capture.pcap                      every message, decoded
  wirectl pcap -o conversations capture.pcap     a line for each connection
  wirectl pcap --follow 2 capture.pcap           one connection
  wirectl pcap --json a.pcap b.pcapng.gz | jq .  several files, in time order
  tcpdump -i lo -U -w - port 9090 | wirectl pcap -
  wirectl pcap -p 7000=sync capture.pcap         port 7000 carries sync
  wirectl pcap --keylog keys.log tls.pcap        open TLS";

impl Pcap {
    /// Decodes all captures.
    pub fn run(self) -> anyhow::Result<u8> {
        let options = self.options()?;
        let captures = self.captures()?;
        if self.output.wants_conversations() {
            return self.conversations(captures, &options);
        }
        let output = self.output.ready(&self.first())?;
        let mut sink = output.sink(io::stdout().lock());
        let mut pipeline = Pipeline::new(sink.as_mut(), self.selection.ready()?);
        match self.payload_files()? {
            Some(mut files) => self.decode(captures, &options, &mut pipeline, &mut files)?,
            None => self.decode(captures, &options, &mut pipeline, &mut NoObserver)?,
        };
        let totals = pipeline.totals();
        complain::filter_failures(&pipeline);
        sink.finish()?;
        self.explain_nothing(totals);
        Ok(self.status(totals))
    }

    /// Says why there is no output.
    fn explain_nothing(&self, totals: Totals) {
        let why = match totals {
            Totals { records: 0, .. } => Some(Wrong::new(
                "no message was found".to_owned(),
                "wirectl pcap -o conversations lists the connections".to_owned(),
            )),
            Totals { shown: 0, .. } => self.selection.explain_nothing(),
            _ => None,
        };
        if let Some(why) = why {
            complain::note(&why);
        }
    }

    fn conversations(
        &self,
        captures: Merge<Box<dyn Read + Send>>,
        options: &TrafficOptions,
    ) -> anyhow::Result<u8> {
        let mut selection = self.selection.ready()?;
        let rows = Rows::split(&mut selection);
        let out = Marked(io::stdout().lock());
        let out = if self.output.is_json() {
            output::Conversations::json(out)
        } else {
            output::Conversations::table(out, self.output.look(&self.first()))
        };
        let mut table = Table::new(out, rows, self.payload_files()?);
        let mut sink = output::Nothing;
        let mut pipeline = Pipeline::new(&mut sink, selection);
        self.decode(captures, options, &mut pipeline, &mut table)?;
        let totals = pipeline.totals();
        complain::filter_failures(&pipeline);
        if table.finish()? == 0 {
            complain::note(&self.explain_no_rows(totals));
        }
        Ok(self.status(totals))
    }

    /// Says why the table is empty.
    fn explain_no_rows(&self, totals: Totals) -> Wrong {
        let unmatched = match totals.shown {
            0 if totals.records > 0 => self.selection.explain_nothing(),
            _ => None,
        };
        unmatched.unwrap_or_else(|| {
            Wrong::new(
                "no TCP connection to show".to_owned(),
                "--follow, --port, --host, --type, --filter, --skip and --limit say which are shown"
                    .to_owned(),
            )
        })
    }

    fn payload_files(&self) -> anyhow::Result<Option<PayloadFiles>> {
        let Some(directory) = &self.write_payload else {
            return Ok(None);
        };
        let files =
            PayloadFiles::new(directory).with_context(|| directory.display().to_string())?;
        Ok(Some(files))
    }

    fn decode(
        &self,
        mut captures: Merge<Box<dyn Read + Send>>,
        options: &TrafficOptions,
        pipeline: &mut Pipeline<'_>,
        observer: &mut dyn Observer,
    ) -> anyhow::Result<Flow> {
        let options = options.wanting(pipeline.wanted());
        decode_captures(&mut captures, &options, pipeline, observer).with_context(|| self.first())
    }

    fn options(&self) -> anyhow::Result<TrafficOptions> {
        let (forced, settings, ports) = self.decoding.ready_with_ports()?;
        let key_log = match &self.keylog {
            Some(path) => std::fs::read(path).with_context(|| path.display().to_string())?,
            None => Vec::new(),
        };
        Ok(TrafficOptions {
            forced,
            ports,
            settings,
            all: self.all,
            follow: self.follow.clone(),
            only_ports: self.port.clone(),
            only_hosts: self.host.clone(),
            files: match self.files.as_slice() {
                [_, _, ..] => self.files.iter().map(|path| name(path)).collect(),
                _ => Vec::new(),
            },
            key_log,
            most_connections: Some(self.max_connections),
            live: false,
        })
    }

    fn captures(&self) -> anyhow::Result<Merge<Box<dyn Read + Send>>> {
        let stdin = [PathBuf::from("-")];
        let files = match self.files.as_slice() {
            [] => &stdin,
            files => files,
        };
        let captures: anyhow::Result<Vec<_>> = files
            .iter()
            .map(|path| open(path).with_context(|| name(path)))
            .collect();
        Ok(Merge::new(captures?))
    }

    fn first(&self) -> String {
        match self.files.first() {
            Some(path) => name(path),
            None => sniff::STDIN.to_owned(),
        }
    }

    fn status(&self, totals: Totals) -> u8 {
        let damaged = totals.errors > 0 || (self.strict && totals.warnings > 0);
        if damaged { DAMAGED } else { CLEAN }
    }
}

/// Whether standard input is a pipe, not a file.
#[cfg(not(unix))]
fn comes_from_a_program() -> io::Result<bool> {
    Ok(false)
}

/// Whether standard input is a pipe, not a file.
#[cfg(unix)]
fn comes_from_a_program() -> io::Result<bool> {
    use std::os::fd::AsFd;
    let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    Ok(!stdin.metadata()?.is_file() && !stdin.is_terminal())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..) => Ok(count),
        _ => Err("must be a number from 1 on".to_owned()),
    }
}

/// Ctrl-C ends the program that writes a live capture, too, and then the input: what is known is
/// shown until there, and what can only be said at the end. The second Ctrl-C ends this program.
fn outlive_interrupt() -> io::Result<()> {
    let interrupted = Arc::new(AtomicBool::new(false));
    flag::register_conditional_default(SIGINT, Arc::clone(&interrupted))?;
    flag::register(SIGINT, interrupted)?;
    Ok(())
}

/// What an input is called in messages and records.
fn name(path: &Path) -> String {
    if path == Path::new("-") {
        sniff::STDIN.to_owned()
    } else {
        path.display().to_string()
    }
}

fn open(path: &Path) -> anyhow::Result<Capture<Box<dyn Read + Send>>> {
    let input: Box<dyn Read + Send> = if path == Path::new("-") {
        if comes_from_a_program()? {
            outlive_interrupt()?;
        }
        Box::new(stdin::open(
            "a capture",
            "wirectl pcap FILE, or tcpdump -w - | wirectl pcap -",
        )?)
    } else {
        Box::new(File::open(path)?)
    };
    Capture::new(decompress(input)?).map_err(|error| match error {
        CaptureError::NotACapture(_) => Wrong::new(
            error.to_string(),
            "wirectl decode reads other files".to_owned(),
        )
        .into(),
        error => error.into(),
    })
}
