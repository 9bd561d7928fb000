//! TCP segments made by hand, as packets of raw IP.

use std::io::Write;
use wscope::model::{Link, Packet, PacketNo, Timestamp};
use wscope::source::PcapWriter;

/// One segment to be written.
#[derive(Clone, Copy)]
pub struct Wire {
    seq: u32,
    len: u32,
    ack: u32,
    flags: u8,
    window: u16,
    id: u16,
}

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const ACK: u8 = 16;

impl Wire {
    pub fn new(seq: u32, len: u32, ack: u32) -> Self {
        Self {
            seq,
            len,
            ack,
            flags: ACK,
            window: 500,
            id: 0,
        }
    }

    pub fn with(self, flags: u8) -> Self {
        Self { flags, ..self }
    }

    pub fn window(self, window: u16) -> Self {
        Self { window, ..self }
    }

    /// With this IP identification.
    pub fn id(self, id: u16) -> Self {
        Self { id, ..self }
    }
}

/// Writes segments as packets of raw IP.
pub struct Maker<W: Write> {
    no: PacketNo,
    pub now: i64,
    pub port: u16,
    pub out: PcapWriter<W>,
}

impl<W: Write> Maker<W> {
    pub fn new(out: PcapWriter<W>) -> Self {
        Self {
            no: PacketNo::FIRST,
            now: 1_700_000_000_000_000_000,
            port: 20_000,
            out,
        }
    }

    pub fn write(&mut self, side: usize, wire: Wire) {
        let options: &[u8] = match wire.flags & SYN {
            0 => &[],
            _ => &[1, 3, 3, 0, 2, 4, 0x05, 0xb4],
        };
        let header = 20 + options.len();
        let total = 20 + header + wire.len as usize;
        let ends = [(1u8, self.port), (2, 80)];
        let (src, dst) = (ends[side], ends[1 - side]);
        let mut data = vec![0x45, 0];
        data.extend((total as u16).to_be_bytes());
        data.extend(wire.id.to_be_bytes());
        data.extend([0x40, 0, 64, 6, 0, 0]);
        data.extend([10, 0, 0, src.0, 10, 0, 0, dst.0]);
        data.extend(src.1.to_be_bytes());
        data.extend(dst.1.to_be_bytes());
        data.extend(wire.seq.to_be_bytes());
        data.extend(wire.ack.to_be_bytes());
        data.extend([(header as u8 / 4) << 4, wire.flags]);
        data.extend(wire.window.to_be_bytes());
        data.extend([0, 0, 0, 0]);
        data.extend(options);
        data.resize(total, b'x');
        let packet = Packet {
            no: self.no,
            time: Timestamp(self.now),
            link: Link::RAW,
            orig_len: total as u32,
            data: &data,
        };
        self.out.packet(&packet).unwrap();
        self.no = self.no.next();
    }
}
