//! What a message is, as data: tables, and the interpreters that run them.

mod expect;
pub mod json_schema;
mod table;

pub mod messagepack;
pub mod notation;
pub mod packed;

pub use expect::{EncodeError, closest, hexadecimal, unsigned};
pub use table::{
    Enum, Field, MessageType, Opaque, OpaqueReader, OpaqueSpeller, Payload, Struct, Type, Variant,
    Versions, Way, field,
};
