//! Writing items, each in its shortest form, as `serde_cbor` does.

use super::{to_half, width};

/// Writes an integer from 0 on.
pub fn write_unsigned(out: &mut Vec<u8>, value: u64) {
    head(out, 0, value);
}

/// Writes the integer -1-n.
pub fn write_negative(out: &mut Vec<u8>, n: u64) {
    head(out, 1, n);
}

/// Writes a byte string.
pub fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    head(out, 2, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Writes a text.
pub fn write_text(out: &mut Vec<u8>, text: &[u8]) {
    head(out, 3, text.len() as u64);
    out.extend_from_slice(text);
}

/// Writes the head of an array of `count` items.
pub fn write_array(out: &mut Vec<u8>, count: usize) {
    head(out, 4, count as u64);
}

/// Writes the head of a map of `count` pairs.
pub fn write_map(out: &mut Vec<u8>, count: usize) {
    head(out, 5, count as u64);
}

/// Writes a tag; its item follows.
pub fn write_tag(out: &mut Vec<u8>, tag: u64) {
    head(out, 6, tag);
}

/// Writes a truth value.
pub fn write_bool(out: &mut Vec<u8>, value: bool) {
    out.push(if value { 0xf5 } else { 0xf4 });
}

/// Writes null.
pub fn write_null(out: &mut Vec<u8>) {
    out.push(0xf6);
}

/// Writes undefined.
pub fn write_undefined(out: &mut Vec<u8>) {
    out.push(0xf7);
}

/// Writes a simple value that has no name: 0 to 19 or 32 to 255.
pub fn write_simple(out: &mut Vec<u8>, value: u8) {
    if value < 24 {
        out.push(0xe0 | value);
    } else {
        out.extend_from_slice(&[0xf8, value]);
    }
}

/// Writes a float in the narrowest width that is exact; every NaN as `f97e00`.
pub fn write_float(out: &mut Vec<u8>, value: f64) {
    match (to_half(value), width(value)) {
        (Some(bits), _) => {
            out.push(0xf9);
            out.extend_from_slice(&bits.to_be_bytes());
        }
        (None, 4) => {
            out.push(0xfa);
            out.extend_from_slice(&(value as f32).to_be_bytes());
        }
        _ => {
            out.push(0xfb);
            out.extend_from_slice(&value.to_be_bytes());
        }
    }
}

fn head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    match argument {
        0..=23 => out.push(major | argument as u8),
        24..=0xff => out.extend_from_slice(&[major | 24, argument as u8]),
        0x100..=0xffff => marked(out, major | 25, &(argument as u16).to_be_bytes()),
        0x1_0000..=0xffff_ffff => marked(out, major | 26, &(argument as u32).to_be_bytes()),
        _ => marked(out, major | 27, &argument.to_be_bytes()),
    }
}

fn marked(out: &mut Vec<u8>, first: u8, argument: &[u8]) {
    out.push(first);
    out.extend_from_slice(argument);
}

#[cfg(test)]
mod tests {
    use super::super::{Head, Reader};
    use super::*;

    #[test]
    fn what_is_written_reads_back_in_shortest_form() {
        for value in [0, 23, 24, 255, 256, 65_535, 65_536, 1 << 32, u64::MAX] {
            let mut out = Vec::new();
            write_unsigned(&mut out, value);
            write_negative(&mut out, value);
            let mut reader = Reader::new(&out, 0);
            assert_eq!(reader.head(), Ok(Head::Unsigned(value)));
            assert!(reader.shortest());
            assert_eq!(reader.head(), Ok(Head::Negative(value)));
            assert!(reader.shortest());
        }
        for value in [
            0.0,
            -0.0,
            1.5,
            0.1,
            100_000.0,
            5.96e-8,
            1e300,
            f64::INFINITY,
        ] {
            let mut out = Vec::new();
            write_float(&mut out, value);
            let mut reader = Reader::new(&out, 0);
            assert_eq!(reader.head(), Ok(Head::Float(value)));
            assert!(reader.shortest(), "{value}");
        }
    }
}
