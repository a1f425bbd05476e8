//! A frame cut into fragments.
//!
//! Source: protocol page `rp`, section 2. What is cut is the whole frame with its header, so that
//! putting it together again gives the frame.

use super::header::{ACK_REQUIRED, FRAGMENTED, Header, MAGIC, VERSION};
use crate::codec::{cbor, messagepack};
use crate::schema::notation::Encoding;
use sha2::{Digest, Sha256};

/// Cuts `frame` into frames that hold `size` bytes of it each, as `FragmentShard` values in
/// `encoding`. A frame that is not larger, or a fragment already, stays as it is. The id follows
/// from the bytes; sequence numbers count on from the frame's own.
///
/// # Errors
/// If there would be more fragments than their 16-bit count can say; how many.
pub fn fragments(frame: &[u8], size: usize, encoding: Encoding) -> Result<Vec<Vec<u8>>, usize> {
    let header = Header::read(frame).filter(|header| header.flags & FRAGMENTED == 0);
    let Some(header) = header.filter(|_| frame.len() > size) else {
        return Ok(vec![frame.to_vec()]);
    };
    let parts = frame.chunks(size.max(1));
    let total = u16::try_from(parts.len()).map_err(|_| parts.len())?;
    let id = id(frame);
    let shards = (0..total).zip(parts).map(|(index, part)| {
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC);
        let flags = FRAGMENTED | header.flags & ACK_REQUIRED;
        out.extend_from_slice(&[VERSION, flags, header.channel]);
        let sequence = header.sequence.wrapping_add(index.into());
        out.extend_from_slice(&sequence.to_be_bytes());
        shard(encoding, &id, (total, index), part, &mut out);
        out
    });
    Ok(shards.collect())
}

fn shard(
    encoding: Encoding,
    id: &[u8],
    (total, index): (u16, u16),
    part: &[u8],
    out: &mut Vec<u8>,
) {
    let bytes = part.iter().map(|byte| u64::from(*byte));
    match encoding {
        Encoding::MessagePack => {
            messagepack::write_array(out, 4);
            messagepack::write_binary(out, id);
            messagepack::write_unsigned(out, total.into());
            messagepack::write_unsigned(out, index.into());
            messagepack::write_array(out, part.len());
            bytes.for_each(|byte| messagepack::write_unsigned(out, byte));
        }
        Encoding::Cbor => {
            cbor::write_map(out, 4);
            cbor::write_text(out, b"fragment_id");
            cbor::write_bytes(out, id);
            cbor::write_text(out, b"total");
            cbor::write_unsigned(out, total.into());
            cbor::write_text(out, b"index");
            cbor::write_unsigned(out, index.into());
            cbor::write_text(out, b"payload");
            cbor::write_array(out, part.len());
            bytes.for_each(|byte| cbor::write_unsigned(out, byte));
        }
    }
}

/// A UUID (RFC 9562, version 8) made from the frame.
fn id(frame: &[u8]) -> [u8; 16] {
    let digest = Sha256::digest(frame);
    let mut start = [0; 16];
    start
        .iter_mut()
        .zip(digest)
        .for_each(|(byte, from)| *byte = from);
    let number = u128::from_be_bytes(start) & !(0xf << 76) & !(0x3 << 62) | 0x8 << 76 | 0x2 << 62;
    number.to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_frames_and_fragments_stay_whole() {
        let frame = b"RP\x01\0\x07\0\0\0\x01\xc0".to_vec();
        let whole = fragments(&frame, 10, Encoding::MessagePack).unwrap();
        assert_eq!(whole, std::slice::from_ref(&frame));
        for part in fragments(&frame, 4, Encoding::Cbor).unwrap() {
            assert_eq!(fragments(&part, 4, Encoding::Cbor).unwrap(), [part]);
        }
    }

    #[test]
    fn a_frame_that_needs_too_many_fragments_is_refused() {
        let mut frame = b"RP\x01\0\x07\0\0\0\x01".to_vec();
        frame.resize(70_000, 0);
        assert_eq!(fragments(&frame, 1, Encoding::Cbor), Err(70_000));
    }
}
