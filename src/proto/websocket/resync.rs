//! Frame boundaries found again: after a hole that hid one, or where a capture begins in the middle.
//!
//! ```text
//! bytes   ┈┈ rest of a frame ┈┈╠═ frame ═╬═ frame ═╬═════ frame ═════╬═ fra┈
//! tried    ✗ ✗ ✗ ✗ ✗ ✗ ✗ ✗ ✗ ✗ ✓─────────►──────────►────────────────►
//! ```
//! Every offset is tried as the beginning of a chain of plausible frames that reaches to the last
//! byte. Evidence is counted in bits: how unlikely it is that other bytes would look so. A chain is
//! believed when its evidence outweighs the number of offsets that were tried by far; and it is
//! believed only from the first frame on that is proven by itself, since a few bytes before a true
//! chain may lead into it by chance. Where nothing is proven, nothing is shown.

use super::frame::{Header, header};
use crate::codec::inflate::Inflate;
use crate::codec::mask;
use crate::model::{CloseCode, MaskingKey, Opcode};
use std::collections::HashMap;

/// What frames of a direction look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Expect {
    /// They are masked: they come from the client.
    pub masked: bool,
    /// RSV1 may be set: permessage-deflate is agreed, or may be.
    pub compressed: bool,
}

impl Expect {
    /// Whether a header is one that a correct peer would send.
    pub fn fits(self, header: &Header) -> bool {
        let control = header.opcode.is_control();
        let compressed = header.rsv == 4 && self.compressed && !control;
        let key_length = if header.masking_key.is_some() { 4 } else { 0 };
        let minimal = match header.header_length - key_length {
            2 => true,
            4 => header.length > 125,
            _ => header.length > 0xffff && header.length < LONGEST,
        };
        header.masking_key.is_some() == self.masked
            && matches!(header.opcode.0, 0..=2 | 8..=10)
            && (header.rsv == 0 || compressed && header.opcode != Opcode::CONTINUATION)
            && (!control || header.fin && header.length <= 125)
            && !(header.opcode == Opcode::CLOSE && header.length == 1)
            && minimal
    }
}

/// Bytes that wait for a boundary to be found in them.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Stream offset after the last byte that was looked at.
    seen: u64,
    /// Stream offsets at which a segment begins.
    edges: Vec<u64>,
    /// The next look is worth it from this many bytes on.
    next_look: usize,
}

/// A boundary that was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// Where it is, counted from the first byte that was searched.
    pub at: usize,
    /// Frames in the chain that proves it, the last one perhaps not whole.
    pub frames: u32,
    /// Evidence beyond what the number of tries could give by chance, in bits.
    pub surplus: u32,
}

impl Found {
    /// The chance to be wrong as a power of ten: 1 in 10 to this. More than a million is not claimed:
    /// the evidence is counted as if bytes were independent, which they are not quite.
    pub fn confidence(self) -> u32 {
        (self.surplus * 3 / 10).min(6)
    }
}

/// Up to here every segment is worth a look; then only every tenth more, so that the cost stays linear.
const EAGER: usize = 4096;

/// Bits of evidence that a whole chain needs beyond the number of offsets tried.
const CHAIN: u32 = 24;

/// Bits that its first frame needs by itself, beyond the same.
const FIRST: u32 = 12;

impl Search {
    /// Notes where segments begin; answers after how many of these bytes the newest one does.
    pub fn note(&mut self, at: u64, bytes: &[u8]) -> usize {
        let end = at + bytes.len() as u64;
        if end > self.seen {
            self.edges.push(self.seen.max(at));
            self.seen = end;
        }
        let newest = self.edges.last().map_or(0, |edge| edge.saturating_sub(at));
        usize::try_from(newest).unwrap_or(0)
    }

    /// Looks for a boundary in all bytes that wait, the first of which is at the stream offset `at`.
    ///
    /// `more` is what a chain has to prove beyond the ordinary: 0 where the stream is known to be
    /// WebSocket.
    pub fn look(&mut self, at: u64, bytes: &[u8], expect: Expect, more: u32) -> Option<Found> {
        self.note(at, bytes);
        self.edges.retain(|&edge| edge >= at);
        if bytes.len() < self.next_look {
            return None;
        }
        if bytes.len() > EAGER {
            self.next_look = bytes.len() + bytes.len() / 10;
        }
        let edges: Vec<usize> = self
            .edges
            .iter()
            .filter_map(|edge| usize::try_from(edge.checked_sub(at)?).ok())
            .collect();
        Chains::new(bytes, &edges, expect).find(more)
    }

    /// Says that bytes were passed over: the next look is worth it at once.
    pub fn passed(&mut self) {
        self.next_look = 0;
    }
}

/// Whether these bytes are frames from the first byte to the last, and then whether they are masked.
pub fn whole_frames(bytes: &[u8]) -> Option<bool> {
    [true, false].into_iter().find(|&masked| {
        let chains = Chains::new(
            bytes,
            &[0],
            Expect {
                masked,
                compressed: true,
            },
        );
        let mut at = 0;
        while let Some(frame) = chains.frame(at) {
            if frame.end == bytes.len() {
                return true;
            }
            at = frame.end;
        }
        false
    })
}

/// A frame that may begin at some offset.
#[derive(Clone, Copy)]
struct Candidate {
    header: Header,
    /// Offset after its last byte; may lie beyond what is there.
    end: usize,
}

/// All chains of plausible frames in some bytes.
struct Chains<'a> {
    bytes: &'a [u8],
    expect: Expect,
    /// Offsets at which a segment begins, the end included.
    edges: Vec<usize>,
    /// Bits that an edge is worth: how rare they are.
    edge_bits: u32,
}

/// Whether a chain of plausible frames leads from some offset to the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Reach {
    /// Where a message is unfinished: its next data frame is a continuation.
    continuing: bool,
    /// Where none is.
    beginning: bool,
}

impl Reach {
    const ALL: Self = Self {
        continuing: true,
        beginning: true,
    };

    /// The same for the offset before a frame, after which this holds.
    fn before(self, header: &Header) -> Self {
        if header.opcode.is_control() {
            return self;
        }
        let after = if header.fin {
            self.beginning
        } else {
            self.continuing
        };
        let continues = header.opcode == Opcode::CONTINUATION;
        Self {
            continuing: continues && after,
            beginning: !continues && after,
        }
    }
}

impl<'a> Chains<'a> {
    fn new(bytes: &'a [u8], edges: &[usize], expect: Expect) -> Self {
        let mut edges = edges.to_vec();
        edges.push(bytes.len());
        let edge_bits = log2(bytes.len() / edges.len()).min(8);
        Self {
            bytes,
            expect,
            edges,
            edge_bits,
        }
    }

    fn find(&self, more: u32) -> Option<Found> {
        let tries = log2(self.bytes.len()) + 1;
        let reaching = self.reaching();
        let mut worth = HashMap::new();
        let chained = reaching
            .iter()
            .enumerate()
            .filter(|(_, reach)| **reach != Reach::default());
        chained
            .map(|(at, _)| at)
            .find_map(|at| self.prove(at, tries, more, &mut worth))
    }

    /// For every offset: whether a chain of plausible frames leads from it to the end.
    fn reaching(&self) -> Vec<Reach> {
        let mut reaching = vec![Reach::default(); self.bytes.len()];
        for at in (0..self.bytes.len()).rev() {
            let reach = match self.frame(at) {
                None => Reach {
                    continuing: self.is_open(at),
                    beginning: self.is_open(at),
                },
                Some(frame) => {
                    let beyond = reaching.get(frame.end).copied().unwrap_or(Reach::ALL);
                    beyond.before(&frame.header)
                }
            };
            if let Some(place) = reaching.get_mut(at) {
                *place = reach;
            }
        }
        reaching
    }

    /// Weighs the chain that begins here.
    fn prove(
        &self,
        at: usize,
        tries: u32,
        more: u32,
        worth: &mut HashMap<usize, Option<u32>>,
    ) -> Option<Found> {
        let (mut total, mut frames, mut next) = (self.edge(at), 0, at);
        let mut first = None;
        while next < self.bytes.len() {
            let Some(frame) = self.frame(next) else { break };
            let bits = *worth
                .entry(next)
                .or_insert_with(|| self.weigh(next, &frame));
            let of_end = if frame.end <= self.bytes.len() {
                self.edge(frame.end)
            } else {
                0
            };
            let bits = bits?;
            first.get_or_insert((bits + self.edge(at), of_end));
            total += bits + of_end;
            frames += 1;
            next = frame.end;
            if total > tries + CHAIN + more + 64 {
                break;
            }
        }
        // That a frame ends where a proven chain goes on is worth something too; that this place is
        // an edge then says nothing more about the frame.
        let (first, of_end) = first?;
        let landing = if frames > 1 { 5 } else { of_end };
        let enough = total >= tries + CHAIN + more && first + landing >= tries + FIRST;
        enough.then(|| Found {
            at,
            frames,
            surplus: total - tries,
        })
    }

    /// Bits for a place that lies on an edge.
    fn edge(&self, at: usize) -> u32 {
        if self.edges.binary_search(&at).is_ok() {
            self.edge_bits
        } else {
            0
        }
    }

    /// The frame that begins here, if its header is plausible.
    fn frame(&self, at: usize) -> Option<Candidate> {
        let (_, header) = header(self.bytes.get(at..)?).ok()?;
        let plausible = self.expect.fits(&header);
        let length = usize::try_from(header.length).ok().filter(|_| plausible)?;
        let end = at + usize::from(header.header_length) + length;
        Some(Candidate { header, end })
    }

    /// Whether a header that is not all there begins here.
    fn is_open(&self, at: usize) -> bool {
        let rest = self.bytes.get(at..).unwrap_or_default();
        matches!(header(rest), Err(nom::Err::Incomplete(_)))
    }

    /// The evidence in a frame by itself, in bits; none where it cannot be one.
    fn weigh(&self, at: usize, frame: &Candidate) -> Option<u32> {
        let header = &frame.header;
        // 9 or 13 of 256 first bytes, and one of two mask bits.
        let of_header = if self.expect.compressed { 5 } else { 6 };
        let of_length = if header.length > 0xffff { 10 } else { 0 };
        let from = at + usize::from(header.header_length);
        let whole = frame.end <= self.bytes.len();
        let payload = self.bytes.get(from..frame.end.min(self.bytes.len()))?;
        let mut plain = payload.to_vec();
        if let Some(MaskingKey(key)) = header.masking_key {
            mask::apply(&mut plain, key, 0);
        }
        let of_payload = match header.opcode {
            _ if header.rsv == 4 => of_deflate(&plain, whole && header.fin)?,
            Opcode::TEXT => of_text(&plain, whole && header.fin)?,
            Opcode::CLOSE if whole && !plain.is_empty() => {
                let CloseCode(code) = CloseCode::read(&plain)?;
                if !(1000..5000).contains(&code) {
                    return None;
                }
                4 + of_text(plain.get(2..)?, true)?
            }
            _ => 0,
        };
        Some(of_header + of_length + of_payload)
    }
}

/// A frame longer than this is not plausible where a boundary is searched.
const LONGEST: u64 = 1 << 26;

/// A bit for each character of text; none where it is no UTF-8.
///
/// A control character makes it worth nothing: masked text that is unmasked with a key taken from
/// within it is valid UTF-8 every time, but full of them.
fn of_text(plain: &[u8], whole: bool) -> Option<u32> {
    let valid = match std::str::from_utf8(plain) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() && !whole => {
            std::str::from_utf8(plain.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    let control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    let bits = if valid.contains(control) {
        0
    } else {
        valid.chars().count().min(48)
    };
    Some(u32::try_from(bits).unwrap_or(0))
}

/// Compressed data that inflates: random bits seldom do, and seldom end where they should.
fn of_deflate(plain: &[u8], whole: bool) -> Option<u32> {
    let mut inflate = Inflate::lenient();
    inflate.lose_history();
    let head = plain.get(..DEFLATE_LOOK.min(plain.len()))?;
    inflate.feed(head, &mut |_| {}).ok()?;
    let ended = inflate.end_message().ending;
    match whole && head.len() == plain.len() {
        true if !ended.is_complete() => None,
        // An end of block, the header of an empty one, and nothing behind it: the shorter the
        // payload, the more often that comes by chance.
        true => Some(u32::try_from(plain.len()).unwrap_or(12).min(12)),
        false => Some(2),
    }
}

/// Compressed bytes of a frame that are tried at most.
const DEFLATE_LOOK: usize = 4096;

fn log2(number: usize) -> u32 {
    number.checked_ilog2().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: Expect = Expect {
        masked: false,
        compressed: false,
    };
    const CLIENT: Expect = Expect {
        masked: true,
        compressed: false,
    };

    fn frame(expect: Expect, first: u8, payload: &[u8], seed: u8) -> Vec<u8> {
        let mask_bit = if expect.masked { 0x80 } else { 0 };
        let mut out = vec![first];
        match payload.len() {
            n @ 0..126 => out.push(mask_bit | n as u8),
            n => {
                out.push(mask_bit | 126);
                out.extend((n as u16).to_be_bytes());
            }
        }
        let mut payload = payload.to_vec();
        if expect.masked {
            let key = [seed, seed ^ 0x5a, seed.wrapping_mul(7), 0xc3];
            out.extend(key);
            mask::apply(&mut payload, key, 0);
        }
        out.extend(payload);
        out
    }

    fn chat(expect: Expect, count: u8) -> Vec<u8> {
        (0..count)
            .flat_map(|n| {
                let text = format!("{{\"n\":{n},\"text\":\"价格 is {}\"}}", u32::from(n) * 37);
                frame(expect, 0x81, text.as_bytes(), n)
            })
            .collect()
    }

    fn look(bytes: &[u8], expect: Expect) -> Option<Found> {
        Search::default().look(0, bytes, expect, 0)
    }

    #[test]
    fn two_bytes_before_a_segment_are_no_frame_by_chance() {
        let noise: Vec<u8> = (0..64u8).map(|n| n.wrapping_mul(151) | 0x70).collect();
        let hole = [&noise[..], &[0x88, 0x00]].concat();
        let bytes = [&hole[..], &chat(SERVER, 6)].concat();
        let mut search = Search::default();
        search.note(0, &hole);
        let found = search.look(0, &bytes, SERVER, 0).unwrap();
        assert_eq!(found.at, hole.len());
    }

    #[test]
    fn the_boundary_is_found_wherever_the_hole_ended() {
        for expect in [SERVER, CLIENT] {
            let stream = chat(expect, 6);
            let length = frame(
                expect,
                0x81,
                "{\"n\":0,\"text\":\"价格 is 0\"}".as_bytes(),
                0,
            )
            .len();
            for cut in 1..length {
                let found = look(&stream[cut..], expect).unwrap();
                assert_eq!(
                    found.at,
                    length - cut,
                    "cut {cut}, masked {}",
                    expect.masked
                );
                assert!(found.confidence() >= 6);
            }
        }
    }

    #[test]
    fn a_chain_may_end_in_the_middle_of_anything() {
        let stream = chat(CLIENT, 6);
        for end in stream.len() - 40..stream.len() {
            assert!(look(&stream[7..end], CLIENT).is_some(), "cut at {end}");
        }
    }

    #[test]
    fn what_is_no_websocket_is_never_taken_for_it() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..200 {
            let noise: Vec<u8> = (0..2000)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    state as u8
                })
                .collect();
            for masked in [true, false] {
                assert_eq!(
                    look(
                        &noise,
                        Expect {
                            masked,
                            compressed: true
                        }
                    ),
                    None
                );
            }
        }
        let page = "<html><body>价格\r\nnothing to see</body></html>".repeat(40);
        assert_eq!(
            look(
                page.as_bytes(),
                Expect {
                    masked: false,
                    compressed: true
                }
            ),
            None
        );
    }

    #[test]
    fn frames_of_the_wrong_side_are_not_believed() {
        assert_eq!(look(&chat(CLIENT, 6), SERVER), None);
    }

    #[test]
    fn little_evidence_is_not_enough() {
        // Two pings without payload: any bytes might be that.
        assert_eq!(look(&[0x89, 0, 0x89, 0], SERVER), None);
    }

    #[test]
    fn whole_frames_tell_who_sent_them() {
        assert_eq!(whole_frames(&chat(CLIENT, 2)), Some(true));
        assert_eq!(whole_frames(&chat(SERVER, 2)), Some(false));
        assert_eq!(whole_frames(&chat(SERVER, 2)[1..]), None);
        assert_eq!(whole_frames(b""), None);
    }
}
