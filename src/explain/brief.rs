//! An event in one line of plain words, in either language: what [`summary`] says, said again from the event.
//!
//! English is [`summary`] itself, which is made for speed. Here every piece of a line is a text with its values, so
//! that the other languages have it; a test sees to it that in English both say the same, letter by letter, of
//! every event of every capture.

use super::said::close_name;
use super::texts::{Value, tr, word};
use super::{Lang, said};
use crate::field;
use crate::model::{
    Ack, AckKind, Answered, Beat, Close, CloseCode, Cost, Delivered, Delivery, Dir, Event,
    EventKind, Finding, Flow, Frame, Http, Insight, InsightKind, Kind, Label, Loan, LostWhere,
    Message, Note, Offload, Offloader, Open, Pairs, Refused, Remark, Silence, Syn, Tcp, TcpClose,
    TcpOpen, Tls, TlsClose, Trust, Verdict, Way, Why, Ws,
};
use crate::sink::{Cut, Duration, English, Escaped, Words, bytes, cost_name, quote, summary};
use std::fmt::Display;

/// What happened, in one line without control characters.
#[must_use]
pub fn brief(lang: Lang, event: &Event, flow: &Flow, loan: Loan<'_>) -> String {
    match lang {
        Lang::En => summary(event, flow, loan),
        Lang::Zh => worded(lang, event, flow, loan),
    }
}

/// What a direction cost on the wire, layer by layer: only what there was.
#[must_use]
pub fn cost_row(lang: Lang, cost: &Cost) -> String {
    let mut pen = Pen::new(lang);
    pen.cost(cost);
    pen.out
}

impl Words for Lang {
    fn event(&self, event: &Event, flow: &Flow, loan: Loan<'_>) -> String {
        brief(*self, event, flow, loan)
    }

    fn cost(&self, cost: &Cost) -> String {
        cost_row(*self, cost)
    }

    fn say(&self, english: &'static str, values: &[Value<'_>]) -> String {
        tr(*self, english, values)
    }

    fn said(&self, english: &str) -> String {
        said(*self, english)
    }
}

impl Lang {
    /// The words of this language, for text output.
    #[must_use]
    pub fn words(self) -> &'static dyn Words {
        match self {
            Self::En => &English,
            Self::Zh => &Self::Zh,
        }
    }
}

/// The line, put together from texts.
pub(super) fn worded(lang: Lang, event: &Event, flow: &Flow, loan: Loan<'_>) -> String {
    let mut pen = Pen::new(lang);
    match &event.kind {
        EventKind::Tcp(Tcp::Open(open)) => pen.tcp_open(open, flow),
        EventKind::Tcp(Tcp::Close(close)) => pen.tcp_close(close),
        EventKind::Tcp(Tcp::Note(note)) => pen.note(note, event, flow),
        EventKind::Http(http) => pen.http(http),
        EventKind::Tls(tls) => pen.tls(tls, event),
        EventKind::Ws(Ws::Open(open)) => pen.open(open),
        EventKind::Ws(Ws::Refused(refused)) => pen.refused(refused),
        EventKind::Ws(Ws::Frame(frame)) => pen.frame(frame),
        EventKind::Ws(Ws::Message(message)) => pen.message(message, loan),
        EventKind::Ws(Ws::Close(close)) => pen.close(close),
        EventKind::Anomaly(anomaly) => {
            pen.word(anomaly.what.word());
            pen.colon();
            if event.span.len > 0 {
                let (n, at) = (event.span.len, event.span.start);
                pen.add("{n} bytes at {at}: ", &[("n", &n), ("at", &at)]);
            }
            pen.said(&anomaly.text);
        }
        EventKind::Finding(finding) => pen.finding(finding),
        EventKind::Insight(it) => pen.insight(it, event),
    }
    if event.trust == Trust::Inferred && matches!(event.kind, EventKind::Ws(Ws::Open(_))) {
        pen.add(" (inferred)", &[]);
    }
    pen.out
}

/// A line on its way.
struct Pen {
    lang: Lang,
    out: String,
}

impl Pen {
    fn new(lang: Lang) -> Self {
        Self {
            lang,
            out: String::new(),
        }
    }

    /// A text that is known by its English.
    fn add(&mut self, english: &str, values: &[Value<'_>]) {
        self.out += &tr(self.lang, english, values);
    }

    /// One of our own words.
    fn word(&mut self, english: &str) {
        self.add(english, &[]);
    }

    fn colon(&mut self) {
        self.out += &word(self.lang, "line", ": ");
    }

    /// What needs no translation.
    fn raw(&mut self, value: &dyn Display) {
        self.out += &value.to_string();
    }

    /// A sentence of the engine.
    fn said(&mut self, english: &str) {
        let text = said(self.lang, english);
        self.raw(&Escaped(&text));
    }

    fn tr(&self, english: &str) -> String {
        tr(self.lang, english, &[])
    }

    fn side(&self, dir: Dir) -> String {
        self.tr(dir.sender())
    }

    fn tcp_open(&mut self, open: &TcpOpen, flow: &Flow) {
        let how = self.tr(open.handshake.word());
        self.add("TCP open, {how} handshake", &[("how", &how)]);
        match open.initial_rtt {
            Some(nanos) => self.add(" in {time}", &[("time", &Duration(nanos))]),
            None => self.add(", {flow}", &[("flow", flow)]),
        }
    }

    fn tcp_close(&mut self, close: &TcpClose) {
        let [up, down] = close.bytes;
        let (who, how) = (self.side(close.first), self.tr(close.how.word()));
        let what = match close.reset {
            true => "TCP reset by the {who} ({how}); {up} bytes up, {down} bytes down",
            false => "TCP closed by the {who} ({how}); {up} bytes up, {down} bytes down",
        };
        let values: [Value<'_>; 4] = [("who", &who), ("how", &how), ("up", &up), ("down", &down)];
        self.add(what, &values);
    }

    fn note(&mut self, note: &Note, event: &Event, flow: &Flow) {
        match note {
            Note::Syn(syn) => {
                self.raw(&format_args!("SYN {flow}"));
                self.offered(syn);
            }
            Note::SynAck(syn) => {
                self.raw(&"SYN, ACK");
                self.offered(syn);
            }
            Note::Fin => self.add("FIN after {n} bytes", &[("n", &event.span.start)]),
            Note::Rst => self.raw(&"RST"),
            Note::Ack(ack) => self.ack(ack, event),
            Note::Delivered(delivered) => self.delivered(delivered, event),
            Note::Remark(remark) => self.remark(remark, event),
            Note::Offload(offload) => self.offload(offload),
            Note::Protocol(name) => self.add("{name}: not looked into", &[("name", name)]),
            Note::Open(rest) => {
                let [up, down] = rest.bytes;
                self.add(
                    "TCP still open at the end of the capture; {up} bytes up, {down} bytes down",
                    &[("up", &up), ("down", &down)],
                );
            }
        }
    }

    fn offered(&mut self, syn: &Syn) {
        self.add(", window {n}", &[("n", &syn.window)]);
        if let Some(mss) = syn.mss {
            self.add(", MSS {n}", &[("n", &mss)]);
        }
        if let Some(wscale) = syn.wscale {
            self.add(", scale {n}", &[("n", &wscale)]);
        }
        if syn.sack_permitted {
            self.word(", SACK");
        }
        if syn.timestamps {
            self.word(", timestamps");
        }
    }

    fn delivered(&mut self, delivered: &Delivered, event: &Event) {
        let packet = delivered.packet.get();
        if delivered.kind.is_none() {
            return self.add(
                "not acknowledged to the end; its last byte came in packet {packet}",
                &[("packet", &packet)],
            );
        }
        let age = Duration(event.time.since(delivered.seen));
        self.add(
            "acknowledged {time} after its last byte, in packet {packet}",
            &[("time", &age), ("packet", &packet)],
        );
        match delivered.deliverable.since(delivered.seen) {
            0 => {}
            held => self.add(
                ", which was deliverable after {time}",
                &[("time", &Duration(held))],
            ),
        }
    }

    fn ack(&mut self, ack: &Ack, event: &Event) {
        let kind = match ack.kind {
            AckKind::EverySecond => "every second segment",
            AckKind::WindowUpdate => "window update",
            AckKind::ProbeAnswer => "probe answered",
            kind => kind.word(),
        };
        let kind = self.tr(kind);
        self.add(
            "ACK {n}, {kind}",
            &[("n", &event.span.start), ("kind", &kind)],
        );
        if ack.bytes > 0 {
            let values: [Value<'_>; 2] = [("n", &ack.bytes), ("segments", &ack.segments)];
            self.add(": {n} bytes, {segments} segments", &values);
        }
        if let Some(of) = ack.of {
            let values: [Value<'_>; 2] = [("packet", &of.get()), ("time", &Duration(ack.rtt))];
            self.add(", packet {packet} after {time}", &values);
        }
        if let Some(window) = ack.window {
            self.add("; window {n}", &[("n", &window)]);
        }
    }

    fn remark(&mut self, remark: &Remark, event: &Event) {
        let n = event.span.len;
        let values: [Value<'_>; 3] = [
            ("n", &n),
            ("at", &event.span.start),
            ("nth", &remark.duplicate),
        ];
        self.add(remark_words(remark), &values);
        if remark.label == Label::DuplicateAck {
            match remark.why {
                Why::Selective => self.word(": bytes are missing"),
                Why::TwiceReceived => self.word(": bytes came twice"),
                _ => {}
            }
        }
        match (remark.since, remark.of) {
            (Some(since), Some(of)) => {
                let words = match remark.label {
                    Label::NagleDelay => " for up to {time}, see packet {packet}",
                    label if label.is_delay() => " for {time}, see packet {packet}",
                    _ => ", {time} after packet {packet}",
                };
                let values: [Value<'_>; 2] = [("time", &Duration(since)), ("packet", &of.get())];
                self.add(words, &values);
            }
            (Some(since), None) => self.add(" for {time}", &[("time", &Duration(since))]),
            _ => {}
        }
        let dir = event.dir.unwrap_or(Dir::C2s);
        let (from, to) = (self.side(dir), self.side(dir.flip()));
        let words = match remark.lost() {
            None => return,
            Some(LostWhere::BeforeTap) => {
                "; the first copy was lost between the {from} and the tap"
            }
            Some(LostWhere::BehindTap) => "; the first copy was lost between the tap and the {to}",
            Some(LostWhere::ByCapture) => "; the capture missed the first copy",
            Some(LostWhere::Undecidable) => "; what was lost, and where, is not decidable",
        };
        self.add(words, &[("from", &from), ("to", &to)]);
    }

    fn offload(&mut self, offload: &Offload) {
        let words = match offload.by {
            Offloader::Sender => "send offload: {n} bytes in one packet",
            Offloader::Receiver => "receive offload: {n} bytes in one packet",
            Offloader::Unclear => "offload: {n} bytes in one packet",
        };
        self.add(words, &[("n", &offload.bytes)]);
        if let Some(mss) = offload.mss {
            self.add(" where the MSS is {n}", &[("n", &mss)]);
        }
        if offload.no_length {
            self.word(", whose IP header has no length");
        }
        if let Some(packets) = offload.packets() {
            self.add(
                "; on the wire they were at least {n} packets",
                &[("n", &packets)],
            );
        }
    }

    fn http(&mut self, http: &Http) {
        match http {
            Http::Request(request) => {
                let method = String::from_utf8_lossy(&request.method);
                let target = String::from_utf8_lossy(&request.target);
                self.raw(&format_args!("HTTP {} {}", Escaped(&method), Cut(&target)));
            }
            Http::Response(response) => {
                let reason = String::from_utf8_lossy(&response.reason);
                self.raw(&format_args!("HTTP {} {}", response.status, Cut(&reason)));
            }
        }
    }

    fn open(&mut self, open: &Open) {
        self.add("WebSocket session {n} opens", &[("n", &open.session)]);
        if let Some(uri) = &open.uri {
            self.colon();
            self.raw(&Cut(uri));
        }
        if let Some(version @ ("7" | "8")) = open.version.as_deref() {
            self.add(", draft version {n}", &[("n", &version)]);
        }
        if let Some(subprotocol) = &open.subprotocol {
            self.word(", subprotocol ");
            self.raw(&Cut(subprotocol));
        }
        if let Some(extensions) = &open.extensions {
            self.word(", ");
            self.raw(&Cut(extensions));
        }
        match open.accept_ok {
            Some(true) => self.word(", accept value right"),
            Some(false) => self.word(", ACCEPT VALUE WRONG"),
            None => {}
        }
    }

    fn refused(&mut self, refused: &Refused) {
        self.add("WebSocket refused: {n} for ", &[("n", &refused.status)]);
        self.raw(&Cut(&refused.uri));
        if let Some(wants) = &refused.wants {
            self.raw(&format_args!(" ({})", Cut(wants)));
        }
    }

    fn tls(&mut self, tls: &Tls, event: &Event) {
        match tls {
            Tls::Hello(hello) => {
                let client = event.dir == Some(Dir::C2s);
                let words = match (client, hello.retry) {
                    (true, _) => "TLS client hello, up to {version}",
                    (false, false) => "TLS server hello, {version}",
                    (false, true) => "TLS asks for another client hello, {version}",
                };
                self.add(words, &[("version", &hello.version)]);
                if let Some(name) = &hello.server_name {
                    self.word(", for ");
                    self.raw(&Cut(name));
                }
                if !hello.alpn.is_empty() {
                    self.word(", inside ");
                    let or = self.tr(" or ");
                    self.raw(&Cut(&hello.alpn.join(&or)));
                }
                match (client, hello.ciphers.as_slice()) {
                    (false, [cipher]) => {
                        self.word(", ");
                        self.raw(cipher);
                    }
                    (_, ciphers) => {
                        self.add(", {n} cipher suites", &[("n", &ciphers.len())]);
                    }
                }
                if hello.resumption {
                    self.word(if client {
                        ", offers to resume"
                    } else {
                        ", resumes"
                    });
                }
                if hello.early_data {
                    self.word(", early data follow");
                }
            }
            Tls::Certificate(certificate) => {
                self.word("TLS certificate: ");
                match &certificate.subject {
                    Some(subject) => self.raw(&Cut(subject)),
                    None => self.word("no common name"),
                }
                if !certificate.names.is_empty() {
                    self.word(", for ");
                    self.raw(&Cut(&certificate.names.join(", ")));
                }
                if certificate.chain > 1 {
                    self.add(", chain of {n}", &[("n", &certificate.chain)]);
                }
            }
            Tls::Alert(alert) => {
                let words = match (alert.code, alert.level) {
                    (0, _) => "TLS close_notify",
                    (_, 2) => "TLS alert {code} {name}, fatal",
                    _ => "TLS alert {code} {name}, warning",
                };
                self.add(words, &[("code", &alert.code), ("name", &alert.name)]);
            }
            Tls::Inside(inside) => {
                let state = word(self.lang, "tls", &inside.state.word().replace('-', " "));
                self.add("TLS inside: {state}", &[("state", &state)]);
                for word in [inside.version.as_deref(), inside.cipher]
                    .into_iter()
                    .flatten()
                {
                    self.word(", ");
                    self.raw(&word);
                }
                if let Some(protocol) = &inside.alpn {
                    self.word(", ");
                    self.raw(&Cut(protocol));
                }
                self.colon();
                self.said(&inside.text);
            }
            Tls::Close(close) => self.tls_close(close),
        }
    }

    fn tls_close(&mut self, close: &TlsClose) {
        let [up, down] = &close.sides;
        self.add(
            "TLS over: {up} records up, {down} down",
            &[("up", &up.records), ("down", &down.records)],
        );
        let sealed = up.sealed + down.sealed;
        let (data, around) = (up.data + down.data, up.around + down.around);
        if data > 0 {
            self.add(
                "; {n} bytes of data, {around} around them",
                &[("n", &data), ("around", &around)],
            );
        }
        let handshake = up.handshake + down.handshake;
        self.add("; {n} bytes of handshake", &[("n", &handshake)]);
        if sealed > 0 {
            self.add("; {n} bytes not opened", &[("n", &sealed)]);
        }
        match (up.close_notify, down.close_notify) {
            (true, true) => self.word("; both said close_notify"),
            (true, false) => self.word("; the client said close_notify"),
            (false, true) => self.word("; the server said close_notify"),
            (false, false) => {}
        }
        if let Some(why) = &close.websocket_likely {
            self.word("; WebSocket is likely inside: ");
            self.said(why);
        }
    }

    fn frame(&mut self, frame: &Frame) {
        let opcode = frame.opcode.to_string();
        match opcode.strip_prefix("opcode ") {
            Some(number) => self.add("frame opcode {n}", &[("n", &number)]),
            None => self.word(&format!("frame {opcode}")),
        }
        if frame.fin {
            self.raw(&" FIN");
        }
        for (bit, name) in [(4, " RSV1"), (2, " RSV2"), (1, " RSV3")] {
            if frame.rsv & bit != 0 {
                self.raw(&name);
            }
        }
        let values: [Value<'_>; 2] = [("header", &frame.header_length), ("n", &frame.length)];
        self.add(", {header} + {n} bytes", &values);
        if let Some(key) = frame.masking_key {
            self.add(", masked {key}", &[("key", &key)]);
        }
        if frame.unfinished {
            self.word(", UNFINISHED");
        }
    }

    fn message(&mut self, message: &Message, loan: Loan<'_>) {
        self.word(message.kind.word());
        match message.kind {
            Kind::Close => self.close_body(message, loan),
            _ => self.payload(message, loan),
        }
        if message.frames > 1 {
            self.add(" [{n} frames]", &[("n", &message.frames)]);
        }
        if message.compressed {
            let values: [Value<'_>; 2] = [("from", &message.wire_length), ("n", &message.length)];
            self.add(" [{from} bytes inflated to {n}]", &values);
        }
        if !message.complete {
            let ranges = loan.unknown.iter();
            let unknown: u64 = ranges.map(|range| range.end - range.start).sum();
            match loan.unknown.last() {
                Some(last) if last.is_empty() => {
                    self.add(" [UNKNOWN from byte {at}]", &[("at", &last.start)]);
                }
                _ => self.add(" [{n} bytes UNKNOWN]", &[("n", &unknown)]),
            }
        }
    }

    fn payload(&mut self, message: &Message, loan: Loan<'_>) {
        if let Some(text) = field::text(message, loan) {
            self.out.push(' ');
            return quote(&mut self.out, text, 160);
        }
        let words = match (message.kind, message.complete, message.length) {
            (Kind::Text, true, _) => " of {n} bytes, NOT UTF-8:",
            (_, _, 0) => return self.word(", empty"),
            _ => " of {n} bytes:",
        };
        self.add(words, &[("n", &message.length)]);
        // Writing into a string does not fail.
        let _ = bytes(&mut self.out, loan);
    }

    fn close_body(&mut self, message: &Message, loan: Loan<'_>) {
        let Some(code) = CloseCode::read(loan.bytes).filter(|_| message.complete) else {
            if loan.bytes.is_empty() {
                return self.word(", no code");
            }
            let _ = bytes(&mut self.out, loan);
            return;
        };
        let name = close_name(self.lang, code.name());
        self.add(" {code} ({name})", &[("code", &code.0), ("name", &name)]);
        let reason = loan.bytes.get(2..).unwrap_or_default();
        if !reason.is_empty() {
            self.out.push(' ');
            quote(&mut self.out, &String::from_utf8_lossy(reason), 160);
        }
    }

    fn close(&mut self, close: &Close) {
        let words = match close.clean {
            true => "WebSocket session {n} ends cleanly: ",
            false => "WebSocket session {n} ends NOT CLEANLY: ",
        };
        self.add(words, &[("n", &close.session)]);
        let why = said(self.lang, &close.why);
        self.raw(&why);
    }

    fn finding(&mut self, finding: &Finding) {
        match finding.verdict {
            Verdict::Fail => self.word(&finding.severity.word().to_uppercase()),
            Verdict::Undecidable => self.word("undecidable"),
        }
        let side = self.side(finding.side);
        let section = self.tr(finding.section);
        let values: [Value<'_>; 3] = [
            ("rule", &finding.rule),
            ("section", &section),
            ("side", &side),
        ];
        self.add(" {rule} ({section}, the {side}): ", &values);
        self.said(&finding.text);
    }

    fn insight(&mut self, insight: &Insight, event: &Event) {
        match &insight.kind {
            InsightKind::RoundTrip { by, nanos } => {
                let time = Duration(*nanos);
                match by {
                    Beat::WebSocket => {
                        self.add("answers the ping after {time}", &[("time", &time)])
                    }
                    by => self.add(
                        "answers the {by} ping after {time}",
                        &[("by", &self.tr(by.word())), ("time", &time)],
                    ),
                }
                if let Some(ping) = event.about {
                    self.add(", event {id}", &[("id", &ping)]);
                }
            }
            InsightKind::Heartbeat {
                by,
                pings,
                answered,
                period,
                round_trip,
            } => {
                let owner = self.tr(owner(*by));
                let words = match by {
                    Beat::WebSocket => "heartbeat: {n} {n|ping|pings}",
                    Beat::Tcp => "heartbeat of TCP: {n} {n|probe|probes}",
                    _ => "heartbeat of {owner}: {n} {n|ping|pings}",
                };
                self.add(words, &[("n", pings), ("owner", &owner)]);
                if let Some(answered) = answered {
                    self.add(", {n} answered", &[("n", answered)]);
                }
                if let Some(period) = period {
                    self.add(", every {time}", &[("time", &Duration(*period))]);
                }
                if let Some(nanos) = round_trip {
                    self.add(", within {time}", &[("time", &Duration(*nanos))]);
                }
            }
            InsightKind::Answered(it) => self.answered(it, event),
            InsightKind::Unanswered(it) => {
                let what = self.request(it.format, &it.id, it.name.as_deref());
                self.raw(&what);
                let waited = Duration(it.waited);
                self.add(" was not answered in {time}", &[("time", &waited)]);
            }
            InsightKind::Pairs(it) => self.pairs(it),
            InsightKind::Cost(it) => {
                self.word("on the wire: ");
                self.cost(it);
            }
            InsightKind::Delivery(it) => self.delivery(it),
            InsightKind::StillOpen(text) => self.said(text),
            InsightKind::Silence(it) => self.silence(it),
            InsightKind::GivenUp { what, count } => {
                let what = said(self.lang, what);
                self.add("given up: {n} {what}", &[("n", count), ("what", &what)]);
            }
        }
    }

    /// A request: its format, its id, and what it is about.
    fn request(&self, format: &str, id: &str, name: Option<&str>) -> String {
        let request = self.tr(" request ");
        let name = name.map_or(String::new(), |name| format!(" ({})", Escaped(name)));
        format!("{format}{request}{}{name}", Cut(id))
    }

    fn answered(&mut self, it: &Answered, event: &Event) {
        let what = self.request(it.format, &it.id, it.name.as_deref());
        self.word("answers ");
        self.raw(&what);
        self.add(" after {time}", &[("time", &Duration(it.nanos))]);
        if let Some(request) = event.about {
            self.add(", event {id}", &[("id", &request)]);
        }
        if it.failed {
            self.word(", with an error");
        }
        if let Some(times) = it.outlier {
            self.add("; {n} times the median", &[("n", &times)]);
        }
        if let Some((id, label)) = it.meanwhile {
            let label = match self.lang {
                Lang::En => label.word().replace('_', " "),
                lang => super::texts::say(lang, &format!("label.{}.title", label.word()), &[]),
            };
            let values: [Value<'_>; 2] = [("label", &label), ("id", &id)];
            self.add("; meanwhile TCP had a {label}, event {id}", &values);
        }
    }

    fn pairs(&mut self, it: &Pairs) {
        self.word("requests: ");
        self.raw(&it.format);
        if let Some(name) = &it.name {
            self.raw(&format_args!(" {}", Escaped(name)));
        }
        let values: [Value<'_>; 2] = [("n", &it.asked), ("answered", &it.answered)];
        self.add(", {n} asked, {answered} answered", &values);
        if it.failed > 0 {
            self.add(", {n} with an error", &[("n", &it.failed)]);
        }
        if let (Some(median), Some(longest)) = (it.median, it.longest) {
            let values: [Value<'_>; 2] = [
                ("median", &Duration(median)),
                ("longest", &Duration(longest)),
            ];
            self.add(", median {median}, longest {longest}", &values);
        }
    }

    fn cost(&mut self, cost: &Cost) {
        let values: [Value<'_>; 2] = [("bytes", &cost.total()), ("n", &cost.packets)];
        self.add("{bytes} bytes in {n} {n|packet|packets}", &values);
        let mut sep = None;
        for (word, bytes) in cost.rows().into_iter().filter(|(_, bytes)| *bytes > 0) {
            match sep {
                None => self.colon(),
                Some(sep) => self.word(sep),
            }
            self.word(cost_name(word));
            self.raw(&format_args!(" {bytes}"));
            sep = Some(", ");
        }
        match cost.saved {
            0 => {}
            saved @ 1.. => self.add("; compression saved {n}", &[("n", &saved)]),
            cost => {
                self.add("; compression cost {n}", &[("n", &cost.unsigned_abs())]);
            }
        }
    }

    fn delivery(&mut self, it: &Delivery) {
        let way = self.tr(it.way.name());
        self.add("updates by {way} ", &[("way", &way)]);
        self.raw(&Cut(&it.path));
        let words = match it.way {
            Way::Polling | Way::LongPolling | Way::Sse => {
                ": {n} {n|update|updates}, {requests} {requests|request|requests}, {bytes} bytes"
            }
            Way::WebSocket => {
                ": {n} {n|update|updates}, {requests} {requests|session|sessions}, {bytes} bytes"
            }
        };
        let values: [Value<'_>; 3] = [
            ("n", &it.updates),
            ("requests", &it.requests),
            ("bytes", &it.bytes),
        ];
        self.add(words, &values);
        if let Some(price) = it.price() {
            self.add(", {n} bytes an update", &[("n", &price)]);
        }
        match (it.way, it.waited) {
            (Way::Polling, Some(nanos)) => self.add(
                ", news waits up to {time} to be asked for",
                &[("time", &Duration(nanos))],
            ),
            (Way::LongPolling, Some(nanos)) => self.add(
                ", asked again {time} after each answer",
                &[("time", &Duration(nanos))],
            ),
            _ => {}
        }
    }

    fn silence(&mut self, silence: &Silence) {
        let values: [Value<'_>; 3] = [
            ("time", &Duration(silence.nanos)),
            ("from", &silence.from),
            ("to", &silence.to),
        ];
        self.add("silent for {time} between events {from} and {to}", &values);
        if silence.probes > 0 {
            self.add(
                ", but for {n} TCP {n|probe|probes}",
                &[("n", &silence.probes)],
            );
        }
        self.word(", and it went on: no timer in between is as short as that of ");
        let longest_first = silence.outlived.iter().rev().take(3);
        for (nth, (seconds, who)) in longest_first.enumerate() {
            if nth > 0 {
                self.word("; ");
            }
            let who = said(self.lang, who);
            self.add("{who} ({n} s)", &[("who", &who), ("n", seconds)]);
        }
    }
}

fn owner(by: Beat) -> &'static str {
    match by {
        Beat::WebSocket => "WebSocket",
        Beat::Application => "the application",
        Beat::EngineIo => "Engine.IO",
        Beat::Stomp => "STOMP",
        Beat::GraphQl => "GraphQL",
        Beat::Tcp => "TCP",
    }
}

fn remark_words(remark: &Remark) -> &'static str {
    match remark.label {
        Label::Hole => "bytes missing before {at}",
        Label::Reordered => "reordered: {n} bytes fill a hole",
        Label::FilledLate => "filled late: {n} bytes",
        Label::FastRetransmission => "fast retransmission of {n} bytes",
        Label::TimeoutRetransmission => "retransmission of {n} bytes after a timeout",
        Label::SpuriousRetransmission => "needless retransmission of {n} bytes",
        Label::Retransmission if remark.why == Why::SameFlags => "SYN or FIN again",
        Label::Retransmission => "retransmission of {n} bytes",
        Label::Copy => "the packet before, captured twice",
        Label::NewData => "{n} new bytes",
        Label::KeepAlive => "TCP keep-alive probe",
        Label::KeepAliveAck => "TCP keep-alive answer",
        Label::ZeroWindowProbe => "probe into the closed window",
        Label::ZeroWindowProbeAck => "window still closed, says the answer to the probe",
        Label::DuplicateAck => "duplicate ACK #{nth}",
        Label::AckOfUnseen => "ACK of bytes that were not captured",
        Label::WindowUpdate => "window update",
        Label::WindowFull => "the receiver's window is full with these {n} bytes",
        Label::ZeroWindow => "window closed: its sender can take nothing more",
        Label::HeadOfLine => "held up: earlier bytes were missing",
        Label::WindowDelay => "held up: the receiver's window was closed",
        Label::NagleDelay => "held up: Nagle's algorithm waited for a delayed ACK",
        Label::Silence => "silence: nothing answers the retransmissions",
        Label::ReusedPorts => "the ports of an earlier connection again",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine;
    use crate::model::{Config, Sink, Want};
    use crate::source::Capture;
    use std::io;

    /// Says every event twice in English.
    struct Twice(Vec<String>, u64);

    impl Sink for Twice {
        fn want(&self) -> Want {
            Want {
                joined: true,
                acks: true,
                ..Want::default()
            }
        }

        fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
            self.1 += 1;
            let (one, other) = (
                summary(event, flow, loan),
                worded(Lang::En, event, flow, loan),
            );
            if one != other {
                self.0.push(format!("{}\n  {one}\n  {other}", event.id));
            }
            Ok(())
        }
    }

    #[test]
    fn in_english_it_is_the_summary_of_every_event_of_every_capture() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/captures");
        let mut twice = Twice(Vec::new(), 0);
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path
                .extension()
                .is_none_or(|it| it != "pcap" && it != "pcapng")
            {
                continue;
            }
            let mut capture = Capture::open([path]).unwrap();
            engine::run(&mut capture, Config::default(), &mut twice, |_, _| true).unwrap();
        }
        assert!(twice.1 > 5_000, "{} events", twice.1);
        let first: Vec<_> = twice.0.iter().take(20).map(String::as_str).collect();
        assert!(
            twice.0.is_empty(),
            "{}\n{}",
            twice.0.len(),
            first.join("\n")
        );
    }

    /// Every text that this file asks for is in the table: what it says by itself, and every word of ours.
    #[test]
    fn every_piece_is_there_in_chinese() {
        let source = include_str!("brief.rs");
        let source = source.split("#[cfg(test)]").next().unwrap();
        let mut missing = Vec::new();
        for (nth, text) in source.split('"').enumerate() {
            let words = text.chars().any(|c| c.is_ascii_lowercase()) && text.contains([' ', '{']);
            let comment = source.split('"').take(nth).map(str::len).sum::<usize>();
            let line = source.get(..comment + nth).unwrap_or_default();
            let line = line.rsplit('\n').next().unwrap_or_default();
            if nth % 2 == 0 || !words || line.trim_start().starts_with("//") {
                continue;
            }
            let parts = [
                "opcode ",
                "HTTP {} {}",
                " ({})",
                "SYN {flow}",
                " {}",
                " {bytes}",
            ];
            let composed = [
                "frame {opcode}",
                "{format}{request}{}{name}",
                "label.{}.title",
            ];
            if !parts.contains(&text)
                && !composed.contains(&text)
                && !super::super::texts::knows(text)
            {
                missing.push(text);
            }
        }
        assert!(missing.is_empty(), "{missing:#?}");
    }
}
