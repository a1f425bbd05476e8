//! `wirectl replay`: what is sent, where to, and how fast.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::result_large_err,
    reason = "a panic is a failed test"
)]

mod replay;

use replay::{
    CERTIFICATE, answer_pings, answering, ask, asks, file, replay, replay_input, sample, scratch,
    server, server_at, silent, tls, wirectl,
};
use std::io::Read;
use std::net::TcpStream;
use std::os::unix::net::UnixListener;
use std::sync::mpsc::{Sender, channel};
use tungstenite::Message;
use tungstenite::handshake::server::{Request, Response};

/// A WebSocket server that tells its messages, the path and a header first.
fn messages(stream: TcpStream, told: &Sender<Vec<Message>>) {
    let mut request = Vec::new();
    let hear = |asked: &Request, response: Response| {
        let header = asked.headers().get("x-test");
        let header = header.map_or("", |value| value.to_str().unwrap());
        request.push(Message::text(format!("{} {header}", asked.uri())));
        Ok(response)
    };
    let Ok(mut socket) = tungstenite::accept_hdr(stream, hear) else {
        return;
    };
    while let Ok(message) = socket.read() {
        if message.is_binary() || message.is_text() {
            request.push(message);
        }
    }
    let _ = told.send(request);
}

#[test]
fn a_dump_arrives_byte_for_byte_and_then_the_end() {
    let (address, heard) = server(silent);
    let dump = asks(20_000);
    let file = file("dump.bin", &dump);
    let replayed = replay(&address, &["--linger", "0", &file])
        .expect(0)
        .says(&["sent      20,000 frames, 320.0 kB, over 1 connection"]);
    assert!(heard.next() == dump);
    assert_eq!(replayed.stdout, "");
}

#[test]
fn every_spelling_of_a_target_is_understood() {
    let dump = asks(3);
    let file = file("targets.bin", &dump);
    let (v4, heard_v4) = server(answering);
    let port = v4.rsplit(':').next().unwrap();
    for target in [
        v4.clone(),
        format!("tcp://{v4}"),
        format!("localhost:{port}"),
    ] {
        replay(&target, &[&file]).expect(0).says(&["3 PingPong"]);
        assert!(heard_v4.next() == dump, "{target}");
    }
    let (v6, heard_v6) = server_at("[::1]:0", answering);
    for target in [v6.to_string(), format!("tcp://{v6}")] {
        replay(&target, &[&file]).expect(0).says(&["3 PingPong"]);
        assert!(heard_v6.next() == dump, "{target}");
    }
}

#[test]
fn a_unix_socket_is_a_target_too() {
    let path = scratch("peer.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let (told, heard) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let writer = stream.try_clone().unwrap();
            answer_pings(&mut stream, writer, &told);
        }
    });
    let dump = asks(3);
    let file = file("unix.bin", &dump);
    let path = path.to_str().unwrap();
    for target in [format!("unix:{path}"), format!("unix://{path}")] {
        replay(&target, &[&file]).expect(0).says(&["3 PingPong"]);
        assert_eq!(heard.recv_timeout(replay::LONG).unwrap(), dump);
    }
}

#[test]
fn tls_trusts_the_given_certificate_or_any_if_the_user_says_so() {
    let (address, heard) = server(|stream: TcpStream, told: &Sender<Vec<u8>>| {
        let mut all = Vec::new();
        let mut stream = tls(stream);
        let mut frame = [0; 16];
        while stream.read_exact(&mut frame).is_ok() {
            all.extend(frame);
        }
        let _ = told.send(all);
    });
    let port = address.rsplit(':').next().unwrap();
    let file = file("tls.bin", asks(5));
    for (host, options) in [
        ("127.0.0.1", ["--ca", CERTIFICATE].as_slice()),
        ("localhost", &["--ca", CERTIFICATE]),
        ("127.0.0.1", &["--insecure"]),
    ] {
        let arguments = [options, &["--linger", "0", &file]].concat();
        replay(&format!("tls://{host}:{port}"), &arguments).expect(0);
        assert_eq!(heard.next(), asks(5));
    }
    replay(&format!("tls://{address}"), &[&file])
        .expect(2)
        .says(&["TLS with", "--ca FILE", "--insecure"]);
}

#[test]
fn websocket_messages_hold_one_frame_each_and_the_headers_are_sent() {
    let (address, heard) = server(messages);
    let file = file("ws.bin", asks(3));
    let url = format!("ws://{address}/sync?a=b");
    let header = ["--header", "X-Test: one"];
    replay(&url, &[&header[..], &[&file, "--linger", "0"]].concat()).expect(0);
    let expected = [
        Message::text("/sync?a=b one"),
        Message::binary(ask(0)),
        Message::binary(ask(1)),
        Message::binary(ask(2)),
    ];
    assert_eq!(heard.next(), expected);
}

#[test]
fn websockets_work_over_tls() {
    let (address, heard) = server(|stream: TcpStream, told: &Sender<Message>| {
        let mut socket = tungstenite::accept(tls(stream)).unwrap();
        while let Ok(message) = socket.read() {
            if message.is_binary() {
                let mut pong = message.clone().into_data().to_vec();
                pong[15] = 0xc3;
                socket.send(Message::binary(pong)).unwrap();
                let _ = told.send(message);
            }
        }
    });
    let file = file("wss.bin", asks(2));
    let url = format!("wss://{address}/sync");
    replay(&url, &["--ca", CERTIFICATE, &file])
        .expect(0)
        .says(&["2 PingPong", "PingPong             2  "]);
    assert_eq!(heard.next(), Message::binary(ask(0)));
    assert_eq!(heard.next(), Message::binary(ask(1)));
}

#[test]
fn messages_of_a_text_protocol_go_as_text_unless_the_user_says_otherwise() {
    let (address, heard) = server(messages);
    let text = "{\"op\":\"ping\"}";
    let file = file("rps.hex", hex::encode(text) + "\n");
    let url = format!("ws://{address}/");
    let base = ["-i", "hex-lines", "-p", "rps", "--linger", "0", &file];
    replay(&url, &base).expect(0);
    assert_eq!(heard.next()[1], Message::text(text));
    replay(&url, &[&base[..], &["--text", "false"]].concat()).expect(0);
    assert_eq!(heard.next()[1], Message::binary(text));
    let frames = replay::file("text.bin", ask(0));
    replay(&url, &["--linger", "0", "--text", "true", &frames]).expect(0);
    // Not UTF-8: cannot go as text.
    assert_eq!(heard.next()[1], Message::binary(ask(0)));
}

#[test]
fn all_forms_of_input_give_the_same_bytes() {
    let (address, heard) = server(silent);
    let dump = asks(3);
    let hex_lines: String = (0..3).map(|n| hex::encode(ask(n)) + "\n").collect();
    let raw = file("forms.bin", &dump);
    let records = wirectl(&["decode", "--json", &raw]);
    let base64 = wirectl(&["encode", "-o", "base64-lines", &file("f.json", &records)]);
    let forms: [(Option<&str>, Vec<u8>); 9] = [
        (None, dump.clone()),
        (Some("raw"), dump.clone()),
        (None, hex_lines.clone().into()),
        (Some("hex-lines"), hex_lines.into()),
        (Some("hex"), hex::encode(&dump).into()),
        (
            Some("hex"),
            b"00000000: ff0b 0000 0092 cf00 0001 9000 0000 00c2  ................\n".to_vec(),
        ),
        (Some("base64-lines"), base64),
        (None, records.clone()),
        (Some("json"), records),
    ];
    for (index, (form, bytes)) in forms.into_iter().enumerate() {
        let path = file(&format!("form-{index}"), &bytes);
        let form = form.map_or(vec![], |form| vec!["-i", form]);
        let arguments = [&form[..], &["--linger", "0"]].concat();
        replay(&address, &[&arguments[..], &[&path]].concat()).expect(0);
        let expected = if index == 5 { ask(0) } else { dump.clone() };
        assert_eq!(heard.next(), expected, "{index}: {form:?}");
        replay_input(&address, &arguments, &bytes).expect(0);
        assert_eq!(heard.next(), expected, "{index} on standard input");
        replay_input(&address, &[&arguments[..], &["-"]].concat(), &bytes).expect(0);
        assert_eq!(heard.next(), expected, "{index} as -");
    }
}

#[test]
fn several_files_follow_each_other_on_one_connection() {
    let (address, heard) = server(silent);
    let (one, two) = (file("one.bin", ask(1)), file("two.bin", ask(2)));
    replay(&address, &["--linger", "0", &one, &two]).expect(0);
    assert_eq!(heard.next(), [ask(1), ask(2)].concat());
}

#[test]
fn bytes_of_no_protocol_are_sent_as_they_are() {
    let (address, heard) = server(silent);
    let mut bytes = b"GET / HTTP/1.0\r\n\r\n".to_vec();
    bytes.extend(ask(1));
    bytes.extend([0xfe; 100]);
    let path = file("garbage.bin", &bytes);
    for speed in [["--speed", "max"], ["--rate", "1M/s"]] {
        replay(&address, &[&speed[..], &["--linger", "0", &path]].concat())
            .expect(0)
            .says(&["belong to no known frame; they are sent, too"]);
        assert_eq!(heard.next(), bytes);
    }
}

#[test]
fn a_service_is_opened_first_on_every_connection() {
    let (address, heard) = server(silent);
    let path = file("service.bin", ask(1));
    let options = ["--service", "ELECTION", "--connections", "3"];
    replay(
        &address,
        &[&options[..], &["--linger", "0", &path]].concat(),
    )
    .expect(0);
    for _ in 0..3 {
        let expected = [b"\x08\0\0\0ELECTION".to_vec(), ask(1)].concat();
        assert_eq!(heard.next(), expected);
    }
    replay(&address, &["--service", "", &path])
        .expect(2)
        .says(&["--service", "1 to 256 bytes"]);
}

#[test]
fn one_recorded_connection_becomes_one_live_one() {
    let (address, heard) = server(silent);
    let capture = sample("pcap/noxu-group.pcap");
    let options = ["--speed", "max", "--linger", "0", &capture];
    replay(&address, &options)
        .expect(0)
        .says(&["over 6 connections"]);
    let mut lengths: Vec<usize> = (0..6).map(|_| heard.next().len()).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [51, 51, 70, 70, 70, 70]);
    assert!(heard.nothing_more());
}

#[test]
fn direction_and_stream_choose_what_of_a_capture_is_sent() {
    let (address, heard) = server(silent);
    let capture = sample("pcap/noxu-group.pcap");
    let options = ["--speed", "max", "--linger", "0", &capture];
    let c2s = ["--stream", "2"];
    replay(&address, &[&options[..], &c2s].concat()).expect(0);
    let sent = std::fs::read(sample("pcap/noxu-group.pcap")).unwrap();
    let heard_c2s = heard.next();
    assert_eq!(heard_c2s.len(), 51);
    assert!(
        sent.windows(32)
            .any(|window| heard_c2s[19..].starts_with(window))
    );
    let s2c = ["--stream", "2", "--stream", "4", "--direction", "s2c"];
    replay(&address, &[&options[..], &s2c].concat())
        .expect(0)
        .says(&["over 2 connections"]);
    let mut lengths = [heard.next().len(), heard.next().len()];
    lengths.sort_unstable();
    assert_eq!(lengths, [20, 39]);
    replay(&address, &[&options[..], &["--stream", "77"]].concat())
        .expect(2)
        .says(&["nothing to send: the input's connections have the numbers 0 to 5"]);
    let options = ["--dry-run", "--stream", "5", "--direction", "c2s", &capture];
    assert!(
        replay(&address, &options)
            .expect(0)
            .stdout
            .contains("2 frames")
    );
}

#[test]
fn fields_are_changed_on_the_way_and_checksums_follow() {
    let (address, heard) = server(silent);
    let frame = |time: &str, pong: &str| {
        let fields = [format!("timestamp_ms={time}"), format!("is_pong={pong}")];
        wirectl(&["encode", "sync.PingPong", &fields[0], &fields[1]])
    };
    let frames = [frame("7", "false"), frame("8", "true")].concat();
    let path = file("set.bin", frames);
    let number = file("number.txt", "300");
    let changes = ["--set", "timestamp_ms:=4294967296", "--set", "is_pong=true"];
    replay(
        &address,
        &[&changes[..], &["--linger", "0", &path]].concat(),
    )
    .expect(0)
    .says(&["changed   2 frames: timestamp_ms:=4294967296"]);
    assert_eq!(heard.next(), frame("4294967296", "true").repeat(2));
    let from_file = format!("body.timestamp_ms=@{number}");
    let unused = ["--set", &from_file, "--set", "jwt_token=x"];
    replay(&address, &[&unused[..], &["--linger", "0", &path]].concat())
        .expect(0)
        .says(&["note      no frame has the field of --set jwt_token=x"]);
    let expected = [frame("300", "false"), frame("300", "true")].concat();
    assert_eq!(heard.next(), expected);
    replay(&address, &["--set", "timestamp_ms=soon", &path])
        .expect(2)
        .says(&["record 0 (PingPong) cannot be changed", "timestamp_ms=soon"]);
    replay(&address, &["--set", "timestamp_ms", &path])
        .expect(2)
        .says(&["--set", "expected FIELD=TEXT"]);
}

#[test]
fn a_fresh_token_replaces_the_recorded_one() {
    let (address, heard) = server(silent);
    let capture = sample("pcap/sync-session.pcap");
    let token = file("token.txt", "aaa.bbb.ccc");
    let set = format!("jwt_token=@{token}");
    let options = ["--stream", "0", "--speed", "max", "--linger", "0"];
    replay(
        &address,
        &[&options[..], &["--set", &set, &capture]].concat(),
    )
    .expect(0);
    let sent = file("token.bin", heard.next());
    let records = wirectl(&["decode", "--json", "--type", "Handshake", &sent]);
    let records = String::from_utf8(records).unwrap();
    assert_eq!(records.lines().count(), 3);
    for record in records.lines() {
        let record: serde_json::Value = serde_json::from_str(record).unwrap();
        assert_eq!(record["body"]["jwt_token"], "aaa.bbb.ccc");
        let issues = record["issues"].as_array().cloned().unwrap_or_default();
        assert!(
            issues.iter().all(|issue| issue["severity"] != "error"),
            "{issues:?}"
        );
    }
}

#[test]
fn frames_are_found_without_decoding_where_decoding_finds_them() {
    let (address, heard) = server(messages);
    let url = format!("ws://{address}/");
    for name in [
        "sync/damaged.bin",
        "sync/b1.bin",
        "sync/0.6.bin",
        "sync/arrays.bin",
        "rp/stream.bin",
        "noxu/feeder-s2c.bin",
        "noxu/feeder-s2c-torn.bin",
        "noxu/election-3x-prefixed.bin",
    ] {
        let sample = sample(name);
        let records = String::from_utf8(wirectl(&["decode", "--json", &sample])).unwrap();
        let records = records
            .lines()
            .map(|line| -> serde_json::Value { serde_json::from_str(line).unwrap() });
        let lengths: Vec<u64> = records
            .filter(|record| record["derived"] != true)
            .map(|record| record["length"].as_u64().unwrap())
            .collect();
        assert!(lengths.len() > 1);
        // With a rate as without.
        for rate in [["--speed", "max"], ["--rate", "100k/s"]] {
            replay(&url, &[&rate[..], &["--linger", "0", &sample]].concat()).expect(0);
            let sent = heard.next();
            let sent: Vec<u64> = sent[1..]
                .iter()
                .map(|message| message.len() as u64)
                .collect();
            assert_eq!(sent, lengths, "{name}");
            let bytes = std::fs::metadata(&sample).unwrap().len();
            assert_eq!(sent.iter().sum::<u64>(), bytes);
        }
    }
}

#[test]
fn frames_that_were_put_together_from_others_are_not_sent_twice() {
    let (address, heard) = server(silent);
    let sample = sample("rp/frames.hex");
    let decode = ["decode", "--json", "-i", "hex-lines", &sample];
    let records = wirectl(&decode);
    assert!(
        records
            .windows(14)
            .any(|window| window == b"\"derived\":true")
    );
    let text = std::fs::read_to_string(&sample).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let bytes: Vec<u8> = lines.flat_map(|line| hex::decode(line).unwrap()).collect();
    replay(&address, &["-i", "hex-lines", "--linger", "0", &sample]).expect(0);
    assert!(heard.next() == bytes);
    let records = file("derived.json", records);
    replay(&address, &["--linger", "0", &records]).expect(0);
    assert!(heard.next() == bytes);
}
