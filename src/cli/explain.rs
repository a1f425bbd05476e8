//! `wirectl explain`: what a finding means.

use super::CLEAN;
use super::complain::Wrong;
use super::text::Text;
use clap::Args;
use wirectl::explain::{self, Explanation, SECTIONS};

const EXAMPLES: &str = "\
Examples:
  wirectl explain                  all codes
  wirectl explain crc-mismatch     one of them";

/// Explain what a finding means
///
/// Findings carry a code in brackets, such as error[crc-mismatch].
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Explain {
    /// The finding's code; all codes are listed if there is none
    code: Option<String>,
}

impl Explain {
    /// Prints the explanation.
    pub fn run(self) -> anyhow::Result<u8> {
        let mut text = Text::new();
        match &self.code {
            Some(code) => one(&mut text, known(code)?),
            None => all(&mut text),
        }
        text.print()?;
        Ok(CLEAN)
    }
}

fn known(code: &str) -> anyhow::Result<&'static Explanation> {
    // As printed, brackets and all.
    let bare = code
        .trim_start_matches(|c: char| c.is_ascii_alphabetic())
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(code);
    match explain::by_code(bare) {
        Some(explanation) => Ok(explanation),
        None => {
            let codes = explain::all().map(|explanation| explanation.code);
            Err(Wrong::unknown("finding", bare, codes, "wirectl explain").into())
        }
    }
}

fn one(text: &mut Text, explanation: &Explanation) {
    text.heading(&format!("{}: {}", explanation.code, explanation.title));
    text.blank();
    text.paragraph("", explanation.meaning);
    text.blank();
    text.paragraph("What to do: ", explanation.action);
}

fn all(text: &mut Text) {
    let mut first = true;
    for (about, section) in SECTIONS {
        if !std::mem::take(&mut first) {
            text.blank();
        }
        text.heading(about);
        let rows = section
            .iter()
            .map(|explanation| vec![explanation.code.to_owned(), explanation.title.to_owned()])
            .collect();
        text.rows(rows);
    }
}
