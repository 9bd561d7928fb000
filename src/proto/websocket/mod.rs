//! WebSocket: frames, and the messages they make.   RFC 6455 section 5

mod close;
mod deflate;
mod evidence;
mod frame;
mod loss;
mod message;
mod resync;

use super::{Step, UNFINISHED};
use crate::model::{
    self, Anomaly, CloseCode, Cx, Deflate, Dir, End, EventKind, FrameStart, Input, Kind, Loan,
    Opcode, Open, PacketNo, Place, SessionId, Span, Trust, What, Ws,
};
pub use frame::{Header, header};
pub use resync::{Expect, Search, whole_frames};

use close::Ending;
use deflate::Inflater;
use message::{Assembly, Masking};

/// Both directions of a session.
#[derive(Clone, Debug)]
pub struct WebSocket {
    session: SessionId,
    trust: Trust,
    deflate: Option<Deflate>,
    sides: [Side; 2],
    ending: Ending,
}

/// One direction.
#[derive(Clone, Debug, Default)]
struct Side {
    /// The frame whose payload is coming.
    frame: Option<Current>,
    /// The text or binary message that is not finished.
    data: Option<Box<Assembly>>,
    /// The control frame whose payload is coming.
    control: Option<Box<Assembly>>,
    inflate: Option<Box<Inflater>>,
    /// Where the next frame begins is not known: it is being searched.
    lost: Option<Box<Search>>,
    /// A boundary was found again: from there on the frames are inferred.
    found: bool,
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

impl Side {
    /// The message that a frame's payload goes to, and what inflates it.
    fn assembly(&mut self, belongs: Belongs) -> (Option<&mut Assembly>, Option<&mut Inflater>) {
        let assembly = match belongs {
            Belongs::Data => self.data.as_deref_mut(),
            Belongs::Control => self.control.as_deref_mut(),
            Belongs::Nothing => None,
        };
        (assembly, self.inflate.as_deref_mut())
    }
}

/// Bytes that an inflater takes: its window, the room behind that, and its tables.
const INFLATER: usize = 80 << 10;

impl WebSocket {
    /// About how many bytes of memory it takes.
    pub(super) fn weight(&self) -> usize {
        let sides = self.sides.iter().map(|side| {
            let messages = [&side.data, &side.control];
            let copies = messages.into_iter().flatten().map(|it| it.weight());
            let history = side.inflate.as_ref().map_or(0, |_| INFLATER);
            copies.sum::<usize>() + history
        });
        size_of::<Self>() + sides.sum::<usize>()
    }

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

    /// A session whose handshake was not captured, if there was one. `aligned` says that a frame
    /// begins where the stream does; otherwise every boundary has to be found.
    pub fn assume(dir: Dir, at: u64, aligned: bool, cx: &mut Cx<'_>) -> Self {
        let open = Open {
            inferred: true,
            session: cx.open_session(),
            ..Open::default()
        };
        let mut layer = Self::new(&open);
        if !aligned {
            Dir::BOTH.into_iter().for_each(|dir| layer.lose(dir));
        }
        let place = Place {
            trust: Trust::Inferred,
            ..Place::at(dir, Span::tcp(at, 0))
        };
        cx.emit(
            place,
            EventKind::Ws(Ws::Open(Box::new(open))),
            Loan::default(),
        );
        layer
    }

    pub fn feed(&mut self, dir: Dir, input: Input<'_>, cx: &mut Cx<'_>) -> Step {
        match input {
            Input::Bytes { at, packet, bytes } if dir.of(&self.sides).lost.is_some() => {
                self.search(dir, at, packet, bytes, cx)
            }
            Input::Bytes { at, packet, bytes } => self.bytes(dir, at, packet, bytes, cx),
            Input::Gap { at, len, exact } => {
                self.gap(dir, at, len, exact, cx);
                Step::Took(0)
            }
            Input::End(end) => {
                self.end(dir, end, cx);
                Step::Took(0)
            }
        }
    }

    /// What the compressor of this direction's sender promised, as far as is known.
    fn promised(&self, dir: Dir) -> model::Side {
        let of = |deflate: Deflate| *dir.of(&[deflate.client, deflate.server]);
        self.deflate.map(of).unwrap_or_default()
    }

    /// How the frames of this direction are known.
    fn trust(&self, dir: Dir) -> Trust {
        match dir.of(&self.sides).found {
            true => Trust::Inferred,
            false => self.trust,
        }
    }

    /// Whether frames may be compressed: it was agreed, or the agreement was not captured.
    fn may_compress(&self) -> bool {
        self.deflate.is_some() || self.trust == Trust::Inferred
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
        if dir.of(&self.sides).found && !self.expect(dir).fits(&header) {
            let text = "the boundary that was found does not hold: a header here is none that could be believed";
            cx.anomaly(dir, Span::tcp(at, 0), What::Boundary, text);
            self.lose(dir);
            return self.search(dir, at, packet, bytes, cx);
        }
        if let Some((whole, taken)) = self.whole(dir, &header, bytes, cx) {
            self.whole_message(dir, header, at, packet, whole, cx);
            return Step::Took(taken);
        }
        self.begin(dir, header, at, packet, cx);
        Step::Took(usize::from(header.header_length))
    }

    /// Whether this frame is a whole message of which nothing has to be kept, and all of it is here;
    /// most are. Gives its payload and how long header and payload are.
    fn whole<'a>(
        &self,
        dir: Dir,
        header: &Header,
        bytes: &'a [u8],
        cx: &Cx<'_>,
    ) -> Option<(Whole<'a>, usize)> {
        let kind = Kind::of(header.opcode).filter(|_| header.fin)?;
        let alone = !kind.is_data() || !self.may_compress() && dir.of(&self.sides).data.is_none();
        let from = usize::from(header.header_length);
        let to = from.checked_add(usize::try_from(header.length).ok()?)?;
        let payload = bytes.get(from..to)?;
        let fits = payload.len() <= cx.limits.message_bytes;
        (alone && fits).then_some((Whole { kind, payload }, to))
    }

    /// The same as [`Self::begin`] to [`Self::end_message`], at once.
    fn whole_message(
        &mut self,
        dir: Dir,
        header: Header,
        at: u64,
        first: PacketNo,
        Whole { kind, payload }: Whole<'_>,
        cx: &mut Cx<'_>,
    ) {
        let current = Current {
            header,
            at,
            first,
            done: header.length,
            belongs: Belongs::Nothing,
        };
        let of = message::reference(dir, self.session, kind, cx);
        let mut room = std::mem::take(cx.room);
        let (message, bytes) = message::whole(of, payload, header.masking_key, &mut room, cx);
        let end = self.say_frame(dir, current, cx);
        if kind == Kind::Close {
            self.ending.frame(dir, CloseCode::read(bytes));
        }
        let place = Place {
            trust: self.trust(dir),
            ..Place::at(dir, Span::tcp(at, end - at)).from(first)
        };
        cx.emit(
            place,
            EventKind::Ws(Ws::Message(message)),
            Loan::known(bytes),
        );
        *cx.room = room;
    }

    /// A header has come: finds out to which message its payload belongs.
    fn begin(&mut self, dir: Dir, header: Header, at: u64, first: PacketNo, cx: &mut Cx<'_>) {
        let kind = Kind::of(header.opcode);
        if let Some(kind) = kind {
            let of = message::reference(dir, self.session, kind, cx);
            let compressed = kind.is_data() && self.may_compress() && header.rsv & 4 != 0;
            self.begin_message(Assembly::new(of, compressed, first, at), cx);
        }
        let side = dir.of_mut(&mut self.sides);
        let belongs = match kind {
            Some(kind) if !kind.is_data() => Belongs::Control,
            None if header.opcode != Opcode::CONTINUATION => Belongs::Nothing,
            _ => Belongs::Data,
        };
        if let (Some(assembly), _) = side.assembly(belongs) {
            assembly.frame();
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

    fn begin_message(&mut self, assembly: Assembly, cx: &mut Cx<'_>) {
        let dir = assembly.of.dir;
        let (promised, may_compress) = (self.promised(dir), self.may_compress());
        let side = dir.of_mut(&mut self.sides);
        if !assembly.of.kind.is_data() {
            side.control = Some(Box::new(assembly));
            return;
        }
        // From the first message on, compressed or not: what a sender's window may hold is remembered.
        if may_compress && side.inflate.is_none() {
            let mut inflate = Inflater::new(promised, !cx.want.unjudged);
            if side.found {
                inflate.lose_history();
            }
            side.inflate = Some(Box::new(inflate));
        }
        let start = assembly.start;
        if let Some(before) = side.data.replace(Box::new(assembly)) {
            let span = Span::tcp(before.start, start - before.start);
            let text = "another message began before this one was finished";
            cx.anomaly(dir, span, What::Unfinished, text);
        }
    }

    /// The next payload bytes of the present frame.
    fn payload(&mut self, dir: Dir, current: Current, payload: Payload<'_>, cx: &mut Cx<'_>) {
        let side = dir.of_mut(&mut self.sides);
        if let (Some(assembly), inflate) = side.assembly(current.belongs) {
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
            trust: self.trust(dir),
            ..Place::at(dir, span).from(first)
        };
        cx.emit(place, EventKind::Ws(Ws::Frame(frame)), Loan::default());
        span.end()
    }

    fn end_message(&mut self, dir: Dir, mut assembly: Assembly, end: u64, cx: &mut Cx<'_>) {
        let span = Span::tcp(assembly.start, end - assembly.start);
        let place = Place {
            trust: self.trust(dir),
            ..Place::at(dir, span).from(assembly.first)
        };
        let side = dir.of_mut(&mut self.sides);
        let inflate = side.inflate.as_deref_mut().filter(|_| assembly.compressed);
        let (message, loan) = assembly.finish(inflate, cx);
        if message.kind == Kind::Close {
            let known = message.complete || loan.unknown.first().is_some_and(|r| r.start >= 2);
            let code = CloseCode::read(loan.bytes).filter(|_| known);
            self.ending.frame(dir, code);
        }
        cx.emit(place, EventKind::Ws(Ws::Message(message)), loan);
    }

    /// The rest of these bytes will never come: they are the first ones of a frame's header, where
    /// the boundary is known. They are lent along, for they tell what frame it would have been.
    pub fn leave(&mut self, dir: Dir, at: u64, bytes: &[u8], cx: &mut Cx<'_>) {
        let known = dir.of(&self.sides).lost.is_none();
        let start = FrameStart::read(bytes).filter(|_| known);
        let (text, loan) = match start {
            Some(start) => (start.to_string().into(), Loan::known(bytes)),
            None => (UNFINISHED.into(), Loan::default()),
        };
        let place = Place {
            trust: self.trust(dir),
            ..Place::at(dir, Span::tcp(at, bytes.len() as u64))
        };
        let what = What::Unfinished;
        let packets = None;
        let anomaly = Anomaly {
            what,
            text,
            packets,
        };
        cx.emit(place, EventKind::Anomaly(anomaly), loan);
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

/// A message whose only frame is all here.
#[derive(Clone, Copy)]
struct Whole<'a> {
    kind: Kind,
    payload: &'a [u8],
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
