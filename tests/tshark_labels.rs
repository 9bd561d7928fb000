//! wscope against tshark: the same `tcp.analysis` labels in the same packets.
//!
//! Over every capture, over captures that miss some of their packets, and over a connection made by
//! hand in which everything happens. Skipped, aloud, where tshark is not installed.
//!
//! Where the two would still differ: tshark takes a sequence number of 0 for "none seen yet"; it
//! calls what follows an acknowledgement of unseen bytes more often unseen where sequence numbers
//! run backwards; it knows a connection's ports again after any time, wscope for a minute after the
//! connection has ended.

mod common;

use common::real::{captures, tshark_version};
use common::wire::{ACK, FIN, Maker, SYN, Wire};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Command;
use wscope::engine::run;
use wscope::model::{Event, EventKind, Flow, Limits, Link, Loan, Note, Sink, Tcp, WIRESHARK, Want};
use wscope::source::{ByteOrder, Capture, PcapWriter, PcapngWriter, Resolution};

/// Captures in which the two differ, and why.
const DIFFERENT: &[(&str, &str)] = &[];

/// The labels of each packet that has some, and the number of its duplicate ACK.
type Rows = BTreeMap<u64, (Vec<String>, u64)>;

#[derive(Default)]
struct Ours(Rows);

impl Sink for Ours {
    fn event(&mut self, event: &Event, _: &Flow, _: Loan<'_>) -> io::Result<()> {
        if let EventKind::Tcp(Tcp::Note(Note::Remark(remark))) = &event.kind
            && !remark.wireshark.is_empty()
        {
            let words = remark.wireshark.words().map(str::to_owned).collect();
            let row = (words, remark.duplicate.into());
            assert_eq!(self.0.insert(event.packet.get(), row), None);
        }
        Ok(())
    }
}

fn ours(path: &Path) -> Rows {
    let mut ours = Ours::default();
    let mut capture = Capture::open([path]).unwrap();
    run(&mut capture, Limits::default(), &mut ours, |_, _| true).unwrap();
    ours.0
}

fn theirs(path: &Path) -> Rows {
    let number = "tcp.analysis.duplicate_ack_num";
    let fields = WIRESHARK
        .iter()
        .map(|(_, word)| format!("tcp.analysis.{word}"));
    let output = Command::new("tshark")
        .args([
            "-T",
            "fields",
            "-Y",
            "tcp.analysis.flags",
            "-e",
            "frame.number",
        ])
        .args(["-e", number])
        .args(fields.flat_map(|field| ["-e".to_owned(), field]))
        .arg("-r")
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let mut rows = Rows::new();
    for line in text.lines() {
        let mut columns = line.split('\t');
        let packet = columns.next().unwrap().parse().unwrap();
        let duplicate = columns.next().unwrap().parse().unwrap_or(0);
        let words: Vec<_> = columns
            .zip(WIRESHARK)
            .filter(|(column, _)| !column.is_empty())
            .map(|(_, (_, word))| (*word).to_owned())
            .collect();
        if !words.is_empty() {
            rows.insert(packet, (words, duplicate));
        }
    }
    rows
}

/// Packets in which the two differ, each in one line.
fn difference(theirs: &Rows, ours: &Rows) -> Vec<String> {
    let packets: std::collections::BTreeSet<_> = theirs.keys().chain(ours.keys()).collect();
    packets
        .into_iter()
        .filter(|packet| theirs.get(packet) != ours.get(packet))
        .map(|packet| {
            let (theirs, ours) = (theirs.get(packet), ours.get(packet));
            format!("packet {packet}: tshark {theirs:?}, wscope {ours:?}")
        })
        .collect()
}

#[test]
fn the_same_labels_in_the_same_packets() {
    let Some(version) = tshark_version() else {
        return;
    };
    let mut wrong = Vec::new();
    let mut compared = 0;
    for path in captures() {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let (theirs, ours) = (theirs(&path), ours(&path));
        compared += theirs.len();
        let differs = difference(&theirs, &ours);
        let known = DIFFERENT.iter().any(|(known, _)| *known == name);
        if known == differs.is_empty() {
            wrong.push(format!("{name}: {}", differs.join("\n    ")));
        }
    }
    assert!(wrong.is_empty(), "{version}:\n{}", wrong.join("\n"));
    assert!(compared > 300, "only {compared} packets were compared");
}

/// What acknowledgements, remarks, opens and closes say in numbers, by packet.
#[derive(Default)]
struct Numbers {
    /// The packet that is acknowledged, and nanoseconds since it.
    acks: BTreeMap<u64, (u64, i64)>,
    windows: BTreeMap<u64, u64>,
    in_flight: BTreeMap<u64, u64>,
    /// Bytes since the last PSH.
    pushed: BTreeMap<u64, u64>,
    /// RTO in microseconds.
    resent: BTreeMap<u64, i64>,
    /// Connections that are open to the end.
    open: usize,
    /// By connection.
    initial_rtt: BTreeMap<u32, i64>,
    completeness: BTreeMap<u32, u64>,
}

impl Sink for Numbers {
    fn want(&self) -> Want {
        Want {
            acks: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, _: &Flow, _: Loan<'_>) -> io::Result<()> {
        let packet = event.packet.get();
        match &event.kind {
            EventKind::Tcp(Tcp::Note(Note::Ack(ack))) => {
                if let Some(of) = ack.of {
                    self.acks.insert(packet, (of.get(), ack.rtt));
                }
                if let Some(window) = ack.window {
                    self.windows.insert(packet, window.into());
                }
                if let Some(bytes) = ack.in_flight {
                    self.in_flight.insert(packet, bytes.get().into());
                }
                if let Some(bytes) = ack.pushed {
                    self.pushed.insert(packet, bytes.get().into());
                }
            }
            EventKind::Tcp(Tcp::Note(Note::Remark(remark))) => {
                if let Some(bytes) = remark.in_flight {
                    self.in_flight.insert(packet, bytes.get().into());
                }
                if let Some(bytes) = remark.pushed {
                    self.pushed.insert(packet, bytes.get().into());
                }
                if let Some(micros) = remark.rto {
                    self.resent.insert(packet, micros.get().into());
                }
            }
            EventKind::Tcp(Tcp::Note(Note::Open(rest))) => {
                let completeness = rest.completeness.into();
                self.completeness.insert(event.conn.0, completeness);
                self.open += 1;
            }
            EventKind::Tcp(Tcp::Open(open)) => {
                if let Some(rtt) = open.initial_rtt {
                    self.initial_rtt.insert(event.conn.0, rtt);
                }
            }
            EventKind::Tcp(Tcp::Close(close)) => {
                let completeness = close.completeness.into();
                self.completeness.insert(event.conn.0, completeness);
            }
            _ => {}
        }
        Ok(())
    }
}

#[test]
fn the_same_times_and_sizes() {
    let Some(version) = tshark_version() else {
        return;
    };
    let mut wrong = Vec::new();
    let mut compared = [0; 7];
    let mut open = 0;
    for path in captures() {
        let mut ours = Numbers::default();
        let mut capture = Capture::open([&path]).unwrap();
        run(&mut capture, Limits::default(), &mut ours, |_, _| true).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        for row in numbers(&path) {
            let [
                packet,
                conn,
                acks,
                rtt,
                window,
                bytes,
                first,
                complete,
                rto,
                pushed,
            ] = row;
            let packet = packet.unwrap() as u64;
            let Some(conn) = conn.map(|conn| conn as u32) else {
                continue;
            };
            let nanos = |seconds: f64| (seconds * 1e9).round() as i64;
            let mut hold = |nth: usize, same: bool, what: &str| {
                compared[nth] += 1;
                if !same {
                    wrong.push(format!("{name}, packet {packet}: {what}"));
                }
            };
            if let (Some(&(of, age)), Some(acks)) = (ours.acks.get(&packet), acks) {
                let same = of == acks as u64 && age == nanos(rtt.unwrap());
                hold(
                    0,
                    same,
                    &format!("tshark {acks} {rtt:?}, wscope {of} {age}"),
                );
            }
            if let (Some(&ours), Some(theirs)) = (ours.windows.get(&packet), window) {
                hold(
                    1,
                    ours == theirs as u64,
                    &format!("window {theirs}, wscope {ours}"),
                );
            }
            if let (Some(&ours), theirs) = (ours.in_flight.get(&packet), bytes) {
                let same = theirs == Some(ours as f64);
                hold(2, same, &format!("in flight {theirs:?}, wscope {ours}"));
            }
            if let (Some(&ours), Some(theirs)) = (ours.initial_rtt.get(&conn), first) {
                hold(
                    3,
                    ours == nanos(theirs),
                    &format!("iRTT {theirs}, wscope {ours}"),
                );
            }
            if let (Some(&ours), Some(theirs)) = (ours.completeness.get(&conn), complete) {
                let same = ours == theirs as u64;
                hold(4, same, &format!("completeness {theirs}, wscope {ours}"));
            }
            if let Some(&ours) = ours.pushed.get(&packet) {
                let same = pushed == Some(ours as f64);
                hold(6, same, &format!("since PSH {pushed:?}, wscope {ours}"));
            }
            if let Some(&ours) = ours.resent.get(&packet) {
                let same = rto.map(|rto| nanos(rto) / 1000) == Some(ours);
                hold(5, same, &format!("RTO {rto:?}, wscope {ours}"));
            }
        }
        open += ours.open;
    }
    wrong.dedup_by_key(|line| line.split(':').next_back().map(str::to_owned));
    assert!(
        wrong.is_empty(),
        "{version}: {}\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(open > 0, "{open} connections that are open to the end");
    let least = [1000, 1000, 100, 1000, 1000, 10, 1000];
    let enough = compared.iter().zip(least).all(|(&n, least)| n > least);
    assert!(enough, "{compared:?}");
}

fn numbers(path: &Path) -> Vec<[Option<f64>; 10]> {
    let fields = [
        "frame.number",
        "tcp.stream",
        "tcp.analysis.acks_frame",
        "tcp.analysis.ack_rtt",
        "tcp.window_size",
        "tcp.analysis.bytes_in_flight",
        "tcp.analysis.initial_rtt",
        "tcp.completeness",
        "tcp.analysis.rto",
        "tcp.analysis.push_bytes_sent",
    ];
    let output = Command::new("tshark")
        .args(["-2", "-T", "fields"])
        .args(fields.iter().flat_map(|field| ["-e", field]))
        .arg("-r")
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let row = |line: &str| {
        let mut columns = line.split('\t');
        std::array::from_fn(|_| columns.next().and_then(|column| column.parse().ok()))
    };
    text.lines().map(row).collect()
}

/// Captures that miss packets: the tap lost one in sixteen of them.
#[test]
fn the_same_labels_where_the_capture_lost_packets() {
    let Some(version) = tshark_version() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let mut wrong = Vec::new();
    let mut compared = 0;
    for name in [
        "lossy",
        "lossy-deflate",
        "twelve",
        "zero-window",
        "fragments",
    ] {
        for round in 0..2 {
            let path = folder.path().join(format!("{name}-{round}.pcapng"));
            thinned(name, &path, &mut chance);
            let (theirs, ours) = (theirs(&path), ours(&path));
            compared += theirs.len();
            let differs = difference(&theirs, &ours);
            if !differs.is_empty() {
                wrong.push(format!("{name}, round {round}: {}", differs.join("\n    ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{version}:\n{}", wrong.join("\n"));
    assert!(compared > 700, "only {compared} packets were compared");
}

/// Writes a capture again without some of its packets.
fn thinned(name: &str, into: &Path, chance: &mut Chance) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let mut capture = Capture::open([folder.join(format!("{name}.pcapng"))]).unwrap();
    let mut writer = PcapngWriter::new(std::fs::File::create(into).unwrap()).unwrap();
    while let Some(packet) = capture.next().unwrap() {
        if chance.below(16) > 0 {
            writer.packet(&packet).unwrap();
        }
    }
    writer.finish().unwrap();
}

/// What the recorded captures do not show: probes of one byte, a window without its handshake, a
/// keep-alive below a hole, SYN and FIN again.
#[test]
fn the_same_labels_on_a_hand_made_connection() {
    let Some(version) = tshark_version() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hand-made.pcap");
    let file = std::fs::File::create(&path).unwrap();
    let out = PcapWriter::new(file, Link::RAW, ByteOrder::Big, Resolution::Nanos).unwrap();
    let mut maker = Maker::new(out);
    for first in [1_000, 800_000] {
        hand_made(&mut maker, first);
    }
    maker.out.finish().unwrap();
    let (theirs, ours) = (theirs(&path), ours(&path));
    let differs = difference(&theirs, &ours);
    assert!(differs.is_empty(), "{version}:\n{}", differs.join("\n"));
    for (_, word) in WIRESHARK {
        let met = theirs
            .values()
            .any(|(words, _)| words.iter().any(|it| it == word));
        assert!(met, "no packet is called {word}");
    }
}

/// A connection in which everything happens once; `a` is the client's first sequence number.
fn hand_made(maker: &mut Maker<std::fs::File>, a: u32) {
    const MS: i64 = 1_000_000;
    let b = 5_000;
    let segments: &[(i64, usize, Wire)] = &[
        (0, 0, Wire::new(a, 0, 0).with(SYN)),
        (200 * MS, 0, Wire::new(a, 0, 0).with(SYN)),
        (MS, 1, Wire::new(b, 0, a + 1).with(SYN | ACK)),
        (MS, 0, Wire::new(a + 1, 0, b + 1)),
        (MS, 0, Wire::new(a + 1, 100, b + 1)),
        // The window closes; one byte probes it; the answer says that it is still closed.
        (MS, 1, Wire::new(b + 1, 0, a + 101).window(0)),
        (300 * MS, 0, Wire::new(a + 101, 1, b + 1)),
        (MS, 1, Wire::new(b + 1, 0, a + 101).window(0)),
        (MS, 1, Wire::new(b + 1, 0, a + 101)),
        // The probe's byte again, with more behind it.
        (MS, 0, Wire::new(a + 101, 100, b + 1)),
        (MS, 1, Wire::new(b + 1, 0, a + 201)),
        (MS, 1, Wire::new(b + 1, 0, a + 201).window(400)),
        // Keep-alive, with a byte and without.
        (900 * MS, 0, Wire::new(a + 200, 1, b + 1)),
        (MS, 1, Wire::new(b + 1, 0, a + 201).window(400)),
        (900 * MS, 0, Wire::new(a + 200, 0, b + 1)),
        (MS, 1, Wire::new(b + 1, 0, a + 201).window(400)),
        // To the last byte of the window.
        (MS, 0, Wire::new(a + 201, 400, b + 1)),
        (MS, 1, Wire::new(b + 1, 0, a + 601)),
        // A hole; three ACKs for it; it is filled.
        (MS, 0, Wire::new(a + 701, 100, b + 1)),
        (MS, 1, Wire::new(b + 1, 0, a + 601)),
        (MS, 1, Wire::new(b + 1, 0, a + 601)),
        (MS, 1, Wire::new(b + 1, 0, a + 601)),
        (MS, 0, Wire::new(a + 601, 100, b + 1)),
        (MS, 1, Wire::new(b + 1, 0, a + 801)),
        // A hole that is filled at once, one that is filled late, one that never is.
        (MS, 0, Wire::new(a + 901, 100, b + 1)),
        (MS, 0, Wire::new(a + 801, 50, b + 1)),
        (300 * MS, 0, Wire::new(a + 851, 50, b + 1)),
        (MS, 1, Wire::new(b + 1, 0, a + 1001)),
        (MS, 0, Wire::new(a + 901, 100, b + 1)),
        (MS, 1, Wire::new(b + 1, 0, a + 1301)),
        (MS, 0, Wire::new(a + 1301, 10, b + 1)),
        (MS, 1, Wire::new(b + 1, 0, a + 1311).with(ACK | FIN)),
        (300 * MS, 1, Wire::new(b + 1, 0, a + 1311).with(ACK | FIN)),
        (MS, 0, Wire::new(a + 1311, 0, b + 2).with(ACK | FIN)),
        (MS, 1, Wire::new(b + 2, 0, a + 1312)),
    ];
    for (wait, side, wire) in segments {
        maker.now += wait;
        maker.write(*side, *wire);
    }
}

/// A generator of numbers that are the same every time: xorshift.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 32) % u64::from(limit)) as u32
    }
}
