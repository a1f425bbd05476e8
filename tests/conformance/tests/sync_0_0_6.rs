//! Frames that `nodedb-types` 0.0.6 builds, and reads.
#![cfg(feature = "sync-0-0-6")]

use wirectl_conformance::sync::{check_version_found, check_version_told, v0_0_6};

#[test]
fn frames_are_decoded_and_encoded_when_the_version_is_told() {
    check_version_told(v0_0_6::SCHEMA, v0_0_6::frames);
}

#[test]
fn frames_are_decoded_when_the_version_is_found() {
    check_version_found(v0_0_6::frames);
}
