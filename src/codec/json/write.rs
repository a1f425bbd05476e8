//! JSON values back to compact text, as `serde_json` writes it.

use super::Json;

/// Deeper values are not written: no reader takes them.
const MOST_NESTING: u32 = 1024;

/// Appends `json` without white space, with the escapes that are needed and no others. False if it
/// nests too deep; something may be appended then.
pub fn write_compact(json: Json<'_>, out: &mut Vec<u8>) -> bool {
    write(json, out, MOST_NESTING)
}

/// Appends `text` as a JSON string.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    // Writing to memory cannot fail, and strings are always JSON.
    let _ = serde_json::to_writer(out, text);
}

fn write(json: Json<'_>, out: &mut Vec<u8>, depth: u32) -> bool {
    if depth == 0 {
        return false;
    }
    if let Some(text) = json.as_text() {
        write_string(text, out);
    } else if let Some(value) = json.as_bool() {
        out.extend_from_slice(if value { b"true" } else { b"false" });
    } else if let Some(value) = json.as_unsigned() {
        out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    } else if let Some(value) = json.as_signed() {
        out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    } else if let Some(value) = json.as_float() {
        out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes());
    } else if let Some(items) = json.items() {
        out.push(b'[');
        for (index, item) in items.enumerate() {
            if index > 0 {
                out.push(b',');
            }
            if !write(item, out, depth - 1) {
                return false;
            }
        }
        out.push(b']');
    } else if let Some(members) = json.members() {
        out.push(b'{');
        for (index, (name, value)) in members.enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_string(name, out);
            out.push(b':');
            if !write(value, out, depth - 1) {
                return false;
            }
        }
        out.push(b'}');
    } else {
        out.extend_from_slice(b"null");
    }
    true
}
