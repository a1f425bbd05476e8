//! Where a record comes from.

use crate::codec::json::JsonText;
use crate::model::{Label, Origin};
use crate::output::address::write_address;
use crate::output::time::write_rfc3339;

/// Writes origins. A packet often holds several messages: what they have in common is put into
/// words once.
#[derive(Debug, Default)]
pub struct Origins {
    last: Option<Origin>,
    text: JsonText,
}

impl Origins {
    /// The members that tell where a record comes from, each after a comma.
    pub fn text(&mut self, origin: &Origin) -> &[u8] {
        if !self.last.as_ref().is_some_and(|last| same(last, origin)) {
            self.text.clear();
            write(&mut self.text, origin);
            self.last = Some(origin.clone());
        }
        self.text.as_bytes()
    }
}

/// Whether two origins are put into the same words. A connection's number and a direction say which
/// addresses they have, too.
fn same(first: &Origin, second: &Origin) -> bool {
    let named = first.stream.is_some() && first.direction.is_some();
    first.time == second.time
        && first.stream == second.stream
        && first.direction == second.direction
        && first.transport == second.transport
        && first.line == second.line
        && first.file == second.file
        && (named || (first.source, first.destination) == (second.source, second.destination))
}

static TIME: Label = Label::new("time");
static STREAM: Label = Label::new("stream");
static DIRECTION: Label = Label::new("direction");
static SOURCE: Label = Label::new("src");
static DESTINATION: Label = Label::new("dst");
static TRANSPORT: Label = Label::new("transport");
static FILE: Label = Label::new("file");
static LINE: Label = Label::new("line");

fn write(out: &mut JsonText, origin: &Origin) {
    if let Some(time) = origin.time {
        out.open_string(b',', Some(&TIME));
        out.append(|out| write_rfc3339(out, time));
        out.push(b'"');
    }
    if let Some(stream) = origin.stream {
        out.unsigned(b',', Some(&STREAM), stream.into());
    }
    if let Some(direction) = origin.direction {
        out.name(b',', Some(&DIRECTION), direction.name());
    }
    for (label, address) in [(&SOURCE, origin.source), (&DESTINATION, origin.destination)] {
        if let Some(address) = address {
            out.open_string(b',', Some(label));
            out.append(|out| write_address(out, address));
            out.push(b'"');
        }
    }
    if let Some(transport) = origin.transport {
        out.name(b',', Some(&TRANSPORT), transport.name());
    }
    if let Some(file) = &origin.file {
        out.string(b',', Some(&FILE), file.as_bytes());
    }
    if let Some(line) = origin.line {
        out.unsigned(b',', Some(&LINE), line);
    }
}
