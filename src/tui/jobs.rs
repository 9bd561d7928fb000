//! The threads: loading, replaying, keys, signals. All answer into one bounded queue.

use super::msg::{Batch, Job, Msg};
use crate::cli::args::Captures;
#[cfg(unix)]
use crate::cli::live::Live;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender, SyncSender};
#[cfg(unix)]
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};
use wscope::engine;
#[cfg(unix)]
use wscope::model::PacketNo;
use wscope::model::{Config, Event, Flow, Loan, Sink, Want};
use wscope::source::Capture;
#[cfg(unix)]
use wscope::source::{History, Progress, SpoolReader};

/// Messages that may wait; whoever has more waits too.
pub const QUEUE: usize = 32;

/// Events that a batch has at most.
const BATCH: usize = 1024;

/// How long events may lie before they are shown.
const PATIENCE: Duration = Duration::from_millis(40);

/// Reads a capture to its end.
pub fn load(mut capture: Capture, config: Config, queue: SyncSender<Msg>) {
    thread::spawn(move || {
        let _alarm = Alarm(queue.clone());
        let mut sink = Batches {
            batch: Batch::default(),
            sent: Instant::now(),
            queue: queue.clone(),
        };
        let last = queue.clone();
        let run = engine::run(&mut capture, config, &mut sink, |progress, counts| {
            last.send(Msg::Batch(Batch {
                progress: Some((progress, counts)),
                ..Batch::default()
            }))
            .is_ok()
        });
        // The sink fails only when nobody listens any more.
        let Ok(run) = run else { return };
        sink.batch.progress = Some((capture.progress(), run.counts));
        let _ = sink.send();
        let _ = queue.send(Msg::Loaded(run.errors));
    });
}

/// Reads a live capture until it ends, whatever ends it; `live` then says what went wrong.
#[cfg(unix)]
pub fn watch(mut live: Live, mut reader: SpoolReader, config: Config, queue: SyncSender<Msg>) {
    thread::spawn(move || {
        let _alarm = Alarm(queue.clone());
        let batches = Arc::new(Mutex::new(Batches {
            batch: Batch::default(),
            sent: Instant::now(),
            queue: queue.clone(),
        }));
        let lock = |batches: &Mutex<Batches>| -> io::Result<()> {
            let mut batches = batches.lock().unwrap_or_else(PoisonError::into_inner);
            if !batches.batch.is_empty() {
                batches.send()?;
            }
            Ok(())
        };
        // What came is shown before more is waited for.
        let waiting = Arc::clone(&batches);
        reader.on_idle(move || _ = lock(&waiting));
        let mut capture = Capture::from_spool(live.name.clone(), reader);
        let mut notes = live.notes();
        let mut sink = notes.listen(Together(Arc::clone(&batches)));
        live.begin();
        let progress = Progress {
            bytes: 0,
            total: None,
        };
        let run = engine::run_each(
            &mut capture,
            config,
            &mut sink,
            |_, _| true,
            |packet, counts| {
                let mut batches = batches.lock().unwrap_or_else(PoisonError::into_inner);
                batches.batch.progress = Some((progress, counts));
                drop(batches);
                notes.packet(packet)
            },
        );
        let _ = lock(&batches);
        let mut errors = run.map(|run| run.errors).unwrap_or_default();
        errors.extend(live.end());
        let _ = queue.send(Msg::Loaded(errors));
    });
}

/// A sink that another thread can empty.
#[cfg(unix)]
struct Together(Arc<Mutex<Batches>>);

#[cfg(unix)]
impl Sink for Together {
    fn want(&self) -> Want {
        Want {
            joined: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        let mut batches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        batches.event(event, flow, loan)
    }
}

/// Gathers events, so that the screen is not asked for each.
struct Batches {
    batch: Batch,
    sent: Instant,
    queue: SyncSender<Msg>,
}

impl Batches {
    fn send(&mut self) -> io::Result<()> {
        self.sent = Instant::now();
        let batch = std::mem::take(&mut self.batch);
        self.batch.events.reserve(BATCH);
        self.queue
            .send(Msg::Batch(batch))
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Sink for Batches {
    fn want(&self) -> Want {
        Want {
            joined: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        self.batch.push(event, flow, loan);
        if self.batch.events.len() >= BATCH || self.sent.elapsed() > PATIENCE {
            self.send()?;
        }
        Ok(())
    }
}

/// Ends the screen where a thread breaks down: the report is on the terminal by then.
struct Alarm(SyncSender<Msg>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self.0.send(Msg::Stop);
        }
    }
}

/// A thread that does one job after the other, and drops the one at hand when another comes.
pub struct Worker {
    jobs: Sender<Job>,
    newest: Arc<AtomicU64>,
}

impl Worker {
    /// `replay` derives the bytes of an event again, as long as it is told to go on.
    pub fn new(
        mut replay: impl FnMut(&Event, &mut dyn FnMut() -> bool) -> Answer + Send + 'static,
        queue: SyncSender<Msg>,
    ) -> Self {
        let (jobs, waiting) = mpsc::channel();
        let newest = Arc::new(AtomicU64::new(0));
        let asked = Arc::clone(&newest);
        thread::spawn(move || {
            let _alarm = Alarm(queue.clone());
            for Job::Replay { generation, event } in waiting {
                let mut fresh = || asked.load(Ordering::Relaxed) == generation;
                if !fresh() {
                    continue;
                }
                let answer = replay(&event, &mut fresh);
                if fresh() && queue.send(Msg::Replayed { generation, answer }).is_err() {
                    return;
                }
            }
        });
        Self { jobs, newest }
    }

    pub fn start(&self, job: Job) {
        let Job::Replay { generation, .. } = &job;
        self.newest.store(*generation, Ordering::Relaxed);
        // The worker lives as long as the queue it answers into.
        let _ = self.jobs.send(job);
    }
}

/// The bytes of an event, or why there are none.
pub type Answer = Result<Arc<engine::Replay>, String>;

/// Derives the bytes of an event again, from what is kept of a live capture.
#[cfg(unix)]
pub fn replay_live(
    history: &History,
    config: &Config,
    event: &Event,
    go_on: impl FnMut() -> bool,
) -> Answer {
    let mut capture = history
        .seek(PacketNo::FIRST)
        .map_err(|error| error.to_string())?;
    let replay = engine::replay_while(&mut capture, config.clone(), event, go_on)
        .map_err(|error| error.to_string())?;
    replay
        .map(Arc::new)
        .ok_or_else(|| "not there any more".into())
}

/// Derives the bytes of an event again.
pub fn replay(captures: &Captures, event: &Event, go_on: impl FnMut() -> bool) -> Answer {
    if let Some(file) = captures.files.iter().find(|file| !can_be_read_again(file)) {
        let name = if file.as_path() == Path::new("-") {
            "standard input".into()
        } else {
            file.display().to_string()
        };
        return Err(format!(
            "{name} cannot be read a second time, so the bytes are gone; save the capture to a file to see them"
        ));
    }
    let mut capture = captures.open().map_err(|error| error.to_string())?;
    let replay = engine::replay_while(&mut capture, captures.config(), event, go_on)
        .map_err(|error| error.to_string())?;
    replay.map(Arc::new).ok_or_else(|| {
        "the capture does not show this event any more: was the file changed?".into()
    })
}

fn can_be_read_again(file: &Path) -> bool {
    file != Path::new("-") && file.metadata().is_ok_and(|meta| meta.is_file())
}

/// Hands on keys, the mouse and new sizes.
pub fn listen(queue: SyncSender<Msg>) {
    thread::spawn(move || {
        loop {
            let msg = crossterm::event::read().map_or(Msg::Stop, Msg::Input);
            let stop = matches!(msg, Msg::Stop);
            if queue.send(msg).is_err() || stop {
                return;
            }
        }
    });
}

/// Hands on the signals that ask us to go.
#[cfg(unix)]
pub fn watch_signals(queue: SyncSender<Msg>) -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    thread::spawn(move || {
        for _ in signals.forever() {
            if queue.send(Msg::Stop).is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// Without signals there is nothing to watch.
#[cfg(not(unix))]
pub fn watch_signals(_: SyncSender<Msg>) -> io::Result<()> {
    Ok(())
}
