//! What a hole does to a session: a known length bridges it, and otherwise a boundary is searched.

use super::super::Step;
use super::resync::{Expect, Found};
use super::{Payload, WebSocket};
use crate::model::{Cx, Dir, Kind, PacketNo, Span, What};

/// Bytes that wait at most for a frame boundary to be proven in them; less where less may be held.
const WAITING: usize = 128 << 10;

impl WebSocket {
    /// Says that it is not known where the next frame of this direction begins.
    pub fn lose(&mut self, dir: Dir) {
        let side = dir.of_mut(&mut self.sides);
        side.lost = Some(Box::default());
        side.frame = None;
        side.data = None;
        side.control = None;
        if let Some(inflate) = &mut side.inflate {
            inflate.lose();
            inflate.end_message(Kind::Binary, true);
        }
        self.ending.hole(dir);
    }

    pub(super) fn gap(&mut self, dir: Dir, at: u64, len: u64, cx: &mut Cx<'_>) {
        if dir.of(&self.sides).lost.is_some() {
            // What waited before this hole has been given up by the host.
            dir.of_mut(&mut self.sides).lost = Some(Box::default());
            return;
        }
        let mut len = len;
        if let Some(current) = dir.of(&self.sides).frame {
            let within = current.left().min(len);
            self.payload(dir, current, Payload::Lost(within), cx);
            len -= within;
            if len == 0 {
                return;
            }
        }
        let text = "the frame boundaries of this direction are not known from here on";
        cx.anomaly(dir, Span::tcp(at, len), What::Boundary, text);
        self.lose(dir);
    }

    /// Searches the bytes that wait for a frame boundary.
    pub(super) fn search(
        &mut self,
        dir: Dir,
        at: u64,
        packet: PacketNo,
        bytes: &[u8],
        cx: &mut Cx<'_>,
    ) -> Step {
        let expect = self.expect(dir);
        let side = dir.of_mut(&mut self.sides);
        let Some(search) = &mut side.lost else {
            return Step::Wait;
        };
        let Some(found) = search.look(at, bytes, expect, 0) else {
            let waiting = WAITING.min(cx.limits.tail_bytes / 2);
            if bytes.len() < waiting.max(1) {
                return Step::Wait;
            }
            let given_up = bytes.len() - waiting / 2;
            search.passed();
            let text = "no frame boundary can be proven in these bytes: they are passed over";
            cx.anomaly(dir, Span::tcp(at, given_up as u64), What::Boundary, text);
            return Step::Took(given_up);
        };
        self.say_found(dir, at, found, "", cx);
        match found.at {
            0 => self.bytes(dir, at, packet, bytes, cx),
            skipped => Step::Took(skipped),
        }
    }

    /// Searches once more, where the stream ends with these bytes: a close frame alone may be proven
    /// by that. Answers how many bytes are passed over before the first frame.
    pub fn last_look(&mut self, dir: Dir, at: u64, bytes: &[u8], cx: &mut Cx<'_>) -> Option<usize> {
        let expect = self.expect(dir);
        let search = dir.of_mut(&mut self.sides).lost.as_deref()?;
        let found = search.last_look(at, bytes, expect)?;
        self.say_found(dir, at, found, ", with which the stream ends,", cx);
        Some(found.at)
    }

    fn say_found(&mut self, dir: Dir, at: u64, found: Found, end: &str, cx: &mut Cx<'_>) {
        let side = dir.of_mut(&mut self.sides);
        side.lost = None;
        side.found = true;
        let frames = match found.frames {
            1 => "one frame".to_owned(),
            frames => format!("a chain of {frames} frames"),
        };
        let text = format!(
            "the frame boundaries are known again from byte {}: {frames}{end} proves it, \
             with a chance of error below 1 in 10^{}",
            at + found.at as u64,
            found.confidence()
        );
        cx.anomaly(dir, Span::tcp(at, found.at as u64), What::Resync, text);
    }

    /// What frames of this direction look like.
    pub(super) fn expect(&self, dir: Dir) -> Expect {
        Expect {
            masked: dir == Dir::C2s,
            compressed: self.may_compress(),
        }
    }
}
