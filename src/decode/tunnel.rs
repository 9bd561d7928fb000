//! What IP carries beside TCP: tunnels to follow, and the rest.

use super::{Next, Proto};

/// What an IP protocol number announces.   Protocol Numbers, IANA
pub(super) fn inner(number: u8, bytes: &[u8]) -> Next<'_> {
    match number {
        UDP => udp(bytes),
        ICMP | ICMPV6 => Next::Done(Proto::Icmp),
        IPV4 | IPV6 => Next::Ip(bytes),
        GRE => gre(bytes),
        ETHERNET => match bytes.split_first_chunk() {
            // EtherIP: version 3, then an Ethernet header.   RFC 3378
            Some((&[0x30, 0], rest)) => Next::Ethernet(rest),
            _ => Next::Done(Proto::Ip(ETHERNET)),
        },
        other => Next::Done(Proto::Ip(other)),
    }
}

/// Generic routing encapsulation.   RFC 2784 section 2, RFC 2890 section 2
///
/// ```text
///  |C| |K|S| … |version|  EtherType (2)  checksum (4, if C)  key (4, if K)  sequence (4, if S)
/// ```
fn gre(bytes: &[u8]) -> Next<'_> {
    let Some((&[flags, version, a, b], _)) = bytes.split_first_chunk() else {
        return truncated("GRE header");
    };
    // Version 1 carries PPP; bit 1 is routing, which nobody uses.
    if version & 7 != 0 || flags & 0x40 != 0 {
        return Next::Done(Proto::Ip(GRE));
    }
    let optional = (flags & (CHECKSUM | KEY | SEQUENCE)).count_ones() as usize;
    match bytes.get(4 + 4 * optional..) {
        Some(rest) => encapsulated(u16::from_be_bytes([a, b]), rest, Proto::Ip(GRE)),
        None => truncated("GRE header"),
    }
}

/// UDP: eight bytes, the destination port second.
fn udp(bytes: &[u8]) -> Next<'_> {
    let Some((&[_, _, a, b, ..], rest)) = bytes.split_first_chunk::<8>() else {
        return Next::Done(Proto::Udp);
    };
    match u16::from_be_bytes([a, b]) {
        VXLAN => vxlan(rest),
        GENEVE => geneve(rest),
        _ => Next::Done(Proto::Udp),
    }
}

/// Eight bytes, of which the first says with bit 3 that there is a network number.   RFC 7348 section 5
fn vxlan(bytes: &[u8]) -> Next<'_> {
    match bytes.split_first_chunk::<8>() {
        Some((&[0x08, ..], rest)) => Next::Ethernet(rest),
        _ => Next::Done(Proto::Udp),
    }
}

/// Eight bytes and options of four bytes each.   RFC 8926 section 3.4
fn geneve(bytes: &[u8]) -> Next<'_> {
    let Some((&[first, _, a, b, ..], rest)) = bytes.split_first_chunk::<8>() else {
        return Next::Done(Proto::Udp);
    };
    match rest.get(usize::from(first & 0x3f) * 4..) {
        Some(rest) if first >> 6 == 0 => encapsulated(u16::from_be_bytes([a, b]), rest, Proto::Udp),
        _ => Next::Done(Proto::Udp),
    }
}

/// Follows real EtherTypes only.
fn encapsulated(kind: u16, bytes: &[u8], otherwise: Proto) -> Next<'_> {
    match kind {
        0x0800 | 0x86dd | 0x6558 | 0x8847 | 0x8100 => Next::Ether(kind, bytes),
        _ => Next::Done(otherwise),
    }
}

fn truncated(what: &'static str) -> Next<'static> {
    Next::Done(Proto::Truncated(what))
}

const ICMP: u8 = 1;
const IPV4: u8 = 4;
const UDP: u8 = 17;
const IPV6: u8 = 41;
const GRE: u8 = 47;
const ICMPV6: u8 = 58;
const ETHERNET: u8 = 97;

const VXLAN: u16 = 4789;
const GENEVE: u16 = 6081;

const CHECKSUM: u8 = 0x80;
const KEY: u8 = 0x20;
const SEQUENCE: u8 = 0x10;
