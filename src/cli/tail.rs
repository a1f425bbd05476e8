//! `wirectl tail`: traffic as it happens.

mod client;
mod file;
#[cfg(target_os = "linux")]
mod interface;
mod proxy;
mod recording;
mod session;

use super::complain::Wrong;
use super::options::{DecodingOptions, OutputOptions, SelectionOptions, parse_size};
use anyhow::Context;
use clap::{Args, ValueEnum};
use client::ClientArguments;
use recording::RecordingOptions;
use session::Session;
use std::net::IpAddr;
use std::path::PathBuf;
use wirectl::protocol::Settings;
use wirectl::source::capture::TrafficOptions;

/// Show traffic as it happens: a growing file, a server's stream, a proxy between two peers, a
/// network interface
///
/// Records appear as soon as they are complete. Ctrl-C ends in good order, with a summary.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Tail {
    /// A dump or capture that still grows; a server: tcp://, tls://, ws://, wss://, unix:PATH;
    /// standard input if there is none, or for `-`
    source: Option<String>,
    /// How a dump spells its bytes; captures are recognized
    #[arg(short, long, value_enum, value_name = "FORM", default_value_t = InputForm::Raw)]
    input: InputForm,
    /// Be a proxy: accept connections here
    #[arg(
        long,
        value_name = "ADDRESS",
        requires = "forward",
        conflicts_with = "source",
        help_heading = "Proxy"
    )]
    listen: Option<String>,
    /// Be a proxy: pass everything on to the server there, and its answers back
    #[arg(
        long,
        value_name = "ADDRESS",
        requires = "listen",
        help_heading = "Proxy"
    )]
    forward: Option<String>,
    /// Listen on a network interface of this machine, or on `any`; needs the right to
    #[cfg(target_os = "linux")]
    #[arg(long, value_name = "NAME", conflicts_with_all = ["source", "listen"])]
    interface: Option<String>,
    /// Memory for bytes that wait to be decoded; what does not fit is passed on all the same, but
    /// not shown
    #[arg(long, value_name = "SIZE", default_value = "32MiB", value_parser = parse_size)]
    buffer: usize,
    #[command(flatten)]
    client: ClientArguments,
    #[command(flatten)]
    decoding: DecodingOptions,
    /// Secrets of TLS connections, in the format of SSLKEYLOGFILE
    #[arg(long, value_name = "FILE")]
    keylog: Option<PathBuf>,
    /// Show what belongs to the transports, too: handshakes, pings, closes
    #[arg(long)]
    all: bool,
    /// Only connections from or to this port (repeatable)
    #[arg(long, value_name = "PORT")]
    port: Vec<u16>,
    /// Only connections from or to this address (repeatable)
    #[arg(long, value_name = "ADDRESS")]
    host: Vec<IpAddr>,
    #[command(flatten)]
    recording: RecordingOptions,
    #[command(flatten)]
    selection: SelectionOptions,
    #[command(flatten)]
    output: OutputOptions,
    /// Exit with status 1 for warnings, too
    #[arg(long)]
    strict: bool,
    /// Say nothing on standard error but failures
    #[arg(short, long)]
    quiet: bool,
}

const EXAMPLES: &str = "\
Examples:
  wirectl tail dump.bin                        a dump that still grows
  wirectl tail capture.pcapng                  a capture that is being written
  tcpdump -i lo -U -w - port 9090 | wirectl tail -
  wirectl tail --listen 127.0.0.1:9191 --forward 127.0.0.1:9090
                                               a proxy: point the client at port 9191
  wirectl tail --listen 9191 --forward 9090 --write session.pcapng --rotate-size 100MB
  wirectl tail --interface lo --port 9090
  wirectl tail ws://127.0.0.1:8080/rps --as rps --token T --subscribe data
  wirectl tail http://127.0.0.1:8080/rps/sse --as rps --client-id ID
  wirectl tail ws://127.0.0.1:9090/sync --as sync --shape notes
  wirectl tail tcp://127.0.0.1:14001 --as noxu-feeder --from 1
  wirectl tail unix:/run/peer.sock --send frames.ndjson

Exit status: 0 done and clean, 1 some traffic was damaged, 2 wrong usage or input/output failed.";

/// How a dump spells its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum InputForm {
    /// The bytes themselves, or a capture
    Raw,
    /// Every line one message, in hexadecimal digits
    HexLines,
    /// Every line one message, in base64
    Base64Lines,
}

impl Tail {
    /// Shows what comes until it ends, or the user ends it.
    pub fn run(mut self) -> anyhow::Result<u8> {
        let channels = self.decoding.take_plain_channels();
        self.client.subscribe.extend(channels);
        // What is wrong with the arguments is said before anything is opened.
        self.selection.ready()?;
        self.output.ready("-")?;
        let options = self.options()?;
        let session = Session::new(self.quiet, self.strict)?;
        #[cfg(target_os = "linux")]
        if let Some(name) = &self.interface {
            return interface::run(&self, session, &options, name);
        }
        match (&self.listen, &self.forward) {
            (Some(listen), Some(forward)) => proxy::run(&self, session, &options, listen, forward),
            _ if client::is_target(self.source.as_deref()) => client::run(&self, session, &options),
            _ if self.client.is_used() => Err(Wrong::new(
                "--as and --send are for servers, and there is none".to_owned(),
                "wirectl tail ws://127.0.0.1:9090/sync --as sync".to_owned(),
            )
            .into()),
            _ if self.recording.path().is_some() => Err(Wrong::new(
                "--write records connections, and a file is recorded already".to_owned(),
                "use it with a server, --interface, or --listen and --forward".to_owned(),
            )
            .into()),
            _ => file::run(&self, session, &options),
        }
    }

    fn options(&self) -> anyhow::Result<TrafficOptions> {
        let (forced, settings, ports) = self.decoding.ready_with_ports()?;
        let key_log = match &self.keylog {
            Some(path) => std::fs::read(path).with_context(|| path.display().to_string())?,
            None => Vec::new(),
        };
        if forced.is_none() && !ports.is_empty() && self.input != InputForm::Raw {
            return Err(Wrong::new(
                "-p PORT=NAME speaks of a port, but lines have none".to_owned(),
                "-p NAME".to_owned(),
            )
            .into());
        }
        Ok(TrafficOptions {
            forced,
            ports,
            settings: Settings {
                independent: self.input != InputForm::Raw,
                ..settings
            },
            all: self.all,
            follow: Vec::new(),
            only_ports: self.port.clone(),
            only_hosts: self.host.clone(),
            files: Vec::new(),
            key_log,
            most_connections: None,
            live: false,
        })
    }

    /// What the source is called in messages.
    fn name(&self) -> &str {
        #[cfg(target_os = "linux")]
        if let Some(interface) = &self.interface {
            return interface;
        }
        if let Some(address) = &self.listen {
            return address;
        }
        match self.source.as_deref() {
            None | Some("-") => super::sniff::STDIN,
            Some(name) => name,
        }
    }
}
