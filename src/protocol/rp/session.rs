//! One connection that carries RP frames.

use super::details::{self, Place};
use super::ends::{Ends, Form};
use super::fragments::{Assembler, End, Group, Shard, Verdict};
use super::header::{Header, MAGIC, SIZE, Start, VERSION, starts_frame};
use super::history::History;
use super::messages::{MESSAGES, SHARD_TYPE, VALUE_TYPE};
use super::nodes::{self, HeaderNodes};
use super::payload::{self, Packing};
use super::reading::{self, Encoding, Reading};
use super::search::{self, Cut, Search};
use super::shapes::{Shape, View, uuid_text};
use crate::codec::zstd::Inflater;
use crate::model::{Direction, Layer, Message, Severity, Tree};
use crate::protocol::{Framing, Input, Session, Settings, next_start};

/// A frame whose end is missing is looked through for others from this size on.
const LOOK_THROUGH: usize = 1 << 16;

/// Bytes that readings may be followed in vain.
const MOST_CREDIT: usize = 8 << 20;
/// Bytes of such credit that every byte of a frame earns.
const EARNED: usize = 32;

/// Follows one connection.
#[derive(Debug)]
pub struct RpSession {
    settings: Settings,
    history: History,
    assembler: Assembler,
    inflater: Inflater,
    /// The payload that was inflated last.
    inflated: Vec<u8>,
    /// For readings that are only tried.
    scratch: Tree,
    /// How many bytes of an incomplete frame were last looked through for others.
    looked_through: usize,
    /// What is left for following readings far beyond a frame, in bytes; earned with every frame.
    credit: usize,
    /// The last frame might have ended after this many bytes as well.
    either: Option<usize>,
    /// Where the frame may end that was cut last; not known of other bytes.
    ends: Ends,
}

impl RpSession {
    /// A connection of which nothing is known.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self {
            settings: settings.clone(),
            history: History::new(),
            assembler: Assembler::new(settings.most_frame),
            inflater: Inflater::default(),
            inflated: Vec::new(),
            scratch: Tree::default(),
            looked_through: 0,
            credit: MOST_CREDIT,
            either: None,
            ends: Ends::default(),
        }
    }

    fn hint(&self, direction: Option<Direction>, channel: u8) -> Option<Encoding> {
        // Lines of one input may well come from one sender, too: what the others show breaks ties.
        self.history
            .encoding(direction, channel, self.settings.independent)
    }

    /// Where the frame with `header` ends.
    fn cut(&mut self, header: &Header, input: &Input<'_>) -> Framing {
        let length = input.bytes.len();
        let prefers = self
            .hint(input.direction, header.channel)
            .map(|encoding| match encoding {
                Encoding::MessagePack => Form::MessagePack,
                Encoding::Cbor => Form::Cbor,
                Encoding::Json => Form::Json,
            });
        let mut search = Search::new(input, &self.settings, self.credit);
        let cut = search.cut(header, input.whole, prefers);
        self.credit = search.patience.decided;
        self.ends = search.ends;
        match cut {
            Cut::Frame(size) if input.whole => Framing::Frame(self.in_message(size, input)),
            Cut::Frame(size) => Framing::Frame(size),
            Cut::Either(size, other) => {
                self.either = Some(other);
                Framing::Frame(size)
            }
            Cut::Need(need) => self.incomplete(need, input),
            Cut::Broken if length <= SIZE && !input.ended && !input.whole => {
                Framing::Need(SIZE + 1)
            }
            Cut::Broken => match next_start(input, SIZE, &self.settings) {
                Some(next) => Framing::Frame(next),
                None if input.ended || input.whole => Framing::Frame(length),
                // The frame goes on until another starts.
                None if length < LOOK_THROUGH => Framing::Need(length + 1),
                None => Framing::Frame(length),
            },
        }
    }

    /// In a message, a frame ends where another starts, or with the message.
    fn in_message(&self, size: usize, input: &Input<'_>) -> usize {
        let rest = input.bytes.get(size..).unwrap_or_default();
        if starts_frame(rest) == Start::Header {
            size
        } else {
            input.bytes.len()
        }
    }

    /// A frame whose end is not there: waits, or finds that the bytes are damaged.
    fn incomplete(&mut self, need: usize, input: &Input<'_>) -> Framing {
        let length = input.bytes.len();
        let over = input.ended || input.whole;
        let due = length >= self.looked_through.saturating_mul(2).max(LOOK_THROUGH);
        if over || due {
            self.looked_through = length;
            if let Some(next) = search::find_run(input, SIZE, over, &self.settings) {
                return Framing::Frame(next);
            }
        }
        if over {
            Framing::Frame(length)
        } else {
            Framing::Need(need)
        }
    }

    fn decode_frame(&mut self, frame: &[u8], input: &Input<'_>, message: &mut Message) {
        message.protocol = "rp";
        let Some(header) = Header::read(frame) else {
            message.error(
                "too-short",
                (0, frame.len()),
                format!("{} bytes; a header alone has {SIZE}", frame.len()),
            );
            message.rest(0, frame.len());
            return;
        };
        check_header(&header, message);
        let packing = payload::packing(&header, frame, &mut self.scratch, message);
        let nodes = nodes::header(&header, packing, frame, &self.settings, message);
        let reading = match packing {
            Packing::Plain => self.plain(&header, &nodes, frame, input, message),
            Packing::Compressed => self.compressed(&header, frame, input, message),
            Packing::Short => {
                message.error(
                    "compressed-short",
                    (SIZE, frame.len()),
                    "too short for a dictionary id",
                );
                message.rest(SIZE, frame.len());
                None
            }
        };
        if let Some(encoding) = reading.and_then(|reading| reading.encoding) {
            nodes::set_encoding(&nodes, encoding, message);
            let sure = reading.is_some_and(|reading| reading.exact && reading.other.is_none());
            if sure && !message.derived {
                self.history.note(input.direction, header.channel, encoding);
            }
        }
        if !message.derived && !self.settings.independent && header.known() {
            self.history
                .sequence(input.direction, header.channel, header.sequence, message);
        }
    }

    /// A payload that stands in the frame as it is.
    fn plain(
        &mut self,
        header: &Header,
        nodes: &HeaderNodes,
        frame: &[u8],
        input: &Input<'_>,
        message: &mut Message,
    ) -> Option<Reading> {
        let hint = self.hint(input.direction, header.channel);
        let derived = message.derived;
        if header.fragmented() && !derived && self.raw_shard(header, nodes, frame, input, message) {
            return None;
        }
        let ends = std::mem::take(&mut self.ends);
        let reading = reading::read(frame, SIZE, hint, &ends, &mut self.scratch, message);
        message.faithful &= reading.reproducible;
        self.understand(header, frame, &reading, input, message);
        if !reading.exact {
            message.rest(reading.end, frame.len());
        }
        Some(reading)
    }

    /// A payload that must be inflated. Only the frame's own bytes say how it was compressed, so
    /// the record keeps them.
    fn compressed(
        &mut self,
        header: &Header,
        frame: &[u8],
        input: &Input<'_>,
        message: &mut Message,
    ) -> Option<Reading> {
        message.faithful = false;
        let mut inflated = std::mem::take(&mut self.inflated);
        let good = payload::inflate(
            frame,
            &self.settings,
            &mut self.inflater,
            &mut inflated,
            message,
        );
        let mut reading = None;
        if good {
            // The tree's own copy; what is derived from it further is appended there.
            message.tree.derived.extend_from_slice(&inflated);
            let hint = self.hint(input.direction, header.channel);
            let body = message.tree.next_id();
            let before = message.issues.len();
            let unknown = Ends::default();
            let read = reading::read(&inflated, 0, hint, &unknown, &mut self.scratch, message);
            for node in message.tree.nodes_from(body) {
                node.layer = Layer::Derived;
            }
            nodes::place_issues(message, before, (SIZE, frame.len()));
            self.understand(header, frame, &read, input, message);
            reading = Some(read);
        }
        inflated.clear();
        inflated.shrink_to(1 << 20);
        self.inflated = inflated;
        reading
    }

    /// Names the message, checks it, and says what it holds.
    fn understand(
        &mut self,
        header: &Header,
        frame: &[u8],
        reading: &Reading,
        input: &Input<'_>,
        message: &mut Message,
    ) {
        let payload = (SIZE, frame.len());
        if reading.encoding == Some(Encoding::Json) {
            message.warning(
                "json-payload",
                payload,
                "the payload is JSON: no encoder writes that, MessagePack readers take its first \
                 byte for a number, CBOR readers refuse it",
            );
        }
        let Some(body) = message.body else { return };
        if !reading.exact {
            return;
        }
        let view = View {
            tree: &message.tree,
            frame,
        };
        let shape = view.recognize(body, false);
        let index = shape.as_ref().map_or(VALUE_TYPE, |shape| shape.index);
        message.type_name = MESSAGES.get(index).map_or("Value", |known| known.name);
        nodes::check_form(body, reading, payload, message);
        let mut verdict = None;
        if let Some(shape) = &shape {
            details::check(frame, shape, Place { payload }, message);
            if shape.index == SHARD_TYPE && !message.derived {
                verdict = self.take_shard(header, frame, shape, input.direction, message);
            }
        }
        self.inner(frame, shape.as_ref(), verdict, reading, message);
    }

    /// Builds `inner`.
    fn inner(
        &mut self,
        frame: &[u8],
        shape: Option<&Shape>,
        verdict: Option<Verdict>,
        reading: &Reading,
        message: &mut Message,
    ) {
        if shape.is_none() && reading.other.is_none() {
            return;
        }
        let id = nodes::open_inner(message);
        let mut said = false;
        if let Some(shape) = shape {
            said |= details::describe(frame, shape, message);
        }
        if let Some(verdict) = verdict {
            nodes::verdict(verdict, message);
            said = true;
        }
        if let Some(other) = reading.other {
            said |= nodes::other_reading(other, frame, message);
        }
        if said {
            message.tree.close(id, 0);
            message.inner = Some(id);
        } else {
            message.tree.truncate(id);
        }
    }

    /// Hands a part to the assembler.
    fn take_shard(
        &mut self,
        header: &Header,
        frame: &[u8],
        shape: &Shape,
        direction: Option<Direction>,
        message: &mut Message,
    ) -> Option<Verdict> {
        let view = View {
            tree: &message.tree,
            frame,
        };
        let number = |name: &str| {
            let value = view.number(shape.field(name)?)?;
            u16::try_from(value).ok()
        };
        let bytes = details::shard_bytes(view, shape)?;
        let shard = Shard {
            id: view.uuid(shape.field("fragment_id")?)?,
            total: number("total")?,
            index: number("index")?,
            channel: header.channel,
            sequence: header.sequence,
            bytes: &bytes,
        };
        Some(self.assemble(&shard, direction, (SIZE, frame.len()), message))
    }

    /// Hands a part that came as JSON text to the assembler.
    pub fn take_text_shard(
        &mut self,
        frame: &[u8],
        shape: &Shape,
        direction: Option<Direction>,
        message: &mut Message,
    ) -> Option<Verdict> {
        let header = Header::empty();
        self.take_shard(&header, frame, shape, direction, message)
    }

    fn assemble(
        &mut self,
        shard: &Shard<'_>,
        direction: Option<Direction>,
        at: (usize, usize),
        message: &mut Message,
    ) -> Verdict {
        let late = self.assembler.was_complete(direction, shard.id)
            && !self.assembler.knows(direction, shard.id, shard.total);
        let verdict = self.assembler.push(direction, shard);
        let (index, total) = (shard.index, shard.total);
        let error = Severity::Error;
        match verdict {
            Verdict::Stored(_) | Verdict::Complete => {}
            Verdict::Duplicate => message.warning(
                "fragment-duplicate",
                at,
                format!("part {index} is there already; the first one counts"),
            ),
            Verdict::TotalMismatch(first) => message.issue(
                error,
                "fragment-total-mismatch",
                at,
                format!("says {total} parts, the group's first part said {first}"),
            ),
            Verdict::TotalZero => message.issue(
                error,
                "fragment-total-zero",
                at,
                "there can be no group of 0 parts",
            ),
            Verdict::IndexOutOfRange => message.issue(
                error,
                "fragment-index-out-of-range",
                at,
                format!("part {index} of {total}: parts count from 0"),
            ),
        }
        if late && matches!(verdict, Verdict::Stored(_)) {
            message.warning(
                "fragment-late",
                at,
                "this group was complete before; the part opens it anew",
            );
        }
        verdict
    }

    /// A part behind the 20-byte header that the documentation mentions and no code writes. Only
    /// where no encoding reads the payload.
    fn raw_shard(
        &mut self,
        header: &Header,
        nodes: &HeaderNodes,
        frame: &[u8],
        input: &Input<'_>,
        message: &mut Message,
    ) -> bool {
        let Some(shard) = nodes::raw_shard(header, frame) else {
            return false;
        };
        let known = self.assembler.knows(input.direction, shard.id, shard.total);
        if !known && !nodes::plausible(&shard) || reading::is_exact(frame, SIZE, &mut self.scratch)
        {
            return false;
        }
        message.type_name = MESSAGES.get(SHARD_TYPE).map_or("", |known| known.name);
        nodes::raw_shard_body(frame, message);
        nodes::opaque(nodes, message);
        let at = (SIZE, frame.len());
        message.note(
            "raw-fragment-header",
            at,
            "read as id, total and index (big-endian) and bytes: documented, but no encoder writes \
             it",
        );
        let verdict = self.assemble(&shard, input.direction, at, message);
        let id = nodes::open_inner(message);
        nodes::verdict(verdict, message);
        message.tree.close(id, 0);
        message.inner = Some(id);
        true
    }

    /// Decodes what parts made up: a frame if it is one, else a value.
    fn decode_group(&mut self, group: &Group, message: &mut Message) {
        message.clear();
        message.derived = true;
        message.sender = group.direction;
        message.protocol = "rp";
        let input = Input {
            bytes: &group.bytes,
            whole: true,
            ended: true,
            direction: None,
            time: None,
        };
        let bytes = group.bytes.as_slice();
        if group.end != End::Complete {
            message.type_name = MESSAGES.get(SHARD_TYPE).map_or("", |known| known.name);
            let id = uuid_text(&group.id);
            let (code, why) = match group.end {
                End::Evicted => ("fragment-evicted", "too many groups were under way"),
                _ => ("fragment-incomplete", "the input ended"),
            };
            message.warning(
                code,
                (0, 0),
                format!(
                    "group {id} has {} of {} parts: {why}",
                    group.parts.len(),
                    group.total
                ),
            );
        } else if starts_frame(bytes) == Start::Header {
            self.decode_frame(bytes, &input, message);
        } else {
            let unknown = Ends::default();
            let reading = reading::read(bytes, 0, None, &unknown, &mut self.scratch, message);
            if !reading.exact {
                message.issues.clear();
                nodes::text_or_rest(bytes, message);
            } else {
                self.understand(&Header::empty(), bytes, &reading, &input, message);
            }
        }
        nodes::parts(group, message);
    }
}

impl Session for RpSession {
    fn frame(&mut self, input: &Input<'_>) -> Framing {
        self.either = None;
        self.ends = Ends::default();
        let over = input.ended || input.whole;
        let bytes = input.bytes;
        if search::starts_oddly(bytes, input.whole) {
            // Too short, or another magic or version, but a frame for the rest.
            return Framing::Frame(bytes.len());
        }
        match Header::read(bytes) {
            Some(header) if header.magic == MAGIC => {
                if header.version != VERSION && !over && bytes.len() < 2 * SIZE {
                    return Framing::Need(2 * SIZE);
                }
                self.cut(&header, input)
            }
            None if MAGIC.starts_with(bytes.get(..2).unwrap_or(bytes)) => {
                if over {
                    Framing::Frame(bytes.len())
                } else {
                    Framing::Need(SIZE + 1)
                }
            }
            _ => Framing::NoFrame("no RP magic"),
        }
    }

    fn pass(&mut self, frame: &[u8], _input: &Input<'_>) -> bool {
        self.looked_through = 0;
        let earned = frame.len().saturating_mul(EARNED);
        self.credit = self.credit.saturating_add(earned).min(MOST_CREDIT);
        true
    }

    fn decode(&mut self, frame: &[u8], input: &Input<'_>, message: &mut Message) {
        self.pass(frame, input);
        self.decode_frame(frame, input, message);
        if let Some(other) = self.either.take() {
            message.note(
                "ambiguous-framing",
                (0, frame.len()),
                format!("the frame may as well have {other} bytes: both ways, frames follow"),
            );
        }
    }

    fn next_derived(&mut self, ended: bool, message: &mut Message) -> Option<Vec<u8>> {
        let group = self.assembler.next_group(ended)?;
        self.decode_group(&group, message);
        Some(group.bytes)
    }
}

fn check_header(header: &Header, message: &mut Message) {
    let [first, second] = header.magic;
    if header.magic != MAGIC {
        message.error(
            "bad-magic",
            (0, 2),
            format!("a frame begins with 52 50, this one with {first:02x} {second:02x}"),
        );
    }
    if header.version != VERSION {
        message.error(
            "bad-version",
            (2, 3),
            format!("version {} is not known", header.version),
        );
    }
    if header.reserved() != 0 {
        message.warning(
            "reserved-flags",
            (3, 4),
            format!(
                "reserved flag bits {:#04x} are set; readers ignore them",
                header.reserved()
            ),
        );
    }
}
