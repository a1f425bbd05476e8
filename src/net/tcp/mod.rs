//! TCP connections followed through a capture.

mod connection;
mod history;
mod roles;
mod stream;
mod tracker;

pub(super) use stream::Arrival;
pub(super) use tracker::Tracker;
