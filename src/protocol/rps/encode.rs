//! From records to JSON messages.

use super::messages::MESSAGES;
use crate::codec::json::{Json, write_compact, write_string};
use crate::protocol::rp::messages::TAGS;
use crate::protocol::{Draft, EncodeOptions};
use crate::schema::EncodeError;

/// Appends the message that `draft` describes, as compact text.
///
/// # Errors
/// If the type is not known or the body is not there; `out` is then as before.
pub fn encode(
    draft: &Draft<'_>,
    options: &EncodeOptions,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let start = out.len();
    let result = message(draft, options, out, start);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn message(
    draft: &Draft<'_>,
    options: &EncodeOptions,
    out: &mut Vec<u8>,
    start: usize,
) -> Result<(), EncodeError> {
    let (name, json) = draft.type_name;
    let index = MESSAGES.iter().position(|message| message.name == name);
    if index.is_none() && name != "unknown" {
        let names = MESSAGES.iter().map(|message| message.name);
        return Err(EncodeError::unknown(json, "rps message type", name, names));
    }
    let body = draft.required_body()?;
    let written = match missing_tag(index, body) {
        Some((key, word)) => {
            out.push(b'{');
            write_string(key, out);
            out.push(b':');
            write_string(word, out);
            body.members().into_iter().flatten().all(|(name, value)| {
                out.push(b',');
                write_string(name, out);
                out.push(b':');
                write_compact(value, out)
            }) && {
                out.push(b'}');
                true
            }
        }
        None => write_compact(body, out),
    };
    if !written {
        return Err(EncodeError::at(body, "nested deeper than any reader goes"));
    }
    match draft
        .header_field("newline")
        .map(|json| (json, json.as_bool()))
    {
        None | Some((_, Some(false))) => {}
        Some((_, Some(true))) => out.push(b'\n'),
        Some((json, None)) => return Err(EncodeError::expected(json, "true or false")),
    }
    draft.settle_length(out.len() - start, options)?;
    Ok(())
}

/// The tag that the type has and the body lacks: people may leave it out. Acknowledgements by POST
/// have none.
fn missing_tag(index: Option<usize>, body: Json<'_>) -> Option<(&'static str, &'static str)> {
    let tag = TAGS.get(index?).filter(|tag| !tag.key.is_empty())?;
    body.members()?;
    let post = tag.word == super::messages::ACK && body.get("client_id").is_some();
    (body.get(tag.key).is_none() && !post).then_some((tag.key, tag.word))
}
