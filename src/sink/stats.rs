//! Connections and sessions, one row each, and totals.
//!
//! A row is written when its connection ends, so memory grows with the connections that are open
//! at once, not with those of the whole capture.

use super::line::Line;
use super::summary::Duration;
use super::{English, Escaped, Words, accounts};
use crate::model::{
    Close, ConnId, Conns, Cost, Counts, Dir, Event, EventKind, Flow, InsightKind, Kind, Label,
    Loan, Message, MessageRef, Note, Open, Piece, Sink, Tcp, Timestamp, Want, Wire, Ws,
};
use std::collections::HashMap;
use std::io::{self, Write};
use twox_hash::XxHash64;

/// What the rows look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Format {
    /// One JSON object a line, instead of text.
    pub json: bool,
    /// Only the totals.
    pub totals_only: bool,
    /// With the sum of the payloads' XXH64 hashes.
    pub checksum: bool,
}

/// Counts per connection, per session and in all.
#[derive(Debug)]
pub struct Stats<W> {
    into: W,
    format: Format,
    open: Conns<Box<Connection>>,
    totals: [Tally; 2],
    sessions: u64,
    /// The hash of each message that is on its way.
    hashing: HashMap<(ConnId, Dir), XxHash64>,
    line: Line,
    /// What all connections with a row cost, and bytes of TCP outside of them.
    cost: [Cost; 2],
    stray_bytes: u64,
    /// What was told of several connections.
    told: Vec<Event>,
    /// A row could not be written.
    failed: Option<io::Error>,
    /// What rows of text are worded with.
    words: &'static dyn Words,
}

/// A connection so far.
#[derive(Clone, Debug)]
struct Connection {
    flow: Flow,
    first: Timestamp,
    last: Timestamp,
    /// Stream bytes per direction, as far as they were captured.
    bytes: [u64; 2],
    /// Keep-alive probes, of both sides.
    keep_alives: u64,
    /// What of it was captured, where its end was.
    completeness: Option<u8>,
    /// `fin`, `rst` or `open`.
    end: &'static str,
    protocol: Option<&'static str>,
    session: Option<Box<Session>>,
    /// What it cost: told once it is over.
    cost: Option<Box<[Cost; 2]>>,
    /// Insights that speak of all of it.
    told: Vec<Event>,
}

impl Connection {
    fn new(flow: &Flow, first: Timestamp) -> Self {
        Self {
            flow: *flow,
            first,
            last: first,
            bytes: [0; 2],
            keep_alives: 0,
            completeness: None,
            end: "open",
            protocol: None,
            session: None,
            cost: None,
            told: Vec::new(),
        }
    }

    /// What it cost, as far as that was told.
    fn cost(&self) -> [Cost; 2] {
        self.cost.as_deref().copied().unwrap_or_default()
    }
}

/// A session so far.
#[derive(Clone, Debug)]
struct Session {
    open: Open,
    opened: Timestamp,
    tally: [Tally; 2],
    close: Option<Close>,
}

/// What one direction carried.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Tally {
    frames: u64,
    messages: u64,
    text: u64,
    binary: u64,
    ping: u64,
    pong: u64,
    close: u64,
    fragmented: u64,
    compressed: u64,
    payload_bytes: u64,
    wire_payload_bytes: u64,
    control_bytes: u64,
    xxh64_sum: u64,
}

impl Tally {
    fn message(&mut self, message: &Message) {
        *match message.kind {
            Kind::Text => &mut self.text,
            Kind::Binary => &mut self.binary,
            Kind::Ping => &mut self.ping,
            Kind::Pong => &mut self.pong,
            Kind::Close => &mut self.close,
        } += 1;
        if message.kind.is_data() {
            self.messages += 1;
            self.fragmented += u64::from(message.frames > 1);
            self.compressed += u64::from(message.compressed);
            self.payload_bytes += message.length;
            self.wire_payload_bytes += message.wire_length;
        } else {
            self.control_bytes += message.length;
        }
    }

    fn fields(&self) -> [(&'static str, u64); 12] {
        [
            ("frames", self.frames),
            ("messages", self.messages),
            ("text", self.text),
            ("binary", self.binary),
            ("ping", self.ping),
            ("pong", self.pong),
            ("close", self.close),
            ("fragmented", self.fragmented),
            ("compressed", self.compressed),
            ("payload_bytes", self.payload_bytes),
            ("wire_payload_bytes", self.wire_payload_bytes),
            ("control_bytes", self.control_bytes),
        ]
    }
}

/// A frame, or a message with its hash, to be counted.
#[derive(Clone, Copy)]
struct Counted<'a> {
    dir: Dir,
    message: Option<&'a Message>,
    sum: u64,
}

impl Counted<'_> {
    #[inline]
    fn add_to(self, tallies: &mut [Tally; 2]) {
        let tally = self.dir.of_mut(tallies);
        match self.message {
            None => tally.frames += 1,
            Some(message) => {
                tally.message(message);
                tally.xxh64_sum = tally.xxh64_sum.wrapping_add(self.sum);
            }
        }
    }
}

impl<W: Write> Stats<W> {
    /// Writes rows into this.
    pub fn new(into: W, format: Format) -> Self {
        Self {
            into,
            format,
            open: Conns::default(),
            totals: Default::default(),
            sessions: 0,
            hashing: HashMap::new(),
            line: Line::default(),
            cost: Default::default(),
            stray_bytes: 0,
            told: Vec::new(),
            failed: None,
            words: &English,
        }
    }

    /// The same in these words.
    #[must_use]
    pub fn in_words(self, words: &'static dyn Words) -> Self {
        Self { words, ..self }
    }

    /// Writes the rows of what is still open, and the totals.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(mut self, counts: Counts) -> io::Result<()> {
        self.failed.take().map_or(Ok(()), Err)?;
        for (id, connection) in self.open.drain() {
            self.row(id, &connection)?;
        }
        if self.format.json {
            self.totals_json(counts)?
        } else {
            self.totals_text(counts)?
        }
        self.into.flush()
    }

    /// Counts an event into the totals.
    fn count<'a>(&mut self, event: &'a Event) -> Option<Counted<'a>> {
        match (&event.kind, event.dir) {
            (EventKind::Ws(Ws::Open(_)), _) => self.sessions += 1,
            (EventKind::Ws(Ws::Frame(_)), Some(dir)) => {
                let counted = Counted {
                    dir,
                    message: None,
                    sum: 0,
                };
                counted.add_to(&mut self.totals);
                return Some(counted);
            }
            (EventKind::Ws(Ws::Message(message)), Some(dir)) => {
                let sum = self.checksum(event.conn, dir, message);
                let counted = Counted {
                    dir,
                    message: Some(message),
                    sum,
                };
                counted.add_to(&mut self.totals);
                return Some(counted);
            }
            _ => {}
        }
        None
    }

    /// The hash of a message that is all known; 0 for others, and where none was asked for.
    fn checksum(&mut self, conn: ConnId, dir: Dir, message: &Message) -> u64 {
        if !self.format.checksum || !message.kind.is_data() {
            return 0;
        }
        // An empty message has no part.
        let hash = self
            .hashing
            .remove(&(conn, dir))
            .unwrap_or(XxHash64::with_seed(0));
        if message.complete {
            std::hash::Hasher::finish(&hash)
        } else {
            0
        }
    }

    /// Notes an event in the row of its connection.
    fn note(&mut self, event: &Event, flow: &Flow, counted: Option<Counted<'_>>) {
        if opens_row(&event.kind) {
            self.open
                .get_or_insert_with(event.conn, || Box::new(Connection::new(flow, event.time)));
        }
        let Some(connection) = self.open.get_mut(event.conn) else {
            return;
        };
        if let EventKind::Insight(insight) = &event.kind {
            match (&insight.kind, event.dir) {
                (InsightKind::Cost(cost), Some(dir)) => {
                    *dir.of_mut(connection.cost.get_or_insert_default()) = **cost;
                    dir.of_mut(&mut self.cost).add(cost);
                }
                (InsightKind::RoundTrip { .. } | InsightKind::Answered(_), _) => {}
                _ => connection.told.push(event.clone()),
            }
            return;
        }
        connection.last = event.time;
        if let (Some(counted), Some(session)) = (counted, &mut connection.session) {
            counted.add_to(&mut session.tally);
        }
        match &event.kind {
            EventKind::Ws(Ws::Open(open)) => {
                connection.session = Some(Box::new(Session {
                    open: Open::clone(open),
                    opened: event.time,
                    tally: Default::default(),
                    close: None,
                }));
            }
            EventKind::Ws(Ws::Close(close)) => {
                if let Some(session) = &mut connection.session {
                    session.close = Some(Close::clone(close));
                }
            }
            EventKind::Tcp(Tcp::Note(Note::Protocol(name))) => connection.protocol = Some(name),
            EventKind::Tcp(Tcp::Note(Note::Remark(remark))) => {
                connection.keep_alives += u64::from(remark.label == Label::KeepAlive);
            }
            EventKind::Tcp(Tcp::Close(close)) => {
                connection.end = if close.reset { "rst" } else { "fin" };
                connection.completeness = Some(close.completeness);
            }
            _ => {}
        }
    }

    fn row(&mut self, id: ConnId, connection: &Connection) -> io::Result<()> {
        if self.format.json {
            self.row_json(id, connection)
        } else {
            self.row_text(id, connection)
        }
    }

    fn row_json(&mut self, id: ConnId, connection: &Connection) -> io::Result<()> {
        let line = &mut self.line;
        line.begin();
        begin_row(line, "connection", id, connection);
        line.number(
            "duration_ns",
            nanos(connection.last.since(connection.first)),
        );
        let [c2s, s2c] = connection.bytes;
        line.number("bytes_c2s", c2s);
        line.number("bytes_s2c", s2c);
        line.text("end", connection.end);
        line.number("keep_alives", connection.keep_alives);
        if let Some(completeness) = connection.completeness {
            line.number("completeness", completeness.into());
        }
        if let Some(protocol) = connection.protocol {
            line.text("protocol", protocol);
        }
        accounts::cost_json(line, &connection.cost());
        if connection.session.is_none() {
            accounts::told_json(line, &connection.told);
        }
        line.end();
        self.into.write_all(line.bytes())?;
        let Some(session) = &connection.session else {
            return Ok(());
        };
        line.begin();
        begin_row(line, "session", id, connection);
        line.number("session", session.open.session.0.into());
        if let Some(uri) = &session.open.uri {
            line.text("uri", uri);
        }
        line.key("opened");
        line.display_text(&session.opened);
        for dir in Dir::BOTH {
            line.open(dir.word());
            tally_json(line, dir.of(&session.tally), self.format.checksum);
            line.close();
        }
        if let Some(close) = &session.close {
            line.field("clean", crate::field::Value::Bool(close.clean));
            line.text("tcp_end", close.tcp_end.word());
            line.text("why", &close.why);
        }
        accounts::told_json(line, &connection.told);
        line.end();
        self.into.write_all(line.bytes())
    }

    fn row_text(&mut self, id: ConnId, connection: &Connection) -> io::Result<()> {
        let words = self.words;
        let [up, down] = connection.bytes;
        let id = format!("#{id}");
        let row = words.say(
            "{id} {flow}  {time}, {up} bytes up, {down} down",
            &[
                ("id", &format_args!("{id:<5}")),
                ("flow", &connection.flow),
                ("time", &Duration(connection.last.since(connection.first))),
                ("up", &up),
                ("down", &down),
            ],
        );
        let end = words.say(
            match connection.end {
                "fin" => ", fin",
                "rst" => ", rst",
                _ => ", open",
            },
            &[],
        );
        write!(self.into, "{row}{end}")?;
        match connection.protocol {
            Some(protocol) => writeln!(self.into, "{}{protocol}", words.say(", ", &[]))?,
            None => writeln!(self.into)?,
        }
        let (cost, told) = (&connection.cost(), &connection.told);
        let Some(session) = &connection.session else {
            return accounts::text(&mut self.into, words, connection.flow, cost, told);
        };
        let missing = words.say("(request not captured)", &[]);
        let uri = session.open.uri.as_deref().unwrap_or(&missing);
        let head = words.say("      session {n} ", &[("n", &session.open.session)]);
        writeln!(self.into, "{head}{}", Escaped(uri))?;
        for dir in Dir::BOTH {
            let text = tallied(words, dir.of(&session.tally));
            writeln!(self.into, "        {}", directed(words, dir, &text))?;
        }
        match &session.close {
            Some(close) => writeln!(self.into, "        {}", words.said(&close.why)),
            None => {
                let open = words.say("        still open at the end of the capture", &[]);
                writeln!(self.into, "{open}")
            }
        }?;
        accounts::text(&mut self.into, words, connection.flow, cost, told)
    }

    fn totals_json(&mut self, counts: Counts) -> io::Result<()> {
        let [c2s, s2c] = &self.totals;
        let line = &mut self.line;
        line.begin();
        line.text("event", "totals");
        line.number("packets", counts.packets);
        line.number("tcp_packets", counts.tcp_packets);
        line.number("tcp_conns", counts.tcp_conns);
        line.number("ws_conns", self.sessions);
        line.number("messages", c2s.messages + s2c.messages);
        line.number("frames", c2s.frames + s2c.frames);
        line.number("payload_bytes", c2s.payload_bytes + s2c.payload_bytes);
        line.number("undecodable_packets", counts.undecodable);
        if counts.dropped > 0 {
            line.number("dropped_packets", counts.dropped);
        }
        if !self.format.totals_only {
            line.number("wire_bytes", counts.wire_bytes);
            line.number("other_bytes", counts.other_bytes);
            line.number("stray_bytes", self.stray_bytes);
            accounts::cost_json(line, &self.cost);
            accounts::told_json(line, &self.told);
        }
        if self.format.checksum {
            let sum = c2s.xxh64_sum.wrapping_add(s2c.xxh64_sum);
            line.key("xxh64_sum");
            line.display_text(&format_args!("{sum:016x}"));
        }
        for dir in Dir::BOTH {
            line.open(dir.word());
            tally_json(line, dir.of(&self.totals), self.format.checksum);
            line.close();
        }
        line.end();
        self.into.write_all(line.bytes())
    }

    fn totals_text(&mut self, counts: Counts) -> io::Result<()> {
        let Counts {
            packets,
            tcp_packets,
            tcp_conns,
            undecodable,
            wire_bytes,
            other_bytes,
            dropped,
        } = counts;
        let words = self.words;
        let totals = words.say(
            "{packets} {packets|packet|packets}, {tcp} of them TCP; {conns} {conns|connection|connections}, {sessions} WebSocket {sessions|session|sessions}",
            &[
                ("packets", &packets),
                ("tcp", &tcp_packets),
                ("conns", &tcp_conns),
                ("sessions", &self.sessions),
            ],
        );
        writeln!(self.into, "{totals}")?;
        let lost = [
            (undecodable, "{n} {n|packet|packets} could not be decoded"),
            (
                dropped,
                "{n} {n|packet|packets} more came too fast and were dropped: the capture does not have them",
            ),
        ];
        for (n, text) in lost.into_iter().filter(|(n, _)| *n > 0) {
            writeln!(self.into, "{}", words.say(text, &[("n", &n)]))?;
        }
        for dir in Dir::BOTH {
            let text = tallied(words, dir.of(&self.totals));
            writeln!(self.into, "{}", directed(words, dir, &text))?;
        }
        if !self.format.totals_only {
            let wire = words.say("{n} bytes on the wire", &[("n", &wire_bytes)]);
            writeln!(self.into, "{wire}")?;
            let (stray, other) = (self.stray_bytes, other_bytes);
            accounts::totals_text(&mut self.into, words, &self.cost, stray, other)?;
            accounts::told_text(&mut self.into, words, &self.told)?;
        }
        if self.format.checksum {
            let [c2s, s2c] = &self.totals;
            let sum = c2s.xxh64_sum.wrapping_add(s2c.xxh64_sum);
            let sum = format!("{sum:016x}");
            let text = words.say("XXH64 sum of the payloads: {sum}", &[("sum", &sum)]);
            writeln!(self.into, "{text}")?;
        }
        Ok(())
    }
}

impl<W: Write> Sink for Stats<W> {
    fn want(&self) -> Want {
        Want {
            marks: false,
            unjudged: true,
            joined: false,
            parts: self.format.checksum,
            stream: !self.format.totals_only,
            acks: false,
            insights: !self.format.totals_only,
            ends_only: false,
            wire: !self.format.totals_only,
            segments: false,
            apart: false,
        }
    }

    fn event(&mut self, event: &Event, flow: &Flow, _: Loan<'_>) -> io::Result<()> {
        let counted = self.count(event);
        if let EventKind::Insight(insight) = &event.kind
            && matches!(insight.kind, InsightKind::Delivery(_))
        {
            self.told.push(event.clone());
        } else if !self.format.totals_only {
            self.note(event, flow, counted);
        }
        self.failed.take().map_or(Ok(()), Err)
    }

    fn wire(&mut self, conn: ConnId, _: Dir, wire: Wire) {
        if !self.open.contains(conn) {
            self.stray_bytes += wire.total();
        }
    }

    fn gone(&mut self, conn: ConnId) {
        let Some(connection) = self.open.remove(conn) else {
            return;
        };
        if let Err(error) = self.row(conn, &connection) {
            self.failed.get_or_insert(error);
        }
    }

    fn part(&mut self, of: MessageRef, at: u64, loan: Loan<'_>) -> io::Result<()> {
        let hash = self
            .hashing
            .entry((of.conn, of.dir))
            .or_insert(XxHash64::with_seed(0));
        if at == 0 {
            *hash = XxHash64::with_seed(0);
        }
        std::hash::Hasher::write(hash, loan.bytes);
        Ok(())
    }

    fn stream(&mut self, piece: Piece<'_>) -> io::Result<()> {
        if let Some(connection) = self.open.get_mut(piece.conn) {
            *piece.dir.of_mut(&mut connection.bytes) += piece.bytes.len() as u64;
        }
        Ok(())
    }
}

/// Whether an event may be the first of its connection; a late RST or an anomaly may also be what
/// comes after the last.
fn opens_row(kind: &EventKind) -> bool {
    match kind {
        EventKind::Tcp(Tcp::Note(note)) => {
            matches!(note, Note::Syn(_) | Note::SynAck(_) | Note::Fin)
        }
        EventKind::Tcp(_) | EventKind::Http(_) | EventKind::Tls(_) | EventKind::Ws(_) => true,
        EventKind::Anomaly(_) | EventKind::Finding(_) | EventKind::Insight(_) => false,
    }
}

fn begin_row(line: &mut Line, event: &str, id: ConnId, connection: &Connection) {
    line.text("event", event);
    line.number("conn", id.0.into());
    line.key("client");
    line.endpoint(connection.flow.client);
    line.key("server");
    line.endpoint(connection.flow.server);
    line.key("time");
    line.display_text(&connection.first);
}

fn tally_json(line: &mut Line, tally: &Tally, checksum: bool) {
    for (name, count) in tally.fields() {
        line.number(name, count);
    }
    if checksum {
        line.key("xxh64_sum");
        line.display_text(&format_args!("{:016x}", tally.xxh64_sum));
    }
}

fn nanos(nanos: i64) -> u64 {
    u64::try_from(nanos).unwrap_or(0)
}

/// What is said of a direction.
fn directed(words: &dyn Words, dir: Dir, text: &str) -> String {
    let dir = words.say(accounts::direction(dir), &[]);
    words.say("{dir}: {text}", &[("dir", &dir), ("text", &text)])
}

/// What one direction carried, in words: only what there was.
fn tallied(words: &dyn Words, tally: &Tally) -> String {
    let mut text = words.say(
        "{messages} {messages|message|messages}, {bytes} {bytes|byte|bytes}",
        &[
            ("messages", &tally.messages),
            ("bytes", &tally.payload_bytes),
        ],
    );
    if tally.wire_payload_bytes != tally.payload_bytes {
        text += &words.say(" ({n} on the wire)", &[("n", &tally.wire_payload_bytes)]);
    }
    let counts = [
        (", {n} text", tally.text),
        (", {n} binary", tally.binary),
        (", {n} fragmented", tally.fragmented),
        (", {n} compressed", tally.compressed),
        (", {n} ping", tally.ping),
        (", {n} pong", tally.pong),
        (", {n} close", tally.close),
    ];
    for (english, n) in counts.into_iter().filter(|(_, n)| *n > 0) {
        text += &words.say(english, &[("n", &n)]);
    }
    text
}
