//! From the text of a record straight to a frame, for records as our own JSON output prints them.

use super::encode::LEVEL;
use super::header::{ACK_REQUIRED, COMPRESSED, FRAGMENTED, MAGIC, VERSION};
use super::messages::{MESSAGES, TAGS};
use crate::codec::json::Cursor;
use crate::protocol::{LineHead, Scratch};
use crate::schema::notation::{self, Encoding};

/// What the header says.
struct Header {
    flags: u8,
    channel: u8,
    sequence: u32,
    encoding: Encoding,
}

/// Appends the frame whose record goes on at `cursor` with its header and body. None if it is
/// spelled otherwise, or compressed with a dictionary; something may be appended then.
pub fn transcode(
    head: &LineHead<'_>,
    cursor: &mut Cursor<'_>,
    scratch: &mut Scratch,
    out: &mut Vec<u8>,
) -> Option<()> {
    let mut kinds = MESSAGES.iter().zip(&TAGS);
    let (_, tag) = kinds.find(|(kind, _)| kind.name.as_bytes() == head.type_name)?;
    let header = header(cursor)?;
    cursor.token(b",\"body\":")?;
    if !tag.key.is_empty() && cursor.peek() == Some(b'{') {
        // Without its tag, it is not what was on the wire, but its fields.
        let mut ahead = cursor.clone();
        ahead.byte(b'{')?;
        (ahead.key()? == tag.key.as_bytes()).then_some(())?;
    }
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[VERSION, header.flags, header.channel]);
    out.extend_from_slice(&header.sequence.to_be_bytes());
    let document = &mut scratch.document;
    if header.flags & COMPRESSED == 0 {
        return notation::transcode(header.encoding, cursor, document, out);
    }
    let plain = &mut scratch.bytes;
    plain.clear();
    notation::transcode(header.encoding, cursor, document, plain)?;
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&zstd::bulk::compress(plain, LEVEL).ok()?);
    Some(())
}

fn header(cursor: &mut Cursor<'_>) -> Option<Header> {
    cursor.token(b",\"header\":{\"version\":1,\"flags\":{")?;
    let mut flags = 0;
    for (key, flag) in [
        (&b"\"compressed\":"[..], COMPRESSED),
        (b",\"fragmented\":", FRAGMENTED),
        (b",\"ack_required\":", ACK_REQUIRED),
    ] {
        cursor.literal(key)?;
        let set = cursor.peek()? == b't';
        cursor.literal(if set { b"true" } else { b"false" })?;
        flags |= if set { flag } else { 0 };
    }
    cursor.token(b"},\"channel\":")?;
    let channel = u8::try_from(cursor.unsigned()?).ok()?;
    cursor.token(b",\"sequence\":")?;
    let sequence = u32::try_from(cursor.unsigned()?).ok()?;
    cursor.token(b",\"dictionary\":")?;
    match flags & COMPRESSED {
        0 => cursor.token(b"null")?,
        _ => cursor.token(b"0")?,
    }
    cursor.token(b",\"encoding\":")?;
    let encoding = match cursor.plain_text()? {
        b"msgpack" => Encoding::MessagePack,
        b"cbor" => Encoding::Cbor,
        _ => return None,
    };
    cursor.byte(b'}')?;
    Some(Header {
        flags,
        channel,
        sequence,
        encoding,
    })
}
