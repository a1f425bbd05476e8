//! RP frames cut from byte streams, and put together from parts.

use crate::records::{
    codes, conversation, inflated, lines, pieces, protocol, same, stream, vectors,
};
use serde_json::{Value, json};
use wirectl::model::Direction::{ClientToServer, ServerToClient};

fn check_stream(records: &[Value]) {
    let truth = vectors("stream.ndjson.zst");
    let records: Vec<&Value> = records
        .iter()
        .filter(|record| record.get("derived").is_none())
        .collect();
    assert_eq!(records.len(), truth.len());
    for (record, vector) in records.iter().zip(&truth) {
        assert_eq!(record["offset"], vector["offset"]);
        assert_eq!(record["length"], vector["length"]);
        assert!(
            same(&record["body"], &vector["payload"]),
            "{record}\n{vector}"
        );
        assert_eq!(record["header"]["encoding"], vector["encoding"]);
    }
}

#[test]
fn a_stream_without_lengths_is_cut_at_the_right_places() {
    let bytes = inflated("stream.bin.zst");
    check_stream(&stream(&bytes, None));
    check_stream(&stream(&bytes, Some(protocol("rp"))));
}

#[test]
fn however_the_bytes_arrive_the_frames_are_the_same() {
    let bytes = inflated("stream.bin.zst");
    for size in [1, 2, 7, 10, 100, 1460, 20_000] {
        check_stream(&pieces(&bytes, size));
    }
}

#[test]
fn all_frames_one_after_the_other_are_cut_at_the_right_places() {
    let vectors = vectors("vectors.ndjson.zst");
    for encoding in [None, Some("msgpack"), Some("cbor")] {
        let frames: Vec<Vec<u8>> = vectors
            .iter()
            .filter(|vector| vector["source"] == "crate")
            .filter(|vector| encoding.is_none_or(|encoding| vector["encoding"] == encoding))
            .map(|vector| hex::decode(vector["hex"].as_str().unwrap()).unwrap())
            .collect();
        let records = stream(&frames.concat(), None);
        let mut records = records
            .iter()
            .filter(|record| record.get("derived").is_none());
        let mut offset = 0;
        for frame in &frames {
            let record = records.next().unwrap();
            assert_eq!(record["offset"], offset, "{record}");
            assert_eq!(record["length"], frame.len(), "{record}");
            offset += frame.len();
        }
        assert!(records.next().is_none());
    }
}

#[test]
fn after_damage_the_next_frame_is_found() {
    let bytes = inflated("stream.bin.zst");
    let truth = vectors("stream.ndjson.zst");
    let at = |index: usize| truth[index]["offset"].as_u64().unwrap() as usize;
    // The 50th frame loses its second half, and junk comes in before the 100th.
    let middle = (at(50) + at(51)) / 2;
    let junk = b"\x00\xffRPjunk\x01\x02RP\x01";
    let damaged = [
        &bytes[..middle],
        &bytes[at(51)..at(100)],
        junk,
        &bytes[at(100)..],
    ]
    .concat();
    let records = stream(&damaged, None);
    let bodies: Vec<&Value> = records.iter().map(|record| &record["body"]).collect();
    for (index, vector) in truth.iter().enumerate() {
        if index != 50 {
            let found = bodies.iter().any(|body| same(body, &vector["payload"]));
            assert!(found, "frame {index} is lost");
        }
    }
    let total: u64 = records
        .iter()
        .filter(|record| record.get("derived").is_none())
        .map(|record| record["length"].as_u64().unwrap())
        .sum();
    assert_eq!(total, damaged.len() as u64);
}

#[test]
fn two_ways_of_cutting_that_fit_as_well_are_said() {
    // Two MessagePack frames, true and "ABCDEFGHI"; or one CBOR frame, tag 3 of 18 bytes.
    let bytes = hex::decode("525001000200000001c3525001000200000002a9414243444546474849").unwrap();
    let records = stream(&bytes, None);
    assert_eq!(records.len(), 2);
    assert_eq!(records[0]["body"], true);
    assert_eq!(records[1]["body"], "ABCDEFGHI");
    assert!(codes(&records[0]).contains(&"ambiguous-framing"));
}

#[test]
fn several_frames_in_one_message_are_several_records() {
    let one = "52500100050000000191a470696e67";
    let two = "525001000500000002a1626f7064706f6e67";
    let records = lines(&[&format!("{one}{two}")], None);
    assert_eq!(records.len(), 2);
    assert_eq!(records[0]["type"], "SystemOp::Ping");
    assert_eq!(records[1]["type"], "SystemOp::Pong");
    assert_eq!(records[1]["offset"], 15);
}

#[test]
fn what_the_connection_has_shown_settles_single_bytes() {
    let message = |text: &str| hex::decode(text).unwrap();
    let shown = message("525001000700000001a1616101");
    let single = message("52500100070000000229");
    let back = message("52500100070000000129");
    let records = conversation(&[
        (ClientToServer, &shown),
        (ClientToServer, &single),
        (ServerToClient, &back),
    ]);
    assert_eq!(records[1]["body"], -10, "CBOR, as before on this channel");
    assert_eq!(
        records[2]["body"], 41,
        "nothing known of the other direction"
    );
    assert!(codes(&records[1]).contains(&"ambiguous-encoding"));
}

#[test]
fn parts_are_put_together_with_the_verdicts_of_the_real_assembler() {
    for name in ["frag.ndjson.zst", "frag-rawheader.ndjson.zst"] {
        let vectors = vectors(name);
        let messages: Vec<&str> = vectors
            .iter()
            .map(|vector| vector["hex"].as_str().unwrap())
            .collect();
        let records = lines(&messages, None);
        let derived = |record: &&Value| record.get("derived").is_some();
        let parts: Vec<&Value> = records.iter().filter(|record| !derived(record)).collect();
        assert_eq!(parts.len(), vectors.len());
        for (vector, part) in vectors.iter().zip(&parts) {
            assert_eq!(part["type"], "FragmentShard");
            if let Some(verdict) = vector.get("assembler") {
                assert_eq!(part["inner"]["assembly"]["verdict"], *verdict, "{part}");
            }
        }
        let wholes: Vec<&Value> = records
            .iter()
            .filter(derived)
            .filter(|record| record["length"] != 0)
            .collect();
        let expected: Vec<&str> = vectors
            .iter()
            .filter_map(|vector| vector["assembled_hex"].as_str())
            .collect();
        assert_eq!(wholes.len(), expected.len());
        for (whole, expected) in wholes.iter().zip(expected) {
            assert_eq!(whole["length"], expected.len() / 2);
            assert!(!whole["body"].is_null(), "{whole}");
            assert!(whole["inner"]["assembly"]["parts"].is_array());
        }
    }
}

#[test]
fn groups_that_never_complete_are_said_at_the_end() {
    let vectors = vectors("frag.ndjson.zst");
    let messages: Vec<&str> = vectors
        .iter()
        .map(|vector| vector["hex"].as_str().unwrap())
        .collect();
    let records = lines(&messages, None);
    let open: Vec<&Value> = records
        .iter()
        .filter(|record| codes(record).contains(&"fragment-incomplete"))
        .collect();
    assert_eq!(open.len(), 2);
    assert_eq!(open[0]["inner"]["assembly"]["missing"], json!([2]));
    assert_eq!(open[1]["inner"]["assembly"]["missing"], json!([0, 2, 3, 4]));
}

#[test]
fn sequence_numbers_are_checked_by_channel() {
    let frames: Vec<Vec<u8>> = [500_u32, 501, 501, 400, 502, 510, u32::MAX, 0, 1]
        .into_iter()
        .map(|sequence| {
            let mut frame = b"RP\x01\x00\x09".to_vec();
            frame.extend_from_slice(&sequence.to_be_bytes());
            frame.extend_from_slice(b"\x91\xa4ping");
            frame
        })
        .collect();
    let messages: Vec<_> = frames
        .iter()
        .map(|frame| (ClientToServer, frame.as_slice()))
        .collect();
    let records = conversation(&messages);
    let found: Vec<Option<&str>> = records
        .iter()
        .map(|record| codes(record).first().copied())
        .collect();
    assert_eq!(
        found,
        [
            None,
            None,
            Some("sequence-duplicate"),
            Some("sequence-backwards"),
            None,
            Some("sequence-gap"),
            Some("sequence-gap"),
            None,
            None
        ]
    );
}

#[test]
fn a_frame_that_is_cut_off_is_not_taken_for_a_shorter_one() {
    // A CBOR map of six begins as a MessagePack string of six bytes does.
    let whole = hex::decode(
        "525001000200000001a6646b696e64646368617464726f6f6d646b696c6f6466726f6d616164746578746161\
         66656469746564f4687265706c795f746ff6",
    )
    .unwrap();
    let records = stream(&whole, None);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["body"]["reply_to"], Value::Null);
    // Cut behind the first value.
    for length in 25..whole.len() {
        let records = stream(&whole[..length], None);
        assert_eq!(records.len(), 1, "{length}: {records:?}");
        assert_eq!(codes(&records[0]), ["truncated-payload"], "{length}");
        assert_eq!(records[0]["header"]["encoding"], "cbor", "{length}");
        assert_eq!(records[0]["body"]["kind"], "chat", "{length}");
    }
}

#[test]
fn a_length_that_goes_past_the_end_costs_no_frame_that_follows() {
    // A MessagePack number with bytes behind it, or the length of CBOR bytes that are not there.
    let wrong = hex::decode("52500100050000000b5a0000ffff0102030405060708090a").unwrap();
    let frame = |sequence| [b"RP\x01\x00\x09\0\0\0", &[sequence][..], b"\x91\xa4ping"].concat();
    let whole: Vec<Vec<u8>> = (1..=2).map(frame).collect();
    for tail in [&b""[..], b"\0\x01\x02", &frame(3)[..12]] {
        let bytes = [&wrong, &whole[0], &whole[1], tail].concat();
        let records = stream(&bytes, None);
        assert!(!codes(&records[0]).is_empty());
        let at = |record: &Value| (record["offset"].clone(), record["type"].clone());
        let sound: Vec<_> = records[1..].iter().map(at).take(2).collect();
        let expected = [24, 39].map(|offset| (json!(offset), json!("SystemOp::Ping")));
        assert_eq!(sound, expected, "{tail:?}: {records:?}");
    }
}
