//! Which known message a value is: by its tag and by its fields.
//!
//! MessagePack writes structs by position and leaves out optional fields, so that positions shift;
//! elements are assigned to fields by what they are.
//!
//! Source: protocol page `rp`, section 3.

use super::messages::{
    CREDENTIAL_TYPE, DELTA_TYPE, FRAME_TYPE, MESSAGES, MODE_SWITCH_TYPE, MODES, REASONS,
    SHARD_TYPE, by_tag,
};
use crate::model::{Layer, Node, NodeId, Tree, Value};
use crate::schema::{Field, Type};

/// No message has more fields.
pub const MOST_FIELDS: usize = 5;

/// A value as a known message.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// Index of its type in [`MESSAGES`].
    pub index: usize,
    /// Whether it is a positional array.
    pub positional: bool,
    /// The value of each field, if it is there.
    pub fields: [Option<NodeId>; MOST_FIELDS],
    /// An optional field is left out before one that is there: real MessagePack readers refuse or
    /// misread it.
    pub shifted: bool,
    /// The elements can be assigned to the fields in several ways.
    pub ambiguous: bool,
    /// Fields that are missing or of the wrong type; only where that was allowed.
    pub faults: Vec<FieldFault>,
}

/// A field that is not as it should be.
#[derive(Clone, Copy, Debug)]
pub struct FieldFault {
    /// The field.
    pub field: &'static Field,
    /// Its value, if it is there.
    pub value: Option<NodeId>,
}

impl Shape {
    /// The value of the field `name`.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<NodeId> {
        let fields = MESSAGES.get(self.index)?.body.fields;
        let at = fields.iter().position(|field| field.label.name == name)?;
        *self.fields.get(at)?
    }

    /// All fields of its type with their values.
    pub fn members(&self) -> impl Iterator<Item = (&'static Field, Option<NodeId>)> {
        let fields = MESSAGES.get(self.index).map(|message| message.body.fields);
        fields.unwrap_or_default().iter().zip(self.fields)
    }
}

/// A tree, and the bytes of the frame that it was read from.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The values.
    pub tree: &'a Tree,
    /// The frame.
    pub frame: &'a [u8],
}

impl<'a> View<'a> {
    /// The bytes of the text `id`.
    #[must_use]
    pub fn text(&self, id: NodeId) -> Option<&'a [u8]> {
        let node = self.tree.get(id)?;
        match node.value {
            Value::Text(span) => Some(span.of(self.layer(node))),
            // A JSON string with escapes has one derived piece.
            Value::TextChunks => match self.tree.children(id).next() {
                Some((piece, only)) if only.end == node.end => self.text(piece),
                _ => None,
            },
            _ => None,
        }
    }

    /// The bytes of the byte string `id`.
    #[must_use]
    pub fn bytes(&self, id: NodeId) -> Option<&'a [u8]> {
        let node = self.tree.get(id)?;
        match node.value {
            Value::Bytes(span) => Some(span.of(self.layer(node))),
            _ => None,
        }
    }

    /// The number `id`.
    #[must_use]
    pub fn number(&self, id: NodeId) -> Option<u64> {
        match self.tree.get(id)?.value {
            Value::Unsigned(value) => Some(value),
            _ => None,
        }
    }

    /// The UUID `id`, as bytes or as hyphenated text.
    #[must_use]
    pub fn uuid(&self, id: NodeId) -> Option<[u8; 16]> {
        if let Some(bytes) = self.bytes(id) {
            return bytes.try_into().ok();
        }
        parse_uuid(self.text(id)?)
    }

    /// The value of the key `name` of the map `id`.
    #[must_use]
    pub fn member(&self, id: NodeId, name: &str) -> Option<NodeId> {
        let mut children = self.tree.children(id);
        while let Some((key, _)) = children.next() {
            let (value, _) = children.next()?;
            if self.text(key) == Some(name.as_bytes()) {
                return Some(value);
            }
        }
        None
    }

    fn layer(&self, node: &Node) -> &'a [u8] {
        match node.layer {
            Layer::Frame => self.frame,
            Layer::Derived => &self.tree.derived,
        }
    }

    fn value(&self, id: NodeId) -> Option<Value> {
        self.tree.get(id).map(|node| node.value)
    }

    /// Which known message the value `id` is. A `lenient` look takes a message by its tag, or by
    /// its most telling fields, and notes what is wrong with the others.
    #[must_use]
    pub fn recognize(&self, id: NodeId, lenient: bool) -> Option<Shape> {
        match self.value(id)? {
            Value::Map => self.keyed(id, lenient),
            Value::List => self.positional(id),
            _ => None,
        }
    }

    fn keyed(&self, id: NodeId, lenient: bool) -> Option<Shape> {
        let tagged = ["op", "type", "kind"].into_iter().find_map(|key| {
            let word = self.text(self.member(id, key)?)?;
            by_tag(Some(key), word)
        });
        let index = match tagged {
            Some(index) => index,
            None => self.untagged(id, lenient)?,
        };
        let mut shape = Shape {
            index,
            ..Shape::default()
        };
        let fields = MESSAGES.get(index)?.body.fields;
        for (field, place) in fields.iter().zip(&mut shape.fields) {
            let value = self.member(id, field.label.name);
            let good = match value {
                Some(value) => self.fits(&field.kind, value),
                None => field.may_lack,
            };
            if !good {
                if !lenient {
                    return None;
                }
                shape.faults.push(FieldFault { field, value });
            }
            *place = value;
        }
        Some(shape)
    }

    /// The type of a map without a tag, by its keys.
    fn untagged(&self, id: NodeId, lenient: bool) -> Option<usize> {
        let has = |name: &str| self.member(id, name).is_some();
        let only = |names: &[&str]| {
            self.tree.children(id).step_by(2).all(|(key, _)| {
                names
                    .iter()
                    .any(|name| self.text(key) == Some(name.as_bytes()))
            })
        };
        let frame = ["channel", "cursor", "payload", "client_id"];
        if has("fragment_id") && has("total") && has("index") && has("payload") {
            Some(SHARD_TYPE)
        } else if has("channel") && has("payload") && (lenient || only(&frame)) {
            Some(FRAME_TYPE)
        } else if has("peer_id") && has("mode") && has("previous_mode") {
            Some(MODE_SWITCH_TYPE)
        } else if has("username") && has("credential") && has("ttl_seconds") {
            Some(CREDENTIAL_TYPE)
        } else if has("base_cursor") && has("ops") {
            Some(DELTA_TYPE)
        } else {
            None
        }
    }

    fn positional(&self, id: NodeId) -> Option<Shape> {
        let mut items = [0; MOST_FIELDS + 1];
        let mut count = 0;
        for (item, _) in self.tree.children(id) {
            *items.get_mut(count)? = item;
            count += 1;
        }
        let items = items.get(..count)?;
        let (first, rest) = items.split_first()?;
        let tagged = self.text(*first).and_then(|word| by_tag(None, word));
        if let Some(shape) = tagged.and_then(|index| self.assigned(index, rest)) {
            return Some(shape);
        }
        let index = self.untagged_array(items)?;
        self.assigned(index, items)
    }

    /// The type of an array without a tag, where its elements leave little doubt.
    fn untagged_array(&self, items: &[NodeId]) -> Option<usize> {
        let word = |id: &NodeId, words: &[&str]| {
            self.text(*id)
                .is_some_and(|text| words.iter().any(|word| word.as_bytes() == text))
        };
        let id = |id: &NodeId| self.fits(&Type::Uuid, *id);
        let number = |id: &NodeId| self.number(*id).is_some();
        let map = |id: &NodeId| matches!(self.value(*id), Some(Value::Map));
        let is_text = |id: &NodeId| self.text(*id).is_some();
        let channel = |id: &NodeId| {
            self.text(*id).is_some_and(|text| {
                (1..=64).contains(&text.len())
                    && text
                        .iter()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"_-.:/".contains(byte))
            })
        };
        match items {
            [key, total, index, _] if id(key) && number(total) && number(index) => Some(SHARD_TYPE),
            [peer, mode, previous, reason, _]
                if id(peer)
                    && word(mode, &MODES)
                    && word(previous, &MODES)
                    && word(reason, &REASONS) =>
            {
                Some(MODE_SWITCH_TYPE)
            }
            [name, cursor, _, client] if channel(name) && number(cursor) && id(client) => {
                Some(FRAME_TYPE)
            }
            [name, cursor, payload] if channel(name) && number(cursor) && map(payload) => {
                Some(FRAME_TYPE)
            }
            [name, payload, client] if channel(name) && map(payload) && id(client) => {
                Some(FRAME_TYPE)
            }
            [name, payload] if channel(name) && map(payload) => Some(FRAME_TYPE),
            [user, credential, seconds, server]
                if is_text(user)
                    && is_text(credential)
                    && number(seconds)
                    && self.text(*server).is_some_and(|server| {
                        server.starts_with(b"turn") || server.starts_with(b"stun")
                    }) =>
            {
                Some(CREDENTIAL_TYPE)
            }
            _ => None,
        }
    }

    /// Assigns `items` to the fields of a type: all of them, in order, leaving out only optional
    /// fields; the assignment that leaves out the last ones comes first.
    fn assigned(&self, index: usize, items: &[NodeId]) -> Option<Shape> {
        let fields = MESSAGES.get(index)?.body.fields;
        let mut shape = Shape {
            index,
            positional: true,
            ..Shape::default()
        };
        let mut places = [None; MOST_FIELDS];
        let mut found = 0;
        self.assign(fields, 0, items, &mut places, &mut |places| {
            if found == 0 {
                shape.fields = *places;
            }
            found += 1;
        });
        if found == 0 {
            return None;
        }
        let given = |place: &Option<NodeId>| place.is_some();
        let last = shape.fields.iter().rposition(given);
        shape.shifted = last.is_some_and(|last| !shape.fields.iter().take(last).all(given));
        shape.ambiguous = found > 1;
        Some(shape)
    }

    fn assign(
        &self,
        fields: &'static [Field],
        at: usize,
        items: &[NodeId],
        places: &mut [Option<NodeId>; MOST_FIELDS],
        found: &mut dyn FnMut(&[Option<NodeId>; MOST_FIELDS]),
    ) {
        let Some(field) = fields.get(at) else {
            if items.is_empty() {
                found(places);
            }
            return;
        };
        if let Some((item, rest)) = items.split_first()
            && self.fits(&field.kind, *item)
        {
            if let Some(place) = places.get_mut(at) {
                *place = Some(*item);
            }
            self.assign(fields, at + 1, rest, places, found);
            if let Some(place) = places.get_mut(at) {
                *place = None;
            }
        }
        if field.may_lack {
            self.assign(fields, at + 1, items, places, found);
        }
    }

    /// Whether the value `id` is of `kind`.
    fn fits(&self, kind: &Type, id: NodeId) -> bool {
        let Some(value) = self.value(id) else {
            return false;
        };
        match kind {
            Type::Any => true,
            Type::Text => matches!(value, Value::Text(_) | Value::TextChunks),
            Type::Uuid => self.uuid(id).is_some(),
            Type::Unsigned(width) => match value {
                Value::Unsigned(value) => value <= u64::MAX >> (64 - 8 * u32::from(*width)),
                _ => false,
            },
            Type::List(item) => match value {
                Value::List => self
                    .tree
                    .children(id)
                    .all(|(child, _)| self.fits(item, child)),
                // Bytes may be written as such, too.
                Value::Bytes(_) => matches!(item, Type::Unsigned(1)),
                _ => false,
            },
            Type::Map(_, entry) => match value {
                Value::Map => {
                    let mut values = self.tree.children(id).skip(1).step_by(2);
                    values.all(|(child, _)| self.fits(entry, child))
                }
                _ => false,
            },
            _ => false,
        }
    }
}

/// The bytes of a hyphenated UUID.
#[must_use]
pub fn parse_uuid(text: &[u8]) -> Option<[u8; 16]> {
    if text.len() != 36 {
        return None;
    }
    let mut digits = [0; 32];
    let mut places = digits.iter_mut();
    for (index, byte) in text.iter().enumerate() {
        if matches!(index, 8 | 13 | 18 | 23) {
            if *byte != b'-' {
                return None;
            }
        } else {
            *places.next()? = *byte;
        }
    }
    let mut uuid = [0; 16];
    hex::decode_to_slice(digits, &mut uuid).ok()?;
    Some(uuid)
}

/// The hyphenated form of a UUID.
#[must_use]
pub fn uuid_text(uuid: &[u8; 16]) -> String {
    let mut text = hex::encode(uuid);
    for at in [20, 16, 12, 8] {
        text.insert(at, '-');
    }
    text
}
