//! `--interface`: what passes on this machine.

use super::Tail;
use super::recording::BUFFER;
use super::session::Session;
use crate::cli::complain::{self, Wrong};
use std::fmt::Write;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use wirectl::pipeline::Pipeline;
use wirectl::source::capture::{NoObserver, Traffic, TrafficOptions, network_options};
use wirectl::tail::{
    Captured, Feed, Interface, InterfaceError, PacketFilter, Recorder, decode_packets,
    record_packets,
};

/// At the end, the listening thread is waited for so long.
const PATIENCE: Duration = Duration::from_secs(1);

/// Shows what passes on the interface `name` until the user ends it.
pub fn run(
    tail: &Tail,
    session: Session,
    options: &TrafficOptions,
    name: &str,
) -> anyhow::Result<u8> {
    let filter = PacketFilter {
        ports: tail.port.clone(),
        hosts: tail.host.clone(),
    };
    let interface = Interface::open(name, filter).map_err(explained)?;
    let feed = Arc::new(Feed::new(tail.buffer));
    let mut feeds = vec![Arc::clone(&feed)];
    let recording = record(tail, &session, &mut feeds)?;
    summarize(&session, &feeds);
    let listener = {
        let (feeds, session) = (feeds.clone(), session.clone());
        std::thread::Builder::new()
            .name("listen".to_owned())
            .spawn(move || {
                if let Err(error) = interface.listen(&feeds, &session.stop) {
                    session.failed(&error);
                    session.stop.set();
                }
            })?
    };
    session.on_stop(move || {
        let _ = listener.join();
        for feed in feeds {
            feed.close();
        }
        if let Some(recording) = recording {
            let _ = recording.join();
        }
    })?;
    session.tell(&format!("listening on interface {name}"));
    show(tail, &session, options, &feed)
}

fn show(
    tail: &Tail,
    session: &Session,
    options: &TrafficOptions,
    feed: &Feed<Captured>,
) -> anyhow::Result<u8> {
    let output = tail.output.ready(tail.name())?;
    let mut sink = output.sink(io::stdout());
    let mut pipeline = Pipeline::new(sink.as_mut(), tail.selection.ready()?);
    let options = &options.wanting(pipeline.wanted());
    let mut observer = NoObserver;
    let mut traffic = Traffic::new(options, &mut pipeline, &mut observer);
    let network = network_options(options, false);
    let result = decode_packets(feed, network, &mut traffic, &mut |totals| {
        session.totals(totals);
    });
    drop(traffic);
    session.end_source(PATIENCE);
    complain::filter_failures(&pipeline);
    drop(pipeline);
    let finished = sink.finish();
    result?;
    finished?;
    Ok(session.finish())
}

/// Begins to record packets, if asked to.
fn record(
    tail: &Tail,
    session: &Session,
    feeds: &mut Vec<Arc<Feed<Captured>>>,
) -> anyhow::Result<Option<std::thread::JoinHandle<()>>> {
    let Some(path) = tail.recording.path() else {
        return Ok(None);
    };
    let mut recorder = Recorder::start(path, tail.recording.rotation())?;
    let feed = Arc::new(Feed::new(BUFFER));
    feeds.push(Arc::clone(&feed));
    let session = session.clone();
    let thread = std::thread::Builder::new()
        .name("record".to_owned())
        .spawn(move || {
            if let Err(error) = record_packets(&feed, &mut recorder) {
                session.failed(&error);
            }
        })?;
    Ok(Some(thread))
}

fn summarize(session: &Session, feeds: &[Arc<Feed<Captured>>]) {
    let feeds = feeds.to_vec();
    session.summarize(move |text| {
        for (feed, what) in feeds.iter().zip(["decoded", "recorded"]) {
            let _ = write!(text, "{} bytes not {what}, ", feed.dropped());
        }
    });
}

fn explained(error: InterfaceError) -> anyhow::Error {
    let help = match &error {
        InterfaceError::Permission => {
            "run it as root, or allow it once: sudo setcap cap_net_raw+ep \"$(command -v wirectl)\""
        }
        InterfaceError::Unknown { .. } => "--interface lo is this machine talking to itself",
        InterfaceError::System { .. } => "ip link shows which interfaces are up",
    };
    Wrong::new(error.to_string(), help.to_owned()).into()
}
