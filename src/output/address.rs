//! Addresses as text.

use std::io::Write;
use std::net::SocketAddr;

/// Appends `address` as `ip:port`, an IPv6 address in brackets.
pub fn write_address(out: &mut Vec<u8>, address: SocketAddr) {
    let SocketAddr::V4(address) = address else {
        let _ = write!(out, "{address}");
        return;
    };
    // Every record has two of these: they are written without the formatting machinery.
    let mut buffer = itoa::Buffer::new();
    let [first, rest @ ..] = address.ip().octets();
    out.extend_from_slice(buffer.format(first).as_bytes());
    for octet in rest {
        out.push(b'.');
        out.extend_from_slice(buffer.format(octet).as_bytes());
    }
    out.push(b':');
    out.extend_from_slice(buffer.format(address.port()).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_the_standard_library_does() {
        for text in [
            "0.0.0.0:0",
            "255.1.20.3:65535",
            "[::1]:9090",
            "[2001:db8::2]:1",
        ] {
            let mut out = Vec::new();
            write_address(&mut out, text.parse().unwrap());
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
