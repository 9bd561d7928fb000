//! An event in 64 bytes.

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
    at: u64,
    start: u64,
    len: u64,
    /// Which of the packet's events, the direction, and the trust: 29, 2 and 1 bits.
    nth: u32,
    /// How many packets before the cause the first byte came.
    back: u32,
    /// Where the text of the next row begins.
    pub text_end: u32,
    pub leaf: Leaf,
}

const _: () = assert!(size_of::<Row>() == 64, "rows are kept by the million");

#[derive(Clone, Copy, Debug)]
pub(super) enum Leaf {
    /// Kept whole, in a list of its own.
    Kept(u32),
    Frame {
        head: Head,
        session: u32,
        length: u32,
    },
    Message {
        kind: Kind,
        flags: u8,
        session: u32,
        frames: u32,
        length: u32,
        wire_length: u32,
    },
    /// A frame, and the message that it is all of.
    Single {
        head: Head,
        session: u32,
        length: u32,
        wire_length: u32,
    },
}

/// What a frame's header says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// FIN, RSV and opcode, as on the wire.
    first: u8,
    flags: u8,
    header_length: u8,
    key: [u8; 4],
}

const COMPRESSED: u8 = 1;
const COMPLETE: u8 = 2;
const UTF8: u8 = 4;
const MASKED: u8 = 8;

impl Row {
    /// Packs an event; one that does not fit is kept whole, as number `kept` of its list.
    pub fn new(event: &Event, text_end: u32, kept: u32) -> Self {
        let leaf = small(event).and_then(|()| leaf(event));
        Self {
            time: event.time,
            at: event.id.at.get(),
            start: event.span.start,
            len: event.span.len,
            nth: event.id.nth << 3
                | dir_bits(event.dir) << 1
                | u32::from(event.trust == Trust::Inferred),
            back: (event.packet.get() - event.first.get().min(event.packet.get())) as u32,
            text_end,
            leaf: leaf.unwrap_or(Leaf::Kept(kept)),
        }
    }

    /// Makes room for the message that this frame is all of, if it is.
    pub fn join(&mut self, event: &Event) -> bool {
        let (
            Leaf::Frame {
                head,
                session,
                length: wire_length,
            },
            Some(Leaf::Message {
                kind,
                flags,
                frames: 1,
                length,
                ..
            }),
        ) = (self.leaf, small(event).and_then(|()| leaf(event)))
        else {
            return false;
        };
        let same = self.at == event.id.at.get()
            && (self.nth >> 3) + 1 == event.id.nth
            && self.span() == event.span
            && self.dir() == event.dir
            && self.trust() == event.trust
            && self.first() == event.first
            && Kind::of(head.opcode()) == Some(kind);
        if same {
            let head = Head {
                flags: head.flags | flags,
                ..head
            };
            self.leaf = Leaf::Single {
                head,
                session,
                length,
                wire_length,
            };
        }
        same
    }

    /// The event of a packed row; `message` chooses where it holds a frame and its message.
    pub fn event(&self, conn: ConnId, message: bool) -> Option<Event> {
        let kind = match self.leaf {
            Leaf::Kept(_) => return None,
            Leaf::Frame {
                head,
                session,
                length,
            } => Ws::Frame(head.frame(session, length)),
            Leaf::Single {
                head,
                session,
                wire_length,
                ..
            } if !message => Ws::Frame(head.frame(session, wire_length)),
            Leaf::Single {
                head,
                session,
                length,
                wire_length,
            } => {
                let kind = Kind::of(head.opcode())?;
                Ws::Message(unpack(kind, head.flags, session, 1, length, wire_length))
            }
            Leaf::Message {
                kind,
                flags,
                session,
                frames,
                length,
                wire_length,
            } => Ws::Message(unpack(kind, flags, session, frames, length, wire_length)),
        };
        let packet = PacketNo::new(self.at)?;
        let second = matches!(self.leaf, Leaf::Single { .. }) && message;
        Some(Event {
            id: EventId {
                at: packet,
                nth: (self.nth >> 3) + u32::from(second),
            },
            packet,
            first: self.first(),
            time: self.time,
            conn,
            dir: self.dir(),
            span: self.span(),
            trust: self.trust(),
            about: None,
            kind: EventKind::Ws(kind),
        })
    }

    fn span(&self) -> Span {
        Span::tcp(self.start, self.len)
    }

    fn dir(&self) -> Option<Dir> {
        match self.nth >> 1 & 3 {
            1 => Some(Dir::C2s),
            2 => Some(Dir::S2c),
            _ => None,
        }
    }

    fn trust(&self) -> Trust {
        if self.nth & 1 == 1 {
            Trust::Inferred
        } else {
            Trust::Seen
        }
    }

    fn first(&self) -> PacketNo {
        PacketNo::new(self.at - u64::from(self.back)).unwrap_or(PacketNo::FIRST)
    }
}

impl Head {
    fn opcode(self) -> Opcode {
        Opcode(self.first & 15)
    }

    fn frame(self, session: u32, length: u32) -> Frame {
        Frame {
            session: SessionId(session),
            fin: self.first & 0x80 != 0,
            rsv: self.first >> 4 & 7,
            opcode: self.opcode(),
            masking_key: (self.flags & MASKED != 0).then_some(MaskingKey(self.key)),
            length: length.into(),
            header_length: self.header_length,
            unfinished: false,
        }
    }
}

/// Some, where all that every event has fits into a row.
fn small(event: &Event) -> Option<()> {
    let Event {
        id,
        packet,
        first,
        about,
        ..
    } = event;
    let back = packet.get().checked_sub(first.get())?;
    let fits =
        id.at == *packet && id.nth < 1 << 28 && about.is_none() && u32::try_from(back).is_ok();
    fits.then_some(())
}

fn leaf(event: &Event) -> Option<Leaf> {
    match event.kind {
        EventKind::Ws(Ws::Frame(frame)) if !frame.unfinished => Some(Leaf::Frame {
            head: Head {
                first: u8::from(frame.fin) << 7 | (frame.rsv & 7) << 4 | frame.opcode.0 & 15,
                flags: flag(frame.masking_key.is_some(), MASKED),
                header_length: frame.header_length,
                key: frame.masking_key.map_or([0; 4], |key| key.0),
            },
            session: frame.session.0,
            length: frame.length.try_into().ok()?,
        }),
        EventKind::Ws(Ws::Message(message)) => Some(Leaf::Message {
            kind: message.kind,
            flags: flag(message.compressed, COMPRESSED)
                | flag(message.complete, COMPLETE)
                | flag(message.utf8, UTF8),
            session: message.session.0,
            frames: message.frames,
            length: message.length.try_into().ok()?,
            wire_length: message.wire_length.try_into().ok()?,
        }),
        _ => None,
    }
}

fn flag(set: bool, bit: u8) -> u8 {
    if set { bit } else { 0 }
}

fn unpack(kind: Kind, flags: u8, session: u32, frames: u32, length: u32, wire: u32) -> Message {
    Message {
        session: SessionId(session),
        kind,
        compressed: flags & COMPRESSED != 0,
        complete: flags & COMPLETE != 0,
        utf8: flags & UTF8 != 0,
        frames,
        length: length.into(),
        wire_length: wire.into(),
        // Judged before it became a row.
        inflated: Inflated::default(),
    }
}

fn dir_bits(dir: Option<Dir>) -> u32 {
    match dir {
        None => 0,
        Some(Dir::C2s) => 1,
        Some(Dir::S2c) => 2,
    }
}
