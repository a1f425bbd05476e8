//! The frames' bytes, and nothing at all.

use super::Sink;
use crate::model::{Record, Wanted};
use std::io::{self, BufWriter, Write};

/// Writes the bytes of every frame that was sent, one after the other.
#[derive(Debug)]
pub struct Raw<W: Write> {
    out: BufWriter<W>,
}

impl<W: Write> Raw<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self {
            out: BufWriter::with_capacity(1 << 16, out),
        }
    }
}

impl<W: Write> Sink for Raw<W> {
    fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        // What was put together from other frames was written with them.
        if record.message.derived {
            return Ok(());
        }
        self.out.write_all(record.frame)
    }

    fn wanted(&self) -> Wanted {
        Wanted::Nothing
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Shows nothing.
#[derive(Debug)]
pub struct Nothing;

impl Sink for Nothing {
    fn record(&mut self, _record: &Record<'_>) -> io::Result<()> {
        Ok(())
    }

    fn wanted(&self) -> Wanted {
        Wanted::Nothing
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
