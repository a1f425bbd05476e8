//! Which protocol a connection speaks, and where its next frame starts.

use super::{ALL, Confidence, Framing, Input, Protocol, Session, Settings};
use crate::model::{Direction, Message};

/// Bytes that are looked through first for the next frame.
const NEAR: usize = 512;

/// What was found at the start of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detection {
    /// Cannot say before so many bytes are there.
    Need(usize),
    /// The first so many bytes are a frame of the pinned protocol.
    Frame(usize),
    /// The first so many bytes belong to no frame; why.
    Unknown(usize, &'static str),
}

/// Recognizes, cuts and decodes the frames of one connection.
///
/// The protocol is forced by the user or found by probing, and pinned. Where the pinned protocol
/// finds no frame, the others are asked again, so that a mixture is followed, too.
#[derive(Debug)]
pub struct Detector {
    candidates: Vec<Candidate>,
    pinned: Option<usize>,
    grounds: Grounds,
    /// Whether the grounds of the present protocol were told.
    told: bool,
    settings: Settings,
}

/// Why a connection was taken for a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grounds {
    /// The user says so.
    Forced,
    /// Its port or path suggests it.
    Expected,
    /// Its bytes look like it.
    Probed(Confidence),
}

impl Grounds {
    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forced => "--protocol",
            Self::Expected => "port or path",
            Self::Probed(Confidence::Certain) => "checksum or magic",
            Self::Probed(Confidence::Exact) => "exact fit",
            Self::Probed(Confidence::Likely) => "fitting header",
            Self::Probed(Confidence::Possible | Confidence::No) => "best guess",
        }
    }
}

#[derive(Debug)]
struct Candidate {
    protocol: &'static dyn Protocol,
    session: Option<Box<dyn Session>>,
    /// Whether some frame was its own beyond doubt.
    shown: bool,
}

impl Detector {
    /// Follows a connection that speaks `forced`, or any of the protocols.
    #[must_use]
    pub fn new(forced: Option<&'static dyn Protocol>, settings: Settings) -> Self {
        let protocols: Vec<&'static dyn Protocol> = match forced {
            Some(protocol) => vec![protocol],
            None => ALL.to_vec(),
        };
        Self {
            pinned: forced.map(|_| 0),
            grounds: Grounds::Forced,
            told: false,
            candidates: protocols
                .into_iter()
                .map(|protocol| Candidate {
                    protocol,
                    session: None,
                    shown: false,
                })
                .collect(),
            settings,
        }
    }

    /// Expects `protocol` first, without forcing it: what its port or path suggests.
    pub fn expect(&mut self, protocol: &'static dyn Protocol) {
        let known = |candidate: &Candidate| candidate.protocol.name() == protocol.name();
        if let Some(index) = self.candidates.iter().position(known) {
            self.pinned = Some(index);
            self.grounds = Grounds::Expected;
            self.told = false;
        }
    }

    /// Whether any protocol has good grounds to claim the message `input`.
    #[must_use]
    pub fn recognizes(&self, input: &Input<'_>) -> bool {
        self.candidates
            .iter()
            .any(|candidate| candidate.protocol.probe(input, &self.settings) >= Confidence::Likely)
    }

    /// The protocol that the last frame belonged to.
    #[must_use]
    pub fn pinned(&self) -> Option<&'static dyn Protocol> {
        let index = self.pinned?;
        self.candidates
            .get(index)
            .map(|candidate| candidate.protocol)
    }

    /// The service that the client has asked for by name.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        let sessions = self.candidates.iter();
        sessions
            .filter_map(|candidate| candidate.session.as_ref())
            .find_map(|session| session.service())
    }

    /// The protocol whose first frame was just found, and why it was taken for that; told once.
    pub fn news(&mut self) -> Option<(&'static str, Grounds)> {
        if std::mem::replace(&mut self.told, true) {
            return None;
        }
        let protocol = self.pinned()?;
        Some((protocol.name(), self.grounds))
    }

    /// Says what starts `input`.
    #[expect(clippy::inline_always, reason = "every message passes")]
    #[inline(always)]
    pub fn frame(&mut self, input: &Input<'_>) -> Detection {
        if self.settings.independent
            && input.whole
            && self.candidates.len() > 1
            && let Some(detection) = self.alone(input)
        {
            return detection;
        }
        let mut reason = "no protocol recognizes these bytes";
        let mut own = None;
        if let Some(index) = self.pinned {
            match self.cut(index, input) {
                Framing::NoFrame(why) => reason = why,
                framing @ (Framing::Frame(_) | Framing::Skip(..)) => return found(framing, input),
                framing if self.candidates.len() == 1 => return found(framing, input),
                framing => own = Some(framing),
            }
        }
        let other = self.best(input);
        if let Some(framing) = own {
            let least = self.least_to_change(framing, input);
            let better = other.is_some_and(|(index, confidence)| {
                confidence >= least && self.pinned != Some(index)
            });
            if !better {
                return found(framing, input);
            }
        }
        let few = input.bytes.len() < NEAR / 8 && !input.ended && !input.whole;
        if few
            && input.direction.is_none()
            && self.pinned.is_none()
            && other.is_none_or(|(_, sure)| sure < Confidence::Exact)
        {
            // A few bytes of a dump mean too much; more will come.
            return Detection::Need(input.bytes.len() + 1);
        }
        if let Some((index, confidence)) = other.filter(|(index, _)| self.pinned != Some(*index)) {
            let framing = self.cut(index, input);
            if !matches!(framing, Framing::NoFrame(_)) {
                self.pinned = Some(index);
                self.grounds = Grounds::Probed(confidence);
                self.told = false;
                return found(framing, input);
            }
        }
        if let Some(session) = self.session().filter(|_| input.whole) {
            let framing = session.salvage(input);
            if !matches!(framing, Framing::NoFrame(_)) {
                return found(framing, input);
            }
        }
        Detection::Unknown(self.next_start(input), reason)
    }

    /// What `input` is when it stands alone, whatever stood before it: what came last decides only
    /// between equals, and what never came is not believed on weak grounds.
    fn alone(&mut self, input: &Input<'_>) -> Option<Detection> {
        let last = self.pinned.and_then(|index| self.candidates.get(index));
        let settled = last.is_some_and(|candidate| candidate.shown);
        let mut best = None;
        for (index, candidate) in self.candidates.iter().enumerate() {
            let confidence = candidate.protocol.probe(input, &self.settings);
            let believed = match confidence {
                Confidence::No => false,
                Confidence::Possible | Confidence::Likely => candidate.shown || !settled,
                _ => true,
            };
            let rank = (confidence, self.pinned == Some(index));
            if believed && best.is_none_or(|(known, _)| rank > known) {
                best = Some((rank, index));
            }
        }
        let ((confidence, _), index) = best?;
        let framing = self.cut(index, input);
        if matches!(framing, Framing::NoFrame(_)) {
            return None;
        }
        if let Some(candidate) = self.candidates.get_mut(index) {
            candidate.shown |= confidence >= Confidence::Exact;
        }
        if self.pinned != Some(index) {
            self.pinned = Some(index);
            self.grounds = Grounds::Probed(confidence);
            self.told = false;
        }
        Some(found(framing, input))
    }

    /// Bytes of `direction` are missing before those that come next.
    pub fn gap(&mut self, direction: Direction) {
        for session in self.sessions() {
            session.gap(direction);
        }
    }

    /// Whether `direction` now lacks bytes that were sent before what the other one sends.
    pub fn lacks(&mut self, direction: Direction, lacks: bool) {
        for session in self.sessions() {
            session.lacks(direction, lacks);
        }
    }

    /// What follows the connection: those sessions that have begun, and that of the protocol which
    /// is expected.
    fn sessions(&mut self) -> impl Iterator<Item = &mut Box<dyn Session>> {
        let settings = &self.settings;
        if let Some(candidate) = self.pinned.and_then(|at| self.candidates.get_mut(at)) {
            let protocol = candidate.protocol;
            candidate
                .session
                .get_or_insert_with(|| protocol.session(settings));
        }
        let candidates = self.candidates.iter_mut();
        candidates.filter_map(|candidate| candidate.session.as_mut())
    }

    /// Decodes the frame that [`Detector::frame`] has just found.
    #[expect(clippy::inline_always, reason = "every message passes")]
    #[inline(always)]
    pub fn decode(&mut self, frame: &[u8], input: &Input<'_>, message: &mut Message) {
        message.clear();
        match self.session() {
            Some(session) => session.decode(frame, input, message),
            None => message.unknown(frame.len()),
        }
    }

    /// Goes on behind the frame that [`Detector::frame`] has just found; decodes it (into `message`,
    /// for nobody) only if its protocol finds no further frames without.
    pub fn pass(&mut self, frame: &[u8], input: &Input<'_>, message: &mut Message) {
        let session = self.session();
        if !session.is_some_and(|session| session.pass(frame, input)) {
            self.decode(frame, input, message);
            while self.next_derived(false, message).is_some() {}
        }
    }

    /// The pinned protocol's session.
    fn session(&mut self) -> Option<&mut Box<dyn Session>> {
        let candidate = self.candidates.get_mut(self.pinned?)?;
        candidate.session.as_mut()
    }

    /// Decodes the next message that was put together from the frames so far. If the connection has
    /// `ended`, what is unfinished comes, too.
    pub fn next_derived(&mut self, ended: bool, message: &mut Message) -> Option<Vec<u8>> {
        if !ended {
            // Only the frame just decoded can have completed anything.
            return self.session()?.next_derived(false, message);
        }
        let sessions = self.candidates.iter_mut();
        sessions
            .filter_map(|candidate| candidate.session.as_mut())
            .find_map(|session| session.next_derived(true, message))
    }

    /// How sure another protocol must be while the pinned one has not said no. The bytes of a frame
    /// that is not all there may end where some frame of another protocol would: chance, if the
    /// connection is known to speak its own.
    fn least_to_change(&self, framing: Framing, input: &Input<'_>) -> Confidence {
        let weak = matches!(self.grounds, Grounds::Probed(sure) if sure < Confidence::Exact);
        match framing {
            Framing::Need(_) if !weak && !input.ended && !input.whole => Confidence::Certain,
            _ => Confidence::Exact,
        }
    }

    fn cut(&mut self, index: usize, input: &Input<'_>) -> Framing {
        let settings = &self.settings;
        match self.candidates.get_mut(index) {
            Some(candidate) => candidate
                .session
                .get_or_insert_with(|| candidate.protocol.session(settings))
                .frame(input),
            None => Framing::NoFrame("no protocol"),
        }
    }

    /// The protocol that is surest, if any is; the first of equals. A connection that is known to
    /// speak one changes to another only on good grounds.
    fn best(&self, input: &Input<'_>) -> Option<(usize, Confidence)> {
        let least = match self.pinned {
            Some(_) => Confidence::Possible,
            None => Confidence::No,
        };
        let mut best = (least, None);
        for (index, candidate) in self.candidates.iter().enumerate() {
            let confidence = candidate.protocol.probe(input, &self.settings);
            if confidence > best.0 {
                best = (confidence, Some(index));
            }
        }
        best.1.map(|index| (index, best.0))
    }

    /// Where the next frame of any protocol plausibly starts; all bytes if none does. Looks near
    /// first: bytes that are full of false starts would else be gone through again for each.
    fn next_start(&self, input: &Input<'_>) -> usize {
        let length = input.bytes.len();
        let mut from = 1;
        let mut window = NEAR;
        while from < length {
            let end = from.saturating_add(window).min(length);
            let near = Input {
                bytes: input.bytes.get(..end).unwrap_or_default(),
                ended: input.ended && end == length,
                ..*input
            };
            match self.first_start(&near, from) {
                None if end == length => break,
                None => window = window.saturating_mul(8),
                Some((start, _)) if end == length => return start,
                Some((start, protocol)) => {
                    // What seemed to go on behind the window may not.
                    let rest = Input {
                        bytes: input.bytes.get(start..).unwrap_or_default(),
                        ..*input
                    };
                    if protocol.probe(&rest, &self.settings) >= Confidence::Likely {
                        return start;
                    }
                    from = start + 1;
                }
            }
        }
        length.max(1)
    }

    fn first_start(
        &self,
        input: &Input<'_>,
        from: usize,
    ) -> Option<(usize, &'static dyn Protocol)> {
        self.candidates
            .iter()
            .filter_map(|candidate| {
                let start = candidate.protocol.find(input, from, &self.settings)?;
                Some((start.max(from), candidate.protocol))
            })
            .min_by_key(|(start, _)| *start)
    }
}

fn found(framing: Framing, input: &Input<'_>) -> Detection {
    match framing {
        Framing::Need(_) if input.ended => {
            Detection::Unknown(input.bytes.len(), "the bytes end inside a frame")
        }
        Framing::Need(size) => Detection::Need(size.max(input.bytes.len() + 1)),
        Framing::Frame(size) | Framing::Doubtful(size) => {
            Detection::Frame(size.clamp(1, input.bytes.len().max(1)))
        }
        Framing::Skip(size, why) => {
            Detection::Unknown(size.clamp(1, input.bytes.len().max(1)), why)
        }
        Framing::NoFrame(why) => Detection::Unknown(input.bytes.len(), why),
    }
}
