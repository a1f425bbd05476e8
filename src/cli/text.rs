//! Text that explains, laid out for the terminal.

use super::terminal::{self, ColorChoice};
use std::io;
use wirectl::output::{Page, Styles, grid};

/// Lines are broken beyond this many columns, on wider terminals, too.
const MOST_COLUMNS: usize = 100;

/// A page of text.
pub struct Text {
    page: Page<io::StdoutLock<'static>>,
    styles: Styles,
    columns: usize,
}

impl Text {
    /// An empty page for standard output.
    pub fn new() -> Self {
        let out = io::stdout();
        let columns = terminal::width().map_or(MOST_COLUMNS, |width| width.get());
        Self {
            styles: Styles::new(terminal::use_color(ColorChoice::Auto, &out)),
            page: Page::new(out.lock()),
            columns: columns.clamp(40, MOST_COLUMNS),
        }
    }

    /// Writes everything out.
    pub fn print(mut self) -> io::Result<()> {
        self.page.flush()
    }

    /// An empty line.
    pub fn blank(&mut self) {
        self.page.sheet.newline();
    }

    /// A line that stands out.
    pub fn heading(&mut self, text: &str) {
        self.page.sheet.put(&self.styles.heading, text);
        self.page.sheet.newline();
    }

    /// Words, broken into lines.
    pub fn paragraph(&mut self, lead: &str, text: &str) {
        let sheet = &mut self.page.sheet;
        sheet.put(&self.styles.note, lead);
        self.words(text, 0);
        self.page.sheet.newline();
    }

    /// Rows of cells under each other; the last cell of a row is broken into lines.
    pub fn rows(&mut self, rows: Vec<Vec<String>>) {
        let most = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |index: usize| {
            let cells = rows.iter().filter_map(|row| row.get(index));
            cells.map(|cell| grid::width(cell)).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..most).map(width).collect();
        for row in &rows {
            let mut column = 2;
            for (index, cell) in row.iter().enumerate() {
                let ink = match index {
                    0 => &self.styles.key,
                    _ => &self.styles.number,
                };
                let last = index + 1 == most;
                self.page
                    .sheet
                    .advance_to(column, if index == 0 { 0 } else { 2 });
                if last {
                    // Too far right to be read: on lines of its own.
                    if column + 24 > self.columns {
                        self.page.sheet.newline();
                        self.page.sheet.space(6);
                        column = 6;
                    }
                    self.words(cell, column);
                } else {
                    self.page.sheet.put(ink, cell);
                }
                column += widths.get(index).copied().unwrap_or(0) + 2;
            }
            self.page.sheet.newline();
        }
    }

    /// Writes words from here, later lines starting at column `indent`.
    fn words(&mut self, text: &str, indent: usize) {
        let sheet = &mut self.page.sheet;
        let mut first = true;
        for word in text.split(' ') {
            let room = self.columns.saturating_sub(sheet.column());
            if !first && grid::width(word) + 1 > room {
                sheet.newline();
                sheet.space(indent);
            } else if !first {
                sheet.space(1);
            }
            sheet.put(&self.styles.number, word);
            first = false;
        }
    }
}
