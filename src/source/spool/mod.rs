//! A ring on disk between whoever captures and whoever reads: what was captured can be read again,
//! as long as the ring is large enough, and a reader that is slow or stands still loses nothing before.
//!
//! ```text
//! packets ─► segment 7 (oldest) │ segment 8 │ segment 9 ─► being written
//!            read again by History     ▲ the reader is here
//! ```
//! Each segment is a pcapng of its own in a file without a name: it takes nothing to open it later,
//! and nothing is left behind, however the process ends. A segment is used again once it is the
//! oldest and the reader is past it. Where there is none, packets are dropped, counted, and told to
//! the reader as interface statistics, where they are missing.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::{History, SpoolReader};
pub use write::Spool;

use crate::model::PacketNo;
use std::collections::VecDeque;
use std::fs::File;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Into how many segments the room is divided.
const SEGMENTS: u64 = 16;

/// Bytes that a segment has at least.
const SMALLEST: u64 = 64 << 10;

/// Bytes that are written together where nobody waits for them.
const CHUNK: usize = 256 << 10;

struct Ring {
    files: Vec<File>,
    limit: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Oldest first; the last one is being written.
    segments: VecDeque<Segment>,
    /// Which one the reader is in, and how much of it was read.
    reader: u64,
    read: u64,
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

    fn file(&self, segment: u64) -> &File {
        &self.files[(segment % SEGMENTS) as usize]
    }

    fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }
}

impl State {
    fn find(&self, number: u64) -> Option<Segment> {
        self.segments
            .iter()
            .find(|segment| segment.number == number)
            .copied()
    }
}
