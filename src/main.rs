//! The `wirectl` command: arguments, run, exit status.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::SUCCESS
}
