//! A file that somebody still writes to.

use super::stop::Stop;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a file is looked at that has not grown; short, so that records appear at once.
const PATIENCE: Duration = Duration::from_millis(20);

/// Follows the file that has a name: when it is cut short or replaced, it begins anew.
#[derive(Debug)]
pub struct Growing {
    path: PathBuf,
    file: File,
    position: u64,
    restart: Option<Restart>,
    stop: Stop,
}

/// Why a file is read from its beginning again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// It is shorter than what was read.
    Truncated,
    /// Another file has its name now.
    Replaced,
}

/// The file from its beginning to where it is cut short or replaced.
#[derive(Debug)]
pub struct Incarnation<'g> {
    growing: &'g mut Growing,
}

impl Growing {
    /// Opens `path`.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn open(path: &Path, stop: Stop) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            file: File::open(path)?,
            position: 0,
            restart: None,
            stop,
        })
    }

    /// The file as it is now, to be read from its beginning.
    pub fn incarnation(&mut self) -> Incarnation<'_> {
        Incarnation { growing: self }
    }

    /// Why the last incarnation ended, after which the next begins; none at the very end.
    pub fn restart(&mut self) -> Option<Restart> {
        self.restart.take()
    }

    /// What happened to the file whose end was reached, if anything.
    fn look(&mut self) -> io::Result<Option<Restart>> {
        let open = self.file.metadata()?;
        let named = match std::fs::metadata(&self.path) {
            Ok(named) => named,
            // Between removing and replacing it there is none; what is open may still grow.
            Err(error) if error.kind() == io::ErrorKind::NotFound => open.clone(),
            Err(error) => return Err(error),
        };
        if !is_same(&open, &named) {
            // What was added after the last read, and before it was replaced, still counts.
            let unread = open.len() > self.position;
            return Ok((!unread).then_some(Restart::Replaced));
        }
        Ok((open.is_file() && open.len() < self.position).then_some(Restart::Truncated))
    }

    fn begin_anew(&mut self, restart: Restart) -> io::Result<()> {
        match restart {
            Restart::Truncated => self.file.rewind()?,
            Restart::Replaced => self.file = File::open(&self.path)?,
        }
        self.position = 0;
        self.restart = Some(restart);
        Ok(())
    }
}

impl Read for Incarnation<'_> {
    /// Waits for the file to grow; ends where it is cut short or replaced, or the run ends.
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let growing = &mut *self.growing;
        if growing.restart.is_some() || growing.stop.is_set() {
            return Ok(0);
        }
        loop {
            let count = growing.file.read(space)?;
            if count > 0 {
                growing.position += count as u64;
                return Ok(count);
            }
            match growing.look() {
                Ok(Some(restart)) => match growing.begin_anew(restart) {
                    // Gone again before it could be opened.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    result => return result.map(|()| 0),
                },
                Ok(None) => {}
                Err(error) => return Err(error),
            }
            if growing.stop.wait(PATIENCE) {
                return Ok(0);
            }
        }
    }
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    one.dev() == other.dev() && one.ino() == other.ino()
}

#[cfg(not(unix))]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    one.created().ok() == other.created().ok()
}
