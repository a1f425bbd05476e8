//! JSON text that is put together from small pieces.
//!
//! A piece asks once for all the room that it may need, and writes more than it says to keep: a few
//! wide copies cost less than one that is just as long as the piece.

mod decimal;
mod escape;
mod hexadecimal;
mod room;

use self::decimal::Decimal;
use self::escape::{LONGEST, escape, is_plain};
use self::room::{
    EIGHT_DIGITS, MOST_SHORT, Room, few, number, one, plain_string, short_number, short_string,
    short_text,
};
use super::{Label, Span};
use std::hint::cold_path;

/// Strings with escapes are written in parts of this size, in bytes.
const PART: usize = 64;

/// Text that is appended again and again, as it is.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The first bytes.
    padded: Room,
    /// How many of them.
    length: usize,
    /// Those for which there is no place.
    rest: Vec<u8>,
}

impl Piece {
    /// The text of `text`.
    #[must_use]
    pub fn of(text: &JsonText) -> Self {
        let length = text.len().min(room::SIZE);
        let (first, rest) = text.as_bytes().split_at(length);
        let mut padded = [0; room::SIZE];
        for (place, byte) in padded.iter_mut().zip(first) {
            *place = *byte;
        }
        Self {
            padded,
            length,
            rest: rest.to_vec(),
        }
    }
}

/// JSON text that grows.
///
/// Every value comes behind a `lead`, one byte that ends what was written before: a comma, the
/// bracket that opens its container, or the colon behind its name. Members have a label, from which
/// their name comes.
#[derive(Clone, Debug, Default)]
pub struct JsonText {
    /// The text, and behind it whatever earlier pieces have left.
    bytes: Vec<u8>,
    /// The length of the text.
    used: usize,
}

impl From<Vec<u8>> for JsonText {
    /// Goes on behind `bytes`.
    fn from(bytes: Vec<u8>) -> Self {
        let used = bytes.len();
        Self { bytes, used }
    }
}

impl From<JsonText> for Vec<u8> {
    fn from(text: JsonText) -> Self {
        let mut bytes = text.bytes;
        bytes.truncate(text.used);
        bytes
    }
}

impl JsonText {
    /// Forgets the text, keeps the memory.
    pub fn clear(&mut self) {
        self.used = 0;
    }

    /// The length of the text, in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.used
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

    /// Takes the last byte back.
    pub fn pop(&mut self) {
        self.used = self.used.saturating_sub(1);
    }

    /// Takes back all but the first `length` bytes.
    pub fn truncate(&mut self, length: usize) {
        self.used = self.used.min(length);
    }

    /// Appends one byte.
    #[inline]
    pub fn push(&mut self, byte: u8) {
        self.put(|room| one(room, 0, byte));
    }

    /// Appends `bytes`.
    #[inline]
    pub fn copy(&mut self, bytes: &[u8]) {
        self.fill(bytes.len(), |room| {
            room.copy_from_slice(bytes);
            bytes.len()
        });
    }

    /// Appends `piece`.
    #[inline]
    pub fn piece(&mut self, piece: &Piece) {
        self.put(|room| {
            *room = piece.padded;
            piece.length
        });
        if !piece.rest.is_empty() {
            self.copy(&piece.rest);
        }
    }

    /// Appends as many of the first bytes of the room as `write` says.
    #[expect(clippy::inline_always, reason = "most pieces are a few instructions")]
    #[inline(always)]
    fn put(&mut self, write: impl Fn(&mut Room) -> usize) {
        loop {
            let rest = self.bytes.get_mut(self.used..);
            if let Some(room) = rest.and_then(<[u8]>::first_chunk_mut) {
                self.used += write(room);
                return;
            }
            self.grow(room::SIZE);
        }
    }

    /// Appends as many of the first bytes of a room of `most` bytes as `write` says.
    #[inline]
    fn fill(&mut self, most: usize, write: impl FnOnce(&mut [u8]) -> usize) {
        let end = self.used.saturating_add(most);
        if end > self.bytes.len() {
            self.grow(most);
        }
        if let Some(room) = self.bytes.get_mut(self.used..end) {
            self.used += write(room).min(most);
        }
    }

    /// Makes room for `more` bytes.
    #[cold]
    fn grow(&mut self, more: usize) {
        // Not much beyond: all of it is written, and perhaps for nothing.
        let room = self
            .used
            .saturating_add(more)
            .saturating_add(8 * room::SIZE);
        self.bytes.resize(room, 0);
    }

    /// Appends `lead` and the name of `label`, and the value that `write` puts into the room from
    /// some position on; it says where the value ends.
    #[expect(clippy::inline_always, reason = "most values are a few instructions")]
    #[inline(always)]
    fn member(
        &mut self,
        lead: u8,
        label: Option<&'static Label>,
        write: impl Fn(&mut Room, usize) -> usize,
    ) {
        let quick = |room: &mut Room, at| Some(write(room, at));
        if self.quick_member(lead, label, quick).is_none() {
            self.slow_member(lead, label, &write);
        }
    }

    /// The same if there is room for it already and `write` does it; else nothing happens.
    #[expect(clippy::inline_always, reason = "most values are a few instructions")]
    #[inline(always)]
    fn quick_member(
        &mut self,
        lead: u8,
        label: Option<&'static Label>,
        write: impl Fn(&mut Room, usize) -> Option<usize>,
    ) -> Option<()> {
        let (used, room, at) = self.begun(lead, label)?;
        *used += write(room, at)?;
        Some(())
    }

    /// Writes `lead` and the name of `label` if there is room for a value already. That value is to
    /// be written into the room from the position on, and where it ends to be added to the length.
    #[expect(clippy::inline_always, reason = "most values are a few instructions")]
    #[inline(always)]
    fn begun(
        &mut self,
        lead: u8,
        label: Option<&'static Label>,
    ) -> Option<(&mut usize, &mut Room, usize)> {
        let rest = self.bytes.get_mut(self.used..);
        let Some(room) = rest.and_then(<[u8]>::first_chunk_mut) else {
            cold_path();
            return None;
        };
        let at = match label.map(Label::padded_key) {
            None => 1,
            Some(Some((key, length))) => few(room, 0, *key, length),
            Some(None) => {
                cold_path();
                return None;
            }
        };
        one(room, 0, lead);
        Some((&mut self.used, room, at))
    }

    #[cold]
    #[inline(never)]
    fn slow_member(
        &mut self,
        lead: u8,
        label: Option<&'static Label>,
        write: &dyn Fn(&mut Room, usize) -> usize,
    ) {
        self.grow(room::SIZE);
        let quick = |room: &mut Room, at| Some(write(room, at));
        if self.quick_member(lead, label, quick).is_some() {
            return;
        }
        let name = label.map_or("", |label| label.name);
        self.push(lead);
        self.push(b'"');
        self.copy(name.as_bytes());
        self.copy(b"\":");
        self.put(|room| write(room, 0));
    }

    /// Lead and name of a value that follows.
    #[inline]
    pub fn begin(&mut self, lead: u8, label: Option<&'static Label>) {
        self.member(lead, label, |_, at| at);
    }

    /// Closes a container that has opened with `open`; if nothing came since, that is still `lead`.
    #[inline]
    pub fn close(&mut self, lead: u8, open: u8, close: u8) {
        let empty = lead == open;
        self.put(|room| {
            let [first, second, ..] = room;
            (*first, *second) = if empty { (open, close) } else { (close, 0) };
            1 + usize::from(empty)
        });
    }

    /// The string at `content` of `frame`, which is UTF-8.
    #[inline]
    pub fn text(&mut self, lead: u8, label: Option<&'static Label>, frame: &[u8], content: Span) {
        let upto = frame.get(..content.end as usize).unwrap_or_default();
        let plain = |room: &mut Room, at| plain_string(room, at, upto, content.len());
        if self.quick_member(lead, label, plain).is_none() {
            self.string(lead, label, content.of(frame));
        }
    }

    /// The string `bytes`, which is UTF-8.
    #[inline(never)]
    pub fn string(&mut self, lead: u8, label: Option<&'static Label>, bytes: &[u8]) {
        if bytes.len() <= MOST_SHORT && is_plain(bytes) {
            return self.member(lead, label, |room, at| short_string(room, at, bytes));
        }
        self.open_string(lead, label);
        self.inside(bytes);
        self.push(b'"');
    }

    /// Opens a string.
    #[inline]
    pub fn open_string(&mut self, lead: u8, label: Option<&'static Label>) {
        self.member(lead, label, |room, at| one(room, at, b'"'));
    }

    /// A part of a string.
    pub fn inside(&mut self, bytes: &[u8]) {
        if is_plain(bytes) {
            return self.copy(bytes);
        }
        for part in bytes.chunks(PART) {
            self.fill(part.len() * LONGEST, |room| escape(room, part));
        }
    }

    /// A part of a string that needs no escapes.
    #[inline]
    pub fn plain_inside(&mut self, text: &str) {
        let bytes = text.as_bytes();
        if bytes.len() > MOST_SHORT {
            return self.copy(bytes);
        }
        self.put(|room| short_text(room, 0, bytes));
    }

    /// A number as a part of a string.
    #[inline]
    pub fn number_inside(&mut self, value: u64) {
        self.put(|room| number(room, 0, value));
    }

    /// A name of ours, which needs no escapes.
    #[inline]
    pub fn name(&mut self, lead: u8, label: Option<&'static Label>, name: &str) {
        let bytes = name.as_bytes();
        let short = |room: &mut Room, at| Some(short_string(room, at, bytes));
        if bytes.len() > MOST_SHORT || self.quick_member(lead, label, short).is_none() {
            self.string(lead, label, bytes);
        }
    }

    /// The digits of `bytes` as a string.
    pub fn hexadecimal(&mut self, lead: u8, label: Option<&'static Label>, bytes: &[u8]) {
        self.open_string(lead, label);
        self.fill(2 * bytes.len() + 1, |room| hexadecimal::ended(room, bytes));
    }

    /// The digits of `bytes` as a part of a string.
    pub fn digits(&mut self, bytes: &[u8]) {
        self.fill(2 * bytes.len(), |room| hexadecimal::bytes(room, bytes));
    }

    /// The digits of `bytes`, at most so many, as a string.
    pub fn hexadecimal_of(
        &mut self,
        lead: u8,
        label: Option<&'static Label>,
        bytes: impl Iterator<Item = u8>,
        most: usize,
    ) {
        self.open_string(lead, label);
        self.fill(2 * most, |room| hexadecimal::each(room, bytes));
        self.push(b'"');
    }

    /// An unsigned integer.
    #[inline]
    pub fn unsigned(&mut self, lead: u8, label: Option<&'static Label>, value: u64) {
        if value < EIGHT_DIGITS
            && let Some((used, room, at)) = self.begun(lead, label)
        {
            *used += short_number(room, at, value);
        } else {
            self.any_unsigned(lead, label, value);
        }
    }

    #[inline(never)]
    fn any_unsigned(&mut self, lead: u8, label: Option<&'static Label>, value: u64) {
        if let Some((used, room, at)) = self.begun(lead, label) {
            *used += number(room, at, value);
        } else {
            self.slow_member(lead, label, &|room, at| number(room, at, value));
        }
    }

    /// A signed integer.
    pub fn signed(&mut self, lead: u8, label: Option<&'static Label>, value: i64) {
        self.member(lead, label, |room, at| {
            let at = if value < 0 { one(room, at, b'-') } else { at };
            number(room, at, value.unsigned_abs())
        });
    }

    /// A floating-point number. `tagged` says how those are spelled that JSON has no number for.
    pub fn float(&mut self, lead: u8, label: Option<&'static Label>, value: f64, tagged: bool) {
        if let Some(decimal) = Decimal::of(value) {
            return self.member(lead, label, |room, at| decimal.write(room, at));
        }
        self.begin(lead, label);
        if value.is_finite() {
            self.copy(ryu::Buffer::new().format_finite(value).as_bytes());
        } else {
            self.copy(not_finite(value, tagged).as_bytes());
        }
    }

    /// A truth value.
    #[inline]
    pub fn truth(&mut self, lead: u8, label: Option<&'static Label>, value: bool) {
        self.member(lead, label, |room, at| match value {
            true => few(room, at, *b"true\0\0\0\0", 4),
            false => few(room, at, *b"false\0\0\0", 5),
        });
    }

    /// Nothing.
    #[inline]
    pub fn null(&mut self, lead: u8, label: Option<&'static Label>) {
        self.member(lead, label, |room, at| few(room, at, *b"null", 4));
    }
}

const fn not_finite(value: f64, tagged: bool) -> &'static str {
    match (value.is_nan(), value > 0.0, tagged) {
        (true, _, false) => "\"NaN\"",
        (false, true, false) => "\"Infinity\"",
        (false, false, false) => "\"-Infinity\"",
        (true, _, true) => "{\"$float\":\"nan\"}",
        (false, true, true) => "{\"$float\":\"inf\"}",
        (false, false, true) => "{\"$float\":\"-inf\"}",
    }
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
                assert_eq!(text, written(|text| text.string(b':', None, alone)));
                let digits = written(|text| text.hexadecimal(b':', None, alone));
                assert_eq!(digits, format!(":\"{}\"", hex::encode(alone)));
            }
        }
    }

    #[test]
    fn every_byte_is_escaped_as_serde_json_does_at_every_place() {
        for byte in 0..0x80_u8 {
            for (before, after) in [(0, 0), (3, 0), (7, 1), (8, 0), (9, 30), (0, 8), (16, 3)] {
                let string = [vec![b'x'; before], vec![byte], vec![b'y'; after]].concat();
                let string = String::from_utf8(string).unwrap();
                let expected = serde_json::to_string(&string).unwrap();
                let bytes = string.as_bytes();
                let content = Span::new(0, bytes.len());
                let text = written(|text| text.text(b' ', None, bytes, content));
                assert_eq!(text, format!(" {expected}"));
                let padded = [bytes, &[b'z'; 40]].concat();
                let text = written(|text| text.text(b' ', None, &padded, content));
                assert_eq!(text, format!(" {expected}"));
            }
        }
    }

    #[test]
    fn names_of_all_lengths_are_whole() {
        let name = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEF";
        for length in 0..name.len() {
            let name = name.get(..length).unwrap();
            let text = written(|text| text.name(b',', Some(&NAME), name));
            assert_eq!(text, format!(",\"name\":\"{name}\""));
        }
    }

    #[test]
    fn bytes_one_by_one_have_the_same_digits() {
        for bytes in [&b""[..], b"\x00\x7f", b"\x80\x01\xff"] {
            let one_by_one = bytes.iter().copied();
            let text = written(|text| text.hexadecimal_of(b',', None, one_by_one.clone(), 9));
            assert_eq!(text, written(|text| text.hexadecimal(b',', None, bytes)));
        }
    }

    #[test]
    fn empty_containers_have_both_brackets() {
        let text = written(|text| {
            text.begin(b' ', None);
            text.close(b'{', b'{', b'}');
            text.begin(b',', None);
            text.null(b'[', None);
            text.close(b',', b'[', b']');
        });
        assert_eq!(text, " {},[null]");
    }

    #[test]
    fn text_goes_on_for_ever() {
        let text = written(|text| {
            for _ in 0..500 {
                text.copy(b"ab");
                text.copy(b"");
                text.name(b',', None, "cd");
                text.string(b',', None, b"\n\n");
                text.truth(b',', None, true);
                text.float(b',', None, 0.5, false);
                text.float(b',', None, f64::NAN, false);
            }
        });
        let once = "ab,\"cd\",\"\\n\\n\",true,0.5,\"NaN\"";
        assert_eq!(text, once.repeat(500));
    }

    #[test]
    fn floats_that_json_lacks_have_names() {
        for (value, plain, tagged) in [
            (f64::NAN, "NaN", "nan"),
            (f64::INFINITY, "Infinity", "inf"),
            (f64::NEG_INFINITY, "-Infinity", "-inf"),
        ] {
            let text = written(|text| text.float(b',', None, value, false));
            assert_eq!(text, format!(",\"{plain}\""));
            let text = written(|text| text.float(b',', None, value, true));
            assert_eq!(text, format!(",{{\"$float\":\"{tagged}\"}}"));
        }
    }
}
