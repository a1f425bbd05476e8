//! The flat tree: values in pre-order, strings and bytes as spans into the frame.
//!
//! Leaves tile the frame. A container owns the bytes before its first child (markers, counts,
//! keys) and after its last; every other byte belongs to exactly one leaf.

/// The half-open byte range `start..end` of a frame or of its derived bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The span `start..end`; positions beyond `u32` saturate (frames are bounded far below).
    #[must_use]
    #[inline]
    pub fn new(start: usize, end: usize) -> Self {
        if start > end || end > u32::MAX as usize {
            return Self::clamped(start, end);
        }
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    #[cold]
    fn clamped(start: usize, end: usize) -> Self {
        let clamp = |position| u32::try_from(position).unwrap_or(u32::MAX);
        Self {
            start: clamp(start),
            end: clamp(end.max(start)),
        }
    }

    /// Number of bytes.
    #[must_use]
    pub fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// Whether the span holds no byte.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// The bytes of this span; empty if it lies outside `bytes`.
    #[must_use]
    #[inline]
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        bytes
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }
}

/// Room for a label's JSON key; longer names are spelled out each time.
pub const KEY: usize = 40;

/// What a named field is called and how people want to see it.
///
/// As large as a line of most caches: writing a member looks at one line.
#[derive(Debug, PartialEq, Eq)]
#[repr(align(64))]
pub struct Label {
    /// `,"name":` and its length, ready for output; length 0 if the name is too long.
    key: ([u8; KEY], u8),
    /// The field's name on the wire or in the protocol page.
    pub name: &'static str,
    /// How much of the value people may see.
    pub secret: Secret,
    /// What a number counts.
    pub unit: Unit,
}

impl Label {
    /// A plain label.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            key: json_key(name),
            name,
            secret: Secret::No,
            unit: Unit::None,
        }
    }
}

impl Label {
    /// The same label for a value that people see only in part or not at all.
    #[must_use]
    pub const fn secret(mut self, secret: Secret) -> Self {
        self.secret = secret;
        self
    }

    /// `,"name":`, or `"name":` for the first member; none if the name is too long.
    #[inline]
    #[must_use]
    pub fn key(&self, first: bool) -> Option<&[u8]> {
        let (key, length) = &self.key;
        key.get(usize::from(first)..usize::from(*length))
            .filter(|key| !key.is_empty())
    }

    /// `,"name":` and what fills up its room, and how long it is; none if the name is too long.
    #[inline]
    #[must_use]
    pub fn padded_key(&self) -> Option<(&[u8; KEY], usize)> {
        let (key, length) = &self.key;
        (*length > 0).then(|| (key, usize::from(*length).min(KEY)))
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated when compiling, after the length was checked"
)]
const fn json_key(name: &str) -> ([u8; KEY], u8) {
    let bytes = name.as_bytes();
    let mut key = [0; KEY];
    if bytes.len() + 4 > KEY {
        return (key, 0);
    }
    key[0] = b',';
    key[1] = b'"';
    let mut index = 0;
    while index < bytes.len() {
        key[index + 2] = bytes[index];
        index += 1;
    }
    key[index + 2] = b'"';
    key[index + 3] = b':';
    (key, index as u8 + 4)
}

/// How much of a value is hidden from people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Secret {
    /// Nothing.
    #[default]
    No,
    /// All of it: keys, credentials, opaque tokens.
    Whole,
    /// A JSON Web Token: its claims may be seen, its signature not.
    Token,
}

/// What a number counts, for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// Nothing in particular.
    #[default]
    None,
    /// Milliseconds since the Unix epoch.
    UnixMilliseconds,
    /// Microseconds since the Unix epoch.
    UnixMicroseconds,
    /// Nanoseconds since the Unix epoch.
    UnixNanoseconds,
    /// A duration in milliseconds.
    Milliseconds,
    /// A duration in seconds.
    Seconds,
    /// A number best read in hexadecimal: checksums, fingerprints.
    Hexadecimal,
    /// A Noxu log sequence number: file number in the upper 32 bits, offset in the lower.
    LogSequenceNumber,
}

/// A number on the wire that has a name.
#[derive(Debug, PartialEq, Eq)]
pub struct Symbol {
    /// The number.
    pub code: u64,
    /// Its name.
    pub name: &'static str,
}

/// Which bytes a node's spans point into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layer {
    /// The frame itself.
    #[default]
    Frame,
    /// [`Tree::derived`]: inflated, reassembled or otherwise computed bytes.
    Derived,
}

/// A decoded value. Containers say so here; their children follow in the tree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// Nothing: nil, null.
    Nil,
    /// A truth value.
    Bool(bool),
    /// An integer from 0 to 2^64-1.
    Unsigned(u64),
    /// An integer below 0 (or of a signed field).
    Signed(i64),
    /// The integer -1-n, for n that does not fit [`Value::Signed`].
    Negative(u64),
    /// A floating-point number of any width, widened exactly.
    Float(f64),
    /// UTF-8 text; the span is its content.
    Text(Span),
    /// Bytes meant as text that are not UTF-8.
    BadText(Span),
    /// A byte string; the span is its content.
    Bytes(Span),
    /// A byte string spelled as a MessagePack array of integers; the span is the elements.
    IntegerBytes(Span),
    /// A number with a name.
    Symbol(&'static Symbol),
    /// Text that the decoder itself supplies; only the symbol's name counts.
    Static(&'static Symbol),
    /// A JSON number, as it is spelled.
    Number(Span),
    /// Text in pieces; the children are the pieces.
    TextChunks,
    /// Bytes in pieces; the children are the pieces.
    ByteChunks,
    /// MessagePack ext: type and content.
    Extension(i8, Span),
    /// CBOR `undefined`.
    Undefined,
    /// A CBOR simple value without a meaning of its own.
    Simple(u8),
    /// Container of labelled members.
    Struct,
    /// Container of unnamed items.
    List,
    /// Container of alternating keys and values; the keys are distinct texts or integers.
    Map,
    /// Container of alternating keys and values, where a [`Value::Map`] cannot show the keys.
    Pairs,
    /// An enum variant with a payload; one child. The span is the variant's name.
    Variant(Span),
    /// A CBOR tag; one child.
    Tag(u64),
    /// Bytes that could not be read as what they should be.
    Rest(Span),
}

/// Index of a node in its tree.
pub type NodeId = u32;

/// One value with its name, its bytes and the extent of its subtree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Node {
    /// The field's label, if the schema names it.
    pub label: Option<&'static Label>,
    /// The value.
    pub value: Value,
    /// All bytes of the value, markers included.
    pub span: Span,
    /// Index of the first node after this one's subtree.
    pub end: NodeId,
    /// What the spans point into.
    pub layer: Layer,
    /// Whether the value comes from a self-describing payload, where JSON needs tags to tell
    /// bytes from text and names non-finite floats its own way.
    pub tagged: bool,
    /// Whether JSON leaves the node out (it is shown to people, and derived when encoding).
    pub hidden: bool,
}

/// Values in pre-order, and the bytes that were derived while reading them.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    nodes: Vec<Node>,
    /// Bytes of [`Layer::Derived`] nodes.
    pub derived: Vec<u8>,
}

impl Tree {
    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.nodes.clear();
        self.derived.clear();
    }

    /// Number of nodes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The index that the next pushed node gets.
    #[must_use]
    #[inline]
    pub fn next_id(&self) -> NodeId {
        // Decoders end long before; see their limits on values per message.
        self.nodes.len() as NodeId
    }

    /// Appends a leaf of the frame.
    #[inline]
    pub fn leaf(&mut self, label: Option<&'static Label>, value: Value, span: Span) -> NodeId {
        let id = self.next_id();
        self.nodes.push(Node {
            label,
            value,
            span,
            end: id.wrapping_add(1),
            layer: Layer::Frame,
            tagged: false,
            hidden: false,
        });
        id
    }

    /// Appends a copy of `nodes`, a tree of its own; returns the index of its first node.
    pub fn append(&mut self, nodes: &[Node]) -> NodeId {
        let base = self.next_id();
        self.nodes.extend(nodes.iter().map(|node| Node {
            end: node.end.wrapping_add(base),
            ..*node
        }));
        base
    }

    /// Appends a copy of the subtree `id`, labelled `label`.
    pub fn copy(&mut self, id: NodeId, label: Option<&'static Label>) -> NodeId {
        let copy = self.next_id();
        let end = self.get(id).map_or(id, |node| node.end);
        let moved = copy.saturating_sub(id);
        for from in id..end {
            if let Some(mut node) = self.get(from).copied() {
                node.end = node.end.saturating_add(moved);
                if from == id {
                    node.label = label;
                }
                self.nodes.push(node);
            }
        }
        copy
    }

    /// Appends a leaf whose text is derived: it is appended to the derived bytes.
    pub fn derived_text(&mut self, label: Option<&'static Label>, text: &[u8]) -> NodeId {
        let start = self.derived.len();
        self.derived.extend_from_slice(text);
        let span = Span::new(start, self.derived.len());
        let id = self.leaf(label, Value::Text(span), span);
        if let Some(node) = self.get_mut(id) {
            node.layer = Layer::Derived;
        }
        id
    }

    /// Opens a container that starts at byte `start`; what is pushed until [`Tree::close`] is
    /// inside it.
    pub fn open(&mut self, label: Option<&'static Label>, value: Value, start: usize) -> NodeId {
        self.leaf(label, value, Span::new(start, start))
    }

    /// Closes the container `id`, which ends before byte `end`.
    pub fn close(&mut self, id: NodeId, end: usize) {
        let next = self.next_id();
        if let Some(node) = self.nodes.get_mut(id as usize) {
            node.end = next;
            node.span = Span::new(node.span.start as usize, end);
        }
    }

    /// Forgets all nodes from `id` on.
    pub fn truncate(&mut self, id: NodeId) {
        self.nodes.truncate(id as usize);
    }

    /// The node `id`.
    #[must_use]
    pub fn get(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id as usize)
    }

    /// The node `id`, to be changed.
    pub fn get_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(id as usize)
    }

    /// All nodes in pre-order.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// All nodes from `id` on, to be changed.
    pub fn nodes_from(&mut self, id: NodeId) -> &mut [Node] {
        self.nodes.get_mut(id as usize..).unwrap_or_default()
    }

    /// The direct children of `id`.
    #[must_use]
    pub fn children(&self, id: NodeId) -> Children<'_> {
        Children {
            nodes: &self.nodes,
            next: id.saturating_add(1),
            end: self.get(id).map_or(0, |node| node.end),
        }
    }

    /// The child of `id` that is labelled `name`.
    #[must_use]
    pub fn child(&self, id: NodeId, name: &str) -> Option<(NodeId, &Node)> {
        self.children(id)
            .find(|(_, node)| node.label.is_some_and(|label| label.name == name))
    }
}

/// Iterator over the direct children of a node.
#[derive(Debug)]
pub struct Children<'a> {
    nodes: &'a [Node],
    next: NodeId,
    end: NodeId,
}

impl<'a> Iterator for Children<'a> {
    type Item = (NodeId, &'a Node);

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        let id = self.next;
        let node = self.nodes.get(id as usize)?;
        self.next = node.end.max(id.saturating_add(1));
        Some((id, node))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_skip_whole_subtrees() {
        let mut tree = Tree::default();
        let root = tree.open(None, Value::List, 0);
        let inner = tree.open(None, Value::List, 1);
        tree.leaf(None, Value::Nil, Span::new(2, 3));
        tree.close(inner, 3);
        tree.leaf(None, Value::Bool(true), Span::new(3, 4));
        tree.close(root, 4);
        let ids: Vec<_> = tree.children(root).map(|(id, _)| id).collect();
        assert_eq!(ids, [1, 3]);
    }

    #[test]
    fn a_span_outside_its_bytes_is_empty() {
        assert_eq!(Span::new(2, 9).of(b"abc"), b"");
        assert_eq!(Span::new(1, 3).of(b"abc"), b"bc");
    }
}
