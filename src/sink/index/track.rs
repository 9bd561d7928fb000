//! One connection of the index.

use super::row::{Leaf, Row};
use crate::model::{
    CloseCode, ConnId, Event, EventKind, Flow, Http, Note, Tcp, TcpEnd, Timestamp, Tls, Ws,
};

/// One connection: what it is, and all that happened on it.
#[derive(Debug)]
pub struct Track {
    /// Its number.
    pub conn: ConnId,
    /// Its ends.
    pub flow: Flow,
    /// When its first event came.
    pub first: Timestamp,
    /// When its last event came.
    pub last: Timestamp,
    /// Stream bytes per direction, client to server first, as far as events tell.
    pub bytes: [u64; 2],
    /// Text and binary messages per direction.
    pub messages: [u64; 2],
    /// What speaks on it: a request target, or the name of a protocol.
    pub what: Option<String>,
    /// How it ended.
    pub ending: Ending,
    rows: Vec<Row>,
    kept: Vec<Event>,
    texts: String,
}

/// How a connection ended, and the WebSocket session on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ending {
    /// A WebSocket session was opened.
    pub websocket: bool,
    /// The status with which an upgrade was refused.
    pub refused: Option<u16>,
    /// The session is over: cleanly, or not.
    pub clean: Option<bool>,
    /// What the client was told, else the server.
    pub code: Option<CloseCode>,
    /// How TCP ended; none while it goes on.
    pub tcp: Option<TcpEnd>,
}

/// A place on a connection's timeline; they sort as time does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Line(u32);

/// How deep one has to look to see something.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Level {
    /// Messages, heads of HTTP, beginnings and ends, and what was not understood.
    #[default]
    Messages,
    /// The frames that messages are made of.
    Frames,
    /// What TCP does below.
    Tcp,
}

impl Track {
    pub(super) fn new(event: &Event, flow: &Flow) -> Self {
        Self {
            conn: event.conn,
            flow: *flow,
            first: event.time,
            last: event.time,
            bytes: [0; 2],
            messages: [0; 2],
            what: None,
            ending: Ending::default(),
            rows: Vec::new(),
            kept: Vec::new(),
            texts: String::new(),
        }
    }

    pub(super) fn take(&mut self, event: Event, flow: &Flow, preview: &str) {
        self.flow = *flow;
        self.last = self.last.max(event.time);
        self.note(&event);
        // A connection whose previews outgrow 4 GiB goes on without.
        if u32::try_from(self.texts.len() + preview.len()).is_ok() {
            self.texts.push_str(preview);
        }
        let text_end = self.texts.len() as u32;
        if let Some(row) = self.rows.last_mut()
            && row.join(&event)
        {
            row.text_end = text_end;
            return;
        }
        let row = Row::new(&event, text_end, self.kept.len() as u32);
        if matches!(row.leaf, Leaf::Kept(_)) {
            self.kept.push(event);
        }
        self.rows.push(row);
    }

    /// After the last line: the lines before it stay what they are.
    #[must_use]
    pub fn end(&self) -> Line {
        let open = matches!(
            self.rows.last(),
            Some(Row {
                leaf: Leaf::Frame { .. },
                ..
            })
        );
        Line(self.rows.len() as u32 * 2 - u32::from(open))
    }

    /// The lines from here on that are seen at a level.
    pub fn lines(&self, from: Line, level: Level) -> impl Iterator<Item = Line> + '_ {
        (from.0..self.end().0)
            .map(Line)
            .filter(move |&line| self.level(line).is_some_and(|it| it <= level))
    }

    /// The level of a line, none where there is no such line.
    fn level(&self, line: Line) -> Option<Level> {
        let row = self.rows.get(line.row())?;
        match (row.leaf, line.is_second()) {
            (Leaf::Frame { .. } | Leaf::Single { .. }, false) => Some(Level::Frames),
            (Leaf::Message { .. } | Leaf::Single { .. }, true) => Some(Level::Messages),
            (Leaf::Kept(at), true) => Some(level(&self.kept.get(at as usize)?.kind)),
            _ => None,
        }
    }

    /// When the event of a line came.
    #[must_use]
    pub fn time(&self, line: Line) -> Timestamp {
        self.rows.get(line.row()).map_or(self.last, |row| row.time)
    }

    /// The event of a line.
    #[must_use]
    pub fn event(&self, line: Line) -> Option<Event> {
        let row = self.rows.get(line.row())?;
        match row.leaf {
            Leaf::Kept(at) => self.kept.get(at as usize).cloned(),
            _ => row.event(self.conn, line.is_second()),
        }
    }

    /// The beginning of the payload, where the line is a message.
    #[must_use]
    pub fn preview(&self, line: Line) -> &str {
        let row = line.row();
        let end = |row: usize| self.rows.get(row).map_or(0, |row| row.text_end as usize);
        let start = row.checked_sub(1).map_or(0, end);
        if line.is_second() {
            self.texts.get(start..end(row)).unwrap_or_default()
        } else {
            ""
        }
    }

    /// Bytes of memory that this holds.
    #[must_use]
    pub fn size(&self) -> usize {
        size_of::<Self>()
            + self.rows.capacity() * size_of::<Row>()
            + self.kept.capacity() * size_of::<Event>()
            + self.texts.capacity()
    }

    /// Counts what an event tells.
    fn note(&mut self, event: &Event) {
        if let Some(dir) = event.dir {
            let bytes = dir.of_mut(&mut self.bytes);
            *bytes = (*bytes).max(event.span.end());
        }
        match &event.kind {
            EventKind::Ws(Ws::Message(message)) if message.kind.is_data() => {
                if let Some(dir) = event.dir {
                    *dir.of_mut(&mut self.messages) += 1;
                }
            }
            EventKind::Ws(Ws::Open(open)) => {
                self.ending.websocket = true;
                self.what = open.uri.clone().or_else(|| self.what.take());
                self.what.get_or_insert_with(|| "WebSocket".into());
            }
            EventKind::Ws(Ws::Refused(refused)) => self.ending.refused = Some(refused.status),
            EventKind::Ws(Ws::Close(close)) => {
                self.ending.clean = Some(close.clean);
                self.ending.code = close.client_saw.or(close.server_saw);
                if close.tcp_end != TcpEnd::None {
                    self.ending.tcp = Some(close.tcp_end);
                }
            }
            EventKind::Tcp(Tcp::Close(close)) => {
                self.bytes = close.bytes;
                self.ending.tcp = Some(if close.reset {
                    TcpEnd::Rst
                } else {
                    TcpEnd::Fin
                });
            }
            EventKind::Tcp(Tcp::Note(Note::Protocol(name))) => self.what = Some((*name).into()),
            EventKind::Tls(Tls::Hello(hello)) if self.what.is_none() => {
                let name = hello.server_name.as_deref();
                self.what = Some(name.map_or("TLS".into(), |name| format!("TLS {name}")));
            }
            EventKind::Http(Http::Request(request)) if self.what.is_none() => {
                self.what = Some(String::from_utf8_lossy(&request.target).into_owned());
            }
            _ => {}
        }
    }
}

impl Line {
    /// The first of all.
    pub const FIRST: Self = Self(0);

    /// The line as a number below 2³¹, where a connection has less than 2³⁰ rows.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }

    /// The line of this number.
    #[must_use]
    pub fn from_number(number: u32) -> Self {
        Self(number)
    }

    fn row(self) -> usize {
        (self.0 / 2) as usize
    }

    /// The message of a row that may begin with its frame, or the only event of a row.
    fn is_second(self) -> bool {
        self.0 % 2 == 1
    }
}

fn level(kind: &EventKind) -> Level {
    match kind {
        EventKind::Tcp(Tcp::Note(Note::Protocol(_))) => Level::Messages,
        EventKind::Tcp(Tcp::Note(_)) => Level::Tcp,
        EventKind::Ws(Ws::Frame(_)) => Level::Frames,
        _ => Level::Messages,
    }
}

impl Ending {
    /// Whether neither TCP nor the session has ended.
    #[must_use]
    pub fn is_open(self) -> bool {
        self.tcp.is_none_or(|end| end == TcpEnd::None)
    }
}
