//! Capture files: pcap and pcapng, packet by packet, from anything that can be read.

mod buffer;
mod pcap;
mod pcapng;

use std::io::{self, Read};

use self::buffer::{Buffer, Fill};
use super::event::Finding;

/// Why something is no capture, or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The first bytes are neither those of pcap nor of pcapng.
    #[error("not a capture: neither pcap nor pcapng (begins with {0})")]
    NotACapture(String),
    /// They are those of a capture, but its header is not there in full.
    #[error("the capture ends inside its header, after {0} bytes")]
    CutOff(usize),
    /// A decompressor met damage: what it says.
    #[error("the capture {0}")]
    Damaged(String),
    /// Nothing at all came.
    #[error("empty: not even the header of a capture")]
    Empty,
    /// The input failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What the bytes of a packet begin with: the numbers of the LINKTYPE registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkType(pub u32);

/// A captured packet.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Number in its file (or among all files read together), from 1.
    pub number: u64,
    /// Nanoseconds since 1970-01-01 UTC; that of the packet before where the file has none.
    pub time_ns: u64,
    /// What `bytes` begin with.
    pub link: LinkType,
    /// What was captured.
    pub bytes: &'a [u8],
    /// Length on the wire; more than `bytes` where the snap length cut it.
    pub original_length: u32,
}

/// What a capture holds.
#[derive(Clone, Debug)]
pub enum Item<'a> {
    /// A packet.
    Packet(Packet<'a>),
    /// TLS secrets in the format of SSLKEYLOGFILE.
    TlsSecrets(&'a [u8]),
    /// A comment on the section or on the packet that follows.
    Comment(&'a str),
    /// The capture is damaged, cut off, or of a kind that cannot be read in full; `offset` counts
    /// bytes of the (decompressed) file.
    Finding(Finding<'a>),
}

/// A capture being read.
pub struct Capture<R> {
    buffer: Buffer<R>,
    format: Format,
    packets: u64,
    last_ns: u64,
    ended: bool,
}

enum Format {
    Pcap(pcap::Pcap),
    Pcapng(pcapng::Pcapng),
}

/// What reading one record came to.
enum Outcome {
    /// Handed out, or nothing worth handing out.
    Read,
    /// This many bytes are needed at once.
    Need(usize),
    /// Nothing sensible can follow: why.
    Damaged(&'static str),
}

impl<R: Read> Capture<R> {
    /// Begins to read `input`, which is not compressed (see [`crate::net::decompress`]). Reads the
    /// file's header only.
    ///
    /// # Errors
    /// If it is no capture, or the input fails.
    pub fn new(input: R) -> Result<Self, CaptureError> {
        let mut buffer = Buffer::new(input);
        let filled = buffer.fill_to(24)?;
        if let Fill::Damaged(what) = filled {
            return Err(CaptureError::Damaged(what));
        }
        let bytes = buffer.bytes();
        if bytes.is_empty() {
            return Err(CaptureError::Empty);
        }
        let format = if pcapng::recognise(bytes) {
            Format::Pcapng(pcapng::Pcapng::new())
        } else if let Some(format) = pcap::Pcap::new(bytes) {
            buffer.consume(pcap::HEADER_LENGTH);
            Format::Pcap(format)
        } else {
            let shown = bytes.get(..bytes.len().min(8)).unwrap_or_default();
            return Err(if pcap::recognise(bytes) || pcapng::may_follow(bytes) {
                CaptureError::CutOff(bytes.len())
            } else {
                CaptureError::NotACapture(hex::encode(shown))
            });
        };
        Ok(Self {
            buffer,
            format,
            packets: 0,
            last_ns: 0,
            ended: false,
        })
    }

    /// Hands the next items to `visit` (usually one, now and then none or a few); blocks until
    /// there is one. `false` at the end.
    ///
    /// # Errors
    /// If the input fails. Damage is an [`Item::Finding`], after which nothing follows.
    pub fn step(&mut self, visit: &mut dyn FnMut(Item<'_>)) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        loop {
            let outcome = match &mut self.format {
                Format::Pcap(format) => format.record(
                    &mut self.buffer,
                    &mut self.packets,
                    &mut self.last_ns,
                    visit,
                ),
                Format::Pcapng(format) => format.block(
                    &mut self.buffer,
                    &mut self.packets,
                    &mut self.last_ns,
                    visit,
                ),
            };
            match outcome {
                Outcome::Read => return Ok(true),
                Outcome::Damaged(what) => return Ok(self.stop("capture-damaged", what, visit)),
                Outcome::Need(length) => match self.buffer.fill_to(length)? {
                    Fill::Enough => {}
                    Fill::End if self.buffer.bytes().is_empty() => {
                        self.ended = true;
                        return Ok(false);
                    }
                    Fill::End => {
                        return Ok(self.stop("capture-cut-off", "ends inside a record", visit));
                    }
                    Fill::Damaged(what) => {
                        return Ok(self.stop("capture-damaged", &what, visit));
                    }
                },
            }
        }
    }

    /// Whether the next record is not there in full yet, so that the input must be read.
    pub fn waits(&self) -> bool {
        let bytes = self.buffer.bytes();
        let length = match &self.format {
            Format::Pcap(format) => format.length(bytes),
            Format::Pcapng(format) => format.length(bytes),
        };
        length.is_none_or(|length| bytes.len() < length)
    }

    /// Packets handed out so far.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    fn stop(&mut self, code: &'static str, what: &str, visit: &mut dyn FnMut(Item<'_>)) -> bool {
        self.ended = true;
        let message = format!(
            "the capture {what} after packet {} (byte {}); what follows cannot be read",
            self.packets,
            self.buffer.position()
        );
        visit(Item::Finding(Finding::error(
            code,
            self.buffer.position(),
            message,
        )));
        true
    }
}
