//! `wirectl tail --interface lo`, for those who may.
#![cfg(target_os = "linux")]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a panic is a failed test"
)]

mod tail;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use tail::{Tail, echo, ping, records_of, scratch, server, time_of};
use wirectl::tail::{Interface, PacketFilter};

/// Whether this user may listen; if not, the tests have nothing to test.
fn permitted() -> bool {
    let permitted = Interface::open("lo", PacketFilter::default()).is_ok();
    if !permitted {
        eprintln!("skipped: listening on an interface is not permitted here");
    }
    permitted
}

fn talk(address: std::net::SocketAddr, times: std::ops::Range<u64>) {
    let mut stream = TcpStream::connect(address).unwrap();
    let mut back = [0; 16];
    for time in times {
        stream.write_all(&ping(time)).unwrap();
        stream.read_exact(&mut back).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn what_passes_on_loopback_is_shown_once_and_recorded() {
    if !permitted() {
        return;
    }
    let (watched, other) = (server(echo), server(echo));
    let file = scratch("interface.pcapng");
    let port = watched.port().to_string();
    let path = file.to_str().unwrap();
    let mut tail = Tail::start(&[
        "--json",
        "--interface",
        "lo",
        "--port",
        &port,
        "--write",
        path,
        "-p",
        "sync",
    ]);
    tail.says("listening on interface lo");
    talk(other, 100..110);
    talk(watched, 0..10);
    for time in 0..10 {
        for direction in ["c2s", "s2c"] {
            let record = tail.record();
            assert_eq!(time_of(&record), time);
            assert_eq!(record["direction"], direction);
        }
    }
    let ended = tail.end(false);
    assert_eq!(
        (ended.status, ended.records.len()),
        (0, 0),
        "{}",
        ended.stderr
    );
    assert_eq!(
        records_of(&["pcap", "--json", "-p", "sync", path]).len(),
        20
    );
}

#[test]
fn an_unknown_interface_is_told_with_those_there_are() {
    let ended = Tail::start(&["--interface", "nowhere0"]).wait(false);
    assert_eq!(ended.status, 2);
    assert!(
        ended
            .stderr
            .contains("there is no interface nowhere0; there are"),
        "{}",
        ended.stderr
    );
}
