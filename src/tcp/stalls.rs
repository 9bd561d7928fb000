//! What holds messages up: bytes that are missing before them, a closed window, Nagle's algorithm.
//!
//! Kept only while there is such trouble, so that an orderly connection pays nothing for it. A delay is
//! told where it delayed a message, from one millisecond on.

use crate::model::{Dir, Label, PacketNo, Remark, Span, Timestamp, Why};
use std::collections::VecDeque;

/// The trouble of both directions.
#[derive(Clone, Debug, Default)]
pub struct Stalls {
    sides: [Side; 2],
}

/// What holds up the messages of one direction.
#[derive(Clone, Debug, Default)]
struct Side {
    /// Payloads that came while bytes before them were missing: first offset, the one after the
    /// last, and when.
    early: VecDeque<(u64, u64, Timestamp)>,
    /// The packet that showed the hole; of several, the one that was filled last.
    hole: Option<PacketNo>,
    /// Closings of the window behind which no message ended so far, oldest first.
    closed: Vec<Closed>,
    /// A payload that waited for a delayed acknowledgement.
    waited: Option<Waited>,
}

/// The receiver's window was closed.
#[derive(Clone, Copy, Debug)]
struct Closed {
    /// How far the sender had come.
    at: u64,
    /// The packet that closed it.
    by: PacketNo,
    since: Timestamp,
    /// When it was opened again.
    until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
struct Waited {
    at: u64,
    /// The acknowledgement.
    by: PacketNo,
    /// How old what it confirmed was.
    nanos: i64,
}

/// From when on a message was held up, nanoseconds.
const WORTH_TELLING: i64 = 1_000_000;

/// How many early payloads are remembered per direction; the oldest goes first.
const MOST: usize = 4096;

/// How many closings of a window are.
const CLOSINGS: usize = 64;

impl Stalls {
    /// Notes a payload that came while bytes before it are missing; `hole` is the packet that showed it.
    pub fn early(&mut self, dir: Dir, range: (u64, u64), hole: PacketNo, now: Timestamp) {
        let side = dir.of_mut(&mut self.sides);
        side.hole.get_or_insert(hole);
        if side.early.len() >= MOST {
            side.early.pop_front();
        }
        side.early.push_back((range.0, range.1, now));
    }

    /// Says that the hole that this packet showed is filled now.
    pub fn fills(&mut self, dir: Dir, hole: Option<PacketNo>) {
        let side = dir.of_mut(&mut self.sides);
        side.hole = hole.or(side.hole);
    }

    /// Says that no bytes of this direction are missing any more.
    pub fn filled(&mut self, dir: Dir) {
        let side = dir.of_mut(&mut self.sides);
        side.early = VecDeque::new();
        side.hole = None;
    }

    /// Notes what window the receiver of this direction offers; `at` is how far its sender has come.
    pub fn window(&mut self, dir: Dir, open: bool, at: u64, packet: PacketNo, now: Timestamp) {
        let closings = &mut dir.of_mut(&mut self.sides).closed;
        let room = closings.len() < CLOSINGS;
        match closings.last_mut() {
            Some(last) if last.until.is_none() && open => last.until = Some(now),
            Some(last) if last.until.is_none() => {}
            _ if open || !room => {}
            _ => closings.push(Closed {
                at,
                by: packet,
                since: now,
                until: None,
            }),
        }
    }

    /// Notes that the payload from this offset on came right after a delayed acknowledgement.
    pub fn waited(&mut self, dir: Dir, at: u64, by: PacketNo, nanos: i64) {
        dir.of_mut(&mut self.sides).waited = Some(Waited { at, by, nanos });
    }

    /// What held up a message of this direction that is complete now. `filled` says that the present
    /// packet brought bytes that were missing.
    pub fn of_message(
        &self,
        dir: Dir,
        span: Span,
        filled: bool,
        now: Timestamp,
    ) -> [Option<Remark>; 3] {
        let side = dir.of(&self.sides);
        let last = span.end().saturating_sub(1);
        let came = side.early.iter().find(|it| it.0 <= last && last < it.1);
        let missing = came.filter(|_| filled).map(|it| {
            let why = (Label::HeadOfLine, Why::EarlierMissing);
            (why, now.since(it.2), side.hole)
        });
        let shut = side
            .closed
            .iter()
            .filter(|closed| span.start < closed.at && closed.at < span.end())
            .filter_map(|closed| Some((closed.until?.since(closed.since), closed.by)));
        let shut = shut
            .reduce(|(sum, by), (nanos, _)| (sum.saturating_add(nanos), by))
            .map(|(nanos, by)| ((Label::WindowDelay, Why::ClosedMeanwhile), nanos, Some(by)));
        let nagle = side
            .waited
            .filter(|waited| waited.at == span.start)
            .map(|waited| {
                let why = (Label::NagleDelay, Why::AfterDelayedAck);
                (why, waited.nanos, Some(waited.by))
            });
        [missing, shut, nagle].map(|delay| {
            let ((label, why), nanos, of) = delay?;
            (nanos >= WORTH_TELLING).then_some(Remark {
                of,
                since: Some(nanos),
                ..Remark::new(label, why)
            })
        })
    }

    /// Says that a message of this direction ended at this offset: later ones have waited for nothing
    /// that was before.
    pub fn told(&mut self, dir: Dir, end: u64) {
        let side = dir.of_mut(&mut self.sides);
        side.waited = side.waited.filter(|waited| waited.at >= end);
        side.closed
            .retain(|closed| closed.until.is_none() || closed.at >= end);
    }

    /// Whether nothing is left that a message could have waited for.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let idle =
            |side: &Side| side.early.is_empty() && side.closed.is_empty() && side.waited.is_none();
        self.sides.iter().all(idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn no(packet: u64) -> PacketNo {
        PacketNo::new(packet).unwrap()
    }

    fn delays(stalls: &Stalls, start: u64, len: u64, now: i64) -> Vec<(Label, i64, u64)> {
        let delays = stalls.of_message(Dir::C2s, Span::tcp(start, len), true, Timestamp(now * MS));
        let told = delays.into_iter().flatten();
        told.map(|it| (it.label, it.since.unwrap() / MS, it.of.unwrap().get()))
            .collect()
    }

    #[test]
    fn a_message_behind_a_hole_is_held_up() {
        let mut stalls = Stalls::default();
        stalls.early(Dir::C2s, (10, 20), no(3), Timestamp(0));
        assert_eq!(delays(&stalls, 0, 10, 7), [], "it was in the hole");
        assert_eq!(delays(&stalls, 10, 10, 7), [(Label::HeadOfLine, 7, 3)]);
        assert_eq!(delays(&stalls, 10, 10, 0), [], "not for a millisecond");
        stalls.filled(Dir::C2s);
        assert_eq!(delays(&stalls, 10, 10, 9), []);
        assert!(stalls.is_over());
    }

    #[test]
    fn a_closed_window_holds_up_what_is_on_its_way() {
        let mut stalls = Stalls::default();
        stalls.window(Dir::C2s, false, 10, no(4), Timestamp(MS));
        stalls.window(Dir::C2s, true, 10, no(5), Timestamp(51 * MS));
        assert_eq!(delays(&stalls, 0, 20, 52), [(Label::WindowDelay, 50, 4)]);
        assert_eq!(delays(&stalls, 0, 10, 52), [], "all of it had been sent");
        assert_eq!(
            delays(&stalls, 10, 10, 52),
            [],
            "when it was written is not known"
        );
        // Closed and opened once more before the message is whole.
        stalls.window(Dir::C2s, false, 15, no(7), Timestamp(60 * MS));
        stalls.window(Dir::C2s, false, 15, no(8), Timestamp(61 * MS));
        stalls.window(Dir::C2s, true, 15, no(9), Timestamp(64 * MS));
        assert_eq!(delays(&stalls, 0, 20, 65), [(Label::WindowDelay, 54, 4)]);
        stalls.told(Dir::C2s, 10);
        assert!(!stalls.is_over());
        stalls.told(Dir::C2s, 20);
        assert!(stalls.is_over());
    }

    #[test]
    fn a_message_right_after_a_delayed_acknowledgement_had_waited_for_it() {
        let mut stalls = Stalls::default();
        stalls.waited(Dir::C2s, 10, no(6), 40 * MS);
        assert_eq!(delays(&stalls, 10, 5, 41), [(Label::NagleDelay, 40, 6)]);
        assert_eq!(delays(&stalls, 15, 5, 41), []);
    }
}
