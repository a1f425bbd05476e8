//! `wirectl replay`: how fast, how often, over how many connections, and for how long.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a failed test"
)]

mod replay;

use replay::{Running, answering, asks, file, nobody, recorded, replay, sample, server, silent};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// A busy machine sends late, but not so often in a row.
const TRIES: usize = 5;

/// How late a frame was at most, in seconds.
fn late(summary: &serde_json::Value) -> f64 {
    let most = summary["start_error_us"]["max"].as_f64();
    most.unwrap_or_default() / 1e6
}

#[test]
fn loops_go_on_on_the_same_connection_or_make_recorded_ones_anew() {
    let (address, heard) = server(silent);
    let dump = file("loop.bin", asks(2));
    replay(&address, &["--loop", "3", "--linger", "0", &dump])
        .expect(0)
        .says(&["6 frames", "over 1 connection "]);
    assert_eq!(heard.next(), asks(2).repeat(3));
    let records = file("loop.json", recorded(2, Duration::from_millis(20)));
    let replayed = replay(&address, &["--loop", "3", "--linger", "0", &records])
        .expect(0)
        .says(&["6 frames", "over 3 connections"]);
    assert!(replayed.time >= Duration::from_millis(60));
    for _ in 0..3 {
        assert_eq!(heard.next(), asks(2));
    }
    replay(&address, &["--loop", "2", "-"])
        .expect(2)
        .says(&["--loop cannot read standard input again"]);
}

#[test]
fn load_comes_from_many_connections() {
    let (address, heard) = server(answering);
    let dump = file("load.bin", asks(10));
    let replayed = replay(&address, &["--json", "--connections", "8", &dump]).expect(0);
    let summary = replayed.summary();
    assert_eq!(summary["connections"], 8);
    assert_eq!(summary["frames"], 80);
    assert_eq!(summary["answers_by_type"], json!({"PingPong": 80}));
    for _ in 0..8 {
        assert_eq!(heard.next(), asks(10));
    }
}

#[test]
fn a_rate_is_kept_and_what_was_reached_stands_beside_it() {
    let (address, heard) = server(silent);
    let dump = file("rate.bin", asks(100));
    let options = ["--json", "--rate", "400/s", "--linger", "0", &dump];
    let in_time = (0..TRIES).any(|_| {
        let summary = replay(&address, &options).expect(0).summary();
        assert_eq!(heard.next(), asks(100));
        let (rate, seconds) = (&summary["rate"], &summary["seconds"]);
        let (rate, seconds) = (rate.as_f64().unwrap(), seconds.as_f64().unwrap());
        let product = rate * seconds;
        assert!((99.0..=101.0).contains(&product), "{summary}");
        assert!(seconds >= 0.24 - late(&summary), "{summary}");
        assert_eq!(summary["rate_asked"], 400.0);
        (390.0..410.0).contains(&rate) && seconds < 0.3
    });
    assert!(in_time);
    // The rate counts over all connections.
    let many = ["--connections", "4", "--rate", "400/s", "--linger", "0"];
    replay(&address, &[&many[..], &[&dump]].concat())
        .expect(0)
        .says(&["400 frames", "asked for 400.0 frames/s"]);
    replay(&address, &["--rate", "900M/s", "--linger", "0", &dump])
        .expect(0)
        .says(&["asked for 900,000,000 frames/s: missed by"]);
}

#[test]
fn an_interval_lies_between_one_frame_and_the_next() {
    let (address, heard) = server(|mut stream: TcpStream, told: &Sender<Vec<Instant>>| {
        let mut times = Vec::new();
        while stream.read_exact(&mut [0; 16]).is_ok() {
            times.push(Instant::now());
        }
        let _ = told.send(times);
    });
    let dump = file("interval.bin", asks(10));
    replay(&address, &["--interval", "30ms", "--linger", "0", &dump]).expect(0);
    let times = heard.next();
    assert_eq!(times.len(), 10);
    let all = times[9] - times[0];
    let (least, most) = (Duration::from_millis(240), Duration::from_secs(2));
    assert!(all > least && all < most, "{all:?}");
}

#[test]
fn recorded_times_are_kept_scaled_and_cut() {
    let (address, _heard) = server(silent);
    // 5 frames, 200 ms apart.
    let records = file("times.json", recorded(5, Duration::from_millis(200)));
    for (options, least, most) in [
        (vec![], 0.8, 0.9),
        (vec!["--speed", "1x"], 0.8, 0.9),
        (vec!["--speed", "2x"], 0.4, 0.5),
        (vec!["--speed", "0.5x"], 1.6, 1.7),
        (vec!["--max-gap", "50ms"], 0.2, 0.3),
        (vec!["--speed", "max"], 0.0, 0.1),
        (vec!["--rate", "100/s"], 0.04, 0.1),
    ] {
        let more = ["--json", "--linger", "0", &records];
        let in_time = (0..TRIES).any(|_| {
            let summary = replay(&address, &[&options[..], &more].concat())
                .expect(0)
                .summary();
            let seconds = summary["seconds"].as_f64().unwrap();
            assert!(
                seconds >= least - 0.01 - late(&summary),
                "{options:?}: {summary}"
            );
            assert_eq!(summary["frames"], 5);
            seconds < most + late(&summary) + 0.3
        });
        assert!(in_time, "{options:?}");
    }
}

#[test]
fn a_duration_ends_an_endless_loop() {
    let (address, heard) = server(silent);
    let dump = file("endless.bin", asks(10));
    let paced = [
        "--json",
        "--loop",
        "0",
        "--duration",
        "400ms",
        "--rate",
        "100/s",
    ];
    let replayed = replay(&address, &[&paced[..], &["--linger", "0", &dump]].concat()).expect(0);
    let frames = replayed.summary()["frames"].as_u64().unwrap();
    assert!((38..=42).contains(&frames), "{frames}");
    assert_eq!(heard.next().len() as u64, 16 * frames);
    let fast = ["--json", "--loop", "0", "--duration", "300ms"];
    let replayed = replay(&address, &[&fast[..], &["--linger", "0", &dump]].concat()).expect(0);
    let summary = replayed.summary();
    assert!(summary["frames"].as_u64().unwrap() > 1000, "{summary}");
    assert!(summary["seconds"].as_f64().unwrap() < 2.0, "{summary}");
    let bytes = heard.next().len() as u64;
    assert_eq!(summary["bytes"], bytes);
}

#[test]
fn a_dry_run_counts_and_connects_to_nobody() {
    let target = nobody().to_string();
    let dump = file("dry.bin", asks(100));
    let shown = |arguments: &[&str]| {
        let arguments = [&["--dry-run"], arguments].concat();
        let replayed = replay(&target, &arguments).expect(0);
        assert!(replayed.time < Duration::from_secs(10));
        replayed.stdout
    };
    assert_eq!(
        shown(&["--rate", "10/s", "--loop", "2", &dump]),
        format!(
            "would send 200 frames, 3200 bytes, over 1 connection to tcp://{target}\n\
             would take 20.000 s\n"
        )
    );
    assert!(shown(&[&dump]).contains("would take as long as the peer takes"));
    let capture = sample("pcap/sync-session.pcap");
    let text = shown(&["--speed", "10x", "--connections", "2", &capture]);
    assert!(
        text.contains("130 frames, 8204 bytes, over 8 connections") && text.contains("3.685 s"),
        "{text}"
    );
    assert!(shown(&["--loop", "0", &dump]).contains("100 frames, 1600 bytes, over 1 connection"));
}

#[test]
fn the_users_interruption_ends_it_with_its_summary() {
    let (address, heard) = server(silent);
    let dump = file("interrupted.bin", asks(10));
    let running = Running::start(&address, &["--loop", "0", "--rate", "100/s", &dump]);
    std::thread::sleep(Duration::from_millis(500));
    running.interrupt();
    let replayed = running.end().expect(0).says(&["(interrupted)", "sent  "]);
    assert!(replayed.time < Duration::from_secs(5));
    assert_eq!(heard.next().len() % 16, 0);
}

/// Answers every ping, each a while after it came.
fn slow(mut stream: TcpStream, told: &Sender<u64>) {
    let mut writer = stream.try_clone().unwrap();
    let (due, answers) = std::sync::mpsc::channel::<(Instant, [u8; 16])>();
    let answering = std::thread::spawn(move || {
        for (due, frame) in answers {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if writer.write_all(&frame).is_err() {
                break;
            }
        }
    });
    let mut frame = [0; 16];
    let mut count = 0;
    while stream.read_exact(&mut frame).is_ok() {
        count += 1;
        frame[15] = 0xc3;
        let _ = due.send((Instant::now() + Duration::from_millis(300), frame));
    }
    drop(due);
    answering.join().unwrap();
    told.send(count).unwrap();
}

#[test]
fn answers_that_are_under_way_at_the_interruption_are_waited_for() {
    let (address, heard) = server(slow);
    let dump = file("under-way.bin", asks(10));
    let json = ["-o", "none", "--summary", "json"];
    for pace in [&["--rate", "50/s"][..], &["--wait-answer"]] {
        let options = [&json, pace, &["--loop", "0", dump.as_str()]].concat();
        let running = Running::start(&address, &options);
        std::thread::sleep(Duration::from_millis(500));
        running.interrupt();
        let replayed = running.end().expect(0);
        let summary = replayed.summary();
        assert_eq!(summary["interrupted"], true);
        let frames = summary["frames"].as_u64().unwrap();
        assert!(frames > 0);
        assert_eq!(summary["frames"], summary["answers"], "{replayed:?}");
        assert_eq!(heard.next(), frames);
    }
}

#[test]
fn a_peer_that_takes_or_says_nothing_is_not_waited_for_long_after_the_interruption() {
    let (deaf, _held) = server(|stream: TcpStream, told: &Sender<TcpStream>| {
        told.send(stream).unwrap();
    });
    let (dumb, _heard) = server(silent);
    let dump = file("deaf.bin", asks(1000));
    for address in [deaf, dumb] {
        for pace in [
            &["--speed", "max"][..],
            &["--rate", "1k/s", "--timeout", "20s"],
        ] {
            let options = [pace, &["--loop", "0", dump.as_str()]].concat();
            let running = Running::start(&address, &options);
            std::thread::sleep(Duration::from_millis(400));
            running.interrupt();
            let replayed = running.end().expect(0).says(&["(interrupted)", "sent  "]);
            assert!(replayed.time < Duration::from_secs(4), "{replayed:?}");
        }
    }
}

#[test]
fn what_was_sent_of_an_input_that_never_ends_is_counted_at_the_interruption() {
    let (address, _heard) = server(answering);
    let mut running = Running::start(&address, &["-o", "none", "--summary", "json", "-"]);
    let mut stdin = running.stdin();
    stdin.write_all(&asks(5)).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    running.interrupt();
    let replayed = running.end().expect(0);
    drop(stdin);
    let summary = replayed.summary();
    assert_eq!(summary["frames"], 5);
    assert_eq!(summary["answers"], 5);
    assert_eq!(summary["connections"], 1);
}

#[test]
fn a_second_interruption_ends_it_at_once() {
    let (address, _heard) = server(silent);
    let dump = file("twice.bin", asks(10));
    let options = ["--loop", "0", "--rate", "100/s", dump.as_str()];
    let running = Running::start(&address, &options);
    std::thread::sleep(Duration::from_millis(400));
    running.interrupt();
    std::thread::sleep(Duration::from_millis(100));
    running.interrupt();
    running.end().expect(130);
}

#[test]
fn what_comes_on_standard_input_is_sent_at_once() {
    let (address, heard) = server(|mut stream: TcpStream, told: &Sender<Instant>| {
        while stream.read_exact(&mut [0; 16]).is_ok() {
            told.send(Instant::now()).unwrap();
        }
    });
    let mut running = Running::start(&address, &["-"]);
    let mut stdin = running.stdin();
    for _ in 0..3 {
        stdin.write_all(&asks(5)).unwrap();
        for _ in 0..5 {
            heard.next();
        }
    }
    drop(stdin);
    running.end().expect(0);
}
