//! Reading nested types whose wire form the tables cannot say: numbered unions and geometries.

use super::content::{Content, Unreadable};
use crate::codec::messagepack::{Head, Reader};
use crate::model::{Label, Message, NodeId, Span, Value};

/// Values in values nest at most this deep.
const MOST_NESTING: u32 = 64;

/// Reads nested types into the tree.
#[derive(Debug)]
pub struct Nested<'a, 'm> {
    /// Stands at the next item.
    pub reader: Reader<'a>,
    /// Takes the nodes.
    pub message: &'m mut Message,
    depth: u32,
}

impl<'a, 'm> Nested<'a, 'm> {
    /// Reads `content` from its start.
    pub fn new(content: &Content<'a>, message: &'m mut Message) -> Self {
        Self {
            reader: content.reader(),
            message,
            depth: 0,
        }
    }

    /// Says that all bytes must have been used.
    pub fn finish(self) -> Result<bool, Unreadable> {
        match self.reader.left() {
            0 => Ok(true),
            left => Err(self.wrong(format!("{left} bytes after the value"))),
        }
    }

    /// A failure at the reader's position.
    pub fn wrong(&self, reason: impl Into<String>) -> Unreadable {
        Unreadable::new(self.reader.position(), reason)
    }

    /// Reads what may contain its own kind.
    pub fn deeper(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        if self.depth >= MOST_NESTING {
            return Err(self.wrong("nested too deep"));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// The next head.
    pub fn head(&mut self) -> Result<Head, Unreadable> {
        let position = self.reader.position();
        self.reader
            .head()
            .map_err(|fault| Unreadable::fault(fault, position))
    }

    /// The head of an array, whose items at least the bytes left can hold.
    pub fn array(&mut self) -> Result<u32, Unreadable> {
        let start = self.reader.position();
        match self.head()? {
            Head::Array(count) if count as usize <= self.reader.left() => Ok(count),
            other => Err(Unreadable::new(
                start,
                format!("{} where an array belongs", other.kind()),
            )),
        }
    }

    /// The head of an array of exactly `count` items.
    pub fn array_of(&mut self, count: u32) -> Result<(), Unreadable> {
        let start = self.reader.position();
        match self.array()? {
            found if found == count => Ok(()),
            found => Err(Unreadable::new(
                start,
                format!("{found} elements where {count} belong"),
            )),
        }
    }

    /// The span of a string's content.
    pub fn text_span(&mut self) -> Result<Span, Unreadable> {
        let start = self.reader.position();
        let Head::Text(length) = self.head()? else {
            return Err(Unreadable::new(start, "no string where one belongs"));
        };
        let span = self.content(length)?;
        match std::str::from_utf8(span.of(self.reader.bytes())) {
            Ok(_) => Ok(span),
            Err(_) => Err(Unreadable::new(start, "the string is not UTF-8")),
        }
    }

    /// The span of a byte string's content.
    pub fn binary_span(&mut self) -> Result<Span, Unreadable> {
        let start = self.reader.position();
        match self.head()? {
            Head::Binary(length) => self.content(length),
            other => Err(Unreadable::new(
                start,
                format!("{} where bytes belong", other.kind()),
            )),
        }
    }

    fn content(&mut self, length: u32) -> Result<Span, Unreadable> {
        let start = self.reader.position();
        match self.reader.take(length as usize) {
            Ok(_) => Ok(Span::new(start, self.reader.position())),
            Err(fault) => Err(Unreadable::fault(fault, start)),
        }
    }

    /// A string.
    pub fn text(&mut self, label: Option<&'static Label>) -> Result<(), Unreadable> {
        let start = self.reader.position();
        let span = self.text_span()?;
        self.leaf(label, Value::Text(span), start);
        Ok(())
    }

    /// A byte string.
    pub fn binary(&mut self, label: Option<&'static Label>) -> Result<(), Unreadable> {
        let start = self.reader.position();
        let span = self.binary_span()?;
        self.leaf(label, Value::Bytes(span), start);
        Ok(())
    }

    /// A truth value.
    pub fn boolean(&mut self, label: Option<&'static Label>) -> Result<(), Unreadable> {
        let start = self.reader.position();
        match self.head()? {
            Head::Bool(value) => self.leaf(label, Value::Bool(value), start),
            other => return Err(unexpected(start, other, "a bool")),
        }
        Ok(())
    }

    /// A signed integer.
    pub fn signed(&mut self, label: Option<&'static Label>) -> Result<(), Unreadable> {
        let start = self.reader.position();
        let value = match self.head()? {
            Head::Signed(value) => value,
            Head::Unsigned(value) if i64::try_from(value).is_ok() => value.cast_signed(),
            other => return Err(unexpected(start, other, "a signed integer")),
        };
        self.leaf(label, Value::Signed(value), start);
        Ok(())
    }

    /// A 64-bit float.
    pub fn float(&mut self, label: Option<&'static Label>) -> Result<(), Unreadable> {
        let start = self.reader.position();
        match self.head()? {
            Head::Float64(value) => self.leaf(label, Value::Float(value), start),
            other => return Err(unexpected(start, other, "a 64-bit float")),
        }
        Ok(())
    }

    /// Nil, or what `read` reads.
    pub fn optional(
        &mut self,
        label: Option<&'static Label>,
        read: impl FnOnce(&mut Self, Option<&'static Label>) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        if self.reader.peek() != Some(0xc0) {
            return read(self, label);
        }
        let start = self.reader.position();
        self.head()?;
        self.leaf(label, Value::Nil, start);
        Ok(())
    }

    /// An array of what `read` reads.
    pub fn list(
        &mut self,
        label: Option<&'static Label>,
        mut read: impl FnMut(&mut Self) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        let start = self.reader.position();
        let count = self.array()?;
        self.container(label, Value::List, start, |nested| {
            (0..count).try_for_each(|_| read(nested))
        })
    }

    /// A container that started at `start`, around what `read` reads.
    pub fn container(
        &mut self,
        label: Option<&'static Label>,
        value: Value,
        start: usize,
        read: impl FnOnce(&mut Self) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        let id: NodeId = self.message.tree.open(label, value, start);
        read(self)?;
        self.message.tree.close(id, self.reader.position());
        Ok(())
    }

    /// A leaf from `start` to the reader's position.
    pub fn leaf(&mut self, label: Option<&'static Label>, value: Value, start: usize) {
        let span = Span::new(start, self.reader.position());
        self.message.tree.leaf(label, value, span);
    }
}

fn unexpected(start: usize, found: Head, expected: &str) -> Unreadable {
    Unreadable::new(start, format!("{} where {expected} belongs", found.kind()))
}
