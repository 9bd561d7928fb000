//! What happens to a connection.

use super::{Dir, Options, PacketNo, Remark, Timestamp};
use std::num::NonZeroU32;

/// Something that happened to the connection itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tcp {
    /// Data can flow.
    Open(TcpOpen),
    /// Nothing flows any more.
    Close(TcpClose),
    /// A segment worth a line.
    Note(Note),
}

/// How a connection began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TcpOpen {
    /// How much of the handshake was captured.
    pub handshake: Handshake,
    /// Nanoseconds from the SYN to the ACK that completed the handshake (Wireshark's iRTT).
    pub initial_rtt: Option<i64>,
    /// The part of it up to the SYN-ACK: the way from the tap to the server and back.
    pub answered: i64,
    /// Whose first segment, client's and server's, has a checksum that its network card was to fill in:
    /// it was captured on the host that sent it.
    pub unfilled: [bool; 2],
}

impl TcpOpen {
    /// Where the tap probably was.
    #[must_use]
    pub fn tap(&self) -> Option<Tap> {
        match self.unfilled {
            [true, false] => return Some(Tap::NearClient),
            [false, true] => return Some(Tap::NearServer),
            // Neither tells anything, or both ends are on this host, whatever lies between them.
            [false, false] | [true, true] => {}
        }
        self.initial_rtt
            .map(|whole| Tap::of(self.answered, whole.saturating_sub(self.answered)))
    }
}

/// Whether a segment's checksum was left for a network card to fill in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Unfilled {
    /// It is right.
    No,
    /// It covers the addresses and the length only, as a host leaves it to its network card.
    Yes,
    /// It is something else.
    Unclear,
}

/// A packet that was never on the wire as it was captured: a network card, or the driver of one, cut or
/// joined it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Offload {
    /// Payload bytes of the first such packet.
    pub bytes: u32,
    /// The largest segment that the receiver takes, where its SYN was captured.
    pub mss: Option<u16>,
    /// IP does not say how long it is.
    pub no_length: bool,
    /// Who did it.
    pub by: Offloader,
}

impl Offload {
    /// At least so many packets it was on the wire, where that is known.
    #[must_use]
    pub fn packets(&self) -> Option<u32> {
        let mss = self.mss.filter(|&mss| mss > 0)?;
        Some(self.bytes.div_ceil(mss.into())).filter(|&packets| packets > 1)
    }
}

/// Whose network card it was.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Offloader {
    /// The sender's, which was still to cut it.
    Sender,
    /// The receiver's, which had joined it.
    Receiver,
    /// It cannot be decided where the capture was taken.
    Unclear,
}

impl Offloader {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Sender => "sender",
            Self::Receiver => "receiver",
            Self::Unclear => "not decidable",
        }
    }
}

/// Where the capture was taken, as the times of the handshake tell.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Tap {
    /// Both ends are as near as on one host.
    SameHost,
    /// At the client.
    NearClient,
    /// At the server.
    NearServer,
    /// On the way.
    Between,
}

impl Tap {
    /// From the ways to the server and to the client, there and back, in nanoseconds.
    fn of(server: i64, client: i64) -> Self {
        /// There and back on one host, or on one short cable.
        const NEAR: i64 = 300_000;
        match (server, client) {
            (..=NEAR, ..=NEAR) => Self::SameHost,
            _ if server >= client.saturating_mul(8) => Self::NearClient,
            _ if client >= server.saturating_mul(8) => Self::NearServer,
            _ => Self::Between,
        }
    }

    /// The words for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::SameHost => "same host",
            Self::NearClient => "near client",
            Self::NearServer => "near server",
            Self::Between => "between",
        }
    }
}

/// How much of the three-way handshake was captured.   RFC 9293 section 3.5
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Handshake {
    /// SYN, SYN-ACK and ACK.
    Full,
    /// Some of it.
    Partial,
    /// Nothing: the capture began later.
    None,
}

impl Handshake {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Partial => "partial",
            Self::None => "none",
        }
    }
}

/// How a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TcpClose {
    /// True where a RST ended it, false where both sides said FIN.
    pub reset: bool,
    /// Who sent the first FIN, or the RST.
    pub first: Dir,
    /// Payload bytes seen per direction, client to server first.
    pub bytes: [u64; 2],
    /// Which of the ways to end it was.
    pub how: How,
    /// What of the connection was captured: 1 SYN, 2 SYN-ACK, 4 ACK, 8 data, 16 FIN, 32 RST.
    pub completeness: u8,
    /// Keep-alive probes, of both sides.
    pub keep_alives: u32,
}

/// The ways in which a connection ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum How {
    /// FIN, ACK, FIN, ACK.
    FourSegments,
    /// The second FIN travels with the ACK of the first.
    ThreeSegments,
    /// Each side sent its FIN before it saw the other's.
    Simultaneous,
    /// One side said FIN, and the other sent data for a while longer.
    HalfClose,
    /// RST instead of a SYN-ACK.
    Refused,
    /// RST while both sides were still open.
    Abort,
    /// RST because of data that nobody would read: they came after the same side's FIN, or the end of
    /// its window had not moved for them.
    UnreadData,
    /// RST in answer to a segment, with the number that it acknowledged: the peer no longer knew the
    /// connection.
    HalfOpen,
    /// RST that its sender did not make: its TTL differs, or its IP identification and its sequence
    /// number do.
    Middlebox,
}

impl How {
    /// The words for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::FourSegments => "four segments",
            Self::ThreeSegments => "three segments",
            Self::Simultaneous => "simultaneous",
            Self::HalfClose => "half-close",
            Self::Refused => "refused",
            Self::Abort => "abort",
            Self::UnreadData => "unread data",
            Self::HalfOpen => "half-open",
            Self::Middlebox => "middlebox",
        }
    }
}

/// A segment worth a line on the timeline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Note {
    /// The first segment of the handshake.
    Syn(Syn),
    /// The answer to it.
    SynAck(Syn),
    /// The sender has no more data.
    Fin,
    /// The sender gave up the connection.
    Rst,
    /// Not ordinary: sent again, out of order, a probe, a repeated acknowledgement, …
    Remark(Remark),
    /// An acknowledgement; only where they are wanted.
    Ack(Ack),
    /// A message's last byte was acknowledged; only where acknowledgements are wanted.
    Delivered(Delivered),
    /// The first packet of a direction that shows offload at work.
    Offload(Offload),
    /// What the first bytes look like, where it is nothing that is decoded further.
    Protocol(&'static str),
    /// The connection is open, and the capture is over.
    Open(Rest),
}

/// What was seen of a connection that is still open at the end of the capture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rest {
    /// Payload bytes seen per direction, client to server first.
    pub bytes: [u64; 2],
    /// What of the connection was captured: as in [`TcpClose`].
    pub completeness: u8,
    /// Keep-alive probes, of both sides.
    pub keep_alives: u32,
}

impl Note {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Syn(_) => "syn",
            Self::SynAck(_) => "syn_ack",
            Self::Fin => "fin",
            Self::Rst => "rst",
            Self::Ack(_) => "ack",
            Self::Delivered(it) if it.kind.is_none() => "unacknowledged",
            Self::Delivered(_) => "acknowledged",
            Self::Remark(remark) => remark.label.word(),
            Self::Offload(_) => "offload",
            Self::Protocol(_) => "protocol",
            Self::Open(_) => "open",
        }
    }
}

/// What a SYN offers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Syn {
    /// Initial sequence number.
    pub seq: u32,
    /// Window, not scaled.
    pub window: u16,
    /// Maximum segment size, bytes.
    pub mss: Option<u16>,
    /// Window scale: the power of two.
    pub wscale: Option<u8>,
    /// Selective acknowledgement is permitted.
    pub sack_permitted: bool,
    /// Timestamps are offered.
    pub timestamps: bool,
}

impl Syn {
    /// What this header offers.
    #[must_use]
    pub fn new(seq: u32, window: u16, options: &Options) -> Self {
        Self {
            seq,
            window,
            mss: options.mss,
            wscale: options.wscale,
            sack_permitted: options.sack_permitted,
            timestamps: options.timestamps.is_some(),
        }
    }
}

/// An acknowledgement that says something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ack {
    /// Of what kind it is.
    pub kind: AckKind,
    /// How much further it goes than the one before, bytes; SYN and FIN count as one.
    pub bytes: u32,
    /// How many segments it confirms.
    pub segments: u16,
    /// The packet that ends exactly where it does.
    pub of: Option<PacketNo>,
    /// Nanoseconds since that packet.
    pub rtt: i64,
    /// The window it offers, scaled; none where the scale is not known.
    pub window: Option<u32>,
    /// Bytes sent and not acknowledged, where the segment carries some.
    pub in_flight: Option<NonZeroU32>,
    /// Payload bytes since the last PSH, the segment's among them, where what is in flight is known.
    pub pushed: Option<NonZeroU32>,
}

/// Kinds of acknowledgement.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AckKind {
    /// It travels with data.
    Piggybacked,
    /// It travels alone, at once, for one segment.
    Pure,
    /// It travels alone, and waited for company.
    Delayed,
    /// It confirms two segments, as a receiver does that waits for every second one.
    EverySecond,
    /// It confirms more than two segments.
    Cumulative,
    /// It confirms more than two full segments: offload, or ACKs thinned out on the way.
    Stretch,
    /// It repeats the one before: bytes came out of order.
    Duplicate,
    /// It brings nothing but another window.
    WindowUpdate,
    /// It answers a probe.
    ProbeAnswer,
}

impl AckKind {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Piggybacked => "piggybacked",
            Self::Pure => "pure",
            Self::Delayed => "delayed",
            Self::EverySecond => "every_second",
            Self::Cumulative => "cumulative",
            Self::Stretch => "stretch",
            Self::Duplicate => "duplicate",
            Self::WindowUpdate => "window_update",
            Self::ProbeAnswer => "probe_answer",
        }
    }
}

/// A message's last byte was acknowledged: the four times of its way. Or the capture ended before
/// that, and there are three.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delivered {
    /// Of what kind the acknowledgement is; none where none came.
    pub kind: Option<AckKind>,
    /// The packet that carried the message's last byte.
    pub packet: PacketNo,
    /// When its first byte was captured.
    pub sent: Timestamp,
    /// When its last byte was captured.
    pub seen: Timestamp,
    /// When all bytes before that one were there as well.
    pub deliverable: Timestamp,
}
