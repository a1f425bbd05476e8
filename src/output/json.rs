//! NDJSON: one record a line, in the documented key order.

use super::Sink;
use super::redact::Redactor;
use crate::model::{Label, Message, Node, NodeId, Origin, Record, Value};
use std::io::{self, Write};

/// Lines are written out when this many bytes have gathered.
const BUFFER: usize = 1 << 16;

/// Writes records as NDJSON.
#[derive(Debug)]
pub struct Json<W> {
    out: W,
    buffer: Vec<u8>,
    always_raw: bool,
    redactor: Option<Redactor>,
}

impl<W: Write> Json<W> {
    /// Writes to `out`; `raw` goes into every record if `always_raw`.
    pub fn new(out: W, always_raw: bool) -> Self {
        Self {
            out,
            buffer: Vec::with_capacity(BUFFER * 2),
            always_raw,
            redactor: None,
        }
    }

    /// Masks secrets, and marks the records that had some, if `redact`.
    #[must_use]
    pub fn redacted(mut self, redact: bool) -> Self {
        self.redactor = redact.then(Redactor::default);
        self
    }
}

impl<W: Write> Sink for Json<W> {
    fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        let mut redactor = self.redactor.as_mut();
        match redactor.take_if(|redactor| redactor.finds(record)) {
            Some(redactor) => {
                let record = redactor.redacted(record);
                write_record(&mut self.buffer, &record, self.always_raw);
                mark_redacted(&mut self.buffer);
            }
            None => write_record(&mut self.buffer, record, self.always_raw),
        }
        self.buffer.push(b'\n');
        if self.buffer.len() >= BUFFER {
            self.out.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        self.out.flush()
    }
}

/// Appends `record` as one JSON object.
pub fn write_record(out: &mut Vec<u8>, record: &Record<'_>, always_raw: bool) {
    let message = record.message;
    out.extend_from_slice(b"{\"n\":");
    number(out, record.number);
    origin(out, record.origin);
    out.extend_from_slice(b",\"offset\":");
    number(out, record.offset);
    out.extend_from_slice(b",\"length\":");
    number(out, record.frame.len() as u64);
    if message.derived {
        out.extend_from_slice(b",\"derived\":true");
    }
    out.extend_from_slice(b",\"protocol\":\"");
    out.extend_from_slice(message.protocol.as_bytes());
    out.extend_from_slice(b"\",\"type\":\"");
    out.extend_from_slice(message.type_name.as_bytes());
    out.push(b'"');
    if let Some(header) = message.header {
        out.extend_from_slice(b",\"header\":");
        node(out, record, header);
    }
    out.extend_from_slice(b",\"body\":");
    match message.body {
        Some(body) => drop(node(out, record, body)),
        None => out.extend_from_slice(b"null"),
    }
    if let Some(inner) = message.inner {
        out.extend_from_slice(b",\"inner\":");
        node(out, record, inner);
    }
    issues(out, message);
    if always_raw || !message.faithful {
        out.extend_from_slice(b",\"raw\":\"");
        hexadecimal(out, record.frame);
        out.push(b'"');
    }
    out.push(b'}');
}

/// Says in the record just written that it is not what was on the wire.
fn mark_redacted(out: &mut Vec<u8>) {
    out.pop();
    out.extend_from_slice(b",\"redacted\":true}");
}

fn origin(out: &mut Vec<u8>, origin: &Origin) {
    if let Some(time) = origin.time {
        out.extend_from_slice(b",\"time\":\"");
        crate::output::time::write_rfc3339(out, time);
        out.push(b'"');
    }
    if let Some(stream) = origin.stream {
        out.extend_from_slice(b",\"stream\":");
        number(out, stream.into());
    }
    if let Some(direction) = origin.direction {
        out.extend_from_slice(b",\"direction\":\"");
        out.extend_from_slice(direction.name().as_bytes());
        out.push(b'"');
    }
    for (key, address) in [("src", origin.source), ("dst", origin.destination)] {
        if let Some(address) = address {
            let _ = write!(out, ",\"{key}\":\"{address}\"");
        }
    }
    if let Some(transport) = origin.transport {
        out.extend_from_slice(b",\"transport\":\"");
        out.extend_from_slice(transport.name().as_bytes());
        out.push(b'"');
    }
    if let Some(file) = &origin.file {
        out.extend_from_slice(b",\"file\":");
        text(out, file.as_bytes());
    }
    if let Some(line) = origin.line {
        out.extend_from_slice(b",\"line\":");
        number(out, line);
    }
}

fn issues(out: &mut Vec<u8>, message: &Message) {
    if message.issues.is_empty() {
        return;
    }
    out.extend_from_slice(b",\"issues\":[");
    for (index, issue) in message.issues.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"severity\":\"");
        out.extend_from_slice(issue.severity.name().as_bytes());
        out.extend_from_slice(b"\",\"code\":\"");
        out.extend_from_slice(issue.code.as_bytes());
        out.extend_from_slice(b"\",\"at\":[");
        number(out, issue.at.start.into());
        out.push(b',');
        number(out, issue.at.len() as u64);
        out.extend_from_slice(b"],\"message\":");
        text(out, issue.message.as_bytes());
        out.push(b'}');
    }
    out.push(b']');
}

/// Appends the value `id`; returns the node after its subtree.
fn node(out: &mut Vec<u8>, record: &Record<'_>, id: NodeId) -> NodeId {
    let Some(node) = record.message.tree.get(id) else {
        return id + 1;
    };
    match node.value {
        Value::Struct => structure(out, record, id, node),
        Value::List => list(out, record, id, node),
        Value::Map => map(out, record, id, node),
        Value::Pairs => pairs(out, record, id, node),
        Value::TextChunks | Value::ByteChunks => chunks(out, record, id, node),
        Value::Variant(name) => {
            out.push(b'{');
            text(out, record.bytes(node, name));
            out.push(b':');
            child(out, record, id, node);
            out.push(b'}');
        }
        Value::Tag(tag) => {
            let _ = write!(out, "{{\"$tag\":[{tag},");
            child(out, record, id, node);
            out.extend_from_slice(b"]}");
        }
        value => scalar(out, record, node, value),
    }
    node.end
}

fn child(out: &mut Vec<u8>, record: &Record<'_>, id: NodeId, parent: &Node) {
    if id + 1 < parent.end {
        node(out, record, id + 1);
    } else {
        out.extend_from_slice(b"null");
    }
}

fn structure(out: &mut Vec<u8>, record: &Record<'_>, id: NodeId, parent: &Node) {
    out.push(b'{');
    let mut first = true;
    let mut next = id + 1;
    while next < parent.end {
        let Some(member) = record.message.tree.get(next) else {
            break;
        };
        if member.hidden {
            next = member.end;
            continue;
        }
        member.label.unwrap_or(&UNNAMED).write_key(out, first);
        first = false;
        next = node(out, record, next);
    }
    out.push(b'}');
}

/// Stands in for a member without a label, which no decoder makes.
static UNNAMED: Label = Label::new("");

fn list(out: &mut Vec<u8>, record: &Record<'_>, id: NodeId, parent: &Node) {
    out.push(b'[');
    let mut next = id + 1;
    while next < parent.end {
        if next > id + 1 {
            out.push(b',');
        }
        next = node(out, record, next);
    }
    out.push(b']');
}

fn map(out: &mut Vec<u8>, record: &Record<'_>, id: NodeId, parent: &Node) {
    let tree = &record.message.tree;
    out.push(b'{');
    let mut first = true;
    let mut next = id + 1;
    while next < parent.end {
        let Some(key) = tree.get(next) else { break };
        if key.hidden {
            next = tree.get(key.end).map_or(parent.end, |value| value.end);
            continue;
        }
        if !first {
            out.push(b',');
        }
        first = false;
        match key.value {
            Value::Text(span) => text(out, record.bytes(key, span)),
            Value::TextChunks => {
                node(out, record, next);
            }
            value => {
                out.push(b'"');
                scalar(out, record, key, value);
                out.push(b'"');
            }
        }
        out.push(b':');
        if key.end < parent.end {
            next = node(out, record, key.end);
        } else {
            // Damage between a key and its value.
            out.extend_from_slice(b"null");
            next = parent.end;
        }
    }
    out.push(b'}');
}

/// A string in pieces, joined.
fn chunks(out: &mut Vec<u8>, record: &Record<'_>, id: NodeId, parent: &Node) {
    let pieces = || crate::codec::pieces(&record.message.tree, id, record.layer(parent));
    let bad = record
        .message
        .tree
        .children(id)
        .any(|(_, piece)| matches!(piece.value, Value::BadText(_)));
    if parent.value == Value::TextChunks && !bad {
        out.push(b'"');
        pieces().for_each(|piece| escaped(out, piece));
        out.push(b'"');
        return;
    }
    let tag: &[u8] = if bad {
        b"{\"$str\":\""
    } else {
        b"{\"$bytes\":\""
    };
    out.extend_from_slice(tag);
    pieces().for_each(|piece| hexadecimal(out, piece));
    out.extend_from_slice(b"\"}");
}

fn pairs(out: &mut Vec<u8>, record: &Record<'_>, id: NodeId, parent: &Node) {
    out.extend_from_slice(b"{\"$map\":[");
    let mut next = id + 1;
    while next < parent.end {
        if next > id + 1 {
            out.push(b',');
        }
        out.push(b'[');
        next = node(out, record, next);
        if next < parent.end {
            out.push(b',');
            next = node(out, record, next);
        }
        out.push(b']');
    }
    out.extend_from_slice(b"]}");
}

fn scalar(out: &mut Vec<u8>, record: &Record<'_>, node: &Node, value: Value) {
    match value {
        Value::Nil => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Unsigned(value) => number(out, value),
        Value::Signed(value) => {
            out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        }
        Value::Negative(value) => {
            let _ = write!(out, "{{\"$bigint\":\"{}\"}}", -1 - i128::from(value));
        }
        Value::Float(value) => float(out, value, node.tagged),
        Value::Text(span) => text(out, record.bytes(node, span)),
        Value::BadText(span) => tagged_bytes(out, "$str", record.bytes(node, span)),
        Value::Bytes(span) if node.tagged => tagged_bytes(out, "$bytes", record.bytes(node, span)),
        Value::Bytes(span) | Value::Rest(span) => {
            out.push(b'"');
            hexadecimal(out, record.bytes(node, span));
            out.push(b'"');
        }
        Value::IntegerBytes(span) => {
            out.push(b'"');
            integer_bytes(out, record.bytes(node, span));
            out.push(b'"');
        }
        Value::Symbol(symbol) | Value::Static(symbol) => {
            out.push(b'"');
            out.extend_from_slice(symbol.name.as_bytes());
            out.push(b'"');
        }
        Value::Extension(kind, span) => {
            let _ = write!(out, "{{\"$ext\":[{kind},\"");
            hexadecimal(out, record.bytes(node, span));
            out.extend_from_slice(b"\"]}");
        }
        Value::Undefined => out.extend_from_slice(b"{\"$undefined\":true}"),
        Value::Simple(value) => {
            let _ = write!(out, "{{\"$simple\":{value}}}");
        }
        Value::Number(span) => out.extend_from_slice(record.bytes(node, span)),
        Value::Struct
        | Value::List
        | Value::Map
        | Value::Pairs
        | Value::TextChunks
        | Value::ByteChunks
        | Value::Variant(_)
        | Value::Tag(_) => {}
    }
}

fn number(out: &mut Vec<u8>, value: u64) {
    if value < 10 {
        out.push(b'0' + value as u8);
        return;
    }
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn float(out: &mut Vec<u8>, value: f64, tagged: bool) {
    if value.is_finite() {
        out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes());
        return;
    }
    let (plain, short) = if value.is_nan() {
        ("NaN", "nan")
    } else if value > 0.0 {
        ("Infinity", "inf")
    } else {
        ("-Infinity", "-inf")
    };
    let _ = if tagged {
        write!(out, "{{\"$float\":\"{short}\"}}")
    } else {
        write!(out, "\"{plain}\"")
    };
}

fn tagged_bytes(out: &mut Vec<u8>, tag: &str, bytes: &[u8]) {
    let _ = write!(out, "{{\"{tag}\":\"");
    hexadecimal(out, bytes);
    out.extend_from_slice(b"\"}");
}

/// The two digits of every byte.
#[expect(clippy::indexing_slicing, reason = "a table made by the compiler")]
static DIGITS: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    table
};

fn hexadecimal(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + 2 * bytes.len(), 0);
    let digits = out.get_mut(start..).unwrap_or_default();
    // Fails only if the space is too small.
    let _ = faster_hex::hex_encode(bytes, digits);
}

fn hexadecimal_byte(out: &mut Vec<u8>, byte: u8) {
    if let Some(digits) = DIGITS.get(usize::from(byte)) {
        out.extend_from_slice(digits);
    }
}

/// `elements` are MessagePack integers of one byte each: fixints, or `cc` and the byte.
fn integer_bytes(out: &mut Vec<u8>, elements: &[u8]) {
    for byte in crate::codec::messagepack::integer_bytes(elements) {
        hexadecimal_byte(out, byte);
    }
}

/// How each byte is escaped in a JSON string: 0 not at all, `u` as `\u00xx`, else with this letter.
#[expect(clippy::indexing_slicing, reason = "a table made by the compiler")]
static ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = b'u';
        byte += 1;
    }
    table[0x08] = b'b';
    table[0x09] = b't';
    table[0x0a] = b'n';
    table[0x0c] = b'f';
    table[0x0d] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

/// Appends UTF-8 `bytes` as a JSON string.
fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    escaped(out, bytes);
    out.push(b'"');
}

/// Appends `bytes` as the inside of a JSON string.
fn escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    let special = |byte: &u8| (*byte < 0x20) | (*byte == b'"') | (*byte == b'\\');
    // No early exit, so that it looks at many bytes at a time; escapes are rare.
    if !bytes
        .iter()
        .fold(false, |found, byte| found | special(byte))
    {
        out.extend_from_slice(bytes);
        return;
    }
    let mut rest = bytes;
    while let Some(position) = rest.iter().position(|byte| {
        ESCAPES
            .get(usize::from(*byte))
            .is_some_and(|escape| *escape != 0)
    }) {
        let (plain, tail) = rest.split_at(position);
        out.extend_from_slice(plain);
        let Some((byte, tail)) = tail.split_first() else {
            break;
        };
        match ESCAPES.get(usize::from(*byte)).copied().unwrap_or_default() {
            b'u' => {
                out.extend_from_slice(b"\\u00");
                hexadecimal_byte(out, *byte);
            }
            letter => out.extend_from_slice(&[b'\\', letter]),
        }
        rest = tail;
    }
    out.extend_from_slice(rest);
}
