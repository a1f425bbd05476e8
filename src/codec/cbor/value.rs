//! Self-describing CBOR: any item into the tree, as it stands.

use super::{Fault, Head, Reader};
use crate::codec::MOST_VALUES;
use crate::codec::keys::{keys_are_names, pieces};
use crate::model::{Label, NodeId, Span, Tree, Value};

/// What reading an item has shown about its writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// Every head was in its shortest form, and all lengths were known from the start.
    pub canonical: bool,
    /// All text was UTF-8.
    pub utf8: bool,
    /// There was a simple value that has no meaning; `serde_cbor` refuses those.
    pub unassigned: bool,
}

/// Reads one item into `tree`, tagged as self-describing. What could be read before a fault stays
/// in the tree, closed. `most_nesting` arrays, maps and tags inside each other are too many.
///
/// # Errors
/// [`Fault`]; the reader then stands at the faulty byte.
pub fn read_value(
    reader: &mut Reader<'_>,
    tree: &mut Tree,
    label: Option<&'static Label>,
    most_nesting: u32,
) -> Result<Form, Fault> {
    let mut form = Form {
        canonical: true,
        utf8: true,
        unassigned: false,
    };
    let most = tree.len().saturating_add(MOST_VALUES);
    let mut walk = Walk {
        reader,
        tree,
        form: &mut form,
        most,
    };
    let start = walk.reader.position();
    let head = walk.reader.head()?;
    walk.item(head, start, label, most_nesting)?;
    Ok(form)
}

struct Walk<'w, 'a> {
    reader: &'w mut Reader<'a>,
    tree: &'w mut Tree,
    form: &'w mut Form,
    most: usize,
}

impl Walk<'_, '_> {
    /// The item whose head, from `start` on, has just been read.
    fn item(
        &mut self,
        head: Head,
        start: usize,
        label: Option<&'static Label>,
        depth: u32,
    ) -> Result<(), Fault> {
        self.form.canonical &= self.reader.shortest();
        if self.tree.len() >= self.most {
            self.reader.seek(start);
            return Err(Fault::TooMany);
        }
        let value = match head {
            Head::Unsigned(value) => Value::Unsigned(value),
            Head::Negative(n) => match i64::try_from(n) {
                Ok(n) => Value::Signed(-1 - n),
                Err(_) => Value::Negative(n),
            },
            Head::Bool(value) => Value::Bool(value),
            Head::Null => Value::Nil,
            Head::Undefined => Value::Undefined,
            Head::Simple(value) => {
                self.form.unassigned = true;
                Value::Simple(value)
            }
            Head::Float(value) => Value::Float(value),
            Head::Bytes(Some(length)) => Value::Bytes(self.content(start, length)?),
            Head::Text(Some(length)) => {
                let span = self.content(start, length)?;
                self.text(span)
            }
            Head::Break => {
                self.reader.seek(start);
                return Err(Fault::StrayBreak);
            }
            _ => return self.container(head, start, label, depth),
        };
        self.leaf(label, value, start);
        Ok(())
    }

    fn container(
        &mut self,
        head: Head,
        start: usize,
        label: Option<&'static Label>,
        depth: u32,
    ) -> Result<(), Fault> {
        let value = match head {
            Head::Array(_) => Value::List,
            Head::Map(_) => Value::Map,
            Head::Text(_) => Value::TextChunks,
            Head::Bytes(_) => Value::ByteChunks,
            Head::Tag(tag) => Value::Tag(tag),
            _ => return Err(Fault::Reserved),
        };
        let chunks = matches!(head, Head::Text(_) | Head::Bytes(_));
        if depth <= 1 && !chunks {
            self.reader.seek(start);
            return Err(Fault::TooDeep);
        }
        let id = self.tree.open(label, value, start);
        self.mark(id);
        let inside = depth.saturating_sub(1);
        let result = match head {
            Head::Array(Some(count)) => self.counted(count, inside),
            Head::Map(Some(count)) => self.counted(count.saturating_mul(2), inside),
            Head::Tag(_) => self.next_item(inside),
            Head::Array(None) => self.until_break(false, inside),
            Head::Map(None) => self.until_break(true, inside),
            _ => self.chunks(matches!(head, Head::Text(_))),
        };
        self.tree.close(id, self.reader.position());
        if value == Value::TextChunks && !self.joined_text_is_utf8(id) {
            self.form.utf8 = false;
        }
        if value == Value::Map
            && !keys_are_names(self.tree, id, self.reader.bytes())
            && let Some(node) = self.tree.get_mut(id)
        {
            node.value = Value::Pairs;
        }
        result
    }

    fn next_item(&mut self, depth: u32) -> Result<(), Fault> {
        let start = self.reader.position();
        let head = self.reader.head()?;
        self.item(head, start, None, depth)
    }

    fn counted(&mut self, count: u64, depth: u32) -> Result<(), Fault> {
        if count > self.reader.left() as u64 {
            return Err(Fault::Truncated);
        }
        (0..count).try_for_each(|_| self.next_item(depth))
    }

    fn until_break(&mut self, pairs: bool, depth: u32) -> Result<(), Fault> {
        self.form.canonical = false;
        let mut value_due = false;
        loop {
            let start = self.reader.position();
            let head = self.reader.head()?;
            if head == Head::Break && !value_due {
                return Ok(());
            }
            self.item(head, start, None, depth)?;
            value_due = pairs && !value_due;
        }
    }

    fn chunks(&mut self, text: bool) -> Result<(), Fault> {
        self.form.canonical = false;
        loop {
            let start = self.reader.position();
            let value = match self.reader.head()? {
                Head::Break => return Ok(()),
                Head::Text(Some(length)) if text => Value::Text(self.content(start, length)?),
                Head::Bytes(Some(length)) if !text => Value::Bytes(self.content(start, length)?),
                _ => {
                    self.reader.seek(start);
                    return Err(Fault::WrongChunk);
                }
            };
            if self.tree.len() >= self.most {
                self.reader.seek(start);
                return Err(Fault::TooMany);
            }
            self.leaf(None, value, start);
        }
    }

    fn leaf(&mut self, label: Option<&'static Label>, value: Value, start: usize) {
        let span = Span::new(start, self.reader.position());
        let id = self.tree.leaf(label, value, span);
        self.mark(id);
    }

    fn mark(&mut self, id: NodeId) {
        if let Some(node) = self.tree.get_mut(id) {
            node.tagged = true;
        }
    }

    fn content(&mut self, start: usize, length: u64) -> Result<Span, Fault> {
        let from = self.reader.position();
        if let Err(fault) = self.reader.take(length) {
            self.reader.seek(start);
            return Err(fault);
        }
        Ok(Span::new(from, self.reader.position()))
    }

    fn text(&mut self, span: Span) -> Value {
        if std::str::from_utf8(span.of(self.reader.bytes())).is_ok() {
            Value::Text(span)
        } else {
            self.form.utf8 = false;
            Value::BadText(span)
        }
    }

    /// Only the whole must be UTF-8: `serde_cbor` joins the chunks first. If it is not, the chunks
    /// are marked as bad.
    fn joined_text_is_utf8(&mut self, id: NodeId) -> bool {
        let bytes = self.reader.bytes();
        let joined: Vec<u8> = pieces(self.tree, id, bytes).flatten().copied().collect();
        let good = std::str::from_utf8(&joined).is_ok();
        if !good {
            for node in self.tree.nodes_from(id.saturating_add(1)) {
                if let Value::Text(span) = node.value {
                    node.value = Value::BadText(span);
                }
            }
        }
        good
    }
}

#[cfg(test)]
mod tests {
    use super::super::MOST_NESTING;
    use super::*;

    fn root(bytes: &[u8]) -> (Value, usize, Result<Form, Fault>) {
        let mut tree = Tree::default();
        let mut reader = Reader::new(bytes, 0);
        let result = read_value(&mut reader, &mut tree, None, MOST_NESTING);
        (tree.get(0).unwrap().value, tree.len(), result)
    }

    #[test]
    fn maps_with_distinct_text_keys_are_maps_and_others_pairs() {
        assert_eq!(root(&[0xa1, 0x61, b'a', 1]).0, Value::Map);
        assert_eq!(root(&[0xa1, 1, 1]).0, Value::Pairs);
        assert_eq!(root(&[0xa1, 0x61, b'$', 1]).0, Value::Pairs);
        let repeated = [0xa2, 0x61, b'a', 1, 0x7f, 0x61, b'a', 0xff, 2];
        assert_eq!(root(&repeated).0, Value::Pairs);
        let distinct = [0xa2, 0x61, b'a', 1, 0x7f, 0x61, b'b', 0xff, 2];
        assert_eq!(root(&distinct).0, Value::Map);
    }

    #[test]
    fn nesting_is_refused_from_the_128th_level_on() {
        let nested = |levels: usize| {
            let mut bytes = vec![0x81; levels];
            bytes.push(0xf6);
            root(&bytes).2.map(|form| form.canonical)
        };
        assert_eq!(nested(127), Ok(true));
        assert_eq!(nested(128), Err(Fault::TooDeep));
        let (value, nodes, result) = root(&[0xc1; 5000]);
        assert_eq!(result, Err(Fault::TooDeep));
        assert_eq!((value, nodes), (Value::Tag(1), 127));
    }

    #[test]
    fn what_serde_cbor_would_write_otherwise_is_not_canonical() {
        let canonical = |bytes: &[u8]| root(bytes).2.unwrap().canonical;
        assert!(canonical(&[0x82, 1, 0x20]));
        assert!(!canonical(&[0x9f, 1, 0xff]));
        assert!(!canonical(&[0xbf, 0x61, b'a', 1, 0xff]));
        assert!(!canonical(&[0x7f, 0x61, b'a', 0xff]));
        assert!(!canonical(&[0x81, 0x18, 1]));
    }

    #[test]
    fn text_in_pieces_must_be_utf8_only_as_a_whole() {
        let split = [0x7f, 0x61, 0xc3, 0x61, 0xa9, 0xff];
        assert!(root(&split).2.unwrap().utf8);
        let broken = [0x7f, 0x61, 0xc3, 0x61, 0x28, 0xff];
        assert!(!root(&broken).2.unwrap().utf8);
    }
}
