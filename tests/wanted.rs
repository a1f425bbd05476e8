//! What is left out because nobody looks at it changes nothing in what is said.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "laws/random.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod random;
mod vectors;

use random::{Random, cases};
use std::io;
use std::path::Path;
use wirectl::model::{Direction, Origin, Record, Wanted};
use wirectl::output::{Sink, write_record};
use wirectl::pipeline::{Chunk, Connection, Pipeline, Selection};
use wirectl::protocol::{Settings, by_name, sync::versions::NAMES};
use wirectl::source::decode_bytes;

/// What is said of some messages.
#[derive(Debug, Default)]
struct Said {
    wanted: Wanted,
    /// The records, as `-o json` prints them.
    lines: Vec<String>,
    /// Where each message lies, what it is, and what is wrong with it.
    findings: Vec<String>,
    /// How many messages were not made a tree of.
    spared: usize,
}

impl Said {
    fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            ..Self::default()
        }
    }
}

impl Sink for Said {
    fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        let message = record.message;
        if self.wanted != Wanted::Nothing {
            let mut line = Vec::new();
            write_record(&mut line, record, false);
            self.lines.push(String::from_utf8(line).unwrap());
        }
        let found: Vec<_> = message
            .issues
            .iter()
            .map(|issue| (issue.severity, issue.code, issue.at))
            .collect();
        self.findings.push(format!(
            "{} {} {} {found:?} {}",
            record.offset, message.protocol, message.type_name, message.faithful
        ));
        self.spared += usize::from(message.protocol == "sync" && message.header.is_none());
        Ok(())
    }

    fn wanted(&self) -> Wanted {
        self.wanted
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn settings(wanted: Wanted, version: Option<u32>) -> Settings {
    Settings {
        wanted,
        sync_version: version,
        ..Settings::default()
    }
}

/// What is said of `messages`, one after the other on one connection.
fn of_messages(
    messages: &[(Option<Direction>, Vec<u8>)],
    wanted: Wanted,
    version: Option<u32>,
) -> Said {
    let mut said = Said::new(wanted);
    let mut connection = Connection::new(by_name("sync"), settings(wanted, version));
    let mut pipeline = Pipeline::new(&mut said, Selection::default());
    assert_eq!(pipeline.wanted(), wanted);
    for (direction, bytes) in messages {
        let origin = Origin {
            direction: *direction,
            ..Origin::default()
        };
        let chunk = Chunk {
            bytes,
            offset: 0,
            whole: true,
            ended: true,
            origin: &origin,
        };
        pipeline.feed(&mut connection, &chunk).unwrap();
    }
    said
}

/// The same must be said of `messages` whatever is wanted of them. Returns how many were spared.
fn must_agree(messages: &[(Option<Direction>, Vec<u8>)], version: Option<u32>) -> usize {
    let [all, text, nothing] = [Wanted::Values, Wanted::Json, Wanted::Nothing]
        .map(|wanted| of_messages(messages, wanted, version));
    for (spelled, shown) in text.lines.iter().zip(&all.lines) {
        assert_eq!(spelled, shown, "{version:?}");
    }
    assert_eq!(text.lines.len(), all.lines.len());
    for said in [&text, &nothing] {
        for (left, right) in said.findings.iter().zip(&all.findings) {
            assert_eq!(left, right, "{version:?} {:?}", said.wanted);
        }
    }
    assert_eq!(nothing.findings.len(), all.findings.len());
    assert_eq!((all.spared, nothing.spared), (0, text.spared));
    text.spared
}

/// All messages of the vectors, sound and broken, sent by whoever may be.
fn messages() -> Vec<(Option<Direction>, Vec<u8>)> {
    let directions = [
        None,
        Some(Direction::ClientToServer),
        Some(Direction::ServerToClient),
    ];
    let files = ["sync/vectors.ndjson.zst", "sync/bad.ndjson.zst"];
    let lines = files.iter().flat_map(|file| vectors::lines(file));
    let with_bytes = lines.filter(|line| line["hex"].is_string());
    let messages = with_bytes.enumerate().map(|(index, line)| {
        let direction = directions[index % directions.len()];
        (direction, vectors::bytes(&line))
    });
    messages.collect()
}

#[test]
fn messages_of_every_version_are_said_the_same_of() {
    let messages = messages();
    let mut spared = Vec::new();
    for version in 0..NAMES.len() as u32 {
        spared.push((
            NAMES[version as usize],
            must_agree(&messages, Some(version)),
        ));
    }
    must_agree(&messages, None);
    // Bodies of the oldest version are maps, of which a tree is always made.
    assert_eq!(spared[0], ("b1", 0));
    assert!(
        spared[1..].iter().all(|(_, count)| *count > 50),
        "{spared:?}"
    );
}

#[test]
fn damaged_messages_are_said_the_same_of() {
    let sound = messages();
    let mut random = Random::new(11);
    for _ in 0..cases(20) {
        let damaged: Vec<_> = (0..200)
            .map(|_| {
                let (direction, mut bytes) = random.pick(&sound).clone();
                if !random.one_in(3) {
                    random.damage(&mut bytes);
                }
                (direction, bytes)
            })
            .collect();
        must_agree(&damaged, None);
        must_agree(&damaged, Some(random.below(NAMES.len()) as u32));
    }
}

#[test]
fn dumps_are_said_the_same_of() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/sync");
    let mut spared = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "bin") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let [all, text, nothing] = [Wanted::Values, Wanted::Json, Wanted::Nothing].map(|wanted| {
            let mut said = Said::new(wanted);
            let mut connection = Connection::new(None, settings(wanted, None));
            let mut pipeline = Pipeline::new(&mut said, Selection::default());
            let origin = Origin::default();
            decode_bytes(&mut &bytes[..], &origin, &mut connection, &mut pipeline).unwrap();
            said
        });
        assert_eq!(text.lines, all.lines, "{}", path.display());
        assert_eq!(text.findings, all.findings, "{}", path.display());
        assert_eq!(nothing.findings, all.findings, "{}", path.display());
        spared += text.spared;
    }
    assert!(spared > 50, "{spared}");
}
