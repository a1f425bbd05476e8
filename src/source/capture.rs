//! Captured traffic: events of the network layer become records.

mod control;
mod service;
mod stream;

pub use stream::StreamInfo;

use crate::model::{Message, Origin, Severity, Wanted};
use crate::net::{self, Control, Event, Item, Kind, Merge, PayloadProbe};
use crate::pipeline::{Flow, Pipeline};
use crate::protocol::{ALL, Confidence, Input, Protocol, Settings};
use crate::source::SourceError;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use stream::Stream;

/// Unfinished frames of all connections may take so much at least.
const LEAST_ROOM: usize = 16 << 20;

/// What the user wants of captured traffic.
#[derive(Clone, Debug, Default)]
pub struct TrafficOptions {
    /// Decode every connection as this protocol.
    pub forced: Option<&'static dyn Protocol>,
    /// Decode connections of these server ports as these protocols.
    pub ports: Vec<(u16, &'static dyn Protocol)>,
    /// What the user has said about decoding.
    pub settings: Settings,
    /// Show what belongs to the transports, too: handshakes, pings, closes.
    pub all: bool,
    /// Only these connections.
    pub follow: Vec<u32>,
    /// Only connections from or to one of these ports.
    pub only_ports: Vec<u16>,
    /// Only connections from or to one of these addresses.
    pub only_hosts: Vec<std::net::IpAddr>,
    /// What the captures are called, in their order, if there are several.
    pub files: Vec<String>,
    /// TLS secrets in the format of SSLKEYLOGFILE.
    pub key_log: Vec<u8>,
    /// Follow so many connections at a time, if the user has chosen.
    pub most_connections: Option<usize>,
    /// The bytes come from live connections: what is missing of them passed, but too fast.
    pub live: bool,
}

impl TrafficOptions {
    /// The same, where no more than `wanted` is looked at in messages.
    #[must_use]
    pub fn wanting(&self, wanted: Wanted) -> Self {
        let mut options = self.clone();
        options.settings.wanted = wanted;
        options
    }
}

/// Receives what is said about connections beside their records.
pub trait Observer {
    /// A connection is over; nothing else will be said about it.
    ///
    /// # Errors
    /// If that cannot be passed on.
    fn connection(&mut self, _summary: &net::Summary, _info: &StreamInfo) -> io::Result<()> {
        Ok(())
    }

    /// Bytes of a TCP stream, in order, with holes left out.
    ///
    /// # Errors
    /// If they cannot be kept.
    fn payload(
        &mut self,
        _connection: u32,
        _direction: net::Direction,
        _bytes: &[u8],
    ) -> io::Result<()> {
        Ok(())
    }

    /// Whether [`Observer::payload`] is wanted.
    fn wants_payload(&self) -> bool {
        false
    }
}

/// Wants nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {}

/// Decodes captures, read together in time order, to their end.
///
/// # Errors
/// If reading or writing fails.
pub fn decode_captures<R: Read>(
    captures: &mut Merge<R>,
    options: &TrafficOptions,
    pipeline: &mut Pipeline<'_>,
    observer: &mut dyn Observer,
) -> Result<Flow, SourceError> {
    let mut decoder = net::Decoder::new(network_options(options, observer.wants_payload()));
    let mut traffic = Traffic::new(options, pipeline, observer);
    let mut more = true;
    while more && traffic.flow == Flow::Continue {
        if captures.waits() {
            traffic.pipeline.flush()?;
        }
        more = captures.step(&mut |file, item| {
            traffic.file = file;
            match item {
                Item::Packet(packet) => decoder.packet(&packet, &mut |event| traffic.event(&event)),
                Item::TlsSecrets(text) => decoder.tls_secrets(text),
                Item::Comment(_) => {}
                Item::Finding(finding) => traffic.finding(None, &finding),
            }
        })?;
        traffic.check()?;
    }
    if traffic.flow == Flow::Continue {
        decoder.finish(&mut |event| traffic.event(&event));
        traffic.check()?;
    }
    Ok(traffic.flow)
}

/// The network layer's options for `options`.
#[must_use]
pub fn network_options(options: &TrafficOptions, raw: bool) -> net::Options {
    let mut network = net::Options {
        message_limit: options.settings.most_frame,
        probe: Some(Arc::new(AnyProtocol(options.settings.clone()))),
        raw,
        connection_limit: options
            .most_connections
            .unwrap_or(net::DEFAULT_CONNECTION_LIMIT),
        ..net::Options::default()
    };
    network.tls_keys.add(&options.key_log);
    let known = ALL.iter().flat_map(|protocol| protocol.ports());
    network.server_ports.extend(known.copied());
    network
        .server_ports
        .extend(options.ports.iter().map(|(port, _)| *port));
    let bare = options
        .ports
        .iter()
        .filter(|(_, protocol)| protocol.is_bare());
    network.plain_ports.extend(bare.map(|(port, _)| *port));
    network
}

/// Tells the network layer whether bytes look like a message of any protocol.
#[derive(Debug)]
struct AnyProtocol(Settings);

impl PayloadProbe for AnyProtocol {
    fn plausible(&self, payload_start: &[u8], _payload_length: u64) -> bool {
        let input = Input {
            bytes: payload_start,
            whole: false,
            ended: false,
            direction: None,
            time: None,
        };
        ALL.iter()
            .any(|protocol| protocol.probe(&input, &self.0) >= Confidence::Likely)
    }
}

/// Spreads connection numbers, which the network layer gives out one by one: no peer chooses them.
#[derive(Clone, Copy, Debug, Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32((*byte).into());
        }
    }

    fn write_u32(&mut self, number: u32) {
        // The table looks at the upper bits, too (Fibonacci hashing).
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// A connection that the user wants to see.
struct Followed {
    client: SocketAddr,
    server: SocketAddr,
    /// What is known beyond that; many connections never say a word.
    stream: Option<Box<Stream>>,
}

impl Followed {
    fn cost(&self) -> usize {
        self.stream.as_ref().map_or(0, |stream| stream.cost())
    }

    fn stream(&mut self, number: u32, options: &TrafficOptions) -> &mut Stream {
        let (client, server) = (self.client, self.server);
        self.stream
            .get_or_insert_with(|| Box::new(Stream::new(number, client, server, options)))
    }
}

/// Turns events into records.
pub struct Traffic<'t, 's> {
    options: &'t TrafficOptions,
    pipeline: &'t mut Pipeline<'s>,
    observer: &'t mut dyn Observer,
    streams: HashMap<u32, Box<Followed>, BuildHasherDefault<Spread>>,
    /// What unfinished frames of all of them take.
    cost: usize,
    /// Which capture the events come from.
    file: usize,
    flow: Flow,
    failure: Option<io::Error>,
}

impl std::fmt::Debug for Traffic<'_, '_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Traffic")
            .field("streams", &self.streams.len())
            .finish_non_exhaustive()
    }
}

impl<'t, 's> Traffic<'t, 's> {
    /// Records go to `pipeline`.
    pub fn new(
        options: &'t TrafficOptions,
        pipeline: &'t mut Pipeline<'s>,
        observer: &'t mut dyn Observer,
    ) -> Self {
        Self {
            options,
            pipeline,
            observer,
            streams: HashMap::default(),
            cost: 0,
            file: 0,
            flow: Flow::Continue,
            failure: None,
        }
    }

    /// The failure that an event has met, if any; events cannot return it.
    ///
    /// # Errors
    /// That failure.
    pub fn check(&mut self) -> io::Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Whether more is welcome.
    #[must_use]
    pub fn flow(&self) -> Flow {
        self.flow
    }

    /// Where records go.
    pub fn pipeline(&mut self) -> &mut Pipeline<'s> {
        self.pipeline
    }

    /// Takes one event.
    pub fn event(&mut self, event: &Event<'_>) {
        if self.flow == Flow::Stop || self.failure.is_some() {
            return;
        }
        if let Err(error) = self.handle(event) {
            self.failure = Some(error);
        }
    }

    fn handle(&mut self, event: &Event<'_>) -> io::Result<()> {
        let Some(number) = event.connection else {
            if let Kind::Finding(finding) = &event.kind {
                self.finding(Some(event.time_ns), finding);
            }
            return Ok(());
        };
        match &event.kind {
            Kind::Open { client, server, .. } => {
                if stream::is_wanted(number, [*client, *server], self.options) {
                    let followed = Followed {
                        client: *client,
                        server: *server,
                        stream: None,
                    };
                    self.streams.insert(number, Box::new(followed));
                }
                return Ok(());
            }
            Kind::Summary(summary) => {
                let file = self.options.files.get(self.file);
                if let Some(mut followed) = self.streams.remove(&number) {
                    self.cost -= followed.cost();
                    let stream = followed.stream(number, self.options);
                    self.flow = stream.over(event, file, self.pipeline)?;
                    self.observer.connection(summary, stream.info())?;
                }
                return Ok(());
            }
            _ => {}
        }
        let Some(followed) = self.streams.get_mut(&number) else {
            return Ok(());
        };
        let stream = match &event.kind {
            Kind::Close { .. } if followed.stream.is_none() => return Ok(()),
            _ => followed.stream(number, self.options),
        };
        if let Kind::Raw { bytes, .. } = &event.kind {
            return self.observer.payload(number, event.direction, bytes);
        }
        let before = stream.cost();
        let file = self.options.files.get(self.file);
        self.flow = stream.event(event, file, self.options, self.pipeline)?;
        self.cost = self.cost - before + stream.cost();
        if self.cost > self.most_cost() && self.flow == Flow::Continue {
            self.shed(event)?;
        }
        Ok(())
    }

    /// How much unfinished frames may take in all: one that is as large as may be always has room.
    fn most_cost(&self) -> usize {
        self.options.settings.most_frame.max(LEAST_ROOM)
    }

    /// Gives up the largest unfinished frames, until there is ample room again.
    fn shed(&mut self, event: &Event<'_>) -> io::Result<()> {
        let costs = self
            .streams
            .iter()
            .map(|(number, one)| (one.cost(), *number));
        let mut costs: Vec<(usize, u32)> = costs.filter(|(cost, _)| *cost > 0).collect();
        costs.sort_unstable_by(|left, right| right.cmp(left));
        if costs.len() < 2 {
            return Ok(());
        }
        let file = self.options.files.get(self.file);
        for (cost, number) in costs {
            if self.cost <= self.most_cost() / 4 * 3 || self.flow == Flow::Stop {
                break;
            }
            let followed = self.streams.get_mut(&number);
            if let Some(stream) = followed.and_then(|followed| followed.stream.as_mut()) {
                self.flow = stream.shed(event, file, self.pipeline)?;
                self.cost = self.cost - cost + stream.cost();
            }
        }
        Ok(())
    }

    fn finding(&mut self, time: Option<u64>, finding: &net::Finding<'_>) {
        let origin = Origin {
            time,
            file: self.options.files.get(self.file).cloned(),
            ..Origin::default()
        };
        let shown = show_finding(self.pipeline, &origin, finding, "capture", self.options.all);
        match shown {
            Ok(flow) => self.flow = flow,
            Err(error) => self.failure = Some(error),
        }
    }
}

/// Shows a finding of the network layer as a record without bytes; notes only with `all`.
fn show_finding(
    pipeline: &mut Pipeline<'_>,
    origin: &Origin,
    finding: &net::Finding<'_>,
    protocol: &'static str,
    all: bool,
) -> io::Result<Flow> {
    let severity = severity(finding.severity);
    if severity == Severity::Note && !all {
        return Ok(Flow::Continue);
    }
    pipeline.show(origin, finding.offset, &[], |message| {
        no_frame(message, protocol, "Finding");
        message.issue(severity, finding.code, (0, 0), finding.message.clone());
    })
}

/// Makes `message` one of a transport, which is no frame: its bytes are none, whatever its values.
fn no_frame(message: &mut Message, protocol: &'static str, type_name: &'static str) {
    message.protocol = protocol;
    message.type_name = type_name;
    message.faithful = false;
}

fn severity(severity: net::Severity) -> Severity {
    match severity {
        net::Severity::Note => Severity::Note,
        net::Severity::Warning => Severity::Warning,
        net::Severity::Error => Severity::Error,
    }
}

/// Shows a handshake, ping or close as a record.
fn show_control(
    pipeline: &mut Pipeline<'_>,
    origin: &Origin,
    control: &Control<'_>,
) -> io::Result<Flow> {
    pipeline.show(origin, 0, &[], |message| control::fill(control, message))
}
