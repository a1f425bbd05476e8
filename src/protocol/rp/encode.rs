//! From records to frames.

use super::header::{ACK_REQUIRED, COMPRESSED, FRAGMENTED, Header, MAGIC, RESERVED, VERSION};
use super::messages::{DELTA_TYPE, MESSAGES, TAGS};
use super::shapes::parse_uuid;
use crate::codec::json::{Json, write_compact};
use crate::codec::{cbor, messagepack};
use crate::protocol::{Draft, EncodeOptions};
use crate::schema::notation::{self, Encoding};
use crate::schema::{EncodeError, Field, Type, unsigned};
use std::io::Write;

/// The level that the known encoder compresses with.
pub const LEVEL: i32 = 3;

/// How the payload is to be written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Values(Encoding),
    Json,
    /// Id, total and index, and the bytes of a part.
    RawShard,
}

/// Appends the frame that `draft` describes.
///
/// # Errors
/// If the body cannot be written so, or the header contradicts itself; `out` is then as before.
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
    let index = message_type(draft)?;
    let (header, dictionary) = header(draft, options)?;
    out.extend_from_slice(&header.magic);
    out.extend_from_slice(&[header.version, header.flags, header.channel]);
    out.extend_from_slice(&header.sequence.to_be_bytes());
    match dictionary {
        None => payload(draft, index, &header, out)?,
        Some(id) => {
            let mut plain = Vec::new();
            payload(draft, index, &header, &mut plain)?;
            out.extend_from_slice(&id.to_be_bytes());
            compress(draft, options, id, &plain, out)?;
        }
    }
    draft.settle_length(out.len() - start, options)?;
    Ok(())
}

fn message_type(draft: &Draft<'_>) -> Result<usize, EncodeError> {
    let (name, json) = draft.type_name;
    MESSAGES
        .iter()
        .position(|message| message.name == name)
        .ok_or_else(|| {
            let names = MESSAGES.iter().map(|message| message.name);
            EncodeError::unknown(json, "rp message type", name, names)
        })
}

/// The header, and the id of the dictionary if the payload is to be compressed.
fn header(
    draft: &Draft<'_>,
    options: &EncodeOptions,
) -> Result<(Header, Option<u32>), EncodeError> {
    let mut header = Header::empty();
    header.magic = MAGIC;
    header.version = draft.settle(draft.header_field("version"), VERSION.into(), options)? as u8;
    header.channel = draft.header_number("channel", 255)?.unwrap_or_default() as u8;
    let sequence = draft.header_number("sequence", u32::MAX.into())?;
    header.sequence = sequence.unwrap_or_default() as u32;
    let flag = |name: &str| -> Result<Option<bool>, EncodeError> {
        let given = draft
            .header_field("flags")
            .and_then(|flags| flags.get(name));
        given
            .map(|json| {
                json.as_bool()
                    .ok_or_else(|| EncodeError::expected(json, "true or false"))
            })
            .transpose()
    };
    let dictionary = draft.header_number("dictionary", u32::MAX.into())?;
    let compressed = flag("compressed")?;
    if let (Some(false), Some(json)) = (compressed, draft.header_field("dictionary")) {
        let text = "contradicts .header.flags.compressed, which is false";
        return Err(EncodeError::at(json, text));
    }
    let id = match (compressed, dictionary) {
        (_, Some(id)) => Some(id as u32),
        (Some(true), None) => Some(0),
        _ => None,
    };
    if id.is_some() {
        header.flags |= COMPRESSED;
    }
    if flag("fragmented")? == Some(true) {
        header.flags |= FRAGMENTED;
    }
    if flag("ack_required")? == Some(true) {
        header.flags |= ACK_REQUIRED;
    }
    if let Some(json) = draft
        .header_field("flags")
        .and_then(|flags| flags.get("reserved"))
    {
        header.flags |= unsigned(json, RESERVED.into())? as u8 & RESERVED;
    }
    Ok((header, id))
}

fn payload(
    draft: &Draft<'_>,
    index: usize,
    header: &Header,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let body = draft
        .body
        .ok_or_else(|| EncodeError::missing(draft.record, "body", "the payload's value"))?;
    match form(draft, header, body)? {
        Form::Json => {
            if write_compact(body, out) {
                Ok(())
            } else {
                Err(EncodeError::at(body, "nested deeper than any reader goes"))
            }
        }
        Form::RawShard => raw_shard(body, out),
        Form::Values(encoding) if by_name(draft, index, body) => named(encoding, index, body, out),
        Form::Values(encoding) => notation::write(encoding, body, out),
    }
}

/// Whether the body has a known message's fields by name, as people write them: without the tag; or
/// without having been decoded, which shows in that nothing says how it is encoded.
fn by_name(draft: &Draft<'_>, index: usize, body: Json<'_>) -> bool {
    let (Some(message), Some(tag)) = (MESSAGES.get(index), TAGS.get(index)) else {
        return false;
    };
    if body.members().is_none() {
        return false;
    }
    if !tag.key.is_empty() {
        return body.get(tag.key).is_none();
    }
    let decoded = draft.header_field("encoding").is_some();
    let fields = message.body.fields;
    let known = fields
        .iter()
        .any(|field| body.get(field.label.name).is_some());
    !decoded && known && index != DELTA_TYPE
}

fn form(draft: &Draft<'_>, header: &Header, body: Json<'_>) -> Result<Form, EncodeError> {
    let Some(json) = draft.header_field("encoding") else {
        // A decoded part behind a raw header has no encoding.
        let said = draft
            .header
            .is_some_and(|header| header.get("encoding").is_some());
        let raw = said && header.flags & FRAGMENTED != 0 && body.get("fragment_id").is_some();
        return Ok(if raw {
            Form::RawShard
        } else {
            Form::Values(Encoding::MessagePack)
        });
    };
    match json.as_text() {
        Some("msgpack") => Ok(Form::Values(Encoding::MessagePack)),
        Some("cbor") => Ok(Form::Values(Encoding::Cbor)),
        Some("json") => Ok(Form::Json),
        Some(name) => {
            let names = ["msgpack", "cbor", "json"].into_iter();
            Err(EncodeError::unknown(json, "encoding", name, names))
        }
        None => Err(EncodeError::expected(json, "an encoding's name")),
    }
}

fn raw_shard(body: Json<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let member = |name: &str| {
        body.get(name)
            .ok_or_else(|| EncodeError::missing(body, name, "a part's field"))
    };
    let bytes = |json: Json<'_>, out: &mut Vec<u8>| {
        let hex = json
            .get("$bytes")
            .ok_or_else(|| EncodeError::expected(json, "{\"$bytes\":\"hex\"}"))?;
        crate::schema::hexadecimal(hex, out)
    };
    let start = out.len();
    let id = member("fragment_id")?;
    bytes(id, out)?;
    if out.len() - start != 16 {
        return Err(EncodeError::expected(id, "16 bytes"));
    }
    for name in ["total", "index"] {
        let number = unsigned(member(name)?, u16::MAX.into())? as u16;
        out.extend_from_slice(&number.to_be_bytes());
    }
    bytes(member("payload")?, out)
}

/// Writes a message from its fields by name, as the known encoders do: MessagePack by position, CBOR
/// by name; its tag first, if it has one.
fn named(
    encoding: Encoding,
    index: usize,
    body: Json<'_>,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let (Some(message), Some(tag)) = (MESSAGES.get(index), TAGS.get(index)) else {
        return Ok(());
    };
    let fields = message.body.fields;
    for (name, value) in body.members().into_iter().flatten() {
        if !fields.iter().any(|field| field.label.name == name) {
            let names = fields.iter().map(|field| field.label.name);
            return Err(EncodeError::unknown(value, "field", name, names));
        }
    }
    let mut given: Vec<(&'static Field, Json<'_>)> = Vec::new();
    for field in fields {
        let needed = matches!(field.kind, Type::Any) && !field.may_lack;
        let value = body.get(field.label.name);
        match value.filter(|json| needed || !json.is_null()) {
            Some(value) => given.push((field, value)),
            None if field.may_lack => {}
            None => {
                let what = field.kind.describe();
                return Err(EncodeError::missing(body, field.label.name, &what));
            }
        }
    }
    let tagged = !tag.key.is_empty();
    let count = given.len() + usize::from(tagged);
    match encoding {
        Encoding::MessagePack => messagepack::write_array(out, count),
        Encoding::Cbor => cbor::write_map(out, count),
    }
    match encoding {
        Encoding::MessagePack if tagged => messagepack::write_text(out, tag.word.as_bytes()),
        Encoding::Cbor if tagged => {
            cbor::write_text(out, tag.key.as_bytes());
            cbor::write_text(out, tag.word.as_bytes());
        }
        _ => {}
    }
    for (field, value) in given {
        if encoding == Encoding::Cbor {
            cbor::write_text(out, field.label.name.as_bytes());
        }
        field_value(encoding, &field.kind, value, out)?;
    }
    Ok(())
}

/// A field's value; UUIDs may be given as people write them.
fn field_value(
    encoding: Encoding,
    kind: &Type,
    value: Json<'_>,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    match kind {
        Type::Uuid => {
            let uuid = value.as_text().and_then(|text| parse_uuid(text.as_bytes()));
            match (uuid, encoding) {
                (Some(uuid), Encoding::MessagePack) => messagepack::write_binary(out, &uuid),
                (Some(uuid), Encoding::Cbor) => cbor::write_bytes(out, &uuid),
                (None, _) if value.get("$bytes").is_some() => {
                    return notation::write(encoding, value, out);
                }
                _ => return Err(EncodeError::expected(value, "a UUID")),
            }
            Ok(())
        }
        Type::List(item) if matches!(item, Type::Uuid) => {
            let items = value
                .items()
                .ok_or_else(|| EncodeError::expected(value, "a list of UUIDs"))?;
            let count = items.clone().count();
            match encoding {
                Encoding::MessagePack => messagepack::write_array(out, count),
                Encoding::Cbor => cbor::write_array(out, count),
            }
            items
                .into_iter()
                .try_for_each(|uuid| field_value(encoding, item, uuid, out))
        }
        Type::Unsigned(width) => {
            unsigned(value, u64::MAX >> (64 - 8 * u32::from(*width)))?;
            notation::write(encoding, value, out)
        }
        Type::Text if value.as_text().is_none() => Err(EncodeError::expected(value, "a string")),
        _ => notation::write(encoding, value, out),
    }
}

/// Compresses as the known encoder does: at once, with the content's size, without a dictionary;
/// as a stream with one.
fn compress(
    draft: &Draft<'_>,
    options: &EncodeOptions,
    id: u32,
    plain: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let place = draft.header_field("dictionary").unwrap_or(draft.record);
    let failed = |error: std::io::Error| EncodeError::at(place, format!("zstd: {error}"));
    if id == 0 {
        let data = zstd::bulk::compress(plain, LEVEL).map_err(failed)?;
        out.extend_from_slice(&data);
        return Ok(());
    }
    let known = options.dictionaries.iter().find(|(known, _)| *known == id);
    let Some((_, dictionary)) = known else {
        return Err(EncodeError::at(
            place,
            format!("dictionary {id} is not known; give it with --dictionary {id}=FILE"),
        ));
    };
    let mut encoder =
        zstd::stream::Encoder::with_dictionary(Vec::new(), LEVEL, dictionary).map_err(failed)?;
    encoder.write_all(plain).map_err(failed)?;
    out.extend_from_slice(&encoder.finish().map_err(failed)?);
    Ok(())
}
