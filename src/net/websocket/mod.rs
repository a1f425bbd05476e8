//! WebSocket (RFC 6455): one direction's bytes in, messages out.

mod frame;
mod inflate;
mod message;
mod search;

use std::sync::Arc;

use self::frame::Header;
pub(super) use self::frame::are_masked as frames_are_masked;
pub(super) use self::inflate::Agreement;
use self::inflate::{Extension, Inflater};
use self::message::{complaint, control};
use self::search::{Learned, Rules, Search};
use super::event::{Direction, Event, Finding, Kind, Sink, Stamp, Transport};
use super::options::Options;

/// Searches that may begin while the backlog of another is worked off.
const NESTED_SEARCHES: u32 = 8;
/// A payload buffer is given back if it has grown beyond this.
const KEPT_CAPACITY: usize = 1 << 20;

/// Reads one direction.
pub(super) struct Receiver {
    extension: Extension,
    rules: Rules,
    limit: usize,
    state: State,
    /// The beginning of a header that came in pieces.
    head: Vec<u8>,
    /// What the frame under way is part of, if it is a data frame.
    assembly: Option<Assembly>,
    payload: Vec<u8>,
    /// The payload of a control frame, or of one that has no place.
    aside: Vec<u8>,
    inflater: Inflater,
    offset: u64,
    learned: Learned,
    search: Search,
    nested: u32,
    /// A continuation may come that belongs to a lost message.
    after_gap: bool,
}

#[derive(Clone, Copy)]
enum State {
    Header,
    Payload(Frame),
    Search,
}

#[derive(Clone, Copy)]
struct Frame {
    header: Header,
    /// Bytes of the payload that have passed, missing ones included.
    done: u64,
    place: Place,
    /// Some of its bytes are missing.
    torn: bool,
}

/// What a frame is part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Message,
    Control,
    Nothing,
}

/// A message under way.
#[derive(Clone, Copy)]
struct Assembly {
    first: u8,
    text: bool,
    deflated: bool,
    frames: u32,
    /// Bytes beyond the limit.
    dropped: u64,
    /// Bytes of it are missing.
    torn: bool,
}

impl Receiver {
    /// Reads from the start of a frame on.
    pub(super) fn new(direction: Direction, agreement: Agreement, options: &Options) -> Self {
        let extension = match direction {
            Direction::ClientToServer => agreement.client,
            Direction::ServerToClient => agreement.server,
        };
        Self {
            extension,
            rules: Rules {
                masked: direction == Direction::ClientToServer,
                may_deflate: extension != Extension::None,
                probe: options.probe.as_ref().map(Arc::clone),
            },
            limit: options.message_limit,
            state: State::Header,
            head: Vec::new(),
            assembly: None,
            payload: Vec::new(),
            aside: Vec::new(),
            inflater: Inflater::new(extension != Extension::Unknown),
            offset: 0,
            learned: Learned::default(),
            search: Search::default(),
            nested: 0,
            after_gap: false,
        }
    }

    /// Begins somewhere in the middle: looks for a frame first.
    pub(super) fn searching(direction: Direction, agreement: Agreement, options: &Options) -> Self {
        Self {
            state: State::Search,
            after_gap: true,
            // Messages may be missing that later ones refer to.
            inflater: Inflater::new(false),
            ..Self::new(direction, agreement, options)
        }
    }

    /// Whether frames are being read, not looked for.
    pub(super) fn in_step(&self) -> bool {
        !matches!(self.state, State::Search)
    }

    /// Whether, while looking, something still looks like a frame.
    pub(super) fn has_hope(&self) -> bool {
        self.search.has_hope()
    }

    /// Whether all that is known is one frame, or several.
    pub(super) fn fits(&self) -> bool {
        self.search.fits(1)
    }

    /// Reads on from the best guess there is.
    pub(super) fn begin(&mut self, at: Stamp, sink: &mut Sink<'_>) {
        if !self.in_step() {
            self.salvage(at, true, sink);
        }
    }

    /// Whether, if nothing more came, a frame could be read.
    pub(super) fn could_end_here(&self) -> bool {
        self.search.best(true).is_some()
    }

    /// Bytes kept.
    pub(super) fn cost(&self) -> usize {
        self.payload.capacity() + self.aside.len() + self.search.cost()
    }

    /// Takes the next bytes of the stream.
    pub(super) fn data(&mut self, at: Stamp, mut bytes: &[u8], sink: &mut Sink<'_>) {
        while !bytes.is_empty() {
            bytes = match self.state {
                State::Header => match self.whole_message(at, bytes, sink) {
                    Some(rest) => rest,
                    None => self.header(at, bytes, sink),
                },
                State::Payload(frame) => self.frame_payload(at, frame, bytes, sink),
                State::Search => {
                    if let Some(start) = self.search.push(at, bytes, &self.rules, &self.learned) {
                        self.resume(at, start, sink);
                    } else if let Some(lost) = self.search.overflow() {
                        self.fragment(at, &lost, "no-frame-found", sink);
                    }
                    return;
                }
            };
        }
    }

    /// `missing` bytes of the stream will not come.
    pub(super) fn gap(&mut self, at: Stamp, missing: u64, sink: &mut Sink<'_>) {
        if matches!(self.state, State::Search) {
            self.salvage(at, false, sink);
        }
        if let State::Payload(frame) = &mut self.state
            && missing <= frame.header.length - frame.done
        {
            // The frame's header told where the next one is: no need to search.
            frame.done += missing;
            frame.torn = true;
            let frame = *frame;
            self.tear(at, frame, sink);
            if frame.done == frame.header.length {
                self.frame_ends(at, frame, sink);
            }
            return;
        }
        self.abandon(at, "gap", sink);
        self.inflater.lose_context();
        self.state = State::Search;
        self.after_gap = true;
    }

    /// Nothing more will come.
    pub(super) fn close(&mut self, at: Stamp, sink: &mut Sink<'_>) {
        if matches!(self.state, State::Search) {
            self.salvage(at, true, sink);
        }
        self.abandon(at, "cut-off", sink);
        self.state = State::Header;
    }

    /// Lets go of what is kept, for want of room.
    pub(super) fn shed(&mut self, at: Stamp, sink: &mut Sink<'_>) {
        if self.cost() == 0 {
            return;
        }
        let finding = Finding::error(
            "message-evicted",
            self.offset,
            "too many unfinished messages at a time: this one was given up",
        );
        sink(Event::new(at, Transport::WebSocket, Kind::Finding(finding)));
        match &mut self.state {
            State::Payload(frame) => {
                frame.torn = true;
                let frame = *frame;
                self.tear(at, frame, sink);
            }
            _ => self.abandon(at, "message-evicted", sink),
        }
        self.payload = Vec::new();
        self.inflater.trim();
    }

    /// Reads a message that is one plain frame, all of it there, as most are; gives the bytes after
    /// it.
    fn whole_message<'b>(
        &mut self,
        at: Stamp,
        bytes: &'b [u8],
        sink: &mut Sink<'_>,
    ) -> Option<&'b [u8]> {
        if !self.head.is_empty() || self.assembly.is_some() {
            return None;
        }
        let header = Header::read(bytes)?;
        let plain = header.fin
            && header.reserved == 0
            && header.minimal
            && matches!(header.opcode, frame::TEXT | frame::BINARY)
            && header.mask.is_some() == self.rules.masked;
        let length = usize::try_from(header.length).ok()?;
        let end = header.size.checked_add(length)?;
        let payload = bytes.get(header.size..end)?;
        if !plain || length > self.limit {
            return None;
        }
        let assembly = Assembly {
            first: header.opcode | 0x80,
            text: header.opcode == frame::TEXT,
            deflated: false,
            frames: 1,
            dropped: 0,
            torn: false,
        };
        if header.mask.is_some() {
            let mut clear = std::mem::take(&mut self.payload);
            frame::unmask_onto(&mut clear, payload, header.mask, 0);
            self.message(at, assembly, &clear, sink);
            self.give_back(clear);
        } else {
            self.message(at, assembly, payload, sink);
        }
        bytes.get(end..)
    }

    /// Keeps the memory of a payload for the next one.
    fn give_back(&mut self, mut payload: Vec<u8>) {
        if payload.capacity() <= KEPT_CAPACITY {
            payload.clear();
            self.payload = payload;
        }
    }

    /// Reads a header; gives the bytes after it.
    fn header<'b>(&mut self, at: Stamp, bytes: &'b [u8], sink: &mut Sink<'_>) -> &'b [u8] {
        if self.head.is_empty()
            && let Some(header) = Header::read(bytes)
        {
            self.frame_begins(at, header, sink);
            return bytes.get(header.size..).unwrap_or_default();
        }
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            self.head.push(byte);
            rest = after;
            if let Some(header) = Header::read(&self.head) {
                self.head.clear();
                self.frame_begins(at, header, sink);
                break;
            }
        }
        rest
    }

    fn frame_begins(&mut self, at: Stamp, header: Header, sink: &mut Sink<'_>) {
        if header.total().is_none() {
            self.finding(
                at,
                Finding::error(
                    "ws-impossible-length",
                    self.offset,
                    format!("a frame claims {} bytes", header.length),
                ),
                sink,
            );
            self.abandon(at, "ws-impossible-length", sink);
            self.inflater.lose_context();
            self.state = State::Search;
            return;
        }
        if let Some((code, message)) = complaint(&header, &self.rules) {
            self.finding(at, Finding::warning(code, self.offset, message), sink);
        }
        let frame = Frame {
            header,
            done: 0,
            place: self.place(at, &header, sink),
            torn: false,
        };
        self.state = State::Payload(frame);
        if header.length == 0 {
            self.frame_ends(at, frame, sink);
        }
    }

    fn place(&mut self, at: Stamp, header: &Header, sink: &mut Sink<'_>) -> Place {
        match header.opcode {
            frame::TEXT | frame::BINARY => {
                if self.assembly.is_some() {
                    let finding = Finding::error(
                        "ws-message-interrupted",
                        self.offset,
                        "a message begins before the one before it has ended",
                    );
                    self.finding(at, finding, sink);
                    self.abandon(at, "ws-message-interrupted", sink);
                }
                self.assembly = Some(Assembly {
                    first: header.opcode | u8::from(header.fin) << 7 | header.reserved << 4,
                    text: header.opcode == frame::TEXT,
                    deflated: header.deflated() && self.rules.may_deflate,
                    frames: 1,
                    dropped: 0,
                    torn: false,
                });
                Place::Message
            }
            frame::CONTINUATION => {
                if let Some(assembly) = &mut self.assembly {
                    assembly.frames = assembly.frames.saturating_add(1);
                    return Place::Message;
                }
                if !self.after_gap {
                    let finding = Finding::error(
                        "ws-stray-continuation",
                        self.offset,
                        "a frame continues a message that never began",
                    );
                    self.finding(at, finding, sink);
                }
                Place::Nothing
            }
            frame::CLOSE | frame::PING | frame::PONG => Place::Control,
            reserved => {
                let message = format!("a frame has the reserved opcode {reserved}");
                let finding = Finding::error("ws-reserved-opcode", self.offset, message);
                self.finding(at, finding, sink);
                Place::Nothing
            }
        }
    }

    /// Reads payload; gives the bytes after it.
    fn frame_payload<'b>(
        &mut self,
        at: Stamp,
        mut frame: Frame,
        bytes: &'b [u8],
        sink: &mut Sink<'_>,
    ) -> &'b [u8] {
        let wanted = frame.header.length - frame.done;
        let length = usize::try_from(wanted).map_or(bytes.len(), |wanted| wanted.min(bytes.len()));
        let (part, rest) = bytes.split_at_checked(length).unwrap_or((bytes, &[]));
        self.keep(&frame, part);
        frame.done += length as u64;
        self.state = State::Payload(frame);
        if frame.done == frame.header.length {
            self.frame_ends(at, frame, sink);
        }
        rest
    }

    /// Unmasks and keeps a part of a payload.
    fn keep(&mut self, frame: &Frame, part: &[u8]) {
        let kept = if frame.place == Place::Message {
            &mut self.payload
        } else {
            &mut self.aside
        };
        let room = self.limit.saturating_sub(kept.len());
        let fits = part.get(..room).unwrap_or(part);
        frame::unmask_onto(kept, fits, frame.header.mask, frame.done);
        if let Some(assembly) = &mut self.assembly
            && frame.place == Place::Message
        {
            assembly.dropped += (part.len() - fits.len()) as u64;
        }
    }

    fn frame_ends(&mut self, at: Stamp, frame: Frame, sink: &mut Sink<'_>) {
        self.state = State::Header;
        match frame.place {
            Place::Message => {
                if !frame.header.fin {
                    return;
                }
                let Some(assembly) = self.assembly.take() else {
                    return;
                };
                let payload = std::mem::take(&mut self.payload);
                self.message(at, assembly, &payload, sink);
                self.give_back(payload);
            }
            Place::Control => {
                let mut payload = std::mem::take(&mut self.aside);
                if frame.torn {
                    self.fragment(at, &payload, "gap", sink);
                } else {
                    control(at, frame.header.opcode, &payload, sink);
                }
                payload.clear();
                self.aside = payload;
            }
            Place::Nothing => {
                let payload = std::mem::take(&mut self.aside);
                self.fragment(at, &payload, "no-message", sink);
                if frame.header.fin {
                    self.after_gap = false;
                }
            }
        }
    }

    /// Part of a frame is missing: what was kept of it is no message any more.
    fn tear(&mut self, at: Stamp, frame: Frame, sink: &mut Sink<'_>) {
        if frame.place == Place::Message {
            if let Some(assembly) = &mut self.assembly {
                assembly.torn = true;
            }
            let payload = std::mem::take(&mut self.payload);
            self.fragment(at, &payload, "gap", sink);
        }
    }

    /// Gives up whatever is unfinished.
    fn abandon(&mut self, at: Stamp, reason: &'static str, sink: &mut Sink<'_>) {
        if let Some(assembly) = self.assembly.take()
            && assembly.deflated
        {
            self.inflater.lose_context();
        }
        let backlog = self.search.backlog.take();
        self.search = Search::default();
        for bytes in [
            std::mem::take(&mut self.payload),
            std::mem::take(&mut self.aside),
            std::mem::take(&mut self.head),
        ] {
            self.fragment(at, &bytes, reason, sink);
        }
        self.fragment(at, backlog.bytes(), reason, sink);
    }

    fn fragment(&mut self, at: Stamp, bytes: &[u8], reason: &'static str, sink: &mut Sink<'_>) {
        at.fragment(
            Transport::WebSocket,
            &mut self.offset,
            (bytes, reason),
            sink,
        );
    }

    /// Takes the best guess there is before a hole or the end.
    fn salvage(&mut self, at: Stamp, exact: bool, sink: &mut Sink<'_>) {
        if let Some(start) = self.search.best(exact) {
            self.resume(at, start, sink);
        }
    }

    /// Reads on from a frame that was found in the backlog.
    fn resume(&mut self, at: Stamp, start: usize, sink: &mut Sink<'_>) {
        let backlog = self.search.backlog.take();
        self.search = Search::default();
        let before = backlog.bytes().get(..start).unwrap_or_default();
        if self.nested >= NESTED_SEARCHES {
            return self.fragment(at, backlog.bytes(), "no-frame-found", sink);
        }
        self.fragment(at, before, "gap", sink);
        self.state = State::Header;
        self.nested += 1;
        for (at, piece) in backlog.pieces(start) {
            self.data(at, piece, sink);
        }
        self.nested -= 1;
    }

    #[expect(
        clippy::unused_self,
        reason = "reads like the other things a receiver says"
    )]
    fn finding(&self, at: Stamp, finding: Finding<'_>, sink: &mut Sink<'_>) {
        sink(Event::new(at, Transport::WebSocket, Kind::Finding(finding)));
    }
}
