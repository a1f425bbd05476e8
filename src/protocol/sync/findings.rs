//! Findings about one message, while its values are looked at.

use crate::model::{Issue, Severity, Span, Words};

/// Adds findings to a message. Its values still reproduce the frame.
#[derive(Debug)]
pub struct Findings<'a> {
    issues: &'a mut Vec<Issue>,
    /// Whether anyone will read what they say.
    told: bool,
}

impl<'a> Findings<'a> {
    /// Adds to `issues`. The texts are left out if they are not `told`.
    pub const fn of(issues: &'a mut Vec<Issue>, told: bool) -> Self {
        Self { issues, told }
    }

    /// Not what a sound peer sends.
    #[cold]
    pub fn warning(&mut self, code: &'static str, at: (usize, usize), text: impl Into<Words>) {
        self.add(Severity::Warning, code, at, text);
    }

    /// Worth knowing.
    #[cold]
    pub fn note(&mut self, code: &'static str, at: (usize, usize), text: impl Into<Words>) {
        self.add(Severity::Note, code, at, text);
    }

    /// Adds a finding about bytes `at` of the frame.
    #[inline]
    pub fn add(
        &mut self,
        severity: Severity,
        code: &'static str,
        at: (usize, usize),
        text: impl Into<Words>,
    ) {
        let message = if self.told {
            text.into()
        } else {
            Words::default()
        };
        let issue = Issue {
            severity,
            code,
            at: Span::new(at.0, at.1),
            message,
        };
        issue.add_to(self.issues);
    }
}
