//! The JSON protocol: bare and wrapped operations, frames, acknowledgements, lines of them.

use crate::records::{codes, conversation, has_error, lines, pieces, protocol, stream};
use serde_json::{Value, json};
use wirectl::model::Direction::{ClientToServer, ServerToClient};

static AUTH: &str = r#"{"op":"auth","client_id":"a1a1a1a1-a1a1-a1a1-a1a1-a1a1a1a1a1a1","token":"t","capabilities":["data"]}"#;
static FRAME: &str =
    r#"{"channel":"data","cursor":18446744073709551615,"payload":{"z":1,"a":[1.50,null]}}"#;

fn one(text: &str) -> Value {
    let mut records = lines(&[hex::encode(text).as_str()], None);
    assert_eq!(records.len(), 1, "{text}");
    records.remove(0)
}

#[test]
fn messages_keep_their_order_and_their_numbers() {
    let record = one(FRAME);
    assert_eq!(record["protocol"], "rps");
    assert_eq!(record["type"], "frame");
    assert_eq!(
        record["body"].to_string(),
        serde_json::from_str::<Value>(FRAME).unwrap().to_string()
    );
    assert!(record["body"].to_string().contains("1.50"));
    assert!(record.get("issues").is_none());
}

#[test]
fn operations_are_named_bare_and_wrapped() {
    for (text, name) in [
        (AUTH, "auth"),
        (r#"{"op":"auth_ok","resume_cursor":0}"#, "auth_ok"),
        (r#"{"op":"pong"}"#, "pong"),
        (r#"{"op":"goodbye","reason":"done"}"#, "goodbye"),
        (r#"{"channel":"system","payload":{"op":"ping"}}"#, "frame"),
        (r#"{"client_id":"x","channel":"data","cursor":3}"#, "ack"),
        (
            r#"{"type":"candidate","from":"","to":"","candidate":"c"}"#,
            "candidate",
        ),
    ] {
        assert_eq!(one(text)["type"], name, "{text}");
    }
    let wrapped = one(r#"{"channel":"system","payload":{"op":"ping"}}"#);
    assert_eq!(wrapped["inner"]["payload"]["shape"], "SystemOp::Ping");
}

#[test]
fn what_servers_refuse_is_an_error() {
    for (text, code) in [
        (r#"{"channel":"data","payload":null}"#, "payload-required"),
        (
            r#"{"channel":"system","payload":{"op":"nap"}}"#,
            "invalid-system-payload",
        ),
        (
            r#"{"channel":"system","payload":{"op":"ack","channel":"data"}}"#,
            "invalid-system-payload",
        ),
        (r#"{"op":"ack","channel":"data"}"#, "missing-field"),
        (r#"{"op":"ack","channel":"data","cursor":-1}"#, "wrong-type"),
        (r#"{"op":"nap"}"#, "invalid-frame-schema"),
        (r#"{"op":"ping""#, "truncated-json"),
        (r#"{"op":"ping",}"#, "invalid-json"),
    ] {
        let record = one(text);
        assert!(codes(&record).contains(&code), "{text}: {record}");
        assert!(has_error(&record), "{record}");
    }
}

#[test]
fn only_compact_text_needs_no_bytes_of_its_own() {
    for (text, bare) in [
        (r#"{"op":"error","message":"é\n\u0001\\"}"#, true),
        (r#"{"channel":"ui","payload":[1,-2,1.5,null,true]}"#, true),
        (r#"{"channel":"ui","payload":1.50}"#, false),
        (r#"{"channel":"ui","payload":18446744073709551616}"#, false),
        (r#"{"op": "ping"}"#, false),
        (r#"{"op":"error","message":"\u00e9"}"#, false),
        (r#"{"op":"ping","op":"ping"}"#, false),
    ] {
        assert_eq!(one(text).get("raw").is_none(), bare, "{text}");
    }
    assert_eq!(
        one(r#"{"op":"error","message":"\u00e9\ud83d\ude00"}"#)["body"]["message"],
        "é😀"
    );
}

#[test]
fn files_in_envelopes_are_described_and_checked() {
    let envelope = |digest: &str, size: u32, data: &str| {
        one(&format!(
            r#"{{"channel":"data","payload":{{"kind":"inline","mime":"image/png","sha256":"{digest}","size":{size},"data_base64":"{data}"}}}}"#
        ))
    };
    let digest = "4c4b6a3be1314ab86138bef4314dde022e600960d8689a2c8f8631802d20dab6";
    let good = envelope(digest, 8, "iVBORw0KGgo=");
    assert!(good.get("issues").is_none());
    assert_eq!(
        good["inner"]["payload"]["content"],
        json!({"mime": "image/png", "size": 8, "sha256": digest})
    );
    assert_eq!(
        codes(&envelope(&"0".repeat(64), 8, "iVBORw0KGgo=")),
        ["sha256-mismatch"]
    );
    assert_eq!(
        codes(&envelope(digest, 9, "iVBORw0KGgo=")),
        ["size-mismatch"]
    );
    assert_eq!(
        codes(&envelope(digest, 8, "iVBORw0KGgo")),
        ["invalid-base64"]
    );
}

#[test]
fn lines_and_texts_in_a_row_are_taken_apart() {
    let texts = [
        AUTH,
        FRAME,
        r#"{"op":"pong"}"#,
        r#"{"op":"health","status":"}{"}"#,
    ];
    for (between, forced) in [
        ("\n", None),
        ("\r\n", None),
        ("", None),
        (" ", Some(protocol("rps"))),
    ] {
        let bytes = texts.join(between).into_bytes();
        let records = stream(&bytes, forced);
        assert_eq!(records.len(), texts.len(), "{between:?}");
        let total: u64 = records
            .iter()
            .map(|record| record["length"].as_u64().unwrap())
            .sum();
        assert_eq!(total, bytes.len() as u64);
        for size in [1, 3, 50] {
            assert_eq!(pieces(&bytes, size).len(), texts.len());
        }
    }
}

#[test]
fn a_broken_line_costs_no_other() {
    let text = "{\"op\":\"ping\"}\n{\"op\":\"pi\n{\"op\":\"pong\"}\n{\"op\":\n{\"op\":\"ping\"}\nnot json\n{\"op\":\"pong\"}\n";
    let records = stream(text.as_bytes(), None);
    let names: Vec<&str> = records
        .iter()
        .filter(|record| !has_error(record))
        .map(|record| record["type"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["ping", "pong", "ping", "pong"], "{records:#?}");
}

#[test]
fn cursors_and_acknowledgements_are_followed() {
    let frame = |cursor: u64| format!(r#"{{"channel":"data","cursor":{cursor},"payload":1}}"#);
    let ack = r#"{"channel":"system","payload":{"op":"ack","channel":"data","cursor":9}}"#;
    let frames = [frame(1), frame(2), frame(5), frame(4)];
    let mut messages: Vec<_> = frames
        .iter()
        .map(|text| (ServerToClient, text.as_bytes()))
        .collect();
    messages.push((ClientToServer, ack.as_bytes()));
    messages.push((ClientToServer, br#"{"op":"subscribe"}"#));
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
            Some("cursor-gap"),
            Some("cursor-backwards"),
            Some("ack-beyond-last"),
            Some("bare-system-op")
        ]
    );
}

#[test]
fn frames_of_both_kinds_may_follow_one_another() {
    let binary = hex::decode("52500100050000000191a470696e67").unwrap();
    let bytes = [
        &binary[..],
        br#"{"op":"pong"}"#,
        &binary,
        b"\n",
        AUTH.as_bytes(),
    ]
    .concat();
    let records = stream(&bytes, None);
    let known: Vec<(&str, &str)> = records
        .iter()
        .map(|record| {
            (
                record["protocol"].as_str().unwrap(),
                record["type"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        known,
        [
            ("rp", "SystemOp::Ping"),
            ("rps", "pong"),
            ("rp", "SystemOp::Ping"),
            ("rps", "auth")
        ]
    );
}
