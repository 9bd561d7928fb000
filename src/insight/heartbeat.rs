//! Pings and their pongs: round trips, periods, and what was never answered.   RFC 6455 section 5.5.2

use crate::model::{
    Dir, Event, EventId, EventKind, Insight, InsightKind, Kind, Loan, Message, Place, SessionId,
    Timestamp,
};
use std::collections::VecDeque;

/// The pings of one side.
#[derive(Debug, Default)]
pub struct Heartbeat {
    pings: u32,
    answered: u32,
    last: Option<Timestamp>,
    /// Those that wait, the oldest first.
    waiting: VecDeque<(EventId, Timestamp, Box<[u8]>)>,
    periods: Vec<i64>,
    round_trips: Vec<i64>,
    /// Pongs may be missing.
    doubt: bool,
}

/// How many pings may wait, and how many times are kept for a median.
const KEPT: usize = 1024;

impl Heartbeat {
    pub fn doubt(&mut self) {
        self.doubt = true;
    }

    /// Takes a message of this side.
    pub fn ping(&mut self, event: &Event, message: &Message, loan: Loan<'_>) {
        if message.kind != Kind::Ping {
            return;
        }
        self.pings += 1;
        if let Some(last) = self.last.replace(event.time)
            && self.periods.len() < KEPT
        {
            self.periods.push(event.time.since(last));
        }
        if self.waiting.len() == KEPT {
            self.waiting.pop_front();
        }
        self.waiting
            .push_back((event.id, event.time, loan.bytes.into()));
    }

    /// Takes a message of the other side; a pong answers the newest ping that it equals.
    pub fn pong(
        &mut self,
        session: SessionId,
        event: &Event,
        message: &Message,
        loan: Loan<'_>,
    ) -> Option<(Place, EventKind)> {
        if message.kind != Kind::Pong || self.doubt {
            return None;
        }
        let equal = |(_, _, payload): &(_, _, Box<[u8]>)| **payload == *loan.bytes;
        let which = self.waiting.iter().rposition(equal)?;
        let (ping, sent, _) = self.waiting.drain(..=which).next_back()?;
        let nanos = event.time.since(sent);
        self.answered += 1;
        if self.round_trips.len() < KEPT {
            self.round_trips.push(nanos);
        }
        let place = Place {
            dir: event.dir,
            span: event.span,
            first: Some(event.first),
            about: Some(ping),
            trust: event.trust,
        };
        let kind = InsightKind::RoundTrip { nanos };
        Some((place, say(session, kind)))
    }

    /// What this side's pings were like in all; nothing where there were none.
    pub fn sum(&self, session: SessionId, dir: Dir) -> Option<(Place, EventKind)> {
        let period = (self.periods.len() >= 2)
            .then(|| median(&self.periods))
            .flatten();
        let kind = InsightKind::Heartbeat {
            pings: self.pings,
            answered: self.answered,
            period,
            round_trip: median(&self.round_trips),
        };
        let place = Place {
            dir: Some(dir),
            ..Place::default()
        };
        (self.pings > 0 && !self.doubt).then(|| (place, say(session, kind)))
    }
}

fn say(session: SessionId, kind: InsightKind) -> EventKind {
    EventKind::Insight(Insight { session, kind })
}

fn median(times: &[i64]) -> Option<i64> {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}
