mod fragments;

use super::{Decoded, Decoder, Proto};
use crate::model::{Link, Options, Packet, PacketNo, Timestamp};
use fragments::{pieces, pieces6};
use proptest::prelude::*;

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

/// IPv4 from 172.16.0.1 to 172.16.0.2 over `bytes`.
fn ipv4_over(number: u8, bytes: &[u8]) -> Vec<u8> {
    let [high, low] = (20 + bytes.len() as u16).to_be_bytes();
    let header = [
        0x45, 0, high, low, 0, 0, 0, 0, 64, number, 0, 0, 172, 16, 0, 1, 172, 16, 0, 2,
    ];
    join(&[&header, bytes])
}

/// IPv6 from fc00::1 to fc00::2 over `bytes`.
fn ipv6_over(number: u8, bytes: &[u8]) -> Vec<u8> {
    let [high, low] = (bytes.len() as u16).to_be_bytes();
    let mut header = [0; 40];
    header[..8].copy_from_slice(&[0x60, 0, 0, 0, high, low, number, 64]);
    (header[8], header[23]) = (0xfc, 1);
    (header[24], header[39]) = (0xfc, 2);
    join(&[&header, bytes])
}

#[test]
fn tags_between_ethernet_and_ip_are_passed() {
    for (is_ip, ip) in [(IS_IPV4, IPV4), (IS_IPV6, IPV6)] {
        let vlan = [0x81, 0, 0, 7]; // 802.1Q, network 7
        says_hello(Link::ETHERNET, &[ETHERNET, &vlan, is_ip, ip, TCP]);
        for outer in [[0x88, 0xa8, 0, 9], [0x91, 0, 0, 9], [0x92, 0, 0, 9]] {
            says_hello(Link::ETHERNET, &[ETHERNET, &outer, &vlan, is_ip, ip, TCP]);
        }
        let mpls = [0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64]; // two labels, the second is the last
        says_hello(Link::ETHERNET, &[ETHERNET, &mpls, ip, TCP]);
    }
    // IEEE 802.3: length, LLC and SNAP, no organisation.
    let snap = [0, 53, 0xaa, 0xaa, 3, 0, 0, 0];
    says_hello(Link::ETHERNET, &[ETHERNET, &snap, IS_IPV4, IPV4, TCP]);
    // PPPoE: version and type, code, session, length, protocol.
    for (protocol, ip) in [([0, 0x21], IPV4), ([0, 0x57], IPV6)] {
        let pppoe = [0x88, 0x64, 0x11, 0, 0, 1, 0, 47];
        says_hello(Link::ETHERNET, &[ETHERNET, &pppoe, &protocol, ip, TCP]);
    }
}

#[test]
fn tunnels_are_followed() {
    let ethernet = join(&[ETHERNET, IS_IPV4, IPV4, TCP]);
    let inner4 = join(&[IPV4, TCP]);
    let inner6 = join(&[IPV6, TCP]);
    let tunnels = [
        (4, inner4.clone()),
        (41, inner6.clone()),
        (47, join(&[&[0, 0, 8, 0], &inner4])), // GRE over IPv4
        (47, join(&[&[0, 0, 0x86, 0xdd], &inner6])), // over IPv6
        (47, join(&[&[0, 0, 0x65, 0x58], &ethernet])), // over Ethernet
        (47, join(&[&[0x20, 0, 8, 0], &[9; 4], &inner4])), // with a key
        (47, join(&[&[0xb0, 0, 8, 0], &[9; 12], &inner4])), // with checksum, key and sequence
        // UDP ports, length, checksum; VXLAN flags and network; Ethernet.
        (
            17,
            join(&[
                &[0, 1, 0x12, 0xb5, 0, 0, 0, 0],
                &[8, 0, 0, 0, 0, 0, 1, 0],
                &ethernet,
            ]),
        ),
        // UDP; Geneve with one option, over Ethernet.
        (
            17,
            join(&[
                &[0, 1, 0x17, 0xc1, 0, 0, 0, 0],
                &[1, 0, 0x65, 0x58, 0, 0, 1, 0],
                &[0; 4],
                &ethernet,
            ]),
        ),
        (97, join(&[&[0x30, 0], &ethernet])), // EtherIP
    ];
    for (number, bytes) in tunnels {
        says_hello(Link::RAW, &[&ipv4_over(number, &bytes)]);
        says_hello(Link::RAW, &[&ipv6_over(number, &bytes)]);
    }
}

#[test]
fn eight_ip_headers_are_followed_and_no_more() {
    let mut bytes = join(&[IPV4, TCP]);
    for _ in 1..8 {
        bytes = ipv4_over(4, &bytes);
    }
    says_hello(Link::RAW, &[&bytes]);
    is_other(
        Link::RAW,
        &[&ipv4_over(4, &bytes)],
        Proto::Malformed("more than eight IP headers, one in the other"),
    );
}

#[test]
fn extension_headers_and_options_are_passed() {
    // Hop by hop (8 bytes), destination options (16), authentication (12), whole fragment, TCP.
    let extensions = join(&[
        &[60, 0, 0, 0, 0, 0, 0, 0],
        &[51, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[44, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[6, 0, 0, 0, 0, 0, 0, 1],
        TCP,
    ]);
    says_hello(Link::RAW, &[&ipv6_over(0, &extensions)]);
    let mut options = join(&[IPV4, &[1, 1, 1, 0], TCP]);
    options[0] = 0x46; // six words
    options[3] = 49; // total length
    says_hello(Link::RAW, &[&options]);
}

#[test]
fn other_protocols_are_called_by_their_names() {
    is_other(
        Link::ETHERNET,
        &[ETHERNET, &[0x08, 0x06], &[0; 28]],
        Proto::Arp,
    );
    is_other(
        Link::ETHERNET,
        &[ETHERNET, &[0x88, 0xcc]],
        Proto::Ether(0x88cc),
    );
    is_other(
        Link::ETHERNET,
        &[ETHERNET, &[0, 3, 0x42, 0x42, 3]],
        Proto::Ether(3),
    );
    is_other(
        Link::RAW,
        &[&ipv4_over(17, &[0, 53, 0, 53, 0, 8, 0, 0])],
        Proto::Udp,
    );
    is_other(Link::RAW, &[&ipv4_over(1, &[8, 0])], Proto::Icmp);
    is_other(Link::RAW, &[&ipv6_over(58, &[128, 0])], Proto::Icmp);
    is_other(Link::RAW, &[&ipv6_over(132, &[])], Proto::Ip(132));
}

#[test]
fn headers_that_cannot_be_are_malformed() {
    let with = |at: usize, byte: u8| {
        let mut bytes = join(&[IPV4, TCP]);
        bytes[at] = byte;
        bytes
    };
    let malformed = |bytes: &[u8], why| is_other(Link::RAW, &[bytes], Proto::Malformed(why));
    malformed(&with(0, 0x55), "an IP version that is neither 4 nor 6");
    malformed(&with(0, 0x44), "an IPv4 header of less than 20 bytes");
    malformed(&with(3, 19), "an IPv4 length shorter than its header");
    malformed(&with(32, 0x40), "a TCP header of less than 20 bytes");
    malformed(&with(32, 0x70), "a TCP header longer than its packet");
}

#[test]
fn headers_that_were_cut_are_truncated() {
    let whole = join(&[ETHERNET, IS_IPV4, IPV4, TCP]);
    for (kept, what) in [
        (0, "Ethernet header"),
        (13, "Ethernet header"),
        (14, "IP header"),
        (33, "IPv4 header"),
        (34, "TCP header"),
        (53, "TCP header"),
    ] {
        let packet = Packet {
            orig_len: whole.len() as u32,
            ..packet(Link::ETHERNET, &whole[..kept])
        };
        match Decoder::new().decode(&packet) {
            Decoded::Other(proto) => assert_eq!(proto, Proto::Truncated(what), "{kept}"),
            Decoded::Tcp(_) => panic!("{kept}"),
        }
    }
}

#[test]
fn a_payload_that_was_cut_says_how_much_is_missing() {
    for ip in [IPV4, IPV6] {
        let whole = join(&[ip, TCP]);
        for missing in 0..=5 {
            let kept = whole.len() - missing;
            // Whether or not the file tells the original length.
            for orig_len in [whole.len(), kept] {
                let packet = Packet {
                    orig_len: orig_len as u32,
                    ..packet(Link::RAW, &whole[..kept])
                };
                let mut decoder = Decoder::new();
                let Decoded::Tcp(segment) = decoder.decode(&packet) else {
                    panic!("{missing}")
                };
                assert_eq!(segment.payload, &b"hello"[..5 - missing]);
                assert_eq!(segment.cut, missing as u32);
                assert_eq!(segment.len(), 5);
            }
        }
    }
}

#[test]
fn a_header_cut_among_its_options_is_still_a_segment() {
    let mut tcp = TCP.to_vec();
    tcp[12] = 0x80; // eight words
    let options = [2, 4, 5, 0xb4, 8, 10, 0, 0, 0, 1, 0, 0]; // MSS 1460; timestamps, cut
    tcp.splice(20..20, options);
    let whole = ipv4_over(6, &tcp);
    let mut decoder = Decoder::new();
    let packet = packet(Link::RAW, &whole[..20 + 28]);
    let Decoded::Tcp(segment) = decoder.decode(&packet) else {
        panic!()
    };
    assert_eq!(segment.options.mss, Some(1460));
    assert_eq!(segment.options.timestamps, None);
    assert_eq!((segment.payload.len(), segment.cut), (0, 5));
}

#[test]
fn what_follows_the_ip_packet_is_padding() {
    says_hello(Link::ETHERNET, &[ETHERNET, IS_IPV4, IPV4, TCP, &[0; 9]]);
    says_hello(Link::ETHERNET, &[ETHERNET, IS_IPV6, IPV6, TCP, &[0; 9]]);
}

#[test]
fn a_length_left_to_the_network_card_is_the_captured_one() {
    let mut whole = join(&[IPV4, TCP]);
    (whole[2], whole[3]) = (0, 0);
    says_hello(Link::RAW, &[&whole]);
    let cut = Packet {
        orig_len: 1000,
        ..packet(Link::RAW, &whole)
    };
    let mut decoder = Decoder::new();
    let Decoded::Tcp(segment) = decoder.decode(&cut) else {
        panic!()
    };
    assert_eq!(segment.len(), 960);
    let mut whole = join(&[IPV6, TCP]);
    whole[5] = 0;
    says_hello(Link::RAW, &[&whole]);
}

/// The options of a segment that has these bytes for options.
fn options(bytes: &[u8]) -> Options {
    assert_eq!(bytes.len() % 4, 0);
    let mut tcp = TCP[..20].to_vec();
    tcp[12] = (5 + bytes.len() as u8 / 4) << 4;
    let data = ipv4_over(6, &join(&[&tcp, bytes]));
    match Decoder::new().decode(&packet(Link::RAW, &data)) {
        Decoded::Tcp(segment) => segment.options,
        Decoded::Other(proto) => panic!("{proto:?}"),
    }
}

#[test]
fn tcp_options_are_read() {
    let syn = options(&[
        2, 4, 5, 0xb4, // MSS 1460
        4, 2, // SACK permitted
        8, 10, 0, 0, 0, 7, 0, 0, 0, 0, // timestamps 7, 0
        1, // padding
        3, 3, 15, // window scale, larger than a peer may use
    ]);
    let wanted = Options {
        mss: Some(1460),
        wscale: Some(15),
        sack_permitted: true,
        timestamps: Some((7, 0)),
        ..Options::default()
    };
    assert_eq!(syn, wanted);
    let usual = options(&[1, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 8]);
    assert_eq!(usual.timestamps, Some((7, 8)));
    let sack = options(&[
        1, 1, 5, 18, // SACK, two blocks
        0, 0, 0, 1, 0, 0, 0, 2, // 1 to 2
        0, 0, 0, 5, 0, 0, 0, 9, // 5 to 9
    ]);
    assert_eq!(sack.sack_blocks, 2);
    assert_eq!(sack.sack[..2], [(1, 2), (5, 9)]);
}

#[test]
fn strange_tcp_options_are_passed_over() {
    // Unknown kinds 30 and 253, then MSS.
    assert_eq!(
        options(&[30, 4, 9, 9, 253, 4, 1, 1, 2, 4, 0, 9]).mss,
        Some(9)
    );
    // The list ended before.
    assert_eq!(options(&[0, 0, 0, 0, 2, 4, 0, 9]).mss, None);
    // Lengths of 0 and 1 would go on for ever; 9 is longer than the list.
    for len in [0, 1, 9] {
        assert_eq!(options(&[30, len, 2, 4, 0, 9, 0, 0]), Options::default());
    }
    // A window scale of two bytes is none.
    assert_eq!(options(&[3, 4, 1, 1]).wscale, None);
}

proptest! {
    #[test]
    fn changed_packets_never_panic(
        which in 0..8_usize,
        link in prop::sample::select(vec![0_u16, 1, 12, 101, 108, 113, 228, 229, 276]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in 0..60_usize,
    ) {
        let ethernet = join(&[ETHERNET, IS_IPV4, IPV4, TCP]);
        let mut data = match which {
            0 => ethernet,
            1 => join(&[ETHERNET, &[0x81, 0, 0, 7], IS_IPV6, IPV6, TCP]),
            2 => ipv4_over(47, &join(&[&[0xb0, 0, 0x65, 0x58], &[9; 12], &ethernet])),
            3 => ipv6_over(0, &join(&[&[60, 0, 0, 0, 0, 0, 0, 0], &[6, 0, 0, 0, 0, 0, 0, 0], TCP])),
            4 => pieces(1, TCP, 8).swap_remove(1),
            5 => pieces6(TCP, 8).swap_remove(0),
            6 => join(&[ETHERNET, &[0x88, 0x64, 0x11, 0, 0, 1, 0, 47, 0, 0x21], IPV4, TCP]),
            _ => join(&[&[0; 14], IS_IPV4, IPV4, TCP]),
        };
        for (at, byte) in changes {
            let at = at.index(data.len());
            data[at] = byte;
        }
        data.truncate(data.len().saturating_sub(cut));
        let _ = Decoder::new().decode(&packet(Link(link), &data));
    }
}
