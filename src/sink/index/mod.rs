//! What a screen keeps of a capture: every event in a few bytes, and a summary per connection.
//!
//! A frame costs 40 bytes, and a message the same; a message of one frame shares the row of its frame.
//! The beginnings of payloads are kept as long as there is room for them ([`PREVIEWS`]), and derived
//! again after that. So a capture of four million messages takes about 160 MB and those 16. Everything
//! else is rare and kept as it is.

mod row;
mod track;

pub use track::{Ending, Level, Line, Track};

use super::escape::quote;
use super::summary::{bytes, close_body};
use crate::field;
use crate::model::{ConnId, Event, EventKind, Flow, Kind, Loan, Message, Sink, Want, Ws};
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
#[derive(Debug)]
pub struct Index {
    tracks: Vec<Track>,
    /// The place of each connection, by its number; connections that said nothing have none.
    by_conn: Vec<u32>,
    events: u64,
    /// Bytes of previews that there still is room for.
    room: usize,
    /// Bytes that all rows may take, and take now.
    limit: usize,
    held: usize,
}

/// The place of a connection that has none.
const NOWHERE: u32 = u32::MAX;

/// Bytes of a row.
const ROW: usize = 40;

/// Bytes of previews that are kept.
const PREVIEWS: usize = 16 << 20;

impl Default for Index {
    fn default() -> Self {
        Self {
            tracks: Vec::new(),
            by_conn: Vec::new(),
            events: 0,
            room: PREVIEWS,
            limit: usize::MAX,
            held: 0,
        }
    }
}

impl Index {
    /// An index that keeps at most about so many bytes of rows and previews: then it forgets the
    /// oldest rows, of connections that have ended first ([`Track::forgotten`]). What a connection
    /// was stays known: some 300 bytes each.
    #[must_use]
    pub fn with_limit(bytes: usize) -> Self {
        Self {
            limit: bytes,
            ..Self::default()
        }
    }

    /// Takes an event, and the [`preview`] of its payload; answers with the place of its connection.
    pub fn take(&mut self, event: Event, flow: &Flow, preview: &str) -> usize {
        let number = event.conn.0 as usize;
        if self.by_conn.len() <= number {
            self.by_conn.resize(number + 1, NOWHERE);
        }
        let at = match self.by_conn[number] {
            NOWHERE => {
                self.by_conn[number] = self.tracks.len() as u32;
                self.tracks.push(Track::new(&event, flow));
                self.tracks.len() - 1
            }
            at => at as usize,
        };
        self.events += 1;
        let size = preview.len() + size_of::<u32>();
        let keep = self.room >= size;
        self.room = self.room.saturating_sub(size);
        let rare = !matches!(event.kind, EventKind::Ws(Ws::Frame(_) | Ws::Message(_)));
        self.held += ROW + if rare { size_of::<Event>() } else { 0 } + if keep { size } else { 0 };
        self.tracks[at].take(event, flow, preview, keep);
        if self.held > self.limit {
            self.forget();
        }
        at
    }

    /// Forgets an eighth.
    fn forget(&mut self) {
        let (mut previews, mut all) = (0, 0);
        let enough = self.limit / 8;
        let mut gone = |track: &mut Track, rows| {
            let freed = track.forget(rows);
            previews += freed.0;
            all += freed.1;
            all
        };
        let ended = self
            .tracks
            .iter_mut()
            .filter(|track| !track.ending.is_open());
        let mut freed = 0;
        for track in ended.filter(|track| track.rows() > 0) {
            freed = gone(track, usize::MAX);
            if freed >= enough {
                break;
            }
        }
        while freed < enough
            && let Some(track) = self.tracks.iter_mut().max_by_key(|track| track.rows())
            && track.rows() > 0
        {
            freed = gone(track, track.rows().div_ceil(2));
        }
        self.room += previews;
        // What is held is counted generously; what is left is known.
        self.held = self.tracks.iter().map(Track::held).sum();
    }

    /// Where a connection is among the tracks.
    #[must_use]
    pub fn place(&self, conn: ConnId) -> Option<usize> {
        let at = *self.by_conn.get(conn.0 as usize)?;
        (at != NOWHERE).then_some(at as usize)
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
        let mut text = String::new();
        preview(&mut text, event, loan);
        self.take(event.clone(), flow, &text);
        Ok(())
    }
}

/// Characters of a text that a preview shows.
const PREVIEW: usize = 80;

/// Writes the beginning of a message's payload, without control characters; nothing for other events.
pub fn preview(out: &mut String, event: &Event, loan: Loan<'_>) {
    if let EventKind::Ws(Ws::Message(message)) = &event.kind {
        // Writing into a string does not fail.
        let _ = write_preview(out, message, loan);
    }
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
