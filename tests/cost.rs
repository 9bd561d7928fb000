//! Every byte of every capture is in one row of the bill, and in no other.

mod common;

use common::real::captures;
use std::io::Cursor;
use wscope::engine::run;
use wscope::forge::{Scenario, text};
use wscope::model::{Dir, Limits};
use wscope::sink::{Format, Stats};
use wscope::source::Capture;

/// The bill of a capture: connections, and the totals last; and the bytes that the file says.
fn bill(open: impl Fn() -> Capture) -> (Vec<serde_json::Value>, u64) {
    let mut wire = 0;
    let mut capture = open();
    while let Some(packet) = capture.next().unwrap() {
        wire += u64::from(packet.orig_len);
    }
    let mut out = Vec::new();
    let format = Format {
        json: true,
        ..Format::default()
    };
    let mut stats = Stats::new(&mut out, format);
    let done = run(&mut open(), Limits::default(), &mut stats, |_, _| true).unwrap();
    stats.finish(done.counts).unwrap();
    let lines = String::from_utf8(out).unwrap();
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    (lines.collect(), wire)
}

const ROWS: [&str; 11] = [
    "link", "ip", "tcp", "again", "unseen", "tls", "http", "headers", "masks", "payload", "other",
];

fn number(json: &serde_json::Value) -> u64 {
    json.as_u64().unwrap()
}

fn check(name: &str, lines: &[serde_json::Value], wire: u64) {
    let totals = lines.last().unwrap();
    let mut sums = [0, 0];
    for line in lines {
        if line["event"] == "session" {
            continue;
        }
        for (dir, sum) in ["c2s", "s2c"].iter().zip(&mut sums) {
            let cost = &line["cost"][dir];
            let rows: u64 = ROWS.iter().map(|row| number(&cost[row])).sum();
            assert_eq!(rows, number(&cost["bytes"]), "{name}: {line}");
            if line["event"] == "connection" {
                *sum += rows;
            } else {
                assert_eq!(
                    rows, *sum,
                    "{name}: the totals are the sum of the connections"
                );
            }
        }
    }
    let apart = number(&totals["other_bytes"]) + number(&totals["stray_bytes"]);
    assert_eq!(
        number(&totals["wire_bytes"]),
        wire,
        "{name}: as the file has it"
    );
    assert_eq!(
        sums[0] + sums[1] + apart,
        wire,
        "{name}: no byte twice, none lost"
    );
}

#[test]
fn the_bill_of_every_capture_adds_up_to_the_bytes_on_the_wire() {
    for path in captures() {
        let (lines, wire) = bill(|| Capture::open([&path]).unwrap());
        check(&path.display().to_string(), &lines, wire);
    }
}

#[test]
fn the_bill_adds_up_where_bytes_came_twice_late_cut_or_never() {
    let talk = |seed| {
        let chat = Scenario::new(seed)
            .handshake()
            .upgrade(|upgrade| upgrade.deflate("permessage-deflate"));
        (0..20).fold(chat, |chat, nth| {
            let word = format!("{nth} and so on and so on and so on").repeat(nth % 5 * 40);
            chat.client(text(word.as_str()))
                .server(text(word.as_str()))
                .keep_alive(Dir::C2s, b"?")
        })
    };
    for seed in 0..12 {
        let forged = talk(seed).fin().forge();
        let forged = match seed % 6 {
            0 => forged,
            1 => forged.again(12, 3).again(20, 1),
            2 => forged.lose([9, 15, 30]),
            3 => forged.snaplen(100),
            4 => forged.shuffle(seed).overlap(14, 4, [7, 9]),
            _ => forged.begin_at(11).late(16, 5),
        };
        let mut file = Vec::new();
        forged.write(&mut file).unwrap();
        let open = || Capture::from_reader("forged", Cursor::new(file.clone()));
        let (lines, wire) = bill(open);
        check(&format!("seed {seed}"), &lines, wire);
    }
}

#[test]
fn a_bill_names_each_layer() {
    let forged = Scenario::new(1)
        .handshake()
        .upgrade(|upgrade| upgrade)
        .client(text("hello"))
        .server(text("hello"))
        .server(text("hello").fragments(2))
        .fin()
        .forge();
    let mut file = Vec::new();
    forged.write(&mut file).unwrap();
    let (lines, _) = bill(|| Capture::from_reader("forged", Cursor::new(file.clone())));
    let row = |dir: &str, row: &str| number(&lines[0]["cost"][dir][row]);
    // RFC 6455 section 5.2: two bytes a frame, and four more for the client's mask.
    assert_eq!((row("c2s", "headers"), row("s2c", "headers")), (2, 6));
    assert_eq!((row("c2s", "masks"), row("s2c", "masks")), (4, 0));
    assert_eq!((row("c2s", "payload"), row("s2c", "payload")), (5, 10));
    assert!(row("c2s", "http") > 100 && row("s2c", "http") > 100);
    for dir in ["c2s", "s2c"] {
        let packets = number(&lines[0]["cost"][dir]["packets"]);
        assert_eq!(row(dir, "link"), 14 * packets, "Ethernet");
        assert_eq!(row(dir, "ip"), 20 * packets, "IPv4 without options");
        assert_eq!((row(dir, "again"), row(dir, "other")), (0, 0));
    }
}
