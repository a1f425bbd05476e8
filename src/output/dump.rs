//! Rows of bytes: offset, hexadecimal digits, characters.

use super::page::{Look, Sheet};
use super::style::Ink;
use std::ops::Range;

/// Bytes to be dumped.
#[derive(Clone, Copy)]
pub struct Dump<'a> {
    /// The bytes of the whole frame.
    pub bytes: &'a [u8],
    /// The position of the frame in its stream.
    pub offset: u64,
    /// Whether a byte must not be shown.
    pub hidden: &'a dyn Fn(usize) -> bool,
}

/// How many bytes go on a row that starts at column `indent`.
#[must_use]
pub fn row_size(look: &Look, indent: usize) -> usize {
    // Offset, gap, three columns a byte less one, gap, one column a byte.
    let fits = |size: usize| indent + 8 + 2 + 3 * size - 1 + 2 + size <= look.columns();
    if fits(16) { 16 } else { 8 }
}

impl Dump<'_> {
    /// Writes the rows that hold `range`, `size` bytes a row, rows starting at multiples of
    /// `size` in the stream. `mark` gets carets beneath it.
    pub fn rows(
        &self,
        sheet: &mut Sheet,
        look: &Look,
        indent: usize,
        range: Range<usize>,
        mark: Option<(Range<usize>, &Ink)>,
    ) {
        let size = row_size(look, indent);
        let phase = usize::try_from(self.offset % size as u64).unwrap_or(0);
        let mut start = range.start;
        while start < range.end.min(self.bytes.len()) {
            let end = (start + size - (start + phase) % size).min(range.end);
            self.row(sheet, look, indent, start..end, size);
            if let Some((mark, ink)) = &mark {
                let size = row_size(look, indent);
                self.carets(sheet, ink, indent, start..end, mark, size);
            }
            start = end;
        }
    }

    fn row(&self, sheet: &mut Sheet, look: &Look, indent: usize, row: Range<usize>, size: usize) {
        let phase = usize::try_from((self.offset + row.start as u64) % size as u64).unwrap_or(0);
        let aligned = self.offset + row.start as u64 - phase as u64;
        sheet.space(indent);
        sheet.print(&look.styles.aside, format_args!("{aligned:08x}"));
        sheet.space(1 + 3 * phase);
        let bytes = self.bytes.get(row.clone()).unwrap_or_default();
        for (position, byte) in row.clone().zip(bytes) {
            sheet.space(1);
            if (self.hidden)(position) {
                sheet.put(&look.styles.null, "**");
            } else {
                sheet.hexadecimal(&look.styles.bytes, &[*byte]);
            }
        }
        sheet.advance_to(indent + 8 + 1 + 3 * size + 2 + phase, 2);
        let text: String = bytes.iter().map(|byte| character(*byte)).collect();
        sheet.put(&look.styles.aside, text.trim_end());
        sheet.newline();
    }

    fn carets(
        &self,
        sheet: &mut Sheet,
        ink: &Ink,
        indent: usize,
        row: Range<usize>,
        mark: &Range<usize>,
        size: usize,
    ) {
        let phase = usize::try_from((self.offset + row.start as u64) % size as u64).unwrap_or(0);
        // An empty span is a place between bytes: its caret stands under the byte that follows,
        // or behind the last one.
        let end = mark.end.max(mark.start + 1);
        let from = mark.start.max(row.start);
        let behind_last = mark.start == self.bytes.len() && row.end == self.bytes.len();
        let until = if behind_last { end } else { end.min(row.end) };
        if from >= until {
            return;
        }
        sheet.space(indent + 8 + 2 + 3 * (phase + from - row.start));
        sheet.put(ink, &"^".repeat(3 * (until - from) - 1));
        sheet.newline();
    }
}

/// A byte as a character, for the right-hand column.
#[must_use]
pub fn character(byte: u8) -> char {
    match byte {
        0 => '⋄',
        b' '..=b'~' => char::from(byte),
        0x80.. => '×',
        _ => '•',
    }
}
