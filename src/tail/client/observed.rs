//! What passes on a connection of our own, as if it were a proxy's.

use crate::connect::Witness;
use crate::net::{Both, Direction, Ending};
use crate::tail::tap::{Tap, Wire};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Ports that stand for the ends of a Unix socket, which has none.
const UNIX_PORTS: (u16, u16) = (65_535, 1);

/// Hands what passes on one connection to a tap.
#[derive(Debug)]
pub(super) struct Observed {
    tap: Arc<Tap>,
    wire: OnceLock<Wire>,
    positions: Both<AtomicU64>,
}

impl Observed {
    pub(super) fn new(tap: Arc<Tap>) -> Self {
        Self {
            tap,
            wire: OnceLock::new(),
            positions: Both::default(),
        }
    }

    /// The connection has ended.
    pub(super) fn close(&self, how: Ending) {
        if let Some(wire) = self.wire.get() {
            for direction in [Direction::ServerToClient, Direction::ClientToServer] {
                let position = self.positions.get(direction).load(Ordering::SeqCst);
                wire.close(direction, position, how);
            }
        }
    }

    fn data(&self, direction: Direction, bytes: &[u8]) {
        if let Some(wire) = self.wire.get().filter(|_| !bytes.is_empty()) {
            let position = self.positions.get(direction);
            let offset = position.fetch_add(bytes.len() as u64, Ordering::SeqCst);
            wire.data(direction, offset, bytes);
        }
    }
}

impl Witness for Observed {
    fn opened(&self, local: Option<SocketAddr>, peer: Option<SocketAddr>) {
        let unix = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let client = local.unwrap_or_else(|| unix(UNIX_PORTS.0));
        let server = peer.unwrap_or_else(|| unix(UNIX_PORTS.1));
        let _ = self.wire.set(self.tap.open(client, server));
    }

    fn sent(&self, bytes: &[u8]) {
        self.data(Direction::ClientToServer, bytes);
    }

    fn received(&self, bytes: &[u8]) {
        self.data(Direction::ServerToClient, bytes);
    }
}
