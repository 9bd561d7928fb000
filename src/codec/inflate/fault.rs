//! What can be wrong with compressed data.

use std::fmt;

/// Compressed data that cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub cause: Cause,
    /// Where: offset in bits from the start of the message's compressed payload. For a bad symbol or length its
    /// first bit, for a bad code the first bit behind it.
    pub bit: u64,
}

/// What can be wrong with compressed data.   RFC 1951 section 3.2
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Block type 3 is reserved.
    BlockType,
    /// The two lengths of a stored block are not each other's complement.
    StoredLength {
        /// The length.
        len: u16,
        /// What should be its complement.
        nlen: u16,
    },
    /// More than 286 literal and length codes, or more than 30 distance codes.
    TooManyCodes,
    /// The code that code lengths are written in has too many or too few codes.
    LengthsCode,
    /// The first code length repeats the one before it.
    RepeatOfNothing,
    /// A run of code lengths is longer than what is left of them.
    RepeatPastEnd,
    /// The end of the block has no code.
    NoEndOfBlock,
    /// The literal and length code has too many or too few codes.
    LitLenCode,
    /// The distance code has too many or too few codes.
    DistanceCode,
    /// These bits are no literal, no length and no end of block.
    LitLenSymbol,
    /// These bits are no distance.
    DistanceSymbol,
    /// A match starts before the first byte of the history.
    DistanceBeforeStart {
        /// How far back it starts.
        distance: u32,
        /// How far back the history goes.
        reach: u32,
    },
    /// A match starts farther back than the agreed window.   RFC 7692 section 7.1.2
    DistanceBeyondWindow {
        /// How far back it starts.
        distance: u32,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, at byte {} bit {}",
            self.cause,
            self.bit / 8,
            self.bit % 8
        )
    }
}

impl std::error::Error for Fault {}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StoredLength { len, nlen } => {
                return write!(
                    f,
                    "stored length {len:#06x} and its complement {nlen:#06x} do not match"
                );
            }
            Self::DistanceBeforeStart { distance, reach } => {
                return write!(
                    f,
                    "distance {distance} goes back before the start of the history, which is {reach} back"
                );
            }
            Self::DistanceBeyondWindow { distance } => {
                return write!(f, "distance {distance} goes back beyond the agreed window");
            }
            Self::BlockType => "reserved block type 3",
            Self::TooManyCodes => "more than 286 literal and length codes or 30 distance codes",
            Self::LengthsCode => "the code for code lengths is over-full or incomplete",
            Self::RepeatOfNothing => "a code length repeats the one before it, but there is none",
            Self::RepeatPastEnd => "a run of code lengths goes past their end",
            Self::NoEndOfBlock => "no code for the end of the block",
            Self::LitLenCode => "the literal and length code is over-full or incomplete",
            Self::DistanceCode => "the distance code is over-full or incomplete",
            Self::LitLenSymbol => "no literal or length has this code",
            Self::DistanceSymbol => "no distance has this code",
        })
    }
}
