//! Only the events that pass a display filter.

use crate::field::{Filter, View};
use crate::model::{
    ConnId, Dir, Event, EventKind, Flow, Loan, MessageRef, Piece, Place, Sink, Timestamp, Want,
    Wire,
};
use std::io;

/// Passes on the events that pass a filter; all of them where there is none.
#[derive(Debug)]
pub struct Filtered<S> {
    filter: Option<Filter>,
    start: Option<Timestamp>,
    sink: S,
}

impl<S: Sink> Filtered<S> {
    /// Puts a filter before a sink.
    pub fn new(filter: Option<Filter>, sink: S) -> Self {
        Self {
            filter,
            start: None,
            sink,
        }
    }

    /// The sink behind.
    pub fn into_inner(self) -> S {
        self.sink
    }
}

impl<S: Sink> Sink for Filtered<S> {
    fn want(&self) -> Want {
        let want = self.sink.want();
        let Some(filter) = &self.filter else {
            return want;
        };
        // A filter may ask for what the judge and the insights say, though the sink does not care.
        let judged = filter.asks_for(|field| {
            [
                "wscope.finding.",
                "wscope.insight.",
                "wscope.close.",
                "wscope.id",
                "wscope.kind",
            ]
            .iter()
            .any(|prefix| field.name.starts_with(prefix))
        });
        Want {
            joined: want.joined || filter.needs_payload(),
            unjudged: want.unjudged && !judged,
            ends_only: want.ends_only && !judged,
            ..want
        }
    }

    fn begin(&mut self, time: Timestamp) {
        self.start.get_or_insert(time);
        self.sink.begin(time);
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        let start = match self.start {
            Some(start) => start,
            None => {
                self.begin(event.time);
                event.time
            }
        };
        let view = View {
            event,
            flow,
            loan,
            start,
        };
        if self
            .filter
            .as_ref()
            .is_none_or(|filter| filter.passes(&view))
        {
            self.sink.event(event, flow, loan)?;
        }
        Ok(())
    }

    fn part(&mut self, of: MessageRef, at: u64, loan: Loan<'_>) -> io::Result<()> {
        self.sink.part(of, at, loan)
    }

    fn stream(&mut self, piece: Piece<'_>) -> io::Result<()> {
        self.sink.stream(piece)
    }

    fn wire(&mut self, conn: ConnId, dir: Dir, wire: Wire) {
        self.sink.wire(conn, dir, wire);
    }

    fn over(&mut self, conn: ConnId) {
        self.sink.over(conn);
    }

    fn gone(&mut self, conn: ConnId) {
        self.sink.gone(conn);
    }

    fn at_last(&mut self) -> Option<(ConnId, Flow, Place, EventKind)> {
        self.sink.at_last()
    }

    fn more(&mut self) -> Option<(Place, EventKind)> {
        self.sink.more()
    }
}
