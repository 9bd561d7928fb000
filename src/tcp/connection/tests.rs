//! How connections begin and end, and what their segments are, on hand-made segments.

use super::*;
use crate::model::{
    Counters, Ending, Event, Flags, Inflated, Kind, Limits, LostWhere, Message, Options, SessionId,
    Sink, Tap, Want, Ws,
};
use std::io;

const MS: i64 = 1_000_000;

/// A connection, and what was said of it.
#[derive(Default)]
struct Bench {
    tcp: Option<Connection>,
    said: Vec<Event>,
    packet: u64,
    now: i64,
    /// The window that the next segments offer; 500 where it is 0.
    window: u16,
    /// Each payload is a message to the layer above.
    messages: bool,
    /// Timestamps and IP identifications that the next segments carry.
    stamp: Option<(u32, u16)>,
    ttl: u8,
    /// What a SYN offers.
    mss: Option<u16>,
    /// IP does not say how long the next segments are.
    no_length: bool,
    counters: Counters,
}

impl Sink for Vec<Event> {
    fn event(&mut self, event: &Event, _: &Flow, _: Loan<'_>) -> io::Result<()> {
        self.push(event.clone());
        Ok(())
    }
}

impl Bench {
    /// After a handshake whose SYN-ACK came after `server`, and whose ACK `client` later.
    fn open(server: i64, client: i64) -> Self {
        let mut bench = Self {
            ttl: 64,
            ..Self::default()
        };
        bench.see(Dir::C2s, 1000, b"", 0, Flags::SYN);
        bench.now += server - MS;
        bench.see(Dir::S2c, 5000, b"", 1001, Flags::SYN | Flags::ACK);
        bench.now += client - MS;
        bench.see(Dir::C2s, 1001, b"", 5001, Flags::ACK);
        bench
    }

    fn up(&mut self, seq: u32, bytes: &[u8], ack: u32) -> &mut Self {
        self.see(Dir::C2s, seq, bytes, ack, Flags::ACK)
    }

    fn down(&mut self, seq: u32, bytes: &[u8], ack: u32) -> &mut Self {
        self.see(Dir::S2c, seq, bytes, ack, Flags::ACK)
    }

    /// A segment, 1 ms after the one before.
    fn see(&mut self, dir: Dir, seq: u32, payload: &[u8], ack: u32, flags: u8) -> &mut Self {
        self.packet += 1;
        self.now += MS;
        let end = |port| Endpoint {
            ip: [10, 0, 0, 1].into(),
            port,
        };
        let (src, dst) = match dir {
            Dir::C2s => (end(9999), end(80)),
            Dir::S2c => (end(80), end(9999)),
        };
        let segment = Segment {
            src,
            dst,
            seq,
            ack,
            flags: Flags(flags),
            window: if self.window == 0 { 500 } else { self.window },
            options: Options {
                timestamps: self.stamp.map(|(value, _)| (value, 0)),
                mss: self.mss.filter(|_| flags & Flags::SYN != 0),
                ..Options::default()
            },
            ttl: self.ttl,
            ip_id: self.stamp.map(|(_, id)| id),
            payload,
            cut: 0,
            header: 20,
            head: &[],
            payload_at: None,
            sized: !self.no_length,
        };
        let packet = PacketNo::new(self.packet).unwrap();
        let time = Timestamp(self.now);
        self.tcp
            .get_or_insert_with(|| Connection::new(ConnId(0), &segment, packet, time, None));
        let messages = self.messages;
        self.with(|tcp, cx| {
            tcp.segment(
                &segment,
                cx,
                &mut |dir: Dir, input: Input<'_>, cx: &mut Cx<'_>| {
                    if let (true, Input::Bytes { at, bytes, .. }) = (messages, input) {
                        let place = Place::at(dir, Span::tcp(at, bytes.len() as u64));
                        cx.emit(place, EventKind::Ws(Ws::Message(MESSAGE)), Loan::default());
                    }
                },
            );
        });
        self
    }

    fn with(&mut self, work: impl FnOnce(&mut Connection, &mut Cx<'_>)) {
        let tcp = self.tcp.as_mut().unwrap();
        let mut cx = Cx {
            packet: PacketNo::new(self.packet).unwrap(),
            at_end: false,
            time: Timestamp(self.now),
            conn: tcp.id,
            flow: tcp.flow,
            limits: &Limits::default(),
            keys: &crate::model::Keys::default(),
            space: crate::model::Space::Tcp,
            carrier: None,
            carried: Default::default(),
            want: Want::default(),
            counters: &mut self.counters,
            sink: &mut self.said,
            error: &mut None,
            room: &mut Vec::new(),
            marks: &mut Vec::new(),
        };
        work(tcp, &mut cx);
    }

    /// Labels and reasons, in the order in which they were given.
    fn labels(&self) -> Vec<(Label, Why)> {
        let label = |event: &Event| match event.kind {
            EventKind::Tcp(Tcp::Note(Note::Remark(remark))) => Some((remark.label, remark.why)),
            _ => None,
        };
        self.said.iter().filter_map(label).collect()
    }

    fn how(&self) -> Option<How> {
        self.said.iter().find_map(|event| match event.kind {
            EventKind::Tcp(Tcp::Close(close)) => Some(close.how),
            _ => None,
        })
    }
}

const MESSAGE: Message = Message {
    session: SessionId(0),
    kind: Kind::Binary,
    compressed: false,
    complete: true,
    utf8: true,
    frames: 1,
    length: 2,
    wire_length: 2,
    inflated: Inflated {
        ending: Ending::Unknown,
        window_bits: 0,
        bfinal: false,
    },
};

const FIN: u8 = Flags::FIN | Flags::ACK;
const RST: u8 = Flags::RST;

#[test]
fn the_handshakes_times_tell_where_the_tap_was() {
    let tap = |server, client| {
        let bench = Bench::open(server, client);
        bench.said.iter().find_map(|event| match event.kind {
            EventKind::Tcp(Tcp::Open(open)) => open.tap(),
            _ => None,
        })
    };
    assert_eq!(tap(80 * MS, MS), Some(Tap::NearClient));
    assert_eq!(tap(MS, 80 * MS), Some(Tap::NearServer));
    assert_eq!(tap(30 * MS, 50 * MS), Some(Tap::Between));
    assert_eq!(tap(MS / 5, MS / 5), Some(Tap::SameHost));
}

#[test]
fn the_ways_to_say_goodbye_have_names() {
    let open = || Bench::open(MS, MS);
    let mut four = open();
    four.see(Dir::C2s, 1001, b"", 5001, FIN)
        .down(5001, b"", 1002)
        .see(Dir::S2c, 5001, b"", 1002, FIN)
        .up(1002, b"", 5002);
    assert_eq!(four.how(), Some(How::FourSegments));
    let mut three = open();
    three
        .see(Dir::C2s, 1001, b"", 5001, FIN)
        .see(Dir::S2c, 5001, b"", 1002, FIN)
        .up(1002, b"", 5002);
    assert_eq!(three.how(), Some(How::ThreeSegments));
    let mut both = open();
    both.see(Dir::C2s, 1001, b"", 5001, FIN)
        .see(Dir::S2c, 5001, b"", 1001, FIN)
        .up(1002, b"", 5002)
        .down(5002, b"", 1002);
    assert_eq!(both.how(), Some(How::Simultaneous));
    let mut half = open();
    half.see(Dir::C2s, 1001, b"", 5001, FIN)
        .down(5001, b"", 1002)
        .down(5001, b"more", 1002)
        .see(Dir::S2c, 5005, b"", 1002, FIN)
        .up(1002, b"", 5006);
    assert_eq!(half.how(), Some(How::HalfClose));
}

#[test]
fn resets_have_reasons() {
    let open = || Bench::open(MS, MS);
    let mut refused = Bench::default();
    refused
        .see(Dir::C2s, 1000, b"", 0, Flags::SYN)
        .see(Dir::S2c, 0, b"", 1001, RST | Flags::ACK);
    assert_eq!(refused.how(), Some(How::Refused));
    let abort = open()
        .see(Dir::S2c, 5001, b"", 1001, RST | Flags::ACK)
        .how();
    assert_eq!(abort, Some(How::Abort));
    let forgotten = open()
        .up(1001, b"hi", 5001)
        .see(Dir::S2c, 5001, b"", 0, RST)
        .how();
    assert_eq!(forgotten, Some(How::HalfOpen));
    let mut middle = open();
    middle.ttl = 250;
    middle.see(Dir::S2c, 5001, b"", 1001, RST | Flags::ACK);
    assert_eq!(middle.how(), Some(How::Middlebox));
}

#[test]
fn what_nearly_refuses_aborts() {
    // It answers another SYN than this one.
    let mut other = Bench::default();
    other
        .see(Dir::C2s, 1000, b"", 0, Flags::SYN)
        .see(Dir::S2c, 0, b"", 999, RST | Flags::ACK);
    assert_eq!(other.how(), Some(How::Abort));
    // It was taken first.
    let mut taken = Bench::default();
    taken
        .see(Dir::C2s, 1000, b"", 0, Flags::SYN)
        .see(Dir::S2c, 5000, b"", 1001, Flags::SYN | Flags::ACK)
        .see(Dir::S2c, 5001, b"", 1001, RST | Flags::ACK);
    assert_eq!(taken.how(), Some(How::Abort));
}

#[test]
fn data_that_nobody_reads_make_a_reset() {
    let fin = |data: &[u8]| {
        let mut bench = Bench::open(MS, MS);
        bench.see(Dir::S2c, 5001, b"", 1001, FIN);
        if !data.is_empty() {
            bench.up(1001, data, 5002);
        }
        bench.see(Dir::S2c, 5002, b"", 1001, RST | Flags::ACK);
        bench.how()
    };
    assert_eq!(fin(b"hi"), Some(How::UnreadData));
    assert_eq!(fin(b""), Some(How::Abort), "nothing came after the FIN");
    // Without a FIN: the window shrinks by what is acknowledged, and so its end stays where it was.
    let kept = |bytes: u16, read: u16| {
        let mut bench = Bench::open(MS, MS);
        let mut end = 1001;
        for _ in 0..4 {
            bench.window = 65_000;
            bench.up(end, &vec![b'x'; bytes.into()], 5001);
            end += u32::from(bytes);
            bench.window = 60_000 - (end - 1001) as u16 + read * ((end - 1001) as u16 / bytes);
            bench.down(5001, b"", end);
        }
        bench.see(Dir::S2c, 5001, b"", end, RST | Flags::ACK).how()
    };
    assert_eq!(kept(400, 0), Some(How::UnreadData));
    assert_eq!(kept(400, 400), Some(How::Abort), "all was read");
    assert_eq!(kept(100, 0), Some(How::Abort), "so little may not move it");
}

#[test]
fn a_peer_that_forgot_the_connection_answers_with_the_number_it_was_given() {
    let forgotten = |seq, flags| {
        let mut bench = Bench::open(MS, MS);
        bench.up(1001, b"hi", 5001);
        bench.see(Dir::S2c, seq, b"", 0, flags).how()
    };
    assert_eq!(forgotten(5001, RST), Some(How::HalfOpen));
    assert_eq!(forgotten(5000, RST), Some(How::Abort), "another number");
    assert_eq!(
        forgotten(5001, RST | Flags::ACK),
        Some(How::Abort),
        "it knows the connection"
    );
}

#[test]
fn a_reset_from_the_way_differs_in_ttl_or_in_identification_and_number() {
    let reset = |ttl, id, seq, step: u16| {
        let mut bench = Bench::open(MS, MS);
        for nth in 0..5u16 {
            bench.stamp = Some((7, 100 + step * nth));
            bench.down(5001 + u32::from(nth), b"x", 1001);
        }
        bench.ttl = ttl;
        bench.stamp = Some((7, id));
        bench.see(Dir::S2c, seq, b"", 1001, RST | Flags::ACK).how()
    };
    assert_eq!(reset(64, 105, 5006, 1), Some(How::Abort));
    assert_eq!(reset(62, 105, 5006, 1), Some(How::Middlebox));
    assert_eq!(
        reset(63, 105, 5006, 1),
        Some(How::Abort),
        "routes change by one"
    );
    assert_eq!(reset(64, 40_000, 5001, 1), Some(How::Middlebox));
    assert_eq!(
        reset(64, 40_000, 5006, 1),
        Some(How::Abort),
        "only the identification"
    );
    assert_eq!(reset(64, 105, 5001, 1), Some(How::Abort), "only the number");
    assert_eq!(
        reset(64, 40_000, 5001, 9_000),
        Some(How::Abort),
        "they never counted up"
    );
}

#[test]
fn messages_that_were_held_up_say_so_by_themselves() {
    let delays = |bench: &Bench| -> Vec<(Label, i64)> {
        let remarks = bench.said.iter().filter_map(|event| match event.kind {
            EventKind::Tcp(Tcp::Note(Note::Remark(it))) if it.label.is_delay() => Some((event, it)),
            _ => None,
        });
        remarks
            .map(|(event, it)| {
                assert!(event.about.is_some() && it.of.is_some());
                (it.label, it.since.unwrap() / MS)
            })
            .collect()
    };
    // Each payload is a message.
    let mut missing = Bench::open(MS, MS);
    missing.messages = true;
    missing.up(1003, b"cd", 5001);
    missing.now += 29 * MS;
    missing.up(1001, b"ab", 5001);
    assert_eq!(delays(&missing), [(Label::HeadOfLine, 30)]);
    missing.up(1005, b"ef", 5001);
    assert_eq!(delays(&missing).len(), 1);

    let nagle = |ack: i64, then: i64, len: usize, way: i64| {
        let mut bench = Bench::open(way, MS);
        bench.messages = true;
        bench.up(1001, b"ab", 5001);
        bench.now += ack - MS;
        bench.down(5001, b"", 1003);
        bench.now += then - MS;
        bench.up(1003, &vec![b'x'; len], 5001);
        delays(&bench)
    };
    assert_eq!(nagle(40 * MS, MS, 2, MS), [(Label::NagleDelay, 40)]);
    assert_eq!(nagle(40 * MS, 9 * MS, 2, MS), [], "it did not come at once");
    assert_eq!(
        nagle(40 * MS, MS, 1400, MS),
        [],
        "a whole segment does not wait"
    );
    assert_eq!(nagle(10 * MS, MS, 2, MS), [], "the answer was not delayed");
    assert_eq!(nagle(90 * MS, MS, 2, 80 * MS), [], "so far is the way");
}

#[test]
fn who_is_not_answered_any_more_is_told_at_the_end() {
    let mut bench = Bench::open(MS, MS);
    bench.up(1001, b"hi", 5001).up(1001, b"hi", 5001);
    bench.with(|tcp, cx| tcp.finish(cx, &mut |_: Dir, _: Input<'_>, _: &mut Cx<'_>| {}));
    let silence = (Label::Silence, Why::Unanswered);
    assert_eq!(bench.labels().last(), Some(&silence));
    let [.., silence, rest] = &bench.said[..] else {
        panic!("nothing said");
    };
    assert_eq!(silence.dir, Some(Dir::S2c));
    let EventKind::Tcp(Tcp::Note(Note::Open(rest))) = rest.kind else {
        panic!("{rest:?}");
    };
    assert_eq!((rest.completeness, rest.bytes), (15, [2, 0]));
}

#[test]
fn what_fills_a_hole_was_overtaken_or_sent_again() {
    // Timestamp and identification of the filler; those of the segment behind the hole are 100 and 7.
    let fill = |stamp, wait| {
        let mut bench = Bench::open(10 * MS, 10 * MS);
        bench.stamp = Some((100, 7));
        bench.up(1003, b"cd", 5001);
        bench.stamp = Some(stamp);
        bench.now += wait;
        bench.up(1001, b"ab", 5001);
        let filler = bench.said.last().unwrap();
        assert_eq!(filler.about, Some(bench.said[bench.said.len() - 2].id));
        let labels = bench.labels();
        assert_eq!(labels[0], (Label::Hole, Why::Missing));
        labels[1]
    };
    assert_eq!(fill((99, 6), 0), (Label::Reordered, Why::OlderTimestamp));
    assert_eq!(fill((101, 8), 0), (Label::FilledLate, Why::NewerTimestamp));
    assert_eq!(fill((100, 6), 0), (Label::Reordered, Why::OlderId));
    assert_eq!(fill((100, 8), 0), (Label::FilledLate, Why::NewerId));
    assert_eq!(fill((100, 7), 0), (Label::Reordered, Why::Soon));
    assert_eq!(fill((100, 7), 50 * MS), (Label::FilledLate, Why::Late));
}

#[test]
fn bytes_seen_before_came_again_for_a_reason() {
    let again = |wait, duplicates: usize| {
        let mut bench = Bench::open(MS, MS);
        bench.up(1001, b"ab", 5001).up(1003, b"cd", 5001);
        for _ in 0..duplicates {
            bench.down(5001, b"", 1001);
        }
        bench.now += wait;
        bench.up(1001, b"ab", 5001);
        *bench.labels().last().unwrap()
    };
    assert_eq!(again(0, 0), (Label::Retransmission, Why::SeenBefore));
    assert_eq!(again(0, 4), (Label::FastRetransmission, Why::AskedFor));
    let timeout = (Label::TimeoutRetransmission, Why::Silence);
    assert_eq!(again(300 * MS, 0), timeout);

    let mut bench = Bench::open(MS, MS);
    bench.stamp = Some((100, 7));
    bench.up(1001, b"ab", 5001).up(1001, b"ab", 5001);
    assert_eq!(bench.labels(), [(Label::Copy, Why::SamePacket)]);

    let mut bench = Bench::open(MS, MS);
    bench.up(1001, b"ab", 5001).down(5001, b"", 1003);
    bench.up(1001, b"ab", 5001);
    let needless = (Label::SpuriousRetransmission, Why::Acknowledged);
    assert_eq!(bench.labels(), [needless]);
}

#[test]
fn a_keep_alive_is_answered_and_the_answer_points_back() {
    let mut bench = Bench::open(MS, MS);
    bench.up(1001, b"ab", 5001).down(5001, b"", 1003);
    bench.up(1002, b"", 5001).down(5001, b"", 1003);
    let answer = bench.said.last().unwrap();
    assert_eq!(answer.about, Some(bench.said[bench.said.len() - 2].id));
    let labels = bench.labels();
    assert_eq!(labels[0], (Label::KeepAlive, Why::OneBelow));
    assert_eq!(labels[1], (Label::KeepAliveAck, Why::Answers));
}

#[test]
fn an_idle_connection_is_small() {
    // A hundred thousand of them are to fit, with what speaks on them, into 96 MiB.
    let size = size_of::<Connection>();
    assert!(size <= 824, "{size}");
}

#[test]
fn other_bytes_in_the_place_of_delivered_ones_are_a_conflict() {
    let conflicts = |bench: &mut Bench| {
        let said = bench.said.iter();
        let is = |event: &&Event| matches!(&event.kind, EventKind::Anomaly(it) if it.what == What::Conflict);
        said.filter(is)
            .map(|event| event.packet.get())
            .collect::<Vec<_>>()
    };
    let mut bench = Bench::open(MS, MS);
    bench
        .up(1001, b"abcd", 5001)
        .down(5001, b"", 1005)
        .up(1001, b"abcd", 5001);
    assert_eq!(conflicts(&mut bench), [0; 0]);
    // Joined with what follows, and one byte is another.
    bench.up(1001, b"abXdefgh", 5001);
    assert_eq!(conflicts(&mut bench), [7]);
    // The first ones count.
    bench.up(1005, b"efgh", 5001);
    assert_eq!(conflicts(&mut bench), [7]);
    bench.up(1001, b"abcdefgh", 5001);
    assert_eq!(conflicts(&mut bench), [7]);
    bench.up(1001, b"abcdefgX", 5001);
    assert_eq!(conflicts(&mut bench), [7, 10]);
}

#[test]
fn a_segment_larger_than_any_on_the_wire_is_offload_once_for_a_direction() {
    let offloads = |bench: &Bench| {
        let said = bench.said.iter();
        let notes = said.filter_map(|event| match &event.kind {
            EventKind::Tcp(Tcp::Note(Note::Offload(it))) => Some((event.packet.get(), *it)),
            _ => None,
        });
        notes.collect::<Vec<_>>()
    };
    let mut bench = Bench {
        mss: Some(10),
        ttl: 64,
        ..Bench::default()
    };
    bench
        .see(Dir::C2s, 1000, b"", 0, Flags::SYN)
        .see(Dir::S2c, 5000, b"", 1001, Flags::SYN | Flags::ACK)
        .up(1001, b"0123456789", 5001);
    assert_eq!(offloads(&bench), [], "exactly the MSS");
    bench
        .up(1011, b"0123456789a", 5001)
        .up(1022, b"0123456789a", 5001);
    let large = Offload {
        bytes: 11,
        mss: Some(10),
        no_length: false,
        by: Offloader::Unclear,
    };
    assert_eq!(offloads(&bench), [(4, large)]);
    assert_eq!(large.packets(), Some(2));
    bench.no_length = true;
    bench.down(5001, b"hi", 1033).down(5003, b"hi", 1033);
    let unsized_packet = Offload {
        bytes: 2,
        no_length: true,
        by: Offloader::Sender,
        ..large
    };
    assert_eq!(offloads(&bench), [(4, large), (6, unsized_packet)]);
    assert_eq!(unsized_packet.packets(), None);
}

#[test]
fn a_checksum_that_is_not_filled_in_tells_where_the_tap_was() {
    let open = |unfilled| TcpOpen {
        handshake: Handshake::Full,
        initial_rtt: Some(60 * MS),
        answered: 30 * MS,
        unfilled,
    };
    let tap = |unfilled| open(unfilled).tap();
    assert_eq!(tap([false, false]), Some(Tap::Between));
    assert_eq!(tap([true, false]), Some(Tap::NearClient));
    assert_eq!(tap([false, true]), Some(Tap::NearServer));
    assert_eq!(tap([true, true]), Some(Tap::Between));
}

#[test]
fn retransmissions_say_where_the_first_copy_was_lost() {
    let lost = |bench: &Bench| {
        let said = bench.said.iter();
        let mut lost = said.filter_map(|event| match &event.kind {
            EventKind::Tcp(Tcp::Note(Note::Remark(remark))) => remark.lost(),
            _ => None,
        });
        lost.next_back()
    };
    // Never captured, and the receiver lacked it.
    let mut before = Bench::open(MS, MS);
    before.up(1011, b"later", 5001).down(5001, b"", 1001);
    before.now += 50 * MS;
    before.up(1001, b"0123456789", 5001);
    assert_eq!(lost(&before), Some(LostWhere::BeforeTap));
    // Captured, and asked for again.
    let mut behind = Bench::open(MS, MS);
    behind.up(1001, b"0123456789", 5001).up(1011, b"a", 5001);
    for _ in 0..4 {
        behind.down(5001, b"", 1001);
    }
    behind.up(1001, b"0123456789", 5001);
    assert_eq!(lost(&behind), Some(LostWhere::BehindTap));
    // Captured; it may have been the acknowledgement that was lost.
    let mut silent = Bench::open(MS, MS);
    silent.up(1001, b"0123456789", 5001);
    silent.now += 300 * MS;
    silent.up(1001, b"0123456789", 5001);
    assert_eq!(lost(&silent), Some(LostWhere::Undecidable));
    // Not captured, and acknowledged.
    let mut missed = Bench::open(MS, MS);
    missed.up(1011, b"later", 5001).down(5001, b"", 1016);
    missed.up(1001, b"0123456789", 5001);
    assert_eq!(lost(&missed), Some(LostWhere::ByCapture));
}
