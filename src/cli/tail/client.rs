//! Connections of our own: arguments to clients.

use super::Tail;
use super::proxy::{show, summarize};
use super::recording::parse_duration;
use super::session::Session;
use crate::cli::complain::{self, Wrong};
use crate::cli::{CLEAN, FAILED};
use anyhow::Context;
use clap::{Args, ValueEnum};
use ring::rand::{SecureRandom, SystemRandom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wirectl::connect::{self, Scheme, Target};
use wirectl::encode::{RecordReader, encode_record};
use wirectl::protocol::sync::versions;
use wirectl::source::capture::TrafficOptions;
use wirectl::tail::{
    ClientError, ClientOptions, Feed, Listener, NoxuFeeder, Once, Outgoing, Role, Rps, RpsOptions,
    SyncClient, SyncOptions, Tap, watch,
};

/// Who to be towards a server.
#[derive(Debug, Args)]
#[command(next_help_heading = "Client")]
pub struct ClientArguments {
    /// Be a client that gets the server to send its stream
    #[arg(long = "as", value_enum, value_name = "CLIENT")]
    role: Option<RoleName>,
    /// Send this first: records, as `decode --json` prints them, or bytes (over WebSocket, one
    /// message)
    #[arg(long, value_name = "FILE")]
    send: Option<PathBuf>,
    /// Token to authenticate with (rps, sync)
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// UUID to authenticate as (rps); the server keeps for it what it has not acknowledged
    /// [default: a new one]
    #[arg(long, value_name = "UUID")]
    client_id: Option<String>,
    /// Channel to subscribe to (rps, repeatable); --channel NAME is the same
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub subscribe: Vec<String>,
    /// Capability to ask for (rps, repeatable)
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    capability: Vec<String>,
    /// Begin after this cursor of a channel (rps, repeatable)
    #[arg(long, value_name = "CHANNEL=CURSOR", value_parser = parse_cursor)]
    resume: Vec<(String, u64)>,
    /// Collection of documents to subscribe to (sync, repeatable)
    #[arg(long, value_name = "COLLECTION", value_delimiter = ',')]
    shape: Vec<String>,
    /// Tenant whose collections are meant (sync)
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    tenant: u32,
    /// Pause between pings, which also let the server send what it has (sync)
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = parse_duration)]
    ping: Duration,
    /// First VLSN wanted, 0 for the first there is (noxu-feeder)
    #[arg(long, value_name = "VLSN", default_value_t = 0)]
    from: u64,
    /// Acknowledge nothing: the server keeps what it sent (rps), and no commit counts on us
    /// (noxu-feeder)
    #[arg(long)]
    no_ack: bool,
    /// Connect again when the connection ends, and until there is one (--as rps does the former
    /// anyway)
    #[arg(long)]
    reconnect: bool,
    /// Header of the WebSocket upgrade (repeatable)
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// Certificates to trust (PEM), instead of the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Trust any certificate
    #[arg(long)]
    insecure: bool,
    /// How long connecting may take
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    connect_timeout: Duration,
}

/// The clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RoleName {
    /// pushwire: authenticates, subscribes, acknowledges, resumes by cursor
    Rps,
    /// NodeDB sync: handshake, shape subscriptions, pings
    Sync,
    /// Noxu replication: a replica that asks for the stream and acknowledges every entry
    NoxuFeeder,
}

impl ClientArguments {
    /// Whether anything here was asked for.
    pub fn is_used(&self) -> bool {
        self.role.is_some() || self.send.is_some()
    }
}

/// Whether a source is a server.
pub fn is_target(source: Option<&str>) -> bool {
    source.is_some_and(|source| source.contains("://") || source.starts_with("unix:"))
}

/// Connects and shows what comes until the server or the user ends it.
pub fn run(tail: &Tail, session: Session, options: &TrafficOptions) -> anyhow::Result<u8> {
    let place = Place::parse(tail.name())?;
    let arguments = &tail.client;
    let role = role(arguments, &place, options)?;
    let client = ClientOptions {
        target: place.target,
        connect: connect::Options {
            headers: arguments.header.clone(),
            ca_file: arguments.ca.clone(),
            insecure: arguments.insecure,
            timeout: arguments.connect_timeout,
            most_message: options.settings.most_frame,
            witness: None,
        },
        reconnect: arguments.reconnect || arguments.role == Some(RoleName::Rps),
        insist: arguments.reconnect,
        first: match &arguments.send {
            Some(path) => outgoing(path, options).with_context(|| path.display().to_string())?,
            None => Vec::new(),
        },
    };
    let recording = tail.recording.start(&session)?;
    let feed = Arc::new(Feed::new(tail.buffer));
    let mut feeds = vec![Arc::clone(&feed)];
    feeds.extend(
        recording
            .iter()
            .map(|recording| Arc::clone(&recording.feed)),
    );
    let tap = Arc::new(Tap::new(feeds.clone()));
    summarize(&session, &tap, feeds);
    let result = Arc::new(Mutex::new(Ok(())));
    let thread = start(role, client, &tap, &session, &result)?;
    let ending = Arc::clone(&feed);
    session.on_stop(move || {
        let _ = thread.join();
        ending.close();
        if let Some(recording) = recording {
            recording.finish();
        }
    })?;
    let status = show(tail, &session, options, &feed, |sink| {
        if arguments.role == Some(RoleName::Rps) {
            Box::new(Once::new(sink))
        } else {
            sink
        }
    })?;
    let mut result = result
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    match std::mem::replace(&mut *result, Ok(())) {
        Ok(()) => Ok(status),
        Err(error) if status == CLEAN || status != FAILED => Err(explained(error)),
        Err(_) => Ok(status),
    }
}

type Outcome = Arc<Mutex<Result<(), ClientError>>>;

/// Runs the client in a thread of its own; when it ends, so does the session.
fn start(
    mut role: Box<dyn Role + Send>,
    client: ClientOptions,
    tap: &Arc<Tap>,
    session: &Session,
    result: &Outcome,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    let (tap, session, result) = (Arc::clone(tap), session.clone(), Arc::clone(result));
    std::thread::Builder::new()
        .name("client".to_owned())
        .spawn(move || {
            let ended = watch(role.as_mut(), &client, &tap, &session.stop);
            if ended.is_err() && tap.figures().connections == 0 {
                session.idle();
            }
            *result
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner) = ended;
            session.stop.set();
        })
}

fn explained(error: ClientError) -> anyhow::Error {
    match error {
        ClientError::Connect(error) => Wrong::new(error.to_string(), error.help()).into(),
        ClientError::Refused { .. } => Wrong::new(
            error.to_string(),
            "the records above show what it said; look at its log, too".to_owned(),
        )
        .into(),
        ClientError::Broken { .. } => {
            Wrong::new(error.to_string(), "--reconnect connects again".to_owned()).into()
        }
        error @ ClientError::Io(_) => error.into(),
    }
}

/// A server, and the path of its event stream if it is spoken to over HTTP.
struct Place {
    target: Target,
    sse: Option<(String, String)>,
}

impl Place {
    fn parse(text: &str) -> anyhow::Result<Self> {
        let events = [("http://", "ws://"), ("https://", "wss://")];
        let events = events
            .iter()
            .find_map(|(http, ws)| Some(format!("{ws}{}", text.strip_prefix(http)?)));
        let parsed = Target::parse(events.as_deref().unwrap_or(text));
        let target =
            parsed.map_err(|error| Wrong::new(error.to_string(), error.help().to_owned()))?;
        let Target::Network {
            scheme,
            host,
            port,
            path,
        } = &target
        else {
            return Ok(Self { target, sse: None });
        };
        if events.is_none() {
            return Ok(Self { target, sse: None });
        }
        let scheme = match scheme {
            Scheme::Wss => Scheme::Tls,
            _ => Scheme::Tcp,
        };
        let path = path.split('?').next().unwrap_or_default();
        let path = if matches!(path, "" | "/") {
            "/rps/sse"
        } else {
            path
        };
        Ok(Self {
            sse: Some((format!("{host}:{port}"), path.to_owned())),
            target: Target::Network {
                scheme,
                host: host.clone(),
                port: *port,
                path: String::new(),
            },
        })
    }
}

fn role(
    arguments: &ClientArguments,
    place: &Place,
    options: &TrafficOptions,
) -> anyhow::Result<Box<dyn Role + Send>> {
    let is_websocket = place.target.is_websocket();
    let carried = |good: bool, name: &str, help: &str| {
        let wrong = || {
            Wrong::new(
                format!("--as {name} does not go over {}", place.target),
                help.to_owned(),
            )
        };
        if good { Ok(()) } else { Err(wrong()) }
    };
    match arguments.role {
        _ if place.sse.is_some() && arguments.role != Some(RoleName::Rps) => Err(Wrong::new(
            "only --as rps speaks HTTP".to_owned(),
            "wirectl tail http://127.0.0.1:8080/rps/sse --as rps".to_owned(),
        )
        .into()),
        None => Ok(Box::new(Listener)),
        Some(RoleName::Rps) => {
            let good = is_websocket || place.sse.is_some();
            carried(
                good,
                "rps",
                "ws://HOST:PORT/rps, or http://HOST:PORT/rps/sse",
            )?;
            Ok(Box::new(Rps::new(RpsOptions {
                client_id: match &arguments.client_id {
                    Some(id) => id.clone(),
                    None => new_uuid()?,
                },
                token: arguments.token.clone(),
                capabilities: arguments.capability.clone(),
                channels: arguments.subscribe.clone(),
                resume: arguments.resume.clone(),
                acknowledge: !arguments.no_ack,
                sse: place.sse.clone(),
            })))
        }
        Some(RoleName::Sync) => {
            carried(is_websocket, "sync", "ws://HOST:PORT")?;
            Ok(Box::new(SyncClient::new(SyncOptions {
                version: options.settings.sync_version.unwrap_or(versions::V0_6),
                token: arguments.token.clone().unwrap_or_default(),
                collections: arguments.shape.clone(),
                tenant: arguments.tenant,
                ping_every: arguments.ping,
            })))
        }
        Some(RoleName::NoxuFeeder) => {
            carried(!is_websocket, "noxu-feeder", "tcp://HOST:PORT")?;
            Ok(Box::new(NoxuFeeder::new(arguments.from, !arguments.no_ack)))
        }
    }
}

/// What a file holds: records, one message each, or bytes.
fn outgoing(path: &Path, options: &TrafficOptions) -> anyhow::Result<Vec<Outgoing>> {
    let content = std::fs::read(path)?;
    if !content.trim_ascii_start().starts_with(b"{\"") {
        return Ok(vec![Outgoing {
            bytes: content,
            text: false,
        }]);
    }
    let encoding = wirectl::protocol::EncodeOptions {
        sync_version: options.settings.sync_version,
        ..Default::default()
    };
    let mut messages = Vec::new();
    let mut reader = RecordReader::new(content.as_slice());
    while reader.advance(|| Ok(()))? {
        let record = reader.record()?;
        let mut bytes = Vec::new();
        encode_record(record, &encoding, &mut bytes).map_err(|error| {
            let (line, column) = reader.place(error.position);
            anyhow::anyhow!("line {line}, column {column}: {error}")
        })?;
        let protocol = record.get("protocol").and_then(|json| json.as_text());
        messages.push(Outgoing {
            bytes,
            text: protocol == Some("rps"),
        });
    }
    if messages.is_empty() {
        complain::tell("there is nothing to send in it");
    }
    Ok(messages)
}

/// A random UUID (RFC 9562, version 4).
fn new_uuid() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| anyhow::anyhow!("the system has no random numbers"))?;
    let number = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let text = format!("{number:032x}");
    let mut uuid = String::with_capacity(36);
    for (index, digit) in text.chars().enumerate() {
        if matches!(index, 8 | 12 | 16 | 20) {
            uuid.push('-');
        }
        uuid.push(digit);
    }
    Ok(uuid)
}

fn parse_cursor(text: &str) -> Result<(String, u64), String> {
    text.split_once('=')
        .and_then(|(channel, cursor)| Some((channel.to_owned(), cursor.parse().ok()?)))
        .ok_or_else(|| "expected CHANNEL=CURSOR, such as data=120".to_owned())
}
