//! What one side has sent and the other has not acknowledged yet.

use super::labels::above;
use crate::model::{PacketNo, Timestamp};
use std::collections::VecDeque;

/// Segments on their way, oldest first.
///
/// Most of the time there is none or one, and that one needs no allocation.
#[derive(Clone, Debug, Default)]
pub struct Unacked {
    first: Option<Sent>,
    /// Only while there are more.
    #[expect(clippy::box_collection, reason = "most of the time there are none")]
    more: Option<Box<VecDeque<Sent>>>,
}

/// A segment that was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sent {
    /// The packet that carried it.
    pub packet: PacketNo,
    /// Its first sequence number that is not acknowledged.
    pub seq: u32,
    /// The sequence number after its last.
    pub end: u32,
    /// When it came.
    pub time: Timestamp,
}

/// How many segments are remembered at most; what comes beyond is not.
const MOST: usize = 1000;

impl Unacked {
    /// Adds a segment.
    pub fn push(&mut self, sent: Sent) {
        if self.first.is_none() {
            self.first = Some(sent);
            return;
        }
        let more = self.more.get_or_insert_default();
        if more.len() < MOST {
            more.push_back(sent);
        }
    }

    /// Takes an acknowledgement: gives the last segment that ends exactly there, with its age, and
    /// how many segments were confirmed as a whole.
    pub fn acknowledge(&mut self, ack: u32, now: Timestamp) -> (Option<(PacketNo, i64)>, u32) {
        let mut exact = None;
        let mut count = 0;
        let mut keep = |sent: &mut Sent| {
            if sent.end == ack {
                // Of several, Wireshark names the one that was sent first.
                exact = exact.or(Some((sent.packet, now.since(sent.time))));
            } else if above(sent.end, ack) {
                if above(ack, sent.seq) {
                    sent.seq = ack;
                }
                return true;
            }
            count += 1;
            false
        };
        if self.first.as_mut().is_some_and(|sent| !keep(sent)) {
            self.first = None;
        }
        if let Some(more) = &mut self.more {
            more.retain_mut(keep);
            if self.first.is_none() {
                self.first = more.pop_front();
            }
            if more.is_empty() {
                // A connection that rests gives back what a burst took.
                self.more = None;
            }
        }
        (exact, count)
    }

    /// The first that begins here.
    #[must_use]
    pub fn find(&self, seq: u32) -> Option<Sent> {
        self.iter().find(|sent| sent.seq == seq).copied()
    }

    /// The one that was sent first.
    #[must_use]
    pub fn oldest(&self) -> Option<Sent> {
        self.first
    }

    /// Sequence numbers from the lowest to the highest.
    #[must_use]
    pub fn extent(&self) -> Option<u32> {
        let mut bounds = None;
        for sent in self.iter() {
            let (low, high) = bounds.unwrap_or((sent.seq, sent.end));
            bounds = Some((
                if above(low, sent.seq) { sent.seq } else { low },
                if above(sent.end, high) {
                    sent.end
                } else {
                    high
                },
            ));
        }
        bounds.map(|(low, high)| high.wrapping_sub(low))
    }

    fn iter(&self) -> impl Iterator<Item = &Sent> {
        self.first
            .iter()
            .chain(self.more.iter().flat_map(|more| more.iter()))
    }
}
