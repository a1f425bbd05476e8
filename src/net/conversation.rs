//! What lies above one TCP connection: recognised, then taken apart.
//!
//! Fed with the ordered bytes of both directions, from packets or from live sockets.

mod undecided;

use std::sync::Arc;

use self::undecided::{Decision, Undecided, What};
use super::event::{Both, Direction, Ending, Event, Kind, Sink, Stamp, Transport};
use super::http::{Http, Switch, SwitchTo};
use super::options::Options;
use super::tls::{Inner, Tls};
use super::websocket::{Agreement, Receiver};

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
    Granted(Box<Granted>),
    Tls(Box<Secured>),
}

/// A WebSocket of which the server's answer came before the client's request: so a capture may hold
/// them.
struct Granted {
    http: Box<Http>,
    agreement: Agreement,
    frames: Both<Receiver>,
}

/// A TLS connection and what is inside.
struct Secured {
    tls: Tls,
    inner: Conversation,
    /// Whether anything was decrypted.
    opened: bool,
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
            Layer::WebSocket(_) | Layer::Granted(_) => Transport::WebSocket,
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
            Layer::WebSocket(both) => cost(both),
            Layer::Granted(granted) => granted.http.cost() + cost(&granted.frames),
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
            Layer::Granted(granted) => {
                if let Some(switch) = granted.data(at, bytes, sink) {
                    self.request_came(at, offset, bytes, &switch, sink);
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
        self.no_request(at, "gap", sink);
        match &mut self.layer {
            Layer::WebSocket(both) => both.get_mut(at.direction).gap(at, missing, sink),
            Layer::Granted(granted) => {
                granted.frames.get_mut(at.direction).gap(at, missing, sink);
            }
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
        self.no_request(at, "cut-off", sink);
        match &mut self.layer {
            Layer::WebSocket(both) => both.get_mut(at.direction).close(at, sink),
            Layer::Granted(granted) => granted.frames.get_mut(at.direction).close(at, sink),
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
            Layer::Granted(granted) => {
                granted.http.shed(at, sink);
                granted.frames.server_to_client.shed(
                    Stamp {
                        direction: Direction::ServerToClient,
                        ..at
                    },
                    sink,
                );
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
        let before = std::mem::replace(&mut self.layer, Layer::Plain);
        self.layer = match switch.to {
            // A tunnel can hold anything.
            SwitchTo::Plain => {
                let nested = self.nested(self.carrier);
                self.depth = nested.depth;
                nested.layer
            }
            SwitchTo::WebSocket(agreement) => {
                let frames = receivers(agreement, &self.options, switch.in_step);
                match before {
                    Layer::Http(http) if switch.request_to_come => {
                        Layer::Granted(Box::new(Granted {
                            http,
                            agreement,
                            frames,
                        }))
                    }
                    _ => Layer::WebSocket(Box::new(frames)),
                }
            }
        };
        self.go_on(at, offset, bytes, &switch, sink);
    }

    /// The client's request that was still to come is over, if there was one.
    fn request_came(
        &mut self,
        at: Stamp,
        offset: u64,
        bytes: &[u8],
        switch: &Switch,
        sink: &mut Sink<'_>,
    ) {
        let Layer::Granted(granted) = std::mem::replace(&mut self.layer, Layer::Plain) else {
            return;
        };
        let mut frames = granted.frames;
        if switch.in_step.client_to_server {
            let direction = Direction::ClientToServer;
            frames.client_to_server = Receiver::new(direction, granted.agreement, &self.options);
        }
        self.layer = Layer::WebSocket(Box::new(frames));
        self.go_on(at, offset, bytes, switch, sink);
    }

    /// A request that was still to come will not.
    fn no_request(&mut self, at: Stamp, reason: &'static str, sink: &mut Sink<'_>) {
        if let Layer::Granted(granted) = &mut self.layer
            && at.direction == Direction::ClientToServer
        {
            let switch = granted.http.no_request(at, reason, sink);
            self.request_came(at, 0, &[], &switch, sink);
        }
    }

    /// Takes what waited for a switch, and the last of `bytes`, at `offset`, that belong to what
    /// follows it.
    fn go_on(
        &mut self,
        at: Stamp,
        offset: u64,
        bytes: &[u8],
        switch: &Switch,
        sink: &mut Sink<'_>,
    ) {
        for direction in [Direction::ClientToServer, Direction::ServerToClient] {
            // Where the parked bytes lie follows from where the stream is now.
            let parked = switch.parked.get(direction);
            let rest = if direction == at.direction {
                switch.rest
            } else {
                0
            };
            let length = (parked.bytes().len() + rest) as u64;
            let mut offset = self.positions.get(direction).saturating_sub(length);
            for (at, piece) in parked.pieces(0) {
                self.data(at, offset, piece, sink);
                offset += piece.len() as u64;
            }
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
        match http.last_guess(at.direction) {
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

impl Granted {
    /// Gives the switch, once the request is over.
    fn data(&mut self, at: Stamp, bytes: &[u8], sink: &mut Sink<'_>) -> Option<Switch> {
        match at.direction {
            Direction::ClientToServer => self.http.late_request(at, bytes, sink),
            Direction::ServerToClient => {
                self.frames.server_to_client.data(at, bytes, sink);
                None
            }
        }
    }
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

fn cost(both: &Both<Receiver>) -> usize {
    both.client_to_server.cost() + both.server_to_client.cost()
}

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
