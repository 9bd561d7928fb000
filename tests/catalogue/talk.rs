//! A judge, and events made by hand: a dialogue without a byte of TCP.

use std::io;
use wscope::model::{
    Alert, Anomaly, CloseCode, ConnId, Counters, Cx, Deflate, Dir, Endpoint, Event, EventKind,
    Finding, Flow, Frame, Handshake, Header, How, Http, Inflated, Kind, Limits, Loan, MaskingKey,
    Message, Note, Opcode, Open, PacketNo, Place, Request, Response, SessionId, Side, Sink, Space,
    Span, Tcp, TcpClose, TcpOpen, Timestamp, Tls, TlsClose, TlsCounts, Trust, Verdict, Version,
    Want, What, Ws,
};
use wscope::rules::Judge;

pub const C: Dir = Dir::C2s;
pub const S: Dir = Dir::S2c;
pub const MS: i64 = 1_000_000;

/// Keeps the findings.
#[derive(Default)]
pub struct Findings(pub Vec<Finding>);

impl Sink for Findings {
    fn want(&self) -> Want {
        Want {
            joined: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, _: &Flow, _: Loan<'_>) -> io::Result<()> {
        if let EventKind::Finding(finding) = &event.kind {
            self.0.push((**finding).clone());
        }
        Ok(())
    }
}

impl Findings {
    pub fn fails(&self) -> Vec<&Finding> {
        let fails = |it: &&Finding| it.verdict == Verdict::Fail;
        self.0.iter().filter(fails).collect()
    }
}

pub struct Talk {
    pub judge: Judge<Findings>,
    conn: u32,
    packet: u64,
    time: i64,
    at: [u64; 2],
    parts: [Vec<u8>; 2],
    begun: [Option<(Kind, u32, u64)>; 2],
    counters: Counters,
    ended: bool,
    key: u32,
    /// What is said lies inside TLS.
    pub tls: bool,
    pub head: Request,
    pub answer: Response,
}

fn headers(lines: &[(&str, &str)]) -> Vec<Header> {
    let header = |&(name, value): &(&str, &str)| Header {
        name: name.into(),
        value: value.into(),
    };
    lines.iter().map(header).collect()
}

/// The fields of a request or an answer, to be changed.
pub trait Fields {
    fn fields(&mut self) -> &mut Vec<Header>;

    fn drop(&mut self, name: &str) -> &mut Self {
        let named = |header: &Header| header.name.eq_ignore_ascii_case(name.as_bytes());
        self.fields().retain(|header| !named(header));
        self
    }

    fn add(&mut self, name: &str, value: &str) -> &mut Self {
        self.fields().extend(headers(&[(name, value)]));
        self
    }

    fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.drop(name).add(name, value)
    }
}

impl Fields for Request {
    fn fields(&mut self) -> &mut Vec<Header> {
        &mut self.headers
    }
}

impl Fields for Response {
    fn fields(&mut self) -> &mut Vec<Header> {
        &mut self.headers
    }
}

impl Talk {
    pub fn new() -> Self {
        let version = Version { major: 1, minor: 1 };
        let mut talk = Self {
            judge: Judge::new(Findings::default()),
            conn: 0,
            packet: 0,
            time: 0,
            at: [0; 2],
            parts: Default::default(),
            begun: [None; 2],
            counters: Counters::default(),
            ended: false,
            key: 0x1234_5678,
            tls: false,
            head: Request {
                method: b"GET".to_vec(),
                target: b"/chat".to_vec(),
                version,
                headers: headers(&[
                    ("Host", "example.com:8080"),
                    ("Upgrade", "websocket"),
                    ("Connection", "keep-alive, Upgrade"),
                    ("Sec-WebSocket-Key", "zh1mJ0ZQ4yQvVQd2U5Ww3A=="),
                    ("Sec-WebSocket-Version", "13"),
                ]),
            },
            answer: Response {
                status: 101,
                reason: b"Switching Protocols".to_vec(),
                version,
                headers: headers(&[
                    ("Upgrade", "websocket"),
                    ("Connection", "Upgrade"),
                    ("Sec-WebSocket-Accept", "anything"),
                ]),
            },
        };
        talk.connect();
        talk
    }

    fn connect(&mut self) {
        self.at = [0; 2];
        self.ended = false;
        let open = TcpOpen {
            handshake: Handshake::Full,
            initial_rtt: Some(MS),
            answered: MS / 2,
            unfilled: [false; 2],
        };
        self.say(
            Place::default(),
            EventKind::Tcp(Tcp::Open(open)),
            Loan::default(),
        );
    }

    /// Ends this connection, and begins another.
    pub fn again(&mut self) -> &mut Self {
        self.over();
        self.next()
    }

    /// Begins another connection while this one goes on.
    pub fn next(&mut self) -> &mut Self {
        self.conn += 1;
        self.connect();
        self
    }

    /// Goes back to an earlier connection.
    pub fn back(&mut self, conn: u32) -> &mut Self {
        self.conn = conn;
        self
    }

    pub fn wait(&mut self, millis: i64) -> &mut Self {
        self.time += millis * MS;
        self
    }

    pub fn cx<R>(&mut self, f: impl FnOnce(&mut Cx<'_>) -> R) -> R {
        self.packet += 1;
        self.time += MS;
        self.counters.events = 0;
        let end = |port| Endpoint {
            ip: [10, 0, 0, 1].into(),
            port,
        };
        let (limits, mut error) = (Limits::default(), None);
        let mut cx = Cx {
            packet: PacketNo::new(self.packet).unwrap(),
            at_end: false,
            time: Timestamp(self.time),
            conn: ConnId(self.conn),
            flow: Flow {
                client: end(40_000 + self.conn as u16),
                server: end(80),
            },
            keys: &wscope::model::Keys::default(),
            space: match self.tls {
                true => Space::Tcp.inside(),
                false => Space::Tcp,
            },
            carrier: None,
            carried: Default::default(),
            limits: &limits,
            want: Want::default(),
            counters: &mut self.counters,
            sink: &mut self.judge,
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

    pub fn say(&mut self, place: Place, kind: EventKind, loan: Loan<'_>) {
        self.cx(|cx| cx.emit(place, kind, loan));
    }

    pub fn ask(&mut self) -> &mut Self {
        let place = self.place(C, 200);
        let kind = EventKind::Http(Http::Request(Box::new(self.head.clone())));
        self.say(place, kind, Loan::default());
        self
    }

    pub fn reply(&mut self) -> &mut Self {
        let place = self.place(S, 100);
        let kind = EventKind::Http(Http::Response(Box::new(self.answer.clone())));
        self.say(place, kind, Loan::default());
        self
    }

    /// Both sides shake hands.
    pub fn open(&mut self) -> &mut Self {
        self.ask().reply().opened(true, false)
    }

    pub fn opened(&mut self, accept_ok: bool, inferred: bool) -> &mut Self {
        let extensions = self.answer.all("sec-websocket-extensions").next();
        let extensions = extensions.map(|value| String::from_utf8_lossy(value).into_owned());
        let deflates = |value: &String| value.starts_with("permessage-deflate");
        let open = Open {
            session: SessionId(self.conn),
            uri: Some("/chat".into()),
            host: None,
            origin: None,
            version: None,
            key: None,
            accept: Some("this".into()),
            accept_ok: Some(accept_ok),
            accept_expected: Some("that".into()),
            subprotocol: None,
            subprotocols_offered: Vec::new(),
            deflate: extensions
                .as_ref()
                .filter(|it| deflates(it))
                .map(|_| Deflate {
                    client: Side::default(),
                    server: Side::default(),
                }),
            extensions,
            inferred,
        };
        let trust = if inferred {
            Trust::Inferred
        } else {
            Trust::Seen
        };
        let place = Place {
            trust,
            ..Place::at(S, Span::tcp(0, 100))
        };
        self.say(
            place,
            EventKind::Ws(Ws::Open(Box::new(open))),
            Loan::default(),
        );
        self
    }

    /// Both agree on permessage-deflate.
    pub fn deflate(&mut self) -> &mut Self {
        self.head
            .set("Sec-WebSocket-Extensions", "permessage-deflate");
        self.answer
            .set("Sec-WebSocket-Extensions", "permessage-deflate");
        self.open()
    }

    fn place(&mut self, dir: Dir, len: u64) -> Place {
        let at = dir.of_mut(&mut self.at);
        let place = Place::at(dir, Span::tcp(*at, len));
        *at += len;
        place
    }

    pub fn send(&mut self, dir: Dir, says: Says) -> &mut Self {
        let key = match (says.key, dir) {
            (Some(key), _) => key.map(u32::to_be_bytes).map(MaskingKey),
            (None, S) => None,
            (None, C) => {
                self.key = self.key.wrapping_mul(0x19_660d).wrapping_add(0x3c6e_f35f);
                Some(MaskingKey(self.key.to_be_bytes()))
            }
        };
        let length = says.length.unwrap_or(says.payload.len() as u64);
        let form = says.form.unwrap_or(match length {
            0..126 => 0,
            126..65536 => 2,
            _ => 8,
        });
        let header_length = 2 + form + if key.is_some() { 4 } else { 0 };
        let frame = Frame {
            unfinished: says.unfinished,
            session: SessionId(self.conn),
            fin: says.fin,
            rsv: says.rsv,
            opcode: Opcode(says.opcode),
            masking_key: key,
            length,
            header_length,
        };
        let place = self.place(dir, length.min(1 << 40) + u64::from(header_length));
        let place = Place {
            first: says.first.and_then(PacketNo::new),
            ..place
        };
        self.say(place, EventKind::Ws(Ws::Frame(frame)), Loan::default());
        if !says.unfinished {
            self.message(dir, &says, length, place);
        }
        self
    }

    fn message(&mut self, dir: Dir, says: &Says, wire: u64, place: Place) {
        let kind = Kind::of(Opcode(says.opcode));
        let (kind, frames, wire, payload) = match (kind, says.opcode) {
            (Some(kind), _) if !kind.is_data() => (kind, 1, wire, says.payload.clone()),
            (kind, 0..3) => {
                let parts = dir.of_mut(&mut self.parts);
                let begun = dir.of_mut(&mut self.begun);
                if let Some(kind) = kind {
                    *begun = Some((kind, 0, 0));
                    parts.clear();
                }
                let Some((kind, frames, sum)) = begun else {
                    return;
                };
                parts.extend_from_slice(&says.payload);
                *frames += 1;
                *sum += wire;
                let (kind, frames, sum) = (*kind, *frames, *sum);
                if !says.fin {
                    return;
                }
                *begun = None;
                (kind, frames, sum, std::mem::take(parts))
            }
            _ => return,
        };
        let checked = match kind {
            Kind::Close => payload.get(2..).unwrap_or_default(),
            _ => &payload,
        };
        let broken = matches!(says.inflated.ending, wscope::model::Ending::Broken(_));
        let message = Message {
            session: SessionId(self.conn),
            kind,
            compressed: says.compressed,
            complete: !broken && !says.incomplete,
            utf8: std::str::from_utf8(checked).is_ok(),
            frames,
            length: says.plain.unwrap_or(payload.len() as u64),
            wire_length: wire,
            inflated: says.inflated,
        };
        self.say(
            place,
            EventKind::Ws(Ws::Message(message)),
            Loan::known(&payload),
        );
    }

    pub fn lose(&mut self, dir: Dir, what: What) -> &mut Self {
        let span = Span::tcp(*dir.of(&self.at), 10);
        let text = "lost".into();
        let kind = EventKind::Anomaly(Anomaly {
            what,
            text,
            packets: None,
        });
        self.say(Place::at(dir, span), kind, Loan::default());
        self
    }

    fn note(&mut self, dir: Dir, note: Note) -> &mut Self {
        let span = Span::tcp(*dir.of(&self.at), 0);
        self.say(
            Place::at(dir, span),
            EventKind::Tcp(Tcp::Note(note)),
            Loan::default(),
        );
        self
    }

    pub fn fin(&mut self, dir: Dir) -> &mut Self {
        self.note(dir, Note::Fin)
    }

    /// Both sides say FIN, after so many bytes of this connection.
    pub fn carried(&mut self, bytes: [u64; 2]) -> &mut Self {
        self.fin(C).fin(S);
        let close = TcpClose {
            reset: false,
            first: C,
            bytes,
            how: How::FourSegments,
            completeness: 31,
            keep_alives: 0,
        };
        let kind = EventKind::Tcp(Tcp::Close(close));
        self.say(Place::default(), kind, Loan::default());
        self
    }

    /// TLS is over; these said close_notify.
    pub fn notify(&mut self, said: [bool; 2], sealed: u64) -> &mut Self {
        let sides = said.map(|close_notify| TlsCounts {
            close_notify,
            sealed,
            ..TlsCounts::default()
        });
        let close = TlsClose {
            sides,
            websocket_likely: None,
        };
        let kind = EventKind::Tls(Tls::Close(Box::new(close)));
        self.say(Place::default(), kind, Loan::default());
        self
    }

    /// close_notify, inside TLS.
    pub fn leave(&mut self, dir: Dir) -> &mut Self {
        let alert = Alert {
            level: 1,
            code: 0,
            name: "close_notify",
        };
        let place = self.place(dir, 24);
        self.say(
            place,
            EventKind::Tls(Tls::Alert(Box::new(alert))),
            Loan::default(),
        );
        self
    }

    pub fn rst(&mut self, dir: Dir) -> &mut Self {
        self.note(dir, Note::Rst);
        let close = TcpClose {
            reset: true,
            first: dir,
            bytes: self.at,
            how: How::Abort,
            completeness: 0,
            keep_alives: 0,
        };
        self.say(
            Place::default(),
            EventKind::Tcp(Tcp::Close(close)),
            Loan::default(),
        );
        self
    }

    /// Both sides close, the server ends TCP first.
    pub fn bye(&mut self) -> &mut Self {
        self.send(C, close(1000)).send(S, close(1000)).fin(S).fin(C)
    }

    pub fn over(&mut self) -> &mut Self {
        if !std::mem::replace(&mut self.ended, true) {
            self.cx(|cx| cx.over());
        }
        self
    }

    pub fn end(mut self) -> Findings {
        self.over();
        while let Some((conn, flow, place, kind)) = self.judge.at_last() {
            self.conn = conn.0;
            assert_eq!(flow.server.port, 80);
            self.say(place, kind, Loan::default());
        }
        self.judge.into_inner()
    }
}

/// A frame that is sent, and what it makes of its message.
#[derive(Clone)]
pub struct Says {
    opcode: u8,
    fin: bool,
    rsv: u8,
    key: Option<Option<u32>>,
    payload: Vec<u8>,
    form: Option<u8>,
    length: Option<u64>,
    plain: Option<u64>,
    unfinished: bool,
    incomplete: bool,
    compressed: bool,
    inflated: Inflated,
    first: Option<u64>,
}

pub fn frame(opcode: u8, payload: impl AsRef<[u8]>) -> Says {
    Says {
        opcode,
        fin: true,
        rsv: 0,
        key: None,
        payload: payload.as_ref().to_vec(),
        form: None,
        length: None,
        plain: None,
        unfinished: false,
        incomplete: false,
        compressed: false,
        inflated: Inflated::default(),
        first: None,
    }
}

pub fn text(payload: impl AsRef<[u8]>) -> Says {
    frame(1, payload)
}

pub fn binary(payload: impl AsRef<[u8]>) -> Says {
    frame(2, payload)
}

pub fn more(payload: impl AsRef<[u8]>) -> Says {
    frame(0, payload)
}

pub fn ping(payload: impl AsRef<[u8]>) -> Says {
    frame(9, payload)
}

pub fn pong(payload: impl AsRef<[u8]>) -> Says {
    frame(10, payload)
}

pub fn close(code: u16) -> Says {
    frame(8, CloseCode(code).0.to_be_bytes())
}

impl Says {
    pub fn part(self) -> Self {
        Self { fin: false, ..self }
    }

    pub fn rsv(self, rsv: u8) -> Self {
        Self { rsv, ..self }
    }

    pub fn key(self, key: u32) -> Self {
        Self {
            key: Some(Some(key)),
            ..self
        }
    }

    pub fn unmasked(self) -> Self {
        Self {
            key: Some(None),
            ..self
        }
    }

    pub fn form(self, form: u8) -> Self {
        Self {
            form: Some(form),
            ..self
        }
    }

    pub fn length(self, length: u64) -> Self {
        Self {
            length: Some(length),
            ..self
        }
    }

    pub fn unfinished(self) -> Self {
        Self {
            unfinished: true,
            ..self
        }
    }

    pub fn incomplete(self) -> Self {
        Self {
            incomplete: true,
            ..self
        }
    }

    pub fn began_in(self, packet: u64) -> Self {
        Self {
            first: Some(packet),
            ..self
        }
    }

    /// Compressed, to so many bytes on the wire, of so many.
    pub fn deflated(self, inflated: Inflated, wire: u64, plain: u64) -> Self {
        Self {
            rsv: 4,
            compressed: true,
            inflated,
            length: Some(wire),
            plain: Some(plain),
            ..self
        }
    }
}

/// A text masked once too often.
pub fn masked(text: &str, key: u32) -> Vec<u8> {
    let key = key.to_be_bytes();
    text.bytes()
        .zip(key.iter().cycle())
        .map(|(byte, key)| byte ^ key)
        .collect()
}
