//! The order of what a server sends on its own: rows, shapes, chunks of snapshots.
//!
//! Source: protocol page `sync`, sections 5.4 and 7.

use super::fields::{Fields, Role};
use super::findings::Findings;
use super::streams::{Bounded, Key};
use crate::model::words;

/// What was pushed so far.
#[derive(Debug, Default)]
pub struct Pushed {
    /// Last sequence number per peer and collection.
    rows: Bounded<u64>,
    /// Last log position per shape.
    shapes: Bounded<u64>,
    /// Next chunk, number of chunks and clock per array.
    snapshots: Bounded<(u64, u64, u64)>,
}

impl Pushed {
    /// A row: its number rises by one per peer and collection; 0 is exempt.
    pub fn row(&mut self, fields: &Fields<'_>, findings: &mut Findings<'_>) {
        let sequence = fields.number(Role::Sequence).unwrap_or_default();
        if sequence == 0 {
            return;
        }
        let peer = fields.number(Role::PeerId).unwrap_or_default();
        let collection = fields.bytes(Role::Collection).unwrap_or_default();
        let key = Key::EMPTY.and_number(peer).and(collection);
        let last = self.rows.get(key);
        self.rows
            .insert(key, last.unwrap_or_default().max(sequence));
        let Some(last) = last else { return };
        let at = || fields.at(Role::Sequence);
        if sequence <= last {
            findings.warning(
                "row-repeat",
                at(),
                words!("{} follows {}; clients drop it", sequence, last),
            );
        } else if sequence > last + 1 {
            let text = words!("{} follows {}", sequence, last);
            findings.warning("row-gap", at(), text);
        }
    }

    /// A snapshot sets its shape's position.
    pub fn shape_snapshot(&mut self, fields: &Fields<'_>) {
        let shape = Key::EMPTY.and(fields.bytes(Role::ShapeId).unwrap_or_default());
        let position = fields.number(Role::SnapshotLsn).unwrap_or_default();
        self.shapes.insert(shape, position);
    }

    /// A delta follows its shape's position.
    pub fn shape_delta(&mut self, fields: &Fields<'_>, findings: &mut Findings<'_>) {
        let shape = Key::EMPTY.and(fields.bytes(Role::ShapeId).unwrap_or_default());
        let position = fields.number(Role::Lsn).unwrap_or_default();
        let last = self.shapes.get(shape);
        self.shapes
            .insert(shape, last.unwrap_or_default().max(position));
        if let Some(last) = last.filter(|last| position > last.saturating_add(1)) {
            findings.warning(
                "shape-gap",
                fields.at(Role::Lsn),
                words!("{} follows {}; clients ask for a resync", position, last),
            );
        }
    }

    /// Chunks come in order, of one snapshot at a time.
    pub fn chunk(&mut self, fields: &Fields<'_>, findings: &mut Findings<'_>) {
        let array = Key::EMPTY.and(fields.bytes(Role::Array).unwrap_or_default());
        let clock = Key::EMPTY
            .and(fields.bytes(Role::SnapshotClock).unwrap_or_default())
            .number();
        let index = fields.number(Role::ChunkIndex).unwrap_or_default();
        let total = fields.number(Role::TotalChunks).unwrap_or_default();
        let known = self.snapshots.insert(array, (index + 1, total, clock));
        if index >= total {
            findings.warning(
                "chunk-index",
                fields.at(Role::ChunkIndex),
                words!("chunk {} of {}", index, total),
            );
        }
        let Some((next, known_total, known_clock)) = known else {
            return;
        };
        if index == 0 && clock != known_clock {
            return;
        }
        let (code, role, text) = if clock != known_clock {
            (
                "snapshot-changed",
                Role::SnapshotClock,
                "a chunk of another snapshot".into(),
            )
        } else if total != known_total {
            (
                "snapshot-changed",
                Role::TotalChunks,
                words!("{} chunks, {} before", total, known_total),
            )
        } else if index > next {
            (
                "chunk-gap",
                Role::ChunkIndex,
                words!("{} comes where {} is due", index, next),
            )
        } else if index < next {
            let text = words!("{} comes again; {} is due", index, next);
            ("chunk-repeat", Role::ChunkIndex, text)
        } else {
            return;
        };
        findings.warning(code, fields.at(role), text);
    }
}
