use super::{Decoded, Decoder, Proto};
use crate::model::{Link, Options, Packet, PacketNo, Timestamp};

/// A packet that was captured as a whole.
fn packet(link: Link, data: &[u8]) -> Packet<'_> {
    Packet {
        no: PacketNo::FIRST,
        time: Timestamp(0),
        link,
        orig_len: data.len() as u32,
        data,
    }
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// Decodes and expects a segment that carries `hello` from 10.0.0.1:1025 or [fd00::1]:1025.
#[track_caller]
fn says_hello(link: Link, parts: &[&[u8]]) {
    let data = join(parts);
    let mut decoder = Decoder::new();
    match decoder.decode(&packet(link, &data)) {
        Decoded::Tcp(segment) => {
            assert_eq!(segment.payload, b"hello");
            assert_eq!((segment.src.port, segment.dst.port), (1025, 80));
            assert_eq!(segment.cut, 0);
            let at = segment.payload_at.unwrap() as usize;
            assert_eq!(&data[at..at + 5], b"hello");
        }
        Decoded::Other(proto) => panic!("{proto:?}"),
    }
}

#[track_caller]
fn is_other(link: Link, parts: &[&[u8]], proto: Proto) {
    let data = join(parts);
    match Decoder::new().decode(&packet(link, &data)) {
        Decoded::Other(other) => assert_eq!(other, proto),
        Decoded::Tcp(segment) => panic!("{segment:?}"),
    }
}

const ETHERNET: &[u8] = &[
    2, 0, 0, 0, 0, 2, // to
    2, 0, 0, 0, 0, 1, // from
];
const IS_IPV4: &[u8] = &[0x08, 0x00];
const IS_IPV6: &[u8] = &[0x86, 0xdd];

/// IPv4 over 25 bytes of TCP.
const IPV4: &[u8] = &[
    0x45, 0, 0, 45, // version, header length, type of service, total length
    0x12, 0x34, 0x40, 0, // identification, do not fragment
    64, 6, 0, 0, // time to live, TCP, checksum
    10, 0, 0, 1, // from
    10, 0, 0, 2, // to
];
/// IPv6 over 25 bytes of TCP.
const IPV6: &[u8] = &[
    0x60, 0, 0, 0, 0, 25, 6, 64, // version, payload length, TCP, hop limit
    0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, // from
    0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, // to
];
const TCP: &[u8] = &[
    0x04, 0x01, 0, 80, // ports 1025, 80
    0, 0, 0, 7, // sequence number
    0, 0, 0, 9, // acknowledgment number
    0x50, 0x18, 0x20, 0x00, // five words, PSH and ACK, window
    0, 0, 0, 0, // checksum, urgent pointer
    b'h', b'e', b'l', b'l', b'o',
];

#[test]
fn ethernet_ipv4_tcp_becomes_a_segment() {
    let data = join(&[ETHERNET, IS_IPV4, IPV4, TCP]);
    let mut decoder = Decoder::new();
    let Decoded::Tcp(segment) = decoder.decode(&packet(Link::ETHERNET, &data)) else {
        panic!()
    };
    assert_eq!(segment.src.to_string(), "10.0.0.1:1025");
    assert_eq!(segment.dst.to_string(), "10.0.0.2:80");
    assert_eq!((segment.seq, segment.ack), (7, 9));
    assert_eq!(segment.flags.0, 0x18);
    assert_eq!(segment.window, 0x2000);
    assert_eq!(segment.options, Options::default());
    assert_eq!((segment.payload, segment.cut), (&b"hello"[..], 0));
    assert_eq!(segment.payload_at, Some(54));
}

#[test]
fn every_link_type_leads_to_ip() {
    for (is_ip, ip, families) in [
        (IS_IPV4, IPV4, &[2_u32][..]),
        (IS_IPV6, IPV6, &[10, 24, 28, 30]),
    ] {
        says_hello(Link::ETHERNET, &[ETHERNET, is_ip, ip, TCP]);
        for raw in [Link::RAW, Link::RAW_BSD, Link::RAW_OPENBSD] {
            says_hello(raw, &[ip, TCP]);
        }
        // Packet type, ARPHRD type, address length, address (8), protocol.
        let cooked = [0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
        says_hello(Link::LINUX_SLL, &[&cooked, is_ip, ip, TCP]);
        // Protocol, reserved, interface, ARPHRD type, packet type, address length, address (8).
        let cooked2 = [0, 0, 0, 0, 0, 3, 0, 1, 4, 6, 2, 0, 0, 0, 0, 1, 0, 0];
        says_hello(Link::LINUX_SLL2, &[is_ip, &cooked2, ip, TCP]);
        for family in families {
            says_hello(Link::NULL, &[&family.to_le_bytes(), ip, TCP]);
            says_hello(Link::NULL, &[&family.to_be_bytes(), ip, TCP]);
            says_hello(Link::LOOP, &[&family.to_be_bytes(), ip, TCP]);
        }
    }
    says_hello(Link::IPV4, &[IPV4, TCP]);
    says_hello(Link::IPV6, &[IPV6, TCP]);
    is_other(Link(105), &[IPV4, TCP], Proto::Link(Link(105)));
}
