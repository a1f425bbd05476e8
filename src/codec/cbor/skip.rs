//! Passing over whole items.

use super::{Fault, Head, Reader};

/// Items of unknown length may nest this deep when they are only passed over.
const MOST_OPEN: usize = 1 << 16;

/// What the items of an open container are.
#[derive(Clone, Copy)]
enum Open {
    /// So many are to come.
    Counted(u64),
    /// A break ends an array.
    Items,
    /// A break ends a map; whether a value is due.
    Pairs(bool),
    /// Chunks of a byte string or text, until a break.
    Chunks(bool),
}

/// Consumes one whole item, whatever it is and however deep it nests. Text is not checked.
///
/// # Errors
/// [`Fault`]; the position is then that of the faulty byte, and the second value says how many
/// bytes the item has at least, if only bytes are missing.
pub fn skip(reader: &mut Reader<'_>) -> Result<(), (Fault, u64)> {
    let mut open = Open::Counted(1);
    // Counted containers are summed up; only those of unknown length are remembered.
    let mut outer: Vec<Open> = Vec::new();
    loop {
        while matches!(open, Open::Counted(0)) {
            match outer.pop() {
                Some(container) => open = container,
                None => return Ok(()),
            }
        }
        let head = reader.head().map_err(|fault| (fault, least(reader, 1)))?;
        if let Open::Chunks(text) = open {
            match head {
                Head::Break => open = outer.pop().unwrap_or(Open::Counted(0)),
                Head::Text(Some(length)) if text => take(reader, length)?,
                Head::Bytes(Some(length)) if !text => take(reader, length)?,
                _ => return Err((Fault::WrongChunk, 0)),
            }
            continue;
        }
        if head == Head::Break {
            match open {
                Open::Items | Open::Pairs(false) => {
                    open = outer.pop().unwrap_or(Open::Counted(0));
                }
                _ => return Err((Fault::StrayBreak, 0)),
            }
            continue;
        }
        match &mut open {
            Open::Counted(count) => *count -= 1,
            Open::Pairs(due) => *due = !*due,
            Open::Items | Open::Chunks(_) => {}
        }
        let inside = match head {
            Head::Text(Some(length)) | Head::Bytes(Some(length)) => {
                take(reader, length)?;
                continue;
            }
            Head::Array(Some(count)) => Open::Counted(count),
            Head::Map(Some(count)) => Open::Counted(count.saturating_mul(2)),
            Head::Tag(_) => Open::Counted(1),
            Head::Array(None) => Open::Items,
            Head::Map(None) => Open::Pairs(false),
            Head::Text(None) => Open::Chunks(true),
            Head::Bytes(None) => Open::Chunks(false),
            _ => continue,
        };
        open = match (open, inside) {
            (Open::Counted(more), Open::Counted(count)) => {
                Open::Counted(more.saturating_add(count))
            }
            (around, inside) => {
                if outer.len() >= MOST_OPEN {
                    return Err((Fault::TooDeep, 0));
                }
                outer.push(around);
                inside
            }
        };
        if let Open::Counted(count) = open
            && count > reader.left() as u64
        {
            return Err((Fault::Truncated, least(reader, count)));
        }
    }
}

fn take(reader: &mut Reader<'_>, length: u64) -> Result<(), (Fault, u64)> {
    reader
        .take(length)
        .map(|_| ())
        .map_err(|fault| (fault, least(reader, length)))
}

/// Position of the end if `more` bytes follow.
fn least(reader: &Reader<'_>, more: u64) -> u64 {
    (reader.position() as u64).saturating_add(more)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(bytes: &[u8]) -> Result<usize, Fault> {
        let mut reader = Reader::new(bytes, 0);
        skip(&mut reader)
            .map(|()| reader.position())
            .map_err(|(fault, _)| fault)
    }

    #[test]
    fn items_of_all_kinds_are_passed_over() {
        let items: [&[u8]; 9] = [
            &[0x01],
            &[0x82, 1, 0x82, 2, 3],
            &[0xa1, 0x61, b'a', 0x9f, 1, 2, 0xff],
            &[0x9f, 0x9f, 0xff, 0xff],
            &[0xbf, 1, 0xbf, 0xff, 0xff],
            &[0x7f, 0x61, b'a', 0x60, 0xff],
            &[0x5f, 0xff],
            &[0xc1, 0xc2, 0x41, 0],
            &[0x82, 0x9f, 0x82, 1, 2, 0xff, 0xfb, 0, 0, 0, 0, 0, 0, 0, 0],
        ];
        for item in items {
            let mut bytes = item.to_vec();
            bytes.push(0);
            assert_eq!(end(&bytes), Ok(item.len()), "{item:02x?}");
            for length in 0..item.len() {
                assert_eq!(end(&item[..length]), Err(Fault::Truncated), "{item:02x?}");
            }
        }
    }

    #[test]
    fn breaks_stand_only_where_they_may() {
        for item in [&[0xff][..], &[0x81, 0xff], &[0xbf, 1, 0xff], &[0xc1, 0xff]] {
            assert_eq!(end(item), Err(Fault::StrayBreak), "{item:02x?}");
        }
        assert_eq!(end(&[0x7f, 0x41, 0x61, 0xff]), Err(Fault::WrongChunk));
        assert_eq!(end(&[0x7f, 0x7f, 0xff, 0xff]), Err(Fault::WrongChunk));
    }

    #[test]
    fn counts_larger_than_the_data_are_refused_at_once() {
        let huge = [0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        assert_eq!(end(&huge), Err(Fault::Truncated));
        assert_eq!(end(&[0x9f; 100_000]), Err(Fault::TooDeep));
    }
}
