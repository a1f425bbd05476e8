//! From the JSON text of a value straight to bytes, without a document between them.
//!
//! Only text that is spelled as our own JSON output spells it is taken; [`super::write`] does the
//! rest, and gives the same bytes.

use super::Encoding;
use crate::codec::json::{Cursor, Document};
use crate::codec::{cbor, messagepack};

/// Values deeper inside each other are left to the other writer.
const MOST_NESTING: u32 = 64;

/// Appends the value that `cursor` stands in front of. None if it is spelled otherwise; something
/// may be appended then.
pub fn transcode(
    encoding: Encoding,
    cursor: &mut Cursor<'_>,
    document: &mut Document,
    out: &mut Vec<u8>,
) -> Option<()> {
    let mut writer = Writer {
        packed: encoding == Encoding::MessagePack,
        cursor,
        document,
        out,
    };
    writer.value(0)
}

struct Writer<'o, 'c, 't> {
    packed: bool,
    cursor: &'c mut Cursor<'t>,
    document: &'c mut Document,
    out: &'o mut Vec<u8>,
}

impl Writer<'_, '_, '_> {
    fn value(&mut self, depth: u32) -> Option<()> {
        if depth > MOST_NESTING {
            return None;
        }
        match self.cursor.peek()? {
            b'"' => self.text(),
            b'0'..=b'9' => self.number(),
            b'[' => self.array(depth),
            // Something that JSON lacks, in all likelihood.
            b'{' if self.cursor.clone().token(b"{\"$").is_some() => self.by_document(),
            b'{' => self.map(depth),
            b'-' => self.negative(),
            b't' => self.bool(true),
            b'f' => self.bool(false),
            _ => {
                self.cursor.token(b"null")?;
                match self.packed {
                    true => messagepack::write_nil(self.out),
                    false => cbor::write_null(self.out),
                }
                Some(())
            }
        }
    }

    fn by_document(&mut self) -> Option<()> {
        let text = self.cursor.value()?;
        self.document.parse(text).ok()?;
        let json = self.document.root(text).ok()?;
        let encoding = match self.packed {
            true => Encoding::MessagePack,
            false => Encoding::Cbor,
        };
        super::write(encoding, json, self.out).ok()
    }

    fn text(&mut self) -> Option<()> {
        let mut ahead = self.cursor.clone();
        let Some(text) = ahead.plain_text() else {
            return self.by_document();
        };
        *self.cursor = ahead;
        self.write_text(text);
        Some(())
    }

    fn write_text(&mut self, text: &[u8]) {
        match self.packed {
            true => messagepack::write_text(self.out, text),
            false => cbor::write_text(self.out, text),
        }
    }

    fn bool(&mut self, value: bool) -> Option<()> {
        self.cursor
            .literal(if value { b"true" } else { b"false" })?;
        match self.packed {
            true => messagepack::write_bool(self.out, value),
            false => cbor::write_bool(self.out, value),
        }
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        let mut ahead = self.cursor.clone();
        let Some(value) = ahead.unsigned() else {
            return self.float();
        };
        *self.cursor = ahead;
        match self.packed {
            true => messagepack::write_unsigned(self.out, value),
            false => cbor::write_unsigned(self.out, value),
        }
        Some(())
    }

    fn negative(&mut self) -> Option<()> {
        let mut ahead = self.cursor.clone();
        let Some(value) = ahead.signed() else {
            return self.float();
        };
        *self.cursor = ahead;
        match self.packed {
            true => messagepack::write_signed(self.out, value),
            false => cbor::write_negative(self.out, !value.cast_unsigned()),
        }
        Some(())
    }

    fn float(&mut self) -> Option<()> {
        let value = self.cursor.float()?;
        match self.packed {
            true => messagepack::write_float64(self.out, value),
            false => cbor::write_float(self.out, value),
        }
        Some(())
    }

    fn array(&mut self, depth: u32) -> Option<()> {
        self.cursor.byte(b'[')?;
        let at = self.head();
        let mut count = 0;
        if !self.cursor.skip(b']') {
            loop {
                self.value(depth + 1)?;
                count += 1;
                if !self.cursor.skip(b',') {
                    break;
                }
            }
            self.cursor.byte(b']')?;
        }
        let write_head = match self.packed {
            true => messagepack::write_array,
            false => cbor::write_array,
        };
        self.fill_head(at, count, write_head)
    }

    fn map(&mut self, depth: u32) -> Option<()> {
        self.cursor.byte(b'{')?;
        let at = self.head();
        let mut count = 0;
        if !self.cursor.skip(b'}') {
            loop {
                self.text()?;
                self.cursor.byte(b':')?;
                self.value(depth + 1)?;
                count += 1;
                if !self.cursor.skip(b',') {
                    break;
                }
            }
            self.cursor.byte(b'}')?;
        }
        let write_head = match self.packed {
            true => messagepack::write_map,
            false => cbor::write_map,
        };
        self.fill_head(at, count, write_head)
    }

    /// Leaves room for the head of an array or map of few items.
    fn head(&mut self) -> usize {
        self.out.push(0);
        self.out.len() - 1
    }

    /// Writes the head now that the items are counted; many move to make room.
    fn fill_head(
        &mut self,
        at: usize,
        count: usize,
        write_head: fn(&mut Vec<u8>, usize),
    ) -> Option<()> {
        let end = self.out.len();
        write_head(self.out, count);
        let head = self.out.split_off(end);
        drop(self.out.splice(at..=at, head));
        Some(())
    }
}
