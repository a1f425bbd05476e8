//! `wirectl tail` at work, and peers for it on loopback.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "shared by several tests, in which a panic is a failed test"
)]

use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Nothing on loopback takes so long, even on a busy machine.
pub const LONG: Duration = Duration::from_secs(30);

/// A running `wirectl tail`.
pub struct Tail {
    child: Child,
    stdout: Option<ChildStdout>,
    lines: Option<Receiver<String>>,
    stderr: Receiver<String>,
    said: Vec<String>,
}

/// How it ended.
pub struct Ended {
    pub status: i32,
    pub stderr: String,
    pub records: Vec<Value>,
}

impl Tail {
    pub fn start(arguments: &[&str]) -> Self {
        Self::run(
            Command::new(env!("CARGO_BIN_EXE_wirectl"))
                .arg("tail")
                .args(arguments),
        )
    }

    pub fn run(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = lines_of(child.stderr.take().unwrap());
        Self {
            stdout: child.stdout.take(),
            child,
            lines: None,
            stderr,
            said: Vec::new(),
        }
    }

    pub fn stdin(&mut self) -> std::process::ChildStdin {
        self.child.stdin.take().unwrap()
    }

    /// The next line on standard error that holds `part`.
    pub fn says(&mut self, part: &str) -> String {
        if let Some(line) = self.said.iter().find(|line| line.contains(part)) {
            return line.clone();
        }
        loop {
            let line = self.stderr.recv_timeout(LONG).unwrap_or_else(|_| {
                panic!("never said {part:?}, but {:?}", self.said);
            });
            self.said.push(line.clone());
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Nobody reads its records any more.
    pub fn close_output(&mut self) {
        self.lines = None;
        self.stdout = None;
    }

    /// The most memory it had, in bytes.
    #[cfg(target_os = "linux")]
    pub fn peak_memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
        kilobytes.parse::<usize>().unwrap() << 10
    }

    /// Where the proxy listens.
    pub fn address(&mut self) -> SocketAddr {
        let line = self.says("listening on ");
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// The next record.
    pub fn record(&mut self) -> Value {
        let stdout = &mut self.stdout;
        let lines = self
            .lines
            .get_or_insert_with(|| lines_of(stdout.take().unwrap()));
        let line = lines.recv_timeout(LONG).expect("no record came");
        serde_json::from_str(&line).unwrap()
    }

    /// As the user's Ctrl-C.
    pub fn interrupt(&self) {
        let kill = format!("kill -INT {}", self.child.id());
        assert!(
            Command::new("sh")
                .args(["-c", &kill])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Ctrl-C, and what came of it. Output that was not read stays unread if `blocked`.
    pub fn end(self, blocked: bool) -> Ended {
        self.interrupt();
        self.wait(blocked)
    }

    pub fn wait(mut self, blocked: bool) -> Ended {
        if !blocked && let Some(stdout) = self.stdout.take() {
            self.lines = Some(lines_of(stdout));
        }
        let deadline = Instant::now() + LONG;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > deadline {
                let _ = self.child.kill();
                panic!("did not end; said {:?}", self.said);
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        drop(self.stdout.take());
        let mut stderr = self.said.clone();
        stderr.extend(rest(&self.stderr));
        let records = self.lines.iter().flat_map(rest);
        Ended {
            status: status.code().unwrap_or(-1),
            stderr: stderr.join("\n"),
            records: records
                .map(|line| serde_json::from_str(&line).unwrap())
                .collect(),
        }
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn rest(lines: &Receiver<String>) -> Vec<String> {
    let mut out = Vec::new();
    loop {
        match lines.recv_timeout(LONG) {
            Ok(line) => out.push(line),
            Err(RecvTimeoutError::Disconnected) => return out,
            Err(RecvTimeoutError::Timeout) => panic!("output does not end"),
        }
    }
}

fn lines_of(input: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(input).lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// What another command prints, as records.
pub fn records_of(arguments: &[&str]) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_wirectl"))
        .args(arguments)
        .output()
        .unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A server that serves every connection by `serve`, each in a thread.
pub fn server(serve: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, serve) = (stream.unwrap(), serve.clone());
            std::thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Sends back what comes, until it ends.
pub fn echo(mut stream: TcpStream) {
    let mut reader = stream.try_clone().unwrap();
    let _ = std::io::copy(&mut reader, &mut stream);
    let _ = stream.shutdown(std::net::Shutdown::Write);
}

/// A file of this test.
pub fn scratch(name: &str) -> PathBuf {
    static DIRECTORY: LazyLock<PathBuf> = LazyLock::new(|| {
        let directory = std::env::temp_dir().join(format!("wirectl-tail-{}", std::process::id()));
        // What an earlier process of this number has left.
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        directory
    });
    DIRECTORY.join(name)
}

/// A NodeDB sync ping of the oldest header, 16 bytes.
pub fn ping(time: u64) -> Vec<u8> {
    let mut frame = vec![0xff, 11, 0, 0, 0, 0x92, 0xcf];
    frame.extend((0x0000_0190_0000_0000 + time).to_be_bytes());
    frame.push(0xc3);
    frame
}

/// The time in the record of such a ping.
pub fn time_of(record: &Value) -> u64 {
    record["body"]["timestamp_ms"].as_u64().unwrap() - 0x0000_0190_0000_0000
}

/// Random bytes, always the same for a seed.
pub fn random(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = Vec::with_capacity(length + 8);
    while out.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend(state.to_le_bytes());
    }
    out.truncate(length);
    out
}
