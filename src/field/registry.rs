//! The fields that a filter may ask for: one literal each.
//!
//! Names are Wireshark's where the meaning is the same, and begin with `wscope.` where it is not. A field of
//! an event may be absent, and may have several values: `tcp.port` has two.

use super::text;
use crate::model::{
    CloseCode, Event, EventKind, Flow, Frame, Header, Http, InsightKind, KINDS, Kind, Loan,
    Message, Note, Remark, SessionId, Tcp, Timestamp, Tls, Ws,
};
use std::borrow::Cow;
use std::net::IpAddr;

/// What kind of value a field has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Type {
    /// Yes or no.
    Bool,
    /// A whole number that is not negative.
    Number,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// An IP address.
    Ip,
    /// A point in time.
    Time,
    /// A span of time.
    Span,
}

impl Type {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Bool => "yes or no",
            Self::Number => "number",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Ip => "IP address",
            Self::Time => "time",
            Self::Span => "duration",
        }
    }
}

/// A value of a field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Datum<'a> {
    /// Yes or no.
    Bool(bool),
    /// A number.
    Number(u64),
    /// Text.
    Text(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// An IP address.
    Ip(IpAddr),
    /// A point in time.
    Time(Timestamp),
    /// Nanoseconds.
    Span(i64),
}

/// An event, and what its fields are read from.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The event.
    pub event: &'a Event,
    /// The ends of its connection.
    pub flow: &'a Flow,
    /// Its payload.
    pub loan: Loan<'a>,
    /// When the capture began.
    pub start: Timestamp,
}

type Get = for<'a> fn(&View<'a>, &mut dyn FnMut(Datum<'a>));

/// A field.
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What kind of value it has.
    pub ty: Type,
    /// What it is, in a few words.
    pub doc: &'static str,
    /// Words that a number may be called by, or the only texts that it has; often none.
    pub words: &'static [(&'static str, u64)],
    /// It cannot be read without the payload.
    pub payload: bool,
    /// The only kind of message that has it, where it is of the payload of one.
    pub kind: Option<Kind>,
    /// It is the same for all events of a connection, as long as its ends are not taken the other way round.
    pub conn: bool,
    get: Get,
}

impl Field {
    /// Hands every value that the field has to `f`.
    pub fn visit<'a>(&self, view: &View<'a>, f: &mut dyn FnMut(Datum<'a>)) {
        (self.get)(view, f);
    }
}

impl PartialEq for Field {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// The field of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.name == name)
}

/// The field whose name is nearest to a word that is none, if one is near.
#[must_use]
pub fn nearest(word: &str) -> Option<&'static Field> {
    let ending = |field: &&Field| field.name.rsplit('.').next() == word.rsplit('.').next();
    let near = FIELDS
        .iter()
        .map(|field| (distance(field.name, word), field))
        .filter(|&(distance, field)| distance <= 1 + field.name.len().min(word.len()) / 4)
        .min_by_key(|&(distance, _)| distance);
    near.map(|(_, field)| field)
        .or_else(|| FIELDS.iter().find(ending))
}

/// How many characters have to be put, taken or changed to make one word of the other.
pub(super) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut left = i + 1;
        let mut corner = i;
        for (j, y) in b.iter().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or(0);
            let here = (corner + usize::from(!x.eq_ignore_ascii_case(y)))
                .min(above + 1)
                .min(left + 1);
            corner = above;
            if let Some(slot) = row.get_mut(j) {
                *slot = left;
            }
            left = here;
        }
        if let Some(slot) = row.last_mut() {
            *slot = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

const fn field(name: &'static str, ty: Type, doc: &'static str, get: Get) -> Field {
    Field {
        name,
        ty,
        doc,
        words: &[],
        payload: false,
        kind: None,
        conn: false,
        get,
    }
}

impl Field {
    const fn words(mut self, words: &'static [(&'static str, u64)]) -> Self {
        self.words = words;
        self
    }

    const fn of_payload(mut self, kind: Option<Kind>) -> Self {
        self.payload = true;
        self.kind = kind;
        self
    }

    const fn of_conn(mut self) -> Self {
        self.conn = true;
        self
    }
}

const OPCODES: &[(&str, u64)] = &[
    ("continuation", 0),
    ("text", 1),
    ("binary", 2),
    ("close", 8),
    ("ping", 9),
    ("pong", 10),
];
const DIRS: &[(&str, u64)] = &[("c2s", 0), ("s2c", 1)];
const SIDES: &[(&str, u64)] = &[("client", 0), ("server", 1)];
const KINDS_OF_MESSAGE: &[(&str, u64)] = &[
    ("text", 0),
    ("binary", 1),
    ("ping", 2),
    ("pong", 3),
    ("close", 4),
];
const SEVERITIES: &[(&str, u64)] = &[("note", 0), ("warning", 1), ("error", 2)];
const VERDICTS: &[(&str, u64)] = &[("undecidable", 0), ("fail", 1)];
const KIND_WORDS: &[(&str, u64)] = &{
    let mut words = [("", 0); KINDS.len()];
    let mut at = 0;
    while at < KINDS.len() {
        words[at] = (KINDS[at], at as u64);
        at += 1;
    }
    words
};

/// A mark of Wireshark's: present where it is set.
macro_rules! analysis {
    ($word:literal, $doc:literal) => {
        field(concat!("tcp.analysis.", $word), Type::Bool, $doc, |v, f| {
            if let Some(remark) = remark(v)
                && remark.wireshark.words().any(|word| word == $word)
            {
                f(Datum::Bool(true));
            }
        })
    };
}

/// A header field of one kind of head.
macro_rules! header {
    ($name:literal, $side:ident, $header:literal, $doc:literal) => {
        field($name, Type::Text, $doc, |v, f| {
            each_header($side(v), $header, f)
        })
    };
}

/// Every field, in the order in which they are listed.
#[rustfmt::skip]
pub static FIELDS: &[Field] = &[
    field("frame.number", Type::Number, "the packet that caused the event", |v, f| number(f, v.event.packet.get())),
    field("frame.time", Type::Time, "when it was captured, UTC", |v, f| f(Datum::Time(v.event.time))),
    field("frame.time_relative", Type::Span, "time since the first event", |v, f| f(Datum::Span(v.event.time.since(v.start)))),
    field("frame.time_epoch", Type::Span, "time since 1970-01-01 UTC", |v, f| f(Datum::Span(v.event.time.0))),

    field("ip.addr", Type::Ip, "IPv4 address of either end", |v, f| both(v, false, f)).of_conn(),
    field("ip.src", Type::Ip, "IPv4 address of the sender", |v, f| one_end(v, 0, false, f)),
    field("ip.dst", Type::Ip, "IPv4 address of the receiver", |v, f| one_end(v, 1, false, f)),
    field("ipv6.addr", Type::Ip, "IPv6 address of either end", |v, f| both(v, true, f)).of_conn(),
    field("ipv6.src", Type::Ip, "IPv6 address of the sender", |v, f| one_end(v, 0, true, f)),
    field("ipv6.dst", Type::Ip, "IPv6 address of the receiver", |v, f| one_end(v, 1, true, f)),

    field("tcp.stream", Type::Number, "the connection, from 0", |v, f| number(f, v.event.conn.0)).of_conn(),
    field("tcp.port", Type::Number, "port of either end", |v, f| { number(f, v.flow.client.port); number(f, v.flow.server.port); }).of_conn(),
    field("tcp.srcport", Type::Number, "port of the sender", |v, f| port(v, 0, f)),
    field("tcp.dstport", Type::Number, "port of the receiver", |v, f| port(v, 1, f)),
    field("tcp.flags.syn", Type::Bool, "yes on the SYN and the SYN-ACK", |v, f| flag(v, f, |note| matches!(note, Note::Syn(_) | Note::SynAck(_)))),
    field("tcp.flags.fin", Type::Bool, "yes on a FIN", |v, f| flag(v, f, |note| matches!(note, Note::Fin))),
    field("tcp.flags.reset", Type::Bool, "yes on a RST", |v, f| flag(v, f, |note| matches!(note, Note::Rst))),
    field("tcp.analysis.flags", Type::Bool, "Wireshark marks the segment for some reason", |v, f| {
        if remark(v).is_some_and(|remark| remark.wireshark.words().next().is_some()) { f(Datum::Bool(true)) }
    }),
    analysis!("retransmission", "sent again"),
    analysis!("fast_retransmission", "sent again on duplicate acknowledgements"),
    analysis!("spurious_retransmission", "sent again though acknowledged"),
    analysis!("out_of_order", "came out of order"),
    analysis!("lost_segment", "a segment before it is missing"),
    analysis!("ack_lost_segment", "acknowledges what the capture does not have"),
    analysis!("duplicate_ack", "repeats an acknowledgement"),
    analysis!("keep_alive", "a probe"),
    analysis!("keep_alive_ack", "the answer to a probe"),
    analysis!("window_update", "only the window changes"),
    analysis!("window_full", "fills the receiver's window"),
    analysis!("zero_window", "closes the window"),
    analysis!("zero_window_probe", "asks whether the window is open again"),
    analysis!("zero_window_probe_ack", "the answer to that"),
    analysis!("reused_ports", "the ports of an earlier connection"),

    field("http.request", Type::Bool, "it is the head of a request", |v, f| if request(v).is_some() { f(Datum::Bool(true)) }),
    field("http.request.method", Type::Text, "the method", |v, f| if let EventKind::Http(Http::Request(it)) = &v.event.kind { lossy(f, &it.method) }),
    field("http.request.uri", Type::Text, "the request target", |v, f| if let EventKind::Http(Http::Request(it)) = &v.event.kind { lossy(f, &it.target) }),
    field("http.response", Type::Bool, "it is the head of a response", |v, f| if response(v).is_some() { f(Datum::Bool(true)) }),
    field("http.response.code", Type::Number, "the status", |v, f| if let EventKind::Http(Http::Response(it)) = &v.event.kind { number(f, it.status) }),
    field("http.response.phrase", Type::Text, "the reason phrase", |v, f| if let EventKind::Http(Http::Response(it)) = &v.event.kind { lossy(f, &it.reason) }),
    header!("http.host", request, "host", "Host of a request"),
    header!("http.user_agent", request, "user-agent", "User-Agent of a request"),
    header!("http.server", response, "server", "Server of a response"),
    header!("http.upgrade", either, "upgrade", "Upgrade of a head"),
    header!("http.connection", either, "connection", "Connection of a head"),
    header!("http.sec_websocket_key", request, "sec-websocket-key", "Sec-WebSocket-Key"),
    header!("http.sec_websocket_version", either, "sec-websocket-version", "Sec-WebSocket-Version"),
    header!("http.sec_websocket_accept", response, "sec-websocket-accept", "Sec-WebSocket-Accept"),
    header!("http.sec_websocket_protocol", either, "sec-websocket-protocol", "Sec-WebSocket-Protocol"),
    header!("http.sec_websocket_extensions", either, "sec-websocket-extensions", "Sec-WebSocket-Extensions"),

    field("websocket.fin", Type::Bool, "FIN of a frame", |v, f| if let Some(it) = frame(v) { f(Datum::Bool(it.fin)) }),
    field("websocket.rsv", Type::Number, "RSV1 to RSV3 of a frame as one number: 4, 2, 1", |v, f| if let Some(it) = frame(v) { number(f, it.rsv) }),
    field("websocket.pmc", Type::Bool, "RSV1: the message is compressed", |v, f| match ws(v) {
        Some(Ws::Frame(it)) => f(Datum::Bool(it.rsv & 4 != 0)),
        Some(Ws::Message(it)) => f(Datum::Bool(it.compressed)),
        _ => {}
    }),
    field("websocket.opcode", Type::Number, "opcode of a frame, or of a message's first frame", |v, f| match ws(v) {
        Some(Ws::Frame(it)) => number(f, it.opcode.0),
        Some(Ws::Message(it)) => number(f, opcode(it.kind)),
        _ => {}
    }).words(OPCODES),
    field("websocket.mask", Type::Bool, "mask bit of a frame", |v, f| if let Some(it) = frame(v) { f(Datum::Bool(it.masking_key.is_some())) }),
    field("websocket.masking_key", Type::Bytes, "masking key of a frame", |v, f| if let Some(key) = frame(v).and_then(|it| it.masking_key) { f(Datum::Bytes(key.0.to_vec().into())) }),
    field("websocket.payload_length", Type::Number, "payload bytes on the wire, of a frame or of all of a message", |v, f| match ws(v) {
        Some(Ws::Frame(it)) => number(f, it.length),
        Some(Ws::Message(it)) => number(f, it.wire_length),
        _ => {}
    }),
    field("websocket.payload", Type::Bytes, "payload of a message, unmasked and inflated", |v, f| if whole(v).is_some() { f(Datum::Bytes(v.loan.bytes.into())) }).of_payload(None),
    field("websocket.payload.text", Type::Text, "payload of a text message", |v, f| if let Some(text) = message(v).and_then(|it| text(it, v.loan)) { f(Datum::Text(text.into())) }).of_payload(Some(Kind::Text)),
    field("websocket.payload.ping", Type::Bytes, "payload of a ping", |v, f| if whole(v) == Some(Kind::Ping) { f(Datum::Bytes(v.loan.bytes.into())) }).of_payload(Some(Kind::Ping)),
    field("websocket.payload.pong", Type::Bytes, "payload of a pong", |v, f| if whole(v) == Some(Kind::Pong) { f(Datum::Bytes(v.loan.bytes.into())) }).of_payload(Some(Kind::Pong)),
    field("websocket.payload.close.status_code", Type::Number, "code of a close frame", |v, f| {
        if whole(v) == Some(Kind::Close) && let Some(code) = CloseCode::read(v.loan.bytes) { number(f, code.0) }
    }).of_payload(Some(Kind::Close)),
    field("websocket.payload.close.reason", Type::Text, "reason of a close frame", |v, f| {
        if whole(v) == Some(Kind::Close) && let Some(reason) = v.loan.bytes.get(2..) { lossy(f, reason) }
    }).of_payload(Some(Kind::Close)),

    field("wscope.id", Type::Text, "the event's name, such as 4711.1", |v, f| f(Datum::Text(v.event.id.to_string().into()))),
    field("wscope.kind", Type::Text, "what kind of event it is", |v, f| word(f, v.event.kind.word())).words(KIND_WORDS),
    field("wscope.dir", Type::Text, "its direction", |v, f| if let Some(dir) = v.event.dir { word(f, dir.word()) }).words(DIRS),
    field("wscope.addr", Type::Ip, "address of either end, of any version", |v, f| { f(Datum::Ip(v.flow.client.ip)); f(Datum::Ip(v.flow.server.ip)); }).of_conn(),
    field("wscope.client.addr", Type::Ip, "address of the client", |v, f| f(Datum::Ip(v.flow.client.ip))).of_conn(),
    field("wscope.client.port", Type::Number, "port of the client", |v, f| number(f, v.flow.client.port)).of_conn(),
    field("wscope.server.addr", Type::Ip, "address of the server", |v, f| f(Datum::Ip(v.flow.server.ip))).of_conn(),
    field("wscope.server.port", Type::Number, "port of the server", |v, f| number(f, v.flow.server.port)).of_conn(),
    field("wscope.inferred", Type::Bool, "it rests on something that was not captured", |v, f| f(Datum::Bool(v.event.trust == crate::model::Trust::Inferred))),
    field("wscope.about", Type::Text, "the earlier event that it speaks of", |v, f| if let Some(about) = v.event.about { f(Datum::Text(about.to_string().into())) }),
    field("wscope.session", Type::Number, "the WebSocket session, from 0", |v, f| if let Some(session) = session(v) { number(f, session.0) }),
    field("wscope.open.uri", Type::Text, "request target of an opening", |v, f| if let Some(Ws::Open(it)) = ws(v) && let Some(uri) = &it.uri { word(f, uri) }),
    field("wscope.open.host", Type::Text, "host of an opening", |v, f| if let Some(Ws::Open(it)) = ws(v) && let Some(host) = &it.host { word(f, host) }),
    field("wscope.open.origin", Type::Text, "origin of an opening", |v, f| if let Some(Ws::Open(it)) = ws(v) && let Some(origin) = &it.origin { word(f, origin) }),
    field("wscope.open.subprotocol", Type::Text, "subprotocol that was chosen", |v, f| if let Some(Ws::Open(it)) = ws(v) && let Some(name) = &it.subprotocol { word(f, name) }),
    field("wscope.open.extensions", Type::Text, "extensions that were chosen", |v, f| if let Some(Ws::Open(it)) = ws(v) && let Some(names) = &it.extensions { word(f, names) }),
    field("wscope.message.kind", Type::Text, "what a message is", |v, f| if let Some(it) = message(v) { word(f, it.kind.word()) }).words(KINDS_OF_MESSAGE),
    field("wscope.message.length", Type::Number, "payload bytes as the application gets them", |v, f| if let Some(it) = message(v) { number(f, it.length) }),
    field("wscope.message.frames", Type::Number, "frames of a message", |v, f| if let Some(it) = message(v) { number(f, it.frames) }),
    field("wscope.message.compressed", Type::Bool, "permessage-deflate was used", |v, f| if let Some(it) = message(v) { f(Datum::Bool(it.compressed)) }),
    field("wscope.message.complete", Type::Bool, "every byte of the message is known", |v, f| if let Some(it) = message(v) { f(Datum::Bool(it.complete)) }),
    field("wscope.close.clean", Type::Bool, "the session ended cleanly", |v, f| if let Some(Ws::Close(it)) = ws(v) { f(Datum::Bool(it.clean)) }),
    field("wscope.close.initiator", Type::Text, "who ended the session", |v, f| if let Some(Ws::Close(it)) = ws(v) && let Some(dir) = it.initiator { word(f, dir.sender()) }).words(SIDES),
    field("wscope.close.code", Type::Number, "close codes that the two sides' programs saw", |v, f| if let Some(Ws::Close(it)) = ws(v) {
        for code in [it.client_saw, it.server_saw].into_iter().flatten() { number(f, code.0) }
    }),
    field("wscope.close.why", Type::Text, "why the session ended, as a sentence", |v, f| if let Some(Ws::Close(it)) = ws(v) { word(f, &it.why) }),
    field("wscope.finding.rule", Type::Text, "the rule, such as WS-FRAME-RSV1", |v, f| if let EventKind::Finding(it) = &v.event.kind { word(f, it.rule) }),
    field("wscope.finding.severity", Type::Text, "how bad it is", |v, f| if let EventKind::Finding(it) = &v.event.kind { word(f, it.severity.word()) }).words(SEVERITIES),
    field("wscope.finding.verdict", Type::Text, "broken, or not to be decided", |v, f| if let EventKind::Finding(it) = &v.event.kind { word(f, it.verdict.word()) }).words(VERDICTS),
    field("wscope.finding.side", Type::Text, "whose doing it is", |v, f| if let EventKind::Finding(it) = &v.event.kind { word(f, it.side.sender()) }).words(SIDES),
    field("wscope.finding.section", Type::Text, "section of the specification", |v, f| if let EventKind::Finding(it) = &v.event.kind { word(f, it.section) }),
    field("wscope.finding.text", Type::Text, "what was seen", |v, f| if let EventKind::Finding(it) = &v.event.kind { word(f, &it.text) }),
    field("wscope.anomaly.what", Type::Text, "what wscope could not see: gap, limit, …", |v, f| if let EventKind::Anomaly(it) = &v.event.kind { word(f, it.what.word()) }),
    field("wscope.anomaly.text", Type::Text, "the same as a sentence", |v, f| if let EventKind::Anomaly(it) = &v.event.kind { word(f, &it.text) }),
    field("wscope.insight.what", Type::Text, "what several events tell together", |v, f| if let EventKind::Insight(it) = &v.event.kind { word(f, it.kind.word()) }),
    field("wscope.insight.round_trip", Type::Span, "from a ping to its pong", |v, f| if let EventKind::Insight(it) = &v.event.kind && let InsightKind::RoundTrip { nanos, .. } = it.kind { f(Datum::Span(nanos)) }),
    field("tls.handshake.extensions_server_name", Type::Text, "the server's name, as a client hello asks for it", |v, f| if let EventKind::Tls(Tls::Hello(it)) = &v.event.kind && let Some(name) = &it.server_name { word(f, name) }),
    field("wscope.tls.version", Type::Text, "the TLS version of a hello", |v, f| if let EventKind::Tls(Tls::Hello(it)) = &v.event.kind { word(f, &it.version) }),
    field("wscope.tls.inside", Type::Text, "whether the inside of TLS is open: open, no-keys, …", |v, f| if let EventKind::Tls(Tls::Inside(it)) = &v.event.kind { word(f, it.state.word()) }),
    field("wscope.tls.cipher", Type::Text, "the cipher suite that seals it", |v, f| if let EventKind::Tls(Tls::Inside(it)) = &v.event.kind && let Some(cipher) = it.cipher { word(f, cipher) }),
    field("wscope.tls.alert", Type::Text, "the name of a TLS alert", |v, f| if let EventKind::Tls(Tls::Alert(it)) = &v.event.kind { word(f, it.name) }),
    field("wscope.tcp.note", Type::Text, "what TCP does: syn, fin, keep_alive, …", |v, f| if let EventKind::Tcp(Tcp::Note(note)) = &v.event.kind { word(f, note.word()) }),
];

fn number<'a>(f: &mut dyn FnMut(Datum<'a>), number: impl Into<u64>) {
    f(Datum::Number(number.into()));
}

fn word<'a>(f: &mut dyn FnMut(Datum<'a>), word: &'a str) {
    f(Datum::Text(word.into()));
}

fn lossy<'a>(f: &mut dyn FnMut(Datum<'a>), bytes: &'a [u8]) {
    f(Datum::Text(String::from_utf8_lossy(bytes)));
}

fn both<'a>(v: &View<'a>, six: bool, f: &mut dyn FnMut(Datum<'a>)) {
    for end in [v.flow.client, v.flow.server] {
        if end.ip.is_ipv6() == six {
            f(Datum::Ip(end.ip));
        }
    }
}

/// The sender (0) or the receiver (1), where the event has a direction.
fn end(v: &View<'_>, which: usize) -> Option<crate::model::Endpoint> {
    let dir = v.event.dir?;
    Some(v.flow.sender(if which == 0 { dir } else { dir.flip() }))
}

fn one_end<'a>(v: &View<'a>, which: usize, six: bool, f: &mut dyn FnMut(Datum<'a>)) {
    if let Some(end) = end(v, which)
        && end.ip.is_ipv6() == six
    {
        f(Datum::Ip(end.ip));
    }
}

fn port<'a>(v: &View<'a>, which: usize, f: &mut dyn FnMut(Datum<'a>)) {
    if let Some(end) = end(v, which) {
        number(f, end.port);
    }
}

fn flag<'a>(v: &View<'a>, f: &mut dyn FnMut(Datum<'a>), is: fn(&Note) -> bool) {
    if let EventKind::Tcp(Tcp::Note(note)) = &v.event.kind {
        f(Datum::Bool(is(note)));
    }
}

fn remark<'a>(v: &View<'a>) -> Option<&'a Remark> {
    match &v.event.kind {
        EventKind::Tcp(Tcp::Note(Note::Remark(remark))) => Some(remark),
        _ => None,
    }
}

fn ws<'a>(v: &View<'a>) -> Option<&'a Ws> {
    match &v.event.kind {
        EventKind::Ws(ws) => Some(ws),
        _ => None,
    }
}

fn frame<'a>(v: &View<'a>) -> Option<&'a Frame> {
    match ws(v) {
        Some(Ws::Frame(frame)) => Some(frame),
        _ => None,
    }
}

fn message<'a>(v: &View<'a>) -> Option<&'a Message> {
    match ws(v) {
        Some(Ws::Message(message)) => Some(message),
        _ => None,
    }
}

/// What a message is, where all of its payload is known and at hand.
fn whole(v: &View<'_>) -> Option<Kind> {
    let message = message(v)?;
    let whole = message.complete && v.loan.bytes.len() as u64 == message.length;
    whole.then_some(message.kind)
}

fn opcode(kind: Kind) -> u8 {
    match kind {
        Kind::Text => 1,
        Kind::Binary => 2,
        Kind::Close => 8,
        Kind::Ping => 9,
        Kind::Pong => 10,
    }
}

fn session(v: &View<'_>) -> Option<SessionId> {
    match &v.event.kind {
        EventKind::Ws(Ws::Open(it)) => Some(it.session),
        EventKind::Ws(Ws::Frame(it)) => Some(it.session),
        EventKind::Ws(Ws::Message(it)) => Some(it.session),
        EventKind::Ws(Ws::Close(it)) => Some(it.session),
        EventKind::Finding(it) => it.session,
        EventKind::Insight(it) => it.session,
        EventKind::Ws(Ws::Refused(_))
        | EventKind::Tcp(_)
        | EventKind::Http(_)
        | EventKind::Tls(_)
        | EventKind::Anomaly(_) => None,
    }
}

fn request<'a>(v: &View<'a>) -> Option<&'a [Header]> {
    match &v.event.kind {
        EventKind::Http(Http::Request(it)) => Some(&it.headers),
        _ => None,
    }
}

fn response<'a>(v: &View<'a>) -> Option<&'a [Header]> {
    match &v.event.kind {
        EventKind::Http(Http::Response(it)) => Some(&it.headers),
        _ => None,
    }
}

fn either<'a>(v: &View<'a>) -> Option<&'a [Header]> {
    request(v).or_else(|| response(v))
}

fn each_header<'a>(headers: Option<&'a [Header]>, name: &str, f: &mut dyn FnMut(Datum<'a>)) {
    for header in headers.unwrap_or_default() {
        if header.name.eq_ignore_ascii_case(name.as_bytes()) {
            lossy(f, &header.value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_used_once_and_explained() {
        for (at, field) in FIELDS.iter().enumerate() {
            assert!(
                !field.doc.is_empty() && !field.doc.ends_with('.'),
                "{field:?}"
            );
            assert!(
                FIELDS.iter().skip(at + 1).all(|other| other != field),
                "{field:?}"
            );
        }
    }

    #[test]
    fn a_word_that_is_no_field_has_a_nearest_one() {
        let nearest = |word| nearest(word).map(|field| field.name);
        assert_eq!(nearest("websocket.opcod"), Some("websocket.opcode"));
        assert_eq!(nearest("WebSocket.Fin"), Some("websocket.fin"));
        assert_eq!(nearest("ws.opcode"), Some("websocket.opcode"));
        assert_eq!(nearest("tcp.prot"), Some("tcp.port"));
        assert_eq!(nearest("zzzzzz"), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
