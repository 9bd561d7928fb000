//! What a connection cost on the wire, layer by layer: every byte of every packet in one row.
//!
//! ```text
//!  packet  = link + IP + TCP + what TCP carried
//!  carried = new bytes of the stream + bytes sent again + bytes that the capture cut off
//!  stream  = HTTP + frame headers + masks + payload + what was not decoded (or TLS)
//! ```

use crate::model::{
    Cost, Dir, Event, EventKind, Frame, Http, Insight, InsightKind, Place, SessionId, Space, Span,
    Wire, Ws,
};
use std::collections::VecDeque;
use std::ops::Range;

/// One connection's bytes.
#[derive(Debug, Default)]
pub struct Meter {
    sides: [Side; 2],
    http: bool,
    tls: bool,
    open: bool,
}

#[derive(Debug, Default)]
struct Side {
    cost: Cost,
    carried: u64,
    /// Bytes of the stream that were captured, and the offset behind the last.
    stream: u64,
    end: u64,
    /// Holes in it, as long as a frame may still lie around them.
    holes: VecDeque<Range<u64>>,
    /// Where the last HTTP head ends.
    head: u64,
}

/// Holes that are remembered; beyond that, bytes of a frame may be counted that were lost.
const HOLES: usize = 4096;

impl Meter {
    pub fn wire(&mut self, dir: Dir, wire: Wire) {
        let side = dir.of_mut(&mut self.sides);
        side.cost.packets += 1;
        side.cost.link += u64::from(wire.link);
        side.cost.ip += u64::from(wire.ip);
        side.cost.tcp += u64::from(wire.tcp);
        side.cost.unseen += u64::from(wire.cut);
        side.carried += u64::from(wire.payload);
    }

    /// Whether the bytes on the wire are TLS records.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Takes the next bytes of a stream.
    pub fn stream(&mut self, dir: Dir, at: u64, len: u64) {
        let side = dir.of_mut(&mut self.sides);
        if at > side.end {
            if side.holes.len() == HOLES {
                side.holes.pop_front();
            }
            side.holes.push_back(side.end..at);
        }
        side.end = side.end.max(at + len);
        side.stream += len;
    }

    pub fn look(&mut self, event: &Event) {
        let span = event.span;
        match (&event.kind, event.dir) {
            (EventKind::Tls(_), _) => self.tls = true,
            (EventKind::Http(http), _) => {
                self.http = true;
                let dir = match http {
                    Http::Request(_) => Dir::C2s,
                    Http::Response(_) => Dir::S2c,
                };
                dir.of_mut(&mut self.sides).head = span.end();
            }
            (EventKind::Ws(Ws::Open(_)), _) if !self.open => {
                self.open = true;
                for (dir, side) in Dir::BOTH.into_iter().zip(&mut self.sides) {
                    let from = match event.dir == Some(dir) && self.http {
                        true => span.end(),
                        false => side.head,
                    };
                    let before = Span {
                        start: 0,
                        len: from,
                        ..span
                    };
                    side.cost.http = side.known(before);
                }
            }
            (EventKind::Ws(Ws::Frame(frame)), Some(dir)) => {
                dir.of_mut(&mut self.sides).frame(frame, span);
            }
            (EventKind::Ws(Ws::Message(message)), Some(dir))
                if message.compressed && message.complete =>
            {
                let (plain, wire) = (message.length as i64, message.wire_length as i64);
                dir.of_mut(&mut self.sides).cost.saved += plain.saturating_sub(wire);
            }
            _ => {}
        }
    }

    /// All bytes so far of one direction.
    pub fn cost(&self, dir: Dir) -> Cost {
        let side = dir.of(&self.sides);
        let mut cost = side.cost;
        let seen = side.carried.saturating_sub(cost.unseen);
        cost.again = seen.saturating_sub(side.stream);
        // No row can hold more than there was.
        let mut room = side.stream;
        for row in [
            &mut cost.http,
            &mut cost.headers,
            &mut cost.masks,
            &mut cost.payload,
        ] {
            *row = (*row).min(room);
            room -= *row;
        }
        let rest = match (self.tls, self.http && !self.open) {
            (true, _) => &mut cost.tls,
            (false, true) => &mut cost.http,
            (false, false) => &mut cost.other,
        };
        *rest += room;
        cost
    }

    /// What the connection cost, one insight for each direction that had packets.
    pub fn sum(
        &self,
        session: Option<SessionId>,
    ) -> impl Iterator<Item = (Place, EventKind)> + use<> {
        let costs = Dir::BOTH.map(|dir| (dir, self.cost(dir)));
        costs
            .into_iter()
            .filter(|(_, cost)| cost.packets > 0)
            .map(move |(dir, cost)| {
                let place = Place {
                    dir: Some(dir),
                    ..Place::default()
                };
                let kind = InsightKind::Cost(Box::new(cost));
                (place, EventKind::Insight(Insight { session, kind }))
            })
    }
}

impl Side {
    fn frame(&mut self, frame: &Frame, span: Span) {
        let mask = if frame.masking_key.is_some() { 4 } else { 0 };
        let header = u64::from(frame.header_length);
        let part = |start, len| Span { start, len, ..span };
        let payload = self.known(part(span.start + header, frame.length));
        self.cost.headers += self.known(part(span.start, header)).saturating_sub(mask);
        self.cost.masks += mask;
        self.cost.payload += payload;
        while self
            .holes
            .front()
            .is_some_and(|hole| hole.end <= span.start)
        {
            self.holes.pop_front();
        }
    }

    /// How many of these bytes were captured.
    fn known(&self, span: Span) -> u64 {
        match span.space {
            Space::Tcp => {
                let end = span.end().min(self.end);
                let inside = |hole: &Range<u64>| {
                    let (from, to) = (hole.start.max(span.start), hole.end.min(end));
                    to.saturating_sub(from)
                };
                let lost: u64 = self.holes.iter().map(inside).sum();
                end.saturating_sub(span.start).saturating_sub(lost)
            }
            // Holes hide whole records: what was decrypted is there.
            Space::Tls(_) => span.len,
        }
    }
}
