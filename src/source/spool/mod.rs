//! A ring on disk between whoever captures and whoever reads: what was captured can be read again,
//! as long as the ring is large enough, and a reader that is slow or stands still loses nothing before.
//!
//! ```text
//! packets ─► segment 7 (oldest) │ segment 8 │ segment 9 ─► being written
//!            read again by History     ▲ the reader is here
//! ```
//! Each segment is a pcapng of its own; all of them lie in one file without a name: it takes nothing
//! to open it later, and nothing is left behind, however the process ends. A segment's place is used
//! again once it is the oldest and the reader is past it. Where there is none, packets are dropped,
//! counted, and told to the reader as interface statistics, where they are missing.
//!
//! Who writes may be [another process](far), which then waits for nobody.

mod far;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use far::Far;
pub use read::{History, SpoolReader};
pub use write::{Room, Spool};

use super::BLOCK_LIMIT;
use crate::model::PacketNo;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::UnixStream;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Into how many segments the room is divided: to read a packet again, its segment is read from its
/// beginning.
const SEGMENTS: u64 = 32;

/// Bytes that a segment has at least.
const SMALLEST: u64 = 32 << 10;

/// Bytes between the places of two segments, beyond what one is to have: the last packet of one may
/// go beyond that. What nobody writes takes no room.
const BEYOND: u64 = BLOCK_LIMIT + (1 << 20);

/// Bytes that are written together where nobody waits for them.
const CHUNK: usize = 256 << 10;

struct Ring {
    file: File,
    /// Bytes that a segment is to have.
    limit: u64,
    state: Mutex<State>,
    changed: Condvar,
    /// Who writes, where that is another process.
    writer: Mutex<Option<UnixStream>>,
}

#[derive(Default)]
struct State {
    /// Oldest first; the last one is being written.
    segments: VecDeque<Segment>,
    /// Which one the reader is in, and how much of it was read.
    reader: u64,
    read: u64,
    /// The last segment that another process may begin.
    permitted: u64,
    /// The reader waits for more.
    waiting: bool,
    paused: bool,
    closed: bool,
    abandoned: bool,
}

#[derive(Clone, Copy)]
struct Segment {
    number: u64,
    /// Its first packet.
    first: PacketNo,
    /// Bytes that are there: whole blocks.
    len: u64,
}

impl Ring {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn new(file: File, bytes: u64) -> Self {
        let mut state = State {
            permitted: SEGMENTS - 1,
            ..State::default()
        };
        state.segments.push_back(Segment {
            number: 0,
            first: PacketNo::FIRST,
            len: 0,
        });
        Self {
            file,
            limit: (bytes / SEGMENTS).max(SMALLEST),
            state: Mutex::new(state),
            changed: Condvar::new(),
            writer: Mutex::default(),
        }
    }

    /// Where a byte of a segment lies in the file.
    fn place(&self, segment: u64, at: u64) -> u64 {
        (segment % SEGMENTS) * (self.limit + BEYOND) + at
    }

    /// Reads of a segment, as many bytes as there are and fit.
    fn read(&self, into: &mut [u8], segment: u64, from: u64, to: u64) -> io::Result<usize> {
        let most = usize::try_from(to - from).unwrap_or(usize::MAX);
        let most = most.min(into.len());
        self.file
            .read_at(&mut into[..most], self.place(segment, from))
    }

    fn write(&self, bytes: &[u8], segment: u64, at: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, self.place(segment, at))
    }

    fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }
}

impl State {
    /// Every place is taken, and the reader needs the oldest.
    fn full(&self) -> bool {
        let oldest = self.segments.front().map(|segment| segment.number);
        self.segments.len() as u64 == SEGMENTS && oldest.is_some_and(|it| it >= self.reader)
    }

    /// Gives the place of the oldest away, where the reader does not need it, before another process writes
    /// there. Says which segment that may begin now.
    fn permit(&mut self) -> Option<u64> {
        if self.full() {
            return None;
        }
        if self.segments.len() as u64 == SEGMENTS {
            self.segments.pop_front();
        }
        let next = self.segments.back()?.number + 1;
        let new = next > self.permitted;
        self.permitted = self.permitted.max(next);
        new.then_some(next)
    }

    /// Begins a segment, in the place of the oldest where need be.
    fn push(&mut self, number: u64, first: PacketNo) {
        if self.segments.len() as u64 == SEGMENTS {
            self.segments.pop_front();
        }
        self.segments.push_back(Segment {
            number,
            first,
            len: 0,
        });
    }

    fn find(&self, number: u64) -> Option<Segment> {
        self.segments
            .iter()
            .find(|segment| segment.number == number)
            .copied()
    }
}
