//! Builds packets and captures, and runs them through the decoder.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::net::SocketAddr;

use wirectl::net::{
    Control, Decoder, Direction, Ending, Event, Finding, Kind, LinkType, Options, Packet, Severity,
    Transport,
};

pub const SYN: u8 = 2;
pub const ACK: u8 = 16;
pub const FIN: u8 = 1;
pub const RST: u8 = 4;

/// A small generator of numbers, the same on every run (xorshift64*).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

/// An IPv4 packet with a TCP segment.
pub fn tcp(from: (u8, u16), to: (u8, u16), seq: u32, ack: u32, flags: u8, data: &[u8]) -> Vec<u8> {
    let mut segment = Vec::new();
    segment.extend(from.1.to_be_bytes());
    segment.extend(to.1.to_be_bytes());
    segment.extend(seq.to_be_bytes());
    segment.extend(ack.to_be_bytes());
    segment.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend(data);
    ipv4(from.0, to.0, 6, 0, 0x4000, &segment)
}

/// An IPv4 packet; `fragment`: flags and offset.
pub fn ipv4(from: u8, to: u8, protocol: u8, id: u16, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend((20 + payload.len() as u16).to_be_bytes());
    packet.extend(id.to_be_bytes());
    packet.extend(fragment.to_be_bytes());
    packet.extend([64, protocol, 0, 0, 10, 0, 0, from, 10, 0, 0, to]);
    packet.extend(payload);
    packet
}

/// One side of a TCP connection being written.
pub struct Talk {
    pub packets: Vec<Vec<u8>>,
    pub client: (u8, u16),
    pub server: (u8, u16),
    pub client_next: u32,
    pub server_next: u32,
}

impl Talk {
    /// Begins in the middle: no handshake.
    pub fn midway(client_next: u32, server_next: u32) -> Self {
        Self {
            packets: Vec::new(),
            client: (1, 50_000),
            server: (2, 9000),
            client_next,
            server_next,
        }
    }

    /// Begins with the handshake.
    pub fn open(client_next: u32, server_next: u32) -> Self {
        let mut talk = Self::midway(client_next, server_next);
        talk.handshake();
        talk
    }

    pub fn handshake(&mut self) {
        self.push(true, self.client_next.wrapping_sub(1), 0, SYN, b"");
        let ack = self.client_next;
        self.push(false, self.server_next.wrapping_sub(1), ack, SYN | ACK, b"");
        self.push(true, self.client_next, self.server_next, ACK, b"");
    }

    pub fn push(&mut self, from_client: bool, seq: u32, ack: u32, flags: u8, data: &[u8]) {
        let (from, to) = if from_client {
            (self.client, self.server)
        } else {
            (self.server, self.client)
        };
        self.packets.push(tcp(from, to, seq, ack, flags, data));
    }

    pub fn client(&mut self, data: &[u8]) {
        self.push(true, self.client_next, self.server_next, ACK, data);
        self.client_next = self.client_next.wrapping_add(data.len() as u32);
    }

    pub fn server(&mut self, data: &[u8]) {
        self.push(false, self.server_next, self.client_next, ACK, data);
        self.server_next = self.server_next.wrapping_add(data.len() as u32);
    }

    /// Sent, but not captured.
    pub fn lose_server(&mut self, length: u32) {
        self.server_next = self.server_next.wrapping_add(length);
    }

    /// The client says what it has received.
    pub fn client_acknowledges(&mut self) {
        self.push(true, self.client_next, self.server_next, ACK, b"");
    }

    pub fn close(&mut self) {
        self.push(true, self.client_next, self.server_next, FIN | ACK, b"");
        let ack = self.client_next.wrapping_add(1);
        self.push(false, self.server_next, ack, FIN | ACK, b"");
        self.push(true, ack, self.server_next.wrapping_add(1), ACK, b"");
    }
}

/// An event that owns what it tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    Open(SocketAddr, SocketAddr, bool),
    Data(u64, Vec<u8>),
    Message(u64, Vec<u8>, bool, bool),
    Event(Option<String>, Option<String>, Vec<u8>),
    Control(String),
    Fragment(Vec<u8>, &'static str),
    Gap(u64, u64),
    Close(Ending),
    Finding(Severity, &'static str, u64),
    Raw(u64, Vec<u8>),
    Summary(Summary2),
}

/// The part of a summary that tests compare.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary2 {
    pub transport: Transport,
    pub stream_bytes: (u64, u64),
    pub packets: (u64, u64),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    pub connection: Option<u32>,
    pub direction: Direction,
    pub packet: u64,
    pub transport: Transport,
    pub told: Told,
}

pub fn keep(event: Event<'_>) -> Heard {
    let told = match event.kind {
        Kind::Open {
            client,
            server,
            from_start,
        } => Told::Open(client, server, from_start),
        Kind::Data { offset, bytes } => Told::Data(offset, bytes.to_vec()),
        Kind::Raw { offset, bytes } => Told::Raw(offset, bytes.to_vec()),
        Kind::Message(message) => match message.envelope {
            wirectl::net::Envelope::Sse { event, id, .. } => Told::Event(
                event.map(str::to_owned),
                id.map(str::to_owned),
                message.bytes.to_vec(),
            ),
            _ => Told::Message(
                message.offset,
                message.bytes.to_vec(),
                message.text,
                message.deflated,
            ),
        },
        Kind::Control(control) => Told::Control(match control {
            Control::Ping(bytes) => format!("ping {}", String::from_utf8_lossy(bytes)),
            Control::Pong(bytes) => format!("pong {}", String::from_utf8_lossy(bytes)),
            Control::Close { code, reason } => {
                format!("close {code:?} {}", String::from_utf8_lossy(reason))
            }
            Control::Request { method, target, .. } => format!("{method} {target}"),
            Control::Response { status, .. } => format!("{status}"),
            Control::Comment(bytes) => format!("comment {}", String::from_utf8_lossy(bytes)),
            other => format!("{other:?}"),
        }),
        Kind::Fragment { bytes, reason, .. } => Told::Fragment(bytes.to_vec(), reason),
        Kind::Gap { offset, missing } => Told::Gap(offset, missing),
        Kind::Close { how } => Told::Close(how),
        Kind::Finding(Finding {
            severity,
            code,
            offset,
            ..
        }) => Told::Finding(severity, code, offset),
        Kind::Summary(summary) => Told::Summary(Summary2 {
            transport: summary.transport,
            stream_bytes: (
                summary.stream_bytes.client_to_server,
                summary.stream_bytes.server_to_client,
            ),
            packets: (
                summary.packets.client_to_server,
                summary.packets.server_to_client,
            ),
        }),
    };
    Heard {
        connection: event.connection,
        direction: event.direction,
        packet: event.packet,
        transport: event.transport,
        told,
    }
}

/// Decodes raw IP packets, a millisecond apart.
pub fn decode_with(options: Options, packets: &[Vec<u8>]) -> Vec<Heard> {
    let mut heard = Vec::new();
    let mut decoder = Decoder::new(options);
    for (index, bytes) in packets.iter().enumerate() {
        let packet = Packet {
            number: index as u64 + 1,
            time_ns: 1_700_000_000_000_000_000 + index as u64 * 1_000_000,
            link: LinkType(101),
            bytes,
            original_length: bytes.len() as u32,
        };
        decoder.packet(&packet, &mut |event| heard.push(keep(event)));
    }
    decoder.finish(&mut |event| heard.push(keep(event)));
    heard
}

pub fn decode(packets: &[Vec<u8>]) -> Vec<Heard> {
    decode_with(Options::default(), packets)
}

/// What was told of one direction, of one kind.
pub fn of<T>(
    heard: &[Heard],
    direction: Direction,
    mut select: impl FnMut(&Told) -> Option<T>,
) -> Vec<T> {
    heard
        .iter()
        .filter(|heard| heard.direction == direction)
        .filter_map(|heard| select(&heard.told))
        .collect()
}

/// Messages of a direction.
pub fn messages(heard: &[Heard], direction: Direction) -> Vec<Vec<u8>> {
    of(heard, direction, |told| match told {
        Told::Message(_, bytes, _, _) | Told::Event(_, _, bytes) => Some(bytes.clone()),
        _ => None,
    })
}

/// Codes of all findings.
pub fn codes(heard: &[Heard]) -> Vec<&'static str> {
    heard
        .iter()
        .filter_map(|heard| match heard.told {
            Told::Finding(_, code, _) => Some(code),
            _ => None,
        })
        .collect()
}

/// Puts the data of a direction where its offsets say; checks that nothing is told twice, and that
/// gaps fill the rest.
pub fn stream(heard: &[Heard], direction: Direction) -> (Vec<Option<u8>>, Vec<(u64, u64)>) {
    let mut bytes = Vec::new();
    let mut gaps = Vec::new();
    for heard in heard.iter().filter(|heard| heard.direction == direction) {
        match &heard.told {
            Told::Data(offset, data) => {
                assert_eq!(*offset as usize, bytes.len(), "data out of order");
                bytes.extend(data.iter().copied().map(Some));
            }
            Told::Gap(offset, missing) => {
                assert_eq!(*offset as usize, bytes.len(), "gap out of order");
                bytes.extend((0..*missing).map(|_| None));
                gaps.push((*offset, *missing));
            }
            _ => {}
        }
    }
    (bytes, gaps)
}

/// A WebSocket frame, masked if `key` is given.
pub fn frame(first: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let mask = if key.is_some() { 0x80 } else { 0 };
    let mut out = vec![first];
    match payload.len() {
        short @ ..126 => out.push(mask | short as u8),
        medium @ 126..0x1_0000 => {
            out.push(mask | 126);
            out.extend((medium as u16).to_be_bytes());
        }
        long => {
            out.push(mask | 127);
            out.extend((long as u64).to_be_bytes());
        }
    }
    match key {
        Some(key) => {
            out.extend(key);
            out.extend(payload.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b));
        }
        None => out.extend(payload),
    }
    out
}

pub const UPGRADE: &[u8] = b"GET /sync HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// The answer that grants the upgrade.
pub fn granted(extensions: &str) -> Vec<u8> {
    let extensions = if extensions.is_empty() {
        String::new()
    } else {
        format!("Sec-WebSocket-Extensions: {extensions}\r\n")
    };
    format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{extensions}\r\n").into_bytes()
}

/// A connection after the upgrade.
pub fn websocket(extensions: &str) -> Talk {
    let mut talk = Talk::open(1000, 2000);
    talk.client(UPGRADE);
    talk.server(&granted(extensions));
    talk
}
