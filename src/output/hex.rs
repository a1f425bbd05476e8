//! Bytes beside the fields they belong to: one value a line.

use super::Sink;
use super::clock::Clock;
use super::dump::character;
use super::head::{self, INDENT};
use super::inner;
use super::page::{Look, Page, Sheet};
use super::redact::Redactor;
use super::style::Ink;
use super::value::Values;
use crate::model::{Layer, Node, NodeId, Record, Value};
use std::io::{self, Write};
use std::ops::Range;

/// Longer values are cut after so many rows.
const MOST_ROWS: usize = 4;
/// Of longer lists so many items are shown.
const MOST_ITEMS: usize = 64;
/// Columns for field names and values, at least.
const LEAST_FIELD: usize = 28;

/// Writes the bytes of every frame beside the fields they belong to.
#[derive(Debug)]
pub struct Hex<W> {
    page: Page<W>,
    look: Look,
    clock: Clock,
    redactor: Redactor,
    first: bool,
}

impl<W: Write> Hex<W> {
    /// Writes to `out`.
    pub fn new(out: W, look: Look) -> Self {
        Self {
            page: Page::new(out),
            clock: Clock::new(look.times),
            look,
            redactor: Redactor::default(),
            first: true,
        }
    }
}

impl<W: Write> Sink for Hex<W> {
    fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        if !std::mem::take(&mut self.first) {
            self.page.sheet.newline();
        }
        let sheet = &mut self.page.sheet;
        self.clock.tick(record);
        let look = (&self.look, &self.clock);
        if !self.look.show_secrets && self.redactor.finds(record) {
            let redacted = self.redactor.redacted(record);
            let hidden = |position| self.redactor.hides(position);
            write_record(sheet, look, &redacted, &hidden);
        } else {
            write_record(sheet, look, record, &|_| false);
        }
        self.page.drain()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.page.flush()
    }
}

fn write_record(
    sheet: &mut Sheet,
    (look, clock): (&Look, &Clock),
    record: &Record<'_>,
    hidden: &dyn Fn(usize) -> bool,
) {
    let values = Values { record, look };
    head::headline(sheet, &values, clock);
    let message = record.message;
    let mut view = View {
        values,
        hidden,
        size: row_size(look),
        turn: 0,
    };
    for root in message.roots() {
        if Some(root) == message.inner {
            continue;
        }
        let Some(node) = message.tree.get(root) else {
            continue;
        };
        let name = if Some(root) == message.header {
            "header"
        } else if Some(root) == message.body {
            "body"
        } else {
            "rest"
        };
        let inner = message.inner.filter(|_| message.body == Some(root));
        let from = node.span.start as usize;
        view.node(sheet, &Name::Root(name), root, inner, from, 0);
    }
    for issue in &message.issues {
        let ink = look.styles.severity(issue.severity);
        let (severity, code) = (issue.severity.name(), issue.code);
        sheet.space(INDENT);
        sheet.print(ink, format_args!("{severity}[{code}]"));
        let at = record.offset + u64::from(issue.at.start);
        let aside = &look.styles.aside;
        sheet.print(aside, format_args!(" at {at:#x}: "));
        view.values
            .words(sheet, aside, &issue.message.text(), 2 * INDENT);
        sheet.newline();
    }
}

/// How many bytes go on a row.
fn row_size(look: &Look) -> usize {
    let fits = |size: usize| field_column(size) + LEAST_FIELD <= look.columns();
    [16, 8].into_iter().find(|size| fits(*size)).unwrap_or(4)
}

/// Where fields go: after indent, offset, bytes and characters, with gaps.
fn field_column(size: usize) -> usize {
    INDENT + 8 + 2 + 3 * size - 1 + 2 + size + 2
}

/// What a line calls its value.
enum Name<'a> {
    Root(&'static str),
    Field(&'a Node),
    Key(NodeId),
    Index(usize),
    /// The one child of a variant or tag.
    Only,
}

struct View<'a> {
    values: Values<'a>,
    hidden: &'a dyn Fn(usize) -> bool,
    /// Bytes a row.
    size: usize,
    /// Which of the field inks is next.
    turn: usize,
}

impl View<'_> {
    /// Writes the value `id`; the bytes from `from` on belong to it, too.
    fn node(
        &mut self,
        sheet: &mut Sheet,
        name: &Name<'_>,
        id: NodeId,
        inner: Option<NodeId>,
        from: usize,
        depth: usize,
    ) {
        let Some(node) = self.values.node(id) else {
            return;
        };
        let tree = &self.values.record.message.tree;
        let leaf = node.end == id + 1;
        match inner.filter(|inner| inner::lies_in(tree, *inner, node.span)) {
            Some(inner) if leaf => self.container(sheet, name, node, inner, None, from, depth),
            _ if leaf => self.leaf(sheet, name, node, inner, from, depth),
            _ => self.container(sheet, name, node, id, inner, from, depth),
        }
    }

    /// Writes the head of `node`, then the members of `id`, then what bytes are left.
    #[expect(
        clippy::too_many_arguments,
        reason = "a position in two trees and one frame"
    )]
    fn container(
        &mut self,
        sheet: &mut Sheet,
        name: &Name<'_>,
        node: &Node,
        id: NodeId,
        inner: Option<NodeId>,
        from: usize,
        depth: usize,
    ) {
        let tree = &self.values.record.message.tree;
        let end = node.span.end as usize;
        let next = |id: NodeId| tree.get(id).map_or(end, |node| node.span.start as usize);
        let first = next(id + 1).clamp(from, end.max(from));
        let kind = tree.get(id).map_or(node.value, |node| node.value);
        let keyed = matches!(kind, Value::Map | Value::Pairs);
        let ink = self.values.look.styles.aside.clone();
        // A member's name on the wire belongs to the member, not to the head.
        self.rows(sheet, node, from..first, &ink, depth, |view, sheet| {
            view.name(sheet, name, &view.values.look.styles.key);
            view.head(sheet, node, id);
        });
        let mut cursor = first;
        let mut children = tree.children(id);
        let mut index = 0;
        while let Some((child, member)) = children.next() {
            if index >= MOST_ITEMS && member.label.is_none() {
                let more = children.count() / if keyed { 2 } else { 1 } + 1;
                self.squeezed(sheet, cursor..end, depth + 1, more);
                return;
            }
            let mut value = child;
            let name = if keyed {
                let Some((after, _)) = children.next() else {
                    break;
                };
                value = after;
                Name::Key(child)
            } else if member.label.is_some() {
                Name::Field(member)
            } else if matches!(kind, Value::Variant(_) | Value::Tag(_)) {
                Name::Only
            } else {
                Name::Index(index)
            };
            let inner = inner.and_then(|inner| inner::member(tree, inner, member, index));
            let from = if member.span.is_empty() {
                member.span.start as usize
            } else {
                cursor
            };
            self.node(sheet, &name, value, inner, from, depth + 1);
            if let Some(value) = tree.get(value) {
                cursor = cursor.max(value.span.end as usize);
            }
            index += 1;
        }
        if cursor < end {
            self.rows(sheet, node, cursor..end, &ink, depth, |view, sheet| {
                sheet.put(&view.values.look.styles.aside, "end of ");
                view.name(sheet, name, &view.values.look.styles.aside);
            });
        }
    }

    fn leaf(
        &mut self,
        sheet: &mut Sheet,
        name: &Name<'_>,
        node: &Node,
        inner: Option<NodeId>,
        from: usize,
        depth: usize,
    ) {
        let styles = &self.values.look.styles;
        let ink = styles
            .fields
            .get(self.turn % styles.fields.len())
            .cloned()
            .unwrap_or_default();
        self.turn += 1;
        let end = (node.span.end as usize).max(from);
        self.rows(sheet, node, from..end, &ink, depth, |view, sheet| {
            view.name(sheet, name, &ink);
            sheet.space(2);
            view.value(sheet, node, inner);
        });
    }

    fn value(&self, sheet: &mut Sheet, node: &Node, inner: Option<NodeId>) {
        let aside = &self.values.look.styles.aside;
        match node.value {
            // The bytes stand on the left.
            Value::Bytes(span) | Value::Rest(span) => self.values.size(sheet, span.len()),
            Value::IntegerBytes(span) => {
                let bytes = self.values.record.bytes(node, span);
                let count = crate::codec::messagepack::integer_bytes(bytes).count();
                self.values.size(sheet, count);
            }
            Value::Struct | Value::Map | Value::Pairs => sheet.put(aside, "{}"),
            Value::List => sheet.put(aside, "[]"),
            _ => self.values.leaf(sheet, node),
        }
        if let Value::Rest(_) = node.value {
            self.values.aside(sheet, format_args!("not understood"));
        }
        if let Some(inner) = inner {
            let mark = sheet.mark();
            sheet.space(2);
            let limit = self.values.inline_limit(sheet);
            if !self.values.inline(sheet, inner, limit) {
                sheet.back(mark);
            }
        }
    }

    fn name(&self, sheet: &mut Sheet, name: &Name<'_>, ink: &Ink) {
        match name {
            Name::Root(name) => sheet.put(ink, name),
            Name::Field(node) => sheet.put(ink, node.label.map_or("", |label| label.name)),
            Name::Only => sheet.put(ink, "="),
            Name::Index(index) => sheet.print(ink, format_args!("[{index}]")),
            Name::Key(id) => {
                let mark = sheet.mark();
                let limit = sheet.column() + 32;
                if !self.values.inline_key(sheet, *id, limit) {
                    sheet.back(mark);
                    let text = self.values.node(*id).and_then(|key| self.values.text(key));
                    match text {
                        Some(text) => self.values.quoted(sheet, text, 32),
                        None => sheet.put(ink, "{…}"),
                    }
                }
            }
        }
    }

    /// How many members a container has.
    fn head(&self, sheet: &mut Sheet, node: &Node, id: NodeId) {
        let tree = &self.values.record.message.tree;
        let styles = &self.values.look.styles;
        let container = tree.get(id).unwrap_or(node);
        sheet.space(2);
        match container.value {
            Value::Variant(_) => {
                let name = self.values.text(container).unwrap_or_default();
                let room = self.values.room(sheet);
                let (bytes, _) = super::escape::fitting(name, room);
                let name = name.get(..bytes).unwrap_or_default();
                sheet.untrusted(&styles.name, &styles.escape, name);
            }
            Value::Tag(tag) => sheet.print(&styles.name, format_args!("tag {tag}")),
            value => {
                let count = tree.children(id).count();
                let (count, what) = match value {
                    Value::Struct => (count, "field"),
                    Value::Map | Value::Pairs => (count / 2, "entr"),
                    _ => (count, "item"),
                };
                let ending = match (what, count) {
                    ("entr", 1) => "y",
                    ("entr", _) => "ies",
                    (_, 1) => "",
                    _ => "s",
                };
                sheet.print(&styles.aside, format_args!("{count} {what}{ending}"));
            }
        }
    }

    /// Writes `range` of the bytes that `node` lies in, and the field beside the first row.
    fn rows(
        &self,
        sheet: &mut Sheet,
        node: &Node,
        range: Range<usize>,
        ink: &Ink,
        depth: usize,
        field: impl Fn(&Self, &mut Sheet),
    ) {
        let all = range.len().div_ceil(self.size);
        let shown = if all > MOST_ROWS { MOST_ROWS - 1 } else { all };
        for row in 0..shown.max(1) {
            let start = range.start + row * self.size;
            let end = range.end.min(start + self.size);
            self.row(sheet, node.layer, start..end, ink);
            if row == 0 {
                sheet.advance_to(field_column(self.size) + 2 * depth.min(12), 2);
                field(self, sheet);
            }
            sheet.newline();
        }
        if all > shown {
            let until = self.values.record.offset + range.end as u64;
            sheet.space(INDENT);
            let length = range.len();
            let aside = &self.values.look.styles.aside;
            sheet.print(
                aside,
                format_args!("*         until {until:#x}, {length} bytes"),
            );
            sheet.newline();
        }
    }

    fn row(&self, sheet: &mut Sheet, layer: Layer, range: Range<usize>, ink: &Ink) {
        sheet.space(INDENT);
        if range.is_empty() {
            return;
        }
        let record = self.values.record;
        let aside = &self.values.look.styles.aside;
        let bytes = match layer {
            Layer::Frame => {
                let offset = record.offset + range.start as u64;
                sheet.print(aside, format_args!("{offset:08x}"));
                record.frame
            }
            Layer::Derived => {
                sheet.print(aside, format_args!("+{:07x}", range.start));
                &record.message.tree.derived
            }
        };
        let bytes = bytes.get(range.clone()).unwrap_or_default();
        sheet.space(1);
        for (position, byte) in range.zip(bytes) {
            sheet.space(1);
            if layer == Layer::Frame && (self.hidden)(position) {
                sheet.put(&self.values.look.styles.null, "**");
            } else {
                sheet.hexadecimal(ink, &[*byte]);
            }
        }
        sheet.advance_to(INDENT + 8 + 2 + 3 * self.size - 1 + 2, 2);
        let text: String = bytes.iter().map(|byte| character(*byte)).collect();
        sheet.put(aside, text.trim_end());
    }

    /// Says what is left out of a long container.
    fn squeezed(&self, sheet: &mut Sheet, range: Range<usize>, depth: usize, more: usize) {
        let until = self.values.record.offset + range.end as u64;
        let aside = &self.values.look.styles.aside;
        sheet.space(INDENT);
        sheet.print(
            aside,
            format_args!("*         until {until:#x}, {} bytes", range.len()),
        );
        sheet.advance_to(field_column(self.size) + 2 * depth.min(12), 2);
        sheet.print(aside, format_args!("…({more} more)"));
        sheet.newline();
    }
}
