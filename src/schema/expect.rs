//! What an encoder expects of JSON, and how it complains.

use crate::codec::json::Json;
use thiserror::Error;

/// Why a record cannot be encoded, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{path}: {message}")]
pub struct EncodeError {
    /// Position in the record's text, in bytes.
    pub position: usize,
    /// The value's path, as jq spells it.
    pub path: String,
    /// What is wrong, what was expected, what may be meant.
    pub message: String,
}

impl EncodeError {
    /// An error about `json`.
    #[must_use]
    pub fn at(json: Json<'_>, message: impl Into<String>) -> Self {
        Self {
            position: json.position(),
            path: json.path(),
            message: message.into(),
        }
    }

    /// A value of the wrong kind.
    #[must_use]
    pub fn expected(json: Json<'_>, expected: &str) -> Self {
        let found = json.describe();
        Self::at(json, format!("expected {expected}, found {found}"))
    }

    /// A member `name` of `json` that is not there.
    #[must_use]
    pub fn missing(json: Json<'_>, name: &str, what: &str) -> Self {
        let mut error = Self::at(json, format!("missing: expected {what}"));
        let parent = std::mem::take(&mut error.path);
        error.path = format!("{}.{name}", parent.trim_end_matches('.'));
        error
    }

    /// A name that is not known, with the closest known one.
    #[must_use]
    pub fn unknown<'n>(
        json: Json<'_>,
        what: &str,
        name: &str,
        known: impl Iterator<Item = &'n str>,
    ) -> Self {
        let meant = match closest(name, known) {
            Some(meant) => format!("; did you mean {meant:?}?"),
            None => String::new(),
        };
        Self::at(json, format!("unknown {what} {name:?}{meant}"))
    }
}

/// The known name that `name` most resembles, if any does.
pub fn closest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let lower = name.to_lowercase();
    known
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().min(name.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// An integer from 0 to `most`.
///
/// # Errors
/// If `json` is something else.
pub fn unsigned(json: Json<'_>, most: u64) -> Result<u64, EncodeError> {
    match json.as_unsigned() {
        Some(value) if value <= most => Ok(value),
        Some(value) => Err(EncodeError::at(
            json,
            format!("{value} is too large: expected an integer from 0 to {most}"),
        )),
        None => Err(EncodeError::expected(
            json,
            &format!("an integer from 0 to {most}"),
        )),
    }
}

/// Appends the bytes that a string of hexadecimal digits spells.
///
/// # Errors
/// If `json` is something else.
pub fn hexadecimal(json: Json<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let Some(text) = json.as_text() else {
        return Err(EncodeError::expected(
            json,
            "bytes as a string of hexadecimal digits",
        ));
    };
    let start = out.len();
    out.resize(start + text.len() / 2, 0);
    let place = out.get_mut(start..).unwrap_or_default();
    if text.len() % 2 == 0 && faster_hex::hex_decode(text.as_bytes(), place).is_ok() {
        return Ok(());
    }
    out.truncate(start);
    let what = match text.bytes().position(|byte| !byte.is_ascii_hexdigit()) {
        Some(index) => format!("not hexadecimal at digit {}", index + 1),
        None => "an odd number of hexadecimal digits".to_owned(),
    };
    Err(EncodeError::at(json, what))
}
