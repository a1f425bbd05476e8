//! Noxu streams: dumps of one direction, conversations in two.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod noxu;

use noxu::{Piece, agrees, bytes, codes, decode, decode_run, lines};
use serde_json::Value;
use wirectl::model::Direction::{self, ClientToServer, ServerToClient};

/// A message at its place, as the truth of a dump has it.
fn is_there(records: &[Value], message: &Value) -> bool {
    let [offset, protocol, kind, body] = message.as_array().unwrap().as_slice() else {
        return false;
    };
    let reads = |record: &Value| {
        record["protocol"] == *protocol && record["type"] == *kind && agrees(body, &record["body"])
    };
    records
        .iter()
        .find(|record| record["offset"] == *offset)
        .is_some_and(|record| reads(record) || reads(&record["inner"]["also"]))
}

#[test]
fn every_message_of_every_dump_is_found() {
    for dump in lines("raw.ndjson") {
        let stream = bytes(&dump["hex"]);
        let messages = dump["messages"].as_array().unwrap();
        let own = messages[0][1].as_str().unwrap();
        for protocol in [None, Some("noxu"), Some(own)] {
            let records = decode(protocol, false, &[Piece::dump(&stream)]);
            for message in messages {
                let found = is_there(&records, message);
                assert!(found, "{} {protocol:?}: {message}", dump["file"]);
            }
            let length: u64 = records.iter().filter_map(|r| r["length"].as_u64()).sum();
            assert_eq!(length, stream.len() as u64);
        }
    }
}

#[test]
fn dumps_that_come_byte_by_byte_give_the_same_messages() {
    for dump in lines("raw.ndjson") {
        // Where a dump starts inside a frame, more must be there to see it.
        if dump["file"] == "feeder-s2c-torn.bin" {
            continue;
        }
        let stream = bytes(&dump["hex"]);
        let pieces: Vec<Piece<'_>> = stream
            .chunks(1)
            .enumerate()
            .map(|(at, bytes)| Piece {
                ended: at + 1 == stream.len(),
                ..Piece::dump(bytes)
            })
            .collect();
        let own = dump["messages"][0][1].as_str().unwrap();
        let records = decode(Some(own), false, &pieces);
        for message in dump["messages"].as_array().unwrap() {
            let found = is_there(&records, message);
            assert!(found, "{}: {message}", dump["file"]);
        }
    }
}

#[test]
fn decoding_goes_on_behind_damage() {
    let dumps = lines("raw.ndjson");
    let dump = dumps
        .iter()
        .find(|dump| dump["file"] == "feeder-s2c-mid.bin")
        .unwrap();
    let mut stream = bytes(&dump["hex"]);
    let messages = dump["messages"].as_array().unwrap();
    let third = messages[2][0].as_u64().unwrap() as usize;
    stream[third + 1] = 0x7f;
    let records = decode(None, false, &[Piece::dump(&stream)]);
    for (at, message) in messages.iter().enumerate() {
        assert_eq!(is_there(&records, message), at != 2, "{message}");
    }
    let damaged = records
        .iter()
        .find(|record| record["offset"] == third)
        .unwrap();
    assert!(!codes(damaged).is_empty());
}

#[test]
fn one_connection_after_the_other_in_one_dump() {
    let dumps = lines("raw.ndjson");
    let mut stream = Vec::new();
    let mut expected = Vec::new();
    for name in [
        "feeder-c2s.bin",
        "election-c2s.bin",
        "syncup-c2s.bin",
        "admin-c2s.bin",
    ] {
        let dump = dumps.iter().find(|dump| dump["file"] == name).unwrap();
        for message in dump["messages"].as_array().unwrap() {
            let mut message = message.clone();
            message[0] = (message[0].as_u64().unwrap() + stream.len() as u64).into();
            expected.push(message);
        }
        stream.extend(bytes(&dump["hex"]));
    }
    let records = decode(None, false, &[Piece::dump(&stream)]);
    for message in &expected {
        assert!(is_there(&records, message), "{message}");
    }
}

fn direction(value: &Value) -> Direction {
    if value == "c2s" {
        ClientToServer
    } else {
        ServerToClient
    }
}

/// What needs more than one connection to be seen.
const ACROSS_CONNECTIONS: [&str; 2] = ["two-masters-in-term", "term-regression"];

#[test]
fn broken_rules_of_conversations_are_reported() {
    for conversation in lines("anomalies.ndjson") {
        let frames = conversation["frames"].as_array().unwrap();
        let name = conversation["service"].as_str().unwrap();
        let mut stream = vec![(ClientToServer, None, framed(name.as_bytes()))];
        for frame in frames {
            let content = bytes(&frame[4]);
            let whole = frame[1].is_number();
            let content = if whole { framed(&content) } else { content };
            let time = frame[2].as_u64().map(|micros| micros * 1000);
            stream.push((direction(&frame[0]), time, content));
        }
        for side in [ClientToServer, ServerToClient] {
            stream.push((side, None, Vec::new()));
        }
        let count = stream.len();
        let pieces: Vec<Piece<'_>> = stream
            .iter()
            .enumerate()
            .map(|(at, (direction, time, bytes))| Piece {
                direction: Some(*direction),
                time: *time,
                ended: at + 2 >= count,
                ..Piece::dump(bytes)
            })
            .collect();
        let records = decode(None, false, &pieces);
        for expected in conversation["expect"].as_array().unwrap() {
            let found = found_at(&records, &stream, expected);
            for code in expected[2].as_array().unwrap() {
                let code = code.as_str().unwrap();
                assert!(
                    ACROSS_CONNECTIONS.contains(&code) || found.contains(&code.to_owned()),
                    "{name} {expected}: {found:?}"
                );
            }
        }
    }
}

/// One round of an election, as its proposer sends it.
fn round(name: &str, term: u64, new: bool) -> Vec<u8> {
    let text = |name: &str| [&[name.len() as u8, 0, 0, 0], name.as_bytes()].concat();
    let mut proposal = [&[9], text(name).as_slice(), &[0; 8], &[1, 0, 0, 0]].concat();
    proposal.extend(term.to_le_bytes());
    if new {
        proposal.extend([0; 8]);
    }
    let result = [&[11], text(name).as_slice(), &term.to_le_bytes()].concat();
    [framed(b"ELECTION"), framed(&proposal), framed(&result)].concat()
}

#[test]
fn what_only_several_connections_show_is_reported() {
    let rounds = [
        (round("n1", 5, true), vec![]),
        (round("n1", 5, true), vec![]),
        (round("n2", 5, true), vec!["two-masters-in-term"]),
        (round("n2", 6, true), vec![]),
        (round("n1", 3, true), vec!["term-regression"]),
        (round("n1", 1_795_176_755_792, true), vec!["version-mix"]),
        (round("n3", 1_795_176_755_793, true), vec![]),
        (round("n4", 7, false), vec!["version-mix"]),
    ];
    let connections: Vec<_> = rounds
        .iter()
        .map(|(bytes, _)| {
            vec![Piece {
                direction: Some(ClientToServer),
                ..Piece::dump(bytes)
            }]
        })
        .collect();
    let records = decode_run(&connections);
    for (stream, (_, expected)) in rounds.iter().enumerate() {
        let own = records.iter().filter(|record| record["stream"] == stream);
        let found: Vec<&str> = own
            .flat_map(codes)
            .filter(|code| *code != "old-layout")
            .collect();
        assert_eq!(found, *expected, "connection {stream}");
    }
}

#[test]
fn what_is_known_of_a_group_is_bounded() {
    let rounds: Vec<Vec<u8>> = (0..3000)
        .map(|number| round(&format!("n{number}"), number + 1, true))
        .collect();
    let mut again = vec![round("other", 2999, true), round("other", 3000, true)];
    again.splice(0..0, rounds);
    let connections: Vec<_> = again
        .iter()
        .map(|bytes| {
            vec![Piece {
                direction: Some(ClientToServer),
                ..Piece::dump(bytes)
            }]
        })
        .collect();
    let records = decode_run(&connections);
    let found: Vec<&str> = records.iter().flat_map(codes).collect();
    assert_eq!(found, ["two-masters-in-term", "two-masters-in-term"]);
}

/// The codes found on frame number `expected[1]` of a direction, or anywhere in it.
fn found_at(
    records: &[Value],
    stream: &[(Direction, Option<u64>, Vec<u8>)],
    expected: &Value,
) -> Vec<String> {
    let side = direction(&expected[0]);
    let greeting = usize::from(side == ClientToServer);
    let index = expected[1].as_u64().map(|index| index as usize + greeting);
    let offset = index.map(|index| {
        let own = stream.iter().filter(|(direction, ..)| *direction == side);
        own.take(index)
            .map(|(_, _, bytes)| bytes.len())
            .sum::<usize>()
    });
    records
        .iter()
        .filter(|record| record["direction"] == side.name())
        .filter(|record| offset.is_none_or(|offset| record["offset"] == offset))
        .flat_map(codes)
        .map(str::to_owned)
        .collect()
}

fn framed(content: &[u8]) -> Vec<u8> {
    let mut frame = (content.len() as u32).to_le_bytes().to_vec();
    frame.extend_from_slice(content);
    frame
}

/// The records of one connection's frames.
fn connection(frames: &[(Direction, Vec<u8>)]) -> Vec<Value> {
    let piece = |(direction, bytes)| Piece {
        direction: Some(direction),
        ended: false,
        ..Piece::dump(bytes)
    };
    let pieces: Vec<Piece<'_>> = frames
        .iter()
        .map(|(direction, bytes)| piece((*direction, bytes)))
        .collect();
    decode(None, false, &pieces)
}

#[test]
fn what_a_feeder_sends_after_its_answer_is_an_entry_however_short() {
    // An answer's size, that of an acknowledgement, and the second entry of a stream.
    let second = "02000000000000000d0000000000000000";
    for (frame, code) in [
        ("00", "short-frame"),
        ("01", "short-frame"),
        ("0100000000000000", "short-frame"),
        (second, "vlsn-gap"),
    ] {
        let records = connection(&[
            (ClientToServer, framed(b"PEER_FEEDER")),
            (ClientToServer, framed(&1u64.to_le_bytes())),
            (ServerToClient, framed(&[0])),
            (ServerToClient, framed(&hex::decode(frame).unwrap())),
        ]);
        assert_eq!(records[2]["type"], "StreamResponse");
        assert_eq!(codes(&records[2]), [""; 0]);
        assert_eq!(records[3]["type"], "Entry", "{frame}");
        assert!(codes(&records[3]).contains(&code), "{}", records[3]);
    }
}

#[test]
fn a_sound_stream_has_no_issues() {
    let entry = |vlsn: u64| {
        let payload = [0; 25];
        let mut frame = vlsn.to_le_bytes().to_vec();
        frame.push(13);
        frame.extend_from_slice(&25u32.to_le_bytes());
        frame.extend_from_slice(&crc32fast::hash(&payload).to_le_bytes());
        frame.extend_from_slice(&payload);
        framed(&frame)
    };
    let stream = [
        (ClientToServer, framed(b"PEER_FEEDER")),
        (ClientToServer, framed(&0u64.to_le_bytes())),
        (ServerToClient, framed(&[0])),
        (ServerToClient, entry(1)),
        (ClientToServer, framed(&1u64.to_le_bytes())),
        (ServerToClient, entry(2)),
        (ClientToServer, framed(&2u64.to_le_bytes())),
    ];
    let records = connection(&stream);
    let types: Vec<&str> = records.iter().filter_map(|r| r["type"].as_str()).collect();
    assert_eq!(
        types,
        [
            "ServiceName",
            "StreamRequest",
            "StreamResponse",
            "Entry",
            "Ack",
            "Entry",
            "Ack"
        ]
    );
    assert!(records.iter().all(|record| codes(record).is_empty()));
    assert_eq!(records[3]["inner"]["payload"]["db_id"], 0);
}

#[test]
fn what_a_hole_leaves_of_a_message_is_not_taken_for_small_ones() {
    let of = |direction, bytes: &'static [u8]| Piece {
        direction: Some(direction),
        ended: true,
        ..Piece::dump(bytes)
    };
    // The length of a service name, of which the hole swallows the rest; values of log entries that
    // repeat a code.
    for (direction, bytes) in [
        (ClientToServer, &b"\x08\0\0\0"[..]),
        (ClientToServer, &[7; 60]),
        (ServerToClient, &[1; 60]),
    ] {
        let records = decode(None, false, &[of(direction, bytes)]);
        for record in &records {
            assert!(!codes(record).is_empty(), "{bytes:x?}: {record}");
        }
    }
}

#[test]
fn zeros_behind_a_hole_are_no_messages_and_the_next_one_is_found() {
    fn of(direction: Direction, ended: bool, bytes: &[u8]) -> Piece<'_> {
        Piece {
            direction: Some(direction),
            ended,
            ..Piece::dump(bytes)
        }
    }
    let mut long = [
        &7_u64.to_le_bytes()[..],
        &[13],
        &4_000_u32.to_le_bytes(),
        &[0; 4],
    ]
    .concat();
    long.resize(17 + 4_000, 0);
    let long = framed(&long);
    let payload = [0; 25];
    let next = [
        &8_u64.to_le_bytes()[..],
        &[13],
        &25_u32.to_le_bytes(),
        &crc32fast::hash(&payload).to_le_bytes(),
        &payload,
    ];
    let next = framed(&next.concat());
    let greeting = framed(b"PEER_FEEDER");
    let behind = [&long[1_001..], &next].concat();
    for size in [40, 1_460, 5_000] {
        let mut pieces = vec![
            of(ClientToServer, false, &greeting),
            of(ServerToClient, false, b"\x01\0\0\0\0"),
            of(ServerToClient, true, &long[..1_000]),
        ];
        pieces.extend(
            behind
                .chunks(size)
                .map(|bytes| of(ServerToClient, false, bytes)),
        );
        let records = decode(None, false, &pieces);
        let found = records.iter().any(|record| record["body"]["vlsn"] == 8);
        assert!(found, "{size}: {records:?}");
        let short = |record: &&Value| codes(record).contains(&"short-frame");
        assert!(records.iter().filter(short).count() <= 4, "{size}");
    }
}
