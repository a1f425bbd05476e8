//! IP packets put together from their fragments, within bounds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

use etherparse::IpNumber;
use etherparse::defrag::IpDefragBuf;

use super::link::Fragment;

/// How long the first fragment waits for the last.
const PATIENCE_NS: u64 = 60_000_000_000;

/// Fragments of complete packets that are remembered, to know copies of them.
const REMEMBERED_FRAGMENTS: usize = 16_384;

/// Packets of which not all fragments were seen yet.
pub(super) struct Defragmenter {
    waiting: BTreeMap<Key, Waiting>,
    /// Keys by age, the oldest first; may name packets that are complete by now.
    ages: VecDeque<(Key, u64)>,
    bytes: usize,
    limit: usize,
    serial: u64,
    completed: Completed,
    /// Packets given up since last asked.
    pub(super) given_up: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    identification: u32,
    protocol: u8,
}

struct Waiting {
    buffer: IpDefragBuf,
    since_ns: u64,
    serial: u64,
    charged: usize,
    digests: BTreeSet<u64>,
    /// Whether it holds nothing but copies of fragments of a packet that is complete: captures
    /// hold many a packet twice.
    copies: bool,
}

/// Packets completed lately.
#[derive(Default)]
struct Completed {
    digests: BTreeMap<Key, BTreeSet<u64>>,
    /// Keys by age, the oldest first; those of packets whose keys were used again too.
    ages: VecDeque<Key>,
    fragments: usize,
}

impl Completed {
    fn has(&self, key: Key, digest: u64) -> bool {
        self.digests
            .get(&key)
            .is_some_and(|digests| digests.contains(&digest))
    }

    fn add(&mut self, key: Key, digests: BTreeSet<u64>) {
        self.fragments += digests.len();
        let former = self.digests.insert(key, digests);
        self.fragments -= former.map_or(0, |former| former.len());
        self.ages.push_back(key);
        while self.fragments > REMEMBERED_FRAGMENTS || self.ages.len() > REMEMBERED_FRAGMENTS {
            let Some(oldest) = self.ages.pop_front() else {
                break;
            };
            let forgotten = self.digests.remove(&oldest);
            self.fragments -= forgotten.map_or(0, |forgotten| forgotten.len());
        }
    }
}

/// What tells a copy of a fragment from another fragment of a packet of the same name.
fn digest(fragment: &Fragment<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (fragment.offset.value(), fragment.more, fragment.payload).hash(&mut hasher);
    hasher.finish()
}

impl Defragmenter {
    /// Keeps at most about `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            waiting: BTreeMap::new(),
            ages: VecDeque::new(),
            bytes: 0,
            limit,
            serial: 0,
            completed: Completed::default(),
            given_up: 0,
        }
    }

    /// Takes a fragment; gives the payload of the packet if this completes it.
    pub(super) fn add(&mut self, fragment: &Fragment<'_>, now_ns: u64) -> Option<Vec<u8>> {
        self.expire(now_ns);
        if !fragment.complete {
            // A fragment cut by the snap length leaves a packet that cannot be trusted.
            self.given_up += 1;
            return None;
        }
        let key = Key {
            source: fragment.source,
            destination: fragment.destination,
            identification: fragment.identification,
            protocol: fragment.protocol,
        };
        let digest = digest(fragment);
        let copy = self.completed.has(key, digest);
        if !copy && self.waiting.get(&key).is_some_and(|waiting| waiting.copies) {
            self.remove(key);
        }
        if !self.waiting.contains_key(&key) {
            self.serial += 1;
            self.ages.push_back((key, self.serial));
        }
        let serial = self.serial;
        let waiting = self.waiting.entry(key).or_insert_with(|| Waiting {
            buffer: IpDefragBuf::new(IpNumber(fragment.protocol), Vec::new(), Vec::new()),
            since_ns: now_ns,
            serial,
            charged: 0,
            digests: BTreeSet::new(),
            copies: copy,
        });
        waiting.digests.insert(digest);
        let added = waiting
            .buffer
            .add(fragment.offset, fragment.more, fragment.payload);
        self.bytes -= waiting.charged;
        waiting.charged = waiting.buffer.data().len()
            + 256
            + 8 * waiting.buffer.sections().len()
            + 16 * waiting.digests.len();
        self.bytes += waiting.charged;
        let complete = added.is_ok() && waiting.buffer.is_complete();
        if complete || added.is_err() {
            let waiting = self.remove(key)?;
            if complete {
                self.completed.add(key, waiting.digests);
                return Some(waiting.buffer.take_bufs().0);
            }
            self.given_up += 1;
        }
        while self.bytes > self.limit && self.drop_oldest() {}
        None
    }

    fn expire(&mut self, now_ns: u64) {
        while let Some((key, serial)) = self.ages.front() {
            match self.waiting.get(key) {
                Some(waiting)
                    if waiting.serial == *serial
                        && now_ns.saturating_sub(waiting.since_ns) < PATIENCE_NS =>
                {
                    break;
                }
                _ => {
                    self.drop_oldest();
                }
            }
        }
    }

    fn drop_oldest(&mut self) -> bool {
        let Some((key, serial)) = self.ages.pop_front() else {
            return false;
        };
        if self
            .waiting
            .get(&key)
            .is_some_and(|waiting| waiting.serial == serial)
        {
            let copies = self.remove(key).is_some_and(|waiting| waiting.copies);
            self.given_up += u64::from(!copies);
        }
        true
    }

    fn remove(&mut self, key: Key) -> Option<Waiting> {
        let waiting = self.waiting.remove(&key)?;
        self.bytes -= waiting.charged;
        Some(waiting)
    }
}
