//! What opaque fields hold, mirrored beside the body.

use crate::model::{Message, NodeId, Span, Value};
use crate::schema::Opaque;

/// Reads the noted fields of the body further. The result mirrors the body's structure with only
/// these fields in it, and becomes the message's `inner`.
pub fn read_inner(frame: &[u8], message: &mut Message, noted: &[(NodeId, Opaque)]) {
    let Some(body) = message.body else { return };
    if noted.is_empty() {
        return;
    }
    let start = message.tree.next_id();
    let mut mirror = Mirror { frame, noted };
    if mirror.node(body, message) {
        message.inner = Some(start);
    }
}

/// Reads the noted fields only for what is wrong with them; nothing of what they hold is kept.
pub fn check_inner(frame: &[u8], message: &mut Message, noted: &[(NodeId, Opaque)]) {
    for (field, opaque) in noted {
        let start = message.tree.next_id();
        (opaque.read)(frame, *field, message);
        message.tree.truncate(start);
    }
}

struct Mirror<'a> {
    frame: &'a [u8],
    /// Fields not yet read, in the order of the tree.
    noted: &'a [(NodeId, Opaque)],
}

impl Mirror<'_> {
    /// Mirrors `id`; false, and nothing pushed, if it holds nothing.
    fn node(&mut self, id: NodeId, message: &mut Message) -> bool {
        let Some(node) = message.tree.get(id).copied() else {
            return false;
        };
        let start = message.tree.next_id();
        if let Some(((next, opaque), later)) = self.noted.split_first()
            && *next == id
        {
            self.noted = later;
            let found = (opaque.read)(self.frame, id, message);
            if !found {
                message.tree.truncate(start);
            } else if let Some(first) = message.tree.get_mut(start) {
                first.label = node.label;
            }
            return found;
        }
        if !self.reaches(id, node.end) || matches!(node.value, Value::Map | Value::Pairs) {
            return false;
        }
        let mirrored = message
            .tree
            .open(node.label, node.value, node.span.start as usize);
        let mut found = false;
        let mut child = id + 1;
        while child < node.end {
            let next = message.tree.get(child).map_or(node.end, |node| node.end);
            let placed = self.reaches(child, next) && self.node(child, message);
            found |= placed;
            if !placed && node.value == Value::List {
                message.tree.leaf(None, Value::Nil, Span::default());
            }
            child = next.max(child + 1);
            if self.noted.is_empty() && node.value != Value::List {
                break;
            }
        }
        message.tree.close(mirrored, node.span.end as usize);
        if !found {
            message.tree.truncate(start);
        }
        found
    }

    /// Whether a noted field lies in the subtree `id..end`.
    fn reaches(&self, id: NodeId, end: NodeId) -> bool {
        self.noted
            .first()
            .is_some_and(|(next, _)| (id..end).contains(next))
    }
}
