//! Numbers that look random and are the same for the same seed.

/// SplitMix64: small, fast, and good enough for payloads.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let words = std::iter::repeat_with(|| self.next().to_le_bytes());
        let mut bytes: Vec<u8> = words.take(count.div_ceil(8)).flatten().collect();
        bytes.truncate(count);
        bytes
    }

    /// Words, as a chat has them: ASCII, and easy to compress.
    pub fn words(&mut self, count: usize) -> Vec<u8> {
        let mut text = Vec::with_capacity(count + 8);
        while text.len() < count {
            let word = WORDS[self.below(WORDS.len() as u64) as usize];
            text.extend_from_slice(word);
        }
        text.truncate(count);
        text
    }
}

const WORDS: [&[u8]; 12] = [
    b"{\"id\":",
    b"\"price\":",
    b"true",
    b"null,",
    b"17",
    b"4711",
    b"}",
    b"hello ",
    b"the ",
    b"socket ",
    b"is open",
    b"\n",
];
