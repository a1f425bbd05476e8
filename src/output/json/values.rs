//! Trees as JSON values.

use crate::codec::json::scalars::{
    escaped, float, hexadecimal, integer_bytes, number, quoted, signed, tagged_bytes, text, text_at,
};
use crate::model::{Label, Layer, Node, NodeId, Record, Span, Tree, Value};
use std::io::Write;

/// The values of one record, ready to be written.
#[derive(Clone, Copy)]
pub struct Values<'a> {
    tree: &'a Tree,
    nodes: &'a [Node],
    frame: &'a [u8],
}

impl<'a> Values<'a> {
    /// All values of `record`.
    pub fn of(record: &Record<'a>) -> Self {
        let tree = &record.message.tree;
        Self {
            tree,
            nodes: tree.nodes(),
            frame: record.frame,
        }
    }

    /// Appends the value `id`.
    pub fn write(&self, out: &mut Vec<u8>, id: NodeId) {
        if let Some(node) = self.node(id) {
            self.value(out, id, node);
        }
    }

    #[inline]
    fn node(&self, id: NodeId) -> Option<&'a Node> {
        self.nodes.get(id as usize)
    }

    /// All nodes up to the last one in `parent`.
    #[inline]
    fn nodes_within(&self, parent: &Node) -> &'a [Node] {
        let end = self.nodes.len().min(parent.end as usize);
        self.nodes.get(..end).unwrap_or_default()
    }

    #[inline]
    fn bytes(&self, node: &Node, span: Span) -> &'a [u8] {
        span.of(self.layer(node))
    }

    #[inline]
    fn layer(&self, node: &Node) -> &'a [u8] {
        match node.layer {
            Layer::Frame => self.frame,
            Layer::Derived => &self.tree.derived,
        }
    }

    /// Appends `node`, which is `id`. What most members are is written without a call.
    #[expect(
        clippy::inline_always,
        reason = "a call costs as much as writing a number"
    )]
    #[inline(always)]
    fn value(&self, out: &mut Vec<u8>, id: NodeId, node: &Node) {
        match node.value {
            Value::Unsigned(value) => number(out, value),
            Value::Text(span) => text_at(out, self.layer(node), span),
            Value::Symbol(symbol) | Value::Static(symbol) => quoted(out, symbol.name),
            Value::Nil => out.extend_from_slice(b"null"),
            Value::Bool(true) => out.extend_from_slice(b"true"),
            Value::Bool(false) => out.extend_from_slice(b"false"),
            _ => self.rarer(out, id, node),
        }
    }

    #[inline(never)]
    fn rarer(&self, out: &mut Vec<u8>, id: NodeId, node: &Node) {
        match node.value {
            Value::Struct => self.structure(out, id, node),
            Value::List => self.list(out, id, node),
            Value::Map => self.map(out, id, node),
            Value::Pairs => self.pairs(out, id, node),
            Value::TextChunks | Value::ByteChunks => self.chunks(out, id, node),
            Value::Variant(name) => {
                out.push(b'{');
                text(out, self.bytes(node, name));
                out.push(b':');
                self.child(out, id, node);
                out.push(b'}');
            }
            Value::Tag(tag) => {
                let _ = write!(out, "{{\"$tag\":[{tag},");
                self.child(out, id, node);
                out.extend_from_slice(b"]}");
            }
            value => self.scalar(out, node, value),
        }
    }

    fn child(&self, out: &mut Vec<u8>, id: NodeId, parent: &Node) {
        match self.node(id + 1) {
            Some(node) if id + 1 < parent.end => self.value(out, id + 1, node),
            _ => out.extend_from_slice(b"null"),
        }
    }

    fn structure(&self, out: &mut Vec<u8>, id: NodeId, parent: &Node) {
        out.push(b'{');
        let mut first = true;
        let mut next = id + 1;
        let within = self.nodes_within(parent);
        while let Some(member) = within.get(next as usize) {
            if !member.hidden {
                member.label.unwrap_or(&UNNAMED).write_key(out, first);
                first = false;
                self.value(out, next, member);
            }
            next = member.end;
        }
        out.push(b'}');
    }

    fn list(&self, out: &mut Vec<u8>, id: NodeId, parent: &Node) {
        out.push(b'[');
        let mut next = id + 1;
        let within = self.nodes_within(parent);
        while let Some(item) = within.get(next as usize) {
            if next > id + 1 {
                out.push(b',');
            }
            self.value(out, next, item);
            next = item.end;
        }
        out.push(b']');
    }

    fn map(&self, out: &mut Vec<u8>, id: NodeId, parent: &Node) {
        out.push(b'{');
        let mut first = true;
        let mut next = id + 1;
        while next < parent.end
            && let Some(key) = self.node(next)
        {
            let value = self.node(key.end).filter(|_| key.end < parent.end);
            if !key.hidden {
                if !first {
                    out.push(b',');
                }
                first = false;
                self.key(out, next, key);
                out.push(b':');
                match value {
                    Some(value) => self.value(out, key.end, value),
                    // Damage between a key and its value.
                    None => out.extend_from_slice(b"null"),
                }
            }
            next = value.map_or(parent.end, |value| value.end);
        }
        out.push(b'}');
    }

    fn key(&self, out: &mut Vec<u8>, id: NodeId, key: &Node) {
        match key.value {
            Value::Text(_) | Value::TextChunks => self.value(out, id, key),
            value => {
                out.push(b'"');
                self.scalar(out, key, value);
                out.push(b'"');
            }
        }
    }

    fn pairs(&self, out: &mut Vec<u8>, id: NodeId, parent: &Node) {
        out.extend_from_slice(b"{\"$map\":[");
        let mut next = id + 1;
        while next < parent.end
            && let Some(key) = self.node(next)
        {
            if next > id + 1 {
                out.push(b',');
            }
            out.push(b'[');
            self.value(out, next, key);
            next = key.end;
            if next < parent.end
                && let Some(value) = self.node(next)
            {
                out.push(b',');
                self.value(out, next, value);
                next = value.end;
            }
            out.push(b']');
        }
        out.extend_from_slice(b"]}");
    }

    /// A string in pieces, joined.
    fn chunks(&self, out: &mut Vec<u8>, id: NodeId, parent: &Node) {
        let pieces = || crate::codec::pieces(self.tree, id, self.layer(parent));
        let mut children = self.tree.children(id);
        let bad = children.any(|(_, piece)| matches!(piece.value, Value::BadText(_)));
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

    fn scalar(&self, out: &mut Vec<u8>, node: &Node, value: Value) {
        match value {
            Value::Unsigned(value) => number(out, value),
            Value::Signed(value) => signed(out, value),
            Value::Negative(value) => {
                let _ = write!(out, "{{\"$bigint\":\"{}\"}}", -1 - i128::from(value));
            }
            Value::Float(value) => float(out, value, node.tagged),
            Value::BadText(span) => tagged_bytes(out, "$str", self.bytes(node, span)),
            Value::Bytes(span) if node.tagged => {
                tagged_bytes(out, "$bytes", self.bytes(node, span));
            }
            Value::Bytes(span) | Value::Rest(span) => {
                out.push(b'"');
                hexadecimal(out, self.bytes(node, span));
                out.push(b'"');
            }
            Value::IntegerBytes(span) => {
                out.push(b'"');
                integer_bytes(out, self.bytes(node, span));
                out.push(b'"');
            }
            Value::Extension(kind, span) => {
                let _ = write!(out, "{{\"$ext\":[{kind},\"");
                hexadecimal(out, self.bytes(node, span));
                out.extend_from_slice(b"\"]}");
            }
            Value::Undefined => out.extend_from_slice(b"{\"$undefined\":true}"),
            Value::Simple(value) => {
                let _ = write!(out, "{{\"$simple\":{value}}}");
            }
            Value::Number(span) => out.extend_from_slice(self.bytes(node, span)),
            Value::Text(span) => text(out, self.bytes(node, span)),
            Value::Symbol(symbol) | Value::Static(symbol) => quoted(out, symbol.name),
            Value::Nil => out.extend_from_slice(b"null"),
            Value::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
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
}

/// Stands in for a member without a label, which no decoder makes.
static UNNAMED: Label = Label::new("");
