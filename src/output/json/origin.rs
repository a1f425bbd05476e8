//! Where a record comes from.

use crate::codec::json::write_string;
use crate::model::Origin;
use crate::output::address::write_address;
use crate::output::time::write_rfc3339;

/// Writes origins. A packet often holds several messages: what they have in common is put into
/// words once.
#[derive(Debug, Default)]
pub struct Origins {
    last: Option<Origin>,
    text: Vec<u8>,
}

impl Origins {
    /// The members that tell where a record comes from, each after a comma.
    pub fn text(&mut self, origin: &Origin) -> &[u8] {
        if !self.last.as_ref().is_some_and(|last| same(last, origin)) {
            self.text.clear();
            write(&mut self.text, origin);
            self.last = Some(origin.clone());
        }
        &self.text
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

#[inline(never)]
fn write(out: &mut Vec<u8>, origin: &Origin) {
    let mut digits = itoa::Buffer::new();
    if let Some(time) = origin.time {
        out.extend_from_slice(b",\"time\":\"");
        write_rfc3339(out, time);
        out.push(b'"');
    }
    if let Some(stream) = origin.stream {
        out.extend_from_slice(b",\"stream\":");
        out.extend_from_slice(digits.format(stream).as_bytes());
    }
    if let Some(direction) = origin.direction {
        out.extend_from_slice(b",\"direction\":\"");
        out.extend_from_slice(direction.name().as_bytes());
        out.push(b'"');
    }
    for (key, address) in [
        (b",\"src\":\"", origin.source),
        (b",\"dst\":\"", origin.destination),
    ] {
        if let Some(address) = address {
            out.extend_from_slice(key);
            write_address(out, address);
            out.push(b'"');
        }
    }
    if let Some(transport) = origin.transport {
        out.extend_from_slice(b",\"transport\":\"");
        out.extend_from_slice(transport.name().as_bytes());
        out.push(b'"');
    }
    if let Some(file) = &origin.file {
        out.extend_from_slice(b",\"file\":");
        write_string(file, out);
    }
    if let Some(line) = origin.line {
        out.extend_from_slice(b",\"line\":");
        out.extend_from_slice(digits.format(line).as_bytes());
    }
}
