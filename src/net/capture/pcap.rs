//! The classic format: one header, then records.

use std::io::Read;

use pcap_parser::{
    LegacyPcapBlock, parse_pcap_frame, parse_pcap_frame_be, parse_pcap_frame_modified,
    parse_pcap_header,
};

use super::buffer::{Buffer, RECORD_LIMIT};
use super::{Item, LinkType, Outcome, Packet};

pub(super) const HEADER_LENGTH: usize = 24;

pub(super) struct Pcap {
    link: LinkType,
    nanoseconds: bool,
    record_header: usize,
    big_endian: bool,
    parse: Parse,
}

type Parse = for<'i> fn(&'i [u8]) -> Result<(&'i [u8], LegacyPcapBlock<'i>), nom_error::Error<'i>>;

mod nom_error {
    /// What pcap-parser's functions fail with.
    pub(super) type Error<'i> = pcap_parser::nom::Err<pcap_parser::PcapError<&'i [u8]>>;
}

/// Whether `bytes` begin with the magic number of this format.
pub(super) fn recognise(bytes: &[u8]) -> bool {
    let magic = bytes
        .first_chunk::<4>()
        .map(|magic| u32::from_le_bytes(*magic));
    let known = [0xa1b2_c3d4_u32, 0xa1b2_3c4d, 0xa1b2_cd34];
    magic.is_some_and(|magic| known.contains(&magic) || known.contains(&magic.swap_bytes()))
}

impl Pcap {
    /// `None` if `bytes` do not begin with a header of this format.
    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
        let (_, header) = parse_pcap_header(bytes).ok()?;
        let big_endian = header.is_bigendian();
        let parse: Parse = match (header.is_modified_format(), big_endian) {
            (true, _) => parse_pcap_frame_modified,
            (false, true) => parse_pcap_frame_be,
            (false, false) => parse_pcap_frame,
        };
        Some(Self {
            // The upper bits say whether frames end with a check sequence, and how long it is.
            link: LinkType(header.network.0.cast_unsigned() & 0xffff),
            nanoseconds: header.is_nanosecond_precision(),
            record_header: if header.is_modified_format() { 24 } else { 16 },
            big_endian,
            parse,
        })
    }

    pub(super) fn record<R: Read>(
        &self,
        buffer: &mut Buffer<R>,
        packets: &mut u64,
        last_ns: &mut u64,
        visit: &mut dyn FnMut(Item<'_>),
    ) -> Outcome {
        let bytes = buffer.bytes();
        let Some(length) = self.length(bytes) else {
            return Outcome::Need(self.record_header);
        };
        if length > self.record_header + RECORD_LIMIT {
            return Outcome::Damaged("has a record of impossible length");
        }
        if bytes.len() < length {
            return Outcome::Need(length);
        }
        let Ok((_, block)) = (self.parse)(bytes) else {
            return Outcome::Damaged("has a damaged record");
        };
        *packets += 1;
        *last_ns = self.time_ns(&block);
        visit(Item::Packet(Packet {
            number: *packets,
            time_ns: *last_ns,
            link: self.link,
            bytes: block.data,
            original_length: block.origlen,
        }));
        buffer.consume(length);
        Outcome::Read
    }

    /// The length of the record that `bytes` begin with, as soon as they tell.
    pub(super) fn length(&self, bytes: &[u8]) -> Option<usize> {
        bytes.get(..self.record_header)?;
        let field = *bytes.get(8..)?.first_chunk::<4>()?;
        let captured = if self.big_endian {
            u32::from_be_bytes(field)
        } else {
            u32::from_le_bytes(field)
        };
        Some(self.record_header.saturating_add(captured as usize))
    }

    fn time_ns(&self, block: &LegacyPcapBlock<'_>) -> u64 {
        let fraction = u64::from(block.ts_usec) * if self.nanoseconds { 1 } else { 1_000 };
        u64::from(block.ts_sec) * 1_000_000_000 + fraction
    }
}
