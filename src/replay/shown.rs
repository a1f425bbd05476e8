//! What people are shown of records: no secrets, nothing that could steer a terminal.

use crate::model::Record;
use crate::output::{Redactor, write_record};
use serde_json::Value;

/// Makes texts of records.
#[derive(Debug, Default)]
pub(super) struct Shown {
    redactor: Redactor,
    /// Whether secrets are shown, too.
    secrets: bool,
    buffer: Vec<u8>,
}

impl Shown {
    /// With secrets, or without.
    pub fn new(secrets: bool) -> Self {
        Self {
            secrets,
            ..Self::default()
        }
    }

    /// The record as JSON without its secrets; none if it has none, or they are shown.
    pub fn masked(&mut self, record: &Record<'_>) -> Option<&[u8]> {
        if self.secrets || !self.redactor.finds(record) {
            return None;
        }
        self.buffer.clear();
        write_record(&mut self.buffer, &self.redactor.redacted(record), false);
        Some(&self.buffer)
    }

    /// The record on one line, cut.
    pub fn in_short(&mut self, record: &Record<'_>) -> String {
        if self.masked(record).is_none() {
            self.buffer.clear();
            write_record(&mut self.buffer, record, false);
        }
        let text = String::from_utf8_lossy(&self.buffer);
        let body = text.split_once("\"body\":").map_or("", |(_, body)| body);
        let body = body.strip_suffix('}').unwrap_or(body);
        cut(&format!("{} {body}", record.message.type_name), 160)
    }
}

/// A record as JSON, and as people are shown it.
#[derive(Clone, Debug)]
pub(super) struct Faces {
    pub faithful: Value,
    /// If that is another one.
    pub masked: Option<Value>,
    /// Bytes of both as text.
    pub size: usize,
}

impl Faces {
    /// Both, from JSON texts.
    pub fn read(faithful: &[u8], masked: Option<&[u8]>) -> Option<Self> {
        Some(Self {
            size: faithful.len() + masked.map_or(0, <[u8]>::len),
            faithful: serde_json::from_slice(faithful).ok()?,
            masked: masked.and_then(|text| serde_json::from_slice(text).ok()),
        })
    }

    /// As people are shown it.
    pub fn shown(&self) -> &Value {
        self.masked.as_ref().unwrap_or(&self.faithful)
    }
}

/// At most so many characters of `text`, made harmless.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => harmless(text.get(..end).unwrap_or(text)) + "…",
        None => harmless(text),
    }
}

/// `text` with everything escaped that a terminal would not just show.
pub(super) fn harmless(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\'' | '\\' => plain.push(character),
            _ => plain.extend(character.escape_debug()),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_could_steer_a_terminal_is_escaped() {
        assert_eq!(harmless("{\"a\":\"naïve 東京\"}"), "{\"a\":\"naïve 東京\"}");
        assert_eq!(
            harmless("\u{1b}[31m\u{9b}\u{7f}\u{202e}\n"),
            "\\u{1b}[31m\\u{9b}\\u{7f}\\u{202e}\\n"
        );
        assert_eq!(cut("abc", 2), "ab…");
    }
}
