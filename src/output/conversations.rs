//! A row for each connection.

use super::page::{Look, Page, Sheet};
use super::style::Ink;
use super::{escape, grid, time};
use crate::model::{Severity, Transport};
use serde_json::json;
use std::io::{self, Write};
use std::net::SocketAddr;

/// What is said of each direction: the client's, then the server's.
pub type Ways<T> = [T; 2];

/// The figures of one connection.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// Its number, from 0.
    pub stream: u32,
    /// Who opened it.
    pub client: SocketAddr,
    /// Who accepted it.
    pub server: SocketAddr,
    /// What carried its messages.
    pub transport: Transport,
    /// The protocol it was taken for.
    pub protocol: Option<&'static str>,
    /// What the client asked for: the name of a service, or a path.
    pub service: Option<String>,
    /// Frames decoded.
    pub frames: u64,
    /// Bytes of the streams, each counted once.
    pub bytes: Ways<u64>,
    /// Bytes of the streams that are not in the capture.
    pub missing: Ways<u64>,
    /// Nanoseconds since the Unix epoch, of the first packet and of the last.
    pub times: [u64; 2],
    /// How each direction ended.
    pub ends: Ways<&'static str>,
    /// Errors on its records.
    pub errors: u64,
    /// Warnings on its records.
    pub warnings: u64,
}

const HEADS: [&str; 8] = [
    "connection",
    "protocol",
    "service",
    "frames",
    "bytes",
    "duration",
    "end",
    "issues",
];
const RIGHT: [bool; 8] = [false, false, false, true, true, true, false, false];
/// Which columns become narrower, down to how many columns, where the terminal is.
const SQUEEZE: [(usize, usize); 4] = [(2, 7), (0, 18), (1, 8), (2, 4)];

/// Writes connections as a table or as JSON, in as many pieces as they come.
#[derive(Debug)]
pub struct Conversations<W> {
    out: W,
    /// How the table looks; none for JSON.
    look: Option<Look>,
    /// How wide the columns were so far; none before the head is written.
    widths: Option<[usize; 8]>,
}

impl<W: Write> Conversations<W> {
    /// Writes a table, as wide as `look` says.
    pub fn table(out: W, look: Look) -> Self {
        Self {
            out,
            look: Some(look),
            widths: None,
        }
    }

    /// Writes an object a line.
    pub fn json(out: W) -> Self {
        Self {
            out,
            look: None,
            widths: None,
        }
    }

    /// Writes what comes next.
    ///
    /// # Errors
    /// If writing fails.
    pub fn write(&mut self, conversations: &[Conversation]) -> io::Result<()> {
        match &self.look {
            None => write_json(&mut self.out, conversations),
            Some(_) if conversations.is_empty() => Ok(()),
            Some(look) => {
                let earlier = self.widths;
                let widths = write_table(&mut self.out, look, conversations, earlier)?;
                self.widths = Some(widths);
                Ok(())
            }
        }
    }
}

/// Writes rows, after a head if there was none `earlier`; columns stay at least as wide as they were,
/// as far as there is room.
fn write_table(
    out: &mut dyn Write,
    look: &Look,
    conversations: &[Conversation],
    earlier: Option<[usize; 8]>,
) -> io::Result<[usize; 8]> {
    let mut rows = rows(conversations, " ");
    let mut widths = widths(&rows, earlier);
    if total(&widths) > look.columns() {
        // Where there is little room, each direction gets a line of its own.
        rows = self::rows(conversations, "\n");
        widths = self::widths(&rows, earlier);
        for (column, least) in SQUEEZE {
            let excess = total(&widths).saturating_sub(look.columns());
            if let Some(width) = widths.get_mut(column).filter(|width| **width > least) {
                *width = width.saturating_sub(excess).max(least);
            }
        }
    }
    let mut page = Page::new(out);
    if earlier.is_none() {
        let heads = HEADS.map(|_| &look.styles.heading);
        lines(&mut page.sheet, &HEADS.map(str::to_owned), &widths, &heads);
    }
    write_rows(&mut page, look, conversations, &rows, &widths)?;
    page.flush()?;
    Ok(widths)
}

fn write_json(out: &mut dyn Write, conversations: &[Conversation]) -> io::Result<()> {
    for conversation in conversations {
        let ways = |values: Ways<u64>| json!({"c2s": values[0], "s2c": values[1]});
        let [first, last] = conversation.times.map(|nanoseconds| {
            let mut text = Vec::new();
            time::write_rfc3339(&mut text, nanoseconds);
            String::from_utf8_lossy(&text).into_owned()
        });
        let [client_end, server_end] = conversation.ends;
        let value = json!({
            "stream": conversation.stream,
            "client": conversation.client,
            "server": conversation.server,
            "transport": conversation.transport.name(),
            "protocol": conversation.protocol,
            "service": conversation.service,
            "frames": conversation.frames,
            "bytes": ways(conversation.bytes),
            "missing": ways(conversation.missing),
            "first": first,
            "last": last,
            "end": {"c2s": client_end, "s2c": server_end},
            "errors": conversation.errors,
            "warnings": conversation.warnings,
        });
        writeln!(out, "{value}")?;
    }
    out.flush()
}

type Row = [String; 8];

/// The cells; `between` parts what is said of the directions.
fn rows(conversations: &[Conversation], between: &str) -> Vec<Row> {
    let widest = |number: fn(&Conversation) -> u64| {
        let numbers = conversations.iter().map(number);
        numbers.max().unwrap_or(0).to_string().len()
    };
    let number_width = widest(|conversation| conversation.stream.into());
    let widths = [
        widest(|conversation| conversation.bytes[0]),
        widest(|conversation| conversation.bytes[1]),
    ];
    let row = |conversation: &Conversation| {
        let Conversation { client, server, .. } = conversation;
        let number = format!("#{:<number_width$}", conversation.stream);
        let [sent, received] = conversation.bytes;
        [
            format!("{number} {client}{between}→ {server}"),
            protocol(conversation, between),
            conversation
                .service
                .as_deref()
                .map_or_else(|| "-".to_owned(), escape::to_plain),
            conversation.frames.to_string(),
            format!(
                "{sent:>0$} →{between}{received:>1$} ←",
                widths[0], widths[1]
            ),
            duration(conversation.times),
            ends(conversation.ends, between),
            issues(conversation, between),
        ]
    };
    conversations.iter().map(row).collect()
}

fn protocol(conversation: &Conversation, between: &str) -> String {
    let transport = conversation.transport.name();
    match conversation.protocol {
        Some(protocol) => format!("{protocol}{between}({transport})"),
        None => format!("({transport})"),
    }
}

/// A duration in the unit that suits it.
fn duration([first, last]: [u64; 2]) -> String {
    let nanoseconds = last.saturating_sub(first);
    let microseconds = nanoseconds / 1000;
    match nanoseconds {
        0..1_000_000 => format!("{microseconds} us"),
        1_000_000..1_000_000_000 => {
            format!("{}.{} ms", microseconds / 1000, microseconds / 100 % 10)
        }
        _ => format!(
            "{}.{:03} s",
            microseconds / 1_000_000,
            microseconds / 1000 % 1000
        ),
    }
}

fn ends([client, server]: Ways<&str>, between: &str) -> String {
    if client == server {
        client.to_owned()
    } else {
        format!("{client} →{between}{server} ←")
    }
}

fn issues(conversation: &Conversation, between: &str) -> String {
    let count = |count: u64, name: &str| match count {
        0 => None,
        1 => Some(format!("1 {name}")),
        _ => Some(format!("{count} {name}s")),
    };
    let (errors, warnings) = (conversation.errors, conversation.warnings);
    let counts = [
        count(errors, Severity::Error.name()),
        count(warnings, Severity::Warning.name()),
    ];
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    match (errors, warnings) {
        (0, 0) => "-".to_owned(),
        _ if between == " " => counts.join(", "),
        (0, _) => format!("{warnings} warn"),
        (_, 0) => format!("{errors} err"),
        _ => format!("{errors} err{between}{warnings} warn"),
    }
}

fn widths(rows: &[Row], earlier: Option<[usize; 8]>) -> [usize; 8] {
    let mut widths = earlier.unwrap_or_else(|| HEADS.map(grid::width));
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            let widest = cell.lines().map(grid::width).max().unwrap_or(0);
            *width = (*width).max(widest);
        }
    }
    widths
}

fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + (widths.len() - 1) * grid::GAP
}

fn write_rows(
    page: &mut Page<&mut dyn Write>,
    look: &Look,
    conversations: &[Conversation],
    rows: &[Row],
    widths: &[usize],
) -> io::Result<()> {
    let styles = &look.styles;
    for (conversation, row) in conversations.iter().zip(rows) {
        let worst = match (conversation.errors, conversation.warnings) {
            (0, 0) => &styles.aside,
            (0, _) => &styles.warning,
            _ => &styles.error,
        };
        let plain = &styles.number;
        let inks = [
            plain,
            &styles.heading,
            plain,
            plain,
            plain,
            plain,
            &styles.aside,
            worst,
        ];
        lines(&mut page.sheet, row, widths, &inks);
        page.drain()?;
    }
    Ok(())
}

fn lines(sheet: &mut Sheet, row: &Row, widths: &[usize], inks: &[&Ink]) {
    for line in grid::wrapped(row, widths, &RIGHT) {
        grid::paint(sheet, &line, widths, inks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation() -> Conversation {
        Conversation {
            stream: 7,
            client: "10.0.0.1:50000".parse().unwrap(),
            server: "10.0.0.2:9090".parse().unwrap(),
            transport: Transport::WebSocket,
            protocol: Some("sync"),
            service: Some("/sync\u{1b}[31m".to_owned()),
            frames: 12,
            bytes: [4088, 99],
            missing: [0, 5],
            times: [1_000_000_000, 3_500_000_000],
            ends: ["fin", "rst"],
            errors: 1,
            warnings: 3,
        }
    }

    fn table(columns: usize) -> String {
        let look = Look {
            width: std::num::NonZeroUsize::new(columns),
            ..Look::plain()
        };
        let mut out = Vec::new();
        let mut table = Conversations::table(&mut out, look);
        table.write(&[conversation()]).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_wide_terminal_has_one_line_for_each() {
        let text = table(140);
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("#7 10.0.0.1:50000 → 10.0.0.2:9090  sync (ws)"));
        assert!(text.contains("4088 → 99 ←   2.500 s  fin → rst ←  1 error, 3 warnings"));
    }

    #[test]
    fn nothing_is_left_out_where_there_is_little_room() {
        let text = table(80);
        assert!(text.lines().all(|line| grid::width(line) <= 80), "{text}");
        for part in [
            "10.0.0.1:50000",
            "→ 10.0.0.2:9090",
            "(ws)",
            "99 ←",
            "rst ←",
            "3 warn",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }

    #[test]
    fn pieces_of_a_table_share_one_head() {
        let mut out = Vec::new();
        let mut table = Conversations::table(&mut out, Look::plain());
        table.write(&[]).unwrap();
        table.write(&[conversation()]).unwrap();
        table.write(&[conversation()]).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("connection"), "{text}");
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[1], lines[2]);
    }

    #[test]
    fn what_peers_send_cannot_reach_the_terminal() {
        assert!(!table(140).contains('\u{1b}'));
    }

    #[test]
    fn durations_have_a_unit_that_suits_them() {
        assert_eq!(duration([5, 5]), "0 us");
        assert_eq!(duration([0, 999_999]), "999 us");
        assert_eq!(duration([0, 1_250_000]), "1.2 ms");
        assert_eq!(duration([0, 61_002_000_000]), "61.002 s");
        assert_eq!(duration([9, 5]), "0 us");
    }
}
