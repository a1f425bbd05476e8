//! Compressed captures, told by their first bytes.

use std::io::{self, BufRead, BufReader, Cursor, Read};

/// Largest dictionary an .xz file may ask for, in KiB (`xz -9` asks for 64 MiB).
const XZ_MEMORY_KIB: u32 = 160 << 10;
/// Largest window a .zst file may ask for, as a power of two (128 MiB, the format's own default).
const ZSTD_WINDOW_LOG: u32 = 27;

/// Reads `input`, decompressing .gz, .zst, .lz4 and .xz as the first bytes say; anything else
/// comes through as it is.
///
/// # Errors
/// If `input` cannot be read. Damaged compressed data give `InvalidData` or `UnexpectedEof` later,
/// while reading.
pub fn decompress<'r>(mut input: impl Read + Send + 'r) -> io::Result<Box<dyn Read + Send + 'r>> {
    let mut magic = Vec::with_capacity(6);
    input.by_ref().take(6).read_to_end(&mut magic)?;
    let format = Format::of(&magic);
    let input = Cursor::new(magic).chain(input);
    let reader: Box<dyn Read + Send + 'r> = match format {
        Format::Plain => return Ok(Box::new(input)),
        Format::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(buffered(input))),
        Format::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(buffered(input))?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        }
        Format::Lz4 => Box::new(Lz4Frames(lz4_flex::frame::FrameDecoder::new(buffered(
            input,
        )))),
        Format::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(
            buffered(input),
            true,
            XZ_MEMORY_KIB,
        )),
    };
    Ok(Box::new(Blame(reader)))
}

/// Gives damage found by a decompressor the error kind `InvalidData`, which some do not.
struct Blame<R>(R);

impl<R: Read> Read for Blame<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| {
            if error.kind() == io::ErrorKind::Other && error.raw_os_error().is_none() {
                io::Error::new(io::ErrorKind::InvalidData, error)
            } else {
                error
            }
        })
    }
}

/// Frames of .lz4 one after the other, as the other formats are read; the decoder ends with each.
struct Lz4Frames<R: Read>(lz4_flex::frame::FrameDecoder<BufReader<R>>);

impl<R: Read> Read for Lz4Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.0.read(buffer)?;
            if read > 0 || buffer.is_empty() || self.0.get_mut().fill_buf()?.is_empty() {
                return Ok(read);
            }
        }
    }
}

enum Format {
    Plain,
    Gzip,
    Zstd,
    Lz4,
    Xz,
}

impl Format {
    fn of(magic: &[u8]) -> Self {
        match magic {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [0x04, 0x22, 0x4d, 0x18, ..] => Self::Lz4,
            [0xfd, b'7', b'z', b'X', b'Z', 0] => Self::Xz,
            _ => Self::Plain,
        }
    }
}

fn buffered<R: Read>(input: R) -> BufReader<R> {
    BufReader::with_capacity(64 << 10, input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn plain(compressed: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        decompress(compressed)
            .unwrap()
            .read_to_end(&mut out)
            .unwrap();
        out
    }

    #[test]
    fn each_format_is_told_by_its_first_bytes() {
        let text = b"one two three one two three".repeat(50);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).unwrap();
        assert_eq!(plain(&gzip.finish().unwrap()), text);
        assert_eq!(plain(&zstd::encode_all(&text[..], 1).unwrap()), text);
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(&text).unwrap();
        let lz4 = lz4.finish().unwrap();
        assert_eq!(plain(&lz4), text);
        assert_eq!(plain(&[lz4.as_slice(), &lz4].concat()), text.repeat(2));
        assert_eq!(plain(&text), text);
        assert_eq!(plain(b"ab"), b"ab");
    }

    #[test]
    fn damage_is_told_from_failure() {
        let good = zstd::encode_all(&[7u8; 5000][..], 1).unwrap();
        let mut bad = good.clone();
        let end = bad.len();
        bad[end / 2..].fill(0xff);
        let error = decompress(&bad[..])
            .unwrap()
            .read_to_end(&mut Vec::new())
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
