//! `wscope live`: traffic as it happens.
//!
//! ```text
//! a process with rights        │ this process, which has given up its own
//! device ─► pcapng ─► pipe ────┼─► drain ─► pump ─► spool ─► engine ─► screen or lines
//!                              │              └──► -w FILE
//! ```

mod args;
#[cfg(target_os = "linux")]
mod calls;
mod child;
mod confine;
mod drain;
mod input;
mod notes;
mod pump;
mod rank;

pub use args::{DeviceArgs, LiveArgs, TryArgs};
pub use child::run as capture_only;
pub use notes::Notes;

use super::args::Common;
use super::{Done, print};
use crate::tui::Opening;
use anyhow::{Context as _, Result};
use drain::drain;
use input::{Input, Stop};
use nix::unistd::{Gid, Uid};
use pump::{Out, Shared, Until, lock, pump};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::{self, IsTerminal as _, Read, Write as _};
use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wscope::Error;
use wscope::model::Timestamp;
use wscope::source::{Capture, History, Rotation, Spool, SpoolReader};

/// How much more than in the kernel's buffer may wait in memory for the pump.
const QUEUE: u64 = 4;

/// How long the end may take once it was asked for.
const GRACE: Duration = Duration::from_secs(3);

/// A live capture: everything is open, and rights are given up.
pub struct Live {
    pub name: String,
    pub history: History,
    pub stop: Stop,
    input: Input,
    out: Shared,
    duration: Option<Duration>,
    findings: bool,
    /// What takes packets goes before what looks at them.
    ranked: bool,
    /// What it is to read, once it is to begin.
    pump: (Sender<Box<dyn Read + Send>>, JoinHandle<()>),
}

pub fn run(args: &LiveArgs, common: Common, opening: Opening) -> Done {
    let screen = !args.print && io::stdout().is_terminal();
    if screen {
        return crate::tui::run_live(Live::open(args)?, &args.captures(), opening);
    }
    // Whoever asks for the end before all is open is heard once it is.
    let signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).context("cannot watch for signals")?;
    let (mut live, reader) = Live::open(args)?;
    live.begin();
    watch_signals(signals, live.stop.clone(), live.history.clone());
    let mut capture = Capture::from_spool(live.name.clone(), reader);
    let mut out = io::stdout().lock();
    let run = print::live(&mut capture, args, common, live.notes(), &mut out);
    let mut errors = live.end();
    errors.splice(0..0, run?);
    out.flush()?;
    Ok(errors)
}

impl Live {
    /// Opens everything, then gives up the rights that it took. Nothing was read by then, and no
    /// thread was started: what is given up is given up for all of them.
    pub fn open(args: &LiveArgs) -> Result<(Self, SpoolReader)> {
        let user = confine::user();
        let input = Input::open(args)?;
        let folder = args.spool_dir.clone().unwrap_or_else(std::env::temp_dir);
        let (spool, reader, history) = Spool::new(&folder, args.spool)
            .with_context(|| format!("the spool in {} cannot be made", folder.display()))?;
        let mut needs = confine::Needs {
            read: args.key_logs()?,
            ..confine::Needs::default()
        };
        let file = match &args.write {
            Some(path) => Some(open_file(args, path, user, &input, &mut needs)?),
            None => None,
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
            nix::unistd::access(folder, nix::unistd::AccessFlags::W_OK).with_context(|| {
                format!(
                    "{}: wscope gives up root, and as user {} could not begin the next file there",
                    folder.display(),
                    nix::unistd::geteuid()
                )
            })?;
        }
        for lack in confine::confine(&needs).context("cannot confine the process that parses")? {
            super::say(&format!(
                "{lack}: the parser is less confined than it could be"
            ));
        }
        args.secrets.load(&needs.read, &["-".into()])?;
        let out = Out {
            spool: Some(spool),
            file,
            errors: Vec::new(),
        };
        let out = Arc::new(Mutex::new(out));
        let until = Until {
            packets: args.count,
            bytes: args.max_bytes,
        };
        let waiting = args.device.buffer.saturating_mul(QUEUE);
        // It has the rank of this thread, which then takes its turn again; and waits to begin.
        let pump = start_pump(&input, &out, until, (waiting, !args.findings));
        if ranked {
            rank::in_turn();
        }
        let live = Self {
            name: input.name.clone(),
            history,
            stop: input.stop.clone(),
            input,
            out,
            duration: args.duration,
            findings: args.findings,
            ranked,
            pump,
        };
        Ok((live, reader))
    }

    /// What writes findings into the file, if that was asked for.
    pub fn notes(&self) -> notes::Notes {
        notes::Notes::new(self.findings.then(|| Arc::clone(&self.out)))
    }

    /// Starts to read. Where nothing else is possible, the thread that calls this goes last from here on.
    pub fn begin(&mut self) {
        self.input.listen();
        if let Some(reader) = self.input.reader.take() {
            // It waits for nothing else.
            let _ = self.pump.0.send(reader);
        }
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
        let (begin, pump) = self.pump;
        drop(begin);
        while !pump.is_finished() && since.elapsed() < patience {
            thread::sleep(Duration::from_millis(5));
        }
        let failed = self.input.end();
        let mut out = lock(&self.out);
        out.end();
        let mut errors = std::mem::take(&mut out.errors);
        errors.extend(failed);
        errors
    }
}

/// The thread that pumps, once it is told what.
fn start_pump(
    input: &Input,
    out: &Shared,
    until: Until,
    (waiting, files): (u64, bool),
) -> (Sender<Box<dyn Read + Send>>, JoinHandle<()>) {
    let (begin, told) = mpsc::channel();
    let (name, said) = (input.name.clone(), Arc::clone(&input.said));
    let (out, stop) = (Arc::clone(out), input.stop.clone());
    let pump = thread::spawn(move || {
        if let Ok(reader) = told.recv() {
            pump(&name, drain(reader, waiting), &out, until, (files, &said));
            stop.stop();
        }
    });
    (begin, pump)
}

fn open_file(
    args: &LiveArgs,
    path: &Path,
    user: Option<(Uid, Gid)>,
    input: &Input,
    needs: &mut confine::Needs,
) -> Result<Rotation> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now = Timestamp(i64::try_from(now.as_nanos()).unwrap_or(0));
    let mut file = Rotation::create(path, args.turn(), now)?;
    if let Some(device) = &input.device {
        let snaplen = u32::try_from(args.device.snaplen).unwrap_or(u32::MAX);
        file.describe(device, snaplen);
    }
    if let Some((uid, gid)) = user {
        // So that whoever called sudo can read what was written for them. Not every file system can.
        let _ = nix::unistd::fchown(file.file(), Some(uid), Some(gid));
    }
    if args.turn().turns() {
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
        needs
            .write
            .push(folder.unwrap_or(Path::new(".")).to_owned());
    }
    Ok(file)
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
    for lack in confine::confine(&confine::Needs::default())? {
        super::say(lack);
    }
    for line in confine::try_out(&args.files) {
        writeln!(io::stdout(), "{line}")?;
    }
    Ok(Vec::new())
}
