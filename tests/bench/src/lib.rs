//! What the benchmark's programs share.

mod any;
pub mod inputs;
pub mod numbers;
pub mod peers;

pub use any::Any;

use serde_json::{Value, json};
use std::io::{self, Write};

/// Prints a sync v1 frame as a line of JSON: its body read with rmp-serde into a value.
///
/// # Errors
/// If writing fails.
pub fn print_frame(
    out: &mut impl Write,
    number: u64,
    offset: u64,
    header: [u8; 10],
    body: &[u8],
) -> io::Result<()> {
    let value = rmp_serde::from_slice(body).map_or(Value::Null, |any: Any| any.0);
    let record = json!({
        "n": number, "offset": offset, "length": 10 + body.len(), "protocol": "sync",
        "header": {"version": header[0], "code": header[1]}, "body": value,
    });
    serde_json::to_writer(&mut *out, &record)?;
    out.write_all(b"\n")
}
