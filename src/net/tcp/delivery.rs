//! What a stream takes and what it hands out.

use crate::net::event::{Direction, Ending, Event, Finding, Kind, Transport};

/// When a packet came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) struct Arrival {
    pub(in crate::net) time_ns: u64,
    pub(in crate::net) packet: u64,
}

impl Arrival {
    /// Something found that says nothing of one connection.
    pub(in crate::net) fn finding(self, finding: Finding<'_>) -> Event<'_> {
        Event {
            connection: None,
            direction: Direction::ClientToServer,
            time_ns: self.time_ns,
            packet: self.packet,
            transport: Transport::Tcp,
            other_lacks: false,
            kind: Kind::Finding(finding),
        }
    }
}

/// What a stream hands out, in order.
pub(in crate::net) enum Delivery<'a> {
    Data {
        offset: u64,
        bytes: &'a [u8],
    },
    Gap {
        offset: u64,
        missing: u64,
    },
    Finding(Finding<'static>),
    /// The stream is over: by a FIN or by a reset.
    End(Ending),
}

/// Receives what a stream hands out, with the packet to blame.
pub(in crate::net) type Deliver<'s> = dyn FnMut(Arrival, Delivery<'_>) + 's;

/// The part of a segment that a stream looks at.
#[derive(Clone, Copy)]
pub(in crate::net) struct Piece<'a> {
    pub(in crate::net) sequence: u32,
    pub(in crate::net) bytes: &'a [u8],
    /// Bytes after `bytes` that were sent but not captured.
    pub(in crate::net) missing: u32,
    pub(in crate::net) fin: bool,
    pub(in crate::net) at: Arrival,
}
