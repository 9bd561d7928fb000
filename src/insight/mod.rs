//! Folds that answer one question each: how are the heartbeats, what is answered, what does it cost, why did it end?
#![deny(clippy::disallowed_methods)]

mod autopsy;
mod cost;
mod delivery;
mod heartbeat;
mod pairs;
mod timers;

use crate::model::{
    Beat, ConnId, Conns, Dir, Event, EventKind, Flow, Insight, InsightKind, Kind, Label, Loan,
    Message, MessageRef, Note, PacketNo, Piece, Place, Segment, SessionId, Sink, Space, Tcp,
    Timestamp, Want, What, Wire, Ws,
};
use crate::payload::{Dialect, Said};
use autopsy::{Autopsy, Silences};
use cost::Meter;
use delivery::{Exchange, Market};
use heartbeat::Heartbeats;
use pairs::Book;
use std::collections::VecDeque;
use std::io;

/// A sink that passes everything on, adds what heartbeats, requests and bytes tell, and gives the
/// end of a session its evidence.
#[derive(Debug)]
pub struct Insights<S> {
    sink: S,
    /// See [`Want::ends_only`].
    ends_only: bool,
    conns: Conns<Box<Conn>>,
    silences: Silences,
    market: Market,
    said: VecDeque<(Place, EventKind)>,
    last: Option<VecDeque<(ConnId, Flow, Place, EventKind)>>,
    now: Timestamp,
    /// Where the parts of a message were put that says several things.
    parts: Vec<Said>,
}

/// A connection, as far as insights need it.
#[derive(Debug, Default)]
struct Conn {
    meter: Meter,
    exchange: Exchange,
    session: Option<Box<Session>>,
    heartbeats: [Heartbeats; 2],
}

/// A session, as far as insights need it.
#[derive(Debug)]
struct Session {
    id: SessionId,
    dialect: Dialect,
    book: Book,
    autopsy: Autopsy,
}

impl<S: Sink> Insights<S> {
    /// Adds insights on the way to this sink.
    pub fn new(sink: S) -> Self {
        Self {
            ends_only: sink.want().ends_only,
            sink,
            conns: Conns::default(),
            silences: Silences::default(),
            market: Market::default(),
            said: VecDeque::new(),
            last: None,
            now: Timestamp::default(),
            parts: Vec::new(),
        }
    }

    /// The sink behind.
    pub fn inner(&self) -> &S {
        &self.sink
    }

    /// The sink behind.
    pub fn into_inner(self) -> S {
        self.sink
    }

    fn look(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) {
        self.now = event.time;
        let conn = match begins(&event.kind) {
            true => self.conns.get_or_insert_with(event.conn, Box::default),
            false => match self.conns.get_mut(event.conn) {
                Some(conn) => conn,
                None => return,
            },
        };
        if !self.ends_only {
            conn.meter.look(event);
            conn.exchange.look(event, flow, &mut self.market);
        }
        if let EventKind::Ws(Ws::Open(open)) = &event.kind {
            conn.session = Some(Box::new(Session {
                id: open.session,
                dialect: Dialect::of(open),
                book: Book::default(),
                autopsy: Autopsy::default(),
            }));
        }
        if let (EventKind::Tcp(Tcp::Note(Note::Remark(remark))), Some(dir)) =
            (&event.kind, event.dir)
        {
            match remark.label {
                Label::KeepAlive => {
                    dir.of_mut(&mut conn.heartbeats)
                        .ping(Beat::Tcp, event, Some(b""))
                }
                Label::KeepAliveAck => {
                    let asked = dir.flip().of_mut(&mut conn.heartbeats);
                    asked.pong(None, Beat::Tcp, event, b"");
                }
                _ => {}
            }
            if let Some(session) = &mut conn.session {
                session.book.remark(event, remark);
            }
        }
        let Some(session) = &mut conn.session else {
            return;
        };
        session.autopsy.look(event);
        match (&event.kind, event.dir) {
            (EventKind::Ws(Ws::Message(message)), Some(dir)) => {
                let mut hearer = Hearer {
                    session,
                    heartbeats: &mut conn.heartbeats,
                    said: &mut self.said,
                    parts: &mut self.parts,
                    event,
                    dir,
                    ends_only: self.ends_only,
                };
                hearer.message(message, loan);
            }
            (EventKind::Anomaly(anomaly), Some(dir)) => {
                // Pongs and answers of this direction may be missing.
                if matches!(anomaly.what, What::Boundary | What::Limit | What::Malformed) {
                    dir.flip().of_mut(&mut conn.heartbeats).doubt();
                    session.book.doubt(dir);
                }
            }
            _ => {}
        }
    }
}

/// A message of a session, and who listens.
struct Hearer<'a> {
    session: &'a mut Session,
    heartbeats: &'a mut [Heartbeats; 2],
    said: &'a mut VecDeque<(Place, EventKind)>,
    parts: &'a mut Vec<Said>,
    event: &'a Event,
    dir: Dir,
    ends_only: bool,
}

impl Hearer<'_> {
    fn message(&mut self, message: &Message, loan: Loan<'_>) {
        match message.kind {
            Kind::Ping => self.ping(Beat::WebSocket, Some(loan.bytes)),
            Kind::Pong => self.pong(Beat::WebSocket, loan.bytes),
            Kind::Close | Kind::Binary => {}
            Kind::Text if message.complete && loan.bytes.len() as u64 == message.length => {
                self.text(loan.bytes);
            }
            // It may have been the answer to anything.
            Kind::Text => self.session.book.doubt(self.dir),
        }
    }

    fn text(&mut self, text: &[u8]) {
        let mut parts = std::mem::take(self.parts);
        match self.ends_only {
            true => self.session.dialect.look_for_beats(text, &mut parts),
            false => self.session.dialect.look(text, &mut parts),
        }
        for part in parts.drain(..) {
            let (session, dir) = (&mut *self.session, self.dir);
            match part {
                Said::Ask { format, id, name } => {
                    session.book.ask(dir, self.event, format, id, name);
                }
                Said::Answer {
                    format,
                    id,
                    failed,
                    last,
                } => {
                    let how = (failed, last);
                    let said =
                        session
                            .book
                            .answer(session.id, dir, self.event, (format, id.clone()), how);
                    // An end that answers nothing is its sender's: it wants no more.
                    if said.is_none() && last {
                        session.book.cancel(dir, format, id);
                    }
                    self.said.extend(said);
                }
                Said::Cancel { format, id } => session.book.cancel(dir, format, id),
                Said::Ping(beat, key) => {
                    session.autopsy.beat(dir, self.event, beat, true);
                    self.ping(beat, Some(key.as_bytes()));
                }
                Said::Pong(beat, key) => {
                    session.autopsy.beat(dir.flip(), self.event, beat, false);
                    self.pong(beat, key.as_bytes());
                }
                Said::Beat(beat) => self.ping(beat, None),
            }
        }
        *self.parts = parts;
    }

    fn ping(&mut self, by: Beat, key: Option<&[u8]>) {
        if self.ends_only {
            return;
        }
        let mine = self.dir.of_mut(self.heartbeats);
        mine.ping(by, self.event, key);
    }

    fn pong(&mut self, by: Beat, key: &[u8]) {
        if self.ends_only {
            return;
        }
        let asked = self.dir.flip().of_mut(self.heartbeats);
        let said = asked.pong(Some(self.session.id), by, self.event, key);
        self.said.extend(said);
    }
}

impl<S: Sink> Sink for Insights<S> {
    fn want(&self) -> Want {
        let want = self.sink.want();
        Want {
            joined: true,
            stream: want.stream || !self.ends_only,
            wire: want.wire || !self.ends_only,
            ..want
        }
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        if let EventKind::Ws(Ws::Close(close)) = &event.kind
            && let Some(conn) = self.conns.get_mut(event.conn)
            && let Some(session) = &conn.session
        {
            let mut close = close.clone();
            close.why += &session.autopsy.evidence(event, &close, &mut self.silences);
            let event = Event {
                kind: EventKind::Ws(Ws::Close(close)),
                ..event.clone()
            };
            self.sink.event(&event, flow, loan)?;
        } else {
            self.sink.event(event, flow, loan)?;
        }
        self.look(event, flow, loan);
        Ok(())
    }

    fn part(&mut self, of: MessageRef, at: u64, loan: Loan<'_>) -> io::Result<()> {
        self.sink.part(of, at, loan)
    }

    fn stream(&mut self, piece: Piece<'_>) -> io::Result<()> {
        if let Some(conn) = self.conns.get_mut(piece.conn) {
            let len = piece.bytes.len() as u64;
            // What was decrypted came over the wire only once, as the bytes around it.
            let outside = piece.space == Space::Tcp;
            if outside {
                conn.meter.stream(piece.dir, piece.at, len);
            }
            if piece.dir == Dir::S2c && outside != conn.meter.is_tls() {
                conn.exchange.stream(piece.at, piece.bytes);
            }
        }
        self.sink.stream(piece)
    }

    fn segment(&mut self, conn: ConnId, flow: &Flow, packet: PacketNo, segment: &Segment<'_>) {
        self.sink.segment(conn, flow, packet, segment);
    }

    fn wire(&mut self, conn: ConnId, dir: Dir, wire: Wire) {
        if let Some(conn) = self.conns.get_mut(conn) {
            conn.meter.wire(dir, wire);
            conn.exchange.wire(wire.total());
        }
        self.sink.wire(conn, dir, wire);
    }

    fn over(&mut self, conn: ConnId) {
        self.sink.over(conn);
        let Some(mut conn) = self.conns.remove(conn) else {
            return;
        };
        let id = conn.session.as_ref().map(|session| session.id);
        if !self.ends_only {
            conn.exchange.over(&mut self.market);
            for dir in Dir::BOTH {
                self.said.extend(dir.of(&conn.heartbeats).sum(id, dir));
            }
            if let Some(session) = &mut conn.session {
                self.said.extend(session.book.sum(session.id, self.now));
                let silence = session.autopsy.longest().map(Box::new);
                let silence = silence.map(InsightKind::Silence);
                self.said
                    .extend(silence.map(|kind| (Place::default(), say(id, kind))));
            }
        }
        if let Some(session) = &mut conn.session {
            let open = session.autopsy.open(self.now);
            let open = open.map(|text| InsightKind::StillOpen(text.into()));
            let place = Place::default();
            self.said.extend(open.map(|kind| (place, say(id, kind))));
        }
        if !self.ends_only {
            self.said.extend(conn.meter.sum(id));
        }
    }

    fn more(&mut self) -> Option<(Place, EventKind)> {
        self.said.pop_front().or_else(|| self.sink.more())
    }

    fn gone(&mut self, conn: ConnId) {
        self.sink.gone(conn);
    }

    fn at_last(&mut self) -> Option<(ConnId, Flow, Place, EventKind)> {
        let market = &mut self.market;
        let last = self.last.get_or_insert_with(|| market.sum().into());
        last.pop_front().or_else(|| self.sink.at_last())
    }
}

/// Whether an event may be the first of its connection.
fn begins(kind: &EventKind) -> bool {
    match kind {
        EventKind::Tcp(Tcp::Note(note)) => {
            matches!(note, Note::Syn(_) | Note::SynAck(_) | Note::Fin)
        }
        EventKind::Tcp(_) | EventKind::Http(_) | EventKind::Tls(_) | EventKind::Ws(_) => true,
        EventKind::Anomaly(_) | EventKind::Finding(_) | EventKind::Insight(_) => false,
    }
}

fn say(session: Option<SessionId>, kind: InsightKind) -> EventKind {
    EventKind::Insight(Insight { session, kind })
}
