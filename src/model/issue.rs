//! Findings on records: what is wrong or worth knowing, and where.

use super::Span;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Note,
    /// Legal or survivable, but not what a sound peer sends.
    Warning,
    /// Damage: a real peer refuses or drops it.
    Error,
}

impl Severity {
    /// The name used in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// How bad it is.
    pub severity: Severity,
    /// Name in kebab-case, to be looked up with `wirectl explain`.
    pub code: &'static str,
    /// The bytes of the frame that it is about.
    pub at: Span,
    /// What was found, in words.
    pub message: String,
}
