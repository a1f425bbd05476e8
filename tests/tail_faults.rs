//! `wirectl tail` between and beside peers that fail.
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
use tail::{LONG, Tail, echo, ping, random, server, time_of};

fn proxy(forward: &str, more: &[&str]) -> (Tail, SocketAddr) {
    let arguments = ["--json", "--listen", "127.0.0.1:0", "--forward", forward];
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

#[test]
fn a_peer_that_dies_inside_a_frame_leaves_what_it_sent() {
    let serve = |mut stream: TcpStream| {
        stream.read_exact(&mut [0; 16]).unwrap();
        let frames = [ping(1), ping(2)].concat();
        stream.write_all(&frames[..25]).unwrap();
        // The client takes these before the connection is reset.
        let _ = stream.read(&mut [0]);
        SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    };
    let (mut tail, address) = proxy(&server(serve).to_string(), &["-p", "sync"]);
    let mut stream = connect(address);
    stream.write_all(&ping(0)).unwrap();
    let mut came = [0; 25];
    stream.read_exact(&mut came).unwrap();
    assert_eq!(came, [ping(1), ping(2)].concat()[..25]);
    stream.write_all(b"x").unwrap();
    let error = stream.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    tail.says("over (");
    let ended = tail.end(false);
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    let answers: Vec<_> = ended
        .records
        .iter()
        .filter(|record| record["direction"] == "s2c")
        .collect();
    assert_eq!(time_of(answers[0]), 1);
    let torn = answers[1];
    assert_eq!((&torn["offset"], &torn["length"]), (&16.into(), &9.into()));
    assert_eq!(torn["issues"][0]["severity"], "error", "{torn}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_slow_reader_slows_the_sender_and_not_the_memory() {
    let serve = |mut stream: TcpStream| {
        std::thread::sleep(Duration::from_millis(500));
        let mut all = Vec::new();
        let mut space = vec![0; 256 << 10];
        while let Ok(count @ 1..) = stream.read(&mut space) {
            all.extend_from_slice(&space[..count]);
            std::thread::sleep(Duration::from_millis(1));
        }
        stream.write_all(&all).unwrap();
    };
    let options = ["--buffer", "1MiB", "-o", "none"];
    let arguments = ["--listen", "127.0.0.1:0", "--forward"];
    let forward = server(serve).to_string();
    let mut tail = Tail::start(&[&arguments[..], &[&forward], &options].concat());
    let mut stream = connect(tail.address());
    let bytes = random(5, 60_000_000);
    let mut writer = stream.try_clone().unwrap();
    let sent = bytes.clone();
    let sending = std::thread::spawn(move || {
        writer.write_all(&sent).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut back = Vec::new();
    stream.read_to_end(&mut back).unwrap();
    sending.join().unwrap();
    assert!(back == bytes, "bytes were changed");
    let peak = tail.peak_memory();
    assert!(peak < 64 << 20, "{peak} bytes of memory");
    assert_eq!(tail.end(true).status, 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_recording_that_cannot_begin_is_told_before_anything_else() {
    for (file, said) in [
        ("/dev/full", "No space left"),
        ("/nonexistent/x.pcapng", "No such file"),
    ] {
        let forward = server(echo).to_string();
        let listen = ["--listen", "127.0.0.1:0", "--forward", &forward];
        let ended = Tail::start(&[&listen[..], &["--write", file]].concat()).wait(false);
        assert_eq!(ended.status, 2);
        let line = format!("error: cannot record to {file}: {said}");
        assert!(ended.stderr.starts_with(&line), "{}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    }
}

#[test]
fn a_server_without_an_address_is_told() {
    let arguments = ["--listen", "127.0.0.1:0", "--forward"];
    let name = "no-such-host.invalid:9090";
    let mut tail = Tail::start(&[&arguments[..], &[name]].concat());
    let line = tail.says("no-such-host.invalid");
    assert!(line.contains("--forward"), "{line}");
    assert_eq!(tail.wait(false).status, 2);
    let mut tail = Tail::start(&["tcp://no-such-host.invalid:9090"]);
    tail.says("cannot find the host");
    assert_eq!(tail.wait(false).status, 2);
}

#[test]
fn an_address_that_is_taken_is_told() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    let mut tail = Tail::start(&["--listen", &taken, "--forward", "127.0.0.1:1"]);
    tail.says(&format!("cannot listen on {taken}"));
    assert_eq!(tail.wait(false).status, 2);
    drop(holder);
}

#[test]
fn a_server_that_does_not_speak_tls_is_told() {
    let serve = |mut stream: TcpStream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    };
    let target = format!("tls://{}", server(serve));
    let mut tail = Tail::start(&[&target, "--insecure"]);
    tail.says("TLS with");
    assert_eq!(tail.wait(false).status, 2);
}

#[test]
fn a_stream_that_ends_inside_a_frame_is_damage() {
    let serve = |mut stream: TcpStream| {
        let frames = [ping(1), ping(2)].concat();
        stream.write_all(&frames[..25]).unwrap();
    };
    let target = format!("tcp://{}", server(serve));
    let ended = Tail::start(&["--json", &target, "-p", "sync"]).wait(false);
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    assert_eq!(time_of(&ended.records[0]), 1);
    assert_eq!(ended.records[1]["issues"][0]["severity"], "error");
    assert!(
        ended.stderr.contains("closed the connection"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_reader_that_goes_away_does_not_cut_the_connections() {
    let (mut tail, address) = proxy(&server(echo).to_string(), &["-p", "sync"]);
    let mut stream = connect(address);
    let mut echoed = [0; 16];
    stream.write_all(&ping(1)).unwrap();
    stream.read_exact(&mut echoed).unwrap();
    tail.record();
    tail.close_output();
    // What was sent before its end is passed on; then it ends, as every program in a pipe.
    let mut passed = 0;
    for time in 2..2000 {
        if stream.write_all(&ping(time)).is_err() || stream.read_exact(&mut echoed).is_err() {
            break;
        }
        assert_eq!(echoed[..], ping(time));
        passed += 1;
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(passed > 0);
    assert_eq!(tail.wait(true).status, 0);
}
