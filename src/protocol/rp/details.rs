//! What known messages hold beyond their fields: names for positions, files, nested messages, and
//! what is wrong or worth knowing.
//!
//! Source: protocol page `rp`, sections 2, 3 and 10.

use super::messages::{
    CREDENTIAL_TYPE, DELTA_TYPE, FRAME_TYPE, INLINE_TYPE, MESSAGES, NAMES, SHARD_TYPE, TAGS,
};
use super::shapes::{Shape, View, uuid_text};
use crate::model::{Label, Layer, Message, NodeId, Severity, Span, Symbol, Value};
use crate::schema::Type;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

static SHAPE: Label = Label::new("shape");
static FIELDS: Label = Label::new("fields");
static PAYLOAD: Label = Label::new("payload");
static CONTENT: Label = Label::new("content");
static MIME: Label = Label::new("mime");
static SIZE: Label = Label::new("size");
static DIGEST: Label = Label::new("sha256");

/// The media types that a file's first bytes tell.
static SIGNATURES: [(&[u8], Symbol); 6] = [
    (b"\x89PNG\r\n\x1a\n", named("image/png")),
    (b"\xff\xd8\xff", named("image/jpeg")),
    (b"GIF8", named("image/gif")),
    (b"RIFF", named("image/webp")),
    (b"%PDF-", named("application/pdf")),
    (b"PK\x03\x04", named("application/zip")),
];

const fn named(name: &'static str) -> Symbol {
    Symbol { code: 0, name }
}

/// Where findings about derived values point to.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The bytes of the frame that hold the payload.
    pub payload: (usize, usize),
}

impl Place {
    /// The bytes of the frame that the value `id` comes from.
    #[must_use]
    pub fn of(&self, message: &Message, id: NodeId) -> (usize, usize) {
        match message.tree.get(id) {
            Some(node) if node.layer == Layer::Frame => {
                (node.span.start as usize, node.span.end as usize)
            }
            _ => self.payload,
        }
    }
}

/// Labels the fields of the message for people, and checks what it holds.
pub fn check(frame: &[u8], shape: &Shape, place: Place, message: &mut Message) {
    for (field, value) in shape.members() {
        if let Some(node) = value.and_then(|value| message.tree.get_mut(value)) {
            node.label = Some(&field.label);
        }
    }
    positions(shape, place, message);
    secrets(frame, shape, place, message);
    match shape.index {
        INLINE_TYPE => envelope(frame, shape, place, message),
        DELTA_TYPE => delta(frame, shape, place, message),
        FRAME_TYPE => {
            if let Some((payload, inside)) = nested(frame, shape, message) {
                let label = message.tree.get(payload).and_then(|node| node.label);
                check(frame, &inside, place, message);
                if let Some(node) = message.tree.get_mut(payload) {
                    node.label = label;
                }
            }
        }
        _ => {}
    }
}

/// Appends what is to be said about the message as `inner`, in members of an open struct. False if
/// there is nothing.
pub fn describe(frame: &[u8], shape: &Shape, message: &mut Message) -> bool {
    let Some(name) = NAMES.get(shape.index) else {
        return false;
    };
    let tree = &mut message.tree;
    tree.leaf(Some(&SHAPE), Value::Static(name), Span::default());
    let mut said = shape.positional;
    if shape.positional {
        fields(frame, shape, message);
    }
    if shape.index == INLINE_TYPE {
        said |= content(frame, shape, message);
    }
    if shape.index == FRAME_TYPE
        && let Some((_, inside)) = nested(frame, shape, message)
    {
        let id = message.tree.open(Some(&PAYLOAD), Value::Struct, 0);
        describe(frame, &inside, message);
        message.tree.close(id, 0);
        said = true;
    }
    said
}

/// The known message that the payload of a `Frame` is.
fn nested(frame: &[u8], shape: &Shape, message: &Message) -> Option<(NodeId, Shape)> {
    let payload = shape.field("payload")?;
    let view = View {
        tree: &message.tree,
        frame,
    };
    let inside = view.recognize(payload, false)?;
    // Frames in frames are not looked into any further: nobody sends them.
    (inside.index != FRAME_TYPE).then_some((payload, inside))
}

/// The fields of a positional message, under their names.
fn fields(frame: &[u8], shape: &Shape, message: &mut Message) {
    let id = message.tree.open(Some(&FIELDS), Value::Struct, 0);
    for (field, value) in shape.members() {
        let Some(value) = value else { continue };
        let list = matches!(field.kind, Type::List(Type::Uuid));
        if list {
            let ids: Vec<NodeId> = message.tree.children(value).map(|(id, _)| id).collect();
            let copy = message.tree.open(Some(&field.label), Value::List, 0);
            for id in ids {
                named_value(frame, None, id, true, message);
            }
            message.tree.close(copy, 0);
        } else {
            let uuid = matches!(field.kind, Type::Uuid);
            named_value(frame, Some(&field.label), value, uuid, message);
        }
    }
    message.tree.close(id, 0);
}

/// A copy of a value; UUIDs in their usual form.
fn named_value(
    frame: &[u8],
    label: Option<&'static Label>,
    value: NodeId,
    uuid: bool,
    message: &mut Message,
) {
    let view = View {
        tree: &message.tree,
        frame,
    };
    match view.uuid(value).filter(|_| uuid) {
        Some(uuid) => {
            let text = uuid_text(&uuid);
            message.tree.derived_text(label, text.as_bytes());
        }
        None => {
            message.tree.copy(value, label);
        }
    }
}

/// What the base64 text of an envelope holds.
fn content(frame: &[u8], shape: &Shape, message: &mut Message) -> bool {
    let view = View {
        tree: &message.tree,
        frame,
    };
    let Some(bytes) = decoded(view, shape) else {
        return false;
    };
    let digest = hex::encode(Sha256::digest(&bytes));
    let known = SIGNATURES
        .iter()
        .find(|(signature, _)| bytes.starts_with(signature))
        .map_or(Value::Nil, |(_, name)| Value::Static(name));
    let tree = &mut message.tree;
    let id = tree.open(Some(&CONTENT), Value::Struct, 0);
    tree.leaf(Some(&MIME), known, Span::default());
    let size = bytes.len() as u64;
    tree.leaf(Some(&SIZE), Value::Unsigned(size), Span::default());
    tree.derived_text(Some(&DIGEST), digest.as_bytes());
    tree.close(id, 0);
    true
}

fn decoded(view: View<'_>, shape: &Shape) -> Option<Vec<u8>> {
    let text = view.text(shape.field("data_base64")?)?;
    STANDARD.decode(text).ok()
}

/// Positions that real readers take otherwise.
fn positions(shape: &Shape, place: Place, message: &mut Message) {
    if !shape.positional || !(shape.shifted || shape.ambiguous) {
        return;
    }
    let name = MESSAGES.get(shape.index).map_or("", |message| message.name);
    let text = if shape.shifted {
        format!(
            "an optional field of {name} is left out before others: by position alone, real \
             readers refuse or misread it"
        )
    } else {
        format!("the elements fit the fields of {name} in several ways; the first is shown")
    };
    message.warning("positional-ambiguity", place.payload, text);
}

fn secrets(frame: &[u8], shape: &Shape, place: Place, message: &mut Message) {
    let tag = TAGS.get(shape.index).map_or("", |tag| tag.word);
    let view = View {
        tree: &message.tree,
        frame,
    };
    match tag {
        "auth" => {
            if let Some(token) = shape.field("token") {
                let at = place.of(message, token);
                message.warning("clear-token", at, "a token that anyone on the way can read");
            }
        }
        "error" => {
            let text = shape.field("message").and_then(|id| view.text(id));
            let text = String::from_utf8_lossy(text.unwrap_or_default()).into_owned();
            message.note(
                "error-op",
                place.payload,
                format!("the peer complains: {text}"),
            );
        }
        "resume_required" => message.warning(
            "resume-required",
            place.payload,
            "frames of this channel are lost; the client must start over from the cursor",
        ),
        "turn_credentials" => credential(shape, place, message),
        _ if shape.index == CREDENTIAL_TYPE => credential(shape, place, message),
        _ => {}
    }
}

fn credential(shape: &Shape, place: Place, message: &mut Message) {
    if let Some(credential) = shape.field("credential") {
        let at = place.of(message, credential);
        message.warning(
            "clear-credential",
            at,
            "a TURN credential that anyone on the way can read",
        );
    }
}

/// Checks digest and size of an envelope against the bytes it holds.
fn envelope(frame: &[u8], shape: &Shape, place: Place, message: &mut Message) {
    let view = View {
        tree: &message.tree,
        frame,
    };
    let Some(data) = shape.field("data_base64") else {
        return;
    };
    let Some(bytes) = decoded(view, shape) else {
        let at = place.of(message, data);
        let text = "the data are not base64 with padding";
        message.issue(Severity::Error, "invalid-base64", at, text);
        return;
    };
    let digest = hex::encode(Sha256::digest(&bytes));
    let said = shape.field("sha256").and_then(|id| view.text(id));
    let wrong_digest = said.filter(|said| *said != digest.as_bytes());
    let wrong_digest = wrong_digest.map(|said| String::from_utf8_lossy(said).into_owned());
    let size = shape.field("size").and_then(|id| view.number(id));
    if let (Some(said), Some(id)) = (wrong_digest, shape.field("sha256")) {
        let at = place.of(message, id);
        let text = format!("the envelope says {said}, the data have {digest}");
        message.issue(Severity::Error, "sha256-mismatch", at, text);
    }
    let wrong_size = size.filter(|size| *size != bytes.len() as u64);
    if let (Some(said), Some(id)) = (wrong_size, shape.field("size")) {
        let at = place.of(message, id);
        let text = format!(
            "the envelope says {said} bytes, the data have {}",
            bytes.len()
        );
        message.issue(Severity::Error, "size-mismatch", at, text);
    }
}

/// Checks the digest of each replacement.
fn delta(frame: &[u8], shape: &Shape, place: Place, message: &mut Message) {
    let Some(ops) = shape.field("ops") else {
        return;
    };
    let ids: Vec<NodeId> = message.tree.children(ops).map(|(id, _)| id).collect();
    for id in ids {
        let view = View {
            tree: &message.tree,
            frame,
        };
        let replacement = view.member(id, "Replace").unwrap_or(id);
        let text = |name: &str| view.member(replacement, name).and_then(|id| view.text(id));
        let (Some(said), Some(content)) = (text("sha"), text("content")) else {
            continue;
        };
        let digest = hex::encode(Sha256::digest(content));
        if said != digest.as_bytes() {
            let text = format!("the replacement's content has SHA-256 {digest}");
            let at = place.of(message, replacement);
            message.issue(Severity::Error, "delta-sha-mismatch", at, text);
        }
    }
}

/// The bytes of a shard's payload: a list of integers, or a byte string.
#[must_use]
pub fn shard_bytes(view: View<'_>, shape: &Shape) -> Option<Vec<u8>> {
    if shape.index != SHARD_TYPE {
        return None;
    }
    let payload = shape.field("payload")?;
    if let Some(bytes) = view.bytes(payload) {
        return Some(bytes.to_vec());
    }
    view.tree
        .children(payload)
        .map(|(id, _)| view.number(id).and_then(|value| u8::try_from(value).ok()))
        .collect()
}
