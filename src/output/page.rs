//! Text for people on its way out: knows the column, writes no trailing spaces.

use super::clock::TimeForm;
use super::escape;
use super::style::{Ink, Styles};
use std::io::{self, Write};
use std::num::NonZeroUsize;
use unicode_width::UnicodeWidthStr;

/// What people want to see, and on what.
#[derive(Clone, Debug)]
pub struct Look {
    /// Colours.
    pub styles: Styles,
    /// Columns of the terminal; none if lines may be of any length.
    pub width: Option<NonZeroUsize>,
    /// Whether secrets are shown, too.
    pub show_secrets: bool,
    /// What the one input is called, if records do not say it themselves.
    pub input: String,
    /// Whether the bytes of every frame are shown below its fields.
    pub frame_bytes: bool,
    /// How times are shown.
    pub times: TimeForm,
}

impl Look {
    /// Without colour, lines of any length, secrets masked.
    #[must_use]
    pub fn plain() -> Self {
        Self {
            styles: Styles::default(),
            width: None,
            show_secrets: false,
            input: "<stdin>".to_owned(),
            frame_bytes: false,
            times: TimeForm::Utc,
        }
    }

    /// The last column that may be written to.
    #[must_use]
    pub fn columns(&self) -> usize {
        // Below some width nothing readable fits, and the terminal may wrap it as it likes.
        self.width.map_or(usize::MAX, |width| width.get().max(40))
    }
}

/// Lines being written.
#[derive(Debug)]
pub struct Page<W> {
    out: W,
    /// What is written so far.
    pub sheet: Sheet,
}

/// Finished text goes out when this many bytes have gathered.
const BUFFER: usize = 1 << 16;

impl<W: Write> Page<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self {
            out,
            sheet: Sheet::default(),
        }
    }

    /// Passes on what has gathered, if it is much.
    ///
    /// # Errors
    /// If writing fails.
    pub fn drain(&mut self) -> io::Result<()> {
        if self.sheet.out.len() >= BUFFER {
            self.out.write_all(&self.sheet.out)?;
            self.sheet.out.clear();
        }
        Ok(())
    }

    /// Passes on everything.
    ///
    /// # Errors
    /// If writing fails.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.sheet.out)?;
        self.sheet.out.clear();
        self.out.flush()
    }
}

/// Text in memory, with the position of its end.
#[derive(Debug, Default)]
pub struct Sheet {
    out: Vec<u8>,
    column: usize,
    /// Spaces that are written only if something follows them on the line.
    pending: usize,
}

/// A place on a [`Sheet`] to go back to.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    length: usize,
    column: usize,
    pending: usize,
}

impl Sheet {
    /// The column where the next text goes, from 0.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column + self.pending
    }

    /// Everything written so far.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.out
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self {
            out: std::mem::take(&mut self.out),
            ..Self::default()
        };
        self.out.clear();
    }

    /// This place.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark {
            length: self.out.len(),
            column: self.column,
            pending: self.pending,
        }
    }

    /// Forgets what was written since `mark`.
    pub fn back(&mut self, mark: Mark) {
        self.out.truncate(mark.length);
        self.column = mark.column;
        self.pending = mark.pending;
    }

    /// Moves on by `count` columns.
    pub fn space(&mut self, count: usize) {
        self.pending += count;
    }

    /// Moves on to `column`, or by `least` columns if that is further.
    pub fn advance_to(&mut self, column: usize, least: usize) {
        let here = self.column();
        self.space(column.saturating_sub(here).max(least));
    }

    /// Ends the line.
    pub fn newline(&mut self) {
        self.out.push(b'\n');
        self.column = 0;
        self.pending = 0;
    }

    /// Writes the program's own text.
    pub fn put(&mut self, ink: &Ink, text: &str) {
        if text.is_empty() {
            return;
        }
        self.start(ink);
        self.out.extend_from_slice(text.as_bytes());
        self.column += if text.is_ascii() {
            text.len()
        } else {
            text.width()
        };
        self.end(ink);
    }

    /// Writes the program's own text, formatted.
    pub fn print(&mut self, ink: &Ink, arguments: std::fmt::Arguments<'_>) {
        self.start(ink);
        let from = self.out.len();
        let _ = self.out.write_fmt(arguments);
        let written = self.out.get(from..).unwrap_or_default();
        self.column += if written.is_ascii() {
            written.len()
        } else {
            std::str::from_utf8(written).map_or(written.len(), UnicodeWidthStr::width)
        };
        self.end(ink);
    }

    /// Writes text from outside, escaped.
    pub fn untrusted(&mut self, ink: &Ink, escape: &Ink, text: &str) {
        for piece in escape::pieces(text) {
            match piece {
                escape::Piece::Plain(text) => self.put(ink, text),
                escape::Piece::Escaped(escaped) => self.put(escape, escaped.as_str()),
            }
        }
    }

    /// Writes `bytes` as hexadecimal digits.
    pub fn hexadecimal(&mut self, ink: &Ink, bytes: &[u8]) {
        self.start(ink);
        for byte in bytes {
            self.out.extend_from_slice(&digits(*byte));
        }
        self.column += 2 * bytes.len();
        self.end(ink);
    }

    fn start(&mut self, ink: &Ink) {
        let pending = std::mem::take(&mut self.pending);
        self.out.resize(self.out.len() + pending, b' ');
        self.column += pending;
        self.out.extend_from_slice(ink.start().as_bytes());
    }

    fn end(&mut self, ink: &Ink) {
        self.out.extend_from_slice(ink.end().as_bytes());
    }
}

/// The two hexadecimal digits of a byte.
#[must_use]
pub fn digits(byte: u8) -> [u8; 2] {
    let digit = |value: u8| {
        if value < 10 {
            b'0' + value
        } else {
            b'a' - 10 + value
        }
    };
    [digit(byte >> 4), digit(byte & 15)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_at_the_end_of_a_line_are_not_written() {
        let mut sheet = Sheet::default();
        let ink = Ink::default();
        sheet.put(&ink, "a");
        sheet.space(3);
        sheet.newline();
        sheet.space(2);
        sheet.put(&ink, "b");
        assert_eq!(sheet.bytes(), b"a\n  b");
        assert_eq!(sheet.column(), 3);
    }

    #[test]
    fn wide_characters_take_two_columns() {
        let mut sheet = Sheet::default();
        sheet.put(&Ink::default(), "日本");
        assert_eq!(sheet.column(), 4);
    }

    #[test]
    fn what_was_tried_can_be_taken_back() {
        let mut sheet = Sheet::default();
        sheet.put(&Ink::default(), "key");
        let mark = sheet.mark();
        sheet.space(2);
        sheet.put(&Ink::default(), "value");
        sheet.back(mark);
        assert_eq!((sheet.bytes(), sheet.column()), (&b"key"[..], 3));
    }
}
