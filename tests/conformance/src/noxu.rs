//! Noxu replication: `noxu-rep` 7.11.2 writes and reads messages and feeder entries.

use crate::body::{Body, object};
use crate::random::{Random, Sample};
use crate::wirectl::{Conversation, Frame};
use crate::{fields, variants};
use noxu_log::LogEntryType;
use noxu_rep::error::{RepError, Result as RepResult};
use noxu_rep::net::Channel;
use noxu_rep::protocol::{GroupChangeType, ProtocolMessage};
use noxu_rep::stream::feeder::{FeederRunner, LogScanner};
use noxu_rep::stream::replica_stream::{LogWriter, ReplicaReceiver};
use noxu_rep::stream::syncup_protocol::SyncupMsg;
use noxu_rep::{NodeType, RepNode};
use noxu_util::Vlsn;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

variants! {
    ProtocolMessage:
    Handshake { node_name, group_name, node_type },
    HandshakeResponse { accepted, reason },
    Heartbeat { master_vlsn, timestamp_ms },
    HeartbeatResponse { replica_vlsn, timestamp_ms },
    LogEntry { vlsn, entry_type, data },
    Ack { vlsn },
    GroupChange { change_type, node },
    GroupChangeResponse { accepted },
    ElectionProposal { node_name, vlsn, priority, term, dtvlsn },
    ElectionVote { voter, granted, term },
    ElectionResult { master, term },
    Shutdown { reason },
}
variants! {
    SyncupMsg:
    EntryRequest { vlsn },
    Entry { vlsn, lsn, fingerprint, is_sync },
    EntryNotFound,
    AlternateMatchpoint { vlsn, lsn, fingerprint, is_sync },
    StartStream { start_vlsn },
    RestoreRequest { failed_vlsn },
    RestoreResponse,
}
variants!(GroupChangeType: Add, Remove, Update);
variants!(NodeType: Electable, Monitor, Secondary, Arbiter);
fields!(
    RepNode from RepNode::new(String::new(), NodeType::Electable, String::new(), 0, 0);
    name, node_type, host, port, node_id
);

impl Sample for Vlsn {
    fn sample(random: &mut Random) -> Self {
        Self::new(i64::sample(random))
    }
}

impl Body for Vlsn {
    fn body(&self) -> Value {
        self.sequence().body()
    }
}

/// Messages of the services that speak `ProtocolMessage`.
pub fn check_protocol_messages() {
    // Two masters in one term would be a fault of the group, not of the reader.
    let mut masters: HashMap<u64, String> = HashMap::new();
    let frames = frames(
        12,
        |random| {
            let mut message = ProtocolMessage::sample(random);
            if let ProtocolMessage::ElectionResult { master, term } = &mut message {
                master.clone_from(masters.entry(*term).or_insert_with(|| master.clone()));
            }
            message
        },
        ProtocolMessage::encode,
        ProtocolMessage::decode,
    );
    Conversation {
        protocol: "noxu.protocol",
        arguments: &[],
        frames: &frames,
    }
    .check();
}

/// Messages of the service `REP_SYNCUP`.
pub fn check_syncup_messages() {
    let frames = frames(7, SyncupMsg::sample, SyncupMsg::encode, SyncupMsg::decode);
    Conversation {
        protocol: "noxu.syncup",
        arguments: &[],
        frames: &frames,
    }
    .check();
}

/// Entries as the feeder's own loop frames them, and as the replica's own loop takes them.
pub fn check_feeder_entries() {
    let mut random = Random::new(crate::seed());
    let types: Vec<u8> = (0..=u8::MAX)
        .filter(|code| LogEntryType::is_valid(*code))
        .collect();
    let entries: VecDeque<Entry> = (0..crate::samples() * types.len())
        .map(|at| {
            random.begin_sample(at / types.len());
            Entry {
                vlsn: at as u64 + 1,
                code: types[at % types.len()],
                payload: random.bytes(),
            }
        })
        .collect();
    let wire = Arc::new(Wire::default());
    let mut log = Log(entries.clone());
    FeederRunner::new(wire.clone(), 1)
        .run(&mut log)
        .expect("the feeder sends all");
    let sent = std::mem::take(&mut *wire.sent.lock().expect("no panic"));
    assert_eq!(sent.len(), entries.len());
    let frames: Vec<Frame> = sent
        .into_iter()
        .zip(entries)
        .map(|(bytes, entry)| Frame {
            bytes,
            kind: Some("Entry".to_owned()),
            body: entry.body(),
            header: json!({ "prefixed": false }),
            values_suffice: true,
            read: Box::new(move |bytes| receive(entry.vlsn, bytes)),
        })
        .collect();
    Conversation {
        protocol: "noxu.feeder",
        arguments: &[],
        frames: &frames,
    }
    .check();
}

fn frames<T: Body + 'static>(
    types: usize,
    mut sample: impl FnMut(&mut Random) -> T,
    encode: fn(&T) -> Vec<u8>,
    decode: fn(&[u8]) -> RepResult<T>,
) -> Vec<Frame> {
    let mut random = Random::new(crate::seed());
    let frames = (0..crate::samples() * types)
        .map(|at| {
            random.begin_sample(at / types);
            let value = sample(&mut random);
            let bytes = encode(&value);
            let (kind, body) = split(value.body());
            let header = json!({ "prefixed": false, "code": bytes[0] });
            let expected = kind.clone();
            let read = move |bytes: &[u8]| {
                let value = decode(bytes).map_err(|error| error.to_string())?;
                let (kind, body) = split(value.body());
                if kind == expected {
                    Ok(body)
                } else {
                    Err(format!("reads {kind}"))
                }
            };
            Frame {
                bytes,
                kind: Some(kind),
                body,
                header,
                values_suffice: true,
                read: Box::new(read),
            }
        })
        .collect();
    random.assert_every_variant_was_made();
    frames
}

/// The message's type and its fields.
fn split(message: Value) -> (String, Value) {
    match message {
        Value::Object(fields) => fields.into_iter().next().expect("one variant"),
        Value::String(kind) => (kind, object([])),
        other => panic!("not a message: {other}"),
    }
}

/// One log entry on the feeder's stream.
#[derive(Clone)]
struct Entry {
    vlsn: u64,
    code: u8,
    payload: Vec<u8>,
}

impl Entry {
    fn body(&self) -> Value {
        let kind = LogEntryType::from_type_num(self.code).expect("a type of the crate");
        json!({
            "vlsn": self.vlsn,
            "entry_type": self.code,
            "entry_type_name": format!("{kind:?}"),
            "payload_len": self.payload.len(),
            "crc32": crc32fast::hash(&self.payload),
            "payload": hex::encode(&self.payload),
        })
    }
}

/// What the replica's loop makes of a frame that follows `vlsn` - 1 others.
fn receive(vlsn: u64, frame: &[u8]) -> Result<Value, String> {
    let earlier = (1..vlsn).map(|vlsn| {
        let mut frame = [0; 17];
        frame[..8].copy_from_slice(&vlsn.to_le_bytes());
        frame[8] = LogEntryType::Trace.type_num();
        frame.to_vec()
    });
    let wire = Wire::default();
    *wire.incoming.lock().expect("no panic") = earlier.chain([frame.to_vec()]).collect();
    let mut log = Log(VecDeque::new());
    ReplicaReceiver::new(Arc::new(wire))
        .run(&mut log)
        .map_err(|error| error.to_string())?;
    let last = log.0.pop_back().filter(|_| log.0.len() as u64 == vlsn - 1);
    last.map(|entry| entry.body())
        .ok_or_else(|| "not taken".to_owned())
}

/// A log that entries come from or go to.
struct Log(VecDeque<Entry>);

impl LogScanner for Log {
    fn next_entry(&mut self, _from_vlsn: u64) -> Option<(u64, u8, Vec<u8>)> {
        self.0
            .pop_front()
            .map(|entry| (entry.vlsn, entry.code, entry.payload))
    }
}

impl LogWriter for Log {
    fn write_entry(&mut self, vlsn: u64, code: u8, payload: &[u8]) -> RepResult<()> {
        self.0.push_back(Entry {
            vlsn,
            code,
            payload: payload.to_vec(),
        });
        Ok(())
    }
}

/// A channel that gives what is put in, then closes, and keeps what is sent.
#[derive(Default)]
struct Wire {
    incoming: Mutex<VecDeque<Vec<u8>>>,
    sent: Mutex<Vec<Vec<u8>>>,
}

impl Channel for Wire {
    fn send(&self, data: &[u8]) -> RepResult<()> {
        self.sent.lock().expect("no panic").push(data.to_vec());
        Ok(())
    }

    fn receive(&self, _timeout: Duration) -> RepResult<Option<Vec<u8>>> {
        match self.incoming.lock().expect("no panic").pop_front() {
            Some(frame) => Ok(Some(frame)),
            None => Err(RepError::ChannelClosed("the end".to_owned())),
        }
    }

    fn close(&self) -> RepResult<()> {
        Ok(())
    }

    fn is_open(&self) -> bool {
        true
    }
}
