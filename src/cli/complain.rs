//! What goes to standard error: errors, and hints.

use super::stdout;
use super::terminal::{self, ColorChoice};
use std::fmt::Display;
use std::io::{self, Write};
use thiserror::Error;
use wirectl::output::{Ink, Styles};
use wirectl::pipeline::Pipeline;
use wirectl::schema::closest;

/// Wrong usage: what is wrong, and what to do.
#[derive(Debug, Error)]
#[error("{what}")]
pub struct Wrong {
    what: String,
    help: String,
}

impl Wrong {
    /// Says what is wrong and what helps.
    pub fn new(what: String, help: String) -> Self {
        Self { what, help }
    }

    /// `name` is not among those `known`, which `command` lists.
    pub fn unknown<'a>(
        kind: &str,
        name: &str,
        known: impl Iterator<Item = &'a str>,
        command: &str,
    ) -> Self {
        let known: Vec<&str> = known.collect();
        let holds = |candidate: &&str| !name.is_empty() && candidate.contains(name);
        let close = closest(name, known.iter().copied());
        let help = match close.or_else(|| known.iter().copied().find(holds)) {
            Some(close) => format!("did you mean \"{close}\"? `{command}` lists what is known"),
            None => format!("`{command}` lists what is known"),
        };
        Self {
            what: format!("no {kind} is called \"{}\"", name.escape_debug()),
            help,
        }
    }

    /// No record matches `pattern`.
    pub fn unmatched<'a>(pattern: &str, known: impl Iterator<Item = &'a str>) -> Self {
        let help = match closest(pattern, known) {
            Some(close) if !close.eq_ignore_ascii_case(pattern) => {
                format!("did you mean --type {close}?")
            }
            _ => "`wirectl decode --output stats` shows which types there are".to_owned(),
        };
        Self {
            what: format!("no record matches --type {}", pattern.escape_debug()),
            help,
        }
    }
}

/// Tells of a failure.
pub fn error(error: &anyhow::Error) {
    let styles = styles();
    // An output that fails is no fault of the input that was being read.
    match super::io_failures(error).find_map(stdout::failure) {
        Some(failure) => line("error", &styles.error, failure),
        None => line("error", &styles.error, &format_args!("{error:#}")),
    }
    if let Some(wrong) = error.downcast_ref::<Wrong>() {
        help(&wrong.help);
    }
}

/// Tells of something that is no failure.
pub fn remark(text: &str) {
    line("note", &styles().note, &text);
}

/// Tells of something that is no failure, and what to do.
pub fn note(wrong: &Wrong) {
    line("note", &styles().note, &wrong.what);
    help(&wrong.help);
}

/// Tells of a failure that does not end the run.
pub fn failure(what: &dyn Display) {
    line("error", &styles().error, what);
}

/// Tells what happens.
pub fn tell(text: &str) {
    say(&text);
}

fn help(text: &str) {
    let styles = styles();
    let (start, end) = (styles.note.start(), styles.note.end());
    say(&format_args!("  {start}={end} help: {text}"));
}

fn line(kind: &str, ink: &Ink, text: &dyn Display) {
    say(&format_args!("{}{kind}{}: {text}", ink.start(), ink.end()));
}

/// A failure to complain is not complained about.
fn say(text: &dyn Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn styles() -> Styles {
    Styles::new(terminal::use_color(ColorChoice::Auto, &io::stderr()))
}

/// Says so if the filter expression failed on records, which were then not shown.
pub fn filter_failures(pipeline: &Pipeline<'_>) {
    if let Some((count, first)) = pipeline.filter_failures() {
        note(&Wrong::new(
            format!("--filter failed on {count} records, which are not shown: {first}"),
            "use the alternative operator, such as (.body.seq // 0) > 5".to_owned(),
        ));
    }
}
