//! JSON text that is put together from small pieces.
//!
//! A piece asks once for all the room that it may need, and writes more than it says to keep: a few
//! wide copies cost less than one that is just as long as the piece.

use super::scalars::{
    eight_digits_of, escaped, float, hexadecimal_in, integer_bytes_in, is_plain, leading_digits,
    plain_start,
};
use crate::model::{Label, Span};

/// The room that every piece has, in bytes.
const ROOM: usize = 128;

/// Where a piece is written.
pub type Room = [u8; ROOM];

/// JSON text that grows.
#[derive(Clone, Debug, Default)]
pub struct JsonText {
    /// The text, and behind it whatever earlier pieces have left.
    bytes: Vec<u8>,
    /// The length of the text.
    used: usize,
}

impl JsonText {
    /// Forgets the text, keeps the memory.
    pub fn clear(&mut self) {
        self.used = 0;
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// The text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }

    /// Appends as many of the first bytes of the room as `write` says.
    #[expect(clippy::inline_always, reason = "most pieces are a few instructions")]
    #[inline(always)]
    pub fn put(&mut self, write: impl Fn(&mut Room) -> usize) {
        loop {
            let rest = self.bytes.get_mut(self.used..);
            if let Some(room) = rest.and_then(<[u8]>::first_chunk_mut) {
                self.used += write(room);
                return;
            }
            self.grow();
        }
    }

    #[cold]
    fn grow(&mut self) {
        // A little at a time: what is not text yet was written for nothing.
        self.bytes.resize(self.used + 8 * ROOM, 0);
    }

    /// Appends `bytes`.
    pub fn copy(&mut self, bytes: &[u8]) {
        let most = bytes.len();
        self.fill(most, |room| {
            room.copy_from_slice(bytes);
            most
        });
    }

    /// Appends as many of the first bytes of a room of `most` bytes as `write` says.
    #[inline]
    pub fn fill(&mut self, most: usize, write: impl FnOnce(&mut [u8]) -> usize) {
        let end = self.used.saturating_add(most);
        if end > self.bytes.len() {
            self.bytes.resize(end + 8 * ROOM, 0);
        }
        if let Some(room) = self.bytes.get_mut(self.used..end) {
            self.used += write(room).min(most);
        }
    }

    /// Appends what `write` appends.
    #[cold]
    fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.bytes.truncate(self.used);
        write(&mut self.bytes);
        self.used = self.bytes.len();
    }

    /// Appends `lead`, the key of `label` and the value that `write` puts into the room, behind so
    /// many bytes; it says where the value ends.
    #[expect(clippy::inline_always, reason = "most values are a few instructions")]
    #[inline(always)]
    pub fn member(
        &mut self,
        lead: u8,
        label: Option<&'static Label>,
        write: impl Fn(&mut Room, usize) -> usize,
    ) {
        match label {
            None => self.put(|room| {
                let [first, ..] = room;
                *first = lead;
                write(room, 1)
            }),
            Some(label) => {
                let Some((key, length)) = label.padded_key() else {
                    return self.long_member(lead, label, write);
                };
                self.put(|room| {
                    if let Some(start) = room.first_chunk_mut() {
                        *start = *key;
                    }
                    let [first, ..] = room;
                    *first = lead;
                    write(room, length)
                });
            }
        }
    }

    #[cold]
    fn long_member(
        &mut self,
        lead: u8,
        label: &'static Label,
        write: impl Fn(&mut Room, usize) -> usize,
    ) {
        self.append(|out| {
            out.push(lead);
            label.write_key(out, true);
        });
        self.put(|room| write(room, 0));
    }

    /// The same for the text at `content` of `frame`.
    #[inline]
    pub fn text(&mut self, lead: u8, label: Option<&'static Label>, frame: &[u8], content: Span) {
        let rest = frame.get(content.start as usize..).unwrap_or_default();
        let length = content.len();
        if let Some(start) = plain_start::<32>(rest, length) {
            self.member(lead, label, |room, at| quoted(room, at, start, length));
        } else if let Some(start) = plain_start::<8>(rest, length) {
            self.member(lead, label, |room, at| quoted(room, at, start, length));
        } else {
            self.open_text(lead, label);
            let bytes = content.of(frame);
            if is_plain(bytes) {
                self.copy(bytes);
            } else {
                self.append(|out| escaped(out, bytes));
            }
            self.close_text();
        }
    }

    /// The same for a name of ours, which needs no escapes.
    pub fn name(&mut self, lead: u8, label: Option<&'static Label>, name: &str) {
        self.open_text(lead, label);
        self.copy(name.as_bytes());
        self.close_text();
    }

    /// The same for the digits of `bytes`.
    pub fn hexadecimal(&mut self, lead: u8, label: Option<&'static Label>, bytes: &[u8]) {
        self.open_text(lead, label);
        let most = 2 * bytes.len();
        self.fill(most, |room| hexadecimal_in(room, bytes));
        self.close_text();
    }

    /// The same for the digits of bytes that are spelled as MessagePack integers.
    pub fn integer_bytes(&mut self, lead: u8, label: Option<&'static Label>, elements: &[u8]) {
        self.open_text(lead, label);
        self.fill(2 * elements.len(), |room| integer_bytes_in(room, elements));
        self.close_text();
    }

    /// The same for an unsigned integer.
    #[inline]
    pub fn unsigned(&mut self, lead: u8, label: Option<&'static Label>, value: u64) {
        self.member(lead, label, |room, at| number(room, at, value));
    }

    /// The same for a signed integer.
    pub fn signed(&mut self, lead: u8, label: Option<&'static Label>, value: i64) {
        self.member(lead, label, |room, at| {
            let digits = if value < 0 { one(room, at, b'-') } else { at };
            number(room, digits, value.unsigned_abs())
        });
    }

    /// The same for a floating-point number.
    pub fn float(&mut self, lead: u8, label: Option<&'static Label>, value: f64) {
        self.member(lead, label, |_, at| at);
        if value.is_finite() {
            self.copy(ryu::Buffer::new().format_finite(value).as_bytes());
        } else {
            self.append(|out| float(out, value, false));
        }
    }

    /// The same for a truth value.
    #[inline]
    pub fn truth(&mut self, lead: u8, label: Option<&'static Label>, value: bool) {
        self.member(lead, label, |room, at| match value {
            true => few(room, at, *b"true\0\0\0\0", 4),
            false => few(room, at, *b"false\0\0\0", 5),
        });
    }

    /// The same for null.
    #[inline]
    pub fn null(&mut self, lead: u8, label: Option<&'static Label>) {
        self.member(lead, label, |room, at| few(room, at, *b"null\0\0\0\0", 4));
    }

    /// Appends `lead` and the key of `label`, and opens a string.
    pub fn open_text(&mut self, lead: u8, label: Option<&'static Label>) {
        self.member(lead, label, |room, at| one(room, at, b'"'));
    }

    /// Closes a string.
    pub fn close_text(&mut self) {
        self.put(|room| one(room, 0, b'"'));
    }
}

/// Writes one byte at `at`; says where it ends.
#[inline]
pub fn one(room: &mut Room, at: usize, byte: u8) -> usize {
    if let Some(place) = room.get_mut(at) {
        *place = byte;
    }
    at + 1
}

/// Writes the first `length` of `bytes` at `at`; says where they end.
#[inline]
pub fn few<const N: usize>(room: &mut Room, at: usize, bytes: [u8; N], length: usize) -> usize {
    if let Some(place) = room.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *place = bytes;
    }
    at + length
}

/// Writes the digits of `value` at `at`; says where they end.
#[expect(clippy::inline_always, reason = "most numbers have few digits")]
#[inline(always)]
pub fn number(room: &mut Room, at: usize, value: u64) -> usize {
    if value < 10 {
        one(room, at, b'0' + value as u8)
    } else if value < 100_000_000 {
        let (digits, length) = leading_digits(value);
        few(room, at, digits, length)
    } else {
        long_number(room, at, value)
    }
}

/// Writes a number of more than eight digits.
#[inline(never)]
fn long_number(room: &mut Room, at: usize, value: u64) -> usize {
    const EIGHT_DIGITS: u64 = 100_000_000;
    let upper = value / EIGHT_DIGITS;
    let at = if upper < EIGHT_DIGITS {
        let (digits, length) = leading_digits(upper);
        few(room, at, digits, length)
    } else {
        let (digits, length) = leading_digits(upper / EIGHT_DIGITS);
        let at = few(room, at, digits, length);
        few(room, at, eight_digits_of(upper % EIGHT_DIGITS), 8)
    };
    few(room, at, eight_digits_of(value % EIGHT_DIGITS), 8)
}

/// Writes the first `length` bytes of `start` at `at`, in quotes; says where they end.
#[inline]
fn quoted<const N: usize>(room: &mut Room, at: usize, start: &[u8; N], length: usize) -> usize {
    let at = one(room, at, b'"');
    let at = few(room, at, *start, length);
    one(room, at, b'"')
}

#[cfg(test)]
mod tests {
    use super::*;

    static NAME: Label = Label::new("name");
    static LONG: Label =
        Label::new("a name that is longer than the room that labels have for their keys");

    fn written(write: impl Fn(&mut JsonText)) -> String {
        let mut text = JsonText::default();
        write(&mut text);
        String::from_utf8(text.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn members_have_their_lead_and_key() {
        let text = written(|text| {
            text.unsigned(b'{', Some(&NAME), 7);
            text.unsigned(b',', Some(&LONG), 7);
            text.null(b',', Some(&NAME));
            text.unsigned(b'[', None, 7);
        });
        let long = LONG.name;
        let expected = format!("{{\"name\":7,\"{long}\":7,\"name\":null[7");
        assert_eq!(text, expected);
    }

    #[test]
    fn numbers_of_every_size_have_their_digits() {
        let powers = (0..=19).map(|power| 10_u64.pow(power));
        let around = powers.flat_map(|power| [power - 1, power, power + 7, power / 3 * 4]);
        for value in around.chain([u64::MAX]) {
            assert_eq!(
                written(|text| text.unsigned(b' ', None, value)),
                format!(" {value}")
            );
            let negative = 0_i64.wrapping_sub_unsigned(value);
            let signed = written(|text| text.signed(b' ', None, negative));
            assert_eq!(signed, format!(" {negative}"));
        }
    }

    #[test]
    fn strings_of_every_length_are_escaped_where_they_must_be() {
        let plain = "0123456789abcdefghijklmnopqrstuvwxyz".repeat(9);
        let special = plain.replace('z', "\"\u{1}é");
        for source in [plain, special] {
            let ends = (0..=source.len()).filter(|end| source.is_char_boundary(*end));
            for end in ends {
                let content = Span::new(0, end);
                let frame = source.as_bytes();
                let text = written(|text| text.text(b':', None, frame, content));
                let expected = serde_json::to_string(&source[..end]).unwrap();
                assert_eq!(text, format!(":{expected}"));
                let alone = frame.get(..end).unwrap();
                assert_eq!(text, written(|text| text.text(b':', None, alone, content)));
                let digits = written(|text| text.hexadecimal(b':', None, alone));
                assert_eq!(digits, format!(":\"{}\"", hex::encode(alone)));
            }
        }
    }

    #[test]
    fn text_goes_on_behind_what_was_appended() {
        let text = written(|text| {
            for _ in 0..500 {
                text.append(|out| out.extend_from_slice(b"ab"));
                text.name(b',', None, "cd");
                text.truth(b',', None, true);
                text.float(b',', None, 0.5);
            }
        });
        assert_eq!(text, "ab,\"cd\",true,0.5".repeat(500));
    }
}
