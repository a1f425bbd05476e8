//! WebSocket, HTTP, event streams and TLS on top of TCP.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a failed test"
)]

mod net;

use std::sync::Arc;

use flate2::{Compress, Compression, FlushCompress};
use net::{
    ACK, Heard, Random, Talk, Told, codes, decode, decode_with, frame, messages, of, websocket,
};
use wirectl::net::Direction::{ClientToServer, ServerToClient};
use wirectl::net::{
    Capture, Conversation, Decoder, Ending, Item, Options, PayloadProbe, Stamp, Transport,
};

const KEY: [u8; 4] = [0x11, 0x22, 0x33, 0x44];

#[test]
fn messages_come_out_whole_wherever_segments_are_cut() {
    let long = vec![7u8; 70_000];
    let expected = [&b"one"[..], b"", &long, b"hello world"];
    let mut bytes = Vec::new();
    bytes.extend(frame(0x82, b"one", Some(KEY)));
    bytes.extend(frame(0x82, b"", Some(KEY)));
    bytes.extend(frame(0x82, &long, Some(KEY)));
    bytes.extend(frame(0x01, b"hello", Some(KEY)));
    bytes.extend(frame(0x89, b"ping", Some(KEY)));
    bytes.extend(frame(0x80, b" world", Some(KEY)));
    bytes.extend(frame(0x88, b"\x03\xe8done", Some(KEY)));
    for step in [1, 2, 3, 7, 100, 1448, 60_000] {
        let mut talk = websocket("");
        for piece in bytes.chunks(step) {
            talk.client(piece);
        }
        let heard = decode(&talk.packets);
        assert_eq!(messages(&heard, ClientToServer), expected);
        let controls = of(&heard, ClientToServer, |told| match told {
            Told::Control(control) => Some(control.clone()),
            _ => None,
        });
        assert_eq!(
            controls,
            ["GET /sync", "ping ping", "close Some(1000) done"]
        );
        let offsets = of(&heard, ClientToServer, |told| match told {
            Told::Message(offset, ..) => Some(*offset),
            _ => None,
        });
        assert_eq!(offsets, [0, 3, 3, 70_003]);
        assert_eq!(codes(&heard), Vec::<&str>::new());
    }
}

#[test]
fn frames_that_break_the_rules_are_told_and_read_all_the_same() {
    let mut talk = websocket("");
    talk.server(&frame(0x82, b"masked", Some(KEY)));
    talk.server(&frame(0xa2, b"reserved bit", None));
    talk.server(&[0x82, 126, 0, 2, b'h', b'i']);
    talk.server(&frame(0x83, b"reserved opcode", None));
    talk.server(&frame(0x80, b"stray", None));
    talk.server(&frame(0x81, b"\xff", None));
    let heard = decode(&talk.packets);
    assert_eq!(
        messages(&heard, ServerToClient),
        [&b"masked"[..], b"reserved bit", b"hi", b"\xff"]
    );
    assert_eq!(
        codes(&heard),
        [
            "ws-mask",
            "ws-reserved-bits",
            "ws-length-not-minimal",
            "ws-reserved-opcode",
            "ws-stray-continuation",
            "ws-text-not-utf8"
        ]
    );
}

/// Deflates messages as a sender does.
fn deflate(context: &mut Compress, message: &[u8], takeover: bool) -> Vec<u8> {
    if !takeover {
        context.reset();
    }
    let mut out = Vec::with_capacity(message.len() * 2 + 100);
    context
        .compress_vec(message, &mut out, FlushCompress::Sync)
        .unwrap();
    assert_eq!(out.split_off(out.len() - 4), [0, 0, 0xff, 0xff]);
    out
}

#[test]
fn deflated_messages_are_inflated_with_and_without_context() {
    for (extensions, takeover) in [
        ("permessage-deflate", true),
        ("permessage-deflate; server_no_context_takeover", false),
    ] {
        let mut context = Compress::new(Compression::default(), false);
        let mut talk = websocket(extensions);
        let texts: Vec<String> = (0..20)
            .map(|n| format!("message {n} of the same kind"))
            .collect();
        for text in &texts {
            let deflated = deflate(&mut context, text.as_bytes(), takeover);
            talk.server(&frame(0xc1, &deflated, None));
        }
        talk.server(&frame(0x81, b"not deflated", None));
        let heard = decode(&talk.packets);
        let mut expected: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
        expected.push(b"not deflated".to_vec());
        assert_eq!(messages(&heard, ServerToClient), expected);
        assert_eq!(codes(&heard), Vec::<&str>::new());
    }
}

#[test]
fn what_cannot_be_inflated_is_told_and_kept_as_it_was_sent() {
    let mut context = Compress::new(Compression::default(), false);
    let mut frames = Vec::new();
    for n in 0..12 {
        let text = format!("number {n}: a message that resembles the one before it");
        frames.push(frame(
            0xc1,
            &deflate(&mut context, text.as_bytes(), true),
            None,
        ));
    }
    // The capture begins after the third.
    let mut talk = Talk::midway(1000, 2000);
    for frame in &frames[3..] {
        talk.server(frame);
    }
    let heard = decode(&talk.packets);
    let deflated = of(&heard, ServerToClient, |told| match told {
        Told::Message(_, _, _, deflated) => Some(*deflated),
        _ => None,
    });
    assert_eq!(deflated, [true; 9]);
    assert_eq!(codes(&heard), ["ws-deflate-context-lost"; 9]);
}

#[test]
fn a_deflate_bomb_stops_at_the_limit() {
    let mut context = Compress::new(Compression::best(), false);
    let bomb = deflate(&mut context, &vec![0; 4 << 20], true);
    let mut talk = websocket("permessage-deflate");
    for piece in frame(0xc2, &bomb, None).chunks(1000) {
        talk.server(piece);
    }
    let options = Options {
        message_limit: 1 << 20,
        ..Options::default()
    };
    let heard = decode_with(options, &talk.packets);
    assert_eq!(codes(&heard), ["message-too-long"]);
}

struct Starts;

impl PayloadProbe for Starts {
    fn plausible(&self, start: &[u8], length: u64) -> bool {
        start.len() > 3 && start[0] == 1 && u64::from(start[1]) == length % 256
    }
}

/// A payload that [`Starts`] knows, otherwise noise, of which one byte in `decoys` looks like the
/// beginning of a header.
fn payload(random: &mut Random, number: u32, decoys: usize) -> Vec<u8> {
    let length = 4 + random.below(400);
    let mut bytes: Vec<u8> = (0..length)
        .map(|_| match random.below(decoys) {
            0 => 0x82,
            _ => random.next() as u8,
        })
        .collect();
    bytes[0] = 1;
    bytes[1] = length as u8;
    let number = number.to_be_bytes();
    bytes[2..4].copy_from_slice(&number[2..]);
    bytes
}

fn lossy(seed: u64, masked: bool, probe: bool) -> (usize, usize) {
    let mut random = Random::new(seed);
    let mut talk = websocket("");
    let (mut bytes, mut sent) = (Vec::new(), Vec::new());
    for number in 0..3000 {
        let payload = payload(&mut random, number, if probe { 4 } else { 40 });
        let key = masked.then(|| (random.next() as u32).to_be_bytes());
        let start = bytes.len();
        bytes.extend(frame(0x82, &payload, key));
        sent.push((start..bytes.len(), payload));
    }
    let mut lost = vec![false; bytes.len()];
    for (index, piece) in bytes.chunks(500).enumerate() {
        let lose = index > 20 && random.chance(3);
        let next = if masked {
            talk.client_next
        } else {
            talk.server_next
        };
        if lose {
            lost[index * 500..index * 500 + piece.len()].fill(true);
        } else {
            let ack = if masked {
                talk.server_next
            } else {
                talk.client_next
            };
            talk.push(masked, next, ack, ACK, piece);
        }
        let next = next.wrapping_add(piece.len() as u32);
        if masked {
            talk.client_next = next;
        } else {
            talk.server_next = next;
        }
        if index % 10 == 0 {
            talk.push(
                !masked,
                if masked {
                    talk.server_next
                } else {
                    talk.client_next
                },
                next,
                ACK,
                b"",
            );
        }
    }
    let options = Options {
        probe: probe.then(|| Arc::new(Starts) as Arc<dyn PayloadProbe>),
        ..Options::default()
    };
    let direction = if masked {
        ClientToServer
    } else {
        ServerToClient
    };
    let heard = decode_with(options, &talk.packets);
    let mut intact = sent
        .iter()
        .filter(|(range, _)| !lost[range.clone()].contains(&true))
        .map(|(_, payload)| payload);
    let mut found = 0;
    for message in messages(&heard, direction) {
        assert!(
            intact.by_ref().any(|sent| *sent == message),
            "seed {seed}: a message that was never sent"
        );
        found += 1;
    }
    let intact = sent
        .iter()
        .filter(|(range, _)| !lost[range.clone()].contains(&true))
        .count();
    (found, intact)
}

#[test]
fn after_a_gap_the_next_frame_is_found_and_nothing_is_invented() {
    for masked in [false, true] {
        for probe in [false, true] {
            let (mut found, mut intact) = (0, 0);
            for seed in 0..10 {
                let (f, i) = lossy(seed, masked, probe);
                found += f;
                intact += i;
            }
            let share = found as f64 / intact as f64;
            assert!(
                share >= 0.995,
                "masked {masked}, probe {probe}: {found} of {intact}"
            );
        }
    }
}

#[test]
fn frames_are_found_though_the_answer_to_the_upgrade_was_lost() {
    for lose_request in [false, true] {
        let mut talk = Talk::open(1000, 2000);
        if lose_request {
            talk.client_next += net::UPGRADE.len() as u32;
        } else {
            talk.client(net::UPGRADE);
        }
        talk.lose_server(200);
        let texts: Vec<Vec<u8>> = (0..60)
            .map(|n| format!("{{number {n}}}").into_bytes())
            .collect();
        for text in &texts {
            talk.client(&frame(0x81, text, Some(KEY)));
            talk.server(&frame(0x81, text, None));
        }
        let heard = decode(&talk.packets);
        for direction in [ClientToServer, ServerToClient] {
            assert_eq!(
                messages(&heard, direction),
                texts,
                "{lose_request} {direction:?}"
            );
        }
    }
}

#[test]
fn a_binary_protocol_seen_from_its_middle_is_not_taken_for_websocket() {
    let mut random = Random::new(4);
    for _ in 0..50 {
        let mut talk = Talk::midway(1000, 2000);
        let mut sent = Vec::new();
        for _ in 0..200 {
            let length = random.below(60);
            let mut message = (length as u32 + 9).to_le_bytes().to_vec();
            message.push(random.below(12) as u8);
            message.extend(random.below(1000).to_le_bytes());
            message.extend((0..length).map(|_| random.below(3) as u8));
            talk.server(&message);
            sent.extend(message);
            talk.client(&[0x05, 0, 0, 0, 1, 0, 0, 0, 0]);
        }
        let (bytes, _) = net::stream(&decode(&talk.packets), ServerToClient);
        assert_eq!(bytes.into_iter().flatten().collect::<Vec<u8>>(), sent);
    }
}

#[test]
fn messages_of_no_known_protocol_are_found_from_the_middle_of_a_connection() {
    let mut talk = Talk::midway(1000, 2000);
    for n in 0..3u8 {
        talk.client(&frame(0x82, &[9, n, 7, 7, 7], Some([n, 1, 2, 3])));
        talk.server(&frame(0x81, b"what is this", None));
    }
    let options = Options {
        probe: Some(Arc::new(Starts)),
        ..Options::default()
    };
    let heard = decode_with(options, &talk.packets);
    let sent: Vec<Vec<u8>> = (0..3u8).map(|n| vec![9, n, 7, 7, 7]).collect();
    assert_eq!(messages(&heard, ClientToServer), sent);
    assert_eq!(messages(&heard, ServerToClient), vec![b"what is this"; 3]);
}

#[test]
fn a_payload_that_repeats_itself_is_not_taken_for_frames() {
    // Masked, the zeros are the key over and over, which reads as a header.
    let key = [0x82, 0x8a, 0x55, 0x66];
    let zeros = frame(0x82, &[0; 900], Some(key));
    let maps = frame(0x82, &[0x82, 1, 7].repeat(300), None);
    let mut talk = Talk::midway(1000, 2000);
    talk.client(&zeros[300..]);
    talk.server(&maps[300..]);
    for n in 0..20u8 {
        talk.client(&frame(0x82, &[7; 30], Some([n, 1, 2, 3])));
        talk.server(&frame(0x82, &[7; 30], None));
    }
    let heard = decode(&talk.packets);
    for direction in [ClientToServer, ServerToClient] {
        assert_eq!(messages(&heard, direction), vec![vec![7; 30]; 20]);
    }
}

#[test]
fn a_gap_inside_a_payload_does_not_need_a_search() {
    let mut talk = websocket("");
    let bytes = frame(0x82, &[9; 3000], None);
    talk.server(&bytes[..1000]);
    talk.lose_server(1000);
    talk.server(&bytes[2000..]);
    talk.server(&frame(0x82, b"next", None));
    talk.client_acknowledges();
    let heard = decode(&talk.packets);
    assert_eq!(messages(&heard, ServerToClient), [b"next"]);
    let rest = of(&heard, ServerToClient, |told| match told {
        Told::Fragment(bytes, "gap") => Some(bytes.len()),
        _ => None,
    });
    assert_eq!(rest, [996, 1004]);
}

fn http(request: &[u8], response: &[&[u8]]) -> Vec<Heard> {
    let mut talk = Talk::open(1, 2);
    talk.client(request);
    for piece in response {
        talk.server(piece);
    }
    decode(&talk.packets)
}

#[test]
fn events_come_one_by_one_from_a_response_that_never_ends() {
    let heard = http(
        b"GET /events HTTP/1.1\r\nAccept: text/event-stream\r\n\r\n",
        &[
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"1b\r\nevent: a\nid: 1\ndata: one\n\n\r\n",
            b"c\r\ndata: two\nda\r\n",
            b"10\r\nta: more\n: note\n\r",
            b"\n1\r\n\n\r\n",
        ],
    );
    let events = of(&heard, ServerToClient, |told| match told {
        Told::Event(event, id, data) => Some((event.clone(), id.clone(), data.clone())),
        _ => None,
    });
    assert_eq!(
        events,
        [
            (Some("a".to_owned()), Some("1".to_owned()), b"one".to_vec()),
            (None, None, b"two\nmore".to_vec())
        ]
    );
    assert!(
        heard
            .iter()
            .any(|heard| heard.told == Told::Control("comment  note".into()))
    );
    assert_eq!(
        heard.last().map(|heard| heard.transport),
        Some(Transport::Sse)
    );
}

#[test]
fn line_ends_of_an_event_stream_may_be_cut_anywhere() {
    let body = b"data: one\r\n\r\ndata: two\r\rdata: three\n\n".as_slice();
    for step in 1..body.len() {
        let mut talk = Talk::open(1, 2);
        talk.client(b"GET / HTTP/1.1\r\n\r\n");
        talk.server(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
        for piece in body.chunks(step) {
            talk.server(piece);
        }
        let heard = decode(&talk.packets);
        assert_eq!(
            messages(&heard, ServerToClient),
            [&b"one"[..], b"two", b"three"],
            "step {step}"
        );
    }
}

#[test]
fn requests_may_be_pipelined_and_bodies_framed_in_each_way() {
    let requests = b"POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcHEAD /b HTTP/1.1\r\n\r\nPUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nde\r\n1\r\nf\r\n0\r\nTrailer: 1\r\n\r\nGET /d HTTP/1.1\r\n\r\n";
    let responses = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.0 404 No\r\n\r\nuntil close";
    for step in [1, 5, 1000] {
        let mut talk = Talk::open(1, 2);
        for piece in requests.chunks(step) {
            talk.client(piece);
        }
        for piece in responses.chunks(step) {
            talk.server(piece);
        }
        talk.close();
        let heard = decode(&talk.packets);
        assert_eq!(messages(&heard, ClientToServer), [b"abc", b"def"]);
        assert_eq!(
            messages(&heard, ServerToClient),
            [&b"ok"[..], b"until close"]
        );
        assert_eq!(codes(&heard), Vec::<&str>::new());
    }
}

#[test]
fn a_live_source_needs_no_packets() {
    let mut conversation = Conversation::new(Arc::new(Options::default()), true);
    let mut heard = Vec::new();
    let mut sink = |event: wirectl::net::Event<'_>| heard.push(net::keep(event));
    let at = |direction| Stamp {
        connection: 7,
        direction,
        time_ns: 1,
        packet: 0,
    };
    let answer = net::granted("");
    let hello = frame(0x81, b"hello", None);
    conversation.data(at(ClientToServer), 0, net::UPGRADE, &mut sink);
    conversation.data(at(ServerToClient), 0, &answer, &mut sink);
    conversation.data(at(ServerToClient), answer.len() as u64, &hello, &mut sink);
    conversation.close(at(ServerToClient), Ending::Fin, &mut sink);
    assert_eq!(conversation.transport(), Transport::WebSocket);
    assert_eq!(messages(&heard, ServerToClient), [b"hello"]);
}

fn decode_file(capture: &[u8], keys: &[u8]) -> Vec<Heard> {
    let mut heard = Vec::new();
    let mut decoder = Decoder::new(Options::default());
    decoder.tls_secrets(keys);
    if let Ok(mut capture) = Capture::new(capture) {
        while capture
            .step(&mut |item| {
                if let Item::Packet(packet) = item {
                    decoder.packet(&packet, &mut |event| heard.push(net::keep(event)));
                }
            })
            .unwrap()
        {}
    }
    decoder.finish(&mut |event| heard.push(net::keep(event)));
    heard
}

const TLS13: &[u8] = include_bytes!("net/tls13.pcap");
const TLS12: &[u8] = include_bytes!("net/tls12.pcap");
const KEYS: &[u8] = include_bytes!("net/tls.keys");

#[test]
fn tls_is_decrypted_with_a_key_log_across_key_updates() {
    for capture in [TLS13, TLS12] {
        let heard = decode_file(capture, KEYS);
        let clear: Vec<u8> = of(&heard, ClientToServer, |told| match told {
            Told::Data(_, bytes) => Some(bytes.clone()),
            _ => None,
        })
        .concat();
        assert_eq!(
            String::from_utf8(clear).unwrap(),
            "hello number 0 of some test\nhello number 1 of some test\nhello number 2 of some test\n"
        );
        assert!(codes(&heard).is_empty());
    }
}

#[test]
fn a_lost_packet_of_tls_loses_what_it_holds_and_no_more() {
    for capture in [TLS13, TLS12] {
        let (header, mut rest) = capture.split_at(24);
        let mut packets = Vec::new();
        while let Some(length) = rest.get(8..12) {
            let length = u32::from_le_bytes(length.try_into().unwrap()) as usize;
            let (packet, after) = rest.split_at(16 + length);
            packets.push(packet);
            rest = after;
        }
        // Not the two packets that open the connection, nor those with the hellos.
        let hellos = |bytes: &[u8]| {
            let mut starts = bytes.windows(11);
            starts.any(|start| matches!(start, [22, 3, _, _, _, 1 | 2, 0, _, _, 3, 3]))
        };
        for lost in 2..packets.len() {
            if hellos(packets[lost]) {
                continue;
            }
            let others = packets.iter().enumerate().filter(|(at, _)| *at != lost);
            let others: Vec<&[u8]> = others.map(|(_, packet)| *packet).collect();
            let heard = decode_file(&[&[header], &others[..]].concat().concat(), KEYS);
            let clear: Vec<Vec<u8>> = of(&heard, ClientToServer, |told| match told {
                Told::Data(_, bytes) => Some(bytes.clone()),
                _ => None,
            });
            let lines = String::from_utf8(clear.concat()).unwrap();
            assert!(lines.lines().count() >= 2, "{lost}: {lines}");
        }
    }
}

#[test]
fn a_server_that_is_heard_alone_speaks_tls_too() {
    let hello = hex::decode("160303002e0200002a0303").unwrap();
    let data = [&[23, 3, 3, 0, 40][..], &[9; 40]].concat();
    let mut talk = Talk::open(3, 4);
    talk.server(&[hello, vec![7; 40], data].concat());
    let heard = decode(&talk.packets);
    assert_eq!(codes(&heard), ["tls-not-decrypted"]);
}

#[test]
fn tls_without_secrets_is_named_and_said_to_stay_encrypted() {
    let heard = decode_file(TLS13, b"");
    assert_eq!(codes(&heard), ["tls-not-decrypted"]);
    let named = heard.iter().any(|heard| {
        matches!(&heard.told, Told::Control(text)
            if text.contains("TLS 1.3") && text.contains("example.test") && text.contains("http/1.1"))
    });
    assert!(named);
}

/// A small capture in which everything happens.
fn everything() -> Vec<Vec<u8>> {
    let mut context = Compress::new(Compression::default(), false);
    let mut talk = websocket("permessage-deflate");
    for n in 0..6 {
        let text = format!("text {n} text {n}");
        let deflated = deflate(&mut context, text.as_bytes(), true);
        talk.server(&frame(0xc1, &deflated, None));
        talk.client(&frame(0x82, text.as_bytes(), Some(KEY)));
    }
    talk.lose_server(9);
    talk.server(&frame(0x82, b"after", None));
    talk.close();
    let mut other = Talk::open(5, 6);
    other.client = (3, 40_000);
    other.client(b"POST /x HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi");
    other.server(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: x\n\n\r\n");
    talk.packets.extend(other.packets);
    talk.packets
}

#[test]
fn no_bit_flipped_and_no_prefix_makes_it_panic() {
    let packets = everything();
    let mut random = Random::new(3);
    for round in 0..3000 {
        let mut packets = packets.clone();
        for _ in 0..=round % 4 {
            let index = random.below(packets.len());
            let packet = &mut packets[index];
            if packet.is_empty() {
                continue;
            }
            let at = random.below(packet.len());
            if random.chance(50) {
                packet[at] = random.next() as u8;
            } else {
                packet.truncate(at);
            }
        }
        decode(&packets);
    }
}

#[test]
fn captures_of_tls_survive_any_prefix_and_damage() {
    let mut random = Random::new(9);
    for capture in [TLS12, TLS13] {
        for end in 0..capture.len() {
            decode_file(&capture[..end], KEYS);
        }
        for _ in 0..1000 {
            let mut capture = capture.to_vec();
            for _ in 0..3 {
                let at = random.below(capture.len());
                capture[at] = random.next() as u8;
            }
            decode_file(&capture, KEYS);
        }
    }
}

/// Who opened, with the transport and the messages of each direction.
fn roles(packets: &[Vec<u8>]) -> (String, Transport, Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let heard = decode(packets);
    let Told::Open(client, server, _) = heard[0].told else {
        panic!("{:?}", heard[0]);
    };
    let transport = heard
        .iter()
        .rev()
        .find_map(|heard| match &heard.told {
            Told::Summary(summary) => Some(summary.transport),
            _ => None,
        })
        .unwrap();
    (
        format!("{client} {server}"),
        transport,
        messages(&heard, ClientToServer),
        messages(&heard, ServerToClient),
    )
}

#[test]
fn without_a_syn_the_first_bytes_tell_who_is_the_client() {
    let expected = (
        "10.0.0.1:3000 10.0.0.2:50000".to_owned(),
        Transport::WebSocket,
        vec![b"question".to_vec()],
        vec![b"answer".to_vec()],
    );
    for (upgrade, acknowledged, server_first) in [
        (true, false, false),
        (true, true, false),
        (false, false, false),
        (false, true, true),
    ] {
        let mut talk = Talk::midway(1000, 2000);
        talk.client.1 = 3000;
        talk.server.1 = 50_000;
        if acknowledged {
            // Says nothing of who is who, and is counted all the same.
            talk.client_acknowledges();
        }
        if upgrade {
            talk.client(net::UPGRADE);
            talk.server(&net::granted(""));
        }
        let question = frame(0x82, b"question", Some([1, 2, 3, 4]));
        let answer = frame(0x82, b"answer", None);
        if server_first {
            talk.server(&answer);
            talk.client(&question);
        } else {
            talk.client(&question);
            talk.server(&answer);
        }
        assert_eq!(roles(&talk.packets), expected, "{upgrade} {server_first}");
        let heard = decode(&talk.packets);
        let Told::Summary(summary) = &heard.last().unwrap().told else {
            panic!("no summary");
        };
        let each = 1 + u64::from(upgrade);
        assert_eq!(summary.packets, (each + u64::from(acknowledged), each));
    }
}
