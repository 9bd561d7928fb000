//! Captures from code: a dialogue is written down as the protocol speaks it, and packets come out.
//!
//! ```
//! use wscope::forge::{Scenario, binary, text};
//!
//! let forged = Scenario::new(7)
//!     .handshake()
//!     .upgrade(|upgrade| upgrade.deflate("permessage-deflate").subprotocol("chat"))
//!     .client(text("hi"))
//!     .server(text("hello").fragments(3))
//!     .ping("x")
//!     .pong("x")
//!     .client(binary(100_000))
//!     .close(1000, "bye")
//!     .fin()
//!     .forge();
//! assert_eq!(forged.told.len(), 7);
//! assert_eq!(forged.told[1].payload, b"hello");
//! ```
//! The same seed gives the same bytes. What is forged knows the truth ([`Forged::told`]), so that a
//! test can compare; and it can be spoiled afterwards as captures are: packets lost, late, twice,
//! cut, out of order.
#![deny(clippy::disallowed_methods)]

mod fault;
mod frame;
mod http;
mod order;
mod random;
mod tcp;
mod traffic;

pub use frame::{Content, Form, Frame, Mask, Message, binary, close, frame, ping, pong, text};
pub use http::{Head, Upgrade, request, response};
pub use order::{By, Ending, Impossible, Order, Violation};
pub use tcp::{Acks, Net};
pub use traffic::{Mix, Sums, Traffic};

use crate::model::{self, Dir, Flow, Kind, Link, PacketNo, Timestamp};
use crate::source::PcapngWriter;
use frame::Deflater;
pub(crate) use random::Random;
use std::io::{self, Write};
use std::ops::Range;
use std::time::Duration;
use tcp::{Head as TcpHead, Tcp};

/// A connection on its way: what is called first is sent first.
#[derive(Debug)]
pub struct Scenario {
    random: Random,
    tcp: Tcp,
    deflaters: [Option<Deflater>; 2],
    told: Vec<Told>,
    /// While both sides are held back: how many messages were told before.
    corked: Option<usize>,
    /// Each frame of a message goes in a segment of its own.
    apart: bool,
}

/// Something that one side sends.
#[derive(Clone, Debug)]
pub enum Say {
    /// A WebSocket message.
    Message(Message),
    /// A single WebSocket frame, whatever it makes of the dialogue; it is not in [`Forged::told`].
    Frame(Frame),
    /// Bytes as they are.
    Raw(Vec<u8>),
}

/// A finished capture.
#[derive(Clone, Debug, Default)]
pub struct Forged {
    /// The packets, in the order of their capture.
    pub packets: Vec<Packet>,
    /// The messages that were sent, in the order of their ends; no fault changes them.
    pub told: Vec<Told>,
    /// The connections, in the order of their first packets.
    pub conns: Vec<Conn>,
}

/// A forged connection.
#[derive(Clone, Debug)]
pub struct Conn {
    /// How it was transported.
    pub net: Net,
    /// All bytes that were sent, client to server first.
    pub streams: [Vec<u8>; 2],
}

/// A message that was sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// Which connection, in [`Forged::conns`].
    pub conn: usize,
    /// Who sent it.
    pub dir: Dir,
    /// What it is.
    pub kind: Kind,
    /// What the application gave.
    pub payload: Vec<u8>,
    /// Where its frames lie in the stream, from the first to the last byte.
    pub span: Range<u64>,
    /// How many frames it has.
    pub frames: u32,
    /// Whether it was compressed.
    pub compressed: bool,
    /// The payload bytes of its frames.
    pub wire_length: u64,
}

/// A forged packet, and what is in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packet {
    /// When it was captured.
    pub time: Timestamp,
    /// What its first byte belongs to.
    pub link: Link,
    /// How many bytes it had on the wire.
    pub orig_len: u32,
    /// The bytes that were captured.
    pub data: Vec<u8>,
    /// Which connection, in [`Forged::conns`].
    pub conn: usize,
    /// Who sent it.
    pub dir: Dir,
    /// The stream bytes that it carries and the capture kept.
    pub carries: Range<u64>,
    head: TcpHead,
}

/// A connection with the seed 0, its handshake done.
#[must_use]
pub fn connection() -> Scenario {
    Scenario::new(0).handshake()
}

impl Scenario {
    /// A connection that has not begun. The seed chooses the client's port, the sequence numbers,
    /// masking keys, random payloads and the pace.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            tcp: Tcp::new(Net::new(seed), Random::new(seed ^ PACE)),
            deflaters: [None, None],
            told: Vec::new(),
            corked: None,
            apart: false,
        }
    }

    /// Changes how the packets are made from here on: addresses and sequence numbers only before
    /// the first one, the rest at any time.
    #[must_use]
    pub fn net(mut self, change: impl FnOnce(&mut Net)) -> Self {
        change(&mut self.tcp.net);
        self
    }

    /// Largest payload of a segment from here on, bytes.
    #[must_use]
    pub fn mss(self, bytes: usize) -> Self {
        self.net(|net| net.cuts = vec![bytes])
    }

    /// The three-way handshake.
    #[must_use]
    pub fn handshake(mut self) -> Self {
        self.tcp.handshake();
        self
    }

    /// Only the first segment of the handshake.
    #[must_use]
    pub fn syn(mut self) -> Self {
        self.tcp.syn();
        self
    }

    /// The upgrade to WebSocket, asked for and granted.
    #[must_use]
    pub fn upgrade(mut self, shape: impl FnOnce(Upgrade) -> Upgrade) -> Self {
        let upgrade = shape(Upgrade::new(&mut self.random));
        self.deflaters = upgrade.deflaters();
        self.client(upgrade.request).server(upgrade.response)
    }

    /// The upgrade to WebSocket, asked for and answered with another status.
    #[must_use]
    pub fn refuse(mut self, status: u16, shape: impl FnOnce(Upgrade) -> Upgrade) -> Self {
        let mut upgrade = Upgrade::new(&mut self.random);
        upgrade.response = response(status).body("");
        let upgrade = shape(upgrade);
        self.client(upgrade.request).server(upgrade.response)
    }

    /// The client sends this.
    #[must_use]
    pub fn client(self, say: impl Into<Say>) -> Self {
        self.say(Dir::C2s, say)
    }

    /// The server sends this.
    #[must_use]
    pub fn server(self, say: impl Into<Say>) -> Self {
        self.say(Dir::S2c, say)
    }

    /// One side sends this.
    #[must_use]
    pub fn say(mut self, dir: Dir, say: impl Into<Say>) -> Self {
        let mut bytes = Vec::new();
        let mut ends = Vec::new();
        match say.into() {
            Say::Message(message) => self.message(dir, message, &mut bytes, &mut ends),
            Say::Frame(frame) => frame.write(dir, &mut self.random, &mut bytes),
            Say::Raw(raw) => bytes = raw,
        }
        let mut sent = 0;
        for end in ends.into_iter().filter(|_| self.apart) {
            self.tcp.send(dir, &bytes[sent..end]);
            sent = end;
        }
        self.tcp.send(dir, &bytes[sent..]);
        self
    }

    /// From here on each frame of a message goes in a segment of its own.
    #[must_use]
    pub fn apart(mut self) -> Self {
        self.apart = true;
        self
    }

    /// A network loses the next segment with data before it comes to the tap. Its receiver repeats its
    /// acknowledgement for each segment behind the hole, and the third time the sender sends the lost
    /// one again; where no three come, [`Scenario::resend`] does.   RFC 5681 section 3.2
    #[must_use]
    pub fn lose_next(mut self) -> Self {
        self.tcp.lose_next();
        self
    }

    /// What this side sent and a network lost is sent again once the timer has run out; without a loss
    /// that waits for it, nothing happens.   RFC 6298
    #[must_use]
    pub fn resend(mut self, dir: Dir) -> Self {
        if self.tcp.is_missing(dir) {
            self.tcp.wait(TIMEOUT);
            self.tcp.resend(dir);
        }
        self
    }

    /// The server pings.
    #[must_use]
    pub fn ping(self, payload: impl Into<Content>) -> Self {
        self.server(ping(payload))
    }

    /// The client pongs.
    #[must_use]
    pub fn pong(self, payload: impl Into<Content>) -> Self {
        self.client(pong(payload))
    }

    /// The client closes, and the server answers with the same code.
    #[must_use]
    pub fn close(self, code: u16, reason: &str) -> Self {
        self.client(close(code, reason)).server(close(code, ""))
    }

    /// Time goes by.
    #[must_use]
    pub fn wait(mut self, time: Duration) -> Self {
        self.tcp.wait(time);
        self
    }

    /// Time goes by, and who owes an acknowledgement sends it after 40 ms.
    #[must_use]
    pub fn pause(mut self, time: Duration) -> Self {
        self.tcp.pause(time);
        self
    }

    /// What both sides send is held back, and goes out together at [`Scenario::uncork`].
    #[must_use]
    pub fn cork(mut self) -> Self {
        self.corked.get_or_insert(self.told.len());
        self.tcp.cork();
        self
    }

    /// What was held back goes out, the client's first.
    #[must_use]
    pub fn uncork(mut self) -> Self {
        if let Some(before) = self.corked.take() {
            self.told[before..].sort_by_key(|told| told.dir);
            self.tcp.uncork();
        }
        self
    }

    /// A keep-alive probe with this in place of a payload, one byte at most, and its answer.
    /// RFC 9293 section 3.8.4
    #[must_use]
    pub fn keep_alive(mut self, from: Dir, garbage: &[u8]) -> Self {
        self.tcp.keep_alive(from, garbage);
        self
    }

    /// Both sides say FIN, the server first, as it should under WebSocket.   RFC 6455 section 7.1.1
    #[must_use]
    pub fn fin(self) -> Self {
        self.fin_from(Dir::S2c)
    }

    /// Both sides say FIN, this one first.
    #[must_use]
    pub fn fin_from(self, first: Dir) -> Self {
        let mut this = self.uncork();
        this.tcp.fin(first);
        this.tcp.fin(first.flip());
        this.tcp.acknowledge(first);
        this
    }

    /// Both sides say FIN before either has seen the other's.
    #[must_use]
    pub fn fin_both(self) -> Self {
        let mut this = self.uncork();
        this.tcp.fin_both();
        this
    }

    /// One side says FIN, the other has more to say.
    #[must_use]
    pub fn half_close(self, dir: Dir) -> Self {
        let mut this = self.uncork();
        this.tcp.fin(dir);
        this.tcp.acknowledge(dir.flip());
        this
    }

    /// One side says RST.
    #[must_use]
    pub fn rst(self, by: Dir) -> Self {
        let mut this = self.uncork();
        this.tcp.rst(by);
        this
    }

    /// The capture.
    #[must_use]
    pub fn forge(self) -> Forged {
        let this = self.uncork();
        let (packets, conn) = this.tcp.finish();
        Forged {
            packets,
            told: this.told,
            conns: vec![conn],
        }
    }

    /// Writes the frames of a message, and remembers it.
    fn message(&mut self, dir: Dir, message: Message, out: &mut Vec<u8>, ends: &mut Vec<usize>) {
        let stream = self.tcp.sent(dir);
        let payload = message.payload(&mut self.random);
        let deflater = dir.of_mut(&mut self.deflaters).as_mut();
        let deflater = deflater.filter(|_| message.may_be_compressed());
        let compressed = deflater.is_some();
        let wire = deflater.map(|deflater| deflater.message(&payload));
        let wire = wire.as_ref().unwrap_or(&payload);

        let start = stream + out.len() as u64;
        let frames = message.frames(wire, compressed);
        let mut between = message.between.iter();
        for (nth, frame) in frames.iter().enumerate() {
            frame.write(dir, &mut self.random, out);
            ends.push(out.len());
            let left = frames.len() - nth - 1;
            let now = if left == 1 { usize::MAX } else { left.min(1) };
            for control in between.by_ref().take(now) {
                self.message(dir, control.clone(), out, ends);
            }
        }
        self.told.push(Told {
            conn: 0,
            dir,
            kind: message.kind,
            span: start..stream + out.len() as u64,
            frames: frames.len() as u32,
            compressed,
            wire_length: wire.len() as u64,
            payload,
        });
    }
}

impl Forged {
    /// The packets, numbered from 1.
    pub fn packets(&self) -> impl Iterator<Item = model::Packet<'_>> {
        let numbers = std::iter::successors(Some(PacketNo::FIRST), |no| Some(no.next()));
        numbers
            .zip(&self.packets)
            .map(|(no, packet)| packet.numbered(no))
    }

    /// Writes the packets as pcapng.
    ///
    /// # Errors
    /// Writing failed.
    pub fn write(&self, into: impl Write) -> io::Result<()> {
        let mut writer = PcapngWriter::new(into)?;
        self.packets()
            .try_for_each(|packet| writer.packet(&packet))?;
        writer.finish().map(drop)
    }

    /// The packets of both, in the order of their times.
    #[must_use]
    pub fn and(mut self, mut other: Self) -> Self {
        let start = |forged: &Self| forged.packets.first().map(|packet| packet.time);
        if start(&other) < start(&self) {
            std::mem::swap(&mut self, &mut other);
        }
        let before = self.conns.len();
        other
            .packets
            .iter_mut()
            .for_each(|packet| packet.conn += before);
        other.told.iter_mut().for_each(|told| told.conn += before);
        self.packets.append(&mut other.packets);
        self.packets.sort_by_key(|packet| packet.time);
        self.told.append(&mut other.told);
        self.conns.append(&mut other.conns);
        self
    }

    /// The packets that were first to carry a message's first and its last byte: in an orderly
    /// capture, those in which it begins and ends. None where the capture has not got them.
    #[must_use]
    pub fn carriers(&self, told: &Told) -> Option<(PacketNo, PacketNo)> {
        let carrier = |at: u64| {
            let mut packets = self.packets.iter().zip(1..);
            let carries = |packet: &Packet| {
                (packet.conn, packet.dir) == (told.conn, told.dir) && packet.carries.contains(&at)
            };
            let (_, no) = packets.find(|(packet, _)| carries(packet))?;
            PacketNo::new(no)
        };
        Some((carrier(told.span.start)?, carrier(told.span.end - 1)?))
    }

    /// The ends of a connection.
    #[must_use]
    pub fn flow(&self, conn: usize) -> Option<Flow> {
        self.conns.get(conn).map(|conn| conn.net.flow)
    }
}

impl Packet {
    /// The packet as a capture gives it, under this number.
    #[must_use]
    pub fn numbered(&self, no: PacketNo) -> model::Packet<'_> {
        model::Packet {
            no,
            time: self.time,
            link: self.link,
            orig_len: self.orig_len,
            data: &self.data,
        }
    }
}

impl From<Message> for Say {
    fn from(message: Message) -> Self {
        Self::Message(message)
    }
}

impl From<Frame> for Say {
    fn from(frame: Frame) -> Self {
        Self::Frame(frame)
    }
}

impl From<Head> for Say {
    fn from(head: Head) -> Self {
        Self::Raw(head.bytes())
    }
}

impl From<&[u8]> for Say {
    fn from(bytes: &[u8]) -> Self {
        Self::Raw(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Say {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Raw(bytes)
    }
}

/// How long a sender waits for an acknowledgement on a quick network.
const TIMEOUT: Duration = Duration::from_millis(220);

/// Keeps the pace from following the payload's random numbers: other segments, same messages.
const PACE: u64 = 0x7063_6170;
