//! The blocks of a pcapng file (draft-ietf-opsawg-pcapng), little-endian.

/// Packets begin with an IP header.
pub(in crate::tail) const LINK_RAW_IP: u32 = 101;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// Options: end, the writing program, the interface's name, the resolution of times.
const OPTION_END: u16 = 0;
const OPTION_APPLICATION: u16 = 4;
const OPTION_NAME: u16 = 2;
const OPTION_RESOLUTION: u16 = 9;
/// Times count nanoseconds.
const NANOSECONDS: u8 = 9;

/// A block to write.
#[derive(Clone, Copy, Debug)]
pub(super) enum Block<'a> {
    /// The beginning of a file.
    Section,
    /// The one interface.
    Interface {
        /// What packets begin with.
        link: u32,
    },
    /// A packet of that interface.
    Packet {
        /// Nanoseconds since the Unix epoch.
        time_ns: u64,
        /// All its bytes.
        packet: &'a [u8],
    },
}

impl Block<'_> {
    /// Appends the block to `out`.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        let start = out.len();
        let kind = match self {
            Self::Section => SECTION,
            Self::Interface { .. } => INTERFACE,
            Self::Packet { .. } => PACKET,
        };
        put(out, kind);
        put(out, 0);
        match self {
            Self::Section => {
                put(out, BYTE_ORDER);
                out.extend_from_slice(&[1, 0, 0, 0]);
                // The length of the section is not known.
                out.extend_from_slice(&[0xff; 8]);
                let name = concat!("wirectl ", env!("CARGO_PKG_VERSION"));
                option(out, OPTION_APPLICATION, name.as_bytes());
                option(out, OPTION_END, &[]);
            }
            Self::Interface { link } => {
                // Sixteen bits of link type, sixteen reserved; no limit on lengths.
                put(out, link & 0xffff);
                put(out, 0);
                option(out, OPTION_NAME, b"wirectl tail");
                option(out, OPTION_RESOLUTION, &[NANOSECONDS]);
                option(out, OPTION_END, &[]);
            }
            Self::Packet { time_ns, packet } => {
                let length = u32::try_from(packet.len()).unwrap_or(u32::MAX);
                put(out, 0);
                put(out, (time_ns >> 32) as u32);
                put(out, (time_ns & 0xffff_ffff) as u32);
                put(out, length);
                put(out, length);
                out.extend_from_slice(packet);
                pad(out, packet.len());
            }
        }
        let length = u32::try_from(out.len() - start + 4).unwrap_or(u32::MAX);
        put(out, length);
        if let Some(place) = out.get_mut(start + 4..start + 8) {
            place.copy_from_slice(&length.to_le_bytes());
        }
    }
}

/// Bytes that a packet of `length` bytes takes in a file.
pub(super) fn packet_size(length: usize) -> usize {
    32 + length.next_multiple_of(4)
}

fn option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&code.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(value);
    pad(out, value.len());
}

fn pad(out: &mut Vec<u8>, length: usize) {
    let padding = length.next_multiple_of(4) - length;
    out.resize(out.len() + padding, 0);
}

fn put(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}
