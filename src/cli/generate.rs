//! `wirectl completions` and `wirectl man`: made from the definitions of the arguments.

use super::{Arguments, CLEAN};
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::io::{self, Write};

/// Print completions for a shell
///
/// The shell then asks wirectl itself, which also knows message types and their fields.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wirectl completions bash > /etc/bash_completion.d/wirectl
  wirectl completions fish > ~/.config/fish/completions/wirectl.fish
  wirectl completions zsh > \"${fpath[1]}/_wirectl\"")]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Prints the completions.
    pub fn run(self) -> anyhow::Result<u8> {
        write(&super::complete::script(&self.shell.to_string())?)
    }
}

/// Print the manual page, of wirectl or of a subcommand
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wirectl man | man -l -
  wirectl man decode > wirectl-decode.1")]
pub struct Man {
    /// The subcommand
    command: Option<String>,
}

impl Man {
    /// Prints the page.
    pub fn run(self) -> anyhow::Result<u8> {
        let mut command = Arguments::command();
        command.build();
        let page = match &self.command {
            None => clap_mangen::Man::new(command),
            Some(name) => clap_mangen::Man::new(subcommand(&command, name)?),
        };
        let mut text = Vec::new();
        page.render(&mut text)?;
        write(&text)
    }
}

fn subcommand(command: &clap::Command, name: &str) -> anyhow::Result<clap::Command> {
    match command.find_subcommand(name) {
        Some(found) => Ok(found.clone()),
        None => {
            let names = command.get_subcommands().map(clap::Command::get_name);
            Err(super::complain::Wrong::unknown("subcommand", name, names, "wirectl help").into())
        }
    }
}

fn write(bytes: &[u8]) -> anyhow::Result<u8> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(CLEAN)
}
