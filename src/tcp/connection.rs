//! One connection: how it begins, what its segments are, how it ends.

use super::acks::{self, Acks};
use super::evidence::{Facts, Trace};
use super::labels::{Labels, Look, above as above_seq};
use super::ledger::{Arrival, Ledger, Lost, Ready, Seen};
use super::offload;
use super::recent::Recent;
use super::stalls::Stalls;
use crate::model::Why;
use crate::model::{
    Ack, ConnId, Cx, Dir, End, Endpoint, EventId, EventKind, Flow, Handshake, How, Input, Label,
    Loan, Mark, Note, Offload, Offloader, PacketNo, Piece, Place, Remark, Rest, Segment, Space,
    Span, Syn, Tcp, TcpClose, TcpOpen, Timestamp, Trust, Unfilled, What, Wireshark,
};

use std::num::NonZeroU32;

/// A TCP connection, from its first captured segment to its end.   RFC 9293
#[derive(Clone, Debug)]
pub struct Connection {
    /// Its number.
    pub id: ConnId,
    /// Its two ends.
    pub flow: Flow,
    /// False while only a guess tells the client from the server.
    oriented: bool,
    sides: [Half; 2],
    labels: Labels,
    /// Only where acknowledgements are wanted.
    acks: Option<Box<Acks>>,
    /// From when something may hold messages up: what did once will do so again.
    stalls: Option<Box<Stalls>>,
    /// Something may hold messages up now. Most of the time nothing does, and this is at hand.
    stalled: bool,
    /// The first packet, and when it came.
    first: (PacketNo, Timestamp),
    last: Timestamp,
    opened: bool,
    /// Who sent the first FIN.
    closing: Option<Dir>,
    /// How it ends, as far as that is known.
    how: Option<How>,
    /// Keep-alive probes, of both sides.
    keep_alives: u32,
    ended: bool,
    /// Data after the end was already spoken of.
    said_late: bool,
    /// The event that last spoke of the connection as a whole, or of the connection before it
    /// between the same ends.
    told: Option<EventId>,
    /// The event that told of the last keep-alive probe.
    probe: Option<EventId>,
    /// There was a connection before it between the same ends.
    reuses: bool,
}

/// What is kept per direction.
#[derive(Clone, Debug, Default)]
struct Half {
    ledger: Ledger,
    /// The initial sequence number and when it came, where the SYN was captured.
    syn: Option<(u32, Timestamp)>,
    /// The largest segment that it takes, where its SYN says so.
    mss: Option<u16>,
    trace: Trace,
    /// The last segment was a keep-alive probe.
    probed: bool,
    /// Segments sent again since the other side was heard.
    repeated: u32,
    /// It was heard.
    heard: bool,
    /// The TTL of its first segment; 0 before it.
    ttl: u8,
    ids: Ids,
    /// How late its last segment acknowledged, in milliseconds; 0 where it did not wait.
    late: u16,
    /// Up to where it had acknowledged when the end of its window last moved.
    moved: u32,
    /// New data came after its FIN.
    unread: bool,
    /// What the checksum of its first segment was; none before it, or where it cannot be known.
    unfilled: Option<Unfilled>,
    /// That it shows offload at work has been told.
    offloads: bool,
    /// Its last segments, while the connection is open.
    recent: Option<Box<Recent>>,
    /// The layer above has been told that this direction ended.
    told_end: bool,
}

/// The IP identifications of a side, where they count up.
#[derive(Clone, Copy, Debug, Default)]
struct Ids {
    last: u16,
    /// Small steps in a row.
    steps: u8,
}

impl Ids {
    /// Whether this one is far off the others, which count up.
    fn breaks(self, id: u16) -> bool {
        self.steps >= 3 && id != 0 && id.wrapping_sub(self.last) > 1024
    }

    fn take(&mut self, id: u16) {
        let step = matches!(id.wrapping_sub(self.last), 1..=64);
        self.steps = if step {
            self.steps.saturating_add(1)
        } else {
            0
        };
        self.last = id;
    }
}

/// The layer above: takes what a direction hands out.
pub trait Above {
    /// Takes the next input of a direction.
    fn feed(&mut self, dir: Dir, input: Input<'_>, cx: &mut Cx<'_>);
}

impl<F: FnMut(Dir, Input<'_>, &mut Cx<'_>)> Above for F {
    fn feed(&mut self, dir: Dir, input: Input<'_>, cx: &mut Cx<'_>) {
        self(dir, input, cx);
    }
}

impl Connection {
    /// About how many bytes of memory it takes.
    pub(crate) fn weight(&self) -> usize {
        let sides: usize = self.sides.iter().map(|half| half.ledger.weight()).sum();
        size_of::<Self>() + sides
    }

    /// A connection whose first captured segment is this one.
    ///
    /// `asked` says whether its sender is the one who asks, where the payload tells.
    #[must_use]
    pub fn new(
        id: ConnId,
        segment: &Segment<'_>,
        packet: PacketNo,
        time: Timestamp,
        asked: Option<bool>,
    ) -> Self {
        let Segment {
            src, dst, flags, ..
        } = *segment;
        let known = if flags.syn() {
            Some(!flags.ack())
        } else {
            asked
        };
        let from_client = known.unwrap_or(looks_like_client(src, dst));
        let flow = if from_client {
            Flow {
                client: src,
                server: dst,
            }
        } else {
            Flow {
                client: dst,
                server: src,
            }
        };
        Self {
            id,
            flow,
            oriented: known.is_some(),
            sides: Default::default(),
            labels: Labels::default(),
            acks: None,
            stalls: None,
            stalled: false,
            first: (packet, time),
            last: time,
            opened: false,
            closing: None,
            how: None,
            keep_alives: 0,
            ended: false,
            said_late: false,
            told: None,
            reuses: false,
            probe: None,
        }
    }

    /// Says that it has the ends of an earlier connection.
    #[must_use]
    pub fn after(mut self, earlier: &Self) -> Self {
        self.reuses = true;
        self.told = earlier.told;
        self
    }

    /// Whether it is over; segments that still come belong to it.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// When its last segment came.
    #[must_use]
    pub fn last(&self) -> Timestamp {
        self.last
    }

    /// Whether a payload still has to tell who asked.
    #[must_use]
    pub fn oriented(&self) -> bool {
        self.oriented
    }

    /// Says whether the sender of this segment is the one who asks, now that its payload tells.
    pub fn orient(&mut self, src: Endpoint, asked: Option<bool>) {
        if let Some(asked) = asked
            && asked != (src == self.flow.client)
        {
            self.flow = Flow {
                client: self.flow.server,
                server: self.flow.client,
            };
            self.sides.swap(0, 1);
            self.labels.swap();
        }
        self.oriented = true;
    }

    /// The direction of a segment from this end.
    #[must_use]
    pub fn dir(&self, src: Endpoint) -> Dir {
        if src == self.flow.client {
            Dir::C2s
        } else {
            Dir::S2c
        }
    }

    /// Whether this SYN begins another connection between the same ends.
    #[must_use]
    pub fn is_another(&self, segment: &Segment<'_>) -> bool {
        let flags = segment.flags;
        if !flags.syn() || flags.rst() {
            return false;
        }
        let dir = self.dir(segment.src);
        let half = dir.of(&self.sides);
        match half.syn {
            Some((seq, _)) => seq != segment.seq,
            // What was captured of this side may have come before its SYN.
            None if half.ledger.offset(segment.seq.wrapping_add(1)) == 0 => false,
            // The other side's SYN may come first: reordered, or both opened at once.
            None => flags.ack() && self.opened || !flags.ack() && (self.opened || self.ended),
        }
    }

    /// Takes a segment.
    pub fn segment(&mut self, segment: &Segment<'_>, cx: &mut Cx<'_>, above: &mut impl Above) {
        let dir = self.dir(segment.src);
        self.last = cx.time;
        cx.want.marks = cx.want.acks || self.stalled;
        cx.marks.clear();
        let mut look = self.labels.look(segment, dir, cx.packet, cx.time);
        if std::mem::take(&mut self.reuses) {
            look.labels |= Wireshark::REUSED_PORTS;
        }
        if self.ended {
            return self.after_the_end(segment, &look, dir, cx);
        }
        let fin_acked = dir.flip().of(&self.sides).ledger.fin_acked();
        if fin_acked && !segment.is_empty() && look.labels.is_empty() {
            self.how = Some(How::HalfClose);
        }
        self.hear(segment, dir);
        let again = self.again(segment, dir);
        if segment.flags.syn() {
            self.syn(segment, dir, cx);
        }
        let seq = segment.seq.wrapping_add(u32::from(segment.flags.syn()));
        let probe = self.probe(segment, dir);
        let empty = segment.is_empty() || probe;
        self.note_window(segment, &look, dir, cx);
        let mut label = None;
        // Most are ordinary acknowledgements, of which there is nothing to say.
        let answer = dir.flip().of(&self.sides).probed;
        if empty && (probe || again || answer || !look.labels.is_empty()) {
            let facts = Facts {
                probe,
                again,
                ..self.facts(segment, dir, cx)
            };
            let said = self.remark(segment, &look, &facts, dir, cx);
            label = said.map(|(_, label)| label);
            if probe {
                self.probe = said.map(|(id, _)| id);
            }
        }
        dir.of_mut(&mut self.sides).probed = probe;
        dir.flip().of_mut(&mut self.sides).probed = false;
        self.open(segment, dir, cx);
        if segment.flags.ack() {
            let half = dir.flip().of_mut(&mut self.sides);
            half.ledger.acknowledge(segment.ack);
            half.trace.close(segment.ack);
            self.drain(dir.flip(), cx, above);
        }
        let filled = !empty && self.payload(segment, &look, seq, dir, cx, above);
        if segment.flags.fin() {
            self.fin(segment, seq, fin_acked, dir, cx);
            // What the other side said before is what these last bytes may have waited for.
            dir.flip().of_mut(&mut self.sides).ledger.hurry();
            self.drain(dir.flip(), cx, above);
            self.drain(dir, cx, above);
        }
        if segment.flags.rst() {
            self.how = Some(self.why_reset(segment, dir));
            self.reset(segment, dir, cx, above);
        } else {
            self.close_if_done(cx);
        }
        if let Some(id) = segment.ip_id {
            dir.of_mut(&mut self.sides).ids.take(id);
        }
        self.tell_delays(filled, dir, cx);
        self.tell_offload(segment, dir, cx);
        // Last, so that the names of the other events do not depend on what is wanted.
        if cx.want.acks {
            self.tell_acks(segment, &look, label, dir, cx);
        }
    }

    /// Ends what is still open: the capture is over, or the connection is given up.
    pub fn finish(&mut self, cx: &mut Cx<'_>, above: &mut impl Above) {
        if self.ended {
            return;
        }
        for dir in Dir::BOTH {
            dir.of_mut(&mut self.sides).ledger.flush();
            self.drain(dir, cx, above);
        }
        if self.sides.iter().all(|side| side.told_end) {
            self.close(false, cx);
            return self.tell_left(cx);
        }
        if !self.oriented && !self.opened {
            self.say_open(Handshake::None, None, cx);
        }
        self.silence(cx);
        self.ended = true;
        self.end_above(End::Open, cx, above);
        self.say_rest(cx);
        self.tell_left(cx);
    }

    /// Says what was seen of a connection that is open to the end of the capture.
    fn say_rest(&mut self, cx: &mut Cx<'_>) {
        let [client, server] = &self.sides;
        let rest = Rest {
            bytes: [client.ledger.extent(), server.ledger.extent()],
            completeness: self.labels.completeness(),
            keep_alives: self.keep_alives,
        };
        let place = Place {
            first: Some(self.first.0),
            about: self.told,
            ..Place::default()
        };
        let kind = EventKind::Tcp(Tcp::Note(Note::Open(rest)));
        self.told = Some(cx.emit(place, kind, Loan::default()));
    }

    /// Says which messages nothing acknowledged, where that is asked.
    fn tell_left(&mut self, cx: &mut Cx<'_>) {
        let Some(book) = &mut self.acks else {
            return;
        };
        for dir in Dir::BOTH {
            while let Some((event, left)) = book.left(dir) {
                let place = Place {
                    about: Some(event),
                    ..Place::at(dir.flip(), Span::default())
                };
                let kind = EventKind::Tcp(Tcp::Note(Note::Delivered(left)));
                cx.emit(place, kind, Loan::default());
            }
        }
    }

    fn syn(&mut self, segment: &Segment<'_>, dir: Dir, cx: &mut Cx<'_>) {
        let side = dir.of_mut(&mut self.sides);
        let syn = Syn::new(segment.seq, segment.window, &segment.options);
        side.ledger.start(segment.seq.wrapping_add(1));
        if side.syn.is_some() {
            return;
        }
        side.syn = Some((segment.seq, cx.time));
        side.mss = segment.options.mss;
        let kind = if segment.flags.ack() {
            Note::SynAck(syn)
        } else {
            Note::Syn(syn)
        };
        note(dir, Span::default(), kind, cx);
    }

    /// Says that the connection is open, at the packet that shows it.
    fn open(&mut self, segment: &Segment<'_>, dir: Dir, cx: &mut Cx<'_>) {
        let flags = segment.flags;
        let quiet = segment.is_empty() && !flags.fin();
        if self.opened || flags.rst() || quiet && (flags.syn() || !self.oriented) {
            return;
        }
        let [client, server] = &self.sides;
        let handshake = match (client.syn, server.syn) {
            (Some(_), Some(_)) if dir == Dir::C2s && flags.ack() => Handshake::Full,
            (Some(_), Some(_)) if quiet => return,
            (None, None) => Handshake::None,
            // With a part of the handshake missing, the first sign of data or of an end will do.
            _ if quiet && dir == Dir::S2c => return,
            _ => Handshake::Partial,
        };
        let syn_ack = match handshake {
            Handshake::Full => server.syn.map(|(_, at)| at),
            _ => None,
        };
        self.say_open(handshake, syn_ack, cx);
    }

    fn say_open(&mut self, handshake: Handshake, syn_ack: Option<Timestamp>, cx: &mut Cx<'_>) {
        self.opened = true;
        let trust = if handshake == Handshake::Full {
            Trust::Seen
        } else {
            Trust::Inferred
        };
        let place = Place {
            first: Some(self.first.0),
            trust,
            ..Place::default()
        };
        let initial_rtt = syn_ack.and(self.labels.initial_rtt());
        let last = syn_ack.map_or(0, |at| cx.time.since(at));
        let answered = initial_rtt.map_or(0, |whole| whole.saturating_sub(last));
        let [client, server] = &self.sides;
        let open = TcpOpen {
            handshake,
            initial_rtt,
            answered,
            unfilled: [client, server].map(|side| side.unfilled == Some(Unfilled::Yes)),
        };
        let id = cx.emit(place, EventKind::Tcp(Tcp::Open(open)), Loan::default());
        self.told = Some(id);
    }

    /// Notes that a side was heard.
    fn hear(&mut self, segment: &Segment<'_>, dir: Dir) {
        let side = dir.of_mut(&mut self.sides);
        if !std::mem::replace(&mut side.heard, true) {
            side.ttl = segment.ttl;
            side.unfilled = offload::checksum(segment);
        }
        dir.flip().of_mut(&mut self.sides).repeated = 0;
    }

    /// Why a side sent RST.
    fn why_reset(&self, segment: &Segment<'_>, dir: Dir) -> How {
        let (side, other) = (dir.of(&self.sides), dir.flip().of(&self.sides));
        let answers = |(seq, _): (u32, Timestamp)| segment.ack == seq.wrapping_add(1);
        if !self.opened && side.syn.is_none() && other.syn.is_some_and(answers) {
            return How::Refused;
        }
        // A router on the way counts the TTL down by itself; its identifications and its guess at
        // the sequence number are not those of the end.
        let other_way = segment.ttl != 0 && segment.ttl.abs_diff(side.ttl) > 1;
        let other_ids = segment.ip_id.is_some_and(|id| side.ids.breaks(id));
        let misses = side.ledger.top().is_some_and(|top| top != segment.seq);
        let bare = !segment.flags.ack();
        if other_way || other_ids && misses {
            How::Middlebox
        } else if side.ledger.has_fin() && side.unread
            || self.opened && self.left_unread(segment, dir)
        {
            How::UnreadData
        } else if bare && self.labels.acked(dir.flip()) == Some(segment.seq) {
            How::HalfOpen
        } else {
            How::Abort
        }
    }

    /// Whether a side resets while data wait that it has acknowledged and not read: the end of its
    /// window did not move for more than a segment of them.   RFC 2525 section 2.17
    fn left_unread(&self, segment: &Segment<'_>, dir: Dir) -> bool {
        /// The least that every host takes in one segment.   RFC 9293 section 3.7.1
        const SEGMENT: u32 = 536;
        let side = dir.of(&self.sides);
        let acked = match segment.flags.ack() {
            true => Some(segment.ack),
            false => self.labels.acked(dir),
        };
        let stuck = acked.map_or(0, |acked| acked.wrapping_sub(side.moved));
        (SEGMENT..1 << 30).contains(&stuck)
    }

    /// Says that a side was not answered any more, at the end of the capture.
    fn silence(&self, cx: &mut Cx<'_>) {
        for dir in Dir::BOTH {
            let (side, other) = (dir.of(&self.sides), dir.flip().of(&self.sides));
            if side.repeated == 0 {
                continue;
            }
            let heard = self.labels.heard(dir.flip());
            let remark = Remark {
                in_flight: self.labels.in_flight(dir).and_then(NonZeroU32::new),
                of: heard.map(|(packet, _)| packet),
                since: heard.map(|(_, at)| cx.time.since(at)),
                ..Remark::new(Label::Silence, Why::Unanswered)
            };
            let place = Place::at(dir.flip(), Span::tcp(other.ledger.extent(), 0));
            let kind = EventKind::Tcp(Tcp::Note(Note::Remark(remark)));
            cx.emit(place, kind, Loan::default());
        }
    }

    /// Whether a segment is a keep-alive probe, whose byte is not data.
    fn probe(&self, segment: &Segment<'_>, dir: Dir) -> bool {
        let flags = segment.flags;
        let plain = !flags.syn() && !flags.fin() && !flags.rst();
        plain
            && self.opened
            && segment.len() <= 1
            && dir.of(&self.sides).ledger.is_probe(segment.seq)
    }

    /// Whether SYN or FIN is set, and was before.
    fn again(&self, segment: &Segment<'_>, dir: Dir) -> bool {
        let side = dir.of(&self.sides);
        segment.flags.syn() && side.syn.is_some() || segment.flags.fin() && side.ledger.has_fin()
    }

    /// What of a segment's payload had been seen, without taking it.
    fn seen_again(&self, segment: &Segment<'_>, dir: Dir) -> Option<Seen> {
        let ledger = &dir.of(&self.sides).ledger;
        (!segment.is_empty()).then(|| ledger.look(segment.seq, segment.len()))
    }

    /// What the other direction, and the past, say of a segment.
    fn facts(&self, segment: &Segment<'_>, dir: Dir, cx: &Cx<'_>) -> Facts {
        let sent = self.labels.sent(dir, segment.seq, cx.packet);
        let heard = self.labels.heard(dir.flip());
        let lacked = match (sent, heard, self.way(dir.flip())) {
            (Some(sent), Some((_, at)), Some(way)) => at.since(sent.time) >= way,
            _ => false,
        };
        Facts {
            lacked,
            answer: segment.is_empty() && dir.flip().of(&self.sides).probed,
            closed: self.labels.closed(dir.flip()),
            asked: self.labels.asks_for(dir.flip(), segment.seq),
            before: sent.map(|sent| (sent.packet, sent.time)),
            rtt: self.labels.initial_rtt(),
            now: cx.time,
            ..Facts::default()
        }
    }

    /// Says what was not ordinary about a segment.
    fn remark(
        &mut self,
        segment: &Segment<'_>,
        look: &Look,
        facts: &Facts,
        dir: Dir,
        cx: &mut Cx<'_>,
    ) -> Option<(EventId, Label)> {
        let side = dir.of(&self.sides);
        let (mut remark, hole) = side.trace.judge(segment, look, facts)?;
        let other = dir.flip().of(&self.sides);
        let about = match remark.label {
            Label::KeepAliveAck | Label::ZeroWindowProbeAck => self.probe,
            Label::DuplicateAck => other.trace.hole_at(segment.ack),
            Label::ReusedPorts => self.told,
            _ => hole,
        };
        let at = u64::try_from(side.ledger.offset(segment.seq)).unwrap_or(0);
        let span = match facts.seen {
            Some(_) => Span::tcp(at, segment.len()),
            None => Span::tcp(at, 0),
        };
        if facts.seen.is_some() {
            remark.in_flight = self.in_flight(segment, dir);
            remark.pushed = remark.in_flight.and(look.pushed);
        }
        let place = Place {
            about,
            ..Place::at(dir, span)
        };
        let kind = EventKind::Tcp(Tcp::Note(Note::Remark(remark)));
        let id = cx.emit(place, kind, Loan::default());
        match remark.label {
            Label::KeepAlive => self.keep_alives += 1,
            Label::Retransmission | Label::TimeoutRetransmission | Label::FastRetransmission => {
                dir.of_mut(&mut self.sides).repeated += 1;
            }
            _ => {}
        }
        Some((id, remark.label))
    }

    /// Names the acknowledgement that a segment carries, and says what messages it confirms.
    fn tell_acks(
        &mut self,
        segment: &Segment<'_>,
        look: &Look,
        label: Option<Label>,
        dir: Dir,
        cx: &mut Cx<'_>,
    ) {
        let in_flight = match segment.is_empty() {
            true => None,
            false => self.in_flight(segment, dir),
        };
        let way = self.way(dir);
        let book = self.acks.get_or_insert_default();
        // Of a message whose beginning is not known any more it cannot be said when it was sent.
        for Mark {
            event, dir, span, ..
        } in cx.marks.drain(..).filter(|mark| mark.whole)
        {
            book.message(dir, event, span.start, span.end(), cx.time);
        }
        let mss = dir.of(&self.sides).mss;
        let Some(ack) = acks::name(segment, look, label, mss, way) else {
            return;
        };
        let other = dir.flip();
        let ack = Ack {
            in_flight,
            pushed: in_flight.and(ack.pushed),
            ..ack
        };
        let to = other.of(&self.sides).ledger.offset(segment.ack);
        let to = u64::try_from(to).unwrap_or(0);
        let note = |note| EventKind::Tcp(Tcp::Note(note));
        let place = Place::at(dir, Span::tcp(to, 0));
        cx.emit(place, note(Note::Ack(ack)), Loan::default());
        while let Some((event, delivered)) = book.delivered(other, to, ack.kind) {
            let place = Place {
                about: Some(event),
                ..place
            };
            cx.emit(place, note(Note::Delivered(delivered)), Loan::default());
        }
    }

    /// Takes a payload; true where it brought bytes that were missing.
    fn payload(
        &mut self,
        segment: &Segment<'_>,
        look: &Look,
        seq: u32,
        dir: Dir,
        cx: &mut Cx<'_>,
        above: &mut impl Above,
    ) -> bool {
        let side = dir.of_mut(&mut self.sides);
        let top = side.ledger.top();
        let mut arrival = side
            .ledger
            .arrive(seq, segment.payload, segment.cut, cx.packet);
        let again = matches!(arrival.seen, Seen::Before | Seen::Partly);
        if again && let Some(recent) = &side.recent {
            arrival.conflict |= recent.differs(seq, segment.payload);
        }
        if arrival.seen != Seen::Before {
            // Of bytes that came before, the first ones count.
            let fresh = arrival.now.map_or(segment.payload, |(_, fresh)| fresh);
            let before = (segment.payload.len() - fresh.len()) as u32;
            let recent = side.recent.get_or_insert_default();
            recent.keep(seq.wrapping_add(before), fresh, cx.limits.recent_segments);
        }
        let hole = top.filter(|&top| arrival.seen == Seen::New && above_seq(seq, top));
        let ordinary = arrival.seen == Seen::New && hole.is_none() && look.labels.is_empty();
        if !ordinary {
            let facts = Facts {
                seen: Some(arrival.seen),
                behind: hole.is_some(),
                ..self.facts(segment, dir, cx)
            };
            let said = self.remark(segment, look, &facts, dir, cx);
            if let Some(start) = hole {
                let trace = &mut dir.of_mut(&mut self.sides).trace;
                let event = said.map(|(id, _)| id);
                trace.open(start, segment, cx.packet, cx.time, event);
            }
        }
        dir.of_mut(&mut self.sides).trace.keep(segment);
        self.note_stall(&arrival, segment, dir, cx);
        if cx.want.acks {
            let book = self.acks.get_or_insert_default();
            book.arrived(dir, arrival.at, segment.len(), cx.packet, cx.time);
        }
        self.describe(&arrival, segment, dir, cx);
        if let Some((at, bytes)) = arrival.now {
            cx.stream(Piece {
                conn: self.id,
                dir,
                at,
                packet: cx.packet,
                space: Space::Tcp,
                carrier: None,
                bytes,
            });
            above.feed(
                dir,
                Input::Bytes {
                    at,
                    packet: cx.packet,
                    bytes,
                },
                cx,
            );
        }
        let filled = matches!(arrival.seen, Seen::FillsHole | Seen::Partly);
        self.drain(dir, cx, above);
        filled
    }

    /// Bytes of this direction that are not acknowledged, this segment's included; a FIN is none.
    fn in_flight(&self, segment: &Segment<'_>, dir: Dir) -> Option<NonZeroU32> {
        let fin = u32::from(segment.flags.fin());
        NonZeroU32::new(self.labels.in_flight(dir)?.checked_sub(fin)?)
    }

    /// The time from the tap to the end that sends in `dir`, and back, as the handshake shows it.
    fn way(&self, dir: Dir) -> Option<i64> {
        let [client, server] = &self.sides;
        let (asked, answered) = (client.syn?.1, server.syn?.1);
        let server = answered.since(asked).max(0);
        match dir {
            Dir::C2s => Some(self.labels.initial_rtt()?.saturating_sub(server).max(0)),
            Dir::S2c => Some(server),
        }
    }

    /// Notes what a segment says of its sender's window, and whether it acknowledges late.
    fn note_window(&mut self, segment: &Segment<'_>, look: &Look, dir: Dir, cx: &Cx<'_>) {
        let flags = segment.flags;
        if !flags.ack() || flags.rst() {
            return;
        }
        if look.edge_moved || flags.syn() {
            dir.of_mut(&mut self.sides).moved = segment.ack;
        }
        if flags.syn() {
            return;
        }
        let late = match segment.is_empty() && look.acks.is_some() {
            true => acks::delayed(look, self.way(dir)).unwrap_or(0) / 1_000_000,
            false => 0,
        };
        let other = dir.flip();
        let at = other.of(&self.sides).ledger.extent();
        let side = dir.of_mut(&mut self.sides);
        side.late = u16::try_from(late).unwrap_or(u16::MAX);
        let open = segment.window != 0;
        // Where nothing is stalled, no window is closed that may open.
        if self.stalled || !open {
            let stalls = self.stalls.get_or_insert_default();
            stalls.window(other, open, at, cx.packet, cx.time);
            self.stalled = !stalls.is_over();
        }
    }

    /// Notes what may hold up the messages that this payload carries.
    fn note_stall(
        &mut self,
        arrival: &Arrival<'_>,
        segment: &Segment<'_>,
        dir: Dir,
        cx: &mut Cx<'_>,
    ) {
        let end = arrival.at.saturating_add(segment.len());
        let other = dir.flip().of_mut(&mut self.sides);
        other.unread |= other.ledger.has_fin() && arrival.seen == Seen::New;
        let late = i64::from(std::mem::take(&mut other.late)) * 1_000_000;
        if arrival.now.is_none() && matches!(arrival.seen, Seen::New | Seen::FillsHole) {
            let shown = dir.of(&self.sides).trace.hole_shown(None);
            let hole = shown.unwrap_or(cx.packet);
            let stalls = self.stalls.get_or_insert_default();
            stalls.early(dir, (arrival.at, end), hole, cx.time);
            self.stalled = !stalls.is_over();
        } else if let (Some(stalls), Seen::FillsHole | Seen::Partly) =
            (&mut self.stalls, arrival.seen)
            && self.stalled
        {
            let trace = &dir.of(&self.sides).trace;
            stalls.fills(dir, trace.hole_shown(Some(segment.seq)));
        } else if late > 0
            && let (Some((by, heard)), Some(way)) = (self.labels.heard(dir.flip()), self.way(dir))
            && dir.flip().of(&self.sides).takes_more_than(segment.len())
        {
            // It takes as long from the acknowledgement to here as the way to its sender and back.
            let off = cx.time.since(heard).abs_diff(way);
            if off <= AT_ONCE + way.unsigned_abs() / 8 {
                let stalls = self.stalls.get_or_insert_default();
                stalls.waited(dir, arrival.at, by, late);
                self.stalled = !stalls.is_over();
                cx.want.marks = true;
            }
        }
    }

    /// Says, once for a direction, that a segment shows offload at work.
    fn tell_offload(&mut self, segment: &Segment<'_>, dir: Dir, cx: &mut Cx<'_>) {
        let mss = dir.flip().of(&self.sides).mss;
        let large = mss.is_some_and(|mss| segment.len() > mss.into());
        if !large && segment.sized || dir.of(&self.sides).offloads {
            return;
        }
        let [sender, receiver] =
            [dir, dir.flip()].map(|dir| dir.of(&self.sides).unfilled == Some(Unfilled::Yes));
        let offload = Offload {
            bytes: u32::try_from(segment.len()).unwrap_or(u32::MAX),
            mss,
            no_length: !segment.sized,
            by: match (sender, receiver) {
                // What has no length yet has not been sent.
                _ if !segment.sized => Offloader::Sender,
                (true, false) => Offloader::Sender,
                (false, true) => Offloader::Receiver,
                _ => Offloader::Unclear,
            },
        };
        let half = dir.of_mut(&mut self.sides);
        half.offloads = true;
        let at = u64::try_from(half.ledger.offset(segment.seq)).unwrap_or(0);
        let span = Span::tcp(at, segment.len());
        note(dir, span, Note::Offload(offload), cx);
    }

    /// Says what held up the messages that were completed, where something did.
    #[inline]
    fn tell_delays(&mut self, filled: bool, here: Dir, cx: &mut Cx<'_>) {
        if self.stalled {
            self.tell_what_delayed(filled, here, cx);
        }
        if self.ended {
            (self.stalls, self.stalled) = (None, false);
        }
    }

    fn tell_what_delayed(&mut self, filled: bool, here: Dir, cx: &mut Cx<'_>) {
        let Some(stalls) = &mut self.stalls else {
            return;
        };
        let marks = std::mem::take(cx.marks);
        for &Mark {
            event, dir, span, ..
        } in &marks
        {
            let filled = filled && dir == here;
            let delays = stalls.of_message(dir, span, filled, cx.time);
            for remark in delays.into_iter().flatten() {
                let place = Place {
                    about: Some(event),
                    ..Place::at(dir, span)
                };
                let kind = EventKind::Tcp(Tcp::Note(Note::Remark(remark)));
                cx.emit(place, kind, Loan::default());
            }
        }
        for &Mark { dir, span, .. } in &marks {
            stalls.told(dir, span.end());
        }
        *cx.marks = marks;
        for dir in Dir::BOTH {
            if !dir.of(&self.sides).ledger.waits() {
                stalls.filled(dir);
            }
        }
        self.stalled = !stalls.is_over();
        if !self.stalled {
            // Only its place is kept: what held messages up once often does again.
            **stalls = Stalls::default();
        }
    }

    /// Says what was not ordinary about a payload.
    #[inline]
    fn describe(&self, arrival: &Arrival<'_>, segment: &Segment<'_>, dir: Dir, cx: &mut Cx<'_>) {
        let span = Span::tcp(arrival.at, segment.payload.len() as u64);
        match arrival.seen {
            Seen::New | Seen::FillsHole | Seen::Partly | Seen::Before => {}
            Seen::Late => {
                let text =
                    "bytes of a hole that had been given up came after all; they are not decoded";
                cx.anomaly(dir, span, What::Late, text);
            }
        }
        if arrival.conflict {
            let text = "the same sequence numbers carried different bytes; those that came first are decoded, as most receivers keep them";
            cx.anomaly(dir, span, What::Conflict, text);
        }
        if segment.cut > 0 {
            let span = Span::tcp(arrival.at + span.len, u64::from(segment.cut));
            cx.anomaly(
                dir,
                span,
                What::Truncated,
                "the capture cut this packet short",
            );
        }
    }

    /// Hands everything out that is ready in a direction.
    #[inline]
    fn drain(&mut self, dir: Dir, cx: &mut Cx<'_>, above: &mut impl Above) {
        if !dir.of(&self.sides).ledger.is_quiet() {
            self.drain_all(dir, cx, above);
        }
    }

    fn drain_all(&mut self, dir: Dir, cx: &mut Cx<'_>, above: &mut impl Above) {
        while let Some(ready) = dir.of_mut(&mut self.sides).ledger.ready(cx.limits) {
            match ready {
                Ready::Bytes { at, packet, bytes } => {
                    cx.stream(Piece {
                        conn: self.id,
                        dir,
                        at,
                        packet,
                        space: Space::Tcp,
                        carrier: None,
                        bytes: &bytes,
                    });
                    above.feed(
                        dir,
                        Input::Bytes {
                            at,
                            packet,
                            bytes: &bytes,
                        },
                        cx,
                    );
                }
                Ready::Gap { at, len, lost } => {
                    if lost != Lost::Cut {
                        cx.anomaly(dir, Span::tcp(at, len), gap_kind(lost), gap_text(lost));
                    }
                    let exact = true;
                    above.feed(dir, Input::Gap { at, len, exact }, cx);
                }
                Ready::Fin => {
                    dir.of_mut(&mut self.sides).told_end = true;
                    above.feed(dir, Input::End(End::Fin), cx);
                }
            }
        }
    }

    /// Takes FIN; `acked` says whether the other side's had been acknowledged before.
    fn fin(&mut self, segment: &Segment<'_>, seq: u32, acked: bool, dir: Dir, cx: &mut Cx<'_>) {
        let first = self.closing.is_some_and(|first| first != dir);
        let merged = dir.flip().of(&self.sides).ledger.fin_acked();
        let side = dir.of_mut(&mut self.sides);
        let at = seq.wrapping_add(segment.len() as u32);
        let offset = u64::try_from(side.ledger.offset(at)).unwrap_or(0);
        let again = side.ledger.has_fin();
        side.ledger.fin(at);
        self.closing.get_or_insert(dir);
        if first && !again && self.how.is_none() {
            self.how = Some(match (acked, merged) {
                (true, _) => How::FourSegments,
                (false, true) => How::ThreeSegments,
                (false, false) => How::Simultaneous,
            });
        }
        if !again {
            note(dir, Span::tcp(offset, 0), Note::Fin, cx);
        }
    }

    fn reset(&mut self, segment: &Segment<'_>, dir: Dir, cx: &mut Cx<'_>, above: &mut impl Above) {
        let at = u64::try_from(dir.of(&self.sides).ledger.offset(segment.seq)).unwrap_or(0);
        note(dir, Span::tcp(at, 0), Note::Rst, cx);
        self.closing.get_or_insert(dir);
        for side in Dir::BOTH {
            side.of_mut(&mut self.sides).ledger.flush();
            self.drain(side, cx, above);
        }
        self.end_above(End::Rst { by: dir }, cx, above);
        self.close(true, cx);
    }

    /// Both sides said FIN, and the last one was acknowledged.
    fn close_if_done(&mut self, cx: &mut Cx<'_>) {
        if self
            .sides
            .iter()
            .all(|side| side.told_end && side.ledger.fin_acked())
        {
            self.close(false, cx);
        }
    }

    fn close(&mut self, reset: bool, cx: &mut Cx<'_>) {
        self.ended = true;
        for side in &mut self.sides {
            side.recent = None;
        }
        let [client, server] = &self.sides;
        let close = TcpClose {
            reset,
            first: self.closing.unwrap_or(Dir::C2s),
            bytes: [client.ledger.extent(), server.ledger.extent()],
            how: self.how.unwrap_or(How::FourSegments),
            completeness: self.labels.completeness(),
            keep_alives: self.keep_alives,
        };
        let place = Place {
            first: Some(self.first.0),
            ..Place::default()
        };
        let id = cx.emit(place, EventKind::Tcp(Tcp::Close(close)), Loan::default());
        self.told = Some(id);
    }

    fn end_above(&mut self, end: End, cx: &mut Cx<'_>, above: &mut impl Above) {
        for dir in Dir::BOTH {
            let side = dir.of_mut(&mut self.sides);
            if !std::mem::replace(&mut side.told_end, true) {
                above.feed(dir, Input::End(end), cx);
            }
        }
    }

    fn after_the_end(&mut self, segment: &Segment<'_>, look: &Look, dir: Dir, cx: &mut Cx<'_>) {
        if !look.labels.is_empty() {
            let facts = Facts {
                seen: self.seen_again(segment, dir),
                again: self.again(segment, dir),
                ..self.facts(segment, dir, cx)
            };
            self.remark(segment, look, &facts, dir, cx);
        }
        if segment.flags.rst() {
            return note(dir, Span::default(), Note::Rst, cx);
        }
        let side = dir.of(&self.sides);
        let at = u64::try_from(side.ledger.offset(segment.seq)).unwrap_or(0);
        if at + segment.len() > side.ledger.extent()
            && !segment.is_empty()
            && !std::mem::replace(&mut self.said_late, true)
        {
            let text = "data came after the connection had ended; it is not decoded";
            cx.anomaly(dir, Span::tcp(at, segment.len()), What::Late, text);
        }
    }
}

fn note(dir: Dir, span: Span, note: Note, cx: &mut Cx<'_>) {
    cx.emit(
        Place::at(dir, span),
        EventKind::Tcp(Tcp::Note(note)),
        Loan::default(),
    );
}

fn gap_kind(lost: Lost) -> What {
    match lost {
        Lost::Limit => What::Limit,
        Lost::Acknowledged | Lost::Cut | Lost::End => What::Gap,
    }
}

fn gap_text(lost: Lost) -> &'static str {
    match lost {
        Lost::Acknowledged => "the capture lost these bytes: the receiver has acknowledged them",
        Lost::Cut => "the capture cut these bytes off",
        Lost::Limit => {
            "too much waited behind these missing bytes: they are given up; whether the network or the capture lost them is not decidable"
        }
        Lost::End => {
            "these bytes were never captured, nor acknowledged in the capture: whether the network or the capture lost them is not decidable"
        }
    }
}

impl Half {
    /// Whether so many bytes are less than a segment to this side: what Nagle's algorithm holds back.
    /// RFC 1122 section 4.2.3.4
    fn takes_more_than(&self, len: u64) -> bool {
        len < u64::from(self.mss.unwrap_or(536))
    }
}

/// How soon after an acknowledgement its sender goes on that has waited for it, nanoseconds.
const AT_ONCE: u64 = 1_000_000;

/// A guess from the ports alone: servers listen on low ones.
fn looks_like_client(src: Endpoint, dst: Endpoint) -> bool {
    src.port >= dst.port
}

#[cfg(test)]
mod tests;
