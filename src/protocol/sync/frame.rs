//! Headers: reading them, telling v0 from v1, finding them again after damage.
//!
//! Source: protocol page `sync`, sections 2 and 2.1.

use super::body;
use super::messages;
use super::versions::{HEADER_V0, HEADER_V1};
use crate::codec::messagepack::Reader;
use crate::protocol::{Confidence, Input, Settings};
use crate::schema::Versions;

/// The two frame headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `[type:1][length:4]`
    V0,
    /// `[version:1][type:1][length:4][crc32c:4]`
    V1,
}

impl Layout {
    /// Size of the header in bytes.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::V0 => 5,
            Self::V1 => 10,
        }
    }

    /// The version groups whose frames have it.
    #[must_use]
    pub const fn groups(self) -> Versions {
        match self {
            Self::V0 => HEADER_V0,
            Self::V1 => HEADER_V1,
        }
    }
}

/// A frame header, as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Which one.
    pub layout: Layout,
    /// The format version byte; 0 where there is none.
    pub version: u8,
    /// Message type byte.
    pub code: u8,
    /// Body length in bytes, as announced.
    pub length: u32,
    /// CRC32C of the body, as announced; 0 where there is none.
    pub crc: u32,
}

impl Header {
    /// Reads the header of `layout` from the start of `bytes`, if they are long enough.
    #[must_use]
    pub fn read(layout: Layout, bytes: &[u8]) -> Option<Self> {
        let little_endian = |at: usize| {
            let field = bytes.get(at..at + 4)?;
            Some(u32::from_le_bytes(field.try_into().ok()?))
        };
        match layout {
            Layout::V0 => Some(Self {
                layout,
                version: 0,
                code: *bytes.first()?,
                length: little_endian(1)?,
                crc: 0,
            }),
            Layout::V1 => Some(Self {
                layout,
                version: *bytes.first()?,
                code: *bytes.get(1)?,
                length: little_endian(2)?,
                crc: little_endian(6)?,
            }),
        }
    }

    /// Size of the whole frame in bytes, as announced.
    #[must_use]
    pub fn frame_size(&self) -> usize {
        self.layout.size().saturating_add(self.length as usize)
    }

    /// Whether the type is known to the groups that have this header.
    #[must_use]
    pub fn known_type(&self) -> bool {
        known_type(self.code, self.layout)
    }

    /// The body in `frame`, as far as it is there.
    #[must_use]
    pub fn body<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        let start = self.layout.size();
        let end = self.frame_size().min(frame.len());
        frame.get(start..end).unwrap_or_default()
    }

    /// Whether the body in `frame` is complete and has the announced checksum.
    #[must_use]
    pub fn checksum_matches(&self, frame: &[u8]) -> bool {
        self.frame_size() <= frame.len() && crc32c::crc32c(self.body(frame)) == self.crc
    }
}

fn known_type(code: u8, layout: Layout) -> bool {
    messages::by_code(code).is_some_and(|message| message.when.meets(layout.groups()))
}

/// How well a header explains the bytes that follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// It does not.
    No,
    /// The length is possible, nothing else is known.
    Possible,
    /// The type is known and the body, as far as it is there, begins like one of that type.
    Begins,
    /// The body is complete and exactly of its type, or is the size of the rest of the message.
    Exact,
    /// The checksum matches.
    Checked,
}

/// How well `header` fits `input`.
#[must_use]
pub fn fit(header: &Header, input: &Input<'_>, settings: &Settings) -> Fit {
    let bytes = input.bytes;
    let whole_length = input.whole && header.frame_size() == bytes.len();
    if header.length as usize > settings.most_frame {
        return Fit::No;
    }
    if header.layout == Layout::V1 {
        // A checksum over nothing is zero, which is no proof.
        if header.length > 0 && reaches_its_end(header, bytes) && header.checksum_matches(bytes) {
            return Fit::Checked;
        }
        if header.version != 1 && !whole_length {
            return Fit::No;
        }
    }
    if !header.known_type() {
        return if whole_length { Fit::Possible } else { Fit::No };
    }
    if header.length == 0 {
        return Fit::Possible;
    }
    let complete = header.frame_size() <= bytes.len();
    match body::begins(header, bytes) {
        body::Beginning::Whole if complete => Fit::Exact,
        body::Beginning::Whole | body::Beginning::Part => Fit::Begins,
        body::Beginning::Wrong if whole_length => Fit::Begins,
        body::Beginning::Wrong => Fit::Possible,
    }
}

/// Whether, after other v0 frames, this is one more: its type is known and its body is one value,
/// just as long as it says. Whether the value is right is seen when it is decoded.
fn continues(header: &Header, bytes: &[u8], settings: &Settings) -> bool {
    let size = header.frame_size();
    if header.length == 0 || header.length as usize > settings.most_frame || !header.known_type() {
        return false;
    }
    let Some(frame) = bytes.get(..size) else {
        return false;
    };
    let start = header.layout.size();
    let opens = matches!(frame.get(start), Some(0x80..=0x9f | 0xdc..=0xdf));
    let mut reader = Reader::new(frame, start);
    opens && reader.skip().is_ok() && reader.position() == size
}

/// Bodies of up to this size in bytes are summed before they are looked at.
const SHORT: usize = 64 << 10;

/// Whether the body's value ends about where the header says, or the body is short. Keeps headers
/// that claim everything behind them from having all of it summed, one after the other.
fn reaches_its_end(header: &Header, bytes: &[u8]) -> bool {
    if header.length as usize <= SHORT {
        return true;
    }
    let mut reader = Reader::new(bytes, header.layout.size());
    reader.skip().is_ok() && reader.position().saturating_add(SHORT) >= header.frame_size()
}

/// The v1 header of the frame that `input` starts with, if that is all there and its checksum
/// matches: nothing explains it better.
#[must_use]
pub fn checked(input: &Input<'_>, settings: &Settings) -> Option<Header> {
    let header = Header::read(Layout::V1, input.bytes)?;
    let length = header.length as usize;
    let likely = header.version == 1 && (1..=SHORT.min(settings.most_frame)).contains(&length);
    (likely && header.checksum_matches(input.bytes)).then_some(header)
}

/// The header that best explains the start of `input`, and how well. `last` is the layout that the
/// connection has shown; it decides between equals.
#[must_use]
pub fn best(input: &Input<'_>, last: Option<Layout>, settings: &Settings) -> Option<(Header, Fit)> {
    let order = match last {
        Some(Layout::V0) => [Layout::V0, Layout::V1],
        _ => [Layout::V1, Layout::V0],
    };
    if last == Some(Layout::V0)
        && let Some(header) = Header::read(Layout::V0, input.bytes)
        && continues(&header, input.bytes, settings)
    {
        return Some((header, Fit::Exact));
    }
    let mut best: Option<(Header, Fit)> = None;
    for layout in order {
        let Some(header) = Header::read(layout, input.bytes) else {
            continue;
        };
        let fit = fit(&header, input, settings);
        if best.is_none_or(|(_, known)| fit > known) {
            best = Some((header, fit));
        }
        if fit == Fit::Checked || fit == Fit::Exact && last == Some(layout) {
            break;
        }
    }
    best
}

/// How sure it is that `input` starts with a sync frame.
#[must_use]
pub fn probe(input: &Input<'_>, settings: &Settings) -> Confidence {
    match best(input, None, settings).map(|(_, fit)| fit) {
        Some(Fit::Checked) => Confidence::Certain,
        Some(Fit::Exact) => Confidence::Exact,
        Some(Fit::Begins) => Confidence::Likely,
        Some(Fit::Possible) => Confidence::Possible,
        _ => Confidence::No,
    }
}

/// The first position from `from` on where a frame plausibly starts: its checksum matches, its
/// body is exact, or all that is there of a body that will go on fits.
#[must_use]
pub fn find(input: &Input<'_>, from: usize, settings: &Settings) -> Option<usize> {
    find_within(input, from, settings, &mut budget(input))
}

/// How many bytes may be looked at in search of frames: bounds the work on hostile bytes that
/// look like headers everywhere.
#[must_use]
pub fn budget(input: &Input<'_>) -> usize {
    input.bytes.len().saturating_mul(16).saturating_add(1 << 16)
}

/// Like [`find`], with a budget that several searches share.
#[must_use]
pub fn find_within(
    input: &Input<'_>,
    from: usize,
    settings: &Settings,
    budget: &mut usize,
) -> Option<usize> {
    let bytes = input.bytes;
    (from..bytes.len()).find(|position| {
        let rest = bytes.get(*position..).unwrap_or_default();
        if !may_start(rest, settings) {
            return false;
        }
        let rest = Input {
            bytes: rest,
            whole: false,
            ..*input
        };
        [Layout::V1, Layout::V0].into_iter().any(|layout| {
            let Some(header) = Header::read(layout, rest.bytes) else {
                return false;
            };
            let cost = header.frame_size().min(rest.bytes.len());
            if header.length == 0 || cost > *budget {
                return false;
            }
            *budget -= cost;
            fit(&header, &rest, settings) >= Fit::Begins
        })
    })
}

/// A cheap look: type known, length possible, first body byte a map or array.
fn may_start(rest: &[u8], settings: &Settings) -> bool {
    let Some(first) = rest.first() else {
        return false;
    };
    let opens = |at: usize| {
        rest.get(at)
            .is_some_and(|byte| matches!(byte, 0x80..=0x9f | 0xdc | 0xde))
    };
    let fits = |layout: Layout| {
        Header::read(layout, rest)
            .is_some_and(|header| header.length as usize <= settings.most_frame)
    };
    (*first == 1
        && opens(10)
        && rest
            .get(1)
            .is_some_and(|code| known_type(*code, Layout::V1))
        && fits(Layout::V1))
        || (opens(5) && known_type(*first, Layout::V0) && fits(Layout::V0))
}
