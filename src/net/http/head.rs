//! Heads of requests and responses, by `httparse`, and how to recognise their beginnings.

/// Longest head that is believed.
pub(super) const HEAD_LIMIT: usize = 256 << 10;
/// Header fields most heads have at most.
const USUAL_FIELDS: usize = 64;
/// Empty lines that may precede a request (RFC 9112, section 2.2).
const EMPTY_LINES_LIMIT: usize = 16;
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
    /// A head that is written as it should not be; it can be read once it is put right.
    Odd,
    /// The beginning of one.
    Partial,
    Malformed,
}

impl<'a> Head<'a> {
    pub(super) fn read(bytes: &'a [u8], request: bool) -> Parsed<'a> {
        let mut fields = [httparse::EMPTY_HEADER; USUAL_FIELDS];
        let result = match Self::read_into(bytes, request, &mut fields) {
            Err(httparse::Error::TooManyHeaders) => {
                let lines = bytes.iter().take(HEAD_LIMIT).filter(|&&byte| byte == b'\n');
                let mut fields = vec![httparse::EMPTY_HEADER; lines.count() + 1];
                Self::read_into(bytes, request, &mut fields)
            }
            result => result,
        };
        match result {
            Ok(Some((head, length))) => Parsed::Whole(head, length),
            Ok(None) => Parsed::Partial,
            Err(httparse::Error::HeaderName | httparse::Error::HeaderValue) => Parsed::Odd,
            Err(_) => Parsed::Malformed,
        }
    }

    fn read_into(
        bytes: &'a [u8],
        request: bool,
        fields: &mut [httparse::Header<'a>],
    ) -> Result<Option<(Self, usize)>, httparse::Error> {
        let (status, head) = if request {
            let mut parsed = httparse::Request::new(fields);
            let status = parsed.parse(bytes);
            let head = Self::Request {
                method: parsed.method.unwrap_or_default(),
                target: parsed.path.unwrap_or_default(),
                headers: list(parsed.headers),
            };
            (status, head)
        } else {
            let mut parsed = httparse::Response::new(fields);
            let status = parsed.parse(bytes);
            let head = Self::Response {
                status: parsed.code.unwrap_or_default(),
                reason: parsed.reason.unwrap_or_default(),
                headers: list(parsed.headers),
            };
            (status, head)
        };
        Ok(match status? {
            httparse::Status::Complete(length) => Some((head, length)),
            httparse::Status::Partial => None,
        })
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

/// The head at the start of `bytes` with folded lines joined and without blanks before colons, both
/// of which readers used to take (RFC 9112, sections 5.1 and 5.2). Its length stays the same, but what
/// follows the last line end is left out.
pub(super) fn put_right(bytes: &[u8]) -> Vec<u8> {
    let bytes = bytes.get(..HEAD_LIMIT).unwrap_or(bytes);
    // An unfinished line is not judged.
    let whole = memchr::memrchr(b'\n', bytes).map_or(0, |last| last + 1);
    let mut right = bytes.to_vec();
    let mut start = 0;
    let mut first_line = true;
    while let Some(length) = memchr::memchr(b'\n', bytes.get(start..).unwrap_or_default()) {
        let end = start + length;
        if length == 0 || bytes.get(start..end) == Some(b"\r") {
            break;
        }
        if !std::mem::take(&mut first_line)
            && let Some(line) = right.get_mut(start..end)
        {
            colon_to_name(line);
        }
        if matches!(bytes.get(end + 1), Some(b' ' | b'\t')) {
            let cr = end.saturating_sub(usize::from(bytes.get(..end).is_some_and(ends_in_cr)));
            if let Some(fold) = right.get_mut(cr..=end) {
                fold.fill(b' ');
            }
        }
        start = end + 1;
    }
    right.truncate(whole);
    right
}

fn ends_in_cr(line: &[u8]) -> bool {
    line.ends_with(b"\r")
}

/// Moves the colon to the end of the name before it.
fn colon_to_name(line: &mut [u8]) {
    if line
        .first()
        .is_some_and(|byte| matches!(byte, b' ' | b'\t'))
    {
        return;
    }
    let Some(colon) = memchr::memchr(b':', line) else {
        return;
    };
    let name = line.get(..colon).unwrap_or_default().trim_ascii_end().len();
    if name > 0 && name < colon {
        line.swap(name, colon);
    }
}

/// The status that the beginning of a head tells, if it is long enough.
pub(super) fn visible_status(bytes: &[u8]) -> Option<u16> {
    let line = bytes
        .strip_prefix(b"HTTP/1.1 ")
        .or_else(|| bytes.strip_prefix(b"HTTP/1.0 "))?;
    let digits = line.first_chunk::<3>()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The value of the field `name`, in lower case, if its whole line is in the beginning of a head.
pub(super) fn visible_field<'b>(bytes: &'b [u8], name: &str) -> Option<&'b [u8]> {
    let whole = bytes.get(..memchr::memrchr(b'\n', bytes)?)?;
    whole.split(|byte| *byte == b'\n').find_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        let (field, value) = line.split_at_checked(colon)?;
        field
            .eq_ignore_ascii_case(name.as_bytes())
            .then(|| value.get(1..).unwrap_or_default().trim_ascii())
    })
}

/// Whether bytes that were added from `before` on may end the head.
pub(super) fn may_end(bytes: &[u8], before: usize) -> bool {
    let added = bytes.get(before.saturating_sub(3)..).unwrap_or_default();
    memchr::memchr_iter(b'\n', added).any(|end| {
        let rest = added.get(end + 1..).unwrap_or_default();
        rest.starts_with(b"\n") || rest.starts_with(b"\r\n")
    })
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

/// Whether `bytes`, behind which some are missing, begin with a request line.
pub(in crate::net) fn start_of_cut_request(bytes: &[u8]) -> Start {
    let begins = || {
        let (line, _) = skip_empty_lines(bytes);
        METHODS.iter().any(|method| {
            line.strip_prefix(method.as_bytes())
                .is_some_and(|target| matches!(target.first(), Some(b'/' | b'h' | b'*')))
        })
    };
    match start_of_request(bytes) {
        Start::Unclear if begins() => Start::Yes,
        Start::Unclear => Start::No,
        start => start,
    }
}

/// The bytes without the empty lines before them, and whether those were too many.
fn skip_empty_lines(bytes: &[u8]) -> (&[u8], bool) {
    let empty = bytes
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .count();
    (
        bytes.get(empty..).unwrap_or_default(),
        empty > EMPTY_LINES_LIMIT,
    )
}

/// Whether `bytes` begin with a request line, perhaps behind empty ones.
pub(in crate::net) fn start_of_request(bytes: &[u8]) -> Start {
    let (bytes, too_many) = skip_empty_lines(bytes);
    if too_many {
        return Start::No;
    }
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
    fn what_old_readers_took_is_put_right() {
        let odd = b"HTTP/1.1 101 S: w\r\nServer : x\r\nA: b\r\n \tc : d\r\n\r\nx : y\n";
        let right = b"HTTP/1.1 101 S: w\r\nServer:  x\r\nA: b   \tc : d\r\n\r\nx : y\n";
        assert_eq!(
            put_right(odd).escape_ascii().to_string(),
            right.escape_ascii().to_string()
        );
    }

    #[test]
    fn of_a_cut_head_whole_lines_are_read() {
        let head = b"HTTP/1.1 101 S\r\nSec-WebSocket-Extensions: permessage-deflate\r\nServer: h";
        assert_eq!(visible_status(head), Some(101));
        let value = visible_field(head, "sec-websocket-extensions");
        assert_eq!(value, Some(&b"permessage-deflate"[..]));
        assert_eq!(visible_field(head, "server"), None);
        assert_eq!(visible_status(b"HTTP/1.1 10"), None);
    }

    #[test]
    fn a_request_line_is_told_from_other_beginnings() {
        assert_eq!(start_of_request(b"GET / HTTP/1.1\r\n"), Start::Yes);
        assert_eq!(start_of_request(b"POST /x HTTP/1.0\n"), Start::Yes);
        assert_eq!(start_of_request(b"GE"), Start::Unclear);
        assert_eq!(start_of_request(b"GET / HT"), Start::Unclear);
        assert_eq!(start_of_request(b"GET some mail\r\n"), Start::No);
        assert_eq!(start_of_request(b"\x01\x02"), Start::No);
        assert_eq!(start_of_request(b"\r\nGET / HTTP/1.1\r\n"), Start::Yes);
        assert_eq!(start_of_request(b"\r\n"), Start::Unclear);
        assert_eq!(start_of_request(&[b'\n'; 100]), Start::No);
        assert_eq!(start_of_cut_request(b"GET /sync?token="), Start::Yes);
        assert_eq!(start_of_cut_request(b"GET s"), Start::No);
        assert_eq!(start_of_response(b"HTTP/1.1 200 OK"), Start::Yes);
        assert_eq!(start_of_response(b"HTTP/2 200"), Start::No);
    }
}
