//! What an explanation is made of; how it looks is up to who shows it.

use crate::model::EventId;
use std::ops::Range;

/// What an event means.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Explanation {
    /// The event's name.
    pub id: Option<EventId>,
    /// What it is, in one line.
    pub title: String,
    /// What it is and why it is here: paragraphs.
    pub what: Vec<String>,
    /// What can be worked out, each with its own heading.
    pub sections: Vec<Section>,
    /// Where to read more, such as `RFC 6455 5.2`.
    pub see: Vec<String>,
}

/// A part of an explanation under its own heading.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// What stands under it.
    pub blocks: Vec<Block>,
}

/// A piece of a section.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// Rows and columns.
    Table(Table),
    /// The bits of a frame.
    Ruler(Ruler),
    /// Bytes: the offset of the first, and the bytes; none where it is unknown.
    Bytes(u64, Vec<Option<u8>>),
}

/// Rows and columns.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Table {
    /// What the columns are called.
    pub head: Vec<String>,
    /// The rows; each has as many cells as there are columns.
    pub rows: Vec<Vec<String>>,
}

/// The first bits of a frame, field by field, as RFC 6455 section 5.2 draws them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ruler {
    /// The fields, in the order of their bits and without a gap between them.
    pub cells: Vec<Cell>,
    /// How many payload bits come behind the last cell and are not drawn.
    pub more: u64,
    /// Stream offset of the first bit's byte.
    pub at: u64,
}

/// A field of a frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cell {
    /// Its name in the RFC, short enough for one bit where it has one bit.
    pub name: String,
    /// Its bits: `0` and `1`, `?` where they are unknown.
    pub bits: String,
    /// Its value.
    pub value: String,
    /// What that means here.
    pub meaning: String,
}

impl Ruler {
    /// The bytes of the frame that a cell's bits lie in.
    #[must_use]
    pub fn bytes(&self, cell: usize) -> Range<usize> {
        let start: usize = self.cells.iter().take(cell).map(|it| it.bits.len()).sum();
        let len = self.cells.get(cell).map_or(0, |it| it.bits.len());
        start / 8..(start + len).div_ceil(8)
    }

    /// The cells of each row of so many bits, with how many of their bits stand in it, and which is the first.
    #[must_use]
    pub fn rows(&self, bits: usize) -> Vec<Vec<Run>> {
        let bits = bits.max(1);
        let mut rows: Vec<Vec<Run>> = Vec::new();
        let mut at = 0;
        for (cell, it) in self.cells.iter().enumerate() {
            let mut from = 0;
            while from < it.bits.len() {
                let room = bits - at % bits;
                let len = room.min(it.bits.len() - from);
                if at % bits == 0 {
                    rows.push(Vec::new());
                }
                if let Some(row) = rows.last_mut() {
                    row.push(Run { cell, from, len });
                }
                from += len;
                at += len;
            }
        }
        rows
    }
}

/// A cell's bits within one row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// Which cell.
    pub cell: usize,
    /// The first of its bits that stands here.
    pub from: usize,
    /// How many.
    pub len: usize,
}
