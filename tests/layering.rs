//! The direction of dependencies: model, codec, schema, protocol, pipeline, sources, command line;
//! beside them the network layer, which knows none of these, and outputs, which know no protocol.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every part of the library, and the other parts that it may use.
const PARTS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("codec", &["model"]),
    ("schema", &["model", "codec"]),
    ("protocol", &["model", "codec", "schema"]),
    ("net", &[]),
    // jq expressions work on the JSON that outputs write, and are an output themselves.
    ("filter", &["model", "output"]),
    ("output", &["model", "codec", "filter"]),
    ("explain", &["model"]),
    // Whether a record was edited is seen beside what its bytes are shown as.
    (
        "encode",
        &["model", "codec", "schema", "protocol", "output"],
    ),
    ("analysis", &["model", "codec", "schema", "protocol"]),
    (
        "pipeline",
        &["model", "filter", "protocol", "analysis", "output"],
    ),
    ("connect", &["model", "protocol"]),
    (
        "source",
        &["model", "codec", "net", "protocol", "pipeline", "connect"],
    ),
    (
        "tail",
        &[
            "model", "schema", "encode", "net", "protocol", "pipeline", "source", "connect",
            "output",
        ],
    ),
    (
        "replay",
        &[
            "model", "codec", "schema", "net", "protocol", "encode", "pipeline", "source",
            "connect", "output", "filter",
        ],
    ),
];

/// Parts that decode what they are given: no files, sockets, clocks, environment, printing.
const PURE: &[&str] = &[
    "model", "codec", "schema", "protocol", "encode", "net", "analysis",
];

/// What these parts must not reach for.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::os",
    "SystemTime",
    "Instant",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "UnixListener",
    "File::",
    "stdin(",
    "stdout(",
    "stderr(",
    "print!",
    "println!",
    "eprint!",
    "eprintln!",
];

/// A source file of the library.
struct Source {
    path: PathBuf,
    /// The part that it belongs to: its folder or name directly below `src`.
    part: String,
    /// How many modules deep it lies: 1 for a part itself.
    depth: usize,
    /// Its text without comments.
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    gather(&root, &root, &mut found);
    assert!(found.len() > 50);
    found
}

fn gather(root: &Path, directory: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(root, &path, found);
            continue;
        }
        let inside = path.strip_prefix(root).unwrap().with_extension("");
        let mut modules: Vec<String> = inside
            .iter()
            .map(|name| name.to_str().unwrap().to_owned())
            .collect();
        if modules.last().is_some_and(|name| name == "mod") {
            modules.pop();
        }
        let text = fs::read_to_string(&path).unwrap();
        let text: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        found.push(Source {
            part: modules[0].clone(),
            depth: modules.len(),
            text: text.join("\n"),
            path,
        });
    }
}

/// The files of the library's parts: not of the program.
fn parts() -> impl Iterator<Item = Source> {
    sources()
        .into_iter()
        .filter(|source| !["cli", "main", "lib"].contains(&source.part.as_str()))
}

impl Source {
    /// The other parts whose items are named: `crate::part`, `crate::{part, …}`, or as many
    /// `super::` as lead out of the part.
    fn uses(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for (at, _) in self.text.match_indices("crate::") {
            let before = self.text[..at].chars().next_back();
            if !before.is_some_and(|before| before.is_alphanumeric() || before == '_') {
                found.extend(roots(&self.text[at + "crate::".len()..]));
            }
        }
        for (at, _) in self.text.match_indices("super::") {
            if self.text[..at].ends_with("super::") {
                continue;
            }
            let mut rest = &self.text[at..];
            let mut up = 0;
            while let Some(next) = rest.strip_prefix("super::") {
                (rest, up) = (next, up + 1);
            }
            let in_tests = self.text[..at].contains("#[cfg(test)]");
            if up >= self.depth + usize::from(in_tests) {
                found.extend(roots(rest));
            }
        }
        found.remove(&self.part);
        found
    }
}

/// The first names of the paths that `text` begins with: one, or a group in braces.
fn roots(text: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        let text = text.trim_start();
        let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
        text[..end.unwrap_or(text.len())].to_owned()
    };
    let Some(group) = text.strip_prefix('{') else {
        return vec![name(text)];
    };
    let mut depth = 0;
    let mut names = vec![name(group)];
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(name(&group[at + 1..])),
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

#[test]
fn parts_use_only_what_lies_below_them() {
    let mut wrong = Vec::new();
    for source in parts() {
        let Some((_, allowed)) = PARTS.iter().find(|(part, _)| *part == source.part) else {
            wrong.push(format!("{}: not in the table", source.path.display()));
            continue;
        };
        for used in source.uses() {
            if !allowed.contains(&used.as_str()) {
                wrong.push(format!("{} uses {used}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_decodes_does_no_input_or_output_and_has_no_clock() {
    let mut wrong = Vec::new();
    for source in parts().filter(|source| PURE.contains(&source.part.as_str())) {
        let code = source.text.split("#[cfg(test)]").next().unwrap();
        for name in IMPURE {
            for (at, _) in code.match_indices(name) {
                let inside_word = |letter: Option<char>| {
                    letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
                };
                let before = code[..at].chars().next_back();
                let after = code[at + name.len()..].chars().next();
                if !inside_word(before) && !inside_word(after.filter(|_| !name.ends_with(':'))) {
                    wrong.push(format!("{}: {name}", source.path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_the_command_line_knows_clap_and_anyhow() {
    let mut wrong = Vec::new();
    for source in parts() {
        for name in ["clap", "anyhow"] {
            if source.text.contains(&format!("{name}::")) {
                wrong.push(format!("{}: {name}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_check_sees_paths_in_all_their_forms() {
    let source = |text: &str, depth| Source {
        path: PathBuf::new(),
        part: "output".to_owned(),
        depth,
        text: text.to_owned(),
    };
    let uses = |text: &str, depth| source(text, depth).uses().into_iter().collect::<Vec<_>>();
    assert_eq!(uses("use crate::protocol::Input;", 2), ["protocol"]);
    assert_eq!(uses("x: &crate::net::Event", 2), ["net"]);
    assert_eq!(
        uses("use crate::{codec::{a, b}, schema,\n model::C};", 1),
        ["codec", "model", "schema"]
    );
    assert_eq!(uses("use super::super::source::X;", 2), ["source"]);
    assert_eq!(uses("use super::value::X;", 2), [""; 0]);
    assert_eq!(uses("use crate::output::X;", 2), [""; 0]);
    assert_eq!(uses("#[cfg(test)] mod tests { use super::*; }", 1), [""; 0]);
}
