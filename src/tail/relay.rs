//! Moves the bytes of one connection both ways, unchanged.

use super::tap::Wire;
use crate::net::{Both, Direction, Ending};
use socket2::SockRef;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// First and largest size of what is moved at a time; it grows with what comes.
const SMALL: usize = 16 << 10;
const LARGE: usize = 256 << 10;
/// After the end was asked for, so much is still moved; a stream that never pauses is cut.
const MOST_AFTER_STOP: u64 = 64 << 20;

/// The two sockets of a connection.
#[derive(Debug)]
pub(super) struct Pair {
    client: TcpStream,
    server: TcpStream,
    /// Which side was reset.
    reset: Both<AtomicBool>,
    /// The end was asked for.
    draining: AtomicBool,
}

/// How moving in one direction came to its end.
struct End {
    offset: u64,
    how: Ending,
}

impl Pair {
    pub(super) fn new(client: TcpStream, server: TcpStream) -> Self {
        Self {
            client,
            server,
            reset: Both::default(),
            draining: AtomicBool::new(false),
        }
    }

    /// Passes on what was received already, then ends.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
        for stream in [&self.client, &self.server] {
            let _ = stream.shutdown(Shutdown::Read);
        }
    }

    /// Where the bytes of `direction` come from, and where they go.
    fn ends(&self, direction: Direction) -> (&TcpStream, &TcpStream) {
        match direction {
            Direction::ClientToServer => (&self.client, &self.server),
            Direction::ServerToClient => (&self.server, &self.client),
        }
    }

    /// The sender of `direction` was reset: the other side is going to be reset, too, when both
    /// directions have ended and the socket is closed.
    fn pass_reset(&self, direction: Direction) {
        self.reset.get(direction).store(true, Ordering::SeqCst);
        let (_, to) = self.ends(direction);
        let _ = SockRef::from(to).set_linger(Some(Duration::ZERO));
        let _ = to.shutdown(Shutdown::Read);
    }

    fn is_reset(&self) -> bool {
        self.reset.client_to_server.load(Ordering::SeqCst)
            || self.reset.server_to_client.load(Ordering::SeqCst)
    }
}

/// Moves bytes both ways until both have ended.
pub(super) fn run(pair: &Pair, wire: &Wire) {
    std::thread::scope(|scope| {
        let back = std::thread::Builder::new().spawn_scoped(scope, || {
            one_way(pair, wire, Direction::ServerToClient);
        });
        if let Err(error) = back {
            wire.note(&format!("no thread for the answers: {error}"));
            pair.drain();
        }
        one_way(pair, wire, Direction::ClientToServer);
    });
}

fn one_way(pair: &Pair, wire: &Wire, direction: Direction) {
    let end = pump(pair, wire, direction);
    // Told before it is done, so that nothing that follows from it is told earlier.
    wire.close(direction, end.offset, end.how);
    let (from, to) = pair.ends(direction);
    match end.how {
        Ending::Fin if !pair.is_reset() => {
            let _ = to.shutdown(Shutdown::Write);
        }
        _ => {
            let _ = from.shutdown(Shutdown::Read);
        }
    }
}

fn pump(pair: &Pair, wire: &Wire, direction: Direction) -> End {
    let (mut from, mut to) = pair.ends(direction);
    let mut buffer = vec![0; SMALL];
    let mut offset = 0;
    let mut after_stop = 0;
    loop {
        let count = match from.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => {
                pair.pass_reset(direction);
                return End {
                    offset,
                    how: Ending::Rst,
                };
            }
        };
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            return End {
                offset,
                how: pair.how_it_ended(),
            };
        }
        // Told before it is sent: the answer to it must not be told first.
        wire.data(direction, offset, bytes);
        offset += count as u64;
        if let Err(error) = to.write_all(bytes) {
            if error.kind() == io::ErrorKind::ConnectionReset {
                pair.pass_reset(direction.reverse());
            }
            return End {
                offset,
                how: Ending::Rst,
            };
        }
        if pair.draining.load(Ordering::Relaxed) {
            after_stop += count as u64;
            if after_stop > MOST_AFTER_STOP {
                return End {
                    offset,
                    how: Ending::EndOfCapture,
                };
            }
        }
        if count == buffer.len() && count < LARGE {
            buffer.resize(LARGE, 0);
        }
    }
}

impl Pair {
    /// What an end of input means: usually that the sender has ended its direction.
    fn how_it_ended(&self) -> Ending {
        if self.is_reset() {
            Ending::Rst
        } else if self.draining.load(Ordering::SeqCst) {
            Ending::EndOfCapture
        } else {
            Ending::Fin
        }
    }
}
