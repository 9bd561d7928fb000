//! An event in 40 bytes.

use crate::model::{
    ConnId, Dir, Event, EventId, EventKind, Frame, Inflated, Kind, MaskingKey, Message, Opcode,
    PacketNo, SessionId, Span, Timestamp, Trust, Ws,
};

/// A frame or a message, packed; whatever else happens is kept as it is, and pointed at.
///
/// A message of one frame shares the row of that frame: the two differ in little.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub time: Timestamp,
    start: u64,
    at: u32,
    /// Payload bytes of the frame, or of a message's frames.
    wire: u32,
    /// Payload bytes of the message, inflated.
    length: u32,
    /// The masking key of a frame; the bytes of a message's span; the place in the list of what is kept whole.
    extra: u32,
    /// Which of the packet's events, the direction, and the trust: 13, 2 and 1 bits.
    nth: u16,
    /// How many packets before the cause the first byte came.
    back: u16,
    /// The first byte and the length of a frame's header, or the number of a message's frames.
    head: [u8; 2],
    flags: u8,
    tag: Tag,
}

const _: () = assert!(size_of::<Row>() == 40, "rows are kept by the million");

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tag {
    /// Kept whole, in a list of its own.
    Kept,
    Frame,
    /// A frame, and the message that it is all of.
    Single,
    Message,
}

const COMPRESSED: u8 = 1;
const COMPLETE: u8 = 2;
const UTF8: u8 = 4;
const MASKED: u8 = 8;
/// What kind a message of several frames is, above the flags.
const KIND: u8 = 4;

impl Row {
    /// Packs an event of this session; one that does not fit is kept whole, as number `kept` of its list.
    pub fn new(event: &Event, session: SessionId, kept: u32) -> Self {
        Self::packed(event, session).unwrap_or(Self {
            time: event.time,
            start: 0,
            at: 0,
            wire: 0,
            length: 0,
            extra: kept,
            nth: 0,
            back: 0,
            head: [0; 2],
            flags: 0,
            tag: Tag::Kept,
        })
    }

    /// Some, where all that the event has fits into a row.
    fn packed(event: &Event, session: SessionId) -> Option<Self> {
        let back = event.packet.get().checked_sub(event.first.get())?;
        if event.id.at != event.packet || event.id.nth >= 1 << 13 || event.about.is_some() {
            return None;
        }
        let row = Self {
            time: event.time,
            start: event.span.start,
            at: event.packet.get().try_into().ok()?,
            wire: 0,
            length: 0,
            extra: 0,
            nth: (event.id.nth << 3 | dir_bits(event.dir) << 1) as u16
                | u16::from(event.trust == Trust::Inferred),
            back: back.try_into().ok()?,
            head: [0; 2],
            flags: 0,
            tag: Tag::Frame,
        };
        match event.kind {
            EventKind::Ws(Ws::Frame(frame)) => {
                let fits = !frame.unfinished
                    && frame.session == session
                    && event.span.len == u64::from(frame.header_length) + frame.length;
                fits.then_some(Self {
                    wire: frame.length.try_into().ok()?,
                    extra: frame.masking_key.map_or(0, |key| u32::from_be_bytes(key.0)),
                    head: [
                        u8::from(frame.fin) << 7 | (frame.rsv & 7) << 4 | frame.opcode.0 & 15,
                        frame.header_length,
                    ],
                    flags: flag(frame.masking_key.is_some(), MASKED),
                    ..row
                })
            }
            EventKind::Ws(Ws::Message(message)) if message.session == session => {
                let frames: u16 = message.frames.try_into().ok()?;
                Some(Self {
                    wire: message.wire_length.try_into().ok()?,
                    length: message.length.try_into().ok()?,
                    extra: event.span.len.try_into().ok()?,
                    head: frames.to_be_bytes(),
                    flags: flag(message.compressed, COMPRESSED)
                        | flag(message.complete, COMPLETE)
                        | flag(message.utf8, UTF8)
                        | (message.kind as u8) << KIND,
                    tag: Tag::Message,
                    ..row
                })
            }
            _ => None,
        }
    }

    pub fn tag(&self) -> Tag {
        self.tag
    }

    /// Where a row that is kept whole is kept.
    pub fn kept(&self) -> usize {
        self.extra as usize
    }

    /// Makes room for the message that this frame is all of, if it is.
    pub fn join(&mut self, event: &Event, session: SessionId) -> bool {
        let (Tag::Frame, EventKind::Ws(Ws::Message(message))) = (self.tag, &event.kind) else {
            return false;
        };
        let Some(other) = Self::packed(event, session) else {
            return false;
        };
        let same = self.at == other.at
            && (self.nth >> 3) + 1 == other.nth >> 3
            && self.nth & 7 == other.nth & 7
            && self.start == other.start
            && self.wire == other.wire
            && u64::from(other.extra) == self.span().len
            && self.back == other.back
            && message.frames == 1
            && Kind::of(self.opcode()) == Some(message.kind);
        if same {
            self.tag = Tag::Single;
            self.length = other.length;
            self.flags |= other.flags & (COMPRESSED | COMPLETE | UTF8);
        }
        same
    }

    /// The event's name; for a row that is not kept whole. `message` chooses where there are two.
    pub fn id(&self, message: bool) -> EventId {
        let second = message && self.tag == Tag::Single;
        EventId {
            at: PacketNo::new(self.at.into()).unwrap_or(PacketNo::FIRST),
            nth: u32::from(self.nth >> 3) + u32::from(second),
        }
    }

    /// The event of a packed row; `message` chooses where it holds a frame and its message.
    pub fn event(&self, conn: ConnId, session: SessionId, message: bool) -> Option<Event> {
        let kind = match (self.tag, message) {
            (Tag::Kept, _) | (Tag::Frame, true) | (Tag::Message, false) => return None,
            (Tag::Frame | Tag::Single, false) => Ws::Frame(self.frame(session)),
            (Tag::Single, true) => Ws::Message(self.message(session, Kind::of(self.opcode())?, 1)),
            (Tag::Message, true) => {
                let frames = u16::from_be_bytes(self.head);
                Ws::Message(self.message(session, kind(self.flags >> KIND), frames))
            }
        };
        let packet = PacketNo::new(self.at.into())?;
        Some(Event {
            id: self.id(message),
            packet,
            first: PacketNo::new(u64::from(self.at) - u64::from(self.back))?,
            time: self.time,
            conn,
            dir: match self.nth >> 1 & 3 {
                1 => Some(Dir::C2s),
                2 => Some(Dir::S2c),
                _ => None,
            },
            span: self.span(),
            trust: match self.nth & 1 {
                1 => Trust::Inferred,
                _ => Trust::Seen,
            },
            about: None,
            kind: EventKind::Ws(kind),
        })
    }

    fn span(&self) -> Span {
        let len = match self.tag {
            Tag::Message => self.extra.into(),
            Tag::Kept | Tag::Frame | Tag::Single => u64::from(self.head[1]) + u64::from(self.wire),
        };
        Span::tcp(self.start, len)
    }

    fn opcode(&self) -> Opcode {
        Opcode(self.head[0] & 15)
    }

    fn frame(&self, session: SessionId) -> Frame {
        let key = MaskingKey(self.extra.to_be_bytes());
        Frame {
            session,
            fin: self.head[0] & 0x80 != 0,
            rsv: self.head[0] >> 4 & 7,
            opcode: self.opcode(),
            masking_key: (self.flags & MASKED != 0).then_some(key),
            length: self.wire.into(),
            header_length: self.head[1],
            unfinished: false,
        }
    }

    fn message(&self, session: SessionId, kind: Kind, frames: u16) -> Message {
        Message {
            session,
            kind,
            compressed: self.flags & COMPRESSED != 0,
            complete: self.flags & COMPLETE != 0,
            utf8: self.flags & UTF8 != 0,
            frames: frames.into(),
            length: self.length.into(),
            wire_length: self.wire.into(),
            // Judged before it became a row.
            inflated: Inflated::default(),
        }
    }
}

fn kind(number: u8) -> Kind {
    [
        Kind::Text,
        Kind::Binary,
        Kind::Ping,
        Kind::Pong,
        Kind::Close,
    ]
    .into_iter()
    .find(|&kind| kind as u8 == number)
    .unwrap_or(Kind::Binary)
}

fn flag(set: bool, bit: u8) -> u8 {
    if set { bit } else { 0 }
}

fn dir_bits(dir: Option<Dir>) -> u32 {
    match dir {
        None => 0,
        Some(Dir::C2s) => 1,
        Some(Dir::S2c) => 2,
    }
}
