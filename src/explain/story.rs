//! What an explanation needs to know of what came before: a sink that follows every connection.
//!
//! It remembers little of each: the states of both ends, the segments of late, the bytes of the frame at hand,
//! and where the compressor's history came from. What does not fit is forgotten, and then not told.

use super::machine::{Machine, WsState};
use super::trace::Trace;
use crate::codec::mask;
use crate::model::{
    ConnId, Deflate, Dir, Event, EventId, EventKind, Flow, Frame, Http, Kind, Loan, Opcode,
    PacketNo, Piece, Segment, Sink, Space, Span, Tcp, Timestamp, Want, Ws,
};
use std::collections::{HashMap, VecDeque};
use std::io;

/// Stream bytes that are kept of all connections together.
const BYTES: usize = 64 << 20;
/// Stream bytes that are kept of one direction.
const KEPT: usize = 4 << 20;
/// Segments of late that are kept of one direction.
const SEGMENTS: usize = 128;
/// Directions whose compression is followed at once.
const TRACES: usize = 1024;
/// Connections that are followed at once.
const TALKS: usize = 16_384;
/// Bytes of a frame that are kept where it does not have to be inflated.
const HEAD: usize = 256;
/// Frames of a message that are remembered.
const FRAMES: usize = 4096;

/// Follows what happens, and lends what it knows with each event.
pub struct Story<F> {
    talks: HashMap<ConnId, Box<Talk>>,
    bytes: usize,
    traces: usize,
    start: Option<Timestamp>,
    acks: bool,
    tell: F,
}

/// What is known of a connection when an event comes.
#[derive(Debug, Default)]
pub struct Talk {
    /// The time of the first event of all.
    pub start: Timestamp,
    /// Both ends' TCP before the packet at hand, and after it.
    pub tcp: [Machine; 2],
    /// Both ends' WebSocket before the event, and after it.
    pub ws: [[WsState; 2]; 2],
    /// The packet at hand.
    pub packet: Option<Sent>,
    /// The initial sequence number of each side; where its SYN was not captured, the number before the first
    /// byte that was.
    pub initial: [Option<u32>; 2],
    /// Whose SYN was captured.
    pub syn: [bool; 2],
    /// What each direction carried of late, oldest first.
    pub sent: [VecDeque<Sent>; 2],
    /// What was agreed on compression.
    pub deflate: Option<Deflate>,
    /// The frames of the message at hand, of each direction.
    pub frames: [Vec<Piecework>; 2],
    /// The control frame at hand.
    pub control: [Option<Piecework>; 2],
    /// How the message at hand inflates.
    pub trace: [Option<Box<Trace>>; 2],
    /// How many text and binary messages came before, in each direction.
    pub messages: [u64; 2],
    /// The request whose answer is awaited, and when it came.
    pub asked: VecDeque<(EventId, Timestamp)>,
    /// When its first event came.
    pub first: Option<Timestamp>,
    /// Who sent the first close frame.
    pub closing: Option<Dir>,
    flow: Option<Flow>,
    kept: [Kept; 2],
    held: usize,
    /// The next number that is expected of each side.
    next: [Option<u32>; 2],
}

/// A segment that went by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sent {
    /// Its packet.
    pub packet: PacketNo,
    /// Its direction.
    pub dir: Dir,
    /// Its sequence number, as it stands in the header.
    pub seq: u32,
    /// What it acknowledges; none without ACK.
    pub ack: Option<u32>,
    /// Payload bytes.
    pub len: u32,
    /// SYN, FIN.
    pub syn: bool,
    /// FIN.
    pub fin: bool,
    /// RST.
    pub rst: bool,
    /// PSH.
    pub psh: bool,
    /// Window as it stands in the header.
    pub window: u16,
}

impl Sent {
    /// The number behind it: SYN and FIN take one each.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.seq
            .wrapping_add(self.len)
            .wrapping_add(u32::from(self.syn))
            .wrapping_add(u32::from(self.fin))
    }
}

/// A frame of a message.
#[derive(Clone, Debug)]
pub struct Piecework {
    /// Its event.
    pub id: EventId,
    /// Its fields.
    pub frame: Frame,
    /// Where it lies.
    pub span: Span,
    /// Its bytes as they were captured; as many as were kept.
    pub raw: Vec<Option<u8>>,
}

/// Bytes of a stream that are kept for a while.
#[derive(Debug, Default)]
struct Kept {
    space: Space,
    pieces: VecDeque<(u64, Vec<u8>)>,
    len: usize,
}

impl Kept {
    /// Takes the next bytes; answers by how much more, or less, is held.
    fn take(&mut self, piece: Piece<'_>) -> isize {
        let before = self.len as isize;
        if piece.space != self.space {
            // What was decrypted lies deeper: the bytes around it are no longer of interest.
            if matches!(piece.space, Space::Tcp) {
                return 0;
            }
            self.pieces.clear();
            (self.space, self.len) = (piece.space, 0);
        }
        self.pieces.push_back((piece.at, piece.bytes.to_vec()));
        self.len += piece.bytes.len();
        while self.len > KEPT && self.pieces.len() > 1 {
            self.pop();
        }
        self.len as isize - before
    }

    fn pop(&mut self) {
        if let Some((_, bytes)) = self.pieces.pop_front() {
            self.len -= bytes.len();
        }
    }

    /// Forgets what lies before this offset.
    fn forget(&mut self, before: u64) -> usize {
        let had = self.len;
        while let Some((at, bytes)) = self.pieces.front()
            && at + bytes.len() as u64 <= before
        {
            self.pop();
        }
        had - self.len
    }

    /// The bytes of a span, at most `limit` of them; none where they are not known.
    fn read(&self, span: Span, limit: usize) -> Vec<Option<u8>> {
        let len = usize::try_from(span.len).unwrap_or(usize::MAX).min(limit);
        let mut found = vec![None; len];
        if span.space != self.space {
            return found;
        }
        let end = span.start.saturating_add(len as u64);
        for (at, bytes) in &self.pieces {
            let from = span.start.max(*at);
            let to = end.min(at + bytes.len() as u64);
            for offset in from..to {
                let byte = bytes.get((offset - at) as usize).copied();
                if let Some(slot) = found.get_mut((offset - span.start) as usize) {
                    *slot = byte;
                }
            }
        }
        found
    }
}

impl Talk {
    /// The captured bytes of a span in this direction, at most `limit` of them.
    #[must_use]
    pub fn bytes(&self, dir: Dir, span: Span, limit: usize) -> Vec<Option<u8>> {
        dir.of(&self.kept).read(span, limit)
    }

    /// A sequence number of this side as it counts from its beginning.
    #[must_use]
    pub fn relative(&self, side: Dir, number: u32) -> Option<u32> {
        side.of(&self.initial)
            .map(|initial| number.wrapping_sub(initial))
    }

    /// What the packet at hand acknowledges: the segment of the other side that ends there.
    #[must_use]
    pub fn acknowledged(&self, sent: &Sent) -> Option<&Sent> {
        let ack = sent.ack?;
        let those = sent.dir.flip().of(&self.sent);
        let takes = |it: &&Sent| it.end() != it.seq;
        those.iter().rev().filter(takes).find(|it| it.end() == ack)
    }

    /// Whether a segment of this side with these bytes has gone by before the one at hand.
    #[must_use]
    pub fn before(&self, sent: &Sent) -> Option<&Sent> {
        let those = sent.dir.of(&self.sent).iter().rev();
        those
            .filter(|it| it.packet < sent.packet && it.len > 0)
            .find(|it| it.seq == sent.seq)
    }

    fn orient(&mut self, flow: &Flow) {
        if self.flow.is_some_and(|known| known.client != flow.client) {
            for machine in &mut self.tcp {
                machine.turn();
            }
            self.initial.reverse();
            self.syn.reverse();
            self.sent.reverse();
            self.next.reverse();
            self.kept.reverse();
        }
        self.flow = Some(*flow);
    }

    fn segment(&mut self, flow: &Flow, packet: PacketNo, segment: &Segment<'_>) {
        self.orient(flow);
        let dir = match flow.client == segment.src {
            true => Dir::C2s,
            false => Dir::S2c,
        };
        let flags = segment.flags;
        let sent = Sent {
            packet,
            dir,
            seq: segment.seq,
            ack: flags.ack().then_some(segment.ack),
            len: segment.len() as u32,
            syn: flags.syn(),
            fin: flags.fin(),
            rst: flags.rst(),
            psh: flags.psh(),
            window: segment.window,
        };
        let initial = dir.of_mut(&mut self.initial);
        if flags.syn() {
            (*initial, *dir.of_mut(&mut self.syn)) = (Some(segment.seq), true);
        } else if !flags.rst() {
            initial.get_or_insert(segment.seq.wrapping_sub(1));
        }
        if let Some(ack) = sent.ack
            && !flags.rst()
        {
            let other = dir.flip().of_mut(&mut self.initial);
            other.get_or_insert(ack.wrapping_sub(1));
        }
        let [before, after] = &mut self.tcp;
        *before = after.clone();
        before.begin(dir, segment);
        after.segment(dir, segment, *dir.of(&self.next));
        let next = dir.of_mut(&mut self.next);
        let end = sent.end();
        // What has come, with or without holes, is enough to tell a FIN that came early from one that did not.
        if next.is_none_or(|next| (segment.seq.wrapping_sub(next) as i32) <= 0)
            && next.is_none_or(|next| (end.wrapping_sub(next) as i32) > 0)
        {
            *next = Some(end);
        }
        let line = dir.of_mut(&mut self.sent);
        if line.len() == SEGMENTS {
            line.pop_front();
        }
        line.push_back(sent);
        self.packet = Some(sent);
    }

    /// What an event changes before it is told.
    fn see(&mut self, event: &Event, may_trace: &mut usize) {
        let [before, after] = &mut self.ws;
        *before = *after;
        match &event.kind {
            EventKind::Http(Http::Request(_)) => {
                if self.asked.len() == 64 {
                    self.asked.pop_front();
                }
                self.asked.push_back((event.id, event.time));
                if let EventKind::Http(Http::Request(request)) = &event.kind
                    && request.all("upgrade").next().is_some()
                {
                    after[0] = WsState::Connecting;
                }
            }
            EventKind::Ws(Ws::Open(open)) => {
                *after = [WsState::Open; 2];
                self.deflate = open.deflate;
            }
            EventKind::Ws(Ws::Refused(_)) => *after = [WsState::None; 2],
            EventKind::Ws(Ws::Frame(frame)) => self.frame(event, *frame, may_trace),
            EventKind::Ws(Ws::Message(message)) => {
                if message.kind == Kind::Close {
                    *after = [WsState::Closing; 2];
                    self.closing = self.closing.or(event.dir);
                }
                if let Some(dir) = event.dir
                    && message.compressed
                    && let Some(trace) = dir.of_mut(&mut self.trace)
                {
                    let frames = dir.of(&self.frames);
                    // Where not all frames are remembered, it is not known how the message inflates.
                    let whole = frames.len() as u64 == u64::from(message.frames);
                    let frames = if whole { &frames[..] } else { &[] };
                    trace.message(event.id, dir.of(&self.messages) + 1, frames);
                }
            }
            EventKind::Ws(Ws::Close(_)) => *after = [WsState::Closed; 2],
            EventKind::Tcp(Tcp::Close(_)) => {
                for state in after {
                    if *state != WsState::None {
                        *state = WsState::Closed;
                    }
                }
            }
            EventKind::Tcp(Tcp::Open(_) | Tcp::Note(_))
            | EventKind::Http(Http::Response(_))
            | EventKind::Tls(_)
            | EventKind::Anomaly(_)
            | EventKind::Finding(_)
            | EventKind::Insight(_) => {}
        }
    }

    fn frame(&mut self, event: &Event, frame: Frame, may_trace: &mut usize) {
        let Some(dir) = event.dir else {
            return;
        };
        // Only what is inflated again is needed to its end.
        let frames = dir.of(&self.frames);
        let begins = frame.opcode != Opcode::CONTINUATION;
        let compressed = match frames.first() {
            Some(first) if !begins => first.frame.rsv & 4 != 0,
            _ => frame.rsv & 4 != 0,
        };
        let held: usize = match begins {
            true => 0,
            false => frames.iter().map(|work| work.raw.len()).sum(),
        };
        let limit = match compressed && !frame.opcode.is_control() {
            true => KEPT.saturating_sub(held),
            false => HEAD,
        };
        let work = Piecework {
            id: event.id,
            frame,
            span: event.span,
            raw: self.bytes(dir, event.span, limit),
        };
        if frame.opcode.is_control() {
            *dir.of_mut(&mut self.control) = Some(work);
            return;
        }
        let frames = dir.of_mut(&mut self.frames);
        if frame.opcode != Opcode::CONTINUATION {
            frames.clear();
        }
        let trace = dir.of_mut(&mut self.trace);
        if frame.rsv & 4 != 0 && trace.is_none() && *may_trace > 0 {
            *may_trace -= 1;
            let deflate = self.deflate.unwrap_or(Deflate {
                client: Default::default(),
                server: Default::default(),
            });
            let side = *dir.of(&[deflate.client, deflate.server]);
            *trace = Some(Box::new(Trace::new(side, *dir.of(&self.messages) == 0)));
        }
        if frames.len() < FRAMES {
            frames.push(work);
        }
    }

    /// What is not needed any more once an event was told.
    fn after(&mut self, event: &Event) {
        self.first.get_or_insert(event.time);
        if let EventKind::Http(Http::Response(response)) = &event.kind
            && !(100..=199).contains(&response.status)
        {
            self.asked.pop_front();
        }
        let Some(dir) = event.dir else {
            return;
        };
        match &event.kind {
            EventKind::Ws(Ws::Message(message)) => {
                if message.kind.is_data() {
                    *dir.of_mut(&mut self.messages) += 1;
                    dir.of_mut(&mut self.frames).clear();
                }
                self.forget(dir, event.span.end());
            }
            EventKind::Ws(Ws::Frame(_)) => {
                // Findings and the message itself still speak of its bytes; the frames hold their own.
                self.forget(dir, event.span.start);
            }
            _ => {}
        }
    }

    fn forget(&mut self, dir: Dir, before: u64) {
        self.held -= dir.of_mut(&mut self.kept).forget(before);
    }
}

impl Piecework {
    /// Its payload, unmasked; none where bytes of it are not at hand.
    #[must_use]
    pub fn payload(&self) -> Option<Vec<u8>> {
        let from = usize::from(self.frame.header_length);
        let whole = self.raw.len() as u64 == self.span.len;
        let mut bytes: Vec<u8> = self
            .raw
            .get(from..)
            .filter(|_| whole)?
            .iter()
            .copied()
            .collect::<Option<_>>()?;
        if let Some(key) = self.frame.masking_key {
            mask::apply(&mut bytes, key.0, 0);
        }
        Some(bytes)
    }
}

impl<F> Story<F>
where
    F: FnMut(&Event, &Flow, Loan<'_>, &Talk) -> io::Result<()>,
{
    /// Tells `tell` of every event, and what is known then; `acks` asks for every acknowledgement as well.
    pub fn new(acks: bool, tell: F) -> Self {
        Self {
            talks: HashMap::new(),
            bytes: 0,
            traces: TRACES,
            start: None,
            acks,
            tell,
        }
    }

    /// What is known of a connection now.
    #[must_use]
    pub fn talk(&self, conn: ConnId) -> Option<&Talk> {
        self.talks.get(&conn).map(|talk| &**talk)
    }

    fn of(&mut self, conn: ConnId) -> Option<&mut Box<Talk>> {
        if !self.talks.contains_key(&conn) && self.talks.len() >= TALKS {
            return None;
        }
        Some(self.talks.entry(conn).or_default())
    }
}

impl<F> Sink for Story<F>
where
    F: FnMut(&Event, &Flow, Loan<'_>, &Talk) -> io::Result<()>,
{
    fn want(&self) -> Want {
        Want {
            joined: true,
            stream: true,
            segments: true,
            acks: self.acks,
            ..Want::default()
        }
    }

    fn begin(&mut self, time: Timestamp) {
        self.start.get_or_insert(time);
    }

    fn segment(&mut self, conn: ConnId, flow: &Flow, packet: PacketNo, segment: &Segment<'_>) {
        if let Some(talk) = self.of(conn) {
            talk.segment(flow, packet, segment);
        }
    }

    fn stream(&mut self, piece: Piece<'_>) -> io::Result<()> {
        let room = self.bytes + piece.bytes.len() <= BYTES;
        if let Some(talk) = self.of(piece.conn)
            && room
        {
            let more = piece.dir.of_mut(&mut talk.kept).take(piece);
            talk.held = talk.held.saturating_add_signed(more);
            self.bytes = self.bytes.saturating_add_signed(more);
        }
        Ok(())
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        let start = *self.start.get_or_insert(event.time);
        let mut traces = self.traces;
        let Some(talk) = self.of(event.conn) else {
            return (self.tell)(event, flow, loan, &Talk::default());
        };
        let held = talk.held;
        talk.start = start;
        talk.see(event, &mut traces);
        self.traces = traces;
        let Some(talk) = self.talks.get_mut(&event.conn) else {
            return Ok(());
        };
        (self.tell)(event, flow, loan, talk)?;
        talk.after(event);
        self.bytes = self.bytes.saturating_sub(held.saturating_sub(talk.held));
        Ok(())
    }

    fn gone(&mut self, conn: ConnId) {
        if let Some(talk) = self.talks.remove(&conn) {
            self.bytes = self.bytes.saturating_sub(talk.held);
            self.traces += talk.trace.iter().flatten().count();
        }
    }
}
