//! The fields of an event, by name: one table for JSON, for the detail pane, for whoever else asks.
//!
//! [`visit`] names what an event has, as JSON does; [`FIELDS`] are what a [`Filter`] may ask for.
#![deny(clippy::disallowed_methods)]

pub mod filter;
mod registry;

pub use filter::Filter;
pub use registry::{Datum, FIELDS, Field, Type, View, find, nearest};

use crate::model::{
    Ack, Close, CloseCode, Delivered, Dir, Event, EventKind, Finding, Frame, Header, Http, Insight,
    InsightKind, Kind, Loan, Message, Note, Offload, Open, PacketNo, Refused, Remark, Rest, Syn,
    Tcp, Tls, TlsCounts, Ws,
};
use std::ops::Range;

/// The value of a field.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// Text.
    Text(&'a str),
    /// A number.
    Number(u64),
    /// A number that may be below zero.
    Signed(i64),
    /// Yes or no.
    Bool(bool),
    /// A masking key or the like, written in hexadecimal digits.
    Hex(u32),
    /// Bytes, written in hexadecimal digits.
    Digits(&'a [u8]),
    /// Bytes, written in base64.
    Base64(&'a [u8]),
    /// Texts.
    Texts(&'a [String]),
    /// Words of our own.
    Words(&'a [&'static str]),
    /// Ranges of offsets, ends excluded.
    Ranges(&'a [Range<u64>]),
    /// Numbers of packets.
    Packets(&'a [PacketNo]),
    /// Header fields: bytes that ought to be text.
    Headers(&'a [Header]),
    /// Bytes that ought to be text, and are shown as it where they are.
    Octets(&'a [u8]),
}

/// Names every field that is particular to the event's kind, in a fixed order.
pub fn visit(event: &Event, loan: Loan<'_>, mut f: impl FnMut(&'static str, Value<'_>)) {
    let f = &mut f;
    match &event.kind {
        EventKind::Tcp(tcp) => visit_tcp(event, tcp, f),
        EventKind::Http(http) => visit_http(http, f),
        EventKind::Tls(tls) => visit_tls(tls, f),
        EventKind::Ws(Ws::Open(open)) => visit_open(open, f),
        EventKind::Ws(Ws::Refused(refused)) => visit_refused(refused, f),
        EventKind::Ws(Ws::Frame(frame)) => visit_frame(event, frame, f),
        EventKind::Ws(Ws::Message(message)) => visit_message(message, loan, f),
        EventKind::Ws(Ws::Close(close)) => visit_close(close, f),
        EventKind::Anomaly(anomaly) => {
            f("what", Value::Text(anomaly.what.word()));
            f("text", Value::Text(&anomaly.text));
            if let Some(packets) = anomaly.packets {
                f("packets", Value::Number(packets.get()));
            }
            f("offset", Value::Number(event.span.start));
            f("length", Value::Number(event.span.len));
        }
        EventKind::Finding(finding) => visit_finding(event, finding, f),
        EventKind::Insight(insight) => visit_insight(insight, f),
    }
}

fn visit_tls(tls: &Tls, f: &mut impl FnMut(&'static str, Value<'_>)) {
    match tls {
        Tls::Hello(hello) => {
            f("version", Value::Text(&hello.version));
            let lists = [
                ("versions", &hello.versions),
                ("ciphers", &hello.ciphers),
                ("alpn", &hello.alpn),
                ("groups", &hello.groups),
            ];
            if let Some(name) = &hello.server_name {
                f("server_name", Value::Text(name));
            }
            for (name, list) in lists {
                if !list.is_empty() {
                    f(name, Value::Texts(list));
                }
            }
            f("random", Value::Digits(&hello.random));
            f("resumption", Value::Bool(hello.resumption));
            if hello.early_data {
                f("early_data", Value::Bool(true));
            }
            if hello.retry {
                f("retry", Value::Bool(true));
            }
        }
        Tls::Certificate(certificate) => {
            if let Some(subject) = &certificate.subject {
                f("subject", Value::Text(subject));
            }
            f("names", Value::Texts(&certificate.names));
            f("chain", Value::Number(certificate.chain));
        }
        Tls::Alert(alert) => {
            f("level", Value::Number(alert.level.into()));
            f("code", Value::Number(alert.code.into()));
            f("name", Value::Text(alert.name));
        }
        Tls::Inside(inside) => {
            f("state", Value::Text(inside.state.word()));
            if let Some(version) = &inside.version {
                f("version", Value::Text(version));
            }
            if let Some(cipher) = inside.cipher {
                f("cipher", Value::Text(cipher));
            }
            if let Some(alpn) = &inside.alpn {
                f("protocol", Value::Text(alpn));
            }
            f("text", Value::Text(&inside.text));
        }
        Tls::Close(close) => {
            let names: [[&'static str; 7]; 2] = [
                [
                    "records_c2s",
                    "bytes_c2s",
                    "handshake_c2s",
                    "data_c2s",
                    "around_c2s",
                    "sealed_c2s",
                    "close_notify_c2s",
                ],
                [
                    "records_s2c",
                    "bytes_s2c",
                    "handshake_s2c",
                    "data_s2c",
                    "around_s2c",
                    "sealed_s2c",
                    "close_notify_s2c",
                ],
            ];
            for (names, counts) in names.iter().zip(&close.sides) {
                let TlsCounts {
                    records,
                    bytes,
                    handshake,
                    data,
                    around,
                    sealed,
                    close_notify,
                } = *counts;
                let [.., last] = names;
                for (name, count) in names
                    .iter()
                    .zip([records, bytes, handshake, data, around, sealed])
                {
                    f(name, Value::Number(count));
                }
                f(last, Value::Bool(close_notify));
            }
            if let Some(why) = &close.websocket_likely {
                f("websocket_likely", Value::Text(why));
            }
        }
    }
}

fn visit_insight(insight: &Insight, f: &mut impl FnMut(&'static str, Value<'_>)) {
    if let Some(session) = insight.session {
        f("session", Value::Number(session.0.into()));
    }
    f("what", Value::Text(insight.kind.word()));
    let nanos = |f: &mut dyn FnMut(&'static str, Value<'_>), name, nanos: Option<i64>| {
        if let Some(nanos) = nanos.and_then(|nanos| u64::try_from(nanos).ok()) {
            f(name, Value::Number(nanos));
        }
    };
    let named = |f: &mut dyn FnMut(&'static str, Value<'_>), format, name: &Option<String>| {
        f("format", Value::Text(format));
        if let Some(name) = name {
            f("name", Value::Text(name));
        }
    };
    match &insight.kind {
        InsightKind::RoundTrip { by, nanos: rtt } => {
            f("by", Value::Text(by.word()));
            nanos(f, "round_trip_ns", Some(*rtt));
        }
        InsightKind::Heartbeat {
            by,
            pings,
            answered,
            period,
            round_trip,
        } => {
            f("by", Value::Text(by.word()));
            nanos(f, "period_ns", *period);
            nanos(f, "round_trip_ns", *round_trip);
            f("pings", Value::Number((*pings).into()));
            if let Some(answered) = answered {
                f("answered", Value::Number((*answered).into()));
                f(
                    "missed",
                    Value::Number(pings.saturating_sub(*answered).into()),
                );
            }
        }
        InsightKind::Answered(answered) => {
            named(f, answered.format, &answered.name);
            f("request", Value::Text(&answered.id));
            nanos(f, "latency_ns", Some(answered.nanos));
            f("failed", Value::Bool(answered.failed));
            if let Some(times) = answered.outlier {
                f("times_median", Value::Number(times));
            }
            if let Some((id, label)) = answered.meanwhile {
                f("meanwhile", Value::Text(label.word()));
                f("meanwhile_event", Value::Text(&id.to_string()));
            }
        }
        InsightKind::Unanswered(unanswered) => {
            named(f, unanswered.format, &unanswered.name);
            f("request", Value::Text(&unanswered.id));
            nanos(f, "waited_ns", Some(unanswered.waited));
        }
        InsightKind::Pairs(pairs) => {
            named(f, pairs.format, &pairs.name);
            f("asked", Value::Number(pairs.asked));
            f("answered", Value::Number(pairs.answered));
            f("failed", Value::Number(pairs.failed));
            nanos(f, "median_ns", pairs.median);
            nanos(f, "longest_ns", pairs.longest);
        }
        InsightKind::Cost(cost) => {
            f("packets", Value::Number(cost.packets));
            f("bytes", Value::Number(cost.total()));
            for (name, bytes) in cost.rows() {
                f(name, Value::Number(bytes));
            }
            f("saved", Value::Signed(cost.saved));
        }
        InsightKind::Delivery(delivery) => {
            f("way", Value::Text(delivery.way.word()));
            f("path", Value::Text(&delivery.path));
            f("requests", Value::Number(delivery.requests));
            f("updates", Value::Number(delivery.updates));
            f("bytes", Value::Number(delivery.bytes));
            if let Some(price) = delivery.price() {
                f("bytes_per_update", Value::Number(price));
            }
            nanos(f, "waited_ns", delivery.waited);
        }
        InsightKind::StillOpen(text) => f("text", Value::Text(text)),
        InsightKind::Silence(it) => {
            f(
                "silence_ns",
                Value::Number(u64::try_from(it.nanos).unwrap_or(0)),
            );
            f("from", Value::Text(&it.from.to_string()));
            f("to", Value::Text(&it.to.to_string()));
            f("probes", Value::Number(it.probes.into()));
            let outlived: Vec<_> = it
                .outlived
                .iter()
                .map(|(seconds, who)| format!("{who} ({seconds} s)"))
                .collect();
            f("outlived", Value::Texts(&outlived));
        }
        InsightKind::GivenUp { what, count } => {
            f("text", Value::Text(what));
            f("count", Value::Number(*count));
        }
    }
}

fn visit_finding(event: &Event, finding: &Finding, f: &mut impl FnMut(&'static str, Value<'_>)) {
    if let Some(session) = finding.session {
        f("session", Value::Number(session.0.into()));
    }
    f("rule", Value::Text(finding.rule));
    f("number", Value::Number(finding.number.into()));
    f("severity", Value::Text(finding.severity.word()));
    f("verdict", Value::Text(finding.verdict.word()));
    f("side", Value::Text(finding.side.sender()));
    f("section", Value::Text(finding.section));
    f("text", Value::Text(&finding.text));
    f("cause", Value::Text(finding.cause));
    if event.span.len > 0 {
        f("offset", Value::Number(event.span.start));
        f("length", Value::Number(event.span.len));
    }
    if let Some(packets) = &finding.packets {
        f("packets", Value::Packets(packets));
    }
}

fn visit_tcp(event: &Event, tcp: &Tcp, f: &mut impl FnMut(&'static str, Value<'_>)) {
    match tcp {
        Tcp::Open(open) => {
            f("handshake", Value::Text(open.handshake.word()));
            if let Some(rtt) = open.initial_rtt.and_then(|rtt| u64::try_from(rtt).ok()) {
                f("initial_rtt_ns", Value::Number(rtt));
            }
            if let Some(tap) = open.tap() {
                let answered = u64::try_from(open.answered).unwrap_or(0);
                f("syn_to_syn_ack_ns", Value::Number(answered));
                f("tap", Value::Text(tap.word()));
            }
            let unfilled = match open.unfilled {
                [false, false] => None,
                [true, false] => Some("client"),
                [false, true] => Some("server"),
                [true, true] => Some("both"),
            };
            if let Some(who) = unfilled {
                f("checksum_offload", Value::Text(who));
            }
        }
        Tcp::Close(close) => {
            f("end", Value::Text(if close.reset { "rst" } else { "fin" }));
            f("first", Value::Text(close.first.sender()));
            let [c2s, s2c] = close.bytes;
            f("bytes_c2s", Value::Number(c2s));
            f("bytes_s2c", Value::Number(s2c));
            f("how", Value::Text(close.how.word()));
            f("completeness", Value::Number(close.completeness.into()));
            f("keep_alives", Value::Number(close.keep_alives.into()));
        }
        Tcp::Note(note) => {
            f("note", Value::Text(note.word()));
            match note {
                Note::Syn(syn) | Note::SynAck(syn) => visit_syn(syn, f),
                Note::Ack(ack) => visit_ack(event, ack, f),
                Note::Delivered(delivered) => visit_delivered(event, delivered, f),
                Note::Remark(remark) => visit_remark(event, remark, f),
                Note::Offload(offload) => visit_offload(event, offload, f),
                Note::Protocol(name) => f("protocol", Value::Text(name)),
                Note::Open(rest) => visit_rest(rest, f),
                _ => {
                    f("offset", Value::Number(event.span.start));
                    f("length", Value::Number(event.span.len));
                }
            }
        }
    }
}

fn visit_ack(event: &Event, ack: &Ack, f: &mut impl FnMut(&'static str, Value<'_>)) {
    f("kind", Value::Text(ack.kind.word()));
    f("offset", Value::Number(event.span.start));
    f("bytes", Value::Number(ack.bytes.into()));
    f("segments", Value::Number(ack.segments.into()));
    if let Some(of) = ack.of {
        f("of_packet", Value::Number(of.get()));
        f("rtt_ns", Value::Number(u64::try_from(ack.rtt).unwrap_or(0)));
    }
    if let Some(window) = ack.window {
        f("window", Value::Number(window.into()));
    }
    if let Some(bytes) = ack.in_flight {
        f("bytes_in_flight", Value::Number(bytes.get().into()));
    }
    if let Some(bytes) = ack.pushed {
        f("push_bytes_sent", Value::Number(bytes.get().into()));
    }
}

fn visit_offload(event: &Event, offload: &Offload, f: &mut impl FnMut(&'static str, Value<'_>)) {
    f("offset", Value::Number(event.span.start));
    f("length", Value::Number(offload.bytes.into()));
    if let Some(mss) = offload.mss {
        f("mss", Value::Number(mss.into()));
    }
    if let Some(packets) = offload.packets() {
        f("packets_at_least", Value::Number(packets.into()));
    }
    f("ip_length", Value::Bool(!offload.no_length));
    f("by", Value::Text(offload.by.word()));
}

fn visit_rest(rest: &Rest, f: &mut impl FnMut(&'static str, Value<'_>)) {
    let [c2s, s2c] = rest.bytes;
    f("bytes_c2s", Value::Number(c2s));
    f("bytes_s2c", Value::Number(s2c));
    f("completeness", Value::Number(rest.completeness.into()));
    f("keep_alives", Value::Number(rest.keep_alives.into()));
}

fn visit_delivered(
    event: &Event,
    delivered: &Delivered,
    f: &mut impl FnMut(&'static str, Value<'_>),
) {
    if let Some(kind) = delivered.kind {
        f("kind", Value::Text(kind.word()));
    }
    f("of_packet", Value::Number(delivered.packet.get()));
    let times = [
        ("sent", delivered.sent),
        ("seen", delivered.seen),
        ("deliverable", delivered.deliverable),
    ];
    for (name, time) in times {
        f(name, Value::Octets(&time.rfc3339()));
    }
    if delivered.kind.is_none() {
        return;
    }
    f("acknowledged", Value::Octets(&event.time.rfc3339()));
    let delay = event.time.since(delivered.seen);
    f("delay_ns", Value::Number(u64::try_from(delay).unwrap_or(0)));
}

fn visit_remark(event: &Event, remark: &Remark, f: &mut impl FnMut(&'static str, Value<'_>)) {
    let wireshark: Vec<_> = remark.wireshark.words().collect();
    f("wireshark", Value::Words(&wireshark));
    f("reason", Value::Text(remark.why.text()));
    if let Some(lost) = remark.lost() {
        f("lost", Value::Text(lost.word()));
    }
    f("offset", Value::Number(event.span.start));
    f("length", Value::Number(event.span.len));
    if remark.duplicate > 0 {
        f("duplicate_ack_num", Value::Number(remark.duplicate.into()));
    }
    if let Some(of) = remark.of {
        f("of_packet", Value::Number(of.get()));
    }
    if let Some(since) = remark.since.and_then(|since| u64::try_from(since).ok()) {
        let name = if remark.label.is_delay() {
            "delay_ns"
        } else {
            "since_ns"
        };
        f(name, Value::Number(since));
    }
    if let Some(micros) = remark.rto {
        f("rto_us", Value::Number(micros.get().into()));
    }
    if let Some(bytes) = remark.in_flight {
        f("bytes_in_flight", Value::Number(bytes.get().into()));
    }
    if let Some(bytes) = remark.pushed {
        f("push_bytes_sent", Value::Number(bytes.get().into()));
    }
}

fn visit_syn(syn: &Syn, f: &mut impl FnMut(&'static str, Value<'_>)) {
    f("seq", Value::Number(syn.seq.into()));
    f("window", Value::Number(syn.window.into()));
    if let Some(mss) = syn.mss {
        f("mss", Value::Number(mss.into()));
    }
    if let Some(wscale) = syn.wscale {
        f("wscale", Value::Number(wscale.into()));
    }
    f("sack_permitted", Value::Bool(syn.sack_permitted));
    f("timestamps", Value::Bool(syn.timestamps));
}

fn visit_http(http: &Http, f: &mut impl FnMut(&'static str, Value<'_>)) {
    let (version, headers) = match http {
        Http::Request(request) => {
            f("method", Value::Octets(&request.method));
            f("uri", Value::Octets(&request.target));
            (request.version, &request.headers)
        }
        Http::Response(response) => {
            f("status", Value::Number(response.status.into()));
            f("reason", Value::Octets(&response.reason));
            (response.version, &response.headers)
        }
    };
    let version = [b'0' + version.major % 10, b'.', b'0' + version.minor % 10];
    f("version", Value::Octets(&version));
    f("headers", Value::Headers(headers));
}

fn visit_open(open: &Open, f: &mut impl FnMut(&'static str, Value<'_>)) {
    f("session", Value::Number(open.session.0.into()));
    let mut text = |name, value: &Option<String>| {
        if let Some(value) = value {
            f(name, Value::Text(value));
        }
    };
    text("uri", &open.uri);
    text("host", &open.host);
    text("origin", &open.origin);
    text("version", &open.version);
    text("key", &open.key);
    text("accept", &open.accept);
    if let Some(ok) = open.accept_ok {
        f("accept_ok", Value::Bool(ok));
    }
    if let Some(subprotocol) = &open.subprotocol {
        f("subprotocol", Value::Text(subprotocol));
    }
    f(
        "subprotocols_offered",
        Value::Texts(&open.subprotocols_offered),
    );
    if let Some(extensions) = &open.extensions {
        f("extensions", Value::Text(extensions));
    }
    f("inferred", Value::Bool(open.inferred));
}

fn visit_refused(refused: &Refused, f: &mut impl FnMut(&'static str, Value<'_>)) {
    f("status", Value::Number(refused.status.into()));
    f("uri", Value::Text(&refused.uri));
    if let Some(wants) = &refused.wants {
        f("wants", Value::Text(wants));
    }
}

fn visit_frame(event: &Event, frame: &Frame, f: &mut impl FnMut(&'static str, Value<'_>)) {
    f("session", Value::Number(frame.session.0.into()));
    f("fin", Value::Bool(frame.fin));
    f("rsv", Value::Number(frame.rsv.into()));
    f("opcode", Value::Number(frame.opcode.0.into()));
    f("masked", Value::Bool(frame.masking_key.is_some()));
    if let Some(key) = frame.masking_key {
        f("masking_key", Value::Hex(u32::from_be_bytes(key.0)));
    }
    f("length", Value::Number(frame.length));
    f("header_length", Value::Number(frame.header_length.into()));
    f("offset", Value::Number(event.span.start));
    if frame.unfinished {
        f("unfinished", Value::Bool(true));
    }
}

fn visit_message(message: &Message, loan: Loan<'_>, f: &mut impl FnMut(&'static str, Value<'_>)) {
    f("session", Value::Number(message.session.0.into()));
    f("kind", Value::Text(message.kind.word()));
    f("length", Value::Number(message.length));
    f("wire_length", Value::Number(message.wire_length));
    f("frames", Value::Number(message.frames.into()));
    f("compressed", Value::Bool(message.compressed));
    f("complete", Value::Bool(message.complete));
    if !message.complete {
        f("unknown", Value::Ranges(loan.unknown));
    }
    let whole = loan.bytes.len() as u64 == message.length;
    match text(message, loan) {
        Some(text) => f("text", Value::Text(text)),
        None if whole && message.kind != Kind::Close => f("base64", Value::Base64(loan.bytes)),
        None => {}
    }
    if message.kind == Kind::Close {
        close_body(message, loan, f);
    }
}

/// The payload of a text message, where all of it is known, lent, and valid.
#[must_use]
pub fn text<'a>(message: &Message, loan: Loan<'a>) -> Option<&'a str> {
    let is_text = message.kind == Kind::Text && message.complete && message.utf8;
    let whole = loan.bytes.len() as u64 == message.length;
    (is_text && whole)
        .then(|| simdutf8::basic::from_utf8(loan.bytes).ok())
        .flatten()
}

/// The code and the reason of a close frame; a body that is not both is shown as bytes.
fn close_body(message: &Message, loan: Loan<'_>, f: &mut impl FnMut(&'static str, Value<'_>)) {
    let code = CloseCode::read(loan.bytes).filter(|_| message.complete);
    let reason = loan
        .bytes
        .get(2..)
        .and_then(|reason| std::str::from_utf8(reason).ok());
    if let Some(code) = code {
        f("code", Value::Number(code.0.into()));
    }
    match (code, reason) {
        (Some(_), Some(reason)) => f("reason", Value::Text(reason)),
        _ if loan.bytes.is_empty() => {}
        _ => f("base64", Value::Base64(loan.bytes)),
    }
}

fn visit_close(close: &Close, f: &mut impl FnMut(&'static str, Value<'_>)) {
    f("session", Value::Number(close.session.0.into()));
    f("clean", Value::Bool(close.clean));
    f(
        "initiator",
        Value::Text(close.initiator.map_or("unknown", Dir::sender)),
    );
    let codes = [
        ("code_client", close.code_client),
        ("code_server", close.code_server),
        ("client_saw", close.client_saw),
        ("server_saw", close.server_saw),
    ];
    for (name, code) in codes {
        if let Some(code) = code {
            f(name, Value::Number(code.0.into()));
        }
    }
    f("tcp_end", Value::Text(close.tcp_end.word()));
    f("why", Value::Text(&close.why));
}
