//! The end that is written.

use super::{CHUNK, History, Ring, SEGMENTS, SMALLEST, Segment, SpoolReader};
use crate::model::{Link, Packet, PacketNo, Timestamp};
use crate::source::{Interface, PcapngWriter};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

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
