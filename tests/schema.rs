//! What `wirectl decode -o json` prints is valid against what `wirectl schema` prints.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod records;
mod vectors;

use jsonschema::Validator;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use wirectl::pipeline::Connection;
use wirectl::protocol::{Settings, named};

fn run(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_wirectl"))
        .args(arguments)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn validator(types: &[&str]) -> Validator {
    let schema = run(&[&["schema"], types].concat());
    let schema: Value = serde_json::from_str(&schema).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

/// Whether a record nests deeper than `serde_json` reads.
fn is_deep(line: &str) -> bool {
    let mut depth = 0_usize;
    line.bytes().any(|byte| {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > 120
    })
}

fn must_be_valid(validator: &Validator, record: &Value, origin: &str) {
    if !validator.is_valid(record) {
        let errors: Vec<String> = validator
            .iter_errors(record)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        panic!("{origin}: {record}\n{}", errors.join("\n"));
    }
}

/// The expected JSON of all samples.
fn goldens() -> Vec<PathBuf> {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut found = Vec::new();
    for folder in fs::read_dir(samples).unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|name| name == "json") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 5);
    found
}

#[test]
fn all_goldens_are_valid() {
    let all = validator(&[]);
    let mut lines = 0;
    for path in goldens() {
        let text = fs::read_to_string(&path).unwrap();
        for line in text.lines().filter(|line| line.starts_with('{')) {
            let record = serde_json::from_str(line).unwrap();
            must_be_valid(&all, &record, &path.display().to_string());
            lines += 1;
        }
    }
    assert!(lines > 1000, "{lines}");
}

#[test]
fn all_vectors_are_valid_damaged_or_not() {
    let all = validator(&[]);
    for path in [
        "noxu/vectors.ndjson.zst",
        "rp/vectors.ndjson.zst",
        "sync/vectors.ndjson.zst",
        "noxu/bad.ndjson.zst",
        "rp/bad.ndjson.zst",
        "sync/bad.ndjson.zst",
    ] {
        let lines = vectors::lines(path);
        for line in lines.iter().filter(|line| line["hex"].is_string()) {
            let mut connection = Connection::new(None, Settings::default());
            let records = records::of_message(&vectors::bytes(line), &mut connection);
            for record in records.iter().filter(|record| !is_deep(&record.json)) {
                let place = format!(
                    "{path}: {} bytes of {} at {}",
                    record.frame.len(),
                    record.message.protocol,
                    record.offset
                );
                must_be_valid(&all, &record.value(), &place);
            }
        }
    }
}

#[test]
fn a_type_has_a_schema_of_its_own_and_of_its_family() {
    let ping = validator(&["sync.PingPong"]);
    let family = validator(&["sync"]);
    let noxu = validator(&["noxu", "rp.Frame"]);
    let good = r#"{"n":0,"offset":0,"length":13,"protocol":"sync","type":"PingPong","header":{"version":1,"code":255,"crc":3852088826,"schema":"0.6","codec":null},"body":{"timestamp_ms":18446744073709551615,"is_pong":false}}"#;
    let record: Value = serde_json::from_str(good).unwrap();
    must_be_valid(&ping, &record, "");
    must_be_valid(&family, &record, "");
    let is_valid = |validator: &Validator, text: &str| {
        validator.is_valid(&serde_json::from_str(text).unwrap())
    };
    assert!(!is_valid(&noxu, good));
    for (from, to) in [
        ("false", "0"),
        ("18446744073709551615", "-1"),
        ("18446744073709551615", "\"1\""),
        (",\"is_pong\":false", ""),
        ("is_pong", "is_png"),
        ("\"PingPong\"", "\"PingPnog\""),
        ("\"code\":255", "\"code\":256"),
        ("\"offset\":0", "\"offset\":-1"),
    ] {
        let wrong = good.replacen(from, to, 1);
        assert!(!is_valid(&ping, &wrong), "{wrong}");
        assert!(!is_valid(&family, &wrong), "{wrong}");
    }
    let all = validator(&[]);
    assert!(!is_valid(&all, &good.replace("false", "0")));
    assert!(!is_valid(&all, r#"{"protocol":"sync","type":"PingPong"}"#));
}

#[test]
fn the_example_of_every_type_is_valid() {
    let all = validator(&[]);
    for protocol in named() {
        for kind in protocol.messages() {
            let name = format!("{}.{}", protocol.name(), kind.name);
            let record = wirectl::encode::example(protocol, kind, None).unwrap();
            must_be_valid(&all, &record, &name);
        }
    }
}
