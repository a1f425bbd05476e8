//! From the bytes of a packet to a TCP segment or UDP datagram.

use std::net::{IpAddr, SocketAddr};

use etherparse::{
    LaxIpSlice, LenSource, SingleVlanSlice, TcpSlice, UdpSlice, ether_type, ip_number,
};

use super::capture::{LinkType, Packet};

/// What one packet carries.
pub(super) enum Carried<'a> {
    Tcp(Segment<'a>),
    Udp(Datagram<'a>),
    /// Part of an IP packet.
    Fragment(Fragment<'a>),
    /// Neither TCP nor UDP.
    Other,
    /// Too damaged or too short to tell.
    Damaged(&'static str),
    /// A link header that is not understood.
    UnknownLink(u32),
}

/// A TCP segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a> {
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
    pub(super) sequence: u32,
    pub(super) acknowledgment: Option<u32>,
    pub(super) syn: bool,
    pub(super) fin: bool,
    pub(super) rst: bool,
    pub(super) payload: &'a [u8],
    /// Bytes of the payload that were on the wire but not captured; they follow `payload`.
    pub(super) missing: u32,
}

/// A UDP datagram.
pub(super) struct Datagram<'a> {
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
    pub(super) payload: &'a [u8],
    pub(super) missing: u32,
}

/// Part of an IP packet.
pub(super) struct Fragment<'a> {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    pub(super) identification: u32,
    pub(super) offset: etherparse::IpFragOffset,
    pub(super) more: bool,
    pub(super) payload: &'a [u8],
    pub(super) complete: bool,
}

const LINK_NULL: u32 = 0;
const LINK_ETHERNET: u32 = 1;
const LINK_RAW: [u32; 5] = [12, 14, 101, 228, 229];
const LINK_LOOP: u32 = 108;
const LINK_LINUX_SLL: u32 = 113;
const LINK_LINUX_SLL2: u32 = 276;
/// Nested VLAN tags that are followed.
const VLAN_LIMIT: usize = 8;

/// Takes a packet apart down to TCP or UDP. Checksums are not looked at: offloading makes them
/// wrong in most captures.
pub(super) fn dissect<'a>(packet: &Packet<'a>) -> Carried<'a> {
    let bytes = packet.bytes;
    let cut = (packet.original_length as usize).saturating_sub(bytes.len());
    match packet.link {
        LinkType(LINK_ETHERNET) => ethernet_payload(field(bytes, 12), bytes.get(14..), cut),
        LinkType(LINK_LINUX_SLL) => ethernet_payload(field(bytes, 14), bytes.get(16..), cut),
        LinkType(LINK_LINUX_SLL2) => ethernet_payload(field(bytes, 0), bytes.get(20..), cut),
        LinkType(LINK_NULL | LINK_LOOP) => match bytes.get(4..) {
            Some(bytes) => ip(bytes, cut),
            None => Carried::Damaged("the link header is cut off"),
        },
        LinkType(other) if LINK_RAW.contains(&other) => ip(bytes, cut),
        LinkType(other) => Carried::UnknownLink(other),
    }
}

fn field(bytes: &[u8], at: usize) -> Option<u16> {
    let field = bytes.get(at..)?.first_chunk::<2>()?;
    Some(u16::from_be_bytes(*field))
}

fn ethernet_payload(kind: Option<u16>, bytes: Option<&[u8]>, cut: usize) -> Carried<'_> {
    let (Some(mut kind), Some(mut bytes)) = (kind.map(etherparse::EtherType), bytes) else {
        return Carried::Damaged("the link header is cut off");
    };
    for _ in 0..VLAN_LIMIT {
        match kind {
            ether_type::IPV4 | ether_type::IPV6 => return ip(bytes, cut),
            ether_type::VLAN_TAGGED_FRAME
            | ether_type::PROVIDER_BRIDGING
            | ether_type::VLAN_DOUBLE_TAGGED_FRAME => {
                let Ok(tag) = SingleVlanSlice::from_slice(bytes) else {
                    return Carried::Damaged("the VLAN tag is cut off");
                };
                kind = tag.ether_type();
                bytes = bytes.get(tag.header_len()..).unwrap_or_default();
            }
            _ => return Carried::Other,
        }
    }
    Carried::Other
}

fn ip(bytes: &[u8], cut: usize) -> Carried<'_> {
    let Ok((slice, stopped)) = LaxIpSlice::from_slice(bytes) else {
        return Carried::Damaged("the IP header is damaged or cut off");
    };
    if stopped.is_some() {
        return Carried::Damaged("an IP extension header is damaged or cut off");
    }
    let payload = slice.payload();
    let missing = if payload.incomplete {
        declared_length(&slice).saturating_sub(bytes.len())
    } else if payload.len_source == LenSource::Slice {
        // No length in the header (segmentation offload): all there is belongs to the packet.
        cut
    } else {
        0
    };
    if payload.fragmented {
        return fragment(&slice, missing).map_or(
            Carried::Damaged("the IP fragment header is damaged"),
            Carried::Fragment,
        );
    }
    let protocol = slice.payload_ip_number().0;
    let missing = u32::try_from(missing).unwrap_or(u32::MAX);
    let payload = ip_payload(&slice);
    transport(
        slice.source_addr(),
        slice.destination_addr(),
        protocol,
        payload,
        missing,
    )
}

fn ip_payload<'a>(slice: &LaxIpSlice<'a>) -> &'a [u8] {
    match slice {
        LaxIpSlice::Ipv4(slice) => slice.payload().payload,
        LaxIpSlice::Ipv6(slice) => slice.payload().payload,
    }
}

fn declared_length(slice: &LaxIpSlice<'_>) -> usize {
    match slice {
        LaxIpSlice::Ipv4(slice) => usize::from(slice.header().total_len()),
        LaxIpSlice::Ipv6(slice) => usize::from(slice.header().payload_length()) + 40,
    }
}

fn fragment<'a>(slice: &LaxIpSlice<'a>, missing: usize) -> Option<Fragment<'a>> {
    let (identification, offset, more) = match slice {
        LaxIpSlice::Ipv4(slice) => {
            let header = slice.header();
            (
                u32::from(header.identification()),
                header.fragments_offset(),
                header.more_fragments(),
            )
        }
        LaxIpSlice::Ipv6(slice) => slice.extensions().clone().into_iter().find_map(|header| {
            let etherparse::Ipv6ExtensionSlice::Fragment(header) = header else {
                return None;
            };
            Some((
                header.identification(),
                header.fragment_offset(),
                header.more_fragments(),
            ))
        })?,
    };
    Some(Fragment {
        source: slice.source_addr(),
        destination: slice.destination_addr(),
        protocol: slice.payload_ip_number().0,
        identification,
        offset,
        more,
        payload: ip_payload(slice),
        complete: missing == 0,
    })
}

/// Reads the header of TCP or UDP in the payload of an IP packet.
pub(super) fn transport(
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    payload: &[u8],
    missing: u32,
) -> Carried<'_> {
    match etherparse::IpNumber(protocol) {
        ip_number::TCP => {
            let Ok(tcp) = TcpSlice::from_slice(payload) else {
                return Carried::Damaged("the TCP header is damaged or cut off");
            };
            Carried::Tcp(Segment {
                source: SocketAddr::new(source, tcp.source_port()),
                destination: SocketAddr::new(destination, tcp.destination_port()),
                sequence: tcp.sequence_number(),
                acknowledgment: tcp.ack().then(|| tcp.acknowledgment_number()),
                syn: tcp.syn(),
                fin: tcp.fin(),
                rst: tcp.rst(),
                payload: tcp.payload(),
                missing,
            })
        }
        ip_number::UDP => {
            let Ok(udp) = UdpSlice::from_slice_lax(payload) else {
                return Carried::Damaged("the UDP header is damaged or cut off");
            };
            Carried::Udp(Datagram {
                source: SocketAddr::new(source, udp.source_port()),
                destination: SocketAddr::new(destination, udp.destination_port()),
                payload: udp.payload(),
                missing,
            })
        }
        _ => Carried::Other,
    }
}
