//! Counts, sizes and findings over all records.

mod view;

use super::Sink;
use super::page::{Look, Page};
use crate::model::{Direction, Origin, Record, Severity, Wanted};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Gathers statistics and writes them at the end.
#[derive(Debug)]
pub struct Stats<W> {
    page: Page<W>,
    look: Look,
    json: bool,
    gathered: Gathered,
}

impl<W: Write> Stats<W> {
    /// Writes to `out`: tables, or one JSON object.
    pub fn new(out: W, look: Look, json: bool) -> Self {
        Self {
            page: Page::new(out),
            gathered: Gathered::default(),
            look,
            json,
        }
    }
}

impl<W: Write> Sink for Stats<W> {
    fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        self.gathered.add(record);
        Ok(())
    }

    fn taken_for(&mut self, origin: &Origin, protocol: &'static str, grounds: &'static str) {
        if let Some(input) = self.gathered.input(origin) {
            let taken = input.protocols.entry(protocol).or_default();
            *taken.grounds.entry(grounds).or_default() += 1;
        }
    }

    fn wanted(&self) -> Wanted {
        Wanted::Nothing
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.json {
            view::json(&mut self.page.sheet, &self.gathered, &self.look);
        } else {
            view::tables(&mut self.page.sheet, &self.gathered, &self.look);
        }
        self.page.flush()
    }
}

/// Sizes of frames.
#[derive(Clone, Copy, Debug, Default)]
struct Sizes {
    count: u64,
    bytes: u64,
    least: u64,
    most: u64,
}

impl Sizes {
    fn add(&mut self, size: u64) {
        self.least = if self.count == 0 {
            size
        } else {
            self.least.min(size)
        };
        self.most = self.most.max(size);
        self.count += 1;
        self.bytes += size;
    }

    fn join(&mut self, other: &Self) {
        self.least = if self.count == 0 {
            other.least
        } else {
            self.least.min(other.least)
        };
        self.most = self.most.max(other.most);
        self.count += other.count;
        self.bytes += other.bytes;
    }

    /// The mean size in tenths of a byte.
    fn mean_tenths(&self) -> u64 {
        let tenths = u128::from(self.bytes) * 10 / u128::from(self.count.max(1));
        u64::try_from(tenths).unwrap_or(u64::MAX)
    }
}

/// Findings of one code.
#[derive(Clone, Copy, Debug)]
struct Findings {
    count: u64,
    /// Record and position of the first.
    first: (u64, u64),
}

/// What one protocol makes of an input.
#[derive(Debug, Default)]
struct Taken {
    records: u64,
    bytes: u64,
    /// Why the input was taken for it, and how often.
    grounds: BTreeMap<&'static str, u64>,
}

/// One file or other source of bytes.
#[derive(Debug)]
struct Input {
    file: Option<String>,
    protocols: BTreeMap<&'static str, Taken>,
}

type Kind = (&'static str, &'static str, Option<Direction>);

/// Everything that is counted. Bounded: by the known types, codes and the inputs given.
#[derive(Debug, Default)]
struct Gathered {
    kinds: BTreeMap<Kind, Sizes>,
    issues: BTreeMap<(std::cmp::Reverse<Severity>, &'static str), Findings>,
    inputs: Vec<Input>,
    /// Times of the first and the last record.
    times: Option<(u64, u64)>,
}

impl Gathered {
    fn add(&mut self, record: &Record<'_>) {
        let message = record.message;
        let size = record.frame.len() as u64;
        let kind = (message.protocol, message.type_name, record.origin.direction);
        self.kinds.entry(kind).or_default().add(size);
        for issue in &message.issues {
            let place = (record.number, record.offset + u64::from(issue.at.start));
            let key = (std::cmp::Reverse(issue.severity), issue.code);
            self.issues
                .entry(key)
                .or_insert(Findings {
                    count: 0,
                    first: place,
                })
                .count += 1;
        }
        if let Some(time) = record.origin.time {
            let (first, last) = self.times.unwrap_or((time, time));
            self.times = Some((first.min(time), last.max(time)));
        }
        if let Some(input) = self.input(record.origin) {
            let taken = input.taken(message.protocol);
            taken.records += 1;
            taken.bytes += size;
        }
    }

    fn input(&mut self, origin: &Origin) -> Option<&mut Input> {
        let inputs = &mut self.inputs;
        let known = inputs.iter().rposition(|input| input.file == origin.file);
        if known.is_none() {
            inputs.push(Input {
                file: origin.file.clone(),
                protocols: BTreeMap::new(),
            });
        }
        let index = known.unwrap_or(inputs.len() - 1);
        inputs.get_mut(index)
    }

    fn total(&self) -> Sizes {
        let mut total = Sizes::default();
        for sizes in self.kinds.values() {
            total.join(sizes);
        }
        total
    }
}

impl Input {
    /// The protocol, or the family that it belongs to, that records of `protocol` count for.
    fn taken(&mut self, protocol: &'static str) -> &mut Taken {
        let family = protocol
            .split_once('.')
            .map_or(protocol, |(family, _)| family);
        let key = if self.protocols.contains_key(protocol) {
            protocol
        } else {
            self.protocols
                .keys()
                .copied()
                .find(|known| *known == family)
                .unwrap_or(protocol)
        };
        self.protocols.entry(key).or_default()
    }
}
