//! Every golden vector of the sync protocol decodes to exactly its values, and of every broken
//! frame it is said what is wrong with it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod records;
mod vectors;

use records::{Decoded, of_message};
use serde_json::Value;
use std::collections::BTreeMap;
use vectors::{bytes, lines};
use wirectl::codec::json::Document;
use wirectl::encode::encode_record;
use wirectl::model::{Issue, Severity};
use wirectl::pipeline::Connection;
use wirectl::protocol::sync::versions;
use wirectl::protocol::{EncodeOptions, Settings, by_name};

/// Decodes one frame as one message of a connection of which nothing else is known.
fn decode(frame: &[u8], settings: Settings) -> Vec<Decoded> {
    of_message(frame, &mut Connection::new(by_name("sync"), settings))
}

fn group(line: &Value) -> u32 {
    match line["crate_version"].as_str().unwrap() {
        "0.1.1" => versions::V0_1,
        "0.2.1" => versions::V0_2,
        name => versions::by_name(name).unwrap(),
    }
}

fn forced(group: u32) -> Settings {
    Settings {
        sync_version: Some(group),
        ..Settings::default()
    }
}

/// Whether two values are the same: order of members aside, numbers by value.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(a, b)| same(a, b))
        }
        (Value::Number(left), Value::Number(right)) => {
            let is_float = |text: &str| text.contains(['.', 'e', 'E']);
            let (left, right) = (left.to_string(), right.to_string());
            left == right
                || (is_float(&left) && is_float(&right))
                    && left.parse::<f64>().unwrap().to_bits()
                        == right.parse::<f64>().unwrap().to_bits()
        }
        _ => left == right,
    }
}

/// What the vectors' random values give cause for: their deltas are no Loro blobs, their blocks no
/// samples, their checksums and flags match nothing. Nothing else may be found.
const RANDOM_CONTENT: &[&str] = &[
    "opaque-undecodable",
    "loro-magic",
    "gorilla-truncated",
    "checksum-mismatch",
    "dimension-mismatch",
    "status-contradicts",
    "seq-zero",
];

/// Whether nothing was found but notes, and what random values give cause for.
fn sound(issues: &[Issue]) -> bool {
    issues.iter().all(|issue| match issue.severity {
        Severity::Note => true,
        Severity::Warning => RANDOM_CONTENT.contains(&issue.code),
        Severity::Error => false,
    })
}

/// Runs `check` over all lines and reports all that fail, not only the first.
fn all(lines: &[Value], check: impl Fn(&Value) -> Result<(), String>) {
    let wrong: Vec<String> = lines
        .iter()
        .filter_map(|line| {
            let what = check(line).err()?;
            let part = |name: &str| line[name].as_str().unwrap_or_default();
            Some(format!(
                "{} {} {} {}: {what}\n    {:.200}",
                part("crate_version"),
                part("type"),
                part("why"),
                part("detail"),
                part("hex")
            ))
        })
        .collect();
    let shown: Vec<&str> = wrong.iter().take(20).map(String::as_str).collect();
    assert!(
        wrong.is_empty(),
        "{} of {} are wrong:\n{}",
        wrong.len(),
        lines.len(),
        shown.join("\n")
    );
}

fn one(frame: &[u8], settings: Settings) -> Result<Decoded, String> {
    let mut records = decode(frame, settings);
    match (records.pop(), records.len()) {
        (Some(record), 0) if record.offset == 0 && record.frame == frame => Ok(record),
        (_, more) => Err(format!("{} records", more + 1)),
    }
}

#[test]
fn every_vector_decodes_to_exactly_its_values() {
    let vectors = lines("sync/vectors.ndjson.zst");
    assert_eq!(vectors.len(), 2388);
    all(&vectors, |vector| {
        let record = one(&bytes(vector), Settings::default())?;
        let value = record.value();
        if value["type"] != vector["type"] || value["protocol"] != "sync" {
            return Err(format!("is {}", value["type"]));
        }
        if !sound(&record.message.issues) || !record.message.faithful {
            return Err(format!("has {:?}", record.message.issues));
        }
        if !same(&value["body"], &vector["body"]) {
            return Err(format!(
                "body {}\nexpected {}",
                value["body"], vector["body"]
            ));
        }
        Ok(())
    });
}

#[test]
fn every_vector_read_as_its_own_version_says_so() {
    all(&lines("sync/vectors.ndjson.zst"), |vector| {
        let group = group(vector);
        let record = one(&bytes(vector), forced(group))?;
        let value = record.value();
        if value["header"]["schema"] != versions::NAMES[group as usize] {
            return Err(format!("is read as {}", value["header"]));
        }
        if !same(&value["body"], &vector["body"]) || !sound(&record.message.issues) {
            return Err(format!("body {}", value["body"]));
        }
        Ok(())
    });
}

#[test]
fn the_newest_version_that_fits_is_shown() {
    all(&lines("sync/vectors.ndjson.zst"), |vector| {
        let frame = bytes(vector);
        let record = one(&frame, Settings::default())?;
        let shown =
            versions::by_name(record.value()["header"]["schema"].as_str().unwrap()).unwrap();
        if shown < group(vector) {
            return Err(format!("is read as group {shown}"));
        }
        for newer in shown + 1..versions::NAMES.len() as u32 {
            let record = one(&frame, forced(newer))?;
            let read = record.value()["header"]["schema"].clone();
            if read == versions::NAMES[newer as usize] && sound(&record.message.issues) {
                return Err(format!("group {newer} fits, but {shown} is shown"));
            }
        }
        Ok(())
    });
}

#[test]
fn the_codec_is_shown_where_the_body_shows_it() {
    all(&lines("sync/vectors.ndjson.zst"), |vector| {
        let frame = bytes(vector);
        let mut record = one(&frame, Settings::default())?.value();
        let shown = record["header"]["codec"].clone();
        if shown == vector["codec"] {
            return Ok(());
        }
        let spelled = |record: &Value| {
            let mut document = Document::default();
            let text = record.to_string();
            document
                .parse(text.as_bytes())
                .map_err(|error| format!("{error:?}"))?;
            let mut out = Vec::new();
            let root = document.root(text.as_bytes()).unwrap();
            encode_record(root, &EncodeOptions::default(), &mut out)
                .map_err(|error| error.to_string())?;
            Ok::<_, String>(out)
        };
        // Another codec, or none, is right where that makes no difference.
        record["header"]["codec"] = vector["codec"].clone();
        let own = spelled(&record)?;
        let codecs = ["z-arr", "z-old", "z-new"].map(|codec| {
            record["header"]["codec"] = codec.into();
            spelled(&record)
        });
        let indistinct = codecs
            .iter()
            .flatten()
            .filter(|bytes| **bytes == frame)
            .count()
            > 1;
        if own == frame && indistinct {
            Ok(())
        } else {
            Err(format!("shown as {shown}, is {}", vector["codec"]))
        }
    });
}

/// What is to be found in frames that are broken in this way; one of the codes is enough. The
/// second list is for frames that the crates read all the same.
fn expected(why: &str) -> (&'static [&'static str], &'static [&'static str]) {
    const WRONG: &[&str] = &[
        "wrong-type",
        "wrong-count",
        "wrong-codec",
        "unknown-variant",
        "version-mismatch",
    ];
    match why {
        "bad format version" => (&["unknown-version"], &[]),
        "body of another version" => (WRONG, &[]),
        "crc mismatch" => (&["crc-mismatch"], &[]),
        "deep nesting" => (&["too-deep"], &[]),
        "duplicate map key" => (&["duplicate-key"], &["duplicate-key"]),
        "empty body" => (&["empty-body"], &[]),
        "enum spelling of another zerompk" => (&["wrong-codec"], &[]),
        "extra fields" => (
            &["wrong-count", "wrong-type", "wrong-codec", "unknown-field"],
            &["unknown-field"],
        ),
        "huge count" => (&["wrong-count", "truncated-body"], &[]),
        "length overflow" => (&["truncated-frame"], &[]),
        "missing fields" => (
            &[
                "wrong-count",
                "missing-field",
                "wrong-type",
                "version-mismatch",
            ],
            &["missing-field"],
        ),
        "msgpack garbage" => (
            &[
                "reserved-marker",
                "wrong-type",
                "truncated-body",
                "count-too-large",
            ],
            &[],
        ),
        "non-canonical msgpack" => (&[], &["non-canonical"]),
        "non-utf8 str" => (&["invalid-utf8"], &[]),
        "reordered map keys" => (&[], &["reordered-keys"]),
        "trailing bytes after frame" | "trailing bytes in body" => (&[], &["trailing-bytes"]),
        "truncated body" => (&["truncated-frame"], &[]),
        "truncated header" => (&["unknown-bytes", "truncated-frame"], &[]),
        "unknown enum variant" => (&["unknown-variant"], &[]),
        "unknown type" => (&["unknown-type", "wrong-type", "wrong-count"], &[]),
        "wrong header format" => (WRONG, &[]),
        "wrong length" => (&["wrong-length"], &[]),
        "wrong type for field" => (WRONG, &[]),
        "legal replacement" => (&[], &[]),
        other => panic!("{other:?} is not in the table"),
    }
}

/// Whether the frame is a sound message of another version or codec than its crate's: on its own
/// there is nothing wrong with it.
fn fits_elsewhere(line: &Value, records: &[Decoded]) -> bool {
    records.iter().all(|record| {
        let header = &record.value()["header"];
        record.message.faithful
            && (header["schema"] != versions::NAMES[group(line) as usize]
                || header["codec"] != line["codec"])
    })
}

#[test]
fn every_broken_frame_says_what_is_wrong_with_it() {
    let bad = lines("sync/bad.ndjson.zst");
    assert_eq!(bad.len(), 2241);
    all(&bad, |line| {
        let frame = bytes(line);
        let records = decode(&frame, Settings::default());
        let issues = || records.iter().flat_map(|record| &record.message.issues);
        let (errors, oddities) = expected(line["why"].as_str().unwrap());
        let read = line["crate_decode_body"].as_bool().unwrap();
        let has = |codes: &[&str], least: Severity| {
            issues().any(|issue| issue.severity >= least && codes.contains(&issue.code))
        };
        let right = match (read, oddities) {
            (true, []) => !issues().any(|issue| issue.severity == Severity::Error),
            (true, oddities) => has(oddities, Severity::Warning),
            (false, _) => has(errors, Severity::Error) || fits_elsewhere(line, &records),
        };
        if right || frame.is_empty() {
            Ok(())
        } else {
            Err(format!("has {:?}", issues().collect::<Vec<_>>()))
        }
    });
}

/// Whether `ours` says the same as serde_json's view of the crate's value, which spells bytes as
/// lists, names of variants in its own way, and has no unknown and all defaulted fields.
fn resembles(ours: &Value, theirs: &Value) -> bool {
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => theirs.iter().all(|(key, theirs)| {
            let found = ours.iter().find(|(name, _)| plain(name) == plain(key));
            found.is_none_or(|(_, ours)| resembles(ours, theirs))
        }),
        (Value::String(ours), Value::Array(bytes)) => {
            let bytes: Option<Vec<u8>> = bytes
                .iter()
                .map(|byte| u8::try_from(byte.as_u64()?).ok())
                .collect();
            bytes.is_some_and(|bytes| hex::encode(bytes) == *ours)
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len()
                && ours
                    .iter()
                    .zip(theirs)
                    .all(|(ours, theirs)| resembles(ours, theirs))
        }
        (Value::String(ours), Value::String(theirs)) => plain(ours) == plain(theirs),
        _ => same(ours, theirs),
    }
}

#[test]
fn what_the_crates_read_of_odd_frames_is_what_is_shown() {
    let odd = lines("sync/bad.ndjson.zst")
        .into_iter()
        .filter(|line| {
            line.get("crate_value")
                .is_some_and(|value| !value.is_null())
        })
        .collect::<Vec<_>>();
    assert!(odd.len() > 300);
    all(&odd, |line| {
        let expected = &line["crate_value"];
        let records = decode(&bytes(line), forced(group(line)));
        let body = records[0].value()["body"].clone();
        if resembles(&body, expected) {
            Ok(())
        } else {
            Err(format!("is {body}\n    expected {expected}"))
        }
    });
}

#[test]
fn few_broken_frames_pass_for_another_version() {
    let mut passed: BTreeMap<String, usize> = BTreeMap::new();
    for line in lines("sync/bad.ndjson.zst") {
        let records = decode(&bytes(&line), Settings::default());
        let clean = records.iter().all(|record| sound(&record.message.issues));
        if clean && line["crate_decode_body"] == false && !line["hex"].as_str().unwrap().is_empty()
        {
            *passed
                .entry(line["why"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
    }
    let known = [
        ("body of another version", 37),
        ("enum spelling of another zerompk", 3),
        ("extra fields", 6),
        ("missing fields", 6),
        ("wrong header format", 8),
        ("wrong type for field", 2),
    ];
    for (why, count) in passed {
        let most = known
            .iter()
            .find(|(name, _)| *name == why)
            .map_or(0, |(_, most)| *most);
        assert!(count <= most, "{count} frames with {why:?} pass as sound");
    }
}

/// Told which version it is, a reader refuses what that version's real reader refuses, even if
/// another version writes just that.
#[test]
fn what_a_version_refuses_is_an_error_when_it_is_asked_for() {
    let refused: Vec<Value> = lines("sync/bad.ndjson.zst")
        .into_iter()
        .filter(|line| line["crate_from_bytes"] == false || line["crate_decode_body"] == false)
        // Releases of group 0.4 write both spellings.
        .filter(|line| {
            line["why"] != "enum spelling of another zerompk" || line["crate_version"] != "0.4.0"
        })
        .collect();
    assert!(refused.len() > 1800, "{}", refused.len());
    all(&refused, |line| {
        let records = decode(&bytes(line), forced(group(line)));
        let mut issues = records.iter().flat_map(|record| &record.message.issues);
        match issues.any(|issue| issue.severity == Severity::Error) {
            true => Ok(()),
            false => Err("no error".to_owned()),
        }
    });
}
