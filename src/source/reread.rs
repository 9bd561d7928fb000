//! Packet number → bytes, again: a sparse table of places to begin from.

use super::Capture;
use super::file::{Format, Input};
use crate::Error;
use crate::model::PacketNo;
use std::sync::Arc;

/// A place between two packets of plain files, from which reading can begin.
#[derive(Clone, Debug)]
pub struct Mark {
    /// The packet that will be read first.
    no: PacketNo,
    index: usize,
    at: u64,
    /// What the file said up to there; none at its very beginning.
    format: Option<Format>,
}

impl Mark {
    /// The packet that will be read first.
    #[must_use]
    pub fn no(&self) -> PacketNo {
        self.no
    }
}

/// Marks left while a capture was read, so that any packet can be read again.
///
/// ```no_run
/// # use wscope::{model::PacketNo, source::{Capture, Marks}};
/// let mut capture = Capture::open(["large.pcapng"])?;
/// let mut marks = Marks::new(&capture, 1024).expect("a plain file can be read again");
/// while let Some(_packet) = capture.next()? {
///     marks.note(&capture);
/// }
/// let mut again = marks.seek(PacketNo::new(4711).unwrap())?;
/// assert_eq!(again.next()?.unwrap().no.get(), 4711);
/// # Ok::<(), wscope::Error>(())
/// ```
#[derive(Clone)]
pub struct Marks {
    #[cfg(unix)]
    spool: Option<super::History>,
    inputs: Arc<[Input]>,
    every: u64,
    marks: Vec<Mark>,
}

impl Marks {
    /// No marks yet: one will be kept for every so many packets.
    ///
    /// None where any input is a stream or compressed: such a capture cannot be read again.
    #[must_use]
    pub fn new(capture: &Capture, every: u64) -> Option<Self> {
        #[cfg(unix)]
        let in_spool = capture.history.is_some();
        #[cfg(not(unix))]
        let in_spool = false;
        let plain = capture.inputs.iter().all(|input| input.plain);
        (plain || in_spool).then(|| Self {
            #[cfg(unix)]
            spool: capture.history.clone(),
            inputs: Arc::clone(&capture.inputs),
            every: every.max(1),
            marks: Vec::new(),
        })
    }

    /// The same for what a spool holds.
    #[cfg(unix)]
    #[must_use]
    pub fn of_spool(history: &super::History) -> Self {
        Self {
            spool: Some(history.clone()),
            inputs: Arc::default(),
            every: 1,
            marks: Vec::new(),
        }
    }

    /// Leaves a mark if it is time for one. To be called after each packet of the same capture.
    #[inline]
    pub fn note(&mut self, capture: &Capture) {
        if capture.no.get().is_multiple_of(self.every) {
            self.marks.extend(capture.mark());
        }
    }

    /// The first packet that can still be read, where some cannot: a spool forgets.
    #[must_use]
    pub fn oldest(&self) -> Option<PacketNo> {
        #[cfg(unix)]
        return self.spool.as_ref().map(super::History::oldest);
        #[cfg(not(unix))]
        None
    }

    /// The part of a spool that a packet lies in: the packet with which it begins.
    #[must_use]
    pub fn part(&self, no: PacketNo) -> PacketNo {
        #[cfg(unix)]
        return (self.spool.as_ref()).map_or(PacketNo::FIRST, |spool| spool.part(no));
        #[cfg(not(unix))]
        return PacketNo::FIRST.min(no);
    }

    /// The packets with which the parts of a spool begin, oldest first.
    #[must_use]
    pub fn parts(&self) -> Vec<PacketNo> {
        #[cfg(unix)]
        return (self.spool.as_ref()).map_or_else(Vec::new, super::History::parts);
        #[cfg(not(unix))]
        return Vec::new();
    }

    /// The marks, in order.
    #[must_use]
    pub fn list(&self) -> &[Mark] {
        &self.marks
    }

    /// Opens the capture again so that the next packet is this one.
    ///
    /// Past the last packet, the next packet is none.
    ///
    /// # Errors
    /// As [`Capture::next`], where a file has changed or gone since.
    pub fn seek(&self, no: PacketNo) -> Result<Capture, Error> {
        #[cfg(unix)]
        if let Some(spool) = &self.spool {
            return spool.seek(no);
        }
        let after = self.marks.partition_point(|mark| mark.no <= no);
        let mut capture = Capture::new(Arc::clone(&self.inputs), None);
        if let Some(mark) = after.checked_sub(1).and_then(|last| self.marks.get(last)) {
            capture.go(mark)?;
        }
        while capture.no < no && capture.next()?.is_some() {}
        Ok(capture)
    }
}

impl Capture {
    /// A mark before the next packet; none where the input cannot be read again.
    #[must_use]
    pub fn mark(&self) -> Option<Mark> {
        let input = self.inputs.get(self.index)?;
        input.plain.then(|| Mark {
            no: self.no,
            index: self.index,
            at: self.open.as_ref().map_or(0, |open| open.window.at()),
            format: self.open.as_ref().and_then(|open| {
                open.format.as_ref().map(|format| match format {
                    Format::Pcap(pcap) => Format::Pcap(*pcap),
                    Format::Pcapng(pcapng) => Format::Pcapng(pcapng.resumed()),
                })
            }),
        })
    }

    /// Opens the same files again, at a mark that was left in them.
    ///
    /// # Errors
    /// The file cannot be opened any more.
    pub fn resume(&self, mark: &Mark) -> Result<Self, Error> {
        let mut capture = Self::new(Arc::clone(&self.inputs), None);
        capture.go(mark)?;
        Ok(capture)
    }

    fn go(&mut self, mark: &Mark) -> Result<(), Error> {
        self.index = mark.index;
        self.no = mark.no;
        self.start_at(mark.at, mark.format.clone())
    }
}
