//! Encodings, reading beside writing. They know no protocol.

pub mod cbor;
pub mod json;
mod keys;
pub mod messagepack;
pub mod zstd;

pub use keys::pieces;

/// A self-describing message may have this many values; a node of the tree takes 40 bytes.
pub const MOST_VALUES: usize = 1 << 21;
