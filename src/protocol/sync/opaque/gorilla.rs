//! Gorilla blocks: a count and a bit stream of timestamps and floats.
//!
//! Source: protocol page `sync`, section 6.2.

use super::content::{self, Content, Unreadable};
use crate::model::{Label, Message, NodeId, Severity, Span, Value};

/// Samples that become nodes (three each); further ones are read and checked only.
const MOST_SHOWN: u32 = 1 << 14;
/// The count before the bit stream.
const COUNT_SIZE: usize = 4;

static SAMPLES: Label = Label::new("samples");
static OMITTED: Label = Label::new("omitted");

/// `ts_block`: the timestamps are the data.
pub fn read_times(frame: &[u8], field: NodeId, message: &mut Message) -> bool {
    content::read(frame, field, message, |content, message| {
        let batch = Batch::of(message);
        let range = block(content, &batch, message)?;
        batch.check_range(range, content, message);
        Ok(true)
    })
}

/// `val_block`: the values are the data.
pub fn read_values(frame: &[u8], field: NodeId, message: &mut Message) -> bool {
    content::read(frame, field, message, |content, message| {
        let batch = Batch::of(message);
        block(content, &batch, message)?;
        Ok(true)
    })
}

/// The fields of a [`Batch`].
pub const BESIDE: &[&str] = &["sample_count", "min_ts", "max_ts"];

/// What the message says about its blocks.
struct Batch {
    count: Option<u64>,
    earliest: Option<i64>,
    latest: Option<i64>,
}

impl Batch {
    fn of(message: &Message) -> Self {
        let field = |name| {
            let (_, node) = message.tree.child(message.body?, name)?;
            Some(node.value)
        };
        let signed = |name| match field(name) {
            Some(Value::Signed(value)) => Some(value),
            _ => None,
        };
        Self {
            count: match field("sample_count") {
                Some(Value::Unsigned(count)) => Some(count),
                _ => None,
            },
            earliest: signed("min_ts"),
            latest: signed("max_ts"),
        }
    }

    fn check_count(&self, count: u32, content: &Content<'_>, message: &mut Message) {
        let Some(announced) = self.count else { return };
        if announced != u64::from(count) {
            message.warning(
                "gorilla-count",
                content.at(content.start, content.start + COUNT_SIZE),
                format!("the block holds {count} samples, sample_count says {announced}"),
            );
        }
    }

    fn check_range(&self, range: Option<(i64, i64)>, content: &Content<'_>, message: &mut Message) {
        let (Some((first, last)), Some(earliest), Some(latest)) =
            (range, self.earliest, self.latest)
        else {
            return;
        };
        if first < earliest || last > latest {
            message.warning(
                "gorilla-range",
                content.at(content.start, content.end()),
                format!(
                    "the timestamps go from {first} to {last}, outside of min_ts {earliest} and \
                     max_ts {latest}"
                ),
            );
        }
    }
}

/// Reads a block; returns its earliest and latest timestamps.
fn block(
    content: &Content<'_>,
    batch: &Batch,
    message: &mut Message,
) -> Result<Option<(i64, i64)>, Unreadable> {
    let bytes = content.slice();
    let count = bytes
        .first_chunk::<COUNT_SIZE>()
        .map(|count| u32::from_le_bytes(*count));
    let Some(count) = count else {
        return Err(truncated(content.start, Severity::Warning, "no count"));
    };
    // A block whose count is the announced one was meant as a block: its damage is certain.
    let severity = if batch.count == Some(u64::from(count)) {
        Severity::Error
    } else {
        Severity::Warning
    };
    let stream = content.start + COUNT_SIZE;
    let mut bits = Bits::new(bytes.get(COUNT_SIZE..).unwrap_or_default());
    if u64::from(count) > most_samples(bits.left()) {
        return Err(truncated(
            content.start,
            severity,
            format!("{count} samples do not fit into {} bytes", bytes.len()),
        ));
    }
    let root = message.tree.open(None, Value::Struct, content.start);
    let list = message.tree.open(Some(&SAMPLES), Value::List, stream);
    let mut samples = Samples::default();
    let mut range: Option<(i64, i64)> = None;
    for index in 0..count {
        let from = bits.position;
        let Some((time, value)) = samples.next(&mut bits) else {
            return Err(truncated(
                stream + from / 8,
                severity,
                format!("the bits end in sample {index} of {count}"),
            ));
        };
        range = Some(range.map_or((time, time), |(low, high)| (low.min(time), high.max(time))));
        if index < MOST_SHOWN {
            let at = Span::new(stream + from / 8, stream + bits.position.div_ceil(8));
            let pair = message.tree.open(None, Value::List, at.start as usize);
            message.tree.leaf(None, Value::Signed(time), at);
            message.tree.leaf(None, Value::Float(value), at);
            message.tree.close(pair, at.end as usize);
        }
    }
    message.tree.close(list, content.end());
    if count > MOST_SHOWN {
        let omitted = Value::Unsigned(u64::from(count - MOST_SHOWN));
        message.tree.leaf(Some(&OMITTED), omitted, content.span());
    }
    message.tree.close(root, content.end());
    batch.check_count(count, content, message);
    check_padding(&mut bits, content, message);
    Ok(range)
}

/// What follows the last sample is padding: less than a byte, all zero.
fn check_padding(bits: &mut Bits<'_>, content: &Content<'_>, message: &mut Message) {
    let left = bits.left();
    if left < 8 && bits.take(left as u32) == Some(0) {
        return;
    }
    message.warning(
        "gorilla-trailing",
        content.at(
            content.end() - left.div_ceil(8).min(content.slice().len()),
            content.end(),
        ),
        format!("{left} bits after the last sample"),
    );
}

fn truncated(position: usize, severity: Severity, reason: impl Into<String>) -> Unreadable {
    Unreadable {
        severity,
        code: "gorilla-truncated",
        ..Unreadable::new(position, reason)
    }
}

/// The first sample takes 128 bits, every other at least 2.
fn most_samples(bits: usize) -> u64 {
    match bits.checked_sub(128) {
        Some(rest) => 1 + rest as u64 / 2,
        None => 0,
    }
}

/// The state from which a sample is read. All arithmetic wraps.
#[derive(Default)]
struct Samples {
    started: bool,
    time: i64,
    delta: i64,
    value: u64,
    /// Leading zeros and width of the last explicit window.
    window: Option<(u32, u32)>,
}

impl Samples {
    fn next(&mut self, bits: &mut Bits<'_>) -> Option<(i64, f64)> {
        if !self.started {
            self.started = true;
            self.time = bits.take(64)?.cast_signed();
            self.value = bits.take(64)?;
            return Some((self.time, f64::from_bits(self.value)));
        }
        let width = match bits.ones(4)? {
            0 => 0,
            1 => 7,
            2 => 9,
            3 => 12,
            _ => 64,
        };
        self.delta = self.delta.wrapping_add(bits.signed(width)?);
        self.time = self.time.wrapping_add(self.delta);
        if bits.take(1)? == 1 {
            self.value ^= self.change(bits)?;
        }
        Some((self.time, f64::from_bits(self.value)))
    }

    fn change(&mut self, bits: &mut Bits<'_>) -> Option<u64> {
        if bits.take(1)? == 1 {
            let zeros = bits.take(6)? as u32;
            let width = bits.take(6)? as u32 + 1;
            self.window = Some((zeros, width));
        }
        let (zeros, width) = self.window?;
        let shift = 64_u32.checked_sub(zeros + width)?;
        Some(bits.take(width)? << shift)
    }
}

/// Bits, most significant first.
struct Bits<'a> {
    bytes: &'a [u8],
    /// The next bit.
    position: usize,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    fn left(&self) -> usize {
        (8 * self.bytes.len()).saturating_sub(self.position)
    }

    /// The next `count` bits, at most 64.
    fn take(&mut self, count: u32) -> Option<u64> {
        if self.left() < count as usize {
            return None;
        }
        let first = self.position / 8;
        let skipped = (self.position % 8) as u32;
        self.position += count as usize;
        let last = self.position.div_ceil(8);
        let covering = self.bytes.get(first..last)?;
        let gathered = covering
            .iter()
            .fold(0_u128, |gathered, byte| gathered << 8 | u128::from(*byte));
        let surplus = 8 * covering.len() as u32 - skipped - count;
        let mask = (1_u128 << count) - 1;
        Some((gathered >> surplus & mask) as u64)
    }

    /// How many ones come before a zero (which is taken too), at most `most`.
    fn ones(&mut self, most: u32) -> Option<u32> {
        for count in 0..most {
            if self.take(1)? == 0 {
                return Some(count);
            }
        }
        Some(most)
    }

    /// A two's complement number of `width` bits.
    fn signed(&mut self, width: u32) -> Option<i64> {
        if width == 0 {
            return Some(0);
        }
        let unused = 64 - width;
        Some((self.take(width)? << unused).cast_signed() >> unused)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{read, read_hex};
    use super::*;

    #[test]
    fn samples_are_read_from_their_differences() {
        assert_eq!(
            read_hex(
                read_values,
                "020000000000019ad45ab70040a080980000000095eb8380"
            ),
            "(samples=((1764499306240 2112.296875) (1764499306283 2112.546875)))"
        );
    }

    #[test]
    fn a_count_beyond_the_bits_is_refused_before_anything_is_read() {
        assert_eq!(
            read_hex(read_times, "ffffffff00000000"),
            "!gorilla-truncated"
        );
        assert_eq!(read_hex(read_times, "0102"), "!gorilla-truncated");
        let cut = "020000000000019ad45ab70040a080980000000095eb";
        assert_eq!(read_hex(read_values, cut), "!gorilla-truncated");
    }

    #[test]
    fn more_than_padding_after_the_last_sample_is_a_finding() {
        let shown = read_hex(read_values, "010000000000019ae635d346c0bd40200000000000");
        assert!(shown.ends_with("!gorilla-trailing"), "{shown}");
    }

    #[test]
    fn a_block_of_very_many_samples_shows_the_first_ones_only() {
        let mut block = 4_000_000_u32.to_le_bytes().to_vec();
        block.resize(4 + 16 + 1_000_000, 0);
        let shown = read(read_values, &block);
        let samples = shown.matches("(0 0.0)").count();
        assert_eq!(samples, MOST_SHOWN as usize);
        assert!(shown.contains("omitted=3983616"), "{}", shown.len());
    }
}
