//! How fast `wirectl replay` sends, beside `socat` and `nc` with the same bytes, and how late it
//! starts sends at a recorded pace. Loopback only.
//!
//! `cargo run --release --bin replay -- PATH/TO/wirectl MEGABYTES`

use serde_json::Value;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use wirectl_bench::numbers::median;
use wirectl_bench::peers::{discard, serve};

const ROUNDS: usize = 7;
/// Frames of the recording, and microseconds between them.
const FRAMES: u64 = 2000;
const GAP: u64 = 1000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [wirectl, megabytes] = arguments.as_slice() else {
        panic!("expected the path of wirectl and a number of megabytes");
    };
    let megabytes: usize = megabytes.parse().expect("a number of megabytes");
    let folder = std::env::temp_dir().join(format!("wirectl-bench-replay-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let bench = Bench {
        wirectl: wirectl.into(),
        folder,
        sink: serve(discard),
    };
    for size in [100, 180] {
        bench.full_speed(size, megabytes * 1_000_000);
    }
    bench.recorded_pace();
    std::fs::remove_dir_all(&bench.folder).expect("the folder");
}

struct Bench {
    wirectl: PathBuf,
    folder: PathBuf,
    sink: SocketAddr,
}

impl Bench {
    /// Frames of `size` bytes, `total` bytes in all.
    fn full_speed(&self, size: usize, total: usize) {
        let frame = self.frame(size);
        let path = self.folder.join("frames.bin");
        let count = total / size;
        std::fs::write(&path, frame.repeat(count)).expect("a dump");
        let bytes = (size * count) as f64;
        let ours = || {
            let arguments = ["--speed", "max", "-o", "none", "--summary", "none"];
            let mut replay = self.replay();
            replay.args(arguments).arg(&path);
            bytes / 1e6 / seconds(&mut replay)
        };
        let address = self.sink.to_string();
        let socat = || {
            let file = format!("OPEN:{}", path.display());
            let mut socat = Command::new("socat");
            socat.args(["-u", &file, &format!("TCP:{address}")]);
            bytes / 1e6 / seconds(&mut socat)
        };
        let nc = || {
            let mut nc = Command::new("nc");
            nc.args(["-N", "127.0.0.1", &self.sink.port().to_string()])
                .stdin(File::open(&path).expect("the dump"));
            bytes / 1e6 / seconds(&mut nc)
        };
        let others: [(&str, &str, &dyn Fn() -> f64); 2] =
            [("socat", "-V", &socat), ("nc", "-h", &nc)];
        for (name, version, other) in others {
            if !is_installed(name, version) {
                println!("replay: {name} is not installed: not compared");
                continue;
            }
            let pairs: Vec<(f64, f64)> = (0..ROUNDS).map(|_| (ours(), other())).collect();
            let middle = |value: fn(&(f64, f64)) -> f64| median(pairs.iter().map(value).collect());
            println!(
                "replay: frames of {size} bytes: {:.0} MB/s, {name} {:.0} MB/s, {:.2} of it \
                 (goal >= 0.8)",
                middle(|pair| pair.0),
                middle(|pair| pair.1),
                middle(|pair| pair.0 / pair.1),
            );
        }
        let rates: Vec<f64> = (0..ROUNDS)
            .map(|_| {
                let mut replay = self.replay();
                replay.args(["--speed", "max", "-o", "none", "--summary", "json"]);
                let summary = summary(replay.arg(&path));
                assert_eq!(summary["frames"], count, "frames were lost");
                summary["rate"].as_f64().unwrap_or_default()
            })
            .collect();
        println!(
            "replay: frames of {size} bytes: {:.2} million a second (goal >= 1)",
            median(rates) / 1e6
        );
    }

    fn recorded_pace(&self) {
        let record = String::from_utf8(self.decoded(&self.frame(180))).expect("a record");
        let lines: String = (0..FRAMES)
            .map(|number| {
                let at = number * GAP;
                let time = format!(
                    "2026-01-01T00:00:{:02}.{:06}Z",
                    at / 1_000_000,
                    at % 1_000_000
                );
                record.replacen('{', &format!("{{\"time\":\"{time}\","), 1)
            })
            .collect();
        let path = self.folder.join("recorded.ndjson");
        std::fs::write(&path, lines).expect("a recording");
        let mut replay = self.replay();
        replay.args(["-o", "none", "--summary", "json"]);
        let summary = summary(replay.arg(&path));
        let at = |name: &str| summary["start_error_us"][name].as_f64().unwrap_or(f64::NAN);
        println!(
            "replay: {FRAMES} frames {GAP} us apart start late by {:.1} us at the median, {:.1} \
             us at the 99th percentile (goal <= 1000), {:.1} us at most",
            at("p50"),
            at("p99"),
            at("max"),
        );
    }

    fn replay(&self) -> Command {
        let mut command = Command::new(&self.wirectl);
        command.args(["replay", "--to", &self.sink.to_string()]);
        command
    }

    /// A sound sync frame of so many bytes.
    fn frame(&self, size: usize) -> Vec<u8> {
        let encode = |length: usize| {
            let state = format!("state:hex={}", "5a".repeat(length));
            let output = Command::new(&self.wirectl)
                .args(["encode", "sync.PresenceUpdate", "channel=doc:d1", &state])
                .output();
            output.expect("wirectl runs").stdout
        };
        let least = encode(40).len() - 40;
        let frame = encode(size - least);
        assert_eq!(frame.len(), size, "a frame of that size");
        frame
    }

    fn decoded(&self, frame: &[u8]) -> Vec<u8> {
        let path = self.folder.join("frame.bin");
        std::fs::write(&path, frame).expect("a frame");
        let output = Command::new(&self.wirectl)
            .args([Path::new("decode"), Path::new("--json"), &path])
            .output();
        output.expect("wirectl runs").stdout
    }
}

/// From start to end.
fn seconds(command: &mut Command) -> f64 {
    let begun = Instant::now();
    let status = command.stdout(Stdio::null()).status().expect("it runs");
    assert!(status.success(), "{command:?}: {status}");
    begun.elapsed().as_secs_f64()
}

fn summary(command: &mut Command) -> Value {
    let output = command.output().expect("wirectl runs");
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|_| panic!("no summary, but {text}"))
}

fn is_installed(name: &str, version: &str) -> bool {
    let mut command = Command::new(name);
    let command = command.arg(version).stdin(Stdio::null());
    command.output().is_ok()
}
