//! Noxu replication.

use super::{Explanation, explain};

pub(super) static ALL: &[Explanation] = &[
    explain(
        "incomplete-frame",
        "the frame is not complete",
        "The bytes end, or another frame starts, before the announced length.",
        "Capture or copy the whole stream.",
    ),
    explain(
        "oversize-length",
        "a length beyond what receivers take",
        "The length prefix exceeds the limit of real receivers, which hang up.",
        "Damage, or the stream is not aligned to frames.",
    ),
    explain(
        "short-frame",
        "the frame is too short",
        "It has fewer bytes than the fixed part of its message.",
        "Check the sender.",
    ),
    explain(
        "empty-message",
        "a frame of no bytes",
        "The length prefix is 0, but every message here has at least a code.",
        "Check the sender.",
    ),
    explain(
        "payload-length",
        "the payload has another length than announced",
        "The length inside the message contradicts the frame's.",
        "Check the sender.",
    ),
    explain(
        "unknown-tag",
        "the message's tag is not known",
        "No published release has a message of this tag.",
        "The sender may be newer than this program.",
    ),
    explain(
        "unknown-opcode",
        "the message's opcode is not known",
        "No published release has a message of this opcode.",
        "The sender may be newer than this program.",
    ),
    explain(
        "unknown-command",
        "the command is not known",
        "No published release has this command; nodes answer REJECTED.",
        "The sender may be newer than this program.",
    ),
    explain(
        "unknown-response",
        "the response code is not known",
        "No published release gives this answer.",
        "The sender may be newer than this program.",
    ),
    explain(
        "unknown-ack",
        "the acknowledgement is not known",
        "No published release gives this answer.",
        "The sender may be newer than this program.",
    ),
    explain(
        "unknown-entry-type",
        "a log entry of unknown type",
        "The entry's type is not known, so its payload stays opaque; some releases stop the \
         stream at it.",
        "The sender may be newer than this program.",
    ),
    explain(
        "unknown-service",
        "a service of another program",
        "The service asked for is none of Noxu's own; nodes without it hang up.",
        "Check the client's address and port.",
    ),
    explain(
        "ambiguous-message",
        "two readings fit",
        "The bytes fit two messages, and nothing on the connection tells which. Both \
         readings are shown. Nodes ignore what follows a message, so most damaged messages are \
         whole ones of another service with bytes left over: if the damaged one is shown first, \
         more speaks for it. Findings that begin with \"damaged, if this is\" say what is wrong \
         if the message is another than the one shown.",
        "Say which with --protocol, or capture from the start of the connection.",
    ),
    explain(
        "old-layout",
        "the layout before 4.1.0",
        "Releases from 4.1.0 on write another layout and refuse this one.",
        "Update the older node.",
    ),
    explain(
        "bad-magic",
        "no restore request",
        "A restore starts with 54 53 52 4e; the node hangs up.",
        "Check the client.",
    ),
    explain(
        "entry-payload-undecodable",
        "the payload does not fit its entry type",
        "The log entry's payload is not what its type says. Applications may log bytes of their own \
         under any type: on a connection it is said once for each type, and again only after \
         payloads of that type could be read.",
        "Check the sender's release, and what the application logs.",
    ),
    explain(
        "log-file-header",
        "the log file's header is not sound",
        "A restored file does not begin as log files do, or its checksum is wrong.",
        "Restore again; check the disk of the serving node.",
    ),
    explain(
        "unsafe-file-name",
        "a file name that leaves its directory",
        "The name is absolute, has .. or the like in it; clients refuse the file.",
        "An attack, or a broken server.",
    ),
    explain(
        "empty-name",
        "a name that is empty",
        "A node or file without a name cannot be addressed.",
        "Check the sender.",
    ),
    explain(
        "handshake-rejected",
        "the node is refused",
        "The feeder does not accept the replica; the answer says why.",
        "See the reason: group, version or identity.",
    ),
    explain(
        "admin-rejected",
        "the command is refused",
        "The node did not carry out the command.",
        "See the reason in the answer.",
    ),
    explain(
        "restore-needed",
        "the replica is too far behind",
        "The feeder no longer holds the entries that the replica needs; a restore follows.",
        "Nothing, if it is rare; else keep the log longer.",
    ),
    explain(
        "heartbeat-late",
        "a heartbeat comes late",
        "More time passed since the last one than nodes wait before they suspect a failure.",
        "Look for a stalled node or network.",
    ),
    explain(
        "message-after-shutdown",
        "a message behind the end",
        "The sender had said that it stops.",
        "Check the sender.",
    ),
    explain(
        "unexpected-message",
        "a message out of place",
        "At this point of the conversation another message is due.",
        "Look at the message before it.",
    ),
    explain(
        "timestamp-regression",
        "time goes backwards",
        "A timestamp is lower than the one before it.",
        "Check the sender's clock.",
    ),
    explain(
        "vlsn-gap",
        "entries are missing",
        "The sequence number is beyond the next one: entries are missing, and receivers \
         refuse the stream.",
        "See whether bytes are missing from the capture; if not, check the feeder.",
    ),
    explain(
        "vlsn-duplicate",
        "an entry again",
        "An entry with this sequence number was sent before.",
        "Check the feeder.",
    ),
    explain(
        "vlsn-regression",
        "sequence numbers go backwards",
        "The number is lower than one before it.",
        "Check the feeder.",
    ),
    explain(
        "null-vlsn",
        "sequence number 0",
        "0 stands for no number; feeders do not send it.",
        "Check the feeder.",
    ),
    explain(
        "implausible-vlsn",
        "a sequence number that cannot be",
        "The number is far beyond anything a log reaches.",
        "Damage, or another message than it seems.",
    ),
    explain(
        "dtvlsn-regression",
        "the durable position goes backwards",
        "The durable transaction number is lower than before.",
        "Check the feeder.",
    ),
    explain(
        "dtvlsn-beyond-vlsn",
        "durable beyond what exists",
        "An entry says that later entries than itself are durable.",
        "Check the feeder.",
    ),
    explain(
        "ack-regression",
        "acknowledgements go backwards",
        "A lower number is acknowledged after a higher one.",
        "Check the replica.",
    ),
    explain(
        "ack-beyond-sent",
        "an acknowledgement of what was not sent",
        "The replica acknowledges an entry that the feeder has not sent yet.",
        "The beginning of the stream may be missing; else check the replica.",
    ),
    explain(
        "replica-ahead-of-master",
        "the replica knows more than the master",
        "The replica's position is beyond the master's.",
        "A rollback is due, or the group has split.",
    ),
    explain(
        "answer-for-another-vlsn",
        "an answer to another question",
        "The answer names another entry than the request.",
        "Check the feeder.",
    ),
    explain(
        "alternate-after-first-response",
        "an alternate offered late",
        "An alternate matchpoint is offered only as the first answer.",
        "Check the feeder.",
    ),
    explain(
        "start-not-after-a-matchpoint",
        "the stream starts at an unmatched place",
        "It is to start neither at 1 nor behind an entry that both logs have.",
        "Check the replica.",
    ),
    explain(
        "vote-granted-in-phase-1",
        "a vote before the result",
        "A proposal is answered by a proposal or a refusal; votes come after the result.",
        "Check the answering node's release.",
    ),
    explain(
        "vote-term-differs",
        "a vote for another term",
        "The vote names another term than the result that it answers.",
        "Check the voting node.",
    ),
    explain(
        "result-term-differs",
        "a result of another term",
        "The result names another term than the proposal.",
        "Check the proposing node.",
    ),
    explain(
        "two-masters-in-term",
        "two masters in one term",
        "Results of different connections name different masters for the same term: each node \
         follows its own, and their logs part.",
        "Look at the clocks and priorities of both nodes, and at which of them a quorum has voted \
         for; only connections of one group can be compared.",
    ),
    explain(
        "term-regression",
        "a node proposes a lower term than before",
        "The terms that a node proposes only rise; acceptors refuse a lower one.",
        "The node was restarted with its clock set back, or two nodes have the same name.",
    ),
    explain(
        "version-mix",
        "releases that do not understand each other",
        "The connections show what comes from different releases: proposals with and without a \
         durable VLSN, restored files with and without a checksum, or terms of both kinds.",
        "Bring all nodes to the same release; 4.1.0 and 7.11 have changed the protocol.",
    ),
];
