//! Captures in, events out: for tests that look at all of them.
#![allow(dead_code)] // Every test file takes what it needs.

pub mod real;
pub mod wire;

use std::fmt;
use std::io::{self, Cursor};
use std::ops::Range;
use wscope::engine::Engine;
use wscope::forge::{Forged, Told};
use wscope::model::{
    Dir, Event, EventKind, Flow, Kind, Limits, Loan, Message, Packet, Sink, Want, Ws,
};
use wscope::source::Capture;

/// An event, and its payload.
#[derive(Clone, PartialEq, Debug)]
pub struct Seen {
    pub event: Event,
    pub flow: Flow,
    pub bytes: Vec<u8>,
    pub unknown: Vec<Range<u64>>,
}

/// A message, without where it was found.
#[derive(Clone, PartialEq, Eq)]
pub struct Said {
    pub dir: Dir,
    pub kind: Kind,
    pub payload: Vec<u8>,
    pub compressed: bool,
    pub frames: u32,
    pub wire_length: u64,
    pub complete: bool,
}

/// Short: payloads may be long.
impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let payload = &self.payload;
        let start = payload[..payload.len().min(16)].escape_ascii();
        write!(f, "{} {:?} ", self.dir.word(), self.kind)?;
        write!(
            f,
            "{} bytes {start} in {} frames",
            payload.len(),
            self.frames
        )?;
        write!(f, "{}", if self.compressed { ", compressed" } else { "" })?;
        write!(f, "{}", if self.complete { "" } else { ", incomplete" })
    }
}

/// Keeps everything.
#[derive(Default)]
pub struct Keep(pub Vec<Seen>);

impl Sink for Keep {
    fn want(&self) -> Want {
        Want {
            joined: true,
            unjudged: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        self.0.push(Seen {
            event: event.clone(),
            flow: *flow,
            bytes: loan.bytes.to_vec(),
            unknown: loan.unknown.to_vec(),
        });
        Ok(())
    }
}

pub fn decode(forged: &Forged) -> Vec<Seen> {
    let mut keep = Keep::default();
    feed(forged.packets(), &mut keep);
    keep.0
}

/// Feeds packets to an engine.
pub fn feed<'a>(packets: impl Iterator<Item = Packet<'a>>, sink: &mut dyn Sink) {
    let mut engine = Engine::new(Limits::default(), sink.want());
    for packet in packets {
        engine.packet(packet, sink).unwrap();
    }
    engine.finish(sink).unwrap();
}

pub fn decode_file(file: Vec<u8>) -> Vec<Seen> {
    let mut keep = Keep::default();
    let mut capture = Capture::from_reader("forged", Cursor::new(file));
    let mut engine = Engine::new(Limits::default(), keep.want());
    while let Some(packet) = capture.next().unwrap() {
        engine.packet(packet, &mut keep).unwrap();
    }
    engine.finish(&mut keep).unwrap();
    keep.0
}

/// The messages among the events.
pub fn messages(events: &[Seen]) -> Vec<Said> {
    let said = |seen: &Seen| {
        let EventKind::Ws(Ws::Message(message)) = &seen.event.kind else {
            return None;
        };
        let Message {
            kind,
            compressed,
            frames,
            wire_length,
            complete,
            ..
        } = *message;
        Some(Said {
            dir: seen.event.dir?,
            kind,
            payload: seen.bytes.clone(),
            compressed,
            frames,
            wire_length,
            complete,
        })
    };
    events.iter().filter_map(said).collect()
}

/// What a sent message should be seen as.
pub fn truth(told: &Told) -> Said {
    Said {
        dir: told.dir,
        kind: told.kind,
        payload: told.payload.clone(),
        compressed: told.compressed,
        frames: told.frames,
        wire_length: told.wire_length,
        complete: true,
    }
}
