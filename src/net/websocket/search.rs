//! The next frame after a hole, found by what a chain of headers must look like.
//!
//! Every byte position is a candidate. One survives if the header there is lawful for this
//! direction, its payload begins like a message, and the length it tells leads to another lawful
//! header, and so on. What is known about the payloads decides how long the chain must be.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::frame::{self, Header};
use crate::net::backlog::Backlog;
use crate::net::event::Stamp;
use crate::net::options::PayloadProbe;

/// Bytes kept while searching.
const BACKLOG_LIMIT: usize = 8 << 20;
/// Chains followed at a time; of more, those that lead farthest are given up.
const CHAIN_LIMIT: usize = 32 << 10;
/// Longest frame that is believed.
const FRAME_LIMIT: u64 = 64 << 20;
/// Headers in a row that are believed: with a probe's word, with payloads that begin as known
/// ones do, with nothing but the chain.
const LINKS_PROBED: u32 = 3;
const LINKS_LEARNED: u32 = 4;
const LINKS_BARE: u32 = 5;
/// Bytes of a payload that are shown to the probe.
const SHOWN: usize = 64;
/// Payload starts that are remembered.
const LEARNED_LIMIT: usize = 128;

/// What lawful frames of this direction look like.
pub(super) struct Rules {
    /// Frames of this direction are masked.
    pub(super) masked: bool,
    /// Messages may be deflated.
    pub(super) may_deflate: bool,
    /// Knows how payloads begin.
    pub(super) probe: Option<Arc<dyn PayloadProbe>>,
}

/// How messages of this direction have begun so far.
#[derive(Default)]
pub(super) struct Learned {
    /// First byte of a header and of its payload, and the second byte of the payload.
    starts: Vec<(u8, u16)>,
    /// Some of them, each where its last byte says: found at once.
    recent: [(u8, u16); 16],
    overflowed: bool,
}

impl Learned {
    pub(super) fn note(&mut self, first: u8, payload: &[u8]) {
        let start = (first, payload_start(payload));
        let [_, last] = start.1.to_be_bytes();
        let recent = self.recent.get_mut(usize::from(last % 16));
        if self.overflowed || recent.as_deref() == Some(&start) {
            return;
        }
        if let Some(recent) = recent {
            *recent = start;
        }
        match self.starts.iter().position(|known| *known == start) {
            // What comes often moves to the front, where it is found soon.
            Some(at) => self.starts.swap(at, at / 2),
            None if self.starts.len() >= LEARNED_LIMIT => self.overflowed = true,
            None => self.starts.push(start),
        }
    }

    fn knows(&self, first: u8, payload: &[u8]) -> bool {
        let start = payload_start(payload);
        if self.overflowed {
            let known = |known: &(u8, u16)| known.0 == first && known.1 >> 8 == start >> 8;
            return self.starts.iter().any(known);
        }
        self.starts.contains(&(first, start))
    }
}

fn payload_start(payload: &[u8]) -> u16 {
    match payload {
        [] => 0,
        [only] => u16::from(*only) << 8,
        [first, second, ..] => u16::from_be_bytes([*first, *second]),
    }
}

/// A search under way.
#[derive(Default)]
pub(super) struct Search {
    pub(super) backlog: Backlog,
    /// Positions before this were looked at.
    scanned: usize,
    /// Chains by the position where the next header must be.
    chains: BTreeMap<u64, Chain>,
}

#[derive(Clone, Copy)]
struct Chain {
    start: usize,
    /// Headers that say something.
    links: u32,
    last: Header,
    evidence: Evidence,
    in_message: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Evidence {
    /// Only the header is lawful.
    Bare,
    /// The payload begins like one before.
    Learned,
    /// The probe says so.
    Probed,
}

impl Evidence {
    fn links(self) -> u32 {
        match self {
            Self::Bare => LINKS_BARE,
            Self::Learned => LINKS_LEARNED,
            Self::Probed => LINKS_PROBED,
        }
    }
}

impl Search {
    /// Takes bytes; gives the position of a frame in the backlog once one is found.
    pub(super) fn push(
        &mut self,
        at: Stamp,
        bytes: &[u8],
        rules: &Rules,
        learned: &Learned,
    ) -> Option<usize> {
        self.backlog.push(at, bytes);
        self.scan(rules, learned)
            .or_else(|| self.fits(2).then_some(0))
    }

    /// Whether what is known are frames from its first byte to its last, at least `links` of them:
    /// so it is where few, small messages are sent, one in a segment.
    pub(super) fn fits(&self, links: u32) -> bool {
        self.chains
            .get(&(self.backlog.bytes().len() as u64))
            .is_some_and(|chain| chain.start == 0 && chain.links >= links && !chain.in_message)
    }

    /// Whether some chain leads beyond what is known.
    pub(super) fn has_hope(&self) -> bool {
        !self.chains.is_empty()
    }

    /// What it takes.
    pub(super) fn cost(&self) -> usize {
        self.backlog.cost() + self.chains.len() * 2 * size_of::<(u64, Chain)>()
    }

    /// Bytes to let go of, since there are too many.
    pub(super) fn overflow(&mut self) -> Option<Vec<u8>> {
        if self.backlog.bytes().len() <= BACKLOG_LIMIT {
            return None;
        }
        self.scanned = 0;
        self.chains.clear();
        Some(self.backlog.take_front(BACKLOG_LIMIT / 2))
    }

    /// Nothing more will come before the next hole (`exact`: at all): the best that was found.
    pub(super) fn best(&self, exact: bool) -> Option<usize> {
        let length = self.backlog.bytes().len() as u64;
        self.chains
            .iter()
            .filter(|&(&next, chain)| {
                let ends_here = exact && next == length;
                let from_start = chain.start == 0;
                match chain.evidence {
                    Evidence::Probed => chain.links >= 2 || ends_here,
                    Evidence::Learned => chain.links >= 3 || ends_here,
                    Evidence::Bare => {
                        chain.links >= 4 || ends_here && (from_start || chain.links >= 3)
                    }
                }
            })
            .max_by_key(|(_, chain)| (chain.links, std::cmp::Reverse(chain.start)))
            .map(|(_, chain)| chain.start)
    }

    fn scan(&mut self, rules: &Rules, learned: &Learned) -> Option<usize> {
        let bytes = self.backlog.bytes();
        let mut found: Option<usize> = None;
        while let Some(candidate) = candidate(bytes, self.scanned, rules, learned) {
            if let Some((next, chain)) = candidate {
                insert(&mut self.chains, next, chain);
            }
            self.scanned += 1;
        }
        while let Some(entry) = self.chains.first_entry() {
            let next = *entry.key();
            let rest = usize::try_from(next)
                .ok()
                .and_then(|next| bytes.get(next..));
            let Some(header) = rest.and_then(Header::read) else {
                break;
            };
            let chain = entry.remove();
            let doubtful = chain.evidence == Evidence::Bare && chain.start > 0;
            let lawful = lawful(&header, rules, chain.in_message)
                && !(doubtful && repeats(&header, &chain.last));
            if let Some(total) = header.total()
                && lawful
            {
                let chain = Chain {
                    links: chain.links + weight(&header, Some(&chain.last)),
                    last: header,
                    in_message: in_message(&header, chain.in_message),
                    ..chain
                };
                if chain.links >= chain.evidence.links() {
                    found = Some(found.map_or(chain.start, |found| found.min(chain.start)));
                }
                insert(&mut self.chains, next + total, chain);
            }
        }
        found
    }
}

/// Of two chains that meet, keeps the one more likely to begin with a true frame.
fn insert(chains: &mut BTreeMap<u64, Chain>, next: u64, chain: Chain) {
    match chains.get(&next) {
        Some(known)
            if (known.evidence, std::cmp::Reverse(known.start), known.links)
                >= (chain.evidence, std::cmp::Reverse(chain.start), chain.links) => {}
        _ => {
            chains.insert(next, chain);
            if chains.len() > CHAIN_LIMIT {
                chains.pop_last();
            }
        }
    }
}

/// What begins at `position`, if anything can. The outer `None`: too few bytes to tell.
#[expect(clippy::option_option, reason = "too early to tell is not no")]
fn candidate(
    bytes: &[u8],
    position: usize,
    rules: &Rules,
    learned: &Learned,
) -> Option<Option<(u64, Chain)>> {
    let rest = bytes.get(position..)?;
    let &[first, second] = rest.first_chunk::<2>()?;
    // Most positions fail here, without reading more.
    if (second & 0x80 != 0) != rules.masked || first & 0x30 != 0 || first & 0x0f == 0 {
        return Some(None);
    }
    let header = Header::read(rest)?;
    let before = bytes
        .get(position.saturating_sub(header.size + header.length.min(8) as usize)..)
        .and_then(Header::read);
    if !lawful(&header, rules, false)
        || is_masked_zeros(rest)
        || position > 0 && before.is_some_and(|before| repeats(&header, &before))
    {
        return Some(None);
    }
    let Some(total) = header.total() else {
        return Some(None);
    };
    let shown = usize::try_from(header.length).unwrap_or(SHOWN).min(SHOWN);
    let payload = rest.get(header.size..)?;
    // Half of what the probe could see is enough to ask it.
    if payload.len() < shown.min(SHOWN / 2) {
        return None;
    }
    let payload = payload.get(..shown).unwrap_or(payload);
    let mut clear = [0; SHOWN];
    let clear = clear.get_mut(..payload.len())?;
    clear.copy_from_slice(payload);
    if let Some(mask) = header.mask {
        frame::apply_mask(clear, mask, 0);
    }
    let Some(evidence) = evidence((position, first), &header, clear, rules, learned) else {
        return Some(None);
    };
    let chain = Chain {
        start: position,
        links: weight(&header, None),
        last: header,
        evidence,
        in_message: in_message(&header, false),
    };
    Some(Some((position as u64 + total, chain)))
}

/// Whether the bytes are a run of zeros under a mask: the key over and over, which may well read
/// as a header.
fn is_masked_zeros(bytes: &[u8]) -> bool {
    bytes
        .get(..4)
        .is_some_and(|key| bytes.get(4..8) == Some(key))
}

fn evidence(
    (position, first): (usize, u8),
    header: &Header,
    payload: &[u8],
    rules: &Rules,
    learned: &Learned,
) -> Option<Evidence> {
    if header.opcode == frame::CLOSE && header.length >= 2 {
        let code = u16::from_be_bytes(*payload.first_chunk::<2>()?);
        return (1000..5000).contains(&code).then_some(Evidence::Bare);
    }
    if header.is_control() || header.deflated() {
        return Some(Evidence::Bare);
    }
    if header.opcode == frame::TEXT {
        // The piece shown may end inside a character.
        let cut = match std::str::from_utf8(payload) {
            Ok(_) => payload.len(),
            Err(error) if error.error_len().is_none() => payload.len(),
            Err(error) => error.valid_up_to(),
        };
        if cut < payload.len() || payload.iter().any(|byte| matches!(byte, 0..=8 | 14..=31)) {
            return None;
        }
    }
    if let Some(probe) = &rules.probe
        && probe.plausible(payload, header.length)
    {
        return Some(Evidence::Probed);
    }
    if learned.knows(first, payload) {
        return Some(Evidence::Learned);
    }
    // Where much is known, what is unlike all of it had better be the middle of something. But the
    // first bytes of a segment are likely to begin a frame, whatever that carries.
    let likely = rules.probe.is_none() || position == 0;
    (likely && learned.starts.is_empty()).then_some(Evidence::Bare)
}

fn lawful(header: &Header, rules: &Rules, in_message: bool) -> bool {
    let data = matches!(header.opcode, frame::TEXT | frame::BINARY) && !in_message;
    let opcode = match header.opcode {
        frame::CONTINUATION => in_message,
        frame::TEXT | frame::BINARY => !in_message,
        frame::CLOSE => header.fin && header.length <= 125 && header.length != 1,
        frame::PING | frame::PONG => header.fin && header.length <= 125,
        _ => false,
    };
    let reserved = match header.reserved {
        0 => true,
        4 => rules.may_deflate && data,
        _ => false,
    };
    opcode
        && reserved
        && header.minimal
        && (header.fin || header.length > 0)
        && header.mask.is_some() == rules.masked
        && header.length <= FRAME_LIMIT
}

/// How much a header says, after the one before it. The bytes 0, 1, 2 are everywhere in binary
/// protocols, so frames that are not final say nothing, and neither do empty ones.
fn weight(header: &Header, before: Option<&Header>) -> u32 {
    let says = header.fin && header.length > 0 && header.opcode != frame::CONTINUATION;
    u32::from(says && !before.is_some_and(|before| repeats(header, before)))
}

/// Whether two headers in a row may be a payload that repeats itself: a masked run of zeros is its
/// key over and over, a list of small maps is `82 01 xx 82 01 xx`. True keys differ from frame to
/// frame.
fn repeats(header: &Header, before: &Header) -> bool {
    match header.mask {
        Some(mask) => mask != [0; 4] && before.mask == Some(mask),
        None => before == header && header.length < 8,
    }
}

fn in_message(header: &Header, before: bool) -> bool {
    if header.is_control() {
        before
    } else {
        !header.fin
    }
}
