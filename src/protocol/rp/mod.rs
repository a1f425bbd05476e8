//! RP: the binary frames of pushwire.
//!
//! Source: protocol page `rp`, sections 1, 2 and 7 to 10.

mod damage;
pub(crate) mod details;
mod encode;
mod ends;
mod fragments;
mod header;
mod history;
pub mod messages;
pub(crate) mod nodes;
mod payload;
mod reading;
mod search;
pub(crate) mod session;
pub(crate) mod shapes;
mod split;
mod transcode;

use super::{Confidence, Draft, EncodeOptions, Input, LineHead, Protocol, Scratch, Settings};
use crate::codec::json::Cursor;
use crate::schema::{EncodeError, Field, MessageType, Struct, Type, field};
use session::RpSession;

pub use split::fragments;

static HEADER: [Field; 6] = [
    field("version", Type::Unsigned(1)).about("1"),
    field("flags", Type::Struct(&FLAGS)).about("the header's bits"),
    field("channel", Type::Unsigned(1)).about("the application's channel"),
    field("sequence", Type::Unsigned(4)).about("the application's number of the frame"),
    field("dictionary", Type::Optional(&Type::Unsigned(4)))
        .about("null if not compressed, 0 if without dictionary"),
    field("encoding", Type::Optional(&Type::Text)).about("null if the payload is opaque"),
];
static FLAGS: Struct = Struct {
    name: "Flags",
    fields: &[
        field("compressed", Type::Bool).about("zstd data follows"),
        field("fragmented", Type::Bool).about("the payload is a part of something"),
        field("ack_required", Type::Bool).about("the sender wants an acknowledgement"),
        field("reserved", Type::Unsigned(1))
            .may_lack()
            .about("bits without a meaning, if any is set"),
    ],
    keyed: true,
};

/// The protocol `rp`.
#[derive(Debug)]
pub struct PushwireFrames;

impl Protocol for PushwireFrames {
    fn name(&self) -> &'static str {
        "rp"
    }

    fn about(&self) -> &'static str {
        "pushwire RP frames: MessagePack or CBOR payloads on numbered channels, optionally zstd"
    }

    fn versions(&self) -> &'static [&'static str] {
        &["1"]
    }

    fn ports(&self) -> &'static [u16] {
        &[]
    }

    fn messages(&self) -> &'static [MessageType] {
        &messages::MESSAGES
    }

    fn has_codes(&self) -> bool {
        false
    }

    fn bodies_follow_tables(&self) -> bool {
        false
    }

    fn probe(&self, input: &Input<'_>, settings: &Settings) -> Confidence {
        search::probe(input, settings)
    }

    fn find(&self, input: &Input<'_>, from: usize, settings: &Settings) -> Option<usize> {
        search::find(input, from, settings)
    }

    fn header(&self) -> &'static [Field] {
        &HEADER
    }

    fn encode(
        &self,
        draft: &Draft<'_>,
        options: &EncodeOptions,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        encode::encode(draft, options, out)
    }

    fn transcode(
        &self,
        head: &LineHead<'_>,
        cursor: &mut Cursor<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        transcode::transcode(head, cursor, scratch, out)
    }

    fn session(&self, settings: &Settings) -> Box<dyn super::Session> {
        Box::new(RpSession::new(settings))
    }
}
