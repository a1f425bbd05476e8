//! Packets of a network interface, from the kernel itself (packet(7)), without libpcap.

use super::feed::{Feed, Taken};
use super::record::{RecordError, Recorder, run};
use super::stop::Stop;
use super::tap::now;
use crate::net::{self, Decoder, LinkType, Packet};
use crate::pipeline::{Flow, Totals};
use crate::source::capture::Traffic;
use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, bind,
    recvmsg, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeSpec, TimeVal};
use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// Packets begin with an IP header.
const LINK: u32 = super::record::LINK_RAW_IP;
/// Longest packet, as segmentation offload makes them.
const MOST_PACKET: usize = 256 << 10;
/// What the kernel may keep for us.
const KERNEL_BUFFER: usize = 32 << 20;
/// How often the wish to end is looked for, in microseconds.
const PATIENCE_US: i64 = 100_000;
const LOOPBACK: u16 = 772;
const OUTGOING: u8 = 4;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
/// Stands for all interfaces.
const ANY: &str = "any";

/// Why an interface cannot be listened to.
#[derive(Debug, Error)]
pub enum InterfaceError {
    /// The user may not.
    #[error("listening on a network interface is not permitted")]
    Permission,
    /// There is no such interface.
    #[error("there is no interface {name}; there are {known}")]
    Unknown {
        /// As asked for.
        name: String,
        /// All there are.
        known: String,
    },
    /// The system refuses.
    #[error("cannot listen on {name}: {source}")]
    System {
        /// The interface.
        name: String,
        /// Why.
        source: io::Error,
    },
}

/// Which packets are wanted; all that is empty is no condition.
#[derive(Clone, Debug, Default)]
pub struct PacketFilter {
    /// From or to one of these ports.
    pub ports: Vec<u16>,
    /// From or to one of these addresses.
    pub hosts: Vec<IpAddr>,
}

/// A packet, beginning with its IP header.
#[derive(Clone, Debug)]
pub struct Captured {
    /// Nanoseconds since the Unix epoch.
    pub time_ns: u64,
    /// Its bytes.
    pub bytes: Arc<[u8]>,
}

/// Listens on an interface.
#[derive(Debug)]
pub struct Interface {
    socket: OwnedFd,
    /// Only this one, by number; packets of others may come before the socket is bound.
    index: Option<usize>,
    filter: PacketFilter,
}

impl Interface {
    /// Begins to listen on the interface `name`, or on all for `any`.
    ///
    /// # Errors
    /// If it is not permitted, or there is no such interface.
    pub fn open(name: &str, filter: PacketFilter) -> Result<Self, InterfaceError> {
        let system = |error: Errno| InterfaceError::System {
            name: name.to_owned(),
            source: error.into(),
        };
        let address = match name {
            ANY => None,
            name => Some(address_of(name).map_err(system)??),
        };
        // Without link headers, all interfaces speak alike.
        let opened = socket(
            AddressFamily::Packet,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::EthAll,
        );
        let socket = opened.map_err(|error| match error {
            Errno::EPERM | Errno::EACCES => InterfaceError::Permission,
            error => system(error),
        })?;
        if let Some(address) = &address {
            bind(socket.as_raw_fd(), address).map_err(system)?;
        }
        let timeout = TimeVal::new(0, PATIENCE_US);
        setsockopt(&socket, sockopt::ReceiveTimeout, &timeout).map_err(system)?;
        // More than usual may need more rights than listening; then the usual must do.
        let _ = setsockopt(&socket, sockopt::RcvBuf, &KERNEL_BUFFER);
        let _ = setsockopt(&socket, sockopt::RcvBufForce, &KERNEL_BUFFER);
        let _ = setsockopt(&socket, sockopt::ReceiveTimestampns, &true);
        Ok(Self {
            socket,
            index: address.map(|address| address.ifindex()),
            filter,
        })
    }

    /// Hands packets to every one of `feeds` until `stop`.
    ///
    /// # Errors
    /// If the interface fails, such as by going down.
    pub fn listen(&self, feeds: &[Arc<Feed<Captured>>], stop: &Stop) -> io::Result<()> {
        let mut buffer = vec![0; MOST_PACKET];
        while !stop.is_set() {
            match self.receive(&mut buffer) {
                Ok(Some((time_ns, length))) => {
                    let bytes = buffer.get(..length).unwrap_or_default();
                    if self.filter.wants(bytes) {
                        offer(feeds, time_ns, bytes);
                    }
                }
                Ok(None) | Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// A packet's time and length, if it is one of ours.
    fn receive(&self, buffer: &mut [u8]) -> Result<Option<(u64, usize)>, Errno> {
        let mut parts = [IoSliceMut::new(buffer)];
        let mut control = nix::cmsg_space!(TimeSpec);
        let received = recvmsg::<LinkAddr>(
            self.socket.as_raw_fd(),
            &mut parts,
            Some(&mut control),
            MsgFlags::empty(),
        )?;
        let Some(from) = received.address else {
            return Ok(None);
        };
        // What is sent on the loopback interface is received there, too.
        let twice = from.hatype() == LOOPBACK && from.pkttype() == OUTGOING;
        let other = self.index.is_some_and(|index| index != from.ifindex());
        let is_ip = matches!(u16::from_be(from.protocol()), IPV4 | IPV6);
        if twice || other || !is_ip {
            return Ok(None);
        }
        let mut time_ns = None;
        for message in received.cmsgs()? {
            if let ControlMessageOwned::ScmTimestampns(time) = message {
                time_ns = nanoseconds(&time);
            }
        }
        Ok(Some((time_ns.unwrap_or_else(now), received.bytes)))
    }
}

impl PacketFilter {
    fn wants(&self, packet: &[u8]) -> bool {
        if self.ports.is_empty() && self.hosts.is_empty() {
            return true;
        }
        let Ok(packet) = LaxSlicedPacket::from_ip(packet) else {
            return false;
        };
        let (ends, fragmented) = match &packet.net {
            Some(LaxNetSlice::Ipv4(slice)) => (
                [
                    IpAddr::from(slice.header().source_addr()),
                    IpAddr::from(slice.header().destination_addr()),
                ],
                slice.payload().fragmented,
            ),
            Some(LaxNetSlice::Ipv6(slice)) => (
                [
                    IpAddr::from(slice.header().source_addr()),
                    IpAddr::from(slice.header().destination_addr()),
                ],
                slice.payload().fragmented,
            ),
            _ => return false,
        };
        let ports = match &packet.transport {
            Some(TransportSlice::Tcp(tcp)) => [tcp.source_port(), tcp.destination_port()],
            Some(TransportSlice::Udp(udp)) => [udp.source_port(), udp.destination_port()],
            // Only the first fragment tells ports; the others may belong to it.
            _ => return fragmented && self.wants_host(&ends),
        };
        self.wants_host(&ends)
            && (self.ports.is_empty() || ports.iter().any(|port| self.ports.contains(port)))
    }

    fn wants_host(&self, ends: &[IpAddr]) -> bool {
        self.hosts.is_empty() || ends.iter().any(|end| self.hosts.contains(end))
    }
}

/// Decodes the packets that come through `feed` until it is closed, or `traffic` has had enough.
///
/// # Errors
/// If writing records fails.
pub fn decode_packets(
    feed: &Feed<Captured>,
    network: net::Options,
    traffic: &mut Traffic<'_, '_>,
    tell: &mut dyn FnMut(Totals),
) -> io::Result<Flow> {
    let mut decoder = Decoder::new(network);
    let mut packets = VecDeque::new();
    let mut number = 0;
    loop {
        match feed.take(&mut packets, Duration::ZERO) {
            Taken::Some => {}
            Taken::Ended => break,
            Taken::Nothing => {
                traffic.pipeline().flush()?;
                if feed.take(&mut packets, Duration::from_secs(1)) != Taken::Some {
                    continue;
                }
            }
        }
        for captured in packets.drain(..) {
            number += 1;
            let packet = Packet {
                number,
                time_ns: captured.time_ns,
                link: LinkType(LINK),
                bytes: &captured.bytes,
                original_length: u32::try_from(captured.bytes.len()).unwrap_or(u32::MAX),
            };
            decoder.packet(&packet, &mut |event| traffic.event(&event));
            traffic.check()?;
            if traffic.flow() == Flow::Stop {
                break;
            }
        }
        tell(traffic.pipeline().totals());
        if traffic.flow() == Flow::Stop {
            return Ok(Flow::Stop);
        }
    }
    decoder.finish(&mut |event| traffic.event(&event));
    traffic.check()?;
    traffic.pipeline().flush()?;
    tell(traffic.pipeline().totals());
    Ok(traffic.flow())
}

/// Records the packets that come through `feed` until it is closed.
///
/// # Errors
/// If they cannot be written.
pub fn record_packets(feed: &Feed<Captured>, recorder: &mut Recorder) -> Result<(), RecordError> {
    run(feed, recorder, |recorder, packet| {
        recorder.packet(packet.time_ns, &packet.bytes)
    })
}

fn offer(feeds: &[Arc<Feed<Captured>>], time_ns: u64, bytes: &[u8]) {
    let mut copy: Option<Arc<[u8]>> = None;
    for feed in feeds {
        if feed.has_room(bytes.len()) {
            let bytes = Arc::clone(copy.get_or_insert_with(|| Arc::from(bytes)));
            feed.offer(bytes.len(), Captured { time_ns, bytes });
        }
    }
}

/// The address of an interface, by which a socket is bound to it.
fn address_of(name: &str) -> Result<Result<LinkAddr, InterfaceError>, Errno> {
    let mut known: Vec<String> = Vec::new();
    for interface in getifaddrs()? {
        let link = interface
            .address
            .as_ref()
            .and_then(|address| address.as_link_addr());
        if let Some(address) = link.filter(|_| interface.interface_name == name) {
            return Ok(Ok(*address));
        }
        if !known.contains(&interface.interface_name) {
            known.push(interface.interface_name);
        }
    }
    known.push(ANY.to_owned());
    Ok(Err(InterfaceError::Unknown {
        name: name.to_owned(),
        known: known.join(", "),
    }))
}

fn nanoseconds(time: &TimeSpec) -> Option<u64> {
    let seconds = u64::try_from(time.tv_sec()).ok()?;
    let rest = u64::try_from(time.tv_nsec()).ok()?;
    seconds.checked_mul(1_000_000_000)?.checked_add(rest)
}
