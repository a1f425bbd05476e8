//! The laws: decoding and encoding again gives the same bytes for every input, encoding and
//! decoding again gives the same record; every byte of every input is accounted for; nothing that
//! comes in brings the decoder down.
//!
//! `WIRECTL_CASES=N` tries N times as many random cases, `WIRECTL_SEED=N` others.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "laws/check.rs"]
mod check;
#[path = "laws/random.rs"]
mod random;
mod records;
mod vectors;

use check::{Delivery, check};
use random::{Random, cases};
use records::{Decoded, of_message};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::Path;
use wirectl::codec::json::Document;
use wirectl::encode::{LineEncoder, encode_record, example};
use wirectl::model::{Issue, Origin, Record, Severity};
use wirectl::output::write_record;
use wirectl::pipeline::Connection;
use wirectl::protocol::{ALL, EncodeOptions, Protocol, Settings, by_name, named};
use wirectl::schema::{MessageType, Versions};

/// The frames of the samples: every message type of every version.
fn frames() -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = Vec::new();
    for bytes in dumps() {
        let records = check(&bytes, None, Delivery::Stream(1 << 16)).unwrap();
        found.extend(records.into_iter().map(|record| record.frame));
    }
    found.sort();
    found.dedup();
    found
}

/// The samples that are byte streams.
fn dumps() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut found = Vec::new();
    for folder in fs::read_dir(root).unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|name| name == "bin") {
                found.push(fs::read(path).unwrap());
            }
        }
    }
    assert!(!found.is_empty());
    found
}

/// Golden vectors and broken frames of all protocols.
fn vectors() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut found = Vec::new();
    for folder in fs::read_dir(root).unwrap().map(|folder| folder.unwrap()) {
        let files = fs::read_dir(folder.path()).into_iter().flatten();
        for file in files.map(|file| file.unwrap()) {
            let (folder, file) = (folder.file_name(), file.file_name());
            let path = format!("{}/{}", folder.to_str().unwrap(), file.to_str().unwrap());
            if path.ends_with(".ndjson.zst") {
                let lines = vectors::lines(&path);
                let with_bytes = lines.iter().filter(|line| line["hex"].is_string());
                found.extend(with_bytes.map(vectors::bytes));
            }
        }
    }
    assert!(found.len() > 4000);
    found.sort();
    found.dedup();
    found
}

/// Checks `bytes` delivered in all ways; panics with the input if a law does not hold.
fn must_hold(bytes: &[u8], deliveries: &[Delivery]) {
    for delivery in deliveries {
        if let Err(what) = check(bytes, None, *delivery) {
            panic!("{delivery:?} of {}: {what}", hex::encode(bytes));
        }
    }
}

const BOTH: [Delivery; 2] = [Delivery::Message, Delivery::Stream(1 << 16)];

#[test]
fn vectors_and_broken_frames_encode_to_the_same_bytes() {
    for frame in vectors() {
        must_hold(&frame, &BOTH);
    }
}

#[test]
fn records_that_have_their_bytes_with_them_encode_to_these() {
    let inputs: Vec<Vec<u8>> = dumps().into_iter().chain(vectors()).collect();
    for bytes in inputs {
        for delivery in BOTH {
            let records = check(&bytes, None, delivery).unwrap();
            for record in records.iter().filter(|record| !record.message.derived) {
                let mut text = Vec::new();
                let shown = Record {
                    number: 0,
                    origin: &Origin::default(),
                    offset: record.offset,
                    frame: &record.frame,
                    message: &record.message,
                };
                write_record(&mut text, &shown, true);
                let encoded = by_document(&text);
                let line = String::from_utf8_lossy(&text);
                assert_eq!(encoded.as_ref(), Some(&record.frame), "{line}");
                let mut frame = Vec::new();
                if LineEncoder::default().encode(&text, &mut frame) {
                    assert_eq!(frame, record.frame, "{line}");
                }
            }
        }
    }
}

#[test]
fn samples_encode_to_the_same_bytes_however_they_come_in() {
    for bytes in dumps() {
        for piece in [1, 2, 7, 100, 1448, 1 << 16] {
            must_hold(&bytes, &[Delivery::Stream(piece)]);
        }
    }
}

#[test]
fn a_stream_decodes_to_the_same_records_however_it_is_cut() {
    for bytes in dumps() {
        // Bytes of no frame may be shown in more or fewer pieces.
        let records = |piece| -> Vec<(u64, Value, Value)> {
            let records = check(&bytes, None, Delivery::Stream(piece)).unwrap();
            let known = records
                .iter()
                .filter(|record| record.message.protocol != "unknown");
            known
                .map(|record| {
                    let value = record.value();
                    // A note may tell of another reading that later bytes rule out.
                    let issues = value["issues"].as_array().into_iter().flatten();
                    let issues = issues.filter(|issue| issue["severity"] != "note");
                    (
                        record.offset,
                        value["body"].clone(),
                        issues.cloned().collect(),
                    )
                })
                .collect()
        };
        let whole = records(1 << 16);
        for piece in [1, 3, 64] {
            assert_eq!(records(piece), whole, "in pieces of {piece}");
        }
    }
}

#[test]
fn every_prefix_of_every_frame_survives() {
    for frame in frames() {
        for end in 0..frame.len() {
            must_hold(&frame[..end], &BOTH);
        }
    }
}

#[test]
fn every_flipped_bit_of_every_frame_survives() {
    for mut frame in frames() {
        for bit in 0..frame.len() * 8 {
            frame[bit / 8] ^= 1 << (bit % 8);
            must_hold(&frame, &[Delivery::Message]);
            frame[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn damaged_streams_survive() {
    let dumps = dumps();
    let mut random = Random::new(1);
    for _ in 0..cases(400) {
        let mut bytes = random.pick(&dumps).clone();
        // A part is as good as the whole, and faster.
        let from = random.below(bytes.len());
        bytes.drain(..from);
        bytes.truncate(1 + random.below(3000));
        random.damage(&mut bytes);
        let piece = 1 + random.below(2000);
        must_hold(&bytes, &[Delivery::Stream(piece)]);
    }
}

#[test]
fn damaged_frames_survive() {
    let mut frames = frames();
    frames.extend(vectors());
    let mut random = Random::new(2);
    for _ in 0..cases(20_000) {
        let mut bytes = random.pick(&frames).clone();
        random.damage(&mut bytes);
        must_hold(&bytes, &[Delivery::Message]);
    }
}

#[test]
fn mixtures_of_frames_of_all_protocols_survive() {
    let frames = frames();
    let mut random = Random::new(3);
    for _ in 0..cases(300) {
        let mut bytes = Vec::new();
        for _ in 0..1 + random.below(12) {
            bytes.extend(random.pick(&frames));
            if random.one_in(4) {
                let count = random.below(40);
                bytes.extend(random.bytes(count));
            }
        }
        must_hold(&bytes, &BOTH);
    }
}

#[test]
fn noise_survives() {
    let mut random = Random::new(4);
    for _ in 0..cases(5000) {
        let count = random.below(200);
        let mut bytes = random.bytes(count);
        // Starts that lead on.
        if random.one_in(2) && !bytes.is_empty() {
            let protocol = *random.pick(ALL);
            if !protocol.messages().is_empty() {
                bytes[0] = random.pick(protocol.messages()).code as u8;
            }
        }
        must_hold(&bytes, &BOTH);
        let protocol = *random.pick(ALL);
        for delivery in BOTH {
            if let Err(what) = check(&bytes, Some(protocol), delivery) {
                panic!(
                    "{} {delivery:?} of {}: {what}",
                    protocol.name(),
                    hex::encode(&bytes)
                );
            }
        }
    }
}

/// How `line` encodes by way of a document; none if it does not.
fn by_document(line: &[u8]) -> Option<Vec<u8>> {
    let mut document = Document::default();
    let length = document.parse(line).ok()??;
    if length != line.len() {
        return None;
    }
    let root = document.root(line).ok()?;
    let mut frame = Vec::new();
    encode_record(root, &EncodeOptions::default(), &mut frame).ok()?;
    Some(frame)
}

/// The records of all vectors, as lines.
fn lines() -> Vec<String> {
    let mut lines = Vec::new();
    for bytes in vectors() {
        let records = check(&bytes, None, Delivery::Message).unwrap();
        lines.extend(records.into_iter().map(|record| record.json));
    }
    lines
}

#[test]
fn lines_as_we_print_them_go_the_fast_way() {
    let all = lines();
    for (protocol, least) in [
        ("sync", 99),
        ("noxu.feeder", 99),
        ("noxu.protocol", 95),
        ("noxu.restore", 99),
        ("rp", 90),
    ] {
        let of_protocol = format!("\"protocol\":\"{protocol}\"");
        let sound = all
            .iter()
            .filter(|line| line.contains(&of_protocol) && !line.contains("\"raw\":\""));
        let mut counts = (0, 0);
        let mut encoder = LineEncoder::default();
        let mut left = Vec::new();
        for line in sound {
            counts.0 += 1;
            let mut frame = Vec::new();
            match encoder.encode(line.as_bytes(), &mut frame) {
                true => counts.1 += 1,
                false if left.len() < 5 => left.push(line.clone()),
                false => {}
            }
        }
        assert!(counts.0 > 5, "{protocol}: {counts:?}");
        assert!(
            counts.1 * 100 >= counts.0 * least,
            "{protocol}: {counts:?} {left:#?}"
        );
    }
}

#[test]
fn the_fast_way_takes_nothing_that_a_document_does_not() {
    let mut random = Random::new(7);
    let lines = lines();
    let pieces: [&[u8]; 16] = [
        b" ",
        b"0",
        b"1",
        b"-",
        b".",
        b"e5",
        b"\"",
        b"\\",
        b"\\u0041",
        b",",
        b"null",
        b"{",
        b"]",
        b"\xff",
        b"\n",
        b"\"raw\":null,",
    ];
    let mut encoder = LineEncoder::default();
    let mut taken = 0;
    for _ in 0..cases(40_000) {
        let mut line = random.pick(&lines).clone().into_bytes();
        if line.len() > 2000 {
            continue;
        }
        for _ in 0..random.below(3) {
            let at = random.below(line.len());
            match random.below(4) {
                0 => drop(line.remove(at)),
                1 => line[at] = random.pick(&pieces)[0],
                2 => drop(line.splice(at..at, random.pick(&pieces).iter().copied())),
                _ => {
                    let end = (at + random.below(30)).min(line.len());
                    let copy = line[at..end].to_vec();
                    drop(line.splice(at..at, copy));
                }
            }
        }
        let mut frame = Vec::new();
        if encoder.encode(&line, &mut frame) {
            taken += 1;
            let shown = String::from_utf8_lossy(&line).into_owned();
            assert_eq!(by_document(&line).as_ref(), Some(&frame), "{shown}");
        } else {
            assert!(frame.is_empty());
        }
    }
    assert!(taken > 1000, "{taken}");
}

/// Encodes `record`, with all that can be computed, and decodes it again.
fn encoded(
    protocol: &'static dyn Protocol,
    record: &Value,
    settings: &Settings,
) -> (Vec<u8>, Decoded) {
    let text = record.to_string();
    let mut document = Document::default();
    document.parse(text.as_bytes()).unwrap();
    let mut frame = Vec::new();
    let root = document.root(text.as_bytes()).unwrap();
    let options = EncodeOptions {
        sync_version: settings.sync_version,
        recompute: true,
        ..EncodeOptions::default()
    };
    if let Err(error) = encode_record(root, &options, &mut frame) {
        panic!("{error}: {text}");
    }
    let mut connection = Connection::new(Some(protocol), settings.clone());
    let mut records = of_message(&frame, &mut connection);
    records.retain(|record| !record.message.derived);
    assert_eq!(records.len(), 1, "{text}");
    (frame, records.remove(0))
}

/// Encodes `record` and decodes it again: the body is the same, and nothing is wrong with it.
fn comes_back(protocol: &'static dyn Protocol, record: &Value, settings: &Settings) {
    let (frame, decoded) = encoded(protocol, record, settings);
    let value = decoded.value();
    let shown = format!("{record}\n  {}\n  {}", hex::encode(&frame), decoded.json);
    assert_eq!(value["type"], record["type"], "{shown}");
    assert!(same(&value["body"], &record["body"]), "{shown}");
    // Checksums of random bytes and the like may well be wrong, and are told.
    let is_error = |issue: &Issue| issue.severity == Severity::Error;
    assert!(!decoded.message.issues.iter().any(is_error), "{shown}");
    assert!(decoded.message.faithful, "{shown}");
    if let Some(header) = record["header"].as_object() {
        for (name, given) in header {
            assert_eq!(&value["header"][name], given, "{shown}");
        }
    }
}

/// Whether two values are the same, floats by their bits.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|((one, left), (other, right))| one == other && same(left, right))
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(one, other)| same(one, other))
        }
        (Value::Number(left), Value::Number(right)) => {
            let bits = |number: &serde_json::Number| number.as_f64().map(f64::to_bits);
            left == right || (left.is_f64() && right.is_f64() && bits(left) == bits(right))
        }
        _ => left == right,
    }
}

#[test]
fn the_example_of_every_sync_type_comes_back() {
    let sync = by_name("sync").unwrap();
    for message in sync.messages() {
        comes_back(
            sync,
            &example(sync, message, None).unwrap(),
            &Settings::default(),
        );
    }
}

/// Whether `found` has all that `given` has; it may say more, which follows.
fn holds(found: &Value, given: &Value) -> bool {
    match (found, given) {
        (Value::Object(found), Value::Object(given)) => given
            .iter()
            .all(|(name, given)| found.get(name).is_some_and(|found| holds(found, given))),
        (Value::Array(found), Value::Array(given)) => {
            found.len() == given.len() && found.iter().zip(given).all(|pair| holds(pair.0, pair.1))
        }
        _ => same(found, given),
    }
}

/// Who reads a record of `protocol`: log entries do not say their type.
fn reader(protocol: &'static dyn Protocol, message: &MessageType) -> &'static dyn Protocol {
    match protocol.name() {
        "noxu.logentry" => by_name(&format!("noxu.logentry.{}", message.name)).unwrap(),
        _ => protocol,
    }
}

/// Encodes `record` and decodes it again: the type and all given values are the same, and what was
/// decoded gives the same bytes.
fn comes_back_with_more(
    protocol: &'static dyn Protocol,
    message: &MessageType,
    record: &Value,
) -> Decoded {
    let (frame, decoded) = encoded(reader(protocol, message), record, &Settings::default());
    let value = decoded.value();
    let shown = format!("{record}\n  {}\n  {}", hex::encode(&frame), decoded.json);
    // Both are eight bytes, and who sent them is not known here.
    let ambiguous =
        protocol.name() == "noxu.feeder" && ["StreamRequest", "Ack"].contains(&message.name);
    if !ambiguous {
        assert_eq!(value["type"], record["type"], "{shown}");
    }
    if protocol.bodies_follow_tables() && !ambiguous {
        assert!(holds(&value["body"], &record["body"]), "{shown}");
    }
    assert_eq!(by_document(decoded.json.as_bytes()), Some(frame), "{shown}");
    decoded
}

#[test]
fn random_noxu_records_of_every_type_come_back() {
    let mut random = Random::new(8);
    let parts = [
        "noxu.protocol",
        "noxu.syncup",
        "noxu.feeder",
        "noxu.admin",
        "noxu.logentry",
        "noxu.restore",
        "noxu.service",
    ];
    let mut types = 0;
    for protocol in named().filter(|protocol| parts.contains(&protocol.name())) {
        for message in protocol.messages() {
            types += 1;
            for _ in 0..cases(20) {
                let record = json!({
                    "protocol": protocol.name(),
                    "type": message.name,
                    "body": random.body(message, message.when),
                });
                let empty = record["body"]
                    .as_object()
                    .is_some_and(|body| body.is_empty());
                if protocol.name() == "noxu.logentry" && empty {
                    continue;
                }
                comes_back_with_more(protocol, message, &record);
            }
        }
    }
    assert!(types > 60, "{types}");
}

#[test]
fn random_pushwire_records_of_every_type_come_back() {
    let mut random = Random::new(9);
    let (rp, rps) = (by_name("rp").unwrap(), by_name("rps").unwrap());
    for (binary, text) in rp.messages().iter().zip(rps.messages()) {
        let tag = wirectl::protocol::rps::tag(text);
        for _ in 0..cases(20) {
            let mut body = Map::new();
            body.extend(tag.map(|(key, word)| (key.to_owned(), json!(word))));
            body.extend(random.described(text, false));
            let record = json!({"protocol": "rps", "type": text.name, "body": body});
            let decoded = comes_back_with_more(rps, text, &record);
            assert!(same(&decoded.value()["body"], &record["body"]), "{record}");
            for encoding in ["msgpack", "cbor"] {
                let mut body = Map::new();
                if encoding == "cbor" {
                    body.extend(tag.map(|(key, word)| (key.to_owned(), json!(word))));
                }
                body.extend(random.described(binary, true));
                let record = json!({
                    "protocol": "rp",
                    "type": binary.name,
                    "header": {"channel": 7, "sequence": 1, "encoding": encoding},
                    "body": body,
                });
                let decoded = comes_back_with_more(rp, binary, &record);
                if encoding == "cbor" || tag.is_none() {
                    assert!(same(&decoded.value()["body"], &record["body"]), "{record}");
                }
            }
        }
    }
}

#[test]
fn the_example_of_every_type_of_every_protocol_comes_back() {
    for protocol in named().filter(|protocol| protocol.name() != "sync") {
        for message in protocol.messages() {
            let record = example(protocol, message, None).unwrap();
            let body = record["body"].as_object().unwrap();
            if !body.is_empty() || protocol.name() != "noxu.logentry" {
                let decoded = comes_back_with_more(protocol, message, &record);
                let is_error = |issue: &Issue| issue.severity == Severity::Error;
                let wrong = decoded.message.issues.iter().any(is_error);
                assert!(!wrong, "{}", decoded.json);
            }
        }
    }
}

/// The examples' values follow the tables only: what else a protocol wants may be wrong with them.
#[test]
fn the_example_of_every_type_encodes() {
    for protocol in named() {
        for message in protocol.messages() {
            let record = example(protocol, message, None).unwrap();
            if record["body"]
                .as_object()
                .is_some_and(|body| body.is_empty())
            {
                continue;
            }
            let (frame, _) = encoded(protocol, &record, &Settings::default());
            must_hold(&frame, &BOTH);
        }
    }
}

/// Every sync message type with every version that has it.
fn sync_types() -> impl Iterator<Item = (&'static MessageType, u32, &'static str)> {
    let sync = by_name("sync").unwrap();
    sync.messages().iter().flat_map(move |message| {
        (0..)
            .zip(sync.versions())
            .filter(|(group, _)| message.when.meets(Versions::only(*group)))
            .map(move |(group, name)| (message, group, *name))
    })
}

#[test]
fn random_sync_records_of_every_type_and_version_come_back() {
    let sync = by_name("sync").unwrap();
    let mut random = Random::new(5);
    for (message, group, name) in sync_types() {
        let settings = Settings {
            sync_version: Some(group),
            ..Settings::default()
        };
        for _ in 0..cases(20) {
            let record = json!({
                "protocol": "sync",
                "type": message.name,
                "header": {"schema": name},
                "body": random.body(message, Versions::only(group)),
            });
            comes_back(sync, &record, &settings);
        }
    }
}

#[test]
fn random_sync_records_decode_to_bytes_that_encode_again() {
    let mut random = Random::new(6);
    let mut stream = Vec::new();
    for (message, group, name) in sync_types() {
        for codec in ["rmp-named", "z-arr", "z-old", "z-new"] {
            let record = json!({
                "protocol": "sync",
                "type": message.name,
                "header": {"schema": name, "codec": codec},
                "body": random.body(message, Versions::only(group)),
            });
            let text = record.to_string();
            let mut document = Document::default();
            document.parse(text.as_bytes()).unwrap();
            let root = document.root(text.as_bytes()).unwrap();
            let mut frame = Vec::new();
            encode_record(root, &EncodeOptions::default(), &mut frame).unwrap();
            // Any codec under any version: odd, but to be told and written back.
            must_hold(&frame, &BOTH);
            stream.extend(frame);
        }
    }
    must_hold(&stream, &[Delivery::Stream(1000)]);
}
