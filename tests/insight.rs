//! Heartbeats, and why sessions end: the folds over events made by hand.

use std::io;
use wscope::insight::Insights;
use wscope::model::{
    Anomaly, Answered, Beat, Close, ConnId, Counters, Cx, Dir, Endpoint, Event, EventKind, Flow,
    Frame, InsightKind, Kind, Label, Limits, Loan, MaskingKey, Message, Note, Opcode, Open,
    PacketNo, Place, Remark, SessionId, Sink, Span, Tcp, TcpEnd, Timestamp, Want, What, Why, Ws,
};

const C: Dir = Dir::C2s;
const S: Dir = Dir::S2c;

/// What was said: ends, and insights.
#[derive(Default)]
struct Said(Vec<String>, Vec<InsightKind>);

impl Sink for Said {
    fn event(&mut self, event: &Event, _: &Flow, _: Loan<'_>) -> io::Result<()> {
        match &event.kind {
            EventKind::Ws(Ws::Close(close)) => self.0.push(close.why.clone()),
            EventKind::Insight(insight) => self.1.push(insight.kind.clone()),
            _ => {}
        }
        Ok(())
    }
}

struct Talk {
    folds: Insights<Said>,
    conn: u32,
    millis: i64,
    packet: u64,
    counters: Counters,
}

impl Talk {
    fn new() -> Self {
        Self {
            folds: Insights::new(Said::default()),
            conn: 0,
            millis: 0,
            packet: 0,
            counters: Counters::default(),
        }
    }

    fn cx<R>(&mut self, f: impl FnOnce(&mut Cx<'_>) -> R) -> R {
        self.packet += 1;
        let end = Endpoint {
            ip: [10, 0, 0, 1].into(),
            port: 80,
        };
        let (limits, mut error) = (Limits::default(), None);
        let mut cx = Cx {
            packet: PacketNo::new(self.packet).unwrap(),
            at_end: false,
            time: Timestamp(self.millis * 1_000_000),
            conn: ConnId(self.conn),
            flow: Flow {
                client: end,
                server: end,
            },
            keys: &wscope::model::Keys::default(),
            space: wscope::model::Space::Tcp,
            carrier: None,
            carried: Default::default(),
            limits: &limits,
            want: Want::default(),
            counters: &mut self.counters,
            sink: &mut self.folds,
            error: &mut error,
            room: &mut Vec::new(),
            marks: &mut Vec::new(),
        };
        let result = f(&mut cx);
        while let Some((place, kind)) = cx.sink.more() {
            cx.emit(place, kind, Loan::default());
        }
        result
    }

    fn say(&mut self, dir: Dir, kind: EventKind, payload: &[u8]) -> &mut Self {
        let place = Place::at(dir, Span::tcp(0, 1));
        self.cx(|cx| cx.emit(place, kind, Loan::known(payload)));
        self
    }

    fn open(&mut self) -> &mut Self {
        let open = Open {
            session: SessionId(self.conn),
            uri: None,
            host: None,
            origin: None,
            version: None,
            key: None,
            accept: None,
            accept_ok: None,
            accept_expected: None,
            subprotocol: None,
            subprotocols_offered: Vec::new(),
            extensions: None,
            deflate: None,
            inferred: false,
        };
        self.say(S, EventKind::Ws(Ws::Open(Box::new(open))), b"")
    }

    fn wait(&mut self, millis: i64) -> &mut Self {
        self.millis += millis;
        self
    }

    fn send(&mut self, dir: Dir, kind: Kind, payload: &[u8], fin: bool) -> &mut Self {
        let opcode = match kind {
            Kind::Ping => Opcode::PING,
            Kind::Pong => Opcode::PONG,
            Kind::Close => Opcode::CLOSE,
            Kind::Text | Kind::Binary => Opcode::TEXT,
        };
        let frame = Frame {
            unfinished: false,
            session: SessionId(self.conn),
            fin,
            rsv: 0,
            opcode,
            masking_key: (dir == C).then_some(MaskingKey([1, 2, 3, 4])),
            length: payload.len() as u64,
            header_length: 2,
        };
        self.say(dir, EventKind::Ws(Ws::Frame(frame)), b"");
        if !fin {
            return self;
        }
        let message = Message {
            session: SessionId(self.conn),
            kind,
            compressed: false,
            complete: true,
            utf8: true,
            frames: 1,
            length: payload.len() as u64,
            wire_length: payload.len() as u64,
            inflated: wscope::model::Inflated::default(),
        };
        self.say(dir, EventKind::Ws(Ws::Message(message)), payload)
    }

    fn cut(&mut self) -> &mut Self {
        self.say(S, EventKind::Tcp(Tcp::Note(Note::Fin)), b"");
        let close = Close {
            session: SessionId(self.conn),
            clean: false,
            initiator: Some(S),
            code_client: None,
            code_server: None,
            client_saw: None,
            server_saw: None,
            tcp_end: TcpEnd::Fin,
            why: "it ended".into(),
        };
        self.say(C, EventKind::Ws(Ws::Close(Box::new(close))), b"");
        self.cx(|cx| cx.over());
        self.conn += 1;
        self
    }
}

#[test]
fn pings_are_paired_with_their_pongs() {
    let mut talk = Talk::new();
    talk.open();
    for beat in 0..4u8 {
        talk.wait(20_000).send(S, Kind::Ping, &[beat], true);
        // The second is skipped: its pong answers the third.
        if beat != 1 {
            talk.wait(7).send(C, Kind::Pong, &[beat], true);
        }
    }
    talk.cut();
    let Said(_, insights) = talk.folds.into_inner();
    let trip = InsightKind::RoundTrip {
        by: Beat::WebSocket,
        nanos: 7_000_000,
    };
    assert_eq!(insights.iter().filter(|kind| **kind == trip).count(), 3);
    assert_eq!(
        insights.last(),
        Some(&InsightKind::Heartbeat {
            by: Beat::WebSocket,
            pings: 4,
            answered: Some(3),
            period: Some(20_007_000_000),
            round_trip: Some(7_000_000),
        })
    );
}

#[test]
fn an_end_is_told_with_what_was_going_on() {
    let mut talk = Talk::new();
    talk.open()
        .send(C, Kind::Text, b"half", false)
        .wait(1000)
        .send(S, Kind::Ping, b"", true)
        .wait(9000)
        .cut();
    let Said(ends, _) = talk.folds.into_inner();
    assert_eq!(
        ends,
        [
            "it ended; a message of the client (from event 2.1) was unfinished after 1 fragment; \
             a ping of the server (event 4.3) had waited 9.0 s for its pong; \
             nothing had been sent for 9.0 s (since event 3.2)"
        ]
    );
}

#[test]
fn the_same_silence_before_several_ends_points_at_a_timer() {
    let mut talk = Talk::new();
    for silence in [60_000, 60_100, 12_000, 59_900] {
        talk.open()
            .send(C, Kind::Text, b"a", true)
            .wait(silence)
            .cut();
    }
    let Said(ends, _) = talk.folds.into_inner();
    assert!(ends[0].starts_with("it ended; nothing had been sent for 60.0 s (since event "));
    assert!(ends[0].contains("consistent with an idle timer, such as that of nginx"));
    assert!(!ends[2].contains("consistent"), "{}", ends[2]);
    assert!(ends[1].contains("as in 1 session before"), "{}", ends[1]);
    assert!(!ends[2].contains("before"), "{}", ends[2]);
    assert!(ends[3].contains("as in 2 sessions before"), "{}", ends[3]);
}

/// What was said, without times: kind, id, and what else matters.
fn told(insights: &[InsightKind]) -> Vec<String> {
    let one = |kind: &InsightKind| match kind {
        InsightKind::Answered(it) => {
            let cause = it.meanwhile.map_or("", |(_, label)| label.word());
            format!("answered {} {} {cause}", it.id, it.nanos / 1_000_000)
        }
        InsightKind::Unanswered(it) => format!("unanswered {} {:?}", it.id, it.name),
        InsightKind::Pairs(it) => format!("pairs {:?} {}/{}", it.name, it.answered, it.asked),
        InsightKind::Heartbeat {
            by,
            pings,
            answered,
            ..
        } => format!("heartbeat {} {pings} {answered:?}", by.word()),
        InsightKind::GivenUp { count, .. } => format!("given up {count}"),
        InsightKind::RoundTrip { by, .. } => format!("round trip {}", by.word()),
        other => other.word().to_owned(),
    };
    insights.iter().map(one).collect()
}

fn ask(talk: &mut Talk, id: u32) {
    let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"add"}}"#);
    talk.send(C, Kind::Text, text.as_bytes(), true);
}

fn answer(talk: &mut Talk, id: u32) {
    let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":1}}"#);
    talk.send(S, Kind::Text, text.as_bytes(), true);
}

#[test]
fn requests_are_paired_with_their_answers_by_id() {
    let mut talk = Talk::new();
    talk.open();
    for id in 0..5 {
        ask(&mut talk, id);
        talk.wait(4);
        answer(&mut talk, id);
    }
    // Two at once, answered the other way round; one never; one answer that nobody asked for.
    for id in [5, 6, 7] {
        ask(&mut talk, id);
    }
    talk.wait(3);
    answer(&mut talk, 6);
    answer(&mut talk, 5);
    answer(&mut talk, 99);
    talk.cut();
    let said = told(&talk.folds.into_inner().1);
    assert_eq!(
        said[5..],
        [
            "answered 6 3 ",
            "answered 5 3 ",
            "unanswered 7 Some(\"add\")",
            "pairs Some(\"add\") 7/8"
        ]
    );
}

#[test]
fn a_late_answer_is_told_with_what_happened_to_tcp() {
    let mut talk = Talk::new();
    talk.open();
    for id in 0..5 {
        ask(&mut talk, id);
        talk.wait(4);
        answer(&mut talk, id);
    }
    ask(&mut talk, 5);
    talk.wait(200);
    let remark = Remark::new(Label::TimeoutRetransmission, Why::Silence);
    talk.say(C, EventKind::Tcp(Tcp::Note(Note::Remark(remark))), b"");
    talk.wait(14);
    answer(&mut talk, 5);
    // Late as well, and nothing happened meanwhile: nothing is blamed.
    ask(&mut talk, 6);
    talk.wait(100);
    answer(&mut talk, 6);
    let insights = talk.folds.into_inner().1;
    let late: Vec<&Answered> = insights
        .iter()
        .filter_map(|kind| match kind {
            InsightKind::Answered(it) if it.outlier.is_some() => Some(&**it),
            _ => None,
        })
        .collect();
    assert_eq!(late.len(), 2);
    assert_eq!((late[0].nanos, late[0].outlier), (214_000_000, Some(53)));
    assert_eq!(late[0].meanwhile.unwrap().1, Label::TimeoutRetransmission);
    assert_eq!(late[1].meanwhile, None);
}

#[test]
fn what_the_capture_may_have_lost_is_not_called_unanswered() {
    let mut talk = Talk::new();
    talk.open();
    ask(&mut talk, 1);
    let lost = Anomaly {
        what: What::Boundary,
        text: "lost".into(),
        packets: None,
    };
    talk.say(S, EventKind::Anomaly(lost), b"");
    talk.cut();
    let said = told(&talk.folds.into_inner().1);
    assert_eq!(said, ["pairs Some(\"add\") 0/1"]);
}

#[test]
fn requests_that_wait_are_bounded_and_what_is_given_up_is_said() {
    let mut talk = Talk::new();
    talk.open();
    for id in 0..3000 {
        ask(&mut talk, id);
    }
    talk.cut();
    let said = told(&talk.folds.into_inner().1);
    let named = said.iter().filter(|it| it.starts_with("unanswered"));
    assert_eq!(named.count(), 20);
    assert!(said.contains(&"given up 1976".to_owned()), "{said:?}");
    assert!(said.contains(&"given up 1004".to_owned()), "{said:?}");
}

#[test]
fn heartbeats_of_the_application_are_told_apart() {
    let mut talk = Talk::new();
    talk.open();
    for _ in 0..3 {
        talk.wait(1000)
            .send(C, Kind::Text, br#"{"type":"ping"}"#, true)
            .wait(2)
            .send(S, Kind::Text, br#"{"type":"pong"}"#, true)
            .send(S, Kind::Ping, b"", true);
    }
    talk.send(C, Kind::Text, br#"{"type":"ping"}"#, true)
        .wait(7000)
        .cut();
    let Said(ends, insights) = talk.folds.into_inner();
    let said = told(&insights);
    assert_eq!(
        said.iter()
            .filter(|it| *it == "round trip application")
            .count(),
        3
    );
    assert!(
        said.contains(&"heartbeat application 4 Some(3)".to_owned()),
        "{said:?}"
    );
    assert!(
        said.contains(&"heartbeat websocket 3 Some(0)".to_owned()),
        "{said:?}"
    );
    assert!(
        ends[0].contains("an application ping of the client (event "),
        "{}",
        ends[0]
    );
}
