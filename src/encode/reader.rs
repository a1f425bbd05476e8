//! Reads records: one JSON text after the other, a line each or pretty-printed.

use crate::codec::json::{Document, Incomplete, Json};
use std::io::{self, Read};
use thiserror::Error;

/// Bytes asked for at a time.
const READ_SIZE: usize = 256 << 10;

/// A record's text may be at most this long.
const MOST_RECORD: usize = 1 << 30;

/// Why no record could be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The text is not JSON.
    #[error("line {line}, column {column}: {what}")]
    Json {
        /// Line, from 1.
        line: u64,
        /// Column in bytes, from 1.
        column: u64,
        /// What is wrong.
        what: String,
    },
}

/// Reads records from `input`.
#[derive(Debug)]
pub struct RecordReader<R> {
    input: R,
    buffer: Vec<u8>,
    /// The buffer holds input up to here.
    filled: usize,
    /// The unread part of the buffer starts here.
    start: usize,
    /// End of the current record.
    end: usize,
    /// Lines before `start`.
    lines: u64,
    ended: bool,
    /// End of the next line, if that is known.
    line: Option<usize>,
    document: Document,
}

impl<R: Read> RecordReader<R> {
    /// Reads from `input`.
    pub fn new(input: R) -> Self {
        Self {
            input,
            buffer: Vec::new(),
            filled: 0,
            start: 0,
            end: 0,
            lines: 0,
            ended: false,
            line: None,
            document: Document::default(),
        }
    }

    /// Goes to the next record; false at the end. `before_waiting` is called before the input is
    /// read, which may take long.
    ///
    /// # Errors
    /// If reading fails or the text is not JSON.
    pub fn advance(
        &mut self,
        mut before_waiting: impl FnMut() -> io::Result<()>,
    ) -> Result<bool, ReadError> {
        self.lines += count_lines(self.text());
        self.start = self.end;
        loop {
            let text = self.buffer.get(self.start..self.filled).unwrap_or_default();
            match self.document.parse(text) {
                Ok(Some(length)) => {
                    self.end = self.start + length;
                    return Ok(true);
                }
                Ok(None) if self.ended => return Ok(false),
                Ok(None) => {}
                Err(Incomplete::More) if !self.ended => {}
                Err(Incomplete::More) => {
                    return Err(self.wrong(text.len(), "the input ends inside a record"));
                }
                Err(Incomplete::Wrong(error)) => {
                    return Err(self.wrong(error.position, error.what));
                }
            }
            before_waiting()?;
            self.fill()?;
        }
    }

    /// Goes past the next line if `take` takes it, which is then no longer a record to be read.
    /// `await_line` must have been called before.
    pub fn pass_line(&mut self, take: impl FnOnce(&[u8]) -> bool) -> bool {
        let Some(end) = self.line.take() else {
            return false;
        };
        if !self.buffer.get(self.start..end).is_some_and(take) {
            return false;
        }
        self.lines += 1;
        self.start = end + 1;
        self.end = self.start;
        true
    }

    /// Goes past the current record, and reads until the next line is there as a whole, unless it
    /// may be a record that no line end follows. `before_waiting` is called before the input is
    /// read, which may take long.
    ///
    /// # Errors
    /// If reading fails.
    pub fn await_line(
        &mut self,
        mut before_waiting: impl FnMut() -> io::Result<()>,
    ) -> Result<(), ReadError> {
        self.lines += count_lines(self.text());
        let rest = self.buffer.get(self.end..self.filled).unwrap_or_default();
        if self.end > self.start && rest.first() == Some(&b'\n') {
            self.lines += 1;
            self.end += 1;
        }
        self.start = self.end;
        loop {
            let rest = self.buffer.get(self.start..self.filled).unwrap_or_default();
            let length = memchr::memchr(b'\n', rest);
            self.line = length.map(|length| self.start + length);
            let hopeless = rest.first().is_some_and(|byte| *byte != b'{');
            if self.line.is_some() || self.ended || hopeless || rest.ends_with(b"}") {
                return Ok(());
            }
            before_waiting()?;
            self.fill()?;
        }
    }

    /// The current record.
    ///
    /// # Errors
    /// If its text is not UTF-8.
    pub fn record(&self) -> Result<Json<'_>, ReadError> {
        self.document
            .root(self.text())
            .map_err(|error| self.wrong(error.position, error.what))
    }

    /// The line, from 1, and column of `position` in the current record.
    #[must_use]
    pub fn place(&self, position: usize) -> (u64, u64) {
        let before = self
            .buffer
            .get(self.start..self.start + position)
            .unwrap_or_default();
        let column = before
            .iter()
            .rev()
            .take_while(|byte| **byte != b'\n')
            .count();
        (self.lines + count_lines(before) + 1, column as u64 + 1)
    }

    fn text(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn wrong(&self, position: usize, what: &str) -> ReadError {
        let (line, column) = self.place(position);
        ReadError::Json {
            line,
            column,
            what: what.to_owned(),
        }
    }

    /// Reads at least once; as much again as there is, so that long records are not looked at
    /// too often.
    fn fill(&mut self) -> Result<(), ReadError> {
        self.buffer.copy_within(self.start..self.filled, 0);
        self.filled -= self.start;
        self.start = 0;
        self.end = 0;
        let there = self.filled;
        if there > MOST_RECORD {
            return Err(self.wrong(0, "the record is larger than 1 GiB"));
        }
        if self.buffer.len() < there + READ_SIZE.max(there) {
            self.buffer.resize(there + READ_SIZE.max(there), 0);
        }
        loop {
            let space = self.buffer.get_mut(self.filled..).unwrap_or_default();
            match self.input.read(space) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            }
            if self.filled >= 2 * there {
                break;
            }
        }
        Ok(())
    }
}

fn count_lines(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> Result<Vec<u64>, String> {
        let mut reader = RecordReader::new(text.as_bytes());
        let mut found = Vec::new();
        while reader
            .advance(|| Ok(()))
            .map_err(|error| error.to_string())?
        {
            found.push(
                reader
                    .record()
                    .unwrap()
                    .get("n")
                    .and_then(Json::as_unsigned)
                    .unwrap(),
            );
        }
        Ok(found)
    }

    #[test]
    fn records_may_stand_on_lines_or_be_pretty_printed() {
        assert_eq!(numbers("{\"n\":1}\n{\"n\":2}\n").unwrap(), [1, 2]);
        assert_eq!(
            numbers("{\n  \"n\": 1\n}\n\n{\n \"n\":2 }").unwrap(),
            [1, 2]
        );
        assert_eq!(numbers("").unwrap(), [0; 0]);
    }

    /// Gives a few bytes at a time.
    struct Drops<'a>(&'a [u8]);

    impl Read for Drops<'_> {
        fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(space.len()).min(5);
            let (now, later) = self.0.split_at(count);
            space[..count].copy_from_slice(now);
            self.0 = later;
            Ok(count)
        }
    }

    #[test]
    fn lines_may_be_passed_between_records() {
        let text = "{\"n\":1}\n{\"n\":2}\n\n{\n\"n\":3}{\"n\":4}\n{\"n\":5}\n{\"n\":6}\n{\"n\" 7}";
        for passed in [&[][..], &[1], &[2, 5], &[1, 2, 5, 6], &[6]] {
            let mut reader = RecordReader::new(Drops(text.as_bytes()));
            let mut found = Vec::new();
            let error = loop {
                reader.await_line(|| Ok(())).unwrap();
                let take = |line: &[u8]| {
                    let number = passed
                        .iter()
                        .find(|n| line == format!("{{\"n\":{n}}}").as_bytes());
                    found.extend(number);
                    number.is_some()
                };
                if reader.pass_line(take) {
                    continue;
                }
                match reader.advance(|| Ok(())) {
                    Ok(more) => assert!(more),
                    Err(error) => break error.to_string(),
                }
                let number = reader.record().unwrap().get("n").unwrap();
                found.push(number.as_unsigned().unwrap());
            };
            assert_eq!(found, [1, 2, 3, 4, 5, 6], "{passed:?}");
            assert_eq!(error, "line 8, column 6: expected a colon", "{passed:?}");
        }
    }

    #[test]
    fn an_error_names_its_line_and_column() {
        assert_eq!(
            numbers("{\"n\":1}\n{\"n\":2}\n{\"n\" 3}").unwrap_err(),
            "line 3, column 6: expected a colon"
        );
        assert_eq!(
            numbers("{\"n\":1}\n{\"n\":").unwrap_err(),
            "line 2, column 6: the input ends inside a record"
        );
    }
}
