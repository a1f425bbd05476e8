//! The record model: what every decoder produces and every output shows.
//!
//! A [`Message`] is one decoded frame: a flat [`Tree`] of named values with byte spans, and the
//! [`Issue`]s found on the way. A [`Record`] is a message in its place: where, when, from whom.
//! Records are printed as JSON; [`JsonText`] spells what they hold.

mod issue;
mod message;
mod record;
mod text;
mod tree;
mod words;

pub use issue::{Issue, Severity};
pub use message::{Message, Spelled, SpelledHead, Wanted, spell_type};
pub use record::{Direction, Origin, Record, Transport};
pub use text::{JsonText, Piece};
pub use tree::{Children, Label, Layer, Node, NodeId, Secret, Span, Symbol, Tree, Unit, Value};
pub(crate) use words::words;
pub use words::{Template, Words};
