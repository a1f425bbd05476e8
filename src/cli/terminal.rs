//! What the terminal can do and wants.

use clap::ValueEnum;
use std::io::{self, IsTerminal};
use std::num::NonZeroUsize;
use terminal_size::{Width, terminal_size_of};

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Whether to write colours to `stream`.
pub fn use_color(choice: ColorChoice, stream: &impl IsTerminal) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if set("NO_COLOR") => false,
        ColorChoice::Auto if set("CLICOLOR_FORCE") => {
            std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| value != "0")
                || stream.is_terminal()
        }
        ColorChoice::Auto => {
            stream.is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
        }
    }
}

/// The columns of the terminal that standard output is, if it is one.
pub fn width() -> Option<NonZeroUsize> {
    let (Width(columns), _) = terminal_size_of(io::stdout())?;
    NonZeroUsize::new(columns.into())
}
