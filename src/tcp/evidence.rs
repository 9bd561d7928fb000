//! What a segment was, by all that is known: the bytes seen, timestamps, IP identification, SACK.

use super::labels::{Look, above};
use super::ledger::Seen;
use crate::model::{
    EventId, Label, Options, PacketNo, Remark, Segment, Timestamp, Why, Wireshark as W,
};
use std::num::NonZeroU32;

/// What is remembered of one direction, so that its segments can be told apart.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// The last segment with payload.
    last: Option<Stamp>,
    /// Holes that are open, oldest first; only while there are some.
    #[expect(clippy::box_collection, reason = "most connections never have one")]
    holes: Option<Box<Vec<Hole>>>,
}

/// What tells one sending of a segment from another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stamp {
    seq: u32,
    len: u32,
    timestamp: Option<u32>,
    ip_id: Option<u16>,
}

/// A hole, and the segment that came behind it.
#[derive(Clone, Copy, Debug)]
struct Hole {
    start: u32,
    end: u32,
    packet: PacketNo,
    time: Timestamp,
    event: Option<EventId>,
    behind: Stamp,
}

/// What the two directions know of each other when a segment comes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts {
    /// What the ledger says of its payload; none where it carries none that counts.
    pub seen: Option<Seen>,
    /// It lies above everything seen, and bytes before it are missing.
    pub behind: bool,
    /// It is a keep-alive probe: its byte, if any, is not data.
    pub probe: bool,
    /// It comes right after a probe by the other side.
    pub answer: bool,
    /// The other side's window is closed.
    pub closed: bool,
    /// The other side has asked for these bytes.
    pub asked: bool,
    /// It asked last when the copy before could have come to it and its answer back.
    pub lacked: bool,
    /// SYN or FIN is set, and was before.
    pub again: bool,
    /// When these bytes were sent before, where that is known.
    pub before: Option<(PacketNo, Timestamp)>,
    /// A round trip, as the handshake shows it.
    pub rtt: Option<i64>,
    /// When the segment came.
    pub now: Timestamp,
}

/// Holes that are remembered per direction; the oldest goes first.
const HOLES: usize = 16;
/// The shortest retransmission timeout in common use (Linux), less what clocks may be off.
const TIMEOUT: i64 = 190_000_000;
/// How soon a segment that fills a hole is taken for reordered, where the round trip is not known.
const SOON: i64 = 3_000_000;

impl Trace {
    /// Says what a segment is; none for an ordinary one. The event that it speaks of, where there is
    /// one, comes with it.
    #[must_use]
    pub fn judge(
        &self,
        segment: &Segment<'_>,
        look: &Look,
        facts: &Facts,
    ) -> Option<(Remark, Option<EventId>)> {
        let mut about = None;
        let mut of = look.of.zip(look.since);
        let (label, why) = match facts.seen {
            Some(Seen::FillsHole | Seen::Late) => {
                let hole = self.hole(segment.seq);
                about = hole.and_then(|hole| hole.event);
                of = hole.map(|hole| (hole.packet, facts.now.since(hole.time)));
                match hole {
                    Some(hole) => filler(segment, hole, facts),
                    None if look.labels.has(W::SPURIOUS_RETRANSMISSION) => {
                        (Label::FilledLate, Why::Missed)
                    }
                    None => (Label::FilledLate, Why::GivenUp),
                }
            }
            Some(seen @ (Seen::Before | Seen::Partly)) => {
                let before = facts
                    .before
                    .map(|(packet, at)| (packet, facts.now.since(at)));
                of = before.or(of);
                self.resent(segment, look.labels, facts, seen, before)
            }
            seen => new(segment, look, facts, seen)?,
        };
        let remark = Remark {
            label,
            why,
            wireshark: look.labels,
            duplicate: look.duplicate,
            in_flight: None,
            pushed: None,
            rto: look
                .rto
                .and_then(|nanos| NonZeroU32::new(u32::try_from(nanos / 1000).ok()?)),
            of: of.map(|(packet, _)| packet).or(look.of),
            since: of.map(|(_, since)| since),
        };
        Some((remark, about))
    }

    /// Remembers a segment with payload that was judged.
    pub fn keep(&mut self, segment: &Segment<'_>) {
        self.last = Some(Stamp::of(segment));
    }

    /// Remembers that a segment left a hole behind it, and the event that says so.
    pub fn open(
        &mut self,
        start: u32,
        segment: &Segment<'_>,
        packet: PacketNo,
        time: Timestamp,
        event: Option<EventId>,
    ) {
        let holes = self.holes.get_or_insert_default();
        if holes.len() >= HOLES {
            holes.remove(0);
        }
        holes.push(Hole {
            start,
            end: segment.seq,
            packet,
            time,
            event,
            behind: Stamp::of(segment),
        });
    }

    /// Forgets the holes that lie below this sequence number.
    pub fn close(&mut self, below: u32) {
        if let Some(holes) = &mut self.holes {
            holes.retain(|hole| above(hole.end, below));
            if holes.is_empty() {
                self.holes = None;
            }
        }
    }

    /// The event that told of the hole that holds this sequence number.
    #[must_use]
    pub fn hole_at(&self, seq: u32) -> Option<EventId> {
        self.hole(seq)?.event
    }

    /// The packet that showed the hole with this sequence number in it; without one, the oldest hole
    /// that is open.
    #[must_use]
    pub fn hole_shown(&self, seq: Option<u32>) -> Option<PacketNo> {
        let hole = match seq {
            Some(seq) => self.hole(seq),
            None => self.holes.as_deref()?.first(),
        };
        hole.map(|hole| hole.packet)
    }

    fn hole(&self, seq: u32) -> Option<&Hole> {
        self.holes
            .as_deref()?
            .iter()
            .find(|hole| !above(hole.start, seq) && above(hole.end, seq))
    }

    /// Bytes that had been captured before.
    fn resent(
        &self,
        segment: &Segment<'_>,
        labels: W,
        facts: &Facts,
        seen: Seen,
        before: Option<(PacketNo, i64)>,
    ) -> (Label, Why) {
        let stamp = Stamp::of(segment);
        // An IP identification of 0 identifies nothing.
        let identified = stamp.ip_id.is_some_and(|id| id != 0);
        if identified && self.last == Some(stamp) {
            (Label::Copy, Why::SamePacket)
        } else if labels.has(W::SPURIOUS_RETRANSMISSION) {
            (Label::SpuriousRetransmission, Why::Acknowledged)
        } else if facts.asked && facts.lacked {
            (Label::FastRetransmission, Why::AskedFor)
        } else if facts.asked {
            (Label::FastRetransmission, Why::AskedBefore)
        } else if before.is_some_and(|(_, since)| since >= TIMEOUT) {
            (Label::TimeoutRetransmission, Why::Silence)
        } else if seen == Seen::Partly {
            (Label::Retransmission, Why::SeenPartly)
        } else {
            (Label::Retransmission, Why::SeenBefore)
        }
    }
}

/// Bytes below others, never seen before: overtaken, or lost before the capture and sent again?
fn filler(segment: &Segment<'_>, hole: &Hole, facts: &Facts) -> (Label, Why) {
    let (mine, behind) = (Stamp::of(segment), hole.behind);
    if let Some((mine, behind)) = mine.timestamp.zip(behind.timestamp)
        && mine != behind
    {
        return match above(behind, mine) {
            true => (Label::Reordered, Why::OlderTimestamp),
            false => (Label::FilledLate, Why::NewerTimestamp),
        };
    }
    if let Some((mine, behind)) = mine.ip_id.zip(behind.ip_id)
        && mine != behind
    {
        // A counter per connection or per host; a random one is taken for what it is not.
        match behind.wrapping_sub(mine) {
            1..=64 => return (Label::Reordered, Why::OlderId),
            0xffc0.. => return (Label::FilledLate, Why::NewerId),
            _ => {}
        }
    }
    match facts.now.since(hole.time) <= facts.rtt.unwrap_or(SOON) {
        true => (Label::Reordered, Why::Soon),
        false => (Label::FilledLate, Why::Late),
    }
}

/// A segment that brings no byte a second time.
fn new(
    segment: &Segment<'_>,
    look: &Look,
    facts: &Facts,
    seen: Option<Seen>,
) -> Option<(Label, Why)> {
    let labels = look.labels;
    let resent = [
        W::RETRANSMISSION,
        W::FAST_RETRANSMISSION,
        W::SPURIOUS_RETRANSMISSION,
        W::OUT_OF_ORDER,
    ];
    Some(if facts.again {
        (Label::Retransmission, Why::SameFlags)
    } else if facts.probe && facts.closed {
        (Label::ZeroWindowProbe, Why::OneBelowClosed)
    } else if facts.probe {
        (Label::KeepAlive, Why::OneBelow)
    } else if labels.has(W::ZERO_WINDOW_PROBE) {
        (Label::ZeroWindowProbe, Why::IntoClosed)
    } else if facts.behind || labels.has(W::LOST_SEGMENT) {
        (Label::Hole, Why::Missing)
    } else if facts.answer && segment.window == 0 {
        (Label::ZeroWindowProbeAck, Why::Answers)
    } else if facts.answer {
        (Label::KeepAliveAck, Why::Answers)
    } else if seen.is_some() && resent.iter().any(|&label| labels.has(label)) {
        (Label::NewData, Why::NeverSeen)
    } else if labels.has(W::ACK_LOST_SEGMENT) {
        (Label::AckOfUnseen, Why::AboveSeen)
    } else if labels.has(W::DUPLICATE_ACK) {
        (
            Label::DuplicateAck,
            selective(&segment.options, segment.ack),
        )
    } else if labels.has(W::ZERO_WINDOW) {
        (Label::ZeroWindow, Why::WindowZero)
    } else if labels.has(W::WINDOW_UPDATE) {
        (Label::WindowUpdate, Why::OnlyWindow)
    } else if labels.has(W::WINDOW_FULL) {
        (Label::WindowFull, Why::EndsAtWindow)
    } else if labels.has(W::REUSED_PORTS) {
        (Label::ReusedPorts, Why::OtherStart)
    } else if !labels.is_empty() {
        (Label::Retransmission, Why::SameFlags)
    } else {
        return None;
    })
}

/// What the SACK blocks of a repeated acknowledgement tell.   RFC 2018, RFC 2883 section 4
fn selective(options: &Options, ack: u32) -> Why {
    let blocks = options.sack.get(..usize::from(options.sack_blocks));
    match blocks.unwrap_or_default() {
        [] => Why::SameNumber,
        [(left, _), ..] if above(ack, *left) => Why::TwiceReceived,
        [(left, right), (outer_left, outer_right), ..]
            if !above(*outer_left, *left) && !above(*right, *outer_right) =>
        {
            Why::TwiceReceived
        }
        _ => Why::Selective,
    }
}

impl Stamp {
    fn of(segment: &Segment<'_>) -> Self {
        Self {
            seq: segment.seq,
            len: segment.len() as u32,
            timestamp: segment.options.timestamps.map(|(value, _)| value),
            ip_id: segment.ip_id,
        }
    }
}
