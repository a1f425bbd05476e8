//! Trees as JSON values.

use crate::codec::messagepack::spell_integer_bytes;
use crate::model::{JsonText, Label, Layer, Node, NodeId, Span, Tree, Value};

/// The values of one message, ready to be written.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    tree: &'a Tree,
    nodes: &'a [Node],
    frame: &'a [u8],
}

impl<'a> Values<'a> {
    /// The values of `tree`, whose spans are those of `frame`.
    #[must_use]
    pub fn of(tree: &'a Tree, frame: &'a [u8]) -> Self {
        Self {
            tree,
            nodes: tree.nodes(),
            frame,
        }
    }

    /// Appends the value `id` behind `lead` and the name of `label`.
    pub fn write(&self, out: &mut JsonText, lead: u8, label: Option<&'static Label>, id: NodeId) {
        if let Some(node) = self.node(id) {
            self.value(out, lead, label, id, node);
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

    /// Appends `node`, which is `id`, behind `lead` and the name of `label`. What most members are
    /// is written without a call.
    #[inline]
    fn value(&self, out: &mut JsonText, lead: u8, label: Name, id: NodeId, node: &Node) {
        match node.value {
            Value::Unsigned(value) => out.unsigned(lead, label, value),
            Value::Text(span) => out.text(lead, label, self.layer(node), span),
            Value::Struct => self.structure(out, lead, label, id, node),
            Value::List => self.list(out, lead, label, id, node),
            Value::Static(symbol) | Value::Symbol(symbol) => out.name(lead, label, symbol.name),
            Value::Bool(value) => out.truth(lead, label, value),
            Value::Nil => out.null(lead, label),
            _ => self.rarer(out, lead, label, id, node),
        }
    }

    #[inline(never)]
    fn rarer(&self, out: &mut JsonText, lead: u8, label: Name, id: NodeId, node: &Node) {
        match node.value {
            Value::Map => self.map(out, lead, label, id, node),
            Value::Pairs => self.pairs(out, lead, label, id, node),
            Value::TextChunks | Value::ByteChunks => self.chunks(out, lead, label, id, node),
            Value::Variant(name) => {
                out.begin(lead, label);
                out.text(b'{', None, self.layer(node), name);
                self.child(out, b':', id, node);
                out.push(b'}');
            }
            Value::Tag(tag) => {
                out.begin(lead, label);
                out.begin(b'{', Some(&TAG));
                out.unsigned(b'[', None, tag);
                self.child(out, b',', id, node);
                out.copy(b"]}");
            }
            value => self.scalar(out, lead, label, node, value),
        }
    }

    fn child(&self, out: &mut JsonText, lead: u8, id: NodeId, parent: &Node) {
        match self.node(id + 1) {
            Some(node) if id + 1 < parent.end => self.value(out, lead, None, id + 1, node),
            _ => out.null(lead, None),
        }
    }

    #[inline(never)]
    fn structure(&self, out: &mut JsonText, lead: u8, label: Name, id: NodeId, parent: &Node) {
        out.begin(lead, label);
        let mut lead = b'{';
        let mut next = id + 1;
        let within = self.nodes_within(parent);
        while let Some(member) = within.get(next as usize) {
            if !member.hidden {
                let label = member.label.or(Some(&UNNAMED));
                self.value(out, lead, label, next, member);
                lead = b',';
            }
            next = member.end;
        }
        out.close(lead, b'{', b'}');
    }

    #[inline(never)]
    fn list(&self, out: &mut JsonText, lead: u8, label: Name, id: NodeId, parent: &Node) {
        out.begin(lead, label);
        let mut lead = b'[';
        let mut next = id + 1;
        let within = self.nodes_within(parent);
        while let Some(item) = within.get(next as usize) {
            self.value(out, lead, None, next, item);
            lead = b',';
            next = item.end;
        }
        out.close(lead, b'[', b']');
    }

    fn map(&self, out: &mut JsonText, lead: u8, label: Name, id: NodeId, parent: &Node) {
        out.begin(lead, label);
        let mut lead = b'{';
        let mut next = id + 1;
        while next < parent.end
            && let Some(key) = self.node(next)
        {
            let value = self.node(key.end).filter(|_| key.end < parent.end);
            if !key.hidden {
                self.key(out, lead, next, key);
                lead = b',';
                match value {
                    Some(value) => self.value(out, b':', None, key.end, value),
                    // Damage between a key and its value.
                    None => out.null(b':', None),
                }
            }
            next = value.map_or(parent.end, |value| value.end);
        }
        out.close(lead, b'{', b'}');
    }

    fn key(&self, out: &mut JsonText, lead: u8, id: NodeId, key: &Node) {
        match key.value {
            Value::Text(_) | Value::TextChunks => self.value(out, lead, None, id, key),
            value => {
                out.push(lead);
                self.scalar(out, b'"', None, key, value);
                out.push(b'"');
            }
        }
    }

    fn pairs(&self, out: &mut JsonText, lead: u8, label: Name, id: NodeId, parent: &Node) {
        out.begin(lead, label);
        out.begin(b'{', Some(&MAP));
        let mut lead = b'[';
        let mut next = id + 1;
        while next < parent.end
            && let Some(key) = self.node(next)
        {
            out.push(lead);
            lead = b',';
            self.value(out, b'[', None, next, key);
            next = key.end;
            if next < parent.end
                && let Some(value) = self.node(next)
            {
                self.value(out, b',', None, next, value);
                next = value.end;
            }
            out.push(b']');
        }
        out.close(lead, b'[', b']');
        out.push(b'}');
    }

    /// A string in pieces, joined.
    fn chunks(&self, out: &mut JsonText, lead: u8, label: Name, id: NodeId, parent: &Node) {
        let pieces = || crate::codec::pieces(self.tree, id, self.layer(parent));
        let mut children = self.tree.children(id);
        let bad = children.any(|(_, piece)| matches!(piece.value, Value::BadText(_)));
        if parent.value == Value::TextChunks && !bad {
            out.open_string(lead, label);
            pieces().for_each(|piece| out.inside(piece));
            out.push(b'"');
            return;
        }
        out.begin(lead, label);
        out.open_string(b'{', Some(if bad { &STRING } else { &BYTES }));
        pieces().for_each(|piece| out.digits(piece));
        out.copy(b"\"}");
    }

    fn scalar(&self, out: &mut JsonText, lead: u8, label: Name, node: &Node, value: Value) {
        match value {
            Value::Unsigned(value) => out.unsigned(lead, label, value),
            Value::Signed(value) => out.signed(lead, label, value),
            Value::Negative(value) => {
                let digits = itoa::Buffer::new()
                    .format(-1 - i128::from(value))
                    .to_owned();
                out.begin(lead, label);
                out.name(b'{', Some(&BIG_INTEGER), &digits);
                out.push(b'}');
            }
            Value::Float(value) => out.float(lead, label, value, node.tagged),
            Value::BadText(span) => {
                out.begin(lead, label);
                out.hexadecimal(b'{', Some(&STRING), self.bytes(node, span));
                out.push(b'}');
            }
            Value::Bytes(span) if node.tagged => {
                out.begin(lead, label);
                out.hexadecimal(b'{', Some(&BYTES), self.bytes(node, span));
                out.push(b'}');
            }
            Value::Bytes(span) | Value::Rest(span) => {
                out.hexadecimal(lead, label, self.bytes(node, span));
            }
            Value::IntegerBytes(span) => {
                spell_integer_bytes(out, lead, label, self.bytes(node, span));
            }
            Value::Extension(kind, span) => {
                out.begin(lead, label);
                out.begin(b'{', Some(&EXTENSION));
                out.signed(b'[', None, kind.into());
                out.hexadecimal(b',', None, self.bytes(node, span));
                out.copy(b"]}");
            }
            Value::Undefined => {
                out.begin(lead, label);
                out.copy(b"{\"$undefined\":true}");
            }
            Value::Simple(value) => {
                out.begin(lead, label);
                out.unsigned(b'{', Some(&SIMPLE), value.into());
                out.push(b'}');
            }
            Value::Number(span) => {
                out.begin(lead, label);
                out.copy(self.bytes(node, span));
            }
            Value::Text(span) => out.string(lead, label, self.bytes(node, span)),
            Value::Symbol(symbol) | Value::Static(symbol) => out.name(lead, label, symbol.name),
            Value::Nil => out.null(lead, label),
            Value::Bool(value) => out.truth(lead, label, value),
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

/// What a member is called; items and values of maps have no name of their own.
type Name = Option<&'static Label>;

/// Stands in for a member without a label, which no decoder makes.
static UNNAMED: Label = Label::new("");

static BIG_INTEGER: Label = Label::new("$bigint");
static BYTES: Label = Label::new("$bytes");
static EXTENSION: Label = Label::new("$ext");
static MAP: Label = Label::new("$map");
static SIMPLE: Label = Label::new("$simple");
static STRING: Label = Label::new("$str");
static TAG: Label = Label::new("$tag");
