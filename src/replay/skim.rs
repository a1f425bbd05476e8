//! A byte stream cut into frames that nobody needs decoded.

use super::batch::Batch;
use super::load::{Frames, Inputs, Loaded};
use crate::model::Message;
use crate::pipeline::MOST_UNKNOWN;
use crate::protocol::{Detection, Detector, Input};
use std::io::{self, Read};

/// Bytes asked for at a time.
const READ: usize = 256 << 10;

/// Hands the frames of `input` to `frames`, in batches as they were read.
pub(super) fn skim(
    input: &mut dyn Read,
    inputs: &Inputs,
    frames: &mut dyn Frames,
    loaded: &mut Loaded,
) -> io::Result<()> {
    let traffic = &inputs.traffic;
    let mut knife = Knife {
        detector: Detector::new(traffic.forced, traffic.settings.clone()),
        message: Message::default(),
        needs: 0,
        unknown: 0,
    };
    let mut batch = frames.spare();
    let mut filled = 0;
    loop {
        let ended = fill(input, &mut batch.bytes, &mut filled, knife.needs)? == 0;
        loop {
            let stopped = knife.cut(&mut batch, filled, ended);
            loaded.unknown += std::mem::take(&mut knife.unknown);
            if batch.is_empty() {
                break;
            }
            let mut next = frames.spare();
            let rest = batch.bytes.get(batch.size()..filled).unwrap_or_default();
            filled = rest.len();
            move_to(&mut next.bytes, rest);
            frames.batch(std::mem::replace(&mut batch, next))?;
            if stopped == Stopped::AtEnd {
                break;
            }
        }
        if ended {
            return Ok(());
        }
    }
}

/// Finds the ends of frames.
struct Knife {
    detector: Detector,
    message: Message,
    /// How many bytes the next frame needs, as far as known.
    needs: usize,
    /// Bytes that belong to no frame.
    unknown: u64,
}

/// Why no more frames were cut.
#[derive(PartialEq, Eq)]
enum Stopped {
    /// There are no more whole ones.
    AtEnd,
    /// The next one goes another way: as text, or not.
    AtOther,
}

impl Knife {
    /// Marks the whole frames among the first `filled` bytes of `batch`.
    fn cut(&mut self, batch: &mut Batch, filled: usize, ended: bool) -> Stopped {
        self.needs = 0;
        let mut start = batch.size();
        loop {
            let bytes = batch.bytes.get(start..filled).unwrap_or_default();
            if bytes.is_empty() {
                return Stopped::AtEnd;
            }
            let input = Input {
                bytes,
                whole: false,
                ended,
                direction: None,
            };
            let (size, text) = match self.detector.frame(&input) {
                Detection::Need(size) if !ended => {
                    self.needs = size;
                    return Stopped::AtEnd;
                }
                Detection::Frame(size) => {
                    let text = self.detector.pinned().is_some_and(|known| known.is_text());
                    if !batch.is_empty() && text != batch.text {
                        return Stopped::AtOther;
                    }
                    let frame = bytes.get(..size).unwrap_or(bytes);
                    self.detector.pass(frame, &input, &mut self.message);
                    (frame.len(), text)
                }
                Detection::Unknown(size, _)
                    if size == bytes.len() && size < MOST_UNKNOWN && !ended =>
                {
                    self.needs = size + 1;
                    return Stopped::AtEnd;
                }
                Detection::Need(size) | Detection::Unknown(size, _) => {
                    if !batch.is_empty() && batch.text {
                        return Stopped::AtOther;
                    }
                    let size = size.clamp(1, MOST_UNKNOWN).min(bytes.len());
                    self.unknown += size as u64;
                    (size, false)
                }
            };
            start += size;
            batch.text = text;
            batch.mark(start);
        }
    }
}

/// Reads once, or more often if a frame is known to need `wanted` bytes in all; returns how many
/// bytes came, 0 at the end.
fn fill(
    input: &mut dyn Read,
    bytes: &mut Vec<u8>,
    filled: &mut usize,
    wanted: usize,
) -> io::Result<usize> {
    let before = *filled;
    loop {
        if bytes.len() < *filled + READ / 2 {
            bytes.resize(*filled + READ, 0);
        }
        let count = match input.read(bytes.get_mut(*filled..).unwrap_or_default()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result?,
        };
        *filled += count;
        // Growing by doubling keeps the number of looks at a large frame small.
        if count == 0 || *filled >= wanted.min(2 * before) {
            return Ok(*filled - before);
        }
    }
}

/// `rest` at the start of `bytes`.
fn move_to(bytes: &mut Vec<u8>, rest: &[u8]) {
    if bytes.len() < rest.len() {
        bytes.resize(rest.len(), 0);
    }
    if let Some(start) = bytes.get_mut(..rest.len()) {
        start.copy_from_slice(rest);
    }
}
