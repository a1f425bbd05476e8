//! Standard input, read so that waiting for it can be ended.

use super::stop::Stop;
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// Bytes read at a time.
const READ_SIZE: usize = 256 << 10;
/// Pieces that may wait.
const MOST_WAITING: usize = 4;
/// How often the wish to end is looked for.
const PATIENCE: Duration = Duration::from_millis(50);

/// An input that a thread of its own reads; it ends early if the run does.
#[derive(Debug)]
pub struct Piped {
    pieces: Receiver<io::Result<Vec<u8>>>,
    current: Vec<u8>,
    used: usize,
    stop: Stop,
}

impl Piped {
    /// Begins to read `input`.
    ///
    /// # Errors
    /// If there is no thread for it.
    pub fn new(mut input: impl Read + Send + 'static, stop: Stop) -> io::Result<Self> {
        let (sender, pieces) = sync_channel(MOST_WAITING);
        std::thread::Builder::new()
            .name("input".to_owned())
            .spawn(move || {
                loop {
                    let mut piece = vec![0; READ_SIZE];
                    let read = match input.read(&mut piece) {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                        Ok(count) => {
                            piece.truncate(count);
                            Ok(piece)
                        }
                        Err(error) => Err(error),
                    };
                    let last = read.as_ref().map_or(true, Vec::is_empty);
                    if sender.send(read).is_err() || last {
                        return;
                    }
                }
            })?;
        Ok(Self {
            pieces,
            current: Vec::new(),
            used: 0,
            stop,
        })
    }
}

impl Read for Piped {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        while self.used == self.current.len() {
            if self.stop.is_set() {
                return Ok(0);
            }
            match self.pieces.recv_timeout(PATIENCE) {
                Ok(Ok(piece)) if piece.is_empty() => return Ok(0),
                Ok(Ok(piece)) => (self.current, self.used) = (piece, 0),
                Ok(Err(error)) => return Err(error),
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        let rest = self.current.get(self.used..).unwrap_or_default();
        let count = rest.len().min(space.len());
        if let (Some(to), Some(from)) = (space.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        self.used += count;
        Ok(count)
    }
}
