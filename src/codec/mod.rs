//! Encodings, reading beside writing. Readers keep positions and notice what no sound writer
//! produces; they never panic and never read past their bytes.

pub mod json;
pub mod messagepack;
