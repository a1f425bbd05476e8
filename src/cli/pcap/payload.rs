//! The bytes of TCP streams, kept in files.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use wirectl::net::{Direction, Summary};
use wirectl::source::capture::{Observer, StreamInfo};

/// So many files are open at a time.
const MOST_OPEN: usize = 256;

/// Writes every direction of every connection to a file of its own.
#[derive(Debug)]
pub struct PayloadFiles {
    directory: PathBuf,
    open: HashMap<(u32, Direction), File>,
    started: std::collections::HashSet<(u32, Direction)>,
}

impl PayloadFiles {
    /// Writes into `directory`, which is made if it is not there.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn new(directory: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        Ok(Self {
            directory: directory.to_owned(),
            open: HashMap::new(),
            started: std::collections::HashSet::new(),
        })
    }

    fn file(&mut self, connection: u32, direction: Direction) -> io::Result<&mut File> {
        let key = (connection, direction);
        if self.open.len() >= MOST_OPEN && !self.open.contains_key(&key) {
            self.open.clear();
        }
        if let std::collections::hash_map::Entry::Vacant(place) = self.open.entry(key) {
            let name = format!("stream-{connection:05}-{}.bin", direction.as_str());
            let again = !self.started.insert(key);
            let file = OpenOptions::new()
                .create(true)
                .write(true)
                .append(again)
                .truncate(!again)
                .open(self.directory.join(name))?;
            place.insert(file);
        }
        self.open
            .get_mut(&key)
            .ok_or_else(|| io::Error::other("no file"))
    }
}

impl Observer for PayloadFiles {
    fn connection(&mut self, summary: &Summary, _info: &StreamInfo) -> io::Result<()> {
        for direction in [Direction::ClientToServer, Direction::ServerToClient] {
            self.open.remove(&(summary.connection, direction));
            self.started.remove(&(summary.connection, direction));
        }
        Ok(())
    }

    fn payload(&mut self, connection: u32, direction: Direction, bytes: &[u8]) -> io::Result<()> {
        self.file(connection, direction)?.write_all(bytes)
    }

    fn wants_payload(&self) -> bool {
        true
    }
}
