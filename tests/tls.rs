//! TLS with the keys of its endpoints: right ones, wrong ones, some of them, late ones, a million of them.

mod common;

use common::real::captures;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use wscope::engine::{Engine, replay, run_each};
use wscope::forge::connection;
use wscope::model::{
    Anomaly, Config, ConnId, Delivered, Dir, Event, EventId, EventKind, Flow, Http, InsideState,
    Keys, Limits, Link, Loan, Note, Packet, Piece, Sink, Space, Span, Tcp, Timestamp, Tls, Want,
    What, Ws,
};
use wscope::sink::{Jsonl, Text};
use wscope::source::Capture;

/// What was seen of one connection.
#[derive(Default, Clone, PartialEq, Debug)]
struct Seen {
    messages: [Vec<(Vec<u8>, bool)>; 2],
    states: Vec<InsideState>,
    failed: usize,
    likely: bool,
}

#[derive(Default)]
struct Watch {
    conns: BTreeMap<ConnId, Seen>,
    streams: BTreeMap<ConnId, Vec<(Dir, Vec<u8>)>>,
    events: Vec<Event>,
}

impl Sink for Watch {
    fn want(&self) -> Want {
        Want {
            joined: true,
            stream: true,
            unjudged: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, _: &Flow, loan: Loan<'_>) -> io::Result<()> {
        let seen = self.conns.entry(event.conn).or_default();
        match &event.kind {
            EventKind::Ws(Ws::Message(_)) => {
                let side = &mut seen.messages[usize::from(event.dir == Some(Dir::S2c))];
                side.push((loan.bytes.to_vec(), loan.unknown.is_empty()));
            }
            EventKind::Tls(Tls::Inside(inside)) => seen.states.push(inside.state),
            EventKind::Tls(Tls::Close(close)) => seen.likely |= close.websocket_likely.is_some(),
            EventKind::Anomaly(Anomaly { what, .. }) => {
                seen.failed += usize::from(*what == What::Decrypt)
            }
            _ => {}
        }
        self.events.push(event.clone());
        Ok(())
    }

    fn stream(&mut self, piece: Piece<'_>) -> io::Result<()> {
        if piece.space == Space::Tcp {
            let stream = self.streams.entry(piece.conn).or_default();
            stream.push((piece.dir, piece.bytes.to_vec()));
        }
        Ok(())
    }
}

struct Kept {
    time: Timestamp,
    link: Link,
    data: Vec<u8>,
}

/// A capture taken apart: its packets, and the key log that it carries.
struct Taken {
    packets: Vec<Kept>,
    log: String,
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("captures")
        .join(name)
}

fn take(name: &str) -> Taken {
    let mut capture = Capture::open([path(name)]).unwrap();
    let mut packets = Vec::new();
    while let Some(packet) = capture.next().unwrap() {
        packets.push(Kept {
            time: packet.time,
            link: packet.link,
            data: packet.data.to_vec(),
        });
    }
    let log = String::from_utf8(capture.secrets()[0].data.clone()).unwrap();
    Taken { packets, log }
}

fn keys(log: &str) -> Keys {
    let keys = Keys::default();
    keys.lines(log.as_bytes());
    keys
}

fn run(packets: &[Kept], keys: &Keys) -> Watch {
    let mut watch = Watch::default();
    let config = Config {
        keys: keys.clone(),
        ..Config::default()
    };
    let mut engine = Engine::new(config, watch.want());
    for (at, kept) in packets.iter().enumerate() {
        let packet = Packet {
            no: wscope::model::PacketNo::new(at as u64 + 1).unwrap(),
            time: kept.time,
            link: kept.link,
            orig_len: kept.data.len() as u32,
            data: &kept.data,
        };
        engine.packet(packet, &mut watch).unwrap();
    }
    engine.finish(&mut watch).unwrap();
    watch
}

/// The same lines, each passed through this.
fn lines(log: &str, change: impl Fn(&[&str]) -> Option<String>) -> String {
    let lines = log.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| change(&line.split(' ').collect::<Vec<_>>()))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Another digit in place of the last one of the secret.
fn altered(words: &[&str]) -> Option<String> {
    let [label, random, secret] = words else {
        return None;
    };
    let (rest, last) = secret.split_at(secret.len() - 1);
    let last = if last == "0" { "1" } else { "0" };
    Some(format!("{label} {random} {rest}{last}"))
}

#[test]
fn every_connection_of_every_capture_with_keys_opens_without_a_failure() {
    let mut seen = 0;
    for path in captures() {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.starts_with("tls") {
            continue;
        }
        let taken = take(&name);
        let watch = run(&taken.packets, &keys(&taken.log));
        for (id, conn) in &watch.conns {
            // The client of a proxy that is itself behind TLS speaks TLS in TLS.
            let layers = usize::from(name == "tls-in-tls.pcapng" && id.0 == 0) + 1;
            assert_eq!(conn.states, vec![InsideState::Open; layers], "{name} #{id}");
            let refused = name == "tls-corners.pcapng" && id.0 == 3;
            assert_eq!(conn.failed, usize::from(refused), "{name} #{id}");
            let only_http = name == "tls-openssl.pcapng" || name == "tls-corners.pcapng";
            assert!(
                only_http || conn.messages.iter().all(|side| side.len() > 3),
                "{name} #{id}"
            );
            seen += 1;
        }
    }
    assert!(seen > 45, "{seen} connections");
}

#[test]
fn what_the_two_agreed_on_is_named_and_what_the_server_refused_is_said() {
    let taken = take("tls-corners.pcapng");
    let no_early =
        |line: &[&str]| (line[0] != "CLIENT_EARLY_TRAFFIC_SECRET").then(|| line.join(" "));
    for (log, cause) in [
        (taken.log.clone(), "did not take"),
        (lines(&taken.log, no_early), "refused"),
    ] {
        let watch = run(&taken.packets, &keys(&log));
        let inside = watch.events.iter().find_map(|event| match &event.kind {
            EventKind::Tls(Tls::Inside(inside)) => Some(inside.clone()),
            _ => None,
        });
        let inside = inside.unwrap();
        assert_eq!(inside.alpn.as_deref(), Some("h2"));
        assert!(inside.text.contains("HTTP/2 is not taken apart"));
        let last = watch.events.iter().filter(|event| event.conn.0 == 3);
        let mut targets = Vec::new();
        let mut causes = Vec::new();
        for event in last {
            match &event.kind {
                EventKind::Http(Http::Request(request)) => targets.push(request.target.clone()),
                EventKind::Anomaly(Anomaly { text, .. }) => causes.push(text.clone()),
                _ => {}
            }
        }
        assert_eq!(targets, [b"/late"], "the server never saw /early");
        assert!(causes.len() == 1 && causes[0].contains(cause), "{causes:?}");
    }
}

#[test]
fn early_data_key_updates_and_renegotiation_hide_no_request() {
    let taken = take("tls-openssl.pcapng");
    let watch = run(&taken.packets, &keys(&taken.log));
    let mut targets = BTreeMap::<ConnId, Vec<String>>::new();
    for event in &watch.events {
        if let EventKind::Http(Http::Request(request)) = &event.kind {
            let target = String::from_utf8_lossy(&request.target).into_owned();
            targets.entry(event.conn).or_default().push(target);
        }
    }
    let targets: Vec<_> = targets.into_values().collect();
    let all: [&[&str]; 3] = [
        &["/one", "/two", "/three"],
        &["/early", "/late"],
        &["/before", "/after"],
    ];
    assert_eq!(targets, all);
}

#[test]
fn wrong_keys_are_said_to_be_wrong_and_show_nothing() {
    for name in ["tls13.pcapng", "tls12.pcapng", "tls10-and-11.pcapng"] {
        let taken = take(name);
        let watch = run(&taken.packets, &keys(&lines(&taken.log, altered)));
        for (id, conn) in &watch.conns {
            assert_eq!(conn.states, [InsideState::WrongKeys], "{name} #{id}");
            assert!(conn.messages.iter().all(Vec::is_empty), "{name} #{id}");
        }
    }
}

#[test]
fn without_keys_the_sizes_alone_tell_that_websocket_is_likely_only_with_evidence() {
    let taken = take("tls13.pcapng");
    for (id, conn) in &run(&taken.packets, &Keys::default()).conns {
        assert_eq!(conn.states, [InsideState::NoKeys], "#{id}");
        assert!(!conn.likely, "no protocol was agreed on: #{id}");
    }
}

#[test]
fn some_of_the_keys_open_some_of_the_inside() {
    let taken = take("tls13.pcapng");
    let whole = run(&taken.packets, &keys(&taken.log));
    let without = |unwanted: &str| {
        let kept = lines(&taken.log, |words| {
            (words[0] != unwanted).then(|| words.join(" "))
        });
        run(&taken.packets, &keys(&kept))
    };
    for (id, conn) in &without("SERVER_TRAFFIC_SECRET_0").conns {
        assert!(conn.messages[1].is_empty(), "#{id}");
        assert_eq!(
            conn.states,
            [InsideState::Open],
            "the handshake opens: #{id}"
        );
    }
    for (id, conn) in &without("SERVER_HANDSHAKE_TRAFFIC_SECRET").conns {
        // Records of the handshake stay shut, which keeps what follows from being found.
        assert!(
            conn.messages[0] == whole.conns[id].messages[0] || conn.messages[0].is_empty(),
            "#{id}"
        );
    }
}

#[test]
fn digits_may_be_of_either_case_and_a_cut_log_opens_what_it_has() {
    let taken = take("tls12.pcapng");
    let whole = run(&taken.packets, &keys(&taken.log));
    let upper = run(&taken.packets, &keys(&taken.log.to_uppercase()));
    assert_eq!(whole.conns, upper.conns);
    let half = &taken.log[..taken.log.len() / 2];
    let log = keys(half);
    let bad = Keys::default().lines(half.as_bytes());
    assert_eq!(bad.len(), 1, "the line that was cut: {bad:?}");
    let some = run(&taken.packets, &log);
    let open = some
        .conns
        .values()
        .filter(|conn| conn.states == [InsideState::Open])
        .count();
    assert!((3..12).contains(&open), "{open} connections are open");
    for (id, conn) in &some.conns {
        let same = conn.messages == whole.conns[id].messages;
        assert!(same || conn.states == [InsideState::NoKeys], "#{id}");
    }
}

#[test]
fn among_a_million_lines_the_right_ones_are_found() {
    let taken = take("tls13.pcapng");
    let keys = Keys::default();
    let secret = "5a".repeat(48);
    for i in 0..1_000_000_u32 {
        let line = format!("CLIENT_RANDOM {:064x} {secret}", u64::from(i) * 0x9e37_79b9);
        keys.line(line.as_bytes()).unwrap();
    }
    keys.lines(taken.log.as_bytes());
    assert!(keys.count() > 1_000_000);
    // Searched one by one, a million would be gone through thousands of times: for minutes.
    let few = run(&taken.packets, &self::keys(&taken.log));
    let many = run(&taken.packets, &keys);
    assert_eq!(few.conns, many.conns);
}

#[test]
fn keys_that_come_late_open_what_was_held() {
    for name in ["tls13.pcapng", "tls12.pcapng"] {
        let taken = take(name);
        let whole = run(&taken.packets, &keys(&taken.log));
        // A line for each time that something was looked for in vain.
        let keys = Keys::default();
        let log = taken.log.clone();
        let mut next = 0;
        keys.set_more(move |keys, _| {
            if let Some(line) = log.lines().nth(next) {
                let _ = keys.line(line.as_bytes());
                next += 1;
            }
            keys.lack();
        });
        let late = run(&taken.packets, &keys);
        for (id, conn) in &late.conns {
            let same = conn.messages == whole.conns[id].messages;
            assert!(same, "{name} #{id}");
            assert_eq!(conn.states, [InsideState::Open], "{name} #{id}");
        }
    }
}

#[test]
fn however_the_stream_is_cut_the_messages_are_the_same() {
    for name in [
        "tls13.pcapng",
        "tls12.pcapng",
        "tls10-and-11.pcapng",
        "tls-resumed.pcapng",
    ] {
        let taken = take(name);
        let keys = keys(&taken.log);
        let whole = run(&taken.packets, &keys);
        for (id, stream) in &whole.streams {
            for cuts in [vec![1448], vec![1, 2, 3, 700], vec![5, 17], vec![65000]] {
                let mut scenario = connection().net(|net| net.cuts = cuts.clone());
                for (dir, bytes) in stream {
                    scenario = scenario.say(*dir, bytes.as_slice());
                }
                let forged = scenario.fin().forge();
                let mut watch = Watch::default();
                let config = Config {
                    keys: keys.clone(),
                    ..Config::default()
                };
                let mut engine = Engine::new(config, watch.want());
                for packet in forged.packets() {
                    engine.packet(packet, &mut watch).unwrap();
                }
                engine.finish(&mut watch).unwrap();
                let same = watch.conns[&ConnId(0)].messages == whole.conns[id].messages;
                assert!(same, "{name} #{id} cut at {cuts:?}");
            }
        }
    }
}

#[test]
fn decryption_goes_on_behind_every_hole() {
    for name in ["tls13.pcapng", "tls12.pcapng", "tls10-and-11.pcapng"] {
        let taken = take(name);
        let keys = keys(&taken.log);
        let whole = run(&taken.packets, &keys);
        for lost in 0..taken.packets.len() {
            let kept: Vec<_> = (0..taken.packets.len())
                .filter(|at| *at != lost)
                .map(|at| Kept {
                    data: taken.packets[at].data.clone(),
                    ..taken.packets[at]
                })
                .collect();
            let holed = run(&kept, &keys);
            for (id, conn) in &holed.conns {
                assert_eq!(conn.failed, 0, "{name} without packet {}: #{id}", lost + 1);
                for (found, truth) in conn.messages.iter().zip(&whole.conns[id].messages) {
                    let mut truth = truth.iter();
                    for (bytes, complete) in found {
                        let fits = |other: &&(Vec<u8>, bool)| !complete || other.0 == *bytes;
                        assert!(
                            truth.any(|other| fits(&other)),
                            "{name} without packet {}: #{id}",
                            lost + 1
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn an_altered_record_is_an_anomaly_and_the_next_one_opens() {
    let mut taken = take("tls13.pcapng");
    let keys = keys(&taken.log);
    let whole = run(&taken.packets, &keys);
    // A data record that fills a packet by itself: its last byte belongs to the tag.
    let at = whole
        .events
        .iter()
        .find(|event| matches!(event.kind, EventKind::Ws(Ws::Message(_))))
        .map(|event| event.packet.get() as usize - 1)
        .unwrap();
    *taken.packets[at].data.last_mut().unwrap() ^= 1;
    let watch = run(&taken.packets, &keys);
    let (broken, before) = (&watch.conns[&ConnId(0)], &whole.conns[&ConnId(0)]);
    assert_eq!(broken.failed, 1);
    let count = |seen: &Seen| seen.messages.iter().map(Vec::len).sum::<usize>();
    assert!(count(broken) < count(before));
    assert!(
        count(broken) + 4 >= count(before),
        "{} of {}",
        count(broken),
        count(before)
    );
}

#[test]
fn no_output_has_a_secret_in_it() {
    let taken = take("tls13.pcapng");
    for json in [false, true] {
        let mut capture = Capture::open([path("tls13.pcapng")]).unwrap();
        let mut out = Vec::new();
        let mut sink: Box<dyn Sink> = match json {
            true => Box::new(Jsonl::new(&mut out)),
            false => Box::new(Text::new(&mut out, false)),
        };
        wscope::engine::run(&mut capture, Limits::default(), &mut *sink, |_, _| true).unwrap();
        drop(sink);
        let text = String::from_utf8(out).unwrap().to_lowercase();
        for line in taken.log.lines().filter(|line| !line.starts_with('#')) {
            let secret = line.split(' ').nth(2).unwrap().to_lowercase();
            assert!(!text.contains(&secret[..32]));
        }
    }
}

#[test]
fn the_bytes_of_an_inner_event_are_found_again() {
    let taken = take("tls13.pcapng");
    let watch = run(&taken.packets, &keys(&taken.log));
    let message = watch
        .events
        .iter()
        .find(|event| matches!(event.kind, EventKind::Ws(Ws::Message(_))))
        .unwrap();
    assert_eq!(message.span.space, Space::Tls(1));
    let mut capture = Capture::open([path("tls13.pcapng")]).unwrap();
    let found = replay(&mut capture, Limits::default(), message)
        .unwrap()
        .unwrap();
    assert!(!found.payload.is_empty());
    let carried: u64 = found
        .pieces
        .iter()
        .map(|piece| piece.bytes.len() as u64)
        .sum();
    assert_eq!(carried, message.span.len, "the frame as it was decrypted");
    assert_eq!(
        found.sealed[0].bytes[..3],
        [23, 3, 3],
        "and the record as it was captured"
    );
}

/// One direction of a connection.
type Half = (ConnId, Dir);

/// Offset, length, packet.
type Brought = (u64, u64, u64);

/// Offset and length of what was decrypted; offset and end of its record.
type Opened = (u64, u64, u64, u64);

/// What the times of inner messages are held against: which packet brought which bytes, which bytes
/// carry which, and what was said of the messages.
#[derive(Default)]
struct Times {
    outer: BTreeMap<Half, Vec<Brought>>,
    inner: BTreeMap<Half, Vec<Opened>>,
    messages: BTreeMap<EventId, (ConnId, Dir, Span)>,
    delivered: Vec<(EventId, Delivered)>,
}

impl Sink for Times {
    fn want(&self) -> Want {
        Want {
            acks: true,
            joined: true,
            stream: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, _: &Flow, _: Loan<'_>) -> io::Result<()> {
        if let EventKind::Tcp(Tcp::Note(Note::Delivered(it))) = &event.kind {
            self.delivered.push((event.about.unwrap(), *it));
        }
        if let (EventKind::Ws(Ws::Message(_)), Some(dir)) = (&event.kind, event.dir) {
            let message = (event.conn, dir, event.span);
            self.messages.insert(event.id, message);
        }
        Ok(())
    }

    fn stream(&mut self, piece: Piece<'_>) -> io::Result<()> {
        let (key, len) = ((piece.conn, piece.dir), piece.bytes.len() as u64);
        match piece.carrier {
            None => {
                let outer = self.outer.entry(key).or_default();
                outer.push((piece.at, len, piece.packet.get()));
            }
            Some(record) if piece.space == Space::Tcp.inside() => {
                let inner = self.inner.entry(key).or_default();
                inner.push((piece.at, len, record.start, record.end()));
            }
            Some(_) => {}
        }
        Ok(())
    }
}

#[test]
fn the_times_of_a_message_are_those_of_the_records_that_carry_it() {
    let mut checked = 0;
    let mut several = 0;
    for name in [
        "tls13",
        "tls12",
        "tls-browser",
        "tls-lossy",
        "tls-tunnel",
        "tls10-and-11",
    ] {
        let name = format!("{name}.pcapng");
        let mut capture = Capture::open([path(&name)]).unwrap();
        let keys = Keys::default();
        capture.set_keys(keys.clone());
        let mut times = Times::default();
        let config = Config {
            keys,
            ..Config::default()
        };
        let mut stamps = BTreeMap::new();
        let each = |packet: &Packet<'_>, _| {
            stamps.insert(packet.no.get(), packet.time);
            Ok(())
        };
        run_each(&mut capture, config, &mut times, None, |_, _| true, each).unwrap();
        for (id, delivered) in &times.delivered {
            let (conn, dir, span) = times.messages[id];
            if span.space != Space::Tcp.inside() {
                continue;
            }
            let inner = &times.inner[&(conn, dir)];
            let record = |at: u64| {
                let holds = |it: &&(u64, u64, u64, u64)| it.0 <= at && at < it.0 + it.1;
                *inner.iter().find(holds).unwrap()
            };
            let outer = &times.outer[&(conn, dir)];
            let packet = |at: u64| {
                let holds = |it: &&(u64, u64, u64)| it.0 <= at && at < it.0 + it.1;
                outer.iter().find(holds).map(|it| it.2)
            };
            let (first, last) = (record(span.start), record(span.end() - 1));
            // A byte that the capture lost has no packet.
            let (Some(sent), Some(seen)) = (packet(first.2), packet(last.3 - 1)) else {
                continue;
            };
            assert_eq!(delivered.packet.get(), seen, "{name} {id}");
            assert_eq!(delivered.seen, stamps[&seen], "{name} {id}");
            assert_eq!(delivered.sent, stamps[&sent], "{name} {id}");
            checked += 1;
            several += usize::from(first.2 != last.2);
        }
    }
    assert!(checked > 500 && several > 20, "{checked} {several}");
}
