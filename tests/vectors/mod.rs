//! Golden vectors: messages that the published crates have written, with the values that were put
//! in, and broken ones, with what the crates did. One JSON object a line, compressed with zstd.

use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// The lines of a file in this folder.
pub fn lines(path: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(path);
    let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    BufReader::new(zstd::Decoder::new(file).unwrap())
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect()
}

/// The bytes that the line's member `hex` spells.
pub fn bytes(line: &Value) -> Vec<u8> {
    hex::decode(line["hex"].as_str().unwrap()).unwrap()
}
