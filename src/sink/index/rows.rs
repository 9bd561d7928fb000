//! The rows of a connection: the last ones as they are, those before them written in few bytes.
//!
//! ```text
//! ┌─ block ──────────┬─ block ──────────┬─ tail ─┐
//! │ 64 rows, each as what differs from  │ up to  │
//! │ the one before: 8 to 15 bytes       │ 64     │
//! └──────────────────┴──────────────────┴────────┘
//! ```
//! A row in the middle is found by reading its block from the block's beginning. Blocks never change, so that
//! another thread may have them, too.

use super::row::{MASKED, Row, Tag};
use crate::model::{Dir, EventId, PacketNo, Timestamp};
use std::sync::Arc;

/// Rows of a block, at most.
const BLOCK: usize = 64;

/// A list of rows that grows at its end, and is forgotten from its beginning.
#[derive(Clone, Default, Debug)]
pub(super) struct Rows {
    blocks: Arc<Vec<Block>>,
    /// How many rows are in blocks: asked for with every event.
    sealed: u32,
    tail: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Block {
    /// The name of the first event.
    first: EventId,
    /// Rows before this block.
    before: u32,
    bytes: Arc<[u8]>,
}

impl Rows {
    pub fn len(&self) -> usize {
        self.sealed() + self.tail.len()
    }

    /// How many are in blocks.
    fn sealed(&self) -> usize {
        self.sealed as usize
    }

    pub fn push(&mut self, row: Row) {
        if self.tail.len() >= BLOCK {
            self.seal();
        }
        if self.tail.len() == self.tail.capacity() {
            self.tail.reserve_exact(self.tail.len().max(4));
        }
        self.tail.push(row);
    }

    /// The last row, which may still change.
    pub fn last_mut(&mut self) -> Option<&mut Row> {
        self.tail.last_mut()
    }

    pub fn last(&self) -> Option<Row> {
        self.get(self.len().checked_sub(1)?)
    }

    pub fn get(&self, at: usize) -> Option<Row> {
        self.iter(at).next()
    }

    /// The rows from this one on.
    pub fn iter(&self, from: usize) -> impl Iterator<Item = Row> + '_ {
        let mut cursor = Cursor::new(self, from);
        std::iter::from_fn(move || cursor.next(self))
    }

    /// The last row whose first event is this one or comes before it.
    pub fn find(&self, id: EventId) -> Option<(usize, Row)> {
        let in_tail = self.tail.first().is_some_and(|row| row.id(false) <= id);
        let (from, until) = if in_tail {
            let before = self.sealed();
            let count = self.tail.partition_point(|row| row.id(false) <= id);
            (before + count - 1, before + count)
        } else {
            let block = self.blocks.partition_point(|block| block.first <= id);
            let block = self.blocks.get(block.checked_sub(1)?)?;
            let before = block.before as usize;
            (before, before + usize::from(block.bytes[0]))
        };
        let rows = (from..until).zip(self.iter(from));
        rows.take_while(|(_, row)| row.id(false) <= id).last()
    }

    /// Writes all of it in few bytes: little more comes.
    pub fn shrink(&mut self) {
        // What came after an earlier time goes into the same block, where there is room.
        if let Some(last) = self.blocks.last()
            && usize::from(last.bytes[0]) + self.tail.len() <= BLOCK
            && !self.tail.is_empty()
        {
            let mut rows: Vec<_> = self.iter(last.before as usize).collect();
            self.sealed = last.before;
            Arc::make_mut(&mut self.blocks).pop();
            std::mem::swap(&mut rows, &mut self.tail);
        }
        self.seal();
        self.tail = Vec::new();
        if self.blocks.capacity() > self.blocks.len() {
            Arc::make_mut(&mut self.blocks).shrink_to_fit();
        }
    }

    /// Makes a block of the tail.
    fn seal(&mut self) {
        let Some(first) = self.tail.first() else {
            return;
        };
        let block = Block {
            first: first.id(false),
            before: self.sealed,
            bytes: encode(&self.tail).into(),
        };
        let blocks = Arc::make_mut(&mut self.blocks);
        if blocks.len() == blocks.capacity() {
            blocks.reserve_exact((blocks.len() / 4).max(2));
        }
        blocks.push(block);
        self.sealed += self.tail.len() as u32;
        self.tail.clear();
    }

    /// Forgets so many rows at the beginning; answers how many of them were kept elsewhere.
    pub fn forget(&mut self, count: usize) -> usize {
        let gone = self.iter(0).take(count);
        let kept = gone.filter(|row| row.tag == Tag::Kept).count();
        let mut left = Self::default();
        for row in self.iter(count) {
            left.push(row);
        }
        left.tail.shrink_to_fit();
        *self = left;
        kept
    }

    /// Bytes of memory that it takes.
    pub fn size(&self) -> usize {
        let blocks = self.blocks.iter().map(|block| block.bytes.len() + 16);
        blocks.sum::<usize>()
            + self.blocks.capacity() * size_of::<Block>()
            + self.tail.capacity() * size_of::<Row>()
    }
}

/// A place in rows, and what the rows before it say of the next one.
#[derive(Clone, Debug, Default)]
pub(super) struct Cursor {
    at: usize,
    block: usize,
    /// Bytes of the block that were read.
    read: usize,
    unit: i64,
    before: Before,
}

impl Cursor {
    pub fn new(rows: &Rows, at: usize) -> Self {
        let block = rows
            .blocks
            .partition_point(|block| block.before as usize <= at);
        let block = block.saturating_sub(1);
        let begin = rows
            .blocks
            .get(block)
            .map_or(0, |block| block.before as usize);
        let mut cursor = Self {
            at: begin,
            block,
            ..Self::default()
        };
        if at >= rows.sealed() {
            cursor.at = at;
            cursor.block = rows.blocks.len();
        }
        while cursor.at < at {
            cursor.next(rows);
        }
        cursor
    }

    /// The next row.
    pub fn next(&mut self, rows: &Rows) -> Option<Row> {
        let Some(block) = rows.blocks.get(self.block) else {
            let row = rows.tail.get(self.at.checked_sub(rows.sealed())?)?;
            self.at += 1;
            return Some(*row);
        };
        if self.read == 0 {
            self.before = Before::default();
            self.unit = UNITS[usize::from(block.bytes[1])];
            self.read = 2;
            let mut bytes = Bytes(&block.bytes[self.read..]);
            self.before.kept = bytes.number() as u32;
            self.read = block.bytes.len() - bytes.0.len();
        }
        let mut bytes = Bytes(&block.bytes[self.read..]);
        let row = decode(&mut bytes, self.unit, &mut self.before);
        self.read = block.bytes.len() - bytes.0.len();
        self.at += 1;
        if bytes.0.is_empty() {
            self.block += 1;
            self.read = 0;
        }
        Some(row)
    }
}

/// What times are counted in, in nanoseconds: most captures have microseconds.
const UNITS: [i64; 3] = [1, 1_000, 1_000_000];

/// What is known of a row from the ones before it.
#[derive(Clone, Debug, Default)]
struct Before {
    packet: u64,
    /// In the unit of its block.
    time: i64,
    /// The number that the packet's next event has.
    nth: u32,
    /// Where the next frame begins, by direction.
    ends: [u64; 3],
    kept: u32,
}

impl Before {
    fn take(&mut self, row: &Row, time: i64) {
        self.packet = row.packet;
        self.time = time;
        self.nth = row.nth.wrapping_add(1 + u32::from(row.tag == Tag::Single));
        if row.tag == Tag::Kept {
            self.kept = row.kept.wrapping_add(1);
        } else {
            self.ends[side(row.dir)] = row.start.wrapping_add(row.len);
        }
    }
}

fn side(dir: Option<Dir>) -> usize {
    match dir {
        None => 0,
        Some(Dir::C2s) => 1,
        Some(Dir::S2c) => 2,
    }
}

// The first byte of a row: the tag in two bits, the direction in two, and these.
const START: u8 = 1 << 4;
const FIRST: u8 = 1 << 5;
const INFERRED: u8 = 1 << 6;
const MORE: u8 = 1 << 7;
// The second one, where there is more.
const AT: u8 = 1;
const NTH: u8 = 1 << 1;
const ABOUT: u8 = 1 << 2;
const LAYERS: u8 = 1 << 3;
const KEPT: u8 = 1 << 4;
// Beside the flags of a message.
const LENGTH: u8 = 1 << 6;
const HEADER: u8 = 1 << 7;

/// The number of rows, the unit of their times, the first place in what is kept, and the rows.
fn encode(rows: &[Row]) -> Vec<u8> {
    let fits = |unit: &&i64| rows.iter().all(|row| row.time.0 % **unit == 0);
    let unit = UNITS.iter().rposition(|unit| fits(&unit)).unwrap_or(0);
    let mut out = Vec::with_capacity(rows.len() * 16 + 32);
    out.extend([rows.len() as u8, unit as u8]);
    let mut before = Before {
        kept: rows[0].kept,
        ..Before::default()
    };
    number(&mut out, before.kept.into());
    for row in rows {
        let time = row.time.0 / UNITS[unit];
        write(&mut out, row, time, &before);
        before.take(row, time);
    }
    out
}

fn write(out: &mut Vec<u8>, row: &Row, time: i64, before: &Before) {
    let same = |is: bool, flag: u8| if is { 0 } else { flag };
    let nth = match row.packet == before.packet {
        true => before.nth,
        false => 0,
    };
    let more = same(row.at == row.packet, AT)
        | same(row.nth == nth, NTH)
        | same(row.about.is_none(), ABOUT)
        | same(row.layers == 0, LAYERS)
        | same(row.tag != Tag::Kept || row.kept == before.kept, KEPT);
    let end = before.ends[side(row.dir)];
    let first = row.tag as u8
        | (side(row.dir) as u8) << 2
        | same(row.start == end, START)
        | same(row.first == row.packet, FIRST)
        | same(!row.inferred, INFERRED)
        | same(more == 0, MORE);
    out.push(first);
    if more != 0 {
        out.push(more);
    }
    number(out, row.packet.wrapping_sub(before.packet));
    signed(out, time.wrapping_sub(before.time));
    if first & START != 0 {
        signed(out, row.start.wrapping_sub(end).cast_signed());
    }
    if first & FIRST != 0 {
        number(out, row.packet.wrapping_sub(row.first));
    }
    if more & AT != 0 {
        number(out, row.at.wrapping_sub(row.packet));
    }
    if more & NTH != 0 {
        number(out, row.nth.into());
    }
    if let Some(about) = row.about {
        number(out, row.packet.wrapping_sub(about.at.get()));
        number(out, about.nth.into());
    }
    if more & LAYERS != 0 {
        number(out, row.layers.into());
    }
    if more & KEPT != 0 {
        number(out, row.kept.into());
    }
    match row.tag {
        Tag::Kept => number(out, row.len),
        Tag::Frame | Tag::Single => {
            let flags = row.flags
                | same(row.header == header(row.wire, row.flags), HEADER)
                | same(row.tag == Tag::Frame || row.length == row.wire, LENGTH);
            out.extend([row.head, flags]);
            number(out, row.wire);
            if flags & HEADER != 0 {
                out.push(row.header);
            }
            if flags & MASKED != 0 {
                out.extend(row.key);
            }
            if flags & LENGTH != 0 {
                number(out, row.length);
            }
        }
        Tag::Message => {
            out.extend([row.kind, row.flags]);
            number(out, row.frames.into());
            number(out, row.wire);
            number(out, row.length);
            number(out, row.len);
        }
    }
}

/// How long the header of a frame is, where no more bytes are taken for it than are needed.
fn header(wire: u64, flags: u8) -> u8 {
    let length = match wire {
        0..126 => 2,
        126..0x1_0000 => 4,
        _ => 10,
    };
    length + if flags & MASKED != 0 { 4 } else { 0 }
}

fn decode(bytes: &mut Bytes<'_>, unit: i64, before: &mut Before) -> Row {
    let first = bytes.byte();
    let more = if first & MORE != 0 { bytes.byte() } else { 0 };
    let dir = match first >> 2 & 3 {
        1 => Some(Dir::C2s),
        2 => Some(Dir::S2c),
        _ => None,
    };
    let tag = match first & 3 {
        0 => Tag::Kept,
        1 => Tag::Frame,
        2 => Tag::Single,
        _ => Tag::Message,
    };
    let packet = before.packet.wrapping_add(bytes.number());
    let time = before.time.wrapping_add(bytes.signed());
    let nth = match packet == before.packet {
        true => before.nth,
        false => 0,
    };
    let mut row = Row {
        time: Timestamp(time.wrapping_mul(unit)),
        at: packet,
        nth,
        packet,
        first: packet,
        dir,
        inferred: first & INFERRED != 0,
        start: before.ends[side(dir)],
        tag,
        ..Row::default()
    };
    if first & START != 0 {
        row.start = row.start.wrapping_add(bytes.signed().cast_unsigned());
    }
    if first & FIRST != 0 {
        row.first = packet.wrapping_sub(bytes.number());
    }
    if more & AT != 0 {
        row.at = packet.wrapping_add(bytes.number());
    }
    if more & NTH != 0 {
        row.nth = bytes.number() as u32;
    }
    if more & ABOUT != 0 {
        let at = PacketNo::new(packet.wrapping_sub(bytes.number()));
        let nth = bytes.number() as u32;
        row.about = at.map(|at| EventId { at, nth });
    }
    if more & LAYERS != 0 {
        row.layers = bytes.number() as u16;
    }
    match tag {
        Tag::Kept => {
            row.kept = match more & KEPT {
                0 => before.kept,
                _ => bytes.number() as u32,
            };
            row.len = bytes.number();
        }
        Tag::Frame | Tag::Single => {
            row.head = bytes.byte();
            let flags = bytes.byte();
            row.flags = flags & !(HEADER | LENGTH);
            row.wire = bytes.number();
            row.header = match flags & HEADER {
                0 => header(row.wire, flags),
                _ => bytes.byte(),
            };
            if flags & MASKED != 0 {
                row.key = bytes.key();
            }
            row.length = match (flags & LENGTH, tag) {
                (0, Tag::Frame) => 0,
                (0, _) => row.wire,
                _ => bytes.number(),
            };
            row.len = u64::from(row.header).wrapping_add(row.wire);
        }
        Tag::Message => {
            row.kind = bytes.byte();
            row.flags = bytes.byte();
            row.frames = bytes.number() as u32;
            row.wire = bytes.number();
            row.length = bytes.number();
            row.len = bytes.number();
        }
    }
    before.take(&row, time);
    row
}

/// Seven bits a byte, the lowest first.
pub(super) fn number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn signed(out: &mut Vec<u8>, signed: i64) {
    number(out, (signed << 1 ^ signed >> 63).cast_unsigned());
}

/// Bytes that were written by `number` and `signed`.
pub(super) struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    #[inline]
    pub fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((&byte, rest)) => {
                self.0 = rest;
                byte
            }
            None => 0,
        }
    }

    #[inline]
    pub fn number(&mut self) -> u64 {
        match *self.0 {
            [a, ref rest @ ..] if a < 0x80 => {
                self.0 = rest;
                u64::from(a)
            }
            [a, b, ref rest @ ..] if b < 0x80 => {
                self.0 = rest;
                u64::from(a & 0x7f) | u64::from(b) << 7
            }
            _ => self.long(),
        }
    }

    fn long(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            number |= u64::from(byte & 0x7f) << (shift & 63);
            shift += 7;
            if byte < 0x80 {
                return number;
            }
        }
    }

    fn signed(&mut self) -> i64 {
        let number = self.number();
        (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
    }

    fn key(&mut self) -> [u8; 4] {
        let Some((&key, rest)) = self.0.split_first_chunk() else {
            return [0; 4];
        };
        self.0 = rest;
        key
    }

    /// As many bytes as a number before them says.
    pub fn run(&mut self) -> &'a [u8] {
        let len = self.number() as usize;
        let (run, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        run
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event_id() -> impl Strategy<Value = EventId> {
        (1..u64::MAX, any::<u32>()).prop_map(|(at, nth)| EventId {
            at: PacketNo::new(at).unwrap(),
            nth,
        })
    }

    prop_compose! {
        fn row()(
            (packet, back, step) in (1..5_u64, prop_oneof![Just(0), 0..9_u64, any::<u64>()], 0..3_u64),
            (nth, odd_nth) in (0..3_u32, proptest::option::of(any::<u32>())),
            at_end in proptest::bool::weighted(0.1),
            dir in prop_oneof![Just(None), Just(Some(Dir::C2s)), Just(Some(Dir::S2c))],
            (inferred, layers) in (any::<bool>(), prop_oneof![Just(0), 0..300_u16]),
            (start, len) in (prop_oneof![0..500_u64, any::<u64>()], prop_oneof![0..500_u64, any::<u64>()]),
            about in proptest::option::of(event_id()),
            (wire, length) in (prop_oneof![0..300_u64, any::<u64>()], any::<u64>()),
            (head, key, kind, frames) in (any::<u8>(), any::<[u8; 4]>(), 0..5_u8, any::<u32>()),
            (flags, odd_header, tag) in (0..16_u8, proptest::option::of(any::<u8>()), 0..4_u8),
            time in any::<i64>(),
        ) -> (u64, Row) {
            let tag = [Tag::Kept, Tag::Frame, Tag::Single, Tag::Message][usize::from(tag)];
            let framed = matches!(tag, Tag::Frame | Tag::Single);
            let header = odd_header.unwrap_or_else(|| super::header(wire, flags));
            let row = Row {
                time: Timestamp(time),
                at: if at_end { u64::MAX } else { 0 },
                nth: odd_nth.unwrap_or(nth),
                packet,
                first: back,
                dir,
                inferred,
                layers,
                start,
                len: if framed { u64::from(header).wrapping_add(wire) } else { len },
                about,
                wire: if tag == Tag::Kept { 0 } else { wire },
                length: match tag {
                    Tag::Kept | Tag::Frame => 0,
                    Tag::Single | Tag::Message => length,
                },
                head: if framed { head } else { 0 },
                header: if framed { header } else { 0 },
                key: if framed && flags & MASKED != 0 { key } else { [0; 4] },
                kind: if tag == Tag::Message { kind } else { 0 },
                frames: if tag == Tag::Message { frames } else { 0 },
                flags: if tag == Tag::Kept { 0 } else { flags },
                tag,
                kept: 0,
            };
            (step, row)
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever the rows, wherever they are read from, and however often they are packed on the way.
        #[test]
        fn rows_come_out_as_they_went_in(
            list in proptest::collection::vec((row(), any::<bool>()), 1..200),
            unit in proptest::sample::select(&UNITS[..]),
            shrinks in proptest::collection::vec(0..200_usize, 0..4),
            gone in 0..200_usize,
        ) {
            let (mut rows, mut plain) = (Rows::default(), Vec::new());
            let (mut packet, mut kept) = (0, 0);
            for (nth, ((step, mut row), whole)) in list.into_iter().enumerate() {
                packet += step + u64::from(packet == 0);
                row.packet = packet;
                row.at = row.at.max(packet);
                row.first = packet.wrapping_sub(row.first);
                row.time.0 = row.time.0 / unit * unit;
                if whole && row.tag == Tag::Kept {
                    row.kept = kept;
                    kept += 1;
                }
                rows.push(row);
                plain.push(row);
                prop_assert_eq!(rows.last_mut().copied(), Some(row));
                if shrinks.contains(&nth) {
                    rows.shrink();
                }
            }
            prop_assert_eq!(rows.iter(0).collect::<Vec<_>>(), plain.clone());
            for (at, row) in plain.iter().enumerate() {
                prop_assert_eq!(rows.get(at), Some(*row));
            }
            prop_assert_eq!(rows.get(plain.len()), None);
            let gone = gone.min(plain.len());
            let kept = plain.drain(..gone).filter(|row| row.tag == Tag::Kept).count();
            prop_assert_eq!(rows.forget(gone), kept);
            prop_assert_eq!(rows.len(), plain.len());
            prop_assert_eq!(rows.iter(0).collect::<Vec<_>>(), plain);
        }
    }
}
