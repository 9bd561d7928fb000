//! What bytes prove that look like a frame, in bits: how unlikely it is that others would look so.
//!
//! Three kinds of thing look like a frame without being one, and each is weighed against:
//! - bytes of any kind, of which one in fifty has the form of a header;
//! - the inside of a text, or a text with a few bytes before it, where text is little proof that a
//!   frame begins;
//! - the tail of a compressed payload: coded with the fixed codes, it inflates from almost anywhere to
//!   its end, so that a false frame which happens to end where a true one does inflates as well.

use super::frame::{Header, header};
use super::resync::Expect;
use crate::codec::inflate::{BlockKind, Inflate, Tap};
use crate::codec::mask;
use crate::model::{CloseCode, MaskingKey, Opcode};

/// What a frame proves, in bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Weight {
    /// That there are frames here at all.
    pub chain: u32,
    /// That it is one itself, where the frames behind it are known to be.
    pub own: u32,
    /// That the frames behind it are, were it not one itself.
    pub behind: u32,
}

/// Bits that text proves at most where it is not masked, and the stream may be anything.
const TEXT: u32 = 12;

/// The bits of the payload alone.
#[derive(Clone, Copy, Default)]
struct Payload {
    chain: u32,
    own: u32,
    behind: u32,
}

/// Weighs the frame with this header at this place; none where it cannot be one.
///
/// `stranger` says that it is not known whether the stream is WebSocket at all.
pub fn weigh(
    bytes: &[u8],
    at: usize,
    header: &Header,
    expect: Expect,
    stranger: bool,
) -> Option<Weight> {
    let from = at + usize::from(header.header_length);
    let end = usize::try_from(header.length)
        .ok()
        .and_then(|len| from.checked_add(len))?;
    let whole = end <= bytes.len();
    let payload = bytes.get(from..end.min(bytes.len()))?;
    let cap = if shares_a_length(bytes, at, expect) {
        0
    } else if header.masking_key.is_some() {
        u32::MAX
    } else if stranger && header.opcode == Opcode::TEXT && header.rsv == 0 {
        // Text behind a few bytes that are none is what many protocols have: what tells a frame is
        // that its length is right.
        within_a_text(bytes, at, from, payload).min(if whole { TEXT } else { 0 })
    } else {
        within_a_text(bytes, at, from, payload)
    };
    let payload = check(payload, header, whole)?.at_most(cap);
    // An empty frame is two bytes that many things repeat.
    let of_header = match header.opcode {
        _ if header.length == 0 && header.opcode != Opcode::CLOSE => 0,
        Opcode::CLOSE => 9,
        // 9 or 13 of 256 first bytes, and one of two mask bits.
        _ if expect.compressed => 5,
        _ => 6,
    };
    let of_length = if header.length > 0xffff { 10 } else { 0 };
    Some(Weight {
        chain: of_header + of_length + payload.chain,
        own: of_header + of_length + payload.own,
        behind: payload.behind,
    })
}

impl Payload {
    fn at_most(self, cap: u32) -> Self {
        Self {
            chain: self.chain.min(cap),
            own: self.own.min(cap),
            behind: self.behind.min(cap),
        }
    }
}

/// The evidence in a payload; none where it cannot be that of a frame with this header.
fn check(payload: &[u8], header: &Header, whole: bool) -> Option<Payload> {
    let mut plain = payload.to_vec();
    if let Some(MaskingKey(key)) = header.masking_key {
        mask::apply(&mut plain, key, 0);
    }
    let simple = |bits| {
        Some(Payload {
            chain: bits,
            own: bits,
            behind: 0,
        })
    };
    match header.opcode {
        _ if header.rsv == 4 => {
            let text = header.opcode == Opcode::TEXT;
            of_deflate(
                &plain,
                whole && header.fin,
                text,
                header.masking_key.is_some(),
            )
        }
        Opcode::TEXT => simple(of_text(&plain, whole && header.fin)?),
        Opcode::CLOSE if whole && !plain.is_empty() => simple(of_close(&plain)?),
        _ => simple(0),
    }
}

/// A code that is sent in a close frame, and a reason in UTF-8.   RFC 6455 section 7.4
fn of_close(plain: &[u8]) -> Option<u32> {
    let CloseCode(code) = CloseCode::read(plain)?;
    let of_code = match code {
        1000..=1014 => 12,
        3000..=4999 => 5,
        _ => return None,
    };
    Some(of_code + of_text(plain.get(2..)?, true)?)
}

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
    let bits = if valid.contains(is_odd) {
        0
    } else {
        valid.chars().count().min(48)
    };
    Some(u32::try_from(bits).unwrap_or(0))
}

/// A control character that text seldom has.
fn is_odd(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r')
}

/// What text in the payload can prove at most, where a text could as well run from before this place,
/// over the header, into it.
fn within_a_text(bytes: &[u8], at: usize, from: usize, payload: &[u8]) -> u32 {
    let start = at.saturating_sub(3);
    let text = bytes.get(start..from).unwrap_or_default();
    // The first bytes may end a character that began before.
    let cut = text.iter().take(3).take_while(|byte| **byte & 0xc0 == 0x80);
    let cut = cut.count();
    let through = match std::str::from_utf8(text.get(cut..).unwrap_or_default()) {
        Ok(text) => !text.contains(is_odd),
        Err(error) => error.error_len().is_none(),
    };
    match through {
        false => u32::MAX,
        // Only a cut character explains the header, and the text behind it has none at all.
        true if start + cut > at && payload.len() >= 16 && payload.is_ascii() => 12,
        true => 0,
    }
}

/// Whether this may be no header but the extended length in another one, which then shares its key
/// and its payload with it.
fn shares_a_length(bytes: &[u8], at: usize, expect: Expect) -> bool {
    let within = |back: usize| {
        let start = at.checked_sub(back)?;
        let (_, header) = header(bytes.get(start..)?).ok()?;
        let length = header.header_length - if header.masking_key.is_some() { 4 } else { 0 };
        Some(usize::from(length) > back && expect.fits(&header))
    };
    if (2..=9).any(|back| within(back) == Some(true)) {
        return true;
    }
    // The other header may begin before the first byte that is there.
    let before = bytes.get(..at).unwrap_or_default();
    let small = bytes.get(at).is_some_and(|&byte| byte < 0x80);
    match before {
        [second] => second & 0x7f == 126,
        [second, zeros @ ..] if second & 0x7f == 127 => zeros.len() < 8,
        zeros => small && zeros.len() < 8 && zeros.iter().all(|&byte| byte == 0),
    }
}

/// Compressed data that inflates: to its end where all of it is there, and to text where it should.
///
/// The bits are those that were measured over random bytes: `tests/chains.rs`.
fn of_deflate(plain: &[u8], whole: bool, text: bool, masked: bool) -> Option<Payload> {
    let mut inflate = Inflate::lenient();
    inflate.lose_history();
    let head = plain.get(..DEFLATE_LOOK.min(plain.len()))?;
    let mut seen = Inflated::default();
    inflate.feed_tapped(head, &mut seen, &mut |_| {}).ok()?;
    seen.end_run();
    if text && seen.garbled {
        return None;
    }
    let ended = inflate.end_message().ending;
    let whole = whole && head.len() == plain.len();
    if whole && !ended.is_complete() {
        return None;
    }
    let len = u32::try_from(head.len()).unwrap_or(u32::MAX);
    let per_byte = |of_text, of_any| if text { len / of_text } else { len / of_any };
    let bits = match (whole, len) {
        (true, 0) => 0,
        (true, 1) => 2,
        (true, _) => 9 + per_byte(4, 32).min(14),
        (false, _) => per_byte(3, 32).min(12),
    };
    // As seldom the tail of a compressed message inflates to the end of it.
    let of_tail = match whole {
        true if text && len >= 16 => 3,
        true => 2,
        false => 0,
    };
    let own = if masked || seen.dynamic {
        bits
    } else {
        bits.min(of_tail)
    };
    Some(Payload {
        chain: bits,
        own,
        behind: if whole { bits } else { 0 },
    })
}

/// Compressed bytes of a frame that are tried at most.
const DEFLATE_LOOK: usize = 4096;

/// What compressed data inflate to, as far as no history is needed.
#[derive(Default)]
struct Inflated {
    /// Literals in a row.
    run: Vec<u8>,
    /// A run of literals that no text has.
    garbled: bool,
    /// A block has codes of its own.
    dynamic: bool,
}

impl Inflated {
    /// Ends a run of literals: what comes next is copied from what may not be known.
    fn end_run(&mut self) {
        let run = std::mem::take(&mut self.run);
        let cut = run.iter().take(3).take_while(|byte| **byte & 0xc0 == 0x80);
        let text = run.get(cut.count()..).unwrap_or_default();
        self.garbled |= match std::str::from_utf8(text) {
            Ok(text) => text.contains(is_odd),
            Err(error) => error.error_len().is_some(),
        };
    }
}

impl Tap for Inflated {
    fn block(&mut self, _: u64, kind: BlockKind, _: bool) {
        self.dynamic |= kind == BlockKind::Dynamic;
    }

    fn literal(&mut self, _: u64, byte: u8) {
        self.run.push(byte);
    }

    fn stored(&mut self, _: u64, bytes: &[u8]) {
        self.run.extend_from_slice(bytes);
    }

    fn copy(&mut self, _: u64, _: u32, _: u32) {
        self.end_run();
    }
}
