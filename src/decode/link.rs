//! What packets begin with, down to IP.

use super::{Next, Proto};
use crate::model::Link;
use etherparse::{Ethernet2HeaderSlice, SingleVlanHeaderSlice, ether_type};

/// The first step into a packet.
#[inline(always)]
pub(super) fn start(link: Link, bytes: &[u8]) -> Next<'_> {
    match link {
        Link::ETHERNET => Next::Ethernet(bytes),
        Link::RAW | Link::RAW_BSD | Link::RAW_OPENBSD | Link::IPV4 | Link::IPV6 => Next::Ip(bytes),
        Link::LINUX_SLL => cooked(bytes),
        Link::LINUX_SLL2 => cooked2(bytes),
        Link::NULL | Link::LOOP => loopback(bytes),
        other => Next::Done(Proto::Link(other)),
    }
}

/// An Ethernet II or IEEE 802.3 header.
#[inline(always)]
pub(super) fn ethernet(bytes: &[u8]) -> Next<'_> {
    let Ok(header) = Ethernet2HeaderSlice::from_slice(bytes) else {
        return truncated("Ethernet header");
    };
    let rest = bytes.get(header.slice().len()..).unwrap_or_default();
    Next::Ether(header.ether_type().0, rest)
}

/// What an EtherType announces.   IEEE 802 Numbers, IANA
#[inline(always)]
pub(super) fn ether(kind: u16, bytes: &[u8]) -> Next<'_> {
    match kind {
        IPV4 | IPV6 => Next::Ip(bytes),
        VLAN | QINQ | QINQ_OLD | QINQ_OLDER => match SingleVlanHeaderSlice::from_slice(bytes) {
            Ok(tag) => Next::Ether(tag.ether_type().0, bytes.get(4..).unwrap_or_default()),
            Err(_) => truncated("VLAN tag"),
        },
        ARP => Next::Done(Proto::Arp),
        PPPOE => pppoe(bytes),
        MPLS | MPLS_UPSTREAM => mpls(bytes),
        TRANSPARENT => Next::Ethernet(bytes),
        0..=1500 => snap(kind, bytes),
        other => Next::Done(Proto::Ether(other)),
    }
}

/// IEEE 802.2 with a SNAP header says an EtherType after all.   RFC 1042
///
/// ```text
///  AA AA 03   OUI (3)   EtherType (2)
/// ```
fn snap(len: u16, bytes: &[u8]) -> Next<'_> {
    match bytes.split_first_chunk() {
        Some((&[0xaa, 0xaa, 3, 0, 0, 0, a, b], rest)) => {
            match u16::from_be_bytes([a, b]) {
                // Only real types: a length here could go round in circles.
                kind @ 1536.. => Next::Ether(kind, rest),
                _ => Next::Done(Proto::Ether(len)),
            }
        }
        _ => Next::Done(Proto::Ether(len)),
    }
}

/// A PPPoE session packet, then a PPP protocol number.   RFC 2516 section 4
///
/// ```text
///  version, type (1)   code (1)   session (2)   length (2)   protocol (2)
/// ```
fn pppoe(bytes: &[u8]) -> Next<'_> {
    match bytes.split_first_chunk() {
        Some((&[0x11, 0, _, _, _, _, 0x00, 0x21 | 0x57], rest)) => Next::Ip(rest),
        Some((&[_, _, _, _, _, _, _, _], _)) => Next::Done(Proto::Ether(PPPOE)),
        None => truncated("PPPoE header"),
    }
}

/// MPLS labels down to the last one; then what looks like IP is IP.   RFC 3032 section 2.1
fn mpls(mut bytes: &[u8]) -> Next<'_> {
    loop {
        let Some((&[_, _, last, _], rest)) = bytes.split_first_chunk() else {
            return truncated("MPLS label");
        };
        bytes = rest;
        if last & 1 != 0 {
            return match bytes.first().map(|first| first >> 4) {
                Some(4 | 6) => Next::Ip(bytes),
                _ => Next::Done(Proto::Ether(MPLS)),
            };
        }
    }
}

/// Linux cooked capture, version 1: sixteen bytes, the protocol last.
fn cooked(bytes: &[u8]) -> Next<'_> {
    match bytes.split_first_chunk::<16>() {
        Some((&[.., a, b], rest)) => cooked_protocol([a, b], rest),
        None => truncated("Linux cooked header"),
    }
}

/// Linux cooked capture, version 2: twenty bytes, the protocol first.
fn cooked2(bytes: &[u8]) -> Next<'_> {
    match bytes.split_first_chunk::<20>() {
        Some((&[a, b, ..], rest)) => cooked_protocol([a, b], rest),
        None => truncated("Linux cooked header"),
    }
}

/// An EtherType, or a small number that Linux made up.
fn cooked_protocol(protocol: [u8; 2], rest: &[u8]) -> Next<'_> {
    match u16::from_be_bytes(protocol) {
        LINUX_802_2 => snap(LINUX_802_2, rest),
        other @ 0..=1535 => Next::Done(Proto::Ether(other)),
        kind => Next::Ether(kind, rest),
    }
}

/// An address family in the byte order of the host that captured it, whichever that was.
fn loopback(bytes: &[u8]) -> Next<'_> {
    let Some((&family, rest)) = bytes.split_first_chunk() else {
        return truncated("loopback header");
    };
    let (little, big) = (u32::from_le_bytes(family), u32::from_be_bytes(family));
    match little.min(big) {
        // IPv6 is 10 on Linux, 24 on NetBSD and OpenBSD, 28 on FreeBSD, 30 on macOS.
        2 | 10 | 24 | 28 | 30 => Next::Ip(rest),
        other => Next::Done(Proto::Ether(other.min(0xffff) as u16)),
    }
}

fn truncated(what: &'static str) -> Next<'static> {
    Next::Done(Proto::Truncated(what))
}

const IPV4: u16 = ether_type::IPV4.0;
const IPV6: u16 = ether_type::IPV6.0;
const ARP: u16 = ether_type::ARP.0;
const VLAN: u16 = 0x8100;
const QINQ: u16 = 0x88a8;
const QINQ_OLD: u16 = 0x9100;
const QINQ_OLDER: u16 = 0x9200;
const PPPOE: u16 = 0x8864;
const MPLS: u16 = 0x8847;
const MPLS_UPSTREAM: u16 = 0x8848;
const TRANSPARENT: u16 = 0x6558;
const LINUX_802_2: u16 = 4;
