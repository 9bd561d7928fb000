//! Much traffic: what was said is what is counted, and nothing else.

use wscope::engine::Engine;
use wscope::forge::{Mix, Traffic};
use wscope::model::{Config, PacketNo, Sink};
use wscope::sink::{Format, Stats};

/// The totals of such traffic, as the program tells them.
fn totals(traffic: &mut Traffic) -> serde_json::Value {
    let mut out = Vec::new();
    let format = Format {
        json: true,
        totals_only: true,
        checksum: true,
    };
    let mut stats = Stats::new(&mut out, format);
    let mut engine = Engine::new(Config::default(), stats.want());
    let mut no = PacketNo::FIRST;
    for packet in traffic {
        engine.packet(packet.numbered(no), &mut stats).unwrap();
        no = no.next();
    }
    engine.finish(&mut stats).unwrap();
    stats.finish(engine.counts()).unwrap();
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn every_mix_adds_up() {
    for mix in Mix::ALL {
        let size = if mix == Mix::Bulk { 8_000_000 } else { 400_000 };
        let mut traffic = Traffic::new(mix, 7, size);
        let said = totals(&mut traffic);
        let sums = traffic.sums();
        assert_eq!(said["packets"], sums.packets, "{mix:?}");
        let messages = said["messages"].as_u64().unwrap();
        if mix == Mix::Holes {
            // Each stream misses a segment: what was in it is not there, and nothing is invented.
            assert!(
                0 < messages && messages < sums.messages,
                "{messages} of {sums:?}"
            );
            continue;
        }
        assert_eq!(messages, sums.messages, "{mix:?}");
        assert_eq!(messages > 0, mix != Mix::HalfOpen, "{mix:?}");
        assert_eq!(said["payload_bytes"], sums.payload_bytes, "{mix:?}");
        let hash = format!("{:016x}", sums.xxh64);
        assert_eq!(said["xxh64_sum"], hash.as_str(), "{mix:?}");
    }
}

#[test]
fn the_same_seed_makes_the_same_packets() {
    let packets = |seed| Traffic::new(Mix::Lossy, seed, 100_000).collect::<Vec<_>>();
    assert!(packets(1) == packets(1));
    assert!(packets(1) != packets(2));
    let times = packets(3);
    assert!(times.windows(2).all(|pair| pair[0].time <= pair[1].time));
}
