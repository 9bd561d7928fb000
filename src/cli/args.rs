//! What was typed.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// A microscope for WebSocket: from captured packets to messages, with every step visible.
///
/// Reads pcap and pcapng files (also .gz and .zst), rebuilds the TCP connections, finds the
/// WebSocket upgrades and decodes every frame and message after them.
#[derive(Parser, Debug)]
#[command(
    name = "wscope",
    version,
    args_conflicts_with_subcommands = true,
    arg_required_else_help = true
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,

    #[command(flatten)]
    pub captures: Captures,

    #[command(flatten)]
    pub common: Common,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// The timeline as text, or as JSON Lines.
    Print(Print),
    /// Connections and sessions, one row each, and totals.
    Stats(StatsArgs),
    /// What the rules of the protocol say of both sides; exit code 1 where an error was found.
    Check(Check),
    /// The rules, or one of them explained.
    Rules(RulesArgs),
}

#[derive(Args, Debug)]
pub struct Captures {
    /// Captures, read as one in the order given; `-` is standard input.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
}

#[derive(Args, Debug, Clone, Copy)]
pub struct Common {
    /// Colours: always, never, or where standard output is a terminal and NO_COLOR is not set.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Colour::Auto, global = true)]
    pub color: Colour,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Colour {
    Auto,
    Always,
    Never,
}

#[derive(Args, Debug)]
pub struct Print {
    #[command(flatten)]
    pub captures: Captures,

    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,

    /// Only these kinds of events; a beginning such as `ws` stands for all below it.
    #[arg(long, value_name = "KIND,…", value_delimiter = ',')]
    pub events: Vec<String>,
}

#[derive(Args, Debug)]
pub struct StatsArgs {
    #[command(flatten)]
    pub captures: Captures,

    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,

    /// Only the totals.
    #[arg(long)]
    pub totals: bool,

    /// Add the sum of the XXH64 hashes of all text and binary payloads.
    #[arg(long)]
    pub checksum: bool,
}

#[derive(Args, Debug)]
pub struct Check {
    #[command(flatten)]
    pub captures: Captures,

    /// Text, JSON Lines, JUnit XML, or SARIF 2.1.0.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,

    /// Also notes, usual causes, ends, and what could not be decided.
    #[arg(short, long)]
    pub verbose: bool,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    Text,
    Json,
    Junit,
    Sarif,
}

#[derive(Args, Debug)]
pub struct RulesArgs {
    /// A rule's name or number.
    #[arg(value_name = "RULE")]
    pub rule: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
