//! What a trail finds is what a run from the beginning finds.

use std::io;
use std::path::Path;
use wscope::engine::{Stretch, Trail, replay, run_along};
use wscope::forge::{Mix, Traffic};
use wscope::model::{
    Config, ConnId, Event, EventKind, Flow, Limits, Loan, PacketNo, Sink, Want, Ws,
};
use wscope::source::{Capture, PcapngWriter};

struct Keep(Vec<(Event, Flow)>);

impl Sink for Keep {
    fn want(&self) -> Want {
        Want {
            joined: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, flow: &Flow, _: Loan<'_>) -> io::Result<()> {
        self.0.push((event.clone(), *flow));
        Ok(())
    }
}

#[test]
fn a_trail_leads_to_the_same_bytes() {
    let names = [
        "deflate",
        "lossy",
        "fragments",
        "port-reuse",
        "midstream",
        "twelve",
        "connect-proxy",
    ];
    for name in names {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("captures/{name}.pcapng"));
        let mut capture = Capture::open([&path]).unwrap();
        // A stop for every kilobyte, so that many connections go on in their middle.
        let trail = Trail::with_legs(&capture, 1_000);
        let mut keep = Keep(Vec::new());
        run_along(
            &mut capture,
            Limits::default(),
            &mut keep,
            Some(&trail),
            |_, _| true,
        )
        .unwrap();
        let config = Config::default();
        for (event, flow) in keep.0.iter().step_by(5) {
            let found = trail.replay(&config, event, flow, || true).unwrap();
            let found = found.unwrap_or_else(|| panic!("{name}: {event:?}"));
            let mut again = Capture::open([&path]).unwrap();
            let whole = replay(&mut again, config.clone(), event).unwrap().unwrap();
            assert_eq!(found.event, *event);
            let has_bytes = event.span.len > 0;
            if has_bytes {
                assert_eq!(found.pieces, whole.pieces, "{name} {}", event.id);
                assert_eq!(found.payload, whole.payload, "{name} {}", event.id);
                assert_eq!(found.unknown, whole.unknown, "{name} {}", event.id);
            }
            assert_eq!(found.packet, whole.packet, "{name} {}", event.id);
        }
    }
}

/// Long enough that connections lie in many stretches of the file, each with packets of others between.
#[test]
fn connections_are_found_among_many() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let out = std::io::BufWriter::new(file.reopen().unwrap());
    let mut out = PcapngWriter::new(out).unwrap();
    for packet in Traffic::new(Mix::Chat, 7, 2_000_000) {
        out.packet(&packet.numbered(PacketNo::FIRST)).unwrap();
    }
    out.flush().unwrap();
    let mut capture = Capture::open([file.path()]).unwrap();
    let trail = Trail::with_legs(&capture, 4_000);
    let mut keep = Keep(Vec::new());
    let limits = Limits::default();
    let run = run_along(&mut capture, limits, &mut keep, Some(&trail), |_, _| true).unwrap();
    assert!(run.counts.packets > 10 * 1024, "{:?}", run.counts);
    let config = Config::default();
    let messages: Vec<_> = keep
        .0
        .iter()
        .filter(|(event, _)| event.kind.word() == "ws.message")
        .collect();
    // The second half of every third connection.
    let mut stretches = Vec::new();
    let mut wanted = Vec::new();
    for conn in (0..run.counts.tcp_conns as u32).step_by(3).map(ConnId) {
        let mine: Vec<_> = messages
            .iter()
            .filter(|(event, _)| event.conn == conn)
            .collect();
        let half = &mine[mine.len() / 2..];
        if let (Some((first, _)), Some((last, _))) = (half.first(), half.last()) {
            let (from, to) = (first.first, last.packet);
            stretches.push(Stretch { conn, from, to });
            wanted.extend(half.iter().map(|(event, _)| event.id));
        }
    }
    let mut again = Keep(Vec::new());
    trail
        .follow_many(&config, &stretches, &mut again, |_, _| true)
        .unwrap();
    let asked = |event: &Event| {
        let of = stretches.iter().find(|it| it.conn == event.conn);
        of.is_some_and(|it| it.from <= event.packet && event.packet <= it.to)
    };
    let mut found: Vec<_> = again
        .0
        .iter()
        .filter(|(event, _)| event.kind.word() == "ws.message" && asked(event))
        .map(|(event, _)| event.id)
        .collect();
    wanted.sort();
    found.sort();
    assert!(wanted.len() > 500, "{}", wanted.len());
    assert_eq!(found, wanted);
    for (event, flow) in messages.iter().step_by(101) {
        let found = trail.replay(&config, event, flow, || true).unwrap();
        let found = found.unwrap_or_else(|| panic!("{event:?}"));
        let length: usize = found.pieces.iter().map(|piece| piece.bytes.len()).sum();
        assert_eq!(length as u64, event.span.len, "{}", event.id);
        let EventKind::Ws(Ws::Message(message)) = &event.kind else {
            unreachable!("these are messages");
        };
        assert_eq!(found.payload.len() as u64, message.length, "{}", event.id);
    }
}

/// The packets of several captures in turn, as if they had come at once: `(link, length, data)`.
#[cfg(unix)]
fn interleaved(names: &[&str]) -> Vec<(wscope::model::Link, u32, Vec<u8>)> {
    let mut captures: Vec<_> = names
        .iter()
        .map(|name| {
            let path =
                Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("captures/{name}.pcapng"));
            Capture::open([path]).unwrap()
        })
        .collect();
    let mut all = Vec::new();
    loop {
        let before = all.len();
        for capture in &mut captures {
            if let Some(packet) = capture.next().unwrap() {
                all.push((packet.link, packet.orig_len, packet.data.to_vec()));
            }
        }
        if all.len() == before {
            return all;
        }
    }
}

#[cfg(unix)]
#[test]
fn what_is_left_in_a_spool_is_derived_as_the_whole_was() {
    use std::thread;
    use wscope::model::{Packet, PacketNo, Timestamp};
    use wscope::source::Spool;
    let packets = interleaved(&[
        "lossy-deflate",
        "twelve",
        "plain",
        "fragments",
        "lossy",
        "nginx",
        "haproxy",
        "java",
        "port-reuse",
        "zero-window",
        "tls13",
    ]);
    let (mut spool, reader, history) = Spool::new(&std::env::temp_dir(), 1).unwrap();
    let trail = Trail::of_spool(&history);
    let reading = thread::spawn({
        let trail = trail.clone();
        move || {
            let mut capture = Capture::from_spool("spool", reader);
            let mut keep = Keep(Vec::new());
            let watch = |_, _| true;
            run_along(
                &mut capture,
                Limits::default(),
                &mut keep,
                Some(&trail),
                watch,
            )
            .unwrap();
            keep.0
        }
    });
    for (at, (link, orig_len, data)) in packets.iter().enumerate() {
        let packet = Packet {
            no: PacketNo::FIRST,
            time: Timestamp(at as i64 * 1_000_000),
            link: *link,
            orig_len: *orig_len,
            data,
        };
        assert!(spool.packet(&packet).unwrap(), "the reader is waited for");
        if at % 20 == 0 {
            spool.commit().unwrap();
            while history.unread() > 0 || !history.is_idle() {
                thread::yield_now();
            }
        }
    }
    drop(spool);
    let all = reading.join().unwrap();
    let mut rest = Keep(Vec::new());
    let from = trail.rest(&Config::default(), &mut rest, |_| true).unwrap();
    let from = from.unwrap();
    assert!(from > PacketNo::FIRST && from == history.oldest());
    let facts = |events: &[(Event, Flow)]| -> Vec<_> {
        let facts = events.iter().filter(|(event, _)| {
            let added = matches!(event.kind, EventKind::Finding(_) | EventKind::Insight(_));
            !added && event.id.at >= from && !event.id.at.is_end()
        });
        facts
            .map(|(it, flow)| {
                (
                    it.conn,
                    it.id.at,
                    it.kind.word(),
                    it.dir,
                    it.span,
                    it.time,
                    *flow,
                )
            })
            .collect()
    };
    let (all, rest) = (facts(&all), facts(&rest.0));
    let first = all.iter().zip(&rest).find(|(one, other)| one != other);
    assert_eq!(first, None);
    assert_eq!(all.len(), rest.len());
    assert!(rest.len() > 1000, "{}", rest.len());
}
