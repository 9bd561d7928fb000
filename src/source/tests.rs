use super::{ByteOrder, Capture, Marks, PcapWriter, PcapngWriter, Resolution};
use crate::model::{Link, Packet, PacketNo, Timestamp};
use crate::{Error, Fault};
use proptest::prelude::*;
use std::io::{Cursor, Read, Write};

/// A packet that owns its bytes, for comparing.
#[derive(Clone, PartialEq, Debug)]
struct Owned {
    no: u64,
    time: i64,
    link: Link,
    orig_len: u32,
    data: Vec<u8>,
}

impl Owned {
    fn new(no: u64, time: i64, data: &[u8]) -> Self {
        Self {
            no,
            time,
            link: Link::ETHERNET,
            orig_len: data.len() as u32,
            data: data.to_vec(),
        }
    }

    fn lend(&self) -> Packet<'_> {
        Packet {
            no: PacketNo::new(self.no).unwrap(),
            time: Timestamp(self.time),
            link: self.link,
            orig_len: self.orig_len,
            data: &self.data,
        }
    }
}

impl From<Packet<'_>> for Owned {
    fn from(packet: Packet<'_>) -> Self {
        Self {
            no: packet.no.get(),
            time: packet.time.0,
            link: packet.link,
            orig_len: packet.orig_len,
            data: packet.data.to_vec(),
        }
    }
}

/// All packets, and the first error.
fn read(capture: &mut Capture) -> (Vec<Owned>, Option<Error>) {
    let mut packets = Vec::new();
    loop {
        match capture.next() {
            Ok(Some(packet)) => packets.push(packet.into()),
            Ok(None) => return (packets, None),
            Err(error) => return (packets, Some(error)),
        }
    }
}

fn read_bytes(file: impl Into<Vec<u8>>) -> (Vec<Owned>, Option<Error>) {
    read(&mut Capture::from_reader("test", Cursor::new(file.into())))
}

/// What `read_bytes` says went wrong.
fn complaint(file: impl Into<Vec<u8>>) -> String {
    let (_, error) = read_bytes(file);
    error.expect("an error").to_string()
}

fn pcapng(packets: &[Owned]) -> Vec<u8> {
    let mut writer = PcapngWriter::new(Vec::new()).unwrap();
    for packet in packets {
        writer.packet(&packet.lend()).unwrap();
    }
    writer.finish().unwrap()
}

fn three() -> Vec<Owned> {
    vec![
        Owned::new(1, 1_700_000_000_000_001_000, b"one"),
        Owned::new(2, 1_700_000_001_000_001_000, b""),
        Owned::new(3, 1_700_000_000_000_000_000, b"four"),
    ]
}

/// Words in little-endian order, one after the other.
fn words<const N: usize>(words: [u32; N]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

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
fn gzip_and_zstd_are_known_by_their_content() {
    let plain = pcapng(&three());
    let (head, tail) = plain.split_at(50);
    let gzip_members = [gzip(head), gzip(tail)].concat();
    // A skippable frame of two bytes, then two frames.
    let zstd_frames = [
        vec![0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2],
        zstd(head),
        zstd(tail),
    ]
    .concat();
    for packed in [gzip(&plain), gzip_members, zstd(&plain), zstd_frames] {
        let (packets, error) = read_bytes(packed);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(packets, three());
    }
}

#[test]
fn a_compressed_stream_that_breaks_delivers_what_came_before() {
    let many: Vec<Owned> = (1..500)
        .map(|no| Owned::new(no, no as i64, &[7; 100]))
        .collect();
    let plain = pcapng(&many);
    let packed = gzip(&plain);
    let (packets, error) = read_bytes(&packed[..packed.len() - 12]);
    let error = error.unwrap().to_string();
    assert!(error.contains("cannot decompress any further"), "{error}");
    assert!(packets.len() > 450);
    assert_eq!(packets, many[..packets.len()]);
    // The capture lies in the first block; the frame ends too early in a later one.
    let packed = zstd(&[plain, vec![0; 300_000]].concat());
    let (packets, error) = read_bytes(&packed[..packed.len() - 5]);
    assert_eq!(packets, many);
    let error = error.unwrap().to_string();
    assert!(error.contains("broken block"), "{error}");
    // Nothing came at all.
    for packed in [gzip(b"x"), zstd(b"x")] {
        let error = complaint(&packed[..packed.len() - 9]);
        assert!(error.contains("cannot decompress any further"), "{error}");
    }
}

#[test]
fn what_is_not_a_capture_is_called_by_its_name() {
    assert_eq!(complaint(""), "test: the file is empty");
    assert_eq!(
        complaint("{\"log\": {}}"),
        "test: not a pcap or pcapng capture; it looks like JSON"
    );
    assert_eq!(
        complaint(*b"\x00\x00"),
        "test: not a pcap or pcapng capture"
    );
    assert_eq!(
        complaint(gzip(&gzip(b"x"))),
        "test: not a pcap or pcapng capture; \
         it looks like gzip inside a compressed file: unpack it first"
    );
}

#[test]
fn damage_is_told_with_its_place() {
    let good = pcapng(&three());
    let with = |at: usize, word: u32| {
        let mut file = good.clone();
        file[at..at + 4].copy_from_slice(&word.to_le_bytes());
        file
    };
    // Section 28, interface 32 bytes; then the first packet, 36.
    assert_eq!(
        complaint(with(60 + 36 + 4, 0)),
        "test: at byte 96 (after 1 packet): \
         broken block: it claims a length of 0, which no block can have"
    );
    assert_eq!(
        complaint(with(60 + 32, 99)),
        "test: at byte 60 (after 0 packets): \
         broken block: its length is 36 at its start but 99 at its end"
    );
    assert_eq!(
        complaint(with(60 + 4, 0x7fff_fffc)),
        "test: at byte 60 (after 0 packets): a block of 2147483644 bytes \
         is larger than the limit of 67108864: the file is probably damaged"
    );
    assert_eq!(
        complaint(with(60 + 8, 3)),
        "test: at byte 60 (after 0 packets): \
         broken packet block: it names interface 3, but the section has described 1"
    );
    assert_eq!(
        complaint(with(60 + 20, 30)),
        "test: at byte 60 (after 0 packets): \
         broken packet block: 30 bytes of data do not fit into a block of 36"
    );
    assert_eq!(
        complaint(with(8, 0x0102_0304)),
        "test: broken section header: its byte-order magic is 0x04030201"
    );
    assert_eq!(
        complaint(with(12, 2)),
        "test: pcapng version 2.0 is not supported"
    );
    assert_eq!(
        complaint(words([0xa1b2_c3d4, 0x0004_0001, 0, 0, 0, 1])),
        "test: pcap version 1.4 is not supported"
    );
}

#[test]
fn a_block_larger_than_the_buffer_is_read() {
    let big = Owned::new(1, 1, &vec![7; 5 << 20]);
    let after = Owned::new(2, 2, b"after");
    let packets = [big, after];
    assert_eq!(read_bytes(pcapng(&packets)).0, packets);
}

#[test]
fn several_files_are_one_capture() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one.pcapng", "two.gz"].map(|name| folder.path().join(name));
    std::fs::write(&one, pcapng(&three())).unwrap();
    std::fs::write(&two, gzip(&pcapng(&three()))).unwrap();
    let mut capture = Capture::open([&one, &two]).unwrap();
    let (packets, error) = read(&mut capture);
    assert!(error.is_none());
    let numbers: Vec<u64> = packets.iter().map(|packet| packet.no).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    let progress = capture.progress();
    assert_eq!(Some(progress.bytes), progress.total);
    // One of them is compressed.
    assert!(Marks::new(&capture, 1).is_none());
}

#[test]
fn after_an_error_the_next_file_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one.pcapng", "two.pcapng"].map(|name| folder.path().join(name));
    let good = pcapng(&three());
    std::fs::write(&one, &good[..good.len() - 1]).unwrap();
    std::fs::write(&two, &good).unwrap();
    let mut capture = Capture::open([&one, &two]).unwrap();
    let (packets, error) = read(&mut capture);
    assert_eq!((packets.len(), error.is_some()), (2, true));
    let (packets, error) = read(&mut capture);
    assert_eq!((packets.len(), error.is_some()), (3, false));
    assert_eq!(packets[0].no, 3);
}

#[test]
fn a_file_that_cannot_be_opened_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.pcap");
    for path in [missing.as_path(), folder.path()] {
        match Capture::open([path]) {
            Err(Error::Open { name, .. }) => assert_eq!(name, path.display().to_string()),
            other => panic!("{:?}", other.err()),
        }
    }
}

#[test]
fn any_packet_can_be_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one.pcapng", "two.pcap"].map(|name| folder.path().join(name));
    let mut writer = PcapngWriter::new(Vec::new()).unwrap();
    let mut written = Vec::new();
    for no in 1..=10 {
        if no % 4 == 0 {
            writer.section(None).unwrap();
        }
        let packet = Owned {
            link: if no % 3 == 0 {
                Link::RAW
            } else {
                Link::ETHERNET
            },
            ..Owned::new(no, no as i64, &[no as u8])
        };
        writer.packet(&packet.lend()).unwrap();
        written.push(packet);
    }
    std::fs::write(&one, writer.finish().unwrap()).unwrap();
    let mut writer =
        PcapWriter::new(Vec::new(), Link::RAW, ByteOrder::Big, Resolution::Nanos).unwrap();
    for no in 11..=20 {
        let packet = Owned {
            link: Link::RAW,
            ..Owned::new(no, no as i64, &[no as u8])
        };
        writer.packet(&packet.lend()).unwrap();
        written.push(packet);
    }
    std::fs::write(&two, writer.finish().unwrap()).unwrap();

    for every in [1, 3, 100] {
        let mut capture = Capture::open([&one, &two]).unwrap();
        let mut marks = Marks::new(&capture, every).unwrap();
        while capture.next().unwrap().is_some() {
            marks.note(&capture);
        }
        for from in 1..=20 {
            let mut again = marks.seek(PacketNo::new(from as u64).unwrap()).unwrap();
            assert_eq!(read(&mut again).0, written[from - 1..], "{every}, {from}");
        }
        let mut past = marks.seek(PacketNo::new(21).unwrap()).unwrap();
        assert_eq!(past.next().unwrap(), None);
    }
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

proptest! {
    #[test]
    fn what_is_written_reads_back(packets in any_packets(), form in any_form()) {
        let (file, _) = form.write(&packets);
        let (read, error) = read_bytes(file);
        prop_assert!(error.is_none(), "{:?}", error);
        prop_assert_eq!(read, form.expected(&packets));
    }

    #[test]
    fn a_file_cut_anywhere_gives_the_packets_before_the_cut(
        packets in any_packets(),
        form in any_form(),
        at in any::<prop::sample::Index>(),
    ) {
        let (file, ends) = form.write(&packets);
        let cut = at.index(file.len());
        let (read, error) = read_bytes(&file[..cut]);
        let whole = ends.iter().filter(|end| end.packet.is_some() && end.at <= cut).count();
        prop_assert_eq!(&read, &form.expected(&packets)[..whole]);
        let between = ends.iter().any(|end| end.at == cut);
        let start = ends.iter().map(|end| end.at).filter(|&end| end <= cut).max().unwrap_or(0);
        match error {
            None => prop_assert!(between, "no error at {cut}"),
            Some(Error::Capture { at, packets, fault, .. }) => {
                prop_assert!(!between);
                prop_assert_eq!((at, packets), (start as u64, whole as u64));
                let tells = match fault {
                    Fault::Truncated { have, need, .. } => have == (cut - start) as u64 && need > have,
                    Fault::Empty => cut == 0,
                    Fault::NotACapture(_) => cut < 4,
                    _ => false,
                };
                prop_assert!(tells, "{fault:?}");
            }
            Some(other) => prop_assert!(false, "{other}"),
        }
    }

    #[test]
    fn random_bytes_never_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..400),
        magic in prop::sample::select(vec![
            &[][..],
            &[0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a],
            &[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0],
            &[0xa1, 0xb2, 0x3c, 0x4d, 0, 2, 0, 4],
            &[0x1f, 0x8b, 8, 0],
            &[0x28, 0xb5, 0x2f, 0xfd],
        ]),
    ) {
        bytes.splice(..magic.len().min(bytes.len()), magic.iter().copied());
        let _ = read_bytes(bytes);
    }

    #[test]
    fn changed_bytes_never_panic(
        packets in any_packets(),
        form in any_form(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let (mut file, _) = form.write(&packets);
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let (read, _) = read_bytes(file);
        prop_assert!(read.len() < 100);
    }
}

/// One way to write a capture.
#[derive(Clone, Copy, Debug)]
struct Form {
    pcapng: bool,
    order: ByteOrder,
    resolution: Resolution,
}

/// Where a block ends.
struct BlockEnd {
    at: usize,
    packet: Option<()>,
}

impl Form {
    /// The file and the ends of its blocks. Pcap holds one link type only.
    fn write(self, packets: &[Owned]) -> (Vec<u8>, Vec<BlockEnd>) {
        let packets = self.expected(packets);
        let mut file = Vec::new();
        let mut ends = Vec::new();
        if self.pcapng {
            let mut links = Vec::new();
            let mut writer =
                PcapngWriter::with(&mut file, self.order, self.resolution, None).unwrap();
            for packet in &packets {
                writer.packet(&packet.lend()).unwrap();
            }
            writer.finish().unwrap();
            // Blocks say their length: walk over them.
            let mut at = 0;
            while at < file.len() {
                let word = |at: usize| {
                    let bytes = file[at..at + 4].try_into().unwrap();
                    match self.order {
                        ByteOrder::Little => u32::from_le_bytes(bytes),
                        ByteOrder::Big => u32::from_be_bytes(bytes),
                    }
                };
                let packet = (word(at) == 6).then_some(());
                at += word(at + 4) as usize;
                links.push(packet);
                ends.push(BlockEnd { at, packet });
            }
        } else {
            let link = Link::ETHERNET;
            let mut writer = PcapWriter::new(&mut file, link, self.order, self.resolution).unwrap();
            for packet in &packets {
                writer.packet(&packet.lend()).unwrap();
            }
            writer.finish().unwrap();
            let mut at = 24;
            ends.push(BlockEnd { at, packet: None });
            for packet in &packets {
                at += 16 + packet.data.len();
                ends.push(BlockEnd {
                    at,
                    packet: Some(()),
                });
            }
        }
        (file, ends)
    }

    fn expected(self, packets: &[Owned]) -> Vec<Owned> {
        let unit = self.resolution.nanos();
        let mut packets = packets.to_vec();
        for packet in &mut packets {
            packet.time = packet.time / unit * unit;
            if !self.pcapng {
                packet.link = Link::ETHERNET;
            }
        }
        packets
    }
}

fn any_form() -> impl Strategy<Value = Form> {
    (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(pcapng, big, micros)| Form {
        pcapng,
        order: if big {
            ByteOrder::Big
        } else {
            ByteOrder::Little
        },
        resolution: if micros {
            Resolution::Micros
        } else {
            Resolution::Nanos
        },
    })
}

fn any_packets() -> impl Strategy<Value = Vec<Owned>> {
    let link = prop::sample::select(vec![Link::ETHERNET, Link::RAW, Link::LINUX_SLL2]);
    let data = prop::collection::vec(any::<u8>(), 0..70);
    let time = 0..4_294_967_296_000_000_000_i64;
    let packet = (time, link, data, 0..100_u32);
    prop::collection::vec(packet, 0..8).prop_map(|packets| {
        packets
            .into_iter()
            .zip(1..)
            .map(|((time, link, data, more), no)| Owned {
                no,
                time,
                link,
                orig_len: data.len() as u32 + more,
                data,
            })
            .collect()
    })
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}
