//! Single Noxu messages: vectors written by the published crates, and bytes that they refuse.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod noxu;

use noxu::{Piece, agrees, bytes, codes, decode, lines};
use serde_json::Value;
use wirectl::model::Direction;

/// The protocol to force for a vector: log entries do not say their type.
fn protocol_of(vector: &Value) -> String {
    let name = vector["protocol"].as_str().unwrap();
    match name {
        "noxu.logentry" => format!("{name}.{}", vector["type"].as_str().unwrap()),
        _ => name.to_owned(),
    }
}

fn reads_as(vector: &Value, record: &Value) -> bool {
    record["protocol"] == vector["protocol"]
        && record["type"] == vector["type"]
        && agrees(&vector["body"], &record["body"])
}

#[test]
fn every_vector_decodes_to_its_values() {
    for vector in lines("vectors.ndjson") {
        let message = bytes(&vector["hex"]);
        let protocol = protocol_of(&vector);
        let records = decode(Some(&protocol), true, &[Piece::message(&message)]);
        assert_eq!(records.len(), 1, "{vector}");
        let record = &records[0];
        let also = &record["inner"]["also"];
        assert!(
            reads_as(&vector, record) || reads_as(&vector, also),
            "{vector}\n{record}"
        );
        let newer = vector["case"] == "cross-version-4.1+-proposal-read-by-3.x";
        if vector["exact"] == Value::Bool(true) {
            assert_eq!(record.get("raw"), None, "{record}");
        } else if !newer {
            assert!(record.get("raw").is_some(), "{record}");
        }
    }
}

#[test]
fn vectors_behind_a_length_prefix_decode_to_the_same_values() {
    for vector in lines("vectors.ndjson") {
        let alone = matches!(
            vector["protocol"].as_str(),
            Some("noxu.service" | "noxu.logentry")
        );
        // With trailing bytes, the whole may be another message exactly.
        if alone || vector["exact"] == Value::Bool(false) {
            continue;
        }
        let message = bytes(&vector["hex"]);
        let mut frame = (message.len() as u32).to_le_bytes().to_vec();
        frame.extend_from_slice(&message);
        let protocol = protocol_of(&vector);
        let records = decode(Some(&protocol), true, &[Piece::message(&frame)]);
        let record = &records[0];
        let also = &record["inner"]["also"];
        assert!(
            reads_as(&vector, record) || reads_as(&vector, also),
            "{vector}\n{record}"
        );
        assert_eq!(record["header"]["prefixed"], Value::Bool(true), "{record}");
    }
}

#[test]
fn vectors_are_recognized_without_being_told() {
    let mut missed = Vec::new();
    for vector in lines("vectors.ndjson") {
        if vector["protocol"] == "noxu.logentry" {
            continue;
        }
        let message = bytes(&vector["hex"]);
        let records = decode(None, true, &[Piece::message(&message)]);
        let record = &records[0];
        let also = &record["inner"]["also"];
        if !reads_as(&vector, record) && !reads_as(&vector, also) {
            missed.push(vector["hex"].clone());
        }
    }
    // Eight bytes are a feeder's acknowledgement, exactly; that they are also a RestoreResponse
    // with trailing bytes counts for less.
    assert_eq!(missed, ["07f49037d88898a1"]);
}

#[test]
fn what_stays_undecidable_is_shown_with_both_readings() {
    let cases = [
        ("06e703000000000000", "noxu.protocol", "noxu.syncup"),
        ("06ffffffffffffffff", "noxu.syncup", "noxu.protocol"),
        ("00", "noxu.feeder", "noxu.admin"),
    ];
    for (message, first, second) in cases {
        let message = hex::decode(message).unwrap();
        let records = decode(None, true, &[Piece::message(&message)]);
        assert_eq!(records[0]["protocol"], first);
        assert_eq!(records[0]["inner"]["also"]["protocol"], second);
        assert!(codes(&records[0]).contains(&"ambiguous-message"));
    }
}

#[test]
fn zero_bytes_are_no_noxu_messages() {
    let zeros = [0; 4096];
    let records = decode(None, false, &[Piece::dump(&zeros)]);
    assert!(records.iter().all(|record| record["protocol"] == "unknown"));
}

#[test]
fn an_acknowledgement_is_no_shutdown() {
    let ack = hex::decode("0c03000000000000").unwrap();
    let records = decode(None, true, &[Piece::message(&ack)]);
    assert_eq!(records[0]["type"], "Ack");
    let shutdown = hex::decode("0c03000000627965").unwrap();
    let records = decode(None, true, &[Piece::message(&shutdown)]);
    assert_eq!(records[0]["type"], "Shutdown");
}

#[test]
fn every_refused_message_has_an_issue() {
    for vector in lines("bad.ndjson") {
        let message = bytes(&vector["hex"]);
        let why = vector["why"].as_str().unwrap();
        // An empty message exists only in a frame.
        let mut frame = message.clone();
        if message.is_empty() {
            frame = (message.len() as u32).to_le_bytes().to_vec();
            frame.extend_from_slice(&message);
        }
        let protocol = vector["protocol"].as_str().unwrap();
        let direction = match vector["direction"].as_str() {
            Some("feeder->replica" | "server->client") => Some(Direction::ServerToClient),
            Some(_) => Some(Direction::ClientToServer),
            None => None,
        };
        let piece = Piece {
            direction,
            ..Piece::message(&frame)
        };
        let records = decode(Some(protocol), true, &[piece]);
        let found = codes(&records[0]);
        assert!(!found.is_empty(), "{vector}");
        if let Some(code) = expected_code(protocol, why) {
            assert!(found.contains(&code), "{code}: {vector}\n{}", records[0]);
        }
    }
}

fn expected_code(protocol: &str, why: &str) -> Option<&'static str> {
    let rules: [(&str, &str, &'static str); 14] = [
        ("noxu.protocol", "unknown message tag", "unknown-tag"),
        ("noxu.protocol", "invalid UTF-8", "invalid-utf8"),
        ("noxu.protocol", "unknown node type", "invalid-enum"),
        ("noxu.protocol", "unknown change type", "invalid-enum"),
        ("noxu.protocol", "runs past the end", "truncated-message"),
        ("noxu.protocol", "empty message", "empty-message"),
        ("noxu.syncup", "unknown opcode", "unknown-opcode"),
        ("noxu.syncup", "truncated", "truncated-message"),
        ("noxu.feeder", "CRC32 mismatch", "crc-mismatch"),
        (
            "noxu.feeder",
            "unknown log entry type",
            "unknown-entry-type",
        ),
        ("noxu.feeder", "payload truncated", "payload-length"),
        ("noxu.admin", "unknown command", "unknown-command"),
        ("noxu.restore", "unsafe file name", "unsafe-file-name"),
        ("noxu.service", "name length", "oversize-length"),
    ];
    rules
        .into_iter()
        .find(|(name, part, _)| *name == protocol && why.contains(part))
        .map(|(_, _, code)| code)
}

#[test]
fn a_restore_describes_its_files_and_dumps_them_once() {
    let mut header = b"NOXUDB\0\0".to_vec();
    header.extend_from_slice(&3u32.to_be_bytes());
    header.extend_from_slice(&[0; 4]);
    header.extend_from_slice(&1_795_175_699_542u64.to_be_bytes());
    header.extend_from_slice(&7u32.to_be_bytes());
    header.extend_from_slice(&0u32.to_be_bytes());
    header.extend_from_slice(&crc32fast::hash(&header).to_be_bytes());
    let mut response = 1u32.to_le_bytes().to_vec();
    response.extend_from_slice(&12u16.to_le_bytes());
    response.extend_from_slice(b"00000007.ndb");
    response.extend_from_slice(&(header.len() as u64).to_le_bytes());
    response.extend_from_slice(&header);
    response.extend_from_slice(&crc32fast::hash(&header).to_le_bytes());
    let records = decode(Some("noxu.restore"), true, &[Piece::message(&response)]);
    let record = &records[0];
    assert_eq!(record["header"]["layout"], "4.1");
    assert_eq!(record["body"]["files"][0]["name"], "00000007.ndb");
    let described = &record["inner"]["files"][0]["data"]["log_file_header"];
    assert_eq!(described["version"], 3);
    assert_eq!(described["file_number"], 7);
    assert_eq!(codes(record), [""; 0]);
}
