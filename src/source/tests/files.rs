use super::{Owned, gzip, pcapng, read, three};
use crate::Error;
use crate::model::{Link, PacketNo};
use crate::source::{ByteOrder, Capture, Marks, PcapWriter, PcapngWriter, Resolution};

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
