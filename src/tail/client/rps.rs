//! A pushwire client: authenticates, subscribes, acknowledges, resumes.
//!
//! Source: protocol page `rp`, sections 4 to 6.

use super::rps_cursors::Cursors;
use super::{End, Role, Wishes};
use crate::net::{self, Conversation, Direction, Kind, Stamp};
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Frames are acknowledged when so many have come, or none has come for a while.
const ACKNOWLEDGE_AFTER: u32 = 16;
const PAUSE: Duration = Duration::from_millis(50);
/// After so much silence, nothing is under way any more.
const SILENCE: Duration = Duration::from_secs(1);
/// A connection so silent is asked whether it is still there, and given up if it does not answer.
const PING_AFTER: Duration = Duration::from_secs(15);
/// The server sends at most so many old frames at a reconnection, and drops the rest unsaid.
const MOST_REPLAYED: u32 = 64;
const SYSTEM: &str = "system";

/// Who the client is and what it wants.
#[derive(Clone, Debug, Default)]
pub struct RpsOptions {
    /// The client's id, a UUID; the server keeps what was not acknowledged by this id.
    pub client_id: String,
    /// The token that authenticates it.
    pub token: Option<String>,
    /// What it asks to be allowed to do, when it authenticates.
    pub capabilities: Vec<String>,
    /// Channels to subscribe to.
    pub channels: Vec<String>,
    /// Where to begin: frames after this cursor of the channel.
    pub resume: Vec<(String, u64)>,
    /// Whether to acknowledge what came.
    pub acknowledge: bool,
    /// Over server-sent events: the value of the `Host` header, and the path.
    pub sse: Option<(String, String)>,
}

/// Follows a pushwire server.
pub struct Rps {
    options: RpsOptions,
    cursors: Cursors,
    /// Server-sent events, taken from the stream.
    events: Option<Events>,
    welcomed: bool,
    unacknowledged: u32,
    /// Frames since the connection began.
    frames: u32,
    /// When something came last.
    heard: Instant,
    asked: Option<Instant>,
    begun: bool,
    /// Whether this connection takes up where another one was.
    resumed: bool,
}

/// Takes server-sent events out of an HTTP response.
struct Events {
    conversation: Conversation,
    position: u64,
}

impl std::fmt::Debug for Rps {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Rps")
            .field("cursors", &self.cursors)
            .finish_non_exhaustive()
    }
}

impl Rps {
    /// A client that has not connected yet.
    #[must_use]
    pub fn new(options: RpsOptions) -> Self {
        let mut cursors = Cursors::default();
        for (channel, cursor) in &options.resume {
            cursors.know(channel, *cursor);
        }
        Self {
            resumed: !options.resume.is_empty(),
            options,
            cursors,
            events: None,
            welcomed: false,
            unacknowledged: 0,
            frames: 0,
            heard: Instant::now(),
            asked: None,
            begun: false,
        }
    }

    /// The first message of a WebSocket.
    fn authentication(&self) -> String {
        let mut auth = Map::new();
        auth.insert("op".to_owned(), json!("auth"));
        auth.insert("client_id".to_owned(), json!(self.options.client_id));
        if let Some(token) = &self.options.token {
            auth.insert("token".to_owned(), json!(token));
        }
        if !self.options.capabilities.is_empty() {
            let capabilities = json!(self.options.capabilities);
            auth.insert("capabilities".to_owned(), capabilities);
        }
        let resume: Map<String, Value> = self
            .cursors
            .resume()
            .filter(|(_, cursor)| *cursor > 0)
            .map(|(channel, cursor)| (channel.to_owned(), json!(cursor)))
            .collect();
        if !resume.is_empty() {
            auth.insert("resume_cursors".to_owned(), Value::Object(resume));
        }
        Value::Object(auth).to_string()
    }

    /// The request for an event stream.
    fn request(&self, host: &str, path: &str) -> String {
        let mut query = format!("client_id={}", escaped(&self.options.client_id));
        let lists = [
            ("capabilities", &self.options.capabilities),
            ("channels", &self.options.channels),
        ];
        if let Some(token) = &self.options.token {
            let _ = write!(query, "&token={}", escaped(token));
        }
        for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            let _ = write!(query, "&{name}={}", escaped(&list.join(",")));
        }
        // One value serves all channels: the smallest loses nothing.
        let resume = self.cursors.resume().map(|(_, cursor)| cursor).min();
        if let Some(cursor) = resume.filter(|_| self.resumed) {
            let _ = write!(query, "&resume_cursor={cursor}");
        }
        format!(
            "GET {path}?{query} HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\n\
             Cache-Control: no-cache\r\n\r\n"
        )
    }

    fn message(&mut self, text: &[u8], wishes: &mut Wishes) {
        self.heard = Instant::now();
        self.asked = None;
        // What is no JSON is shown as what it is; nothing follows from it here.
        let Ok(message) = serde_json::from_slice::<Value>(text) else {
            return;
        };
        if message.get("op").is_some() {
            return self.operation(&message, wishes);
        }
        let Some(channel) = message.get("channel").and_then(Value::as_str) else {
            return;
        };
        let payload = message.get("payload").unwrap_or(&Value::Null);
        match message.get("cursor").and_then(Value::as_u64) {
            Some(cursor) => self.frame(channel, cursor, wishes),
            None if channel == SYSTEM => self.operation(payload, wishes),
            None => {}
        }
    }

    fn frame(&mut self, channel: &str, cursor: u64, wishes: &mut Wishes) {
        self.frames += 1;
        self.cursors.take(channel, cursor);
        self.unacknowledged += 1;
        if self.unacknowledged >= ACKNOWLEDGE_AFTER {
            self.acknowledge(wishes);
        }
    }

    fn operation(&mut self, operation: &Value, wishes: &mut Wishes) {
        match operation.get("op").and_then(Value::as_str) {
            Some("auth_ok") => self.welcome(operation, wishes),
            Some("resume_required") => {
                let channel = operation.get("channel").and_then(Value::as_str);
                let floor = operation.get("from_cursor").and_then(Value::as_u64);
                if let (Some(channel), Some(floor)) = (channel, floor) {
                    self.lost(channel, floor, wishes);
                }
            }
            Some("error") => {
                let text = operation.get("message").and_then(Value::as_str);
                let text = text.unwrap_or_default();
                wishes.note(format!("the server complains: {}", text.escape_debug()));
            }
            _ => {}
        }
    }

    fn welcome(&mut self, operation: &Value, wishes: &mut Wishes) {
        if let Some(acknowledged) = operation.get("resume_cursors").and_then(Value::as_object) {
            for (channel, cursor) in acknowledged {
                self.cursors.know(channel, cursor.as_u64().unwrap_or(0));
            }
        }
        if std::mem::replace(&mut self.welcomed, true) {
            return;
        }
        if !self.options.channels.is_empty() && self.events.is_none() {
            let channels = &self.options.channels;
            wishes.text(system(&json!({"op": "subscribe", "channels": channels})));
        }
    }

    /// The server no longer has what comes before `floor`; what it has still can be had.
    fn lost(&mut self, channel: &str, floor: u64, wishes: &mut Wishes) {
        let Some((first, last)) = self.cursors.lose(channel, floor) else {
            return;
        };
        let channel = channel.escape_debug();
        wishes.note(format!(
            "channel {channel}: the server no longer has the frames {first} to {last}; they cannot \
             be got back"
        ));
        // It has sent nothing on this channel; from there on it will.
        wishes.end = Some(End::Again);
    }

    /// Gaps are usual, as others get frames, too; but not where the server repeats frames and stops
    /// in the middle.
    fn settle(&mut self, wishes: &mut Wishes) {
        for (channel, first, last) in self.cursors.settle() {
            if self.resumed && self.frames >= MOST_REPLAYED {
                wishes.note(format!(
                    "channel {}: frames {first} to {last} did not come again; the server repeats no \
                     more than {MOST_REPLAYED} when a client comes back (or they were for others)",
                    channel.escape_debug()
                ));
            }
        }
    }

    fn acknowledge(&mut self, wishes: &mut Wishes) {
        self.unacknowledged = 0;
        // Over server-sent events there is nothing that acknowledges: the server ignores what is
        // posted to it.
        if !self.options.acknowledge || self.events.is_some() {
            return;
        }
        for (channel, cursor) in self.cursors.acknowledge() {
            let ack = json!({"op": "ack", "channel": channel, "cursor": cursor});
            wishes.text(system(&ack));
        }
    }
}

impl Role for Rps {
    fn begin(&mut self, wishes: &mut Wishes) {
        self.welcomed = false;
        self.resumed |= std::mem::replace(&mut self.begun, true);
        self.frames = 0;
        self.unacknowledged = 0;
        self.asked = None;
        self.heard = Instant::now();
        match self.options.sse.clone() {
            Some((host, path)) => {
                let request = self.request(&host, &path).into_bytes();
                let mut events = Events::new();
                events.request(&request);
                self.events = Some(events);
                wishes.bytes(request);
            }
            None => wishes.text(self.authentication()),
        }
    }

    fn take(&mut self, bytes: &[u8], wishes: &mut Wishes) {
        let Some(mut events) = self.events.take() else {
            return self.message(bytes, wishes);
        };
        let (messages, refused) = events.take(bytes);
        self.events = Some(events);
        for message in messages {
            self.message(&message, wishes);
        }
        if let Some(status) = refused {
            wishes.end = Some(End::Refused(format!("HTTP status {status}")));
        }
    }

    fn tick(&mut self, wishes: &mut Wishes) {
        let silence = self.heard.elapsed();
        if silence >= SILENCE {
            self.settle(wishes);
        }
        if silence >= PAUSE {
            self.acknowledge(wishes);
        }
        if self.events.is_some() || silence < PING_AFTER {
            return;
        }
        match self.asked {
            None => {
                self.asked = Some(Instant::now());
                wishes.text(system(&json!({"op": "ping"})));
            }
            Some(asked) if asked.elapsed() >= PING_AFTER => {
                wishes.note("the server does not answer; connecting again");
                wishes.end = Some(End::Again);
            }
            Some(_) => {}
        }
    }

    fn farewell(&mut self, wishes: &mut Wishes) {
        if self.events.is_none() && self.welcomed {
            self.settle(wishes);
            self.acknowledge(wishes);
            wishes.text(system(&json!({"op": "goodbye"})));
        }
    }
}

impl Events {
    fn new() -> Self {
        Self {
            conversation: Conversation::new(Arc::new(net::Options::default()), true),
            position: 0,
        }
    }

    fn request(&mut self, bytes: &[u8]) {
        let at = stamp(Direction::ClientToServer);
        self.conversation.data(at, 0, bytes, &mut |_| {});
    }

    /// The messages that `bytes` complete, and the status if it is a refusal.
    fn take(&mut self, bytes: &[u8]) -> (Vec<Vec<u8>>, Option<u16>) {
        let mut messages = Vec::new();
        let mut refused = None;
        let at = stamp(Direction::ServerToClient);
        self.conversation
            .data(at, self.position, bytes, &mut |event| match event.kind {
                Kind::Message(message) if matches!(message.envelope, net::Envelope::Sse { .. }) => {
                    messages.push(message.bytes.to_vec());
                }
                Kind::Control(net::Control::Response { status, .. }) if status != 200 => {
                    refused = Some(status);
                }
                _ => {}
            });
        self.position += bytes.len() as u64;
        (messages, refused)
    }
}

fn stamp(direction: Direction) -> Stamp {
    Stamp {
        connection: 0,
        direction,
        time_ns: 0,
        packet: 0,
    }
}

/// After the greeting, the server takes operations only in frames of the system channel.
fn system(operation: &Value) -> String {
    json!({"channel": SYSTEM, "payload": operation}).to_string()
}

/// Text for a URL's query.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~,".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(wishes: &mut Wishes) -> Vec<String> {
        let sent = wishes.send.drain(..);
        sent.map(|message| String::from_utf8(message.bytes).unwrap())
            .collect()
    }

    fn client() -> Rps {
        Rps::new(RpsOptions {
            client_id: "c".to_owned(),
            channels: vec!["data".to_owned()],
            acknowledge: true,
            ..RpsOptions::default()
        })
    }

    #[test]
    fn it_subscribes_acknowledges_and_resumes_where_it_was() {
        let mut client = client();
        let mut wishes = Wishes::default();
        client.begin(&mut wishes);
        assert_eq!(texts(&mut wishes), [r#"{"op":"auth","client_id":"c"}"#]);
        client.take(br#"{"op":"auth_ok","resume_cursor":0}"#, &mut wishes);
        assert_eq!(
            texts(&mut wishes),
            [r#"{"channel":"system","payload":{"op":"subscribe","channels":["data"]}}"#]
        );
        for cursor in 1..=16 {
            let frame = format!(r#"{{"channel":"data","cursor":{cursor},"payload":1}}"#);
            client.take(frame.as_bytes(), &mut wishes);
        }
        assert_eq!(
            texts(&mut wishes),
            [r#"{"channel":"system","payload":{"op":"ack","channel":"data","cursor":16}}"#]
        );
        client.begin(&mut wishes);
        assert_eq!(
            texts(&mut wishes),
            [r#"{"op":"auth","client_id":"c","resume_cursors":{"data":16}}"#]
        );
    }

    #[test]
    fn what_cannot_be_got_back_is_told_and_the_rest_is_asked_for() {
        let mut client = client();
        let mut wishes = Wishes::default();
        client.begin(&mut wishes);
        client.cursors.know("data", 2);
        let lost = br#"{"op":"resume_required","channel":"data","from_cursor":7}"#;
        client.take(lost, &mut wishes);
        assert!(wishes.notes[0].contains("frames 3 to 7"));
        assert_eq!(wishes.end.take(), Some(End::Again));
        wishes.send.clear();
        client.begin(&mut wishes);
        assert!(texts(&mut wishes)[0].contains(r#""resume_cursors":{"data":7}"#));
    }

    #[test]
    fn where_the_server_stops_repeating_is_told() {
        let mut client = client();
        let mut wishes = Wishes::default();
        client.begin(&mut wishes);
        client.begin(&mut wishes);
        for cursor in (1..=64).chain([100]) {
            let frame = format!(r#"{{"channel":"data","cursor":{cursor},"payload":1}}"#);
            client.take(frame.as_bytes(), &mut wishes);
        }
        assert_eq!(wishes.notes, [""; 0]);
        client.settle(&mut wishes);
        assert!(wishes.notes[0].contains("frames 65 to 99"));
    }

    #[test]
    fn events_are_taken_from_a_stream() {
        let mut client = client();
        client.options.sse = Some(("h".to_owned(), "/rps/sse".to_owned()));
        let mut wishes = Wishes::default();
        client.begin(&mut wishes);
        assert!(texts(&mut wishes)[0].starts_with("GET /rps/sse?client_id=c&channels=data HTTP"));
        let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n\
            event: frame\nid: 4\ndata: {\"channel\":\"data\",\"cursor\":4,\"payload\":1}\n\n";
        for piece in answer.as_bytes().chunks(7) {
            client.take(piece, &mut wishes);
        }
        client.cursors.settle();
        assert_eq!(client.cursors.resume().next(), Some(("data", 4)));
    }
}
