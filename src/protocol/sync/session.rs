//! One sync connection.

use super::body;
use super::checks;
use super::conversation::Conversation;
use super::fields::Fields;
use super::findings::Findings;
use super::frame::{self, Fit, Header, Layout};
use super::header;
use super::messages;
use super::versions::NAMES;
use crate::codec::messagepack::Reader;
use crate::model::{Direction, Issue, Message, NodeId, Severity, SpelledHead, Wanted};
use crate::protocol::{Framing, Input, Session, Settings, check_inner, read_inner, spell_inner};
use crate::schema::{Opaque, Versions};

/// Of larger frames the text is not written twice, here and in the output: it may be long.
const MOST_SPARED: usize = 1 << 20;

/// Follows one connection.
#[derive(Debug)]
pub struct SyncSession {
    settings: Settings,
    /// The header layout of the last frame.
    layout: Option<Layout>,
    /// The header that [`Session::frame`] has found.
    header: Option<Header>,
    /// How well it fits.
    fit: Fit,
    /// The version groups that all bodies so far fit, of those with the v0 and the v1 header.
    shown: [Versions; 2],
    /// Fields of the current body that hold more.
    opaque: Vec<(NodeId, Opaque)>,
    /// What the connection's messages have shown together.
    conversation: Conversation,
    /// How many bytes of an incomplete frame were last looked through for the next frame, per
    /// direction.
    looked_through: [usize; 3],
}

impl SyncSession {
    /// A connection of which nothing is known.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self {
            settings: settings.clone(),
            layout: None,
            header: None,
            fit: Fit::No,
            shown: [Versions::ALL; 2],
            opaque: Vec::new(),
            conversation: Conversation::default(),
            looked_through: [0; 3],
        }
    }

    /// A frame whose bytes are not all there: waits, or finds that the length is wrong.
    fn incomplete(&mut self, header: &Header, fit: Fit, input: &Input<'_>) -> Framing {
        let bytes = input.bytes;
        if input.whole {
            return Framing::Frame(bytes.len());
        }
        let looked_through = self.looked_through(input);
        let due = bytes.len() >= looked_through.saturating_mul(2).max(1 << 8);
        if input.ended || due {
            *looked_through = bytes.len();
            // Only a frame that is there in full may end this one early.
            let complete = Input {
                ended: true,
                ..*input
            };
            if (fit < Fit::Begins || input.ended)
                && let Some(next) = next_complete(&complete, header, &self.settings)
            {
                return Framing::Frame(next);
            }
        }
        if input.ended {
            return Framing::Frame(bytes.len());
        }
        Framing::Need(header.frame_size())
    }

    fn shown(&mut self, layout: Layout) -> &mut Versions {
        let [v0, v1] = &mut self.shown;
        match layout {
            Layout::V0 => v0,
            Layout::V1 => v1,
        }
    }

    fn looked_through(&mut self, input: &Input<'_>) -> &mut usize {
        let [client, server, unknown] = &mut self.looked_through;
        match input.direction {
            Some(Direction::ClientToServer) => client,
            Some(Direction::ServerToClient) => server,
            None => unknown,
        }
    }

    /// All bytes are there. If the body does not end where the header says, but where it ends
    /// another frame starts, the length is wrong.
    fn complete(&self, header: &Header, fit: Fit, input: &Input<'_>) -> Framing {
        let size = header.frame_size();
        if input.whole {
            return Framing::Frame(self.end_in_message(size, input));
        }
        if fit >= Fit::Exact {
            return Framing::Frame(size);
        }
        let mut reader = Reader::new(input.bytes, header.layout.size());
        let end = reader.skip().ok().map(|()| reader.position());
        let starts = |at: usize| {
            let bytes = input.bytes.get(at..).unwrap_or_default();
            let rest = Input { bytes, ..*input };
            bytes.is_empty() && input.ended
                || frame::best(&rest, self.layout, &self.settings)
                    .is_some_and(|(_, fit)| fit >= Fit::Begins)
        };
        match end {
            Some(end) if end != size && !starts(size) && starts(end) => Framing::Frame(end),
            _ => Framing::Frame(size),
        }
    }

    /// A second frame in the same message is a record of its own; other bytes are not.
    fn end_in_message(&self, size: usize, input: &Input<'_>) -> usize {
        let bytes = input.bytes.get(size..).unwrap_or_default();
        if bytes.is_empty() {
            return size;
        }
        let rest = Input { bytes, ..*input };
        let second = frame::best(&rest, self.layout, &self.settings)
            .is_some_and(|(_, fit)| fit >= Fit::Begins);
        if second { size } else { input.bytes.len() }
    }

    /// Checks the announced length and checksum against what is there.
    fn check_header(
        &self,
        header: &Header,
        frame: &[u8],
        input: &Input<'_>,
        message: &mut Message,
    ) {
        let start = header.layout.size();
        let announced = header.length as usize;
        let there = frame.len().saturating_sub(start);
        let field = match header.layout {
            Layout::V0 => (1, 5),
            Layout::V1 => (2, 6),
        };
        if header.layout == Layout::V1 && header.version != 1 {
            message.error(
                "unknown-version",
                (0, 1),
                format!("format version {} is not known", header.version),
            );
        }
        if announced > there {
            message.error(
                "truncated-frame",
                field,
                format!(
                    "the header announces {announced} bytes of body, but only {there} are there"
                ),
            );
        } else if announced < there {
            message.warning(
                "trailing-bytes",
                (header.frame_size(), frame.len()),
                format!(
                    "{} bytes after the announced end of the frame; peers ignore them",
                    there - announced
                ),
            );
            message.faithful = false;
        }
        if header.layout == Layout::V1
            && announced <= there
            && self.fit != Fit::Checked
            && !header.checksum_matches(frame)
        {
            let computed = crc32c::crc32c(header.body(frame));
            message.error(
                "crc-mismatch",
                (6, 10),
                format!(
                    "the header says {:#010x}, the body has {computed:#010x}",
                    header.crc
                ),
            );
        }
        let follows = input.bytes.get(frame.len()..).unwrap_or_default();
        if input.whole && !follows.is_empty() {
            message.warning(
                "second-frame",
                (0, frame.len()),
                format!(
                    "{} bytes with another frame follow in the same message; peers ignore it",
                    follows.len()
                ),
            );
        }
    }

    /// Decodes the body and says which group and codec it follows.
    fn body(
        &mut self,
        header: &Header,
        frame: &[u8],
        schema: NodeId,
        message: &mut Message,
    ) -> usize {
        let start = header.layout.size();
        let size = header.frame_size().min(frame.len());
        let frame = frame.get(..size).unwrap_or(frame);
        if size <= start {
            if header.length == 0 {
                message.error("empty-body", (start, size), "there is no body");
            }
            return start;
        }
        let Some(kind) = messages::by_code(header.code) else {
            message.error(
                "unknown-type",
                code_span(header),
                format!("type 0x{:02x} is not known", header.code),
            );
            return body::decode_unknown(frame, start, message);
        };
        message.type_name = kind.name;
        let preferred = self.preferred(header.layout);
        let reading = body::decode(header, kind, frame, preferred, message, &mut self.opaque);
        self.check_version(&reading, (start, size), message);
        self.learn(header.layout, &reading, message);
        header::complete(&reading, schema, message);
        reading.end
    }
}

impl SyncSession {
    /// Decodes a message of which nobody wants the values, only the text or what is wrong with it.
    /// If its body is not just what it should be, to its end, nothing is done: then all of it is
    /// wanted.
    fn sparingly(&mut self, header: &Header, frame: &[u8], message: &mut Message) -> Option<()> {
        let json = match self.settings.wanted {
            Wanted::Values => return None,
            Wanted::Json => true,
            Wanted::Nothing => false,
        };
        let is_usual = header::is_usual(header) && frame.len() <= MOST_SPARED;
        if !is_usual || header.frame_size() != frame.len() {
            return None;
        }
        let kind = messages::by_code(header.code)?;
        let head = if json {
            Some(header::spelled(header)?)
        } else {
            None
        };
        let groups = header.layout.groups().and(self.preferred(header.layout));
        let start = header.layout.size();
        let opaque = &mut self.opaque;
        let reading = body::decode_sparingly(kind, frame, start, groups, json, message, opaque)?;
        message.type_name = kind.name;
        self.learn(header.layout, &reading, message);
        message.spelled.head = head.map(|head| SpelledHead {
            end: header::spelled_end(&reading),
            ..head
        });
        Some(())
    }

    /// Decodes all of a message, whatever it is.
    fn thoroughly(&mut self, header: &Header, frame: &[u8], message: &mut Message) {
        let schema = header::show(header, message);
        let end = self.body(header, frame, schema, message);
        let body_end = header.frame_size().min(frame.len());
        if end < body_end
            && message
                .issues
                .iter()
                .all(|issue| issue.at.end as usize != body_end)
        {
            message.warning(
                "trailing-bytes",
                (end, body_end),
                format!(
                    "{} bytes after the value, inside the body; peers ignore them",
                    body_end - end
                ),
            );
        }
        message.rest(end, frame.len());
    }

    /// The version groups that the next body is expected to follow.
    fn preferred(&mut self, layout: Layout) -> Versions {
        match self.settings.sync_version {
            Some(group) => Versions::only(group),
            None => *self.shown(layout),
        }
    }

    /// Takes note of the groups that a sound body fits.
    fn learn(&mut self, layout: Layout, reading: &body::Reading, message: &Message) {
        let sound = message.worst() != Some(Severity::Error);
        if sound && !reading.fitting.is_empty() && !self.settings.independent {
            let shown = self.shown(layout);
            let both = shown.and(reading.fitting);
            *shown = if both.is_empty() {
                reading.fitting
            } else {
                both
            };
        }
    }

    /// Says so if the body at `at` is sound, but not one of the version that the user asks for.
    fn check_version(&self, reading: &body::Reading, at: (usize, usize), message: &mut Message) {
        let Some(forced) = self.settings.sync_version else {
            return;
        };
        let fits = reading.fitting.is_empty() || reading.fitting.meets(Versions::only(forced));
        let told = |issue: &Issue| issue.code == "version-mismatch";
        if !fits && !message.issues.iter().any(told) {
            let name = |group: u32| NAMES.get(group as usize).copied().unwrap_or_default();
            let (found, asked) = (name(reading.group), name(forced));
            let text = format!("the body is one of version {found}, not of {asked}");
            message.error("version-mismatch", at, text);
        }
    }

    /// Checks a body that was decoded without errors, alone and in its place.
    fn check(&mut self, header: &Header, frame: &[u8], input: &Input<'_>, message: &mut Message) {
        let (Some(kind), Some(body)) = (messages::by_code(header.code), message.body) else {
            return;
        };
        let told = self.settings.wanted != Wanted::Nothing;
        let direction = input.direction;
        let follow = !self.settings.independent && self.conversation.begins(kind, direction);
        if follow || checks::concern(kind) {
            let all = message.header.is_some();
            let fields = Fields::of(kind, body, &message.tree, frame, all);
            let findings = &mut Findings::of(&mut message.issues, told);
            checks::check(kind, &fields, findings);
            if follow {
                self.conversation
                    .follow(kind, header.layout, direction, &fields, findings);
            }
        }
    }
}

impl Session for SyncSession {
    fn frame(&mut self, input: &Input<'_>) -> Framing {
        if self.layout == Some(Layout::V1)
            && let Some(header) = frame::checked(input, &self.settings)
        {
            self.header = Some(header);
            self.fit = Fit::Checked;
            return self.complete(&header, Fit::Checked, input);
        }
        self.header = None;
        // A v0 frame can be shorter than a v1 header, but not one that begins like v1 (Handshake).
        let least = match input.bytes.first() {
            Some(1) => Layout::V1.size(),
            _ => Layout::V0.size(),
        };
        if input.bytes.len() < least && !input.ended && !input.whole {
            return Framing::Need(least);
        }
        let Some((header, fit)) = frame::best(input, self.layout, &self.settings) else {
            return Framing::NoFrame("shorter than a sync header");
        };
        if fit < Fit::Possible {
            return Framing::NoFrame("no sync header: unknown type or impossible length");
        }
        self.header = Some(header);
        self.fit = fit;
        let framing = if header.frame_size() > input.bytes.len() {
            self.incomplete(&header, fit, input)
        } else {
            self.complete(&header, fit, input)
        };
        // In a stream the bytes behind a frame tell, too; a message has only itself.
        let sure = if input.whole { Fit::Exact } else { Fit::Begins };
        match framing {
            Framing::Frame(size) if fit < sure => Framing::Doubtful(size),
            framing => framing,
        }
    }

    fn salvage(&mut self, input: &Input<'_>) -> Framing {
        let best = frame::best(input, self.layout, &self.settings);
        self.header = best.map(|(header, _)| header);
        self.fit = Fit::No;
        match self.header {
            Some(_) => Framing::Frame(input.bytes.len()),
            None => Framing::NoFrame("shorter than a sync header"),
        }
    }

    fn pass(&mut self, _frame: &[u8], input: &Input<'_>) -> bool {
        if let Some(header) = self.header {
            self.layout = Some(header.layout);
            *self.looked_through(input) = 0;
        }
        true
    }

    fn decode(&mut self, frame: &[u8], input: &Input<'_>, message: &mut Message) {
        message.protocol = "sync";
        self.pass(frame, input);
        let Some(header) = self.header else {
            message.unknown(frame.len());
            return;
        };
        self.check_header(&header, frame, input, message);
        if self.sparingly(&header, frame, message).is_none() {
            self.thoroughly(&header, frame, message);
        }
        if message.worst() != Some(Severity::Error) {
            let opaque = std::mem::take(&mut self.opaque);
            match self.settings.wanted {
                Wanted::Nothing => check_inner(frame, message, &opaque),
                _ if message.spelled.head.is_some() => spell_inner(frame, message, &opaque),
                _ => read_inner(frame, message, &opaque),
            }
            self.opaque = opaque;
            self.check(&header, frame, input, message);
        }
    }
}

/// Where a complete, checked frame starts inside an incomplete one.
fn next_complete(input: &Input<'_>, header: &Header, settings: &Settings) -> Option<usize> {
    let mut from = header.layout.size();
    let mut budget = frame::budget(input);
    while let Some(position) = frame::find_within(input, from, settings, &mut budget) {
        let bytes = input.bytes.get(position..)?;
        let rest = Input { bytes, ..*input };
        let (next, fit) = frame::best(&rest, None, settings)?;
        if fit == Fit::Checked || fit == Fit::Exact && next.layout == header.layout {
            return Some(position);
        }
        from = position + 1;
    }
    None
}

fn code_span(header: &Header) -> (usize, usize) {
    match header.layout {
        Layout::V0 => (0, 1),
        Layout::V1 => (1, 2),
    }
}
