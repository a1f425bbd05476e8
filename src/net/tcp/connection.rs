//! One TCP connection: two streams, who is who, figures, and what lies above.

use std::net::SocketAddr;
use std::sync::Arc;

use super::delivery::{Arrival, Delivery, Piece};
use super::history::History;
use super::roles;
use super::stream::Stream;
use crate::net::conversation::Conversation;
use crate::net::event::{Both, Direction, Ending, Event, Kind, Sink, Stamp, Summary, Transport};
use crate::net::link::Segment;
use crate::net::options::Options;

/// After an acknowledgment shows that bytes were received which the capture lacks, they are still
/// waited for during so many packets of the connection: captures swap packets now and then.
const DOUBT_PACKETS: u32 = 32;
/// The same, in time; long, since a swap across a pause looks late by the whole pause.
const DOUBT_NS: u64 = 30_000_000_000;
/// After so long, fewer packets will do: what is swapped across a pause comes soon after it.
const SLOW_NS: u64 = 1_000_000_000;
/// How many packets then.
const SLOW_PACKETS: u32 = 6;
/// How long a hole may last that nobody has acknowledged.
const HOLE_NS: u64 = 120_000_000_000;
/// The same, while the other direction is not in the capture.
const ONE_WAY_HOLE_NS: u64 = 1_000_000_000;

pub(super) struct Connection {
    pub(super) number: u32,
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
    streams: Both<Stream>,
    holes: Both<Option<Hole>>,
    /// When the tracker will look at each direction's hole.
    appointments: Both<Option<u64>>,
    /// What lies above; none before the first bytes, since many a connection never carries any.
    conversation: Option<Box<Conversation>>,
    /// Whether it holds neither WebSocket nor HTTP.
    plain: bool,
    from_start: bool,
    /// Whether its opening was told, with who is who. Before the first bytes that may not be known.
    announced: bool,
    packets: Both<u64>,
    wire_bytes: Both<u64>,
    first: Arrival,
    first_direction: Direction,
    pub(super) last_ns: u64,
    ending: Both<Option<Ending>>,
    /// The last packet, once a side has reset the connection: what the other side had sent by then
    /// may still come.
    reset: Option<Arrival>,
    /// When bytes came after it was over, or a reset, last; 0: never.
    pub(super) late_ns: u64,
}

/// A hole that bytes wait for.
#[derive(Clone, Copy)]
struct Hole {
    /// When to give up.
    deadline_ns: u64,
    /// After how many packets more; counted only once the hole is acknowledged.
    packets: Option<u32>,
    /// When it was acknowledged.
    acknowledged_ns: u64,
}

/// What the connection's surroundings lend it.
pub(super) struct Surroundings<'c, 's> {
    pub(super) options: &'c Arc<Options>,
    pub(super) history: &'c mut History,
    pub(super) sink: &'c mut Sink<'s>,
}

impl Connection {
    /// A connection of which `segment` is the first packet.
    pub(super) fn new(number: u32, segment: &Segment<'_>, at: Arrival) -> Self {
        Self {
            number,
            client: segment.source,
            server: segment.destination,
            streams: Both {
                client_to_server: Stream::new(),
                server_to_client: Stream::new(),
            },
            holes: Both::default(),
            appointments: Both::default(),
            conversation: None,
            plain: false,
            from_start: segment.syn,
            announced: false,
            packets: Both::default(),
            wire_bytes: Both::default(),
            first: at,
            first_direction: Direction::ClientToServer,
            last_ns: at.time_ns,
            ending: Both::default(),
            reset: None,
            late_ns: 0,
        }
    }

    pub(super) fn is_announced(&self) -> bool {
        self.announced
    }

    /// Takes note of who is who, and tells of the opening once bytes or the SYN show it.
    pub(super) fn meet(&mut self, segment: &Segment<'_>, options: &Options, sink: &mut Sink<'_>) {
        let assumed = self.direction_of(segment) == Direction::ClientToServer;
        if roles::is_from_client(segment, assumed, options) != assumed {
            self.exchange_roles();
        }
        if segment.syn
            || segment.fin
            || segment.rst
            || segment.missing > 0
            || !segment.payload.is_empty()
        {
            self.announce(options, sink);
        }
    }

    /// Tells of the opening, if that was not done yet.
    pub(super) fn announce(&mut self, options: &Options, sink: &mut Sink<'_>) {
        if self.announced {
            return;
        }
        self.announced = true;
        self.plain = !self.from_start && options.plain_ports.contains(&self.server.port());
        let kind = Kind::Open {
            client: self.client,
            server: self.server,
            from_start: self.from_start,
        };
        let stamp = self.stamp(self.first_direction, self.first);
        sink(Event::new(stamp, Transport::Tcp, kind));
    }

    /// The client is the server. Nothing was handed out yet, and nothing is held.
    fn exchange_roles(&mut self) {
        std::mem::swap(&mut self.client, &mut self.server);
        self.first_direction = self.first_direction.reverse();
        self.packets.exchange();
        self.wire_bytes.exchange();
        self.streams.exchange();
    }

    /// Whether a segment must belong to a new connection between the same ports.
    pub(super) fn is_replaced_by(&self, segment: &Segment<'_>) -> bool {
        if segment.syn {
            return !self.fits_syn(segment);
        }
        self.is_over()
            && !segment.rst
            && !segment.payload.is_empty()
            && self.is_foreign_to_the_end(segment)
    }

    /// Whether bytes that come when this is over have nothing to do with it.
    fn is_foreign_to_the_end(&self, segment: &Segment<'_>) -> bool {
        let direction = self.direction_of(segment);
        let stream = self.streams.get(direction);
        let other = self.streams.get(direction.reverse());
        // After a reset the other side's bytes may still be on their way, after two FINs none are.
        stream.is_far(segment.sequence)
            || self.reset.is_none()
                && (stream.is_beyond(segment.sequence)
                    || segment.acknowledgment.is_some_and(|at| other.is_beyond(at)))
    }

    /// Whether a SYN, or the answer to one, may be this connection's.
    fn fits_syn(&self, segment: &Segment<'_>) -> bool {
        let direction = self.direction_of(segment);
        let stream = self.streams.get(direction);
        let begins = segment.sequence.wrapping_add(1);
        let Some(acknowledged) = segment.acknowledgment else {
            return match stream.beginning() {
                Some(known) => known == begins,
                None => !self.is_over() && stream.may_begin(begins),
            };
        };
        if self.is_over() {
            return stream.beginning() == Some(begins);
        }
        let other = self.streams.get(direction.reverse());
        // Of a client that has sent nothing else, another SYN may have gone before.
        let fits_other = other.delivered == 0 || !other.is_far(acknowledged);
        fits_other && stream.may_begin(begins)
    }

    /// Whether both directions have ended, or will without another word.
    pub(super) fn is_over(&self) -> bool {
        self.reset.is_some()
            || self.ending.client_to_server.is_some() && self.ending.server_to_client.is_some()
    }

    /// When the last packet came of a connection that was reset, as long as a direction of it is
    /// open.
    pub(super) fn reset_ns(&self) -> Option<u64> {
        let open = self.ending.client_to_server.is_none() || self.ending.server_to_client.is_none();
        self.reset.filter(|_| open).map(|reset| reset.time_ns)
    }

    /// Something came although it is over, or is now.
    fn goes_on(&mut self, at: Arrival) {
        self.late_ns = at.time_ns;
        if let Some(reset) = &mut self.reset {
            *reset = at;
        }
    }

    /// Takes a segment.
    pub(super) fn segment(
        &mut self,
        segment: &Segment<'_>,
        wire_length: u32,
        at: Arrival,
        around: &mut Surroundings<'_, '_>,
    ) {
        let direction = self.direction_of(segment);
        *self.packets.get_mut(direction) += 1;
        *self.wire_bytes.get_mut(direction) += u64::from(wire_length);
        self.last_ns = self.last_ns.max(at.time_ns);
        if segment.syn {
            let begins = segment.sequence.wrapping_add(1);
            self.streams.get_mut(direction).begin(begins);
            if let Some(acknowledged) = segment.acknowledgment {
                self.streams
                    .get_mut(direction.reverse())
                    .begin(acknowledged);
            }
        }
        if let Some(acknowledged) = segment.acknowledgment
            && !segment.rst
        {
            // What this settles came before whatever the segment carries.
            self.on_stream(direction.reverse(), around, |stream, history, deliver| {
                stream.acknowledge(acknowledged, history, deliver);
            });
        }
        if self.is_over() && !segment.payload.is_empty() {
            self.goes_on(at);
        }
        if !segment.rst {
            let piece = Piece {
                sequence: segment.sequence.wrapping_add(u32::from(segment.syn)),
                bytes: segment.payload,
                missing: segment.missing,
                fin: segment.fin,
                at,
            };
            self.on_stream(direction, around, |stream, history, deliver| {
                stream.segment(piece, history, deliver);
            });
        } else {
            self.reset(direction, segment.sequence, at, around);
        }
        self.watch_hole(direction, at, around);
        self.watch_hole(direction.reverse(), at, around);
    }

    /// Takes a reset; one that is far from the stream is not believed.
    fn reset(
        &mut self,
        direction: Direction,
        sequence: u32,
        at: Arrival,
        around: &mut Surroundings<'_, '_>,
    ) {
        let far = self.streams.get(direction).is_far(sequence);
        if far && sequence != 0 {
            return;
        }
        self.goes_on(at);
        self.reset = Some(at);
        let sequence = (!far).then_some(sequence);
        self.on_stream(direction, around, |stream, history, deliver| {
            stream.reset(sequence, at, history, deliver);
        });
    }

    /// Gives up a hole whose time has come. Gives when to look again, if there is still one.
    pub(super) fn look_at_hole(
        &mut self,
        direction: Direction,
        now_ns: u64,
        by_force: bool,
        around: &mut Surroundings<'_, '_>,
    ) -> Option<u64> {
        *self.appointments.get_mut(direction) = None;
        let hole = (*self.holes.get(direction))?;
        if hole.deadline_ns > now_ns && !by_force {
            return self.appointment(direction);
        }
        self.on_stream(direction, around, |stream, history, deliver| {
            stream.give_up(history, deliver);
        });
        *self.holes.get_mut(direction) = None;
        self.note_hole(direction, now_ns);
        self.appointment(direction)
    }

    /// When to look at the hole of a direction, if there is one and no earlier time was given
    /// before.
    pub(super) fn appointment(&mut self, direction: Direction) -> Option<u64> {
        let deadline = (*self.holes.get(direction))?.deadline_ns;
        let given = self.appointments.get_mut(direction);
        if given.is_some_and(|given| given <= deadline) {
            return None;
        }
        *given = Some(deadline);
        *given
    }

    /// Bytes held back in both directions.
    pub(super) fn held_cost(&self) -> usize {
        self.streams.client_to_server.held_cost() + self.streams.server_to_client.held_cost()
    }

    /// Whether a direction holds back more than it may.
    pub(super) fn holds_too_much(&self, direction: Direction, options: &Options) -> bool {
        let stream = self.streams.get(direction);
        stream.held_cost() > options.reorder_limit
            && (stream.unwarranted_cost() > options.reorder_limit
                || stream.held_cost() > options.reorder_awaited_limit)
    }

    /// Bytes kept for unfinished messages.
    pub(super) fn message_cost(&self) -> usize {
        let conversation = self.conversation.as_ref();
        conversation.map_or(0, |conversation| conversation.cost())
    }

    /// Whether no bytes came yet, and none are known to be missing.
    pub(super) fn is_silent(&self) -> bool {
        self.conversation.is_none() && self.held_cost() == 0
    }

    /// Lets go of unfinished messages.
    pub(super) fn shed(&mut self, at: Arrival, sink: &mut Sink<'_>) {
        let stamp = self.stamp(Direction::ClientToServer, at);
        if let Some(conversation) = &mut self.conversation {
            conversation.shed(stamp, sink);
        }
    }

    /// Ends both directions, if they have not ended yet.
    pub(super) fn end(&mut self, how: Ending, at: Arrival, around: &mut Surroundings<'_, '_>) {
        let (how, at) = match self.reset {
            Some(at) => (Ending::Rst, at),
            None => (how, at),
        };
        for direction in [Direction::ClientToServer, Direction::ServerToClient] {
            self.on_stream(direction, around, |stream, history, deliver| {
                stream.end(at, history, deliver);
            });
            *self.holes.get_mut(direction) = None;
            if self.ending.get(direction).is_none() {
                self.close(direction, how, at, around.sink);
            }
        }
    }

    pub(super) fn summary(&self) -> Summary {
        let streams = &self.streams;
        Summary {
            connection: self.number,
            client: self.client,
            server: self.server,
            transport: match &self.conversation {
                Some(conversation) => conversation.transport(),
                None => Transport::Tcp,
            },
            from_start: self.from_start,
            packets: self.packets,
            wire_bytes: self.wire_bytes,
            stream_bytes: Both {
                client_to_server: streams.client_to_server.delivered,
                server_to_client: streams.server_to_client.delivered,
            },
            missing_bytes: Both {
                client_to_server: streams.client_to_server.missing,
                server_to_client: streams.server_to_client.missing,
            },
            first_ns: self.first.time_ns,
            last_ns: self.last_ns,
            ending: Both {
                client_to_server: self.ending.client_to_server.unwrap_or(Ending::EndOfCapture),
                server_to_client: self.ending.server_to_client.unwrap_or(Ending::EndOfCapture),
            },
        }
    }

    pub(super) fn stamp(&self, direction: Direction, at: Arrival) -> Stamp {
        stamp(self.number, direction, at)
    }

    fn direction_of(&self, segment: &Segment<'_>) -> Direction {
        if self.client == segment.source {
            Direction::ClientToServer
        } else {
            Direction::ServerToClient
        }
    }

    fn close(&mut self, direction: Direction, how: Ending, at: Arrival, sink: &mut Sink<'_>) {
        *self.ending.get_mut(direction) = Some(how);
        let at = stamp(self.number, direction, at);
        close(self.conversation.as_deref_mut(), at, how, sink);
    }

    fn watch_hole(&mut self, direction: Direction, at: Arrival, around: &mut Surroundings<'_, '_>) {
        self.note_hole(direction, at.time_ns);
        let Some(hole) = self.holes.get_mut(direction) else {
            return;
        };
        let Some(packets) = &mut hole.packets else {
            return;
        };
        *packets = packets.saturating_sub(1);
        let slow = at.time_ns.saturating_sub(hole.acknowledged_ns) >= SLOW_NS
            && *packets <= DOUBT_PACKETS - SLOW_PACKETS;
        if *packets == 0 || slow || hole.deadline_ns <= at.time_ns {
            self.look_at_hole(direction, at.time_ns, true, around);
        }
    }

    /// Sets, tightens or clears the time at which to give up waiting.
    fn note_hole(&mut self, direction: Direction, now_ns: u64) {
        let stream = self.streams.get(direction);
        let hole = self.holes.get_mut(direction);
        if !stream.waits() {
            *hole = None;
            return;
        }
        let one_way = *self.packets.get(direction.reverse()) == 0;
        let patience = if one_way { ONE_WAY_HOLE_NS } else { HOLE_NS };
        let hole = hole.get_or_insert(Hole {
            deadline_ns: now_ns.saturating_add(patience),
            packets: None,
            acknowledged_ns: 0,
        });
        if hole.packets.is_none() && stream.hole_is_acknowledged() {
            hole.packets = Some(DOUBT_PACKETS);
            hole.acknowledged_ns = now_ns;
            hole.deadline_ns = hole.deadline_ns.min(now_ns.saturating_add(DOUBT_NS));
        }
    }

    /// Lets a stream work, and passes what it hands out to what lies above.
    fn on_stream(
        &mut self,
        direction: Direction,
        around: &mut Surroundings<'_, '_>,
        work: impl FnOnce(&mut Stream, &mut History, &mut dyn FnMut(Arrival, Delivery<'_>)),
    ) {
        let number = self.number;
        let (plain, from_start) = (self.plain, self.from_start);
        let (conversation, ending) = (&mut self.conversation, &mut self.ending);
        let (options, plain_sink) = (around.options, &mut *around.sink);
        let mut telling_sink;
        let sink: &mut Sink<'_> = if self.streams.get(direction.reverse()).lacks() {
            telling_sink = |mut event: Event<'_>| {
                event.other_lacks = true;
                plain_sink(event);
            };
            &mut telling_sink
        } else {
            plain_sink
        };
        let begin = || {
            let options = Arc::clone(options);
            Box::new(match plain {
                true => Conversation::plain(options),
                false => Conversation::new(options, from_start),
            })
        };
        let mut deliver = |at: Arrival, delivery: Delivery<'_>| {
            let at = stamp(number, direction, at);
            match delivery {
                Delivery::Data { offset, bytes } => {
                    if options.raw {
                        let kind = Kind::Raw { offset, bytes };
                        sink(Event::new(at, Transport::Tcp, kind));
                    }
                    let conversation = conversation.get_or_insert_with(begin);
                    conversation.data(at, offset, bytes, sink);
                }
                Delivery::Gap { offset, missing } => {
                    let conversation = conversation.get_or_insert_with(begin);
                    conversation.gap(at, offset, missing, sink);
                }
                Delivery::Finding(finding) => {
                    sink(Event::new(at, Transport::Tcp, Kind::Finding(finding)));
                }
                Delivery::End(how) => {
                    *ending.get_mut(direction) = Some(how);
                    close(conversation.as_deref_mut(), at, how, sink);
                }
            }
        };
        work(
            self.streams.get_mut(direction),
            around.history,
            &mut deliver,
        );
    }
}

/// Tells what lies above, if there is anything, that a direction has ended.
fn close(conversation: Option<&mut Conversation>, at: Stamp, how: Ending, sink: &mut Sink<'_>) {
    match conversation {
        Some(conversation) => conversation.close(at, how, sink),
        None => sink(Event::new(at, Transport::Tcp, Kind::Close { how })),
    }
}

fn stamp(connection: u32, direction: Direction, at: Arrival) -> Stamp {
    Stamp {
        connection,
        direction,
        time_ns: at.time_ns,
        packet: at.packet,
    }
}
