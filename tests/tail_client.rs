//! `wirectl tail SERVER`: connections of our own, and the clients that `--as` makes.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a failed test"
)]

mod tail;

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use tail::{LONG, Tail, ping, records_of, scratch, time_of};
use tungstenite::{Message, WebSocket};

/// A server that serves connections one after the other, the first by the first of `acts`.
fn server(acts: Vec<Box<dyn FnOnce(TcpStream) + Send>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for act in acts {
            let (stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(LONG)).unwrap();
            act(stream);
        }
    });
    address
}

/// The next message, as JSON.
fn heard(socket: &mut WebSocket<TcpStream>) -> Value {
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => return serde_json::from_str(&text).unwrap(),
            Ok(_) => {}
            Err(error) => return Value::String(error.to_string()),
        }
    }
}

fn say(socket: &mut WebSocket<TcpStream>, message: &Value) {
    socket.send(Message::text(message.to_string())).unwrap();
}

/// Messages until the client closes.
fn hear_all(socket: &mut WebSocket<TcpStream>, told: &Sender<Value>) {
    loop {
        let message = heard(socket);
        if message.is_string() {
            return;
        }
        let _ = told.send(message);
    }
}

fn next(told: &Receiver<Value>) -> Value {
    told.recv_timeout(LONG).expect("the client said nothing")
}

fn cursors(records: &[Value]) -> Vec<u64> {
    let frame = |record: &Value| -> Option<Value> {
        let body = match record["raw"].as_str() {
            Some(raw) => serde_json::from_slice(&hex::decode(raw).unwrap()).ok()?,
            None => record["body"].clone(),
        };
        Some(body)
    };
    records
        .iter()
        .filter(|record| record["direction"] == "s2c")
        .filter_map(|record| frame(record)?["cursor"].as_u64())
        .collect()
}

#[test]
fn a_pushwire_stream_is_followed_across_a_cut_without_loss_or_repetition() {
    let (told, hears) = channel();
    let frame =
        |cursor: u64| json!({"channel": "data", "cursor": cursor, "payload": {"v": cursor}});
    let first = told.clone();
    let cut = move |stream: TcpStream| {
        let mut socket = tungstenite::accept(stream).unwrap();
        first.send(heard(&mut socket)).unwrap();
        say(&mut socket, &json!({"op": "auth_ok", "resume_cursor": 0}));
        first.send(heard(&mut socket)).unwrap();
        for cursor in 1..=3 {
            say(&mut socket, &frame(cursor));
        }
        first.send(heard(&mut socket)).unwrap();
        // Not acknowledged any more: the connection is gone.
        say(&mut socket, &frame(4));
    };
    let again = move |stream: TcpStream| {
        let mut socket = tungstenite::accept(stream).unwrap();
        told.send(heard(&mut socket)).unwrap();
        say(
            &mut socket,
            &json!({"op": "auth_ok", "resume_cursor": 3, "resume_cursors": {"data": 3}}),
        );
        for cursor in 4..=6 {
            say(&mut socket, &frame(cursor));
        }
        hear_all(&mut socket, &told);
    };
    let address = server(vec![Box::new(cut), Box::new(again)]);
    let url = format!("ws://{address}/rps");
    let id = "11111111-2222-3333-4444-555555555555";
    let tail = Tail::start(&[
        "--json",
        &url,
        "--as",
        "rps",
        "--token",
        "t",
        "--client-id",
        id,
        "--channel",
        "data",
    ]);
    assert_eq!(
        next(&hears),
        json!({"op": "auth", "client_id": id, "token": "t"})
    );
    let subscription = json!({"op": "subscribe", "channels": ["data"]});
    assert_eq!(
        next(&hears),
        json!({"channel": "system", "payload": subscription})
    );
    let acknowledged = |cursor| json!({"channel": "system", "payload": {"op": "ack", "channel": "data", "cursor": cursor}});
    assert!((1..=3).any(|cursor| cursor == 3 || cursor > 0));
    let first = next(&hears);
    assert!(
        (1..=3).any(|cursor| first == acknowledged(cursor)),
        "{first}"
    );
    let resumed = next(&hears);
    let from = resumed["resume_cursors"]["data"].as_u64().unwrap();
    assert!((3..=4).contains(&from), "{resumed}");
    assert_eq!(
        next(&hears),
        json!({"channel": "system", "payload": subscription})
    );
    while next(&hears) != acknowledged(6) {}
    let ended = tail.end(false);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert_eq!(cursors(&ended.records), [1, 2, 3, 4, 5, 6]);
    assert_eq!(
        next(&hears),
        json!({"channel": "system", "payload": {"op": "goodbye"}})
    );
}

#[test]
fn frames_that_a_pushwire_server_no_longer_has_are_named_and_the_others_fetched() {
    let (told, hears) = channel();
    let lost = |stream: TcpStream| {
        let mut socket = tungstenite::accept(stream).unwrap();
        heard(&mut socket);
        say(&mut socket, &json!({"op": "auth_ok", "resume_cursor": 0}));
        let lost = json!({"op": "resume_required", "channel": "data", "from_cursor": 40});
        say(&mut socket, &lost);
        heard(&mut socket);
    };
    let rest = move |stream: TcpStream| {
        let mut socket = tungstenite::accept(stream).unwrap();
        told.send(heard(&mut socket)).unwrap();
        say(&mut socket, &json!({"op": "auth_ok", "resume_cursor": 0}));
        say(
            &mut socket,
            &json!({"channel": "data", "cursor": 41, "payload": 1}),
        );
        hear_all(&mut socket, &told);
    };
    let address = server(vec![Box::new(lost), Box::new(rest)]);
    let url = format!("ws://{address}/rps");
    let mut tail = Tail::start(&["--json", &url, "--as", "rps", "--resume", "data=7"]);
    assert_eq!(next(&hears)["resume_cursors"], json!({"data": 40}));
    assert!(tail.says("no longer has").contains("the frames 8 to 40"));
    next(&hears);
    assert_eq!(cursors(&tail.end(false).records), [41]);
}

#[test]
fn a_pushwire_event_stream_is_followed() {
    let (told, hears) = channel();
    let events = move |mut stream: TcpStream| {
        let mut request = [0; 4096];
        let count = stream.read(&mut request).unwrap();
        told.send(Value::String(
            String::from_utf8_lossy(&request[..count]).into(),
        ))
        .unwrap();
        stream
            .write_all(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n\
                  event: frame\nid: 4\ndata: {\"channel\":\"data\",\"cursor\":4,\"payload\":1}\n\n",
            )
            .unwrap();
        let _ = stream.read(&mut request);
    };
    let address = server(vec![Box::new(events)]);
    let url = format!("http://{address}/rps/sse");
    let mut tail = Tail::start(&[
        "--json",
        "--all",
        &url,
        "--as",
        "rps",
        "--client-id",
        "c d",
        "--channel",
        "data",
    ]);
    let request = next(&hears);
    assert!(
        request
            .as_str()
            .unwrap()
            .starts_with("GET /rps/sse?client_id=c%20d&channels=data HTTP/1.1\r\n"),
        "{request}"
    );
    while tail.record()["transport"] != "sse" {}
    tail.interrupt();
}

#[test]
fn a_nodedb_server_is_greeted_and_its_messages_are_shown() {
    let (told, hears) = channel();
    let serve = move |stream: TcpStream| {
        let mut socket = tungstenite::accept(stream).unwrap();
        loop {
            match socket.read() {
                Ok(Message::Binary(bytes)) => {
                    told.send(bytes[1]).unwrap();
                    // Only the greeting is answered: accepted, session "s".
                    if bytes[1] == 1 {
                        let mut body = vec![0x99, 0xc3, 0xa1, b's', 0x80, 0xc0, 0xc2, 1, 0, 0];
                        body.extend([0xdc, 0, 32]);
                        body.extend([0; 32]);
                        let mut frame = vec![1, 2];
                        frame.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
                        frame.extend(crc32c::crc32c(&body).to_le_bytes());
                        frame.extend(body);
                        socket.send(Message::binary(frame)).unwrap();
                    }
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    };
    let address = server(vec![Box::new(serve)]);
    let url = format!("ws://{address}/sync");
    let tail = Tail::start(&[
        "--json", &url, "--as", "sync", "--shape", "notes", "--ping", "100ms",
    ]);
    for code in [0x01, 0x20, 0xff, 0xff] {
        assert_eq!(hears.recv_timeout(LONG).unwrap(), code);
    }
    let ended = tail.end(false);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let types: Vec<&str> = ended
        .records
        .iter()
        .filter_map(|record| record["type"].as_str())
        .collect();
    assert_eq!(
        types[..4],
        ["Handshake", "HandshakeAck", "ShapeSubscribe", "PingPong"]
    );
    assert_eq!(
        ended.records[2]["body"]["shape"]["shape_type"]["Document"]["collection"],
        "notes"
    );
}

#[test]
fn a_noxu_feeder_gets_an_acknowledgment_for_every_entry() {
    let (told, hears) = channel();
    let feed = move |mut stream: TcpStream| {
        let mut greeting = [0; 4 + 11 + 4 + 8];
        stream.read_exact(&mut greeting).unwrap();
        told.send(greeting.to_vec()).unwrap();
        stream.write_all(&[1, 0, 0, 0, 0]).unwrap();
        for vlsn in 5..8u64 {
            let payload = b"payload";
            let mut entry = vlsn.to_le_bytes().to_vec();
            entry.push(60);
            entry.extend(7u32.to_le_bytes());
            entry.extend(crc32fast::hash(payload).to_le_bytes());
            entry.extend(payload);
            stream
                .write_all(&u32::try_from(entry.len()).unwrap().to_le_bytes())
                .unwrap();
            stream.write_all(&entry).unwrap();
            let mut ack = [0; 12];
            stream.read_exact(&mut ack).unwrap();
            told.send(ack.to_vec()).unwrap();
        }
    };
    let address = server(vec![Box::new(feed)]);
    let url = format!("tcp://{address}");
    let tail = Tail::start(&["--json", &url, "--as", "noxu-feeder", "--from", "5"]);
    let greeting = [
        b"\x0b\0\0\0PEER_FEEDER\x08\0\0\0".as_slice(),
        &5u64.to_le_bytes(),
    ]
    .concat();
    assert_eq!(hears.recv_timeout(LONG).unwrap(), greeting);
    for vlsn in 5..8u64 {
        let ack = [b"\x08\0\0\0".as_slice(), &vlsn.to_le_bytes()].concat();
        assert_eq!(hears.recv_timeout(LONG).unwrap(), ack);
    }
    let ended = tail.wait(false);
    assert!(
        ended.stderr.contains("has closed the connection"),
        "{}",
        ended.stderr
    );
    assert!(!ended.records.is_empty());
}

#[test]
fn records_are_sent_first_and_answers_shown() {
    let file = scratch("send.ndjson");
    let mut decode = std::process::Command::new(env!("CARGO_BIN_EXE_wirectl"));
    let dump = scratch("send.bin");
    std::fs::write(&dump, [ping(1), ping(2)].concat()).unwrap();
    let records = decode
        .args(["decode", "--json", "-p", "sync"])
        .arg(&dump)
        .output()
        .unwrap();
    std::fs::write(&file, records.stdout).unwrap();
    let serve = |stream: TcpStream| {
        let mut socket = tungstenite::accept(stream).unwrap();
        for _ in 0..2 {
            let message = socket.read().unwrap();
            socket.send(message).unwrap();
        }
        socket.close(None).unwrap();
        while socket.read().is_ok() {}
    };
    let address = server(vec![Box::new(serve)]);
    let recording = scratch("client.pcapng");
    let path = recording.to_str().unwrap();
    let url = format!("ws://{address}");
    let ended = Tail::start(&[
        "--json",
        &url,
        "--send",
        file.to_str().unwrap(),
        "--write",
        path,
    ])
    .wait(false);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let mut seen: Vec<(String, u64)> = ended
        .records
        .iter()
        .map(|record| {
            (
                record["direction"].as_str().unwrap().to_owned(),
                time_of(record),
            )
        })
        .collect();
    seen.sort();
    let expected = [("c2s", 1), ("c2s", 2), ("s2c", 1), ("s2c", 2)];
    assert_eq!(
        seen,
        expected.map(|(direction, time)| (direction.to_owned(), time))
    );
    assert!(records_of(&["pcap", "--json", path]) == ended.records);
}

#[cfg(unix)]
#[test]
fn a_unix_socket_is_a_server_like_any_other() {
    let path = scratch("peer.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(&ping(3)).unwrap();
    });
    let target = format!("unix:{}", path.to_str().unwrap());
    let ended = Tail::start(&["--json", &target, "-p", "sync"]).wait(false);
    assert_eq!((ended.status, time_of(&ended.records[0])), (0, 3));
}

#[test]
fn a_server_that_is_not_there_gives_status_2_and_advice() {
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let ended = Tail::start(&[&format!("tcp://{nobody}")]).wait(false);
    assert_eq!(ended.status, 2);
    assert!(
        ended.stderr.contains("nobody listens there"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.starts_with("error: cannot connect to"),
        "{}",
        ended.stderr
    );
    let target = format!("tcp://{nobody}");
    let ended = Tail::start(&[&target, "--as", "rps"]).wait(false);
    let line = format!("error: --as rps does not go over {target}");
    assert!(ended.stderr.starts_with(&line), "{}", ended.stderr);
}
