//! Messages read again where they lie in the packets, without decoding their connections again.
//!
//! An earlier run knows of each message where it lies in the stream of its direction, and which packet completed it.
//! What is left is to find the stream's bytes in the packets:
//!
//! ```text
//! packets     ┌────────┐┌────────┐┌────────┐      each begins where the one before it ended
//! stream  SYN │ab│cdef││g│hi│jk  ││l       │
//! messages     ══ ════════ ══ ══════           from one packet, or from what is held of those before
//! ```
//! That is done only where nothing about it is in doubt: from the SYN on, in packets that continue the
//! stream without a hole and without bytes that came before, in frames whose header is there as it was. For all
//! else the answer is none, and the connection has to be decoded again.

use super::path::Walk;
use super::trail::{STRIDE, Stretch, Trail};
use crate::codec::mask;
use crate::decode::{Decoded, Decoder};
use crate::error::Error;
use crate::model::{
    Config, ConnId, Dir, Endpoint, Flow, Frame, Link, Packet, PacketNo, Segment, Space, Span,
};
use crate::proto::{FrameHeader, frame_header};
use crate::tcp::{Key, Table};
use std::collections::HashMap;

/// A message, or a frame of one, and where it lies.
pub trait Lies {
    /// The packet that completed it.
    fn packet(&self) -> PacketNo;
    /// Its direction.
    fn dir(&self) -> Option<Dir>;
    /// Its bytes.
    fn span(&self) -> Span;
    /// The frame that it is all of, where its payload is wanted and not compressed.
    fn frame(&self) -> Option<Frame>;
}

/// The messages of a connection.
pub struct Course<I> {
    /// The connection.
    pub conn: ConnId,
    /// Its ends.
    pub flow: Flow,
    /// The last packet that matters.
    pub to: PacketNo,
    /// Its messages, and the frames between them, in order.
    pub messages: I,
}

/// Who is told of a message: its connection, the message, and its payload where it was found.
pub type Found<'a, T> = dyn FnMut(ConnId, &T, Option<&[u8]>) + 'a;

/// Which of two threads a connection is for.
#[must_use]
pub fn half(flow: &Flow) -> u16 {
    halve(flow.client.port, flow.server.port)
}

/// By all bits of the ports: of those that clients of one kind choose, the lowest may always be the same.
fn halve(a: u16, b: u16) -> u16 {
    (a ^ b).count_ones() as u16 & 1
}

/// For which thread a packet is, where it is as most are: TCP in IPv4 without options, whole, on Ethernet.
fn peek(packet: &Packet<'_>) -> Option<u16> {
    let (head, _) = packet.data.split_first_chunk::<38>()?;
    let [_, _, _, _, _, _, _, _, _, _, _, _, 8, 0, 0x45, rest @ ..] = head else {
        return None;
    };
    // The fragment's offset, and whether more come; then the protocol; then the ports.
    let [_, _, _, _, _, more, 0, _, 6, .., a, b, c, d] = rest else {
        return None;
    };
    let fits = packet.link == Link::ETHERNET && more & 0x3f == 0;
    let port = |high: &u8, low: &u8| u16::from_be_bytes([*high, *low]);
    fits.then(|| halve(port(a, b), port(c, d)))
}

/// Bytes of a direction that are held at most, until the message that they belong to is complete.
const HELD: usize = 16 << 20;

impl Trail {
    /// Finds the payloads of messages, of all the connections at once: `found` is told of each, in the order of
    /// its connection, with its payload, or with none where that has to be derived otherwise. `watch` hears
    /// now and then how many packets went by and how many there are to come, and ends it by answering false.
    ///
    /// Of the connections all must be for the same thread, where there are two ([`half`]). What a spool holds
    /// is not looked through: then, and where nothing can be read again, the answer is false.
    ///
    /// # Errors
    /// What kept the captures from being read.
    pub fn scan<T: Lies, I: Iterator<Item = T>>(
        &self,
        config: &Config,
        courses: Vec<Course<I>>,
        found: &mut Found<'_, T>,
        mut watch: impl FnMut(u64, u64) -> bool,
    ) -> Result<bool, Error> {
        let mut waiting: HashMap<_, _> = courses.into_iter().map(|it| (it.conn, it)).collect();
        let all = waiting.values().map(|it| Stretch {
            conn: it.conn,
            from: PacketNo::FIRST,
            to: it.to,
        });
        let stretches: Vec<_> = all.collect();
        let Some((marks, mut among, _, Some(strides))) = self.among(&stretches, false) else {
            return Ok(false);
        };
        let Some(first) = waiting.keys().filter_map(|&conn| among.start(conn)).min() else {
            return Ok(waiting.is_empty());
        };
        let mine = waiting.values().next().map(|it| half(&it.flow));
        let mut tell = Tell {
            found,
            unmasked: Vec::new(),
            most: config.limits.message_bytes,
        };
        let mut table = Table::default();
        let mut decoder = Decoder::new();
        let (mut gone, total) = (0, strides.len() as u64);
        let last = stretches.iter().map(|it| it.to).max().unwrap_or(first);
        let mut walk = Walk::new(marks, first, strides)?;
        while let Some(packet) = walk.next()?
            && packet.no <= last
        {
            if packet.no.get().is_multiple_of(STRIDE) {
                gone += 1;
                if !watch(gone, total) {
                    return Ok(true);
                }
            }
            // Half of the packets are another thread's: for most, a look at the ports tells.
            if peek(&packet).is_some_and(|half| Some(half) != mine) {
                continue;
            }
            let Decoded::Tcp(segment) = &decoder.decode(&packet) else {
                continue;
            };
            if Some(halve(segment.src.port, segment.dst.port)) != mine {
                continue;
            }
            let key = Key::new(segment.src, segment.dst);
            if let Some((conn, _)) = among.begun(packet.no) {
                let new = waiting.remove(&conn).map(Reading::new);
                let before = match new {
                    Some(new) => table.insert(key, new),
                    None => table.remove(&key),
                };
                if let Some(mut before) = before {
                    before.rest(&mut tell);
                }
            }
            if let Some(reading) = table.find(&key) {
                reading.segment(segment, packet.no, &mut tell);
            }
        }
        let places: Vec<_> = table.iter().map(|(place, _)| place).collect();
        for place in places {
            if let Some(reading) = table.at(place) {
                reading.rest(&mut tell);
            }
        }
        for course in waiting.into_values() {
            Reading::new(course).rest(&mut tell);
        }
        Ok(true)
    }
}

/// Who is told what was found.
struct Tell<'a, T> {
    found: &'a mut Found<'a, T>,
    unmasked: Vec<u8>,
    /// Bytes of a message that are joined at most.
    most: usize,
}

impl<T: Lies> Tell<'_, T> {
    fn tell(&mut self, conn: ConnId, what: &T, bytes: Option<&[u8]>) {
        let payload = bytes.zip(what.frame()).and_then(|(bytes, frame)| {
            let (header, payload) = bytes.split_at_checked(frame.header_length.into())?;
            (is_header(&frame, header) && payload.len() <= self.most).then_some((frame, payload))
        });
        match payload {
            Some((frame, payload)) => match frame.masking_key {
                Some(key) => {
                    self.unmasked.clear();
                    self.unmasked.extend_from_slice(payload);
                    mask::apply(&mut self.unmasked, key.0, 0);
                    (self.found)(conn, what, Some(&self.unmasked));
                }
                None => (self.found)(conn, what, Some(payload)),
            },
            None => (self.found)(conn, what, None),
        }
    }
}

/// Whether these bytes, all of them, are the header of this frame.   RFC 6455 section 5.2
fn is_header(frame: &Frame, bytes: &[u8]) -> bool {
    let wanted = FrameHeader {
        fin: frame.fin,
        rsv: frame.rsv,
        opcode: frame.opcode,
        masking_key: frame.masking_key,
        length: frame.length,
        header_length: frame.header_length,
    };
    matches!(frame_header(bytes), Ok(([], found)) if found == wanted)
}

/// A connection whose packets go by.
struct Reading<T, I> {
    conn: ConnId,
    client: Endpoint,
    messages: I,
    next: Option<T>,
    sides: [Side; 2],
}

/// One direction.
#[derive(Default)]
struct Side {
    /// Sequence number of the stream's first byte, where the SYN was seen first of all.
    base: Option<u32>,
    /// It will never be known.
    lost: bool,
    /// Sequence number after the last byte seen.
    high: u32,
    /// The bytes before that one that belong to nothing complete.
    held: Vec<u8>,
}

impl Side {
    fn is_fresh(&self) -> bool {
        self.base.is_none() && !self.lost
    }

    /// Whatever came, it is not what was expected: what is behind it is a beginning again.
    fn stumble(&mut self, high: u32) {
        self.high = high;
        self.held.clear();
    }

    /// The bytes of a span among those that end with the last one seen.
    fn find<'a>(&self, span: Span, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let seq = self.base?.wrapping_add(span.start as u32);
        let back = usize::try_from(self.high.wrapping_sub(seq).cast_signed()).ok()?;
        let from = bytes.len().checked_sub(back)?;
        let to = from.checked_add(usize::try_from(span.len).ok()?)?;
        bytes.get(from..to)
    }

    /// How many of the bytes that end with the last one seen lie behind this span.
    fn behind(&self, span: Span) -> Option<usize> {
        let end = self
            .base?
            .wrapping_add(span.start.wrapping_add(span.len) as u32);
        usize::try_from(self.high.wrapping_sub(end).cast_signed()).ok()
    }
}

impl<T: Lies, I: Iterator<Item = T>> Reading<T, I> {
    fn new(course: Course<I>) -> Self {
        let mut messages = course.messages;
        Self {
            conn: course.conn,
            client: course.flow.client,
            next: messages.next(),
            messages,
            sides: Default::default(),
        }
    }

    fn segment(&mut self, segment: &Segment<'_>, packet: PacketNo, tell: &mut Tell<'_, T>) {
        let dir = match self.client == segment.src {
            true => Dir::C2s,
            false => Dir::S2c,
        };
        let due = self.is_due(packet);
        let goes_on = self.arrives(segment, dir);
        if !due && !goes_on {
            return;
        }
        let side = dir.of_mut(&mut self.sides);
        let mut held = std::mem::take(&mut side.held);
        // Most messages lie in one packet, and are not copied.
        let new = if goes_on { segment.payload } else { &[] };
        let joined = !held.is_empty();
        if joined {
            held.extend_from_slice(new);
        }
        let bytes = if joined { &held } else { new };
        let mut left = bytes.len();
        while let Some(next) = self.next.as_ref().filter(|it| it.packet() <= packet) {
            let span = next.span();
            let found = match next.dir().filter(|_| span.space == Space::Tcp) {
                Some(its) if its == dir => {
                    let side = dir.of(&self.sides);
                    left = left.min(side.behind(span).unwrap_or(left));
                    side.find(span, bytes)
                }
                // What it waited for came with a packet of the other direction.
                Some(its) => {
                    let side = its.of(&self.sides);
                    side.find(span, &side.held)
                }
                None => None,
            };
            tell.tell(self.conn, next, found);
            self.next = self.messages.next();
        }
        let side = dir.of_mut(&mut self.sides);
        if left > HELD {
            left = 0;
        }
        if joined {
            let rest = held.len().saturating_sub(left);
            held.drain(..rest);
        } else {
            let rest = new.len().saturating_sub(left);
            held.extend_from_slice(new.get(rest..).unwrap_or_default());
        }
        side.held = held;
    }

    fn is_due(&self, packet: PacketNo) -> bool {
        let next = self.next.as_ref();
        next.is_some_and(|next| next.packet() <= packet)
    }

    /// Whether a segment continues its stream.
    fn arrives(&mut self, segment: &Segment<'_>, dir: Dir) -> bool {
        let other = dir.flip().of_mut(&mut self.sides);
        // Where its stream begins was learnt from this, or from what comes: not from its SYN.
        other.lost |= segment.flags.ack() && other.is_fresh();
        let side = dir.of_mut(&mut self.sides);
        if segment.flags.syn() {
            let first = segment.seq.wrapping_add(1);
            if side.is_fresh() && segment.is_empty() {
                side.base = Some(first);
                side.high = first;
            } else if side.base != Some(first) || !segment.is_empty() {
                (side.base, side.lost) = (None, true);
            }
            return false;
        }
        if segment.is_empty() {
            return false;
        }
        side.lost |= side.base.is_none();
        let end = segment.seq.wrapping_add(segment.len() as u32);
        if segment.seq == side.high && segment.cut == 0 {
            side.high = end;
            return side.base.is_some();
        }
        if end.wrapping_sub(side.high).cast_signed() > 0 {
            side.stumble(end);
        }
        false
    }

    /// No more packets come.
    fn rest(&mut self, tell: &mut Tell<'_, T>) {
        while let Some(next) = &self.next {
            tell.tell(self.conn, next, None);
            self.next = self.messages.next();
        }
    }
}
