use super::{TCP, ipv4_over, ipv6_over, join, packet};
use crate::decode::{Decoded, Decoder, Proto};
use crate::model::{Link, Packet, Timestamp};
use proptest::prelude::*;

/// A payload of IPv4 in pieces of so many bytes, as packets; `id` tells packets apart.
pub(super) fn pieces(id: u8, payload: &[u8], size: usize) -> Vec<Vec<u8>> {
    let count = payload.len().div_ceil(size);
    (0..count)
        .map(|index| {
            let at = index * size;
            let bytes = &payload[at..payload.len().min(at + size)];
            let mut packet = ipv4_over(6, bytes);
            packet[5] = id;
            let more = if index + 1 < count { 0x2000 } else { 0 };
            let place = (at / 8) as u16 | more;
            packet[6..8].copy_from_slice(&place.to_be_bytes());
            packet
        })
        .collect()
}

pub(super) fn pieces6(payload: &[u8], size: usize) -> Vec<Vec<u8>> {
    let count = payload.len().div_ceil(size);
    (0..count)
        .map(|index| {
            let at = index * size;
            let bytes = &payload[at..payload.len().min(at + size)];
            let [high, low] = (at as u16 | u16::from(index + 1 < count)).to_be_bytes();
            ipv6_over(44, &join(&[&[6, 0, high, low, 0, 0, 0, 1], bytes]))
        })
        .collect()
}

/// Feeds packets and returns the payload of the first segment.
fn feed(decoder: &mut Decoder, packets: &[Vec<u8>]) -> Option<Vec<u8>> {
    packets
        .iter()
        .find_map(|data| match decoder.decode(&packet(Link::RAW, data)) {
            Decoded::Tcp(segment) => {
                assert_eq!(segment.payload_at, None);
                Some(segment.payload.to_vec())
            }
            Decoded::Other(Proto::Fragment) => None,
            Decoded::Other(other) => panic!("{other:?}"),
        })
}

#[test]
fn a_fragment_inside_a_fragmented_tunnel_makes_a_segment() {
    let inner = pieces(1, TCP, 16);
    let outer: Vec<Vec<u8>> = inner
        .iter()
        .zip(7..)
        .flat_map(|(packet, id)| {
            let mut outer = pieces(id, packet, 16);
            for packet in &mut outer {
                packet[9] = 4; // IPv4 in IPv4
            }
            outer
        })
        .collect();
    let mut decoder = Decoder::new();
    assert_eq!(feed(&mut decoder, &outer).as_deref(), Some(&b"hello"[..]));
    assert_eq!((decoder.waiting(), decoder.given_up()), (0, 0));
}

#[test]
fn fragments_that_contradict_each_other_are_given_up() {
    let packets = pieces(1, TCP, 16);
    let mut changed = packets[0].clone();
    changed[30] ^= 1;
    let mut decoder = Decoder::new();
    assert_eq!(feed(&mut decoder, &packets[..1]), None);
    let again = decoder.decode(&packet(Link::RAW, &changed));
    assert!(matches!(again, Decoded::Other(Proto::Malformed(_))));
    assert_eq!((decoder.waiting(), decoder.given_up()), (0, 1));
    // The same bytes twice do no harm.
    let twice = [packets[0].clone(), packets[0].clone(), packets[1].clone()];
    assert_eq!(feed(&mut decoder, &twice).as_deref(), Some(&b"hello"[..]));
}

#[test]
fn fragments_wait_for_thirty_seconds_of_packet_time() {
    let packets = pieces(1, TCP, 16);
    for (nanos, comes) in [(30_000_000_000, true), (30_000_000_001, false)] {
        let mut decoder = Decoder::new();
        assert_eq!(feed(&mut decoder, &packets[..1]), None);
        let late = Packet {
            time: Timestamp(nanos),
            ..packet(Link::RAW, &packets[1])
        };
        let decoded = decoder.decode(&late);
        assert_eq!(matches!(decoded, Decoded::Tcp(_)), comes);
        assert_eq!(decoder.given_up(), u64::from(!comes));
    }
}

#[test]
fn a_flood_of_fragments_is_bounded() {
    let mut decoder = Decoder::new();
    for id in 0..3000_u32 {
        let mut data = pieces(0, &[7; 64_000], 32_000).swap_remove(1);
        data[4..6].copy_from_slice(&(id as u16).to_be_bytes());
        let _ = decoder.decode(&packet(Link::RAW, &data));
    }
    // 16 MiB, each 64,000 bytes because its beginning is missing.
    assert_eq!(decoder.waiting(), (16 << 20) / 64_000);
    assert_eq!(decoder.given_up(), 3000 - decoder.waiting() as u64);
}

proptest! {
    #[test]
    fn fragments_in_any_order_make_the_segment(
        payload in prop::collection::vec(any::<u8>(), 1..400),
        size in (1..8_usize).prop_map(|units| units * 8),
        six in any::<bool>(),
        seed in any::<[u8; 16]>(),
    ) {
        let whole = join(&[&TCP[..20], &payload]);
        let mut packets = if six { pieces6(&whole, size) } else { pieces(1, &whole, size) };
        prop_assume!(packets.len() > 1);
        for (at, with) in seed.iter().enumerate() {
            let len = packets.len();
            packets.swap(at % len, usize::from(*with) % len);
        }
        let mut decoder = Decoder::new();
        prop_assert_eq!(feed(&mut decoder, &packets), Some(payload));
        prop_assert_eq!(decoder.waiting(), 0);
    }
}
