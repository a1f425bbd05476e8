//! Pushwire: RP frames and the JSON protocol.

use super::{Explanation, explain};

pub(super) static ALL: &[Explanation] = &[
    explain(
        "empty-payload",
        "a frame without payload",
        "No reader accepts an empty payload.",
        "Check the sender.",
    ),
    explain(
        "garbage",
        "the payload is no value",
        "The payload's first bytes start no value of the encoding.",
        "The payload may be compressed or of another encoding.",
    ),
    explain(
        "length-overrun",
        "a length far beyond the payload",
        "A value claims far more bytes than there are.",
        "Damage, or another encoding than it seems.",
    ),
    explain(
        "truncated-payload",
        "the payload ends inside a value",
        "The value announces more bytes than the payload has.",
        "See whether the frame is cut.",
    ),
    explain(
        "nesting-deep",
        "nested deeper than readers go",
        "Values inside values beyond the limit of the real readers, which refuse them.",
        "Check the sender.",
    ),
    explain(
        "nesting-bomb",
        "nested absurdly deep",
        "So deep that only an attack or damage explains it.",
        "Do not decode it with readers that recurse.",
    ),
    explain(
        "flag-mismatch",
        "flags and payload contradict each other",
        "The header says that the payload is compressed and it is not, or the other way \
         round.",
        "Check the sender.",
    ),
    explain(
        "compressed-empty",
        "compressed, but no data follow",
        "The frame is marked as compressed and has nothing behind the dictionary number.",
        "Check the sender.",
    ),
    explain(
        "compression-did-not-pay",
        "compressed, but not smaller",
        "The compressed form is no shorter than the plain one; encoders send it plain then.",
        "Nothing.",
    ),
    explain(
        "missing-dictionary",
        "compressed with an unknown dictionary",
        "The payload needs a dictionary that is not known here, so it stays opaque.",
        "Give it with --dictionary ID=FILE.",
    ),
    explain(
        "wrong-dictionary",
        "compressed with another dictionary",
        "The dictionary that was given under this number is not the one used for \
         compressing.",
        "Give the right file with --dictionary ID=FILE.",
    ),
    explain(
        "zstd-bomb",
        "inflates beyond the limit",
        "The compressed payload inflates to more than --max-frame; inflating stopped there.",
        "An attack, or raise --max-frame if it is meant.",
    ),
    explain(
        "zstd-checksum",
        "the checksum of the compressed data is wrong",
        "zstd's own checksum does not fit what was inflated.",
        "Damage on the way.",
    ),
    explain(
        "zstd-corrupt",
        "compressed data that cannot be inflated",
        "The bytes are no sound zstd data.",
        "Damage, or a wrong dictionary.",
    ),
    explain(
        "zstd-trailing",
        "bytes behind the compressed data",
        "Readers refuse the frame.",
        "Check the sender.",
    ),
    explain(
        "zstd-truncated",
        "compressed data that end early",
        "The zstd data are not complete.",
        "See whether the frame is cut.",
    ),
    explain(
        "zstd-window",
        "compressed with too large a window",
        "Inflating needs a window larger than decoders allow.",
        "Check the sender's compression settings.",
    ),
    explain(
        "invalid-base64",
        "base64 that cannot be read",
        "A field that carries bytes as base64 holds something else.",
        "Check the sender.",
    ),
    explain(
        "sha256-mismatch",
        "the digest is wrong",
        "The SHA-256 in the envelope is not that of its bytes.",
        "Damage, or the digest was taken of something else.",
    ),
    explain(
        "size-mismatch",
        "the size is wrong",
        "The size in the envelope is not the number of its bytes.",
        "Check the sender.",
    ),
    explain(
        "delta-sha-mismatch",
        "the digest of a replacement is wrong",
        "A delta operation carries the digest of what it replaces, and it does not fit.",
        "The receiver's copy differs from the sender's.",
    ),
    explain(
        "positional-ambiguity",
        "fields without names that fit several shapes",
        "In MessagePack's positional form some shapes cannot be told apart; the likeliest \
         is shown.",
        "Have the sender write named fields, or judge by the context.",
    ),
    explain(
        "clear-token",
        "a token that anyone on the way can read",
        "A token crosses the wire without encryption around it.",
        "Use TLS; treat captures that contain it as secret.",
    ),
    explain(
        "clear-credential",
        "a credential that anyone on the way can read",
        "A TURN credential crosses the wire without encryption around it.",
        "Use TLS; treat captures that contain it as secret.",
    ),
    explain(
        "error-op",
        "the peer complains",
        "An error operation: its text says what the peer did not like.",
        "Look at the message before it on the same connection.",
    ),
    explain(
        "resume-required",
        "frames are lost",
        "The server no longer holds the frames that the client asked for.",
        "The client must start over from the cursor.",
    ),
    explain(
        "too-short",
        "shorter than a frame header",
        "The bytes are fewer than the header alone has.",
        "See whether the frame is cut.",
    ),
    explain(
        "bad-version",
        "the frame's version is not known",
        "The header says a version that no release has written; readers refuse the frame.",
        "The sender may be newer than this program, or the byte is damaged.",
    ),
    explain(
        "reserved-flags",
        "reserved flag bits are set",
        "The header's flags use bits without a meaning. Readers ignore them.",
        "Check the sender.",
    ),
    explain(
        "compressed-short",
        "compressed, but too short for it",
        "A compressed frame starts with the number of a dictionary, and the bytes end \
         before it does.",
        "See whether the frame is cut.",
    ),
    explain(
        "json-payload",
        "the payload is JSON",
        "The payload of a binary frame is JSON text. No encoder writes that: MessagePack \
         readers take its first byte for a number, CBOR readers refuse it.",
        "Check the sender.",
    ),
    explain(
        "ambiguous-encoding",
        "MessagePack or CBOR: both fit",
        "The payload reads in both encodings, and nothing on the connection decides. The \
         likelier is shown.",
        "Look at other frames of the same sender; a connection keeps its encoding.",
    ),
    explain(
        "ambiguous-framing",
        "the frame may end in several places",
        "Frames on a byte stream have no length, and more than one end is followed by \
         further frames. The likelier is shown.",
        "Decode messages with known ends instead: --input hex-lines, or a capture.",
    ),
    explain(
        "non-minimal-encoding",
        "not in the shortest form",
        "Another encoder than the known ones wrote this, or a struct of unknown length. \
         Readers accept it.",
        "Nothing, unless you look for the program that wrote it.",
    ),
    explain(
        "unassigned-simple",
        "a CBOR simple value without a meaning",
        "The standard assigns no meaning to this number; readers refuse it or take it for \
         null.",
        "Check the sender.",
    ),
    explain(
        "repeated-key",
        "an object has a key twice",
        "Readers refuse the message or keep the last value.",
        "Correct the sender: which value counts depends on the reader.",
    ),
    explain(
        "sequence-gap",
        "sequence numbers are missing",
        "Frames of this channel between the last and this one were not seen.",
        "See whether bytes are missing from the capture; if not, the client has to resume.",
    ),
    explain(
        "sequence-duplicate",
        "a sequence number again",
        "The frame has the number of the one before it on its channel.",
        "Normal after a reconnect; else check the sender.",
    ),
    explain(
        "sequence-backwards",
        "sequence numbers go backwards",
        "The number is lower than one seen before on its channel.",
        "Check the sender, or whether captures were merged in the wrong order.",
    ),
    explain(
        "cursor-gap",
        "cursors are missing",
        "Cursors count the frames of all clients of a channel, so that gaps are not damage \
         by themselves.",
        "Resume from the last cursor if frames are missed.",
    ),
    explain(
        "cursor-backwards",
        "cursors go backwards",
        "A frame with a lower cursor comes after one with a higher: a replay that was \
         overtaken by news.",
        "Nothing; receivers order frames by their cursor.",
    ),
    explain(
        "ack-beyond-last",
        "an acknowledgement of what was not sent",
        "The client acknowledges a cursor beyond the last that the server sent.",
        "The beginning of the connection may be missing; else check the client.",
    ),
    explain(
        "ack-without-effect",
        "an acknowledgement that does nothing",
        "Servers answer an acknowledgement by POST with 204 and ignore it.",
        "Acknowledge over the WebSocket.",
    ),
    explain(
        "bare-system-op",
        "a system operation outside a frame",
        "Servers take operations only inside a frame on the system channel, and refuse this \
         one with \"invalid frame schema\".",
        "Wrap the operation in a frame.",
    ),
    explain(
        "invalid-frame-schema",
        "the message is no frame",
        "Fields are missing or of the wrong type, so servers answer \"invalid frame \
         schema\".",
        "See which field the message names.",
    ),
    explain(
        "invalid-system-payload",
        "the payload is no system operation",
        "A frame on the system channel must carry an operation, and this one's is missing \
         fields or unknown.",
        "See which field the message names.",
    ),
    explain(
        "payload-required",
        "the payload is missing",
        "This operation must carry a payload.",
        "Check the sender.",
    ),
    explain(
        "invalid-json",
        "text that is no JSON",
        "The text breaks off or departs from JSON at the place shown.",
        "Check the sender.",
    ),
    explain(
        "truncated-json",
        "JSON that ends early",
        "The text ends inside a value.",
        "See whether the message is cut.",
    ),
    explain(
        "fragment-incomplete",
        "parts of a fragmented message are missing",
        "The input ended before all parts of the group were there.",
        "See whether messages are missing from the capture.",
    ),
    explain(
        "fragment-evicted",
        "a group of fragments was given up",
        "Too many groups were under way at once; the oldest was forgotten, as real \
         assemblers do.",
        "Check the sender: it starts groups that it does not finish.",
    ),
    explain(
        "fragment-duplicate",
        "a part of a group again",
        "The first copy of a part counts; this one is dropped.",
        "Check the sender.",
    ),
    explain(
        "fragment-late",
        "a part of a group that was complete",
        "The part opens the group anew, which will hardly become complete.",
        "Check the sender.",
    ),
    explain(
        "fragment-total-mismatch",
        "parts disagree about their number",
        "The group's first part said another total; this part is refused.",
        "Check the sender.",
    ),
    explain(
        "fragment-total-zero",
        "a group of no parts",
        "A group has at least one part; this one is refused.",
        "Check the sender.",
    ),
    explain(
        "fragment-index-out-of-range",
        "a part beyond the total",
        "Parts count from 0, so the last has the number total less one; this one is \
         refused.",
        "Check the sender.",
    ),
    explain(
        "raw-fragment-header",
        "a fragment with a header of plain integers",
        "Documented, but no encoder writes it: id, total and index, big-endian, and the \
         bytes.",
        "Nothing; it is put together all the same.",
    ),
];
