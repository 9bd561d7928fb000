//! Pings and their pongs: round trips, periods, and what was never answered.
//!
//! WebSocket's own (RFC 6455 section 5.5.2), those of the application, and TCP's probes.

use super::say;
use crate::model::{
    Beat, Dir, Event, EventId, EventKind, InsightKind, Place, SessionId, Timestamp,
};
use std::collections::VecDeque;

/// The heartbeats of one side, by whose they are.
#[derive(Debug, Default)]
pub struct Heartbeats {
    kinds: Vec<Heartbeat>,
    /// Answers may be missing.
    doubt: bool,
}

/// The pings of one side, of one sort.
#[derive(Debug)]
struct Heartbeat {
    by: Beat,
    pings: u32,
    answered: u32,
    /// No answer is due.
    alone: bool,
    last: Option<Timestamp>,
    /// Those that wait, the oldest first.
    waiting: VecDeque<(EventId, Timestamp, Box<[u8]>)>,
    periods: Vec<i64>,
    round_trips: Vec<i64>,
}

/// How many pings may wait, and how many times are kept for a median.
const KEPT: usize = 1024;

impl Heartbeats {
    /// Answers may be missing from here on.
    pub fn doubt(&mut self) {
        self.doubt = true;
    }

    /// A ping of this side that wants an answer equal to `key`, or none.
    pub fn ping(&mut self, by: Beat, event: &Event, key: Option<&[u8]>) {
        let place = self.kinds.iter().position(|it| it.by == by);
        let place = place.unwrap_or_else(|| {
            self.kinds.push(Heartbeat::new(by));
            self.kinds.len() - 1
        });
        if let Some(beat) = self.kinds.get_mut(place) {
            beat.ping(event, key);
        }
    }

    /// A pong of the other side answers the newest ping that it equals; anything, where TCP says so.
    pub fn pong(
        &mut self,
        session: Option<SessionId>,
        by: Beat,
        event: &Event,
        key: &[u8],
    ) -> Option<(Place, EventKind)> {
        if self.doubt {
            return None;
        }
        let beat = self.kinds.iter_mut().find(|it| it.by == by)?;
        let (ping, nanos) = beat.pong(event, key)?;
        // The timeline has TCP's probes and answers already.
        (by != Beat::Tcp).then(|| {
            let place = Place {
                dir: event.dir,
                span: event.span,
                first: Some(event.first),
                about: Some(ping),
                trust: event.trust,
            };
            (place, say(session, InsightKind::RoundTrip { by, nanos }))
        })
    }

    /// What this side's pings were like in all.
    pub fn sum(
        &self,
        session: Option<SessionId>,
        dir: Dir,
    ) -> impl Iterator<Item = (Place, EventKind)> {
        let place = Place {
            dir: Some(dir),
            ..Place::default()
        };
        let kinds = self.kinds.iter().filter(|beat| beat.pings > 0);
        kinds.map(move |beat| (place, say(session, beat.sum(self.doubt))))
    }
}

impl Heartbeat {
    fn new(by: Beat) -> Self {
        Self {
            by,
            pings: 0,
            answered: 0,
            alone: true,
            last: None,
            waiting: VecDeque::new(),
            periods: Vec::new(),
            round_trips: Vec::new(),
        }
    }

    fn ping(&mut self, event: &Event, key: Option<&[u8]>) {
        self.pings += 1;
        if let Some(last) = self.last.replace(event.time)
            && self.periods.len() < KEPT
        {
            self.periods.push(event.time.since(last));
        }
        let Some(key) = key else {
            return;
        };
        self.alone = false;
        if self.waiting.len() == KEPT {
            self.waiting.pop_front();
        }
        self.waiting.push_back((event.id, event.time, key.into()));
    }

    fn pong(&mut self, event: &Event, key: &[u8]) -> Option<(EventId, i64)> {
        let equal = |(_, _, ping): &(_, _, Box<[u8]>)| **ping == *key;
        let which = self.waiting.iter().rposition(equal)?;
        let (ping, sent, _) = self.waiting.drain(..=which).next_back()?;
        let nanos = event.time.since(sent);
        self.answered += 1;
        if self.round_trips.len() < KEPT {
            self.round_trips.push(nanos);
        }
        Some((ping, nanos))
    }

    fn sum(&self, doubt: bool) -> InsightKind {
        // An application that never answered may not mean its pings to be answered.
        let alone = self.alone || self.by == Beat::Application && self.answered == 0;
        InsightKind::Heartbeat {
            by: self.by,
            pings: self.pings,
            answered: (!alone && !doubt).then_some(self.answered),
            period: (self.periods.len() >= 2)
                .then(|| median(&self.periods))
                .flatten(),
            round_trip: median(&self.round_trips),
        }
    }
}

/// The middle one of these times; none of none.
pub fn median(times: &[i64]) -> Option<i64> {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}
