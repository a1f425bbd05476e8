//! One connection that carries JSON messages.

use super::messages::{ACK, MESSAGES};
use super::text::{self, Text, space};
use crate::codec::json::{TextFault, read_text};
use crate::model::{Direction, Label, Message, NodeId, Severity, Span, Tree, Value};
use crate::protocol::rp::details::{self, Place};
use crate::protocol::rp::messages::{FRAME_TYPE, SHARD_TYPE, TAGS};
use crate::protocol::rp::session::RpSession;
use crate::protocol::rp::shapes::{Shape, View};
use crate::protocol::{Confidence, Framing, Input, Session, Settings, next_start};
use std::collections::HashMap;

static NEWLINE: Label = Label::new("newline");

/// So many channels are followed; more are no channels.
const MOST_CHANNELS: usize = 1024;

/// Follows one connection.
#[derive(Debug)]
pub struct RpsSession {
    settings: Settings,
    /// The last cursor that was sent on each channel.
    cursors: HashMap<Vec<u8>, u64>,
    /// Puts parts together.
    parts: RpSession,
}

impl RpsSession {
    /// A connection of which nothing is known.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self {
            settings: settings.clone(),
            cursors: HashMap::new(),
            parts: RpSession::new(settings),
        }
    }

    /// A text that goes on to byte `end`, and the white space after it.
    fn whole(&self, end: usize, input: &Input<'_>) -> Framing {
        let after = input.bytes.get(end..).unwrap_or_default();
        let spaces = space(after);
        if spaces == after.len() {
            // What follows may be the rest of a line's end.
            if !input.ended && !input.whole && !after.contains(&b'\n') {
                return Framing::Need(input.bytes.len() + 1);
            }
            return Framing::Frame(input.bytes.len());
        }
        let line = after.iter().take(spaces).position(|byte| *byte == b'\n');
        Framing::Frame(end + line.map_or(spaces, |line| line + 1))
    }

    /// A text that breaks: it goes on to the end of its line, or to the next message.
    fn broken(&self, at: usize, input: &Input<'_>) -> Framing {
        let bytes = input.bytes;
        let start = space(bytes);
        let line = bytes.iter().skip(start).position(|byte| *byte == b'\n');
        let line = line.map(|line| start + line + 1);
        let next = next_start(input, at.max(start + 1), &self.settings);
        match (line, next) {
            (Some(line), Some(next)) => Framing::Frame(line.min(next)),
            (Some(end), None) | (None, Some(end)) => Framing::Frame(end),
            (None, None) => Framing::Frame(bytes.len()),
        }
    }

    fn part(&self, input: &Input<'_>) -> Framing {
        let bytes = input.bytes;
        if bytes.iter().skip(space(bytes)).any(|byte| *byte == b'\n') {
            // Text over several lines, or lines of which one is cut off?
            let mut scratch = Tree::default();
            let (at, result) = read_text(bytes, space(bytes), &mut scratch, None);
            if matches!(result, Err(TextFault::Wrong(_))) {
                return self.broken(at, input);
            }
        }
        if input.ended || input.whole {
            return Framing::Frame(bytes.len());
        }
        if bytes.len() >= self.settings.most_frame {
            return self.broken(bytes.len(), input);
        }
        Framing::Need(bytes.len() + 1)
    }

    /// Reads the text; returns the shape of the message if it is JSON.
    fn read(&mut self, frame: &[u8], message: &mut Message) -> bool {
        let start = space(frame);
        let body = message.tree.next_id();
        let (end, result) = read_text(frame, start, &mut message.tree, None);
        message.body = Some(body).filter(|_| message.tree.next_id() > body);
        let after = frame.get(end..).unwrap_or_default();
        match result {
            Ok(form) if space(after) == after.len() => {
                let line = start == 0 && after == b"\n";
                let nothing_around = line || end - start == frame.len();
                message.faithful = form.compact && !form.repeated_key && nothing_around;
                if line && message.faithful {
                    note_line(message);
                }
                if form.repeated_key {
                    message.warning(
                        "repeated-key",
                        (start, end),
                        "an object has a key twice; readers refuse it or keep the last",
                    );
                }
                // The white space around belongs to the text.
                if let Some(node) = message.tree.get_mut(body) {
                    node.span = Span::new(0, frame.len());
                }
                return true;
            }
            Ok(_) => {
                let text = "more follows the JSON text";
                message.error("trailing-bytes", (end, frame.len()), text);
            }
            Err(TextFault::Truncated) => {
                let text = "the text ends inside a value";
                message.error("truncated-json", (end.min(frame.len()), frame.len()), text);
            }
            Err(TextFault::TooMany) => {
                let text = "more values than a message may have";
                message.warning("too-many-values", (end, frame.len()), text);
                message.faithful = false;
            }
            Err(fault) => {
                let code = if fault == TextFault::TooDeep {
                    "nesting-deep"
                } else {
                    "invalid-json"
                };
                message.error(code, (end, frame.len()), fault.to_string());
            }
        }
        match message.tree.get_mut(body) {
            Some(node) => {
                node.span.start = 0;
                message.rest(end, frame.len());
            }
            None => message.rest(0, frame.len()),
        }
        false
    }

    fn understand(&mut self, frame: &[u8], input: &Input<'_>, message: &mut Message) {
        let Some(body) = message.body else { return };
        let place = Place {
            payload: (0, frame.len()),
        };
        let view = View {
            tree: &message.tree,
            frame,
        };
        let Some(shape) = view.recognize(body, true) else {
            self.unknown(frame, body, input, message);
            return;
        };
        message.type_name = MESSAGES
            .get(shape.index)
            .map_or("unknown", |known| known.name);
        faults(&shape, place, message);
        details::check(frame, &shape, place, message);
        let bare = TAGS.get(shape.index).is_some_and(|tag| tag.key == "op");
        if bare && input.direction == Some(Direction::ClientToServer) && message.type_name != "auth"
        {
            message.warning(
                "bare-system-op",
                place.payload,
                "servers take operations only inside a frame on the system channel, and answer \
                 \"invalid frame schema\"",
            );
        }
        if shape.index == FRAME_TYPE {
            self.frame_message(frame, &shape, place, input, message);
        }
        if message.type_name == ACK {
            self.check_ack(frame, body, input, message);
        }
        let verdict = (shape.index == SHARD_TYPE)
            .then(|| {
                self.parts
                    .take_text_shard(frame, &shape, input.direction, message)
            })
            .flatten();
        let inner = message.tree.open(None, Value::Struct, 0);
        let mut said = details::describe(frame, &shape, message);
        if let Some(verdict) = verdict {
            crate::protocol::rp::nodes::verdict(verdict, message);
            said = true;
        }
        message.tree.close(inner, 0);
        if said {
            message.inner = Some(inner);
        } else {
            message.tree.truncate(inner);
        }
    }

    /// Not a message by its tag or fields: an acknowledgement by POST, or nothing known.
    fn unknown(&mut self, frame: &[u8], body: NodeId, input: &Input<'_>, message: &mut Message) {
        let view = View {
            tree: &message.tree,
            frame,
        };
        let at = (0, frame.len());
        let member = |name: &str| view.member(body, name);
        if member("client_id").is_some()
            && member("channel").is_some()
            && member("cursor").is_some()
        {
            message.type_name = ACK;
            message.note(
                "ack-without-effect",
                at,
                "an acknowledgement by POST: servers answer 204 and do nothing",
            );
            self.check_ack(frame, body, input, message);
            return;
        }
        let text = "neither an operation nor a frame: servers answer \"invalid frame schema\"";
        if input.direction == Some(Direction::ServerToClient) {
            message.warning("invalid-frame-schema", at, text);
        } else {
            message.issue(Severity::Error, "invalid-frame-schema", at, text);
        }
    }

    /// Checks a frame's payload and cursor.
    fn frame_message(
        &mut self,
        frame: &[u8],
        shape: &Shape,
        place: Place,
        input: &Input<'_>,
        message: &mut Message,
    ) {
        let view = View {
            tree: &message.tree,
            frame,
        };
        let channel = shape.field("channel").and_then(|id| view.text(id));
        let channel = channel.unwrap_or_default().to_vec();
        let cursor = shape.field("cursor").and_then(|id| view.number(id));
        let payload = shape.field("payload");
        let value = payload
            .and_then(|id| message.tree.get(id))
            .map(|node| node.value);
        let operation = payload.and_then(|id| view.recognize(id, true));
        if value == Some(Value::Nil) {
            let text = "servers answer \"payload required\"";
            message.issue(Severity::Error, "payload-required", place.payload, text);
        }
        if channel == b"system" {
            let good = operation.as_ref().is_some_and(|operation| {
                operation.faults.is_empty()
                    && TAGS.get(operation.index).is_some_and(|tag| tag.key == "op")
            });
            if !good {
                let text = "no known operation: servers answer \"invalid system payload\"";
                message.issue(
                    Severity::Error,
                    "invalid-system-payload",
                    place.payload,
                    text,
                );
            } else if let Some(id) = payload {
                let is_ack = operation.is_some_and(|operation| {
                    MESSAGES
                        .get(operation.index)
                        .is_some_and(|known| known.name == ACK)
                });
                if is_ack {
                    self.check_ack(frame, id, input, message);
                }
            }
        }
        if let Some(cursor) = cursor.filter(|_| self.follows(input)) {
            self.cursor(channel, cursor, place.payload, message);
        }
    }

    /// Whether cursors of this message are the server's: those of clients are ignored.
    fn follows(&self, input: &Input<'_>) -> bool {
        !self.settings.independent && input.direction != Some(Direction::ClientToServer)
    }

    fn cursor(&mut self, channel: Vec<u8>, cursor: u64, at: (usize, usize), message: &mut Message) {
        let name = String::from_utf8_lossy(&channel).into_owned();
        if self.cursors.len() >= MOST_CHANNELS && !self.cursors.contains_key(&channel) {
            return;
        }
        let Some(last) = self.cursors.insert(channel.clone(), cursor) else {
            return;
        };
        if cursor > last.saturating_add(1) {
            message.note(
                "cursor-gap",
                at,
                format!("cursor {cursor} after {last} on {name}: other clients' frames count, too"),
            );
        } else if cursor <= last {
            self.cursors.insert(channel, last);
            message.note(
                "cursor-backwards",
                at,
                format!("cursor {cursor} after {last} on {name}: a replay that was overtaken"),
            );
        }
    }

    fn check_ack(&mut self, frame: &[u8], id: NodeId, input: &Input<'_>, message: &mut Message) {
        if self.settings.independent || input.direction == Some(Direction::ServerToClient) {
            return;
        }
        let view = View {
            tree: &message.tree,
            frame,
        };
        let channel = view.member(id, "channel").and_then(|id| view.text(id));
        let cursor = view.member(id, "cursor").and_then(|id| view.number(id));
        let last = channel.and_then(|channel| self.cursors.get(channel));
        if let (Some(cursor), Some(last)) = (cursor, last.copied())
            && cursor > last
        {
            message.warning(
                "ack-beyond-last",
                (0, frame.len()),
                format!("acknowledges {cursor}; the last cursor sent was {last}"),
            );
        }
    }
}

impl Session for RpsSession {
    fn frame(&mut self, input: &Input<'_>) -> Framing {
        if text::probe(input) == Confidence::No {
            return Framing::NoFrame("no JSON message starts here");
        }
        match text::look(input.bytes) {
            Text::Whole(end) => {
                let inside = input.bytes.get(space(input.bytes)..end).unwrap_or_default();
                if inside.contains(&b'\n') {
                    let mut scratch = Tree::default();
                    let (at, result) = read_text(inside, 0, &mut scratch, None);
                    if matches!(result, Err(TextFault::Wrong(_))) {
                        return self.broken(at, input);
                    }
                }
                self.whole(end, input)
            }
            Text::Part => self.part(input),
            Text::Broken(_) if input.whole => Framing::Frame(input.bytes.len()),
            Text::Broken(at) => self.broken(at, input),
            Text::No => Framing::NoFrame("no JSON message starts here"),
        }
    }

    fn pass(&mut self, _frame: &[u8], _input: &Input<'_>) -> bool {
        true
    }

    fn decode(&mut self, frame: &[u8], input: &Input<'_>, message: &mut Message) {
        message.protocol = "rps";
        if self.read(frame, message) {
            self.understand(frame, input, message);
        }
    }

    fn next_derived(&mut self, ended: bool, message: &mut Message) -> Option<Vec<u8>> {
        self.parts.next_derived(ended, message)
    }
}

/// Fields that are missing or of the wrong type.
fn faults(shape: &Shape, place: Place, message: &mut Message) {
    for fault in &shape.faults {
        let name = fault.field.label.name;
        let kind = fault.field.kind.describe();
        match fault.value {
            Some(id) => {
                let at = place.of(message, id);
                let text = format!("{name} should be: {kind}");
                message.issue(Severity::Error, "wrong-type", at, text);
            }
            None => message.issue(
                Severity::Error,
                "missing-field",
                place.payload,
                format!("{name} is missing ({kind})"),
            ),
        }
    }
}

/// Says in the header that the text ends its line, which is all that the values do not say.
fn note_line(message: &mut Message) {
    let tree = &mut message.tree;
    let id = tree.open(None, Value::Struct, 0);
    tree.leaf(Some(&NEWLINE), Value::Bool(true), Span::default());
    tree.close(id, 0);
    message.header = Some(id);
}
