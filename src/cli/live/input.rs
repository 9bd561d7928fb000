//! Where live packets come from: a process that captures, standard input, or a file that grows.

use super::args::LiveArgs;
use super::child;
use crate::cli::interfaces;
use anyhow::{Context as _, Result, anyhow};
use nix::poll::{PollFd, PollFlags, poll};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::os::fd::AsFd as _;
use std::process::{Child, ChildStdin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use wscope::Error;

/// What is read, and how it is ended.
pub struct Input {
    /// As messages and the title call it.
    pub name: String,
    /// The device, where there is one.
    pub device: Option<String>,
    pub reader: Option<Box<dyn Read + Send>>,
    pub stop: Stop,
    child: Option<Child>,
    pub said: Arc<Said>,
    ended: Option<JoinHandle<Option<String>>>,
}

/// Ends the input; can be used from anywhere, more than once.
#[derive(Clone, Default)]
pub struct Stop {
    stdin: Arc<Mutex<Option<ChildStdin>>>,
    asked: Arc<AtomicBool>,
    /// The input cannot be asked: whoever reads it is left behind.
    pub at_once: bool,
}

impl Stop {
    pub fn stop(&self) {
        self.asked.store(true, Ordering::Relaxed);
        let stdin = self.stdin.lock();
        drop(stdin.unwrap_or_else(PoisonError::into_inner).take());
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

/// How long a process that captures may take to begin before one goes on without.
const PATIENCE: u16 = 5000;

impl Input {
    /// Opens it, as far as that needs rights. Nothing is read.
    pub fn open(args: &LiveArgs) -> Result<Self> {
        if let Some(path) = &args.follow {
            let name = path.display().to_string();
            let file = File::open(path).with_context(|| format!("{name}: cannot open"))?;
            let stop = Stop::default();
            let asked = Arc::clone(&stop.asked);
            return Ok(Self::plain(name, Box::new(Growing { file, asked }), stop));
        }
        if args.reads_stdin() {
            let stop = Stop {
                at_once: true,
                ..Stop::default()
            };
            return Ok(Self::plain(
                "standard input".into(),
                Box::new(io::stdin()),
                stop,
            ));
        }
        Self::device(args)
    }

    fn plain(name: String, reader: Box<dyn Read + Send>, stop: Stop) -> Self {
        Self {
            name,
            device: None,
            reader: Some(reader),
            stop,
            child: None,
            said: Arc::default(),
            ended: None,
        }
    }

    fn device(args: &LiveArgs) -> Result<Self> {
        let name = args.device.interface.clone().or_else(interfaces::usual);
        let name = name.ok_or_else(|| {
            anyhow!("no interface is in use: `wscope interfaces` lists them, -i names one")
        })?;
        let mut child = child::start(&args.device, &name)?;
        let out = child
            .stdout
            .take()
            .context("no pipe to the process that captures")?;
        // More room, so that a moment in which nobody reads costs nothing.
        #[cfg(target_os = "linux")]
        let _ = nix::fcntl::fcntl(&out, nix::fcntl::FcntlArg::F_SETPIPE_SZ(1 << 20));
        let began = {
            let mut fds = [PollFd::new(out.as_fd(), PollFlags::POLLIN)];
            let came = poll(&mut fds, PATIENCE)?;
            came == 0
                || fds[0]
                    .revents()
                    .is_some_and(|it| it.contains(PollFlags::POLLIN))
        };
        if !began {
            let said = Said::default();
            said.hear(&mut child);
            let _ = child.wait();
            let expression = args.device.expression();
            return Err(refused(&name, expression, said.last_words()).into());
        }
        let stop = Stop::default();
        *stop.stdin.lock().unwrap_or_else(PoisonError::into_inner) = child.stdin.take();
        let mut input = Self::plain(name.clone(), Box::new(out), stop);
        input.device = Some(name);
        input.child = Some(child);
        Ok(input)
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
        // Whoever reads no more lets it end, too.
        drop(self.reader);
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
