//! A walk along JSON text that is spelled as our own writers spell it, without a document.
//!
//! A step that meets something else (white space, an escape, another key) says so by giving none;
//! whoever walks then falls back to [`super::Document`], which takes all JSON and explains what is
//! wrong with it. What is stepped over is checked as strictly as there, but for UTF-8.

#![expect(clippy::inline_always, reason = "every value passes")]

/// Deeper values are not stepped over.
const MOST_NESTING: u32 = 8192;

/// Eight times the byte 01.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The highest bit of eight bytes.
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Powers of ten.
const TENS: [u64; 9] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
];

/// A place in a text.
#[derive(Clone, Debug)]
pub struct Cursor<'t> {
    rest: &'t [u8],
}

impl<'t> Cursor<'t> {
    /// The start of `text`.
    #[must_use]
    pub const fn new(text: &'t [u8]) -> Self {
        Self { rest: text }
    }

    /// Whether nothing follows.
    #[must_use]
    pub fn at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// What follows.
    #[must_use]
    pub fn rest(&self) -> &'t [u8] {
        self.rest
    }

    /// Steps over `count` bytes, whatever they are.
    #[inline]
    pub fn pass(&mut self, count: usize) -> Option<()> {
        self.rest = self.rest.get(count..)?;
        Some(())
    }

    /// The next byte, which stays.
    #[inline]
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Steps over `byte`, if it is the next; says whether it was.
    #[inline]
    pub fn skip(&mut self, byte: u8) -> bool {
        self.byte(byte).is_some()
    }

    /// Steps over `byte`.
    #[inline]
    pub fn byte(&mut self, byte: u8) -> Option<()> {
        let (found, rest) = self.rest.split_first()?;
        if *found != byte {
            return None;
        }
        self.rest = rest;
        Some(())
    }

    /// Steps over exactly `expected`, whose length the compiler knows.
    #[inline]
    pub fn token<const LENGTH: usize>(&mut self, expected: &[u8; LENGTH]) -> Option<()> {
        let (found, rest) = self.rest.split_first_chunk::<LENGTH>()?;
        if found != expected {
            return None;
        }
        self.rest = rest;
        Some(())
    }

    /// Steps over exactly `expected`.
    #[inline]
    pub fn literal(&mut self, expected: &[u8]) -> Option<()> {
        let (found, rest) = self.rest.split_at_checked(expected.len())?;
        if !equal(found, expected) {
            return None;
        }
        self.rest = rest;
        Some(())
    }

    /// Steps over an integer from 0 to 2^64-1.
    #[inline(always)]
    pub fn unsigned(&mut self) -> Option<u64> {
        let leading_zero = self.peek() == Some(b'0');
        let mut value = 0_u64;
        let mut size = 0;
        loop {
            let eight = self.eight();
            let count = leading_digits(eight);
            // What is shifted in counts as zeros in front.
            let digits = eight.checked_shl(64 - 8 * count as u32).unwrap_or(0);
            value = value
                .checked_mul(*TENS.get(count)?)?
                .checked_add(eight_digits(digits))?;
            self.pass(count)?;
            size += count;
            if count < 8 {
                break;
            }
        }
        let goes_on = matches!(self.peek(), Some(b'.' | b'e' | b'E'));
        let sound = size == 1 || (size > 1 && !leading_zero);
        (sound && !goes_on).then_some(value)
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
        let before = self.rest;
        if !self.number()? {
            return None;
        }
        let text = self.since(before)?;
        std::str::from_utf8(text).ok()?.parse().ok()
    }

    /// Steps over a string without escapes; its content.
    #[inline(always)]
    pub fn plain_text(&mut self) -> Option<&'t [u8]> {
        self.byte(b'"')?;
        let before = self.rest;
        self.plain()?;
        let content = self.since(before)?;
        self.byte(b'"')?;
        Some(content)
    }

    /// Steps over a string; what is between its quotes, whatever that is.
    #[inline]
    pub fn quoted(&mut self) -> Option<&'t [u8]> {
        self.byte(b'"')?;
        let before = self.rest;
        let length = memchr::memchr(b'"', before)?;
        self.pass(length + 1)?;
        before.get(..length)
    }

    /// What was stepped over since `before` was the rest.
    #[inline]
    fn since(&self, before: &'t [u8]) -> Option<&'t [u8]> {
        before.get(..before.len() - self.rest.len())
    }

    /// Steps over a key without escapes, and its colon.
    pub fn key(&mut self) -> Option<&'t [u8]> {
        let key = self.plain_text()?;
        self.byte(b':')?;
        Some(key)
    }

    /// Steps over any value; its text.
    pub fn value(&mut self) -> Option<&'t [u8]> {
        let before = self.rest;
        let mut open = Open::default();
        let mut key = false;
        loop {
            match self.peek()? {
                b'"' => {
                    self.any_string()?;
                    if key {
                        self.byte(b':')?;
                        key = false;
                        continue;
                    }
                }
                _ if key => return None,
                byte @ (b'{' | b'[') => {
                    self.pass(1)?;
                    // The closing brackets are two places behind the opening ones.
                    if !self.skip(byte + 2) {
                        key = byte == b'{';
                        open.open(key)?;
                        continue;
                    }
                }
                b't' => self.token(b"true")?,
                b'f' => self.token(b"false")?,
                b'n' => self.token(b"null")?,
                _ => drop(self.number()?),
            }
            if self.ends(&mut open)? {
                return self.since(before);
            }
            key = open.in_object();
        }
    }

    /// Steps over what stands behind a value: the ends of those that it is the last of, and a
    /// comma. Whether it ends the outermost.
    #[inline]
    fn ends(&mut self, open: &mut Open) -> Option<bool> {
        while open.count > 0 {
            let byte = self.peek()?;
            self.pass(1)?;
            match byte {
                b',' => return Some(false),
                b'}' if open.in_object() => open.close(),
                b']' if !open.in_object() => open.close(),
                _ => return None,
            }
        }
        Some(true)
    }

    /// Steps over a string that may have escapes.
    #[inline]
    fn any_string(&mut self) -> Option<()> {
        self.byte(b'"')?;
        self.plain()?;
        if self.skip(b'"') {
            return Some(());
        }
        self.escapes()
    }

    /// Steps over the rest of a string, which starts with an escape.
    fn escapes(&mut self) -> Option<()> {
        loop {
            self.byte(b'\\')?;
            match self.peek()? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.pass(1)?,
                b'u' => {
                    let digits = self.rest.get(1..5)?;
                    let surrogate = matches!(
                        digits,
                        [b'd' | b'D', b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F', ..]
                    );
                    // Whether halves belong together is for the document to say.
                    if surrogate || !digits.iter().all(u8::is_ascii_hexdigit) {
                        return None;
                    }
                    self.pass(5)?;
                }
                _ => return None,
            }
            self.plain()?;
            if self.skip(b'"') {
                return Some(());
            }
        }
    }

    /// Steps up to a quote, backslash or control character, of which there must be one.
    #[inline(always)]
    fn plain(&mut self) -> Option<()> {
        let (eights, _) = self.rest.as_chunks();
        for (index, eight) in eights.iter().take(4).enumerate() {
            let count = leading_plain(u64::from_le_bytes(*eight));
            if count < 8 {
                return self.pass(8 * index + count);
            }
        }
        self.plain_rest()
    }

    #[inline(never)]
    fn plain_rest(&mut self) -> Option<()> {
        let end = memchr::memchr2(b'"', b'\\', self.rest)?;
        let (content, rest) = self.rest.split_at_checked(end)?;
        // No early exit, so that it runs many bytes at a time.
        let control = content
            .iter()
            .fold(false, |found, byte| found | (*byte < 0x20));
        self.rest = rest;
        (!control).then_some(())
    }

    /// Steps over a number; whether it has a point or exponent.
    #[inline(always)]
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
    #[inline]
    fn digits(&mut self) -> Option<usize> {
        let mut size = 0;
        loop {
            let count = leading_digits(self.eight());
            self.pass(count)?;
            size += count;
            if count < 8 {
                return Some(size).filter(|size| *size > 0);
            }
        }
    }

    /// The next eight bytes, the first one lowest; behind the end of the text there are zeros.
    #[inline]
    fn eight(&self) -> u64 {
        match self.rest.first_chunk() {
            Some(eight) => u64::from_le_bytes(*eight),
            None => self.last_few(),
        }
    }

    #[cold]
    #[inline(never)]
    fn last_few(&self) -> u64 {
        let bytes = self.rest.iter().take(7).rev();
        bytes.fold(0, |eight, byte| eight << 8 | u64::from(*byte))
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

/// Whether two texts of the same length are equal. Most names have 8 to 16 bytes.
#[inline]
fn equal(found: &[u8], expected: &[u8]) -> bool {
    let ends = |text: &[u8]| {
        let (first, last) = (text.first_chunk::<8>()?, text.last_chunk::<8>()?);
        (text.len() <= 16).then(|| (u64::from_ne_bytes(*first), u64::from_ne_bytes(*last)))
    };
    match (ends(found), ends(expected)) {
        (Some(found), Some(expected)) => found == expected,
        _ => found == expected,
    }
}

/// How many of eight bytes stand before the first quote, backslash or control character.
#[inline]
pub(super) fn leading_plain(eight: u64) -> usize {
    // Each of these has the highest bit where a byte was too small; the bytes behind the first such
    // one may be wrong.
    let below = |value: u64, least: u8| value.wrapping_sub(ONES * u64::from(least));
    // A quote is the next one after the control characters but for one bit.
    let quotes_and_controls = below(eight ^ (ONES * 0x02), 0x21);
    let backslashes = below(eight ^ (ONES * u64::from(b'\\')), 1);
    let special = (quotes_and_controls | backslashes) & !eight & HIGH;
    special.trailing_zeros() as usize / 8
}

/// How many of eight bytes stand before the first that is no digit.
#[inline]
fn leading_digits(eight: u64) -> usize {
    let tens = ONES * 0xf0;
    // A byte that is no digit may spoil those behind it.
    let wrong = ((eight & tens) | ((eight.wrapping_add(ONES * 6) & tens) >> 4)) ^ (ONES * 0x33);
    wrong.trailing_zeros() as usize / 8
}

/// The number that eight digits spell: pairs, then fours, then all. A zero byte is a 0, too.
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
            for behind in ["", ",", "},\"a\":123", "/////////", ":::::::::"] {
                let text = text.to_owned() + behind;
                let mut cursor = Cursor::new(text.as_bytes());
                let digits = text.strip_suffix(behind).unwrap();
                assert_eq!(cursor.unsigned(), digits.parse().ok(), "{text}");
                assert_eq!(cursor.rest(), behind.as_bytes());
            }
        }
        for text in [
            "",
            "01",
            "00000000",
            "0000000012",
            "18446744073709551616",
            "99999999999999999999",
            "100000000000000000000000",
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

    #[test]
    fn literals_of_any_length_are_compared_whole() {
        for length in 0..40_usize {
            let text: Vec<u8> = (b'0'..).take(length).collect();
            let behind = [&text[..], b"}"].concat();
            let mut cursor = Cursor::new(&behind);
            assert_eq!(cursor.literal(&text), Some(()));
            assert_eq!(cursor.rest(), b"}");
            for position in 0..length {
                let mut other = behind.clone();
                other[position] ^= 1;
                assert_eq!(Cursor::new(&other).literal(&text), None, "{position}");
            }
            assert_eq!(Cursor::new(&text).literal(&behind), None);
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
            "\"a long string\"",
            "123456789",
            "5E+",
            "-",
            ".",
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
