//! Which connection a segment belongs to; bounds over all connections.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::connection::{Connection, Surroundings};
use super::delivery::Arrival;
use super::history::History;
use crate::net::event::{Direction, Ending, Event, Finding, Kind, Sink, Transport};
use crate::net::link::Segment;
use crate::net::options::Options;

/// How long what the other side had sent before a reset is waited for.
const RESET_LINGER_NS: u64 = 2_000_000_000;
/// How long an ended connection is kept, for stray packets.
const LINGER_NS: u64 = 60_000_000_000;

pub(in crate::net) struct Tracker {
    options: Arc<Options>,
    connections: HashMap<Pair, Box<Connection>>,
    history: History,
    /// When to look at which hole.
    holes: BinaryHeap<Reverse<(u64, Pair, Direction)>>,
    /// Ended connections, with the time to forget them.
    ended: BinaryHeap<Reverse<(u64, Pair)>>,
    /// What all connections hold back.
    held_cost: usize,
    /// What unfinished messages of all connections take.
    message_cost: usize,
}

/// Two endpoints, the smaller first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::net) struct Pair {
    low: (IpAddr, u16),
    high: (IpAddr, u16),
}

impl Hash for Pair {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // As few calls as possible: this is done for every packet.
        let ports = u32::from(self.low.1) << 16 | u32::from(self.high.1);
        match (self.low.0, self.high.0) {
            (IpAddr::V4(low), IpAddr::V4(high)) => {
                let low = u128::from(u32::from(low)) << 64;
                let high = u128::from(u32::from(high)) << 32;
                state.write_u128(low | high | u128::from(ports));
            }
            (low, high) => (low, high, ports).hash(state),
        }
    }
}

impl Pair {
    pub(in crate::net) fn new(one: SocketAddr, other: SocketAddr) -> Self {
        let one = (one.ip(), one.port());
        let other = (other.ip(), other.port());
        Self {
            low: one.min(other),
            high: one.max(other),
        }
    }
}

/// How much is lost if a connection is no longer followed; the least comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    Ended,
    Silent,
    Talking,
}

impl Worth {
    fn of(connection: &Connection) -> Self {
        match (connection.is_over(), connection.is_silent()) {
            (true, _) => Self::Ended,
            (false, true) => Self::Silent,
            (false, false) => Self::Talking,
        }
    }
}

impl Tracker {
    pub(in crate::net) fn new(options: Arc<Options>) -> Self {
        Self {
            options,
            connections: HashMap::new(),
            history: History::new(),
            holes: BinaryHeap::new(),
            ended: BinaryHeap::new(),
            held_cost: 0,
            message_cost: 0,
        }
    }

    /// Takes a segment; `numbers` counts connections.
    pub(in crate::net) fn segment(
        &mut self,
        segment: &Segment<'_>,
        wire_length: u32,
        at: Arrival,
        numbers: &mut u32,
        sink: &mut Sink<'_>,
    ) {
        self.tend(at, sink);
        let pair = Pair::new(segment.source, segment.destination);
        let connection = match self.connections.get_mut(&pair) {
            Some(known) if !known.is_replaced_by(segment) => known,
            known => {
                if known.is_some() {
                    self.remove(pair, Ending::Replaced, at, sink);
                }
                if segment.rst {
                    // The end of what was never seen.
                    return;
                }
                self.make_room(at, sink);
                self.open(pair, segment, at, numbers);
                let Some(opened) = self.connections.get_mut(&pair) else {
                    return;
                };
                opened
            }
        };
        if !connection.is_announced() {
            connection.meet(segment, &self.options, sink);
        }
        let was_over = connection.is_over();
        self.held_cost -= connection.held_cost();
        self.message_cost -= connection.message_cost();
        let mut around = Surroundings {
            options: &self.options,
            history: &mut self.history,
            sink,
        };
        connection.segment(segment, wire_length, at, &mut around);
        for direction in [Direction::ClientToServer, Direction::ServerToClient] {
            let again = if connection.holds_too_much(direction, &self.options) {
                connection.look_at_hole(direction, at.time_ns, true, &mut around)
            } else {
                connection.appointment(direction)
            };
            if let Some(deadline) = again {
                self.holes.push(Reverse((deadline, pair, direction)));
            }
        }
        self.held_cost += connection.held_cost();
        self.message_cost += connection.message_cost();
        if !was_over && connection.is_over() {
            let lingers = match connection.reset_ns() {
                Some(_) => RESET_LINGER_NS,
                None => LINGER_NS,
            };
            let until = at.time_ns.saturating_add(lingers);
            self.ended.push(Reverse((until, pair)));
        }
        self.enforce_totals(at, sink);
    }

    /// Ends everything.
    pub(in crate::net) fn finish(&mut self, at: Arrival, sink: &mut Sink<'_>) {
        let mut pairs: Vec<(u32, Pair)> = self
            .connections
            .iter()
            .map(|(pair, connection)| (connection.number, *pair))
            .collect();
        pairs.sort_unstable();
        for (_, pair) in pairs {
            self.remove(pair, Ending::EndOfCapture, at, sink);
        }
        self.holes.clear();
        self.ended.clear();
    }

    fn open(&mut self, pair: Pair, segment: &Segment<'_>, at: Arrival, numbers: &mut u32) {
        let number = *numbers;
        *numbers += 1;
        let connection = Connection::new(number, segment, at);
        self.connections.insert(pair, Box::new(connection));
    }

    /// Holes whose time has come, and connections that ended long ago.
    fn tend(&mut self, at: Arrival, sink: &mut Sink<'_>) {
        while let Some(Reverse((deadline, _, _))) = self.holes.peek()
            && *deadline <= at.time_ns
        {
            self.look_at_first_hole(at, false, sink);
        }
        while let Some(Reverse((until, pair))) = self.ended.peek().copied()
            && until <= at.time_ns
        {
            self.ended.pop();
            self.look_at_ended(pair, at, sink);
        }
    }

    /// Ends what a reset left open, or forgets a connection, if it is time for that.
    fn look_at_ended(&mut self, pair: Pair, at: Arrival, sink: &mut Sink<'_>) {
        let Some(connection) = self.connections.get_mut(&pair) else {
            return;
        };
        if !connection.is_over() {
            return;
        }
        let Some(last_ns) = connection.reset_ns() else {
            let until = connection.late_ns.saturating_add(LINGER_NS);
            if until > at.time_ns {
                self.ended.push(Reverse((until, pair)));
            } else {
                self.remove(pair, Ending::Fin, at, sink);
            }
            return;
        };
        let mut until = last_ns.saturating_add(RESET_LINGER_NS);
        if until <= at.time_ns {
            until = last_ns.saturating_add(LINGER_NS);
            self.held_cost -= connection.held_cost();
            self.message_cost -= connection.message_cost();
            let mut around = Surroundings {
                options: &self.options,
                history: &mut self.history,
                sink,
            };
            connection.end(Ending::Rst, at, &mut around);
            self.held_cost += connection.held_cost();
            self.message_cost += connection.message_cost();
        }
        self.ended.push(Reverse((until, pair)));
    }

    fn look_at_first_hole(&mut self, at: Arrival, by_force: bool, sink: &mut Sink<'_>) -> bool {
        let Some(Reverse((_, pair, direction))) = self.holes.pop() else {
            return false;
        };
        let Some(connection) = self.connections.get_mut(&pair) else {
            return true;
        };
        self.held_cost -= connection.held_cost();
        self.message_cost -= connection.message_cost();
        let mut around = Surroundings {
            options: &self.options,
            history: &mut self.history,
            sink,
        };
        let again = connection.look_at_hole(direction, at.time_ns, by_force, &mut around);
        self.held_cost += connection.held_cost();
        self.message_cost += connection.message_cost();
        if let Some(deadline) = again {
            self.holes.push(Reverse((deadline, pair, direction)));
        }
        true
    }

    fn enforce_totals(&mut self, at: Arrival, sink: &mut Sink<'_>) {
        while self.held_cost > self.options.reorder_total_limit
            && self.look_at_first_hole(at, true, sink)
        {}
        if self.message_cost > self.options.message_total_limit {
            self.shed(at, sink);
        }
    }

    /// Gives up the largest unfinished messages, until there is ample room again.
    fn shed(&mut self, at: Arrival, sink: &mut Sink<'_>) {
        let mut costs: Vec<(usize, Pair)> = self
            .connections
            .iter()
            .map(|(pair, connection)| (connection.message_cost(), *pair))
            .collect();
        costs.sort_unstable_by(|left, right| right.cmp(left));
        for (cost, pair) in costs {
            if self.message_cost <= self.options.message_total_limit / 4 * 3 {
                break;
            }
            if let Some(connection) = self.connections.get_mut(&pair) {
                connection.shed(at, sink);
                self.message_cost = self.message_cost - cost + connection.message_cost();
            }
        }
    }

    /// Forgets some connections, if there are too many: first those that have ended, then those
    /// that never carried a byte, then those that were idle longest.
    fn make_room(&mut self, at: Arrival, sink: &mut Sink<'_>) {
        let limit = self.options.connection_limit.max(1);
        if self.holes.len() + self.ended.len() > 4 * limit {
            self.forget_appointments();
        }
        if self.connections.len() < limit {
            return;
        }
        let mut ages: Vec<(Worth, u64, u32, Pair)> = self
            .connections
            .iter()
            .map(|(pair, connection)| {
                let worth = Worth::of(connection);
                (worth, connection.last_ns, connection.number, *pair)
            })
            .collect();
        ages.sort_unstable();
        ages.truncate((ages.len() / 8).max(1));
        let silent = ages.iter().filter(|(worth, ..)| *worth == Worth::Silent);
        self.tell_of_silent(silent.count(), at, sink);
        for (worth, _, _, pair) in ages {
            if worth == Worth::Talking
                && let Some(connection) = self.connections.get(&pair)
            {
                let stamp = connection.stamp(Direction::ClientToServer, at);
                let finding = Finding::warning(
                    "connection-evicted",
                    0,
                    "too many connections at a time: this one, idle longest, is no longer followed",
                );
                sink(Event::new(stamp, Transport::Tcp, Kind::Finding(finding)));
            }
            self.remove(pair, Ending::Timeout, at, sink);
        }
    }

    fn tell_of_silent(&self, count: usize, at: Arrival, sink: &mut Sink<'_>) {
        if count == 0 {
            return;
        }
        let message = format!(
            "too many connections at a time: {count} that have carried no bytes are no longer followed"
        );
        let finding = Finding::warning("connection-evicted", 0, message);
        sink(at.finding(finding));
    }

    /// Forgets when to look at connections that are gone.
    fn forget_appointments(&mut self) {
        let connections = &self.connections;
        let mut known = HashSet::new();
        let mut holes = std::mem::take(&mut self.holes).into_vec();
        // Of several times for one hole, the first counts.
        holes.sort_unstable_by_key(|Reverse(hole)| *hole);
        holes.retain(|Reverse((_, pair, direction))| {
            connections.contains_key(pair) && known.insert((*pair, Some(*direction)))
        });
        self.holes = holes.into();
        let mut ended = std::mem::take(&mut self.ended).into_vec();
        ended.sort_unstable();
        ended.retain(|Reverse((_, pair))| {
            connections.contains_key(pair) && known.insert((*pair, None))
        });
        self.ended = ended.into();
    }

    fn remove(&mut self, pair: Pair, how: Ending, at: Arrival, sink: &mut Sink<'_>) {
        let Some(mut connection) = self.connections.remove(&pair) else {
            return;
        };
        self.held_cost -= connection.held_cost();
        self.message_cost -= connection.message_cost();
        let mut around = Surroundings {
            options: &self.options,
            history: &mut self.history,
            sink,
        };
        connection.announce(&self.options, around.sink);
        connection.end(how, at, &mut around);
        let summary = connection.summary();
        let stamp = connection.stamp(Direction::ClientToServer, at);
        let transport = summary.transport;
        (around.sink)(Event::new(stamp, transport, Kind::Summary(&summary)));
    }
}
