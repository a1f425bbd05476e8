//! Finding JSON messages in bytes: one after the other, on lines or not.

use crate::codec::json::text_end;
use crate::protocol::{Confidence, Input};

/// The keys that a message may begin with, and what makes it surely one of this protocol.
static KEYS: [&[u8]; 11] = [
    b"op",
    b"channel",
    b"client_id",
    b"type",
    b"kind",
    b"cursor",
    b"payload",
    b"fragment_id",
    b"peer_id",
    b"username",
    b"base_cursor",
];

/// What starts bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// A JSON text that ends before this byte.
    Whole(usize),
    /// A JSON text whose end is not there.
    Part,
    /// Something that begins like JSON, but breaks at this byte.
    Broken(usize),
    /// No JSON object.
    No,
}

/// Number of white space bytes that start `bytes`.
#[must_use]
pub fn space(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
        .count()
}

/// Looks at the JSON object that starts `bytes`, after white space.
#[must_use]
pub fn look(bytes: &[u8]) -> Text {
    let start = space(bytes);
    let rest = bytes.get(start..).unwrap_or_default();
    if rest.first() != Some(&b'{') {
        return Text::No;
    }
    match text_end(rest) {
        Ok(Some(end)) => Text::Whole(start + end),
        Ok(None) => Text::Part,
        Err(at) => Text::Broken(start + at),
    }
}

/// How sure it is that a message starts `input`.
#[must_use]
pub fn probe(input: &Input<'_>) -> Confidence {
    let bytes = input.bytes;
    let start = space(bytes);
    let rest = bytes.get(start..).unwrap_or_default();
    let [b'{', inside @ ..] = rest else {
        return Confidence::No;
    };
    let inside = inside.get(space(inside)..).unwrap_or_default();
    let known = KEYS.iter().any(|key| begins_with_key(inside, key));
    let over = input.ended || input.whole;
    match look(bytes) {
        Text::Whole(_) if known && has_known_shape(rest) => Confidence::Certain,
        Text::Whole(_) if known => Confidence::Likely,
        Text::Whole(end)
            if input.whole && end + space(bytes.get(end..).unwrap_or_default()) == bytes.len() =>
        {
            Confidence::Possible
        }
        Text::Part if known && !over => Confidence::Likely,
        Text::Part | Text::Broken(_) if known => Confidence::Likely,
        // The first key is not there yet.
        Text::Part if !over && inside.len() < 16 => Confidence::Possible,
        _ => Confidence::No,
    }
}

/// Whether `inside` begins with `"key":`, as far as it goes.
fn begins_with_key(inside: &[u8], key: &[u8]) -> bool {
    let Some(rest) = inside.strip_prefix(b"\"") else {
        return false;
    };
    match rest.strip_prefix(key) {
        Some(rest) => rest.first().is_none_or(|byte| *byte == b'"'),
        None => !rest.is_empty() && key.starts_with(rest),
    }
}

/// Whether an object has the members that make a message: an operation, a channel with a payload or
/// cursor, a known word.
fn has_known_shape(object: &[u8]) -> bool {
    let has = |needle: &[u8]| object.windows(needle.len()).any(|window| window == needle);
    let object_head = object.get(..4096).unwrap_or(object);
    let word = |key: &str| {
        crate::protocol::rp::messages::TAGS
            .iter()
            .filter(|tag| tag.key == key)
            .any(|tag| {
                let compact = format!("\"{key}\":\"{}\"", tag.word);
                let spaced = format!("\"{key}\": \"{}\"", tag.word);
                [compact, spaced].iter().any(|needle| {
                    object_head
                        .windows(needle.len())
                        .any(|window| window == needle.as_bytes())
                })
            })
    };
    has(b"\"channel\"") && (has(b"\"payload\"") || has(b"\"cursor\""))
        || word("op")
        || word("type")
        || word("kind")
        || has(b"\"fragment_id\"") && has(b"\"total\"")
        || has(b"\"peer_id\"") && has(b"\"mode\"")
        || has(b"\"credential\"") && has(b"\"ttl_seconds\"")
        || has(b"\"base_cursor\"") && has(b"\"ops\"")
}

/// The first position from `from` on where a message plausibly starts.
#[must_use]
pub fn find(input: &Input<'_>, from: usize) -> Option<usize> {
    let bytes = input.bytes;
    let mut budget = bytes.len().saturating_mul(16).saturating_add(1 << 16);
    let mut position = from;
    loop {
        let rest = bytes.get(position..)?;
        position += memchr::memchr(b'{', rest)?;
        let rest = bytes.get(position..).unwrap_or_default();
        let quoted = rest
            .get(1)
            .is_none_or(|byte| matches!(byte, b'"' | b' ' | b'\n' | b'\r'));
        if quoted {
            budget = budget.checked_sub(rest.len().min(1 << 16))?;
            let found = probe(&Input {
                bytes: rest,
                whole: false,
                ..*input
            });
            if found >= Confidence::Likely {
                return Some(position);
            }
        }
        position += 1;
    }
}
