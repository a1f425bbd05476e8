//! What a jq expression yields for each record.

use super::Sink;
use crate::filter::Filter;
use crate::model::Record;
use std::io::{self, Write};

/// Lines are written out when this many bytes have gathered.
const BUFFER: usize = 1 << 16;

/// Writes what an expression yields, a line of JSON each.
#[derive(Debug)]
pub struct Jq<W> {
    out: W,
    buffer: Vec<u8>,
    filter: Filter,
}

impl<W: Write> Jq<W> {
    /// Writes to `out`.
    pub fn new(out: W, filter: Filter) -> Self {
        Self {
            out,
            buffer: Vec::new(),
            filter,
        }
    }
}

impl<W: Write> Sink for Jq<W> {
    fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        if let Err(error) = self.filter.apply(record, &mut self.buffer) {
            self.flush()?;
            let text = format!("--jq failed on record {}: {error}", record.number);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        if self.buffer.len() >= BUFFER {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        self.out.flush()
    }
}
