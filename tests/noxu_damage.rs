//! Damaged Noxu messages: what is wrong is said, whether the user tells the service or not, and
//! nothing of the kind is said of sound ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod noxu;

use noxu::{Piece, bytes, codes, decode, lines};
use serde_json::Value;

/// What a refused message's issue is called, by a part of why it is refused; first come, first
/// served.
const CODES: [(&str, &str); 27] = [
    ("unknown message tag", "unknown-tag"),
    ("unknown opcode", "unknown-opcode"),
    ("unknown node type", "invalid-enum"),
    ("unknown change type", "invalid-enum"),
    ("string length", "truncated-message"),
    ("past the end", "truncated-message"),
    ("truncated to", "truncated-message"),
    ("short frame", "short-frame"),
    ("payload truncated", "payload-length"),
    ("one past the frame", "payload-length"),
    ("payload_len 0xffffffff", "payload-length"),
    ("CRC32 mismatch", "crc-mismatch"),
    ("one short (CRC covers", "crc-mismatch"),
    ("unknown log entry type", "unknown-entry-type"),
    ("service name length", "oversize-length"),
    ("shorter than 9 bytes", "truncated-message"),
    ("unknown command", "unknown-command"),
    ("unknown service", "unknown-service"),
    ("case sensitive", "unknown-service"),
    ("truncated length", "incomplete-frame"),
    ("truncated name", "incomplete-frame"),
    ("big-endian", "bad-magic"),
    ("short magic", "truncated-message"),
    ("file count", "truncated-message"),
    ("record missing", "truncated-message"),
    ("file_count larger", "truncated-message"),
    ("unsafe file name", "unsafe-file-name"),
];

/// The expected code; none for what is a sound message all the same.
fn expected(vector: &Value) -> Option<&'static str> {
    let why = vector["why"].as_str().unwrap();
    let sound = [
        // A feeder's answer, and an acknowledgement.
        "short frame: 1 of",
        "short frame: 8 of",
        // Just the length of the older layout.
        "truncated to 30 of 38",
        "read by 4.1+",
        // A rule of connections, not of messages.
        "VLSN gap",
    ];
    if sound.iter().any(|part| why.contains(part)) {
        return None;
    }
    let known = CODES.iter().find(|(part, _)| why.contains(part));
    let code = known.map(|(_, code)| *code);
    code.or_else(|| why.contains("UTF-8").then_some("invalid-utf8"))
}

fn refused() -> Vec<(Vec<u8>, Value)> {
    let lines = lines("bad.ndjson").into_iter();
    lines
        .map(|vector| (bytes(&vector["hex"]), vector))
        .filter(|(message, _)| !message.is_empty())
        .collect()
}

fn alone(protocol: Option<&str>, message: &[u8]) -> Value {
    let mut records = decode(protocol, true, &[Piece::message(message)]);
    assert_eq!(records.len(), 1, "{records:?}");
    records.remove(0)
}

/// How bad the worst issue with `code` is; any issue if there is none.
fn severity<'a>(record: &'a Value, code: Option<&str>) -> Option<&'a str> {
    let issues = record["issues"].as_array()?.iter();
    issues
        .filter(|issue| code.is_none_or(|code| issue["code"] == code))
        .filter_map(|issue| issue["severity"].as_str())
        .max_by_key(|name| ["note", "warning", "error"].iter().position(|s| s == name))
}

fn found<'a>(record: &'a Value, code: &str) -> Option<&'a str> {
    severity(record, Some(code))
}

#[test]
fn what_is_refused_is_an_error_if_the_service_is_told() {
    for (message, vector) in refused() {
        let Some(code) = expected(&vector) else {
            continue;
        };
        let record = alone(vector["protocol"].as_str(), &message);
        let least = match code {
            "unknown-service" => "note",
            "unknown-command" | "incomplete-frame" => "warning",
            _ => "error",
        };
        assert_eq!(found(&record, code), Some(least), "{vector}\n{record}");
    }
}

#[test]
fn what_is_refused_has_its_code_if_only_noxu_is_told() {
    let (mut errors, mut all) = (0, 0);
    for (message, vector) in refused() {
        let Some(code) = expected(&vector) else {
            continue;
        };
        // Four zero bytes are a restore without files; what is cut off after two bytes may be
        // anything.
        if message == [0; 4] || code == "incomplete-frame" && message.len() < 4 {
            continue;
        }
        let record = alone(Some("noxu"), &message);
        let worst = found(&record, code);
        assert!(worst.is_some(), "{code}: {vector}\n{record}");
        all += 1;
        errors += u32::from(worst == Some("error"));
    }
    // The others are sound messages of another service, or those with a few bytes left over.
    assert_eq!((errors, all), (281, 314));
}

#[test]
fn what_is_refused_is_no_sound_message_if_nothing_is_told() {
    let (mut silent, mut own) = (0, 0);
    for (message, vector) in refused() {
        let Some(code) = expected(&vector) else {
            continue;
        };
        let record = alone(None, &message);
        let ours = record["protocol"].as_str().unwrap().starts_with("noxu");
        let error = severity(&record, None) == Some("error");
        // Few bytes say nothing of Noxu; other protocols may know them.
        assert!(ours || error, "{vector}\n{record}");
        if ours && found(&record, code).is_some() {
            own += 1;
        } else if !error {
            silent += 1;
        }
    }
    assert_eq!(silent, 1, "a restore without files");
    assert!(own >= 170, "{own}");
}

fn prefixed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap();
    [&length.to_le_bytes()[..], message].concat()
}

#[test]
fn sound_messages_behind_their_length_have_no_errors() {
    for protocol in [None, Some("noxu")] {
        for vector in lines("vectors.ndjson") {
            let own = vector["protocol"].as_str().unwrap();
            if ["noxu.logentry", "noxu.service"].contains(&own) || vector["case"] == "null-vlsn" {
                continue;
            }
            let message = prefixed(&bytes(&vector["hex"]));
            let record = alone(protocol, &message);
            assert_ne!(severity(&record, None), Some("error"), "{vector}\n{record}");
        }
    }
}

#[test]
fn a_message_without_bytes_left_over_is_preferred() {
    let record = alone(None, &prefixed(&[0x08, 0xc4]));
    assert_eq!(record["type"], "GroupChangeResponse", "{record}");
    assert_eq!(record["header"]["prefixed"], true, "{record}");
}

#[test]
fn sound_messages_have_no_errors() {
    for protocol in [None, Some("noxu"), Some("")] {
        for vector in lines("vectors.ndjson") {
            let own = vector["protocol"].as_str().unwrap();
            if own == "noxu.logentry" || vector["case"] == "null-vlsn" {
                continue;
            }
            let told = protocol.map(|name| if name.is_empty() { own } else { name });
            let message = bytes(&vector["hex"]);
            let record = alone(told, &message);
            assert_ne!(severity(&record, None), Some("error"), "{vector}\n{record}");
        }
    }
}

#[test]
fn a_vlsn_behind_its_length_is_no_damaged_greeting() {
    for vlsn in [u64::MAX, u64::MAX - 1] {
        let message = [&8_u32.to_le_bytes()[..], &vlsn.to_le_bytes()].concat();
        for protocol in [None, Some("noxu")] {
            let record = alone(protocol, &message);
            assert_eq!(record["protocol"], "noxu.feeder", "{record}");
            assert_ne!(severity(&record, None), Some("error"), "{record}");
        }
    }
}

#[test]
fn damaged_messages_are_preferred_to_others_with_bytes_left_over() {
    let cases = [
        // Cut off.
        (
            "0700050000006e6f646531000800000031302e30",
            "GroupChange",
            "truncated-message",
            "RestoreResponse",
        ),
        (
            "0564000000000000000d05000000010203",
            "LogEntry",
            "truncated-message",
            "StartStream",
        ),
        (
            "0200010e00000067726f7570206d69736d",
            "HandshakeResponse",
            "truncated-message",
            "ShutdownGroup",
        ),
        (
            "0229000000000000000010000003000000f1",
            "Entry",
            "truncated-message",
            "HandshakeResponse",
        ),
        // All bytes may be read as a command, too, to a master with a control character in its name.
        (
            "01050000006e6f646531080000006d795f67",
            "Handshake",
            "truncated-message",
            "TransferMaster",
        ),
        // A wrong value.
        (
            "0709050000006e6f646531000800000031302e302e302e35b13607000000",
            "GroupChange",
            "invalid-enum",
            "RestoreResponse",
        ),
        (
            "01050000006e6f646531080000006d795f67726f757009",
            "Handshake",
            "invalid-enum",
            "TransferMaster",
        ),
        // A feeder's entry with a wrong checksum.
        (
            "01000000000000000d0400000000000000010203ff",
            "Entry",
            "crc-mismatch",
            "EntryRequest",
        ),
    ];
    for (message, kind, code, other) in cases {
        let message = hex::decode(message).unwrap();
        let mut frame = (message.len() as u32).to_le_bytes().to_vec();
        frame.extend_from_slice(&message);
        let dump = decode(Some("noxu"), false, &[Piece::dump(&frame)]);
        let records = [
            alone(Some("noxu"), &message),
            alone(Some("noxu"), &frame),
            dump[0].clone(),
        ];
        for record in records {
            assert_eq!(record["type"], kind, "{record}");
            assert_eq!(found(&record, code), Some("error"), "{record}");
            assert_eq!(record["inner"]["also"]["type"], other, "{record}");
            assert!(codes(&record).contains(&"ambiguous-message"), "{record}");
        }
    }
}

#[test]
fn what_may_be_damaged_is_told_as_little_as_it_is_likely() {
    let cases = [
        // As much speaks for a StepDown with bytes left over as for a Heartbeat cut off.
        (
            "033930000000000000c02c",
            "StepDown",
            "truncated-message",
            Some("warning"),
        ),
        // Nothing but the length speaks for an acknowledgement of such a number.
        ("7f2393cbabb3e352", "Ack", "unknown-tag", Some("warning")),
        // Sound as they are, they are also how longer messages begin.
        ("03", "EntryNotFound", "truncated-message", Some("note")),
        (
            "052a00000000000000",
            "StartStream",
            "truncated-message",
            Some("note"),
        ),
        // Not everything that could be cut off is worth a word.
        (
            "012900000000000000",
            "EntryRequest",
            "truncated-message",
            None,
        ),
        (
            "0a050000006e6f6465310140a22ec899010000",
            "ElectionVote",
            "truncated-message",
            None,
        ),
    ];
    for (message, kind, code, severity) in cases {
        let record = alone(Some("noxu"), &hex::decode(message).unwrap());
        assert_eq!(record["type"], kind, "{record}");
        assert_eq!(found(&record, code), severity, "{record}");
    }
}

#[test]
fn a_proposal_that_ends_inside_its_last_field_is_no_old_one() {
    let old = "09050000006e6f6465318813000000000000010000004 0a22ec899010000".replace(' ', "");
    let record = alone(None, &hex::decode(&old).unwrap());
    assert_eq!(record["header"]["layout"], "3.0", "{record}");
    for more in ["24", "24130000", "24130000000000"] {
        let message = hex::decode(format!("{old}{more}")).unwrap();
        for protocol in [None, Some("noxu"), Some("noxu.protocol")] {
            let record = alone(protocol, &message);
            assert_eq!(record["header"]["layout"], "4.1", "{record}");
            assert_eq!(
                found(&record, "truncated-message"),
                Some("error"),
                "{record}"
            );
        }
    }
}

#[test]
fn payloads_of_log_entries_have_no_frames_of_their_own() {
    // The file number of the log position is just the length of what follows, as prefixes are
    // written.
    let matchpoint = hex::decode("0c000000000000010000000000000005").unwrap();
    for protocol in ["noxu.logentry", "noxu.logentry.Matchpoint"] {
        let record = alone(Some(protocol), &matchpoint);
        assert_eq!(record["header"]["prefixed"], false, "{record}");
        assert_eq!(record["body"]["vlsn"], 5, "{record}");
    }
    // Not so if it makes no sense otherwise.
    let mut framed = vec![16, 0, 0, 0];
    framed.extend_from_slice(&matchpoint);
    let record = alone(Some("noxu.logentry.Matchpoint"), &framed);
    assert_eq!(record["header"]["prefixed"], true, "{record}");
    assert_eq!(record["body"]["vlsn"], 5, "{record}");
}

#[test]
fn greetings_that_nodes_refuse_are_told() {
    let long = [&[1, 1, 0, 0][..], &[b'n'; 257]].concat();
    let cases = [
        (long, "oversize-length", "error"),
        (
            hex::decode("ffffffff454c4543").unwrap(),
            "oversize-length",
            "error",
        ),
        (
            hex::decode("02000000fffe").unwrap(),
            "invalid-utf8",
            "error",
        ),
        (
            hex::decode("08000000454c4543").unwrap(),
            "incomplete-frame",
            "warning",
        ),
    ];
    for (message, code, severity) in cases {
        for protocol in [None, Some("noxu")] {
            let record = alone(protocol, &message);
            assert_eq!(record["type"], "ServiceName", "{record}");
            assert_eq!(found(&record, code), Some(severity), "{record}");
        }
    }
}
