//! Standard output: whatever fails there is told as its failure, not as that of an input.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};

/// Marks what fails in writing to the inner writer.
#[derive(Debug)]
pub struct Marked<W>(pub W);

/// What failed.
#[derive(Debug)]
pub struct WriteFailed(io::Error);

impl fmt::Display for WriteFailed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "cannot write the output: {}", self.0)
    }
}

impl Error for WriteFailed {}

/// The failure to write that `error` is, if it is one.
pub fn failure(error: &io::Error) -> Option<&WriteFailed> {
    error.get_ref()?.downcast_ref()
}

impl<W: Write> Write for Marked<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(mark)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(mark)
    }
}

fn mark(error: io::Error) -> io::Error {
    match error.kind() {
        // Asks to try again.
        io::ErrorKind::Interrupted => error,
        kind => io::Error::new(kind, WriteFailed(error)),
    }
}
