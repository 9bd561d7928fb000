//! A window that slides over a stream: the bytes from some offset on, as many as were asked for.

use std::io::{self, Read};
use std::ops::Range;

/// Bytes read ahead of their use.
///
/// ```text
///  buffer  |  used up  |  waiting: at, at+1, …  |  free  |
///          0         start                     end      len
/// ```
pub(super) struct Window {
    from: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Stream offset of `buffer[start]`.
    at: u64,
    /// Why no more bytes come, once that is known; none inside means the stream has ended.
    over: Option<Option<io::Error>>,
}

impl Window {
    pub fn new(from: Box<dyn Read + Send>, at: u64) -> Self {
        Self {
            from,
            buffer: vec![0; SIZE],
            start: 0,
            end: 0,
            at,
            over: None,
        }
    }

    /// Stream offset of the first waiting byte.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The waiting bytes, at least `len` of them if the stream has that many.
    #[inline(always)]
    pub fn want(&mut self, len: usize) -> &[u8] {
        if self.end - self.start < len {
            self.fill(len);
        }
        &self.buffer[self.start..self.end]
    }

    /// Uses up the first `len` waiting bytes; says where they begin, until the next call of `want`.
    ///
    /// Blocks are at most 64 MiB, so that places in the window fit into 32 bits.
    #[inline(always)]
    pub fn take(&mut self, len: usize) -> u32 {
        let start = self.start;
        let len = len.min(self.end - start);
        self.start += len;
        self.at += len as u64;
        start as u32
    }

    /// Bytes that `take` gave.
    #[inline(always)]
    pub fn bytes(&self, taken: Range<u32>) -> &[u8] {
        &self.buffer[taken.start as usize..taken.end as usize]
    }

    /// Why the stream ended early, where it was not simply its end.
    pub fn failure(&mut self) -> Option<io::Error> {
        self.over.as_mut().and_then(Option::take)
    }

    #[cold]
    fn fill(&mut self, len: usize) {
        if self.over.is_some() {
            return;
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while self.end < len && self.over.is_none() {
            if self.end == self.buffer.len() {
                // A long block: its bytes must be there before the room grows, whatever it claims.
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
            match self.from.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.over = Some(None),
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.over = Some(Some(error)),
            }
        }
    }
}

/// Small enough to stay in a processor's second cache.
const SIZE: usize = 256 << 10;
