//! The floor: walks every header of a pcap file, keeps the flows, unmasks and sums the frames that
//! lie whole in a segment, checks nothing.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Reads the file in blocks and prints what it summed up.
pub fn run(file: &Path) -> anyhow::Result<()> {
    let mut file = File::open(file)?;
    let mut block = vec![0; 1 << 20];
    let (mut have, mut sums) = (0, Sums::default());
    let mut at = 24;
    loop {
        let read = file.read(&mut block[have..])?;
        if read == 0 {
            break;
        }
        have += read;
        while let Some(head) = block[at.min(have)..have].first_chunk::<16>() {
            let [.., a, b, c, d, _, _, _, _] = *head;
            let len = u32::from_le_bytes([a, b, c, d]) as usize;
            let Some(packet) = block[..have].get(at + 16..at + 16 + len) else {
                break;
            };
            sums.packet(packet);
            at += 16 + len;
        }
        block.copy_within(at.min(have)..have, 0);
        have -= at.min(have);
        at = 0;
    }
    println!("{sums:?}");
    Ok(())
}

#[derive(Debug, Default)]
struct Sums {
    flows: HashMap<[u8; 12], Flow, foldhash::fast::FixedState>,
    frames: u64,
    sum: u64,
}

#[derive(Debug, Default)]
struct Flow {
    next: u32,
    bytes: u64,
}

impl Sums {
    /// Ethernet, IPv4, TCP, and a frame.
    fn packet(&mut self, packet: &[u8]) {
        let Some(ip) = packet.get(14..) else { return };
        let header = usize::from(ip[0] & 15) * 4;
        let total = usize::from(u16::from_be_bytes([ip[2], ip[3]]));
        let Some(tcp) = ip.get(header..total) else {
            return;
        };
        let Some(payload) = tcp.get(usize::from(tcp[12] >> 4) * 4..) else {
            return;
        };
        let mut key = [0; 12];
        key[..8].copy_from_slice(&ip[12..20]);
        key[8..].copy_from_slice(&tcp[..4]);
        let flow = self.flows.entry(key).or_default();
        let seq = u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]);
        flow.next = seq.wrapping_add(payload.len() as u32);
        flow.bytes += payload.len() as u64;
        let mut rest = payload;
        while let [first, second, more @ ..] = rest
            && matches!(first, 0x80..=0x8a)
        {
            let (masked, len) = (second & 0x80 != 0, usize::from(second & 0x7f));
            let (len, more) = match (len, more) {
                (126, [a, b, more @ ..]) => (usize::from(u16::from_be_bytes([*a, *b])), more),
                (126.., _) => return,
                (len, more) => (len, more),
            };
            let (key, more) = match (masked, more) {
                (true, [a, b, c, d, more @ ..]) => ([*a, *b, *c, *d], more),
                (true, _) => return,
                (false, more) => ([0; 4], more),
            };
            let Some(bytes) = more.get(..len) else { return };
            self.frames += 1;
            let sum = bytes.iter().zip(key.iter().cycle());
            self.sum += sum.map(|(byte, key)| u64::from(byte ^ key)).sum::<u64>();
            rest = &more[len..];
        }
    }
}
