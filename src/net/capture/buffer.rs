//! A window on a growing input: read little, wait only for what is needed.

use std::io::{self, Read};

/// Bytes asked of the input at a time.
const CHUNK: usize = 256 << 10;
/// Longest record that is believed.
pub(super) const RECORD_LIMIT: usize = 16 << 20;

pub(super) struct Buffer<R> {
    input: R,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    position: u64,
}

/// Whether there is as much as asked for.
pub(super) enum Fill {
    Enough,
    /// The input ended first.
    End,
    /// A decompressor met damage: what it says.
    Damaged(String),
}

impl<R: Read> Buffer<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            bytes: vec![0; CHUNK],
            start: 0,
            end: 0,
            position: 0,
        }
    }

    /// What is there.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Bytes consumed since the beginning.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn consume(&mut self, length: usize) {
        let length = length.min(self.end - self.start);
        self.start += length;
        self.position += length as u64;
    }

    /// Reads until `length` bytes are there; takes whatever more comes along.
    pub(super) fn fill_to(&mut self, length: usize) -> io::Result<Fill> {
        if self.start + length > self.bytes.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if length > self.bytes.len() {
                self.bytes.resize(length.next_multiple_of(CHUNK), 0);
            }
        }
        while self.end - self.start < length {
            let free = self.bytes.get_mut(self.end..).unwrap_or_default();
            match self.input.read(free) {
                Ok(0) => return Ok(Fill::End),
                Ok(read) => self.end = (self.end + read).min(self.bytes.len()),
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::UnexpectedEof
                    | io::ErrorKind::InvalidData
                    | io::ErrorKind::InvalidInput => {
                        return Ok(Fill::Damaged(format!("cannot be decompressed ({error})")));
                    }
                    _ => return Err(error),
                },
            }
        }
        Ok(Fill::Enough)
    }
}
