//! HTTP/1.1 (RFC 9112): heads, bodies, event streams, and the way to WebSocket.

mod body;
mod head;

use std::collections::VecDeque;
use std::sync::Arc;

use self::body::{Body, Framing};
use self::head::{Head, Parsed};
use super::backlog::Backlog;
use super::event::{
    Both, Control, Direction, Event, Finding, HttpExchange, Kind, Sink, Stamp, Transport,
};
use super::options::Options;
use super::websocket::Agreement;

pub(super) use self::head::{Start, start_of_request, start_of_response};

/// Longest head that is believed.
const HEAD_LIMIT: usize = 256 << 10;
/// Bytes kept while looking for a head after a hole, or while an answer is awaited.
const PARKED_LIMIT: usize = 1 << 20;
/// Requests that may wait for an answer.
const PENDING_LIMIT: usize = 4096;

/// Both directions of one HTTP connection.
pub(super) struct Http {
    requests: Reader,
    responses: Reader,
    pending: VecDeque<Request>,
    limit: usize,
    /// Some response was an event stream.
    event_streams: bool,
}

/// What must be known of a request when its response comes.
struct Request {
    exchange: HttpExchange,
    upgrade: bool,
}

struct Reader {
    state: State,
    head: Vec<u8>,
    parked: Backlog,
    /// Bytes are missing among those parked, or right before them.
    parked_torn: bool,
    /// No head begins before this byte of the parked ones.
    searched: usize,
    /// Position in the stream of bodies.
    offset: u64,
}

enum State {
    Head,
    Body(Box<Body>),
    /// A request that may end HTTP is not answered yet.
    Parked,
    /// After a hole: looks for the next head.
    Lost,
}

/// The connection stops being HTTP.
pub(super) struct Switch {
    pub(super) to: SwitchTo,
    /// How many of the bytes just given belong to what follows.
    pub(super) rest: usize,
    /// What the client has sent already.
    pub(super) parked: Backlog,
    /// Whether what comes next begins where the new protocol does; else it must be searched for.
    pub(super) in_step: Both<bool>,
}

pub(super) enum SwitchTo {
    WebSocket(Agreement),
    /// Another protocol, or a tunnel.
    Plain,
}

/// What a head leads to.
enum Next {
    Message,
    Switch(SwitchTo),
}

impl Http {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            requests: Reader::new(),
            responses: Reader::new(),
            pending: VecDeque::new(),
            limit: options.message_limit,
            event_streams: false,
        }
    }

    pub(super) fn cost(&self) -> usize {
        self.requests.cost() + self.responses.cost()
    }

    pub(super) fn data(
        &mut self,
        at: Stamp,
        mut bytes: &[u8],
        sink: &mut Sink<'_>,
    ) -> Option<Switch> {
        while !bytes.is_empty() {
            let reader = self.reader(at.direction);
            match &mut reader.state {
                State::Head => {
                    let (rest, next) = self.head(at, bytes, sink);
                    bytes = rest;
                    if let Some(Next::Switch(to)) = next {
                        return Some(self.switch(to, bytes.len(), true));
                    }
                    self.unpark(sink);
                }
                State::Body(body) => {
                    bytes = body.data(at, bytes, sink);
                    if body.is_over() {
                        reader.body_ends();
                    }
                }
                State::Parked => {
                    reader.parked.push(at, bytes);
                    if reader.parked.bytes().len() > PARKED_LIMIT {
                        // The answer is lost, and so much without one cannot be HTTP.
                        let to = SwitchTo::WebSocket(Agreement::unknown());
                        return Some(self.switch(to, 0, false));
                    }
                    return None;
                }
                State::Lost => {
                    self.look_for_head(at, bytes, sink);
                    return None;
                }
            }
        }
        None
    }

    /// `missing` bytes will not come.
    pub(super) fn gap(&mut self, at: Stamp, missing: u64, sink: &mut Sink<'_>) -> Option<Switch> {
        let parked = matches!(self.requests.state, State::Parked);
        match at.direction {
            Direction::ClientToServer if parked => {
                self.requests.abandon(at, "gap", sink);
                self.requests.parked_torn = true;
                return None;
            }
            // Requests may be missing: which answer belongs to which is not known any more.
            Direction::ClientToServer => self.pending.clear(),
            // The answer to an upgrade may be what is missing.
            Direction::ServerToClient if parked && matches!(self.responses.state, State::Head) => {
                self.responses.abandon(at, "gap", sink);
                let to = SwitchTo::WebSocket(Agreement::unknown());
                return Some(self.switch(to, 0, false));
            }
            Direction::ServerToClient => {}
        }
        let reader = self.reader(at.direction);
        if let State::Body(body) = &mut reader.state {
            let in_step = body.gap(at, missing, sink);
            if body.is_over() || !in_step {
                reader.body_ends();
            }
            if in_step {
                return None;
            }
        }
        reader.abandon(at, "gap", sink);
        reader.state = State::Lost;
        None
    }

    fn switch(&mut self, to: SwitchTo, rest: usize, server_in_step: bool) -> Switch {
        let requests = &mut self.requests;
        Switch {
            to,
            rest,
            parked: requests.parked.take(),
            in_step: Both {
                client_to_server: matches!(requests.state, State::Parked) && !requests.parked_torn,
                server_to_client: server_in_step,
            },
        }
    }

    /// Nothing more will come in this direction.
    pub(super) fn close(&mut self, at: Stamp, in_order: bool, sink: &mut Sink<'_>) {
        let reader = self.reader(at.direction);
        if let State::Body(body) = &mut reader.state {
            body.close(at, in_order, sink);
            reader.body_ends();
        }
        reader.abandon(at, "cut-off", sink);
    }

    /// Whether event streams are what this connection carries.
    pub(super) fn streams_events(&self) -> bool {
        self.event_streams
    }

    /// What the client sent after asking for an upgrade, if no answer ever came: that it did shows
    /// that the upgrade was granted.
    pub(super) fn unanswered(&mut self) -> Option<Switch> {
        (matches!(self.requests.state, State::Parked) && !self.requests.parked.is_empty())
            .then(|| self.switch(SwitchTo::WebSocket(Agreement::unknown()), 0, false))
    }

    pub(super) fn shed(&mut self, at: Stamp, sink: &mut Sink<'_>) {
        for direction in [Direction::ClientToServer, Direction::ServerToClient] {
            let at = Stamp { direction, ..at };
            let reader = self.reader(direction);
            if reader.cost() == 0 {
                continue;
            }
            if let State::Body(body) = &mut reader.state {
                body.tear(at, "message-evicted", sink);
            }
            reader.abandon(at, "message-evicted", sink);
        }
    }

    fn reader(&mut self, direction: Direction) -> &mut Reader {
        match direction {
            Direction::ClientToServer => &mut self.requests,
            Direction::ServerToClient => &mut self.responses,
        }
    }

    /// Reads a head; gives the bytes after it, and what it leads to once it is whole.
    fn head<'b>(
        &mut self,
        at: Stamp,
        bytes: &'b [u8],
        sink: &mut Sink<'_>,
    ) -> (&'b [u8], Option<Next>) {
        let request = at.direction == Direction::ClientToServer;
        let reader = self.reader(at.direction);
        let before = reader.head.len();
        // Most heads come in one piece and are read where they lie.
        let mut joined = std::mem::take(&mut reader.head);
        let whole = if joined.is_empty() {
            bytes
        } else {
            joined.extend_from_slice(bytes);
            // Without the end of a line there is nothing new to see.
            if !bytes.contains(&b'\n') && joined.len() <= HEAD_LIMIT {
                reader.head = joined;
                return (&[], None);
            }
            &joined
        };
        match Head::read(whole, request) {
            Parsed::Whole(head, length) => {
                let next = self.on_head(at, &head, sink);
                let rest = bytes
                    .get(length.saturating_sub(before)..)
                    .unwrap_or_default();
                (rest, Some(next))
            }
            Parsed::Partial if whole.len() <= HEAD_LIMIT => {
                if joined.is_empty() {
                    joined.extend_from_slice(bytes);
                }
                self.reader(at.direction).head = joined;
                (&[], None)
            }
            Parsed::Partial | Parsed::Malformed => {
                let offset = self.reader(at.direction).offset;
                let finding = Finding::error(
                    "http-malformed",
                    offset,
                    "what should be the head of an HTTP message is none",
                );
                sink(Event::new(at, Transport::Http, Kind::Finding(finding)));
                let reader = self.reader(at.direction);
                reader.fragment(at, whole, "http-malformed", sink);
                reader.state = State::Lost;
                (&[], None)
            }
        }
    }

    fn on_head(&mut self, at: Stamp, head: &Head<'_>, sink: &mut Sink<'_>) -> Next {
        sink(Event::new(
            at,
            Transport::Http,
            Kind::Control(head.control()),
        ));
        match head {
            Head::Request { .. } => {
                self.on_request(head);
                Next::Message
            }
            Head::Response { status, .. } => self.on_response(head, *status),
        }
    }

    fn on_request(&mut self, head: &Head<'_>) {
        let Head::Request { method, target, .. } = head else {
            return;
        };
        let exchange = HttpExchange {
            method: Some((*method).to_owned()),
            target: Some((*target).to_owned()),
            status: None,
            content_type: head.text("content-type"),
            content_encoding: head.text("content-encoding"),
        };
        let upgrade = head.value("upgrade").is_some() || *method == "CONNECT";
        if self.pending.len() < PENDING_LIMIT {
            self.pending.push_back(Request {
                exchange: exchange.clone(),
                upgrade,
            });
        }
        let framing = Framing::of(head).unwrap_or(Framing::Length(0));
        let exchange = Arc::new(exchange);
        let reader = &mut self.requests;
        reader.state = match framing {
            Framing::Length(0) if upgrade => State::Parked,
            Framing::Length(0) => State::Head,
            framing => State::Body(Box::new(Body::new(
                framing,
                exchange,
                reader.offset,
                self.limit,
            ))),
        };
    }

    fn on_response(&mut self, head: &Head<'_>, status: u16) -> Next {
        if (100..200).contains(&status) && status != 101 {
            return Next::Message;
        }
        let request = self.pending.pop_front();
        if status == 101 {
            let websocket = head
                .value("upgrade")
                .is_some_and(|value| value.eq_ignore_ascii_case(b"websocket"));
            return Next::Switch(if websocket {
                SwitchTo::WebSocket(Agreement::from_answer(
                    head.value("sec-websocket-extensions"),
                ))
            } else {
                SwitchTo::Plain
            });
        }
        let method = request
            .as_ref()
            .and_then(|request| request.exchange.method.as_deref());
        if method == Some("CONNECT") && (200..300).contains(&status) {
            return Next::Switch(SwitchTo::Plain);
        }
        let empty = method == Some("HEAD") || status == 204 || status == 304;
        let framing = if empty {
            Framing::Length(0)
        } else {
            Framing::of(head).unwrap_or(Framing::UntilClose)
        };
        let exchange = HttpExchange {
            status: Some(status),
            content_type: head.text("content-type"),
            content_encoding: head.text("content-encoding"),
            ..request.map(|request| request.exchange).unwrap_or_default()
        };
        let reader = &mut self.responses;
        reader.state = if matches!(framing, Framing::Length(0)) {
            State::Head
        } else {
            let body = Body::new(framing, Arc::new(exchange), reader.offset, self.limit);
            self.event_streams |= body.is_event_stream();
            State::Body(Box::new(body))
        };
        Next::Message
    }

    /// After an answer that did not end HTTP: what the client sent meanwhile is requests.
    fn unpark(&mut self, sink: &mut Sink<'_>) {
        if !matches!(self.requests.state, State::Parked)
            || self.pending.iter().any(|request| request.upgrade)
        {
            return;
        }
        self.requests.state = if std::mem::take(&mut self.requests.parked_torn) {
            State::Lost
        } else {
            State::Head
        };
        let parked = self.requests.parked.take();
        for (at, piece) in parked.pieces(0) {
            // A second switch is not possible here: an upgrade would be pending.
            let _ = self.data(at, piece, sink);
        }
    }

    fn look_for_head(&mut self, at: Stamp, bytes: &[u8], sink: &mut Sink<'_>) {
        let request = at.direction == Direction::ClientToServer;
        let reader = self.reader(at.direction);
        let searched = reader.searched.min(reader.parked.bytes().len());
        reader.parked.push(at, bytes);
        let (start, searched) = head::find(reader.parked.bytes(), searched, request);
        reader.searched = searched;
        if let Some(start) = start {
            reader.searched = 0;
            let parked = reader.parked.take();
            let before = parked.bytes().get(..start).unwrap_or_default();
            reader.fragment(at, before, "gap", sink);
            reader.state = State::Head;
            for (at, piece) in parked.pieces(start) {
                let _ = self.data(at, piece, sink);
            }
        } else if reader.parked.bytes().len() > PARKED_LIMIT {
            let lost = reader.parked.take_front(PARKED_LIMIT / 2);
            reader.searched = 0;
            reader.fragment(at, &lost, "gap", sink);
        }
    }
}

impl Reader {
    fn new() -> Self {
        Self {
            state: State::Head,
            head: Vec::new(),
            parked: Backlog::default(),
            parked_torn: false,
            searched: 0,
            offset: 0,
        }
    }

    fn cost(&self) -> usize {
        let body = match &self.state {
            State::Body(body) => body.cost(),
            _ => 0,
        };
        body + self.head.len() + self.parked.cost()
    }

    fn body_ends(&mut self) {
        if let State::Body(body) = &self.state {
            self.offset = body.offset();
            self.state = State::Head;
        }
    }

    /// Gives up whatever is unfinished.
    fn abandon(&mut self, at: Stamp, reason: &'static str, sink: &mut Sink<'_>) {
        let head = std::mem::take(&mut self.head);
        self.fragment(at, &head, reason, sink);
        let parked = self.parked.take();
        self.fragment(at, parked.bytes(), reason, sink);
    }

    fn fragment(&mut self, at: Stamp, bytes: &[u8], reason: &'static str, sink: &mut Sink<'_>) {
        if bytes.is_empty() {
            return;
        }
        let kind = Kind::Fragment {
            offset: self.offset,
            bytes,
            reason,
        };
        self.offset += bytes.len() as u64;
        sink(Event::new(at, Transport::Http, kind));
    }
}

impl Head<'_> {
    fn control(&self) -> Control<'_> {
        match self {
            Self::Request {
                method,
                target,
                headers,
            } => Control::Request {
                method,
                target,
                headers,
            },
            Self::Response {
                status,
                reason,
                headers,
            } => Control::Response {
                status: *status,
                reason,
                headers,
            },
        }
    }
}
