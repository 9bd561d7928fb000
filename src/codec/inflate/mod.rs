//! Raw DEFLATE (RFC 1951) as permessage-deflate uses it (RFC 7692 section 7), written for looking on.
//!
//! ```text
//! compressed payload ──► reader ──► engine ──► window ──► pieces of the message
//!                        (bits)    (grammar)  (history)        ▲
//!                                     └─────► shadow ──────────┘ which of these bytes are unknown
//! ```
//! What ordinary inflaters do not do, and a packet analyzer needs: to go on after bytes were lost and say which
//! output rests on them; to see the largest distance used; to start again after a block with BFINAL; to be cloned
//! in the middle of a symbol; to show each symbol to a [`Tap`].
//!
//! Memory: nothing before the first byte, then up to 1.5 times the window (and no less than 2 KiB), plus 10 KiB
//! within a dynamic block and 4 KiB while unknown bytes may still be copied. Messages may be of any length.

#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

use std::ops::Range;

mod engine;
mod fault;
mod lengths;
mod reader;
mod shadow;
mod tables;
mod tap;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests;
mod window;

pub use fault::{Cause, Fault};
pub use tap::{BlockKind, Tap};

use engine::{Engine, Pause, State};
use reader::Reader;
use shadow::Shadow;
use window::Window;

/// Decodes the compressed messages of one direction of one session.
///
/// ```
/// use wscope::codec::inflate::Inflate;
///
/// let mut text = Vec::new();
/// let mut inflate = Inflate::new(15);
/// inflate.feed(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], &mut |piece| text.extend_from_slice(piece.bytes))?;
/// assert!(inflate.end_message().ending.is_clean());
/// assert_eq!(text, b"Hello");
/// # Ok::<(), wscope::codec::inflate::Fault>(())
/// ```
#[derive(Debug, Clone)]
pub struct Inflate {
    engine: Engine,
    window: Window,
    /// Only while a byte of the history may be unknown.
    shadow: Option<Box<Shadow>>,
    input_len: u64,
    output_len: u64,
    unknown_len: u64,
    stopped: Option<Stopped>,
}

const _: () = assert!(size_of::<Inflate>() < 200);

impl Inflate {
    /// Starts a direction whose window was agreed to be 2^`window_bits` bytes (8 to 15; others are taken as the
    /// nearest of these). A match from farther back is a fault; see [`Self::lenient`].
    #[must_use]
    pub fn new(window_bits: u8) -> Self {
        Self {
            engine: Engine::new(),
            window: Window::new(window_bits),
            shadow: None,
            input_len: 0,
            output_len: 0,
            unknown_len: 0,
            stopped: None,
        }
    }

    /// Starts a direction whose agreed window is not relied on: 32 KiB are kept, which is as far as DEFLATE can
    /// reach. Compare [`Summary::max_distance`] with what was agreed.
    #[must_use]
    pub fn lenient() -> Self {
        Self::new(15)
    }

    /// Decodes compressed payload bytes of the current message and hands out what they give.
    ///
    /// Every complete symbol is decoded at once, whatever the segmentation. After a fault the history is unknown
    /// and the rest of the message is ignored without a further error.
    ///
    /// # Errors
    /// The first thing that is wrong; what was decoded before it has been handed out.
    pub fn feed(&mut self, input: &[u8], out: &mut impl FnMut(Piece<'_>)) -> Result<(), Fault> {
        self.feed_tapped(input, &mut (), out)
    }

    /// Like [`Self::feed`], and shows each symbol to `tap`.
    ///
    /// # Errors
    /// As [`Self::feed`].
    pub fn feed_tapped(
        &mut self,
        input: &[u8],
        tap: &mut impl Tap,
        out: &mut impl FnMut(Piece<'_>),
    ) -> Result<(), Fault> {
        let mut reader = Reader::new(self.engine.left, input, self.input_len);
        self.input_len += input.len() as u64;
        loop {
            let (engine, window) = (&mut self.engine, &mut self.window);
            let pause = match &mut self.shadow {
                None => engine.run(&mut reader, window, tap),
                Some(shadow) => engine.run(&mut reader, window, &mut (shadow.as_mut(), &mut *tap)),
            };
            self.hand_out(out);
            match pause {
                Ok(Pause::Room) => self.window.make_room(),
                Ok(Pause::Input) => break,
                Err(cause) => {
                    let fault = Fault {
                        cause,
                        bit: reader.at(),
                    };
                    self.stop(Stopped::Fault(fault));
                    return Err(fault);
                }
            }
        }
        if self.stopped.is_none() {
            self.engine.left = reader.leftover();
        }
        Ok(())
    }

    fn hand_out(&mut self, out: &mut impl FnMut(Piece<'_>)) {
        let bytes = self.window.fresh();
        if bytes.is_empty() {
            return;
        }
        let unknown = self
            .shadow
            .as_ref()
            .map_or(&[][..], |shadow| shadow.ranges());
        out(Piece {
            at: self.output_len,
            bytes,
            unknown,
        });
        self.output_len += bytes.len() as u64;
        self.unknown_len += unknown
            .iter()
            .map(|range| range.end - range.start)
            .sum::<u64>();
        if let Some(shadow) = &mut self.shadow {
            shadow.reported();
            if shadow.is_clean() {
                self.shadow = None;
                self.window.past_is_known();
            }
        }
    }

    /// Ends the message, as if the tail that its sender removed (00 00 FF FF) had come, and says how it went.
    ///
    /// The next message starts at a byte boundary. If the end of this one is missing, the history is unknown.
    pub fn end_message(&mut self) -> Summary {
        let ending = match self.stopped {
            Some(Stopped::Fault(fault)) => Ending::Fault(fault),
            Some(Stopped::Lost) => Ending::Lost,
            None => self.ending(),
        };
        if ending == Ending::InsideBlock {
            self.lose_history();
        }
        let summary = Summary {
            input_len: self.input_len,
            output_len: self.output_len,
            unknown_len: self.unknown_len,
            max_distance: self.engine.max_distance,
            bfinal: self.engine.bfinal,
            ending,
        };
        self.engine = Engine::new();
        (
            self.input_len,
            self.output_len,
            self.unknown_len,
            self.stopped,
        ) = (0, 0, 0, None);
        if let Some(shadow) = &mut self.shadow {
            shadow.start_message();
        }
        summary
    }

    fn ending(&self) -> Ending {
        let engine = &self.engine;
        match engine.state {
            State::StoredLength if engine.left.is_empty() => Ending::Clean,
            State::Header | State::Stored { left: 0 }
                if engine.left.is_empty() && engine.flushed =>
            {
                Ending::TailLeft
            }
            State::Header if engine.left.is_empty() && engine.last => Ending::Final,
            State::Header if engine.left.zero_bits().is_some() => Ending::Unflushed,
            _ => Ending::InsideBlock,
        }
    }

    /// Some compressed bytes of the current message are lost: the rest of it is ignored, as where its bits are is
    /// not known any more, and the history is unknown.
    pub fn lose(&mut self) {
        if self.stopped.is_none() {
            self.stop(Stopped::Lost);
        }
    }

    /// Other messages were lost between the last one and this, or this is not the first: the history is unknown.
    pub fn lose_history(&mut self) {
        self.window.forget(true);
        self.shadow = Some(Box::new(Shadow::new(self.window.size(), self.output_len)));
    }

    /// Between two messages: forgets the history, as agreed with `no_context_takeover`.   RFC 7692 section 7.1.1
    pub fn forget(&mut self) {
        self.window.forget(false);
        self.shadow = None;
    }

    /// Whether a byte that a match could copy may be unknown.
    #[must_use]
    pub fn history_unknown(&self) -> bool {
        self.shadow.is_some()
    }

    fn stop(&mut self, why: Stopped) {
        self.stopped = Some(why);
        self.engine.state = State::Ignore;
        self.lose_history();
    }
}

/// Some decoded bytes, lent for the length of the call.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    /// Offset in the message of the first of `bytes`.
    pub at: u64,
    /// Never empty; zero where unknown.
    pub bytes: &'a [u8],
    /// Which of these bytes were copied from unknown history: offsets in the message, in order, not touching.
    pub unknown: &'a [Range<u64>],
}

/// What is known about a message when it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Compressed bytes fed, without the removed tail.
    pub input_len: u64,
    /// Decoded bytes handed out.
    pub output_len: u64,
    /// How many of these were unknown.
    pub unknown_len: u64,
    /// The farthest match, in bytes back; 0 if there was none.
    pub max_distance: u32,
    /// There was a block with BFINAL set.   RFC 7692 section 7.2.3.4
    pub bfinal: bool,
    /// How the message ended.
    pub ending: Ending,
}

/// How the compressed data of a message ended.   RFC 7692 section 7.2.1
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With the header of the empty stored block whose other four bytes, 00 00 FF FF, the sender removed.
    Clean,
    /// With an empty stored block that is all there: the sender did not remove the tail.
    TailLeft,
    /// With a block that has BFINAL set, and without the header of an empty stored block after it.
    Final,
    /// Between two blocks in some other way: everything was decoded, but the sender did not flush.
    /// A payload of no bytes at all ends like this too.
    Unflushed,
    /// Inside a block: the end of the message is missing.
    InsideBlock,
    /// What came after this fault was ignored.
    Fault(Fault),
    /// What came after the lost bytes was ignored.
    Lost,
}

impl Ending {
    /// The message ended as the RFC says.
    #[must_use]
    pub fn is_clean(self) -> bool {
        self == Self::Clean
    }

    /// All of the message was decoded.
    #[must_use]
    pub fn is_complete(self) -> bool {
        matches!(
            self,
            Self::Clean | Self::TailLeft | Self::Final | Self::Unflushed
        )
    }
}

/// Why the rest of a message is ignored.
#[derive(Debug, Clone, Copy)]
enum Stopped {
    Fault(Fault),
    Lost,
}
