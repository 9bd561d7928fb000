//! Which acknowledgement confirms which bytes, and of what kind it is.
//!
//! Kept only where a sink wants it: every other run pays nothing.

use super::labels::{Look, above};
use crate::model::{
    Ack, AckKind, Delivered, Dir, EventId, Label, PacketNo, Segment, Timestamp, Why, Wireshark,
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
    /// Since when the receiver's window is closed.
    closed: Option<Timestamp>,
    /// When it was closed last: from, to.
    was_closed: Option<(Timestamp, Timestamp)>,
    /// The last delayed acknowledgement, and how long it took.
    delayed: Option<(Timestamp, i64)>,
}

/// What held a message up, and for how many nanoseconds.
pub type Delay = (Label, Why, i64);

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
/// How soon after an acknowledgement its sender goes on that has waited for it.
const AT_ONCE: i64 = 1_000_000;
/// From when on a message was held up.
const WORTH_TELLING: i64 = 1_000_000;

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

    /// Notes the receiver's window for what `dir` carries, and a delayed acknowledgement of it.
    pub fn heard(&mut self, dir: Dir, closed: bool, delayed: Option<i64>, now: Timestamp) {
        let side = dir.of_mut(&mut self.sides);
        match (side.closed, closed) {
            (None, true) => side.closed = Some(now),
            (Some(since), false) => {
                side.was_closed = Some((since, now));
                side.closed = None;
            }
            _ => {}
        }
        if let Some(age) = delayed {
            side.delayed = Some((now, age));
        }
    }

    /// Notes that a message is complete, now; its bytes are these. Says what held it up.
    pub fn message(
        &mut self,
        dir: Dir,
        event: EventId,
        start: u64,
        end: u64,
        now: Timestamp,
    ) -> [Option<Delay>; 3] {
        let side = dir.of_mut(&mut self.sides);
        let first = side.at(start);
        let last = side.at(end.saturating_sub(1));
        let (Some(first), Some(last)) = (first, last) else {
            return [None; 3];
        };
        let delays = side.delays(first, last, now);
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
        delays
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
    /// What held a message up whose first and last byte came in these packets.
    fn delays(&self, first: Arrived, last: Arrived, now: Timestamp) -> [Option<Delay>; 3] {
        let waited = now.since(last.time);
        let missing = (Label::HeadOfLine, Why::EarlierMissing, waited);
        let closed = self.was_closed.map_or(0, |(from, to)| {
            to.min(last.time).since(from.max(first.time))
        });
        let shut = (Label::WindowDelay, Why::ClosedMeanwhile, closed);
        let nagle = self
            .delayed
            .filter(|&(at, _)| first.time >= at && first.time.since(at) <= AT_ONCE)
            .map(|(_, age)| (Label::NagleDelay, Why::AfterDelayedAck, age));
        [
            (waited >= WORTH_TELLING).then_some(missing),
            (closed >= WORTH_TELLING).then_some(shut),
            nagle,
        ]
    }

    /// The first payload that brought the byte at this offset.
    fn at(&self, offset: u64) -> Option<Arrived> {
        let holds = |it: &&Arrived| it.start <= offset && offset < it.end;
        // Messages end near the end of what came.
        let recent = self.arrivals.len().saturating_sub(64);
        let found = self.arrivals.range(recent..).find(holds);
        found.or_else(|| self.arrivals.iter().find(holds)).copied()
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

    fn delays(book: &mut Acks, start: u64, end: u64, now: i64) -> Vec<(Label, i64)> {
        let now = Timestamp(now * MS);
        let delays = book.message(Dir::C2s, id(9), start, end, now);
        let in_ms = delays.into_iter().flatten().map(|it| (it.0, it.2 / MS));
        in_ms.collect()
    }

    #[test]
    fn a_message_is_acknowledged_once_with_its_last_byte() {
        let mut book = book(&[(0, 0), (10, 1), (20, 2)]);
        assert_eq!(delays(&mut book, 5, 25, 2), []);
        let to = |book: &mut Acks, to| book.delivered(Dir::C2s, to, AckKind::Pure);
        assert_eq!(to(&mut book, 24), None);
        let (event, delivered) = to(&mut book, 30).unwrap();
        assert_eq!((event, delivered.packet), (id(9), no(3)));
        let times = [delivered.sent, delivered.seen, delivered.deliverable];
        assert_eq!(times, [Timestamp(0), Timestamp(2 * MS), Timestamp(2 * MS)]);
        assert_eq!(to(&mut book, 30), None);
    }

    #[test]
    fn a_message_behind_a_hole_is_held_up() {
        let mut book = book(&[(10, 0), (0, 7)]);
        assert_eq!(delays(&mut book, 0, 10, 7), []);
        assert_eq!(delays(&mut book, 10, 20, 7), [(Label::HeadOfLine, 7)]);
    }

    #[test]
    fn a_closed_window_holds_up_what_is_on_its_way() {
        let mut book = Acks::default();
        book.arrived(Dir::C2s, 0, 10, no(1), Timestamp(0));
        book.heard(Dir::C2s, true, None, Timestamp(MS));
        book.heard(Dir::C2s, false, None, Timestamp(51 * MS));
        book.arrived(Dir::C2s, 10, 10, no(2), Timestamp(52 * MS));
        book.arrived(Dir::C2s, 20, 10, no(3), Timestamp(53 * MS));
        assert_eq!(delays(&mut book, 0, 20, 52), [(Label::WindowDelay, 50)]);
        assert_eq!(delays(&mut book, 20, 30, 53), []);
    }

    #[test]
    fn a_message_right_after_a_delayed_acknowledgement_had_waited_for_it() {
        let mut book = Acks::default();
        book.heard(Dir::C2s, false, Some(40 * MS), Timestamp(40 * MS));
        book.arrived(Dir::C2s, 0, 10, no(2), Timestamp(40 * MS + 1000));
        book.arrived(Dir::C2s, 10, 10, no(3), Timestamp(49 * MS));
        assert_eq!(delays(&mut book, 0, 10, 41), [(Label::NagleDelay, 40)]);
        assert_eq!(delays(&mut book, 10, 20, 49), []);
    }
}
