//! Runs wirectl and compares what it says with what the crates were told.

use crate::body::{difference, object};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How many differences a failing test shows.
const SHOWN: usize = 8;

/// A crate reads a frame; gives the body of what it read, or why it refuses it.
pub type Read = Box<dyn Fn(&[u8]) -> Result<Value, String>>;

/// A frame that a crate wrote, and the record that it must become.
pub struct Frame {
    /// What the crate wrote.
    pub bytes: Vec<u8>,
    /// The record's `type`; `None` where it is wirectl's choice.
    pub kind: Option<String>,
    /// The record's `body`.
    pub body: Value,
    /// Keys of the record's `header` that must have these values.
    pub header: Value,
    /// The values alone give the frame's bytes, so that the record needs no `raw`. Not so where
    /// equal values are written in several ways: compression, widths of floats.
    pub values_suffice: bool,
    /// How the crate reads such a frame.
    pub read: Read,
}

/// A run of frames of one protocol, as one connection would carry them.
pub struct Conversation<'a> {
    /// The protocol's name in records and after `--protocol`.
    pub protocol: &'a str,
    /// Further arguments for `decode` and `encode`.
    pub arguments: &'a [&'a str],
    /// The messages, in order.
    pub frames: &'a [Frame],
}

impl Conversation<'_> {
    /// The frames, decoded by wirectl, are what the crate was told to write; and what wirectl
    /// encodes the crate reads as the same values.
    pub fn check(&self) {
        let printed = self.check_printed();
        self.check_encoding(&printed);
    }

    /// The frames, decoded by wirectl, are what the crate was told to write.
    pub fn check_decoding(&self) {
        self.check_printed();
    }

    fn check_printed(&self) -> Vec<Printed> {
        self.check_crate();
        let printed = self.decode();
        self.compare(&printed);
        printed
    }

    /// The crate reads its own frames as what they were made from: the test itself is right.
    fn check_crate(&self) {
        let mut findings = Findings::default();
        for (at, frame) in self.frames.iter().enumerate() {
            findings.compare_read(at, frame, &frame.bytes);
        }
        findings.report(
            &format!("{}: the crate alone", self.protocol),
            self.frames.len(),
        );
    }

    /// The record of each frame, in order.
    fn decode(&self) -> Vec<Printed> {
        let mut lines = String::new();
        for frame in self.frames {
            lines.push_str(&hex::encode(&frame.bytes));
            lines.push('\n');
        }
        let mut arguments = vec![
            "decode",
            "-p",
            self.protocol,
            "-i",
            "hex-lines",
            "-o",
            "json",
        ];
        arguments.extend(self.arguments);
        let output = run(&arguments, lines.as_bytes());
        let mut records = vec![Printed::default(); self.frames.len()];
        for line in output.lines() {
            let record: Value = serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("not a record: {error}: {line}"));
            let number = record["line"]
                .as_u64()
                .expect("a record of a line has its number");
            // What wirectl adds to a line's own record (assembled fragments) follows it.
            let slot = records
                .get_mut(usize::try_from(number - 1).expect("a line"))
                .unwrap_or_else(|| panic!("a record of line {number}, which was not written"));
            if slot.record.is_null() {
                let line = line.to_owned();
                *slot = Printed { line, record };
            }
        }
        records
    }

    fn compare(&self, printed: &[Printed]) {
        let mut findings = Findings::default();
        for (at, (frame, printed)) in self.frames.iter().zip(printed).enumerate() {
            for what in self.faults(frame, &printed.record) {
                findings.add(at, frame, &what);
            }
        }
        findings.report(
            &format!("{} {:?}: decode", self.protocol, self.arguments),
            self.frames.len(),
        );
    }

    fn faults(&self, frame: &Frame, record: &Value) -> Vec<String> {
        if record.is_null() {
            return vec!["no record".to_owned()];
        }
        let mut faults = Vec::new();
        let mut expect = |name: &str, expected: &Value, actual: &Value| {
            faults.extend(difference(expected, actual).map(|found| format!("{name}{found}")));
        };
        expect("protocol", &Value::from(self.protocol), &record["protocol"]);
        if let Some(kind) = &frame.kind {
            expect("type", &Value::from(kind.as_str()), &record["type"]);
        }
        expect("length", &Value::from(frame.bytes.len()), &record["length"]);
        expect("body", &frame.body, &record["body"]);
        for (key, value) in frame.header.as_object().into_iter().flatten() {
            expect(&format!("header.{key}"), value, &record["header"][key]);
        }
        if frame.values_suffice && record.get("raw").is_some() {
            faults.push("has `raw`: its values alone do not reproduce it".to_owned());
        }
        for issue in record["issues"].as_array().into_iter().flatten() {
            if issue["severity"] == "error" {
                faults.push(format!("issue {issue}"));
            }
        }
        faults
    }

    /// Three ways back: the printed records as they are give the same bytes; the same without
    /// anything that could be looked up, and records made from the values, give frames that the
    /// crate reads as the same values.
    fn check_encoding(&self, printed: &[Printed]) {
        let lines: Vec<&str> = printed
            .iter()
            .map(|printed| printed.line.as_str())
            .collect();
        self.compare_encoded("encode printed records", &lines, true);
        let bare: Vec<String> = printed
            .iter()
            .map(|printed| only_values(&printed.record).to_string())
            .collect();
        self.compare_encoded("encode printed values", &bare, false);
        let made: Vec<String> = self
            .frames
            .iter()
            .zip(printed)
            .map(|(frame, printed)| self.made(frame, &printed.record).to_string())
            .collect();
        self.compare_encoded("encode generated values", &made, false);
    }

    /// A record of the values that `frame` was made from. What nothing in them says, as a user would
    /// have to say it, too, is taken from the printed one.
    fn made(&self, frame: &Frame, printed: &Value) -> Value {
        let mut header = frame.header.clone();
        // One release of one crate depends on either of two releases of its codec.
        if printed["header"]["codec"] == "z-old" {
            header["codec"] = "z-old".into();
        }
        let kind = frame.kind.clone();
        object([
            ("protocol", Value::from(self.protocol)),
            (
                "type",
                kind.map_or_else(|| printed["type"].clone(), Value::from),
            ),
            ("header", header),
            ("body", frame.body.clone()),
        ])
    }

    fn compare_encoded(&self, what: &str, records: &[impl AsRef<str>], exactly: bool) {
        let mut input = String::new();
        for record in records {
            writeln!(input, "{}", record.as_ref()).expect("a string takes all");
        }
        let mut arguments = vec!["encode", "-o", "hex-lines"];
        arguments.extend(self.arguments);
        let output = run(&arguments, input.as_bytes());
        let mut lines = output.lines();
        let mut findings = Findings::default();
        for (at, frame) in self.frames.iter().enumerate() {
            let Some(bytes) = lines.next().and_then(|line| hex::decode(line).ok()) else {
                findings.add(at, frame, "no frame");
                continue;
            };
            if exactly && bytes != frame.bytes {
                findings.add(at, frame, &format!("other bytes: {}", hex::encode(&bytes)));
            }
            findings.compare_read(at, frame, &bytes);
        }
        assert_eq!(lines.next(), None, "{what}: more frames than records");
        findings.report(
            &format!("{} {:?}: {what}", self.protocol, self.arguments),
            self.frames.len(),
        );
    }
}

/// A record as wirectl prints it, with its keys in their order, and as it is read.
#[derive(Clone, Default)]
struct Printed {
    line: String,
    record: Value,
}

/// What was found to differ.
#[derive(Default)]
struct Findings {
    shown: String,
    count: usize,
}

impl Findings {
    fn add(&mut self, at: usize, frame: &Frame, what: &str) {
        self.count += 1;
        if self.count <= SHOWN {
            let mut bytes = hex::encode(&frame.bytes);
            bytes.truncate(160);
            let kind = frame.kind.as_deref().unwrap_or("frame");
            writeln!(self.shown, "line {} {kind}: {what}\n    {bytes}", at + 1)
                .expect("a string takes all");
        }
    }

    /// The crate reads `bytes` as the value of `frame`.
    fn compare_read(&mut self, at: usize, frame: &Frame, bytes: &[u8]) {
        match (frame.read)(bytes) {
            Err(error) => self.add(at, frame, &format!("the crate refuses it: {error}")),
            Ok(body) => {
                if let Some(found) = difference(&frame.body, &body) {
                    self.add(at, frame, &format!("the crate reads{found}"));
                }
            }
        }
    }

    fn report(self, what: &str, frames: usize) {
        println!("{what}: {frames} frames, {} differences", self.count);
        assert!(
            self.count == 0,
            "{what}: {} differences in {frames} frames\n{}",
            self.count,
            self.shown
        );
    }
}

/// The record without what `encode` can do without; keys of maps in another order, so that the
/// checksum is another one, too.
fn only_values(record: &Value) -> Value {
    let mut values =
        object(["protocol", "type", "header", "body"].map(|key| (key, record[key].clone())));
    if let Some(header) = values["header"].as_object_mut() {
        header.remove("crc");
    }
    values
}

/// Runs wirectl over `input`; panics with its messages if it does not say that all is well.
fn run(arguments: &[&str], input: &[u8]) -> String {
    let program = program();
    let mut child = Command::new(&program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}; build wirectl first", program.display()));
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let output = std::thread::scope(|scope| {
        // A closed pipe shows in the exit status and in the output.
        scope.spawn(move || stdin.write_all(input).ok());
        child.wait_with_output()
    })
    .expect("wirectl runs to its end");
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "wirectl {arguments:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr),
    );
    String::from_utf8(output.stdout).expect("wirectl writes UTF-8")
}

/// `WIRECTL_BIN`, or what the main crate's last `cargo build` made.
fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("WIRECTL_BIN") {
        return path.into();
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let modified = |path: &PathBuf| path.metadata().and_then(|data| data.modified()).ok();
    ["debug/wirectl", "release/wirectl"]
        .map(|name| target.join(name))
        .into_iter()
        .max_by_key(modified)
        .expect("there are two")
}
