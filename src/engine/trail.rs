//! What a run leaves behind, so that bytes are found again without beginning at the file's start.
//!
//! ```text
//! file      ├─────────┼─────────┼─────────┼─────────┤   marks: where packets can be read from
//! conn 0    ╟──────────────────▪────────────────▪       stops: the connection as it was
//! conn 1            ╟───────────────                    starts: its first packet
//! ```
//! To show an event, one connection goes on from its last stop before the event; every other packet is passed over.
//!
//! A spool forgets its beginning, part by part. So there each connection leaves a stop before its first
//! packet in each part: whatever is still there can be derived again, and all of it from a part's beginning on.

use super::path::{self, Path, Walk};
use super::replay::{Captured, Carried, Find, Replay};
#[cfg(unix)]
use super::run::dropped;
use super::{Engine, Entry};
use crate::error::Error;
use crate::model::{
    Config, ConnId, Event, EventKind, Flow, PacketNo, Segment, Sink, Tcp, Want, Ws,
};
use crate::source::{Capture, Marks};
use crate::tcp::Key;
#[cfg(unix)]
use std::collections::HashSet;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Packets between two marks, and between two questions whether to go on.
pub(super) const STRIDE: u64 = 1024;

/// Payload bytes of a connection between two of its stops.
const LEG: u64 = 16 << 20;

/// Bytes that the stops along a spool may take together, about.
const STOPS: usize = 64 << 20;

/// Marks, starts and stops of a run; shared between who reads and who asks.
#[derive(Clone, Default)]
pub struct Trail(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    marks: Option<Marks>,
    starts: VecDeque<PacketNo>,
    /// Starts before these that were forgotten.
    gone: usize,
    /// Where each connection's packets are, and the stride up to which that is known; not along a spool.
    paths: Vec<Path>,
    known: u32,
    /// In the order of their packets.
    stops: VecDeque<Arc<Stop>>,
    /// Bytes that the stops along a spool take.
    weight: usize,
    /// The last part of a spool that lost stops for lack of room.
    torn: Option<PacketNo>,
    leg: u64,
}

/// A connection as it was before a packet.
pub(super) struct Stop {
    conn: ConnId,
    next: PacketNo,
    /// The part of the spool, and the bytes that this takes; only along a spool.
    part: PacketNo,
    weight: usize,
    entry: Entry,
}

/// What an engine notes for a trail.
pub(super) struct Notes {
    starts: Vec<PacketNo>,
    /// Connections, and strides with packets of them.
    steps: Vec<(ConnId, u32)>,
    stops: Vec<Arc<Stop>>,
    leg: u64,
    /// What forgets its beginning.
    marks: Option<Marks>,
}

impl Notes {
    /// Nothing yet, on the way along a trail.
    pub fn new(trail: &Trail) -> Self {
        let inner = trail.lock();
        Self {
            starts: Vec::new(),
            steps: Vec::new(),
            stops: Vec::new(),
            leg: inner.leg,
            marks: inner.marks.clone().filter(|marks| marks.oldest().is_some()),
        }
    }

    /// The part of the spool that this packet lies in.
    pub fn part(&self, packet: PacketNo) -> PacketNo {
        let marks = self.marks.as_ref();
        marks.map_or(PacketNo::FIRST, |marks| marks.part(packet))
    }

    /// A connection is about to get this packet: in another part of the spool, it is kept as it is.
    pub fn about(&mut self, entry: &mut Entry, packet: PacketNo) {
        if self.marks.is_none() {
            return;
        }
        let part = self.part(packet);
        if entry.part != part {
            entry.part = part;
            entry.since_stop = 0;
            self.keep(entry, packet);
        }
    }

    fn keep(&mut self, entry: &Entry, next: PacketNo) {
        let weight = match self.marks {
            Some(_) => entry.tcp.weight() + entry.host.weight() + size_of::<Stop>(),
            None => 0,
        };
        self.stops.push(Arc::new(Stop {
            conn: entry.tcp.id,
            next,
            part: entry.part,
            weight,
            entry: entry.clone(),
        }));
    }

    /// A connection begins with this packet.
    pub fn start(&mut self, packet: PacketNo) {
        self.starts.push(packet);
    }

    /// With this packet a connection was over because another one has its ports now.
    pub fn over(&mut self, conn: ConnId, packet: PacketNo) {
        if self.marks.is_none() {
            self.steps.push((conn, path::stride(packet)));
        }
    }

    /// A connection got a segment: now and then it is kept as it is.
    pub fn fed(&mut self, entry: &mut Entry, segment: &Segment<'_>, packet: PacketNo) {
        let stride = path::stride(packet);
        if self.marks.is_none() && entry.stride != Some(stride) {
            // The pieces of a fragmented packet may have come just before.
            let before = stride.checked_sub(1);
            let before = before.filter(|_| segment.payload_at.is_none() && !segment.is_empty());
            let conn = entry.tcp.id;
            self.steps.extend(before.map(|stride| (conn, stride)));
            self.steps.push((conn, stride));
            entry.stride = Some(stride);
        }
        entry.since_stop += segment.len();
        if entry.since_stop >= self.leg && !entry.tcp.ended() {
            entry.since_stop = 0;
            self.keep(entry, packet.next());
        }
    }
}

impl Trail {
    /// A trail of this capture, which has not been read yet. What cannot be read again leaves none.
    #[must_use]
    pub fn new(capture: &Capture) -> Self {
        Self::with_legs(capture, LEG)
    }

    /// The same, with a stop of a connection for every so many bytes of its payload.
    #[must_use]
    pub fn with_legs(capture: &Capture, leg: u64) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            marks: Marks::new(capture, STRIDE),
            leg,
            ..Inner::default()
        })))
    }

    /// A trail of what a spool will hold.
    #[cfg(unix)]
    #[must_use]
    pub fn of_spool(history: &crate::source::History) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            marks: Some(Marks::of_spool(history)),
            leg: LEG,
            ..Inner::default()
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anything can be read again.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.lock().marks.is_some()
    }

    /// To be called after every packet.
    pub(super) fn note(&self, capture: &Capture, engine: &mut Engine) {
        let new = engine
            .notes
            .as_ref()
            .is_some_and(|notes| !notes.starts.is_empty() || !notes.stops.is_empty());
        if new || engine.counts().packets.is_multiple_of(STRIDE) {
            self.gather(capture, engine);
        }
    }

    /// Takes over what the engine has noted.
    pub(super) fn gather(&self, capture: &Capture, engine: &mut Engine) {
        let Some(notes) = engine.notes.as_mut() else {
            return;
        };
        let mut inner = self.lock();
        inner.starts.extend(notes.starts.drain(..));
        inner.take(&mut notes.stops);
        inner.known = path::stride(engine.last.0);
        for (conn, stride) in notes.steps.drain(..) {
            let at = conn.0 as usize;
            if inner.paths.len() <= at {
                inner.paths.resize_with(at + 1, Path::default);
            }
            if let Some(path) = inner.paths.get_mut(at) {
                path.push(stride);
            }
        }
        if let Some(marks) = &mut inner.marks {
            marks.note(capture);
        }
        inner.forget();
    }

    /// Where to begin to see a packet of a connection: the connection as it was, or nothing where it begins.
    fn before(&self, conn: ConnId, packet: PacketNo) -> Option<(Begin, Option<Arc<Stop>>)> {
        let inner = self.lock();
        let marks = inner.marks.clone()?;
        let place = (conn.0 as usize).checked_sub(inner.gone);
        let start = place.and_then(|place| inner.starts.get(place).copied());
        let stop = inner
            .stops
            .iter()
            .rev()
            .find(|stop| stop.conn == conn && stop.next <= packet)
            .cloned();
        let from = stop.as_ref().map(|stop| stop.next).or(start)?;
        let spooled = marks.oldest().is_some();
        let strides = (!spooled).then(|| {
            let path = inner.paths.get(conn.0 as usize);
            let strides = path.into_iter().flat_map(Path::strides);
            // What was read since is not noted yet: no more than goes into two strides.
            let since = inner.known..=inner.known.saturating_add(1);
            strides.chain(since).collect()
        });
        let begin = Begin {
            marks,
            from,
            strides,
        };
        Some((begin, stop))
    }

    /// Derives the bytes of an event again; none where this capture does not show it, or `go_on` says no.
    ///
    /// # Errors
    /// What kept the captures from being read up to the event.
    pub fn replay(
        &self,
        config: &Config,
        event: &Event,
        flow: &Flow,
        mut go_on: impl FnMut() -> bool,
    ) -> Result<Option<Replay>, Error> {
        let bytes = event.span.len > 0;
        // What has no bytes needs no more than its packet.
        let first = if bytes { event.first } else { event.packet };
        let Some((from, stop)) = self.before(event.conn, first) else {
            return Ok(None);
        };
        let stopped = stop.is_some();
        let found = Self::replay_from(config, event, flow, (from, stop), &mut go_on)?;
        let whole = found.as_ref().is_some_and(|found| {
            let begins = |piece: &Carried| piece.at <= event.span.start;
            !bytes || found.pieces.iter().any(begins)
        });
        if whole || !stopped {
            return Ok(found);
        }
        // Its bytes may have waited since before the stop.
        match self.before(event.conn, PacketNo::FIRST) {
            Some((from, stop)) if go_on() => {
                Self::replay_from(config, event, flow, (from, stop), &mut go_on)
            }
            _ => Ok(found),
        }
    }

    fn replay_from(
        config: &Config,
        event: &Event,
        flow: &Flow,
        (from, stop): (Begin, Option<Arc<Stop>>),
        go_on: &mut impl FnMut() -> bool,
    ) -> Result<Option<Replay>, Error> {
        let mut find = Find::without_id(event.clone());
        let mut cause = None;
        let bytes = event.span.len > 0;
        if bytes {
            let mut engine = Engine::of_one(config.clone(), find.want(), event.conn, flow, stop);
            let to = Some(event.id.at).filter(|at| !at.is_end());
            let mut walk = from.walk(to)?;
            while let Some(packet) = walk.next()? {
                let stop = packet.no.get().is_multiple_of(STRIDE) && !go_on();
                if stop {
                    return Ok(None);
                }
                let last = packet.no >= event.id.at;
                if packet.no == event.id.at {
                    cause = Some(Captured::of(&packet));
                }
                // The sink never fails.
                let _ = engine.packet(packet, &mut find);
                if last {
                    break;
                }
            }
            if event.id.at.is_end() {
                let _ = engine.finish(&mut find);
            }
        } else if !event.id.at.is_end()
            && let Some(packet) = from.marks.seek(event.packet)?.next()?
        {
            cause = Some(Captured::of(&packet));
        }
        Ok(find.answer(flow, cause, bytes && has_payload(event)))
    }

    /// Reads one connection again, from its packet `from` on, into a sink; `watch` hears the packet
    /// numbers now and then and ends it by answering false. Events are those of an unjudged run.
    ///
    /// # Errors
    /// What kept the captures from being read.
    pub fn follow(
        &self,
        config: &Config,
        (conn, flow, from): (ConnId, &Flow, PacketNo),
        sink: &mut dyn Sink,
        mut watch: impl FnMut(PacketNo) -> bool,
    ) -> Result<(), Error> {
        let want = Want {
            unjudged: true,
            ..sink.want()
        };
        // Stops know nothing of acknowledgements.
        let packet = if want.acks { PacketNo::FIRST } else { from };
        let Some((from, stop)) = self.before(conn, packet) else {
            return Ok(());
        };
        let mut engine = Engine::of_one(config.clone(), want, conn, flow, stop);
        let mut walk = from.walk(None)?;
        while let Some(packet) = walk.next()? {
            if packet.no.get().is_multiple_of(STRIDE) && !watch(packet.no) {
                return Ok(());
            }
            if engine.packet(packet, sink).is_err() || engine.is_over() {
                return Ok(());
            }
        }
        let _ = engine.finish(sink);
        Ok(())
    }
}

/// Packets of a connection: those that are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stretch {
    /// The connection.
    pub conn: ConnId,
    /// The first packet that matters.
    pub from: PacketNo,
    /// The last one.
    pub to: PacketNo,
}

/// Which connections a run looks at: it knows from an earlier one where each begins.
pub(super) struct Among {
    /// The connection that the first of `starts` began.
    first: usize,
    starts: Vec<PacketNo>,
    /// How many of them have gone by.
    gone: usize,
    /// A bit for each of them.
    wanted: Vec<u64>,
}

impl Among {
    /// Where a connection begins, if that is known.
    pub fn start(&self, conn: ConnId) -> Option<PacketNo> {
        let at = (conn.0 as usize).checked_sub(self.first)?;
        self.starts.get(at).copied()
    }

    /// The connection that this packet begins, and whether it is looked at. Packets come in order.
    pub fn begun(&mut self, packet: PacketNo) -> Option<(ConnId, bool)> {
        while self.starts.get(self.gone).is_some_and(|&it| it < packet) {
            self.gone += 1;
        }
        let begins = self.starts.get(self.gone) == Some(&packet);
        begins.then(|| {
            let bits = self.wanted.get(self.gone / 64).copied();
            let wanted = bits.is_some_and(|bits| bits >> (self.gone % 64) & 1 == 1);
            (ConnId((self.first + self.gone) as u32), wanted)
        })
    }
}

impl Trail {
    /// Reads some connections again in one go, each as far as it is asked for, into a sink that sees no others.
    /// `watch` hears now and then how many packets went by and how many there are to come, and ends it by
    /// answering false. Events are those of an unjudged run; sessions are numbered otherwise.
    ///
    /// # Errors
    /// What kept the captures from being read.
    pub fn follow_many(
        &self,
        config: &Config,
        stretches: &[Stretch],
        sink: &mut dyn Sink,
        mut watch: impl FnMut(u64, u64) -> bool,
    ) -> Result<(), Error> {
        let Some((marks, among, stops, strides)) = self.among(stretches, true) else {
            return Ok(());
        };
        let begin = |stretch: &Stretch| match stops.get(&stretch.conn) {
            Some(stop) => Some(stop.next),
            None => among.start(stretch.conn),
        };
        let Some(first) = stretches.iter().filter_map(begin).min() else {
            return Ok(());
        };
        let last = stretches.iter().map(|it| it.to).max().unwrap_or(first);
        let total = match &strides {
            Some(strides) => strides.len() as u64,
            None => last.get().saturating_sub(first.get()) / STRIDE + 1,
        };
        let mut stops: Vec<_> = stops.into_values().collect();
        stops.sort_unstable_by_key(|stop| std::cmp::Reverse(stop.next));
        let want = Want {
            unjudged: true,
            ..sink.want()
        };
        let mut engine = Engine::new(config.clone(), want);
        engine.among = Some(among);
        let mut walk = match strides {
            Some(strides) => Walk::new(marks, first, strides)?,
            None => Walk::through(&marks, first)?,
        };
        let mut gone = 0;
        while let Some(packet) = walk.next()? {
            if packet.no > last {
                return Ok(());
            }
            if packet.no.get().is_multiple_of(STRIDE) {
                gone += 1;
                if !watch(gone, total) {
                    return Ok(());
                }
            }
            while let Some(stop) = stops.pop_if(|stop| stop.next <= packet.no) {
                let flow = stop.entry.tcp.flow;
                let key = Key::new(flow.client, flow.server);
                engine.table.remove(&key);
                engine.table.insert(key, stop.entry.clone());
            }
            if engine.packet(packet, sink).is_err() {
                return Ok(());
            }
        }
        let _ = engine.finish(sink);
        Ok(())
    }

    /// The way in, whom to look at, whom to take up in its middle, and which strides are read.
    pub(super) fn among(&self, stretches: &[Stretch], from_stops: bool) -> Option<Ways> {
        let inner = self.lock();
        let marks = inner.marks.clone()?;
        let from: HashMap<_, _> = stretches.iter().map(|it| (it.conn, it.from)).collect();
        let mut stops = HashMap::new();
        for stop in inner.stops.iter().filter(|_| from_stops) {
            if from.get(&stop.conn).is_some_and(|&from| stop.next <= from) {
                stops.insert(stop.conn, Arc::clone(stop));
            }
        }
        let starts: Vec<_> = inner.starts.iter().copied().collect();
        let mut wanted = vec![0; starts.len().div_ceil(64)];
        let mut strides = Vec::new();
        for stretch in stretches {
            let at = stretch.conn.0 as usize;
            let last = path::stride(stretch.to);
            let begin = stops
                .get(&stretch.conn)
                .map_or(0, |stop: &Arc<Stop>| path::stride(stop.next));
            let along = inner.paths.get(at).into_iter().flat_map(Path::strides);
            // What was read since is not noted yet: no more than goes into two strides.
            let since = inner.known..=last.min(inner.known.saturating_add(1));
            let along = along.chain(since);
            for stride in along.filter(|&stride| stride >= begin && stride <= last) {
                let at = stride as usize;
                if strides.len() <= at {
                    strides.resize(at + 1, false);
                }
                if let Some(is_read) = strides.get_mut(at) {
                    *is_read = true;
                }
            }
            if let Some(at) = at.checked_sub(inner.gone)
                && let Some(bits) = wanted.get_mut(at / 64)
                && !stops.contains_key(&stretch.conn)
            {
                *bits |= 1 << (at % 64);
            }
        }
        let among = Among {
            first: inner.gone,
            starts,
            gone: 0,
            wanted,
        };
        let strides = (0..)
            .zip(strides)
            .filter_map(|(at, is_read)| is_read.then_some(at));
        let strides = marks.oldest().is_none().then(|| strides.collect());
        Some((marks, among, stops, strides))
    }
}

pub(super) type Ways = (Marks, Among, HashMap<ConnId, Arc<Stop>>, Option<Vec<u32>>);

#[cfg(unix)]
impl Trail {
    /// Reads again all that a spool still holds, from the beginning of that of its parts on from which
    /// every connection is known; `watch` hears the packet numbers now and then and ends it by
    /// answering false. Answers with the first packet that was read; none where there is no such part.
    ///
    /// Events have the numbers of their connections; they are those of an unjudged run.
    ///
    /// # Errors
    /// What kept the packets from being read: they may be overwritten meanwhile.
    pub fn rest(
        &self,
        config: &Config,
        sink: &mut dyn Sink,
        mut watch: impl FnMut(PacketNo) -> bool,
    ) -> Result<Option<PacketNo>, Error> {
        let want = Want {
            unjudged: true,
            ..sink.want()
        };
        let mut engine = Engine::new(config.clone(), want);
        let Some((marks, from, stops)) = self.last_known(&mut engine) else {
            return Ok(None);
        };
        let mut stops = stops.into_iter().peekable();
        let mut known = HashSet::new();
        let mut capture = marks.seek(from)?;
        let drops = capture.drops();
        while let Some(packet) = capture.next()? {
            if packet.no.get().is_multiple_of(STRIDE) && !watch(packet.no) {
                break;
            }
            while let Some(stop) = stops.next_if(|stop| stop.next <= packet.no) {
                if known.insert(stop.conn) {
                    let flow = stop.entry.tcp.flow;
                    let key = Key::new(flow.client, flow.server);
                    engine.table.insert(key, stop.entry.clone());
                }
            }
            let told = dropped(&mut engine, &drops, sink);
            if told.is_err() || engine.packet(packet, sink).is_err() {
                break;
            }
        }
        Ok(Some(from))
    }

    /// From where on everything is known; the engine then numbers new connections from there.
    fn last_known(&self, engine: &mut Engine) -> Option<(Marks, PacketNo, Vec<Arc<Stop>>)> {
        let inner = self.lock();
        let marks = inner.marks.clone()?;
        let whole = |part: &PacketNo| inner.torn.is_none_or(|torn| *part > torn);
        let from = marks.parts().into_iter().find(whole)?;
        let before = inner.starts.iter().take_while(|start| **start < from);
        let conn = u32::try_from(inner.gone + before.count()).ok()?;
        engine.next_conn = conn;
        let stops = inner
            .stops
            .iter()
            .filter(|it| it.next >= from && it.conn.0 < conn);
        let stops = stops.cloned().collect();
        Some((marks, from, stops))
    }
}

impl Inner {
    /// Takes these stops, as far as there is room for them: the oldest parts of the spool lose theirs first.
    fn take(&mut self, stops: &mut Vec<Arc<Stop>>) {
        for stop in stops.drain(..) {
            let spooled = stop.weight > 0;
            if spooled && self.torn.is_some_and(|torn| stop.part <= torn) {
                continue;
            }
            self.weight += stop.weight;
            self.stops.push_back(stop);
        }
        while self.weight > STOPS
            && let Some(part) = self.stops.front().map(|stop| stop.part)
        {
            self.torn = Some(part);
            self.drop_while(|stop| stop.part <= part);
        }
    }

    /// Lets go of what nothing can go on from any more.
    fn forget(&mut self) {
        let Some(oldest) = self.marks.as_ref().and_then(Marks::oldest) else {
            return;
        };
        self.drop_while(|stop| stop.next < oldest);
        let starts = self.starts.iter().take_while(|start| **start < oldest);
        let gone = starts.count();
        self.starts.drain(..gone);
        self.gone += gone;
    }

    fn drop_while(&mut self, gone: impl Fn(&Stop) -> bool) {
        while self.stops.front().is_some_and(|stop| gone(stop))
            && let Some(stop) = self.stops.pop_front()
        {
            self.weight -= stop.weight;
        }
    }
}

/// Where reading begins.
struct Begin {
    marks: Marks,
    from: PacketNo,
    /// The strides with packets of the connection; none where that is not known, along a spool.
    strides: Option<Vec<u32>>,
}

impl Begin {
    /// Goes along the connection's packets, and to this one.
    fn walk(self, to: Option<PacketNo>) -> Result<Walk, Error> {
        let Some(strides) = self.strides else {
            return Walk::through(&self.marks, self.from);
        };
        let last = to.map(path::stride);
        let along = strides
            .into_iter()
            .take_while(|&stride| last.is_none_or(|last| stride <= last));
        Walk::new(self.marks, self.from, along.chain(last))
    }
}

/// Whether the event comes with a payload of its own.
fn has_payload(event: &Event) -> bool {
    match event.kind {
        EventKind::Ws(Ws::Message(_)) => true,
        EventKind::Ws(Ws::Open(_) | Ws::Refused(_) | Ws::Frame(_) | Ws::Close(_))
        | EventKind::Tcp(Tcp::Open(_) | Tcp::Close(_) | Tcp::Note(_))
        | EventKind::Http(_)
        | EventKind::Tls(_)
        | EventKind::Anomaly(_)
        | EventKind::Finding(_)
        | EventKind::Insight(_) => false,
    }
}

impl Engine {
    /// An engine that sees one connection only, as it was at a stop or from its beginning.
    fn of_one(
        config: Config,
        want: Want,
        conn: ConnId,
        flow: &Flow,
        stop: Option<Arc<Stop>>,
    ) -> Self {
        let mut engine = Self::new(config, want);
        let key = Key::new(flow.client, flow.server);
        engine.only = Some((key, conn));
        engine.next_conn = conn.0;
        if let Some(stop) = stop {
            engine.next_conn = conn.0.saturating_add(1);
            engine.table.insert(key, stop.entry.clone());
        }
        engine
    }

    /// Whether the one connection has gone by.
    fn is_over(&mut self) -> bool {
        let Some((key, conn)) = self.only else {
            return false;
        };
        self.next_conn > conn.0.saturating_add(1)
            || self.next_conn > conn.0 && self.table.find(&key).is_none()
    }
}

impl Find {
    /// What was found, where that is enough.
    fn answer(self, flow: &Flow, packet: Option<Captured>, payload: bool) -> Option<Replay> {
        let (event, flow, loan) = match (self.found, payload) {
            (Some(found), _) => found,
            (None, true) => return None,
            (None, false) => (self.wanted, *flow, Default::default()),
        };
        Some(Replay {
            event,
            flow,
            payload: loan.0,
            unknown: loan.1,
            pieces: self.pieces,
            sealed: self.sealed,
            packet,
        })
    }
}
