//! Gathers connections and writes a row for each.

use super::payload::PayloadFiles;
use std::io::{self, Write};
use wirectl::net::{self, Both, Summary};
use wirectl::output::{Conversation, Conversations};
use wirectl::pipeline::Selection;
use wirectl::source::capture::{Observer, StreamInfo};

/// Connections that are over are kept up to so many, to be written in order; beyond, the first half
/// is written.
const MOST_KEPT: usize = 16_384;

/// Which rows are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Rows {
    /// Leave out this many first.
    skip: u64,
    /// Write this many.
    limit: u64,
    /// Only connections of which a record was selected.
    selected: bool,
}

impl Rows {
    /// Takes from `selection` what it says of rows, and leaves what it says of records.
    pub fn split(selection: &mut Selection) -> Self {
        Self {
            skip: std::mem::take(&mut selection.skip),
            limit: selection.limit.take().unwrap_or(u64::MAX),
            selected: !selection.types.is_empty() || selection.filter.is_some(),
        }
    }
}

/// Writes the connections that are over, by number.
#[derive(Debug)]
pub struct Table<W> {
    out: Conversations<W>,
    rows: Rows,
    kept: Vec<Conversation>,
    written: u64,
    payload: Option<PayloadFiles>,
}

impl<W: Write> Table<W> {
    /// Writes `rows` to `out`; the bytes of the streams go to `payload`.
    pub fn new(out: Conversations<W>, rows: Rows, payload: Option<PayloadFiles>) -> Self {
        Self {
            out,
            rows,
            kept: Vec::new(),
            written: 0,
            payload,
        }
    }

    /// Writes the rest; says how many rows were written in all.
    ///
    /// # Errors
    /// If writing fails.
    pub fn finish(mut self) -> io::Result<u64> {
        self.write(usize::MAX)?;
        Ok(self.written)
    }

    /// Writes the first `count` of those kept.
    fn write(&mut self, count: usize) -> io::Result<()> {
        self.kept.sort_by_key(|conversation| conversation.stream);
        let count = count.min(self.kept.len());
        let skipped = count.min(usize::try_from(self.rows.skip).unwrap_or(usize::MAX));
        let wanted = usize::try_from(self.rows.limit).unwrap_or(usize::MAX);
        let end = skipped + wanted.min(count - skipped);
        self.rows.skip -= skipped as u64;
        self.rows.limit -= (end - skipped) as u64;
        self.written += (end - skipped) as u64;
        self.out
            .write(self.kept.get(skipped..end).unwrap_or_default())?;
        self.kept.drain(..count);
        Ok(())
    }
}

impl<W: Write> Observer for Table<W> {
    fn connection(&mut self, summary: &Summary, info: &StreamInfo) -> io::Result<()> {
        if let Some(files) = &mut self.payload {
            files.connection(summary, info)?;
        }
        if self.rows.limit == 0 || (self.rows.selected && info.shown == 0) {
            return Ok(());
        }
        self.kept.push(row(summary, info));
        if self.kept.len() >= MOST_KEPT {
            self.write(MOST_KEPT / 2)?;
        }
        Ok(())
    }

    fn payload(
        &mut self,
        connection: u32,
        direction: net::Direction,
        bytes: &[u8],
    ) -> io::Result<()> {
        match &mut self.payload {
            Some(files) => files.payload(connection, direction, bytes),
            None => Ok(()),
        }
    }

    fn wants_payload(&self) -> bool {
        self.payload.is_some()
    }
}

fn row(summary: &Summary, info: &StreamInfo) -> Conversation {
    Conversation {
        stream: summary.connection,
        client: summary.client,
        server: summary.server,
        transport: summary.transport.into(),
        protocol: info.protocol,
        service: info.service.clone(),
        frames: info.frames,
        bytes: ways(summary.stream_bytes),
        missing: ways(summary.missing_bytes),
        times: [summary.first_ns, summary.last_ns],
        ends: ways(summary.ending).map(net::Ending::as_str),
        errors: info.errors,
        warnings: info.warnings,
    }
}

fn ways<T>(both: Both<T>) -> [T; 2] {
    [both.client_to_server, both.server_to_client]
}
