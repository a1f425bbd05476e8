//! Packets in, events out.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::capture::Packet;
use super::event::{Direction, Envelope, Event, Finding, Kind, Message, Sink, Stamp, Transport};
use super::fragment::Defragmenter;
use super::link::{self, Carried, Datagram};
use super::options::Options;
use super::tcp::{Arrival, Tracker};

/// UDP conversations remembered at a time.
const UDP_LIMIT: usize = 16_384;

/// Turns packets into events.
pub struct Decoder {
    options: Arc<Options>,
    tracker: Tracker,
    fragments: Defragmenter,
    udp: HashMap<(std::net::SocketAddr, std::net::SocketAddr), UdpFlow>,
    connections: u32,
    last: Arrival,
    unknown_links: BTreeSet<u32>,
    damaged: u64,
}

struct UdpFlow {
    connection: u32,
    offsets: super::event::Both<u64>,
}

impl Decoder {
    /// A decoder that has seen nothing yet.
    pub fn new(options: Options) -> Self {
        let options = Arc::new(options);
        Self {
            tracker: Tracker::new(Arc::clone(&options)),
            fragments: Defragmenter::new(options.fragment_limit),
            options,
            udp: HashMap::new(),
            connections: 0,
            last: Arrival {
                time_ns: 0,
                packet: 0,
            },
            unknown_links: BTreeSet::new(),
            damaged: 0,
        }
    }

    /// Takes TLS secrets, in the format of SSLKEYLOGFILE; they serve connections from now on.
    pub fn tls_secrets(&mut self, text: &[u8]) {
        self.options.tls_keys.add(text);
    }

    /// Takes a packet; hands every event that follows from it to `sink`.
    pub fn packet(&mut self, packet: &Packet<'_>, sink: &mut Sink<'_>) {
        let at = Arrival {
            time_ns: packet.time_ns,
            packet: packet.number,
        };
        self.last = at;
        let carried = link::dissect(packet);
        if let Carried::Fragment(fragment) = &carried {
            let whole = self.fragments.add(fragment, at.time_ns);
            if self.fragments.given_up > 0 {
                let given_up = std::mem::take(&mut self.fragments.given_up);
                let message = format!("{given_up} fragmented IP packets could not be put together");
                sink(at.finding(Finding::error("ip-fragments-missing", 0, message)));
            }
            if let Some(payload) = whole {
                let carried = link::reassembled(fragment, &payload);
                self.carried(&carried, packet.original_length, at, sink);
            }
            return;
        }
        self.carried(&carried, packet.original_length, at, sink);
    }

    /// Ends every connection: nothing more will come.
    pub fn finish(&mut self, sink: &mut Sink<'_>) {
        let at = self.last;
        self.tracker.finish(at, sink);
        if self.damaged > 1 {
            let message = format!("{} packets in all could not be taken apart", self.damaged);
            sink(at.finding(Finding::warning("packet-damaged", 0, message)));
        }
    }

    /// Connections seen so far.
    pub fn connections(&self) -> u32 {
        self.connections
    }

    fn carried(
        &mut self,
        carried: &Carried<'_>,
        wire_length: u32,
        at: Arrival,
        sink: &mut Sink<'_>,
    ) {
        match carried {
            Carried::Tcp(segment) => {
                self.tracker
                    .segment(segment, wire_length, at, &mut self.connections, sink);
            }
            Carried::Udp(datagram) if self.options.udp => self.datagram(datagram, at, sink),
            Carried::Damaged(what) => {
                self.damaged += 1;
                if self.damaged == 1 {
                    sink(at.finding(Finding::warning("packet-damaged", 0, *what)));
                }
            }
            Carried::UnknownLink(number) => {
                if self.unknown_links.insert(*number) {
                    let message = format!("packets of link type {number} are not understood");
                    sink(at.finding(Finding::error("link-type-unknown", 0, message)));
                }
            }
            Carried::Udp(_) | Carried::Other | Carried::Fragment(_) => {}
        }
    }

    fn datagram(&mut self, datagram: &Datagram<'_>, at: Arrival, sink: &mut Sink<'_>) {
        let (forward, backward) = (
            (datagram.source, datagram.destination),
            (datagram.destination, datagram.source),
        );
        if self.udp.len() >= UDP_LIMIT {
            self.udp.clear();
        }
        let (key, direction) = if self.udp.contains_key(&backward) {
            (backward, Direction::ServerToClient)
        } else {
            (forward, Direction::ClientToServer)
        };
        let connections = &mut self.connections;
        let mut opened = false;
        let flow = self.udp.entry(key).or_insert_with(|| {
            opened = true;
            *connections += 1;
            UdpFlow {
                connection: *connections - 1,
                offsets: super::event::Both::default(),
            }
        });
        let stamp = Stamp {
            connection: flow.connection,
            direction,
            time_ns: at.time_ns,
            packet: at.packet,
        };
        if opened {
            let kind = Kind::Open {
                client: datagram.source,
                server: datagram.destination,
                from_start: false,
            };
            sink(Event::new(stamp, Transport::Udp, kind));
        }
        let offset = flow.offsets.get_mut(direction);
        if datagram.missing > 0 {
            let message = format!(
                "{} bytes of the datagram were not captured",
                datagram.missing
            );
            let finding = Finding::error("datagram-cut-off", *offset, message);
            sink(Event::new(stamp, Transport::Udp, Kind::Finding(finding)));
        }
        let message = Message {
            offset: *offset,
            bytes: datagram.payload,
            text: false,
            deflated: false,
            envelope: Envelope::Datagram,
        };
        *offset += datagram.payload.len() as u64 + u64::from(datagram.missing);
        sink(Event::new(stamp, Transport::Udp, Kind::Message(message)));
    }
}
