//! The vocabulary of the tables.

use super::packed::Packed;
use crate::model::{Label, Message, NodeId, Secret, Symbol, Unit};

/// A set of version groups of one protocol; bit 0 is the oldest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions(pub u16);

impl Versions {
    /// Every version.
    pub const ALL: Self = Self(u16::MAX);

    /// The group with this index, alone.
    #[must_use]
    pub const fn only(index: u32) -> Self {
        Self(1 << index)
    }

    /// The group with this index and all newer ones.
    #[must_use]
    pub const fn since(index: u32) -> Self {
        Self(u16::MAX << index)
    }

    /// The group with this index and all older ones.
    #[must_use]
    pub const fn until(index: u32) -> Self {
        Self(!(u16::MAX << (index + 1)))
    }

    /// The groups' indexes, the newest first.
    pub fn newest_first(self) -> impl Iterator<Item = u32> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let newest = left.checked_ilog2()?;
            left &= !(1 << newest);
            Some(newest)
        })
    }

    /// What both have.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether both have a group in common.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The newest group's index.
    #[must_use]
    pub const fn newest(self) -> Option<u32> {
        self.0.checked_ilog2()
    }

    /// Whether no group is left.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What a value is.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// One truth value.
    Bool,
    /// Unsigned integer of so many bytes: 1, 2, 4 or 8.
    Unsigned(u8),
    /// Signed integer of so many bytes.
    Signed(u8),
    /// 32-bit float.
    Float32,
    /// 64-bit float.
    Float64,
    /// UTF-8 text.
    Text,
    /// Bytes as a field of their own.
    Bytes,
    /// Bytes as the element of a list, which zerompk always spells as integers.
    ElementBytes,
    /// Exactly so many bytes.
    Fixed(u16),
    /// Nothing or a value.
    Optional(&'static Type),
    /// Any number of values.
    List(&'static Type),
    /// As many values as there are types.
    Tuple(&'static [Type]),
    /// Keys and values.
    Map(&'static Type, &'static Type),
    /// Named fields.
    Struct(&'static Struct),
    /// One of several variants.
    Enum(&'static Enum),
    /// What only packed layouts have.
    Packed(Packed),
    /// A UUID: 16 bytes in binary encodings, hyphenated text in JSON.
    Uuid,
    /// Any value of a self-describing encoding.
    Any,
}

impl Type {
    /// What a value of it looks like in a record, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Bool => "bool".to_owned(),
            Self::Unsigned(width) => format!("u{}", 8 * u32::from(*width)),
            Self::Signed(width) => format!("i{}", 8 * u32::from(*width)),
            Self::Float32 => "f32".to_owned(),
            Self::Float64 => "f64".to_owned(),
            Self::Text => "text".to_owned(),
            Self::Bytes | Self::ElementBytes => "bytes".to_owned(),
            Self::Uuid => "UUID".to_owned(),
            Self::Any => "any value".to_owned(),
            Self::Fixed(count) => format!("{count} bytes"),
            Self::Optional(inner) => format!("{} or null", inner.describe()),
            Self::List(item) => format!("list of {}", item.describe()),
            Self::Tuple(kinds) => {
                let kinds: Vec<String> = kinds.iter().map(Self::describe).collect();
                format!("[{}]", kinds.join(", "))
            }
            Self::Map(key, value) => {
                format!("map of {} to {}", key.describe(), value.describe())
            }
            Self::Struct(body) => body.name.to_owned(),
            Self::Enum(choice) => choice.name.to_owned(),
            Self::Packed(packed) => packed.describe(),
        }
    }
}

/// A record of named fields.
#[derive(Debug)]
pub struct Struct {
    /// Its name in the protocol's own code.
    pub name: &'static str,
    /// Its fields in wire order.
    pub fields: &'static [Field],
    /// Whether it is written as a map keyed by field name.
    pub keyed: bool,
}

/// One field of a struct.
#[derive(Debug)]
pub struct Field {
    /// Name, secrecy, unit.
    pub label: Label,
    /// What it holds.
    pub kind: Type,
    /// The versions that have it.
    pub when: Versions,
    /// Whether a reader fills a default if a keyed struct lacks it.
    pub may_lack: bool,
    /// What opaque bytes hold.
    pub holds: Option<Opaque>,
    /// Its meaning, in a few words.
    pub about: &'static str,
}

/// A plain field that every version has.
#[must_use]
pub const fn field(name: &'static str, kind: Type) -> Field {
    Field {
        label: Label::new(name),
        kind,
        when: Versions::ALL,
        may_lack: false,
        holds: None,
        about: "",
    }
}

impl Field {
    /// Only these versions have it.
    #[must_use]
    pub const fn when(mut self, when: Versions) -> Self {
        self.when = when;
        self
    }

    /// A keyed struct may lack it.
    #[must_use]
    pub const fn may_lack(mut self) -> Self {
        self.may_lack = true;
        self
    }

    /// Its bytes hold something that can be read further.
    #[must_use]
    pub const fn holds(mut self, opaque: Opaque) -> Self {
        self.holds = Some(opaque);
        self
    }

    /// People may see it only in part or not at all.
    #[must_use]
    pub const fn secret(mut self, secret: Secret) -> Self {
        self.label.secret = secret;
        self
    }

    /// What its number counts.
    #[must_use]
    pub const fn unit(mut self, unit: Unit) -> Self {
        self.label.unit = unit;
        self
    }

    /// Its meaning.
    #[must_use]
    pub const fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }
}

/// What opaque bytes hold.
#[derive(Clone, Copy, Debug)]
pub struct Opaque {
    /// The content's name, for people.
    pub name: &'static str,
    /// Reads the content into the message's tree.
    pub read: OpaqueReader,
    /// Spells the content out at once, if there is a way.
    pub spell: Option<OpaqueSpeller>,
    /// The same, but without the text: only for findings.
    pub check: Option<OpaqueSpeller>,
    /// The body's other fields that reading it looks at.
    pub beside: &'static [&'static str],
}

/// Reads the bytes of node `field` further: pushes the tree of what they hold, and findings, and
/// says whether it pushed anything.
pub type OpaqueReader = fn(frame: &[u8], field: NodeId, message: &mut Message) -> bool;

/// Spells out what the bytes of node `field` hold: adds what an [`OpaqueReader`] pushes as text to
/// [`Message::spelled`], behind a lead and a name, and findings. If it does not, it says so and
/// leaves everything as it was.
pub type OpaqueSpeller = fn(
    frame: &[u8],
    field: NodeId,
    name: (u8, Option<&'static Label>),
    message: &mut Message,
) -> bool;

/// A choice between variants.
#[derive(Debug)]
pub struct Enum {
    /// Its name in the protocol's own code.
    pub name: &'static str,
    /// Its variants.
    pub variants: &'static [Variant],
    /// Whether it is written as its number.
    pub numbered: bool,
}

/// One variant of an enum.
#[derive(Debug)]
pub struct Variant {
    /// Name and number.
    pub symbol: Symbol,
    /// What comes with it.
    pub payload: Payload,
    /// The versions that have it.
    pub when: Versions,
}

/// What comes with a variant.
#[derive(Debug)]
pub enum Payload {
    /// Nothing.
    Unit,
    /// One unnamed value.
    Newtype(Type),
    /// Named fields.
    Struct(&'static [Field]),
}

impl Variant {
    /// A variant without payload.
    #[must_use]
    pub const fn unit(name: &'static str) -> Self {
        Self::numbered(name, 0)
    }

    /// A variant that is written as a number.
    #[must_use]
    pub const fn numbered(name: &'static str, code: u64) -> Self {
        Self {
            symbol: Symbol { code, name },
            payload: Payload::Unit,
            when: Versions::ALL,
        }
    }

    /// A variant with one unnamed value.
    #[must_use]
    pub const fn newtype(name: &'static str, kind: Type) -> Self {
        let mut variant = Self::unit(name);
        variant.payload = Payload::Newtype(kind);
        variant
    }

    /// A variant with named fields.
    #[must_use]
    pub const fn with(name: &'static str, fields: &'static [Field]) -> Self {
        let mut variant = Self::unit(name);
        variant.payload = Payload::Struct(fields);
        variant
    }

    /// Only these versions have it.
    #[must_use]
    pub const fn when(mut self, when: Versions) -> Self {
        self.when = when;
        self
    }
}

/// Who sends a message type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The side that opened the connection.
    ClientToServer,
    /// The side that accepted it.
    ServerToClient,
    /// Both.
    Both,
}

/// A message type.
#[derive(Debug)]
pub struct MessageType {
    /// Its code on the wire.
    pub code: u64,
    /// Its name, as records spell it.
    pub name: &'static str,
    /// Who sends it, by the protocol's documentation.
    pub way: Way,
    /// Whether real parties send it the other way, too.
    pub way_varies: bool,
    /// The versions that have it.
    pub when: Versions,
    /// Its body.
    pub body: Struct,
    /// Its meaning, in a sentence.
    pub about: &'static str,
}
