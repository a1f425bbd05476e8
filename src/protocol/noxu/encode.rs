//! From records to frames.

use super::log_entries;
use super::messages::{LAYOUTS, V4_1};
use super::reading::{Family, has_layouts};
use crate::codec::json::Json;
use crate::protocol::{Draft, EncodeOptions};
use crate::schema::packed::{Encoder, Order};
use crate::schema::{EncodeError, MessageType, Versions};

/// Appends the frame that `draft` describes, a message of `family`.
///
/// # Errors
/// If it does not fit the tables or contradicts itself; `out` is then as before.
pub fn encode(
    family: Family,
    draft: &Draft<'_>,
    options: &EncodeOptions,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let start = out.len();
    let result = frame(family, draft, options, out);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn frame(
    family: Family,
    draft: &Draft<'_>,
    options: &EncodeOptions,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let kind = message_type(family, draft)?;
    let start = out.len();
    let prefixed = prefixed(family, draft, options)?;
    if prefixed {
        out.extend_from_slice(&[0; 4]);
    }
    if family.tagged() && kind.code != 0 {
        let code = draft.settle(draft.header_field("code"), kind.code, options)?;
        out.push(code as u8);
    }
    let body = draft.required_body()?;
    check_derived(body, options)?;
    let table = match family {
        Family::LogEntry => {
            let old = body.get("layout").and_then(Json::as_text) == Some("TxnEndEntry-36");
            log_entries::body_of(kind, if old { 36 } else { 0 })
        }
        _ => &kind.body,
    };
    let order = match family {
        Family::LogEntry => Order::Big,
        _ => Order::Little,
    };
    let version = match family {
        Family::LogEntry => Versions::ALL,
        _ => Versions::only(layout(kind, draft)?),
    };
    let settle = |given: Option<Json<'_>>, computed: u64| draft.settle(given, computed, options);
    Encoder::new(out, order, version, &settle).structure(table, body)?;
    let written = out.len() - start;
    // A length that counts another prefix than is wanted says nothing.
    let said = draft.header_field("prefixed").and_then(Json::as_bool);
    let length = match said {
        Some(said) if said != prefixed => written as u64,
        _ => draft.settle_length(written, options)?,
    };
    if prefixed {
        let length = u32::try_from(length.saturating_sub(4)).unwrap_or(u32::MAX);
        if let Some(place) = out.get_mut(start..start + 4) {
            place.copy_from_slice(&length.to_le_bytes());
        }
    }
    Ok(())
}

fn message_type(family: Family, draft: &Draft<'_>) -> Result<&'static MessageType, EncodeError> {
    let (name, json) = draft.type_name;
    let known = family.messages();
    known
        .iter()
        .find(|message| message.name == name)
        .ok_or_else(|| {
            let names = known.iter().map(|message| message.name);
            EncodeError::unknown(json, family.name(), name, names)
        })
}

/// Whether the message goes into a frame: as the user says, or the record; on TCP it does.
fn prefixed(
    family: Family,
    draft: &Draft<'_>,
    options: &EncodeOptions,
) -> Result<bool, EncodeError> {
    if family == Family::Service {
        return Ok(false);
    }
    if let Some(prefixed) = options.length_prefix {
        return Ok(prefixed);
    }
    match draft.header_field("prefixed") {
        Some(json) => json
            .as_bool()
            .ok_or_else(|| EncodeError::expected(json, "true or false")),
        None => Ok(family != Family::LogEntry),
    }
}

/// The layout: as the record says, or the newest.
fn layout(kind: &MessageType, draft: &Draft<'_>) -> Result<u32, EncodeError> {
    let Some(json) = draft.header_field("layout").filter(|_| has_layouts(kind)) else {
        return Ok(V4_1);
    };
    let name = json
        .as_text()
        .ok_or_else(|| EncodeError::expected(json, "a layout's name"))?;
    LAYOUTS
        .iter()
        .position(|known| *known == name)
        .map(|index| index as u32)
        .ok_or_else(|| EncodeError::unknown(json, "layout", name, LAYOUTS.iter().copied()))
}

/// What records show beside the fields must fit them.
fn check_derived(body: Json<'_>, options: &EncodeOptions) -> Result<(), EncodeError> {
    if options.as_is || options.recompute {
        return Ok(());
    }
    let number = |name: &str| body.get(name).and_then(Json::as_unsigned);
    let contradicts = |json: Json<'_>, other: &str, value: &str| {
        let what = format!("contradicts {other}, which makes it {value}; leave it out");
        Err(EncodeError::at(json, what))
    };
    if let (Some(code), Some(json)) = (number("entry_type"), body.get("entry_type_name")) {
        let kind = u8::try_from(code).ok().and_then(log_entries::by_code);
        if json.as_text() != kind.map(|kind| kind.name) {
            let name = kind.map_or("null", |kind| kind.name);
            return contradicts(json, "entry_type", name);
        }
    }
    if let (Some(magic), Some(json)) = (number("magic"), body.get("magic_hex")) {
        let digits = format!("{magic:08x}");
        if json.as_text() != Some(&digits) {
            return contradicts(json, "magic", &digits);
        }
    }
    Ok(())
}
