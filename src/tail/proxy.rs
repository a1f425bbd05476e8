//! A proxy between two peers, which shows what passes and changes nothing.

use super::relay::{self, Pair};
use super::stop::Stop;
use super::tap::Tap;
use socket2::SockRef;
use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Pause after a failure to accept, such as too many open files.
const RECOVERY: Duration = Duration::from_millis(100);

/// Where a proxy leads.
#[derive(Clone, Debug)]
pub struct ProxyOptions {
    /// Addresses of the server, tried in this order.
    pub forward: Vec<SocketAddr>,
    /// How long to try to reach each.
    pub connect_timeout: Duration,
}

/// A proxy at work.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    options: ProxyOptions,
    tap: Arc<Tap>,
    stop: Stop,
    open: Mutex<HashMap<u64, Arc<Pair>>>,
}

impl Proxy {
    /// Passes every connection that `listener` accepts on to the server, until `stop`; `tap`
    /// gets what passes.
    ///
    /// # Errors
    /// If there is no thread for it.
    pub fn start(
        listener: TcpListener,
        options: ProxyOptions,
        tap: Arc<Tap>,
        stop: Stop,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            options,
            tap,
            stop,
            open: Mutex::default(),
        });
        let acceptor = {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new()
                .name("accept".to_owned())
                .spawn(move || accept(&listener, &shared))?
        };
        Ok(Self {
            shared,
            address,
            acceptor: Some(acceptor),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts nothing more, and lets what was received reach the other side, for `patience` at
    /// most. Tells how many connections were still open then.
    pub fn finish(mut self, patience: Duration) -> usize {
        let deadline = Instant::now() + patience;
        self.shared.stop.set();
        // A connection of our own ends the wait for one.
        let woken = TcpStream::connect_timeout(&reachable(self.address), Duration::from_secs(1));
        if woken.is_ok()
            && let Some(acceptor) = self.acceptor.take()
        {
            let _ = acceptor.join();
        }
        for pair in self.shared.open().values() {
            pair.drain();
        }
        while !self.shared.open().is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        self.shared.open().len()
    }
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, HashMap<u64, Arc<Pair>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let mut last = io::Error::other("the server has no address");
        for address in &self.options.forward {
            match TcpStream::connect_timeout(address, self.options.connect_timeout) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// Accepts connections until the end.
fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut number = 0;
    loop {
        let accepted = listener.accept();
        if shared.stop.is_set() {
            return;
        }
        match accepted {
            Ok((client, address)) => {
                number += 1;
                let own = Arc::clone(shared);
                let started = std::thread::Builder::new()
                    .name(format!("relay {number}"))
                    .spawn(move || serve(number, client, address, &own));
                if let Err(error) = started {
                    shared
                        .tap
                        .note(format!("{address}: not served, no thread for it: {error}"));
                }
            }
            Err(error) if is_passing(&error) => {}
            Err(error) => {
                shared
                    .tap
                    .note(format!("cannot accept connections: {error}"));
                if shared.stop.wait(RECOVERY) {
                    return;
                }
            }
        }
    }
}

/// One connection from its beginning to its end.
fn serve(number: u64, client: TcpStream, address: SocketAddr, shared: &Shared) {
    let server = match shared.connect() {
        Ok(server) => server,
        Err(error) => {
            let target = shared.options.forward.last();
            let target = target.map_or_else(String::new, ToString::to_string);
            shared
                .tap
                .note(format!("{address}: cannot reach {target}: {error}"));
            // What a client without a proxy would meet: a refusal, not an orderly end.
            let _ = SockRef::from(&client).set_linger(Some(Duration::ZERO));
            return;
        }
    };
    for stream in [&client, &server] {
        let _ = stream.set_nodelay(true);
        // Urgent bytes stay in the stream, in their place.
        let _ = SockRef::from(stream).set_out_of_band_inline(true);
    }
    let server_address = server
        .peer_addr()
        .unwrap_or_else(|_| SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
    let wire = shared.tap.open(address, server_address);
    let pair = Arc::new(Pair::new(client, server));
    shared.open().insert(number, Arc::clone(&pair));
    // The end may have been asked for meanwhile.
    if shared.stop.is_set() {
        pair.drain();
    }
    relay::run(&pair, &wire);
    shared.open().remove(&number);
}

/// Failures of one connection, after which others come.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

/// Where a listener on `address` can be reached from this machine.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
