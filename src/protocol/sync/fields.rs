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

/// Where a message type has its fields, by role: the label, and its place in the table.
type Places = [Option<(&'static Label, NodeId)>; ROLES];

/// The places for every message code that is known.
static PLACES: LazyLock<[Option<Box<Places>>; 256]> = LazyLock::new(|| {
    std::array::from_fn(|code| {
        let kind = u8::try_from(code).ok().and_then(messages::by_code)?;
        Some(Box::new(NAMES.map(|(name, _)| {
            let labels = || kind.body.fields.iter().map(|field| &field.label);
            let place = labels().position(|label| label.name == name)?;
            Some((labels().nth(place)?, NodeId::try_from(place).ok()?))
        })))
    })
});

/// The fields of a body, by role.
#[derive(Debug)]
pub struct Fields<'a> {
    tree: &'a Tree,
    frame: &'a [u8],
    body: NodeId,
    places: Option<&'static Places>,
}

impl<'a> Fields<'a> {
    /// The fields of `body`, a body of type `kind`.
    pub fn of(kind: &'static MessageType, body: NodeId, tree: &'a Tree, frame: &'a [u8]) -> Self {
        let places = PLACES.get(kind.code as usize).and_then(Option::as_deref);
        Self {
            tree,
            frame,
            body,
            places,
        }
    }

    /// The node of the field with this role.
    pub fn node(&self, role: Role) -> Option<(NodeId, &'a Node)> {
        let (label, place) = (*self.places?.get(role as usize)?)?;
        // Where it is if the fields before it are all there, one node each.
        let id = self.body + 1 + place;
        match self.tree.get(id) {
            Some(node) if is_it(node, label) => Some((id, node)),
            _ => {
                let mut fields = self.tree.children(self.body);
                fields.find(|(_, node)| is_it(node, label))
            }
        }
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
