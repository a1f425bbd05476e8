//! How the command behaves: exit statuses, selection, hints, closed pipes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Output, Stdio};

const FRAMES: &str = "tests/cli_output/frames.hex";
const DECODE: [&str; 4] = ["decode", "-i", "hex-lines", FRAMES];
/// A sound frame.
const PING: &str = "01ff0b000000631a869b92cf000001a1f8eb4e5ac2";

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirectl"));
    command
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("NO_COLOR", "1")
        .env("RUST_BACKTRACE", "1");
    command
}

fn run(arguments: &[&str]) -> (String, String, Option<i32>) {
    read(command(arguments).stdin(Stdio::null()).output().unwrap())
}

/// Runs the command with `input` on its standard input.
fn feed(arguments: &[&str], input: &[u8]) -> (String, String, Option<i32>) {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(input).unwrap();
    drop(pipe);
    read(child.wait_with_output().unwrap())
}

fn read(output: Output) -> (String, String, Option<i32>) {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (
        text(output.stdout),
        text(output.stderr),
        output.status.code(),
    )
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The numbers of the records that a selection shows.
fn numbers(arguments: &[&str]) -> Vec<u64> {
    let (stdout, _, _) = run(&[&DECODE, arguments, &["--json"]].concat());
    let record = |line: &str| -> serde_json::Value { serde_json::from_str(line).unwrap() };
    stdout
        .lines()
        .map(|line| record(line)["n"].as_u64().unwrap())
        .collect()
}

#[test]
fn the_exit_status_tells_clean_from_damaged_from_wrong() {
    let ping = bytes(PING);
    assert_eq!(feed(&["decode", "-o", "none"], &ping).2, Some(0));
    assert_eq!(feed(&["decode", "-o", "none"], &ping[..15]).2, Some(1));
    assert_eq!(run(&["decode", "no-such-file"]).2, Some(2));
    assert_eq!(run(&["decode", "--no-such-option"]).2, Some(2));
    assert_eq!(run(&["decode", "-p", "no-such-protocol"]).2, Some(2));
    assert_eq!(run(&[]).2, Some(2));
    let none = [
        "pcap",
        "--max-connections",
        "0",
        "samples/pcap/noxu-feeder.pcap",
    ];
    assert_eq!(run(&none).2, Some(2));
}

#[test]
fn strict_counts_warnings() {
    // One byte behind the frame: peers ignore it.
    let odd = format!("{PING}c0");
    let arguments = ["decode", "-i", "hex-lines", "-o", "none"];
    let strict = [&arguments[..], &["--strict"]].concat();
    assert_eq!(feed(&arguments, odd.as_bytes()).2, Some(0));
    assert_eq!(feed(&strict, odd.as_bytes()).2, Some(1));
    assert_eq!(feed(&strict, PING.as_bytes()).2, Some(0));
}

#[test]
fn limit_skip_and_type_select_records() {
    assert_eq!(numbers(&["--limit", "2"]), [0, 1]);
    assert_eq!(numbers(&["--skip", "3", "--limit", "2"]), [3, 4]);
    assert_eq!(numbers(&["--limit", "0"]), [] as [u64; 0]);
    assert_eq!(numbers(&["--type", "pingpong"]), [3, 4, 9]);
    assert_eq!(numbers(&["--type", "sync.Delta*"]), [2, 5]);
    assert_eq!(
        numbers(&["--type", "Delta*", "--type", "Shape*"]),
        [2, 5, 7]
    );
    assert_eq!(numbers(&["--type", "Delta*,Shape*", "--skip", "1"]), [5, 7]);
}

#[test]
fn misspellings_are_answered_with_a_suggestion() {
    let (_, stderr, status) = run(&["decode", "-p", "synk", FRAMES]);
    assert_eq!(status, Some(2));
    assert!(stderr.contains("did you mean \"sync\"?"), "{stderr}");
    let (_, stderr, status) = run(&["explain", "crc-mismach"]);
    assert_eq!(status, Some(2));
    assert!(
        stderr.contains("did you mean \"crc-mismatch\"?"),
        "{stderr}"
    );
    let (_, stderr, _) = run(&["protocols", "sync.DeltaPsh"]);
    assert!(
        stderr.contains("did you mean \"sync.DeltaPush\"?"),
        "{stderr}"
    );
    let (_, stderr, status) = run(&[&DECODE[..], &["--type", "DeltaPsh"]].concat());
    assert!(
        stderr.contains("did you mean --type DeltaPush?"),
        "{stderr}"
    );
    assert_eq!(status, Some(1), "the frames are damaged all the same");
    let (_, stderr, _) = run(&["decode", "--sync-version", "9.9", FRAMES]);
    assert!(stderr.contains("version groups are b1, b3"), "{stderr}");
}

#[test]
fn input_that_is_something_else_is_noticed_and_decoded_all_the_same() {
    let capture = [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
    let (stdout, stderr, status) = feed(&["decode"], &capture);
    assert!(stderr.contains("wirectl pcap"), "{stderr}");
    assert!(!stdout.is_empty());
    assert_eq!(status, Some(1));
    let (_, stderr, _) = feed(&["decode"], PING.as_bytes());
    assert!(stderr.contains("-i hex"), "{stderr}");
    let (_, stderr, _) = feed(&["decode"], b"{\"n\":0,\"offset\":0,\"length\":21}");
    assert!(stderr.contains("wirectl encode"), "{stderr}");
    let (_, stderr, _) = feed(&["decode"], &bytes(PING));
    assert_eq!(stderr, "");
}

#[test]
fn contradictions_between_options_are_refused() {
    for arguments in [
        &["--json", "-o", "hex"][..],
        &["--redact", "-o", "raw"],
        &["--redact", "--show-secrets"],
        &["--max-frame", "0"],
        &["--max-frame", "12 parsec"],
        &["--type", "a[b"],
    ] {
        let (stdout, stderr, status) = run(&[&DECODE[..], arguments].concat());
        assert_eq!((stdout.as_str(), status), ("", Some(2)), "{arguments:?}");
        assert!(stderr.starts_with("error: "), "{stderr}");
    }
}

#[test]
fn raw_output_gives_the_bytes_back() {
    let ping = bytes(PING);
    let mut input = ping.clone();
    input.extend_from_slice(b"garbage");
    input.extend_from_slice(&ping);
    let mut child = command(&["decode", "-o", "raw"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&input).unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, input);
}

#[test]
fn a_record_is_shown_as_soon_as_its_frame_is_complete() {
    for form in ["pretty", "table", "json", "hex"] {
        let mut child = command(&["decode", "-o", form])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stdin.take().unwrap();
        pipe.write_all(&bytes(PING)).unwrap();
        // The pipe stays open: only a flush lets this line through.
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "{form}");
        drop(pipe);
        lines.read_to_string(&mut line).unwrap();
        assert!(line.contains("PingPong"), "{form}");
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn a_closed_pipe_is_success() {
    let input = bytes(PING).repeat(50_000);
    for form in ["pretty", "table", "json", "hex", "raw"] {
        let mut child = command(&["decode", "-o", form])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stdin.take().unwrap();
        drop(child.stdout.take());
        // The command stops reading when nobody reads its output.
        let _ = pipe.write_all(&input);
        drop(pipe);
        let (_, stderr, status) = read(child.wait_with_output().unwrap());
        assert_eq!((stderr.as_str(), status), ("", Some(0)), "{form}");
    }
}

#[test]
fn every_subcommand_has_help_with_examples() {
    let (help, _, _) = run(&["--help"]);
    let commands = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help");
    let mut count = 0;
    for name in commands {
        let (help, _, status) = run(&[name, "--help"]);
        assert!(help.contains("Examples:"), "{name}");
        assert_eq!(status, Some(0));
        count += 1;
    }
    assert!(count >= 5);
}

#[test]
fn completions_and_manual_pages_are_made() {
    for shell in ["bash", "zsh", "fish"] {
        let (script, _, status) = run(&["completions", shell]);
        assert!(script.contains("WIRECTL_COMPLETE") && status == Some(0));
    }
    assert!(run(&["man"]).0.contains(".TH wirectl"));
    assert!(run(&["man", "decode"]).0.contains("\\-\\-limit"));
}

#[test]
fn protocols_lists_describes_and_explains() {
    let (all, _, _) = run(&["protocols"]);
    assert!(all.contains("sync") && all.contains("port 9090"), "{all}");
    let (one, _, _) = run(&["protocols", "sync"]);
    assert!(one.contains("DeltaPush") && one.contains("0x10"), "{one}");
    let (kind, _, _) = run(&["protocols", "sync.DeltaPush"]);
    assert!(kind.contains("mutation_id"), "{kind}");
    assert!(kind.contains("from 0.4"), "{kind}");
}

#[test]
fn every_part_of_every_family_is_explained_and_can_be_named() {
    use wirectl::protocol::named;

    let (all, _, _) = run(&["protocols"]);
    for protocol in named() {
        let name = protocol.name();
        assert!(all.contains(&format!("  {name} ")), "{name}");
        let (types, _, status) = run(&["protocols", name]);
        assert_eq!(status, Some(0), "{name}");
        assert!(types.lines().count() > 4, "{name}: {types}");
        for message in protocol.messages() {
            assert!(types.contains(message.name), "{name}.{}", message.name);
        }
        if let Some(message) = protocol.messages().last() {
            let full = format!("{name}.{}", message.name);
            let (text, _, status) = run(&["protocols", &full]);
            assert_eq!(status, Some(0), "{full}");
            assert!(
                text.starts_with(&full) && text.contains(message.about),
                "{text}"
            );
        }
        let (_, complaint, status) = feed(&["decode", "-p", name], b"");
        assert_eq!(status, Some(0), "{name}: {complaint}");
        assert!(!complaint.contains("error"), "{name}: {complaint}");
    }
    let (text, _, _) = run(&["protocols", "rp.SystemOp"]);
    assert!(text.contains("rp.SystemOp::Auth\n") && text.contains("rp.SystemOp::Goodbye\n"));
    let (_, complaint, status) = run(&["protocols", "noxu.Ack"]);
    assert_eq!(status, Some(2));
    assert!(complaint.contains("noxu.feeder.Ack"), "{complaint}");
    for words in [
        &["decode", "-p", "noxu.f"][..],
        &["protocols", "noxu.feeder"],
        &["schema", "noxu.feeder"],
    ] {
        let mut asks = command(&["--", "wirectl"]);
        asks.args(words)
            .env("WIRECTL_COMPLETE", "bash")
            .env("_CLAP_IFS", "\n")
            .env("_CLAP_COMPLETE_INDEX", words.len().to_string());
        let (offered, _, _) = read(asks.output().unwrap());
        assert_eq!(offered.lines().next(), Some("noxu.feeder"), "{words:?}");
    }
    let (schema, _, _) = run(&["schema", "noxu"]);
    assert!(schema.contains("noxu.feeder.Entry"));
}

#[test]
fn standard_input_is_read_once() {
    let header = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0";
    for command in ["decode", "pcap"] {
        let (_, stderr, status) = feed(&[command, "-", "-"], header);
        assert_eq!(status, Some(2), "{command}");
        assert!(
            stderr.contains("standard input can be read only once"),
            "{stderr}"
        );
    }
}

#[test]
fn an_input_of_another_kind_or_of_nothing_is_said() {
    let (_, stderr, status) = run(&["pcap", "samples/sync/documents.bin"]);
    assert_eq!(status, Some(2));
    assert!(stderr.contains("wirectl decode"), "{stderr}");
    let (_, stderr, status) = run(&["decode"]);
    assert_eq!(status, Some(0));
    assert!(stderr.contains("the input is empty"), "{stderr}");
    let (_, stderr, _) = run(&["pcap", "-p", "70000=sync"]);
    assert!(stderr.contains("\"70000\" is no port"), "{stderr}");
    let (_, stderr, _) = run(&["explain", "crc"]);
    assert!(stderr.contains("crc-mismatch"), "{stderr}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_fails_is_not_blamed_on_the_input() {
    let capture = "samples/pcap/sync-session.pcap";
    for arguments in [
        &["decode", "samples/sync/documents.bin"][..],
        &["pcap", capture],
        &["pcap", "-o", "conversations", capture],
    ] {
        let full = std::fs::File::create("/dev/full").unwrap();
        let output = command(arguments)
            .stdin(Stdio::null())
            .stdout(full)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(
            stderr.starts_with("error: cannot write the output: "),
            "{stderr}"
        );
    }
}
