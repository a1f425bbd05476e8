//! Who is the client of a connection whose SYN was not seen.

use crate::net::http::{Start, start_of_request, start_of_response};
use crate::net::link::Segment;
use crate::net::options::Options;
use crate::net::tls::{start_of_client, start_of_server};
use crate::net::websocket::frames_are_masked;

/// Longest name of a method that begins a request, with the space after it: longer bytes that may
/// yet become a request hold a method.
const METHOD_LENGTH: usize = 8;

/// Whether the client sent `segment`: the SYN tells, else what the bytes are, else the ports.
/// `assumed`: what was taken for true until now.
pub(super) fn is_from_client(segment: &Segment<'_>, assumed: bool, options: &Options) -> bool {
    if segment.syn {
        return segment.acknowledgment.is_none();
    }
    let (source, destination) = (segment.source.port(), segment.destination.port());
    let known =
        |port: u16| options.server_ports.contains(&port) || options.plain_ports.contains(&port);
    let by_start = by_start(segment.payload);
    let by_known_port = match (known(source), known(destination)) {
        (true, false) => Some(false),
        (false, true) => Some(true),
        _ => None,
    };
    // Bytes that are frames by chance are rare, ports of clients that are known are rarer.
    by_start
        .or(by_known_port)
        .or_else(|| frames_are_masked(segment.payload))
        .unwrap_or(source > destination || source == destination && assumed)
}

/// Whether the client sends what begins so, where that can be told beyond doubt.
fn by_start(bytes: &[u8]) -> Option<bool> {
    match start_of_request(bytes) {
        Start::Yes => return Some(true),
        Start::Unclear if bytes.len() > METHOD_LENGTH => return Some(true),
        _ => {}
    }
    if start_of_response(bytes) == Start::Yes {
        return Some(false);
    }
    if start_of_client(bytes) == Start::Yes {
        return Some(true);
    }
    (start_of_server(bytes) == Start::Yes).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_who_sent_them() {
        assert_eq!(by_start(b"GET / HTTP/1.1\r\n"), Some(true));
        assert_eq!(by_start(b"POST /a/long/target"), Some(true));
        assert_eq!(by_start(b"GE"), None);
        assert_eq!(by_start(b"HTTP/1.1 200 OK\r\n"), Some(false));
        assert_eq!(by_start(b"\x16\x03\x01\x01\x00\x01\x00"), Some(true));
        assert_eq!(by_start(b"\x16\x03\x03\x00\x7a\x02\x00"), Some(false));
        assert_eq!(by_start(b"\x17\x03\x03\x00\x7a\x02\x00"), None);
        assert_eq!(
            by_start(b"GET it done, and do not look like a request\n"),
            None
        );
    }
}
