//! Captures, and the transports inside them.

use super::{Explanation, explain};

pub(super) static ALL: &[Explanation] = &[
    explain(
        "capture-cut-off",
        "the capture file ends inside a record",
        "The file was not written to its end: the capturing program was killed, or the disk \
         was full.",
        "Everything before is decoded. Capture with -U to write packets at once.",
    ),
    explain(
        "capture-damaged",
        "the capture file cannot be read on",
        "A record or block of the file contradicts itself. What comes behind cannot be \
         found.",
        "Copy the file again; tools such as editcap can repair some.",
    ),
    explain(
        "capture-obsolete-block",
        "a packet in an obsolete block",
        "pcapng's Packet Block was replaced long ago; it is skipped.",
        "Convert the file with a current tool.",
    ),
    explain(
        "capture-unknown-interface",
        "a packet of an unknown interface",
        "The packet names an interface that the file does not describe, so its link type is \
         not known.",
        "Convert the file with a current tool.",
    ),
    explain(
        "link-type-unknown",
        "packets of a link type that is not understood",
        "Packets begin with a link layer that is not known here, so nothing in them can be \
         read.",
        "Capture on another interface, or as Ethernet or raw IP.",
    ),
    explain(
        "packet-damaged",
        "packets that cannot be taken apart",
        "Headers of some packets contradict themselves or are cut off.",
        "Capture with a larger snapshot length (-s 0).",
    ),
    explain(
        "ip-fragments-missing",
        "an IP packet is not complete",
        "Some fragments of a packet are not in the capture; what it carried is missing.",
        "Expect missing bytes on the connection that it belonged to.",
    ),
    explain(
        "datagram-cut-off",
        "a datagram was not captured whole",
        "The snapshot length cut the datagram.",
        "Capture with a larger snapshot length (-s 0).",
    ),
    explain(
        "missing-bytes",
        "bytes of the stream are not in the capture",
        "Segments were not captured, though the peers had them. Decoding goes on behind the \
         gap at the next plausible frame.",
        "Capture with a larger buffer (-B), or closer to one of the peers.",
    ),
    explain(
        "records-dropped",
        "bytes passed, but were not decoded",
        "wirectl tail never holds up what passes: when records go out more slowly than bytes come, \
         what does not fit into memory is left out here. The peers got every byte.",
        "Read the output faster, select less with --type or --filter, allow more memory with \
         --buffer, or record with --write and decode later.",
    ),
    explain(
        "connection-evicted",
        "a connection is no longer followed",
        "Too many connections were open at once, so some were given up to bound memory: those that \
         had ended, then those that never carried a byte, then those idle longest. What comes on one \
         later starts a new connection in the middle of its streams.",
        "Allow more with wirectl pcap --max-connections, or capture fewer.",
    ),
    explain(
        "message-evicted",
        "an unfinished message was given up",
        "The unfinished messages of all connections took too much memory, so the largest were given up: \
         what was there of them is shown, and decoding goes on behind.",
        "A peer announces more than it sends, or many large messages are under way at once. Allow \
         more with --max-frame, or split the capture.",
    ),
    explain(
        "tcp-conflicting-overlap",
        "a segment repeats bytes with other values",
        "Two segments claim the same place of the stream with different bytes. The first \
         copy was kept; a peer may have kept the other.",
        "A broken network card or driver, or an attempt to deceive monitors.",
    ),
    explain(
        "tcp-data-after-fin",
        "bytes behind the end of the stream",
        "The sender had closed or reset its direction and yet sent more.",
        "The bytes are decoded like those before; peers ignore them.",
    ),
    explain(
        "tcp-out-of-window",
        "a segment far outside the stream",
        "Its sequence number is so far from what is expected that it cannot belong to this \
         stream.",
        "Usually a stray packet of an older connection.",
    ),
    explain(
        "tls-alert",
        "a TLS alert",
        "One side told the other about a failure or the end of the connection.",
        "See the description in the message.",
    ),
    explain(
        "tls-not-decrypted",
        "the connection is encrypted",
        "TLS hides the messages, and no key of this connection is known, or its beginning \
         is missing.",
        "Set SSLKEYLOGFILE for one of the peers and give the file with --keylog.",
    ),
    explain(
        "tls-record-damaged",
        "a TLS record cannot be decrypted",
        "The key is known, but the record does not fit it: bytes are missing or were \
         changed.",
        "Look for missing bytes before it.",
    ),
    explain(
        "ws-mask",
        "masked by the wrong side",
        "Clients must mask their WebSocket frames, servers must not.",
        "Check the sender; strict peers close the connection.",
    ),
    explain(
        "ws-reserved-bits",
        "reserved bits are set",
        "A WebSocket frame uses bits that no negotiated extension defines.",
        "Check which extensions were negotiated.",
    ),
    explain(
        "ws-reserved-opcode",
        "a WebSocket frame of unknown kind",
        "The opcode is reserved; the frame is left out.",
        "Damage, or the stream is not aligned to frames.",
    ),
    explain(
        "ws-length-not-minimal",
        "a WebSocket length longer than need be",
        "The length is written in more bytes than it takes; the standard forbids that.",
        "Check the sender.",
    ),
    explain(
        "ws-impossible-length",
        "a WebSocket frame of impossible length",
        "The claimed length cannot be meant. The direction is searched for the next frame.",
        "Damage, or the stream is not aligned to frames.",
    ),
    explain(
        "ws-control-frame",
        "a ping, pong or close that is too long or in pieces",
        "Control frames must be whole and at most 125 bytes long.",
        "Check the sender.",
    ),
    explain(
        "ws-message-interrupted",
        "a message begins inside another",
        "The message before was not ended by a final frame.",
        "Check the sender, or look for missing bytes.",
    ),
    explain(
        "ws-stray-continuation",
        "a continuation of nothing",
        "A frame continues a message whose beginning was not seen.",
        "Look for missing bytes before it.",
    ),
    explain(
        "ws-text-not-utf8",
        "a text message that is not UTF-8",
        "WebSocket text messages must be UTF-8; peers close the connection.",
        "Check the sender.",
    ),
    explain(
        "ws-deflate-context-lost",
        "compressed with bytes that were not captured",
        "permessage-deflate refers to earlier messages, and some of them are not in the \
         capture. The message is shown as it was sent.",
        "Capture from the start of the connection, or negotiate no_context_takeover.",
    ),
    explain(
        "ws-inflate-failed",
        "compressed data that cannot be inflated",
        "The message is marked as compressed, but its bytes are no deflate data. It is \
         shown as it was sent.",
        "Check the sender, or look for missing bytes.",
    ),
    explain(
        "cannot-inflate",
        "a compressed message, shown as it was sent",
        "The message cannot be inflated, because what it refers to was not captured. Its \
         content is not decoded.",
        "Capture from the start of the connection.",
    ),
    explain(
        "message-too-long",
        "a message beyond the limit",
        "A message or event is longer than is put together.",
        "Raise --max-frame if it is meant.",
    ),
    explain(
        "no-frame-found",
        "no WebSocket frame where one should be",
        "Behind missing bytes the next frame could not be found.",
        "Look for missing bytes before it.",
    ),
    explain(
        "http-malformed",
        "no HTTP message where one should be",
        "The head of a request or an answer cannot be read; the rest of the direction is \
         not HTTP to us.",
        "Another protocol may use the port.",
    ),
    explain(
        "http-head-odd",
        "a head is written as it should not be",
        "A header field of a request or an answer is folded over several lines, or has blanks \
         before its colon. It is read as it is meant.",
        "A proxy or an old server may write so; receivers may refuse it.",
    ),
    explain(
        "http-content-encoding",
        "a compressed body cannot be read",
        "The content of a request or an answer is compressed in a way other than gzip and \
         deflate, is damaged, or bytes of it are missing.",
        "Make the server send plain content, or capture without losses.",
    ),
    explain(
        "http-chunk-malformed",
        "a chunk's length cannot be read",
        "The body is sent in chunks, and a chunk's length is no hexadecimal number.",
        "Damage, or missing bytes before it.",
    ),
    explain(
        "empty-websocket-message",
        "a message that holds nothing",
        "A WebSocket message without content. No known protocol has such; peers ignore it or complain.",
        "The sender's code; some send such messages to keep a connection alive.",
    ),
    explain(
        "foreign-text",
        "text of no known protocol",
        "A text message on this connection is not of a known protocol. It is kept as a \
         record.",
        "Nothing, if the peers are known to exchange other things, too.",
    ),
];
