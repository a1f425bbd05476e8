//! Frames that `nodedb-types` 0.0.4 builds, and reads.
#![cfg(feature = "sync-0-0-4")]

use wirectl_conformance::sync::{check_version_found, check_version_told, v0_0_4};

#[test]
fn frames_are_decoded_and_encoded_when_the_version_is_told() {
    check_version_told(v0_0_4::SCHEMA, v0_0_4::frames);
}

#[test]
fn frames_are_decoded_when_the_version_is_found() {
    check_version_found(v0_0_4::frames);
}
