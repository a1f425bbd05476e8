//! Which part of a message's `inner` belongs to which field of its body.

use crate::model::{Layer, Node, NodeId, Span, Tree, Value};

/// What `inner`, the mirror of a container, holds for its member number `index`.
#[must_use]
pub fn member(tree: &Tree, inner: NodeId, member: &Node, index: usize) -> Option<NodeId> {
    let found = match member.label {
        Some(label) => tree.child(inner, label.name),
        None => tree.children(inner).nth(index),
    };
    found
        .filter(|(_, node)| node.value != Value::Nil)
        .map(|(id, _)| id)
}

/// Whether `inner` mirrors the structure of `body`, rather than being what it holds.
#[must_use]
pub fn mirrors(tree: &Tree, inner: NodeId, body: NodeId) -> bool {
    let (Some(mirror), Some(node)) = (tree.get(inner), tree.get(body)) else {
        return false;
    };
    match (mirror.value, node.value) {
        (Value::Struct, Value::Struct) => tree.children(inner).any(|(_, member)| {
            member
                .label
                .is_some_and(|label| tree.child(body, label.name).is_some())
        }),
        (Value::List, Value::List) => tree.children(inner).count() == tree.children(body).count(),
        (Value::Variant(_), Value::Variant(_)) => true,
        _ => false,
    }
}

/// Whether the values of the subtree `inner` lie one after the other in `span` of the frame, so
/// that bytes can be shown beside them.
#[must_use]
pub fn lies_in(tree: &Tree, inner: NodeId, span: Span) -> bool {
    let Some(root) = tree.get(inner) else {
        return false;
    };
    let nodes = tree
        .nodes()
        .get(inner as usize..root.end as usize)
        .unwrap_or_default();
    let mut from = span.start;
    nodes.len() > 1
        && nodes.iter().all(|node| {
            let placed = node.layer == Layer::Frame
                && (node.span.is_empty() || node.span.start >= from && node.span.end <= span.end);
            if !node.span.is_empty() {
                from = node.span.start;
            }
            placed
        })
}
