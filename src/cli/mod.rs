//! The command line: one file for what can be typed, one per sub-command.

pub mod args;
mod check;
mod embed;
mod explain;
mod fields;
mod generate;
#[cfg(unix)]
mod interfaces;
mod keys;
mod lab;
mod lesson;
#[cfg(unix)]
pub mod live;
mod print;
mod progress;
mod rules;
pub mod secrets;
mod stats;

use crate::tui;
use anyhow::Result;
use args::{Cli, Colour, Command, Common, Print};
use clap::Parser as _;
use std::ffi::OsString;
use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::OnceLock;
use wscope::Error;
use wscope::explain::{Lang, said};

/// `check` found an error.
const FOUND: u8 = 1;

/// The run could not be done, or not to its end.
const FAILED: u8 = 2;

/// Options that every command takes, each with a value.
const EVERYWHERE: [&str; 2] = ["--color", "--lang"];

/// What was typed, with the options that every command takes behind the command's name where they
/// stood in front of it: there clap would take the name for that of a capture.
fn ordered(mut typed: Vec<OsString>) -> Vec<OsString> {
    let mut front = 1;
    while let Some(option) = typed.get(front).and_then(|word| word.to_str()) {
        let is = |name: &&str| {
            option
                .strip_prefix(*name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        };
        if !EVERYWHERE.iter().any(is) {
            break;
        }
        front += if option.contains('=') { 1 } else { 2 };
    }
    if let Some(moved) = typed.get_mut(1..=front) {
        moved.rotate_right(1);
    }
    typed
}

/// Runs what was typed.
pub fn main() -> ExitCode {
    let Cli {
        command,
        captures,
        screen,
        common,
    } = Cli::parse_from(ordered(std::env::args_os().collect()));
    let _ = LANG.set(common.lang());
    let mut found = false;
    let done = match command {
        Some(Command::Print(print)) => print::run(&print, common),
        Some(Command::Stats(stats)) => stats::run(&stats, common),
        #[cfg(unix)]
        Some(Command::Live(args)) => live::run(&args, common, screen.opening(common)),
        #[cfg(unix)]
        Some(Command::Interfaces) => interfaces::run(common),
        #[cfg(unix)]
        Some(Command::CaptureOnly(args)) => live::capture_only(&args),
        #[cfg(unix)]
        Some(Command::TryConfined(args)) => live::try_confined(&args),
        None if io::stdout().is_terminal() => tui::run(&captures, screen.opening(common)),
        Some(Command::Check(check)) => check::run(&check, common, &mut found),
        Some(Command::Explain(args)) => explain::run(&args, common),
        Some(Command::Rules(args)) => rules::run(&args, common),
        Some(Command::Keys(args)) => keys::run(&args, common),
        Some(Command::Fields(args)) => fields::run(&args),
        Some(Command::Lesson(args)) => lesson::run(&args, common),
        Some(Command::Lab(args)) => lab::run(&args, common),
        Some(Command::Gen(args)) => generate::run(&args),
        None => print::run(
            &Print {
                captures,
                json: false,
                events: Vec::new(),
                acks: false,
                write: None,
                embed_keys: false,
            },
            common,
        ),
    };
    match done {
        Ok(errors) if errors.is_empty() => ExitCode::from(if found { FOUND } else { 0 }),
        Ok(errors) => {
            errors.iter().for_each(|error| say(&error.to_string()));
            ExitCode::from(FAILED)
        }
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            say(&chain(&error));
            ExitCode::from(FAILED)
        }
    }
}

/// What a command leaves behind: what was wrong with the captures, after all that could be read.
type Done = Result<Vec<Error>>;

/// The language of messages on standard error, once it is known.
static LANG: OnceLock<Lang> = OnceLock::new();

/// A message on standard error.
fn say(message: &str) {
    let lang = LANG.get().copied().unwrap_or_default();
    let message = said(lang, message);
    // With standard error gone there is nowhere left to say it.
    let _ = writeln!(io::stderr(), "wscope: {}", wscope::sink::Escaped(&message));
}

/// What went wrong and why, each thing once: some errors have their cause in their own words.
fn chain(error: &anyhow::Error) -> String {
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !said.ends_with(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    said
}

/// Whoever reads our output has seen enough.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let broken = |cause: &io::Error| cause.kind() == io::ErrorKind::BrokenPipe;
    error
        .chain()
        .any(|cause| cause.downcast_ref().is_some_and(broken))
}

/// Standard output; line by line where someone watches.
fn stdout() -> Box<dyn io::Write> {
    let stdout = io::stdout().lock();
    if stdout.is_terminal() {
        Box::new(stdout)
    } else {
        Box::new(BufWriter::with_capacity(1 << 16, stdout))
    }
}

impl Common {
    pub fn colour(self) -> bool {
        match self.color {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => {
                io::stdout().is_terminal()
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_every_command_may_stand_before_its_name() {
        let ordered = |typed: &str| {
            let words = ordered(typed.split(' ').map(OsString::from).collect());
            let words: Vec<_> = words.iter().map(|word| word.to_str().unwrap()).collect();
            words.join(" ")
        };
        for (typed, wanted) in [
            ("wscope --lang zh lesson 6", "wscope lesson --lang zh 6"),
            (
                "wscope --lang=zh --color never lesson",
                "wscope lesson --lang=zh --color never",
            ),
            (
                "wscope --color never a.pcap b.pcap",
                "wscope a.pcap --color never b.pcap",
            ),
            ("wscope lesson --lang zh", "wscope lesson --lang zh"),
            ("wscope --languages lesson", "wscope --languages lesson"),
            ("wscope --lang zh", "wscope --lang zh"),
            ("wscope --lang", "wscope --lang"),
            ("wscope", "wscope"),
        ] {
            assert_eq!(ordered(typed), wanted);
        }
    }
}
