//! From what passes to records.

use super::feed::{Feed, Taken};
use super::tap::Item;
use crate::net::{
    self, Both, Conversation, Direction, Ending, Event, Kind, Options, Stamp, Summary, Transport,
};
use crate::pipeline::{Flow, Totals};
use crate::source::capture::Traffic;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How often a thread that waits looks around.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is told beside records.
#[derive(Clone, Copy, Debug)]
pub enum Told<'a> {
    /// A connection began.
    Open {
        /// Its number.
        connection: u32,
        /// Who opened it.
        client: SocketAddr,
        /// Who accepted it.
        server: SocketAddr,
    },
    /// A connection is over.
    Over(&'a Summary),
    /// Something else.
    Note(&'a str),
    /// What was decoded so far.
    Totals(Totals),
}

/// Decodes all that comes through `feed` until it is closed, or `traffic` has had enough.
///
/// # Errors
/// If writing records fails.
pub fn decode(
    feed: &Feed<Item>,
    network: Options,
    traffic: &mut Traffic<'_, '_>,
    tell: &mut dyn FnMut(Told<'_>),
) -> io::Result<Flow> {
    let mut live = Live::new(network);
    let mut items = VecDeque::new();
    loop {
        match feed.take(&mut items, Duration::ZERO) {
            Taken::Some => {}
            Taken::Ended => break,
            Taken::Nothing => {
                // What is complete is shown before waiting for more.
                traffic.pipeline().flush()?;
                tell(Told::Totals(traffic.pipeline().totals()));
                if feed.take(&mut items, PATIENCE) != Taken::Some {
                    continue;
                }
            }
        }
        for item in items.drain(..) {
            live.item(&item, &mut |event| traffic.event(&event), tell);
            traffic.check()?;
            if traffic.flow() == Flow::Stop {
                break;
            }
        }
        tell(Told::Totals(traffic.pipeline().totals()));
        if traffic.flow() == Flow::Stop {
            break;
        }
    }
    if traffic.flow() == Flow::Continue {
        live.finish(&mut |event| traffic.event(&event), tell);
        traffic.check()?;
    }
    traffic.pipeline().flush()?;
    tell(Told::Totals(traffic.pipeline().totals()));
    Ok(traffic.flow())
}

/// The connections that are open.
struct Live {
    options: Arc<Options>,
    connections: HashMap<u32, Connection>,
    /// Bytes that all connections keep for unfinished messages.
    cost: usize,
}

struct Connection {
    conversation: Conversation,
    summary: Summary,
    ended: Both<bool>,
}

impl Live {
    fn new(options: Options) -> Self {
        Self {
            options: Arc::new(options),
            connections: HashMap::new(),
            cost: 0,
        }
    }

    fn item(&mut self, item: &Item, sink: &mut net::Sink<'_>, tell: &mut dyn FnMut(Told<'_>)) {
        match item {
            Item::Note(text) => tell(Told::Note(text)),
            Item::Open {
                connection,
                time_ns,
                client,
                server,
            } => {
                tell(Told::Open {
                    connection: *connection,
                    client: *client,
                    server: *server,
                });
                self.open(*connection, *time_ns, *client, *server, sink);
            }
            Item::Data {
                connection,
                time_ns,
                direction,
                offset,
                bytes,
            } => {
                let at = stamp(*connection, *direction, *time_ns);
                self.data(at, *offset, bytes, sink);
            }
            Item::Close {
                connection,
                time_ns,
                direction,
                offset,
                how,
            } => {
                let at = stamp(*connection, *direction, *time_ns);
                self.data(at, *offset, &[], sink);
                self.close(at, *how, sink, tell);
            }
        }
    }

    fn open(
        &mut self,
        number: u32,
        time_ns: u64,
        client: SocketAddr,
        server: SocketAddr,
        sink: &mut net::Sink<'_>,
    ) {
        let at = stamp(number, Direction::ClientToServer, time_ns);
        let kind = Kind::Open {
            client,
            server,
            from_start: true,
        };
        sink(Event::new(at, Transport::Tcp, kind));
        let connection = Connection {
            conversation: Conversation::new(Arc::clone(&self.options), true),
            summary: summary(number, client, server, time_ns),
            ended: Both::default(),
        };
        self.connections.insert(number, connection);
    }

    /// Takes bytes; a jump in their position means that some were left out.
    fn data(&mut self, at: Stamp, offset: u64, bytes: &[u8], sink: &mut net::Sink<'_>) {
        let Some(connection) = self.connections.get_mut(&at.connection) else {
            return;
        };
        let before = connection.conversation.cost();
        let summary = &mut connection.summary;
        summary.last_ns = at.time_ns;
        let seen = summary.stream_bytes.get_mut(at.direction);
        let lost = summary.missing_bytes.get_mut(at.direction);
        let missing = offset.saturating_sub(*seen + *lost);
        let position = *seen + *lost;
        *seen += bytes.len() as u64;
        *lost += missing;
        if missing > 0 {
            connection.conversation.gap(at, position, missing, sink);
        }
        if !bytes.is_empty() {
            connection.conversation.data(at, offset, bytes, sink);
        }
        self.cost = (self.cost + connection.conversation.cost()).saturating_sub(before);
        if self.cost > self.options.message_total_limit {
            self.shed(at, sink);
        }
    }

    fn close(
        &mut self,
        at: Stamp,
        how: Ending,
        sink: &mut net::Sink<'_>,
        tell: &mut dyn FnMut(Told<'_>),
    ) {
        let Some(connection) = self.connections.get_mut(&at.connection) else {
            return;
        };
        if std::mem::replace(connection.ended.get_mut(at.direction), true) {
            return;
        }
        *connection.summary.ending.get_mut(at.direction) = how;
        connection.conversation.close(at, how, sink);
        let ended = connection.ended;
        if ended.client_to_server && ended.server_to_client {
            self.remove(at, sink, tell);
        }
    }

    fn remove(&mut self, at: Stamp, sink: &mut net::Sink<'_>, tell: &mut dyn FnMut(Told<'_>)) {
        let Some(mut connection) = self.connections.remove(&at.connection) else {
            return;
        };
        self.cost = self.cost.saturating_sub(connection.conversation.cost());
        let transport = connection.conversation.transport();
        connection.summary.transport = transport;
        tell(Told::Over(&connection.summary));
        sink(Event::new(
            at,
            transport,
            Kind::Summary(&connection.summary),
        ));
    }

    /// Lets go of what the greediest connection keeps.
    fn shed(&mut self, at: Stamp, sink: &mut net::Sink<'_>) {
        let greediest = self
            .connections
            .iter_mut()
            .max_by_key(|(_, connection)| connection.conversation.cost());
        if let Some((number, connection)) = greediest {
            let before = connection.conversation.cost();
            let at = stamp(*number, at.direction, at.time_ns);
            connection.conversation.shed(at, sink);
            let freed = before.saturating_sub(connection.conversation.cost());
            self.cost = self.cost.saturating_sub(freed);
        }
    }

    /// Nothing more will come on any connection.
    fn finish(&mut self, sink: &mut net::Sink<'_>, tell: &mut dyn FnMut(Told<'_>)) {
        let mut numbers: Vec<u32> = self.connections.keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            for direction in [Direction::ClientToServer, Direction::ServerToClient] {
                let last = self.connections.get(&number);
                let time_ns = last.map_or(0, |connection| connection.summary.last_ns);
                let at = stamp(number, direction, time_ns);
                self.close(at, Ending::EndOfCapture, sink, tell);
            }
        }
    }
}

fn summary(connection: u32, client: SocketAddr, server: SocketAddr, time_ns: u64) -> Summary {
    Summary {
        connection,
        client,
        server,
        transport: Transport::Tcp,
        from_start: true,
        packets: Both::default(),
        wire_bytes: Both::default(),
        stream_bytes: Both::default(),
        missing_bytes: Both::default(),
        first_ns: time_ns,
        last_ns: time_ns,
        ending: Both {
            client_to_server: Ending::EndOfCapture,
            server_to_client: Ending::EndOfCapture,
        },
    }
}

fn stamp(connection: u32, direction: Direction, time_ns: u64) -> Stamp {
    Stamp {
        connection,
        direction,
        time_ns,
        packet: 0,
    }
}
