//! A capture that was read once, with all that it caused.

use super::Source;
use crate::engine;
use crate::error::Error;
use crate::explain::{Explanation, Lang, Story, Talk, explain};
use crate::model::{
    ConnId, Dir, Event, EventId, Flow, Limits, Loan, PacketNo, Sink, Timestamp, Want, Wire,
};
use crate::source::Capture;
use std::cell::Cell;
use std::io::{self, Cursor};
use std::ops::Range;

/// An event, and its payload.
#[derive(Clone, PartialEq, Debug)]
pub struct Seen {
    /// The event.
    pub event: Event,
    /// The ends of its connection.
    pub flow: Flow,
    /// Its payload; unknown bytes are zero.
    pub payload: Vec<u8>,
    /// Which bytes of it are unknown.
    pub unknown: Vec<Range<u64>>,
}

/// A packet that carries data of a TCP stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Its number.
    pub packet: PacketNo,
    /// When it was captured.
    pub time: Timestamp,
    /// Its connection.
    pub conn: ConnId,
    /// Its direction.
    pub dir: Dir,
    /// Bytes of data.
    pub len: u32,
}

/// A small capture, and every event of it.
#[derive(Clone, Debug)]
pub struct Watched {
    bytes: Vec<u8>,
    /// The events, acknowledgements among them.
    pub seen: Vec<Seen>,
    /// The packets with data, in order.
    pub segments: Vec<Segment>,
    /// When the first of them was.
    pub start: Timestamp,
}

impl Watched {
    /// Reads it.
    ///
    /// # Errors
    /// It is not there, or cannot be made or read.
    pub fn new(source: &Source) -> Result<Self, Error> {
        Self::of(source.bytes()?)
    }

    /// Reads a capture that is in memory.
    ///
    /// # Errors
    /// What is wrong with it, after all that could be read.
    pub fn of(bytes: Vec<u8>) -> Result<Self, Error> {
        let mut watched = Self {
            bytes,
            seen: Vec::new(),
            segments: Vec::new(),
            start: Timestamp::default(),
        };
        let mut capture = watched.capture();
        let last = Cell::new(None);
        let mut all = All {
            seen: Vec::new(),
            last: &last,
        };
        let limits = Limits::default();
        let mut segments = Vec::new();
        // The sink never fails.
        let run = engine::run_each(
            &mut capture,
            limits,
            &mut all,
            None,
            |_, _| true,
            |packet, _| {
                if let Some((conn, dir, len @ 1..)) = last.take() {
                    segments.push(Segment {
                        packet: packet.no,
                        time: packet.time,
                        conn,
                        dir,
                        len,
                    });
                }
                Ok(())
            },
        );
        let seen = all.seen;
        if let Ok(run) = run
            && let Some(error) = run.errors.into_iter().next()
        {
            return Err(error);
        }
        watched.start = seen.first().map(|seen| seen.event.time).unwrap_or_default();
        (watched.seen, watched.segments) = (seen, segments);
        Ok(watched)
    }

    /// What an event tells with all that came before it: the capture is read again up to there.
    pub fn told<T>(
        &self,
        id: EventId,
        mut tell: impl FnMut(&Event, &Flow, Loan<'_>, &Talk) -> T,
    ) -> Option<T> {
        let mut told = None;
        let mut story = Story::new(true, |event, flow, loan, talk| {
            if event.id != id {
                return Ok(());
            }
            told = Some(tell(event, flow, loan, talk));
            // Once it is there, nothing more has to be read.
            Err(io::ErrorKind::Interrupted.into())
        });
        let limits = Limits::default();
        let ended = engine::run(&mut self.capture(), limits, &mut story, |_, _| true);
        drop(story);
        // It ends with an error where the event was found.
        let _ = ended;
        told
    }

    /// The explanation of an event.
    #[must_use]
    pub fn explained(&self, id: EventId, lang: Lang) -> Option<Explanation> {
        self.told(id, |event, flow, loan, talk| {
            explain(lang, event, flow, loan, talk)
        })
    }

    /// The capture, to be read again.
    pub(super) fn capture(&self) -> Capture {
        Capture::from_reader("the capture", Cursor::new(self.bytes.clone()))
    }
}

/// Keeps everything: captures of lessons are small.
struct All<'a> {
    seen: Vec<Seen>,
    /// What the packet at hand carries.
    last: &'a Cell<Option<(ConnId, Dir, u32)>>,
}

impl Sink for All<'_> {
    fn want(&self) -> Want {
        Want {
            joined: true,
            acks: true,
            wire: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        self.seen.push(Seen {
            event: event.clone(),
            flow: *flow,
            payload: loan.bytes.to_vec(),
            unknown: loan.unknown.to_vec(),
        });
        Ok(())
    }

    fn wire(&mut self, conn: ConnId, dir: Dir, wire: Wire) {
        self.last.set(Some((conn, dir, wire.payload)));
    }
}
