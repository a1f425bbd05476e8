//! Conversations of NodeDB sync.

use super::{Explanation, explain};

pub(super) static ALL: &[Explanation] = &[
    explain(
        "handshake-refused",
        "the server refused the session",
        "HandshakeAck says success false; its error says why. The server ignores what \
         follows on this connection.",
        "See the error text: token, wire version or fork.",
    ),
    explain(
        "fork-detected",
        "the client must take a new identity",
        "The server knows this lite_id with a newer epoch, or as another client's: two \
         copies of one database were used.",
        "The client must discard its identity and start with a new lite_id.",
    ),
    explain(
        "wire-version-mismatch",
        "client and server speak different wire versions",
        "The client's Handshake and the server's answer name different versions. Servers \
         refuse what is too old or too new.",
        "Update the older side.",
    ),
    explain(
        "no-handshake",
        "the first message is not a Handshake",
        "A session starts with a Handshake; the beginning of the connection may be missing.",
        "Capture from the start of the connection, or check the client.",
    ),
    explain(
        "not-authenticated",
        "sent before the session was granted",
        "Messages before a granted Handshake are ignored or refused by the server.",
        "Wait for HandshakeAck with success true.",
    ),
    explain(
        "wrong-direction",
        "a message that does not go this way",
        "This type is sent by the other side only; peers ignore it. Client and server may \
         have been taken for each other.",
        "Check which side opened the connection.",
    ),
    explain(
        "header-changed",
        "another header than before",
        "Messages of one connection have the same header layout; this one has the other.",
        "Check for a proxy that mixes connections.",
    ),
    explain(
        "secret-in-clear",
        "a token that whoever sees the frame can use",
        "A bearer token crosses the wire without encryption around it.",
        "Use TLS; treat captures that contain it as secret. Tokens are masked here unless \
         --show-secrets is given.",
    ),
    explain(
        "jwt-alg-none",
        "a token that is not signed",
        "The token's header says alg none: anybody can write such a token.",
        "Make the issuer sign its tokens, and the server insist on it.",
    ),
    explain(
        "refresh-refused",
        "a new token was refused",
        "TokenRefreshAck says success false; its error says why.",
        "Get a fresh token; the session ends when the old one expires.",
    ),
    explain(
        "checksum-mismatch",
        "the delta's checksum is wrong",
        "The message carries a CRC32C of its delta, and the delta has another. The server \
         answers with a resync or refuses it.",
        "Check what changed the delta between the client's storage and the wire.",
    ),
    explain(
        "loro-checksum",
        "the Loro blob's own checksum is wrong",
        "A Loro blob carries a checksum of its content, and the content has another.",
        "The blob was damaged before it was sent; the importing side refuses it.",
    ),
    explain(
        "loro-magic",
        "neither a Loro blob nor a MessagePack row",
        "The delta starts with neither of the two formats that servers take.",
        "Check the sender.",
    ),
    explain(
        "loro-mode",
        "a Loro blob of unknown mode",
        "The blob's encoding mode is none of the published ones.",
        "The Loro library may be newer than this program.",
    ),
    explain(
        "loro-truncated",
        "a Loro blob that is too short",
        "The bytes end inside the blob's header.",
        "Check the sender.",
    ),
    explain(
        "gorilla-count",
        "the time series block holds another number of samples",
        "The number of samples in the block and the message's sample_count differ. Readers \
         go by the block.",
        "Check the sender.",
    ),
    explain(
        "gorilla-range",
        "timestamps outside the announced range",
        "The block holds times before min_ts or after max_ts.",
        "Check the sender: queries by range may miss samples.",
    ),
    explain(
        "gorilla-trailing",
        "bits behind the last sample",
        "The block is longer than its samples.",
        "Check the sender; readers ignore them.",
    ),
    explain(
        "gorilla-truncated",
        "a time series block ends inside a sample",
        "The compressed samples are not complete.",
        "Check the sender.",
    ),
    explain(
        "dimension-mismatch",
        "a vector of another dimension than announced",
        "dim says another number than the vector has components.",
        "Check the sender: the index refuses it.",
    ),
    explain(
        "clock-skew",
        "the clocks differ by more than a day",
        "The server saw a device time far from its own and says by how much.",
        "Set the device's clock.",
    ),
    explain(
        "barrier-ping",
        "a ping that is a barrier, not a time",
        "The timestamp has the form of a barrier number: the sender waits until everything \
         before was handled.",
        "Nothing.",
    ),
    explain(
        "ping-unanswered",
        "pings without answers",
        "The other side did not answer earlier pings.",
        "See whether answers are missing from the capture; if not, the peer hangs.",
    ),
    explain(
        "pong-without-ping",
        "an answer to a ping that was not seen",
        "No ping with this time waits for an answer.",
        "The beginning of the connection may be missing.",
    ),
    explain(
        "mutation-resent",
        "the same change again",
        "The client sent this mutation before and had no answer yet.",
        "Normal after a reconnect; often, it shows that answers get lost.",
    ),
    explain(
        "producer-mismatch",
        "another producer than was granted",
        "The message names a producer number or epoch that differs from what HandshakeAck \
         granted; servers go by the grant.",
        "Check the client's state.",
    ),
    explain(
        "seq-zero",
        "sequence number 0",
        "Producers number their messages from 1; 0 switches sequencing off.",
        "Check the client.",
    ),
    explain(
        "seq-gap",
        "sequence numbers are missing",
        "Numbers between the last and this one were not seen. The server answers with Gap.",
        "See whether messages are missing from the capture; the client must send them \
         again.",
    ),
    explain(
        "seq-repeat",
        "a sequence number used twice",
        "Another message had this number before. The server takes this one for a duplicate \
         and drops it.",
        "Check the client: a change may be lost.",
    ),
    explain(
        "seq-regression",
        "sequence numbers go backwards",
        "The number is lower than the last one of this producer.",
        "Normal for messages sent again; else check the client.",
    ),
    explain(
        "ack-gap",
        "not applied: earlier messages are missing",
        "The server waits for a lower sequence number first.",
        "The client must send the missing ones.",
    ),
    explain(
        "ack-fenced",
        "not applied: a newer session exists",
        "Another session of this producer has a newer epoch; this one is shut out.",
        "The client must shake hands again.",
    ),
    explain(
        "ack-rejected",
        "refused for good",
        "The server will not apply the change, now or later.",
        "See the reason; the client must compensate.",
    ),
    explain(
        "ack-without-request",
        "an answer to nothing",
        "No request that waits for this answer was seen.",
        "The beginning of the connection may be missing.",
    ),
    explain(
        "applied-seq-backwards",
        "the applied position went backwards",
        "The server said a higher applied sequence number before.",
        "Check the server, or whether captures were merged in the wrong order.",
    ),
    explain(
        "status-contradicts",
        "accepted and status contradict each other",
        "accepted says the opposite of status.",
        "Go by status; check the server.",
    ),
    explain(
        "signature-without-key",
        "signed without a key",
        "The delta is signed, though HandshakeAck gave no signing key.",
        "Check the client's state.",
    ),
    explain(
        "chunk-index",
        "a chunk number out of range",
        "A snapshot's chunk has a number beyond their total.",
        "Check the server.",
    ),
    explain(
        "chunk-gap",
        "snapshot chunks are missing",
        "A chunk comes before the one that is due.",
        "See whether messages are missing from the capture.",
    ),
    explain(
        "chunk-repeat",
        "a snapshot chunk again",
        "A chunk comes that was there before.",
        "Check the server; receivers drop it.",
    ),
    explain(
        "snapshot-changed",
        "chunks of different snapshots",
        "A chunk belongs to another snapshot than the one being received, or the total \
         changed.",
        "The first snapshot stays incomplete; check the server.",
    ),
    explain(
        "row-gap",
        "rows are missing",
        "The sequence number of a row is beyond the next one.",
        "See whether messages are missing from the capture; clients ask for a resync.",
    ),
    explain(
        "row-repeat",
        "a row again",
        "The sequence number of a row is not beyond the last one; clients drop it.",
        "Normal after a reconnect.",
    ),
    explain(
        "shape-gap",
        "changes of a shape are missing",
        "The position is beyond the next one; clients ask for a resync.",
        "See whether messages are missing from the capture.",
    ),
];
