//! RPS: the JSON protocol of pushwire, over WebSocket, event streams and POST bodies.
//!
//! Source: protocol page `rp`, sections 3 to 6.

mod encode;
pub mod messages;
mod session;
mod text;

use super::{Confidence, Draft, EncodeOptions, Input, Protocol, Settings};
use crate::schema::{EncodeError, MessageType};
use session::RpsSession;

/// The member that tells messages of type `kind` from others, if it has one: key and value.
#[must_use]
pub fn tag(kind: &MessageType) -> Option<(&'static str, &'static str)> {
    let index = messages::MESSAGES
        .iter()
        .position(|known| known.name == kind.name)?;
    let tag = super::rp::messages::TAGS.get(index)?;
    (!tag.key.is_empty()).then_some((tag.key, tag.word))
}

/// The protocol `rps`.
#[derive(Debug)]
pub struct PushwireJson;

impl Protocol for PushwireJson {
    fn name(&self) -> &'static str {
        "rps"
    }

    fn about(&self) -> &'static str {
        "pushwire JSON messages: system operations and frames on named channels"
    }

    fn versions(&self) -> &'static [&'static str] {
        &["0.1"]
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

    fn is_text(&self) -> bool {
        true
    }

    fn probe(&self, input: &Input<'_>, _settings: &Settings) -> Confidence {
        text::probe(input)
    }

    fn find(&self, input: &Input<'_>, from: usize, _settings: &Settings) -> Option<usize> {
        text::find(input, from)
    }

    fn encode(
        &self,
        draft: &Draft<'_>,
        options: &EncodeOptions,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        encode::encode(draft, options, out)
    }

    fn session(&self, settings: &Settings) -> Box<dyn super::Session> {
        Box::new(RpsSession::new(settings))
    }
}
