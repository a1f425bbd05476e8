//! Noxu replication: elections, log streaming, syncup, restore and administration between nodes.
//!
//! One connection carries one service, named by its first bytes; each service has a format of its
//! own, which is a protocol name in records. Source: protocol page `noxu`.

mod body;
mod checks;
mod conversation;
mod damage;
mod derived;
mod encode;
mod find;
mod group;
mod guess;
mod inner;
pub mod log_entries;
pub mod messages;
mod reading;
mod restore;
mod resume;
mod session;
mod transcode;
mod weigh;
mod whole;

use super::{
    Across, Confidence, Draft, EncodeOptions, Input, LineHead, Protocol, Scratch, Session, Settings,
};
use crate::codec::json::Cursor;
use crate::schema::{EncodeError, Field, MessageType, Type, field};
use reading::Family;
use session::NoxuSession;

/// The names of the services that nodes register.
pub static SERVICES: [&str; guess::SERVICES.len()] = {
    let [(a, _), (b, _), (c, _), (d, _), (e, _)] = guess::SERVICES;
    [a, b, c, d, e]
};

static HEADER: [Field; 3] = [
    field("prefixed", Type::Bool)
        .may_lack()
        .about("whether its length stands before it"),
    field("code", Type::Unsigned(1))
        .may_lack()
        .about("tag or opcode"),
    field("layout", Type::Text)
        .may_lack()
        .about("3.0 or 4.1, where they differ"),
];

/// All formats, or one of them.
#[derive(Debug)]
pub struct Noxu {
    name: &'static str,
    about: &'static str,
    families: &'static [Family],
    /// Whether the user has named it.
    forced: bool,
    log_entry: Option<u8>,
}

/// Any of the formats, to be found out.
pub static NOXU: Noxu = Noxu {
    name: "noxu",
    about: "Noxu replication between the nodes of a group",
    families: &[
        Family::Service,
        Family::Protocol,
        Family::Syncup,
        Family::Feeder,
        Family::Restore,
        Family::Admin,
    ],
    forced: false,
    log_entry: None,
};

static NAMED: Noxu = Noxu {
    forced: true,
    ..copy(&NOXU)
};

/// The formats, each by its name in records.
pub static PARTS: [Noxu; 7] = [
    part(
        Family::Service,
        &[Family::Service],
        "the greeting that names a connection's service",
    ),
    part(
        Family::Protocol,
        &[Family::Protocol],
        "elections, and messages between nodes",
    ),
    part(
        Family::Syncup,
        &[Family::Syncup],
        "finding where the logs of two nodes agree",
    ),
    part(
        Family::Feeder,
        &[Family::Feeder],
        "the stream of log entries from a feeder to a replica",
    ),
    part(
        Family::Restore,
        &[Family::Restore],
        "copying the log files of a node",
    ),
    part(
        Family::Admin,
        &[Family::Admin],
        "commands to a node, and their answers",
    ),
    part(
        Family::LogEntry,
        &[Family::LogEntry],
        "the payload of a log entry, alone",
    ),
];

/// Payloads of one log entry type each, in the order of the table.
#[expect(
    clippy::indexing_slicing,
    reason = "evaluated when compiling, on our own tables"
)]
static LOG_ENTRIES: [Noxu; log_entries::LOG_ENTRIES.len()] = {
    let mut entries = [const {
        part(
            Family::LogEntry,
            &[Family::LogEntry],
            "the payload of a log entry of one type",
        )
    }; log_entries::LOG_ENTRIES.len()];
    let mut at = 0;
    while at < entries.len() {
        entries[at].log_entry = Some(log_entries::LOG_ENTRIES[at].code as u8);
        at += 1;
    }
    entries
};

/// The protocol that the user's word names: `noxu`, `noxu.feeder`, …; `noxu.logentry.TxnCommit`
/// names a type, too, which payloads do not.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static dyn Protocol> {
    if name == NAMED.name {
        return Some(&NAMED);
    }
    if let Some(kind) = name.strip_prefix("noxu.logentry.") {
        let names = log_entries::LOG_ENTRIES.iter().map(|entry| entry.name);
        return names
            .zip(&LOG_ENTRIES)
            .find(|(name, _)| *name == kind)
            .map(|(_, part)| part as &dyn Protocol);
    }
    PARTS
        .iter()
        .find(|part| part.name == name)
        .map(|part| part as &dyn Protocol)
}

impl Protocol for Noxu {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn versions(&self) -> &'static [&'static str] {
        &messages::LAYOUTS
    }

    fn ports(&self) -> &'static [u16] {
        &[14001]
    }

    fn is_bare(&self) -> bool {
        true
    }

    fn messages(&self) -> &'static [MessageType] {
        match self.families {
            [family] => family.messages(),
            _ => &[],
        }
    }

    fn has_codes(&self) -> bool {
        // The type of a log entry is in the entry around it.
        let coded = |family: &Family| family.tagged() || *family == Family::LogEntry;
        self.families.iter().all(coded)
    }

    fn probe(&self, input: &Input<'_>, _settings: &Settings) -> Confidence {
        find::probe(input, self.families)
    }

    fn find(&self, input: &Input<'_>, from: usize, _settings: &Settings) -> Option<usize> {
        find::next_frame(input, from, self.families)
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
        let (name, json) = draft.protocol;
        match PARTS.iter().find(|part| part.name == name) {
            Some(Noxu {
                families: [family], ..
            }) => encode::encode(*family, draft, options, out),
            _ => {
                let names = PARTS.iter().map(|part| part.name);
                Err(EncodeError::unknown(json, "Noxu protocol", name, names))
            }
        }
    }

    fn transcode(
        &self,
        head: &LineHead<'_>,
        cursor: &mut Cursor<'_>,
        _scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        match self.families {
            [family] => transcode::transcode(*family, head, cursor, out),
            _ => None,
        }
    }

    fn session(&self, settings: &Settings) -> Box<dyn Session> {
        Box::new(NoxuSession::new(
            self.families,
            self.forced,
            self.log_entry,
            settings,
        ))
    }

    fn across(&self) -> Option<Box<dyn Across>> {
        Some(Box::<group::Group>::default())
    }
}

const fn copy(other: &Noxu) -> Noxu {
    Noxu {
        name: other.name,
        about: other.about,
        families: other.families,
        forced: other.forced,
        log_entry: other.log_entry,
    }
}

const fn part(family: Family, families: &'static [Family], about: &'static str) -> Noxu {
    Noxu {
        name: family.name(),
        about,
        families,
        forced: true,
        log_entry: None,
    }
}
