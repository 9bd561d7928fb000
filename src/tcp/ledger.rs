//! One direction's bytes: what came, what is missing, what came twice.
//!
//! ```text
//!            delivered            hole      early     hole   early
//! stream  0 ═══════════════════╗┈┈┈┈┈┈┈┈╔═════════╗┈┈┈┈┈┈╔════════╗
//!                            next                                 highest
//! ```
//! A hole stays open until it is filled, until the receiver has acknowledged past it (then the
//! bytes existed and the capture lost them), until the stream ends, or until too much waits behind
//! it. It then becomes a gap, and what follows it is handed out. The ledger knows no protocol.

use crate::model::{Limits, PacketNo};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

/// The byte ledger of one direction.   RFC 9293 section 3.4 for the arithmetic of sequence numbers
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Offset of the next byte to hand out.
    next: u64,
    /// Its sequence number; none before the first segment.
    seq: Option<u32>,
    /// Offset after the last byte seen.
    highest: u64,
    /// Offset up to which the receiver has acknowledged, FIN counted as one.
    acked: Option<u64>,
    /// Offset at which FIN stands.
    fin: Option<u64>,
    /// FIN was handed out.
    ended: bool,
    /// No hole will be filled any more.
    flushing: bool,
    /// How often bytes were acknowledged that lie above everything captured.
    overdue: u8,
    /// What came before its turn: apart from each other, all above `next`.
    early: BTreeMap<u64, Early>,
    early_bytes: usize,
    /// The last holes that were given up, oldest first; only where there were some.
    #[expect(clippy::box_collection, reason = "most directions never have one")]
    lost: Option<Box<VecDeque<Range<u64>>>>,
}

#[derive(Clone, Debug)]
enum Early {
    Bytes {
        packet: PacketNo,
        bytes: Vec<u8>,
    },
    /// Cut off by the capture: it will not come again.
    Cut {
        len: u64,
    },
}

impl Early {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes { bytes, .. } => bytes.len() as u64,
            Self::Cut { len } => *len,
        }
    }
}

/// What a segment's payload was to the ledger.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival<'a> {
    /// The part that is next in order: it is to be handed out before anything that
    /// [`Ledger::ready`] gives.
    pub now: Option<(u64, &'a [u8])>,
    /// Offset of the payload's first byte, 0 where it lies before the stream's beginning.
    pub at: u64,
    /// What of it had been seen before.
    pub seen: Seen,
    /// Bytes that are still held came again, and differ.
    pub conflict: bool,
}

/// What of a segment had been seen before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen {
    /// Nothing of it, and it lies above everything seen.
    New,
    /// Nothing of it, and it lies below what had been seen: it fills a hole.
    FillsHole,
    /// A part of it.
    Partly,
    /// All of it.
    Before,
    /// Bytes of a hole that had been given up.
    Late,
}

/// What can be handed out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ready {
    /// Bytes that had come early.
    Bytes {
        /// Offset of the first one.
        at: u64,
        /// The packet that carried them.
        packet: PacketNo,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Bytes that will never come.
    Gap {
        /// Offset of the first one.
        at: u64,
        /// How many.
        len: u64,
        /// Why they were given up.
        lost: Lost,
    },
    /// FIN: there is no more.
    Fin,
}

/// Why a hole was given up.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Lost {
    /// The receiver has the bytes: the capture missed them.
    Acknowledged,
    /// The capture cut the packet short.
    Cut,
    /// Too much waited behind the hole.
    Limit,
    /// The stream ended with the hole open.
    End,
}

/// After so many acknowledgements of bytes that were never captured they are given up, even with
/// nothing behind them: the capture may have only the other direction. Fewer may be a capture that
/// has an acknowledgement before what it acknowledges.
const OVERDUE: u8 = 8;

/// How many given-up holes are remembered, to tell late bytes from repeated ones.
const REMEMBERED: usize = 8;

impl Ledger {
    /// About how many bytes it takes beside itself.
    pub fn weight(&self) -> usize {
        // Each early piece has some administration; the last segments have 16 bytes each.
        self.early_bytes + self.early.len() * 64 + 1024
    }

    /// Says that the byte with this sequence number is the stream's first.
    pub fn start(&mut self, seq: u32) {
        self.seq.get_or_insert(seq);
    }

    /// Whether the stream's beginning is known, or assumed.
    #[must_use]
    pub fn started(&self) -> bool {
        self.seq.is_some()
    }

    /// Whether the sequence number is the one before the next new byte, as far as the capture or
    /// the receiver has seen them: where a keep-alive probe stands.
    #[must_use]
    pub fn is_probe(&self, seq: u32) -> bool {
        let next = [self.highest, self.acked.unwrap_or(self.highest)];
        let at = self.offset(seq);
        self.seq.is_some() && next.iter().any(|next| at == next.cast_signed() - 1)
    }

    /// Whether FIN was seen.
    #[must_use]
    pub fn has_fin(&self) -> bool {
        self.fin.is_some()
    }

    /// Whether FIN was handed out, and the receiver has acknowledged it.
    #[must_use]
    pub fn fin_acked(&self) -> bool {
        matches!((self.fin, self.acked), (Some(fin), Some(acked)) if acked > fin)
    }

    /// Bytes of the stream so far: handed out, given up or held.
    #[must_use]
    pub fn extent(&self) -> u64 {
        self.highest
    }

    /// Offset of a sequence number in the stream, negative before its beginning.
    #[must_use]
    pub fn offset(&self, seq: u32) -> i64 {
        let distance = seq.wrapping_sub(self.seq.unwrap_or(seq)).cast_signed();
        self.next.cast_signed().saturating_add(i64::from(distance))
    }

    /// Sequence number after the last byte seen; none before the first segment.
    #[must_use]
    pub fn top(&self) -> Option<u32> {
        let ahead = (self.highest - self.next) as u32;
        self.seq.map(|seq| seq.wrapping_add(ahead))
    }

    /// What of these bytes had been seen before.
    #[must_use]
    pub fn look(&self, seq: u32, len: u64) -> Seen {
        let offset = self.offset(seq);
        let end = u64::try_from(offset.saturating_add_unsigned(len)).unwrap_or(0);
        self.seen(u64::try_from(offset).unwrap_or(0), end)
    }

    /// Takes a segment's payload: `bytes` as captured, then `cut` more that the capture cut off.
    pub fn arrive<'a>(
        &mut self,
        seq: u32,
        bytes: &'a [u8],
        cut: u32,
        packet: PacketNo,
    ) -> Arrival<'a> {
        self.start(seq);
        let offset = self.offset(seq);
        let at = u64::try_from(offset).unwrap_or(0);
        let before = usize::try_from(offset.saturating_neg()).unwrap_or(0);
        let fin = self.fin.unwrap_or(u64::MAX);
        let room = usize::try_from(fin.saturating_sub(at)).unwrap_or(usize::MAX);
        let bytes = bytes.get(before..).unwrap_or_default();
        let bytes = bytes.get(..room).unwrap_or(bytes);
        let end = at.saturating_add(bytes.len() as u64);
        let cut_end = end.saturating_add(u64::from(cut)).min(fin);

        let mut arrival = Arrival {
            now: None,
            at,
            seen: self.seen(at, end),
            conflict: false,
        };
        let done = usize::try_from(self.next.saturating_sub(at)).unwrap_or(usize::MAX);
        let fresh = bytes.get(done..).unwrap_or_default();
        if !fresh.is_empty() {
            let held = !self.early.is_empty();
            arrival.conflict = held && self.conflicts(end - fresh.len() as u64, fresh);
            if at <= self.next {
                arrival.now = Some((self.next, fresh));
                self.advance(end);
            } else {
                self.hold(at, fresh, packet);
            }
        }
        self.highest = self.highest.max(end.min(fin));
        if cut_end > end.max(self.next) {
            self.hold_cut(end.max(self.next), cut_end);
            self.highest = self.highest.max(cut_end);
        }
        arrival
    }

    /// Whether something waits behind a hole.
    #[must_use]
    pub fn waits(&self) -> bool {
        !self.early.is_empty()
    }

    /// Takes FIN, which stands at this sequence number.
    pub fn fin(&mut self, seq: u32) {
        self.start(seq);
        let at = u64::try_from(self.offset(seq)).unwrap_or(0);
        if self.fin.is_none() && at >= self.highest {
            self.fin = Some(at);
        }
    }

    /// Takes an acknowledgement by the receiver.
    pub fn acknowledge(&mut self, ack: u32) {
        self.start(ack);
        let at = u64::try_from(self.offset(ack)).unwrap_or(0);
        self.acked = Some(self.acked.map_or(at, |acked| acked.max(at)));
        let above = at > self.highest + u64::from(self.fin.is_some());
        self.overdue = if above {
            self.overdue.saturating_add(1)
        } else {
            0
        };
    }

    /// Says that the receiver has gone on: what it has acknowledged and was not captured will not
    /// come late any more.
    pub fn hurry(&mut self) {
        self.overdue = self.overdue.max(u8::from(self.overdue > 0) * OVERDUE);
    }

    /// Says that nothing more will come: every hole becomes a gap.
    pub fn flush(&mut self) {
        self.flushing = true;
    }

    /// Whether nothing can be handed out: nothing is held, no end is known, nothing was acknowledged
    /// that did not come. [`Ledger::ready`] would say so too, and takes longer.
    #[inline]
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let lacks = self.acked.is_some_and(|acked| acked > self.next);
        self.early.is_empty() && self.fin.is_none() && !lacks
    }

    /// What can be handed out next, if anything.
    pub fn ready(&mut self, limits: &Limits) -> Option<Ready> {
        let Some((&first, _)) = self.early.first_key_value() else {
            return self.ready_behind_all();
        };
        if first > self.next {
            let lost = if self.acked.is_some_and(|acked| acked >= first) {
                Lost::Acknowledged
            } else if self.early_bytes > limits.early_bytes
                || self.early.len() > limits.early_pieces
            {
                Lost::Limit
            } else if self.flushing {
                Lost::End
            } else {
                return None;
            };
            return Some(self.give_up(first, lost));
        }
        match self.early.pop_first()? {
            (at, Early::Cut { len }) => Some(self.give_up(at.saturating_add(len), Lost::Cut)),
            (at, Early::Bytes { packet, bytes }) => {
                self.early_bytes = self.early_bytes.saturating_sub(bytes.len());
                self.advance(at.saturating_add(bytes.len() as u64));
                Some(Ready::Bytes { at, packet, bytes })
            }
        }
    }

    /// With nothing held: FIN, or a hole that only FIN and the acknowledgements tell of.
    fn ready_behind_all(&mut self) -> Option<Ready> {
        let acked = self.acked.unwrap_or(0);
        match self.fin {
            Some(fin) if fin > self.next && acked > fin => {
                Some(self.give_up(fin, Lost::Acknowledged))
            }
            Some(fin) if fin > self.next && self.flushing => Some(self.give_up(fin, Lost::End)),
            Some(fin) if fin <= self.next && !self.ended => {
                self.ended = true;
                Some(Ready::Fin)
            }
            None if acked > self.next && (self.flushing || self.overdue >= OVERDUE) => {
                Some(self.give_up(acked, Lost::Acknowledged))
            }
            _ => None,
        }
    }

    /// Moves `next` up to this offset.
    fn advance(&mut self, to: u64) {
        let seq = self.seq.unwrap_or(0);
        self.seq = Some(seq.wrapping_add((to - self.next) as u32));
        self.next = to;
        self.highest = self.highest.max(to);
        if !self.early.is_empty() {
            self.trim_held();
        }
    }

    /// Drops what is held and lies below `next` now.
    fn trim_held(&mut self) {
        while let Some(entry) = self.early.first_entry()
            && *entry.key() < self.next
        {
            let (at, early) = entry.remove_entry();
            let over = self.next - at;
            match early {
                Early::Cut { len } if len > over => {
                    self.early.insert(self.next, Early::Cut { len: len - over });
                }
                Early::Cut { .. } => {}
                Early::Bytes { packet, mut bytes } => {
                    self.early_bytes = self.early_bytes.saturating_sub(bytes.len());
                    bytes.drain(..usize::try_from(over).unwrap_or(usize::MAX).min(bytes.len()));
                    if !bytes.is_empty() {
                        self.early_bytes += bytes.len();
                        self.early.insert(self.next, Early::Bytes { packet, bytes });
                    }
                }
            }
        }
    }

    /// Declares everything below `to` lost.
    fn give_up(&mut self, to: u64, lost: Lost) -> Ready {
        let at = self.next;
        let lost_before = self.lost.get_or_insert_default();
        if lost_before.len() == REMEMBERED {
            lost_before.pop_front();
        }
        lost_before.push_back(at..to);
        self.advance(to);
        Ready::Gap {
            at,
            len: to - at,
            lost,
        }
    }

    /// What of this range had been seen before.
    #[inline]
    fn seen(&self, at: u64, end: u64) -> Seen {
        // What almost every segment is.
        if at >= self.highest && self.lost.is_none() && self.early.is_empty() {
            return Seen::New;
        }
        self.seen_among(at, end)
    }

    fn seen_among(&self, at: u64, end: u64) -> Seen {
        if let Some(lost) = &self.lost
            && lost.iter().any(|lost| lost.start < end && at < lost.end)
        {
            return Seen::Late;
        }
        let below = self.next.min(end).saturating_sub(at);
        let held: u64 = self
            .held(at, end)
            .map(|(start, early)| {
                end.min(start + early.len())
                    .saturating_sub(at.max(start).max(self.next))
            })
            .sum();
        match below + held {
            0 if at < self.highest && at < end => Seen::FillsHole,
            0 => Seen::New,
            known if known >= end - at => Seen::Before,
            _ => Seen::Partly,
        }
    }

    /// The held pieces that overlap this range.
    fn held(&self, at: u64, end: u64) -> impl Iterator<Item = (u64, &Early)> {
        let first = self
            .early
            .range(..=at)
            .next_back()
            .map_or(at, |(&start, _)| start);
        self.early
            .range(first.min(end)..end)
            .map(|(&start, early)| (start, early))
            .filter(move |(start, early)| start + early.len() > at)
    }

    /// Whether bytes that are held come again here and differ.
    fn conflicts(&self, at: u64, bytes: &[u8]) -> bool {
        let end = at + bytes.len() as u64;
        self.held(at, end).any(|(start, early)| {
            let Early::Bytes { bytes: held, .. } = early else {
                return false;
            };
            let (from, to) = (at.max(start), end.min(start + held.len() as u64));
            slice(bytes, from - at, to - at) != slice(held, from - start, to - start)
        })
    }

    /// Keeps the parts of these bytes that are not held yet. What came first stays.
    fn hold(&mut self, at: u64, bytes: &[u8], packet: PacketNo) {
        for range in self.free(at, at + bytes.len() as u64) {
            let piece = slice(bytes, range.start - at, range.end - at).to_vec();
            self.early_bytes += piece.len();
            self.early.insert(
                range.start,
                Early::Bytes {
                    packet,
                    bytes: piece,
                },
            );
        }
    }

    /// Notes that these bytes were cut off, where they are not held.
    fn hold_cut(&mut self, at: u64, end: u64) {
        for range in self.free(at, end) {
            self.early.insert(
                range.start,
                Early::Cut {
                    len: range.end - range.start,
                },
            );
        }
    }

    /// The parts of this range that are not held.
    fn free(&self, at: u64, end: u64) -> Vec<Range<u64>> {
        let mut free = Vec::new();
        let mut from = at;
        for (start, early) in self.held(at, end) {
            if start > from {
                free.push(from..start);
            }
            from = from.max(start + early.len());
        }
        if from < end {
            free.push(from..end);
        }
        free
    }
}

/// A part of `bytes`; empty where the bounds do not fit.
fn slice(bytes: &[u8], from: u64, to: u64) -> &[u8] {
    match (usize::try_from(from), usize::try_from(to)) {
        (Ok(from), Ok(to)) => bytes.get(from..to).unwrap_or_default(),
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: u32 = 0xffff_fff0; // the sequence numbers wrap after 16 bytes

    /// A ledger whose stream is `abcdefghijklmnopqrstuvwxyz…`, and what it hands out as text.
    struct Bench {
        ledger: Ledger,
        limits: Limits,
        out: String,
        packet: PacketNo,
    }

    impl Bench {
        fn new() -> Self {
            let mut ledger = Ledger::default();
            ledger.start(BASE);
            Self {
                ledger,
                limits: Limits::default(),
                out: String::new(),
                packet: PacketNo::FIRST,
            }
        }

        fn arrive(&mut self, at: u32, text: &str) -> Seen {
            self.arrive_cut(at, text, 0)
        }

        fn arrive_cut(&mut self, at: u32, text: &str, cut: u32) -> Seen {
            let seq = BASE.wrapping_add(at);
            let arrival = self.ledger.arrive(seq, text.as_bytes(), cut, self.packet);
            if let Some((_, bytes)) = arrival.now {
                self.out.push_str(std::str::from_utf8(bytes).unwrap());
            }
            if arrival.conflict {
                self.out.push('!');
            }
            self.drain();
            arrival.seen
        }

        fn ack(&mut self, at: u32) {
            self.ledger.acknowledge(BASE.wrapping_add(at));
            self.drain();
        }

        fn drain(&mut self) {
            while let Some(ready) = self.ledger.ready(&self.limits) {
                match ready {
                    Ready::Bytes { bytes, .. } => {
                        self.out.push_str(std::str::from_utf8(&bytes).unwrap());
                    }
                    Ready::Gap { len, .. } => self.out.push_str(&format!("[{len}]")),
                    Ready::Fin => self.out.push('.'),
                }
            }
        }
    }

    #[test]
    fn bytes_in_order_pass_untouched_across_the_wrap() {
        let mut b = Bench::new();
        assert_eq!(b.arrive(0, "abcdefghijklmno"), Seen::New);
        assert_eq!(b.arrive(15, "pqrs"), Seen::New);
        assert_eq!(b.out, "abcdefghijklmnopqrs");
    }

    #[test]
    fn early_bytes_wait_for_the_hole_to_fill() {
        let mut b = Bench::new();
        assert_eq!(b.arrive(4, "ef"), Seen::New);
        assert_eq!(b.out, "");
        assert_eq!(b.arrive(0, "abcd"), Seen::FillsHole);
        assert_eq!(b.out, "abcdef");
    }

    #[test]
    fn each_byte_is_handed_out_once_however_often_it_comes() {
        let mut b = Bench::new();
        b.arrive(0, "abcd");
        assert_eq!(b.arrive(0, "abcd"), Seen::Before);
        assert_eq!(b.arrive(2, "cdef"), Seen::Partly);
        assert_eq!(b.arrive(8, "ij"), Seen::New);
        assert_eq!(b.arrive(8, "ij"), Seen::Before);
        assert_eq!(b.arrive(4, "efghijkl"), Seen::Partly);
        assert_eq!(b.out, "abcdefghijkl");
    }

    #[test]
    fn a_retransmission_that_bridges_held_pieces_fills_every_hole() {
        let mut b = Bench::new();
        b.arrive(2, "c");
        b.arrive(4, "e");
        b.arrive(1, "bcdef");
        b.arrive(0, "a");
        assert_eq!(b.out, "abcdef");
    }

    #[test]
    fn different_bytes_in_the_same_place_are_said_and_the_first_are_kept() {
        let mut b = Bench::new();
        b.arrive(4, "ef");
        b.arrive(4, "XX");
        b.arrive(0, "abcd");
        assert_eq!(b.out, "!abcdef");
    }

    #[test]
    fn a_hole_that_the_receiver_acknowledged_is_the_captures_loss() {
        let mut b = Bench::new();
        b.arrive(0, "ab");
        b.arrive(5, "fg");
        b.ack(4);
        assert_eq!(b.out, "ab", "not past the whole hole yet");
        b.ack(5);
        assert_eq!(b.out, "ab[3]fg");
        assert_eq!(b.arrive(2, "cde"), Seen::Late);
        assert_eq!(b.out, "ab[3]fg");
    }

    #[test]
    fn what_is_acknowledged_again_and_again_was_not_captured() {
        let mut b = Bench::new();
        for _ in 1..OVERDUE {
            b.ack(4);
        }
        assert_eq!(b.out, "", "the capture may have them in another order");
        b.ack(4);
        assert_eq!(b.out, "[4]");
    }

    #[test]
    fn cut_bytes_are_a_hole_that_nobody_waits_for() {
        let mut b = Bench::new();
        b.arrive_cut(0, "ab", 3);
        b.arrive(5, "fg");
        assert_eq!(b.out, "ab[3]fg");
    }

    #[test]
    fn fin_comes_after_the_last_byte() {
        let mut b = Bench::new();
        b.arrive(2, "cd");
        b.ledger.fin(BASE.wrapping_add(4));
        b.drain();
        assert_eq!(b.out, "");
        b.arrive(0, "ab");
        assert_eq!(b.out, "abcd.");
        b.arrive(4, "garbage behind fin");
        b.arrive(9, "and more of it");
        assert_eq!(b.out, "abcd.");
        assert_eq!(b.ledger.extent(), 4);
    }

    #[test]
    fn the_limit_gives_the_first_hole_up_and_nothing_else() {
        let mut b = Bench::new();
        b.limits.early_pieces = 2;
        b.arrive(1, "b");
        b.arrive(3, "d");
        b.arrive(5, "f");
        assert_eq!(b.out, "[1]b");
    }

    #[test]
    fn the_end_gives_every_hole_up() {
        let mut b = Bench::new();
        b.arrive(1, "b");
        b.arrive(3, "d");
        b.ack(6);
        b.ledger.flush();
        b.drain();
        assert_eq!(b.out, "[1]b[1]d[2]");
    }

    #[test]
    fn a_probe_stands_one_before_the_next_new_byte() {
        let mut b = Bench::new();
        b.arrive(0, "ab");
        assert!(b.ledger.is_probe(BASE.wrapping_add(1)));
        assert!(!b.ledger.is_probe(BASE.wrapping_add(2)));
        assert_eq!(b.arrive(1, "?"), Seen::Before, "its byte is garbage");
        assert_eq!(b.out, "ab");
        b.ack(5);
        assert!(
            b.ledger.is_probe(BASE.wrapping_add(4)),
            "cde was not captured"
        );
    }

    /// The short ways say what the long ones do, whatever comes.
    #[test]
    fn short_ways_lead_to_the_same() {
        let mut state = 1_u32;
        let mut any = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % below
        };
        let bytes = [7; 64];
        for _ in 0..2_000 {
            let mut ledger = Ledger::default();
            ledger.start(BASE);
            for _ in 0..30 {
                let seq = BASE.wrapping_add(any(200));
                match any(8) {
                    0 => ledger.acknowledge(seq),
                    1 if any(4) == 0 => ledger.fin(seq),
                    2 if any(9) == 0 => ledger.flush(),
                    3 => ledger.hurry(),
                    _ => {
                        let len = any(60) as usize;
                        ledger.arrive(seq, &bytes[..len], any(20) / 19 * 5, PacketNo::FIRST);
                    }
                }
                let (at, len) = (u64::from(any(300)), u64::from(any(60)));
                assert_eq!(ledger.seen(at, at + len), ledger.seen_among(at, at + len));
                let ready = ledger.clone().ready(&Limits::default());
                assert!(
                    !ledger.is_quiet() || ready.is_none(),
                    "{ledger:?}: {ready:?}"
                );
                if any(3) == 0 {
                    while ledger.ready(&Limits::default()).is_some() {}
                }
            }
        }
    }
}
