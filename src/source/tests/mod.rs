mod damage;
mod files;
mod formats;
mod properties;

use super::{Capture, PcapngWriter};
use crate::Error;
use crate::model::{Link, Packet, PacketNo, Timestamp};
use std::io::{Cursor, Write};

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

#[test]
fn a_capture_may_be_sent_to_another_thread() {
    fn sent<T: Send>() {}
    sent::<Capture>();
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}
