//! Findings on records: what is wrong or worth knowing, and where.

use super::{Span, Words, words};

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

/// At most this many findings are kept per message; the last one then says that there were more.
const MOST_ISSUES: usize = 64;

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
    pub message: Words,
}

impl Issue {
    /// Adds this to a message's other `issues`, unless those are too many already.
    pub fn add_to(self, issues: &mut Vec<Self>) {
        if issues.len() < MOST_ISSUES {
            issues.push(self);
        } else if issues.len() == MOST_ISSUES {
            issues.push(Self {
                severity: Severity::Note,
                code: "more-issues",
                at: self.at,
                message: words!("only the first {} findings are kept", MOST_ISSUES as u64),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_findings_are_told_once_and_left_out() {
        let mut issues = Vec::new();
        for position in 0..70 {
            let issue = Issue {
                severity: Severity::Error,
                code: "found",
                at: Span::new(position, position + 1),
                message: "wrong".into(),
            };
            issue.add_to(&mut issues);
        }
        let (last, kept) = issues.split_last().unwrap();
        assert_eq!(kept.len(), 64);
        assert!(kept.iter().all(|issue| issue.code == "found"));
        assert_eq!(kept[63].at, Span::new(63, 64));
        assert_eq!((last.severity, last.code), (Severity::Note, "more-issues"));
        assert_eq!(last.at, Span::new(64, 65));
        assert_eq!(
            last.message.to_string(),
            "only the first 64 findings are kept"
        );
    }
}
