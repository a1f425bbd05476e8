//! One connection of a capture.

use super::service::Asked;
use super::{TrafficOptions, no_frame, show_control, show_finding};
use crate::model::{Direction, Origin, Severity, Transport};
use crate::net::{self, Both, Event, Kind};
use crate::pipeline::{Chunk, Connection, Flow, Pipeline, Totals};
use crate::protocol::{ALL, Protocol};
use std::io;
use std::net::SocketAddr;

/// What is known of a connection beside its packets.
#[derive(Clone, Debug, Default)]
pub struct StreamInfo {
    /// The protocol that it was taken for.
    pub protocol: Option<&'static str>,
    /// Frames decoded, and messages of no known protocol.
    pub frames: u64,
    /// Those of its records that the selection admits.
    pub shown: u64,
    /// Errors found on its records.
    pub errors: u64,
    /// Warnings found on its records.
    pub warnings: u64,
    /// What was asked for: a service's name, or a path.
    pub service: Option<String>,
}

/// Findings about a message that follows, still compressed.
const NOT_INFLATED: [&str; 2] = ["ws-deflate-context-lost", "ws-inflate-failed"];

/// Follows one connection.
#[derive(Debug)]
pub(super) struct Stream {
    /// Where its records come from: what they share is kept.
    origins: Both<Origin>,
    state: State,
}

/// What is known of what it has carried.
#[derive(Debug)]
struct State {
    server: SocketAddr,
    connection: Connection,
    pending: Both<Pending>,
    /// Which of them lack bytes that were sent before what the other one sends.
    lacks: Both<bool>,
    /// Where the frames that were seen end.
    ends: Both<u64>,
    asked: Asked,
    /// Messages of no known protocol.
    foreign: u64,
    /// Why the next message is still compressed.
    not_inflated: Option<(&'static str, String)>,
    info: StreamInfo,
}

/// Bytes of a plain stream that are not yet a whole frame.
#[derive(Debug, Default)]
struct Pending {
    bytes: Vec<u8>,
    /// How many of them are used up already.
    used: usize,
    /// Stream position of the first unused byte.
    offset: u64,
    /// How many bytes the next frame needs.
    needs: usize,
}

/// Whether the user wants to see connection `number` between `ends`.
pub(super) fn is_wanted(number: u32, ends: [SocketAddr; 2], options: &TrafficOptions) -> bool {
    let ports = &options.only_ports;
    let hosts = &options.only_hosts;
    (options.follow.is_empty() || options.follow.contains(&number))
        && (ports.is_empty() || ends.iter().any(|end| ports.contains(&end.port())))
        && (hosts.is_empty() || ends.iter().any(|end| hosts.contains(&end.ip())))
}

impl Stream {
    pub fn new(
        number: u32,
        client: SocketAddr,
        server: SocketAddr,
        options: &TrafficOptions,
    ) -> Self {
        let forced = options.forced.or_else(|| {
            let mut ports = options.ports.iter();
            let chosen = ports.find(|(port, _)| *port == server.port());
            chosen.map(|(_, protocol)| *protocol)
        });
        let mut connection = Connection::new(forced, options.settings.clone());
        if let Some(protocol) = usual_on(server.port()).filter(|_| forced.is_none()) {
            connection.expect(protocol);
        }
        Self {
            origins: Both {
                client_to_server: origin(number, Direction::ClientToServer, (client, server)),
                server_to_client: origin(number, Direction::ServerToClient, (server, client)),
            },
            state: State {
                server,
                connection,
                pending: Both::default(),
                lacks: Both::default(),
                ends: Both::default(),
                asked: Asked::default(),
                foreign: 0,
                not_inflated: None,
                info: StreamInfo::default(),
            },
        }
    }

    pub fn info(&self) -> &StreamInfo {
        &self.state.info
    }

    /// Takes an event from the capture called `file`, if there are several.
    pub fn event(
        &mut self,
        event: &Event<'_>,
        file: Option<&String>,
        options: &TrafficOptions,
        pipeline: &mut Pipeline<'_>,
    ) -> io::Result<Flow> {
        let origin = self.origins.get_mut(event.direction);
        place(origin, event, file);
        let before = pipeline.totals();
        let flow = self.state.event(event, origin, options, pipeline)?;
        self.state.count(before, pipeline.totals());
        Ok(flow)
    }

    /// Bytes taken by frames that are not whole yet.
    pub fn cost(&self) -> usize {
        let Both {
            client_to_server: client,
            server_to_client: server,
        } = &self.state.pending;
        client.bytes.capacity() + server.bytes.capacity()
    }

    /// Lets go of frames that are not whole yet, for want of room, at the time of `event`.
    pub fn shed(
        &mut self,
        event: &Event<'_>,
        file: Option<&String>,
        pipeline: &mut Pipeline<'_>,
    ) -> io::Result<Flow> {
        let before = pipeline.totals();
        let mut flow = Flow::Continue;
        for direction in [
            net::Direction::ClientToServer,
            net::Direction::ServerToClient,
        ] {
            let origin = self.origins.get_mut(direction);
            place(origin, event, file);
            origin.transport = Some(Transport::Tcp);
            let pending = self.state.pending.get_mut(direction);
            if flow == Flow::Continue {
                flow = pending.shed(&mut self.state.connection, origin, pipeline)?;
            }
            pending.start(&[], pending.offset);
            pending.bytes = Vec::new();
            if let Some(direction) = origin.direction {
                self.state.connection.gap(direction);
            }
        }
        self.state.count(before, pipeline.totals());
        Ok(flow)
    }

    /// The connection is over: what was put together in part is shown, the figures are final.
    pub fn over(
        &mut self,
        event: &Event<'_>,
        file: Option<&String>,
        pipeline: &mut Pipeline<'_>,
    ) -> io::Result<Flow> {
        let before = pipeline.totals();
        let Both {
            client_to_server: client,
            server_to_client: server,
        } = &mut self.origins;
        place(client, event, file);
        place(server, event, file);
        let state = &mut self.state;
        let ends = state.ends;
        let flow = pipeline.close(&mut state.connection, &|sender| match sender {
            Some(Direction::ServerToClient) => (server.clone(), ends.server_to_client),
            _ => (client.clone(), ends.client_to_server),
        })?;
        state.count(before, pipeline.totals());
        state.finish();
        Ok(flow)
    }
}

/// What the records of one direction share.
fn origin(number: u32, direction: Direction, ends: (SocketAddr, SocketAddr)) -> Origin {
    Origin {
        stream: Some(number),
        direction: Some(direction),
        source: Some(ends.0),
        destination: Some(ends.1),
        ..Origin::default()
    }
}

/// Makes `origin` that of `event`.
fn place(origin: &mut Origin, event: &Event<'_>, file: Option<&String>) {
    origin.time = Some(event.time_ns);
    origin.transport = Some(event.transport.into());
    if origin.file.as_ref() != file {
        origin.file = file.cloned();
    }
}

impl State {
    fn event(
        &mut self,
        event: &Event<'_>,
        origin: &Origin,
        options: &TrafficOptions,
        pipeline: &mut Pipeline<'_>,
    ) -> io::Result<Flow> {
        let other = event.direction.reverse();
        if *self.lacks.get_mut(other) != event.other_lacks {
            *self.lacks.get_mut(other) = event.other_lacks;
            if let Some(own) = origin.direction {
                self.connection.lacks(own.reverse(), event.other_lacks);
            }
        }
        if let Some(end) = end(&event.kind) {
            *self.ends.get_mut(event.direction) = end;
        }
        match &event.kind {
            Kind::Data { offset, bytes } => self.data(event, origin, *offset, bytes, pipeline),
            Kind::Message(message) => self.message(origin, message, options, pipeline),
            Kind::Gap { offset, missing } => {
                self.gap(event, origin, (*offset, *missing), options, pipeline)
            }
            Kind::Close { .. } => self.ended(event, origin, pipeline),
            Kind::Fragment {
                offset,
                bytes,
                reason,
            } => pipeline.show(origin, *offset, bytes, |message| {
                message.unknown(bytes.len());
                // The hole itself is told already.
                let severity = match *reason {
                    "gap" => Severity::Note,
                    _ => Severity::Error,
                };
                let at = (0, bytes.len());
                message.issue(severity, reason, at, "part of a message that is not whole");
            }),
            Kind::Finding(finding) if NOT_INFLATED.contains(&finding.code) => {
                // The message that follows is shown with it.
                self.not_inflated = Some((finding.code, finding.message.to_string()));
                Ok(Flow::Continue)
            }
            Kind::Finding(finding) => {
                let carrier = Transport::from(event.transport).name();
                show_finding(pipeline, origin, finding, carrier, options.all)
            }
            Kind::Control(control) => {
                self.asked.control(control, self.server);
                if options.all {
                    show_control(pipeline, origin, control)
                } else {
                    Ok(Flow::Continue)
                }
            }
            _ => Ok(Flow::Continue),
        }
    }

    /// The figures are final.
    fn finish(&mut self) {
        let connection = &self.connection;
        self.info.frames = connection.frames() + self.foreign;
        self.info.service = connection.service().map(str::to_owned);
        if self.info.service.is_none() {
            self.info.service = self.asked.name();
        }
        if connection.frames() > 0 {
            self.info.protocol = connection.protocol().map(Protocol::name);
        }
    }

    fn count(&mut self, before: Totals, after: Totals) {
        self.info.shown += after.shown - before.shown;
        self.info.errors += after.errors - before.errors;
        self.info.warnings += after.warnings - before.warnings;
    }

    /// Bytes of a plain stream: decoded where they are if nothing is pending.
    fn data(
        &mut self,
        event: &Event<'_>,
        origin: &Origin,
        offset: u64,
        bytes: &[u8],
        pipeline: &mut Pipeline<'_>,
    ) -> io::Result<Flow> {
        let pending = self.pending.get_mut(event.direction);
        if pending.bytes.len() > pending.used {
            pending.add(bytes);
            if pending.bytes.len() - pending.used < pending.needs {
                return Ok(Flow::Continue);
            }
            return pending.feed(&mut self.connection, origin, false, pipeline);
        }
        let chunk = Chunk {
            bytes,
            offset,
            whole: false,
            ended: false,
            origin,
        };
        let (used, flow) = pipeline.feed(&mut self.connection, &chunk)?;
        pending.start(bytes.get(used..).unwrap_or_default(), offset + used as u64);
        pending.needs = self.connection.needs();
        Ok(flow)
    }

    fn message(
        &mut self,
        origin: &Origin,
        message: &net::Message<'_>,
        options: &TrafficOptions,
        pipeline: &mut Pipeline<'_>,
    ) -> io::Result<Flow> {
        let bytes = message.bytes;
        if message.deflated {
            self.foreign += 1;
            let (code, why) = self
                .not_inflated
                .take()
                .unwrap_or_else(|| ("cannot-inflate", "compressed as it was sent".to_owned()));
            return pipeline.show(origin, message.offset, bytes, |record| {
                record.unknown(bytes.len());
                record.error(code, (0, bytes.len()), why);
            });
        }
        let foreign = match message.envelope {
            // Any page and any text may travel here; only what is known is ours.
            net::Envelope::Http(_) => true,
            _ => message.text,
        };
        if bytes.is_empty() && !foreign {
            self.foreign += 1;
            return pipeline.show(origin, message.offset, bytes, |record| {
                record.unknown(0);
                record.warning(
                    "empty-websocket-message",
                    (0, 0),
                    "a message that holds nothing",
                );
            });
        }
        let mut chunk = Chunk {
            bytes,
            offset: message.offset,
            whole: true,
            ended: true,
            origin,
        };
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            if rest.is_empty() && used > 0 {
                return Ok(Flow::Continue);
            }
            chunk.bytes = rest;
            chunk.offset = message.offset + used as u64;
            if foreign && used == 0 && !self.connection.recognizes(rest, origin.direction) {
                self.foreign += 1;
                return foreign_text(origin, chunk.offset, rest, message, options, pipeline);
            }
            let (count, flow) = pipeline.feed(&mut self.connection, &chunk)?;
            if flow == Flow::Stop || rest.is_empty() {
                return Ok(flow);
            }
            used += count.max(1);
        }
    }

    fn gap(
        &mut self,
        event: &Event<'_>,
        origin: &Origin,
        (offset, missing): (u64, u64),
        options: &TrafficOptions,
        pipeline: &mut Pipeline<'_>,
    ) -> io::Result<Flow> {
        if self.ended(event, origin, pipeline)? == Flow::Stop {
            return Ok(Flow::Stop);
        }
        if let Some(direction) = origin.direction {
            self.connection.gap(direction);
        }
        pipeline.show(origin, offset, &[], |message| {
            no_frame(message, "tcp", "Gap");
            if options.live {
                let text = format!(
                    "{missing} bytes passed but were not decoded: they came faster than records go out"
                );
                message.issue(Severity::Warning, "records-dropped", (0, 0), text);
            } else {
                let text = format!("{missing} bytes are not in the capture");
                message.issue(Severity::Error, "missing-bytes", (0, 0), text);
            }
        })
    }

    /// Nothing follows what is pending.
    fn ended(
        &mut self,
        event: &Event<'_>,
        origin: &Origin,
        pipeline: &mut Pipeline<'_>,
    ) -> io::Result<Flow> {
        let pending = self.pending.get_mut(event.direction);
        if pending.bytes.len() == pending.used {
            return Ok(Flow::Continue);
        }
        pending.feed(&mut self.connection, origin, true, pipeline)
    }
}

impl Pending {
    fn start(&mut self, bytes: &[u8], offset: u64) {
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        self.used = 0;
        self.offset = offset;
        if self.bytes.is_empty() && self.bytes.capacity() > 1 << 16 {
            self.bytes = Vec::new();
        }
    }

    /// Says that what waits is given up, and shows it.
    fn shed(
        &mut self,
        connection: &mut Connection,
        origin: &Origin,
        pipeline: &mut Pipeline<'_>,
    ) -> io::Result<Flow> {
        let waiting = self.bytes.len() - self.used;
        if waiting == 0 {
            return Ok(Flow::Continue);
        }
        let flow = pipeline.show(origin, self.offset, &[], |message| {
            no_frame(message, "tcp", "Finding");
            let text = format!(
                "{waiting} bytes of an unfinished frame were given up: too much is under way"
            );
            message.issue(Severity::Error, "message-evicted", (0, 0), text);
        })?;
        match flow {
            Flow::Continue => self.feed(connection, origin, true, pipeline),
            Flow::Stop => Ok(Flow::Stop),
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        if self.used > self.bytes.len() / 2 {
            self.bytes.drain(..self.used);
            self.used = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    fn feed(
        &mut self,
        connection: &mut Connection,
        origin: &Origin,
        ended: bool,
        pipeline: &mut Pipeline<'_>,
    ) -> io::Result<Flow> {
        let chunk = Chunk {
            bytes: self.bytes.get(self.used..).unwrap_or_default(),
            offset: self.offset,
            whole: false,
            ended,
            origin,
        };
        let (used, flow) = pipeline.feed(connection, &chunk)?;
        self.used += used;
        self.offset += used as u64;
        self.needs = connection.needs();
        if self.used == self.bytes.len() || ended {
            self.start(&[], self.offset);
        }
        Ok(flow)
    }
}

/// Text that is no known message. What a WebSocket or an event stream carries is shown; the bodies of
/// other HTTP traffic only if all is wanted.
fn foreign_text(
    origin: &Origin,
    offset: u64,
    bytes: &[u8],
    message: &net::Message<'_>,
    options: &TrafficOptions,
    pipeline: &mut Pipeline<'_>,
) -> io::Result<Flow> {
    if !options.all && matches!(message.envelope, net::Envelope::Http(_)) {
        return Ok(Flow::Continue);
    }
    pipeline.show(origin, offset, bytes, |record| {
        record.unknown(bytes.len());
        record.warning(
            "foreign-text",
            (0, bytes.len()),
            "text of no known protocol",
        );
    })
}

/// Where the bytes end that an event brings, if it brings any.
fn end(kind: &Kind<'_>) -> Option<u64> {
    let (offset, bytes) = match kind {
        Kind::Data { offset, bytes } | Kind::Fragment { offset, bytes, .. } => (*offset, *bytes),
        Kind::Message(message) => (message.offset, message.bytes),
        _ => return None,
    };
    Some(offset + bytes.len() as u64)
}

impl From<net::Transport> for Transport {
    fn from(transport: net::Transport) -> Self {
        match transport {
            net::Transport::Tcp => Self::Tcp,
            net::Transport::Udp => Self::Udp,
            net::Transport::WebSocket => Self::WebSocket,
            net::Transport::Http => Self::Http,
            net::Transport::Sse => Self::Sse,
            net::Transport::Tls => Self::Tls,
        }
    }
}

/// The protocol that usually listens on `port`.
fn usual_on(port: u16) -> Option<&'static dyn Protocol> {
    ALL.iter()
        .find(|protocol| protocol.ports().contains(&port))
        .copied()
}
