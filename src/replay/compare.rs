//! How live answers differ from recorded ones.

use super::shown::{Faces, cut, harmless};
use serde_json::Value;
use std::collections::VecDeque;

/// So many recorded or live answers wait for their counterpart at most.
const WAITING: usize = 1 << 16;

/// So many bytes of them as JSON.
const WAITING_BYTES: usize = 64 << 20;

/// So many differences are kept.
const KEPT: usize = 100;

/// So many characters of a value are shown.
const MOST_SHOWN: usize = 120;

/// Parts of a record that must differ from run to run.
const NEVER_COMPARED: &[&str] = &[
    "n",
    "time",
    "stream",
    "src",
    "dst",
    "transport",
    "file",
    "line",
    "offset",
    "length",
    "raw",
    "inner",
    "issues",
    "direction",
];

/// Header fields that follow from the body or from the place in the stream.
const NEVER_COMPARED_HEADER: &[&str] = &["crc"];

/// A field that is not compared: a path such as `body.at`, or a name, wherever it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored(Vec<String>);

/// The answers of one connection, recorded and live. The k-th live answer of a type is compared
/// with the k-th recorded one of that type.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    recorded: VecDeque<(u64, Faces)>,
    live: VecDeque<(u64, Faces)>,
    /// Bytes of those that wait.
    held: usize,
    /// Answers that could not wait and were not compared.
    left_out: u64,
    recorded_count: u64,
    live_count: u64,
    /// Answers that were compared.
    pub compared: u64,
    /// Of these, how many differ.
    pub different: u64,
    /// The first differences, in words.
    pub differences: Vec<String>,
}

impl Ignored {
    /// Reads `PATH`; `[]` and indexes are left out of paths.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let parts = text.split(['.', '[', ']']);
        let parts = parts.filter(|part| !part.is_empty() && part.parse::<usize>().is_err());
        Self(parts.map(str::to_owned).collect())
    }

    /// Whether the field at `path` is meant: its path ends so, or starts so.
    fn covers(&self, path: &[String]) -> bool {
        let names: Vec<&String> = path
            .iter()
            .filter(|part| part.parse::<usize>().is_err())
            .collect();
        let wanted = &self.0;
        !wanted.is_empty()
            && names.len() >= wanted.len()
            && names
                .get(names.len() - wanted.len()..)
                .is_some_and(|tail| tail.iter().zip(wanted).all(|(one, other)| *one == other))
    }
}

impl Comparison {
    /// What was recorded next.
    pub fn recorded(&mut self, record: Faces, ignored: &[Ignored]) {
        self.recorded_count += 1;
        let number = self.recorded_count;
        let found = take_same_type(&mut self.live, &record);
        self.release(found.as_ref());
        match found {
            Some((live_number, live)) => {
                self.compare((number, &record), (live_number, &live), ignored);
            }
            None if self.admits(&record) => self.recorded.push_back((number, record)),
            None => self.left_out += 1,
        }
    }

    /// What came next.
    pub fn live(&mut self, record: Faces, ignored: &[Ignored]) {
        self.live_count += 1;
        let number = self.live_count;
        let found = take_same_type(&mut self.recorded, &record);
        self.release(found.as_ref());
        match found {
            Some((recorded_number, recorded)) => {
                self.compare((recorded_number, &recorded), (number, &record), ignored);
            }
            None if self.admits(&record) => self.live.push_back((number, record)),
            None => self.left_out += 1,
        }
    }

    /// Whether recorded answers are still missing.
    pub fn waits(&self) -> bool {
        !self.recorded.is_empty()
    }

    /// Whether all answers are as recorded.
    pub fn is_equal(&self) -> bool {
        self.different == 0
            && self.recorded.is_empty()
            && self.live.is_empty()
            && self.left_out == 0
    }

    /// Whether there is room for one more to wait; takes it.
    fn admits(&mut self, record: &Faces) -> bool {
        let is_room = self.recorded.len() + self.live.len() < WAITING
            && self.held + record.size <= WAITING_BYTES;
        self.held += if is_room { record.size } else { 0 };
        is_room
    }

    fn release(&mut self, found: Option<&(u64, Faces)>) {
        self.held -= found.map_or(0, |(_, record)| record.size);
    }

    /// All differences in words, one a line or more.
    pub fn difference(&self) -> String {
        let mut text = self.differences.concat();
        if self.different > KEPT as u64 {
            let more = self.different - KEPT as u64;
            text += &format!("  and {more} more differ\n");
        }
        for (what, left) in [
            ("- only recorded:", &self.recorded),
            ("+ only live:", &self.live),
        ] {
            for (number, record) in left.iter().take(KEPT) {
                let record = record.shown();
                text += &format!("  {what} #{number} {} {}\n", type_of(record), body(record));
            }
            if left.len() > KEPT {
                text += &format!("  {what} {} more\n", left.len() - KEPT);
            }
        }
        if self.left_out > 0 {
            let count = self.left_out;
            text += &format!("  too many waited for their counterpart: {count} not compared\n");
        }
        text
    }

    fn compare(&mut self, recorded: (u64, &Faces), live: (u64, &Faces), ignored: &[Ignored]) {
        self.compared += 1;
        let mut difference = Difference {
            ignored,
            path: Vec::new(),
            lines: String::new(),
        };
        difference.note(Two::of(recorded.1), Two::of(live.1));
        let lines = difference.lines;
        if lines.is_empty() {
            return;
        }
        self.different += 1;
        if self.differences.len() < KEPT {
            let numbers = match recorded.0 == live.0 {
                true => format!("#{}", live.0),
                false => format!("#{} (recorded as #{})", live.0, recorded.0),
            };
            let text = format!("  answer {numbers} {}\n{lines}", type_of(live.1.shown()));
            self.differences.push(text);
        }
    }
}

/// Takes the first record of the type of `record`.
fn take_same_type(queue: &mut VecDeque<(u64, Faces)>, record: &Faces) -> Option<(u64, Faces)> {
    let record = &record.faithful;
    let is_same = |other: &Faces| {
        let other = &other.faithful;
        other.get("type") == record.get("type") && other.get("protocol") == record.get("protocol")
    };
    let index = queue.iter().position(|(_, other)| is_same(other))?;
    queue.remove(index)
}

/// A value, and the same as people are shown it.
#[derive(Clone, Copy)]
struct Two<'v> {
    faithful: Option<&'v Value>,
    shown: Option<&'v Value>,
}

impl<'v> Two<'v> {
    fn of(faces: &'v Faces) -> Self {
        Self {
            faithful: Some(&faces.faithful),
            shown: Some(faces.shown()),
        }
    }

    /// The part of both that `get` gets. What is masked as a whole stands for its parts, too.
    fn part(self, get: impl Fn(&'v Value) -> Option<&'v Value>) -> Self {
        Self {
            faithful: self.faithful.and_then(&get),
            shown: match self.shown {
                Some(Value::String(_)) => self.shown,
                shown => shown.and_then(get),
            },
        }
    }

    fn text(self) -> String {
        match self.faithful {
            None => "nothing".to_owned(),
            Some(_) => self.shown.map_or("***".to_owned(), |shown| {
                cut(&shown.to_string(), MOST_SHOWN)
            }),
        }
    }
}

/// Finds how two records differ.
struct Difference<'i> {
    ignored: &'i [Ignored],
    path: Vec<String>,
    lines: String,
}

impl Difference<'_> {
    /// Writes a line for every value that differs.
    fn note(&mut self, recorded: Two<'_>, live: Two<'_>) {
        let ignored = |one: &Ignored| one.covers(&self.path);
        if recorded.faithful == live.faithful
            || is_left_out(&self.path)
            || self.ignored.iter().any(ignored)
        {
            return;
        }
        match (recorded.faithful, live.faithful) {
            (Some(Value::Object(one)), Some(Value::Object(other))) => {
                let added = other.keys().filter(|name| !one.contains_key(*name));
                for name in one.keys().chain(added) {
                    self.path.push(name.clone());
                    self.note(
                        recorded.part(|value| value.get(name)),
                        live.part(|value| value.get(name)),
                    );
                    self.path.pop();
                }
            }
            (Some(Value::Array(one)), Some(Value::Array(other))) => {
                for index in 0..one.len().max(other.len()) {
                    self.path.push(index.to_string());
                    self.note(
                        recorded.part(|value| value.get(index)),
                        live.part(|value| value.get(index)),
                    );
                    self.path.pop();
                }
            }
            _ => {
                let path = harmless(&self.path.join("."));
                let (recorded, live) = (recorded.text(), live.text());
                self.lines += &format!("    {path}\n      - {recorded}\n      + {live}\n");
            }
        }
    }
}

fn is_left_out(path: &[String]) -> bool {
    match path {
        [name] => NEVER_COMPARED.contains(&name.as_str()),
        [part, name] => part == "header" && NEVER_COMPARED_HEADER.contains(&name.as_str()),
        _ => false,
    }
}

fn type_of(record: &Value) -> &str {
    record.get("type").and_then(Value::as_str).unwrap_or("?")
}

fn body(record: &Value) -> String {
    record
        .get("body")
        .map_or(String::new(), |body| cut(&body.to_string(), MOST_SHOWN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn faces(faithful: Value) -> Faces {
        Faces {
            faithful,
            masked: None,
            size: 1,
        }
    }

    fn ack(seq: u64, at: u64) -> Faces {
        faces(
            json!({"n": at, "type": "Ack", "protocol": "x", "header": {"crc": at},
               "body": {"seq": seq, "at": at, "list": [{"id": at}]}}),
        )
    }

    #[test]
    fn answers_that_differ_only_in_what_is_ignored_are_equal() {
        let ignored = ["body.at", "list[].id"].map(Ignored::parse);
        let mut comparison = Comparison::default();
        comparison.recorded(ack(1, 10), &ignored);
        comparison.live(ack(1, 20), &ignored);
        assert!(comparison.is_equal(), "{}", comparison.difference());
        comparison.live(ack(2, 20), &ignored);
        comparison.recorded(ack(3, 10), &ignored);
        assert_eq!(
            comparison.difference(),
            "  answer #2 Ack\n    body.seq\n      - 3\n      + 2\n"
        );
    }

    #[test]
    fn answers_without_a_counterpart_are_named() {
        let mut comparison = Comparison::default();
        comparison.recorded(faces(json!({"type": "A", "body": null})), &[]);
        comparison.live(faces(json!({"type": "B", "body": 1})), &[]);
        assert!(comparison.waits());
        assert_eq!(
            comparison.difference(),
            "  - only recorded: #1 A null\n  + only live: #1 B 1\n"
        );
    }
    #[test]
    fn secrets_that_differ_are_not_shown() {
        let secret = |key: &str| Faces {
            faithful: json!({"type": "A", "body": {"key": key, "parts": {"of": key}, "n": key}}),
            masked: Some(json!({"type": "A", "body": {"key": "***", "parts": "***", "n": key}})),
            size: WAITING_BYTES,
        };
        let mut comparison = Comparison::default();
        comparison.recorded(secret("one"), &[]);
        comparison.live(secret("two"), &[]);
        let text = comparison.difference();
        assert_eq!(text.matches("\"one\"").count(), 1, "{text}");
        assert_eq!(text.matches("\"***\"").count(), 4, "{text}");
        assert!(!comparison.is_equal());
    }

    #[test]
    fn answers_for_which_there_is_no_room_are_counted() {
        let large = || Faces {
            size: WAITING_BYTES / 2,
            ..ack(1, 1)
        };
        let mut comparison = Comparison::default();
        for _ in 0..3 {
            comparison.recorded(large(), &[]);
        }
        assert!(comparison.difference().contains(": 1 not compared"));
        for _ in 0..2 {
            comparison.live(large(), &[]);
        }
        assert_eq!((comparison.held, comparison.compared), (0, 2));
        assert!(!comparison.is_equal());
    }
}
