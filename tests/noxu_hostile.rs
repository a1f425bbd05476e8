//! Noxu decoding takes any bytes: nothing panics, nothing is lost, work is bounded.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod noxu;

use noxu::{Piece, bytes, decode, lines};
use serde_json::Value;
use wirectl::model::Direction;

/// A small generator of the same numbers every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

const PROTOCOLS: [Option<&str>; 9] = [
    None,
    Some("noxu"),
    Some("noxu.service"),
    Some("noxu.protocol"),
    Some("noxu.syncup"),
    Some("noxu.feeder"),
    Some("noxu.restore"),
    Some("noxu.admin"),
    Some("noxu.logentry"),
];

/// Decodes `bytes` in several ways; the helper checks that the records tile them.
fn survives(bytes: &[u8], random: &mut Random) {
    let protocol = PROTOCOLS[random.below(PROTOCOLS.len())];
    let direction = [
        None,
        Some(Direction::ClientToServer),
        Some(Direction::ServerToClient),
    ][random.below(3)];
    for whole in [true, false] {
        let piece = Piece {
            direction,
            whole,
            ..Piece::message(bytes)
        };
        if !bytes.is_empty() {
            decode(protocol, random.below(2) == 0, &[piece]);
        }
    }
    let half = bytes.split_at(bytes.len() / 2);
    let pieces = [(half.0, false), (half.1, true)].map(|(bytes, ended)| Piece {
        direction,
        ended,
        ..Piece::dump(bytes)
    });
    decode(protocol, false, &pieces);
}

fn samples() -> Vec<Vec<u8>> {
    let mut samples: Vec<Vec<u8>> = lines("raw.ndjson")
        .iter()
        .map(|dump| bytes(&dump["hex"]))
        .map(|mut dump| {
            dump.truncate(600);
            dump
        })
        .collect();
    let few: Vec<Value> = lines("vectors.ndjson").into_iter().step_by(9).collect();
    samples.extend(
        few.iter()
            .map(|vector| bytes(&vector["hex"]))
            .filter(|m| m.len() < 300),
    );
    samples
}

#[test]
fn every_prefix_of_every_sample_is_decoded() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for sample in samples() {
        for end in 0..sample.len() {
            survives(&sample[..end], &mut random);
        }
    }
}

#[test]
fn mutated_samples_are_decoded() {
    let mut random = Random(0xd1b5_4a32_d192_ed03);
    for sample in samples() {
        for _ in 0..60 {
            let mut bytes = sample.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(bytes.len());
                match (random.below(5), bytes.is_empty()) {
                    (_, true) => {}
                    (0, _) => bytes[at] = random.next() as u8,
                    (1, _) => bytes[at] ^= 1 << random.below(8),
                    (2, _) => drop(bytes.remove(at)),
                    (3, _) => bytes.insert(at, random.next() as u8),
                    _ => bytes[at] = [0, 0xff, 0x7f, 0x80][random.below(4)],
                }
            }
            survives(&bytes, &mut random);
        }
    }
}

#[test]
fn random_bytes_are_decoded() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for round in 0..3000 {
        let count = random.below(80);
        let small = round % 2 == 0;
        let bytes: Vec<u8> = (0..count)
            .map(|_| {
                let byte = random.next() as u8;
                if small { byte % 14 } else { byte }
            })
            .collect();
        survives(&bytes, &mut random);
    }
}

#[test]
fn a_megabyte_of_near_frames_takes_bounded_work() {
    let zeros = vec![0; 1 << 20];
    let ones: Vec<u8> = [1, 0, 0, 0].repeat(1 << 18);
    let sixes: Vec<u8> = [6, 0, 0, 0, 0, 0, 0, 0, 9].repeat(1 << 16);
    let long: Vec<u8> = [5, 0, 0, 3].repeat(1 << 18);
    let nines: Vec<u8> = [9, 0, 0, 0, 0].repeat(1 << 17);
    for bytes in [zeros, ones, sixes, long, nines] {
        let start = std::time::Instant::now();
        decode(None, false, &[Piece::dump(&bytes)]);
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    }
}

#[test]
fn lengths_of_four_gigabytes_allocate_nothing() {
    for message in [
        "05ffffffffffffffff0dffffffff",
        "0cffffffff",
        "ffffffff",
        "3d0000000100000000000000000dffffffff00000000",
        "ffffffff0c0030303030303030302e6e6462ffffffffffffffff",
    ] {
        let bytes = hex::decode(message).unwrap();
        for protocol in PROTOCOLS {
            decode(protocol, true, &[Piece::message(&bytes)]);
            decode(protocol, false, &[Piece::dump(&bytes)]);
        }
    }
}
