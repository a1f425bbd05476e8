//! Options that several commands share: first as typed, then as ready objects.

use super::complain::Wrong;
use super::stdout::Marked;
use super::terminal::{self, ColorChoice};
use anyhow::Context;
use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Args, ValueEnum};
use std::ffi::OsStr;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::Arc;
use wirectl::filter::Filter;
use wirectl::output::{self, Hex, Json, Look, Pretty, Sink, TimeForm};
use wirectl::pipeline::Selection;
use wirectl::protocol::{Protocol, Settings};

const PROTOCOL_HELP: &str = "Protocol to decode as, instead of recognizing it (see `wirectl \
    protocols`); in captures also PORT=NAME for one server port (repeatable)";

/// A server port and the protocol that it carries.
pub type PortProtocol = (u16, &'static dyn Protocol);

/// What the user says about the bytes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Decoding")]
pub struct DecodingOptions {
    #[arg(short, long, value_name = "NAME", help = PROTOCOL_HELP, value_parser = ProtocolNames)]
    #[arg(hide_possible_values = true)]
    protocol: Vec<String>,
    /// NodeDB version group or release that sync bodies follow, instead of finding it out
    #[arg(long, value_name = "VERSION")]
    sync_version: Option<String>,
    /// RP compression dictionary (repeatable)
    #[arg(long, value_name = "ID=FILE")]
    dictionary: Vec<String>,
    /// Name of an RP channel, such as 5=system (repeatable)
    #[arg(long, value_name = "NUMBER=NAME")]
    channel: Vec<String>,
    /// Frames that claim to be larger are taken for damage
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = parse_size)]
    max_frame: usize,
}

impl DecodingOptions {
    /// Takes out the channels that have a name and no number: those of pushwire's text protocol.
    pub fn take_plain_channels(&mut self) -> Vec<String> {
        self.channel
            .extract_if(.., |name| !name.contains('='))
            .collect()
    }

    /// The forced protocol and the settings.
    pub fn ready(&self) -> anyhow::Result<(Option<&'static dyn Protocol>, Settings)> {
        let (forced, settings, ports) = self.ready_with_ports()?;
        if let Some((port, protocol)) = ports.first() {
            return Err(Wrong::new(
                format!(
                    "-p {port}={} speaks of a port, but this input has none",
                    protocol.name()
                ),
                format!("-p {}, or wirectl pcap for captures", protocol.name()),
            )
            .into());
        }
        Ok((forced, settings))
    }

    /// The same, and the protocols that are forced for single ports.
    pub fn ready_with_ports(
        &self,
    ) -> anyhow::Result<(Option<&'static dyn Protocol>, Settings, Vec<PortProtocol>)> {
        let mut forced = None;
        let mut ports = Vec::new();
        for name in &self.protocol {
            let port = name
                .split_once('=')
                .and_then(|(port, name)| Some((port.parse().ok()?, name)));
            match port {
                Some((port, name)) => ports.push((port, protocol_by_name(name)?)),
                None if name.contains('=') => return Err(no_port(name)),
                None => forced = Some(protocol_by_name(name)?),
            }
        }
        let sync_version = match &self.sync_version {
            Some(name) => Some(sync_version_by_name(name)?),
            None => None,
        };
        let settings = Settings {
            most_frame: self.max_frame,
            sync_version,
            dictionaries: Arc::new(dictionaries(&self.dictionary)?),
            channels: Arc::new(channels(&self.channel)?),
            ..Settings::default()
        };
        Ok((forced, settings, ports))
    }
}

/// What stands before = is none.
fn no_port(text: &str) -> anyhow::Error {
    let port = text.split('=').next().unwrap_or_default();
    Wrong::new(
        format!("\"{}\" is no port", port.escape_debug()),
        "-p PORT=NAME, with a port from 0 to 65535".to_owned(),
    )
    .into()
}

/// Takes any word, and lets shells complete the names of protocols.
#[derive(Clone)]
pub struct ProtocolNames;

impl TypedValueParser for ProtocolNames {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let names = wirectl::protocol::named();
        Some(Box::new(
            names.map(|protocol| PossibleValue::new(protocol.name())),
        ))
    }
}

/// The protocol of this name.
pub fn protocol_by_name(name: &str) -> anyhow::Result<&'static dyn Protocol> {
    use wirectl::protocol::{named, noxu};
    let found = noxu::by_name(name)
        .or_else(|| named().find(|protocol| protocol.name().eq_ignore_ascii_case(name)));
    match found {
        Some(protocol) => Ok(protocol),
        None => Err(Wrong::unknown(
            "protocol",
            name,
            named().map(|protocol| protocol.name()),
            "wirectl protocols",
        )
        .into()),
    }
}

/// The dictionaries that `ID=FILE` name.
pub fn dictionaries(arguments: &[String]) -> anyhow::Result<Vec<(u32, Vec<u8>)>> {
    let read = |argument: &String| {
        let (id, file) = numbered("--dictionary", argument, "--dictionary 7=FILE")?;
        let bytes = std::fs::read(file).with_context(|| file.to_owned())?;
        Ok((id, bytes))
    };
    arguments.iter().map(read).collect()
}

/// The channel names that `NUMBER=NAME` give.
fn channels(arguments: &[String]) -> anyhow::Result<Vec<(u8, String)>> {
    let read = |argument: &String| {
        let (number, name) = numbered("--channel", argument, "--channel 5=system")?;
        Ok((number, name.to_owned()))
    };
    arguments.iter().map(read).collect()
}

/// The two parts of `NUMBER=TEXT`.
fn numbered<'a, N: std::str::FromStr>(
    option: &str,
    argument: &'a str,
    example: &str,
) -> anyhow::Result<(N, &'a str)> {
    let parts = argument
        .split_once('=')
        .and_then(|(number, text)| Some((number.parse().ok()?, text)));
    let wrong = || {
        Wrong::new(
            format!(
                "{option} \"{}\" has no number it can have before =",
                argument.escape_debug()
            ),
            example.to_owned(),
        )
    };
    parts.ok_or_else(|| wrong().into())
}

/// The index of the version group that this name means.
pub fn sync_version_by_name(name: &str) -> anyhow::Result<u32> {
    use wirectl::protocol::sync::versions;
    match versions::by_name(name) {
        Some(group) => Ok(group),
        None => Err(Wrong::new(
            format!("no sync version is called \"{}\"", name.escape_debug()),
            format!(
                "version groups are {}; releases like 0.6.2 are known, too",
                versions::NAMES.join(", ")
            ),
        )
        .into()),
    }
}

/// Which records are shown.
#[derive(Debug, Args)]
#[command(next_help_heading = "Selection")]
pub struct SelectionOptions {
    /// End after COUNT records
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
    /// Leave out the first COUNT records
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 0,
        hide_default_value = true
    )]
    skip: u64,
    /// Only message types that match, such as DeltaPush, Delta* or sync.Delta* (repeatable)
    #[arg(long = "type", value_name = "GLOB", value_delimiter = ',', value_parser = parse_glob)]
    types: Vec<glob::Pattern>,
    /// Only records for which this jq expression yields something true, such as
    /// '.type=="DeltaPush" and .body.seq > 5'
    #[arg(long, value_name = "EXPR")]
    filter: Option<String>,
}

impl SelectionOptions {
    /// The selection.
    pub fn ready(&self) -> anyhow::Result<Selection> {
        let filter = match &self.filter {
            Some(expression) => Some(Filter::compile(expression).context("--filter")?),
            None => None,
        };
        Ok(Selection {
            skip: self.skip,
            limit: self.limit,
            types: self.types.clone(),
            filter,
        })
    }

    /// If types were asked for and none was met: what the user may have meant.
    pub fn explain_nothing(&self) -> Option<Wrong> {
        let asked = self.types.first()?;
        let names = wirectl::protocol::ALL
            .iter()
            .flat_map(|protocol| protocol.messages())
            .map(|kind| kind.name);
        Some(Wrong::unmatched(asked.as_str(), names))
    }
}

/// How records are shown.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputOptions {
    /// How to show records
    #[arg(short, long, value_enum, value_name = "FORM")]
    output: Option<OutputForm>,
    /// Short for --output json; with --output stats or conversations, those as JSON
    #[arg(long)]
    json: bool,
    /// Print what this jq expression yields for each record, instead of the record
    #[arg(long, value_name = "EXPR", conflicts_with_all = ["output", "json"])]
    jq: Option<String>,
    /// Show every frame's bytes, too
    #[arg(long)]
    raw: bool,
    /// Show secrets, which are masked in everything but JSON and raw bytes
    #[arg(long, conflicts_with = "redact")]
    show_secrets: bool,
    /// Mask secrets in JSON, too; such records cannot be encoded again
    #[arg(long)]
    redact: bool,
    /// How to show times to people; JSON always has UTC
    #[arg(long, value_enum, value_name = "FORM", default_value_t = TimeChoice::Utc)]
    time: TimeChoice,
    /// When to use colour; NO_COLOR and CLICOLOR_FORCE are heeded
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    color: ColorChoice,
    /// Columns to fill, 0 for lines of any length [default: the terminal's]
    #[arg(long, value_name = "COLUMNS")]
    width: Option<usize>,
}

/// The views of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OutputForm {
    /// A headline and a tree of fields (the default)
    Pretty,
    /// One row per record
    Table,
    /// One JSON object per line; for programs
    Json,
    /// Bytes beside the fields they belong to
    Hex,
    /// Counts, sizes, findings
    Stats,
    /// The frames' bytes
    Raw,
    /// Nothing; the exit status tells
    None,
    /// A row for each connection that has such records; --limit and --skip count rows; captures only
    Conversations,
}

/// The forms of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TimeChoice {
    /// Date and time in UTC
    Utc,
    /// Date and time of the local time zone
    Local,
    /// Seconds since the first record that is shown
    Relative,
    /// Seconds since the record shown before
    Delta,
}

impl From<TimeChoice> for TimeForm {
    fn from(choice: TimeChoice) -> Self {
        match choice {
            TimeChoice::Utc => Self::Utc,
            TimeChoice::Local => Self::Local,
            TimeChoice::Relative => Self::Relative,
            TimeChoice::Delta => Self::Delta,
        }
    }
}

/// How records are to be shown.
#[derive(Debug)]
pub struct Output {
    form: OutputForm,
    /// A checked expression.
    jq: Option<String>,
    json: bool,
    raw: bool,
    redact: bool,
    look: Look,
}

impl OutputOptions {
    /// Whether connections are wanted instead of records.
    pub fn wants_conversations(&self) -> bool {
        self.output == Some(OutputForm::Conversations)
    }

    /// Whether records are shown as JSON.
    pub fn is_json(&self) -> bool {
        self.json || self.output == Some(OutputForm::Json)
    }

    /// Whether secrets are shown.
    pub fn shows_secrets(&self) -> bool {
        self.show_secrets
    }

    /// Whether records are shown one by one, as they come.
    pub fn shows_records(&self) -> bool {
        !matches!(self.output, Some(OutputForm::None | OutputForm::Stats))
    }

    /// The output; `input` is what the one input is called.
    pub fn ready(&self, input: &str) -> anyhow::Result<Output> {
        let form = match (self.output, self.json) {
            (None, true) => OutputForm::Json,
            (None, false) => OutputForm::Pretty,
            (
                Some(form @ (OutputForm::Json | OutputForm::Stats | OutputForm::Conversations)),
                true,
            ) => form,
            (Some(form), false) => form,
            (Some(form), true) => {
                let name = form
                    .to_possible_value()
                    .map_or_else(String::new, |value| value.get_name().to_owned());
                return Err(Wrong::new(
                    format!("--json contradicts --output {name}"),
                    "leave one of them out; --json also goes with --output stats".to_owned(),
                )
                .into());
            }
        };
        if form == OutputForm::Conversations {
            return Err(Wrong::new(
                "--output conversations is for captures".to_owned(),
                "wirectl pcap -o conversations FILE".to_owned(),
            )
            .into());
        }
        if form == OutputForm::Raw && self.redact {
            return Err(Wrong::new(
                "--output raw writes the frames as they are and cannot mask secrets".to_owned(),
                "use --json --redact".to_owned(),
            )
            .into());
        }
        if let Some(expression) = &self.jq {
            Filter::compile(expression).context("--jq")?;
        }
        Ok(Output {
            form,
            jq: self.jq.clone(),
            json: self.json,
            raw: self.raw,
            redact: self.redact,
            look: self.look(input),
        })
    }

    /// What people want to see, and on what; `input` is what the one input is called.
    pub fn look(&self, input: &str) -> Look {
        Look {
            styles: output::Styles::new(terminal::use_color(self.color, &io::stdout())),
            width: self.width.map_or_else(terminal::width, NonZeroUsize::new),
            show_secrets: self.show_secrets,
            input: input.to_owned(),
            frame_bytes: self.raw,
            times: self.time.into(),
        }
    }
}

impl Output {
    /// A sink that writes to `out`.
    pub fn sink<'w>(&self, out: impl Write + 'w) -> Box<dyn Sink + 'w> {
        let look = self.look.clone();
        let out = Marked(out);
        if let Some(filter) = self
            .jq
            .as_deref()
            .and_then(|text| Filter::compile(text).ok())
        {
            return Box::new(output::Jq::new(out, filter));
        }
        match self.form {
            OutputForm::Pretty => Box::new(Pretty::new(out, look)),
            OutputForm::Json => Box::new(Json::new(out, self.raw).redacted(self.redact)),
            OutputForm::Raw => Box::new(output::Raw::new(out)),
            OutputForm::None | OutputForm::Conversations => Box::new(output::Nothing),
            OutputForm::Hex => Box::new(Hex::new(out, look)),
            OutputForm::Table => Box::new(output::Table::new(out, look)),
            OutputForm::Stats => Box::new(output::Stats::new(out, look, self.json)),
        }
    }
}

fn parse_glob(text: &str) -> Result<glob::Pattern, String> {
    glob::Pattern::new(text)
        .map_err(|error| format!("{} at character {}", error.msg, error.pos + 1))
}

/// A number of bytes with a unit: `4096`, `64KiB`, `64k`, `1MB`.
pub fn parse_size(text: &str) -> Result<usize, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at_checked(digits).unwrap_or((text, ""));
    let number: usize = number
        .parse()
        .map_err(|_| "a size is a number with a unit, such as 64MiB".to_owned())?;
    let factor: usize = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err("units are B, KiB, MiB, GiB, kB, MB, GB".to_owned()),
    };
    // Spans count in 32 bits.
    let most = u32::MAX as usize;
    match number
        .checked_mul(factor)
        .filter(|size| (1..=most).contains(size))
    {
        Some(size) => Ok(size),
        None => Err("it must be at least 1 byte and less than 4GiB".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("4096"), Ok(4096));
        assert_eq!(parse_size("64MiB"), Ok(64 << 20));
        assert_eq!(parse_size("64m"), Ok(64 << 20));
        assert_eq!(parse_size("1 MB"), Ok(1_000_000));
        assert!(parse_size("0").is_err());
        assert!(parse_size("5GiB").is_err());
        assert!(parse_size("MiB").is_err());
        assert!(parse_size("1 parsec").is_err());
    }
}
