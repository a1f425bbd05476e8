//! Putting parts together, with the verdicts of the real assembler.
//!
//! Source: protocol page `rp`, section 2.

use crate::model::Direction;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Groups under way, and groups remembered as complete: the real assembler's default.
const MOST_GROUPS: usize = 1024;

/// One part.
#[derive(Clone, Copy, Debug)]
pub struct Shard<'a> {
    /// What it belongs to.
    pub id: [u8; 16],
    /// Number of parts.
    pub total: u16,
    /// Number of this part.
    pub index: u16,
    /// Channel of the frame that brought it.
    pub channel: u8,
    /// Sequence number of the frame that brought it.
    pub sequence: u32,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// What the real assembler says to a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Kept. So many parts are there now.
    Stored(usize),
    /// It was the last one missing.
    Complete,
    /// A part with this number is there already; the first one counts.
    Duplicate,
    /// The first part said another number of parts.
    TotalMismatch(u16),
    /// There can be no group of 0 parts.
    TotalZero,
    /// The part's number is not below the number of parts.
    IndexOutOfRange,
}

impl Verdict {
    /// The name that the real assembler's result has.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stored(_) => "stored",
            Self::Complete => "complete",
            Self::Duplicate => "duplicate",
            Self::TotalMismatch(_) => "total_mismatch",
            Self::TotalZero | Self::IndexOutOfRange => "invalid_size",
        }
    }
}

/// Why a group is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All parts are there.
    Complete,
    /// Too many or too large groups were under way.
    Evicted,
    /// The input is at its end.
    Unfinished,
}

/// A group that was put together, or given up.
#[derive(Debug)]
pub struct Group {
    /// Who sends it, if known.
    pub direction: Option<Direction>,
    /// Its id.
    pub id: [u8; 16],
    /// Number of parts that it should have.
    pub total: u16,
    /// Why it is handed out.
    pub end: End,
    /// Number of each part, and channel and sequence number of the frame that brought it.
    pub parts: Vec<(u16, u8, u32)>,
    /// All bytes in order, if it is complete.
    pub bytes: Vec<u8>,
}

type Key = (Option<Direction>, [u8; 16]);

#[derive(Debug)]
struct Open {
    serial: u64,
    total: u16,
    size: usize,
    parts: BTreeMap<u16, Part>,
}

#[derive(Debug)]
struct Part {
    channel: u8,
    sequence: u32,
    bytes: Vec<u8>,
}

/// The groups of one connection.
#[derive(Debug)]
pub struct Assembler {
    open: HashMap<Key, Open>,
    complete: VecDeque<Key>,
    ready: VecDeque<Group>,
    serial: u64,
    size: usize,
    most_size: usize,
}

impl Assembler {
    /// No groups yet; at most `most_size` bytes of parts are kept.
    #[must_use]
    pub fn new(most_size: usize) -> Self {
        Self {
            open: HashMap::new(),
            complete: VecDeque::new(),
            ready: VecDeque::new(),
            serial: 0,
            size: 0,
            most_size,
        }
    }

    /// Takes a part; says what the real assembler would.
    pub fn push(&mut self, direction: Option<Direction>, shard: &Shard<'_>) -> Verdict {
        if shard.total == 0 {
            return Verdict::TotalZero;
        }
        let key = (direction, shard.id);
        let serial = self.serial;
        let group = self.open.entry(key).or_insert_with(|| Open {
            serial,
            total: shard.total,
            size: 0,
            parts: BTreeMap::new(),
        });
        self.serial += 1;
        if group.total != shard.total {
            return Verdict::TotalMismatch(group.total);
        }
        if shard.index >= shard.total {
            self.evict();
            return Verdict::IndexOutOfRange;
        }
        if group.parts.contains_key(&shard.index) {
            return Verdict::Duplicate;
        }
        let part = Part {
            channel: shard.channel,
            sequence: shard.sequence,
            bytes: shard.bytes.to_vec(),
        };
        group.parts.insert(shard.index, part);
        group.size += shard.bytes.len();
        self.size += shard.bytes.len();
        let count = group.parts.len();
        if count == usize::from(shard.total) {
            self.finish(key, End::Complete);
            return Verdict::Complete;
        }
        self.evict();
        Verdict::Stored(count)
    }

    /// Whether a group with this id and number of parts is under way.
    #[must_use]
    pub fn knows(&self, direction: Option<Direction>, id: [u8; 16], total: u16) -> bool {
        let group = self.open.get(&(direction, id));
        group.is_some_and(|group| group.total == total)
    }

    /// Whether a group with this id was completed before, so that a part of it comes late.
    #[must_use]
    pub fn was_complete(&self, direction: Option<Direction>, id: [u8; 16]) -> bool {
        self.complete.contains(&(direction, id))
    }

    /// The next group that is complete or given up. If the input has `ended`, all others are.
    pub fn next_group(&mut self, ended: bool) -> Option<Group> {
        if self.ready.is_empty() && ended {
            let oldest = self.oldest()?;
            self.finish(oldest, End::Unfinished);
        }
        self.ready.pop_front()
    }

    fn evict(&mut self) {
        while self.open.len() > MOST_GROUPS || self.size > self.most_size {
            let Some(oldest) = self.oldest() else { break };
            self.finish(oldest, End::Evicted);
        }
    }

    fn oldest(&self) -> Option<Key> {
        let oldest = self.open.iter().min_by_key(|(_, group)| group.serial);
        oldest.map(|(key, _)| *key)
    }

    fn finish(&mut self, key: Key, end: End) {
        let Some(group) = self.open.remove(&key) else {
            return;
        };
        self.size -= group.size.min(self.size);
        let mut bytes = Vec::new();
        if end == End::Complete {
            if self.complete.len() >= MOST_GROUPS {
                self.complete.pop_front();
            }
            self.complete.push_back(key);
            bytes.reserve_exact(group.size);
            for part in group.parts.values() {
                bytes.extend_from_slice(&part.bytes);
            }
        }
        let parts = group.parts.iter();
        self.ready.push_back(Group {
            direction: key.0,
            id: key.1,
            total: group.total,
            end,
            parts: parts
                .map(|(index, part)| (*index, part.channel, part.sequence))
                .collect(),
            bytes,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(id: u8, total: u16, index: u16, bytes: &[u8]) -> Shard<'_> {
        Shard {
            id: [id; 16],
            total,
            index,
            channel: 0,
            sequence: 0,
            bytes,
        }
    }

    #[test]
    fn parts_come_together_in_any_order() {
        let mut assembler = Assembler::new(1000);
        assert_eq!(
            assembler.push(None, &shard(1, 3, 2, b"c")),
            Verdict::Stored(1)
        );
        assert_eq!(
            assembler.push(None, &shard(1, 3, 0, b"a")),
            Verdict::Stored(2)
        );
        assert_eq!(
            assembler.push(None, &shard(1, 3, 0, b"x")),
            Verdict::Duplicate
        );
        assert_eq!(
            assembler.push(None, &shard(1, 4, 1, b"x")),
            Verdict::TotalMismatch(3)
        );
        assert_eq!(
            assembler.push(None, &shard(1, 3, 3, b"x")),
            Verdict::IndexOutOfRange
        );
        assert_eq!(
            assembler.push(None, &shard(1, 0, 0, b"x")),
            Verdict::TotalZero
        );
        assert_eq!(
            assembler.push(None, &shard(1, 3, 1, b"b")),
            Verdict::Complete
        );
        let group = assembler.next_group(false).unwrap();
        assert_eq!((group.end, group.bytes), (End::Complete, b"abc".to_vec()));
        assert!(assembler.was_complete(None, [1; 16]));
        assert_eq!(
            assembler.push(None, &shard(1, 3, 1, b"b")),
            Verdict::Stored(1)
        );
        assert_eq!(assembler.next_group(true).unwrap().end, End::Unfinished);
        assert!(assembler.next_group(true).is_none());
    }

    #[test]
    fn memory_is_bounded_and_what_is_given_up_is_said() {
        let mut assembler = Assembler::new(1000);
        for id in 0..20 {
            assembler.push(None, &shard(id, 2, 0, &[0; 100]));
        }
        let evicted: Vec<_> = std::iter::from_fn(|| assembler.next_group(false)).collect();
        assert_eq!(evicted.len(), 10);
        assert!(evicted.iter().all(|group| group.end == End::Evicted));
        assert!(assembler.size <= 1000);
    }
}
