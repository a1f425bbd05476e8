//! A real `pushwire-server` 0.1.1 as the peer.

use pushwire_server::{ChannelKind, Frame, PushServer};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tungstenite::Message;
use uuid::Uuid;
use wirectl_conformance_live::{LONG, Recorder, Wire, Wirectl};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Channel {
    Data,
    System,
}

impl ChannelKind for Channel {
    fn priority(&self) -> u8 {
        u8::from(*self == Self::Data)
    }

    fn wire_id(&self) -> u8 {
        *self as u8
    }

    fn from_wire_id(id: u8) -> Option<Self> {
        Self::all().get(usize::from(id)).copied()
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::all().iter().copied().find(|one| one.name() == name)
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::System => "system",
        }
    }

    fn is_system(&self) -> bool {
        *self == Self::System
    }

    fn all() -> &'static [Self] {
        &[Self::Data, Self::System]
    }
}

type Server = Arc<PushServer<Channel>>;

/// A server; `{"count":n}` on the data channel makes it send n frames there.
fn server() -> (Server, SocketAddr) {
    let server: Server = Arc::new(PushServer::new());
    server.register_handler(Channel::Data, |client, frame, server| {
        let count = frame.payload["count"].as_u64().unwrap_or_default();
        for number in 1..=count {
            let _ = server.send(client, Frame::new(Channel::Data, json!({"number": number})));
        }
    });
    let (told, address) = std::sync::mpsc::channel();
    let app = Arc::clone(&server).router().with_state(Arc::clone(&server));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            told.send(listener.local_addr().unwrap()).unwrap();
            axum::serve(listener, app).await.unwrap();
        });
    });
    (server, address.recv_timeout(LONG).unwrap())
}

/// A client's session: authenticates, pings, asks for five frames, acknowledges, leaves.
fn session(address: SocketAddr, client: Uuid) -> Vec<Value> {
    let stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let (mut socket, _) = tungstenite::client(format!("ws://{address}/rps"), stream).unwrap();
    let mut heard: Vec<Value> = Vec::new();
    let system = |payload: Value| json!({"channel": "system", "payload": payload});
    let steps = [
        (json!({"op": "auth", "client_id": client, "token": "t"}), 1),
        (system(json!({"op": "subscribe", "channels": ["data"]})), 0),
        (system(json!({"op": "ping"})), 1),
        (json!({"channel": "data", "payload": {"count": 5}}), 5),
        (
            system(json!({"op": "ack", "channel": "data", "cursor": 3})),
            0,
        ),
        // Less than what was acknowledged before: the server answers.
        (
            system(json!({"op": "ack", "channel": "data", "cursor": 1})),
            1,
        ),
    ];
    for (said, answers) in steps {
        socket.send(Message::text(said.to_string())).unwrap();
        let wanted = heard.len() + answers;
        while heard.len() < wanted {
            if let Message::Text(text) = socket.read().unwrap() {
                heard.push(serde_json::from_str(&text).unwrap());
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    socket.close(None).unwrap();
    // The server keeps the connection open.
    let soon = Some(Duration::from_millis(200));
    socket.get_ref().set_read_timeout(soon).unwrap();
    while socket.read().is_ok() {}
    heard
}

fn recording(folder: &TempDir, client: Uuid) -> String {
    let (_server, address) = server();
    let recorder = Recorder::start(address, &folder.path().join("session.pcapng"));
    assert_eq!(session(recorder.address, client).len(), 8);
    recorder.end()
}

#[test]
fn a_recorded_session_replays_with_the_same_answers() {
    let folder = TempDir::new().unwrap();
    let file = recording(&folder, Uuid::from_u128(1));
    let (_server, address) = server();
    let url = format!("ws://{address}/rps");
    let ran = Wirectl::run(&["replay", "--json", "--to", &url, "--compare", &file]).expect(0);
    let summary: Value = serde_json::from_str(ran.stderr.lines().last().unwrap()).unwrap();
    assert_eq!(summary["compared"], 8, "{summary}");
    assert_eq!(ran.records.len(), 8);
    assert_eq!(ran.types()[0], "auth_ok");
}

#[test]
fn a_server_that_goes_on_counting_differs_in_its_cursors_only() {
    let folder = TempDir::new().unwrap();
    let file = recording(&folder, Uuid::from_u128(1));
    let (_server, address) = server();
    let url = format!("ws://{address}/rps");
    let replay = |more: &[&str]| {
        let base = ["replay", "--to", &url, "-o", "none", "--compare", &file];
        Wirectl::run(&[&base[..], more].concat())
    };
    replay(&[]).expect(0);
    // Another client on the same server: its frames have other numbers, as 9 of 5 to 10.
    let other = format!("client_id={}", Uuid::from_u128(2));
    let differs = replay(&["--set", &other]).expect(3);
    assert!(differs.stderr.contains("body.cursor"), "{}", differs.stderr);
    let ignored = ["--ignore", "cursor", "--ignore", "client_id"];
    let ran = replay(&[&["--set", &other], &ignored[..]].concat());
    // What it says of cursors that were not acknowledged (from_cursor) follows them.
    assert!(
        !ran.stderr.contains("body.payload.number"),
        "{}",
        ran.stderr
    );
    let all = [&ignored[..], &["--ignore", "from_cursor"]].concat();
    let third = format!("client_id={}", Uuid::from_u128(3));
    replay(&[&["--set", &third], &all[..]].concat()).expect(0);
}

/// Sends a numbered frame on the data channel. False if the client is not connected; else the server
/// keeps the frame, even where it does not reach the client.
fn sends(server: &Server, client: Uuid, number: u64) -> bool {
    let frame = Frame::new(Channel::Data, json!({"number": number}));
    let sent = server.send(client, frame);
    !matches!(sent, Err(pushwire_server::SendError::NotConnected(_)))
}

/// The cursor of a frame that the server sent on the data channel.
fn data_cursor(record: &Value) -> Option<u64> {
    let body = &record["body"];
    let is_data = record["direction"] == "s2c" && body["channel"] == "data";
    is_data.then(|| body["cursor"].as_u64().unwrap())
}

#[test]
fn a_stream_is_followed_through_cuts_without_losing_or_doubling_a_frame() {
    let (server, address) = server();
    let wire = Wire::to(address);
    let client = Uuid::from_u128(7);
    let url = format!("ws://{}/rps", wire.address);
    let name = client.to_string();
    let base = ["tail", "--json", &url, "--as", "rps", "--token", "t"];
    let more = ["--client-id", &name, "--channel", "data"];
    let mut tail = Wirectl::start(&[&base[..], &more].concat());
    let mut sent = 0;
    let mut cursors = Vec::new();
    for round in 0..4 {
        // After its greeting the server sends again what was lost. Frames sent beside that could
        // overtake it, or come twice.
        let mut welcomed = false;
        while !welcomed || cursors.len() < sent {
            let record = tail.record();
            welcomed |= record["type"] == "auth_ok";
            cursors.extend(data_cursor(&record));
        }
        std::thread::sleep(Duration::from_millis(300));
        for _ in 0..7 {
            sent += 1;
            assert!(sends(&server, client, sent as u64));
        }
        // The last round's frames have only to arrive.
        let held = (round < 3).then(|| wire.cut());
        let begun = Instant::now();
        while held.is_some() && sends(&server, client, sent as u64 + 1) {
            sent += 1;
            assert!(begun.elapsed() < LONG, "the server never notices the cut");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    while cursors.len() < sent {
        cursors.extend(data_cursor(&tail.record()));
    }
    let expected: Vec<u64> = (1..=sent as u64).collect();
    assert_eq!(cursors, expected);
    let ran = tail.interrupt();
    assert!(matches!(ran.status, 0 | 1), "{}", ran.stderr);
}

#[test]
fn an_event_stream_is_followed_as_far_as_the_server_sends_there() {
    let (server, address) = server();
    let client = Uuid::from_u128(9);
    // The server sends events only to those that have a WebSocket, too.
    let stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let (mut socket, _) = tungstenite::client(format!("ws://{address}/rps"), stream).unwrap();
    let auth = json!({"op": "auth", "client_id": client});
    socket.send(Message::text(auth.to_string())).unwrap();
    assert!(
        socket
            .read()
            .unwrap()
            .to_text()
            .unwrap()
            .contains("auth_ok")
    );
    let url = format!("http://{address}/rps/sse");
    let name = client.to_string();
    let base = ["tail", "--json", &url, "--as", "rps"];
    let more = ["--client-id", &name, "--channel", "data"];
    let mut tail = Wirectl::start(&[&base[..], &more].concat());
    let mut next = || loop {
        let record = tail.record();
        if record["transport"] == "sse" {
            return record["body"].clone();
        }
    };
    assert_eq!(next()["payload"]["op"], "auth_ok");
    for number in 1..=20 {
        let frame = Frame::new(Channel::Data, json!({"number": number}));
        server.send(client, frame).unwrap();
        let body = next();
        assert_eq!(
            (&body["cursor"], &body["payload"]["number"]),
            (&number.into(), &number.into())
        );
    }
    let ran = tail.interrupt();
    assert!(matches!(ran.status, 0 | 1), "{}", ran.stderr);
}
