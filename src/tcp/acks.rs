//! Which acknowledgement confirms which bytes, and of what kind it is.
//!
//! Kept only where a sink wants it: every other run pays nothing.

use super::labels::{Look, above};
use crate::model::{
    Ack, AckKind, Delivered, Dir, EventId, Label, PacketNo, Segment, Timestamp, Wireshark,
};
use std::collections::VecDeque;

/// What came and was not acknowledged yet, per direction.
#[derive(Clone, Debug, Default)]
pub struct Acks {
    sides: [Side; 2],
}

#[derive(Clone, Debug, Default)]
struct Side {
    /// Payloads in the order in which they came: first offset, offset after the last, packet, time.
    arrivals: VecDeque<Arrived>,
    /// Messages whose last byte is not acknowledged yet, in stream order.
    messages: VecDeque<Waiting>,
    /// Offset up to which the other side has acknowledged.
    acked: u64,
}

#[derive(Clone, Copy, Debug)]
struct Arrived {
    start: u64,
    end: u64,
    packet: PacketNo,
    time: Timestamp,
}

/// A message that is there, and waits for its acknowledgement.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    event: EventId,
    end: u64,
    sent: Timestamp,
    seen: Timestamp,
    deliverable: Timestamp,
    /// The packet of its last byte.
    packet: PacketNo,
}

/// How many payloads, and how many messages, are remembered per direction.
const MOST: usize = 4096;
/// From when on an acknowledgement is a delayed one.   RFC 9293 section 3.8.6.3
const DELAYED: i64 = 20_000_000;

impl Acks {
    /// Notes a payload at this stream offset.
    pub fn arrived(&mut self, dir: Dir, start: u64, len: u64, packet: PacketNo, time: Timestamp) {
        let side = dir.of_mut(&mut self.sides);
        if side.arrivals.len() >= MOST {
            side.arrivals.pop_front();
        }
        side.arrivals.push_back(Arrived {
            start,
            end: start.saturating_add(len),
            packet,
            time,
        });
    }

    /// Notes that a message is complete, now; its bytes are these.
    pub fn message(&mut self, dir: Dir, event: EventId, start: u64, end: u64, now: Timestamp) {
        let side = dir.of_mut(&mut self.sides);
        let first = side.at(start);
        let last = side.at(end.saturating_sub(1));
        let (Some(first), Some(last)) = (first, last) else {
            return;
        };
        if side.messages.len() >= MOST {
            side.messages.pop_front();
        }
        side.messages.push_back(Waiting {
            event,
            end,
            sent: first.time,
            seen: last.time,
            deliverable: now,
            packet: last.packet,
        });
    }

    /// Takes an acknowledgement of what `dir` carries; gives the next message that it confirms.
    /// To be called until there is none.
    pub fn delivered(&mut self, dir: Dir, to: u64, kind: AckKind) -> Option<(EventId, Delivered)> {
        let side = dir.of_mut(&mut self.sides);
        side.acked = side.acked.max(to);
        let acked = side.acked;
        if side.messages.front().is_none_or(|first| first.end > acked) {
            // What no message will ask for any more; one that is still growing may begin earlier.
            while side.arrivals.len() > MOST / 2 {
                side.arrivals.pop_front();
            }
            return None;
        }
        let message = side.messages.pop_front()?;
        let delivered = Delivered {
            kind,
            packet: message.packet,
            sent: message.sent,
            seen: message.seen,
            deliverable: message.deliverable,
        };
        Some((message.event, delivered))
    }
}

impl Side {
    /// The first payload that brought the byte at this offset.
    fn at(&self, offset: u64) -> Option<Arrived> {
        let holds = |it: &&Arrived| it.start <= offset && offset < it.end;
        // Messages end near the end of what came.
        let recent = self.arrivals.iter().rev().take(64).rfind(holds);
        recent.or_else(|| self.arrivals.iter().find(holds)).copied()
    }
}

/// What kind of acknowledgement a segment carries; none where it carries none.
#[must_use]
pub fn name(
    segment: &Segment<'_>,
    look: &Look,
    label: Option<Label>,
    mss: Option<u16>,
) -> Option<Ack> {
    let flags = segment.flags;
    if !flags.ack() || flags.syn() || flags.rst() {
        return None;
    }
    let kind = match label {
        Some(Label::KeepAlive | Label::ZeroWindowProbe) => return None,
        Some(Label::KeepAliveAck | Label::ZeroWindowProbeAck) => AckKind::ProbeAnswer,
        _ if look.labels.has(Wireshark::DUPLICATE_ACK) => AckKind::Duplicate,
        _ if look.labels.has(Wireshark::WINDOW_UPDATE) => AckKind::WindowUpdate,
        _ => advancing(segment, look, mss)?,
    };
    Some(Ack {
        kind,
        bytes: look.advance,
        segments: look.segments,
        of: look.acks.map(|(packet, _)| packet),
        rtt: look.acks.map_or(0, |(_, rtt)| rtt),
        window: look.window,
    })
}

/// The kind of an acknowledgement that confirms something new.
fn advancing(segment: &Segment<'_>, look: &Look, mss: Option<u16>) -> Option<AckKind> {
    if look.advance == 0 || above(0, look.advance) {
        return None;
    }
    let age = look.acks.map_or(0, |(_, age)| age);
    let stretch = mss.is_some_and(|mss| look.advance > 2 * u32::from(mss));
    Some(if !segment.is_empty() {
        AckKind::Piggybacked
    } else if stretch {
        AckKind::Stretch
    } else if age >= DELAYED && look.segments <= 1 {
        AckKind::Delayed
    } else if look.segments > 1 {
        AckKind::Cumulative
    } else {
        AckKind::Pure
    })
}
