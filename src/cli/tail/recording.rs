//! `--write`: what passes, kept as a capture.

use super::session::Session;
use crate::cli::options::parse_size;
use clap::Args;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use wirectl::tail::{Feed, Item, Recorder, Rotation, record};

/// Memory for bytes that wait to be recorded.
pub const BUFFER: usize = 64 << 20;

/// Where and how to record.
#[derive(Debug, Args)]
#[command(next_help_heading = "Recording")]
pub struct RecordingOptions {
    /// Record what passes as a capture, which `wirectl pcap`, `wirectl replay` and Wireshark read
    #[arg(short, long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Begin a new file (FILE-0001 and so on) before one is larger than this
    #[arg(long, value_name = "SIZE", requires = "write", value_parser = parse_size)]
    rotate_size: Option<usize>,
    /// Begin a new file when one spans this much time, such as 90s, 15m or 1h
    #[arg(long, value_name = "TIME", requires = "write", value_parser = parse_duration)]
    rotate_time: Option<Duration>,
}

impl RecordingOptions {
    pub fn path(&self) -> Option<&PathBuf> {
        self.write.as_ref()
    }

    pub fn rotation(&self) -> Rotation {
        Rotation {
            size: self.rotate_size.map(|size| size as u64),
            time: self.rotate_time,
        }
    }

    /// Begins to record streams, if asked to.
    pub fn start(&self, session: &Session) -> anyhow::Result<Option<Recording>> {
        let Some(path) = &self.write else {
            return Ok(None);
        };
        let mut recorder = Recorder::start(path, self.rotation())?;
        let feed = Arc::new(Feed::new(BUFFER));
        let thread = {
            let (feed, session) = (Arc::clone(&feed), session.clone());
            std::thread::Builder::new()
                .name("record".to_owned())
                .spawn(move || {
                    if let Err(error) = record(&feed, &mut recorder) {
                        session.failed(&error);
                    }
                })?
        };
        Ok(Some(Recording { feed, thread }))
    }
}

/// A recording at work.
#[derive(Debug)]
pub struct Recording {
    pub feed: Arc<Feed<Item>>,
    thread: JoinHandle<()>,
}

impl Recording {
    /// Writes what waits, and ends.
    pub fn finish(self) {
        self.feed.close();
        let _ = self.thread.join();
    }
}

/// A time with a unit: `500ms`, `90s`, `15m`, `1h`; seconds without.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.len()
        - text
            .trim_start_matches(|c: char| c.is_ascii_digit() || c == '.')
            .len();
    let (number, unit) = text.split_at_checked(digits).unwrap_or((text, ""));
    let number: f64 = number
        .parse()
        .map_err(|_| "a time is a number with a unit, such as 90s".to_owned())?;
    let factor = match unit.trim() {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err("units are ms, s, m, h, d".to_owned()),
    };
    Duration::try_from_secs_f64(number * factor)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "it must be more than nothing and not endless".to_owned())
}
