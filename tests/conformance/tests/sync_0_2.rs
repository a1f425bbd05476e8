//! Frames that `nodedb-types` 0.2.1 builds, and reads.
#![cfg(feature = "sync-0-2")]

use wirectl_conformance::sync::{check_version_found, check_version_told, v0_2};

#[test]
fn frames_are_decoded_and_encoded_when_the_version_is_told() {
    check_version_told(v0_2::SCHEMA, v0_2::frames);
}

#[test]
fn frames_are_decoded_when_the_version_is_found() {
    check_version_found(v0_2::frames);
}
