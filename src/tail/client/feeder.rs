//! A replica's side of a Noxu feeder stream: asks for it, and acknowledges every entry.

use super::{End, Role, Wishes};

/// The service that feeds replicas.
const SERVICE: &[u8] = b"PEER_FEEDER";
/// Largest frame, as for real receivers.
const MOST_FRAME: u32 = 64 << 20;
/// An entry's fields before its payload.
const ENTRY_HEAD: usize = 17;

/// Follows a feeder, beginning at a VLSN.
#[derive(Debug)]
pub struct NoxuFeeder {
    /// First VLSN wanted; 0 for the first that the feeder has.
    start: u64,
    acknowledge: bool,
    /// Bytes of an incomplete frame.
    pending: Vec<u8>,
    answered: bool,
}

impl NoxuFeeder {
    /// Wants entries from `start` on; 0 stands for the first there is.
    #[must_use]
    pub fn new(start: u64, acknowledge: bool) -> Self {
        Self {
            start,
            acknowledge,
            pending: Vec::new(),
            answered: false,
        }
    }

    fn frame(&mut self, frame: &[u8], wishes: &mut Wishes) {
        if !std::mem::replace(&mut self.answered, true) {
            match frame {
                [0, ..] => {}
                [1, ..] => {
                    let what = format!(
                        "it cannot serve VLSN {}: a restore is needed (its log begins later, or \
                         ends earlier, or it is not the master)",
                        self.start
                    );
                    wishes.end = Some(End::Refused(what));
                }
                _ => {
                    let what = "its answer is no StreamResponse; is it a feeder?".to_owned();
                    wishes.end = Some(End::Refused(what));
                }
            }
            return;
        }
        let vlsn = frame
            .first_chunk::<8>()
            .filter(|_| frame.len() >= ENTRY_HEAD);
        if let Some(vlsn) = vlsn {
            self.start = u64::from_le_bytes(*vlsn).saturating_add(1);
            if self.acknowledge {
                wishes.bytes(prefixed(vlsn));
            }
        }
    }
}

impl Role for NoxuFeeder {
    fn begin(&mut self, wishes: &mut Wishes) {
        self.pending.clear();
        self.answered = false;
        wishes.bytes(prefixed(SERVICE));
        wishes.bytes(prefixed(&self.start.to_le_bytes()));
    }

    fn take(&mut self, bytes: &[u8], wishes: &mut Wishes) {
        let mut pending = std::mem::take(&mut self.pending);
        pending.extend_from_slice(bytes);
        let mut rest = pending.as_slice();
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length);
            if length > MOST_FRAME {
                let what = format!("it sends a frame of {length} bytes; is it a feeder?");
                wishes.end = Some(End::Refused(what));
                return;
            }
            let Some((frame, after)) = after.split_at_checked(length as usize) else {
                break;
            };
            self.frame(frame, wishes);
            rest = after;
        }
        let used = pending.len() - rest.len();
        pending.drain(..used);
        self.pending = pending;
    }

    fn tick(&mut self, _wishes: &mut Wishes) {}
}

/// A frame, or a service's name: its length before it.
fn prefixed(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_le_bytes(), bytes].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(wishes: &mut Wishes) -> Vec<Vec<u8>> {
        wishes.send.drain(..).map(|message| message.bytes).collect()
    }

    #[test]
    fn every_entry_is_acknowledged_wherever_the_stream_is_cut() {
        let mut entry = 7u64.to_le_bytes().to_vec();
        entry.extend([30, 0, 0, 0, 0, 0, 0, 0, 0]);
        let stream = [prefixed(&[0]), prefixed(&entry)].concat();
        for cut in 0..stream.len() {
            let mut role = NoxuFeeder::new(0, true);
            let mut wishes = Wishes::default();
            role.begin(&mut wishes);
            let begin = [prefixed(b"PEER_FEEDER"), prefixed(&[0; 8])];
            assert_eq!(sent(&mut wishes), begin);
            role.take(&stream[..cut], &mut wishes);
            role.take(&stream[cut..], &mut wishes);
            assert_eq!(sent(&mut wishes), [prefixed(&7u64.to_le_bytes())]);
            assert_eq!(role.start, 8);
        }
    }

    #[test]
    fn a_feeder_that_cannot_serve_is_believed() {
        let mut role = NoxuFeeder::new(5, true);
        let mut wishes = Wishes::default();
        role.take(&prefixed(&[1]), &mut wishes);
        assert!(matches!(wishes.end, Some(End::Refused(_))));
    }
}
