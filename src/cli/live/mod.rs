//! `wscope live`: traffic as it happens.
//!
//! ```text
//! a process with rights         │ this process, which has given up its own
//! device ─┬──────► spool ───────┼──► engine ─► screen or lines
//!         └► -w FILE            │
//! ```
//! Packets go to the disk as they are captured; the two processes tell each other how far they have come.
//! Where another program captures, or somebody else does, its bytes come through a pipe:
//!
//! ```text
//! pipe ─► drain ─► pump ─┬► spool ─► engine ─► screen or lines
//!                        └► -w FILE
//! ```

mod args;
#[cfg(target_os = "linux")]
mod calls;
mod child;
mod confine;
mod drain;
mod input;
mod keep;
mod lines;
mod notes;
mod pump;
mod rank;

pub use args::{CaptureArgs, KeepArgs, LiveArgs, TryArgs};
pub use child::run as capture_only;
pub use lines::Lines;
pub use notes::Notes;

use super::args::Common;
use super::{Done, print};
use crate::tui::Opening;
use anyhow::{Context as _, Result};
use drain::drain;
use input::{Feed, Input, Stop};
use keep::{Keep, begin_file, folder, may_turn};
use pump::{Pump, Shared, lock};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use wscope::Error;
use wscope::source::{Capture, History, Room, Rotation, SpoolReader};

/// How much more than in the kernel's buffer may wait in memory for the pump, where another program captures.
const QUEUE: u64 = 4;

/// How long the end may take once it was asked for.
const GRACE: Duration = Duration::from_secs(3);

/// A live capture: everything is open, and rights are given up.
pub struct Live {
    pub name: String,
    pub history: History,
    pub stop: Stop,
    input: Input,
    keep: Shared,
    duration: Option<Duration>,
    findings: bool,
    /// What takes packets goes before what looks at them.
    ranked: bool,
    /// What takes packets or hears of them, once it is told to begin.
    taking: Taking,
}

pub fn run(args: &LiveArgs, common: Common, opening: Opening) -> Done {
    let screen = !args.print && io::stdout().is_terminal();
    if screen {
        return crate::tui::run_live(Live::open(args)?, &args.captures(), opening);
    }
    // Whoever asks for the end before all is open is heard once it is.
    let signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).context("cannot watch for signals")?;
    let (mut live, mut reader) = Live::open(args)?;
    live.begin();
    watch_signals(signals, live.stop.clone(), live.history.clone());
    let mut out = Lines::new(io::stdout());
    let (waiting, history, mut idle) = (out.clone(), live.history.clone(), live.idle());
    reader.on_idle(move || {
        idle();
        if !waiting.idle() {
            history.abandon();
        }
    });
    let mut capture = Capture::from_spool(live.name.clone(), reader);
    let run = print::live(&mut capture, args, common, live.notes(), &out);
    let mut errors = live.end();
    match run {
        Ok(found) => drop(errors.splice(0..0, found)),
        // It stands among the others, with its cause.
        Err(error) if is_told(&error) && !errors.is_empty() => {}
        Err(error) => return Err(error),
    }
    // Also what could not be written before.
    out.flush()?;
    Ok(errors)
}

/// The file could not be written, which is said by whoever wrote it.
fn is_told(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<io::Error>();
    cause.is_some_and(|it| it.kind() == io::ErrorKind::WriteZero)
}

impl Live {
    /// Opens everything, then gives up the rights that it took. Nothing was read by then, and no
    /// thread was started: what is given up is given up for all of them.
    pub fn open(args: &LiveArgs) -> Result<(Self, SpoolReader)> {
        let user = confine::user();
        let place = args.spool_dir.clone().unwrap_or_else(place);
        let cannot = || format!("the spool in {} cannot be made", place.display());
        let bytes = args.keep.spool.unwrap_or_else(|| room_in(&place));
        let (room, reader, history) = Room::new(&place, bytes).with_context(cannot)?;
        let (input, feed) = Input::open(args, room, bytes)?;
        let mut needs = confine::Needs {
            read: args.key_logs()?,
            ..confine::Needs::default()
        };
        // The file is written by who takes the packets, or by who finds something in them.
        let far = matches!(feed, Feed::Far(_));
        let file = match &args.keep.write {
            Some(path) if args.findings || !far => {
                let snaplen = u32::try_from(args.device.snaplen).unwrap_or(u32::MAX);
                let device = input.device.as_deref().map(|name| (name, snaplen));
                needs.write.extend(folder(&args.keep));
                Some(begin_file(&args.keep, path, user, device)?)
            }
            _ => None,
        };
        let ranked = rank::first();
        confine::give_up_rights(user)?;
        for log in &needs.read {
            nix::unistd::access(log, nix::unistd::AccessFlags::R_OK).with_context(|| {
                format!(
                    "{}: wscope gives up root, and as user {} may not read this key log",
                    log.display(),
                    nix::unistd::geteuid()
                )
            })?;
        }
        for folder in &needs.write {
            may_turn(folder)?;
        }
        for lack in confine::confine(&needs, confine::Who::Parses)
            .context("cannot confine the process that parses")?
        {
            super::say(&format!(
                "{lack}: the parser is less confined than it could be"
            ));
        }
        args.secrets.load(&needs.read, &["-".into()])?;
        // It has the rank of this thread, which then takes its turn again; and waits to begin.
        let (keep, taking) = start_taking(args, &input, feed, file, &history)?;
        if ranked {
            rank::in_turn();
        }
        let live = Self {
            name: input.name.clone(),
            history,
            stop: input.stop.clone(),
            input,
            keep,
            duration: args.duration,
            findings: args.findings,
            ranked,
            taking,
        };
        Ok((live, reader))
    }

    /// What writes findings into the file, if that was asked for.
    pub fn notes(&self) -> notes::Notes {
        notes::Notes::new(self.findings.then(|| Arc::clone(&self.keep)))
    }

    /// What is to be done whenever everything was read: where the reader writes the file, so far is written, too.
    pub fn idle(&self) -> impl FnMut() + Send + use<> {
        let keep = self.findings.then(|| Arc::clone(&self.keep));
        let history = self.history.clone();
        move || {
            if let Some(keep) = &keep {
                let mut keep = lock(keep);
                keep.commit();
                if !keep.errors.is_empty() {
                    history.abandon();
                }
            }
        }
    }

    /// Starts to read. Where nothing else is possible, the thread that calls this goes last from here on.
    pub fn begin(&mut self) {
        self.input.listen();
        // It waits for nothing else.
        let _ = self.taking.0.send(());
        if !self.ranked {
            rank::later();
        }
        if let Some(duration) = self.duration {
            let (stop, history) = (self.stop.clone(), self.history.clone());
            thread::spawn(move || {
                thread::sleep(duration);
                end_soon(&stop, &history);
            });
        }
    }

    /// Ends it: what was captured by then is written. Answers with what went wrong.
    pub fn end(self) -> Vec<Error> {
        self.stop.stop();
        let since = std::time::Instant::now();
        let patience = if self.input.device.is_some() {
            GRACE
        } else {
            Duration::from_millis(100)
        };
        let (begin, taking) = self.taking;
        drop(begin);
        while !taking.is_finished() && since.elapsed() < patience {
            thread::sleep(Duration::from_millis(5));
        }
        let failed = self.input.end();
        let mut keep = lock(&self.keep);
        keep.end();
        let mut errors = std::mem::take(&mut keep.errors);
        errors.extend(failed);
        errors
    }
}

/// A thread that takes packets, and what tells it to begin.
type Taking = (Sender<()>, JoinHandle<()>);

/// Who takes what is captured, and the thread in which that happens once it is told to begin.
fn start_taking(
    args: &LiveArgs,
    input: &Input,
    feed: Feed,
    file: Option<Rotation>,
    history: &History,
) -> Result<(Shared, Taking)> {
    let (begin, told) = mpsc::channel();
    let stop = input.stop.clone();
    let (reader, room) = match feed {
        Feed::Far(far) => {
            let keep = Keep::new(None, file, args.keep.until());
            let keep = Arc::new(Mutex::new(keep));
            let errors = Arc::clone(&keep);
            let hearing = thread::spawn(move || {
                if told.recv().is_err() {
                    return;
                }
                if let Err(cause) = far.follow() {
                    lock(&errors).errors.push(Error::Live(cause.to_string()));
                }
                stop.stop();
            });
            return Ok((keep, (begin, hearing)));
        }
        Feed::Near(reader, room) => (reader, room),
    };
    let keep = Keep::new(Some(room.near()?), file, args.keep.until());
    let pump = Pump {
        name: input.name.clone(),
        keep: Arc::new(Mutex::new(keep)),
        files: !args.findings,
        said: Arc::clone(&input.said),
        // A device waits for nobody; whoever writes into a pipe or a file has all the time.
        patient: input.device.is_none().then(|| history.clone()),
    };
    let waiting = match input.device {
        Some(_) => args.device.buffer.saturating_mul(QUEUE),
        None => 0,
    };
    let keep = Arc::clone(&pump.keep);
    let pumping = thread::spawn(move || {
        if told.recv().is_ok() {
            pump.run(drain(reader, waiting));
            stop.stop();
        }
    });
    Ok((keep, (begin, pumping)))
}

/// Where large files lie that are gone with their process: on a disk, where the system has a place there.
fn place() -> PathBuf {
    let on_disk = Path::new("/var/tmp");
    let writable = nix::unistd::access(on_disk, nix::unistd::AccessFlags::W_OK).is_ok();
    match std::env::var_os("TMPDIR") {
        None if writable => on_disk.to_owned(),
        _ => std::env::temp_dir(),
    }
}

/// Bytes of a spool where none are named: this, or half of what is free.
const ROOM: u64 = 1 << 30;

#[allow(clippy::unnecessary_cast, clippy::useless_conversion)] // These numbers differ between systems.
fn room_in(folder: &Path) -> u64 {
    let free = nix::sys::statvfs::statvfs(folder)
        .map(|it| u64::from(it.blocks_available()).saturating_mul(u64::from(it.fragment_size())));
    free.map_or(ROOM, |free| ROOM.min(free / 2))
}

/// Asks for the end, and sees to it that it comes.
fn end_soon(stop: &Stop, history: &History) {
    stop.stop();
    if stop.at_once {
        return history.close();
    }
    let history = history.clone();
    thread::spawn(move || {
        thread::sleep(GRACE);
        history.close();
        if io::stderr().is_terminal() {
            say_unread(&history, "wait to be looked at; Ctrl-C again leaves them");
        }
    });
}

/// Says how much of the spool the reader has not come to, if there is any.
fn say_unread(history: &History, words: &str) {
    let bytes = history.unread();
    if bytes > 0 {
        super::say(&format!("{} kB of packets {words}", bytes.div_ceil(1000)));
    }
}

/// The first signal asks for a clean end, the second for any.
fn watch_signals(mut signals: Signals, stop: Stop, history: History) {
    thread::spawn(move || {
        let mut asked = false;
        for _ in signals.forever() {
            if std::mem::replace(&mut asked, true) {
                say_unread(&history, "were not looked at");
                std::process::exit(130);
            }
            end_soon(&stop, &history);
        }
    });
}

/// `wscope try-confined`
pub fn try_confined(args: &TryArgs) -> Done {
    confine::give_up_rights(confine::user())?;
    let who = match args.captures {
        true => confine::Who::Captures,
        false => confine::Who::Parses,
    };
    for lack in confine::confine(&confine::Needs::default(), who)? {
        super::say(lack);
    }
    for line in confine::try_out(&args.files) {
        writeln!(io::stdout(), "{line}")?;
    }
    Ok(Vec::new())
}
