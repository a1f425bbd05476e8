//! The pushwire family: RP frames and their JSON protocol.

mod encoding;
mod hostile;
mod json;
mod records;
mod streams;
mod vectors;
