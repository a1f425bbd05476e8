//! A message in its place.

use super::{Layer, Message, Node, Span};
use std::net::SocketAddr;

/// Who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// From the side that opened the connection.
    ClientToServer,
    /// From the side that accepted it.
    ServerToClient,
}

impl Direction {
    /// The name used in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientToServer => "c2s",
            Self::ServerToClient => "s2c",
        }
    }

    /// The other one.
    #[must_use]
    pub const fn reverse(self) -> Self {
        match self {
            Self::ClientToServer => Self::ServerToClient,
            Self::ServerToClient => Self::ClientToServer,
        }
    }
}

/// What carried the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A plain TCP byte stream.
    Tcp,
    /// A WebSocket message.
    WebSocket,
    /// A server-sent event.
    Sse,
    /// An HTTP body or head.
    Http,
    /// A UDP datagram.
    Udp,
    /// TLS records that could not be opened.
    Tls,
}

impl Transport {
    /// The name used in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::WebSocket => "ws",
            Self::Sse => "sse",
            Self::Http => "http",
            Self::Udp => "udp",
            Self::Tls => "tls",
        }
    }
}

/// Where a message comes from. What a source does not know is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Nanoseconds since the Unix epoch.
    pub time: Option<u64>,
    /// Connection number from 0.
    pub stream: Option<u32>,
    /// Who sent it.
    pub direction: Option<Direction>,
    /// Sender.
    pub source: Option<SocketAddr>,
    /// Receiver.
    pub destination: Option<SocketAddr>,
    /// What carried it.
    pub transport: Option<Transport>,
    /// The input's name, if there are several.
    pub file: Option<String>,
    /// The line, from 1, for inputs of lines.
    pub line: Option<u64>,
}

/// A message in its place: the one thing that outputs show.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Index in this run, from 0, counted before filters.
    pub number: u64,
    /// Where it comes from.
    pub origin: &'a Origin,
    /// Position of the frame in its byte stream (for inputs of lines: in its line).
    pub offset: u64,
    /// The frame's bytes.
    pub frame: &'a [u8],
    /// What they mean.
    pub message: &'a Message,
}

impl<'a> Record<'a> {
    /// The bytes that a span of `node` points to.
    #[must_use]
    pub fn bytes(&self, node: &Node, span: Span) -> &'a [u8] {
        span.of(self.layer(node))
    }

    /// All bytes that spans of `node` point into.
    #[must_use]
    pub fn layer(&self, node: &Node) -> &'a [u8] {
        match node.layer {
            Layer::Frame => self.frame,
            Layer::Derived => &self.message.tree.derived,
        }
    }
}
