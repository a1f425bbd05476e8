//! The messages of all services, by family.
//!
//! Source: protocol page `noxu`, sections 2 to 7.

use super::derived;
use super::restore;
use crate::model::Unit;
use crate::schema::packed::Packed;
use crate::schema::{Enum, Field, MessageType, Struct, Type, Variant, Versions, Way, field};

/// The layouts that messages have had, oldest first.
pub static LAYOUTS: [&str; 2] = ["3.0", "4.1"];
/// Index of the layout before 4.1.0.
pub const V3_0: u32 = 0;
/// Index of the layout from 4.1.0 on.
pub const V4_1: u32 = 1;

const U8: Type = Type::Unsigned(1);
const U16: Type = Type::Unsigned(2);
const U32: Type = Type::Unsigned(4);
const U64: Type = Type::Unsigned(8);
const I64: Type = Type::Signed(8);
const TEXT: Type = Type::Text;
const VLSN: Field = field("vlsn", U64).about("version of the log entry within the group");
const TIMESTAMP: Field = field("timestamp_ms", U64)
    .unit(Unit::UnixMilliseconds)
    .about("the sender's clock");
const TERM: Field = field("term", U64).about("number of the election; from 7.11 on the time");

/// `NodeType`
pub static NODE_TYPE: Enum = Enum {
    name: "NodeType",
    variants: &[
        Variant::numbered("Electable", 0),
        Variant::numbered("Monitor", 1),
        Variant::numbered("Secondary", 2),
        Variant::numbered("Arbiter", 3),
    ],
    numbered: true,
};

static GROUP_CHANGE_TYPE: Enum = Enum {
    name: "GroupChangeType",
    variants: &[
        Variant::numbered("Add", 0),
        Variant::numbered("Remove", 1),
        Variant::numbered("Update", 2),
    ],
    numbered: true,
};

static REP_NODE: Struct = Struct {
    name: "RepNode",
    fields: &[
        field("name", TEXT).about("the node's name"),
        field("node_type", Type::Enum(&NODE_TYPE)).about("its role in elections"),
        field("host", TEXT).about("where it listens"),
        field("port", U16).about("its dispatcher's port"),
        field("node_id", U32).about("its number in the group"),
    ],
    keyed: false,
};

/// The greeting of every connection through a dispatcher.
pub static SERVICE: &[MessageType] = &[message(
    0,
    "ServiceName",
    Way::ClientToServer,
    &[field("name", TEXT).about("the service that the client wants to talk to")],
    "Names the service that the connection is for; first on the wire, not in a frame.",
)];

/// `ProtocolMessage`, by tag.
pub static PROTOCOL: &[MessageType] = &[
    message(
        1,
        "Handshake",
        Way::Both,
        &[
            field("node_name", TEXT).about("who speaks"),
            field("group_name", TEXT).about("the group it belongs to"),
            field("node_type", Type::Enum(&NODE_TYPE)).about("its role in elections"),
        ],
        "Introduces a node.",
    ),
    message(
        2,
        "HandshakeResponse",
        Way::Both,
        &[
            field("accepted", Type::Bool).about("whether the node may go on"),
            field("reason", Type::Optional(&TEXT)).about("why not"),
        ],
        "Accepts or refuses a node.",
    ),
    message(
        3,
        "Heartbeat",
        Way::Both,
        &[
            field("master_vlsn", U64).about("the master's last VLSN"),
            TIMESTAMP,
        ],
        "The master is alive and this far.",
    ),
    message(
        4,
        "HeartbeatResponse",
        Way::Both,
        &[
            field("replica_vlsn", U64).about("the replica's last VLSN"),
            TIMESTAMP,
        ],
        "The replica is alive and this far.",
    ),
    message(
        5,
        "LogEntry",
        Way::Both,
        &[
            VLSN,
            field("entry_type", U8).about("type of the log entry"),
            field("data", Type::Bytes).about("the log entry's payload"),
        ],
        "A log entry to be replayed.",
    ),
    message(6, "Ack", Way::Both, &[VLSN], "The entry is applied."),
    message(
        7,
        "GroupChange",
        Way::Both,
        &[
            field("change_type", Type::Enum(&GROUP_CHANGE_TYPE)).about("what happens to the node"),
            field("node", Type::Struct(&REP_NODE)).about("the node"),
        ],
        "A node joins, leaves or changes.",
    ),
    message(
        8,
        "GroupChangeResponse",
        Way::Both,
        &[field("accepted", Type::Bool).about("whether the change is made")],
        "Accepts or refuses a change of the group.",
    ),
    message(
        9,
        "ElectionProposal",
        Way::Both,
        &[
            field("node_name", TEXT).about("the candidate; in a promise, the acceptor"),
            field("vlsn", U64).about("its last VLSN"),
            field("priority", U32).about("its priority; 0 never wins"),
            TERM,
            field("dtvlsn", U64)
                .when(Versions::since(V4_1))
                .about("its last VLSN that a majority has"),
        ],
        "Proposes an election; as an answer, promises to take part.",
    ),
    message(
        10,
        "ElectionVote",
        Way::Both,
        &[
            field("voter", TEXT).about("who votes"),
            field("granted", Type::Bool).about("whether it agrees"),
            field("term", U64).about("the result's term; in a refusal, the highest promised one"),
        ],
        "Refuses a proposal, or answers a result.",
    ),
    message(
        11,
        "ElectionResult",
        Way::Both,
        &[field("master", TEXT).about("the elected node"), TERM],
        "Names the master that a quorum has elected.",
    ),
    message(
        12,
        "Shutdown",
        Way::Both,
        &[field("reason", TEXT).about("why")],
        "The sender stops.",
    ),
];

const SYNCUP_ENTRY: &[Field] = &[
    field("vlsn", I64).about("the entry's VLSN"),
    field("lsn", U64)
        .unit(Unit::LogSequenceNumber)
        .about("where the feeder has it in its log"),
    field("fingerprint", U64)
        .unit(Unit::Hexadecimal)
        .about("CRC-32 of its payload, XOR its type"),
    field("is_sync", Type::Bool).about("whether both logs may be joined here"),
];

/// `SyncupMsg`, by opcode.
pub static SYNCUP: &[MessageType] = &[
    message(
        1,
        "EntryRequest",
        Way::ClientToServer,
        &[field("vlsn", I64).about("the entry asked for")],
        "The replica asks for an entry's fingerprint.",
    ),
    message(
        2,
        "Entry",
        Way::ServerToClient,
        SYNCUP_ENTRY,
        "The feeder holds the entry.",
    ),
    message(
        3,
        "EntryNotFound",
        Way::ServerToClient,
        &[],
        "The feeder does not hold the entry.",
    ),
    message(
        4,
        "AlternateMatchpoint",
        Way::ServerToClient,
        SYNCUP_ENTRY,
        "The feeder holds less: its last sync point instead.",
    ),
    message(
        5,
        "StartStream",
        Way::ClientToServer,
        &[field("start_vlsn", I64).about("first entry that the replica lacks")],
        "The logs match up to here: end of the syncup.",
    ),
    message(
        6,
        "RestoreRequest",
        Way::ClientToServer,
        &[field("failed_vlsn", I64).about("where matching failed; -1 if unknown")],
        "The logs do not match: the replica needs a restore.",
    ),
    message(
        7,
        "RestoreResponse",
        Way::ServerToClient,
        &[],
        "The feeder has seen the restore request.",
    ),
];

static STREAM_RESPONSE: Enum = Enum {
    name: "StreamResponse",
    variants: &[
        Variant::numbered("CanServe", 0),
        Variant::numbered("NeedsRestore", 1),
    ],
    numbered: true,
};

/// The feeder stream; position and direction tell the messages apart.
pub static FEEDER: &[MessageType] = &[
    message(
        0,
        "StreamRequest",
        Way::ClientToServer,
        &[field("start_vlsn", U64).about("first entry wanted; 0 for the first held")],
        "The replica asks for the stream.",
    ),
    message(
        0,
        "StreamResponse",
        Way::ServerToClient,
        &[field("response", Type::Enum(&STREAM_RESPONSE)).about("whether the feeder can serve")],
        "The feeder accepts, or sends the replica to a restore.",
    ),
    message(
        0,
        "Entry",
        Way::ServerToClient,
        &[
            VLSN,
            field("entry_type", U8).about("type of the log entry"),
            field(
                "entry_type_name",
                Type::Packed(Packed::Derived(derived::entry_type_name)),
            )
            .about("the type's name"),
            field("payload_len", Type::Packed(Packed::Count(0, 4))).about("size of the payload"),
            field("crc32", Type::Packed(Packed::Checksum(0)))
                .unit(Unit::Hexadecimal)
                .about("CRC-32 of the payload"),
            field("payload", Type::Packed(Packed::CountedBytes(0)))
                .about("the log entry without its header"),
        ],
        "A log entry to be replayed.",
    ),
    message(
        0,
        "Ack",
        Way::ClientToServer,
        &[VLSN],
        "The entry is applied.",
    ),
];

/// `StreamRequest`
pub static STREAM_REQUEST: &MessageType = pick(FEEDER, 0);
/// `StreamResponse`
pub static STREAM_RESPONSE_MESSAGE: &MessageType = pick(FEEDER, 1);
/// `Entry` of the feeder stream
pub static FEEDER_ENTRY: &MessageType = pick(FEEDER, 2);
/// `Ack` of the feeder stream
pub static FEEDER_ACK: &MessageType = pick(FEEDER, 3);

static RESTORE_FILE: Struct = Struct {
    name: "File",
    fields: &[
        field("name", Type::Packed(Packed::ShortText(2))).about("the log file's name"),
        field("size", Type::Packed(Packed::Count(0, 8))).about("its size in bytes"),
        field("data", Type::Packed(Packed::CountedBytes(0))).about("its content"),
        field("crc32", Type::Packed(Packed::Checksum(0)))
            .when(Versions::since(V4_1))
            .unit(Unit::Hexadecimal)
            .about("CRC-32 of its content"),
    ],
    keyed: false,
};

/// Copying the log of a node.
pub static RESTORE: &[MessageType] = &[
    message(
        0,
        "Request",
        Way::ClientToServer,
        &[
            field(
                "magic",
                Type::Packed(Packed::Magic(u32::from_le_bytes(restore::MAGIC))),
            )
            .unit(Unit::Hexadecimal)
            .about("0x4e525354, NRST"),
            field(
                "magic_hex",
                Type::Packed(Packed::Derived(derived::magic_digits)),
            )
            .about("the same in digits"),
        ],
        "Asks for all log files.",
    ),
    message(
        0,
        "Response",
        Way::ServerToClient,
        &[
            field("file_count", Type::Packed(Packed::Count(0, 4))).about("number of files"),
            field(
                "files",
                Type::Packed(Packed::CountedList(0, &Type::Struct(&RESTORE_FILE))),
            )
            .about("the log files, by name"),
        ],
        "All log files.",
    ),
];

/// `Request` of a restore
pub static RESTORE_REQUEST: &MessageType = pick(RESTORE, 0);
/// `Response` of a restore
pub static RESTORE_RESPONSE: &MessageType = pick(RESTORE, 1);

static ADMIN_RESULT: Enum = Enum {
    name: "AdminAck",
    variants: &[Variant::numbered("OK", 0), Variant::numbered("REJECTED", 1)],
    numbered: true,
};

/// Administration commands, by code, and their answer.
pub static ADMIN: &[MessageType] = &[
    message(
        1,
        "TransferMaster",
        Way::ClientToServer,
        &[
            TERM,
            field("new_master", Type::Packed(Packed::TextToEnd)).about("who is to be master"),
        ],
        "Makes a node master.",
    ),
    message(
        2,
        "ShutdownGroup",
        Way::ClientToServer,
        &[],
        "Shuts the node down.",
    ),
    message(
        3,
        "StepDown",
        Way::ClientToServer,
        &[TERM],
        "Makes the master a replica.",
    ),
    message(
        0,
        "Ack",
        Way::ServerToClient,
        &[field("result", Type::Enum(&ADMIN_RESULT)).about("what became of the command")],
        "Answers a command.",
    ),
];

/// `Ack` of an administration command
pub static ADMIN_ACK: &MessageType = pick(ADMIN, 3);
/// The greeting
pub static SERVICE_NAME: &MessageType = pick(SERVICE, 0);

/// The message type of `table` with this tag, opcode or command.
#[must_use]
pub fn by_code(table: &'static [MessageType], code: u8) -> Option<&'static MessageType> {
    table
        .iter()
        .find(|message| message.code == u64::from(code) && code != 0)
}

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated when compiling, on our own tables"
)]
const fn pick(table: &'static [MessageType], index: usize) -> &'static MessageType {
    &table[index]
}

const fn message(
    code: u64,
    name: &'static str,
    way: Way,
    fields: &'static [Field],
    about: &'static str,
) -> MessageType {
    MessageType {
        code,
        name,
        way,
        way_varies: false,
        when: Versions::until(V4_1),
        body: Struct {
            name,
            fields,
            keyed: false,
        },
        about,
    }
}
