//! One byte stream, plain or encrypted, that one thread reads while another writes.

use super::Witness;
use rustls::ClientConnection;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

/// Ciphertext is read in pieces of this size.
const CIPHERTEXT: usize = 32 << 10;

/// Plaintext is encrypted in pieces of this size.
const PLAINTEXT: usize = 64 << 10;

/// What the operating system gives.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// One connection, shared by its halves.
#[derive(Debug)]
pub(super) struct Shared {
    socket: Socket,
    tls: Option<Mutex<ClientConnection>>,
    /// Held while writing to the socket, so that nothing is written into the middle of a frame.
    writing: Mutex<()>,
    /// What the reading side has to say (pongs, TLS alerts), written as soon as nobody writes.
    pending: Mutex<Vec<u8>>,
    /// Whether the last word has been said.
    closing: AtomicBool,
    witness: Option<Arc<dyn Witness>>,
}

/// The half that reads.
#[derive(Debug)]
pub(super) struct ReadHalf {
    shared: Arc<Shared>,
    ciphertext: Vec<u8>,
}

/// The half that writes.
#[derive(Clone, Debug)]
pub(super) struct WriteHalf {
    shared: Arc<Shared>,
}

/// How far writing came before it failed.
#[derive(Debug)]
pub struct SendError {
    /// Bytes that the operating system took.
    pub taken: usize,
    /// What went wrong.
    pub source: io::Error,
}

impl Socket {
    pub fn set_timeouts(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.set_read_timeout(timeout)?;
        match self {
            Self::Tcp(socket) => socket.set_write_timeout(timeout),
            Self::Unix(socket) => socket.set_write_timeout(timeout),
        }
    }

    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.set_read_timeout(timeout),
            Self::Unix(socket) => socket.set_read_timeout(timeout),
        }
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.shutdown(how),
            Self::Unix(socket) => socket.shutdown(how),
        }
    }
}

impl Read for &Socket {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(socket) => (&*socket).read(space),
            Socket::Unix(socket) => (&*socket).read(space),
        }
    }
}

impl Write for &Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(socket) => (&*socket).write(bytes),
            Socket::Unix(socket) => (&*socket).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    pub fn new(
        socket: Socket,
        tls: Option<ClientConnection>,
        witness: Option<Arc<dyn Witness>>,
    ) -> Self {
        Self {
            socket,
            tls: tls.map(Mutex::new),
            writing: Mutex::new(()),
            pending: Mutex::new(Vec::new()),
            closing: AtomicBool::new(false),
            witness,
        }
    }

    /// Both halves.
    pub fn halves(self) -> (ReadHalf, WriteHalf) {
        let shared = Arc::new(self);
        let read = ReadHalf {
            shared: Arc::clone(&shared),
            ciphertext: Vec::new(),
        };
        (read, WriteHalf { shared })
    }

    fn addresses(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        match &self.socket {
            Socket::Tcp(socket) => (socket.local_addr().ok(), socket.peer_addr().ok()),
            Socket::Unix(_) => (None, None),
        }
    }

    /// Writes what the reading side has left, unless somebody else is writing and will do it.
    fn write_pending(&self) -> io::Result<()> {
        loop {
            if lock(&self.pending).is_empty() && !self.tls_wants_write() {
                return Ok(());
            }
            let guard = match self.writing.try_lock() {
                Ok(guard) => guard,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return Ok(()),
            };
            self.drain(&guard).map_err(|error| error.source)?;
        }
    }

    fn drain(&self, guard: &MutexGuard<'_, ()>) -> Result<(), SendError> {
        let pending = std::mem::take(&mut *lock(&self.pending));
        self.write_locked(&pending, guard)
    }

    fn tls_wants_write(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| lock(tls).wants_write())
    }

    /// Writes all of `bytes`, encrypted if need be.
    fn write_locked(&self, bytes: &[u8], _: &MutexGuard<'_, ()>) -> Result<(), SendError> {
        if let Some(witness) = self.witness.as_ref().filter(|_| !bytes.is_empty()) {
            witness.sent(bytes);
        }
        let Some(tls) = &self.tls else {
            return self.write_raw(bytes);
        };
        let mut ciphertext = Vec::new();
        let mut taken = 0;
        let mut rest = bytes;
        loop {
            let (piece, after) = rest.split_at_checked(PLAINTEXT).unwrap_or((rest, &[]));
            let fail = |source| SendError { taken, source };
            {
                let mut tls = lock(tls);
                tls.writer().write_all(piece).map_err(fail)?;
                while tls.wants_write() {
                    tls.write_tls(&mut ciphertext).map_err(fail)?;
                }
            }
            self.write_raw(&ciphertext)
                .map_err(|error| fail(error.source))?;
            ciphertext.clear();
            taken += piece.len();
            rest = after;
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    fn write_raw(&self, bytes: &[u8]) -> Result<(), SendError> {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            let source = match (&self.socket).write(rest) {
                Ok(0) => io::ErrorKind::WriteZero.into(),
                Ok(count) => {
                    taken += count;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            return Err(SendError { taken, source });
        }
        Ok(())
    }
}

impl WriteHalf {
    /// Writes all of `bytes`, waiting for the peer as long as it takes.
    pub fn send(&self, bytes: &[u8]) -> Result<(), SendError> {
        let guard = lock(&self.shared.writing);
        self.shared.write_locked(bytes, &guard)?;
        drop(guard);
        // The peer's pings may have been read meanwhile.
        let left = self.shared.write_pending();
        left.map_err(|source| SendError {
            taken: bytes.len(),
            source,
        })
    }

    /// Says that nothing will follow; reading goes on.
    pub fn finish(&self) -> io::Result<()> {
        if let Some(tls) = &self.shared.tls {
            lock(tls).send_close_notify();
        }
        self.shared.write_pending()?;
        self.shared.closing.store(true, Ordering::Release);
        self.shared.socket.shutdown(Shutdown::Write)
    }

    /// Keeps the reading side from writing: the last word has been said.
    pub fn silence(&self) {
        self.shared.closing.store(true, Ordering::Release);
    }

    /// Ends the connection at once, whoever reads or writes.
    pub fn abort(&self) {
        // It may be closed already.
        let _ = self.shared.socket.shutdown(Shutdown::Both);
    }

    /// This side's address and the peer's.
    pub fn addresses(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        self.shared.addresses()
    }

    pub fn set_timeouts(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.shared.socket.set_timeouts(timeout)
    }
}

impl Write for WriteHalf {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.send(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(error) if error.taken > 0 => Ok(error.taken),
            Err(error) => Err(error.source),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Never has anything: WebSocket wants to be able to read where it writes.
impl Read for WriteHalf {
    fn read(&mut self, _space: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl ReadHalf {
    pub fn set_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.shared.socket.set_read_timeout(timeout)
    }

    fn read_encrypted(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let shared = Arc::clone(&self.shared);
        let Some(tls) = &shared.tls else {
            return Ok(0);
        };
        loop {
            match lock(tls).reader().read(space) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
            self.ciphertext.resize(CIPHERTEXT, 0);
            // Not under the lock: others may write while this waits.
            let count = (&shared.socket).read(&mut self.ciphertext)?;
            let mut bytes = self.ciphertext.get(..count).unwrap_or_default();
            let mut tls = lock(tls);
            loop {
                tls.read_tls(&mut bytes)?;
                if let Err(error) = tls.process_new_packets() {
                    // The alert that says why.
                    drop(tls);
                    let _ = shared.write_pending();
                    return Err(io::Error::new(io::ErrorKind::InvalidData, error));
                }
                if bytes.is_empty() {
                    break;
                }
            }
            drop(tls);
            shared.write_pending()?;
        }
    }
}

impl Read for ReadHalf {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        loop {
            let result = match self.shared.tls {
                None => (&self.shared.socket).read(space),
                Some(_) => self.read_encrypted(space),
            };
            match result {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(count) => {
                    if let Some(witness) = &self.shared.witness {
                        witness.received(space.get(..count).unwrap_or_default());
                    }
                    return Ok(count);
                }
                result => return result,
            }
        }
    }
}

/// What the reading side has to say: never in the middle of what the other side writes, and never
/// waiting for it.
impl Write for ReadHalf {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.shared.closing.load(Ordering::Acquire) {
            lock(&self.shared.pending).extend_from_slice(bytes);
            self.shared.write_pending()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A poisoned lock's data is whole: no code here panics while it holds one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
