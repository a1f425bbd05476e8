//! What one message may be: candidates, how well they fit, and which to prefer.
//!
//! Source: protocol page `noxu`, section 9.

use super::log_entries;
use super::messages::{self, V3_0, V4_1};
use super::restore;
use crate::schema::packed::{Measure, Rules, Unfit, measure};
use crate::schema::{MessageType, Versions};

/// The formats that share connections' bytes, each with its own table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// The greeting.
    Service,
    /// `ProtocolMessage`
    Protocol,
    /// `SyncupMsg`
    Syncup,
    /// The feeder stream.
    Feeder,
    /// Copying log files.
    Restore,
    /// Administration.
    Admin,
    /// Payloads of log entries, alone.
    LogEntry,
}

impl Family {
    /// Protocol name in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Service => "noxu.service",
            Self::Protocol => "noxu.protocol",
            Self::Syncup => "noxu.syncup",
            Self::Feeder => "noxu.feeder",
            Self::Restore => "noxu.restore",
            Self::Admin => "noxu.admin",
            Self::LogEntry => "noxu.logentry",
        }
    }

    /// Whether messages start with a byte that names their type.
    #[must_use]
    pub const fn tagged(self) -> bool {
        matches!(self, Self::Protocol | Self::Syncup | Self::Admin)
    }

    /// Its message types.
    #[must_use]
    pub const fn messages(self) -> &'static [MessageType] {
        match self {
            Self::Service => messages::SERVICE,
            Self::Protocol => messages::PROTOCOL,
            Self::Syncup => messages::SYNCUP,
            Self::Feeder => messages::FEEDER,
            Self::Restore => messages::RESTORE,
            Self::Admin => messages::ADMIN,
            Self::LogEntry => log_entries::LOG_ENTRIES,
        }
    }
}

/// Who sends a message: the side that asks (client, replica) or the one that answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Client of the service, replica, proposer.
    Asks,
    /// Server, feeder, acceptor.
    Answers,
    /// Not known.
    Either,
}

/// Evidence that leaves nothing to chance.
const PROOF: u32 = 32;

/// How well bytes fit a message type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// A real decoder refuses them.
    Damaged,
    /// More bytes follow, which real decoders ignore; or a bool byte is odd.
    Lenient,
    /// Encoding the values gives the same bytes.
    Exact,
}

/// One way to read a message.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// The format.
    pub family: Family,
    /// The message type.
    pub kind: &'static MessageType,
    /// Index of the layout.
    pub layout: u32,
    /// How well it fits.
    pub fit: Fit,
    /// How unlikely the fit is by chance, in bits, roughly.
    pub bits: u32,
    /// How unlikely a sender means such values, in bits, roughly; none where nobody asked.
    pub doubts: u32,
    /// Where the message ends.
    pub end: usize,
}

impl Reading {
    /// Position of the first field: behind the tag, if there is one.
    #[must_use]
    pub fn start(&self) -> usize {
        usize::from(self.code().is_some())
    }

    /// The tag, opcode or command.
    #[must_use]
    pub fn code(&self) -> Option<u64> {
        (self.family.tagged() && self.kind.code != 0).then_some(self.kind.code)
    }

    /// What speaks for it, less what speaks against it, in bits, roughly.
    #[must_use]
    pub fn evidence(&self) -> i32 {
        self.bits.cast_signed() - self.doubts.cast_signed()
    }

    /// Whether it is no chance that it fits.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.bits >= PROOF
    }

    /// How its fields are laid out.
    #[must_use]
    pub fn rules(&self) -> Rules {
        rules(self.family, self.kind, self.layout)
    }

    /// The layout's name, if the message type has two.
    #[must_use]
    pub fn layout_name(&self) -> Option<&'static str> {
        has_layouts(self.kind).then_some(messages::LAYOUTS.get(self.layout as usize).copied())?
    }
}

/// Whether a message type has changed with 4.1.0.
#[must_use]
pub fn has_layouts(kind: &MessageType) -> bool {
    kind.name == "ElectionProposal" || std::ptr::eq(kind, messages::RESTORE_RESPONSE)
}

fn rules(family: Family, kind: &MessageType, layout: u32) -> Rules {
    let mut rules = match family {
        Family::LogEntry => log_entries::rules(),
        _ => Rules::little(Versions::only(layout)),
    };
    if family == Family::Feeder {
        rules.truncated = "short-frame";
        rules.overrun = "payload-length";
        rules.unknown = "unknown-response";
    }
    if std::ptr::eq(kind, messages::ADMIN_ACK) {
        rules.unknown = "unknown-ack";
    }
    rules
}

/// Calls `visit` with every way to read `payload`, whose end is known, as a message of `family`.
pub fn readings(family: Family, payload: &[u8], role: Role, visit: &mut dyn FnMut(Reading)) {
    let mut try_kind = |kind: &'static MessageType| {
        for layout in layouts(kind) {
            if let Some(reading) = bounded(family, kind, layout, payload) {
                visit(reading);
            }
        }
    };
    match family {
        Family::Service => {}
        Family::Protocol | Family::Syncup => {
            let kind = payload
                .first()
                .and_then(|code| messages::by_code(family.messages(), *code));
            kind.into_iter().for_each(&mut try_kind);
        }
        Family::Admin => {
            let command = payload
                .first()
                .and_then(|code| messages::by_code(messages::ADMIN, *code));
            if role != Role::Answers {
                command.into_iter().for_each(&mut try_kind);
            }
            if role != Role::Asks && payload.len() == 1 {
                try_kind(messages::ADMIN_ACK);
            }
        }
        Family::Feeder => {
            if role != Role::Answers && payload.len() == 8 {
                try_kind(messages::STREAM_REQUEST);
                try_kind(messages::FEEDER_ACK);
            }
            if role != Role::Asks && payload.len() == 1 {
                try_kind(messages::STREAM_RESPONSE_MESSAGE);
            }
            if role != Role::Asks && payload.len() >= 17 {
                try_kind(messages::FEEDER_ENTRY);
            }
        }
        Family::Restore => {
            if role != Role::Answers && payload.len() >= 4 && payload.starts_with(&restore::MAGIC) {
                try_kind(messages::RESTORE_REQUEST);
            }
            if role != Role::Asks {
                try_kind(messages::RESTORE_RESPONSE);
            }
        }
        Family::LogEntry => {
            for kind in log_entries::LOG_ENTRIES {
                if !kind.body.fields.is_empty() {
                    try_kind(kind);
                }
            }
        }
    }
}

fn layouts(kind: &'static MessageType) -> impl Iterator<Item = u32> {
    let oldest = if has_layouts(kind) { V3_0 } else { V4_1 };
    (oldest..=V4_1).rev()
}

/// `payload` as `kind`, if a real decoder takes it, or refuses but its checksum.
#[must_use]
pub fn bounded(
    family: Family,
    kind: &'static MessageType,
    layout: u32,
    payload: &[u8],
) -> Option<Reading> {
    let mut reading = Reading {
        family,
        kind,
        layout,
        fit: Fit::Exact,
        bits: 0,
        doubts: 0,
        end: 0,
    };
    let body = match family {
        Family::LogEntry => log_entries::body_of(kind, payload.len()),
        _ => &kind.body,
    };
    let found = measure(body, payload, reading.start(), &reading.rules()).ok()?;
    reading.end = found.end;
    reading.bits = found.bits + weight(&reading, payload, &found);
    if found.end != payload.len() || !found.canonical {
        reading.fit = Fit::Lenient;
    }
    if std::ptr::eq(kind, messages::FEEDER_ENTRY) {
        if !found.canonical {
            reading.fit = Fit::Damaged;
        }
        if is_hollow(payload, found.end) {
            reading.bits = reading.bits.min(8);
        }
    }
    Some(reading)
}

/// An entry that is little more than zero bytes: no payload, no known type.
fn is_hollow(entry: &[u8], end: usize) -> bool {
    let known = entry
        .get(8)
        .is_some_and(|code| log_entries::by_code(*code).is_some());
    end == 17 && !known
}

/// What speaks for a reading beside its fields.
fn weight(reading: &Reading, payload: &[u8], found: &Measure) -> u32 {
    if reading.family == Family::LogEntry {
        return log_entry_weight(reading.kind.code, payload);
    }
    let tag = if reading.code().is_some() { 5 } else { 0 };
    // A known type and, for an empty payload, eight zero bytes.
    let entry = std::ptr::eq(reading.kind, messages::FEEDER_ENTRY)
        && payload
            .get(8)
            .is_some_and(|code| log_entries::by_code(*code).is_some());
    let magic = std::ptr::eq(reading.kind, messages::RESTORE_REQUEST) && found.end == payload.len();
    tag + if entry { 10 } else { 0 } + if magic { 28 } else { 0 }
}

/// What tells apart log entries with the same layout.
fn log_entry_weight(code: u64, payload: &[u8]) -> u32 {
    let database_names = payload.get(1..9) == Some(&[0; 8]);
    let end_type = payload.first().copied().map(u64::from);
    match code {
        21 | 22 if database_names => 8,
        10..=15 if !database_names => 8,
        30 | 31 if end_type == Some(code - 29) => 8,
        _ => 0,
    }
}

/// The message of `family` that starts `bytes`, whose end is not known; only formats that say
/// where they end.
///
/// # Errors
/// If there is none, or only its beginning.
pub fn self_delimiting(family: Family, bytes: &[u8], layout: u32) -> Result<Reading, Unfit> {
    let kind = match family {
        Family::Protocol | Family::Syncup => bytes
            .first()
            .and_then(|code| messages::by_code(family.messages(), *code)),
        Family::Feeder => Some(messages::FEEDER_ENTRY),
        Family::Restore => Some(messages::RESTORE_RESPONSE),
        Family::Service | Family::Admin | Family::LogEntry => None,
    };
    let Some(kind) = kind else {
        return Err(if bytes.is_empty() {
            Unfit::RanOut(0)
        } else {
            Unfit::Wrong
        });
    };
    let layout = if has_layouts(kind) { layout } else { V4_1 };
    let mut reading = Reading {
        family,
        kind,
        layout,
        fit: Fit::Exact,
        bits: 0,
        doubts: 0,
        end: 0,
    };
    let found = measure(&kind.body, bytes, reading.start(), &reading.rules())?;
    if family == Family::Feeder && (!found.canonical || is_hollow(bytes, found.end)) {
        return Err(Unfit::Wrong);
    }
    if !found.canonical {
        reading.fit = Fit::Lenient;
    }
    reading.end = found.end;
    let message = bytes.get(..found.end).unwrap_or(bytes);
    reading.bits = found.bits + weight(&reading, message, &found);
    Ok(reading)
}

/// The best way to read a message, and another one that is as good.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// To be shown.
    pub best: Reading,
    /// To be shown beside it.
    pub other: Option<Reading>,
}

/// Readings of other formats whose evidence lags by no more than this are as good: what lets one
/// of two equally exact readings look more natural (a plausible VLSN) proves nothing.
pub const AS_GOOD: u32 = 14;

/// Reads `payload` as the best of `families`.
#[must_use]
pub fn choose(families: &[Family], payload: &[u8], role: Role) -> Option<Choice> {
    let mut best: Option<Reading> = None;
    let mut other: Option<Reading> = None;
    let rank = |reading: &Reading| (reading.fit, reading.bits);
    for family in families {
        readings(*family, payload, role, &mut |reading| {
            let same_type = |known: &Reading| std::ptr::eq(known.kind, reading.kind);
            match best {
                Some(known) if rank(&known) >= rank(&reading) => {
                    let better = other.is_none_or(|other| rank(&other) < rank(&reading));
                    if !same_type(&known) && better {
                        other = Some(reading);
                    }
                }
                Some(known) => {
                    if !same_type(&known) {
                        other = Some(known);
                    }
                    best = Some(reading);
                }
                None => best = Some(reading),
            }
        });
    }
    let best = best?;
    let other = other.filter(|other| {
        other.fit == Fit::Exact
            && best.fit == Fit::Exact
            && other.bits + AS_GOOD >= best.bits
            // Payloads of log entries do not say their type, whatever they hold.
            && (!best.is_proven() || best.family == Family::LogEntry)
    });
    Some(Choice { best, other })
}
