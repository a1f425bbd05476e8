//! Values as people read them: one leaf, or a container on one line.

use super::escape;
use super::page::{Look, Sheet};
use super::redact::MASKED;
use super::style::Ink;
use super::time;
use crate::codec::messagepack::integer_bytes;
use crate::model::{Node, NodeId, Record, Unit, Value};

/// Without a terminal's width, text is cut beyond this many columns.
const MOST_TEXT: usize = 1000;
/// Without a terminal's width, bytes are cut beyond this many.
const MOST_BYTES: usize = 64;
/// Columns that are always there for a value, however narrow the terminal.
const LEAST_ROOM: usize = 8;
/// With less room than this, it is not said how much was cut.
const ROOM_FOR_COUNT: usize = 28;
/// Nothing is put on one line beyond this many columns.
const MOST_INLINE: usize = 76;

/// Shows the values of one record.
#[derive(Clone, Copy)]
pub struct Values<'a> {
    /// The record.
    pub record: &'a Record<'a>,
    /// What people want to see.
    pub look: &'a Look,
}

impl<'a> Values<'a> {
    /// The node `id`.
    pub fn node(&self, id: NodeId) -> Option<&'a Node> {
        self.record.message.tree.get(id)
    }

    /// Text content, if `node` is text.
    pub fn text(&self, node: &Node) -> Option<&'a str> {
        match node.value {
            Value::Text(span) | Value::Variant(span) => {
                std::str::from_utf8(self.record.bytes(node, span)).ok()
            }
            _ => None,
        }
    }

    /// A JSON number as it is spelled.
    fn number(&self, node: &Node) -> &'a str {
        match node.value {
            Value::Number(span) => {
                std::str::from_utf8(self.record.bytes(node, span)).unwrap_or_default()
            }
            _ => "",
        }
    }

    /// How many columns are left on the line.
    pub fn room(&self, sheet: &Sheet) -> usize {
        self.look
            .columns()
            .saturating_sub(sheet.column())
            .max(LEAST_ROOM)
    }

    /// Writes a leaf, cut to the line.
    pub fn leaf(&self, sheet: &mut Sheet, node: &Node) {
        match node.value {
            Value::Text(_) => {
                let room = self.room(sheet).min(MOST_TEXT);
                self.quoted(sheet, self.text(node).unwrap_or_default(), room);
            }
            Value::BadText(span) => {
                self.bytes(sheet, self.record.bytes(node, span));
                self.aside(sheet, format_args!("not UTF-8"));
            }
            Value::Bytes(span) => self.bytes(sheet, self.record.bytes(node, span)),
            Value::Rest(span) => {
                self.bytes(sheet, self.record.bytes(node, span));
                self.aside(sheet, format_args!("not understood"));
            }
            Value::IntegerBytes(span) => {
                let bytes: Vec<u8> = integer_bytes(self.record.bytes(node, span)).collect();
                self.bytes(sheet, &bytes);
            }
            Value::Extension(kind, span) => {
                sheet.print(&self.look.styles.name, format_args!("ext {kind}"));
                sheet.space(2);
                self.bytes(sheet, self.record.bytes(node, span));
            }
            Value::Static(symbol) if std::ptr::eq(symbol, &raw const MASKED) => {
                self.masked(sheet);
            }
            value => {
                self.simple(sheet, node, value);
                self.explain_number(sheet, node);
            }
        }
    }

    /// Writes a container on one line; false, and something unfinished written, if it does not
    /// fit before column `limit`.
    pub fn inline(&self, sheet: &mut Sheet, id: NodeId, limit: usize) -> bool {
        let Some(node) = self.node(id) else {
            return true;
        };
        let styles = &self.look.styles;
        let fits = match node.value {
            Value::Struct | Value::Map | Value::Pairs => self.inline_members(sheet, id, limit),
            Value::List => self.inline_items(sheet, id, limit),
            Value::Variant(span) => {
                let room = limit.saturating_sub(sheet.column());
                let name = self.text(node).unwrap_or_default();
                span.len() <= room && {
                    sheet.untrusted(&styles.name, &styles.escape, name);
                    sheet.space(1);
                    self.inline(sheet, id + 1, limit)
                }
            }
            Value::Tag(tag) => {
                sheet.print(&styles.name, format_args!("tag {tag}"));
                sheet.space(1);
                self.inline(sheet, id + 1, limit)
            }
            Value::TextChunks | Value::ByteChunks => {
                self.joined(sheet, id, node, limit);
                true
            }
            _ => self.inline_leaf(sheet, node, limit),
        };
        fits && sheet.column() <= limit
    }

    /// Writes a string in pieces as one, cut to the line.
    fn joined(&self, sheet: &mut Sheet, id: NodeId, node: &Node, limit: usize) {
        let tree = &self.record.message.tree;
        let pieces = crate::codec::pieces(tree, id, self.record.layer(node));
        let joined: Vec<u8> = pieces.flatten().copied().collect();
        let room = limit.saturating_sub(sheet.column()).max(LEAST_ROOM);
        match std::str::from_utf8(&joined) {
            Ok(text) if node.value == Value::TextChunks => {
                self.quoted(sheet, text, room.saturating_sub(2).min(MOST_TEXT));
            }
            _ => self.bytes(sheet, &joined),
        }
    }

    /// The last column of what is put on one line, starting here.
    pub fn inline_limit(&self, sheet: &Sheet) -> usize {
        self.look.columns().min(sheet.column() + MOST_INLINE)
    }

    fn inline_members(&self, sheet: &mut Sheet, id: NodeId, limit: usize) -> bool {
        let styles = &self.look.styles;
        let named = self
            .node(id)
            .is_some_and(|node| node.value == Value::Struct);
        sheet.put(&styles.aside, "{");
        let mut children = self.record.message.tree.children(id);
        let mut first = true;
        while let Some((child, node)) = children.next() {
            if !std::mem::take(&mut first) {
                sheet.put(&styles.aside, ", ");
            }
            let value = if named {
                self.key(sheet, node);
                Some(child)
            } else {
                if !self.inline_key(sheet, child, limit) {
                    return false;
                }
                children.next().map(|(value, _)| value)
            };
            sheet.put(&styles.aside, ":");
            sheet.space(1);
            if sheet.column() > limit || value.is_some_and(|id| !self.inline(sheet, id, limit)) {
                return false;
            }
        }
        sheet.put(&styles.aside, "}");
        true
    }

    fn inline_items(&self, sheet: &mut Sheet, id: NodeId, limit: usize) -> bool {
        let styles = &self.look.styles;
        sheet.put(&styles.aside, "[");
        for (index, (child, _)) in self.record.message.tree.children(id).enumerate() {
            if index > 0 {
                sheet.put(&styles.aside, ", ");
            }
            if !self.inline(sheet, child, limit) {
                return false;
            }
        }
        sheet.put(&styles.aside, "]");
        true
    }

    fn inline_leaf(&self, sheet: &mut Sheet, node: &Node, limit: usize) -> bool {
        let room = limit.saturating_sub(sheet.column());
        match node.value {
            Value::Text(span) => {
                let text = self.text(node).unwrap_or_default();
                let fits =
                    span.len() <= room.saturating_mul(4) && escape::width(text, room) <= room;
                if fits {
                    self.quoted(sheet, text, usize::MAX);
                }
                fits
            }
            Value::Bytes(span) if 2 * span.len() <= room => {
                let ink = &self.look.styles.bytes;
                match self.record.bytes(node, span) {
                    [] => sheet.put(&self.look.styles.aside, "empty"),
                    bytes => sheet.hexadecimal(ink, bytes),
                }
                true
            }
            Value::Unsigned(_) | Value::Signed(_) if self.has_date(node) => false,
            Value::Nil
            | Value::Bool(_)
            | Value::Unsigned(_)
            | Value::Signed(_)
            | Value::Negative(_)
            | Value::Float(_)
            | Value::Symbol(_)
            | Value::Static(_)
            | Value::Undefined
            | Value::Simple(_) => {
                self.simple(sheet, node, node.value);
                true
            }
            _ => false,
        }
    }

    /// Writes a struct member's name.
    pub fn key(&self, sheet: &mut Sheet, node: &Node) {
        let name = node.label.map_or("", |label| label.name);
        sheet.put(&self.look.styles.key, name);
    }

    /// Writes a map's key; bare if that cannot be misread.
    pub fn inline_key(&self, sheet: &mut Sheet, id: NodeId, limit: usize) -> bool {
        let Some(node) = self.node(id) else {
            return true;
        };
        match self.text(node) {
            Some(text) if is_name(text) && text.len() <= 64 => {
                sheet.put(&self.look.styles.key, text);
                true
            }
            _ => self.inline(sheet, id, limit),
        }
    }

    /// Writes a leaf without content of its own: a number, a name.
    pub fn simple(&self, sheet: &mut Sheet, node: &Node, value: Value) {
        let styles = &self.look.styles;
        let number = &styles.number;
        match value {
            Value::Nil => sheet.put(&styles.null, "null"),
            Value::Bool(value) => sheet.put(number, if value { "true" } else { "false" }),
            Value::Unsigned(value) if unit(node) == Unit::Hexadecimal => {
                sheet.print(number, format_args!("{value:#010x}"));
            }
            Value::Unsigned(value) => sheet.put(number, itoa::Buffer::new().format(value)),
            Value::Signed(value) => sheet.put(number, itoa::Buffer::new().format(value)),
            Value::Negative(value) => {
                sheet.print(number, format_args!("{}", -1 - i128::from(value)));
            }
            Value::Float(value) if value.is_finite() => {
                sheet.put(number, ryu::Buffer::new().format_finite(value));
            }
            Value::Float(value) => sheet.print(number, format_args!("{value}")),
            Value::Symbol(symbol) | Value::Static(symbol) => sheet.put(&styles.name, symbol.name),
            Value::Undefined => sheet.put(&styles.null, "undefined"),
            Value::Number(_) => sheet.put(number, self.number(node)),
            Value::Simple(value) => sheet.print(number, format_args!("simple({value})")),
            _ => {}
        }
    }

    /// Says what stands behind a number: a date, a duration, a code.
    fn explain_number(&self, sheet: &mut Sheet, node: &Node) {
        let value = match node.value {
            Value::Unsigned(value) => value,
            Value::Signed(value) => match u64::try_from(value) {
                Ok(value) => value,
                Err(_) => return,
            },
            Value::Symbol(symbol) => {
                self.aside(sheet, format_args!("{}", symbol.code));
                return;
            }
            _ => return,
        };
        let mut text = Vec::new();
        match unit(node) {
            Unit::UnixMilliseconds => time::write_date(&mut text, value, 3),
            Unit::UnixMicroseconds => time::write_date(&mut text, value, 6),
            Unit::UnixNanoseconds => time::write_date(&mut text, value, 9),
            Unit::Milliseconds => time::write_duration(&mut text, value, "ms"),
            Unit::Seconds => time::write_duration(&mut text, value.saturating_mul(1000), "s"),
            Unit::LogSequenceNumber => {
                return self.aside(
                    sheet,
                    format_args!("{:#x}/{:#x}", value >> 32, value & 0xffff_ffff),
                );
            }
            Unit::None | Unit::Hexadecimal => {}
        }
        if let Some(text) = std::str::from_utf8(&text)
            .ok()
            .filter(|text| !text.is_empty())
        {
            self.aside(sheet, format_args!("{text}"));
        }
    }

    /// Whether a date stands behind the number.
    fn has_date(&self, node: &Node) -> bool {
        let dated = matches!(
            unit(node),
            Unit::UnixMilliseconds | Unit::UnixMicroseconds | Unit::UnixNanoseconds
        );
        dated && !matches!(node.value, Value::Unsigned(0) | Value::Signed(..=0))
    }

    /// Writes text in quotes, in at most `room` columns.
    pub fn quoted(&self, sheet: &mut Sheet, text: &str, room: usize) {
        let styles = &self.look.styles;
        let (bytes, columns) = escape::fitting(text, room.saturating_sub(2));
        sheet.put(&styles.text, "\"");
        if columns + 2 <= room {
            sheet.untrusted(&styles.text, &styles.escape, text);
            sheet.put(&styles.text, "\"");
            return;
        }
        // The quotes, and `…(n more)`.
        let all = text.get(bytes..).map_or(0, |rest| rest.chars().count()) + bytes;
        let digits = all.max(1).ilog10() as usize + 1;
        let counted = room >= ROOM_FOR_COUNT;
        let spare = if counted { 10 + digits } else { 3 };
        let (bytes, _) = escape::fitting(text, room.saturating_sub(spare));
        let (shown, rest) = text.split_at_checked(bytes).unwrap_or((text, ""));
        sheet.untrusted(&styles.text, &styles.escape, shown);
        sheet.put(&styles.text, "\"");
        if counted {
            let more = rest.chars().count();
            sheet.print(&styles.aside, format_args!("…({more} more)"));
        } else {
            sheet.put(&styles.aside, "…");
        }
    }

    /// Writes how many bytes there are, and as many of them as fit.
    pub fn bytes(&self, sheet: &mut Sheet, bytes: &[u8]) {
        let styles = &self.look.styles;
        self.size(sheet, bytes.len());
        if bytes.is_empty() {
            return;
        }
        if bytes.len() >= 4 && bytes.iter().all(|byte| *byte == 0) {
            sheet.put(&styles.aside, ", all zero");
            return;
        }
        sheet.space(2);
        let room = self.room(sheet);
        if let Some(text) = readable(bytes) {
            return self.quoted(sheet, text, room.min(MOST_TEXT));
        }
        let most = if self.look.width.is_some() {
            room / 2
        } else {
            MOST_BYTES
        };
        if bytes.len() <= most {
            sheet.hexadecimal(&styles.bytes, bytes);
            return;
        }
        let digits = bytes.len().ilog10() as usize + 1;
        let counted = most >= ROOM_FOR_COUNT / 2;
        let spare = if counted { 8 + digits } else { 1 };
        let shown = most.saturating_sub(spare.div_ceil(2));
        sheet.hexadecimal(&styles.bytes, bytes.get(..shown).unwrap_or(bytes));
        if counted {
            let more = bytes.len().saturating_sub(shown);
            sheet.print(&styles.aside, format_args!("…({more} more)"));
        } else {
            sheet.put(&styles.aside, "…");
        }
    }

    /// Writes a number of bytes.
    pub fn size(&self, sheet: &mut Sheet, count: usize) {
        let ink = &self.look.styles.aside;
        match count {
            0 => sheet.put(ink, "empty"),
            1 => sheet.put(ink, "1 byte"),
            _ => sheet.print(ink, format_args!("{count} bytes")),
        }
    }

    fn masked(&self, sheet: &mut Sheet) {
        sheet.put(&self.look.styles.null, MASKED.name);
        self.aside(sheet, format_args!("secret"));
    }

    /// Writes words, broken between them where the terminal is narrow.
    pub fn words(&self, sheet: &mut Sheet, ink: &Ink, text: &str, indent: usize) {
        let escape = &self.look.styles.escape;
        let mut first = true;
        for word in text.split(' ') {
            let width = escape::width(word, usize::MAX);
            if !first && sheet.column() + 1 + width > self.look.columns() {
                sheet.newline();
                sheet.space(indent);
            } else if !first {
                sheet.space(1);
            }
            // Messages quote with ordinary quotation marks.
            for (index, part) in word.split('"').enumerate() {
                if index > 0 {
                    sheet.put(ink, "\"");
                }
                sheet.untrusted(ink, escape, part);
            }
            first = false;
        }
    }

    /// Writes a remark behind a value, if the line has room for it.
    pub fn aside(&self, sheet: &mut Sheet, remark: std::fmt::Arguments<'_>) {
        let mark = sheet.mark();
        sheet.space(2);
        sheet.print(&self.look.styles.aside, remark);
        if sheet.column() > self.look.columns() {
            sheet.back(mark);
        }
    }
}

/// What the number of a node counts.
#[must_use]
pub fn unit(node: &Node) -> Unit {
    node.label.map_or(Unit::None, |label| label.unit)
}

/// Whether text needs no quotes as a key.
#[must_use]
pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-./@$".contains(&byte))
}

/// Bytes that are text in all likelihood.
fn readable(bytes: &[u8]) -> Option<&str> {
    if bytes.len() < 4 {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    text.chars()
        .all(|character| !character.is_control() || matches!(character, '\n' | '\t' | '\r'))
        .then_some(text)
}
