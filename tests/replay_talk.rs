//! `wirectl replay`: what comes back, and whether it is what the user wants.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a failed test"
)]

mod replay;

use replay::{
    Replayed, Running, answering, ask, asks, file, recorded, replay, sample, server, silent,
};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// Answers every ping but those that `skips` says.
fn forgetful(
    skips: impl Fn(u64) -> bool + Send + Clone + 'static,
) -> impl Fn(TcpStream, &Sender<u64>) + Send + Clone + 'static {
    move |mut stream: TcpStream, told: &Sender<u64>| {
        let mut frame = [0; 16];
        let mut count = 0;
        while stream.read_exact(&mut frame).is_ok() {
            count += 1;
            frame[15] = 0xc3;
            if !skips(count) && stream.write_all(&frame).is_err() {
                break;
            }
        }
        let _ = told.send(count);
    }
}

/// The numbers of the pings in records.
fn numbers(replayed: &Replayed) -> Vec<u64> {
    let records = replayed.records().into_iter();
    records
        .map(|record| record["body"]["timestamp_ms"].as_u64().unwrap() - 0x190_0000_0000)
        .collect()
}

/// A recording of `count` pings whose answers have the numbers that `answer` gives.
fn recording(name: &str, count: u64, answer: impl Fn(u64) -> Option<u64>) -> String {
    let mut lines = Vec::new();
    for (number, line) in recorded(count, Duration::from_millis(1))
        .lines()
        .enumerate()
    {
        lines.push(line.to_owned());
        if let Some(answered) = answer(number as u64) {
            let mut record: Value = serde_json::from_str(line).unwrap();
            record["direction"] = "s2c".into();
            record["body"] =
                json!({"timestamp_ms": 0x190_0000_0000_u64 + answered, "is_pong": true});
            lines.push(record.to_string());
        }
    }
    file(name, lines.join("\n"))
}

#[test]
fn answers_are_decoded_and_shown_and_counted() {
    let (address, _heard) = server(answering);
    let dump = file("answers.bin", asks(5));
    let replayed = replay(&address, &["--json", &dump]).expect(0);
    assert_eq!(numbers(&replayed), [0, 1, 2, 3, 4]);
    for record in replayed.records() {
        assert_eq!(record["direction"], "s2c");
        assert_eq!(record["src"], address.as_str());
        assert_eq!(record["stream"], 0);
        assert_eq!(record["transport"], "tcp");
        assert!(record["time"].is_string());
    }
    let summary = replayed.summary();
    assert_eq!(summary["answers"], 5);
    assert_eq!(summary["bytes_received"], 80);
    let latency = &summary["latency_us"]["PingPong"];
    assert_eq!(
        (&latency["requests"], &latency["answers"]),
        (&5.into(), &5.into())
    );
    let (p50, max) = (latency["p50"].as_f64(), latency["max"].as_f64());
    assert!(p50 > Some(0.0) && max >= p50, "{latency}");
    for key in ["broken", "unmet", "unanswered", "different"] {
        assert_eq!(summary[key], json!([]), "{key}");
    }
}

#[test]
fn people_get_a_summary_in_words() {
    let (address, _heard) = server(answering);
    let dump = file("words.bin", asks(5));
    let replayed = replay(&address, &[&dump]).expect(0).says(&[
        "sent      5 frames, 80 bytes, over 1 connection in ",
        "rate      ",
        "asked for as many as possible",
        "received  5 frames, 80 bytes: 5 PingPong",
        "latency        answers        p50        p90        p99        max\nPingPong             5  ",
    ]);
    assert!(replayed.stdout.contains("PingPong"));
    let silent = replay(&address, &["--summary", "none", "-o", "none", &dump]).expect(0);
    assert_eq!((silent.stderr.as_str(), silent.stdout.as_str()), ("", ""));
    let json = replay(&address, &["--summary", "json", "-o", "none", &dump]).expect(0);
    assert_eq!(json.summary()["frames"], 5);
}

#[test]
fn what_is_sent_is_shown_too_if_asked_for_and_filters_apply_to_both() {
    let (address, _heard) = server(answering);
    let dump = file("shown.bin", asks(300));
    let both = replay(&address, &["--json", "--show-sent", &dump]).expect(0);
    let side = |replayed: &Replayed, side: &str| {
        let records = replayed.records().into_iter();
        records.filter(|record| record["direction"] == side).count()
    };
    assert_eq!((side(&both, "c2s"), side(&both, "s2c")), (300, 300));
    let filter = ["--filter", ".body.is_pong == false", "--limit", "7"];
    let options = [&["--json", "--show-sent"], &filter[..], &[&dump]].concat();
    let some = replay(&address, &options).expect(0);
    assert_eq!((side(&some, "c2s"), side(&some, "s2c")), (7, 0));
    assert_eq!(some.summary()["answers"], 300);
    replay(&address, &["--filter", ".body |", &dump])
        .expect(2)
        .says(&["--filter"]);
}

#[test]
fn damaged_answers_give_status_1() {
    let (address, _heard) = server(|mut stream: TcpStream, _: &Sender<()>| {
        stream.read_exact(&mut [0; 16]).unwrap();
        let mut pong = ask(0);
        pong[5] = 0xc1;
        stream.write_all(&pong).unwrap();
    });
    let dump = file("damaged.bin", ask(0));
    replay(&address, &["--json", "-p", "sync", &dump]).expect(1);
}

#[test]
fn with_wait_answer_the_next_frame_waits_for_the_answer_of_the_last() {
    let (address, heard) = server(|mut stream: TcpStream, told: &Sender<bool>| {
        let mut early = false;
        let mut frame = [0; 16];
        while stream.read_exact(&mut frame).is_ok() {
            stream
                .set_read_timeout(Some(Duration::from_millis(30)))
                .unwrap();
            early |= stream.peek(&mut [0]).is_ok();
            stream.set_read_timeout(Some(replay::LONG)).unwrap();
            frame[15] = 0xc3;
            stream.write_all(&frame).unwrap();
        }
        told.send(early).unwrap();
    });
    let dump = file("wait.bin", asks(10));
    let replayed = replay(&address, &["--json", "--wait-answer", &dump]).expect(0);
    assert!(!heard.next(), "a frame came before the answer was given");
    assert!(replayed.summary()["seconds"].as_f64().unwrap() >= 0.27);
    assert_eq!(replayed.summary()["answers"], 10);
}

#[test]
fn frames_that_need_no_answer_do_not_wait() {
    let (address, heard) = server(silent);
    let pongs: Vec<u8> = (0..100)
        .flat_map(|number| {
            let mut pong = ask(number);
            pong[15] = 0xc3;
            pong
        })
        .collect();
    let dump = file("pongs.bin", &pongs);
    let options = ["--wait-answer", "--timeout", "2s", "--linger", "0", &dump];
    let replayed = replay(&address, &options).expect(0);
    assert!(replayed.time < Duration::from_millis(1900));
    assert!(heard.next() == pongs);
}

#[test]
fn an_answer_that_does_not_come_in_time_is_named() {
    let (address, heard) = server(forgetful(|count| count == 3));
    let dump = file("unanswered.bin", asks(5));
    let options = ["--wait-answer", "--timeout", "300ms", &dump];
    replay(&address, &options).expect(3).says(&[
        "unanswered  1 frame in time: frame 3\n",
        "PingPong        4 of 5  ",
    ]);
    assert_eq!(heard.next(), 5);
    let json = ["--json", "--wait-answer", "--timeout", "300ms", &dump];
    let summary = replay(&address, &json).expect(3).summary();
    assert_eq!(summary["unanswered"], json!([{"stream": 0, "frame": 3}]));
}

#[test]
fn expected_answers_end_the_wait_as_soon_as_they_are_there() {
    let (address, _heard) = server(answering);
    let dump = file("expected.bin", asks(5));
    let replayed = replay(
        &address,
        &[
            "--expect",
            ".type == \"PingPong\" and .body.is_pong",
            "--expect",
            ".body.timestamp_ms % 16 == 3",
            "--expect-type",
            "Ping*",
            "--expect-count",
            "5",
            "--timeout",
            "20s",
            &dump,
        ],
    )
    .expect(0);
    assert!(replayed.time < Duration::from_secs(10));
}

#[test]
fn unmet_expectations_give_status_3_and_say_what_came_instead() {
    let (address, _heard) = server(answering);
    let dump = file("unmet.bin", asks(3));
    let second = format!(".body.timestamp_ms == {}", 0x190_0000_0001_u64);
    let started = Instant::now();
    let replayed = replay(
        &address,
        &[
            "--expect",
            &second,
            "--expect",
            ".type == \"DeltaAck\"",
            "--expect-type",
            "*Ack",
            "--timeout",
            "500ms",
            &dump,
        ],
    )
    .expect(3)
    .says(&[
        "not as expected on connection 0:\n",
        &format!("  met       1. {second}\n            by #2 PingPong {{"),
        "  missing   2. .type == \"DeltaAck\"\n            seen: #3 PingPong {",
        "  missing   3. type *Ack\n",
    ]);
    assert!(started.elapsed() >= Duration::from_millis(500));
    assert!(replayed.time < Duration::from_secs(10));
    // In order: what comes before does not count.
    let first = format!(".body.timestamp_ms == {}", 0x190_0000_0000_u64);
    let options = [
        "--expect",
        &second,
        "--expect",
        &first,
        "--timeout",
        "300ms",
    ];
    replay(&address, &[&options[..], &[&dump]].concat())
        .expect(3)
        .says(&["missing   2."]);
    let summary = replay(
        &address,
        &["--json", "--expect", "false", "--timeout", "200ms", &dump],
    )
    .expect(3)
    .summary();
    assert_eq!(summary["unmet"][0]["stream"], 0);
    let difference = summary["unmet"][0]["difference"].as_str().unwrap();
    assert!(difference.contains("missing   1. false"), "{difference}");
}

#[test]
fn counts_of_answers_are_checked_both_ways() {
    let (address, _heard) = server(answering);
    let dump = file("counts.bin", asks(5));
    for (count, status, said) in [
        ("5", 0, ""),
        (">=5", 0, ""),
        ("2..5", 0, ""),
        ("<=4", 3, "expected  at most 4 answers\n  seen      5"),
        ("6", 3, "expected  6 answers\n  seen      5"),
        (">=6", 3, "expected  at least 6 answers\n  seen      5"),
    ] {
        let options = ["--expect-count", count, "--timeout", "300ms", &dump];
        replay(&address, &options).expect(status).says(&[said]);
    }
    replay(&address, &["--expect-count", "many", &dump])
        .expect(2)
        .says(&["--expect-count", "expected a number such as 5"]);
}

#[test]
fn expectations_hold_for_every_connection() {
    let (address, _heard) = server(answering);
    let dump = file("every.bin", asks(2));
    let options = ["--connections", "3", "--expect-count", "2", &dump];
    replay(&address, &options).expect(0);
    let options = [
        "--connections",
        "3",
        "--expect-count",
        "3",
        "--timeout",
        "300ms",
        &dump,
    ];
    replay(&address, &options).expect(3).says(&[
        "not as expected on connection 0",
        "not as expected on connection 1",
        "not as expected on connection 2",
    ]);
}

#[test]
fn a_wrong_expectation_is_told_before_anything_is_sent() {
    let (address, heard) = server(silent);
    let dump = file("wrong.bin", asks(2));
    replay(&address, &["--expect", ".type ==", &dump])
        .expect(2)
        .says(&["--expect", ".type =="]);
    assert!(heard.nothing_more());
}

#[test]
fn the_same_answers_as_recorded_are_equal() {
    let (address, _heard) = server(answering);
    let records = recording("same.json", 5, Some);
    replay(&address, &["--compare", &records])
        .expect(0)
        .says(&["compared  5 answers: all as recorded"]);
}

#[test]
fn other_answers_than_recorded_are_shown_beside_these() {
    let (address, _heard) = server(answering);
    let records = recording("other.json", 5, |number| {
        Some(if number == 2 { 77 } else { number })
    });
    let (recorded, live) = (0x190_0000_0000_u64 + 77, 0x190_0000_0000_u64 + 2);
    let path = format!("    body.timestamp_ms\n      - {recorded}\n      + {live}\n");
    replay(&address, &["--compare", &records]).expect(3).says(&[
        "not as recorded on connection 0:\n  answer #3 PingPong\n",
        &path,
        "compared  5 answers: 1 connection differ",
    ]);
    for ignored in ["timestamp_ms", "body.timestamp_ms"] {
        replay(&address, &["--compare", "--ignore", ignored, &records]).expect(0);
    }
    replay(&address, &["--compare", "--ignore", "is_pong", &records]).expect(3);
    replay(&address, &["--ignore", "is_pong", &records])
        .expect(2)
        .says(&["--compare"]);
}

#[test]
fn answers_that_are_missing_or_too_many_differ_from_the_recording() {
    let (address, _heard) = server(forgetful(|count| count == 5));
    let records = recording("missing.json", 5, Some);
    let options = ["--compare", "--timeout", "400ms", &records];
    let replayed = replay(&address, &options)
        .expect(3)
        .says(&["  - only recorded: #5 PingPong {"]);
    assert!(replayed.time >= Duration::from_millis(400));
    let (address, _heard) = server(answering);
    let records = recording("many.json", 5, |number| (number < 4).then_some(number));
    replay(&address, &["--compare", &records])
        .expect(3)
        .says(&["  + only live: #5 PingPong {"]);
}

#[test]
fn a_recorded_session_is_compared_connection_by_connection() {
    // The other side of the capture, as a server: what it answered first.
    let capture = sample("pcap/noxu-group.pcap");
    let options = ["pcap", "-o", "raw", "--follow", "2", "--filter"];
    let said = |side: &str| {
        let filter = format!(".direction == \"{side}\"");
        replay::wirectl(&[&options[..], &[&filter, &capture]].concat())
    };
    let (asked, answered) = (said("c2s"), said("s2c"));
    assert_eq!((asked.len(), answered.len()), (51, 20));
    let (address, heard) = server(move |mut stream: TcpStream, told: &Sender<Vec<u8>>| {
        let mut all = vec![0; asked.len()];
        stream.read_exact(&mut all).unwrap();
        stream.write_all(&answered).unwrap();
        stream.read_to_end(&mut all).unwrap();
        told.send(all).unwrap();
    });
    let options = ["--stream", "2", "--speed", "10x", "--compare", &capture];
    replay(&address, &options)
        .expect(0)
        .says(&["compared  1 answer: all as recorded"]);
    assert_eq!(heard.next().len(), 51);
}

#[test]
fn an_answer_after_the_half_close_still_counts() {
    let (address, _heard) = server(|mut stream: TcpStream, _: &Sender<()>| {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        all[15] = 0xc3;
        stream.write_all(&all[..16]).unwrap();
    });
    let dump = file("half-close.bin", asks(3));
    let replayed = replay(&address, &["--json", "--linger", "100ms", &dump]).expect(0);
    assert_eq!(numbers(&replayed), [0]);
}

#[test]
fn answers_are_taken_while_frames_are_sent_however_many() {
    // Gives back twice what it gets, and takes nothing while nobody takes that.
    let (address, heard) = server(|mut stream: TcpStream, told: &Sender<usize>| {
        let mut space = vec![0; 16 << 10];
        let (mut total, mut held) = (0, 0);
        while let Ok(count) = stream.read(&mut space[held..]) {
            if count == 0 {
                break;
            }
            total += count;
            held += count;
            // A frame has 16 bytes; where a read ends within one, its rest comes first.
            let whole = held - held % 16;
            stream.write_all(&space[..whole]).unwrap();
            stream.write_all(&space[..whole]).unwrap();
            space.copy_within(whole..held, 0);
            held -= whole;
        }
        told.send(total).unwrap();
    });
    let dump = file("flood.bin", asks(500_000));
    let options = ["-o", "none", "--summary", "json", &dump];
    let summary = replay(&address, &options).expect(0).summary();
    assert_eq!(heard.next(), 8_000_000);
    assert_eq!(summary["frames"], 500_000);
    assert_eq!(summary["bytes_received"], 16_000_000);
}

#[test]
fn a_slow_peer_gets_everything() {
    let (address, heard) = server(|mut stream: TcpStream, told: &Sender<Vec<u8>>| {
        std::thread::sleep(Duration::from_millis(500));
        let mut all = Vec::new();
        let mut space = vec![0; 100_000];
        while let Ok(count @ 1..) = stream.read(&mut space) {
            all.extend_from_slice(&space[..count]);
            std::thread::sleep(Duration::from_millis(1));
        }
        told.send(all).unwrap();
    });
    let dump = asks(700_000);
    let path = file("slow.bin", &dump);
    replay(&address, &["--linger", "0", &path]).expect(0);
    assert!(heard.next() == dump);
}

#[test]
fn the_first_frames_at_full_speed_are_paired_and_the_summary_says_so() {
    let (address, _heard) = server(answering);
    let dump = file("paired.bin", asks(100_000));
    let options = ["-o", "none", "--summary", "json", &dump];
    let summary = replay(&address, &options).expect(0).summary();
    assert_eq!(summary["frames"], 100_000);
    assert_eq!(summary["answers"], 100_000);
    let followed = summary["followed"].as_u64().unwrap();
    let latency = &summary["latency_us"]["PingPong"];
    assert!(followed <= 1000);
    assert_eq!(latency["requests"], followed);
    // A rate that is slow enough has all of them followed.
    let dump = file("followed.bin", asks(2000));
    let options = ["-o", "none", "--summary", "json", "--rate", "4k/s", &dump];
    let summary = replay(&address, &options).expect(0).summary();
    assert_eq!(summary["latency_us"]["PingPong"]["answers"], 2000);
}

#[test]
fn an_unread_output_does_not_keep_it_from_ending() {
    let (address, _heard) = server(answering);
    let dump = file("blocked.bin", asks(10));
    let options = ["--json", "--loop", "0", "--rate", "100k/s", &dump];
    let running = Running::start(&address, &options);
    std::thread::sleep(Duration::from_millis(300));
    running.interrupt();
    let replayed = running.end();
    assert!(replayed.time < Duration::from_secs(10));
}

#[test]
fn secrets_in_answers_are_not_shown_beside_what_was_expected() {
    let (address, _heard) = server(|mut stream: TcpStream, _: &Sender<()>| {
        stream.read_exact(&mut [0; 16]).unwrap();
        // Accepted, session "s", and a key to sign with.
        let mut body = vec![0x99, 0xc3, 0xa1, b's', 0x80, 0xc0, 0xc2, 1, 0, 0];
        body.extend([0xdc, 0, 32]);
        body.extend([0x5a; 32]);
        let mut frame = vec![1, 2];
        frame.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
        frame.extend(crc32c::crc32c(&body).to_le_bytes());
        frame.extend(body);
        stream.write_all(&frame).unwrap();
    });
    let answer = json!({
        "time": "2026-01-01T00:00:00.001Z", "stream": 0, "direction": "s2c", "protocol": "sync",
        "type": "HandshakeAck", "header": {"version": 1, "schema": "0.6"}, "body": {
            "success": true, "session_id": "t", "server_clock": {}, "error": null,
            "fork_detected": false, "server_wire_version": 1, "producer_id": 0,
            "accepted_epoch": 0, "delta_signing_key": "6b".repeat(32),
        },
    });
    let records = recorded(1, Duration::ZERO) + &answer.to_string();
    let records = file("secret.json", records);
    let options = ["--compare", "--timeout", "300ms", "-o", "none", &records];
    let masked = replay(&address, &options).expect(3).says(&[
        "    body.session_id\n      - \"t\"\n      + \"s\"\n",
        "    body.delta_signing_key\n      - \"***\"\n      + \"***\"\n",
    ]);
    assert!(!masked.stderr.contains("5a5a") && !masked.stderr.contains("6b6b"));
    replay(&address, &[&["--show-secrets"], &options[..]].concat())
        .expect(3)
        .says(&["- \"6b6b6b", "+ \"5a5a5a"]);
}

#[cfg(target_os = "linux")]
#[test]
fn answers_that_nobody_looks_at_do_not_pile_up() {
    let (address, heard) = server(|stream: TcpStream, told: &Sender<usize>| {
        stream
            .set_write_timeout(Some(Duration::from_secs(1)))
            .unwrap();
        let mut socket = tungstenite::accept(stream).unwrap();
        socket.read().unwrap();
        let message = vec![0x11; 4 << 20];
        let mut sent = 0;
        while sent < 200 && socket.send(message.clone().into()).is_ok() {
            sent += 1;
        }
        let _ = told.send(sent);
    });
    let dump = file("pile.bin", ask(0));
    let url = format!("ws://{address}/");
    // Its output is not read.
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_wirectl"))
        .args(["replay", "--to", &url, "--json", "--linger", "20s", &dump])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let sent = heard.next();
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = peak.unwrap().split_whitespace().nth(1).unwrap();
    let megabytes = kilobytes.parse::<usize>().unwrap() / 1024;
    assert!(
        sent < 200 && megabytes < 128,
        "{sent} sent, {megabytes} MiB"
    );
}
