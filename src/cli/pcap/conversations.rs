//! The table of connections.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use std::io::{self, Write};
use wirectl::net::{Direction, Summary};
use wirectl::source::capture::{Observer, StreamInfo};

/// Gathers the connections and prints them as a table.
#[derive(Debug, Default)]
pub struct Conversations {
    rows: Vec<(u32, [String; 11])>,
}

const HEADS: [&str; 11] = [
    "stream",
    "client",
    "server",
    "protocol",
    "service",
    "frames",
    "bytes c2s",
    "bytes s2c",
    "duration",
    "end",
    "issues",
];

impl Conversations {
    /// Prints the table, `width` columns wide at most.
    pub fn print(mut self, width: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
        self.rows.sort_by_key(|(number, _)| *number);
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        if let Some(width) = width
            .and_then(|width| u16::try_from(width).ok())
            .filter(|width| *width > 0)
        {
            table.set_width(width);
        }
        table.set_header(HEADS);
        for (_, row) in &self.rows {
            table.add_row(row);
        }
        for index in [0, 5, 6, 7, 8, 10] {
            if let Some(column) = table.column_mut(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        for line in table.lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
        out.flush()
    }
}

impl Observer for Conversations {
    fn connection(&mut self, summary: &Summary, info: &StreamInfo) {
        let bytes = |direction| summary.stream_bytes.get(direction).to_string();
        let ends = (
            summary.ending.get(Direction::ClientToServer).as_str(),
            summary.ending.get(Direction::ServerToClient).as_str(),
        );
        let end = if ends.0 == ends.1 {
            ends.0.to_owned()
        } else {
            format!("{}/{}", ends.0, ends.1)
        };
        let carried = info.protocol.unwrap_or("-");
        let row = [
            summary.connection.to_string(),
            summary.client.to_string(),
            summary.server.to_string(),
            format!("{carried} ({})", summary.transport.as_str()),
            info.service.clone().unwrap_or_else(|| "-".to_owned()),
            info.frames.to_string(),
            bytes(Direction::ClientToServer),
            bytes(Direction::ServerToClient),
            duration(summary.last_ns.saturating_sub(summary.first_ns)),
            end,
            info.issues.to_string(),
        ];
        self.rows.push((summary.connection, row));
    }
}

/// A duration in the unit that suits it.
fn duration(nanoseconds: u64) -> String {
    match nanoseconds {
        0..1_000_000 => format!("{} us", nanoseconds / 1000),
        1_000_000..1_000_000_000 => format!("{:.1} ms", nanoseconds as f64 / 1e6),
        _ => format!("{:.3} s", nanoseconds as f64 / 1e9),
    }
}
