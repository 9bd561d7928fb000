//! Reads bits from bytes, lowest bit first.   RFC 1951 section 3.1.1

/// Bits left over when the input ended inside a symbol; at most seven bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Leftover {
    bits: u64,
    count: u32,
}

impl Leftover {
    pub(super) fn is_empty(self) -> bool {
        self.count == 0
    }

    /// How many bits are left, if all of them are zero.
    pub(super) fn zero_bits(self) -> Option<u32> {
        (self.bits == 0).then_some(self.count)
    }
}

/// A bit buffer in front of the bytes not yet taken into it.
///
/// ```text
///   taken        bits: 64, `count` of them valid     rest
/// ············|◄───────────── next bit first |b0 b1 b2 b3 …          | `end` (bytes of the message)
/// ```
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    /// Above `count` there may be bits that `rest` will deliver again; never any others.
    bits: u64,
    /// At most 63.
    count: u32,
    rest: &'a [u8],
    /// Offset in the message of the byte behind `rest`.
    end: u64,
}

impl<'a> Reader<'a> {
    pub(super) fn new(left: Leftover, input: &'a [u8], at: u64) -> Self {
        let end = at + input.len() as u64;
        Self {
            bits: left.bits,
            count: left.count,
            rest: input,
            end,
        }
    }

    /// What to keep until more input comes. All of the input must have been taken.
    pub(super) fn leftover(&self) -> Leftover {
        debug_assert!(self.rest.is_empty());
        Leftover {
            bits: self.bits & mask(self.count),
            count: self.count,
        }
    }

    /// Offset of the next bit in the message.
    #[inline(always)]
    pub(super) fn at(&self) -> u64 {
        (self.end - self.rest.len() as u64) * 8 - u64::from(self.count)
    }

    /// The next bits, lowest first; only [`Self::count`] of them are to be relied on.
    #[inline(always)]
    pub(super) fn peek(&self) -> u64 {
        self.bits
    }

    #[inline(always)]
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// How many bytes are still outside of the bit buffer.
    #[inline(always)]
    pub(super) fn rest_len(&self) -> usize {
        self.rest.len()
    }

    /// Passes over `n` bits, of which there are enough.
    #[inline(always)]
    pub(super) fn skip(&mut self, n: u32) {
        debug_assert!(n <= self.count);
        self.bits >>= n & 63;
        self.count = self.count.wrapping_sub(n);
    }

    /// Makes at least 56 bits available in one read, if eight bytes are there.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        if let Some(next) = self.rest.first_chunk::<8>() {
            self.bits |= u64::from_le_bytes(*next) << (self.count & 63);
            let taken = (63 - (self.count & 63)) >> 3;
            self.rest = self.rest.get(taken as usize..).unwrap_or_default();
            self.count |= 56;
        }
    }

    /// Makes at least 56 bits available, or all there are.
    pub(super) fn fill(&mut self) {
        self.bits &= mask(self.count);
        while self.count < 56
            && let Some((&byte, rest)) = self.rest.split_first()
        {
            self.bits |= u64::from(byte) << self.count;
            self.count += 8;
            self.rest = rest;
        }
    }

    /// The next `n` bits (at most 48), or nothing if they have not all come yet.
    pub(super) fn look(&mut self, n: u32) -> Option<u32> {
        self.fill();
        (n <= self.count).then_some((self.bits & mask(n)) as u32)
    }

    /// Drops the bits up to the next byte boundary.
    pub(super) fn align(&mut self) {
        self.bits &= mask(self.count);
        self.skip(self.count & 7);
    }

    /// At a byte boundary: hands out up to `limit` whole bytes, first those in the bit buffer.
    pub(super) fn bytes(&mut self, limit: usize, mut each: impl FnMut(&[u8])) -> usize {
        self.bits &= mask(self.count);
        let mut done = 0;
        while done < limit && self.count >= 8 {
            each(&[self.bits as u8]);
            self.skip(8);
            done += 1;
        }
        let (now, rest) = self.rest.split_at(self.rest.len().min(limit - done));
        if !now.is_empty() {
            each(now);
        }
        self.rest = rest;
        done + now.len()
    }
}

/// The lowest `n` bits set; `n` below 64.
#[inline(always)]
pub(super) fn mask(n: u32) -> u64 {
    (1 << (n & 63)) - 1
}
