//! The bytes of an opaque field, wherever they are.

use crate::codec::messagepack::{Fault, Reader, integer_bytes};
use crate::model::{Layer, Message, Node, NodeId, Severity, Span, Value};

/// Contents that become a node per value are read up to this size: 1 MiB, the most that servers
/// take as one delta. A byte can become a node of some 50 bytes.
const MOST_CONTENT: usize = 1 << 20;

/// The content of a field. Its bytes are the frame's, or a copy in the tree's derived bytes if the
/// frame spells them as integers.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// The layer's bytes up to the end of the content.
    pub bytes: &'a [u8],
    /// Where the content starts in them.
    pub start: usize,
    /// The field's bytes in the frame.
    field: Span,
    copied: bool,
}

impl<'a> Content<'a> {
    /// The bytes `span` of the frame, in the field `field`.
    fn of_frame(frame: &'a [u8], span: Span, field: Span) -> Self {
        Self {
            bytes: frame.get(..span.end as usize).unwrap_or_default(),
            start: span.start as usize,
            field,
            copied: false,
        }
    }

    /// The bytes of `copy` from `start` on, which stand for the field `field`.
    fn of_copy(copy: &'a [u8], start: usize, field: Span) -> Self {
        Self {
            bytes: copy,
            start,
            field,
            copied: true,
        }
    }

    /// One past the content's last byte.
    pub fn end(&self) -> usize {
        self.bytes.len()
    }

    /// The content alone.
    pub fn slice(&self) -> &'a [u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// The content without its first `count` bytes.
    pub fn after(&self, count: usize) -> Self {
        Self {
            start: self.start.saturating_add(count),
            ..*self
        }
    }

    /// A reader at the start of the content, which cannot read beyond its end.
    pub fn reader(&self) -> Reader<'a> {
        Reader::new(self.bytes, self.start)
    }

    /// The content's own span.
    pub fn span(&self) -> Span {
        Span::new(self.start, self.end())
    }

    /// The bytes of the frame that `start..end` of [`Content::bytes`] stand for: the whole field
    /// if it was copied.
    pub fn at(&self, start: usize, end: usize) -> (usize, usize) {
        if self.copied {
            (self.field.start as usize, self.field.end as usize)
        } else {
            (start, end)
        }
    }

    /// Refuses content that would become too many nodes.
    pub fn bounded(&self) -> Result<(), Unreadable> {
        if self.slice().len() <= MOST_CONTENT {
            return Ok(());
        }
        Err(Unreadable {
            severity: Severity::Note,
            code: "inner-too-large",
            position: self.start,
            reason: format!(
                "{} bytes are more than are read further ({MOST_CONTENT})",
                self.slice().len()
            ),
        })
    }
}

/// Why content could not be read, and where.
#[derive(Debug)]
pub struct Unreadable {
    /// How bad it is.
    pub severity: Severity,
    /// The finding's name.
    pub code: &'static str,
    /// Where in [`Content::bytes`].
    pub position: usize,
    /// What is wrong, in words.
    pub reason: String,
}

impl Unreadable {
    /// The bytes at `position` are not what the field should hold.
    pub fn new(position: usize, reason: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            code: "opaque-undecodable",
            position,
            reason: reason.into(),
        }
    }

    /// `fault` at `position`.
    pub fn fault(fault: Fault, position: usize) -> Self {
        Self::new(position, fault.to_string())
    }
}

/// Whether something was pushed, or why not.
pub type Reading = Result<bool, Unreadable>;

/// Reads the bytes of `field` with `reader`, unless there are none. If that fails, what was pushed
/// is forgotten and the failure becomes an issue. What `reader` pushes as [`Layer::Frame`] points
/// into [`Content::bytes`].
pub fn read(
    frame: &[u8],
    field: NodeId,
    message: &mut Message,
    reader: impl FnOnce(&Content<'_>, &mut Message) -> Reading,
) -> bool {
    let Some(node) = message.tree.get(field).copied() else {
        return false;
    };
    let first = message.tree.next_id();
    match node.value {
        Value::Bytes(span) | Value::Text(span) if !span.is_empty() => {
            let content = Content::of_frame(frame, span, node.span);
            run(&content, first, message, reader)
        }
        Value::IntegerBytes(span) if !span.is_empty() => {
            let start = message.tree.derived.len();
            message.tree.derived.extend(integer_bytes(span.of(frame)));
            let mut held = std::mem::take(&mut message.tree.derived);
            let content = Content::of_copy(&held, start, node.span);
            let pushed = run(&content, first, message, reader);
            for node in message.tree.nodes_from(first) {
                match node.layer {
                    Layer::Frame => node.layer = Layer::Derived,
                    Layer::Derived => shift(node, held.len()),
                }
            }
            held.append(&mut message.tree.derived);
            message.tree.derived = held;
            pushed
        }
        _ => false,
    }
}

/// Spells out the bytes of `field` with `speller`, unless there are none. If that fails, the text is
/// as it was, and [`read`] says why.
pub fn spell(
    frame: &[u8],
    field: NodeId,
    message: &mut Message,
    speller: impl FnOnce(&Content<'_>, &mut Message) -> Reading,
) -> bool {
    let Some(node) = message.tree.get(field).copied() else {
        return false;
    };
    let before = message.spelled.values.len();
    let spelled = match node.value {
        Value::Bytes(span) | Value::Text(span) if !span.is_empty() => {
            let content = Content::of_frame(frame, span, node.span);
            speller(&content, message)
        }
        Value::IntegerBytes(span) if !span.is_empty() => {
            let mut held = std::mem::take(&mut message.tree.derived);
            let start = held.len();
            held.extend(integer_bytes(span.of(frame)));
            let content = Content::of_copy(&held, start, node.span);
            let spelled = speller(&content, message);
            held.truncate(start);
            message.tree.derived = held;
            spelled
        }
        _ => return false,
    };
    let done = matches!(spelled, Ok(true));
    if !done {
        message.spelled.values.truncate(before);
    }
    done
}

/// Pushes `text` as a derived leaf.
pub fn derived_text(
    message: &mut Message,
    label: Option<&'static crate::model::Label>,
    text: &str,
) -> NodeId {
    let start = message.tree.derived.len();
    message.tree.derived.extend_from_slice(text.as_bytes());
    let span = Span::new(start, message.tree.derived.len());
    let id = message.tree.leaf(label, Value::Text(span), span);
    if let Some(node) = message.tree.get_mut(id) {
        node.layer = Layer::Derived;
    }
    id
}

fn run(
    content: &Content<'_>,
    first: NodeId,
    message: &mut Message,
    reader: impl FnOnce(&Content<'_>, &mut Message) -> Reading,
) -> bool {
    let kept = message.tree.derived.len();
    match reader(content, message) {
        Ok(pushed) => pushed,
        Err(unreadable) => {
            message.tree.truncate(first);
            message.tree.derived.truncate(kept);
            let start = unreadable.position.clamp(content.start, content.end());
            message.issue(
                unreadable.severity,
                unreadable.code,
                content.at(start, content.end()),
                unreadable.reason,
            );
            false
        }
    }
}

/// Moves the spans of a derived leaf.
fn shift(node: &mut Node, by: usize) {
    let moved = |span: Span| Span::new(span.start as usize + by, span.end as usize + by);
    node.span = moved(node.span);
    if let Value::Text(span) = node.value {
        node.value = Value::Text(moved(span));
    }
}
