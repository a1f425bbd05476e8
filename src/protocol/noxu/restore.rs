//! RESTORE: what the files of a response are, and what is wrong with them.
//!
//! Source: protocol page `noxu`, sections 5 and 6.

use crate::model::{Label, Message, NodeId, Severity, Span, Unit, Value};
use crate::schema::packed::{Decoder, Order, Rules};
use crate::schema::{Struct, Type, Versions, field};

/// A restore request, as its first bytes on the wire: `TSRN`.
pub const MAGIC: [u8; 4] = *b"TSRN";

/// Start of every log file.
const FILE_MAGIC: &[u8] = b"NOXUDB\0\0";

static FILES: Label = Label::new("files");
static DATA: Label = Label::new("data");
static LOG_FILE_HEADER: Label = Label::new("log_file_header");

macro_rules! file_header {
    ($($more:expr),*) => {
        &[
            field("magic", Type::Fixed(8)).about("NOXUDB and two zero bytes"),
            field("version", Type::Unsigned(4)).about("2: 32 bytes, 3: 36 bytes"),
            field("byte_order", Type::Unsigned(1)).about("always 0"),
            field("reserved", Type::Fixed(3)),
            field("timestamp", Type::Unsigned(8))
                .unit(Unit::UnixMilliseconds)
                .about("when the file was made"),
            field("file_number", Type::Unsigned(4)).about("number of the file"),
            field("last_entry_in_previous_file", Type::Unsigned(4))
                .about("offset of the previous file's last entry"),
            $($more),*
        ]
    };
}

static FILE_HEADER_2: Struct = Struct {
    name: "FileHeader",
    fields: file_header!(),
    keyed: false,
};
static FILE_HEADER_3: Struct = Struct {
    name: "FileHeader",
    fields: file_header!(
        field("crc32", Type::Unsigned(4))
            .unit(Unit::Hexadecimal)
            .about("CRC-32 of the 32 bytes before")
    ),
    keyed: false,
};

/// Checks the names of a response's files, and describes their content as `inner`.
pub fn describe_files(frame: &[u8], body: NodeId, message: &mut Message) {
    let Some((files, _)) = message.tree.child(body, "files") else {
        return;
    };
    let found: Vec<(Option<Span>, Option<Span>)> = message
        .tree
        .children(files)
        .map(|(file, _)| {
            let name = message.tree.child(file, "name").map(|(_, node)| node);
            let data = message.tree.child(file, "data").map(|(_, node)| node);
            let text = name.and_then(|node| match node.value {
                Value::Text(span) => Some(span),
                _ => None,
            });
            let data = data.and_then(|node| match node.value {
                Value::Bytes(span) => Some(span),
                _ => None,
            });
            (text, data)
        })
        .collect();
    for name in found.iter().filter_map(|(name, _)| *name) {
        check_name(frame, name, message);
    }
    let described =
        |data: &Option<Span>| data.is_some_and(|span| span.of(frame).starts_with(FILE_MAGIC));
    if !found.iter().any(|(_, data)| described(data)) {
        return;
    }
    let inner = message.tree.open(None, Value::Struct, 0);
    let list = message.tree.open(Some(&FILES), Value::List, 0);
    for (_, data) in &found {
        match data.filter(|_| described(data)) {
            Some(span) => describe(frame, span, message),
            None => {
                message.tree.leaf(None, Value::Nil, Span::default());
            }
        }
    }
    message.tree.close(list, frame.len());
    message.tree.close(inner, frame.len());
    message.inner = Some(inner);
}

/// Clients write files only under plain names in their own folder.
fn check_name(frame: &[u8], name: Span, message: &mut Message) {
    let bytes = name.of(frame);
    let why = if bytes.is_empty() {
        "the name is empty"
    } else if bytes.starts_with(b".") {
        "the name starts with a dot"
    } else if bytes.iter().any(|byte| matches!(byte, b'/' | b'\\' | 0)) {
        "the name contains a slash, backslash or NUL"
    } else {
        return;
    };
    let at = (name.start as usize, name.end as usize);
    message.issue(
        Severity::Error,
        "unsafe-file-name",
        at,
        format!("{why}; clients refuse the file"),
    );
}

/// Pushes what the file in `span` says of itself.
fn describe(frame: &[u8], span: Span, message: &mut Message) {
    let start = span.start as usize;
    let content = span.of(frame);
    let version = content
        .get(8..12)
        .map(|bytes| Order::Big.unsigned(bytes))
        .unwrap_or_default();
    let (body, size) = if version >= 3 {
        (&FILE_HEADER_3, 36)
    } else {
        (&FILE_HEADER_2, 32)
    };
    let mut rules = Rules::little(Versions::ALL);
    rules.order = Order::Big;
    let file = message.tree.open(None, Value::Struct, start);
    let data = message.tree.open(Some(&DATA), Value::Struct, start);
    let issues = message.issues.len();
    let faithful = message.faithful;
    let first = message.tree.next_id();
    let range = (start, start + size.min(content.len()));
    let outcome = Decoder::new(frame, range, rules, message).run(body, Some(&LOG_FILE_HEADER));
    message.issues.truncate(issues);
    message.faithful = faithful;
    if !outcome.complete {
        message.tree.truncate(first);
        message.warning(
            "log-file-header",
            range,
            "the log file ends inside its header",
        );
    } else if size == 36 {
        check_header(frame, start, message);
    }
    message.tree.close(data, span.end as usize);
    message.tree.close(file, span.end as usize);
}

fn check_header(frame: &[u8], start: usize, message: &mut Message) {
    let (Some(head), Some(stored)) = (
        frame.get(start..start + 32),
        frame.get(start + 32..start + 36),
    ) else {
        return;
    };
    let stored = Order::Big.unsigned(stored);
    let computed = crc32fast::hash(head);
    if u64::from(computed) != stored {
        message.warning(
            "log-file-header",
            (start + 32, start + 36),
            format!("the log file's header says CRC {stored:#010x}, it has {computed:#010x}"),
        );
    }
}
