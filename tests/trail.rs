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
