//! What the last segments of a direction carried, so that other bytes in their place are noticed.
//!
//! The bytes themselves have been handed out and are gone: what stays is a digest of each segment's.
//! One that comes again may be compared as far as it covers whole segments; of a part of one, and of
//! what is older than the last few, nothing can be said, and nothing is.

use foldhash::quality::RandomState;
use std::collections::VecDeque;
use std::hash::BuildHasher;

/// Digests of the last segments of a direction.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    /// Random, since who chooses the bytes must not choose the digest.
    seed: RandomState,
    /// Oldest first; none lies wholly in an earlier one.
    kept: VecDeque<Kept>,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    seq: u32,
    len: u32,
    digest: u64,
}

impl Recent {
    /// Remembers these bytes, and of all at most so many segments.
    pub fn keep(&mut self, seq: u32, bytes: &[u8], most: usize) {
        if most == 0 || bytes.is_empty() {
            return;
        }
        if self.kept.len() >= most {
            self.kept.pop_front();
        }
        self.kept.push_back(Kept {
            seq,
            len: bytes.len() as u32,
            digest: self.seed.hash_one(bytes),
        });
    }

    /// Whether a segment that is remembered came again in these bytes, and differs.
    #[must_use]
    pub fn differs(&self, seq: u32, bytes: &[u8]) -> bool {
        self.kept.iter().any(|kept| {
            // Far off in either direction it is larger than any segment.
            let at = kept.seq.wrapping_sub(seq) as usize;
            let end = at.saturating_add(kept.len as usize);
            let again = bytes.get(at..end);
            again.is_some_and(|again| self.seed.hash_one(again) != kept.digest)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEQ: u32 = 0xffff_fffa; // the numbers wrap after six bytes

    fn recent() -> Recent {
        let mut recent = Recent::default();
        recent.keep(SEQ, b"abcd", 3);
        recent.keep(SEQ.wrapping_add(4), b"efgh", 3);
        recent.keep(SEQ.wrapping_add(8), b"ijkl", 3);
        recent
    }

    fn differs(recent: &Recent, at: u32, bytes: &[u8]) -> bool {
        recent.differs(SEQ.wrapping_add(at), bytes)
    }

    #[test]
    fn other_bytes_in_the_same_place_are_noticed() {
        let recent = recent();
        assert!(!differs(&recent, 4, b"efgh"));
        assert!(differs(&recent, 4, b"efgX"));
        assert!(!differs(&recent, 0, b"abcdefghijkl"), "joined");
        assert!(differs(&recent, 0, b"abcdefgXijkl"));
        assert!(!differs(&recent, 2, b"cdefghij"), "one whole, two in part");
        assert!(differs(&recent, 2, b"cdXfghij"));
    }

    #[test]
    fn of_a_part_and_of_what_is_older_nothing_is_said() {
        let mut recent = recent();
        assert!(!differs(&recent, 5, b"XX"));
        assert!(!differs(&recent, 2, b"XX"));
        assert!(!differs(&recent, 12, b"XXXX"), "never seen");
        recent.keep(SEQ.wrapping_add(12), b"mnop", 3);
        assert!(!differs(&recent, 0, b"XXXX"), "forgotten");
        assert!(differs(&recent, 4, b"XXXX"));
    }
}
