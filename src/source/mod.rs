//! Where bytes come from: files and pipes of raw bytes, hexadecimal text, lines of messages.

mod bytes;
pub mod capture;
mod hex_text;
mod lines;

pub use bytes::decode_bytes;
pub use hex_text::HexText;
pub use lines::{LineForm, decode_lines};

use std::io;
use thiserror::Error;

/// Why input could not be read.
#[derive(Debug, Error)]
pub enum SourceError {
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The text is not what it should be.
    #[error("line {line}, column {column}: {what}")]
    Text {
        /// Line, from 1.
        line: u64,
        /// Column in bytes, from 1.
        column: u64,
        /// What is wrong.
        what: String,
    },
}
