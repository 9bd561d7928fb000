//! The entries of the timeline.

use std::borrow::Cow;
use std::num::NonZeroU64;

use super::{
    ConnId, Dir, EventId, Finding, Http, Insight, PacketNo, Span, Tcp, Timestamp, Tls, Trust, Ws,
};

/// A fact on the timeline: it may be kept, and it never changes.
///
/// Every event is caused by exactly one packet, or by the end of the capture: the moment at which a
/// perfect observer could first know it. It owns no payload; `span` says where its bytes lie.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Its name; the packet in it is the cause.
    pub id: EventId,
    /// The packet that caused it; the last one of all where the end of the capture did.
    pub packet: PacketNo,
    /// The packet that carried its first byte.
    pub first: PacketNo,
    /// When the packet that caused it was captured.
    pub time: Timestamp,
    /// The connection it belongs to.
    pub conn: ConnId,
    /// Its direction; none where it belongs to neither side.
    pub dir: Option<Dir>,
    /// The bytes it is about, in the stream of `dir`.
    pub span: Span,
    /// Whether everything it rests on was captured.
    pub trust: Trust,
    /// The earlier event that this one speaks of.
    pub about: Option<EventId>,
    /// What happened.
    pub kind: EventKind,
}

const _: () = assert!(size_of::<Event>() <= 144, "events are kept by the million");

impl Event {
    /// An event that stands for none, for what is asked of a connection alone.
    pub(crate) fn nothing_of(conn: ConnId) -> Self {
        let what = What::Unfinished;
        Self {
            id: EventId {
                at: PacketNo::FIRST,
                nth: 0,
            },
            packet: PacketNo::FIRST,
            first: PacketNo::FIRST,
            time: Timestamp::default(),
            conn,
            dir: None,
            span: Span::tcp(0, 0),
            trust: Trust::Seen,
            about: None,
            kind: EventKind::Anomaly(Anomaly {
                what,
                text: Cow::Borrowed(""),
                packets: None,
            }),
        }
    }
}

/// What happened, by layer.
#[derive(Clone, PartialEq, Debug)]
pub enum EventKind {
    /// The connection itself.
    Tcp(Tcp),
    /// An HTTP head.
    Http(Http),
    /// TLS, from outside.
    Tls(Tls),
    /// The WebSocket dialogue.
    Ws(Ws),
    /// Something that wscope could not see or understand.
    Anomaly(Anomaly),
    /// A peer broke a rule, or a rule could not be decided.
    Finding(Box<Finding>),
    /// What several events tell together.
    Insight(Insight),
}

impl EventKind {
    /// The kind as JSON names it, one of [`KINDS`].
    #[must_use]
    #[inline]
    pub fn word(&self) -> &'static str {
        KINDS.get(self.nth()).copied().unwrap_or_default()
    }

    /// Where in [`KINDS`] its word stands.
    #[must_use]
    #[inline]
    pub fn nth(&self) -> usize {
        match self {
            Self::Tcp(Tcp::Open(_)) => 0,
            Self::Tcp(Tcp::Close(_)) => 1,
            Self::Tcp(Tcp::Note(_)) => 2,
            Self::Http(Http::Request(_)) => 3,
            Self::Http(Http::Response(_)) => 4,
            Self::Tls(Tls::Hello(_)) => 5,
            Self::Tls(Tls::Certificate(_)) => 6,
            Self::Tls(Tls::Alert(_)) => 7,
            Self::Tls(Tls::Inside(_)) => 8,
            Self::Tls(Tls::Close(_)) => 9,
            Self::Ws(Ws::Open(_)) => 10,
            Self::Ws(Ws::Refused(_)) => 11,
            Self::Ws(Ws::Frame(_)) => 12,
            Self::Ws(Ws::Message(_)) => 13,
            Self::Ws(Ws::Close(_)) => 14,
            Self::Anomaly(_) => 15,
            Self::Finding(_) => 16,
            Self::Insight(_) => 17,
        }
    }
}

/// Every kind of event that output may name, now or once its part of wscope is there.
pub const KINDS: &[&str] = &[
    "tcp.open",
    "tcp.close",
    "tcp.note",
    "http.request",
    "http.response",
    "tls.hello",
    "tls.certificate",
    "tls.alert",
    "tls.inside",
    "tls.close",
    "ws.open",
    "ws.refused",
    "ws.frame",
    "ws.message",
    "ws.close",
    "anomaly",
    "finding",
    "insight",
];

/// Something that wscope could not see or understand: nobody's fault, and never kept silent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Anomaly {
    /// Which kind of thing.
    pub what: What,
    /// What it means here, in one sentence without a full stop.
    pub text: Cow<'static, str>,
    /// How many packets are meant, where they were counted.
    pub packets: Option<NonZeroU64>,
}

/// The kinds of anomaly, each with a stable word.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum What {
    /// Bytes of the stream that the capture does not have.
    Gap,
    /// A packet that the capture cut short.
    Truncated,
    /// A limit was reached, and something was given up.
    Limit,
    /// The end came in the middle of something. Where it is the header of a frame, the bytes of it
    /// that came are lent with the event.
    Unfinished,
    /// Bytes that do not follow the protocol's grammar.
    Malformed,
    /// Frame boundaries are no longer known.
    Boundary,
    /// A frame boundary was found again.
    Resync,
    /// A compressed message that does not inflate.
    Inflate,
    /// The same sequence numbers carried different bytes.
    Conflict,
    /// Bytes of a hole that came after it had been given up.
    Late,
    /// A TLS record that does not open.
    Decrypt,
    /// IP fragments that never made a whole packet.
    Fragment,
    /// Whoever captured has dropped packets, of whichever connection.
    Dropped,
}

impl What {
    /// The stable word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Truncated => "truncated",
            Self::Limit => "limit",
            Self::Unfinished => "unfinished",
            Self::Malformed => "malformed",
            Self::Boundary => "boundary",
            Self::Resync => "resync",
            Self::Inflate => "inflate",
            Self::Conflict => "conflict",
            Self::Late => "late",
            Self::Decrypt => "decrypt",
            Self::Fragment => "fragment",
            Self::Dropped => "dropped",
        }
    }
}
