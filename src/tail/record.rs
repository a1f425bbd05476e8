//! Recording what passes as a capture, so that other tools and later runs can read it.

mod pcapng;
mod segments;

use super::feed::{Feed, Taken};
use super::tap::Item;
use pcapng::Block;
pub(super) use pcapng::LINK_RAW_IP;
use segments::Segments;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Blocks are written out when so many bytes have gathered, or nothing else is to be done.
const BUFFER: usize = 256 << 10;
/// How often a recorder that waits looks around.
const PATIENCE: Duration = Duration::from_secs(1);

/// When to begin a new file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// Before a file exceeds so many bytes.
    pub size: Option<u64>,
    /// When a file's packets span so much time.
    pub time: Option<Duration>,
}

/// Writes a capture, in several files if asked to.
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    rotation: Rotation,
    file: File,
    /// Files begun before this one.
    number: u32,
    /// Whole blocks that are not written out yet.
    buffer: Vec<u8>,
    /// Bytes of this file, buffer included.
    size: u64,
    /// Time of this file's first packet.
    since_ns: Option<u64>,
    segments: Segments,
}

/// Why there is no recording, or why it ended early, and what was kept.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It did not begin.
    #[error("cannot record to {}: {why}", path.display())]
    Start {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: io::Error,
    },
    /// It ended early.
    #[error("recording to {} ended: {why}; what was written before can be read", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
}

impl Recorder {
    /// Begins to record to `path`.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn start(path: &Path, rotation: Rotation) -> Result<Self, RecordError> {
        let failed = |why| RecordError::Start {
            path: path.to_owned(),
            why,
        };
        let file = File::create(path).map_err(failed)?;
        let mut recorder = Self {
            path: path.to_owned(),
            rotation,
            file,
            number: 0,
            buffer: Vec::with_capacity(2 * BUFFER),
            size: 0,
            since_ns: None,
            segments: Segments::default(),
        };
        recorder.begin();
        recorder.write().map_err(failed)?;
        Ok(recorder)
    }

    /// Records one thing that happened.
    ///
    /// # Errors
    /// If it cannot be written; what was written before stays readable.
    pub fn item(&mut self, item: &Item) -> Result<(), RecordError> {
        let mut segments = std::mem::take(&mut self.segments);
        let result = segments.item(item, &mut |time_ns, packet| self.packet(time_ns, packet));
        self.segments = segments;
        result
    }

    /// Records one packet, which begins with its IP header.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn packet(&mut self, time_ns: u64, packet: &[u8]) -> Result<(), RecordError> {
        self.rotate(time_ns, pcapng::packet_size(packet.len()))?;
        self.since_ns.get_or_insert(time_ns);
        let before = self.buffer.len();
        Block::Packet { time_ns, packet }.write(&mut self.buffer);
        self.size += (self.buffer.len() - before) as u64;
        if self.buffer.len() >= BUFFER {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// If it cannot be written; the file is then cut back to its last whole block.
    pub fn flush(&mut self) -> Result<(), RecordError> {
        self.write().map_err(|why| self.failed(why))
    }

    /// Writes the buffer, or nothing of it.
    fn write(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let kept = self.size - self.buffer.len() as u64;
        let result = self.file.write_all(&self.buffer);
        self.buffer.clear();
        if result.is_err() {
            let _ = self.file.set_len(kept);
        }
        result
    }

    /// Begins a new file if it is time to.
    fn rotate(&mut self, time_ns: u64, more: usize) -> Result<(), RecordError> {
        let Some(since) = self.since_ns else {
            return Ok(());
        };
        let full = |limit: u64| self.size + more as u64 > limit;
        let old = |limit: Duration| u128::from(time_ns.saturating_sub(since)) >= limit.as_nanos();
        if !self.rotation.size.is_some_and(full) && !self.rotation.time.is_some_and(old) {
            return Ok(());
        }
        self.flush()?;
        self.number += 1;
        let path = numbered(&self.path, self.number);
        self.file = File::create(&path).map_err(|why| RecordError::Write { path, why })?;
        self.begin();
        Ok(())
    }

    fn begin(&mut self) {
        Block::Section.write(&mut self.buffer);
        Block::Interface { link: LINK_RAW_IP }.write(&mut self.buffer);
        self.size = self.buffer.len() as u64;
        self.since_ns = None;
    }

    fn failed(&self, why: io::Error) -> RecordError {
        RecordError::Write {
            path: match self.number {
                0 => self.path.clone(),
                number => numbered(&self.path, number),
            },
            why,
        }
    }
}

/// Records all that comes through `feed` until it is closed.
///
/// # Errors
/// If it cannot be written; the feed is closed then, so that nothing gathers in it.
pub fn record(feed: &Feed<Item>, recorder: &mut Recorder) -> Result<(), RecordError> {
    run(feed, recorder, Recorder::item)
}

/// The same for anything that a recorder can take.
pub(super) fn run<T>(
    feed: &Feed<T>,
    recorder: &mut Recorder,
    take: impl Fn(&mut Recorder, &T) -> Result<(), RecordError>,
) -> Result<(), RecordError> {
    let mut items = VecDeque::new();
    loop {
        let taken = match feed.take(&mut items, Duration::ZERO) {
            Taken::Nothing => recorder.flush().map(|()| feed.take(&mut items, PATIENCE)),
            taken => Ok(taken),
        };
        let result = match taken {
            Ok(Taken::Ended) => return recorder.flush(),
            Ok(_) => items.drain(..).try_for_each(|item| take(recorder, &item)),
            Err(error) => Err(error),
        };
        if result.is_err() {
            feed.close();
            return result;
        }
    }
}

/// `dump.pcapng` becomes `dump-0001.pcapng`.
fn numbered(path: &Path, number: u32) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default();
    let mut name = stem.to_os_string();
    name.push(format!("-{number:04}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}
