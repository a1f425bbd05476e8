//! TCP streams put together from segments, against a model that marks each byte.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a failed test"
)]

mod net;

use net::{ACK, Heard, Random, SYN, Talk, Told, codes, decode, decode_with, of, stream, tcp};
use wirectl::net::Direction;
use wirectl::net::Direction::{ClientToServer, ServerToClient};
use wirectl::net::{Ending, Options};

/// Cuts `payload` into segments, some of them again with other cuts, and swaps neighbours.
fn segments(random: &mut Random, payload: &[u8], lose: usize) -> Vec<(usize, Vec<u8>)> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < payload.len() {
        let length = (1 + random.below(60)).min(payload.len() - at);
        if !random.chance(lose) {
            out.push((at, payload[at..at + length].to_vec()));
        }
        if random.chance(15) {
            let start = at.saturating_sub(random.below(80));
            let end = (start + 1 + random.below(120)).min(at + length);
            out.push((start, payload[start..end].to_vec()));
        }
        at += length;
    }
    for index in 0..out.len() {
        if random.chance(20) {
            let other = (index + random.below(6)).min(out.len() - 1);
            out.swap(index, other);
        }
    }
    out
}

fn run(seed: u64, lose: usize, midway: bool) {
    let mut random = Random::new(seed);
    let length = 1 + random.below(4000);
    let payload = random.bytes(length);
    let start = if random.chance(50) {
        u32::MAX - random.below(3000) as u32
    } else {
        random.next() as u32
    };
    let mut talk = if midway {
        Talk::midway(77, start)
    } else {
        Talk::open(77, start)
    };
    // The client speaks first and nonsense, so that nothing is taken for a known protocol.
    talk.client(b"\x00nonsense");
    let mut seen = vec![false; payload.len()];
    let mut received = 0;
    for (at, bytes) in segments(&mut random, &payload, lose) {
        seen[at..at + bytes.len()].fill(true);
        talk.push(false, start.wrapping_add(at as u32), 86, ACK, &bytes);
        received = received.max(at + bytes.len());
    }
    // In the end the client has received everything that the capture shows.
    talk.server_next = start.wrapping_add(received as u32);
    talk.client_acknowledges();
    let heard = decode(&talk.packets);
    let (bytes, _) = stream(&heard, ServerToClient);
    let first = if midway {
        seen.iter().position(|seen| *seen).unwrap_or(0)
    } else {
        0
    };
    let expected: Vec<Option<u8>> = (first..received)
        .map(|at| seen[at].then_some(payload[at]))
        .collect();
    assert_eq!(bytes, expected, "seed {seed}");
    assert_eq!(codes(&heard), Vec::<&str>::new(), "seed {seed}");
}

#[test]
fn bytes_come_out_whole_however_segments_are_cut_shuffled_and_repeated() {
    for seed in 0..400 {
        run(seed, 0, false);
    }
}

#[test]
fn what_was_lost_is_a_gap_of_the_exact_size() {
    for seed in 0..400 {
        run(seed, 10, false);
    }
}

#[test]
fn a_stream_that_begins_before_the_capture_counts_from_its_first_bytes() {
    let mut talk = Talk::midway(77, 5000);
    talk.push(false, 5010, 77, ACK, b"second....");
    talk.push(false, 5000, 77, ACK, b"first.....");
    talk.server_next = 5020;
    talk.client_acknowledges();
    let (bytes, gaps) = stream(&decode(&talk.packets), ServerToClient);
    let text: Vec<u8> = bytes.into_iter().flatten().collect();
    assert_eq!(text, b"first.....second....");
    assert_eq!(gaps, []);
}

#[test]
fn of_conflicting_bytes_the_first_copy_is_kept_and_the_conflict_told() {
    let mut talk = Talk::open(100, 200);
    talk.client(b"\x01abcdefghij");
    talk.push(true, 104, 200, ACK, b"dXfgh");
    let heard = decode(&talk.packets);
    assert_eq!(codes(&heard), ["tcp-conflicting-overlap"]);
    let at = of(&heard, ClientToServer, |told| match told {
        Told::Finding(_, _, offset) => Some(*offset),
        _ => None,
    });
    assert_eq!(at, [5]);
    // The same while the bytes are still held back.
    let mut talk = Talk::open(100, 200);
    talk.push(true, 105, 200, ACK, b"efghij");
    talk.push(true, 107, 200, ACK, b"gX");
    talk.push(true, 100, 200, ACK, b"\x01abcd");
    let heard = decode(&talk.packets);
    assert_eq!(codes(&heard), ["tcp-conflicting-overlap"]);
    let (bytes, _) = stream(&heard, ClientToServer);
    assert_eq!(
        bytes.into_iter().flatten().collect::<Vec<u8>>(),
        b"\x01abcdefghij"
    );
}

#[test]
fn a_keep_alive_is_neither_data_nor_conflict() {
    let mut talk = Talk::open(100, 200);
    talk.client(b"\x01abc");
    talk.push(true, 103, 200, ACK, b"\x00");
    talk.push(true, 103, 200, ACK, b"");
    talk.client(b"def");
    let heard = decode(&talk.packets);
    assert_eq!(codes(&heard), Vec::<&str>::new());
    let (bytes, gaps) = stream(&heard, ClientToServer);
    assert_eq!((bytes.len(), gaps.len()), (7, 0));
}

#[test]
fn ports_used_again_are_a_new_connection() {
    let mut talk = Talk::open(100, 200);
    talk.client(b"\x01one");
    talk.close();
    talk.client_next = 900_000_000;
    talk.server_next = 2_000_000_000;
    talk.handshake();
    talk.client(b"\x01two");
    // And without a close in between.
    talk.client_next = 17;
    talk.server_next = 18;
    talk.handshake();
    talk.client(b"\x01three");
    let heard = decode(&talk.packets);
    let data: Vec<(Option<u32>, Vec<u8>)> = heard
        .iter()
        .filter_map(|heard| match &heard.told {
            Told::Data(0, bytes) => Some((heard.connection, bytes.clone())),
            _ => None,
        })
        .collect();
    let expected: [(Option<u32>, Vec<u8>); 3] = [
        (Some(0), b"\x01one".to_vec()),
        (Some(1), b"\x01two".to_vec()),
        (Some(2), b"\x01three".to_vec()),
    ];
    assert_eq!(data, expected);
    let ends: Vec<(Option<u32>, Ending)> = heard
        .iter()
        .filter_map(|heard| match heard.told {
            Told::Close(how) => Some((heard.connection, how)),
            _ => None,
        })
        .collect();
    assert_eq!(ends[..2], [(Some(0), Ending::Fin), (Some(0), Ending::Fin)]);
    assert_eq!(
        ends[2..4],
        [(Some(1), Ending::Replaced), (Some(1), Ending::Replaced)]
    );
}

#[test]
fn each_direction_closes_on_its_own_and_a_reset_closes_both() {
    let mut talk = Talk::open(100, 200);
    talk.client(b"\x01ask");
    talk.push(true, 104, 200, net::FIN | ACK, b"");
    talk.server(b"answer");
    talk.push(false, 206, 105, net::RST | ACK, b"");
    let heard = decode(&talk.packets);
    let closes: Vec<_> = heard
        .iter()
        .filter_map(|heard| match heard.told {
            Told::Close(how) => Some((heard.direction, how, heard.packet)),
            _ => None,
        })
        .collect();
    assert_eq!(
        closes,
        [
            (ClientToServer, Ending::Fin, 5),
            (ServerToClient, Ending::Rst, 7)
        ]
    );
}

#[test]
fn a_syn_decides_who_is_the_client_and_else_the_ports_do() {
    let packets = [
        tcp((1, 80), (2, 50_000), 5, 0, SYN, b""),
        tcp((3, 50_000), (4, 9000), 5, 1, ACK, b"\x01"),
        tcp((5, 9000), (6, 50_000), 5, 1, ACK, b"\x01"),
    ];
    let opened: Vec<String> = decode(&packets)
        .iter()
        .filter_map(|heard| match heard.told {
            Told::Open(client, server, _) => Some(format!("{client} {server}")),
            _ => None,
        })
        .collect();
    assert_eq!(
        opened,
        [
            "10.0.0.1:80 10.0.0.2:50000",
            "10.0.0.3:50000 10.0.0.4:9000",
            "10.0.0.6:50000 10.0.0.5:9000"
        ]
    );
}

#[test]
fn held_bytes_are_bounded_for_one_stream_and_for_all() {
    let mut packets = Vec::new();
    for connection in 0..40u16 {
        let client = (1, 20_000 + connection);
        packets.push(tcp(client, (2, 9000), 0, 0, SYN, b""));
        packets.push(tcp((2, 9000), client, 0, 1, SYN | ACK, b""));
        // The first byte never comes.
        for at in 0..200u32 {
            packets.push(tcp(client, (2, 9000), 2 + at * 1000, 1, ACK, &[7; 1000]));
        }
    }
    let options = Options {
        reorder_limit: 100_000,
        reorder_total_limit: 400_000,
        ..Default::default()
    };
    let heard = decode_with(options, &packets);
    let gaps = of(&heard, ClientToServer, |told| match told {
        Told::Gap(offset, missing) => Some((*offset, *missing)),
        _ => None,
    });
    assert_eq!(gaps, vec![(0, 1); 40]);
    let bytes: u64 = of(&heard, ClientToServer, |told| match told {
        Told::Data(_, bytes) => Some(bytes.len() as u64),
        _ => None,
    })
    .iter()
    .sum();
    assert_eq!(bytes, 40 * 200_000);
}

/// The packets of a client at `port`: a SYN, and some bytes of both if it `talks`.
fn caller(port: u16, talks: bool) -> Vec<Vec<u8>> {
    let mut talk = Talk::midway(100, 200);
    talk.client = (1, port);
    if talks {
        talk.handshake();
        talk.client(b"\x00nonsense");
        talk.server(b"\x00nonsense");
    } else {
        talk.push(true, 99, 0, SYN, b"");
    }
    talk.packets
}

/// The connections given up for want of room, in order; nothing stands for those that were silent.
fn evicted(packets: &[Vec<u8>]) -> Vec<Option<u32>> {
    let options = Options {
        connection_limit: 16,
        ..Options::default()
    };
    decode_with(options, packets)
        .iter()
        .filter(|heard| matches!(heard.told, Told::Finding(_, "connection-evicted", _)))
        .map(|heard| heard.connection)
        .collect()
}

#[test]
fn a_flood_of_connections_without_bytes_pushes_out_none_that_talks() {
    let mut packets = caller(1, true);
    packets.extend((100..228).flat_map(|port| caller(port, false)));
    let mut late = Talk::midway(109, 209);
    late.client = (1, 1);
    late.client(b"\x01more nonsense");
    packets.extend(late.packets);
    // 128 beside the one that talks, at most 15 at a time, two given up at once.
    assert_eq!(evicted(&packets), [None; 57]);
    let heard = decode_with(
        Options {
            connection_limit: 16,
            ..Options::default()
        },
        &packets,
    );
    let last = heard
        .iter()
        .rfind(|heard| matches!(heard.told, Told::Data(..)));
    assert_eq!(last.unwrap().connection, Some(0));
}

#[test]
fn among_connections_that_talk_the_idle_ones_are_given_up_and_named() {
    let packets: Vec<_> = (100..118).flat_map(|port| caller(port, true)).collect();
    assert_eq!(evicted(&packets), [Some(0), Some(1)]);
}

#[test]
fn a_connection_whose_bytes_wait_for_others_is_not_taken_for_silent() {
    let mut waits = Talk::midway(100, 200);
    waits.client = (1, 99);
    waits.handshake();
    waits.push(true, 150, 200, ACK, b"\x00nonsense");
    let mut packets = waits.packets;
    packets.extend((100..116).flat_map(|port| caller(port, true)));
    assert_eq!(evicted(&packets)[0], Some(0));
}

#[test]
fn connections_that_have_ended_are_given_up_without_a_word() {
    let mut packets = Vec::new();
    for port in 100..200 {
        let mut talk = Talk::midway(100, 200);
        talk.client = (1, port);
        talk.handshake();
        talk.client(b"\x00nonsense");
        talk.close();
        packets.extend(talk.packets);
    }
    assert_eq!(evicted(&packets), []);
}

#[test]
fn a_connection_without_bytes_is_told_of_from_its_opening_to_its_end() {
    let mut talk = Talk::open(100, 200);
    talk.close();
    let told: Vec<Told> = decode(&talk.packets)
        .into_iter()
        .map(|heard| heard.told)
        .collect();
    assert!(
        matches!(
            told.as_slice(),
            [
                Told::Open(_, _, true),
                Told::Close(Ending::Fin),
                Told::Close(Ending::Fin),
                Told::Summary(_)
            ]
        ),
        "{told:?}"
    );
}

/// All bytes of a direction, as text; gaps as `?`.
fn text(heard: &[Heard], direction: Direction) -> String {
    let (bytes, _) = stream(heard, direction);
    let bytes = bytes.into_iter().map(|byte| byte.unwrap_or(b'?')).collect();
    String::from_utf8(bytes).unwrap()
}

fn endings(heard: &[Heard], direction: Direction) -> Vec<Ending> {
    of(heard, direction, |told| match told {
        Told::Close(how) => Some(*how),
        _ => None,
    })
}

#[test]
fn what_the_other_side_had_sent_when_a_side_resets_is_handed_out() {
    let mut talk = Talk::open(100, 200);
    talk.client(b"ask");
    talk.server(b"the ");
    talk.push(true, 103, 204, net::RST | ACK, b"");
    talk.push(false, 204, 103, ACK, b"answer");
    let heard = decode(&talk.packets);
    assert_eq!(text(&heard, ServerToClient), "the answer");
    assert_eq!(codes(&heard), Vec::<&str>::new());
    for direction in [ClientToServer, ServerToClient] {
        assert_eq!(endings(&heard, direction), [Ending::Rst]);
    }
}

#[test]
fn a_reset_counts_at_its_place_in_sequence() {
    let mut talk = Talk::open(100, 200);
    talk.client(b"ask ");
    talk.push(true, 108, 200, net::RST, b"");
    talk.push(true, 104, 200, ACK, b"more");
    let heard = decode(&talk.packets);
    assert_eq!(text(&heard, ClientToServer), "ask more");
    // What never comes is missing.
    talk.packets.pop();
    let heard = decode(&talk.packets);
    assert_eq!(text(&heard, ClientToServer), "ask ????");
    assert_eq!(endings(&heard, ClientToServer), [Ending::Rst]);
    // But a FIN that was not captured is no missing byte.
    let mut talk = Talk::open(100, 200);
    talk.client(b"ask ");
    talk.push(true, 105, 200, net::RST, b"");
    assert_eq!(text(&decode(&talk.packets), ClientToServer), "ask ");
}

#[test]
fn bytes_after_the_end_are_told_once_and_handed_out() {
    for (flags, taken) in [(net::FIN | ACK, 1), (net::FIN | ACK, 0), (net::RST, 0)] {
        let mut talk = Talk::open(100, 200);
        talk.server(b"one ");
        talk.push(false, 204, 100, flags, b"");
        // A keep-alive after the FIN repeats its number.
        if taken == 1 {
            talk.push(false, 204, 100, ACK, b"\0");
        }
        talk.server_next += taken;
        talk.server(b"two ");
        talk.server(b"three");
        let heard = decode(&talk.packets);
        assert_eq!(text(&heard, ServerToClient), "one two three");
        assert_eq!(codes(&heard), ["tcp-data-after-fin"]);
        // Those before it may be repeated.
        talk.push(false, 200, 100, ACK, b"one ");
        talk.push(false, 204 + taken, 100, ACK, b"two ");
        let heard = decode(&talk.packets);
        assert_eq!(text(&heard, ServerToClient), "one two three");
        assert_eq!(codes(&heard), ["tcp-data-after-fin"]);
    }
}

#[test]
fn a_fin_before_bytes_that_are_known_ends_nothing() {
    let mut talk = Talk::open(100, 200);
    talk.server(b"one ");
    talk.push(false, 202, 100, net::FIN | ACK, b"");
    talk.server(b"two");
    let heard = decode(&talk.packets);
    assert_eq!(text(&heard, ServerToClient), "one two");
    assert_eq!(codes(&heard), Vec::<&str>::new());
    assert_eq!(endings(&heard, ServerToClient), [Ending::EndOfCapture]);
}

/// What each connection's client and server sent, as text.
fn texts(packets: &[Vec<u8>]) -> Vec<(String, String)> {
    let heard = decode(packets);
    let last = heard.iter().filter_map(|heard| heard.connection).max();
    (0..=last.unwrap())
        .map(|number| {
            let mut own = heard.clone();
            own.retain(|heard| heard.connection == Some(number));
            (text(&own, ClientToServer), text(&own, ServerToClient))
        })
        .collect()
}

#[test]
fn the_answer_to_a_syn_that_was_not_captured_begins_a_new_connection() {
    let expected = [
        ("one".to_owned(), "eins".to_owned()),
        ("two".to_owned(), "zwei".to_owned()),
    ];
    for closed in [true, false] {
        for step in [64_000, 1_000_000_000] {
            let mut talk = Talk::open(100, 200);
            talk.client(b"one");
            talk.server(b"eins");
            if closed {
                talk.close();
            }
            talk.client_next += step;
            talk.server_next += step;
            let syn = talk.packets.len();
            talk.handshake();
            talk.packets.remove(syn);
            talk.client(b"two");
            talk.server(b"zwei");
            // A copy of the answer changes nothing.
            talk.packets.insert(syn + 1, talk.packets[syn].clone());
            assert_eq!(texts(&talk.packets), expected, "{closed} {step}");
        }
    }
}

#[test]
fn a_syn_unlike_what_the_other_side_acknowledged_begins_a_new_connection() {
    let mut talk = Talk::midway(100, 200);
    talk.server(b"eins");
    talk.client_next = 900_000;
    talk.server_next = 77_000_000;
    let begins = talk.packets.len();
    talk.handshake();
    talk.client(b"two");
    talk.server(b"zwei");
    let expected = [
        (String::new(), "eins".to_owned()),
        ("two".to_owned(), "zwei".to_owned()),
    ];
    assert_eq!(texts(&talk.packets), expected);
    // But one that was captured late is no new connection.
    let mut packets = talk.packets.split_off(begins);
    packets.swap(0, 3);
    assert_eq!(texts(&packets), expected[1..]);
}

#[test]
fn bytes_wait_longer_while_the_receiver_waits_too() {
    let limit = 20_000;
    let options = || Options {
        reorder_limit: limit,
        reorder_awaited_limit: 100_000,
        ..Default::default()
    };
    // The first byte comes after `held` thousand others.
    let gaps = |held: u32, acknowledged: bool| {
        let mut talk = Talk::open(100, 200);
        for at in 0..held {
            talk.push(false, 201 + at * 1000, 100, ACK, &[7; 1000]);
            if acknowledged {
                talk.client_acknowledges();
            }
        }
        talk.push(false, 200, 100, ACK, b"\0");
        let heard = decode_with(options(), &talk.packets);
        stream(&heard, ServerToClient).1
    };
    assert_eq!(gaps(60, true), []);
    assert_eq!(gaps(60, false), [(0, 1)]);
    // Not without end.
    assert_eq!(gaps(120, true), [(0, 1)]);
    // That it waited once does not serve a hole that comes later.
    let mut talk = Talk::open(100, 200);
    talk.push(false, 201, 100, ACK, &[7; 19_000]);
    talk.client_acknowledges();
    talk.push(false, 200, 100, ACK, b"\0");
    talk.push(false, 19_202, 100, ACK, &[7; 15_000]);
    talk.push(false, 34_202, 100, ACK, &[7; 15_000]);
    talk.push(false, 19_201, 100, ACK, b"\0");
    let heard = decode_with(options(), &talk.packets);
    assert_eq!(stream(&heard, ServerToClient).1, [(19_001, 1)]);
}

#[test]
fn a_reset_closes_the_other_direction_soon_and_bytes_that_come_later_are_handed_out_too() {
    let mut talk = Talk::open(100, 200);
    talk.client(b"ask");
    talk.push(true, 103, 200, net::RST | ACK, b"");
    let reset = talk.packets.len() as u64;
    // Packets are a millisecond apart; these are of another connection.
    let other = tcp((3, 50_000), (4, 9000), 5, 1, ACK, b"");
    talk.packets.extend(vec![other; 3000]);
    talk.server(b"answer");
    let mut heard = decode(&talk.packets);
    heard.retain(|heard| heard.connection == Some(0));
    let closed = heard.iter().position(|heard| {
        heard.told == Told::Close(Ending::Rst) && heard.direction == ServerToClient
    });
    let answered = heard.iter().position(|heard| {
        matches!(heard.told, Told::Data(0, _)) && heard.direction == ServerToClient
    });
    assert!(closed.unwrap() < answered.unwrap(), "{heard:?}");
    assert_eq!(heard[closed.unwrap()].packet, reset);
    assert_eq!(text(&heard, ServerToClient), "answer");
    assert_eq!(endings(&heard, ServerToClient), [Ending::Rst]);
}
