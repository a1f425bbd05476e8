//! Connections to live peers: TCP, TLS, WebSocket and Unix sockets, by blocking sockets.
//!
//! A [`Link`] is split into a [`Sender`] and a [`Receiver`] for two threads; a [`Breaker`] ends it
//! from a third.

mod error;
mod stream;
mod target;
mod tls;
mod websocket;

pub use error::ConnectError;
pub use stream::SendError;
pub use target::{Scheme, Target, TargetError};

use crate::model::Transport;
use rustls::ClientConnection;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use stream::{ReadHalf, Shared, Socket, WriteHalf};
use websocket::{WebSocketReceiver, WebSocketSender};

/// Plain bytes are received in pieces of at most this size.
const RECEIVED: usize = 64 << 10;

/// What the user has said about connecting.
#[derive(Clone, Debug)]
pub struct Options {
    /// Headers of the WebSocket upgrade, as `NAME: VALUE`.
    pub headers: Vec<String>,
    /// The certificates to trust (PEM), instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Whether to trust any certificate.
    pub insecure: bool,
    /// How long connecting may take, handshakes included.
    pub timeout: Duration,
    /// Larger WebSocket messages from the peer end the connection.
    pub most_message: usize,
    /// Sees the bytes that pass, decrypted, WebSocket framing included.
    pub witness: Option<Arc<dyn Witness>>,
}

/// Sees the bytes of a connection; must not hold them up.
pub trait Witness: Send + Sync + std::fmt::Debug {
    /// The connection has come about, between these addresses unless it is a Unix socket's.
    fn opened(&self, local: Option<SocketAddr>, peer: Option<SocketAddr>);
    /// These bytes are about to be sent.
    fn sent(&self, bytes: &[u8]);
    /// These bytes came.
    fn received(&self, bytes: &[u8]);
}

impl Default for Options {
    fn default() -> Self {
        Self {
            headers: Vec::new(),
            ca_file: None,
            insecure: false,
            timeout: Duration::from_secs(10),
            most_message: crate::protocol::DEFAULT_MOST_FRAME,
            witness: None,
        }
    }
}

/// Connects to `target`.
///
/// # Errors
/// If that fails; the error says why and what helps.
pub fn connect(target: &Target, options: &Options) -> Result<Link, ConnectError> {
    let deadline = Instant::now() + options.timeout;
    let socket = match target {
        Target::Unix(path) => {
            Socket::Unix(
                UnixStream::connect(path).map_err(|source| ConnectError::Connect {
                    target: target.clone(),
                    source,
                })?,
            )
        }
        Target::Network { host, port, .. } => Socket::Tcp(dial(target, host, *port, deadline)?),
    };
    let failed = |source| ConnectError::Connect {
        target: target.clone(),
        source,
    };
    socket.set_timeouts(Some(left(deadline))).map_err(failed)?;
    let tls = match target {
        Target::Network { host, .. } if target.is_encrypted() => {
            let mut client = tls::client(target, host, options)?;
            greet(&mut client, &socket, target)?;
            Some(client)
        }
        _ => None,
    };
    let (reader, writer) = Shared::new(socket, tls, options.witness.clone()).halves();
    let breaker = Breaker(writer.clone());
    let (local, peer) = writer.addresses();
    if let Some(witness) = &options.witness {
        witness.opened(local, peer);
    }
    let (sender, receiver) = if target.is_websocket() {
        let (sender, receiver) = websocket::upgrade(target, options, reader, writer.clone())?;
        (
            SenderKind::Messages(Box::new(sender)),
            ReceiverKind::Messages(Box::new(receiver)),
        )
    } else {
        (
            SenderKind::Bytes(writer.clone()),
            ReceiverKind::Bytes(reader),
        )
    };
    writer.set_timeouts(None).map_err(failed)?;
    Ok(Link {
        sender: Sender(sender),
        receiver: Receiver(receiver),
        breaker,
        local,
        peer,
    })
}

/// A connection.
#[derive(Debug)]
pub struct Link {
    /// Sends.
    pub sender: Sender,
    /// Receives.
    pub receiver: Receiver,
    /// Ends it from any thread.
    pub breaker: Breaker,
    /// This side's address, unless it is a Unix socket.
    pub local: Option<SocketAddr>,
    /// The peer's address, unless it is a Unix socket.
    pub peer: Option<SocketAddr>,
}

impl Link {
    /// What carries the messages, as in records.
    #[must_use]
    pub fn transport(&self) -> Transport {
        if self.sender.keeps_messages() {
            Transport::WebSocket
        } else {
            Transport::Tcp
        }
    }
}

/// The half of a connection that sends.
#[derive(Debug)]
pub struct Sender(SenderKind);

#[derive(Debug)]
enum SenderKind {
    Bytes(WriteHalf),
    Messages(Box<WebSocketSender>),
}

impl Sender {
    /// Whether messages keep their boundaries.
    #[must_use]
    pub fn keeps_messages(&self) -> bool {
        matches!(self.0, SenderKind::Messages(_))
    }

    /// Sends `bytes`: as one message, text if `text` and it is UTF-8, where there are messages.
    /// Waits for a slow peer as long as it takes.
    ///
    /// # Errors
    /// If the connection is broken.
    pub fn send(&mut self, bytes: &[u8], text: bool) -> Result<(), SendError> {
        match &mut self.0 {
            SenderKind::Bytes(writer) => writer.send(bytes),
            SenderKind::Messages(sender) => {
                sender.queue(bytes, text)?;
                sender.flush()
            }
        }
    }

    /// The same, but the bytes may stay in a buffer until [`Sender::flush`].
    ///
    /// # Errors
    /// If the connection is broken.
    pub fn queue(&mut self, bytes: &[u8], text: bool) -> Result<(), SendError> {
        match &mut self.0 {
            SenderKind::Bytes(writer) => writer.send(bytes),
            SenderKind::Messages(sender) => sender.queue(bytes, text),
        }
    }

    /// Sends what [`Sender::queue`] has left in the buffer.
    ///
    /// # Errors
    /// If the connection is broken.
    pub fn flush(&mut self) -> Result<(), SendError> {
        match &mut self.0 {
            SenderKind::Bytes(_) => Ok(()),
            SenderKind::Messages(sender) => sender.flush(),
        }
    }

    /// Says that nothing will follow (half-close; a WebSocket close): the peer may still answer.
    ///
    /// # Errors
    /// If the connection is broken.
    pub fn finish(&mut self) -> io::Result<()> {
        match &mut self.0 {
            SenderKind::Bytes(writer) => writer.finish(),
            SenderKind::Messages(sender) => sender.finish(),
        }
    }
}

/// The half of a connection that receives.
#[derive(Debug)]
pub struct Receiver(ReceiverKind);

#[derive(Debug)]
enum ReceiverKind {
    Bytes(ReadHalf),
    Messages(Box<WebSocketReceiver>),
}

/// What has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// Some bytes of the stream.
    Bytes,
    /// A message.
    Message {
        /// Whether it was sent as text.
        text: bool,
    },
    /// Nothing within the receiver's timeout.
    Nothing,
    /// Nothing will come any more.
    Closed {
        /// How the peer closed, if it said more than that: a WebSocket code and its reason.
        how: Option<String>,
    },
}

impl Receiver {
    /// Waits for bytes or a message and appends it to `out`.
    ///
    /// # Errors
    /// If the connection broke.
    pub fn receive(&mut self, out: &mut Vec<u8>) -> io::Result<Received> {
        match &mut self.0 {
            ReceiverKind::Bytes(reader) => receive_bytes(reader, out),
            ReceiverKind::Messages(receiver) => receiver.receive(out),
        }
    }

    /// Receives nothing after this time; waits for ever if none.
    ///
    /// # Errors
    /// If the time is zero.
    pub fn set_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match &self.0 {
            ReceiverKind::Bytes(reader) => reader.set_timeout(timeout),
            ReceiverKind::Messages(receiver) => receiver.set_timeout(timeout),
        }
    }
}

/// Ends a connection from any thread: who waits for it wakes up.
#[derive(Clone, Debug)]
pub struct Breaker(WriteHalf);

impl Breaker {
    /// Ends the connection at once.
    pub fn abort(&self) {
        self.0.abort();
    }
}

fn receive_bytes(reader: &mut ReadHalf, out: &mut Vec<u8>) -> io::Result<Received> {
    let start = out.len();
    out.resize(start + RECEIVED, 0);
    let result = reader.read(out.get_mut(start..).unwrap_or_default());
    let count = result.as_ref().map_or(0, |count| *count);
    out.truncate(start + count);
    match result {
        Ok(0) => Ok(Received::Closed { how: None }),
        Ok(_) => Ok(Received::Bytes),
        Err(error) if is_timeout(&error) => Ok(Received::Nothing),
        Err(error) => Err(error),
    }
}

/// Connects to the first address of `host` that takes the call.
fn dial(
    target: &Target,
    host: &str,
    port: u16,
    deadline: Instant,
) -> Result<TcpStream, ConnectError> {
    let lookup = |source| ConnectError::Lookup {
        host: host.to_owned(),
        source,
    };
    let addresses = (host, port).to_socket_addrs().map_err(lookup)?;
    let mut failure = None;
    for address in addresses {
        match TcpStream::connect_timeout(&address, left(deadline)) {
            Ok(socket) => {
                // Frames are sent when they are due, not when the kernel has gathered some.
                let _ = socket.set_nodelay(true);
                return Ok(socket);
            }
            Err(error) => failure = Some(error),
        }
    }
    Err(match failure {
        Some(source) => ConnectError::Connect {
            target: target.clone(),
            source,
        },
        None => lookup(io::Error::other("the name has no address")),
    })
}

/// The TLS handshake.
fn greet(
    client: &mut ClientConnection,
    socket: &Socket,
    target: &Target,
) -> Result<(), ConnectError> {
    let mut socket = socket;
    while client.is_handshaking() {
        let Err(error) = client.complete_io(&mut socket) else {
            continue;
        };
        if is_timeout(&error) {
            return Err(ConnectError::TimedOut {
                target: target.clone(),
                step: "TLS handshake",
            });
        }
        let cause = error
            .get_ref()
            .and_then(|cause| cause.downcast_ref::<rustls::Error>());
        return Err(match cause {
            Some(cause) => tls::failed(target, cause),
            None => ConnectError::Tls {
                target: target.clone(),
                what: format!("the peer ended the handshake ({error})"),
                help: "does the peer speak TLS on that port?",
            },
        });
    }
    Ok(())
}

/// The time until `deadline`, never zero, which sockets take for no limit.
fn left(deadline: Instant) -> Duration {
    deadline
        .saturating_duration_since(Instant::now())
        .max(Duration::from_millis(1))
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}
