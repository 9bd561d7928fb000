//! Heartbeats, and why sessions end: the folds over events made by hand.

use std::io;
use wscope::insight::Insights;
use wscope::model::{
    Close, ConnId, Counters, Cx, Dir, Endpoint, Event, EventKind, Flow, Frame, InsightKind, Kind,
    Limits, Loan, MaskingKey, Message, Note, Opcode, Open, PacketNo, Place, SessionId, Sink, Span,
    Tcp, TcpEnd, Timestamp, Want, Ws,
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
            EventKind::Insight(insight) => self.1.push(insight.kind),
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
        f(&mut Cx {
            packet: PacketNo::new(self.packet).unwrap(),
            at_end: false,
            time: Timestamp(self.millis * 1_000_000),
            conn: ConnId(self.conn),
            flow: Flow {
                client: end,
                server: end,
            },
            limits: &limits,
            want: Want::default(),
            counters: &mut self.counters,
            sink: &mut self.folds,
            error: &mut error,
            room: &mut Vec::new(),
            marks: Vec::new(),
        })
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
    let trips = insights
        .iter()
        .filter(|kind| **kind == InsightKind::RoundTrip { nanos: 7_000_000 });
    assert_eq!(trips.count(), 3);
    assert_eq!(
        insights.last(),
        Some(&InsightKind::Heartbeat {
            pings: 4,
            answered: 3,
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
            "it ended; a message of the client was unfinished after 1 fragment; \
          a ping of the server had waited 9.0 s for its pong; nothing had been sent for 9.0 s"
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
    assert_eq!(ends[0], "it ended; nothing had been sent for 60.0 s");
    assert!(ends[1].contains("as in 1 session before"), "{}", ends[1]);
    assert!(!ends[2].contains("before"), "{}", ends[2]);
    assert!(ends[3].contains("as in 2 sessions before"), "{}", ends[3]);
}
