//! Lines as our own JSON output prints them, straight to frames.
//!
//! This is the fast way for what most input is. It takes only what it knows to the letter, and
//! [`super::encode_record`] has the last word on everything else: same bytes, and messages.

use crate::codec::json::Cursor;
use crate::protocol::{self, LineHead, Protocol, Scratch};

/// Encodes lines one after the other.
#[derive(Debug, Default)]
pub struct LineEncoder {
    scratch: Scratch,
    /// The protocol of the last line.
    protocol: Option<&'static dyn Protocol>,
}

impl LineEncoder {
    /// Appends the frame of the record that `line`, without its end, is. False, and nothing
    /// appended, if it is unusual in any way.
    pub fn encode(&mut self, line: &[u8], out: &mut Vec<u8>) -> bool {
        let start = out.len();
        let written = self.record(line, out).is_some();
        if !written {
            out.truncate(start);
        }
        written
    }

    fn record(&mut self, line: &[u8], out: &mut Vec<u8>) -> Option<()> {
        if !line.is_ascii() {
            std::str::from_utf8(line).ok()?;
        }
        let mut cursor = Cursor::new(line);
        let head = head(&mut cursor)?;
        if line.ends_with(b"\"}") {
            return self.raw(&head, cursor, out);
        }
        let start = out.len();
        let protocol = self.protocol(head.protocol)?;
        protocol.transcode(&head, &mut cursor, &mut self.scratch, out)?;
        if head.length != (out.len() - start) as u64 {
            return None;
        }
        step(&mut cursor, b",\"inner\":")?;
        step(&mut cursor, b",\"issues\":")?;
        cursor.byte(b'}')?;
        cursor.at_end().then_some(())
    }

    /// A record that has its frame with it, which counts if the rest agrees to the letter.
    fn raw(
        &mut self,
        head: &LineHead<'_>,
        mut cursor: Cursor<'_>,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let header = step(&mut cursor, b",\"header\":")?;
        let body = step(&mut cursor, b",\"body\":")?;
        step(&mut cursor, b",\"inner\":")?;
        step(&mut cursor, b",\"issues\":")?;
        cursor.literal(b",\"raw\":")?;
        let digits = cursor.quoted()?;
        cursor.byte(b'}').filter(|()| cursor.at_end())?;
        (digits.len() % 2 == 0 && body.is_some()).then_some(())?;
        let start = out.len();
        out.resize(start + digits.len() / 2, 0);
        faster_hex::hex_decode(digits, out.get_mut(start..)?).ok()?;
        if body == Some(b"null") {
            return Some(());
        }
        let raw = out.get(start..).filter(|raw| !raw.is_empty())?;
        let protocol = self.protocol(head.protocol)?;
        let text = super::raw::decoded_as(protocol, header, raw)?;
        let mut found = Cursor::new(&text);
        let again = self::head(&mut found)?;
        let same = again.type_name == head.type_name
            && step(&mut found, b",\"header\":")? == header
            && step(&mut found, b",\"body\":")? == body;
        same.then_some(())
    }

    fn protocol(&mut self, name: &[u8]) -> Option<&'static dyn Protocol> {
        let same = |protocol: &&'static dyn Protocol| protocol.name().as_bytes() == name;
        if self.protocol.as_ref().is_none_or(|last| !same(last)) {
            self.protocol = protocol::named().find(same);
        }
        self.protocol
    }
}

/// Steps over the member that starts with `key`, if it is there; its value.
fn step<'t>(cursor: &mut Cursor<'t>, key: &[u8]) -> Option<Option<&'t [u8]>> {
    match cursor.literal(key) {
        Some(()) => cursor.value().map(Some),
        None => Some(None),
    }
}

/// Steps over what stands before the header.
fn head<'t>(cursor: &mut Cursor<'t>) -> Option<LineHead<'t>> {
    cursor.token(b"{\"n\":")?;
    cursor.unsigned()?;
    while cursor.token(b",\"offset\":").is_none() {
        cursor.byte(b',')?;
        match cursor.key()? {
            b"stream" | b"line" => drop(cursor.unsigned()?),
            b"time" | b"direction" | b"src" | b"dst" | b"transport" | b"file" => {
                cursor.value()?;
            }
            _ => return None,
        }
    }
    cursor.unsigned()?;
    cursor.token(b",\"length\":")?;
    let length = cursor.unsigned()?;
    cursor.token(b",\"protocol\":")?;
    let protocol = cursor.plain_text()?;
    cursor.token(b",\"type\":")?;
    Some(LineHead {
        length,
        protocol,
        type_name: cursor.plain_text()?,
    })
}
