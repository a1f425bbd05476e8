//! What opaque parts of a message hold, and how else it may be read.
//!
//! Source: protocol page `noxu`, sections 5 and 9.

use super::log_entries;
use super::messages;
use super::reading::{Family, Fit, Reading};
use super::restore;
use crate::model::{Label, Layer, Message, NodeId, Severity, Span, Value};
use crate::schema::MessageType;
use crate::schema::packed::Decoder;

static ALSO: Label = Label::new("also");
static PROTOCOL: Label = Label::new("protocol");
static TYPE: Label = Label::new("type");
static BODY: Label = Label::new("body");
static DATA: Label = Label::new("data");
static PAYLOAD: Label = Label::new("payload");

/// How the payloads of log entries were read so far on a connection, by the code of their type.
/// Applications may log bytes of their own under any type: said once, not for each of them.
#[derive(Debug)]
pub struct Payloads {
    read: [bool; 256],
    opaque: [bool; 256],
}

impl Default for Payloads {
    fn default() -> Self {
        Self {
            read: [false; 256],
            opaque: [false; 256],
        }
    }
}

impl Payloads {
    fn note_read(&mut self, code: u8) {
        if let Some(read) = self.read.get_mut(usize::from(code)) {
            *read = true;
        }
    }

    /// Notes a payload that is not of its type. Whether that is news: it is the first, or others of
    /// this type were.
    fn note_opaque(&mut self, code: u8) -> bool {
        let read = self.read.get(usize::from(code)).copied();
        let known = self.opaque.get_mut(usize::from(code));
        let known = known.is_some_and(|known| std::mem::replace(known, true));
        read == Some(true) || !known
    }
}

/// Shows what opaque parts hold.
pub fn deeper(frame: &[u8], reading: &Reading, payloads: &mut Payloads, message: &mut Message) {
    let Some(body) = message.body else { return };
    if std::ptr::eq(reading.kind, messages::RESTORE_RESPONSE) {
        restore::describe_files(frame, body, message);
        return;
    }
    let feeder = std::ptr::eq(reading.kind, messages::FEEDER_ENTRY);
    let entry = feeder || reading.family == Family::Protocol && reading.kind.code == 5;
    if !entry {
        return;
    }
    let name = if feeder { "payload" } else { "data" };
    let label = if feeder { &PAYLOAD } else { &DATA };
    let code = message
        .tree
        .child(body, "entry_type")
        .map(|(_, node)| *node);
    let content = message.tree.child(body, name).map(|(_, node)| node.value);
    let (Some(code), Some(Value::Bytes(span))) = (code, content) else {
        return;
    };
    let Value::Unsigned(number) = code.value else {
        return;
    };
    let entry_type = u8::try_from(number).unwrap_or_default();
    let Some(kind) = log_entries::by_code(entry_type) else {
        let at = (code.span.start as usize, code.span.end as usize);
        let severity = if feeder {
            Severity::Error
        } else {
            Severity::Warning
        };
        let what = format!("{number} is no log entry type; receivers drop the stream");
        message.issue(severity, "unknown-entry-type", at, what);
        return;
    };
    let inner = message.tree.open(None, Value::Struct, span.start as usize);
    match read_payload(frame, span, kind, Some(label), message) {
        Payload::Read(_) => {
            message.tree.close(inner, span.end as usize);
            message.inner = Some(inner);
            payloads.note_read(entry_type);
        }
        outcome => {
            message.tree.truncate(inner);
            let opaque = outcome == Payload::Undecodable && feeder;
            if opaque && payloads.note_opaque(entry_type) {
                message.warning(
                    "entry-payload-undecodable",
                    (span.start as usize, span.end as usize),
                    format!(
                        "not the payload of an entry {}; said once for this type",
                        kind.name
                    ),
                );
            }
        }
    }
}

/// Shows the other way to read the message `best` as well.
pub fn ambiguous(
    frame: &[u8],
    start: usize,
    (best, other): (&Reading, &Reading),
    message: &mut Message,
) {
    let (kind, family) = (other.kind.name, other.family.name());
    let text = if best.fit == Fit::Damaged {
        format!("nodes that expect {family} take these bytes for {kind}; shown under inner.also")
    } else {
        format!("these bytes may as well be {kind} of {family}; shown under inner.also")
    };
    message.note("ambiguous-message", (start, frame.len()), text);
    let faithful = message.faithful;
    let inner = message.tree.open(None, Value::Struct, start);
    let also = message.tree.open(Some(&ALSO), Value::Struct, start);
    for (label, text) in [(&PROTOCOL, other.family.name()), (&TYPE, other.kind.name)] {
        derived_text(label, text, message);
    }
    let range = (start + other.start(), frame.len());
    let issues = message.issues.len();
    Decoder::new(frame, range, other.rules(), message).run(&other.kind.body, Some(&BODY));
    message.issues.truncate(issues);
    message.faithful = faithful;
    message.tree.close(also, frame.len());
    message.tree.close(inner, frame.len());
    message.inner = Some(inner);
}

fn derived_text(label: &'static Label, text: &str, message: &mut Message) {
    let tree = &mut message.tree;
    let start = tree.derived.len();
    tree.derived.extend_from_slice(text.as_bytes());
    let span = Span::new(start, tree.derived.len());
    let id: NodeId = tree.leaf(Some(label), Value::Text(span), span);
    if let Some(node) = tree.get_mut(id) {
        node.layer = Layer::Derived;
    }
}

/// What reading a payload has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Payload {
    /// It is read: the root of what it holds.
    Read(NodeId),
    /// It is not of its type.
    Undecodable,
    /// Payloads of this type are not described.
    NotDescribed,
}

/// Reads bytes `span` of `frame` as the payload of a `kind` entry; pushes a tree labelled `label`
/// only if it fits exactly.
fn read_payload(
    frame: &[u8],
    span: Span,
    kind: &'static MessageType,
    label: Option<&'static Label>,
    message: &mut Message,
) -> Payload {
    if kind.body.fields.is_empty() {
        return Payload::NotDescribed;
    }
    let start = message.tree.next_id();
    let issues = message.issues.len();
    let faithful = message.faithful;
    let range = (span.start as usize, span.end as usize);
    let body = log_entries::body_of(kind, span.len());
    let outcome = Decoder::new(frame, range, log_entries::rules(), message).run(body, label);
    let exact =
        outcome.complete && outcome.end == span.end as usize && message.issues.len() == issues;
    message.faithful = faithful;
    if exact {
        return Payload::Read(start);
    }
    message.issues.truncate(issues);
    message.tree.truncate(start);
    Payload::Undecodable
}
