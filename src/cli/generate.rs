//! `wscope gen`: captures made to order.

use super::Done;
use anyhow::{Context as _, anyhow, bail};
use clap::{Args, ValueEnum};
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use wscope::forge::{Acks, By, Ending, Order, Violation};

/// What is ordered. The same order gives the same bytes.
#[derive(Args, Debug)]
pub struct GenArgs {
    /// The capture to write, as pcapng; `-` is standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,

    /// Write over a file that is there.
    #[arg(long)]
    pub force: bool,

    /// Chooses port, sequence numbers, masking keys, pace, and which packets meet with a fault.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub seed: u64,

    #[command(flatten)]
    pub said: Said,

    #[command(flatten)]
    pub wire: Wire,

    #[command(flatten)]
    pub faults: Faults,
}

/// What the two say.
#[derive(Args, Debug)]
#[command(next_help_heading = "What is said")]
pub struct Said {
    /// Text messages, by the client and the server in turn.
    #[arg(long, value_name = "COUNT", default_value_t = 4)]
    pub messages: usize,

    /// They all come from this side.
    #[arg(long, value_name = "SIDE")]
    pub from: Option<Side>,

    /// Binary messages in place of texts.
    #[arg(long)]
    pub binary: bool,

    /// Payload bytes of each message.
    #[arg(long, value_name = "BYTES")]
    pub size: Option<usize>,

    /// Each message in so many frames, each frame in a segment of its own.
    #[arg(long, value_name = "FRAMES", default_value_t = 1, default_missing_value = "3",
          num_args = 0..=1, require_equals = true, value_parser = positive)]
    pub fragmented: usize,

    /// Pings of the server, each with its pong.
    #[arg(long, value_name = "COUNT", default_value_t = 0, default_missing_value = "1",
          num_args = 0..=1, require_equals = true)]
    pub ping: usize,

    /// permessage-deflate, with these parameters.
    #[arg(long, value_name = "PARAMETERS", default_missing_value = "",
          num_args = 0..=1, require_equals = true, value_parser = visible)]
    pub compress: Option<String>,

    /// A subprotocol, offered and chosen.
    #[arg(long, value_name = "NAME", value_parser = visible)]
    pub subprotocol: Option<String>,

    /// HTTP requests before the upgrade, on the same connection.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub requests: usize,

    /// They are all sent before the first answer comes.
    #[arg(long)]
    pub pipelined: bool,

    /// No upgrade and no messages: HTTP alone.
    #[arg(long)]
    pub http_only: bool,

    /// The upgrade is answered with this status, such as 403; no messages.
    #[arg(long, value_name = "STATUS")]
    pub refuse: Option<u16>,

    /// The close code.
    #[arg(long, value_name = "CODE", default_value_t = 1000)]
    pub close: u16,

    /// The reason in the close frame.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,

    /// Who closes first, or resets.
    #[arg(long, value_name = "SIDE", default_value = "client")]
    pub by: Side,

    /// It ends with RST, without a close frame.
    #[arg(long, conflicts_with_all = ["fin", "open"])]
    pub rst: bool,

    /// It ends with FIN, without a close frame.
    #[arg(long, conflicts_with = "open")]
    pub fin: bool,

    /// It does not end within the capture.
    #[arg(long)]
    pub open: bool,

    /// Break rules after the messages: any of these, with commas between.
    #[arg(long, value_name = "KIND,…", value_delimiter = ',', long_help = violations())]
    pub violate: Vec<Violation>,
}

/// How it travels.
#[derive(Args, Debug)]
#[command(next_help_heading = "How it travels")]
pub struct Wire {
    /// When a side acknowledges: each segment, every second one, or with its own data and late.
    #[arg(long, value_name = "WHEN", default_value = "every-second")]
    pub acks: When,

    /// TCP keep-alive probes, each answered, a second apart at the end.
    #[arg(long, value_name = "COUNT", default_value_t = 0, default_missing_value = "1",
          num_args = 0..=1, require_equals = true)]
    pub keep_alive: usize,

    /// Largest payload of a segment.
    #[arg(long, value_name = "BYTES", value_parser = mss)]
    pub mss: Option<usize>,

    /// IPv6 in place of IPv4.
    #[arg(long)]
    pub ipv6: bool,
}

/// What goes wrong on the way and with the capture.
#[derive(Args, Debug)]
#[command(next_help_heading = "What goes wrong")]
pub struct Faults {
    /// So many segments with messages are lost on the way, and TCP sends them again.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub retransmit: usize,

    /// The capture misses so many packets with messages, chosen by the seed; their receiver got them.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub lose: usize,

    /// The capture misses these packets, by number.
    #[arg(long, value_name = "NUMBER,…", value_delimiter = ',')]
    pub lose_packets: Vec<usize>,

    /// So many packets with messages come behind the next one.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub reorder: usize,

    /// So many packets with messages are captured twice.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub duplicate: usize,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    Client,
    Server,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    Each,
    EverySecond,
    Delayed,
}

impl From<Side> for By {
    fn from(side: Side) -> Self {
        match side {
            Side::Client => Self::Client,
            Side::Server => Self::Server,
        }
    }
}

/// A text that stands in a header field: no line may end in it.
fn visible(text: &str) -> Result<String, String> {
    match text.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
        true => Ok(text.to_owned()),
        false => Err("only visible ASCII characters and spaces".to_owned()),
    }
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a number from 1".to_owned()),
        Ok(count) => Ok(count),
    }
}

fn mss(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bytes @ 1..=65_000) => Ok(bytes),
        _ => Err("a number from 1 to 65000".to_owned()),
    }
}

fn violations() -> String {
    let mut text =
        "Break rules after the messages: any of these, with commas between.\n".to_owned();
    for it in Violation::all() {
        text.push_str(&format!(
            "\n  {:<17} {} ({})",
            it.name(),
            it.what(),
            it.rule()
        ));
    }
    text
}

impl GenArgs {
    /// The order that was typed.
    pub fn order(&self) -> Order {
        let said = &self.said;
        Order {
            seed: self.seed,
            messages: said.messages,
            binary: said.binary,
            size: said.size,
            fragmented: said.fragmented,
            from: said.from.map(By::from),
            ping: said.ping,
            keep_alive: self.wire.keep_alive,
            compress: said.compress.clone(),
            subprotocol: said.subprotocol.clone(),
            requests: said.requests,
            pipelined: said.pipelined,
            http_only: said.http_only,
            refuse: said.refuse,
            acks: match self.wire.acks {
                When::Each => Acks::Each,
                When::EverySecond => Acks::EverySecond,
                When::Delayed => Acks::Delayed,
            },
            mss: self.wire.mss,
            ipv6: self.wire.ipv6,
            close: said.close,
            reason: said.reason.clone(),
            by: said.by.into(),
            end: match (said.rst, said.fin, said.open) {
                (true, ..) => Ending::Rst,
                (_, true, _) => Ending::Fin,
                (.., true) => Ending::Open,
                _ => Ending::Close,
            },
            violate: said.violate.clone(),
            retransmit: self.faults.retransmit,
            lose: self.faults.lose,
            lose_packets: self.faults.lose_packets.clone(),
            reorder: self.faults.reorder,
            duplicate: self.faults.duplicate,
        }
    }
}

pub fn run(args: &GenArgs) -> Done {
    if args.output == Path::new("-") && io::stdout().is_terminal() {
        bail!("a capture is nothing for a terminal: write it to a file with -o, or into a pipe");
    }
    let forged = args.order().forge()?;
    let mut out = output(&args.output, args.force)?;
    forged.write(&mut out)?;
    out.flush()?;
    Ok(Vec::new())
}

/// A file that is not there yet, unless it may be written over; `-` is standard output.
pub fn output(path: &Path, force: bool) -> anyhow::Result<Box<dyn io::Write>> {
    if path == Path::new("-") {
        return Ok(Box::new(BufWriter::new(io::stdout().lock())));
    }
    let mut options = File::options();
    options.write(true);
    match force {
        true => options.create(true).truncate(true),
        false => options.create_new(true),
    };
    match options.open(path) {
        Ok(file) => Ok(Box::new(BufWriter::new(file))),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(anyhow!(
            "{} is there already: --force writes over it",
            path.display()
        )),
        Err(error) => Err(error).with_context(|| format!("cannot write {}", path.display())),
    }
}
