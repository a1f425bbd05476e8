//! `wirectl tail --listen --forward`: bytes pass unchanged, whatever becomes of the records.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a failed test"
)]

mod tail;

use socket2::SockRef;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;
use tail::{LONG, Tail, echo, ping, random, records_of, scratch, server, time_of};
use tungstenite::Message;

fn proxy(server: SocketAddr, more: &[&str]) -> (Tail, SocketAddr) {
    let forward = server.to_string();
    let arguments = ["--json", "--listen", "127.0.0.1:0", "--forward", &forward];
    let mut tail = Tail::start(&[&arguments[..], more].concat());
    let address = tail.address();
    (tail, address)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.set_write_timeout(Some(LONG)).unwrap();
    stream
}

/// Sends `bytes` to an echo server and gives what comes back.
fn exchange(address: SocketAddr, bytes: Vec<u8>) -> Vec<u8> {
    let mut stream = connect(address);
    let mut writer = stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        for piece in bytes.chunks(50_021) {
            writer.write_all(piece).unwrap();
        }
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut back = Vec::new();
    stream.read_to_end(&mut back).unwrap();
    sending.join().unwrap();
    back
}

#[test]
fn fifty_connections_pass_unchanged_while_nobody_reads_the_records() {
    let beginnings: [&[u8]; 6] = [
        b"",
        b"GET /sync HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        &[0x16, 3, 1, 0xff, 0xff],
        b"\x01\x01\xff\xff\xff\x7f\0\0\0\0",
        b"\x0b\0\0\0PEER_FEEDER\xff\xff\xff\xff",
        b"RP\x01\x01\0\0\0\0\0\0\0\0\0\x28\xb5\x2f\xfd",
    ];
    let (tail, address) = proxy(server(echo), &["--buffer", "256KiB", "--raw", "--all"]);
    let talks: Vec<_> = (0..50)
        .map(|number| {
            let mut bytes = beginnings[number % beginnings.len()].to_vec();
            bytes.extend(random(number as u64, 700_000 + 1000 * number));
            std::thread::spawn(move || {
                let back = exchange(address, bytes.clone());
                assert!(back == bytes, "connection {number} was changed");
            })
        })
        .collect();
    for talk in talks {
        talk.join().unwrap();
    }
    let ended = tail.end(true);
    assert!(ended.stderr.contains("50 connections"), "{}", ended.stderr);
    assert!(
        !ended.stderr.contains(" 0 bytes not decoded"),
        "{}",
        ended.stderr
    );
}

#[test]
fn what_was_not_decoded_is_told_where_it_is_missing() {
    let options = ["--buffer", "64KiB", "-p", "sync", "--raw"];
    let (mut tail, address) = proxy(server(echo), &options);
    let frames: Vec<u8> = (0..60_000).flat_map(ping).collect();
    assert!(exchange(address, frames.clone()) == frames);
    let mut gap = None;
    // Reading again lets the records come again.
    for _ in 0..200_000 {
        let record = tail.record();
        if record["type"] == "Gap" {
            gap = Some(record);
            break;
        }
    }
    let gap = gap.expect("no gap was told");
    assert_eq!(gap["issues"][0]["code"], "records-dropped");
    assert_eq!(gap["issues"][0]["severity"], "warning");
    tail.interrupt();
    assert!(tail.says("bytes not decoded").contains("1 connection, "));
}

#[test]
fn records_come_at_once_in_both_directions() {
    let (mut tail, address) = proxy(server(echo), &["-p", "sync"]);
    let mut stream = connect(address);
    for time in 0..3 {
        stream.write_all(&ping(time)).unwrap();
        let (there, back) = (tail.record(), tail.record());
        assert_eq!((time_of(&there), time_of(&back)), (time, time));
        assert_eq!(
            (&there["direction"], &back["direction"]),
            (&"c2s".into(), &"s2c".into())
        );
        assert_eq!(there["src"], stream.local_addr().unwrap().to_string());
        assert_eq!(there["offset"], 16 * time);
    }
    let ended = tail.end(false);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("6 records"), "{}", ended.stderr);
}

#[test]
fn websocket_messages_are_decoded() {
    let serve = |stream: TcpStream| {
        let mut socket = tungstenite::accept(stream).unwrap();
        while let Ok(message) = socket.read() {
            if message.is_binary() {
                let _ = socket.send(message);
            }
        }
    };
    let (mut tail, address) = proxy(server(serve), &[]);
    let (mut socket, _) =
        tungstenite::client(format!("ws://{address}/sync"), connect(address)).unwrap();
    socket.send(Message::binary(ping(5))).unwrap();
    assert_eq!(socket.read().unwrap().into_data(), ping(5));
    for direction in ["c2s", "s2c"] {
        let record = tail.record();
        assert_eq!(record["transport"], "ws");
        assert_eq!(record["type"], "PingPong");
        assert_eq!(
            (time_of(&record), record["direction"].as_str()),
            (5, Some(direction))
        );
    }
    assert_eq!(tail.end(false).status, 0);
}

#[test]
fn an_ended_direction_leaves_the_other_one_open() {
    let serve = |mut stream: TcpStream| {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        stream.write_all(&all.repeat(2)).unwrap();
    };
    let (tail, address) = proxy(server(serve), &[]);
    let mut stream = connect(address);
    stream.write_all(b"question").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"questionquestion");
    let ended = tail.end(false);
    assert!(ended.stderr.contains("over (fin)"), "{}", ended.stderr);
}

#[test]
fn a_reset_is_passed_on_as_one() {
    let serve = |mut stream: TcpStream| {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    };
    let (mut tail, address) = proxy(server(serve), &[]);
    let mut stream = connect(address);
    stream.write_all(b"x").unwrap();
    let error = stream.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    tail.says("over (rst)");
}

#[test]
fn a_client_is_reset_if_the_server_cannot_be_reached() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let (mut tail, address) = proxy(address, &[]);
    let mut stream = connect(address);
    let error = stream.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    tail.says("cannot reach");
}

#[test]
fn what_was_received_reaches_the_other_side_when_the_user_ends_it() {
    let (mut tail, address) = proxy(server(echo), &["-p", "sync"]);
    let mut stream = connect(address);
    stream.write_all(&ping(1)).unwrap();
    let mut back = [0; 16];
    stream.read_exact(&mut back).unwrap();
    tail.record();
    let ended = tail.end(false);
    assert!(
        ended
            .stderr
            .contains("16 bytes to servers, 16 bytes to clients")
    );
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
}

#[test]
fn a_recording_reads_back_as_the_same_records() {
    let file = scratch("recorded.pcapng");
    let path = file.to_str().unwrap();
    let (tail, address) = proxy(server(echo), &["--write", path, "-p", "sync"]);
    for connection in 0..4 {
        let frames: Vec<u8> = (0..5000).map(|n| n + connection).flat_map(ping).collect();
        assert!(exchange(address, frames.clone()) == frames);
    }
    let ended = tail.end(false);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert!(
        ended.stderr.contains(" 0 bytes not recorded"),
        "{}",
        ended.stderr
    );
    let read = records_of(&["pcap", "--json", "-p", "sync", path]);
    assert_eq!(read.len(), 40_000);
    assert!(read == ended.records);
    let table = std::process::Command::new(env!("CARGO_BIN_EXE_wirectl"))
        .args(["pcap", "-o", "conversations", "-p", "sync", path])
        .output()
        .unwrap();
    let table = String::from_utf8(table.stdout).unwrap();
    assert_eq!(table.matches(" fin ").count(), 4, "{table}");
}

#[test]
fn recordings_are_rotated_and_read_together() {
    let file = scratch("rotated.pcapng");
    let path = file.to_str().unwrap();
    let options = [
        "--write",
        path,
        "--rotate-size",
        "64KiB",
        "-p",
        "sync",
        "-q",
    ];
    let (tail, address) = {
        let forward = server(echo).to_string();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = port.local_addr().unwrap();
        drop(port);
        let listen = address.to_string();
        let arguments = ["--json", "--listen", &listen, "--forward", &forward];
        (Tail::start(&[&arguments[..], &options].concat()), address)
    };
    let started = std::time::Instant::now();
    while TcpStream::connect(address).is_err() && started.elapsed() < LONG {
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut stream = connect(address);
    for time in 0..3000 {
        stream.write_all(&ping(time)).unwrap();
        stream.read_exact(&mut [0; 16]).unwrap();
    }
    drop(stream);
    let ended = tail.end(false);
    assert_eq!(ended.stderr, "");
    let mut files: Vec<_> = std::fs::read_dir(file.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("rotated")
        })
        .collect();
    files.sort();
    assert!(files.len() > 3, "{files:?}");
    for file in &files {
        assert!(file.metadata().unwrap().len() <= 64 << 10);
    }
    let mut arguments = vec!["pcap", "--json", "-p", "sync"];
    arguments.extend(files.iter().map(|file| file.to_str().unwrap()));
    let read = records_of(&arguments);
    let pings = read.iter().filter(|record| record["type"] == "PingPong");
    assert_eq!(pings.count(), 6000);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_the_recording_and_nothing_else() {
    let file = scratch("full.pcapng");
    std::os::unix::fs::symlink("/dev/full", scratch("full-0001.pcapng")).unwrap();
    let path = file.to_str().unwrap();
    let options = ["--write", path, "--rotate-size", "4KiB", "-p", "sync"];
    let (mut tail, address) = proxy(server(echo), &options);
    let mut stream = connect(address);
    let mut echoed = [0; 16];
    for time in 0..200 {
        stream.write_all(&ping(time)).unwrap();
        stream.read_exact(&mut echoed).unwrap();
        assert_eq!(echoed[..], ping(time));
    }
    let line = tail.says("recording to ");
    assert!(line.contains("No space left"), "{line}");
    stream.write_all(&ping(9)).unwrap();
    stream.read_exact(&mut echoed).unwrap();
    assert_eq!(echoed[..], ping(9));
    let ended = tail.end(false);
    assert_eq!(ended.status, 2, "{}", ended.stderr);
    assert_eq!(ended.records.len(), 402);
    // What was written before can be read.
    let read = records_of(&["pcap", "--json", "-p", "sync", path]);
    assert!(read.len() > 10);
    assert!(read.iter().all(|record| record["type"] == "PingPong"));
}

#[test]
fn it_ends_at_once_although_its_output_is_blocked() {
    let (mut tail, address) = proxy(server(echo), &["-p", "sync", "--raw"]);
    let frames: Vec<u8> = (0..20_000).flat_map(ping).collect();
    assert!(exchange(address, frames.clone()) == frames);
    tail.says("connection 0");
    let started = std::time::Instant::now();
    tail.end(true);
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn after_the_limit_it_ends_in_good_order() {
    let (tail, address) = proxy(server(echo), &["-p", "sync", "--limit", "2"]);
    let mut stream = connect(address);
    stream.write_all(&ping(1)).unwrap();
    let mut back = Vec::new();
    stream.read_to_end(&mut back).unwrap();
    assert_eq!(back, ping(1));
    let ended = tail.wait(false);
    assert_eq!((ended.status, ended.records.len()), (0, 2));
}
