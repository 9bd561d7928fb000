//! A capture that was read once, with all that it caused.

use super::Source;
use crate::engine;
use crate::error::Error;
use crate::model::{Event, Flow, Limits, Loan, Sink, Timestamp, Want};
use crate::source::Capture;
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

/// A small capture, and every event of it.
#[derive(Clone, Debug)]
pub struct Watched {
    bytes: Vec<u8>,
    /// The events, acknowledgements among them.
    pub seen: Vec<Seen>,
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
            start: Timestamp::default(),
        };
        let mut capture = watched.capture();
        let mut all = All::default();
        // The sink never fails.
        if let Ok(run) = engine::run(&mut capture, Limits::default(), &mut all, |_, _| true)
            && let Some(error) = run.errors.into_iter().next()
        {
            return Err(error);
        }
        watched.start = all
            .0
            .first()
            .map(|seen| seen.event.time)
            .unwrap_or_default();
        watched.seen = all.0;
        Ok(watched)
    }

    /// The capture, to be read again.
    pub(super) fn capture(&self) -> Capture {
        Capture::from_reader("the capture", Cursor::new(self.bytes.clone()))
    }
}

/// Keeps everything: captures of lessons are small.
#[derive(Default)]
struct All(Vec<Seen>);

impl Sink for All {
    fn want(&self) -> Want {
        Want {
            joined: true,
            acks: true,
            wire: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        self.0.push(Seen {
            event: event.clone(),
            flow: *flow,
            payload: loan.bytes.to_vec(),
            unknown: loan.unknown.to_vec(),
        });
        Ok(())
    }
}
