//! What people see: every view of the same frames, at several widths, against kept text.
//! `WIRECTL_REFRESH=1 cargo test --test cli_output` rewrites the kept text.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::Path;
use std::process::{Command, Output};

/// Frames of all kinds: sound, damaged, with secrets, with text that would disturb a terminal.
const FRAMES: &str = "tests/cli_output/frames.hex";

/// The signature of the token and the signing key in the frames.
const SIGNATURE: &str = "uGLno9l0pxYEB45picm4VpFh0mI733U5ZPgofHmJD4Q";
const KEY: &str = "00112233445566778899aabbccddeeff";

fn wirectl(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wirectl"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .output()
        .unwrap()
}

/// What `wirectl decode` prints of the frames.
fn decode(arguments: &[&str]) -> String {
    let all = [&["decode", "-i", "hex-lines", FRAMES], arguments].concat();
    let output = wirectl(&all);
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stdout).unwrap()
}

fn compare(name: &str, printed: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cli_output")
        .join(name);
    if std::env::var_os("WIRECTL_REFRESH").is_some() {
        std::fs::write(path, printed).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    for (number, (kept, printed)) in kept.lines().zip(printed.lines()).enumerate() {
        assert_eq!(kept, printed, "{name}, line {}", number + 1);
    }
    assert_eq!(kept, printed, "{name}");
}

/// Text without colours.
fn plain(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let mut plain = parts.next().unwrap().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').unwrap().1);
    }
    plain
}

#[test]
fn pretty_prints_what_is_kept() {
    compare("pretty-60.txt", &decode(&["--width", "60"]));
    compare("pretty-80.txt", &decode(&["--width", "80"]));
    compare("pretty-120.txt", &decode(&["--width", "120"]));
    compare("pretty-piped.txt", &decode(&[]));
    let coloured = decode(&["--width", "80", "--color", "always"]);
    compare("pretty-80.ansi", &coloured);
}

#[test]
fn hex_prints_what_is_kept() {
    compare("hex-60.txt", &decode(&["-o", "hex", "--width", "60"]));
    compare("hex-80.txt", &decode(&["-o", "hex", "--width", "80"]));
    compare("hex-120.txt", &decode(&["-o", "hex", "--width", "120"]));
}

#[test]
fn table_and_statistics_print_what_is_kept() {
    compare("table-60.txt", &decode(&["-o", "table", "--width", "60"]));
    compare("table-120.txt", &decode(&["-o", "table", "--width", "120"]));
    compare("stats.txt", &decode(&["-o", "stats"]));
    compare("stats.json", &decode(&["-o", "stats", "--json"]));
}

#[test]
fn lines_fit_the_width_and_end_without_spaces() {
    for form in ["pretty", "table", "hex"] {
        // Beside the bytes, fewer columns leave too little for the longest names and numbers.
        for width in if form == "hex" { [120, 200] } else { [60, 120] } {
            let printed = decode(&["-o", form, "--width", &width.to_string()]);
            for line in printed.lines() {
                assert!(line.chars().count() <= width, "{form} at {width}: {line}");
                assert!(!line.ends_with(' '), "{form} at {width}: {line:?}");
            }
        }
    }
}

#[test]
fn colour_changes_nothing_but_colour() {
    for form in ["pretty", "table", "hex", "stats"] {
        let without = decode(&["-o", form, "--width", "80", "--color", "never"]);
        let with = decode(&["-o", form, "--width", "80", "--color", "always"]);
        assert_ne!(without, with, "{form}");
        assert_eq!(without, plain(&with), "{form}");
    }
}

#[test]
fn pipes_get_no_colour_unless_forced() {
    assert!(!decode(&[]).contains('\x1b'));
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirectl"));
    command
        .args(["decode", "-i", "hex-lines", FRAMES])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("NO_COLOR")
        .env("CLICOLOR_FORCE", "1");
    let forced = command.output().unwrap().stdout;
    assert!(forced.contains(&0x1b));
    let both = command.env("NO_COLOR", "1").output().unwrap().stdout;
    assert!(!both.contains(&0x1b));
}

#[test]
fn hostile_text_reaches_no_terminal() {
    for form in ["pretty", "table", "hex", "stats", "json"] {
        let printed = decode(&["-o", form]);
        let harmless = |c: char| c == '\n' || !c.is_control();
        assert!(printed.chars().all(harmless) || form == "json", "{form}");
        if form != "json" {
            assert!(!printed.contains(['\u{202e}', '\u{200b}']), "{form}");
        }
    }
    assert!(decode(&[]).contains("red \\u{1b}[31mtext"));
}

#[test]
fn secrets_are_masked_for_people_and_shown_on_demand() {
    let hex_of_signature: String = SIGNATURE
        .bytes()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let spaced = |text: &str| {
        let pairs: Vec<&str> = (0..text.len() / 2)
            .map(|i| &text[2 * i..2 * i + 2])
            .collect();
        pairs.join(" ")
    };
    // Shorter than a row, so that breaking lines hides nothing from this test.
    let signature_bytes = spaced(&hex_of_signature[..8]);
    for form in ["pretty", "table", "hex"] {
        for raw in [&["--raw"][..], &[]] {
            let masked = decode(&[&["-o", form], raw].concat());
            assert!(!masked.contains(&SIGNATURE[..8]), "{form}");
            assert!(!masked.contains(&signature_bytes), "{form}");
            assert!(!masked.contains(KEY), "{form}");
            assert!(!masked.contains("11 22 33 44"), "{form}");
        }
    }
    let shown = decode(&["--show-secrets"]);
    assert!(shown.contains(SIGNATURE) && shown.contains(KEY));
    assert!(decode(&["-o", "hex", "--show-secrets"]).contains("11 22 33 44"));
}

#[test]
fn json_keeps_secrets_unless_redacted_and_marks_what_it_masks() {
    let faithful = decode(&["--json"]);
    assert!(faithful.contains(SIGNATURE) && faithful.contains(KEY));
    assert!(!faithful.contains("redacted"));
    let redacted = decode(&["--json", "--redact", "--raw"]);
    assert!(!redacted.contains(SIGNATURE) && !redacted.contains(KEY));
    let hex: String = SIGNATURE
        .bytes()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert!(!redacted.contains(&hex) && !redacted.contains("11223344"));
    let marked = redacted
        .lines()
        .filter(|line| line.ends_with("\"redacted\":true}"));
    assert_eq!(marked.count(), 2);
}

#[test]
fn a_secret_that_is_cut_off_does_not_leak() {
    let frames = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(FRAMES));
    let acknowledgement = frames.unwrap().lines().nth(1).unwrap().to_owned();
    let path = std::env::temp_dir().join(format!("wirectl-cut-{}", std::process::id()));
    std::fs::write(&path, &acknowledgement[..110]).unwrap();
    for form in ["pretty", "hex", "table"] {
        let path = path.to_str().unwrap();
        let output = wirectl(&["decode", "-i", "hex", "-o", form, "--raw", path]);
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(!printed.contains("11 22"), "{form}: {printed}");
    }
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_table_of_captured_messages_fits_the_terminal() {
    for width in ["44", "50", "60", "70", "76", "80", "100", "120", "160"] {
        let path = "samples/pcap/sync-session.pcap";
        let arguments = ["pcap", "-o", "table", "--width", width, path];
        let output = Command::new(env!("CARGO_BIN_EXE_wirectl"))
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("NO_COLOR", "1")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.lines().count() > 100, "{text}");
        let most: usize = width.parse().unwrap();
        for line in text.lines() {
            assert!(line.chars().count() <= most, "{width}: {line}");
        }
    }
}
