//! A connection through the engine, in two transports that must not differ.

use std::io;
use wscope::engine::Engine;
use wscope::forge::{Forged, Scenario};
use wscope::model::{Event, EventKind, Flow, Limits, Loan, Sink, Want};

/// What each direction's layers said, without when; and the payloads.
pub type Said = [Vec<(String, Vec<u8>)>; 2];

/// Decodes the connection as it is, and with these segment sizes.
pub fn both_ways(talk: impl Fn(Scenario) -> Scenario, sizes: Vec<usize>) -> [Said; 2] {
    let forge = |sizes| talk(Scenario::new(1).net(|net| net.cuts = sizes).handshake()).forge();
    [vec![65_000], sizes].map(|sizes| decode(&forge(sizes)))
}

fn decode(forged: &Forged) -> Said {
    let mut keep = Keep::default();
    let mut engine = Engine::new(Limits::default(), keep.want());
    for packet in forged.packets() {
        engine.packet(packet, &mut keep).unwrap();
    }
    engine.finish(&mut keep).unwrap();
    keep.0
}

#[derive(Default)]
struct Keep(Said);

impl Sink for Keep {
    fn want(&self) -> Want {
        Want {
            joined: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, _: &Flow, loan: Loan<'_>) -> io::Result<()> {
        let Some(dir) = event.dir else { return Ok(()) };
        let said = match &event.kind {
            // Where an anomaly was noticed depends on how the bytes came.
            EventKind::Anomaly(anomaly) => format!("{:?}", anomaly.what),
            EventKind::Tcp(_) => return Ok(()),
            kind => format!("{:?} {kind:?} {:?}", event.span, loan.unknown),
        };
        dir.of_mut(&mut self.0).push((said, loan.bytes.to_vec()));
        Ok(())
    }
}

/// Something that only a proof can show was involved: how much is proven depends on the segments.
pub fn is_inferred(said: &Said) -> bool {
    let inferred = |(said, _): &(String, Vec<u8>)| said.contains("inferred: true");
    said.iter().flatten().any(inferred)
}
