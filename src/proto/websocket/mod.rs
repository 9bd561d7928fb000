//! WebSocket: frames, and the messages they make.   RFC 6455 section 5

mod close;
mod deflate;
mod frame;
mod message;

use super::Step;
use crate::model::{
    self, CloseCode, Cx, Deflate, Dir, End, EventKind, Input, Kind, Loan, Opcode, Open, PacketNo,
    Place, SessionId, Span, Trust, What, Ws,
};
use close::Ending;
use deflate::Inflater;
use frame::Header;
use message::{Assembly, Masking};

/// Both directions of a session.
#[derive(Debug)]
pub struct WebSocket {
    session: SessionId,
    trust: Trust,
    deflate: Option<Deflate>,
    sides: [Side; 2],
    ending: Ending,
}

/// One direction.
#[derive(Debug, Default)]
struct Side {
    /// The frame whose payload is coming.
    frame: Option<Current>,
    /// The text or binary message that is not finished.
    data: Option<Box<Assembly>>,
    /// The control frame whose payload is coming.
    control: Option<Box<Assembly>>,
    inflate: Option<Box<Inflater>>,
    /// Where the next frame begins is not known.
    lost: bool,
}

/// A frame whose header has been read.
#[derive(Clone, Copy, Debug)]
struct Current {
    header: Header,
    /// Stream offset of its first byte.
    at: u64,
    /// The packet that carried it.
    first: PacketNo,
    /// Payload bytes that have come, or are lost.
    done: u64,
    belongs: Belongs,
}

/// Where a frame's payload goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Belongs {
    Data,
    Control,
    /// To no message: a reserved opcode, or a continuation of nothing.
    Nothing,
}

impl Current {
    fn left(&self) -> u64 {
        self.header.length - self.done
    }
}

impl WebSocket {
    pub fn new(open: &Open) -> Self {
        Self {
            session: open.session,
            trust: if open.inferred {
                Trust::Inferred
            } else {
                Trust::Seen
            },
            deflate: open.deflate,
            sides: Default::default(),
            ending: Ending::default(),
        }
    }

    /// Says that it is not known where the next frame of this direction begins.
    pub fn lose(&mut self, dir: Dir) {
        let side = dir.of_mut(&mut self.sides);
        side.lost = true;
        side.frame = None;
        side.data = None;
        side.control = None;
        if let Some(inflate) = &mut side.inflate {
            inflate.lose();
            inflate.end_message(Kind::Binary, true);
        }
        self.ending.hole(dir);
    }

    pub fn feed(&mut self, dir: Dir, input: Input<'_>, cx: &mut Cx<'_>) -> Step {
        match input {
            Input::Bytes { bytes, .. } if dir.of(&self.sides).lost => Step::Took(bytes.len()),
            Input::Bytes { at, packet, bytes } => self.bytes(dir, at, packet, bytes, cx),
            Input::Gap { at, len } => {
                self.gap(dir, at, len, cx);
                Step::Took(0)
            }
            Input::End(end) => {
                self.end(dir, end, cx);
                Step::Took(0)
            }
        }
    }

    fn bytes(
        &mut self,
        dir: Dir,
        at: u64,
        packet: PacketNo,
        bytes: &[u8],
        cx: &mut Cx<'_>,
    ) -> Step {
        if let Some(current) = dir.of(&self.sides).frame {
            let count = usize::try_from(current.left())
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            let payload = bytes.get(..count).unwrap_or_default();
            self.payload(dir, current, Payload::Known(payload), cx);
            return Step::Took(count);
        }
        let Ok((_, header)) = frame::header(bytes) else {
            return Step::Wait;
        };
        self.begin(dir, header, at, packet, cx);
        Step::Took(usize::from(header.header_length))
    }

    /// A header has come: finds out to which message its payload belongs.
    fn begin(&mut self, dir: Dir, header: Header, at: u64, first: PacketNo, cx: &mut Cx<'_>) {
        let side = dir.of_mut(&mut self.sides);
        let belongs = match Kind::of(header.opcode) {
            Some(kind) => {
                let of = message::reference(dir, self.session, kind, cx);
                let compressed = kind.is_data() && self.deflate.is_some() && header.rsv & 4 != 0;
                let assembly = Box::new(Assembly::new(of, compressed, first, at));
                if !kind.is_data() {
                    side.control = Some(assembly);
                    Belongs::Control
                } else {
                    if let Some(before) = side.data.replace(assembly) {
                        let span = Span::tcp(before.start, at - before.start);
                        let text = "another message began before this one was finished";
                        cx.anomaly(dir, span, What::Unfinished, text);
                    }
                    if let (None, Some(deflate)) = (&side.inflate, self.deflate) {
                        let inflater = Inflater::new(promised(deflate, dir), !cx.want.unjudged);
                        side.inflate = Some(Box::new(inflater));
                    }
                    Belongs::Data
                }
            }
            None if header.opcode == Opcode::CONTINUATION && side.data.is_some() => Belongs::Data,
            None => Belongs::Nothing,
        };
        match belongs {
            Belongs::Data => side.data.as_mut().map_or((), |assembly| assembly.frame()),
            Belongs::Control => side
                .control
                .as_mut()
                .map_or((), |assembly| assembly.frame()),
            Belongs::Nothing => {}
        }
        let current = Current {
            header,
            at,
            first,
            done: 0,
            belongs,
        };
        side.frame = Some(current);
        if header.length == 0 {
            self.end_frame(dir, current, cx);
        }
    }

    /// The next payload bytes of the present frame.
    fn payload(&mut self, dir: Dir, current: Current, payload: Payload<'_>, cx: &mut Cx<'_>) {
        let side = dir.of_mut(&mut self.sides);
        let assembly = match current.belongs {
            Belongs::Data => side.data.as_mut(),
            Belongs::Control => side.control.as_mut(),
            Belongs::Nothing => None,
        };
        let inflate = side.inflate.as_deref_mut();
        if let Some(assembly) = assembly {
            match payload {
                Payload::Known(bytes) => {
                    let masking = Masking {
                        key: current.header.masking_key,
                        phase: current.done,
                    };
                    assembly.payload(bytes, masking, inflate, cx);
                }
                Payload::Lost(len) => assembly.lose(len, inflate, cx),
            }
        }
        let current = Current {
            done: current.done + payload.len(),
            ..current
        };
        side.frame = Some(current);
        if current.left() == 0 {
            self.end_frame(dir, current, cx);
        }
    }

    /// The last payload byte has come, or is lost: the frame is an event, and perhaps a message.
    fn end_frame(&mut self, dir: Dir, current: Current, cx: &mut Cx<'_>) {
        dir.of_mut(&mut self.sides).frame = None;
        let end = self.say_frame(dir, current, cx);
        let side = dir.of_mut(&mut self.sides);
        let whole = match current.belongs {
            Belongs::Control => side.control.take(),
            Belongs::Data if current.header.fin => side.data.take(),
            Belongs::Data | Belongs::Nothing => None,
        };
        if let Some(assembly) = whole {
            self.end_message(dir, *assembly, end, cx);
        }
    }

    /// Puts a frame on the timeline; answers where in the stream it ends.
    fn say_frame(&self, dir: Dir, current: Current, cx: &mut Cx<'_>) -> u64 {
        let Current {
            header, at, first, ..
        } = current;
        let frame = model::Frame {
            session: self.session,
            unfinished: current.left() > 0,
            fin: header.fin,
            rsv: header.rsv,
            opcode: header.opcode,
            masking_key: header.masking_key,
            length: header.length,
            header_length: header.header_length,
        };
        let span = Span::tcp(
            at,
            header
                .length
                .saturating_add(u64::from(header.header_length)),
        );
        let place = Place {
            trust: self.trust,
            ..Place::at(dir, span).from(first)
        };
        cx.emit(place, EventKind::Ws(Ws::Frame(frame)), Loan::default());
        span.end()
    }

    fn end_message(&mut self, dir: Dir, mut assembly: Assembly, end: u64, cx: &mut Cx<'_>) {
        let side = dir.of_mut(&mut self.sides);
        let inflate = side.inflate.as_deref_mut().filter(|_| assembly.compressed);
        let span = Span::tcp(assembly.start, end - assembly.start);
        let place = Place {
            trust: self.trust,
            ..Place::at(dir, span).from(assembly.first)
        };
        let (message, loan) = assembly.finish(inflate, cx);
        if message.kind == Kind::Close {
            let known = message.complete || loan.unknown.first().is_some_and(|r| r.start >= 2);
            let code = CloseCode::read(loan.bytes).filter(|_| known);
            self.ending.frame(dir, code);
        }
        cx.emit(place, EventKind::Ws(Ws::Message(message)), loan);
    }

    fn gap(&mut self, dir: Dir, at: u64, len: u64, cx: &mut Cx<'_>) {
        if dir.of(&self.sides).lost {
            return;
        }
        let mut len = len;
        if let Some(current) = dir.of(&self.sides).frame {
            let within = current.left().min(len);
            self.payload(dir, current, Payload::Lost(within), cx);
            len -= within;
            if len == 0 {
                return;
            }
        }
        let text = "the frame boundaries of this direction are not known from here on";
        cx.anomaly(dir, Span::tcp(at, len), What::Boundary, text);
        self.lose(dir);
    }

    fn end(&mut self, dir: Dir, end: End, cx: &mut Cx<'_>) {
        let side = dir.of_mut(&mut self.sides);
        let (frame, data) = (side.frame.take(), side.data.take());
        if let Some(frame) = frame {
            self.say_frame(dir, frame, cx);
        }
        let begun = data.map(|assembly| assembly.start);
        if let Some(start) = begun.or(frame.map(|frame| frame.at)) {
            let text = "the end came before this message was finished";
            cx.anomaly(dir, Span::tcp(start, 0), What::Unfinished, text);
        }
        if self.ending.end(dir, end)
            && let Some(close) = self.ending.close(self.session)
        {
            let place = Place {
                trust: self.trust,
                ..Place::default()
            };
            cx.emit(
                place,
                EventKind::Ws(Ws::Close(Box::new(close))),
                Loan::default(),
            );
        }
    }
}

/// The next payload of a frame.
#[derive(Clone, Copy)]
enum Payload<'a> {
    Known(&'a [u8]),
    Lost(u64),
}

impl Payload<'_> {
    fn len(&self) -> u64 {
        match self {
            Self::Known(bytes) => bytes.len() as u64,
            Self::Lost(len) => *len,
        }
    }
}

/// What the compressor of this direction's sender promised.
fn promised(deflate: Deflate, dir: Dir) -> model::Side {
    match dir {
        Dir::C2s => deflate.client,
        Dir::S2c => deflate.server,
    }
}
