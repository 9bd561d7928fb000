//! Inflating one direction, and trying out what went wrong where it does not inflate.
//!
//! A sender that does not compress as agreed does one of a few known things. Each is a hypothesis
//! about what its window holds: the one under which the message inflates is the culprit.

use crate::codec::inflate::{self, Fault, Inflate, Piece, Summary};
use crate::model::{Culprit, Ending, Inflated, Kind, Side};
use std::collections::VecDeque;

/// The inflater of a direction, and what it takes to try again.
#[derive(Clone, Debug)]
pub struct Inflater {
    inflate: Inflate,
    promised: Side,
    memory: Option<Box<Memory>>,
    /// The history is not known: what does not inflate may be a consequence.
    doubt: bool,
}

/// What the sender's window may hold, and the message that is coming.
#[derive(Clone, Debug, Default)]
struct Memory {
    /// The text of earlier messages.
    text: VecDeque<u8>,
    /// How many bytes of it, the oldest first, were sent compressed or not.
    runs: VecDeque<(usize, Sent)>,
    /// The text of this message.
    fresh: Vec<u8>,
    /// Its compressed bytes.
    wire: Vec<u8>,
    /// Some of all this is not known, or too long.
    spoilt: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sent {
    Compressed,
    Plain,
}

/// The farthest that DEFLATE reaches back.
const WINDOW: usize = 32 << 10;

/// Compressed bytes of a message that are kept to try again.
const WIRE: usize = 256 << 10;

impl Inflater {
    /// For a direction whose sender promised this; `tries` where culprits are asked for.
    pub fn new(promised: Side, tries: bool) -> Self {
        Self {
            inflate: Inflate::new(promised.window_bits),
            promised,
            memory: tries.then(Box::default),
            doubt: false,
        }
    }

    pub fn feed(&mut self, input: &[u8], out: &mut impl FnMut(Piece<'_>)) -> Result<(), Fault> {
        let Some(memory) = &mut self.memory else {
            return self.inflate.feed(input, out);
        };
        if memory.wire.len() + input.len() > WIRE {
            memory.spoilt = true;
        }
        if memory.spoilt {
            memory.wire = Vec::new();
            return self.inflate.feed(input, out);
        }
        memory.wire.extend_from_slice(input);
        self.inflate.feed(input, &mut |piece| {
            memory.fresh.extend_from_slice(piece.bytes);
            let over = memory.fresh.len().saturating_sub(2 * WINDOW);
            if over > WINDOW {
                memory.fresh.drain(..over);
            }
            out(piece);
        })
    }

    /// Takes the text of a message that is not compressed: a good sender keeps it out of its window.
    pub fn plain(&mut self, text: &[u8]) {
        if let Some(memory) = &mut self.memory {
            memory.keep(text, Sent::Plain);
        }
    }

    /// Earlier messages were not seen.
    pub fn lose_history(&mut self) {
        self.inflate.lose_history();
        self.doubt = true;
        self.spoil();
    }

    pub fn lose(&mut self) {
        self.inflate.lose();
        self.doubt = true;
        self.spoil();
    }

    /// Ends a compressed message; `complete` where nothing of it was lost, `utf8` where its text is valid.
    pub fn end_message(&mut self, kind: Kind, utf8: bool) -> (Summary, Inflated) {
        let summary = self.inflate.end_message();
        let garbled = kind == Kind::Text && summary.unknown_len == 0 && !utf8;
        let ending = match summary.ending {
            inflate::Ending::Lost => Ending::Unknown,
            inflate::Ending::TailLeft => Ending::TailLeft,
            ending if ending.is_complete() && garbled => match self.culprit(kind) {
                // Only what makes sense of nonsense is believed.
                Culprit::PlainKept => Ending::Broken(Culprit::PlainKept),
                _ => Ending::Whole,
            },
            ending if ending.is_complete() => Ending::Whole,
            _ if self.doubt => Ending::Unknown,
            _ => Ending::Broken(self.culprit(kind)),
        };
        match (&mut self.memory, ending) {
            (_, Ending::Broken(_) | Ending::Unknown) => {
                self.doubt = true;
                self.spoil();
            }
            (Some(memory), _) => memory.end(),
            (None, _) => {}
        }
        if self.promised.no_context_takeover {
            self.inflate.forget();
            self.doubt = false;
        }
        let distance = summary.max_distance;
        let bits = (32 - distance.saturating_sub(1).leading_zeros()).max(8);
        let inflated = Inflated {
            ending,
            window_bits: if distance == 0 { 0 } else { bits as u8 },
            bfinal: summary.bfinal,
        };
        (summary, inflated)
    }

    /// Whether a text that is not marked as compressed, and is none, inflates to one: its sender
    /// forgot RSV1. Its window holds that text then, and the receiver's does not.
    pub fn unmarked(&mut self, payload: &[u8]) -> bool {
        let takeover = !self.promised.no_context_takeover;
        let found = !self.doubt
            && self.memory.as_ref().is_some_and(|memory| {
                let compressed = |sent| takeover && sent == Sent::Compressed;
                !memory.spoilt && memory.inflates(payload, Kind::Text, compressed)
            });
        if found && takeover {
            self.lose_history();
        }
        found
    }

    /// Forgets everything that was kept: from here on nothing can be tried.
    pub fn spoil(&mut self) {
        if let Some(memory) = &mut self.memory {
            **memory = Memory {
                spoilt: true,
                ..Memory::default()
            };
        }
    }

    /// The known fault of senders under which the message inflates.
    fn culprit(&self, kind: Kind) -> Culprit {
        let Some(memory) = self.memory.as_ref().filter(|memory| !memory.spoilt) else {
            return Culprit::Unknown;
        };
        let takeover = !self.promised.no_context_takeover;
        let any = |sent| memory.runs.iter().any(|&(_, found)| found == sent);
        let compressed = |sent| sent == Sent::Compressed;
        if takeover
            && self.promised.window_bits < 15
            && memory.inflates(&memory.wire, kind, compressed)
        {
            Culprit::Window
        } else if !takeover
            && any(Sent::Compressed)
            && memory.inflates(&memory.wire, kind, compressed)
        {
            Culprit::Takeover
        } else if any(Sent::Plain) && memory.inflates(&memory.wire, kind, |_| true) {
            Culprit::PlainKept
        } else if kind == Kind::Text && is_text(&memory.wire) {
            Culprit::NotCompressed
        } else {
            Culprit::Unknown
        }
    }
}

impl Memory {
    fn keep(&mut self, text: &[u8], sent: Sent) {
        if self.spoilt || text.is_empty() {
            return;
        }
        self.text.extend(text);
        match self.runs.back_mut() {
            Some((len, last)) if *last == sent => *len += text.len(),
            _ => self.runs.push_back((text.len(), sent)),
        }
        // Twice the window of each kind would be enough; long runs of the other kind are cut.
        while self.text.len() > 4 * WINDOW
            && let Some((len, _)) = self.runs.front_mut()
        {
            let cut = (*len).min(self.text.len() - 4 * WINDOW);
            self.text.drain(..cut);
            *len -= cut;
            if *len == 0 {
                self.runs.pop_front();
            }
        }
    }

    fn end(&mut self) {
        let fresh = std::mem::take(&mut self.fresh);
        self.keep(&fresh, Sent::Compressed);
        self.wire.clear();
    }

    /// Whether the message inflates, to text where it is text, with such messages in a window of 32 KiB.
    fn inflates(&self, wire: &[u8], kind: Kind, holds: impl Fn(Sent) -> bool) -> bool {
        let mut history = Vec::new();
        let mut text = self.text.iter();
        for &(len, sent) in &self.runs {
            let run = text.by_ref().take(len);
            match holds(sent) {
                true => history.extend(run),
                false => run.for_each(drop),
            }
        }
        let from = history.len().saturating_sub(WINDOW);
        let mut inflate = Inflate::lenient();
        let stored = stored(history.get(from..).unwrap_or_default());
        let seeded = inflate.feed(&stored, &mut |_| {}).is_ok();
        inflate.end_message();
        let mut found = Vec::new();
        let fed = inflate.feed(wire, &mut |piece| found.extend_from_slice(piece.bytes));
        let ended = inflate.end_message();
        seeded
            && fed.is_ok()
            && ended.ending.is_complete()
            && !found.is_empty()
            && (kind != Kind::Text || std::str::from_utf8(&found).is_ok())
    }
}

/// Bytes as stored blocks, which put them into a window, and the flush behind.   RFC 1951 section 3.2.4
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut blocks = Vec::with_capacity(bytes.len() + 16);
    for chunk in bytes.chunks(usize::from(u16::MAX)) {
        let len = chunk.len() as u16;
        blocks.push(0);
        blocks.extend(len.to_le_bytes());
        blocks.extend((!len).to_le_bytes());
        blocks.extend_from_slice(chunk);
    }
    blocks.push(0);
    blocks
}

fn is_text(bytes: &[u8]) -> bool {
    let odd = |c: char| c.is_control() && !c.is_whitespace();
    !bytes.is_empty() && std::str::from_utf8(bytes).is_ok_and(|text| !text.contains(odd))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compress, Compression, FlushCompress};

    fn side(no_context_takeover: bool, window_bits: u8) -> Side {
        Side {
            no_context_takeover,
            window_bits,
        }
    }

    /// A message through a compressor, its tail removed.
    fn deflate(compress: &mut Compress, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len() + 1000);
        compress
            .compress_vec(text, &mut out, FlushCompress::Sync)
            .unwrap();
        out.truncate(out.len() - 4);
        out
    }

    fn take(inflater: &mut Inflater, wire: &[u8]) -> Ending {
        let mut text = Vec::new();
        let _ = inflater.feed(wire, &mut |piece| text.extend_from_slice(piece.bytes));
        let utf8 = std::str::from_utf8(&text).is_ok();
        inflater.end_message(Kind::Text, utf8).1.ending
    }

    fn noise(len: usize, seed: u32) -> Vec<u8> {
        let mut state = seed;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b'!' + (state >> 24) as u8 % 94
        };
        std::iter::repeat_with(next).take(len).collect()
    }

    #[test]
    fn a_good_sender_has_no_culprit() {
        let mut inflater = Inflater::new(side(false, 15), true);
        let mut compress = Compress::new(Compression::best(), false);
        inflater.plain(b"not compressed");
        for _ in 0..3 {
            let wire = deflate(&mut compress, &noise(500, 1));
            assert_eq!(take(&mut inflater, &wire), Ending::Whole);
        }
    }

    #[test]
    fn a_window_larger_than_agreed() {
        let mut inflater = Inflater::new(side(false, 9), true);
        let mut compress = Compress::new(Compression::best(), false);
        for seed in [1, 2] {
            let first = deflate(&mut compress, &noise(300, seed));
            assert_eq!(take(&mut inflater, &first), Ending::Whole);
        }
        let again = deflate(&mut compress, &noise(300, 1));
        assert_eq!(take(&mut inflater, &again), Ending::Broken(Culprit::Window));
        // The history is not known any more: nothing is blamed on the sender twice.
        let more = deflate(&mut compress, &noise(300, 2));
        assert!(!matches!(take(&mut inflater, &more), Ending::Broken(_)));
    }

    #[test]
    fn a_context_taken_over_against_the_promise() {
        let mut inflater = Inflater::new(side(true, 15), true);
        let mut compress = Compress::new(Compression::best(), false);
        let first = deflate(&mut compress, &noise(300, 1));
        assert_eq!(take(&mut inflater, &first), Ending::Whole);
        let again = deflate(&mut compress, &noise(300, 1));
        assert_eq!(
            take(&mut inflater, &again),
            Ending::Broken(Culprit::Takeover)
        );
    }

    #[test]
    fn an_uncompressed_message_kept_in_the_window() {
        let mut inflater = Inflater::new(side(false, 15), true);
        let mut compress = Compress::new(Compression::best(), false);
        let plain = noise(300, 7);
        deflate(&mut compress, &plain);
        inflater.plain(&plain);
        let wire = deflate(&mut compress, &plain);
        assert_eq!(
            take(&mut inflater, &wire),
            Ending::Broken(Culprit::PlainKept)
        );
    }

    #[test]
    fn text_that_is_marked_and_not_compressed() {
        let mut inflater = Inflater::new(side(false, 15), true);
        let ending = take(&mut inflater, b"good morning, this is text");
        assert_eq!(ending, Ending::Broken(Culprit::NotCompressed));
    }

    #[test]
    fn a_compressed_message_without_its_mark() {
        for takeover in [true, false] {
            let mut inflater = Inflater::new(side(!takeover, 15), true);
            let mut compress = Compress::new(Compression::best(), false);
            let first = deflate(&mut compress, &noise(300, 1));
            assert_eq!(take(&mut inflater, &first), Ending::Whole);
            if !takeover {
                compress.reset();
            }
            let wire = deflate(&mut compress, &noise(300, 1));
            inflater.plain(&wire);
            assert!(inflater.unmarked(&wire));
            // What the sender's window holds now is not known any more, or forgotten.
            if !takeover {
                compress.reset();
            }
            let next = deflate(&mut compress, &noise(300, 1));
            let ending = take(&mut inflater, &next);
            assert!(!matches!(ending, Ending::Broken(_)), "{ending:?}");
        }
        let mut inflater = Inflater::new(side(false, 15), true);
        assert!(!inflater.unmarked(b"\xff\xfe not compressed at all"));
    }

    #[test]
    fn after_a_fault_a_sender_without_takeover_is_understood_again() {
        let mut inflater = Inflater::new(side(true, 15), true);
        let mut compress = Compress::new(Compression::best(), false);
        let mut wire = deflate(&mut compress, &noise(300, 1));
        wire.truncate(wire.len() / 2);
        wire.extend([0xff; 40]);
        assert!(matches!(take(&mut inflater, &wire), Ending::Broken(_)));
        compress.reset();
        let good = deflate(&mut compress, &noise(300, 2));
        assert_eq!(take(&mut inflater, &good), Ending::Whole);
    }

    #[test]
    fn what_was_lost_has_no_culprit() {
        let mut inflater = Inflater::new(side(false, 9), true);
        let mut compress = Compress::new(Compression::best(), false);
        deflate(&mut compress, &noise(2000, 1));
        inflater.lose();
        inflater.end_message(Kind::Text, true);
        let again = deflate(&mut compress, &noise(2000, 1));
        let ending = take(&mut inflater, &again);
        assert!(
            !matches!(ending, Ending::Broken(culprit) if culprit != Culprit::Unknown),
            "{ending:?}"
        );
    }
}
