//! Where the bytes of compressed messages came from: the same inflater again, with someone looking on.

use super::story::Piecework;
use crate::codec::inflate::{BlockKind, Inflate, Tap};
use crate::model::{EventId, Side};
use std::collections::VecDeque;
use std::ops::Range;

/// The farthest that DEFLATE can reach back.
const WINDOW: u64 = 32 << 10;
/// Copies that are remembered of one message.
const COPIES: usize = 4096;
/// Output bytes that are remembered of one message.
const OUTPUT: usize = 64 << 10;
/// Symbols that are remembered of one message.
const SYMBOLS: usize = 64 << 10;

/// One direction's compressed messages.
#[derive(Clone, Debug)]
pub struct Trace {
    inflate: Inflate,
    side: Side,
    /// Output bytes of all messages so far.
    total: u64,
    /// Where earlier messages begin among them, oldest first.
    earlier: VecDeque<Source>,
    /// What was seen of the last message.
    pub last: Option<Traced>,
}

/// A message that bytes may come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Source {
    start: u64,
    /// Its event.
    pub id: EventId,
    /// Which of the direction's text and binary messages it is, from 1.
    pub nth: u64,
}

/// How a message was made.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Traced {
    /// Compressed bytes.
    pub input: u64,
    /// What they gave; the first of it.
    pub output: Vec<u8>,
    /// How long that is in all.
    pub output_len: u64,
    /// The blocks, with how many bits come before each.
    pub blocks: Vec<(u64, BlockKind, bool)>,
    /// Bytes that stand for themselves.
    pub literals: u64,
    /// What was copied; the first ones.
    pub copies: Vec<Copied>,
    /// Output bytes by where they came from: earlier messages, and whether they are remembered.
    pub from: Vec<(Option<Source>, u64)>,
    /// Output bytes that were copied from within the message.
    pub own: u64,
    /// Where each symbol begins: its bit among the compressed ones, and its first byte of the output. The first ones.
    pub symbols: Vec<(u64, u64)>,
}

/// Where a byte of a message came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The bits of the compressed message that say so.
    pub bits: Range<u64>,
    /// The bytes of the message that came with it.
    pub bytes: Range<u64>,
    /// From where they were copied; none where they stand for themselves.
    pub copied: Option<Copied>,
}

impl Traced {
    /// Where a byte of the message came from; none behind what is remembered.
    #[must_use]
    pub fn origin(&self, at: u64) -> Option<Origin> {
        let after = self.symbols.partition_point(|(_, begins)| *begins <= at);
        let (bit, begins) = *self.symbols.get(after.checked_sub(1)?)?;
        let (next_bit, ends) = self.symbols.get(after).copied().unwrap_or_else(|| {
            let end = (self.input * 8, self.output_len);
            if self.symbols.len() < SYMBOLS {
                end
            } else {
                (bit, begins)
            }
        });
        let before = self.copies.partition_point(|copy| copy.at <= at);
        let copied = before.checked_sub(1).and_then(|i| self.copies.get(i));
        let copied = copied.filter(|copy| at < copy.at + u64::from(copy.length));
        let bytes = begins..ends;
        bytes.contains(&at).then(|| Origin {
            bits: bit..next_bit,
            bytes,
            copied: copied.copied(),
        })
    }

    /// The bytes of the message that a compressed byte takes part in.
    #[must_use]
    pub fn given_by(&self, byte: u64) -> Option<Range<u64>> {
        let bits = byte * 8..byte * 8 + 8;
        let ends = self.symbols.iter().skip(1).copied();
        let end = (self.input * 8, self.output_len);
        let mut found: Option<Range<u64>> = None;
        for ((bit, at), (next_bit, next_at)) in self.symbols.iter().zip(ends.chain([end])) {
            if *bit < bits.end && next_bit > bits.start && *at < next_at {
                let start = found.as_ref().map_or(*at, |found| found.start);
                found = Some(start..next_at);
            }
        }
        found
    }
}

/// A copy: `length` bytes from `distance` back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Copied {
    /// Offset in the message where they go.
    pub at: u64,
    /// How far back they lie.
    pub distance: u32,
    /// How many.
    pub length: u32,
    /// The earlier message that the first of them lies in, and where; none where it is this one.
    pub from: Option<(Option<Source>, u64)>,
}

impl Trace {
    /// The beginning of a direction; unless it is the `first` message, what came before is not known.
    #[must_use]
    pub fn new(side: Side, first: bool) -> Self {
        let mut inflate = Inflate::lenient();
        if !first {
            inflate.lose_history();
        }
        Self {
            inflate,
            side,
            total: 0,
            earlier: VecDeque::new(),
            last: None,
        }
    }

    /// Inflates a message again from its frames.
    pub fn message(&mut self, id: EventId, nth: u64, frames: &[Piecework]) {
        let mut look = Look {
            traced: Traced::default(),
            total: self.total,
            earlier: &self.earlier,
            at: 0,
        };
        let mut output = Vec::new();
        let mut whole = !frames.is_empty();
        for frame in frames {
            let Some(payload) = frame.payload() else {
                whole = false;
                break;
            };
            look.traced.input += payload.len() as u64;
            let fed = self.inflate.feed_tapped(&payload, &mut look, &mut |piece| {
                let room = OUTPUT.saturating_sub(output.len());
                output.extend(piece.bytes.iter().take(room));
            });
            whole &= fed.is_ok();
        }
        if !whole {
            self.inflate.lose();
        }
        let mut traced = look.traced;
        self.inflate.end_message();
        let start = self.total;
        self.total += traced.output_len;
        self.earlier.push_back(Source { start, id, nth });
        if self.side.no_context_takeover {
            self.inflate.forget();
            self.earlier.clear();
        }
        while self
            .earlier
            .get(1)
            .is_some_and(|next| next.start + WINDOW < self.total)
        {
            self.earlier.pop_front();
        }
        traced.output = output;
        self.last = whole.then_some(traced);
    }
}

struct Look<'a> {
    traced: Traced,
    total: u64,
    earlier: &'a VecDeque<Source>,
    at: u64,
}

impl Look<'_> {
    fn symbol(&mut self, bit: u64) {
        if self.traced.symbols.len() < SYMBOLS {
            self.traced.symbols.push((bit, self.at));
        }
    }

    fn grow(&mut self, bytes: u64) {
        self.at += bytes;
        self.traced.output_len = self.at;
    }

    /// The earlier message that an offset of the direction's output lies in, and where that one ends.
    fn source(&self, at: u64) -> (Option<Source>, u64) {
        let after = self.earlier.partition_point(|it| it.start <= at);
        let end = self.earlier.get(after).map_or(self.total, |it| it.start);
        let source = after.checked_sub(1).and_then(|i| self.earlier.get(i));
        (source.copied(), end)
    }

    fn count(&mut self, source: Option<Source>, bytes: u64) {
        let known = self.traced.from.iter_mut().find(|(it, _)| *it == source);
        match known {
            Some((_, count)) => *count += bytes,
            None => self.traced.from.push((source, bytes)),
        }
    }
}

impl Tap for Look<'_> {
    fn block(&mut self, at: u64, kind: BlockKind, last: bool) {
        self.symbol(at);
        if self.traced.blocks.len() < 64 {
            self.traced.blocks.push((at, kind, last));
        }
    }

    fn literal(&mut self, bit: u64, _: u8) {
        self.symbol(bit);
        self.traced.literals += 1;
        self.grow(1);
    }

    fn end_of_block(&mut self, bit: u64) {
        self.symbol(bit);
    }

    fn copy(&mut self, bit: u64, distance: u32, length: u32) {
        self.symbol(bit);
        let here = self.total + self.at;
        let from = here.checked_sub(u64::from(distance));
        let mut copied = Copied {
            at: self.at,
            distance,
            length,
            from: None,
        };
        // Bytes from before this message, message by message; the rest lies within it.
        let mut left = u64::from(length);
        let mut at = from.unwrap_or(0);
        if from.is_none() {
            copied.from = Some((None, 0));
            self.count(None, left);
            left = 0;
        }
        while left > 0 && at < self.total {
            let (source, end) = self.source(at);
            let bytes = left.min(end.saturating_sub(at)).max(1);
            let offset = source.map_or(0, |source| at - source.start);
            copied.from.get_or_insert((source, offset));
            self.count(source, bytes);
            (at, left) = (at + bytes, left - bytes);
        }
        self.traced.own += left;
        if self.traced.copies.len() < COPIES {
            self.traced.copies.push(copied);
        }
        self.grow(length.into());
    }

    fn stored(&mut self, bit: u64, bytes: &[u8]) {
        self.symbol(bit);
        self.traced.literals += bytes.len() as u64;
        self.grow(bytes.len() as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three literals of eight bits behind a header of three, and a copy of them.
    #[test]
    fn a_byte_knows_its_bits_and_a_compressed_byte_what_it_gave() {
        let earlier = VecDeque::new();
        let mut look = Look {
            traced: Traced::default(),
            total: 0,
            earlier: &earlier,
            at: 0,
        };
        look.block(0, BlockKind::Fixed, false);
        for bit in [3, 11, 19] {
            look.literal(bit, b'x');
        }
        look.copy(27, 3, 6);
        look.end_of_block(39);
        let traced = Traced {
            input: 6,
            ..look.traced
        };
        let first = traced.origin(0).unwrap();
        assert_eq!((first.bits, first.bytes, first.copied), (3..11, 0..1, None));
        let copied = traced.origin(5).unwrap();
        assert_eq!((copied.bits, copied.bytes), (27..39, 3..9));
        assert_eq!(copied.copied.unwrap().distance, 3);
        assert_eq!(traced.origin(9), None);
        assert_eq!(traced.given_by(0), Some(0..1));
        assert_eq!(
            traced.given_by(3),
            Some(2..9),
            "its last bits begin the copy"
        );
        assert_eq!(traced.given_by(4), Some(3..9));
        assert_eq!(traced.given_by(5), None);
    }
}
