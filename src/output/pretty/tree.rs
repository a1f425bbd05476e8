//! Fields as an aligned tree, what opaque ones hold beneath them.

use super::INDENT;
use crate::model::{Node, NodeId, Tree, Value};
use crate::output::escape;
use crate::output::inner;
use crate::output::page::Sheet;
use crate::output::value::Values;

/// At most this many members of one container are shown.
const MOST_MEMBERS: usize = 256;
/// Keys wider than this do not push the values of their neighbours away.
const MOST_KEY: usize = 28;
/// On a terminal, text and lists of numbers take at most this many lines.
const MOST_LINES: usize = 4;

/// Writes a root of the tree, and what it holds.
pub fn root(sheet: &mut Sheet, values: &Values<'_>, id: NodeId, inner: Option<NodeId>) {
    let Some(node) = values.node(id) else { return };
    let entry = Entry {
        values,
        indent: INDENT,
        column: INDENT,
    };
    let tree = &values.record.message.tree;
    let (mirror, whole) = match inner {
        Some(inner) if inner::mirrors(tree, inner, id) => (Some(inner), None),
        other => (None, other),
    };
    let members_only = node.end > id + 1 && node.label.is_none();
    match node.value {
        Value::Struct | Value::Map | Value::Pairs if members_only => {
            members(sheet, values, id, mirror, INDENT);
        }
        Value::List if members_only && !is_flat(tree, id, node) => {
            members(sheet, values, id, mirror, INDENT);
        }
        _ => {
            sheet.space(INDENT);
            if node.label.is_some() {
                values.key(sheet, node);
                sheet.space(2);
            }
            entry.value(sheet, id, mirror);
        }
    }
    if let Some(whole) = whole {
        sheet.space(INDENT);
        sheet.put(&values.look.styles.aside, "holds");
        sheet.space(2);
        entry.value(sheet, whole, None);
    }
}

/// Writes the members of the container `id`, a line or more each.
fn members(
    sheet: &mut Sheet,
    values: &Values<'_>,
    id: NodeId,
    inner: Option<NodeId>,
    indent: usize,
) {
    let tree = &values.record.message.tree;
    let Some(parent) = values.node(id) else {
        return;
    };
    let indent = indent.min(values.look.columns() / 2);
    let keyed = matches!(parent.value, Value::Map | Value::Pairs);
    let entry = Entry {
        values,
        indent,
        column: indent + key_width(values, id, keyed) + 2,
    };
    let mut children = tree.children(id);
    let mut index = 0;
    while let Some((child, node)) = children.next() {
        if index == MOST_MEMBERS {
            let more = (children.count() + 1) / if keyed { 2 } else { 1 };
            sheet.space(indent);
            let ink = &values.look.styles.aside;
            sheet.print(ink, format_args!("…({more} more)"));
            sheet.newline();
            return;
        }
        sheet.space(indent);
        if keyed {
            entry.map_key(sheet, child);
            match children.next() {
                Some((value, _)) => entry.value_at_column(sheet, value, None),
                None => sheet.newline(),
            }
        } else if node.label.is_some() {
            values.key(sheet, node);
            let inner = inner.and_then(|inner| inner::member(tree, inner, node, index));
            entry.value_at_column(sheet, child, inner);
        } else {
            sheet.print(&values.look.styles.aside, format_args!("{index}"));
            let inner = inner.and_then(|inner| inner::member(tree, inner, node, index));
            entry.value_at_column(sheet, child, inner);
        }
        index += 1;
    }
}

/// The columns that the keys of a container take.
fn key_width(values: &Values<'_>, id: NodeId, keyed: bool) -> usize {
    let tree = &values.record.message.tree;
    let most = MOST_KEY.min(values.look.columns() / 3);
    let step = if keyed { 2 } else { 1 };
    let width = |(index, (_, node)): (usize, (NodeId, &Node))| match (keyed, node.label) {
        (false, Some(label)) => label.name.len(),
        (false, None) => index.max(1).ilog10() as usize + 1,
        (true, _) => match values.text(node) {
            Some(text) => escape::width(text, most) + 2 * usize::from(!is_bare(text)),
            None => 4,
        },
    };
    tree.children(id)
        .step_by(step)
        .take(MOST_MEMBERS)
        .enumerate()
        .map(width)
        .filter(|width| *width <= most)
        .max()
        .unwrap_or(0)
}

fn is_bare(text: &str) -> bool {
    crate::output::value::is_name(text)
}

/// Whether all members are leaves without anything behind them.
fn is_flat(tree: &Tree, id: NodeId, node: &Node) -> bool {
    node.value == Value::List && tree.children(id).all(|(child, leaf)| leaf.end == child + 1)
}

/// Where the values of one container's members go.
struct Entry<'a> {
    values: &'a Values<'a>,
    /// Column of the keys.
    indent: usize,
    /// Column of the values.
    column: usize,
}

impl Entry<'_> {
    fn value_at_column(&self, sheet: &mut Sheet, id: NodeId, inner: Option<NodeId>) {
        sheet.advance_to(self.column, 2);
        self.value(sheet, id, inner);
    }

    /// Writes the value `id` and ends the line.
    fn value(&self, sheet: &mut Sheet, id: NodeId, inner: Option<NodeId>) {
        let Some(node) = self.values.node(id) else {
            return sheet.newline();
        };
        if node.end == id + 1 {
            return self.leaf(sheet, id, node, inner);
        }
        let mark = sheet.mark();
        let limit = self.values.inline_limit(sheet);
        if inner.is_none() && self.values.inline(sheet, id, limit) {
            return sheet.newline();
        }
        sheet.back(mark);
        let tree = &self.values.record.message.tree;
        match node.value {
            Value::Variant(_) | Value::Tag(_) => self.variant(sheet, id, node, inner),
            _ if inner.is_none() && is_flat(tree, id, node) => self.flow(sheet, id),
            _ => {
                let holds = inner.filter(|inner| !inner::mirrors(tree, *inner, id));
                if let Some(inner) = holds {
                    self.opaque(sheet, inner);
                } else {
                    sheet.newline();
                }
                let inner = inner.filter(|_| holds.is_none());
                members(sheet, self.values, id, inner, self.indent + INDENT);
            }
        }
    }

    fn leaf(&self, sheet: &mut Sheet, id: NodeId, node: &Node, inner: Option<NodeId>) {
        match (node.value, inner) {
            (Value::Struct | Value::Map | Value::Pairs | Value::List, _) => {
                let limit = self.values.look.columns();
                self.values.inline(sheet, id, limit);
            }
            (Value::Text(_), _) => self.text(sheet, node),
            (Value::Bytes(span), Some(inner)) => {
                self.values.size(sheet, span.len());
                return self.opaque(sheet, inner);
            }
            (Value::IntegerBytes(span), Some(inner)) => {
                let bytes = self.values.record.bytes(node, span);
                let count = crate::codec::messagepack::integer_bytes(bytes).count();
                self.values.size(sheet, count);
                return self.opaque(sheet, inner);
            }
            _ => self.values.leaf(sheet, node),
        }
        match inner {
            Some(inner) => self.opaque(sheet, inner),
            None => sheet.newline(),
        }
    }

    /// Writes what an opaque value holds: behind it if that fits, else beneath it.
    fn opaque(&self, sheet: &mut Sheet, inner: NodeId) {
        let Some(node) = self.values.node(inner) else {
            return sheet.newline();
        };
        let mark = sheet.mark();
        let limit = self.values.look.columns();
        sheet.space(2);
        if self
            .values
            .inline(sheet, inner, limit.min(sheet.column() + 60))
        {
            return sheet.newline();
        }
        sheet.back(mark);
        sheet.newline();
        if node.end == inner + 1 || matches!(node.value, Value::Variant(_) | Value::Tag(_)) {
            let below = Entry {
                values: self.values,
                indent: self.indent + INDENT,
                column: self.indent + INDENT,
            };
            sheet.space(below.indent);
            below.value(sheet, inner, None);
        } else {
            members(sheet, self.values, inner, None, self.indent + INDENT);
        }
    }

    fn variant(&self, sheet: &mut Sheet, id: NodeId, node: &Node, inner: Option<NodeId>) {
        let styles = &self.values.look.styles;
        match node.value {
            Value::Tag(tag) => sheet.print(&styles.name, format_args!("tag {tag}")),
            _ => {
                let name = self.values.text(node).unwrap_or_default();
                sheet.untrusted(&styles.name, &styles.escape, name);
            }
        }
        let inner = inner.filter(|inner| {
            self.values
                .node(*inner)
                .is_some_and(|node| node.end > inner + 1)
        });
        sheet.space(2);
        self.value(sheet, id + 1, inner.map(|inner| inner + 1));
    }

    /// Writes a map's key.
    fn map_key(&self, sheet: &mut Sheet, id: NodeId) {
        let mark = sheet.mark();
        let limit = (sheet.column() + 48).min(self.values.look.columns());
        if !self.values.inline_key(sheet, id, limit) {
            sheet.back(mark);
            match self.values.node(id) {
                Some(node) if node.end == id + 1 => match self.values.text(node) {
                    Some(text) => self.values.quoted(sheet, text, 40),
                    None => self.values.leaf(sheet, node),
                },
                _ => sheet.put(&self.values.look.styles.aside, "{…}"),
            }
        }
    }

    /// Writes text, over several lines if the terminal is narrow.
    fn text(&self, sheet: &mut Sheet, node: &Node) {
        let values = self.values;
        let text = values.text(node).unwrap_or_default();
        let room = values.room(sheet);
        let whole = escape::width(text, room) + 2 <= room;
        if whole || values.look.width.is_none() || text.len() > MOST_LINES * room {
            return values.leaf(sheet, node);
        }
        let styles = &values.look.styles;
        let start = sheet.column();
        sheet.put(&styles.text, "\"");
        let mut rest = text;
        loop {
            let (bytes, columns) = escape::fitting(rest, room - 2);
            if columns <= room - 2 {
                sheet.untrusted(&styles.text, &styles.escape, rest);
                break;
            }
            let (line, next) = break_line(rest, bytes);
            sheet.untrusted(&styles.text, &styles.escape, line);
            sheet.newline();
            sheet.space(start + 1);
            rest = next;
        }
        sheet.put(&styles.text, "\"");
    }

    /// Writes a list of leaves over several lines.
    fn flow(&self, sheet: &mut Sheet, id: NodeId) {
        let values = self.values;
        let styles = &values.look.styles;
        let start = sheet.column();
        let columns = values.look.columns().min(start + 1000);
        let most = if values.look.width.is_some() {
            MOST_LINES
        } else {
            1
        };
        let mut lines = 1;
        let mut children = values.record.message.tree.children(id);
        sheet.put(&styles.aside, "[");
        let mut first = true;
        while let Some((child, node)) = children.next() {
            if !std::mem::take(&mut first) {
                sheet.put(&styles.aside, ",");
                sheet.space(1);
            }
            // The last line keeps room for `…(n more)]`.
            let spare = if lines == most { 20 } else { 2 };
            let mark = sheet.mark();
            if values.inline(sheet, child, columns.saturating_sub(spare)) {
                continue;
            }
            sheet.back(mark);
            if lines == most {
                let more = children.count() + 1;
                sheet.print(&styles.aside, format_args!("…({more} more)"));
                break;
            }
            lines += 1;
            sheet.newline();
            sheet.space(start + 1);
            let mark = sheet.mark();
            if !values.inline(sheet, child, columns.saturating_sub(2)) {
                sheet.back(mark);
                values.leaf(sheet, node);
            }
        }
        sheet.put(&styles.aside, "]");
        sheet.newline();
    }
}

/// Breaks `text` after a word at or before `most` bytes, or else there.
fn break_line(text: &str, most: usize) -> (&str, &str) {
    let (line, rest) = text.split_at_checked(most.max(1)).unwrap_or((text, ""));
    match line.rfind(' ') {
        Some(space) if space > most / 2 => (
            line.get(..space).unwrap_or(line).trim_end(),
            text.get(space + 1..).unwrap_or(rest),
        ),
        _ => (line, rest),
    }
}
