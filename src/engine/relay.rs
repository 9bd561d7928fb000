//! A run on two threads: one reads and rebuilds, the other judges, counts and writes.
//!
//! ```text
//! Capture ─► Engine ─► Relay ══ batches ══► deliver ─► Judge ─► Insights ─► Sink
//! ```
//! The second half is told exactly what it would have been told on one thread, in the same order, and asks
//! its own sinks what they add: so what comes out is the same, byte for byte.

use super::added::{self, Added};
use crate::model::{
    ConnId, Dir, Event, Flow, Loan, MessageRef, Now, PacketNo, Piece, Sink, Want, Wire,
};
use std::io;
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender};

/// Batches on their way; whoever has more waits.
pub(super) const AHEAD: usize = 4;

/// A batch goes once it has so many steps, or so many bytes that are lent with them. Smaller ones make
/// the two halves wait for each other more often.
const STEPS: usize = 4096;
const BYTES: usize = 1 << 18;

/// One call of a sink; what is larger lies in a list of its own, in the same order.
enum Step {
    Event,
    Part,
    Stream,
    /// From here on, the ends of the connections that are spoken of.
    Flow,
    Wire(ConnId, Dir, Wire),
    Over(ConnId),
    Collect(ConnId),
    Settle(Now, u32),
    Gone(ConnId),
}

const _: () = assert!(size_of::<Step>() <= 32, "a packet makes five of them");

/// A part of a message.
struct Part {
    of: MessageRef,
    at: u64,
    loan: Lent,
}

/// Where in a batch the bytes of a loan lie, and what is unknown of them.
struct Lent {
    bytes: Range<usize>,
    unknown: Range<usize>,
}

/// What the first half tells, for a while.
#[derive(Default)]
pub(super) struct Batch {
    steps: Vec<Step>,
    events: Vec<(Event, Lent)>,
    parts: Vec<Part>,
    /// Pieces of streams, and where their bytes lie.
    pieces: Vec<(Piece<'static>, Range<usize>)>,
    flows: Vec<Flow>,
    bytes: Vec<u8>,
    unknown: Vec<Range<u64>>,
}

impl Batch {
    fn clear(&mut self) {
        self.steps.clear();
        self.events.clear();
        self.parts.clear();
        self.pieces.clear();
        self.flows.clear();
        self.unknown.clear();
        self.bytes.clear();
        // One large message does not make all batches large.
        self.bytes.shrink_to(2 * BYTES);
    }

    fn lend(&mut self, loan: Loan<'_>) -> Lent {
        let unknown = self.unknown.len();
        self.unknown.extend_from_slice(loan.unknown);
        Lent {
            bytes: self.copy(loan.bytes),
            unknown: unknown..self.unknown.len(),
        }
    }

    fn copy(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }
}

/// The sink of the first half: notes what it is told, for the second.
pub(super) struct Relay {
    want: Want,
    batch: Batch,
    /// The ends of the connection that was spoken of last.
    flow: Option<Flow>,
    /// Something was told since the last packet was settled.
    told: bool,
    /// Nobody listens any more.
    alone: bool,
    full: SyncSender<Batch>,
    used: Receiver<Batch>,
}

impl Relay {
    /// Hands on what a sink wants that needs this; batches that were told come back.
    pub fn new(want: Want, full: SyncSender<Batch>, used: Receiver<Batch>) -> Self {
        Self {
            want: Want {
                apart: true,
                ..want
            },
            batch: Batch::default(),
            flow: None,
            told: false,
            alone: false,
            full,
            used,
        }
    }

    /// Hands on what there is.
    fn send(&mut self) {
        let mut next = self.used.try_recv().unwrap_or_default();
        // Here, where it was taken, memory is given back at less cost.
        next.clear();
        let batch = std::mem::replace(&mut self.batch, next);
        self.flow = None;
        self.alone |= self.full.send(batch).is_err();
    }

    /// Hands on the rest.
    ///
    /// # Errors
    /// Nobody listens any more.
    pub fn end(mut self) -> io::Result<()> {
        self.send();
        self.heard()
    }

    fn heard(&self) -> io::Result<()> {
        match self.alone {
            true => Err(io::ErrorKind::BrokenPipe.into()),
            false => Ok(()),
        }
    }

    /// Hands on what there is where that is much: before anything else is noted, also within a packet, since
    /// the end of a capture ends all connections at once.
    #[inline]
    fn make_room(&mut self) {
        if self.batch.steps.len() >= STEPS || self.batch.bytes.len() >= BYTES {
            self.send();
        }
    }

    fn of(&mut self, flow: &Flow) {
        if self.flow.as_ref() != Some(flow) {
            self.flow = Some(*flow);
            self.batch.flows.push(*flow);
            self.batch.steps.push(Step::Flow);
        }
    }

    fn push(&mut self, step: Step) {
        self.told = true;
        self.batch.steps.push(step);
    }
}

impl Sink for Relay {
    fn want(&self) -> Want {
        self.want
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        self.make_room();
        self.of(flow);
        let loan = self.batch.lend(loan);
        self.batch.events.push((event.clone(), loan));
        self.push(Step::Event);
        self.heard()
    }

    fn part(&mut self, of: MessageRef, at: u64, loan: Loan<'_>) -> io::Result<()> {
        self.make_room();
        let loan = self.batch.lend(loan);
        self.batch.parts.push(Part { of, at, loan });
        self.push(Step::Part);
        Ok(())
    }

    fn stream(&mut self, piece: Piece<'_>) -> io::Result<()> {
        self.make_room();
        let bytes = self.batch.copy(piece.bytes);
        self.batch.pieces.push((piece.place(), bytes));
        self.push(Step::Stream);
        Ok(())
    }

    fn wire(&mut self, conn: ConnId, dir: Dir, wire: Wire) {
        self.push(Step::Wire(conn, dir, wire));
    }

    fn over(&mut self, conn: ConnId) {
        self.push(Step::Over(conn));
    }

    fn gone(&mut self, conn: ConnId) {
        self.push(Step::Gone(conn));
    }

    fn collect(&mut self, conn: ConnId, flow: &Flow) {
        if self.told {
            self.make_room();
            self.of(flow);
            self.push(Step::Collect(conn));
        }
    }

    fn settle(&mut self, now: Now, facts: u32) {
        if self.told || now.at_end {
            self.push(Step::Settle(now, facts));
            self.told = false;
        }
    }
}

/// The second half: tells a sink what the first half was told, and asks it what it adds.
pub(super) struct Delivery<'a> {
    sink: &'a mut dyn Sink,
    added: Added,
    /// Up to where everything has come, and the facts of that packet.
    settled: Option<(Now, u32)>,
    /// Events that were added at that packet: what comes after them has later numbers.
    shift: u32,
}

impl<'a> Delivery<'a> {
    /// Tells this sink.
    pub fn new(sink: &'a mut dyn Sink) -> Self {
        Self {
            sink,
            added: Added::default(),
            settled: None,
            shift: 0,
        }
    }

    /// Tells what is in a batch.
    ///
    /// # Errors
    /// Whatever the sink said first.
    pub fn tell(&mut self, batch: &mut Batch) -> io::Result<()> {
        let mut flow = None;
        let (mut flows, mut parts) = (batch.flows.iter(), batch.parts.iter());
        let (mut events, mut pieces) = (batch.events.iter_mut(), batch.pieces.iter());
        let bytes = &batch.bytes;
        let lent = |loan: &Lent| Loan {
            bytes: &bytes[loan.bytes.clone()],
            unknown: &batch.unknown[loan.unknown.clone()],
        };
        for step in &batch.steps {
            match step {
                Step::Event => {
                    if let (Some((event, loan)), Some(flow)) = (events.next(), flow) {
                        let shift = self.shift_at(event.id.at);
                        event.id.nth = event.id.nth.saturating_add(shift);
                        self.sink.event(event, flow, lent(loan))?;
                    }
                }
                Step::Part => {
                    if let Some(Part { of, at, loan }) = parts.next() {
                        self.sink.part(*of, *at, lent(loan))?;
                    }
                }
                Step::Stream => {
                    if let Some((piece, range)) = pieces.next() {
                        let bytes = &bytes[range.clone()];
                        self.sink.stream(Piece { bytes, ..*piece })?;
                    }
                }
                Step::Flow => flow = flows.next(),
                Step::Wire(conn, dir, wire) => self.sink.wire(*conn, *dir, *wire),
                Step::Over(conn) => self.sink.over(*conn),
                Step::Collect(conn) => {
                    if let Some(flow) = flow {
                        self.added.collect(self.sink, *conn, flow);
                    }
                }
                Step::Settle(now, facts) => self.settle(*now, *facts)?,
                // Behind what is added.
                Step::Gone(conn) => self.sink.gone(*conn),
            }
        }
        Ok(())
    }

    /// Events that were added at this packet so far.
    fn shift_at(&self, cause: PacketNo) -> u32 {
        match self.settled {
            Some((now, _)) if now.cause() == cause => self.shift,
            _ => 0,
        }
    }

    fn settle(&mut self, now: Now, facts: u32) -> io::Result<()> {
        let before = self.shift_at(now.cause());
        let mut nth = facts.saturating_add(before);
        self.added.settle(self.sink, now, &mut nth)?;
        self.shift = nth.saturating_sub(facts);
        self.settled = Some((now, facts));
        Ok(())
    }

    /// All batches have come: tells what is added last.
    ///
    /// # Errors
    /// As for [`Delivery::tell`].
    pub fn end(self) -> io::Result<()> {
        let Some((now, facts)) = self.settled else {
            return Ok(());
        };
        added::last(self.sink, now, &mut facts.saturating_add(self.shift))
    }
}
