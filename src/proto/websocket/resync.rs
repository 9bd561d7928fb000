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

use super::evidence::{Weight, weigh};
use super::frame::{Header, header};
use crate::model::Opcode;
use std::cmp::Ordering;
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

/// The same where the stream ends with the last byte, and the chain with it.
const LAST: u32 = 20;

/// Bits that a frame needs to be the first one that is believed, beyond the number of offsets before it.
const FIRST: u32 = 15;

/// Frames of a chain that are weighed at most.
const FRAMES: u32 = 64;

/// Bits for a frame that ends where one of the chain begins: how rare these places are.
const LANDING: u32 = 5;

/// Bits for a frame that ends with the stream: one of the 126 lengths that are written in one byte.
const AT_THE_END: u32 = 7;

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
        Chains::new(bytes, &self.edges_from(at), expect).find(more)
    }

    /// Looks once more, where the stream ends with these bytes.
    pub fn last_look(&self, at: u64, bytes: &[u8], expect: Expect) -> Option<Found> {
        Chains::new(bytes, &self.edges_from(at), expect)
            .at_the_end()
            .find(0)
    }

    /// Where segments begin, counted from this stream offset.
    fn edges_from(&self, at: u64) -> Vec<usize> {
        let edges = self.edges.iter();
        edges
            .filter_map(|edge| usize::try_from(edge.checked_sub(at)?).ok())
            .collect()
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
    /// Bits that a chain needs.
    needed: u32,
    /// The stream ends with these bytes.
    last: bool,
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
            needed: CHAIN,
            last: false,
        }
    }

    /// The same where the stream ends with these bytes, orderly: a chain must then end with them.
    fn at_the_end(self) -> Self {
        Self {
            needed: LAST,
            last: true,
            ..self
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
                    continuing: !self.last && self.is_open(at),
                    beginning: !self.last && self.is_open(at),
                },
                Some(frame) => {
                    let beyond = match reaching.get(frame.end) {
                        Some(reach) => *reach,
                        None if self.last && frame.end > self.bytes.len() => Reach::default(),
                        None => Reach::ALL,
                    };
                    beyond.before(&frame.header)
                }
            };
            if let Some(place) = reaching.get_mut(at) {
                *place = reach;
            }
        }
        reaching
    }

    /// Weighs the chain that begins here: whether there are frames at all, and from which on they are
    /// proven. Were a frame of the chain no true one, those before it would be none either, and would
    /// all lead into the true chain by chance.
    fn prove(
        &self,
        at: usize,
        tries: u32,
        more: u32,
        worth: &mut HashMap<usize, Option<Weight>>,
    ) -> Option<Found> {
        let (mut total, mut frames, mut next) = (0, 0, at);
        let (mut behind, mut proven) = (0, None);
        while next < self.bytes.len() {
            let Some(frame) = self.frame(next) else { break };
            let weight = *worth
                .entry(next)
                .or_insert_with(|| weigh(self.bytes, next, &frame.header, self.expect, more > 0));
            let weight = weight?;
            let length = frame.end - next;
            let of_end = self.edge(frame.end, length);
            let of_start = self.edge(next, length);
            total += weight.chain + of_end + if frames == 0 { of_start } else { 0 };
            frames += 1;
            if proven.is_none() {
                let landing = match frame.end.cmp(&self.bytes.len()) {
                    Ordering::Less => LANDING.max(of_end),
                    Ordering::Equal => of_end,
                    Ordering::Greater => 0,
                };
                let own = behind + weight.own + of_start + landing;
                let tried = log2(next + 1) + 1;
                proven = (own >= tried + FIRST).then(|| (next, frames, own - tried));
            }
            behind += weight.behind;
            next = frame.end;
            if proven.is_some() && total > tries + CHAIN + more + 64 || frames == FRAMES {
                break;
            }
        }
        let (at, passed, own) = proven?;
        let enough = total >= tries + self.needed + more;
        enough.then(|| Found {
            at,
            frames: frames + 1 - passed,
            surplus: (total - tries).min(own),
        })
    }

    /// Bits for a frame of this length that begins or ends on an edge. Not more than what its length
    /// gives: in records that repeat and look like frames, one boundary in so many bytes is on it.
    fn edge(&self, at: usize, length: usize) -> u32 {
        let bits = self.edge_bits.min(log2(length));
        if self.last && at == self.bytes.len() {
            bits.max(AT_THE_END)
        } else if self.edges.binary_search(&at).is_ok() {
            bits
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
}

/// A frame longer than this is not plausible where a boundary is searched.
const LONGEST: u64 = 1 << 26;

fn log2(number: usize) -> u32 {
    number.checked_ilog2().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::mask;

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
