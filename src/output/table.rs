//! One row per record.

use super::clock::Clock;
use super::head::type_name;
use super::page::{Look, Page, Sheet};
use super::redact::Redactor;
use super::style::{Ink, Styles};
use super::value::Values;
use super::{Sink, grid};
use crate::model::{Direction, Node, NodeId, Record, Severity, Value};
use std::io::{self, Write};

/// Rows are laid out together in blocks of so many.
const BLOCK: usize = 128;
/// Terminals with fewer columns are not told where records lie.
const NARROW: usize = 80;
/// The same, for records with times.
const NARROW_WITH_TIMES: usize = 100;
/// Columns for the summary, if the width is not limited.
const MOST_SUMMARY: usize = 100;

/// What the columns show, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Number,
    Time,
    Stream,
    Way,
    Place,
    Type,
    Size,
    Summary,
    Issues,
}

impl Column {
    const fn head(self) -> &'static str {
        match self {
            Self::Number => "n",
            Self::Time => "time",
            Self::Stream => "conn",
            Self::Way => "",
            Self::Place => "at",
            Self::Type => "type",
            Self::Size => "bytes",
            Self::Summary => "summary",
            Self::Issues => "issues",
        }
    }

    const fn is_right(self) -> bool {
        matches!(self, Self::Number | Self::Stream | Self::Place | Self::Size)
    }

    /// How narrow it may become, in columns.
    fn narrowest(self) -> usize {
        let squeezed = SQUEEZE.iter().rev().find(|(column, _)| *column == self);
        match (squeezed, self) {
            (Some((_, floor)), _) => *floor,
            // A time of day, to the microsecond.
            (None, Self::Time) => 15,
            (None, Self::Way) => 1,
            (None, _) => self.least().max(self.head().len()),
        }
    }

    /// Columns that keep blocks alike.
    const fn least(self) -> usize {
        match self {
            Self::Number => 5,
            Self::Type => 20,
            Self::Place => 8,
            Self::Size => 6,
            _ => 0,
        }
    }
}

/// Which columns become narrower, down to how many columns, where the terminal is.
const SQUEEZE: [(Column, usize); 5] = [
    (Column::Summary, 28),
    (Column::Issues, 12),
    (Column::Summary, 8),
    (Column::Place, 8),
    (Column::Type, 12),
];

/// Which columns are left out, one after the other, where the terminal is too narrow for what the
/// others need at least.
const LEFT_OUT: [Column; 5] = [
    Column::Place,
    Column::Size,
    Column::Time,
    Column::Stream,
    Column::Way,
];

/// Writes one row per record, block by block.
#[derive(Debug)]
pub struct Table<W> {
    page: Page<W>,
    look: Look,
    clock: Clock,
    redactor: Redactor,
    /// Found out from the first record.
    columns: Vec<Column>,
    rows: Vec<Row>,
    widths: Vec<usize>,
    headed: bool,
    scratch: Sheet,
}

#[derive(Debug)]
struct Row {
    cells: Vec<String>,
    direction: Option<Direction>,
    worst: Option<Severity>,
}

impl<W: Write> Table<W> {
    /// Writes to `out`.
    pub fn new(out: W, look: Look) -> Self {
        Self {
            page: Page::new(out),
            clock: Clock::new(look.times),
            look,
            redactor: Redactor::default(),
            columns: Vec::new(),
            rows: Vec::new(),
            widths: Vec::new(),
            headed: false,
            scratch: Sheet::default(),
        }
    }

    fn row(&mut self, record: &Record<'_>) {
        if self.columns.is_empty() {
            self.columns = columns(record);
            let narrow = match self.columns.contains(&Column::Time) {
                true => NARROW_WITH_TIMES,
                false => NARROW,
            };
            if self.look.columns() < narrow {
                self.columns.retain(|column| *column != Column::Place);
            }
            for left_out in LEFT_OUT {
                if needed(&self.columns) > self.look.columns() {
                    self.columns.retain(|column| *column != left_out);
                }
            }
        }
        self.clock.tick(record);
        let moment = if self.look.columns() >= 140 {
            self.clock.text()
        } else {
            self.clock.short()
        };
        let moment = moment.unwrap_or_default();
        let cells = self
            .columns
            .iter()
            .map(|column| match column {
                Column::Summary => summary(&mut self.scratch, record),
                column => cell(*column, record, moment),
            })
            .collect();
        self.rows.push(Row {
            cells,
            direction: record.origin.direction,
            worst: record.message.worst(),
        });
    }

    /// Lays out and writes the rows that have gathered.
    fn block(&mut self) {
        if self.rows.is_empty() {
            return;
        }
        self.widths.resize(self.columns.len(), 0);
        for (index, column) in self.columns.iter().enumerate() {
            let widest = self
                .rows
                .iter()
                .filter_map(|row| row.cells.get(index))
                .map(|cell| grid::width(cell))
                .max();
            if let Some(width) = self.widths.get_mut(index) {
                let least = column.least().max(column.head().len());
                *width = (*width).max(least).max(widest.unwrap_or(0));
            }
        }
        self.fit();
        let heads: Vec<&str> = self.columns.iter().map(|column| column.head()).collect();
        let right: Vec<bool> = self
            .columns
            .iter()
            .map(|column| column.is_right() || *column == Column::Time && self.look.times.counts())
            .collect();
        let rows = self.rows.iter().map(|row| row.cells.as_slice());
        let lines = grid::lay_out(&heads, rows, &self.widths, &right);
        let sheet = &mut self.page.sheet;
        let styles = &self.look.styles;
        for (index, line) in lines.iter().enumerate() {
            let Some(row) = index.checked_sub(1).and_then(|index| self.rows.get(index)) else {
                if !std::mem::replace(&mut self.headed, true) {
                    sheet.put(&styles.heading, line.trim_end());
                    sheet.newline();
                }
                continue;
            };
            let inks: Vec<&Ink> = self
                .columns
                .iter()
                .map(|column| ink(*column, row, styles))
                .collect();
            grid::paint(sheet, line, &self.widths, &inks);
        }
        self.rows.clear();
    }

    /// Gives the summary what the other columns leave, and cuts others if that is nothing.
    fn fit(&mut self) {
        let total: usize = self.widths.iter().map(|width| width + grid::GAP).sum();
        let limited = self.look.width.is_some();
        let mut excess = total.saturating_sub(self.look.columns().saturating_add(grid::GAP));
        for (column, floor) in SQUEEZE {
            let Some(index) = self.columns.iter().position(|other| *other == column) else {
                continue;
            };
            let Some(width) = self.widths.get_mut(index) else {
                continue;
            };
            let mut room = *width;
            if column == Column::Summary && !limited {
                room = room.min(MOST_SUMMARY);
            }
            let least = room.min(floor);
            let fitting = room.saturating_sub(excess).max(least);
            excess = excess.saturating_sub(room - fitting);
            for row in &mut self.rows {
                if let Some(cell) = row.cells.get_mut(index) {
                    grid::cut(cell, fitting);
                }
            }
            *width = fitting;
        }
    }
}

impl<W: Write> Sink for Table<W> {
    fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        if !self.look.show_secrets && self.redactor.finds(record) {
            let redactor = std::mem::take(&mut self.redactor);
            self.row(&redactor.redacted(record));
            self.redactor = redactor;
        } else {
            self.row(record);
        }
        if self.rows.len() >= BLOCK {
            self.block();
            self.page.drain()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.block();
        self.page.flush()
    }
}

/// How many columns of a terminal they need at least.
fn needed(columns: &[Column]) -> usize {
    let widths = columns.iter().map(|column| column.narrowest() + grid::GAP);
    widths.sum::<usize>().saturating_sub(grid::GAP)
}

/// The columns that records like this one fill.
fn columns(record: &Record<'_>) -> Vec<Column> {
    let origin = record.origin;
    let mut columns = vec![Column::Number];
    if origin.time.is_some() {
        columns.push(Column::Time);
    }
    if origin.stream.is_some() {
        columns.push(Column::Stream);
    }
    if origin.direction.is_some() {
        columns.push(Column::Way);
    }
    columns.extend([
        Column::Type,
        Column::Place,
        Column::Size,
        Column::Issues,
        Column::Summary,
    ]);
    columns
}

fn cell(column: Column, record: &Record<'_>, moment: &str) -> String {
    let origin = record.origin;
    match column {
        Column::Number => record.number.to_string(),
        Column::Time => moment.to_owned(),
        Column::Stream => origin
            .stream
            .map_or_else(String::new, |stream| stream.to_string()),
        Column::Way => match origin.direction {
            Some(Direction::ClientToServer) => "→".to_owned(),
            Some(Direction::ServerToClient) => "←".to_owned(),
            None => String::new(),
        },
        Column::Place => match origin.line {
            Some(line) if record.offset == 0 => format!("line {line}"),
            Some(line) => format!("line {line}:{:#x}", record.offset),
            None => format!("{:#x}", record.offset),
        },
        Column::Type => type_name(record),
        Column::Size => record.frame.len().to_string(),
        Column::Issues => issues(record),
        Column::Summary => String::new(),
    }
}

/// The code of the worst finding, and how many more there are.
fn issues(record: &Record<'_>) -> String {
    let issues = &record.message.issues;
    let worst = record.message.worst();
    let Some(first) = issues.iter().find(|issue| Some(issue.severity) == worst) else {
        return String::new();
    };
    match issues.len() {
        1 => first.code.to_owned(),
        count => format!("{} +{}", first.code, count - 1),
    }
}

/// What the protocol says of the message, or else its first fields.
fn summary(scratch: &mut Sheet, record: &Record<'_>) -> String {
    let look = Look::plain();
    let values = Values {
        record,
        look: &look,
    };
    scratch.clear();
    let none = Ink::default();
    let message = record.message;
    if !message.summary.is_empty() {
        scratch.untrusted(&none, &none, &message.summary);
        return String::from_utf8_lossy(scratch.bytes()).into_owned();
    }
    let Some(body) = message.body else {
        return String::new();
    };
    let named = values
        .node(body)
        .is_some_and(|node| node.value == Value::Struct);
    if !named {
        let mark = scratch.mark();
        if !values.inline(scratch, body, 2 * MOST_SUMMARY) {
            scratch.back(mark);
        }
    }
    for (id, node) in message.tree.children(body).filter(|_| named) {
        if scratch.column() > 2 * MOST_SUMMARY {
            break;
        }
        if is_nothing(id, node) {
            continue;
        }
        scratch.put(&none, if scratch.column() > 0 { " " } else { "" });
        values.key(scratch, node);
        scratch.put(&none, "=");
        if node.end == id + 1 {
            short_leaf(scratch, &values, id);
        } else if !values.inline(scratch, id, scratch.column() + 60) {
            scratch.put(&none, "…");
        }
    }
    String::from_utf8_lossy(scratch.bytes()).into_owned()
}

/// Whether a value says only that there is none.
fn is_nothing(id: NodeId, node: &Node) -> bool {
    match node.value {
        Value::Nil => true,
        Value::Struct | Value::List | Value::Map | Value::Pairs => node.end == id + 1,
        Value::Text(span) | Value::Bytes(span) | Value::IntegerBytes(span) => span.is_empty(),
        _ => false,
    }
}

/// A leaf in few columns.
fn short_leaf(scratch: &mut Sheet, values: &Values<'_>, id: u32) {
    let Some(node) = values.node(id) else { return };
    match node.value {
        Value::Text(_) => values.quoted(scratch, values.text(node).unwrap_or_default(), 26),
        Value::Bytes(span) if span.len() <= 8 => {
            scratch.hexadecimal(&Ink::default(), values.record.bytes(node, span));
        }
        Value::Bytes(span) => values.size(scratch, span.len()),
        Value::IntegerBytes(_) | Value::BadText(_) | Value::Rest(_) => {
            values.size(scratch, node.span.len());
        }
        value => values.simple(scratch, node, value),
    }
}

fn ink<'s>(column: Column, row: &Row, styles: &'s Styles) -> &'s Ink {
    match column {
        Column::Type => &styles.heading,
        Column::Way => match row.direction {
            Some(Direction::ServerToClient) => &styles.to_client,
            _ => &styles.to_server,
        },
        Column::Issues => row
            .worst
            .map_or(&styles.aside, |severity| styles.severity(severity)),
        Column::Summary | Column::Size => &styles.number,
        _ => &styles.aside,
    }
}
