//! What findings say, put together only when somebody reads it.

use super::JsonText;
use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};

/// As many numbers stand in one [`Template`] at most.
const MOST_NUMBERS: usize = 3;

/// A text with the places of `N` numbers in it, each spelled `{}`. All other braces are braces; there
/// is no way to have `{}` in the text itself.
#[derive(Debug)]
pub struct Template<const N: usize>(Pieces);

/// What stands around the numbers.
#[derive(Debug)]
struct Pieces {
    /// Before each number.
    before: [&'static str; MOST_NUMBERS],
    /// Behind the last one.
    last: &'static str,
    /// How many numbers there are.
    numbers: usize,
    /// Whether no byte needs an escape in JSON.
    plain: bool,
}

impl<const N: usize> Template<N> {
    /// The template `text`.
    ///
    /// # Panics
    /// If there are not `N` numbers in it, or more than three; while it is compiled, as templates
    /// are constants.
    #[expect(clippy::indexing_slicing, reason = "done by the compiler")]
    #[must_use]
    pub const fn new(text: &'static str) -> Self {
        let mut before = [""; MOST_NUMBERS];
        let mut numbers = 0;
        let mut plain = true;
        let mut last = text;
        let mut at = 0;
        while at < last.len() {
            let bytes = last.as_bytes();
            plain &= !matches!(bytes[at], ..0x20 | b'"' | b'\\');
            if bytes[at] == b'{' && at + 1 < bytes.len() && bytes[at + 1] == b'}' {
                (before[numbers], last) = last.split_at(at);
                (_, last) = last.split_at(2);
                numbers += 1;
                at = 0;
            } else {
                at += 1;
            }
        }
        assert!(numbers == N, "a template has a place for each number");
        Self(Pieces {
            before,
            last,
            numbers,
            plain,
        })
    }
}

/// What a finding says.
#[derive(Clone, Debug)]
pub struct Words(Form);

#[derive(Clone, Debug)]
enum Form {
    Static(&'static str),
    Owned(String),
    Numbers(&'static Pieces, [u64; MOST_NUMBERS]),
}

/// [`Words`] of a text with numbers in it, for example `words!("{} follows {}", second, first)`.
macro_rules! words {
    ($text:literal, $($number:expr),+ $(,)?) => {
        $crate::model::Words::numbers(
            const { &$crate::model::Template::new($text) },
            [$($number),+],
        )
    };
}
pub(crate) use words;

impl Words {
    /// The text of `template` with `numbers` in their places.
    #[inline]
    #[must_use]
    pub fn numbers<const N: usize>(template: &'static Template<N>, numbers: [u64; N]) -> Self {
        let mut all = [0; MOST_NUMBERS];
        for (place, number) in all.iter_mut().zip(numbers) {
            *place = number;
        }
        Self(Form::Numbers(&template.0, all))
    }

    /// All of it.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match &self.0 {
            Form::Static(text) => Cow::Borrowed(text),
            Form::Owned(text) => Cow::Borrowed(text),
            Form::Numbers(..) => Cow::Owned(self.to_string()),
        }
    }

    /// Appends all of it as a part of a JSON string.
    pub fn spell(&self, out: &mut JsonText) {
        match &self.0 {
            Form::Numbers(pieces, numbers) if pieces.plain => {
                for (before, number) in pieces.with(numbers) {
                    out.plain_inside(before);
                    out.number_inside(number);
                }
                out.plain_inside(pieces.last);
            }
            _ => out.inside(self.text().as_bytes()),
        }
    }
}

impl Pieces {
    /// Each number and what stands before it.
    fn with(&self, numbers: &[u64; MOST_NUMBERS]) -> impl Iterator<Item = (&'static str, u64)> {
        let all = self.before.into_iter().zip(*numbers);
        all.take(self.numbers)
    }
}

impl Default for Words {
    /// None.
    fn default() -> Self {
        Self(Form::Static(""))
    }
}

impl Display for Words {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Static(text) => formatter.pad(text),
            Form::Owned(text) => formatter.pad(text),
            Form::Numbers(pieces, numbers) => {
                for (before, number) in pieces.with(numbers) {
                    write!(formatter, "{before}{number}")?;
                }
                formatter.write_str(pieces.last)
            }
        }
    }
}

impl PartialEq for Words {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Words {}

impl From<&'static str> for Words {
    #[inline]
    fn from(text: &'static str) -> Self {
        Self(Form::Static(text))
    }
}

impl From<String> for Words {
    #[inline]
    fn from(text: String) -> Self {
        Self(Form::Owned(text))
    }
}

impl From<Cow<'_, str>> for Words {
    fn from(text: Cow<'_, str>) -> Self {
        text.into_owned().into()
    }
}

impl From<fmt::Arguments<'_>> for Words {
    fn from(text: fmt::Arguments<'_>) -> Self {
        text.to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: [u64; 5] = [0, 7, 12_345_678, 123_456_789, u64::MAX];

    /// All ways to read `words` give `expected`.
    fn assert_reads(words: &Words, expected: &str) {
        assert_eq!(words.text(), expected);
        assert_eq!(words.to_string(), expected);
        assert_eq!(*words, Words::from(expected.to_owned()));
        let mut json = JsonText::default();
        json.push(b'"');
        words.spell(&mut json);
        json.push(b'"');
        let string = serde_json::to_string(expected).unwrap();
        assert_eq!(json.as_bytes(), string.as_bytes());
    }

    #[test]
    fn text_stays_what_it_is() {
        for text in ["", "is none", "with \"quotes\", {} and\nlines", "é"] {
            assert_reads(&Words::from(text), text);
            assert_reads(&Words::from(text.to_owned()), text);
            assert_reads(&Words::from(Cow::Borrowed(text)), text);
            assert_reads(&Words::from(format_args!("{text}!")), &format!("{text}!"));
        }
        assert_reads(&Words::default(), "");
    }

    #[test]
    fn templates_without_numbers_are_their_text() {
        let words = Words::numbers(const { &Template::new("none {here") }, []);
        assert_reads(&words, "none {here");
    }

    #[test]
    fn templates_read_as_formats_do() {
        for a in NUMBERS {
            assert_reads(&words!("{}", a), &format!("{a}"));
            assert_reads(&words!("before {}", a), &format!("before {a}"));
            assert_reads(&words!("{} behind", a), &format!("{a} behind"));
            for b in NUMBERS {
                assert_reads(&words!("{}{}", a, b), &format!("{a}{b}"));
                assert_reads(&words!("{} of {}; x", a, b), &format!("{a} of {b}; x"));
                let c = a / 3;
                let expected = format!("{a} follows {b}: {c} are missing");
                assert_reads(&words!("{} follows {}: {} are missing", a, b, c), &expected);
            }
        }
    }

    #[test]
    fn templates_are_escaped_where_they_must_be() {
        let expected = "a \"line\" \\ of 12\nand 3 — more";
        assert_reads(
            &words!("a \"line\" \\ of {}\nand {} — more", 12, 3),
            expected,
        );
    }

    #[test]
    fn pieces_of_all_lengths_are_whole() {
        const LONG: &str = "a piece that is longer than those that are written at once, some ";
        let words = words!(
            "a piece that is longer than those that are written at once, some {} ab {} abcdefghi {}",
            1,
            2,
            3
        );
        assert_reads(&words, &format!("{LONG}1 ab 2 abcdefghi 3"));
    }
}
