//! Much traffic of one sort: connections one after another, their packets merged by time.
//!
//! For measuring. Nothing is kept of what has gone by but the sums that a correct decoder must
//! report, so a capture may have any size.

use super::random::Random;
use super::{Acks, Packet, Scenario, Upgrade, binary, text};
use crate::model::{Dir, Timestamp};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;
use twox_hash::XxHash64;

/// What the traffic is like.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mix {
    /// Small JSON messages on many connections.
    Chat,
    /// Messages of 64 KiB to 4 MiB.
    Bulk,
    /// Nine parts of other TCP traffic, one part of chat.
    Mixed,
    /// Chat; one segment of a hundred comes late, one of a hundred twice.
    Lossy,
    /// Chat under permessage-deflate with context takeover.
    Deflate,
    /// Connections that are opened, say one thing, and stay.
    Idle,
    /// Connections that say two things and end.
    Many,
    /// SYNs that nobody answers.
    HalfOpen,
    /// Streams that miss a segment for good, and nobody acknowledges what follows.
    Holes,
}

impl Mix {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Chat,
        Self::Bulk,
        Self::Mixed,
        Self::Lossy,
        Self::Deflate,
        Self::Idle,
        Self::Many,
        Self::HalfOpen,
        Self::Holes,
    ];

    /// Its name, in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Bulk => "bulk",
            Self::Mixed => "mixed",
            Self::Lossy => "lossy",
            Self::Deflate => "deflate",
            Self::Idle => "idle",
            Self::Many => "many",
            Self::HalfOpen => "half-open",
            Self::Holes => "holes",
        }
    }

    /// From the beginning of one connection to that of the next.
    fn spacing(self) -> Duration {
        match self {
            Self::Chat | Self::Lossy | Self::Deflate | Self::Mixed => Duration::from_millis(10),
            Self::Bulk => Duration::from_millis(200),
            Self::Idle | Self::Many => Duration::from_millis(1),
            Self::HalfOpen => Duration::from_micros(20),
            Self::Holes => Duration::from_millis(30),
        }
    }
}

/// The packets of such traffic, in the order of their times.
#[derive(Debug)]
pub struct Traffic {
    mix: Mix,
    random: Random,
    /// Captured bytes that are still to be begun.
    left: u64,
    conns: u32,
    /// When the next connection begins.
    next: Timestamp,
    /// What is on its way, the next packet first.
    running: BinaryHeap<Reverse<Next>>,
    sums: Sums,
}

/// What a correct decoder reports of text and binary messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sums {
    /// How many.
    pub messages: u64,
    /// Their bytes, as the application gets them.
    pub payload_bytes: u64,
    /// The sum modulo 2^64 of the XXH64 of each payload.
    pub xxh64: u64,
    /// Packets that have gone by.
    pub packets: u64,
}

/// The packets of a connection that are still to come, the last one first.
#[derive(Debug)]
struct Next {
    time: Timestamp,
    conn: u32,
    packets: Vec<Packet>,
}

impl PartialEq for Next {
    fn eq(&self, other: &Self) -> bool {
        (self.time, self.conn) == (other.time, other.conn)
    }
}

impl Eq for Next {}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.time, self.conn).cmp(&(other.time, other.conn))
    }
}

impl Traffic {
    /// About this many captured bytes of it: no connection is begun beyond, and none is cut off.
    #[must_use]
    pub fn new(mix: Mix, seed: u64, bytes: u64) -> Self {
        Self {
            mix,
            random: Random::new(seed),
            left: bytes,
            conns: 0,
            next: Timestamp::new(1_800_000_000, 0),
            running: BinaryHeap::new(),
            sums: Sums::default(),
        }
    }

    /// What was said in what has been begun; whole once there are no more packets.
    #[must_use]
    pub fn sums(&self) -> Sums {
        self.sums
    }

    fn begin(&mut self) {
        let conn = self.conns;
        self.conns += 1;
        let seed = self.random.next();
        let start = self.next;
        let scenario = Scenario::new(seed).net(|net| {
            let [a, b, c, d] = conn.to_be_bytes();
            net.flow.client.ip = [10, b, c, d].into();
            net.flow.client.port = 1024 + u16::from(a) * 7 + (seed % 60_000) as u16;
            net.flow.server.ip = [192, 168, 0, (seed >> 32) as u8 & 15].into();
            net.start = start;
        });
        let forged = self.speak(scenario, seed).forge();
        for told in forged.told.iter().filter(|told| told.kind.is_data()) {
            self.sums.messages += 1;
            self.sums.payload_bytes += told.payload.len() as u64;
            let hash = XxHash64::oneshot(0, &told.payload);
            self.sums.xxh64 = self.sums.xxh64.wrapping_add(hash);
        }
        let forged = match self.mix {
            Mix::Lossy => spoil(forged, &mut Random::new(!seed)),
            Mix::Holes => {
                forged.keep(|number, packet| number != 8 && !(number > 8 && packet.dir == Dir::C2s))
            }
            _ => forged,
        };
        let mut packets = forged.packets;
        let bytes: usize = packets.iter().map(|packet| packet.data.len()).sum();
        self.left = self.left.saturating_sub(bytes as u64);
        packets.reverse();
        self.wait(conn, packets);
        self.next = Timestamp(start.0 + self.mix.spacing().as_nanos() as i64);
    }

    fn wait(&mut self, conn: u32, packets: Vec<Packet>) {
        if let Some(first) = packets.last() {
            let time = first.time;
            self.running.push(Reverse(Next {
                time,
                conn,
                packets,
            }));
        }
    }

    /// The dialogue of a connection.
    fn speak(&mut self, scenario: Scenario, seed: u64) -> Scenario {
        let mut random = Random::new(seed);
        let plain = |upgrade: Upgrade| upgrade;
        match self.mix {
            Mix::Chat | Mix::Lossy => chat(scenario.handshake().upgrade(plain), &mut random),
            Mix::Deflate => {
                let deflate = |upgrade: Upgrade| upgrade.deflate("permessage-deflate");
                chat(scenario.handshake().upgrade(deflate), &mut random)
            }
            Mix::Mixed if seed.is_multiple_of(10) => {
                chat(scenario.handshake().upgrade(plain), &mut random)
            }
            Mix::Mixed => other(scenario.handshake(), &mut random),
            Mix::Bulk => {
                let scenario = scenario.net(|net| net.acks = Acks::EverySecond);
                let mut scenario = scenario.handshake().upgrade(plain);
                for _ in 0..8 {
                    let size = 1usize << (16 + random.below(7));
                    let size = size.min(4 << 20);
                    let dir = if random.below(4) == 0 {
                        Dir::C2s
                    } else {
                        Dir::S2c
                    };
                    scenario = scenario.say(dir, binary(size));
                }
                scenario.close(1000, "").fin()
            }
            Mix::Idle => scenario
                .handshake()
                .upgrade(plain)
                .server(text(&*line(&mut random))),
            Mix::Many => scenario
                .handshake()
                .upgrade(plain)
                .client(text(&*line(&mut random)))
                .server(text(&*line(&mut random)))
                .close(1000, "")
                .fin(),
            Mix::HalfOpen => scenario.syn(),
            Mix::Holes => {
                let mut scenario = scenario.handshake().upgrade(plain);
                for _ in 0..400 {
                    scenario = scenario.server(text(random.below(1400) as usize));
                }
                scenario
            }
        }
    }
}

impl Iterator for Traffic {
    type Item = Packet;

    fn next(&mut self) -> Option<Packet> {
        while self.left > 0
            && self
                .running
                .peek()
                .is_none_or(|Reverse(first)| first.time >= self.next)
        {
            self.begin();
        }
        let Reverse(mut first) = self.running.pop()?;
        let packet = first.packets.pop()?;
        self.sums.packets += 1;
        self.wait(first.conn, first.packets);
        Some(packet)
    }
}

/// Small JSON messages back and forth, with pauses.
fn chat(mut scenario: Scenario, random: &mut Random) -> Scenario {
    scenario = scenario.net(|net| net.acks = Acks::Delayed);
    for nth in 0..120 + random.below(47) {
        let dir = if random.below(3) == 0 {
            Dir::C2s
        } else {
            Dir::S2c
        };
        scenario = scenario.say(dir, text(&*line(random)));
        scenario = scenario.pause(Duration::from_millis(random.below(200)));
        if nth % 50 == 49 {
            scenario = scenario.ping("").pong("");
        }
    }
    scenario.close(1000, "bye").fin()
}

/// What a chat's message looks like, and a ticker's.
fn line(random: &mut Random) -> String {
    let user = random.below(9000);
    match random.below(3) {
        0 => format!(
            r#"{{"type":"message","room":"r{}","user":"u{user}","text":"{}"}}"#,
            random.below(90),
            WORDS[random.below(6) as usize],
        ),
        1 => format!(
            r#"{{"type":"price","symbol":"S{user}","bid":{}.{:02},"ask":{}.{:02},"seq":{}}}"#,
            random.below(900),
            random.below(100),
            random.below(900),
            random.below(100),
            random.below(1 << 30),
        ),
        _ => format!(
            r#"{{"type":"typing","user":"u{user}","on":{}}}"#,
            user.is_multiple_of(2)
        ),
    }
}

/// A long download of something that is not WebSocket.
fn other(scenario: Scenario, random: &mut Random) -> Scenario {
    let mut record = |len: usize| {
        let mut bytes = vec![0x17, 3, 3];
        bytes.extend((len as u16).to_be_bytes());
        bytes.extend(random.bytes(len));
        bytes
    };
    let mut hello = record(300);
    hello[0] = 0x16;
    hello[2] = 1;
    hello[5] = 1;
    let mut scenario = scenario.client(hello);
    for nth in 0..30 {
        scenario = scenario.server(record(if nth % 3 == 0 { 90 } else { 1300 }));
        if nth % 4 == 0 {
            scenario = scenario.client(record(60)).wait(Duration::from_millis(30));
        }
    }
    scenario.fin_from(Dir::C2s)
}

/// Some segments come late, and some twice.
fn spoil(mut forged: super::Forged, random: &mut Random) -> super::Forged {
    let count = forged.packets.len();
    for number in (1..=count).rev() {
        match random.below(100) {
            0 => forged = forged.late(number, 1),
            1 => forged = forged.again(number, 1),
            _ => {}
        }
    }
    forged
}

const WORDS: [&str; 6] = [
    "hi",
    "how are you?",
    "see you at nine, same place as last time",
    "ok",
    "the build is green again; who mended it?",
    "thanks 谢谢",
];
