//! In which stretches of a file a connection has packets, so that the others need not be read.

use super::trail::STRIDE;
use crate::error::Error;
use crate::model::{Packet, PacketNo};
use crate::source::{Capture, Marks};

/// The strides with packets of a connection, in order: a byte for each where they lie near each other.
#[derive(Clone, Default)]
pub(super) struct Path {
    /// The distance of each from the one before, seven bits a byte, the lowest first.
    steps: Vec<u8>,
    last: u32,
}

impl Path {
    /// The connection has a packet in this stride.
    pub fn push(&mut self, stride: u32) {
        let mut step = stride.saturating_sub(self.last);
        if step == 0 && !self.steps.is_empty() {
            return;
        }
        self.last = stride;
        while step >= 0x80 {
            self.steps.push(step as u8 | 0x80);
            step >>= 7;
        }
        self.steps.push(step as u8);
    }

    /// The strides.
    pub fn strides(&self) -> impl Iterator<Item = u32> + '_ {
        let mut bytes = self.steps.iter();
        let mut at = 0;
        std::iter::from_fn(move || {
            let (mut step, mut shift) = (0, 0);
            loop {
                let byte = bytes.next()?;
                step |= u32::from(byte & 0x7f) << shift;
                shift += 7;
                if byte & 0x80 == 0 {
                    at += step;
                    return Some(at);
                }
            }
        })
    }
}

/// In which stride a packet is.
pub(super) fn stride(packet: PacketNo) -> u32 {
    u32::try_from(packet.get() / STRIDE).unwrap_or(u32::MAX)
}

/// Strides that are read over rather than jumped over: to open a file anew takes as long.
const NEAR: u32 = 4;

/// Packets of some strides.
pub(super) struct Walk {
    marks: Marks,
    capture: Capture,
    /// The strides that are still to come, the next one last.
    strides: Vec<u32>,
    /// The first packet that is not read without asking where to go on.
    until: PacketNo,
    next: PacketNo,
}

impl Walk {
    /// From this packet on, through its stride and these.
    pub fn new(
        marks: Marks,
        from: PacketNo,
        strides: impl IntoIterator<Item = u32>,
    ) -> Result<Self, Error> {
        let first = stride(from);
        let mut strides: Vec<_> = strides.into_iter().filter(|&it| it > first).collect();
        strides.sort_unstable_by_key(|&stride| std::cmp::Reverse(stride));
        strides.dedup();
        Ok(Self {
            capture: marks.seek(from)?,
            marks,
            strides,
            until: begin(first.saturating_add(1)),
            next: from,
        })
    }

    /// From this packet on, through everything.
    pub fn through(marks: &Marks, from: PacketNo) -> Result<Self, Error> {
        Ok(Self {
            capture: marks.seek(from)?,
            marks: marks.clone(),
            strides: Vec::new(),
            until: PacketNo::END,
            next: from,
        })
    }

    /// The next packet; none after the last stride, and at the end of the capture.
    pub fn next(&mut self) -> Result<Option<Packet<'_>>, Error> {
        if self.next >= self.until {
            let Some(to) = self.strides.pop() else {
                return Ok(None);
            };
            if to > stride(self.until).saturating_add(NEAR) {
                self.capture = self.marks.seek(begin(to))?;
            }
            self.until = begin(to.saturating_add(1));
        }
        let packet = self.capture.next()?;
        if let Some(packet) = &packet {
            self.next = packet.no.next();
        }
        Ok(packet)
    }
}

/// The first packet of a stride.
fn begin(stride: u32) -> PacketNo {
    PacketNo::new(u64::from(stride) * STRIDE).unwrap_or(PacketNo::FIRST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_come_back_as_they_went_in() {
        let list = [0, 1, 2, 130, 131, 20_000, 5_000_000];
        let mut path = Path::default();
        for stride in list {
            path.push(stride);
            path.push(stride);
        }
        assert_eq!(path.strides().collect::<Vec<_>>(), list);
        assert_eq!(path.steps.len(), 4 + 2 + 3 + 4);
    }
}
