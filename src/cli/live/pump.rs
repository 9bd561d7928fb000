//! From whoever else captures into the spool and the file: what reads and judges the packets may be
//! slower, or stand still.

use super::drain::Drained;
use super::input::Said;
use super::keep::Keep;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use wscope::source::{Capture, History};

pub type Shared = Arc<Mutex<Keep>>;

pub fn lock(keep: &Shared) -> MutexGuard<'_, Keep> {
    keep.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is pumped, and how.
pub struct Pump {
    pub name: String,
    pub keep: Shared,
    /// Packets are also written to the file here.
    pub files: bool,
    /// What was dropped, as far as it is said beside the packets.
    pub said: Arc<Said>,
    /// The ring, where what captures can wait until it has room.
    pub patient: Option<History>,
}

impl Pump {
    /// Reads to the end, or as far as was asked for.
    pub fn run(self, input: Drained) {
        let before = Arc::clone(&self.keep);
        let mut capture = Capture::from_reader(&*self.name, Hooked { input, before });
        let inside = capture.drops();
        let dropped = || inside.get() + self.said.dropped();
        let mut told = 0;
        loop {
            let packet = match capture.next() {
                Ok(Some(packet)) => packet,
                Ok(None) => {
                    // Some tell only at their end how much they dropped.
                    self.said.wait(LAST_WORDS);
                    break;
                }
                Err(error) => {
                    lock(&self.keep).errors.push(error);
                    break;
                }
            };
            if let Some(ring) = &self.patient
                && ring.is_full()
            {
                lock(&self.keep).commit();
                if !ring.wait_for_room() {
                    break;
                }
            }
            let mut keep = lock(&self.keep);
            let new = dropped().saturating_sub(told);
            told += new;
            keep.dropped(new, self.files);
            if !keep.packet(&packet, self.files) {
                break;
            }
        }
        let mut keep = lock(&self.keep);
        keep.dropped(dropped().saturating_sub(told), self.files);
        keep.end();
    }
}

/// How long the last words of what captures may take, once its packets have come to their end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Hands on what was gathered before it waits for more.
struct Hooked {
    input: Drained,
    before: Shared,
}

impl Read for Hooked {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut keep = lock(&self.before);
        if self.input.is_empty() {
            keep.commit();
        }
        if !keep.errors.is_empty() {
            return Ok(0);
        }
        drop(keep);
        self.input.read(into)
    }
}
