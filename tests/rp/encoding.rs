//! What is decoded is encoded to the same bytes again, and what people write to sound messages.

use crate::records::{inflated, lines, printed, stream_text, vectors};
use wirectl::codec::json::Document;
use wirectl::encode::encode_record;
use wirectl::protocol::EncodeOptions;

fn encoded(records: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut document = Document::default();
    for record in records.lines() {
        document.parse(record.as_bytes()).unwrap();
        let root = document.root(record.as_bytes()).unwrap();
        encode_record(root, &EncodeOptions::default(), &mut out)
            .unwrap_or_else(|error| panic!("{error}: {record}"));
    }
    out
}

#[test]
fn every_vector_comes_back_byte_for_byte() {
    for name in ["vectors.ndjson.zst", "bad.ndjson.zst", "frag.ndjson.zst"] {
        for vector in vectors(name) {
            let hex = vector["hex"].as_str().unwrap();
            assert_eq!(
                hex::encode(encoded(&printed(&[hex], None))),
                hex,
                "{vector}"
            );
        }
    }
}

#[test]
fn a_stream_comes_back_byte_for_byte() {
    let bytes = inflated("stream.bin.zst");
    assert_eq!(encoded(&stream_text(&bytes, None)), bytes);
    let text = b"{\"op\":\"ping\"}\n{\"op\": \"pong\"}{\"channel\":\"a\",\"payload\":1.50}\n\n";
    assert_eq!(encoded(&stream_text(text, None)), text);
}

#[test]
fn fields_by_name_become_what_the_known_encoders_write() {
    let id = "d1d1d1d1-d1d1-d1d1-d1d1-d1d1d1d1d1d1";
    let auth = format!(r#""type":"SystemOp::Auth","body":{{"token":"x","client_id":"{id}"}}"#);
    for (record, hex) in [
        (
            r#"{"protocol":"rp","type":"SystemOp::Ack","body":{"channel":"data","cursor":300}}"#
                .to_owned(),
            "525001000000000000 93a361636ba464617461cd012c".to_owned(),
        ),
        (
            format!(r#"{{"protocol":"rp",{auth},"header":{{"channel":5,"sequence":1}}}}"#),
            format!("525001000500000001 93a461757468c410{}a178", "d1".repeat(16)),
        ),
        (
            format!(r#"{{"protocol":"rp",{auth},"header":{{"encoding":"cbor"}}}}"#),
            format!(
                "525001000000000000 a3626f70646175746869636c69656e745f696450{}65746f6b656e6178",
                "d1".repeat(16)
            ),
        ),
        (
            format!(
                r#"{{"protocol":"rp","type":"FragmentShard","body":{{"payload":[1,2,200],"total":300,"fragment_id":"{id}","index":2}}}}"#
            ),
            format!(
                "525001000000000000 94c410{}cd012c02930102ccc8",
                "d1".repeat(16)
            ),
        ),
        (
            r#"{"protocol":"rp","type":"Frame","body":{"channel":"data","payload":null}}"#
                .to_owned(),
            "525001000000000000 92a464617461c0".to_owned(),
        ),
        // As it was decoded.
        (
            r#"{"protocol":"rp","type":"Frame","header":{"encoding":"msgpack"},"body":{"channel":"data","payload":1}}"#
                .to_owned(),
            "525001000000000000 82a76368616e6e656ca464617461a77061796c6f616401".to_owned(),
        ),
        (
            r#"{"protocol":"rps","type":"ping","body":{}}"#.to_owned(),
            hex::encode(r#"{"op":"ping"}"#),
        ),
    ] {
        assert_eq!(
            hex::encode(encoded(&record)),
            hex.replace(' ', ""),
            "{record}"
        );
    }
}

#[test]
fn compressed_frames_are_made_from_their_values() {
    let body = "a".repeat(600);
    let record = format!(
        r#"{{"protocol":"rp","type":"Value","header":{{"channel":1,"sequence":1,"dictionary":0}},"body":"{body}"}}"#
    );
    let bytes = encoded(&record);
    // As the published encoder writes it.
    assert_eq!(
        hex::encode(&bytes),
        "525001010100000001000000 0028b52ffd605b015d000020da0258610100542a4004".replace(' ', "")
    );
    let records = lines(&[hex::encode(&bytes).as_str()], None);
    assert_eq!(records[0]["body"], body);
}

#[test]
fn contradictions_and_unknown_names_are_refused() {
    let refused = |record: &str| {
        let mut document = Document::default();
        document.parse(record.as_bytes()).unwrap();
        let root = document.root(record.as_bytes()).unwrap();
        let error = encode_record(root, &EncodeOptions::default(), &mut Vec::new());
        error.unwrap_err().to_string()
    };
    let unknown = refused(r#"{"protocol":"rp","type":"SystemOp::Pink","body":1}"#);
    assert!(unknown.contains("SystemOp::Ping"), "{unknown}");
    let flags = refused(
        r#"{"protocol":"rp","type":"Value","header":{"flags":{"compressed":false},"dictionary":0},"body":1}"#,
    );
    assert!(flags.contains(".header.dictionary"), "{flags}");
    let field = refused(r#"{"protocol":"rp","type":"SystemOp::Ack","body":{"chanel":"x"}}"#);
    assert!(field.contains("channel"), "{field}");
}

#[test]
fn lines_that_agree_settle_what_one_of_them_leaves_open() {
    // {"n": 1} in CBOR, and f5, which is true in CBOR and -11 in MessagePack.
    let (sure, open) = ("525001000500000001a1616e01", "525001000500000002f5");
    for (before, value) in [(0, "true"), (9, "true")] {
        let mut input = vec![sure; before];
        input.push(open);
        let record = lines(&input, None).pop().unwrap();
        assert_eq!(record["body"].to_string(), value, "{before}");
    }
    // Brackets: an empty map in MessagePack, an empty list in CBOR.
    let open = "52500100050000000280";
    for (before, value) in [(0, "{}"), (9, "[]")] {
        let mut input = vec![sure; before];
        input.push(open);
        let record = lines(&input, None).pop().unwrap();
        assert_eq!(record["body"].to_string(), value, "{before}");
    }
    // ["", "\u0000"] in CBOR: control characters are odd, but nine frames say more.
    let odd = "52500100050000000382606100";
    let mut input = vec![sure; 9];
    input.push(odd);
    let record = lines(&input, None).pop().unwrap();
    assert_eq!(record["body"].to_string(), r#"["","\u0000"]"#);
}
