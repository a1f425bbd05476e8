//! What a caller may choose.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::tls::KeyLog;

/// Tells whether bytes look like the start of a message of some application protocol; helps to
/// find WebSocket frames after a gap.
pub trait PayloadProbe: Send + Sync {
    /// Whether a payload of `payload_length` bytes that begins with `payload_start` (unmasked, up
    /// to 64 bytes) is plausible.
    fn plausible(&self, payload_start: &[u8], payload_length: u64) -> bool;
}

/// Connections followed at a time if nothing else is said: they take less than 64 MiB.
pub const DEFAULT_CONNECTION_LIMIT: usize = 14_000;

/// Choices and bounds. All sizes in bytes.
#[derive(Clone)]
pub struct Options {
    /// Ports on which servers listen: decides roles where no SYN was seen.
    pub server_ports: BTreeSet<u16>,
    /// Server ports whose streams hold neither WebSocket nor HTTP: where a capture begins in the
    /// middle of one, nothing of the kind is looked for.
    pub plain_ports: BTreeSet<u16>,
    /// Helps to find frames after a gap.
    pub probe: Option<Arc<dyn PayloadProbe>>,
    /// Secrets of TLS connections; may be added to while decoding.
    pub tls_keys: KeyLog,
    /// Also hand out every TCP stream as [`crate::net::Kind::Raw`].
    pub raw: bool,
    /// Hand out UDP datagrams; they take connection numbers too.
    pub udp: bool,
    /// Largest message, inflated; the rest of a larger one is dropped, with a finding.
    pub message_limit: usize,
    /// Bytes waiting for a hole to be filled, per direction.
    pub reorder_limit: usize,
    /// The same, while the receiver's acknowledgments say that it waits for the hole to be filled
    /// too.
    pub reorder_awaited_limit: usize,
    /// Bytes waiting for holes to be filled, in all.
    pub reorder_total_limit: usize,
    /// Connections followed at a time, some 4 KiB each beside what they keep of messages; beyond,
    /// those are given up that have ended, that carried nothing, that were idle longest.
    pub connection_limit: usize,
    /// Bytes of unfinished messages, in all connections.
    pub message_total_limit: usize,
    /// IP fragments waiting for their siblings, in all.
    pub fragment_limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            server_ports: BTreeSet::new(),
            plain_ports: BTreeSet::new(),
            probe: None,
            tls_keys: KeyLog::default(),
            raw: false,
            udp: false,
            message_limit: 64 << 20,
            reorder_limit: 2 << 20,
            reorder_awaited_limit: 16 << 20,
            reorder_total_limit: 16 << 20,
            connection_limit: DEFAULT_CONNECTION_LIMIT,
            message_total_limit: 128 << 20,
            fragment_limit: 4 << 20,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("server_ports", &self.server_ports)
            .field("plain_ports", &self.plain_ports)
            .field("probe", &self.probe.is_some())
            .finish_non_exhaustive()
    }
}
