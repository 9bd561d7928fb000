//! Packet → TCP segment: link layers, IP and its fragments, tunnels.
//!
//! ```text
//!  link  Ethernet · Linux cooked 1 and 2 · BSD loopback · raw IP
//!          └ VLAN tags · SNAP · PPPoE · MPLS
//!  IP    4 and 6, options and extension headers, fragments
//!          └ IP in IP · GRE · VXLAN · Geneve, up to eight IP headers inside one another
//!  TCP   header and options
//! ```
//! Checksums are not looked at: a capturing host sees them before its network card fills them in.

#![deny(clippy::disallowed_methods)]
#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

mod anatomy;
mod fragment;
mod ip;
mod link;
mod tcp;
mod tunnel;

#[cfg(test)]
mod tests;

pub use anatomy::{Part, anatomy};

use crate::model::{Link, Packet, Segment, Timestamp, Wire};
use fragment::{Added, Fragment, Fragments};
use std::net::IpAddr;

/// Turns packets into TCP segments; remembers nothing but IP fragments.
#[derive(Default)]
pub struct Decoder {
    fragments: Fragments,
    /// What the segment that was lent last lies in, where it came in fragments.
    whole: Vec<u8>,
}

/// What a packet turned out to be.
#[derive(Clone, Copy, Debug)]
pub enum Decoded<'a> {
    /// A TCP segment.
    Tcp(Segment<'a>),
    /// Anything else.
    Other(Proto),
}

/// What a packet without a readable TCP segment is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Proto {
    /// UDP, other than a tunnel that is followed.
    Udp,
    /// ICMP, version 4 or 6.
    Icmp,
    /// Address resolution.
    Arp,
    /// Another protocol over IP, by its number.
    Ip(u8),
    /// Another protocol over Ethernet, by its EtherType; below 1,536 it is IEEE 802.2 of that length.
    Ether(u16),
    /// A piece of an IP packet, kept until the others come.
    Fragment,
    /// A link type that wscope does not read.
    Link(Link),
    /// Headers that contradict themselves, and how.
    Malformed(&'static str),
    /// Cut off in the middle of a header, and of which.
    Truncated(&'static str),
}

impl Decoder {
    /// A decoder that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks into a packet.
    ///
    /// The segment is lent: it lies in the packet, or in the decoder where it came in fragments.
    pub fn decode<'a>(&'a mut self, packet: &Packet<'a>) -> Decoded<'a> {
        let mut whole = None;
        let walk = Walk {
            time: packet.time,
            base: Some(packet.data.as_ptr().addr()),
            fragments: &mut self.fragments,
            whole: &mut whole,
        };
        // What almost every packet is goes straight to its IP header.
        let start = match link::start(packet.link, packet.data) {
            Next::Ethernet(bytes) => match link::ethernet(bytes) {
                Next::Ether(kind, bytes) => link::ether(kind, bytes),
                other => other,
            },
            other => other,
        };
        let cut = packet
            .orig_len
            .saturating_sub(u32::try_from(packet.data.len()).unwrap_or(u32::MAX));
        let decoded = walk.run(start, cut, 0);
        match whole {
            None => decoded,
            Some(whole) => self.reassembled(packet.time, whole),
        }
    }

    /// How many IP packets were given up because some of their fragments never came.
    #[must_use]
    pub fn given_up(&self) -> u64 {
        self.fragments.given_up()
    }

    /// How many IP packets are still waiting for fragments.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.fragments.waiting()
    }

    #[cold]
    fn reassembled(&mut self, time: Timestamp, mut whole: Whole) -> Decoded<'_> {
        // A packet put together may be a fragment again, inside a tunnel. Each round is one IP
        // header deeper, so the depth limit ends this.
        loop {
            self.whole = whole.bytes;
            let mut next = None;
            let decoded = self.again(time, whole.carried, whole.depth, &mut next);
            match (next, decoded) {
                (Some(next), _) => whole = next,
                (None, Decoded::Other(proto)) => return Decoded::Other(proto),
                (None, Decoded::Tcp(_)) => break,
            }
        }
        // The same again, now that the borrow may leave.
        self.again(time, whole.carried, whole.depth, &mut None)
    }

    fn again(
        &mut self,
        time: Timestamp,
        carried: Carried,
        depth: u32,
        whole: &mut Option<Whole>,
    ) -> Decoded<'_> {
        let walk = Walk {
            time,
            base: None,
            fragments: &mut self.fragments,
            whole,
        };
        walk.run(carried.over(&self.whole), 0, depth)
    }
}

/// Where the bytes of a packet went that has this segment.
///
/// Of a segment that came in fragments, only the TCP header and what it carries are known.
#[must_use]
pub fn wire(packet: &Packet<'_>, segment: &Segment<'_>) -> Wire {
    let (cut, payload) = (segment.cut, segment.payload.len() as u32 + segment.cut);
    let Some(payload_at) = segment.payload_at else {
        return Wire {
            tcp: u32::from(segment.header),
            payload,
            cut,
            ..Wire::default()
        };
    };
    // Of a header that was cut, the end is only known from the other side.
    let captured = u32::try_from(packet.data.len()).unwrap_or(u32::MAX);
    let header_end = match payload_at >= captured && packet.orig_len > captured {
        true => packet.orig_len.saturating_sub(cut),
        false => payload_at,
    };
    let mut next = link::start(packet.link, packet.data);
    let ip_at = loop {
        next = match next {
            Next::Ether(kind, bytes) => link::ether(kind, bytes),
            Next::Ethernet(bytes) => link::ethernet(bytes),
            Next::Ip(bytes) => {
                break (packet.data.len() - bytes.len().min(packet.data.len())) as u32;
            }
            Next::Inner(_) | Next::Piece(_) | Next::Done(_) => break 0,
        };
    };
    // A header may promise more than there was: all together is never more than the packet.
    let mut room = packet.orig_len;
    let mut take = |wanted: u32| {
        let taken = wanted.min(room);
        room -= taken;
        taken
    };
    let payload = take(payload);
    let tcp = take(u32::from(segment.header));
    let ip = take(header_end.saturating_sub(ip_at).saturating_sub(tcp));
    Wire {
        link: room,
        ip,
        tcp,
        payload,
        cut: cut.min(payload),
    }
}

/// One way down through the headers of a packet.
struct Walk<'f> {
    time: Timestamp,
    /// Address of the packet's first byte; none where it was put together.
    base: Option<usize>,
    fragments: &'f mut Fragments,
    /// Where an IP packet goes that its last fragment made whole.
    whole: &'f mut Option<Whole>,
}

/// What comes next on the way.
enum Next<'a> {
    /// Something with an EtherType.
    Ether(u16, &'a [u8]),
    /// An Ethernet header.
    Ethernet(&'a [u8]),
    /// An IP header of whichever version.
    Ip(&'a [u8]),
    /// What IP carries.
    Inner(Inner<'a>),
    /// A piece of what IP carries.
    Piece(Fragment<'a>),
    /// The end of the way.
    Done(Proto),
}

/// The payload of an IP packet.
struct Inner<'a> {
    carried: Carried,
    bytes: &'a [u8],
    /// Bytes that IP promised and the capture cut off.
    cut: u32,
}

/// What an IP header says of its payload.
#[derive(Clone, Copy, Debug)]
struct Carried {
    src: IpAddr,
    dst: IpAddr,
    number: u8,
    /// Hops it may still go; 0 where it came in fragments.
    ttl: u8,
    /// Its identification; none in IPv6, and where it came in fragments.
    id: Option<u16>,
    /// It says how long it is.
    sized: bool,
}

impl Carried {
    fn over(self, bytes: &[u8]) -> Next<'_> {
        Next::Inner(Inner {
            carried: self,
            bytes,
            cut: 0,
        })
    }
}

/// An IP payload, put together from fragments.
struct Whole {
    carried: Carried,
    bytes: Vec<u8>,
    depth: u32,
}

impl Walk<'_> {
    /// Follows the headers; `cut` bytes are missing at the packet's end, `depth` IP headers were seen.
    ///
    /// Inlined with all below it, so that the segment is built where the caller wants it.
    #[inline(always)]
    fn run<'a>(self, mut next: Next<'a>, mut cut: u32, mut depth: u32) -> Decoded<'a> {
        loop {
            next = match next {
                Next::Ether(kind, bytes) => link::ether(kind, bytes),
                Next::Ethernet(bytes) => link::ethernet(bytes),
                Next::Ip(_) if depth >= DEPTH => Next::Done(Proto::Malformed(
                    "more than eight IP headers, one in the other",
                )),
                // The two versions apart, and TCP at once: it saves every segment a few copies.
                Next::Ip(bytes) => {
                    depth += 1;
                    let inner = match bytes.first().map(|first| first >> 4) {
                        Some(4) => match ip::v4(bytes, cut) {
                            Ok(inner) if inner.carried.number == ip::TCP => {
                                return tcp::segment(&inner, self.base);
                            }
                            other => other,
                        },
                        Some(6) => match ip::v6(bytes, cut) {
                            Ok(inner) if inner.carried.number == ip::TCP => {
                                return tcp::segment(&inner, self.base);
                            }
                            other => other,
                        },
                        Some(_) => Err(malformed("an IP version that is neither 4 nor 6")),
                        None => Err(Next::Done(Proto::Truncated("IP header"))),
                    };
                    match inner {
                        Ok(inner) => {
                            cut = inner.cut;
                            tunnel::inner(inner.carried.number, inner.bytes)
                        }
                        Err(next) => next,
                    }
                }
                Next::Inner(inner) if inner.carried.number == ip::TCP => {
                    return tcp::segment(&inner, self.base);
                }
                Next::Inner(inner) => {
                    cut = inner.cut;
                    tunnel::inner(inner.carried.number, inner.bytes)
                }
                Next::Piece(piece) => match self.fragments.add(&piece, self.time) {
                    Added::Waiting => Next::Done(Proto::Fragment),
                    Added::Bad(why) => Next::Done(Proto::Malformed(why)),
                    Added::Whole(carried, bytes) => {
                        *self.whole = Some(Whole {
                            carried,
                            bytes,
                            depth,
                        });
                        Next::Done(Proto::Fragment)
                    }
                },
                Next::Done(proto) => return Decoded::Other(proto),
            };
        }
    }
}

fn malformed(why: &'static str) -> Next<'static> {
    Next::Done(Proto::Malformed(why))
}

/// IP headers that may lie one in the other.
const DEPTH: u32 = 8;
