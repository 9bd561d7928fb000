//! What was decoded last: the history that matches copy from, and the bytes not handed out yet.

/// The longest match, and what the last copied chunk may reach beyond it.
pub(super) const ROOM: usize = 258 + CHUNK;
const CHUNK: usize = 16;
const FIRST_SIZE: usize = 2048;

/// A buffer that is written straight on and moved down when full.
///
/// ```text
/// 0        base                 start        pos                     buf.len() <= limit
/// |  old    |  history, handed out  | not yet |  room                |
///           |◄──────── reach ────────────────►|
/// ```
/// Moving keeps the last `size` bytes. The buffer starts empty and grows as it is used.
#[derive(Debug, Clone)]
pub(super) struct Window {
    buf: Vec<u8>,
    size: usize,
    base: usize,
    start: usize,
    pos: usize,
    /// There was history before `base`, but nobody knows which.
    unknown_past: bool,
}

/// A match that cannot be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TooFar {
    /// There are only so many bytes of history.
    Start(u32),
    Window,
}

impl Window {
    pub(super) fn new(bits: u8) -> Self {
        let size = 1 << bits.clamp(8, 15);
        Self {
            buf: Vec::new(),
            size,
            base: 0,
            start: 0,
            pos: 0,
            unknown_past: false,
        }
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.buf.capacity()
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn has_room(&self) -> bool {
        self.buf.len() - self.pos >= ROOM
    }

    /// Makes room for at least one match. Everything must have been handed out.
    pub(super) fn make_room(&mut self) {
        let limit = self.size + (self.size / 2).max(4 * ROOM);
        if self.buf.len() < limit {
            let len = (2 * self.buf.len()).clamp(FIRST_SIZE, limit.max(FIRST_SIZE));
            self.buf.reserve_exact(len - self.buf.len());
            self.buf.resize(len, 0);
        }
        if !self.has_room() {
            let gone = self.pos.saturating_sub(self.size);
            self.buf.copy_within(gone..self.pos, 0);
            self.base = self.base.saturating_sub(gone);
            self.start = self.start.saturating_sub(gone);
            self.pos -= gone;
        }
    }

    /// Forgets the history; nothing can be copied from before.
    pub(super) fn forget(&mut self, unknown_past: bool) {
        (self.base, self.start, self.pos) = (0, 0, 0);
        self.unknown_past = unknown_past;
    }

    /// Everything within reach of the window is known again.
    pub(super) fn past_is_known(&mut self) {
        self.unknown_past = false;
    }

    /// The bytes decoded since the last call, to be handed out.
    pub(super) fn fresh(&mut self) -> &[u8] {
        let start = std::mem::replace(&mut self.start, self.pos);
        self.buf.get(start..self.pos).unwrap_or_default()
    }

    /// Appends as many of `bytes` as there is room for, all of them if they are no more than [`Self::room`].
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        if let Some(to) = self
            .buf
            .get_mut(self.pos..)
            .and_then(|to| to.get_mut(..bytes.len()))
        {
            to.copy_from_slice(bytes);
            self.pos += bytes.len();
        }
    }

    pub(super) fn room(&self) -> usize {
        self.buf.len() - self.pos
    }

    /// Copies a match of at most 258 bytes, if it is allowed. There must be room.
    pub(super) fn copy(&mut self, distance: usize, length: usize) -> Result<(), TooFar> {
        let reach = self.pos - self.base;
        if distance > self.size {
            return Err(TooFar::Window);
        }
        let unknown = distance.saturating_sub(reach).min(length);
        if unknown > 0 && !self.unknown_past {
            return Err(TooFar::Start(reach as u32));
        }
        self.extend([0; 258].get(..unknown).unwrap_or_default());
        let mut pen = self.pen();
        if length > unknown {
            pen.copy(distance, length - unknown);
        }
        self.pos = pen.pos;
        Ok(())
    }

    /// For the hot loop.
    pub(super) fn pen(&mut self) -> Pen<'_> {
        Pen {
            base: self.base,
            size: self.size,
            pos: self.pos,
            buf: &mut self.buf,
        }
    }

    /// Takes over what the hot loop has written.
    pub(super) fn advance_to(&mut self, pos: usize) {
        debug_assert!(pos <= self.buf.len());
        self.pos = pos;
    }
}

/// The window as the hot loop sees it: small enough to live in registers.
pub(super) struct Pen<'a> {
    buf: &'a mut [u8],
    base: usize,
    size: usize,
    pub(super) pos: usize,
}

impl Pen<'_> {
    #[inline(always)]
    pub(super) fn has_room(&self) -> bool {
        self.buf.len().wrapping_sub(self.pos) >= ROOM
    }

    #[inline(always)]
    pub(super) fn literal(&mut self, byte: u8) {
        if let Some(to) = self.buf.get_mut(self.pos) {
            *to = byte;
        }
        self.pos += 1;
    }

    #[inline(always)]
    pub(super) fn reaches(&self, distance: usize) -> bool {
        distance <= self.pos - self.base && distance <= self.size
    }

    /// Copies a match that is within reach; there must be room.
    #[inline(always)]
    pub(super) fn copy(&mut self, distance: usize, length: usize) {
        let end = self.pos + length;
        if distance >= CHUNK {
            self.chunks(distance, end);
        } else {
            self.repeat(distance, end);
        }
        self.pos = end;
    }

    /// Copies chunks until `end` is reached; the last one may go beyond.
    #[inline(always)]
    fn chunks(&mut self, distance: usize, end: usize) {
        let mut to = self.pos;
        loop {
            let from = self
                .buf
                .get(to - distance..)
                .and_then(|b| b.first_chunk::<CHUNK>());
            let Some(&chunk) = from else { return };
            let Some(place) = self
                .buf
                .get_mut(to..)
                .and_then(|b| b.first_chunk_mut::<CHUNK>())
            else {
                return;
            };
            *place = chunk;
            to += CHUNK;
            if to >= end {
                return;
            }
        }
    }

    /// A match that overlaps itself closely: one byte again and again, or a short pattern.
    #[inline(never)]
    fn repeat(&mut self, distance: usize, end: usize) {
        let first = self
            .pos
            .checked_sub(distance)
            .and_then(|from| self.buf.get(from));
        let Some(&first) = first else { return };
        if distance == 1 {
            if let Some(run) = self.buf.get_mut(self.pos..end) {
                run.fill(first);
            }
            return;
        }
        // Once a few periods stand there, the pattern also repeats at a multiple of the distance.
        let periods = CHUNK.div_ceil(distance);
        let settled = end.min(self.pos + (periods - 1) * distance);
        while self.pos < settled {
            let byte = self
                .buf
                .get(self.pos - distance)
                .copied()
                .unwrap_or_default();
            self.literal(byte);
        }
        if self.pos < end {
            self.chunks(periods * distance, end);
        }
    }
}
