//! Noxu connections of which packets are missing: what is whole is found, nothing else is said.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a panic is a failed test"
)]

mod net;

use net::Talk;
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};

/// Packets of the handshake.
const HANDSHAKE: usize = 3;

/// Who sends: the client?
type Sent = (bool, Vec<u8>);

/// The frame in two writes, as nodes send it.
fn frame(from_client: bool, payload: &[u8]) -> [Sent; 2] {
    let length = (payload.len() as u32).to_le_bytes().to_vec();
    [(from_client, length), (from_client, payload.to_vec())]
}

fn entry(vlsn: u64) -> Vec<u8> {
    let matchpoint = [vlsn.to_be_bytes(), vlsn.to_be_bytes()].concat();
    let mut entry = vlsn.to_le_bytes().to_vec();
    entry.push(61);
    entry.extend((matchpoint.len() as u32).to_le_bytes());
    entry.extend(crc32fast::hash(&matchpoint).to_le_bytes());
    entry.extend(matchpoint);
    entry
}

fn packets(writes: &[Sent]) -> Vec<Vec<u8>> {
    let mut talk = Talk::midway(1_000, 5_000);
    talk.server = (2, 14_001);
    talk.handshake();
    for (from_client, bytes) in writes {
        match from_client {
            true => talk.client(bytes),
            false => talk.server(bytes),
        }
    }
    talk.close();
    talk.packets
}

/// A capture of raw IP packets, a millisecond apart.
fn capture<'a>(packets: impl Iterator<Item = &'a Vec<u8>>) -> Vec<u8> {
    let mut capture = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    capture.extend(262_144_u32.to_le_bytes());
    capture.extend(101_u32.to_le_bytes());
    for (number, packet) in (0_u32..).zip(packets) {
        let length = packet.len() as u32;
        for word in [1_700_000_000, number * 1_000, length, length] {
            capture.extend(word.to_le_bytes());
        }
        capture.extend(packet);
    }
    capture
}

fn records(capture: &[u8]) -> Vec<Value> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_wirectl"))
        .args(["pcap", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(capture).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn codes(record: &Value) -> Vec<&str> {
    let issues = record["issues"].as_array().into_iter().flatten();
    issues
        .map(|issue| issue["code"].as_str().unwrap())
        .collect()
}

fn span(record: &Value) -> (u64, u64) {
    let start = record["offset"].as_u64().unwrap();
    (start, start + record["length"].as_u64().unwrap())
}

/// What a message says, wherever it stands in the file and whenever it was seen.
fn content(record: &Value) -> Value {
    let mut record = record.clone();
    let members = record.as_object_mut().unwrap();
    for name in ["n", "number", "seq", "time"] {
        members.remove(name);
    }
    record
}

/// Loses one write after the other, but not those in `kept`.
fn lose_each(writes: &[Sent], kept: &[usize]) {
    let packets = packets(writes);
    let whole = records(&capture(packets.iter()));
    for (lost, (from_client, bytes)) in writes.iter().enumerate() {
        if kept.contains(&lost) {
            continue;
        }
        let direction = if *from_client { "c2s" } else { "s2c" };
        let before = writes[..lost]
            .iter()
            .filter(|write| write.0 == *from_client);
        let start = before.map(|write| write.1.len() as u64).sum::<u64>();
        let end = start + bytes.len() as u64;
        let torn = |record: &Value| {
            let (from, to) = span(record);
            record["direction"] == direction && from < end && start < to
        };
        let left = packets.iter().enumerate();
        let left = left.filter(|(number, _)| *number != lost + HANDSHAKE);
        let found = records(&capture(left.map(|(_, packet)| packet)));
        let contents: Vec<Value> = found.iter().map(content).collect();
        for record in whole.iter().filter(|record| !torn(record)) {
            assert!(
                contents.contains(&content(record)),
                "write {lost}: no {record}\n{found:#?}"
            );
        }
        for record in &found {
            let codes = codes(record);
            let known = whole.iter().any(|known| content(known) == content(record));
            let is_rest = record["type"] == "unknown" || codes == ["incomplete-frame"];
            let is_gap = codes == ["missing-bytes"];
            assert!(known || is_rest || is_gap, "write {lost}: {record}");
        }
        let holes: Vec<&str> = found
            .iter()
            .filter(|record| codes(record) == ["missing-bytes"])
            .map(|record| record["issues"][0]["message"].as_str().unwrap())
            .collect();
        let text = format!("{} bytes are not in the capture", bytes.len());
        assert_eq!(holes, [text], "write {lost}");
    }
}

#[test]
fn one_lost_write_of_a_feeder_stream_costs_one_message() {
    let mut writes = Vec::new();
    writes.extend(frame(true, b"PEER_FEEDER"));
    writes.extend(frame(true, &0_u64.to_le_bytes()));
    writes.extend(frame(false, &[0]));
    for vlsn in 1..24_u64 {
        writes.extend(frame(false, &entry(vlsn)));
        writes.extend(frame(true, &vlsn.to_le_bytes()));
    }
    lose_each(&writes, &[]);
}

#[test]
fn what_is_left_of_a_frame_before_a_hole_holds_no_others() {
    let mut writes = Vec::new();
    writes.extend(frame(true, b"PEER_FEEDER"));
    writes.extend(frame(true, &0_u64.to_le_bytes()));
    writes.extend(frame(false, &[0]));
    let entries: Vec<u8> = (1..9)
        .flat_map(|vlsn| frame(false, &entry(vlsn)))
        .flat_map(|(_, bytes)| bytes)
        .collect();
    writes.extend(entries.chunks(7).map(|piece| (false, piece.to_vec())));
    lose_each(&writes, &[]);
}

#[test]
fn one_lost_write_of_a_syncup_costs_one_message() {
    let number = |opcode: u8, value: i64| {
        let mut message = vec![opcode];
        message.extend(value.to_le_bytes());
        message
    };
    let found = |vlsn: i64| {
        let mut message = number(2, vlsn);
        message.extend([0x44; 16]);
        message.push(1);
        message
    };
    let mut writes = Vec::new();
    writes.extend(frame(true, b"REP_SYNCUP"));
    for vlsn in [5, 4, 3] {
        writes.extend(frame(true, &number(1, vlsn)));
        writes.extend(frame(false, &[3]));
    }
    writes.extend(frame(true, &number(1, 2)));
    writes.extend(frame(false, &found(2)));
    writes.extend(frame(true, &number(6, 2)));
    writes.extend(frame(false, &[7]));
    lose_each(&writes, &[]);
}

#[test]
fn a_command_is_understood_without_the_length_of_the_service_name() {
    let mut writes = Vec::new();
    writes.extend(frame(true, b"ADMIN"));
    writes.extend(frame(true, &[2]));
    writes.extend(frame(false, &[0]));
    let packets = packets(&writes);
    let left = packets.iter().enumerate();
    let left = left.filter(|(number, _)| *number != HANDSHAKE);
    let records = records(&capture(left.map(|(_, packet)| packet)));
    let command = records.iter().find(|record| record["offset"] == 9);
    assert_eq!(command.unwrap()["type"], "ShutdownGroup");
    let name = records.iter().find(|record| record["offset"] == 4).unwrap();
    assert_eq!(codes(name), ["unknown-bytes"]);
    // Without name and length, the answer could be that of a feeder.
    lose_each(&writes, &[0, 1]);
}

#[test]
fn what_follows_a_hole_in_an_unknown_service_is_read_as_before() {
    let mut writes = Vec::new();
    writes.extend(frame(true, b"NODES"));
    for vlsn in 1..9_u64 {
        let beat = [&[3][..], &vlsn.to_le_bytes(), &vlsn.to_le_bytes()].concat();
        let logged = [&[5][..], &vlsn.to_le_bytes(), &[60, 2, 0, 0, 0, 1, 2]].concat();
        let applied = [&[6][..], &vlsn.to_le_bytes()].concat();
        writes.extend(frame(false, &beat));
        writes.extend(frame(false, &logged));
        writes.extend(frame(true, &applied));
    }
    lose_each(&writes, &[0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn acknowledgments_are_not_judged_by_entries_that_are_missing() {
    let mut writes = Vec::new();
    writes.extend(frame(true, b"PEER_FEEDER"));
    writes.extend(frame(true, &0_u64.to_le_bytes()));
    writes.extend(frame(false, &[0]));
    for vlsn in 1..60_u64 {
        writes.extend(frame(false, &entry(vlsn)));
        writes.extend(frame(true, &vlsn.to_le_bytes()));
    }
    let packets = packets(&writes);
    let found = |lost: &[usize]| {
        let left = packets.iter().enumerate();
        let left = left.filter(|(number, _)| !lost.contains(number));
        records(&capture(left.map(|(_, packet)| packet)))
    };
    // The entry with VLSN 20: its prefix, itself, both, and with its acknowledgment's prefix.
    let at = HANDSHAKE + 6 + 19 * 4;
    for lost in [&[at][..], &[at + 1], &[at, at + 1], &[at, at + 2]] {
        let records = found(lost);
        let false_codes = ["ack-beyond-sent", "ack-regression", "vlsn-gap"];
        let is_false =
            |record: &&Value| codes(record).iter().any(|code| false_codes.contains(code));
        let wrong = records.iter().find(is_false);
        assert_eq!(wrong, None, "without {lost:?}");
    }
    // What is certain is still said.
    let mut early = writes.clone();
    let last = early.len() - 1;
    early[last].1 = 900_u64.to_le_bytes().to_vec();
    let all = self::packets(&early);
    let records = records(&capture(all.iter()));
    let beyond = |record: &Value| codes(record).contains(&"ack-beyond-sent");
    assert!(records.iter().any(beyond));
}
