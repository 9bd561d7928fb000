//! Requests inside the socket and their answers, paired by the ids that their format gives them.

use super::heartbeat::median;
use super::say;
use crate::model::{
    Answered, Dir, Event, EventId, EventKind, InsightKind, Label, Pairs, Place, Remark, SessionId,
    Timestamp, Unanswered,
};
use std::collections::{BTreeMap, VecDeque};

/// The requests of both sides of a session.
#[derive(Debug, Default)]
pub struct Book {
    /// What waits, by who asked, format and id.
    waiting: BTreeMap<(Dir, &'static str, String), Asked>,
    /// The same, the oldest first; some of them answered meanwhile.
    order: VecDeque<(EventId, (Dir, &'static str, String))>,
    /// What was asked, by who asked, format and name.
    names: BTreeMap<(Dir, &'static str, Option<String>), Tally>,
    given_up: u64,
    unnamed: u64,
    /// What happened to TCP lately.
    remarks: VecDeque<(Timestamp, EventId, Label)>,
    /// Answers of this direction may be missing.
    doubt: [bool; 2],
}

#[derive(Debug)]
struct Asked {
    id: EventId,
    time: Timestamp,
    name: Option<String>,
    /// An answer came, and more may.
    begun: bool,
}

#[derive(Debug, Default)]
struct Tally {
    asked: u64,
    answered: u64,
    failed: u64,
    times: Vec<i64>,
    longest: Option<i64>,
}

/// Requests that may wait at once, and how many different names are told apart, per session.
const WAITING: usize = 1024;
const NAMES: usize = 32;

/// Times kept for a median, per name.
const TIMES: usize = 1000;

/// Things that happened to TCP that are remembered.
const REMARKS: usize = 64;

/// Unanswered requests that are named one by one, per session.
const LISTED: usize = 20;

/// Characters of an id or a name.
const SHORT: usize = 64;

/// An answer is an outlier from so many times the median on, and never below this.
const FAR: i64 = 5;
const NOTABLE: i64 = 10_000_000;

impl Book {
    /// Answers of this direction may be missing from here on.
    pub fn doubt(&mut self, dir: Dir) {
        *dir.of_mut(&mut self.doubt) = true;
    }

    /// Something that happened to TCP.
    pub fn remark(&mut self, event: &Event, remark: &Remark) {
        if weight(remark.label) == 0 {
            return;
        }
        if self.remarks.len() == REMARKS {
            self.remarks.pop_front();
        }
        self.remarks.push_back((event.time, event.id, remark.label));
    }

    pub fn ask(
        &mut self,
        dir: Dir,
        event: &Event,
        format: &'static str,
        id: String,
        name: Option<String>,
    ) {
        let name = name.map(short);
        let key = (dir, format, id);
        let mut tally = (dir, format, name.clone());
        if self.names.len() >= NAMES && !self.names.contains_key(&tally) {
            tally.2 = None;
            self.unnamed += 1;
        }
        self.names.entry(tally).or_default().asked += 1;
        let asked = Asked {
            id: event.id,
            time: event.time,
            name,
            begun: false,
        };
        self.order.push_back((event.id, key.clone()));
        self.waiting.insert(key, asked);
        while self.waiting.len() > WAITING || self.order.len() > 2 * WAITING {
            let Some((event, key)) = self.order.pop_front() else {
                break;
            };
            if self
                .waiting
                .get(&key)
                .is_some_and(|asked| asked.id == event)
            {
                self.waiting.remove(&key);
                self.given_up += 1;
            }
        }
    }

    pub fn cancel(&mut self, dir: Dir, format: &'static str, id: String) {
        self.waiting.remove(&(dir, format, id));
    }

    /// An answer of the side that sends in `dir`.
    pub fn answer(
        &mut self,
        session: SessionId,
        dir: Dir,
        event: &Event,
        (format, id): (&'static str, String),
        (failed, last): (bool, bool),
    ) -> Option<(Place, EventKind)> {
        let key = (dir.flip(), format, id);
        let asked = self.waiting.get_mut(&key)?;
        let first = !asked.begun;
        asked.begun = true;
        let (request, sent, name) = (asked.id, asked.time, asked.name.clone());
        if last {
            self.waiting.remove(&key);
        }
        if !first {
            return None;
        }
        let nanos = event.time.since(sent);
        let named = (dir.flip(), format, name.clone());
        let unnamed = (dir.flip(), format, None);
        let place = if self.names.contains_key(&named) {
            named
        } else {
            unnamed
        };
        let tally = self.names.entry(place).or_default();
        tally.answered += 1;
        tally.failed += u64::from(failed);
        let usual = match tally.times.len() {
            0..4 => None,
            _ => median(&tally.times),
        };
        if tally.times.len() < TIMES {
            tally.times.push(nanos);
        }
        tally.longest = tally.longest.max(Some(nanos));
        let outlier = usual.filter(|usual| nanos >= NOTABLE.max(FAR.saturating_mul(*usual)));
        // Without others to compare with, a fifth of a second is late.
        let late = outlier.is_some() || usual.is_none() && nanos >= 200_000_000;
        let answered = Answered {
            format,
            id: short(key.2),
            name,
            nanos,
            failed,
            outlier: outlier.map(|usual| (nanos / usual.max(1)).unsigned_abs()),
            meanwhile: late.then(|| self.meanwhile(sent, event.time)).flatten(),
        };
        let place = Place {
            dir: Some(dir),
            span: event.span,
            first: Some(event.first),
            about: Some(request),
            trust: event.trust,
        };
        let kind = InsightKind::Answered(Box::new(answered));
        Some((place, say(Some(session), kind)))
    }

    /// The gravest thing that happened to TCP between these times.
    fn meanwhile(&self, from: Timestamp, to: Timestamp) -> Option<(EventId, Label)> {
        self.remarks
            .iter()
            .filter(|(time, ..)| (from..=to).contains(time))
            .max_by_key(|(time, _, label)| (weight(*label), std::cmp::Reverse(*time)))
            .map(|&(_, id, label)| (id, label))
    }

    /// What was asked in all, and what was never answered.
    pub fn sum(&mut self, session: SessionId, now: Timestamp) -> Vec<(Place, EventKind)> {
        let mut said = Vec::new();
        let at = |dir| Place {
            dir: Some(dir),
            ..Place::default()
        };
        let mut open: Vec<_> = std::mem::take(&mut self.waiting)
            .into_iter()
            .filter(|((dir, ..), asked)| !asked.begun && !*dir.flip().of(&self.doubt))
            .collect();
        open.sort_by_key(|(_, asked)| asked.id);
        let more = open.len().saturating_sub(LISTED);
        for ((dir, format, id), asked) in open.into_iter().take(LISTED) {
            let place = Place {
                about: Some(asked.id),
                ..at(dir)
            };
            let unanswered = Unanswered {
                format,
                id: short(id),
                name: asked.name,
                waited: now.since(asked.time),
            };
            let kind = InsightKind::Unanswered(Box::new(unanswered));
            said.push((place, say(Some(session), kind)));
        }
        let limits = [
            (
                more as u64,
                "unanswered requests that are not listed one by one",
            ),
            (
                self.given_up,
                "requests that waited while more than 1,024 did",
            ),
            (
                self.unnamed,
                "requests counted without their name, for there are more than 32",
            ),
        ];
        for (count, what) in limits {
            if count > 0 {
                let kind = InsightKind::GivenUp { what, count };
                said.push((Place::default(), say(Some(session), kind)));
            }
        }
        for ((dir, format, name), tally) in std::mem::take(&mut self.names) {
            let pairs = Pairs {
                format,
                name,
                asked: tally.asked,
                answered: tally.answered,
                failed: tally.failed,
                median: median(&tally.times),
                longest: tally.longest,
            };
            let kind = InsightKind::Pairs(Box::new(pairs));
            said.push((at(dir), say(Some(session), kind)));
        }
        said
    }
}

fn short(text: String) -> String {
    match text.char_indices().nth(SHORT) {
        Some((at, _)) => text.chars().take(SHORT.min(at)).collect(),
        None => text,
    }
}

/// How well something that happened to TCP explains a late answer; 0 for what does not.
fn weight(label: Label) -> u8 {
    match label {
        Label::TimeoutRetransmission | Label::FilledLate => 5,
        Label::FastRetransmission | Label::Retransmission => 4,
        Label::ZeroWindow | Label::WindowDelay => 3,
        Label::HeadOfLine | Label::Hole => 2,
        Label::NagleDelay | Label::WindowFull => 1,
        Label::Reordered
        | Label::SpuriousRetransmission
        | Label::Copy
        | Label::NewData
        | Label::KeepAlive
        | Label::KeepAliveAck
        | Label::ZeroWindowProbe
        | Label::ZeroWindowProbeAck
        | Label::DuplicateAck
        | Label::AckOfUnseen
        | Label::WindowUpdate
        | Label::ReusedPorts
        | Label::Silence => 0,
    }
}
