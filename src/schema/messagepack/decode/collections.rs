//! Lists, tuples and maps.

use super::{Build, Decoder, Stop};
use crate::codec::messagepack::Head;
use crate::model::{Label, NodeId, Value};
use crate::schema::{Opaque, Type};

impl<B: Build> Decoder<'_, '_, B> {
    pub(super) fn list(
        &mut self,
        item: &'static Type,
        label: Option<&'static Label>,
        holds: Option<&'static Opaque>,
    ) -> Result<(), Stop> {
        let start = self.reader.position();
        let head = self.array_head()?;
        let Head::Array(count) = head else {
            return self.wrong_type(start, label, "an array", head);
        };
        self.plausible(count, start)?;
        self.container(label, Value::List, start, |decoder| {
            (0..count).try_for_each(|_| decoder.value(item, None, holds))
        })
    }

    pub(super) fn tuple(
        &mut self,
        items: &'static [Type],
        label: Option<&'static Label>,
    ) -> Result<(), Stop> {
        let start = self.reader.position();
        let head = self.array_head()?;
        match head {
            Head::Array(count) if count as usize == items.len() => {
                self.container(label, Value::List, start, |decoder| {
                    items
                        .iter()
                        .try_for_each(|item| decoder.value(item, None, None))
                })
            }
            Head::Array(count) => {
                self.mismatch("wrong-count", start, || {
                    format!("{count} elements where {} belong", items.len())
                })?;
                self.reader.seek(start);
                self.generic(label)
            }
            other => self.wrong_type(start, label, "an array", other),
        }
    }

    pub(super) fn map(
        &mut self,
        key: &'static Type,
        value: &'static Type,
        label: Option<&'static Label>,
    ) -> Result<(), Stop> {
        let start = self.reader.position();
        let head = self.head()?;
        let Head::Map(count) = head else {
            return self.wrong_type(start, label, "a map", head);
        };
        self.plausible(count, start)?;
        let few = count < 2 && matches!(key, Type::Text);
        if !B::ANYTHING && !few {
            // Keys that repeat are found in a tree, and those that are no text are put in quotes.
            return Err(Stop::Mismatch);
        }
        let id = self.message.tree.next_id();
        let result = self.container(label, Value::Map, start, |decoder| {
            (0..count).try_for_each(|_| {
                decoder.value(key, None, None)?;
                decoder.build.key_ends();
                decoder.value(value, None, None)
            })
        });
        if !B::ANYTHING {
            return result;
        }
        self.odd_keys(id);
        result?;
        self.repeated_keys(id)
    }

    /// Damaged keys cannot name members.
    pub(super) fn odd_keys(&mut self, id: NodeId) {
        let named = |value| matches!(value, Value::Text(_) | Value::Unsigned(_));
        let tree = &mut self.message.tree;
        if tree
            .children(id)
            .step_by(2)
            .any(|(_, key)| !named(key.value))
            && let Some(node) = tree.get_mut(id)
        {
            node.value = Value::Pairs;
        }
    }

    /// Readers keep the last value of a repeated key; so does JSON.
    pub(super) fn repeated_keys(&mut self, id: NodeId) -> Result<(), Stop> {
        let bytes = self.reader.bytes();
        let tree = &self.message.tree;
        if tree.children(id).nth(2).is_none() {
            return Ok(());
        }
        let mut keys: Vec<(&[u8], u64, NodeId)> = Vec::new();
        for (node_id, node) in tree.children(id).step_by(2) {
            match node.value {
                Value::Text(span) => keys.push((span.of(bytes), 0, node_id)),
                Value::Unsigned(number) => keys.push((&[], number, node_id)),
                _ => {}
            }
        }
        keys.sort_unstable();
        let repeated: Vec<NodeId> = keys
            .windows(2)
            .filter_map(|pair| match pair {
                [first, second] if (first.0, first.1) == (second.0, second.1) => Some(first.2),
                _ => None,
            })
            .collect();
        for key in repeated {
            let at = self
                .message
                .tree
                .get(key)
                .map_or(0, |node| node.span.start as usize);
            self.departure("duplicate-key", at, || {
                "the key comes again; readers keep the last value".to_owned()
            })?;
            for id in [Some(key), self.message.tree.get(key).map(|node| node.end)]
                .into_iter()
                .flatten()
            {
                if let Some(node) = self.message.tree.get_mut(id) {
                    node.hidden = true;
                }
            }
        }
        Ok(())
    }
}
