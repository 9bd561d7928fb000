//! The end that is read, and what can be read again.

use super::{Ring, Segment};
use crate::Error;
use crate::model::PacketNo;
use crate::source::Capture;
use std::io::{self, Read};
use std::sync::{Arc, PoisonError};

/// The end that is read, once and in order. Waits for more until the ring is closed.
pub struct SpoolReader {
    pub(super) ring: Arc<Ring>,
    pub(super) place: (u64, u64),
    pub(super) idle: Box<dyn FnMut() + Send>,
}

/// What the ring still holds; also the switch that makes its reader pause.
#[derive(Clone)]
pub struct History {
    pub(super) ring: Arc<Ring>,
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("History").finish_non_exhaustive()
    }
}

impl SpoolReader {
    /// Calls this whenever everything was read and more has to be waited for.
    pub fn on_idle(&mut self, idle: impl FnMut() + Send + 'static) {
        self.idle = Box::new(idle);
    }

    /// What it reads, to be read again.
    #[must_use]
    pub fn history(&self) -> History {
        History {
            ring: Arc::clone(&self.ring),
        }
    }
}

impl Read for SpoolReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut idle = false;
        let mut state = self.ring.lock();
        loop {
            let (number, at) = self.place;
            state.read = at;
            let last = state.segments.back().map_or(0, |segment| segment.number);
            let len = state.find(number).map_or(0, |segment| segment.len);
            if state.abandoned {
                return Ok(0);
            }
            let ready = !state.paused || state.closed;
            if at < len && ready {
                drop(state);
                let read = self.ring.read(into, number, at, len)?;
                self.place.1 += read as u64;
                return Ok(read);
            }
            if number < last && ready {
                self.place = (number + 1, 0);
                state.reader = number + 1;
                state.read = 0;
                self.ring.changed.notify_all();
                self.ring.permit(&mut state);
                continue;
            }
            if state.closed && ready {
                return Ok(0);
            }
            if !idle {
                idle = true;
                drop(state);
                (self.idle)();
                state = self.ring.lock();
                continue;
            }
            state.waiting = true;
            state = self
                .ring
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.waiting = false;
        }
    }
}

impl History {
    /// The first packet that can still be read again.
    #[must_use]
    pub fn oldest(&self) -> PacketNo {
        let state = self.ring.lock();
        state
            .segments
            .front()
            .map_or(PacketNo::FIRST, |segment| segment.first)
    }

    /// The part of the ring that this packet lies in, or lay in: the packet with which it begins.
    #[must_use]
    pub fn part(&self, no: PacketNo) -> PacketNo {
        let state = self.ring.lock();
        let found = state.segments.iter().rfind(|segment| segment.first <= no);
        found.map_or(PacketNo::FIRST, |segment| segment.first)
    }

    /// The packets with which its parts begin, oldest first.
    #[must_use]
    pub fn parts(&self) -> Vec<PacketNo> {
        let state = self.ring.lock();
        state.segments.iter().map(|segment| segment.first).collect()
    }

    /// Bytes on disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let state = self.ring.lock();
        state.segments.iter().map(|segment| segment.len).sum()
    }

    /// Bytes that wait for the reader.
    #[must_use]
    pub fn unread(&self) -> u64 {
        let state = self.ring.lock();
        let from = state.segments.iter().filter(|it| it.number >= state.reader);
        from.map(|segment| segment.len)
            .sum::<u64>()
            .saturating_sub(state.read)
    }

    /// What is there now, from this packet on. Where it is overwritten while it is read, reading fails.
    ///
    /// # Errors
    /// The packet is not there any more.
    pub fn seek(&self, no: PacketNo) -> Result<Capture, Error> {
        let state = self.ring.lock();
        let found = state.segments.iter().rfind(|segment| segment.first <= no);
        let Some(&Segment { number, first, .. }) = found else {
            let oldest = state.segments.front().map_or(no, |segment| segment.first);
            return Err(Error::Live(format!(
                "packet {no} is no longer in the spool, where packet {oldest} is the oldest: more room, with --spool, keeps more"
            )));
        };
        drop(state);
        let again = Again {
            ring: Arc::clone(&self.ring),
            place: (number, 0),
        };
        let mut capture = Capture::from_reader("the spool", again).numbered(first);
        while capture.no < no && capture.next()?.is_some() {}
        Ok(capture)
    }

    /// Waits until the next packet surely finds room, or nobody reads any more: false then.
    #[must_use]
    pub fn wait_for_room(&self) -> bool {
        let mut state = self.ring.lock();
        while state.full() && !state.closed {
            state = self
                .ring
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        !state.closed
    }

    /// Whether the next packet may find no room; what was written by then has to be committed before
    /// one waits for some.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.ring.lock().full()
    }

    /// Lets the reader stand still, or go on. What comes meanwhile is kept.
    pub fn pause(&self, pause: bool) {
        self.ring.lock().paused = pause;
        self.ring.changed.notify_all();
    }

    /// Ends the reader where it is: nobody wants the rest.
    pub fn abandon(&self) {
        self.ring.lock().abandoned = true;
        self.ring.close();
    }

    /// Says that no more will come: the reader comes to its end.
    pub fn close(&self) {
        self.ring.close();
    }

    /// Whether the reader has read everything and waits for more.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.ring.lock().waiting
    }
}

/// Reads what is there.
struct Again {
    ring: Arc<Ring>,
    place: (u64, u64),
}

impl Read for Again {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let (number, at) = self.place;
            let gone = || io::Error::other("this part of the history has just been overwritten");
            let segment = self.ring.lock().find(number).ok_or_else(gone)?;
            if at < segment.len {
                let read = self.ring.read(into, number, at, segment.len)?;
                // It may have been overwritten while it was read.
                self.ring.lock().find(number).ok_or_else(gone)?;
                self.place.1 += read as u64;
                return Ok(read);
            }
            if self.ring.lock().find(number + 1).is_none() {
                return Ok(0);
            }
            self.place = (number + 1, 0);
        }
    }
}
