//! Frames and the encodings inside them.

use super::{Explanation, explain};

pub(super) static ALL: &[Explanation] = &[
    explain(
        "crc-mismatch",
        "the checksum in the header is not that of the body",
        "The frame's header carries the CRC32C of its body, and the body has another. One \
         of the two was changed on the way or written wrongly; a real peer drops such a \
         frame.",
        "Compare the two values in the message. If only the checksum is wrong, `wirectl \
         encode --recompute` writes the right one; if the body is wrong, look for the \
         sender's bug or a broken capture.",
    ),
    explain(
        "truncated-frame",
        "the frame ends before its announced length",
        "The header announces more bytes than there are: the input ends in the middle of a \
         frame, another frame starts inside it, or the length itself is damaged.",
        "Capture or copy the whole stream. What could be read is shown; nothing behind it \
         was invented.",
    ),
    explain(
        "truncated-body",
        "the bytes end inside a value",
        "A value announces more bytes or elements than its frame holds. Fields up to there \
         are shown, the rest is listed as not understood.",
        "See whether the frame itself is truncated; if it is not, the sender wrote a wrong \
         count or length.",
    ),
    explain(
        "trailing-bytes",
        "bytes follow where the message ends",
        "The message is complete, but its frame has more bytes. Real peers ignore them in \
         most places; a sender that means to say something there is not heard.",
        "Look at the bytes in the hex view; often two messages were glued together, or a \
         length was not updated.",
    ),
    explain(
        "unknown-bytes",
        "bytes that belong to no frame",
        "No known protocol starts here. The bytes are kept as a record of their own, up to \
         the next place where a frame plausibly starts.",
        "If you know the protocol, force it with --protocol. If the input is text or a \
         capture, see --input and `wirectl pcap`.",
    ),
    explain(
        "unknown-type",
        "the type code is not known",
        "The header is sound, but no published version has a message type of this code. The \
         body is shown as far as it describes itself.",
        "The sender may be newer than this program, or the code byte is damaged.",
    ),
    explain(
        "unknown-version",
        "the format version is not known",
        "The header says a version that no release has written. The frame is decoded as the \
         nearest known version.",
        "The sender may be newer than this program, or the version byte is damaged.",
    ),
    explain(
        "unknown-field",
        "a field that the message does not have",
        "The body has a key that its type does not define in any known version. Its value \
         is shown as it describes itself.",
        "Check the sender's version; readers refuse or ignore such a field, depending on \
         their codec.",
    ),
    explain(
        "unknown-variant",
        "a name or number that the enum does not have",
        "An enum field holds a variant that no known version defines. Real readers refuse \
         the whole message.",
        "Check the sender's version.",
    ),
    explain(
        "missing-field",
        "a field is not there",
        "The body lacks a field that its type has. As a warning: readers fill in a default. \
         As an error: they refuse the message.",
        "Check which version the sender speaks; `wirectl protocols PROTOCOL.TYPE` lists the \
         fields of each.",
    ),
    explain(
        "duplicate-key",
        "a key comes twice",
        "A map or a struct written as a map has the same key again. Readers keep the last \
         value; JSON readers elsewhere may keep the first.",
        "Correct the sender: which value counts depends on the reader.",
    ),
    explain(
        "reordered-keys",
        "fields in another order than writers use",
        "The struct is written as a map, so the order means nothing to readers, but no \
         known writer uses this order.",
        "Nothing, unless you look for the program that wrote it.",
    ),
    explain(
        "wrong-type",
        "a value of another type than its field",
        "The field's value is not of the type that the schema says, so real readers refuse \
         the message. It is shown as what it is.",
        "Check the sender, or force another version with --sync-version if the body follows \
         an older schema.",
    ),
    explain(
        "wrong-count",
        "another number of elements than fields",
        "An array or tuple does not have as many elements as its type has fields. Extra \
         elements are kept under $extra; what is missing is absent.",
        "Check which version the sender speaks: fields came and went between releases.",
    ),
    explain(
        "wrong-length",
        "a byte string of another length than its field",
        "The field has a fixed length, and these bytes have another. Readers refuse it.",
        "Check the sender.",
    ),
    explain(
        "wrong-codec",
        "spelled as another codec would",
        "The values fit, but they are spelled as another release's codec would, for example \
         bytes as a list of integers. Readers of this version refuse it.",
        "Force the right version with --sync-version, or check the sender.",
    ),
    explain(
        "integer-too-wide",
        "an integer spelled wider than its field",
        "The integer takes more bytes than its field has, so real readers refuse it even if \
         the value would fit.",
        "Check the sender's serializer.",
    ),
    explain(
        "count-too-large",
        "more elements announced than bytes are left",
        "A count says more elements than could fit into the rest of the frame. Nothing is \
         allocated for it.",
        "Damage, or an attempt to exhaust a reader's memory.",
    ),
    explain(
        "too-deep",
        "nested deeper than any reader goes",
        "Values inside values inside values, beyond the depth at which reading stops.",
        "Damage, or an attempt to exhaust a reader's stack.",
    ),
    explain(
        "too-many-values",
        "more values than are read of one message",
        "A message holds so many values that reading stops, to keep memory bounded.",
        "Damage or an attack; --max-frame lowers what is taken for a frame at all.",
    ),
    explain(
        "reserved-marker",
        "a byte that no MessagePack value starts with",
        "The byte 0xc1 is reserved and starts no value. What follows cannot be read.",
        "Damage, or the bytes are no MessagePack.",
    ),
    explain(
        "invalid-utf8",
        "text that is not UTF-8",
        "A field that should be text holds bytes that are not UTF-8. They are shown as \
         bytes, and kept as {\"$str\":\"hex\"} in JSON.",
        "Check the sender: readers refuse it.",
    ),
    explain(
        "non-canonical",
        "legal, but longer than need be",
        "The value is spelled in more bytes than its shortest form. Readers accept it, no \
         known writer produces it; the record keeps the raw bytes, so that it can be \
         encoded again exactly.",
        "Nothing, unless you look for the program that wrote it.",
    ),
    explain(
        "non-canonical-bool",
        "a truth value other than 0 and 1",
        "The byte stands for true, but encoders write 1.",
        "Nothing, unless you look for the program that wrote it.",
    ),
    explain(
        "empty-body",
        "a frame without a body",
        "The header announces a body of no bytes, but every message type has one.",
        "Check the sender.",
    ),
    explain(
        "version-mismatch",
        "a body of another release than expected",
        "The body is exactly one of a release that writes another header, which no published \
         program sends, or of another release than --sync-version asks for.",
        "Leave --sync-version out or name another; else check for a proxy or a converter between \
         the peers.",
    ),
    explain(
        "second-frame",
        "another frame in the same message",
        "A transport message holds a second frame behind the first. Peers read the first \
         and ignore the rest.",
        "Send one frame per message.",
    ),
    explain(
        "more-issues",
        "there were more findings",
        "Only the first findings of a frame are kept, to keep memory bounded.",
        "Resolve the first ones; the others often follow from them.",
    ),
    explain(
        "opaque-undecodable",
        "an opaque field does not hold what it should",
        "The bytes of a field that carries a format of its own could not be read as that \
         format. The message itself is sound.",
        "See the position: the field's bytes may be cut, or be of another kind.",
    ),
    explain(
        "inner-too-large",
        "an opaque field is too large to be read further",
        "The field's bytes are shown, but not taken apart, to keep time and memory bounded.",
        "Extract the field with --json and read it on its own.",
    ),
    explain(
        "invalid-enum",
        "a number that stands for nothing",
        "A field holds a number that none of its names has.",
        "Check the sender's version.",
    ),
    explain(
        "truncated-message",
        "the message ends inside a field",
        "A field announces more bytes than the message has left.",
        "See whether the frame is cut; if it is not, the sender wrote a wrong length.",
    ),
];
