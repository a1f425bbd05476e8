//! Findings about one message, before they are added to it.

use crate::model::{Message, Severity};
use std::fmt::Display;

/// Gathers findings while the message's values are looked at.
#[derive(Debug)]
pub struct Findings {
    gathered: Vec<Finding>,
    /// Whether anyone will read what they say.
    told: bool,
}

#[derive(Debug)]
struct Finding {
    severity: Severity,
    code: &'static str,
    at: (usize, usize),
    text: String,
}

impl Findings {
    /// None yet. Their texts are left out if they are not `told`.
    pub const fn new(told: bool) -> Self {
        Self {
            gathered: Vec::new(),
            told,
        }
    }

    /// Not what a sound peer sends.
    pub fn warning(&mut self, code: &'static str, at: (usize, usize), text: impl Display) {
        self.add(Severity::Warning, code, at, text);
    }

    /// Worth knowing.
    pub fn note(&mut self, code: &'static str, at: (usize, usize), text: impl Display) {
        self.add(Severity::Note, code, at, text);
    }

    /// Adds a finding about bytes `at` of the frame.
    #[cold]
    pub fn add(
        &mut self,
        severity: Severity,
        code: &'static str,
        at: (usize, usize),
        text: impl Display,
    ) {
        let text = if self.told {
            text.to_string()
        } else {
            String::new()
        };
        self.gathered.push(Finding {
            severity,
            code,
            at,
            text,
        });
    }

    /// Moves all of them to `message`. The values still reproduce the frame.
    pub fn move_to(&mut self, message: &mut Message) {
        for finding in self.gathered.drain(..) {
            message.issue(finding.severity, finding.code, finding.at, finding.text);
        }
    }
}
