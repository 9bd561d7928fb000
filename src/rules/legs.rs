//! One session on both sides of an intermediary: what went in, and how it came out.

use super::history::At;
use crate::model::{ConnId, Dir, EventId, Message};
use foldhash::quality::RandomState;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;

/// Pairs of connections that carry the same session, one before the intermediary and one behind it.
#[derive(Debug, Default)]
pub struct Legs {
    legs: HashMap<ConnId, Leg>,
    seed: RandomState,
    /// The message at hand came out in other fragments: how many went in, and the event that has them.
    changed: Option<(u32, EventId)>,
}

#[derive(Debug)]
struct Leg {
    /// The connection on the other side of the intermediary.
    other: ConnId,
    /// It is the one that the client opened.
    first: bool,
    /// Messages that went into the intermediary on this side, and did not come out so far.
    inside: VecDeque<Went>,
}

/// A message on its way.
#[derive(Clone, Copy, Debug)]
struct Went {
    length: u64,
    digest: u64,
    frames: u32,
    event: EventId,
}

/// How many messages may be inside an intermediary; the oldest goes first.
const INSIDE: usize = 1024;

impl Legs {
    /// The second connection carries on what the first one asked for.
    pub fn pair(&mut self, first: ConnId, second: ConnId) {
        // Of a chain of intermediaries the first one is looked at.
        if self.legs.contains_key(&first) || self.legs.contains_key(&second) {
            return;
        }
        for (conn, other, is_first) in [(first, second, true), (second, first, false)] {
            let leg = Leg {
                other,
                first: is_first,
                inside: VecDeque::new(),
            };
            self.legs.insert(conn, leg);
        }
    }

    /// Something of this connection was not captured: which message is which is not known any more.
    pub fn lose(&mut self, conn: ConnId) {
        if let Some(leg) = self.legs.remove(&conn) {
            self.legs.remove(&leg.other);
        }
    }

    /// Nothing more comes of this connection.
    pub fn over(&mut self, conn: ConnId) {
        self.lose(conn);
    }

    /// A message of this connection is complete.
    pub fn passed(&mut self, conn: ConnId, dir: Dir, message: &Message, payload: &[u8], at: At) {
        self.changed = None;
        let Some(leg) = self.legs.get(&conn) else {
            return;
        };
        if !message.kind.is_data() {
            return;
        }
        if !message.complete || payload.len() as u64 != message.length {
            return self.lose(conn);
        }
        let went = Went {
            length: message.length,
            digest: self.seed.hash_one(payload),
            frames: message.frames,
            event: at.id,
        };
        let goes_in = leg.first == (dir == Dir::C2s);
        let other = leg.other;
        if goes_in && let Some(leg) = self.legs.get_mut(&conn) {
            if leg.inside.len() == INSIDE {
                leg.inside.pop_front();
            }
            leg.inside.push_back(went);
        } else if let Some(leg) = self.legs.get_mut(&other) {
            let same = |it: &Went| it.length == went.length && it.digest == went.digest;
            let Some(which) = leg.inside.iter().position(same) else {
                return;
            };
            let before = leg.inside.drain(..=which).next_back();
            self.changed = before
                .filter(|before| before.frames != went.frames)
                .map(|before| (before.frames, before.event));
        }
    }

    /// Whether this connection is one of a pair.
    pub fn has(&self, conn: ConnId) -> bool {
        self.legs.contains_key(&conn)
    }

    /// How many fragments the message at hand had when it went in, and the event that says so; none
    /// where it came out as it went in.
    pub fn changed(&self) -> Option<(u32, EventId)> {
        self.changed
    }
}
