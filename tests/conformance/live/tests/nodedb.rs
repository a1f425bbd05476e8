//! A WebSocket server built on `nodedb-types` 0.6.2 as the peer.

use nodedb_types::sync::wire::{
    AckStatus, DeltaAckMsg, DeltaPushMsg, HandshakeAckMsg, HandshakeMsg, PingPongMsg, SyncFrame,
    SyncMessageType,
};
use serde_json::Value;
use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use tempfile::TempDir;
use tungstenite::Message;
use wirectl_conformance_live::{LONG, Wirectl};

/// A server; it tells what it understood.
fn server() -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (told, heard) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let told = told.clone();
            std::thread::spawn(move || serve(stream, &told));
        }
    });
    (address, heard)
}

fn serve(stream: TcpStream, told: &Sender<String>) {
    stream.set_read_timeout(Some(LONG)).unwrap();
    let mut socket = tungstenite::accept(stream).unwrap();
    while let Ok(message) = socket.read() {
        let Message::Binary(bytes) = message else {
            continue;
        };
        let Some(frame) = SyncFrame::from_bytes(&bytes) else {
            told.send("no frame".to_owned()).unwrap();
            continue;
        };
        let (what, answer) = answer(&frame);
        told.send(what).unwrap();
        if let Some(answer) = answer {
            socket.send(Message::binary(answer.to_bytes())).unwrap();
        }
    }
}

fn answer(frame: &SyncFrame) -> (String, Option<SyncFrame>) {
    match frame.msg_type {
        SyncMessageType::Handshake => {
            let asked: HandshakeMsg = frame.decode_body().unwrap();
            let ack = HandshakeAckMsg {
                success: true,
                session_id: "s".to_owned(),
                server_clock: HashMap::new(),
                error: None,
                fork_detected: false,
                server_wire_version: 1,
                producer_id: 7,
                accepted_epoch: asked.epoch,
                delta_signing_key: [0; 32],
            };
            let what = format!("{} {}", asked.jwt_token, asked.client_version);
            (
                what,
                SyncFrame::try_encode(SyncMessageType::HandshakeAck, &ack),
            )
        }
        SyncMessageType::DeltaPush => {
            let push: DeltaPushMsg = frame.decode_body().unwrap();
            let ack = DeltaAckMsg {
                mutation_id: push.mutation_id,
                lsn: 100 + push.mutation_id,
                clock_skew_warning_ms: None,
                applied_seq: push.seq,
                status: AckStatus::Applied,
            };
            let what = format!("{}/{} {:?}", push.collection, push.document_id, push.delta);
            (what, SyncFrame::try_encode(SyncMessageType::DeltaAck, &ack))
        }
        SyncMessageType::PingPong => {
            let mut ping: PingPongMsg = frame.decode_body().unwrap();
            let what = format!("ping {}", ping.timestamp_ms);
            ping.is_pong = true;
            (
                what,
                SyncFrame::try_encode(SyncMessageType::PingPong, &ping),
            )
        }
        other => (format!("{other:?}"), None),
    }
}

/// A session's frames, as the crate writes them.
fn frames() -> Vec<u8> {
    let handshake = HandshakeMsg {
        jwt_token: "old".to_owned(),
        vector_clock: HashMap::new(),
        subscribed_shapes: vec!["notes".to_owned()],
        client_version: "1.2".to_owned(),
        lite_id: "01a1f8eb-4e09-7164-bbab-fdc1eee70000".to_owned(),
        epoch: 3,
        wire_version: 1,
    };
    let mut bytes = SyncFrame::try_encode(SyncMessageType::Handshake, &handshake)
        .unwrap()
        .to_bytes();
    for number in 1..=3 {
        let push = DeltaPushMsg {
            collection: "notes".to_owned(),
            document_id: format!("d{number}"),
            delta: vec![number as u8; 3],
            peer_id: 1,
            mutation_id: number,
            checksum: 0,
            device_valid_time_ms: None,
            producer_id: 7,
            epoch: 3,
            seq: number,
            device_id: 1,
            delta_signature: [0; 32],
        };
        let frame = SyncFrame::try_encode(SyncMessageType::DeltaPush, &push).unwrap();
        bytes.extend(frame.to_bytes());
    }
    let ping = PingPongMsg {
        timestamp_ms: 1_700_000_000_000,
        is_pong: false,
    };
    let ping = SyncFrame::try_encode(SyncMessageType::PingPong, &ping).unwrap();
    bytes.extend(ping.to_bytes());
    bytes
}

fn dump(folder: &TempDir) -> String {
    let path = folder.path().join("frames.bin");
    std::fs::write(&path, frames()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn frames_of_the_crate_are_answered_by_a_server_of_the_crate() {
    let (address, heard) = server();
    let folder = TempDir::new().unwrap();
    let file = dump(&folder);
    let url = format!("ws://{address}/sync");
    let ran = Wirectl::run(&[
        "replay",
        "--json",
        "--to",
        &url,
        "--wait-answer",
        "--set",
        "jwt_token=fresh",
        "--expect",
        ".type == \"HandshakeAck\" and .body.success and .body.accepted_epoch == 3",
        "--expect",
        ".type == \"DeltaAck\" and .body.lsn == 101",
        "--expect",
        ".type == \"DeltaAck\" and .body.status == \"Applied\" and .body.applied_seq == 3",
        "--expect-type",
        "PingPong",
        "--expect-count",
        "5",
        &file,
    ])
    .expect(0);
    let types = [
        "HandshakeAck",
        "DeltaAck",
        "DeltaAck",
        "DeltaAck",
        "PingPong",
    ];
    assert_eq!(ran.types(), types);
    let told: Vec<String> = (0..5).map(|_| heard.recv_timeout(LONG).unwrap()).collect();
    assert_eq!(told[0], "fresh 1.2");
    assert_eq!(told[1], "notes/d1 [1, 1, 1]");
    assert_eq!(told[4], "ping 1700000000000");
    let summary: Value = serde_json::from_str(ran.stderr.lines().last().unwrap()).unwrap();
    assert_eq!(summary["latency_us"]["DeltaPush"]["answers"], 3);
}

#[test]
fn records_go_to_the_server_and_come_back() {
    let (address, heard) = server();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("records.ndjson");
    let records = Wirectl::run(&["decode", "--json", &dump(&folder)]).expect(0);
    let lines = records
        .records
        .iter()
        .map(|record| record.to_string() + "\n");
    std::fs::write(&path, lines.collect::<String>()).unwrap();
    let url = format!("ws://{address}/sync");
    let options = [
        "replay",
        "--json",
        "--to",
        &url,
        "--wait-answer",
        "--loop",
        "20",
    ];
    let ran = Wirectl::run(&[&options[..], &[path.to_str().unwrap()]].concat()).expect(0);
    assert_eq!(ran.records.len(), 100);
    for _ in 0..100 {
        assert_ne!(heard.recv_timeout(LONG).unwrap(), "no frame");
    }
}

#[test]
fn the_ready_made_client_is_understood() {
    let (address, heard) = server();
    let url = format!("ws://{address}/sync");
    let mut tail = Wirectl::start(&[
        "tail", "--json", &url, "--as", "sync", "--token", "t", "--ping", "100ms",
    ]);
    assert!(heard.recv_timeout(LONG).unwrap().starts_with("t "));
    assert!(heard.recv_timeout(LONG).unwrap().starts_with("ping "));
    while tail.record()["body"]["is_pong"] != true {}
    let ran = tail.interrupt().expect(0);
    assert_eq!(ran.types()[..2], ["Handshake", "HandshakeAck"]);
}
