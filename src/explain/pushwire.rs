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
];
