//! The dialogue between two ends, one row an event, in few words.

use super::watch::{Seen, Segment, Watched};
use crate::explain::{Lang, texts::tr};
use crate::field::Filter;
use crate::model::{
    AckKind, Dir, Event, EventId, EventKind, Http, Kind, Label, Note, Opcode, PacketNo, Severity,
    Tcp, Timestamp, Verdict, Ws,
};
use crate::sink::Escaped;

/// An event on the ladder.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// The packet, or the end of the capture.
    pub packet: PacketNo,
    /// The event; none for a packet that only carries a part of something.
    pub id: Option<EventId>,
    /// When it was, nanoseconds since the capture began.
    pub time: i64,
    /// From whom to whom; none for what belongs to neither side.
    pub dir: Option<Dir>,
    /// What it is, in a few words.
    pub label: String,
    /// The step points at it.
    pub marked: bool,
}

/// The rows of a step: what a filter lets through or, without one, what is usual; and what it points at. With
/// `data` also packets of the connections among them that carry a part of something.
pub fn rows(
    watched: &Watched,
    filter: Option<&Filter>,
    at: &[EventId],
    data: bool,
    lang: Lang,
) -> Vec<Row> {
    let shown = |seen: &&Seen| {
        at.contains(&seen.event.id)
            || match filter {
                Some(filter) => watched.passes(seen, filter) && !is_aside(&seen.event),
                None => is_usual(&seen.event),
            }
    };
    let shown: Vec<_> = watched.seen.iter().filter(shown).collect();
    let mut rows: Vec<Row> = shown
        .iter()
        .map(|seen| row(seen, watched.start, at, lang))
        .collect();
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return rows;
    };
    let all = first.packet..=last.packet;
    let part = |it: &&Segment| {
        data && all.contains(&it.packet)
            && shown.iter().any(|seen| seen.event.conn == it.conn)
            && rows.iter().all(|row| row.packet != it.packet)
    };
    let parts = watched.segments.iter().filter(part).map(|it| Row {
        packet: it.packet,
        id: None,
        time: it.time.since(watched.start),
        dir: Some(it.dir),
        label: tr(lang, "data, {n} B", &[("n", &it.len)]),
        marked: false,
    });
    let parts: Vec<_> = parts.collect();
    rows.extend(parts);
    rows.sort_by_key(|row| row.packet);
    rows
}

fn row(seen: &Seen, start: Timestamp, at: &[EventId], lang: Lang) -> Row {
    let event = &seen.event;
    Row {
        packet: event.id.at,
        id: Some(event.id),
        time: event.time.since(start),
        dir: event.dir,
        label: label(seen, lang),
        marked: at.contains(&event.id),
    }
}

/// What says how a message fared, or adds up: it is never a row unless a step points at it.
fn is_aside(event: &Event) -> bool {
    match &event.kind {
        EventKind::Tcp(Tcp::Note(Note::Ack(ack))) => {
            repeats(ack.kind) && ack.kind != AckKind::Piggybacked
        }
        EventKind::Insight(_) | EventKind::Tcp(Tcp::Note(Note::Delivered(_))) => true,
        EventKind::Finding(finding) => {
            finding.verdict == Verdict::Undecidable || finding.severity == Severity::Note
        }
        _ => false,
    }
}

fn is_usual(event: &Event) -> bool {
    match &event.kind {
        EventKind::Ws(ws) => matches!(ws, Ws::Message(_)),
        EventKind::Finding(finding) => {
            finding.verdict == Verdict::Fail && finding.severity > Severity::Note
        }
        EventKind::Tcp(Tcp::Open(_) | Tcp::Close(_)) => false,
        EventKind::Tcp(Tcp::Note(note)) => match note {
            Note::Delivered(_) | Note::Offload(_) | Note::Protocol(_) | Note::Open(_) => false,
            Note::Ack(ack) => !repeats(ack.kind),
            Note::Syn(_) | Note::SynAck(_) | Note::Fin | Note::Rst | Note::Remark(_) => true,
        },
        EventKind::Tls(_) | EventKind::Insight(_) => false,
        EventKind::Http(_) | EventKind::Anomaly(_) => true,
    }
}

/// Whether an event before it, of the same packet, says as much.
fn repeats(kind: AckKind) -> bool {
    matches!(
        kind,
        AckKind::Piggybacked | AckKind::Duplicate | AckKind::ProbeAnswer | AckKind::WindowUpdate
    )
}

fn label(seen: &Seen, lang: Lang) -> String {
    let event = &seen.event;
    let say = |english: &str| tr(lang, english, &[]);
    match &event.kind {
        EventKind::Tcp(Tcp::Note(note)) => tcp(note, event, lang),
        EventKind::Tcp(Tcp::Open(_)) => say("TCP open"),
        EventKind::Tcp(Tcp::Close(close)) => {
            let how = say(close.how.word());
            tr(lang, "TCP closed, {how}", &[("how", &how)])
        }
        EventKind::Http(Http::Request(request)) => {
            let text = [&*request.method, b" ", &*request.target].concat();
            escaped(&text, 40)
        }
        EventKind::Http(Http::Response(response)) => {
            format!("{} {}", response.status, escaped(&response.reason, 40))
        }
        EventKind::Ws(ws) => websocket(ws, seen, lang),
        EventKind::Anomaly(anomaly) => format!("? {}", say(anomaly.what.word())),
        EventKind::Finding(finding) => format!("! {}", finding.rule),
        EventKind::Tls(_) => event.kind.word().to_owned(),
        EventKind::Insight(insight) => say(&insight.kind.word().replace('_', " ")),
    }
}

fn tcp(note: &Note, event: &Event, lang: Lang) -> String {
    let say = |english: &str| tr(lang, english, &[]);
    match note {
        Note::Syn(_) => "SYN".to_owned(),
        Note::SynAck(_) => "SYN, ACK".to_owned(),
        Note::Fin => "FIN".to_owned(),
        Note::Rst => "RST".to_owned(),
        Note::Ack(ack) => {
            // Short, for narrow screens.
            let kind = match ack.kind {
                AckKind::Pure => "",
                AckKind::Piggybacked => ", piggyback",
                AckKind::Delayed => ", delayed",
                AckKind::EverySecond => ", for two",
                AckKind::Cumulative | AckKind::Stretch => ", for many",
                AckKind::Duplicate => ", again",
                AckKind::WindowUpdate => ", window",
                AckKind::ProbeAnswer => ", alive",
            };
            format!("ACK {}{}", event.span.start, say(kind))
        }
        Note::Open(_) => say("still open"),
        Note::Remark(remark) => match remark.label {
            Label::KeepAlive => say("TCP keep-alive"),
            Label::KeepAliveAck => say("ACK (keep-alive)"),
            Label::DuplicateAck => say("duplicate ACK"),
            Label::TimeoutRetransmission => say("data again (timer)"),
            Label::FastRetransmission => say("data again (fast)"),
            Label::FilledLate => say("data, sent again"),
            Label::AckOfUnseen => say("ACK of the unseen"),
            Label::Hole => say("data, behind a hole"),
            label => say(&label.word().replace('_', " ")),
        },
        note => say(&note.word().replace('_', " ")),
    }
}

fn websocket(ws: &Ws, seen: &Seen, lang: Lang) -> String {
    let say = |english: &str| tr(lang, english, &[]);
    match ws {
        Ws::Open(_) => say("WebSocket open"),
        Ws::Refused(refused) => tr(lang, "refused: {n}", &[("n", &refused.status)]),
        Ws::Close(close) => match close.clean {
            true => say("WebSocket closed, clean"),
            false => say("WebSocket closed, not clean"),
        },
        Ws::Frame(frame) => {
            let fin = if frame.fin { ", FIN" } else { "" };
            let name = match frame.opcode {
                Opcode::CONTINUATION => say("continue"),
                opcode => say(&opcode.to_string()),
            };
            format!("{name}{fin}, {} B", frame.length)
        }
        Ws::Message(message) => {
            let kind = say(message.kind.word());
            match message.kind {
                Kind::Binary => format!("{kind}, {} B", message.length),
                Kind::Close => match seen.payload.first_chunk() {
                    Some(code) => format!("{kind} {}", u16::from_be_bytes(*code)),
                    None => kind,
                },
                Kind::Text | Kind::Ping | Kind::Pong => {
                    let text = escaped(&seen.payload, 24);
                    format!("{kind} \"{text}\"")
                }
            }
        }
    }
}

/// At most so many characters of bytes that ought to be text, safe to show.
fn escaped(bytes: &[u8], limit: usize) -> String {
    let text = String::from_utf8_lossy(bytes);
    let cut: String = text.chars().take(limit).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!("{}{more}", Escaped(&cut))
}
