//! Frame boundaries that are found again: never where no frame begins, whatever the payloads are.
//!
//! Each stream is forged, some of its packets are lost, and every frame that is shown must stand where
//! the whole capture has one. `CHAINS=10000` tries that many seeds; without it, a few hundred.
#![allow(clippy::print_stdout)]

mod common;

use common::{Seen, decode};
use std::collections::BTreeSet;
use wscope::codec::inflate::Inflate;
use wscope::forge::{Acks, Forged, Message, Scenario, binary, ping, text};
use wscope::model::{Dir, EventKind, Ws};

/// The same numbers for the same seed: SplitMix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

fn seeds(usual: u64) -> u64 {
    let asked = std::env::var("CHAINS").ok();
    asked.and_then(|count| count.parse().ok()).unwrap_or(usual)
}

/// Payloads in which frames seem to begin: what is in them is no evidence.
fn hostile(chance: &mut Chance) -> Message {
    let count = 1 + chance.below(60);
    let word = |chance: &mut Chance| {
        chance.of(&[
            "ですから",
            "価格は",
            "é",
            "Aa ",
            "größer ",
            "B ",
            "ok, ",
            "\u{a0}",
        ])
    };
    let host = |chance: &mut Chance| format!("www.host-{}.example", chance.below(100_000));
    let tagged = |chance: &mut Chance, tag: u8| -> Vec<u8> {
        (0..count)
            .flat_map(|_| {
                let name = host(chance);
                [&[tag, name.len() as u8], name.as_bytes()].concat()
            })
            .collect()
    };
    match chance.below(8) {
        0 => binary(vec![0; 40 * count]),
        1 => text(
            (0..8 * count)
                .map(|_| word(chance))
                .collect::<String>()
                .as_str(),
        ),
        2 => binary(tagged(chance, 0x82)),
        3 => binary(tagged(chance, 0x42)),
        4 => {
            let record = [0x82, 14, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14];
            binary(record.repeat(4 * count))
        }
        5 => binary([0x89, 0].repeat(20 * count)),
        6 => binary(
            (0..20 * count)
                .flat_map(|n| (n as u16).to_le_bytes())
                .collect::<Vec<_>>(),
        ),
        _ => text(30 * count),
    }
}

fn ordinary(chance: &mut Chance) -> Message {
    let size = match chance.below(10) {
        0..6 => chance.below(200),
        6..9 => chance.below(3_000),
        _ => 20_000 + chance.below(50_000),
    };
    let message = match chance.below(8) {
        0..5 => text(size),
        5..7 => binary(size),
        _ => return ping(size.min(125)),
    };
    message.fragments(1 + chance.below(4))
}

/// A dialogue of one side, and then some of its packets are lost.
fn dialogue(seed: u64, shape: fn(&mut Chance) -> Message) -> [Forged; 2] {
    let mut chance = Chance(seed);
    let dir = chance.of(&Dir::BOTH);
    let extension = chance.of(&[
        None,
        Some("permessage-deflate"),
        Some("permessage-deflate; client_no_context_takeover; server_no_context_takeover"),
    ]);
    let cuts: Vec<_> = (0..1 + chance.below(4))
        .map(|_| match chance.below(5) {
            0 => 5 + chance.below(100),
            _ => 100 + chance.below(1_360),
        })
        .collect();
    let mut scenario = Scenario::new(seed)
        .net(|net| {
            net.cuts = cuts;
            net.acks = Acks::EverySecond;
        })
        .handshake()
        .upgrade(|upgrade| match extension {
            Some(extension) => upgrade.deflate(extension),
            None => upgrade,
        });
    // The handshakes of TCP and HTTP stay.
    let first = 8;
    if chance.below(2) == 0 {
        scenario = scenario.cork();
    }
    for _ in 0..1 + chance.below(12) {
        let message = shape(&mut chance);
        let message = if chance.below(4) == 0 {
            message.plain()
        } else {
            message
        };
        scenario = scenario.say(dir, message);
    }
    let whole = scenario.close(1000, "bye").fin().forge();
    let count = whole.packets.len();
    let lost: Vec<_> = (0..1 + chance.below(4))
        .map(|_| first + 1 + chance.below(count - first))
        .collect();
    let holed = whole.clone().lose(lost);
    [whole, holed]
}

/// Where frames begin, as the events say.
fn frames(events: &[Seen]) -> BTreeSet<(Dir, u64, u64)> {
    let frame = |seen: &Seen| match &seen.event.kind {
        EventKind::Ws(Ws::Frame(_)) => {
            Some((seen.event.dir?, seen.event.span.start, seen.event.span.len))
        }
        _ => None,
    };
    events.iter().filter_map(frame).collect()
}

fn inventions(shape: fn(&mut Chance) -> Message, usual: u64) -> (Vec<String>, [usize; 3]) {
    let mut wrong = Vec::new();
    let mut counts = [0; 3];
    for seed in 0..seeds(usual) {
        let [whole, holed] = dialogue(seed, shape);
        let truth = frames(&decode(&whole));
        let events = decode(&holed);
        let found = frames(&events);
        counts[0] += truth.len();
        counts[1] += found.len();
        counts[2] += events
            .iter()
            .filter(|seen| matches!(&seen.event.kind, EventKind::Anomaly(it) if it.what.word() == "resync"))
            .count();
        let bad: Vec<_> = found.difference(&truth).collect();
        if !bad.is_empty() {
            let said = events.iter().find_map(|seen| match &seen.event.kind {
                EventKind::Anomaly(it) if it.what.word() == "resync" => Some(it.text.to_string()),
                _ => None,
            });
            wrong.push(format!("seed {seed}: {bad:?} {said:?}"));
        }
    }
    (wrong, counts)
}

fn hold(shape: fn(&mut Chance) -> Message, usual: u64) {
    let (wrong, [frames, shown, found]) = inventions(shape, usual);
    println!("{frames} frames, {shown} shown, {found} boundaries found");
    assert!(found > 0);
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        seeds(usual),
        wrong[..wrong.len().min(20)].join("\n")
    );
}

#[test]
fn ordinary_payloads() {
    hold(ordinary, 300);
}

#[test]
fn payloads_in_which_frames_seem_to_begin() {
    hold(hostile, 300);
}

/// What `of_deflate` counts with: how seldom bytes of any kind inflate to the end of a message, in
/// bits. To text even less; the tail of a compressed message does nearly always.
#[test]
fn random_bytes_seldom_inflate_to_an_end() {
    let mut chance = Chance(1);
    for (len, least) in [(2, 9.0), (8, 9.0), (32, 9.5), (64, 10.5)] {
        let tries = 60_000;
        let ended = (0..tries).filter(|_| {
            let bytes: Vec<u8> = (0..len).map(|_| chance.next() as u8).collect();
            let mut inflate = Inflate::lenient();
            inflate.lose_history();
            inflate.feed(&bytes, &mut |_| {}).is_ok() && inflate.end_message().ending.is_complete()
        });
        let bits = (f64::from(tries) / ended.count() as f64).log2();
        assert!(bits >= least, "{len} bytes: {bits} bits");
    }
}
