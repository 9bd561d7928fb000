//! An event in one line of plain words.

use super::escape::{Escaped, is_plain, quote};
use super::told::insight;
use crate::field;
use crate::model::{
    Ack, AckKind, Anomaly, Close, CloseCode, Delivered, Dir, Event, EventKind, Finding, Flow,
    Frame, Http, Kind, Label, Loan, LostWhere, Message, Note, Offload, Offloader, Open, Refused,
    Remark, Syn, Tcp, TcpClose, TcpOpen, Tls, Trust, Verdict, Why, Ws,
};
use std::fmt::Write as _;

/// Characters of a payload that a summary shows.
const PREVIEW: usize = 160;

/// What happened, in one line without control characters.
#[must_use]
pub fn summary(event: &Event, flow: &Flow, loan: Loan<'_>) -> String {
    let mut out = String::new();
    // Writing into a string does not fail.
    let _ = match &event.kind {
        EventKind::Tcp(Tcp::Open(open)) => tcp_open(&mut out, open, flow),
        EventKind::Tcp(Tcp::Close(close)) => tcp_close(&mut out, close),
        EventKind::Tcp(Tcp::Note(note)) => tcp_note(&mut out, note, event, flow),
        EventKind::Http(http) => self::http(&mut out, http),
        EventKind::Tls(tls) => self::tls(&mut out, tls, event),
        EventKind::Ws(Ws::Open(open)) => ws_open(&mut out, open),
        EventKind::Ws(Ws::Refused(refused)) => ws_refused(&mut out, refused),
        EventKind::Ws(Ws::Frame(frame)) => ws_frame(&mut out, frame),
        EventKind::Ws(Ws::Message(message)) => ws_message(&mut out, message, loan),
        EventKind::Ws(Ws::Close(close)) => ws_close(&mut out, close),
        EventKind::Anomaly(anomaly) => self::anomaly(&mut out, anomaly, event),
        EventKind::Finding(finding) => self::finding(&mut out, finding),
        EventKind::Insight(it) => insight(&mut out, it, event),
    };
    if event.trust == Trust::Inferred && matches!(event.kind, EventKind::Ws(Ws::Open(_))) {
        out.push_str(" (inferred)");
    }
    out
}

type Written = std::fmt::Result;

fn tcp_open(out: &mut String, open: &TcpOpen, flow: &Flow) -> Written {
    write!(out, "TCP open, {} handshake", open.handshake.word())?;
    match open.initial_rtt {
        Some(nanos) => write!(out, " in {}", Duration(nanos)),
        None => write!(out, ", {flow}"),
    }
}

fn tcp_close(out: &mut String, close: &TcpClose) -> Written {
    let [c2s, s2c] = close.bytes;
    let how = if close.reset { "reset" } else { "closed" };
    write!(
        out,
        "TCP {how} by the {} ({}); {c2s} bytes up, {s2c} bytes down",
        close.first.sender(),
        close.how.word()
    )
}

fn tcp_note(out: &mut String, note: &Note, event: &Event, flow: &Flow) -> Written {
    let span = event.span;
    match note {
        Note::Syn(syn) => {
            write!(out, "SYN {flow}")?;
            offered(out, syn)
        }
        Note::SynAck(syn) => {
            out.push_str("SYN, ACK");
            offered(out, syn)
        }
        Note::Fin => write!(out, "FIN after {} bytes", span.start),
        Note::Rst => write!(out, "RST"),
        Note::Ack(ack) => self::ack(out, ack, event),
        Note::Delivered(delivered) => self::delivered(out, delivered, event),
        Note::Remark(remark) => self::remark(out, remark, event),
        Note::Offload(offload) => self::offload(out, offload),
        Note::Protocol(name) => write!(out, "{name}: not looked into"),
        Note::Open(rest) => {
            let [c2s, s2c] = rest.bytes;
            write!(
                out,
                "TCP still open at the end of the capture; {c2s} bytes up, {s2c} bytes down"
            )
        }
    }
}

fn delivered(out: &mut String, delivered: &Delivered, event: &Event) -> Written {
    let packet = delivered.packet.get();
    if delivered.kind.is_none() {
        return write!(
            out,
            "not acknowledged to the end; its last byte came in packet {packet}"
        );
    }
    let age = Duration(event.time.since(delivered.seen));
    write!(
        out,
        "acknowledged {age} after its last byte, in packet {packet}"
    )?;
    match delivered.deliverable.since(delivered.seen) {
        0 => Ok(()),
        held => write!(out, ", which was deliverable after {}", Duration(held)),
    }
}

fn ack(out: &mut String, ack: &Ack, event: &Event) -> Written {
    let kind = match ack.kind {
        AckKind::EverySecond => "every second segment",
        AckKind::WindowUpdate => "window update",
        AckKind::ProbeAnswer => "probe answered",
        kind => kind.word(),
    };
    write!(out, "ACK {}, {kind}", event.span.start)?;
    if ack.bytes > 0 {
        write!(out, ": {} bytes, {} segments", ack.bytes, ack.segments)?;
    }
    if let Some(of) = ack.of {
        write!(out, ", packet {} after {}", of.get(), Duration(ack.rtt))?;
    }
    match ack.window {
        Some(window) => write!(out, "; window {window}"),
        None => Ok(()),
    }
}

fn remark(out: &mut String, remark: &Remark, event: &Event) -> Written {
    let len = event.span.len;
    match remark.label {
        Label::Hole => write!(out, "bytes missing before {}", event.span.start)?,
        Label::Reordered => write!(out, "reordered: {len} bytes fill a hole")?,
        Label::FilledLate => write!(out, "filled late: {len} bytes")?,
        Label::FastRetransmission => write!(out, "fast retransmission of {len} bytes")?,
        Label::TimeoutRetransmission => {
            write!(out, "retransmission of {len} bytes after a timeout")?
        }
        Label::SpuriousRetransmission => write!(out, "needless retransmission of {len} bytes")?,
        Label::Retransmission if remark.why == Why::SameFlags => write!(out, "SYN or FIN again")?,
        Label::Retransmission => write!(out, "retransmission of {len} bytes")?,
        Label::Copy => write!(out, "the packet before, captured twice")?,
        Label::NewData => write!(out, "{len} new bytes")?,
        Label::KeepAlive => write!(out, "TCP keep-alive probe")?,
        Label::KeepAliveAck => write!(out, "TCP keep-alive answer")?,
        Label::ZeroWindowProbe => write!(out, "probe into the closed window")?,
        Label::ZeroWindowProbeAck => {
            write!(out, "window still closed, says the answer to the probe")?
        }
        Label::DuplicateAck => {
            write!(out, "duplicate ACK #{}", remark.duplicate)?;
            match remark.why {
                Why::Selective => write!(out, ": bytes are missing")?,
                Why::TwiceReceived => write!(out, ": bytes came twice")?,
                _ => {}
            }
        }
        Label::AckOfUnseen => write!(out, "ACK of bytes that were not captured")?,
        Label::WindowUpdate => write!(out, "window update")?,
        Label::WindowFull => write!(out, "the receiver's window is full with these {len} bytes")?,
        Label::ZeroWindow => write!(out, "window closed: its sender can take nothing more")?,
        Label::HeadOfLine => write!(out, "held up: earlier bytes were missing")?,
        Label::WindowDelay => write!(out, "held up: the receiver's window was closed")?,
        Label::NagleDelay => write!(out, "held up: Nagle's algorithm waited for a delayed ACK")?,
        Label::Silence => write!(out, "silence: nothing answers the retransmissions")?,
        Label::ReusedPorts => write!(out, "the ports of an earlier connection again")?,
    }
    match (remark.since, remark.of) {
        (Some(since), Some(of)) if remark.label.is_delay() => {
            let up_to = match remark.label {
                Label::NagleDelay => "up to ",
                _ => "",
            };
            write!(
                out,
                " for {up_to}{}, see packet {}",
                Duration(since),
                of.get()
            )
        }
        (Some(since), Some(of)) => {
            write!(out, ", {} after packet {}", Duration(since), of.get())
        }
        (Some(since), None) => write!(out, " for {}", Duration(since)),
        _ => Ok(()),
    }?;
    lost(out, remark, event.dir.unwrap_or(Dir::C2s))
}

/// Where the first copy was lost: between which two.
fn lost(out: &mut String, remark: &Remark, dir: Dir) -> Written {
    let (sender, receiver) = (dir.sender(), dir.flip().sender());
    match remark.lost() {
        None => Ok(()),
        Some(LostWhere::BeforeTap) => write!(
            out,
            "; the first copy was lost between the {sender} and the tap"
        ),
        Some(LostWhere::BehindTap) => write!(
            out,
            "; the first copy was lost between the tap and the {receiver}"
        ),
        Some(LostWhere::ByCapture) => write!(out, "; the capture missed the first copy"),
        Some(LostWhere::Undecidable) => write!(out, "; what was lost, and where, is not decidable"),
    }
}

fn offload(out: &mut String, offload: &Offload) -> Written {
    let bytes = offload.bytes;
    match (offload.by, offload.no_length) {
        (Offloader::Sender, _) => write!(out, "send offload: {bytes} bytes in one packet")?,
        (Offloader::Receiver, _) => write!(out, "receive offload: {bytes} bytes in one packet")?,
        (Offloader::Unclear, _) => write!(out, "offload: {bytes} bytes in one packet")?,
    }
    if let Some(mss) = offload.mss {
        write!(out, " where the MSS is {mss}")?;
    }
    if offload.no_length {
        out.push_str(", whose IP header has no length");
    }
    match offload.packets() {
        Some(packets) => write!(out, "; on the wire they were at least {packets} packets"),
        None => Ok(()),
    }
}

fn offered(out: &mut String, syn: &Syn) -> Written {
    write!(out, ", window {}", syn.window)?;
    if let Some(mss) = syn.mss {
        write!(out, ", MSS {mss}")?;
    }
    if let Some(wscale) = syn.wscale {
        write!(out, ", scale {wscale}")?;
    }
    if syn.sack_permitted {
        out.push_str(", SACK");
    }
    if syn.timestamps {
        out.push_str(", timestamps");
    }
    Ok(())
}

fn http(out: &mut String, http: &Http) -> Written {
    match http {
        Http::Request(request) => {
            let method = String::from_utf8_lossy(&request.method);
            let target = String::from_utf8_lossy(&request.target);
            write!(out, "HTTP {} {}", Escaped(&method), Cut(&target))
        }
        Http::Response(response) => {
            let reason = String::from_utf8_lossy(&response.reason);
            write!(out, "HTTP {} {}", response.status, Cut(&reason))
        }
    }
}

fn ws_open(out: &mut String, open: &Open) -> Written {
    write!(out, "WebSocket session {} opens", open.session)?;
    if let Some(uri) = &open.uri {
        write!(out, ": {}", Cut(uri))?;
    }
    if let Some(version @ ("7" | "8")) = open.version.as_deref() {
        write!(out, ", draft version {version}")?;
    }
    if let Some(subprotocol) = &open.subprotocol {
        write!(out, ", subprotocol {}", Cut(subprotocol))?;
    }
    if let Some(extensions) = &open.extensions {
        write!(out, ", {}", Cut(extensions))?;
    }
    match open.accept_ok {
        Some(true) => write!(out, ", accept value right"),
        Some(false) => write!(out, ", ACCEPT VALUE WRONG"),
        None => Ok(()),
    }
}

fn tls(out: &mut String, tls: &Tls, event: &Event) -> Written {
    match tls {
        Tls::Hello(hello) => {
            let client = event.dir == Some(Dir::C2s);
            match (client, hello.retry) {
                (true, _) => write!(out, "TLS client hello, up to {}", hello.version)?,
                (false, false) => write!(out, "TLS server hello, {}", hello.version)?,
                (false, true) => {
                    write!(out, "TLS asks for another client hello, {}", hello.version)?
                }
            }
            if let Some(name) = &hello.server_name {
                write!(out, ", for {}", Cut(name))?;
            }
            if !hello.alpn.is_empty() {
                write!(out, ", inside {}", Cut(&hello.alpn.join(" or ")))?;
            }
            match (client, hello.ciphers.as_slice()) {
                (false, [cipher]) => write!(out, ", {cipher}")?,
                (_, ciphers) => write!(out, ", {} cipher suites", ciphers.len())?,
            }
            if hello.resumption {
                out.push_str(if client {
                    ", offers to resume"
                } else {
                    ", resumes"
                });
            }
            if hello.early_data {
                out.push_str(", early data follow");
            }
            Ok(())
        }
        Tls::Certificate(certificate) => {
            let subject = certificate.subject.as_deref().unwrap_or("no common name");
            write!(out, "TLS certificate: {}", Cut(subject))?;
            if !certificate.names.is_empty() {
                write!(out, ", for {}", Cut(&certificate.names.join(", ")))?;
            }
            match certificate.chain {
                0 | 1 => Ok(()),
                chain => write!(out, ", chain of {chain}"),
            }
        }
        Tls::Alert(alert) => {
            let level = if alert.level == 2 { "fatal" } else { "warning" };
            match alert.code {
                0 => write!(out, "TLS close_notify"),
                code => write!(out, "TLS alert {code} {}, {level}", alert.name),
            }
        }
        Tls::Inside(inside) => {
            write!(out, "TLS inside: {}", inside.state.word().replace('-', " "))?;
            for word in [inside.version.as_deref(), inside.cipher]
                .into_iter()
                .flatten()
            {
                write!(out, ", {word}")?;
            }
            if let Some(protocol) = &inside.alpn {
                write!(out, ", {}", Cut(protocol))?;
            }
            write!(out, ": {}", inside.text)
        }
        Tls::Close(close) => {
            let [up, down] = &close.sides;
            write!(
                out,
                "TLS over: {} records up, {} down",
                up.records, down.records
            )?;
            let sealed = up.sealed + down.sealed;
            let (data, around) = (up.data + down.data, up.around + down.around);
            if data > 0 {
                write!(out, "; {data} bytes of data, {around} around them")?;
            }
            write!(
                out,
                "; {} bytes of handshake",
                up.handshake + down.handshake
            )?;
            if sealed > 0 {
                write!(out, "; {sealed} bytes not opened")?;
            }
            match (up.close_notify, down.close_notify) {
                (true, true) => out.push_str("; both said close_notify"),
                (true, false) => out.push_str("; the client said close_notify"),
                (false, true) => out.push_str("; the server said close_notify"),
                (false, false) => {}
            }
            match &close.websocket_likely {
                Some(why) => write!(out, "; WebSocket is likely inside: {why}"),
                None => Ok(()),
            }
        }
    }
}

fn ws_refused(out: &mut String, refused: &Refused) -> Written {
    write!(
        out,
        "WebSocket refused: {} for {}",
        refused.status,
        Cut(&refused.uri)
    )?;
    match &refused.wants {
        Some(wants) => write!(out, " ({})", Cut(wants)),
        None => Ok(()),
    }
}

fn ws_frame(out: &mut String, frame: &Frame) -> Written {
    write!(out, "frame {}", frame.opcode)?;
    if frame.fin {
        out.push_str(" FIN");
    }
    for (bit, name) in [(4, " RSV1"), (2, " RSV2"), (1, " RSV3")] {
        if frame.rsv & bit != 0 {
            out.push_str(name);
        }
    }
    write!(out, ", {} + {} bytes", frame.header_length, frame.length)?;
    if let Some(key) = frame.masking_key {
        write!(out, ", masked {key}")?;
    }
    if frame.unfinished {
        out.push_str(", UNFINISHED");
    }
    Ok(())
}

fn ws_message(out: &mut String, message: &Message, loan: Loan<'_>) -> Written {
    write!(out, "{}", message.kind.word())?;
    match message.kind {
        Kind::Close => close_body(out, message, loan)?,
        _ => payload(out, message, loan)?,
    }
    if message.frames > 1 {
        write!(out, " [{} frames]", message.frames)?;
    }
    if message.compressed {
        write!(
            out,
            " [{} bytes inflated to {}]",
            message.wire_length, message.length
        )?;
    }
    if !message.complete {
        let unknown: u64 = loan
            .unknown
            .iter()
            .map(|range| range.end - range.start)
            .sum();
        match loan.unknown.last() {
            Some(last) if last.is_empty() => write!(out, " [UNKNOWN from byte {}]", last.start)?,
            _ => write!(out, " [{unknown} bytes UNKNOWN]")?,
        }
    }
    Ok(())
}

fn payload(out: &mut String, message: &Message, loan: Loan<'_>) -> Written {
    if let Some(text) = field::text(message, loan) {
        out.push(' ');
        quote(out, text, PREVIEW);
        return Ok(());
    }
    if message.kind == Kind::Text && message.complete {
        write!(out, " of {} bytes, NOT UTF-8:", message.length)?;
    } else if message.length > 0 {
        write!(out, " of {} bytes:", message.length)?;
    } else {
        return write!(out, ", empty");
    }
    bytes(out, loan)
}

/// The first bytes, unknown ones as `??`, and as text where they are printable ASCII.
pub(crate) fn bytes(out: &mut String, loan: Loan<'_>) -> Written {
    const SHOWN: usize = 16;
    let shown = loan.bytes.get(..SHOWN).unwrap_or(loan.bytes);
    for (at, byte) in shown.iter().enumerate() {
        match loan
            .unknown
            .iter()
            .any(|range| range.contains(&(at as u64)))
        {
            true => out.push_str(" ??"),
            false => write!(out, " {byte:02x}")?,
        }
    }
    if loan.bytes.len() > SHOWN {
        out.push_str(" …");
    }
    if is_plain(loan.bytes) && loan.unknown.is_empty() && (1..=64).contains(&loan.bytes.len()) {
        write!(out, " \"{}\"", loan.bytes.escape_ascii())?;
    }
    Ok(())
}

pub(super) fn close_body(out: &mut String, message: &Message, loan: Loan<'_>) -> Written {
    let Some(code) = CloseCode::read(loan.bytes).filter(|_| message.complete) else {
        return match loan.bytes {
            [] => write!(out, ", no code"),
            _ => bytes(out, loan),
        };
    };
    write!(out, " {} ({})", code.0, code.name())?;
    let reason = loan.bytes.get(2..).unwrap_or_default();
    if !reason.is_empty() {
        out.push(' ');
        quote(out, &String::from_utf8_lossy(reason), PREVIEW);
    }
    Ok(())
}

fn ws_close(out: &mut String, close: &Close) -> Written {
    let how = if close.clean {
        "cleanly"
    } else {
        "NOT CLEANLY"
    };
    write!(
        out,
        "WebSocket session {} ends {how}: {}",
        close.session, close.why
    )
}

fn anomaly(out: &mut String, anomaly: &Anomaly, event: &Event) -> Written {
    write!(out, "{}: ", anomaly.what.word())?;
    if event.span.len > 0 {
        write!(out, "{} bytes at {}: ", event.span.len, event.span.start)?;
    }
    write!(out, "{}", Escaped(&anomaly.text))
}

fn finding(out: &mut String, finding: &Finding) -> Written {
    match finding.verdict {
        Verdict::Fail => write!(out, "{}", finding.severity.word().to_uppercase())?,
        Verdict::Undecidable => write!(out, "undecidable")?,
    }
    write!(
        out,
        " {} ({}, the {}): {}",
        finding.rule,
        finding.section,
        finding.side.sender(),
        Escaped(&finding.text)
    )
}

/// Text from the wire, escaped and not too long.
#[derive(Clone, Copy, Debug)]
pub struct Cut<'a>(pub &'a str);

impl std::fmt::Display for Cut<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let end = self
            .0
            .char_indices()
            .nth(PREVIEW)
            .map_or(self.0.len(), |(at, _)| at);
        write!(f, "{}", Escaped(&self.0[..end]))?;
        if end < self.0.len() {
            write!(f, "…")
        } else {
            Ok(())
        }
    }
}

/// Nanoseconds, in the unit that reads best.
#[derive(Clone, Copy, Debug)]
pub struct Duration(pub i64);

impl std::fmt::Display for Duration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let nanos = self.0 as f64;
        match self.0.unsigned_abs() {
            0..1_000_000 => write!(f, "{:.1} µs", nanos / 1e3),
            1_000_000..1_000_000_000 => write!(f, "{:.2} ms", nanos / 1e6),
            _ => write!(f, "{:.3} s", nanos / 1e9),
        }
    }
}
