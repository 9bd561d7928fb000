//! From captures to a sink, in one call.

use super::relay::{self, Delivery, Relay};
use super::trail::Notes;
use super::{Engine, Trail};
use crate::error::Error;
use crate::insight::Insights;
use crate::model::{Config, Counts, Packet, PacketNo, Sink};
use crate::rules::Judge;
use crate::source::{Capture, Drops, Progress};
use std::io;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

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
    let config = config.into();
    folded(sink, |sink| {
        // What only counts is done sooner than handed over. Who sees segments sees them before they are taken
        // apart; and what comes from a stream does not wait for a batch to be full.
        let want = sink.want();
        let pays = !want.unjudged || want.insights || want.joined;
        match config.threads > 1 && pays && !want.segments && capture.is_all_there() {
            true => run_apart(capture, config, sink, trail, watch),
            false => read(capture, config, sink, trail, watch, |_, _| Ok(())),
        }
    })
}

/// As [`run_along`], and shows each packet once all that it caused is on the timeline; on one thread.
///
/// # Errors
/// What the sink could not write, or `each` says.
pub fn run_each(
    capture: &mut Capture,
    config: impl Into<Config>,
    sink: &mut dyn Sink,
    trail: Option<&Trail>,
    watch: impl FnMut(Progress, Counts) -> bool,
    each: impl FnMut(&Packet<'_>, Counts) -> io::Result<()>,
) -> io::Result<Run> {
    folded(sink, |sink| {
        read(capture, config.into(), sink, trail, watch, each)
    })
}

/// Puts before a sink what judges and folds for it, as far as it reads that.
fn folded<T>(sink: &mut dyn Sink, go: impl FnOnce(&mut dyn Sink) -> T) -> T {
    let read = sink.want();
    match (read.unjudged, read.insights) {
        (true, false) => go(sink),
        (true, true) => go(&mut Insights::new(sink)),
        (false, _) => go(&mut Judge::new(Insights::new(sink))),
    }
}

/// Reads to the end, and tells the sink.
fn read(
    capture: &mut Capture,
    config: Config,
    sink: &mut dyn Sink,
    trail: Option<&Trail>,
    mut watch: impl FnMut(Progress, Counts) -> bool,
    mut each: impl FnMut(&Packet<'_>, Counts) -> io::Result<()>,
) -> io::Result<Run> {
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

/// As [`run_along`], on two threads: what is judged, counted and written stays on this one.
fn run_apart(
    capture: &mut Capture,
    config: Config,
    sink: &mut dyn Sink,
    trail: Option<&Trail>,
    mut watch: impl FnMut(Progress, Counts) -> bool,
) -> io::Result<Run> {
    let want = sink.want();
    let (full, batches) = mpsc::sync_channel(relay::AHEAD);
    let (back, used) = mpsc::channel();
    let far = Mutex::new(None);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut relay = Relay::new(want, full, used);
            let watch = |progress, counts| {
                *lock(&far) = Some((progress, counts));
                !stop.load(Ordering::Relaxed)
            };
            let run = read(capture, config, &mut relay, trail, watch, |_, _| Ok(()))?;
            relay.end()?;
            Ok(run)
        });
        let mut delivery = Delivery::new(sink);
        let told: io::Result<()> = batches.into_iter().try_for_each(|mut batch| {
            delivery.tell(&mut batch)?;
            // Nobody wants it back where the other thread is over.
            let _ = back.send(batch);
            let far = lock(&far).take();
            if far.is_some_and(|(progress, counts)| !watch(progress, counts)) {
                stop.store(true, Ordering::Relaxed);
            }
            Ok(())
        });
        // Where the sink failed, the other thread only knows that nobody listens any more.
        let run = reading.join().unwrap_or_else(|panic| resume_unwind(panic));
        told?;
        delivery.end()?;
        run
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells the engine what the capture says was dropped since it was told last.
pub(super) fn dropped(engine: &mut Engine, drops: &Drops, sink: &mut dyn Sink) -> io::Result<()> {
    match drops.get() - engine.counts().dropped {
        0 => Ok(()),
        packets => engine.dropped(packets, sink),
    }
}
