//! `wirectl replay` at work, and peers for it on loopback.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "shared by several tests, in which a panic is a failed test"
)]

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, LazyLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Nothing on loopback takes so long, even on a busy machine.
pub const LONG: Duration = Duration::from_secs(30);

/// The certificate of [`tls`]: for localhost, signed by itself, worth nothing elsewhere.
pub const CERTIFICATE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/data/tls/certificate.pem"
);
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/key.pem");

/// A replay that is over.
#[derive(Debug)]
pub struct Replayed {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
    pub time: Duration,
}

impl Replayed {
    pub fn records(&self) -> Vec<Value> {
        let lines = self.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The summary, of a replay with `--json`.
    pub fn summary(&self) -> Value {
        let last = self.stderr.lines().last().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|_| panic!("no summary: {self:?}"))
    }

    #[track_caller]
    pub fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} not in {self:?}");
        }
        self
    }
}

/// Runs `wirectl replay --to TARGET ARGUMENTS…` to its end.
pub fn replay(target: &str, arguments: &[&str]) -> Replayed {
    Running::start(target, arguments).end()
}

/// The same, with `input` on standard input.
pub fn replay_input(target: &str, arguments: &[&str], input: &[u8]) -> Replayed {
    let mut running = Running::start(target, arguments);
    running.stdin().write_all(input).unwrap();
    running.end()
}

/// A running `wirectl replay`.
pub struct Running {
    child: Child,
    started: Instant,
    stdout: JoinHandle<Vec<u8>>,
    stderr: JoinHandle<Vec<u8>>,
}

impl Running {
    pub fn start(target: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_wirectl"))
            .args(["replay", "--to", target])
            .args(arguments)
            .env("NO_COLOR", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            started: Instant::now(),
            stdout: drain(child.stdout.take().unwrap()),
            stderr: drain(child.stderr.take().unwrap()),
            child,
        }
    }

    pub fn stdin(&mut self) -> std::process::ChildStdin {
        self.child.stdin.take().unwrap()
    }

    /// As the user's Ctrl-C.
    pub fn interrupt(&self) {
        let id = self.child.id().to_string();
        let kill = Command::new("kill").args(["-INT", &id]).status().unwrap();
        assert!(kill.success());
    }

    pub fn end(mut self) -> Replayed {
        drop(self.child.stdin.take());
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if self.started.elapsed() > LONG {
                self.child.kill().unwrap();
                let said = String::from_utf8(self.stderr.join().unwrap()).unwrap();
                panic!("did not end; said {said}");
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        Replayed {
            time: self.started.elapsed(),
            status: status.code().unwrap_or(-1),
            stdout: String::from_utf8(self.stdout.join().unwrap()).unwrap(),
            stderr: String::from_utf8(self.stderr.join().unwrap()).unwrap(),
        }
    }
}

fn drain(mut input: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut all = Vec::new();
        input.read_to_end(&mut all).unwrap();
        all
    })
}

/// What a server heard, connection by connection in the order in which they ended.
pub struct Heard<T>(Receiver<T>);

impl<T> Heard<T> {
    pub fn next(&self) -> T {
        self.0.recv_timeout(LONG).expect("the server heard nothing")
    }

    pub fn nothing_more(&self) -> bool {
        self.0.try_recv().is_err()
    }
}

/// A server at `address` that serves each connection by `serve`; what that returns is told.
pub fn server_at<T: Send + 'static>(
    address: &str,
    serve: impl Fn(TcpStream, &Sender<T>) + Send + Clone + 'static,
) -> (SocketAddr, Heard<T>) {
    let listener = TcpListener::bind(address).unwrap();
    let address = listener.local_addr().unwrap();
    let (told, heard) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, serve, told) = (stream.unwrap(), serve.clone(), told.clone());
            stream.set_read_timeout(Some(LONG)).unwrap();
            std::thread::spawn(move || serve(stream, &told));
        }
    });
    (address, Heard(heard))
}

/// The same, on IPv4.
pub fn server<T: Send + 'static>(
    serve: impl Fn(TcpStream, &Sender<T>) + Send + Clone + 'static,
) -> (String, Heard<T>) {
    let (address, heard) = server_at("127.0.0.1:0", serve);
    (address.to_string(), heard)
}

/// Hears all of a connection and says nothing.
pub fn silent(mut stream: TcpStream, told: &Sender<Vec<u8>>) {
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    let _ = told.send(all);
}

/// Answers every ping, and tells what it heard.
pub fn answering(stream: TcpStream, told: &Sender<Vec<u8>>) {
    let mut reader = stream.try_clone().unwrap();
    answer_pings(&mut reader, stream, told);
}

pub fn answer_pings(reader: &mut dyn Read, mut writer: impl Write, told: &Sender<Vec<u8>>) {
    let mut all = Vec::new();
    let mut frame = [0; 16];
    while reader.read_exact(&mut frame).is_ok() {
        all.extend(frame);
        frame[15] = 0xc3;
        if writer.write_all(&frame).is_err() {
            break;
        }
    }
    let _ = told.send(all);
}

/// A TLS server with [`CERTIFICATE`].
pub fn tls(stream: TcpStream) -> StreamOwned<ServerConnection, TcpStream> {
    let certificate = CertificateDer::from_pem_file(CERTIFICATE).unwrap();
    let key = PrivateKeyDer::from_pem_file(KEY).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let connection = ServerConnection::new(Arc::new(config)).unwrap();
    StreamOwned::new(connection, stream)
}

/// An address on which nobody listens.
pub fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

/// A ping that wants an answer, of the oldest NodeDB header: 16 bytes.
pub fn ask(number: u64) -> Vec<u8> {
    let mut frame = vec![0xff, 11, 0, 0, 0, 0x92, 0xcf];
    frame.extend((0x0000_0190_0000_0000 + number).to_be_bytes());
    frame.push(0xc2);
    frame
}

/// `count` of them.
pub fn asks(count: u64) -> Vec<u8> {
    (0..count).flat_map(ask).collect()
}

/// The same as records, `gap` apart, on connection 0.
pub fn recorded(count: u64, gap: Duration) -> String {
    (0..count)
        .map(|number| {
            let at = gap * u32::try_from(number).unwrap();
            format!(
                "{{\"time\":\"2026-01-01T00:00:{:02}.{:06}Z\",\"stream\":0,\"direction\":\"c2s\",\
                 \"protocol\":\"sync\",\"type\":\"PingPong\",\"header\":{{\"version\":0}},\
                 \"body\":{{\"timestamp_ms\":{},\
                 \"is_pong\":false}}}}\n",
                at.as_secs(),
                at.subsec_micros(),
                0x0000_0190_0000_0000 + number,
            )
        })
        .collect()
}

/// A file of this test that holds `bytes`.
pub fn file(name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = scratch(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

pub fn scratch(name: &str) -> PathBuf {
    static DIRECTORY: LazyLock<PathBuf> = LazyLock::new(|| {
        let directory = std::env::temp_dir().join(format!("wirectl-replay-{}", std::process::id()));
        // What an earlier process of this number has left.
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        directory
    });
    DIRECTORY.join(name)
}

/// A sample of the project.
pub fn sample(name: &str) -> String {
    format!("{}/samples/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// What a command prints.
pub fn wirectl(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_wirectl"))
        .args(arguments)
        .output()
        .unwrap();
    output.stdout
}
