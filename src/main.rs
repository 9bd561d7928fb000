//! The `wscope` command: what was typed becomes a run, a run becomes an exit code.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
