//! The messages of a connection, for another thread: a copy that costs no more than a look.

use super::row::{COMPLETE, COMPRESSED, Row, Tag, packet};
use super::rows::{Cursor, Rows};
use crate::model::{ConnId, Dir, Event, EventId, Flow, Frame, PacketNo, SessionId, Span};
use std::collections::VecDeque;

/// The frames and messages of a connection up to now, in order.
#[derive(Clone, Debug)]
pub struct Messages {
    /// The connection.
    pub conn: ConnId,
    /// Its ends, all the time.
    pub flow: Flow,
    /// The session that all of them are of.
    pub session: SessionId,
    rows: Rows,
    cursor: Cursor,
    /// Some rows ahead: of many connections in turn, each look at packed ones waits for memory.
    ready: VecDeque<Row>,
}

/// Rows that are unpacked at once.
const AHEAD: usize = 8;

impl Messages {
    pub(super) fn new(conn: ConnId, flow: Flow, session: SessionId, rows: Rows) -> Self {
        Self {
            conn,
            flow,
            session,
            rows,
            cursor: Cursor::default(),
            ready: VecDeque::new(),
        }
    }

    fn unpack(&mut self) {
        while self.ready.len() < AHEAD
            && let Some(row) = self.cursor.next(&self.rows)
        {
            if row.tag != Tag::Kept {
                self.ready.push_back(row);
            }
        }
    }
}

impl Iterator for Messages {
    type Item = Moment;

    fn next(&mut self) -> Option<Moment> {
        if self.ready.is_empty() {
            self.unpack();
        }
        let Some(row) = self.ready.pop_front() else {
            self.ready = VecDeque::new();
            return None;
        };
        let (conn, session) = (self.conn, self.session);
        Some(Moment { row, conn, session })
    }
}

/// A message, or a frame of one that has several.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    row: Row,
    conn: ConnId,
    session: SessionId,
}

impl Moment {
    /// Whether it is a message.
    #[must_use]
    pub fn is_message(&self) -> bool {
        self.row.tag != Tag::Frame
    }

    /// The message's name.
    #[must_use]
    pub fn id(&self) -> EventId {
        self.row.id(true)
    }

    /// The message.
    #[must_use]
    pub fn event(&self) -> Option<Event> {
        let kind = self.row.kind(self.session, true)?;
        Some(self.row.event(self.conn, true, kind))
    }

    /// The packets with its first byte and with its last.
    #[must_use]
    pub fn packets(&self) -> (PacketNo, PacketNo) {
        (packet(self.row.first), packet(self.row.packet))
    }

    /// Its direction.
    #[must_use]
    pub fn dir(&self) -> Option<Dir> {
        self.row.dir
    }

    /// Its bytes.
    #[must_use]
    pub fn span(&self) -> Span {
        self.row.span()
    }

    /// The one frame of a message that is complete and lies there as it was sent, or masked: none where the
    /// message has several, is compressed, or claims to be something unheard of.
    #[must_use]
    pub fn frame(&self) -> Option<Frame> {
        let plain = self.row.flags & (COMPLETE | COMPRESSED) == COMPLETE;
        let frame = self.row.frame(self.session);
        (self.row.tag == Tag::Single && plain && frame.rsv == 0).then_some(frame)
    }
}
