//! Connections of our own to a server whose stream is to be seen.

mod feeder;
mod observed;
mod once;
mod rps;
mod rps_cursors;
mod sync;

pub use feeder::NoxuFeeder;
pub use once::Once;
pub use rps::{Rps, RpsOptions};
pub use sync::{SyncClient, SyncOptions};

use super::stop::Stop;
use super::tap::Tap;
use crate::connect::{self, Breaker, ConnectError, Link, Receiver, Sender, Target, connect};
use crate::net::Ending;
use observed::Observed;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use thiserror::Error;

/// How long a wait for bytes may keep from anything else.
const TICK: Duration = Duration::from_millis(50);
/// Messages that may wait to be sent.
const MOST_UNSENT: usize = 4096;
/// After saying goodbye, the answer is waited for so long.
const FAREWELL: Duration = Duration::from_millis(500);
/// Pauses before connecting again: doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(10);

/// A message to send; text where there is such a difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether it is sent as text.
    pub text: bool,
}

/// What a client wants done.
#[derive(Debug, Default)]
pub struct Wishes {
    /// To be sent, in this order.
    pub send: Vec<Outgoing>,
    /// To be told to the user.
    pub notes: Vec<String>,
    /// The connection is of no more use.
    pub end: Option<End>,
}

/// What to do after a connection that a client gave up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Connect again.
    Again,
    /// The server refuses: why.
    Refused(String),
}

impl Wishes {
    /// Wants text to be sent.
    pub fn text(&mut self, text: String) {
        self.send.push(Outgoing {
            bytes: text.into_bytes(),
            text: true,
        });
    }

    /// Wants bytes to be sent.
    pub fn bytes(&mut self, bytes: Vec<u8>) {
        self.send.push(Outgoing { bytes, text: false });
    }

    /// Wants something to be told.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }
}

/// What a client says to a server; decoding and showing what comes is not its business.
pub trait Role {
    /// A connection has come about.
    fn begin(&mut self, wishes: &mut Wishes);

    /// Something came: a message where there are such, else a piece of the stream.
    fn take(&mut self, bytes: &[u8], wishes: &mut Wishes);

    /// Some time has passed; called often.
    fn tick(&mut self, wishes: &mut Wishes);

    /// The user ends it.
    fn farewell(&mut self, _wishes: &mut Wishes) {}
}

/// Only listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Listener;

impl Role for Listener {
    fn begin(&mut self, _wishes: &mut Wishes) {}
    fn take(&mut self, _bytes: &[u8], _wishes: &mut Wishes) {}
    fn tick(&mut self, _wishes: &mut Wishes) {}
}

/// What a client connects to, and how.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Where to.
    pub target: Target,
    /// How.
    pub connect: connect::Options,
    /// Connect again when the connection ends.
    pub reconnect: bool,
    /// Try again if even the first connection fails.
    pub insist: bool,
    /// Sent once, after what the role begins with.
    pub first: Vec<Outgoing>,
}

/// Why a client ended early.
#[derive(Debug, Error)]
pub enum ClientError {
    /// No connection came about.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server does not want this client.
    #[error("{target} refuses: {what}")]
    Refused {
        /// Which server.
        target: Target,
        /// Why.
        what: String,
    },
    /// The connection broke.
    #[error("the connection to {target} broke: {source}")]
    Broken {
        /// To whom.
        target: Target,
        /// How.
        source: io::Error,
    },
    /// There is no thread for sending.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Connects and stays connected until the server or `stop` ends it; `tap` gets what passes.
///
/// # Errors
/// If there is no connection, or it breaks and is not to come again.
pub fn watch(
    role: &mut dyn Role,
    options: &ClientOptions,
    tap: &Arc<Tap>,
    stop: &Stop,
) -> Result<(), ClientError> {
    let mut first = options.first.clone();
    let mut pause = FIRST_PAUSE;
    let mut met = false;
    loop {
        let observed = Arc::new(Observed::new(Arc::clone(tap)));
        let connecting = connect::Options {
            witness: Some(Arc::clone(&observed) as Arc<dyn connect::Witness>),
            ..options.connect.clone()
        };
        let patient = options.insist || met && options.reconnect;
        match connect(&options.target, &connecting) {
            Ok(link) => {
                met = true;
                let begun = Instant::now();
                let over = converse(role, link, std::mem::take(&mut first), tap, stop)?;
                observed.close(over.ending());
                if begun.elapsed() > LAST_PAUSE {
                    pause = FIRST_PAUSE;
                }
                if over.is_last(options, tap)? {
                    return Ok(());
                }
                if matches!(over, Over::Given(_)) {
                    pause = FIRST_PAUSE;
                }
            }
            Err(error) if patient && error.is_transient() => {
                observed.close(Ending::Rst);
                tap.note(format!("{error}; trying again in {} ms", pause.as_millis()));
            }
            Err(error) => {
                observed.close(Ending::Rst);
                return Err(error.into());
            }
        }
        if stop.wait(pause) {
            return Ok(());
        }
        pause = (2 * pause).min(LAST_PAUSE);
    }
}

/// How a connection ended.
enum Over {
    /// The user wants no more.
    Stopped,
    /// The server has closed it.
    Closed(Option<String>),
    /// It broke.
    Broken(io::Error),
    /// The role gave it up.
    Given(End),
}

impl Over {
    fn ending(&self) -> Ending {
        match self {
            Self::Stopped | Self::Closed(_) | Self::Given(_) => Ending::Fin,
            Self::Broken(_) => Ending::Rst,
        }
    }

    /// Whether no other connection follows.
    fn is_last(&self, options: &ClientOptions, tap: &Tap) -> Result<bool, ClientError> {
        let target = &options.target;
        match self {
            Self::Stopped => Ok(true),
            Self::Given(End::Again) => Ok(false),
            Self::Given(End::Refused(what)) => Err(ClientError::Refused {
                target: target.clone(),
                what: what.clone(),
            }),
            Self::Closed(how) => {
                let how = how.as_deref().unwrap_or("in good order");
                tap.note(format!("{target} has closed the connection: {how}"));
                Ok(!options.reconnect)
            }
            Self::Broken(error) if options.reconnect => {
                tap.note(format!("the connection to {target} broke: {error}"));
                Ok(false)
            }
            Self::Broken(error) => Err(ClientError::Broken {
                target: target.clone(),
                source: io::Error::new(error.kind(), error.to_string()),
            }),
        }
    }
}

/// One connection from its beginning to its end.
fn converse(
    role: &mut dyn Role,
    link: Link,
    first: Vec<Outgoing>,
    tap: &Tap,
    stop: &Stop,
) -> Result<Over, ClientError> {
    let breaker = link.breaker.clone();
    let mut receiver = link.receiver;
    receiver.set_timeout(Some(TICK))?;
    let (outbox, writer) = sending(link.sender, breaker.clone())?;
    let mut wishes = Wishes::default();
    role.begin(&mut wishes);
    wishes.send.extend(first);
    let over = listen(role, &mut receiver, &outbox, &mut wishes, tap, stop);
    if matches!(over, Over::Stopped) {
        role.farewell(&mut wishes);
        fulfil(&mut wishes, &outbox, tap);
    }
    // The sender says that nothing follows; the answer to it still counts.
    drop(outbox);
    if !matches!(over, Over::Broken(_) | Over::Closed(_)) {
        await_close(&mut receiver);
    }
    breaker.abort();
    let _ = writer.join();
    Ok(over)
}

fn listen(
    role: &mut dyn Role,
    receiver: &mut Receiver,
    outbox: &SyncSender<Outgoing>,
    wishes: &mut Wishes,
    tap: &Tap,
    stop: &Stop,
) -> Over {
    let mut buffer = Vec::new();
    let mut ticked = Instant::now();
    loop {
        if let Some(end) = fulfil(wishes, outbox, tap) {
            return Over::Given(end);
        }
        if stop.is_set() {
            return Over::Stopped;
        }
        buffer.clear();
        match receiver.receive(&mut buffer) {
            Ok(connect::Received::Bytes | connect::Received::Message { .. }) => {
                role.take(&buffer, wishes);
            }
            Ok(connect::Received::Nothing) => {}
            Ok(connect::Received::Closed { how }) => return Over::Closed(how),
            Err(error) => return Over::Broken(error),
        }
        if ticked.elapsed() >= TICK {
            ticked = Instant::now();
            role.tick(wishes);
        }
    }
}

/// Does what a role wants.
fn fulfil(wishes: &mut Wishes, outbox: &SyncSender<Outgoing>, tap: &Tap) -> Option<End> {
    for note in wishes.notes.drain(..) {
        tap.note(note);
    }
    for message in wishes.send.drain(..) {
        // If the sender is gone, the connection is broken, which the receiver notices.
        let _ = outbox.send(message);
    }
    wishes.end.take()
}

/// A thread that sends, so that a peer that does not read never keeps us from reading.
fn sending(
    mut sender: Sender,
    breaker: Breaker,
) -> io::Result<(SyncSender<Outgoing>, JoinHandle<()>)> {
    let (outbox, messages) = mpsc::sync_channel::<Outgoing>(MOST_UNSENT);
    let thread = std::thread::Builder::new()
        .name("send".to_owned())
        .spawn(move || {
            for message in messages {
                if sender.send(&message.bytes, message.text).is_err() {
                    breaker.abort();
                    return;
                }
            }
            let _ = sender.finish();
        })?;
    Ok((outbox, thread))
}

fn await_close(receiver: &mut Receiver) {
    let deadline = Instant::now() + FAREWELL;
    let mut buffer = Vec::new();
    while Instant::now() < deadline {
        buffer.clear();
        match receiver.receive(&mut buffer) {
            Ok(connect::Received::Closed { .. }) | Err(_) => return,
            Ok(_) => {}
        }
    }
}
