//! Only some kinds of events.

use crate::model::{
    ConnId, Dir, Event, Flow, KINDS, Loan, MessageRef, Piece, Sink, Timestamp, Want, Wire,
};
use std::io;

/// Passes on the events whose kind was asked for; all of them where none was.
#[derive(Debug)]
pub struct Only<S> {
    /// A bit for each of [`KINDS`].
    kinds: u32,
    acks: bool,
    sink: S,
}

impl<S: Sink> Only<S> {
    /// `wanted` are kinds such as `ws.message`, or their beginnings such as `ws`.
    ///
    /// # Errors
    /// The first word that is neither.
    pub fn new<'a>(wanted: impl IntoIterator<Item = &'a str>, sink: S) -> Result<Self, &'a str> {
        let mut kinds = 0;
        for word in wanted {
            let below = |kind: &str| {
                kind.strip_prefix(word)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            let bits = KINDS.iter().enumerate().filter(|(_, kind)| below(kind));
            match bits.fold(0, |bits, (nth, _)| bits | 1 << nth) {
                0 => return Err(word),
                bits => kinds |= bits,
            }
        }
        let kinds = if kinds == 0 { u32::MAX } else { kinds };
        Ok(Self {
            kinds,
            acks: false,
            sink,
        })
    }

    /// The same, with an event for every acknowledgement if `acks`.
    #[must_use]
    pub fn with_acks(self, acks: bool) -> Self {
        Self { acks, ..self }
    }

    /// The sink behind.
    pub fn into_inner(self) -> S {
        self.sink
    }

    /// Whether events of this kind pass.
    fn passes(&self, kind: &str) -> bool {
        let nth = KINDS.iter().position(|it| *it == kind);
        nth.is_some_and(|nth| self.kinds & 1 << nth != 0)
    }
}

impl<S: Sink> Sink for Only<S> {
    fn want(&self) -> Want {
        let reads = ["ws.message", "finding"].map(|kind| self.passes(kind));
        let want = self.sink.want();
        // What the judge and the insights add, and the event whose sentence rests on them.
        let judged = ["finding", "insight", "ws.close"].map(|kind| self.passes(kind));
        Want {
            unjudged: want.unjudged || !judged.contains(&true),
            joined: want.joined && reads.contains(&true),
            acks: want.acks || self.acks,
            insights: want.insights && self.passes("insight"),
            ..want
        }
    }

    fn begin(&mut self, time: Timestamp) {
        self.sink.begin(time);
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        if self.kinds & 1 << event.kind.nth() != 0 {
            self.sink.event(event, flow, loan)
        } else {
            Ok(())
        }
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

    fn gone(&mut self, conn: ConnId) {
        self.sink.gone(conn);
    }
}
