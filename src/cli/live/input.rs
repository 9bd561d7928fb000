//! Where live packets come from: a process that captures, standard input, or a file that grows.

use super::args::{KeepArgs, LiveArgs};
use super::child::{self, Sniffer};
use crate::cli::interfaces;
use anyhow::{Context as _, Result, anyhow};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::process::Child;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use wscope::Error;
use wscope::source::{Far, Room};

/// What is read, and how it is ended.
pub struct Input {
    /// As messages and the title call it.
    pub name: String,
    /// The device, where there is one.
    pub device: Option<String>,
    pub stop: Stop,
    child: Option<Child>,
    pub said: Arc<Said>,
    ended: Option<JoinHandle<Option<String>>>,
}

type Ask = Box<dyn FnOnce() + Send>;

/// How the packets come.
pub enum Feed {
    /// As bytes of a capture; they are to be put into the spool.
    Near(Box<dyn Read + Send>, Room),
    /// What captures puts them there itself.
    Far(Far),
}

/// Ends the input; can be used from anywhere, more than once.
#[derive(Clone, Default)]
pub struct Stop {
    /// Asks what captures for its end.
    ask: Arc<Mutex<Option<Ask>>>,
    asked: Arc<AtomicBool>,
    /// The input cannot be asked: whoever reads it is left behind.
    pub at_once: bool,
}

impl Stop {
    pub fn stop(&self) {
        self.asked.store(true, Ordering::Relaxed);
        let ask = self
            .ask
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(ask) = ask {
            ask();
        }
    }
}

/// What the process that captures said on its standard error.
#[derive(Default)]
pub struct Said {
    lines: Mutex<Vec<String>>,
    /// tcpdump tells it there, and nowhere else.
    dropped: AtomicU64,
    /// It says no more, or nothing was to be heard at all.
    over: Mutex<bool>,
    changed: Condvar,
}

/// Lines of it that are kept.
const LINES: usize = 20;

impl Input {
    /// Opens it, as far as that needs rights. Nothing is read.
    pub fn open(args: &LiveArgs, room: Room, bytes: u64) -> Result<(Self, Feed)> {
        if let Some(path) = &args.follow {
            let name = path.display().to_string();
            let file = File::open(path).with_context(|| format!("{name}: cannot open"))?;
            let stop = Stop::default();
            let asked = Arc::clone(&stop.asked);
            let feed = Feed::Near(Box::new(Growing { file, asked }), room);
            return Ok((Self::plain(name, stop), feed));
        }
        if args.reads_stdin() {
            let stop = Stop {
                at_once: true,
                ..Stop::default()
            };
            let feed = Feed::Near(Box::new(io::stdin()), room);
            return Ok((Self::plain("standard input".into(), stop), feed));
        }
        Self::device(args, room, bytes)
    }

    fn plain(name: String, stop: Stop) -> Self {
        Self {
            name,
            device: None,
            stop,
            child: None,
            said: Arc::default(),
            ended: None,
        }
    }

    fn device(args: &LiveArgs, room: Room, bytes: u64) -> Result<(Self, Feed)> {
        let name = args.device.interface.clone().or_else(interfaces::usual);
        let name = name.ok_or_else(|| {
            anyhow!("no interface is in use: `wscope interfaces` lists them, -i names one")
        })?;
        let mut keep = KeepArgs {
            spool: Some(bytes),
            ..args.keep.clone()
        };
        if args.findings {
            // Who parses knows them, and writes the file.
            (keep.write, keep.rotate_size) = (None, None);
            (keep.rotate_time, keep.rotate_files) = (None, None);
        }
        let (mut child, feed) = child::start(&args.device, &keep, &name, room)?;
        let Some(feed) = feed else {
            let said = Said::default();
            said.hear(&mut child);
            let _ = child.wait();
            let expression = args.device.expression();
            return Err(refused(&name, expression, said.last_words()).into());
        };
        let stop = Stop::default();
        let ask: Ask = match &feed {
            Feed::Far(far) => Box::new(far.end()?),
            Feed::Near(..) => {
                let stdin = child.stdin.take();
                Box::new(|| drop(stdin))
            }
        };
        *stop.ask.lock().unwrap_or_else(PoisonError::into_inner) = Some(ask);
        let mut input = Self::plain(name.clone(), stop);
        input.device = Some(name);
        input.child = Some(child);
        Ok((input, feed))
    }

    /// Listens to the process that captures: a thread, so only once rights were given up.
    pub fn listen(&mut self) {
        if let Some(mut child) = self.child.take() {
            let said = Arc::clone(&self.said);
            self.ended = Some(thread::spawn(move || {
                said.hear(&mut child);
                let failed = !child.wait().is_ok_and(|status| status.success());
                failed.then(|| said.last_words())
            }));
        } else {
            self.said.end();
        }
    }

    /// After its end: what went wrong.
    pub fn end(self) -> Option<Error> {
        self.stop.stop();
        let failed = self.ended.and_then(|ended| ended.join().ok().flatten());
        failed.map(Error::Live)
    }
}

/// Why it did not begin; where that is a lack of rights, with both cures.
fn refused(name: &str, expression: Option<String>, words: String) -> Error {
    if let Some(expression) = expression
        && words.contains("filter")
        && !words.starts_with("capture filter")
    {
        let cause = words;
        return Error::Filter { expression, cause };
    }
    let denied = ["permission", "not permitted", "denied"];
    match child::sniffer() {
        // It knows itself what it lacks.
        Some(Sniffer::Own) => Error::Live(words),
        Some(sniffer)
            if !words.contains("setcap") && denied.iter().any(|it| words.contains(it)) =>
        {
            Error::Rights {
                name: name.to_owned(),
                cause: words.trim_end_matches('.').to_owned(),
                program: sniffer.program().display().to_string(),
            }
        }
        _ => Error::Live(words),
    }
}

impl Said {
    /// Listens to the end.
    fn hear(&self, child: &mut Child) {
        let stderr = child.stderr.take();
        let lines = stderr.map(|it| BufReader::new(it).lines());
        for line in lines.into_iter().flatten().map_while(Result::ok) {
            if let Some(count) = dropped(&line) {
                // It counts from its beginning.
                self.dropped.fetch_max(count, Ordering::Relaxed);
                continue;
            }
            let mut lines = self.lines();
            if lines.len() < LINES {
                lines.push(line);
            }
        }
        self.end();
    }

    fn end(&self) {
        *self.over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Packets that were dropped until now, as far as that was said here.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits for the last word, but no longer than this.
    pub fn wait(&self, most: Duration) {
        let over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        // Whether it was in time makes no difference.
        drop(self.changed.wait_timeout_while(over, most, |over| !*over));
    }

    /// The line that says why: our own, else the last that is none of the usual ones.
    fn last_words(&self) -> String {
        let own = |line: &&String| line.starts_with("wscope: ");
        let chat = |line: &&String| {
            let chats = [
                "listening on",
                "Capturing on",
                "File: ",
                "packets captured",
                "packets received",
                "packets dropped",
            ];
            !line.trim().is_empty() && !chats.iter().any(|chat| line.contains(chat))
        };
        let lines = self.lines();
        let foreign = || lines.iter().filter(chat).find(|line| !own(line));
        let line = match lines.iter().find(own) {
            // Which program it was, and what that program said.
            Some(line) if line.contains(" ended: ") => foreign().or(Some(line)),
            Some(line) => Some(line),
            None => foreign(),
        };
        match line {
            Some(line) => line.trim_start_matches("wscope: ").to_owned(),
            None => "the process that captures ended without a word".into(),
        }
    }
}

/// `7 packets dropped by kernel`, as tcpdump says at its end in a line of its own, and when it is asked
/// in one line with other counts.
fn dropped(line: &str) -> Option<u64> {
    let (before, _) = line.split_once(" dropped by kernel")?;
    let before = before.trim_end_matches('s').trim_end_matches(" packet");
    let digits = before.rsplit(|c: char| !c.is_ascii_digit()).next();
    digits?.parse().ok()
}

/// A file that is read as it grows.
struct Growing {
    file: File,
    asked: Arc<AtomicBool>,
}

/// Between two looks at whether it has grown.
const LOOK: Duration = Duration::from_millis(20);

impl Read for Growing {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.file.read(into)?;
            if read > 0 || self.asked.load(Ordering::Relaxed) {
                return Ok(read);
            }
            thread::sleep(LOOK);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::dropped;

    #[test]
    fn tcpdump_is_understood_whenever_it_counts() {
        assert_eq!(dropped("7 packets dropped by kernel"), Some(7));
        assert_eq!(dropped("1 packet dropped by kernel"), Some(1));
        let asked = "tcpdump: 25 packets captured, 30 packets received by filter, 5 packets dropped by kernel";
        assert_eq!(dropped(asked), Some(5));
        assert_eq!(dropped("30 packets received by filter"), None);
        assert_eq!(dropped("packets dropped by kernel"), None);
    }
}
