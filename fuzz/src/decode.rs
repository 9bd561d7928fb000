//! Any bytes as packets, several for one decoder: segments or something else, and never a panic.
//!
//! ```text
//!  link (1)   cut (1)   length (1)   data …   and again
//! ```

use wscope::decode::{Decoded, Decoder, anatomy};
use wscope::model::{Link, Packet, PacketNo, Timestamp};

const LINKS: [u16; 10] = [1, 0, 12, 14, 101, 108, 113, 228, 229, 276];

/// Decodes the bytes as packets.
pub fn run(bytes: &[u8]) {
    let mut decoder = Decoder::new();
    let mut rest = bytes;
    let mut no = PacketNo::FIRST;
    while let Some((&[link, cut, len], after)) = rest.split_first_chunk() {
        let (data, after) = after.split_at(usize::from(len).min(after.len()));
        rest = after;
        let packet = Packet {
            no,
            time: Timestamp(no.get() as i64 * 1_000_000_000),
            link: Link(LINKS[usize::from(link) % LINKS.len()]),
            orig_len: data.len() as u32 + u32::from(cut),
            data,
        };
        no = no.next();
        for part in anatomy(packet.link, data) {
            assert!(part.range.start < part.range.end && part.range.end <= data.len() as u64);
        }
        if let Decoded::Tcp(segment) = decoder.decode(&packet) {
            assert!(segment.payload.len() <= 65_535);
            assert!(segment.options.sack_blocks <= 4);
            if let Some(at) = segment.payload_at {
                let at = at as usize;
                assert_eq!(&data[at..at + segment.payload.len()], segment.payload);
            }
        }
    }
    assert!(decoder.waiting() <= 1024);
}
