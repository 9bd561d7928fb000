//! A thread that does nothing but take what comes, so that whoever captures never waits for whoever
//! handles the packets; between the two, memory up to a limit.
//!
//! ```text
//! pipe ─► drain ─► queue of chunks, at most so many bytes ─► pump
//! ```
//! Where the queue is full the drain waits, then the pipe fills, then the kernel's buffer; what that
//! cannot hold, the kernel drops and counts.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Bytes that are read at once, and into which the queue is divided.
const CHUNK: usize = 256 << 10;

/// The end that is read.
pub struct Drained {
    queue: Arc<Queue>,
    /// The chunk at hand, and how much of it was read.
    chunk: Vec<u8>,
    at: usize,
}

struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    /// Chunks that there may be.
    most: usize,
}

#[derive(Default)]
struct State {
    full: VecDeque<Vec<u8>>,
    /// Chunks that can be used again.
    free: Vec<Vec<u8>>,
    /// Why no more come; none inside means that the input has ended.
    over: Option<Option<io::Error>>,
    /// Nobody reads any more.
    left: bool,
}

/// Reads this from now on in a thread of its own; at most so many bytes wait, and some chunks at least.
pub fn drain(input: Box<dyn Read + Send>, bytes: u64) -> Drained {
    let most = usize::try_from(bytes).unwrap_or(usize::MAX) / CHUNK;
    let queue = Arc::new(Queue {
        state: Mutex::default(),
        changed: Condvar::new(),
        most: most.max(4),
    });
    let filling = Arc::clone(&queue);
    thread::spawn(move || filling.fill(input));
    Drained {
        queue,
        chunk: Vec::new(),
        at: 0,
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fill(&self, mut input: Box<dyn Read + Send>) {
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = match input.read(&mut chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Ok(0) => Err(None),
                Ok(read) => Ok(read),
                Err(error) => Err(Some(error)),
            };
            let mut state = self.lock();
            let read = match read {
                Ok(read) if !state.left => read,
                Ok(_) => return,
                Err(why) => {
                    state.over = Some(why);
                    drop(state);
                    return self.changed.notify_all();
                }
            };
            match state.full.back_mut() {
                // Small pieces share a chunk: what waits takes little more room than it has bytes.
                Some(last) if last.len() + read <= CHUNK => {
                    last.extend_from_slice(&chunk[..read]);
                }
                _ => {
                    while state.full.len() >= self.most && !state.left {
                        state = self
                            .changed
                            .wait(state)
                            .unwrap_or_else(PoisonError::into_inner);
                    }
                    let next = state.free.pop();
                    chunk.truncate(read);
                    state.full.push_back(chunk);
                    drop(state);
                    self.changed.notify_all();
                    chunk = next.unwrap_or_default();
                    chunk.resize(CHUNK, 0);
                }
            }
        }
    }
}

impl Drained {
    /// Nothing waits: the next read would stand still until more comes, or the end.
    pub fn is_empty(&self) -> bool {
        self.at == self.chunk.len() && self.queue.lock().full.is_empty()
    }
}

impl Read for Drained {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.chunk.len() {
            let mut state = self.queue.lock();
            loop {
                if let Some(chunk) = state.full.pop_front() {
                    let used = std::mem::replace(&mut self.chunk, chunk);
                    if used.capacity() > 0 && state.free.len() < 2 {
                        state.free.push(used);
                    }
                    self.at = 0;
                    break;
                }
                if let Some(why) = &mut state.over {
                    return why.take().map_or(Ok(0), Err);
                }
                state = self
                    .queue
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            drop(state);
            self.queue.changed.notify_all();
        }
        let read = (self.chunk.len() - self.at).min(into.len());
        into[..read].copy_from_slice(&self.chunk[self.at..self.at + read]);
        self.at += read;
        Ok(read)
    }
}

impl Drop for Drained {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.left = true;
        state.full.clear();
        drop(state);
        self.queue.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    /// Counts up, in pieces of whatever size, and says how far it was read.
    struct Counting {
        at: usize,
        end: usize,
        read: Arc<AtomicUsize>,
        piece: usize,
    }

    impl Read for Counting {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let most = self.piece.min(into.len()).min(self.end - self.at);
            for byte in &mut into[..most] {
                *byte = (self.at % 251) as u8;
                self.at += 1;
            }
            self.piece = self.piece * 7 % 99_991;
            self.read.store(self.at, Ordering::SeqCst);
            Ok(most)
        }
    }

    fn counting(end: usize, piece: usize) -> (Box<Counting>, Arc<AtomicUsize>) {
        let read = Arc::new(AtomicUsize::new(0));
        let from = Counting {
            at: 0,
            end,
            read: Arc::clone(&read),
            piece,
        };
        (Box::new(from), read)
    }

    #[test]
    fn every_byte_comes_once_and_in_order() {
        let (from, _) = counting(5_000_000, 3);
        let mut all = Vec::new();
        drain(from, 1 << 20).read_to_end(&mut all).unwrap();
        assert!(all.len() == 5_000_000);
        assert!(
            all.iter()
                .enumerate()
                .all(|(at, &byte)| byte == (at % 251) as u8)
        );
    }

    #[test]
    fn what_waits_has_a_limit_and_whoever_leaves_ends_it() {
        let (from, read) = counting(1 << 30, CHUNK);
        let drained = drain(from, 2 << 20);
        let mut before = 0;
        // Until it reads no further.
        loop {
            std::thread::sleep(Duration::from_millis(200));
            let now = read.load(Ordering::SeqCst);
            // Chunks need not be full to the brim.
            if now == before && now >= 1 << 20 {
                break;
            }
            before = now;
        }
        assert!(before <= (2 << 20) + 2 * CHUNK, "{before} bytes wait");
        drop(drained);
        // The thread ends, and lets its input go.
        while Arc::strong_count(&read) > 1 {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_failure_comes_behind_what_was_read_before_it() {
        struct Fails(bool);
        impl Read for Fails {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, true) {
                    return Err(io::Error::other("gone"));
                }
                into[..3].copy_from_slice(b"abc");
                Ok(3)
            }
        }
        let mut drained = drain(Box::new(Fails(false)), 0);
        let mut into = [0; 9];
        assert_eq!(drained.read(&mut into).unwrap(), 3);
        assert_eq!(drained.read(&mut into).unwrap_err().to_string(), "gone");
        assert_eq!(drained.read(&mut into).unwrap(), 0);
    }
}
