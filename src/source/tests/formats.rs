use super::{Owned, gzip, pcapng, read, read_bytes, three, words};
use crate::model::Link;
use crate::source::{ByteOrder, Capture, PcapWriter, PcapngWriter, Resolution};
use std::io::{Cursor, Read};

const SECTION: [u32; 7] = [
    0x0a0d_0d0a, // section header block
    28,          // length
    0x1a2b_3c4d, // byte order
    1,           // version 1.0
    u32::MAX,    // length of the section is
    u32::MAX,    // not known
    28,
];
const INTERFACE: [u32; 5] = [
    1,      // interface description block
    20,     // length
    1,      // Ethernet
    0x4000, // snap length
    20,
];

#[test]
fn pcap_in_microseconds_reads_as_it_lies_there() {
    let file = words([
        0xa1b2_c3d4, // magic, microseconds
        0x0004_0002, // version 2.4
        0,           // time zone
        0,           // accuracy
        0x4_0000,    // snap length
        0xf400_0001, // Ethernet, with four bytes of frame check sequence
        1,           // seconds
        2,           // microseconds
        4,           // bytes captured
        60,          // bytes on the wire
        0x6463_6261, // abcd
    ]);
    let mut capture = Capture::from_reader("test", Cursor::new(file));
    let packet = Owned::from(capture.next().unwrap().unwrap());
    let wanted = Owned {
        orig_len: 60,
        ..Owned::new(1, 1_000_002_000, b"abcd")
    };
    assert_eq!(packet, wanted);
    assert_eq!(capture.next().unwrap(), None);
    let [interface] = capture.interfaces() else {
        panic!("{:?}", capture.interfaces())
    };
    assert_eq!(
        (interface.link, interface.snaplen, interface.resolution),
        (Link::ETHERNET, 0x4_0000, 6)
    );
}

#[test]
fn pcap_of_the_modified_kind_has_longer_record_headers() {
    let file = words([
        0xa1b2_cd34, // magic, modified
        0x0004_0002, // version 2.4
        0,           // time zone
        0,           // accuracy
        0,           // snap length
        101,         // raw IP
        1,           // seconds
        2,           // microseconds
        4,           // bytes captured
        4,           // bytes on the wire
        9,           // interface index
        0,           // protocol, packet type
        0x6463_6261, // abcd
    ]);
    let wanted = Owned {
        link: Link::RAW,
        ..Owned::new(1, 1_000_002_000, b"abcd")
    };
    let (packets, error) = read_bytes(file);
    assert_eq!(packets, [wanted]);
    assert!(error.is_none());
}

#[test]
fn simple_and_obsolete_packet_blocks_are_packets_too() {
    let obsolete = words([
        2,           // packet block
        36,          // length
        0x0007_0000, // interface 0, seven drops
        0,           // time, high
        5,           // time, low: five microseconds
        3,           // bytes captured
        9,           // bytes on the wire
        0x0063_6261, // abc and padding
        36,
    ]);
    let simple = words([
        3,           // simple packet block
        20,          // length
        2,           // bytes on the wire
        0x0000_6261, // ab and padding
        20,
    ]);
    let (packets, error) =
        read_bytes([words(SECTION), words(INTERFACE), obsolete, simple].concat());
    assert!(error.is_none());
    let first = Owned {
        orig_len: 9,
        ..Owned::new(1, 5_000, b"abc")
    };
    // A simple packet has no time: it is given the time of the packet before.
    assert_eq!(packets, [first, Owned::new(2, 5_000, b"ab")]);
}

#[test]
fn a_simple_packet_is_cut_at_the_snap_length() {
    let interface = words([1, 20, 1, 3, 20]); // snap length 3
    let simple = words([3, 20, 100, 0x0063_6261, 20]);
    let (packets, _) = read_bytes([words(SECTION), interface, simple].concat());
    let wanted = Owned {
        orig_len: 100,
        ..Owned::new(1, 0, b"abc")
    };
    assert_eq!(packets, [wanted]);
}

#[test]
fn unknown_blocks_are_passed_over() {
    let custom = words([0x0000_0bad, 20, 0x1234, 0x5678, 20]);
    let name_resolution = words([4, 16, 0, 16]);
    let unknown = words([0x7fff_1234, 12, 12]);
    let (packets, error) = read_bytes(
        [
            words(SECTION),
            custom,
            words(INTERFACE),
            name_resolution,
            unknown,
            words([6, 36, 0, 0, 7, 1, 1, u32::from(b'x'), 36]),
        ]
        .concat(),
    );
    assert!(error.is_none());
    assert_eq!(packets, [Owned::new(1, 7_000, b"x")]);
}

#[test]
fn each_section_has_its_own_byte_order_and_interfaces() {
    let first = three().remove(0);
    let mut writer = PcapngWriter::new(Vec::new()).unwrap();
    writer.packet(&first.lend()).unwrap();
    let writer = writer.finish().unwrap();
    let second = Owned {
        no: 2,
        link: Link::RAW,
        time: 1_700_000_000_000_002_000,
        ..first.clone()
    };
    let mut other = PcapngWriter::with(writer, ByteOrder::Big, Resolution::Micros, None).unwrap();
    other.packet(&second.lend()).unwrap();
    let (packets, error) = read_bytes(other.finish().unwrap());
    assert!(error.is_none(), "{error:?}");
    assert_eq!(packets, [first, second]);
}

#[test]
fn interfaces_of_one_section_may_differ_in_link_and_time() {
    let raw = words([
        1,           // interface description block
        40,          // length
        101,         // raw IP
        0,           // no snap length
        0x0001_0009, // if_tsresol, one byte
        0x8a,        // 1/1024 s
        0x0008_000e, // if_tsoffset, eight bytes
        10,          // ten seconds
        0,           //
        40,
    ]);
    let packet = |interface, time| words([6, 36, interface, 0, time, 1, 1, u32::from(b'x'), 36]);
    let (packets, error) = read_bytes(
        [
            words(SECTION),
            words(INTERFACE),
            raw,
            packet(1, 512),
            packet(0, 512),
        ]
        .concat(),
    );
    assert!(error.is_none(), "{error:?}");
    let first = Owned {
        link: Link::RAW,
        ..Owned::new(1, 10_500_000_000, b"x")
    };
    assert_eq!(packets, [first, Owned::new(2, 512_000, b"x")]);
}

#[test]
fn a_big_endian_interface_may_shift_its_time() {
    let file = [
        &[0x0a, 0x0d, 0x0d, 0x0a, 0, 0, 0, 28][..], // section header block
        &[0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0],      // byte order, version 1.0
        &[0xff; 8],                                 // length not known
        &[0, 0, 0, 28],
        &[0, 0, 0, 1, 0, 0, 0, 40],  // interface description block
        &[0, 101, 0, 0, 0, 0, 0, 0], // raw IP, no snap length
        &[0, 9, 0, 1, 3, 0, 0, 0],   // if_tsresol: milliseconds
        &[0, 14, 0, 8, 0, 0, 0, 0, 0, 0, 0, 10], // if_tsoffset: ten seconds
        &[0, 0, 0, 40],
        &[0, 0, 0, 6, 0, 0, 0, 36],   // enhanced packet block
        &[0; 8],                      // interface 0, time, high
        &[0, 0, 0, 7, 0, 0, 0, 1],    // time, low; bytes captured
        &[0, 0, 0, 1, b'x', 0, 0, 0], // bytes on the wire, data
        &[0, 0, 0, 36],
    ]
    .concat();
    let (packets, error) = read_bytes(file);
    assert!(error.is_none(), "{error:?}");
    let wanted = Owned {
        link: Link::RAW,
        ..Owned::new(1, 10_007_000_000, b"x")
    };
    assert_eq!(packets, [wanted]);
}

#[test]
fn comments_secrets_names_and_drops_are_kept() {
    for order in [ByteOrder::Little, ByteOrder::Big] {
        let mut writer =
            PcapngWriter::with(Vec::new(), order, Resolution::Nanos, Some("a capture")).unwrap();
        let [first, second, _] = &three()[..] else {
            panic!()
        };
        writer.commented(&first.lend(), Some("look here")).unwrap();
        writer.secrets(0x544c_534b, b"CLIENT_RANDOM").unwrap();
        writer.packet(&second.lend()).unwrap();
        let mut file = writer.finish().unwrap();
        // Interface statistics: interface 0, time, isb_ifdrop of 7, end of options.
        let statistics = [5, 40, 0, 0, 0, 0x0008_0005, 7, 0, 0, 40];
        for word in statistics {
            match (order, word) {
                (ByteOrder::Little, _) => file.extend(u32::to_le_bytes(word)),
                (ByteOrder::Big, 0x0008_0005) => file.extend([0, 5, 0, 8]),
                (ByteOrder::Big, _) => file.extend(u32::to_be_bytes(word)),
            }
        }
        if order == ByteOrder::Big {
            // The 64-bit count, high word first.
            let at = file.len() - 16;
            file[at..at + 8].copy_from_slice(&7_u64.to_be_bytes());
        }
        let mut capture = Capture::from_reader("test", Cursor::new(file));
        capture.next().unwrap().unwrap();
        assert_eq!(capture.packet_comments().collect::<Vec<_>>(), ["look here"]);
        capture.next().unwrap().unwrap();
        assert_eq!(capture.packet_comments().count(), 0);
        assert_eq!(capture.next().unwrap(), None);
        assert_eq!(capture.packet_comments().count(), 0);
        assert_eq!(capture.comments(), ["a capture"]);
        let [secrets] = capture.secrets() else {
            panic!()
        };
        assert_eq!((secrets.kind, secrets.before.get()), (0x544c_534b, 2));
        assert_eq!(secrets.data, b"CLIENT_RANDOM");
        assert_eq!(capture.interfaces()[0].dropped, Some(7));
        assert_eq!(capture.interfaces()[0].resolution, 9);
    }
}

#[test]
fn a_block_larger_than_the_buffer_is_read() {
    let big = Owned::new(1, 1, &vec![7; 5 << 20]);
    let after = Owned::new(2, 2, b"after");
    let packets = [big, after];
    assert_eq!(read_bytes(pcapng(&packets)).0, packets);
}

/// Gives one byte at a time, as a slow pipe does.
struct Slow<R>(R);

impl<R: Read> Read for Slow<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let len = into.len().min(1);
        self.0.read(&mut into[..len])
    }
}

#[test]
fn a_slow_pipe_reads_the_same() {
    for file in [pcapng(&three()), gzip(&pcapng(&three()))] {
        let mut capture = Capture::from_reader("pipe", Slow(Cursor::new(file)));
        assert_eq!(read(&mut capture).0, three());
    }
}

/// Fails the test when asked for more than there is.
struct Eager(Cursor<Vec<u8>>);

impl Read for Eager {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.0.read(into)?;
        assert!(read > 0, "a live capture would have to wait here");
        Ok(read)
    }
}

#[test]
fn a_packet_is_delivered_as_soon_as_it_is_there() {
    let packets = [Owned::new(1, 0, b"a")];
    let mut old = PcapWriter::new(
        Vec::new(),
        Link::ETHERNET,
        ByteOrder::Big,
        Resolution::Nanos,
    )
    .unwrap();
    old.packet(&packets[0].lend()).unwrap();
    for file in [pcapng(&packets), old.finish().unwrap()] {
        let mut capture = Capture::from_reader("pipe", Eager(Cursor::new(file)));
        assert_eq!(Owned::from(capture.next().unwrap().unwrap()), packets[0]);
    }
}
