//! Log entries: their types, and the payloads that feeder entries carry.
//!
//! Source: protocol page `noxu`, section 5. Integers are big-endian.

use super::derived;
use crate::model::{Symbol, Unit};
use crate::schema::packed::{Absence, Order, Packed, Rules};
use crate::schema::{Field, MessageType, Struct, Type, Versions, Way, field};

const U8: Type = Type::Unsigned(1);
const U32: Type = Type::Unsigned(4);
const U64: Type = Type::Unsigned(8);
const I32: Type = Type::Signed(4);
const I64: Type = Type::Signed(8);
const LSN: Type = Type::Packed(Packed::LogPosition);
const FLAGS: Field = field("flags", Type::Packed(Packed::Flags)).about("which parts follow");
const DB_ID: Field = field("db_id", U64).about("the database");
const TXN_ID: Field = field("txn_id", I64).about("the transaction");
const ABORT_KEY: Field = field(
    "abort_key",
    Type::Packed(Packed::If(0x04, &Type::Bytes, Absence::Null)),
)
.about("the key before");
const ABORT_DATA: Field = field(
    "abort_data",
    Type::Packed(Packed::If(0x08, &Type::Bytes, Absence::Null)),
)
.about("the data before");
const ABORT_VLSN: Field = field(
    "abort_vlsn",
    Type::Packed(Packed::If(0x10, &I64, Absence::Null)),
)
.about("the VLSN before");
const ABORT_EXPIRATION: Field = field(
    "abort_expiration",
    Type::Packed(Packed::If(0x40, &I32, Absence::Zero)),
)
.about("the expiration before");
const EXPIRATION: Field = field(
    "expiration",
    Type::Packed(Packed::If(0x80, &I32, Absence::Zero)),
)
.about("when the record expires");
const KNOWN_DELETED: Field = field("abort_known_deleted", Type::Packed(Packed::Bit(0x01)))
    .about("whether the version before was deleted");
const EMBEDDED: Field =
    field("embedded_ln", Type::Packed(Packed::Bit(0x02))).about("whether the data is in the tree");
const DATA: Field = field("data", Type::Bytes).about("the record's data");
const DELETED_DATA: Field =
    field("data", Type::Packed(Packed::NullIfEmpty)).about("null: the record is deleted");
const KEY: Field = field("key", Type::Bytes).about("the record's key");
const NO_ABORT_LSN: Field = field("abort_lsn", Type::Packed(Packed::Absent));
const NO_TXN_ID: Field = field("txn_id", Type::Packed(Packed::Absent));
const ABORT_LSN: Field = field(
    "abort_lsn",
    Type::Packed(Packed::If(0x20, &LSN, Absence::Null)),
)
.about("where the version before is");
const NAME: Field = field(
    "name",
    Type::Packed(Packed::Derived(derived::database_name)),
)
.about("the database's name: the key as text");
const NAMED_DB_ID: Field = field(
    "named_db_id",
    Type::Packed(Packed::Derived(derived::database_id)),
)
.about("the database's number: the start of the data");
const COMPARATORS: Field = field("settings", Type::Packed(Packed::Derived(derived::settings)))
    .about("the database's comparators and fanout: the end of the data");

macro_rules! ln {
    ($abort_lsn:expr, $txn_id:expr, $data:expr $(, $more:expr)*) => {
        &[
            FLAGS,
            DB_ID,
            $abort_lsn,
            $txn_id,
            ABORT_KEY,
            ABORT_DATA,
            ABORT_VLSN,
            ABORT_EXPIRATION,
            EXPIRATION,
            $data,
            KEY,
            KNOWN_DELETED,
            EMBEDDED
            $(, $more)*
        ]
    };
}

static LAYOUT_37: Symbol = Symbol {
    code: 37,
    name: "TxnEndEntry-37",
};
static LAYOUT_36: Symbol = Symbol {
    code: 36,
    name: "TxnEndEntry-36",
};
const MASTER: Field = field("master_node_id", I32).about("the master that ended it");
const DTVLSN: Field = field("dtvlsn", I64).about("last VLSN that a majority has");
const TXN_TIME: Field = field("timestamp", U64)
    .unit(Unit::UnixMilliseconds)
    .about("when it ended");
const LAST_LSN: Field = field("last_lsn", LSN).about("its last entry");

const TXN_END: &[Field] = &[
    field("layout", Type::Packed(Packed::Constant(&LAYOUT_37))).about("which writer wrote it"),
    field("end_type", U8).about("1 commit, 2 abort"),
    TXN_ID,
    LAST_LSN,
    TXN_TIME,
    MASTER,
    DTVLSN,
];
/// As the transaction layer writes it, not the replicated log.
static TXN_END_36: Struct = Struct {
    name: "TxnEnd",
    fields: &[
        field("layout", Type::Packed(Packed::Constant(&LAYOUT_36))).about("which writer wrote it"),
        TXN_ID,
        TXN_TIME,
        LAST_LSN,
        MASTER,
        DTVLSN,
    ],
    keyed: false,
};

const NODE: &[Field] = &[
    DB_ID,
    field("prev_full_lsn", LSN).about("the last full version"),
    field("prev_delta_lsn", LSN).about("the last delta"),
    field("node", Type::Bytes).about("the tree node"),
];
const NONE: &[Field] = &[];

/// All log entry types by code. A type without fields is one whose payload is not described.
pub static LOG_ENTRIES: &[MessageType] = &[
    entry(1, "FileHeader", NONE, "Start of a log file."),
    entry(2, "IN", NODE, "Inner node of the tree."),
    entry(3, "BIN", NODE, "Bottom node of the tree."),
    entry(4, "BINDelta", NODE, "Changes of a bottom node."),
    entry(
        10,
        "InsertLN",
        ln!(NO_ABORT_LSN, NO_TXN_ID, DATA),
        "A record is inserted.",
    ),
    entry(
        11,
        "UpdateLN",
        ln!(NO_ABORT_LSN, NO_TXN_ID, DATA),
        "A record is updated.",
    ),
    entry(
        12,
        "DeleteLN",
        ln!(NO_ABORT_LSN, NO_TXN_ID, DELETED_DATA),
        "A record is deleted.",
    ),
    entry(
        13,
        "InsertLNTxn",
        ln!(ABORT_LSN, TXN_ID, DATA),
        "A record is inserted in a transaction.",
    ),
    entry(
        14,
        "UpdateLNTxn",
        ln!(ABORT_LSN, TXN_ID, DATA),
        "A record is updated in a transaction.",
    ),
    entry(
        15,
        "DeleteLNTxn",
        ln!(ABORT_LSN, TXN_ID, DELETED_DATA),
        "A record is deleted in a transaction.",
    ),
    entry(20, "MapLN", NONE, "A database's root."),
    entry(
        21,
        "NameLN",
        ln!(
            NO_ABORT_LSN,
            NO_TXN_ID,
            DATA,
            NAME,
            NAMED_DB_ID,
            COMPARATORS
        ),
        "A database gets or loses its name.",
    ),
    entry(
        22,
        "NameLNTxn",
        ln!(ABORT_LSN, TXN_ID, DATA, NAME, NAMED_DB_ID, COMPARATORS),
        "A database gets or loses its name in a transaction.",
    ),
    entry(
        23,
        "FileSummaryLN",
        &[
            field("file", U64).about("the log file"),
            field("counts", Type::Fixed(44)).about("eleven 32-bit counts"),
            field("obsolete_count", U32).about("number of obsolete entries"),
            field("obsolete_offsets", Type::Bytes).about("where they are"),
            field("key", Type::Bytes).about("the record's key"),
        ],
        "How much of a log file is in use.",
    ),
    entry(30, "TxnCommit", TXN_END, "A transaction is committed."),
    entry(31, "TxnAbort", TXN_END, "A transaction is aborted."),
    entry(
        32,
        "TxnPrepare",
        &[
            TXN_ID,
            field("timestamp_ms", U64)
                .unit(Unit::UnixMilliseconds)
                .about("when it was prepared"),
            field("first_lsn", U64)
                .unit(Unit::LogSequenceNumber)
                .about("its first entry"),
            field("last_lsn", U64)
                .unit(Unit::LogSequenceNumber)
                .about("its last entry"),
            field("xid_format_id", I32).about("format of the distributed transaction's name"),
            field("gtrid_len", Type::Packed(Packed::HiddenCount(0, 1))),
            field("bqual_len", Type::Packed(Packed::HiddenCount(1, 1))),
            field("xid_gtrid", Type::Packed(Packed::CountedBytes(0)))
                .about("the distributed transaction's name"),
            field("xid_bqual", Type::Packed(Packed::CountedBytes(1))).about("the branch's name"),
        ],
        "A distributed transaction is prepared.",
    ),
    entry(
        40,
        "CkptStart",
        &[
            field("id", U64).about("the checkpoint"),
            field("invoker", Type::Packed(Packed::ShortText(2))).about("who started it"),
            field("seconds", I64).about("when, in seconds"),
            field("nanoseconds", U32).about("and nanoseconds"),
        ],
        "A checkpoint starts.",
    ),
    entry(41, "CkptEnd", NONE, "A checkpoint ends."),
    entry(50, "DbTree", NONE, "The tree of databases."),
    entry(
        60,
        "Trace",
        &[
            field("timestamp", U64)
                .unit(Unit::UnixMilliseconds)
                .about("when"),
            field("message", Type::Text).about("what the node has to say"),
        ],
        "A message for people.",
    ),
    entry(
        61,
        "Matchpoint",
        &[
            field("lsn", LSN).about("where it is"),
            field("vlsn", I64).about("its VLSN"),
        ],
        "A point where logs may be joined.",
    ),
    entry(
        62,
        "RollbackStart",
        &[
            field("matchpoint_vlsn", I64).about("VLSN rolled back to"),
            field("matchpoint_lsn", LSN).about("where that is"),
            field("active_txn_ids", Type::List(&I64)).about("transactions open there"),
        ],
        "A rollback starts.",
    ),
    entry(
        63,
        "RollbackEnd",
        &[
            field("matchpoint_lsn", LSN).about("position rolled back to"),
            field("rollback_start_lsn", LSN).about("where the rollback started"),
        ],
        "A rollback ends.",
    ),
    entry(
        64,
        "INDeleteInfo",
        &[
            field("node_id", U64).about("the tree node"),
            field("key", Type::Bytes).about("its key"),
            DB_ID,
        ],
        "A tree node is deleted.",
    ),
    entry(
        65,
        "INDupDeleteInfo",
        NONE,
        "A tree node of duplicates is deleted.",
    ),
    entry(
        66,
        "OldBINDelta",
        NONE,
        "Changes of a bottom node, old form.",
    ),
    entry(67, "OldLN", &[KEY, DATA], "A record, old form."),
    entry(
        68,
        "DelDupLN",
        &[
            KEY,
            field("duplicate_key", Type::Bytes).about("the duplicate's key"),
        ],
        "A duplicate is deleted.",
    ),
    entry(
        69,
        "DupCountLN",
        &[field("count", I32).about("number of duplicates")],
        "Number of duplicates.",
    ),
    entry(
        70,
        "ImmutableFile",
        &[field("file", U64).about("the log file")],
        "A log file will not change any more.",
    ),
];

/// The log entry type with this code.
#[must_use]
pub fn by_code(code: u8) -> Option<&'static MessageType> {
    LOG_ENTRIES
        .iter()
        .find(|entry| entry.code == u64::from(code))
}

/// The table for a payload of `kind` that has `length` bytes.
#[must_use]
pub fn body_of(kind: &'static MessageType, length: usize) -> &'static Struct {
    match kind.code {
        30 | 31 if length == 36 => &TXN_END_36,
        _ => &kind.body,
    }
}

/// How payloads are laid out.
#[must_use]
pub const fn rules() -> Rules {
    let mut rules = Rules::little(Versions::ALL);
    rules.order = Order::Big;
    rules
}

const fn entry(
    code: u64,
    name: &'static str,
    fields: &'static [Field],
    about: &'static str,
) -> MessageType {
    MessageType {
        code,
        name,
        way: Way::ServerToClient,
        way_varies: false,
        when: Versions::ALL,
        body: Struct {
            name,
            fields,
            keyed: false,
        },
        about,
    }
}
