//! The message types, in tables.
//!
//! Source: protocol page `rp`, sections 2 and 3.

use crate::model::{Secret, Symbol, Unit};
use crate::schema::{Field, MessageType, Struct, Type, Versions, Way, field};

const U16: Type = Type::Unsigned(2);
const U32: Type = Type::Unsigned(4);
const U64: Type = Type::Unsigned(8);
const TEXTS: Type = Type::List(&Type::Text);
const UUIDS: Type = Type::List(&Type::Uuid);
const ANYS: Type = Type::List(&Type::Any);
const CURSORS: Type = Type::Map(&Type::Text, &U64);
const BYTES: Type = Type::List(&Type::Unsigned(1));

/// The member, or the first element, that says which type a message of a family is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// `op`, `type` or `kind`; empty for types that are known by their fields alone.
    pub key: &'static str,
    /// The word.
    pub word: &'static str,
}

const fn message(
    index: u64,
    name: &'static str,
    way: Way,
    fields: &'static [Field],
    about: &'static str,
) -> MessageType {
    MessageType {
        code: index,
        name,
        way,
        way_varies: false,
        when: Versions::ALL,
        body: Struct {
            name,
            fields,
            keyed: true,
        },
        about,
    }
}

static AUTH: [Field; 5] = [
    field("client_id", Type::Uuid).about("the client, across connections"),
    field("token", Type::Text)
        .may_lack()
        .secret(Secret::Whole)
        .about("what the application checks"),
    field("capabilities", TEXTS)
        .may_lack()
        .about("channels that the client wants to use"),
    field("resume_cursor", U64)
        .may_lack()
        .about("last cursor seen, for every channel"),
    field("resume_cursors", CURSORS)
        .may_lack()
        .about("last cursor seen, by channel"),
];
static AUTH_OK: [Field; 2] = [
    field("resume_cursor", U64)
        .may_lack()
        .about("the last acknowledged cursor, of any channel"),
    field("resume_cursors", CURSORS)
        .may_lack()
        .about("the last acknowledged cursor, by channel"),
];
static ERROR: [Field; 1] =
    [field("message", Type::Text).about("what went wrong; it does not say with which message")];
static NOTHING: [Field; 0] = [];
static SLOW: [Field; 1] = [field("window", U32)
    .may_lack()
    .about("frames that may be under way")];
static ACK: [Field; 2] = [
    field("channel", Type::Text).about("the channel"),
    field("cursor", U64).about("all frames up to this one have arrived"),
];
static RESUME_REQUIRED: [Field; 2] = [
    field("channel", Type::Text).about("the channel"),
    field("from_cursor", U64).about("what came before is lost"),
];
static CHANNELS: [Field; 1] = [field("channels", TEXTS).may_lack().about("the channels")];
static HEALTH: [Field; 2] = [
    field("status", Type::Text).about("how the sender is"),
    field("detail", Type::Text)
        .may_lack()
        .about("more about it"),
];
static FEATURES: [Field; 2] = [
    field("supported", TEXTS)
        .may_lack()
        .about("what the sender can do"),
    field("requested", TEXTS)
        .may_lack()
        .about("what it asks for"),
];
static GOODBYE: [Field; 1] = [field("reason", Type::Text)
    .may_lack()
    .about("why the sender leaves")];
static DESCRIPTION: [Field; 4] = [
    field("from", Type::Uuid).about("the sending peer"),
    field("to", Type::Uuid).about("the receiving peer"),
    field("sdp", Type::Text).about("session description"),
    field("meta", Type::Any)
        .may_lack()
        .about("whatever the application adds"),
];
static CANDIDATE: [Field; 3] = [
    field("from", Type::Uuid).about("the sending peer"),
    field("to", Type::Uuid).about("the receiving peer"),
    field("candidate", Type::Text).about("ICE candidate"),
];
static CANDIDATE_BATCH: [Field; 3] = [
    field("from", Type::Uuid).about("the sending peer"),
    field("to", Type::Uuid).about("the receiving peer"),
    field("candidates", TEXTS).about("ICE candidates"),
];
static STATUS: [Field; 3] = [
    field("from", Type::Uuid).about("the sending peer"),
    field("to", Type::Uuid).about("the receiving peer"),
    field("status", Type::Text).about("state of the connection"),
];
static PEER_LIST: [Field; 1] = [field("peers", UUIDS).about("who is there")];
static PEER_DISCOVERY: [Field; 1] = [field("room", Type::Text).may_lack().about("where to look")];
static CREDENTIALS: [Field; 4] = [
    field("username", Type::Text).about("name for the TURN server"),
    field("credential", Type::Text)
        .secret(Secret::Whole)
        .about("password for the TURN server"),
    field("ttl_seconds", U64)
        .unit(Unit::Seconds)
        .about("how long it is good"),
    field("server", Type::Text)
        .may_lack()
        .about("URL of the TURN server"),
];
static INLINE: [Field; 5] = [
    field("mime", Type::Text).about("media type"),
    field("sha256", Type::Text).about("digest of the decoded bytes"),
    field("size", U64).about("number of decoded bytes"),
    field("data_base64", Type::Text).about("the bytes"),
    field("name", Type::Text).may_lack().about("file name"),
];
static POINTER: [Field; 5] = [
    field("mime", Type::Text).about("media type"),
    field("sha256", Type::Text).about("digest of the bytes"),
    field("size", U64).about("number of bytes"),
    field("url", Type::Text).about("where the bytes are"),
    field("name", Type::Text).may_lack().about("file name"),
];
static SHARD: [Field; 4] = [
    field("fragment_id", Type::Uuid).about("what the part belongs to"),
    field("total", U16).about("number of parts"),
    field("index", U16).about("number of this part, from 0"),
    field("payload", BYTES).about("the bytes of this part"),
];
static FRAME: [Field; 4] = [
    field("channel", Type::Text).about("the channel"),
    field("cursor", U64)
        .may_lack()
        .about("number of the frame on its channel"),
    field("payload", Type::Any).about("what the application sends, or a system operation"),
    field("client_id", Type::Uuid)
        .may_lack()
        .about("the receiving client"),
];
static MODE_SWITCH: [Field; 5] = [
    field("peer_id", Type::Uuid).about("the other peer"),
    field("mode", Type::Text).about("direct, p2p or relay"),
    field("previous_mode", Type::Text).about("the mode before"),
    field("reason", Type::Text)
        .about("requested, path_degraded, path_recovered or operator_override"),
    field("generation", U64).about("number of the switch"),
];
static DELTA: [Field; 2] = [
    field("base_cursor", U64).about("what the delta builds on"),
    field("ops", ANYS).about("replacements, each with its digest"),
];
static VALUE: [Field; 0] = [];

/// All message types, as records of `rp` name them.
pub static MESSAGES: [MessageType; 29] = [
    message(
        0,
        "SystemOp::Auth",
        Way::ClientToServer,
        &AUTH,
        "Begins a connection: who the client is, and from where it resumes.",
    ),
    message(
        1,
        "SystemOp::AuthOk",
        Way::ServerToClient,
        &AUTH_OK,
        "Accepts a client.",
    ),
    message(
        2,
        "SystemOp::Error",
        Way::ServerToClient,
        &ERROR,
        "Refuses an earlier message.",
    ),
    message(3, "SystemOp::Ping", Way::Both, &NOTHING, "Asks for a pong."),
    message(4, "SystemOp::Pong", Way::Both, &NOTHING, "Answers a ping."),
    message(
        5,
        "SystemOp::Slow",
        Way::Both,
        &SLOW,
        "Asks the peer to send less.",
    ),
    message(
        6,
        "SystemOp::Ack",
        Way::ClientToServer,
        &ACK,
        "Acknowledges frames of a channel.",
    ),
    message(
        7,
        "SystemOp::ResumeRequired",
        Way::ServerToClient,
        &RESUME_REQUIRED,
        "Frames of a channel are lost for good.",
    ),
    message(
        8,
        "SystemOp::Subscribe",
        Way::ClientToServer,
        &CHANNELS,
        "Adds channels.",
    ),
    message(
        9,
        "SystemOp::Unsubscribe",
        Way::ClientToServer,
        &CHANNELS,
        "Drops channels.",
    ),
    message(
        10,
        "SystemOp::Health",
        Way::Both,
        &HEALTH,
        "Says how the sender is.",
    ),
    message(
        11,
        "SystemOp::Features",
        Way::Both,
        &FEATURES,
        "Says what the sender can do and wants.",
    ),
    message(
        12,
        "SystemOp::Goodbye",
        Way::Both,
        &GOODBYE,
        "Ends the connection in good order.",
    ),
    message(
        13,
        "RtcMessage::Offer",
        Way::Both,
        &DESCRIPTION,
        "Offers a peer-to-peer session.",
    ),
    message(
        14,
        "RtcMessage::Answer",
        Way::Both,
        &DESCRIPTION,
        "Answers an offer.",
    ),
    message(
        15,
        "RtcMessage::Candidate",
        Way::Both,
        &CANDIDATE,
        "A way to reach a peer.",
    ),
    message(
        16,
        "RtcMessage::CandidateBatch",
        Way::Both,
        &CANDIDATE_BATCH,
        "Several ways to reach a peer.",
    ),
    message(
        17,
        "RtcMessage::Status",
        Way::Both,
        &STATUS,
        "How a peer-to-peer session stands.",
    ),
    message(
        18,
        "RtcMessage::PeerList",
        Way::ServerToClient,
        &PEER_LIST,
        "Who is there.",
    ),
    message(
        19,
        "RtcMessage::PeerDiscovery",
        Way::ClientToServer,
        &PEER_DISCOVERY,
        "Asks who is there.",
    ),
    message(
        20,
        "RtcMessage::TurnCredentials",
        Way::ServerToClient,
        &CREDENTIALS,
        "Access to a TURN server.",
    ),
    message(
        21,
        "BinaryEnvelope::Inline",
        Way::Both,
        &INLINE,
        "A file, its bytes included.",
    ),
    message(
        22,
        "BinaryEnvelope::Pointer",
        Way::Both,
        &POINTER,
        "A file, by its URL.",
    ),
    message(
        23,
        "FragmentShard",
        Way::Both,
        &SHARD,
        "One part of something that was cut up; with the fragmented flag, a frame may hold it as 16 bytes of id, total and index (big-endian) and the bytes.",
    ),
    message(
        24,
        "Frame",
        Way::Both,
        &FRAME,
        "Data on a channel, or a wrapped system operation.",
    ),
    message(
        25,
        "ModeSwitchSignal",
        Way::Both,
        &MODE_SWITCH,
        "A peer changes how it is reached.",
    ),
    message(
        26,
        "TurnCredential",
        Way::ServerToClient,
        &CREDENTIALS,
        "Access to a TURN server, alone.",
    ),
    message(
        27,
        "PayloadDelta",
        Way::Both,
        &DELTA,
        "Replaces a payload by another; the crates define no form for it, this is what serde makes of it.",
    ),
    message(
        28,
        "Value",
        Way::Both,
        &VALUE,
        "Any other payload: the application defines it.",
    ),
];

/// The tags of [`MESSAGES`], in the same order.
pub static TAGS: [Tag; 29] = [
    Tag {
        key: "op",
        word: "auth",
    },
    Tag {
        key: "op",
        word: "auth_ok",
    },
    Tag {
        key: "op",
        word: "error",
    },
    Tag {
        key: "op",
        word: "ping",
    },
    Tag {
        key: "op",
        word: "pong",
    },
    Tag {
        key: "op",
        word: "slow",
    },
    Tag {
        key: "op",
        word: "ack",
    },
    Tag {
        key: "op",
        word: "resume_required",
    },
    Tag {
        key: "op",
        word: "subscribe",
    },
    Tag {
        key: "op",
        word: "unsubscribe",
    },
    Tag {
        key: "op",
        word: "health",
    },
    Tag {
        key: "op",
        word: "features",
    },
    Tag {
        key: "op",
        word: "goodbye",
    },
    Tag {
        key: "type",
        word: "offer",
    },
    Tag {
        key: "type",
        word: "answer",
    },
    Tag {
        key: "type",
        word: "candidate",
    },
    Tag {
        key: "type",
        word: "candidate_batch",
    },
    Tag {
        key: "type",
        word: "status",
    },
    Tag {
        key: "type",
        word: "peer_list",
    },
    Tag {
        key: "type",
        word: "peer_discovery",
    },
    Tag {
        key: "type",
        word: "turn_credentials",
    },
    Tag {
        key: "kind",
        word: "inline",
    },
    Tag {
        key: "kind",
        word: "pointer",
    },
    Tag { key: "", word: "" },
    Tag { key: "", word: "" },
    Tag { key: "", word: "" },
    Tag { key: "", word: "" },
    Tag { key: "", word: "" },
    Tag { key: "", word: "" },
];

/// The names of [`MESSAGES`], in the same order.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
pub static NAMES: [Symbol; 29] = {
    let mut names = [const { Symbol { code: 0, name: "" } }; 29];
    let mut index = 0;
    while index < 29 {
        names[index].name = MESSAGES[index].name;
        index += 1;
    }
    names
};

/// Index of `FragmentShard`.
pub const SHARD_TYPE: usize = 23;
/// Index of `Frame`.
pub const FRAME_TYPE: usize = 24;
/// Index of `ModeSwitchSignal`.
pub const MODE_SWITCH_TYPE: usize = 25;
/// Index of `TurnCredential`.
pub const CREDENTIAL_TYPE: usize = 26;
/// Index of `PayloadDelta`.
pub const DELTA_TYPE: usize = 27;
/// Index of `Value`.
pub const VALUE_TYPE: usize = 28;
/// Index of `BinaryEnvelope::Inline`.
pub const INLINE_TYPE: usize = 21;

/// The words for the ways in which peers reach each other.
pub static MODES: [&str; 3] = ["direct", "p2p", "relay"];
/// The reasons for changing the way.
pub static REASONS: [&str; 4] = [
    "requested",
    "path_degraded",
    "path_recovered",
    "operator_override",
];

/// The type that `word` names under `key` (`op`, `type` or `kind`; any if none).
#[must_use]
pub fn by_tag(key: Option<&str>, word: &[u8]) -> Option<usize> {
    TAGS.iter().position(|tag| {
        !tag.key.is_empty() && key.is_none_or(|key| key == tag.key) && tag.word.as_bytes() == word
    })
}
