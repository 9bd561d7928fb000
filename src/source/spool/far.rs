//! A ring that another process writes: packets go to the disk as they are captured, and never wait
//! for who reads them.
//!
//! ```text
//! writer ─► file ─► reader
//! writer ── segment, its first packet, its bytes ─► reader      24 bytes each time
//! writer ◄─ the segment that it may begin, or the end ── reader  8 bytes each time
//! ```
//! A place is written over only once the reader has said so, and it has forgotten by then what was there.
//!
//! Both have the file, under one descriptor that they share; what goes to and fro says how far each
//! has come. Numbers are little-endian. Neither believes the other more than it has to: whatever is
//! said, the reader reads nothing but the file, and the writer writes nothing else.

use super::{Ring, Room, Segment, Spool, State};
use crate::model::PacketNo;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Asks the writer for the end.
const END: u64 = u64::MAX;

/// What the writer says, heard where it is read.
pub struct Far {
    ring: Arc<Ring>,
    link: UnixStream,
}

impl Room {
    /// The file, for the process that will write it.
    ///
    /// # Errors
    /// There are too many open files.
    pub fn file(&self) -> io::Result<File> {
        self.ring.file.try_clone()
    }

    /// The process at the other end of this link writes.
    ///
    /// # Errors
    /// There are too many open files.
    pub fn far(self, link: UnixStream) -> io::Result<Far> {
        let ring = self.ring;
        *ring.writer.lock().unwrap_or_else(PoisonError::into_inner) = Some(link.try_clone()?);
        Ok(Far { ring, link })
    }
}

impl Far {
    /// Says once that the writer is to end. It writes what is there by then, and closes its end.
    ///
    /// # Errors
    /// There are too many open files.
    pub fn end(&self) -> io::Result<impl FnOnce() + Send + use<>> {
        let mut link = self.link.try_clone()?;
        Ok(move || {
            // That it has ended already is as well.
            let _ = link.write_all(&END.to_le_bytes());
        })
    }

    /// Waits for its first word, which says that it is ready; false where it has ended instead. Whoever
    /// takes longer than this may still come.
    ///
    /// # Errors
    /// It says what cannot be.
    pub fn begins(&mut self, patience: Duration) -> io::Result<bool> {
        self.link.set_read_timeout(Some(patience))?;
        let began = match self.listen() {
            Err(late) if late.kind() == io::ErrorKind::WouldBlock => true,
            other => other?,
        };
        self.link.set_read_timeout(None)?;
        Ok(began)
    }

    /// Listens to the writer until it ends; then the reader comes to its end.
    ///
    /// # Errors
    /// It says what cannot be.
    pub fn follow(mut self) -> io::Result<()> {
        let followed = loop {
            match self.listen() {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.ring.close();
        followed
    }

    /// Hears one thing that the writer says; false where that is its end.
    fn listen(&mut self) -> io::Result<bool> {
        let mut record = [0; 24];
        if !heard(&mut self.link, &mut record)? {
            return Ok(false);
        }
        let (words, _) = record.as_chunks();
        let words: Vec<_> = words.iter().map(|&it| u64::from_le_bytes(it)).collect();
        if let &[number, first, len] = words.as_slice() {
            self.ring.take_note(number, first, len)?;
        }
        Ok(true)
    }
}

/// Reads a whole record; false where the other end is closed, or gone with a last word unheard.
fn heard(link: &mut UnixStream, record: &mut [u8]) -> io::Result<bool> {
    use io::ErrorKind::{ConnectionReset, UnexpectedEof};
    match link.read_exact(record) {
        Ok(()) => Ok(true),
        Err(gone) if matches!(gone.kind(), UnexpectedEof | ConnectionReset) => Ok(false),
        Err(error) => Err(error),
    }
}

impl Ring {
    /// What the writer said.
    fn take_note(&self, number: u64, first: u64, len: u64) -> io::Result<()> {
        let wrong = || {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "the writer of the spool is confused",
            )
        };
        let first = PacketNo::new(first).ok_or_else(wrong)?;
        let mut state = self.lock();
        let last = state.segments.back().map_or(0, |segment| segment.number);
        if number == last + 1 && number <= state.permitted {
            state.push(number, first);
            self.permit(&mut state);
        }
        match state.segments.back_mut() {
            Some(segment)
                if segment.number == number
                    && (segment.len..=self.limit + super::BEYOND).contains(&len) =>
            {
                segment.len = len;
            }
            _ => return Err(wrong()),
        }
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// Lets another process go on, where one writes and there is room.
    pub(super) fn permit(&self, state: &mut State) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(link) = &mut *writer
            && let Some(next) = state.permit()
            && link.write_all(&next.to_le_bytes()).is_err()
        {
            // It has ended.
            *writer = None;
        }
    }
}

impl Spool {
    /// The ring of another process, which has its file and made it for so many bytes.
    ///
    /// # Errors
    /// Nobody is at the other end of the link.
    pub fn far(file: File, bytes: u64, link: UnixStream) -> io::Result<Self> {
        let mut spool = Self::into(Arc::new(Ring::new(file, bytes)))?;
        spool.reader = Some(link);
        // The head of a capture without packets.
        spool.put()?;
        Ok(spool)
    }

    /// What can be read once the reader has said something; none where it is in this process.
    #[must_use]
    pub fn link(&self) -> Option<BorrowedFd<'_>> {
        self.reader.as_ref().map(|link| link.as_fd())
    }

    /// Hears one thing that the reader says; false where that, or its end, is the end.
    ///
    /// # Errors
    /// The link fails.
    pub fn hear(&mut self) -> io::Result<bool> {
        let Some(link) = &mut self.reader else {
            return Ok(false);
        };
        let mut word = [0; 8];
        if !heard(link, &mut word)? {
            return Ok(false);
        }
        let permitted = u64::from_le_bytes(word);
        if permitted == END {
            return Ok(false);
        }
        // More than the next one cannot be meant.
        self.permitted = self.permitted.max(permitted.min(self.segment + 1));
        Ok(true)
    }

    /// Says how far it has written.
    pub(super) fn tell(&mut self) -> io::Result<()> {
        let Some(link) = &mut self.reader else {
            return Ok(());
        };
        let state = self.ring.lock();
        let Some(&Segment { number, first, len }) = state.segments.back() else {
            return Ok(());
        };
        drop(state);
        let mut record = [0; 24];
        for (place, word) in record.chunks_exact_mut(8).zip([number, first.get(), len]) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        link.write_all(&record)
    }
}
