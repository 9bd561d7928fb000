//! The WebSocket dialogue: RFC 6455, with permessage-deflate of RFC 7692.

use super::{Dir, SessionId};
use std::fmt;

/// Something that happened in a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ws {
    /// The upgrade succeeded.
    Open(Box<Open>),
    /// The upgrade was asked for and not granted.
    Refused(Box<Refused>),
    /// A frame: once all of it has come, or the end has.
    Frame(Frame),
    /// A message, all of it.
    Message(Message),
    /// The session is over.
    Close(Box<Close>),
}

/// A successful upgrade.   RFC 6455 section 4
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Open {
    /// The session that begins.
    pub session: SessionId,
    /// The request target.
    pub uri: Option<String>,
    /// The Host field.
    pub host: Option<String>,
    /// The Origin field.
    pub origin: Option<String>,
    /// The Sec-WebSocket-Version field.
    pub version: Option<String>,
    /// The Sec-WebSocket-Key field.
    pub key: Option<String>,
    /// The Sec-WebSocket-Accept field.
    pub accept: Option<String>,
    /// Whether `accept` is what `key` asks for; none where either is missing.
    pub accept_ok: Option<bool>,
    /// What `key` asks for; none where it is missing.
    pub accept_expected: Option<String>,
    /// The subprotocol that the server chose.
    pub subprotocol: Option<String>,
    /// The subprotocols that the client offered.
    pub subprotocols_offered: Vec<String>,
    /// The extensions that the server chose, as written.
    pub extensions: Option<String>,
    /// What was agreed on compression.
    pub deflate: Option<Deflate>,
    /// True where a part of the handshake was not captured.
    pub inferred: bool,
}

/// The agreed parameters of permessage-deflate.   RFC 7692 section 7.1
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Deflate {
    /// What the client's compressor promised.
    pub client: Side,
    /// What the server's compressor promised.
    pub server: Side,
}

/// What one side's compressor promised.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Side {
    /// It forgets its history after every message.
    pub no_context_takeover: bool,
    /// Its window is 2 to the power of this, 8 to 15.
    pub window_bits: u8,
}

impl Default for Side {
    fn default() -> Self {
        Self {
            no_context_takeover: false,
            window_bits: 15,
        }
    }
}

/// An upgrade that was asked for and not granted.   RFC 6455 section 4.2.2
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// The status of the answer.
    pub status: u16,
    /// The request target.
    pub uri: String,
    /// What the answer says it wants instead: a version list, an authentication scheme, a location.
    pub wants: Option<String>,
}

/// An opcode, any of the sixteen.   RFC 6455 section 5.2
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Opcode(pub u8);

impl Opcode {
    /// The next part of a fragmented message.
    pub const CONTINUATION: Self = Self(0);
    /// Text, UTF-8.
    pub const TEXT: Self = Self(1);
    /// Binary data.
    pub const BINARY: Self = Self(2);
    /// The sender will send no more.
    pub const CLOSE: Self = Self(8);
    /// Are you still there?
    pub const PING: Self = Self(9);
    /// Still here.
    pub const PONG: Self = Self(10);

    /// Whether it is of the control half: 8 to 15.
    #[must_use]
    pub fn is_control(self) -> bool {
        self.0 & 8 != 0
    }
}

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::CONTINUATION => f.pad("continuation"),
            Self::TEXT => f.pad("text"),
            Self::BINARY => f.pad("binary"),
            Self::CLOSE => f.pad("close"),
            Self::PING => f.pad("ping"),
            Self::PONG => f.pad("pong"),
            Self(other) => write!(f, "opcode {other}"),
        }
    }
}

/// The four bytes that a payload is masked with.   RFC 6455 section 5.3
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MaskingKey(pub [u8; 4]);

impl fmt::Display for MaskingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

/// The fields of a frame.   RFC 6455 section 5.2
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Frame {
    /// The end of the stream came before the end of the payload.
    pub unfinished: bool,
    /// The session it belongs to.
    pub session: SessionId,
    /// The last frame of its message.
    pub fin: bool,
    /// RSV1 to RSV3 as one number: 4, 2 and 1.
    pub rsv: u8,
    /// What the payload is.
    pub opcode: Opcode,
    /// The masking key, where the mask bit is set.
    pub masking_key: Option<MaskingKey>,
    /// Payload bytes.
    pub length: u64,
    /// Header bytes, 2 to 14.
    pub header_length: u8,
}

/// What the first bytes of a frame tell, where no more of its header came.   RFC 6455 section 5.2
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameStart {
    /// The last frame of its message.
    pub fin: bool,
    /// RSV1 to RSV3 as one number: 4, 2 and 1.
    pub rsv: u8,
    /// What the payload would have been.
    pub opcode: Opcode,
    /// Whether the mask bit is set, where the byte with it came.
    pub masked: Option<bool>,
    /// Bytes of the header that came, from 1.
    pub bytes: usize,
}

impl FrameStart {
    /// Reads what there is of a header; none where there is nothing.
    #[must_use]
    pub fn read(header: &[u8]) -> Option<Self> {
        let first = header.first()?;
        Some(Self {
            fin: first & 0x80 != 0,
            rsv: first >> 4 & 7,
            opcode: Opcode(first & 0x0f),
            masked: header.get(1).map(|second| second & 0x80 != 0),
            bytes: header.len(),
        })
    }
}

impl fmt::Display for FrameStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (came, s) = (self.bytes, if self.bytes == 1 { "" } else { "s" });
        let (fin, rsv) = (u8::from(self.fin), self.rsv);
        write!(
            f,
            "{came} byte{s} of a frame's header, and the rest is missing: "
        )?;
        write!(f, "FIN = {fin}, RSV = {rsv:03b}, {}", self.opcode)
    }
}

/// What a message is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Text.
    Text,
    /// Binary data.
    Binary,
    /// Are you still there?
    Ping,
    /// Still here.
    Pong,
    /// The sender will send no more.
    Close,
}

impl Kind {
    /// The kind of message that a frame of this opcode begins; none for the reserved ones and for
    /// a continuation.
    #[must_use]
    pub fn of(opcode: Opcode) -> Option<Self> {
        match opcode {
            Opcode::TEXT => Some(Self::Text),
            Opcode::BINARY => Some(Self::Binary),
            Opcode::PING => Some(Self::Ping),
            Opcode::PONG => Some(Self::Pong),
            Opcode::CLOSE => Some(Self::Close),
            _ => None,
        }
    }

    /// Whether it is text or binary.
    #[must_use]
    pub fn is_data(self) -> bool {
        matches!(self, Self::Text | Self::Binary)
    }

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::Close => "close",
        }
    }
}

/// A message that was completed; a control frame is a message of one frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Message {
    /// The session it belongs to.
    pub session: SessionId,
    /// What it is.
    pub kind: Kind,
    /// RSV1 was set on its first frame, and permessage-deflate is agreed.
    pub compressed: bool,
    /// Every byte of it is known.
    pub complete: bool,
    /// It is valid UTF-8; said of complete text messages and close reasons only.
    pub utf8: bool,
    /// Number of frames.
    pub frames: u32,
    /// Payload bytes as the application gets them: joined, unmasked, inflated.
    pub length: u64,
    /// Sum of its frames' payload lengths.
    pub wire_length: u64,
    /// How it inflated, where it was compressed.
    pub inflated: Inflated,
}

/// How a compressed message inflated.   RFC 7692 section 7.2
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Inflated {
    /// How its compressed data ended.
    pub ending: Ending,
    /// The smallest window, 2 to the power of this, that its matches need; 0 without a match.
    pub window_bits: u8,
    /// It has a block with BFINAL set.
    pub bfinal: bool,
}

/// How the compressed data of a message ended.   RFC 7692 section 7.2.1
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Ending {
    /// There were none, or the capture lost some of them.
    #[default]
    Unknown,
    /// As they should, or with a block that has BFINAL set, or without a flush: all is there.
    Whole,
    /// With the four bytes 00 00 FF FF that their sender should have removed.
    TailLeft,
    /// Before their end: they do not inflate.
    Broken(Culprit),
}

/// Why compressed data do not inflate, as far as trying out has shown.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Culprit {
    /// None of the known faults of senders explains it.
    Unknown,
    /// A match reaches back beyond the agreed window.
    Window,
    /// A match reaches into an earlier message, against a promise.
    Takeover,
    /// The sender's window holds messages that it sent uncompressed.
    PlainKept,
    /// The message is not compressed, though it is marked.
    NotCompressed,
    /// The message is compressed, though it is not marked.
    Unmarked,
}

/// A close code.   RFC 6455 section 7.4
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// Never on the wire: the close frame had no code.
    pub const NO_STATUS: Self = Self(1005);
    /// Never on the wire: there was no close frame.
    pub const ABNORMAL: Self = Self(1006);

    /// Reads the code at the head of a close frame's body; none where there are fewer than two bytes.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        let (code, _) = body.split_first_chunk()?;
        Some(Self(u16::from_be_bytes(*code)))
    }

    /// Whether a side says with it that it fails the connection because of what came.
    #[must_use]
    pub fn fails(self) -> bool {
        matches!(self.0, 1002 | 1003 | 1007..=1011)
    }

    /// Whether it says that the peer did something wrong, or could not be served.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self.0, 1002 | 1003 | 1007..=1011)
    }

    /// What the registry calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            1000 => "normal closure",
            1001 => "going away",
            1002 => "protocol error",
            1003 => "unsupported data",
            1005 => "no status received",
            1006 => "abnormal closure",
            1007 => "invalid payload",
            1008 => "policy violation",
            1009 => "message too big",
            1010 => "mandatory extension",
            1011 => "internal error",
            1012 => "service restart",
            1013 => "try again later",
            1014 => "bad gateway",
            1015 => "TLS handshake",
            3000 => "unauthorized",
            3003 => "forbidden",
            3008 => "timeout",
            3001..=3999 => "for libraries and frameworks",
            4000..=4999 => "private use",
            _ => "not assigned",
        }
    }
}

/// How a session ended.   RFC 6455 section 7
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Close {
    /// The session that is over.
    pub session: SessionId,
    /// Both close frames were seen, and the connection did not end by RST.
    pub clean: bool,
    /// Who sent the first close frame, else the first FIN or RST.
    pub initiator: Option<Dir>,
    /// The code in the client's close frame.
    pub code_client: Option<CloseCode>,
    /// The code in the server's close frame.
    pub code_server: Option<CloseCode>,
    /// What the client's API reports; none where a hole keeps it from being told.
    pub client_saw: Option<CloseCode>,
    /// What the server's API reports; none where a hole keeps it from being told.
    pub server_saw: Option<CloseCode>,
    /// How TCP ended.
    pub tcp_end: TcpEnd,
    /// One sentence.
    pub why: String,
}

/// How the TCP connection under a session ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TcpEnd {
    /// By FIN.
    Fin,
    /// By RST.
    Rst,
    /// Not within the capture.
    None,
}

impl TcpEnd {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Fin => "fin",
            Self::Rst => "rst",
            Self::None => "none",
        }
    }
}
