//! Messages spelled in MessagePack, in the four spellings that NodeDB's releases have used.
//!
//! Source: protocol page `sync`, section 3.

mod decode;
mod encode;
mod plan;
mod transcode;

pub use decode::{AllNodes, Build, Decoder, FewNodes, Mark, Outcome};
pub use encode::Encoder;
pub use plan::Plan;
pub use transcode::{Room, Transcoder};

use super::Versions;
use crate::model::Symbol;

/// A set of spellings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codecs(pub u8);

impl Codecs {
    /// rmp-serde, structs as maps.
    pub const RMP_NAMED: Self = Self(1);
    /// zerompk 0.3: bytes as arrays of integers, unit variants as `[name, nil]`.
    pub const Z_ARR: Self = Self(2);
    /// zerompk 0.4 to 0.6.0: bytes as bin, unit variants as `[name, nil]`.
    pub const Z_OLD: Self = Self(4);
    /// zerompk 0.6.1 on: unit variants as strings, newtype payloads bare.
    pub const Z_NEW: Self = Self(8);
    /// All of them: nothing is known yet.
    pub const ANY: Self = Self(15);

    /// What both have.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What either has.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether none is left.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The name in records, if exactly one is left.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.symbol().map(|symbol| symbol.name)
    }

    /// The same, as values show it.
    #[must_use]
    pub const fn symbol(self) -> Option<&'static Symbol> {
        let [named, array, old, new] = &NAMES;
        match self {
            Self::RMP_NAMED => Some(named),
            Self::Z_ARR => Some(array),
            Self::Z_OLD => Some(old),
            Self::Z_NEW => Some(new),
            _ => None,
        }
    }
}

static NAMES: [Symbol; 4] = [
    spelling("rmp-named"),
    spelling("z-arr"),
    spelling("z-old"),
    spelling("z-new"),
];

const fn spelling(name: &'static str) -> Symbol {
    Symbol { code: 0, name }
}

/// How one version group spells its messages.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    /// The group, alone.
    pub version: Versions,
    /// The spellings it is known with.
    pub codecs: Codecs,
}
