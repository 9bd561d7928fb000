//! WebSocket frames with every field to choose, and the messages that are made of them.

use super::random::Random;
use crate::model::{Dir, Kind, Opcode, Side};
use flate2::{Compress, Compression, FlushCompress};

/// What a payload is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// This many: words in a text, noise elsewhere.
    Random(usize),
}

/// A message, to be cut into frames.   RFC 6455 section 5.4
#[derive(Clone, Debug)]
pub struct Message {
    pub(super) kind: Kind,
    content: Content,
    sizes: Sizes,
    /// Control messages that go between the frames.
    pub(super) between: Vec<Message>,
    plain: bool,
    mask: Mask,
    form: Form,
}

/// How a message is cut.
#[derive(Clone, Debug)]
enum Sizes {
    /// Into this many frames of about the same size.
    Even(usize),
    /// Into frames of these sizes, and one with the rest.
    These(Vec<usize>),
}

/// A frame.   RFC 6455 section 5.2
#[derive(Clone, Debug)]
pub struct Frame {
    fin: bool,
    rsv: u8,
    opcode: Opcode,
    mask: Mask,
    form: Form,
    payload: Content,
}

/// Whether a frame is masked.   RFC 6455 section 5.3
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Mask {
    /// As the RFC says: the client's are, with a random key.
    #[default]
    Proper,
    /// Not at all.
    None,
    /// With this key.
    Key([u8; 4]),
}

/// How the payload length is written.   RFC 6455 section 5.2
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Form {
    /// In as few bytes as possible.
    #[default]
    Shortest,
    /// In 16 bits, for what fits.
    Bits16,
    /// In 64 bits.
    Bits64,
    /// In 64 bits, and another number than there are bytes.
    Claim(u64),
}

/// A text message.
pub fn text(content: impl Into<Content>) -> Message {
    Message::new(Kind::Text, content.into())
}

/// A binary message.
pub fn binary(content: impl Into<Content>) -> Message {
    Message::new(Kind::Binary, content.into())
}

/// A ping.
pub fn ping(content: impl Into<Content>) -> Message {
    Message::new(Kind::Ping, content.into())
}

/// A pong.
pub fn pong(content: impl Into<Content>) -> Message {
    Message::new(Kind::Pong, content.into())
}

/// A close frame with a code and a reason.
#[must_use]
pub fn close(code: u16, reason: &str) -> Message {
    let body = [&code.to_be_bytes(), reason.as_bytes()].concat();
    Message::new(Kind::Close, body.into())
}

/// A frame of any opcode: the last of its message, and empty.
#[must_use]
pub fn frame(opcode: Opcode) -> Frame {
    Frame {
        fin: true,
        rsv: 0,
        opcode,
        mask: Mask::default(),
        form: Form::default(),
        payload: Content::Bytes(Vec::new()),
    }
}

impl Message {
    fn new(kind: Kind, content: Content) -> Self {
        Self {
            kind,
            content,
            sizes: Sizes::Even(1),
            between: Vec::new(),
            plain: false,
            mask: Mask::default(),
            form: Form::default(),
        }
    }

    /// Cuts it into this many frames.
    #[must_use]
    pub fn fragments(mut self, count: usize) -> Self {
        self.sizes = Sizes::Even(count.max(1));
        self
    }

    /// Cuts it into frames of these payload sizes, and one more with the rest.
    #[must_use]
    pub fn sizes(mut self, sizes: impl Into<Vec<usize>>) -> Self {
        self.sizes = Sizes::These(sizes.into());
        self
    }

    /// Puts a control message between its frames: after the first, the next after the second, and so on.
    #[must_use]
    pub fn between(mut self, control: Message) -> Self {
        self.between.push(control);
        self
    }

    /// Does not compress it, whatever was agreed.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.plain = true;
        self
    }

    /// Masks its frames in this way.
    #[must_use]
    pub fn mask(mut self, mask: Mask) -> Self {
        self.mask = mask;
        self
    }

    /// Writes the length of its frames in this way.
    #[must_use]
    pub fn form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    pub(super) fn may_be_compressed(&self) -> bool {
        self.kind.is_data() && !self.plain
    }

    pub(super) fn payload(&self, random: &mut Random) -> Vec<u8> {
        self.content.bytes(self.kind == Kind::Text, random)
    }

    /// The frames that carry this payload.
    pub(super) fn frames(&self, wire: &[u8], compressed: bool) -> Vec<Frame> {
        let pieces = self.sizes.cut(wire);
        let last = pieces.len() - 1;
        let frame = |(nth, piece): (usize, &[u8])| Frame {
            fin: nth == last,
            rsv: if compressed && nth == 0 { 4 } else { 0 },
            opcode: if nth == 0 {
                opcode(self.kind)
            } else {
                Opcode::CONTINUATION
            },
            mask: self.mask,
            form: self.form,
            payload: Content::Bytes(piece.to_vec()),
        };
        pieces.into_iter().enumerate().map(frame).collect()
    }
}

impl Sizes {
    /// At least one piece.
    fn cut<'a>(&self, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let even;
        let sizes = match self {
            Self::Even(count) => {
                even = vec![bytes.len() / count; count - 1];
                &even
            }
            Self::These(sizes) => sizes,
        };
        let mut pieces = Vec::with_capacity(sizes.len() + 1);
        for &size in sizes {
            let (piece, rest) = bytes.split_at(size.min(bytes.len()));
            pieces.push(piece);
            bytes = rest;
        }
        pieces.push(bytes);
        pieces
    }
}

impl Frame {
    /// Sets FIN or not.
    #[must_use]
    pub fn fin(mut self, fin: bool) -> Self {
        self.fin = fin;
        self
    }

    /// Sets RSV1 to RSV3, as one number: 4, 2 and 1.
    #[must_use]
    pub fn rsv(mut self, rsv: u8) -> Self {
        self.rsv = rsv & 7;
        self
    }

    /// Masks it in this way.
    #[must_use]
    pub fn mask(mut self, mask: Mask) -> Self {
        self.mask = mask;
        self
    }

    /// Writes its length in this way.
    #[must_use]
    pub fn form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// Gives it a payload.
    #[must_use]
    pub fn payload(mut self, payload: impl Into<Content>) -> Self {
        self.payload = payload.into();
        self
    }

    pub(super) fn write(&self, dir: Dir, random: &mut Random, out: &mut Vec<u8>) {
        let payload = self.payload.bytes(self.opcode == Opcode::TEXT, random);
        let key = match (self.mask, dir) {
            (Mask::Proper, Dir::C2s) => Some((random.next() as u32).to_be_bytes()),
            (Mask::Key(key), _) => Some(key),
            (Mask::Proper, Dir::S2c) | (Mask::None, _) => None,
        };
        let masked = if key.is_some() { 0x80 } else { 0 };
        let len = payload.len() as u64;
        out.push(u8::from(self.fin) << 7 | self.rsv << 4 | self.opcode.0 & 0x0f);
        match self.form {
            Form::Shortest if len < 126 => out.push(masked | len as u8),
            Form::Shortest | Form::Bits16 if len < 1 << 16 => {
                out.push(masked | 126);
                out.extend((len as u16).to_be_bytes());
            }
            Form::Claim(len) => {
                out.push(masked | 127);
                out.extend(len.to_be_bytes());
            }
            Form::Shortest | Form::Bits16 | Form::Bits64 => {
                out.push(masked | 127);
                out.extend(len.to_be_bytes());
            }
        }
        out.extend(key.iter().flatten());
        let key = key.unwrap_or_default();
        out.extend(payload.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b));
    }
}

impl Content {
    fn bytes(&self, words: bool, random: &mut Random) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Random(count) if words => random.words(*count),
            Self::Random(count) => random.bytes(*count),
        }
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::Bytes(text.into())
    }
}

impl From<&[u8]> for Content {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<usize> for Content {
    fn from(count: usize) -> Self {
        Self::Random(count)
    }
}

fn opcode(kind: Kind) -> Opcode {
    match kind {
        Kind::Text => Opcode::TEXT,
        Kind::Binary => Opcode::BINARY,
        Kind::Ping => Opcode::PING,
        Kind::Pong => Opcode::PONG,
        Kind::Close => Opcode::CLOSE,
    }
}

/// The compressor of one direction.   RFC 7692 section 7.2.1
#[derive(Debug)]
pub struct Deflater {
    compress: Compress,
    no_context_takeover: bool,
}

impl Deflater {
    pub fn new(side: Side) -> Self {
        // zlib makes no window of 2^8; with 2^9 it reaches back 250 bytes, which fits into one.
        let bits = side.window_bits.clamp(9, 15);
        Self {
            compress: Compress::new_with_window_bits(Compression::default(), false, bits),
            no_context_takeover: side.no_context_takeover,
        }
    }

    /// Compresses a message, and removes the tail.
    pub fn message(&mut self, payload: &[u8]) -> Vec<u8> {
        if self.no_context_takeover {
            self.compress.reset();
        }
        let start = self.compress.total_in();
        let mut out = Vec::new();
        loop {
            out.reserve(payload.len() / 2 + 64);
            let done = (self.compress.total_in() - start) as usize;
            self.compress
                .compress_vec(&payload[done..], &mut out, FlushCompress::Sync)
                .expect("a compressor takes any bytes");
            if out.len() < out.capacity() {
                break;
            }
        }
        match out.strip_suffix(&[0, 0, 0xff, 0xff]) {
            Some(kept) => out.truncate(kept.len()),
            // Nothing new since the last flush: an empty stored block, without its tail.
            None => out.push(0),
        }
        out
    }
}
