//! Measures wirectl against its peers, side by side: `tests/bench/run [MEGABYTES] [--quick]`.
//!
//! Whole processes, output to /dev/null, ours and the peer in turn; CPU time (user and system),
//! the median of the ratios of pairs. Timing is only told; wrong results are a failure.

use serde_json::Value;
use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;
use wait4::Wait4;
use wirectl_bench::inputs::{Disorder, Frame, Traffic, Way, dump};
use wirectl_bench::numbers::median;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let bench = Bench::from_arguments();
    match bench.and_then(|bench| match &bench.make {
        Some(path) => bench.make_capture(path),
        None => bench.run(),
    }) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::from(2)
        }
    }
}

/// What is measured, and how often.
struct Bench {
    wirectl: PathBuf,
    /// The project's root.
    root: PathBuf,
    /// Where inputs are made.
    folder: PathBuf,
    megabytes: usize,
    rounds: usize,
    /// Only make a capture.
    make: Option<PathBuf>,
}

/// A command line to be measured.
struct Program {
    path: PathBuf,
    arguments: Vec<String>,
}

/// What one run has cost.
#[derive(Clone, Copy)]
struct Cost {
    /// User and system time in seconds.
    cpu: f64,
    wall: f64,
    /// Peak memory in MiB.
    memory: f64,
}

impl Program {
    fn new(path: impl Into<PathBuf>, arguments: &[&str]) -> Self {
        Self {
            path: path.into(),
            arguments: arguments
                .iter()
                .map(|&argument| argument.to_owned())
                .collect(),
        }
    }

    fn run(&self) -> Result<Cost> {
        let start = Instant::now();
        let child = Command::new(&self.path)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{}: {error}", self.path.display()))?;
        let used = child.wait4()?;
        // 1: done, with findings.
        if !matches!(used.status.code(), Some(0 | 1)) {
            return Err(format!(
                "{} {:?}: {}",
                self.path.display(),
                self.arguments,
                used.status
            )
            .into());
        }
        let cpu = used.rusage.utime + used.rusage.stime;
        Ok(Cost {
            cpu: cpu.as_secs_f64(),
            wall: start.elapsed().as_secs_f64(),
            memory: used.rusage.maxrss as f64 / (1 << 20) as f64,
        })
    }
}

impl Bench {
    fn from_arguments() -> Result<Self> {
        let mut bench = Self {
            wirectl: std::env::var_os("WIRECTL_BIN")
                .ok_or("WIRECTL_BIN is not set")?
                .into(),
            root: Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../..")
                .canonicalize()?,
            folder: std::env::temp_dir().join(format!("wirectl-bench-{}", std::process::id())),
            megabytes: 100,
            rounds: 5,
            make: None,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--make" => bench.make = arguments.next().map(PathBuf::from),
                "--quick" => (bench.megabytes, bench.rounds) = (10, 3),
                number => {
                    bench.megabytes = number
                        .parse()
                        .map_err(|_| "usage: tests/bench/run [MEGABYTES] [--quick]")?;
                }
            }
        }
        Ok(bench)
    }

    fn run(self) -> Result<bool> {
        std::fs::create_dir_all(&self.folder)?;
        let result = self.measure();
        std::fs::remove_dir_all(&self.folder)?;
        result
    }

    fn measure(&self) -> Result<bool> {
        let frames = self.frames()?;
        println!(
            "{} MB, {} rounds, {} different frames of {} bytes; ratio: CPU time of theirs / ours",
            self.megabytes,
            self.rounds,
            frames.len(),
            frames.iter().map(|frame| frame.bytes.len()).sum::<usize>() / frames.len(),
        );
        println!(
            "{:<34} {:<28} {:>8} {:>8} {:>7} {:>8} {:>8}  goal",
            "wirectl", "against", "CPU s", "MB/s", "ratio", "MiB", "theirs"
        );
        self.dumps(&frames)?;
        self.families()?;
        self.captures()?;
        self.start()?;
        self.right(&frames)
    }

    /// The frames of a real client and server, some 200 bytes each, with their directions.
    fn frames(&self) -> Result<Vec<Frame>> {
        let mut frames = Vec::new();
        let path = self.root.join("samples/pcap/sync-connect.pcap");
        for record in self.records(&["pcap", "--json", "--raw", &text(&path)])? {
            let raw = hex::decode(record["raw"].as_str().unwrap_or_default())?;
            let issues = record["issues"].as_array().into_iter().flatten();
            let piece = record["protocol"] == "unknown";
            let damaged = piece || issues.clone().any(|issue| issue["severity"] == "error");
            let length = raw.get(2..6).and_then(<[u8]>::first_chunk);
            let length = length.map_or(0, |length| u32::from_le_bytes(*length) as usize);
            let sound = raw.first() == Some(&1) && raw.len() == 10 + length && !damaged;
            if record["protocol"] == "sync" && sound && raw.len() <= 400 {
                let way = if record["direction"] == "c2s" {
                    Way::Up
                } else {
                    Way::Down
                };
                frames.push(Frame { way, bytes: raw });
            }
        }
        Ok(frames)
    }

    /// The records that wirectl prints.
    fn records(&self, arguments: &[&str]) -> Result<Vec<Value>> {
        let mut child = Command::new(&self.wirectl)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()?;
        let out = child.stdout.take().ok_or("no output")?;
        let records = BufReader::new(out)
            .lines()
            .map(|line| Ok(serde_json::from_str(&line?)?))
            .collect();
        child.wait()?;
        records
    }

    fn file(&self, name: &str) -> String {
        text(&self.folder.join(name))
    }

    fn ours(&self, arguments: &[&str]) -> Program {
        Program::new(&self.wirectl, arguments)
    }

    fn peer(&self, name: &str, arguments: &[&str]) -> Result<Program> {
        let path = std::env::current_exe()?.with_file_name(name);
        Ok(Program::new(path, arguments))
    }

    /// Runs both in turn and prints a row.
    fn compare(&self, names: [&str; 2], ours: &Program, other: &Program, goal: &str) -> Result<()> {
        ours.run()?;
        other.run()?;
        let mut pairs = Vec::new();
        for _ in 0..self.rounds {
            pairs.push((ours.run()?, other.run()?));
        }
        let all = |value: fn(&(Cost, Cost)) -> f64| median(pairs.iter().map(value).collect());
        let cpu = all(|(ours, _)| ours.cpu);
        println!(
            "{:<34} {:<28} {:>8.2} {:>8.0} {:>7.2} {:>8.1} {:>8.1}  {goal}",
            names[0],
            names[1],
            cpu,
            self.megabytes as f64 / cpu,
            all(|(ours, other)| other.cpu / ours.cpu),
            all(|(ours, _)| ours.memory),
            all(|(_, other)| other.memory),
        );
        Ok(())
    }

    fn dumps(&self, frames: &[Frame]) -> Result<()> {
        let bytes = self.file("sync.bin");
        dump(Path::new(&bytes), frames, self.megabytes * 1_000_000)?;
        let decode = self.ours(&["decode", "--json", &bytes]);
        self.compare(
            ["decode --json", "rmp-serde -> Value -> JSON"],
            &decode,
            &self.peer("straightforward", &[&bytes])?,
            "ratio >= 3, MiB < 32",
        )?;
        self.encoding("encode", &bytes)?;
        for form in ["pretty", "stats", "none"] {
            self.compare(
                [&format!("decode -o {form}"), "wirectl decode --json"],
                &self.ours(&["decode", "-o", form, &bytes]),
                &decode,
                "",
            )?;
        }
        std::fs::remove_file(bytes)?;
        Ok(())
    }

    /// Encoding the records of the dump `bytes` beside decoding it.
    fn encoding(&self, name: &str, bytes: &str) -> Result<()> {
        let records = self.file("records.ndjson");
        Command::new(&self.wirectl)
            .args(["decode", "--json", bytes])
            .stdout(File::create(&records)?)
            .status()?;
        self.compare(
            [name, "wirectl decode --json"],
            &self.ours(&["encode", &records]),
            &self.ours(&["decode", "--json", bytes]),
            "ratio >= 1",
        )?;
        std::fs::remove_file(records)?;
        Ok(())
    }

    /// The same for the other families, whose samples are repeated.
    fn families(&self) -> Result<()> {
        for (family, sample) in [("rp", "rp/stream.bin"), ("noxu", "noxu/feeder-s2c.bin")] {
            let sample = std::fs::read(self.root.join("samples").join(sample))?;
            let bytes = self.file("family.bin");
            let count = self.megabytes * 1_000_000 / sample.len();
            std::fs::write(&bytes, sample.repeat(count))?;
            self.encoding(&format!("encode, {family}"), &bytes)?;
            std::fs::remove_file(bytes)?;
        }
        Ok(())
    }

    fn make_capture(&self, path: &Path) -> Result<bool> {
        let size = self.megabytes * 1_000_000;
        Traffic::write(path, &self.frames()?, size, Disorder::default())?;
        Ok(true)
    }

    fn captures(&self) -> Result<()> {
        let capture = self.file("sync.pcap");
        // In a process of its own: a child's peak memory is never less than its parent's.
        let made = Command::new(std::env::current_exe()?)
            .args([&self.megabytes.to_string(), "--make", &capture])
            .status()?;
        if !made.success() {
            return Err("the capture could not be made".into());
        }
        let json = self.ours(&["pcap", "--json", &capture]);
        self.compare(
            ["pcap --json", "reassembly -> Value -> JSON"],
            &json,
            &self.peer("straightforward_pcap", &[&capture])?,
            "ratio >= 3, MiB < 64",
        )?;
        let conversations = self.ours(&["pcap", "-o", "conversations", &capture]);
        if Program::new("tshark", &["--version"]).run().is_err() {
            println!("tshark is not installed: not compared");
            self.compare(
                ["pcap -o conversations", "wirectl pcap --json"],
                &conversations,
                &json,
                "",
            )?;
        } else {
            let fields = ["-r", &capture, "-T", "fields", "-e", "tcp.payload"];
            self.compare(
                ["pcap --json", "tshark -e tcp.payload"],
                &json,
                &Program::new("tshark", &fields),
                "ratio >= 8",
            )?;
            self.compare(
                ["pcap -o conversations", "tshark -q -z conv,tcp"],
                &conversations,
                &Program::new("tshark", &["-r", &capture, "-q", "-z", "conv,tcp"]),
                "ratio >= 3",
            )?;
        }
        std::fs::remove_file(capture)?;
        Ok(())
    }

    /// From start to end on a small sample.
    fn start(&self) -> Result<()> {
        let sample = text(&self.root.join("samples/sync/documents.bin"));
        let program = self.ours(&["decode", &sample]);
        program.run()?;
        let mut times = Vec::new();
        for _ in 0..20 {
            times.push(program.run()?.wall * 1000.0);
        }
        println!(
            "start to end on a small sample: {:.1} ms (goal < 10)",
            median(times)
        );
        Ok(())
    }

    /// Whether disorder changes nothing, and loss no more than it must.
    fn right(&self, frames: &[Frame]) -> Result<bool> {
        let size = self.megabytes.min(10) * 1_000_000;
        let disorders = [
            ("in order", Disorder::default()),
            (
                "5 % swapped, 2 % repeated",
                Disorder {
                    swapped: 0.05,
                    repeated: 0.02,
                    ..Disorder::default()
                },
            ),
            (
                "0.2 % lost",
                Disorder {
                    lost: 0.002,
                    ..Disorder::default()
                },
            ),
        ];
        let mut right = true;
        for (name, disorder) in disorders {
            let capture = self.file("right.pcap");
            let intact = Traffic::write(Path::new(&capture), frames, size, disorder)?;
            let (found, invented) = self.found(&capture, frames)?;
            // Equal frames count together.
            let wanted = by_bytes(frames, &intact);
            let total: usize = wanted.values().sum();
            let kept: usize = wanted
                .iter()
                .map(|(bytes, count)| found.get(*bytes).copied().unwrap_or_default().min(*count))
                .sum();
            let share = kept as f64 / total as f64;
            let least = if disorder.lost > 0.0 { 0.995 } else { 1.0 };
            let more: usize = found.values().sum::<usize>() - kept;
            let good = share >= least && more == 0 && invented == 0;
            println!(
                "{}: {name}: {kept} of {total} intact messages ({:.2} %), {more} too many, \
                 {invented} invented",
                if good { "right" } else { "WRONG" },
                share * 100.0,
            );
            right &= good;
        }
        Ok(right)
    }

    /// How often each frame is found, and how many records that claim to be a sound message are
    /// none; the pieces of a message that is not whole claim nothing.
    fn found(&self, capture: &str, frames: &[Frame]) -> Result<(HashMap<Vec<u8>, usize>, usize)> {
        let known = by_bytes(frames, &vec![0; frames.len()]);
        let mut found: HashMap<Vec<u8>, usize> = HashMap::new();
        let mut invented = 0;
        for record in self.records(&["pcap", "--json", "--raw", capture])? {
            let raw = hex::decode(record["raw"].as_str().unwrap_or_default())?;
            let issues = record["issues"].as_array().into_iter().flatten();
            let piece = record["protocol"] == "unknown";
            let damaged = piece || issues.clone().any(|issue| issue["severity"] == "error");
            if known.contains_key(raw.as_slice()) {
                *found.entry(raw).or_default() += 1;
            } else if !damaged && !raw.is_empty() {
                invented += 1;
            }
        }
        Ok((found, invented))
    }
}

/// Adds up the counts of frames with the same bytes.
fn by_bytes<'a>(frames: &'a [Frame], counts: &[usize]) -> HashMap<&'a [u8], usize> {
    let mut sums = HashMap::new();
    for (frame, count) in frames.iter().zip(counts) {
        *sums.entry(frame.bytes.as_slice()).or_default() += count;
    }
    sums
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
