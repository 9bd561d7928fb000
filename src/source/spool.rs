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

use super::{Capture, Interface, PcapngWriter};
use crate::Error;
use crate::model::{Link, Packet, PacketNo, Timestamp};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Into how many segments the room is divided.
const SEGMENTS: u64 = 16;

/// Bytes that a segment has at least.
const SMALLEST: u64 = 64 << 10;

/// Bytes that are written together where nobody waits for them.
const CHUNK: usize = 256 << 10;

/// The end that is written. Dropped, it closes the ring: the reader comes to its end.
pub struct Spool {
    ring: Arc<Ring>,
    out: PcapngWriter<Vec<u8>>,
    segment: u64,
    /// Bytes of the segment that lie in the file.
    committed: u64,
    next: PacketNo,
    /// What was dropped and not told yet, and what was told in this segment.
    dropped: (u64, u64),
    last: (Link, Timestamp),
}

/// The end that is read, once and in order. Waits for more until the ring is closed.
pub struct SpoolReader {
    ring: Arc<Ring>,
    place: (u64, u64),
    idle: Box<dyn FnMut() + Send>,
}

/// What the ring still holds; also the switch that makes its reader pause.
#[derive(Clone)]
pub struct History {
    ring: Arc<Ring>,
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("History").finish_non_exhaustive()
    }
}

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

impl Spool {
    /// A ring of about so many bytes, in files without names in this folder.
    ///
    /// # Errors
    /// The files cannot be made.
    pub fn new(folder: &Path, bytes: u64) -> io::Result<(Self, SpoolReader, History)> {
        let files: io::Result<_> = (0..SEGMENTS)
            .map(|_| tempfile::tempfile_in(folder))
            .collect();
        let ring = Arc::new(Ring {
            files: files?,
            limit: (bytes / SEGMENTS).max(SMALLEST),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        ring.lock().segments.push_back(Segment {
            number: 0,
            first: PacketNo::FIRST,
            len: 0,
        });
        let spool = Self {
            ring: Arc::clone(&ring),
            out: PcapngWriter::new(Vec::new())?,
            segment: 0,
            committed: 0,
            next: PacketNo::FIRST,
            dropped: (0, 0),
            last: (Link::ETHERNET, Timestamp::default()),
        };
        let reader = SpoolReader {
            ring: Arc::clone(&ring),
            place: (0, 0),
            idle: Box::new(|| ()),
        };
        Ok((spool, reader, History { ring }))
    }

    /// Adds a packet; says whether there was room for it.
    ///
    /// # Errors
    /// The disk is full, or fails otherwise.
    pub fn packet(&mut self, packet: &Packet<'_>) -> io::Result<bool> {
        if self.len() >= self.ring.limit && !self.turn()? {
            self.dropped.0 += 1;
            return Ok(false);
        }
        self.last = (packet.link, packet.time);
        self.tell_drops()?;
        self.out.packet(packet)?;
        self.next = self.next.next();
        if self.out.get_mut().len() >= CHUNK {
            self.commit()?;
        }
        Ok(true)
    }

    /// Notes that so many packets were dropped before the next one.
    pub fn dropped(&mut self, packets: u64) {
        self.dropped.0 += packets;
    }

    /// Lets the reader have what was added.
    ///
    /// # Errors
    /// As for [`Spool::packet`].
    pub fn commit(&mut self) -> io::Result<()> {
        self.tell_drops()?;
        let bytes = self.out.get_mut();
        if bytes.is_empty() {
            return Ok(());
        }
        self.ring
            .file(self.segment)
            .write_all_at(bytes, self.committed)?;
        self.committed += bytes.len() as u64;
        bytes.clear();
        let mut state = self.ring.lock();
        if let Some(segment) = state.segments.back_mut() {
            segment.len = self.committed;
        }
        drop(state);
        self.ring.changed.notify_all();
        Ok(())
    }

    fn len(&mut self) -> u64 {
        self.committed + self.out.get_mut().len() as u64
    }

    /// Begins the next segment, in the place of the oldest where need be; false where the reader still needs that.
    fn turn(&mut self) -> io::Result<bool> {
        let state = self.ring.lock();
        let full = state.segments.len() as u64 == SEGMENTS;
        let oldest = state.segments.front().map(|segment| segment.number);
        if full && oldest.is_some_and(|oldest| oldest >= state.reader) {
            return Ok(false);
        }
        drop(state);
        self.commit()?;
        let segment = self.segment + 1;
        let mut state = self.ring.lock();
        if full {
            state.segments.pop_front();
        }
        // What lies in its file is written over, not cut away: room that is there costs less than new room.
        state.segments.push_back(Segment {
            number: segment,
            first: self.next,
            len: 0,
        });
        drop(state);
        self.segment = segment;
        self.committed = 0;
        self.dropped.1 = 0;
        self.out.section(None)?;
        Ok(true)
    }

    fn tell_drops(&mut self) -> io::Result<()> {
        let (new, told) = &mut self.dropped;
        if *new == 0 {
            return Ok(());
        }
        *told += std::mem::take(new);
        let (link, time) = self.last;
        let interface = Interface {
            name: None,
            link,
            snaplen: 0,
            resolution: 9,
            received: None,
            dropped: None,
            dropped_by_os: Some(*told),
        };
        if !self.out.knows(link) {
            self.out.describe(&interface)?;
        }
        self.out.statistics(&interface, time)
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // Where the disk fails, the error before this one was told.
        let _ = self.commit();
        self.ring.close();
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
                let most = usize::try_from(len - at)
                    .unwrap_or(usize::MAX)
                    .min(into.len());
                let read = self.ring.file(number).read_at(&mut into[..most], at)?;
                self.place.1 += read as u64;
                return Ok(read);
            }
            if number < last && ready {
                self.place = (number + 1, 0);
                state.reader = number + 1;
                state.read = 0;
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
                let most = usize::try_from(segment.len - at)
                    .unwrap_or(usize::MAX)
                    .min(into.len());
                let read = self.ring.file(number).read_at(&mut into[..most], at)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn packet(no: u64, data: &[u8]) -> Packet<'_> {
        Packet {
            no: PacketNo::new(no).unwrap(),
            time: Timestamp(no as i64),
            link: Link::ETHERNET,
            orig_len: data.len() as u32,
            data,
        }
    }

    fn times(mut capture: Capture) -> Vec<(u64, i64)> {
        let mut found = Vec::new();
        while let Some(packet) = capture.next().unwrap() {
            found.push((packet.no.get(), packet.time.0));
        }
        found
    }

    #[test]
    fn what_is_written_is_read_while_it_comes_and_again_later() {
        let (mut spool, reader, history) = Spool::new(&std::env::temp_dir(), 1 << 20).unwrap();
        let reading = thread::spawn(|| times(Capture::from_reader("spool", reader)));
        for no in 1..=1500 {
            // The reader may not have noticed yet that there is something to read.
            while !spool.packet(&packet(no, &[7; 1000])).unwrap() {
                spool.commit().unwrap();
                thread::yield_now();
            }
            if no % 7 == 0 {
                spool.commit().unwrap();
                while !history.is_idle() {
                    thread::yield_now();
                }
            }
        }
        drop(spool);
        let all: Vec<_> = (1..=1500).map(|no| (no, no as i64)).collect();
        assert_eq!(reading.join().unwrap(), all);
        let oldest = history.oldest();
        let again = times(history.seek(oldest).unwrap());
        let oldest = oldest.get();
        assert!(
            oldest > 1,
            "16 segments of 64 kB do not hold 1 MB of packets and their blocks"
        );
        assert_eq!(again, all[oldest as usize - 1..]);
        let some = PacketNo::new(oldest + 123).unwrap();
        assert_eq!(
            times(history.seek(some).unwrap()),
            all[oldest as usize + 122..]
        );
        assert!(history.seek(PacketNo::FIRST).is_err());
    }

    #[test]
    fn a_reader_that_stands_still_loses_only_what_does_not_fit_and_is_told() {
        let (mut spool, reader, history) = Spool::new(&std::env::temp_dir(), 1 << 20).unwrap();
        history.pause(true);
        let mut fit = 0;
        for no in 1..=2000 {
            fit += u64::from(spool.packet(&packet(no, &[7; 1000])).unwrap());
        }
        assert!((900..1100).contains(&fit), "{fit} of 2000 fit");
        spool.commit().unwrap();
        assert_eq!(history.unread(), history.bytes());
        assert!(history.unread() > fit * 1000);
        history.pause(false);
        let mut capture = Capture::from_reader("spool", reader);
        let drops = capture.drops();
        for no in 1..=fit {
            assert_eq!(capture.next().unwrap().unwrap().time.0, no as i64);
            assert_eq!(drops.get(), 0, "before packet {no}");
        }
        let reading = thread::spawn(move || capture.next().unwrap().unwrap().time.0);
        while !history.is_idle() {
            thread::yield_now();
        }
        assert_eq!(history.unread(), 0);
        assert!(spool.packet(&packet(9999, &[7; 1000])).unwrap());
        spool.commit().unwrap();
        assert_eq!(reading.join().unwrap(), 9999);
        assert_eq!(drops.get(), 2000 - fit);
    }
}
