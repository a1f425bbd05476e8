//! Frames that `nodedb-types` 0.3.0 builds, and reads.
#![cfg(feature = "sync-0-3")]

use wirectl_conformance::sync::{check_version_found, check_version_told, v0_3};

#[test]
fn frames_are_decoded_and_encoded_when_the_version_is_told() {
    check_version_told(v0_3::SCHEMA, v0_3::frames);
}

#[test]
fn frames_are_decoded_when_the_version_is_found() {
    check_version_found(v0_3::frames);
}
