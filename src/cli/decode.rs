//! `wirectl decode`: bytes from files or standard input.

use super::options::{DecodingOptions, OutputOptions, SelectionOptions};
use super::{CLEAN, DAMAGED, complain, sniff, stdin};
use anyhow::Context;
use clap::{Args, ValueEnum};
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use wirectl::model::Origin;
use wirectl::pipeline::{Connection, Flow, Pipeline, Totals};
use wirectl::protocol::{Protocol, Settings};
use wirectl::source::{HexText, LineForm, SourceError, decode_bytes, decode_lines};

/// How much of raw input is looked at to notice that it is something else.
const SNIFFED: usize = 4096;

/// Decode bytes from files or standard input
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Decode {
    /// Files to decode; standard input if there is none, or for `-`
    files: Vec<PathBuf>,
    /// How the input spells its bytes
    #[arg(short, long, value_enum, value_name = "FORM", default_value_t = InputForm::Raw)]
    input: InputForm,
    #[command(flatten)]
    decoding: DecodingOptions,
    #[command(flatten)]
    selection: SelectionOptions,
    #[command(flatten)]
    output: OutputOptions,
    /// Exit with status 1 for warnings, too
    #[arg(long)]
    strict: bool,
}

const EXAMPLES: &str = "\
Examples:
  wirectl decode dump.bin                      recognize the protocol, show every frame
  wirectl decode < dump.bin                    the same from standard input
  wirectl decode -p sync -o hex dump.bin       bytes beside the fields they belong to
  wirectl decode --json dump.bin | jq .body    for programs
  wirectl decode --type 'Delta*' --limit 10 dump.bin
  wirectl decode -o stats *.bin                counts, sizes, findings
  xxd dump.bin | wirectl decode -i hex         hex text, xxd and hexdump -C too
  wirectl decode -o none --strict dump.bin && echo clean";

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
}

impl Decode {
    /// Decodes all inputs.
    pub fn run(self) -> anyhow::Result<u8> {
        let (forced, settings) = self.decoding.ready()?;
        let mut settings = Settings {
            independent: matches!(self.input, InputForm::HexLines | InputForm::Base64Lines),
            ..settings
        };
        let files = match self.files.as_slice() {
            [] => vec![PathBuf::from("-")],
            files => files.to_vec(),
        };
        let first = files.first().map_or_else(String::new, |path| name(path));
        let output = self.output.ready(&first)?;
        let mut sink = output.sink(io::stdout().lock());
        let mut pipeline = Pipeline::new(sink.as_mut(), self.selection.ready()?);
        settings.wanted = pipeline.wanted();
        for path in &files {
            let several = files.len() > 1;
            let flow = self.decode(path, several, forced, &settings, &mut pipeline)?;
            if flow == Flow::Stop {
                break;
            }
        }
        let totals = pipeline.totals();
        complain::filter_failures(&pipeline);
        sink.finish()?;
        if totals.records == 0 {
            complain::remark("the input is empty: there is nothing to decode");
        } else if totals.shown == 0
            && let Some(wrong) = self.selection.explain_nothing()
        {
            complain::note(&wrong);
        }
        Ok(self.status(totals))
    }

    /// Decodes one input.
    fn decode(
        &self,
        path: &Path,
        several: bool,
        forced: Option<&'static dyn Protocol>,
        settings: &Settings,
        pipeline: &mut Pipeline<'_>,
    ) -> anyhow::Result<Flow> {
        let name = name(path);
        let origin = Origin {
            file: several.then(|| name.clone()),
            ..Origin::default()
        };
        let mut connection = Connection::new(forced, settings.clone());
        let input = open(path).with_context(|| name.clone())?;
        let connection = &mut connection;
        let flow = match self.input {
            InputForm::Raw => {
                let mut input = sniffed(input, &name).with_context(|| name.clone())?;
                decode_bytes(&mut input, &origin, connection, pipeline)
            }
            InputForm::Hex => {
                let mut input = HexText::new(BufReader::new(input));
                decode_bytes(&mut input, &origin, connection, pipeline)
            }
            InputForm::HexLines => {
                let mut input = BufReader::new(input);
                decode_lines(&mut input, LineForm::Hex, &origin, connection, pipeline)
            }
            InputForm::Base64Lines => {
                let mut input = BufReader::new(input);
                decode_lines(&mut input, LineForm::Base64, &origin, connection, pipeline)
            }
        };
        flow.map_err(|error| in_input(error, name))
    }

    fn status(&self, totals: Totals) -> u8 {
        let damaged = totals.errors > 0 || (self.strict && totals.warnings > 0);
        if damaged { DAMAGED } else { CLEAN }
    }
}

fn in_input(error: SourceError, name: String) -> anyhow::Error {
    anyhow::Error::new(error).context(name)
}

/// What an input is called in messages and records.
fn name(path: &Path) -> String {
    if path == Path::new("-") {
        sniff::STDIN.to_owned()
    } else {
        path.display().to_string()
    }
}

fn open(path: &Path) -> anyhow::Result<Box<dyn Read>> {
    if path == Path::new("-") {
        let usual = "wirectl decode FILE, or wirectl decode < FILE";
        return Ok(Box::new(stdin::open("bytes", usual)?));
    }
    Ok(Box::new(File::open(path)?))
}

/// Looks at the start of raw input, hints if it seems to be something else, and gives it back.
fn sniffed(mut input: Box<dyn Read>, name: &str) -> io::Result<Box<dyn Read>> {
    let mut start = vec![0; SNIFFED];
    let count = loop {
        match input.read(&mut start) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => break result?,
        }
    };
    start.truncate(count);
    if let Some(wrong) = sniff::looks_like(&start, name) {
        complain::note(&wrong);
    }
    Ok(Box::new(Cursor::new(start).chain(input)))
}
