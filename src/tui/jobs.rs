//! The threads: loading, replaying, looking through, keys, signals. All answer into one bounded queue.

use super::compare;
use super::export;
use super::history;
use super::msg::{Batch, Glass, Job, Lens, Msg};
use super::scan::scan;
use super::sift::Needle;
use crate::cli::args::Captures;
#[cfg(unix)]
use crate::cli::live::Live;
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender, SyncSender};
use std::sync::{Arc, Mutex};
#[cfg(unix)]
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};
use wscope::engine::{self, Replay, Stretch, Trail};
use wscope::explain::{Explanation, Lang, Story, Traced, explain, texts};
use wscope::field::View;
use wscope::model::{
    ConnId, Event, EventId, EventKind, Flow, Loan, Note, PacketNo, SessionId, Sink, Tcp, Timestamp,
    Want, Ws,
};
use wscope::sink::{Index, Messages, preview};
use wscope::source::Capture;
#[cfg(unix)]
use wscope::source::{Progress, SpoolReader};

/// Messages that may wait; whoever has more waits too. A key waits behind them.
pub const QUEUE: usize = 8;

/// Events that a batch has at most: a key waits behind those of all batches in the queue, which take some 4 ms.
const BATCH: usize = 256;

/// How long events may lie before they are shown.
const PATIENCE: Duration = Duration::from_millis(40);

/// What is read, and the way through it: what jobs work on.
#[derive(Clone)]
pub struct Source {
    pub captures: Captures,
    pub trail: Trail,
    pub lens: Lens,
}

/// Reads a capture to its end.
pub fn load(mut capture: Capture, source: Source, queue: SyncSender<Msg>) {
    thread::spawn(move || {
        let _alarm = Alarm(queue.clone());
        let mut sink = Batches {
            batch: Batch::default(),
            sent: Instant::now(),
            queue: queue.clone(),
            lens: source.lens,
            glass: Glass::default(),
            start: None,
        };
        let last = queue.clone();
        let config = source.captures.config();
        let watch = |progress, counts| {
            last.send(Msg::Batch(Batch {
                progress: Some((progress, counts)),
                ..Batch::default()
            }))
            .is_ok()
        };
        let run = engine::run_along(&mut capture, config, &mut sink, Some(&source.trail), watch);
        // The sink fails only when nobody listens any more.
        let Ok(run) = run else { return };
        sink.batch.progress = Some((capture.progress(), run.counts));
        let _ = sink.send();
        let _ = queue.send(Msg::Loaded(run.errors));
    });
}

/// Reads a live capture until it ends, whatever ends it; `live` then says what went wrong.
#[cfg(unix)]
pub fn watch(mut live: Live, mut reader: SpoolReader, source: Source, queue: SyncSender<Msg>) {
    thread::spawn(move || {
        let _alarm = Alarm(queue.clone());
        let batches = Shared(Arc::new(Mutex::new(Batches {
            batch: Batch::default(),
            sent: Instant::now(),
            queue: queue.clone(),
            lens: source.lens,
            glass: Glass::default(),
            start: None,
        })));
        // What came is shown before more is waited for.
        let waiting = Shared(Arc::clone(&batches.0));
        let mut idle = live.idle();
        reader.on_idle(move || {
            waiting.flush();
            idle();
        });
        let mut capture = Capture::from_spool(live.name.clone(), reader);
        let mut notes = live.notes();
        notes.count(capture.drops());
        let mut sink = notes.listen(Shared(Arc::clone(&batches.0)));
        live.begin();
        let progress = Progress {
            bytes: 0,
            total: None,
        };
        let run = engine::run_each(
            &mut capture,
            source.captures.config(),
            &mut sink,
            Some(&source.trail),
            |_, _| true,
            |packet, counts| {
                batches.lock().batch.progress = Some((progress, counts));
                notes.packet(packet)
            },
        );
        batches.flush();
        let mut errors = run.map(|run| run.errors).unwrap_or_default();
        errors.extend(live.end());
        let _ = queue.send(Msg::Loaded(errors));
    });
}

/// Batches that another thread can send, too.
#[cfg(unix)]
struct Shared(Arc<Mutex<Batches>>);

#[cfg(unix)]
impl Shared {
    fn lock(&self) -> MutexGuard<'_, Batches> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what there is; that nobody listens is noticed elsewhere.
    fn flush(&self) {
        let mut batches = self.lock();
        if !batches.batch.is_empty() {
            let _ = batches.send();
        }
    }
}

#[cfg(unix)]
impl Sink for Shared {
    fn want(&self) -> Want {
        self.lock().want()
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        self.lock().event(event, flow, loan)
    }
}

/// Gathers events, so that the screen is not asked for each.
struct Batches {
    batch: Batch,
    sent: Instant,
    queue: SyncSender<Msg>,
    lens: Lens,
    glass: Glass,
    start: Option<Timestamp>,
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
        let start = *self.start.get_or_insert(event.time);
        self.batch.push(event, flow, loan);
        let view = View {
            event,
            flow,
            loan,
            start,
        };
        self.batch.look(&self.lens, &mut self.glass, &view);
        let len = self.batch.events.len();
        // The clock is asked now and then: that takes as long as an event does.
        if len >= BATCH || len.is_multiple_of(32) && self.sent.elapsed() > PATIENCE {
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

/// Threads that do one job after the other; a newer replay, search or preview ends the one at hand.
pub struct Workers {
    threads: [(Sender<Job>, Arc<AtomicU64>); 6],
}

impl Workers {
    pub fn new(source: &Source, queue: &SyncSender<Msg>) -> Self {
        Self {
            threads: [(); 6].map(|()| worker(source.clone(), queue.clone())),
        }
    }

    pub fn start(&self, job: Job) {
        let (thread, generation) = match &job {
            Job::Replay { generation, .. } => (0, Some(*generation)),
            Job::Sift {
                generation,
                needle: Needle::Filter(_),
                ..
            } => (1, Some(*generation)),
            Job::Sift { generation, .. } => (4, Some(*generation)),
            Job::Previews { generation, .. } => (2, Some(*generation)),
            Job::Explain { generation, .. } | Job::Trace { generation, .. } => {
                (5, Some(*generation))
            }
            _ => (3, None),
        };
        let (jobs, newest) = &self.threads[thread];
        if let Some(generation) = generation {
            newest.store(generation, Ordering::Relaxed);
        }
        // A worker lives as long as the queue it answers into.
        let _ = jobs.send(job);
    }

    /// Ends the reading for filters and searches other than these.
    pub fn only(&self, filter: Option<u64>, search: Option<u64>) {
        for (thread, generation) in [(1, filter), (4, search)] {
            self.threads[thread]
                .1
                .store(generation.unwrap_or(0), Ordering::Relaxed);
        }
    }
}

fn worker(source: Source, queue: SyncSender<Msg>) -> (Sender<Job>, Arc<AtomicU64>) {
    let (jobs, waiting) = mpsc::channel();
    let newest = Arc::new(AtomicU64::new(0));
    let asked = Arc::clone(&newest);
    thread::spawn(move || {
        let _alarm = Alarm(queue.clone());
        for job in waiting {
            let generation = match &job {
                Job::Replay { generation, .. }
                | Job::Sift { generation, .. }
                | Job::Explain { generation, .. }
                | Job::Trace { generation, .. }
                | Job::Previews { generation, .. } => Some(*generation),
                _ => None,
            };
            let fresh =
                || generation.is_none_or(|generation| asked.load(Ordering::Relaxed) == generation);
            run(&source, job, &fresh, &mut |msg| {
                fresh() && queue.send(msg).is_ok()
            });
        }
    });
    (jobs, newest)
}

/// Does a job; gives up where `fresh` says no.
pub fn run(source: &Source, job: Job, fresh: &dyn Fn() -> bool, send: &mut dyn FnMut(Msg) -> bool) {
    if !fresh() {
        return;
    }
    let answer = match job {
        Job::Replay {
            generation,
            event,
            flow,
        } => Msg::Replayed {
            generation,
            answer: replay(source, &event, &flow, fresh),
        },
        Job::Explain {
            generation,
            event,
            flow,
            lang,
        } => Msg::Explained {
            generation,
            answer: explained(source, lang, &event, &flow, fresh),
        },
        Job::Trace {
            generation,
            event,
            flow,
        } => Msg::Traced {
            generation,
            answer: traced(source, &event, &flow, fresh),
        },
        Job::Sift {
            generation,
            needle,
            start,
            stretches,
            messages,
        } => match sift(
            source,
            (generation, &needle, start),
            (stretches, messages),
            fresh,
            send,
        ) {
            Ok(msg) => msg,
            Err(error) => {
                let hits = Vec::new();
                let (percent, done) = (100, true);
                send(Msg::Sifted {
                    generation,
                    hits,
                    percent,
                    done,
                    from: None,
                });
                Msg::Said(Err(error))
            }
        },
        Job::CloseUp { conn, flow } => match close_up(source, conn, &flow) {
            Ok(index) => Msg::CloseUp {
                conn,
                index: Box::new(index),
            },
            Err(error) => Msg::Said(Err(error)),
        },
        Job::Previews {
            generation,
            conn,
            flow,
            from,
            to,
        } => Msg::Previews {
            generation,
            texts: previews(source, (conn, &flow), (from, to), fresh),
        },
        Job::Compare { old, new } => Msg::Compared(compare::compare(&old, &new)),
        Job::Save { .. } | Job::Keep { .. } | Job::Export { .. } if source.captures.is_live() => {
            Msg::Said(Err(CONFINED.into()))
        }
        Job::Save { path, bytes } => Msg::Said(export::save(&path, &bytes)),
        Job::Keep { path, text } => match export::replace(&path, text.as_bytes()) {
            Ok(()) => return,
            Err(error) => Msg::Said(Err(format!("{}: {error}", path.display()))),
        },
        Job::Remember { path, line } => {
            // A convenience: where it cannot be kept, it is not.
            let _ = history::add(&path, &line);
            return;
        }
        Job::Export { path, what } => Msg::Said(export::export(&source.captures, &path, &what)),
        // Only the thread that draws writes to the terminal.
        Job::Copy(_) => return,
    };
    send(answer);
}

/// Why nothing is saved while it is captured.
const CONFINED: &str =
    "a live capture may write no files but those of -w: it has given up the right";

/// Derives the bytes of an event again: from the nearest stop, else from the beginning.
fn replay(
    source: &Source,
    event: &Event,
    flow: &Flow,
    fresh: &dyn Fn() -> bool,
) -> Result<Arc<Replay>, String> {
    can_be_read_again(&source.captures)?;
    let config = source.captures.config();
    let text = |error: wscope::Error| error.to_string();
    let plain = source.captures.filter.is_none();
    if plain
        && let Some(replay) = source
            .trail
            .replay(&config, event, flow, fresh)
            .map_err(text)?
    {
        return Ok(Arc::new(replay));
    }
    let mut capture = source.captures.open().map_err(|error| error.to_string())?;
    let replay = engine::replay_while(&mut capture, config, event, fresh).map_err(text)?;
    replay.map(Arc::new).ok_or_else(|| {
        "the capture does not show this event any more: was the file changed?".into()
    })
}

/// Reads the event's connection again up to it, and explains it with what is known by then.
fn explained(
    source: &Source,
    lang: Lang,
    wanted: &Event,
    flow: &Flow,
    fresh: &dyn Fn() -> bool,
) -> Result<Box<Explanation>, String> {
    can_be_read_again(&source.captures)?;
    let acks = matches!(
        wanted.kind,
        EventKind::Tcp(Tcp::Note(Note::Ack(_) | Note::Delivered(_)))
    );
    let mut found = None;
    let mut story = Story::new(acks, |event, flow, loan, talk| {
        if event.conn != wanted.conn {
            return Ok(());
        }
        let is = event.id.at == wanted.id.at
            && event.kind == wanted.kind
            && event.dir == wanted.dir
            && event.span == wanted.span;
        if is || found.is_none() && event.id.at == wanted.id.at {
            // Until it comes, and where this run does not give it, what its packet did before says what is known.
            let loan = if is { loan } else { Loan::default() };
            found = Some(explain(lang, wanted, flow, loan, talk));
        }
        match is || event.id.at > wanted.id.at {
            true => Err(io::ErrorKind::Interrupted.into()),
            false => Ok(()),
        }
    });
    let config = source.captures.config();
    let from = PacketNo::FIRST;
    let text = |error: wscope::Error| error.to_string();
    if source.captures.filter.is_none() && source.trail.is_usable() {
        let watch = |packet| fresh() && packet <= wanted.id.at;
        let conn = (wanted.conn, flow, from);
        source
            .trail
            .follow(&config, conn, &mut story, watch)
            .map_err(text)?;
    } else {
        let mut capture = source.captures.open().map_err(|error| error.to_string())?;
        // It ends where the event was found: that is no fault.
        let _ = engine::run(&mut capture, config, &mut story, |_, _| fresh());
    }
    let late = story
        .talk(wanted.conn)
        .map(|talk| explain(lang, wanted, flow, Loan::default(), talk));
    drop(story);
    let told = found.or(late);
    told.map(Box::new)
        .ok_or_else(|| texts::say(lang, "ui.explained.gone", &[]))
}

/// Inflates the messages of the event's connection again, up to it.
fn traced(
    source: &Source,
    wanted: &Event,
    flow: &Flow,
    fresh: &dyn Fn() -> bool,
) -> Option<Box<Traced>> {
    if source.captures.filter.is_some() || !source.trail.is_usable() {
        return None;
    }
    let mut found = None;
    let mut story = Story::new(false, |event, _, _, talk| {
        let is = event.conn == wanted.conn
            && event.id.at == wanted.id.at
            && event.kind.word() == wanted.kind.word()
            && (event.dir, event.span) == (wanted.dir, wanted.span);
        if !is {
            return Ok(());
        }
        let trace = wanted.dir.and_then(|dir| dir.of(&talk.trace).as_ref());
        found = trace.and_then(|trace| trace.last.clone());
        Err(io::ErrorKind::Interrupted.into())
    });
    let conn = (wanted.conn, flow, PacketNo::FIRST);
    let watch = |packet| fresh() && packet <= wanted.id.at;
    let read = source
        .trail
        .follow(&source.captures.config(), conn, &mut story, watch);
    drop(story);
    read.ok()?;
    found.map(Box::new)
}

fn can_be_read_again(captures: &Captures) -> Result<(), String> {
    let fine =
        |file: &Path| file != Path::new("-") && file.metadata().is_ok_and(|meta| meta.is_file());
    let Some(file) = captures.files.iter().find(|file| !fine(file)) else {
        return Ok(());
    };
    let name = if file.as_path() == Path::new("-") {
        "standard input".into()
    } else {
        file.display().to_string()
    };
    Err(format!(
        "{name} cannot be read a second time, so the bytes are gone; save the capture to a file to see them"
    ))
}

/// Of a hundred parts of the work, so many are done once messages were looked at where they lie.
const SCANNED: u64 = 90;

/// Connections from which on two threads share the work.
const SHARED: usize = 4;

/// Looks at payloads of messages; what is found is sent as it is found.
fn sift(
    source: &Source,
    (generation, needle, start): (u64, &Needle, Timestamp),
    (mut stretches, messages): (Vec<Stretch>, Vec<Messages>),
    fresh: &dyn Fn() -> bool,
    send: &mut dyn FnMut(Msg) -> bool,
) -> Result<Msg, String> {
    can_be_read_again(&source.captures)?;
    #[cfg(unix)]
    if source.captures.has_forgotten() {
        return sift_rest(source, generation, (needle, start, &stretches), fresh);
    }
    let hits = Found::default();
    let mut sent = Instant::now();
    let mut tell = |(from, to): (u64, u64), done: u64, total: u64| {
        if sent.elapsed() < PATIENCE * 2 {
            return fresh();
        }
        sent = Instant::now();
        let total = total.max(1);
        send(Msg::Sifted {
            generation,
            hits: hits.take(),
            percent: from + done.min(total).saturating_mul(to - from) / total,
            done: false,
            from: None,
        }) && fresh()
    };
    let config = source.captures.config();
    let along = source.captures.filter.is_none() && source.trail.is_usable();
    let mut sessions: HashMap<_, _> = messages.iter().map(|it| (it.conn, it.session)).collect();
    let renumbered = stretches.iter().all(|it| sessions.contains_key(&it.conn));
    if !needle.needs_everything() {
        sessions.clear();
    }
    let sieve = |stretches| Sieve {
        needle: needle.clone(),
        start,
        stretches,
        sessions: sessions.clone(),
        hits: hits.clone(),
    };
    let mut rest = (0, 100);
    if along && !messages.is_empty() {
        let all = (stretches.as_slice(), messages);
        let mut tell = |done, total| tell((0, SCANNED), done, total);
        stretches = scan(source, (needle, start), all, &hits, &mut tell)?;
        rest = (SCANNED, 100);
    }
    let mut tell = |done, total| tell(rest, done, total);
    if stretches.is_empty() {
        // All of it was found where it lies.
    } else if !along || needle.needs_everything() && !renumbered {
        let mut capture = source.captures.open().map_err(|error| error.to_string())?;
        let mut sieve = sieve(stretches.to_vec());
        engine::run(&mut capture, config, &mut sieve, |progress, _| {
            tell(progress.bytes, progress.total.unwrap_or(u64::MAX))
        })
        .map_err(|error| error.to_string())?;
    } else {
        // Every other connection is another thread's, where there are enough.
        let turn = |which: usize| stretches.iter().skip(which).step_by(2).copied();
        let shared = stretches.len() >= SHARED;
        let (mine, others): (Vec<_>, Vec<_>) = match shared {
            true => (turn(0).collect(), turn(1).collect()),
            false => (stretches.to_vec(), Vec::new()),
        };
        let go_on = Arc::new(AtomicBool::new(true));
        let helper = shared.then(|| {
            let (trail, config) = (source.trail.clone(), config.clone());
            let (mut sieve, go_on) = (sieve(others.clone()), Arc::clone(&go_on));
            thread::spawn(move || {
                let watch = |_, _| go_on.load(Ordering::Relaxed);
                trail.follow_many(&config, &others, &mut sieve, watch)
            })
        });
        let mut sieve = sieve(mine.clone());
        let mut all = (0, 0);
        let done = source
            .trail
            .follow_many(&config, &mine, &mut sieve, |done, total| {
                all = (done, total);
                tell(done, total)
            });
        if let Some(helper) = helper {
            while !helper.is_finished() {
                if done.is_err() || !tell(all.0, all.1) {
                    go_on.store(false, Ordering::Relaxed);
                }
                thread::sleep(Duration::from_millis(5));
            }
            let helped = helper.join();
            let text = |error: wscope::Error| error.to_string();
            helped.map_err(|_| "a thread broke down")?.map_err(text)?;
        }
        done.map_err(|error| error.to_string())?;
    }
    Ok(Msg::Sifted {
        generation,
        hits: hits.take(),
        percent: 100,
        done: true,
        from: None,
    })
}

/// What was found and not sent yet.
#[derive(Clone, Default)]
pub struct Found(Arc<Mutex<Vec<(ConnId, EventId)>>>);

impl Found {
    fn take(&self) -> Vec<(ConnId, EventId)> {
        self.0
            .lock()
            .map_or_else(|_| Vec::new(), |mut hits| std::mem::take(&mut *hits))
    }

    pub fn push(&self, hit: (ConnId, EventId)) {
        if let Ok(mut hits) = self.0.lock() {
            hits.push(hit);
        }
    }
}

/// Asks the messages of some stretches.
struct Sieve {
    needle: Needle,
    start: Timestamp,
    /// In the order of their connections.
    stretches: Vec<Stretch>,
    /// The sessions of connections, where they are asked for: a run over some connections numbers them otherwise.
    sessions: HashMap<ConnId, SessionId>,
    hits: Found,
}

impl Sieve {
    fn lets_pass(&self, event: &Event, flow: &Flow, loan: Loan<'_>) -> bool {
        let start = self.start;
        let session = self.sessions.get(&event.conn);
        let numbered = session.and_then(|&session| in_session(event, session));
        let event = numbered.as_ref().unwrap_or(event);
        let view = View {
            event,
            flow,
            loan,
            start,
        };
        self.is_asked_for(event) && self.needle.hits(&view)
    }

    fn is_asked_for(&self, event: &Event) -> bool {
        let of = |stretch: &Stretch| stretch.conn;
        let at = self.stretches.binary_search_by_key(&event.conn, of);
        let within = |it: &Stretch| event.packet >= it.from && event.packet <= it.to;
        matches!(event.kind, EventKind::Ws(Ws::Message(_)))
            && at.is_ok_and(|at| self.stretches.get(at).is_some_and(within))
    }
}

/// The message, as one of this session.
fn in_session(event: &Event, session: SessionId) -> Option<Event> {
    let mut event = event.clone();
    let EventKind::Ws(Ws::Message(message)) = &mut event.kind else {
        return None;
    };
    message.session = session;
    Some(event)
}

impl Sink for Sieve {
    fn want(&self) -> Want {
        Want {
            joined: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        if self.lets_pass(event, flow, loan) {
            self.hits.push((event.conn, event.id));
        }
        Ok(())
    }
}

/// Looks through what is still in the spool.
#[cfg(unix)]
fn sift_rest(
    source: &Source,
    generation: u64,
    (needle, start, stretches): (&Needle, Timestamp, &[Stretch]),
    fresh: &dyn Fn() -> bool,
) -> Result<Msg, String> {
    /// Counts each connection's events of the packet at hand.
    struct Counting {
        sieve: Sieve,
        at: PacketNo,
        counts: HashMap<ConnId, u32>,
        hits: Vec<(ConnId, EventId)>,
    }
    impl Sink for Counting {
        fn want(&self) -> Want {
            Want {
                joined: true,
                ..Want::default()
            }
        }
        fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
            if event.id.at != self.at {
                self.at = event.id.at;
                self.counts.clear();
            }
            let nth = self.counts.entry(event.conn).or_insert(0);
            if self.sieve.lets_pass(event, flow, loan) {
                let (at, nth) = (event.id.at, *nth);
                self.hits.push((event.conn, EventId { at, nth }));
            }
            *nth += 1;
            Ok(())
        }
    }
    // What the loader had at hand when the filter was set has been sent by then.
    thread::sleep(PATIENCE * 2);
    let config = source.captures.config();
    for attempt in 0.. {
        let mut sink = Counting {
            sieve: Sieve {
                needle: needle.clone(),
                start,
                stretches: stretches.to_vec(),
                sessions: HashMap::new(),
                hits: Found::default(),
            },
            at: PacketNo::FIRST,
            counts: HashMap::new(),
            hits: Vec::new(),
        };
        match source.trail.rest(&config, &mut sink, |_| fresh()) {
            Ok(Some(from)) => {
                return Ok(Msg::Sifted {
                    generation,
                    hits: sink.hits,
                    percent: 100,
                    done: true,
                    from: Some(from),
                });
            }
            Ok(None) => break,
            // What was read has just been overwritten: what is newer may be read in time.
            Err(_) if attempt < ATTEMPTS && fresh() => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Err("nothing in the spool can be looked through from a beginning: more room, with --spool, keeps more".into())
}

/// How often it is tried to read the spool faster than it is overwritten.
#[cfg(unix)]
const ATTEMPTS: u32 = 3;

/// Acknowledgements that a close-up holds at most.
const ACKS: u64 = 500_000;

/// Reads one connection with every acknowledgement.
fn close_up(source: &Source, conn: ConnId, flow: &Flow) -> Result<Index, String> {
    struct Acks {
        index: Index,
        room: u64,
    }
    impl Sink for Acks {
        fn want(&self) -> Want {
            Want {
                joined: true,
                acks: true,
                ..Want::default()
            }
        }
        fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
            self.room = self.room.saturating_sub(1);
            if self.room == 0 {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            self.index.event(event, flow, loan)
        }
    }
    can_be_read_again(&source.captures)?;
    let mut acks = Acks {
        index: Index::default(),
        room: ACKS,
    };
    let config = source.captures.config();
    source
        .trail
        .follow(&config, (conn, flow, PacketNo::FIRST), &mut acks, |_| true)
        .map_err(|error| error.to_string())?;
    Ok(acks.index)
}

/// The beginnings of payloads of a connection's messages in these packets.
fn previews(
    source: &Source,
    (conn, flow): (ConnId, &Flow),
    (from, to): (PacketNo, PacketNo),
    fresh: &dyn Fn() -> bool,
) -> Vec<(EventId, String)> {
    struct Heads {
        texts: Vec<(EventId, String)>,
        from: PacketNo,
        to: PacketNo,
    }
    impl Sink for Heads {
        fn want(&self) -> Want {
            Want {
                joined: true,
                ..Want::default()
            }
        }
        fn event(&mut self, event: &Event, _: &Flow, loan: Loan<'_>) -> io::Result<()> {
            if event.packet > self.to {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            if event.packet >= self.from && matches!(event.kind, EventKind::Ws(Ws::Message(_))) {
                let mut text = String::new();
                preview(&mut text, event, loan);
                self.texts.push((event.id, text));
            }
            Ok(())
        }
    }
    let mut heads = Heads {
        texts: Vec::new(),
        from,
        to,
    };
    let config = source.captures.config();
    // What cannot be read is said where the bytes are asked for.
    let _ = source
        .trail
        .follow(&config, (conn, flow, from), &mut heads, |at| {
            at <= to && fresh()
        });
    heads.texts
}

/// How long the keyboard is waited for until one asks whether there still is a terminal.
const LISTEN: Duration = Duration::from_millis(500);

/// Hands on keys, the mouse and new sizes; ends the screen where the terminal is gone.
pub fn listen(queue: SyncSender<Msg>) {
    thread::spawn(move || {
        loop {
            // Who waits without an end for a terminal that is gone would ask it again and again.
            let msg = match crossterm::event::poll(LISTEN) {
                Ok(true) => crossterm::event::read().map_or(Msg::Stop, Msg::Input),
                Ok(false) if !is_gone() => continue,
                Ok(false) | Err(_) => Msg::Stop,
            };
            let stop = matches!(msg, Msg::Stop);
            if queue.send(msg).is_err() || stop {
                return;
            }
        }
    });
}

/// Whether the terminal was hung up: who heeds SIGHUP never asks.
#[cfg(unix)]
fn is_gone() -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::os::fd::AsFd as _;
    let out = io::stdout();
    let mut asked = [PollFd::new(out.as_fd(), PollFlags::empty())];
    let gone = PollFlags::POLLHUP | PollFlags::POLLERR;
    poll(&mut asked, PollTimeout::ZERO).is_ok()
        && asked
            .iter()
            .any(|asked| asked.revents().is_some_and(|it| it.intersects(gone)))
}

#[cfg(not(unix))]
fn is_gone() -> bool {
    false
}

/// Hands on the signals that ask us to go, or to stand aside.
#[cfg(unix)]
pub fn watch_signals(queue: SyncSender<Msg>) -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP};
    let mut signals = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM, SIGTSTP])?;
    thread::spawn(move || {
        for signal in signals.forever() {
            let msg = if signal == SIGTSTP {
                Msg::Suspend
            } else {
                Msg::Stop
            };
            if queue.send(msg).is_err() {
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
