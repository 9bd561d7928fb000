//! What a network card was left to do, as a capture on its host shows it: segments larger than any on
//! the wire, lengths and checksums that are not filled in.
//!
//! None of it is a fault of anyone. It matters because sizes, packets and times of such a capture are
//! the host's, and not those of the wire.

use crate::model::{Segment, Unfilled};
use std::net::IpAddr;

/// Looks at the checksum of a segment; none where it cannot be computed: of a packet that was cut.
/// RFC 9293 section 3.1
#[must_use]
pub fn checksum(segment: &Segment<'_>) -> Option<Unfilled> {
    let head = segment.head;
    if segment.cut > 0 || head.is_empty() {
        return None;
    }
    let len = head.len() as u64 + segment.payload.len() as u64;
    let pseudo = words(&ip(segment.src.ip))
        .wrapping_add(words(&ip(segment.dst.ip)))
        .wrapping_add(6)
        .wrapping_add(fold(len).into());
    // Its own field counts too: the sum of all is 0xffff where it is right.
    let all = pseudo
        .wrapping_add(words(head))
        .wrapping_add(words(segment.payload));
    let field = head.get(16..18)?.first_chunk().copied()?;
    let field = u16::from_be_bytes(field);
    Some(if fold(all) == u16::MAX {
        Unfilled::No
    } else if field == fold(pseudo) {
        Unfilled::Yes
    } else {
        Unfilled::Unclear
    })
}

fn ip(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// The sum of 16-bit words; an odd byte at the end is the upper half of one.   RFC 1071
fn words(bytes: &[u8]) -> u64 {
    let (pairs, odd) = bytes.as_chunks();
    let sum: u64 = pairs
        .iter()
        .map(|&pair| u64::from(u16::from_be_bytes(pair)))
        .sum();
    odd.first().map_or(sum, |&odd| sum + (u64::from(odd) << 8))
}

/// Carries around until it fits.
fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Endpoint, Flags, Options};

    /// A SYN as a packet of Linux had it on its way out, with this checksum.
    fn look(checksum: u16, payload: &[u8], cut: u32) -> Option<Unfilled> {
        let mut head = [
            0x30, 0x39, 0x00, 0x50, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0x20, 0, 0, 0, 0, 0,
        ];
        head[16..18].copy_from_slice(&checksum.to_be_bytes());
        let end = |ip: [u8; 4], port| Endpoint {
            ip: ip.into(),
            port,
        };
        super::checksum(&Segment {
            src: end([192, 168, 0, 1], 12345),
            dst: end([192, 168, 0, 2], 80),
            seq: 1,
            ack: 0,
            flags: Flags(Flags::SYN),
            window: 8192,
            options: Options::default(),
            header: 20,
            head: &head,
            ttl: 64,
            ip_id: None,
            payload,
            cut,
            payload_at: None,
            sized: true,
        })
    }

    #[test]
    fn right_left_out_and_unclear_checksums_are_told_apart() {
        // c0a8 + 0001 + c0a8 + 0002 + 0006 + 0014 is 1_816d: 816e.
        assert_eq!(look(0x816e, b"", 0), Some(Unfilled::Yes));
        // 816e + 3039 + 0050 + 0001 + 5002 + 2000 is 1_21fa: 21fb, and its complement is de04.
        assert_eq!(look(0xde04, b"", 0), Some(Unfilled::No));
        assert_eq!(look(0xde05, b"", 0), Some(Unfilled::Unclear));
        assert_eq!(look(0, b"", 0), Some(Unfilled::Unclear));
        // Three bytes more: the length by 3, 0x4142 and 0x4300.
        assert_eq!(look(0x8171, b"ABC", 0), Some(Unfilled::Yes));
        assert_eq!(look(0x59bf, b"ABC", 0), Some(Unfilled::No));
        assert_eq!(look(0x816e, b"", 9), None, "the capture has not all of it");
    }
}
