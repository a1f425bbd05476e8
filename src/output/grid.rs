//! Tables: laid out by comfy-table, coloured column by column.

use super::page::Sheet;
use super::style::Ink;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, Width, presets};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns between the columns.
pub const GAP: usize = 2;

/// The columns that `text` takes.
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// Cuts `text` to `room` columns.
pub fn cut(text: &mut String, room: usize) {
    if text.width() <= room {
        return;
    }
    let mut column = 0;
    let mut end = 0;
    for (position, character) in text.char_indices() {
        column += character.width().unwrap_or(0);
        if column >= room {
            break;
        }
        end = position + character.len_utf8();
    }
    text.truncate(end);
    text.push('…');
}

/// Lays out a head and rows, each column at least as wide as `widths` says; the head is the first
/// line.
pub fn lay_out<'a>(
    heads: &[&str],
    rows: impl Iterator<Item = &'a [String]>,
    widths: &[usize],
    right: &[bool],
) -> Vec<String> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(heads);
    for row in rows {
        table.add_row(row);
    }
    for (column, (width, right)) in table.column_iter_mut().zip(widths.iter().zip(right)) {
        column.set_padding((0, 2));
        let width = u16::try_from(width + GAP).unwrap_or(u16::MAX);
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
        if *right {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().collect()
}

/// Lays out one row, its columns exactly as wide as `widths` says: longer cells go on below.
pub fn wrapped(row: &[String], widths: &[usize], right: &[bool]) -> Vec<String> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.add_row(row);
    for (column, (width, right)) in table.column_iter_mut().zip(widths.iter().zip(right)) {
        column.set_padding((0, 2));
        let width = u16::try_from(width + GAP).unwrap_or(u16::MAX);
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
        if *right {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().collect()
}

/// Writes a line of a table, each column in its ink.
pub fn paint(sheet: &mut Sheet, line: &str, widths: &[usize], inks: &[&Ink]) {
    let mut rest = line;
    for (width, ink) in widths.iter().zip(inks) {
        let (cell, tail) = split(rest, width + GAP);
        rest = tail;
        let text = cell.trim();
        let lead = cell.len() - cell.trim_start().len();
        let (start, taken) = (sheet.column(), cell.width());
        if !text.is_empty() {
            sheet.space(lead);
            sheet.put(ink, text);
        }
        sheet.advance_to(start + taken, 0);
    }
    sheet.newline();
}

/// Splits `text` at a column.
fn split(text: &str, column: usize) -> (&str, &str) {
    let mut width = 0;
    for (position, character) in text.char_indices() {
        if width >= column {
            return text.split_at_checked(position).unwrap_or((text, ""));
        }
        width += character.width().unwrap_or(0);
    }
    (text, "")
}
