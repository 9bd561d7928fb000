//! The codes at the head of a dynamic block.   RFC 1951 section 3.2.7

use super::Cause;
use super::reader::{Reader, mask};
use super::tables::{BadTable, Meta, Tables};

/// What was read so far of the codes that a dynamic block starts with.
#[derive(Debug, Clone)]
pub(super) struct Lengths {
    /// How many lengths there are for each of the two codes.
    litlen: usize,
    distance: usize,
    /// How many lengths of the code for lengths are sent, and how many were read.
    meta: usize,
    meta_read: usize,
    meta_lengths: [u8; 19],
    table: Option<Meta>,
    read: usize,
    /// First those of literals and lengths, then those of distances.
    lengths: [u8; 286 + 30],
}

impl Lengths {
    /// HLIT, HDIST, HCLEN.   RFC 1951 section 3.2.7
    pub(super) fn start(reader: &mut Reader<'_>) -> Result<Option<Box<Self>>, Cause> {
        let Some(bits) = reader.look(14) else {
            return Ok(None);
        };
        let litlen = (bits & 31) as usize + 257;
        let distance = (bits >> 5 & 31) as usize + 1;
        if litlen > 286 || distance > 30 {
            return Err(Cause::TooManyCodes);
        }
        reader.skip(14);
        Ok(Some(Box::new(Self {
            litlen,
            distance,
            meta: (bits >> 10) as usize + 4,
            meta_read: 0,
            meta_lengths: [0; 19],
            table: None,
            read: 0,
            lengths: [0; 286 + 30],
        })))
    }

    /// Reads on; gives the tables of the block when all lengths are there.
    pub(super) fn read(&mut self, reader: &mut Reader<'_>) -> Result<Option<Box<Tables>>, Cause> {
        if self.table.is_none() && !self.read_meta(reader)? {
            return Ok(None);
        }
        let Some(table) = &self.table else {
            return Ok(None);
        };
        let total = self.litlen + self.distance;
        while self.read < total {
            reader.fill();
            let entry = table.find(reader.peek());
            let symbol = entry.read(reader.peek());
            let extra = match symbol {
                ..16 => 0,
                16 => 2,
                17 => 3,
                _ => 7,
            };
            if entry.bits() + extra > reader.count() {
                return Ok(None);
            }
            let more = (reader.peek() >> entry.bits() & mask(extra)) as usize;
            let (length, times) = match symbol {
                ..16 => (symbol as u8, 1),
                16 => (self.previous()?, 3 + more),
                17 => (0, 3 + more),
                _ => (0, 11 + more),
            };
            let run = self
                .lengths
                .get_mut(..total)
                .and_then(|all| all.get_mut(self.read..self.read + times));
            run.ok_or(Cause::RepeatPastEnd)?.fill(length);
            self.read += times;
            reader.skip(entry.bits() + extra);
        }
        self.build().map(Some)
    }

    /// The lengths of the code for lengths come in an order of their own; true when all are there.
    fn read_meta(&mut self, reader: &mut Reader<'_>) -> Result<bool, Cause> {
        const ORDER: [usize; 19] = [
            16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
        ];
        for &symbol in ORDER.iter().take(self.meta).skip(self.meta_read) {
            let Some(bits) = reader.look(3) else {
                return Ok(false);
            };
            reader.skip(3);
            if let Some(length) = self.meta_lengths.get_mut(symbol) {
                *length = bits as u8;
            }
            self.meta_read += 1;
        }
        self.table = Some(Meta::new(&self.meta_lengths).map_err(|_| Cause::LengthsCode)?);
        Ok(true)
    }

    fn previous(&self) -> Result<u8, Cause> {
        let last = self.read.checked_sub(1).and_then(|at| self.lengths.get(at));
        last.copied().ok_or(Cause::RepeatOfNothing)
    }

    fn build(&self) -> Result<Box<Tables>, Cause> {
        let (litlen, rest) = self.lengths.split_at(self.litlen);
        if litlen.get(256) == Some(&0) {
            return Err(Cause::NoEndOfBlock);
        }
        let distance = rest.get(..self.distance).unwrap_or_default();
        Tables::new(litlen, distance).map_err(|bad| match bad {
            BadTable::LitLen => Cause::LitLenCode,
            BadTable::Distance => Cause::DistanceCode,
        })
    }
}
