//! The pushwire family: RP frames and their JSON protocol.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod encoding;
mod hostile;
mod json;
mod records;
mod streams;
mod vectors;
