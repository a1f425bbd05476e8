//! From the text of a record straight to a message, for records as our own JSON output prints them.

use super::log_entries;
use super::messages::{LAYOUTS, V4_1};
use super::reading::{Family, has_layouts};
use crate::codec::json::Cursor;
use crate::protocol::LineHead;
use crate::schema::Versions;
use crate::schema::packed::{Order, Transcoder};

/// Appends the message of `family` whose record goes on at `cursor` with its header and body. None
/// if it is spelled otherwise, or if anything contradicts anything; something may be appended then.
pub fn transcode(
    family: Family,
    head: &LineHead<'_>,
    cursor: &mut Cursor<'_>,
    out: &mut Vec<u8>,
) -> Option<()> {
    if matches!(family, Family::Service | Family::LogEntry) {
        return None;
    }
    let mut kinds = family.messages().iter();
    let kind = kinds.find(|kind| kind.name.as_bytes() == head.type_name)?;
    cursor.token(b",\"header\":{\"prefixed\":")?;
    let prefixed = cursor.peek()? == b't';
    match prefixed {
        true => cursor.token(b"true")?,
        false => cursor.token(b"false")?,
    }
    let start = out.len();
    if prefixed {
        out.extend_from_slice(&[0; 4]);
    }
    if family.tagged() && kind.code != 0 {
        cursor.token(b",\"code\":")?;
        let code = cursor.unsigned().filter(|code| *code == kind.code)?;
        out.push(code as u8);
    }
    let mut layout = V4_1;
    if has_layouts(kind) {
        cursor.token(b",\"layout\":")?;
        let name = cursor.plain_text()?;
        layout = LAYOUTS.iter().position(|known| known.as_bytes() == name)? as u32;
    }
    cursor.token(b"},\"body\":")?;
    let version = Versions::only(layout);
    Transcoder::new(out, cursor, Order::Little, version, is_right).structure(&kind.body)?;
    if prefixed {
        let length = u32::try_from(out.len() - start - 4).ok()?;
        let place = out.get_mut(start..start + 4)?;
        place.copy_from_slice(&length.to_le_bytes());
    }
    Some(())
}

/// Whether what a record shows beside the fields fits them.
fn is_right(name: &str, number: u64, text: &[u8]) -> bool {
    match name {
        "entry_type_name" => {
            let kind = u8::try_from(number).ok().and_then(log_entries::by_code);
            let quoted = text
                .strip_prefix(b"\"")
                .and_then(|text| text.strip_suffix(b"\""));
            match kind {
                Some(kind) => quoted == Some(kind.name.as_bytes()),
                None => text == b"null",
            }
        }
        "magic_hex" => text == format!("\"{number:08x}\"").as_bytes(),
        _ => true,
    }
}
