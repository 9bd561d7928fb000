//! Folds that answer one question each: how are the heartbeats, why did it end?
#![deny(clippy::disallowed_methods)]

mod autopsy;
mod heartbeat;

use crate::model::{
    ConnId, Dir, Event, EventKind, Flow, Loan, MessageRef, Piece, Place, SessionId, Sink, Want,
    What, Ws,
};
use autopsy::{Autopsy, Silences};
use heartbeat::Heartbeat;
use std::collections::{HashMap, VecDeque};
use std::io;

/// A sink that passes everything on, adds what heartbeats tell, and gives the end of a session its
/// evidence.
#[derive(Debug)]
pub struct Insights<S> {
    sink: S,
    sessions: HashMap<ConnId, Session>,
    silences: Silences,
    said: VecDeque<(Place, EventKind)>,
}

/// A session, as far as insights need it.
#[derive(Debug)]
struct Session {
    id: SessionId,
    heartbeats: [Heartbeat; 2],
    autopsy: Autopsy,
}

impl<S: Sink> Insights<S> {
    /// Adds insights on the way to this sink.
    pub fn new(sink: S) -> Self {
        Self {
            sink,
            sessions: HashMap::new(),
            silences: Silences::default(),
            said: VecDeque::new(),
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

    fn look(&mut self, event: &Event, loan: Loan<'_>) {
        if let EventKind::Ws(Ws::Open(open)) = &event.kind {
            let session = Session {
                id: open.session,
                heartbeats: Default::default(),
                autopsy: Autopsy::default(),
            };
            self.sessions.insert(event.conn, session);
        }
        let Some(session) = self.sessions.get_mut(&event.conn) else {
            return;
        };
        session.autopsy.look(event);
        match (&event.kind, event.dir) {
            (EventKind::Ws(Ws::Message(message)), Some(dir)) => {
                let pinger = dir.of_mut(&mut session.heartbeats);
                pinger.ping(event, message, loan);
                let answered = dir.flip().of_mut(&mut session.heartbeats);
                let said = answered.pong(session.id, event, message, loan);
                self.said.extend(said);
            }
            (EventKind::Anomaly(anomaly), Some(dir)) if anomaly.what == What::Boundary => {
                // Pongs of this direction may be missing.
                dir.flip().of_mut(&mut session.heartbeats).doubt();
            }
            _ => {}
        }
    }
}

impl<S: Sink> Sink for Insights<S> {
    fn want(&self) -> Want {
        self.sink.want()
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        let session = self.sessions.get_mut(&event.conn);
        match (&event.kind, session) {
            (EventKind::Ws(Ws::Close(close)), Some(session)) => {
                let mut close = close.clone();
                close.why += &session.autopsy.evidence(event, &close, &mut self.silences);
                let event = Event {
                    kind: EventKind::Ws(Ws::Close(close)),
                    ..event.clone()
                };
                self.sink.event(&event, flow, loan)?;
            }
            _ => self.sink.event(event, flow, loan)?,
        }
        self.look(event, loan);
        Ok(())
    }

    fn part(&mut self, of: MessageRef, at: u64, loan: Loan<'_>) -> io::Result<()> {
        self.sink.part(of, at, loan)
    }

    fn stream(&mut self, piece: Piece<'_>) -> io::Result<()> {
        self.sink.stream(piece)
    }

    fn over(&mut self, conn: ConnId) {
        self.sink.over(conn);
        if let Some(session) = self.sessions.remove(&conn) {
            for dir in Dir::BOTH {
                let beats = dir.of(&session.heartbeats).sum(session.id, dir);
                self.said.extend(beats);
            }
        }
    }

    fn more(&mut self) -> Option<(Place, EventKind)> {
        self.said.pop_front().or_else(|| self.sink.more())
    }
}
