//! `wirectl replay`: frames to a live peer.

use super::complain::{self, Wrong};
use super::options::{DecodingOptions, OutputOptions, SelectionOptions};
use super::{CLEAN, DAMAGED, FAILED, UNMET};
use anyhow::Context;
use clap::{Args, ValueEnum};
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use wirectl::connect::{self, Target};
use wirectl::encode::Assignment;
use wirectl::filter::Filter;
use wirectl::model::Direction;
use wirectl::protocol::EncodeOptions;
use wirectl::replay::{
    Count, Expectation, Expectations, Form, Ignored, Inputs, Matcher, Notice, Pace, Replay,
    ReplayError, Report, Verdict, Wishes,
};
use wirectl::source::capture::TrafficOptions;

const EXAMPLES: &str = "\
Examples:
  wirectl replay --to localhost:9090 dump.bin             as fast as the peer takes it
  wirectl replay --to ws://localhost:8080/sync x.pcapng   a recorded session, with its timing
  wirectl replay --to tcp://[::1]:9090 --speed 10x --max-gap 1s x.pcap
  wirectl replay --to localhost:9090 --rate 500/s --loop 20 dump.bin
  wirectl replay --to localhost:9090 --set jwt_token=@token.txt --wait-answer x.pcap
  wirectl replay --to localhost:9090 --expect '.type==\"HandshakeAck\"' \\
      --expect '.type==\"DeltaAck\" and .body.status==\"Applied\"' --timeout 3s session.bin
  wirectl replay --to wss://host/rp --header 'Authorization: Bearer …' --compare --ignore ts x.pcap
  wirectl replay --to localhost:14001 --service ELECTION election.bin
  wirectl encode sync.PingPong timestamp_ms=7 is_pong=false | wirectl replay --to localhost:9090 -
  wirectl replay --to localhost:9090 --dry-run x.pcap     what would be sent, and how long it takes

Exit status: 0 clean, 1 answers were damaged, 2 wrong usage or a connection failed,
3 answers were not as expected.";

/// Send frames to a live peer, with their timing, and check the answers
///
/// Reads dumps, records (JSON), lines of hexadecimal digits and captures. One recorded connection
/// becomes one live connection; its answers are decoded and shown, and a summary goes to standard
/// error.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ReplayCommand {
    /// Files to send; standard input if there is none, or for `-`
    files: Vec<PathBuf>,
    /// Where to: HOST:PORT, tcp://, tls://, ws://, wss:// or unix:PATH
    #[arg(long, value_name = "TARGET", value_parser = parse_target)]
    to: Target,
    /// How the inputs spell their frames; found out if not given
    #[arg(short, long, value_enum, value_name = "FORM")]
    input: Option<InputForm>,
    /// Send what this side said: c2s or s2c
    #[arg(long, value_name = "SIDE", default_value = "c2s", value_parser = parse_direction)]
    direction: Direction,
    /// Send only this recorded connection (repeatable)
    #[arg(long, value_name = "STREAM")]
    stream: Vec<u32>,
    /// Change a field in all frames that have it: PATH=TEXT, PATH:=JSON, PATH=@FILE (repeatable)
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Count what would be sent and how long it would take; connect to nobody
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    connection: ConnectionOptions,
    #[command(flatten)]
    pace: PaceOptions,
    #[command(flatten)]
    conversation: ConversationOptions,
    #[command(flatten)]
    decoding: DecodingOptions,
    #[command(flatten)]
    selection: SelectionOptions,
    #[command(flatten)]
    output: OutputOptions,
}

/// How to connect.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
struct ConnectionOptions {
    /// Header of the WebSocket request (repeatable)
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// Trust these certificates (PEM) instead of the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Trust any certificate
    #[arg(long)]
    insecure: bool,
    /// How long connecting may take
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_time)]
    connect_timeout: Duration,
    /// Connect again when the connection breaks or is refused, so many times in a row
    #[arg(long, value_name = "TIMES", num_args = 0..=1, default_missing_value = "10")]
    reconnect: Option<u32>,
    /// Open this Noxu service first
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Send WebSocket messages as text, or never; as their protocol wants if not given
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    text: Option<bool>,
}

/// How fast, and how much.
#[derive(Debug, Args)]
#[command(next_help_heading = "Pace")]
struct PaceOptions {
    /// As recorded (1x, the default where there are times), faster (10x), or max
    #[arg(long, value_name = "SPEED", value_parser = parse_speed, conflicts_with_all = ["rate", "interval"])]
    speed: Option<Pace>,
    /// So many frames a second over all connections, such as 500/s
    #[arg(long, value_name = "N/s", value_parser = parse_rate, conflicts_with = "interval")]
    rate: Option<Pace>,
    /// So long from one frame to the next
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    interval: Option<Duration>,
    /// Cut longer pauses of the recording to this
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    max_gap: Option<Duration>,
    /// Send everything so many times, 0 for ever; recorded connections are made anew
    #[arg(long = "loop", value_name = "TIMES", default_value_t = 1)]
    rounds: u64,
    /// Live connections for each recorded one
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,
    /// Stop sending after this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    duration: Option<Duration>,
}

/// What must come back.
#[derive(Debug, Args)]
#[command(next_help_heading = "Conversation")]
struct ConversationOptions {
    /// Send a frame only when the one before is answered, as far as its protocol has it answered
    #[arg(long)]
    wait_answer: bool,
    /// An answer for which this jq expression yields something true must come (repeatable, in order)
    #[arg(long, value_name = "FILTER")]
    expect: Vec<String>,
    /// An answer of this type must come, such as DeltaAck or Delta* (repeatable, in order, after
    /// those of --expect)
    #[arg(long, value_name = "GLOB")]
    expect_type: Vec<glob::Pattern>,
    /// So many answers must come on every connection: 5, >=5, <=5, 2..5
    #[arg(long, value_name = "COUNT", value_parser = parse_count)]
    expect_count: Option<Count>,
    /// Compare the answers with those of the recording
    #[arg(long)]
    compare: bool,
    /// Field that may differ: a path, or a name wherever it stands (repeatable)
    #[arg(long, value_name = "PATH", requires = "compare")]
    ignore: Vec<String>,
    /// How long to wait for answers that must come
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_time)]
    timeout: Duration,
    /// How long to listen for other answers when all is sent [default: 250ms; 0 with --speed max]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    linger: Option<Duration>,
    /// Show what is sent, too
    #[arg(long)]
    show_sent: bool,
    /// The summary on standard error
    #[arg(long, value_enum, value_name = "FORM")]
    summary: Option<SummaryForm>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum InputForm {
    /// The bytes themselves
    Raw,
    /// Hexadecimal digits, or what xxd and hexdump -C print
    Hex,
    /// Every line one message, in hexadecimal digits
    HexLines,
    /// Every line one message, in base64
    Base64Lines,
    /// Records, as decode and pcap print them with --json
    Json,
    /// A packet capture
    Pcap,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SummaryForm {
    /// For people (the default)
    Text,
    /// One JSON object (the default with --json)
    Json,
    /// None
    None,
}

impl ReplayCommand {
    /// Replays everything.
    pub fn run(self) -> anyhow::Result<u8> {
        let is_json = self.output.is_json();
        let summary = match self.conversation.summary {
            Some(form) => form,
            None if is_json => SummaryForm::Json,
            None => SummaryForm::Text,
        };
        let shows_records = self.output.shows_records();
        let wishes = self.wishes()?;
        let output = self.output.ready(&self.to.to_string())?;
        let dry_run = self.dry_run;
        let replay = self.replay()?;
        if dry_run {
            let preview = replay.preview().map_err(explain)?;
            write!(io::stdout(), "{preview}")?;
            return Ok(CLEAN);
        }
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            // The second one ends at once.
            signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))?;
            signal_hook::flag::register(signal, Arc::clone(&stop))?;
        }
        let mut sink = output.sink(io::stdout().lock());
        let mut progress = Progress::new(shows_records);
        let outcome = replay.run(wishes, sink.as_mut(), &stop, &mut |notice| {
            progress.take(notice);
        });
        progress.clear();
        let report = outcome.map_err(explain)?;
        drop(sink);
        tell(&report, summary)?;
        Ok(status(&report))
    }

    fn replay(self) -> anyhow::Result<Replay> {
        let inputs = self.inputs()?;
        let reads_stdin = inputs.files.iter().any(|path| path.as_os_str() == "-");
        if reads_stdin && self.pace.rounds != 1 {
            return Err(Wrong::new(
                "--loop cannot read standard input again".to_owned(),
                "give a file".to_owned(),
            )
            .into());
        }
        let explicit_max = self.pace.speed == Some(Pace::Max);
        let pace = match self.pace.interval {
            Some(interval) => Pace::Interval(interval),
            None => self
                .pace
                .speed
                .or(self.pace.rate)
                .unwrap_or(Pace::Recorded { speed: 1.0 }),
        };
        let linger = self.conversation.linger.unwrap_or(if explicit_max {
            Duration::ZERO
        } else {
            Duration::from_millis(250)
        });
        Ok(Replay {
            options: connect::Options {
                headers: self.connection.header.clone(),
                ca_file: self.connection.ca.clone(),
                insecure: self.connection.insecure,
                timeout: self.connection.connect_timeout,
                ..connect::Options::default()
            },
            changes: self.changes()?,
            pace,
            most_gap: self.pace.max_gap,
            rounds: (self.pace.rounds > 0).then_some(self.pace.rounds),
            copies: self.pace.connections,
            duration: self.pace.duration,
            text: self.connection.text,
            service: self.service()?,
            wait_answer: self.conversation.wait_answer,
            timeout: self.conversation.timeout,
            linger,
            reconnect: self.connection.reconnect,
            target: self.to,
            inputs,
        })
    }

    fn inputs(&self) -> anyhow::Result<Inputs> {
        let (forced, settings, ports) = self.decoding.ready_with_ports()?;
        Ok(Inputs {
            files: match self.files.as_slice() {
                [] => vec![PathBuf::from("-")],
                files => files.to_vec(),
            },
            form: self.input.map(InputForm::ready),
            direction: self.direction,
            streams: self.stream.clone(),
            encode: EncodeOptions {
                sync_version: settings.sync_version,
                dictionaries: settings.dictionaries.to_vec(),
                ..EncodeOptions::default()
            },
            traffic: TrafficOptions {
                forced,
                ports,
                settings,
                ..TrafficOptions::default()
            },
        })
    }

    fn wishes(&self) -> anyhow::Result<Wishes> {
        let conversation = &self.conversation;
        let mut list = Vec::new();
        for text in &conversation.expect {
            let filter = Filter::compile(text).context("--expect")?;
            list.push(Expectation {
                text: text.clone(),
                matches: Matcher::Filter(Box::new(filter)),
            });
        }
        list.extend(conversation.expect_type.iter().map(|pattern| Expectation {
            text: format!("type {pattern}"),
            matches: Matcher::Type(pattern.clone()),
        }));
        Ok(Wishes {
            expectations: Expectations {
                list,
                count: conversation.expect_count,
            },
            compare: conversation.compare,
            ignored: conversation
                .ignore
                .iter()
                .map(|path| Ignored::parse(path))
                .collect(),
            show_sent: conversation.show_sent,
            selection: self.selection.ready()?,
            show_secrets: self.output.shows_secrets(),
        })
    }

    fn changes(&self) -> anyhow::Result<Vec<Assignment>> {
        let read = |file: &str| std::fs::read(file).map_err(|error| format!("{file}: {error}"));
        self.set
            .iter()
            .map(|argument| Assignment::parse(argument, read).context("--set"))
            .collect()
    }

    /// What opens the service: its name and before that its length, 32 bits little-endian.
    fn service(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(name) = &self.connection.service else {
            return Ok(None);
        };
        let length = u32::try_from(name.len())
            .ok()
            .filter(|length| (1..=256).contains(length))
            .context("--service: a service's name has 1 to 256 bytes")?;
        let mut bytes = length.to_le_bytes().to_vec();
        bytes.extend_from_slice(name.as_bytes());
        Ok(Some(bytes))
    }
}

/// A line on a terminal that says how far it is, where it disturbs nothing.
struct Progress {
    wanted: bool,
    shown: bool,
}

impl Progress {
    fn new(shows_records: bool) -> Self {
        let apart = !shows_records || !io::stdout().is_terminal();
        Self {
            wanted: apart && io::stderr().is_terminal(),
            shown: false,
        }
    }

    fn take(&mut self, notice: Notice<'_>) {
        match notice {
            Notice::Text(text) => {
                self.clear();
                complain::remark(text);
            }
            Notice::Progress { frames, bytes } if self.wanted => {
                let (size, unit) = match bytes {
                    ..1_000_000 => (bytes as f64 / 1e3, "kB"),
                    _ => (bytes as f64 / 1e6, "MB"),
                };
                // Nobody can be told that this cannot be written.
                let _ = write!(io::stderr(), "\r{frames} frames, {size:.1} {unit} sent");
                self.shown = true;
            }
            Notice::Progress { .. } => {}
        }
    }

    /// Removes the line.
    fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

impl InputForm {
    fn ready(self) -> Form {
        match self {
            Self::Raw => Form::Raw,
            Self::Hex => Form::Hex,
            Self::HexLines => Form::HexLines,
            Self::Base64Lines => Form::Base64Lines,
            Self::Json => Form::Records,
            Self::Pcap => Form::Capture,
        }
    }
}

fn tell(report: &Report, form: SummaryForm) -> io::Result<()> {
    let mut out = io::stderr().lock();
    match form {
        SummaryForm::Text => write!(out, "{report}"),
        SummaryForm::Json => writeln!(out, "{}", report.json()),
        SummaryForm::None => Ok(()),
    }
}

fn status(report: &Report) -> u8 {
    match report.verdict() {
        Verdict::Clean => CLEAN,
        Verdict::Damaged => DAMAGED,
        Verdict::Broken => FAILED,
        Verdict::Unmet => UNMET,
    }
}

/// Adds what helps.
fn explain(error: ReplayError) -> anyhow::Error {
    match error {
        ReplayError::Connect(error) => Wrong::new(error.to_string(), error.help()).into(),
        ReplayError::Nothing { help, .. } => Wrong::new(error.to_string(), help.to_owned()).into(),
        ReplayError::Output(error) => error.into(),
        // It tells its source itself.
        ReplayError::Load(error) => anyhow::anyhow!("{error}"),
    }
}

fn parse_target(text: &str) -> Result<Target, String> {
    Target::parse(text).map_err(|error| format!("{error}; try {}", error.help()))
}

fn parse_direction(text: &str) -> Result<Direction, String> {
    wirectl::pipeline::direction_by_name(text).ok_or_else(|| "expected c2s or s2c".to_owned())
}

fn parse_count(text: &str) -> Result<Count, String> {
    Count::parse(text).ok_or_else(|| "expected a number such as 5, >=5, <=5 or 2..5".to_owned())
}

fn parse_speed(text: &str) -> Result<Pace, String> {
    match text {
        "max" => return Ok(Pace::Max),
        "original" => return Ok(Pace::Recorded { speed: 1.0 }),
        _ => {}
    }
    let number = text.strip_suffix(['x', 'X']).unwrap_or(text);
    match number.parse::<f64>() {
        Ok(speed) if speed.is_finite() && speed > 0.0 => Ok(Pace::Recorded { speed }),
        _ => Err("expected a factor such as 1x, 0.5x or 10x, or max".to_owned()),
    }
}

fn parse_rate(text: &str) -> Result<Pace, String> {
    let wrong = || "expected frames a second, such as 500/s, 30/min or 10k/s".to_owned();
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let seconds = match unit.trim() {
        "s" | "sec" | "second" => 1.0,
        "m" | "min" | "minute" => 60.0,
        "h" | "hour" => 3600.0,
        _ => return Err(wrong()),
    };
    let (number, factor) = match number.trim() {
        number if number.ends_with('k') => (number.trim_end_matches('k'), 1e3),
        number if number.ends_with('M') => (number.trim_end_matches('M'), 1e6),
        number => (number, 1.0),
    };
    match number.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(Pace::Rate(rate * factor / seconds)),
        _ => Err(wrong()),
    }
}

/// A time with a unit: `250ms`, `1.5s`, `2m`, `100us`.
fn parse_time(text: &str) -> Result<Duration, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits).unwrap_or((text, ""));
    let factor = match unit.trim() {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "" if number == "0" => 1.0,
        _ => return Err("expected a time with its unit, such as 250ms, 1.5s or 2min".to_owned()),
    };
    number
        .parse::<f64>()
        .ok()
        .and_then(|number| Duration::try_from_secs_f64(number * factor).ok())
        .ok_or_else(|| "expected a time such as 250ms, 1.5s or 2min".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_rates_have_units() {
        assert_eq!(parse_time("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_time("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_time("0"), Ok(Duration::ZERO));
        assert!(parse_time("5").is_err() && parse_time("s").is_err());
        assert_eq!(parse_rate("500/s"), Ok(Pace::Rate(500.0)));
        assert_eq!(parse_rate("10k"), Ok(Pace::Rate(10_000.0)));
        assert_eq!(parse_rate("30/min"), Ok(Pace::Rate(0.5)));
        assert!(parse_rate("0/s").is_err() && parse_rate("5/fortnight").is_err());
        assert_eq!(parse_speed("10x"), Ok(Pace::Recorded { speed: 10.0 }));
        assert_eq!(parse_speed("max"), Ok(Pace::Max));
        assert!(parse_speed("0x").is_err() && parse_speed("fast").is_err());
    }
}
