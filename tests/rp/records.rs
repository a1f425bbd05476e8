//! Runs the decoder over bytes and gives its records.

use serde_json::Value;
use std::io::{BufReader, Cursor, Read};
use std::sync::Arc;
use wirectl::model::{Direction, Origin};
use wirectl::output::{Json, Sink};
use wirectl::pipeline::{Chunk, Connection, Flow, Pipeline, Selection};
use wirectl::protocol::{Protocol, Settings};
use wirectl::source::{LineForm, decode_bytes, decode_lines};

/// The vectors' directory.
pub fn path(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors/rp")
        .join(name)
}

/// A compressed file of the vectors.
pub fn inflated(name: &str) -> Vec<u8> {
    let file = std::fs::File::open(path(name)).unwrap();
    zstd::stream::decode_all(file).unwrap()
}

/// The lines of a compressed file of the vectors.
pub fn vectors(name: &str) -> Vec<Value> {
    let text = String::from_utf8(inflated(name)).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Settings that know the vectors' dictionaries.
pub fn settings(independent: bool) -> Settings {
    let dictionaries = [7, 77, 16_909_060]
        .map(|id: u32| (id, std::fs::read(path(&format!("dict-{id}.bin"))).unwrap()));
    Settings {
        independent,
        dictionaries: Arc::new(dictionaries.to_vec()),
        ..Settings::default()
    }
}

/// The protocol that is asked for by name.
pub fn protocol(name: &str) -> &'static dyn Protocol {
    wirectl::protocol::by_name(name).unwrap()
}

/// Records of messages, one a line of hexadecimal digits; each on its own.
pub fn lines(messages: &[&str], forced: Option<&'static dyn Protocol>) -> Vec<Value> {
    parse(&printed(messages, forced))
}

/// The records of messages as they are printed.
pub fn printed(messages: &[&str], forced: Option<&'static dyn Protocol>) -> String {
    print(|pipeline| {
        let text = messages.join("\n");
        let input: Box<dyn Read> = Box::new(Cursor::new(text.into_bytes()));
        let mut connection = Connection::new(forced, settings(true));
        decode_lines(
            &mut BufReader::new(input),
            LineForm::Hex,
            &Origin::default(),
            &mut connection,
            pipeline,
        )
        .unwrap();
    })
}

/// Records of one byte stream.
pub fn stream(bytes: &[u8], forced: Option<&'static dyn Protocol>) -> Vec<Value> {
    parse(&stream_text(bytes, forced))
}

/// The records of one byte stream as they are printed.
pub fn stream_text(bytes: &[u8], forced: Option<&'static dyn Protocol>) -> String {
    print(|pipeline| {
        let mut connection = Connection::new(forced, settings(false));
        decode_bytes(
            &mut Cursor::new(bytes),
            &Origin::default(),
            &mut connection,
            pipeline,
        )
        .unwrap();
    })
}

/// Records of one byte stream that comes in pieces of `size` bytes.
pub fn pieces(bytes: &[u8], size: usize) -> Vec<Value> {
    records(|pipeline| {
        let mut connection = Connection::new(None, settings(false));
        let mut used = 0;
        let mut there = 0;
        while used < bytes.len() {
            there = (there + size).min(bytes.len());
            let chunk = Chunk {
                bytes: &bytes[used..there],
                offset: used as u64,
                whole: false,
                ended: there == bytes.len(),
                origin: &Origin::default(),
            };
            let (count, flow) = pipeline.feed(&mut connection, &chunk).unwrap();
            assert_eq!(flow, Flow::Continue);
            assert!(count > 0 || there < bytes.len(), "no progress at the end");
            used += count;
        }
        pipeline
            .close(&mut connection, &|_| {
                (Origin::default(), bytes.len() as u64)
            })
            .unwrap();
    })
}

/// Records of messages of one connection, each from one side.
pub fn conversation(messages: &[(Direction, &[u8])]) -> Vec<Value> {
    records(|pipeline| {
        let mut connection = Connection::new(None, settings(false));
        for (direction, bytes) in messages {
            let mut used = 0;
            while used < bytes.len() {
                let chunk = Chunk {
                    bytes: &bytes[used..],
                    offset: used as u64,
                    whole: true,
                    ended: true,
                    origin: &Origin {
                        direction: Some(*direction),
                        ..Origin::default()
                    },
                };
                let (count, _) = pipeline.feed(&mut connection, &chunk).unwrap();
                used += count.max(1);
            }
        }
        pipeline
            .close(&mut connection, &|_| (Origin::default(), 0))
            .unwrap();
    })
}

fn records(run: impl FnOnce(&mut Pipeline<'_>)) -> Vec<Value> {
    parse(&print(run))
}

fn print(run: impl FnOnce(&mut Pipeline<'_>)) -> String {
    let mut out = Vec::new();
    {
        let mut sink = Json::new(&mut out, false);
        let mut pipeline = Pipeline::new(&mut sink, Selection::default());
        run(&mut pipeline);
        sink.finish().unwrap();
    }
    String::from_utf8(out).unwrap()
}

fn parse(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// The codes of a record's issues.
pub fn codes(record: &Value) -> Vec<&str> {
    let issues = record["issues"].as_array();
    issues
        .into_iter()
        .flatten()
        .map(|issue| issue["code"].as_str().unwrap())
        .collect()
}

/// The worst severity of a record's issues.
pub fn has_error(record: &Value) -> bool {
    let mut issues = record["issues"].as_array().into_iter().flatten();
    issues.any(|issue| issue["severity"] == "error")
}

/// Whether two values are equal; integers and floats are never equal, floats by their value.
pub fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            let (one, other) = (one.to_string(), other.to_string());
            let is_float = |text: &str| text.contains(['.', 'e', 'E']);
            if is_float(&one) || is_float(&other) {
                let value = |text: &str| text.parse::<f64>().unwrap().to_bits();
                is_float(&one) && is_float(&other) && value(&one) == value(&other)
            } else {
                one == other
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, one)| other.get(key).is_some_and(|other| same(one, other)))
        }
        (one, other) => one == other,
    }
}
