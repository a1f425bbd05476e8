//! TLS records (RFC 8446, section 5.1) found in a stream.

use crate::net::http::Start;

pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(super) const ALERT: u8 = 21;
pub(super) const HANDSHAKE: u8 = 22;
pub(super) const APPLICATION_DATA: u8 = 23;
pub(super) const CLIENT_HELLO: u8 = 1;
pub(super) const SERVER_HELLO: u8 = 2;
/// Longest protected record (TLS 1.2).
const LONGEST: usize = (16 << 10) + 2048;
/// Records in a row that are believed after a hole.
const CHAIN: usize = 3;

/// Whether `bytes` are the first of a client that speaks TLS.
pub(in crate::net) fn start_of_client(bytes: &[u8]) -> Start {
    start_of_hello(bytes, CLIENT_HELLO)
}

/// Whether `bytes` begin like the first of a server that speaks TLS.
pub(in crate::net) fn start_of_server(bytes: &[u8]) -> Start {
    start_of_hello(bytes, SERVER_HELLO)
}

/// Whether `bytes` are, to all that follows the type, the first of a server that speaks TLS.
pub(in crate::net) fn is_server_hello(bytes: &[u8]) -> bool {
    start_of_server(bytes) == Start::Yes && matches!(bytes.get(6..), Some([0, 0, _, 3, 0..=3, ..]))
}

/// Whether `bytes` begin with a record that begins with this message.
fn start_of_hello(bytes: &[u8], message: u8) -> Start {
    let expected: [&dyn Fn(u8) -> bool; 6] = [
        &|byte| byte == HANDSHAKE,
        &|byte| byte == 3,
        &|byte| byte <= 4,
        &|byte| byte <= 0x48,
        &|_| true,
        &|byte| byte == message,
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
    /// Bytes of the buffer that are done with.
    start: usize,
    state: State,
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
        self.buffer.drain(..self.start.min(self.buffer.len()));
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    pub(super) fn cost(&self) -> usize {
        self.buffer.len()
    }

    /// The next whole record: header and payload. Give it back with [`Self::consume`].
    pub(super) fn next(&mut self) -> Option<([u8; 5], &[u8])> {
        if let State::Skipping(left) = self.state {
            let length = left.min(self.rest().len());
            self.start += length;
            if length < left {
                self.state = State::Skipping(left - length);
                return None;
            }
            self.state = State::InStep;
        }
        if self.state == State::InStep
            && self
                .rest()
                .first_chunk()
                .is_some_and(|header| length(header).is_none())
        {
            self.state = State::Searching;
        }
        if self.state == State::Searching {
            self.find();
        }
        if self.state != State::InStep {
            return None;
        }
        let header = *self.rest().first_chunk::<5>()?;
        let payload = self.rest().get(5..5 + length(&header)?)?;
        Some((header, payload))
    }

    /// Done with a record whose payload has this length.
    pub(super) fn consume(&mut self, payload: usize) {
        self.start += 5 + payload;
    }

    pub(super) fn gap(&mut self, missing: u64) {
        let rest = self.rest();
        let left = match self.state {
            State::InStep => rest
                .first_chunk::<5>()
                .and_then(length)
                .and_then(|length| (length + 5).checked_sub(rest.len())),
            State::Skipping(left) => Some(left),
            State::Searching => None,
        };
        self.buffer.clear();
        self.start = 0;
        let missing = usize::try_from(missing).unwrap_or(usize::MAX);
        self.state = match left.and_then(|left| left.checked_sub(missing)) {
            Some(left) => State::Skipping(left),
            None => State::Searching,
        };
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Looks for a chain of headers.
    fn find(&mut self) {
        let rest = self.rest();
        let found = (0..rest.len().saturating_sub(4)).find_map(|at| {
            let chain = begins_with_records(rest.get(at..)?);
            (chain != Start::No).then_some((at, chain))
        });
        match found {
            Some((at, chain)) => {
                self.start += at;
                if chain == Start::Yes {
                    self.state = State::InStep;
                }
            }
            None => self.start += rest.len().saturating_sub(4),
        }
    }
}
