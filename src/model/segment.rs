//! A TCP segment, as a packet carries it.

use super::Endpoint;

/// A TCP segment, still lying in its packet.   RFC 9293 section 3.1
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Who sent it.
    pub src: Endpoint,
    /// To whom.
    pub dst: Endpoint,
    /// Sequence number of the first byte (or of SYN).
    pub seq: u32,
    /// The next sequence number that the sender expects; means something only with ACK.
    pub ack: u32,
    /// Flag bits.
    pub flags: Flags,
    /// Window, as it stands in the header (not scaled).
    pub window: u16,
    /// The options that matter.
    pub options: Options,
    /// Bytes of the TCP header, options among them.
    pub header: u8,
    /// The TCP header as captured; empty where a part of it was cut off.
    pub head: &'a [u8],
    /// Hops that the packet may still go (TTL, or hop limit); 0 where it came in fragments.
    pub ttl: u8,
    /// Identification of its IP packet; none in IPv6, and where it came in fragments.
    pub ip_id: Option<u16>,
    /// The payload that was captured.
    pub payload: &'a [u8],
    /// Payload bytes that the packet had and the capture cut off, after `payload`.
    pub cut: u32,
    /// Where `payload` begins in the packet; none where it was put together from IP fragments.
    pub payload_at: Option<u32>,
    /// IP says how long the packet is; where it does not, a network card was to say it.
    pub sized: bool,
}

impl Segment<'_> {
    /// Payload bytes on the wire, cut or not.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.payload.len() as u64 + u64::from(self.cut)
    }

    /// Whether it carried no payload on the wire.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The TCP flag bits of a segment.   RFC 9293 section 3.1
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Flags(pub u8);

impl Flags {
    /// The sender is done.
    pub const FIN: u8 = 0x01;
    /// The sender begins.
    pub const SYN: u8 = 0x02;
    /// The sender gives up.
    pub const RST: u8 = 0x04;
    /// Hand it to the application at once.
    pub const PSH: u8 = 0x08;
    /// The acknowledgement number is valid.
    pub const ACK: u8 = 0x10;

    /// Whether FIN is set.
    #[must_use]
    pub fn fin(self) -> bool {
        self.0 & Self::FIN != 0
    }

    /// Whether SYN is set.
    #[must_use]
    pub fn syn(self) -> bool {
        self.0 & Self::SYN != 0
    }

    /// Whether RST is set.
    #[must_use]
    pub fn rst(self) -> bool {
        self.0 & Self::RST != 0
    }

    /// Whether PSH is set.
    #[must_use]
    pub fn psh(self) -> bool {
        self.0 & Self::PSH != 0
    }

    /// Whether ACK is set.
    #[must_use]
    pub fn ack(self) -> bool {
        self.0 & Self::ACK != 0
    }
}

/// TCP options that wscope reads; absent or malformed ones are none.   RFC 9293 section 3.2, RFC 7323, RFC 2018
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Maximum segment size, bytes.
    pub mss: Option<u16>,
    /// Window scale: the power of two.
    pub wscale: Option<u8>,
    /// Selective acknowledgement is permitted.
    pub sack_permitted: bool,
    /// Timestamps: the sender's value and the echo.
    pub timestamps: Option<(u32, u32)>,
    /// SACK blocks: left and right edge, the first `sack_blocks` of them.
    pub sack: [(u32, u32); 4],
    /// How many entries of `sack` are there.
    pub sack_blocks: u8,
}
