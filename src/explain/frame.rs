//! A frame, bit by bit.   RFC 6455 section 5.2

use super::parts::{Block, Cell, Explanation, Ruler};
use super::{Ask, character, hex};
use crate::codec::mask;
use crate::model::{Dir, Frame, MaskingKey, Opcode};

/// Payload bytes that the ruler draws, at most.
const DRAWN: usize = 4;
/// Payload bytes that are unmasked one by one.
const UNMASKED: usize = 16;
/// Bytes of a frame that are shown.
pub(super) const SHOWN: usize = 128;

pub(super) fn frame(ask: &Ask<'_>, frame: &Frame, told: &mut Explanation) {
    let dir = ask.event.dir.unwrap_or(Dir::C2s);
    let name = opcode(ask, frame.opcode);
    let values: [(&str, &dyn std::fmt::Display); 5] = [
        ("who", &ask.sender()),
        ("whom", &ask.receiver()),
        ("opcode", &name),
        ("n", &frame.length),
        ("header", &frame.header_length),
    ];
    told.title(ask, "frame.title", &values);
    told.tell(ask, opcode_key(frame.opcode), &values);
    told.tell(ask, "frame.size", &values);
    if !frame.opcode.is_control() && (!frame.fin || frame.opcode == Opcode::CONTINUATION) {
        let nth = dir.of(&ask.talk.frames).len().max(1);
        told.tell(ask, "frame.fragment", &[("nth", &nth)]);
    }
    if frame.unfinished {
        told.tell(ask, "frame.unfinished", &[]);
    }
    let raw = ask.talk.bytes(dir, ask.event.span, SHOWN);
    let raw = match frame.opcode.is_control() {
        true => dir.of(&ask.talk.control).as_ref(),
        false => dir.of(&ask.talk.frames).last(),
    }
    .filter(|work| work.id == ask.event.id)
    .map_or(raw, |work| work.raw.iter().copied().take(SHOWN).collect());
    let ruler = ruler(ask, frame, dir, &raw);
    told.section(ask, "frame.bits", vec![Block::Ruler(ruler)]);
    lengths(ask, frame, &raw, told);
    let payload = raw.get(usize::from(frame.header_length)..);
    if let Some(key) = frame.masking_key {
        unmasking(ask, key, payload.unwrap_or_default(), told);
    }
    let bytes = vec![Block::Bytes(ask.event.span.start, raw)];
    told.section(ask, "frame.bytes", bytes);
}

/// The opcode's name in the language.
pub(super) fn opcode(ask: &Ask<'_>, opcode: Opcode) -> String {
    let key = match opcode {
        Opcode::CONTINUATION => "opcode.0",
        Opcode::TEXT => "opcode.1",
        Opcode::BINARY => "opcode.2",
        Opcode::CLOSE => "opcode.8",
        Opcode::PING => "opcode.9",
        Opcode::PONG => "opcode.10",
        _ => "opcode.reserved",
    };
    ask.say(key, &[("n", &opcode.0)])
}

fn opcode_key(opcode: Opcode) -> &'static str {
    match opcode {
        Opcode::CONTINUATION => "frame.continuation",
        Opcode::TEXT => "frame.text",
        Opcode::BINARY => "frame.binary",
        Opcode::CLOSE => "frame.close",
        Opcode::PING => "frame.ping",
        Opcode::PONG => "frame.pong",
        _ => "frame.reserved",
    }
}

/// Bits of bytes that may be unknown.
fn bits(bytes: &[Option<u8>]) -> String {
    bytes
        .iter()
        .map(|byte| byte.map_or_else(|| "????????".into(), |byte| format!("{byte:08b}")))
        .collect()
}

fn ruler(ask: &Ask<'_>, frame: &Frame, dir: Dir, raw: &[Option<u8>]) -> Ruler {
    let all = bits(raw);
    let mut at = 0;
    let mut cells = Vec::new();
    let mut cell = |name: &str, len: usize, value: String, meaning: String| {
        let bits = all.get(at..at + len).map(str::to_owned);
        at += len;
        cells.push(Cell {
            name: name.to_owned(),
            bits: bits.unwrap_or_else(|| "?".repeat(len)),
            value,
            meaning,
        });
    };
    let digit = |bit: bool| u8::from(bit).to_string();
    let first = frame.opcode != Opcode::CONTINUATION;
    let fin = match (frame.fin, first, frame.opcode.is_control()) {
        (true, _, true) => "bit.fin.control",
        (true, true, false) => "bit.fin.alone",
        (true, false, false) => "bit.fin.last",
        (false, ..) => "bit.fin.more",
    };
    cell("FIN", 1, digit(frame.fin), ask.say(fin, &[]));
    let agreed = ask.talk.deflate.is_some();
    let rsv1 = match (
        frame.rsv & 4 != 0,
        agreed,
        first && !frame.opcode.is_control(),
    ) {
        (false, true, true) => "bit.rsv1.plain",
        (false, ..) => "bit.rsv.unused",
        (true, true, true) => "bit.rsv1.compressed",
        (true, ..) => "bit.rsv.set",
    };
    cell("RSV1", 1, digit(frame.rsv & 4 != 0), ask.say(rsv1, &[]));
    for (name, mask) in [("RSV2", 2), ("RSV3", 1)] {
        let set = frame.rsv & mask != 0;
        let key = if set { "bit.rsv.set" } else { "bit.rsv.unused" };
        cell(name, 1, digit(set), ask.say(key, &[]));
    }
    let name = opcode(ask, frame.opcode);
    let meaning = ask.say("bit.opcode", &[("n", &frame.opcode.0), ("name", &name)]);
    cell("opcode", 4, format!("{} {name}", frame.opcode.0), meaning);
    let masked = frame.masking_key.is_some();
    let mask = match (masked, dir) {
        (true, Dir::C2s) => "bit.mask.client",
        (true, Dir::S2c) => "bit.mask.server_masks",
        (false, Dir::C2s) => "bit.mask.client_does_not",
        (false, Dir::S2c) => "bit.mask.server",
    };
    cell("MASK", 1, digit(masked), ask.say(mask, &[]));
    let extra = usize::from(frame.header_length).saturating_sub(if masked { 6 } else { 2 });
    let (short, meaning) = match extra {
        0 => (frame.length.to_string(), "bit.length.7"),
        2 => ("126".into(), "bit.length.126"),
        _ => ("127".into(), "bit.length.127"),
    };
    let meaning = ask.say(meaning, &[("n", &frame.length)]);
    cell("length", 7, short, meaning);
    if extra > 0 {
        let fits = if extra == 2 { 126 } else { 65_536 };
        let key = match frame.length < fits {
            true => "bit.extended.too_long",
            false => "bit.extended",
        };
        let meaning = ask.say(key, &[("n", &frame.length), ("bits", &(extra * 8))]);
        let name = if extra == 2 { "length 16" } else { "length 64" };
        cell(name, extra * 8, frame.length.to_string(), meaning);
    }
    if let Some(key) = frame.masking_key {
        let value = hex(&key.0);
        let all_zero = key.0 == [0; 4];
        let meaning = match all_zero {
            true => "bit.key.zero",
            false => "bit.key",
        };
        cell("masking key", 32, value, ask.say(meaning, &[]));
    }
    let header = usize::from(frame.header_length);
    let drawn = raw
        .len()
        .saturating_sub(header)
        .min(DRAWN)
        .min(usize::try_from(frame.length).unwrap_or(usize::MAX));
    if drawn > 0 {
        let shown: Vec<u8> = raw
            .iter()
            .skip(header)
            .take(drawn)
            .map_while(|byte| *byte)
            .collect();
        let key = if masked {
            "bit.payload.masked"
        } else {
            "bit.payload"
        };
        let meaning = ask.say(key, &[("n", &frame.length), ("drawn", &drawn)]);
        cell("payload", drawn * 8, hex(&shown), meaning);
    }
    Ruler {
        cells,
        more: frame.length.saturating_sub(drawn as u64).saturating_mul(8),
        at: ask.event.span.start,
    }
}

/// Which of the three forms the length takes, and why.
fn lengths(ask: &Ask<'_>, frame: &Frame, raw: &[Option<u8>], told: &mut Explanation) {
    let Some(&Some(second)) = raw.get(1) else {
        return;
    };
    let seven = second & 0x7f;
    let mut table = ask.table(&["head.seven_bits", "head.then", "head.here"]);
    let mut row = |range: &str, then: &str, is: bool| {
        let here = match is {
            true => format!(
                "◀ {seven:07b} = {seven}{}",
                if seven < 126 {
                    String::new()
                } else {
                    let more = raw.get(2..).unwrap_or_default();
                    let count = if seven == 126 { 2 } else { 8 };
                    let bytes: Vec<u8> = more.iter().take(count).map_while(|byte| *byte).collect();
                    format!(", {} = {}", hex(&bytes), frame.length)
                }
            ),
            false => String::new(),
        };
        table.row([range.to_owned(), ask.say(then, &[]), here]);
    };
    row("0 … 125", "length.seven", seven < 126);
    row("126", "length.sixteen", seven == 126);
    row("127", "length.sixty_four", seven == 127);
    told.section(ask, "frame.length", vec![Block::Table(table)]);
}

/// Payload byte, key byte, the two XORed, the character.
pub(super) fn unmasking(
    ask: &Ask<'_>,
    key: MaskingKey,
    payload: &[Option<u8>],
    told: &mut Explanation,
) {
    if payload.is_empty() {
        return;
    }
    let mut table = ask.table(&[
        "head.byte",
        "head.wire",
        "head.key",
        "head.xor",
        "head.result",
    ]);
    for (i, wire) in payload.iter().enumerate().take(UNMASKED) {
        let [byte] = [key.0.get(i % 4).copied().unwrap_or(0)];
        let cells = match wire {
            None => ["??".into(), "?".into(), "?".into()],
            Some(wire) => {
                let mut plain = [*wire];
                mask::apply(&mut plain, key.0, i as u64);
                let [plain] = plain;
                [
                    format!("{wire:02x}"),
                    format!("{wire:08b} ⊕ {byte:08b} = {plain:08b}"),
                    format!("{plain:02x} {}", character(plain)),
                ]
            }
        };
        let [wire, xor, result] = cells;
        let key = format!("[{}] {byte:02x}", i % 4);
        table.row([i.to_string(), wire, key, xor, result]);
    }
    let mut blocks = vec![
        Block::Text(ask.say("unmask.how", &[("key", &hex(&key.0))])),
        Block::Table(table),
    ];
    if payload.len() > UNMASKED {
        let text = ask.say("unmask.rest", &[("n", &UNMASKED)]);
        blocks.push(Block::Text(text));
    }
    told.section(ask, "unmask.title", blocks);
}
