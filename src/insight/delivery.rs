//! Polling, long polling and server-sent events beside WebSocket: what an update costs each way.

use super::heartbeat::median;
use super::say;
use crate::model::{
    ConnId, Delivery, Dir, Endpoint, Event, EventKind, Flow, Header, Http, InsightKind, Place,
    Request, Response, Timestamp, Way, Ws,
};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher as _};
use std::net::IpAddr;

/// Everything of the capture that may bring updates.
#[derive(Debug, Default)]
pub struct Market {
    stalls: BTreeMap<Key, Stall>,
    given_up: u64,
}

/// Who asks whom for what, and whether as events or as messages.
type Key = (Endpoint, IpAddr, String, Sort);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Sort {
    Answers,
    Events,
    Messages,
}

/// One thing that is asked for.
#[derive(Debug)]
struct Stall {
    conn: ConnId,
    flow: Flow,
    requests: u64,
    updates: u64,
    bytes: u64,
    /// The last body that brought something.
    body: Option<u64>,
    /// When it was asked for and answered last.
    asked: Option<Timestamp>,
    answered: Option<Timestamp>,
    /// How long answers took, between one request and the next, and from answer to request.
    held: Vec<i64>,
    periods: Vec<i64>,
    gaps: Vec<i64>,
}

/// Things asked for that are told apart, and times that are kept of each.
const STALLS: usize = 4096;
const TIMES: usize = 1000;

/// An answer that takes this long, mostly, was held back until there was something.
const HELD: i64 = 100_000_000;

/// One request is no polling yet.
const POLLS: u64 = 3;

/// What a connection is asked for at the moment.
#[derive(Debug, Default)]
pub struct Exchange {
    key: Option<Key>,
    /// Bytes on the wire, and messages, since it was asked for.
    bytes: u64,
    messages: u64,
    answer: Option<Box<Answer>>,
    /// Bytes of the server that came and are not yet known to be body or head; where they begin.
    fresh: Vec<u8>,
    at: u64,
    over: bool,
}

/// An answer that is coming.
#[derive(Debug)]
struct Answer {
    ok: bool,
    /// Body bytes that are still to come, where the head says.
    left: Option<u64>,
    length: u64,
    hash: DefaultHasher,
    events: Option<Events>,
}

/// Counts server-sent events.   HTML Living Standard section 9.2.6
#[derive(Debug, Default)]
struct Events {
    line: Vec<u8>,
    data: bool,
    count: u64,
}

impl Exchange {
    pub fn wire(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// Takes the next bytes of the server: what came before them is told apart by now.
    pub fn stream(&mut self, at: u64, bytes: &[u8]) {
        if self.over || self.key.is_none() {
            return;
        }
        let fresh = std::mem::take(&mut self.fresh);
        self.body(&fresh);
        self.fresh = fresh;
        self.fresh.clear();
        self.fresh.extend_from_slice(bytes);
        self.at = at;
    }

    fn body(&mut self, bytes: &[u8]) {
        let Some(answer) = &mut self.answer else {
            return;
        };
        let len = answer.left.map_or(bytes.len(), |left| {
            bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX))
        });
        let bytes = bytes.get(..len).unwrap_or_default();
        answer.left = answer.left.map(|left| left - len as u64);
        answer.length += len as u64;
        answer.hash.write(bytes);
        if let Some(events) = &mut answer.events {
            bytes.iter().for_each(|&byte| events.byte(byte));
        }
    }

    pub fn look(&mut self, event: &Event, flow: &Flow, market: &mut Market) {
        match &event.kind {
            EventKind::Http(Http::Request(request)) => self.asked(event, request, flow, market),
            EventKind::Http(Http::Response(response)) => {
                // What came before the head belongs to the answer before.
                let fresh = std::mem::take(&mut self.fresh);
                let place = |offset: u64| {
                    usize::try_from(offset.saturating_sub(self.at))
                        .map_or(fresh.len(), |at| at.min(fresh.len()))
                };
                let (before, after) = (place(event.span.start), place(event.span.end()));
                self.body(fresh.get(..before).unwrap_or_default());
                self.settle(market);
                self.at = event.span.end();
                self.answered(event, response, market);
                self.fresh = fresh.get(after..).unwrap_or_default().to_vec();
            }
            EventKind::Ws(Ws::Open(open)) => {
                let path = open.uri.as_deref().map_or(String::new(), path);
                self.answer = None;
                self.fresh = Vec::new();
                self.over = true;
                self.count(market);
                self.switch(event, flow, (path, Sort::Messages), market);
            }
            EventKind::Ws(Ws::Message(message))
                if message.kind.is_data() && event.dir == Some(Dir::S2c) =>
            {
                self.messages += u64::from(self.key.is_some());
            }
            _ => {}
        }
    }

    fn asked(&mut self, event: &Event, request: &Request, flow: &Flow, market: &mut Market) {
        let target = String::from_utf8_lossy(&request.target);
        self.pay(market);
        self.key = None;
        if request.method != b"GET" || request.all("upgrade").next().is_some() {
            return;
        }
        self.switch(event, flow, (path(&target), Sort::Answers), market);
        if let Some(stall) = self.stall(market) {
            if let Some(last) = stall.asked.replace(event.time) {
                keep(&mut stall.periods, event.time.since(last));
            }
            if let Some(answered) = stall.answered.take() {
                keep(&mut stall.gaps, event.time.since(answered));
            }
        }
    }

    fn answered(&mut self, event: &Event, response: &Response, market: &mut Market) {
        if matches!(response.status, 100..=199) {
            return;
        }
        let is_events = named(&response.headers, b"content-type")
            .is_some_and(|value| value.starts_with(b"text/event-stream"));
        if is_events && let Some((server, client, path, _)) = self.key.take() {
            // It is no poll: it moves to a place of its own.
            let poll = (server, client, path.clone(), Sort::Answers);
            let moved = market.stalls.get_mut(&poll).map(|stall| {
                stall.requests -= stall.requests.min(1);
                (stall.conn, stall.flow, stall.requests)
            });
            if let Some((conn, flow, left)) = moved {
                if left == 0 {
                    market.stalls.remove(&poll);
                }
                self.enter((server, client, path, Sort::Events), conn, flow, market);
            }
        }
        if let Some(stall) = self.stall(market) {
            if let Some(asked) = stall.asked {
                keep(&mut stall.held, event.time.since(asked));
            }
            stall.answered = Some(event.time);
        }
        let length = named(&response.headers, b"content-length")
            .and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
        self.answer = Some(Box::new(Answer {
            ok: response.status == 200,
            left: length,
            length: 0,
            hash: DefaultHasher::new(),
            events: is_events.then(Events::default),
        }));
    }

    /// Counts what the last answer brought.
    fn settle(&mut self, market: &mut Market) {
        let Some(answer) = self.answer.take() else {
            return;
        };
        let Some(stall) = self.stall(market) else {
            return;
        };
        match answer.events {
            Some(events) => stall.updates += events.count,
            None if answer.ok && answer.length > 0 => {
                let body = Some(answer.hash.finish());
                stall.updates += u64::from(stall.body != body);
                stall.body = body;
            }
            None => {}
        }
    }

    fn switch(
        &mut self,
        event: &Event,
        flow: &Flow,
        (path, sort): (String, Sort),
        market: &mut Market,
    ) {
        let key = (flow.server, flow.client.ip, path, sort);
        self.enter(key, event.conn, *flow, market);
    }

    fn enter(&mut self, key: Key, conn: ConnId, flow: Flow, market: &mut Market) {
        if !market.stalls.contains_key(&key) && market.stalls.len() >= STALLS {
            market.given_up += 1;
            self.key = None;
            return;
        }
        let stall = market.stalls.entry(key.clone()).or_insert_with(|| Stall {
            conn,
            flow,
            requests: 0,
            updates: 0,
            bytes: 0,
            body: None,
            asked: None,
            answered: None,
            held: Vec::new(),
            periods: Vec::new(),
            gaps: Vec::new(),
        });
        stall.requests += 1;
        self.key = Some(key);
    }

    fn stall<'m>(&self, market: &'m mut Market) -> Option<&'m mut Stall> {
        market.stalls.get_mut(self.key.as_ref()?)
    }

    /// Puts the bytes since the last request to what it asked for.
    fn pay(&mut self, market: &mut Market) {
        let fresh = std::mem::take(&mut self.fresh);
        self.body(&fresh);
        self.settle(market);
        if let Some(stall) = self.stall(market) {
            stall.bytes += std::mem::take(&mut self.bytes);
        }
        self.count(market);
    }

    /// Puts the messages that came to what was asked for.
    fn count(&mut self, market: &mut Market) {
        let messages = std::mem::take(&mut self.messages);
        if let Some(stall) = self.stall(market) {
            stall.updates += messages;
        }
    }

    /// Nothing more comes of the connection.
    pub fn over(&mut self, market: &mut Market) {
        self.pay(market);
    }
}

impl Events {
    fn byte(&mut self, byte: u8) {
        match byte {
            b'\n' => {
                let line = std::mem::take(&mut self.line);
                // The sizes of chunks look like fields that nobody knows.
                match line.as_slice() {
                    [] => self.count += u64::from(std::mem::take(&mut self.data)),
                    line => self.data |= line.starts_with(b"data"),
                }
            }
            b'\r' => {}
            // Only the name of the field matters.
            byte if self.line.len() < 8 => self.line.push(byte),
            _ => {}
        }
    }
}

/// What one way cost so far: where it was seen first, and how long updates waited.
type Sum = (ConnId, Flow, Delivery, Vec<i64>);

impl Market {
    /// What updates cost, where at least one way is not WebSocket: one entry for each way and path.
    pub fn sum(&mut self) -> Vec<(ConnId, Flow, Place, EventKind)> {
        let mut sums: BTreeMap<(Endpoint, Way, String), Sum> = BTreeMap::new();
        for ((server, _, path, sort), stall) in std::mem::take(&mut self.stalls) {
            let long = median(&stall.held).is_some_and(|held| held >= HELD);
            let (way, waits) = match sort {
                Sort::Messages => (Way::WebSocket, Vec::new()),
                Sort::Events => (Way::Sse, Vec::new()),
                Sort::Answers if stall.requests < POLLS => continue,
                Sort::Answers if long => (Way::LongPolling, stall.gaps),
                Sort::Answers => (Way::Polling, stall.periods),
            };
            let entry = sums.entry((server, way, path.clone()));
            let (_, _, sum, waited) = entry.or_insert_with(|| {
                let sum = Delivery {
                    way,
                    path,
                    requests: 0,
                    updates: 0,
                    bytes: 0,
                    waited: None,
                };
                (stall.conn, stall.flow, sum, Vec::new())
            });
            sum.requests += stall.requests;
            sum.updates += stall.updates;
            sum.bytes += stall.bytes;
            waited.extend(waits);
        }
        if !sums.keys().any(|(_, way, _)| *way != Way::WebSocket) {
            return Vec::new();
        }
        let mut said = Vec::new();
        for (conn, flow, mut sum, waited) in sums.into_values() {
            sum.waited = median(&waited);
            let kind = InsightKind::Delivery(Box::new(sum));
            said.push((conn, flow, Place::default(), say(None, kind)));
        }
        if let (Some(&(conn, flow, ..)), 1..) = (said.first(), self.given_up) {
            let kind = InsightKind::GivenUp {
                what: "requests for more than 4,096 different things, not counted as polling",
                count: self.given_up,
            };
            said.push((conn, flow, Place::default(), say(None, kind)));
        }
        said
    }
}

fn keep(times: &mut Vec<i64>, time: i64) {
    if times.len() < TIMES {
        times.push(time);
    }
}

/// A request target without its query, not too long.
fn path(target: &str) -> String {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    path.chars().take(64).collect()
}

fn named<'a>(headers: &'a [Header], name: &[u8]) -> Option<&'a [u8]> {
    headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case(name))
        .map(|header| header.value.as_slice())
}
