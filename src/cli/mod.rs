//! What the user types: arguments first as typed, then as ready objects. Only here is clap known.

mod decode;
mod encode;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Exit status: all done, nothing damaged.
pub const CLEAN: u8 = 0;
/// Exit status: done, but some input was damaged.
pub const DAMAGED: u8 = 1;
/// Exit status: wrong usage, or reading or writing failed.
pub const FAILED: u8 = 2;

/// Inspects and moves NodeDB sync, pushwire and Noxu replication traffic.
#[derive(Debug, Parser)]
#[command(name = "wirectl", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Decode(decode::Decode),
    Encode(encode::Encode),
}

/// Runs the command line and returns its exit status.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Decode(command) => command.run(),
        Command::Encode(command) => command.run(),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) if closed_pipe(&error) => ExitCode::from(CLEAN),
        Err(error) => {
            complain(&error);
            ExitCode::from(FAILED)
        }
    }
}

/// Whoever reads our output has seen enough: that is no failure.
fn closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

#[expect(
    clippy::print_stderr,
    reason = "the one place where the command complains"
)]
fn complain(error: &anyhow::Error) {
    eprintln!("wirectl: {error:#}");
}
