//! Messages and feeder entries that `noxu-rep` 7.11.2 writes, and reads.
#![cfg(feature = "noxu")]

use wirectl_conformance::noxu;

#[test]
fn protocol_messages_are_decoded_and_encoded() {
    noxu::check_protocol_messages();
}

#[test]
fn syncup_messages_are_decoded_and_encoded() {
    noxu::check_syncup_messages();
}

#[test]
fn feeder_entries_are_decoded_and_encoded() {
    noxu::check_feeder_entries();
}
