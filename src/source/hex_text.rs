//! Hexadecimal text as bytes: plain digits, and what `xxd` and `hexdump -C` print.

use std::io::{self, BufRead, Read};

/// A line longer than this is no dump's line; it is plain digits and read in pieces.
const MOST_DUMP_LINE: usize = 256;

/// Reads the bytes that hexadecimal text spells.
#[derive(Debug)]
pub struct HexText<R> {
    input: R,
    line: Vec<u8>,
    /// Bytes of the current line not yet handed out, in reverse.
    pending: Vec<u8>,
    number: u64,
    /// A digit whose other half comes in the next piece.
    half: Option<u8>,
    /// The last whole dump line, for `hexdump`'s `*`.
    last: Vec<u8>,
    address: u64,
    repeated: bool,
}

impl<R: BufRead> HexText<R> {
    /// Reads text from `input`.
    pub fn new(input: R) -> Self {
        Self {
            input,
            line: Vec::new(),
            pending: Vec::new(),
            number: 0,
            half: None,
            last: Vec::new(),
            address: 0,
            repeated: false,
        }
    }

    /// Reads the next line or piece of a line; false at the end.
    fn next_line(&mut self) -> io::Result<bool> {
        self.line.clear();
        let mut limited = (&mut self.input).take(MOST_DUMP_LINE as u64 * 256);
        if limited.read_until(b'\n', &mut self.line)? == 0 {
            if self.half.is_some() {
                return Err(wrong(self.number, 0, "an odd number of hexadecimal digits"));
            }
            return Ok(false);
        }
        self.number += 1;
        let line = std::mem::take(&mut self.line);
        let result = self.parse(line.trim_ascii_end());
        self.line = line;
        result.map(|()| true)
    }

    fn parse(&mut self, line: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(line.len() / 2);
        if line == b"*" {
            self.repeated = true;
        } else if self.is_final_address(line) {
            self.repeat_until(Self::final_address(line), &mut bytes);
        } else if let Some((address, digits)) = dump_line(line) {
            self.repeat_until(address, &mut bytes);
            let start = bytes.len();
            for pair in digits.chunks(2) {
                if let [high, low] = pair {
                    bytes.push(high << 4 | low);
                }
            }
            self.last.clear();
            self.last
                .extend_from_slice(bytes.get(start..).unwrap_or_default());
            self.address = address + self.last.len() as u64;
        } else {
            self.plain(line, &mut bytes)?;
        }
        bytes.reverse();
        self.pending = bytes;
        Ok(())
    }

    /// `hexdump` ends with the size alone; only after dump lines does a lone number mean that.
    fn is_final_address(&self, line: &[u8]) -> bool {
        let address = Self::final_address(line);
        !self.last.is_empty()
            && (7..=8).contains(&line.len())
            && address >= self.address
            && (self.repeated || address == self.address)
    }

    fn final_address(line: &[u8]) -> u64 {
        std::str::from_utf8(line)
            .ok()
            .and_then(|text| u64::from_str_radix(text, 16).ok())
            .unwrap_or_default()
    }

    /// `hexdump` prints `*` for lines that repeat the last one.
    fn repeat_until(&mut self, address: u64, bytes: &mut Vec<u8>) {
        if std::mem::take(&mut self.repeated) && !self.last.is_empty() {
            // Bounded: an address is no reason to fill the memory.
            let most = 64 << 20;
            while self.address < address && bytes.len() < most {
                bytes.extend_from_slice(&self.last);
                self.address += self.last.len() as u64;
            }
        }
    }

    fn plain(&mut self, line: &[u8], bytes: &mut Vec<u8>) -> io::Result<()> {
        let line = line.strip_prefix(b"0x").unwrap_or(line);
        for (index, byte) in line.iter().enumerate() {
            match (digit(*byte), self.half) {
                (Some(value), None) => self.half = Some(value),
                (Some(value), Some(high)) => {
                    bytes.push(high << 4 | value);
                    self.half = None;
                }
                (None, _) if matches!(byte, b' ' | b'\t' | b':' | b',' | b'\r') => {}
                (None, _) => {
                    let what = format!("{:?} is not a hexadecimal digit", char::from(*byte));
                    return Err(wrong(self.number, index + 1, &what));
                }
            }
        }
        Ok(())
    }
}

impl<R: BufRead> Read for HexText<R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        while self.pending.is_empty() {
            if !self.next_line()? {
                return Ok(0);
            }
        }
        let count = space.len().min(self.pending.len());
        let taken = self.pending.drain(self.pending.len() - count..);
        for (place, byte) in space.iter_mut().zip(taken.rev()) {
            *place = byte;
        }
        Ok(count)
    }
}

/// The value of a hexadecimal digit.
#[must_use]
pub fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The address and the digits of a line of `xxd` (`00000000: 0119 0000  ..`) or `hexdump -C`
/// (`00000000  01 19 00 00  |....|`). Not a line of plain digits.
fn dump_line(line: &[u8]) -> Option<(u64, Vec<u8>)> {
    if line.len() > MOST_DUMP_LINE {
        return None;
    }
    let width = line
        .iter()
        .take_while(|byte| digit(**byte).is_some())
        .count();
    let (address, rest) = line.split_at_checked(width)?;
    if !(4..=16).contains(&width) {
        return None;
    }
    let address = u64::from_str_radix(std::str::from_utf8(address).ok()?, 16).ok()?;
    let shown = if let Some(rest) = rest.strip_prefix(b": ") {
        let end = rest
            .windows(2)
            .position(|pair| pair == b"  ")
            .unwrap_or(rest.len());
        rest.get(..end)?
    } else if let Some(rest) = rest.strip_prefix(b"  ") {
        let end = rest
            .iter()
            .position(|byte| *byte == b'|')
            .unwrap_or(rest.len());
        rest.get(..end)?
    } else {
        return None;
    };
    let digits: Option<Vec<u8>> = shown
        .iter()
        .filter(|byte| **byte != b' ')
        .map(|byte| digit(*byte))
        .collect();
    digits
        .filter(|digits| digits.len() % 2 == 0)
        .map(|digits| (address, digits))
}

fn wrong(line: u64, column: usize, what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("line {line}, column {column}: {what}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        HexText::new(text.as_bytes())
            .read_to_end(&mut out)
            .map(|_| out)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn plain_digits_may_be_spaced_and_broken_anywhere() {
        assert_eq!(bytes("01 ff\n0\n2").unwrap(), [1, 255, 2]);
        assert_eq!(bytes("0x01FF").unwrap(), [1, 255]);
        assert_eq!(bytes("01:ff:02").unwrap(), [1, 255, 2]);
    }

    #[test]
    fn xxd_and_hexdump_are_understood() {
        let xxd = "00000000: 0119 0000 0093 00a9  ........\n00000008: 64                      d\n";
        assert_eq!(bytes(xxd).unwrap(), [1, 0x19, 0, 0, 0, 0x93, 0, 0xa9, 0x64]);
        let hexdump = "00000000  01 19 00 00 00 93 00 a9  64 6f 63 2e 70 61 74 63  |........doc.patc|\n\
                       00000010  68                                                |h|\n00000011\n";
        assert_eq!(bytes(hexdump).unwrap().len(), 17);
    }

    #[test]
    fn repeated_lines_of_hexdump_come_back() {
        let text = "00000000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n*\n\
                    00000030  01                                                |.|\n00000031\n";
        assert_eq!(bytes(text).unwrap().len(), 0x31);
    }

    #[test]
    fn what_is_not_hexadecimal_is_named_with_its_place() {
        assert_eq!(
            bytes("01\n0g").unwrap_err(),
            "line 2, column 2: 'g' is not a hexadecimal digit"
        );
        assert!(bytes("012").unwrap_err().contains("odd number"));
    }
}
