//! `wirectl replay`: peers that are not there, do not speak as they should, or go away.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a failed test"
)]

mod replay;

use replay::{
    CERTIFICATE, Running, ask, asks, file, nobody, recorded, replay, replay_input, scratch, server,
    server_at, silent, tls,
};
use serde_json::json;
use socket2::SockRef;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixListener;
use std::sync::mpsc::Sender;
use std::time::Duration;
use tungstenite::Message;

#[test]
fn nobody_there_is_told_with_advice() {
    let dump = file("nobody.bin", asks(1));
    let target = nobody().to_string();
    let replayed = replay(&target, &[&dump]).expect(2).says(&[
        "error: cannot connect to tcp://127.0.0.1:",
        "Connection refused",
        "nobody listens there",
        "--reconnect",
    ]);
    assert_eq!(replayed.stdout, "");
    replay(&format!("ws://{target}/x"), &[&dump])
        .expect(2)
        .says(&["nobody listens there"]);
    replay(&target, &["--connections", "5", &dump])
        .expect(2)
        .says(&["nobody listens there"]);
}

#[test]
fn a_name_without_address_is_told() {
    let dump = file("name.bin", asks(1));
    replay("no-such-host.invalid:9090", &[&dump])
        .expect(2)
        .says(&[
            "cannot find the host no-such-host.invalid",
            "check the name's spelling",
        ]);
}

#[test]
fn a_unix_socket_that_is_not_there_or_dead_is_told() {
    let dump = file("unix.bin", asks(1));
    let path = scratch("absent.sock");
    let path = path.to_str().unwrap();
    replay(&format!("unix:{path}"), &[&dump])
        .expect(2)
        .says(&["there is no such socket"]);
    let dead = scratch("dead.sock");
    drop(UnixListener::bind(&dead).unwrap());
    replay(&format!("unix:{}", dead.to_str().unwrap()), &[&dump])
        .expect(2)
        .says(&["nobody listens on it"]);
}

#[test]
fn wrong_targets_are_usage_errors_that_say_what_would_be_right() {
    let dump = file("target.bin", asks(1));
    for (target, said) in [
        ("9090", "localhost:9090"),
        ("host", "host:PORT"),
        ("http://h/x", "ws://h/x"),
        ("::1:9090", "[::1]:PORT"),
    ] {
        replay(target, &[&dump]).expect(2).says(&["--to", said]);
    }
}

#[test]
fn tls_failures_say_why() {
    let dump = file("tls.bin", asks(1));
    let (plain, _heard) = server(|mut stream: TcpStream, _: &Sender<()>| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    replay(&format!("tls://{plain}"), &["--insecure", &dump])
        .expect(2)
        .says(&["TLS with tls://127.0.0.1", "does not speak TLS there"]);
    let (address, _heard) = server_at("127.0.0.2:0", |stream: TcpStream, _: &Sender<()>| {
        let _ = tls(stream).read(&mut [0; 16]);
    });
    // 127.0.0.2 is not in the certificate.
    replay(&format!("tls://{address}"), &["--ca", CERTIFICATE, &dump])
        .expect(2)
        .says(&["failed", "connect by a name that is in the certificate"]);
    for (ca, said) in [
        (file("empty.pem", ""), "holds no certificate"),
        (file("bad.pem", "-----BEGIN CERTIFICATE-----\nx"), "bad.pem"),
        ("/nonexistent/ca.pem".to_owned(), "/nonexistent/ca.pem"),
    ] {
        replay(&format!("tls://{address}"), &["--ca", &ca, &dump])
            .expect(2)
            .says(&[said]);
    }
}

#[test]
fn servers_that_do_not_speak_websocket_are_told_apart() {
    let dump = file("ws.bin", asks(1));
    let says = |answer: &'static str| {
        let (address, _heard) = server(move |mut stream: TcpStream, _: &Sender<()>| {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        });
        format!("ws://{address}/sync")
    };
    let refusal = says("HTTP/1.1 401 Unauthorized\r\ncontent-length: 11\r\n\r\nno \x1b[31mtoken");
    replay(&refusal, &[&dump]).expect(2).says(&[
        "refused the WebSocket: HTTP 401 Unauthorized",
        "--header 'Authorization: Bearer",
    ]);
    let missing = says("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    replay(&missing, &[&dump])
        .expect(2)
        .says(&["HTTP 404", "check the URL's path"]);
    let other = says("SSH-2.0-OpenSSH_9.6\r\n");
    replay(&other, &[&dump])
        .expect(2)
        .says(&["does not speak WebSocket", "tcp://HOST:PORT"]);
    replay(&other, &["--header", "nonsense", &dump])
        .expect(2)
        .says(&["\"nonsense\" is no header", "NAME: VALUE"]);
}

#[test]
fn a_peer_that_does_not_answer_the_handshake_is_given_up() {
    let (address, _heard) = server(|stream: TcpStream, _: &Sender<()>| {
        std::thread::sleep(Duration::from_secs(20));
        drop(stream);
    });
    let dump = file("mute.bin", asks(1));
    for scheme in ["ws", "tls"] {
        let options = ["--connect-timeout", "300ms", "--insecure", &dump];
        let replayed = replay(&format!("{scheme}://{address}"), &options)
            .expect(2)
            .says(&["in time", "--connect-timeout"]);
        assert!(replayed.time < Duration::from_secs(10));
    }
}

/// Takes `frames` frames and then closes, or resets.
fn leaving(frames: usize, reset: bool) -> impl Fn(TcpStream, &Sender<usize>) + Send + Clone {
    move |mut stream: TcpStream, told: &Sender<usize>| {
        for _ in 0..frames {
            if stream.read_exact(&mut [0; 16]).is_err() {
                break;
            }
        }
        if reset {
            SockRef::from(&stream)
                .set_linger(Some(Duration::ZERO))
                .unwrap();
        } else {
            // What is unread when a socket is closed makes its system reset the connection.
            stream.shutdown(Shutdown::Write).unwrap();
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
        drop(stream);
        let _ = told.send(frames);
    }
}

#[test]
fn a_connection_that_breaks_says_after_which_frame() {
    let dump = file("breaks.bin", asks(500));
    for (reset, why) in [(false, "the peer closed the connection"), (true, "reset")] {
        let (address, heard) = server(leaving(10, reset));
        let options = ["--json", "--rate", "100/s", &dump];
        let replayed = replay(&address, &options).expect(2);
        assert_eq!(heard.next(), 10);
        let broken = &replayed.summary()["broken"][0];
        let after = broken["after_frames"].as_u64().unwrap();
        // A busy machine sends late, and then several at once.
        assert!((10..=200).contains(&after), "{broken}");
        assert!(broken["why"].as_str().unwrap().contains(why), "{broken}");
        replay(&address, &["--rate", "100/s", &dump])
            .expect(2)
            .says(&["broken    connection 0 after frame ", why]);
    }
}

#[test]
fn a_websocket_that_is_closed_says_how() {
    let (address, _heard) = server(|stream: TcpStream, _: &Sender<()>| {
        let mut socket = tungstenite::accept(stream).unwrap();
        for _ in 0..3 {
            socket.read().unwrap();
        }
        let close = tungstenite::protocol::CloseFrame {
            code: 4001.into(),
            reason: "session\u{1b}[31m revoked".into(),
        };
        let _ = socket.close(Some(close));
        while socket.read().is_ok() {}
    });
    let dump = file("closed.bin", asks(50));
    let url = format!("ws://{address}/sync");
    replay(&url, &["--rate", "50/s", &dump]).expect(2).says(&[
        "WebSocket code 4001: session\\u{1b}[31m revoked",
        "after frame ",
    ]);
}

#[test]
fn one_connection_of_several_may_break_and_the_others_go_on() {
    let (address, _heard) = server(|mut stream: TcpStream, _: &Sender<()>| {
        let mut frame = [0; 16];
        while stream.read_exact(&mut frame).is_ok() {
            if frame[14] == 7 {
                return;
            }
        }
    });
    let records: String = recorded(40, Duration::from_millis(5))
        .lines()
        .zip(0_u64..)
        .map(|(line, number)| line.replace("\"stream\":0", &format!("\"stream\":{}", number % 2)))
        .fold(String::new(), |all, line| all + &line + "\n");
    let path = file("several.json", records);
    let summary = replay(&address, &["--json", &path]).expect(2).summary();
    assert_eq!(summary["broken"].as_array().unwrap().len(), 1);
    assert_eq!(summary["broken"][0]["stream"], 1);
    assert!(summary["frames"].as_u64().unwrap() >= 24, "{summary}");
}

#[test]
fn a_broken_connection_is_made_anew_if_asked_for() {
    let (address, heard) = server(|mut stream: TcpStream, told: &Sender<Vec<u8>>| {
        let mut all = Vec::new();
        let mut frame = [0; 16];
        while all.len() < 160 && stream.read_exact(&mut frame).is_ok() {
            all.extend(frame);
        }
        let _ = told.send(all);
    });
    let dump = file("anew.bin", asks(30));
    let options = ["--reconnect", "--rate", "100/s", "--service", "SYNCUP"];
    let replayed = replay(
        &address,
        &[&options[..], &["--linger", "0", &dump]].concat(),
    );
    replayed
        .expect(0)
        .says(&["connecting again (after ", "new connections"]);
    // Each starts with the service; what was lost with a connection is lost, nothing comes twice.
    let mut numbers = Vec::new();
    for _ in 0..3 {
        let all = heard.next();
        assert_eq!(all[..10], *b"\x06\0\0\0SYNCUP");
        let rest = all[10..].chunks_exact(16);
        numbers.extend(rest.map(|frame| u64::from(frame[14])));
    }
    assert!(numbers.is_sorted() && numbers.len() >= 20, "{numbers:?}");
    let mut once = numbers.clone();
    once.dedup();
    assert_eq!(once, numbers);
}

#[test]
fn a_peer_that_comes_later_is_waited_for_if_asked_for() {
    let address = nobody().to_string();
    let dump = file("later.bin", asks(3));
    let running = Running::start(&address, &["--reconnect", "20", "--linger", "0", &dump]);
    std::thread::sleep(Duration::from_millis(400));
    let (_, heard) = server_at(&address, silent);
    running.end().expect(0).says(&["connecting again"]);
    assert_eq!(heard.next(), asks(3));
    let tried = replay(&nobody().to_string(), &["--reconnect", "2", &dump]).expect(2);
    assert_eq!(tried.stderr.matches("connecting again").count(), 2);
    assert!(tried.stderr.contains("nobody listens there"));
}

#[test]
fn a_peer_that_dies_inside_a_frame_is_told_so() {
    let (address, _heard) = server(|mut stream: TcpStream, _: &Sender<()>| {
        stream.read_exact(&mut vec![0; 1000]).unwrap();
        SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    });
    // One frame, too large for all buffers between.
    let body = 40_000_000_u32;
    let mut frame = vec![0x10];
    frame.extend(body.to_le_bytes());
    frame.extend(vec![0x92; body as usize]);
    let path = file("inside.bin", frame);
    let summary = replay(&address, &["--json", &path]).expect(2).summary();
    let broken = &summary["broken"][0];
    assert_eq!(broken["after_frames"], 0, "{summary}");
    let why = broken["why"].as_str().unwrap();
    assert!(why.contains("inside the next one"), "{why}");
}

#[test]
fn an_answer_that_ends_inside_a_frame_is_damage() {
    let (address, _heard) = server(|mut stream: TcpStream, _: &Sender<()>| {
        let mut frame = [0; 16];
        stream.read_exact(&mut frame).unwrap();
        frame[15] = 0xc3;
        stream
            .write_all(&[&frame[..], &frame[..9]].concat())
            .unwrap();
    });
    let dump = file("torn.bin", ask(1));
    let replayed = replay(&address, &["--json", "-p", "sync", &dump]).expect(1);
    let records = replayed.records();
    assert_eq!(records.len(), 2);
    assert_eq!(records[1]["issues"][0]["severity"], "error");
}

#[test]
fn inputs_that_cannot_be_read_are_named_with_the_place() {
    let (address, _heard) = server(silent);
    replay(&address, &["/nonexistent/dump.bin"])
        .expect(2)
        .says(&["/nonexistent/dump.bin: No such file"]);
    let records = recorded(2, Duration::ZERO) + "{\"protocol\":\"sync\",\"type\":\"Nope\"}\n";
    let path = file("nope.json", records);
    replay(&address, &["--speed", "max", &path])
        .expect(2)
        .says(&["nope.json:3:", "Nope"]);
    let path = file("odd.hex", "ff0b\nxyz\n");
    replay(&address, &["-i", "hex", &path])
        .expect(2)
        .says(&["odd.hex: line 2"]);
    let path = file("cut.json", "{\"protocol\":\"sync\",");
    replay(&address, &[&path]).expect(2).says(&["cut.json:1:"]);
}

#[test]
fn an_empty_input_sends_nothing_and_says_so() {
    let dump = file("empty.bin", "");
    let target = nobody().to_string();
    replay(&target, &[&dump])
        .expect(0)
        .says(&["the input is empty"]);
    replay_input(&target, &[], b"").expect(0);
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let dump = file("contradict.bin", asks(1));
    for options in [
        ["--rate", "5/s", "--interval", "1s"],
        ["--rate", "5/s", "--speed", "2x"],
        ["--speed", "0x", "--loop", "1"],
        ["--interval", "5", "--loop", "1"],
        ["--direction", "up", "--loop", "1"],
        ["--connections", "0", "--loop", "1"],
    ] {
        let arguments = [&options[..], &[&dump]].concat();
        replay("localhost:1", &arguments)
            .expect(2)
            .says(&["error: "]);
    }
    let unknown = replay("localhost:1", &["--interval", "5", &dump]);
    unknown.expect(2).says(&["such as 250ms"]);
}

#[test]
fn the_peers_pings_and_fragments_are_dealt_with_while_frames_are_sent() {
    let (address, heard) = server(|stream: TcpStream, told: &Sender<usize>| {
        let mut socket = tungstenite::accept(stream).unwrap();
        let (mut frames, mut pongs) = (0, 0);
        loop {
            match socket.read() {
                Ok(Message::Binary(_)) => {
                    frames += 1;
                    if frames % 100 == 0 {
                        socket
                            .send(Message::Ping(b"still there?"[..].into()))
                            .unwrap();
                    }
                }
                Ok(Message::Pong(_)) => pongs += 1,
                Ok(_) => {}
                Err(_) => break,
            }
        }
        told.send(frames).unwrap();
        told.send(pongs).unwrap();
    });
    let dump = file("pings.bin", asks(3000));
    let url = format!("ws://{address}/");
    replay(&url, &["--rate", "20k/s", &dump]).expect(0);
    assert_eq!(heard.next(), 3000);
    assert_eq!(heard.next(), 30);
}

#[test]
fn the_summary_of_a_broken_run_is_still_whole() {
    let (address, _heard) = server(leaving(5, false));
    let dump = file("whole.bin", asks(20));
    let options = ["--json", "--interval", "10ms", &dump];
    let summary = replay(&address, &options).expect(2).summary();
    assert_eq!(summary["unmet"], json!([]));
    assert_eq!(
        summary["frames"], summary["broken"][0]["after_frames"],
        "{summary}"
    );
    // What was expected and cannot come any more counts more.
    let options = ["--interval", "10ms", "--expect", "true", &dump];
    let replayed = replay(&address, &options).expect(3);
    assert!(replayed.time < Duration::from_secs(4), "{replayed:?}");
    replayed.says(&["broken ", "not as expected"]);
}
