//! Other protocols are never taken for WebSocket, wherever the capture begins.
//!
//! Streams of fifteen kinds are forged, begun at any byte, cut into any segments, some of them lost.
//! `STRANGERS=100000` tries that many of each kind; without it, a hundred. The recorded captures of
//! other protocols are tried from each packet on in `honest.rs`.
#![allow(clippy::print_stdout)]

mod common;

use common::decode;
use wscope::forge::{Acks, Forged, Scenario};
use wscope::model::Dir;

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

    fn byte(&mut self) -> u8 {
        (self.next() >> 33) as u8
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.byte()).collect()
    }

    fn up_to(&mut self, count: usize) -> Vec<u8> {
        let count = self.below(count + 1);
        self.bytes(count)
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Words, some of them not ASCII.
    fn words(&mut self, count: usize) -> Vec<u8> {
        const WORDS: &[&str] = &[
            "quay ",
            "harbour ",
            "größer ",
            "価格は",
            "です。",
            "\u{a0}",
            "{\"id\":",
            "17, ",
            "Aa B ",
            "\r\n",
            "é",
        ];
        let mut text = String::new();
        while text.len() < count {
            text += self.of(WORDS);
        }
        text.into_bytes()
    }
}

/// A unit of a protocol; the direction is that of its sender.
type Unit = fn(&mut Chance, Dir) -> Vec<u8>;

const KINDS: &[(&str, Unit)] = &[
    ("random bytes", |chance, _| chance.up_to(1500)),
    ("TLS", |chance, _| {
        let most = chance.of(&[200, 200, 200, 16_000]);
        let len = 17 + chance.below(most);
        let kind = chance.of(&[20, 21, 22, 23, 23, 23]);
        [
            &[kind, 3, 3],
            &(len as u16).to_be_bytes()[..],
            &chance.bytes(len),
        ]
        .concat()
    }),
    ("SSH", |chance, _| {
        let len = 16 * (1 + chance.below(12));
        chance.bytes(4 + len)
    }),
    ("HTTP/1.1", |chance, dir| {
        let len = chance.below(900);
        let body = chance.words(len);
        let first = match dir {
            Dir::C2s => "POST /a HTTP/1.1\r\nHost: quay\r\n",
            Dir::S2c => "HTTP/1.1 200 OK\r\nServer: quay\r\n",
        };
        let head = format!("{first}Content-Length: {}\r\n\r\n", body.len());
        [head.into_bytes(), body].concat()
    }),
    ("HTTP/2", |chance, _| {
        let kind = chance.of(&[0, 0, 0, 1, 3, 4, 6, 8]);
        let payload = match kind {
            3 | 8 => chance.bytes(4),
            4 => [0u8, 3, 0, 0, 0, 100].repeat(chance.below(3)),
            6 => chance.bytes(8),
            _ if chance.below(2) == 0 => chance.words(300),
            _ => chance.up_to(600),
        };
        let stream = 1 + 2 * chance.below(200) as u32;
        let len = (payload.len() as u32).to_be_bytes();
        [
            &len[1..],
            &[kind, chance.of(&[0, 1, 4, 5])],
            &stream.to_be_bytes(),
            &payload,
        ]
        .concat()
    }),
    ("gRPC messages", |chance, _| {
        let text = chance.words(40);
        let inner = [
            &[0x0a, text.len() as u8],
            &text[..],
            &[0x10, 0x82, 0x01, 0x1a, 2, 8, 1],
        ]
        .concat();
        [&[0], &(inner.len() as u32).to_be_bytes()[..], &inner].concat()
    }),
    ("MQTT", |chance, _| {
        let kind = chance.of(&[0x30, 0x30, 0x32, 0x40, 0x82, 0x90, 0xc0, 0xd0, 0x10, 0x20]);
        let body = match kind {
            0xc0 | 0xd0 => Vec::new(),
            0x40 | 0x20 => chance.bytes(2),
            0x82 => [&[0, 1, 0, 12], &b"news/harbour"[..], &[0]].concat(),
            _ => [&[0, 4], &b"news"[..], &chance.words(60)].concat(),
        };
        [&[kind, body.len() as u8], &body[..]].concat()
    }),
    ("Redis", |chance, _| {
        let value = chance.words(30);
        let head = format!("*2\r\n$3\r\nGET\r\n${}\r\n", value.len());
        [head.into_bytes(), value, b"\r\n".to_vec()].concat()
    }),
    ("PostgreSQL", |chance, dir| match dir {
        Dir::C2s => {
            let text = chance.words(50);
            [
                &b"Q"[..],
                &(5 + text.len() as u32).to_be_bytes(),
                &text,
                &[0],
            ]
            .concat()
        }
        Dir::S2c => {
            let rows = 1 + chance.below(40);
            let row = |n: usize| {
                let name = format!("berth {n}");
                let number = n.to_string();
                let len = 4 + 2 + 4 + number.len() + 4 + name.len();
                let mut row = b"D".to_vec();
                row.extend((len as u32).to_be_bytes());
                row.extend([0, 2]);
                for text in [number, name] {
                    row.extend((text.len() as u32).to_be_bytes());
                    row.extend(text.bytes());
                }
                row
            };
            [
                (0..rows).flat_map(row).collect(),
                b"C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I".to_vec(),
            ]
            .concat()
        }
    }),
    ("memcached", |chance, dir| {
        let value = chance.up_to(60);
        let magic = if dir == Dir::C2s { 0x80 } else { 0x81 };
        let len = (4 + value.len() as u32).to_be_bytes();
        [
            &[magic, 1, 0, 4, 0, 0, 0, 0],
            &len[..],
            &[0; 12],
            b"boat",
            &value,
        ]
        .concat()
    }),
    ("AMQP", |chance, _| {
        let body = chance.words(80);
        [
            &[chance.of(&[1, 2, 3, 8]), 0, 1],
            &(body.len() as u32).to_be_bytes()[..],
            &body,
            &[0xce],
        ]
        .concat()
    }),
    ("SMTP", |chance, _| {
        [chance.words(70), b"\r\n".to_vec()].concat()
    }),
    ("LDAP and certificates", |chance, _| {
        let names = 1 + chance.below(30);
        let name = |chance: &mut Chance| {
            let name = format!("www.host-{}.example", chance.below(100_000));
            [&[0x82, name.len() as u8], name.as_bytes()].concat()
        };
        let list: Vec<u8> = (0..names).flat_map(|_| name(chance)).collect();
        [
            &[0x30, 0x82],
            &(list.len() as u16).to_be_bytes()[..],
            &list,
            &[0x30, 0x0d, 6, 9],
        ]
        .concat()
    }),
    ("numbers and zeros", |chance, _| {
        let count = 20 + chance.below(300);
        match chance.below(3) {
            0 => vec![0; 2 * count],
            1 => (0..count as u16).flat_map(u16::to_le_bytes).collect(),
            _ => (0..count as u32)
                .flat_map(|n| (n * 130).to_be_bytes())
                .collect(),
        }
    }),
    ("sampled sound", |chance, _| {
        let step = 1 + chance.below(9) as i32;
        (0..400i32)
            .flat_map(|n| ((n * step % 257 - 128) as i16 * 90).to_le_bytes())
            .collect()
    }),
];

fn stream(seed: u64, unit: Unit) -> Forged {
    let mut chance = Chance(seed);
    let cuts: Vec<_> = (0..1 + chance.below(4))
        .map(|_| 20 + chance.below(1_440))
        .collect();
    let mut scenario = Scenario::new(seed)
        .net(|net| {
            net.cuts = cuts;
            net.acks = Acks::EverySecond;
        })
        .handshake();
    for _ in 0..1 + chance.below(10) {
        let dir = chance.of(&Dir::BOTH);
        let mut bytes: Vec<u8> = (0..1 + chance.below(6))
            .flat_map(|_| unit(&mut chance, dir))
            .collect();
        // Any byte may be the first that the capture has.
        let from = chance.below(bytes.len() + 1);
        bytes.drain(..from);
        if !bytes.is_empty() {
            scenario = scenario.say(dir, bytes);
        }
    }
    let forged = match chance.below(3) {
        0 => scenario.forge(),
        1 => scenario.rst(Dir::S2c).forge(),
        _ => scenario.fin().forge(),
    };
    let count = forged.packets.len();
    let later = 4 + chance.below(count);
    let begin = chance.of(&[1, 4, 4, later]);
    let lost = (0..chance.below(3)).map(|_| 1 + chance.below(count));
    forged.lose(lost.collect::<Vec<_>>()).begin_at(begin)
}

#[test]
fn nothing_else_is_taken_for_websocket() {
    let asked = std::env::var("STRANGERS").ok();
    let each: u64 = asked.and_then(|count| count.parse().ok()).unwrap_or(100);
    let mut wrong = Vec::new();
    for (nth, (name, unit)) in (0..).zip(KINDS) {
        for seed in 0..each {
            let forged = stream(seed * 100 + nth, *unit);
            let events = decode(&forged);
            let taken = events
                .iter()
                .find(|seen| seen.event.kind.word().starts_with("ws."));
            wrong.extend(taken.map(|seen| format!("{name}, seed {seed}: {:?}", seen.event)));
        }
    }
    let (count, of) = (wrong.len(), each * KINDS.len() as u64);
    wrong.truncate(20);
    assert!(wrong.is_empty(), "{count} of {of}:\n{}", wrong.join("\n"));
    println!("0 of {of} streams");
}
