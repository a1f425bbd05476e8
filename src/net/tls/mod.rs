//! TLS: recognised, named, and decrypted where the secrets are known.

mod hello;
mod keys;
mod record;

use super::event::{
    Both, Control, Direction, Event, Finding, Kind, Sink, Stamp, TlsNames, Transport,
};

use self::hello::Hello;
pub use self::keys::KeyLog;
use self::keys::{Opener, Secrets, Suite};
use self::record::{
    ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, CLIENT_HELLO, HANDSHAKE, Records, SERVER_HELLO,
};
pub(super) use self::record::{
    begins_with_records, is_server_hello, start_of_client, start_of_server,
};

const ENCRYPTED_EXTENSIONS: u8 = 8;
const FINISHED: u8 = 20;
const KEY_UPDATE: u8 = 24;
const TLS13: u16 = 0x0304;
/// Records that may be missing before one that is tried.
const LOST_LIMIT: u64 = 128;
/// Longest handshake message that is joined; longer ones are passed over.
const HANDSHAKE_LIMIT: usize = 64 << 10;

/// One TLS connection.
pub(super) struct Tls {
    keys: KeyLog,
    sides: Both<Side>,
    client: Option<Hello>,
    server: Option<Hello>,
    secrets: Secrets,
    names: TlsNames,
    /// Whether it was said that something stays encrypted.
    told: bool,
    plain: Vec<u8>,
}

#[derive(Default)]
struct Side {
    records: Records,
    handshake: Vec<u8>,
    /// Bytes of a long handshake message still to be passed over.
    passing: usize,
    opener: Option<Opener>,
    /// The opener after a ChangeCipherSpec, in TLS 1.2.
    pending: Option<Opener>,
    /// Records are protected from now on.
    protected: bool,
    /// The handshake's last message came; another one only ends an authentication (RFC 8446, 4.6.2).
    finished: bool,
    /// So many records may be missing before the next one.
    lost: u64,
    /// The last record could not be decrypted; that was told.
    failing: bool,
    /// Plaintext handed out so far.
    offset: u64,
}

/// What a connection does with decrypted bytes.
pub(super) enum Inner<'a> {
    /// Application data that follow at this offset.
    Data(u64, &'a [u8]),
    /// Application data are missing.
    Lost,
}

impl Tls {
    pub(super) fn new(keys: KeyLog) -> Self {
        Self {
            keys,
            sides: Both::default(),
            client: None,
            server: None,
            secrets: Secrets::default(),
            names: TlsNames::default(),
            told: false,
            plain: Vec::new(),
        }
    }

    pub(super) fn cost(&self) -> usize {
        let cost = |side: &Side| side.records.cost() + side.handshake.len();
        cost(&self.sides.client_to_server) + cost(&self.sides.server_to_client)
    }

    /// Takes the next bytes; hands decrypted application data to `inner`.
    pub(super) fn data(
        &mut self,
        at: Stamp,
        bytes: &[u8],
        sink: &mut Sink<'_>,
        inner: &mut dyn FnMut(Inner<'_>, &mut Sink<'_>),
    ) {
        self.sides.get_mut(at.direction).records.push(bytes);
        loop {
            let tls13 = self.is_tls13();
            let side = self.sides.get_mut(at.direction);
            let mut plain = std::mem::take(&mut self.plain);
            let Some((header, payload)) = side.records.next() else {
                self.plain = plain;
                return;
            };
            let length = payload.len();
            let [kind, ..] = header;
            if kind == APPLICATION_DATA && side.lost > 0 && side.pending.is_some() {
                // The ChangeCipherSpec is among what is lost.
                side.protected = true;
                side.opener = side.pending.take();
            }
            let opened = if side.protected && kind != CHANGE_CIPHER_SPEC {
                let sealed = Sealed {
                    header,
                    payload,
                    lost: side.lost,
                    tls13,
                };
                let mut opened = sealed.open(side.opener.as_mut(), &mut plain);
                if opened.is_none() && tls13 && side.lost > 0 {
                    // Perhaps the message that changes the keys is among what is lost.
                    let mut later = match side.finished {
                        true => side.opener.as_ref().and_then(Opener::updated),
                        false => {
                            let secret = self.secrets.traffic(at.direction);
                            secret.and_then(|secret| tls13_opener(&self.server, secret))
                        }
                    };
                    opened = sealed.open(later.as_mut(), &mut plain);
                    if opened.is_some() {
                        side.finished = true;
                        side.opener = later;
                    }
                }
                side.lost = if opened.is_some() { 0 } else { side.lost / 4 };
                opened.map(|(kind, length)| {
                    plain.truncate(length);
                    kind
                })
            } else {
                plain.clear();
                plain.extend_from_slice(payload);
                Some(kind)
            };
            self.sides.get_mut(at.direction).records.consume(length);
            match opened {
                Some(kind) => self.record(at, kind, &plain, sink, inner),
                None => self.not_opened(at, kind, sink, inner),
            }
            self.plain = plain;
        }
    }

    /// `missing` bytes will not come.
    pub(super) fn gap(
        &mut self,
        at: Stamp,
        missing: u64,
        sink: &mut Sink<'_>,
        inner: &mut dyn FnMut(Inner<'_>, &mut Sink<'_>),
    ) {
        let side = self.sides.get_mut(at.direction);
        side.records.gap(missing);
        // Each record takes at least its header, a byte, and a tag.
        side.lost = side.lost.saturating_add(missing / 22 + 2).min(LOST_LIMIT);
        side.failing = false;
        side.handshake.clear();
        inner(Inner::Lost, sink);
    }

    /// Nothing more will come in this direction.
    pub(super) fn close(&mut self, at: Stamp, sink: &mut Sink<'_>) {
        if self.server.is_none()
            && self.client.is_some()
            && at.direction == Direction::ServerToClient
        {
            self.tell_names(at, sink);
        }
    }

    fn is_tls13(&self) -> bool {
        self.server
            .as_ref()
            .is_some_and(|hello| hello.version == TLS13)
    }

    fn record(
        &mut self,
        at: Stamp,
        kind: u8,
        plain: &[u8],
        sink: &mut Sink<'_>,
        inner: &mut dyn FnMut(Inner<'_>, &mut Sink<'_>),
    ) {
        let side = self.sides.get_mut(at.direction);
        side.failing = false;
        match kind {
            HANDSHAKE => self.handshake(at, plain, sink),
            APPLICATION_DATA if side.opener.is_some() => {
                let offset = side.offset;
                side.offset += plain.len() as u64;
                inner(Inner::Data(offset, plain), sink);
            }
            APPLICATION_DATA => self.stays_encrypted(at, sink),
            CHANGE_CIPHER_SPEC if !self.is_tls13() && self.server.is_some() => {
                let side = self.sides.get_mut(at.direction);
                side.protected = true;
                side.opener = side.pending.take();
                side.handshake.clear();
            }
            ALERT => self.alert(at, plain, sink),
            _ => {}
        }
    }

    fn alert(&self, at: Stamp, plain: &[u8], sink: &mut Sink<'_>) {
        if let [2, description] = plain {
            let offset = self.sides.get(at.direction).offset;
            let message = format!("fatal alert {description}");
            let finding = Finding::warning("tls-alert", offset, message);
            sink(Event::new(at, Transport::Tls, Kind::Finding(finding)));
        }
    }

    fn not_opened(
        &mut self,
        at: Stamp,
        kind: u8,
        sink: &mut Sink<'_>,
        inner: &mut dyn FnMut(Inner<'_>, &mut Sink<'_>),
    ) {
        let side = self.sides.get(at.direction);
        if side.opener.is_none() {
            return self.stays_encrypted(at, sink);
        }
        let early = self.client.as_ref().is_some_and(|hello| hello.early_data)
            && at.direction == Direction::ClientToServer
            && side.offset == 0;
        if early {
            // Early data has keys of its own; what follows it begins to count at 0.
            if let Some(secret) = &self.secrets.client_handshake {
                self.use_secret(at.direction, &secret.clone());
            }
            return;
        }
        if std::mem::replace(&mut self.sides.get_mut(at.direction).failing, true) {
            return;
        }
        let side = self.sides.get(at.direction);
        let finding = Finding::error(
            "tls-record-damaged",
            side.offset,
            format!("a record of kind {kind} cannot be decrypted; more may follow"),
        );
        sink(Event::new(at, Transport::Tls, Kind::Finding(finding)));
        inner(Inner::Lost, sink);
    }

    /// Joins handshake messages.
    fn handshake(&mut self, at: Stamp, mut bytes: &[u8], sink: &mut Sink<'_>) {
        let side = self.sides.get_mut(at.direction);
        let passed = side.passing.min(bytes.len());
        side.passing -= passed;
        bytes = bytes.get(passed..).unwrap_or_default();
        let mut buffer = std::mem::take(&mut side.handshake);
        buffer.extend_from_slice(bytes);
        let mut rest = buffer.as_slice();
        while let Some((&[kind, a, b, c], after)) = rest.split_first_chunk::<4>() {
            let length = u32::from_be_bytes([0, a, b, c]) as usize;
            let Some((body, after)) = after.split_at_checked(length) else {
                if length > HANDSHAKE_LIMIT {
                    self.sides.get_mut(at.direction).passing = length - after.len();
                    rest = &[];
                }
                break;
            };
            rest = after;
            self.message(at, kind, body, sink);
        }
        self.sides.get_mut(at.direction).handshake = rest.to_vec();
    }

    fn message(&mut self, at: Stamp, kind: u8, body: &[u8], sink: &mut Sink<'_>) {
        match (kind, at.direction) {
            (CLIENT_HELLO, Direction::ClientToServer) => {
                if let Some(hello) = hello::client(body) {
                    self.names.server_name.clone_from(&hello.server_name);
                    self.names.protocols.clone_from(&hello.protocols);
                    self.names.version = hello::version_name(hello.version);
                    self.client = Some(hello);
                }
            }
            (SERVER_HELLO, Direction::ServerToClient) => {
                if let Some(hello) = hello::server(body).filter(|hello| !hello.retry) {
                    self.agreed(at, hello, sink);
                }
            }
            (FINISHED, direction) if self.is_tls13() => {
                let secret = self.secrets.traffic(direction);
                let opener = secret.and_then(|secret| tls13_opener(&self.server, secret));
                let side = self.sides.get_mut(direction);
                if !std::mem::replace(&mut side.finished, true) {
                    side.opener = opener;
                }
            }
            (KEY_UPDATE, direction) if self.is_tls13() => {
                let side = self.sides.get_mut(direction);
                side.opener = side.opener.as_ref().and_then(Opener::updated);
            }
            (ENCRYPTED_EXTENSIONS, Direction::ServerToClient) if self.is_tls13() => {
                let chosen = hello::encrypted_extensions(body);
                if !chosen.is_empty() && chosen != self.names.protocols {
                    self.names.protocols = chosen;
                    self.tell_names(at, sink);
                }
            }
            _ => {}
        }
    }

    /// Both hellos are known: names what is used, and takes up the secrets.
    fn agreed(&mut self, at: Stamp, hello: Hello, sink: &mut Sink<'_>) {
        self.names.version = hello::version_name(hello.version);
        self.names.cipher_suite = hello.suite;
        if !hello.protocols.is_empty() {
            self.names.protocols.clone_from(&hello.protocols);
        }
        let client_random = self.client.as_ref().map(|client| client.random);
        let secrets = client_random.and_then(|random| self.keys.secrets(&random));
        let known = secrets.is_some();
        self.secrets = secrets.unwrap_or_default();
        let suite = hello.suite.and_then(Suite::of);
        let server_random = hello.random;
        let tls13 = hello.version == TLS13;
        self.server = Some(hello);
        if tls13 {
            for (direction, secret) in [
                (
                    Direction::ClientToServer,
                    self.secrets.client_handshake.clone(),
                ),
                (
                    Direction::ServerToClient,
                    self.secrets.server_handshake.clone(),
                ),
            ] {
                self.sides.get_mut(direction).protected = true;
                if let Some(secret) = secret {
                    self.use_secret(direction, &secret);
                }
            }
        } else if let Some(suite) = suite
            && let Some(master) = &self.secrets.master
            && let Some(client_random) = client_random
            && let Some((client, server)) =
                Opener::tls12(suite, master, &client_random, &server_random)
        {
            self.sides.client_to_server.pending = Some(client);
            self.sides.server_to_client.pending = Some(server);
        }
        self.names.decrypted = known && suite.is_some();
        self.tell_names(at, sink);
    }

    fn use_secret(&mut self, direction: Direction, secret: &[u8]) {
        self.sides.get_mut(direction).opener = tls13_opener(&self.server, secret);
    }

    fn tell_names(&self, at: Stamp, sink: &mut Sink<'_>) {
        let control = Control::Tls(&self.names);
        sink(Event::new(at, Transport::Tls, Kind::Control(control)));
    }

    fn stays_encrypted(&mut self, at: Stamp, sink: &mut Sink<'_>) {
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        let suite = self.server.as_ref().and_then(|hello| hello.suite);
        let why = match suite {
            None if self.client.as_ref().is_some_and(|hello| hello.early_data) => {
                "it begins with early data, whose keys are not used".to_owned()
            }
            _ if self.client.is_none() => "its handshake is not in the capture".to_owned(),
            None => "the server's part of its handshake is not in the capture".to_owned(),
            Some(suite) if Suite::of(suite).is_none() => {
                format!("cipher suite {suite:#06x} is not supported")
            }
            Some(_) => "no key log has its secrets".to_owned(),
        };
        let finding = Finding::warning(
            "tls-not-decrypted",
            self.sides.get(at.direction).offset,
            format!("this TLS connection stays encrypted: {why}"),
        );
        sink(Event::new(at, Transport::Tls, Kind::Finding(finding)));
    }
}

/// A protected record.
struct Sealed<'a> {
    header: [u8; 5],
    payload: &'a [u8],
    /// So many records before it may be missing.
    lost: u64,
    tls13: bool,
}

impl Sealed<'_> {
    /// Its plaintext goes to `plain`; gives what it is, and its length.
    fn open(&self, opener: Option<&mut Opener>, plain: &mut Vec<u8>) -> Option<(u8, usize)> {
        let length = opener?.open(&self.header, self.payload, self.lost, plain)?;
        let [kind, ..] = self.header;
        unpad(kind, plain.get(..length)?, self.tls13)
    }
}

/// What opens records of TLS 1.3 that are protected with keys from `secret`.
fn tls13_opener(server: &Option<Hello>, secret: &[u8]) -> Option<Opener> {
    let suite = server.as_ref().and_then(|hello| hello.suite)?;
    Opener::tls13(Suite::of(suite)?, secret)
}

/// The content's true kind and length: TLS 1.3 hides both behind padding.
fn unpad(kind: u8, plain: &[u8], tls13: bool) -> Option<(u8, usize)> {
    if !tls13 {
        return Some((kind, plain.len()));
    }
    let last = plain.iter().rposition(|byte| *byte != 0)?;
    Some((*plain.get(last)?, last))
}
