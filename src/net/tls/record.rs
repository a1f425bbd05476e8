//! TLS records (RFC 8446, section 5.1) found in a stream.

use crate::net::http::Start;

pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(super) const ALERT: u8 = 21;
pub(super) const HANDSHAKE: u8 = 22;
pub(super) const APPLICATION_DATA: u8 = 23;
/// Longest protected record (TLS 1.2).
const LONGEST: usize = (16 << 10) + 2048;
/// Records in a row that are believed after a hole.
const CHAIN: usize = 3;

/// Whether `bytes` are the first of a client that speaks TLS.
pub(in crate::net) fn start_of_client(bytes: &[u8]) -> Start {
    let expected: [fn(u8) -> bool; 6] = [
        |byte| byte == HANDSHAKE,
        |byte| byte == 3,
        |byte| byte <= 4,
        |byte| byte <= 0x48,
        |_| true,
        |byte| byte == 1,
    ];
    if !bytes.iter().zip(expected).all(|(byte, test)| test(*byte)) {
        Start::No
    } else if bytes.len() < expected.len() {
        Start::Unclear
    } else {
        Start::Yes
    }
}

/// Whether `bytes` begin with several records, or are exactly one or more.
pub(in crate::net) fn begins_with_records(bytes: &[u8]) -> Start {
    let mut rest = bytes;
    for _ in 0..CHAIN {
        if rest.is_empty() {
            return Start::Yes;
        }
        let Some(header) = rest.first_chunk::<5>() else {
            return Start::Unclear;
        };
        let Some(length) = length(header) else {
            return Start::No;
        };
        match rest.get(5 + length..) {
            Some(after) => rest = after,
            None => return Start::Unclear,
        }
    }
    Start::Yes
}

/// Length of the payload; `None` if this is no lawful header.
fn length(header: &[u8; 5]) -> Option<usize> {
    let [kind, major, minor, length @ ..] = *header;
    let length = usize::from(u16::from_be_bytes(length));
    ((CHANGE_CIPHER_SPEC..=APPLICATION_DATA).contains(&kind)
        && major == 3
        && minor <= 4
        && (1..=LONGEST).contains(&length))
    .then_some(length)
}

/// Cuts one direction into records.
#[derive(Default)]
pub(super) struct Records {
    buffer: Vec<u8>,
    state: State,
    /// Bytes missing before the next record: how many records they may have been.
    pub(super) lost: u64,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum State {
    #[default]
    InStep,
    /// So many bytes of a record with a hole in it are still to come.
    Skipping(usize),
    Searching,
}

impl Records {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    pub(super) fn cost(&self) -> usize {
        self.buffer.len()
    }

    /// The next whole record: header and payload. Give it back with [`Self::consume`].
    pub(super) fn next(&mut self) -> Option<([u8; 5], &[u8])> {
        if let State::Skipping(left) = self.state {
            let length = left.min(self.buffer.len());
            self.buffer.drain(..length);
            if length < left {
                self.state = State::Skipping(left - length);
                return None;
            }
            self.state = State::InStep;
        }
        if self.state == State::Searching {
            self.find();
        }
        if self.state != State::InStep {
            return None;
        }
        let header = *self.buffer.first_chunk::<5>()?;
        let Some(length) = length(&header) else {
            self.state = State::Searching;
            return None;
        };
        let payload = self.buffer.get(5..5 + length)?;
        Some((header, payload))
    }

    pub(super) fn consume(&mut self, payload: usize) {
        let length = (5 + payload).min(self.buffer.len());
        self.buffer.drain(..length);
    }

    pub(super) fn gap(&mut self, missing: u64) {
        // Each record takes at least its header, a byte, and a tag.
        self.lost = self.lost.saturating_add(missing / 22 + 2).min(4096);
        let left = match self.state {
            State::InStep => self
                .buffer
                .first_chunk::<5>()
                .and_then(length)
                .map(|length| length + 5 - self.buffer.len()),
            State::Skipping(left) => Some(left),
            State::Searching => None,
        };
        self.buffer.clear();
        let missing = usize::try_from(missing).unwrap_or(usize::MAX);
        self.state = match left.and_then(|left| left.checked_sub(missing)) {
            Some(left) => State::Skipping(left),
            None => State::Searching,
        };
    }

    fn find(&mut self) {
        let found = (0..self.buffer.len()).find(|&at| {
            let rest = self.buffer.get(at..).unwrap_or_default();
            rest.len() >= 5 && begins_with_records(rest) != Start::No
        });
        match found {
            Some(at) => {
                self.buffer.drain(..at);
                if begins_with_records(&self.buffer) == Start::Yes {
                    self.state = State::InStep;
                }
            }
            None => {
                let keep = self.buffer.len().min(4);
                self.buffer.drain(..self.buffer.len() - keep);
            }
        }
    }
}
