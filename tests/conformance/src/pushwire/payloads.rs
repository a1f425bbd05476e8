//! Payloads: the crate's own types, and types of every shape that serde knows.

use crate::random::{Random, Sample};
use base64::Engine as _;
use pushwire_core::{
    BinaryEnvelope, ChannelKind, FragmentShard, RtcMessage, SystemOp, TurnCredential,
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// A channel of any number; the first five have names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Channel(pub u8);

const NAMES: [&str; 5] = ["data", "ui", "rtc", "telemetry", "system"];

impl ChannelKind for Channel {
    fn priority(&self) -> u8 {
        self.0
    }

    fn wire_id(&self) -> u8 {
        self.0
    }

    fn from_wire_id(id: u8) -> Option<Self> {
        Some(Self(id))
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::try_from(name.to_owned()).ok()
    }

    fn name(&self) -> &'static str {
        NAMES.get(usize::from(self.0)).copied().unwrap_or("unnamed")
    }

    fn is_system(&self) -> bool {
        self.name() == "system"
    }

    fn all() -> &'static [Self] {
        &[Self(0), Self(1), Self(2), Self(3), Self(4)]
    }
}

impl TryFrom<String> for Channel {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let number = NAMES.iter().position(|known| *known == name).ok_or(name)?;
        Ok(Self(number as u8))
    }
}

impl From<Channel> for String {
    fn from(channel: Channel) -> Self {
        channel.name().to_owned()
    }
}

impl Sample for Channel {
    fn sample(random: &mut Random) -> Self {
        Self(random.below(NAMES.len()) as u8)
    }
}

/// An id of any bits.
fn id(random: &mut Random) -> Uuid {
    Uuid::from_u64_pair(random.integer(64), random.integer(64))
}

impl Sample for SystemOp<Channel> {
    fn sample(random: &mut Random) -> Self {
        match random.variant("SystemOp", 13) {
            0 => Self::Auth {
                client_id: id(random),
                token: Sample::sample(random),
                capabilities: Sample::sample(random),
                resume_cursor: Sample::sample(random),
                resume_cursors: HashMap::sample(random),
            },
            1 => Self::AuthOk {
                resume_cursor: Sample::sample(random),
                resume_cursors: HashMap::sample(random),
            },
            2 => Self::Error {
                message: random.text(),
            },
            3 => Self::Ping,
            4 => Self::Pong,
            5 => Self::Slow {
                window: Sample::sample(random),
            },
            6 => Self::Ack {
                channel: Sample::sample(random),
                cursor: Sample::sample(random),
            },
            7 => Self::ResumeRequired {
                channel: Sample::sample(random),
                from_cursor: Sample::sample(random),
            },
            8 => Self::Subscribe {
                channels: Sample::sample(random),
            },
            9 => Self::Unsubscribe {
                channels: Sample::sample(random),
            },
            10 => Self::Health {
                status: random.text(),
                detail: Sample::sample(random),
            },
            11 => Self::Features {
                supported: Sample::sample(random),
                requested: Sample::sample(random),
            },
            _ => Self::Goodbye {
                reason: Sample::sample(random),
            },
        }
    }
}

impl Sample for RtcMessage {
    fn sample(random: &mut Random) -> Self {
        let (from, to) = (id(random), id(random));
        let text = random.text();
        match random.variant("RtcMessage", 8) {
            0 => Self::Offer {
                from,
                to,
                sdp: text,
                meta: json_value(random, 2),
            },
            1 => Self::Answer {
                from,
                to,
                sdp: text,
                meta: json_value(random, 2),
            },
            2 => Self::Candidate {
                from,
                to,
                candidate: text,
            },
            3 => Self::CandidateBatch {
                from,
                to,
                candidates: Sample::sample(random),
            },
            4 => Self::Status {
                from,
                to,
                status: text,
            },
            5 => Self::PeerList {
                peers: (0..random.count()).map(|_| id(random)).collect(),
            },
            6 => Self::PeerDiscovery {
                room: Sample::sample(random),
            },
            _ => Self::TurnCredentials(TurnCredential {
                username: text,
                credential: Sample::sample(random),
                ttl_seconds: Sample::sample(random),
                server: Sample::sample(random),
            }),
        }
    }
}

impl Sample for BinaryEnvelope {
    fn sample(random: &mut Random) -> Self {
        let content = random.bytes();
        let (mime, size) = ("image/png".to_owned(), content.len() as u64);
        let sha256 = hex::encode(Sha256::digest(&content));
        let name = Sample::sample(random);
        if random.variant("BinaryEnvelope", 2) == 0 {
            let data_base64 = base64::engine::general_purpose::STANDARD.encode(&content);
            Self::Inline {
                mime,
                sha256,
                size,
                data_base64,
                name,
            }
        } else {
            Self::Pointer {
                mime,
                sha256,
                size,
                url: random.text(),
                name,
            }
        }
    }
}

/// The payload of a frame in a frame.
pub fn frame(random: &mut Random) -> pushwire_core::Frame<Channel> {
    let mut frame = pushwire_core::Frame::new(Sample::sample(random), json_value(random, 3));
    if random.coin() {
        frame = frame.with_cursor(Sample::sample(random));
    }
    if random.coin() {
        frame = frame.with_client(id(random));
    }
    frame
}

/// All shards of one message, in order.
pub fn shards(random: &mut Random, total: u16) -> Vec<FragmentShard> {
    let fragment_id = id(random);
    (0..total)
        .map(|index| FragmentShard {
            fragment_id,
            total,
            index,
            payload: random.bytes(),
        })
        .collect()
}

/// Of the same shape as the type in the server's crate.
#[derive(Serialize, Deserialize)]
pub struct ModeSwitchSignal {
    peer_id: Uuid,
    mode: TransportMode,
    previous_mode: TransportMode,
    reason: ModeSwitchReason,
    generation: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TransportMode {
    Direct,
    P2p,
    Relay,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ModeSwitchReason {
    Requested,
    PathDegraded,
    PathRecovered,
    OperatorOverride,
}

impl Sample for TransportMode {
    fn sample(random: &mut Random) -> Self {
        [Self::Direct, Self::P2p, Self::Relay]
            .into_iter()
            .nth(random.below(3))
            .expect("three")
    }
}

impl Sample for ModeSwitchSignal {
    fn sample(random: &mut Random) -> Self {
        Self {
            peer_id: id(random),
            mode: Sample::sample(random),
            previous_mode: Sample::sample(random),
            reason: match random.variant("ModeSwitchReason", 4) {
                0 => ModeSwitchReason::Requested,
                1 => ModeSwitchReason::PathDegraded,
                2 => ModeSwitchReason::PathRecovered,
                _ => ModeSwitchReason::OperatorOverride,
            },
            generation: Sample::sample(random),
        }
    }
}

/// Every shape of serde's data model.
#[derive(Serialize, Deserialize)]
pub struct Shapes {
    unit: (),
    unit_struct: Unit,
    newtype: Newtype,
    tuple: (i64, u16),
    tuple_struct: Pair,
    some: Option<u32>,
    list: Vec<u8>,
    bytes: ByteBuf,
    names: BTreeMap<String, bool>,
    numbers: BTreeMap<i64, String>,
    choices: Vec<Choice>,
    letter: char,
    wide: i128,
    single: f32,
    double: f64,
    nested: Option<Box<Shapes>>,
}

#[derive(Serialize, Deserialize)]
struct Unit;

#[derive(Serialize, Deserialize)]
struct Newtype(String);

#[derive(Serialize, Deserialize)]
struct Pair(f64, bool);

#[derive(Serialize, Deserialize)]
enum Choice {
    Unit,
    Newtype(i64),
    Tuple(u8, String),
    Struct { left: u64, right: Option<bool> },
}

impl Sample for Choice {
    fn sample(random: &mut Random) -> Self {
        match random.variant("Choice", 4) {
            0 => Self::Unit,
            1 => Self::Newtype(Sample::sample(random)),
            2 => Self::Tuple(Sample::sample(random), Sample::sample(random)),
            _ => Self::Struct {
                left: Sample::sample(random),
                right: Sample::sample(random),
            },
        }
    }
}

impl Sample for Shapes {
    fn sample(random: &mut Random) -> Self {
        let deeper = random.below(4) == 0;
        Self {
            unit: (),
            unit_struct: Unit,
            newtype: Newtype(Sample::sample(random)),
            tuple: Sample::sample(random),
            tuple_struct: Pair(random.float(), Sample::sample(random)),
            some: Sample::sample(random),
            list: Sample::sample(random),
            bytes: ByteBuf::from(random.bytes()),
            names: <HashMap<_, _>>::sample(random).into_iter().collect(),
            numbers: <HashMap<_, _>>::sample(random).into_iter().collect(),
            choices: Sample::sample(random),
            letter: random.text().chars().next().unwrap_or('x'),
            // What CBOR can hold: down to -2^64.
            wide: i128::from(random.integer(64)) - i128::from(random.integer(64)),
            single: Sample::sample(random),
            double: random.float(),
            nested: deeper.then(|| Box::new(Self::sample(random))),
        }
    }
}

/// A struct that is written as a map in both encodings.
#[derive(Serialize, Deserialize)]
pub struct Flat {
    first: u64,
    #[serde(flatten)]
    rest: Rest,
}

#[derive(Serialize, Deserialize)]
struct Rest {
    second: Option<String>,
    third: Vec<i64>,
}

impl Sample for Flat {
    fn sample(random: &mut Random) -> Self {
        let rest = Rest {
            second: Sample::sample(random),
            third: Sample::sample(random),
        };
        Self {
            first: Sample::sample(random),
            rest,
        }
    }
}

/// Text that compresses, but not absurdly.
pub fn prose(random: &mut Random) -> String {
    const WORDS: [&str; 6] = ["order", "accepted", "pending", "Zürich", "42", "\"quoted\""];
    (0..100 + random.below(400))
        .map(|_| WORDS[random.below(6)])
        .collect::<Vec<_>>()
        .join(" ")
}

/// JSON of at most `depth` levels.
fn json_value(random: &mut Random, depth: usize) -> serde_json::Value {
    match random.below(if depth == 0 { 5 } else { 7 }) {
        0 => serde_json::Value::Null,
        1 => random.coin().into(),
        2 => random.integer(64).into(),
        3 => (random.integer(64) as i64).into(),
        4 => random.text().into(),
        5 => (0..random.count())
            .map(|_| json_value(random, depth - 1))
            .collect(),
        _ => (0..random.count())
            .map(|_| (random.text(), json_value(random, depth - 1)))
            .collect(),
    }
}
