//! How many instructions the hot path takes: `cargo bench --bench instructions`.
//!
//! Times differ from run to run and from machine to machine; the number of instructions of the same
//! program on the same packets does not. So the jobs run under valgrind on a small forged capture, and
//! their counts are compared with those of `instructions.txt`, which the compiler and the processor named
//! there gave: libraries choose their code by what a processor can do.
//! More than 3 % above it fails; `WSCOPE_COUNTS=write` writes the file again.
//!
//! Without valgrind, or with another compiler or processor, the counts are not compared, and that is said.

#![allow(clippy::print_stdout)]

use anyhow::Context as _;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, iter};
use wscope::engine;
use wscope::forge::{Mix, Traffic};
use wscope::model::{Event, Flow, Limits, Link, Loan, PacketNo, Sink, Want};
use wscope::sink::{Format, Jsonl, Only, Stats};
use wscope::source::{ByteOrder, Capture, PcapWriter, Resolution};

/// The jobs, and what their counts are divided by.
const JOBS: [(&str, Unit); 5] = [
    ("read", Unit::Packet),
    ("totals", Unit::Packet),
    ("stats", Unit::Packet),
    ("json", Unit::Message),
    ("check", Unit::Packet),
];

#[derive(Clone, Copy)]
enum Unit {
    Packet,
    Message,
}

/// Captured bytes of the two captures: what the first one costs, such as the start, is not counted.
const SIZES: [u64; 2] = [200_000, 1_200_000];

/// What a job may grow by, in parts of its count.
const GROWTH: f64 = 0.03;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match &args[..] {
        [make, bytes] if make == "make" => {
            println!("{}", capture(bytes.parse()?)?.0.display());
            Ok(())
        }
        [job, file] => run(job, Path::new(file)),
        _ => compare(),
    }
}

/// Runs one job in this process.
fn run(job: &str, file: &Path) -> anyhow::Result<()> {
    let mut capture = Capture::open([file])?;
    let go = |capture: &mut Capture, sink: &mut dyn Sink| {
        engine::run(capture, Limits::default(), sink, |_, _| true)
    };
    match job {
        "read" => while capture.next()?.is_some() {},
        "totals" | "stats" => {
            let format = Format {
                totals_only: job == "totals",
                ..Format::default()
            };
            let mut sink = Stats::new(io::sink(), format);
            let run = go(&mut capture, &mut sink)?;
            sink.finish(run.counts)?;
        }
        "json" => {
            let lines = BufWriter::new(io::sink());
            let only = Only::new(["ws.message"], Jsonl::new(lines));
            let mut only = only.map_err(|word| anyhow::anyhow!("{word}"))?;
            go(&mut capture, &mut only)?;
        }
        "check" => drop(go(&mut capture, &mut Verdicts)?),
        other => anyhow::bail!("no job is called {other}"),
    }
    Ok(())
}

/// Wants what `check` wants.
struct Verdicts;

impl Sink for Verdicts {
    fn want(&self) -> Want {
        Want {
            joined: true,
            ends_only: true,
            ..Want::default()
        }
    }

    fn event(&mut self, _: &Event, _: &Flow, _: Loan<'_>) -> io::Result<()> {
        Ok(())
    }
}

/// Counts all jobs, and compares.
fn compare() -> anyhow::Result<()> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("instructions: valgrind is not installed, so nothing is counted");
        return Ok(());
    }
    let small = capture(SIZES[0])?;
    let large = capture(SIZES[1])?;
    let mut counted = String::new();
    writeln!(counted, "compiler {}", compiler()?)?;
    writeln!(counted, "processor {}", processor())?;
    for (job, unit) in JOBS {
        let more = count(job, &large.0)? - count(job, &small.0)?;
        let units = match unit {
            Unit::Packet => large.1 - small.1,
            Unit::Message => large.2 - small.2,
        };
        writeln!(counted, "{job} {}", more / units)?;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.txt");
    if env::var("WSCOPE_COUNTS").is_ok_and(|word| word == "write") {
        print!("{counted}");
        return Ok(fs::write(path, counted)?);
    }
    let known = fs::read_to_string(&path)?;
    let mut grown = Vec::new();
    let same = known.lines().take(WHERE).eq(counted.lines().take(WHERE));
    for (now, before) in iter::zip(counted.lines(), known.lines()).skip(WHERE) {
        let number = |line: &str| -> anyhow::Result<f64> {
            let (_, number) = line.split_once(' ').context("a name and a number")?;
            Ok(number.parse()?)
        };
        println!("{now}, where {before} is known");
        if number(now)? > number(before)? * (1.0 + GROWTH) {
            grown.push(now);
        }
    }
    if !same {
        println!(
            "instructions: another compiler or processor than recorded, so nothing is compared"
        );
        return Ok(());
    }
    anyhow::ensure!(
        grown.is_empty(),
        "more than 3 % above what is known: {grown:?}"
    );
    Ok(())
}

/// A capture of chat: where it is, its packets and its messages.
fn capture(size: u64) -> anyhow::Result<(PathBuf, u64, u64)> {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("chat-{size}.pcap"));
    let into = BufWriter::new(File::create(&file)?);
    let mut writer = PcapWriter::new(into, Link::ETHERNET, ByteOrder::Little, Resolution::Micros)?;
    let mut traffic = Traffic::new(Mix::Chat, 1, size);
    let mut no = PacketNo::FIRST;
    for packet in &mut traffic {
        writer.packet(&packet.numbered(no))?;
        no = no.next();
    }
    writer.finish()?;
    let sums = traffic.sums();
    Ok((file, sums.packets, sums.messages))
}

/// Lines that say where the counts come from.
const WHERE: usize = 2;

/// Maker, family and model; where nothing tells, that is a processor of its own.
fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let said = |name| {
        let mut lines = info.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(key, _)| key.trim() == name);
        found.map_or("?", |(_, value)| value.trim())
    };
    let [maker, family, model] = ["vendor_id", "cpu family", "model"].map(said);
    format!("{maker} {family} {model}")
}

fn compiler() -> anyhow::Result<String> {
    let output = Command::new("rustc").arg("--version").output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The instructions of a job on this capture.
fn count(job: &str, file: &Path) -> anyhow::Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no"])
        .arg("--cachegrind-out-file=/dev/null")
        .arg(env::current_exe()?)
        .args([job.as_ref(), file.as_os_str()])
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{job}: {said}");
    let line = said.lines().find(|line| line.contains("refs:"));
    let digits: String = line
        .unwrap_or_default()
        .rsplit(':')
        .next()
        .unwrap_or_default()
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    digits.parse().with_context(|| format!("{job}: {said}"))
}
