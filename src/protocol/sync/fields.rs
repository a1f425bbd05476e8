//! The fields that checks look at, found in one pass over a body.

use super::messages;
use crate::model::{Label, Node, NodeId, Span, Tree, Value};
use crate::schema::MessageType;
use std::sync::LazyLock;

/// A field's meaning; the same in all messages that have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Accepted,
    AcceptedEpoch,
    AppliedSeq,
    Array,
    BatchId,
    Checksum,
    ChunkIndex,
    ClockSkew,
    Collection,
    Delta,
    DeltaSignature,
    Dimension,
    Epoch,
    Error,
    ForkDetected,
    IsPong,
    JwtToken,
    Lsn,
    MutationId,
    NewToken,
    PeerId,
    ProducerId,
    Seq,
    Sequence,
    ServerWireVersion,
    ShapeId,
    SigningKey,
    SnapshotClock,
    SnapshotLsn,
    Status,
    Success,
    Timestamp,
    TotalChunks,
    Vector,
    WireVersion,
}

/// Roles by field name.
static NAMES: [(&str, Role); 35] = [
    ("accepted", Role::Accepted),
    ("accepted_epoch", Role::AcceptedEpoch),
    ("applied_seq", Role::AppliedSeq),
    ("array", Role::Array),
    ("batch_id", Role::BatchId),
    ("checksum", Role::Checksum),
    ("chunk_index", Role::ChunkIndex),
    ("clock_skew_warning_ms", Role::ClockSkew),
    ("collection", Role::Collection),
    ("delta", Role::Delta),
    ("delta_signature", Role::DeltaSignature),
    ("dim", Role::Dimension),
    ("epoch", Role::Epoch),
    ("error", Role::Error),
    ("fork_detected", Role::ForkDetected),
    ("is_pong", Role::IsPong),
    ("jwt_token", Role::JwtToken),
    ("lsn", Role::Lsn),
    ("mutation_id", Role::MutationId),
    ("new_token", Role::NewToken),
    ("peer_id", Role::PeerId),
    ("producer_id", Role::ProducerId),
    ("seq", Role::Seq),
    ("sequence", Role::Sequence),
    ("server_wire_version", Role::ServerWireVersion),
    ("shape_id", Role::ShapeId),
    ("delta_signing_key", Role::SigningKey),
    ("snapshot_hlc_bytes", Role::SnapshotClock),
    ("snapshot_lsn", Role::SnapshotLsn),
    ("status", Role::Status),
    ("success", Role::Success),
    ("timestamp_ms", Role::Timestamp),
    ("total_chunks", Role::TotalChunks),
    ("vector", Role::Vector),
    ("wire_version", Role::WireVersion),
];

const ROLES: usize = NAMES.len();
const ABSENT: NodeId = NodeId::MAX;

/// For every message code, its fields' labels and roles in the table's order.
static ROLES_OF_FIELDS: LazyLock<[Vec<(&'static Label, Option<Role>)>; 256]> =
    LazyLock::new(|| {
        let role = |name: &str| {
            let known = NAMES.iter().find(|(known, _)| *known == name);
            known.map(|(_, role)| *role)
        };
        std::array::from_fn(|code| {
            let kind = u8::try_from(code).ok().and_then(messages::by_code);
            let fields = kind.map(|kind| kind.body.fields).unwrap_or_default();
            let labels = fields.iter().map(|field| &field.label);
            labels.map(|label| (label, role(label.name))).collect()
        })
    });

/// The nodes of a body's fields, by role.
#[derive(Debug)]
pub struct Fields<'a> {
    tree: &'a Tree,
    frame: &'a [u8],
    ids: [NodeId; ROLES],
}

impl<'a> Fields<'a> {
    /// The fields of `body`, a body of type `kind`.
    pub fn of(kind: &'static MessageType, body: NodeId, tree: &'a Tree, frame: &'a [u8]) -> Self {
        let mut ids = [ABSENT; ROLES];
        let fields = ROLES_OF_FIELDS.get(kind.code as usize);
        let fields = fields.map(Vec::as_slice).unwrap_or_default();
        // Fields come in the table's order, except in maps that were reordered.
        let mut later = fields;
        for (id, node) in tree.children(body) {
            let role = match later {
                [(label, role), rest @ ..] if is_it(node, label) => {
                    later = rest;
                    *role
                }
                _ => {
                    let found = fields.iter().position(|(label, _)| is_it(node, label));
                    let Some(found) = found else { continue };
                    later = fields.get(found + 1..).unwrap_or_default();
                    fields.get(found).and_then(|(_, role)| *role)
                }
            };
            if let Some(slot) = role.and_then(|role| ids.get_mut(role as usize)) {
                *slot = id;
            }
        }
        Self { tree, frame, ids }
    }

    /// The node of the field with this role.
    pub fn node(&self, role: Role) -> Option<(NodeId, &'a Node)> {
        let id = self.ids.get(role as usize).copied()?;
        Some((id, self.tree.get(id)?))
    }

    /// Its bytes in the frame, markers included.
    pub fn at(&self, role: Role) -> (usize, usize) {
        self.node(role).map_or((0, 0), |(_, node)| {
            (node.span.start as usize, node.span.end as usize)
        })
    }

    /// Its value as a number.
    pub fn number(&self, role: Role) -> Option<u64> {
        match self.node(role)?.1.value {
            Value::Unsigned(number) => Some(number),
            _ => None,
        }
    }

    /// Its value as a truth value.
    pub fn truth(&self, role: Role) -> Option<bool> {
        match self.node(role)?.1.value {
            Value::Bool(truth) => Some(truth),
            _ => None,
        }
    }

    /// Its content, if it is text, bytes, or bytes spelled as integers; as spelled.
    pub fn bytes(&self, role: Role) -> Option<&'a [u8]> {
        match self.node(role)?.1.value {
            Value::Text(span) | Value::Bytes(span) | Value::IntegerBytes(span) => {
                Some(span.of(self.frame))
            }
            _ => None,
        }
    }

    /// Its content as text, if it is text.
    pub fn text(&self, role: Role) -> Option<&'a str> {
        match self.node(role)?.1.value {
            Value::Text(span) => std::str::from_utf8(span.of(self.frame)).ok(),
            _ => None,
        }
    }

    /// The name of its variant, if it is an enum.
    pub fn variant(&self, role: Role) -> Option<&'a [u8]> {
        match self.node(role)?.1.value {
            Value::Text(span) | Value::Variant(span) => Some(span.of(self.frame)),
            _ => None,
        }
    }

    /// The value of the first field of its variant.
    pub fn variant_field(&self, role: Role) -> Option<Value> {
        let (id, _) = self.node(role)?;
        let (payload, _) = self.tree.children(id).next()?;
        let (_, node) = self.tree.children(payload).next()?;
        Some(node.value)
    }

    /// The text that a span of this message holds.
    pub fn text_of(&self, span: Span) -> &'a str {
        std::str::from_utf8(span.of(self.frame)).unwrap_or_default()
    }

    /// How many items a list has.
    pub fn count(&self, role: Role) -> Option<usize> {
        let (id, node) = self.node(role)?;
        (node.value == Value::List).then(|| self.tree.children(id).count())
    }
}

fn is_it(node: &Node, label: &'static Label) -> bool {
    node.label.is_some_and(|known| std::ptr::eq(known, label))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::sync::messages::MESSAGES;

    #[test]
    fn roles_stand_in_the_order_of_their_names() {
        for (index, (_, role)) in NAMES.iter().enumerate() {
            assert_eq!(*role as usize, index);
        }
    }

    #[test]
    fn every_role_is_a_field_of_some_message() {
        for (name, _) in NAMES {
            let known = MESSAGES.iter().any(|kind| {
                kind.body
                    .fields
                    .iter()
                    .any(|field| field.label.name == name)
            });
            assert!(known, "{name}");
        }
    }
}
