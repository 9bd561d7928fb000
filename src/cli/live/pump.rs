//! From whoever captures into the spool and the file, as fast as it comes: what reads and judges the
//! packets may be slower, or stand still.

use super::drain::Drained;
use super::input::Said;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use wscope::Error;
use wscope::source::{Capture, Rotation, Spool};

/// When to stop.
#[derive(Clone, Copy, Default)]
pub struct Until {
    pub packets: Option<u64>,
    pub bytes: Option<u64>,
}

/// Where packets go.
pub struct Out {
    /// None once the reader is to come to its end.
    pub spool: Option<Spool>,
    pub file: Option<Rotation>,
    pub errors: Vec<Error>,
}

pub type Shared = Arc<Mutex<Out>>;

pub fn lock(out: &Shared) -> MutexGuard<'_, Out> {
    out.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads to the end, or as far as was asked for. With `files`, packets are also written to the file
/// here. What was dropped stands in the capture, or is said beside it.
pub fn pump(
    name: &str,
    input: Drained,
    out: &Shared,
    until: Until,
    (files, said): (bool, &Arc<Said>),
) {
    let before = Arc::clone(out);
    let mut capture = Capture::from_reader(name, Hooked { input, before });
    let inside = capture.drops();
    let dropped = || inside.get() + said.dropped();
    let (mut packets, mut bytes, mut told) = (0, 0, 0);
    loop {
        let packet = match capture.next() {
            Ok(Some(packet)) => packet,
            Ok(None) => {
                // Some tell only at their end how much they dropped.
                said.wait(LAST_WORDS);
                break;
            }
            Err(error) => {
                lock(out).errors.push(error);
                break;
            }
        };
        packets += 1;
        bytes += packet.data.len() as u64;
        let mut out = lock(out);
        let Out { spool, file, .. } = &mut *out;
        let new = dropped().saturating_sub(told);
        told += new;
        let mut done = Ok(());
        if let Some(file) = file {
            file.dropped(new);
            if files {
                done = file.packet(&packet, None);
            }
        }
        let spooled = spool.as_mut().map(|spool| {
            spool.dropped(new);
            spool.packet(&packet)
        });
        match spooled {
            Some(Ok(_)) => {}
            Some(Err(cause)) => out.give_up_spool(&cause),
            // Nobody reads any more.
            None => break,
        }
        out.errors.extend(done.err());
        let enough = until.packets.is_some_and(|most| packets >= most)
            || until.bytes.is_some_and(|most| bytes >= most);
        if enough || !out.errors.is_empty() {
            break;
        }
    }
    let mut out = lock(out);
    let new = dropped().saturating_sub(told);
    if let Some(spool) = &mut out.spool {
        spool.dropped(new);
    }
    if let Some(file) = &mut out.file {
        file.dropped(new);
    }
    out.end();
}

/// How long the last words of what captures may take, once its packets have come to their end.
const LAST_WORDS: Duration = Duration::from_secs(1);

impl Out {
    /// Hands on what was gathered.
    fn commit(&mut self) {
        if let Some(Err(cause)) = self.spool.as_mut().map(Spool::commit) {
            self.give_up_spool(&cause);
        }
        let filed = self.file.as_mut().map_or(Ok(()), Rotation::flush);
        self.errors.extend(filed.err());
    }

    /// Says once why, and lets the reader come to its end.
    fn give_up_spool(&mut self, cause: &io::Error) {
        self.spool = None;
        self.errors.push(full(cause));
    }

    /// Nothing more comes.
    pub fn end(&mut self) {
        self.commit();
        self.spool = None;
    }
}

fn full(cause: &io::Error) -> Error {
    Error::Live(format!(
        "the spool cannot be written: {cause}; give it less room with --spool, or another place with --spool-dir"
    ))
}

/// Hands on what was gathered before it waits for more.
struct Hooked {
    input: Drained,
    before: Shared,
}

impl Read for Hooked {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut out = lock(&self.before);
        if self.input.is_empty() {
            out.commit();
        }
        if !out.errors.is_empty() {
            return Ok(0);
        }
        drop(out);
        self.input.read(into)
    }
}
