//! The first lines of a record: which, what, whence, how long, how bad.

use super::clock::Clock;
use super::page::Sheet;
use super::value::Values;
use crate::model::{Direction, NodeId, Record, Severity};

/// Everything below a headline starts here.
pub const INDENT: usize = 2;

/// Writes number, type, way, time, size, place and the count of findings.
pub fn headline(sheet: &mut Sheet, values: &Values<'_>, clock: &Clock) {
    let record = values.record;
    let styles = &values.look.styles;
    sheet.print(&styles.aside, format_args!("#{}", record.number));
    sheet.space(1);
    sheet.put(&styles.heading, &type_name(record));
    way(sheet, values);
    moment(sheet, values, clock);
    place(sheet, values);
    flags(sheet, values);
    sheet.newline();
    if !record.message.summary.is_empty() {
        sheet.space(INDENT);
        let room = values.room(sheet);
        let summary = &record.message.summary;
        let (bytes, columns) = crate::output::escape::fitting(summary, room);
        let shown = if columns > room {
            summary.get(..bytes)
        } else {
            None
        };
        let shown = shown.unwrap_or(summary);
        sheet.untrusted(&styles.aside, &styles.escape, shown);
        sheet.newline();
    }
}

/// Protocol and type.
#[must_use]
pub fn type_name(record: &Record<'_>) -> String {
    let message = record.message;
    if message.protocol == message.type_name {
        return message.protocol.to_owned();
    }
    format!("{}.{}", message.protocol, message.type_name)
}

/// Writes the header's fields in a row.
pub fn header(sheet: &mut Sheet, values: &Values<'_>, header: NodeId) {
    let styles = &values.look.styles;
    let mut first = true;
    for (id, node) in values.record.message.tree.children(header) {
        let name = node.label.map_or("", |label| label.name);
        segment(sheet, values, if first { INDENT } else { 2 }, |sheet| {
            sheet.put(&styles.aside, name);
            sheet.space(1);
            let mark = sheet.mark();
            let limit = values.inline_limit(sheet);
            if !values.inline(sheet, id, limit) {
                sheet.back(mark);
                values.leaf(sheet, node);
            }
        });
        first = false;
    }
    if !first {
        sheet.newline();
    }
}

/// Writes something that goes to the next line if this one is full.
fn segment(sheet: &mut Sheet, values: &Values<'_>, gap: usize, write: impl Fn(&mut Sheet)) {
    let mark = sheet.mark();
    sheet.space(gap);
    write(sheet);
    if sheet.column() > values.look.columns() {
        sheet.back(mark);
        sheet.newline();
        sheet.space(2 * INDENT);
        write(sheet);
    }
}

/// Client on the left, server on the right, the arrow from the sender to the receiver.
fn way(sheet: &mut Sheet, values: &Values<'_>) {
    let origin = values.record.origin;
    let styles = &values.look.styles;
    let (ink, arrow) = match origin.direction {
        Some(Direction::ClientToServer) => (&styles.to_server, "→"),
        Some(Direction::ServerToClient) => (&styles.to_client, "←"),
        None => (&styles.aside, "→"),
    };
    let backwards = origin.direction == Some(Direction::ServerToClient);
    let ends = match (origin.source, origin.destination) {
        (Some(source), Some(destination)) if backwards => Some((destination, source)),
        (Some(source), Some(destination)) => Some((source, destination)),
        _ => None,
    };
    match (ends, origin.direction) {
        (Some((client, server)), _) => segment(sheet, values, 2, |sheet| {
            sheet.print(ink, format_args!("{client} {arrow} {server}"));
        }),
        (None, Some(direction)) => segment(sheet, values, 2, |sheet| {
            sheet.print(ink, format_args!("{arrow} {}", direction.name()));
        }),
        (None, None) => {}
    }
    if let Some(stream) = origin.stream {
        segment(sheet, values, 2, |sheet| {
            let transport = origin
                .transport
                .map_or("stream", |transport| transport.name());
            sheet.print(&styles.aside, format_args!("{transport} #{stream}"));
        });
    }
}

fn moment(sheet: &mut Sheet, values: &Values<'_>, clock: &Clock) {
    if let Some(text) = clock.text() {
        segment(sheet, values, 2, |sheet| {
            sheet.put(&values.look.styles.aside, text);
        });
    }
}

fn place(sheet: &mut Sheet, values: &Values<'_>) {
    let record = values.record;
    let styles = &values.look.styles;
    segment(sheet, values, 2, |sheet| {
        values.size(sheet, record.frame.len());
        match record.origin.line {
            Some(line) if record.offset == 0 => {
                sheet.print(&styles.aside, format_args!(" on line {line}"));
            }
            Some(line) => {
                let offset = record.offset;
                sheet.print(
                    &styles.aside,
                    format_args!(" on line {line} at {offset:#x}"),
                );
            }
            None => sheet.print(&styles.aside, format_args!(" at {:#x}", record.offset)),
        }
    });
    if let Some(file) = &record.origin.file {
        segment(sheet, values, 2, |sheet| {
            sheet.untrusted(&styles.aside, &styles.escape, file);
        });
    }
}

fn flags(sheet: &mut Sheet, values: &Values<'_>) {
    for severity in [Severity::Error, Severity::Warning, Severity::Note] {
        let issues = &values.record.message.issues;
        let count = issues
            .iter()
            .filter(|issue| issue.severity == severity)
            .count();
        if count > 0 {
            segment(sheet, values, 2, |sheet| {
                let plural = if count == 1 { "" } else { "s" };
                let name = severity.name();
                let ink = values.look.styles.severity(severity);
                sheet.print(ink, format_args!("{count} {name}{plural}"));
            });
        }
    }
}
