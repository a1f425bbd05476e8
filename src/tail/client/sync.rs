//! A NodeDB-Lite client that only watches: handshake, shape subscriptions, pings.
//!
//! Source: protocol page `sync`, section 5.

use super::{End, Role, Wishes};
use crate::encode::{RecordReader, encode_record};
use crate::model::{Direction, Origin};
use crate::output::Json;
use crate::pipeline::{Chunk, Connection, Pipeline, Selection};
use crate::protocol::sync::{NodeDbSync, versions};
use crate::protocol::{EncodeOptions, Settings};
use crate::schema::Versions;
use crate::tail::tap::now;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The types of messages that are answered.
const HANDSHAKE_ACK: u8 = 0x02;
const PING_PONG: u8 = 0xff;

/// Who the client is and what it wants.
#[derive(Clone, Debug)]
pub struct SyncOptions {
    /// Version group of the protocol; see [`versions`].
    pub version: u32,
    /// The JWT; empty for servers that trust.
    pub token: String,
    /// Collections of documents whose shapes are subscribed to.
    pub collections: Vec<String>,
    /// Tenant of those shapes.
    pub tenant: u32,
    /// Pause between pings. The server lets go of what it has for us only when we send something.
    pub ping_every: Duration,
}

/// Follows a NodeDB server.
#[derive(Debug)]
pub struct SyncClient {
    options: SyncOptions,
    welcomed: bool,
    pinged: Instant,
}

impl SyncClient {
    /// A client that has not connected yet.
    #[must_use]
    pub fn new(options: SyncOptions) -> Self {
        Self {
            options,
            welcomed: false,
            pinged: Instant::now(),
        }
    }

    fn handshake(&self) -> Value {
        // The number went 1, 4 and back to 1.
        let wire_version = match self.options.version {
            versions::B1 | versions::V0_4.. => 1,
            _ => 4,
        };
        json!({
            "jwt_token": self.options.token,
            "vector_clock": {},
            "subscribed_shapes": [],
            "client_version": concat!("wirectl ", env!("CARGO_PKG_VERSION")),
            "lite_id": "",
            "epoch": 0,
            "wire_version": wire_version,
        })
    }

    fn subscription(&self, collection: &str) -> Value {
        json!({"shape": {
            "shape_id": format!("wirectl-{collection}"),
            "tenant_id": self.options.tenant,
            "shape_type": {"Document": {"collection": collection, "predicate": ""}},
            "description": "",
            "field_filter": [],
        }})
    }

    /// Wants a message to be sent.
    fn say(&self, type_name: &str, body: &Value, wishes: &mut Wishes) {
        match self.encoded(type_name, body) {
            Ok(bytes) => wishes.bytes(bytes),
            Err(error) => wishes.note(format!("cannot send a {type_name}: {error}")),
        }
    }

    fn encoded(&self, type_name: &str, body: &Value) -> Result<Vec<u8>, String> {
        let group = self.options.version;
        let name = versions::NAMES.get(group as usize).copied();
        let version = u8::from(has_v1_header(group));
        let record = json!({
            "protocol": "sync",
            "type": type_name,
            "header": {"version": version, "schema": name},
            "body": body,
        })
        .to_string();
        let mut reader = RecordReader::new(record.as_bytes());
        reader
            .advance(|| Ok(()))
            .map_err(|error| error.to_string())?;
        let record = reader.record().map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        encode_record(record, &EncodeOptions::default(), &mut bytes)
            .map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    /// The body of a message from the server.
    fn decoded(&self, message: &[u8]) -> Option<Value> {
        let mut text = Vec::new();
        let mut sink = Json::new(&mut text, false);
        let mut pipeline = Pipeline::new(&mut sink, Selection::default());
        let settings = Settings {
            sync_version: Some(self.options.version),
            ..Settings::default()
        };
        let origin = Origin {
            direction: Some(Direction::ServerToClient),
            ..Origin::default()
        };
        let chunk = Chunk {
            bytes: message,
            offset: 0,
            whole: true,
            ended: true,
            origin: &origin,
        };
        let mut connection = Connection::new(Some(&NodeDbSync), settings);
        pipeline.feed(&mut connection, &chunk).ok()?;
        pipeline.flush().ok()?;
        drop(pipeline);
        drop(sink);
        let first = text.split(|byte| *byte == b'\n').next()?;
        let mut record: Value = serde_json::from_slice(first).ok()?;
        record.get_mut("body").map(Value::take)
    }

    fn welcome(&mut self, body: &Value, wishes: &mut Wishes) {
        if body.get("success").and_then(Value::as_bool) == Some(false) {
            let error = body.get("error").and_then(Value::as_str);
            let error = error.unwrap_or("no reason given").escape_debug();
            wishes.end = Some(End::Refused(format!("the handshake failed: {error}")));
            return;
        }
        if std::mem::replace(&mut self.welcomed, true) {
            return;
        }
        for collection in &self.options.collections {
            let subscription = self.subscription(collection);
            self.say("ShapeSubscribe", &subscription, wishes);
        }
        self.ping(wishes);
    }

    fn ping(&mut self, wishes: &mut Wishes) {
        self.pinged = Instant::now();
        let ping = json!({"timestamp_ms": now() / 1_000_000, "is_pong": false});
        self.say("PingPong", &ping, wishes);
    }
}

impl Role for SyncClient {
    fn begin(&mut self, wishes: &mut Wishes) {
        self.welcomed = false;
        self.say("Handshake", &self.handshake(), wishes);
    }

    fn take(&mut self, message: &[u8], wishes: &mut Wishes) {
        let code = if has_v1_header(self.options.version) {
            message.get(1)
        } else {
            message.first()
        };
        match code.copied() {
            Some(HANDSHAKE_ACK) => {
                if let Some(body) = self.decoded(message) {
                    self.welcome(&body, wishes);
                }
            }
            Some(PING_PONG) => {
                let body = self.decoded(message).unwrap_or_default();
                if body.get("is_pong").and_then(Value::as_bool) == Some(false) {
                    let time = body.get("timestamp_ms").cloned().unwrap_or_default();
                    self.say(
                        "PingPong",
                        &json!({"timestamp_ms": time, "is_pong": true}),
                        wishes,
                    );
                }
            }
            _ => {}
        }
    }

    fn tick(&mut self, wishes: &mut Wishes) {
        if self.welcomed && self.pinged.elapsed() >= self.options.ping_every {
            self.ping(wishes);
        }
    }
}

fn has_v1_header(group: u32) -> bool {
    versions::HEADER_V1.meets(Versions::only(group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_greets_subscribes_and_answers_pings_in_every_version() {
        for version in versions::B1..=versions::V0_6 {
            let mut client = SyncClient::new(SyncOptions {
                version,
                token: "t".to_owned(),
                collections: vec!["docs".to_owned()],
                tenant: 1,
                ping_every: Duration::from_secs(2),
            });
            let mut wishes = Wishes::default();
            client.begin(&mut wishes);
            assert_eq!(wishes.notes, [""; 0], "{version}");
            let greeting = client.decoded(&wishes.send[0].bytes).unwrap();
            assert_eq!(greeting["jwt_token"], "t", "{version}");
            wishes.send.clear();
            client.welcome(&json!({"success": true}), &mut wishes);
            assert_eq!((wishes.send.len(), wishes.notes.len()), (2, 0), "{version}");
            let body = client.decoded(&wishes.send[0].bytes).unwrap();
            assert_eq!(body["shape"]["shape_id"], "wirectl-docs");
            wishes.send.clear();
            let ping = json!({"timestamp_ms": 7, "is_pong": false});
            let ping = client.encoded("PingPong", &ping).unwrap();
            client.take(&ping, &mut wishes);
            let pong = client.decoded(&wishes.send[0].bytes).unwrap();
            assert_eq!(pong, json!({"timestamp_ms": 7, "is_pong": true}));
        }
    }

    #[test]
    fn a_refused_handshake_ends_it_with_the_servers_words() {
        let mut client = SyncClient::new(SyncOptions {
            version: versions::V0_6,
            token: String::new(),
            collections: Vec::new(),
            tenant: 1,
            ping_every: Duration::from_secs(2),
        });
        let mut wishes = Wishes::default();
        client.welcome(
            &json!({"success": false, "error": "invalid bearer token"}),
            &mut wishes,
        );
        assert_eq!(
            wishes.end,
            Some(End::Refused(
                "the handshake failed: invalid bearer token".to_owned()
            ))
        );
    }
}
