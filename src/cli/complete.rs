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
    let current_text = current.to_string_lossy();
    let (before, typed) = rejoined(words_before(), &current_text);
    let prefix = typed
        .strip_suffix(current_text.as_ref())
        .unwrap_or_default();
    let kind = before.iter().find_map(|word| type_by_name(word));
    if let Some((_, kind)) = kind {
        return fields(kind, &typed, prefix);
    }
    let mut found = types(&typed, prefix);
    found.extend(PathCompleter::any().stdio().complete(current));
    found
}

/// A message type.
pub fn type_name(current: &OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    let (_, typed) = rejoined(words_before(), &current);
    types(
        &typed,
        typed.strip_suffix(current.as_ref()).unwrap_or_default(),
    )
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

/// The types that start with what was typed; of them, what comes behind `prefix`.
fn types(typed: &str, prefix: &str) -> Vec<CompletionCandidate> {
    let about = |name: &str| type_by_name(name).map(|(_, kind)| kind.about.into());
    type_names()
        .filter(|name| name.starts_with(typed))
        .filter_map(|name| {
            let rest = name.strip_prefix(prefix)?;
            Some(CompletionCandidate::new(rest).help(about(&name)))
        })
        .collect()
}

fn fields(kind: &'static MessageType, typed: &str, prefix: &str) -> Vec<CompletionCandidate> {
    choices(kind, typed)
        .into_iter()
        .filter(|choice| choice.text.starts_with(typed))
        .filter_map(|choice| {
            let rest = choice.text.strip_prefix(prefix)?;
            Some(CompletionCandidate::new(rest).help(Some(choice.about.into())))
        })
        .collect()
}

/// The names that start with what was typed.
fn starting(current: &OsStr, names: impl Iterator<Item = String>) -> impl Iterator<Item = String> {
    let typed = current.to_string_lossy().into_owned();
    names.filter(move |name| name.starts_with(&typed))
}

/// The words of the command line that is being completed, before the one that is typed.
fn words_before() -> Vec<String> {
    // A shell passes the command line behind `--`.
    let mut words: Vec<String> = std::env::args()
        .skip_while(|word| word != "--")
        .skip(1)
        .collect();
    words.pop();
    words
}

/// The argument that is typed, and the words before it: bash takes `field=value` and `a::b` apart.
fn rejoined(mut before: Vec<String>, current: &str) -> (Vec<String>, String) {
    let mut typed = current.to_owned();
    let separates = |word: &str| !word.is_empty() && word.chars().all(|c| matches!(c, '=' | ':'));
    if current.is_empty()
        && let Some((_, kind)) = before.iter().find_map(|word| type_by_name(word))
        && let Some(last) = before.last()
        && choices(kind, last)
            .iter()
            .any(|choice| choice.text == format!("{last}="))
    {
        // It also keeps back the separator itself.
        typed = format!("{last}=");
        before.pop();
        return (before, typed);
    }
    while let Some(separator) = before.pop_if(|word| separates(word)) {
        typed.insert_str(0, &separator);
        if !before.last().is_some_and(|word| separates(word)) {
            typed.insert_str(0, &before.pop().unwrap_or_default());
            break;
        }
    }
    (before, typed)
}

#[cfg(test)]
mod tests {
    use super::rejoined;

    #[test]
    fn arguments_that_bash_takes_apart_are_put_together() {
        let joined = |words: &[&str], current: &str| {
            let words = words.iter().map(ToString::to_string).collect();
            rejoined(words, current).1
        };
        assert_eq!(joined(&["encode", "sync.PingPong"], "is"), "is");
        assert_eq!(
            joined(&["encode", "sync.PingPong", "is_pong", "="], "t"),
            "is_pong=t"
        );
        assert_eq!(
            joined(&["encode", "sync.PingPong", "is_pong"], ""),
            "is_pong="
        );
        assert_eq!(
            joined(&["encode", "sync.PingPong", "is_pong", "=", "true"], ""),
            ""
        );
        assert_eq!(
            joined(&["encode", "rp.SystemOp", "::"], "A"),
            "rp.SystemOp::A"
        );
        assert_eq!(
            joined(&["encode", "rp.SystemOp", ":", ":"], "A"),
            "rp.SystemOp::A"
        );
    }
}
