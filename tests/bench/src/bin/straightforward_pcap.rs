//! The peer of the benchmark for captures: pcap-parser, etherparse, the plainest reassembly and
//! WebSocket reading, then each sync v1 body with rmp-serde into a `serde_json::Value`. A segment
//! that is lost ends a stream.

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use pcap_parser::traits::PcapReaderIterator;
use pcap_parser::{LegacyPcapReader, PcapBlockOwned, PcapError};
use std::collections::{BTreeMap, HashMap};
use std::io::{BufWriter, Write};
use std::net::IpAddr;
use wirectl_bench::print_frame;

/// One direction of a connection.
#[derive(Default)]
struct Stream {
    next: Option<u32>,
    early: BTreeMap<u32, Vec<u8>>,
    bytes: Vec<u8>,
    upgraded: bool,
    offset: u64,
}

impl Stream {
    fn segment(&mut self, sequence: u32, syn: bool, data: &[u8]) {
        if syn {
            self.next = Some(sequence.wrapping_add(1));
            return;
        }
        let Some(mut next) = self.next else { return };
        if sequence != next {
            if sequence.wrapping_sub(next) < 1 << 31 && !data.is_empty() {
                self.early.insert(sequence, data.to_vec());
            }
            return;
        }
        self.bytes.extend_from_slice(data);
        next = next.wrapping_add(data.len() as u32);
        while let Some(data) = self.early.remove(&next) {
            self.bytes.extend_from_slice(&data);
            next = next.wrapping_add(data.len() as u32);
        }
        self.next = Some(next);
    }

    /// Prints all messages that are complete.
    fn messages(&mut self, number: &mut u64, out: &mut impl Write) -> std::io::Result<()> {
        if !self.upgraded {
            let Some(end) = self.bytes.windows(4).position(|at| at == b"\r\n\r\n") else {
                return Ok(());
            };
            self.bytes.drain(..end + 4);
            self.upgraded = true;
        }
        let mut used = 0;
        while let Some((size, payload)) = message(&self.bytes[used..]) {
            used += size;
            if let Some((header, body)) = payload.split_first_chunk() {
                print_frame(out, *number, self.offset, *header, body)?;
                *number += 1;
            }
            self.offset += payload.len() as u64;
        }
        self.bytes.drain(..used);
        Ok(())
    }
}

/// The WebSocket message at the start of `bytes`, if it is complete: its size and its payload.
fn message(bytes: &[u8]) -> Option<(usize, Vec<u8>)> {
    let second = *bytes.get(1)?;
    let (length, mut at) = match second & 0x7f {
        126 => (
            u64::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)),
            4,
        ),
        127 => (u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?), 10),
        length => (u64::from(length), 2),
    };
    let mut key = [0; 4];
    if second & 0x80 != 0 {
        key = *bytes.get(at..)?.first_chunk()?;
        at += 4;
    }
    let end = at + usize::try_from(length).ok()?;
    let mut payload = bytes.get(at..end)?.to_vec();
    for (index, byte) in payload.iter_mut().enumerate() {
        *byte ^= key[index % 4];
    }
    Some((end, payload))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args()
        .nth(1)
        .ok_or("usage: straightforward_pcap FILE")?;
    let mut reader = LegacyPcapReader::new(1 << 18, std::fs::File::open(path)?)?;
    let mut out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    let mut streams: HashMap<(IpAddr, u16, IpAddr, u16), Stream> = HashMap::new();
    let mut number = 0;
    loop {
        let size = match reader.next() {
            Ok((size, PcapBlockOwned::Legacy(packet))) => {
                if let Some((key, sequence, syn, data)) = tcp(packet.data) {
                    let stream = streams.entry(key).or_default();
                    stream.segment(sequence, syn, data);
                    stream.messages(&mut number, &mut out)?;
                }
                size
            }
            Ok((size, _)) => size,
            Err(PcapError::Eof) => break,
            Err(PcapError::Incomplete(_)) => {
                reader.refill().map_err(|error| format!("{error:?}"))?;
                continue;
            }
            Err(error) => return Err(format!("{error:?}").into()),
        };
        reader.consume(size);
    }
    out.flush()?;
    Ok(())
}

type Segment<'a> = ((IpAddr, u16, IpAddr, u16), u32, bool, &'a [u8]);

fn tcp(packet: &[u8]) -> Option<Segment<'_>> {
    let packet = SlicedPacket::from_ethernet(packet).ok()?;
    let (source, destination): (IpAddr, IpAddr) = match packet.net? {
        NetSlice::Ipv4(ip) => (
            ip.header().source_addr().into(),
            ip.header().destination_addr().into(),
        ),
        NetSlice::Ipv6(ip) => (
            ip.header().source_addr().into(),
            ip.header().destination_addr().into(),
        ),
        NetSlice::Arp(_) => return None,
    };
    let Some(TransportSlice::Tcp(tcp)) = packet.transport else {
        return None;
    };
    let key = (
        source,
        tcp.source_port(),
        destination,
        tcp.destination_port(),
    );
    Some((key, tcp.sequence_number(), tcp.syn(), tcp.payload()))
}
