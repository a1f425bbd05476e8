//! Untrusted text, made harmless for terminals.

use unicode_width::UnicodeWidthChar;

/// All of `text`, escaped.
#[must_use]
pub fn to_plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Plain(text) => plain.push_str(text),
            Piece::Escaped(escaped) => plain.push_str(escaped.as_str()),
        }
    }
    plain
}

/// A piece of escaped text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Characters that may be shown as they are.
    Plain(&'a str),
    /// One character that may not.
    Escaped(Escaped),
}

/// The escaped form of one character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Escaped {
    text: [u8; 10],
    length: usize,
}

impl Escaped {
    /// `\n`, `\"`, `\u{1b}` and the like.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.text.get(..self.length).unwrap_or_default()).unwrap_or_default()
    }

    fn new(character: char) -> Self {
        let mut escaped = Self {
            text: [0; 10],
            length: 0,
        };
        match character {
            '\n' => escaped.push_all(b"\\n"),
            '\r' => escaped.push_all(b"\\r"),
            '\t' => escaped.push_all(b"\\t"),
            '"' => escaped.push_all(b"\\\""),
            '\\' => escaped.push_all(b"\\\\"),
            _ => {
                escaped.push_all(b"\\u{");
                let code = u32::from(character);
                let count = (code.max(1).ilog2() / 4).max(1);
                for place in (0..=count).rev() {
                    let digit = char::from_digit(code >> (4 * place) & 15, 16).unwrap_or('0');
                    escaped.push_all(digit.encode_utf8(&mut [0; 4]).as_bytes());
                }
                escaped.push_all(b"}");
            }
        }
        escaped
    }

    fn push_all(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if let Some(place) = self.text.get_mut(self.length) {
                *place = *byte;
                self.length += 1;
            }
        }
    }
}

/// Splits `text` into what may be shown and what must be escaped.
pub fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let plain = plain_length(rest);
        if plain > 0 {
            let (shown, tail) = rest.split_at_checked(plain)?;
            rest = tail;
            return Some(Piece::Plain(shown));
        }
        let character = rest.chars().next()?;
        rest = rest.get(character.len_utf8()..)?;
        Some(Piece::Escaped(Escaped::new(character)))
    })
}

/// How many columns `text` takes, escaped; stops counting beyond `most`.
#[must_use]
pub fn width(text: &str, most: usize) -> usize {
    fitting(text, most).1
}

/// How many bytes of `text` fit into `room` columns, escaped, and how many columns they take; if
/// all of it fits, the bytes are all of it. If not, the columns are more than `room`.
#[must_use]
pub fn fitting(text: &str, room: usize) -> (usize, usize) {
    let bytes = text.as_bytes();
    if bytes.len() <= room && bytes.iter().all(|byte| is_plain_ascii(*byte)) {
        return (bytes.len(), bytes.len());
    }
    let mut column = 0;
    for (position, character) in text.char_indices() {
        let width = if needs_escape(character) {
            Escaped::new(character).length
        } else {
            character.width().unwrap_or(0)
        };
        column += width;
        if column > room {
            return (position, column);
        }
    }
    (bytes.len(), column)
}

fn is_plain_ascii(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\'
}

/// The length in bytes of the longest start of `text` that needs no escape.
fn plain_length(text: &str) -> usize {
    let ascii = text
        .bytes()
        .position(|byte| !is_plain_ascii(byte))
        .unwrap_or(text.len());
    let tail = text.get(ascii..).unwrap_or_default();
    ascii + tail.find(needs_escape).unwrap_or(tail.len())
}

/// Whether a character could deceive or disturb: control characters, characters without width,
/// those that change the direction of text, odd line ends; and the escape's own.
fn needs_escape(character: char) -> bool {
    match character {
        '"' | '\\' => true,
        ' '..='~' => false,
        '\0'..='\u{9f}' | '\u{ad}' => true,
        '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' => true,
        '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' => true,
        '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0e}' | '\u{feff}' => true,
        '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' => true,
        '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        pieces(text)
            .map(|piece| match piece {
                Piece::Plain(text) => text.to_owned(),
                Piece::Escaped(escaped) => escaped.as_str().to_owned(),
            })
            .collect()
    }

    #[test]
    fn plain_text_stays() {
        assert_eq!(escaped("naïve café – 日本 🦀"), "naïve café – 日本 🦀");
        assert_eq!(escaped(""), "");
    }

    #[test]
    fn control_characters_and_quotes_are_escaped() {
        assert_eq!(escaped("a\nb\t\"\\"), "a\\nb\\t\\\"\\\\");
        assert_eq!(
            escaped("\x1b[31m\x07\x7f\u{9b}"),
            "\\u{1b}[31m\\u{07}\\u{7f}\\u{9b}"
        );
        assert_eq!(escaped("\0"), "\\u{00}");
    }

    #[test]
    fn what_turns_or_hides_text_is_escaped() {
        assert_eq!(
            escaped("a\u{202e}b\u{200b}\u{feff}"),
            "a\\u{202e}b\\u{200b}\\u{feff}"
        );
        assert_eq!(escaped("\u{2066}\u{e0041}"), "\\u{2066}\\u{e0041}");
    }

    #[test]
    fn widths_count_columns_of_the_escaped_text() {
        assert_eq!(fitting("abc", 3), (3, 3));
        assert_eq!(fitting("abc", 2), (2, 3));
        assert_eq!(fitting("日本", 3), (3, 4));
        assert_eq!(fitting("\n\n", 3), (1, 4));
    }
}
