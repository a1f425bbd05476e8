//! RP frames that `pushwire-core` 0.1.1 writes, and reads.
#![cfg(feature = "pushwire")]

use pushwire_core::PayloadEncoding::{Cbor, MessagePack};
use std::path::Path;
use wirectl_conformance::pushwire::{
    check_compressed, check_compressed_with_dictionaries, check_plain, check_shards,
};

#[test]
fn messagepack_is_decoded_and_encoded() {
    check_plain(MessagePack);
}

#[test]
fn cbor_is_decoded_and_encoded() {
    check_plain(Cbor);
}

#[test]
fn compressed_messagepack_is_decoded_and_encoded() {
    check_compressed(MessagePack);
}

#[test]
fn compressed_cbor_is_decoded_and_encoded() {
    check_compressed(Cbor);
}

#[test]
fn messagepack_compressed_with_dictionaries_is_decoded_and_encoded() {
    check_compressed_with_dictionaries(MessagePack, Path::new(env!("CARGO_TARGET_TMPDIR")));
}

#[test]
fn cbor_compressed_with_dictionaries_is_decoded_and_encoded() {
    check_compressed_with_dictionaries(Cbor, Path::new(env!("CARGO_TARGET_TMPDIR")));
}

#[test]
fn shards_in_messagepack_are_decoded_and_encoded() {
    check_shards(MessagePack);
}

#[test]
fn shards_in_cbor_are_decoded_and_encoded() {
    check_shards(Cbor);
}
