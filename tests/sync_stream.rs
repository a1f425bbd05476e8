//! Streams of sync frames as they come: damaged, cut anywhere, in pieces, with other bytes between.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use serde_json::Value;
use wirectl::codec::messagepack as mp;
use wirectl::model::Origin;
use wirectl::output::{Json, Sink};
use wirectl::pipeline::{Chunk, Connection, Pipeline, Selection};
use wirectl::protocol::{Settings, by_name};

const GARBAGE: &[u8] = b"\x07\xfegarbage between frames\x00\x91\xff";

#[test]
fn frames_around_garbage_are_found() {
    for frame in [ping_v0 as fn(u64) -> Vec<u8>, ping_v1, delta_v1] {
        let stream = [&frame(1)[..], GARBAGE, &frame(2), &frame(3)].concat();
        let records = decode(&stream);
        let found: Vec<_> = types(&records);
        assert_eq!(found.len(), 4, "{records:#?}");
        assert_eq!(found[1], "unknown");
        assert_eq!(records[1]["length"], GARBAGE.len(), "{records:#?}");
        assert_eq!(covered(&records), stream.len());
    }
}

#[test]
fn a_length_that_is_too_small_costs_only_its_own_frame() {
    for frame in [ping_v0 as fn(u64) -> Vec<u8>, ping_v1, delta_v1] {
        let mut stream = frame(1);
        let middle = stream.len();
        stream.extend(frame(2));
        let end = stream.len();
        stream.extend(frame(3));
        shrink(&mut stream[middle..end], 1);
        let records = decode(&stream);
        assert_eq!(records.first().unwrap()["length"], middle);
        assert_eq!(records.last().unwrap()["offset"], end, "{records:#?}");
        assert!(has_error(&records));
        assert_eq!(covered(&records), stream.len());
    }
}

#[test]
fn a_length_that_is_too_large_costs_only_its_own_frame() {
    for frame in [ping_v0 as fn(u64) -> Vec<u8>, ping_v1, delta_v1] {
        for more in [1, 5, 100, 1 << 20, 0x7000_0000] {
            let mut stream = frame(1);
            let middle = stream.len();
            stream.extend(frame(2));
            let end = stream.len();
            stream.extend(frame(3));
            stream.extend(frame(4));
            grow(&mut stream[middle..end], more);
            let records = decode(&stream);
            assert!(
                records.iter().any(|record| record["offset"] == end),
                "{more} more: {records:#?}"
            );
            assert!(has_error(&records));
            assert_eq!(covered(&records), stream.len());
        }
    }
}

#[test]
fn every_prefix_of_a_stream_is_covered_by_records() {
    let stream = [ping_v1(1), delta_v1(2), ping_v1(3)].concat();
    for length in 1..=stream.len() {
        let records = decode(&stream[..length]);
        assert_eq!(covered(&records), length);
        let whole = [21, stream.len() - 21, stream.len()].contains(&length);
        assert_eq!(has_error(&records), !whole, "{length}: {records:#?}");
    }
}

#[test]
fn both_headers_in_one_stream_are_told_apart() {
    let stream = [ping_v0(1), ping_v1(2), ping_v0(3), delta_v1(4), ping_v0(5)].concat();
    let records = decode(&stream);
    let versions: Vec<_> = records
        .iter()
        .map(|record| record["header"]["version"].as_u64().unwrap())
        .collect();
    assert_eq!(versions, [0, 1, 0, 1, 0]);
    assert!(!has_error(&records), "{records:#?}");
}

#[test]
fn pieces_of_any_size_give_the_same_records() {
    let mut broken = delta_v1(2);
    let last = broken.len() - 1;
    broken[last] ^= 1;
    let clean = [
        ping_v1(1),
        delta_v1(2),
        ping_v1(3),
        handshake_v0(),
        ping_v0(4),
    ]
    .concat();
    let dirty = [
        &ping_v1(1)[..],
        &broken,
        GARBAGE,
        &ping_v0(3),
        &handshake_v0(),
        &delta_v1(9)[..40],
    ]
    .concat();
    for stream in [clean, dirty] {
        let at_once = decode(&stream);
        for size in [1, 2, 3, 7, 16, 61, 200] {
            let pieces = decode_in_pieces(&stream, size, false);
            assert_eq!(pieces, at_once, "pieces of {size}");
        }
    }
}

#[test]
fn a_stream_that_stays_open_shows_every_complete_frame_at_once() {
    let stream = [ping_v1(1), delta_v1(2)].concat();
    assert_eq!(decode_in_pieces(&stream, 1, true).len(), 2);
    let short = v0(0xFF, &[0x92, 1, 0xc2]);
    let stream = [ping_v0(1), short, v0(0x23, &[0x91, 0xa0])].concat();
    assert_eq!(decode_in_pieces(&stream, 1, true).len(), 3);
}

#[test]
fn any_bytes_are_covered_by_records() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 20
    };
    let frames = [ping_v0(1), ping_v1(2), delta_v1(3), handshake_v0()];
    for _ in 0..400 {
        let mut stream = Vec::new();
        for _ in 0..1 + random() % 6 {
            let mut piece = frames[random() as usize % frames.len()].clone();
            match random() % 4 {
                0 => {
                    let at = random() as usize % piece.len();
                    piece[at] ^= 1 << (random() % 8);
                }
                1 => piece.truncate(random() as usize % piece.len()),
                2 => piece.extend((0..random() % 20).map(|number| (number * 37) as u8)),
                _ => {}
            }
            stream.extend(piece);
        }
        if stream.is_empty() {
            continue;
        }
        let at_once = decode(&stream);
        assert_eq!(covered(&at_once), stream.len());
        let pieces = decode_in_pieces(&stream, 1 + random() as usize % 30, false);
        assert_eq!(covered(&pieces), stream.len());
    }
}

#[test]
fn a_change_of_version_group_in_one_stream_is_followed() {
    // Five elements in 0.4 and 0.6, three in 0.1 to 0.3, two before.
    let ack = |count: usize| {
        let mut body = Vec::new();
        mp::write_array(&mut body, count);
        mp::write_unsigned(&mut body, 1);
        mp::write_unsigned(&mut body, 2);
        if count > 2 {
            mp::write_nil(&mut body);
        }
        v0(0x11, &body)
    };
    let records = decode(&[ack(2), ack(3), ack(2), ack(3)].concat());
    let groups: Vec<_> = records
        .iter()
        .map(|record| record["header"]["schema"].as_str().unwrap())
        .collect();
    assert_eq!(groups, ["0.0.6", "0.3", "0.0.6", "0.3"]);
    assert!(!has_error(&records));
}

#[test]
fn a_damaged_or_foreign_frame_does_not_change_what_the_connection_has_shown() {
    let ack = |count: usize| {
        let mut body = Vec::new();
        mp::write_array(&mut body, count);
        mp::write_unsigned(&mut body, 1);
        mp::write_unsigned(&mut body, 2);
        mp::write_nil(&mut body);
        if count > 3 {
            mp::write_unsigned(&mut body, 3);
            // Only 0.4 spells variants so.
            mp::write_array(&mut body, 2);
            mp::write_text(&mut body, b"Applied");
            mp::write_nil(&mut body);
        }
        v1(0x11, &body)
    };
    let mut damaged = delta_v1(1);
    damaged[6] ^= 1;
    let stream = [
        ack(5),
        ping_v1(1),
        ack(3),
        ping_v1(2),
        ping_v0(3),
        damaged,
        ping_v1(4),
    ];
    let records = decode(&stream.concat());
    let groups: Vec<_> = records
        .iter()
        .map(|record| record["header"]["schema"].as_str().unwrap())
        .collect();
    assert_eq!(groups, ["0.4", "0.4", "0.3", "0.4", "0.3", "0.6", "0.4"]);
}

#[test]
fn headers_that_each_claim_all_that_follows_cost_no_quadratic_time() {
    let mut stream = Vec::new();
    let block = [
        &[1, 0xFF][..],
        &0x0010_0000_u32.to_le_bytes(),
        &[0; 4],
        &[0x92, 1, 0xc2],
    ]
    .concat();
    for _ in 0..(4 << 20) / block.len() {
        stream.extend(&block);
    }
    let records = decode(&stream);
    assert_eq!(covered(&records), stream.len());
}

fn ping_v0(time: u64) -> Vec<u8> {
    v0(0xFF, &ping(time))
}

fn ping_v1(time: u64) -> Vec<u8> {
    v1(0xFF, &ping(time))
}

fn ping(time: u64) -> Vec<u8> {
    let mut body = Vec::new();
    mp::write_array(&mut body, 2);
    mp::write_unsigned(&mut body, 1_764_043_300_000 + time);
    mp::write_bool(&mut body, false);
    body
}

fn delta_v1(mutation: u64) -> Vec<u8> {
    let mut body = Vec::new();
    mp::write_array(&mut body, 12);
    mp::write_text(&mut body, b"notes");
    mp::write_text(&mut body, b"doc");
    mp::write_binary(&mut body, &[0x81, 0xa1, b'a', 1]);
    for number in [1, mutation, 0] {
        mp::write_unsigned(&mut body, number);
    }
    mp::write_nil(&mut body);
    for number in [1, 1, mutation, 0] {
        mp::write_unsigned(&mut body, number);
    }
    mp::write_array(&mut body, 32);
    body.extend([0; 32]);
    v1(0x10, &body)
}

fn handshake_v0() -> Vec<u8> {
    let mut body = Vec::new();
    mp::write_array(&mut body, 7);
    mp::write_text(&mut body, b"");
    mp::write_map(&mut body, 0);
    mp::write_array(&mut body, 0);
    mp::write_text(&mut body, b"0.1.0");
    mp::write_text(&mut body, b"lite");
    mp::write_unsigned(&mut body, 1);
    mp::write_unsigned(&mut body, 4);
    v0(0x01, &body)
}

fn v0(code: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![code];
    frame.extend((body.len() as u32).to_le_bytes());
    frame.extend(body);
    frame
}

fn v1(code: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![1, code];
    frame.extend((body.len() as u32).to_le_bytes());
    frame.extend(crc32c::crc32c(body).to_le_bytes());
    frame.extend(body);
    frame
}

/// Adds to the length field of a frame.
fn grow(frame: &mut [u8], by: u32) {
    let at = if frame[0] == 1 { 2 } else { 1 };
    let length = u32::from_le_bytes(frame[at..at + 4].try_into().unwrap());
    frame[at..at + 4].copy_from_slice(&length.wrapping_add(by).to_le_bytes());
}

fn shrink(frame: &mut [u8], by: u32) {
    grow(frame, by.wrapping_neg());
}

fn decode(stream: &[u8]) -> Vec<Value> {
    decode_in_pieces(stream, stream.len(), false)
}

/// Feeds `stream` in pieces of `size` bytes, as a reader does: what was not used comes again.
fn decode_in_pieces(stream: &[u8], size: usize, stays_open: bool) -> Vec<Value> {
    let mut out = Vec::new();
    let mut sink = Json::new(&mut out, false);
    let mut pipeline = Pipeline::new(&mut sink, Selection::default());
    let mut connection = Connection::new(by_name("sync"), Settings::default());
    let (mut start, mut end) = (0, 0);
    loop {
        end = (end + size).min(stream.len());
        let last = end == stream.len();
        let chunk = Chunk {
            bytes: &stream[start..end],
            offset: start as u64,
            whole: false,
            ended: last && !stays_open,
            origin: &Origin::default(),
        };
        start += pipeline.feed(&mut connection, &chunk).unwrap().0;
        if last {
            break;
        }
    }
    sink.flush().unwrap();
    drop(sink);
    let lines = out.split(|byte| *byte == b'\n');
    lines
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

fn types(records: &[Value]) -> Vec<&str> {
    let types = records.iter().map(|record| record["type"].as_str());
    types.map(Option::unwrap).collect()
}

fn has_error(records: &[Value]) -> bool {
    records
        .iter()
        .flat_map(|record| record["issues"].as_array().into_iter().flatten())
        .any(|issue| issue["severity"] == "error")
}

/// How many bytes the records cover, if each starts where the one before ends.
fn covered(records: &[Value]) -> usize {
    records.iter().fold(0, |end, record| {
        assert_eq!(record["offset"], end, "{records:#?}");
        end + record["length"].as_u64().unwrap() as usize
    })
}
