//! RP frames that the published encoder wrote, and odd ones, decode to exactly their values.

use crate::records::{codes, has_error, lines, printed, protocol, same, vectors};
use serde_json::Value;

fn text<'v>(vector: &'v Value, key: &str) -> &'v str {
    vector[key].as_str().unwrap_or_default()
}

fn hex(vectors: &[Value]) -> Vec<&str> {
    vectors.iter().map(|vector| text(vector, "hex")).collect()
}

/// The records of each line, without those that were put together.
fn by_line(records: &[Value], line: usize) -> Vec<&Value> {
    records
        .iter()
        .filter(|record| record["line"] == line && record.get("derived").is_none())
        .collect()
}

fn faults(vector: &Value, record: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let header = &record["header"];
    let mut expect = |what: &str, good: bool| {
        if !good {
            faults.push(what.to_owned());
        }
    };
    expect("protocol", record["protocol"] == "rp");
    expect("flags", header["flags"] == vector["flags"]);
    expect("channel", header["channel"] == vector["channel"]);
    expect("sequence", header["sequence"] == vector["sequence"]);
    expect("dictionary", header["dictionary"] == vector["dict_id"]);
    expect(
        "type",
        right_type(text(vector, "kind"), text(record, "type")),
    );
    let found = codes(record);
    if vector.get("ambiguous").is_some() {
        let other = &record["inner"]["other"];
        let readings = [
            (&header["encoding"], &record["body"]),
            (&other["encoding"], &other["value"]),
        ];
        let shown = |encoding: &Value, value: &Value| {
            readings
                .iter()
                .any(|reading| reading.0 == encoding && same(reading.1, value))
        };
        expect("ambiguous", found.contains(&"ambiguous-encoding"));
        expect("reading", shown(&vector["encoding"], &vector["payload"]));
        let others = ["msgpack", "cbor"].map(Value::from);
        let other = others.iter().find(|other| **other != vector["encoding"]);
        expect(
            "other reading",
            shown(other.unwrap(), &vector["other_payload"]),
        );
    } else {
        expect("encoding", header["encoding"] == vector["encoding"]);
        expect("body", same(&record["body"], &vector["payload"]));
        expect("unambiguous", !found.contains(&"ambiguous-encoding"));
    }
    let expected = vector["expert"].as_array();
    for code in expected.into_iter().flatten() {
        let code = code.as_str().unwrap().replace('_', "-");
        expect(&code, found.contains(&code.as_str()));
    }
    if matches!(text(vector, "typed_roundtrip"), "error" | "different") {
        expect("position", found.contains(&"positional-ambiguity"));
    }
    let may_fail = expected.is_some() || vector["crate_decodes"] == false;
    expect("no error", may_fail || !has_error(record));
    faults
}

fn right_type(kind: &str, name: &str) -> bool {
    let kind = kind.split('/').next().unwrap();
    match kind {
        "Frame" | "FragmentShard" | "ModeSwitchSignal" => name == kind,
        _ if kind.contains("::") => name == kind,
        _ => name == "Value",
    }
}

#[test]
fn every_vector_decodes_to_its_value_with_its_encoding() {
    let vectors = vectors("vectors.ndjson.zst");
    for forced in [None, Some(protocol("rp"))] {
        let records = lines(&hex(&vectors), forced);
        for (index, vector) in vectors.iter().enumerate() {
            let found = by_line(&records, index + 1);
            assert_eq!(found.len(), 1, "{vector}");
            let faults = faults(vector, found[0]);
            assert!(faults.is_empty(), "{faults:?}\n{vector}\n{}", found[0]);
        }
    }
}

#[test]
fn only_frames_that_their_values_reproduce_come_without_their_bytes() {
    let vectors = vectors("vectors.ndjson.zst");
    let records = lines(&hex(&vectors), None);
    let mut bare = 0;
    for (index, vector) in vectors.iter().enumerate() {
        let record = by_line(&records, index + 1)[0];
        let compressed = record["header"]["flags"]["compressed"] == true;
        let minimal = !codes(record).contains(&"non-minimal-encoding");
        if record.get("raw").is_none() {
            assert!(!compressed && minimal, "{vector}");
            bare += 1;
        }
    }
    assert!(bare > vectors.len() / 2, "{bare} of {}", vectors.len());
}

#[test]
fn what_the_real_decoders_refuse_is_an_error_and_each_line_has_its_code() {
    let vectors = vectors("bad.ndjson.zst");
    let vectors: Vec<Value> = vectors
        .into_iter()
        .filter(|vector| !text(vector, "hex").is_empty())
        .collect();
    for forced in [None, Some(protocol("rp"))] {
        let records = lines(&hex(&vectors), forced);
        let mut odd = 0;
        for (index, vector) in vectors.iter().enumerate() {
            let found = by_line(&records, index + 1);
            assert_eq!(found.len(), 1, "{vector}");
            let record = found[0];
            let code = text(vector, "code").replace('_', "-");
            if !codes(record).contains(&code.as_str()) {
                // Random bytes may look like an absurd length or a cut-off value.
                assert_eq!(code, "garbage", "{vector}\n{record}");
                assert!(has_error(record), "{vector}\n{record}");
                odd += 1;
            }
            let refused = [&vector["crate_msgpack"], &vector["crate_cbor"]]
                .iter()
                .all(|result| **result != "ok");
            assert!(!refused || has_error(record), "{vector}\n{record}");
        }
        assert!(odd <= 2, "{odd}");
    }
}

#[test]
fn a_bomb_is_refused_before_it_fills_the_memory() {
    let bombs: Vec<Value> = vectors("bad.ndjson.zst")
        .into_iter()
        .filter(|vector| text(vector, "code") == "zstd_bomb")
        .collect();
    assert!(!bombs.is_empty());
    let started = std::time::Instant::now();
    for record in lines(&hex(&bombs), None) {
        assert!(codes(&record).contains(&"zstd-bomb"), "{record}");
        assert!(record["body"].is_null());
    }
    assert!(started.elapsed().as_secs() < 20);
}

#[test]
fn nesting_is_followed_as_deep_as_the_real_decoders_go() {
    let frame = |marker: &str, levels: usize| {
        format!("525001000500000001{}c0", marker.repeat(levels)).replace("81c0", "81f6")
    };
    let cases = [
        (frame("91", 1023), None),
        (frame("91", 1024), Some(())),
        (frame("81", 127), None),
        (frame("81", 128), Some(())),
    ];
    for (message, code) in cases {
        // Too deep for an ordinary JSON reader.
        let record = printed(&[message.as_str()], None);
        let refused = code.is_some();
        assert_eq!(
            record.contains("\"code\":\"nesting-deep\""),
            refused,
            "{message}"
        );
        assert_eq!(record.contains("\"body\":null"), refused, "{message}");
    }
}

#[test]
fn positions_get_their_names() {
    // ["ack", "data", 300]
    let record = &lines(&["52500100050000000193a361636ba464617461cd012c"], None)[0];
    assert_eq!(record["type"], "SystemOp::Ack");
    assert_eq!(record["body"], serde_json::json!(["ack", "data", 300]));
    assert_eq!(
        record["inner"],
        serde_json::json!({"shape": "SystemOp::Ack", "fields": {"channel": "data", "cursor": 300}})
    );
    assert!(record.get("raw").is_none());
}
