//! What a screen keeps of a capture: every event in a few bytes, and a summary per connection.
//!
//! A frame costs 64 bytes, and a message the same and the beginning of its payload; a message of
//! one frame shares the row of its frame. So a capture of four million messages takes about 256 MB,
//! and as many times the length of a preview. Everything else is rare and kept as it is.

mod row;
mod track;

pub use track::{Ending, Level, Line, Track};

use super::escape::quote;
use super::summary::{bytes, close_body};
use crate::field;
use crate::model::{ConnId, Event, EventKind, Flow, Kind, Loan, Message, Sink, Want, Ws};
use std::collections::HashMap;
use std::io;

/// Every event of a capture, by connection.
///
/// ```no_run
/// # use wscope::{engine, model::Limits, sink::Index, source::Capture};
/// let mut index = Index::default();
/// let mut capture = Capture::open(["capture.pcapng"])?;
/// engine::run(&mut capture, Limits::default(), &mut index, |_, _| true).unwrap();
/// for track in index.tracks() {
///     println!("{} {}: {} messages", track.conn, track.flow, track.messages.iter().sum::<u64>());
/// }
/// # Ok::<(), wscope::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Index {
    tracks: Vec<Track>,
    by_conn: HashMap<ConnId, usize>,
    events: u64,
}

impl Index {
    /// Takes an event, and the [`preview`] of its payload.
    pub fn take(&mut self, event: Event, flow: &Flow, preview: &str) {
        let next = self.tracks.len();
        let at = *self.by_conn.entry(event.conn).or_insert(next);
        if at == next {
            self.tracks.push(Track::new(&event, flow));
        }
        self.events += 1;
        self.tracks[at].take(event, flow, preview);
    }

    /// The connections, in the order of their first events: the list only grows.
    #[must_use]
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// How many events came.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }
}

impl Sink for Index {
    fn want(&self) -> Want {
        Want {
            joined: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        self.take(event.clone(), flow, &preview(event, loan));
        Ok(())
    }
}

/// Characters of a text that a preview shows.
const PREVIEW: usize = 80;

/// The beginning of a message's payload, without control characters; nothing for other events.
#[must_use]
pub fn preview(event: &Event, loan: Loan<'_>) -> String {
    let mut out = String::new();
    if let EventKind::Ws(Ws::Message(message)) = &event.kind {
        // Writing into a string does not fail.
        let _ = write_preview(&mut out, message, loan);
    }
    out
}

fn write_preview(out: &mut String, message: &Message, loan: Loan<'_>) -> std::fmt::Result {
    if message.kind == Kind::Close {
        return close_body(out, message, loan);
    }
    match field::text(message, loan) {
        Some(text) => quote(out, text, PREVIEW),
        None => bytes(out, loan)?,
    }
    Ok(())
}

#[cfg(test)]
mod tests;
