//! pcapng: sections of blocks, with interfaces of different kinds and clocks.

use std::io::Read;

use pcap_parser::pcapng::{Block, EnhancedPacketBlock, InterfaceDescriptionBlock};
use pcap_parser::{OptionCode, PcapNGOption, SecretsType, parse_block_be, parse_block_le};

use super::buffer::{Buffer, RECORD_LIMIT};
use super::{Item, LinkType, Outcome, Packet};
use crate::net::event::Finding;

/// Interfaces a section may describe.
const INTERFACE_LIMIT: usize = 4096;
const SECTION_HEADER: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
const OBSOLETE_PACKET_BLOCK: u32 = 2;

pub(super) struct Pcapng {
    big_endian: bool,
    interfaces: Vec<Interface>,
}

struct Interface {
    link: LinkType,
    snap_length: u32,
    /// Units a second.
    resolution: Resolution,
    /// Seconds to add.
    offset: i64,
}

#[derive(Clone, Copy)]
enum Resolution {
    PowerOfTen(u32),
    PowerOfTwo(u32),
}

/// Whether `bytes` begin with a section header.
pub(super) fn recognise(bytes: &[u8]) -> bool {
    bytes.starts_with(&SECTION_HEADER)
        && matches!(
            bytes.get(8..12),
            Some([0x1a, 0x2b, 0x3c, 0x4d] | [0x4d, 0x3c, 0x2b, 0x1a])
        )
}

/// Whether a section header may begin with `bytes`, too few to tell.
pub(super) fn may_follow(bytes: &[u8]) -> bool {
    bytes.len() < 12 && bytes.starts_with(&SECTION_HEADER)
}

impl Pcapng {
    pub(super) fn new() -> Self {
        Self {
            big_endian: false,
            interfaces: Vec::new(),
        }
    }

    /// The length of the block that `bytes` begin with, as soon as they tell.
    pub(super) fn length(&self, bytes: &[u8]) -> Option<usize> {
        let header = bytes.first_chunk()?;
        Some(length(header, self.order(header)?))
    }

    /// Whether the block is written big-endian; a section's header says so of the section.
    fn order(&self, header: &[u8; 12]) -> Option<bool> {
        if !header.starts_with(&SECTION_HEADER) {
            return Some(self.big_endian);
        }
        match header.last_chunk() {
            Some([0x1a, 0x2b, 0x3c, 0x4d]) => Some(true),
            Some([0x4d, 0x3c, 0x2b, 0x1a]) => Some(false),
            _ => None,
        }
    }

    pub(super) fn block<R: Read>(
        &mut self,
        buffer: &mut Buffer<R>,
        packets: &mut u64,
        last_ns: &mut u64,
        visit: &mut dyn FnMut(Item<'_>),
    ) -> Outcome {
        let bytes = buffer.bytes();
        let Some(header) = bytes.first_chunk::<12>() else {
            return Outcome::Need(12);
        };
        let Some(big_endian) = self.order(header) else {
            return Outcome::Damaged("has a section without byte order");
        };
        self.big_endian = big_endian;
        let length = length(header, big_endian);
        if !(12..=RECORD_LIMIT).contains(&length) || !length.is_multiple_of(4) {
            return Outcome::Damaged("has a block of impossible length");
        }
        let Some(block) = bytes.get(..length) else {
            return Outcome::Need(length);
        };
        let position = buffer.position();
        let parsed = if self.big_endian {
            parse_block_be(block)
        } else {
            parse_block_le(block)
        };
        match parsed {
            Ok((_, block)) => self.visit(&block, position, packets, last_ns, visit),
            Err(_) => visit(Item::Finding(Finding::error(
                "capture-damaged",
                position,
                "a damaged block of the capture was skipped",
            ))),
        }
        buffer.consume(length);
        Outcome::Read
    }

    fn visit(
        &mut self,
        block: &Block<'_>,
        position: u64,
        packets: &mut u64,
        last_ns: &mut u64,
        visit: &mut dyn FnMut(Item<'_>),
    ) {
        match block {
            Block::SectionHeader(section) => {
                self.interfaces.clear();
                comments(&section.options, visit);
            }
            Block::InterfaceDescription(interface) => {
                if self.interfaces.len() < INTERFACE_LIMIT {
                    self.interfaces
                        .push(Interface::new(interface, self.big_endian));
                }
                comments(&interface.options, visit);
            }
            Block::EnhancedPacket(packet) => {
                *packets += 1;
                self.enhanced_packet(packet, position, *packets, last_ns, visit);
            }
            Block::SimplePacket(packet) => {
                *packets += 1;
                let Some(interface) = self.interfaces.first() else {
                    return visit(Item::Finding(no_interface(position)));
                };
                let snap_length = match interface.snap_length {
                    0 => u32::MAX,
                    length => length,
                };
                let captured = packet.origlen.min(snap_length) as usize;
                visit(Item::Packet(Packet {
                    number: *packets,
                    time_ns: *last_ns,
                    link: interface.link,
                    bytes: packet.data.get(..captured).unwrap_or(packet.data),
                    original_length: packet.origlen,
                }));
            }
            Block::DecryptionSecrets(secrets) if secrets.secrets_type == SecretsType::TlsKeyLog => {
                let length = secrets.secrets_len as usize;
                visit(Item::TlsSecrets(
                    secrets.data.get(..length).unwrap_or(secrets.data),
                ));
            }
            Block::Unknown(block) if block.block_type == OBSOLETE_PACKET_BLOCK => {
                visit(Item::Finding(Finding::error(
                    "capture-obsolete-block",
                    position,
                    "a packet in the obsolete Packet Block was skipped",
                )));
            }
            _ => {}
        }
    }

    fn enhanced_packet(
        &self,
        packet: &EnhancedPacketBlock<'_>,
        position: u64,
        number: u64,
        last_ns: &mut u64,
        visit: &mut dyn FnMut(Item<'_>),
    ) {
        let interface = usize::try_from(packet.if_id)
            .ok()
            .and_then(|id| self.interfaces.get(id));
        let Some(interface) = interface else {
            return visit(Item::Finding(no_interface(position)));
        };
        comments(&packet.options, visit);
        let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
        *last_ns = interface.time_ns(ticks);
        let captured = packet.caplen as usize;
        visit(Item::Packet(Packet {
            number,
            time_ns: *last_ns,
            link: interface.link,
            bytes: packet.data.get(..captured).unwrap_or(packet.data),
            original_length: packet.origlen,
        }));
    }
}

impl Interface {
    fn new(block: &InterfaceDescriptionBlock<'_>, big_endian: bool) -> Self {
        let mut interface = Self {
            link: LinkType(block.linktype.0.cast_unsigned()),
            snap_length: block.snaplen,
            resolution: Resolution::PowerOfTen(6),
            offset: 0,
        };
        for option in &block.options {
            match (option.code, option.value()) {
                (OptionCode::IfTsresol, [bits, ..]) => {
                    let exponent = u32::from(bits & 0x7f);
                    interface.resolution = if bits & 0x80 == 0 {
                        Resolution::PowerOfTen(exponent)
                    } else {
                        Resolution::PowerOfTwo(exponent)
                    };
                }
                (OptionCode::IfTsoffset, value) => {
                    if let Some(value) = value.first_chunk::<8>() {
                        interface.offset = if big_endian {
                            i64::from_be_bytes(*value)
                        } else {
                            i64::from_le_bytes(*value)
                        };
                    }
                }
                _ => {}
            }
        }
        interface
    }

    /// Nanoseconds since 1970; out of range becomes the nearest that can be told.
    fn time_ns(&self, ticks: u64) -> u64 {
        let nanoseconds = match self.resolution {
            Resolution::PowerOfTen(exponent @ ..=9) => u128::from(ticks) * 10u128.pow(9 - exponent),
            Resolution::PowerOfTen(exponent) => match 10u128.checked_pow(exponent - 9) {
                Some(divisor) => u128::from(ticks) / divisor,
                None => 0,
            },
            Resolution::PowerOfTwo(exponent) => (u128::from(ticks) * 1_000_000_000)
                .checked_shr(exponent)
                .unwrap_or(0),
        };
        let nanoseconds = i128::try_from(nanoseconds).unwrap_or(i128::MAX);
        let shifted = nanoseconds.saturating_add(i128::from(self.offset) * 1_000_000_000);
        u64::try_from(shifted.max(0)).unwrap_or(u64::MAX)
    }
}

/// The length that a block's first bytes announce.
fn length(header: &[u8; 12], big_endian: bool) -> usize {
    let [_, _, _, _, length @ .., _, _, _, _] = *header;
    let length = if big_endian {
        u32::from_be_bytes(length)
    } else {
        u32::from_le_bytes(length)
    };
    length as usize
}

fn comments(options: &[PcapNGOption<'_>], visit: &mut dyn FnMut(Item<'_>)) {
    for option in options {
        if option.code == OptionCode::Comment
            && let Ok(bytes) = option.as_bytes()
        {
            visit(Item::Comment(&String::from_utf8_lossy(bytes)));
        }
    }
}

fn no_interface(position: u64) -> Finding<'static> {
    Finding::error(
        "capture-unknown-interface",
        position,
        "a packet of an interface that the capture does not describe was skipped",
    )
}
