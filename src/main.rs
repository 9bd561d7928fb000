//! The `wscope` command: what was typed becomes a run, a run becomes an exit code.

mod cli;
mod tui;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
