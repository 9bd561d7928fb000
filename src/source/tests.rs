use super::{ByteOrder, Capture, PcapWriter, PcapngWriter, Resolution};
use crate::model::{Link, Packet, PacketNo, Timestamp};
use std::io::Cursor;

fn packet(no: u64, time: i64, data: &[u8]) -> Packet<'_> {
    Packet {
        no: PacketNo::new(no).unwrap(),
        time: Timestamp(time),
        link: Link::ETHERNET,
        orig_len: data.len() as u32,
        data,
    }
}

#[test]
fn what_is_written_reads_back() {
    for order in [ByteOrder::Little, ByteOrder::Big] {
        for resolution in [Resolution::Micros, Resolution::Nanos] {
            let packets = [
                packet(1, 1_700_000_000_000_001_000, b"one"),
                packet(2, 1_700_000_001_000_001_000, b""),
                packet(3, 1_700_000_000_000_000_000, b"four"),
            ];
            let mut ng = PcapngWriter::with(Vec::new(), order, resolution, Some("hi")).unwrap();
            let mut old = PcapWriter::new(Vec::new(), Link::ETHERNET, order, resolution).unwrap();
            for packet in &packets {
                ng.packet(packet).unwrap();
                old.packet(packet).unwrap();
            }
            for file in [ng.finish().unwrap(), old.finish().unwrap()] {
                let mut capture = Capture::from_reader("test", Cursor::new(file));
                for packet in &packets {
                    assert_eq!(capture.next().unwrap().as_ref(), Some(packet));
                }
                assert_eq!(capture.next().unwrap(), None);
            }
        }
    }
}
