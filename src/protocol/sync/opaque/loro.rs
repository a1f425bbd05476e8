//! Loro export blobs: their header of 22 bytes. What follows is Loro's own format.
//!
//! Source: protocol page `sync`, section 6.1.

use super::content::{self, Content, Reading, Unreadable};
use super::messagepack;
use crate::model::{Label, Message, NodeId, Severity, Span, Symbol, Unit, Value};
use crate::schema::messagepack::{AllNodes, Build, FewNodes};
use twox_hash::XxHash32;

const MAGIC: &[u8; 4] = b"loro";
/// "LORO" as a little-endian number.
const SEED: u32 = 0x4F52_4F4C;
/// Magic, 12 zero bytes, checksum, mode.
const HEADER: usize = 22;
/// The checksum starts here.
const CHECKSUM_AT: usize = 16;
/// What the checksum covers starts here.
const CHECKED_FROM: usize = 20;
/// The only known version of the envelope around array schemas.
const ENVELOPE_VERSION: u8 = 1;

static MAGIC_LABEL: Label = Label::new("magic");
static CHECKSUM: Label = {
    let mut label = Label::new("xxh32");
    label.unit = Unit::Hexadecimal;
    label
};
static CHECKSUM_OK: Label = Label::new("checksum_ok");
static MODE: Label = Label::new("mode");
static MODE_NAME: Label = Label::new("mode_name");
static VERSION: Label = Label::new("version");
static LORO: Label = Label::new("loro");

static MODES: [Symbol; 4] = [
    mode(1, "outdated snapshot"),
    mode(2, "outdated updates"),
    mode(3, "snapshot"),
    mode(4, "updates"),
];

const fn mode(code: u64, name: &'static str) -> Symbol {
    Symbol { code, name }
}

/// `DeltaPush.delta`: a blob, or a row as MessagePack.
pub fn read_delta(frame: &[u8], field: NodeId, message: &mut Message) -> bool {
    content::read(frame, field, message, |content, message| {
        if content.slice().starts_with(MAGIC) {
            return blob(content, None, message, &mut AllNodes);
        }
        if messagepack::is_map(content) {
            return messagepack::one(content, message);
        }
        Err(Unreadable {
            code: "loro-magic",
            ..Unreadable::new(content.start, "neither a Loro blob nor a MessagePack row")
        })
    })
}

/// `ShapeDelta.delta`: any bytes are legal.
pub fn read_document_delta(frame: &[u8], field: NodeId, message: &mut Message) -> bool {
    content::read(frame, field, message, |content, message| {
        if content.slice().starts_with(MAGIC) {
            return blob(content, None, message, &mut AllNodes);
        }
        messagepack::if_any(content, message)
    })
}

/// `ArraySchema.snapshot_payload`.
pub fn read_envelope(frame: &[u8], field: NodeId, message: &mut Message) -> bool {
    content::read(frame, field, message, |content, message| {
        if content.slice().first() != Some(&ENVELOPE_VERSION) {
            return Err(Unreadable::new(
                content.start,
                "the envelope's version is not 1",
            ));
        }
        let blob_content = content.after(1);
        if !blob_content.slice().starts_with(MAGIC) {
            return Err(Unreadable {
                code: "loro-magic",
                ..Unreadable::new(blob_content.start, "no Loro blob after the version byte")
            });
        }
        let root = message.tree.open(None, Value::Struct, content.start);
        message.tree.leaf(
            Some(&VERSION),
            Value::Unsigned(ENVELOPE_VERSION.into()),
            Span::new(content.start, content.start + 1),
        );
        blob(&blob_content, Some(&LORO), message, &mut AllNodes)?;
        message.tree.close(root, content.end());
        Ok(true)
    })
}

/// `DeltaPush.delta` or `ShapeDelta.delta` as text, if it is a blob.
pub fn spell_blob<const JSON: bool>(
    frame: &[u8],
    field: NodeId,
    (lead, label): (u8, Option<&'static Label>),
    message: &mut Message,
) -> bool {
    content::spell(frame, field, message, |content, message| {
        if content.slice().starts_with(MAGIC) {
            return blob(content, label, message, &mut FewNodes::<JSON>::text(lead));
        }
        Ok(false)
    })
}

/// The magic is there; the rest of the header follows.
fn blob<B: Build>(
    content: &Content<'_>,
    label: Option<&'static Label>,
    message: &mut Message,
    build: &mut B,
) -> Reading {
    let bytes = content.slice();
    let start = content.start;
    let (Some(checksum), Some(mode)) = (
        number::<4>(bytes, CHECKSUM_AT),
        number::<2>(bytes, CHECKED_FROM),
    ) else {
        return Err(Unreadable {
            severity: Severity::Error,
            code: "loro-truncated",
            ..Unreadable::new(start, format!("a Loro header has {HEADER} bytes"))
        });
    };
    let checksum = u32::from_le_bytes(checksum);
    let mode = u16::from_be_bytes(mode);
    let root = build.open(content.bytes, message, label, Value::Struct, start);
    let mut leaf = |message: &mut Message, label, value, from, to| {
        let at = (start + from, start + to);
        build.leaf(content.bytes, message, Some(label), value, at);
    };
    let magic = Value::Text(Span::new(start, start + MAGIC.len()));
    leaf(message, &MAGIC_LABEL, magic, 0, MAGIC.len());
    let name = MODES.iter().find(|known| known.code == u64::from(mode));
    // Modes 1 and 2 have an MD5 checksum instead.
    if !matches!(mode, 1 | 2) {
        let matches = Value::Bool(checksum_matches(content, checksum, message));
        let checksum = Value::Unsigned(checksum.into());
        leaf(message, &CHECKSUM, checksum, CHECKSUM_AT, CHECKED_FROM);
        leaf(message, &CHECKSUM_OK, matches, CHECKSUM_AT, CHECKED_FROM);
    }
    let code = Value::Unsigned(mode.into());
    leaf(message, &MODE, code, CHECKED_FROM, HEADER);
    match name {
        Some(name) => {
            let name = Value::Static(name);
            leaf(message, &MODE_NAME, name, CHECKED_FROM, HEADER);
        }
        None => message.warning(
            "loro-mode",
            content.at(start + CHECKED_FROM, start + HEADER),
            format!("mode {mode} of the Loro blob is not known"),
        ),
    }
    build.close(message, root, Value::Struct, content.end());
    Ok(true)
}

fn checksum_matches(content: &Content<'_>, announced: u32, message: &mut Message) -> bool {
    let bytes = content.slice();
    let checked = bytes.get(CHECKED_FROM..).unwrap_or_default();
    let computed = XxHash32::oneshot(SEED, checked);
    if computed != announced {
        let start = content.start;
        message.issue(
            Severity::Error,
            "loro-checksum",
            content.at(start + CHECKSUM_AT, start + CHECKED_FROM),
            format!("the Loro blob says {announced:#010x}, its content has {computed:#010x}"),
        );
    }
    computed == announced
}

fn number<const SIZE: usize>(bytes: &[u8], at: usize) -> Option<[u8; SIZE]> {
    bytes.get(at..at + SIZE)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{read, read_hex};
    use super::*;

    const BLOB: &str = "6c6f726f0000000000000000000000001c77808700044900010001011001\
        3300f9ffc846e968010100000000000501000001000601040100000209026b30056e6f746573000e\
        010402010002010002010b020101000a05086dc3bc6c5f785f78";

    fn blob() -> Vec<u8> {
        hex::decode(BLOB).unwrap()
    }

    #[test]
    fn the_header_of_a_blob_is_read_and_its_checksum_checked() {
        assert_eq!(
            read(read_delta, &blob()),
            "(magic=\"loro\" xxh32=2273343260 checksum_ok=true mode=4 mode_name=updates)"
        );
        let mut damaged = blob();
        damaged[60] ^= 1;
        assert_eq!(
            read(read_delta, &damaged),
            "(magic=\"loro\" xxh32=2273343260 checksum_ok=false mode=4 mode_name=updates) \
             !loro-checksum"
        );
    }

    #[test]
    fn a_delta_of_old_servers_is_a_row() {
        assert_eq!(read_hex(read_delta, "81a16101"), "(\"a\" 1)");
        assert_eq!(read_hex(read_delta, "81a161"), "!loro-magic");
        assert_eq!(read_hex(read_delta, "6c6f726f00"), "!loro-truncated");
    }

    #[test]
    fn a_document_delta_may_be_anything() {
        assert_eq!(read_hex(read_document_delta, "c1"), "");
        assert_eq!(read_hex(read_document_delta, "9101"), "(1)");
    }

    #[test]
    fn an_array_schema_is_a_version_and_a_blob() {
        let shown = read(read_envelope, &[&[1], blob().as_slice()].concat());
        assert!(shown.starts_with("(version=1 loro=(magic="), "{shown}");
        assert_eq!(read(read_envelope, &blob()), "!opaque-undecodable");
        assert_eq!(read_hex(read_envelope, "0102"), "!loro-magic");
    }
}
