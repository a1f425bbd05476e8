//! Copies of what passes on connections, for all who want to look.

use super::feed::Feed;
use crate::net::{Both, Direction, Ending};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// One thing that happened on a connection.
#[derive(Clone, Debug)]
pub enum Item {
    /// A connection began.
    Open {
        /// Its number, from 0.
        connection: u32,
        /// Nanoseconds since the Unix epoch.
        time_ns: u64,
        /// Who opened it.
        client: SocketAddr,
        /// Who accepted it.
        server: SocketAddr,
    },
    /// Bytes passed.
    Data {
        /// Number of the connection.
        connection: u32,
        /// Nanoseconds since the Unix epoch.
        time_ns: u64,
        /// Which way.
        direction: Direction,
        /// Position in the stream of this direction; a jump means that bytes were left out.
        offset: u64,
        /// The bytes.
        bytes: Arc<[u8]>,
    },
    /// A direction ended.
    Close {
        /// Number of the connection.
        connection: u32,
        /// Nanoseconds since the Unix epoch.
        time_ns: u64,
        /// Which way.
        direction: Direction,
        /// Bytes that passed in all.
        offset: u64,
        /// How.
        how: Ending,
    },
    /// Something to tell the user, that is no traffic.
    Note(String),
}

/// What has passed so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Connections.
    pub connections: u32,
    /// Bytes each way.
    pub bytes: Both<u64>,
}

/// Hands out copies of what passes.
#[derive(Debug, Default)]
pub struct Tap {
    feeds: Vec<Arc<Feed<Item>>>,
    connections: AtomicU32,
    to_server: AtomicU64,
    to_client: AtomicU64,
}

impl Tap {
    /// Every one of `feeds` gets all that passes.
    #[must_use]
    pub fn new(feeds: Vec<Arc<Feed<Item>>>) -> Self {
        Self {
            feeds,
            ..Self::default()
        }
    }

    /// A new connection.
    #[must_use]
    pub fn open(self: &Arc<Self>, client: SocketAddr, server: SocketAddr) -> Wire {
        let connection = self.connections.fetch_add(1, Ordering::Relaxed);
        let item = Item::Open {
            connection,
            time_ns: now(),
            client,
            server,
        };
        let watched = self.feeds.iter().map(|feed| feed.push(item.clone()));
        Wire {
            watched: watched.collect(),
            tap: Arc::clone(self),
            connection,
        }
    }

    /// Something to tell the user; said where records are shown, so that nobody waits for it.
    pub fn note(&self, text: String) {
        if let Some(feed) = self.feeds.first() {
            feed.push(Item::Note(text));
        }
    }

    /// What has passed so far.
    #[must_use]
    pub fn figures(&self) -> Figures {
        Figures {
            connections: self.connections.load(Ordering::Relaxed),
            bytes: Both {
                client_to_server: self.to_server.load(Ordering::Relaxed),
                server_to_client: self.to_client.load(Ordering::Relaxed),
            },
        }
    }
}

/// One connection that is looked at.
#[derive(Clone, Debug)]
pub struct Wire {
    tap: Arc<Tap>,
    connection: u32,
    /// Which feeds know of it.
    watched: Arc<[bool]>,
}

impl Wire {
    /// Its number.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.connection
    }

    /// `bytes` pass at `offset` of `direction`.
    pub fn data(&self, direction: Direction, offset: u64, bytes: &[u8]) {
        let counter = match direction {
            Direction::ClientToServer => &self.tap.to_server,
            Direction::ServerToClient => &self.tap.to_client,
        };
        counter.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let time_ns = now();
        let mut copy: Option<Arc<[u8]>> = None;
        for (feed, watched) in self.feeds() {
            if !watched {
                feed.leave_out(bytes.len());
                continue;
            }
            // Copied before the queue is locked, and only if somebody takes it.
            if feed.has_room(bytes.len()) {
                let bytes = Arc::clone(copy.get_or_insert_with(|| Arc::from(bytes)));
                let size = bytes.len();
                let item = Item::Data {
                    connection: self.connection,
                    time_ns,
                    direction,
                    offset,
                    bytes,
                };
                feed.offer(size, item);
            }
        }
    }

    /// Something to tell the user about it.
    pub fn note(&self, text: &str) {
        self.tap
            .note(format!("connection {}: {text}", self.connection));
    }

    /// `direction` ends after `offset` bytes.
    pub fn close(&self, direction: Direction, offset: u64, how: Ending) {
        let item = Item::Close {
            connection: self.connection,
            time_ns: now(),
            direction,
            offset,
            how,
        };
        for (feed, _) in self.feeds().filter(|(_, watched)| *watched) {
            feed.complete(item.clone());
        }
    }

    fn feeds(&self) -> impl Iterator<Item = (&Feed<Item>, bool)> {
        let watched = self.watched.iter().copied();
        self.tap.feeds.iter().map(Arc::as_ref).zip(watched)
    }
}

/// Nanoseconds since the Unix epoch.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    })
}
