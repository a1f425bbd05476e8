//! Payloads that no encoding reads exactly: what is wrong with them, and what can be shown.
//!
//! Source: protocol page `rp`, sections 1.3, 7 and 10.

use super::reading::{Encoding, Reading};
use crate::codec::{cbor, messagepack};
use crate::model::{Message, NodeId, Span, Tree, Value};

/// More nested containers than this are an attack rather than a mistake.
const BOMB_NESTING: usize = 100_000;
/// No frame is larger than this by default; a length beyond it is no length.
const ABSURD_LENGTH: u64 = 64 << 20;

/// What one encoding makes of a payload.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    encoding: Encoding,
    /// How the item ended.
    outcome: Outcome,
    /// Where it ended, or the fault is.
    end: usize,
    /// Nodes that were read.
    nodes: usize,
    /// What was read looks like something that a peer sends.
    sane: bool,
    utf8: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Whole,
    Truncated,
    /// An announced length is beyond any frame.
    Overrun,
    TooDeep,
    TooMany,
    Invalid,
}

/// Reads what can be read into `message`, and says what is wrong.
pub fn read(bytes: &[u8], start: usize, hint: Option<Encoding>, message: &mut Message) -> Reading {
    let opaque = Reading {
        end: start,
        ..Reading::default()
    };
    if start >= bytes.len() {
        let at = (start, bytes.len());
        message.error(
            "empty-payload",
            at,
            "the payload is empty; no reader accepts that",
        );
        return opaque;
    }
    let body = message.tree.next_id();
    let attempts = [Encoding::MessagePack, Encoding::Cbor]
        .map(|encoding| attempt(encoding, bytes, start, body, &mut message.tree));
    let verdict = verdict(&attempts, bytes, start, hint);
    message.faithful = false;
    let (code, text, shown) = verdict.words(bytes, start);
    let at = verdict.at(bytes, start);
    // What MessagePack readers ignore, CBOR readers refuse.
    let ignored = verdict.fault == Fault::Trailing && verdict.by.encoding == Encoding::MessagePack;
    if ignored || verdict.fault == Fault::TooMany {
        message.warning(code, at, text);
    } else {
        message.error(code, at, text);
    }
    if !shown {
        return opaque;
    }
    read_partly(verdict.by.encoding, bytes, start, &mut message.tree);
    Reading {
        encoding: Some(verdict.by.encoding),
        exact: false,
        reproducible: false,
        other: None,
        end: verdict.by.end.max(start),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Nesting,
    TooMany,
    BadText,
    Overrun,
    Trailing,
    Truncated,
    Garbage,
}

#[derive(Clone, Copy, Debug)]
struct Verdict {
    fault: Fault,
    by: Attempt,
}

impl Verdict {
    /// Code, words, and whether what was read is worth showing.
    fn words(&self, bytes: &[u8], start: usize) -> (&'static str, String, bool) {
        let name = self.by.encoding.name();
        let left = bytes.len().saturating_sub(self.by.end);
        match self.fault {
            Fault::Nesting => {
                let levels = levels(self.by.encoding, bytes, start);
                let limit = match self.by.encoding {
                    Encoding::Cbor => cbor::MOST_NESTING - 1,
                    _ => messagepack::MOST_NESTING - 1,
                };
                let code = if levels >= BOMB_NESTING {
                    "nesting-bomb"
                } else {
                    "nesting-deep"
                };
                let text = format!("{name} nested deeper than readers go ({limit} levels)");
                (code, text, false)
            }
            Fault::TooMany => (
                "too-many-values",
                format!(
                    "more than {} values; the rest is not shown",
                    crate::codec::MOST_VALUES
                ),
                true,
            ),
            Fault::BadText => (
                "garbage",
                format!("as {name}, the payload has text that is not UTF-8"),
                true,
            ),
            Fault::Overrun => (
                "length-overrun",
                format!(
                    "as {name}, a length at byte {} is far beyond the {} bytes of payload",
                    self.by.end,
                    bytes.len().saturating_sub(start)
                ),
                self.by.nodes > 1,
            ),
            Fault::Trailing => (
                "trailing-bytes",
                format!(
                    "{left} bytes follow the {name} value; MessagePack readers ignore them, CBOR \
                     readers refuse the frame"
                ),
                true,
            ),
            Fault::Truncated => (
                "truncated-payload",
                format!("the payload ends inside a {name} value"),
                true,
            ),
            Fault::Garbage => (
                "garbage",
                "the payload is no whole value in MessagePack, CBOR or JSON".to_owned(),
                false,
            ),
        }
    }

    /// The bytes that the finding is about.
    fn at(&self, bytes: &[u8], start: usize) -> (usize, usize) {
        match self.fault {
            Fault::Trailing | Fault::TooMany | Fault::Overrun | Fault::Truncated => {
                (self.by.end, bytes.len())
            }
            Fault::Nesting | Fault::BadText | Fault::Garbage => (start, bytes.len()),
        }
    }
}

fn verdict(attempts: &[Attempt; 2], bytes: &[u8], start: usize, hint: Option<Encoding>) -> Verdict {
    let length = bytes.len();
    let find = |fault: Fault, fits: &dyn Fn(&Attempt) -> bool| {
        attempts
            .iter()
            .filter(|attempt| fits(attempt))
            .max_by_key(|attempt| (attempt.nodes, Some(attempt.encoding) == hint))
            .map(|by| Verdict { fault, by: *by })
    };
    let [first, second] = attempts;
    let farther = if second.end > first.end {
        second
    } else {
        first
    };
    find(Fault::TooMany, &|attempt| {
        attempt.outcome == Outcome::TooMany
    })
    .or_else(|| {
        find(Fault::Nesting, &|attempt| {
            attempt.outcome == Outcome::TooDeep
        })
    })
    .or_else(|| {
        find(Fault::BadText, &|attempt| {
            attempt.outcome == Outcome::Whole && attempt.end == length && !attempt.utf8
        })
    })
    .or_else(|| {
        find(Fault::Overrun, &|attempt| {
            attempt.outcome == Outcome::Overrun && (attempt.sane || attempt.nodes <= 1)
        })
    })
    .or_else(|| {
        // A value that is most of the payload, and something after it.
        find(Fault::Trailing, &|attempt| {
            attempt.outcome == Outcome::Whole
                && attempt.utf8
                && 2 * (attempt.end - start) > length - start
        })
    })
    .or_else(|| {
        find(Fault::Truncated, &|attempt| {
            matches!(attempt.outcome, Outcome::Truncated | Outcome::Overrun) && attempt.sane
        })
    })
    .unwrap_or(Verdict {
        fault: Fault::Garbage,
        by: *farther,
    })
}

/// Reads with one encoding, leniently; leaves nothing in `tree`.
fn attempt(
    encoding: Encoding,
    bytes: &[u8],
    start: usize,
    root: NodeId,
    tree: &mut Tree,
) -> Attempt {
    let (end, mut outcome, utf8) = read_partly(encoding, bytes, start, tree);
    if outcome == Outcome::Truncated && needs(encoding, bytes, start) > ABSURD_LENGTH {
        outcome = Outcome::Overrun;
    }
    let nodes = tree.nodes().get(root as usize..).unwrap_or_default().len();
    let sane = is_sane(encoding, tree, root, bytes, end);
    tree.truncate(root);
    Attempt {
        encoding,
        outcome,
        end,
        nodes,
        sane,
        utf8,
    }
}

fn read_partly(
    encoding: Encoding,
    bytes: &[u8],
    start: usize,
    tree: &mut Tree,
) -> (usize, Outcome, bool) {
    if encoding == Encoding::Cbor {
        let mut reader = cbor::Reader::new(bytes, start);
        let result = cbor::read_value(&mut reader, tree, None, cbor::MOST_NESTING);
        let outcome = match result {
            Ok(form) => return (reader.position(), Outcome::Whole, form.utf8),
            Err(cbor::Fault::Truncated) => Outcome::Truncated,
            Err(cbor::Fault::TooDeep) => Outcome::TooDeep,
            Err(cbor::Fault::TooMany) => Outcome::TooMany,
            Err(_) => Outcome::Invalid,
        };
        return (reader.position(), outcome, false);
    }
    let mut reader = messagepack::Reader::new(bytes, start);
    let result = messagepack::read_value(&mut reader, tree, None, messagepack::MOST_NESTING);
    let outcome = match result {
        Ok(form) => return (reader.position(), Outcome::Whole, form.utf8),
        Err(messagepack::Fault::Truncated) => Outcome::Truncated,
        Err(messagepack::Fault::TooDeep) => Outcome::TooDeep,
        Err(messagepack::Fault::TooMany) => Outcome::TooMany,
        Err(messagepack::Fault::Reserved) => Outcome::Invalid,
    };
    (reader.position(), outcome, false)
}

/// Where the item ends at the earliest, by its lengths.
fn needs(encoding: Encoding, bytes: &[u8], start: usize) -> u64 {
    let need = match encoding {
        Encoding::Cbor => cbor::skip(&mut cbor::Reader::new(bytes, start))
            .err()
            .map(|(_, need)| need),
        _ => {
            let mut reader = messagepack::Reader::new(bytes, start);
            reader.skip_or_need().err().map(|(_, need)| need)
        }
    };
    need.unwrap_or_default()
}

/// Whether what was read before a fault looks like the beginning of a real payload: a map with
/// names for keys, or an array or string with readable text in it.
fn is_sane(encoding: Encoding, tree: &Tree, root: NodeId, bytes: &[u8], end: usize) -> bool {
    let tail = unfinished_text(encoding, bytes, end);
    let printable = |span: Span| is_printable(span.of(bytes));
    let Some(node) = tree.get(root) else {
        return tail.is_some_and(|text| text.len() > 1 && is_printable(text));
    };
    let texts = || {
        tree.nodes()
            .get(root as usize..)
            .unwrap_or_default()
            .iter()
            .filter_map(|node| match node.value {
                Value::Text(span) | Value::BadText(span) => Some(printable(span)),
                _ => None,
            })
    };
    match node.value {
        Value::Map | Value::Pairs => {
            let keys = tree.children(root).step_by(2).map(|(_, key)| key.value);
            let mut count = 0;
            let named = keys
                .inspect(|_| count += 1)
                .all(|key| matches!(key, Value::Text(span) if printable(span) && !span.is_empty()));
            named && (count > 0 || tail.is_some_and(is_printable))
        }
        Value::List => {
            let id = tree
                .children(root)
                .any(|(_, item)| matches!(item.value, Value::Bytes(span) if span.len() == 16));
            let readable = texts().any(|good| good)
                || tail.is_some_and(|text| text.len() > 1 && is_printable(text));
            (readable || id) && texts().all(|good| good)
        }
        _ => false,
    }
}

/// If the fault at `at` is a string whose end is missing, what is there of it.
fn unfinished_text(encoding: Encoding, bytes: &[u8], at: usize) -> Option<&[u8]> {
    let content = match encoding {
        Encoding::Cbor => {
            let mut reader = cbor::Reader::new(bytes, at);
            match reader.head().ok()? {
                cbor::Head::Text(Some(_)) => reader.position(),
                _ => return None,
            }
        }
        _ => {
            let mut reader = messagepack::Reader::new(bytes, at);
            match reader.head().ok()? {
                messagepack::Head::Text(_) => reader.position(),
                _ => return None,
            }
        }
    };
    bytes.get(content..)
}

/// Whether `text` is UTF-8, as far as it is there, without control characters but line ends.
fn is_printable(text: &[u8]) -> bool {
    let good = match std::str::from_utf8(text) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    good && !text
        .iter()
        .any(|byte| byte.is_ascii_control() && !matches!(byte, b'\r' | b'\n' | b'\t'))
}

/// How many containers stand directly inside each other at the start.
fn levels(encoding: Encoding, bytes: &[u8], start: usize) -> usize {
    let mut levels = 0;
    match encoding {
        Encoding::Cbor => {
            let mut reader = cbor::Reader::new(bytes, start);
            while let Ok(cbor::Head::Array(_) | cbor::Head::Map(_) | cbor::Head::Tag(_)) =
                reader.head()
            {
                levels += 1;
            }
        }
        _ => {
            let mut reader = messagepack::Reader::new(bytes, start);
            while let Ok(messagepack::Head::Array(_) | messagepack::Head::Map(_)) = reader.head() {
                levels += 1;
            }
        }
    }
    levels
}
