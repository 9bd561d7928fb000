//! What the rules say of real stacks, and of captures that lost something.

use super::talk::Findings;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use wscope::engine::{Engine, run};
use wscope::model::{Dir, Limits, Link, Packet, PacketNo, Severity, Sink as _, Timestamp, Verdict};
use wscope::rules::Judge;
use wscope::source::Capture;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures")
}

fn findings(path: &Path) -> Findings {
    let mut capture = Capture::open([path]).unwrap();
    let mut found = Findings::default();
    run(&mut capture, Limits::default(), &mut found, |_, _| true).unwrap();
    found
}

/// Errors in captures of correct stacks, each looked at by hand.
const KNOWN: &[(&str, &[&str])] = &[
    // Clients that were written to send before the 101.
    (
        "early.pcapng",
        &[
            "WS-REQUEST-EARLY-FRAMES",
            "WS-REQUEST-EARLY-FRAMES",
            "WS-REQUEST-EARLY-FRAMES",
        ],
    ),
    // A client asks for version 8 to be refused; Python's websockets refuses it with 400 and does
    // not say which versions it speaks.
    (
        "refused.pcapng",
        &["WS-REQUEST-VERSION-13", "WS-ANSWER-VERSIONS"],
    ),
];

#[test]
fn correct_stacks_break_no_rule() {
    let mut wrong = Vec::new();
    let mut captures = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.contains(".pcap") || ["violations.pcapng", "breaches.pcapng"].contains(&&*name) {
            continue;
        }
        captures += 1;
        let found = findings(&path);
        let errors: Vec<_> = found
            .fails()
            .into_iter()
            .filter(|it| it.severity == Severity::Error)
            .map(|it| it.rule)
            .collect();
        let known = KNOWN.iter().find(|(known, _)| *known == name);
        if errors != known.map_or(&[][..], |(_, errors)| errors) {
            wrong.push(format!("{name}: {errors:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(captures > 50);
}

/// What the log of the capture calls wrong, and the rule that it breaks.
const WRONG: &[(&str, &str)] = &[
    ("an unmasked frame", "WS-FRAME-CLIENT-MASK"),
    ("a reserved opcode", "WS-FRAME-OPCODE-DATA"),
    ("RSV1 without an extension", "WS-FRAME-RSV1"),
    ("a continuation of nothing", "WS-MESSAGE-ORPHAN"),
    ("text that is not UTF-8", "WS-MESSAGE-UTF8"),
    ("a ping of 126 bytes", "WS-FRAME-CONTROL-LENGTH"),
    ("a ping in fragments", "WS-FRAME-CONTROL-FIN"),
    ("a close body of one byte", "WS-CLOSE-BODY"),
    ("a close with code 1005", "WS-CLOSE-CODE-LOCAL"),
    ("a length with its top bit set", "WS-FRAME-LENGTH-64"),
];

#[test]
fn violations_are_those_of_the_log() {
    let log = std::fs::read_to_string(folder().join("violations.log.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut expected: Vec<Vec<&str>> = Vec::new();
    for line in lines.iter().filter(|line| line["do"] == "wrong") {
        let said = line["text"].as_str().unwrap();
        let (_, rule) = WRONG.iter().find(|(text, _)| *text == said).unwrap();
        // Every one of these clients also says hello before it has the answer: its log has the
        // first `send` before `open`.
        let mine =
            |other: &&serde_json::Value| other["uri"] == line["uri"] && other["who"] == "client";
        let first = lines.iter().find(mine).unwrap();
        assert_eq!(first["do"], "send");
        let mut rules = vec!["WS-REQUEST-EARLY-FRAMES", rule];
        // Where the wrong frame was a close, the client answered the server's close with another.
        if said.starts_with("a close") {
            rules.push("WS-CLOSE-TWICE");
        }
        expected.push(rules);
    }
    assert_eq!(expected.len(), 19);

    let found = findings(&folder().join("violations.pcapng"));
    let mut errors = vec![Vec::new(); expected.len()];
    for it in found.fails() {
        if it.severity == Severity::Error {
            assert_eq!(it.side, Dir::C2s, "the servers are right: {it:?}");
            errors[it.session.unwrap().0 as usize].push(it.rule);
        }
    }
    assert_eq!(errors, expected);
}

/// What the log of `breaches` calls wrong, and the rules that it breaks, all of error severity.
const BREACHES: &[(&str, &[&str])] = &[
    ("RSV2 without an extension", &["WS-FRAME-RSV2"]),
    ("RSV3 without an extension", &["WS-FRAME-RSV3"]),
    ("a reserved control opcode", &["WS-FRAME-OPCODE-CONTROL"]),
    ("a length of 5 in 16 bits", &["WS-FRAME-LENGTH-7"]),
    ("a length of 5 in 64 bits", &["WS-FRAME-LENGTH-7"]),
    ("a message inside a message", &["WS-MESSAGE-INTERLEAVED"]),
    ("an overlong slash", &["WS-MESSAGE-UTF8-FORM"]),
    ("a surrogate", &["WS-MESSAGE-UTF8-FORM"]),
    ("a character above U+10FFFF", &["WS-MESSAGE-UTF8-FORM"]),
    // The message is never finished: rules on text are asked about whole messages.
    ("a first fragment that cannot become UTF-8", &[]),
    ("a pong of 126 bytes", &["WS-FRAME-CONTROL-LENGTH"]),
    ("a close in fragments", &["WS-FRAME-CONTROL-FIN"]),
    ("a close with code 999", &["WS-CLOSE-CODE-LOW"]),
    ("a close with code 1004", &["WS-CLOSE-CODE-1004"]),
    ("a close with code 1006", &["WS-CLOSE-CODE-LOCAL"]),
    ("a close with code 1015", &["WS-CLOSE-CODE-LOCAL"]),
    ("a close with code 1016", &["WS-CLOSE-CODE-UNASSIGNED"]),
    ("a close with code 2999", &["WS-CLOSE-CODE-UNASSIGNED"]),
    ("a close with code 5000", &["WS-CLOSE-CODE-HIGH"]),
    (
        "a close reason that is not UTF-8",
        &["WS-CLOSE-REASON-UTF8"],
    ),
    ("a message after the close", &["WS-CLOSE-DATA-AFTER"]),
];

#[test]
fn each_breach_is_found_and_nothing_besides() {
    let log = std::fs::read_to_string(folder().join("breaches.log.jsonl")).unwrap();
    let said = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|line| line["do"] == "wrong")
        .map(|line| line["text"].as_str().unwrap().to_owned());
    let expected: Vec<_> = said
        .map(|said| {
            let (_, rules) = BREACHES.iter().find(|(text, _)| *text == said).unwrap();
            (said, rules.to_vec())
        })
        .collect();
    assert_eq!(expected.len(), 2 * BREACHES.len());
    let mut found = vec![Vec::new(); expected.len()];
    for it in findings(&folder().join("breaches.pcapng")).fails() {
        if it.severity == Severity::Error {
            assert_eq!(it.side, Dir::C2s, "the servers are right: {it:?}");
            found[it.session.unwrap().0 as usize].push(it.rule);
        }
    }
    let found: Vec<_> = expected
        .iter()
        .zip(found)
        .map(|((said, _), found)| (said.clone(), found))
        .collect();
    assert_eq!(found, expected);
}

/// A packet, kept.
struct Kept {
    time: Timestamp,
    link: Link,
    orig_len: u32,
    data: Vec<u8>,
}

fn packets(name: &str) -> Vec<Kept> {
    let mut capture = Capture::open([folder().join(name)]).unwrap();
    let mut kept = Vec::new();
    while let Some(packet) = capture.next().unwrap() {
        kept.push(Kept {
            time: packet.time,
            link: packet.link,
            orig_len: packet.orig_len,
            data: packet.data.to_vec(),
        });
    }
    kept
}

/// Rule and side of everything that is said to be broken, with the connection's client port.
fn fails(packets: &[Kept], lost: impl Fn(usize) -> bool) -> BTreeSet<(&'static str, Dir)> {
    cut_fails(packets, lost, usize::MAX)
}

/// The same, with so many bytes of each packet.
fn cut_fails(
    packets: &[Kept],
    lost: impl Fn(usize) -> bool,
    snaplen: usize,
) -> BTreeSet<(&'static str, Dir)> {
    let mut judge = Judge::new(Findings::default());
    let mut engine = Engine::new(Limits::default(), judge.want());
    for (nth, kept) in packets.iter().enumerate().filter(|(nth, _)| !lost(*nth)) {
        let packet = Packet {
            no: PacketNo::new(nth as u64 + 1).unwrap(),
            time: kept.time,
            link: kept.link,
            orig_len: kept.orig_len,
            data: kept.data.get(..snaplen).unwrap_or(&kept.data),
        };
        engine.packet(packet, &mut judge).unwrap();
    }
    engine.finish(&mut judge).unwrap();
    let found = judge.into_inner().0;
    let fails = found.iter().filter(|it| it.verdict == Verdict::Fail);
    fails.map(|it| (it.rule, it.side)).collect()
}

const LOSSY: &[&str] = &[
    "tour.pcapng",
    "closes.pcapng",
    "fragments.pcapng",
    "refused.pcapng",
    "idle.pcapng",
    "reset.pcapng",
    "deflate.pcapng",
    "deflate-no-context-both.pcapng",
    "twelve.pcapng",
    "port-reuse.pcapng",
    "early.pcapng",
    "socket-io.pcapng",
    "undici.pcapng",
    "go-and-rust.pcapng",
    "violations.pcapng",
    "vanished.pcapng",
    "zero-window.pcapng",
    "mqtt.pcapng",
    "lossy.pcapng",
    "lossy-deflate.pcapng",
];

#[test]
fn no_single_lost_packet_makes_a_breach() {
    for name in LOSSY.iter().filter(|name| !name.starts_with("lossy")) {
        let packets = packets(name);
        let whole = fails(&packets, |_| false);
        for lost in 0..packets.len() {
            let found = fails(&packets, |nth| nth == lost);
            let new: Vec<_> = found.difference(&whole).collect();
            assert!(
                new.is_empty(),
                "{name} without packet {}: {new:?}",
                lost + 1
            );
        }
    }
}

#[test]
fn no_packet_cut_short_makes_a_breach() {
    for name in LOSSY {
        let packets = packets(name);
        let whole = fails(&packets, |_| false);
        for snaplen in [54, 66, 68, 72, 74, 80, 96, 128, 200, 300, 500] {
            let found = cut_fails(&packets, |_| false, snaplen);
            let new: Vec<_> = found.difference(&whole).collect();
            assert!(new.is_empty(), "{name} cut to {snaplen} bytes: {new:?}");
        }
    }
}

#[test]
fn no_late_beginning_and_no_early_end_makes_a_breach() {
    for name in LOSSY.iter().filter(|name| !name.starts_with("lossy")) {
        let packets = packets(name);
        let whole = fails(&packets, |_| false);
        for at in 0..packets.len() {
            for (found, how) in [
                (fails(&packets, |nth| nth < at), "from"),
                (fails(&packets, |nth| nth >= at), "before"),
            ] {
                let new: Vec<_> = found.difference(&whole).collect();
                assert!(new.is_empty(), "{name} {how} packet {}: {new:?}", at + 1);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_lost_packets_make_a_breach(
        which in 0..LOSSY.len(),
        from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(),
        seed in any::<u64>(), share in 0u64..40,
    ) {
        let packets = packets(LOSSY[which]);
        let whole = fails(&packets, |_| false);
        // A run of packets, and some here and there.
        let (from, to) = (from.index(packets.len() + 1), to.index(packets.len() + 1));
        let lost = |nth: usize| {
            let mixed = (nth as u64 + 1).wrapping_mul(seed | 1).rotate_left(29) % 100;
            (from..to).contains(&nth) || mixed < share
        };
        let found = fails(&packets, lost);
        let new: Vec<_> = found.difference(&whole).collect();
        prop_assert!(new.is_empty(), "{}: {new:?}", LOSSY[which]);
    }
}
