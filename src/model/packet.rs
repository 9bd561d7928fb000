//! A captured packet, before anything is known about it.

use super::{PacketNo, Timestamp};

/// A packet, lent by whoever read it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet<'a> {
    /// Its number over all files, from 1.
    pub no: PacketNo,
    /// When it was captured.
    pub time: Timestamp,
    /// What its first byte belongs to.
    pub link: Link,
    /// How many bytes it had on the wire; more than `data` where the capture cut it.
    pub orig_len: u32,
    /// The bytes that were captured.
    pub data: &'a [u8],
}

/// Where the bytes of a packet with a TCP segment went: together its length on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wire {
    /// Before the first IP header, and behind what IP carries (padding).
    pub link: u32,
    /// From the first IP header to the TCP header: options, extensions and tunnels among it.
    pub ip: u32,
    /// The TCP header with its options.
    pub tcp: u32,
    /// What TCP carries.
    pub payload: u32,
    /// The part of `payload` that the capture cut off.
    pub cut: u32,
}

impl Wire {
    /// All of it.
    #[must_use]
    pub fn total(self) -> u64 {
        [self.link, self.ip, self.tcp, self.payload]
            .into_iter()
            .map(u64::from)
            .sum()
    }
}

/// A link type, by its number in the registry of tcpdump.org.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Link(pub u16);

impl Link {
    /// BSD loopback: four bytes of address family, in the capturing host's byte order.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// Raw IP, the number that some systems write into files.
    pub const RAW_BSD: Self = Self(12);
    /// Raw IP, the number that OpenBSD writes into files.
    pub const RAW_OPENBSD: Self = Self(14);
    /// Raw IP: the version is in the first four bits.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback: as [`Link::NULL`], in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux cooked capture, version 1.
    pub const LINUX_SLL: Self = Self(113);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);
}
