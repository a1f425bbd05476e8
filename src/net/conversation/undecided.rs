//! What the first bytes of a connection show, and those after a hole before them.

use super::{IN_STEP, SEARCHING, receivers};
use crate::net::event::{Both, Direction, Stamp};
use crate::net::http::{self, Start};
use crate::net::options::Options;
use crate::net::tls;
use crate::net::websocket::{Agreement, Receiver};

/// Bytes after which a stream in whose middle the capture began is plain, if nothing at all in it
/// looks like a frame.
const HOPELESS: usize = 4 << 10;
/// The same, if something does.
const UNDECIDED_LIMIT: usize = 256 << 10;
/// What came before it was clear what it is.
pub(super) struct Undecided {
    /// The streams are known from their first byte on.
    from_start: bool,
    pub(super) entries: Vec<Entry>,
    bytes: Both<Vec<u8>>,
    /// How many of the client's bytes come before the first hole behind any.
    client_cut: Option<usize>,
    /// Look for frames, where the beginning was not seen.
    frames: Option<Box<Both<Receiver>>>,
}

pub(super) struct Entry {
    pub(super) at: Stamp,
    pub(super) what: What,
}

#[derive(Clone, Copy)]
pub(super) enum What {
    Data {
        offset: u64,
        length: usize,
    },
    Gap {
        offset: u64,
        missing: u64,
    },
    /// Bytes are missing, it is not known how many; this was told elsewhere.
    Lost,
}

/// What the first bytes show.
pub(super) enum Decision {
    Plain,
    Http,
    Tls,
    WebSocket {
        /// Which streams begin with a frame.
        in_step: Both<bool>,
    },
}

impl Undecided {
    pub(super) fn new(from_start: bool, options: &Options) -> Self {
        let searching = || Box::new(receivers(Agreement::unknown(), options, SEARCHING));
        Self {
            from_start,
            entries: Vec::new(),
            bytes: Both::default(),
            client_cut: None,
            frames: (!from_start).then(searching),
        }
    }

    pub(super) fn cost(&self) -> usize {
        let frames = self.frames.as_ref().map_or(0, |frames| {
            frames.client_to_server.cost() + frames.server_to_client.cost()
        });
        self.bytes.client_to_server.len()
            + self.bytes.server_to_client.len()
            + self.entries.len() * size_of::<Entry>()
            + frames
    }

    pub(super) fn push(&mut self, at: Stamp, offset: u64, bytes: &[u8]) {
        let length = bytes.len();
        let what = What::Data { offset, length };
        self.entries.push(Entry { at, what });
        self.bytes.get_mut(at.direction).extend_from_slice(bytes);
        if let Some(frames) = &mut self.frames {
            frames.get_mut(at.direction).data(at, bytes, &mut |_| {});
        }
    }

    pub(super) fn gap(&mut self, at: Stamp, what: What, missing: u64, options: &Options) {
        if self.frames.is_none() {
            // The beginning is incomplete now, so it tells less.
            let mut frames = Box::new(receivers(Agreement::unknown(), options, SEARCHING));
            for direction in [Direction::ClientToServer, Direction::ServerToClient] {
                let bytes = self.bytes.get(direction);
                frames.get_mut(direction).data(at, bytes, &mut |_| {});
            }
            self.frames = Some(frames);
        }
        let known = self.bytes.get(at.direction).len();
        if at.direction == Direction::ClientToServer && known > 0 {
            self.client_cut = self.client_cut.or(Some(known));
        }
        self.from_start = false;
        self.entries.push(Entry { at, what });
        if let Some(frames) = &mut self.frames {
            frames.get_mut(at.direction).gap(at, missing, &mut |_| {});
        }
    }

    /// What it is, if that can be told; `last`: nothing more will come.
    pub(super) fn decide(&self, at: Stamp, last: bool) -> Option<Decision> {
        let client = &self.bytes.client_to_server;
        let server = &self.bytes.server_to_client;
        if !client.is_empty() {
            let start = match self.client_cut.and_then(|cut| client.get(..cut)) {
                Some(whole) => http::start_of_cut_request(whole),
                None => http::start_of_request(client),
            };
            match start {
                Start::Yes => return Some(Decision::Http),
                Start::Unclear if !last => return None,
                _ => {}
            }
        }
        match tls::start_of_client(client) {
            Start::Yes => return Some(Decision::Tls),
            Start::Unclear if !last && !client.is_empty() => return None,
            _ => {}
        }
        if client.is_empty() && tls::is_server_hello(server) {
            return Some(Decision::Tls);
        }
        if !server.is_empty() && (client.is_empty() || !self.from_start) {
            match http::start_of_response(server) {
                Start::Yes => return Some(Decision::Http),
                Start::Unclear if !last => return None,
                _ => {}
            }
        }
        let Some(frames) = &self.frames else {
            return Some(Decision::Plain);
        };
        for bytes in [client, server] {
            if !bytes.is_empty() && tls::begins_with_records(bytes) == Start::Yes {
                return Some(Decision::Tls);
            }
        }
        if !client.is_empty()
            && !server.is_empty()
            && frames.client_to_server.fits()
            && frames.server_to_client.fits()
        {
            return Some(Decision::WebSocket { in_step: IN_STEP });
        }
        if frames.get(at.direction).in_step()
            || last
                && (frames.client_to_server.could_end_here()
                    || frames.server_to_client.could_end_here())
        {
            return Some(Decision::WebSocket { in_step: SEARCHING });
        }
        let length = client.len() + server.len();
        let hope = frames.client_to_server.has_hope() || frames.server_to_client.has_hope();
        let fits = frames.client_to_server.fits() || frames.server_to_client.fits();
        if length > UNDECIDED_LIMIT && fits {
            return Some(Decision::WebSocket { in_step: SEARCHING });
        }
        // Nothing but text may well be the middle of a long message.
        let hopeless = length > HOPELESS && !hope && !(is_text(client) && is_text(server));
        (last || length > UNDECIDED_LIMIT || hopeless).then_some(Decision::Plain)
    }

    pub(super) fn replay(self, mut take: impl FnMut(&Entry, &[u8])) {
        let mut positions = Both::<usize>::default();
        for entry in &self.entries {
            match entry.what {
                What::Gap { .. } | What::Lost => take(entry, &[]),
                What::Data { length, .. } => {
                    let position = positions.get_mut(entry.at.direction);
                    let bytes = self.bytes.get(entry.at.direction);
                    let piece = bytes.get(*position..*position + length).unwrap_or_default();
                    *position += length;
                    take(entry, piece);
                }
            }
        }
    }
}

/// Whether the first bytes are printable ASCII.
fn is_text(bytes: &[u8]) -> bool {
    let first = bytes.get(..HOPELESS).unwrap_or(bytes);
    first
        .iter()
        .all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~'))
}
