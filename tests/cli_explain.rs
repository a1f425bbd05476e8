//! Every finding that the program can make can be looked up.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::Path;
use wirectl::explain;

/// Names with hyphens that are no findings.
const OTHER_NAMES: &[&str] = &[
    "content-encoding",
    "content-length",
    "content-type",
    "cut-off",
    "date-time",
    "end-of-capture",
    "no-message",
    "permessage-deflate",
    "rmp-named",
    "sec-websocket-extensions",
    "transfer-encoding",
];

#[test]
fn every_finding_in_the_sources_is_explained() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut codes = Vec::new();
    visit(&root, &mut codes);
    codes.sort_unstable();
    codes.dedup();
    assert!(codes.len() > 30, "{codes:?}");
    let unexplained: Vec<&String> = codes
        .iter()
        .filter(|code| explain::by_code(code).is_none())
        .filter(|code| !OTHER_NAMES.contains(&code.as_str()))
        .collect();
    assert!(
        unexplained.is_empty(),
        "src/explain lacks {unexplained:?} (or tests/cli_explain.rs, if they are no findings)"
    );
}

/// Gathers what may be codes of findings in the sources below `folder`.
fn visit(folder: &Path, codes: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let name = path.file_name().unwrap();
            if !["cli", "output", "explain"]
                .iter()
                .any(|other| name == *other)
            {
                visit(&path, codes);
            }
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            hyphenated(code, codes);
            first_arguments(code, codes);
        }
    }
}

/// String literals in kebab-case.
fn hyphenated(code: &str, codes: &mut Vec<String>) {
    for literal in code.split('"') {
        let is_code = literal.contains('-')
            && !literal.starts_with('-')
            && !literal.ends_with('-')
            && literal.starts_with(|first: char| first.is_ascii_lowercase())
            && !literal.contains("--")
            && literal
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        // Names of codecs: a letter and a word.
        if is_code && literal.find('-') > Some(1) {
            codes.push(literal.to_owned());
        }
    }
}

/// First arguments of calls that make findings; these need no hyphen.
fn first_arguments(code: &str, codes: &mut Vec<String>) {
    for call in ["message.error(", "message.warning(", "message.note("] {
        for rest in code.split(call).skip(1) {
            if let Some(literal) = rest.trim_start().strip_prefix('"') {
                codes.extend(literal.split('"').next().map(str::to_owned));
            }
        }
    }
}
