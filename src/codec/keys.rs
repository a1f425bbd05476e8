//! What map keys and strings in pieces have in common between encodings.

use crate::model::{Layer, Node, NodeId, Tree, Value};
use std::borrow::Cow;

/// Maps with more pairs than this have their keys compared by sorting.
const FEW_PAIRS: usize = 12;

/// Whether all keys of the map `id` are distinct texts that do not look like a tag (`$…`).
#[must_use]
pub fn keys_are_names(tree: &Tree, id: NodeId, bytes: &[u8]) -> bool {
    let keys = || {
        tree.children(id)
            .step_by(2)
            .map(|(id, node)| key(tree, id, node, bytes))
    };
    let count = keys().count();
    if count > FEW_PAIRS {
        let Some(mut sorted) = keys().collect::<Option<Vec<_>>>() else {
            return false;
        };
        sorted.sort_unstable();
        return sorted.windows(2).all(|pair| pair.first() != pair.last());
    }
    keys()
        .enumerate()
        .all(|(index, key)| key.is_some() && !keys().take(index).any(|earlier| earlier == key))
}

fn key<'a>(tree: &'a Tree, id: NodeId, node: &Node, bytes: &'a [u8]) -> Option<Cow<'a, [u8]>> {
    let key = match node.value {
        Value::Text(span) => Cow::Borrowed(span.of(bytes)),
        Value::TextChunks if pieces_are_text(tree, id) => {
            Cow::Owned(pieces(tree, id, bytes).flatten().copied().collect())
        }
        _ => return None,
    };
    Some(key).filter(|key| key.first() != Some(&b'$'))
}

fn pieces_are_text(tree: &Tree, id: NodeId) -> bool {
    tree.children(id)
        .all(|(_, piece)| matches!(piece.value, Value::Text(_)))
}

/// The pieces of the string in chunks `id`; `frame` are the bytes of its layer.
pub fn pieces<'a>(
    tree: &'a Tree,
    id: NodeId,
    frame: &'a [u8],
) -> impl Iterator<Item = &'a [u8]> + 'a {
    tree.children(id).map(move |(_, piece)| {
        let bytes = match piece.layer {
            Layer::Frame => frame,
            Layer::Derived => &tree.derived,
        };
        match piece.value {
            Value::Text(span) | Value::BadText(span) | Value::Bytes(span) => span.of(bytes),
            _ => &[],
        }
    })
}
