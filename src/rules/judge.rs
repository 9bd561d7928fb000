//! Asks the rules about everything that happens, and puts their answers on the timeline.

use super::case::Case;
use super::history::{Asked, At, History};
use super::missing;
use super::on::{OfFrames, OfMessages};
use super::others::Others;
use super::{Check, GB, Needs, Note, OnFrame, OnMessage, Rule, Scene, fields, rules};
use crate::model::{
    Anomaly, ConnId, Conns, Dir, Event, EventKind, Flow, Frame, FrameStart, Http, Kind, Loan,
    MessageRef, Note as TcpNote, PacketNo, Piece, Place, Request, Response, Segment, Severity,
    Sink, Tcp, Tls, TlsClose, Trust, Want, What, Wire, Ws,
};
use std::collections::VecDeque;
use std::io;

/// A sink that passes everything on, remembers what happened, and adds what the rules say of it.
///
/// In one place it holds back what cannot be decided: where the capture lost what a rule needs, the
/// rule is not asked, and the verdict is `undecidable`, said once for each session, side and rule at
/// the end of the connection.
#[derive(Debug)]
pub struct Judge<S> {
    sink: S,
    table: Table,
    conns: Conns<Box<Case>>,
    others: Others,
    said: VecDeque<(Place, EventKind)>,
}

/// The rules, by what they look at.
#[derive(Debug)]
pub struct Table {
    request: Vec<&'static Rule>,
    answer: Vec<&'static Rule>,
    open: Vec<&'static Rule>,
    pub frame: OfFrames,
    pub message: OfMessages,
    pub end: Vec<&'static Rule>,
    next: Vec<&'static Rule>,
}

impl<S: Sink> Judge<S> {
    /// Judges everything on its way to this sink.
    pub fn new(sink: S) -> Self {
        Self {
            sink,
            table: Table::new(),
            conns: Conns::default(),
            others: Others::default(),
            said: VecDeque::new(),
        }
    }

    /// The sink behind.
    pub fn inner(&self) -> &S {
        &self.sink
    }

    /// The sink behind.
    pub fn into_inner(self) -> S {
        self.sink
    }

    fn look(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) {
        let begins = matches!(
            event.kind,
            EventKind::Tcp(Tcp::Open(_)) | EventKind::Http(_) | EventKind::Ws(_)
        );
        let case = match begins {
            true => self
                .conns
                .get_or_insert_with(event.conn, || Case::new(*flow)),
            false => match self.conns.get_mut(event.conn) {
                Some(case) => case,
                None => return,
            },
        };
        case.flow = *flow;
        let mut bench = Bench {
            case,
            others: &mut self.others,
            said: &mut self.said,
            table: &self.table,
            event,
            at: At::of(event),
        };
        match (&event.kind, event.dir) {
            (EventKind::Tcp(tcp), dir) => bench.tcp(tcp, dir),
            (EventKind::Http(Http::Request(request)), _) => bench.request(request),
            (EventKind::Http(Http::Response(response)), _) => bench.response(response),
            (EventKind::Ws(ws), dir) => bench.ws(ws, dir, loan),
            (EventKind::Anomaly(anomaly), dir) => {
                if let (What::Unfinished, Some(dir)) = (anomaly.what, dir)
                    && let Some(start) = FrameStart::read(loan.bytes)
                {
                    bench.frame_start(start, dir);
                }
                bench.anomaly(anomaly, dir);
            }
            (EventKind::Tls(Tls::Close(close)), _) => bench.tls_close(close),
            (EventKind::Tls(Tls::Alert(alert)), Some(dir)) if alert.is_close_notify() => {
                let notified = dir.of_mut(&mut bench.case.history.notified);
                notified.get_or_insert(bench.at);
            }
            (EventKind::Tls(_) | EventKind::Finding(_) | EventKind::Insight(_), _) => {}
        }
    }
}

impl<S: Sink> Sink for Judge<S> {
    fn want(&self) -> Want {
        Want {
            joined: true,
            ..self.sink.want()
        }
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        self.sink.event(event, flow, loan)?;
        self.look(event, flow, loan);
        Ok(())
    }

    fn part(&mut self, of: MessageRef, at: u64, loan: Loan<'_>) -> io::Result<()> {
        self.sink.part(of, at, loan)
    }

    fn stream(&mut self, piece: Piece<'_>) -> io::Result<()> {
        self.sink.stream(piece)
    }

    fn over(&mut self, conn: ConnId) {
        self.sink.over(conn);
        self.others.over(conn);
        if let Some(mut case) = self.conns.remove(conn) {
            case.end(conn, &self.table, &mut self.others, &mut self.said);
        }
    }

    fn segment(&mut self, conn: ConnId, flow: &Flow, packet: PacketNo, segment: &Segment<'_>) {
        self.sink.segment(conn, flow, packet, segment);
    }

    fn wire(&mut self, conn: ConnId, dir: Dir, wire: Wire) {
        self.sink.wire(conn, dir, wire);
    }

    fn gone(&mut self, conn: ConnId) {
        self.sink.gone(conn);
    }

    fn at_last(&mut self) -> Option<(ConnId, Flow, Place, EventKind)> {
        self.others.refused.next().or_else(|| self.sink.at_last())
    }

    fn more(&mut self) -> Option<(Place, EventKind)> {
        self.said.pop_front().or_else(|| self.sink.more())
    }
}

impl Table {
    fn new() -> Self {
        let those =
            |wanted: fn(&Check) -> bool| rules().filter(|rule| wanted(&rule.check)).collect();
        Self {
            request: those(|check| matches!(check, Check::Request(_) | Check::Extensions(_))),
            answer: those(|check| matches!(check, Check::Answer(_) | Check::Extensions(_))),
            open: those(|check| matches!(check, Check::Open(_))),
            frame: OfFrames::new(),
            message: OfMessages::new(),
            end: those(|check| matches!(check, Check::End(_) | Check::FrameAndEnd(..))),
            next: those(|check| matches!(check, Check::Next(_))),
        }
    }
}

/// One event before the judge.
struct Bench<'a> {
    case: &'a mut Case,
    others: &'a mut Others,
    said: &'a mut VecDeque<(Place, EventKind)>,
    table: &'a Table,
    event: &'a Event,
    at: At,
}

impl Bench<'_> {
    fn tcp(&mut self, tcp: &Tcp, dir: Option<Dir>) {
        let history = &mut self.case.history;
        match (tcp, dir) {
            (Tcp::Open(open), _) => history.rtt = open.initial_rtt,
            (Tcp::Close(close), _) => history.tcp_close = Some(*close),
            (Tcp::Note(TcpNote::Fin), Some(dir)) => {
                dir.of_mut(&mut history.fins).get_or_insert(self.at);
            }
            (Tcp::Note(TcpNote::Rst), Some(dir)) => {
                history.reset.get_or_insert((dir, self.at));
            }
            (Tcp::Note(_), _) => {}
        }
    }

    fn tls_close(&mut self, close: &TlsClose) {
        let notify = &mut self.case.history.close_notify;
        for (said, counts) in notify.iter_mut().zip(&close.sides) {
            // One of the records that were not opened may be it.
            let known = counts.close_notify || counts.sealed == 0;
            *said = known.then_some(counts.close_notify);
        }
    }

    /// Asks these rules about the event, where what they need was seen.
    fn ask(
        &mut self,
        rules: impl IntoIterator<Item = &'static Rule>,
        dir: Dir,
        mut check: impl FnMut(&Check, &Scene<'_>) -> Option<Note>,
        missing: impl Fn(&Rule, &History) -> Option<&'static str>,
    ) {
        for rule in rules {
            // An answer may show what the client did.
            let dir = match (rule.by.means(dir), &rule.check) {
                (true, _) => dir,
                (false, Check::Answer(_)) => dir.flip(),
                (false, _) => continue,
            };
            let history = &self.case.history;
            let on_two_sides =
                rule.needs.has(Needs::MANY) && matches!(rule.check, Check::Message(..));
            if !missing::applies(rule, history)
                || on_two_sides && !self.others.legs.has(self.event.conn)
            {
                continue;
            }
            if let Some(why) = missing(rule, history) {
                self.case.undecided(rule, dir, why);
                continue;
            }
            let scene = Scene {
                history,
                others: self.others,
                dir,
                at: self.at,
                conn: self.event.conn,
                flow: &self.case.flow,
            };
            let Some(note) = check(&rule.check, &scene) else {
                continue;
            };
            // A lost byte at the end of what was seen shows later than what answers it.
            if rule.needs.has(GB) {
                self.case.hold(rule, dir, note, self.at);
            } else {
                self.case.record(rule, dir, note, self.at, self.said);
            }
        }
    }

    fn request(&mut self, request: &Request) {
        let asks = fields::asks(request);
        let mut asked = Asked {
            at: self.at,
            request: asks.then(|| Box::new(request.clone())),
            faults: Vec::new(),
        };
        self.others
            .refused
            .asked(self.event.conn, &self.case.flow, request, self.at);
        if asks {
            let table = self.table;
            let offers = fields::joined(request.all("sec-websocket-extensions"))
                .and_then(|value| fields::extensions(&value).ok())
                .unwrap_or_default();
            let before = self.said.len();
            self.ask(
                table.request.iter().copied(),
                Dir::C2s,
                |check, scene| match check {
                    Check::Request(check) => check(request, scene),
                    Check::Extensions(check) => check(&offers, scene),
                    _ => None,
                },
                |_, history| missing::in_heads(&[history.side(Dir::C2s).hole]),
            );
            let faults = self
                .said
                .iter()
                .skip(before)
                .filter_map(|(_, kind)| match kind {
                    EventKind::Finding(finding) if finding.severity == Severity::Error => {
                        Some(finding.rule)
                    }
                    _ => None,
                });
            asked.faults.extend(faults);
            let key = request.all("sec-websocket-key").next();
            self.others
                .asked(self.event.conn, &self.case.flow, key, self.at.time);
        }
        let waiting = &mut self.case.history.asked;
        if waiting.len() == WAITING {
            waiting.pop_front();
        }
        waiting.push_back(asked);
    }

    fn response(&mut self, response: &Response) {
        if matches!(response.status, 100 | 102..=199) {
            return;
        }
        let asked = self.case.history.asked.pop_front();
        let asks = asked.as_ref().is_some_and(|asked| asked.request.is_some());
        self.case.history.request = asked.map(Box::new);
        if !asks {
            return;
        }
        let table = self.table;
        let selected = super::answer::selected(response).unwrap_or_default();
        self.ask(
            table.answer.iter().copied(),
            Dir::S2c,
            |check, scene| match check {
                Check::Answer(check) => check(response, scene),
                Check::Extensions(check) => check(&selected, scene),
                _ => None,
            },
            |_, history| missing::in_heads(&history.sides.each_ref().map(|side| side.hole)),
        );
        self.next(response);
        let key = self
            .case
            .history
            .request()
            .and_then(|it| it.all("sec-websocket-key").next());
        self.others.answered(self.event.conn, key, self.at.time);
    }

    /// Answers that are told at the end, with what the client did next.
    fn next(&mut self, response: &Response) {
        for &rule in &self.table.next {
            let holes = self.case.history.sides.each_ref().map(|side| side.hole);
            if let Some(why) = missing::in_heads(&holes) {
                self.case.undecided(rule, Dir::S2c, why);
                continue;
            }
            let scene = Scene {
                history: &self.case.history,
                others: self.others,
                dir: Dir::S2c,
                at: self.at,
                conn: self.event.conn,
                flow: &self.case.flow,
            };
            if let Check::Next(check) = rule.check
                && let Some(note) = check(response, &scene)
            {
                let flow = self.case.flow;
                let refused = &mut self.others.refused;
                refused.add(self.event.conn, flow, rule, note.text, self.at);
            }
        }
    }

    fn ws(&mut self, ws: &Ws, dir: Option<Dir>, loan: Loan<'_>) {
        let table = self.table;
        match (ws, dir) {
            (Ws::Open(open), _) => {
                let history = &mut self.case.history;
                history.session = Some(open.session);
                history.inferred = open.inferred || self.event.trust == Trust::Inferred;
                self.ask(
                    table.open.iter().copied(),
                    Dir::S2c,
                    |check, scene| match check {
                        Check::Open(check) => check(open, scene),
                        _ => None,
                    },
                    |_, history| missing::inferred(history),
                );
                self.case.history.open(open, self.at);
            }
            (Ws::Frame(frame), Some(dir)) => {
                // No byte before it is missing: that would have been said.
                dir.of_mut(&mut self.case.history.sides).doubt = false;
                let doubt = self.event.trust == Trust::Inferred;
                let marks = OnFrame::of(frame, self.case.history.side(dir));
                // What cannot be decided is said of every rule, so then all are asked.
                let all = doubt || missing::something(dir, &self.case.history);
                let asked = table.frame.about(dir, marks, all);
                self.ask(
                    asked,
                    dir,
                    |check, scene| match check {
                        Check::Frame(_, check) | Check::FrameAndEnd(_, check, _) => {
                            check(frame, scene)
                        }
                        _ => None,
                    },
                    |rule, history| {
                        all.then(|| missing::in_streams(rule, dir, history, doubt))
                            .flatten()
                    },
                );
                self.case.history.frame(dir, frame, self.at);
            }
            (Ws::Message(message), Some(dir)) => {
                let doubt = self.event.trust == Trust::Inferred;
                self.others
                    .legs
                    .passed(self.event.conn, dir, message, loan.bytes, self.at);
                let altered = self.others.legs.changed().is_some();
                let marks = OnMessage::of(message, self.case.history.side(dir), altered);
                let lost = doubt || !message.complete;
                let all = lost || missing::something(dir, &self.case.history);
                let asked = table.message.about(dir, marks, all);
                self.ask(
                    asked,
                    dir,
                    |check, scene| match check {
                        Check::Message(_, check) => check(message, loan.bytes, scene),
                        _ => None,
                    },
                    |rule, history| {
                        if !all {
                            return None;
                        }
                        let lost =
                            !message.complete && (history.side(dir).hole || !message.compressed);
                        lost.then_some(missing::LOST)
                            .or_else(|| missing::in_streams(rule, dir, history, doubt))
                    },
                );
                self.case.history.message(dir, message, loan.bytes, self.at);
                if message.kind == Kind::Close {
                    self.case.history.last = Some(self.at);
                }
            }
            _ => {}
        }
    }

    /// A frame of which no more than the first bytes of its header came: they may be enough to break a
    /// rule, and why its receiver wanted no more.
    fn frame_start(&mut self, start: FrameStart, dir: Dir) {
        let Some(session) = self.case.history.session else {
            return;
        };
        let sure =
            self.event.trust != Trust::Inferred && !missing::something(dir, &self.case.history);
        if sure {
            let frame = Frame {
                session,
                unfinished: true,
                fin: start.fin,
                rsv: start.rsv,
                opcode: start.opcode,
                masking_key: None,
                length: 0,
                header_length: 2,
            };
            let marks = OnFrame::of_start(start, &frame, self.case.history.side(dir));
            let asked = self.table.frame.about(dir, marks, false);
            self.ask(
                asked,
                dir,
                |check, scene| match check {
                    Check::Frame(_, check) => check(&frame, scene),
                    _ => None,
                },
                |_, _| None,
            );
        }
        dir.of_mut(&mut self.case.history.sides).unfinished = Some(self.at);
    }

    fn anomaly(&mut self, anomaly: &Anomaly, dir: Option<Dir>) {
        self.others.legs.lose(self.event.conn);
        let sides = &mut self.case.history.sides;
        let dirs = match (anomaly.what, dir) {
            // From here on nothing of the connection is read any more.
            (What::Malformed, _) | (_, None) => Dir::BOTH.to_vec(),
            (_, Some(dir)) => vec![dir],
        };
        // A copy that stops at its limit has no length: no byte of the stream is missing.
        let limit = anomaly.what == What::Limit && self.event.span.len > 0;
        let boundary = matches!(
            anomaly.what,
            What::Boundary | What::Malformed | What::Conflict | What::Late
        );
        let hole = matches!(
            anomaly.what,
            What::Gap | What::Truncated | What::Fragment | What::Decrypt
        );
        for dir in dirs {
            let side = dir.of_mut(sides);
            side.doubt |= anomaly.what == What::Dropped;
            side.lost |= boundary || limit;
            side.hole |= boundary || limit || hole;
        }
    }
}

/// How many requests without an answer are remembered; a hole may hide answers.
const WAITING: usize = 1024;
