//! NodeDB sync: frames between a NodeDB-Lite client and a NodeDB server.
//!
//! Source: protocol page `sync`.

mod body;
mod checks;
mod conversation;
mod encode;
mod fields;
mod findings;
mod frame;
mod header;
pub mod messages;
mod opaque;
mod pairing;
mod pings;
mod pushed;
mod session;
mod streams;
mod transcode;
pub mod types;
pub mod versions;

use super::{
    Confidence, Draft, EncodeOptions, Input, LineHead, Pairing, Protocol, Scratch, Settings,
};
use crate::codec::json::Cursor;
use crate::schema::{EncodeError, Field, MessageType, Type, field};
use session::SyncSession;

static HEADER: [Field; 5] = [
    field("version", Type::Unsigned(1)).about("0 for the 5-byte header, else its version byte"),
    field("code", Type::Unsigned(1)).about("the message's type byte"),
    field("crc", Type::Unsigned(4))
        .may_lack()
        .about("CRC32C of the body, in the 10-byte header"),
    field("schema", Type::Optional(&Type::Text))
        .about("version group of the body, the newest if several fit"),
    field("codec", Type::Optional(&Type::Text))
        .about("how the body is spelled; null if it does not show"),
];

/// The protocol `sync`.
#[derive(Debug)]
pub struct NodeDbSync;

impl Protocol for NodeDbSync {
    fn name(&self) -> &'static str {
        "sync"
    }

    fn about(&self) -> &'static str {
        "NodeDB sync frames between a NodeDB-Lite client and a NodeDB server"
    }

    fn versions(&self) -> &'static [&'static str] {
        &versions::NAMES
    }

    fn ports(&self) -> &'static [u16] {
        &[9090]
    }

    fn messages(&self) -> &'static [MessageType] {
        messages::MESSAGES
    }

    fn pairings(&self) -> &'static [Pairing] {
        pairing::PAIRINGS
    }

    fn probe(&self, input: &Input<'_>, settings: &Settings) -> Confidence {
        frame::probe(input, settings)
    }

    fn find(&self, input: &Input<'_>, from: usize, settings: &Settings) -> Option<usize> {
        frame::find(input, from, settings)
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
        Box::new(SyncSession::new(settings))
    }
}
