//! What a capture shows, as far as questions need it.

use crate::explain::Lang;
use crate::explain::texts::{Value, tr};
use crate::model::{
    Anomaly, ConnId, Dir, Event, EventKind, Flow, Kind, Loan, Message, PacketNo, Sink, Trust, Want,
    What, Ws,
};
use serde::{Deserialize, Serialize};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;

/// What a capture caused, within limits: of a large one some connections, and of a long connection its beginning.
///
/// A connection is kept whole, or its beginning up to a packet, or not at all. WebSocket comes first: connections
/// without it give way to later ones, and sessions are kept as they come until there is no more room.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// In the order of the timeline, once all is read.
    pub(super) seen: Vec<Seen>,
    /// Where in that each connection has its events.
    places: BTreeMap<ConnId, Vec<usize>>,
    /// From this packet on, so many frames lie in each.
    frames: BTreeMap<u64, i64>,
    kept: BTreeMap<ConnId, Kept>,
    /// Connections without WebSocket, the oldest first.
    others: VecDeque<ConnId>,
    /// How many events are kept of those, and of those with it.
    counts: [usize; 2],
    /// Connections of which nothing is kept, a bit for each.
    without: Vec<u64>,
    /// Connections of which the capture has not got everything.
    torn: BTreeSet<ConnId>,
    /// Connections of which only the beginning is kept.
    cut: BTreeSet<ConnId>,
    /// Packets were dropped, of whichever connection.
    dropped: bool,
    left: Left,
    room: Room,
}

/// How many events are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// Of all connections with WebSocket.
    pub sessions: usize,
    /// Of all others.
    pub others: usize,
    /// Of one connection.
    pub one: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            sessions: 30_000,
            others: 10_000,
            one: 10_000,
        }
    }
}

/// What there was no room for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Left {
    /// Connections without WebSocket that nothing is asked about.
    pub connections: u64,
    /// The same with it.
    pub sessions: u64,
    /// Connections of which only the beginning is asked about.
    pub cut: u64,
}

impl Left {
    /// Whether there was room for everything.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// What was left out, in a sentence; empty where nothing was.
    #[must_use]
    pub fn words(&self, lang: Lang) -> String {
        let Self {
            connections,
            sessions,
            cut,
        } = *self;
        let values: [Value<'_>; 3] = [
            ("connections", &connections),
            ("sessions", &sessions),
            ("cut", &cut),
        ];
        let parts = [
            (
                connections,
                "nothing is asked about {connections} {connections|connection|connections} without WebSocket",
            ),
            (
                sessions,
                "nothing is asked about {sessions} WebSocket {sessions|session|sessions}",
            ),
            (
                cut,
                "of {cut} long {cut|connection|connections} only the beginning is asked about",
            ),
        ];
        let parts = parts.into_iter().filter(|(count, _)| *count > 0);
        let parts: Vec<_> = parts.map(|(_, text)| tr(lang, text, &values)).collect();
        match parts.is_empty() {
            true => String::new(),
            false => {
                let text = parts.join(&tr(lang, "; ", &[]));
                tr(lang, "The capture is large: {text}.", &[("text", &text)])
            }
        }
    }
}

/// The events of a connection.
#[derive(Clone, Debug, Default)]
struct Kept {
    events: Vec<Seen>,
    websocket: bool,
    /// Nothing from this packet on is kept.
    until: Option<PacketNo>,
}

/// An event, and the beginning of its payload.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub event: Event,
    pub flow: Flow,
    pub payload: Vec<u8>,
}

impl Facts {
    /// The bytes of a payload that are kept.
    const PAYLOAD: usize = 256;

    /// Facts with so much room.
    #[must_use]
    pub fn with_room(room: Room) -> Self {
        Self {
            room,
            ..Self::default()
        }
    }

    /// All is read: what was kept, in the order of the timeline.
    #[must_use]
    pub fn settled(mut self) -> Self {
        let kept = std::mem::take(&mut self.kept);
        self.seen = kept.into_values().flat_map(|it| it.events).collect();
        self.seen.sort_by_key(|seen| seen.event.id);
        // How many frames lie in a packet: it changes where one begins and behind where one ends.
        let mut changes = BTreeMap::<u64, i64>::new();
        for (place, seen) in self.seen.iter().enumerate() {
            let event = &seen.event;
            self.places.entry(event.conn).or_default().push(place);
            if seen.is_frame() {
                *changes.entry(event.first.get()).or_default() += 1;
                *changes
                    .entry(event.packet.get().saturating_add(1))
                    .or_default() -= 1;
            }
        }
        let mut frames = 0;
        let counted = changes.into_iter().map(|(packet, change)| {
            frames += change;
            (packet, frames)
        });
        self.frames = counted.collect();
        self
    }

    /// What there was no room for.
    #[must_use]
    pub fn left(&self) -> Left {
        self.left
    }

    fn is_without(&self, ConnId(conn): ConnId) -> bool {
        let word = self.without.get(conn as usize / 64);
        word.is_some_and(|word| word >> (conn % 64) & 1 == 1)
    }

    /// Nothing of this connection is kept, from now on either.
    fn drop_out(&mut self, conn: ConnId) {
        let place = conn.0 as usize / 64;
        if self.without.len() <= place {
            self.without.resize(place + 1, 0);
        }
        if let Some(word) = self.without.get_mut(place) {
            *word |= 1 << (conn.0 % 64);
        }
        self.torn.remove(&conn);
        if self.cut.remove(&conn) {
            self.left.cut -= 1;
        }
        let Some(kept) = self.kept.remove(&conn) else {
            return;
        };
        if let Some(count) = self.counts.get_mut(usize::from(kept.websocket)) {
            *count -= kept.events.len();
        }
        match kept.websocket {
            true => self.left.sessions += 1,
            false => self.left.connections += 1,
        }
    }

    /// Of this connection nothing more is kept, and nothing of the packet at hand: not all of it would be there.
    fn cut_off(&mut self, conn: ConnId, packet: PacketNo) {
        let Some(kept) = self.kept.get_mut(&conn) else {
            return;
        };
        let before = kept.events.len();
        // Behind the last frame of each side another one may begin that is not seen to its end.
        let last = Dir::BOTH.map(|dir| {
            let frames = kept
                .events
                .iter()
                .filter(|it| it.is_frame() && it.dir() == dir);
            frames.map(|it| it.event.packet).max()
        });
        kept.events.retain(|seen| {
            let of_last = *seen.dir().of(&last) == Some(seen.event.packet);
            let open = matches!(seen.event.kind, EventKind::Ws(_)) && of_last;
            seen.event.packet < packet && !open
        });
        kept.until = Some(packet);
        let gone = before - kept.events.len();
        if let Some(count) = self.counts.get_mut(usize::from(kept.websocket)) {
            *count -= gone;
        }
        if self.cut.insert(conn) {
            self.left.cut += 1;
        }
    }

    /// Makes room for one more event of this connection; whether there is some.
    fn make_room(&mut self, conn: ConnId, packet: PacketNo) -> bool {
        let Some(kept) = self.kept.get(&conn) else {
            return false;
        };
        if kept.until.is_some() {
            return false;
        }
        let [others, sessions] = self.counts;
        let (long, websocket) = (kept.events.len() >= self.room.one, kept.websocket);
        if long || websocket && sessions >= self.room.sessions {
            self.cut_off(conn, packet);
            return false;
        }
        if !websocket && others >= self.room.others {
            match self.others.front().copied() {
                Some(oldest) if oldest != conn => {
                    self.others.pop_front();
                    self.drop_out(oldest);
                }
                _ => {
                    self.cut_off(conn, packet);
                    return false;
                }
            }
        }
        true
    }

    /// The connection has WebSocket: it counts among those that do.
    fn opens(&mut self, conn: ConnId) {
        let Some(kept) = self.kept.get_mut(&conn).filter(|it| !it.websocket) else {
            return;
        };
        kept.websocket = true;
        let events = kept.events.len();
        let [others, sessions] = &mut self.counts;
        (*others, *sessions) = (*others - events, *sessions + events);
        self.others.retain(|it| *it != conn);
        if *sessions > self.room.sessions {
            self.drop_out(conn);
        }
    }

    /// Notes whether the capture has all of the connection.
    fn note(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Anomaly(Anomaly {
                what: What::Dropped,
                ..
            }) => self.dropped = true,
            EventKind::Anomaly(_) => {
                self.torn.insert(event.conn);
            }
            EventKind::Ws(Ws::Message(message)) if !message.complete => {
                self.torn.insert(event.conn);
            }
            EventKind::Ws(Ws::Open(open)) if open.inferred => {
                self.torn.insert(event.conn);
            }
            _ => {}
        }
    }

    /// Whether the capture has everything of this connection, and it is all kept.
    pub(super) fn is_whole(&self, conn: ConnId) -> bool {
        self.is_sound(conn) && !self.cut.contains(&conn)
    }

    /// Whether the capture has everything of this connection, though perhaps only its beginning is kept.
    pub(super) fn is_sound(&self, conn: ConnId) -> bool {
        !self.dropped && !self.torn.contains(&conn)
    }

    /// The events that rest on nothing but what was captured.
    pub(super) fn sure(&self) -> impl Iterator<Item = &Seen> {
        self.seen.iter().filter(|seen| seen.is_sure())
    }

    /// The events of a connection.
    pub(super) fn of(&self, conn: ConnId) -> impl Iterator<Item = &Seen> {
        let places = self.places.get(&conn).into_iter().flatten();
        places.filter_map(|place| self.seen.get(*place))
    }

    /// Complete messages, with the events that they are.
    pub(super) fn messages(&self) -> impl Iterator<Item = (&Seen, &Message)> {
        self.seen.iter().filter_map(|seen| match &seen.event.kind {
            EventKind::Ws(Ws::Message(message)) if message.complete => Some((seen, message)),
            _ => None,
        })
    }

    /// Whether a packet holds exactly one frame: then "the frame in packet 8" names it.
    pub(super) fn has_one_frame(&self, packet: PacketNo) -> bool {
        let mut upto = self.frames.range(..=packet.get());
        upto.next_back().is_some_and(|(_, count)| *count == 1)
    }
}

impl Seen {
    pub fn dir(&self) -> Dir {
        self.event.dir.unwrap_or(Dir::C2s)
    }

    fn is_frame(&self) -> bool {
        matches!(self.event.kind, EventKind::Ws(Ws::Frame(_)))
    }

    /// Nothing about it is guessed.
    pub fn is_sure(&self) -> bool {
        self.event.trust == Trust::Seen
    }
}

impl Sink for Facts {
    fn want(&self) -> Want {
        Want {
            joined: true,
            acks: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        let conn = event.conn;
        if self.is_without(conn) {
            return Ok(());
        }
        if let Entry::Vacant(entry) = self.kept.entry(conn) {
            entry.insert(Kept::default());
            self.others.push_back(conn);
        }
        self.note(event);
        if self.make_room(conn, event.packet)
            && let Some(kept) = self.kept.get_mut(&conn)
        {
            kept.events.push(Seen {
                event: event.clone(),
                flow: *flow,
                payload: loan.bytes.iter().copied().take(Self::PAYLOAD).collect(),
            });
            if let Some(count) = self.counts.get_mut(usize::from(kept.websocket)) {
                *count += 1;
            }
        }
        if matches!(event.kind, EventKind::Ws(Ws::Open(_))) {
            self.opens(conn);
        }
        Ok(())
    }
}

/// Whether a message is text or binary.
pub(super) fn is_data(kind: Kind) -> bool {
    kind.is_data()
}
