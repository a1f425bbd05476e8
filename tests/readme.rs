//! The console blocks of README.md: every command is run, and must print what the page shows.
//! `WIRECTL_REFRESH=1 cargo test --test readme` rewrites the page.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn every_command_of_the_page_prints_what_it_shows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("README.md")).unwrap();
    let mut fresh = String::new();
    let mut in_block = false;
    let mut commands = 0;
    for line in page.lines() {
        match (in_block, line) {
            (false, "```console") => in_block = true,
            (true, "```") => in_block = false,
            (true, line) => {
                let Some(command) = line.strip_prefix("$ ") else {
                    continue;
                };
                commands += 1;
                fresh.push_str(&format!("$ {command}\n{}", run(root, command)));
                continue;
            }
            _ => {}
        }
        fresh.push_str(line);
        fresh.push('\n');
    }
    assert!(commands > 5, "the page has lost its commands");
    if std::env::var_os("WIRECTL_REFRESH").is_some() {
        std::fs::write(root.join("README.md"), fresh).unwrap();
        return;
    }
    for (number, (shown, printed)) in page.lines().zip(fresh.lines()).enumerate() {
        assert_eq!(shown, printed, "README.md, line {}", number + 1);
    }
    assert_eq!(page, fresh);
}

/// What the command prints on both outputs, in a plain terminal of 100 columns.
fn run(root: &Path, command: &str) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_wirectl"));
    let path = format!(
        "{}:{}",
        binary.parent().unwrap().display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let output = Command::new("sh")
        .args(["-c", &format!("{{ {command}; }} 2>&1")])
        .current_dir(root)
        .env("PATH", path)
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}
