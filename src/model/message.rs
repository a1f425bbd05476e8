//! One decoded frame.

use super::{Direction, Issue, JsonText, Label, NodeId, Piece, Severity, Span, Tree, Value, Words};

/// What of a message anyone will look at beside its type and what its findings are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// All values.
    #[default]
    Values,
    /// The text of a record, as JSON spells it.
    Json,
    /// Nothing, not even what findings say in words.
    Nothing,
}

/// What a record says of a message in JSON, if that is not to be taken from the tree.
#[derive(Clone, Debug, Default)]
pub struct Spelled {
    /// Its members up to the name of `body`, each behind a comma; none if nothing is spelled out.
    pub head: Option<SpelledHead>,
    /// Its body behind a colon, and its member `inner` if it has one.
    pub values: JsonText,
}

impl Spelled {
    /// Forgets all, keeps the memory.
    pub fn clear(&mut self) {
        self.head = None;
        self.values.clear();
    }
}

/// The beginning of what a record says of a message: constant but for one number.
#[derive(Clone, Copy, Debug)]
pub struct SpelledHead {
    /// What comes before the number.
    pub beginning: &'static Piece,
    /// The number and its name.
    pub number: Option<(&'static Label, u64)>,
    /// What comes after it.
    pub end: &'static Piece,
}

impl SpelledHead {
    /// Appends its text.
    #[inline]
    pub fn write(&self, text: &mut JsonText) {
        text.piece(self.beginning);
        if let Some((label, number)) = self.number {
            text.unsigned(b',', Some(label), number);
        }
        text.piece(self.end);
    }
}

static PROTOCOL: Label = Label::new("protocol");
static TYPE: Label = Label::new("type");

/// Appends the members that name a message's type, each behind a comma.
pub fn spell_type(text: &mut JsonText, protocol: &str, type_name: &str) {
    text.name(b',', Some(&PROTOCOL), protocol);
    text.name(b',', Some(&TYPE), type_name);
}

/// One decoded frame: its values and what is wrong with them. Reused from frame to frame.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// Protocol name as in records, for example `sync`.
    pub protocol: &'static str,
    /// Message type, or `unknown`.
    pub type_name: &'static str,
    /// All values: header, body, inner, rest. Of those that are [`Message::spelled`] or that nobody
    /// wanted, only what checks look at.
    pub tree: Tree,
    /// Header, body and inner as text, if that was wanted and the session could do it.
    pub spelled: Spelled,
    /// The frame header's fields, if the protocol has a header.
    pub header: Option<NodeId>,
    /// The decoded body; none if nothing could be read.
    pub body: Option<NodeId>,
    /// What opaque fields of the body hold, mirrored under the same names.
    pub inner: Option<NodeId>,
    /// Findings, in the order they were made.
    pub issues: Vec<Issue>,
    /// Whether header and body alone reproduce the frame byte for byte.
    pub faithful: bool,
    /// Whether it was not sent as such, but put together from earlier messages.
    pub derived: bool,
    /// Who sent what a derived message was put together from, if that is known.
    pub sender: Option<Direction>,
    /// Where a secret starts inside of which the frame could not be read further.
    pub secret_from: Option<usize>,
    /// One line for people: what this message does, if the protocol can say it.
    pub summary: String,
}

impl Message {
    /// Prepares for the next frame; keeps the memory.
    pub fn clear(&mut self) {
        self.protocol = "unknown";
        self.type_name = "unknown";
        self.tree.clear();
        self.spelled.clear();
        self.header = None;
        self.body = None;
        self.inner = None;
        self.issues.clear();
        self.faithful = true;
        self.derived = false;
        self.sender = None;
        self.secret_from = None;
        self.summary.clear();
    }

    /// Turns this into a record of bytes that belong to no frame.
    pub fn unknown(&mut self, length: usize) {
        self.clear();
        self.faithful = false;
        self.rest(0, length);
    }

    /// Adds a finding about bytes `start..end` of the frame.
    #[cold]
    pub fn issue(
        &mut self,
        severity: Severity,
        code: &'static str,
        at: (usize, usize),
        message: impl Into<Words>,
    ) {
        let issue = Issue {
            severity,
            code,
            at: Span::new(at.0, at.1),
            message: message.into(),
        };
        issue.add_to(&mut self.issues);
    }

    /// Adds an error; the frame is no longer taken for faithful.
    #[cold]
    pub fn error(&mut self, code: &'static str, at: (usize, usize), message: impl Into<Words>) {
        self.faithful = false;
        self.issue(Severity::Error, code, at, message);
    }

    /// Adds a warning.
    #[cold]
    pub fn warning(&mut self, code: &'static str, at: (usize, usize), message: impl Into<Words>) {
        self.issue(Severity::Warning, code, at, message);
    }

    /// Adds a note.
    pub fn note(&mut self, code: &'static str, at: (usize, usize), message: impl Into<Words>) {
        self.issue(Severity::Note, code, at, message);
    }

    /// Adds a leaf for bytes `start..end` that nothing could be made of.
    pub fn rest(&mut self, start: usize, end: usize) {
        if start < end {
            let span = Span::new(start, end);
            self.tree.leaf(None, Value::Rest(span), span);
            self.faithful = false;
        }
    }

    /// The worst finding.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.issues.iter().map(|issue| issue.severity).max()
    }

    /// The top-level nodes in order of their bytes: header, body, rest; then inner.
    pub fn roots(&self) -> impl Iterator<Item = NodeId> {
        let mut next = 0;
        std::iter::from_fn(move || {
            let id = next;
            let node = self.tree.get(id)?;
            next = node.end.max(id.saturating_add(1));
            Some(id)
        })
    }
}
