//! Where a client of pushwire is on each channel.

use std::collections::{BTreeMap, BTreeSet};

/// So many frames may come before those they have overtaken.
const MOST_AHEAD: usize = 512;

/// The positions on all channels.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    channels: BTreeMap<String, Channel>,
}

/// The position on one channel.
///
/// The server counts frames of all its clients, so gaps are usual; and it sends old frames again
/// with less haste than new ones, so that a later frame can come first. What is certain is only
/// `settled`: to begin there again loses nothing.
#[derive(Debug, Default)]
struct Channel {
    settled: u64,
    acknowledged: u64,
    /// Frames after a gap that may yet be filled.
    ahead: BTreeSet<u64>,
}

impl Cursors {
    /// The user, or the server's greeting, says that all up to `cursor` is known.
    pub(super) fn know(&mut self, channel: &str, cursor: u64) {
        let channel = self.channel(channel);
        channel.settled = channel.settled.max(cursor);
        channel.acknowledged = channel.acknowledged.max(cursor);
        channel.absorb();
    }

    /// A frame came; false if it came before.
    pub(super) fn take(&mut self, channel: &str, cursor: u64) -> bool {
        let channel = self.channel(channel);
        if cursor <= channel.settled || !channel.ahead.insert(cursor) {
            return false;
        }
        if channel.ahead.last().is_some_and(|last| *last > cursor) {
            // An old frame sent again: of those before it, none will follow.
            channel.settled = cursor;
        }
        channel.absorb();
        while channel.ahead.len() > MOST_AHEAD {
            channel.settled = channel.ahead.pop_first().unwrap_or(channel.settled);
            channel.absorb();
        }
        true
    }

    /// Nothing has come for a while: nothing is under way that could fill a gap. Gives the gaps:
    /// channel, first and last cursor that did not come.
    pub(super) fn settle(&mut self) -> Vec<(String, u64, u64)> {
        let mut gaps = Vec::new();
        for (name, channel) in &mut self.channels {
            for cursor in std::mem::take(&mut channel.ahead) {
                if cursor > channel.settled + 1 {
                    gaps.push((name.clone(), channel.settled + 1, cursor - 1));
                }
                channel.settled = cursor;
            }
        }
        gaps
    }

    /// What is to be acknowledged: channels and cursors.
    pub(super) fn acknowledge(&mut self) -> Vec<(String, u64)> {
        let mut due = Vec::new();
        for (name, channel) in &mut self.channels {
            if channel.settled > channel.acknowledged {
                channel.acknowledged = channel.settled;
                due.push((name.clone(), channel.settled));
            }
        }
        due
    }

    /// Where to begin again.
    pub(super) fn resume(&self) -> impl Iterator<Item = (&str, u64)> {
        self.channels
            .iter()
            .map(|(name, channel)| (name.as_str(), channel.settled))
    }

    /// The server has nothing up to `floor` any more. Gives what is lost thereby: first and last.
    pub(super) fn lose(&mut self, channel: &str, floor: u64) -> Option<(u64, u64)> {
        let channel = self.channel(channel);
        let first = channel.settled + 1;
        if floor < first {
            return None;
        }
        channel.settled = floor;
        channel.acknowledged = floor;
        channel.absorb();
        Some((first, floor))
    }

    fn channel(&mut self, name: &str) -> &mut Channel {
        self.channels.entry(name.to_owned()).or_default()
    }
}

impl Channel {
    /// What follows without a gap is settled, too.
    fn absorb(&mut self) {
        while let Some(first) = self.ahead.first().copied()
            && first <= self.settled + 1
        {
            self.ahead.remove(&first);
            self.settled = self.settled.max(first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(cursors: &Cursors) -> u64 {
        cursors.resume().map(|(_, cursor)| cursor).sum()
    }

    #[test]
    fn old_frames_that_new_ones_overtook_are_no_duplicates_and_are_not_skipped() {
        let mut cursors = Cursors::default();
        cursors.know("data", 4070);
        for cursor in [4071, 4072, 4107, 4108] {
            assert!(cursors.take("data", cursor));
        }
        assert_eq!(at(&cursors), 4072);
        assert!(cursors.take("data", 4080));
        assert_eq!(at(&cursors), 4080);
        assert!(!cursors.take("data", 4107));
        assert!(!cursors.take("data", 4080));
        let gaps = [("data".to_owned(), 4081, 4106)];
        assert_eq!(cursors.settle(), gaps);
        assert_eq!(at(&cursors), 4108);
        assert_eq!(cursors.acknowledge(), [("data".to_owned(), 4108)]);
        assert_eq!(cursors.acknowledge(), []);
    }

    #[test]
    fn what_the_server_has_no_longer_is_told_once() {
        let mut cursors = Cursors::default();
        cursors.know("data", 5);
        assert_eq!(cursors.lose("data", 9), Some((6, 9)));
        assert_eq!(cursors.lose("data", 9), None);
        assert!(cursors.take("data", 10));
        assert_eq!(at(&cursors), 10);
    }
}
