//! What the Noxu tests share: carried data, and decoding it to JSON records.

#![allow(dead_code, reason = "every test file uses a part of this")]

use serde_json::Value;
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use wirectl::codec::json::Document;
use wirectl::encode::encode_record;
use wirectl::model::{Direction, Layer, Message, NodeId, Origin, Record, Tree};
use wirectl::output::{Sink, write_record};
use wirectl::pipeline::{Chunk, Connection, Pipeline, Selection};
use wirectl::protocol::{EncodeOptions, Settings, by_name};

/// The lines of a carried NDJSON file.
pub fn lines(name: &str) -> Vec<Value> {
    let path = format!(
        "{}/tests/vectors/noxu/{name}.zst",
        env!("CARGO_MANIFEST_DIR")
    );
    let bytes = zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The bytes of a member spelled in hexadecimal digits.
pub fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

/// Bytes of one connection, in the order in which they came.
pub struct Piece<'a> {
    pub direction: Option<Direction>,
    pub bytes: &'a [u8],
    pub time: Option<u64>,
    pub whole: bool,
    pub ended: bool,
}

impl<'a> Piece<'a> {
    /// One message whose end is known.
    pub fn message(bytes: &'a [u8]) -> Self {
        Self {
            direction: None,
            bytes,
            time: None,
            whole: true,
            ended: true,
        }
    }

    /// A whole dump.
    pub fn dump(bytes: &'a [u8]) -> Self {
        Self {
            whole: false,
            ..Self::message(bytes)
        }
    }
}

/// The records of one connection; also checks that they tile it.
pub fn decode(protocol: Option<&str>, independent: bool, pieces: &[Piece<'_>]) -> Vec<Value> {
    let mut sink = Collect::default();
    let records = Rc::clone(&sink.records);
    let mut pipeline = Pipeline::new(&mut sink, Selection::default());
    feed(&mut pipeline, protocol, independent, None, pieces);
    drop(pipeline);
    records.take()
}

/// The records of several connections of one run, one connection after the other.
pub fn decode_run(connections: &[Vec<Piece<'_>>]) -> Vec<Value> {
    let mut sink = Collect::default();
    let records = Rc::clone(&sink.records);
    let mut pipeline = Pipeline::new(&mut sink, Selection::default());
    for (number, pieces) in (0..).zip(connections) {
        feed(&mut pipeline, None, false, Some(number), pieces);
    }
    drop(pipeline);
    records.take()
}

fn feed(
    pipeline: &mut Pipeline<'_>,
    protocol: Option<&str>,
    independent: bool,
    stream: Option<u32>,
    pieces: &[Piece<'_>],
) {
    let forced = protocol.map(|name| by_name(name).unwrap());
    let settings = Settings {
        independent,
        ..Settings::default()
    };
    let mut connection = Connection::new(forced, settings);
    let mut waiting = [Vec::new(), Vec::new(), Vec::new()];
    let mut offsets = [0; 3];
    for piece in pieces {
        let side = match piece.direction {
            Some(Direction::ClientToServer) => 0,
            Some(Direction::ServerToClient) => 1,
            None => 2,
        };
        waiting[side].extend_from_slice(piece.bytes);
        let chunk = Chunk {
            bytes: &waiting[side],
            offset: offsets[side],
            whole: piece.whole,
            ended: piece.ended,
            origin: &Origin {
                direction: piece.direction,
                time: piece.time,
                stream,
                ..Origin::default()
            },
        };
        let (used, _) = pipeline.feed(&mut connection, &chunk).unwrap();
        waiting[side].drain(..used);
        offsets[side] += used as u64;
        if piece.ended {
            assert_eq!(waiting[side], b"", "all bytes are accounted for");
        }
    }
}

#[derive(Default)]
struct Collect {
    records: Rc<RefCell<Vec<Value>>>,
}

impl Sink for Collect {
    fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        assert_tiled(record.message, record.frame.len());
        let mut text = Vec::new();
        write_record(&mut text, record, false);
        let value = serde_json::from_slice(&text).expect("a record is JSON");
        assert_encodes_back(&text, record.frame);
        self.records.borrow_mut().push(value);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A record says all that its frame is made of.
fn assert_encodes_back(text: &[u8], frame: &[u8]) {
    let mut document = Document::default();
    assert!(document.parse(text).expect("a record is JSON").is_some());
    let mut out = Vec::new();
    let root = document.root(text).expect("a record is UTF-8");
    let encoded = encode_record(root, &EncodeOptions::default(), &mut out);
    let text = String::from_utf8_lossy(text);
    encoded.unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(out, frame, "{text}");
}

/// The roots follow each other from the frame's first byte to its last, and children lie in order
/// inside their parents.
fn assert_tiled(message: &Message, length: usize) {
    let mut position = 0;
    for root in message.roots().filter(|root| Some(*root) != message.inner) {
        let span = message.tree.get(root).unwrap().span;
        assert_eq!(span.start as usize, position, "{message:?}");
        position = span.end as usize;
        assert_nested(&message.tree, root);
    }
    assert_eq!(position, length, "{message:?}");
}

fn assert_nested(tree: &Tree, parent: NodeId) {
    let outer = tree.get(parent).unwrap().span;
    let mut position = outer.start;
    for (id, node) in tree.children(parent) {
        if node.layer == Layer::Derived {
            continue;
        }
        assert!(
            node.span.start >= position && node.span.end <= outer.end,
            "{tree:?}"
        );
        position = node.span.end;
        assert_nested(tree, id);
    }
}

/// Every member of `expected` is in `actual` with the same value.
pub fn agrees(expected: &Value, actual: &Value) -> bool {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => expected
            .iter()
            .all(|(name, value)| actual.get(name).is_some_and(|actual| agrees(value, actual))),
        _ => expected == actual,
    }
}

/// The codes of a record's issues.
pub fn codes(record: &Value) -> Vec<&str> {
    let issues = record["issues"].as_array();
    issues
        .into_iter()
        .flatten()
        .filter_map(|issue| issue["code"].as_str())
        .collect()
}
