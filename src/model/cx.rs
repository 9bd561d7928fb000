//! What a layer may know while it works, and the way its events take.

use super::{
    Anomaly, By, Carried, ConnId, Dir, EventId, EventKind, Flow, Keys, Limits, Loan, MessageRef,
    Now, PacketNo, Piece, SessionId, Sink, Space, Span, Timestamp, Trust, Want, What, Ws,
};
use std::borrow::Cow;
use std::io;

/// The context of one packet: what caused the work, and where its events go.
///
/// Emitting cannot fail: the first error of the sink is kept, and the engine stops on it after the
/// packet.
pub struct Cx<'a> {
    /// The packet that is being worked on; at the end of the capture, the last one.
    pub packet: PacketNo,
    /// The end of the capture is the cause, not the packet.
    pub at_end: bool,
    /// When it was captured.
    pub time: Timestamp,
    /// The connection it belongs to.
    pub conn: ConnId,
    /// The ends of that connection.
    pub flow: Flow,
    /// How much may be held.
    pub limits: &'a Limits,
    /// What the sink needs.
    pub want: Want,
    /// What opens TLS.
    pub keys: &'a Keys,
    /// In which space the layer at work counts its offsets.
    pub space: Space,
    /// Where that is not TCP: the captured bytes that carry those at hand.
    pub carrier: Option<Span>,
    /// The same of what came before, for each direction.
    pub carried: [Carried; 2],
    /// Numbers that run on from packet to packet.
    pub counters: &'a mut Counters,
    /// Where events go.
    pub sink: &'a mut dyn Sink,
    /// The first error that the sink had.
    pub error: &'a mut Option<io::Error>,
    /// Room for whoever has to change bytes before they are shown; holds nothing from one use to
    /// the next.
    pub room: &'a mut Vec<u8>,
    /// What was completed, for whoever follows its bytes; only where marks are wanted.
    pub marks: &'a mut Vec<Mark>,
}

/// Something that was completed, and the bytes that it rests on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// The event that says so.
    pub event: EventId,
    /// Its direction.
    pub dir: Dir,
    /// Its bytes, in the TCP stream: where it lies in another one, those that carry it.
    pub span: Span,
    /// They begin where it does; else later, where its beginning is not known any more.
    pub whole: bool,
}

/// Numbers that run on from packet to packet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Events that the present packet has caused.
    pub events: u32,
    /// Sessions opened.
    pub sessions: u32,
}

/// Where an event belongs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place {
    /// Its direction.
    pub dir: Option<Dir>,
    /// Its bytes.
    pub span: Span,
    /// The packet of its first byte, if another than the present one.
    pub first: Option<PacketNo>,
    /// Whether everything it rests on was captured.
    pub trust: Trust,
    /// The earlier event that it speaks of.
    pub about: Option<EventId>,
}

impl Place {
    /// On one side's bytes.
    #[must_use]
    pub fn at(dir: Dir, span: Span) -> Self {
        Self {
            dir: Some(dir),
            span,
            ..Self::default()
        }
    }

    /// The same place, with its first byte in this packet.
    #[must_use]
    pub fn from(self, first: PacketNo) -> Self {
        Self {
            first: Some(first),
            ..self
        }
    }
}

impl Cx<'_> {
    /// Up to where the packets have been read.
    #[must_use]
    pub fn by(&self) -> By {
        match self.at_end {
            true => By::END,
            false => By::packet(self.packet),
        }
    }

    /// Says that no more facts come of this connection.
    pub fn over(&mut self) {
        self.sink.over(self.conn);
    }

    /// Puts an event on the timeline.
    pub fn emit(&mut self, place: Place, kind: EventKind, loan: Loan<'_>) -> EventId {
        let nth = self.counters.events;
        self.counters.events = nth.saturating_add(1);
        let space = self.space;
        let span = match space {
            Space::Tcp => place.span,
            Space::Tls(_) => Span {
                space,
                ..place.span
            },
        };
        let now = Now {
            packet: self.packet,
            at_end: self.at_end,
            time: self.time,
        };
        let event = now.event(nth, self.conn, Place { span, ..place }, kind);
        if self.want.marks
            && let EventKind::Ws(Ws::Message(_)) = event.kind
            && let Some(dir) = event.dir
            && let Some((span, whole)) = match space {
                Space::Tcp => Some((span, true)),
                Space::Tls(_) => dir.of(&self.carried).find(span),
            }
        {
            self.marks.push(Mark {
                event: event.id,
                dir,
                span,
                whole,
            });
        }
        let result = self.sink.event(&event, &self.flow, loan);
        self.keep(result);
        event.id
    }

    /// Says what could not be seen or understood.
    pub fn anomaly(
        &mut self,
        dir: Dir,
        span: Span,
        what: What,
        text: impl Into<Cow<'static, str>>,
    ) -> EventId {
        let kind = EventKind::Anomaly(Anomaly {
            what,
            text: text.into(),
            packets: None,
        });
        self.emit(Place::at(dir, span), kind, Loan::default())
    }

    /// Hands on the next payload bytes of a message, if anyone wants them.
    pub fn part(&mut self, of: MessageRef, at: u64, loan: Loan<'_>) {
        if self.want.parts {
            let result = self.sink.part(of, at, loan);
            self.keep(result);
        }
    }

    /// Hands on the next bytes of a stream, if anyone wants them.
    pub fn stream(&mut self, piece: Piece<'_>) {
        if self.want.stream {
            let result = self.sink.stream(piece);
            self.keep(result);
        }
    }

    /// Numbers a new session.
    pub fn open_session(&mut self) -> SessionId {
        let id = SessionId(self.counters.sessions);
        self.counters.sessions = self.counters.sessions.saturating_add(1);
        id
    }

    fn keep(&mut self, result: io::Result<()>) {
        if let Err(error) = result
            && self.error.is_none()
        {
            *self.error = Some(error);
        }
    }
}
