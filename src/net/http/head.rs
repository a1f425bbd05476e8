//! Heads of requests and responses, by `httparse`, and how to recognise their beginnings.

/// Header fields a head may have.
const FIELD_LIMIT: usize = 128;
/// Longest first line that is waited for.
const LINE_LIMIT: usize = 16 << 10;
/// Longest first line that is looked for in the middle of a stream.
const SEARCHED_LINE_LIMIT: usize = 2048;
const METHODS: [&str; 9] = [
    "GET ", "POST ", "PUT ", "HEAD ", "DELETE ", "OPTIONS ", "PATCH ", "CONNECT ", "TRACE ",
];

/// A head as it was sent.
pub(super) enum Head<'a> {
    Request {
        method: &'a str,
        target: &'a str,
        headers: Vec<(&'a str, &'a [u8])>,
    },
    Response {
        status: u16,
        reason: &'a str,
        headers: Vec<(&'a str, &'a [u8])>,
    },
}

/// What the bytes hold.
pub(super) enum Parsed<'a> {
    /// A head, and its length.
    Whole(Head<'a>, usize),
    /// The beginning of one.
    Partial,
    Malformed,
}

impl<'a> Head<'a> {
    pub(super) fn read(bytes: &'a [u8], request: bool) -> Parsed<'a> {
        let mut fields = [httparse::EMPTY_HEADER; FIELD_LIMIT];
        let (status, head) = if request {
            let mut parsed = httparse::Request::new(&mut fields);
            let status = parsed.parse(bytes);
            let head = Self::Request {
                method: parsed.method.unwrap_or_default(),
                target: parsed.path.unwrap_or_default(),
                headers: list(parsed.headers),
            };
            (status, head)
        } else {
            let mut parsed = httparse::Response::new(&mut fields);
            let status = parsed.parse(bytes);
            let head = Self::Response {
                status: parsed.code.unwrap_or_default(),
                reason: parsed.reason.unwrap_or_default(),
                headers: list(parsed.headers),
            };
            (status, head)
        };
        match status {
            Ok(httparse::Status::Complete(length)) => Parsed::Whole(head, length),
            Ok(httparse::Status::Partial) => Parsed::Partial,
            Err(_) => Parsed::Malformed,
        }
    }

    /// The first field of that name.
    pub(super) fn value(&self, name: &str) -> Option<&'a [u8]> {
        let (Self::Request { headers, .. } | Self::Response { headers, .. }) = self;
        headers
            .iter()
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }

    /// The first field of that name, as text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.value(name)
            .map(|value| String::from_utf8_lossy(value).into_owned())
    }
}

fn list<'a>(fields: &[httparse::Header<'a>]) -> Vec<(&'a str, &'a [u8])> {
    fields
        .iter()
        .filter(|field| !field.name.is_empty())
        .map(|field| (field.name, field.value))
        .collect()
}

/// Whether bytes begin like something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) enum Start {
    Yes,
    No,
    /// Too few bytes to tell.
    Unclear,
}

/// Whether `bytes` begin with a request line.
pub(in crate::net) fn start_of_request(bytes: &[u8]) -> Start {
    let mut start = Start::No;
    for method in METHODS {
        start = match prefix(bytes, method.as_bytes()) {
            Start::No => continue,
            Start::Unclear => return Start::Unclear,
            Start::Yes => Start::Yes,
        };
    }
    if start == Start::No {
        return Start::No;
    }
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => {
            let line = bytes.get(..end).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.ends_with(b" HTTP/1.1") || line.ends_with(b" HTTP/1.0") {
                Start::Yes
            } else {
                Start::No
            }
        }
        None if bytes.len() < LINE_LIMIT => Start::Unclear,
        None => Start::No,
    }
}

/// Whether `bytes` begin with a status line.
pub(in crate::net) fn start_of_response(bytes: &[u8]) -> Start {
    match prefix(bytes, b"HTTP/1.1 ") {
        Start::No => prefix(bytes, b"HTTP/1.0 "),
        other => other,
    }
}

/// Where the next head begins, at `from` or after; and where to go on looking if more comes.
pub(super) fn find(bytes: &[u8], from: usize, request: bool) -> (Option<usize>, usize) {
    let mut unclear = None;
    for at in from..bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        let rest = rest.get(..SEARCHED_LINE_LIMIT).unwrap_or(rest);
        let plausible = match rest.first() {
            Some(byte) if request => byte.is_ascii_uppercase(),
            Some(byte) => *byte == b'H',
            None => false,
        };
        if !plausible {
            continue;
        }
        let start = if request {
            start_of_request(rest)
        } else {
            start_of_response(rest)
        };
        match start {
            Start::Yes => return (Some(at), at),
            Start::Unclear if rest.len() < SEARCHED_LINE_LIMIT => {
                unclear = unclear.or(Some(at));
            }
            _ => {}
        }
    }
    (None, unclear.unwrap_or(bytes.len()))
}

fn prefix(bytes: &[u8], expected: &[u8]) -> Start {
    if bytes.starts_with(expected) {
        Start::Yes
    } else if expected.starts_with(bytes) {
        Start::Unclear
    } else {
        Start::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_line_is_told_from_other_beginnings() {
        assert_eq!(start_of_request(b"GET / HTTP/1.1\r\n"), Start::Yes);
        assert_eq!(start_of_request(b"POST /x HTTP/1.0\n"), Start::Yes);
        assert_eq!(start_of_request(b"GE"), Start::Unclear);
        assert_eq!(start_of_request(b"GET / HT"), Start::Unclear);
        assert_eq!(start_of_request(b"GET some mail\r\n"), Start::No);
        assert_eq!(start_of_request(b"\x01\x02"), Start::No);
        assert_eq!(start_of_response(b"HTTP/1.1 200 OK"), Start::Yes);
        assert_eq!(start_of_response(b"HTTP/2 200"), Start::No);
    }
}
