//! The proxy's command line.

use super::Tail;
use super::session::{Session, counted};
use crate::cli::complain::{self, Wrong};
use anyhow::Context;
use std::fmt::Write;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;
use wirectl::net::{Direction, Summary};
use wirectl::output::Sink;
use wirectl::pipeline::Pipeline;
use wirectl::source::capture::{NoObserver, Traffic, TrafficOptions, network_options};
use wirectl::tail::{Feed, Item, Proxy, ProxyOptions, Tap, Told, decode};

/// How long to try to reach the server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// At the end, what was received may take so long to reach the other side.
const DRAIN: Duration = Duration::from_secs(1);

/// Passes connections on until the user ends it.
pub fn run(
    tail: &Tail,
    session: Session,
    options: &TrafficOptions,
    listen: &str,
    forward: &str,
) -> anyhow::Result<u8> {
    let listener = TcpListener::bind(&*addresses(listen, "--listen")?)
        .with_context(|| format!("cannot listen on {listen}"))?;
    let forward = ProxyOptions {
        forward: addresses(forward, "--forward")?,
        connect_timeout: CONNECT_TIMEOUT,
    };
    let feed = Arc::new(Feed::new(tail.buffer));
    let recording = tail.recording.start(&session)?;
    let mut feeds = vec![Arc::clone(&feed)];
    feeds.extend(
        recording
            .iter()
            .map(|recording| Arc::clone(&recording.feed)),
    );
    let tap = Arc::new(Tap::new(feeds.clone()));
    let proxy = Proxy::start(listener, forward, Arc::clone(&tap), session.stop.clone())?;
    let address = proxy.address();
    let ending = Arc::clone(&feed);
    session.on_stop(move || {
        proxy.finish(DRAIN);
        ending.close();
        if let Some(recording) = recording {
            recording.finish();
        }
    })?;
    summarize(&session, &tap, feeds);
    session.tell(&format!("listening on {address}"));
    show(tail, &session, options, &feed, |sink| sink)
}

/// Shows what comes through `feed` until it ends; `wrap` may leave out records.
pub fn show(
    tail: &Tail,
    session: &Session,
    options: &TrafficOptions,
    feed: &Feed<Item>,
    wrap: impl FnOnce(Box<dyn Sink>) -> Box<dyn Sink>,
) -> anyhow::Result<u8> {
    let output = tail.output.ready(tail.name())?;
    let mut sink = wrap(output.sink(io::stdout()));
    let mut pipeline = Pipeline::new(sink.as_mut(), tail.selection.ready()?);
    let options = TrafficOptions {
        live: true,
        ..options.wanting(pipeline.wanted())
    };
    let mut observer = NoObserver;
    let mut traffic = Traffic::new(&options, &mut pipeline, &mut observer);
    let network = network_options(&options, false);
    let result = decode(feed, network, &mut traffic, &mut |told| tell(session, told));
    drop(traffic);
    // Records have ended, by --limit or since nobody reads them: the source ends, too.
    session.end_source(2 * DRAIN);
    complain::filter_failures(&pipeline);
    drop(pipeline);
    let finished = sink.finish();
    result?;
    finished?;
    Ok(session.finish())
}

fn tell(session: &Session, told: Told<'_>) {
    match told {
        Told::Totals(totals) => session.totals(totals),
        Told::Note(text) => session.tell(text),
        Told::Open {
            connection,
            client,
            server,
        } => session.tell(&format!("connection {connection}: {client} -> {server}")),
        Told::Over(summary) => session.tell(&over(summary)),
    }
}

fn over(summary: &Summary) -> String {
    let bytes =
        |direction| summary.stream_bytes.get(direction) + summary.missing_bytes.get(direction);
    let (client, server) = (Direction::ClientToServer, Direction::ServerToClient);
    let how = (
        summary.ending.get(client).as_str(),
        summary.ending.get(server).as_str(),
    );
    let how = match how {
        (one, other) if one == other => one.to_owned(),
        (one, other) => format!("{one}/{other}"),
    };
    format!(
        "connection {}: over ({how}), {} bytes to the server, {} to the client",
        summary.connection,
        bytes(client),
        bytes(server),
    )
}

/// The summary of connections that pass through `tap`; `feeds` are those of records and, if there
/// is one, of the recording.
pub fn summarize(session: &Session, tap: &Arc<Tap>, feeds: Vec<Arc<Feed<Item>>>) {
    let tap = Arc::clone(tap);
    session.summarize(move |text| {
        let figures = tap.figures();
        let bytes = figures.bytes;
        let _ = write!(
            text,
            "{}, {} to servers, {} to clients, ",
            counted(figures.connections.into(), "connection"),
            counted(bytes.client_to_server, "byte"),
            counted(bytes.server_to_client, "byte"),
        );
        for (feed, what) in feeds.iter().zip(["decoded", "recorded"]) {
            let _ = write!(text, "{} not {what}, ", counted(feed.dropped(), "byte"));
        }
    });
}

/// The addresses that `HOST:PORT` stands for.
fn addresses(text: &str, option: &str) -> anyhow::Result<Vec<SocketAddr>> {
    let text = text.strip_prefix("tcp://").unwrap_or(text);
    let wrong = |what: String| {
        Wrong::new(
            format!("{option} {}: {what}", text.escape_debug()),
            format!("{option} 127.0.0.1:9090, or [::1]:9090"),
        )
    };
    // A port alone means this machine, and nobody else.
    let text = match text.strip_prefix(':').unwrap_or(text).parse::<u16>() {
        Ok(port) => format!("127.0.0.1:{port}"),
        Err(_) => text.to_owned(),
    };
    let found: Vec<SocketAddr> = text
        .to_socket_addrs()
        .map_err(|error| wrong(error.to_string()))?
        .collect();
    if found.is_empty() {
        return Err(wrong("it has no address".to_owned()).into());
    }
    Ok(found)
}
