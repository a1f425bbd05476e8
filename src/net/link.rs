//! From the bytes of a packet to a TCP segment or UDP datagram.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

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
/// IPv6 extension headers that are followed.
const EXTENSION_LIMIT: usize = 8;
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
    if let Some(fragment) = ipv6_fragment(bytes) {
        return Carried::Fragment(fragment);
    }
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
        return ipv4_fragment(&slice, missing).map_or(
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

fn ipv4_fragment<'a>(slice: &LaxIpSlice<'a>, missing: usize) -> Option<Fragment<'a>> {
    let LaxIpSlice::Ipv4(ipv4) = slice else {
        return None;
    };
    let header = ipv4.header();
    Some(Fragment {
        source: slice.source_addr(),
        destination: slice.destination_addr(),
        protocol: slice.payload_ip_number().0,
        identification: u32::from(header.identification()),
        offset: header.fragments_offset(),
        more: header.more_fragments(),
        payload: ip_payload(slice),
        complete: missing == 0,
    })
}

/// Part of an IPv6 packet (RFC 8200, section 4.5): what follows the fragment header is left as it
/// is, since headers may be cut in two there. `None` if the packet is not fragmented.
fn ipv6_fragment(bytes: &[u8]) -> Option<Fragment<'_>> {
    let (header, rest) = bytes.split_first_chunk::<40>()?;
    if header[0] >> 4 != 6 {
        return None;
    }
    let length = usize::from(field(header, 4)?);
    let (mut next, mut rest) = (header[6], rest.get(..length).unwrap_or(rest));
    let complete = rest.len() >= length;
    for _ in 0..EXTENSION_LIMIT {
        if next != ip_number::IPV6_FRAGMENTATION_HEADER.0 {
            (next, rest) = after_extension(next, rest)?;
            continue;
        }
        let (fragment, payload) = rest.split_first_chunk::<8>()?;
        let place = field(fragment, 2)?;
        let (offset, more) = (place >> 3, place & 1 != 0);
        if offset == 0 && !more {
            return None;
        }
        return Some(Fragment {
            source: address(header, 8)?,
            destination: address(header, 24)?,
            protocol: fragment[0],
            identification: u32::from_be_bytes(*fragment.last_chunk::<4>()?),
            offset: etherparse::IpFragOffset::try_new(offset).ok()?,
            more,
            payload,
            complete,
        });
    }
    None
}

fn address(bytes: &[u8], at: usize) -> Option<IpAddr> {
    let address = bytes.get(at..)?.first_chunk::<16>()?;
    Some(IpAddr::V6(Ipv6Addr::from(*address)))
}

/// What follows an extension header of IPv6 (RFC 8200, section 4), and its number; `None` if
/// `protocol` is none, or if it is cut off.
fn after_extension(protocol: u8, bytes: &[u8]) -> Option<(u8, &[u8])> {
    let &[next, length] = bytes.first_chunk::<2>()?;
    let length = usize::from(length);
    let length = match etherparse::IpNumber(protocol) {
        ip_number::AUTHENTICATION_HEADER => 4 * (length + 2),
        ip_number::IPV6_HOP_BY_HOP
        | ip_number::IPV6_ROUTE
        | ip_number::IPV6_DEST_OPTIONS
        | ip_number::MOBILITY
        | ip_number::HIP
        | ip_number::SHIM6 => 8 * (length + 1),
        _ => return None,
    };
    Some((next, bytes.get(length..)?))
}

/// Reads the payload of a packet that `fragment` is part of.
pub(super) fn reassembled<'a>(fragment: &Fragment<'_>, payload: &'a [u8]) -> Carried<'a> {
    let (mut protocol, mut payload) = (fragment.protocol, payload);
    if fragment.source.is_ipv6() {
        for _ in 0..EXTENSION_LIMIT {
            let Some(further) = after_extension(protocol, payload) else {
                break;
            };
            (protocol, payload) = further;
        }
        if etherparse::IpNumber(protocol).is_ipv6_ext_header_value() {
            return Carried::Damaged("an IP extension header is damaged or cut off");
        }
    }
    transport(fragment.source, fragment.destination, protocol, payload, 0)
}

/// Reads the header of TCP or UDP in the payload of an IP packet.
fn transport(
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
