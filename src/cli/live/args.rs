//! What can be said about a live capture.

use super::keep::Until;
use crate::cli::args::{Captures, LimitArgs, decode_as, display};
use crate::cli::secrets::{Secrets, key_logs};
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;
use wscope::field::Filter;
use wscope::model::{Config, Protocol};
use wscope::source::Turn;

/// What is captured, and how; the process that captures is told the same.
#[derive(Args, Debug, Clone)]
pub struct DeviceArgs {
    /// Where to capture, `any` for everywhere: `wscope interfaces` lists them [default: the first
    /// one that is in use and leads out].
    #[arg(short, long, value_name = "IFACE")]
    pub interface: Option<String>,

    /// Bytes kept of each packet; through tcpdump 127 KiB at most.
    #[arg(long, value_name = "BYTES", default_value = "262144", value_parser = bytes)]
    pub snaplen: u64,

    /// The kernel's buffer for packets that wait; through tcpdump it is four times as large, since there each
    /// packet takes the room of the largest, and as much again may wait in memory.
    #[arg(long, value_name = "BYTES", default_value = "16M", value_parser = bytes)]
    pub buffer: u64,

    /// Capture also what is addressed to others.
    #[arg(long)]
    pub promisc: bool,

    /// Take each packet alone and at once, instead of those of 10 ms together: costs room and time.
    #[arg(long)]
    pub immediate: bool,

    /// Only packets that pass this capture filter, as tcpdump knows them; `-` alone reads a capture
    /// from standard input instead.
    #[arg(value_name = "BPF")]
    pub filter: Vec<String>,
}

/// What becomes of the packets, and how many it may be.
#[derive(Args, Debug, Clone)]
pub struct KeepArgs {
    /// Stop after so many packets.
    #[arg(short, long, value_name = "PACKETS")]
    pub count: Option<u64>,

    /// Stop after so many captured bytes.
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub max_bytes: Option<u64>,

    /// Also write the packets into this file, as pcapng.
    #[arg(short, long, value_name = "FILE")]
    pub write: Option<PathBuf>,

    /// Begin another file after so many bytes; number and time become part of its name.
    #[arg(long, value_name = "BYTES", value_parser = bytes, requires = "write")]
    pub rotate_size: Option<u64>,

    /// Begin another file after this time.
    #[arg(long, value_name = "TIME", value_parser = time, requires = "write")]
    pub rotate_time: Option<Duration>,

    /// Keep only so many files, the newest.
    #[arg(long, value_name = "COUNT", requires = "write")]
    pub rotate_files: Option<usize>,

    /// Room on disk for packets that wait to be looked at, and that can be looked at again [default: 1G,
    /// or half of what is free there].
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub spool: Option<u64>,
}

/// What the process that captures is told.
#[derive(Args, Debug)]
pub struct CaptureArgs {
    #[command(flatten)]
    pub device: DeviceArgs,

    #[command(flatten)]
    pub keep: KeepArgs,
}

#[derive(Args, Debug)]
pub struct LiveArgs {
    #[command(flatten)]
    pub device: DeviceArgs,

    /// Read this file, and go on as it grows.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["interface", "filter"])]
    pub follow: Option<PathBuf>,

    /// Lines instead of the screen, each written at once.
    #[arg(long)]
    pub print: bool,

    /// One JSON object a line (with --print).
    #[arg(long)]
    pub json: bool,

    /// Only these kinds of events; a beginning such as `ws` stands for all below it (with --print).
    #[arg(long, value_name = "KIND,…", value_delimiter = ',')]
    pub events: Vec<String>,

    /// Only events that pass this display filter, such as `websocket.opcode == 8` (with --print).
    #[arg(short = 'Y', value_name = "FILTER", value_parser = display)]
    pub display: Option<Filter>,

    /// Also name every acknowledgement, and say when each message was acknowledged (with --print).
    #[arg(long)]
    pub acks: bool,

    /// Stop after this time, such as 90s, 5m or 2h.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub duration: Option<Duration>,

    #[command(flatten)]
    pub keep: KeepArgs,

    /// Put what `check` finds into the file, as comments on the packets that show it.
    #[arg(long, requires = "write")]
    pub findings: bool,

    /// Where the spool lies [default: $TMPDIR, else /var/tmp, which outlives a restart and so is on a disk].
    #[arg(long, value_name = "DIR")]
    pub spool_dir: Option<PathBuf>,

    /// Open TLS with the secrets in this key log, which is read on as it grows; may be given again
    /// [default: what SSLKEYLOGFILE names].
    #[arg(long, value_name = "FILE")]
    pub keylog: Vec<PathBuf>,

    #[arg(skip)]
    pub secrets: Secrets,

    /// Take connections with this port for that protocol where their first bytes do not tell.
    #[arg(long, value_name = "PORT=PROTOCOL", value_parser = decode_as)]
    pub decode_as: Vec<(u16, Protocol)>,

    #[command(flatten)]
    pub limits: LimitArgs,
}

/// Files that the confined process must not be able to open.
#[derive(Args, Debug)]
pub struct TryArgs {
    /// As the process that captures does it.
    #[arg(long)]
    pub captures: bool,

    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

impl DeviceArgs {
    /// The capture filter, in one piece.
    pub fn expression(&self) -> Option<String> {
        let joined = self.filter.join(" ");
        (!joined.trim().is_empty()).then_some(joined)
    }
}

impl KeepArgs {
    pub fn until(&self) -> Until {
        Until {
            packets: self.count,
            bytes: self.max_bytes,
        }
    }

    pub fn turn(&self) -> Turn {
        Turn {
            bytes: self.rotate_size,
            nanos: self
                .rotate_time
                .map(|time| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)),
            files: self.rotate_files,
        }
    }

    /// The same, to tell another process.
    pub fn words(&self) -> Vec<OsString> {
        let number = |it: Option<u64>| it.map(|it| it.to_string().into());
        let files = self.rotate_files.map(|it| it as u64);
        let millis = self.rotate_time.map(|it| it.as_millis().max(1));
        let words = [
            ("--count", number(self.count)),
            ("--max-bytes", number(self.max_bytes)),
            ("--write", self.write.as_ref().map(|it| it.clone().into())),
            ("--rotate-size", number(self.rotate_size)),
            ("--rotate-time", millis.map(|it| format!("{it}ms").into())),
            ("--rotate-files", number(files)),
            ("--spool", number(self.spool)),
        ];
        let given = words.into_iter().filter_map(|(name, it)| Some((name, it?)));
        given
            .map(|(name, it): (_, OsString)| {
                // In one piece: a file's name may begin like an argument.
                let mut word = OsString::from(name);
                word.push("=");
                word.push(it);
                word
            })
            .collect()
    }
}

impl LiveArgs {
    /// A capture comes through standard input.
    pub fn reads_stdin(&self) -> bool {
        self.device.filter == ["-"]
    }

    /// The key logs, which have to be there: nothing else can be opened later.
    pub fn key_logs(&self) -> anyhow::Result<Vec<PathBuf>> {
        let named = key_logs(&self.keylog);
        for path in &named {
            anyhow::ensure!(
                path.exists(),
                "{}: there is no such key log yet; create it (`touch`) before wscope gives up the right to open files",
                path.display()
            );
        }
        Ok(named)
    }

    pub fn config(&self) -> Config {
        self.captures().config()
    }

    /// As if it were a file.
    pub fn captures(&self) -> Captures {
        Captures {
            decode_as: self.decode_as.clone(),
            limits: self.limits.clone(),
            display: self.display.clone(),
            secrets: self.secrets.clone(),
            ..Captures::default()
        }
    }
}

/// `300`, `64k`, `16M`, `2G`
pub fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1 << 40,
        _ => return Err("write a number of bytes, such as 300, 64k, 16M or 2G".into()),
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| "write a number of bytes, such as 300, 64k, 16M or 2G")?;
    number
        .checked_mul(unit)
        .ok_or_else(|| "that is too much".into())
}

/// `500ms`, `90s`, `5m`, `2h`, `1d`; seconds where no unit is given.
pub fn time(text: &str) -> Result<Duration, String> {
    let wrong = || "write a time, such as 500ms, 90s, 5m, 2h or 1d".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return Err(wrong()),
    };
    let number: f64 = digits.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(number * unit)
        .ok()
        .filter(|time| !time.is_zero())
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_read_as_people_write_them() {
        assert_eq!(bytes("64k"), Ok(65_536));
        assert_eq!(bytes("2G"), Ok(2 << 30));
        assert!(
            bytes("k").is_err() && bytes("3 apples").is_err() && bytes("99999999999T").is_err()
        );
        assert_eq!(time("90"), Ok(Duration::from_secs(90)));
        assert_eq!(time("1.5h"), Ok(Duration::from_secs(5400)));
        assert_eq!(time("250ms"), Ok(Duration::from_millis(250)));
        assert!(time("0").is_err() && time("-1s").is_err() && time("soon").is_err());
    }
}
