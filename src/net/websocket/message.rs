//! What a receiver says about messages and control frames.

use super::frame::{self, Header};
use super::inflate::{Extension, Failure, Inflater};
use super::search::Rules;
use super::{Assembly, Receiver};
use crate::net::event::{Control, Envelope, Event, Finding, Kind, Message, Sink, Stamp, Transport};

impl Receiver {
    /// A message is complete: inflates it if need be, and hands it out.
    #[expect(clippy::inline_always, reason = "every message passes")]
    #[inline(always)]
    pub(super) fn message(
        &mut self,
        at: Stamp,
        assembly: Assembly,
        payload: &[u8],
        sink: &mut Sink<'_>,
    ) {
        if assembly.torn {
            if assembly.deflated && self.extension != (Extension::Deflate { takeover: false }) {
                self.inflater.lose_context();
            }
            return self.fragment(at, payload, "gap", sink);
        }
        self.after_gap = false;
        self.learned.note(assembly.first, payload);
        if assembly.dropped > 0 {
            self.too_long(at, sink);
            self.inflater.lose_context();
            self.fragment(at, payload, "message-too-long", sink);
            self.offset += assembly.dropped;
            return;
        }
        if !assembly.deflated {
            let length = payload.len() as u64;
            self.hand_out(at, assembly, payload, false, sink);
            self.offset += length;
            return;
        }
        let mut inflater = std::mem::replace(&mut self.inflater, Inflater::new(false));
        match inflater.inflate(payload, self.extension, self.limit) {
            Ok(inflated) => {
                self.hand_out(at, assembly, inflated, false, sink);
                self.offset += inflated.len() as u64;
            }
            Err(failure) => {
                self.not_inflated(at, failure, sink);
                self.hand_out(at, assembly, payload, true, sink);
                self.offset += payload.len() as u64;
            }
        }
        inflater.trim();
        self.inflater = inflater;
    }

    fn hand_out(
        &self,
        at: Stamp,
        assembly: Assembly,
        bytes: &[u8],
        deflated: bool,
        sink: &mut Sink<'_>,
    ) {
        if assembly.text && !deflated && std::str::from_utf8(bytes).is_err() {
            let finding = Finding::warning(
                "ws-text-not-utf8",
                self.offset,
                "a text message is not UTF-8",
            );
            self.finding(at, finding, sink);
        }
        let message = Message {
            offset: self.offset,
            bytes,
            text: assembly.text,
            deflated,
            envelope: Envelope::WebSocket {
                frames: assembly.frames,
            },
        };
        sink(Event::new(at, Transport::WebSocket, Kind::Message(message)));
    }

    fn not_inflated(&self, at: Stamp, failure: Failure, sink: &mut Sink<'_>) {
        let finding = match failure {
            Failure::ContextLost => Finding::error(
                "ws-deflate-context-lost",
                self.offset,
                "this message refers to compressed messages that are not in the capture; it is shown as it was sent",
            ),
            Failure::Damaged => Finding::error(
                "ws-inflate-failed",
                self.offset,
                "this message is marked as compressed but cannot be inflated; it is shown as it was sent",
            ),
            Failure::TooLong => {
                return self.too_long(at, sink);
            }
        };
        self.finding(at, finding, sink);
    }

    fn too_long(&self, at: Stamp, sink: &mut Sink<'_>) {
        let message = format!("a message is longer than {} bytes", self.limit);
        self.finding(
            at,
            Finding::error("message-too-long", self.offset, message),
            sink,
        );
    }
}

/// What is unlawful about a header that can be read all the same: a code, and words.
pub(super) fn complaint(header: &Header, rules: &Rules) -> Option<(&'static str, &'static str)> {
    let starts_data = matches!(header.opcode, frame::TEXT | frame::BINARY);
    let may_be_deflated = rules.may_deflate && starts_data;
    Some(if header.mask.is_some() != rules.masked {
        let message = if rules.masked {
            "a frame of the client is not masked"
        } else {
            "a frame of the server is masked"
        };
        ("ws-mask", message)
    } else if header.reserved & 3 != 0 || header.deflated() && !may_be_deflated {
        ("ws-reserved-bits", "a frame has reserved bits set")
    } else if !header.minimal {
        (
            "ws-length-not-minimal",
            "a frame's length takes more bytes than needed",
        )
    } else if header.is_control() && (!header.fin || header.length > 125) {
        (
            "ws-control-frame",
            "a control frame is fragmented or longer than 125 bytes",
        )
    } else {
        return None;
    })
}

/// Hands out a control frame.
pub(super) fn control(at: Stamp, opcode: u8, payload: &[u8], sink: &mut Sink<'_>) {
    let control = match opcode {
        frame::PING => Control::Ping(payload),
        frame::PONG => Control::Pong(payload),
        _ => match payload.split_first_chunk::<2>() {
            Some((code, reason)) => Control::Close {
                code: Some(u16::from_be_bytes(*code)),
                reason,
            },
            None => Control::Close {
                code: None,
                reason: payload,
            },
        },
    };
    sink(Event::new(at, Transport::WebSocket, Kind::Control(control)));
}
