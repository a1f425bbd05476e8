//! From the text of a record straight to a frame, for records as our own JSON output prints them.

use super::frame::Layout;
use super::messages;
use super::versions::{self, NAMES};
use crate::codec::json::Cursor;
use crate::protocol::{LineHead, Scratch};
use crate::schema::messagepack::{Codecs, Dialect, Transcoder};
use crate::schema::{MessageType, Versions};

/// What the header says.
struct Header {
    kind: &'static MessageType,
    layout: Layout,
    crc: u64,
    dialect: Dialect,
}

/// Appends the frame whose record goes on at `cursor` with its header and body. None if it is
/// spelled otherwise, or if anything contradicts anything; something may be appended then.
pub fn transcode(
    head: &LineHead<'_>,
    cursor: &mut Cursor<'_>,
    scratch: &mut Scratch,
    out: &mut Vec<u8>,
) -> Option<()> {
    let header = header(head, cursor)?;
    cursor.token(b",\"body\":")?;
    let start = out.len();
    let size = header.layout.size();
    out.resize(start + size, 0);
    Transcoder::new(out, cursor, header.dialect, &mut scratch.messagepack)
        .body(&header.kind.body)?;
    let (place, body) = out.get_mut(start..)?.split_at_mut_checked(size)?;
    let length = u32::try_from(body.len()).ok()?.to_le_bytes();
    let code = header.kind.code as u8;
    match header.layout {
        Layout::V0 => {
            let [a, b, c, d] = length;
            place.copy_from_slice(&[code, a, b, c, d]);
        }
        Layout::V1 => {
            let crc = crc32c::crc32c(body);
            if u64::from(crc) != header.crc {
                return None;
            }
            let (first, last) = place.split_at_mut_checked(2)?;
            first.copy_from_slice(&[1, code]);
            let (middle, last) = last.split_at_mut_checked(4)?;
            middle.copy_from_slice(&length);
            last.copy_from_slice(&crc.to_le_bytes());
        }
    }
    Some(())
}

fn header(head: &LineHead<'_>, cursor: &mut Cursor<'_>) -> Option<Header> {
    cursor.token(b",\"header\":{\"version\":")?;
    let layout = match cursor.unsigned()? {
        0 => Layout::V0,
        1 => Layout::V1,
        _ => return None,
    };
    cursor.token(b",\"code\":")?;
    let kind = messages::by_code(u8::try_from(cursor.unsigned()?).ok()?)?;
    let mut crc = 0;
    if layout == Layout::V1 {
        cursor.token(b",\"crc\":")?;
        crc = cursor.unsigned()?;
    }
    cursor.token(b",\"schema\":")?;
    let name = cursor.plain_text()?;
    let group = NAMES.iter().rposition(|known| known.as_bytes() == name)? as u32;
    let only = Versions::only(group);
    let fits = kind.name.as_bytes() == head.type_name
        && kind.when.meets(only)
        && layout.groups().meets(only);
    cursor.token(b",\"codec\":").filter(|()| fits)?;
    let dialect = versions::dialect(group);
    let codecs = match cursor.peek()? {
        b'n' => {
            cursor.token(b"null")?;
            newest(dialect.codecs)
        }
        _ => by_name(cursor.plain_text()?)?,
    };
    cursor.byte(b'}')?;
    Some(Header {
        kind,
        layout,
        crc,
        dialect: Dialect { codecs, ..dialect },
    })
}

/// All codecs, newest first.
pub const CODECS: [Codecs; 4] = [
    Codecs::Z_NEW,
    Codecs::Z_OLD,
    Codecs::Z_ARR,
    Codecs::RMP_NAMED,
];

/// The newest of some codecs.
pub fn newest(known: Codecs) -> Codecs {
    let newest = CODECS
        .into_iter()
        .find(|codec| !codec.and(known).is_empty());
    newest.unwrap_or(Codecs::Z_NEW)
}

fn by_name(name: &[u8]) -> Option<Codecs> {
    let named = |codec: &Codecs| codec.name().is_some_and(|known| known.as_bytes() == name);
    CODECS.into_iter().find(named)
}
