//! Nodes of records that are not values of the payload: the header, and what is said in `inner`.

use super::fragments::{Group, Shard, Verdict};
use super::header::{DICTIONARY_SIZE, Header, SIZE};
use super::payload::{Packing, dictionary_id};
use super::reading::{Encoding, Reading, strict};
use super::shapes::uuid_text;
use crate::model::{Label, Layer, Message, NodeId, Span, Symbol, Tree, Value};
use crate::protocol::Settings;

static MAGIC: Label = Label::new("magic");
static VERSION: Label = Label::new("version");
static FLAGS: Label = Label::new("flags");
static COMPRESSED: Label = Label::new("compressed");
static FRAGMENTED: Label = Label::new("fragmented");
static ACK_REQUIRED: Label = Label::new("ack_required");
static RESERVED: Label = Label::new("reserved");
static CHANNEL: Label = Label::new("channel");
static CHANNEL_NAME: Label = Label::new("channel_name");
static SEQUENCE: Label = Label::new("sequence");
static DICTIONARY: Label = Label::new("dictionary");
static ENCODING: Label = Label::new("encoding");
static DATA: Label = Label::new("data");
static ASSEMBLY: Label = Label::new("assembly");
static VERDICT: Label = Label::new("verdict");
static RECEIVED: Label = Label::new("received");
static OTHER: Label = Label::new("other");
static VALUE: Label = Label::new("value");
static FRAGMENT_ID: Label = Label::new("fragment_id");
static TOTAL: Label = Label::new("total");
static INDEX: Label = Label::new("index");
static PAYLOAD: Label = Label::new("payload");
static PARTS: Label = Label::new("parts");
static MISSING: Label = Label::new("missing");

/// Size of the header in front of the bytes of a part: id 16, total 2, index 2.
const RAW_SHARD_SIZE: usize = 20;
/// Groups with more parts are not guessed at.
const MOST_LIKELY_PARTS: u16 = 4096;
/// At most this many missing parts are listed.
const MOST_LISTED: usize = 64;

static ENCODINGS: [Symbol; 3] = [
    symbol(Encoding::MessagePack.name()),
    symbol(Encoding::Cbor.name()),
    symbol(Encoding::Json.name()),
];

static VERDICTS: [Symbol; 5] = [
    symbol("stored"),
    symbol("complete"),
    symbol("duplicate"),
    symbol("total_mismatch"),
    symbol("invalid_size"),
];

const fn symbol(name: &'static str) -> Symbol {
    Symbol { code: 0, name }
}

/// Where the nodes are that are filled in later.
#[derive(Clone, Copy, Debug)]
pub struct HeaderNodes {
    encoding: NodeId,
}

/// Appends the header.
pub fn header(
    header: &Header,
    packing: Packing,
    frame: &[u8],
    settings: &Settings,
    message: &mut Message,
) -> HeaderNodes {
    let tree = &mut message.tree;
    let id = tree.open(None, Value::Struct, 0);
    let magic = tree.leaf(Some(&MAGIC), Value::Bytes(Span::new(0, 2)), Span::new(0, 2));
    hide(tree, magic);
    number(tree, &VERSION, header.version, (2, 3));
    let flags = tree.open(Some(&FLAGS), Value::Struct, 3);
    let bit = Span::new(4, 4);
    tree.leaf(Some(&COMPRESSED), Value::Bool(header.compressed()), bit);
    tree.leaf(Some(&FRAGMENTED), Value::Bool(header.fragmented()), bit);
    tree.leaf(Some(&ACK_REQUIRED), Value::Bool(header.ack_required()), bit);
    if header.reserved() != 0 {
        number(tree, &RESERVED, header.reserved(), (4, 4));
    }
    tree.close(flags, 4);
    number(tree, &CHANNEL, header.channel, (4, 5));
    let named = settings.channels.iter();
    let name = named
        .filter(|(channel, _)| *channel == header.channel)
        .map(|(_, name)| name)
        .next();
    if let Some(name) = name {
        tree.derived_text(Some(&CHANNEL_NAME), name.as_bytes());
    }
    number(tree, &SEQUENCE, header.sequence, (5, 9));
    let mut end = SIZE;
    if packing == Packing::Compressed {
        end = (SIZE + DICTIONARY_SIZE).min(frame.len());
        number(tree, &DICTIONARY, dictionary_id(frame), (SIZE, end));
    } else {
        tree.leaf(Some(&DICTIONARY), Value::Nil, Span::new(SIZE, SIZE));
    }
    let encoding = tree.leaf(Some(&ENCODING), Value::Nil, Span::new(end, end));
    if packing == Packing::Compressed && end < frame.len() {
        let span = Span::new(end, frame.len());
        let data = tree.leaf(Some(&DATA), Value::Bytes(span), span);
        hide(tree, data);
        end = frame.len();
    }
    tree.close(id, end);
    message.header = Some(id);
    HeaderNodes { encoding }
}

/// Fills in the encoding.
pub fn set_encoding(nodes: &HeaderNodes, encoding: Encoding, message: &mut Message) {
    let name = ENCODINGS
        .iter()
        .find(|symbol| symbol.name == encoding.name());
    if let (Some(node), Some(name)) = (message.tree.get_mut(nodes.encoding), name) {
        node.value = Value::Static(name);
    }
}

/// The payload has no encoding.
pub fn opaque(nodes: &HeaderNodes, message: &mut Message) {
    if let Some(node) = message.tree.get_mut(nodes.encoding) {
        node.value = Value::Nil;
    }
}

/// Lets findings from `first` on, which count from the start of inflated bytes, point to the
/// compressed ones.
pub fn place_issues(message: &mut Message, first: usize, at: (usize, usize)) {
    for issue in message.issues.iter_mut().skip(first) {
        issue.at = Span::new(at.0, at.1);
    }
}

/// Says how the values are written, where that is not as the known encoders do.
pub fn check_form(body: NodeId, reading: &Reading, payload: (usize, usize), message: &mut Message) {
    if let (Some(encoding), Some(other)) = (reading.encoding, reading.other) {
        let text = format!(
            "{} reads these bytes as well as {}; see inner.other",
            other.name(),
            encoding.name()
        );
        message.note("ambiguous-encoding", payload, text);
    }
    let nodes = message.tree.nodes().get(body as usize..);
    let nodes = nodes.unwrap_or_default();
    let (mut unassigned, mut tag, mut float) = (None, false, false);
    for node in nodes {
        match node.value {
            Value::Simple(_) => unassigned = unassigned.or(Some(*node)),
            Value::Tag(_) => tag = true,
            Value::Float(_) => float = true,
            _ => {}
        }
    }
    if let Some(node) = unassigned {
        let at = match node.layer {
            Layer::Frame => (node.span.start as usize, node.span.end as usize),
            Layer::Derived => payload,
        };
        let text = "a CBOR simple value without a meaning: readers refuse it";
        message.issue(crate::model::Severity::Error, "unassigned-simple", at, text);
    }
    let packed = reading.encoding == Some(Encoding::MessagePack);
    // 32-bit floats are as their encoder writes them, though JSON cannot tell them from 64-bit.
    let usual =
        reading.reproducible || packed && float || tag || reading.encoding == Some(Encoding::Json);
    if !usual {
        message.note(
            "non-minimal-encoding",
            payload,
            "not in the shortest form: another encoder than the known ones, or a struct of unknown \
             length",
        );
    }
}

/// Opens `inner`.
pub fn open_inner(message: &mut Message) -> NodeId {
    message.tree.open(None, Value::Struct, 0)
}

/// Appends what the assembler says.
pub fn verdict(verdict: Verdict, message: &mut Message) {
    let tree = &mut message.tree;
    let id = tree.open(Some(&ASSEMBLY), Value::Struct, 0);
    if let Some(name) = VERDICTS.iter().find(|symbol| symbol.name == verdict.name()) {
        tree.leaf(Some(&VERDICT), Value::Static(name), Span::default());
    }
    if let Verdict::Stored(count) = verdict {
        number(tree, &RECEIVED, count as u32, (0, 0));
    }
    tree.close(id, 0);
}

/// Appends the other reading of an ambiguous payload.
pub fn other_reading(encoding: Encoding, frame: &[u8], message: &mut Message) -> bool {
    let compressed = message
        .body
        .and_then(|body| message.tree.get(body))
        .is_some_and(|node| node.layer == Layer::Derived);
    let tree = &mut message.tree;
    let id = tree.open(Some(&OTHER), Value::Struct, 0);
    if let Some(name) = ENCODINGS
        .iter()
        .find(|symbol| symbol.name == encoding.name())
    {
        tree.leaf(Some(&ENCODING), Value::Static(name), Span::default());
    }
    let value = tree.next_id();
    let read = if compressed {
        // Ambiguous payloads are tiny; the inflated bytes stand at the start of the derived ones.
        let derived = tree.derived.clone();
        strict(encoding, &derived, 0, tree)
    } else {
        strict(encoding, frame, SIZE, tree)
    };
    if let Some(node) = tree.get_mut(value) {
        node.label = Some(&VALUE);
    }
    if compressed {
        for node in tree.nodes_from(value) {
            node.layer = Layer::Derived;
        }
    }
    tree.close(id, 0);
    read.is_some()
}

/// The part in `frame`, if its payload is one behind a raw header.
#[must_use]
pub fn raw_shard<'a>(header: &Header, frame: &'a [u8]) -> Option<Shard<'a>> {
    let payload = frame.get(SIZE..)?;
    let (head, bytes) = payload.split_at_checked(RAW_SHARD_SIZE)?;
    let (id, counts) = head.split_first_chunk::<16>()?;
    let &[a, b, c, d] = counts else { return None };
    Some(Shard {
        id: *id,
        total: u16::from_be_bytes([a, b]),
        index: u16::from_be_bytes([c, d]),
        channel: header.channel,
        sequence: header.sequence,
        bytes,
    })
}

/// Whether bytes read as a part look like one.
#[must_use]
pub fn plausible(shard: &Shard<'_>) -> bool {
    let [.., variant, _, _, _, _, _, _, _] = shard.id;
    let version = shard.id.get(6).copied().unwrap_or_default() >> 4;
    let uuid = variant & 0xc0 == 0x80 && (1..=8).contains(&version);
    shard.index < shard.total && (uuid || shard.total <= MOST_LIKELY_PARTS)
}

/// Appends the body of a part behind a raw header.
pub fn raw_shard_body(frame: &[u8], message: &mut Message) {
    let tree = &mut message.tree;
    let body = tree.open(None, Value::Struct, SIZE);
    let id = Span::new(SIZE, SIZE + 16);
    let at = |start: usize| -> u16 {
        match frame.get(start..start + 2) {
            Some(&[high, low]) => u16::from_be_bytes([high, low]),
            _ => 0,
        }
    };
    tagged(tree, &FRAGMENT_ID, id);
    number(tree, &TOTAL, at(SIZE + 16), (SIZE + 16, SIZE + 18));
    number(tree, &INDEX, at(SIZE + 18), (SIZE + 18, SIZE + 20));
    tagged(
        tree,
        &PAYLOAD,
        Span::new(SIZE + RAW_SHARD_SIZE, frame.len()),
    );
    tree.close(body, frame.len());
    message.body = Some(body);
}

/// Takes bytes for text if they are, or shows them as they are.
pub fn text_or_rest(bytes: &[u8], message: &mut Message) {
    if let Some(body) = message.body.take() {
        message.tree.truncate(body);
    }
    message.faithful = false;
    let span = Span::new(0, bytes.len());
    match std::str::from_utf8(bytes) {
        Ok(_) if !bytes.is_empty() => {
            message.type_name = "Value";
            message.body = Some(message.tree.leaf(None, Value::Text(span), span));
        }
        _ => message.rest(0, bytes.len()),
    }
}

/// Says in `inner` of which parts a group consists.
pub fn parts(group: &Group, message: &mut Message) {
    let known = message.inner;
    let tree = &mut message.tree;
    let inner = tree.open(None, Value::Struct, 0);
    if let Some(known) = known {
        let members: Vec<NodeId> = tree.children(known).map(|(id, _)| id).collect();
        for id in members {
            let label = tree.get(id).and_then(|node| node.label);
            tree.copy(id, label);
        }
    }
    let assembly = tree.open(Some(&ASSEMBLY), Value::Struct, 0);
    tree.derived_text(Some(&FRAGMENT_ID), uuid_text(&group.id).as_bytes());
    number(tree, &TOTAL, group.total, (0, 0));
    let list = tree.open(Some(&PARTS), Value::List, 0);
    for (index, channel, sequence) in &group.parts {
        let part = tree.open(None, Value::Struct, 0);
        number(tree, &INDEX, *index, (0, 0));
        number(tree, &CHANNEL, *channel, (0, 0));
        number(tree, &SEQUENCE, *sequence, (0, 0));
        tree.close(part, 0);
    }
    tree.close(list, 0);
    let mut there = group.parts.iter().map(|(index, ..)| *index).peekable();
    let missing: Vec<u16> = (0..group.total)
        .filter(|index| there.next_if_eq(index).is_none())
        .take(MOST_LISTED)
        .collect();
    if !missing.is_empty() {
        let list = tree.open(Some(&MISSING), Value::List, 0);
        for index in missing {
            tree.leaf(None, Value::Unsigned(index.into()), Span::default());
        }
        tree.close(list, 0);
    }
    tree.close(assembly, 0);
    tree.close(inner, 0);
    message.inner = Some(inner);
}

fn number(tree: &mut Tree, label: &'static Label, value: impl Into<u64>, at: (usize, usize)) {
    tree.leaf(
        Some(label),
        Value::Unsigned(value.into()),
        Span::new(at.0, at.1),
    );
}

fn tagged(tree: &mut Tree, label: &'static Label, span: Span) {
    let id = tree.leaf(Some(label), Value::Bytes(span), span);
    if let Some(node) = tree.get_mut(id) {
        node.tagged = true;
    }
}

fn hide(tree: &mut Tree, id: NodeId) {
    if let Some(node) = tree.get_mut(id) {
        node.hidden = true;
    }
}
