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
                time: None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Direction;
    use crate::source::capture::TrafficOptions;
    use std::path::PathBuf;

    /// Where frames end, and how many there are in each batch.
    #[derive(Default)]
    struct Ends(Vec<usize>);

    impl Frames for Ends {
        fn frame(&mut self, _: u64, _: Option<u64>, _: bool, _: &[u8]) -> io::Result<()> {
            Ok(())
        }

        fn spare(&mut self) -> Batch {
            Batch::default()
        }

        fn batch(&mut self, batch: Batch) -> io::Result<()> {
            let before = self.0.last().copied().unwrap_or(0);
            let ends = (1..=batch.len()).map(|index| before + batch.start(index));
            self.0.extend(ends);
            Ok(())
        }

        fn answer(&mut self, _: u64, _: &[u8], _: Option<&[u8]>) -> io::Result<()> {
            Ok(())
        }

        fn wants_answers(&self) -> bool {
            false
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn ends(input: &mut dyn Read) -> (Vec<usize>, u64) {
        let inputs = Inputs {
            files: Vec::<PathBuf>::new(),
            form: None,
            direction: Direction::ClientToServer,
            streams: Vec::new(),
            traffic: TrafficOptions::default(),
            encode: crate::protocol::EncodeOptions::default(),
        };
        let (mut ends, mut loaded) = (Ends::default(), Loaded::default());
        let skimmed = skim(input, &inputs, &mut ends, &mut loaded);
        assert!(skimmed.is_ok());
        (ends.0, loaded.unknown)
    }

    /// An acknowledgment and a push; the start of the push reads like messages of another protocol.
    const CUT: &str = "\
        01110f000000c997aa6b950600c008a94475706c69636174650110dc000000aeae3b379ca56e6f746573a36e\
        2d38c4906c6f726f0000000000000000000000002feacb000004791b031b03011101c5bc46a756236a4d0001\
        0100000000000501000001000b020401000006040000003611036e2d3804626f6479016e056e6f7465730012\
        01040405000200040100040202060b0206010028090005226e6f7465206e756d62657220382061626f757420\
        726f636b657420656e67696e65730308cf58cbafc7a168f31a0ace6ccfc60ad3000001a1f8eb57ba01010a00\
        dc00200000000000000000000000000000000000000000000000000000000000000000";

    #[test]
    fn where_a_read_ends_changes_nothing() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/sync/0.6.bin");
        let sample = std::fs::read(path).unwrap_or_default();
        for bytes in [sample, hex::decode(CUT).unwrap_or_default()] {
            let whole = ends(&mut bytes.as_slice());
            assert!(whole.0.len() > 1);
            for cut in 1..bytes.len() {
                let (one, other) = bytes.split_at(cut);
                let now = ends(&mut one.chain(other));
                assert!(now == whole, "cut at {cut}: {} unknown", now.1);
            }
        }
    }
}
