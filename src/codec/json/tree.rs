//! JSON text into a tree: values as they stand, with their bytes.

use super::cursor::leading_plain;
use crate::codec::MOST_VALUES;
use crate::model::{Label, Layer, NodeId, Span, Tree, Value};
use thiserror::Error;

/// Readers refuse this many arrays and objects inside each other; `serde_json` does, too.
pub const MOST_NESTING: u32 = 128;

/// Why a text could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TextFault {
    /// The bytes end inside the value.
    #[error("the text ends inside a value")]
    Truncated,
    /// Not JSON.
    #[error("{0}")]
    Wrong(&'static str),
    /// Deeper than the reader goes.
    #[error("nested too deep")]
    TooDeep,
    /// More values than one message may have.
    #[error("too many values")]
    TooMany,
}

/// What reading a text has shown about its writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextForm {
    /// No white space, no escape that is not needed: what `serde_json` writes.
    pub compact: bool,
    /// An object had a key twice.
    pub repeated_key: bool,
}

/// Reads the JSON value that starts at `position` of `bytes` into `tree`; returns where it ends,
/// or where the fault is. Objects are maps, numbers that are no plain 64-bit integers stay as they
/// are spelled, strings with escapes are text in pieces whose one piece is a derived one.
pub fn read_text(
    bytes: &[u8],
    position: usize,
    tree: &mut Tree,
    label: Option<&'static Label>,
) -> (usize, Result<TextForm, TextFault>) {
    let mut walk = Walk {
        bytes,
        position,
        most: tree.len().saturating_add(MOST_VALUES),
        tree,
        form: TextForm {
            compact: true,
            repeated_key: false,
        },
    };
    let result = walk.value(label, MOST_NESTING);
    (walk.position, result.map(|()| walk.form))
}

/// Where the array or object ends that starts `bytes`: `Ok(None)` if not here. Only brackets and
/// strings are looked at.
///
/// # Errors
/// If it cannot be JSON; at which byte.
pub fn text_end(bytes: &[u8]) -> Result<Option<usize>, usize> {
    let mut open = 0_u32;
    let mut inside = false;
    let mut escaped = false;
    for (index, byte) in bytes.iter().enumerate() {
        if inside {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => inside = false,
                0..=0x1f => return Err(index),
                _ => {}
            }
            continue;
        }
        match byte {
            b'{' | b'[' => open = open.saturating_add(1),
            b'}' | b']' => {
                open = open.checked_sub(1).ok_or(index)?;
                if open == 0 {
                    return Ok(Some(index + 1));
                }
            }
            _ if open == 0 => return Err(index),
            b'"' => inside = true,
            b' ' | b'\t' | b'\r' | b'\n' | b',' | b':' | b'+' | b'-' | b'.' => {}
            b'0'..=b'9' | b'a'..=b'z' | b'E' => {}
            _ => return Err(index),
        }
    }
    Ok(None)
}

struct Walk<'w> {
    bytes: &'w [u8],
    position: usize,
    most: usize,
    tree: &'w mut Tree,
    form: TextForm,
}

impl Walk<'_> {
    fn value(&mut self, label: Option<&'static Label>, depth: u32) -> Result<(), TextFault> {
        if self.tree.len() >= self.most {
            return Err(TextFault::TooMany);
        }
        let start = self.position;
        let value = match self.peek()? {
            b'{' | b'[' => return self.container(label, depth),
            b'"' => {
                self.string(label)?;
                return Ok(());
            }
            b't' => self.word("true", Value::Bool(true))?,
            b'f' => self.word("false", Value::Bool(false))?,
            b'n' => self.word("null", Value::Nil)?,
            b'-' | b'0'..=b'9' => self.number()?,
            _ => return Err(TextFault::Wrong("no JSON value starts here")),
        };
        self.tree
            .leaf(label, value, Span::new(start, self.position));
        Ok(())
    }

    fn container(&mut self, label: Option<&'static Label>, depth: u32) -> Result<(), TextFault> {
        if depth <= 1 {
            return Err(TextFault::TooDeep);
        }
        let object = self.peek()? == b'{';
        let kind = if object { Value::Map } else { Value::List };
        let id = self.tree.open(label, kind, self.position);
        self.position += 1;
        let result = self.members(object, depth);
        self.tree.close(id, self.position);
        if object && result.is_ok() && self.repeats_a_key(id) {
            self.form.repeated_key = true;
        }
        result
    }

    fn members(&mut self, object: bool, depth: u32) -> Result<(), TextFault> {
        let end = if object { b'}' } else { b']' };
        self.space();
        if self.peek()? == end {
            self.position += 1;
            return Ok(());
        }
        loop {
            self.space();
            if object {
                if self.peek()? != b'"' {
                    return Err(TextFault::Wrong("a key must be a string"));
                }
                self.string(None)?;
                self.space();
                self.expect(b':', "a colon must follow a key")?;
                self.space();
            }
            self.value(None, depth - 1)?;
            self.space();
            if self.peek()? == end {
                self.position += 1;
                return Ok(());
            }
            self.expect(b',', "a comma or the end must follow a value")?;
        }
    }

    /// Whether two keys of the object `id` are equal. Keys with escapes are not compared: their
    /// text is not compact JSON anyway, or holds control characters.
    fn repeats_a_key(&self, id: NodeId) -> bool {
        let mut keys: Vec<&[u8]> = self
            .tree
            .children(id)
            .step_by(2)
            .filter_map(|(_, key)| match key.value {
                Value::Text(span) => Some(span.of(self.bytes)),
                _ => None,
            })
            .collect();
        keys.sort_unstable();
        keys.windows(2).any(|pair| pair.first() == pair.last())
    }

    fn string(&mut self, label: Option<&'static Label>) -> Result<NodeId, TextFault> {
        let quote = self.position;
        let start = quote + 1;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let length = plain_length(rest).ok_or(TextFault::Truncated)?;
        if rest.get(length) == Some(&b'"') {
            let span = Span::new(start, start + length);
            let text = span.of(self.bytes);
            if !text.is_ascii() && std::str::from_utf8(text).is_err() {
                return Err(TextFault::Wrong("a string must be UTF-8"));
            }
            self.position = start + length + 1;
            let whole = Span::new(quote, self.position);
            return Ok(self.tree.leaf(label, Value::Text(span), whole));
        }
        let from = self.tree.derived.len();
        self.position = start;
        let result = self.unescape();
        if result.is_err() {
            self.tree.derived.truncate(from);
        }
        result?;
        let text = Span::new(from, self.tree.derived.len());
        if std::str::from_utf8(text.of(&self.tree.derived)).is_err() {
            self.tree.derived.truncate(from);
            self.position = quote;
            return Err(TextFault::Wrong("a string must be UTF-8"));
        }
        let id = self.tree.open(label, Value::TextChunks, quote);
        let piece = self.tree.leaf(None, Value::Text(text), text);
        if let Some(node) = self.tree.get_mut(piece) {
            node.layer = Layer::Derived;
        }
        self.tree.close(id, self.position);
        Ok(id)
    }

    /// Appends the rest of a string to the derived bytes.
    fn unescape(&mut self) -> Result<(), TextFault> {
        loop {
            let rest = self.bytes.get(self.position..).unwrap_or_default();
            let plain = plain_length(rest).ok_or(TextFault::Truncated)?;
            let text = rest.get(..plain).unwrap_or_default();
            self.tree.derived.extend_from_slice(text);
            self.position += plain;
            match self.peek()? {
                b'"' => {
                    self.position += 1;
                    return Ok(());
                }
                b'\\' => self.escape()?,
                _ => return Err(TextFault::Wrong("a control character must be escaped")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), TextFault> {
        let letter = *self
            .bytes
            .get(self.position + 1)
            .ok_or(TextFault::Truncated)?;
        let byte = match letter {
            b'"' | b'\\' => letter,
            b'/' => {
                self.form.compact = false;
                letter
            }
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => return self.unicode_escape(),
            _ => return Err(TextFault::Wrong("not an escape that JSON knows")),
        };
        self.tree.derived.push(byte);
        self.position += 2;
        Ok(())
    }

    fn unicode_escape(&mut self) -> Result<(), TextFault> {
        let first = self.code_unit(self.position)?;
        let mut size = 6;
        let mut letter = char::from_u32(first);
        if (0xd800..0xdc00).contains(&first) {
            let second = self.code_unit(self.position + 6)?;
            size = 12;
            letter = Some(second)
                .filter(|second| (0xdc00..0xe000).contains(second))
                .and_then(|second| {
                    char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))
                });
        }
        let letter = letter.ok_or(TextFault::Wrong("half of a surrogate pair"))?;
        let spelled = self.bytes.get(self.position..self.position + size);
        self.form.compact &= is_needed(letter)
            && spelled.is_some_and(|spelled| !spelled.iter().any(u8::is_ascii_uppercase));
        let mut buffer = [0; 4];
        let encoded = letter.encode_utf8(&mut buffer);
        self.tree.derived.extend_from_slice(encoded.as_bytes());
        self.position += size;
        Ok(())
    }

    fn code_unit(&self, at: usize) -> Result<u32, TextFault> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let escape = rest.get(..6).ok_or(TextFault::Truncated)?;
        let digits = escape
            .strip_prefix(b"\\u")
            .ok_or(TextFault::Wrong("half of a surrogate pair"))?;
        digits.iter().try_fold(0, |value, digit| {
            let digit = char::from(*digit).to_digit(16);
            digit
                .map(|digit| value << 4 | digit)
                .ok_or(TextFault::Wrong("expected four hexadecimal digits"))
        })
    }

    fn number(&mut self) -> Result<Value, TextFault> {
        let start = self.position;
        let negative = self.skip(b'-');
        let leading_zero = self.peek()? == b'0';
        let digits = self.digits()?;
        if leading_zero && digits > 1 {
            return Err(TextFault::Wrong("a number must not start with 0"));
        }
        let mut integer = !(leading_zero && negative);
        if self.skip(b'.') {
            self.digits()?;
            integer = false;
        }
        if matches!(self.bytes.get(self.position), Some(b'e' | b'E')) {
            self.position += 1;
            if !self.skip(b'-') {
                self.skip(b'+');
            }
            self.digits()?;
            integer = false;
        }
        let span = Span::new(start, self.position);
        let text = std::str::from_utf8(span.of(self.bytes)).unwrap_or_default();
        let value = match negative {
            _ if !integer => None,
            false => text.parse().ok().map(Value::Unsigned),
            true => text.parse().ok().map(Value::Signed),
        };
        if value.is_none() {
            self.form.compact &= is_shortest(text);
        }
        Ok(value.unwrap_or(Value::Number(span)))
    }

    fn digits(&mut self) -> Result<usize, TextFault> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            self.peek()?;
            return Err(TextFault::Wrong("expected a digit"));
        }
        self.position += count;
        Ok(count)
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, TextFault> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        if rest.starts_with(word.as_bytes()) {
            self.position += word.len();
            Ok(value)
        } else if word.as_bytes().starts_with(rest) {
            Err(TextFault::Truncated)
        } else {
            Err(TextFault::Wrong("no JSON value starts here"))
        }
    }

    fn space(&mut self) {
        let start = self.position;
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.bytes.get(self.position) {
            self.position += 1;
        }
        self.form.compact &= start == self.position;
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), TextFault> {
        if self.peek()? != byte {
            return Err(TextFault::Wrong(what));
        }
        self.position += 1;
        Ok(())
    }

    fn skip(&mut self, byte: u8) -> bool {
        let found = self.bytes.get(self.position) == Some(&byte);
        self.position += usize::from(found);
        found
    }

    fn peek(&self) -> Result<u8, TextFault> {
        let byte = self.bytes.get(self.position);
        byte.copied().ok_or(TextFault::Truncated)
    }
}

/// How many bytes stand before the first quote, backslash or control character, if there is one.
fn plain_length(text: &[u8]) -> Option<usize> {
    let (eights, rest) = text.as_chunks();
    for (index, eight) in eights.iter().enumerate() {
        let count = leading_plain(u64::from_le_bytes(*eight));
        if count < 8 {
            return Some(8 * index + count);
        }
    }
    let count = rest
        .iter()
        .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))?;
    Some(text.len() - rest.len() + count)
}

/// Whether a number is spelled as a writer spells the 64-bit float that it is.
fn is_shortest(text: &str) -> bool {
    let value: f64 = text.parse().unwrap_or(f64::NAN);
    value.is_finite() && ryu::Buffer::new().format_finite(value) == text
}

/// Whether a writer must spell `letter` as `\u00xx`.
fn is_needed(letter: char) -> bool {
    u32::from(letter) < 0x20 && !matches!(letter, '\u{8}' | '\t' | '\n' | '\u{c}' | '\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (usize, Result<TextForm, TextFault>, Tree) {
        let mut tree = Tree::default();
        let (end, result) = read_text(text.as_bytes(), 0, &mut tree, None);
        (end, result, tree)
    }

    #[test]
    fn only_what_a_compact_writer_writes_is_compact() {
        for (text, compact) in [
            (r#"{"a":[1,-2,1.5,1e300],"b":"\n\u0001é\\"}"#, true),
            ("[1.50]", false),
            ("[1e3]", false),
            ("[18446744073709551616]", false),
            (r#"{"a": 1}"#, false),
            (r#""\u00e9""#, false),
            (r#""\/""#, false),
            (r#""\u001F""#, false),
            (r#""\u001f""#, true),
            (r#""\u000a""#, false),
        ] {
            assert_eq!(read(text).1.unwrap().compact, compact, "{text}");
        }
    }

    #[test]
    fn integers_are_whole_and_other_numbers_as_spelled() {
        let value = |text: &str| read(text).2.get(0).unwrap().value;
        assert_eq!(value("18446744073709551615"), Value::Unsigned(u64::MAX));
        assert_eq!(value("-9223372036854775808"), Value::Signed(i64::MIN));
        for text in ["18446744073709551616", "-0", "1.0", "1e2"] {
            assert_eq!(value(text), Value::Number(Span::new(0, text.len())));
        }
    }

    #[test]
    fn repeated_keys_are_noticed() {
        assert!(read(r#"{"a":1,"a":2}"#).1.unwrap().repeated_key);
        assert!(!read(r#"{"a":1,"b":{"a":2}}"#).1.unwrap().repeated_key);
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in [
            "{1:2}",
            "[1 2]",
            "01",
            "nul!",
            "\"\u{1}\"",
            "[}",
            "1.x",
            "\"\\ud800\"",
        ] {
            assert!(read(text).1.is_err(), "{text}: {:?}", read(text).1);
        }
        for text in ["{", "[1,", "\"a", "tru", "{\"a\"", "-", "\"\\u12"] {
            assert_eq!(read(text).1, Err(TextFault::Truncated), "{text}");
        }
        assert_eq!(read(&"[".repeat(5000)).1, Err(TextFault::TooDeep));
    }

    #[test]
    fn ends_are_found_without_reading() {
        assert_eq!(text_end(br#"{"a":"}\"]"}{"#), Ok(Some(12)));
        assert_eq!(text_end(br#"{"a":[1,2"#), Ok(None));
        assert_eq!(text_end(b"RP"), Err(0));
        assert_eq!(text_end(b"{\"a\nb\"}"), Err(3));
    }
}
