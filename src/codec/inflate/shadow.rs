//! Which bytes of the history are unknown, after bytes were lost.

use std::ops::Range;

use super::Tap;
use super::reader::mask;

/// One bit for each byte of the window, set where the byte is unknown.
///
/// It watches the decoder: a literal is known, a copy is as unknown as what it copies. At first everything is
/// unknown, however far back; when a whole window of known bytes has gone by, it is of no use any more.
///
/// ```text
/// words, a ring:  … 0 0 0 0|1 1 1 1 1 1 …|0 0 1 1 …      `at` is where the next bit goes, modulo the window
///                           ^ at: the oldest bit
/// ```
#[derive(Debug, Clone)]
pub(super) struct Shadow {
    /// A power of two of words.
    words: Box<[u64]>,
    at: u64,
    /// Just behind the last unknown byte.
    clean_from: u64,
    /// What `at` was at the start of the message.
    message: u64,
    /// Unknown bytes not reported yet, as offsets in the message.
    ranges: Vec<Range<u64>>,
}

impl Shadow {
    /// For a window of `size` bytes, a power of two and at least 64; `at` bytes into the message.
    pub(super) fn new(size: usize, at: u64) -> Self {
        Self {
            words: vec![!0; size / 64].into(),
            at,
            clean_from: at,
            message: 0,
            ranges: Vec::new(),
        }
    }

    pub(super) fn start_message(&mut self) {
        self.message = self.at;
    }

    /// Unknown bytes since the last [`Self::reported`].
    pub(super) fn ranges(&self) -> &[Range<u64>] {
        &self.ranges
    }

    pub(super) fn reported(&mut self) {
        self.ranges.clear();
    }

    /// No byte of the window is unknown.
    pub(super) fn is_clean(&self) -> bool {
        self.at - self.clean_from >= self.words.len() as u64 * 64
    }

    /// Appends `n` bits, at most 64.
    fn push(&mut self, bits: u64, n: u32) {
        let shift = (self.at & 63) as u32;
        let kept = if n < 64 { mask(n) } else { !0 };
        if let Some(word) = self.word(self.at) {
            *word = *word & !(kept << shift) | bits << shift;
        }
        if shift + n > 64
            && let Some(word) = self.word(self.at + 64)
        {
            *word = *word & !(kept >> (64 - shift)) | bits >> (64 - shift);
        }
        if bits != 0 {
            self.note(bits);
        }
        self.at += u64::from(n);
    }

    /// The `n` bits that lie `distance` back.
    fn back(&mut self, distance: u64, n: u32) -> u64 {
        let from = self.at.wrapping_sub(distance);
        let shift = (from & 63) as u32;
        let low = self.word(from).map_or(0, |w| *w >> shift);
        let high = if shift + n > 64 {
            self.word(from.wrapping_add(64))
                .map_or(0, |w| *w << (64 - shift))
        } else {
            0
        };
        (low | high) & if n < 64 { mask(n) } else { !0 }
    }

    fn word(&mut self, bit: u64) -> Option<&mut u64> {
        let last = self.words.len() - 1;
        self.words.get_mut((bit / 64) as usize & last)
    }

    /// Remembers the runs of set bits, joining those that touch.
    fn note(&mut self, mut bits: u64) {
        let mut at = self.at - self.message;
        while bits != 0 {
            let known = bits.trailing_zeros();
            let run = (!(bits >> known)).trailing_zeros();
            at += u64::from(known);
            let end = at + u64::from(run);
            match self.ranges.last_mut() {
                Some(last) if last.end == at => last.end = end,
                _ => self.ranges.push(at..end),
            }
            at = end;
            bits = bits.checked_shr(known + run).unwrap_or(0);
        }
        self.clean_from = self.message + at;
    }
}

impl Tap for Shadow {
    fn literal(&mut self, _: u64, _: u8) {
        self.push(0, 1);
    }

    fn copy(&mut self, _: u64, distance: u32, length: u32) {
        let mut left = length;
        while left > 0 {
            // No more than the distance at once: what follows may copy what is written here.
            let n = left.min(distance.clamp(1, 64));
            let bits = self.back(u64::from(distance), n);
            self.push(bits, n);
            left -= n;
        }
    }

    fn stored(&mut self, _: u64, bytes: &[u8]) {
        for part in bytes.chunks(64) {
            self.push(0, part.len() as u32);
        }
    }
}
