//! A message on its way: frames in, one payload out, with what is unknown of it.

use super::deflate::Inflater;
use crate::codec::{mask, utf8::Utf8};
use crate::model::{
    Culprit, Cx, Dir, Ending, Inflated, Kind, Loan, MaskingKey, Message, MessageRef, PacketNo,
    SessionId, Span, Want, What,
};
use std::ops::Range;

/// A message whose end has not come yet.
#[derive(Clone, Debug)]
pub struct Assembly {
    pub of: MessageRef,
    pub compressed: bool,
    /// The packet of its first byte.
    pub first: PacketNo,
    /// The stream offset of its first byte.
    pub start: u64,
    frames: u32,
    /// Payload bytes of its frames.
    wire_length: u64,
    /// Payload bytes as the application gets them.
    length: u64,
    /// The joined copy, as far as it goes.
    copy: Vec<u8>,
    unknown: Vec<Range<u64>>,
    utf8: Utf8,
    /// The copy stopped at its limit.
    cut: bool,
    /// Compressed, and from some point on not to be decoded.
    broken: bool,
    inflated: Inflated,
}

/// Which bytes of a frame's payload these are.
#[derive(Clone, Copy, Debug)]
pub struct Masking {
    pub key: Option<MaskingKey>,
    /// How many payload bytes of the frame came before.
    pub phase: u64,
}

impl Assembly {
    /// About how many bytes of memory it takes.
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.copy.capacity() + self.unknown.len() * size_of::<Range<u64>>()
    }

    pub fn new(of: MessageRef, compressed: bool, first: PacketNo, start: u64) -> Self {
        Self {
            of,
            compressed,
            first,
            start,
            frames: 0,
            wire_length: 0,
            length: 0,
            copy: Vec::new(),
            unknown: Vec::new(),
            utf8: Utf8::default(),
            cut: false,
            broken: false,
            inflated: Inflated::default(),
        }
    }

    /// Counts a frame of it.
    pub fn frame(&mut self) {
        self.frames = self.frames.saturating_add(1);
    }

    /// Takes payload bytes as they stand in a frame.
    pub fn payload(
        &mut self,
        bytes: &[u8],
        masking: Masking,
        inflate: Option<&mut Inflater>,
        cx: &mut Cx<'_>,
    ) {
        self.wire_length += bytes.len() as u64;
        let is_data = self.of.kind.is_data();
        let remembered = inflate.is_some() && is_data && !cx.want.unjudged;
        let inflated = inflate.is_some() && self.compressed;
        let read = wanted(self.of.kind, cx.want);
        if !(remembered || inflated || read) {
            self.length += bytes.len() as u64;
            return;
        }
        let mut room = std::mem::take(cx.room);
        let plain = unmasked(bytes, masking, &mut room);
        match inflate {
            Some(inflate) if self.compressed => self.inflate(plain, inflate, cx),
            inflate => {
                if let Some(inflate) = inflate.filter(|_| remembered) {
                    inflate.plain(plain);
                }
                self.append(plain, cx);
            }
        }
        *cx.room = room;
    }

    /// Takes payload bytes that the capture lost.
    pub fn lose(&mut self, len: u64, inflate: Option<&mut Inflater>, cx: &mut Cx<'_>) {
        self.wire_length += len;
        match inflate {
            Some(inflate) if self.compressed => {
                inflate.lose();
                self.broken = true;
            }
            inflate => {
                if let (Some(inflate), true) = (inflate, self.of.kind.is_data()) {
                    inflate.spoil();
                }
                self.note_unknown(self.length..self.length + len);
                self.length += len;
                let room = self.room(cx);
                let zeros = usize::try_from(len).unwrap_or(usize::MAX).min(room);
                self.copy.resize(self.copy.len() + zeros, 0);
                self.cut |= (zeros as u64) < len;
            }
        }
    }

    /// Ends it: what it was, and its payload.
    pub fn finish(
        &mut self,
        mut inflate: Option<&mut Inflater>,
        cx: &mut Cx<'_>,
    ) -> (Message, Loan<'_>) {
        let unmarked = !self.compressed
            && self.of.kind == Kind::Text
            && !self.cut
            && self.unknown.is_empty()
            && !self.utf8.is_valid()
            && !self.copy.is_empty();
        if let (true, Some(inflate)) = (unmarked, inflate.as_deref_mut())
            && inflate.unmarked(&self.copy)
        {
            self.inflated.ending = Ending::Broken(Culprit::Unmarked);
        }
        if let (true, Some(inflate)) = (self.compressed, inflate) {
            let (summary, inflated) = inflate.end_message(self.of.kind, self.utf8.is_valid());
            let ending = summary.ending;
            self.inflated = inflated;
            if !ending.is_complete() && !self.broken {
                self.broken = true;
                self.say_inflate(format!("the compressed data end too early: {ending:?}"), cx);
            }
        }
        if self.broken {
            // How much is missing cannot be known: an empty range where it would begin.
            self.unknown.push(self.length..self.length);
        }
        if self.cut {
            let text = "the message is longer than may be joined: its copy stops";
            let span = Span::tcp(self.start, 0);
            cx.anomaly(self.of.dir, span, What::Limit, text);
        }
        let complete = self.unknown.is_empty();
        let message = Message {
            session: self.of.session,
            kind: self.of.kind,
            compressed: self.compressed,
            complete,
            utf8: complete && self.utf8.is_valid(),
            frames: self.frames,
            length: self.length,
            wire_length: self.wire_length,
            inflated: self.inflated,
        };
        (
            message,
            Loan {
                bytes: &self.copy,
                unknown: &self.unknown,
            },
        )
    }

    fn inflate(&mut self, plain: &[u8], inflate: &mut Inflater, cx: &mut Cx<'_>) {
        let result = inflate.feed(plain, &mut |piece| {
            let unknown = piece.unknown.iter().cloned();
            unknown.for_each(|range| self.note_unknown(range));
            self.append(piece.bytes, cx);
        });
        if let Err(fault) = result {
            self.broken = true;
            self.say_inflate(format!("the compressed data do not inflate: {fault}"), cx);
        }
    }

    fn say_inflate(&self, text: String, cx: &mut Cx<'_>) {
        cx.anomaly(self.of.dir, Span::tcp(self.start, 0), What::Inflate, text);
    }

    /// Takes the next bytes as the application gets them.
    fn append(&mut self, bytes: &[u8], cx: &mut Cx<'_>) {
        let at = self.length;
        self.length += bytes.len() as u64;
        if !wanted(self.of.kind, cx.want) {
            return;
        }
        match self.of.kind {
            Kind::Text => self.utf8.feed(bytes),
            // The reason begins behind the code.
            Kind::Close => {
                let code = usize::try_from(2u64.saturating_sub(at))
                    .unwrap_or(0)
                    .min(bytes.len());
                self.utf8.feed(bytes.get(code..).unwrap_or_default());
            }
            Kind::Binary | Kind::Ping | Kind::Pong => {}
        }
        if self.of.kind.is_data() {
            let unknown = &self.unknown;
            let here = unknown.partition_point(|range| range.end <= at);
            let unknown = unknown.get(here..).unwrap_or_default();
            cx.part(self.of, at, Loan { bytes, unknown });
        }
        if self.of.kind.is_data() && !cx.want.joined {
            return;
        }
        let room = self.room(cx);
        let kept = bytes.get(..room).unwrap_or(bytes);
        self.cut |= kept.len() < bytes.len();
        self.copy.extend_from_slice(kept);
    }

    /// How much more the copy may hold.
    fn room(&self, cx: &Cx<'_>) -> usize {
        match self.of.kind.is_data() && !cx.want.joined {
            true => 0,
            false => cx.limits.message_bytes.saturating_sub(self.copy.len()),
        }
    }

    fn note_unknown(&mut self, range: Range<u64>) {
        match self.unknown.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.unknown.push(range),
        }
    }
}

/// A message of one frame that is not compressed and all there: what it is, and its payload. `room` is
/// where it is unmasked.
pub fn whole<'a>(
    of: MessageRef,
    payload: &'a [u8],
    key: Option<MaskingKey>,
    room: &'a mut Vec<u8>,
    cx: &mut Cx<'_>,
) -> (Message, &'a [u8]) {
    let is_data = of.kind.is_data();
    let mut message = Message {
        session: of.session,
        kind: of.kind,
        compressed: false,
        complete: true,
        utf8: true,
        frames: 1,
        length: payload.len() as u64,
        wire_length: payload.len() as u64,
        inflated: Inflated::default(),
    };
    if !wanted(of.kind, cx.want) {
        return (message, &[]);
    }
    let plain = unmasked(payload, Masking { key, phase: 0 }, room);
    message.utf8 = match of.kind {
        Kind::Text => is_utf8(plain),
        // The reason begins behind the code.
        Kind::Close => plain.get(2..).is_none_or(is_utf8),
        Kind::Binary | Kind::Ping | Kind::Pong => true,
    };
    if is_data && !plain.is_empty() {
        cx.part(of, 0, Loan::known(plain));
    }
    let joined = !is_data || cx.want.joined;
    (message, if joined { plain } else { &[] })
}

fn is_utf8(bytes: &[u8]) -> bool {
    simdutf8::basic::from_utf8(bytes).is_ok()
}

/// The message that a frame of this kind begins.
pub fn reference(dir: Dir, session: SessionId, kind: Kind, cx: &Cx<'_>) -> MessageRef {
    MessageRef {
        conn: cx.conn,
        dir,
        session,
        kind,
    }
}

/// Whether anyone reads the payload. Control frames are small and always read.
fn wanted(kind: Kind, want: Want) -> bool {
    want.joined || want.parts || !kind.is_data()
}

/// The bytes as they were before masking; `room` holds them where that changes them.
fn unmasked<'a>(bytes: &'a [u8], masking: Masking, room: &'a mut Vec<u8>) -> &'a [u8] {
    let Some(MaskingKey(key)) = masking.key else {
        return bytes;
    };
    room.clear();
    room.extend_from_slice(bytes);
    mask::apply(room, key, masking.phase);
    room
}
