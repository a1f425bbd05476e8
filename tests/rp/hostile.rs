//! Any bytes may come in: nothing panics, nothing is lost, everything is tiled.

use crate::records::{lines, settings, stream, vectors};
use serde_json::Value;
use wirectl::model::{Layer, Message, Value as Kind};
use wirectl::protocol::{Detection, Detector, Input};

/// A sample of frames: every 20th, and those with a structure of their own.
fn sample() -> Vec<Vec<u8>> {
    let vectors = vectors("vectors.ndjson.zst");
    let telling = |vector: &Value| {
        let kind = vector["kind"].as_str().unwrap();
        kind.contains("::") || kind.starts_with("foreign") || kind.starts_with("zstd")
    };
    vectors
        .iter()
        .enumerate()
        .filter(|(index, vector)| index % 50 == 0 || telling(vector))
        .map(|(_, vector)| hex::decode(vector["hex"].as_str().unwrap()).unwrap())
        .filter(|frame| frame.len() < 200)
        .collect()
}

/// Decodes one message and checks that its leaves cover every byte exactly once.
fn check_tiles(detector: &mut Detector, message: &mut Message, bytes: &[u8], whole: bool) {
    let mut used = 0;
    while used < bytes.len() {
        let input = Input {
            bytes: &bytes[used..],
            whole,
            ended: true,
            direction: None,
            time: None,
        };
        let size = match detector.frame(&input) {
            Detection::Frame(size) => {
                let frame = &input.bytes[..size];
                detector.decode(frame, &input, message);
                check_cover(message, frame);
                size
            }
            Detection::Unknown(size, _) => size,
            Detection::Need(_) => panic!("nothing more will come: {}", hex::encode(bytes)),
        };
        assert!(size > 0);
        used += size;
        while detector.next_derived(false, message).is_some() {}
    }
}

fn check_cover(message: &Message, frame: &[u8]) {
    let mut covered = vec![0_u8; frame.len()];
    let inner = message.inner.unwrap_or(u32::MAX);
    let mut roots = Vec::new();
    for id in message.roots() {
        if id < inner {
            roots.push(*message.tree.get(id).unwrap());
        }
    }
    let mut end = 0;
    for root in roots.iter().filter(|root| root.layer == Layer::Frame) {
        assert_eq!(root.span.start, end, "{}", hex::encode(frame));
        end = root.span.end;
    }
    assert_eq!(end as usize, frame.len(), "{}", hex::encode(frame));
    for node in &message.tree.nodes()[..message.tree.len().min(inner as usize)] {
        let leaf = !matches!(
            node.value,
            Kind::Struct
                | Kind::List
                | Kind::Map
                | Kind::Pairs
                | Kind::Tag(_)
                | Kind::TextChunks
                | Kind::ByteChunks
        );
        if leaf && node.layer == Layer::Frame {
            for place in &mut covered[node.span.start as usize..node.span.end as usize] {
                *place += 1;
            }
        }
    }
    assert!(
        covered.iter().all(|count| *count <= 1),
        "{}",
        hex::encode(frame)
    );
}

#[test]
fn every_prefix_of_a_frame_is_decoded_and_tiled() {
    let mut message = Message::default();
    for frame in sample() {
        let mut detector = Detector::new(None, settings(true));
        for length in 1..=frame.len() {
            check_tiles(&mut detector, &mut message, &frame[..length], true);
            check_tiles(&mut detector, &mut message, &frame[..length], false);
        }
    }
}

#[test]
fn every_single_byte_may_be_wrong() {
    let mut message = Message::default();
    for frame in sample() {
        let mut detector = Detector::new(None, settings(true));
        let mut frame = frame;
        for at in 0..frame.len() {
            let good = frame[at];
            for bad in [
                0,
                1,
                0x7f,
                0x80,
                0x9f,
                0xc1,
                0xdf,
                0xff,
                good ^ 1,
                good ^ 0x80,
            ] {
                frame[at] = bad;
                check_tiles(&mut detector, &mut message, &frame, true);
            }
            frame[at] = good ^ 0x10;
            check_tiles(&mut detector, &mut message, &frame, false);
            frame[at] = good;
        }
    }
}

#[test]
fn bytes_that_look_like_headers_everywhere_take_no_undue_time() {
    let started = std::time::Instant::now();
    let header = b"RP\x01\x00\x00\x00\x00\x00\x01";
    for filler in [
        &b"\xdc\xff\xff"[..],
        b"\x9f",
        b"\xc6\x00\xff\xff\xff",
        b"\xa9",
        b"\x91",
    ] {
        let unit = [&header[..], filler].concat();
        let bytes = unit.repeat(200_000 / unit.len());
        let records = stream(&bytes, None);
        let total: u64 = records
            .iter()
            .map(|record| record["length"].as_u64().unwrap())
            .sum();
        assert_eq!(total, bytes.len() as u64);
    }
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

#[test]
fn records_are_always_json_and_lose_no_byte() {
    let mut seed = 0x9e37_79b9_u64;
    let mut random = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for _ in 0..3000 {
        let length = random() % 60;
        let mut bytes = b"RP\x01".to_vec();
        bytes.push((random() % 8) as u8);
        bytes.extend((0..length).map(|_| random() as u8));
        let records = lines(&[hex::encode(&bytes).as_str()], None);
        let total: u64 = records
            .iter()
            .filter(|record| record.get("derived").is_none())
            .map(|record| record["length"].as_u64().unwrap())
            .sum();
        assert_eq!(total, bytes.len() as u64, "{}", hex::encode(&bytes));
    }
}
