//! The parser: one loop, no recursion.

use super::{Item, Kind};
use thiserror::Error;

/// Deeper texts are refused. Decoders print at most three levels for each of 1024.
const MOST_NESTING: usize = 8192;

/// Why a text is not JSON.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what}")]
pub struct JsonError {
    /// Position in the text, in bytes.
    pub position: usize,
    /// What is wrong.
    pub what: &'static str,
}

/// Why no value could be parsed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Incomplete {
    /// The text ends inside the value.
    #[error("the text ends inside a value")]
    More,
    /// The text is not JSON.
    #[error(transparent)]
    Wrong(#[from] JsonError),
}

/// The bytes that end the plain part of a string: quote, backslash, control characters.
#[expect(
    clippy::indexing_slicing,
    reason = "evaluated when compiling; a wrong index does not compile"
)]
static ENDS_PLAIN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table
};

fn not_utf8(position: usize) -> Incomplete {
    Incomplete::Wrong(JsonError {
        position,
        what: "a string must be UTF-8",
    })
}

pub(super) struct Parser<'a> {
    text: &'a [u8],
    position: usize,
    items: &'a mut Vec<Item>,
    unescaped: &'a mut String,
    /// Indexes of the open containers.
    open: Vec<u32>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a [u8], items: &'a mut Vec<Item>, unescaped: &'a mut String) -> Self {
        Self {
            text,
            position: 0,
            items,
            unescaped,
            open: Vec::new(),
        }
    }

    pub(super) fn document(mut self) -> Result<Option<usize>, Incomplete> {
        self.space();
        if self.position == self.text.len() {
            return Ok(None);
        }
        self.value()?;
        while let Some(container) = self.open.last().copied() {
            self.next_in(container)?;
        }
        Ok(Some(self.position))
    }

    /// After an item of `container` (or its opening): the next item, or its end.
    fn next_in(&mut self, container: u32) -> Result<(), Incomplete> {
        let Some(Item { kind, .. }) = self.items.get(container as usize).copied() else {
            return Err(self.wrong("an internal index is out of range"));
        };
        let object = matches!(kind, Kind::Object(_));
        let empty = self.items.len() == container as usize + 1;
        self.space();
        match self.peek()? {
            b']' if !object => return self.close(container),
            b'}' if object => return self.close(container),
            b',' if !empty => {
                self.position += 1;
                self.space();
            }
            _ if empty => {}
            _ if object => return Err(self.wrong("expected a comma or }")),
            _ => return Err(self.wrong("expected a comma or ]")),
        }
        if object {
            if self.peek()? != b'"' {
                return Err(self.wrong("expected a key in quotes"));
            }
            self.string()?;
            self.space();
            if self.peek()? != b':' {
                return Err(self.wrong("expected a colon"));
            }
            self.position += 1;
            self.space();
        }
        self.value()
    }

    fn close(&mut self, container: u32) -> Result<(), Incomplete> {
        self.position += 1;
        self.open.pop();
        let end = self.items.len() as u32;
        if let Some(item) = self.items.get_mut(container as usize) {
            item.end = end;
        }
        self.count_child();
        Ok(())
    }

    fn value(&mut self) -> Result<(), Incomplete> {
        match self.peek()? {
            b'"' => self.string(),
            b'{' => self.container(Kind::Object(0)),
            b'[' => self.container(Kind::List(0)),
            b't' => self.word(b"true", Kind::Bool(true)),
            b'f' => self.word(b"false", Kind::Bool(false)),
            b'n' => self.word(b"null", Kind::Null),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(self.wrong("expected a value")),
        }
    }

    fn container(&mut self, kind: Kind) -> Result<(), Incomplete> {
        if self.open.len() >= MOST_NESTING {
            return Err(self.wrong("nested too deep"));
        }
        let id = self.items.len() as u32;
        self.push(kind, self.position);
        self.open.push(id);
        self.position += 1;
        Ok(())
    }

    fn word(&mut self, word: &'static [u8], kind: Kind) -> Result<(), Incomplete> {
        let start = self.position;
        for letter in word {
            if self.peek()? != *letter {
                return Err(self.wrong("expected true, false or null"));
            }
            self.position += 1;
        }
        self.push(kind, start);
        Ok(())
    }

    fn number(&mut self) -> Result<(), Incomplete> {
        let start = self.position;
        let negative = self.skip_byte(b'-');
        let whole = self.digits()?;
        if whole.0 > 1 && whole.1 {
            self.position = start + usize::from(negative) + 1;
            return Err(self.wrong("a number must not start with 0"));
        }
        let mut float = false;
        if self.skip_byte(b'.') {
            float = true;
            self.digits()?;
        }
        if self.skip_byte(b'e') || self.skip_byte(b'E') {
            float = true;
            let _ = self.skip_byte(b'+') || self.skip_byte(b'-');
            self.digits()?;
        }
        let text = self.text.get(start..self.position).unwrap_or_default();
        let text = std::str::from_utf8(text).unwrap_or_default();
        let integer = match (float, negative) {
            (true, _) => None,
            // JSON has no negative zero integer; this is how a float would lose its sign.
            (false, true) if text == "-0" => None,
            (false, true) => text.parse().ok().map(Kind::Signed),
            (false, false) => text.parse().ok().map(Kind::Unsigned),
        };
        let kind = match integer {
            Some(kind) => kind,
            None => match text.parse() {
                Ok(value) => Kind::Float(value),
                Err(_) => return Err(self.wrong("not a number")),
            },
        };
        self.push(kind, start);
        Ok(())
    }

    /// Consumes digits; how many, and whether the first is 0.
    fn digits(&mut self) -> Result<(usize, bool), Incomplete> {
        let rest = self.text.get(self.position..).unwrap_or_default();
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            self.peek()?;
            return Err(self.wrong("expected a digit"));
        }
        self.position += count;
        Ok((count, rest.first() == Some(&b'0')))
    }

    fn string(&mut self) -> Result<(), Incomplete> {
        let quote = self.position;
        let start = quote + 1;
        let rest = self.text.get(start..).unwrap_or_default();
        let plain = memchr::memchr2(b'"', b'\\', rest).ok_or(Incomplete::More)?;
        let content = rest.get(..plain).unwrap_or_default();
        // No early exit, so that it runs many bytes at a time.
        if content
            .iter()
            .fold(false, |found, byte| found | (*byte < 0x20))
        {
            self.position = start + content.iter().take_while(|byte| **byte >= 0x20).count();
            return Err(self.wrong("a control character must be escaped"));
        }
        self.position = start + plain;
        if self.skip_byte(b'"') {
            self.push(Kind::Plain(start as u32, (start + plain) as u32), quote);
            return Ok(());
        }
        let from = self.unescaped.len() as u32;
        self.plain_part(content, start)?;
        self.escaped_rest()?;
        self.push(Kind::Unescaped(from, self.unescaped.len() as u32), quote);
        Ok(())
    }

    /// The rest of a string, from its first escape on.
    fn escaped_rest(&mut self) -> Result<(), Incomplete> {
        loop {
            match self.peek()? {
                b'"' => {
                    self.position += 1;
                    return Ok(());
                }
                b'\\' => {
                    self.position += 1;
                    let letter = self.escape()?;
                    self.unescaped.push(letter);
                }
                0..=0x1f => return Err(self.wrong("a control character must be escaped")),
                _ => {
                    let rest = self.text.get(self.position..).unwrap_or_default();
                    let plain = rest
                        .iter()
                        .position(|byte| ENDS_PLAIN.get(usize::from(*byte)) != Some(&false))
                        .ok_or(Incomplete::More)?;
                    self.plain_part(rest.get(..plain).unwrap_or_default(), self.position)?;
                    self.position += plain;
                }
            }
        }
    }

    /// Takes over a part of a string with escapes. Strings without are checked all at once.
    fn plain_part(&mut self, part: &[u8], at: usize) -> Result<(), Incomplete> {
        match std::str::from_utf8(part) {
            Ok(text) => self.unescaped.push_str(text),
            Err(error) => return Err(not_utf8(at + error.valid_up_to())),
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<char, Incomplete> {
        let letter = match self.peek()? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.position += 1;
                return self.unicode_escape();
            }
            _ => return Err(self.wrong("not an escape that JSON knows")),
        };
        self.position += 1;
        Ok(letter)
    }

    fn unicode_escape(&mut self) -> Result<char, Incomplete> {
        let start = self.position;
        let first = self.four_digits()?;
        if let Some(letter) = char::from_u32(first) {
            return Ok(letter);
        }
        if (0xd800..0xdc00).contains(&first) && self.peek()? == b'\\' {
            self.position += 1;
            if self.peek()? == b'u' {
                self.position += 1;
                let second = self.four_digits()?;
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second.wrapping_sub(0xdc00));
                if let Some(letter) = Some(code)
                    .filter(|_| (0xdc00..0xe000).contains(&second))
                    .and_then(char::from_u32)
                {
                    return Ok(letter);
                }
            }
        }
        self.position = start;
        Err(self.wrong("half of a surrogate pair"))
    }

    fn four_digits(&mut self) -> Result<u32, Incomplete> {
        let mut value = 0;
        for _ in 0..4 {
            let Some(digit) = char::from(self.peek()?).to_digit(16) else {
                return Err(self.wrong("expected four hexadecimal digits"));
            };
            value = value << 4 | digit;
            self.position += 1;
        }
        Ok(value)
    }

    fn space(&mut self) {
        let rest = self.text.get(self.position..).unwrap_or_default();
        self.position += rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t'))
            .count();
    }

    fn skip_byte(&mut self, byte: u8) -> bool {
        let found = self.text.get(self.position) == Some(&byte);
        self.position += usize::from(found);
        found
    }

    fn peek(&self) -> Result<u8, Incomplete> {
        self.text
            .get(self.position)
            .copied()
            .ok_or(Incomplete::More)
    }

    /// The open container has one more child: a value, or a key.
    fn count_child(&mut self) {
        if let Some(item) = self
            .open
            .last()
            .and_then(|open| self.items.get_mut(*open as usize))
            && let Kind::List(count) | Kind::Object(count) = &mut item.kind
        {
            *count += 1;
        }
    }

    fn push(&mut self, kind: Kind, at: usize) {
        let end = self.items.len() as u32 + 1;
        self.items.push(Item {
            kind,
            at: at as u32,
            end,
        });
        if !matches!(kind, Kind::List(_) | Kind::Object(_)) {
            self.count_child();
        }
    }

    fn wrong(&self, what: &'static str) -> Incomplete {
        Incomplete::Wrong(JsonError {
            position: self.position,
            what,
        })
    }
}
