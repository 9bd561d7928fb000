//! The frames in captured bytes, field by field: what a reader can point at.   RFC 6455 section 5.2

use std::ops::Range;
use wscope::codec::mask;
use wscope::engine::Replay;
use wscope::model::{EventKind, Opcode, Ws};

/// Which bytes a range counts in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Area {
    /// Stream offsets of captured bytes.
    Wire,
    /// Payload as the application gets it.
    Payload,
    /// Payload as it was on the wire, mask taken off.
    Unmasked,
    /// The packet.
    Packet,
    /// Stream offsets of captured bytes that are still encrypted.
    Sealed,
}

/// Some bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    pub area: Area,
    pub range: Range<u64>,
}

impl Place {
    pub fn has(&self, area: Area, at: u64) -> bool {
        self.area == area && self.range.contains(&at)
    }
}

/// A frame, where its bytes are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// Stream offset of the first byte.
    pub at: u64,
    pub first: u8,
    pub masked: bool,
    /// Bytes that tell the length, the first one with the mask bit.
    pub length_bytes: u64,
    pub length: u64,
    pub key: Option<[u8; 4]>,
}

impl Head {
    pub fn opcode(&self) -> Opcode {
        Opcode(self.first & 15)
    }

    pub fn header(&self) -> u64 {
        1 + self.length_bytes + if self.masked { 4 } else { 0 }
    }

    pub fn payload(&self) -> Range<u64> {
        let start = self.at + self.header();
        start..start.saturating_add(self.length)
    }
}

/// Frames that are looked at.
const MOST: usize = 256;

/// The frames of an event's bytes, as far as no hole lies before them.
pub fn frames(replay: &Replay) -> Vec<Head> {
    if !matches!(
        replay.event.kind,
        EventKind::Ws(Ws::Frame(_) | Ws::Message(_))
    ) {
        return Vec::new();
    }
    let span = replay.event.span;
    let byte = |at: u64| {
        replay.pieces.iter().find_map(|piece| {
            let offset = usize::try_from(at.checked_sub(piece.at)?).ok()?;
            piece.bytes.get(offset).copied()
        })
    };
    let mut heads = Vec::new();
    let mut at = span.start;
    while at < span.end() && heads.len() < MOST {
        let Some(head) = head(at, &byte) else { break };
        at = head.payload().end;
        heads.push(head);
    }
    heads
}

fn head(at: u64, byte: &impl Fn(u64) -> Option<u8>) -> Option<Head> {
    let first = byte(at)?;
    let second = byte(at + 1)?;
    let (extra, short) = match second & 0x7f {
        126 => (2, 0),
        127 => (8, 0),
        short => (0, u64::from(short)),
    };
    let mut length = short;
    for offset in 0..extra {
        length = length << 8 | u64::from(byte(at + 2 + offset)?);
    }
    let masked = second & 0x80 != 0;
    let mut key = [0; 4];
    if masked {
        for (offset, slot) in (0..).zip(&mut key) {
            *slot = byte(at + 2 + extra + offset)?;
        }
    }
    Some(Head {
        at,
        first,
        masked,
        length_bytes: 1 + extra,
        length,
        key: masked.then_some(key),
    })
}

/// The payload of the event's frames as it was on the wire, masks taken off.
pub fn unmasked(replay: &Replay) -> Vec<u8> {
    let control = match replay.event.kind {
        EventKind::Ws(Ws::Message(message)) => !message.kind.is_data(),
        _ => true,
    };
    let mut out = Vec::new();
    for head in frames(replay) {
        // Control frames may stand between the fragments of a message.
        if !control && head.opcode().is_control() {
            continue;
        }
        let range = head.payload();
        let start = out.len();
        for piece in &replay.pieces {
            let end = piece.at + piece.bytes.len() as u64;
            let (from, to) = (range.start.max(piece.at), range.end.min(end));
            if from < to {
                out.extend_from_slice(
                    &piece.bytes[(from - piece.at) as usize..(to - piece.at) as usize],
                );
            }
        }
        if let Some(key) = head.key {
            mask::apply(&mut out[start..], key, 0);
        }
    }
    out
}

/// Frames with the payload of the event, and how many of its bytes, as they were on the wire, come before each.
fn bodies(replay: &Replay) -> Vec<(Head, u64)> {
    let data = match replay.event.kind {
        EventKind::Ws(Ws::Message(message)) => message.kind.is_data(),
        _ => false,
    };
    let mut before = 0;
    let mut bodies = Vec::new();
    for head in frames(replay) {
        // Control frames may stand between the fragments of a message.
        if !data || !head.opcode().is_control() {
            before += head.length;
            bodies.push((head, before - head.length));
        }
    }
    bodies
}

/// Where bytes of the payload, as it was on the wire, were captured.
pub fn on_the_wire(replay: &Replay, range: &Range<u64>) -> Vec<Range<u64>> {
    bodies(replay)
        .into_iter()
        .filter_map(|(head, before)| {
            let from = range.start.max(before);
            let to = range.end.min(before + head.length);
            let start = head.payload().start;
            (from < to).then(|| start + from - before..start + to - before)
        })
        .collect()
}

/// Which byte of the payload, as it was on the wire, was captured there.
pub fn in_payload(replay: &Replay, at: u64) -> Option<u64> {
    bodies(replay)
        .into_iter()
        .find(|(head, _)| head.payload().contains(&at))
        .map(|(head, before)| at - head.payload().start + before)
}
