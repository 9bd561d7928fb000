//! The end that is written.

use super::{CHUNK, History, Ring, SEGMENTS, SpoolReader};
use crate::model::{Link, Packet, PacketNo, Timestamp};
use crate::source::{Interface, PcapngWriter};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

/// The end that is written. Dropped, it closes the ring: the reader comes to its end.
pub struct Spool {
    pub(super) ring: Arc<Ring>,
    out: PcapngWriter<Vec<u8>>,
    pub(super) segment: u64,
    /// Bytes of the segment that lie in the file.
    committed: u64,
    next: PacketNo,
    /// What was dropped and not told yet, and what was told in this segment.
    dropped: (u64, u64),
    last: (Link, Timestamp),
    /// Who reads, where that is another process.
    pub(super) reader: Option<UnixStream>,
    /// The last segment that it lets begin.
    pub(super) permitted: u64,
}

/// A ring that nobody writes into yet.
pub struct Room {
    pub(super) ring: Arc<Ring>,
}

impl Room {
    /// A ring of about so many bytes, in a file without a name in this folder.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn new(folder: &Path, bytes: u64) -> io::Result<(Self, SpoolReader, History)> {
        let ring = Arc::new(Ring::new(tempfile::tempfile_in(folder)?, bytes));
        let reader = SpoolReader {
            ring: Arc::clone(&ring),
            place: (0, 0),
            idle: Box::new(|| ()),
        };
        let history = History {
            ring: Arc::clone(&ring),
        };
        Ok((Self { ring }, reader, history))
    }

    /// This process writes.
    ///
    /// # Errors
    /// None in practice: nothing is written yet.
    pub fn near(self) -> io::Result<Spool> {
        Spool::into(self.ring)
    }
}

impl Spool {
    /// A ring that this process writes and reads.
    ///
    /// # Errors
    /// As for [`Room::new`].
    pub fn new(folder: &Path, bytes: u64) -> io::Result<(Self, SpoolReader, History)> {
        let (room, reader, history) = Room::new(folder, bytes)?;
        Ok((room.near()?, reader, history))
    }

    pub(super) fn into(ring: Arc<Ring>) -> io::Result<Self> {
        Ok(Self {
            ring,
            out: PcapngWriter::new(Vec::with_capacity(2 * CHUNK))?,
            segment: 0,
            committed: 0,
            next: PacketNo::FIRST,
            dropped: (0, 0),
            last: (Link::ETHERNET, Timestamp::default()),
            reader: None,
            permitted: SEGMENTS - 1,
        })
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
        // Where there is no room, drops are told once there is some: they may go on for days.
        if self.len() < self.ring.limit {
            self.tell_drops()?;
        }
        self.put()
    }

    pub(super) fn put(&mut self) -> io::Result<()> {
        let bytes = self.out.get_mut();
        if bytes.is_empty() {
            return Ok(());
        }
        self.ring.write(bytes, self.segment, self.committed)?;
        self.committed += bytes.len() as u64;
        bytes.clear();
        let mut state = self.ring.lock();
        if let Some(segment) = state.segments.back_mut() {
            segment.len = self.committed;
        }
        drop(state);
        self.ring.changed.notify_all();
        self.tell()
    }

    fn len(&mut self) -> u64 {
        self.committed + self.out.get_mut().len() as u64
    }

    /// Begins the next segment, in the place of the oldest where need be; false where the reader still needs that.
    fn turn(&mut self) -> io::Result<bool> {
        let full = match self.reader {
            Some(_) => self.segment >= self.permitted,
            None => self.ring.lock().full(),
        };
        if full {
            return Ok(false);
        }
        self.commit()?;
        let segment = self.segment + 1;
        // What lies in its place is written over, not cut away: room that is there costs less than new room.
        self.ring.lock().push(segment, self.next);
        self.segment = segment;
        self.committed = 0;
        self.dropped.1 = 0;
        self.out.section(None)?;
        self.tell()?;
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
        let _ = self.tell_drops().and_then(|()| self.put());
        self.ring.close();
    }
}
