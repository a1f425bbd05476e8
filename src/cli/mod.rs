//! What the user types: arguments first as typed, then as ready objects. Only here is clap known.

mod complain;
mod complete;
mod decode;
mod encode;
mod explain;
mod generate;
mod options;
mod pcap;
mod protocols;
mod replay;
mod schema;
mod sniff;
mod stdin;
mod stdout;
mod tail;
mod terminal;
mod text;

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use wirectl::source::SourceError;

/// Exit status: all done, nothing damaged.
pub const CLEAN: u8 = 0;
/// Exit status: done, but some input was damaged.
pub const DAMAGED: u8 = 1;
/// Exit status: wrong usage, or reading or writing failed.
pub const FAILED: u8 = 2;
/// Exit status: an expectation of `replay` was not met.
pub const UNMET: u8 = 3;

/// Inspects and moves NodeDB sync, pushwire and Noxu replication traffic.
#[derive(Debug, Parser)]
#[command(
    name = "wirectl",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = EXAMPLES
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  wirectl decode dump.bin                        what is in a dump
  wirectl decode --json dump.bin                 the same for programs, one record a line
  wirectl pcap capture.pcapng                    every message of a capture
  wirectl tail --listen 9191 --forward 9090      what passes between two peers, live
  wirectl replay --to localhost:9090 dump.bin    send it again, see the answers
  wirectl explain crc-mismatch                   what a finding means

Exit status: 0 clean, 1 some input was damaged, 2 wrong usage or input/output failed, 3 an
expectation of replay was not met.";

#[derive(Debug, Subcommand)]
enum Command {
    Decode(decode::Decode),
    Pcap(pcap::Pcap),
    Tail(Box<tail::Tail>),
    Encode(encode::Encode),
    Replay(Box<replay::ReplayCommand>),
    Explain(explain::Explain),
    Protocols(protocols::Protocols),
    Schema(schema::Schema),
    Completions(generate::Completions),
    Man(generate::Man),
}

/// Runs the command line and returns its exit status.
#[must_use]
pub fn run() -> ExitCode {
    complete::answer();
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Decode(command) => command.run(),
        Command::Encode(command) => command.run(),
        Command::Pcap(command) => command.run(),
        Command::Explain(command) => command.run(),
        Command::Protocols(command) => command.run(),
        Command::Replay(command) => command.run(),
        Command::Schema(command) => command.run(),
        Command::Completions(command) => command.run(),
        Command::Man(command) => command.run(),
        Command::Tail(command) => command.run(),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) if closed_pipe(&error) => ExitCode::from(CLEAN),
        Err(error) => {
            complain::error(&error);
            ExitCode::from(FAILED)
        }
    }
}

/// Whoever reads our output has seen enough: that is no failure.
fn closed_pipe(error: &anyhow::Error) -> bool {
    io_failures(error).any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// The failures of input or output among the causes of `error`.
fn io_failures(error: &anyhow::Error) -> impl Iterator<Item = &std::io::Error> {
    error.chain().filter_map(|cause| {
        let source = cause.downcast_ref::<SourceError>();
        match (cause.downcast_ref::<std::io::Error>(), source) {
            (Some(error), _) | (None, Some(SourceError::Io(error))) => Some(error),
            _ => None,
        }
    })
}
