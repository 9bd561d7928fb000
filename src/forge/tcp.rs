//! Two TCP endpoints and the wire between them: sequence numbers, segments, acknowledgements, time.

use super::random::Random;
use super::{Conn, Packet};
use crate::model::{Dir, Endpoint, Flags, Flow, Link, Timestamp};
use etherparse::{PacketBuilder, TcpHeader, TcpOptionElement};
use serde::Deserialize;
use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

/// How packets are made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Net {
    /// What packets begin with: Ethernet, raw IP or BSD loopback.
    pub link: Link,
    /// The two ends, both IPv4 or both IPv6.
    pub flow: Flow,
    /// Initial sequence numbers, the client's first.
    pub isn: [u32; 2],
    /// Payload sizes of segments, taken in turn, over and over.
    pub cuts: Vec<usize>,
    /// When a side acknowledges.
    pub acks: Acks,
    /// From one side to the other and back.
    pub rtt: Duration,
    /// When the first packet is captured.
    pub start: Timestamp,
}

/// When a side acknowledges what it got.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Acks {
    /// Each segment, at once.
    Each,
    /// Every second segment.
    EverySecond,
    /// With its next data; at the latest before the other side sends again.
    Delayed,
}

impl Net {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(!seed);
        let client = Endpoint {
            ip: [10, 0, 0, 2].into(),
            port: 49_152 + random.below(16_000) as u16,
        };
        let server = Endpoint {
            ip: [10, 0, 0, 1].into(),
            port: 80,
        };
        Self {
            link: Link::ETHERNET,
            flow: Flow { client, server },
            isn: [random.next() as u32, random.next() as u32],
            cuts: vec![1460],
            acks: Acks::EverySecond,
            rtt: Duration::from_millis(10),
            start: Timestamp::new(1_800_000_000, 0),
        }
    }

    /// Gives both ends IPv6 addresses.
    pub fn ipv6(&mut self) {
        self.flow.client.ip = [0xfd00, 0, 0, 0, 0, 0, 0, 2].into();
        self.flow.server.ip = [0xfd00, 0, 0, 0, 0, 0, 0, 1].into();
    }

    /// The sequence number of a byte of a direction's stream.
    pub(super) fn seq(&self, dir: Dir, at: u64) -> u32 {
        dir.of(&self.isn).wrapping_add(1).wrapping_add(at as u32)
    }

    /// A packet, as it stands on the wire.
    pub(super) fn packet(&self, dir: Dir, head: Head, payload: &[u8]) -> Vec<u8> {
        let (from, to) = (self.flow.sender(dir), self.flow.sender(dir.flip()));
        let mut bytes = link_header(self.link, dir, from.ip);
        let mut tcp = TcpHeader::new(from.port, to.port, head.seq, 0xfaf0);
        let flags = head.flags;
        (tcp.syn, tcp.ack, tcp.fin) = (flags.syn(), flags.ack(), flags.fin());
        (tcp.rst, tcp.psh) = (flags.rst(), flags.psh());
        tcp.acknowledgment_number = head.ack;
        if flags.syn() {
            tcp.set_options(&SYN_OPTIONS)
                .expect("these options take 12 of 40 bytes");
        }
        let ip = match (from.ip, to.ip) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                PacketBuilder::ipv4(from.octets(), to.octets(), 64)
            }
            (from, to) => PacketBuilder::ipv6(v6(from), v6(to), 64),
        };
        ip.tcp_header(tcp)
            .write(&mut bytes, payload)
            .expect("a segment has at most LARGEST bytes, and a Vec takes all");
        bytes
    }
}

/// The changing fields of a TCP header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    pub seq: u32,
    pub ack: u32,
    pub flags: Flags,
}

/// A connection on its way.
#[derive(Debug)]
pub struct Tcp {
    pub net: Net,
    sides: [Side; 2],
    packets: Vec<Packet>,
    /// When the last packet was captured, and who sent it; none before the first.
    last: Option<(i64, Dir)>,
    random: Random,
    /// How many segments have been cut.
    cut: usize,
    corked: Option<[Vec<u8>; 2]>,
    /// The next segment with data is lost on its way.
    lose_next: bool,
}

#[derive(Debug, Default)]
struct Side {
    stream: Vec<u8>,
    fin: bool,
    /// Segments that it has got and not acknowledged.
    owes: u32,
    /// What it misses of the other side's stream, and how often it has said so.
    hole: Option<(Range<u64>, u32)>,
}

impl Tcp {
    pub fn new(net: Net, random: Random) -> Self {
        Self {
            net,
            sides: Default::default(),
            packets: Vec::new(),
            last: None,
            random,
            cut: 0,
            corked: None,
            lose_next: false,
        }
    }

    /// The client's SYN; answers its header.
    pub fn syn(&mut self) -> Head {
        let syn = Head {
            seq: *Dir::C2s.of(&self.net.isn),
            ack: 0,
            flags: Flags(Flags::SYN),
        };
        self.push(Dir::C2s, syn, 0..0, &[]);
        syn
    }

    pub fn handshake(&mut self) {
        let syn = self.syn();
        let answer = Head {
            seq: *Dir::S2c.of(&self.net.isn),
            ack: syn.seq.wrapping_add(1),
            flags: Flags(Flags::SYN | Flags::ACK),
        };
        self.push(Dir::S2c, answer, 0..0, &[]);
        self.acknowledge(Dir::C2s);
    }

    /// How many bytes a side has sent, or held back.
    pub fn sent(&self, dir: Dir) -> u64 {
        let corked = self.corked.as_ref().map_or(0, |held| dir.of(held).len());
        (dir.of(&self.sides).stream.len() + corked) as u64
    }

    pub fn send(&mut self, dir: Dir, mut bytes: &[u8]) {
        if let Some(held) = &mut self.corked {
            return dir.of_mut(held).extend_from_slice(bytes);
        }
        if self.net.acks == Acks::Delayed && dir.flip().of(&self.sides).owes > 0 {
            self.wait(DELAYED_ACK);
            self.acknowledge(dir.flip());
        }
        while !bytes.is_empty() {
            let cuts = &self.net.cuts;
            let size = cuts.get(self.cut % cuts.len().max(1)).copied();
            self.cut += 1;
            let size = size.unwrap_or(LARGEST).clamp(1, LARGEST).min(bytes.len());
            let (now, later) = bytes.split_at(size);
            bytes = later;
            self.data(dir, now, later.is_empty());
        }
    }

    fn data(&mut self, dir: Dir, payload: &[u8], last: bool) {
        let push = if last { Flags::PSH } else { 0 };
        let head = self.head(dir, Flags::ACK | push);
        let side = dir.of_mut(&mut self.sides);
        let at = side.stream.len() as u64;
        side.stream.extend_from_slice(payload);
        let carries = at..at + payload.len() as u64;
        let missing = &mut dir.flip().of_mut(&mut self.sides).hole;
        if std::mem::take(&mut self.lose_next) && missing.is_none() {
            *missing = Some((carries, 0));
            return;
        }
        dir.of_mut(&mut self.sides).owes = 0;
        self.push(dir, head, carries, payload);
        if self.is_missed(dir) {
            return;
        }

        let peer = dir.flip().of_mut(&mut self.sides);
        peer.owes += 1;
        let due = match self.net.acks {
            Acks::Each => true,
            Acks::EverySecond => peer.owes == 2,
            Acks::Delayed => false,
        };
        if due {
            self.acknowledge(dir.flip());
        }
    }

    /// A network loses the next segment with data before it comes to the tap.
    pub fn lose_next(&mut self) {
        self.lose_next = true;
    }

    /// The receiver of a segment behind a hole says at once what it misses; told so three times, the
    /// sender sends that again.   RFC 5681 section 3.2
    fn is_missed(&mut self, dir: Dir) -> bool {
        let peer = dir.flip();
        let Some((_, told)) = &mut peer.of_mut(&mut self.sides).hole else {
            return false;
        };
        *told += 1;
        let enough = *told == DUPLICATES;
        self.acknowledge(peer);
        if enough {
            self.resend(dir);
        }
        true
    }

    /// What was lost of this direction comes again, and all is acknowledged; answers whether any was.
    pub fn resend(&mut self, dir: Dir) -> bool {
        let Some((carries, _)) = dir.flip().of_mut(&mut self.sides).hole.take() else {
            return false;
        };
        let mut head = self.head(dir, Flags::ACK | Flags::PSH);
        head.seq = self.net.seq(dir, carries.start);
        let range = carries.start as usize..carries.end as usize;
        let payload = dir.of(&self.sides).stream[range].to_vec();
        self.push(dir, head, carries, &payload);
        self.acknowledge(dir.flip());
        true
    }

    /// Whether a segment of this direction was lost and has not come again.
    pub fn is_missing(&self, dir: Dir) -> bool {
        dir.flip().of(&self.sides).hole.is_some()
    }

    /// How many bytes of a direction its receiver has got without a hole.
    fn received(&self, dir: Dir) -> u64 {
        let side = dir.of(&self.sides);
        match &dir.flip().of(&self.sides).hole {
            Some((missing, _)) => missing.start,
            None => side.stream.len() as u64 + u64::from(side.fin),
        }
    }

    /// A segment without payload that acknowledges all that this side has got.
    pub fn acknowledge(&mut self, dir: Dir) {
        let head = self.head(dir, Flags::ACK);
        dir.of_mut(&mut self.sides).owes = 0;
        self.push(dir, head, 0..0, &[]);
    }

    pub fn keep_alive(&mut self, dir: Dir, garbage: &[u8]) {
        // A side probes once all that it sent is acknowledged.
        if dir.flip().of(&self.sides).owes > 0 {
            self.wait(DELAYED_ACK);
            self.acknowledge(dir.flip());
        }
        let mut head = self.head(dir, Flags::ACK);
        head.seq = head.seq.wrapping_sub(1);
        self.push(dir, head, 0..0, garbage.get(..1).unwrap_or_default());
        self.acknowledge(dir.flip());
    }

    pub fn fin(&mut self, dir: Dir) {
        let head = self.head(dir, Flags::FIN | Flags::ACK);
        dir.of_mut(&mut self.sides).fin = true;
        self.push(dir, head, 0..0, &[]);
    }

    pub fn fin_both(&mut self) {
        let heads = Dir::BOTH.map(|dir| self.head(dir, Flags::FIN | Flags::ACK));
        for dir in Dir::BOTH {
            dir.of_mut(&mut self.sides).fin = true;
            self.push(dir, *dir.of(&heads), 0..0, &[]);
        }
        self.acknowledge(Dir::C2s);
        self.acknowledge(Dir::S2c);
    }

    pub fn rst(&mut self, dir: Dir) {
        let head = self.head(dir, Flags::RST | Flags::ACK);
        self.push(dir, head, 0..0, &[]);
    }

    pub fn cork(&mut self) {
        self.corked.get_or_insert_default();
    }

    pub fn uncork(&mut self) {
        let Some(held) = self.corked.take() else {
            return;
        };
        for dir in Dir::BOTH {
            let bytes: &Vec<u8> = dir.of(&held);
            self.send(dir, bytes);
        }
    }

    pub fn wait(&mut self, time: Duration) {
        let time = nanos(time);
        match &mut self.last {
            Some((last, _)) => *last += time,
            None => self.net.start.0 += time,
        }
    }

    /// Time goes by, and who owes an acknowledgement sends it as soon as waiting for more is of no use.
    pub fn pause(&mut self, time: Duration) {
        let late = DELAYED_ACK.min(time);
        for dir in Dir::BOTH {
            if dir.of(&self.sides).owes > 0 {
                self.wait(late);
                self.acknowledge(dir);
                return self.wait(time - late);
            }
        }
        self.wait(time);
    }

    pub fn finish(self) -> (Vec<Packet>, Conn) {
        let conn = Conn {
            net: self.net,
            streams: self.sides.map(|side| side.stream),
        };
        (self.packets, conn)
    }

    /// The header of what this side sends next.
    fn head(&self, dir: Dir, flags: u8) -> Head {
        let side = dir.of(&self.sides);
        let sent = side.stream.len() as u64 + u64::from(side.fin);
        Head {
            seq: self.net.seq(dir, sent),
            ack: self.net.seq(dir.flip(), self.received(dir.flip())),
            flags: Flags(flags),
        }
    }

    fn push(&mut self, dir: Dir, head: Head, carries: Range<u64>, payload: &[u8]) {
        let data = self.net.packet(dir, head, payload);
        let time = self.tick(dir);
        self.packets.push(Packet {
            time,
            link: self.net.link,
            orig_len: data.len() as u32,
            data,
            conn: 0,
            dir,
            carries,
            head,
        });
    }

    /// The time of the next packet: soon after one of the same side, half a round trip otherwise.
    fn tick(&mut self, dir: Dir) -> Timestamp {
        let jitter = self.random.below(60_000) as i64;
        let now = match self.last {
            None => self.net.start.0,
            Some((last, before)) if before == dir => last + 10_000 + jitter,
            Some((last, _)) => last + nanos(self.net.rtt) / 2 + jitter,
        };
        self.last = Some((now, dir));
        Timestamp(now)
    }
}

/// What stands before the IP header.
fn link_header(link: Link, dir: Dir, ip: IpAddr) -> Vec<u8> {
    match link {
        Link::ETHERNET => {
            let ether_type = if ip.is_ipv4() { 0x0800u16 } else { 0x86dd };
            let macs = match dir {
                Dir::C2s => [SERVER_MAC, CLIENT_MAC],
                Dir::S2c => [CLIENT_MAC, SERVER_MAC],
            };
            [macs.as_flattened(), &ether_type.to_be_bytes()].concat()
        }
        // The address families of macOS.
        Link::NULL => (if ip.is_ipv4() { 2u32 } else { 30 })
            .to_le_bytes()
            .to_vec(),
        _ => Vec::new(),
    }
}

fn v6(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

const SYN_OPTIONS: [TcpOptionElement; 4] = [
    TcpOptionElement::MaximumSegmentSize(1460),
    TcpOptionElement::SelectiveAcknowledgementPermitted,
    TcpOptionElement::Noop,
    TcpOptionElement::WindowScale(7),
];

const CLIENT_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
const SERVER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

/// The largest payload that fits into an IP packet with every header.
const LARGEST: usize = 65_000;

/// So many times a receiver says what it misses before it is sent again.   RFC 5681 section 3.2
const DUPLICATES: u32 = 3;

/// How long a side waits for data to send its acknowledgement with.
const DELAYED_ACK: Duration = Duration::from_millis(40);
