//! How live answers differ from recorded ones.

use serde_json::Value;
use std::collections::VecDeque;

/// So many recorded or live answers wait for their counterpart at most.
const WAITING: usize = 1 << 16;

/// So many differences are kept.
const KEPT: usize = 100;

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
    recorded: VecDeque<(u64, Value)>,
    live: VecDeque<(u64, Value)>,
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
    pub fn recorded(&mut self, record: Value, ignored: &[Ignored]) {
        self.recorded_count += 1;
        let number = self.recorded_count;
        let found = take_same_type(&mut self.live, &record);
        match found {
            Some((live_number, live)) => {
                self.compare((number, &record), (live_number, &live), ignored);
            }
            None => push(&mut self.recorded, (number, record)),
        }
    }

    /// What came next.
    pub fn live(&mut self, record: Value, ignored: &[Ignored]) {
        self.live_count += 1;
        let number = self.live_count;
        let found = take_same_type(&mut self.recorded, &record);
        match found {
            Some((recorded_number, recorded)) => {
                self.compare((recorded_number, &recorded), (number, &record), ignored);
            }
            None => push(&mut self.live, (number, record)),
        }
    }

    /// Whether recorded answers are still missing.
    pub fn waits(&self) -> bool {
        !self.recorded.is_empty()
    }

    /// Whether all answers are as recorded.
    pub fn is_equal(&self) -> bool {
        self.different == 0 && self.recorded.is_empty() && self.live.is_empty()
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
                text += &format!("  {what} #{number} {} {}\n", type_of(record), body(record));
            }
            if left.len() > KEPT {
                text += &format!("  {what} {} more\n", left.len() - KEPT);
            }
        }
        text
    }

    fn compare(&mut self, recorded: (u64, &Value), live: (u64, &Value), ignored: &[Ignored]) {
        self.compared += 1;
        let mut lines = String::new();
        differ(
            &mut Vec::new(),
            Some(recorded.1),
            Some(live.1),
            ignored,
            &mut lines,
        );
        if lines.is_empty() {
            return;
        }
        self.different += 1;
        if self.differences.len() < KEPT {
            let numbers = match recorded.0 == live.0 {
                true => format!("#{}", live.0),
                false => format!("#{} (recorded as #{})", live.0, recorded.0),
            };
            let text = format!("  answer {numbers} {}\n{lines}", type_of(live.1));
            self.differences.push(text);
        }
    }
}

/// Takes the first record of the type of `record`.
fn take_same_type(queue: &mut VecDeque<(u64, Value)>, record: &Value) -> Option<(u64, Value)> {
    let is_same = |other: &Value| {
        other.get("type") == record.get("type") && other.get("protocol") == record.get("protocol")
    };
    let index = queue.iter().position(|(_, other)| is_same(other))?;
    queue.remove(index)
}

fn push(queue: &mut VecDeque<(u64, Value)>, record: (u64, Value)) {
    if queue.len() < WAITING {
        queue.push_back(record);
    }
}

/// Writes a line for every value that differs.
fn differ(
    path: &mut Vec<String>,
    recorded: Option<&Value>,
    live: Option<&Value>,
    ignored: &[Ignored],
    out: &mut String,
) {
    if recorded == live || is_left_out(path) || ignored.iter().any(|one| one.covers(path)) {
        return;
    }
    match (recorded, live) {
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let added = other.keys().filter(|name| !one.contains_key(*name));
            for name in one.keys().chain(added) {
                path.push(name.clone());
                differ(path, one.get(name), other.get(name), ignored, out);
                path.pop();
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) => {
            for index in 0..one.len().max(other.len()) {
                path.push(index.to_string());
                differ(path, one.get(index), other.get(index), ignored, out);
                path.pop();
            }
        }
        (one, other) => {
            let shown = |value: Option<&Value>| {
                value.map_or("nothing".to_owned(), |value| cut(&value.to_string()))
            };
            let path = path.join(".");
            *out += &format!(
                "    {path}\n      - {}\n      + {}\n",
                shown(one),
                shown(other)
            );
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
        .map_or(String::new(), |body| cut(&body.to_string()))
}

fn cut(text: &str) -> String {
    const MOST: usize = 120;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ack(seq: u64, at: u64) -> Value {
        json!({"n": at, "type": "Ack", "protocol": "x", "header": {"crc": at},
               "body": {"seq": seq, "at": at, "list": [{"id": at}]}})
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
        comparison.recorded(json!({"type": "A", "body": null}), &[]);
        comparison.live(json!({"type": "B", "body": 1}), &[]);
        assert!(comparison.waits());
        assert_eq!(
            comparison.difference(),
            "  - only recorded: #1 A null\n  + only live: #1 B 1\n"
        );
    }
}
