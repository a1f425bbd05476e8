//! Messages in fixed binary layouts: integers of fixed width, strings and lists with counts in
//! front, bytes at known places.
//!
//! Source: protocol page `noxu`, sections 3 to 7.

mod decode;
mod encode;
mod measure;
mod transcode;

pub use decode::{Decoder, Outcome};
pub use encode::{Encoder, Settle};
pub use measure::{Beginning, Measure, Unfit, measure, measure_beginning};
pub use transcode::{CheckDerived, Transcoder};

use super::{Struct, Type, Versions, field};
use crate::model::{Label, Message, NodeId, Symbol};

/// What only packed layouts have. Counts and flags are remembered while a struct is read; later
/// fields refer to them.
#[derive(Clone, Copy, Debug)]
pub enum Packed {
    /// An unsigned integer that counts what a later field holds: slot (0 or 1), width in bytes.
    Count(u8, u8),
    /// The same, but records do not show it.
    HiddenCount(u8, u8),
    /// As many bytes as the slot says.
    CountedBytes(u8),
    /// As many values as the slot says.
    CountedList(u8, &'static Type),
    /// CRC-32 (IEEE), 4 bytes, of the bytes that the slot counts, before or after them.
    Checksum(u8),
    /// An integer of 4 bytes that has this value in every message.
    Magic(u32),
    /// UTF-8 text behind a length of so many bytes.
    ShortText(u8),
    /// UTF-8 text up to the end of the message.
    TextToEnd,
    /// Bytes behind a 32-bit length; none are shown as null.
    NullIfEmpty,
    /// A log sequence number: file and offset, 4 bytes each, big-endian; all ones is null.
    LogPosition,
    /// One byte of flags.
    Flags,
    /// A value if the flags have this bit, else null or 0.
    If(u8, &'static Type, Absence),
    /// Not on the wire: whether the flags have this bit.
    Bit(u8),
    /// Not on the wire: null.
    Absent,
    /// Not on the wire: this name.
    Constant(&'static Symbol),
    /// Not on the wire: made from the fields before it.
    Derived(Derive),
}

impl Packed {
    /// The type that a record shows; none if it is made from other fields.
    #[must_use]
    pub const fn shown(&self) -> Option<Type> {
        Some(match self {
            Self::Count(_, width) => Type::Unsigned(*width),
            Self::CountedBytes(_) => Type::Bytes,
            Self::CountedList(_, item) => Type::List(item),
            Self::Checksum(_) | Self::Magic(_) => Type::Unsigned(4),
            Self::ShortText(_) | Self::TextToEnd => Type::Text,
            Self::NullIfEmpty => Type::Optional(&Type::Bytes),
            Self::LogPosition => Type::Optional(&LOG_POSITION_TYPE),
            Self::Flags => Type::Unsigned(1),
            Self::If(_, inner, Absence::Null) => Type::Optional(inner),
            Self::If(_, inner, Absence::Zero) => **inner,
            Self::HiddenCount(..)
            | Self::Bit(_)
            | Self::Absent
            | Self::Constant(_)
            | Self::Derived(_) => return None,
        })
    }

    /// Whether encoding finds it out from other fields where a record does not have it.
    #[must_use]
    pub const fn follows(&self) -> bool {
        self.shown().is_none()
            || matches!(
                self,
                Self::Count(..) | Self::Checksum(_) | Self::Magic(_) | Self::Flags
            )
    }

    /// What a value of it looks like in a record, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        match self.shown() {
            Some(kind) => kind.describe(),
            None => "derived".to_owned(),
        }
    }
}

static LOG_POSITION_TYPE: Type = Type::Struct(&LOG_POSITION);
static LOG_POSITION: Struct = Struct {
    name: "Lsn",
    fields: &[
        field("file", Type::Unsigned(4)),
        field("offset", Type::Unsigned(4)),
    ],
    keyed: false,
};

/// Appends one node labelled `label`, made from the members of `parent` that are there already.
pub type Derive =
    fn(frame: &[u8], parent: NodeId, label: Option<&'static Label>, message: &mut Message);

/// What records show for a value that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// `null`
    Null,
    /// `0`
    Zero,
}

/// Byte order of integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

impl Order {
    /// The integer that up to 8 `bytes` spell.
    #[must_use]
    pub fn unsigned(self, bytes: &[u8]) -> u64 {
        let join = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        match self {
            Self::Little => bytes.iter().rev().fold(0, join),
            Self::Big => bytes.iter().fold(0, join),
        }
    }
}

/// How a family of messages is laid out, and what departures from it are called.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Byte order.
    pub order: Order,
    /// The layout, alone.
    pub version: Versions,
    /// Issue code where the bytes end inside a field.
    pub truncated: &'static str,
    /// Issue code where counted bytes go past the end.
    pub overrun: &'static str,
    /// Issue code for a number without a name.
    pub unknown: &'static str,
}

impl Rules {
    /// Little-endian integers, the layout `version`, the usual names.
    #[must_use]
    pub const fn little(version: Versions) -> Self {
        Self {
            order: Order::Little,
            version,
            truncated: "truncated-message",
            overrun: "truncated-message",
            unknown: "invalid-enum",
        }
    }
}

/// The integer of `width` bytes, sign extended.
fn signed(value: u64, width: u8) -> i64 {
    let unused = 64 - 8 * u32::from(width.clamp(1, 8));
    (value << unused).cast_signed() >> unused
}
