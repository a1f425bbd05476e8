//! `wirectl pcap -o conversations` from end to end.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const SESSION: &str = "samples/pcap/sync-session.pcap";

fn wirectl(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wirectl"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("NO_COLOR", "1")
        .env_remove("CLICOLOR_FORCE")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// What it prints; nothing may go wrong beside damage in the input.
fn pcap(arguments: &[&str]) -> String {
    let output = wirectl(&[&["pcap"], arguments].concat());
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "{arguments:?}: {complaints}"
    );
    String::from_utf8(output.stdout).unwrap()
}

fn records() -> Vec<Value> {
    pcap(&["--json", SESSION])
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The rows that `arguments` leave in the table of connections.
fn rows(arguments: &[&str]) -> Vec<Value> {
    let all = [&["-o", "conversations", "--json", SESSION], arguments].concat();
    pcap(&all)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn conversations_name_the_service_that_was_asked_for() {
    let of = |path: &str| -> Vec<(String, String, String)> {
        pcap(&["-o", "conversations", "--json", path])
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .map(|value| {
                let text = |name: &str| value[name].as_str().unwrap_or("-").to_owned();
                (text("protocol"), text("transport"), text("service"))
            })
            .collect()
    };
    let row = |protocol: &str, transport: &str, service: &str| {
        (
            protocol.to_owned(),
            transport.to_owned(),
            service.to_owned(),
        )
    };
    assert!(of(SESSION).contains(&row("sync", "ws", "/any/path")));
    let sse = of("samples/pcap/rps-sse.pcap");
    assert!(sse.contains(&row("rps", "sse", "/rps/sse")), "{sse:?}");
    assert!(sse.contains(&row("rps", "ws", "/rps")), "{sse:?}");
    let noxu = of("samples/pcap/noxu-anomalies.pcap");
    for service in ["PEER_FEEDER", "ELECTION", "RESTORE", "ELECTION_V2"] {
        assert!(noxu.contains(&row("noxu", "tcp", service)), "{noxu:?}");
    }
    assert_eq!(
        of("samples/pcap/sync-tls12.pcap"),
        [row("-", "tls", "sync.example")]
    );
    assert_eq!(
        of("samples/pcap/sync-tls13.pcapng"),
        [row("sync", "ws", "sync.example/sync")]
    );
}

#[test]
fn conversations_count_frames_bytes_and_findings() {
    let rows = rows(&[]);
    let records = records();
    assert_eq!(rows.len(), 4);
    for row in &rows {
        let stream = row["stream"].as_u64();
        let own: Vec<&Value> = records
            .iter()
            .filter(|record| record["stream"].as_u64() == stream)
            .collect();
        assert_eq!(row["frames"].as_u64(), Some(own.len() as u64));
        let count = |severity: &str| {
            let issues = own.iter().filter_map(|record| record["issues"].as_array());
            let found = issues
                .flatten()
                .filter(|issue| issue["severity"] == severity);
            Some(found.count() as u64)
        };
        assert_eq!(row["errors"].as_u64(), count("error"));
        assert_eq!(row["warnings"].as_u64(), count("warning"));
        assert_eq!(row["end"]["c2s"], "fin");
        assert_eq!(row["missing"]["s2c"], 0);
    }
}

#[test]
fn a_limit_counts_rows_of_the_table_and_leaves_their_figures_whole() {
    let all = rows(&[]);
    assert_eq!(all.len(), 4);
    assert_eq!(rows(&["--limit", "2"]), all[..2]);
    assert_eq!(rows(&["--skip", "1", "--limit", "2"]), all[1..3]);
    assert_eq!(rows(&["--skip", "3"]), all[3..]);
    assert_eq!(rows(&["--limit", "9"]), all);
}

#[test]
fn types_and_filters_choose_connections_and_leave_their_figures_whole() {
    let all = rows(&[]);
    let records = records();
    let with = |name: &str| -> Vec<&Value> {
        let has = |stream: &Value| {
            let own = |record: &&Value| record["stream"] == *stream && record["type"] == name;
            records.iter().any(|record| own(&record))
        };
        all.iter().filter(|row| has(&row["stream"])).collect()
    };
    let pings = with("PingPong");
    assert!(!pings.is_empty() && pings.len() < all.len());
    let chosen = rows(&["--type", "PingPong"]);
    assert_eq!(chosen.iter().collect::<Vec<_>>(), pings);
    let chosen = rows(&["--filter", ".type == \"PingPong\""]);
    assert_eq!(chosen.iter().collect::<Vec<_>>(), pings);
}

#[test]
fn an_empty_table_of_connections_says_why() {
    for (arguments, why) in [
        (&["--port", "1"][..], "note: no TCP connection to show"),
        (&["--type", "PingPon"], "did you mean --type PingPong?"),
        (&["--skip", "4"], "note: no TCP connection to show"),
    ] {
        let all = [&["pcap", "-o", "conversations", SESSION], arguments].concat();
        let output = wirectl(&all);
        assert_eq!(output.stdout, b"", "{arguments:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(why), "{arguments:?}: {said}");
    }
}

#[test]
fn streams_are_written_beside_the_table_of_connections() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("beside-the-table");
    let _ = std::fs::remove_dir_all(&directory);
    let table = rows(&["--write-payload", directory.to_str().unwrap()]);
    for row in &table {
        let name = format!("stream-{:05}-c2s.bin", row["stream"].as_u64().unwrap());
        let written = std::fs::metadata(directory.join(name)).unwrap();
        assert_eq!(Some(written.len()), row["bytes"]["c2s"].as_u64());
    }
}
