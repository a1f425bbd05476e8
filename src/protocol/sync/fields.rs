//! The fields that checks look at, found in one pass over a body.

use super::versions;
use crate::model::{Label, Node, NodeId, Span, Tree, Value};
use crate::schema::messagepack::Plan;
use crate::schema::{Field, MessageType, Payload, Type, Versions};
use std::sync::OnceLock;

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

/// A field's label, and its place among others.
type Place = Option<(&'static Label, NodeId)>;

/// Where a message type has the fields that anyone looks at.
#[derive(Debug)]
struct Places {
    /// By version group, how to read the body.
    plans: [Option<Plan>; versions::NAMES.len()],
    /// By role, the place in the table.
    among_all: [Place; ROLES],
    /// By role, the place among those that are watched.
    among_watched: [Place; ROLES],
}

impl Places {
    fn of(kind: &'static MessageType) -> Self {
        let fields = kind.body.fields.iter();
        let beside: Vec<&str> = fields.clone().flat_map(beside).copied().collect();
        let is_watched = |field: &Field| {
            let name = field.label.name;
            NAMES.iter().any(|(role, _)| *role == name)
                || beside.contains(&name)
                || holds_more(field, MOST_NESTING)
        };
        let place = |name: &str, among: &dyn Fn(&Field) -> bool| {
            let field = fields.clone().find(|field| field.label.name == name)?;
            let before = fields
                .clone()
                .take_while(|other| !std::ptr::eq(*other, field));
            let place = before.filter(|field| among(field)).count();
            Some((&field.label, NodeId::try_from(place).ok()?))
        };
        Self {
            plans: std::array::from_fn(|group| {
                let version = Versions::only(u32::try_from(group).ok()?);
                Plan::of(&kind.body, version, is_watched)
            }),
            among_all: NAMES.map(|(name, _)| place(name, &|_| true)),
            among_watched: NAMES.map(|(name, _)| place(name, &is_watched)),
        }
    }
}

/// Types nest less deep than this.
const MOST_NESTING: u32 = 16;

/// Whether there is something in a field that can be read further.
fn holds_more(field: &Field, depth: u32) -> bool {
    field.holds.is_some() || depth == 0 || may_hold_more(&field.kind, depth - 1)
}

fn may_hold_more(kind: &Type, depth: u32) -> bool {
    let any = |fields: &'static [Field]| fields.iter().any(|field| holds_more(field, depth));
    let inner = |kind: &Type| depth == 0 || may_hold_more(kind, depth - 1);
    match kind {
        Type::Optional(kind) | Type::List(kind) => inner(kind),
        Type::Tuple(kinds) => kinds.iter().any(inner),
        Type::Map(key, value) => inner(key) || inner(value),
        Type::Struct(body) => any(body.fields),
        Type::Enum(choice) => choice
            .variants
            .iter()
            .any(|variant| match &variant.payload {
                Payload::Unit => false,
                Payload::Newtype(kind) => inner(kind),
                Payload::Struct(fields) => any(fields),
            }),
        _ => false,
    }
}

/// The fields that reading `field` further looks at.
fn beside(field: &'static Field) -> &'static [&'static str] {
    field.holds.as_ref().map_or(&[], |opaque| opaque.beside)
}

/// The places for every message code that was met.
static PLACES: [OnceLock<Places>; 256] = [const { OnceLock::new() }; 256];

fn places(kind: &'static MessageType) -> Option<&'static Places> {
    let places = PLACES.get(kind.code as usize)?;
    Some(places.get_or_init(|| Places::of(kind)))
}

/// How to read a body of type `kind` and version `group` of which only those fields are kept that
/// anyone looks at; none if it cannot be read so.
pub fn plan(kind: &'static MessageType, group: u32) -> Option<&'static Plan> {
    places(kind)?.plans.get(group as usize)?.as_ref()
}

/// The fields of a body, by role.
#[derive(Debug)]
pub struct Fields<'a> {
    tree: &'a Tree,
    frame: &'a [u8],
    body: NodeId,
    /// The nodes behind the body's own.
    nodes: &'a [Node],
    places: &'static [Place; ROLES],
}

impl<'a> Fields<'a> {
    /// The fields of `body`, a body of type `kind`; whether all of them are there, or only those
    /// that its [`plan`] keeps.
    pub fn of(
        kind: &'static MessageType,
        body: NodeId,
        tree: &'a Tree,
        frame: &'a [u8],
        all: bool,
    ) -> Self {
        let places = match places(kind) {
            Some(places) if all => &places.among_all,
            Some(places) => &places.among_watched,
            None => &[None; ROLES],
        };
        let nodes = tree.nodes().get(body as usize + 1..);
        Self {
            tree,
            frame,
            body,
            nodes: nodes.unwrap_or_default(),
            places,
        }
    }

    /// The node of the field with this role.
    #[inline]
    fn node(&self, role: Role) -> Option<(NodeId, &'a Node)> {
        let (label, place) = (*self.places.get(role as usize)?)?;
        // Where it is if the fields before it are all there, one node each.
        match self.nodes.get(place as usize) {
            Some(node) if is_it(node, label) => Some((self.body + 1 + place, node)),
            _ => self.moved(label),
        }
    }

    /// The node of a field with other nodes before it than usual.
    #[cold]
    #[inline(never)]
    fn moved(&self, label: &'static Label) -> Option<(NodeId, &'a Node)> {
        let mut fields = self.tree.children(self.body);
        fields.find(|(_, node)| is_it(node, label))
    }

    /// Its bytes in the frame, markers included.
    pub fn at(&self, role: Role) -> (usize, usize) {
        self.node(role).map_or((0, 0), |(_, node)| {
            (node.span.start as usize, node.span.end as usize)
        })
    }

    /// Its value.
    pub fn value(&self, role: Role) -> Option<Value> {
        Some(self.node(role)?.1.value)
    }

    /// What a span of this message holds.
    pub fn content(&self, span: Span) -> &'a [u8] {
        span.of(self.frame)
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
        std::str::from_utf8(self.content(span)).unwrap_or_default()
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
