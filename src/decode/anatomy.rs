//! The headers of one packet, field by field: what a reader can point at.

use super::{Next, ip, link, tunnel};
use crate::model::{Flags, Link};
use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice, TcpHeaderSlice};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// A field of a packet's headers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// Wireshark's name for it.
    pub name: &'static str,
    /// What it says.
    pub value: String,
    /// Its bytes in the packet.
    pub range: Range<u64>,
}

/// The fields of a packet's headers from the outside in, as far as they can be read. What lies in
/// fragments is not put together here.
#[must_use]
pub fn anatomy(link: Link, packet: &[u8]) -> Vec<Part> {
    let mut parts = Parts {
        packet,
        parts: Vec::new(),
    };
    let mut next = link::start(link, packet);
    if let Next::Ether(_, rest) | Next::Ip(rest) = &next {
        let name = match link {
            Link::LINUX_SLL | Link::LINUX_SLL2 => "sll",
            _ => "null",
        };
        parts.whole(
            name,
            0,
            rest,
            "what the capturing system put in front".into(),
        );
    }
    // Tunnels may be nested: as deep as the decoder goes.
    for _ in 0..4 * super::DEPTH {
        next = match next {
            Next::Ethernet(bytes) => {
                parts.ethernet(bytes);
                link::ethernet(bytes)
            }
            Next::Ether(kind, bytes) => {
                let from = parts.place(bytes);
                let next = link::ether(kind, bytes);
                if let Next::Ether(_, rest) | Next::Ip(rest) | Next::Ethernet(rest) = &next {
                    parts.tag(kind, from, bytes, rest);
                }
                next
            }
            Next::Ip(bytes) => {
                let inner = match bytes.first().map(|first| first >> 4) {
                    Some(4) => {
                        parts.v4(bytes);
                        ip::v4(bytes, 0)
                    }
                    Some(6) => {
                        parts.v6(bytes);
                        ip::v6(bytes, 0)
                    }
                    _ => break,
                };
                match inner {
                    Ok(inner) => Next::Inner(inner),
                    Err(next) => next,
                }
            }
            Next::Inner(inner) if inner.carried.number == ip::TCP => {
                parts.tcp(inner.bytes);
                break;
            }
            Next::Inner(inner) => {
                let from = parts.place(inner.bytes);
                let next = tunnel::inner(inner.carried.number, inner.bytes);
                if let Next::Ether(_, rest) | Next::Ip(rest) | Next::Ethernet(rest) = &next
                    && parts.place(rest) > from
                {
                    let value = format!("of protocol {}", inner.carried.number);
                    parts.whole("tunnel", from, rest, value);
                }
                next
            }
            Next::Piece(_) | Next::Done(_) => break,
        };
    }
    parts.parts
}

struct Parts<'a> {
    packet: &'a [u8],
    parts: Vec<Part>,
}

impl Parts<'_> {
    /// Where bytes of the packet begin in it.
    fn place(&self, bytes: &[u8]) -> u64 {
        let from = bytes.as_ptr().addr();
        from.wrapping_sub(self.packet.as_ptr().addr()) as u64
    }

    fn put(&mut self, name: &'static str, range: Range<u64>, value: impl Into<String>) {
        // A header may be longer than what was captured of it.
        if range.start < range.end && range.end <= self.packet.len() as u64 {
            self.parts.push(Part {
                name,
                value: value.into(),
                range,
            });
        }
    }

    /// One part for everything up to `rest`.
    fn whole(&mut self, name: &'static str, from: u64, rest: &[u8], value: String) {
        let to = self.place(rest);
        self.put(name, from..to, value);
    }

    fn ethernet(&mut self, bytes: &[u8]) {
        let at = self.place(bytes);
        let part = |from, to| bytes.get(from..to).unwrap_or_default();
        self.put("eth.dst", at..at + 6, mac(part(0, 6)));
        self.put("eth.src", at + 6..at + 12, mac(part(6, 12)));
        self.put("eth.type", at + 12..at + 14, hex(part(12, 14)));
    }

    fn tag(&mut self, kind: u16, from: u64, bytes: &[u8], rest: &[u8]) {
        match (kind, bytes) {
            (0x8100 | 0x88a8 | 0x9100 | 0x9200, [high, low, kind @ ..]) => {
                let tag = u16::from_be_bytes([*high, *low]);
                let value = format!("{}, priority {}", tag & 0xfff, tag >> 13);
                self.put("vlan.id", from..from + 2, value);
                if let Some(kind) = kind.get(..2) {
                    self.put("vlan.etype", from + 2..from + 4, hex(kind));
                }
            }
            (0x8864, _) => self.whole("pppoe", from, rest, "session".into()),
            (0x8847 | 0x8848, _) => self.whole("mpls", from, rest, "labels".into()),
            _ => self.whole("llc", from, rest, "SNAP".into()),
        }
    }

    fn v4(&mut self, bytes: &[u8]) {
        let Ok(ip) = Ipv4HeaderSlice::from_slice(bytes) else {
            return;
        };
        let at = self.place(bytes);
        let len = ip.slice().len() as u64;
        self.put("ip.hdr_len", at..at + 1, format!("{len} bytes, version 4"));
        self.put(
            "ip.dsfield",
            at + 1..at + 2,
            format!("DSCP {}, ECN {}", ip.dcp().value(), ip.ecn().value()),
        );
        self.put("ip.len", at + 2..at + 4, ip.total_len().to_string());
        self.put(
            "ip.id",
            at + 4..at + 6,
            format!("{:#06x}", ip.identification()),
        );
        let mut flags = String::new();
        for (set, word) in [
            (ip.dont_fragment(), "don't fragment, "),
            (ip.more_fragments(), "more fragments, "),
        ] {
            flags.push_str(if set { word } else { "" });
        }
        // Writing into a string does not fail.
        let _ = write!(flags, "offset {}", ip.fragments_offset().byte_offset());
        self.put("ip.flags", at + 6..at + 8, flags);
        self.put("ip.ttl", at + 8..at + 9, ip.ttl().to_string());
        self.put("ip.proto", at + 9..at + 10, ip.protocol().0.to_string());
        let sum = format!("{:#06x}, not checked", ip.header_checksum());
        self.put("ip.checksum", at + 10..at + 12, sum);
        let address = |bytes: [u8; 4]| Ipv4Addr::from(bytes).to_string();
        self.put("ip.src", at + 12..at + 16, address(ip.source()));
        self.put("ip.dst", at + 16..at + 20, address(ip.destination()));
        self.put("ip.options", at + 20..at + len, hex(ip.options()));
    }

    fn v6(&mut self, bytes: &[u8]) {
        let Ok(ip) = Ipv6HeaderSlice::from_slice(bytes) else {
            return;
        };
        let at = self.place(bytes);
        let class = format!("class {}, version 6", ip.traffic_class());
        self.put("ipv6.tclass", at..at + 2, class);
        let flow = format!("{:#07x}", ip.flow_label().value());
        self.put("ipv6.flow", at + 1..at + 4, flow);
        self.put("ipv6.plen", at + 4..at + 6, ip.payload_length().to_string());
        self.put("ipv6.nxt", at + 6..at + 7, ip.next_header().0.to_string());
        self.put("ipv6.hlim", at + 7..at + 8, ip.hop_limit().to_string());
        let address = |bytes: [u8; 16]| Ipv6Addr::from(bytes).to_string();
        self.put("ipv6.src", at + 8..at + 24, address(ip.source()));
        self.put("ipv6.dst", at + 24..at + 40, address(ip.destination()));
    }

    fn tcp(&mut self, bytes: &[u8]) {
        let at = self.place(bytes);
        // Of a header whose end was not captured, the front is still worth pointing at.
        let mut padded = [0; 60];
        let given = bytes.get(..bytes.len().min(60)).unwrap_or_default();
        if let Some(front) = padded.get_mut(..given.len()) {
            front.copy_from_slice(given);
        }
        let Ok(tcp) = TcpHeaderSlice::from_slice(&padded) else {
            return;
        };
        let len = tcp.slice().len() as u64;
        self.put("tcp.srcport", at..at + 2, tcp.source_port().to_string());
        self.put(
            "tcp.dstport",
            at + 2..at + 4,
            tcp.destination_port().to_string(),
        );
        self.put(
            "tcp.seq_raw",
            at + 4..at + 8,
            tcp.sequence_number().to_string(),
        );
        let ack = tcp.acknowledgment_number();
        let ack = if tcp.ack() {
            ack.to_string()
        } else {
            format!("{ack}, says nothing without ACK")
        };
        self.put("tcp.ack_raw", at + 8..at + 12, ack);
        self.put("tcp.hdr_len", at + 12..at + 13, format!("{len} bytes"));
        let flags = Flags(padded.get(13).copied().unwrap_or_default());
        self.put("tcp.flags", at + 13..at + 14, words(flags));
        let window = format!("{}, before it is scaled", tcp.window_size());
        self.put("tcp.window_size_value", at + 14..at + 16, window);
        let sum = format!("{:#06x}, not checked", tcp.checksum());
        self.put("tcp.checksum", at + 16..at + 18, sum);
        self.put(
            "tcp.urgent_pointer",
            at + 18..at + 20,
            tcp.urgent_pointer().to_string(),
        );
        self.options(at + 20, tcp.options());
        let carried = (bytes.len() as u64).saturating_sub(len);
        let payload = at + len..at + len + carried;
        self.put("tcp.payload", payload, format!("{carried} bytes"));
    }

    /// RFC 9293 section 3.1; RFC 7323; RFC 2018
    fn options(&mut self, mut at: u64, mut bytes: &[u8]) {
        while let Some((&kind, rest)) = bytes.split_first() {
            let len = match kind {
                0 => bytes.len(),
                1 => 1,
                _ => rest.first().map_or(0, |&len| usize::from(len)),
            };
            let (Some(option), Some(rest)) = (bytes.get(..len.max(1)), bytes.get(len.max(1)..))
            else {
                break;
            };
            let word = |at: usize| {
                let word = option.get(at..).and_then(<[u8]>::first_chunk::<4>);
                u32::from_be_bytes(*word.unwrap_or(&[0; 4]))
            };
            let (name, value) = match *option {
                [0, ..] => ("tcp.options.eol", "the end of the options".into()),
                [1] => ("tcp.options.nop", "fills up".into()),
                [2, 4, a, b] => (
                    "tcp.options.mss_val",
                    u16::from_be_bytes([a, b]).to_string(),
                ),
                [3, 3, shift] => (
                    "tcp.options.wscale.shift",
                    format!("{shift}: windows count {} bytes", 1u64 << shift.min(14)),
                ),
                [4, 2] => ("tcp.options.sack_perm", "gaps may be named".into()),
                [5, _, ref blocks @ ..] => {
                    let blocks = (0..blocks.len() / 8)
                        .map(|nth| format!("{}–{}", word(2 + 8 * nth), word(6 + 8 * nth)));
                    ("tcp.options.sack", blocks.collect::<Vec<_>>().join(", "))
                }
                [8, 10, ..] => (
                    "tcp.options.timestamp",
                    format!("{}, echoes {}", word(2), word(6)),
                ),
                _ => ("tcp.option", hex(option)),
            };
            let end = at + option.len() as u64;
            self.put(name, at..end, value);
            (at, bytes) = (end, rest);
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn mac(bytes: &[u8]) -> String {
    let bytes: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(":")
}

fn words(flags: Flags) -> String {
    const NAMES: [&str; 8] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
    let set = (0..8).zip(NAMES).filter(|(bit, _)| flags.0 >> bit & 1 != 0);
    let set: Vec<_> = set.map(|(_, name)| name).collect();
    format!("{:08b} {}", flags.0, set.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Decoded, Decoder};
    use crate::model::Packet;
    use crate::source::Capture;
    use proptest::prelude::*;

    fn value<'a>(parts: &'a [Part], name: &str) -> Option<&'a str> {
        let part = parts.iter().rfind(|part| part.name == name);
        part.map(|part| part.value.as_str())
    }

    fn holds(link: Link, bytes: &[u8]) {
        for part in anatomy(link, bytes) {
            assert!(part.range.start < part.range.end, "{part:?}");
            assert!(part.range.end <= bytes.len() as u64, "{part:?}");
        }
    }

    #[test]
    fn it_says_of_every_recorded_packet_what_the_decoder_says() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
        let (mut seen, mut tunnels) = (0, 0);
        for name in [
            "tour.pcapng",
            "vlan.pcapng",
            "qinq.pcapng",
            "vxlan.pcapng",
            "gre.pcapng",
            "ipip.pcapng",
            "six-in-four.pcapng",
            "ipv6.pcap",
            "any-device.pcap",
            "any-device-v1.pcap",
            "raw-ip.pcapng",
        ] {
            let mut capture = Capture::open([folder.join(name)]).unwrap();
            let mut decoder = Decoder::default();
            while let Some(packet) = capture.next().unwrap() {
                let parts = anatomy(packet.link, packet.data);
                let Decoded::Tcp(segment) = decoder.decode(&packet) else {
                    continue;
                };
                let said = |name| value(&parts, name).unwrap_or_default().to_owned();
                assert_eq!(
                    said("tcp.seq_raw"),
                    segment.seq.to_string(),
                    "{name} {}",
                    packet.no
                );
                assert_eq!(said("tcp.srcport"), segment.src.port.to_string());
                let version = if segment.src.ip.is_ipv4() {
                    "ip.src"
                } else {
                    "ipv6.src"
                };
                assert_eq!(said(version), segment.src.ip.to_string());
                let payload = parts.iter().find(|part| part.name == "tcp.payload");
                let bytes = payload.map_or(0..0, |part| {
                    part.range.start as usize..part.range.end as usize
                });
                assert_eq!(&packet.data[bytes], segment.payload);
                tunnels += usize::from(
                    parts
                        .iter()
                        .filter(|part| part.name.ends_with(".src"))
                        .count()
                        > 3,
                );
                // No byte of the headers is without a name.
                let end = parts.iter().map(|part| part.range.end).max().unwrap();
                let named = |at: &u64| parts.iter().any(|part| part.range.contains(at));
                let unnamed: Vec<_> = (0..end).filter(|at| !named(at)).collect();
                assert!(
                    unnamed.is_empty(),
                    "{name} {}: {unnamed:?} {parts:#?}",
                    packet.no
                );
                seen += 1;
            }
        }
        assert!(seen > 250 && tunnels > 20, "{seen} {tunnels}");
    }

    #[test]
    fn the_options_of_a_syn() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/tour.pcapng");
        let mut capture = Capture::open([path]).unwrap();
        let Packet { link, data, .. } = capture.next().unwrap().unwrap();
        let parts = anatomy(link, data);
        let said = |name| value(&parts, name).unwrap();
        assert_eq!(said("tcp.flags"), "00000010 SYN");
        assert_eq!(said("tcp.options.mss_val"), "65495");
        assert_eq!(
            said("tcp.options.wscale.shift"),
            "10: windows count 1024 bytes"
        );
        assert_eq!(said("tcp.options.sack_perm"), "gaps may be named");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_bytes_are_named_that_are_not_there(
            link in prop::sample::select(vec![0, 1, 101, 113, 276, 9999]),
            mut bytes in prop::collection::vec(any::<u8>(), 0..200),
            like in any::<bool>(),
        ) {
            // Half of them look like IP over Ethernet.
            if let (true, Some(head)) = (like, bytes.get_mut(12..16)) {
                head.copy_from_slice(&[8, 0, 0x45, 0]);
            }
            holds(Link(link), &bytes);
        }
    }
}
