//! A direction of which it is not known where anything begins: the capture began in the middle, or a
//! hole hid the end of a head or body.
//!
//! Two things end that: a segment that begins with the start of a head, and proof that these are
//! WebSocket frames, far beyond what other protocols could give by chance.

use super::super::detect;
use super::super::websocket::{Expect, Search};
use crate::model::Dir;

/// The search for something known.
#[derive(Clone, Debug, Default)]
pub struct Lost {
    search: Search,
    /// Bytes that were searched and passed over.
    passed: usize,
}

/// What was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// Nothing yet: more bytes may tell.
    Nothing,
    /// Nothing in these bytes, and nothing will be.
    PassOver,
    /// After this many bytes a head begins.
    Head(usize),
    /// These are WebSocket frames.
    Frames,
}

/// Bytes that wait at once.
const WAITING: usize = 32 << 10;

/// Bytes that are searched for frames before it is taken for granted that there are none.
const PATIENCE: usize = 256 << 10;

/// Bits of evidence beyond those that are asked for within a known session.
const DOUBT: u32 = 12;

impl Lost {
    /// Looks at all bytes that wait, the first of which is at the stream offset `at`; `room` says how
    /// many may.
    pub fn look(&mut self, dir: Dir, at: u64, bytes: &[u8], room: usize) -> Found {
        let newest = self.search.note(at, bytes);
        if detect::begins_head(dir, bytes.get(newest..).unwrap_or_default()) {
            return Found::Head(newest);
        }
        if self.passed >= PATIENCE {
            return Found::PassOver;
        }
        let expect = Expect {
            masked: dir == Dir::C2s,
            compressed: true,
        };
        if self.search.look(at, bytes, expect, DOUBT).is_some() {
            return Found::Frames;
        }
        if bytes.len() < WAITING.min(room / 2).max(1) {
            return Found::Nothing;
        }
        self.passed += bytes.len();
        Found::PassOver
    }
}
