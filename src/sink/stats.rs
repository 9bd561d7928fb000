//! Connections and sessions, one row each, and totals.
//!
//! A row is written when its connection ends, so memory grows with the connections that are open
//! at once, not with those of the whole capture.

use super::Escaped;
use super::jsonl::Line;
use super::summary::Duration;
use crate::model::{
    Close, ConnId, Counts, Dir, Event, EventKind, Flow, Frame, Kind, Loan, Message, MessageRef,
    Note, Open, Piece, Sink, Tcp, Timestamp, Want, Ws,
};
use std::collections::{BTreeMap, HashMap};
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
    open: BTreeMap<ConnId, Connection>,
    totals: [Tally; 2],
    sessions: u64,
    /// The hash of each message that is on its way.
    hashing: HashMap<(ConnId, Dir), XxHash64>,
    line: Line,
}

/// A connection so far.
#[derive(Clone, Debug)]
struct Connection {
    flow: Flow,
    first: Timestamp,
    last: Timestamp,
    /// Stream bytes per direction, as far as they were captured.
    bytes: [u64; 2],
    /// `fin`, `rst` or `open`.
    end: &'static str,
    protocol: Option<&'static str>,
    session: Option<Box<Session>>,
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

impl<W: Write> Stats<W> {
    /// Writes rows into this.
    pub fn new(into: W, format: Format) -> Self {
        Self {
            into,
            format,
            open: BTreeMap::new(),
            totals: Default::default(),
            sessions: 0,
            hashing: HashMap::new(),
            line: Line::default(),
        }
    }

    /// Writes the rows of what is still open, and the totals.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(mut self, counts: Counts) -> io::Result<()> {
        for (id, connection) in std::mem::take(&mut self.open) {
            self.row(id, &connection)?;
        }
        if self.format.json {
            self.totals_json(counts)?
        } else {
            self.totals_text(counts)?
        }
        self.into.flush()
    }

    fn connection(&mut self, event: &Event, flow: &Flow) -> &mut Connection {
        self.open.entry(event.conn).or_insert_with(|| Connection {
            flow: *flow,
            first: event.time,
            last: event.time,
            bytes: [0; 2],
            end: "open",
            protocol: None,
            session: None,
        })
    }

    fn frame(&mut self, event: &Event, flow: &Flow, _: &Frame) {
        let Some(dir) = event.dir else { return };
        dir.of_mut(&mut self.totals).frames += 1;
        if let Some(session) = &mut self.connection(event, flow).session {
            dir.of_mut(&mut session.tally).frames += 1;
        }
    }

    fn message(&mut self, event: &Event, flow: &Flow, message: &Message) {
        let Some(dir) = event.dir else { return };
        let sum = match self.format.checksum && message.kind.is_data() {
            // An empty message has no part.
            true => self
                .hashing
                .remove(&(event.conn, dir))
                .unwrap_or(XxHash64::with_seed(0)),
            false => XxHash64::with_seed(0),
        };
        let counted = self.format.checksum && message.kind.is_data() && message.complete;
        let sum = if counted {
            std::hash::Hasher::finish(&sum)
        } else {
            0
        };
        let count = |tally: &mut Tally| {
            tally.message(message);
            tally.xxh64_sum = tally.xxh64_sum.wrapping_add(sum);
        };
        count(dir.of_mut(&mut self.totals));
        if let Some(session) = &mut self.connection(event, flow).session {
            count(dir.of_mut(&mut session.tally));
        }
    }

    fn row(&mut self, id: ConnId, connection: &Connection) -> io::Result<()> {
        match self.format {
            Format {
                totals_only: true, ..
            } => Ok(()),
            Format { json: true, .. } => self.row_json(id, connection),
            _ => self.row_text(id, connection),
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
        if let Some(protocol) = connection.protocol {
            line.text("protocol", protocol);
        }
        line.end();
        self.into.write_all(&line.0)?;
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
        line.end();
        self.into.write_all(&line.0)
    }

    fn row_text(&mut self, id: ConnId, connection: &Connection) -> io::Result<()> {
        let [up, down] = connection.bytes;
        let lasted = Duration(connection.last.since(connection.first)).to_string();
        let id = format!("#{id}");
        let end = connection.end;
        write!(
            self.into,
            "{id:<5} {}  {lasted}, {up} bytes up, {down} down, {end}",
            connection.flow
        )?;
        match connection.protocol {
            Some(protocol) => writeln!(self.into, ", {protocol}")?,
            None => writeln!(self.into)?,
        }
        let Some(session) = &connection.session else {
            return Ok(());
        };
        let uri = session
            .open
            .uri
            .as_deref()
            .unwrap_or("(request not captured)");
        writeln!(
            self.into,
            "      session {} {}",
            session.open.session,
            Escaped(uri)
        )?;
        for dir in Dir::BOTH {
            writeln!(
                self.into,
                "        {dir}: {}",
                Tallied(dir.of(&session.tally))
            )?;
        }
        match &session.close {
            Some(close) => writeln!(self.into, "        {}", close.why),
            None => writeln!(self.into, "        still open at the end of the capture"),
        }
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
        self.into.write_all(&line.0)
    }

    fn totals_text(&mut self, counts: Counts) -> io::Result<()> {
        let Counts {
            packets,
            tcp_packets,
            tcp_conns,
            undecodable,
        } = counts;
        writeln!(
            self.into,
            "{packets} packets, {tcp_packets} of them TCP; {tcp_conns} connections, {} WebSocket sessions",
            self.sessions
        )?;
        if undecodable > 0 {
            writeln!(self.into, "{undecodable} packets could not be decoded")?;
        }
        for dir in Dir::BOTH {
            writeln!(self.into, "{dir}: {}", Tallied(dir.of(&self.totals)))?;
        }
        if self.format.checksum {
            let [c2s, s2c] = &self.totals;
            let sum = c2s.xxh64_sum.wrapping_add(s2c.xxh64_sum);
            writeln!(self.into, "XXH64 sum of the payloads: {sum:016x}")?;
        }
        Ok(())
    }
}

impl<W: Write> Sink for Stats<W> {
    fn want(&self) -> Want {
        Want {
            unjudged: true,
            joined: false,
            parts: self.format.checksum,
            stream: !self.format.totals_only,
        }
    }

    fn event(&mut self, event: &Event, flow: &Flow, _: Loan<'_>) -> io::Result<()> {
        match &event.kind {
            EventKind::Ws(Ws::Frame(frame)) => self.frame(event, flow, frame),
            EventKind::Ws(Ws::Message(message)) => self.message(event, flow, message),
            EventKind::Ws(Ws::Open(open)) => {
                self.sessions += 1;
                let session = Session {
                    open: Open::clone(open),
                    opened: event.time,
                    tally: Default::default(),
                    close: None,
                };
                self.connection(event, flow).session = Some(Box::new(session));
            }
            EventKind::Ws(Ws::Close(close)) => {
                if let Some(session) = &mut self.connection(event, flow).session {
                    session.close = Some(Close::clone(close));
                }
            }
            EventKind::Tcp(Tcp::Close(close)) => {
                let connection = self.connection(event, flow);
                connection.end = if close.reset { "rst" } else { "fin" };
                connection.last = event.time;
                if let Some(connection) = self.open.remove(&event.conn) {
                    self.row(event.conn, &connection)?;
                }
            }
            EventKind::Tcp(Tcp::Note(Note::Protocol(name))) => {
                self.connection(event, flow).protocol = Some(name);
            }
            EventKind::Tcp(Tcp::Open(_) | Tcp::Note(Note::Syn(_))) => {
                self.connection(event, flow).last = event.time;
            }
            EventKind::Tcp(_)
            | EventKind::Http(_)
            | EventKind::Ws(_)
            | EventKind::Anomaly(_)
            | EventKind::Finding(_)
            | EventKind::Insight(_) => {
                if let Some(connection) = self.open.get_mut(&event.conn) {
                    connection.last = event.time;
                }
            }
        }
        Ok(())
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
        if let Some(connection) = self.open.get_mut(&piece.conn) {
            *piece.dir.of_mut(&mut connection.bytes) += piece.bytes.len() as u64;
        }
        Ok(())
    }
}

fn begin_row(line: &mut Line, event: &str, id: ConnId, connection: &Connection) {
    line.text("event", event);
    line.number("conn", id.0.into());
    line.key("client");
    line.display_text(&connection.flow.client);
    line.key("server");
    line.display_text(&connection.flow.server);
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

/// What one direction carried, in words: only what there was.
struct Tallied<'a>(&'a Tally);

impl std::fmt::Display for Tallied<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tally = self.0;
        write!(
            f,
            "{} messages, {} bytes",
            tally.messages, tally.payload_bytes
        )?;
        if tally.wire_payload_bytes != tally.payload_bytes {
            write!(f, " ({} on the wire)", tally.wire_payload_bytes)?;
        }
        let counts = [
            ("text", tally.text),
            ("binary", tally.binary),
            ("fragmented", tally.fragmented),
            ("compressed", tally.compressed),
            ("ping", tally.ping),
            ("pong", tally.pong),
            ("close", tally.close),
        ];
        counts
            .iter()
            .filter(|(_, n)| *n > 0)
            .try_for_each(|(name, n)| write!(f, ", {n} {name}"))
    }
}
