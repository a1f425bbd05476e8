//! One byte stream.

use super::SourceError;
use crate::model::Origin;
use crate::pipeline::{Chunk, Connection, Flow, Pipeline};
use std::io::Read;

/// Bytes asked for at a time.
const READ_SIZE: usize = 256 << 10;

/// Decodes `input` to its end, record by record as frames become complete.
///
/// # Errors
/// If reading or writing fails.
pub fn decode_bytes(
    input: &mut dyn Read,
    origin: &Origin,
    connection: &mut Connection,
    pipeline: &mut Pipeline<'_>,
) -> Result<Flow, SourceError> {
    let mut window = Window::default();
    loop {
        // What is complete is shown before waiting for more.
        pipeline.flush()?;
        let ended = window.fill(input, connection.needs())? == 0;
        let chunk = Chunk {
            bytes: window.bytes(),
            offset: window.offset,
            whole: false,
            ended,
            origin,
        };
        let (used, flow) = pipeline.feed(connection, &chunk)?;
        window.consume(used);
        if ended && flow == Flow::Continue {
            return Ok(pipeline.close(connection, &|_| (origin.clone(), window.offset))?);
        }
        if ended || flow == Flow::Stop {
            return Ok(flow);
        }
    }
}

/// The bytes that were read and not yet used.
#[derive(Debug, Default)]
struct Window {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Stream position of `start`.
    offset: u64,
}

impl Window {
    fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn consume(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.offset += count as u64;
    }

    /// Reads once, or more often if a frame is known to need `wanted` bytes in all; returns how
    /// many bytes came, 0 at the end.
    fn fill(&mut self, input: &mut dyn Read, wanted: usize) -> std::io::Result<usize> {
        let mut total = 0;
        loop {
            self.make_room();
            let space = self.buffer.get_mut(self.end..).unwrap_or_default();
            let count = match input.read(space) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                result => result?,
            };
            self.end += count;
            total += count;
            // Growing by doubling keeps the number of looks at a large frame small.
            if count == 0
                || self.end - self.start >= wanted.min(2 * (self.end - self.start - total))
            {
                return Ok(total);
            }
        }
    }

    fn make_room(&mut self) {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() - self.end < READ_SIZE / 2 {
            self.buffer.resize(self.end + READ_SIZE, 0);
        } else if self.buffer.len() > 4 * READ_SIZE && self.end < READ_SIZE {
            self.buffer.truncate(2 * READ_SIZE);
            self.buffer.shrink_to_fit();
        }
    }
}
