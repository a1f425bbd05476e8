//! The peer of the benchmark: what one would write in an hour. Reads sync v1 frames from a file,
//! each body with rmp-serde into a `serde_json::Value`, and prints it as a line of JSON.

use std::io::{BufReader, BufWriter, Read, Write};
use wirectl_bench::print_frame;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args()
        .nth(1)
        .ok_or("usage: straightforward FILE")?;
    let mut input = BufReader::with_capacity(1 << 18, std::fs::File::open(path)?);
    let mut out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    let (mut number, mut offset) = (0, 0);
    let mut header = [0; 10];
    let mut body = Vec::new();
    while input.read_exact(&mut header).is_ok() {
        let length = u32::from_le_bytes([header[2], header[3], header[4], header[5]]);
        body.resize(length as usize, 0);
        input.read_exact(&mut body)?;
        print_frame(&mut out, number, offset, header, &body)?;
        number += 1;
        offset += 10 + u64::from(length);
    }
    out.flush()?;
    Ok(())
}
