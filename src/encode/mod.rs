//! From records back to bytes.

mod assign;
mod example;
mod reader;

pub use assign::{Assignment, AssignmentError, assemble};
pub use example::example;
pub use reader::{ReadError, RecordReader};

use crate::codec::json::Json;
use crate::protocol::{self, Draft, EncodeOptions, Protocol};
use crate::schema::{EncodeError, MessageType, hexadecimal};

/// Appends the bytes of `record` to `out`. Nothing is appended for a record that was derived from
/// others, whose bytes are already theirs.
///
/// # Errors
/// If the record cannot be encoded; `out` is then as before.
pub fn encode_record(
    record: Json<'_>,
    options: &EncodeOptions,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    if record.members().is_none() {
        return Err(EncodeError::expected(record, "a record (an object)"));
    }
    if let Some(mark) = flag(record, "redacted") {
        return Err(EncodeError::at(
            mark,
            "the record is redacted: its secrets are masked, so its bytes cannot be made again; \
             decode without --redact",
        ));
    }
    if flag(record, "derived").is_some() {
        return Ok(());
    }
    if let Some(raw) = record.get("raw").filter(|json| !json.is_null()) {
        return hexadecimal(raw, out);
    }
    let draft = draft(record)?;
    let protocol = protocol_of(&draft)?;
    protocol.encode(&draft, options, out)
}

/// The message type that `name` (`PROTOCOL.TYPE`) names.
#[must_use]
pub fn type_by_name(name: &str) -> Option<(&'static dyn Protocol, &'static MessageType)> {
    let (protocol, type_name) = name.rsplit_once('.')?;
    let protocol = protocol::by_name(protocol)?;
    let kind = protocol
        .messages()
        .iter()
        .find(|message| message.name == type_name)?;
    Some((protocol, kind))
}

/// All message types as `PROTOCOL.TYPE`.
pub fn type_names() -> impl Iterator<Item = String> {
    protocol::ALL.iter().flat_map(|protocol| {
        protocol
            .messages()
            .iter()
            .map(move |message| format!("{}.{}", protocol.name(), message.name))
    })
}

fn flag<'d>(record: Json<'d>, name: &str) -> Option<Json<'d>> {
    record.get(name).filter(|json| json.as_bool() == Some(true))
}

fn draft<'d>(record: Json<'d>) -> Result<Draft<'d>, EncodeError> {
    let text = |name: &str, what: &str| {
        let json = record
            .get(name)
            .ok_or_else(|| EncodeError::missing(record, name, what))?;
        let text = json
            .as_text()
            .ok_or_else(|| EncodeError::expected(json, what))?;
        Ok((text, json))
    };
    Ok(Draft {
        record,
        protocol: text("protocol", "a protocol's name")?,
        type_name: text("type", "a message type's name")?,
        header: record.get("header").filter(|json| !json.is_null()),
        body: record.get("body"),
    })
}

fn protocol_of(draft: &Draft<'_>) -> Result<&'static dyn Protocol, EncodeError> {
    let (name, json) = draft.protocol;
    if name == "unknown" {
        return Err(EncodeError::at(
            json,
            "bytes of no protocol can be written only from .raw, which is missing",
        ));
    }
    protocol::by_name(name).ok_or_else(|| {
        let names = protocol::ALL.iter().map(|protocol| protocol.name());
        EncodeError::unknown(json, "protocol", name, names)
    })
}
