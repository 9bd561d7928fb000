//! The wiring: packets go in, events come out.
//!
//! ```text
//! packet ─► decode ─► tcp::Table ─► tcp::Connection ─► proto::Host ─► rules::Judge ─► Sink
//! ```
//! The engine is a function of the packets alone: no clock, no files, no threads. The only module
//! that knows all the others.

mod added;
mod path;
mod relay;
mod replay;
mod run;
mod scan;
mod trail;

pub use replay::{Captured, Carried, Replay, replay, replay_while};
pub use run::{Run, run, run_along, run_each};
pub use scan::{Course, Lies, half};
pub use trail::{Stretch, Trail};

use crate::decode::{self, Decoded, Decoder};
use crate::model::{
    Anomaly, By, Config, ConnId, Counters, Counts, Cx, Dir, EventKind, Haste, Input, Loan, Mark,
    Now, Packet, PacketNo, Place, Segment, Sink, Space, Timestamp, Want, What, Wire,
};
use crate::proto::{Host, asks};
use crate::tcp::{Connection, Key, Slotted, Table};
use added::Added;
use std::collections::VecDeque;
use std::io;
use std::num::NonZeroU64;

/// Rebuilds everything from packets, one at a time.
pub struct Engine {
    config: Config,
    want: Want,
    decoder: Decoder,
    table: Table<Entry>,
    counters: Counters,
    /// See [`Cx::room`] and [`Cx::marks`].
    room: Vec<u8>,
    marks: Vec<Mark>,
    counts: Counts,
    next_conn: u32,
    /// The last packet, and when it came.
    last: (PacketNo, Timestamp),
    /// Connections that have ended, oldest first: forgotten after a while.
    ended: VecDeque<(Timestamp, Key, ConnId)>,
    /// What is noted for a trail, where one is left.
    notes: Option<trail::Notes>,
    /// The only connection that is looked at, where there is one.
    only: Option<(Key, ConnId)>,
    /// The connections that are looked at, where they are some of all.
    among: Option<trail::Among>,
    added: Added,
}

/// A connection, and what speaks on it.
#[derive(Clone)]
struct Entry {
    tcp: Connection,
    host: Host,
    /// Payload bytes since it was last kept for a trail.
    since_stop: u64,
    /// The last stretch of the file that has a packet of it, for a trail.
    stride: Option<u32>,
    /// The part of a spool in which it was last kept, or began.
    part: PacketNo,
    /// It was told of dropped packets, and none of its own came since.
    doubted: bool,
}

impl Engine {
    /// An engine that has seen nothing; `want` is what its sink needs.
    #[must_use]
    pub fn new(config: impl Into<Config>, want: Want) -> Self {
        Self {
            config: config.into(),
            want,
            decoder: Decoder::new(),
            table: Table::default(),
            counters: Counters::default(),
            room: Vec::new(),
            marks: Vec::new(),
            counts: Counts::default(),
            next_conn: 0,
            last: (PacketNo::FIRST, Timestamp::default()),
            ended: VecDeque::new(),
            notes: None,
            only: None,
            among: None,
            added: Added::default(),
        }
    }

    /// What came so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Takes the next packet.
    ///
    /// # Errors
    /// Whatever the sink's `event`, `part` or `stream` said first.
    pub fn packet(&mut self, packet: Packet<'_>, sink: &mut dyn Sink) -> io::Result<()> {
        self.counts.packets += 1;
        self.counters.events = 0;
        self.last = (packet.no, packet.time);
        self.forget(packet.time);
        self.counts.wire_bytes += u64::from(packet.orig_len);
        let only = self.only;
        // Looked at where it is: a segment has some two hundred bytes.
        match &self.decoder.decode(&packet) {
            Decoded::Tcp(segment) => {
                let ends = segment.flags.fin() || segment.flags.rst();
                let haste = if ends { Haste::Now } else { Haste::Later };
                self.config.keys.refresh(By::packet(packet.no), haste);
                if only.is_some_and(|(key, _)| key != Key::new(segment.src, segment.dst)) {
                    return Ok(());
                }
                let mut begins = None;
                let mut conn = ConnId(self.next_conn);
                if let Some(among) = &mut self.among {
                    let key = Key::new(segment.src, segment.dst);
                    let known = self.table.find(&key).is_some();
                    let begun = among.begun(packet.no);
                    if !known && begun.is_none_or(|(_, wanted)| !wanted) {
                        return Ok(());
                    }
                    // Which packets begin a connection is known from the run that left the trail.
                    begins = Some(begun.is_some());
                    conn = begun.map_or(conn, |(conn, _)| conn);
                }
                let wire = match self.want.wire {
                    true => decode::wire(&packet, segment),
                    false => Wire::default(),
                };
                if segment.payload_at.is_none() {
                    // The pieces that came before were counted as something else.
                    let all = self.counts.other_bytes + u64::from(packet.orig_len);
                    self.counts.other_bytes = all.saturating_sub(wire.total());
                }
                let mut work = Work {
                    config: &self.config,
                    want: self.want,
                    counters: &mut self.counters,
                    room: &mut self.room,
                    marks: &mut self.marks,
                    packet: packet.no,
                    at_end: false,
                    time: packet.time,
                    sink,
                    notes: self.notes.as_mut(),
                    error: None,
                    added: &mut self.added,
                };
                self.counts.tcp_packets += 1;
                let lists = (&mut self.table, &mut self.ended);
                let new = work.segment(segment, wire, lists, (conn, begins));
                work.settle();
                self.next_conn += u32::from(new);
                self.counts.tcp_conns += u64::from(new);
                work.error.map_or(Ok(()), Err)
            }
            Decoded::Other(proto) => {
                use crate::decode::Proto::{Link, Malformed, Truncated};
                let lost = matches!(proto, Malformed(_) | Truncated(_) | Link(_));
                self.counts.undecodable += u64::from(lost);
                self.counts.other_bytes += u64::from(packet.orig_len);
                Ok(())
            }
        }
    }

    /// Says that so many packets were dropped after the last one: each open connection may have lost
    /// something, and is told so once until it shows itself again.
    ///
    /// # Errors
    /// As for [`Engine::packet`].
    pub fn dropped(&mut self, packets: u64, sink: &mut dyn Sink) -> io::Result<()> {
        self.counts.dropped += packets;
        let mut work = Work {
            config: &self.config,
            want: self.want,
            counters: &mut self.counters,
            packet: self.last.0,
            at_end: false,
            time: self.last.1,
            sink,
            room: &mut self.room,
            marks: &mut self.marks,
            notes: None,
            error: None,
            added: &mut self.added,
        };
        for place in in_order(&self.table, |entry| !entry.doubted) {
            let Some(entry) = self.table.at(place) else {
                continue;
            };
            entry.doubted = true;
            let (noun, verb) = if packets == 1 {
                ("packet", "was")
            } else {
                ("packets", "were")
            };
            let text = format!(
                "{packets} {noun} {verb} dropped about here, of whichever connection: they came faster than they could be taken"
            );
            let what = What::Dropped;
            let kind = EventKind::Anomaly(Anomaly {
                what,
                text: text.into(),
                packets: NonZeroU64::new(packets),
            });
            let mut cx = work.cx(&entry.tcp);
            cx.emit(Place::default(), kind, Loan::default());
            work.collect(&entry.tcp);
        }
        work.settle();
        work.error.map_or(Ok(()), Err)
    }

    /// Says that there are no more packets: what is still open ends here.
    ///
    /// # Errors
    /// As for [`Engine::packet`].
    pub fn finish(&mut self, sink: &mut dyn Sink) -> io::Result<()> {
        self.config.keys.refresh(By::END, Haste::Now);
        self.counters.events = 0;
        let mut work = Work {
            config: &self.config,
            want: self.want,
            counters: &mut self.counters,
            room: &mut self.room,
            marks: &mut self.marks,
            packet: self.last.0,
            at_end: true,
            time: self.last.1,
            sink,
            notes: None,
            error: None,
            added: &mut self.added,
        };
        let open = in_order(&self.table, |_| true);
        // The facts of all of them first: what is added does not change their ids.
        for &place in &open {
            let Some(Entry { tcp, host, .. }) = self.table.at(place) else {
                continue;
            };
            let mut cx = work.cx(tcp);
            tcp.finish(&mut cx, &mut above(host));
            work.collect(tcp);
        }
        work.settle();
        for &place in &open {
            let Some(entry) = self.table.at(place) else {
                continue;
            };
            work.sink.over(entry.tcp.id);
            work.collect(&entry.tcp);
            work.added.gone(entry.tcp.id);
            work.settle();
        }
        if work.want.apart {
            work.settle();
        } else {
            let now = work.now();
            let result = added::last(work.sink, now, &mut work.counters.events);
            work.keep(result);
        }
        let error = work.error;
        self.table = Table::default();
        error.map_or(Ok(()), Err)
    }

    /// Forgets connections that ended long before this time, and the first ones where there are too many.
    fn forget(&mut self, now: Timestamp) {
        while let Some(&(ended, key, id)) = self.ended.front()
            && (now.since(ended) > self.config.limits.linger_nanos
                || self.ended.len() > self.config.limits.connections.div_ceil(LINGERING))
        {
            self.ended.pop_front();
            if self
                .table
                .find(&key)
                .is_some_and(|entry| entry.tcp.id == id)
            {
                self.table.remove(&key);
            }
        }
    }
}

/// The work on one packet.
struct Work<'a> {
    config: &'a Config,
    want: Want,
    counters: &'a mut Counters,
    room: &'a mut Vec<u8>,
    marks: &'a mut Vec<Mark>,
    packet: PacketNo,
    at_end: bool,
    time: Timestamp,
    sink: &'a mut dyn Sink,
    notes: Option<&'a mut trail::Notes>,
    error: Option<io::Error>,
    added: &'a mut Added,
}

impl Work<'_> {
    /// Takes a segment; true where it began a connection, which then has the number `conn`.
    /// Whether it does may be known already.
    fn segment(
        &mut self,
        segment: &Segment<'_>,
        wire: Wire,
        (table, ended): (&mut Table<Entry>, &mut VecDeque<(Timestamp, Key, ConnId)>),
        (conn, begins): (ConnId, Option<bool>),
    ) -> bool {
        let key = Key::new(segment.src, segment.dst);
        let mut place = table.place(&key);
        let known = place
            .and_then(|place| table.at(place))
            .map(|entry| entry.tcp.is_another(segment));
        let new = begins.unwrap_or(known != Some(false));
        if new {
            let asked = asks(segment.payload);
            let mut tcp = Connection::new(conn, segment, self.packet, self.time, asked);
            match table.remove(&key) {
                None => self.make_room(table),
                Some(mut earlier) => {
                    if let Some(notes) = &mut self.notes {
                        notes.over(earlier.tcp.id, self.packet);
                    }
                    self.finish(&mut earlier, None);
                    tcp = tcp.after(&earlier.tcp);
                }
            }
            let ports = [segment.src.port, segment.dst.port];
            let host = Host::new(!segment.flags.syn(), self.config.protocol(ports));
            table.insert(
                key,
                Entry {
                    tcp,
                    host,
                    since_stop: 0,
                    stride: None,
                    part: self
                        .notes
                        .as_ref()
                        .map_or(PacketNo::FIRST, |notes| notes.part(self.packet)),
                    doubted: false,
                },
            );
            place = table.place(&key);
            if let Some(notes) = &mut self.notes {
                notes.start(self.packet);
            }
        }
        let Some(entry) = place.and_then(|place| table.at(place)) else {
            return new;
        };
        if let Some(notes) = &mut self.notes {
            notes.about(entry, self.packet);
        }
        if !entry.tcp.oriented() && !segment.is_empty() {
            entry.tcp.orient(segment.src, asks(segment.payload));
        }
        let before = entry.tcp.ended();
        let Entry {
            tcp, host, doubted, ..
        } = entry;
        *doubted = false;
        let mut cx = self.cx(tcp);
        if cx.want.segments {
            cx.sink.segment(cx.conn, &cx.flow, cx.packet, segment);
        }
        tcp.segment(segment, &mut cx, &mut above(host));
        if cx.want.wire {
            let dir = match cx.flow.client == segment.src {
                true => Dir::C2s,
                false => Dir::S2c,
            };
            cx.sink.wire(cx.conn, dir, wire);
        }
        let over = !before && tcp.ended();
        if over {
            cx.over();
        }
        self.collect(&entry.tcp);
        if over {
            // What it held is not needed any more; only its last segments may still come.
            entry.host = Host::new(false, None);
            ended.push_back((self.time, key, entry.tcp.id));
            self.added.gone(entry.tcp.id);
        }
        if let Some(notes) = &mut self.notes {
            notes.fed(entry, segment, self.packet);
        }
        new
    }

    /// Gives up a connection where there are too many.
    fn make_room(&mut self, table: &mut Table<Entry>) {
        if table.len() < self.config.limits.connections {
            return;
        }
        let Some(mut entry) = table.evict() else {
            return;
        };
        if entry.tcp.ended() {
            return;
        }
        let text = "more connections are open than may be remembered: this one is given up";
        let limit = Anomaly {
            what: What::Limit,
            text: text.into(),
            packets: None,
        };
        self.finish(&mut entry, Some(limit));
    }

    /// Nothing more comes of this connection, for this reason if there is one.
    fn finish(&mut self, entry: &mut Entry, why: Option<Anomaly>) {
        let Entry { tcp, host, .. } = entry;
        let mut cx = self.cx(tcp);
        tcp.finish(&mut cx, &mut above(host));
        if let Some(why) = why {
            cx.emit(Place::default(), EventKind::Anomaly(why), Loan::default());
        }
        cx.over();
        self.collect(&entry.tcp);
        self.added.gone(entry.tcp.id);
    }

    /// Takes what the sink adds about this connection.
    #[inline]
    fn collect(&mut self, tcp: &Connection) {
        match self.want.apart {
            true => self.sink.collect(tcp.id, &tcp.flow),
            false => self.added.collect(self.sink, tcp.id, &tcp.flow),
        }
    }

    /// Puts behind the facts of the packet what the sink adds to them.
    #[inline]
    fn settle(&mut self) {
        let now = self.now();
        if self.want.apart {
            self.sink.settle(now, self.counters.events);
        }
        let result = self.added.settle(self.sink, now, &mut self.counters.events);
        self.keep(result);
    }

    fn now(&self) -> Now {
        Now {
            packet: self.packet,
            at_end: self.at_end,
            time: self.time,
        }
    }

    fn keep(&mut self, result: io::Result<()>) {
        if let Err(error) = result
            && self.error.is_none()
        {
            self.error = Some(error);
        }
    }

    fn cx(&mut self, tcp: &Connection) -> Cx<'_> {
        Cx {
            packet: self.packet,
            at_end: self.at_end,
            time: self.time,
            conn: tcp.id,
            flow: tcp.flow,
            limits: &self.config.limits,
            keys: &self.config.keys,
            space: Space::Tcp,
            carrier: None,
            carried: Default::default(),
            want: self.want,
            counters: self.counters,
            sink: self.sink,
            error: &mut self.error,
            room: self.room,
            marks: self.marks,
        }
    }
}

/// Where the open connections are that pass, in the order of their numbers.
fn in_order(table: &Table<Entry>, passes: impl Fn(&Entry) -> bool) -> Vec<Slotted> {
    let open = table
        .iter()
        .filter(|(_, entry)| !entry.tcp.ended() && passes(entry));
    let mut open: Vec<_> = open.map(|(place, entry)| (entry.tcp.id, place)).collect();
    open.sort_unstable_by_key(|(id, _)| *id);
    open.into_iter().map(|(_, place)| place).collect()
}

/// Of so many connections that may be remembered, one may be over: its last segments still come.
const LINGERING: usize = 8;

fn above(host: &mut Host) -> impl FnMut(Dir, Input<'_>, &mut Cx<'_>) {
    |dir, input, cx| host.feed(dir, input, cx)
}
