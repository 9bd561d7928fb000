//! What was typed.

use crate::tui::{Opening, Palette, Theme};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use wscope::explain::{Lang, UnknownLang};
use wscope::field::Filter;
use wscope::model::{Config, EventId, Limits, Protocol};
use wscope::source::Capture;

use super::secrets::Secrets;

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
    pub screen: Screen,

    #[command(flatten)]
    pub common: Common,
}

/// How the screen looks, and where it begins.
#[derive(Args, Debug, Clone, Copy)]
pub struct Screen {
    /// Open the screen at this event, such as 4711.1.
    #[arg(long, value_name = "ID")]
    pub at: Option<EventId>,

    /// Colours of the screen.
    #[arg(long, value_name = "THEME", value_enum, default_value_t = Palette::Dark)]
    pub theme: Palette,

    /// Only ASCII characters on the screen; also where the locale has no others.
    #[arg(long)]
    pub ascii: bool,

    /// Neither read nor keep the filters and searches of earlier runs ($XDG_STATE_HOME/wscope/history).
    #[arg(long)]
    pub no_history: bool,
}

impl Screen {
    /// How the screen begins, with colours or without.
    pub fn opening(self, common: Common) -> Opening {
        let palette = if common.colour() {
            self.theme
        } else {
            Palette::None
        };
        let ascii = self.ascii || !speaks_unicode(|name| std::env::var(name).ok());
        Opening {
            theme: Theme { palette, ascii },
            lang: common.lang(),
            at: self.at,
            history: !self.no_history,
        }
    }
}

/// Whether the locale is one of UTF-8; where nothing says, the terminal is taken for a modern one.
fn speaks_unicode(var: impl Fn(&str) -> Option<String>) -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| var(name).filter(|value| !value.is_empty()));
    set.is_none_or(|value| {
        let value = value.to_ascii_lowercase();
        value.contains("utf-8") || value.contains("utf8")
    })
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// The timeline as text, or as JSON Lines.
    Print(Print),
    /// Connections and sessions, one row each, and totals.
    Stats(StatsArgs),
    /// What the rules of the protocol say of both sides; exit code 1 where an error was found.
    Check(Check),
    /// What an event means and where its bytes come from; or all of them on one page.
    Explain(ExplainArgs),
    /// The rules, or one of them explained.
    Rules(RulesArgs),
    /// Which TLS connections the secrets of key logs fit, and which have none.
    Keys(KeysArgs),
    /// The fields that a display filter may ask for.
    Fields(FieldsArgs),
    /// The lessons: how WebSocket works, from real packets, step by step, in English and in Chinese.
    Lesson(super::lesson::LessonArgs),
    /// Sheets of questions about a capture, with their key; and the marking of what students answer.
    Lab(super::lab::LabArgs),
    /// A capture made to order: messages, fragments, pings, losses, breaches; the same for the same seed.
    Gen(Box<super::generate::GenArgs>),
    /// Captures from an interface, and shows traffic as it happens.
    #[cfg(unix)]
    Live(Box<super::live::LiveArgs>),
    /// The interfaces, their state and their addresses.
    #[cfg(unix)]
    Interfaces,
    /// Captures and does nothing else: `live` starts it.
    #[cfg(unix)]
    #[command(hide = true)]
    CaptureOnly(Box<super::live::CaptureArgs>),
    /// Confines itself as `live` does, and tries what must not be possible then.
    #[cfg(unix)]
    #[command(hide = true)]
    TryConfined(super::live::TryArgs),
}

#[derive(Args, Debug, Clone, Default)]
pub struct Captures {
    /// Captures, read as one in the order given; `-` is standard input.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,

    /// Only packets that pass this capture filter, as tcpdump knows them (needs libpcap built in).
    #[arg(short = 'f', value_name = "BPF")]
    pub filter: Option<String>,

    /// Show only events that pass this display filter, such as 'websocket.opcode == 1 && tcp.port == 80';
    /// `wscope fields` lists what can be asked.
    #[arg(short = 'Y', long = "display-filter", value_name = "FILTER", value_parser = display)]
    pub display: Option<Filter>,

    /// Take connections with this port for that protocol where their first bytes do not tell:
    /// websocket, http, or nothing.
    #[arg(long, value_name = "PORT=PROTOCOL", value_parser = decode_as)]
    pub decode_as: Vec<(u16, Protocol)>,

    /// Open TLS with the secrets in this key log, as SSLKEYLOGFILE names one; may be given again.
    #[arg(long, value_name = "FILE")]
    pub keylog: Vec<PathBuf>,

    /// Threads to use: with 2, what is judged and written runs beside what is read and rebuilt; more change
    /// nothing. What comes out is the same. As many as there are processors, if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,

    #[command(flatten)]
    pub limits: LimitArgs,

    #[arg(skip)]
    pub secrets: Secrets,

    /// What is captured now is read from here, not from files.
    #[cfg(unix)]
    #[arg(skip)]
    pub spool: Option<wscope::source::History>,
}

/// How much may be held; where a limit is reached, the timeline says what was given up.
#[derive(Args, Debug, Clone, Default)]
pub struct LimitArgs {
    /// Connections remembered at once (131072).
    #[arg(long, value_name = "COUNT")]
    pub max_connections: Option<usize>,

    /// Bytes held behind a hole, per connection and direction (1048576).
    #[arg(long, value_name = "BYTES")]
    pub max_early: Option<usize>,

    /// Pieces held behind a hole, per connection and direction (1024).
    #[arg(long, value_name = "COUNT")]
    pub max_early_pieces: Option<usize>,

    /// Segments remembered for comparison, per connection and direction (64).
    #[arg(long, value_name = "COUNT")]
    pub max_recent: Option<usize>,

    /// Bytes that wait to be understood, per connection and direction (262144).
    #[arg(long, value_name = "BYTES")]
    pub max_waiting: Option<usize>,

    /// Bytes of an HTTP head (65536).
    #[arg(long, value_name = "BYTES")]
    pub max_head: Option<usize>,

    /// Bytes of a message that are joined (16777216).
    #[arg(long, value_name = "BYTES")]
    pub max_message: Option<usize>,
}

/// A display filter; what is wrong with it is pointed at.
pub fn display(text: &str) -> Result<Filter, String> {
    Filter::new(text).map_err(|problem| {
        let shown = wscope::sink::Escaped(text);
        let mark = "^".repeat(problem.at.len().max(1));
        format!(
            "{problem}\n\n  {shown}\n  {}{mark}",
            " ".repeat(problem.at.start)
        )
    })
}

/// How many processors there are to use; 1 where nobody says.
fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// `8080=websocket`
pub fn decode_as(text: &str) -> Result<(u16, Protocol), String> {
    let (port, protocol) = text
        .split_once('=')
        .ok_or("write PORT=PROTOCOL, such as 8080=websocket")?;
    let port = port.parse().map_err(|_| format!("{port:?} is no port"))?;
    let protocol = match protocol {
        "websocket" => Protocol::WebSocket,
        "http" => Protocol::Http,
        "nothing" => Protocol::Nothing,
        other => return Err(format!("{other:?} is none of websocket, http, nothing")),
    };
    Ok((port, protocol))
}

impl Captures {
    /// These files, and nothing else asked for.
    #[cfg(test)]
    pub fn of(files: impl IntoIterator<Item = PathBuf>) -> Self {
        Self {
            files: files.into_iter().collect(),
            ..Self::default()
        }
    }

    /// What the run is told.
    pub fn config(&self) -> Config {
        let usual = Limits::default();
        let LimitArgs {
            max_connections,
            max_early,
            max_early_pieces,
            max_recent,
            max_waiting,
            max_head,
            max_message,
        } = self.limits;
        let limits = Limits {
            connections: max_connections.unwrap_or(usual.connections).max(1),
            early_bytes: max_early.unwrap_or(usual.early_bytes),
            early_pieces: max_early_pieces.unwrap_or(usual.early_pieces),
            recent_segments: max_recent.unwrap_or(usual.recent_segments),
            tail_bytes: max_waiting.unwrap_or(usual.tail_bytes),
            head_bytes: max_head.unwrap_or(usual.head_bytes),
            message_bytes: max_message.unwrap_or(usual.message_bytes),
            ..usual
        };
        Config {
            limits,
            decode_as: self.decode_as.clone(),
            keys: self.secrets.keys.clone(),
            threads: self.threads.map_or_else(processors, usize::from),
        }
    }

    /// Whether they are captured now.
    pub fn is_live(&self) -> bool {
        #[cfg(unix)]
        return self.spool.is_some();
        #[cfg(not(unix))]
        return false;
    }

    /// They are captured now, and the first packets are no longer in the spool.
    #[cfg(unix)]
    pub fn has_forgotten(&self) -> bool {
        let oldest = self.spool.as_ref().map(wscope::source::History::oldest);
        oldest.is_some_and(|oldest| oldest > wscope::model::PacketNo::FIRST)
    }

    /// Opens them.
    pub fn open(&self) -> anyhow::Result<Capture> {
        #[cfg(unix)]
        if let Some(spool) = &self.spool {
            return Ok(spool.seek(wscope::model::PacketNo::FIRST)?);
        }
        let capture = Capture::open(&self.files)?;
        self.secrets.load(&self.keylog, &self.files)?;
        match &self.filter {
            None => Ok(capture),
            Some(expression) => filtered(capture, expression),
        }
    }
}

#[cfg(feature = "live")]
fn filtered(mut capture: Capture, expression: &str) -> anyhow::Result<Capture> {
    capture.set_filter(wscope::source::Filter::new(expression)?);
    Ok(capture)
}

#[cfg(not(feature = "live"))]
fn filtered(_: Capture, _: &str) -> anyhow::Result<Capture> {
    anyhow::bail!(
        "-f needs libpcap, and this wscope was built without it: \
         build with `--features live` (Debian: apt install libpcap-dev)"
    )
}

#[derive(Args, Debug, Clone, Copy)]
pub struct Common {
    /// Colours: always, never, or where standard output is a terminal and NO_COLOR is not set.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Colour::Auto, global = true)]
    pub color: Colour,

    /// The language to speak, en or zh; else the one of the locale. What scripts read stays as it is.
    #[arg(long, value_name = "LANG", value_parser = lang, global = true)]
    pub lang: Option<Lang>,
}

impl Common {
    /// The language to speak: the one asked for, else the one of the locale.
    pub fn lang(self) -> Lang {
        self.lang
            .unwrap_or_else(|| Lang::of_locale(|name| std::env::var(name).ok()))
    }
}

/// `zh`
fn lang(word: &str) -> Result<Lang, UnknownLang> {
    word.parse()
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

    /// Also name every acknowledgement, and say when each message was acknowledged.
    #[arg(long)]
    pub acks: bool,

    /// Also write the packets to this file, as pcapng.
    #[arg(short = 'w', value_name = "FILE")]
    pub write: Option<PathBuf>,

    /// Put the secrets that opened something into that file: whoever has it can read the inside.
    #[arg(long, requires = "write")]
    pub embed_keys: bool,
}

#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// The capture; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// The event, such as 17.1; `wscope print` has them in its first column. Without it: all, a line each.
    #[arg(value_name = "ID")]
    pub event: Option<EventId>,

    /// Write one page that needs nothing else: ladder, bits, bytes, explanations.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// The same as Markdown.
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,

    /// Also every acknowledgement; ids are then those of `print --acks`.
    #[arg(long)]
    pub acks: bool,

    /// At most so many events on a page.
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    pub limit: usize,

    /// Only events that pass this display filter.
    #[arg(short = 'Y', long = "display-filter", value_name = "FILTER", value_parser = display)]
    pub display: Option<Filter>,

    /// Open TLS with the secrets in this key log; may be given again.
    #[arg(long, value_name = "FILE")]
    pub keylog: Vec<PathBuf>,
}

impl ExplainArgs {
    /// The capture, and how it is read.
    pub fn captures(&self) -> Captures {
        Captures {
            files: vec![self.file.clone()],
            keylog: self.keylog.clone(),
            ..Captures::default()
        }
    }
}

#[derive(Args, Debug)]
pub struct KeysArgs {
    #[command(flatten)]
    pub captures: Captures,
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
    #[arg(long, conflicts_with = "display")]
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
pub struct FieldsArgs {
    /// Only fields with this in their name.
    #[arg(value_name = "WORD")]
    pub word: Option<String>,
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
    fn the_locale_decides_what_can_be_drawn() {
        let speaks = |name: &'static str, value: &'static str| {
            speaks_unicode(move |asked| (asked == name).then(|| value.to_owned()))
        };
        assert!(speaks("LANG", "en_US.UTF-8") && speaks("LC_ALL", "C.utf8") && speaks("LANG", ""));
        assert!(!speaks("LANG", "C") && !speaks("LC_ALL", "zh_CN.GBK"));
    }

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
