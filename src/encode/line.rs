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
        let text = cursor.rest();
        let digits = digits(text)?;
        let start = out.len();
        out.resize(start + digits.len() / 2, 0);
        faster_hex::hex_decode(digits, out.get_mut(start..)?).ok()?;
        let mut behind = cursor.clone();
        let header = step(&mut behind, b",\"header\":")?;
        if behind.token(b",\"body\":null,").is_some() {
            // Nothing that could be edited.
            cursor.pass(text.len() - behind.rest().len() - 1)?;
        } else {
            let raw = out.get(start..).filter(|raw| !raw.is_empty())?;
            let protocol = self.protocol(head.protocol)?;
            let again = super::raw::fields_of(protocol, header, raw)?;
            let mut found = Cursor::new(&again);
            let kind = self::head(&mut found)?.type_name;
            let fields = found.rest().strip_suffix(b"}")?;
            cursor.literal(fields).filter(|()| kind == head.type_name)?;
        }
        step(&mut cursor, b",\"inner\":")?;
        step(&mut cursor, b",\"issues\":")?;
        cursor.token(b",\"raw\":")?;
        cursor.quoted()?;
        cursor.byte(b'}').filter(|()| cursor.at_end())
    }

    fn protocol(&mut self, name: &[u8]) -> Option<&'static dyn Protocol> {
        let same = |protocol: &&'static dyn Protocol| protocol.name().as_bytes() == name;
        if self.protocol.as_ref().is_none_or(|last| !same(last)) {
            self.protocol = protocol::named().find(same);
        }
        self.protocol
    }
}

/// The digits of the member `raw` that ends a record.
fn digits(line: &[u8]) -> Option<&[u8]> {
    let inside = line.strip_suffix(b"\"}")?;
    let quote = memchr::memrchr(b'"', inside)?;
    let (before, digits) = inside.split_at_checked(quote + 1)?;
    let sound = before.ends_with(b",\"raw\":\"") && digits.len().is_multiple_of(2);
    sound.then_some(digits)
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
