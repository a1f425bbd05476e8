//! Whether a record's fields still say what its `raw` bytes say.
//!
//! `raw` stands in a record whose values alone would not give its bytes again. Who edits the values
//! of such a record and leaves `raw` would get the old bytes, so that is an error. What a frame
//! means may depend on the frames before it, which are not known here: so it counts as an edit only
//! where `raw`, read alone, agrees with all else that the record says.

use super::Parts;
use crate::codec::json::{Document, Json, write_compact};
use crate::model::{Direction, Message, Origin, Record};
use crate::output::write_record;
use crate::protocol::sync::versions;
use crate::protocol::{self, Detection, Detector, EncodeOptions, Input, Protocol, Settings};
use crate::schema::EncodeError;
use std::sync::Arc;

/// Values are quoted in messages up to this many characters.
const MOST_QUOTED: usize = 60;

/// Where the record contradicts `raw`, if it does.
pub fn contradiction(
    parts: &Parts<'_>,
    options: &EncodeOptions,
    raw: &[u8],
) -> Option<EncodeError> {
    let body = parts.body.filter(|body| !body.is_null())?;
    let text = decoded(parts, options, raw)?;
    let mut document = Document::default();
    document.parse(&text).ok()?;
    let found = document.root(&text).ok()?;
    if found.get("type")?.as_text() != parts.type_name?.as_text() {
        return None;
    }
    let in_body = difference(body, found.get("body")?);
    if read_otherwise(parts.header, found.get("header")) {
        return None;
    }
    let in_header = match (parts.header, found.get("header")) {
        (Some(given), Some(found)) => difference(given, found),
        _ => None,
    };
    let one = match (in_body, in_header) {
        (Some(one), None) | (None, Some(one)) => one,
        _ => return None,
    };
    // Damage that only one of the two shows means that the frame was read among others.
    let shows = |record, code| damage(record).any(|known| known == code);
    let same_damage = damage(found).all(|code| shows(parts.record, code))
        && damage(parts.record)
            .filter(|code| *code == "incomplete-frame")
            .all(|code| shows(found, code));
    same_damage.then(|| one.error())
}

/// Whether the headers say that the frame was read in another way: that comes from its context.
fn read_otherwise(given: Option<Json<'_>>, found: Option<Json<'_>>) -> bool {
    ["encoding", "schema", "codec", "layout", "prefixed"]
        .into_iter()
        .any(|name| {
            let one = given.and_then(|header| header.get(name));
            let other = found.and_then(|header| header.get(name));
            match (one, other) {
                (Some(one), Some(other)) => difference(one, other).is_some(),
                (one, other) => one.is_some() != other.is_some(),
            }
        })
}

/// What `raw` alone is decoded to, as text.
fn decoded(parts: &Parts<'_>, options: &EncodeOptions, raw: &[u8]) -> Option<Vec<u8>> {
    let name = parts.protocol?.as_text()?;
    let header = |name: &str| parts.header.and_then(|header| header.get(name));
    let group = header("schema")
        .and_then(Json::as_text)
        .and_then(versions::by_name);
    let dictionaries = match header("dictionary").and_then(Json::as_unsigned) {
        Some(_) => options.dictionaries.clone(),
        None => Vec::new(),
    };
    let settings = Settings {
        sync_version: group.or(options.sync_version),
        dictionaries: Arc::new(dictionaries),
        ..Settings::default()
    };
    let message = decoded_alone(
        protocol::by_name(name)?,
        raw,
        direction(parts.record),
        settings,
    )?;
    Some(text_of(&message, raw))
}

/// Header and body of what `raw` alone is decoded to, as the text of a record without more; for a
/// record whose header is spelled so.
pub fn fields_of(
    protocol: &'static dyn Protocol,
    header: Option<&[u8]>,
    raw: &[u8],
) -> Option<Vec<u8>> {
    let marked = |mark: &[u8]| {
        let header = header?;
        let at = memchr::memmem::find(header, mark)?;
        header.get(at + mark.len()..)
    };
    let group = marked(b"\"schema\":\"").and_then(|rest| {
        let end = memchr::memchr(b'"', rest)?;
        versions::by_name(std::str::from_utf8(rest.get(..end)?).ok()?)
    });
    let settings = Settings {
        sync_version: group,
        ..Settings::default()
    };
    let mut message = decoded_alone(protocol, raw, None, settings)?;
    message.inner = None;
    message.issues.clear();
    message.faithful = true;
    Some(text_of(&message, raw))
}

fn decoded_alone(
    protocol: &'static dyn Protocol,
    raw: &[u8],
    direction: Option<Direction>,
    settings: Settings,
) -> Option<Message> {
    let settings = Settings {
        independent: true,
        ..settings
    };
    let input = Input {
        bytes: raw,
        whole: true,
        ended: true,
        direction,
        time: None,
    };
    let mut detector = Detector::new(Some(protocol), settings);
    if detector.frame(&input) != Detection::Frame(raw.len()) {
        return None;
    }
    let mut message = Message::default();
    detector.decode(raw, &input, &mut message);
    Some(message).filter(|message| message.protocol == protocol.name())
}

fn text_of(message: &Message, frame: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let record = Record {
        number: 0,
        origin: &Origin::default(),
        offset: 0,
        frame,
        message,
    };
    write_record(&mut text, &record, false);
    text
}

fn direction(record: Json<'_>) -> Option<Direction> {
    let name = record.get("direction")?.as_text()?;
    [Direction::ClientToServer, Direction::ServerToClient]
        .into_iter()
        .find(|direction| direction.name() == name)
}

/// The codes of what is wrong with a record.
fn damage(record: Json<'_>) -> impl Iterator<Item = &str> {
    let issues = record.get("issues").and_then(Json::items);
    issues.into_iter().flatten().filter_map(|issue| {
        let is_note = issue.get("severity")?.as_text()? == "note";
        issue.get("code")?.as_text().filter(|_| !is_note)
    })
}

/// A value of the record, and what `raw` has in its place.
struct Difference<'d, 'f> {
    given: Json<'d>,
    /// A member or item that is not there.
    lacks: Option<String>,
    found: Option<Json<'f>>,
}

impl Difference<'_, '_> {
    fn error(&self) -> EncodeError {
        let found = self.found.map_or("nothing".to_owned(), quoted);
        let what = match &self.lacks {
            Some(name) => format!("lacks {name}, which is {found} in .raw"),
            None => format!(
                "{} contradicts .raw, which has {found} here",
                quoted(self.given)
            ),
        };
        EncodeError::at(
            self.given,
            format!(
                "{what}; leave .raw out to encode the fields (or use --recompute), or use --as-is \
                 to write .raw"
            ),
        )
    }
}

/// The first value of `given` that is another one in `found`.
fn difference<'d, 'f>(given: Json<'d>, found: Json<'f>) -> Option<Difference<'d, 'f>> {
    let differs = |lacks, found| {
        Some(Difference {
            given,
            lacks,
            found,
        })
    };
    if let (Some(members), Some(others)) = (given.members(), found.members()) {
        // Damage may have put the same name there twice, so place counts before name.
        let mut pairs = members.clone().zip(others);
        if given.size() == found.size() && pairs.clone().all(|(one, other)| one.0 == other.0) {
            return pairs.find_map(|(one, other)| difference(one.1, other.1));
        }
        for (name, value) in members {
            match found.get(name) {
                Some(other) => {
                    if let Some(inside) = difference(value, other) {
                        return Some(inside);
                    }
                }
                None => {
                    return Some(Difference {
                        given: value,
                        lacks: None,
                        found: None,
                    });
                }
            }
        }
        let mut known = found.members()?;
        let lacking = known.find(|(name, _)| given.get(name).is_none());
        return lacking.and_then(|(name, value)| differs(Some(format!(".{name}")), Some(value)));
    }
    if let (Some(items), Some(others)) = (given.items(), found.items()) {
        let mut pairs = items.zip(others.clone());
        if let Some(inside) = pairs.find_map(|(item, other)| difference(item, other)) {
            return Some(inside);
        }
        let sizes = (given.size(), found.size());
        return match others.clone().nth(sizes.0) {
            _ if sizes.0 == sizes.1 => None,
            Some(other) => differs(Some(format!("[{}]", sizes.0)), Some(other)),
            None => Some(Difference {
                given: given.items()?.nth(sizes.1)?,
                lacks: None,
                found: None,
            }),
        };
    }
    if same(given, found) {
        None
    } else {
        differs(None, Some(found))
    }
}

/// Whether two values without parts are the same; programs may spell 1.0 as 1.
fn same(one: Json<'_>, other: Json<'_>) -> bool {
    let number = |json: Json<'_>| {
        let whole = json.as_signed().map(|value| value as f64);
        json.as_float().or(whole)
    };
    let is_float = one.as_float().is_some() || other.as_float().is_some();
    if is_float {
        return number(one) == number(other) && number(one).is_some();
    }
    one.is_null() == other.is_null()
        && one.as_bool() == other.as_bool()
        && one.as_unsigned() == other.as_unsigned()
        && one.as_signed() == other.as_signed()
        && one.as_text() == other.as_text()
        && one.items().is_none()
        && one.members().is_none()
        && other.items().is_none()
        && other.members().is_none()
}

/// The value as text, cut short.
fn quoted(json: Json<'_>) -> String {
    let mut text = Vec::new();
    write_compact(json, &mut text);
    let text = String::from_utf8_lossy(&text);
    match text.char_indices().nth(MOST_QUOTED) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.into_owned(),
    }
}
