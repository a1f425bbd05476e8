//! HTTP/1.1 (RFC 9112): heads, bodies, event streams, and the way to WebSocket.

mod body;
mod coding;
mod head;
mod holes;
mod lost;

use std::collections::VecDeque;
use std::sync::Arc;

use self::body::{Body, Framing};
use self::head::{HEAD_LIMIT, Head, Parsed};
use self::lost::Lost;
use super::backlog::Backlog;
use super::event::{
    Both, Control, Direction, Event, Finding, HttpExchange, Kind, Sink, Stamp, Transport,
};
use super::options::Options;
use super::websocket::Agreement;

pub(super) use self::head::{Start, start_of_cut_request, start_of_request, start_of_response};

/// Bytes kept while looking for a head after a hole, or while an answer is awaited.
const PARKED_LIMIT: usize = 1 << 20;
/// Requests that may wait for an answer.
const PENDING_LIMIT: usize = 4096;

/// Both directions of one HTTP connection.
pub(super) struct Http {
    requests: Reader,
    responses: Reader,
    pending: VecDeque<Request>,
    options: Arc<Options>,
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
    /// Length of an unfinished head when it was last read.
    read: usize,
    /// Position in the stream of bodies.
    offset: u64,
}

enum State {
    Head,
    Body(Box<Body>),
    /// A request that may end HTTP is not answered yet.
    Parked,
    /// After a hole: looks for what follows.
    Lost(Box<Lost>),
}

/// The connection stops being HTTP.
pub(super) struct Switch {
    pub(super) to: SwitchTo,
    /// How many of the bytes just given belong to what follows.
    pub(super) rest: usize,
    /// What was sent already.
    pub(super) parked: Both<Backlog>,
    /// The client's request is still to come.
    pub(super) request_to_come: bool,
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
    /// It was no head.
    Lost(Option<Switch>),
}

impl Http {
    pub(super) fn new(options: &Arc<Options>) -> Self {
        Self {
            requests: Reader::new(),
            responses: Reader::new(),
            pending: VecDeque::new(),
            options: Arc::clone(options),
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
                    match next {
                        Some(Next::Switch(to)) => {
                            return Some(self.switch(to, bytes.len(), true));
                        }
                        Some(Next::Lost(switch)) => return switch,
                        Some(Next::Message) | None => {
                            if let Some(switch) = self.unpark(sink) {
                                return Some(Switch {
                                    rest: bytes.len(),
                                    ..switch
                                });
                            }
                        }
                    }
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
                State::Lost(_) => return self.look_on(at, bytes, sink),
            }
        }
        None
    }

    fn switch(&mut self, to: SwitchTo, rest: usize, server_in_step: bool) -> Switch {
        let requests = &mut self.requests;
        Switch {
            to,
            rest,
            parked: Both {
                client_to_server: requests.parked.take(),
                server_to_client: self.responses.parked.take(),
            },
            request_to_come: matches!(requests.state, State::Head),
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

    pub(super) fn shed(&mut self, at: Stamp, sink: &mut Sink<'_>) {
        let options = Arc::clone(&self.options);
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
            if matches!(reader.state, State::Lost(_)) {
                reader.state = State::Lost(Box::new(Lost::new(direction, &options)));
            }
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
        let bytes = if before == 0 {
            // Empty lines before a head say nothing (RFC 9112, section 2.2).
            let empty = bytes
                .iter()
                .take_while(|byte| matches!(byte, b'\r' | b'\n'));
            bytes.get(empty.count()..).unwrap_or_default()
        } else {
            bytes
        };
        if bytes.is_empty() {
            return (bytes, None);
        }
        // Most heads come in one piece and are read where they lie.
        let mut joined = std::mem::take(&mut reader.head);
        let whole = if joined.is_empty() {
            bytes
        } else {
            joined.extend_from_slice(bytes);
            let grown = joined.len() >= 2 * reader.read;
            if !grown && !head::may_end(&joined, before) && joined.len() <= HEAD_LIMIT {
                reader.head = joined;
                return (&[], None);
            }
            &joined
        };
        reader.read = whole.len();
        let right;
        let mut parsed = Head::read(whole, request);
        let odd = matches!(parsed, Parsed::Odd);
        if odd {
            right = head::put_right(whole);
            parsed = Head::read(&right, request);
        }
        match parsed {
            Parsed::Whole(head, length) => {
                if odd {
                    self.odd_head(at, sink);
                }
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
            _ => (&[], Some(Next::Lost(self.no_head(at, whole, sink)))),
        }
    }

    fn odd_head(&mut self, at: Stamp, sink: &mut Sink<'_>) {
        let finding = Finding::warning(
            "http-head-odd",
            self.reader(at.direction).offset,
            "a header field is folded, or has blanks before its colon",
        );
        sink(Event::new(at, Transport::Http, Kind::Finding(finding)));
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
                self.options.message_limit,
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
            let limit = self.options.message_limit;
            let body = Body::new(framing, Arc::new(exchange), reader.offset, limit);
            self.event_streams |= body.is_event_stream();
            State::Body(Box::new(body))
        };
        Next::Message
    }

    /// After an answer that did not end HTTP: what the client sent meanwhile is requests.
    fn unpark(&mut self, sink: &mut Sink<'_>) -> Option<Switch> {
        if !matches!(self.requests.state, State::Parked)
            || self.pending.iter().any(|request| request.upgrade)
        {
            return None;
        }
        self.requests.state = if std::mem::take(&mut self.requests.parked_torn) {
            let lost = Lost::new(Direction::ClientToServer, &self.options);
            State::Lost(Box::new(lost))
        } else {
            State::Head
        };
        let parked = self.requests.parked.take();
        self.again(&parked, 0, sink)
    }
}

impl Reader {
    fn new() -> Self {
        Self {
            state: State::Head,
            head: Vec::new(),
            parked: Backlog::default(),
            parked_torn: false,
            read: 0,
            offset: 0,
        }
    }

    fn cost(&self) -> usize {
        let body = match &self.state {
            State::Body(body) => body.cost(),
            State::Lost(lost) => lost.cost(),
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

    /// Takes what waited; tells of the bytes before `start`, which are no message.
    fn before(&mut self, at: Stamp, start: usize, sink: &mut Sink<'_>) -> Backlog {
        let parked = self.parked.take();
        let before = parked.bytes().get(..start).unwrap_or_default();
        self.fragment(at, before, "gap", sink);
        parked
    }

    /// Gives up whatever is unfinished.
    fn abandon(&mut self, at: Stamp, reason: &'static str, sink: &mut Sink<'_>) {
        let head = std::mem::take(&mut self.head);
        self.fragment(at, &head, reason, sink);
        let parked = self.parked.take();
        self.fragment(at, parked.bytes(), reason, sink);
    }

    fn fragment(&mut self, at: Stamp, bytes: &[u8], reason: &'static str, sink: &mut Sink<'_>) {
        at.fragment(Transport::Http, &mut self.offset, (bytes, reason), sink);
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
