//! One connection: where its messages end.

mod hole;
mod unframed;

use super::body;
use super::conversation::Conversation;
use super::find;
use super::guess::{self, MOST_NAME, MOST_PAYLOAD, Shape};
use super::log_entries;
use super::messages::V4_1;
use super::reading::{AS_GOOD, Family, Fit, Reading, Role, choose};
use super::weigh::{Weighed, weigh};
use super::whole::{behind_prefix, best_of_whole, shape_of_log_entry};
use crate::model::{Direction, Message};
use crate::protocol::{Confidence, Framing, Input, Session, Settings};

/// What is wrong with a frame as a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The connection ends inside it.
    Incomplete,
    /// Another frame starts before it ends.
    Torn,
    /// Its length is more than any receiver takes.
    Oversize,
}

/// A message found at the start of an input.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// How it lies in the bytes.
    pub shape: Shape,
    /// Its format, if known.
    pub family: Option<Family>,
    /// Whether what surrounds it shows its format.
    pub settled: bool,
    /// Its layout, where that cannot be seen.
    pub layout: u32,
    /// What is wrong with it.
    pub damage: Option<Damage>,
}

/// What is known of the bytes of one direction.
#[derive(Clone, Copy, Debug)]
struct Side {
    shape: Option<Shape>,
    family: Option<Family>,
    settled: bool,
    layout: u32,
    /// Whether bytes are missing before those that come next.
    torn: bool,
    /// How many bytes of an incomplete frame were last looked through for the next frame.
    looked_through: usize,
}

/// Evidence that lets a damaged message pass for Noxu where there was Noxu before.
const ENOUGH_AFTER_OTHERS: i32 = 14;

/// So many zeros are not taken for empty messages, which nobody sends.
const MOST_ZEROS: usize = 16;

const UNKNOWN: Side = Side {
    shape: None,
    family: None,
    settled: false,
    layout: V4_1,
    torn: false,
    looked_through: 0,
};

/// Follows one connection.
#[derive(Debug)]
pub struct NoxuSession {
    settings: Settings,
    /// The formats to choose from.
    families: &'static [Family],
    /// Whether the user has said that this is Noxu.
    forced: bool,
    /// The type that forced log entries have.
    log_entry: Option<u8>,
    conversation: Conversation,
    /// The format that the length of the service's name suggests, if nothing more was seen of it.
    hint: Option<Family>,
    /// Client to server, server to client, direction unknown.
    sides: [Side; 3],
    cut: Option<Cut>,
    /// What the message that was cut may be, if its end is known.
    weighed: Option<Box<Weighed>>,
}

impl NoxuSession {
    /// A connection that speaks any of `families`.
    #[must_use]
    pub fn new(
        families: &'static [Family],
        forced: bool,
        log_entry: Option<u8>,
        settings: &Settings,
    ) -> Self {
        Self {
            settings: settings.clone(),
            families,
            forced,
            log_entry,
            conversation: Conversation::default(),
            hint: None,
            sides: [UNKNOWN; 3],
            cut: None,
            weighed: None,
        }
    }

    fn side(&mut self, direction: Option<Direction>) -> &mut Side {
        let [client, server, unknown] = &mut self.sides;
        match direction {
            Some(Direction::ClientToServer) => client,
            Some(Direction::ServerToClient) => server,
            None => unknown,
        }
    }

    /// The only family, if the user has named one.
    fn only(&self) -> Option<Family> {
        match self.families {
            [family] => Some(*family),
            _ => None,
        }
    }

    /// One message, whose end is known.
    fn whole(&mut self, input: &Input<'_>) -> Framing {
        let bytes = input.bytes;
        let mut cut = Cut {
            shape: Shape::Bare,
            family: self.only(),
            settled: false,
            layout: V4_1,
            damage: None,
        };
        if let Some(kind) = self.log_entry.and_then(log_entries::by_code) {
            cut.shape = shape_of_log_entry(kind, bytes);
            self.cut = Some(cut);
            return Framing::Frame(bytes.len());
        }
        let role = self.conversation.role(input.direction);
        let found = best_of_whole(bytes, self.families, role)
            .filter(|found| self.forced || found.confidence() > Confidence::No);
        match &found {
            Some(found) => {
                cut.shape = found.shape;
                cut.family = self
                    .only()
                    .or((found.shape == Shape::Name).then_some(Family::Service));
            }
            None if self.only().is_none() => {
                return Framing::NoFrame("no Noxu message fits these bytes");
            }
            None if self.only() == Some(Family::Service) => cut.shape = Shape::Name,
            // Payloads of log entries have no frame of their own.
            None if self.only() == Some(Family::LogEntry) => {}
            None if behind_prefix(bytes).is_some() => cut.shape = Shape::Prefixed,
            None => {}
        }
        self.cut = Some(cut);
        let sure = found
            .as_ref()
            .is_some_and(|found| found.confidence() >= Confidence::Exact);
        self.weighed = found.and_then(|found| found.weighed).map(Box::new);
        if sure || self.forced {
            Framing::Frame(bytes.len())
        } else {
            Framing::Doubtful(bytes.len())
        }
    }

    /// The first bytes of a direction, or the first after damage.
    fn begin(&mut self, input: &Input<'_>) -> Framing {
        let bytes = input.bytes;
        let role = self.conversation.role(input.direction);
        let may_greet = input.direction != Some(Direction::ServerToClient);
        if let Some(framing) = self.by_service(input) {
            return framing;
        }
        let sender = (role, may_greet);
        let shown = self.shown_by_other_side(input.direction).or(self.hint);
        let found = shown
            .and_then(|family| guess::guess(bytes, input.ended, &[family], sender))
            .filter(|found| found.shape == Shape::Prefixed)
            .or_else(|| guess::guess(bytes, input.ended, self.families, sender))
            .filter(|found| {
                let may_be_bare = input.direction.is_none() || self.forced;
                found.shape != Shape::Bare || found.bits >= guess::LEAST_BARE || may_be_bare
            });
        // The first bytes of one thing may be all of another.
        let early = !input.ended && bytes.len() < 8;
        match found {
            Some(found) if early && found.bits < 30 => Framing::Need(8),
            Some(found) => {
                let sure = shown == Some(found.family)
                    || self.families.len() == 1
                    || found.margin > AS_GOOD;
                let side = self.side(input.direction);
                side.shape = Some(found.shape);
                side.family = Some(found.family).filter(|_| found.shape != Shape::Name);
                side.settled = sure;
                self.known(input)
            }
            None if early && guess::prefix(bytes).is_none_or(plausible) => Framing::Need(8),
            None if self.refused_name(input) => {
                self.cut = Some(Cut {
                    shape: Shape::Name,
                    family: Some(Family::Service),
                    settled: true,
                    layout: V4_1,
                    damage: Some(Damage::Oversize),
                });
                Framing::Frame(bytes.len())
            }
            None => Framing::NoFrame("no Noxu frame, service name or message starts here"),
        }
    }

    /// The format that the other side of a connection without greeting speaks.
    fn shown_by_other_side(&mut self, direction: Option<Direction>) -> Option<Family> {
        let other = self.side(Some(direction?.reverse()));
        other
            .family
            .filter(|_| other.settled && other.shape == Some(Shape::Prefixed))
    }

    /// What the greeting of the client says about the server's bytes.
    fn by_service(&mut self, input: &Input<'_>) -> Option<Framing> {
        let direction = input.direction?;
        let service = self.conversation.service()?;
        let fresh = self.side(input.direction).looked_through == 0;
        if direction == Direction::ClientToServer || !fresh {
            return None;
        }
        if input.bytes.len() < 4 && !input.ended {
            return Some(Framing::Need(4));
        }
        let side = self.side(input.direction);
        side.shape = Some(if service.unframed {
            Shape::Unframed
        } else {
            Shape::Prefixed
        });
        side.family = service.family;
        side.settled = true;
        Some(self.known(input))
    }

    /// A greeting that dispatchers refuse; believed only if the user says that this is Noxu.
    fn refused_name(&self, input: &Input<'_>) -> bool {
        self.forced
            && input.direction == Some(Direction::ClientToServer)
            && self.conversation.untouched()
            && guess::prefix(input.bytes).is_some_and(|length| length == 0 || length > MOST_NAME)
    }

    /// The shape is known.
    fn known(&mut self, input: &Input<'_>) -> Framing {
        let side = *self.side(input.direction);
        let Some(shape) = side.shape else {
            return Framing::NoFrame("no Noxu frame starts here");
        };
        self.cut = Some(Cut {
            shape,
            family: side.family,
            settled: side.settled,
            layout: side.layout,
            damage: None,
        });
        match shape {
            Shape::Name => self.name(input),
            Shape::Prefixed => self.prefixed(input),
            Shape::Bare => self.bare(input),
            Shape::Unframed => self.unframed(input),
        }
    }

    fn damaged(&mut self, damage: Damage, size: usize) -> Framing {
        if let Some(cut) = &mut self.cut {
            cut.damage = Some(damage);
        }
        Framing::Frame(size)
    }

    fn name(&mut self, input: &Input<'_>) -> Framing {
        let bytes = input.bytes;
        if let Some(cut) = &mut self.cut {
            cut.family = Some(Family::Service);
        }
        match guess::service_name(bytes) {
            Some((content, length)) if content.len() == length => Framing::Frame(4 + length),
            _ if input.ended => self.damaged(Damage::Incomplete, bytes.len()),
            Some((_, length)) => Framing::Need(4 + length),
            None => Framing::Need(4),
        }
    }

    fn prefixed(&mut self, input: &Input<'_>) -> Framing {
        let bytes = input.bytes;
        let Some(length) = guess::prefix(bytes) else {
            return self.incomplete(input, 4);
        };
        if length > MOST_PAYLOAD {
            let next = find::next_frame(input, 1, self.families).unwrap_or(bytes.len());
            self.side(input.direction).shape = None;
            return self.damaged(Damage::Oversize, next);
        }
        if are_zeros(bytes) {
            return Framing::NoFrame("zeros, but no Noxu message");
        }
        let size = 4 + length;
        let Some(payload) = bytes.get(4..size) else {
            return self.incomplete(input, size);
        };
        if self.is_greeting(input, payload) {
            *self.side(input.direction) = UNKNOWN;
            self.cut = Some(Cut {
                shape: Shape::Name,
                family: Some(Family::Service),
                settled: true,
                layout: V4_1,
                damage: None,
            });
            return Framing::Frame(size);
        }
        self.mixed(input, payload);
        if self.fits(input, payload) || self.goes_on(input, size) {
            return Framing::Frame(size);
        }
        match find::next_frame(input, 1, self.families).filter(|next| *next < size) {
            Some(next) => self.damaged(Damage::Torn, next),
            None => Framing::Frame(size),
        }
    }

    /// Dumps may hold one connection after the other.
    fn is_greeting(&self, input: &Input<'_>, payload: &[u8]) -> bool {
        input.direction.is_none() && guess::family_of(payload).is_some()
    }

    /// A dump may change from one format to another: believed if the known format has no exact
    /// reading and another one has proof.
    fn mixed(&mut self, input: &Input<'_>, payload: &[u8]) {
        if input.direction.is_some() || self.families.len() == 1 {
            return;
        }
        let Some(family) = self.side(input.direction).family else {
            return;
        };
        let exact = |families: &[Family]| {
            choose(families, payload, Role::Either)
                .map(|choice| choice.best)
                .filter(|reading| reading.fit == Fit::Exact)
        };
        if exact(&[family]).is_some() {
            return;
        }
        if let Some(other) = exact(self.families).filter(|reading| reading.bits >= 14) {
            self.conversation = Conversation::default();
            let side = self.side(input.direction);
            side.family = Some(other.family);
            side.settled = other.bits >= 32;
            if let Some(cut) = &mut self.cut {
                cut.family = Some(other.family);
                cut.settled = other.bits >= 32;
            }
        }
    }

    /// Whether the payload is a message of its format.
    fn fits(&mut self, input: &Input<'_>, payload: &[u8]) -> bool {
        let role = self.conversation.role(input.direction);
        match self.side(input.direction).family {
            // The checksum is checked when decoding.
            Some(Family::Feeder) if payload.len() >= 17 => {
                guess::begins(Family::Feeder, payload, payload.len()).is_some()
            }
            Some(family) => choose(&[family], payload, role).is_some(),
            None => true,
        }
    }

    /// Whether what follows `size` bytes may be a frame.
    fn goes_on(&self, input: &Input<'_>, size: usize) -> bool {
        let rest = input.bytes.get(size..).unwrap_or_default();
        match guess::prefix(rest) {
            None => true,
            Some(length) => {
                length <= MOST_PAYLOAD && (length <= rest.len() || !input.ended || rest.len() < 17)
            }
        }
    }

    /// A frame whose bytes are not all there: waits, or finds that the length is wrong.
    fn incomplete(&mut self, input: &Input<'_>, size: usize) -> Framing {
        let bytes = input.bytes;
        let side = *self.side(input.direction);
        let there = bytes.get(4..).unwrap_or_default();
        let likely = side
            .family
            .is_none_or(|family| guess::begins(family, there, size.saturating_sub(4)).is_some());
        let due = bytes.len() >= side.looked_through.saturating_mul(2).max(1 << 16);
        // Dumps may lack bytes anywhere; of a connection, it is said where it does.
        let in_order = likely && input.direction.is_some();
        if input.ended && !in_order || due && !likely {
            self.side(input.direction).looked_through = bytes.len();
            if let Some(next) = find::next_frame(input, 1, self.families) {
                return self.damaged(Damage::Torn, next);
            }
        }
        if input.ended {
            return self.damaged(Damage::Incomplete, bytes.len());
        }
        Framing::Need(size)
    }

    fn bare(&mut self, input: &Input<'_>) -> Framing {
        let bytes = input.bytes;
        let side = *self.side(input.direction);
        let Some(family) = side.family else {
            return Framing::NoFrame("no Noxu message starts here");
        };
        if input.direction.is_none() && guess::service_name(bytes).is_some_and(is_known) {
            *self.side(input.direction) = UNKNOWN;
            return self.begin(input);
        }
        if let Some(reading) = guess::next_bare(bytes, input.ended, family, side.layout) {
            if let Some(cut) = &mut self.cut {
                cut.layout = reading.layout;
            }
            if reading.layout_name().is_some() {
                // What follows tells the layouts apart.
                let enough = reading.end + 24;
                if !input.ended && bytes.len() < enough {
                    return Framing::Need(enough);
                }
                self.side(input.direction).layout = reading.layout;
            }
            return Framing::Frame(reading.end);
        }
        if self.turns_prefixed(input, family) {
            self.side(input.direction).shape = Some(Shape::Prefixed);
            return self.known(input);
        }
        let more = guess::may_go_on(family, bytes);
        let due = bytes.len() >= side.looked_through.saturating_mul(2).max(1 << 12);
        if !input.ended && more && !due && bytes.len() < self.settings.most_frame {
            return Framing::Need(bytes.len() + 1);
        }
        self.side(input.direction).looked_through = bytes.len();
        let next = find::next_frame(input, 1, self.families);
        match next {
            Some(next) => {
                *self.side(input.direction) = UNKNOWN;
                self.damaged(Damage::Torn, next)
            }
            None if input.ended && more => self.damaged(Damage::Incomplete, bytes.len()),
            None if !input.ended && more && bytes.len() < self.settings.most_frame => {
                Framing::Need(bytes.len() + 1)
            }
            None => {
                *self.side(input.direction) = UNKNOWN;
                Framing::NoFrame("no Noxu message starts here")
            }
        }
    }

    /// Whether only the first prefix was missing: a capture may begin between a prefix and its
    /// message, which are often sent one by one.
    fn turns_prefixed(&self, input: &Input<'_>, family: Family) -> bool {
        let length = guess::prefix(input.bytes);
        let end = length.and_then(|length| length.checked_add(4));
        let payload = end.and_then(|end| input.bytes.get(4..end));
        let role = self.conversation.role(input.direction);
        input.direction.is_some()
            && payload
                .and_then(|payload| choose(&[family], payload, role))
                .is_some_and(|choice| choice.best.fit == Fit::Exact)
    }
}

impl Session for NoxuSession {
    fn gap(&mut self, direction: Direction) {
        self.tear(direction);
        self.conversation.gap(direction);
    }

    fn lacks(&mut self, direction: Direction, lacks: bool) {
        self.conversation.lacks(direction, lacks);
    }

    fn service(&self) -> Option<&str> {
        self.conversation.service_name()
    }

    fn frame(&mut self, input: &Input<'_>) -> Framing {
        self.cut = None;
        self.weighed = None;
        if self.settings.independent {
            self.conversation = Conversation::default();
            self.sides = [UNKNOWN; 3];
        }
        if input.whole {
            return self.whole(input);
        }
        if self.side(input.direction).torn {
            return self.resume(input);
        }
        if self.side(input.direction).shape.is_some() {
            return self.known(input);
        }
        self.bare_name(input).unwrap_or_else(|| self.begin(input))
    }

    fn salvage(&mut self, input: &Input<'_>) -> Framing {
        let role = self.conversation.role(input.direction);
        let family = self.only().or_else(|| {
            let likely = |reading: &Reading| reading.evidence() >= ENOUGH_AFTER_OTHERS;
            weigh(self.families, input.bytes, role)
                .map(|weighed| weighed.choice.best)
                .filter(likely)
                .map(|reading| reading.family)
        });
        // Of bytes that the user calls Noxu, it is said what they are not.
        let refused = self.forced && find::next_frame(input, 1, self.families).is_none();
        if family.is_none() && self.conversation.service().is_none() && !refused {
            return Framing::NoFrame("no Noxu message fits these bytes");
        }
        self.weighed = None;
        self.cut = Some(Cut {
            shape: Shape::Bare,
            family,
            settled: false,
            layout: V4_1,
            damage: None,
        });
        Framing::Frame(input.bytes.len())
    }

    fn decode(&mut self, frame: &[u8], input: &Input<'_>, message: &mut Message) {
        let Some(cut) = self.cut else {
            message.unknown(frame.len());
            return;
        };
        self.conversation.now = input.time;
        let place = body::Place {
            cut,
            families: self.families,
            log_entry: self.log_entry,
            direction: input.direction,
            follows: input.bytes.get(frame.len()..).unwrap_or_default(),
            weighed: self.weighed.take(),
            whole: input.whole,
        };
        let family = body::decode(frame, &place, &mut self.conversation, message);
        let next = self.conversation.service();
        let side = self.side(input.direction);
        side.looked_through = 0;
        match (cut.shape, next) {
            // What follows the greeting.
            (Shape::Name, Some(service)) => {
                side.shape = Some(Shape::Prefixed);
                side.family = service.family;
                side.settled = service.family.is_some();
            }
            (Shape::Name, None) => *side = UNKNOWN,
            _ if side.shape.is_some() && side.family.is_none() => {
                side.family = family;
                side.settled = family.is_some();
            }
            _ => {}
        }
    }
}

/// Whether these are no empty messages in a row, but what is left of a longer one behind a hole.
fn are_zeros(bytes: &[u8]) -> bool {
    bytes.first_chunk() == Some(&[0; MOST_ZEROS])
}

fn is_known((content, length): (&[u8], usize)) -> bool {
    content.len() == length && guess::family_of(content).is_some()
}

fn plausible(length: usize) -> bool {
    length <= MOST_PAYLOAD
}
