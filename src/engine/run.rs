//! From captures to a sink, in one call.

use super::trail::Notes;
use super::{Engine, Trail};
use crate::error::Error;
use crate::insight::Insights;
use crate::model::{Config, Counts, Packet, PacketNo, Sink};
use crate::rules::Judge;
use crate::source::{Capture, Drops, Progress};
use std::io;

/// How a run went.
#[derive(Debug)]
pub struct Run {
    /// What came.
    pub counts: Counts,
    /// What was wrong with the files; what could be read of them was decoded.
    pub errors: Vec<Error>,
    /// The number of the first packet of each file.
    pub starts: Vec<PacketNo>,
}

/// How many packets go by between two calls of `watch`.
const STRIDE: u64 = 4096;

/// Reads captures to their end, judges, and hands every event to the sink. `watch` is told now and then how
/// far it came, and ends the run early by answering false.
///
/// A file that cannot be read any further does not keep the others from being read, and what was
/// decoded before is not lost.
///
/// # Errors
/// What the sink could not write.
pub fn run(
    capture: &mut Capture,
    config: impl Into<Config>,
    sink: &mut dyn Sink,
    watch: impl FnMut(Progress, Counts) -> bool,
) -> io::Result<Run> {
    run_along(capture, config, sink, None, watch)
}

/// As [`run`], and leaves a trail on the way.
///
/// # Errors
/// As for [`run`].
pub fn run_along(
    capture: &mut Capture,
    config: impl Into<Config>,
    sink: &mut dyn Sink,
    trail: Option<&Trail>,
    watch: impl FnMut(Progress, Counts) -> bool,
) -> io::Result<Run> {
    run_each(capture, config, sink, trail, watch, |_, _| Ok(()))
}

/// As [`run_along`], and shows each packet once all that it caused is on the timeline.
///
/// # Errors
/// What the sink could not write, or `each` says.
pub fn run_each(
    capture: &mut Capture,
    config: impl Into<Config>,
    sink: &mut dyn Sink,
    trail: Option<&Trail>,
    mut watch: impl FnMut(Progress, Counts) -> bool,
    mut each: impl FnMut(&Packet<'_>, Counts) -> io::Result<()>,
) -> io::Result<Run> {
    let read = sink.want();
    let (mut judge, mut insights);
    let sink: &mut dyn Sink = match (read.unjudged, read.insights) {
        (true, false) => sink,
        (true, true) => {
            insights = Insights::new(sink);
            &mut insights
        }
        (false, _) => {
            judge = Judge::new(Insights::new(sink));
            &mut judge
        }
    };
    let config = config.into();
    capture.look_ahead(&config.keys);
    capture.set_keys(config.keys.clone());
    let want = sink.want();
    let mut engine = Engine::new(config, want);
    engine.notes = trail.map(Notes::new);
    let mut errors = Vec::new();
    let drops = capture.drops();
    loop {
        match capture.next() {
            Ok(Some(packet)) => {
                dropped(&mut engine, &drops, sink)?;
                engine.packet(packet, sink)?;
                each(&packet, engine.counts())?;
            }
            Ok(None) => break,
            Err(error) => errors.push(error),
        }
        if let Some(trail) = trail {
            trail.note(capture, &mut engine);
        }
        let counts = engine.counts();
        if counts.packets.is_multiple_of(STRIDE) && !watch(capture.progress(), counts) {
            break;
        }
    }
    dropped(&mut engine, &drops, sink)?;
    if let Some(trail) = trail {
        trail.gather(capture, &mut engine);
    }
    engine.finish(sink)?;
    Ok(Run {
        counts: engine.counts(),
        errors,
        starts: capture.starts().to_vec(),
    })
}

/// Tells the engine what the capture says was dropped since it was told last.
pub(super) fn dropped(engine: &mut Engine, drops: &Drops, sink: &mut dyn Sink) -> io::Result<()> {
    match drops.get() - engine.counts().dropped {
        0 => Ok(()),
        packets => engine.dropped(packets, sink),
    }
}
