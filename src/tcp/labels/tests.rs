//! Each label on segments that trip it, and on segments that nearly do.

use super::*;
use crate::model::{Endpoint, Options};

const MS: i64 = 1_000_000;

/// A connection whose client's data begin at 1001, and whose server's at 5001.
struct Bench {
    labels: Labels,
    packet: PacketNo,
    now: i64,
}

/// A segment: who sends, where it begins, payload bytes, what it acknowledges.
#[derive(Clone, Copy)]
struct Wire(Dir, u32, usize, u32, u8, u16);

/// The client's.
fn up(seq: u32, len: usize, ack: u32) -> Wire {
    Wire(Dir::C2s, seq, len, ack, Flags::ACK, 500)
}

/// The server's.
fn down(seq: u32, len: usize, ack: u32) -> Wire {
    Wire(Dir::S2c, seq, len, ack, Flags::ACK, 500)
}

impl Wire {
    fn with(self, flags: u8) -> Self {
        Self(self.0, self.1, self.2, self.3, flags, self.5)
    }

    fn window(self, window: u16) -> Self {
        Self(self.0, self.1, self.2, self.3, self.4, window)
    }
}

impl Bench {
    /// After a handshake that took 10 ms.
    fn open() -> Self {
        let mut bench = Self {
            labels: Labels::default(),
            packet: PacketNo::FIRST,
            now: 0,
        };
        assert_eq!(bench.after(0, up(1000, 0, 0).with(Flags::SYN)), "");
        let answer = down(5000, 0, 1001).with(Flags::SYN | Flags::ACK);
        assert_eq!(bench.after(5 * MS, answer), "");
        assert_eq!(bench.after(5 * MS, up(1001, 0, 5001)), "");
        bench
    }

    /// The labels of a segment that comes 1 ms after the one before.
    fn see(&mut self, wire: Wire) -> String {
        self.after(MS, wire)
    }

    fn after(&mut self, nanos: i64, wire: Wire) -> String {
        let words: Vec<_> = self.look(nanos, wire).labels.words().collect();
        words.join(" ")
    }

    fn look(&mut self, nanos: i64, Wire(dir, seq, len, ack, flags, window): Wire) -> Look {
        self.now += nanos;
        let end = |port| Endpoint {
            ip: [10, 0, 0, 1].into(),
            port,
        };
        let segment = Segment {
            src: end(1),
            dst: end(2),
            seq,
            ack,
            flags: Flags(flags),
            window,
            options: Options {
                wscale: (flags & Flags::SYN != 0).then_some(0),
                ..Options::default()
            },
            ttl: 64,
            ip_id: None,
            payload: &[b'x'; 2000][..len],
            cut: 0,
            header: 20,
            head: &[],
            payload_at: None,
            sized: true,
        };
        let packet = self.packet;
        self.packet = packet.next();
        self.labels.look(&segment, dir, packet, Timestamp(self.now))
    }
}

#[test]
fn a_dialogue_without_trouble_has_no_labels() {
    let mut bench = Bench::open();
    assert_eq!(bench.labels.initial_rtt(), Some(10 * MS));
    assert_eq!(bench.see(up(1001, 100, 5001)), "");
    assert_eq!(bench.see(down(5001, 50, 1101)), "");
    assert_eq!(bench.see(up(1101, 0, 5051)), "");
    assert_eq!(
        bench.see(up(1101, 0, 5051).with(Flags::ACK | Flags::FIN)),
        ""
    );
    assert_eq!(
        bench.see(down(5051, 0, 1102).with(Flags::ACK | Flags::FIN)),
        ""
    );
    assert_eq!(bench.see(up(1102, 0, 5052)), "");
    assert_eq!(bench.labels.completeness(), 31);
}

#[test]
fn a_segment_above_the_next_one_says_that_one_is_lost() {
    let mut bench = Bench::open();
    assert_eq!(bench.see(up(1001, 10, 5001)), "");
    assert_eq!(bench.see(up(1011, 10, 5001)), "");
    assert_eq!(bench.see(up(1031, 10, 5001)), "lost_segment");
    // A RST may stand anywhere.
    assert_eq!(bench.see(up(1900, 0, 5001).with(Flags::RST)), "");
}

#[test]
fn bytes_sent_again_are_out_of_order_within_a_round_trip_and_a_retransmission_later() {
    let mut bench = Bench::open();
    bench.see(up(1001, 100, 5001));
    bench.see(up(1201, 100, 5001));
    assert_eq!(bench.after(9 * MS, up(1101, 50, 5001)), "out_of_order");
    assert_eq!(bench.after(MS, up(1151, 50, 5001)), "retransmission");
    // Ending where the highest segment ends is never out of order.
    let mut bench = Bench::open();
    bench.see(up(1001, 100, 5001));
    assert_eq!(bench.see(up(1001, 100, 5001)), "retransmission");
}

#[test]
fn a_retransmission_names_the_packet_it_repeats_and_the_time_since() {
    let mut bench = Bench::open();
    bench.see(up(1001, 100, 5001));
    bench.see(up(1101, 100, 5001));
    let look = bench.look(300 * MS, up(1001, 100, 5001));
    assert_eq!(look.of, PacketNo::new(4));
    assert_eq!(look.since, Some(301 * MS));
}

#[test]
fn two_duplicates_and_20_ms_make_a_retransmission_fast() {
    let hole = |duplicates: usize| {
        let mut bench = Bench::open();
        bench.see(up(1001, 100, 5001));
        bench.see(down(5001, 0, 1101));
        bench.see(up(1201, 100, 5001));
        (0..duplicates).for_each(|_| assert_eq!(bench.see(down(5001, 0, 1101)), "duplicate_ack"));
        bench
    };
    let fast = "retransmission fast_retransmission";
    assert_eq!(hole(2).after(19 * MS, up(1101, 100, 5001)), fast);
    assert_eq!(
        hole(1).after(19 * MS, up(1101, 100, 5001)),
        "retransmission"
    );
    assert_eq!(
        hole(2).after(20 * MS, up(1101, 100, 5001)),
        "retransmission"
    );
    assert_eq!(hole(2).after(19 * MS, up(1102, 99, 5001)), "retransmission");
}

#[test]
fn what_was_acknowledged_is_sent_again_needlessly() {
    let mut bench = Bench::open();
    bench.see(up(1001, 100, 5001));
    bench.see(down(5001, 0, 1101));
    let needless = "retransmission spurious_retransmission";
    assert_eq!(bench.see(up(1001, 100, 5001)), needless);
    assert_eq!(bench.see(up(1001, 101, 5001)), "out_of_order");
}

#[test]
fn a_duplicate_ack_repeats_all_but_its_time() {
    let mut bench = Bench::open();
    bench.see(up(1001, 100, 5001));
    bench.see(down(5001, 0, 1101));
    for nth in 1..4 {
        let look = bench.look(MS, down(5001, 0, 1101));
        assert!(look.labels.has(W::DUPLICATE_ACK));
        assert_eq!((look.duplicate, look.of), (nth, PacketNo::new(5)));
    }
    assert_eq!(bench.see(down(5001, 0, 1101).window(400)), "window_update");
    assert_eq!(bench.see(down(5001, 10, 1101).window(400)), "");
    assert_eq!(
        bench.see(down(5011, 0, 1101).with(Flags::ACK | Flags::FIN)),
        ""
    );
}

#[test]
fn a_closed_window_is_probed_answered_and_opened() {
    let mut bench = Bench::open();
    bench.see(up(1001, 100, 5001));
    assert_eq!(bench.see(down(5001, 0, 1101).window(0)), "zero_window");
    assert_eq!(bench.see(up(1101, 1, 5001)), "zero_window_probe");
    let answer = bench.see(down(5001, 0, 1101).window(0));
    assert_eq!(answer, "zero_window zero_window_probe_ack");
    assert_eq!(bench.see(down(5001, 0, 1101)), "window_update");
    // Into an open window, one byte is a byte.
    assert_eq!(bench.see(up(1101, 1, 5001)), "");
    // A SYN, a FIN and a RST may have a window of 0.
    let fin = down(5001, 0, 1102).with(Flags::ACK | Flags::FIN);
    assert_eq!(bench.see(fin.window(0)), "");
}

#[test]
fn data_where_a_probe_stood_is_new() {
    let mut bench = Bench::open();
    bench.see(down(5001, 0, 1001).window(0));
    assert_eq!(bench.see(up(1001, 1, 5001)), "zero_window_probe");
    bench.see(down(5001, 0, 1001));
    assert_eq!(bench.see(up(1001, 50, 5001)), "");
}

#[test]
fn a_keep_alive_stands_one_below_and_is_answered() {
    let mut bench = Bench::open();
    bench.see(up(1001, 100, 5001));
    bench.see(down(5001, 0, 1101));
    assert_eq!(bench.after(9000 * MS, up(1100, 0, 5001)), "keep_alive");
    assert_eq!(bench.see(down(5001, 0, 1101)), "keep_alive_ack");
    assert_eq!(bench.after(9000 * MS, up(1100, 1, 5001)), "keep_alive");
    assert_eq!(bench.see(down(5001, 0, 1101)), "keep_alive_ack");
    // The last segment of the other side is still the probe.
    assert_eq!(bench.see(down(5001, 0, 1101)), "keep_alive_ack");
    let needless = "retransmission spurious_retransmission";
    assert_eq!(bench.see(up(1099, 1, 5001)), needless);
}

#[test]
fn a_window_is_full_to_its_last_byte() {
    let mut bench = Bench::open();
    assert_eq!(bench.see(up(1001, 499, 5001)), "");
    assert_eq!(bench.see(up(1500, 1, 5001)), "window_full");
    // Without the handshake the scale of the window is not known.
    let mut bench = Bench {
        labels: Labels::default(),
        packet: PacketNo::FIRST,
        now: 0,
    };
    bench.see(down(5001, 0, 1001));
    assert_eq!(bench.see(up(1001, 500, 5001)), "");
}

#[test]
fn an_acknowledgement_of_what_was_not_captured_is_told_once() {
    let mut bench = Bench::open();
    bench.see(up(1001, 100, 5001));
    assert_eq!(bench.see(down(5001, 0, 1101)), "");
    assert_eq!(bench.see(down(5001, 0, 1201)), "ack_lost_segment");
    assert_eq!(bench.see(down(5001, 0, 1301)), "");
    // The hole behind it is told of as well.
    assert_eq!(bench.see(up(1401, 10, 5001)), "lost_segment");
    assert_eq!(bench.see(down(5001, 0, 1411)), "ack_lost_segment");
}

#[test]
fn sequence_numbers_wrap() {
    let mut bench = Bench {
        labels: Labels::default(),
        packet: PacketNo::FIRST,
        now: 0,
    };
    assert_eq!(bench.see(up(0xffff_ffc0, 64, 5001)), "");
    assert_eq!(bench.see(up(0, 64, 5001)), "");
    assert_eq!(bench.see(up(64, 64, 5001)), "");
    assert_eq!(bench.see(up(0xffff_ffc0, 64, 5001)), "out_of_order");
    assert_eq!(bench.see(down(5001, 0, 128)), "");
    assert_eq!(bench.labels.in_flight(Dir::C2s), None);
}

#[test]
fn an_idle_connection_holds_nothing_outside_itself() {
    assert!(size_of::<Labels>() <= 352, "{}", size_of::<Labels>());
}
