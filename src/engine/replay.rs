//! The bytes behind an event, derived again by running the same function.

use super::Engine;
use super::run::dropped;
use crate::error::Error;
use crate::insight::Insights;
use crate::model::{
    Config, Dir, Event, EventKind, Flow, Link, Loan, Note, Packet, PacketNo, Piece, Sink, Tcp,
    Timestamp, Want,
};
use crate::rules::Judge;
use crate::source::Capture;
use std::io;
use std::ops::Range;

/// How many packets go by between two questions whether to go on.
const STRIDE: u64 = 1024;

/// An event, and the bytes that it rests on.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The event.
    pub event: Event,
    /// The ends of its connection.
    pub flow: Flow,
    /// Its payload; unknown bytes are zero.
    pub payload: Vec<u8>,
    /// Which of the payload's bytes are unknown.
    pub unknown: Vec<Range<u64>>,
    /// The bytes of its span, as they were captured: in order, with the packets that carried them.
    pub pieces: Vec<Carried>,
    /// The packet that caused it; none for what only the end of the capture shows.
    pub packet: Option<Captured>,
}

/// Stream bytes of an event, and the packet that carried them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Carried {
    /// The packet.
    pub packet: PacketNo,
    /// Stream offset of the first byte.
    pub at: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A packet, kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Captured {
    /// When it was captured.
    pub time: Timestamp,
    /// What its first byte belongs to.
    pub link: Link,
    /// How long it was on the wire.
    pub orig_len: u32,
    /// What was captured of it.
    pub data: Vec<u8>,
}

/// Derives the bytes of an event again: reads the captures from their beginning to the event.
///
/// `event` is one that an earlier run over the same captures gave. None where this run does not give it.
///
/// # Errors
/// What kept the captures from being read up to the event.
pub fn replay(
    capture: &mut Capture,
    config: impl Into<Config>,
    event: &Event,
) -> Result<Option<Replay>, Error> {
    replay_while(capture, config, event, || true)
}

/// As [`replay`], and gives up with none once `go_on`, asked now and then, says no.
///
/// # Errors
/// As for [`replay`].
pub fn replay_while(
    capture: &mut Capture,
    config: impl Into<Config>,
    event: &Event,
    mut go_on: impl FnMut() -> bool,
) -> Result<Option<Replay>, Error> {
    let mut sink = Judge::new(Insights::new(Find {
        by_id: true,
        ..Find::without_id(event.clone())
    }));
    let mut engine = Engine::new(config, sink.want());
    let mut cause = None;
    let drops = capture.drops();
    while let Some(packet) = capture.next()? {
        if packet.no == event.id.at {
            cause = Some(Captured::of(&packet));
        }
        let stop = packet.no.get().is_multiple_of(STRIDE) && !go_on();
        // The sink never fails.
        let _ = dropped(&mut engine, &drops, &mut sink);
        let _ = engine.packet(packet, &mut sink);
        if stop {
            return Ok(None);
        }
        if sink.inner().inner().found.is_some() {
            break;
        }
    }
    if sink.inner().inner().found.is_none() {
        let _ = dropped(&mut engine, &drops, &mut sink);
        let _ = engine.finish(&mut sink);
    }
    let sink = sink.into_inner().into_inner();
    Ok(sink.found.map(|(event, flow, loan)| Replay {
        event,
        flow,
        payload: loan.0,
        unknown: loan.1,
        pieces: sink.pieces,
        packet: cause,
    }))
}

pub(super) type Kept = (Event, Flow, (Vec<u8>, Vec<Range<u64>>));

/// Keeps one event, and the stream bytes that lie in its span.
pub(super) struct Find {
    pub wanted: Event,
    /// The event is known by its id; otherwise by what it is and where it lies.
    by_id: bool,
    pub pieces: Vec<Carried>,
    pub found: Option<Kept>,
}

impl Captured {
    pub(super) fn of(packet: &Packet<'_>) -> Self {
        Self {
            time: packet.time,
            link: packet.link,
            orig_len: packet.orig_len,
            data: packet.data.to_vec(),
        }
    }
}

impl Find {
    /// Finds the event by what it is and where it lies: an unjudged run numbers its events otherwise.
    pub(super) fn without_id(wanted: Event) -> Self {
        Self {
            wanted,
            by_id: false,
            pieces: Vec::new(),
            found: None,
        }
    }

    fn is_wanted(&self, event: &Event) -> bool {
        let wanted = &self.wanted;
        if self.by_id {
            return event.id == wanted.id;
        }
        event.id.at == wanted.id.at
            && event.dir == wanted.dir
            && event.span == wanted.span
            && event.kind.word() == wanted.kind.word()
    }

    fn dir(&self) -> Option<Dir> {
        self.wanted.dir
    }
}

impl Sink for Find {
    fn want(&self) -> Want {
        Want {
            joined: true,
            parts: false,
            stream: true,
            // As in the run that gave the event: acknowledgements take part in the numbers.
            acks: matches!(
                self.wanted.kind,
                EventKind::Tcp(Tcp::Note(Note::Ack(_) | Note::Delivered(_)))
            ),
            unjudged: !self.by_id,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        if self.is_wanted(event) {
            self.found = Some((
                self.wanted.clone(),
                *flow,
                (loan.bytes.to_vec(), loan.unknown.to_vec()),
            ));
        }
        Ok(())
    }

    fn stream(&mut self, piece: Piece<'_>) -> io::Result<()> {
        if piece.conn != self.wanted.conn || Some(piece.dir) != self.dir() {
            return Ok(());
        }
        let span = self.wanted.span;
        let from = span.start.max(piece.at);
        let to = span.end().min(piece.at + piece.bytes.len() as u64);
        if from < to {
            let within = (from - piece.at) as usize..(to - piece.at) as usize;
            self.pieces.push(Carried {
                packet: piece.packet,
                at: from,
                bytes: piece.bytes[within].to_vec(),
            });
        }
        Ok(())
    }
}
