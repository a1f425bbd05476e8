//! What protocol messages are taken for when nobody says it: all families mixed, each line alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod records;
mod vectors;

use records::of_message;
use serde_json::Value;
use std::collections::BTreeMap;
use wirectl::pipeline::Connection;
use wirectl::protocol::Settings;

fn lines() -> Connection {
    let settings = Settings {
        independent: true,
        ..Settings::default()
    };
    Connection::new(None, settings)
}

/// The golden vectors of `families`, in an order that follows from `seed`.
fn mixture(families: &[&str], seed: u64) -> Vec<Value> {
    let mut all: Vec<Value> = families
        .iter()
        .flat_map(|family| vectors::lines(&format!("{family}/vectors.ndjson.zst")))
        // Payloads of log entries never travel alone.
        .filter(|vector| vector["protocol"] != "noxu.logentry")
        .filter(|vector| vector["hex"] != "")
        .collect();
    let mut state = seed;
    for at in (1..all.len()).rev() {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(99);
        all.swap(at, (state >> 33) as usize % (at + 1));
    }
    all
}

/// Whether the record, or the reading that it shows beside it, is of the vector's protocol and type.
fn is_taken_for(vector: &Value, record: &Value) -> bool {
    if vector.get("wire_len").is_some() || vector.get("sequence").is_some() {
        return record["protocol"] == "rp";
    }
    let protocol = vector["protocol"].as_str().unwrap_or("sync");
    [record, &record["inner"]["also"]]
        .iter()
        .any(|reading| reading["protocol"] == protocol && reading["type"] == vector["type"])
}

#[test]
fn messages_of_all_families_are_told_apart_in_any_order() {
    for seed in 1..=3 {
        let mut connection = lines();
        let mut wrong: BTreeMap<String, u32> = BTreeMap::new();
        let vectors = mixture(&["sync", "rp", "noxu"], seed);
        assert!(vectors.len() > 3000);
        for vector in &vectors {
            let found = of_message(&vectors::bytes(vector), &mut connection);
            let record = found[0].value();
            // Nine bytes may be a message with bytes behind it, or an acknowledgement with one.
            let lenient = vector["case"] == "lenient-trailing";
            if !is_taken_for(vector, &record) && !lenient {
                let text = format!(
                    "{}.{} taken for {}.{}: {}",
                    vector["protocol"],
                    vector["type"],
                    record["protocol"],
                    record["type"],
                    vector["hex"]
                );
                *wrong.entry(text).or_default() += 1;
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

#[test]
fn lines_that_nothing_fits_are_errors_whatever_came_before() {
    let mut connection = lines();
    let greeting = [&[8, 0, 0, 0], b"ELECTION".as_slice()].concat();
    let election = hex::decode("0b020000006e310500000000000000").unwrap();
    for message in [&greeting, &election] {
        let found = of_message(message, &mut connection);
        assert!(found[0].message.issues.is_empty(), "{}", found[0].json);
    }
    for bytes in [&[0x80, 1, 2][..], &[0xff; 30], &[0x0f, 0], &[0]] {
        for found in of_message(bytes, &mut connection) {
            assert!(!found.message.issues.is_empty(), "{}", found.json);
        }
    }
}

#[test]
fn a_torn_message_among_others_is_what_is_left_of_it() {
    let mut connection = lines();
    let vectors = mixture(&["noxu"], 1);
    for vector in vectors.iter().take(200) {
        of_message(&vectors::bytes(vector), &mut connection);
    }
    let proposal = hex::decode("09050000006e6f6465310a0000000000000001000000").unwrap();
    let record = of_message(&proposal, &mut connection)[0].value();
    assert_eq!(record["protocol"], "noxu.protocol", "{record}");
    assert_eq!(record["type"], "ElectionProposal");
    assert_eq!(record["body"]["node_name"], "node1");
    assert_eq!(record["issues"][0]["code"], "truncated-message");
}
