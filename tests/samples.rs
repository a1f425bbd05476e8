//! Samples: what wirectl makes of the small real inputs in `samples/`, against the expected text
//! (`FILE.txt`) and JSON (`FILE.json`) beside each. Whether a change of these is right is for a
//! person to judge; this writes them anew:
//!
//! ```sh
//! WIRECTL_REFRESH=1 cargo test --test samples
//! ```
//!
//! The first line of an expected text is the command that made it. A new sample needs no more than
//! its file; options for it are added to that line.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};
use wirectl::protocol::named;
use wirectl::schema::Versions;

/// One input and what is expected of it.
struct Sample {
    /// From the project's root, with `/`.
    path: String,
}

impl Sample {
    fn expected(&self, extension: &str) -> PathBuf {
        root().join(format!("{}.{extension}", self.path))
    }

    /// The command line, as the expected text's first line has it, or the usual one.
    fn command(&self) -> String {
        let known = fs::read_to_string(self.expected("txt")).unwrap_or_default();
        if let Some(line) = known
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("$ "))
        {
            return line.to_owned();
        }
        let path = &self.path;
        let kind = match Path::new(path).extension().and_then(|name| name.to_str()) {
            Some("pcap" | "pcapng" | "gz" | "zst" | "lz4" | "xz") => "pcap",
            Some("hex") => "decode -i hex-lines",
            _ => "decode",
        };
        format!("wirectl {kind} --width 100 {path}")
    }

    /// The text that people see, between the command and its exit status.
    fn text(&self) -> String {
        let command = self.command();
        let (status, output) = run(&command);
        format!("$ {command}\n{output}\nexit status {status}\n")
    }

    fn json(&self) -> String {
        run(&format!("{} --json", self.command())).1
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a command line of words without quotes, from the project's root.
fn run(command: &str) -> (i32, String) {
    let mut words = command.split_whitespace();
    assert_eq!(words.next(), Some("wirectl"), "{command}");
    let output = Command::new(env!("CARGO_BIN_EXE_wirectl"))
        .args(words)
        .current_dir(root())
        .env_remove("CLICOLOR_FORCE")
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8(output.stdout).expect("output is UTF-8");
    (
        output.status.code().expect("ended by itself"),
        text + &complaints,
    )
}

fn samples() -> Vec<Sample> {
    let mut found: Vec<Sample> = files(&root().join("samples"))
        .into_iter()
        .filter(|path| is_input(path))
        .map(|path| {
            let path = path.strip_prefix(root()).unwrap().to_str().unwrap();
            Sample {
                path: path.replace('\\', "/"),
            }
        })
        .collect();
    found.sort_by(|left, right| left.path.cmp(&right.path));
    assert!(!found.is_empty());
    found
}

fn is_input(path: &Path) -> bool {
    let extension = path.extension().and_then(|name| name.to_str());
    // Dictionaries and keys are for options of other samples.
    !matches!(
        extension,
        Some("txt" | "json" | "new" | "md" | "dictionary" | "keys")
    )
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Where two texts first differ, for people.
fn difference(expected: &str, actual: &str) -> Option<String> {
    if expected == actual {
        return None;
    }
    let mut lines = expected.lines().zip(actual.lines()).enumerate();
    let (number, expected, actual) = match lines.find(|(_, (left, right))| left != right) {
        Some((number, (left, right))) => (number + 1, left, right),
        None => (
            expected.lines().count().min(actual.lines().count()) + 1,
            "one ends here",
            "the other does not",
        ),
    };
    Some(format!(
        "line {number}\n  expected {expected}\n  found    {actual}"
    ))
}

/// Compares, or writes the expected output if that is asked for.
fn check(extension: &str, output: impl Fn(&Sample) -> String) {
    let refresh = env::var_os("WIRECTL_REFRESH").is_some();
    let mut wrong = Vec::new();
    for sample in samples() {
        let (path, actual) = (sample.expected(extension), output(&sample));
        if refresh {
            // In one step: other tests read the commands meanwhile.
            let new = PathBuf::from(format!("{}.new", path.display()));
            fs::write(&new, actual).unwrap();
            fs::rename(new, path).unwrap();
            continue;
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if let Some(difference) = difference(&expected, &actual) {
            wrong.push(format!("{}.{extension}, {difference}", sample.path));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ; WIRECTL_REFRESH=1 writes them anew\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn people_see_what_is_expected() {
    check("txt", Sample::text);
}

#[test]
fn programs_read_what_is_expected() {
    check("json", Sample::json);
}

#[test]
fn nothing_is_expected_of_samples_that_are_not_there() {
    for path in files(&root().join("samples")) {
        if matches!(
            path.extension().and_then(|name| name.to_str()),
            Some("txt" | "json")
        ) {
            assert!(path.with_extension("").exists(), "{}", path.display());
        }
    }
}

/// Every record of the samples: protocol, type, version group.
fn sampled() -> BTreeSet<(String, String, String)> {
    let mut found = BTreeSet::new();
    for line in samples().iter().flat_map(records) {
        let record: Value = serde_json::from_str(&line).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (protocol, kind) = (text(&record["protocol"]), text(&record["type"]));
        let schema = text(&record["header"]["schema"]);
        // Payloads of log entries travel only inside entries.
        let entry = text(&record["body"]["entry_type_name"]);
        found.insert(("noxu.logentry".to_owned(), entry, String::new()));
        found.insert((protocol, kind, schema));
    }
    found
}

fn records(sample: &Sample) -> Vec<String> {
    sample.json().lines().map(str::to_owned).collect()
}

#[test]
fn every_message_type_has_a_sample() {
    let found: BTreeSet<(String, String)> = sampled()
        .into_iter()
        .map(|(protocol, kind, _)| (protocol, kind))
        .collect();
    let mut missing = Vec::new();
    for protocol in named() {
        for message in protocol.messages() {
            let key = (protocol.name().to_owned(), message.name.to_owned());
            if !found.contains(&key) {
                missing.push(format!("{}.{}", key.0, key.1));
            }
        }
    }
    assert!(missing.is_empty(), "without a sample: {missing:#?}");
}

#[test]
fn every_sync_message_type_has_a_sample_of_every_version_that_has_it() {
    let found = sampled();
    let mut missing = Vec::new();
    for protocol in named().filter(|protocol| protocol.name() == "sync") {
        for message in protocol.messages() {
            for (group, name) in (0..).zip(protocol.versions()) {
                let key = (
                    "sync".to_owned(),
                    message.name.to_owned(),
                    (*name).to_owned(),
                );
                if message.when.meets(Versions::only(group)) && !found.contains(&key) {
                    missing.push(format!("{name} {}", message.name));
                }
            }
        }
    }
    assert!(missing.is_empty(), "without a sample: {missing:#?}");
}

#[test]
fn a_capture_in_disorder_holds_the_same_records_as_one_in_order() {
    let records = |name: &str| -> Vec<Value> {
        let path = format!("samples/pcap/{name}");
        let mut records: Vec<Value> = records(&Sample { path })
            .iter()
            .map(|line| {
                let mut record: Value = serde_json::from_str(line).unwrap();
                for key in ["n", "time", "src", "dst"] {
                    record.as_object_mut().unwrap().remove(key);
                }
                // Where an answer overtakes its request in the capture, they do not pair.
                let known = record["issues"].as_array().cloned().unwrap_or_default();
                let unpaired = ["ack-without-request", "pong-without-ping"];
                record["issues"] = known
                    .into_iter()
                    .filter(|issue| !unpaired.contains(&issue["code"].as_str().unwrap()))
                    .collect();
                record
            })
            .collect();
        // Directions may meet differently; within one, the order must be the same.
        records.sort_by_key(|record| {
            (
                record["stream"].as_u64(),
                record["direction"].to_string(),
                record["offset"].as_u64(),
            )
        });
        records
    };
    let (orderly, messy) = (
        records("sync-session.pcap"),
        records("sync-session-messy.pcap"),
    );
    assert_eq!(orderly.len(), messy.len());
    for (orderly, messy) in orderly.iter().zip(&messy) {
        assert_eq!(orderly, messy);
    }
}
