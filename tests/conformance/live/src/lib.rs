//! wirectl between the published servers and nodes, on loopback. The tests are in `tests/`, one
//! file for each crate.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Nothing here takes so long, even on a busy machine.
pub const LONG: Duration = Duration::from_secs(60);

/// `WIRECTL_BIN`, or what the main crate's last `cargo build` made.
fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("WIRECTL_BIN") {
        return path.into();
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../target");
    let modified = |path: &PathBuf| path.metadata().and_then(|data| data.modified()).ok();
    ["debug/wirectl", "release/wirectl"]
        .map(|name| target.join(name))
        .into_iter()
        .max_by_key(modified)
        .expect("there are two")
}

/// A command that is over.
#[derive(Debug)]
pub struct Ran {
    pub status: i32,
    pub records: Vec<Value>,
    pub stderr: String,
}

impl Ran {
    /// Panics unless it ended with `status`.
    #[track_caller]
    pub fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{}\n{:#?}", self.stderr, self.records);
        self
    }

    /// The types of the records.
    #[must_use]
    pub fn types(&self) -> Vec<&str> {
        let records = self.records.iter();
        records
            .filter_map(|record| record["type"].as_str())
            .collect()
    }
}

/// A running wirectl.
pub struct Wirectl {
    child: Child,
    records: Receiver<String>,
    stderr: Receiver<String>,
    said: Vec<String>,
    seen: Vec<Value>,
}

impl Wirectl {
    /// Starts it; its records are JSON.
    pub fn start(arguments: &[&str]) -> Self {
        let program = program();
        let mut child = Command::new(&program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; build wirectl first", program.display()));
        Self {
            records: lines_of(child.stdout.take().expect("its output")),
            stderr: lines_of(child.stderr.take().expect("its errors")),
            child,
            said: Vec::new(),
            seen: Vec::new(),
        }
    }

    /// Runs it to its end.
    pub fn run(arguments: &[&str]) -> Ran {
        Self::start(arguments).wait()
    }

    /// The next line on standard error that holds `part`.
    pub fn says(&mut self, part: &str) -> String {
        loop {
            let line = self.stderr.recv_timeout(LONG);
            let line = line.unwrap_or_else(|_| panic!("never said {part:?}, but {:?}", self.said));
            self.said.push(line.clone());
            if line.contains(part) {
                return line;
            }
        }
    }

    /// The next record.
    pub fn record(&mut self) -> Value {
        let line = self.records.recv_timeout(LONG);
        let line = line.unwrap_or_else(|_| panic!("no record came; said {:?}", self.said));
        let record: Value = serde_json::from_str(&line).expect("a record");
        self.seen.push(record.clone());
        record
    }

    /// As the user's Ctrl-C, and what came of it.
    pub fn interrupt(self) -> Ran {
        let id = self.child.id().to_string();
        let kill = Command::new("kill").args(["-INT", &id]).status();
        assert!(kill.expect("kill runs").success());
        self.wait()
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Ran {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a status") {
                break status;
            }
            assert!(begun.elapsed() < LONG, "did not end; said {:?}", self.said);
            std::thread::sleep(Duration::from_millis(5));
        };
        let mut records = std::mem::take(&mut self.seen);
        records.extend(
            rest(&self.records)
                .iter()
                .map(|line| serde_json::from_str::<Value>(line).expect("a record")),
        );
        let mut stderr = std::mem::take(&mut self.said);
        stderr.extend(rest(&self.stderr));
        Ran {
            status: status.code().unwrap_or(-1),
            records,
            stderr: stderr.join("\n"),
        }
    }
}

impl Drop for Wirectl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines_of(input: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(input).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

fn rest(lines: &Receiver<String>) -> Vec<String> {
    std::iter::from_fn(|| lines.recv_timeout(LONG).ok()).collect()
}

/// Records what passes between clients and the server at `to`, as `wirectl tail` does.
pub struct Recorder {
    tail: Wirectl,
    pub address: SocketAddr,
    pub file: String,
}

impl Recorder {
    pub fn start(to: SocketAddr, file: &Path) -> Self {
        let file = file.to_str().expect("a path").to_owned();
        let to = to.to_string();
        let listen = ["tail", "--json", "--listen", "127.0.0.1:0", "--forward"];
        let mut tail = Wirectl::start(&[&listen[..], &[&to, "--write", &file]].concat());
        let line = tail.says("listening on ");
        let address = line.rsplit(' ').next().and_then(|text| text.parse().ok());
        Self {
            tail,
            address: address.expect("an address"),
            file,
        }
    }

    /// Ends the recording; gives the file. Servers need not have closed their connections.
    pub fn end(self) -> String {
        std::thread::sleep(Duration::from_millis(300));
        let ran = self.tail.interrupt();
        assert!(matches!(ran.status, 0 | 1), "{}", ran.stderr);
        self.file
    }
}

/// A way to a server that can be cut.
pub struct Wire {
    pub address: SocketAddr,
    links: Arc<Mutex<Vec<TcpStream>>>,
}

impl Wire {
    pub fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let links = Arc::new(Mutex::new(Vec::new()));
        let known = Arc::clone(&links);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let mut known = known.lock().expect("no panic");
                let Ok(server) = TcpStream::connect(server) else {
                    continue;
                };
                known.extend([copy_of(&client), copy_of(&server)]);
                drop(known);
                pass(copy_of(&client), copy_of(&server));
                pass(server, client);
            }
        });
        Self { address, links }
    }

    /// Cuts all connections, without a word to either side. While the cut is held, new ones wait.
    #[must_use]
    pub fn cut(&self) -> Cut<'_> {
        let mut links = self.links.lock().expect("no panic");
        for link in links.drain(..) {
            let _ = link.shutdown(Shutdown::Both);
        }
        Cut { _links: links }
    }
}

/// A wire that is cut, until this is dropped.
pub struct Cut<'wire> {
    _links: MutexGuard<'wire, Vec<TcpStream>>,
}

fn copy_of(stream: &TcpStream) -> TcpStream {
    stream.try_clone().expect("a copy")
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}
