//! From records to frames.

use super::frame::Layout;
use super::messages;
use super::transcode::{CODECS, newest};
use super::versions::{self, NAMES, V0_6};
use crate::protocol::{Draft, EncodeOptions};
use crate::schema::messagepack::{Codecs, Dialect, Encoder};
use crate::schema::{EncodeError, MessageType, Versions};

/// Appends the frame that `draft` describes.
///
/// # Errors
/// If it does not fit the tables or contradicts itself; `out` is then as before.
pub fn encode(
    draft: &Draft<'_>,
    options: &EncodeOptions,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let start = out.len();
    let result = frame(draft, options, out, start);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn frame(
    draft: &Draft<'_>,
    options: &EncodeOptions,
    out: &mut Vec<u8>,
    start: usize,
) -> Result<(), EncodeError> {
    let kind = message_type(draft)?;
    let group = group(draft, kind, options)?;
    let layout = if Layout::V1.groups().meets(Versions::only(group)) {
        Layout::V1
    } else {
        Layout::V0
    };
    let dialect = Dialect {
        codecs: codec(draft, group)?,
        ..versions::dialect(group)
    };
    out.resize(start + layout.size(), 0);
    Encoder::new(out, dialect).body(&kind.body, draft.required_body()?)?;
    header(draft, options, kind, layout, out, start)
}

fn message_type(draft: &Draft<'_>) -> Result<&'static MessageType, EncodeError> {
    let (name, json) = draft.type_name;
    messages::MESSAGES
        .iter()
        .find(|message| message.name == name)
        .ok_or_else(|| {
            let names = messages::MESSAGES.iter().map(|message| message.name);
            EncodeError::unknown(json, "sync message type", name, names)
        })
}

/// The version group: as the record says, or the user, or the newest with the type and the header.
fn group(
    draft: &Draft<'_>,
    kind: &MessageType,
    options: &EncodeOptions,
) -> Result<u32, EncodeError> {
    let version = draft.header_number("version", 255)?;
    let header = match version {
        Some(0) => Layout::V0.groups(),
        Some(_) => Layout::V1.groups(),
        None => Versions::ALL,
    };
    if let Some(json) = draft.header_field("schema") {
        let name = json
            .as_text()
            .ok_or_else(|| EncodeError::expected(json, "a version group's name"))?;
        let group = versions::by_name(name).ok_or_else(|| {
            EncodeError::unknown(json, "version group", name, NAMES.iter().copied())
        })?;
        let only = Versions::only(group);
        if !kind.when.meets(only) {
            return Err(EncodeError::at(
                json,
                format!("version {name} has no {}", kind.name),
            ));
        }
        if !header.meets(only) && !options.as_is {
            return Err(EncodeError::at(
                json,
                format!("version {name} has another header than .header.version says"),
            ));
        }
        return Ok(group);
    }
    if let Some(group) = options.sync_version {
        if kind.when.meets(Versions::only(group)) {
            return Ok(group);
        }
        let name = NAMES.get(group as usize).copied().unwrap_or_default();
        return Err(EncodeError::at(
            draft.type_name.1,
            format!("version {name} has no {}", kind.name),
        ));
    }
    let known = kind.when.and(header).and(versions::since(0));
    known
        .newest()
        .ok_or_else(|| {
            EncodeError::at(
                draft.type_name.1,
                "no version with this header has this type",
            )
        })
        .map(|group| group.min(V0_6))
}

/// The codec: as the record says, or the group's newest.
fn codec(draft: &Draft<'_>, group: u32) -> Result<Codecs, EncodeError> {
    let known = versions::dialect(group).codecs;
    let Some(json) = draft.header_field("codec") else {
        return Ok(newest(known));
    };
    let name = json
        .as_text()
        .ok_or_else(|| EncodeError::expected(json, "a codec's name"))?;
    CODECS
        .into_iter()
        .find(|codec| codec.name() == Some(name))
        .ok_or_else(|| {
            let names = CODECS.into_iter().filter_map(Codecs::name);
            EncodeError::unknown(json, "codec", name, names)
        })
}

/// Fills in the header in front of the body that stands at the end of `out`.
fn header(
    draft: &Draft<'_>,
    options: &EncodeOptions,
    kind: &MessageType,
    layout: Layout,
    out: &mut [u8],
    start: usize,
) -> Result<(), EncodeError> {
    let frame = out.get_mut(start..).unwrap_or_default();
    let size = draft.settle_length(frame.len(), options)?;
    let length = size.saturating_sub(layout.size() as u64) as u32;
    let code = draft.settle(draft.header_field("code"), kind.code, options)? as u8;
    let Some((head, body)) = frame.split_at_mut_checked(layout.size()) else {
        return Ok(());
    };
    let mut fields = Vec::with_capacity(Layout::V1.size());
    match layout {
        Layout::V0 => {
            fields.push(code);
            fields.extend_from_slice(&length.to_le_bytes());
        }
        Layout::V1 => {
            let computed = crc32c::crc32c(body);
            let version = draft.settle(draft.header_field("version"), 1, options)? as u8;
            let crc = draft.settle(draft.header_field("crc"), computed.into(), options)? as u32;
            fields.extend_from_slice(&[version, code]);
            fields.extend_from_slice(&length.to_le_bytes());
            fields.extend_from_slice(&crc.to_le_bytes());
        }
    }
    head.copy_from_slice(&fields);
    Ok(())
}
