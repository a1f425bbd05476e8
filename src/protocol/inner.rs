//! What opaque fields hold, mirrored beside the body.

use crate::codec::json::Values;
use crate::model::{Message, NodeId, Value};
use crate::schema::Opaque;
use crate::schema::messagepack::{AllNodes, Build, FewNodes};

/// Reads the noted fields of the body further. The result mirrors the body's structure with only
/// these fields in it, and becomes the message's `inner`.
pub fn read_inner(frame: &[u8], message: &mut Message, noted: &[(NodeId, Opaque)]) {
    let Some(body) = message.body else { return };
    if noted.is_empty() {
        return;
    }
    let start = message.tree.next_id();
    if Mirror::new(frame, noted, AllNodes).node(body, message) {
        message.inner = Some(start);
    }
}

/// The same as text, which follows that of the body; nothing of it is kept in the tree.
pub fn spell_inner(frame: &[u8], message: &mut Message, noted: &[(NodeId, Opaque)]) {
    let Some(body) = message.body else { return };
    if noted.is_empty() {
        return;
    }
    let start = message.spelled.values.len();
    message.spelled.values.copy(b",\"inner\"");
    if !Mirror::new(frame, noted, FewNodes::text(b':')).node(body, message) {
        message.spelled.values.truncate(start);
    }
}

/// Reads the noted fields only for what is wrong with them; nothing of what they hold is kept.
pub fn check_inner(frame: &[u8], message: &mut Message, noted: &[(NodeId, Opaque)]) {
    for (field, opaque) in noted {
        let check = opaque.check;
        if check.is_some_and(|check| check(frame, *field, (b':', None), message)) {
            continue;
        }
        let start = message.tree.next_id();
        (opaque.read)(frame, *field, message);
        message.tree.truncate(start);
    }
}

/// What becomes of what fields hold.
trait Held: Build {
    /// Takes what `field` holds, under the field's name; false, and nothing taken, if it holds
    /// nothing.
    fn take(&mut self, frame: &[u8], field: NodeId, opaque: &Opaque, message: &mut Message)
    -> bool;
}

impl Held for AllNodes {
    fn take(
        &mut self,
        frame: &[u8],
        field: NodeId,
        opaque: &Opaque,
        message: &mut Message,
    ) -> bool {
        let label = message.tree.get(field).and_then(|node| node.label);
        let start = message.tree.next_id();
        let found = (opaque.read)(frame, field, message);
        if !found {
            message.tree.truncate(start);
        } else if let Some(first) = message.tree.get_mut(start) {
            first.label = label;
        }
        found
    }
}

impl Held for FewNodes<true> {
    fn take(
        &mut self,
        frame: &[u8],
        field: NodeId,
        opaque: &Opaque,
        message: &mut Message,
    ) -> bool {
        let label = message.tree.get(field).and_then(|node| node.label);
        let lead = self.lead();
        let spell = opaque.spell;
        let mut found = spell.is_some_and(|spell| spell(frame, field, (lead, label), message));
        if !found {
            let start = message.tree.next_id();
            found = (opaque.read)(frame, field, message);
            if found {
                let values = Values::of(&message.tree, frame);
                values.write(&mut message.spelled.values, lead, label, start);
            }
            message.tree.truncate(start);
        }
        if found {
            self.value_ends();
        }
        found
    }
}

struct Mirror<'a, H> {
    frame: &'a [u8],
    /// Fields not yet read, in the order of the tree.
    noted: &'a [(NodeId, Opaque)],
    held: H,
}

impl<'a, H: Held> Mirror<'a, H> {
    const fn new(frame: &'a [u8], noted: &'a [(NodeId, Opaque)], held: H) -> Self {
        Self { frame, noted, held }
    }

    /// Mirrors `id`; false, and nothing taken, if it holds nothing.
    fn node(&mut self, id: NodeId, message: &mut Message) -> bool {
        let Some(node) = message.tree.get(id).copied() else {
            return false;
        };
        if let Some(((next, opaque), later)) = self.noted.split_first()
            && *next == id
        {
            self.noted = later;
            return self.held.take(self.frame, id, opaque, message);
        }
        if !self.reaches(id, node.end) || matches!(node.value, Value::Map | Value::Pairs) {
            return false;
        }
        let mark = self.held.mark(message);
        let start = node.span.start as usize;
        let mirrored = self
            .held
            .open(self.frame, message, node.label, node.value, start);
        let mut found = false;
        let mut child = id + 1;
        while child < node.end {
            let next = message.tree.get(child).map_or(node.end, |node| node.end);
            let placed = self.reaches(child, next) && self.node(child, message);
            found |= placed;
            if !placed && node.value == Value::List {
                let nowhere = (0, 0);
                self.held
                    .leaf(self.frame, message, None, Value::Nil, nowhere);
            }
            child = next.max(child + 1);
            if self.noted.is_empty() && node.value != Value::List {
                break;
            }
        }
        let end = node.span.end as usize;
        self.held.close(message, mirrored, node.value, end);
        if !found {
            self.held.undo(message, &mark);
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
