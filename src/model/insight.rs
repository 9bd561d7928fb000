//! What the folds add to the timeline besides verdicts.

use super::{EventId, Label, SessionId};

/// A fact that several events tell together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Insight {
    /// The session it is about; none where it is about a connection, or several.
    pub session: Option<SessionId>,
    /// What it is.
    pub kind: InsightKind,
}

/// The kinds of insight.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum InsightKind {
    /// A pong answered a ping.
    RoundTrip {
        /// Whose ping it was.
        by: Beat,
        /// Nanoseconds between the two, where they were captured.
        nanos: i64,
    },
    /// What one side's pings were like in all.
    Heartbeat {
        /// Whose pings they were.
        by: Beat,
        /// How many pings it sent.
        pings: u32,
        /// How many of them were answered; none where no answer is due, or it may have been lost.
        answered: Option<u32>,
        /// The median time between two, nanoseconds; none with fewer than three.
        period: Option<i64>,
        /// The median time to the pong, nanoseconds.
        round_trip: Option<i64>,
    },
    /// A message answered another one, as their ids say.
    Answered(Box<Answered>),
    /// A message that asks was not answered up to the end.
    Unanswered(Box<Unanswered>),
    /// Requests of one name and their answers, in all.
    Pairs(Box<Pairs>),
    /// What one direction of a connection cost on the wire, layer by layer.
    Cost(Box<Cost>),
    /// What updates cost that came one way: polling, long polling, SSE or WebSocket.
    Delivery(Box<Delivery>),
    /// A session that is still open, and what it waits for: one sentence.
    StillOpen(Box<str>),
    /// The longest silence of a session that went on after it.
    Silence(Box<Silence>),
    /// More was going on than may be remembered: something was given up.
    GivenUp {
        /// What, in plain words.
        what: &'static str,
        /// How much of it.
        count: u64,
    },
}

impl InsightKind {
    /// The stable word for it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::RoundTrip { .. } => "round_trip",
            Self::Heartbeat { .. } => "heartbeat",
            Self::Answered(_) => "answered",
            Self::Unanswered(_) => "unanswered",
            Self::Pairs(_) => "pairs",
            Self::Cost(_) => "cost",
            Self::Delivery(_) => "delivery",
            Self::StillOpen(_) => "still_open",
            Self::Silence(_) => "silence",
            Self::GivenUp { .. } => "given_up",
        }
    }
}

/// A silence that a session survived: no frame in either direction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Silence {
    /// How long it was, nanoseconds.
    pub nanos: i64,
    /// The last frame before it.
    pub from: EventId,
    /// The first one after it.
    pub to: EventId,
    /// TCP's own probes in it: they keep a NAT's entry, and are nothing to a proxy.
    pub probes: u32,
    /// What has an idle timer, by default, that would have run out; the longest one last.
    pub outlived: Vec<(u32, &'static str)>,
}

/// Whose heartbeat it is: the protocol that defines it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Beat {
    /// Ping and pong frames.   RFC 6455 section 5.5.2
    WebSocket,
    /// Messages of the application that say ping and pong.
    Application,
    /// Engine.IO packets 2 and 3, also under Socket.IO.
    EngineIo,
    /// STOMP end-of-line bytes, which nobody answers.
    Stomp,
    /// GraphQL over WebSocket: `ping` and `pong`, or the older `ka`, which nobody answers.
    GraphQl,
    /// TCP keep-alive probes.
    Tcp,
}

impl Beat {
    /// The stable word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Application => "application",
            Self::EngineIo => "engine.io",
            Self::Stomp => "stomp",
            Self::GraphQl => "graphql",
            Self::Tcp => "tcp",
        }
    }
}

/// A request inside the socket and its answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answered {
    /// The format that has the ids.
    pub format: &'static str,
    /// The id that pairs them, at most 64 characters of it.
    pub id: String,
    /// What was asked, at most 64 characters: a method, an event, a destination.
    pub name: Option<String>,
    /// Nanoseconds between the two, where they were captured.
    pub nanos: i64,
    /// The answer says that it failed.
    pub failed: bool,
    /// How many times the median before it, where it is far above that.
    pub outlier: Option<u64>,
    /// What happened to TCP between the two, where the answer is late.
    pub meanwhile: Option<(EventId, Label)>,
}

/// A request inside the socket without an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unanswered {
    /// The format that has the ids.
    pub format: &'static str,
    /// Its id, at most 64 characters of it.
    pub id: String,
    /// What was asked, at most 64 characters.
    pub name: Option<String>,
    /// Nanoseconds up to the end of the session, or of the capture.
    pub waited: i64,
}

/// Requests of one name inside the socket, in all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pairs {
    /// The format that has the ids.
    pub format: &'static str,
    /// What was asked; none where the format does not name it, or for what is left of many names.
    pub name: Option<String>,
    /// How many were asked.
    pub asked: u64,
    /// How many of them were answered.
    pub answered: u64,
    /// How many answers say that it failed.
    pub failed: u64,
    /// The median time to the answer, nanoseconds; of the first thousand.
    pub median: Option<i64>,
    /// The longest time to the answer, nanoseconds.
    pub longest: Option<i64>,
}

/// Bytes on the wire, by what they are; together all bytes of the packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cost {
    /// Packets.
    pub packets: u64,
    /// Link layer headers and padding.
    pub link: u64,
    /// IP headers; tunnels among them.
    pub ip: u64,
    /// TCP headers.
    pub tcp: u64,
    /// What TCP carried again, and probes: bytes that brought nothing new.
    pub again: u64,
    /// What TCP carried and the capture cut off.
    pub unseen: u64,
    /// TLS: everything of an encrypted stream that is not decrypted into one of the rows below.
    pub tls: u64,
    /// HTTP heads and bodies, and what comes before them on the way through a proxy.
    pub http: u64,
    /// WebSocket frame headers without the masking key.
    pub headers: u64,
    /// Masking keys.
    pub masks: u64,
    /// Payload of WebSocket frames, compressed where it was sent so.
    pub payload: u64,
    /// What was not decoded.
    pub other: u64,
    /// Not on the wire: what compression saved, where that is known; negative where it cost.
    pub saved: i64,
}

impl Cost {
    /// Every row with its stable word, in order; together the bytes on the wire.
    #[must_use]
    pub fn rows(&self) -> [(&'static str, u64); 11] {
        [
            ("link", self.link),
            ("ip", self.ip),
            ("tcp", self.tcp),
            ("again", self.again),
            ("unseen", self.unseen),
            ("tls", self.tls),
            ("http", self.http),
            ("headers", self.headers),
            ("masks", self.masks),
            ("payload", self.payload),
            ("other", self.other),
        ]
    }

    /// All bytes on the wire.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.rows().iter().map(|(_, bytes)| bytes).sum()
    }

    /// Adds the other one.
    pub fn add(&mut self, other: &Self) {
        self.packets += other.packets;
        self.link += other.link;
        self.ip += other.ip;
        self.tcp += other.tcp;
        self.again += other.again;
        self.unseen += other.unseen;
        self.tls += other.tls;
        self.http += other.http;
        self.headers += other.headers;
        self.masks += other.masks;
        self.payload += other.payload;
        self.other += other.other;
        self.saved += other.saved;
    }
}

/// How updates come from a server to a client.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Way {
    /// Asked for again and again, answered at once.
    Polling,
    /// Asked for again and again, answered when there is something.
    LongPolling,
    /// Server-sent events: one answer that does not end.
    Sse,
    /// Messages of a WebSocket session.
    WebSocket,
}

impl Way {
    /// The stable word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::LongPolling => "long_polling",
            Self::Sse => "sse",
            Self::WebSocket => "websocket",
        }
    }

    /// The words for it in a sentence.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::LongPolling => "long polling",
            Self::Sse => "server-sent events",
            Self::WebSocket => "WebSocket",
        }
    }
}

/// Updates that a server brought to its clients in one way, and their price.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// The way.
    pub way: Way,
    /// The path that was asked for, without its query; at most 64 characters.
    pub path: String,
    /// Requests, or sessions.
    pub requests: u64,
    /// Updates that came: answers that bring something new, events, messages of the server.
    pub updates: u64,
    /// Bytes on the wire in both directions, all layers.
    pub bytes: u64,
    /// The median time, nanoseconds, for which news may have waited until it was asked for; none
    /// where nothing in the capture tells.
    pub waited: Option<i64>,
}

impl Delivery {
    /// Bytes for each update, rounded; none without an update.
    #[must_use]
    pub fn price(&self) -> Option<u64> {
        (self.bytes + self.updates / 2).checked_div(self.updates)
    }
}
