//! Every label has a capture that trips it, and one that nearly does: Wireshark's and our own. tshark,
//! where it is installed, says the same of both.

mod common;

use common::wire::{ACK, FIN, Maker, SYN, Wire};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Cursor};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use wscope::engine::{Engine, run};
use wscope::forge::{Acks, Forged, Scenario, text};
use wscope::model::{
    Dir, Event, EventKind, Flow, Label, Limits, Link, Loan, Note, Sink, Tcp, WIRESHARK, Want,
};
use wscope::source::{ByteOrder, Capture, PcapWriter, Resolution};

/// Segments after a handshake that took 2 ms: milliseconds to wait, who sends (0 the client), what.
/// The client's next byte is 1001, the server's 5001; both windows are 500 bytes.
type Script = Vec<(i64, usize, Wire)>;

/// The client's bytes.
fn up(wait: i64, seq: u32, len: u32) -> (i64, usize, Wire) {
    (wait, 0, Wire::new(seq, len, 5001))
}

/// The server acknowledges.
fn ack(wait: i64, to: u32) -> (i64, usize, Wire) {
    (wait, 1, Wire::new(5001, 0, to))
}

/// The same, with another window.
fn room(wait: i64, to: u32, window: u16) -> (i64, usize, Wire) {
    (wait, 1, Wire::new(5001, 0, to).window(window))
}

/// What trips a label of Wireshark's, and what nearly does.
fn wireshark(word: &str) -> [Script; 2] {
    let first = || vec![up(1, 1001, 100), ack(1, 1101)];
    let hole = || vec![up(1, 1001, 100), up(1, 1201, 100)];
    let shut = || vec![up(1, 1001, 100), room(1, 1101, 0), up(200, 1101, 1)];
    let then = |mut script: Script, more: &[(i64, usize, Wire)]| {
        script.extend_from_slice(more);
        script
    };
    match word {
        "retransmission" => [
            vec![up(1, 1001, 100), up(300, 1001, 100)],
            vec![up(1, 1001, 100), up(300, 1101, 100)],
        ],
        "fast_retransmission" => {
            let asked = |times| {
                let mut script = then(first(), &[up(1, 1201, 100)]);
                script.extend((0..times).map(|_| ack(1, 1101)));
                then(script, &[up(5, 1101, 100)])
            };
            [asked(2), asked(1)]
        }
        "spurious_retransmission" => [
            then(first(), &[up(1, 1001, 100)]),
            then(first(), &[up(1, 1001, 101)]),
        ],
        "out_of_order" => [
            then(hole(), &[up(1, 1101, 100)]),
            then(hole(), &[up(9, 1101, 100)]),
        ],
        "lost_segment" => [hole(), vec![up(1, 1001, 100), up(1, 1101, 100)]],
        "ack_lost_segment" => [vec![up(1, 1001, 100), ack(1, 1201)], first()],
        "duplicate_ack" => [
            then(first(), &[ack(1, 1101)]),
            then(first(), &[room(1, 1101, 400)]),
        ],
        "keep_alive" => [
            then(first(), &[up(900, 1100, 1)]),
            then(first(), &[up(900, 1101, 1)]),
        ],
        "keep_alive_ack" => [
            then(first(), &[up(900, 1100, 0), ack(1, 1101)]),
            then(first(), &[up(900, 1100, 0), room(1, 1101, 400)]),
        ],
        "window_update" => [
            then(first(), &[room(1, 1101, 400)]),
            then(first(), &[(1, 1, Wire::new(5001, 9, 1101).window(400))]),
        ],
        "window_full" => [vec![up(1, 1001, 500)], vec![up(1, 1001, 499)]],
        "zero_window" => [
            vec![up(1, 1001, 100), room(1, 1101, 0)],
            vec![up(1, 1001, 100), room(1, 1101, 1)],
        ],
        "zero_window_probe" => [
            shut(),
            vec![up(1, 1001, 100), room(1, 1101, 1), up(200, 1101, 1)],
        ],
        "zero_window_probe_ack" => [
            then(shut(), &[room(1, 1101, 0)]),
            then(shut(), &[room(1, 1101, 500)]),
        ],
        "reused_ports" => {
            let end = [
                (1, 1, Wire::new(5001, 0, 1101).with(ACK | FIN)),
                (1, 0, Wire::new(1101, 0, 5002).with(ACK | FIN)),
                (1, 1, Wire::new(5002, 0, 1102)),
            ];
            let syn = |isn| [(900, 0, Wire::new(isn, 0, 0).with(SYN))];
            [
                then(then(first(), &end), &syn(70_000)),
                then(then(first(), &end), &syn(1000)),
            ]
        }
        other => panic!("nothing trips {other}"),
    }
}

/// What trips a label of ours, and what nearly does.
fn own(label: Label) -> [Case; 2] {
    let like = |word| wireshark(word).map(Case::Script);
    let resent = |wait| {
        Case::Script(vec![
            up(1, 1001, 100),
            up(1, 1101, 100),
            up(wait, 1001, 100),
        ])
    };
    let with = |wait, id: u16| {
        let behind = (1, 0, Wire::new(1101, 100, 5001).id(100));
        let filler = (wait, 0, Wire::new(1001, 100, 5001).id(id));
        Case::Script(vec![behind, filler])
    };
    match label {
        Label::Hole => like("lost_segment"),
        Label::Reordered => [with(50, 99), with(50, 101)],
        Label::FilledLate => [with(0, 101), with(0, 99)],
        Label::FastRetransmission => {
            let asked = |times| {
                let mut script = vec![
                    up(1, 1001, 100),
                    ack(1, 1101),
                    up(1, 1101, 100),
                    up(1, 1201, 9),
                ];
                script.extend((0..times).map(|_| ack(1, 1101)));
                script.push(up(5, 1101, 100));
                Case::Script(script)
            };
            [asked(2), asked(1)]
        }
        Label::TimeoutRetransmission => [resent(300), resent(100)],
        Label::SpuriousRetransmission => like("spurious_retransmission"),
        Label::Retransmission => [resent(100), resent(300)],
        Label::Copy => {
            let twice = |id| {
                let one = Wire::new(1001, 100, 5001).id(7);
                Case::Script(vec![(1, 0, one), (0, 0, one.id(id))])
            };
            [twice(7), twice(8)]
        }
        Label::NewData => {
            // A hole that only an acknowledgement told of, filled below it: Wireshark says needless.
            let late = |from| {
                let script = vec![up(1, 1001, 100), ack(1, 1201), up(1, from, 100)];
                Case::Script(script)
            };
            [late(1101), late(1201)]
        }
        Label::KeepAlive => like("keep_alive"),
        // With another window it is an answer all the same; with data it is not.
        Label::KeepAliveAck => {
            let answered = |len| {
                let answer = (1, 1, Wire::new(5001, len, 1101));
                Case::Script(vec![
                    up(1, 1001, 100),
                    ack(1, 1101),
                    up(900, 1100, 0),
                    answer,
                ])
            };
            [answered(0), answered(9)]
        }
        Label::ZeroWindowProbe => like("zero_window_probe"),
        Label::ZeroWindowProbeAck => {
            // The probe's byte is one that had been sent before.
            let answered = |window| {
                let shut = vec![up(1, 1001, 100), room(1, 1101, 0), up(200, 1100, 0)];
                Case::Script([shut, vec![room(1, 1101, window)]].concat())
            };
            [answered(0), answered(500)]
        }
        Label::DuplicateAck => like("duplicate_ack"),
        Label::AckOfUnseen => like("ack_lost_segment"),
        Label::WindowUpdate => like("window_update"),
        Label::WindowFull => like("window_full"),
        Label::ZeroWindow => like("zero_window"),
        Label::ReusedPorts => like("reused_ports"),
        Label::HeadOfLine => {
            let pause = |millis| Duration::from_millis(millis);
            let late = |wait: u64| {
                let talk = (0..8).fold(upgraded(), |talk, n| {
                    talk.server(text(format!("{{\"n\":{n}}}").as_str()))
                        .wait(pause(wait))
                });
                let forged = talk.forge();
                let data = (1..).zip(&forged.packets);
                let data =
                    data.filter(|(_, packet)| packet.dir == Dir::S2c && packet.carries.end > 130);
                let number = data.map(|(number, _)| number).nth(1).unwrap();
                // The receiver acknowledges nothing meanwhile.
                let data = |_, packet: &wscope::forge::Packet| !packet.carries.is_empty();
                Case::Forged(forged.late(number, 4).keep(data))
            };
            [late(30), late(0)]
        }
        // The window closes between a message's segments; and behind the last one of all.
        Label::WindowDelay => [
            Case::File("zero-window.pcapng"),
            Case::Script(vec![
                up(1, 1001, 500),
                room(1, 1501, 0),
                room(90, 1501, 500),
            ]),
        ],
        Label::NagleDelay => {
            let talk = |wait: u64| {
                let scenario = upgraded()
                    .net(|net| net.acks = Acks::Delayed)
                    .client(text("first"));
                Case::Forged(
                    scenario
                        .wait(Duration::from_millis(wait))
                        .client(text("second"))
                        .forge(),
                )
            };
            [talk(0), talk(900)]
        }
        Label::Silence => [
            resent(300),
            Case::Script(vec![up(1, 1001, 100), up(300, 1001, 100), ack(1, 1101)]),
        ],
    }
}

/// All of [`Label`]: `own` has an arm for each, or does not compile.
const OWN: [Label; 23] = [
    Label::Hole,
    Label::Reordered,
    Label::FilledLate,
    Label::FastRetransmission,
    Label::TimeoutRetransmission,
    Label::SpuriousRetransmission,
    Label::Retransmission,
    Label::Copy,
    Label::NewData,
    Label::KeepAlive,
    Label::KeepAliveAck,
    Label::ZeroWindowProbe,
    Label::ZeroWindowProbeAck,
    Label::DuplicateAck,
    Label::AckOfUnseen,
    Label::WindowUpdate,
    Label::WindowFull,
    Label::ZeroWindow,
    Label::ReusedPorts,
    Label::HeadOfLine,
    Label::WindowDelay,
    Label::NagleDelay,
    Label::Silence,
];

/// A capture, whichever way it is made.
enum Case {
    Script(Script),
    Forged(Forged),
    /// A recorded one.
    File(&'static str),
}

fn upgraded() -> Scenario {
    Scenario::new(3)
        .net(|net| net.rtt = Duration::from_micros(200))
        .handshake()
        .upgrade(|upgrade| upgrade)
}

/// The labels of a capture, Wireshark's and ours.
#[derive(Default)]
struct Labels {
    wireshark: BTreeSet<&'static str>,
    own: BTreeSet<&'static str>,
}

impl Sink for Labels {
    fn want(&self) -> Want {
        Want {
            joined: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, _: &Flow, _: Loan<'_>) -> io::Result<()> {
        if let EventKind::Tcp(Tcp::Note(Note::Remark(remark))) = &event.kind {
            self.wireshark.extend(remark.wireshark.words());
            self.own.insert(remark.label.word());
        }
        Ok(())
    }
}

/// The bytes of a capture with these scripts, each on a port of its own.
fn written(scripts: &[Script]) -> Vec<u8> {
    let mut file = Vec::new();
    let out = PcapWriter::new(&mut file, Link::RAW, ByteOrder::Big, Resolution::Nanos).unwrap();
    let mut maker = Maker::new(out);
    for (nth, script) in (0..).zip(scripts) {
        maker.port = 20_000 + nth;
        maker.now += 1_000_000_000;
        let handshake = [
            (0, 0, Wire::new(1000, 0, 0).with(SYN)),
            (1, 1, Wire::new(5000, 0, 1001).with(SYN | ACK)),
            (1, 0, Wire::new(1001, 0, 5001)),
        ];
        for (wait, side, wire) in handshake.iter().chain(script) {
            maker.now += wait * 1_000_000;
            maker.write(*side, *wire);
        }
    }
    maker.out.finish().unwrap();
    file
}

fn labels(case: &Case) -> Labels {
    let mut labels = Labels::default();
    let mut capture = match case {
        Case::Forged(forged) => {
            let mut engine = Engine::new(Limits::default(), labels.want());
            for packet in forged.packets() {
                engine.packet(packet, &mut labels).unwrap();
            }
            engine.finish(&mut labels).unwrap();
            return labels;
        }
        Case::Script(script) => {
            let file = written(std::slice::from_ref(script));
            Capture::from_reader("script", Cursor::new(file))
        }
        Case::File(name) => {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
            Capture::open([folder.join(name)]).unwrap()
        }
    };
    run(&mut capture, Limits::default(), &mut labels, |_, _| true).unwrap();
    labels
}

#[test]
fn each_label_of_wiresharks_is_tripped_and_nearly() {
    for (_, word) in WIRESHARK {
        let [trips, nearly] = wireshark(word).map(|script| labels(&Case::Script(script)).wireshark);
        assert!(trips.contains(word), "{word}: {trips:?}");
        assert!(!nearly.contains(word), "{word}: {nearly:?}");
    }
}

#[test]
fn each_label_of_ours_is_tripped_and_nearly() {
    for label in OWN {
        let [trips, nearly] = own(label).map(|case| labels(&case).own);
        let word = label.word();
        assert!(trips.contains(word), "{word}: {trips:?}");
        assert!(!nearly.contains(word), "{word}: {nearly:?}");
    }
    let words: BTreeSet<_> = OWN.iter().map(|label| label.word()).collect();
    assert_eq!(words.len(), OWN.len());
}

#[test]
fn tshark_trips_over_the_same() {
    if common::real::tshark_version().is_none() {
        return;
    }
    let scripts: Vec<_> = WIRESHARK
        .iter()
        .flat_map(|(_, word)| wireshark(word))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.pcap");
    std::fs::write(&path, written(&scripts)).unwrap();
    let fields = WIRESHARK
        .iter()
        .flat_map(|(_, word)| ["-e".to_owned(), format!("tcp.analysis.{word}")]);
    let output = Command::new("tshark")
        .args(["-T", "fields", "-e", "tcp.port"])
        .args(fields)
        .arg("-r")
        .arg(&path)
        .output()
        .unwrap();
    let mut theirs: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    let text = String::from_utf8(output.stdout).unwrap();
    for line in text.lines() {
        let mut columns = line.split('\t');
        let ports = columns.next().unwrap().split(',');
        let port: usize = ports.map(|port| port.parse().unwrap()).max().unwrap();
        let words = columns
            .zip(WIRESHARK)
            .filter(|(column, _)| !column.is_empty());
        theirs
            .entry(port - 20_000)
            .or_default()
            .extend(words.map(|(_, (_, word))| *word));
    }
    for (nth, script) in scripts.into_iter().enumerate() {
        let ours = labels(&Case::Script(script)).wireshark;
        assert_eq!(ours, theirs[&nth], "{}, {}", WIRESHARK[nth / 2].1, nth % 2);
    }
}
