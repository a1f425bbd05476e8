//! Content codings (RFC 9110, section 8.4): gzip and deflate are undone, piece by piece.

use flate2::{Decompress, FlushDecompress, Status};

/// Bytes that are handed out at a time.
const STEP: usize = 16 << 10;
/// The largest window that gzip and zlib know, as a power of two.
const WINDOW_BITS: u8 = 15;

/// How the content of a body is coded.
pub(super) enum Coding {
    /// As it is.
    Plain,
    /// With gzip.
    Gzip(Box<Inflater>),
    /// With deflate, in a zlib wrapper or without; told by the first bytes.
    Deflate(Option<Box<Inflater>>),
    /// In a way that cannot be undone.
    Unknown,
    /// It cannot be read any more.
    Broken,
}

/// Why content cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damaged;

/// A decompressor, and whether its data have ended.
pub(super) struct Inflater {
    context: Decompress,
    ended: bool,
}

impl Coding {
    /// What a `Content-Encoding` says.
    pub(super) fn of(field: Option<&str>) -> Self {
        let mut codings = field
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"));
        let Some(coding) = codings.next() else {
            return Self::Plain;
        };
        if codings.next().is_some() {
            // One over another: nobody does that.
            Self::Unknown
        } else if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
            Self::Gzip(Inflater::new(Decompress::new_gzip(WINDOW_BITS)))
        } else if coding.eq_ignore_ascii_case("deflate") {
            Self::Deflate(None)
        } else {
            Self::Unknown
        }
    }

    /// Whether it is one that ends, and has not.
    pub(super) fn is_unfinished(&self) -> bool {
        match self {
            Self::Gzip(inflater) | Self::Deflate(Some(inflater)) => !inflater.ended,
            Self::Plain | Self::Deflate(None) | Self::Unknown | Self::Broken => false,
        }
    }

    /// Undoes the coding of `part`; hands out what comes of it in pieces, until `take` has enough.
    pub(super) fn decode(
        &mut self,
        part: &[u8],
        take: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<(), Damaged> {
        match self {
            Self::Plain => {
                take(part);
                Ok(())
            }
            Self::Gzip(inflater) => inflater.run(part, take),
            Self::Deflate(inflater) => {
                let Some(first) = part.first() else {
                    return Ok(());
                };
                // Some senders leave the wrapper out; its first byte tells the method and window.
                let wrapped = first & 0x8f == 0x08;
                inflater
                    .get_or_insert_with(|| Inflater::new(Decompress::new(wrapped)))
                    .run(part, take)
            }
            Self::Unknown | Self::Broken => Err(Damaged),
        }
    }
}

impl Inflater {
    fn new(context: Decompress) -> Box<Self> {
        Box::new(Self {
            context,
            ended: false,
        })
    }

    fn run(&mut self, mut rest: &[u8], take: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Damaged> {
        let mut output = Vec::with_capacity(STEP);
        loop {
            if self.ended {
                // What may follow is padding.
                return if rest.iter().all(|byte| *byte == 0) {
                    Ok(())
                } else {
                    Err(Damaged)
                };
            }
            output.clear();
            let before = self.context.total_in();
            let status = self
                .context
                .decompress_vec(rest, &mut output, FlushDecompress::Sync)
                .map_err(|_| Damaged)?;
            let used = usize::try_from(self.context.total_in() - before).unwrap_or(0);
            rest = rest.get(used..).unwrap_or_default();
            self.ended = status == Status::StreamEnd;
            if !output.is_empty() && !take(&output) {
                return Ok(());
            }
            let full = output.len() == output.capacity();
            if !self.ended && !full && (rest.is_empty() || used == 0 && output.is_empty()) {
                return if rest.is_empty() {
                    Ok(())
                } else {
                    Err(Damaged)
                };
            }
        }
    }
}
