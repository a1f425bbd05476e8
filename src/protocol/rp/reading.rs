//! Reading a payload, and telling how it is written.
//!
//! Nothing in a frame says how its payload is written, so all forms are read strictly: one item,
//! exactly all bytes, valid UTF-8, nothing reserved, no deeper than the real readers go.
//!
//! Source: protocol page `rp`, section 7.

use super::damage;
use super::ends::{Ends, Form};
use crate::codec::json::read_text;
use crate::codec::{cbor, messagepack};
use crate::model::{Message, Tree, Value};
use std::cmp::Reverse;

/// How the values of a payload are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// MessagePack
    MessagePack,
    /// CBOR
    Cbor,
    /// JSON
    Json,
}

impl Encoding {
    /// The name used in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MessagePack => "msgpack",
            Self::Cbor => "cbor",
            Self::Json => "json",
        }
    }
}

/// What was made of a payload.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    /// How it is written; none if it is opaque.
    pub encoding: Option<Encoding>,
    /// Whether it is one item, exactly all bytes.
    pub exact: bool,
    /// The values alone reproduce the bytes.
    pub reproducible: bool,
    /// Another encoding reads it just as well.
    pub other: Option<Encoding>,
    /// Where the value ended.
    pub end: usize,
}

/// Reads the payload that goes from `start` to the end of `bytes` into `message.body`. `hint` is
/// what the connection has shown; `ends` is known of the frame already, if `bytes` are one.
pub fn read(
    bytes: &[u8],
    start: usize,
    hint: Option<Encoding>,
    ends: &Ends,
    scratch: &mut Tree,
    message: &mut Message,
) -> Reading {
    let body = message.tree.next_id();
    let reading = exact(bytes, start, hint, ends, scratch, message)
        .unwrap_or_else(|| damage::read(bytes, start, hint, message));
    message.body = Some(body).filter(|_| message.tree.next_id() > body);
    reading
}

/// Reads the payload if some encoding reads it exactly.
fn exact(
    bytes: &[u8],
    start: usize,
    hint: Option<Encoding>,
    ends: &Ends,
    scratch: &mut Tree,
    message: &mut Message,
) -> Option<Reading> {
    let body = message.tree.next_id();
    let fills = |form: Form, encoding: Encoding| {
        let known = ends.fills(form, bytes.len());
        known.unwrap_or_else(|| ends_exactly(encoding, bytes, start))
    };
    let packed = fills(Form::MessagePack, Encoding::MessagePack);
    let cbor = fills(Form::Cbor, Encoding::Cbor);
    let mut chosen = None;
    for (encoding, fits) in [(Encoding::MessagePack, packed), (Encoding::Cbor, cbor)] {
        if !fits {
            continue;
        }
        let tree = if chosen.is_none() {
            &mut message.tree
        } else {
            scratch.clear();
            &mut *scratch
        };
        let Some(reproducible) = strict(encoding, bytes, start, tree) else {
            continue;
        };
        chosen = match chosen {
            None => Some((encoding, reproducible, None)),
            Some((first, known, _)) => {
                let marks = (
                    marks(&message.tree, body, bytes, known),
                    marks(scratch, 0, bytes, reproducible),
                );
                let same = same_number(&message.tree, body, scratch);
                Some(prefer(first, encoding, marks, same, hint, bytes.get(start))).map(|better| {
                    (
                        better,
                        reproducible,
                        Some(if better == first { encoding } else { first }),
                    )
                })
            }
        };
    }
    let (encoding, reproducible, other) = match chosen {
        Some(chosen) => chosen,
        None => return json(bytes, start, message),
    };
    let mut reproducible = reproducible;
    if other.is_some() {
        // Tiny payloads only: reading again is simpler than moving nodes.
        message.tree.truncate(body);
        reproducible = strict(encoding, bytes, start, &mut message.tree).unwrap_or_default();
    }
    Some(Reading {
        encoding: Some(encoding),
        exact: true,
        reproducible,
        other,
        end: bytes.len(),
    })
}

/// Whether some encoding reads the payload exactly.
pub fn is_exact(bytes: &[u8], start: usize, scratch: &mut Tree) -> bool {
    scratch.clear();
    [Encoding::MessagePack, Encoding::Cbor]
        .into_iter()
        .any(|encoding| {
            ends_exactly(encoding, bytes, start)
                && strict(encoding, bytes, start, scratch).is_some()
        })
        || strict(Encoding::Json, bytes, start, scratch).is_some()
}

/// Whether one item of `encoding` takes exactly all bytes from `start` on, by its structure.
fn ends_exactly(encoding: Encoding, bytes: &[u8], start: usize) -> bool {
    match encoding {
        Encoding::MessagePack => {
            let mut reader = messagepack::Reader::new(bytes, start);
            reader.skip().is_ok() && reader.position() == bytes.len()
        }
        Encoding::Cbor => {
            let mut reader = cbor::Reader::new(bytes, start);
            cbor::skip(&mut reader).is_ok() && reader.position() == bytes.len()
        }
        Encoding::Json => false,
    }
}

/// Reads the item strictly: all bytes, no more. Says whether its values reproduce it. Nothing stays in `tree` if it is
/// not sound.
pub fn strict(encoding: Encoding, bytes: &[u8], start: usize, tree: &mut Tree) -> Option<bool> {
    let root = tree.next_id();
    let sound = match encoding {
        Encoding::MessagePack => {
            let mut reader = messagepack::Reader::new(bytes, start);
            let form =
                messagepack::read_value(&mut reader, tree, None, messagepack::MOST_NESTING).ok();
            form.filter(|form| form.utf8 && reader.position() == bytes.len())
                .map(|form| form.canonical && form.reproducible)
        }
        Encoding::Cbor => {
            let mut reader = cbor::Reader::new(bytes, start);
            let form = cbor::read_value(&mut reader, tree, None, cbor::MOST_NESTING).ok();
            form.filter(|form| form.utf8 && reader.position() == bytes.len())
                .map(|form| form.canonical)
        }
        Encoding::Json => match read_text(bytes, start, tree, None) {
            (end, Ok(form)) if end == bytes.len() => Some(form.compact && !form.repeated_key),
            _ => None,
        },
    };
    if sound.is_none() {
        tree.truncate(root);
    }
    sound
}

/// Reads JSON: an array or object, or anything else that is JSON as a whole.
fn json(bytes: &[u8], start: usize, message: &mut Message) -> Option<Reading> {
    let first = bytes.get(start)?;
    if !matches!(
        first,
        b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' | b' '
    ) {
        return None;
    }
    let body = message.tree.next_id();
    let derived = message.tree.derived.len();
    let (end, result) = read_text(bytes, start, &mut message.tree, None);
    match result {
        Ok(form) if end == bytes.len() => Some(Reading {
            encoding: Some(Encoding::Json),
            exact: true,
            reproducible: form.compact && !form.repeated_key,
            other: None,
            end,
        }),
        _ => {
            message.tree.truncate(body);
            message.tree.derived.truncate(derived);
            None
        }
    }
}

/// What speaks against a reading; the smaller, the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Marks {
    /// Tags, extensions, undefined, strings in pieces, repeated or compound keys, forms that no
    /// serialiser chooses, control characters: the rarer, the more it counts.
    odd: u32,
    /// What of this serialisers never write: all but keys and characters.
    foreign: u32,
    /// Readable texts.
    plain: Reverse<u32>,
}

impl Marks {
    /// Whether nothing is odd, and there is readable text.
    #[must_use]
    pub fn is_plain(self) -> bool {
        self.odd == 0 && self.plain.0 > 0
    }
}

/// What speaks against the reading `root` of `bytes`.
#[must_use]
pub fn marks(tree: &Tree, root: u32, bytes: &[u8], reproducible: bool) -> Marks {
    let mut odd = 0;
    let mut foreign = u32::from(!reproducible) * 2;
    let mut plain = 0;
    for node in tree.nodes().get(root as usize..).unwrap_or_default() {
        foreign += match node.value {
            Value::Tag(_) | Value::Extension(..) => 3,
            Value::Undefined | Value::Simple(_) | Value::TextChunks | Value::ByteChunks => 3,
            _ => 0,
        };
        odd += match node.value {
            Value::Pairs => 1,
            Value::Text(span) if has_control(span.of(bytes)) => 2,
            Value::Text(span) => {
                plain += u32::from(!span.is_empty());
                0
            }
            _ => 0,
        };
    }
    Marks {
        odd: odd + foreign,
        foreign,
        plain: Reverse(plain),
    }
}

fn has_control(text: &[u8]) -> bool {
    text.iter()
        .any(|byte| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r'))
}

/// Settles between two exact readings: forms that no serialiser writes, then what the connection has
/// shown, then odd keys and characters, then what is commoner.
fn prefer(
    first: Encoding,
    second: Encoding,
    marks: (Marks, Marks),
    same: bool,
    hint: Option<Encoding>,
    byte: Option<&u8>,
) -> Encoding {
    let (one, other) = marks;
    if one.foreign != other.foreign && !same {
        return if one.foreign < other.foreign {
            first
        } else {
            second
        };
    }
    if let Some(hint) = hint.filter(|hint| [first, second].contains(hint)) {
        return hint;
    }
    if one != other && !same {
        return if one < other { first } else { second };
    }
    match byte {
        // False, true and null are far commoner than -12, -11 and -10.
        Some(0xf4..=0xf6) => Encoding::Cbor,
        _ => Encoding::MessagePack,
    }
}

/// Whether both trees are one and the same number.
fn same_number(tree: &Tree, root: u32, other: &Tree) -> bool {
    let value = |tree: &Tree, id| match tree.get(id).map(|node| node.value) {
        Some(Value::Unsigned(value)) => Some(value),
        _ => None,
    };
    value(tree, root).is_some() && value(tree, root) == value(other, 0)
}
