//! An event as the index has it at hand: its frame or message whole, anything else without what it is.

use crate::model::{
    ConnId, Dir, Event, EventId, EventKind, Frame, Inflated, Kind, MaskingKey, Message, Opcode,
    PacketNo, SessionId, Space, Span, Timestamp, Trust, Ws,
};

/// Where and when something happened; of a frame or a message also what it is.
///
/// A message of one frame shares the row of that frame: the two differ in little.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Row {
    pub time: Timestamp,
    /// Its name: the packet there, which is [`PacketNo::END`] for what only the end shows.
    pub at: u64,
    pub nth: u32,
    /// The packets that caused it, and that carried its first byte.
    pub packet: u64,
    pub first: u64,
    pub dir: Option<Dir>,
    pub inferred: bool,
    /// How many layers of TLS its bytes lie in.
    pub layers: u16,
    pub start: u64,
    pub len: u64,
    pub about: Option<EventId>,
    /// Payload bytes of the frame, or of a message's frames.
    pub wire: u64,
    /// Payload bytes of the message, inflated.
    pub length: u64,
    /// The first byte and the length of a frame's header.
    pub head: u8,
    pub header: u8,
    pub key: [u8; 4],
    /// The kind of a message of several frames, and their number.
    pub kind: u8,
    pub frames: u32,
    pub flags: u8,
    pub tag: Tag,
    /// The place in the list of what is kept whole.
    pub kept: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Tag {
    /// What it is stands in a list of its own.
    #[default]
    Kept,
    Frame,
    /// A frame, and the message that it is all of.
    Single,
    Message,
}

pub(super) const COMPRESSED: u8 = 1;
pub(super) const COMPLETE: u8 = 2;
pub(super) const UTF8: u8 = 4;
pub(super) const MASKED: u8 = 8;

impl Row {
    /// The row of an event of this session; one that is neither a frame nor a message of it is number
    /// `kept` of a list of its own.
    pub fn new(event: &Event, session: SessionId, kept: u32) -> Self {
        let row = Self {
            time: event.time,
            at: event.id.at.get(),
            nth: event.id.nth,
            packet: event.packet.get(),
            first: event.first.get(),
            dir: event.dir,
            inferred: event.trust == Trust::Inferred,
            layers: match event.span.space {
                Space::Tcp => 0,
                Space::Tls(layer) => u16::from(layer) + 1,
            },
            start: event.span.start,
            len: event.span.len,
            about: event.about,
            kept,
            ..Self::default()
        };
        match &event.kind {
            EventKind::Ws(Ws::Frame(frame)) if row.holds(frame, session) => Self {
                wire: frame.length,
                key: frame.masking_key.map_or([0; 4], |key| key.0),
                head: u8::from(frame.fin) << 7 | (frame.rsv & 7) << 4 | frame.opcode.0 & 15,
                header: frame.header_length,
                flags: flag(frame.masking_key.is_some(), MASKED),
                tag: Tag::Frame,
                ..row
            },
            EventKind::Ws(Ws::Message(message)) if message.session == session => Self {
                wire: message.wire_length,
                length: message.length,
                kind: message.kind as u8,
                frames: message.frames,
                flags: flag(message.compressed, COMPRESSED)
                    | flag(message.complete, COMPLETE)
                    | flag(message.utf8, UTF8),
                tag: Tag::Message,
                ..row
            },
            _ => row,
        }
    }

    /// Whether all that a frame has fits into a row.
    fn holds(&self, frame: &Frame, session: SessionId) -> bool {
        let len = u64::from(frame.header_length).checked_add(frame.length);
        !frame.unfinished && frame.session == session && len == Some(self.len)
    }

    /// Makes room for the message that this frame is all of, if it is.
    pub fn join(&mut self, event: &Event, session: SessionId) -> bool {
        let (Tag::Frame, EventKind::Ws(Ws::Message(message))) = (self.tag, &event.kind) else {
            return false;
        };
        let other = Self::new(event, session, 0);
        let of = |row: &Self| {
            let place = (row.at, row.packet, row.first, row.time, row.about);
            let bytes = (row.dir, row.inferred, row.layers, row.start, row.len);
            (place, bytes, row.wire)
        };
        let same = other.tag == Tag::Message
            && of(self) == of(&other)
            && self.nth.checked_add(1) == Some(other.nth)
            && message.frames == 1
            && Kind::of(self.opcode()) == Some(message.kind);
        if same {
            self.tag = Tag::Single;
            self.length = other.length;
            self.flags |= other.flags;
        }
        same
    }

    /// The event's name; `message` chooses where there are two.
    pub fn id(&self, message: bool) -> EventId {
        let second = message && self.tag == Tag::Single;
        EventId {
            at: packet(self.at),
            nth: self.nth.saturating_add(u32::from(second)),
        }
    }

    /// What a frame or a message is; `message` chooses where the row holds both. None where that is kept elsewhere.
    pub fn kind(&self, session: SessionId, message: bool) -> Option<EventKind> {
        let kind = match (self.tag, message) {
            (Tag::Kept, _) | (Tag::Frame, true) | (Tag::Message, false) => return None,
            (Tag::Frame | Tag::Single, false) => Ws::Frame(self.frame(session)),
            (Tag::Single, true) => Ws::Message(self.message(session, Kind::of(self.opcode())?, 1)),
            (Tag::Message, true) => {
                Ws::Message(self.message(session, kind(self.kind), self.frames))
            }
        };
        Some(EventKind::Ws(kind))
    }

    /// The event of this kind.
    pub fn event(&self, conn: ConnId, message: bool, kind: EventKind) -> Event {
        Event {
            id: self.id(message),
            packet: packet(self.packet),
            first: packet(self.first),
            time: self.time,
            conn,
            dir: self.dir,
            span: self.span(),
            trust: match self.inferred {
                true => Trust::Inferred,
                false => Trust::Seen,
            },
            about: self.about,
            kind,
        }
    }

    pub fn span(&self) -> Span {
        Span {
            space: match self.layers.checked_sub(1) {
                None => Space::Tcp,
                Some(layer) => Space::Tls(layer as u8),
            },
            start: self.start,
            len: self.len,
        }
    }

    fn opcode(&self) -> Opcode {
        Opcode(self.head & 15)
    }

    pub fn frame(&self, session: SessionId) -> Frame {
        Frame {
            session,
            fin: self.head & 0x80 != 0,
            rsv: self.head >> 4 & 7,
            opcode: self.opcode(),
            masking_key: (self.flags & MASKED != 0).then_some(MaskingKey(self.key)),
            length: self.wire,
            header_length: self.header,
            unfinished: false,
        }
    }

    fn message(&self, session: SessionId, kind: Kind, frames: u32) -> Message {
        Message {
            session,
            kind,
            compressed: self.flags & COMPRESSED != 0,
            complete: self.flags & COMPLETE != 0,
            utf8: self.flags & UTF8 != 0,
            frames,
            length: self.length,
            wire_length: self.wire,
            // Judged before it became a row.
            inflated: Inflated::default(),
        }
    }
}

/// The packet with this number.
pub(super) fn packet(number: u64) -> PacketNo {
    PacketNo::new(number).unwrap_or(PacketNo::FIRST)
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
