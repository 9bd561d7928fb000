//! What events become: lines of text or JSON, and totals.
#![deny(clippy::disallowed_methods)]

mod accounts;
mod escape;
mod fan;
mod filtered;
mod index;
mod jsonl;
mod line;
mod stats;
mod summary;
mod text;
mod told;
mod words;

pub(crate) use escape::quote;
pub use escape::{Escaped, is_unsafe};
pub use fan::Only;
pub use filtered::Filtered;
pub use index::{Ending, Index, Level, Line, Messages, Moment, Moved, Track, preview};
pub use jsonl::Jsonl;
pub use stats::{Format, Stats};
pub(crate) use summary::bytes;
pub use summary::{Cut, Duration, summary};
pub use text::Text;
pub(crate) use told::cost_name;
pub use words::{English, Piece, Value, Words, fill, pieces, placeholders};
