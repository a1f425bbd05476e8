//! Findings, in the shape of a compiler's messages, over the bytes they are about.

use super::INDENT;
use crate::model::{Issue, Layer, Node, Record, Span, Value};
use crate::output::dump::{self, Dump};
use crate::output::page::Sheet;
use crate::output::value::Values;

/// At most this many rows of bytes are shown for one finding.
const MOST_ROWS: usize = 3;

/// Writes one finding; without its bytes if they are `shown` already.
pub fn issue(sheet: &mut Sheet, values: &Values<'_>, dump: &Dump<'_>, issue: &Issue, shown: bool) {
    let look = values.look;
    let styles = &look.styles;
    let ink = styles.severity(issue.severity);
    sheet.space(INDENT);
    sheet.print(
        ink,
        format_args!("{}[{}]", issue.severity.name(), issue.code),
    );
    sheet.put(&styles.heading, ":");
    sheet.space(1);
    values.words(sheet, &styles.heading, &issue.message.text(), 2 * INDENT);
    sheet.newline();
    place(sheet, values, issue);
    // The whole frame under carets says nothing that the place does not.
    let whole = issue.at.start == 0 && issue.at.len() >= values.record.frame.len();
    if !(shown || whole && issue.at.len() > 16) {
        bytes(sheet, values, dump, issue);
    }
    sheet.space(2 * INDENT);
    sheet.put(&styles.note, "=");
    sheet.space(1);
    sheet.print(
        &styles.aside,
        format_args!("help: wirectl explain {}", issue.code),
    );
    sheet.newline();
}

fn place(sheet: &mut Sheet, values: &Values<'_>, issue: &Issue) {
    let record = values.record;
    let styles = &values.look.styles;
    sheet.space(2 * INDENT);
    sheet.put(&styles.note, "-->");
    sheet.space(1);
    let file = record.origin.file.as_deref().unwrap_or(&values.look.input);
    sheet.untrusted(&styles.aside, &styles.escape, file);
    if let Some(line) = record.origin.line {
        sheet.print(&styles.aside, format_args!(":{line}"));
    }
    let offset = record.offset + u64::from(issue.at.start);
    sheet.print(&styles.aside, format_args!(":{offset:#010x}"));
    let mark = sheet.mark();
    sheet.space(1);
    frame(sheet, values, issue);
    if sheet.column() > values.look.columns() {
        sheet.back(mark);
        sheet.newline();
        sheet.space(4 * INDENT);
        frame(sheet, values, issue);
    }
    sheet.newline();
}

/// Which frame and field it is about, in parentheses.
fn frame(sheet: &mut Sheet, values: &Values<'_>, issue: &Issue) {
    let record = values.record;
    let styles = &values.look.styles;
    let aside = &styles.aside;
    sheet.print(aside, format_args!("(frame {}", record.number));
    if let Some(stream) = record.origin.stream {
        sheet.print(aside, format_args!(", conn {stream}"));
    }
    if let Some(direction) = record.origin.direction {
        sheet.print(aside, format_args!(" {}", direction.name()));
    }
    let field = field(values, issue.at);
    if !field.is_empty() {
        sheet.put(aside, ", ");
        sheet.untrusted(aside, &styles.escape, &field);
    }
    sheet.put(aside, ")");
}

fn bytes(sheet: &mut Sheet, values: &Values<'_>, dump: &Dump<'_>, issue: &Issue) {
    let at = issue.at;
    let frame = values.record.frame.len();
    if frame == 0 {
        return;
    }
    let size = dump::row_size(values.look, 2 * INDENT);
    let (start, end) = (at.start as usize, (at.end as usize).min(frame));
    // Rows are aligned in the stream; the first shown is the one that holds the start.
    let phase = usize::try_from(dump.offset % size as u64).unwrap_or(0);
    let inside = start.min(frame - 1);
    let from = inside.saturating_sub((inside + phase) % size);
    let rows = (end.max(inside + 1) - from + (from + phase) % size).div_ceil(size);
    let to = from + rows.min(MOST_ROWS) * size - (from + phase) % size;
    dump.rows(
        sheet,
        values.look,
        2 * INDENT,
        from..to.min(frame),
        Some((start..end, values.look.styles.severity(issue.severity))),
    );
    let more = end.saturating_sub(to);
    if more > 0 {
        sheet.space(2 * INDENT);
        sheet.print(&values.look.styles.aside, format_args!("…({more} more)"));
        sheet.newline();
    }
}

/// The path of the innermost named field that holds all of `at`.
fn field(values: &Values<'_>, at: Span) -> String {
    let message = values.record.message;
    let mut path = String::new();
    for root in message.roots() {
        let section = if Some(root) == message.header {
            "header"
        } else if Some(root) == message.body {
            "body"
        } else {
            continue;
        };
        let Some(node) = message.tree.get(root).filter(|node| holds(node, at)) else {
            continue;
        };
        path.push_str(section);
        if descend(values.record, root, node, at, &mut path) == 0 {
            path.clear();
        }
        break;
    }
    path
}

/// Appends the names of the nodes below `id` that hold `at`; returns how many.
fn descend(record: &Record<'_>, id: u32, node: &Node, at: Span, path: &mut String) -> usize {
    let children = record.message.tree.children(id);
    let keyed = matches!(node.value, Value::Map | Value::Pairs);
    let mut key = None;
    for (index, (child, inner)) in children.enumerate() {
        if keyed && index % 2 == 0 {
            key = Some(inner);
            continue;
        }
        if !holds(inner, at) {
            continue;
        }
        match (inner.label, key, node.value) {
            (Some(label), ..) => {
                path.push('.');
                path.push_str(label.name);
            }
            (None, Some(key), _) => {
                if let Value::Text(span) = key.value {
                    path.push('.');
                    let text = String::from_utf8_lossy(record.bytes(key, span));
                    path.extend(text.chars().take(32));
                }
            }
            (None, None, Value::List) => path.push_str(&format!("[{index}]")),
            (None, None, _) => {}
        }
        return 1 + descend(record, child, inner, at, path);
    }
    0
}

fn holds(node: &Node, at: Span) -> bool {
    node.layer == Layer::Frame
        && node.span.start <= at.start
        && at.end <= node.span.end
        && (at.start < node.span.end || at.is_empty())
}
