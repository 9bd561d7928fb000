//! The wiring: packets go in, events come out.
//!
//! ```text
//! packet ─► decode ─► tcp::Table ─► tcp::Connection ─► proto::Host ─► rules::Judge ─► Sink
//! ```
//! The engine is a function of the packets alone: no clock, no files, no threads. The only module
//! that knows all the others.

mod replay;
mod run;

pub use replay::{Replay, replay};
pub use run::{Run, run};

use crate::decode::{Decoded, Decoder};
use crate::model::{
    ConnId, Counters, Counts, Cx, Dir, Input, Limits, Packet, PacketNo, Segment, Sink, Timestamp,
    Want,
};
use crate::proto::{Host, asks};
use crate::tcp::{Connection, Key, Table};
use std::collections::VecDeque;
use std::io;

/// Rebuilds everything from packets, one at a time.
pub struct Engine {
    limits: Limits,
    want: Want,
    decoder: Decoder,
    table: Table<Entry>,
    counters: Counters,
    counts: Counts,
    next_conn: u32,
    /// The last packet, and when it came.
    last: (PacketNo, Timestamp),
    /// Connections that have ended, oldest first: forgotten after a while.
    ended: VecDeque<(Timestamp, Key, ConnId)>,
}

/// A connection, and what speaks on it.
struct Entry {
    tcp: Connection,
    host: Host,
}

impl Engine {
    /// An engine that has seen nothing; `want` is what its sink needs.
    #[must_use]
    pub fn new(limits: Limits, want: Want) -> Self {
        Self {
            limits,
            want,
            decoder: Decoder::new(),
            table: Table::default(),
            counters: Counters::default(),
            counts: Counts::default(),
            next_conn: 0,
            last: (PacketNo::FIRST, Timestamp::default()),
            ended: VecDeque::new(),
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
        match self.decoder.decode(&packet) {
            Decoded::Tcp(segment) => {
                let mut work = Work {
                    limits: &self.limits,
                    want: self.want,
                    counters: &mut self.counters,
                    packet: packet.no,
                    at_end: false,
                    time: packet.time,
                    sink,
                    error: None,
                };
                self.counts.tcp_packets += 1;
                let conn = ConnId(self.next_conn);
                let new = work.segment(&segment, &mut self.table, &mut self.ended, conn);
                self.next_conn += u32::from(new);
                self.counts.tcp_conns += u64::from(new);
                work.error.map_or(Ok(()), Err)
            }
            Decoded::Other(proto) => {
                use crate::decode::Proto::{Link, Malformed, Truncated};
                let lost = matches!(proto, Malformed(_) | Truncated(_) | Link(_));
                self.counts.undecodable += u64::from(lost);
                Ok(())
            }
        }
    }

    /// Says that there are no more packets: what is still open ends here.
    ///
    /// # Errors
    /// As for [`Engine::packet`].
    pub fn finish(&mut self, sink: &mut dyn Sink) -> io::Result<()> {
        self.counters.events = 0;
        let mut work = Work {
            limits: &self.limits,
            want: self.want,
            counters: &mut self.counters,
            packet: self.last.0,
            at_end: true,
            time: self.last.1,
            sink,
            error: None,
        };
        let mut open: Vec<_> = self
            .table
            .drain()
            .filter(|entry| !entry.tcp.ended())
            .collect();
        open.sort_unstable_by_key(|entry| entry.tcp.id);
        for mut entry in open {
            work.finish(&mut entry);
        }
        work.error.map_or(Ok(()), Err)
    }

    /// Forgets connections that ended long before this time.
    fn forget(&mut self, now: Timestamp) {
        while let Some(&(ended, key, id)) = self.ended.front()
            && now.since(ended) > self.limits.linger_nanos
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
    limits: &'a Limits,
    want: Want,
    counters: &'a mut Counters,
    packet: PacketNo,
    at_end: bool,
    time: Timestamp,
    sink: &'a mut dyn Sink,
    error: Option<io::Error>,
}

impl Work<'_> {
    /// Takes a segment; true where it began a connection, which then has the number `conn`.
    fn segment(
        &mut self,
        segment: &Segment<'_>,
        table: &mut Table<Entry>,
        ended: &mut VecDeque<(Timestamp, Key, ConnId)>,
        conn: ConnId,
    ) -> bool {
        let key = Key::new(segment.src, segment.dst);
        let mut new = false;
        if let Some(entry) = table.find(&key) {
            if entry.tcp.is_another(segment) {
                self.finish(entry);
                new = true;
            }
        } else {
            new = true;
        }
        if new {
            let asked = asks(segment.payload);
            let tcp = Connection::new(conn, segment, self.packet, self.time, asked);
            table.insert(
                key,
                Entry {
                    tcp,
                    host: Host::default(),
                },
            );
        }
        let Some(entry) = table.find(&key) else {
            return new;
        };
        if !entry.tcp.oriented() && !segment.is_empty() {
            entry.tcp.orient(segment.src, asks(segment.payload));
        }
        let before = entry.tcp.ended();
        let Entry { tcp, host } = entry;
        let mut cx = self.cx(tcp);
        tcp.segment(segment, &mut cx, &mut above(host));
        if !before && tcp.ended() {
            cx.over();
            // What it held is not needed any more; only its last segments may still come.
            entry.host = Host::default();
            ended.push_back((self.time, key, entry.tcp.id));
        }
        new
    }

    fn finish(&mut self, entry: &mut Entry) {
        let Entry { tcp, host } = entry;
        let mut cx = self.cx(tcp);
        tcp.finish(&mut cx, &mut above(host));
        cx.over();
    }

    fn cx(&mut self, tcp: &Connection) -> Cx<'_> {
        Cx {
            packet: self.packet,
            at_end: self.at_end,
            time: self.time,
            conn: tcp.id,
            flow: tcp.flow,
            limits: self.limits,
            want: self.want,
            counters: self.counters,
            sink: self.sink,
            error: &mut self.error,
        }
    }
}

fn above(host: &mut Host) -> impl FnMut(Dir, Input<'_>, &mut Cx<'_>) {
    |dir, input, cx| host.feed(dir, input, cx)
}
