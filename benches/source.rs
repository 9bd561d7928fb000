//! How fast captures are read and decoded: `cargo bench --bench source`.
//!
//! Prints nanoseconds per packet and gigabytes per second, the best of five runs each, for small
//! and large packets in both formats. The capture lies in memory, so no disk is measured.

#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::io::Cursor;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wscope::decode::{Decoded, Decoder};
use wscope::model::{Link, Packet, PacketNo, Timestamp};
use wscope::source::{ByteOrder, Capture, PcapWriter, PcapngWriter, Resolution};

/// Bytes of each capture.
const SIZE: usize = 64 << 20;

fn main() {
    for payload in [30, 1448] {
        let data = packet(payload);
        let count = SIZE / data.len();
        for (format, file) in [
            ("pcap", pcap(&data, count)),
            ("pcapng", pcapng(&data, count)),
        ] {
            let file: Arc<[u8]> = file.into();
            show(
                &format!("{format}, {payload} bytes, read"),
                &file,
                count,
                || read(&file),
            );
            show(
                &format!("{format}, {payload} bytes, read and decode"),
                &file,
                count,
                || decode(&file),
            );
        }
    }
    let data = packet(30);
    let packet = lent(1, &data);
    let mut decoder = Decoder::new();
    let count = 1_000_000;
    let took = best(|| {
        for _ in 0..count {
            black_box(decoder.decode(black_box(&packet)));
        }
        count
    });
    println!(
        "{:44} {:7.1} ns/packet",
        "decode alone",
        took.as_nanos() as f64 / count as f64
    );
}

fn show(what: &str, file: &[u8], count: usize, run: impl FnMut() -> usize) {
    let took = best(run);
    let nanos = took.as_nanos() as f64;
    println!(
        "{what:44} {:7.1} ns/packet {:7.2} GB/s",
        nanos / count as f64,
        file.len() as f64 / nanos
    );
}

fn best(mut run: impl FnMut() -> usize) -> Duration {
    (0..5)
        .map(|_| {
            let start = Instant::now();
            black_box(run());
            start.elapsed()
        })
        .min()
        .unwrap_or_default()
}

fn read(file: &Arc<[u8]>) -> usize {
    let mut capture = Capture::from_reader("bench", Cursor::new(Arc::clone(file)));
    let mut bytes = 0;
    while let Some(packet) = capture.next().unwrap() {
        bytes += packet.data.len();
    }
    bytes
}

fn decode(file: &Arc<[u8]>) -> usize {
    let mut capture = Capture::from_reader("bench", Cursor::new(Arc::clone(file)));
    let mut decoder = Decoder::new();
    let mut bytes = 0;
    while let Some(packet) = capture.next().unwrap() {
        if let Decoded::Tcp(segment) = decoder.decode(&packet) {
            bytes += segment.payload.len();
        }
    }
    bytes
}

/// Ethernet, IPv4, TCP with timestamps, and so many bytes.
fn packet(payload: usize) -> Vec<u8> {
    let [high, low] = (20 + 32 + payload as u16).to_be_bytes();
    let mut data = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
    data.extend([0x45, 0, high, low, 0, 0, 0x40, 0, 64, 6, 0, 0]);
    data.extend([10, 0, 0, 1, 10, 0, 0, 2]);
    data.extend([
        0x04, 1, 0, 80, 0, 0, 0, 7, 0, 0, 0, 9, 0x80, 0x18, 0x20, 0, 0, 0, 0, 0,
    ]);
    data.extend([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
    data.resize(data.len() + payload, b'x');
    data
}

fn lent(no: usize, data: &[u8]) -> Packet<'_> {
    Packet {
        no: PacketNo::new(no as u64).unwrap_or(PacketNo::FIRST),
        time: Timestamp(1_700_000_000_000_000_000 + no as i64 * 1000),
        link: Link::ETHERNET,
        orig_len: data.len() as u32,
        data,
    }
}

fn pcap(data: &[u8], count: usize) -> Vec<u8> {
    let (order, resolution) = (ByteOrder::Little, Resolution::Nanos);
    let mut writer = PcapWriter::new(Vec::new(), Link::ETHERNET, order, resolution).unwrap();
    for no in 1..=count {
        writer.packet(&lent(no, data)).unwrap();
    }
    writer.finish().unwrap()
}

fn pcapng(data: &[u8], count: usize) -> Vec<u8> {
    let mut writer = PcapngWriter::new(Vec::new()).unwrap();
    for no in 1..=count {
        writer.packet(&lent(no, data)).unwrap();
    }
    writer.finish().unwrap()
}
