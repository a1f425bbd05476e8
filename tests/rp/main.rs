//! The pushwire family: RP frames and their JSON protocol.

mod hostile;
mod json;
mod records;
mod streams;
mod vectors;
