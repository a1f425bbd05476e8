//! Input that is not what it was said to be: noticed by its first bytes.

use super::complain::Wrong;

/// If `start`, the first bytes of raw input `name`, look like something else: what, and the
/// command for it.
pub fn looks_like(start: &[u8], name: &str) -> Option<Wrong> {
    let (what, command) = match start {
        [0xd4, 0xc3, 0xb2, 0xa1, ..]
        | [0xa1, 0xb2, 0xc3, 0xd4, ..]
        | [0x4d, 0x3c, 0xb2, 0xa1, ..]
        | [0xa1, 0xb2, 0x3c, 0x4d, ..]
        | [0x0a, 0x0d, 0x0d, 0x0a, ..] => ("a packet capture", "wirectl pcap"),
        [0x1f, 0x8b, 0x08, ..] => ("gzip data", "gunzip -c"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => ("zstd data", "zstd -dc"),
        _ if start.starts_with(b"{\"n\":") => ("wirectl's own records", "wirectl encode"),
        _ => text_form(start)?,
    };
    let file = if name == STDIN { "FILE" } else { name };
    let command = if command.starts_with("wirectl") {
        format!("{command} {file}")
    } else {
        format!("{command} {file} | wirectl decode")
    };
    Some(Wrong::new(
        format!("{name} looks like {what}, but is decoded as raw bytes"),
        format!("try {command}"),
    ))
}

/// What standard input is called.
pub const STDIN: &str = "<stdin>";

/// Bytes spelled as text, and the option that reads them.
fn text_form(start: &[u8]) -> Option<(&'static str, &'static str)> {
    let line = start
        .split(|byte| *byte == b'\n')
        .find(|line| !line.is_empty())?;
    let line = line.trim_ascii();
    if line.len() < 10 {
        return None;
    }
    let digits = line
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    let dump = digits == 8
        && line
            .get(8..)
            .is_some_and(|rest| rest.starts_with(b": ") || rest.starts_with(b"  "));
    if dump {
        return Some(("a hex dump", "wirectl decode -i hex"));
    }
    let lines = start.split(|byte| *byte == b'\n').count() > 2;
    if line
        .iter()
        .all(|byte| byte.is_ascii_hexdigit() || b" :".contains(byte))
    {
        return Some(if lines {
            ("lines of hexadecimal digits", "wirectl decode -i hex-lines")
        } else {
            ("hexadecimal digits", "wirectl decode -i hex")
        });
    }
    let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    (line.len() >= 16 && line.iter().all(base64))
        .then_some(("base64", "wirectl decode -i base64-lines"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(start: &[u8]) -> String {
        looks_like(start, "x").map_or_else(String::new, |wrong| wrong.to_string())
    }

    #[test]
    fn captures_records_and_text_are_noticed() {
        assert!(hint(&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0]).contains("packet capture"));
        assert!(hint(b"{\"n\":0,\"offset\":0").contains("own records"));
        assert!(hint(b"010146000000ef8e34a4\n").contains("hexadecimal digits"));
        assert!(hint(b"010146000000ef8e34a4\n0102\n").contains("lines of hex"));
        assert!(hint(b"00000000: 0101 4600 0000\n").contains("hex dump"));
        assert!(hint(b"AUYAAADvjjSkl6CBp18=\n").contains("base64"));
    }

    #[test]
    fn frames_are_not_taken_for_text() {
        assert_eq!(hint(&[1, 1, 0x46, 0, 0, 0, 0xef, 0x8e, 0x34, 0xa4]), "");
        assert_eq!(hint(b""), "");
    }
}
