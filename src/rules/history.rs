//! What happened in a connection so far, folded from its events.

use crate::model::{
    CloseCode, Dir, Event, EventId, Frame, Kind, MaskingKey, Message, Opcode, Open, PacketNo,
    Request, SessionId, Space, Span, TcpClose, Timestamp,
};
use std::collections::VecDeque;

/// An event, as far as a finding needs it.
#[derive(Clone, Copy, Debug)]
pub struct At {
    pub id: EventId,
    pub span: Span,
    pub first: PacketNo,
    pub packet: PacketNo,
    pub time: Timestamp,
}

impl At {
    pub fn of(event: &Event) -> Self {
        Self {
            id: event.id,
            span: event.span,
            first: event.first,
            packet: event.packet,
            time: event.time,
        }
    }
}

/// One connection.
#[derive(Debug, Default)]
pub struct History {
    /// Nanoseconds of the TCP handshake, where all of it was captured.
    pub rtt: Option<i64>,
    /// Requests whose answer has not come.
    pub asked: VecDeque<Asked>,
    /// The request that opened the session, or was refused last.
    pub request: Option<Box<Asked>>,
    pub session: Option<SessionId>,
    pub open: Option<(Box<Open>, At)>,
    claims: Option<u8>,
    /// The handshake, or a part of it, was not captured.
    pub inferred: bool,
    pub sides: [Side; 2],
    /// The first FIN of each direction, and its stream offset.
    pub fins: [Option<At>; 2],
    /// Who sent a RST first.
    pub reset: Option<(Dir, At)>,
    pub tcp_close: Option<TcpClose>,
    /// Whether each side said close_notify inside TLS, where that can be known.
    pub close_notify: [Option<bool>; 2],
    /// When it did.
    pub notified: [Option<At>; 2],
    pub last: Option<At>,
}

/// A request, kept until it is answered, and longer if it opens a session.
#[derive(Debug)]
pub struct Asked {
    pub at: At,
    /// Only of requests that ask for WebSocket.
    pub request: Option<Box<Request>>,
    /// The rules that it broke, those of error severity.
    pub faults: Vec<&'static str>,
}

/// One direction, and what its sender did.
#[derive(Debug, Default)]
pub struct Side {
    /// Bytes of it are missing from the capture.
    pub hole: bool,
    /// Frames may be missing: where they begin was not known for a while.
    pub lost: bool,
    /// Packets were dropped, and nothing that came since shows that none of them was of this side.
    pub doubt: bool,
    pub frames: u64,
    /// The last frame.
    pub last: Option<At>,
    /// The last frame that was not a close.
    pub last_but_close: Option<At>,
    pub key: Option<MaskingKey>,
    pub keys: Keys,
    /// The text or binary message that is not finished.
    pub message: Option<Begun>,
    /// The frames of the message that has just been finished.
    pub finished: Option<Begun>,
    /// A frame whose payload the end cut short.
    pub unfinished: Option<At>,
    /// How many bytes it announced.
    pub announced: u64,
    pub close: Option<Sent>,
    /// Pings that were not answered yet, the oldest first.
    pub pings: VecDeque<Ping>,
    /// When it pinged last, and the shortest time between two pings, nanoseconds.
    pub pinged: Option<Timestamp>,
    pub ping_period: Option<i64>,
    /// A pong that matches no ping though some were waiting.
    pub odd_pong: Option<At>,
    /// Pings and pongs of this side, by WebSocket and by the application.
    pub ws_ping: bool,
    pub app_ping: bool,
    /// The beginnings of its last text messages, where it matters what they said.
    pub texts: VecDeque<Box<str>>,
    /// The worst breach of this side that its peer must not put up with, and when.
    pub breach: Option<(At, &'static str)>,
    /// Data frames that this side sent after its peer's breach.
    pub after_breach: u64,
}

/// A message that has begun.
#[derive(Clone, Debug)]
pub struct Begun {
    pub at: At,
    pub opcode: Opcode,
    pub frames: u32,
    /// Where each frame's payload ends in the message; only the first few hundred, and none where
    /// there is one frame only.
    pub ends: Vec<u64>,
    pub empty: u32,
    pub length: u64,
    pub key: Option<MaskingKey>,
}

/// A close frame.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    pub at: At,
    pub code: Option<CloseCode>,
    /// How many more came.
    pub more: u32,
}

/// A ping.
#[derive(Clone, Debug)]
pub struct Ping {
    pub at: At,
    pub payload: Box<[u8]>,
    /// Its sender had sent nothing of the session's end before, and its receiver neither.
    pub due: bool,
}

/// What the masking keys of a side look like.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keys {
    /// The difference between the last two.
    pub step: Option<u32>,
    /// How many differences in a row were this one.
    pub steps: u32,
    /// The keys so far, and which of their bytes were never another.
    count: u32,
    moved: [bool; 4],
}

/// How many frame ends of a message, and how many waiting pings, are remembered.
const KEPT: usize = 256;

/// How many texts of a side are.
const TEXTS: usize = 4;

impl History {
    pub fn side(&self, dir: Dir) -> &Side {
        dir.of(&self.sides)
    }

    /// The request of the handshake that is looked at.
    pub fn request(&self) -> Option<&Request> {
        self.request.as_ref()?.request.as_deref()
    }

    /// Both sides said FIN, or one said RST.
    pub fn ended(&self) -> bool {
        self.reset.is_some() || self.fins.iter().all(Option::is_some)
    }

    /// Whether the session lies inside TLS.
    pub fn tls(&self) -> bool {
        let inside = |(_, at): &(Box<Open>, At)| at.span.space != Space::Tcp;
        self.open.as_ref().is_some_and(inside)
    }

    /// Nothing that this side sent at its end can be missing.
    pub fn tail_known(&self, dir: Dir) -> bool {
        if dir.of(&self.fins).is_some() {
            return true;
        }
        let extent = self.tcp_close.map(|close| *dir.of(&close.bytes));
        match (self.reset, extent) {
            (Some((by, at)), Some(extent)) => by == dir && at.span.start <= extent,
            _ => false,
        }
    }

    /// What this side sent last may be among the packets that were dropped.
    pub fn hidden(&self, dir: Dir) -> bool {
        self.side(dir).doubt && !self.tail_known(dir)
    }

    /// Who ended TCP first, and when.
    pub fn first_end(&self) -> Option<(Dir, At)> {
        let fins = Dir::BOTH
            .into_iter()
            .filter_map(|dir| Some((dir, (*dir.of(&self.fins))?)));
        fins.chain(self.reset)
            .min_by_key(|(_, at)| (at.packet, at.id))
    }

    /// Whether the receiver of this direction had heard enough first: it sent a close, or ended TCP,
    /// and left the sender nowhere to send the rest.
    pub fn turned_away(&self, dir: Dir) -> bool {
        let first = self.first_end().filter(|(by, _)| *by != dir);
        let theirs = self.side(dir.flip()).close.map(|close| close.at);
        let away = theirs.or(first.map(|(_, at)| at));
        let own = self.side(dir).close.map(|close| close.at.id);
        away.is_some_and(|away| own.is_none_or(|own| away.id < own))
    }

    /// Which of RSV1 to RSV3 (4, 2, 1) an agreed extension may use; all, where that is not known.
    pub fn claimed(&self) -> u8 {
        self.claims.unwrap_or(7)
    }

    /// Takes what both agreed on.
    pub fn open(&mut self, open: &Open, at: At) {
        let extensions = open.extensions.as_deref().unwrap_or_default();
        let known = super::fields::extensions(extensions.as_bytes());
        let foreign = known
            .iter()
            .flatten()
            .any(|it| !it.name.eq_ignore_ascii_case(b"permessage-deflate"));
        let unclear = known.is_err() && !extensions.is_empty();
        self.claims = Some(match (unclear || foreign, open.deflate) {
            (true, _) => 7,
            (false, Some(_)) => 4,
            (false, None) => 0,
        });
        self.open = Some((Box::new(open.clone()), at));
    }

    pub fn frame(&mut self, dir: Dir, frame: &Frame, at: At) {
        if !frame.opcode.is_control() && dir.flip().of(&self.sides).breach.is_some() {
            dir.of_mut(&mut self.sides).after_breach += 1;
        }
        self.last = Some(at);
        let side = dir.of_mut(&mut self.sides);
        side.frames += 1;
        side.last = Some(at);
        if frame.opcode != Opcode::CLOSE {
            side.last_but_close = Some(at);
        }
        if frame.unfinished {
            side.unfinished = Some(at);
            side.announced = frame.length;
        }
        if let Some(key) = frame.masking_key {
            if let Some(last) = side.key {
                side.keys.note(last, key);
            }
            side.key = Some(key);
        }
        if frame.opcode.is_control() {
            return;
        }
        if matches!(frame.opcode, Opcode::TEXT | Opcode::BINARY) {
            side.message = Some(Begun {
                at,
                opcode: frame.opcode,
                frames: 0,
                ends: Vec::new(),
                empty: 0,
                length: 0,
                key: frame.masking_key,
            });
        }
        if let Some(begun) = &mut side.message {
            begun.frames += 1;
            begun.length = begun.length.saturating_add(frame.length);
            begun.empty += u32::from(frame.length == 0 && !frame.fin);
            // Of a message in one frame it is the length.
            let whole = frame.fin && begun.frames == 1;
            if !whole && begun.ends.len() < KEPT {
                begun.ends.push(begun.length);
            }
            if frame.fin && !frame.unfinished {
                side.finished = side.message.take();
            }
        }
    }

    pub fn message(&mut self, dir: Dir, message: &Message, payload: &[u8], at: At) {
        let closing = self.side(dir).close.is_some() || self.side(dir.flip()).close.is_some();
        match message.kind {
            Kind::Close => match &mut dir.of_mut(&mut self.sides).close {
                Some(sent) => sent.more += 1,
                none => {
                    let code = CloseCode::read(payload).filter(|_| message.complete);
                    *none = Some(Sent { at, code, more: 0 });
                }
            },
            Kind::Ping => {
                let side = dir.of_mut(&mut self.sides);
                side.ws_ping = true;
                if let Some(last) = side.pinged.replace(at.time) {
                    let period = at.time.since(last);
                    side.ping_period = Some(side.ping_period.map_or(period, |it| it.min(period)));
                }
                if side.pings.len() == KEPT {
                    side.pings.pop_front();
                }
                side.pings.push_back(Ping {
                    at,
                    payload: payload.into(),
                    due: !closing && message.complete,
                });
            }
            Kind::Pong => self.pong(dir, payload, at),
            Kind::Text | Kind::Binary => {
                let inside = self.tls();
                let deflates = self
                    .open
                    .as_ref()
                    .is_some_and(|(open, _)| open.deflate.is_some());
                if deflates && inside && message.kind == Kind::Text {
                    let texts = &mut dir.of_mut(&mut self.sides).texts;
                    if texts.len() == TEXTS {
                        texts.pop_front();
                    }
                    texts.push_back(super::secrets::beginning(payload).into());
                }
                dir.of_mut(&mut self.sides).app_ping |= super::ping::is_app_ping(message, payload);
            }
        }
    }

    fn pong(&mut self, dir: Dir, payload: &[u8], at: At) {
        let pings = &mut dir.flip().of_mut(&mut self.sides).pings;
        match answered(pings, payload) {
            Some(which) => drop(pings.drain(..=which)),
            None if !pings.is_empty() => dir.of_mut(&mut self.sides).odd_pong = Some(at),
            None => {}
        }
    }
}

/// Which of the waiting pings this pong answers: the newest that it equals.
pub fn answered(pings: &VecDeque<Ping>, payload: &[u8]) -> Option<usize> {
    pings.iter().rposition(|ping| *ping.payload == *payload)
}

impl Keys {
    /// Where this key, the sixteenth, has a byte that none of them had otherwise though others
    /// changed.
    pub fn constant(&self, last: MaskingKey, key: MaskingKey) -> Option<usize> {
        let moved = moved(self.moved, last, key);
        // The keys so far are one more than the differences.
        (self.count + 2 == 16 && moved.contains(&true))
            .then(|| moved.iter().position(|moved| !moved))
            .flatten()
    }

    fn note(&mut self, last: MaskingKey, key: MaskingKey) {
        self.count += 1;
        self.moved = moved(self.moved, last, key);
        let step = step(last, key);
        if self.step == Some(step) {
            self.steps += 1;
        } else {
            (self.step, self.steps) = (Some(step), 1);
        }
    }
}

/// Which bytes have changed, with this key.
fn moved(before: [bool; 4], last: MaskingKey, key: MaskingKey) -> [bool; 4] {
    let mut moved = before;
    for (moved, (a, b)) in moved.iter_mut().zip(last.0.iter().zip(key.0)) {
        *moved |= *a != b;
    }
    moved
}

/// From one key to the next.
pub fn step(from: MaskingKey, to: MaskingKey) -> u32 {
    u32::from_be_bytes(to.0).wrapping_sub(u32::from_be_bytes(from.0))
}
