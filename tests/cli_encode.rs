//! How `wirectl encode` and `wirectl schema` behave.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};

const PING: &str =
    r#"{"protocol":"sync","type":"PingPong","body":{"timestamp_ms":1,"is_pong":false}}"#;
/// What it encodes to.
const PING_BYTES: &str = "01ff03000000fa359ae59201c2";

struct Outcome {
    stdout: Vec<u8>,
    stderr: String,
    status: Option<i32>,
}

impl Outcome {
    fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    /// The output of a command that must succeed.
    fn good(self) -> Vec<u8> {
        assert_eq!(self.status, Some(0), "{}", self.stderr);
        self.stdout
    }
}

/// Runs the command with `input` on its standard input.
fn run(arguments: &[&str], input: &[u8]) -> Outcome {
    let mut child = Command::new(env!("CARGO_BIN_EXE_wirectl"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("NO_COLOR", "1")
        .env_remove("WIRECTL_COMPLETE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads nothing may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    Outcome {
        stdout: output.stdout,
        stderr: String::from_utf8(output.stderr).unwrap(),
        status: output.status.code(),
    }
}

fn encode(arguments: &[&str], input: &str) -> Outcome {
    run(&[&["encode"], arguments].concat(), input.as_bytes())
}

fn hex_of(arguments: &[&str]) -> String {
    let outcome = encode(&[&["-o", "hex"], arguments].concat(), "");
    String::from_utf8(outcome.good()).unwrap().trim().to_owned()
}

fn records(text: &[u8]) -> Vec<Value> {
    let lines = text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

#[test]
fn the_forms_hold_the_same_bytes() {
    let two = format!("{PING}\n{PING}\n");
    let bytes = hex::decode(PING_BYTES.repeat(2)).unwrap();
    assert_eq!(encode(&[], &two).good(), bytes);
    assert_eq!(encode(&["-"], &two).good(), bytes);
    let text = |form| encode(&["-o", form], &two).text();
    assert_eq!(text("hex"), format!("{}\n", PING_BYTES.repeat(2)));
    assert_eq!(text("hex-lines"), format!("{PING_BYTES}\n{PING_BYTES}\n"));
    let line = text("base64-lines");
    assert_eq!(line.lines().count(), 2);
    let again = run(
        &["decode", "-i", "base64-lines", "-o", "raw"],
        line.as_bytes(),
    );
    assert_eq!(again.good(), bytes);
}

#[test]
fn what_was_encoded_is_shown_decoded_again() {
    let shown = records(&encode(&["-o", "json"], &format!("{PING}\n{PING}")).good());
    assert_eq!(shown.len(), 2);
    assert_eq!(shown[1]["offset"], 13);
    assert_eq!(shown[1]["header"]["crc"], 3_852_088_826_u32);
    assert_eq!(shown[1]["body"]["timestamp_ms"], 1);
    let pretty = encode(&["-o", "pretty"], PING).text();
    assert!(
        pretty.contains("sync.PingPong") && pretty.contains("timestamp_ms"),
        "{pretty}"
    );
    // A mixture, of which one part alone would be read as something else.
    let ack = r#"{"protocol":"noxu.feeder","type":"Ack","body":{"vlsn":1}}"#;
    let mixed = encode(&["-o", "json"], &format!("{PING}{ack}{PING}"));
    let mixed = records(&mixed.good());
    let names: Vec<&Value> = mixed.iter().map(|record| &record["protocol"]).collect();
    assert_eq!(names, ["sync", "noxu.feeder", "sync"]);
}

#[test]
fn fields_on_the_command_line_read_no_input() {
    let ping = ["sync.PingPong", "timestamp_ms=1", "is_pong=false"];
    // The pipe stays open and empty: reading it would never end.
    let mut child = Command::new(env!("CARGO_BIN_EXE_wirectl"))
        .args(["encode", "-o", "hex"])
        .args(ping)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let held = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(held);
    assert_eq!(output.stdout, format!("{PING_BYTES}\n").as_bytes());
    let named = hex_of(&[
        "rp.FragmentShard",
        "fragment_id=0192f0a4-0000-7000-8000-000000000001",
        "total:=2",
        "index=0",
        "payload:hex=00ff",
        "--header",
        "channel=5",
    ]);
    assert!(named.starts_with("525001000500000000"), "{named}");
    assert!(
        named.contains("c4100192f0a4000070008000000000000001"),
        "{named}"
    );
    assert!(named.ends_with("9200ccff"), "{named}");
}

#[test]
fn errors_name_place_and_path_and_nothing_is_half_written() {
    let wrong = PING.replace("\"is_pong\":false", "\"is_pong\":0");
    let outcome = encode(&[], &format!("{PING}\n{PING}\n{wrong}\n{PING}\n"));
    assert_eq!(outcome.status, Some(2));
    assert_eq!(
        outcome.stderr,
        "error: <stdin>:3:73: .body.is_pong: expected true or false, found an integer\n"
    );
    assert_eq!(hex::encode(outcome.stdout), PING_BYTES.repeat(2));
    let misspelt = encode(&[], &PING.replace("is_pong", "is_png"));
    assert_eq!(misspelt.status, Some(2));
    assert!(misspelt.stdout.is_empty());
    let peers = r#"{"protocol":"sync","type":"PresenceBroadcast","body":{"channel":"c","peers":[
        {"user_id":"a","state":"00","last_seen_ms":1},
        {"user_id":7,"state":"00","last_seen_ms":1}]}}"#;
    let outcome = encode(&[], peers);
    assert_eq!(outcome.status, Some(2));
    assert!(
        outcome
            .stderr
            .starts_with("error: <stdin>:3:20: .body.peers[1].user_id: expected a string"),
        "{}",
        outcome.stderr
    );
    let cut = encode(&["-o", "hex-lines"], &format!("{PING}\n{}", &PING[..40]));
    assert_eq!(cut.status, Some(2));
    assert_eq!(cut.text(), format!("{PING_BYTES}\n"));
    for (arguments, what) in [
        (
            &["sync.PingPong", "is_pong=1"][..],
            "is_pong=1: expected true or false",
        ),
        (&["sync.PingPong", "is_pnog=true"], "did you mean is_pong?"),
        (
            &["snyc.PingPong", "is_pong=true"],
            "did you mean \"sync.PingPong\"?",
        ),
        (&["sync.PingPnog"], "did you mean \"sync.PingPong\"?"),
        (
            &["--header", "channel=1"],
            "--header is for a message on the command line",
        ),
    ] {
        let outcome = encode(arguments, "");
        assert_eq!(outcome.status, Some(2), "{arguments:?}");
        assert!(outcome.stderr.contains(what), "{}", outcome.stderr);
        assert!(outcome.stdout.is_empty());
    }
}

#[test]
fn what_contradicts_is_an_error_unless_told_otherwise() {
    let wrong = PING.replace(
        "\"body\"",
        "\"length\":14,\"header\":{\"version\":1,\"code\":255,\"crc\":1},\"body\"",
    );
    let outcome = encode(&[], &wrong);
    assert_eq!(outcome.status, Some(2));
    assert!(
        outcome.stderr.contains(".length: 14 contradicts"),
        "{}",
        outcome.stderr
    );
    let hex = |option| encode(&["-o", "hex", option], &wrong).text();
    assert_eq!(hex("--recompute").trim(), PING_BYTES);
    assert_eq!(hex("--as-is").trim(), "01ff04000000010000009201c2");
}

#[test]
fn a_record_whose_fields_were_edited_contradicts_its_raw() {
    // A checksum that is wrong, so that the record has its bytes with it.
    let frame = hex::decode("01ff03000000000000009201c2").unwrap();
    let record = run(&["decode", "-o", "json"], &frame).text();
    assert!(record.contains("\"raw\":\"01ff"), "{record}");
    assert_eq!(encode(&[], &record).good(), frame);
    let edited = record.replace("\"timestamp_ms\":1", "\"timestamp_ms\":2");
    let outcome = encode(&[], &edited);
    assert_eq!(outcome.status, Some(2));
    assert!(
        outcome
            .stderr
            .contains(".body.timestamp_ms: 2 contradicts .raw, which has 1 here"),
        "{}",
        outcome.stderr
    );
    assert_eq!(encode(&["--as-is"], &edited).good(), frame);
    let computed = encode(&["--recompute", "-o", "json"], &edited);
    let computed = records(&computed.good());
    assert_eq!(computed[0]["body"]["timestamp_ms"], 2);
    assert_eq!(computed[0]["raw"], Value::Null);
    let edited = record.replace("\"crc\":0", "\"crc\":5");
    let outcome = encode(&[], &edited);
    assert!(
        outcome.stderr.contains(".header.crc: 5 contradicts .raw"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn large_frames_are_cut_into_fragments_that_come_together_again() {
    let text = "a fine day ".repeat(20);
    for encoding in ["msgpack", "cbor"] {
        let record = format!(
            r#"{{"protocol":"rp","type":"Value","header":{{"channel":9,"sequence":41,"encoding":"{encoding}"}},"body":{{"text":"{text}"}}}}"#
        );
        let lines = encode(&["--fragment", "100", "-o", "hex-lines"], &record).text();
        assert_eq!(lines.lines().count(), 3, "{lines}");
        let shown = run(
            &["decode", "-i", "hex-lines", "-o", "json"],
            lines.as_bytes(),
        );
        let shown = records(&shown.good());
        let (whole, parts) = shown.split_last().unwrap();
        assert_eq!(parts.len(), 3);
        assert_eq!(parts[2]["type"], "FragmentShard");
        assert_eq!(parts[2]["header"]["sequence"], 43);
        assert_eq!(whole["derived"], true);
        assert_eq!(whole["body"]["text"], text.as_str());
        assert_eq!(whole["header"]["sequence"], 41);
        // Records of fragments give the same bytes, and the whole gives none.
        let shown = encode(&["--fragment", "100", "-o", "json"], &record).good();
        let again = encode(&["-o", "hex-lines"], std::str::from_utf8(&shown).unwrap());
        assert_eq!(again.text(), lines);
    }
}

#[test]
fn noxu_messages_get_their_length_and_a_service_when_asked() {
    let bare = ["noxu.feeder.Ack", "vlsn=7", "--header", "prefixed=false"];
    let message = hex_of(&bare);
    let length = format!("{:08x}", (message.len() as u32 / 2).swap_bytes());
    let prefixed = hex_of(&[&bare[..], &["--to-length-prefix"]].concat());
    assert_eq!(prefixed, format!("{length}{message}"));
    let served = hex_of(
        &[
            &bare[..],
            &["--to-length-prefix", "--service", "PEER_FEEDER"],
        ]
        .concat(),
    );
    let name = hex::encode(b"PEER_FEEDER");
    assert_eq!(served, format!("0b000000{name}{length}{message}"));
    let bytes = hex::decode(&served).unwrap();
    let shown = records(&run(&["decode", "-o", "json"], &bytes).good());
    assert_eq!(shown[0]["type"], "ServiceName");
    assert_eq!(shown[1]["protocol"], "noxu.feeder");
    // Records that were decoded without a prefix get one, too.
    let records = format!(
        r#"{{"length":{},"protocol":"noxu.feeder","type":"Ack","header":{{"prefixed":false}},"body":{{"vlsn":7}}}}"#,
        message.len() / 2
    );
    let again = encode(&["-o", "hex", "--to-length-prefix"], &records);
    assert_eq!(again.text().trim(), prefixed);
}

#[test]
fn dictionaries_compress_what_names_them() {
    let file = std::env::temp_dir().join(format!("wirectl-dictionary-{}", std::process::id()));
    let text = "colourless green ideas sleep furiously ".repeat(20);
    std::fs::write(&file, &text).unwrap();
    let dictionary = format!("7={}", file.display());
    let record = format!(
        r#"{{"protocol":"rp","type":"Value","header":{{"dictionary":7}},"body":"{text}"}}"#
    );
    let lacking = encode(&[], &record);
    assert_eq!(lacking.status, Some(2));
    assert!(
        lacking.stderr.contains("dictionary 7 is not known"),
        "{}",
        lacking.stderr
    );
    let frame = encode(&["--dictionary", &dictionary], &record).good();
    assert!(frame.len() < 60, "{}", frame.len());
    let shown = run(
        &["decode", "-o", "json", "--dictionary", &dictionary],
        &frame,
    );
    let shown = records(&shown.good());
    assert_eq!(shown[0]["body"], text.as_str());
    assert_eq!(shown[0]["header"]["dictionary"], 7);
    std::fs::remove_file(file).unwrap();
}

#[test]
fn examples_may_be_of_an_older_version() {
    let old = encode(
        &["--example", "sync.DeltaPush", "--sync-version", "0.1"],
        "",
    )
    .text();
    let record: Value = serde_json::from_str(&old).unwrap();
    assert_eq!(record["header"]["schema"], "0.1");
    let new = encode(&["--example", "sync.DeltaPush"], "").text();
    assert!(new.len() > old.len());
    let shown = records(&encode(&["-o", "json"], &old).good());
    assert_eq!(shown[0]["body"], record["body"]);
    let none = encode(&["--example", "sync.KvPush", "--sync-version", "b1"], "");
    assert_eq!(none.status, Some(2));
}

/// What a shell gets that asks for completions of `words`, of which the last is being typed.
fn completions(words: &[&str]) -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_wirectl"))
        .arg("--")
        .args(words)
        .env("WIRECTL_COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string())
        .env("_CLAP_IFS", "\n")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn shells_complete_types_fields_and_values() {
    assert_eq!(completions(&["wirectl", "enc"]), ["encode"]);
    assert_eq!(
        completions(&["wirectl", "encode", "sync.Ping"]),
        ["sync.PingPong"]
    );
    assert_eq!(
        completions(&[
            "wirectl",
            "encode",
            "-o",
            "hex",
            "sync.PingPong",
            "timestamp_ms=1",
            "is"
        ]),
        ["is_pong="]
    );
    assert_eq!(
        completions(&["wirectl", "encode", "sync.PingPong", "is_pong=t"]),
        ["is_pong=true"]
    );
    // As bash asks.
    assert_eq!(
        completions(&["wirectl", "encode", "sync.PingPong", "is_pong", "=", "t"]),
        ["true"]
    );
    let values = completions(&["wirectl", "encode", "sync.PingPong", "is_pong", ""]);
    assert_eq!(values[..2], ["true", "false"]);
    assert_eq!(
        completions(&["wirectl", "encode", "rp.SystemOp", "::", "AuthO"]),
        ["AuthOk"]
    );
    assert_eq!(
        completions(&["wirectl", "encode", "--service", "PEER"]),
        ["PEER_FEEDER"]
    );
    assert!(completions(&["wirectl", "schema", "noxu."]).contains(&"noxu.feeder".to_owned()));
}
