use super::{Owned, read_bytes};
use crate::model::Link;
use crate::source::{ByteOrder, PcapWriter, PcapngWriter, Resolution};
use crate::{Error, Fault};
use proptest::prelude::*;

proptest! {
    #[test]
    fn what_is_written_reads_back(packets in any_packets(), form in any_form()) {
        let (file, _) = form.write(&packets);
        let (read, error) = read_bytes(file);
        prop_assert!(error.is_none(), "{:?}", error);
        prop_assert_eq!(read, form.expected(&packets));
    }

    #[test]
    fn a_file_cut_anywhere_gives_the_packets_before_the_cut(
        packets in any_packets(),
        form in any_form(),
        at in any::<prop::sample::Index>(),
    ) {
        let (file, ends) = form.write(&packets);
        let cut = at.index(file.len());
        let (read, error) = read_bytes(&file[..cut]);
        let whole = ends.iter().filter(|end| end.packet.is_some() && end.at <= cut).count();
        prop_assert_eq!(&read, &form.expected(&packets)[..whole]);
        let between = ends.iter().any(|end| end.at == cut);
        let start = ends.iter().map(|end| end.at).filter(|&end| end <= cut).max().unwrap_or(0);
        match error {
            None => prop_assert!(between, "no error at {cut}"),
            Some(Error::Capture { at, packets, fault, .. }) => {
                prop_assert!(!between);
                prop_assert_eq!((at, packets), (start as u64, whole as u64));
                let tells = match fault {
                    Fault::Truncated { have, need, .. } => have == (cut - start) as u64 && need > have,
                    Fault::Empty => cut == 0,
                    Fault::NotACapture(_) => cut < 4,
                    _ => false,
                };
                prop_assert!(tells, "{fault:?}");
            }
            Some(other) => prop_assert!(false, "{other}"),
        }
    }

    #[test]
    fn random_bytes_never_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..400),
        magic in prop::sample::select(vec![
            &[][..],
            &[0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a],
            &[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0],
            &[0xa1, 0xb2, 0x3c, 0x4d, 0, 2, 0, 4],
            &[0x1f, 0x8b, 8, 0],
            &[0x28, 0xb5, 0x2f, 0xfd],
        ]),
    ) {
        bytes.splice(..magic.len().min(bytes.len()), magic.iter().copied());
        let _ = read_bytes(bytes);
    }

    #[test]
    fn changed_bytes_never_panic(
        packets in any_packets(),
        form in any_form(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let (mut file, _) = form.write(&packets);
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let (read, _) = read_bytes(file);
        prop_assert!(read.len() < 100);
    }
}

/// One way to write a capture.
#[derive(Clone, Copy, Debug)]
struct Form {
    pcapng: bool,
    order: ByteOrder,
    resolution: Resolution,
}

/// Where a block ends.
struct BlockEnd {
    at: usize,
    packet: Option<()>,
}

impl Form {
    /// The file and the ends of its blocks. Pcap holds one link type only.
    fn write(self, packets: &[Owned]) -> (Vec<u8>, Vec<BlockEnd>) {
        let packets = self.expected(packets);
        let mut file = Vec::new();
        let mut ends = Vec::new();
        if self.pcapng {
            let mut writer =
                PcapngWriter::with(&mut file, self.order, self.resolution, None).unwrap();
            for packet in &packets {
                writer.packet(&packet.lend()).unwrap();
            }
            writer.finish().unwrap();
            // Blocks say their length: walk over them.
            let mut at = 0;
            while at < file.len() {
                let word = |at: usize| {
                    let bytes = file[at..at + 4].try_into().unwrap();
                    match self.order {
                        ByteOrder::Little => u32::from_le_bytes(bytes),
                        ByteOrder::Big => u32::from_be_bytes(bytes),
                    }
                };
                let packet = (word(at) == 6).then_some(());
                at += word(at + 4) as usize;
                ends.push(BlockEnd { at, packet });
            }
        } else {
            let link = Link::ETHERNET;
            let mut writer = PcapWriter::new(&mut file, link, self.order, self.resolution).unwrap();
            for packet in &packets {
                writer.packet(&packet.lend()).unwrap();
            }
            writer.finish().unwrap();
            let mut at = 24;
            ends.push(BlockEnd { at, packet: None });
            for packet in &packets {
                at += 16 + packet.data.len();
                ends.push(BlockEnd {
                    at,
                    packet: Some(()),
                });
            }
        }
        (file, ends)
    }

    fn expected(self, packets: &[Owned]) -> Vec<Owned> {
        let unit = self.resolution.nanos();
        let mut packets = packets.to_vec();
        for packet in &mut packets {
            packet.time = packet.time / unit * unit;
            if !self.pcapng {
                packet.link = Link::ETHERNET;
            }
        }
        packets
    }
}

fn any_form() -> impl Strategy<Value = Form> {
    (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(pcapng, big, micros)| Form {
        pcapng,
        order: if big {
            ByteOrder::Big
        } else {
            ByteOrder::Little
        },
        resolution: if micros {
            Resolution::Micros
        } else {
            Resolution::Nanos
        },
    })
}

fn any_packets() -> impl Strategy<Value = Vec<Owned>> {
    let link = prop::sample::select(vec![Link::ETHERNET, Link::RAW, Link::LINUX_SLL2]);
    let data = prop::collection::vec(any::<u8>(), 0..70);
    let time = 0..4_294_967_296_000_000_000_i64;
    let packet = (time, link, data, 0..100_u32);
    prop::collection::vec(packet, 0..8).prop_map(|packets| {
        packets
            .into_iter()
            .zip(1..)
            .map(|((time, link, data, more), no)| Owned {
                no,
                time,
                link,
                orig_len: data.len() as u32 + more,
                data,
            })
            .collect()
    })
}
