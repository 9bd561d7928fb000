//! Whole runs against their peers: `cargo bench --bench jobs [TRAFFIC…]`.
//!
//! Makes its captures with [`wscope::forge::Traffic`], the same for the same size; has each job's
//! answer checked against what was forged; then runs each job and its peers in turn, several times,
//! and prints the smallest CPU time of each, its ratio to `tcpdump -r FILE -w /dev/null`, and the
//! peak of its memory. Peers that are not installed are left out, aloud.
//!
//! `WSCOPE_BENCH_MB` sets the size of the captures (100), `WSCOPE_BENCH_RUNS` the number of runs (5),
//! `WSCOPE_BENCH_TSHARK` has tshark run too: it takes minutes.

#![allow(clippy::print_stdout)]

mod bare;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use std::env;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use wscope::forge::{Mix, Sums, Traffic};
use wscope::model::{Link, PacketNo};
use wscope::source::{ByteOrder, PcapWriter, Resolution};

/// The program that is measured.
const WSCOPE: &str = env!("CARGO_BIN_EXE_wscope");

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match args.split_first() {
        Some((mode, command)) if mode == "measure" => return measure(command),
        Some((mode, files)) if mode == "bare" => return bare::run(Path::new(&files[0])),
        Some((mode, rest)) if mode == "make" => {
            for mix in Mix::ALL.into_iter().filter(|mix| wanted(rest, *mix)) {
                println!("{}", capture(mix)?.0.display());
            }
            return Ok(());
        }
        _ => {}
    }
    for mix in Mix::ALL.into_iter().filter(|mix| wanted(&args, *mix)) {
        let (file, sums) = capture(mix)?;
        println!(
            "\n{}: {} packets, {} messages, {:.1} MB",
            mix.name(),
            sums.packets,
            sums.messages,
            fs::metadata(&file)?.len() as f64 / 1e6
        );
        check(&file, mix, sums)?;
        race(&jobs(&file))?;
    }
    Ok(())
}

fn wanted(names: &[String], mix: Mix) -> bool {
    names.is_empty() || names.iter().any(|name| name == mix.name())
}

fn setting(name: &str, otherwise: u64) -> u64 {
    let set = env::var(name).ok().and_then(|value| value.parse().ok());
    set.unwrap_or(otherwise)
}

/// The capture of such traffic, made anew, and what is in it.
fn capture(mix: Mix) -> anyhow::Result<(PathBuf, Sums)> {
    let size = setting("WSCOPE_BENCH_MB", 100);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("jobs");
    fs::create_dir_all(&folder)?;
    let file = folder.join(format!("{}-{size}.pcap", mix.name()));
    let into = BufWriter::new(File::create(&file)?);
    let mut writer = PcapWriter::new(into, Link::ETHERNET, ByteOrder::Little, Resolution::Micros)?;
    let mut traffic = Traffic::new(mix, 1, size * 1_000_000);
    let mut no = PacketNo::FIRST;
    for packet in &mut traffic {
        writer.packet(&packet.numbered(no))?;
        no = no.next();
    }
    writer.finish()?;
    Ok((file, traffic.sums()))
}

/// The program reports what was forged; where the traffic has holes, no more than that.
fn check(file: &Path, mix: Mix, sums: Sums) -> anyhow::Result<()> {
    let output = Command::new(WSCOPE)
        .args(["stats", "--json", "--totals", "--checksum"])
        .arg(file)
        .output()?;
    let said: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let number = |key: &str| said[key].as_u64().unwrap_or(0);
    anyhow::ensure!(number("packets") == sums.packets, "packets: {said}");
    if mix == Mix::Holes {
        anyhow::ensure!(number("messages") <= sums.messages, "messages: {said}");
        println!("  messages shown: {}", number("messages"));
        return Ok(());
    }
    let hash = format!("{:016x}", sums.xxh64);
    anyhow::ensure!(number("messages") == sums.messages, "{sums:?}, not {said}");
    anyhow::ensure!(
        number("payload_bytes") == sums.payload_bytes,
        "{sums:?}, not {said}"
    );
    anyhow::ensure!(
        sums.messages == 0 || said["xxh64_sum"] == hash.as_str(),
        "{hash}, not {said}"
    );
    Ok(())
}

/// Each job of wscope runs with so many threads, one after the other.
const THREADS: [&str; 2] = ["1", "2"];

/// A command, under the name that the table has for it.
struct Job {
    name: &'static str,
    /// Of wscope: how many threads it may use.
    threads: &'static str,
    command: Vec<String>,
}

fn jobs(file: &Path) -> Vec<Job> {
    let file = file.display().to_string();
    let me = env::current_exe().map_or_else(|_| String::new(), |me| me.display().to_string());
    let job = |name, command: &[&str]| Job {
        name,
        threads: "",
        command: command.iter().map(|&word| word.into()).collect(),
    };
    let mut jobs = vec![
        job(
            "tcpdump -w /dev/null",
            &["tcpdump", "-r", &file, "-w", "/dev/null"],
        ),
        job("bare loop", &[&me, "bare", &file]),
    ];
    for name in [
        "stats --totals",
        "stats",
        "print --json --events ws.message",
        "print --json",
        "check",
    ] {
        let words: Vec<_> = name.split(' ').collect();
        for threads in THREADS {
            let options = ["--threads", threads, &file];
            let command = [&[WSCOPE], &words[..], &options].concat();
            jobs.push(Job {
                threads,
                ..job(name, &command)
            });
        }
    }
    if env::var_os("WSCOPE_BENCH_TSHARK").is_some() {
        let list = [
            "tshark",
            "-r",
            &file,
            "-Y",
            "websocket",
            "-T",
            "fields",
            "-e",
            "frame.number",
            "-e",
            "websocket.opcode",
            "-e",
            "websocket.payload.text",
            "-e",
            "data.data",
        ];
        jobs.push(job("tshark, the same messages", &list));
    }
    jobs
}

/// What a run cost.
#[derive(Clone, Copy)]
struct Cost {
    cpu: f64,
    wall: f64,
    peak: f64,
}

/// Runs all jobs in turn, over and over, so that what disturbs the machine disturbs all.
fn race(jobs: &[Job]) -> anyhow::Result<()> {
    let mut best: Vec<Option<Cost>> = vec![None; jobs.len()];
    for _ in 0..setting("WSCOPE_BENCH_RUNS", 5).max(1) {
        for (job, best) in jobs.iter().zip(&mut best) {
            let Some(cost) = run(job) else { continue };
            let least = best.get_or_insert(cost);
            least.cpu = least.cpu.min(cost.cpu);
            least.wall = least.wall.min(cost.wall);
            least.peak = least.peak.max(cost.peak);
        }
    }
    let peer = best.first().copied().flatten();
    println!(
        "  {:36} {:>7} {:>8} {:>8} {:>10} {:>8}",
        "", "threads", "CPU s", "wall s", "to tcpdump", "MiB"
    );
    for (job, best) in jobs.iter().zip(&best) {
        let Some(Cost { cpu, wall, peak }) = best else {
            println!("  {:36} did not run", job.name);
            continue;
        };
        let ratio = peer.map_or_else(String::new, |peer| format!("{:.2}", cpu / peer.cpu));
        println!(
            "  {:36} {:>7} {cpu:8.3} {wall:8.3} {ratio:>10} {peak:8.1}",
            job.name, job.threads
        );
    }
    Ok(())
}

/// A process of ours runs the command, so that what its children cost is what the command cost.
fn run(job: &Job) -> Option<Cost> {
    let output = Command::new(env::current_exe().ok()?)
        .arg("measure")
        .args(&job.command)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    let mut next = || numbers.next()?.ok();
    Some(Cost {
        cpu: next()?,
        wall: next()?,
        peak: next()?,
    })
}

fn measure(command: &[String]) -> anyhow::Result<()> {
    let began = Instant::now();
    let status = Command::new(&command[0])
        .args(&command[1..])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    let wall = began.elapsed().as_secs_f64();
    // 1 is `check` that found something.
    anyhow::ensure!(matches!(status.code(), Some(0 | 1)), "{status}");
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = (usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6;
    println!("{cpu} {wall} {}", usage.max_rss() as f64 / 1024.0);
    Ok(())
}
