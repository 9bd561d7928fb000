//! One connection of the index.

use super::kept::Kept;
use super::messages::Messages;
use super::row::{Row, Tag};
use super::rows::Rows;
use crate::model::{
    CloseCode, ConnId, Event, EventId, EventKind, Flow, Http, Note, PacketNo, SessionId, Severity,
    Tcp, TcpEnd, Timestamp, Tls, Verdict, Ws,
};
use std::borrow::Cow;

/// One connection: what it is, and all that happened on it.
#[derive(Debug)]
pub struct Track {
    /// Its number.
    pub conn: ConnId,
    /// Its ends.
    pub flow: Flow,
    /// Its ends as they were taken before, each with the number of rows until then.
    turned: Vec<(usize, Flow)>,
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
    /// Broken rules: notes, warnings, errors.
    pub findings: [u32; 3],
    /// How it ended.
    pub ending: Ending,
    /// The session that packed rows are of.
    session: SessionId,
    opened: Option<SessionId>,
    rows: Rows,
    /// Rows before these that were forgotten, and events of them that were kept whole.
    gone: (usize, usize),
    kept: Vec<Kept>,
    /// A message is among what is kept whole.
    odd: bool,
    /// The packet with the last message.
    talks: Option<PacketNo>,
    texts: String,
    /// Where the text of each row ends; shorter than the rows once previews are not kept any more.
    text_ends: Vec<u32>,
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
    /// Every acknowledgement.
    Acks,
}

impl Track {
    pub(super) fn new(event: &Event, flow: &Flow) -> Self {
        Self {
            conn: event.conn,
            flow: *flow,
            turned: Vec::new(),
            first: event.time,
            last: event.time,
            bytes: [0; 2],
            messages: [0; 2],
            what: None,
            findings: [0; 3],
            ending: Ending::default(),
            session: SessionId::default(),
            opened: None,
            rows: Rows::default(),
            gone: (0, 0),
            kept: Vec::new(),
            odd: false,
            talks: None,
            texts: String::new(),
            text_ends: Vec::new(),
        }
    }

    /// Takes an event; `keep` says whether there is room for its preview.
    pub(super) fn take(&mut self, event: Event, flow: &Flow, preview: &str, keep: bool) {
        if self.flow != *flow {
            self.turned.push((self.gone.0 + self.rows.len(), self.flow));
            self.flow = *flow;
        }
        self.last = self.last.max(event.time);
        if matches!(event.kind, EventKind::Ws(Ws::Message(_))) {
            self.talks = Some(event.packet);
        }
        self.note(&event);
        if let EventKind::Ws(Ws::Open(open)) = &event.kind {
            // Of a second session on the connection all is kept whole.
            self.session = *self.opened.get_or_insert(open.session);
        }
        let joined = self
            .rows
            .last_mut()
            .is_some_and(|row| row.join(&event, self.session));
        if !joined {
            let row = Row::new(&event, self.session, (self.gone.1 + self.kept.len()) as u32);
            if row.tag == Tag::Kept {
                self.odd |= matches!(event.kind, EventKind::Ws(Ws::Message(_)));
                push(&mut self.kept, Kept::new(event.kind));
            }
            self.rows.push(row);
        }
        // Once there was no room, later previews would stand at the wrong place.
        let at = self.text_ends.len() + usize::from(!joined);
        let fits = u32::try_from(self.texts.len() + preview.len()).is_ok();
        if at == self.rows.len() && (joined || keep) && fits {
            self.texts.push_str(preview);
            let end = self.texts.len() as u32;
            match self.text_ends.last_mut().filter(|_| joined) {
                Some(last) => *last = end,
                None => push(&mut self.text_ends, end),
            }
        }
    }

    /// After the last line: the lines before it stay what they are.
    #[must_use]
    pub fn end(&self) -> Line {
        let open = self.rows.last().is_some_and(|row| row.tag == Tag::Frame);
        Line((self.gone.0 + self.rows.len()) as u32 * 2 - u32::from(open))
    }

    /// The lines from here on that are seen at a level.
    pub fn lines(&self, from: Line, level: Level) -> impl Iterator<Item = Line> + '_ {
        self.walk(from, level).map(|(line, _)| line)
    }

    /// The same, each with its event: sooner done than to ask for each.
    pub fn events(&self, from: Line, level: Level) -> impl Iterator<Item = (Line, Event)> + '_ {
        self.walk(from, level)
            .filter_map(|(line, row)| Some((line, self.event_of(&row, line.is_second())?)))
    }

    /// The same, each with its time.
    pub fn times(&self, from: Line, level: Level) -> impl Iterator<Item = (Line, Timestamp)> + '_ {
        self.walk(from, level).map(|(line, row)| (line, row.time))
    }

    fn walk(&self, from: Line, level: Level) -> impl Iterator<Item = (Line, Row)> + '_ {
        let from = from.max(Line((self.gone.0 as u32) * 2));
        let rows = self.rows.iter(from.row() - self.gone.0);
        let both = (from.row() as u32..)
            .zip(rows)
            .flat_map(|(at, row)| [(Line(at * 2), row), (Line(at * 2 + 1), row)]);
        both.filter(move |(line, row)| {
            let seen = self.level_in(row, line.is_second());
            *line >= from && seen.is_some_and(|it| it <= level)
        })
    }

    fn row(&self, line: Line) -> Option<Row> {
        self.rows.get(line.row().checked_sub(self.gone.0)?)
    }

    fn rare_of(&self, row: &Row) -> Option<&Kept> {
        self.kept.get((row.kept as usize).checked_sub(self.gone.1)?)
    }

    fn event_of(&self, row: &Row, message: bool) -> Option<Event> {
        let kind = match row.tag {
            Tag::Kept => self.rare_of(row)?.kind().into_owned(),
            Tag::Frame | Tag::Single | Tag::Message => row.kind(self.session, message)?,
        };
        Some(row.event(self.conn, message, kind))
    }

    /// How many rows at its beginning were forgotten for lack of room.
    #[must_use]
    pub fn forgotten(&self) -> usize {
        self.gone.0
    }

    /// Bytes of its rows and previews.
    pub(super) fn held(&self) -> usize {
        self.rows.size() + self.kept_size() + self.texts.len() + self.text_ends.len() * 4
    }

    fn kept_size(&self) -> usize {
        let more: usize = self.kept.iter().map(Kept::size).sum();
        self.kept.capacity() * size_of::<Kept>() + more
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Forgets its oldest rows; answers with the bytes that this set free, of previews and of all.
    pub(super) fn forget(&mut self, rows: usize) -> (usize, usize) {
        let held = self.held();
        let rows = rows.min(self.rows.len());
        let kept = self.rows.forget(rows);
        self.kept.drain(..kept);
        self.kept.shrink_to_fit();
        self.gone.0 += rows;
        self.gone.1 += kept;
        let had = rows.min(self.text_ends.len());
        let cut = had.checked_sub(1).map_or(0, |last| self.text_ends[last]);
        self.texts.drain(..cut as usize);
        self.texts.shrink_to_fit();
        self.text_ends.drain(..had);
        self.text_ends.shrink_to_fit();
        for end in &mut self.text_ends {
            *end -= cut;
        }
        let previews = cut as usize + had * size_of::<u32>();
        (previews, held.saturating_sub(self.held()))
    }

    fn level_in(&self, row: &Row, second: bool) -> Option<Level> {
        match (row.tag, second) {
            (Tag::Frame | Tag::Single, false) => Some(Level::Frames),
            (Tag::Message | Tag::Single, true) => Some(Level::Messages),
            (Tag::Kept, true) => {
                let kept = self.rare_of(row)?;
                Some(kept.whole().map_or(Level::Messages, level))
            }
            (Tag::Frame, true) | (Tag::Message | Tag::Kept, false) => None,
        }
    }

    /// When the event of a line came.
    #[must_use]
    pub fn time(&self, line: Line) -> Timestamp {
        self.row(line).map_or(self.last, |row| row.time)
    }

    /// The event of a line.
    #[must_use]
    pub fn event(&self, line: Line) -> Option<Event> {
        self.event_of(&self.row(line)?, line.is_second())
    }

    /// The ends of the connection, as they were taken when a line came.
    #[must_use]
    pub fn flow_at(&self, line: Line) -> &Flow {
        let row = line.row();
        let earlier = self.turned.iter().find(|(until, _)| row < *until);
        earlier.map_or(&self.flow, |(_, flow)| flow)
    }

    /// Gives back the room for more: little comes of a connection once it is over.
    pub(super) fn shrink(&mut self) {
        self.rows.shrink();
        self.kept.shrink_to_fit();
        self.texts.shrink_to_fit();
        self.text_ends.shrink_to_fit();
    }

    /// Whether its ends were the same all the time.
    #[must_use]
    pub fn never_turned(&self) -> bool {
        self.turned.is_empty()
    }

    /// The line that came last.
    #[must_use]
    pub fn last_line(&self) -> Option<Line> {
        self.end().0.checked_sub(1).map(Line)
    }

    /// The name of a line's event.
    #[must_use]
    pub fn id(&self, line: Line) -> Option<EventId> {
        Some(self.row(line)?.id(line.is_second()))
    }

    /// The name of the last event.
    #[must_use]
    pub fn last_id(&self) -> Option<EventId> {
        self.id(Line(self.end().0.checked_sub(1)?))
    }

    /// The line of an event; where it is not among them, the one before it.
    #[must_use]
    pub fn find(&self, id: EventId) -> Option<Line> {
        let (at, row) = self.rows.find(id)?;
        let second = match row.tag {
            Tag::Frame => false,
            Tag::Single => row.id(true) == id,
            Tag::Message | Tag::Kept => true,
        };
        Some(Line((self.gone.0 + at) as u32 * 2 + u32::from(second)))
    }

    /// What happened beside frames and messages, and unusual ones of these.
    pub fn rare(&self) -> impl Iterator<Item = Cow<'_, EventKind>> {
        self.kept.iter().map(Kept::kind)
    }

    /// What happened beside frames and messages, and unusual ones of these, each with its line: in so many rows
    /// from this line on.
    pub fn rare_lines(&self, from: Line, rows: usize) -> impl Iterator<Item = (Line, Event)> + '_ {
        let until = from.row() + rows;
        let from = from.row().max(self.gone.0);
        let rows = self.rows.iter(from - self.gone.0);
        let rows = (from as u32..until.max(from) as u32).zip(rows);
        let kept = rows.filter(|(_, row)| row.tag == Tag::Kept);
        kept.filter_map(|(at, row)| Some((Line(at * 2 + 1), self.event_of(&row, true)?)))
    }

    /// The packet with the last message, where there was one.
    #[must_use]
    pub fn talked(&self) -> Option<PacketNo> {
        self.talks
    }

    /// The events for which `wanted` says so; it is not asked of frames, messages and heads of HTTP.
    pub fn those(&self, wanted: impl Fn(&EventKind) -> bool) -> impl Iterator<Item = Event> {
        let any = self.kept.iter().filter_map(Kept::whole).any(&wanted);
        let rows = any.then(|| self.rows.iter(0)).into_iter().flatten();
        rows.filter_map(move |row| {
            let kept = (row.tag == Tag::Kept).then(|| self.rare_of(&row)?.whole())?;
            let kind = kept.filter(|kind| wanted(kind))?;
            Some(row.event(self.conn, true, kind.clone()))
        })
    }

    /// Its messages up to now, for another thread. None where that is not all there is to say of them: some were
    /// forgotten or are of another session, or its ends changed places.
    #[must_use]
    pub fn sequence(&self) -> Option<Messages> {
        let plain = !self.odd && self.turned.is_empty() && self.gone.0 == 0;
        plain.then(|| Messages::new(self.conn, self.flow, self.session, self.rows.clone()))
    }

    /// How deep one has to look to see a line.
    #[must_use]
    pub fn level_of(&self, line: Line) -> Option<Level> {
        self.level_in(&self.row(line)?, line.is_second())
    }

    /// The beginning of the payload, where the line is a message; none where it was not kept.
    #[must_use]
    pub fn preview(&self, line: Line) -> Option<&str> {
        if !line.is_second() {
            return Some("");
        }
        let row = line.row().checked_sub(self.gone.0)?;
        let end = *self.text_ends.get(row)? as usize;
        let start = row
            .checked_sub(1)
            .and_then(|before| self.text_ends.get(before))
            .map_or(0, |&end| end as usize);
        self.texts.get(start..end)
    }

    /// Bytes of memory that this holds.
    #[must_use]
    pub fn size(&self) -> usize {
        size_of::<Self>()
            + self.rows.size()
            + self.kept_size()
            + self.texts.capacity()
            + self.text_ends.capacity() * size_of::<u32>()
    }

    /// Counts what an event tells.
    fn note(&mut self, event: &Event) {
        // What a header claims, and what is said of it afterwards, are no bytes that were seen.
        let claimed = match &event.kind {
            EventKind::Ws(Ws::Frame(frame)) => frame.unfinished,
            EventKind::Finding(_) | EventKind::Insight(_) => true,
            _ => false,
        };
        if let Some(dir) = event.dir.filter(|_| !claimed) {
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
            EventKind::Finding(finding) if finding.verdict == Verdict::Fail => {
                self.findings[match finding.severity {
                    Severity::Note => 0,
                    Severity::Warning => 1,
                    Severity::Error => 2,
                }] += 1;
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

    /// The first line of so many rows further on.
    #[must_use]
    pub fn further(self, rows: usize) -> Self {
        Self((self.row() + rows) as u32 * 2)
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
        EventKind::Tcp(Tcp::Note(Note::Ack(_) | Note::Delivered(_))) => Level::Acks,
        EventKind::Tcp(Tcp::Note(_)) => Level::Tcp,
        EventKind::Ws(Ws::Frame(_)) => Level::Frames,
        // There are many, and they say that nothing can be said.
        EventKind::Finding(finding) if finding.verdict == Verdict::Undecidable => Level::Tcp,
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

/// Adds to a list that may grow very long: then it takes an eighth more room at a time, not double.
fn push<T>(list: &mut Vec<T>, item: T) {
    if list.len() == list.capacity() {
        let more = match list.len() {
            short @ 0..512 => (short / 4).max(8),
            long => long / 8,
        };
        list.reserve_exact(more);
    }
    list.push(item);
}
