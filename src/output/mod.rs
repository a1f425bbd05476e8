//! Sinks: the views of records. They know no protocol.

mod address;
mod bytes;
mod clock;
mod conversations;
mod dump;
mod escape;
pub mod grid;
mod head;
mod hex;
mod inner;
mod jq;
mod json;
mod page;
mod pretty;
mod redact;
mod stats;
mod style;
mod table;
pub mod time;
mod value;

pub use bytes::{Nothing, Raw};
pub use clock::{Clock, TimeForm};
pub use conversations::{Conversation, Conversations};
pub use hex::Hex;
pub use jq::Jq;
pub use json::{Json, write_record};
pub use page::{Look, Page};
pub use pretty::Pretty;
pub use redact::Redactor;
pub use stats::Stats;
pub use style::{Ink, Styles};
pub use table::Table;

use crate::model::{Origin, Record, Wanted};
use std::io;

/// A view of records.
pub trait Sink {
    /// Shows one record.
    ///
    /// # Errors
    /// If writing fails.
    fn record(&mut self, record: &Record<'_>) -> io::Result<()>;

    /// What it looks at in the messages beside their types and findings.
    fn wanted(&self) -> Wanted {
        Wanted::Values
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// If writing fails.
    fn flush(&mut self) -> io::Result<()>;

    /// Tells that the input that `origin` names was taken for `protocol`, and on what grounds.
    fn taken_for(&mut self, _origin: &Origin, _protocol: &'static str, _grounds: &'static str) {}

    /// Shows what can only be said at the end.
    ///
    /// # Errors
    /// If writing fails.
    fn finish(&mut self) -> io::Result<()> {
        self.flush()
    }
}
