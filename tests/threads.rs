//! What comes out of a run does not depend on how many threads it has.

mod common;

use std::io;
use std::path::Path;
use tempfile::NamedTempFile;
use wscope::engine;
use wscope::forge::{Mask, Mix, Scenario, Traffic, text};
use wscope::model::{
    Config, ConnId, Dir, Event, Flow, Link, Loan, MessageRef, PacketNo, Piece, Sink, Timestamp,
    Want, Wire,
};
use wscope::sink::{Format, Jsonl, Stats, Text};
use wscope::source::{ByteOrder, Capture, Interface, PcapWriter, PcapngWriter, Resolution};

fn config(threads: usize) -> Config {
    Config {
        threads,
        ..Config::default()
    }
}

/// Writes down every call as it comes.
#[derive(Default)]
struct Calls(Vec<String>);

impl Sink for Calls {
    fn want(&self) -> Want {
        Want {
            joined: true,
            parts: true,
            stream: true,
            acks: true,
            wire: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        self.0.push(format!("{event:?} {flow:?} {loan:?}"));
        Ok(())
    }

    fn part(&mut self, of: MessageRef, at: u64, loan: Loan<'_>) -> io::Result<()> {
        self.0.push(format!("part {of:?} {at} {loan:?}"));
        Ok(())
    }

    fn stream(&mut self, piece: Piece<'_>) -> io::Result<()> {
        self.0.push(format!("{piece:?}"));
        Ok(())
    }

    fn wire(&mut self, conn: ConnId, dir: Dir, wire: Wire) {
        self.0.push(format!("wire {conn} {dir:?} {wire:?}"));
    }

    fn over(&mut self, conn: ConnId) {
        self.0.push(format!("over {conn}"));
    }

    fn gone(&mut self, conn: ConnId) {
        self.0.push(format!("gone {conn}"));
    }
}

fn calls(path: &Path, threads: usize) -> (Vec<String>, u64) {
    let mut capture = Capture::open([path]).unwrap();
    assert!(capture.is_all_there());
    let mut calls = Calls::default();
    let run = engine::run(&mut capture, config(threads), &mut calls, |_, _| true).unwrap();
    let counts = format!("{:?} {:?} {:?}", run.counts, run.errors, run.starts);
    calls.0.push(counts);
    (calls.0, run.counts.dropped)
}

fn same(path: &Path) -> Vec<String> {
    let (one, dropped) = calls(path, 1);
    for threads in [2, 7] {
        let (two, also) = calls(path, threads);
        let first = one.iter().zip(&two).find(|(one, two)| one != two);
        assert_eq!(first, None, "{}", path.display());
        assert_eq!((one.len(), dropped), (two.len(), also));
    }
    one
}

#[test]
fn every_capture_gives_the_same_calls() {
    common::real::captures().iter().for_each(|path| {
        same(path);
    });
}

/// Batches end within connections, and more than the queue holds are on their way.
fn chat() -> NamedTempFile {
    traffic(Mix::Chat)
}

fn traffic(mix: Mix) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    let into = io::BufWriter::new(file.as_file_mut());
    let mut out =
        PcapWriter::new(into, Link::ETHERNET, ByteOrder::Little, Resolution::Micros).unwrap();
    let mut no = PacketNo::FIRST;
    for packet in Traffic::new(mix, 7, 2_000_000) {
        out.packet(&packet.numbered(no)).unwrap();
        no = no.next();
    }
    out.finish().unwrap();
    file
}

#[test]
fn much_traffic_gives_the_same_lines_and_rows() {
    // The second kind has more connections that only the end of the capture ends than a batch has steps.
    for file in [Mix::Chat, Mix::Idle].map(traffic) {
        gives_the_same(&file);
    }
}

fn gives_the_same(file: &NamedTempFile) {
    let output = |threads| {
        let mut said = [Vec::new(), Vec::new(), Vec::new()];
        let [text, json, rows] = &mut said;
        let open = || Capture::open([file.path()]).unwrap();
        let go = |sink: &mut dyn Sink| engine::run(&mut open(), config(threads), sink, |_, _| true);
        go(&mut Text::new(text, false)).unwrap();
        go(&mut Jsonl::new(json)).unwrap();
        let mut stats = Stats::new(rows, Format::default());
        let run = go(&mut stats).unwrap();
        stats.finish(run.counts).unwrap();
        said
    };
    let one = output(1);
    assert!(one.iter().all(|it| it.len() > 10_000));
    assert!(one == output(2));
}

/// What is told of drops comes behind what the judge and the insights added to the packet before them, and
/// is numbered after it.
#[test]
fn drops_are_numbered_behind_what_was_added() {
    // A frame that is not masked: a finding, added to the packet that has it.
    let forged = Scenario::new(5)
        .handshake()
        .upgrade(|it| it)
        .client(text("bare").mask(Mask::None))
        .client(text("one"))
        .forge();
    let mut behind = 0;
    for after in 1..forged.packets().count() {
        let mut file = NamedTempFile::new().unwrap();
        let mut out = PcapngWriter::new(file.as_file_mut()).unwrap();
        for (no, packet) in forged.packets().enumerate() {
            if no == after {
                out.statistics(&dropped(3), Timestamp(1)).unwrap();
            }
            out.packet(&packet).unwrap();
        }
        out.finish().unwrap();
        let said = same(file.path());
        let at = format!("at: PacketNo({after}), nth: ");
        let of_it = |word: &str| {
            said.iter()
                .position(|it| it.contains(&at) && it.contains(word))
        };
        let found = of_it("Finding(").zip(of_it("what: Dropped"));
        behind += usize::from(found.is_some_and(|(finding, drop)| finding < drop));
    }
    assert!(behind > 0);
}

fn dropped(packets: u64) -> Interface {
    Interface {
        name: None,
        link: Link::ETHERNET,
        snaplen: 0,
        resolution: 9,
        received: None,
        dropped: Some(packets),
        dropped_by_os: None,
    }
}

/// A sink that fails ends the run, with what it says.
struct Fails(u32);

impl Sink for Fails {
    fn event(&mut self, _: &Event, _: &Flow, _: Loan<'_>) -> io::Result<()> {
        self.0 += 1;
        match self.0 {
            100.. => Err(io::Error::other("full")),
            _ => Ok(()),
        }
    }
}

#[test]
fn a_sink_that_fails_ends_the_run() {
    let file = chat();
    for threads in [1, 2] {
        let mut capture = Capture::open([file.path()]).unwrap();
        let mut sink = Fails(0);
        let error = engine::run(&mut capture, config(threads), &mut sink, |_, _| true);
        assert_eq!(error.unwrap_err().to_string(), "full");
        assert_eq!(sink.0, 100, "it is not asked again");
        assert!(capture.progress().bytes > 0);
    }
}

#[test]
fn whoever_watches_can_end_the_run() {
    let file = chat();
    for threads in [1, 2] {
        let mut capture = Capture::open([file.path()]).unwrap();
        let mut calls = Calls::default();
        let run = engine::run(&mut capture, config(threads), &mut calls, |_, _| false).unwrap();
        assert!(run.counts.packets < 20_000, "{:?}", run.counts);
    }
}
