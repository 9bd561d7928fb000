//! What a trail finds is what a run from the beginning finds.

use std::io;
use std::path::Path;
use wscope::engine::{Trail, replay, run_along};
use wscope::model::{Config, Event, Flow, Limits, Loan, Sink, Want};
use wscope::source::Capture;

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
