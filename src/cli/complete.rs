//! What a shell offers behind TAB, asked of the program itself: message types and their fields.

use super::Arguments;
use clap::CommandFactory;
use clap_complete::engine::{CompletionCandidate, PathCompleter, ValueCompleter};
use clap_complete::env::{CompleteEnv, Shells};
use std::ffi::OsStr;
use wirectl::encode::{choices, type_by_name, type_names};
use wirectl::protocol::{self, sync};
use wirectl::schema::MessageType;

/// Set by the scripts of `wirectl completions`: the shell that asks.
const VARIABLE: &str = "WIRECTL_COMPLETE";

/// Answers a shell and ends the program, if it is one that asks.
pub fn answer() {
    CompleteEnv::with_factory(Arguments::command)
        .var(VARIABLE)
        .complete();
}

/// The script that makes `shell` ask.
pub fn script(shell: &str) -> anyhow::Result<Vec<u8>> {
    let mut script = Vec::new();
    if let Some(shell) = Shells::builtins().completer(shell) {
        shell.write_registration(VARIABLE, "wirectl", "wirectl", "wirectl", &mut script)?;
    }
    Ok(script)
}

/// A file, a message type, or a field of the type that stands before.
pub fn encode_argument(current: &OsStr) -> Vec<CompletionCandidate> {
    let typed = current.to_string_lossy();
    if let Some(kind) = type_before() {
        return fields(kind, &typed);
    }
    let mut found = type_name(current);
    found.extend(PathCompleter::any().stdio().complete(current));
    found
}

/// A message type.
pub fn type_name(current: &OsStr) -> Vec<CompletionCandidate> {
    let about = |name: &str| type_by_name(name).map(|(_, kind)| kind.about.into());
    starting(current, type_names())
        .map(|name| CompletionCandidate::new(&name).help(about(&name)))
        .collect()
}

/// A protocol or a message type.
pub fn type_or_protocol(current: &OsStr) -> Vec<CompletionCandidate> {
    let names = protocol::named().map(|protocol| protocol.name().to_owned());
    let mut found: Vec<_> = starting(current, names)
        .map(CompletionCandidate::new)
        .collect();
    found.extend(type_name(current));
    found
}

/// A sync version group.
pub fn sync_version(current: &OsStr) -> Vec<CompletionCandidate> {
    let names = sync::versions::NAMES.iter().map(ToString::to_string);
    starting(current, names)
        .map(CompletionCandidate::new)
        .collect()
}

/// A Noxu service.
pub fn service(current: &OsStr) -> Vec<CompletionCandidate> {
    let names = protocol::noxu::SERVICES.iter().map(ToString::to_string);
    starting(current, names)
        .map(CompletionCandidate::new)
        .collect()
}

fn fields(kind: &'static MessageType, typed: &str) -> Vec<CompletionCandidate> {
    choices(kind, typed)
        .into_iter()
        .filter(|choice| choice.text.starts_with(typed))
        .map(|choice| CompletionCandidate::new(choice.text).help(Some(choice.about.into())))
        .collect()
}

/// The names that start with what was typed.
fn starting(current: &OsStr, names: impl Iterator<Item = String>) -> impl Iterator<Item = String> {
    let typed = current.to_string_lossy().into_owned();
    names.filter(move |name| name.starts_with(&typed))
}

/// The message type among the words of the command line that is being completed.
fn type_before() -> Option<&'static MessageType> {
    // A shell passes the command line behind `--`; the last word is the one that is typed.
    let words: Vec<String> = std::env::args().skip_while(|word| word != "--").collect();
    let before = words.split_last().map_or(&[][..], |(_, before)| before);
    before
        .iter()
        .find_map(|word| type_by_name(word))
        .map(|(_, kind)| kind)
}
