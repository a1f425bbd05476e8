//! Standard input: read once, and to its first end.

use super::complain::{self, Wrong};
use std::io::{self, IsTerminal, Read};
use std::sync::atomic::{AtomicBool, Ordering};

static TAKEN: AtomicBool = AtomicBool::new(false);

/// Standard input up to its first end: a terminal would begin anew after Ctrl-D.
#[derive(Debug)]
pub struct StandardInput {
    input: io::Stdin,
    ended: bool,
}

/// Standard input, for `what`; people who are meant to type that are told so, and of the `usual`
/// ways.
///
/// # Errors
/// If it was opened before.
pub fn open(what: &str, usual: &str) -> anyhow::Result<StandardInput> {
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Err(Wrong::new(
            "standard input can be read only once".to_owned(),
            "give - one time, or files".to_owned(),
        )
        .into());
    }
    let input = io::stdin();
    if input.is_terminal() {
        complain::note(&Wrong::new(
            format!("waiting for {what} on standard input, which is a terminal"),
            format!("{usual}; Ctrl-D ends the input"),
        ));
    }
    Ok(StandardInput {
        input,
        ended: false,
    })
}

impl Read for StandardInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ended {
            return Ok(0);
        }
        let count = self.input.read(buffer)?;
        self.ended = count == 0 && !buffer.is_empty();
        Ok(count)
    }
}
