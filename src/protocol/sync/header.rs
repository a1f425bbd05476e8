//! What records say of a frame's header.
//!
//! Source: protocol page `sync`, section 2.

use super::body::Reading;
use super::frame::{Header, Layout};
use super::messages;
use super::versions::NAMES;
use crate::model::{
    JsonText, Label, Layer, Message, Node, NodeId, Piece, Span, SpelledHead, Symbol, Unit, Value,
    spell_type,
};
use crate::schema::MessageType;
use crate::schema::messagepack::Codecs;
use std::sync::LazyLock;

static VERSION: Label = Label::new("version");
static CODE: Label = Label::new("code");
static LENGTH: Label = Label::new("length");
static CRC: Label = {
    let mut label = Label::new("crc");
    label.unit = Unit::Hexadecimal;
    label
};
static SCHEMA: Label = Label::new("schema");
static CODEC: Label = Label::new("codec");

#[expect(
    clippy::indexing_slicing,
    reason = "computed when compiling; both arrays have nine items"
)]
static SCHEMA_NAMES: [Symbol; 9] = {
    let mut symbols = [const { Symbol { code: 0, name: "" } }; 9];
    let mut index = 0;
    while index < 9 {
        symbols[index].name = NAMES[index];
        index += 1;
    }
    symbols
};

/// A v0 header's nodes, before they are filled in.
static HEADER_V0: [Node; 6] = [
    header_node(6, None, Value::Struct, (0, 5)),
    // v0 headers say no version; it is 0 by name.
    header_node(2, Some(&VERSION), Value::Nil, (0, 0)),
    header_node(3, Some(&CODE), Value::Nil, (0, 1)),
    hidden(header_node(4, Some(&LENGTH), Value::Nil, (1, 5))),
    header_node(5, Some(&SCHEMA), Value::Nil, (5, 5)),
    header_node(6, Some(&CODEC), Value::Nil, (5, 5)),
];

/// A v1 header's nodes, before they are filled in.
static HEADER_V1: [Node; 7] = [
    header_node(7, None, Value::Struct, (0, 10)),
    header_node(2, Some(&VERSION), Value::Nil, (0, 1)),
    header_node(3, Some(&CODE), Value::Nil, (1, 2)),
    hidden(header_node(4, Some(&LENGTH), Value::Nil, (2, 6))),
    header_node(5, Some(&CRC), Value::Nil, (6, 10)),
    header_node(6, Some(&SCHEMA), Value::Nil, (10, 10)),
    header_node(7, Some(&CODEC), Value::Nil, (10, 10)),
];

/// `end` is the index of the first node after its subtree.
const fn header_node(
    end: NodeId,
    label: Option<&'static Label>,
    value: Value,
    (start, span_end): (u32, u32),
) -> Node {
    Node {
        label,
        value,
        span: Span {
            start,
            end: span_end,
        },
        end,
        layer: Layer::Frame,
        tagged: false,
        hidden: false,
    }
}

/// Shown to people; derived when encoding.
const fn hidden(mut node: Node) -> Node {
    node.hidden = true;
    node
}

/// Adds the header to the message's tree; returns the node of its `schema`, which is followed by
/// that of its `codec`.
pub fn show(header: &Header, message: &mut Message) -> NodeId {
    let tree = &mut message.tree;
    let nodes: &[Node] = match header.layout {
        Layout::V0 => &HEADER_V0,
        Layout::V1 => &HEADER_V1,
    };
    let id = tree.append(nodes);
    if let [_, version, code, length, crc, ..] = tree.nodes_from(id) {
        version.value = Value::Unsigned(header.version.into());
        code.value = Value::Unsigned(header.code.into());
        length.value = Value::Unsigned(header.length.into());
        if header.layout == Layout::V1 {
            crc.value = Value::Unsigned(header.crc.into());
        }
    }
    message.header = Some(id);
    tree.next_id() - 2
}

/// Fills in what the body has shown: the nodes from `schema` on.
pub fn complete(reading: &Reading, schema: NodeId, message: &mut Message) {
    let name = SCHEMA_NAMES.get(reading.group as usize);
    for (id, symbol) in [(schema, name), (schema + 1, reading.codecs.symbol())] {
        if let (Some(node), Some(symbol)) = (message.tree.get_mut(id), symbol) {
            node.value = Value::Static(symbol);
        }
    }
}

/// Whether [`spelled`] can be asked for the text of `header`.
pub fn is_usual(header: &Header) -> bool {
    header.version == usual_version(header.layout)
}

const fn usual_version(layout: Layout) -> u8 {
    match layout {
        Layout::V0 => 0,
        Layout::V1 => 1,
    }
}

/// The beginning of what a record says of a message before its body: what [`show`] shows, and the
/// type, as text. None for types that are not known.
pub fn spelled(header: &Header) -> Option<SpelledHead> {
    let (beginnings, number) = match header.layout {
        Layout::V0 => (&BEGINNINGS.v0, None),
        Layout::V1 => (&BEGINNINGS.v1, Some((&CRC, header.crc.into()))),
    };
    Some(SpelledHead {
        beginning: beginnings.get(usize::from(header.code))?.as_ref()?,
        number,
        end: &ENDS.unknown,
    })
}

/// The end of it: what [`complete`] shows of the body, as text.
pub fn spelled_end(reading: &Reading) -> &'static Piece {
    let ends = ENDS.known.get(reading.group as usize);
    let end = ends.and_then(|ends| ends.get(usize::from(reading.codecs.0)));
    end.unwrap_or(&ENDS.unknown)
}

/// What comes before the checksum: the same for all messages of a type.
fn spell_beginning(kind: &MessageType, layout: Layout, text: &mut JsonText) {
    spell_type(text, "sync", kind.name);
    text.copy(b",\"header\":");
    text.unsigned(b'{', Some(&VERSION), usual_version(layout).into());
    text.unsigned(b',', Some(&CODE), kind.code);
}

/// What comes after it: the same for all bodies of a version and codec.
fn spell_end(group: usize, codecs: Codecs, text: &mut JsonText) {
    for (label, symbol) in [
        (&SCHEMA, SCHEMA_NAMES.get(group)),
        (&CODEC, codecs.symbol()),
    ] {
        match symbol {
            Some(symbol) => text.name(b',', Some(label), symbol.name),
            None => text.null(b',', Some(label)),
        }
    }
    text.copy(b"},\"body\"");
}

/// Pieces by message code, for each layout.
struct Beginnings {
    v0: Vec<Option<Piece>>,
    v1: Vec<Option<Piece>>,
}

static BEGINNINGS: LazyLock<Beginnings> = LazyLock::new(|| {
    let of = |layout| {
        let codes = (0..=u8::MAX).map(messages::by_code);
        let pieces = codes.map(|kind| {
            let kind = kind?;
            Some(piece(|text| spell_beginning(kind, layout, text)))
        });
        pieces.collect()
    };
    Beginnings {
        v0: of(Layout::V0),
        v1: of(Layout::V1),
    }
});

struct Ends {
    /// By group and set of codecs.
    known: Vec<Vec<Piece>>,
    /// Of a body that has shown neither.
    unknown: Piece,
}

static ENDS: LazyLock<Ends> = LazyLock::new(|| {
    let groups = 0..SCHEMA_NAMES.len();
    let of = |group| {
        let codecs = (0..=Codecs::ANY.0).map(Codecs);
        codecs
            .map(|codecs| piece(|text| spell_end(group, codecs, text)))
            .collect()
    };
    Ends {
        known: groups.map(of).collect(),
        unknown: piece(|text| spell_end(usize::MAX, Codecs::ANY, text)),
    }
});

fn piece(spell: impl FnOnce(&mut JsonText)) -> Piece {
    let mut text = JsonText::default();
    spell(&mut text);
    Piece::of(&text)
}
