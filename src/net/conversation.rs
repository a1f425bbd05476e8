//! What lies above one TCP connection: recognised, then taken apart.
//!
//! Fed with the ordered bytes of both directions, from packets or from live sockets.

use std::sync::Arc;

use super::event::{Both, Direction, Ending, Event, Kind, Sink, Stamp, Transport};
use super::http::{self, Http, Start, Switch, SwitchTo};
use super::options::Options;
use super::tls::{self, Inner, Tls};
use super::websocket::{Agreement, Receiver};

/// Bytes after which a stream in whose middle the capture began is plain, if nothing at all in it
/// looks like a frame.
const HOPELESS: usize = 4 << 10;
/// The same, if something does.
const UNDECIDED_LIMIT: usize = 256 << 10;
/// Protocols inside of one another.
const DEPTH_LIMIT: u32 = 4;

/// One connection's two streams of bytes, turned into messages.
pub struct Conversation {
    options: Arc<Options>,
    /// What carries the bytes, as long as nothing more is known of them.
    carrier: Transport,
    layer: Layer,
    /// Bytes that passed, each way.
    positions: Both<u64>,
    /// Protocols this one lies in.
    depth: u32,
}

enum Layer {
    Undecided(Box<Undecided>),
    Plain,
    Http(Box<Http>),
    WebSocket(Box<Both<Receiver>>),
    Tls(Box<Secured>),
}

/// A TLS connection and what is inside.
struct Secured {
    tls: Tls,
    inner: Conversation,
    /// Whether anything was decrypted.
    opened: bool,
}

/// What came before it was clear what it is.
struct Undecided {
    /// The streams are known from their first byte on.
    from_start: bool,
    entries: Vec<Entry>,
    bytes: Both<Vec<u8>>,
    /// Look for frames, where the beginning was not seen.
    frames: Option<Box<Both<Receiver>>>,
}

struct Entry {
    at: Stamp,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
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

impl Conversation {
    /// A connection of which nothing is known yet. `from_start`: the bytes that come are the first.
    pub fn new(options: Arc<Options>, from_start: bool) -> Self {
        Self {
            layer: Layer::Undecided(Box::new(Undecided::new(from_start, &options))),
            ..Self::plain(options)
        }
    }

    /// A connection known to be plain TCP.
    pub fn plain(options: Arc<Options>) -> Self {
        Self {
            options,
            carrier: Transport::Tcp,
            layer: Layer::Plain,
            positions: Both::default(),
            depth: 0,
        }
    }

    /// A WebSocket whose handshake is done elsewhere. `extensions`: the server's
    /// `Sec-WebSocket-Extensions`.
    pub fn websocket(options: Arc<Options>, extensions: Option<&[u8]>) -> Self {
        let receivers = receivers(Agreement::from_answer(extensions), &options, IN_STEP);
        Self {
            layer: Layer::WebSocket(Box::new(receivers)),
            ..Self::plain(options)
        }
    }

    /// What was recognised.
    pub fn transport(&self) -> Transport {
        match &self.layer {
            Layer::Undecided(_) | Layer::Plain => self.carrier,
            Layer::Http(http) if http.streams_events() => Transport::Sse,
            Layer::Http(_) => Transport::Http,
            Layer::WebSocket(_) => Transport::WebSocket,
            Layer::Tls(secured) if secured.opened => secured.inner.transport(),
            Layer::Tls(_) => Transport::Tls,
        }
    }

    /// Bytes kept for unfinished messages.
    pub fn cost(&self) -> usize {
        match &self.layer {
            Layer::Undecided(undecided) => undecided.cost(),
            Layer::Plain => 0,
            Layer::Http(http) => http.cost(),
            Layer::WebSocket(both) => both.client_to_server.cost() + both.server_to_client.cost(),
            Layer::Tls(secured) => secured.tls.cost() + secured.inner.cost(),
        }
    }

    /// Takes the bytes that follow at `offset` of `at.direction`.
    pub fn data(&mut self, at: Stamp, offset: u64, bytes: &[u8], sink: &mut Sink<'_>) {
        *self.positions.get_mut(at.direction) = offset + bytes.len() as u64;
        match &mut self.layer {
            Layer::Plain => {
                let kind = Kind::Data { offset, bytes };
                sink(Event::new(at, self.carrier, kind));
            }
            Layer::WebSocket(both) => both.get_mut(at.direction).data(at, bytes, sink),
            Layer::Http(http) => {
                if let Some(switch) = http.data(at, bytes, sink) {
                    self.switch(at, offset, bytes, switch, sink);
                }
            }
            Layer::Tls(secured) => secured.data(at, bytes, sink),
            Layer::Undecided(undecided) => {
                undecided.push(at, offset, bytes);
                if let Some(decision) = undecided.decide(at, false) {
                    self.decided(at, decision, sink);
                }
            }
        }
    }

    /// `missing` bytes at `offset` of `at.direction` will not come.
    pub fn gap(&mut self, at: Stamp, offset: u64, missing: u64, sink: &mut Sink<'_>) {
        if let Layer::Undecided(undecided) = &mut self.layer {
            undecided.gap(at, What::Gap { offset, missing }, missing, &self.options);
            return;
        }
        let kind = Kind::Gap { offset, missing };
        sink(Event::new(at, self.transport(), kind));
        self.lose(at, missing, sink);
    }

    /// Bytes will not come: `missing` of them, or `u64::MAX` if that is not known.
    fn lose(&mut self, at: Stamp, missing: u64, sink: &mut Sink<'_>) {
        match &mut self.layer {
            Layer::WebSocket(both) => both.get_mut(at.direction).gap(at, missing, sink),
            Layer::Http(http) => {
                if let Some(switch) = http.gap(at, missing, sink) {
                    self.switch(at, 0, &[], switch, sink);
                }
            }
            Layer::Tls(secured) => secured.gap(at, missing, sink),
            Layer::Undecided(undecided) => undecided.gap(at, What::Lost, missing, &self.options),
            Layer::Plain => {}
        }
    }

    /// Nothing more will come in `at.direction`.
    pub fn close(&mut self, at: Stamp, how: Ending, sink: &mut Sink<'_>) {
        if let Layer::Undecided(undecided) = &mut self.layer
            && !undecided.entries.is_empty()
        {
            let decision = undecided.decide(at, true).unwrap_or(Decision::Plain);
            self.decided(at, decision, sink);
        }
        let transport = self.transport();
        match &mut self.layer {
            Layer::WebSocket(both) => both.get_mut(at.direction).close(at, sink),
            Layer::Http(_) => self.close_http(at, how, sink),
            Layer::Tls(secured) => {
                secured.tls.close(at, sink);
                if secured.opened {
                    return secured.inner.close(at, how, sink);
                }
            }
            Layer::Plain | Layer::Undecided(_) => {}
        }
        sink(Event::new(at, transport, Kind::Close { how }));
    }

    /// Lets go of what is kept, for want of room.
    pub fn shed(&mut self, at: Stamp, sink: &mut Sink<'_>) {
        match &mut self.layer {
            Layer::WebSocket(both) => {
                for direction in [Direction::ClientToServer, Direction::ServerToClient] {
                    both.get_mut(direction)
                        .shed(Stamp { direction, ..at }, sink);
                }
            }
            Layer::Http(http) => http.shed(at, sink),
            Layer::Tls(secured) => secured.inner.shed(at, sink),
            Layer::Undecided(undecided) if !undecided.entries.is_empty() => {
                self.decided(at, Decision::Plain, sink);
            }
            Layer::Plain | Layer::Undecided(_) => {}
        }
    }
}

impl Conversation {
    fn decided(&mut self, at: Stamp, decision: Decision, sink: &mut Sink<'_>) {
        let layer = match decision {
            Decision::Plain => Layer::Plain,
            Decision::Tls => Layer::Tls(Box::new(Secured {
                tls: Tls::new(self.options.tls_keys.clone()),
                inner: self.nested(Transport::Tls),
                opened: false,
            })),
            Decision::Http => Layer::Http(Box::new(Http::new(&self.options))),
            Decision::WebSocket { in_step } => Layer::WebSocket(Box::new(receivers(
                Agreement::unknown(),
                &self.options,
                in_step,
            ))),
        };
        let before = std::mem::replace(&mut self.layer, layer);
        if let Layer::Undecided(undecided) = before {
            undecided.replay(|entry, bytes| match entry.what {
                What::Data { offset, .. } => self.data(entry.at, offset, bytes, sink),
                What::Gap { offset, missing } => self.gap(entry.at, offset, missing, sink),
                What::Lost => self.lose(entry.at, u64::MAX, sink),
            });
        }
        if let Layer::WebSocket(both) = &mut self.layer {
            for direction in [Direction::ClientToServer, Direction::ServerToClient] {
                both.get_mut(direction)
                    .begin(Stamp { direction, ..at }, sink);
            }
        }
    }

    /// What is carried inside of this, from its first byte on.
    fn nested(&self, carrier: Transport) -> Self {
        let options = Arc::clone(&self.options);
        let inner = if self.depth < DEPTH_LIMIT {
            Self::new(options, true)
        } else {
            Self::plain(options)
        };
        Self {
            carrier,
            depth: self.depth + 1,
            ..inner
        }
    }

    /// HTTP ends; the last of `bytes`, at `offset`, belong to what follows.
    fn switch(
        &mut self,
        at: Stamp,
        offset: u64,
        bytes: &[u8],
        switch: Switch,
        sink: &mut Sink<'_>,
    ) {
        self.layer = match switch.to {
            // A tunnel can hold anything.
            SwitchTo::Plain => {
                let nested = self.nested(self.carrier);
                self.depth = nested.depth;
                nested.layer
            }
            SwitchTo::WebSocket(agreement) => Layer::WebSocket(Box::new(receivers(
                agreement,
                &self.options,
                switch.in_step,
            ))),
        };
        // Where the parked bytes lie follows from where the client's stream is now.
        let client = *self.positions.get(Direction::ClientToServer);
        let mut parked_offset = client.saturating_sub(switch.parked.bytes().len() as u64);
        for (at, piece) in switch.parked.pieces(0) {
            self.data(at, parked_offset, piece, sink);
            parked_offset += piece.len() as u64;
        }
        let consumed = bytes.len().saturating_sub(switch.rest);
        let rest = bytes.get(consumed..).unwrap_or_default();
        if !rest.is_empty() {
            self.data(at, offset + consumed as u64, rest, sink);
        }
    }

    fn close_http(&mut self, at: Stamp, how: Ending, sink: &mut Sink<'_>) {
        let Layer::Http(http) = &mut self.layer else {
            return;
        };
        let switch = match at.direction {
            Direction::ClientToServer => http.unanswered(),
            Direction::ServerToClient => None,
        };
        match switch {
            Some(switch) => {
                self.switch(at, 0, &[], switch, sink);
                if let Layer::WebSocket(both) = &mut self.layer {
                    both.get_mut(at.direction).close(at, sink);
                }
            }
            None => http.close(at, how == Ending::Fin, sink),
        }
    }
}

/// What the first bytes show.
enum Decision {
    Plain,
    Http,
    Tls,
    WebSocket {
        /// Which streams begin with a frame.
        in_step: Both<bool>,
    },
}

impl Undecided {
    fn new(from_start: bool, options: &Options) -> Self {
        let searching = || Box::new(receivers(Agreement::unknown(), options, SEARCHING));
        Self {
            from_start,
            entries: Vec::new(),
            bytes: Both::default(),
            frames: (!from_start).then(searching),
        }
    }

    fn cost(&self) -> usize {
        let frames = self.frames.as_ref().map_or(0, |frames| {
            frames.client_to_server.cost() + frames.server_to_client.cost()
        });
        self.bytes.client_to_server.len()
            + self.bytes.server_to_client.len()
            + self.entries.len() * size_of::<Entry>()
            + frames
    }

    fn push(&mut self, at: Stamp, offset: u64, bytes: &[u8]) {
        let length = bytes.len();
        let what = What::Data { offset, length };
        self.entries.push(Entry { at, what });
        self.bytes.get_mut(at.direction).extend_from_slice(bytes);
        if let Some(frames) = &mut self.frames {
            frames.get_mut(at.direction).data(at, bytes, &mut |_| {});
        }
    }

    fn gap(&mut self, at: Stamp, what: What, missing: u64, options: &Options) {
        if self.frames.is_none() {
            // The beginning is incomplete now, so it tells less.
            let mut frames = Box::new(receivers(Agreement::unknown(), options, SEARCHING));
            for direction in [Direction::ClientToServer, Direction::ServerToClient] {
                let bytes = self.bytes.get(direction);
                frames.get_mut(direction).data(at, bytes, &mut |_| {});
            }
            self.frames = Some(frames);
        }
        self.from_start = false;
        self.entries.push(Entry { at, what });
        if let Some(frames) = &mut self.frames {
            frames.get_mut(at.direction).gap(at, missing, &mut |_| {});
        }
    }

    /// What it is, if that can be told; `last`: nothing more will come.
    fn decide(&self, at: Stamp, last: bool) -> Option<Decision> {
        let client = &self.bytes.client_to_server;
        let server = &self.bytes.server_to_client;
        if !client.is_empty() {
            match http::start_of_request(client) {
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
        if client.is_empty() && tls::start_of_server(server) {
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

    fn replay(self, mut take: impl FnMut(&Entry, &[u8])) {
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

impl Secured {
    fn data(&mut self, at: Stamp, bytes: &[u8], sink: &mut Sink<'_>) {
        let (inner, opened) = (&mut self.inner, &mut self.opened);
        self.tls
            .data(at, bytes, sink, &mut |what, sink| match what {
                Inner::Data(offset, bytes) => {
                    *opened = true;
                    inner.data(at, offset, bytes, sink);
                }
                Inner::Lost => inner.lose(at, u64::MAX, sink),
            });
    }

    fn gap(&mut self, at: Stamp, missing: u64, sink: &mut Sink<'_>) {
        let inner = &mut self.inner;
        self.tls.gap(at, missing, sink, &mut |_, sink| {
            inner.lose(at, u64::MAX, sink);
        });
    }
}

const IN_STEP: Both<bool> = Both {
    client_to_server: true,
    server_to_client: true,
};
const SEARCHING: Both<bool> = Both {
    client_to_server: false,
    server_to_client: false,
};

/// `in_step`: which streams begin with a frame; the others are searched for one.
fn receivers(agreement: Agreement, options: &Options, in_step: Both<bool>) -> Both<Receiver> {
    let receiver = |direction| {
        if *in_step.get(direction) {
            Receiver::new(direction, agreement, options)
        } else {
            Receiver::searching(direction, agreement, options)
        }
    };
    Both {
        client_to_server: receiver(Direction::ClientToServer),
        server_to_client: receiver(Direction::ServerToClient),
    }
}
