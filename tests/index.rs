//! The index gives back what went into it.

use std::io;
use std::path::Path;
use wscope::engine;
use wscope::model::{Event, EventKind, Flow, Inflated, Limits, Loan, Sink, Want, Ws};
use wscope::sink::{Index, Level, Line};
use wscope::source::Capture;

/// Keeps events as they are, and in an index.
#[derive(Default)]
struct Both {
    index: Index,
    events: Vec<(Event, Flow)>,
}

impl Sink for Both {
    fn want(&self) -> Want {
        Want {
            acks: true,
            ..self.index.want()
        }
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        self.events.push((event.clone(), *flow));
        self.index.event(event, flow, loan)
    }
}

#[test]
fn every_event_of_every_capture_comes_out_of_the_index_as_it_went_in() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let (mut seen, mut inside) = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_none_or(|it| it != "pcapng" && it != "pcap")
        {
            continue;
        }
        let mut both = Both::default();
        let mut capture = Capture::open([&path]).unwrap();
        engine::run(&mut capture, Limits::default(), &mut both, |_, _| true).unwrap();
        for track in both.index.tracks() {
            let went_in = both.events.iter().filter(|(it, _)| it.conn == track.conn);
            let mut came_out = track.events(Line::FIRST, Level::Acks);
            for (event, flow) in went_in {
                let mut event = event.clone();
                // Rules have looked at it by then: it is not kept in a row.
                let rest = match &mut event.kind {
                    EventKind::Ws(Ws::Message(message)) => Some(&mut message.inflated),
                    _ => None,
                };
                let (line, mut out) = came_out.next().unwrap();
                if let (Some(rest), EventKind::Ws(Ws::Message(out))) = (rest, &mut out.kind) {
                    *rest = Inflated::default();
                    out.inflated = Inflated::default();
                }
                assert_eq!(out, event, "{}", path.display());
                assert_eq!(track.id(line), Some(event.id));
                assert_eq!(track.find(event.id), Some(line));
                assert_eq!(track.time(line), event.time);
                assert_eq!(track.flow_at(line), flow);
                seen += 1;
                inside += u32::from(event.span.space != wscope::model::Space::Tcp);
            }
            assert!(came_out.next().is_none());
        }
    }
    assert!(seen > 10_000 && inside > 1_000, "{seen}, {inside}");
}
