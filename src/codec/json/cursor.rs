//! A walk along JSON text that is spelled as our own writers spell it, without a document.
//!
//! A step that meets something else (white space, an escape, another key) says so by giving none;
//! whoever walks then falls back to [`super::Document`], which takes all JSON and explains what is
//! wrong with it. What is stepped over is checked as strictly as there, but for UTF-8.

/// Deeper values are not stepped over.
const MOST_NESTING: u32 = 8192;

/// Eight times the byte 01.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The highest bit of eight bytes.
const HIGH: u64 = 0x8080_8080_8080_8080;

/// A place in a text.
#[derive(Clone, Debug)]
pub struct Cursor<'t> {
    text: &'t [u8],
    position: usize,
}

impl<'t> Cursor<'t> {
    /// The start of `text`.
    #[must_use]
    pub const fn new(text: &'t [u8]) -> Self {
        Self { text, position: 0 }
    }

    /// Whether nothing follows.
    #[must_use]
    pub fn at_end(&self) -> bool {
        self.position == self.text.len()
    }

    /// What follows.
    #[must_use]
    pub fn rest(&self) -> &'t [u8] {
        self.text.get(self.position..).unwrap_or_default()
    }

    /// Steps over `count` bytes, whatever they are.
    pub fn pass(&mut self, count: usize) -> Option<()> {
        self.position += self.rest().get(..count)?.len();
        Some(())
    }

    /// The next byte, which stays.
    #[inline]
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.text.get(self.position).copied()
    }

    /// Steps over `byte`, if it is the next; says whether it was.
    #[inline]
    pub fn skip(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.position += usize::from(found);
        found
    }

    /// Steps over `byte`.
    #[inline]
    pub fn byte(&mut self, byte: u8) -> Option<()> {
        self.skip(byte).then_some(())
    }

    /// Steps over exactly `expected`, whose length the compiler knows.
    #[inline]
    pub fn token<const LENGTH: usize>(&mut self, expected: &[u8; LENGTH]) -> Option<()> {
        let found = self.text.get(self.position..)?.first_chunk::<LENGTH>()?;
        if found != expected {
            return None;
        }
        self.position += LENGTH;
        Some(())
    }

    /// Steps over exactly `expected`.
    #[inline]
    pub fn literal(&mut self, expected: &[u8]) -> Option<()> {
        let end = self.position + expected.len();
        if self.text.get(self.position..end)? != expected {
            return None;
        }
        self.position = end;
        Some(())
    }

    /// Steps over an integer from 0 to 2^64-1.
    #[inline]
    pub fn unsigned(&mut self) -> Option<u64> {
        let start = self.position;
        let mut value = 0_u64;
        if let Some(eight) = self.eight().filter(|eight| are_digits(*eight)) {
            value = eight_digits(eight);
            self.position += 8;
        }
        while let Some(digit) = self.digit() {
            value = value.checked_mul(10)?.checked_add(digit)?;
            self.position += 1;
        }
        let size = self.position - start;
        let leading_zero = size > 1 && self.text.get(start) == Some(&b'0');
        let goes_on = matches!(self.peek(), Some(b'.' | b'e' | b'E'));
        (size > 0 && !leading_zero && !goes_on).then_some(value)
    }

    /// Steps over an integer from -2^63 to 2^63-1; `-0` is none.
    #[inline]
    pub fn signed(&mut self) -> Option<i64> {
        if !self.skip(b'-') {
            return i64::try_from(self.unsigned()?).ok();
        }
        match self.unsigned()? {
            0 => None,
            size => 0_i64.checked_sub_unsigned(size),
        }
    }

    /// Steps over a number with a point or exponent.
    #[inline]
    pub fn float(&mut self) -> Option<f64> {
        let start = self.position;
        if !self.number()? {
            return None;
        }
        let text = self.text.get(start..self.position)?;
        std::str::from_utf8(text).ok()?.parse().ok()
    }

    /// Steps over a string without escapes; its content.
    #[inline]
    pub fn plain_text(&mut self) -> Option<&'t [u8]> {
        self.byte(b'"')?;
        let start = self.position;
        self.plain()?;
        let content = self.text.get(start..self.position)?;
        self.byte(b'"')?;
        Some(content)
    }

    /// Steps over a string; what is between its quotes, whatever that is.
    #[inline]
    pub fn quoted(&mut self) -> Option<&'t [u8]> {
        self.byte(b'"')?;
        let rest = self.text.get(self.position..)?;
        let length = memchr::memchr(b'"', rest)?;
        self.position += length + 1;
        rest.get(..length)
    }

    /// Steps over a key without escapes, and its colon.
    pub fn key(&mut self) -> Option<&'t [u8]> {
        let key = self.plain_text()?;
        self.byte(b':')?;
        Some(key)
    }

    /// Steps over any value; its text.
    pub fn value(&mut self) -> Option<&'t [u8]> {
        let start = self.position;
        let mut open = Open::default();
        loop {
            self.value_start(&mut open)?;
            while open.count > 0 && !open.fresh {
                match self.peek()? {
                    b',' => {
                        self.position += 1;
                        if open.in_object() {
                            self.any_key()?;
                        }
                        break;
                    }
                    b'}' if open.in_object() => open.close(),
                    b']' if !open.in_object() => open.close(),
                    _ => return None,
                }
                self.position += 1;
            }
            if open.count == 0 {
                return self.text.get(start..self.position);
            }
            open.fresh = false;
        }
    }

    /// Steps over a value without parts, or into one that has some.
    fn value_start(&mut self, open: &mut Open) -> Option<()> {
        match self.peek()? {
            b'"' => self.any_string(),
            byte @ (b'{' | b'[') => {
                self.position += 1;
                // The closing brackets are two places behind the opening ones.
                if self.skip(byte + 2) {
                    return Some(());
                }
                open.open(byte == b'{')?;
                if byte == b'{' {
                    self.any_key()?;
                }
                Some(())
            }
            b't' => self.token(b"true"),
            b'f' => self.token(b"false"),
            b'n' => self.token(b"null"),
            _ => self.number().map(drop),
        }
    }

    fn any_key(&mut self) -> Option<()> {
        self.any_string()?;
        self.byte(b':')
    }

    /// Steps over a string that may have escapes.
    fn any_string(&mut self) -> Option<()> {
        self.byte(b'"')?;
        loop {
            self.plain()?;
            if self.skip(b'"') {
                return Some(());
            }
            self.byte(b'\\')?;
            match self.peek()? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.position += 1,
                b'u' => {
                    let digits = self.text.get(self.position + 1..self.position + 5)?;
                    let surrogate = matches!(
                        digits,
                        [b'd' | b'D', b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F', ..]
                    );
                    // Whether halves belong together is for the document to say.
                    if surrogate || !digits.iter().all(u8::is_ascii_hexdigit) {
                        return None;
                    }
                    self.position += 5;
                }
                _ => return None,
            }
        }
    }

    /// Steps up to a quote, backslash or control character, of which there must be one.
    #[inline]
    fn plain(&mut self) -> Option<()> {
        for _ in 0..4 {
            let Some(eight) = self.eight() else { break };
            let special = specials(eight);
            if special != 0 {
                self.position += special.trailing_zeros() as usize / 8;
                return Some(());
            }
            self.position += 8;
        }
        self.plain_rest()
    }

    fn plain_rest(&mut self) -> Option<()> {
        let rest = self.text.get(self.position..)?;
        let end = memchr::memchr2(b'"', b'\\', rest)?;
        let content = rest.get(..end)?;
        // No early exit, so that it runs many bytes at a time.
        let control = content
            .iter()
            .fold(false, |found, byte| found | (*byte < 0x20));
        self.position += end;
        (!control).then_some(())
    }

    /// Steps over a number; whether it has a point or exponent.
    fn number(&mut self) -> Option<bool> {
        self.skip(b'-');
        let zero = self.peek() == Some(b'0');
        if self.digits()? > 1 && zero {
            return None;
        }
        let point = self.skip(b'.');
        if point {
            self.digits()?;
        }
        let exponent = self.skip(b'e') || self.skip(b'E');
        if exponent {
            let _ = self.skip(b'+') || self.skip(b'-');
            self.digits()?;
        }
        Some(point | exponent)
    }

    /// Steps over digits; how many, at least one.
    fn digits(&mut self) -> Option<usize> {
        let start = self.position;
        while self.digit().is_some() {
            self.position += 1;
        }
        Some(self.position - start).filter(|count| *count > 0)
    }

    #[inline]
    fn digit(&self) -> Option<u64> {
        let digit = self.peek()?.wrapping_sub(b'0');
        (digit < 10).then_some(digit.into())
    }

    /// The next eight bytes, the first one lowest.
    #[inline]
    fn eight(&self) -> Option<u64> {
        let eight = self.text.get(self.position..)?.first_chunk()?;
        Some(u64::from_le_bytes(*eight))
    }
}

/// The arrays and objects around a place.
#[derive(Default)]
struct Open {
    count: u32,
    /// A bit for each of the innermost, the last one lowest: whether it is an object.
    objects: u64,
    /// The same for those around, 64 at a time.
    outer: Vec<u64>,
    /// Whether the innermost has no value yet.
    fresh: bool,
}

impl Open {
    fn open(&mut self, object: bool) -> Option<()> {
        if self.count == MOST_NESTING {
            return None;
        }
        if self.count > 0 && self.count.is_multiple_of(64) {
            self.outer.push(self.objects);
        }
        self.count += 1;
        self.objects = self.objects << 1 | u64::from(object);
        self.fresh = true;
        Some(())
    }

    fn close(&mut self) {
        self.count -= 1;
        self.objects >>= 1;
        if self.count.is_multiple_of(64) {
            self.objects = self.outer.pop().unwrap_or_default();
        }
    }

    fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }
}

/// The highest bit of each byte that is a quote, a backslash or a control character. A byte behind
/// such a one may be marked wrongly, the first never.
#[inline]
fn specials(eight: u64) -> u64 {
    let zeros = |value: u64| value.wrapping_sub(ONES) & !value;
    let quotes = zeros(eight ^ (ONES * b'"' as u64));
    let backslashes = zeros(eight ^ (ONES * b'\\' as u64));
    let controls = eight.wrapping_sub(ONES * 0x20) & !eight;
    (quotes | backslashes | controls) & HIGH
}

#[inline]
fn are_digits(eight: u64) -> bool {
    let tens = ONES * 0xf0;
    (eight & tens) | ((eight.wrapping_add(ONES * 6) & tens) >> 4) == ONES * 0x33
}

/// The number that eight digits spell: pairs, then fours, then all.
#[inline]
fn eight_digits(eight: u64) -> u64 {
    let digits = eight & (ONES * 0x0f);
    let pairs = (digits.wrapping_mul(10 << 8 | 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100 << 16 | 1) >> 16) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000 << 32 | 1) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::json::Document;

    #[test]
    fn integers_of_any_length_are_read() {
        for text in [
            "0",
            "7",
            "12345678",
            "123456789",
            "87654321",
            "18446744073709551615",
            "1764043300844",
        ] {
            let mut cursor = Cursor::new(text.as_bytes());
            assert_eq!(cursor.unsigned(), text.parse().ok(), "{text}");
            assert!(cursor.at_end());
        }
        for text in [
            "",
            "01",
            "00000000",
            "18446744073709551616",
            "1.5",
            "1e3",
            "x",
            "-1",
        ] {
            assert_eq!(Cursor::new(text.as_bytes()).unsigned(), None, "{text}");
        }
        for text in ["-1", "5", "-9223372036854775808", "9223372036854775807"] {
            assert_eq!(Cursor::new(text.as_bytes()).signed(), text.parse().ok());
        }
        for text in [
            "-0",
            "-",
            "9223372036854775808",
            "-9223372036854775809",
            "-1.0",
        ] {
            assert_eq!(Cursor::new(text.as_bytes()).signed(), None, "{text}");
        }
    }

    #[test]
    fn strings_end_at_their_quote_wherever_it_stands() {
        for length in 0..80 {
            let content = "é".repeat(length / 2) + &"a".repeat(length % 2);
            let text = format!("\"{content}\"}}");
            let mut cursor = Cursor::new(text.as_bytes());
            assert_eq!(cursor.plain_text(), Some(content.as_bytes()));
            assert_eq!(cursor.peek(), Some(b'}'));
            for wrong in ["\\", "\u{1}", "\u{1f}"] {
                let text = format!("\"{content}{wrong}nnnnnnnnn\"");
                assert_eq!(Cursor::new(text.as_bytes()).plain_text(), None);
            }
            assert_eq!(
                Cursor::new(format!("\"{content}").as_bytes()).plain_text(),
                None
            );
        }
    }

    /// What it steps over, the document reads; what it refuses may only be unusual.
    #[test]
    fn only_json_is_stepped_over() {
        let pieces = [
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"a\"",
            "\"\"",
            "1",
            "-2.5e3",
            "null",
            "true",
            "\"\\n\"",
            "\"\\u0041\"",
            "01",
            "\"a\":",
            "x",
        ];
        let mut seed = 7_u64;
        let mut taken = 0;
        for _ in 0..40_000 {
            let mut text = String::new();
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            for shift in 0..(seed >> 60) {
                let pick = (seed >> (3 * shift)) as usize % pieces.len();
                text.push_str(pieces[pick]);
            }
            let mut cursor = Cursor::new(text.as_bytes());
            let found = cursor.value().map(<[u8]>::len);
            let known = Document::default().parse(text.as_bytes()).ok().flatten();
            if found.is_some() {
                assert_eq!(found, known, "{text}");
                taken += 1;
            }
        }
        assert!(taken > 1000, "{taken}");
        for text in [
            r#"{"a":[1,{"b":"}\"]"},[]],"c":{}}"#,
            "[[[]]]",
            "\"\\u00e9\"",
            "-0.5",
        ] {
            assert_eq!(Cursor::new(text.as_bytes()).value(), Some(text.as_bytes()));
        }
        for depth in [63, 64, 65, 128, 129, 1000] {
            let text = format!("{}1{}", "[{\"a\":".repeat(depth), "}]".repeat(depth));
            let stepped = Cursor::new(text.as_bytes()).value();
            assert_eq!(stepped, Some(text.as_bytes()), "{depth}");
            let wrong = text.replacen("}]}]", "}}]]", 1);
            assert_eq!(Cursor::new(wrong.as_bytes()).value(), None, "{depth}");
        }
        for text in [
            "{\"a\": 1}",
            "[1, 2]",
            "\"\\ud83d\"",
            "[",
            "{\"a\"}",
            "",
            "[1]]",
        ] {
            let found = Cursor::new(text.as_bytes()).value();
            assert_ne!(found, Some(text.as_bytes()), "{text}");
        }
    }
}
