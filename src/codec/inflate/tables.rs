//! Huffman codes as lookup tables.   RFC 1951 sections 3.2.2, 3.2.5 and 3.2.6

use std::sync::LazyLock;

/// What a code stands for, packed so that the hot loop needs one load.
///
/// ```text
///  31      30 … 16        14   13   12    11 … 8       5 … 0
/// |literal| base value   |LINK|STOP|END | code bits  | code bits + extra bits |
/// ```
/// A literal's base value is the byte; a LINK's is where its second-level table starts, its code bits are the
/// width of that table. STOP marks what the hot loop leaves to the careful one: end of block and unused codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry(u32);

impl Entry {
    const LITERAL: u32 = 1 << 31;
    const LINK: u32 = 1 << 14;
    const STOP: u32 = 1 << 13;
    const END: u32 = 1 << 12;
    /// No symbol has this code; one bit is enough to see it, as only one-bit codes may be incomplete.
    const UNUSED: Self = Self(Self::STOP | 1 << 8 | 1);

    const fn value(base: u16, extra: u8) -> Self {
        Self((base as u32) << 16 | extra as u32)
    }

    fn with_code(self, bits: u32) -> Self {
        Self(self.0 + (bits << 8 | bits))
    }

    #[inline(always)]
    pub(super) fn is_literal(self) -> bool {
        self.0 & Self::LITERAL != 0
    }

    #[inline(always)]
    fn is_link(self) -> bool {
        self.0 & Self::LINK != 0
    }

    #[inline(always)]
    pub(super) fn is_stop(self) -> bool {
        self.0 & Self::STOP != 0
    }

    pub(super) fn is_end(self) -> bool {
        self.0 & Self::END != 0
    }

    /// The byte of a literal.
    #[inline(always)]
    pub(super) fn byte(self) -> u8 {
        (self.0 >> 16) as u8
    }

    /// How many bits the code and its extra bits take.
    #[inline(always)]
    pub(super) fn bits(self) -> u32 {
        self.0 & 63
    }

    #[inline(always)]
    fn code_bits(self) -> u32 {
        self.0 >> 8 & 15
    }

    /// The length or distance, given the bits that start with the code.
    #[inline(always)]
    pub(super) fn read(self, bits: u64) -> usize {
        let extra = (bits & super::reader::mask(self.bits())) >> self.code_bits();
        (self.0 >> 16 & 0x7fff) as usize + extra as usize
    }
}

/// A set of code lengths that is no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotACode;

/// The code of one alphabet: 2^`WIDTH` entries looked up directly, then second-level tables for longer codes.
///
/// `SIZE` is a power of two no less than the largest pair of levels any code can need (1332 for 286 symbols and
/// width 10; 402 for 30 and width 8).
#[derive(Debug, Clone)]
pub(super) struct Table<const SIZE: usize, const WIDTH: u32>([Entry; SIZE]);

pub(super) type LitLen = Table<2048, 10>;
pub(super) type Distance = Table<512, 8>;
/// The code that the lengths of the other two are written in.
pub(super) type Meta = Table<128, 7>;

impl<const SIZE: usize, const WIDTH: u32> Table<SIZE, WIDTH> {
    const EMPTY: Self = Self([Entry::UNUSED; SIZE]);

    /// The entry for the code that `bits` start with; literals with short codes need no second step.
    #[inline(always)]
    pub(super) fn first(&self, bits: u64) -> Entry {
        self.get((bits & super::reader::mask(WIDTH)) as usize)
    }

    /// Follows a link, if `entry` is one.
    #[inline(always)]
    pub(super) fn second(&self, entry: Entry, bits: u64) -> Entry {
        if !entry.is_link() {
            return entry;
        }
        let slot = bits >> WIDTH & super::reader::mask(entry.code_bits());
        self.get((entry.0 >> 16 & 0x7fff) as usize + slot as usize)
    }

    #[inline(always)]
    pub(super) fn find(&self, bits: u64) -> Entry {
        self.second(self.first(bits), bits)
    }

    #[inline(always)]
    #[allow(clippy::indexing_slicing)] // the mask keeps the index below SIZE, a power of two
    fn get(&self, at: usize) -> Entry {
        const { assert!(SIZE.is_power_of_two() && SIZE >> WIDTH >= 1) };
        self.0[at & (SIZE - 1)]
    }

    #[inline(always)]
    #[allow(clippy::indexing_slicing)] // the mask keeps the index below SIZE, a power of two
    fn set(&mut self, at: usize, entry: Entry) {
        self.0[at & (SIZE - 1)] = entry;
    }

    /// Builds the canonical code with these lengths; symbol `i` stands for `symbols[i]`.
    ///
    /// A code must be complete, with two exceptions as in zlib: no codes at all, and a single one of one bit.
    fn build(&mut self, lengths: &[u8], symbols: &[Entry]) -> Result<(), NotACode> {
        let Sorted {
            symbols: sorted,
            longest,
            counts,
        } = sort(lengths)?;
        let total: u16 = counts.iter().sum();
        let mut sorted = sorted.iter().take(usize::from(total));
        let mut code = 0;
        self.set(0, Entry::UNUSED);
        for (bits, &count) in (0..).zip(&counts).skip(1).take(longest.min(WIDTH) as usize) {
            // All shorter codes are repeated behind themselves: one more bit that does not matter to them.
            let half = 1 << (bits - 1);
            self.0.copy_within(..half, half);
            for &symbol in sorted.by_ref().take(usize::from(count)) {
                let entry = symbols.get(usize::from(symbol)).unwrap_or(&Entry::UNUSED);
                self.set(code, entry.with_code(bits));
                code = next_code(code, bits);
            }
        }
        for bits in longest..WIDTH {
            self.0.copy_within(..1 << bits, 1 << bits);
        }
        let long = sorted.map(|&s| (s, lengths.get(usize::from(s)).copied().unwrap_or(0)));
        self.build_second_level(code, longest, long, counts, symbols);
        Ok(())
    }

    /// Codes longer than `WIDTH`, in order; `code` is the first of them.
    fn build_second_level(
        &mut self,
        mut code: usize,
        longest: u32,
        long: impl Iterator<Item = (u16, u8)>,
        mut counts: [u16; 16],
        symbols: &[Entry],
    ) {
        let first_level = (1 << WIDTH) - 1;
        let (mut start, mut width, mut slot) = (1 << WIDTH, 0, usize::MAX);
        for (symbol, bits) in long {
            let bits = u32::from(bits);
            if code & first_level != slot {
                // As wide as needed until the codes still to come, all no shorter, fill it.
                slot = code & first_level;
                start += if width == 0 { 0 } else { 1 << width };
                width = bits - WIDTH;
                let mut open = 1i32 << width;
                for &count in counts.iter().skip(bits as usize) {
                    open -= i32::from(count);
                    if open <= 0 || width + WIDTH >= longest {
                        break;
                    }
                    width += 1;
                    open <<= 1;
                }
                self.set(slot, Entry(Entry::LINK | (start as u32) << 16 | width << 8));
            }
            let entry = symbols
                .get(usize::from(symbol))
                .unwrap_or(&Entry::UNUSED)
                .with_code(bits);
            for at in (code >> WIDTH..1 << width).step_by(1 << (bits - WIDTH)) {
                self.set(start + at, entry);
            }
            if let Some(count) = counts.get_mut(bits as usize) {
                *count -= 1;
            }
            code = next_code(code, bits);
        }
    }
}

/// The symbols that have codes, in the order of their codes.
struct Sorted {
    symbols: [u16; 288],
    longest: u32,
    /// How many codes there are of each length.
    counts: [u16; 16],
}

fn sort(lengths: &[u8]) -> Result<Sorted, NotACode> {
    let mut counts = [0u16; 16];
    for &len in lengths {
        *slot(&mut counts, len) += 1;
    }
    *slot(&mut counts, 0) = 0;

    let mut starts = [0u16; 16];
    let (mut open, mut longest, mut total) = (1i32, 0, 0);
    for (bits, (&count, start)) in (0..).zip(counts.iter().zip(&mut starts)) {
        open = if bits == 0 { 1 } else { open * 2 } - i32::from(count);
        if open < 0 {
            return Err(NotACode);
        }
        if count > 0 {
            longest = bits;
        }
        *start = total;
        total += count;
    }
    if open > 0 && longest > 1 {
        return Err(NotACode);
    }

    let mut symbols = [0; 288];
    for (symbol, &len) in (0..).zip(lengths).filter(|(_, len)| **len > 0) {
        let start = slot(&mut starts, len);
        if let Some(place) = symbols.get_mut(usize::from(*start)) {
            *place = symbol;
        }
        *start += 1;
    }
    Ok(Sorted {
        symbols,
        longest,
        counts,
    })
}

#[inline(always)]
#[allow(clippy::indexing_slicing)] // the mask keeps the index below 16
fn slot(of: &mut [u16; 16], bits: u8) -> &mut u16 {
    &mut of[usize::from(bits & 15)]
}

/// The code after `code`, which has `bits` bits. Codes are sent highest bit first, so this counts from the top.
fn next_code(code: usize, bits: u32) -> usize {
    let mut top = 1 << (bits - 1);
    while code & top != 0 {
        top >>= 1;
    }
    if top == 0 { 0 } else { code & (top - 1) | top }
}

/// The two codes of a block.
#[derive(Debug, Clone)]
pub(super) struct Tables {
    pub(super) litlen: LitLen,
    pub(super) distance: Distance,
}

/// Which of the two codes of a block is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadTable {
    LitLen,
    Distance,
}

impl Tables {
    pub(super) fn new(litlen: &[u8], distance: &[u8]) -> Result<Box<Self>, BadTable> {
        let mut tables = Box::new(Self {
            litlen: LitLen::EMPTY,
            distance: Distance::EMPTY,
        });
        tables
            .litlen
            .build(litlen, &LITLEN)
            .map_err(|_| BadTable::LitLen)?;
        tables
            .distance
            .build(distance, &DISTANCE)
            .map_err(|_| BadTable::Distance)?;
        Ok(tables)
    }

    /// The fixed codes.   RFC 1951 section 3.2.6
    pub(super) fn fixed() -> &'static Self {
        static FIXED: LazyLock<Tables> = LazyLock::new(|| {
            let mut fixed = Tables {
                litlen: LitLen::EMPTY,
                distance: Distance::EMPTY,
            };
            let lengths: Vec<u8> = [(8, 144), (9, 112), (7, 24), (8, 8)]
                .into_iter()
                .flat_map(|(bits, symbols)| std::iter::repeat_n(bits, symbols))
                .collect();
            let built = fixed
                .litlen
                .build(&lengths, &LITLEN)
                .and(fixed.distance.build(&[5; 32], &DISTANCE));
            debug_assert!(built.is_ok());
            fixed
        });
        &FIXED
    }
}

impl Meta {
    /// The code for code lengths; its symbols are read as plain values.   RFC 1951 section 3.2.7
    pub(super) fn new(lengths: &[u8; 19]) -> Result<Self, NotACode> {
        let mut table = Self::EMPTY;
        table.build(lengths, &META)?;
        // Here even the two exceptions must be complete, and no code of one symbol is.
        let used = lengths.iter().filter(|len| **len > 0).count();
        if used < 2 { Err(NotACode) } else { Ok(table) }
    }
}

/// Literals, the end of the block, lengths 3 to 258, and two that must not occur.   RFC 1951 section 3.2.5
#[allow(clippy::indexing_slicing)] // runs in the compiler only
static LITLEN: [Entry; 288] = {
    let mut all = [Entry(Entry::STOP); 288];
    let mut i = 0;
    while i < 256 {
        all[i] = Entry(Entry::LITERAL | (i as u32) << 16);
        i += 1;
    }
    all[256] = Entry(Entry::STOP | Entry::END);
    let mut base = 3;
    while i < 284 {
        let extra = if i < 264 { 0 } else { (i - 260) / 4 };
        i += 1;
        all[i] = Entry::value(base, extra as u8);
        base += 1 << extra;
    }
    all[285] = Entry::value(258, 0);
    all
};

/// Distances 1 to 32768, and two that must not occur.   RFC 1951 section 3.2.5
#[allow(clippy::indexing_slicing)] // runs in the compiler only
static DISTANCE: [Entry; 32] = {
    let mut all = [Entry(Entry::STOP); 32];
    let mut base = 1;
    let mut i = 0;
    while i < 30 {
        let extra = if i < 2 { 0 } else { i / 2 - 1 };
        all[i] = Entry::value(base, extra as u8);
        base += 1 << extra;
        i += 1;
    }
    all
};

#[allow(clippy::indexing_slicing)] // runs in the compiler only
static META: [Entry; 19] = {
    let mut all = [Entry(0); 19];
    let mut i = 0;
    while i < 19 {
        all[i] = Entry::value(i as u16, 0);
        i += 1;
    }
    all
};
