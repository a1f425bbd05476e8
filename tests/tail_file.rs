//! `wirectl tail FILE`: files that grow, are cut short, are replaced; standard input.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a failed test"
)]

mod tail;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use tail::{Tail, ping, scratch, time_of};

fn append(path: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

fn follow(path: &Path, more: &[&str]) -> Tail {
    let arguments = ["--json", "-p", "sync", path.to_str().unwrap()];
    Tail::start(&[&arguments[..], more].concat())
}

#[test]
fn what_is_added_appears_frame_by_frame() {
    let path = scratch("grows.bin");
    std::fs::write(&path, ping(1)).unwrap();
    let mut tail = follow(&path, &[]);
    assert_eq!(time_of(&tail.record()), 1);
    for time in 2..5 {
        let frame = ping(time);
        append(&path, &frame[..7]);
        append(&path, &frame[7..]);
        let record = tail.record();
        assert_eq!(
            (time_of(&record), record["offset"].as_u64()),
            (time, Some(16 * (time - 1)))
        );
    }
    let ended = tail.end(false);
    assert_eq!(ended.status, 0);
    assert!(ended.stderr.contains("4 records"), "{}", ended.stderr);
}

#[test]
fn a_file_that_is_cut_short_is_read_from_its_beginning() {
    let path = scratch("cut.bin");
    std::fs::write(&path, [ping(1), ping(2)].concat()).unwrap();
    let mut tail = follow(&path, &[]);
    assert_eq!((time_of(&tail.record()), time_of(&tail.record())), (1, 2));
    File::create(&path).unwrap();
    tail.says("was cut short");
    append(&path, &ping(3));
    let record = tail.record();
    assert_eq!((time_of(&record), record["offset"].as_u64()), (3, Some(0)));
}

#[test]
fn a_file_that_is_replaced_is_read_to_its_end_before_the_new_one() {
    let path = scratch("rotated.bin");
    std::fs::write(&path, ping(1)).unwrap();
    let mut tail = follow(&path, &[]);
    assert_eq!(time_of(&tail.record()), 1);
    append(&path, &ping(2));
    std::fs::rename(&path, scratch("rotated.bin.1")).unwrap();
    std::fs::write(&path, ping(3)).unwrap();
    assert_eq!((time_of(&tail.record()), time_of(&tail.record())), (2, 3));
    assert!(tail.end(false).stderr.contains("was replaced"));
}

#[test]
fn lines_are_messages_as_soon_as_they_end() {
    let path = scratch("lines.txt");
    std::fs::write(&path, "").unwrap();
    let mut tail = follow(&path, &["-i", "hex-lines"]);
    let line = hex::encode(ping(1));
    append(&path, &line.as_bytes()[..9]);
    append(&path, &line.as_bytes()[9..]);
    append(&path, b"\n");
    let record = tail.record();
    assert_eq!((time_of(&record), record["line"].as_u64()), (1, Some(1)));
}

#[test]
fn a_capture_is_recognized_and_followed() {
    let path = scratch("grows.pcap");
    let mut header = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
    header.extend([0; 8]);
    header.extend([0, 0, 4, 0, 101, 0, 0, 0]);
    std::fs::write(&path, &header).unwrap();
    let mut tail = follow(&path, &[]);
    for time in 0..3 {
        let mut packet = Vec::new();
        let sequence = u32::try_from(16 * time).unwrap();
        let builder = etherparse::PacketBuilder::ipv4([127, 0, 0, 1], [127, 0, 0, 1], 9).tcp(
            40_000,
            9090,
            sequence + u32::from(time > 0),
            1000,
        );
        let builder = match time {
            0 => builder.syn(),
            _ => builder.ack(1),
        };
        builder.write(&mut packet, &ping(time)).unwrap();
        let length = u32::try_from(packet.len()).unwrap().to_le_bytes();
        let seconds = u32::try_from(time).unwrap().to_le_bytes();
        append(
            &path,
            &[&seconds[..], &[0; 4], &length, &length, &packet].concat(),
        );
        let record = tail.record();
        assert_eq!(
            (time_of(&record), record["direction"].as_str()),
            (time, Some("c2s"))
        );
    }
}

#[test]
fn standard_input_is_shown_as_it_comes_and_ends_the_run() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirectl"));
    command
        .args(["tail", "--json", "-p", "sync"])
        .stdin(Stdio::piped());
    let mut tail = Tail::run(&mut command);
    let mut input = tail.stdin();
    for time in 0..3 {
        input.write_all(&ping(time)).unwrap();
        input.flush().unwrap();
        assert_eq!(time_of(&tail.record()), time);
    }
    drop(input);
    assert_eq!(tail.wait(false).status, 0);
}

#[test]
fn waiting_for_standard_input_can_be_ended() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirectl"));
    command
        .args(["tail", "--json", "-p", "sync"])
        .stdin(Stdio::piped());
    let mut tail = Tail::run(&mut command);
    let mut input = tail.stdin();
    input.write_all(&ping(1)).unwrap();
    tail.record();
    let ended = tail.end(false);
    assert_eq!(ended.status, 0);
    assert!(ended.stderr.contains("1 record,"), "{}", ended.stderr);
}

#[test]
fn damage_gives_status_1() {
    let path = scratch("damaged.bin");
    std::fs::write(&path, b"\x01\x19\0\0\0\0garbage, and more of it").unwrap();
    let mut tail = follow(&path, &[]);
    std::thread::sleep(std::time::Duration::from_millis(300));
    append(&path, &ping(2).repeat(3));
    tail.record();
    assert_eq!(tail.end(false).status, 1);
}
