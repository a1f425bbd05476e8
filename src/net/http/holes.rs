//! HTTP around holes: what is given up, and how reading goes on behind them.

use std::sync::Arc;

use super::body::Body;
use super::head::{self, Start, start_of_request, start_of_response};
use super::lost::{Found, Lost};
use super::{Http, PARKED_LIMIT, State, Switch, SwitchTo};
use crate::net::backlog::Backlog;
use crate::net::event::{Direction, Event, Finding, Kind, Sink, Stamp, Transport};
use crate::net::websocket::Agreement;

impl Http {
    /// `missing` bytes will not come.
    pub(in crate::net) fn gap(
        &mut self,
        at: Stamp,
        missing: u64,
        sink: &mut Sink<'_>,
    ) -> Option<Switch> {
        match at.direction {
            Direction::ClientToServer if matches!(self.requests.state, State::Parked) => {
                self.requests.abandon(at, "gap", sink);
                self.requests.parked_torn = true;
                return None;
            }
            // Requests may be missing: which answer belongs to which is not known any more.
            Direction::ClientToServer => self.pending.clear(),
            Direction::ServerToClient => {
                if let Some(agreement) = self.granted_by_cut_answer() {
                    self.responses.abandon(at, "gap", sink);
                    return Some(self.switch(SwitchTo::WebSocket(agreement), 0, false));
                }
            }
        }
        let options = Arc::clone(&self.options);
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
        if let State::Lost(lost) = &mut reader.state {
            lost.gap(at, missing);
        } else {
            reader.state = State::Lost(Box::new(Lost::new(at.direction, &options)));
        }
        self.frames_found().or_else(|| self.unpark(sink))
    }

    /// What an answer that is cut here grants, if it ends HTTP.
    fn granted_by_cut_answer(&mut self) -> Option<Agreement> {
        if !matches!(self.responses.state, State::Head) {
            return None;
        }
        let head = &self.responses.head;
        let status = head::visible_status(head);
        if status == Some(101) {
            let extensions = head::visible_field(head, "sec-websocket-extensions");
            return Some(extensions.map_or_else(Agreement::unknown, |extensions| {
                Agreement::from_answer(Some(extensions))
            }));
        }
        let front = self.pending.front()?;
        let tunnel = front.exchange.method.as_deref() == Some("CONNECT");
        match status {
            Some(status) if !(tunnel && (200..300).contains(&status)) => {
                if status >= 200 {
                    self.pending.pop_front();
                }
                None
            }
            // The answer to an upgrade may be what is missing.
            _ => matches!(self.requests.state, State::Parked).then(Agreement::unknown),
        }
    }

    /// The switch to WebSocket, if frames were found in one direction, and the other may be lost.
    fn frames_found(&mut self) -> Option<Switch> {
        let client = match &self.requests.state {
            State::Lost(lost) if lost.framed() => match &self.responses.state {
                State::Lost(_) => true,
                // A client sends none before it has the answer, so that is lost, too.
                State::Head => self.responses.head.is_empty(),
                _ => false,
            },
            _ => false,
        };
        let server = matches!(&self.responses.state, State::Lost(lost) if lost.framed())
            && matches!(self.requests.state, State::Lost(_) | State::Parked);
        (client || server).then(|| self.switch(SwitchTo::WebSocket(Agreement::unknown()), 0, false))
    }

    /// Takes the client's bytes after the server's answer has ended HTTP already: a capture may hold
    /// them in that order. What the switch says holds for the client's direction alone.
    pub(in crate::net) fn late_request(
        &mut self,
        at: Stamp,
        bytes: &[u8],
        sink: &mut Sink<'_>,
    ) -> Option<Switch> {
        if self.requests.head.is_empty() && start_of_request(bytes) == Start::No {
            let switch = self.no_request(at, "gap", sink);
            return Some(Switch {
                rest: bytes.len(),
                ..switch
            });
        }
        if let Some(switch) = self.data(at, bytes, sink) {
            return Some(switch);
        }
        matches!(self.requests.state, State::Parked | State::Lost(_))
            .then(|| self.switch(SwitchTo::WebSocket(Agreement::unknown()), 0, false))
    }

    /// The request that was to come does not.
    pub(in crate::net) fn no_request(
        &mut self,
        at: Stamp,
        reason: &'static str,
        sink: &mut Sink<'_>,
    ) -> Switch {
        self.requests.abandon(at, reason, sink);
        self.switch(SwitchTo::WebSocket(Agreement::unknown()), 0, false)
    }

    /// What should be a head is none.
    pub(super) fn no_head(
        &mut self,
        at: Stamp,
        bytes: &[u8],
        sink: &mut Sink<'_>,
    ) -> Option<Switch> {
        let lost = Lost::new(at.direction, &self.options);
        let parked = matches!(self.requests.state, State::Parked);
        let reader = self.reader(at.direction);
        let offset = reader.offset;
        reader.state = State::Lost(Box::new(lost));
        if at.direction == Direction::ServerToClient
            && parked
            && start_of_response(bytes) == Start::No
        {
            // The answer that grants the upgrade may be missing before.
            return self.look_on(at, bytes, sink);
        }
        let finding = Finding::error(
            "http-malformed",
            offset,
            "what should be the head of an HTTP message is none",
        );
        sink(Event::new(at, Transport::Http, Kind::Finding(finding)));
        self.reader(at.direction)
            .fragment(at, bytes, "http-malformed", sink);
        None
    }

    /// Takes bytes where it is not clear what they are.
    pub(super) fn look_on(
        &mut self,
        at: Stamp,
        bytes: &[u8],
        sink: &mut Sink<'_>,
    ) -> Option<Switch> {
        let reader = self.reader(at.direction);
        reader.parked.push(at, bytes);
        let State::Lost(lost) = &mut reader.state else {
            return None;
        };
        match lost.data(at, bytes, reader.parked.bytes()) {
            Some(Found::Head(start)) => {
                let parked = reader.before(at, start, sink);
                reader.state = State::Head;
                return self.again(&parked, start, sink);
            }
            Some(Found::Events(start)) => {
                let parked = reader.before(at, start, sink);
                self.events_begin();
                return self.again(&parked, start, sink);
            }
            None => {}
        }
        let switch = self.frames_found();
        let reader = self.reader(at.direction);
        if reader.parked.bytes().len() > PARKED_LIMIT {
            let lost = reader.parked.take_front(PARKED_LIMIT / 2);
            reader.fragment(at, &lost, "gap", sink);
            if let State::Lost(lost) = &mut reader.state {
                lost.restart();
            }
        }
        switch
    }

    /// Takes once more the bytes of one direction that waited, from `start` on.
    pub(super) fn again(
        &mut self,
        parked: &Backlog,
        start: usize,
        sink: &mut Sink<'_>,
    ) -> Option<Switch> {
        let mut pieces = parked.pieces(start);
        while let Some((at, piece)) = pieces.next() {
            let Some(mut switch) = self.data(at, piece, sink) else {
                continue;
            };
            // What is left was not given just now, all of it.
            let rest = piece.len().saturating_sub(std::mem::take(&mut switch.rest));
            let waiting = switch.parked.get_mut(at.direction);
            waiting.push(at, piece.get(rest..).unwrap_or_default());
            for (at, piece) in pieces {
                waiting.push(at, piece);
            }
            return Some(switch);
        }
        None
    }

    /// An event stream goes on of which the head was not seen.
    fn events_begin(&mut self) {
        let request = self.pending.pop_front();
        let exchange = request.map(|request| request.exchange).unwrap_or_default();
        self.event_streams = true;
        let limit = self.options.message_limit;
        let reader = &mut self.responses;
        let body = Body::events_after_hole(Arc::new(exchange), reader.offset, limit);
        reader.state = State::Body(Box::new(body));
    }

    /// The switch to WebSocket, if that is what the bytes look like that wait in `direction`, now
    /// that nothing more will come in it.
    pub(in crate::net) fn last_guess(&mut self, direction: Direction) -> Option<Switch> {
        let reader = self.reader(direction);
        let lost = matches!(&reader.state, State::Lost(lost) if lost.may_be_framed());
        let frames = match (direction, &self.requests.state) {
            // That it sent anything after asking for an upgrade shows that this was granted.
            (Direction::ClientToServer, State::Parked) => {
                let status = head::visible_status(&self.responses.head);
                !self.requests.parked.is_empty() && status.is_none_or(|status| status == 101)
            }
            (Direction::ClientToServer, _) => {
                lost && matches!(self.responses.state, State::Lost(_) | State::Head)
            }
            (Direction::ServerToClient, State::Parked | State::Lost(_)) => lost,
            (Direction::ServerToClient, _) => false,
        };
        frames.then(|| self.switch(SwitchTo::WebSocket(Agreement::unknown()), 0, false))
    }
}
