//! TCP connections followed through a capture.

mod connection;
mod delivery;
mod history;
mod roles;
mod stream;
mod tracker;

pub(super) use delivery::Arrival;
pub(super) use tracker::Tracker;
