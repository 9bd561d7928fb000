//! What Wireshark would call a segment: its `tcp.analysis` labels, decided as version 4.0 does.
//!
//! Two state machines, one per direction, that know sequence numbers, windows and times, and no
//! bytes. The same event changes its name here with the speed of the capture: a hole that is filled
//! within the handshake's round trip is *out of order*, after three duplicate acknowledgements
//! within 20 ms a *fast retransmission*, later a *retransmission*. What the ledger has seen, and so
//! what really happened, is told beside it: see `evidence`.

use super::unacked::{Sent, Unacked};
use crate::model::{Dir, Flags, PacketNo, Segment, Timestamp, Wireshark as W};
use std::num::NonZeroU32;

/// The labels' memory of one connection.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    sides: [Side; 2],
    /// When the last SYN without ACK came.
    syn: Option<Timestamp>,
    initial_rtt: Option<i64>,
    completeness: u8,
}

/// What is remembered of one direction's segments.
#[derive(Clone, Debug, Default)]
struct Side {
    /// Highest end of a segment so far, probes aside.
    next: Option<u32>,
    /// Where the hole begins that its segments have left.
    hole: Option<u32>,
    /// That the other side acknowledged what lies above its last segment has been told; not again
    /// before it acknowledges something itself.
    told_unseen: bool,
    /// The packet that carried `next`, and when.
    top: Option<(PacketNo, Timestamp)>,
    /// The last acknowledgement number.
    ack: u32,
    /// It has acknowledged something.
    acks: bool,
    /// The last segment, and when it came.
    heard: Option<(PacketNo, Timestamp)>,
    /// The packet that brought that number first.
    first_ack: Option<PacketNo>,
    /// How often it came again.
    duplicates: u32,
    /// The last window as it stood in the header; none before the first segment.
    window: Option<u16>,
    /// The same, scaled where the scale is known.
    room: u32,
    scale: Scale,
    /// What the last segment was.
    last: W,
    /// The other side has acknowledged something since the last hole: what is in flight is known.
    in_flight_known: bool,
    /// Bytes that the last acknowledgement's SACK blocks cover.
    sacked: u32,
    /// The highest sequence number that they reach.
    sacked_to: u32,
    /// Bytes since the last PSH, the last segment's among them.
    pushed: u32,
    /// PSH was set in the last segment that counts.
    pushes: bool,
    unacked: Unacked,
}

/// What a side's windows are to be multiplied by.   RFC 7323 section 2
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Scale {
    /// Its SYN was not captured.
    #[default]
    Unknown,
    /// Its SYN did not offer it.
    None,
    /// The power of two.
    Power(u8),
}

/// What a segment is called, and what was learnt from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Look {
    /// Wireshark's names for it.
    pub labels: W,
    /// Which repetition of an acknowledgement it is, from 1; 0 for none.
    pub duplicate: u32,
    /// The packet of which the labels speak: the acknowledgement that is repeated, the segment that
    /// is sent again.
    pub of: Option<PacketNo>,
    /// Nanoseconds since that packet.
    pub since: Option<i64>,
    /// Nanoseconds since the oldest segment that is not acknowledged was sent, where this one is a
    /// retransmission of another kind than fast or needless.
    pub rto: Option<i64>,
    /// The segment that ends exactly where this acknowledgement does, and how long ago it came.
    pub acks: Option<(PacketNo, i64)>,
    /// How many segments this acknowledgement confirms.
    pub segments: u32,
    /// How many bytes further it goes than the one before.
    pub advance: u32,
    /// The sender's window, scaled; none where the scale is unknown.
    pub window: Option<u32>,
    /// The end of that window lies further than before, or nothing tells.
    pub edge_moved: bool,
    /// Payload bytes since the segment after the last PSH, this one's among them; none where it
    /// carries none, and while what is in flight is not known.
    pub pushed: Option<NonZeroU32>,
}

impl Labels {
    /// Takes the next segment of a connection.
    pub fn look(
        &mut self,
        segment: &Segment<'_>,
        dir: Dir,
        packet: PacketNo,
        now: Timestamp,
    ) -> Look {
        self.handshake(segment, now);
        let rtt = self.initial_rtt;
        let [client, server] = &mut self.sides;
        let (fwd, rev) = match dir {
            Dir::C2s => (client, server),
            Dir::S2c => (server, client),
        };
        let flags = segment.flags;
        if flags.syn() {
            fwd.scale = segment.options.wscale.map_or(Scale::None, Scale::Power);
        }
        if flags.ack() {
            rev.in_flight_known = true;
        }
        let (seq, len) = (segment.seq, segment.len() as u32);
        let mut look = Look::default();
        // A SYN, a FIN or a RST is none of what an acknowledgement or a probe can be.
        let plain = flags.0 & (Flags::SYN | Flags::FIN | Flags::RST) == 0;
        let at_next = fwd.next == Some(seq);
        let same_ack = fwd.heard.is_some() && fwd.ack == segment.ack;
        let idle = plain && len == 0 && at_next && same_ack;
        let same_window = fwd.window == Some(segment.window);

        'forward: {
            if len == 1 && at_next && rev.window == Some(0) {
                look.labels |= W::ZERO_WINDOW_PROBE;
                break 'forward;
            }
            if plain && segment.window == 0 {
                look.labels |= W::ZERO_WINDOW;
            }
            if !flags.rst() && fwd.next.is_some_and(|next| above(seq, next)) {
                look.labels |= W::LOST_SEGMENT;
                fwd.hole = fwd.hole.or(fwd.next);
                fwd.in_flight_known = false;
            }
            if plain && len <= 1 && fwd.next == Some(seq.wrapping_add(1)) {
                look.labels |= W::KEEP_ALIVE;
            }
            if idle && segment.window != 0 && !same_window {
                look.labels |= W::WINDOW_UPDATE;
            }
            let end = seq.wrapping_add(len);
            if plain
                && len > 0
                && rev.scale != Scale::Unknown
                && end == rev.ack.wrapping_add(rev.room)
            {
                look.labels |= W::WINDOW_FULL;
            }
            if !(idle && same_window) {
                break 'forward;
            }
            if segment.window != 0 && rev.last.has(W::KEEP_ALIVE) {
                look.labels |= W::KEEP_ALIVE_ACK;
            } else if segment.window == 0 && rev.last.has(W::ZERO_WINDOW_PROBE) {
                look.labels |= W::ZERO_WINDOW_PROBE_ACK;
            } else if segment.window != 0 {
                fwd.duplicates += 1;
                look.labels |= W::DUPLICATE_ACK;
                look.duplicate = fwd.duplicates;
                look.of = fwd.first_ack;
            }
        }
        if !same_ack {
            fwd.first_ack = Some(packet);
            fwd.duplicates = 0;
            fwd.told_unseen = false;
        }
        if flags.ack() && acks_unseen(rev, segment.ack) {
            look.labels |= W::ACK_LOST_SEGMENT;
        }
        let occupies = len > 0 || flags.syn() || flags.fin();
        if occupies && !look.labels.has(W::KEEP_ALIVE) {
            repeated(fwd, rev, segment, rtt, now, &mut look);
        }
        advance(fwd, segment, packet, now, look.labels);
        fwd.window = Some(segment.window);
        let edge =
            (fwd.acks && fwd.scale != Scale::Unknown).then(|| fwd.ack.wrapping_add(fwd.room));
        fwd.room = room(segment, fwd.scale, rev.scale);
        look.window = (fwd.scale != Scale::Unknown).then_some(fwd.room);
        look.edge_moved = edge.is_none_or(|edge| above(segment.ack.wrapping_add(fwd.room), edge));
        let before = (fwd.acks && flags.ack()).then_some(fwd.ack);
        fwd.acks |= flags.ack();
        fwd.ack = segment.ack;
        fwd.heard = Some((packet, now));
        fwd.last = look.labels;
        (fwd.sacked, fwd.sacked_to) = sacked(segment);
        if flags.ack() {
            (look.acks, look.segments) = rev.unacked.acknowledge(segment.ack, now);
            // The first one confirms the SYN, or bytes from before the capture.
            let first = look.segments.min(1);
            look.advance = before.map_or(first, |before| segment.ack.wrapping_sub(before));
        }
        if len > 0 && fwd.in_flight_known && fwd.unacked.oldest().is_some() {
            look.pushed = fwd.push(len, flags.psh());
        }
        look
    }

    /// Bytes that one side has sent and the other has neither acknowledged nor has a SACK block
    /// for; none while a hole leaves it open.
    #[must_use]
    pub fn in_flight(&self, dir: Dir) -> Option<u32> {
        let side = dir.of(&self.sides);
        let sacked = dir.flip().of(&self.sides).sacked;
        side.unacked
            .extent()
            .filter(|_| side.in_flight_known)
            .and_then(|extent| extent.checked_sub(sacked))
            .filter(|&bytes| bytes > 0)
    }

    /// Nanoseconds from the SYN to the ACK that completed the handshake.
    #[must_use]
    pub fn initial_rtt(&self) -> Option<i64> {
        self.initial_rtt
    }

    /// What of a connection was captured: 1 SYN, 2 SYN-ACK, 4 ACK, 8 data, 16 FIN, 32 RST.
    #[must_use]
    pub fn completeness(&self) -> u8 {
        self.completeness
    }

    /// Whether the last window of this side was 0.
    #[must_use]
    pub fn closed(&self, dir: Dir) -> bool {
        dir.of(&self.sides).window == Some(0)
    }

    /// Whether this side has asked for these bytes: by repeating its acknowledgement, or by SACK
    /// blocks above them.
    #[must_use]
    pub fn asks_for(&self, dir: Dir, seq: u32) -> bool {
        let side = dir.of(&self.sides);
        side.duplicates >= 2 && side.ack == seq || side.sacked > 0 && above(side.sacked_to, seq)
    }

    /// An earlier sending of these bytes, where it is not acknowledged yet; not the present one.
    #[must_use]
    pub fn sent(&self, dir: Dir, seq: u32, packet: PacketNo) -> Option<Sent> {
        let sent = dir.of(&self.sides).unacked.find(seq);
        sent.filter(|sent| sent.packet != packet)
    }

    /// The last segment of this side, and when it came.
    #[must_use]
    pub fn heard(&self, dir: Dir) -> Option<(PacketNo, Timestamp)> {
        dir.of(&self.sides).heard
    }

    /// What this side has acknowledged last.
    #[must_use]
    pub fn acked(&self, dir: Dir) -> Option<u32> {
        let side = dir.of(&self.sides);
        side.acks.then_some(side.ack)
    }

    /// Exchanges the two directions.
    pub fn swap(&mut self) {
        self.sides.swap(0, 1);
    }

    fn handshake(&mut self, segment: &Segment<'_>, now: Timestamp) {
        let flags = segment.flags;
        let seen = [
            (flags.syn() && !flags.ack(), 1),
            (flags.syn() && flags.ack(), 2),
            (flags.ack() && !flags.syn(), 4),
            (!segment.is_empty(), 8),
            (flags.fin(), 16),
            (flags.rst(), 32),
        ];
        for (is, bit) in seen {
            self.completeness |= if is { bit } else { 0 };
        }
        match (flags.syn(), flags.ack()) {
            (true, false) => self.syn = Some(now),
            (false, true) if self.initial_rtt.is_none() => {
                self.initial_rtt = self.syn.map(|syn| now.since(syn));
            }
            _ => {}
        }
    }
}

impl Side {
    /// Counts a payload: a segment with PSH ends a count, and the next one begins another.
    fn push(&mut self, len: u32, psh: bool) -> Option<NonZeroU32> {
        let before = match std::mem::replace(&mut self.pushes, psh) {
            true => 0,
            false => self.pushed,
        };
        self.pushed = before.saturating_add(len);
        NonZeroU32::new(self.pushed)
    }
}

/// Whether an acknowledgement confirms what was not captured. Told once per hole; above every
/// segment, once until the other side shows that it goes on.
fn acks_unseen(rev: &mut Side, ack: u32) -> bool {
    match (rev.hole, rev.next) {
        (Some(hole), _) if above(ack, hole) => {
            rev.hole = None;
            true
        }
        (None, Some(next)) if above(ack, next) => !std::mem::replace(&mut rev.told_unseen, true),
        _ => false,
    }
}

/// Says how a segment that stands below what was sent before came to be there.
fn repeated(
    fwd: &Side,
    rev: &Side,
    segment: &Segment<'_>,
    rtt: Option<i64>,
    now: Timestamp,
    look: &mut Look,
) {
    let (seq, len) = (segment.seq, segment.len() as u32);
    let end = seq.wrapping_add(len);
    if len > 0 && rev.heard.is_some() && !above(end, rev.ack) {
        look.labels |= W::SPURIOUS_RETRANSMISSION;
        look.labels |= W::RETRANSMISSION;
        return;
    }
    let Some((next, (top, top_at))) = fwd.next.zip(fwd.top) else {
        return;
    };
    // Data where a probe's byte stood before is new.
    if !above(next, seq) || len > 1 && next == seq.wrapping_add(1) {
        return;
    }
    let since_ack = rev.heard.map_or(i64::MAX, |(_, at)| now.since(at));
    if rev.duplicates >= 2 && rev.ack == seq && since_ack < FAST {
        look.labels |= W::FAST_RETRANSMISSION;
        look.labels |= W::RETRANSMISSION;
        return;
    }
    if now.since(top_at) < rtt.unwrap_or(NEAR) && next != end {
        look.labels |= W::OUT_OF_ORDER;
        return;
    }
    look.labels |= W::RETRANSMISSION;
    let (of, at) = fwd
        .unacked
        .find(seq)
        .map_or((top, top_at), |sent| (sent.packet, sent.time));
    look.of = Some(of);
    look.since = Some(now.since(at));
    let oldest = fwd.unacked.oldest().map_or(top_at, |sent| sent.time);
    look.rto = Some(now.since(oldest));
}

/// Moves the marks of a direction up to the end of its segment.
fn advance(fwd: &mut Side, segment: &Segment<'_>, packet: PacketNo, now: Timestamp, labels: W) {
    let flags = segment.flags;
    let len = segment.len() as u32;
    let seq = segment.seq;
    let extra = u32::from(flags.syn()) + u32::from(flags.fin());
    let end = seq.wrapping_add(len).wrapping_add(extra);
    if end != seq {
        fwd.unacked.push(Sent {
            packet,
            seq,
            end,
            time: now,
        });
    }
    if labels.has(W::ZERO_WINDOW_PROBE) {
        return;
    }
    if fwd.next.is_none_or(|next| above(end, next)) {
        fwd.next = Some(end);
        fwd.top = Some((packet, now));
    }
    if fwd.hole == Some(seq) {
        fwd.hole = None;
    }
}

/// A segment's window in bytes; that of a SYN is never scaled.
fn room(segment: &Segment<'_>, own: Scale, other: Scale) -> u32 {
    let window = u32::from(segment.window);
    match (own, other) {
        _ if segment.flags.syn() => window,
        (Scale::Power(_), Scale::None) => window,
        (Scale::Power(power), _) => window << power.min(MOST),
        _ => window,
    }
}

/// How many bytes a segment's SACK blocks cover, and how far they reach.
fn sacked(segment: &Segment<'_>) -> (u32, u32) {
    let options = &segment.options;
    let blocks = options.sack.iter().take(usize::from(options.sack_blocks));
    blocks.fold((0, segment.ack), |(bytes, to), &(left, right)| {
        let to = if above(right, to) { right } else { to };
        (bytes.wrapping_add(right.wrapping_sub(left)), to)
    })
}

/// Whether one sequence number comes after another.   RFC 9293 section 3.4
pub(super) fn above(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() > 0
}

/// How soon after the last acknowledgement a retransmission is a fast one.
const FAST: i64 = 20_000_000;
/// How soon a segment is out of order, where the handshake was not captured.
const NEAR: i64 = 3_000_000;
/// The largest power of two that a window may be multiplied by.   RFC 7323 section 2.3
const MOST: u8 = 14;

#[cfg(test)]
mod tests;
