//! HTTP/1.1: heads, bodies, and the upgrade.   RFC 9112
//!
//! Requests and responses are paired in order. After a request that asks for an upgrade or a
//! tunnel, the client's bytes wait for the answer: only it tells what they are.

mod body;
mod grammar;
mod lost;
pub mod upgrade;

use super::detect::Detect;
use super::opaque::Opaque;
use super::websocket::WebSocket;
use super::{Layer, Step};
use crate::model::{
    Cx, Dir, EventKind, Http, Input, Loan, Note, PacketNo, Place, Request, Response, Span, Tcp,
    Trust, What, Ws,
};
use body::Body;
use lost::Lost;
use std::collections::VecDeque;

/// Both directions of an HTTP/1.1 connection.
#[derive(Clone, Debug, Default)]
pub struct Http1 {
    sides: [State; 2],
    /// How much of an incomplete head was searched for its end already; 0 where none waits.
    searched: [usize; 2],
    /// Requests whose answer has not come yet.
    pending: VecDeque<Pending>,
}

/// What the next bytes of a direction are.
#[derive(Clone, Debug, Default)]
enum State {
    #[default]
    Head,
    Body(Body),
    /// Where the next head begins is not known.
    Lost(Box<Lost>),
}

/// A request that waits for its answer.
#[derive(Clone, Debug)]
struct Pending {
    head_only: bool,
    ask: Ask,
}

#[derive(Clone, Debug)]
enum Ask {
    Nothing,
    WebSocket(Box<Request>),
    Tunnel,
}

impl Ask {
    fn of(request: &Request) -> Self {
        if upgrade::is_asked(request) {
            Self::WebSocket(Box::new(request.clone()))
        } else if request.method == b"CONNECT" {
            Self::Tunnel
        } else {
            Self::Nothing
        }
    }
}

/// How many unanswered requests are remembered; more are not plausible, and a hole may hide answers.
const PENDING: usize = 1024;

impl Http1 {
    /// A connection of which it is not known where anything begins.
    pub fn lost() -> Self {
        Self {
            sides: Dir::BOTH.map(|_| State::Lost(Box::default())),
            ..Self::default()
        }
    }

    pub fn feed(&mut self, dir: Dir, input: Input<'_>, cx: &mut Cx<'_>) -> Step {
        match input {
            Input::Bytes { at, packet, bytes } => match dir.of_mut(&mut self.sides) {
                State::Head => self.head(dir, at, packet, bytes, cx),
                State::Body(body) => match body.feed(bytes) {
                    Ok(taken) => {
                        if body.is_done() {
                            *dir.of_mut(&mut self.sides) = State::Head;
                        }
                        Step::Took(taken)
                    }
                    Err(body::Malformed) => self.malformed(dir, at, bytes, cx),
                },
                State::Lost(lost) => match lost.look(dir, at, bytes, cx.limits.tail_bytes) {
                    lost::Found::Nothing => Step::Wait,
                    lost::Found::PassOver => Step::Took(bytes.len()),
                    lost::Found::Frames => self.frames(dir, at, cx),
                    lost::Found::Head(before) => {
                        *dir.of_mut(&mut self.sides) = State::Head;
                        match before {
                            0 => self.head(dir, at, packet, bytes, cx),
                            before => Step::Took(before),
                        }
                    }
                },
            },
            Input::Gap { at, len } => self.gap(dir, at, len, cx),
            Input::End(_) => Step::Took(0),
        }
    }

    fn head(&mut self, dir: Dir, at: u64, packet: PacketNo, bytes: &[u8], cx: &mut Cx<'_>) -> Step {
        if dir == Dir::C2s && self.waits_for_answer() {
            return Step::Pause;
        }
        let searched = dir.of_mut(&mut self.searched);
        // The empty line may begin in what has been searched: up to three bytes back.
        let Some(length) = grammar::head_length(bytes, searched.saturating_sub(3)) else {
            *searched = bytes.len();
            if bytes.len() > cx.limits.head_bytes {
                let text =
                    "this head is longer than may be held: the connection is passed over from here";
                cx.anomaly(dir, Span::tcp(at, bytes.len() as u64), What::Limit, text);
                return Step::Become(0, Layer::Opaque(Opaque));
            }
            return Step::Wait;
        };
        *searched = 0;
        let head = bytes.get(..length).unwrap_or_default();
        let place = Place::at(dir, Span::tcp(at, length as u64)).from(packet);
        match dir {
            Dir::C2s => match grammar::request(head) {
                Some(request) => self.request(request, length, place, cx),
                None => self.malformed(dir, at, head, cx),
            },
            Dir::S2c => match grammar::response(head) {
                Some(response) => self.response(response, length, place, cx),
                None => self.malformed(dir, at, head, cx),
            },
        }
    }

    fn request(&mut self, request: Request, length: usize, place: Place, cx: &mut Cx<'_>) -> Step {
        let ask = Ask::of(&request);
        let head_only = request.method == b"HEAD";
        let body = match ask {
            Ask::Tunnel => None,
            Ask::Nothing | Ask::WebSocket(_) => Body::of_request(&request),
        };
        if self.pending.len() == PENDING {
            self.pending.pop_front();
        }
        self.pending.push_back(Pending { head_only, ask });
        if let Some(body) = body {
            *Dir::C2s.of_mut(&mut self.sides) = State::Body(body);
        }
        let kind = EventKind::Http(Http::Request(Box::new(request)));
        cx.emit(place, kind, Loan::default());
        Step::Took(length)
    }

    fn response(
        &mut self,
        response: Response,
        length: usize,
        place: Place,
        cx: &mut Cx<'_>,
    ) -> Step {
        let interim = matches!(response.status, 100 | 102..=199);
        let pending = if interim {
            None
        } else {
            self.pending.pop_front()
        };
        let head_only = pending.as_ref().is_some_and(|pending| pending.head_only);
        let body = if interim {
            None
        } else {
            Body::of_response(&response, head_only)
        };
        let kind = EventKind::Http(Http::Response(Box::new(response.clone())));
        cx.emit(place, kind, Loan::default());

        let ask = pending.map(|pending| pending.ask);
        match (ask, response.status) {
            (Some(Ask::WebSocket(request)), 101) if upgrade::is_granted(&response) => {
                return self.open(Some(&request), &response, length, place, cx);
            }
            (None, 101) if upgrade::is_granted(&response) => {
                return self.open(None, &response, length, place, cx);
            }
            (_, 101) => return Step::Become(length, Layer::Opaque(Opaque)),
            (Some(Ask::Tunnel), 200..=299) => {
                return Step::Become(length, Layer::Detect(Detect::default()));
            }
            (Some(Ask::WebSocket(request)), _) if !interim => {
                let refused = upgrade::refuse(&request, &response);
                cx.emit(
                    place,
                    EventKind::Ws(Ws::Refused(Box::new(refused))),
                    Loan::default(),
                );
            }
            _ => {}
        }
        if let Some(body) = body {
            *Dir::S2c.of_mut(&mut self.sides) = State::Body(body);
        }
        Step::Took(length)
    }

    fn open(
        &self,
        request: Option<&Request>,
        response: &Response,
        length: usize,
        place: Place,
        cx: &mut Cx<'_>,
    ) -> Step {
        if let Some(draft) = upgrade::older_draft(request, response) {
            let kind = EventKind::Tcp(Tcp::Note(Note::Protocol(draft)));
            cx.emit(place, kind, Loan::default());
            return Step::Become(length, Layer::Opaque(Opaque));
        }
        let session = cx.open_session();
        let open = upgrade::agree(session, request, response);
        let mut layer = WebSocket::new(&open);
        // Without the request, its rest may still come.
        if request.is_none() || !self.is_between_heads(Dir::C2s) {
            layer.lose(Dir::C2s);
        }
        let trust = if open.inferred {
            Trust::Inferred
        } else {
            place.trust
        };
        let place = Place { trust, ..place };
        cx.emit(
            place,
            EventKind::Ws(Ws::Open(Box::new(open))),
            Loan::default(),
        );
        Step::Become(length, Layer::WebSocket(Box::new(layer)))
    }

    /// Frames, and no handshake: the session is inferred, and every boundary has to be found.
    fn frames(&mut self, dir: Dir, at: u64, cx: &mut Cx<'_>) -> Step {
        let layer = WebSocket::assume(dir, at, false, cx);
        Step::Become(0, Layer::WebSocket(Box::new(layer)))
    }

    fn gap(&mut self, dir: Dir, at: u64, len: u64, cx: &mut Cx<'_>) -> Step {
        *dir.of_mut(&mut self.searched) = 0;
        let state = dir.of_mut(&mut self.sides);
        if let State::Body(body) = state
            && body.skip(len)
        {
            if body.is_done() {
                *state = State::Head;
            }
            return Step::Took(0);
        }
        *state = State::Lost(Box::default());
        // The answer to an upgrade lies in the hole: what follows can only be frames.
        if dir == Dir::S2c
            && let Some(Pending {
                ask: Ask::WebSocket(request),
                ..
            }) = self.pending.front()
        {
            let open = upgrade::assume(cx.open_session(), request);
            let mut layer = WebSocket::new(&open);
            layer.lose(Dir::S2c);
            if !self.is_between_heads(Dir::C2s) {
                layer.lose(Dir::C2s);
            }
            let place = Place {
                trust: Trust::Inferred,
                ..Place::at(dir, Span::tcp(at, len))
            };
            cx.emit(
                place,
                EventKind::Ws(Ws::Open(Box::new(open))),
                Loan::default(),
            );
            return Step::Become(0, Layer::WebSocket(Box::new(layer)));
        }
        Step::Took(0)
    }

    fn malformed(&self, dir: Dir, at: u64, bytes: &[u8], cx: &mut Cx<'_>) -> Step {
        let text = "these bytes do not follow the grammar of HTTP/1.1: the connection is passed over from here";
        cx.anomaly(
            dir,
            Span::tcp(at, bytes.len() as u64),
            What::Malformed,
            text,
        );
        Step::Become(0, Layer::Opaque(Opaque))
    }

    /// Whether what comes next is known to begin something.
    fn is_between_heads(&self, dir: Dir) -> bool {
        matches!(dir.of(&self.sides), State::Head) && *dir.of(&self.searched) == 0
    }

    fn waits_for_answer(&self) -> bool {
        self.pending
            .back()
            .is_some_and(|pending| !matches!(pending.ask, Ask::Nothing))
    }
}
