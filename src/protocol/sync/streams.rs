//! Names of streams and requests as 64-bit keys, and bounded maps of them.
//!
//! Source: protocol page `sync`, section 5.4.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// At most this many keys are remembered per map and connection: as many as a table of 4096 places
/// takes, some 70 KiB.
const MOST_KEYS: usize = 4096 / 8 * 7;

/// A hash, 64 bits.
#[derive(Clone, Copy, Debug)]
pub struct Key(u64);

impl Key {
    /// The key of nothing.
    pub const EMPTY: Self = Self(0xcbf2_9ce4_8422_2325);

    /// The key of a stream: engine, then collection name.
    pub fn of_stream(engine: u8, collection: &[u8]) -> Self {
        Self::EMPTY.and_number(engine.into()).and(collection)
    }

    /// This key, continued with `bytes`.
    pub fn and(self, bytes: &[u8]) -> Self {
        let (words, _) = bytes.as_chunks();
        let words = words.iter().map(|word| u64::from_le_bytes(*word));
        let whole = words.fold(self, Self::and_number);
        whole.and_number(end(bytes)).and_number(bytes.len() as u64)
    }

    /// This key, continued with a number.
    pub fn and_number(self, number: u64) -> Self {
        let mixed = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self(mixed ^ mixed >> 32)
    }

    /// The key as a number.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// The last eight bytes as a number, or all of them if they are fewer.
fn end(bytes: &[u8]) -> u64 {
    if let Some(last) = bytes.last_chunk() {
        return u64::from_le_bytes(*last);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let last = u64::from(u32::from_le_bytes(*last));
        return last << 32 | u64::from(u32::from_le_bytes(*first));
    }
    let bytes = bytes.iter();
    bytes.fold(0, |end, byte| end << 8 | u64::from(*byte))
}

/// Keys are hashes already. Keys made to collide cost no more than a look at [`MOST_KEYS`] of them.
#[derive(Debug, Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = Key(self.0).and(bytes).0;
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// A map that forgets everything rather than growing without bound.
#[derive(Debug)]
pub struct Bounded<V> {
    map: HashMap<u64, V, BuildHasherDefault<AsIs>>,
    forgot: bool,
}

impl<V> Default for Bounded<V> {
    fn default() -> Self {
        Self {
            map: HashMap::default(),
            forgot: false,
        }
    }
}

impl<V: Copy> Bounded<V> {
    /// What is known of `key`.
    pub fn get(&self, key: Key) -> Option<V> {
        self.map.get(&key.0).copied()
    }

    /// Remembers `value`; returns what was known before.
    pub fn insert(&mut self, key: Key, value: V) -> Option<V> {
        if self.map.len() >= MOST_KEYS && !self.map.contains_key(&key.0) {
            self.map.clear();
            self.forgot = true;
        }
        self.map.insert(key.0, value)
    }

    /// What is known of `key`, to be changed; `value` if nothing was.
    pub fn entry(&mut self, key: Key, value: V) -> &mut V {
        if self.map.len() >= MOST_KEYS && !self.map.contains_key(&key.0) {
            self.map.clear();
            self.forgot = true;
        }
        self.map.entry(key.0).or_insert(value)
    }

    /// Lets `next` say what is to be known of `key` from now on; returns what was known before, if
    /// anything was.
    pub fn change(&mut self, key: Key, next: impl FnOnce(V) -> Option<V>) -> Option<V> {
        let known = self.map.get_mut(&key.0)?;
        let before = *known;
        match next(before) {
            Some(after) => *known = after,
            None => drop(self.map.remove(&key.0)),
        }
        Some(before)
    }

    /// Whether a key that is not known was never inserted.
    pub fn complete(&self) -> bool {
        !self.forgot
    }

    /// Starts anew.
    pub fn clear(&mut self) {
        self.map.clear();
        self.forgot = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_lengths_differ() {
        let name = b"a collection's name";
        let keys = (0..=name.len()).map(|length| Key::of_stream(1, &name[..length]).number());
        let others = ["\0", "\0\0", "collection"].map(|name| Key::of_stream(2, name.as_bytes()));
        let others = others.map(Key::number);
        let all: std::collections::HashSet<u64> = keys.chain(others).collect();
        assert_eq!(all.len(), name.len() + 4);
    }

    #[test]
    fn a_full_map_forgets_and_says_so() {
        let mut map = Bounded::default();
        for number in 0..=MOST_KEYS as u64 {
            assert!(map.map.len() <= MOST_KEYS);
            map.insert(Key::EMPTY.and_number(number), ());
        }
        assert!(!map.complete());
        assert_eq!(map.map.len(), 1);
    }
}
