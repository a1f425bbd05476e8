//! Contents of opaque fields, written by the published crates, read inside whole frames.
//!
//! `data/sync-inner.ndjson`: `kind`, `hex` (the content), `decoded` (its values).

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
use wirectl::protocol::Settings;

const LINES: &str = include_str!("data/sync-inner.ndjson");

#[test]
fn contents_of_the_published_crates_read_as_their_values() {
    let mut read = 0;
    for line in LINES.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let kind = line["kind"].as_str().unwrap();
        let content = hex::decode(line["hex"].as_str().unwrap()).unwrap();
        let Some((frame, path)) = carry(kind, &content) else {
            continue;
        };
        let record = decode(&frame);
        let found = &record["inner"].pointer(path).unwrap_or(&Value::Null);
        let mut expected = line["decoded"].clone();
        if kind == "loro" {
            // What lies below the header is Loro's own.
            let fields = expected.as_object_mut().unwrap();
            fields.retain(|name, _| ["magic", "mode", "checksum_ok", "xxh32"].contains(&&**name));
            for (name, value) in fields {
                assert_eq!(&found[&**name], value, "{record}");
            }
        } else {
            assert_eq!(**found, expected, "{record}");
        }
        assert_eq!(issues(&record), [""; 0], "{record}");
        read += 1;
    }
    assert_eq!(read, 96);
}

#[test]
fn damaged_contents_are_findings_and_never_more() {
    let mut tried = 0;
    for line in LINES.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let kind = line["kind"].as_str().unwrap();
        let content = hex::decode(line["hex"].as_str().unwrap()).unwrap();
        // Every prefix, and a flipped bit in every byte.
        for at in 0..content.len().min(200) {
            let mut flipped = content.clone();
            flipped[at] ^= 1 << (at % 8);
            for damaged in [&content[..at], &flipped] {
                let fixed = kind == "hlc18" && damaged.len() != 18;
                let Some((frame, _)) = carry(kind, damaged).filter(|_| !fixed) else {
                    continue;
                };
                let record = decode(&frame);
                assert_eq!(record["length"], frame.len());
                assert!(record.get("raw").is_none(), "{record}");
                tried += 1;
            }
        }
    }
    assert!(tried > 10_000, "{tried}");
}

/// A frame that carries `content`, and where its values appear in the record's `inner`. None for
/// what no field holds as such: array schemas (inside Loro's body), signatures, stream ids.
fn carry(kind: &str, content: &[u8]) -> Option<(Vec<u8>, &'static str)> {
    Some(match kind {
        "hlc18" => (
            message(0x97, 2, |out| {
                mp::write_text(out, b"a");
                integers(out, content);
            }),
            "/from_hlc_bytes",
        ),
        "gorilla" => (timeseries_push(content), "/val_block"),
        "array_op" => (
            message(0x91, 2, |out| {
                mp::write_text(out, b"a");
                mp::write_array(out, 1);
                integers(out, content);
            }),
            "/op_payloads/0",
        ),
        "array_op_batch" => (
            message(0x93, 5, |out| {
                mp::write_text(out, b"a");
                integers(out, &[0; 18]);
                mp::write_unsigned(out, 0);
                mp::write_unsigned(out, 1);
                mp::write_binary(out, content);
            }),
            "/payload",
        ),
        "array_snapshot_header" => (
            message(0x92, 2, |out| {
                mp::write_text(out, b"a");
                mp::write_binary(out, content);
            }),
            "/header_payload",
        ),
        "value" => (
            columnar_insert(&[&[0x91], content].concat(), &[]),
            "/rows/0/0",
        ),
        "columnar_row" => (columnar_insert(content, &[]), "/rows/0"),
        "columnar_schema" => (columnar_insert(&[], content), "/schema_bytes"),
        "geometry" => (
            message(0xAA, 9, |out| {
                for _ in 0..4 {
                    mp::write_text(out, b"a");
                }
                mp::write_binary(out, content);
                for _ in 0..4 {
                    mp::write_unsigned(out, 0);
                }
            }),
            "/geometry_bytes",
        ),
        "predicate" => (
            shape_subscribe(content),
            "/shape/shape_type/Document/predicate",
        ),
        "loro" => (
            message(0x10, 12, |out| {
                mp::write_text(out, b"a");
                mp::write_text(out, b"b");
                mp::write_binary(out, content);
                mp::write_unsigned(out, 1);
                mp::write_unsigned(out, 2);
                mp::write_unsigned(out, crc32c::crc32c(content).into());
                mp::write_nil(out);
                for _ in 0..4 {
                    mp::write_unsigned(out, 0);
                }
                integers(out, &[0; 32]);
            }),
            "/delta",
        ),
        _ => return None,
    })
}

fn timeseries_push(block: &[u8]) -> Vec<u8> {
    let count = block
        .first_chunk()
        .map_or(0, |count| u32::from_le_bytes(*count));
    message(0x40, 13, |out| {
        mp::write_text(out, b"lite");
        mp::write_unsigned(out, 1);
        mp::write_text(out, b"c");
        mp::write_binary(out, &[]);
        mp::write_binary(out, block);
        mp::write_binary(out, &[]);
        mp::write_unsigned(out, count.into());
        mp::write_signed(out, 0);
        mp::write_signed(out, 0);
        mp::write_map(out, 0);
        for _ in 0..3 {
            mp::write_unsigned(out, 0);
        }
    })
}

fn columnar_insert(row: &[u8], schema: &[u8]) -> Vec<u8> {
    message(0xA0, 8, |out| {
        mp::write_text(out, b"lite");
        mp::write_text(out, b"c");
        mp::write_array(out, 1);
        integers(out, row);
        mp::write_unsigned(out, 1);
        mp::write_binary(out, schema);
        for _ in 0..3 {
            mp::write_unsigned(out, 0);
        }
    })
}

fn shape_subscribe(predicate: &[u8]) -> Vec<u8> {
    message(0x20, 1, |out| {
        mp::write_array(out, 5);
        mp::write_text(out, b"shape");
        mp::write_unsigned(out, 1);
        mp::write_array(out, 2);
        mp::write_text(out, b"Document");
        mp::write_array(out, 2);
        mp::write_text(out, b"c");
        mp::write_binary(out, predicate);
        mp::write_text(out, b"");
        mp::write_array(out, 0);
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

/// Bytes as zerompk spells them inside lists and fixed arrays.
fn integers(out: &mut Vec<u8>, bytes: &[u8]) {
    mp::write_array(out, bytes.len());
    for byte in bytes {
        mp::write_unsigned(out, u64::from(*byte));
    }
}

fn decode(frame: &[u8]) -> Value {
    let mut out = Vec::new();
    let mut sink = Json::new(&mut out, false);
    let mut pipeline = Pipeline::new(&mut sink, Selection::default());
    let mut connection = Connection::new(None, Settings::default());
    let chunk = Chunk {
        bytes: frame,
        offset: 0,
        whole: true,
        ended: true,
        origin: &Origin::default(),
    };
    pipeline.feed(&mut connection, &chunk).unwrap();
    sink.flush().unwrap();
    drop(sink);
    serde_json::from_slice(&out).unwrap()
}

fn issues(record: &Value) -> Vec<&str> {
    let issues = record["issues"].as_array();
    issues
        .into_iter()
        .flatten()
        .map(|issue| issue["code"].as_str().unwrap())
        .collect()
}
