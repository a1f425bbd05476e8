//! JSON, read into a flat document that keeps positions.
//!
//! Records must survive whole: 64-bit integers, key order, any nesting that a decoder prints, and
//! every value's place for error messages. So this does not go through a tree of maps.
//!
//! Source: RFC 8259.

mod cursor;
mod parse;
mod tree;
mod values;
mod write;

pub use cursor::Cursor;
pub use parse::{Incomplete, JsonError};
pub use tree::{TextFault, TextForm, read_text, text_end};
pub use values::Values;
pub use write::{write_compact, write_string};

/// One JSON text, parsed. Reused from text to text.
#[derive(Debug, Default)]
pub struct Document {
    items: Vec<Item>,
    /// Strings that contained escapes.
    unescaped: String,
}

#[derive(Clone, Copy, Debug)]
struct Item {
    kind: Kind,
    /// Position of the first byte in the text.
    at: u32,
    /// Index of the first item after this one's subtree.
    end: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Null,
    Bool(bool),
    Unsigned(u64),
    /// Below zero.
    Signed(i64),
    Float(f64),
    /// `start..end` of the text.
    Plain(u32, u32),
    /// `start..end` of the unescaped strings.
    Unescaped(u32, u32),
    /// So many items.
    List(u32),
    /// Keys and values alternate: so many in all.
    Object(u32),
}

impl Document {
    /// Parses the value that starts `text`, after white space. Returns how many bytes it took, or
    /// none if there is only white space.
    ///
    /// # Errors
    /// [`Incomplete::More`] if the text ends inside the value, [`Incomplete::Wrong`] if it is not
    /// JSON.
    pub fn parse(&mut self, text: &[u8]) -> Result<Option<usize>, Incomplete> {
        self.items.clear();
        self.unescaped.clear();
        parse::Parser::new(text, &mut self.items, &mut self.unescaped).document()
    }

    /// The parsed value; `text` must be what was parsed.
    ///
    /// # Errors
    /// If the text is not UTF-8; parsing does not look at that.
    pub fn root<'d>(&'d self, text: &'d [u8]) -> Result<Json<'d>, JsonError> {
        match std::str::from_utf8(text) {
            Ok(text) => Ok(Json {
                document: self,
                text,
                id: 0,
            }),
            Err(error) => Err(JsonError {
                position: error.valid_up_to(),
                what: "a string must be UTF-8",
            }),
        }
    }
}

/// A value of a [`Document`].
#[derive(Clone, Copy)]
pub struct Json<'d> {
    document: &'d Document,
    text: &'d str,
    id: u32,
}

impl std::fmt::Debug for Json<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Json({}, {:?})", self.id, self.kind())
    }
}

impl<'d> Json<'d> {
    /// What it is, for people.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self.kind() {
            Kind::Null => "null",
            Kind::Bool(_) => "a bool",
            Kind::Unsigned(_) | Kind::Signed(_) => "an integer",
            Kind::Float(_) => "a number with a point",
            Kind::Plain(..) | Kind::Unescaped(..) => "a string",
            Kind::List(_) => "an array",
            Kind::Object(_) => "an object",
        }
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// The truth value.
    #[must_use]
    pub fn as_bool(self) -> Option<bool> {
        match self.kind() {
            Kind::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The integer, if it is not below 0.
    #[must_use]
    pub fn as_unsigned(self) -> Option<u64> {
        match self.kind() {
            Kind::Unsigned(value) => Some(value),
            _ => None,
        }
    }

    /// The integer, if it fits.
    #[must_use]
    pub fn as_signed(self) -> Option<i64> {
        match self.kind() {
            Kind::Unsigned(value) => i64::try_from(value).ok(),
            Kind::Signed(value) => Some(value),
            _ => None,
        }
    }

    /// The number, if it is written with a point or exponent.
    #[must_use]
    pub fn as_float(self) -> Option<f64> {
        match self.kind() {
            Kind::Float(value) => Some(value),
            _ => None,
        }
    }

    /// The string.
    #[must_use]
    pub fn as_text(self) -> Option<&'d str> {
        match self.kind() {
            Kind::Plain(start, end) => self.text.get(start as usize..end as usize),
            Kind::Unescaped(start, end) => {
                self.document.unescaped.get(start as usize..end as usize)
            }
            _ => None,
        }
    }

    /// The items of an array.
    #[must_use]
    pub fn items(self) -> Option<Items<'d>> {
        matches!(self.kind(), Kind::List(_)).then(|| self.children())
    }

    /// The members of an object, in order.
    #[must_use]
    pub fn members(self) -> Option<Members<'d>> {
        matches!(self.kind(), Kind::Object(_)).then(|| Members(self.children()))
    }

    /// Number of items of an array, or of members of an object.
    #[must_use]
    pub fn size(self) -> usize {
        match self.kind() {
            Kind::List(count) => count as usize,
            Kind::Object(count) => count as usize / 2,
            _ => 0,
        }
    }

    /// The member `name`.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Json<'d>> {
        let mut members = self.members()?;
        members
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// Where it starts in the text.
    #[must_use]
    pub fn position(self) -> usize {
        self.item().map_or(0, |item| item.at as usize)
    }

    /// The path to it from the root, as jq spells it.
    #[must_use]
    pub fn path(self) -> String {
        let mut path = String::new();
        let mut here = Json { id: 0, ..self };
        while here.id != self.id {
            let Some(next) = here.step_towards(self.id, &mut path) else {
                break;
            };
            here = next;
        }
        if path.is_empty() {
            ".".to_owned()
        } else {
            path
        }
    }

    fn step_towards(self, id: u32, path: &mut String) -> Option<Json<'d>> {
        let holds =
            |json: &Json<'_>| json.id <= id && json.item().is_some_and(|item| id < item.end);
        if let Some(mut items) = self.items() {
            let (index, next) = items.by_ref().enumerate().find(|(_, item)| holds(item))?;
            path.push_str(&format!("[{index}]"));
            return Some(next);
        }
        let (name, next) = self.members()?.find(|(_, value)| holds(value))?;
        let simple = !name.is_empty()
            && name
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
            && !name.starts_with(|letter: char| letter.is_ascii_digit());
        if simple {
            path.push('.');
            path.push_str(name);
        } else {
            path.push_str(&format!("[{name:?}]"));
        }
        Some(next)
    }

    fn children(self) -> Items<'d> {
        Items {
            parent: self,
            next: self.id + 1,
            end: self.item().map_or(0, |item| item.end),
        }
    }

    fn item(self) -> Option<&'d Item> {
        self.document.items.get(self.id as usize)
    }

    fn kind(self) -> Kind {
        self.item().map_or(Kind::Null, |item| item.kind)
    }
}

/// Iterator over the items of an array.
#[derive(Clone, Debug)]
pub struct Items<'d> {
    parent: Json<'d>,
    next: u32,
    end: u32,
}

impl<'d> Iterator for Items<'d> {
    type Item = Json<'d>;

    fn next(&mut self) -> Option<Json<'d>> {
        if self.next >= self.end {
            return None;
        }
        let json = Json {
            id: self.next,
            ..self.parent
        };
        self.next = json.item()?.end;
        Some(json)
    }
}

/// Iterator over the members of an object.
#[derive(Clone, Debug)]
pub struct Members<'d>(Items<'d>);

impl<'d> Iterator for Members<'d> {
    type Item = (&'d str, Json<'d>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = self.0.next()?.as_text()?;
        Some((key, self.0.next()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(text: &str, see: impl FnOnce(Json<'_>) -> T) -> T {
        let mut document = Document::default();
        document.parse(text.as_bytes()).unwrap();
        see(document.root(text.as_bytes()).unwrap())
    }

    fn fault(text: &str) -> Incomplete {
        Document::default().parse(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn integers_keep_all_their_bits() {
        assert_eq!(
            with("18446744073709551615", |json| json.as_unsigned()),
            Some(u64::MAX)
        );
        assert_eq!(
            with("-9223372036854775808", |json| json.as_signed()),
            Some(i64::MIN)
        );
        assert_eq!(with("1.0", |json| json.as_float()), Some(1.0));
        assert_eq!(with("1e3", |json| json.as_float()), Some(1000.0));
    }

    #[test]
    fn strings_are_unescaped() {
        let text = r#"["plain", "a\n\u00e9\ud83d\ude00\\"]"#;
        let found = with(text, |json| {
            let texts: Vec<String> = json
                .items()
                .unwrap()
                .map(|item| item.as_text().unwrap().to_owned())
                .collect();
            texts
        });
        assert_eq!(found, ["plain", "a\né😀\\"]);
    }

    #[test]
    fn a_value_knows_its_path() {
        let text = r#"{"body":{"peers":[0,{"user id":1,"x":2}]}}"#;
        let path = |pick: fn(Json<'_>) -> Json<'_>| with(text, |json| pick(json).path());
        let peer = |json: Json<'_>| {
            json.get("body")?
                .get("peers")?
                .items()?
                .nth(1)?
                .get("x")
                .map(|x| x.path())
        };
        assert_eq!(with(text, peer).unwrap(), ".body.peers[1].x");
        assert_eq!(path(|json| json), ".");
    }

    #[test]
    fn values_may_follow_one_another() {
        let mut document = Document::default();
        assert_eq!(document.parse(b" {} {}"), Ok(Some(3)));
        assert_eq!(document.parse(b" \n"), Ok(None));
    }

    #[test]
    fn a_text_that_ends_early_asks_for_more() {
        for text in ["{", "[1,", "\"a", "tru", "{\"a\"", "-", "\"\\u12"] {
            assert_eq!(fault(text), Incomplete::More, "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_position() {
        for (text, position) in [
            ("[1 2]", 3),
            ("{1:2}", 1),
            ("[01]", 2),
            ("nul!", 3),
            ("\"\u{1}\"", 1),
            ("[}", 1),
            ("1.x", 2),
        ] {
            match fault(text) {
                Incomplete::Wrong(error) => assert_eq!(error.position, position, "{text}"),
                more => panic!("{text}: {more:?}"),
            }
        }
    }

    #[test]
    fn deep_nesting_is_no_recursion() {
        let text = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        with(&text, |json| assert!(json.items().is_some()));
        assert!(matches!(fault(&"[".repeat(20_000)), Incomplete::Wrong(_)));
    }
}
