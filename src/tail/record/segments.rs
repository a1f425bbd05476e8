//! Streams as TCP segments, as they could have been captured.

use crate::net::{Both, Direction, Ending};
use crate::tail::tap::Item;
use etherparse::PacketBuilder;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

/// Largest payload of a segment: with IP and TCP headers below 64 KiB.
const MOST_PAYLOAD: usize = 65_000;
/// Window that is announced; larger than any segment, so that nothing looks like a full window.
const WINDOW: u16 = u16::MAX;
const HOPS: u8 = 64;
/// Initial sequence numbers differ from connection to connection, should ports be used again.
const SEQUENCE_STEP: u32 = 0x9e37_79b9;

/// The open connections, and where their sequence numbers are.
#[derive(Debug, Default)]
pub(super) struct Segments {
    streams: HashMap<u32, Stream>,
    packet: Vec<u8>,
}

#[derive(Debug)]
struct Stream {
    client: SocketAddr,
    server: SocketAddr,
    /// Next sequence number each way.
    next: Both<u32>,
    /// First sequence number of data each way.
    begin: Both<u32>,
    ended: Both<bool>,
}

/// Takes packets with their times.
pub(super) type Write<'w, E> = dyn FnMut(u64, &[u8]) -> Result<(), E> + 'w;

/// What a segment says beside its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flag {
    Syn,
    SynAck,
    Ack,
    Push,
    Fin,
    Rst,
}

impl Segments {
    /// Hands every packet that `item` makes, with its time, to `write`.
    pub(super) fn item<E>(&mut self, item: &Item, write: &mut Write<'_, E>) -> Result<(), E> {
        let packet = &mut self.packet;
        match item {
            Item::Note(_) => Ok(()),
            Item::Open {
                connection,
                time_ns,
                client,
                server,
            } => {
                let stream = Stream::new(*connection, *client, *server);
                let stream = self.streams.entry(*connection).or_insert(stream);
                stream.open(packet, &mut |packet| write(*time_ns, packet))
            }
            Item::Data {
                connection,
                time_ns,
                direction,
                offset,
                bytes,
            } => match self.streams.get_mut(connection) {
                Some(stream) => stream.data(*direction, *offset, bytes, packet, &mut |packet| {
                    write(*time_ns, packet)
                }),
                None => Ok(()),
            },
            Item::Close {
                connection,
                time_ns,
                direction,
                offset,
                how,
            } => {
                let Some(stream) = self.streams.get_mut(connection) else {
                    return Ok(());
                };
                let end = (*direction, *offset, *how);
                let result = stream.close(end, packet, &mut |packet| write(*time_ns, packet));
                if stream.ended.client_to_server && stream.ended.server_to_client {
                    self.streams.remove(connection);
                }
                result
            }
        }
    }
}

impl Stream {
    fn new(number: u32, client: SocketAddr, server: SocketAddr) -> Self {
        let (client, server) = same_family(client, server);
        let first = number.wrapping_add(1).wrapping_mul(SEQUENCE_STEP);
        let next = Both {
            client_to_server: first,
            server_to_client: !first,
        };
        Self {
            client,
            server,
            begin: Both {
                client_to_server: first.wrapping_add(1),
                server_to_client: (!first).wrapping_add(1),
            },
            next,
            ended: Both::default(),
        }
    }

    fn open<E>(
        &mut self,
        packet: &mut Vec<u8>,
        write: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (client, server) = (Direction::ClientToServer, Direction::ServerToClient);
        self.segment(client, Flag::Syn, &[], packet, write)?;
        self.segment(server, Flag::SynAck, &[], packet, write)?;
        self.segment(client, Flag::Ack, &[], packet, write)
    }

    /// Bytes at `offset`; where some were left out before them, their numbers are, too.
    fn data<E>(
        &mut self,
        direction: Direction,
        offset: u64,
        bytes: &[u8],
        packet: &mut Vec<u8>,
        write: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.go_to(direction, offset);
        for piece in bytes.chunks(MOST_PAYLOAD) {
            self.segment(direction, Flag::Push, piece, packet, write)?;
            self.segment(direction.reverse(), Flag::Ack, &[], packet, write)?;
        }
        Ok(())
    }

    fn close<E>(
        &mut self,
        (direction, offset, how): (Direction, u64, Ending),
        packet: &mut Vec<u8>,
        write: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if std::mem::replace(self.ended.get_mut(direction), true) {
            return Ok(());
        }
        self.go_to(direction, offset);
        match how {
            Ending::Fin => {
                self.segment(direction, Flag::Fin, &[], packet, write)?;
                self.segment(direction.reverse(), Flag::Ack, &[], packet, write)
            }
            Ending::Rst => {
                // One reset ends both ways.
                *self.ended.get_mut(direction.reverse()) = true;
                self.segment(direction, Flag::Rst, &[], packet, write)
            }
            Ending::Timeout | Ending::Replaced | Ending::EndOfCapture => Ok(()),
        }
    }

    fn go_to(&mut self, direction: Direction, offset: u64) {
        let low = (offset & 0xffff_ffff) as u32;
        let begin = *self.begin.get(direction);
        *self.next.get_mut(direction) = begin.wrapping_add(low);
    }

    fn segment<E>(
        &mut self,
        direction: Direction,
        flag: Flag,
        payload: &[u8],
        packet: &mut Vec<u8>,
        write: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (from, to) = match direction {
            Direction::ClientToServer => (self.client, self.server),
            Direction::ServerToClient => (self.server, self.client),
        };
        let ip = match (from.ip(), to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                PacketBuilder::ipv4(from.octets(), to.octets(), HOPS)
            }
            (from, to) => PacketBuilder::ipv6(octets(from), octets(to), HOPS),
        };
        let sequence = *self.next.get(direction);
        let acknowledged = *self.next.get(direction.reverse());
        let tcp = ip.tcp(from.port(), to.port(), sequence, WINDOW);
        let tcp = match flag {
            Flag::Syn => tcp.syn(),
            Flag::SynAck => tcp.syn().ack(acknowledged),
            Flag::Ack => tcp.ack(acknowledged),
            Flag::Push => tcp.psh().ack(acknowledged),
            Flag::Fin => tcp.fin().ack(acknowledged),
            Flag::Rst => tcp.rst().ack(acknowledged),
        };
        packet.clear();
        // Nothing can fail: lengths are bounded, and a vector takes all.
        if tcp.write(packet, payload).is_err() {
            return Ok(());
        }
        let flags = u32::from(matches!(flag, Flag::Syn | Flag::SynAck | Flag::Fin));
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let next = self.next.get_mut(direction);
        *next = next.wrapping_add(length).wrapping_add(flags);
        write(packet)
    }
}

/// A packet's addresses are of one family: where they differ, IPv4 is written as IPv6.
fn same_family(client: SocketAddr, server: SocketAddr) -> (SocketAddr, SocketAddr) {
    if client.is_ipv4() == server.is_ipv4() {
        return (client, server);
    }
    let mapped = |address: SocketAddr| {
        let ip = IpAddr::from(octets(address.ip()));
        SocketAddr::new(ip, address.port())
    };
    (mapped(client), mapped(server))
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}
