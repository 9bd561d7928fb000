//! What takes events.

use super::{
    ConnId, Dir, Event, EventId, EventKind, Flow, Kind, PacketNo, Place, Segment, SessionId, Space,
    Span, Timestamp, Wire,
};
use std::io;
use std::ops::Range;

/// Anything that takes events: keep the event, not the loan.
pub trait Sink {
    /// What this sink needs beside the events; asked once, before the first packet.
    fn want(&self) -> Want {
        Want::default()
    }

    /// Hears when the first event came, passed on to it or not: seconds count from there.
    fn begin(&mut self, time: Timestamp) {
        let _ = time;
    }

    /// Takes an event. `flow` says who the two ends of its connection are; `loan` is its payload.
    ///
    /// # Errors
    /// What the sink writes to may fail; the run then stops.
    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()>;

    /// Takes the next decoded payload bytes of a text or binary message, as they come and without
    /// any limit. `at` is their offset in the message, 0 where a message begins.
    ///
    /// # Errors
    /// As for [`Sink::event`].
    fn part(&mut self, of: MessageRef, at: u64, loan: Loan<'_>) -> io::Result<()> {
        let _ = (of, at, loan);
        Ok(())
    }

    /// Takes the next bytes of a stream, in order, as the layers get them.
    ///
    /// # Errors
    /// As for [`Sink::event`].
    fn stream(&mut self, piece: Piece<'_>) -> io::Result<()> {
        let _ = piece;
        Ok(())
    }

    /// Sees a segment before the events that it causes.
    fn segment(&mut self, conn: ConnId, flow: &Flow, packet: PacketNo, segment: &Segment<'_>) {
        let _ = (conn, flow, packet, segment);
    }

    /// Hears what a packet with a TCP segment cost on the wire, after its events.
    fn wire(&mut self, conn: ConnId, dir: Dir, wire: Wire) {
        let _ = (conn, dir, wire);
    }

    /// Hears that no more facts come of a connection, or of it within the capture.
    fn over(&mut self, conn: ConnId) {
        let _ = conn;
    }

    /// What a sink that folds adds to the timeline about the connection of what it has just been
    /// told; asked until there is no more. It comes back as an event of its own, after all facts
    /// of the packet: so their ids are the same whether anyone folds or not.
    fn more(&mut self) -> Option<(Place, EventKind)> {
        None
    }

    /// Hears that after the facts all that was added of a connection has come as well.
    fn gone(&mut self, conn: ConnId) {
        let _ = conn;
    }

    /// Where [`Want::apart`]: hears that the work on a connection is done for now. Whoever asks this sink's
    /// reader for [`Sink::more`] in the engine's stead asks here.
    fn collect(&mut self, conn: ConnId, flow: &Flow) {
        let _ = (conn, flow);
    }

    /// Where [`Want::apart`]: hears that all facts of a packet have come, so many of them: what was
    /// collected goes behind them.
    fn settle(&mut self, now: Now, facts: u32) {
        let _ = (now, facts);
    }

    /// What a sink that folds adds once the capture has ended, about several connections: one of
    /// them, and what is said; asked until there is no more.
    fn at_last(&mut self) -> Option<(ConnId, Flow, Place, EventKind)> {
        None
    }
}

impl<S: Sink + ?Sized> Sink for &mut S {
    fn want(&self) -> Want {
        (**self).want()
    }

    fn begin(&mut self, time: Timestamp) {
        (**self).begin(time);
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        (**self).event(event, flow, loan)
    }

    fn part(&mut self, of: MessageRef, at: u64, loan: Loan<'_>) -> io::Result<()> {
        (**self).part(of, at, loan)
    }

    fn stream(&mut self, piece: Piece<'_>) -> io::Result<()> {
        (**self).stream(piece)
    }

    fn segment(&mut self, conn: ConnId, flow: &Flow, packet: PacketNo, segment: &Segment<'_>) {
        (**self).segment(conn, flow, packet, segment);
    }

    fn wire(&mut self, conn: ConnId, dir: Dir, wire: Wire) {
        (**self).wire(conn, dir, wire);
    }

    fn over(&mut self, conn: ConnId) {
        (**self).over(conn);
    }

    fn gone(&mut self, conn: ConnId) {
        (**self).gone(conn);
    }

    fn collect(&mut self, conn: ConnId, flow: &Flow) {
        (**self).collect(conn, flow);
    }

    fn settle(&mut self, now: Now, facts: u32) {
        (**self).settle(now, facts);
    }

    fn at_last(&mut self) -> Option<(ConnId, Flow, Place, EventKind)> {
        (**self).at_last()
    }

    fn more(&mut self) -> Option<(Place, EventKind)> {
        (**self).more()
    }
}

/// What a sink needs, so that nothing is copied which nobody reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Want {
    /// The joined payload of text and binary messages, with their event. Control frames always
    /// come with theirs.
    pub joined: bool,
    /// Calls of [`Sink::part`].
    pub parts: bool,
    /// Calls of [`Sink::stream`].
    pub stream: bool,
    /// An event for every acknowledgement, and one for every message when it is acknowledged.
    pub acks: bool,
    /// A mark for every message that is completed: TCP asks for it itself, while something may hold
    /// messages up.
    pub marks: bool,
    /// No findings: nobody reads them.
    pub unjudged: bool,
    /// Insights, although nobody reads findings. Where findings are read, insights come as well.
    pub insights: bool,
    /// Of the insights only those that tell how sessions ended: nobody reads the others.
    pub ends_only: bool,
    /// Calls of [`Sink::wire`].
    pub wire: bool,
    /// Calls of [`Sink::segment`].
    pub segments: bool,
    /// Calls of [`Sink::collect`] and [`Sink::settle`]: who folds is elsewhere, and not asked by the engine.
    pub apart: bool,
}

/// Up to where a run has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    /// The packet at hand; at the end of the capture, the last one.
    pub packet: PacketNo,
    /// The end of the capture is the cause of what happens, not the packet.
    pub at_end: bool,
    /// When the packet was captured.
    pub time: Timestamp,
}

impl Now {
    /// What causes the events that come now.
    #[must_use]
    pub fn cause(&self) -> PacketNo {
        match self.at_end {
            true => PacketNo::END,
            false => self.packet,
        }
    }

    /// An event of this moment: of all that it causes, the one with this number.
    #[must_use]
    #[inline]
    pub fn event(&self, nth: u32, conn: ConnId, place: Place, kind: EventKind) -> Event {
        Event {
            id: EventId {
                at: self.cause(),
                nth,
            },
            packet: self.packet,
            first: place.first.unwrap_or(self.packet),
            time: self.time,
            conn,
            dir: place.dir,
            span: place.span,
            trust: place.trust,
            about: place.about,
            kind,
        }
    }
}

/// An event's payload, lent for the length of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Loan<'a> {
    /// The bytes; unknown ones are zero. Shorter than the event says where the copy stopped at its limit.
    pub bytes: &'a [u8],
    /// Which of the event's bytes are unknown: ordered, apart from each other.
    pub unknown: &'a [Range<u64>],
}

impl<'a> Loan<'a> {
    /// Bytes that are all known.
    #[must_use]
    pub fn known(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            unknown: &[],
        }
    }
}

/// Which message a part belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MessageRef {
    /// The connection.
    pub conn: ConnId,
    /// The direction.
    pub dir: Dir,
    /// The session.
    pub session: SessionId,
    /// Text or binary.
    pub kind: Kind,
}

impl Piece<'_> {
    /// Where it lies, without the bytes.
    #[must_use]
    pub fn place(&self) -> Piece<'static> {
        let Self {
            conn,
            dir,
            at,
            packet,
            space,
            carrier,
            bytes: _,
        } = *self;
        Piece {
            conn,
            dir,
            at,
            packet,
            space,
            carrier,
            bytes: &[],
        }
    }
}

/// Bytes of a stream, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece<'a> {
    /// The connection.
    pub conn: ConnId,
    /// The direction.
    pub dir: Dir,
    /// Stream offset of the first byte.
    pub at: u64,
    /// The packet that carried them.
    pub packet: PacketNo,
    /// In which space the offset counts.
    pub space: Space,
    /// Where that is not TCP: the captured bytes that carried these.
    pub carrier: Option<Span>,
    /// The bytes.
    pub bytes: &'a [u8],
}
