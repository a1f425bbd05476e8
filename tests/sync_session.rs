//! What only shows across the messages of one connection.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use serde_json::Value;
use wirectl::codec::messagepack as mp;
use wirectl::model::{Direction, Origin};
use wirectl::output::{Json, Sink};
use wirectl::pipeline::{Chunk, Connection, Pipeline, Selection};
use wirectl::protocol::Settings;

const CLIENT: Option<Direction> = Some(Direction::ClientToServer);
const SERVER: Option<Direction> = Some(Direction::ServerToClient);

type Line = (Option<Direction>, Vec<u8>);

#[test]
fn a_sound_conversation_raises_nothing() {
    let lines = [
        (CLIENT, handshake(1)),
        (SERVER, handshake_ack(true)),
        (CLIENT, ping(1, false)),
        (SERVER, ping(1, true)),
        (CLIENT, kv_push(1, 1)),
        (SERVER, kv_ack(1, 1)),
        (CLIENT, kv_push(2, 2)),
        (CLIENT, kv_push(2, 2)),
        (SERVER, kv_ack(2, 2)),
        (SERVER, kv_ack(2, 2)),
        (SERVER, row(1)),
        (SERVER, row(2)),
    ];
    assert_eq!(codes(&lines), [""; 12]);
}

#[test]
fn the_client_opens_with_a_handshake_and_waits() {
    let lines = [(CLIENT, ping(1, false)), (CLIENT, kv_push(1, 1))];
    assert_eq!(codes(&lines), ["no-handshake", ""]);
    let lines = [(CLIENT, handshake(1)), (CLIENT, kv_push(1, 1))];
    assert_eq!(codes(&lines), ["", "not-authenticated"]);
    let lines = [
        (CLIENT, handshake(1)),
        (SERVER, handshake_ack(false)),
        (CLIENT, kv_push(1, 1)),
        (CLIENT, kv_push(2, 2)),
    ];
    assert_eq!(
        codes(&lines),
        ["", "handshake-refused", "not-authenticated", ""]
    );
}

#[test]
fn both_sides_name_the_same_wire_version() {
    let lines = [(CLIENT, handshake(4)), (SERVER, handshake_ack(true))];
    assert_eq!(codes(&lines), ["", "wire-version-mismatch"]);
}

#[test]
fn messages_have_a_direction() {
    let lines = [(SERVER, kv_push(1, 1)), (CLIENT, kv_ack(1, 1))];
    assert_eq!(codes(&lines), ["wrong-direction", "wrong-direction"]);
}

#[test]
fn sequence_numbers_rise_by_one() {
    let lines = opened([
        (CLIENT, kv_push(1, 1)),
        (CLIENT, kv_push(2, 3)),
        (CLIENT, kv_push(3, 2)),
        (CLIENT, kv_push(4, 3)),
    ]);
    assert_eq!(
        codes(&lines),
        ["", "", "", "seq-gap", "seq-regression", "seq-repeat"]
    );
}

#[test]
fn answers_have_a_request_and_applied_numbers_do_not_fall() {
    let lines = opened([
        (CLIENT, kv_push(1, 1)),
        (SERVER, kv_ack(1, 5)),
        (SERVER, kv_ack(1, 4)),
    ]);
    assert_eq!(
        codes(&lines),
        ["", "", "", "", "ack-without-request applied-seq-backwards"]
    );
}

#[test]
fn pings_are_answered_in_order() {
    let lines = opened([
        (CLIENT, ping(1, false)),
        (CLIENT, ping(2, false)),
        (SERVER, ping(2, true)),
        (SERVER, ping(1, true)),
    ]);
    assert_eq!(
        codes(&lines),
        ["", "", "", "", "ping-unanswered", "pong-without-ping"]
    );
}

#[test]
fn rows_and_chunks_come_in_order() {
    let lines = opened([
        (SERVER, row(1)),
        (SERVER, row(3)),
        (SERVER, row(3)),
        (SERVER, row(0)),
    ]);
    assert_eq!(codes(&lines), ["", "", "", "row-gap", "row-repeat", ""]);
    let lines = opened([
        (SERVER, chunk(0, 4)),
        (SERVER, chunk(2, 4)),
        (SERVER, chunk(2, 4)),
        (SERVER, chunk(3, 5)),
        (SERVER, chunk(9, 5)),
    ]);
    assert_eq!(
        codes(&lines),
        [
            "",
            "",
            "",
            "chunk-gap",
            "chunk-repeat",
            "snapshot-changed",
            "chunk-index chunk-gap"
        ]
    );
}

#[test]
fn a_dump_without_beginning_and_directions_stays_quiet() {
    let lines = [
        (None, kv_push(1, 7)),
        (None, kv_push(2, 3)),
        (None, kv_ack(9, 1)),
        (None, ping(1, true)),
        (None, row(5)),
        (None, row(5)),
    ];
    assert_eq!(codes(&lines), [""; 6]);
}

#[test]
fn a_dump_of_one_direction_stays_quiet() {
    let lines = [
        (None, handshake(1)),
        (None, ping(1, false)),
        (None, ping(2, false)),
        (None, kv_push(1, 1)),
        (None, kv_push(2, 2)),
    ];
    assert_eq!(codes(&lines), [""; 5]);
    let lines = [
        (None, handshake_ack(true)),
        (None, ping(1, true)),
        (None, kv_ack(1, 1)),
        (None, kv_ack(2, 2)),
    ];
    assert_eq!(codes(&lines), [""; 4]);
}

fn opened<const COUNT: usize>(lines: [Line; COUNT]) -> Vec<Line> {
    let mut all = vec![(CLIENT, handshake(1)), (SERVER, handshake_ack(true))];
    all.extend(lines);
    all
}

/// The names of what was found, per message.
fn codes(lines: &[Line]) -> Vec<String> {
    let mut out = Vec::new();
    let mut sink = Json::new(&mut out, false);
    let mut pipeline = Pipeline::new(&mut sink, Selection::default());
    let mut connection = Connection::new(None, Settings::default());
    for (direction, frame) in lines {
        let chunk = Chunk {
            bytes: frame,
            offset: 0,
            whole: true,
            ended: true,
            origin: &Origin {
                direction: *direction,
                ..Origin::default()
            },
        };
        pipeline.feed(&mut connection, &chunk).unwrap();
    }
    sink.flush().unwrap();
    drop(sink);
    let records = out.split(|byte| *byte == b'\n');
    records
        .filter(|line| !line.is_empty())
        .map(|line| {
            let record: Value = serde_json::from_slice(line).unwrap();
            let issues = record["issues"].as_array().into_iter().flatten();
            let codes: Vec<_> = issues
                .map(|issue| issue["code"].as_str().unwrap())
                .collect();
            codes.join(" ")
        })
        .collect()
}

fn handshake(wire_version: u64) -> Vec<u8> {
    message(0x01, 7, |out| {
        mp::write_text(out, b"");
        mp::write_map(out, 0);
        mp::write_array(out, 0);
        mp::write_text(out, b"0.1.0");
        mp::write_text(out, b"lite");
        mp::write_unsigned(out, 1);
        mp::write_unsigned(out, wire_version);
    })
}

fn handshake_ack(success: bool) -> Vec<u8> {
    message(0x02, 9, |out| {
        mp::write_bool(out, success);
        mp::write_text(out, b"session");
        mp::write_map(out, 0);
        mp::write_nil(out);
        mp::write_bool(out, false);
        for number in [1, 7, 1] {
            mp::write_unsigned(out, number);
        }
        mp::write_array(out, 32);
        out.extend([0; 32]);
    })
}

fn kv_push(batch: u64, seq: u64) -> Vec<u8> {
    message(0xAE, 8, |out| {
        mp::write_text(out, b"lite");
        mp::write_text(out, b"kv");
        mp::write_binary(out, b"key");
        mp::write_text(out, b"Delete");
        for number in [batch, 7, 1, seq] {
            mp::write_unsigned(out, number);
        }
    })
}

fn kv_ack(batch: u64, applied: u64) -> Vec<u8> {
    message(0xAF, 7, |out| {
        mp::write_text(out, b"kv");
        mp::write_binary(out, b"key");
        mp::write_unsigned(out, batch);
        mp::write_bool(out, true);
        mp::write_nil(out);
        mp::write_unsigned(out, applied);
        mp::write_text(out, b"Applied");
    })
}

fn ping(time: u64, is_pong: bool) -> Vec<u8> {
    message(0xFF, 2, |out| {
        mp::write_unsigned(out, time);
        mp::write_bool(out, is_pong);
    })
}

fn row(sequence: u64) -> Vec<u8> {
    message(0x15, 7, |out| {
        mp::write_text(out, b"docs");
        mp::write_text(out, b"d1");
        mp::write_binary(out, &[0x80]);
        mp::write_text(out, b"Upsert");
        for number in [5, 1, sequence] {
            mp::write_unsigned(out, number);
        }
    })
}

fn chunk(index: u64, total: u64) -> Vec<u8> {
    message(0x93, 5, |out| {
        mp::write_text(out, b"array");
        mp::write_array(out, 18);
        out.extend([1; 18]);
        mp::write_unsigned(out, index);
        mp::write_unsigned(out, total);
        mp::write_binary(out, &[0x90]);
    })
}

/// A v1 frame whose body is an array of `count` elements that `write` writes.
fn message(code: u8, count: usize, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut body = Vec::new();
    mp::write_array(&mut body, count);
    write(&mut body);
    let mut frame = vec![1, code];
    frame.extend_from_slice(&(body.len() as u32).to_le_bytes());
    frame.extend_from_slice(&crc32c::crc32c(&body).to_le_bytes());
    frame.extend_from_slice(&body);
    frame
}
