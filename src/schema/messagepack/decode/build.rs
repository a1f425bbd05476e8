//! What becomes of the values of a body as they are read: nodes of a tree, or JSON text at once.

use crate::codec::messagepack::spell_integer_bytes;
use crate::model::{Label, Message, NodeId, Span, Value};

/// Takes values in the order in which they stand.
pub trait Build {
    /// Whether every value can be taken, and every flaw told; else only what the tables say.
    const ANYTHING: bool;

    /// A value without children; where its bytes start in `frame`, and where they end.
    fn leaf(
        &mut self,
        frame: &[u8],
        message: &mut Message,
        label: Option<&'static Label>,
        value: Value,
        at: (usize, usize),
    );

    /// A container that starts at byte `start`. What comes until it is closed is inside it.
    fn open(
        &mut self,
        frame: &[u8],
        message: &mut Message,
        label: Option<&'static Label>,
        value: Value,
        start: usize,
    ) -> Option<NodeId>;

    /// The container that [`Build::open`] has called `id` ends before byte `end`.
    fn close(&mut self, message: &mut Message, id: Option<NodeId>, value: Value, end: usize);

    /// What came is a key of a map, and its value comes.
    fn key_ends(&mut self) {}

    /// How far things have come.
    fn mark(&self, message: &Message) -> Mark;

    /// Forgets what came after `mark`.
    fn undo(&mut self, message: &mut Message, mark: &Mark);

    /// Whether something came that cannot be taken.
    fn refused(&self) -> bool {
        false
    }
}

/// How far things had come.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    next: NodeId,
    text: usize,
    lead: u8,
}

/// Every value becomes a node of the message's tree.
#[derive(Clone, Copy, Debug)]
pub struct AllNodes;

impl Build for AllNodes {
    const ANYTHING: bool = true;

    #[inline]
    fn leaf(
        &mut self,
        _frame: &[u8],
        message: &mut Message,
        label: Option<&'static Label>,
        value: Value,
        at: (usize, usize),
    ) {
        message.tree.leaf(label, value, Span::new(at.0, at.1));
    }

    #[inline]
    fn open(
        &mut self,
        _frame: &[u8],
        message: &mut Message,
        label: Option<&'static Label>,
        value: Value,
        start: usize,
    ) -> Option<NodeId> {
        Some(message.tree.open(label, value, start))
    }

    #[inline]
    fn close(&mut self, message: &mut Message, id: Option<NodeId>, _value: Value, end: usize) {
        if let Some(id) = id {
            message.tree.close(id, end);
        }
    }

    fn mark(&self, message: &Message) -> Mark {
        Mark {
            next: message.tree.next_id(),
            text: 0,
            lead: 0,
        }
    }

    fn undo(&mut self, message: &mut Message, mark: &Mark) {
        message.tree.truncate(mark.next);
    }
}

/// Only what is to be kept becomes nodes; if `JSON`, the body is spelled out in the
/// message's text as well.
#[derive(Clone, Copy, Debug)]
pub struct FewNodes<const JSON: bool> {
    /// Whether what comes becomes nodes.
    kept: bool,
    /// What stands before the next key or value: a comma, the bracket that was opened, or a colon.
    lead: u8,
    refused: bool,
}

impl<const JSON: bool> Default for FewNodes<JSON> {
    fn default() -> Self {
        Self {
            kept: true,
            lead: b':',
            refused: false,
        }
    }
}

impl<const JSON: bool> FewNodes<JSON> {
    /// Nothing becomes nodes. The text goes on behind `lead`.
    #[must_use]
    pub const fn text(lead: u8) -> Self {
        Self {
            kept: false,
            lead,
            refused: false,
        }
    }

    /// What stands before the next value.
    #[must_use]
    pub const fn lead(&self) -> u8 {
        self.lead
    }

    /// A value has been appended to the text by others.
    pub const fn value_ends(&mut self) {
        self.lead = b',';
    }

    /// Says whether what comes becomes nodes.
    #[inline]
    pub const fn keep(&mut self, kept: bool) {
        self.kept = kept;
    }
}

impl<const JSON: bool> Build for FewNodes<JSON> {
    const ANYTHING: bool = false;

    #[expect(
        clippy::inline_always,
        reason = "callers know what the value is, so that little of this is left"
    )]
    #[inline(always)]
    fn leaf(
        &mut self,
        frame: &[u8],
        message: &mut Message,
        label: Option<&'static Label>,
        value: Value,
        at: (usize, usize),
    ) {
        if JSON {
            let text = &mut message.spelled.values;
            let lead = std::mem::replace(&mut self.lead, b',');
            match value {
                Value::Unsigned(value) => text.unsigned(lead, label, value),
                Value::Signed(value) => text.signed(lead, label, value),
                Value::Text(content) => text.text(lead, label, frame, content),
                Value::Nil => text.null(lead, label),
                Value::Bool(value) => text.truth(lead, label, value),
                Value::Float(value) => text.float(lead, label, value, false),
                Value::Symbol(symbol) | Value::Static(symbol) => {
                    text.name(lead, label, symbol.name)
                }
                Value::Bytes(content) => text.hexadecimal(lead, label, content.of(frame)),
                Value::IntegerBytes(content) => {
                    spell_integer_bytes(text, lead, label, content.of(frame));
                }
                _ => self.refused = true,
            }
        }
        if self.kept {
            message.tree.leaf(label, value, Span::new(at.0, at.1));
        }
    }

    #[expect(clippy::inline_always, reason = "every value passes")]
    #[inline(always)]
    fn open(
        &mut self,
        frame: &[u8],
        message: &mut Message,
        label: Option<&'static Label>,
        value: Value,
        start: usize,
    ) -> Option<NodeId> {
        if JSON {
            let text = &mut message.spelled.values;
            text.begin(self.lead, label);
            self.lead = match value {
                Value::List => b'[',
                Value::Variant(name) => {
                    text.text(b'{', None, frame, name);
                    b':'
                }
                _ => b'{',
            };
        }
        self.kept.then(|| message.tree.open(label, value, start))
    }

    #[expect(clippy::inline_always, reason = "every value passes")]
    #[inline(always)]
    fn close(&mut self, message: &mut Message, id: Option<NodeId>, value: Value, end: usize) {
        if JSON {
            let (open, close) = match value {
                Value::List => (b'[', b']'),
                _ => (b'{', b'}'),
            };
            let lead = std::mem::replace(&mut self.lead, b',');
            message.spelled.values.close(lead, open, close);
        }
        if let Some(id) = id {
            message.tree.close(id, end);
        }
    }

    #[inline]
    fn key_ends(&mut self) {
        self.lead = b':';
    }

    fn mark(&self, message: &Message) -> Mark {
        Mark {
            next: message.tree.next_id(),
            text: message.spelled.values.len(),
            lead: self.lead,
        }
    }

    fn undo(&mut self, message: &mut Message, mark: &Mark) {
        message.tree.truncate(mark.next);
        message.spelled.values.truncate(mark.text);
        self.lead = mark.lead;
    }

    fn refused(&self) -> bool {
        self.refused
    }
}
