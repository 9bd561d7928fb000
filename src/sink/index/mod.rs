//! What a screen keeps of a capture: every event in a few bytes, and a summary per connection.
//!
//! A frame and the message that it is take 8 to 15 bytes together ([`rows`]). The beginnings of payloads are
//! kept as long as there is room for them ([`PREVIEWS`]), and derived again after that. So four million
//! messages take some 50 MB and those 16. What else there is takes 60 bytes and what it holds.

mod kept;
mod messages;
mod row;
mod rows;
mod track;

pub use messages::{Messages, Moment};
pub use track::{Ending, Level, Line, Track};

use super::escape::quote;
use super::summary::{bytes, close_body};
use crate::field;
use crate::model::{ConnId, Event, EventKind, Flow, Kind, Loan, Message, Sink, Tcp, Want, Ws};
use std::collections::{HashMap, HashSet, VecDeque};
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
    by_conn: HashMap<ConnId, usize>,
    events: u64,
    /// Bytes of previews that there still is room for.
    room: usize,
    /// Bytes that all rows may take, and take now.
    limit: usize,
    held: usize,
    /// How many connections were taken out of the list, and the last of them: what still comes of them is
    /// not a connection of its own.
    forgotten: u64,
    /// Connections that are over, and of which a little may still come.
    ending: VecDeque<ConnId>,
    lately: VecDeque<ConnId>,
    late: HashSet<ConnId>,
}

/// How the connections moved up when some were taken out of the list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moved {
    /// The places of those that were taken out, in order.
    removed: Vec<usize>,
}

impl Moved {
    /// Where the connection that was at this place is now; none where it was taken out.
    #[must_use]
    pub fn to(&self, at: usize) -> Option<usize> {
        let before = self.removed.binary_search(&at).err()?;
        Some(at - before)
    }

    /// How many of the first so many connections are left.
    #[must_use]
    pub fn left(&self, first: usize) -> usize {
        first - self.removed.partition_point(|&at| at < first)
    }
}

/// Bytes that a connection in the list takes beside its rows, generously.
const SUMMARY: usize = 640;

/// Connections that were taken out of the list and are remembered for what still comes of them.
const LATELY: usize = 65_536;

/// Connections that are over and still have room for more.
const ENDING: usize = 256;

/// Bytes of a row, generously.
const ROW: usize = 20;

/// The same of what is neither frame nor message, without what it points at.
const RARE: usize = 80;

/// Bytes of previews that are kept.
const PREVIEWS: usize = 16 << 20;

impl Default for Index {
    fn default() -> Self {
        Self {
            tracks: Vec::new(),
            by_conn: HashMap::new(),
            events: 0,
            room: PREVIEWS,
            limit: usize::MAX,
            held: 0,
            forgotten: 0,
            ending: VecDeque::new(),
            lately: VecDeque::new(),
            late: HashSet::new(),
        }
    }
}

impl Index {
    /// An index that keeps at most about so many bytes of rows and previews: then it forgets the
    /// oldest rows, of connections that have ended first ([`Track::forgotten`]). What a connection
    /// was stays known: some 300 bytes each, of which there may be a quarter as many; the list is
    /// shortened only when one says so ([`Index::trim`]).
    #[must_use]
    pub fn with_limit(bytes: usize) -> Self {
        Self {
            limit: bytes,
            ..Self::default()
        }
    }

    /// Takes an event, and the [`preview`] of its payload; answers with the place of its connection, which a
    /// connection that was taken out of the list does not have.
    pub fn take(&mut self, event: Event, flow: &Flow, preview: &str) -> Option<usize> {
        if self.late.contains(&event.conn) {
            return None;
        }
        let next = self.tracks.len();
        let at = *self.by_conn.entry(event.conn).or_insert(next);
        if at == next {
            self.tracks.push(Track::new(&event, flow));
        }
        self.events += 1;
        let size = preview.len() + size_of::<u32>();
        let keep = self.room >= size;
        self.room = self.room.saturating_sub(size);
        let rare = !matches!(event.kind, EventKind::Ws(Ws::Frame(_) | Ws::Message(_)));
        self.held += ROW + if rare { RARE } else { 0 } + if keep { size } else { 0 };
        if matches!(event.kind, EventKind::Tcp(Tcp::Close(_))) {
            self.ending.push_back(event.conn);
        }
        self.tracks[at].take(event, flow, preview, keep);
        if self.ending.len() > ENDING
            && let Some(conn) = self.ending.pop_front()
            && let Some(&at) = self.by_conn.get(&conn)
        {
            self.tracks[at].shrink();
        }
        if self.held > self.limit {
            self.forget();
        }
        Some(at)
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

    /// Where a limited index lists more connections than it may: takes the oldest of those that have
    /// ended out of the list, but none at a place to be kept, and says where the others are now.
    pub fn trim(&mut self, keep: impl Fn(usize) -> bool) -> Option<Moved> {
        let most = self.limit / 4 / SUMMARY;
        if self.limit == usize::MAX || self.tracks.len() <= most {
            return None;
        }
        let enough = self.tracks.len() - (most - most / 8);
        let ended = |at: &usize| !self.tracks[*at].ending.is_open() && !keep(*at);
        let mut removed: Vec<usize> = (0..self.tracks.len()).filter(ended).collect();
        if removed.len() > enough {
            // Whose last event came first goes first.
            removed.select_nth_unstable_by_key(enough, |&at| (self.tracks[at].last, at));
            removed.truncate(enough);
            removed.sort_unstable();
        }
        if removed.is_empty() {
            return None;
        }
        let moved = Moved { removed };
        let mut at = 0;
        let (forgotten, room) = (&mut self.forgotten, &mut self.room);
        let (lately, late) = (&mut self.lately, &mut self.late);
        self.tracks.retain_mut(|track| {
            let stays = moved.to(at).is_some();
            at += 1;
            if !stays {
                *room += track.forget(usize::MAX).0;
                *forgotten += 1;
                lately.push_back(track.conn);
                late.insert(track.conn);
            }
            stays
        });
        while self.lately.len() > LATELY
            && let Some(conn) = self.lately.pop_front()
        {
            self.late.remove(&conn);
        }
        self.by_conn.clear();
        let places = self.tracks.iter().enumerate();
        self.by_conn
            .extend(places.map(|(at, track)| (track.conn, at)));
        self.held = self.tracks.iter().map(Track::held).sum();
        Some(moved)
    }

    /// Whether this connection was taken out of the list lately.
    #[must_use]
    pub fn has_forgotten(&self, conn: ConnId) -> bool {
        self.late.contains(&conn)
    }

    /// How many connections were taken out of the list.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Where a connection is among the tracks.
    #[must_use]
    pub fn place(&self, conn: ConnId) -> Option<usize> {
        self.by_conn.get(&conn).copied()
    }

    /// The connections, in the order of their first events: the list only grows, but for [`Index::trim`].
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
