//! HTTP, event streams and upgrades that were captured in part, in another order, or are written
//! oddly.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is a failed test"
)]

mod net;

use std::io::Write;
use std::sync::Arc;

use flate2::{Compression, write::GzEncoder, write::ZlibEncoder};
use net::{Heard, Talk, Told, UPGRADE, codes, decode, decode_with, frame, granted, messages, of};
use wirectl::net::Direction::{ClientToServer, ServerToClient};
use wirectl::net::{Options, PayloadProbe};

const KEY: [u8; 4] = [0x11, 0x22, 0x33, 0x44];
const STREAM: &[u8] = b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n";
const EVENTS_HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

fn fragments(heard: &[Heard]) -> Vec<String> {
    of(heard, ServerToClient, |told| match told {
        Told::Fragment(bytes, _) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    })
}

fn controls(heard: &[Heard]) -> Vec<String> {
    of(heard, ClientToServer, |told| match told {
        Told::Control(control) => Some(control.clone()),
        _ => None,
    })
}

/// Knows how the messages of these tests begin.
struct Known;

impl PayloadProbe for Known {
    fn plausible(&self, payload_start: &[u8], _payload_length: u64) -> bool {
        payload_start.starts_with(b"message ")
    }
}

fn knowing() -> Options {
    Options {
        probe: Some(Arc::new(Known)),
        ..Options::default()
    }
}

/// A segment of which only the first `kept` bytes were captured.
fn cut(talk: &mut Talk, from_client: bool, bytes: &[u8], kept: usize) {
    if from_client {
        talk.client(bytes);
    } else {
        talk.server(bytes);
    }
    // Behind the headers of IP and TCP.
    talk.packets.last_mut().unwrap().truncate(40 + kept);
}

/// Frames both ways, each in its own segment: twelve from each side, some cut.
fn frames(talk: &mut Talk, kept: usize) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (mut client, mut server) = (Vec::new(), Vec::new());
    for n in 0..12u8 {
        for (from_client, whole) in [(true, &mut client), (false, &mut server)] {
            let payload =
                format!("message {n} {}", "x".repeat(usize::from(n % 4) * 20)).into_bytes();
            let key = [n.wrapping_mul(29) ^ 0x5a, n, 0xc3 ^ n, 0x21];
            let bytes = frame(0x82, &payload, from_client.then_some(key));
            if bytes.len() > kept {
                cut(talk, from_client, &bytes, kept);
            } else if from_client {
                talk.client(&bytes);
                whole.push(payload);
            } else {
                talk.server(&bytes);
                whole.push(payload);
            }
        }
    }
    talk.client_acknowledges();
    (client, server)
}

#[test]
fn an_upgrade_cut_by_the_snapshot_length_is_still_one() {
    for kept in [30, 62, 74] {
        let mut talk = Talk::open(1000, 2000);
        cut(&mut talk, true, UPGRADE, kept);
        cut(&mut talk, false, &granted(""), kept);
        talk.client_acknowledges();
        let (client, server) = frames(&mut talk, kept);
        let heard = decode_with(knowing(), &talk.packets);
        // Where each third frame is cut, some are needed to be sure.
        let (found, all) = (messages(&heard, ClientToServer), client.len());
        assert!(client.ends_with(&found), "{found:?}");
        assert!(found.len() + 3 >= all, "{kept}: {} of {all}", found.len());
        let (found, all) = (messages(&heard, ServerToClient), server.len());
        assert!(server.ends_with(&found), "{found:?}");
        assert!(found.len() + 3 >= all, "{kept}: {} of {all}", found.len());
        assert_eq!(codes(&heard), Vec::<&str>::new());
    }
}

#[test]
fn a_cut_answer_that_refuses_the_upgrade_leaves_http() {
    let mut talk = Talk::open(1000, 2000);
    talk.client(UPGRADE);
    let refusal = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno";
    cut(&mut talk, false, refusal, 30);
    talk.client_acknowledges();
    talk.client(b"GET /again HTTP/1.1\r\n\r\n");
    talk.server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let heard = decode(&talk.packets);
    assert_eq!(messages(&heard, ServerToClient), [b"ok"]);
    assert_eq!(controls(&heard), ["GET /sync", "GET /again"]);
}

fn event(n: u32) -> String {
    format!("event: frame\nid: {n}\ndata: number {n}\n\n")
}

fn chunk(content: &str) -> Vec<u8> {
    format!("{:x}\r\n{content}\r\n", content.len()).into_bytes()
}

/// A stream of six events, of which `lose` says what is not captured: the range of bytes.
fn stream(head: &[u8], events: &[Vec<u8>], lose: std::ops::Range<usize>) -> Vec<Heard> {
    let mut talk = Talk::open(1, 2);
    talk.client(STREAM);
    let mut position = 0;
    for piece in std::iter::once(head).chain(events.iter().map(Vec::as_slice)) {
        let end = position + piece.len();
        let (from, to) = (
            lose.start.clamp(position, end),
            lose.end.clamp(position, end),
        );
        for (start, end, kept) in [(position, from, true), (from, to, false), (to, end, true)] {
            let part = &piece[start - position..end - position];
            if part.is_empty() {
            } else if kept {
                talk.server(part);
            } else {
                talk.lose_server(part.len() as u32);
            }
        }
        position = end;
    }
    talk.client_acknowledges();
    talk.close();
    decode(&talk.packets)
}

fn numbers(heard: &[Heard]) -> Vec<String> {
    of(heard, ServerToClient, |told| match told {
        Told::Event(Some(_), Some(id), data) => {
            assert_eq!(String::from_utf8_lossy(data), format!("number {id}"));
            Some(id.clone())
        }
        Told::Event(..) => panic!("an event without its fields"),
        _ => None,
    })
}

#[test]
fn events_go_on_though_their_head_is_lost_or_cut() {
    let chunks: Vec<_> = (0..6).map(|n| chunk(&event(n))).collect();
    let plain: Vec<_> = (0..6).map(|n| event(n).into_bytes()).collect();
    for events in [&chunks, &plain] {
        for start in [0, 20, 60] {
            let heard = stream(EVENTS_HEAD, events, start..EVENTS_HEAD.len());
            assert_eq!(
                numbers(&heard),
                ["0", "1", "2", "3", "4", "5"],
                "from {start}"
            );
            assert_eq!(codes(&heard), Vec::<&str>::new());
        }
    }
}

#[test]
fn around_a_hole_whole_events_are_shown_and_torn_ones_as_bytes() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    let chunks: Vec<_> = (0..6).map(|n| chunk(&event(n))).collect();
    let plain: Vec<_> = (0..6).map(|n| event(n).into_bytes()).collect();
    for (head, events) in [(EVENTS_HEAD, &chunks), (&head[..], &plain)] {
        let length = events[0].len();
        let start = head.len() + 2 * length;
        let heard = stream(head, events, start..start + length);
        assert_eq!(numbers(&heard), ["0", "1", "3", "4", "5"]);
        assert_eq!(fragments(&heard), Vec::<String>::new());
        let heard = stream(head, events, start..start + length - 9);
        assert_eq!(numbers(&heard), ["0", "1", "3", "4", "5"]);
        assert_eq!(fragments(&heard).len(), 1);
        assert!(fragments(&heard)[0].contains("er 2"));
    }
    // In chunks, the next event is certain even if the one before was cut.
    let start = EVENTS_HEAD.len() + 2 * chunks[0].len();
    let heard = stream(EVENTS_HEAD, &chunks, start + 20..start + chunks[0].len());
    assert_eq!(numbers(&heard), ["0", "1", "3", "4", "5"]);
    assert_eq!(fragments(&heard), ["event: frame\n", "id:"]);
}

#[test]
fn line_ends_of_several_kinds_may_come_in_pieces() {
    let body = b"data: one\r\ndata: 1\r\n\r\ndata: two\n\rdata: three\r\n\n".as_slice();
    for step in 1..body.len() {
        let mut talk = Talk::open(1, 2);
        talk.client(STREAM);
        talk.server(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
        for piece in body.chunks(step) {
            talk.server(piece);
        }
        let heard = decode(&talk.packets);
        let expected = [&b"one\n1"[..], b"two", b"three"];
        assert_eq!(messages(&heard, ServerToClient), expected, "step {step}");
    }
}

#[test]
fn frames_of_a_server_whose_answer_is_missing_are_read() {
    let mut talk = Talk::midway(1000, 2000);
    talk.push(true, 999, 0, net::SYN, b"");
    talk.client(UPGRADE);
    let (client, server) = frames(&mut talk, 1000);
    let heard = decode(&talk.packets);
    assert_eq!(messages(&heard, ClientToServer), client);
    assert_eq!(messages(&heard, ServerToClient), server);
    assert_eq!(codes(&heard), Vec::<&str>::new());
}

#[test]
fn heads_may_be_folded_and_have_blanks_before_colons() {
    for field in ["Server : x", "Server: x\r\n y", "X\t: a\r\n\t b : c"] {
        let mut talk = Talk::open(1000, 2000);
        let request = String::from_utf8_lossy(UPGRADE).replace("Host: x", field);
        let answer =
            String::from_utf8_lossy(&granted("")).replacen("\r\n", &format!("\r\n{field}\r\n"), 1);
        for piece in request.as_bytes().chunks(7) {
            talk.client(piece);
        }
        for piece in answer.as_bytes().chunks(60) {
            talk.server(piece);
        }
        let (client, server) = frames(&mut talk, 1000);
        let heard = decode(&talk.packets);
        assert_eq!(messages(&heard, ClientToServer), client);
        assert_eq!(messages(&heard, ServerToClient), server);
        assert_eq!(codes(&heard), ["http-head-odd", "http-head-odd"]);
    }
}

#[test]
fn an_answer_captured_before_its_request_changes_nothing_else() {
    for step in [1000, 50] {
        let mut talk = Talk::open(1000, 2000);
        let ack = talk.client_next.wrapping_add(UPGRADE.len() as u32);
        let answer = granted("");
        talk.push(false, talk.server_next, ack, net::ACK, &answer);
        talk.server_next = talk.server_next.wrapping_add(answer.len() as u32);
        for piece in UPGRADE.chunks(step) {
            talk.client(piece);
        }
        let (client, server) = frames(&mut talk, 1000);
        let heard = decode(&talk.packets);
        assert_eq!(controls(&heard), ["GET /sync"]);
        assert_eq!(messages(&heard, ClientToServer), client);
        assert_eq!(messages(&heard, ServerToClient), server);
        let offsets = of(&heard, ClientToServer, |told| match told {
            Told::Message(offset, ..) => Some(*offset),
            Told::Fragment(..) => panic!("bytes that are no message"),
            _ => None,
        });
        assert_eq!(offsets[0], 0);
        assert_eq!(codes(&heard), Vec::<&str>::new());
    }
}

#[test]
fn an_answer_whose_request_never_comes_leaves_the_frames() {
    let mut talk = Talk::midway(1000, 2000);
    talk.server(&granted(""));
    let (client, server) = frames(&mut talk, 1000);
    let heard = decode(&talk.packets);
    assert_eq!(messages(&heard, ClientToServer), client);
    assert_eq!(messages(&heard, ServerToClient), server);
}

#[test]
fn a_request_may_follow_empty_lines_and_have_many_fields() {
    let many: String = (0..1000).map(|n| format!("X-{n}: {n}\r\n")).collect();
    let request = String::from_utf8_lossy(UPGRADE).replacen("\r\n", &format!("\r\n{many}"), 1);
    for step in [1, 1400] {
        let mut talk = Talk::open(1000, 2000);
        talk.client(b"\r\n");
        for piece in request.as_bytes().chunks(step) {
            talk.client(piece);
        }
        talk.server(&granted(""));
        talk.client(&frame(0x82, b"hello", Some(KEY)));
        let heard = decode(&talk.packets);
        assert_eq!(messages(&heard, ClientToServer), [b"hello"]);
        assert_eq!(codes(&heard), Vec::<&str>::new());
    }
}

#[test]
fn a_length_told_twice_is_one_length() {
    let mut talk = Talk::open(1, 2);
    talk.client(b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n");
    talk.server(b"HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\none");
    talk.server(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo");
    let heard = decode(&talk.packets);
    assert_eq!(messages(&heard, ServerToClient), [b"one", b"two"]);
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn body(coding: &str, content: &[u8], step: usize, options: Options) -> Vec<Heard> {
    let mut talk = Talk::open(1, 2);
    talk.client(b"GET / HTTP/1.1\r\n\r\n");
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n",
        content.len()
    );
    talk.server(head.as_bytes());
    for piece in content.chunks(step) {
        talk.server(piece);
    }
    decode_with(options, &talk.packets)
}

#[test]
fn compressed_bodies_are_read_and_others_told() {
    let text: Vec<u8> = (0..9000u32)
        .flat_map(|n| n.to_string().into_bytes())
        .collect();
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(&text).unwrap();
    let raw = flate2::write::DeflateEncoder::new(Vec::new(), Compression::default());
    let mut raw = raw;
    raw.write_all(&text).unwrap();
    let coded = [
        ("gzip", gzip(&text)),
        ("X-GZIP", gzip(&text)),
        ("deflate", zlib.finish().unwrap()),
        ("deflate", raw.finish().unwrap()),
        ("identity", text.clone()),
    ];
    for (coding, content) in &coded {
        for step in [1, 100, 1400] {
            let heard = body(coding, content, step, Options::default());
            assert_eq!(
                messages(&heard, ServerToClient),
                [&text[..]],
                "{coding} {step}"
            );
            assert_eq!(codes(&heard), Vec::<&str>::new());
        }
    }
    let mut damaged = gzip(&text);
    damaged[100..200].fill(0xff);
    let cut = &gzip(&text)[..500];
    for (coding, content) in [("br", &text[..]), ("gzip", &damaged), ("gzip", cut)] {
        let heard = body(coding, content, 1400, Options::default());
        assert!(messages(&heard, ServerToClient).is_empty());
        assert_eq!(codes(&heard), ["http-content-encoding"]);
    }
}

#[test]
fn a_compressed_body_is_read_up_to_the_limit() {
    let options = Options {
        message_limit: 1 << 20,
        ..Options::default()
    };
    let heard = body("gzip", &gzip(&vec![b' '; 100 << 20]), 1400, options);
    assert_eq!(codes(&heard), ["message-too-long"]);
    let kept = of(&heard, ServerToClient, |told| match told {
        Told::Fragment(bytes, _) => Some(bytes.len()),
        _ => None,
    });
    assert_eq!(kept, [1 << 20]);
}

#[test]
fn compressed_events_come_one_by_one_until_bytes_are_missing() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let mut talk = Talk::open(1, 2);
    talk.client(STREAM);
    talk.server(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n\r\n",
    );
    for n in 0..6 {
        encoder.write_all(event(n).as_bytes()).unwrap();
        encoder.flush().unwrap();
        let piece = std::mem::take(encoder.get_mut());
        if n == 4 {
            talk.lose_server(piece.len() as u32);
        } else {
            talk.server(&piece);
        }
    }
    talk.client_acknowledges();
    let heard = decode(&talk.packets);
    assert_eq!(numbers(&heard), ["0", "1", "2", "3"]);
    assert_eq!(codes(&heard), ["http-content-encoding"]);
    // Each event is told with the packet that brought it.
    let packets: Vec<u64> = heard
        .iter()
        .filter(|heard| matches!(heard.told, Told::Event(..)))
        .map(|heard| heard.packet)
        .collect();
    assert_eq!(packets, [6, 7, 8, 9]);
}
