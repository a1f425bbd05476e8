//! What the decoder tells its caller.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

/// Which way bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// From the side that opened the connection.
    ClientToServer,
    /// From the side that accepted it.
    ServerToClient,
}

impl Direction {
    /// The opposite direction.
    pub fn reverse(self) -> Self {
        match self {
            Self::ClientToServer => Self::ServerToClient,
            Self::ServerToClient => Self::ClientToServer,
        }
    }

    /// `c2s` or `s2c`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientToServer => "c2s",
            Self::ServerToClient => "s2c",
        }
    }
}

/// A value for each direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Both<T> {
    /// The client's.
    pub client_to_server: T,
    /// The server's.
    pub server_to_client: T,
}

impl<T> Both<T> {
    /// The value of `direction`.
    pub fn get(&self, direction: Direction) -> &T {
        match direction {
            Direction::ClientToServer => &self.client_to_server,
            Direction::ServerToClient => &self.server_to_client,
        }
    }

    /// Makes each direction's value the other's.
    pub(super) fn exchange(&mut self) {
        std::mem::swap(&mut self.client_to_server, &mut self.server_to_client);
    }

    /// The value of `direction`, to change.
    pub fn get_mut(&mut self, direction: Direction) -> &mut T {
        match direction {
            Direction::ClientToServer => &mut self.client_to_server,
            Direction::ServerToClient => &mut self.server_to_client,
        }
    }
}

/// What carries the bytes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// A TCP stream of which nothing more is known.
    Tcp,
    /// UDP datagrams.
    Udp,
    /// WebSocket (RFC 6455).
    WebSocket,
    /// HTTP/1.1 (RFC 9112).
    Http,
    /// Server-sent events in an HTTP response.
    Sse,
    /// TLS records; also the decrypted stream, if that is neither HTTP nor WebSocket.
    Tls,
}

impl Transport {
    /// The short name used in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::WebSocket => "ws",
            Self::Http => "http",
            Self::Sse => "sse",
            Self::Tls => "tls",
        }
    }
}

/// Where and when something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Number of the connection, from 0 in order of first appearance.
    pub connection: u32,
    /// Which way.
    pub direction: Direction,
    /// Nanoseconds since 1970-01-01 UTC, of the packet that completed what the event tells.
    pub time_ns: u64,
    /// Number of that packet, from 1; 0 where there are no packets.
    pub packet: u64,
}

impl Stamp {
    /// Tells of bytes that are no whole message, if there are any, and why; `offset`, their place
    /// in the stream, moves behind them.
    pub(super) fn fragment(
        self,
        transport: Transport,
        offset: &mut u64,
        (bytes, reason): (&[u8], &'static str),
        sink: &mut Sink<'_>,
    ) {
        if bytes.is_empty() {
            return;
        }
        let kind = Kind::Fragment {
            offset: *offset,
            bytes,
            reason,
        };
        *offset += bytes.len() as u64;
        sink(Event::new(self, transport, kind));
    }
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// Number of the connection; `None` for findings about the capture as a whole.
    pub connection: Option<u32>,
    /// Which way.
    pub direction: Direction,
    /// Nanoseconds since 1970-01-01 UTC.
    pub time_ns: u64,
    /// Number of the packet, from 1; 0 where there are no packets.
    pub packet: u64,
    /// What carried it.
    pub transport: Transport,
    /// Whether the other direction lacks bytes that were sent before: they are not in the capture,
    /// or come later.
    pub other_lacks: bool,
    /// What it is.
    pub kind: Kind<'a>,
}

impl<'a> Event<'a> {
    /// An event of a connection.
    pub fn new(at: Stamp, transport: Transport, kind: Kind<'a>) -> Self {
        Self {
            connection: Some(at.connection),
            direction: at.direction,
            time_ns: at.time_ns,
            packet: at.packet,
            transport,
            other_lacks: false,
            kind,
        }
    }
}

/// Receives events. What it borrows is valid during the call only.
pub type Sink<'s> = dyn FnMut(Event<'_>) + 's;

/// What an event tells.
#[derive(Clone, Debug)]
pub enum Kind<'a> {
    /// A connection appeared.
    Open {
        /// Who opened it, as far as can be told.
        client: SocketAddr,
        /// Who accepted it.
        server: SocketAddr,
        /// Whether its beginning is in the capture.
        from_start: bool,
    },
    /// Bytes of a stream whose framing is the caller's business.
    Data {
        /// Position in the stream of this direction.
        offset: u64,
        /// The bytes, in order.
        bytes: &'a [u8],
    },
    /// A message with known boundaries.
    Message(Message<'a>),
    /// What belongs to the transport itself.
    Control(Control<'a>),
    /// Bytes that are part of no whole message: what surrounds a gap, or was cut.
    Fragment {
        /// Position, counted as for messages.
        offset: u64,
        /// The bytes: unmasked if the frame's header was seen, else as on the wire.
        bytes: &'a [u8],
        /// Why they are no message, in kebab-case.
        reason: &'static str,
    },
    /// Bytes of the stream of this direction are not in the capture.
    Gap {
        /// Position in the TCP stream (or the decrypted stream) at which they are missing.
        offset: u64,
        /// How many.
        missing: u64,
    },
    /// This direction ended.
    Close {
        /// How.
        how: Ending,
    },
    /// Something the reader should know.
    Finding(Finding<'a>),
    /// A copy of the TCP stream, whatever it carries; only with [`crate::net::Options::raw`].
    Raw {
        /// Position in the stream of this direction.
        offset: u64,
        /// The bytes, in order.
        bytes: &'a [u8],
    },
    /// Figures of a connection, once, after everything else about it.
    Summary(&'a Summary),
}

/// A message with known boundaries.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// Position in the stream of message payloads of this direction (unmasked, inflated).
    pub offset: u64,
    /// The payload.
    pub bytes: &'a [u8],
    /// Whether the transport calls it text (a WebSocket text message, an event's data).
    pub text: bool,
    /// Whether `bytes` are still deflated, since they could not be inflated (a finding says why).
    pub deflated: bool,
    /// What the transport says about it.
    pub envelope: Envelope<'a>,
}

/// What a transport says about a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Envelope<'a> {
    /// A WebSocket data message.
    WebSocket {
        /// Number of frames it came in.
        frames: u32,
    },
    /// A server-sent event.
    Sse {
        /// The `event` field.
        event: Option<&'a str>,
        /// The `id` field of this event.
        id: Option<&'a str>,
        /// The `retry` field, in milliseconds.
        retry: Option<u64>,
    },
    /// An HTTP body.
    Http(Arc<HttpExchange>),
    /// A UDP datagram.
    Datagram,
}

/// The request and response an HTTP body belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpExchange {
    /// Request method, if the request was seen.
    pub method: Option<String>,
    /// Request target as sent, if the request was seen.
    pub target: Option<String>,
    /// Response status; `None` for a request's body.
    pub status: Option<u16>,
    /// `Content-Type` of the message that holds the body.
    pub content_type: Option<String>,
    /// `Content-Encoding` of the message that holds the body.
    pub content_encoding: Option<String>,
}

/// Header fields of an HTTP message, in order, names as sent.
pub type Headers<'a> = [(&'a str, &'a [u8])];

/// What belongs to a transport itself.
#[derive(Clone, Debug)]
pub enum Control<'a> {
    /// WebSocket ping.
    Ping(&'a [u8]),
    /// WebSocket pong.
    Pong(&'a [u8]),
    /// WebSocket close.
    Close {
        /// Status code, if there is one.
        code: Option<u16>,
        /// The rest of the payload.
        reason: &'a [u8],
    },
    /// The head of an HTTP request.
    Request {
        /// The method.
        method: &'a str,
        /// The target as sent.
        target: &'a str,
        /// All header fields.
        headers: &'a Headers<'a>,
    },
    /// The head of an HTTP response.
    Response {
        /// The status.
        status: u16,
        /// The reason phrase.
        reason: &'a str,
        /// All header fields.
        headers: &'a Headers<'a>,
    },
    /// A comment line of an event stream, without the colon.
    Comment(&'a [u8]),
    /// What a TLS handshake shows.
    Tls(&'a TlsNames),
}

/// What a TLS handshake shows in the clear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsNames {
    /// `TLS 1.3` and so on; from the server's hello once that is seen.
    pub version: Option<&'static str>,
    /// Server name of the client's hello.
    pub server_name: Option<String>,
    /// Application protocols: the client's offers, or the server's choice.
    pub protocols: Vec<String>,
    /// Cipher suite of the server's hello.
    pub cipher_suite: Option<u16>,
    /// Whether the application data is being decrypted.
    pub decrypted: bool,
}

/// How a direction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// In good order.
    Fin,
    /// By a reset.
    Rst,
    /// Nothing came for long, or room was needed.
    Timeout,
    /// Both ports were used for a new connection.
    Replaced,
    /// The capture ended first.
    EndOfCapture,
}

impl Ending {
    /// A word for tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fin => "fin",
            Self::Rst => "rst",
            Self::Timeout => "timeout",
            Self::Replaced => "replaced",
            Self::EndOfCapture => "end-of-capture",
        }
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Odd, but nothing is lost.
    Warning,
    /// Something is lost or wrong.
    Error,
}

/// Something the reader should know.
#[derive(Clone, Debug)]
pub struct Finding<'a> {
    /// How bad.
    pub severity: Severity,
    /// What, in kebab-case.
    pub code: &'static str,
    /// What, in words.
    pub message: Cow<'a, str>,
    /// Where: in the TCP stream for TCP and TLS, in the stream of messages for the others.
    pub offset: u64,
}

impl<'a> Finding<'a> {
    /// An error: something is lost or wrong.
    pub fn error(code: &'static str, offset: u64, message: impl Into<Cow<'a, str>>) -> Self {
        Self::new(Severity::Error, code, offset, message)
    }

    /// A warning: odd, but nothing is lost.
    pub fn warning(code: &'static str, offset: u64, message: impl Into<Cow<'a, str>>) -> Self {
        Self::new(Severity::Warning, code, offset, message)
    }

    /// A note: worth knowing.
    pub fn note(code: &'static str, offset: u64, message: impl Into<Cow<'a, str>>) -> Self {
        Self::new(Severity::Note, code, offset, message)
    }

    fn new(
        severity: Severity,
        code: &'static str,
        offset: u64,
        message: impl Into<Cow<'a, str>>,
    ) -> Self {
        Self {
            severity,
            code,
            message: message.into(),
            offset,
        }
    }
}

/// Figures of one connection.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Number of the connection.
    pub connection: u32,
    /// Who opened it.
    pub client: SocketAddr,
    /// Who accepted it.
    pub server: SocketAddr,
    /// What was recognised in the end.
    pub transport: Transport,
    /// Whether its beginning was seen.
    pub from_start: bool,
    /// Packets each way.
    pub packets: Both<u64>,
    /// Bytes on the wire each way, link header included.
    pub wire_bytes: Both<u64>,
    /// Stream bytes each way: each counted once, holes not counted.
    pub stream_bytes: Both<u64>,
    /// Stream bytes each way that are not in the capture.
    pub missing_bytes: Both<u64>,
    /// Time of the first packet, nanoseconds since 1970.
    pub first_ns: u64,
    /// Time of the last packet.
    pub last_ns: u64,
    /// How each direction ended.
    pub ending: Both<Ending>,
}
