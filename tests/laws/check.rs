//! What must hold for everything that is decoded.

use crate::records::{Decoded, Keep, of_message};
use std::io::{self, Read};
use wirectl::codec::json::Document;
use wirectl::encode::{LineEncoder, encode_record};
use wirectl::model::{Layer, Message, Node, NodeId, Origin, Value};
use wirectl::pipeline::{Connection, Pipeline, Selection};
use wirectl::protocol::{EncodeOptions, Protocol, Settings};
use wirectl::source::decode_bytes;

/// How the bytes come in.
#[derive(Clone, Copy, Debug)]
pub enum Delivery {
    /// As one message whose end is known.
    Message,
    /// As a stream, so many bytes at a time.
    Stream(usize),
}

/// Decodes `bytes` and checks the laws. Returns the records.
pub fn check(
    bytes: &[u8],
    protocol: Option<&'static dyn Protocol>,
    delivery: Delivery,
) -> Result<Vec<Decoded>, String> {
    let mut connection = Connection::new(protocol, Settings::default());
    let records = match delivery {
        Delivery::Message => of_message(bytes, &mut connection),
        Delivery::Stream(piece) => of_stream(bytes, piece, &mut connection),
    };
    complete(bytes, &records)?;
    for record in &records {
        let place =
            |what: String| format!("record at {}: {what}\n  {}", record.offset, record.json);
        tiles(record).map_err(place)?;
    }
    encodes(bytes, &records)?;
    Ok(records)
}

fn of_stream(bytes: &[u8], piece: usize, connection: &mut Connection) -> Vec<Decoded> {
    let mut sink = Keep::new();
    let mut pipeline = Pipeline::new(&mut sink, Selection::default());
    let mut input = Pieces { bytes, piece };
    decode_bytes(&mut input, &Origin::default(), connection, &mut pipeline).unwrap();
    sink.kept
}

/// Gives a few bytes at a time.
struct Pieces<'a> {
    bytes: &'a [u8],
    piece: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let count = self.piece.max(1).min(space.len()).min(self.bytes.len());
        let (now, later) = self.bytes.split_at(count);
        space[..count].copy_from_slice(now);
        self.bytes = later;
        Ok(count)
    }
}

/// Whether the record repeats what others hold.
fn is_derived(record: &Decoded) -> bool {
    record.json.contains(r#""derived":true"#)
}

/// Every byte belongs to exactly one record, in order.
fn complete(bytes: &[u8], records: &[Decoded]) -> Result<(), String> {
    let mut position = 0;
    for record in records.iter().filter(|record| !is_derived(record)) {
        if record.offset != position as u64 {
            return Err(format!(
                "a record at {} where {position} is due",
                record.offset
            ));
        }
        let end = position + record.frame.len();
        if bytes.get(position..end) != Some(&record.frame) {
            return Err(format!("the record at {position} has other bytes"));
        }
        position = end;
    }
    if position == bytes.len() {
        Ok(())
    } else {
        Err(format!("records end at {position} of {}", bytes.len()))
    }
}

/// Law 1: what was decoded encodes to the same bytes.
fn encodes(bytes: &[u8], records: &[Decoded]) -> Result<(), String> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut document = Document::default();
    for record in records {
        let before = out.len();
        let text = record.json.as_bytes();
        match document.parse(text) {
            Ok(Some(length)) if length == text.len() => {}
            other => return Err(format!("not JSON: {other:?}\n  {}", record.json)),
        }
        let root = document.root(text).map_err(|error| format!("{error:?}"))?;
        encode_record(root, &EncodeOptions::default(), &mut out)
            .map_err(|error| format!("{error}\n  {}", record.json))?;
        let mut line = Vec::new();
        if LineEncoder::default().encode(text, &mut line) && line != out[before..] {
            return Err(format!(
                "the fast way encodes to {}\n  instead of {}\n  {}",
                hex::encode(&line),
                hex::encode(&out[before..]),
                record.json
            ));
        }
        if !is_derived(record) && out[before..] != record.frame {
            return Err(format!(
                "encodes to {}\n  instead of {}\n  {}",
                hex::encode(&out[before..]),
                hex::encode(&record.frame),
                record.json
            ));
        }
    }
    if out == bytes {
        Ok(())
    } else {
        Err("encodes to other bytes".to_owned())
    }
}

/// The nodes are a tree, the roots tile the frame, children lie in order inside their parents,
/// and nothing points outside.
fn tiles(record: &Decoded) -> Result<(), String> {
    let message = &record.message;
    let length = record.frame.len();
    let mut position = 0;
    let mut next = 0;
    for id in message.roots() {
        if id != next {
            return Err(format!("root {id} where {next} is due"));
        }
        let node = node(message, id)?;
        next = node.end;
        inside(record, id)?;
        if Some(id) == message.inner || node.layer == Layer::Derived {
            continue;
        }
        let (start, end) = (node.span.start as usize, node.span.end as usize);
        if start != position {
            return Err(format!(
                "root {id} starts at {start}, the last ends at {position}"
            ));
        }
        position = end;
    }
    if next as usize != message.tree.len() {
        return Err(format!(
            "{} nodes, the roots have {next}",
            message.tree.len()
        ));
    }
    if position != length && !is_derived(record) {
        return Err(format!("the roots end at {position} of {length}"));
    }
    let spans = message.issues.iter().map(|issue| issue.at);
    for span in spans {
        if span.start > span.end || span.end as usize > length {
            return Err(format!("an issue at {span:?}"));
        }
    }
    Ok(())
}

fn node(message: &Message, id: NodeId) -> Result<&Node, String> {
    message.tree.get(id).ok_or_else(|| format!("no node {id}"))
}

/// Checks the subtree of `id`, which may be deep: without recursion.
fn inside(record: &Decoded, id: NodeId) -> Result<(), String> {
    let message = &record.message;
    let top = node(message, id)?;
    let mirrored = message.inner.is_some_and(|inner| id >= inner);
    for id in id..top.end {
        let parent = node(message, id)?;
        if parent.end <= id || parent.end > top.end {
            return Err(format!("node {id} ends at {}", parent.end));
        }
        content_inside(record, id, parent, mirrored)?;
        let mut position = parent.span.start;
        for (child, node) in message.tree.children(id) {
            if node.end > parent.end {
                return Err(format!("node {child} reaches beyond its parent {id}"));
            }
            if mirrored || node.layer != parent.layer {
                continue;
            }
            if node.span.start < position || node.span.end > parent.span.end {
                return Err(format!(
                    "node {child} at {:?} in {id} at {:?}, the last ends at {position}",
                    node.span, parent.span
                ));
            }
            position = node.span.end;
        }
    }
    Ok(())
}

/// The node's bytes exist, and its content lies among them; what is `inner` may repeat others'.
fn content_inside(record: &Decoded, id: NodeId, node: &Node, mirrored: bool) -> Result<(), String> {
    let length = match node.layer {
        Layer::Frame => record.frame.len(),
        Layer::Derived => record.message.tree.derived.len(),
    };
    let content = match node.value {
        Value::Text(span)
        | Value::BadText(span)
        | Value::Bytes(span)
        | Value::IntegerBytes(span)
        | Value::Extension(_, span)
        | Value::Variant(span)
        | Value::Rest(span) => span,
        _ => node.span,
    };
    let whole = node.span;
    if whole.start > whole.end || whole.end as usize > length {
        return Err(format!("node {id} at {whole:?} of {length} bytes"));
    }
    let within = if mirrored {
        (0, length as u32)
    } else {
        (whole.start, whole.end)
    };
    if content.start > content.end || content.start < within.0 || content.end > within.1 {
        return Err(format!(
            "node {id} at {whole:?} has its content at {content:?}"
        ));
    }
    let bytes = match node.layer {
        Layer::Frame => content.of(&record.frame),
        Layer::Derived => content.of(&record.message.tree.derived),
    };
    if matches!(node.value, Value::Text(_)) && std::str::from_utf8(bytes).is_err() {
        return Err(format!("node {id} is text, but not UTF-8"));
    }
    Ok(())
}
