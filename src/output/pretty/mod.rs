//! Records for people: a headline, the fields as a tree, the findings with their bytes.

mod issue;
mod tree;

use super::Sink;
use super::clock::Clock;
use super::dump::Dump;
use super::head::{self, INDENT};
use super::page::{Look, Page, Sheet};
use super::redact::Redactor;
use super::value::Values;
use crate::model::{Node, NodeId, Record, Span, Value};
use std::io::{self, Write};

/// Bytes that are not understood are shown up to so many rows.
const MOST_ROWS: usize = 4;

/// Writes records as people read them.
#[derive(Debug)]
pub struct Pretty<W> {
    page: Page<W>,
    look: Look,
    clock: Clock,
    redactor: Redactor,
    first: bool,
}

impl<W: Write> Pretty<W> {
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

impl<W: Write> Sink for Pretty<W> {
    fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        if !std::mem::take(&mut self.first) {
            self.page.sheet.newline();
        }
        let sheet = &mut self.page.sheet;
        self.clock.tick(record);
        let look = (&self.look, &self.clock);
        self.redactor.clear();
        if self.look.show_secrets {
            write_record(sheet, look, record, &|_| false);
        } else if self.redactor.finds(record) {
            let redacted = self.redactor.redacted(record);
            write_record(sheet, look, &redacted, &|position| {
                self.redactor.hides(position)
            });
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
    let message = record.message;
    let values = Values { record, look };
    let dump = Dump {
        bytes: record.frame,
        offset: record.offset,
        hidden,
    };
    head::headline(sheet, &values, clock);
    let header = message.header.filter(|header| {
        // Marks that are no bytes only tell programs how the rest was sent.
        let is_mark = |node: &Node| matches!(node.value, Value::Bool(_)) && node.span.is_empty();
        let mut fields = message.tree.children(*header);
        fields.any(|(_, node)| !is_mark(node))
    });
    if let Some(header) = header {
        head::header(sheet, &values, header);
    }
    let mut dumped = Vec::new();
    for root in message.roots() {
        if Some(root) == message.header || Some(root) == message.inner {
            continue;
        }
        let Some(node) = message.tree.get(root) else {
            continue;
        };
        match node.value {
            Value::Rest(span) if node.layer == crate::model::Layer::Frame => {
                rest(sheet, &values, &dump, span);
                dumped.push(span);
            }
            _ => tree::root(sheet, &values, root, inner_of(&values, root)),
        }
    }
    if look.frame_bytes {
        dump.rows(sheet, look, 2 * INDENT, 0..record.frame.len(), None);
    }
    for found in &message.issues {
        let shown = dumped.contains(&found.at);
        issue::issue(sheet, &values, &dump, found, shown);
    }
}

/// What the body's opaque fields hold.
fn inner_of(values: &Values<'_>, root: NodeId) -> Option<NodeId> {
    let message = values.record.message;
    message.inner.filter(|_| message.body == Some(root))
}

/// Bytes that were not understood.
fn rest(sheet: &mut Sheet, values: &Values<'_>, dump: &Dump<'_>, span: Span) {
    let look = values.look;
    let aside = &look.styles.aside;
    sheet.space(INDENT);
    values.size(sheet, span.len());
    sheet.put(aside, " not understood");
    sheet.newline();
    let size = super::dump::row_size(look, 2 * INDENT);
    let start = span.start as usize;
    let end = (span.end as usize).min(start + MOST_ROWS * size);
    dump.rows(sheet, look, 2 * INDENT, start..end, None);
    let more = span.len().saturating_sub(end - start);
    if more > 0 {
        sheet.space(2 * INDENT);
        sheet.print(aside, format_args!("…({more} more)"));
        sheet.newline();
    }
}
