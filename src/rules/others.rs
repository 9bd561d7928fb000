//! What happened in other connections: keys that were used, handshakes that wait, ends.

use super::legs::Legs;
use super::refused::Refusals;
use crate::model::{ConnId, Endpoint, Flow, Timestamp};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;

/// Every connection of the capture, as far as the rules ask.
#[derive(Debug, Default)]
pub struct Others {
    /// Who used a key first, and when that handshake was answered.
    keys: HashMap<Box<[u8]>, (ConnId, Option<Timestamp>)>,
    /// The same keys in the order in which they came: the oldest are forgotten.
    order: VecDeque<Box<[u8]>>,
    /// Handshakes without an answer: of which client with which server, and since when.
    waiting: HashMap<ConnId, Between>,
    queues: HashMap<Between, BTreeMap<ConnId, Timestamp>>,
    /// Sessions that went through an intermediary, of which both sides are in the capture.
    pub legs: Legs,
    /// Answers that sent a client elsewhere.
    pub refused: Refusals,
    /// How clients fared with servers that cut their sessions.
    pairs: HashMap<Between, Pair>,
}

/// A client's address and a server.
type Between = (IpAddr, Endpoint);

fn between(flow: &Flow) -> Between {
    (flow.client.ip, flow.server)
}

/// One client address and one server.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pair {
    /// When the last session ended abnormally.
    pub cut: Option<Timestamp>,
    /// Reconnections in a row, each within a second of an abnormal end.
    pub hasty: u32,
    /// The shortest silence, nanoseconds, after which a session was cut.
    pub silence: Option<i64>,
}

/// How many keys are remembered, and how many pairs of a client and a server.
const KEYS: usize = 1 << 16;

impl Others {
    pub fn asked(&mut self, conn: ConnId, flow: &Flow, key: Option<&[u8]>, time: Timestamp) {
        if let Some(key) = key {
            let (user, answered) = *self.keys.entry(key.into()).or_insert_with(|| {
                self.order.push_back(key.into());
                (conn, None)
            });
            if self.order.len() > KEYS
                && let Some(oldest) = self.order.pop_front()
            {
                self.keys.remove(&oldest);
            }
            // The same request on its way through an intermediary: that it has no answer yet tells.
            if user != conn && answered.is_none() && self.waiting.contains_key(&user) {
                self.legs.pair(user, conn);
            }
        }
        self.waits(conn, between(flow), time);
        if let Some(pair) = self.pairs.get_mut(&between(flow)) {
            match pair.cut.take() {
                Some(cut) if time.since(cut) < 1_000_000_000 => pair.hasty += 1,
                _ => pair.hasty = 0,
            }
        }
    }

    fn waits(&mut self, conn: ConnId, between: Between, since: Timestamp) {
        self.waits_no_more(conn);
        self.waiting.insert(conn, between);
        let queue = self.queues.entry(between).or_default();
        queue.insert(conn, since);
    }

    fn waits_no_more(&mut self, conn: ConnId) {
        if let Some(between) = self.waiting.remove(&conn)
            && let Entry::Occupied(mut queue) = self.queues.entry(between)
        {
            queue.get_mut().remove(&conn);
            if queue.get().is_empty() {
                queue.remove();
            }
        }
    }

    pub fn answered(&mut self, conn: ConnId, key: Option<&[u8]>, time: Timestamp) {
        self.waits_no_more(conn);
        if let Some((user, answered)) = key.and_then(|key| self.keys.get_mut(key))
            && *user == conn
        {
            *answered = Some(time);
        }
    }

    /// The connection gave no answer and never will.
    pub fn over(&mut self, conn: ConnId) {
        self.waits_no_more(conn);
        self.legs.over(conn);
    }

    /// The session was cut: neither side said close.
    pub fn cut(&mut self, flow: &Flow, time: Timestamp, silence: Option<i64>) {
        if self.pairs.len() > KEYS {
            // Whoever comes now was perhaps not cut before: nothing is said of it.
            self.pairs.clear();
        }
        let pair = self.pairs.entry(between(flow)).or_default();
        pair.cut = Some(time);
        if let Some(silence) = silence {
            pair.silence = Some(pair.silence.map_or(silence, |before| before.min(silence)));
        }
    }

    /// Another connection had used this key, and had its answer before this time. While it still
    /// waited, this may be the same request on its way through a proxy.
    pub fn used(&self, key: &[u8], conn: ConnId, time: Timestamp) -> Option<ConnId> {
        let &(user, answered) = self.keys.get(key)?;
        (user != conn && answered.is_some_and(|answered| answered < time)).then_some(user)
    }

    /// Handshakes of the same client with the same server that began after this time and wait.
    pub fn waiting(&self, flow: &Flow, conn: ConnId, since: Timestamp) -> usize {
        let queue = self.queues.get(&between(flow)).into_iter().flatten();
        queue
            .filter(|&(&other, &time)| other != conn && time >= since)
            .count()
    }

    /// Whether a session of this pair was cut less than a second before.
    pub fn is_hasty(&self, flow: &Flow, time: Timestamp) -> bool {
        let cut = self.pair(flow).cut;
        cut.is_some_and(|cut| (0..1_000_000_000).contains(&time.since(cut)))
    }

    pub fn pair(&self, flow: &Flow) -> Pair {
        self.pairs.get(&between(flow)).copied().unwrap_or_default()
    }
}
