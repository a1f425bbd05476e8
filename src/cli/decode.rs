//! `wirectl decode`: bytes from files or standard input.

use super::{CLEAN, DAMAGED};
use anyhow::Context;
use clap::{Args, ValueEnum};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
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
    /// RP compression dictionary, as ID=FILE
    #[arg(long, value_name = "ID=FILE")]
    dictionary: Vec<String>,
    /// Name of an RP channel, as NUMBER=NAME
    #[arg(long, value_name = "NUMBER=NAME")]
    channel: Vec<String>,
    /// Largest frame, and largest output of decompressing one, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = wirectl::protocol::DEFAULT_MOST_FRAME)]
    max_frame: usize,
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
                *wirectl::protocol::ALL
                    .iter()
                    .find(|protocol| protocol.name() == name)
                    .with_context(|| format!("no protocol {name:?}"))?,
            ),
            None => None,
        };
        let settings = Settings {
            independent: matches!(self.input, InputForm::HexLines | InputForm::Base64Lines),
            most_frame: self.max_frame,
            dictionaries: Arc::new(dictionaries(&self.dictionary)?),
            channels: Arc::new(channels(&self.channel)?),
            ..Settings::default()
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
            let mut connection = Connection::new(forced, settings.clone());
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

/// The dictionaries that `ID=FILE` name.
fn dictionaries(arguments: &[String]) -> anyhow::Result<Vec<(u32, Vec<u8>)>> {
    let read = |argument: &String| {
        let (id, file) = argument
            .split_once('=')
            .with_context(|| format!("--dictionary {argument}: expected ID=FILE"))?;
        let id = id
            .parse()
            .with_context(|| format!("--dictionary {argument}: {id:?} is no id"))?;
        let bytes = std::fs::read(file).with_context(|| file.to_owned())?;
        Ok((id, bytes))
    };
    arguments.iter().map(read).collect()
}

/// The channel names that `NUMBER=NAME` give.
fn channels(arguments: &[String]) -> anyhow::Result<Vec<(u8, String)>> {
    let read = |argument: &String| {
        let (number, name) = argument
            .split_once('=')
            .with_context(|| format!("--channel {argument}: expected NUMBER=NAME"))?;
        let number = number
            .parse()
            .with_context(|| format!("--channel {argument}: expected a number from 0 to 255"))?;
        Ok((number, name.to_owned()))
    };
    arguments.iter().map(read).collect()
}
