//! The DEFLATE grammar as a state machine that can stop at any byte.   RFC 1951 section 3.2.3

use super::lengths::Lengths;
use super::reader::{Leftover, Reader};
use super::tables::Tables;
use super::window::{TooFar, Window};
use super::{BlockKind, Cause, Tap};

/// Where in the grammar the next bit is.
#[derive(Debug, Clone)]
pub(super) enum State {
    /// Before a block.
    Header,
    /// At the lengths of a stored block, at a byte boundary.
    StoredLength,
    Stored {
        left: u16,
    },
    /// At the three counts of a dynamic block.
    Counts,
    /// In the code lengths of a dynamic block.
    Lengths(Box<Lengths>),
    Fixed,
    Dynamic(Box<Tables>),
    /// The rest of the message cannot be read.
    Ignore,
}

/// Why the engine came to rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pause {
    /// All input is taken.
    Input,
    /// The window must be handed out first.
    Room,
}

/// One direction's decoder, without its window.
#[derive(Debug, Clone)]
pub(super) struct Engine {
    pub(super) state: State,
    pub(super) left: Leftover,
    /// The block is the last of its DEFLATE stream.
    pub(super) last: bool,
    /// The block just ended was stored and empty.
    pub(super) flushed: bool,
    /// A block with BFINAL was seen in this message.
    pub(super) bfinal: bool,
    pub(super) max_distance: u32,
}

impl Engine {
    pub(super) fn new() -> Self {
        Self {
            state: State::Header,
            left: Leftover::default(),
            last: false,
            flushed: false,
            bfinal: false,
            max_distance: 0,
        }
    }

    /// Decodes until the input is used up, the window is full, or something is wrong.
    pub(super) fn run(
        &mut self,
        reader: &mut Reader<'_>,
        window: &mut Window,
        tap: &mut impl Tap,
    ) -> Result<Pause, Cause> {
        loop {
            let next = match &mut self.state {
                State::Header => self.header(reader, tap)?,
                State::StoredLength => {
                    let next = stored_length(reader)?;
                    self.flushed = matches!(next, Some(State::Stored { left: 0 }));
                    next
                }
                State::Stored { left: 0 } => self.end_of_block(reader),
                State::Stored { left } => {
                    if let Some(pause) = stored(left, reader, window, tap) {
                        return Ok(pause);
                    }
                    continue;
                }
                State::Counts => Lengths::start(reader)?.map(State::Lengths),
                State::Lengths(lengths) => lengths.read(reader)?.map(State::Dynamic),
                State::Fixed | State::Dynamic(_) => {
                    let tables = match &self.state {
                        State::Dynamic(tables) => tables,
                        _ => Tables::fixed(),
                    };
                    match symbols(tables, reader, window, &mut self.max_distance, tap)? {
                        Some(pause) => return Ok(pause),
                        None => self.end_of_block(reader),
                    }
                }
                State::Ignore => return Ok(Pause::Input),
            };
            match next {
                Some(state) => self.state = state,
                None => return Ok(Pause::Input),
            }
        }
    }

    fn header(
        &mut self,
        reader: &mut Reader<'_>,
        tap: &mut impl Tap,
    ) -> Result<Option<State>, Cause> {
        let at = reader.at();
        let Some(bits) = reader.look(3) else {
            return Ok(None);
        };
        let (kind, state) = match bits >> 1 {
            0 => (BlockKind::Stored, State::StoredLength),
            1 => (BlockKind::Fixed, State::Fixed),
            2 => (BlockKind::Dynamic, State::Counts),
            _ => return Err(Cause::BlockType),
        };
        self.last = bits & 1 == 1;
        self.bfinal |= self.last;
        self.flushed = false;
        tap.block(at, kind, self.last);
        reader.skip(3);
        if kind == BlockKind::Stored {
            reader.align();
        }
        Ok(Some(state))
    }

    /// What follows the last block of a stream starts at a byte boundary.   RFC 7692 section 7.2.1
    fn end_of_block(&mut self, reader: &mut Reader<'_>) -> Option<State> {
        if self.last {
            reader.align();
        }
        Some(State::Header)
    }
}

/// LEN and NLEN.   RFC 1951 section 3.2.4
fn stored_length(reader: &mut Reader<'_>) -> Result<Option<State>, Cause> {
    let Some(bits) = reader.look(32) else {
        return Ok(None);
    };
    let (len, nlen) = (bits as u16, (bits >> 16) as u16);
    if len != !nlen {
        return Err(Cause::StoredLength { len, nlen });
    }
    reader.skip(32);
    Ok(Some(State::Stored { left: len }))
}

/// Copies stored bytes until there are no more, or until something else runs out.
fn stored(
    left: &mut u16,
    reader: &mut Reader<'_>,
    window: &mut Window,
    tap: &mut impl Tap,
) -> Option<Pause> {
    if !window.has_room() {
        return Some(Pause::Room);
    }
    let at = reader.at();
    let limit = window.room().min(usize::from(*left));
    let mut each_at = at;
    let done = reader.bytes(limit, |bytes| {
        window.extend(bytes);
        tap.stored(each_at, bytes);
        each_at += bytes.len() as u64 * 8;
    });
    *left -= done as u16;
    (done == 0).then_some(Pause::Input)
}

/// Decodes symbols up to the end of the block (nothing is returned), or until it has to pause.
fn symbols(
    tables: &Tables,
    reader: &mut Reader<'_>,
    window: &mut Window,
    max_distance: &mut u32,
    tap: &mut impl Tap,
) -> Result<Option<Pause>, Cause> {
    loop {
        if !window.has_room() {
            return Ok(Some(Pause::Room));
        }
        fast(tables, reader, window, max_distance, tap);
        if !window.has_room() {
            return Ok(Some(Pause::Room));
        }
        match careful(tables, reader, window, max_distance, tap)? {
            Symbol::Decoded => {}
            Symbol::EndOfBlock => return Ok(None),
            Symbol::Incomplete => return Ok(Some(Pause::Input)),
        }
    }
}

enum Symbol {
    Decoded,
    EndOfBlock,
    Incomplete,
}

/// One literal or match with every check; takes nothing from the reader unless all of it is there and right.
fn careful(
    tables: &Tables,
    reader: &mut Reader<'_>,
    window: &mut Window,
    max_distance: &mut u32,
    tap: &mut impl Tap,
) -> Result<Symbol, Cause> {
    reader.fill();
    let (at, bits) = (reader.at(), reader.peek());
    let symbol = tables.litlen.find(bits);
    if symbol.bits() > reader.count() {
        return Ok(Symbol::Incomplete);
    }
    if symbol.is_end() {
        reader.skip(symbol.bits());
        tap.end_of_block(at);
        return Ok(Symbol::EndOfBlock);
    }
    if symbol.is_stop() {
        return Err(Cause::LitLenSymbol);
    }
    if symbol.is_literal() {
        reader.skip(symbol.bits());
        tap.literal(at, symbol.byte());
        window.extend(&[symbol.byte()]);
        return Ok(Symbol::Decoded);
    }
    let length = symbol.read(bits);
    let bits = bits >> symbol.bits();
    let symbols = (symbol.bits(), tables.distance.find(bits));
    if symbols.0 + symbols.1.bits() > reader.count() {
        return Ok(Symbol::Incomplete);
    }
    if symbols.1.is_stop() {
        return Err(Cause::DistanceSymbol);
    }
    let distance = symbols.1.read(bits);
    *max_distance = (*max_distance).max(distance as u32);
    window.copy(distance, length).map_err(|far| match far {
        TooFar::Start(reach) => Cause::DistanceBeforeStart {
            distance: distance as u32,
            reach,
        },
        TooFar::Window => Cause::DistanceBeyondWindow {
            distance: distance as u32,
        },
    })?;
    tap.copy(at, distance as u32, length as u32);
    reader.skip(symbols.0 + symbols.1.bits());
    Ok(Symbol::Decoded)
}

/// The hot loop: plenty of input, plenty of room, nothing special; it leaves everything else as it found it.
fn fast<T: Tap>(
    tables: &Tables,
    reader: &mut Reader<'_>,
    window: &mut Window,
    max_distance: &mut u32,
    tap: &mut T,
) {
    let mut pen = window.pen();
    let mut r = *reader;
    let mut max = *max_distance as usize;
    while r.rest_len() >= 16 && pen.has_room() {
        r.refill();
        let mut symbol = tables.litlen.first(r.peek());
        // Two literals of at most ten bits each leave room in 56 bits for the first half of a match.
        for _ in 0..2 {
            if !symbol.is_literal() {
                break;
            }
            tap.literal(r.at(), symbol.byte());
            pen.literal(symbol.byte());
            r.skip(symbol.bits());
            symbol = tables.litlen.first(r.peek());
        }
        symbol = tables.litlen.second(symbol, r.peek());
        if symbol.is_literal() {
            tap.literal(r.at(), symbol.byte());
            pen.literal(symbol.byte());
            r.skip(symbol.bits());
            continue;
        }
        r.refill();
        if symbol.is_stop() {
            break;
        }
        let length = symbol.read(r.peek());
        let bits = r.peek() >> symbol.bits();
        let far = tables.distance.find(bits);
        let distance = far.read(bits);
        if far.is_stop() || !pen.reaches(distance) {
            break;
        }
        tap.copy(r.at(), distance as u32, length as u32);
        max = max.max(distance);
        pen.copy(distance, length);
        r.skip(symbol.bits() + far.bits());
    }
    let pos = pen.pos;
    window.advance_to(pos);
    *reader = r;
    *max_distance = max as u32;
}
