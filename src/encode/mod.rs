//! From records back to bytes.

mod assign;
mod example;
mod line;
mod raw;
mod reader;

pub use assign::{Assignment, AssignmentError, Choice, assemble, choices};
pub use example::example;
pub use line::LineEncoder;
pub use reader::{ReadError, RecordReader};

use crate::codec::json::Json;
use crate::protocol::{self, Draft, EncodeOptions, Protocol, rp};
use crate::schema::notation::Encoding;
use crate::schema::{EncodeError, MessageType, hexadecimal};

/// Appends the bytes of `record` to `out`. Nothing is appended for a record that was derived from
/// others, whose bytes are already theirs. A record's `raw` is written as it is, unless its fields
/// were changed after decoding: that is an error, or with [`EncodeOptions::recompute`] the fields
/// count.
///
/// # Errors
/// If the record cannot be encoded; `out` is then as before.
pub fn encode_record(
    record: Json<'_>,
    options: &EncodeOptions,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let parts = Parts::of(record)?;
    if let Some(mark) = parts.redacted.filter(|json| json.as_bool() == Some(true)) {
        return Err(EncodeError::at(
            mark,
            "the record is redacted: its secrets are masked, so its bytes cannot be made again; \
             decode without --redact",
        ));
    }
    if parts.derived.and_then(Json::as_bool) == Some(true) {
        return Ok(());
    }
    if let Some(raw) = parts.raw.filter(|json| !json.is_null()) {
        let start = out.len();
        hexadecimal(raw, out)?;
        let bytes = out.get(start..).unwrap_or_default();
        if options.as_is || bytes.is_empty() {
            return Ok(());
        }
        let Some(error) = raw::contradiction(&parts, options, bytes) else {
            return Ok(());
        };
        out.truncate(start);
        if !options.recompute {
            return Err(error);
        }
    }
    let draft = parts.draft()?;
    let protocol = protocol_of(&draft)?;
    protocol.encode(&draft, options, out)
}

/// The frames that `record` is sent as, if those of `rp` are cut into fragments of `size` bytes.
///
/// # Errors
/// If the record cannot be encoded, or there would be too many fragments.
pub fn fragmented(
    record: Json<'_>,
    options: &EncodeOptions,
    size: usize,
) -> Result<Vec<Vec<u8>>, EncodeError> {
    let mut frame = Vec::new();
    encode_record(record, options, &mut frame)?;
    let text = |json: Option<Json<'_>>, wanted: &str| {
        json.and_then(Json::as_text)
            .is_some_and(|text| text == wanted)
    };
    if !text(record.get("protocol"), "rp") {
        return Ok(vec![frame]);
    }
    let spelled = record
        .get("header")
        .and_then(|header| header.get("encoding"));
    let encoding = match text(spelled, "cbor") {
        true => Encoding::Cbor,
        false => Encoding::MessagePack,
    };
    rp::fragments(&frame, size, encoding).map_err(|count| {
        let what =
            format!("{count} fragments of {size} bytes are more than the 65535 there can be");
        EncodeError::at(record, what)
    })
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
    protocol::named().flat_map(|protocol| {
        protocol
            .messages()
            .iter()
            .map(move |message| format!("{}.{}", protocol.name(), message.name))
    })
}

/// The members of a record that encoding looks at.
struct Parts<'d> {
    record: Json<'d>,
    protocol: Option<Json<'d>>,
    type_name: Option<Json<'d>>,
    header: Option<Json<'d>>,
    body: Option<Json<'d>>,
    raw: Option<Json<'d>>,
    redacted: Option<Json<'d>>,
    derived: Option<Json<'d>>,
    length: Option<Json<'d>>,
}

impl<'d> Parts<'d> {
    fn of(record: Json<'d>) -> Result<Self, EncodeError> {
        let members = record
            .members()
            .ok_or_else(|| EncodeError::expected(record, "a record (an object)"))?;
        let mut parts = Self {
            record,
            protocol: None,
            type_name: None,
            header: None,
            body: None,
            raw: None,
            redacted: None,
            derived: None,
            length: None,
        };
        for (name, value) in members {
            let place = match name {
                "protocol" => &mut parts.protocol,
                "type" => &mut parts.type_name,
                "header" => &mut parts.header,
                "body" => &mut parts.body,
                "raw" => &mut parts.raw,
                "redacted" => &mut parts.redacted,
                "derived" => &mut parts.derived,
                "length" => &mut parts.length,
                _ => continue,
            };
            *place = Some(value);
        }
        Ok(parts)
    }

    fn draft(&self) -> Result<Draft<'d>, EncodeError> {
        let record = self.record;
        let text = |part: Option<Json<'d>>, name: &str, what: &str| {
            let json = part.ok_or_else(|| EncodeError::missing(record, name, what))?;
            let text = json
                .as_text()
                .ok_or_else(|| EncodeError::expected(json, what))?;
            Ok((text, json))
        };
        Ok(Draft {
            record,
            protocol: text(self.protocol, "protocol", "a protocol's name")?,
            type_name: text(self.type_name, "type", "a message type's name")?,
            header: self.header.filter(|json| !json.is_null()),
            body: self.body,
            length: self.length.filter(|json| !json.is_null()),
        })
    }
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
