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
use crate::schema::{EncodeError, MessageType};
use session::RpSession;

pub use split::fragments;

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
