//! What happens to a connection.

use super::{Dir, Options, Remark};

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
    /// What the first bytes look like, where it is nothing that is decoded further.
    Protocol(&'static str),
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
            Self::Remark(remark) => remark.label.word(),
            Self::Protocol(_) => "protocol",
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
