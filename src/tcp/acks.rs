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

/// How many payloads are remembered per direction: those of a message of 90 MB, or so.
const PAYLOADS: usize = 1 << 16;
/// How many messages are remembered per direction.
const MOST: usize = 4096;
/// How long a delayed acknowledgement waits for company, beyond the way there and back.
/// RFC 9293 section 3.8.6.3
const DELAYED: std::ops::RangeInclusive<i64> = 20_000_000..=500_000_000;

impl Acks {
    /// Notes a payload at this stream offset.
    pub fn arrived(&mut self, dir: Dir, start: u64, len: u64, packet: PacketNo, time: Timestamp) {
        let side = dir.of_mut(&mut self.sides);
        if side.arrivals.len() >= PAYLOADS {
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
            while side.arrivals.len() > PAYLOADS / 2 {
                side.arrivals.pop_front();
            }
            return None;
        }
        let message = side.messages.pop_front()?;
        let delivered = Delivered {
            kind: Some(kind),
            packet: message.packet,
            sent: message.sent,
            seen: message.seen,
            deliverable: message.deliverable,
        };
        Some((message.event, delivered))
    }

    /// The next message that nothing acknowledged up to the end. To be called until there is none.
    pub fn left(&mut self, dir: Dir) -> Option<(EventId, Delivered)> {
        let message = dir.of_mut(&mut self.sides).messages.pop_front()?;
        let left = Delivered {
            kind: None,
            packet: message.packet,
            sent: message.sent,
            seen: message.seen,
            deliverable: message.deliverable,
        };
        Some((message.event, left))
    }
}

impl Side {
    /// The first payload that brought the byte at this offset.
    fn at(&self, offset: u64) -> Option<Arrived> {
        let holds = |it: &&Arrived| it.start <= offset && offset < it.end;
        // Messages end near the end of what came.
        let recent = self.arrivals.len().saturating_sub(64);
        let found = self.arrivals.range(recent..).find(holds);
        found.or_else(|| self.arrivals.iter().find(holds)).copied()
    }
}

/// What kind of acknowledgement a segment carries; none where it carries none. `way` is the time from
/// the tap to its sender and back.
#[must_use]
pub fn name(
    segment: &Segment<'_>,
    look: &Look,
    label: Option<Label>,
    mss: Option<u16>,
    way: Option<i64>,
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
        _ => advancing(segment, look, mss, way)?,
    };
    Some(Ack {
        kind,
        bytes: look.advance,
        segments: u16::try_from(look.segments).unwrap_or(u16::MAX),
        of: look.acks.map(|(packet, _)| packet),
        rtt: look.acks.map_or(0, |(_, rtt)| rtt),
        window: look.window,
        in_flight: None,
        pushed: look.pushed,
    })
}

/// How late an acknowledgement is that waited for company, in nanoseconds; none for another one, and
/// where the way is not known: a long one looks the same.
#[must_use]
pub fn delayed(look: &Look, way: Option<i64>) -> Option<i64> {
    let (_, age) = look.acks?;
    let waited = age.saturating_sub(way?);
    (look.segments <= 1 && DELAYED.contains(&waited)).then_some(age)
}

/// The kind of an acknowledgement that confirms something new.
fn advancing(
    segment: &Segment<'_>,
    look: &Look,
    mss: Option<u16>,
    way: Option<i64>,
) -> Option<AckKind> {
    if look.advance == 0 || above(0, look.advance) {
        return None;
    }
    let stretch = mss.is_some_and(|mss| look.advance > 2 * u32::from(mss));
    Some(if !segment.is_empty() {
        AckKind::Piggybacked
    } else if stretch {
        AckKind::Stretch
    } else if delayed(look, way).is_some() {
        AckKind::Delayed
    } else if look.segments == 2 {
        AckKind::EverySecond
    } else if look.segments > 2 {
        AckKind::Cumulative
    } else {
        AckKind::Pure
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn no(packet: u64) -> PacketNo {
        PacketNo::new(packet).unwrap()
    }

    fn id(packet: u64) -> EventId {
        EventId {
            at: no(packet),
            nth: 0,
        }
    }

    /// Payloads of ten bytes each at these times in milliseconds, in packets 1, 2, …
    fn book(arrivals: &[(u64, i64)]) -> Acks {
        let mut book = Acks::default();
        for (nth, &(start, time)) in (1..).zip(arrivals) {
            book.arrived(Dir::C2s, start, 10, no(nth), Timestamp(time * MS));
        }
        book
    }

    #[test]
    fn a_message_is_acknowledged_once_with_its_last_byte() {
        let mut book = book(&[(0, 0), (10, 1), (20, 2)]);
        book.message(Dir::C2s, id(9), 5, 25, Timestamp(2 * MS));
        let to = |book: &mut Acks, to| book.delivered(Dir::C2s, to, AckKind::Pure);
        assert_eq!(to(&mut book, 24), None);
        let (event, delivered) = to(&mut book, 30).unwrap();
        assert_eq!((event, delivered.packet), (id(9), no(3)));
        let times = [delivered.sent, delivered.seen, delivered.deliverable];
        assert_eq!(times, [Timestamp(0), Timestamp(2 * MS), Timestamp(2 * MS)]);
        assert_eq!(to(&mut book, 30), None);
        assert_eq!(book.left(Dir::C2s), None);
    }

    #[test]
    fn what_is_never_acknowledged_is_left() {
        let mut book = book(&[(0, 0), (10, 1)]);
        book.message(Dir::C2s, id(9), 0, 10, Timestamp(0));
        book.message(Dir::C2s, id(10), 10, 20, Timestamp(MS));
        assert!(book.delivered(Dir::C2s, 10, AckKind::Pure).is_some());
        let (event, left) = book.left(Dir::C2s).unwrap();
        assert_eq!((event, left.kind, left.seen), (id(10), None, Timestamp(MS)));
        assert_eq!(book.left(Dir::C2s), None);
    }

    #[test]
    fn an_acknowledgement_is_delayed_beyond_its_way() {
        let late = |age, way| {
            let look = Look {
                acks: Some((no(1), age * MS)),
                segments: 1,
                ..Look::default()
            };
            delayed(&look, way).map(|age| age / MS)
        };
        assert_eq!(late(40, Some(0)), Some(40));
        assert_eq!(late(19, Some(0)), None);
        assert_eq!(late(90, Some(80 * MS)), None, "so long is the way");
        assert_eq!(late(120, Some(80 * MS)), Some(120));
        assert_eq!(late(700, Some(0)), None, "something else held it");
        assert_eq!(late(40, None), None, "the way is not known");
    }
}
