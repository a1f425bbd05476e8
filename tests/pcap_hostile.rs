//! Captures that are cut off, damaged and made up, through everything that `wirectl pcap` does:
//! nothing panics, hangs or grows without bound, and what is shown encodes to what was sent.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod net;
mod records;

use net::Random;
use records::Keep;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use wirectl::codec::json::Document;
use wirectl::encode::encode_record;
use wirectl::net::{Capture, Merge, decompress};
use wirectl::pipeline::{Pipeline, Selection};
use wirectl::protocol::{EncodeOptions, Settings};
use wirectl::source::capture::{NoObserver, TrafficOptions, decode_captures};

/// One capture may take so long, on a busy machine, without optimization.
const MOST_TIME: Duration = Duration::from_secs(20);

/// The frames of `capture`, each once; those of records that do not encode to them fail.
fn frames(capture: &[u8]) -> Vec<Vec<u8>> {
    let began = Instant::now();
    let Ok(capture) = Capture::new(decompress(capture).unwrap()) else {
        return Vec::new();
    };
    let options = TrafficOptions {
        all: true,
        ..TrafficOptions::default()
    };
    let mut keep = Keep::new();
    let mut pipeline = Pipeline::new(&mut keep, Selection::default());
    let mut captures = Merge::new([capture]);
    decode_captures(&mut captures, &options, &mut pipeline, &mut NoObserver).unwrap();
    let mut frames = Vec::new();
    let mut document = Document::default();
    for record in keep.kept {
        let text = record.json.as_bytes();
        let length = document.parse(text).unwrap();
        assert_eq!(length, Some(text.len()), "{}", record.json);
        let mut out = Vec::new();
        let root = document.root(text).unwrap();
        if let Err(error) = encode_record(root, &EncodeOptions::default(), &mut out) {
            panic!("{error}\n{}", record.json);
        }
        if !record.message.derived {
            assert!(out == record.frame, "{}", record.json);
            frames.push(out);
        }
    }
    assert!(began.elapsed() < MOST_TIME, "{:?}", began.elapsed());
    frames
}

fn sample(name: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read(root.join("samples/pcap").join(name)).unwrap()
}

fn plain_samples() -> Vec<Vec<u8>> {
    let names = [
        "noxu-anomalies.pcap",
        "noxu-feeder.pcap",
        "rp-tcp.pcap",
        "rp-ws-deflate.pcap",
        "rps-session.pcapng",
        "rps-sse.pcap",
        "sync-lossy.pcap",
        "sync-session.pcap",
        "sync-tls13.pcapng",
    ];
    names.map(sample).to_vec()
}

#[test]
fn every_prefix_gives_what_is_whole_in_it() {
    for name in [
        "sync-mid.pcap",
        "rp-ws-deflate-mid.pcap",
        "noxu-feeder.pcap",
    ] {
        let capture = sample(name);
        let whole = frames(&capture).len();
        assert!(whole > 10);
        let mut before = 0;
        for end in 0..capture.len() {
            let found = frames(&capture[..end]).len();
            // A cut capture has a finding, and may have parts of frames at the end.
            assert!(found + 4 >= before, "{name}, {end} bytes");
            assert!(found <= whole + 4, "{name}, {end} bytes");
            before = before.max(found);
        }
    }
}

#[test]
fn damaged_captures_survive() {
    let mut random = Random::new(5);
    for capture in plain_samples() {
        for _ in 0..60 {
            let mut damaged = capture.clone();
            for _ in 0..=random.below(12) {
                let at = random.below(damaged.len());
                damaged[at] = random.next() as u8;
            }
            if random.chance(20) {
                let from = random.below(damaged.len());
                let length = random.below(2000).min(damaged.len() - from);
                damaged.drain(from..from + length);
            }
            frames(&damaged);
        }
    }
}

/// Where the payloads of TCP begin in a capture of Ethernet and IPv4 without options of IP.
fn payload_positions(capture: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut positions = Vec::new();
    let mut at = 24;
    while let Some(header) = capture.get(at..at + 16) {
        let length = u32::from_le_bytes(header[8..12].try_into().unwrap()) as usize;
        let packet = at + 16;
        let tcp = packet + 14 + 20;
        let start = tcp + usize::from(capture[tcp + 12] >> 4) * 4;
        positions.push(start..packet + length);
        at = packet + length;
    }
    positions
}

#[test]
fn damaged_payloads_survive_and_every_byte_is_shown_once() {
    let mut random = Random::new(9);
    // Plain streams: what is shown is all that was sent.
    for name in ["noxu-feeder.pcap", "noxu-anomalies.pcap", "rp-tcp.pcap"] {
        let capture = sample(name);
        let positions = payload_positions(&capture);
        let sent = |capture: &[u8]| -> usize { frames(capture).iter().map(Vec::len).sum() };
        let whole: usize = positions.iter().map(std::ops::Range::len).sum();
        assert_eq!(sent(&capture), whole, "{name}");
        for _ in 0..60 {
            let mut damaged = capture.clone();
            for _ in 0..=random.below(30) {
                let range = positions[random.below(positions.len())].clone();
                if !range.is_empty() {
                    let at = range.start + random.below(range.len());
                    damaged[at] = random.next() as u8;
                }
            }
            // A first byte that looks like another transport takes the stream elsewhere.
            assert!(sent(&damaged) <= whole, "{name}");
        }
    }
}

#[test]
fn every_link_type_survives() {
    let capture = sample("sync-lossy.pcap");
    for link in (0..300).chain([0xffff, u32::MAX]) {
        let mut other = capture.clone();
        other[20..24].copy_from_slice(&u32::to_le_bytes(link));
        let found = frames(&other);
        // Read as another link that is known, these are packets of other protocols.
        let known = [0, 12, 14, 101, 108, 113, 228, 229, 276];
        let is_known = known.contains(&(link & 0xffff));
        assert!(is_known || !found.is_empty(), "link type {link}: silence");
    }
}

#[test]
fn made_up_segments_survive() {
    let mut random = Random::new(3);
    for round in 0..40 {
        let mut capture = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        capture.extend(262_144_u32.to_le_bytes());
        capture.extend(101_u32.to_le_bytes());
        for number in 0..150_u32 {
            let ports = [9090, 14_001, 19_100, 443, 80];
            let server = (2, ports[random.below(ports.len())]);
            let client = (1, 50_000 + random.below(2) as u16);
            let (from, to) = if random.chance(50) {
                (client, server)
            } else {
                (server, client)
            };
            let flags = [16, 16, 16, 2, 18, 17, 4, 24][random.below(8)];
            let seq = 1000 + random.below(3000) as u32;
            let length = random.below(200);
            let mut data = random.bytes(length);
            let starts: [&[u8]; 8] = [
                b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
                b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n",
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {}\n\n",
                &[0x82, 0x7e, 0, 0xc8, 1, 0xff, 2, 0],
                &[0x16, 3, 1, 0, 90, 1, 0, 0, 86, 3, 3],
                b"RP\x01\x00\x00\x00\x00\x00\x01",
                &[11, 0, 0, 0, b'P', b'E', b'E', b'R'],
                &[],
            ];
            data.splice(0..0, starts[random.below(8)].iter().copied());
            let packet = net::tcp(
                from,
                to,
                seq,
                1000 + random.below(3000) as u32,
                flags,
                &data,
            );
            let length = packet.len() as u32;
            for word in [1_700_000_000 + number * 7, number, length, length] {
                capture.extend(word.to_le_bytes());
            }
            capture.extend(packet);
        }
        assert!(!frames(&capture).is_empty(), "round {round}");
    }
}

/// A capture of raw IP packets, a microsecond apart.
fn capture_of(packets: &[Vec<u8>]) -> Vec<u8> {
    let header = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 1 << 18, 101u32];
    let mut capture: Vec<u8> = header.iter().flat_map(|word| word.to_le_bytes()).collect();
    for (index, packet) in packets.iter().enumerate() {
        let length = packet.len() as u32;
        for word in [1_700_000_000, index as u32, length, length] {
            capture.extend(word.to_le_bytes());
        }
        capture.extend(packet);
    }
    capture
}

#[test]
fn unfinished_frames_of_many_connections_are_bounded_and_shown_once() {
    let ports = 5000..5030u16;
    let mut packets = Vec::new();
    // Each begins a log entry of a megabyte, and sends two thirds of it.
    let mut start = b"\x0b\0\0\0PEER_FEEDER\xf0\xff\x0f\0".to_vec();
    start.extend(7u64.to_le_bytes());
    start.push(13);
    start.extend((0x000f_fff0u32 - 17).to_le_bytes());
    start.extend([0; 4]);
    for port in ports.clone() {
        packets.push(net::tcp((1, port), (2, 14001), 0, 0, net::SYN, b""));
        packets.push(net::tcp((1, port), (2, 14001), 1, 1, net::ACK, &start));
    }
    for piece in 0..24u32 {
        for port in ports.clone() {
            let sequence = 1 + start.len() as u32 + piece * 30_000;
            let data = [0x55; 30_000];
            packets.push(net::tcp(
                (1, port),
                (2, 14001),
                sequence,
                1,
                net::ACK,
                &data,
            ));
        }
    }
    let bytes = capture_of(&packets);
    let capture = Capture::new(decompress(bytes.as_slice()).unwrap()).unwrap();
    let options = TrafficOptions {
        settings: Settings {
            most_frame: 1 << 20,
            ..Settings::default()
        },
        ..TrafficOptions::default()
    };
    let mut keep = Keep::new();
    let mut pipeline = Pipeline::new(&mut keep, Selection::default());
    let mut captures = Merge::new([capture]);
    decode_captures(&mut captures, &options, &mut pipeline, &mut NoObserver).unwrap();
    let evicted = |record: &&records::Decoded| record.json.contains("message-evicted");
    let evicted = keep.kept.iter().filter(evicted).count();
    assert!((1..30).contains(&evicted), "{evicted}");
    let shown: usize = keep.kept.iter().map(|record| record.frame.len()).sum();
    assert_eq!(shown, 30 * (start.len() + 24 * 30_000));
}
