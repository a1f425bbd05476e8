//! From captures to messages: packets → TCP streams → WebSocket, HTTP, server-sent events, TLS.
//!
//! Knows no application protocol, prints nothing, has no clock. Everything is pushed: a [`Capture`]
//! hands out packets as they arrive, a [`Decoder`] turns each into [`Event`]s at once. What lies
//! above TCP is a [`Conversation`], which live sources can feed directly.

mod backlog;
mod capture;
mod compression;
mod conversation;
mod decoder;
mod event;
mod fragment;
mod http;
mod link;
mod merge;
mod options;
mod sse;
mod tcp;
mod tls;
mod websocket;

pub use capture::{Capture, CaptureError, Item, LinkType, Packet};
pub use compression::decompress;
pub use conversation::Conversation;
pub use decoder::Decoder;
pub use event::{
    Both, Control, Direction, Ending, Envelope, Event, Finding, Headers, HttpExchange, Kind,
    Message, Severity, Sink, Stamp, Summary, TlsNames, Transport,
};
pub use merge::Merge;
pub use options::{DEFAULT_CONNECTION_LIMIT, Options, PayloadProbe};
pub use tls::KeyLog;
