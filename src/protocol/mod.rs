//! Protocols: one folder per family, all of the same shape.
//!
//! A [`Protocol`] knows its message types and can say whether bytes look like its own; a
//! [`Session`] follows one connection, cuts it into frames and decodes them. Neither does I/O,
//! has a clock or prints.

mod detect;
mod encode;
mod inner;
pub mod noxu;
mod pairing;
pub mod rp;
pub mod rps;
pub mod sync;

pub use detect::{Detection, Detector, Grounds};
pub use encode::{Draft, EncodeOptions, LineHead, Scratch};
pub use inner::{check_inner, read_inner, spell_inner};
pub use pairing::{Pairing, Shows};

use crate::codec::json::Cursor;
use crate::model::{Direction, Message, Origin, Wanted};
use crate::schema::{EncodeError, Field, MessageType};
use std::sync::Arc;

/// All protocols, in the order in which they are tried.
pub static ALL: &[&dyn Protocol] = &[
    &sync::NodeDbSync,
    &rp::PushwireFrames,
    &rps::PushwireJson,
    &noxu::NOXU,
];

/// All names that protocols go by: families, and the parts of a family that records name.
pub fn named() -> impl Iterator<Item = &'static dyn Protocol> {
    let parts = noxu::PARTS.iter().map(|part| part as &dyn Protocol);
    ALL.iter().copied().chain(parts)
}

/// The protocols that a family consists of, and itself; of others, only themselves.
pub fn parts_of(protocol: &'static dyn Protocol) -> impl Iterator<Item = &'static dyn Protocol> {
    let family = protocol.name();
    named().filter(move |part| {
        let rest = part.name().strip_prefix(family);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// The protocol that a record's `protocol` or a user's word names; for a family also by the name
/// of one of its parts (`noxu.feeder`).
#[must_use]
pub fn by_name(name: &str) -> Option<&'static dyn Protocol> {
    let family = name.split_once('.').map_or(name, |(family, _)| family);
    let named = |wanted: &str| ALL.iter().find(|protocol| protocol.name() == wanted);
    let part = noxu::by_name(name);
    part.or_else(|| named(name).or_else(|| named(family)).copied())
}

/// Where the next frame of any protocol plausibly starts, from `from` on.
#[must_use]
pub fn next_start(input: &Input<'_>, from: usize, settings: &Settings) -> Option<usize> {
    earliest(ALL.iter().copied(), input, from, settings)
}

/// The same for some protocols; those that search the fastest should come last.
fn earliest(
    protocols: impl DoubleEndedIterator<Item = &'static dyn Protocol>,
    input: &Input<'_>,
    from: usize,
    settings: &Settings,
) -> Option<usize> {
    /// Beyond what is found, no one needs to see more than this.
    const SIGHT: usize = 4 << 10;
    let mut input = *input;
    let mut earliest = None;
    for protocol in protocols.rev() {
        let found = protocol.find(&input, from, settings);
        if let Some(position) = found.filter(|found| earliest.is_none_or(|known| *found < known)) {
            earliest = Some(position);
            if let Some(near) = input.bytes.get(..position.saturating_add(SIGHT)) {
                input.bytes = near;
                input.ended = false;
            }
        }
    }
    earliest
}

/// Frames larger than this are taken for damage, unless the user says otherwise: 64 MiB.
pub const DEFAULT_MOST_FRAME: usize = 64 << 20;

/// What the user has said about decoding.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Largest frame, and largest output of decompressing one, in bytes.
    pub most_frame: usize,
    /// Sync version group by index, if it is not to be found out.
    pub sync_version: Option<u32>,
    /// Whether messages stand alone: nothing that one shows is used to read the next.
    pub independent: bool,
    /// What of the messages anyone will look at. Sessions may keep more.
    pub wanted: Wanted,
    /// RP compression dictionaries by id; the first with an id counts.
    pub dictionaries: Arc<Vec<(u32, Vec<u8>)>>,
    /// Names of RP channels.
    pub channels: Arc<Vec<(u8, String)>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            most_frame: DEFAULT_MOST_FRAME,
            sync_version: None,
            independent: false,
            wanted: Wanted::default(),
            dictionaries: Arc::default(),
            channels: Arc::default(),
        }
    }
}

/// Bytes to be cut into frames, and what is known of their surroundings.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The bytes, from the first that belongs to no frame yet.
    pub bytes: &'a [u8],
    /// Whether these bytes are one message, as WebSocket or a line delimits it.
    pub whole: bool,
    /// Whether nothing follows.
    pub ended: bool,
    /// Who sent them, if known.
    pub direction: Option<Direction>,
    /// When they came, in nanoseconds since the Unix epoch, if known.
    pub time: Option<u64>,
}

/// What a session makes of the start of an [`Input`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Cannot say before so many bytes are there (never more than the largest frame).
    Need(usize),
    /// The first so many bytes are a frame.
    Frame(usize),
    /// The first so many bytes may be a frame, but one that fits exactly is likelier.
    Doubtful(usize),
    /// The first so many bytes belong to no frame, and where the next one starts is found; why.
    Skip(usize, &'static str),
    /// No frame starts here; why not.
    NoFrame(&'static str),
}

/// How sure a protocol is that bytes are its own. Exact fit beats lenient fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// They are not.
    No,
    /// They might be.
    Possible,
    /// A header fits, the rest is not there yet or damaged.
    Likely,
    /// Header and content fit exactly.
    Exact,
    /// A checksum or magic confirms it.
    Certain,
}

/// One protocol.
pub trait Protocol: Sync + std::fmt::Debug {
    /// Name as in records.
    fn name(&self) -> &'static str;

    /// What it is, in a sentence.
    fn about(&self) -> &'static str;

    /// The versions it comes in, oldest first.
    fn versions(&self) -> &'static [&'static str];

    /// TCP ports it is commonly found on.
    fn ports(&self) -> &'static [u16];

    /// Its message types.
    fn messages(&self) -> &'static [MessageType];

    /// Whether the codes of its message types are on the wire.
    fn has_codes(&self) -> bool {
        true
    }

    /// Whether a record's body is what the tables of [`Protocol::messages`] say; else it describes
    /// itself, and the tables only name its parts.
    fn bodies_follow_tables(&self) -> bool {
        true
    }

    /// What records say in their `header`.
    fn header(&self) -> &'static [Field] {
        &[]
    }

    /// Which of its messages answers which.
    fn pairings(&self) -> &'static [Pairing] {
        &[]
    }

    /// Whether its messages lie in TCP (or TLS) streams themselves, never in WebSocket or HTTP.
    fn is_bare(&self) -> bool {
        false
    }

    /// Whether its messages are text, for transports that tell text from bytes.
    fn is_text(&self) -> bool {
        false
    }

    /// How sure it is that a frame of its own starts `input`.
    fn probe(&self, input: &Input<'_>, settings: &Settings) -> Confidence;

    /// The first position from `from` on where a frame of its own plausibly starts.
    fn find(&self, input: &Input<'_>, from: usize, settings: &Settings) -> Option<usize>;

    /// Appends the frame that `draft` describes. Nothing is appended if it cannot be encoded.
    ///
    /// # Errors
    /// If the draft lacks something, has something that does not belong, or contradicts itself.
    fn encode(
        &self,
        draft: &Draft<'_>,
        options: &EncodeOptions,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError>;

    /// Appends the frame of a record as our own JSON output prints it: `cursor` stands behind the
    /// message's type, and afterwards behind the body. None for what it does not take, which
    /// [`Protocol::encode`] then does; something may be appended then.
    fn transcode(
        &self,
        _head: &LineHead<'_>,
        _cursor: &mut Cursor<'_>,
        _scratch: &mut Scratch,
        _out: &mut Vec<u8>,
    ) -> Option<()> {
        None
    }

    /// Starts following a connection.
    fn session(&self, settings: &Settings) -> Box<dyn Session>;

    /// Starts checking what all connections of a run show together, if there is anything to it.
    fn across(&self) -> Option<Box<dyn Across>> {
        None
    }
}

/// Knows what the connections of a run have shown, in bounded memory.
pub trait Across: std::fmt::Debug {
    /// Checks one message, of whatever protocol, that came from `origin`, against what came before
    /// it on any connection, and remembers it. May only add issues.
    fn check(&mut self, origin: &Origin, frame: &[u8], message: &mut Message);
}

/// The checks of all protocols.
#[must_use]
pub fn across() -> Vec<Box<dyn Across>> {
    ALL.iter()
        .filter_map(|protocol| protocol.across())
        .collect()
}

/// Follows one connection, both directions.
pub trait Session: std::fmt::Debug {
    /// Says where the frame ends that starts `input`.
    fn frame(&mut self, input: &Input<'_>) -> Framing;

    /// The same for a whole message on a connection that is known to speak this protocol, when no
    /// protocol recognizes it: makes of it what can be made.
    fn salvage(&mut self, _input: &Input<'_>) -> Framing {
        Framing::NoFrame("no frame of this connection's protocol")
    }

    /// Bytes of `direction` are missing before those that come next, which may belong to the rest
    /// of a frame.
    fn gap(&mut self, _direction: Direction) {}

    /// Whether `direction` now lacks bytes that its sender has sent before what the other one
    /// sends: what that answers may not have been seen.
    fn lacks(&mut self, _direction: Direction, _lacks: bool) {}

    /// The service that the client has asked for by name, if the protocol has such.
    fn service(&self) -> Option<&str> {
        None
    }

    /// Decodes the frame that [`Session::frame`] has just cut from the start of `input`.
    fn decode(&mut self, frame: &[u8], input: &Input<'_>, message: &mut Message);

    /// Goes on behind the frame that [`Session::frame`] has just cut, without decoding it; false if
    /// that cannot be: if what the frame says decides where the next ones end.
    fn pass(&mut self, _frame: &[u8], _input: &Input<'_>) -> bool {
        false
    }

    /// Decodes the next message that was not sent as such, but put together from the frames so far;
    /// returns its bytes. If the connection has `ended`, what is unfinished comes, too.
    fn next_derived(&mut self, _ended: bool, _message: &mut Message) -> Option<Vec<u8>> {
        None
    }
}
