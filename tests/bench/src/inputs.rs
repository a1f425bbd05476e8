//! Large inputs, made by repeating the frames of the project's samples.

use crate::numbers::Random;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// From the side that opened the connection, or to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// From it.
    Up,
    /// To it.
    Down,
}

/// A sync frame of a sample.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Who sent it.
    pub way: Way,
    /// All its bytes.
    pub bytes: Vec<u8>,
}

/// Writes `frames` one after the other, again and again, to about `size` bytes.
///
/// # Errors
/// If writing fails.
pub fn dump(path: &Path, frames: &[Frame], size: usize) -> io::Result<()> {
    let block: Vec<u8> = frames
        .iter()
        .flat_map(|frame| frame.bytes.clone())
        .collect();
    let mut out = File::create(path)?;
    for _ in 0..(size / block.len()).max(1) {
        out.write_all(&block)?;
    }
    Ok(())
}

/// What happens to segments, each with this probability.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disorder {
    /// Changes places with the next.
    pub swapped: f64,
    /// Is sent twice.
    pub repeated: f64,
    /// Is missing from the capture.
    pub lost: f64,
}

/// A capture of connections that carry sync frames in WebSocket messages.
pub struct Traffic {
    out: BufWriter<File>,
    /// Microseconds since the Unix epoch.
    now: u64,
    random: Random,
    disorder: Disorder,
    sides: BTreeMap<(u16, Way), Side>,
}

/// One direction of one connection.
struct Side {
    sequence: u32,
    /// Bytes of messages so far.
    position: u64,
    /// Messages: where they start and end, and which frame it is.
    messages: Vec<(u64, u64, usize)>,
    /// What is missing, from and to.
    lost: Vec<(u64, u64)>,
}

/// Connections in a capture.
const CONNECTIONS: u16 = 50;
/// Payload of a full segment.
const SEGMENT: usize = 1448;

const REQUEST: &[u8] = b"GET /sync HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

impl Traffic {
    /// Writes a capture of about `size` bytes. Returns how often each frame is in it in full.
    ///
    /// # Errors
    /// If writing fails.
    pub fn write(
        path: &Path,
        frames: &[Frame],
        size: usize,
        disorder: Disorder,
    ) -> io::Result<Vec<usize>> {
        let mut traffic = Self {
            out: BufWriter::with_capacity(1 << 18, File::create(path)?),
            now: 1_760_000_000_000_000,
            random: Random(7),
            disorder,
            sides: BTreeMap::new(),
        };
        let header: [u32; 6] = [0xa1b2_c3d4, 2 | 4 << 16, 0, 0, 65_535, 1];
        traffic.words(&header)?;
        for connection in 0..CONNECTIONS {
            traffic.open(connection)?;
        }
        let once: usize = frames.iter().map(|frame| frame.bytes.len()).sum();
        for _ in 0..(size / (once * usize::from(CONNECTIONS))).max(1) {
            for connection in 0..CONNECTIONS {
                for way in [Way::Up, Way::Down] {
                    traffic.send(connection, way, frames)?;
                }
            }
        }
        traffic.out.flush()?;
        Ok(traffic.intact(frames.len()))
    }

    fn words(&mut self, words: &[u32]) -> io::Result<()> {
        words
            .iter()
            .try_for_each(|word| self.out.write_all(&word.to_le_bytes()))
    }

    fn open(&mut self, connection: u16) -> io::Result<()> {
        for (way, sequence) in [(Way::Up, 1000), (Way::Down, 5_000_000)] {
            let side = Side {
                sequence,
                position: 0,
                messages: Vec::new(),
                lost: Vec::new(),
            };
            self.sides.insert((connection, way), side);
        }
        self.packet(connection, Way::Up, 1000, 0x02, &[])?;
        self.packet(connection, Way::Down, 5_000_000, 0x12, &[])?;
        for (way, head) in [(Way::Up, REQUEST), (Way::Down, ANSWER)] {
            let sequence = self.advance(connection, way, 1);
            self.packet(connection, way, sequence + 1, 0x18, head)?;
            self.advance(connection, way, head.len());
        }
        Ok(())
    }

    /// Moves one side's sequence number on; returns the one before.
    fn advance(&mut self, connection: u16, way: Way, count: usize) -> u32 {
        let Some(side) = self.sides.get_mut(&(connection, way)) else {
            return 0;
        };
        let before = side.sequence;
        side.sequence = before.wrapping_add(count as u32);
        before
    }

    /// Sends all frames of one direction once, cut into full segments.
    fn send(&mut self, connection: u16, way: Way, frames: &[Frame]) -> io::Result<()> {
        let mut stream = Vec::new();
        let mut messages = Vec::new();
        for (index, frame) in frames
            .iter()
            .enumerate()
            .filter(|(_, frame)| frame.way == way)
        {
            let start = stream.len();
            self.message(way, &frame.bytes, &mut stream);
            messages.push((start, stream.len(), index));
        }
        let first = self.advance(connection, way, stream.len());
        let mut segments: Vec<(usize, &[u8])> = stream
            .chunks(SEGMENT)
            .enumerate()
            .map(|(index, data)| (index * SEGMENT, data))
            .collect();
        for index in 1..segments.len() {
            if self.random.chance(self.disorder.swapped) {
                segments.swap(index - 1, index);
            }
        }
        let mut lost = Vec::new();
        for (at, data) in segments {
            let sequence = first.wrapping_add(at as u32);
            let missing = self.random.chance(self.disorder.lost);
            if missing {
                lost.push((at, at + data.len()));
            } else {
                self.packet(connection, way, sequence, 0x10, data)?;
            }
            if !missing && self.random.chance(self.disorder.repeated) {
                self.packet(connection, way, sequence, 0x10, data)?;
            }
        }
        if let Some(side) = self.sides.get_mut(&(connection, way)) {
            let base = side.position;
            let place = |at: usize| base + at as u64;
            let found = messages
                .iter()
                .map(|(from, to, index)| (place(*from), place(*to), *index));
            side.messages.extend(found);
            side.lost
                .extend(lost.iter().map(|(from, to)| (place(*from), place(*to))));
            side.position += stream.len() as u64;
        }
        Ok(())
    }

    /// Appends a WebSocket message.
    fn message(&mut self, way: Way, payload: &[u8], stream: &mut Vec<u8>) {
        let mask = if way == Way::Up { 0x80 } else { 0 };
        stream.push(0x82);
        match payload.len() {
            length @ 0..126 => stream.push(mask | length as u8),
            length @ 126..65_536 => {
                stream.push(mask | 126);
                stream.extend((length as u16).to_be_bytes());
            }
            length => {
                stream.push(mask | 127);
                stream.extend((length as u64).to_be_bytes());
            }
        }
        if mask == 0 {
            stream.extend(payload);
            return;
        }
        let key = (self.random.number() as u32).to_be_bytes();
        stream.extend(key);
        stream.extend(
            payload
                .iter()
                .zip(key.iter().cycle())
                .map(|(byte, key)| byte ^ key),
        );
    }

    fn packet(
        &mut self,
        connection: u16,
        way: Way,
        sequence: u32,
        flags: u8,
        data: &[u8],
    ) -> io::Result<()> {
        self.now += 3;
        let client = (0x0a00_0001 + u32::from(connection), 40_000 + connection);
        let server = (0x7f00_0001_u32, 9090_u16);
        let ((source, from), (destination, to)) = match way {
            Way::Up => (client, server),
            Way::Down => (server, client),
        };
        let mut packet = Vec::with_capacity(54 + data.len());
        packet.extend([0; 12]);
        packet.extend([0x08, 0x00, 0x45, 0]);
        packet.extend((40 + data.len() as u16).to_be_bytes());
        packet.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
        packet.extend(source.to_be_bytes());
        packet.extend(destination.to_be_bytes());
        packet.extend(from.to_be_bytes());
        packet.extend(to.to_be_bytes());
        packet.extend(sequence.to_be_bytes());
        packet.extend([0; 4]);
        packet.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        packet.extend(data);
        let length = packet.len() as u32;
        let (seconds, rest) = (self.now / 1_000_000, self.now % 1_000_000);
        self.words(&[seconds as u32, rest as u32, length, length])?;
        self.out.write_all(&packet)
    }

    /// How often each frame is in the capture with all its bytes.
    fn intact(&self, frames: usize) -> Vec<usize> {
        let mut counts = vec![0; frames];
        for side in self.sides.values() {
            let mut holes = side.lost.iter().peekable();
            for (from, to, index) in &side.messages {
                while holes.next_if(|(_, end)| end <= from).is_some() {}
                if holes.peek().is_none_or(|(start, _)| start >= to) {
                    counts[*index] += 1;
                }
            }
        }
        counts
    }
}
