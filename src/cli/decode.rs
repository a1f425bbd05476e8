//! `wirectl decode`: bytes from files or standard input.

use super::{CLEAN, DAMAGED};
use anyhow::Context;
use clap::{Args, ValueEnum};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use wirectl::model::Origin;
use wirectl::output::{Json, Sink};
use wirectl::pipeline::{Connection, Flow, Pipeline, Selection};
use wirectl::protocol::{Protocol, Settings};
use wirectl::source::{HexText, LineForm, decode_bytes, decode_lines};

/// Decode bytes from files or standard input.
#[derive(Debug, Args)]
pub struct Decode {
    /// Files to decode; standard input if there is none, or for `-`
    files: Vec<PathBuf>,
    /// Protocol to decode as, instead of recognizing it
    #[arg(short, long)]
    protocol: Option<String>,
    /// How the input spells its bytes
    #[arg(short, long, value_enum, default_value_t = InputForm::Raw)]
    input: InputForm,
    /// How to show records
    #[arg(short, long, default_value = "json")]
    output: String,
    /// Put the frame's bytes into every JSON record
    #[arg(long)]
    raw: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum InputForm {
    Raw,
    Hex,
    HexLines,
    Base64Lines,
}

impl Decode {
    /// Decodes all inputs.
    pub fn run(self) -> anyhow::Result<u8> {
        let forced: Option<&'static dyn Protocol> = match &self.protocol {
            Some(name) => Some(
                wirectl::protocol::by_name(name).with_context(|| format!("no protocol {name:?}"))?,
            ),
            None => None,
        };
        let mut sink = Json::new(io::stdout().lock(), self.raw);
        let mut pipeline = Pipeline::new(&mut sink, Selection::default());
        let files = if self.files.is_empty() {
            vec![PathBuf::from("-")]
        } else {
            self.files
        };
        for path in &files {
            let origin = Origin {
                file: (files.len() > 1).then(|| path.display().to_string()),
                ..Origin::default()
            };
            let settings = Settings {
                independent: matches!(self.input, InputForm::HexLines | InputForm::Base64Lines),
                ..Settings::default()
            };
            let mut connection = Connection::new(forced, settings);
            let mut input = open(path)?;
            let flow = match self.input {
                InputForm::Raw => decode_bytes(&mut input, &origin, &mut connection, &mut pipeline),
                InputForm::Hex => decode_bytes(
                    &mut HexText::new(BufReader::new(input)),
                    &origin,
                    &mut connection,
                    &mut pipeline,
                ),
                InputForm::HexLines | InputForm::Base64Lines => decode_lines(
                    &mut BufReader::new(input),
                    match self.input {
                        InputForm::Base64Lines => LineForm::Base64,
                        _ => LineForm::Hex,
                    },
                    &origin,
                    &mut connection,
                    &mut pipeline,
                ),
            };
            let flow = flow.with_context(|| path.display().to_string())?;
            if flow == Flow::Stop {
                break;
            }
        }
        let totals = pipeline.totals();
        sink.finish()?;
        Ok(if totals.errors > 0 { DAMAGED } else { CLEAN })
    }
}

fn open(path: &Path) -> anyhow::Result<Box<dyn Read>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    let file = File::open(path).with_context(|| path.display().to_string())?;
    Ok(Box::new(file))
}
