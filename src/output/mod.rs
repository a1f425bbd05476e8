//! Sinks: the views of records. They know no protocol.

mod bytes;
mod dump;
mod escape;
mod jq;
mod json;
mod page;
mod pretty;
mod redact;
mod style;
pub mod time;
mod value;

pub use bytes::{Nothing, Raw};
pub use jq::Jq;
pub use json::{Json, write_record};
pub use page::Look;
pub use pretty::Pretty;
pub use style::{Ink, Styles};

use crate::model::Record;
use std::io;

/// A view of records.
pub trait Sink {
    /// Shows one record.
    ///
    /// # Errors
    /// If writing fails.
    fn record(&mut self, record: &Record<'_>) -> io::Result<()>;

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// If writing fails.
    fn flush(&mut self) -> io::Result<()>;

    /// Shows what can only be said at the end.
    ///
    /// # Errors
    /// If writing fails.
    fn finish(&mut self) -> io::Result<()> {
        self.flush()
    }
}
